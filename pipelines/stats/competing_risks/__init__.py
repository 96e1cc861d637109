"""Competing risks: cumulative incidence, Gray's test, Fine and Gray's regression."""

from .aalen_johansen import AalenJohansen, CumulativeIncidence, aalen_johansen
from .gray import GrayTest, gray_test

__all__ = ["AalenJohansen", "CumulativeIncidence", "GrayTest", "aalen_johansen", "gray_test"]
