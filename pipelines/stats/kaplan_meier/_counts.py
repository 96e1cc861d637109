"""Who is at risk, dies and leaves at each distinct time: what curves and rank tests are computed from."""

from dataclasses import dataclass

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray, require_several_clusters

CELLS_PER_PERSON = 4  # whole numbers are counted, not sorted, where a table of them is about this large


@dataclass(frozen=True)
class RiskTable:
    """Counts by cell (a distinct time of a stratum) and group.

    Attributes
    ----------
    time : ndarray of shape (c,)
        Time of each cell; cells run by stratum, then time.
    first : ndarray of shape (c,)
        Number of the first cell of the cell's stratum.
    n_risk, n_event, n_leaving : ndarray of shape (c, k)
        Weighted: at risk just before the time, dying at it, dying or censored at it.
    exit_cell, entry_cell : ndarray of shape (n,)
        The cell in which a person leaves, and the first in which the person is at risk.
    """

    time: FloatArray
    first: IntArray
    n_risk: FloatArray
    n_event: FloatArray
    n_leaving: FloatArray
    exit_cell: IntArray
    entry_cell: IntArray


def risk_table(
    time: FloatArray,
    died: BoolArray,
    entry: FloatArray | None,
    weights: FloatArray | None,
    *,
    group: IntArray | None = None,
    groups: int = 1,
    stratum: IntArray | None = None,
) -> RiskTable:
    """Count those at risk (entry < t <= time), dying and leaving.

    Parameters
    ----------
    time, died, entry, weights, group, stratum : ndarray of shape (n,)
        Checked by the caller. Weighted sums run in the order of the rows: sort them first.
    groups : int
        Columns of the counts.
    """
    times, exit_cell = distinct(time)
    cell_time, first = times, np.zeros(len(times), dtype=np.int64)
    if stratum is not None:
        keys, exit_cell = distinct(stratum * len(times) + exit_cell)
        keys = keys.astype(np.int64)
        cell_time = times[keys % len(times)]
        first = np.searchsorted(keys, keys // len(times) * len(times))
    if entry is None:
        entry_cell = first[exit_cell]
    else:
        entry_cell = np.searchsorted(times, entry, side="right")
        if stratum is not None:
            entry_cell = np.searchsorted(keys, stratum * len(times) + entry_cell)
    size = len(cell_time) * groups

    def total(cells: IntArray, of: BoolArray | slice = slice(None)) -> FloatArray:
        place = cells[of] if group is None else cells[of] * groups + group[of]
        amounts = None if weights is None else weights[of]
        counts = np.bincount(place, amounts, minlength=size).astype(np.float64)
        return counts.reshape(len(cell_time), groups)

    leaving = total(exit_cell)
    n_risk = _from_here_on(leaving)
    if entry is not None or stratum is not None:
        n_risk = n_risk - np.vstack([_from_here_on(total(entry_cell))[1:], np.zeros((1, groups))])
    return RiskTable(cell_time, first, n_risk, total(exit_cell, died), leaving, exit_cell, entry_cell)


def distinct(values: FloatArray | IntArray) -> tuple[FloatArray, IntArray]:
    """Distinct values in their order, and the place of each value among them."""
    if values.dtype.kind == "i" or np.array_equal(values, np.rint(values)):
        low, high = float(values.min()), float(values.max())
        if high - low < CELLS_PER_PERSON * len(values) + 1000:
            whole = values.astype(np.int64) - int(low)
            present = np.bincount(whole) > 0
            places = np.cumsum(present) - 1
            return np.asarray(np.flatnonzero(present) + low, dtype=np.float64), places[whole]
    found, place = np.unique(values, return_inverse=True)
    return np.asarray(found, dtype=np.float64), place.astype(np.int64)


def _from_here_on(counts: FloatArray) -> FloatArray:
    """Sum of each row and all after it; from the end, so that small late numbers keep their digits."""
    sums: FloatArray = counts[::-1].cumsum(axis=0)[::-1]
    return sums


def require_clusters(clusters: IntArray | None) -> None:
    """Refuse several people of a group, or of a test, who are all of one cluster; one person has one only."""
    if clusters is not None and len(clusters) > 1:
        require_several_clusters(clusters)
