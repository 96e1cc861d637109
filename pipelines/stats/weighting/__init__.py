"""Weighting: weights that make arms alike, and what they can and cannot say."""

from .trimming import Trimmed, trim
from .weights import Weights, propensity_weights

__all__ = ["Trimmed", "Weights", "propensity_weights", "trim"]
