"""Entropy balancing: weights as even as they can be while the arms' moments are exactly the same."""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, matrix, positive_weights, row_hash
from ..errors import CodingError, NoOverlapError
from ..propensity._arms import two_arms
from .weights import WHOSE_EFFECT, Weights

ESTIMANDS = ("ATE", "ATT", "ATC")
MAX_ITERATIONS = 200
# Largest gap between a weighted mean and its target, in standard deviations.
MOMENT_TOLERANCE = 1e-9


def entropy_balancing(
    covariates: ArrayLike | pl.DataFrame,
    treated: ArrayLike,
    *,
    estimand: str = "ATT",
    moments: int = 1,
    names: Sequence[str] | None = None,
    base_weights: ArrayLike | None = None,
) -> Weights:
    """Weights under which the arms have exactly the same means (and higher moments), no score needed.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; factors as 0/1 columns, with or without a reference level.
    treated : array_like of shape (n,)
        1 or True for the treated.
    estimand : {"ATT", "ATC", "ATE"}
        ATT weights the controls to the means of the treated, ATC the reverse, ATE both arms to the means of
        everybody. An arm that is the target keeps its own (base) weights.
    moments : {1, 2, 3}
        1 makes means equal; 2 also squares, and so variances; 3 also third powers. Covariates with two
        values have their mean only.
    names : sequence of str, optional
        One per covariate.
    base_weights : array_like of shape (n,), optional
        Weights above zero that the found ones stay as near to as possible, such as case weights; they also
        weight the target means.

    Returns
    -------
    Weights
        Of each reweighted arm: with a mean of 1.

    Raises
    ------
    NoOverlapError
        No weights can give the means asked for; names the covariates, counts them.
    EmptyArmError, CodingError, ShapeError, NonFiniteError, WeightError
        The input is not what it should be.

    Notes
    -----
    Minimises the sum of w log(w / base) subject to the moments. Balanced moments are no proof of balance:
    look at Kolmogorov-Smirnov distances too. The interval of an estimate has to treat the weights as
    estimated: bootstrap the whole design.

    References
    ----------
    Hainmueller J. Entropy balancing for causal effects. Political Analysis 2012;20:25-46.
    """
    choice(estimand, "estimand", ESTIMANDS)
    x, labels = matrix(covariates, names)
    n = len(x)
    arm = two_arms(treated, n)
    base = positive_weights(base_weights, n)
    order = np.lexsort((row_hash(x, base), arm))  # one order of summing, whatever the order of the rows
    terms, term_names = _terms(x[order], labels, moments)
    sorted_arm, sorted_base = arm[order], base[order]
    population = {"ATT": sorted_arm, "ATC": ~sorted_arm, "ATE": np.ones(n, dtype=np.bool_)}[estimand]
    target = np.average(terms[population], axis=0, weights=sorted_base[population])
    found = sorted_base.copy()
    for own in (sorted_arm, ~sorted_arm):
        if estimand == "ATE" or not population[own].any():
            share = _balanced(terms[own], sorted_base[own], target, term_names)
            found[own] = share * int(own.sum())
    weights = np.empty(n)
    weights[order] = found
    note = (
        f"Entropy balancing of {len(labels)} covariates to moment {moments}: "
        "what is not among them is balanced only as far as it goes with them."
    )
    return Weights(weights, arm, estimand, False, None, 0, (WHOSE_EFFECT[estimand], note))


def _terms(x: FloatArray, names: tuple[str, ...], moments: int) -> tuple[FloatArray, tuple[str, ...]]:
    """What is balanced, standardised: covariates and, where they have more than two values, powers."""
    if moments not in (1, 2, 3):
        raise CodingError("An unknown number of moments", field="moments", remedy="Give 1, 2 or 3.")
    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 1e-12 * np.abs(x).max(axis=0), spread, 1.0)
    columns, labels = [scaled], list(names)
    several = [j for j in range(x.shape[1]) if len(np.unique(x[:, j])) > 2]
    for power in range(2, moments + 1):
        columns.append(scaled[:, several] ** power)
        labels += [f"{names[j]}^{power}" for j in several]
    return np.column_stack(columns), tuple(labels)


def _balanced(terms: FloatArray, base: FloatArray, target: FloatArray, names: tuple[str, ...]) -> FloatArray:
    """Weights of one arm, adding up to one, with the means `target`.

    Newton's method on the dual, log sum(base exp(z'b)) with z centred at the target: its gradient is the gap
    of the means, and it is convex. Terms that determine each other are left to the least-squares step.
    """
    z = terms - target
    multiplier = np.zeros(z.shape[1])
    shares, value = _shares(z, base, multiplier)
    for _ in range(MAX_ITERATIONS):
        gap = shares @ z
        if np.max(np.abs(gap)) < MOMENT_TOLERANCE * 1e-3:
            break
        hessian = (z.T * shares) @ z - np.outer(gap, gap)
        step = np.linalg.lstsq(hessian, -gap, rcond=1e-13)[0]
        size = 1.0
        while size > 1e-10:
            candidate, height = _shares(z, base, multiplier + size * step)
            if height < value or np.max(np.abs(candidate @ z)) < np.max(np.abs(gap)):
                break
            size /= 2
        else:
            break  # rounding is all that is left, or there is no minimum
        multiplier, shares, value = multiplier + size * step, candidate, height
    if np.max(np.abs(shares @ z)) > MOMENT_TOLERANCE or np.max(np.abs(multiplier)) > 1e6:
        _refuse(z, names)
    return shares


def _shares(z: FloatArray, base: FloatArray, multiplier: FloatArray) -> tuple[FloatArray, float]:
    exponent = z @ multiplier
    top = float(exponent.max())
    weights = base * np.exp(exponent - top)
    total = float(weights.sum())
    return np.asarray(weights / total, dtype=np.float64), top + float(np.log(total))


def _refuse(z: FloatArray, names: tuple[str, ...]) -> NoReturn:
    """Name what cannot be balanced: means out of the arm's range, else those out of its reach together."""
    out = (z.min(axis=0) > 0) | (z.max(axis=0) < 0)
    guilty = np.flatnonzero(out) if out.any() else _out_of_reach(z)
    raise NoOverlapError(
        "No weights of an arm give it the means of the target",
        field=", ".join(names[j] for j in guilty) or ", ".join(names),
        count=len(guilty) or len(names),
        remedy="Leave those out, merge their levels, balance fewer moments, or narrow the cohort to where the "
        "arms overlap.",
    )


def _out_of_reach(z: FloatArray) -> IntArray:
    """Terms of the direction in which everybody of the arm lies beyond the target.

    The dual of the weights whose gaps, added up, are the smallest: a linear programme.
    """
    from scipy.optimize import linprog

    points, k = np.unique(z, axis=0), z.shape[1]
    equal = np.zeros((k + 1, len(points) + 2 * k))
    equal[:k] = np.hstack([points.T, np.eye(k), -np.eye(k)])
    equal[k, : len(points)] = 1
    cost = np.concatenate([np.zeros(len(points)), np.ones(2 * k)])
    answer = linprog(cost, A_eq=equal, b_eq=np.append(np.zeros(k), 1.0), bounds=(0, None), method="highs")
    direction = np.abs(answer.eqlin.marginals[:k])
    found: IntArray = np.flatnonzero(direction > 1e-9) if answer.fun > 1e-7 else np.arange(0)
    return found
