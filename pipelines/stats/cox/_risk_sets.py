"""Who is at risk at each death time, and the sums over them that every Cox quantity is made of.

Rows are put in one canonical order (stratum, time downwards, deaths first, then a hash of the row), so that
sums run the same way whatever the order of the input. A *group* is the set of deaths of one stratum at one
time; groups are numbered in that order too, so a row is at risk for a run of groups `enters <= g < leaves`
and sums over risk sets are running sums. The Hessian is one weighted cross-product minus group terms. Sums
of covariates are made block by block and never held for all groups, unless somebody asks for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .._inputs import BoolArray, FloatArray, IntArray, row_hash

BLOCK = 2048  # rows whose covariates stay in the cache
FEW_GROUPS = 20  # rows per group from which adding up group by group is faster
MOST_KEY_BITS = 40
LONG_STRATUM = 64  # groups from which a stratum's running sum is made by itself


@dataclass(frozen=True)
class RiskSets:
    """The sorted data of a Cox model; n rows that are ever at risk, p covariates, G groups, K terms.

    A *term* is one factor of the partial likelihood: with Efron's method each death of a group has its own,
    in which `fraction` of the group's own risk is taken away; with Breslow's a group has one.
    """

    rows: IntArray  # (n,) input row of each
    covariates: FloatArray  # (n, p) centred, divided by `scale`; one covariate after the other in memory
    centre: FloatArray  # (p,)
    scale: FloatArray  # (p,) powers of two, so that dividing rounds nothing
    weights: FloatArray  # (n,)
    offset: FloatArray | None  # (n,)
    died: BoolArray  # (n,)
    enters: IntArray  # (n,) first group the row is at risk for
    leaves: IntArray  # (n,) first group it is no longer at risk for
    group_stratum: IntArray  # (G,)
    group_time: FloatArray  # (G,)
    group_starts: IntArray  # (G,) first row that enters at the group
    block_bounds: IntArray  # first group of each block of groups, and the number of groups
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
    tied_groups: IntArray  # groups with a term that takes a share of the group's own risk away
    tied_rows: IntArray  # rows that die in them, by group
    tied_starts: IntArray

    @property
    def has_tied_terms(self) -> bool:
        """Whether any term takes a share of its group's own risk away."""
        return len(self.tied_groups) > 0

    @property
    def n_groups(self) -> int:
        """Number of groups of deaths."""
        return len(self.group_time)

    @cached_property
    def death_total(self) -> FloatArray:
        """Weighted sum of the covariates of all deaths: (p,)."""
        total: FloatArray = self.covariates.T @ np.where(self.died, self.weights, 0.0)
        return total

    def at_risk_sum(self, values: FloatArray) -> FloatArray:
        """Sum `values` (n,) over the risk set of each group: (G,)."""
        change = np.add.reduceat(values, self.group_starts)
        if len(self.leaving_rows):
            change[self.leaving_groups] -= np.add.reduceat(values[self.leaving_rows], self.leaving_starts)
        return running_sum(change, self.stratum_bounds)

    def death_sum(self, values: FloatArray) -> FloatArray:
        """Sum `values` (n,) over the deaths of each group."""
        return _segment_sum(values[self.death_rows], self.death_starts)

    def term_sum(self, values: FloatArray) -> FloatArray:
        """Sum `values` (K,) over the terms of each group."""
        return _segment_sum(values, self.term_starts)

    def sum_while_at_risk(self, per_group: FloatArray) -> FloatArray:
        """Sum `per_group` (G,) over the groups each row is at risk for: (n,)."""
        later = self.sum_from_group_on(per_group)
        total = later[self.enters]
        total[self.leaving_rows] -= later[self.leaves[self.leaving_rows]]
        return total

    def sum_from_group_on(self, per_group: FloatArray) -> FloatArray:
        """Sum `per_group` (G,) or (p, G) over each group and those of its stratum that come after it."""
        # Groups run backwards in time: summing from the last one is summing from the earliest time, where
        # hazards are small, so that nothing small is left over from a difference of large sums.
        return running_sum(per_group[..., ::-1], self.n_groups - self.stratum_bounds[::-1])[..., ::-1]

    def covariate_sums(
        self, weighted: FloatArray
    ) -> Iterator[tuple[slice, FloatArray, IntArray, FloatArray]]:
        """Weighted sums of the covariates, a run of groups at a time.

        Parameters
        ----------
        weighted : ndarray of shape (n,)
            Weight times relative hazard of each row.

        Yields
        ------
        groups : slice
        at_risk : ndarray of shape (p, g)
            Σ weighted·x over each group's risk set.
        tied : ndarray of int, shape (t,)
            Which of these groups have tied terms.
        deaths : ndarray of shape (p, t)
            The same sums over the deaths of those.
        """
        x = self.covariates.T
        carried = np.zeros(len(x))
        for first, last in pairwise(self.block_bounds.tolist()):
            bounds = self._stratum_bounds_within(first, last)
            begin, end = self._span(self.group_starts, first, last, len(weighted))
            starts = self.group_starts[first:last] - begin
            running = _running_product(weighted, x, slice(begin, end), starts, bounds)
            if len(self.leaving_rows):
                running -= running_sum(self._left(first, last, weighted), bounds)
            if not np.any(self.stratum_bounds == first):  # its stratum began in a block before
                running[:, : bounds[1]] += carried[:, None]
            carried = running[:, -1]
            a, b = np.searchsorted(self.tied_groups, [first, last])
            deaths = self._tied_deaths(a, b, weighted)
            yield slice(first, last), running, self.tied_groups[a:b] - first, deaths

    def _tied_deaths(self, first: int, last: int, weighted: FloatArray) -> FloatArray:
        """Sums over the deaths of some of the tied groups (p, t); those of a group lie side by side."""
        begin, end = self._span(self.tied_starts, first, last, len(self.tied_rows))
        rows, starts = self.tied_rows[begin:end], self.tied_starts[first:last] - begin
        x = self.covariates.T
        if len(starts) * FEW_GROUPS >= len(rows):
            return _segment_product(weighted, x, rows, starts)
        lengths = np.diff(starts, append=len(rows)).tolist()
        runs = [slice(row, row + length) for row, length in zip(rows[starts].tolist(), lengths, strict=True)]
        return np.stack([x[:, run] @ weighted[run] for run in runs], axis=1)

    def _left(self, first: int, last: int, weighted: FloatArray) -> FloatArray:
        """What the rows that leave before each of some groups take away (p, g)."""
        gone = np.zeros((self.covariates.shape[1], last - first))
        a, b = np.searchsorted(self.leaving_groups, [first, last])
        if a < b:
            begin, end = self._span(self.leaving_starts, a, b, len(self.leaving_rows))
            rows, starts = self.leaving_rows[begin:end], self.leaving_starts[a:b] - begin
            gone[:, self.leaving_groups[a:b] - first] = _segment_product(
                weighted, self.covariates.T, rows, starts
            )
        return gone

    @staticmethod
    def _span(starts: IntArray, first: int, last: int, end: int) -> tuple[int, int]:
        bounds = (int(starts[k]) if k < len(starts) else end for k in (first, last))
        return next(bounds), next(bounds)

    def _stratum_bounds_within(self, first: int, last: int) -> IntArray:
        """Where strata begin among some groups, with 0 before and the number of groups after them."""
        a, b = np.searchsorted(self.stratum_bounds, [first + 1, last])
        return np.concatenate([[0], self.stratum_bounds[a:b] - first, [last - first]])


