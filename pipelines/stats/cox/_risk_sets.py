"""Who is at risk at each death time, and the sums over them that every Cox quantity is made of.

Rows are put in one canonical order (stratum, time downwards, deaths first, then a hash of the row), so that
sums run the same way whatever the order of the input. A *group* is the set of deaths of one stratum at one
time; groups are numbered in that order too, so a row is at risk for a run of groups `enters <= g < leaves`
and sums over risk sets are running sums. The Hessian is one weighted cross-product minus group terms.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray, row_hash

BLOCK = 1024
FEW_GROUPS = 20  # rows per group from which adding up group by group is faster


@dataclass(frozen=True)
class RiskSets:
    """The sorted data of a Cox model; n rows that are ever at risk, p covariates, G groups, K terms.

    A *term* is one factor of the partial likelihood: with Efron's method each death of a group has its own,
    in which `fraction` of the group's own risk is taken away; with Breslow's a group has one.
    """

    rows: IntArray  # (n,) input row of each
    covariates: FloatArray  # (n, p) centred, divided by `scale`
    centre: FloatArray  # (p,)
    scale: FloatArray  # (p,) powers of two, so that dividing rounds nothing
    weights: FloatArray  # (n,)
    died: BoolArray  # (n,)
    enters: IntArray  # (n,) first group the row is at risk for
    leaves: IntArray  # (n,) first group it is no longer at risk for
    group_stratum: IntArray  # (G,)
    group_time: FloatArray  # (G,)
    group_starts: IntArray  # (G,) first row that enters at the group
    death_rows: IntArray  # (D,) rows that die, by group
    death_group: IntArray  # (D,)
    death_starts: IntArray  # (G,)
    death_weight: FloatArray  # (G,)
    stratum_bounds: IntArray  # (S + 1,) first group of each stratum, and the number of groups
    leaving_rows: IntArray  # rows that leave before their stratum's last group, by group
    leaving_groups: IntArray
    leaving_starts: IntArray
    term_group: IntArray  # (K,)
    term_fraction: FloatArray  # (K,)
    term_weight: FloatArray  # (K,)
    term_starts: IntArray  # (G,)

    @property
    def has_tied_terms(self) -> bool:
        """Whether any term takes a share of its group's own risk away."""
        return bool(self.term_fraction.any())

    @property
    def n_groups(self) -> int:
        """Number of groups of deaths."""
        return len(self.group_time)

    def at_risk_sum(self, values: FloatArray) -> FloatArray:
        """Sum `values` (n,) or (n, p) over the risk set of each group: (G,) or (G, p)."""
        if self.n_groups * FEW_GROUPS >= len(values) and not len(self.leaving_rows):
            ends = np.append(self.group_starts[1:], len(values)) - 1
            bounds = np.append(self.group_starts, len(values))[self.stratum_bounds]
            at_ends: FloatArray = _running_sum(values, bounds)[ends]
            return at_ends
        change = _segment_sum(values, self.group_starts)
        if len(self.leaving_rows):
            change[self.leaving_groups] -= _segment_sum(values[self.leaving_rows], self.leaving_starts)
        return _running_sum(change, self.stratum_bounds)

    def death_sum(self, values: FloatArray) -> FloatArray:
        """Sum `values` (n,) or (n, p) over the deaths of each group."""
        return _segment_sum(values[self.death_rows], self.death_starts)

    def term_sum(self, values: FloatArray) -> FloatArray:
        """Sum `values` (K,) over the terms of each group."""
        return _segment_sum(values, self.term_starts)

    def sum_while_at_risk(self, per_group: FloatArray) -> FloatArray:
        """Sum `per_group` (G,) or (G, p) over the groups each row is at risk for: (n,) or (n, p)."""
        # Groups run backwards in time: summing from the last one is summing from the earliest time, where
        # hazards are small, so that nothing small is left over from a difference of large sums.
        later = _running_sum(per_group[::-1], self.n_groups - self.stratum_bounds[::-1])[::-1]
        total = later[self.enters]
        total[self.leaving_rows] -= later[self.leaves[self.leaving_rows]]
        return total


