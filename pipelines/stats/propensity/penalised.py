"""Ridge, lasso and elastic-net logistic regression, the penalty chosen by cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, flags, matrix, row_hash
from ..errors import CodingError, ConvergenceError, NoEventsError
from ._folds import fold_numbers
from ._newton import evaluate, expit, standardised

MIX = {"ridge": 0.0, "lasso": 1.0, "elastic_net": 0.5}
RULES = ("lowest", "one_se")
STRENGTHS = 30
TOLERANCE = 1e-9
TOLERANCE_ON_PATH = 1e-4
MAX_ITERATIONS = 100
MAX_SWEEPS = 5000


@dataclass(frozen=True)
class PenalisedFit:
    """A fitted penalised logistic model.

    Attributes
    ----------
    names : tuple of str
        `"(intercept)"`, then the covariates: p + 1 of them.
    coefficients : ndarray of shape (p + 1,)
        On the scale of the data; they are shrunken, and have no standard errors.
    linear_predictor, fitted : ndarray of shape (n,)
        In the order of the input.
    penalty : {"ridge", "lasso", "elastic_net"}
    strength : float
        The penalty's weight, for covariates of unit variance and a likelihood averaged over people.
    strengths, loss, loss_std_err : ndarray of shape (k,)
        Strengths tried, and minus the mean log likelihood of people left out, with its standard error over
        folds; empty where the strength was given.
    n, n_events : int
    events_per_covariate : float
        By the rarer of the two outcomes.
    warnings : tuple of str
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    linear_predictor: FloatArray
    fitted: FloatArray
    penalty: str
    strength: float
    strengths: FloatArray
    loss: FloatArray
    loss_std_err: FloatArray
    n: int
    n_events: int
    events_per_covariate: float
    warnings: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per coefficient."""
        return pl.DataFrame(
            {
                "term": self.names,
                "coefficient": self.coefficients,
                "odds_ratio": np.exp(self.coefficients),
            }
        )


def fit_penalised_logistic(
    covariates: ArrayLike | pl.DataFrame,
    outcome: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    penalty: str = "ridge",
    strength: float | None = None,
    folds: int = 5,
    rule: str = "lowest",
    seed: int = 0,
) -> PenalisedFit:
    """Fit a logistic regression with a penalty on the standardised coefficients.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; factors as 0/1 columns.
    outcome : array_like of shape (n,)
        1 or True where the outcome is there.
    names : sequence of str, optional
        One per covariate.
    penalty : {"ridge", "lasso", "elastic_net"}
        Half the sum of squares, the sum of absolute values, or half of each.
    strength : float, optional
        Weight of the penalty (glmnet's lambda). Default: cross-validated.
    folds : int
        People are left out in so many parts; identical people share one.
    rule : {"lowest", "one_se"}
        The strength with the lowest loss, or the largest within one standard error of it.
    seed : int
        Of the folds.

    Returns
    -------
    PenalisedFit

    Raises
    ------
    NoEventsError
        Everybody, or nobody, has the outcome.
    EmptyArmError
        Too few people for so many folds.
    CodingError, ShapeError, NonFiniteError
        The input is not what it should be.

    Notes
    -----
    Minimises -log likelihood / n + strength * penalty. A strength that predicts the treatment best is not
    the one that balances the arms best: judge it by the balance it gives.

    References
    ----------
    Friedman J, Hastie T, Tibshirani R. Regularization paths for generalized linear models via coordinate
    descent. J Stat Softw 2010;33(1).
    """
    choice(penalty, "penalty", tuple(MIX))
    choice(rule, "rule", RULES)
    if strength is not None and not (np.isfinite(strength) and strength > 0):
        raise CodingError("A penalty of zero or below", field="strength", remedy="Give more than 0.")
    x, labels = matrix(covariates, names)
    n = len(x)
    y = flags(outcome, "outcome", n)
    n_events = int(np.count_nonzero(y))
    if n_events in (0, n):
        raise NoEventsError(
            "Everybody has the outcome" if n_events else "Nobody has the outcome",
            field="outcome",
            count=n,
            remedy="Check how it is coded.",
        )
    order = np.lexsort((row_hash(x), y))  # one order of summing, whatever the order of the rows
    xs, ys = x[order], y[order].astype(np.float64)
    mix = MIX[penalty]
    strengths, loss, error = np.empty(0), np.empty(0), np.empty(0)
    if strength is None:
        fold = fold_numbers(x, y, folds, seed)[order]
        strengths = _strengths(xs, ys, mix)
        losses = np.array([_left_out(xs, ys, fold, number, strengths, mix) for number in range(folds)])
        size = np.bincount(fold, minlength=folds)
        loss = np.average(losses, axis=0, weights=size)
        error = np.sqrt(np.average((losses - loss) ** 2, axis=0, weights=size) / (folds - 1))
        strength = _chosen(strengths, loss, error, rule)
    design, centre, scale = standardised(xs)
    path = np.append(strengths[strengths > strength], strength)
    theta = _null(ys, design.shape[1])
    for value in path:
        theta = _solve(design, ys, theta, float(value), mix, TOLERANCE)
    predictor = np.empty(n)
    predictor[order] = design @ theta
    coefficients = theta / np.concatenate([[1.0], scale])
    coefficients[0] -= float(centre @ coefficients[1:])
    return PenalisedFit(
        names=("(intercept)", *labels),
        coefficients=coefficients,
        linear_predictor=predictor,
        fitted=expit(predictor),
        penalty=penalty,
        strength=float(strength),
        strengths=strengths,
        loss=loss,
        loss_std_err=error,
        n=n,
        n_events=n_events,
        events_per_covariate=min(n_events, n - n_events) / len(labels),
        warnings=_warnings(strengths, float(strength), penalty),
    )


def _warnings(strengths: FloatArray, strength: float, penalty: str) -> tuple[str, ...]:
    found = [f"A {penalty} penalty shrinks the score: balance of the covariates is not exact under it."]
    if len(strengths) and strength == strengths[-1]:
        found.append("The weakest penalty tried predicts best: an unpenalised model may do.")
    return tuple(found)


def _strengths(x: FloatArray, y: FloatArray, mix: float) -> FloatArray:
    """From the strength that leaves no covariate in (for ridge: hardly anything) downwards."""
    design = standardised(x)[0]
    largest = float(np.max(np.abs(design[:, 1:].T @ (y - y.mean())))) / len(y) / max(mix, 1e-2)
    return np.asarray(np.geomspace(largest, largest * 1e-4, STRENGTHS), dtype=np.float64)


def _left_out(
    x: FloatArray, y: FloatArray, fold: IntArray, number: int, strengths: FloatArray, mix: float
) -> FloatArray:
    """Minus the mean log likelihood of the people of one fold, at each strength fitted to the others."""
    out = fold == number
    design, centre, scale = standardised(x[~out])
    new = np.column_stack([np.ones(int(out.sum())), (x[out] - centre) / scale])
    theta = _null(y[~out], design.shape[1])
    loss = np.empty(len(strengths))
    for k, strength in enumerate(strengths):
        theta = _solve(design, y[~out], theta, float(strength), mix, TOLERANCE_ON_PATH)
        predictor = new @ theta
        loss[k] = np.mean(np.logaddexp(0, np.where(y[out] > 0.5, -predictor, predictor)))
    return loss


def _chosen(strengths: FloatArray, loss: FloatArray, error: FloatArray, rule: str) -> float:
    best = int(np.argmin(loss))
    if rule == "one_se":
        best = int(np.flatnonzero(loss <= loss[best] + error[best])[0])
    return float(strengths[best])


def _null(y: FloatArray, p: int) -> FloatArray:
    theta = np.zeros(p)
    theta[0] = np.log(y.mean() / (1 - y.mean()))
    return theta


def _solve(
    design: FloatArray, y: FloatArray, theta: FloatArray, strength: float, mix: float, tolerance: float
) -> FloatArray:
    """Proximal Newton: minimise a quadratic that touches the loss, plus the penalty, again and again."""
    weights = np.full(len(y), 1 / len(y))
    squares = np.concatenate([[0.0], np.full(len(theta) - 1, strength * (1 - mix))])
    absolute = np.concatenate([[0.0], np.full(len(theta) - 1, strength * mix)])

    def penalty(at: FloatArray) -> float:
        return float(squares @ at**2 / 2 + absolute @ np.abs(at))

    point = evaluate(design, y, weights, theta)
    for _ in range(MAX_ITERATIONS):
        curvature = point.information + np.diag(squares)
        pull = point.information @ point.theta + point.score
        if mix == 0:
            goal = np.asarray(np.linalg.solve(curvature, pull), dtype=np.float64)
        else:
            goal = _descend(curvature, pull, absolute, point.theta, tolerance)
        step = goal - point.theta
        largest = float(np.max(np.abs(step)))
        before = -point.log_likelihood + penalty(point.theta)
        for _ in range(40):
            following = evaluate(design, y, weights, point.theta + step)
            if -following.log_likelihood + penalty(following.theta) <= before + 1e-13:
                break
            step = step / 2
        point = following
        if largest < tolerance:
            return point.theta
    raise ConvergenceError(
        "The penalised model did not reach its maximum", remedy="Look for extreme covariate values."
    )


def _descend(
    curvature: FloatArray, pull: FloatArray, absolute: FloatArray, start: FloatArray, tolerance: float
) -> FloatArray:
    """Coordinate descent for t'Ct/2 - pull't + sum(absolute |t|)."""
    theta = start.copy()
    diagonal = np.diag(curvature)
    gradient = curvature @ theta - pull
    for _ in range(MAX_SWEEPS):
        largest = 0.0
        for j in np.flatnonzero(diagonal):  # a column that is constant here has no coefficient
            unpenalised = theta[j] * diagonal[j] - gradient[j]
            size = max(abs(unpenalised) - absolute[j], 0.0) / diagonal[j]
            change = float(np.copysign(size, unpenalised)) - theta[j]
            if change:
                theta[j] += change
                gradient += change * curvature[j]
                largest = max(largest, abs(change))
        if largest < tolerance / 10:
            break
    return theta