@dataclass(frozen=True)
class Evaluation:
    """The partial likelihood at one coefficient vector; suffixes say the power of the denominator.

    With term weight v, fraction f and denominator D of each term, summed over the terms of a group:
    `one = Σv/D`, `frac = Σvf/D`, `one2 = Σv/D²`, `frac2 = Σvf/D²`, `fracfrac2 = Σvf²/D²`.
    """

    sets: RiskSets
    log_likelihood: float
    shift: float  # taken off the linear predictor so that exp cannot overflow
    relative: FloatArray  # (n,) exp(linear predictor - shift)
    one: FloatArray
    frac: FloatArray
    one2: FloatArray
    frac2: FloatArray
    fracfrac2: FloatArray

    @cached_property
    def weighted(self) -> FloatArray:
        """Weight times relative hazard of each row (n,)."""
        return self.sets.weights * self.relative

    @cached_property
    def _sums(self) -> tuple[FloatArray, FloatArray]:
        parts = list(self.sets.covariate_sums(self.weighted))
        at_risk = np.hstack([part[1] for part in parts])
        deaths = np.zeros(at_risk.shape)
        deaths[:, self.sets.tied_groups] = np.hstack([part[3] for part in parts])
        return at_risk.T, deaths.T

    @property
    def at_risk_x(self) -> FloatArray:
        """Σ w·relative·x over each group's risk set (G, p); made when asked for, then kept."""
        return self._sums[0]

    @property
    def death_x(self) -> FloatArray:
        """The same over each group's deaths (G, p); zeros where they have no tied terms."""
        return self._sums[1]