@dataclass(frozen=True)
class Evaluation:
    """The partial likelihood at one coefficient vector; suffixes say the power of the denominator.

    With term weight v, fraction f and denominator D of each term, summed over the terms of a group:
    `one = Σv/D`, `frac = Σvf/D`, `one2 = Σv/D²`, `frac2 = Σvf/D²`, `fracfrac2 = Σvf²/D²`.
    """

    log_likelihood: float
    shift: float  # taken off the linear predictor so that exp cannot overflow
    relative: FloatArray  # (n,) exp(linear predictor - shift)
    at_risk_x: FloatArray  # (G, p) Σ w·relative·x over the risk set
    death_x: FloatArray  # (G, p) the same over the deaths; (1, p) of zeros where no term needs it
    one: FloatArray
    frac: FloatArray
    one2: FloatArray
    frac2: FloatArray
    fracfrac2: FloatArray


def build_risk_sets(
    time: FloatArray,
    died: BoolArray,
    covariates: FloatArray,
    entry: FloatArray | None,
    weights: FloatArray,
    stratum: IntArray,
    ties: str,
) -> RiskSets:
    """Sort the rows, find the groups of deaths and each row's run of risk sets.

    Parameters
    ----------
    time, entry, weights : ndarray of shape (n,)
        Exit time, entry time (None when all are observed from the start), case weight.
    died : ndarray of bool, shape (n,)
    covariates : ndarray of shape (n, p)
    stratum : ndarray of int, shape (n,)
        Whole numbers from 0.
    ties : {"efron", "breslow"}
    """
    ends = time if entry is None else np.concatenate([time, entry])
    distinct, rank = np.unique(ends, return_inverse=True)
    span = len(distinct) + 1
    key = stratum * span + (len(distinct) - rank[: len(time)])  # grows with stratum, falls with time
    hashed = row_hash(covariates, weights, *(() if entry is None else (entry,)))
    order = np.lexsort((hashed, ~died, key))
    key, died = key[order], died[order]

    group_key, first_death, counts = np.unique(key[died], return_index=True, return_counts=True)
    stratum_end = np.searchsorted(group_key, (stratum[order] + 1) * span)
    enters = np.searchsorted(group_key, key)
    leaves = stratum_end
    if entry is not None:
        entry_key = stratum * span + (len(distinct) - rank[len(time) :])
        leaves = np.minimum(stratum_end, np.searchsorted(group_key, entry_key[order]))

    useful = enters < leaves
    order, died, enters, leaves = order[useful], died[useful], enters[useful], leaves[useful]
    stays = leaves == stratum_end[useful]
    x, centre, scale = _standardize(covariates[order])
    w = weights[order]
    groups = np.arange(len(group_key))
    leaving = np.argsort(leaves, kind="stable")
    leaving = leaving[~stays[leaving]]
    leaving_groups, leaving_starts = np.unique(leaves[leaving], return_index=True)
    group_stratum = group_key // span
    firsts = np.flatnonzero(np.diff(group_stratum, prepend=-1))
    death_rows = np.flatnonzero(died)
    death_weight = _segment_sum(w[death_rows], first_death)
    if ties == "efron":
        term_group, term_starts = np.repeat(groups, counts), first_death
        term_fraction = (np.arange(len(death_rows)) - first_death[term_group]) / counts[term_group]
        term_weight = (death_weight / counts)[term_group]
    else:
        term_group, term_starts = groups, groups
        term_fraction, term_weight = np.zeros(len(groups)), death_weight
    return RiskSets(
        rows=order,
        covariates=x,
        centre=centre,
        scale=scale,
        weights=w,
        died=died,
        enters=enters,
        leaves=leaves,
        group_stratum=group_stratum,
        group_time=distinct[len(distinct) - group_key % span],
        group_starts=np.searchsorted(enters, groups),
        death_rows=death_rows,
        death_group=np.repeat(groups, counts),
        death_starts=first_death,
        death_weight=death_weight,
        stratum_bounds=np.append(firsts, len(groups)),
        leaving_rows=leaving,
        leaving_groups=leaving_groups,
        leaving_starts=leaving_starts,
        term_group=term_group,
        term_fraction=term_fraction,
        term_weight=term_weight,
        term_starts=term_starts,
    )


