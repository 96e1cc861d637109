"""Actuarial life table, column for column as SEER*Stat prints it on a life page.

The columns have the names of the table of published survival (`alive_at_start`, `observed_cumulative`, …), so that
the two can be joined and compared.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, codes, confidence, flags, follow_up, vector
from ..errors import CodingError
from ._variance import INTERVALS, limits

METHODS = ("actuarial", "kaplan-meier")
MONTHS_PER_YEAR = 12


@dataclass(frozen=True)
class LifeTable:
    """One group's life table; arrays of shape (m,), one entry per interval that somebody begins alive.

    Attributes
    ----------
    group : object
        None where there was no grouping.
    interval : tuple of str
        `<1 yr`, `1-<2 yr`, … or the same with `mo`.
    from_month, to_month : ndarray
        An interval holds those who leave in completed month `from_month` up to `to_month` - 1.
    alive_at_start, died, lost : ndarray
        People. `lost` are those censored in the interval.
    effective_at_risk : ndarray
        alive_at_start - lost/2; alive_at_start under the Kaplan-Meier method.
    observed_interval, observed_cumulative : ndarray
        Shares surviving.
    observed_interval_se, observed_cumulative_se : ndarray
        Binomial, and Greenwood's.
    observed_cumulative_lower, observed_cumulative_upper : ndarray
        NaN where they do not exist (null in the frame).
    """

    group: object
    interval: tuple[str, ...]
    from_month: FloatArray
    to_month: FloatArray
    alive_at_start: IntArray
    died: IntArray
    lost: IntArray
    effective_at_risk: FloatArray
    observed_interval: FloatArray
    observed_cumulative: FloatArray
    observed_interval_se: FloatArray
    observed_cumulative_se: FloatArray
    observed_cumulative_lower: FloatArray
    observed_cumulative_upper: FloatArray
    method: str
    ci: str
    level: float

    def to_frame(self) -> pl.DataFrame:
        """One row per interval."""
        label = None if self.group is None else str(self.group)
        columns = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("group", "method", "ci", "level")
        }
        frame = pl.DataFrame(
            {
                "group": pl.Series([label] * len(self.interval), dtype=pl.String),
                "interval_number": np.arange(1, len(self.interval) + 1),
                **columns,
            }
        )
        return frame.with_columns(
            pl.col("observed_cumulative_lower", "observed_cumulative_upper").fill_nan(None)
        )


def life_table(
    months: ArrayLike,
    event: ArrayLike,
    *,
    months_per_interval: int = MONTHS_PER_YEAR,
    intervals: int | None = None,
    group: ArrayLike | None = None,
    method: str = "actuarial",
    ci: str = "log-log",
    level: float = 0.95,
) -> tuple[LifeTable, ...]:
    """Actuarial survival by interval: those censored in it count as at risk of half of it.

    Parameters
    ----------
    months : array_like of shape (n,)
        Survival in months, 0 or more. Month 12 belongs to the second year. SEER*Stat leaves out people
        alive with no survival time at all (a flag of its own says who they are); leave them out before.
    event : array_like of shape (n,)
        1 or True for a death (of any cause, or of the cause at hand), 0 for censored.
    months_per_interval : int
        12 gives years.
    intervals : int, optional
        How many; default as many as somebody begins. Who lives longer is at risk in the last one.
    group : array_like of shape (n,), optional
        Labels; a table each.
    method : {"actuarial", "kaplan-meier"}
        With the second nobody is taken off for being censored within the interval.
    ci : {"log-log", "log", "plain", "logit"}
        Scale on which the interval of cumulative survival is symmetric.
    level : float
        Confidence level.

    Returns
    -------
    tuple of LifeTable
        By group, in the order of the labels.

    Raises
    ------
    CodingError, ShapeError, NonFiniteError, NegativeTimeError
        The input is not what it should be.

    References
    ----------
    Cutler SJ, Ederer F. Maximum utilization of the life table method in analyzing survival. J Chronic Dis
    1958;8:699-712.
    SEER*Stat help, Algorithms for the survival output table. National Cancer Institute.
    """
    time, _ = follow_up(months, None)
    died = flags(event, "event", len(time))
    member, labels = codes(group, "group", len(time))
    place = interval_numbers(time, months_per_interval)
    last = int(place.max()) + 1 if intervals is None else _how_many(intervals)
    tables = []
    for number, label in enumerate(labels.tolist()):
        own = member == number
        leaving = np.bincount(place[own], minlength=last)[:last]
        deaths = np.bincount(place[own & died], minlength=last)[:last]
        alive = np.count_nonzero(own) - np.append(0, np.cumsum(leaving))[:last]
        reached = alive > 0
        tables.append(
            life_table_of_counts(
                alive[reached],
                deaths[reached],
                (leaving - deaths)[reached],
                group=None if group is None else label,
                months_per_interval=months_per_interval,
                method=method,
                ci=ci,
                level=level,
            )
        )
    return tuple(tables)


def life_table_of_counts(
    alive_at_start: ArrayLike,
    died: ArrayLike,
    lost: ArrayLike,
    *,
    group: object = None,
    months_per_interval: int = MONTHS_PER_YEAR,
    method: str = "actuarial",
    ci: str = "log-log",
    level: float = 0.95,
) -> LifeTable:
    """Life table from the counts of successive intervals, as an export prints them.

    Parameters
    ----------
    alive_at_start, died, lost : array_like of shape (m,)
        People, in whole numbers; the first interval begins at month 0. Each interval is begun by those whom
        the one before has left.
    group, months_per_interval, method, ci, level
        As in `life_table`.

    Raises
    ------
    CodingError
        Counts below 0 or not whole, an interval that nobody begins, more leaving than there are, or others
        beginning than the interval before has left.
    """
    choice(method, "method", METHODS)
    choice(ci, "ci", INTERVALS)
    alive = vector(alive_at_start, "alive_at_start")
    deaths, gone = vector(died, "died", len(alive)), vector(lost, "lost", len(alive))
    _check_counts(alive, deaths, gone)
    effective = alive - gone / 2 if method == "actuarial" else alive
    dying = np.minimum(deaths / effective, 1.0)
    interval = 1 - dying
    cumulative = np.cumprod(interval)
    steps = np.divide(dying, effective * interval, out=np.full_like(dying, np.inf), where=cumulative > 0)
    log_error = np.sqrt(np.cumsum(steps))
    lower, upper = limits(cumulative, log_error, ci, confidence(level))
    edges = np.arange(len(alive) + 1, dtype=np.float64) * months_per_interval
    return LifeTable(
        group=group,
        interval=interval_labels(len(alive), months_per_interval),
        from_month=edges[:-1],
        to_month=edges[1:],
        alive_at_start=alive.astype(np.int64),
        died=deaths.astype(np.int64),
        lost=gone.astype(np.int64),
        effective_at_risk=effective,
        observed_interval=interval,
        observed_cumulative=cumulative,
        observed_interval_se=np.sqrt(interval * dying / effective),
        observed_cumulative_se=cumulative * np.where(cumulative > 0, log_error, 0.0),
        observed_cumulative_lower=lower,
        observed_cumulative_upper=upper,
        method=method,
        ci=ci,
        level=level,
    )


def _how_many(intervals: int) -> int:
    if not isinstance(intervals, int | np.integer) or intervals < 1:
        raise CodingError(
            "The number of intervals is no whole number above 0",
            field="intervals",
            remedy="Ask for one or more.",
        )
    return int(intervals)


def _check_counts(alive: FloatArray, deaths: FloatArray, gone: FloatArray) -> None:
    """Refuse intervals whose counts cannot be, by themselves or after the interval before."""
    fields = "alive_at_start, died, lost"
    wrong = (alive <= 0) | (deaths < 0) | (gone < 0) | (deaths + gone > alive)
    for counts in (alive, deaths, gone):
        wrong |= counts != np.rint(counts)
    if wrong.any():
        raise CodingError(
            "Intervals whose counts cannot be",
            field=fields,
            count=int(np.count_nonzero(wrong)),
            remedy="Give whole people in intervals that somebody begins, no more leaving than there are.",
        )
    broken = int(np.count_nonzero(alive[1:] != (alive - deaths - gone)[:-1]))
    if broken:
        raise CodingError(
            "Intervals that others begin than the one before has left",
            field=fields,
            count=broken,
            remedy="Give successive intervals of people followed from month 0, without gaps.",
        )


def interval_numbers(months: FloatArray, months_per_interval: int) -> IntArray:
    """Which interval (from 0) each survival time ends in."""
    if not (np.isfinite(months_per_interval) and months_per_interval > 0):
        raise CodingError(
            "An interval without length",
            field="months_per_interval",
            remedy="Use 12 for years, 1 for months.",
        )
    return np.floor(months / months_per_interval).astype(np.int64)


def interval_labels(count: int, months_per_interval: int) -> tuple[str, ...]:
    """Labels of the intervals, in years where they are whole years."""
    whole_years = months_per_interval % MONTHS_PER_YEAR == 0
    width, unit = (
        (months_per_interval // MONTHS_PER_YEAR, "yr") if whole_years else (months_per_interval, "mo")
    )
    return tuple(
        f"<{width:g} {unit}" if k == 0 else f"{k * width:g}-<{(k + 1) * width:g} {unit}" for k in range(count)
    )
