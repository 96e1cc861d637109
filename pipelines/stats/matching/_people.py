"""Everybody who is to be matched, checked and in one order, whatever the order of the rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, choice, codes, flags, vector
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
    """Everybody, sorted by exact stratum, score and id; each array has shape (n,).

    Attributes
    ----------
    rows : ndarray of int
        Row of the input.
    ids : ndarray of int
        Rank of the id.
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
    rank = _id_rank(ids, n)
    stratum, labels = codes(exact, "exact", n)
    order = _sorted(score, rank, stratum)
    score, stratum, arm = score[order], stratum[order], arm[order]
    width = (
        None if caliper is None else caliper_width(UNIT * score.astype(np.float64), arm, caliper, caliper_sd)
    )
    if len(labels) > 1:
        _require_overlap(stratum, arm)
    return People(
        rows=order,
        ids=rank[order],
        score=score,
        stratum=stratum,
        arm=arm,
        width=width,
        limit=NO_LIMIT if width is None else int(np.floor(width / UNIT + ROUNDING)),
        words="no caliper" if caliper is None else f"caliper {caliper:g} SD of the {scale} ({caliper_sd})",
    )


def caliper_width(score: FloatArray, arm: BoolArray, caliper: float, caliper_sd: str) -> float:
    """A caliper given in standard deviations, on the scale of the score."""
    if not (np.isfinite(caliper) and caliper >= 0):
        raise CodingError(
            "A caliper below zero", field="caliper", remedy="Give standard deviations, 0 or more."
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
    return float(caliper * np.sqrt(np.mean([np.var(part, ddof=1) for part in parts])))


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


def _whole_units(score: FloatArray) -> IntArray:
    if np.max(np.abs(score)) > 1e9:
        raise CodingError("Logits beyond a thousand millions", field="logit", remedy="Rescale the score.")
    return np.rint(score / UNIT).astype(np.int64)


def _id_rank(ids: ArrayLike | None, n: int) -> IntArray:
    if ids is None:
        return np.arange(n)
    rank, distinct = codes(ids, "ids", n)
    if len(distinct) < n:
        raise ShapeError(
            "Ids that repeat", field="ids", count=n - len(distinct), remedy="Give each row its own id."
        )
    return rank


def _sorted(score: IntArray, rank: IntArray, stratum: IntArray) -> IntArray:
    """Rows by stratum, score and id."""
    order = np.argsort(score)  # twice as fast as the stable one, which is needed where there are ties
    in_order = score[order]
    if (in_order[1:] == in_order[:-1]).any():
        by_id = np.empty(len(rank), dtype=np.int64)
        by_id[rank] = np.arange(len(rank))
        order = by_id[np.argsort(score[by_id], kind="stable")]
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
