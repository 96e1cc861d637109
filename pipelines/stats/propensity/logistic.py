"""Logistic regression with odds ratios, intervals and p-values; separation is found, not fitted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    FloatArray,
    few_events_warning,
    flags,
    matrix,
    positive_weights,
    row_hash,
)
from .._linear_algebra import inverse, require_full_rank
from .._tables import ratio_table
from ..errors import ConvergenceError, NoEventsError
from ._newton import expit, information_of, maximise, standardised
from ._separation import is_flat, raise_separation, separating_direction

GRADIENT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class LogisticFit:
    """A fitted logistic model.

    Attributes
    ----------
    names : tuple of str
        `"(intercept)"`, then the covariates: p + 1 of them.
    coefficients : ndarray of shape (p + 1,)
        Log odds, and log odds ratios per unit.
    covariance : ndarray of shape (p + 1, p + 1)
        Inverse of the information.
    linear_predictor, fitted : ndarray of shape (n,)
        Log odds and probability of each person, in the order of the input.
    log_likelihood : tuple of float
        Of the intercept alone, and of the model.
    n, n_events : int
        People and people with the outcome.
    events_per_covariate : float
        By the rarer of the two outcomes.
    warnings : tuple of str
        Findings a report should print.
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    linear_predictor: FloatArray
    fitted: FloatArray
    log_likelihood: tuple[float, float]
    n: int
    n_events: int
    events_per_covariate: float
    warnings: tuple[str, ...]

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient (p + 1,)."""
        return np.sqrt(np.diag(self.covariance))

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per coefficient: estimate, standard error, odds ratio with its Wald interval, z, p."""
        return ratio_table(self.names, self.coefficients, self.standard_errors, "odds_ratio", level)

    odds_ratios = to_frame


def fit_logistic(
    covariates: ArrayLike | pl.DataFrame,
    outcome: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
) -> LogisticFit:
    """Fit a logistic regression by maximum likelihood, with an intercept.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; a factor as 0/1 columns without its reference level.
    outcome : array_like of shape (n,)
        1 or True where the outcome is there.
    names : sequence of str, optional
        One per covariate; default the frame's columns or x0, x1, …
    weights : array_like of shape (n,), optional
        Case weights above zero.

    Returns
    -------
    LogisticFit

    Raises
    ------
    NoEventsError
        Everybody, or nobody, has the outcome.
    CollinearityError
        A covariate is constant or a combination of others.
    SeparationError
        Covariates split the outcome, so that an odds ratio would be infinite.
    ConvergenceError
        The maximum was not reached.
    ShapeError, NonFiniteError, CodingError, WeightError
        The input is not what it should be.

    References
    ----------
    Albert A, Anderson JA. On the existence of maximum likelihood estimates in logistic regression models.
    Biometrika 1984;71:1-10.
    """
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
    ys, ws = y[order], w[order]
    design, centre, scale = standardised(x[order])
    rate = float(np.average(ys, weights=ws))
    null_information = information_of(design, ws * (rate * (1 - rate)))
    require_full_rank(null_information, ("(intercept)", *labels), float(ws.sum()) * rate * (1 - rate))

    start = np.zeros(design.shape[1])
    start[0] = np.log(rate / (1 - rate))
    found, reached = maximise(design, ys.astype(np.float64), ws, start)
    if is_flat(found.information, null_information):
        direction = separating_direction(np.where(ys, 1.0, -1.0)[:, None] * design)
        if direction is not None:
            raise_separation(np.flatnonzero(direction[1:]), labels)
    if not reached or np.max(np.abs(found.score)) > GRADIENT_TOLERANCE * max(1.0, float(ws.sum()) / 1e3):
        raise ConvergenceError(
            "The logistic model did not reach its maximum", remedy="Look for extreme covariate values."
        )

    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    null = float(np.sum(ws * np.where(ys, np.log(rate), np.log1p(-rate))))
    fitted_predictor = np.empty(n)
    fitted_predictor[order] = found.predictor
    ratio, warnings = few_events_warning(min(n_events, n - n_events), len(labels))
    return LogisticFit(
        names=("(intercept)", *labels),
        coefficients=back @ found.theta,
        covariance=back @ inverse(found.information) @ back.T,
        linear_predictor=fitted_predictor,
        fitted=expit(fitted_predictor),
        log_likelihood=(null, found.log_likelihood),
        n=n,
        n_events=n_events,
        events_per_covariate=ratio,
        warnings=warnings,
    )
