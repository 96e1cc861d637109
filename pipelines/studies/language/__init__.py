"""The study language: what a study.yaml may say, each part in a module of its own."""

from pipelines.studies.language.analyses import ANALYSES, AnalysisFacts
from pipelines.studies.language.base import ALL, BASELINE_ONLY, MISSING_WORDS
from pipelines.studies.language.covariates import Covariate, ExtraModel, Models
from pipelines.studies.language.descriptions import FlexibleModel, GroupSurvival, Horizons, Imputation
from pipelines.studies.language.designs import (
    Design,
    Fallback,
    GateLimits,
    Matching,
    Plasmode,
    Strata,
    Timing,
    Weighting,
)
from pipelines.studies.language.emulation import Criterion, Emulation
from pipelines.studies.language.evidence import EvidenceDefinition, EvidencePool, Reading, SiteEstimate
from pipelines.studies.language.outcomes import BinaryOutcome, OtherOutcome, Outcome
from pipelines.studies.language.study import StudyDefinition
from pipelines.studies.language.variants import OtherRule, Subgroup

__all__ = [
    "ALL",
    "ANALYSES",
    "BASELINE_ONLY",
    "MISSING_WORDS",
    "AnalysisFacts",
    "BinaryOutcome",
    "Covariate",
    "Criterion",
    "Design",
    "Emulation",
    "EvidenceDefinition",
    "EvidencePool",
    "ExtraModel",
    "Fallback",
    "FlexibleModel",
    "GateLimits",
    "GroupSurvival",
    "Horizons",
    "Imputation",
    "Matching",
    "Models",
    "OtherOutcome",
    "OtherRule",
    "Outcome",
    "Plasmode",
    "Reading",
    "SiteEstimate",
    "Strata",
    "StudyDefinition",
    "Subgroup",
    "Timing",
    "Weighting",
]