def build_risk_sets(
    time: FloatArray,
    died: BoolArray,
    covariates: FloatArray,
    entry: FloatArray | None,
    weights: FloatArray,
    stratum: IntArray,
    ties: str,
    offset: FloatArray | None = None,
) -> RiskSets:
    """Sort the rows, find the groups of deaths and each row's run of risk sets.

    Parameters
    ----------
    time, entry, weights, offset : ndarray of shape (n,)
        Exit time, entry time (None when all are observed from the start), case weight, known part of the
        linear predictor (None where there is none).
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
    order = _canonical_order(2 * key + ~died, row_hash(covariates, weights, *_given(entry), *_given(offset)))
    key, died = key[order], died[order]

    group_key, first_death, counts = np.unique(key[died], return_index=True, return_counts=True)
    stratum_end = np.searchsorted(group_key, (stratum[order] + 1) * span)
    enters = np.searchsorted(group_key, key)
    leaves = stratum_end
    if entry is not None:
        entry_key = stratum * span + (len(distinct) - rank[len(time) :])
        leaves = np.minimum(stratum_end, np.searchsorted(group_key, entry_key[order]))

    useful = enters < leaves
    if not useful.all():
        order, died, enters, leaves = order[useful], died[useful], enters[useful], leaves[useful]
        stratum_end = stratum_end[useful]
    x, centre, scale = _standardized(covariates, order)
    w = weights[order]
    groups = np.arange(len(group_key))
    leaving = np.flatnonzero(leaves != stratum_end)
    leaving = leaving[np.argsort(leaves[leaving], kind="stable")]
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
    group_starts = np.searchsorted(enters, groups)
    is_tied = counts > 1 if ties == "efron" else np.zeros(len(groups), dtype=bool)
    tied = np.flatnonzero(is_tied)
    return RiskSets(
        rows=order,
        covariates=x.T,
        centre=centre,
        scale=scale,
        weights=w,
        offset=None if offset is None else offset[order],
        died=died,
        enters=enters,
        leaves=leaves,
        group_stratum=group_stratum,
        group_time=distinct[len(distinct) - group_key % span],
        group_starts=group_starts,
        block_bounds=_blocks(group_starts),
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
        tied_groups=tied,
        tied_rows=death_rows[np.repeat(is_tied, counts)],
        tied_starts=np.cumsum(counts[tied]) - counts[tied],
    )


@np.errstate(all="ignore")
def evaluate(sets: RiskSets, beta: FloatArray) -> Evaluation:
    """Partial likelihood and risk-set sums at `beta` (p,), on the scaled covariates.

    Where relative hazards are too far apart for numbers, the likelihood or its derivatives are not finite.
    """
    predictor = sets.covariates @ beta
    if sets.offset is not None:
        predictor += sets.offset
    shift = float(predictor.max())
    predictor -= shift
    relative = np.exp(predictor)
    weighted = sets.weights * relative
    denominator = sets.at_risk_sum(weighted)[sets.term_group]
    fraction = sets.term_fraction
    if sets.has_tied_terms:
        denominator -= fraction * sets.death_sum(weighted)[sets.term_group]
    ratio, deaths = sets.term_weight / denominator, sets.death_rows
    none = np.zeros(sets.n_groups)
    return Evaluation(
        sets=sets,
        log_likelihood=float(
            np.sum(sets.weights[deaths] * predictor[deaths]) - np.sum(sets.term_weight * np.log(denominator))
        ),
        shift=shift,
        relative=relative,
        one=sets.term_sum(ratio),
        one2=sets.term_sum(ratio / denominator),
        frac=sets.term_sum(ratio * fraction) if sets.has_tied_terms else none,
        frac2=sets.term_sum(ratio * fraction / denominator) if sets.has_tied_terms else none,
        fracfrac2=sets.term_sum(ratio * fraction**2 / denominator) if sets.has_tied_terms else none,
    )


def expected_sum(at: Evaluation) -> FloatArray:
    """Weighted sum of the expected covariates over the deaths of each group: (G, p)."""
    expected = at.one[:, None] * at.at_risk_x
    return expected - at.frac[:, None] * at.death_x if at.sets.has_tied_terms else expected


def hazard_while_at_risk(sets: RiskSets, at: Evaluation, per_group: FloatArray | None = None) -> FloatArray:
    """Baseline hazard each row lives through (times `per_group`), a death's own tie correction taken off."""
    factor = np.ones(sets.n_groups) if per_group is None else per_group
    total = sets.sum_while_at_risk(factor * at.one)
    if sets.has_tied_terms:
        total[sets.death_rows] -= (factor * at.frac)[sets.death_group]
    return total


