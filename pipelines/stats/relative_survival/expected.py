"""What the general population would have suffered: each patient's expected hazard, day by day of follow-up."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, vector
from ..errors import CodingError, PopulationTableError
from .population import DAYS_PER_YEAR, PopulationTable

DAYS_PER_UNIT = {"days": 1.0, "months": DAYS_PER_YEAR / 12, "years": DAYS_PER_YEAR}
OUTSIDE = ("refuse", "nearest")
OLDEST = 130.0
ROUNDING = 1e-6  # days: a boundary reached up to this counts as reached


@dataclass(frozen=True)
class Matched:
    """Patients with their place in a population table at the start of follow-up.

    Attributes
    ----------
    table : PopulationTable
    group : ndarray of int, shape (n,)
    age, day : ndarray of shape (n,)
        Age in days, and days since 1970-01-01.
    outside : int
        Patients followed outside the calendar years of the table.
    """

    table: PopulationTable
    group: IntArray
    age: FloatArray
    day: FloatArray
    outside: int

    def cumulative_hazard(self, rows: IntArray | slice, begin: float, end: float) -> FloatArray:
        """Expected hazard of some patients summed from `begin` to `end`, days after the start of follow-up.

        The hazard is constant between birthdays and New Years, and the sum goes from one to the next.
        """
        age, day, group = self.age[rows], self.day[rows], self.group[rows]
        hazard = self.table.hazard_per_day
        new_years = _new_years(self.table)
        ages, years = hazard.shape[1:]
        at, total = np.full(len(age), begin), np.zeros(len(age))
        open_ = np.flatnonzero(at < end)
        while len(open_):
            now_age, now_day = age[open_] + at[open_], day[open_] + at[open_]
            lived = np.floor((now_age + ROUNDING) / DAYS_PER_YEAR).astype(np.int64)
            year = np.searchsorted(new_years, now_day + ROUNDING, side="right") - 1
            birthday = (lived + 1) * DAYS_PER_YEAR - age[open_]
            new_year = np.append(new_years, np.inf)[year + 1] - day[open_]
            until = np.minimum(np.minimum(birthday, new_year), end)
            rate = hazard[
                group[open_],
                np.clip(lived - self.table.first_age, 0, ages - 1),
                np.clip(year, 0, years - 1),
            ]
            total[open_] += rate * (until - at[open_])
            at[open_] = until
            open_ = open_[until < end]
        return total


def match_population(
    table: PopulationTable,
    last: FloatArray,
    age: ArrayLike,
    diagnosed: ArrayLike,
    factors: Mapping[str, ArrayLike],
    outside: str,
) -> Matched:
    """Place patients in the table, and refuse what it does not cover.

    Parameters
    ----------
    table : PopulationTable
    last : ndarray of shape (n,)
        Days until which each patient's expected hazard is needed.
    age : array_like of shape (n,)
        Years at the start of follow-up, 0 to 130. Add half a year to completed years.
    diagnosed : array_like of shape (n,)
        Start of follow-up: dates (datetime64), or calendar years with decimals (2015.5 where the year alone
        is known).
    factors : mapping
        Labels for each factor of the table.
    outside : {"refuse", "nearest"}
        Where follow-up leaves the calendar years of the table.

    Raises
    ------
    PopulationTableError
        Patients younger than the table's first age, followed outside its years, or of no group of it.
    CodingError, ShapeError, NonFiniteError
        The input is not what it should be.
    """
    choice(outside, "outside", OUTSIDE)
    n = len(last)
    years = vector(age, "age", n)
    wrong = int(np.count_nonzero((years < 0) | (years > OLDEST)))
    if wrong:
        raise CodingError("Ages below 0 or above 130", field="age", count=wrong, remedy="Give ages in years.")
    day = _days_since_1970(diagnosed, n)
    young = int(np.count_nonzero(years < table.first_age))
    if young:
        raise PopulationTableError(
            "People younger than the table's first age",
            field="age",
            count=young,
            remedy="Add the ages to the table, or leave these people out.",
        )
    new_years = _new_years(table)
    end_of_table = float(_january_first(table.last_year + 1))
    left = int(np.count_nonzero((day < new_years[0]) | (day + last > end_of_table + ROUNDING)))
    if left and outside == "refuse":
        raise PopulationTableError(
            "People followed outside the calendar years of the table",
            field="year",
            count=left,
            remedy="Add the years to the table, end follow-up with it, or give outside='nearest' to take the "
            "rates of its first or last year.",
        )
    return Matched(table, table.group_of(factors, n), years * DAYS_PER_YEAR, day, left)


def days_of(unit: str) -> float:
    """Days of a unit of time."""
    choice(unit, "unit", tuple(DAYS_PER_UNIT))
    return DAYS_PER_UNIT[unit]


def _days_since_1970(diagnosed: ArrayLike, n: int) -> FloatArray:
    values = np.asarray(diagnosed)
    if values.dtype.kind == "M":
        missing = np.isnat(values)
        return vector(
            np.where(missing, np.nan, values.astype("datetime64[D]").astype(np.float64)), "diagnosed", n
        )
    years = vector(values, "diagnosed", n)
    odd = int(np.count_nonzero((years < 1800) | (years > 2200)))
    if odd:
        raise CodingError(
            "Calendar years outside 1800 to 2200",
            field="diagnosed",
            count=odd,
            remedy="Give dates, or calendar years with decimals.",
        )
    whole = np.floor(years)
    begin = _january_first(whole)
    return begin + (years - whole) * (_january_first(whole + 1) - begin)


def _new_years(table: PopulationTable) -> FloatArray:
    return _january_first(np.arange(table.first_year, table.last_year + 1))


def _january_first(years: ArrayLike) -> FloatArray:
    since = np.asarray(years).astype(np.int64) - 1970
    return since.astype("datetime64[Y]").astype("datetime64[D]").astype(np.float64)
