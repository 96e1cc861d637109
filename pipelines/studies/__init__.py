"""A study definition becomes estimates, their diagnostics, and a verdict on each published number."""

from pipelines.studies.catalog import (
    StudyListing,
    is_evidence,
    list_studies,
    load_evidence,
    load_published,
    load_study,
    require_study,
    show_definition,
    show_study,
)
from pipelines.studies.draft import init_study
from pipelines.studies.evidence import run_evidence
from pipelines.studies.facts import StudyFacts
from pipelines.studies.language import StudyDefinition
from pipelines.studies.lines import comparison_lines, diagnostic_lines, gate_lines, study_lines
from pipelines.studies.run import run_study
from pipelines.studies.signing import sign, switch_off

__all__ = [
    "StudyDefinition",
    "StudyFacts",
    "StudyListing",
    "comparison_lines",
    "diagnostic_lines",
    "gate_lines",
    "init_study",
    "is_evidence",
    "list_studies",
    "load_evidence",
    "load_published",
    "load_study",
    "require_study",
    "run_evidence",
    "run_study",
    "show_definition",
    "show_study",
    "sign",
    "study_lines",
    "switch_off",
]
