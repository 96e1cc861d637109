"""Weighting: weights that make arms alike, and what they can and cannot say."""

from .arms import ArmsWeights, arms_weights
from .arms_cox import WeightedArmsCox, weighted_cox_of_arms
from .entropy_balancing import entropy_balancing
from .trimming import Trimmed, trim
from .weighted_cox import WeightedCox, weighted_cox
from .weights import Weights, propensity_weights

__all__ = [
    "ArmsWeights",
    "Trimmed",
    "WeightedArmsCox",
    "WeightedCox",
    "Weights",
    "arms_weights",
    "entropy_balancing",
    "propensity_weights",
    "trim",
    "weighted_cox",
    "weighted_cox_of_arms",
]
