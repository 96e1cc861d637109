"""What the tests of the log-rank family are made of: scores of times, covariances, the chi-square."""

from dataclasses import dataclass

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray
from .._linear_algebra import quadratic_form
from ..errors import EmptyArmError
from ._counts import RiskTable, risk_table

NOTHING = 1e-12  # a variance this small a share of the deaths' is what rounding leaves of 0


@dataclass(frozen=True)
class People:
    """Checked people, in one order whatever the order of the rows where sums are of weights."""

    time: FloatArray
    died: BoolArray
    entry: FloatArray | None
    weights: FloatArray | None
    group: IntArray
    stratum: IntArray | None
    cluster: IntArray | None


def scores(
    table: RiskTable, deaths: FloatArray, at_risk: FloatArray, scheme: str, rho: float, gamma: float
) -> FloatArray:
    """What a difference at each time counts (c,)."""
    if scheme == "gehan":
        return at_risk
    if scheme == "tarone-ware":
        return np.asarray(np.sqrt(at_risk), dtype=np.float64)
    if rho == 0 and gamma == 0 and scheme != "peto":
        return np.ones(len(deaths))
    with np.errstate(divide="ignore"):  # the logarithm of 0, where everybody dies
        if scheme == "peto":
            steps = np.log1p(-deaths / (at_risk + 1))
        else:
            steps = np.log1p(-np.minimum(deaths / np.maximum(at_risk, deaths), 1.0))
    curve = _product_within_strata(steps, table.first)
    if scheme == "peto":
        return curve
    before = np.where(table.first == np.arange(len(curve)), 1.0, np.append(1.0, curve[:-1]))
    return np.asarray(before**rho * (1 - before) ** gamma, dtype=np.float64)


def _product_within_strata(log_steps: FloatArray, first: IntArray) -> FloatArray:
    """Running product of exp(steps) from the first cell of each stratum on."""
    fall = np.isneginf(log_steps)
    falls = np.cumsum(fall)
    sums = np.cumsum(np.where(fall, 0.0, log_steps))
    fallen = falls - np.append(0, falls)[first] > 0
    running = sums - np.append(0.0, sums)[first]
    return np.asarray(np.where(fallen, 0.0, np.exp(running)), dtype=np.float64)


def without_replacement(deaths: FloatArray, at_risk: FloatArray) -> FloatArray:
    """(n - d)/(n - 1): ties leave less to chance; 0 where one person is at risk."""
    one = at_risk <= 1 + 1e-9
    return np.where(one, 0.0, np.maximum(at_risk - deaths, 0.0) / np.where(one, 1.0, at_risk - 1))


def robust_covariance(
    people: People,
    table: RiskTable,
    score: FloatArray,
    deaths: FloatArray,
    at_risk: FloatArray,
    share: FloatArray,
) -> FloatArray:
    """Sum of squares of what each person, or cluster, adds to observed - expected given the curves."""
    n, k = len(people.time), share.shape[1]
    hazard = np.divide(score * deaths, at_risk, out=np.zeros_like(deaths), where=deaths > 0)
    total = np.append(0.0, np.cumsum(hazard))
    by_group = np.vstack([np.zeros((1, k)), np.cumsum(hazard[:, None] * share, axis=0)])
    last, first = table.exit_cell + 1, table.entry_cell
    own = np.zeros((n, k))
    own[np.arange(n), people.group] = 1.0
    event = np.where(people.died, score[table.exit_cell], 0.0)
    parts = event[:, None] * (own - share[table.exit_cell])
    parts -= own * (total[last] - total[first])[:, None] - (by_group[last] - by_group[first])
    if people.weights is not None:
        parts *= people.weights[:, None]
    if people.cluster is not None:
        parts = np.column_stack([np.bincount(people.cluster, parts[:, g]) for g in range(k)])
    covariance: FloatArray = parts.T @ parts
    return covariance


def xie_liu_covariance(people: People, table: RiskTable, score: FloatArray, share: FloatArray) -> FloatArray:
    """Hypergeometric spread of people, with their squared weights, for two groups."""
    weights = np.ones(len(people.time)) if people.weights is None else people.weights
    counts, squares = (
        risk_table(
            people.time, people.died, people.entry, w,
            group=people.group, groups=2, stratum=people.stratum,
        )
        for w in (None, weights**2)
    )  # fmt: skip
    deaths, at_risk = counts.n_event.sum(axis=1), counts.n_risk.sum(axis=1)
    chance = deaths / at_risk * without_replacement(deaths, at_risk)
    spread = score**2 * chance
    one = float(spread @ (share[:, ::-1] ** 2 * squares.n_risk).sum(axis=1))
    return np.array([[one, -one], [-one, one]])


def chi_square(difference: FloatArray, covariance: FloatArray, unit: float) -> float:
    """Quadratic form of all groups but the last; refused where nothing varies, measured by `unit`."""
    block = covariance[:-1, :-1]
    scale = np.sqrt(np.maximum(np.diag(block), 0.0))
    if not (scale**2 > NOTHING * unit).all() or np.linalg.matrix_rank(
        block / np.outer(scale, scale), tol=1e-10
    ) < len(block):
        raise EmptyArmError(
            "At no death are enough people of different groups at risk to compare them",
            field="group",
            remedy="Merge groups or strata, or leave small groups out.",
        )
    return quadratic_form(difference[:-1], block)
