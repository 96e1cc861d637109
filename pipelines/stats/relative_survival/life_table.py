"""Relative survival by interval as SEER*Stat prints it: actuarial observed over expected survival."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, codes, flags, follow_up, vector
from .._linear_algebra import normal_quantile
from ..errors import CodingError
from ..kaplan_meier.life_table import MONTHS_PER_YEAR, LifeTable, interval_numbers, life_table
from .expected import DAYS_PER_UNIT, Matched, match_population
from .population import PopulationTable

METHODS = ("ederer2", "ederer1")


@dataclass(frozen=True)
class RelativeLifeTable:
    """One group's life table with expected and relative survival; arrays of shape (m,).

    Attributes
    ----------
    observed : LifeTable
        Counts and observed survival.
    expected_interval, expected_cumulative : ndarray
        Of comparable people of the population.
    relative_interval, relative_cumulative : ndarray
        Observed over expected.
    relative_interval_se, relative_cumulative_se : ndarray
        Those of observed survival over expected survival.
    relative_cumulative_lower, relative_cumulative_upper : ndarray
        Symmetric on the log scale; NaN where survival is 0 (null in the frame).
    never_rising : bool
        Whether relative survival was held at 1 within an interval and at its last value from there on.
    method : str
    warnings : tuple of str
    """

    observed: LifeTable
    expected_interval: FloatArray
    expected_cumulative: FloatArray
    relative_interval: FloatArray
    relative_cumulative: FloatArray
    relative_interval_se: FloatArray
    relative_cumulative_se: FloatArray
    relative_cumulative_lower: FloatArray
    relative_cumulative_upper: FloatArray
    never_rising: bool
    method: str
    warnings: tuple[str, ...] = ()

    def to_frame(self) -> pl.DataFrame:
        """One row per interval, with the names of the table of published survival."""
        names = [name for name in self.__dataclass_fields__ if name.startswith(("expected", "relative"))]
        frame = self.observed.to_frame().with_columns(pl.Series(name, getattr(self, name)) for name in names)
        return frame.with_columns(
            pl.col("relative_cumulative_lower", "relative_cumulative_upper").fill_nan(None)
        )


def relative_life_table(
    months: ArrayLike,
    event: ArrayLike,
    population: PopulationTable,
    *,
    age: ArrayLike,
    diagnosed: ArrayLike,
    factors: Mapping[str, ArrayLike],
    months_per_interval: int = MONTHS_PER_YEAR,
    intervals: int | None = None,
    group: ArrayLike | None = None,
    method: str = "ederer2",
    never_rising: bool = False,
    outside: str = "refuse",
    ci: str = "log-log",
    level: float = 0.95,
) -> tuple[RelativeLifeTable, ...]:
    """Actuarial relative survival by interval.

    Parameters
    ----------
    months, event, months_per_interval, intervals, group, ci, level
        As in `kaplan_meier.life_table.life_table`; `ci` is for observed survival.
    population, age, diagnosed, factors, outside
        As in `relative_survival`; the table has to reach to the end of the last interval somebody begins.
    method : {"ederer2", "ederer1"}
        Expected survival of those alive at the start of each interval, SEER*Stat's default, or of all who
        were diagnosed.
    never_rising : bool
        SEER*Stat's adjustment: relative survival of an interval is at most 1, and cumulative relative
        survival (with its error) never rises.

    Returns
    -------
    tuple of RelativeLifeTable
        By group, in the order of the labels.

    Raises
    ------
    PopulationTableError, CodingError, ShapeError, NonFiniteError, NegativeTimeError
        As in `relative_survival`.

    References
    ----------
    SEER*Stat help, Algorithms for the survival output table. National Cancer Institute.
    Ederer F, Axtell LM, Cutler SJ. The relative survival rate: a statistical methodology. Natl Cancer Inst
    Monogr 1961;6:101-121.
    """
    choice(method, "method", METHODS)
    observed = life_table(
        months,
        event,
        months_per_interval=months_per_interval,
        intervals=intervals,
        group=group,
        ci=ci,
        level=level,
    )
    time, _ = follow_up(months, None)
    flags(event, "event", len(time))
    place = interval_numbers(time, months_per_interval)
    member, _ = codes(group, "group", len(time))
    width = months_per_interval * DAYS_PER_UNIT["months"]
    ends = np.array([len(table.interval) for table in observed])[member]
    needed = ends if method == "ederer1" else np.minimum(place + 1, ends)
    matched = match_population(population, needed * width, age, diagnosed, factors, outside)
    tables = []
    for number, table in enumerate(observed):
        rows = np.flatnonzero(member == number)
        expected = _expected(matched, rows, place[rows], len(table.interval), width, method)
        tables.append(_relative(table, expected, matched.outside, method, level, never_rising=never_rising))
    return tuple(tables)


def relative_to(
    table: LifeTable, expected_interval: ArrayLike, *, never_rising: bool = False
) -> RelativeLifeTable:
    """Life table against expected survival from elsewhere, such as a printed one.

    Parameters
    ----------
    table : LifeTable
    expected_interval : array_like of shape (m,)
        Expected survival of each interval, above 0 and at most 1.
    never_rising : bool
        As in `relative_life_table`.

    Raises
    ------
    CodingError, ShapeError, NonFiniteError
        Expected survival is not a share for each interval.
    """
    expected = vector(expected_interval, "expected_interval", len(table.interval))
    wrong = int(np.count_nonzero((expected <= 0) | (expected > 1)))
    if wrong:
        raise CodingError(
            "Expected survival that is no share",
            field="expected_interval",
            count=wrong,
            remedy="Give proportions above 0 and at most 1, not percents.",
        )
    return _relative(table, expected, 0, "given", table.level, never_rising=never_rising)


def _expected(
    matched: Matched, rows: IntArray, place: IntArray, intervals: int, width: float, method: str
) -> FloatArray:
    """Expected survival of each interval."""
    order = np.lexsort((matched.day[rows], matched.age[rows], matched.group[rows]))
    rows, place = rows[order], place[order]
    survival, result = np.ones(len(rows)), np.zeros(intervals)
    for k in range(intervals):
        own = slice(None) if method == "ederer1" else place >= k
        hazard = matched.cumulative_hazard(rows[own], k * width, (k + 1) * width)
        if method == "ederer2":
            result[k] = np.mean(np.exp(-hazard))
        else:
            before = survival.mean()
            survival = survival * np.exp(-hazard)
            result[k] = survival.mean() / before
    return result


def _relative(
    table: LifeTable, expected: FloatArray, outside: int, method: str, level: float, *, never_rising: bool
) -> RelativeLifeTable:
    cumulative: FloatArray = np.asarray(np.cumprod(expected), dtype=np.float64)
    interval = table.observed_interval / expected
    relative, error = table.observed_cumulative / cumulative, table.observed_cumulative_se / cumulative
    if never_rising:
        interval = np.minimum(interval, 1.0)
        held = np.minimum.accumulate(np.minimum(relative, 1.0))
        rises = relative > np.append(1.0, held[:-1])
        source = np.maximum.accumulate(np.where(rises, 0, np.arange(len(held))))
        relative, error = held, error[source]
    positive = relative > 0
    log_error = np.divide(error, relative, out=np.full_like(error, np.nan), where=positive)
    half = np.exp(normal_quantile(level) * log_error)
    return RelativeLifeTable(
        observed=table,
        expected_interval=expected,
        expected_cumulative=cumulative,
        relative_interval=interval,
        relative_cumulative=relative,
        relative_interval_se=table.observed_interval_se / expected,
        relative_cumulative_se=error,
        relative_cumulative_lower=relative / half,
        relative_cumulative_upper=relative * half,
        never_rising=never_rising,
        method=method,
        warnings=()
        if outside == 0
        else (
            f"{outside} people were followed outside the calendar years of the population table: the rates of "
            "its nearest year are taken there.",
        ),
    )
