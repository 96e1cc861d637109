"""Sensitivity: what would have to be true for an estimate to be wrong, and how much it owes to choices."""

from .._multiple_testing import holm
from .benchmarks import Benchmarks, covariate_benchmarks
from .e_value import EValue, e_value, e_value_of, e_value_risk_difference
from .negative_control import NegativeControl, detectable_ratio, negative_control_outcome
from .priors import Prior
from .probabilistic import ProbabilisticAnalysis, probabilistic_analysis
from .rosenbaum import RosenbaumBounds, rosenbaum_binary, rosenbaum_signed_rank, rosenbaum_survival
from .specification_curve import Specification, SpecificationCurve, specification_curve
from .subgroups import SubgroupEffects, subgroup_effects
from .unmeasured import (
    array_analysis,
    bounding_factor,
    confounding_factor,
    corrected_hazard_ratio,
    normal_confounding_factor,
    ratio_that_explains,
)

__all__ = [
    "Benchmarks",
    "EValue",
    "NegativeControl",
    "Prior",
    "ProbabilisticAnalysis",
    "RosenbaumBounds",
    "Specification",
    "SpecificationCurve",
    "SubgroupEffects",
    "array_analysis",
    "bounding_factor",
    "confounding_factor",
    "corrected_hazard_ratio",
    "covariate_benchmarks",
    "detectable_ratio",
    "e_value",
    "e_value_of",
    "e_value_risk_difference",
    "holm",
    "negative_control_outcome",
    "normal_confounding_factor",
    "probabilistic_analysis",
    "ratio_that_explains",
    "rosenbaum_binary",
    "rosenbaum_signed_rank",
    "rosenbaum_survival",
    "specification_curve",
    "subgroup_effects",
]
