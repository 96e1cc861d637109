"""The people of an analysis of an operation that happens some time after time zero, checked at the door.

The rules for the time of the operation stand in the docstring of the package.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    flags,
    matrix,
    merge_close_times,
    number,
    vector,
    with_rounding,
)
from ..errors import CodingError, EmptyArmError, NegativeTimeError, NonFiniteError, StopBeforeStartError

EXPOSURE = "operated"


@dataclass(frozen=True)
class People:
    """Checked input, one entry per person.

    Attributes
    ----------
    time : ndarray of shape (n,)
        Time zero to death or last contact.
    died : ndarray of bool, shape (n,)
    surgery : ndarray of shape (n,)
        Time zero to the operation; infinite where never operated.
    exposed_from : ndarray of shape (n,)
        As `surgery`, but where that is the end of follow-up, halfway to the last time before at which
        anything happens to anybody: the same risk sets, and a row (start, stop] that is not empty.
    covariates : ndarray of shape (n, p)
        p may be 0.
    names : tuple of str
    """

    time: FloatArray
    died: BoolArray
    surgery: FloatArray
    exposed_from: FloatArray
    covariates: FloatArray
    names: tuple[str, ...]

    @property
    def n(self) -> int:
        """People."""
        return len(self.time)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report has to print about the input."""
        same = int(np.count_nonzero(self.surgery == self.time))
        if same == 0:
            return ()
        return (f"{same} operated at the very end of follow-up: the operation counts as just before it.",)

    def require_observed_time(self) -> None:
        """Refuse people whose follow-up ends at time zero: no row (start, stop] can hold them."""
        wrong = int(np.count_nonzero(self.time == 0))
        if wrong:
            raise StopBeforeStartError(
                "People whose follow-up ends at time zero",
                field="time",
                count=wrong,
                remedy="Give deaths in the first unit of time half of it, or leave out those never observed.",
            )

    def draw(self, rows: IntArray) -> "People":
        """The people of these rows, with repeats."""
        return replace(
            self,
            time=self.time[rows],
            died=self.died[rows],
            surgery=self.surgery[rows],
            exposed_from=self.exposed_from[rows],
            covariates=self.covariates[rows],
        )

    def without_covariates(self) -> "People":
        """The same people, nothing known about them."""
        return replace(self, covariates=np.zeros((self.n, 0)), names=())

    def operated_by(self, limit: float) -> BoolArray:
        """Whether each person is operated at or before `limit` (n,)."""
        return self.surgery <= with_rounding(limit)

    def followed_after(self, limit: float) -> BoolArray:
        """Whether each person is alive and uncensored after `limit`, not only at it (n,)."""
        return self.time > with_rounding(limit)


def require_both_arms(operated: bool, unoperated: bool, when: str) -> None:
    """Refuse a comparison in which nobody is operated, or nobody is not."""
    for there, name in ((operated, "operated"), (unoperated, "unoperated")):
        if not there:
            raise EmptyArmError(
                f"Nobody is {name} {when}",
                field="surgery_time",
                count=0,
                remedy="Check how operations are coded (NaN means never), or choose another time.",
            )


def check_people(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None,
    names: Sequence[str] | None,
) -> People:
    """Arrays in, `People` out, or a named error.

    Raises
    ------
    NonFiniteError, NegativeTimeError, StopBeforeStartError, CodingError, ShapeError
        As the rules of the package say.
    """
    end = vector(time, "time")
    n = len(end)
    _refuse(NegativeTimeError, "Times below zero", "time", end < 0, "Quarantine those records.")
    died = flags(event, "event", n)
    surgery = _surgery_times(surgery_time, n)
    merged = merge_close_times(np.concatenate([[0.0], end, surgery[np.isfinite(surgery)]]))
    end = merged[1 : n + 1]
    surgery[np.isfinite(surgery)] = merged[n + 1 :]
    _refuse(
        StopBeforeStartError,
        "Operations after the end of follow-up",
        "surgery_time",
        np.isfinite(surgery) & (surgery > end),
        "Bring both times to one unit and origin; an operation nobody observed is NaN.",
    )
    x, labels = (np.zeros((n, 0)), ()) if covariates is None else matrix(covariates, names, n)
    return People(end, died, surgery, _just_before_the_end(end, surgery), x, labels)


def window_of_time(value: float, field: str) -> float:
    """A length of time, checked to be finite and not negative."""
    if number(value, field) < 0:
        raise CodingError("A time that is not zero or above", field=field, remedy="Give 0 or more.")
    return float(value)


def _surgery_times(surgery_time: ArrayLike, n: int) -> FloatArray:
    try:
        raw = np.array(surgery_time, dtype=np.float64)  # a copy: None becomes NaN
    except (TypeError, ValueError) as error:
        raise CodingError(
            "Values are not numbers", field="surgery_time", remedy="Give times; NaN means never operated."
        ) from error
    never = np.isnan(raw)
    vector(np.where(never, 0.0, np.where(np.isinf(raw), 0.0, raw)), "surgery_time", n)  # its shape
    _refuse(NonFiniteError, "Infinite times", "surgery_time", np.isinf(raw), "Write NaN for never operated.")
    _refuse(
        NegativeTimeError,
        "Operations before time zero",
        "surgery_time",
        raw < 0,
        "Decide in the cohort: not eligible, or operated at 0.",
    )
    return np.where(never, np.inf, raw)


def _just_before_the_end(end: FloatArray, surgery: FloatArray) -> FloatArray:
    """Move operations at the end of follow-up halfway to the last time before."""
    times = np.unique(np.concatenate([[0.0], end, surgery[np.isfinite(surgery)]]))
    same = (surgery == end) & (end > 0)
    before = times[np.searchsorted(times, end[same]) - 1]
    result = surgery.copy()
    result[same] = (before + end[same]) / 2
    return result


def _refuse(error: type, what: str, field: str, wrong: BoolArray, remedy: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        raise error(what, field=field, count=count, remedy=remedy)
