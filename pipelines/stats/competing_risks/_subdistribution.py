"""Risk sets of the subdistribution, without a row per person and censoring time.

Somebody who had another event at T stays in the risk set of every later time t with weight G(t-)/G(T-), G
the probability of still being observed. That is a number of the person times a number of the time, so sums
over risk sets are running sums: of those at risk proper, and G(t-) times that of those kept. A *group* is
the set of events of interest at one time; groups run forward in time.
"""

from dataclasses import dataclass

import numpy as np

from .._inputs import FloatArray, IntArray
from ..errors import RiskSetError
from ._censoring import CensoringCurve


@dataclass(frozen=True)
class SubdistributionSets:
    """The sorted data of one stratum: n rows by time, p covariates, G groups, K terms, C censoring curves.

    A *term* is one factor of the partial likelihood, as in the Cox model: with Efron's method each event of
    a group has its own, in which `term_fraction` of the group's own risk is taken away.
    """

    rows: IntArray  # (n,) row of the input
    covariates: FloatArray  # (n, p)
    weights: FloatArray  # (n,)
    first: IntArray  # (n,) first group the row is at risk for
    stop: IntArray  # (n,) first group it is no longer at risk for
    late: IntArray  # rows with first > 0, by `first`
    kept: tuple[IntArray, ...]  # by curve: rows with another event
    kept_share: tuple[FloatArray, ...]  # 1 / G(T-) of each of them
    curve_at: FloatArray  # (C, G) G(t-) at each group's time
    group_time: FloatArray  # (G,)
    event_rows: IntArray  # (D,) by group
    event_group: IntArray  # (D,)
    event_weight: FloatArray  # (G,)
    term_group: IntArray  # (K,)
    term_fraction: FloatArray  # (K,)
    term_weight: FloatArray  # (K,)

    def at_risk_sum(self, values: FloatArray) -> FloatArray:
        """Weighted sum of `values` (n,) or (n, p) over the risk set of each group."""
        groups = len(self.group_time)
        total = _from_on(_sum_by(values, self.stop, groups + 1))
        if len(self.late):
            total -= _from_on(_sum_by(values[self.late], self.first[self.late], groups + 1))
        for rows, share, curve in zip(self.kept, self.kept_share, self.curve_at, strict=True):
            own = values[rows] * _like(share, values)
            running = np.cumsum(_sum_by(own, self.stop[rows], groups + 1), axis=0)[:-1]
            total += _like(curve, running) * running
        return total

    def sum_while_at_risk(self, per_group: FloatArray) -> FloatArray:
        """Weighted sum of `per_group` (G,) or (G, p) over the risk sets of each row."""
        running = _from_nothing(per_group)
        total = running[self.stop] - running[self.first]
        for rows, share, curve in zip(self.kept, self.kept_share, self.curve_at, strict=True):
            kept = _from_nothing(_like(curve, per_group) * per_group)
            total[rows] += _like(share, per_group) * (kept[-1] - kept[self.stop[rows]])
        return total

    def event_sum(self, values: FloatArray) -> FloatArray:
        """Sum of `values` over the events of each group."""
        return _sum_by(values[self.event_rows], self.event_group, len(self.group_time))

    def term_sum(self, values: FloatArray) -> FloatArray:
        """Sum of `values` (K,) over the terms of each group."""
        return _sum_by(values, self.term_group, len(self.group_time))


