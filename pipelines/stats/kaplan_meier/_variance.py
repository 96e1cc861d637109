"""Standard errors and limits of a survival curve."""

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray
from .._linear_algebra import normal_quantile
from ._counts import RiskTable

INTERVALS = ("log-log", "log", "plain", "logit")


def greenwood(n_risk: FloatArray, n_event: FloatArray, survival: FloatArray) -> FloatArray:
    """Standard error of log survival (m,), infinite where survival is 0."""
    left = n_risk - n_event
    steps = np.divide(n_event, n_risk * left, out=np.full_like(left, np.inf), where=survival > 0)
    return np.asarray(np.sqrt(np.cumsum(steps)), dtype=np.float64)


def jackknife(
    table: RiskTable, died: BoolArray, weights: FloatArray, clusters: IntArray, survival: FloatArray
) -> FloatArray:
    """Standard error of survival (m,): root of the summed squares of the clusters' influences on it.

    One more unit of a person's weight changes log S(t) by G(min(t, exit)) - G(entry), where G is
    Greenwood's sum, less 1 / (alive after the exit) from the person's own death on. A cluster's influence on
    log survival is therefore a + b G(t), where a and b change only when one of its rows enters or leaves.
    """
    n_risk, n_event = table.n_risk[:, 0], table.n_event[:, 0]
    left = np.where(survival > 0, n_risk - n_event, np.inf)
    total = np.cumsum(n_event / (n_risk * left))
    before = np.append(0.0, total)
    own = np.where(died, 1 / left[table.exit_cell], 0.0)
    intercept = np.concatenate([-before[table.entry_cell], total[table.exit_cell] - own])
    slope = np.repeat([1.0, -1.0], len(weights))
    both = np.concatenate([weights, weights])
    owner = np.concatenate([clusters, clusters])
    cell = np.concatenate([table.entry_cell, table.exit_cell])
    order = np.lexsort((cell, owner))
    owner, cell = owner[order], cell[order]
    a, a_before = _running((both * intercept)[order], owner)
    b, b_before = _running((both * slope)[order], owner)

    def summed(change: FloatArray) -> FloatArray:
        return np.cumsum(np.bincount(cell, change, minlength=len(total)))

    squares = (
        summed(a**2 - a_before**2)
        + 2 * total * summed(a * b - a_before * b_before)
        + total**2 * summed(b**2 - b_before**2)
    )
    return np.asarray(survival * np.sqrt(np.maximum(squares, 0.0)), dtype=np.float64)


def limits(survival: FloatArray, std_err: FloatArray, ci: str, level: float) -> tuple[FloatArray, FloatArray]:
    """Lower and upper limits (m,); `std_err` is that of log survival."""
    z = normal_quantile(level)
    if ci == "plain":
        half = z * np.where(survival > 0, std_err, 0.0) * survival
        return np.maximum(survival - half, 0.0), np.minimum(survival + half, 1.0)
    defined = (survival > 0) if ci == "log" else (survival > 0) & (survival < 1)
    s = np.where(defined, survival, np.nan)
    half = z * np.where(defined, std_err, np.nan)
    if ci == "log":
        return s * np.exp(-half), np.minimum(s * np.exp(half), 1.0)
    if ci == "log-log":
        log = np.log(s)
        return np.exp(log * np.exp(-half / log)), np.exp(log * np.exp(half / log))
    odds, half = s / (1 - s), half / (1 - s)
    return 1 - 1 / (1 + odds * np.exp(-half)), 1 - 1 / (1 + odds * np.exp(half))


def _running(changes: FloatArray, owner: IntArray) -> tuple[FloatArray, FloatArray]:
    """Sum of each owner's changes up to and with each one, and without it; rows are sorted by owner."""
    sums = np.append(0.0, np.cumsum(changes))
    begin = np.searchsorted(owner, owner, side="left")
    start = sums[begin]
    return sums[1:] - start, sums[:-1] - start
