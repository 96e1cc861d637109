"""Synthetic registry extracts with a known truth: the demo's input and the main statistical test."""

from .extract import FORMATS, SyntheticFiles, write_extract
from .settings import WorldSettings

__all__ = ["FORMATS", "SyntheticFiles", "WorldSettings", "write_extract"]