@dataclass(frozen=True)
class Sums:
    """The partial likelihood of one stratum at one coefficient vector, as in the Cox model.

    With term weight v, fraction f and denominator D of each term, summed over the terms of a group:
    `one = Σv/D`, `frac = Σvf/D`, `one2 = Σv/D²`, `frac2 = Σvf/D²`, `fracfrac2 = Σvf²/D²`.
    """

    log_likelihood: float
    relative: FloatArray  # (n,) exp(linear predictor - shift)
    at_risk_x: FloatArray  # (G, p)
    event_x: FloatArray  # (G, p)
    one: FloatArray
    frac: FloatArray
    one2: FloatArray
    frac2: FloatArray
    fracfrac2: FloatArray

    @property
    def leaning(self) -> FloatArray:
        """Minus the derivative of `one` by the coefficients (G, p)."""
        return self.one2[:, None] * self.at_risk_x - self.frac2[:, None] * self.event_x

    @property
    def expected(self) -> FloatArray:
        """Weighted sum of the expected covariates over the events of each group (G, p)."""
        return self.one[:, None] * self.at_risk_x - self.frac[:, None] * self.event_x


def build_sets(
    rows: IntArray,
    time: FloatArray,
    kind: IntArray,
    entry: FloatArray | None,
    covariates: FloatArray,
    weights: FloatArray,
    curve_of: IntArray,
    curves: tuple[CensoringCurve, ...],
    ties: str,
) -> SubdistributionSets:
    """Find the groups of events and each row's run of risk sets.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        Rows of the input, sorted by time; the other arrays are in their order.
    time, entry, weights, covariates : ndarray
    kind : ndarray of int, shape (n,)
        1 for the event of interest, 2 for another, 0 for censored.
    curve_of : ndarray of int, shape (n,)
        Which of `curves` is each row's.
    ties : {"efron", "breslow"}
    """
    event_rows = np.flatnonzero(kind == 1)
    group_time, event_group, counts = np.unique(time[event_rows], return_inverse=True, return_counts=True)
    first = np.zeros(len(rows), dtype=np.int64)
    if entry is not None:
        first = np.searchsorted(group_time, entry, side="right").astype(np.int64)
    late = np.argsort(first, kind="stable")
    kept = tuple(np.flatnonzero((kind == 2) & (curve_of == c)) for c in range(len(curves)))
    share = tuple(curve.before(time[own]) for curve, own in zip(curves, kept, strict=True))
    lost = sum(int(np.count_nonzero(own <= 0)) for own in share)
    if lost:
        raise RiskSetError(
            "People with another event at a time before all who were observed later had entered",
            field="entry",
            count=lost,
            remedy="Begin later, where enough are under observation, and count who is left out.",
        )
    event_weight = _sum_by(weights[event_rows], event_group, len(group_time))
    groups = np.arange(len(group_time))
    if ties == "efron":
        term_group = np.repeat(groups, counts)
        starts = np.cumsum(counts) - counts
        fraction = (np.arange(len(event_rows)) - starts[term_group]) / counts[term_group]
        term_weight = (event_weight / counts)[term_group]
    else:
        term_group, fraction, term_weight = groups, np.zeros(len(groups)), event_weight
    return SubdistributionSets(
        rows=rows,
        covariates=covariates,
        weights=weights,
        first=first,
        stop=np.searchsorted(group_time, time, side="right").astype(np.int64),
        late=late[first[late] > 0],
        kept=kept,
        kept_share=tuple(1 / own for own in share),
        curve_at=np.array([curve.before(group_time) for curve in curves]),
        group_time=group_time,
        event_rows=event_rows,
        event_group=event_group,
        event_weight=event_weight,
        term_group=term_group,
        term_fraction=fraction,
        term_weight=term_weight,
    )


def evaluate(sets: SubdistributionSets, predictor: FloatArray) -> Sums:
    """Partial likelihood and risk-set sums at a linear predictor (n,)."""
    relative = np.exp(predictor)
    weighted = sets.weights * relative
    event_risk = sets.event_sum(weighted)
    fraction = sets.term_fraction
    denominator = sets.at_risk_sum(weighted)[sets.term_group] - fraction * event_risk[sets.term_group]
    weighted_x = weighted[:, None] * sets.covariates
    ratio, events = sets.term_weight / denominator, sets.event_rows
    return Sums(
        log_likelihood=float(
            np.sum(sets.weights[events] * predictor[events]) - np.sum(sets.term_weight * np.log(denominator))
        ),
        relative=relative,
        at_risk_x=sets.at_risk_sum(weighted_x),
        event_x=sets.event_sum(weighted_x),
        one=sets.term_sum(ratio),
        frac=sets.term_sum(ratio * fraction),
        one2=sets.term_sum(ratio / denominator),
        frac2=sets.term_sum(ratio * fraction / denominator),
        fracfrac2=sets.term_sum(ratio * fraction**2 / denominator),
    )


