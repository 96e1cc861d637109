"""How long and how completely people were followed."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import choice, confidence, flags, follow_up, vector
from ..errors import CodingError
from ._counts import risk_table
from ._variance import INTERVALS, greenwood, limits
from .curve import KaplanMeierCurve


def naive_median(time: ArrayLike) -> float:
    """Median of the observed times, dead or censored: NOT a survival time.

    Some papers print it as "median survival". It is here so that it can be named beside the Kaplan-Meier
    median; it falls with the length of follow-up.
    """
    return float(np.median(follow_up(time, None)[0]))


def median_follow_up(time: ArrayLike, event: ArrayLike) -> float | None:
    """Median potential follow-up by reverse Kaplan-Meier; None where fewer than half are censored.

    See `reverse_kaplan_meier`, which gives its interval and other quantiles.
    """
    return reverse_kaplan_meier(time, event).median().estimate


def reverse_kaplan_meier(
    time: ArrayLike, event: ArrayLike, *, ci: str = "log-log", level: float = 0.95
) -> KaplanMeierCurve:
    """Curve of potential follow-up: censoring is the event, and a death ends the watch for it.

    People who die at a time leave before those censored at that time, which matters where times are whole
    months: with the arms simply exchanged, as many programs do it, the dead stay at risk of a censoring
    that can no longer happen to them, and follow-up comes out too long.

    Parameters
    ----------
    time, event
        As in `kaplan_meier`; 1 is a death.
    ci : {"log-log", "log", "plain", "logit"}
        Scale on which the interval is symmetric.
    level : float
        Confidence level.

    Returns
    -------
    KaplanMeierCurve
        `n_event` counts the censored and `n_censor` the dead; `n_risk` is without the dead of the time.

    Raises
    ------
    CodingError, ShapeError, NonFiniteError, NegativeTimeError
        The input is not what it should be.

    References
    ----------
    Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin Trials
    1996;17:343-346.
    """
    choice(ci, "ci", INTERVALS)
    stop, _ = follow_up(time, None)
    died = flags(event, "event", len(stop))
    counts = risk_table(stop, died, None, None)
    dead, leaving = counts.n_event[:, 0], counts.n_leaving[:, 0]
    at_risk, censored = counts.n_risk[:, 0] - dead, leaving - dead
    share = np.divide(censored, at_risk, out=np.zeros_like(censored), where=at_risk > 0)
    still = np.asarray(np.cumprod(1 - share), dtype=np.float64)
    std_err = greenwood(np.where(at_risk > 0, at_risk, 1.0), censored, still)
    lower, upper = limits(still, std_err, ci, confidence(level))
    return KaplanMeierCurve(
        group=None,
        n=len(stop),
        events=int(censored.sum()),
        time=counts.time,
        n_risk=at_risk,
        n_event=censored,
        n_censor=dead,
        survival=still,
        std_err=std_err,
        lower=lower,
        upper=upper,
        ci=ci,
        level=level,
        robust=False,
        _entry=np.zeros(0),
        _not_yet=np.zeros(1),
    )


@dataclass(frozen=True)
class Completeness:
    """Completeness of follow-up, each a share between 0 and 1; see `completeness_of_follow_up`.

    Attributes
    ----------
    n, events, lost : int
        People, deaths, and people last seen alive before the end of the study.
    clark_c : float
        Observed over potential time, where a death ends the potential time too.
    person_time : float
        Observed time over the time expected had nobody been lost, by the death rate of the study.
    simplified_person_time : float
        The same without that rate: those who died count with their whole potential time.
    percentage : float
        Share of people who died or were seen to the end. It counts one lost on the last day as one never
        seen, and is here only because papers print it.
    """

    n: int
    events: int
    lost: int
    clark_c: float
    person_time: float
    simplified_person_time: float
    percentage: float

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        return pl.DataFrame({name: [getattr(self, name)] for name in self.__dataclass_fields__})


def completeness_of_follow_up(time: ArrayLike, event: ArrayLike, potential: ArrayLike) -> Completeness:
    """How much of the time that people could have been followed they were.

    Parameters
    ----------
    time, event
        As in `kaplan_meier`.
    potential : array_like of shape (n,)
        Time from each person's start to the end of the study, in the unit of `time` and not below it.

    Raises
    ------
    CodingError
        People were followed beyond their potential time, the whole potential time is 0, or all die at 0.

    References
    ----------
    Clark TG, Altman DG, De Stavola BL. Quantification of the completeness of follow-up. Lancet
    2002;359:1309-1310.
    Xue X, Agalliu I, Kim MY, et al. New methods for estimating follow-up rates in cohort studies. BMC Med
    Res Methodol 2017;17:155.
    """
    stop, _ = follow_up(time, None)
    died = flags(event, "event", len(stop))
    end = vector(potential, "potential", len(stop))
    beyond = int(np.count_nonzero(stop > end * (1 + 1e-9)))
    if beyond:
        raise CodingError(
            "People followed beyond their potential time",
            field="potential",
            count=beyond,
            remedy="Censor them at the end of the study, or correct its date.",
        )
    if end.sum() == 0:
        raise CodingError(
            "Nobody could have been followed", field="potential", remedy="Check the end of the study."
        )
    lost = ~died & (stop < end * (1 - 1e-9))
    observed = float(np.sort(stop).sum())
    rate = np.count_nonzero(died) / observed if observed > 0 else 0.0
    missed = np.sort(end[lost] - stop[lost])
    if observed + missed.sum() == 0:
        raise CodingError(
            "Everybody dies at time 0, so there is no time to be complete about",
            field="time",
            remedy="Check the times: follow-up of a length that is known is above 0.",
        )
    expected = missed if rate == 0 else -np.expm1(-rate * missed) / rate
    full = np.where(died, end, stop)
    return Completeness(
        n=len(stop),
        events=int(np.count_nonzero(died)),
        lost=int(np.count_nonzero(lost)),
        clark_c=observed / (observed + float(missed.sum())),
        person_time=observed / (observed + float(expected.sum())),
        simplified_person_time=float(np.sort(full).sum() / np.sort(end).sum()),
        percentage=1 - float(np.mean(lost)),
    )
