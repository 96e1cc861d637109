"""Marginal comparisons of two arms: adjusted curves, absolute differences, doubly robust estimates."""

from .curves import AdjustedCurves, standardised_curves, weighted_curves
from .doubly_robust import DoublyRobust, doubly_robust_risk, doubly_robust_survival
from .risk_difference import (
    IncidenceContrast,
    NumberNeeded,
    SurvivalContrast,
    incidence_contrast,
    incidence_difference,
    number_needed,
    survival_contrast,
)

__all__ = [
    "AdjustedCurves",
    "DoublyRobust",
    "IncidenceContrast",
    "NumberNeeded",
    "SurvivalContrast",
    "doubly_robust_risk",
    "doubly_robust_survival",
    "incidence_contrast",
    "incidence_difference",
    "number_needed",
    "standardised_curves",
    "survival_contrast",
    "weighted_curves",
]