def gradient(sets: SubdistributionSets, at: Sums, factor: FloatArray | float = 1.0) -> FloatArray:
    """First derivative of the log partial likelihood (p,); `factor` (G,) weighs the groups."""
    weighted = sets.weights[:, None] * sets.covariates
    per_group = sets.event_sum(weighted) - at.expected
    return (np.ones(len(at.one)) * factor) @ per_group


def information(sets: SubdistributionSets, at: Sums, factor: FloatArray | float = 1.0) -> FloatArray:
    """Minus the second derivative (p, p); `factor` (G,) weighs the groups."""
    f = np.ones(len(at.one)) * factor
    lived = hazard_lived(sets, at, f)
    x, s, d = sets.covariates, at.at_risk_x, at.event_x
    cross = s.T @ ((f * at.frac2)[:, None] * d)
    full = x.T @ ((sets.weights * at.relative * lived)[:, None] * x)
    full += cross + cross.T - s.T @ ((f * at.one2)[:, None] * s) - d.T @ ((f * at.fracfrac2)[:, None] * d)
    symmetric: FloatArray = (full + full.T) / 2
    return symmetric


def hazard_lived(sets: SubdistributionSets, at: Sums, factor: FloatArray) -> FloatArray:
    """Baseline hazard each row lives through, weighted by `factor` (G,); an event's own share taken off."""
    total = sets.sum_while_at_risk(factor * at.one)
    total[sets.event_rows] -= (factor * at.frac)[sets.event_group]
    return total


def score_rows(sets: SubdistributionSets, at: Sums) -> FloatArray:
    """Score residual of each row, unweighted (n, p)."""
    events, group = sets.event_rows, sets.event_group
    lived = hazard_lived(sets, at, np.ones(len(at.one)))
    expected = lived[:, None] * sets.covariates - sets.sum_while_at_risk(at.leaning)
    own = at.frac2[:, None] * at.at_risk_x - at.fracfrac2[:, None] * at.event_x
    expected[events] += own[group]
    residual = -at.relative[:, None] * expected
    residual[events] += sets.covariates[events] - (at.expected / sets.event_weight[:, None])[group]
    return residual


def hazard_score_rows(sets: SubdistributionSets, at: Sums, until: int) -> FloatArray:
    """Influence of each row on the baseline hazard up to the group `until`, coefficients held (n,)."""
    early = np.arange(len(at.one)) < until
    influence = -at.relative * sets.sum_while_at_risk(early * at.one2)
    group = sets.event_group
    own = at.one / sets.event_weight
    influence[sets.event_rows] += (early * own)[group] + at.relative[sets.event_rows] * (early * at.frac2)[
        group
    ]
    return influence


def _sum_by(values: FloatArray, index: IntArray, size: int) -> FloatArray:
    """Sum rows by `index`, which does not fall: (size,) or (size, p)."""
    total = np.zeros((size, *values.shape[1:]))
    if len(index):
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        total[index[starts]] = np.add.reduceat(values, starts, axis=0)
    return total


def _from_on(values: FloatArray) -> FloatArray:
    """Sum of all after each entry but the last: (G + 1, …) to (G, …)."""
    return np.cumsum(values[::-1], axis=0)[::-1][1:].copy()


def _from_nothing(values: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _like(column: FloatArray, values: FloatArray) -> FloatArray:
    return column[:, None] if values.ndim == 2 else column
