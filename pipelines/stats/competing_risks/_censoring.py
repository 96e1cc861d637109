"""The distribution of censoring (and of late entry) by which people who had another event are kept."""

from dataclasses import dataclass

import numpy as np

from .._inputs import FloatArray, IntArray
from ._causes import count_by


@dataclass(frozen=True)
class CensoringCurve:
    """Probability of still being observed just before a time, for one group of people.

    Attributes
    ----------
    time, after : ndarray of shape (m,)
        Times at which it changes, and the probability from there on, entry being counted too.
    censored_at, n_censor, n_risk : ndarray of shape (c,)
        Times of censoring, how many are censored and how many were at risk of it.
    """

    time: FloatArray
    after: FloatArray
    censored_at: FloatArray
    n_censor: FloatArray
    n_risk: FloatArray

    def before(self, times: FloatArray) -> FloatArray:
        """Probability just before each of `times`."""
        place = np.searchsorted(self.time, times, side="left")
        return np.concatenate([[1.0], self.after])[place]


def censoring_curve(
    time: FloatArray, kind: IntArray, entry: FloatArray | None, weights: FloatArray, events_first: bool
) -> CensoringCurve:
    """Kaplan-Meier curve of censoring; with late entry times the distribution of entry.

    Parameters
    ----------
    time, weights : ndarray of shape (n,)
    kind : ndarray of int, shape (n,)
        0 where censored.
    entry : ndarray of shape (n,), optional
    events_first : bool
        Whether those with an event at a time are no longer at risk of being censored at it.
    """
    times = np.unique(time[kind == 0])
    n_censor = _tally(time[kind == 0], weights[kind == 0], times)
    n_risk = _from_on(time, weights, times, "left")
    if events_first:
        n_risk = n_risk - _tally(time[kind > 0], weights[kind > 0], times)
    if entry is not None:
        n_risk = n_risk - _from_on(entry, weights, times, "left")
    free = np.cumprod(1 - np.minimum(n_censor / n_risk, 1.0))
    if entry is None:
        return CensoringCurve(times, free, times, n_censor, n_risk)

    # Entry is the same in reversed time: at v, those observed beyond it who had entered by then.
    arrivals = np.unique(entry)
    n_enter = _tally(entry, weights, arrivals)
    present = _from_on(time, weights, arrivals, "right") - _from_on(entry, weights, arrivals, "right")
    stays = np.maximum(1 - n_enter / present, 0.0)
    entered = np.append(np.cumprod(stays[::-1])[::-1][1:], 1.0)
    both = np.union1d(times, arrivals)
    at_entry = entered[np.searchsorted(arrivals, both, side="right") - 1]
    at_censoring = np.concatenate([[1.0], free])[np.searchsorted(times, both, side="right")]
    return CensoringCurve(both, at_entry * at_censoring, times, n_censor, n_risk)


def _tally(values: FloatArray, weights: FloatArray, times: FloatArray) -> FloatArray:
    """Weight of the values equal to each of `times`."""
    place = np.searchsorted(times, values)
    inside = place < len(times)
    inside[inside] = times[place[inside]] == values[inside]
    return count_by(place[inside], weights[inside], len(times))


def _from_on(values: FloatArray, weights: FloatArray, times: FloatArray, side: str) -> FloatArray:
    """Weight of the values at or above each of `times` ("left"), or above it ("right")."""
    order = np.lexsort((weights, values))
    later = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    return later[np.searchsorted(values[order], times, side="left" if side == "left" else "right")]
