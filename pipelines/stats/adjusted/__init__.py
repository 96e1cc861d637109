"""Marginal comparisons of two arms: adjusted curves, absolute differences, doubly robust estimates."""

from .curves import AdjustedCurves, standardised_curves, weighted_curves
from .risk_difference import (
    IncidenceContrast,
    NumberNeeded,
    SurvivalContrast,
    incidence_contrast,
    number_needed,
    survival_contrast,
)

__all__ = [
    "AdjustedCurves",
    "IncidenceContrast",
    "NumberNeeded",
    "SurvivalContrast",
    "incidence_contrast",
    "number_needed",
    "standardised_curves",
    "survival_contrast",
    "weighted_curves",
]
