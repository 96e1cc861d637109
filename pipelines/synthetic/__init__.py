"""Synthetic registry extracts with a known truth: the demo's input and the main statistical test."""

from .extract import FORMATS, SyntheticFiles, canonical_table, write_extract
from .settings import WorldSettings
from .truth import TruthEffect, matched_set_truth, presentation_truth

__all__ = [
    "FORMATS",
    "SyntheticFiles",
    "TruthEffect",
    "WorldSettings",
    "canonical_table",
    "matched_set_truth",
    "presentation_truth",
    "write_extract",
]
