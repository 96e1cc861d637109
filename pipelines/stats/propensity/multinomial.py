"""Multinomial logistic regression: propensity scores for three arms or more."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    FloatArray,
    IntArray,
    codes,
    confidence,
    few_events_warning,
    matrix,
    positive_weights,
    row_hash,
)
from .._linear_algebra import inverse, normal_quantile, require_full_rank, two_sided_p
from ..errors import CodingError, ConvergenceError, EmptyArmError
from ._newton import standardised
from ._separation import is_flat, raise_separation, separating_direction

MAX_ITERATIONS = 60
STEP_TOLERANCE = 1e-8


@dataclass(frozen=True)
class MultinomialFit:
    """A fitted multinomial logistic model with K arms.

    Attributes
    ----------
    names : tuple of str
        `"(intercept)"`, then the covariates: p + 1 of them.
    arms : tuple
        The arms' labels in their own order, K of them.
    reference : object
        The arm that the others are compared with.
    coefficients : ndarray of shape (K - 1, p + 1)
        Log odds against the reference, a row per other arm in the order of `arms`.
    covariance : ndarray of shape ((K - 1)(p + 1), (K - 1)(p + 1))
        Of the coefficients row after row.
    scores : ndarray of shape (n, K)
        Probability of each arm, in the order of the input and of `arms`.
    arm : ndarray of int, shape (n,)
        Number of each person's arm in `arms`.
    log_likelihood : tuple of float
        Of the intercepts alone, and of the model.
    events_per_covariate : float
        By the smallest arm.
    warnings : tuple of str
    """

    names: tuple[str, ...]
    arms: tuple[object, ...]
    reference: object
    coefficients: FloatArray
    covariance: FloatArray
    scores: FloatArray
    arm: IntArray
    log_likelihood: tuple[float, float]
    events_per_covariate: float
    warnings: tuple[str, ...]

    @property
    def deviance(self) -> float:
        """Minus twice the log likelihood."""
        return -2 * self.log_likelihood[1]

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per arm and coefficient: estimate, standard error, odds ratio with Wald interval, p."""
        estimate = self.coefficients.ravel()
        error = np.sqrt(np.diag(self.covariance))
        half = normal_quantile(confidence(level)) * error
        others = [str(arm) for arm in self.arms if arm != self.reference]
        return pl.DataFrame(
            {
                "arm": np.repeat(others, len(self.names)),
                "reference": [str(self.reference)] * len(estimate),
                "term": list(self.names) * len(others),
                "coefficient": estimate,
                "std_err": error,
                "odds_ratio": np.exp(estimate),
                "ci_low": np.exp(estimate - half),
                "ci_high": np.exp(estimate + half),
                "ci_level": np.full(len(estimate), level),
                "p_value": two_sided_p(estimate / error),
            }
        )


@dataclass(frozen=True)
class _Point:
    theta: FloatArray
    scores: FloatArray
    value: float
    gradient: FloatArray
    information: FloatArray


