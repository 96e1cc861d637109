"""Everybody who is to be matched, checked and in one order, whatever the order of the rows."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from .._inputs import BoolArray, FloatArray, IntArray, choice, codes, flags, matrix, row_hash, vector
from ..errors import CaliperError, CodingError, EmptyArmError, NoMatchError, ShapeError

SPREADS = ("pooled", "total", "treated", "control")
SCALES = ("logit", "probability")
# Scores are compared as whole numbers of this unit, so that equal distances are equal.
UNIT = 1e-9
# What a division may lose, in units: a pair exactly at the caliper is within it.
ROUNDING = 1e-3
NO_LIMIT = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class People:
    """Everybody, sorted by exact stratum, score and rank; each array has shape (n,).

    Attributes
    ----------
    rows : ndarray of int
        Row of the input.
    ids : ndarray of int
        Rank of the id; the row where there are none. Results stand in this order.
    rank : ndarray of int
        Who goes first where there is a tie: the rank of the id; without ids nothing to do with the row.
    twin : ndarray of bool
        Without ids, who has a twin in all that is matched on: of those the lower row goes first.
    score : ndarray of int
        In units of 1e-9.
    stratum : ndarray of int
    arm : ndarray of bool
    width : float or None
        The caliper on the scale of the score; `limit` is the same in whole units.
    words : str
        The caliper as a method's description names it.
    """

    rows: IntArray
    ids: IntArray
    rank: IntArray
    twin: BoolArray
    score: IntArray
    stratum: IntArray
    arm: BoolArray
    width: float | None
    limit: int
    words: str

    @property
    def n_treated(self) -> int:
        """Treated people to be matched."""
        return int(np.count_nonzero(self.arm))

    def nobody(self) -> NoMatchError:
        """What to raise where no pair was found."""
        return NoMatchError(
            "No treated person has a control within the caliper",
            field="logit",
            count=self.n_treated,
            remedy="Look at the overlap of the scores, then widen the caliper or loosen the exact matching.",
        )

    def twins_note(self, matched: IntArray) -> tuple[str, ...]:
        """A sentence where the order of the rows decides who of some twins is matched, or with whom."""
        inside = np.zeros(len(self.twin), dtype=bool)
        inside[matched] = True
        twins = int(np.count_nonzero(inside & self.twin))
        if not twins:
            return ()
        return (
            f"{twins} matched people are like another in all that is matched on, and have no ids: the order "
            "of the rows decides between them. Give `ids`.",
        )

    def gap(self, treated: IntArray, control: IntArray) -> FloatArray:
        """Distance of the score of each pair, checked against the caliper."""
        units = np.abs(self.score[treated] - self.score[control])
        require_within_caliper(units, self.limit)
        return np.asarray(units * UNIT, dtype=np.float64)


def line_up(
    logit: ArrayLike,
    treated: ArrayLike,
    *,
    scale: str,
    caliper: float | None,
    caliper_sd: str,
    exact: ArrayLike | None,
    ids: ArrayLike | None,
    mahalanobis: ArrayLike | pl.DataFrame | None = None,
) -> People:
    """Check what is to be matched and sort it; the arguments are those of `match_nearest`."""
    choice(scale, "scale", SCALES)
    choice(caliper_sd, "caliper_sd", SPREADS)
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
    score = _whole_units(raw if scale == "logit" else 0.5 * (1 + np.tanh(raw / 2)))
    stratum, labels = codes(exact, "exact", n)
    known = [] if mahalanobis is None else [matrix(mahalanobis, None, n)[0]]
    numbers = (column.astype(np.float64) for column in (score, arm, stratum))
    of_known = row_hash(*numbers, *known)
    rank = _rank_by_what_is_known(of_known) if ids is None else _id_rank(ids, n)
    order = _sorted(score, rank, stratum)
    score, stratum, arm = score[order], stratum[order], arm[order]
    width = (
        None if caliper is None else caliper_width(UNIT * score.astype(np.float64), arm, caliper, caliper_sd)
    )
    if len(labels) > 1:
        _require_overlap(stratum, arm)
    return People(
        rows=order,
        ids=order if ids is None else rank[order],
        rank=rank[order],
        twin=_twins(score, of_known, order) if ids is None else np.zeros(n, dtype=bool),
        score=score,
        stratum=stratum,
        arm=arm,
        width=width,
        limit=_whole_limit(width),
        words="no caliper" if caliper is None else f"caliper {caliper:g} SD of the {scale} ({caliper_sd})",
    )


def caliper_width(score: FloatArray, arm: BoolArray, caliper: float, caliper_sd: str) -> float:
    """A caliper given in standard deviations, on the scale of the score."""
    if not (is_number(caliper) and np.isfinite(caliper) and caliper >= 0):
        raise CodingError(
            "A caliper below zero, or no number",
            field="caliper",
            remedy="Give standard deviations, 0 or more.",
        )
    groups = {"total": [np.ones_like(arm)], "treated": [arm], "control": [~arm], "pooled": [arm, ~arm]}
    # One order of summing, whatever that of the rows; this kind of sorting is quick on what is sorted.
    parts = [np.sort(score[group], kind="stable") for group in groups[caliper_sd]]
    if min(len(part) for part in parts) < 2:
        raise EmptyArmError(
            "A standard deviation needs two people",
            field="caliper_sd",
            remedy="Use the standard deviation of the whole sample (total).",
        )
    return float(caliper) * float(np.sqrt(np.mean([np.var(part, ddof=1) for part in parts])))


def is_number(value: object) -> bool:
    """Whether an option is a number: neither a text that looks like one nor yes or no."""
    return isinstance(value, Real) and not isinstance(value, bool)


def whole_number(value: float, field: str, *, least: int, remedy: str) -> int:
    """An option that counts something."""
    if not (is_number(value) and value >= least and float(value).is_integer()):
        raise CodingError(f"A number below {least}, or no whole number", field=field, remedy=remedy)
    return int(value)


def require_within_caliper(units: IntArray, limit: int) -> None:
    """Refuse a result in which a pair lies further apart than the caliper: ours is the fault."""
    beyond = int(np.count_nonzero(units > limit))
    if beyond:
        raise CaliperError(
            "Pairs lie further apart than the caliper",
            field="distance",
            count=beyond,
            remedy="The matching is wrong: do not use it, and report how it came about.",
        )


def _whole_limit(width: float | None) -> int:
    """The caliper in whole units; wider than any two scores can lie apart is no limit."""
    units = np.inf if width is None else width / UNIT + ROUNDING
    return NO_LIMIT if units >= NO_LIMIT else int(units)


def _whole_units(score: FloatArray) -> IntArray:
    if np.max(np.abs(score)) > 1e9:
        raise CodingError("Logits beyond a thousand millions", field="logit", remedy="Rescale the score.")
    return np.rint(score / UNIT).astype(np.int64)


def _rank_by_what_is_known(of_known: NDArray[np.uint64]) -> IntArray:
    """A rank in which the rows have a part between twins only: the hash of what is known, then the row.

    It is as good as drawn. A rank by the score itself would always choose the same side of two that are as near.
    """
    bits = np.uint64(len(of_known).bit_length())
    rank = (of_known >> (bits + np.uint64(1)) << bits) | np.arange(len(of_known), dtype=np.uint64)
    return rank.astype(np.int64)


def _twins(score: IntArray, of_known: NDArray[np.uint64], order: IntArray) -> BoolArray:
    """Who is like another in all that is known, by place; the scores are in order already."""
    tied = score[1:] == score[:-1]
    twin = np.zeros(len(score), dtype=bool)
    if tied.any():
        in_order = of_known[order]
        same = tied & (in_order[1:] == in_order[:-1])
        twin[1:] |= same
        twin[:-1] |= same
    return twin


def _id_rank(ids: ArrayLike, n: int) -> IntArray:
    rank, distinct = codes(ids, "ids", n)
    if len(distinct) < n:
        raise ShapeError(
            "Ids that repeat", field="ids", count=n - len(distinct), remedy="Give each row its own id."
        )
    return rank


def _sorted(score: IntArray, rank: IntArray, stratum: IntArray) -> IntArray:
    """Rows by stratum, score and rank."""
    order = np.argsort(score)  # twice as fast as the stable one
    in_order = score[order]
    tied = np.concatenate([[False], in_order[1:] == in_order[:-1]])
    if tied.any():
        tied[:-1] |= tied[1:]
        by_rank = order[tied]
        by_rank = by_rank[np.argsort(rank[by_rank])]
        order[tied] = by_rank[np.argsort(score[by_rank], kind="stable")]
    return order[np.argsort(stratum[order], kind="stable")] if stratum.any() else order


def _require_overlap(stratum: IntArray, arm: BoolArray) -> None:
    both = np.intersect1d(stratum[arm], stratum[~arm])
    if len(both) == 0:
        raise NoMatchError(
            "No label is found in both arms",
            field="exact",
            count=int(stratum.max()) + 1,
            remedy="Merge labels, or match on fewer of them.",
        )
