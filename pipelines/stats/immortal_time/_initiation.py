"""Strategies of when to operate within the grace period, and the weights that turn people into them.

A strategy cuts the grace period into intervals and gives each a probability of holding the operation; within
an interval the timing stays as it was observed. With F(t) the probability of being operated by t (were one
to live), b the edges, p the planned probabilities:

    operated in interval k          p_k / (F(b_k) - F(b_{k-1}))
    unoperated at t in interval k   (p_k (F(b_k) - F(t)) / (F(b_k) - F(b_{k-1})) + sum of later p) / (1 - F(t))
    unoperated at g                 0: censored

These are planned over natural probabilities of the history so far, so a death before the operation is
counted with the weight of the unoperated. The three named strategies are three choices of intervals:

    as_observed          one interval, p = 1: 1/F(g), and (1 - F(t)/F(g))/(1 - F(t)) while unoperated
    natural_then_forced  natural (p = F, weight 1) to the last interval, which takes everybody left
    uniform              equal intervals, p proportional to their width
"""

from dataclasses import dataclass

import numpy as np

from .._inputs import FloatArray
from ..errors import EmptyArmError
from .surgery_hazard import SurgeryHazard

STRATEGIES = ("as_observed", "natural_then_forced", "uniform")


@dataclass(frozen=True)
class Initiation:
    """Planned and natural probabilities of the operation by interval, for n people and K intervals."""

    edges: FloatArray  # (K + 1,)
    planned: FloatArray  # (n, K)
    natural: FloatArray  # (n, K)
    hazard: SurgeryHazard

    def interval_of(self, at: float) -> int:
        """Interval (b_{k-1}, b_k] that holds `at`; the first holds time zero too."""
        return int(np.clip(np.searchsorted(self.edges, at, side="left") - 1, 0, self.planned.shape[1] - 1))

    def unoperated(self, at: float) -> FloatArray:
        """Weight of each person, were she unoperated at `at` (n,)."""
        k = self.interval_of(at)
        left_in_interval = self.hazard.operated_between(at, float(self.edges[k + 1]))
        later = self.planned[:, k + 1 :].sum(axis=1)
        weight: FloatArray = (self._ratio(k) * left_in_interval + later) / self.hazard.unoperated(at)
        return weight

    def operated(self, surgery: FloatArray) -> FloatArray:
        """Weight of each person from the operation on (n,); 0 where there was none in the grace period."""
        weight = np.zeros(len(surgery))
        tops = self.edges[1:]
        place = np.searchsorted(tops, surgery, side="left")
        for k in range(len(tops)):
            own = place == k
            weight[own] = self._ratio(k)[own]
        return weight

    def _ratio(self, k: int) -> FloatArray:
        natural = self.natural[:, k]
        ones = np.ones_like(natural)
        return np.divide(self.planned[:, k], natural, out=ones, where=natural > 0)


def plan_initiation(strategy: str, hazard: SurgeryHazard, interval: float) -> Initiation:
    """Cut the grace period as the strategy says.

    Raises
    ------
    EmptyArmError
        The strategy operates in an interval in which nobody was.
    """
    grace = hazard.until
    edges = _edges(strategy, grace, interval)
    starts = [-np.inf, *edges[1:-1].tolist()]  # operations at time zero belong to the first interval
    natural = np.column_stack(
        [hazard.operated_between(start, stop) for start, stop in zip(starts, edges[1:].tolist(), strict=True)]
    )
    planned = np.ones_like(natural)
    if strategy == "uniform" and grace > 0:
        planned *= np.diff(edges) / grace
    elif natural.shape[1] > 1:
        planned[:, 0], planned[:, 1] = natural[:, 0], hazard.unoperated(float(edges[1]))
    forced = slice(len(edges) - 2, None) if strategy == "natural_then_forced" else slice(None)
    empty = int(np.count_nonzero(natural[:, forced].max(axis=0) <= 0))
    if empty:
        raise EmptyArmError(
            f"The strategy {strategy} operates in intervals in which nobody was operated",
            field="interval",
            count=empty,
            remedy="Make the interval wider, or take the strategy as_observed.",
        )
    return Initiation(edges, planned, natural, hazard)


def _edges(strategy: str, grace: float, interval: float) -> FloatArray:
    if grace <= interval or strategy == "as_observed":
        return np.array([0.0, grace])
    if strategy == "natural_then_forced":
        return np.array([0.0, grace - interval, grace])
    inner = np.arange(0.0, grace - 1e-9 * grace, interval)
    return np.append(inner, grace)
