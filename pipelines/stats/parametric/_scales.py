"""Scales on which covariates act: log cumulative hazard, log odds of death, probit of death.

Each takes a linear predictor to log survival and to the logarithm of minus its derivative, with the first
and second derivatives of both.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, log_ndtr

from .._inputs import FloatArray

SCALES = ("hazard", "odds", "normal")


@dataclass(frozen=True)
class OnScale:
    """At each linear predictor: log survival, log of minus its derivative; 1 and 2 mark derivatives."""

    log_survival: FloatArray
    log_survival1: FloatArray
    log_survival2: FloatArray
    log_rate: FloatArray
    log_rate1: FloatArray
    log_rate2: FloatArray


def on_scale(predictor: FloatArray, scale: str) -> OnScale:
    """Evaluate the scale at a linear predictor of any shape."""
    if scale == "hazard":
        hazard = np.exp(predictor)
        one = np.ones_like(predictor)
        return OnScale(-hazard, -hazard, -hazard, predictor, one, np.zeros_like(predictor))
    if scale == "odds":
        p, spread = expit(predictor), expit(predictor) * expit(-predictor)
        return OnScale(log_expit(-predictor), -p, -spread, log_expit(predictor), 1 - p, -spread)
    survival = log_ndtr(-predictor)
    log_mills = -0.5 * predictor**2 - 0.5 * np.log(2 * np.pi) - survival
    mills = np.exp(log_mills)
    bend = mills * (mills - predictor)
    return OnScale(survival, -mills, -bend, log_mills, mills - predictor, bend - 1)
