"""Synthetic registry extracts with a known truth: the demo's input and the main statistical test."""

from .extract import FORMATS, SyntheticFiles, write_extract
from .settings import WorldSettings
from .truth import TruthEffect, matched_set_truth, presentation_truth

__all__ = [
    "FORMATS",
    "SyntheticFiles",
    "TruthEffect",
    "WorldSettings",
    "matched_set_truth",
    "presentation_truth",
    "write_extract",
]
