"""Marginal comparisons of two arms: adjusted curves, absolute differences, doubly robust estimates."""

from .curves import AdjustedCurves, standardised_curves, weighted_curves
from .doubly_robust import DoublyRobust, doubly_robust_risk, doubly_robust_survival
from .numbers_needed import NumberNeeded, number_needed
from .risk_difference import (
    IncidenceContrast,
    SurvivalContrast,
    incidence_contrast,
    incidence_difference,
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
