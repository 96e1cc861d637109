"""Ever against never operated, and the two ways in which papers leave the immortal time out."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import choice
from ._people import People, check_people, require_both_arms
from ._person_time import ExposureEffect, fit_exposure, unweighted

READINGS = ("clock_reset", "late_entry")


def ever_never(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> ExposureEffect:
    """Compare those ever operated with those never operated, as if it were known at time zero.

    **Biased**, and here because it is what most papers print: the operated had to live until their
    operation (immortal time), and are counted as operated from time zero.

    Parameters
    ----------
    time : array_like of shape (n,)
        Time zero (diagnosis) to death or last contact, in months or any one unit; not negative.
    event : array_like of shape (n,)
        1 for death, 0 for censored.
    surgery_time : array_like of shape (n,)
        Time zero to the first operation, in the same unit; NaN where never operated.
    covariates : array_like of shape (n, p) or Polars frame, optional
        Known at time zero; numbers, factors as 0/1 columns.
    names : sequence of str, optional
        Names of the covariates.
    strata : array_like of shape (n,), optional
        Labels; a baseline hazard for each.
    ties : {"efron", "breslow"}
    level : float
        Confidence level.

    Returns
    -------
    ExposureEffect
        Conditional hazard ratio where there are covariates or strata.

    Raises
    ------
    EmptyArmError
        Nobody was operated, or everybody.
    NonFiniteError, NegativeTimeError, StopBeforeStartError, CodingError, ShapeError
        The input is not what it should be; rules for `surgery_time` in the docstring of the package.
    NoEventsError, CollinearityError, SeparationError, ConvergenceError
        As `fit_cox`.

    References
    ----------
    Suissa S. Immortal time bias in pharmacoepidemiology. Am J Epidemiol 2008;167:492-499.
    """
    people = check_people(time, event, surgery_time, covariates, names)
    operated = np.isfinite(people.surgery)
    require_both_arms(bool(operated.any()), not operated.all(), "at any time")
    rows = unweighted(np.arange(people.n), np.zeros(people.n), people.time, people.died, operated)
    return fit_exposure(
        people,
        rows,
        analysis="ever_never",
        method="ever against never operated",
        delayed=False,
        strata=strata,
        ties=ties,
        level=level,
        notes=("Biased by immortal time: the operated cannot die before their operation.",),
    )


def immortal_time_excluded(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    reading: str = "clock_reset",
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> ExposureEffect:
    """Compare ever with never operated, without the time before the operation.

    Papers say "immortal time was excluded" and mean one of two things. Both still sort people by what
    happens to them later, and throw away the unoperated time of the operated, which had no deaths in it but
    belongs to the unoperated: they stay biased, less than `ever_never`.

    Parameters
    ----------
    reading : {"clock_reset", "late_entry"}
        `clock_reset`: the clock of an operated person starts at the operation, so that her first month is
        compared with the first month after diagnosis. `late_entry`: she joins the risk set at the time of
        her operation, on the clock from diagnosis.
    time, event, surgery_time, covariates, names, strata, ties, level
        As in `ever_never`.

    Returns
    -------
    ExposureEffect

    Raises
    ------
    EmptyArmError
        Nobody was operated, or everybody.
    StopBeforeStartError
        Under `late_entry`, people whose follow-up ends at time zero.
    StatsError
        As in `ever_never`.

    References
    ----------
    Lévesque LE, Hanley JA, Kezouh A, Suissa S. Problem of immortal time bias in cohort studies. BMJ
    2010;340:b5087.
    """
    choice(reading, "reading", READINGS)
    people = check_people(time, event, surgery_time, covariates, names)
    operated = np.isfinite(people.surgery)
    require_both_arms(bool(operated.any()), not operated.all(), "at any time")
    late = reading == "late_entry"
    if late:
        people.require_observed_time()
    start = np.where(operated, people.exposed_from, 0.0) if late else np.zeros(people.n)
    stop = people.time if late else people.time - np.where(operated, people.surgery, 0.0)
    return fit_exposure(
        people,
        unweighted(np.arange(people.n), start, stop, people.died, operated),
        analysis=f"immortal_time_excluded_{reading}",
        method=f"ever against never operated, immortal time excluded ({reading.replace('_', ' ')})",
        delayed=late,
        strata=strata,
        ties=ties,
        level=level,
        notes=(
            "Still biased: people are sorted by an operation in their future.",
            *(() if late else _nothing_left(people)),
        ),
    )


def _nothing_left(people: People) -> tuple[str, ...]:
    """Say how many of the operated have no time after the operation, where the clock starts there."""
    none = int(np.count_nonzero(people.surgery == people.time))
    if none == 0:
        return ()
    return (f"{none} operated at the very end of follow-up: their time after the operation is zero.",)
