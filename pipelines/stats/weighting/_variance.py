"""Variance of a weighted Cox estimate that knows the weights were estimated."""

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray, matrix
from ..cox import CoxFit
from ..cox.diagnostics import score_residuals
from ..propensity import LogisticFit
from .weights import Weights, raw_weights, stabiliser, weight_slopes


def influences(
    fit: CoxFit, weights: Weights, model: LogisticFit, covariates: FloatArray, arm: BoolArray
) -> FloatArray:
    """How much each person moves the log hazard ratio, through the hazard and through the weights (n,).

    The estimate solves sum(w r) = 0, r being the score residuals, which are the score's derivatives in the
    weights. So the score moves with the propensity coefficients a by A = sum(r dw/da), and these move with
    person i by V s, the inverse information times the person's logistic score. The limits of truncation
    count as known; so does the set that trimming kept.
    """
    residual = score_residuals(fit)[:, 0]
    e, estimand = model.fitted, weights.estimand
    slope = weight_slopes(e, arm, estimand)
    if weights.stabilised:
        slope = slope * stabiliser(arm, estimand)
    if weights.limits is not None:
        lower, upper = weights.limits
        slope = np.where((weights.weights <= lower) | (weights.weights >= upper), 0.0, slope)
    design = np.column_stack([np.ones(len(e)), matrix(covariates, None)[0]])
    moved = (residual * slope) @ design
    logistic = (arm - e)[:, None] * design @ model.covariance
    total = weights.weights * residual + logistic @ moved
    if weights.stabilised:
        total = total + _through_the_share(residual, weights, e, arm)
    return np.asarray(total * fit.naive_covariance[0, 0], dtype=np.float64)


def clustered_variance(influence: FloatArray, cluster: IntArray | None) -> float:
    """Sum of squared influences, added up by cluster first; sorted, so that row order does not matter."""
    summed = influence if cluster is None else np.bincount(cluster, influence)
    return float(np.sum(np.sort(summed**2)))


def _through_the_share(residual: FloatArray, weights: Weights, e: FloatArray, arm: BoolArray) -> FloatArray:
    """What a person moves through the share treated, which stabilised weights hold too."""
    share = float(arm.mean())
    raw = raw_weights(e, arm, weights.estimand)
    treated, control = {
        "ATE": (1.0, -1.0),
        "ATT": (0.0, -1 / share**2),
        "ATC": (1 / (1 - share) ** 2, 0.0),
    }[weights.estimand]
    free = np.ones_like(arm)
    if weights.limits is not None:
        free = (weights.weights > weights.limits[0]) & (weights.weights < weights.limits[1])
    slope = np.where(arm, treated, control) * raw * free
    return np.asarray((arm - share) / len(arm) * float(residual @ slope), dtype=np.float64)
