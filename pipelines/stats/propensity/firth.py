"""Firth's logistic regression: finite odds ratios for rare and for separated data, with profile intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    confidence,
    few_events_warning,
    flags,
    matrix,
    positive_weights,
    row_hash,
)
from .._linear_algebra import chi_square_p, inverse, normal_quantile, require_full_rank
from ..errors import ConvergenceError, NoEventsError
from ._newton import expit, information_of, standardised

MAX_ITERATIONS = 500
STEP_TOLERANCE = 1e-10
LONGEST_STEP = 5.0  # in log odds per standard deviation


@dataclass(frozen=True)
class FirthFit:
    """A fitted Firth logistic model.

    Attributes
    ----------
    names : tuple of str
        `"(intercept)"`, then the covariates: p + 1 of them.
    coefficients : ndarray of shape (p + 1,)
        Log odds, and log odds ratios per unit.
    covariance : ndarray of shape (p + 1, p + 1)
        Inverse of the unpenalised information at the estimate.
    lower, upper : ndarray of shape (p + 1,)
        Profile limits of the coefficients; NaN where not asked for.
    p_value : ndarray of shape (p + 1,)
        Penalised likelihood ratio tests; NaN where not asked for.
    level : float
        Confidence level of the limits.
    linear_predictor, fitted : ndarray of shape (n,)
        Log odds and probability of each person, in the order of the input.
    penalised_log_likelihood : float
        With half the logarithm of the information's determinant.
    n, n_events : int
    events_per_covariate : float
    warnings : tuple of str
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    lower: FloatArray
    upper: FloatArray
    p_value: FloatArray
    level: float
    linear_predictor: FloatArray
    fitted: FloatArray
    penalised_log_likelihood: float
    n: int
    n_events: int
    events_per_covariate: float
    warnings: tuple[str, ...]

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient (p + 1,)."""
        return np.sqrt(np.diag(self.covariance))

    def to_frame(self) -> pl.DataFrame:
        """One row per coefficient: estimate, standard error, odds ratio with its profile interval, p."""
        frame = pl.DataFrame(
            {
                "term": self.names,
                "coefficient": self.coefficients,
                "std_err": self.standard_errors,
                "odds_ratio": np.exp(self.coefficients),
                "ci_low": np.exp(self.lower),
                "ci_high": np.exp(self.upper),
                "ci_level": np.full(len(self.names), self.level),
                "p_value": self.p_value,
            }
        )
        return frame.with_columns(pl.col("ci_low", "ci_high", "p_value").fill_nan(None))


@dataclass(frozen=True)
class _Top:
    theta: FloatArray
    value: float
    information: FloatArray


def fit_firth_logistic(
    covariates: ArrayLike | pl.DataFrame,
    outcome: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    profile: bool = True,
) -> FirthFit:
    """Fit a logistic regression whose likelihood is penalised by Jeffreys' prior.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; a factor as 0/1 columns without its reference level.
    outcome : array_like of shape (n,)
        1 or True where the outcome is there.
    names : sequence of str, optional
        One per covariate; default the frame's columns or x0, x1, …
    weights : array_like of shape (n,), optional
        Case weights above zero (counts of identical people).
    level : float
        Confidence level of the profile limits.
    profile : bool
        Whether to find profile limits and tests; each takes some tens of fits.

    Returns
    -------
    FirthFit
        Fitted probabilities lean towards one half: fine for a score that orders people; their mean is not
        exactly the share with the outcome.

    Raises
    ------
    NoEventsError
        Everybody, or nobody, has the outcome.
    CollinearityError
        A covariate is constant or a combination of others.
    ConvergenceError
        No maximum, or no profile limit, was found.
    ShapeError, NonFiniteError, CodingError, WeightError
        The input is not what it should be.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38.
    Heinze G, Schemper M. A solution to the problem of separation in logistic regression. Stat Med
    2002;21:2409-2419.
    """
    confidence(level)
    x, labels = matrix(covariates, names)
    n = len(x)
    y = flags(outcome, "outcome", n)
    w = positive_weights(weights, n)
    n_events = int(np.count_nonzero(y))
    if n_events in (0, n):
        raise NoEventsError(
            "Everybody has the outcome" if n_events else "Nobody has the outcome",
            field="outcome",
            count=n,
            remedy="Check how it is coded.",
        )
    order = np.lexsort((row_hash(x, w), y))  # one order of summing, whatever the order of the rows
    ys, ws = y[order].astype(np.float64), w[order]
    design, centre, scale = standardised(x[order])
    rate = float(np.average(ys, weights=ws))
    unit = float(ws.sum()) * rate * (1 - rate)
    all_names = ("(intercept)", *labels)
    require_full_rank(information_of(design, ws * (rate * (1 - rate))), all_names, unit)

    p = design.shape[1]
    top = _climb(design, ys, ws, np.zeros(p), np.ones(p, dtype=np.bool_))
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    covariance = back @ inverse(top.information) @ back.T
    coefficients = back @ top.theta
    limits = np.full((p, 3), np.nan)
    if profile:
        # The intercept's own profile needs the covariates where they are, not centred.
        shifted = design + np.concatenate([[0.0], centre / scale])
        there = np.concatenate([coefficients[:1], top.theta[1:]])
        unit_of = np.concatenate([[1.0], scale])
        error = np.sqrt(np.diag(covariance)) * unit_of
        for j in range(p):
            columns, theta = (shifted, there) if j == 0 else (design, top.theta)
            limits[j] = _profile(columns, ys, ws, theta, top.value, j, float(error[j]), level)
        limits[:, :2] /= unit_of[:, None]
    predictor = np.empty(n)
    predictor[order] = design @ top.theta
    ratio, warnings = few_events_warning(min(n_events, n - n_events), len(labels))
    return FirthFit(
        names=all_names,
        coefficients=coefficients,
        covariance=covariance,
        lower=limits[:, 0],
        upper=limits[:, 1],
        p_value=limits[:, 2],
        level=level,
        linear_predictor=predictor,
        fitted=expit(predictor),
        penalised_log_likelihood=top.value + float(np.sum(np.log(scale))),
        n=n,
        n_events=n_events,
        events_per_covariate=ratio,
        warnings=warnings,
    )


def _climb(design: FloatArray, y: FloatArray, w: FloatArray, theta: FloatArray, free: BoolArray) -> _Top:
    """Maximum of the penalised likelihood over the `free` coefficients, the others staying where they are.

    The penalty is that of the whole model, whatever is free. Fisher scoring, and Newton's step wherever
    scoring creeps, as it does far out on a profile.
    """
    value, score, information = _penalised(design, y, w, theta)
    before = np.inf
    for _ in range(MAX_ITERATIONS):
        curvature = information
        step = _step(curvature, score, free)
        if np.max(np.abs(step)) > 0.3 * before:
            curvature = information - _curvature_of_penalty(design, w, theta, information)
            if np.linalg.eigvalsh(curvature[np.ix_(free, free)])[0] > 0:
                step = _step(curvature, score, free)
        largest = before = float(np.max(np.abs(step)))
        step *= min(1.0, LONGEST_STEP / max(largest, 1e-300))
        for _ in range(40):
            height, candidate_score, candidate_information = _penalised(design, y, w, theta + step)
            if height >= value - 1e-12 * abs(value):
                break
            step = step / 2
        theta = theta + step
        value, score, information = height, candidate_score, candidate_information
        if largest < STEP_TOLERANCE:
            return _Top(theta, value, information)
    raise ConvergenceError(
        "Firth's logistic model did not reach its maximum", remedy="Look for extreme covariate values."
    )


def _step(curvature: FloatArray, score: FloatArray, free: BoolArray) -> FloatArray:
    step = np.zeros(len(score))
    step[free] = np.linalg.solve(curvature[np.ix_(free, free)], score[free])
    return step


def _curvature_of_penalty(
    design: FloatArray, w: FloatArray, theta: FloatArray, information: FloatArray
) -> FloatArray:
    """Second derivatives of half the logarithm of the information's determinant (p, p)."""
    p = expit(design @ theta)
    variance = w * p * (1 - p)
    first, second = variance * (1 - 2 * p), variance * (1 - 6 * p * (1 - p))
    back = inverse(information)
    reach = np.einsum("ij,ij->i", design @ back, design)
    moved = np.array([back @ (design.T @ (design * (first * column)[:, None])) for column in design.T])
    traces = np.einsum("jab,kba->jk", moved, moved)
    return np.asarray(0.5 * ((design.T * (second * reach)) @ design - traces), dtype=np.float64)


