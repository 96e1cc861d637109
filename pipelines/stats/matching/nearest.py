"""Nearest-neighbour matching on the logit of the propensity score, greedy, as MatchIt does it.

Logits are rounded to 1e-9 and compared as whole numbers, so equal distances are equal and ties can be
broken by a stable id: the pairs do not depend on the order of the rows. Controls of one score form a block;
exhausted blocks are skipped by union-find, and the order `closest` keeps a heap of each treated person's
best distance, so the work grows like n log n.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from .._inputs import BoolArray, FloatArray, IntArray, choice, codes, flags, vector
from ..errors import CodingError, EmptyArmError, NoMatchError, ShapeError

ORDERS = ("closest", "largest", "smallest", "data")
SPREADS = ("pooled", "total", "treated", "control")
UNIT = 1e-9
NOWHERE = -1


@dataclass(frozen=True)
class Matches:
    """Result of `match_nearest`: one entry per matched pair, ordered by the treated person's id.

    Attributes
    ----------
    treated_index, control_index : ndarray of int, shape (m,)
        Rows of the input. With ratio k a treated row comes up to k times.
    distance : ndarray of shape (m,)
        Absolute difference of the logits.
    pair_id : ndarray of int, shape (m,)
        Number of the matched set from 0; the k pairs of one treated person share it.
    n_treated, n_controls : int
        How many there were to match.
    caliper_width : float or None
        In logits.
    """

    treated_index: IntArray
    control_index: IntArray
    distance: FloatArray
    pair_id: IntArray
    n_treated: int
    n_controls: int
    caliper_width: float | None

    @property
    def n_matched_treated(self) -> int:
        """Treated people with at least one control."""
        return len(np.unique(self.treated_index))

    def rows(self) -> tuple[IntArray, IntArray]:
        """Input rows of the matched sample and the set of each: treated once per set, then its controls.

        With replacement a control comes once for each set it is in.
        """
        sets, first = np.unique(self.pair_id, return_index=True)
        rows = np.concatenate([self.treated_index[first], self.control_index])
        pair = np.concatenate([sets, self.pair_id])
        order = np.argsort(pair, kind="stable")
        return rows[order], pair[order]

    def to_frame(self) -> pl.DataFrame:
        """One row per pair."""
        return pl.DataFrame(
            {
                "pair_id": self.pair_id,
                "treated_index": self.treated_index,
                "control_index": self.control_index,
                "distance": self.distance,
            }
        )


def match_nearest(
    logit: ArrayLike,
    treated: ArrayLike,
    *,
    ratio: int = 1,
    replace: bool = False,
    order: str = "closest",
    caliper: float | None = None,
    caliper_sd: str = "pooled",
    exact: ArrayLike | None = None,
    ids: ArrayLike | None = None,
) -> Matches:
    """Match each treated person to the nearest control or controls.

    Parameters
    ----------
    logit : array_like of shape (n,)
        Log odds of the propensity score (or any score); rounded to 1e-9.
    treated : array_like of shape (n,)
        1 or True for the treated.
    ratio : int
        Controls per treated person. Everybody's first control is found before anybody's second.
    replace : bool
        Whether a control may be used more than once.
    order : {"closest", "largest", "smallest", "data"}
        Who chooses first: the pair nearest to each other of all, the treated person with the largest or
        smallest logit, or the one with the lowest id.
    caliper : float, optional
        Largest distance allowed, in standard deviations of the logit (0.2 is customary).
    caliper_sd : {"pooled", "total", "treated", "control"}
        Which: the square root of the mean of both arms' variances, of the whole sample (MatchIt's), of one
        arm.
    exact : array_like of shape (n,), optional
        Labels; only people with the same label are matched.
    ids : array_like of shape (n,), optional
        Stable and distinct; ties go to the lower id, treated first. Default: the row number.

    Returns
    -------
    Matches

    Raises
    ------
    EmptyArmError
        There are no treated people or no controls.
    NoMatchError
        Nobody has a control within the caliper and exact stratum.
    CodingError, ShapeError, NonFiniteError
        The input is not what it should be; ids that repeat are one such case.

    References
    ----------
    Austin PC. A comparison of 12 algorithms for matching on the propensity score. Stat Med
    2014;33:1057-1069.
    Austin PC. Optimal caliper widths for propensity-score matching. Pharm Stat 2011;10:150-161.
    """
    choice(order, "order", ORDERS)
    choice(caliper_sd, "caliper_sd", SPREADS)
    if ratio < 1:
        raise CodingError(
            "A ratio below one", field="ratio", remedy="Give the number of controls, 1 or more."
        )
    raw = vector(logit, "logit")
    n = len(raw)
    arm = flags(treated, "treated", n)
    n_treated = int(np.count_nonzero(arm))
    if n_treated in (0, n):
        raise EmptyArmError(
            "There are no controls" if n_treated else "There are no treated people",
            field="treated",
            count=n,
            remedy="Check the exposure's coding and the cohort's rules.",
        )
    score = _whole_units(raw)
    width = (
        None
        if caliper is None
        else _caliper_width(np.asarray(score * UNIT, dtype=np.float64), arm, caliper, caliper_sd)
    )
    limit = np.iinfo(np.int64).max if width is None else int(np.floor(width / UNIT))
    rank = _id_rank(ids, n)
    stratum = codes(exact, "exact", n)[0]

    pairs: list[tuple[int, int]] = []
    by_id = np.argsort(rank)  # from here on a person is known by the rank of the id
    score, arm, stratum = score[by_id], arm[by_id], stratum[by_id]
    for label in range(int(stratum.max()) + 1):
        people = np.flatnonzero(stratum == label)
        own_treated, own_controls = people[arm[people]], people[~arm[people]]
        if len(own_treated) and len(own_controls):
            pairs.extend(_match_stratum(score, own_treated, own_controls, ratio, replace, order, limit))
    if not pairs:
        raise NoMatchError(
            "No treated person has a control within the caliper",
            field="logit",
            count=n_treated,
            remedy="Look at the overlap of the scores, then widen the caliper or loosen the exact matching.",
        )
    found = np.array(pairs, dtype=np.int64)
    found = found[np.argsort(found[:, 0], kind="stable")]
    distance = np.abs(score[found[:, 0]] - score[found[:, 1]])
    assert distance.max() <= limit, "a pair exceeds its caliper"
    return Matches(
        treated_index=by_id[found[:, 0]],
        control_index=by_id[found[:, 1]],
        distance=distance * UNIT,
        pair_id=np.unique(found[:, 0], return_inverse=True)[1].astype(np.int64),
        n_treated=n_treated,
        n_controls=n - n_treated,
        caliper_width=width,
    )


def _whole_units(logit: FloatArray) -> IntArray:
    if np.max(np.abs(logit)) > 1e9:
        raise CodingError("Logits beyond a thousand millions", field="logit", remedy="Rescale the score.")
    return np.rint(logit / UNIT).astype(np.int64)


def _caliper_width(logit: FloatArray, arm: BoolArray, caliper: float, caliper_sd: str) -> float:
    if not (np.isfinite(caliper) and caliper >= 0):
        raise CodingError(
            "A caliper below zero", field="caliper", remedy="Give standard deviations, 0 or more."
        )
    groups = {"total": [np.ones_like(arm)], "treated": [arm], "control": [~arm], "pooled": [arm, ~arm]}
    parts = [np.sort(logit[group]) for group in groups[caliper_sd]]
    if min(len(part) for part in parts) < 2:
        raise EmptyArmError(
            "A standard deviation needs two people",
            field="caliper_sd",
            remedy="Use the standard deviation of the whole sample (total).",
        )
    return float(caliper * np.sqrt(np.mean([np.var(part, ddof=1) for part in parts])))


def _id_rank(ids: ArrayLike | None, n: int) -> IntArray:
    if ids is None:
        return np.arange(n)
    rank, distinct = codes(ids, "ids", n)
    if len(distinct) < n:
        raise ShapeError(
            "Ids that repeat", field="ids", count=n - len(distinct), remedy="Give each row its own id."
        )
    return rank


class _Pool:
    """Controls still free, in blocks of equal score; the nearest block on either side is found fast."""

    def __init__(self, score: IntArray, controls: NDArray[np.int64]) -> None:
        members = controls[np.lexsort((controls, score[controls]))]
        values, first = np.unique(score[members], return_index=True)
        self.values: list[int] = values.tolist()
        self.members: list[int] = members.tolist()
        self.next_member: list[int] = first.tolist()
        self.stop: list[int] = [*first[1:].tolist(), len(members)]
        # Block b is at b + 1, so that both ends are sentinels that are never exhausted.
        self.left: list[int] = list(range(len(values) + 2))
        self.right: list[int] = list(range(len(values) + 2))

    def candidates(self, place: int) -> tuple[int, int]:
        """Nearest free blocks below and at or above `place`; NOWHERE and len(values) where there are none."""
        return _find(self.left, place) - 1, _find(self.right, place + 1) - 1

    def nearest(self, target: int, place: int) -> tuple[int, int]:
        """Distance and block of the nearest free control of a treated person; NOWHERE if none is free.

        `place` is the first block not below the target. Of two at the same distance, the lower id.
        """
        below, above = self.candidates(place)
        if below == NOWHERE and above == len(self.values):
            return 0, NOWHERE
        if below == NOWHERE:
            return self.values[above] - target, above
        if above == len(self.values):
            return target - self.values[below], below
        down, up = target - self.values[below], self.values[above] - target
        if down == up:
            lower = self.members[self.next_member[below]] < self.members[self.next_member[above]]
            return down, below if lower else above
        return (down, below) if down < up else (up, above)

    def take(self, block: int) -> int:
        """Take the free control with the lowest id of a block."""
        member = self.next_member[block]
        self.next_member[block] = member + 1
        if member + 1 == self.stop[block]:
            self.left[block + 1] = block
            self.right[block + 1] = block + 2
        return self.members[member]


def _find(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _match_stratum(
    score: IntArray,
    treated: NDArray[np.int64],
    controls: NDArray[np.int64],
    ratio: int,
    replace: bool,
    order: str,
    limit: int,
) -> Iterator[tuple[int, int]]:
    """Pairs (treated, control) of one exact stratum, people known by the rank of their id."""
    if replace:
        for person in treated.tolist():
            yield from _own_nearest(score, person, controls, ratio, limit)
        return
    pool = _Pool(score, controls)
    targets: list[int] = score[treated].tolist()
    places: list[int] = np.searchsorted(np.array(pool.values), score[treated], side="left").tolist()
    people: list[int] = treated.tolist()
    waiting = _queue(score[treated], order)
    for _ in range(ratio):
        chosen = (_closest if order == "closest" else _in_turn)(pool, targets, places, waiting, limit)
        matched = []
        for k, control in chosen:
            matched.append(k)
            yield people[k], control
        # Who found nobody in this round finds nobody in the next. A queue keeps its order.
        waiting = matched


def _queue(score: IntArray, order: str) -> list[int]:
    keys = {"largest": -score, "smallest": score}
    queue: list[int] = np.argsort(keys.get(order, np.zeros_like(score)), kind="stable").tolist()
    return queue


def _in_turn(
    pool: _Pool, targets: list[int], places: list[int], queue: list[int], limit: int
) -> Iterator[tuple[int, int]]:
    for k in queue:
        distance, block = pool.nearest(targets[k], places[k])
        if block != NOWHERE and distance <= limit:
            yield k, pool.take(block)


def _closest(
    pool: _Pool, targets: list[int], places: list[int], queue: list[int], limit: int
) -> Iterator[tuple[int, int]]:
    """The nearest pair of all, again and again. A heap entry whose control has gone is looked up anew."""
    heap = []
    for k in queue:
        distance, block = pool.nearest(targets[k], places[k])
        if block != NOWHERE and distance <= limit:
            heap.append((distance, k))
    heapq.heapify(heap)
    while heap:
        promised, k = heap[0]
        distance, block = pool.nearest(targets[k], places[k])
        if block == NOWHERE or distance > limit:
            heapq.heappop(heap)
        elif distance > promised:
            heapq.heapreplace(heap, (distance, k))
        else:
            heapq.heappop(heap)
            yield k, pool.take(block)


def _own_nearest(
    score: IntArray, person: int, controls: NDArray[np.int64], ratio: int, limit: int
) -> Iterator[tuple[int, int]]:
    """The `ratio` nearest controls of one person, with replacement; ties to the lower id."""
    distance = np.abs(score[controls] - score[person])
    within = np.flatnonzero(distance <= limit)
    for j in within[np.lexsort((controls[within], distance[within]))[:ratio]]:
        yield person, int(controls[j])
