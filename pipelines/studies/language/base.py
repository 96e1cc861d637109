"""What every part of the study language shares."""

from pipelines.cohorts.definition import Identifier, Sql, Strict

MISSING_WORDS = ("unknown", "not_applicable", "not_collected", "not_released", "withheld")
"""Why a value is missing, in the registry's words; models pool them, tables keep them apart."""

ALL = "all"
BASELINE_ONLY = "baseline_only"
RESERVED_LABELS = (ALL, BASELINE_ONLY)
"""Labels of the main analyses and of their re-analysis; no subgroup, outcome or sensitivity may take one."""

__all__ = ["ALL", "BASELINE_ONLY", "MISSING_WORDS", "RESERVED_LABELS", "Identifier", "Sql", "Strict"]