def _penalised(
    design: FloatArray, y: FloatArray, w: FloatArray, theta: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Penalised log likelihood, its gradient, and the unpenalised information."""
    predictor = design @ theta
    p = expit(predictor)
    variance = np.maximum(w * p * (1 - p), 1e-300)
    information = information_of(design, variance)
    sign, log_determinant = np.linalg.slogdet(information)
    if sign <= 0:
        return -np.inf, np.zeros_like(theta), information
    leverage = variance * np.einsum("ij,ij->i", design @ inverse(information), design)
    score = design.T @ (w * (y - p) + leverage * (0.5 - p))
    likelihood = -float(np.sum(w * np.logaddexp(0, np.where(y > 0.5, -predictor, predictor))))
    return likelihood + 0.5 * float(log_determinant), score, information


def _profile(
    design: FloatArray,
    y: FloatArray,
    w: FloatArray,
    top: FloatArray,
    value: float,
    j: int,
    error: float,
    level: float,
) -> tuple[float, float, float]:
    """Profile limits of coefficient j, and the p-value of its penalised likelihood ratio test."""
    free = np.arange(len(top)) != j
    drop = normal_quantile(level) ** 2 / 2
    near = top  # the other coefficients change little from one value of this one to the next

    def height(at: float) -> float:
        nonlocal near
        start = near.copy()
        start[j] = at
        found = _climb(design, y, w, start, free)
        near = found.theta
        return found.value - value

    low, high = (_crossing(lambda b: height(b) + drop, float(top[j]), sign * error) for sign in (-1, 1))
    near = top
    return low, high, chi_square_p(max(0.0, -2 * height(0.0)), 1)


def _crossing(function: Callable[[float], float], top: float, step: float) -> float:
    """Where a function that is positive at `top` and falls in the direction of `step` becomes zero."""
    from scipy.optimize import brentq

    inner, outer = top, top + 2 * step
    for _ in range(30):
        if function(outer) < 0:
            return float(brentq(function, inner, outer, xtol=1e-12, rtol=1e-13))
        inner, outer = outer, top + 2 * (outer - top)
    raise ConvergenceError(
        "A profile interval has no limit", remedy="Ask for profile=False and give the Wald interval."
    )
