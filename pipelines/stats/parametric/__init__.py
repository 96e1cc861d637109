"""Parametric survival models: flexible (Royston and Parmar) and piecewise exponential."""

from .piecewise_exponential import PiecewiseExponentialFit, fit_piecewise_exponential, rates
from .royston_parmar import Prediction, RoystonParmarFit, fit_royston_parmar

__all__ = [
    "PiecewiseExponentialFit",
    "Prediction",
    "RoystonParmarFit",
    "fit_piecewise_exponential",
    "fit_royston_parmar",
    "rates",
]
