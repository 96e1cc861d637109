"""Harrell's concordance of a risk score with survival."""

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import FloatArray, codes, flags, follow_up, positive_weights, vector
from ..errors import NoEventsError


def concordance_index(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> float:
    """Share of comparable pairs in which the one with the higher risk dies first; ties of risk count half.

    A pair is comparable when one dies while the other is at risk and lives longer, within a stratum; one
    censored at the time of the death lives longer. A pair counts with the product of its weights.

    Parameters
    ----------
    time, event, entry, weights, strata
        As in `cox.fit_cox`.
    risk : array_like of shape (n,)
        Higher means an earlier event; scores closer than 1e-9 of their spread are tied.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    NoEventsError
        There is no comparable pair.

    References
    ----------
    Harrell FE, Lee KL, Mark DB. Multivariable prognostic models. Stat Med 1996;15:361-387.
    """
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    score = vector(risk, "risk", n)
    spread = float(np.ptp(score)) or 1.0
    rank = np.unique(np.round(score / spread, 9), return_inverse=True)[1]
    w = positive_weights(weights, n)
    stratum = codes(strata, "strata", n)[0]
    counts = np.zeros(3)
    for label in range(int(stratum.max()) + 1):
        own = np.flatnonzero(stratum == label)
        counts += _count_pairs(stop[own], died[own], rank[own], None if start is None else start[own], w[own])
    comparable = float(counts.sum())
    if comparable == 0:
        raise NoEventsError(
            "No pair of people can be compared", field="event", remedy="Nobody dies before another."
        )
    return float((counts[0] + counts[2] / 2) / comparable)


def _count_pairs(
    time: FloatArray,
    died: np.ndarray,
    rank: np.ndarray,
    entry: FloatArray | None,
    weights: FloatArray,
) -> FloatArray:
    """Weighted numbers of concordant, discordant and tied pairs, one pass over the death times."""
    result = np.zeros(3)
    levels = int(rank.max()) + 1
    order = np.argsort(time, kind="stable")
    for t in np.unique(time[died]):
        longer = (time > t) | ((time == t) & ~died)
        if entry is not None:
            longer &= entry < t
        weight_at = np.bincount(rank[longer], weights[longer], minlength=levels)
        below = np.concatenate([[0.0], np.cumsum(weight_at)])
        deaths = order[np.searchsorted(time[order], t) : np.searchsorted(time[order], t, side="right")]
        deaths = deaths[died[deaths]]
        lower, tied = below[rank[deaths]], weight_at[rank[deaths]]
        higher = below[-1] - lower - tied
        result += weights[deaths] @ np.column_stack([lower, higher, tied])
    return result
