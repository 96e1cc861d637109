"""The operation as a covariate that changes with time: unoperated until it happens, operated after."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray
from ._people import People, check_people, require_both_arms, window_of_time
from ._person_time import ExposureEffect, PersonTime, fit_exposure, unweighted


def time_varying(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    window: float | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> ExposureEffect:
    """Cox model in which a person is unoperated until the operation, and operated from then on.

    Parameters
    ----------
    window : float, optional
        Only operations at or before this time count; those operated later stay unoperated. Default: all.
    time, event, surgery_time, covariates, names, strata, ties, level
        As in `ever_never`; follow-up must be above zero.

    Returns
    -------
    ExposureEffect
        Hazard ratio at any time between those already operated and those not yet.

    Raises
    ------
    EmptyArmError
        Nobody is operated (within the window), or nobody ever spends time unoperated.
    StopBeforeStartError
        People whose follow-up ends at time zero.
    StatsError
        As in `ever_never`.

    References
    ----------
    Mantel N, Byar DP. Evaluation of response-time data involving transient states: an illustration using
    heart-transplant data. J Am Stat Assoc 1974;69:81-86.
    """
    people = check_people(time, event, surgery_time, covariates, names)
    people.require_observed_time()
    limit = np.inf if window is None else window_of_time(window, "window")
    operated = np.isfinite(people.surgery) & people.operated_by(limit)
    within = "" if window is None else f" within {limit:g}"
    from_zero = bool(np.all(operated & (people.surgery == 0)))
    require_both_arms(bool(operated.any()), not from_zero, within.strip() or "at any time")
    return fit_exposure(
        people,
        split_at_operation(people, operated),
        analysis="time_varying_cox" + ("" if window is None else f"_window_{limit:g}"),
        method=f"operated{within} as a time-varying covariate",
        delayed=True,
        strata=strata,
        ties=ties,
        level=level,
    )


def split_at_operation(people: People, operated: BoolArray) -> PersonTime:
    """One row per person before the operation and one after; those not `operated` stay unoperated."""
    turn: FloatArray = np.where(operated, people.exposed_from, np.inf)
    before, after = np.flatnonzero(turn > 0), np.flatnonzero(np.isfinite(turn))
    return unweighted(
        person=np.concatenate([before, after]),
        start=np.concatenate([np.zeros(len(before)), turn[after]]),
        stop=np.concatenate([np.minimum(people.time, turn)[before], people.time[after]]),
        died=np.concatenate([(people.died & ~np.isfinite(turn))[before], people.died[after]]),
        operated=np.repeat([False, True], [len(before), len(after)]),
    )