def evaluate(sets: RiskSets, beta: FloatArray) -> Evaluation:
    """Partial likelihood and risk-set sums at `beta` (p,), on the scaled covariates."""
    predictor = sets.covariates @ beta
    shift = float(predictor.max())
    predictor = predictor - shift
    relative = np.exp(predictor)
    weighted = sets.weights * relative
    death_risk = sets.death_sum(weighted)
    denominator = (
        sets.at_risk_sum(weighted)[sets.term_group] - sets.term_fraction * death_risk[sets.term_group]
    )
    weighted_x = weighted[:, None] * sets.covariates
    ratio, fraction = sets.term_weight / denominator, sets.term_fraction
    deaths = sets.death_rows
    return Evaluation(
        log_likelihood=float(
            np.sum(sets.weights[deaths] * predictor[deaths]) - np.sum(sets.term_weight * np.log(denominator))
        ),
        shift=shift,
        relative=relative,
        at_risk_x=sets.at_risk_sum(weighted_x),
        death_x=sets.death_sum(weighted_x) if sets.has_tied_terms else np.zeros((1, len(beta))),
        one=sets.term_sum(ratio),
        frac=sets.term_sum(ratio * fraction),
        one2=sets.term_sum(ratio / denominator),
        frac2=sets.term_sum(ratio * fraction / denominator),
        fracfrac2=sets.term_sum(ratio * fraction**2 / denominator),
    )


def expected_sum(at: Evaluation) -> FloatArray:
    """Weighted sum of the expected covariates over the deaths of each group: (G, p)."""
    expected = at.one[:, None] * at.at_risk_x
    return expected - at.frac[:, None] * at.death_x if at.frac.any() else expected


def hazard_while_at_risk(sets: RiskSets, at: Evaluation, per_group: FloatArray | None = None) -> FloatArray:
    """Baseline hazard each row lives through (times `per_group`), a death's own tie correction taken off."""
    factor = np.ones(sets.n_groups) if per_group is None else per_group
    total = sets.sum_while_at_risk(factor * at.one)
    total[sets.death_rows] -= (factor * at.frac)[sets.death_group]
    return total


def gradient(sets: RiskSets, at: Evaluation) -> FloatArray:
    """First derivative of the log partial likelihood (p,): the weighted martingale residuals times x."""
    residual = sets.died - at.relative * hazard_while_at_risk(sets, at)
    result: FloatArray = (sets.weights * residual) @ sets.covariates
    return result


def information(sets: RiskSets, at: Evaluation, per_group: FloatArray | None = None) -> FloatArray:
    """Minus the second derivative (p, p), each group's share multiplied by `per_group` where given."""
    factor = np.ones(sets.n_groups) if per_group is None else per_group
    row_weight = sets.weights * at.relative * hazard_while_at_risk(sets, at, factor)
    s, d = at.at_risk_x, at.death_x
    full = _cross(sets.covariates, row_weight, sets.covariates) - _cross(s, factor * at.one2, s)
    if at.frac2.any():
        cross = _cross(s, factor * at.frac2, d)
        full += cross + cross.T - _cross(d, factor * at.fracfrac2, d)
    symmetric: FloatArray = (full + full.T) / 2
    return symmetric


def _cross(left: FloatArray, weights: FloatArray, right: FloatArray) -> FloatArray:
    """Weighted cross-product left' diag(weights) right, in blocks that stay in the cache."""
    total = np.zeros((left.shape[1], right.shape[1]))
    for start in range(0, len(left), BLOCK):
        rows = slice(start, start + BLOCK)
        total += left[rows].T @ (weights[rows, None] * right[rows])
    return total


def _standardize(covariates: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    centre = covariates.mean(axis=0)
    centred = covariates - centre
    spread = np.sqrt(np.mean(centred**2, axis=0))
    varies = spread > 1e-12 * np.abs(centre)  # what rounding leaves of a constant is not a spread
    scale = np.exp2(np.round(np.log2(np.where(varies, spread, 1.0))))
    return centred / scale, centre, scale


def _segment_sum(values: FloatArray, starts: IntArray) -> FloatArray:
    """Sum consecutive runs of rows; every run has at least one row."""
    if values.ndim == 2 and len(starts) * FEW_GROUPS < len(values):
        stops = np.append(starts[1:], len(values))
        return np.array([values[a:b].sum(axis=0) for a, b in zip(starts, stops, strict=True)])
    return np.asarray(np.add.reduceat(values, starts, axis=0), dtype=np.float64)


def _running_sum(values: FloatArray, bounds: IntArray) -> FloatArray:
    """Cumulative sums that begin anew at each of `bounds`, so that strata do not share rounding errors."""
    total = np.empty_like(values)
    for start, stop in pairwise(bounds.tolist()):
        np.cumsum(values[start:stop], axis=0, out=total[start:stop])
    return total
