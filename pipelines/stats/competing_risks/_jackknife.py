"""Infinitesimal jackknife of state probabilities, for all people and times in one pass.

With S the probability of no event, F_k that of cause k, h_k the hazards, h their sum and Y the number at
risk, the influence of a row on F_k(t) is

    sum over u <= t of  S(u-)(dN_k - h_k)/Y - (F_k(t) - F_k(u)) (dN - h) / ((1 - h) Y)   while at risk,

which is a_k - F_k(t) d where a_k and d no longer depend on t once the row has left, and while it is at risk
grow by the same steps for everybody. So the sum of squares over clusters at every t needs only running sums
of products of (a_k, d, weight at risk), which change when a row enters or leaves.
"""

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray
from ._causes import count_by

ROUNDING = 1e-13


def state_std_err(
    place: IntArray,
    first: IntArray,
    code: IntArray,
    weights: FloatArray,
    cluster: IntArray,
    n_risk: FloatArray,
    n_event: FloatArray,
    incidence: FloatArray,
    survival: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Standard errors of the incidences (m, K) and of the probability of no event (m,).

    Parameters
    ----------
    place, first, code, weights, cluster : ndarray of shape (n,)
        Index of the time at which each row leaves, of the first at which it is at risk; its cause (0 for
        none); case weight; cluster.
    n_risk, survival : ndarray of shape (m,)
    n_event, incidence : ndarray of shape (m, K)
    """
    hazard = n_event.sum(axis=1) / n_risk
    before = np.concatenate([[1.0], survival[:-1]])
    # Where everybody has the event the curves stay as they are, and there is nothing to pass on.
    passed_on = np.divide(1.0, 1 - hazard, out=np.zeros_like(hazard), where=survival > 0)
    shared_d = -np.cumsum(hazard * passed_on / n_risk)
    own_d = np.where(code > 0, (passed_on / n_risk)[place], 0.0)
    change = _Changes(place, first, weights, cluster, len(n_risk))
    d = change.rows(shared_d, own_d)

    columns = []
    for j in range(n_event.shape[1]):
        f = incidence[:, j]
        shared = -np.cumsum((before * n_event[:, j] / n_risk + f * passed_on * hazard) / n_risk)
        own = np.where(code == j + 1, (before / n_risk)[place], 0.0) + f[place] * own_d
        columns.append(change.root_sum_of_squares(change.rows(shared, own), d, shared, shared_d, f))
    nothing = np.zeros(2 * len(place))
    no_event = change.root_sum_of_squares(nothing, d, np.zeros(len(n_risk)), shared_d, survival)
    return np.column_stack(columns), no_event


def incidence_influence(
    place: IntArray,
    first: IntArray,
    is_own: BoolArray,
    is_event: BoolArray,
    weights: FloatArray,
    n_risk: FloatArray,
    n_event: FloatArray,
    own_event: FloatArray,
    incidence: FloatArray,
    survival: FloatArray,
    until: int,
) -> FloatArray:
    """Influence of each row, weighted, on the incidence of one cause just after the time of index `until` (n,).

    Parameters
    ----------
    place, first, is_own, is_event, weights : ndarray of shape (n,)
        Index of the time at which each row leaves, of the first at which it is at risk; whether it leaves
        with the cause, or with any event; case weight.
    n_risk, n_event, own_event, incidence, survival : ndarray of shape (m,)
        Events of any kind, and those of the cause.
    until : int
    """
    hazard = n_event / n_risk
    before = np.concatenate([[1.0], survival[:-1]])
    passed_on = np.divide(1.0, 1 - hazard, out=np.zeros_like(hazard), where=survival > 0)
    passed_on = passed_on * (incidence[until] - incidence)
    lived = np.concatenate([[0.0], np.cumsum((before * own_event / n_risk - passed_on * hazard) / n_risk)])
    last = np.minimum(place, until)
    at_risk = first <= last
    total = np.where(at_risk, lived[np.minimum(first, last)] - lived[last + 1], 0.0)
    gone = place <= until
    total += np.where(gone & is_own, (before / n_risk)[place], 0.0)
    total -= np.where(gone & is_event, (passed_on / n_risk)[place], 0.0)
    influence: FloatArray = weights * total
    return influence


class _Changes:
    """Every row's entering and leaving, by cluster and time."""

    def __init__(
        self, place: IntArray, first: IntArray, weights: FloatArray, cluster: IntArray, size: int
    ) -> None:
        self.place, self.first, self.weights, self.size = place, first, weights, size
        when, who = np.concatenate([first, place]), np.concatenate([cluster, cluster])
        self.order = np.lexsort((when, who))
        self.when = when[self.order]
        self.begins = np.flatnonzero(np.diff(who[self.order], prepend=-1))
        self.at_risk = np.concatenate([weights, -weights])

    def rows(self, shared: FloatArray, own: FloatArray) -> FloatArray:
        """What enters with each row and leaves with it (2n,), so that its running sum is its influence."""
        start = np.concatenate([[0.0], shared])[self.first]
        return np.concatenate([-self.weights * start, self.weights * (shared[self.place] + own)])

    def root_sum_of_squares(
        self, a: FloatArray, d: FloatArray, shared_a: FloatArray, shared_d: FloatArray, f: FloatArray
    ) -> FloatArray:
        """Root of the sum over clusters of {a - f d}² at each time (m,)."""
        state_a, state_d, at_risk = (self._running(values) for values in (a, d, self.at_risk))
        aa, ad, dd = self._sum(state_a, state_a), self._sum(state_a, state_d), self._sum(state_d, state_d)
        aw, dw = self._sum(state_a, at_risk), self._sum(state_d, at_risk)
        common = shared_a - f * shared_d
        terms = (
            aa,
            -2 * f * ad,
            f**2 * dd,
            2 * common * aw,
            -2 * common * f * dw,
            common**2 * self._sum(at_risk, at_risk),
        )
        total = np.sum(terms, axis=0)
        size = np.sum(np.abs(terms), axis=0)
        return np.sqrt(np.where(total > ROUNDING * size, total, 0.0))

    def _running(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Each cluster's sum before and after each change."""
        ordered = values[self.order]
        total = np.cumsum(ordered)
        base = np.concatenate([[0.0], total])[self.begins]
        sizes = np.diff(np.append(self.begins, len(total)))
        after = total - np.repeat(base, sizes)
        return after - ordered, after

    def _sum(self, x: tuple[FloatArray, FloatArray], y: tuple[FloatArray, FloatArray]) -> FloatArray:
        """Sum over clusters of the product at each time."""
        change = x[1] * y[1] - x[0] * y[0]
        return np.cumsum(count_by(self.when, change, self.size))