def fit_multinomial(
    covariates: ArrayLike | pl.DataFrame,
    arm: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    reference: object = None,
    weights: ArrayLike | None = None,
) -> MultinomialFit:
    """Estimate each person's probability of each of K arms by maximum likelihood.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; factors as 0/1 columns without their reference level.
    arm : array_like of shape (n,)
        Labels of the arms, two or more.
    names : sequence of str, optional
        One per covariate.
    reference : label, optional
        Default: the first label in their order. The scores do not depend on it.
    weights : array_like of shape (n,), optional
        Case weights above zero.

    Returns
    -------
    MultinomialFit

    Raises
    ------
    EmptyArmError
        Fewer than two arms.
    SeparationError
        Covariates split arms perfectly.
    CollinearityError, ConvergenceError
        As `logistic.fit_logistic`.
    ShapeError, NonFiniteError, CodingError, WeightError
        The input is not what it should be.

    References
    ----------
    Imbens GW. The role of the propensity score in estimating dose-response functions. Biometrika
    2000;87:706-710.
    """
    x, labels = matrix(covariates, names)
    n = len(x)
    number, found = codes(arm, "arm", n)
    arms = tuple(found.tolist())
    if len(arms) < 2:
        raise EmptyArmError(
            "Everybody is in one arm", field="arm", count=n, remedy="Check the exposure's coding."
        )
    base = arms[0] if reference is None else reference
    if base not in arms:
        known = ", ".join(str(label) for label in arms)
        raise CodingError("No such arm", field="reference", remedy=f"Use one of {known}.")
    w = positive_weights(weights, n)
    order = np.lexsort((row_hash(x, w), number))  # one order of summing, whatever the order of the rows
    design, centre, scale = standardised(x[order])
    k = len(arms)
    others = np.flatnonzero(np.arange(k) != arms.index(base))
    chosen = (number[order][:, None] == np.arange(k)).astype(np.float64)
    ws = w[order]
    share = ws @ chosen / ws.sum()
    start = np.zeros((k - 1, design.shape[1]))
    start[:, 0] = np.log(share[others] / share[arms.index(base)])

    null = _evaluate(design, chosen, ws, start, others)
    p = design.shape[1]
    all_names = ("(intercept)", *labels)
    for j in range(k - 1):
        block = slice(j * p, (j + 1) * p)
        spread = float(ws.sum() * share[others[j]] * (1 - share[others[j]]))
        require_full_rank(null.information[block, block], all_names, spread)
    top, reached = _climb(design, chosen, ws, null, others)
    if is_flat(top.information, null.information):
        _refuse_separation(design, chosen, others, all_names)
    if not reached:
        raise ConvergenceError(
            "The multinomial model did not reach its maximum", remedy="Look for extreme covariate values."
        )
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    whole = np.kron(np.eye(k - 1), back)
    scores = np.empty((n, k))
    scores[order] = top.scores
    ratio, warnings = few_events_warning(int(np.bincount(number).min()), len(labels))
    return MultinomialFit(
        names=all_names,
        arms=arms,
        reference=base,
        coefficients=top.theta @ back.T,
        covariance=whole @ inverse(top.information) @ whole.T,
        scores=scores,
        arm=number,
        log_likelihood=(null.value, top.value),
        events_per_covariate=ratio,
        warnings=warnings,
    )


def _evaluate(
    design: FloatArray, chosen: FloatArray, w: FloatArray, theta: FloatArray, others: IntArray
) -> _Point:
    predictor = np.zeros_like(chosen)
    predictor[:, others] = design @ theta.T
    predictor -= predictor.max(axis=1, keepdims=True)
    scores = np.exp(predictor)
    total = scores.sum(axis=1, keepdims=True)
    scores /= total
    value = float(np.sum(w[:, None] * chosen * (predictor - np.log(total))))
    gradient = ((w[:, None] * (chosen - scores)[:, others]).T @ design).ravel()
    k, p = len(others), design.shape[1]
    information = np.empty((k * p, k * p))
    for a in range(k):
        for b in range(a, k):
            mixed = w * scores[:, others[a]] * ((a == b) - scores[:, others[b]])
            block = (design.T * mixed) @ design
            information[a * p : (a + 1) * p, b * p : (b + 1) * p] = block
            information[b * p : (b + 1) * p, a * p : (a + 1) * p] = block
    return _Point(theta, scores, value, gradient, information)


def _climb(
    design: FloatArray, chosen: FloatArray, w: FloatArray, best: _Point, others: IntArray
) -> tuple[_Point, bool]:
    """Newton's method with step halving; the flag says whether the maximum was reached."""
    for _ in range(MAX_ITERATIONS):
        try:
            step = np.linalg.solve(best.information, best.gradient).reshape(best.theta.shape)
        except np.linalg.LinAlgError:
            return best, False
        size = float(np.max(np.abs(step)))
        for _ in range(30):
            point = _evaluate(design, chosen, w, best.theta + step, others)
            if point.value >= best.value - 1e-9 * abs(best.value):
                break
            step = step / 2
        else:
            return best, size < STEP_TOLERANCE
        best = point
        if size < STEP_TOLERANCE:
            return best, True
    return best, False


def _refuse_separation(
    design: FloatArray, chosen: FloatArray, others: IntArray, names: tuple[str, ...]
) -> None:
    """Raise where some direction never disagrees with anybody's arm against any other arm."""
    n, k = chosen.shape
    p = design.shape[1]
    whole = np.zeros((n, k, k, p))  # person, arm compared, arm whose coefficients, covariate
    own = np.argmax(chosen, axis=1)
    rows = np.arange(n)
    for compared in range(k):
        whole[rows, compared, own] += design
        whole[rows, compared, compared] -= design
    agreement = whole[:, :, others].reshape(n * k, len(others) * p)
    direction = separating_direction(agreement)
    if direction is not None:
        guilty = np.flatnonzero(np.abs(direction.reshape(len(others), p)).max(axis=0)[1:]) + 1
        raise_separation(guilty if len(guilty) else [0], names)