@np.errstate(all="ignore")
def derivatives(
    sets: RiskSets, at: Evaluation, per_group: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Score (p,) and information (p, p), each group's share multiplied by `per_group` where given."""
    factor = np.ones(sets.n_groups) if per_group is None else per_group
    n = len(sets.rows)
    row_weight = at.weighted * hazard_while_at_risk(sets, at, factor)
    full = _weighted_cross(sets.covariates.T, row_weight)
    if per_group is None:
        score = sets.death_total.copy()
    else:
        of_deaths = np.bincount(sets.death_rows, sets.weights[sets.death_rows] * factor[sets.death_group], n)
        score = sets.covariates.T @ of_deaths
    for groups, s, tied, d in sets.covariate_sums(at.weighted):
        f = factor[groups]
        score -= s @ (f * at.one[groups])
        full -= s @ (s * (f * at.one2[groups])).T
        if len(tied):
            g = tied + groups.start
            score += d @ (factor[g] * at.frac[g])
            cross = s[:, tied] @ (d * (factor[g] * at.frac2[g])).T
            full += cross + cross.T - d @ (d * (factor[g] * at.fracfrac2[g])).T
    symmetric: FloatArray = (full + full.T) / 2
    return score, symmetric


def gradient(sets: RiskSets, at: Evaluation) -> FloatArray:
    """First derivative of the log partial likelihood (p,)."""
    return derivatives(sets, at)[0]


def information(sets: RiskSets, at: Evaluation, per_group: FloatArray | None = None) -> FloatArray:
    """Minus the second derivative (p, p), each group's share multiplied by `per_group` where given."""
    return derivatives(sets, at, per_group)[1]


def _weighted_cross(x: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted cross-product x diag(weights) x' of `x` (p, n), in blocks that stay in the cache."""
    total = np.zeros((len(x), len(x)))
    for start in range(0, x.shape[1], BLOCK):
        rows = slice(start, start + BLOCK)
        total += x[:, rows] @ (x[:, rows] * weights[rows]).T
    return total


def _given(values: FloatArray | None) -> tuple[FloatArray, ...]:
    return () if values is None else (values,)


def _canonical_order(key: IntArray, hashed: NDArray[np.uint64]) -> IntArray:
    """Order by `key`, rows of one key by their hash."""
    bits = int(key.max()).bit_length()
    if bits > MOST_KEY_BITS:  # too little room beside the key
        return np.lexsort((hashed, key))
    return np.argsort((key.astype(np.uint64) << np.uint64(64 - bits)) | (hashed >> np.uint64(bits)))


def _blocks(group_starts: IntArray) -> IntArray:
    """Bounds of runs of groups that together have at most `BLOCK` rows entering, or are one group."""
    block = group_starts // BLOCK
    first = np.flatnonzero(np.diff(block, prepend=-1))
    return np.append(first, len(group_starts))


def _standardized(covariates: FloatArray, order: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariates (p, n) in order, centred and scaled, with centre and scale."""
    x = np.empty((covariates.shape[1], len(order)))
    for start in range(0, len(order), BLOCK):
        rows = slice(start, start + BLOCK)
        x[:, rows] = covariates[order[rows]].T
    centre, scale = np.empty(len(x)), np.empty(len(x))
    for j, row in enumerate(x):  # one covariate stays in the cache
        centre[j] = row.mean()
        row -= centre[j]
        spread = np.sqrt(row @ row / len(order))
        varies = spread > 1e-12 * abs(centre[j])  # what rounding leaves of a constant is not a spread
        scale[j] = np.exp2(np.round(np.log2(spread))) if varies else 1.0
        row /= scale[j]
    return x, centre, scale


def _segment_sum(values: FloatArray, starts: IntArray) -> FloatArray:
    """Sum consecutive runs of rows; every run has at least one row."""
    if len(starts) == len(values):
        return values
    return np.asarray(np.add.reduceat(values, starts), dtype=np.float64)


def _segment_product(
    weights: FloatArray, x: FloatArray, rows: slice | IntArray, starts: IntArray
) -> FloatArray:
    """Weighted sums of `x` (p, n) over consecutive runs of some rows, given where each begins: (p, runs)."""
    w, part = weights[rows], x[:, rows]
    if len(starts) * FEW_GROUPS < len(w):
        stops = np.append(starts[1:], len(w))
        return np.stack([part[:, a:b] @ w[a:b] for a, b in zip(starts, stops, strict=True)], axis=1)
    product = part * w
    return product if len(starts) == len(w) else np.add.reduceat(product, starts, axis=1)


def _running_product(
    weights: FloatArray, x: FloatArray, rows: slice, starts: IntArray, bounds: IntArray
) -> FloatArray:
    """Running sums of `_segment_product` that begin anew at the runs `bounds`."""
    n = rows.stop - rows.start
    if len(starts) * FEW_GROUPS < n:
        return running_sum(_segment_product(weights, x, rows, starts), bounds)
    ends = np.append(starts[1:], n)
    by_row = running_sum(x[:, rows] * weights[rows], np.append(starts, n)[bounds])
    return by_row[:, ends - 1]


def running_sum(values: FloatArray, bounds: IntArray) -> FloatArray:
    """Cumulative sums along the last axis that begin anew at each of `bounds`.

    Strata never share a sum: what is small in one would be lost beside what is large in another.
    """
    if len(bounds) == 2:
        return np.cumsum(values, axis=-1)
    total = values.copy()
    lengths = np.diff(bounds)
    is_long = lengths > LONG_STRATUM
    for start, length in zip(bounds[:-1][is_long].tolist(), lengths[is_long].tolist(), strict=True):
        part = total[..., start : start + length]
        np.cumsum(part, axis=-1, out=part)
    starts, short = bounds[:-1][~is_long], lengths[~is_long]
    for place in range(1, int(short.max(initial=0))):  # all short ones step by step together
        at = starts[short > place] + place
        total[..., at] += total[..., at - 1]
    return total
