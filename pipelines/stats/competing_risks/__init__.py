"""Competing risks: cumulative incidence, Gray's test, Fine and Gray's regression."""

from .aalen_johansen import AalenJohansen, CumulativeIncidence, aalen_johansen
from .fine_gray import FineGrayFit, PredictedIncidence, fit_fine_gray
from .gray import GrayTest, gray_test

__all__ = [
    "AalenJohansen",
    "CumulativeIncidence",
    "FineGrayFit",
    "GrayTest",
    "PredictedIncidence",
    "aalen_johansen",
    "fit_fine_gray",
    "gray_test",
]
