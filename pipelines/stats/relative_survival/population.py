"""Death rates of the general population: a site's own life table, read from a plain CSV file.

One row per completed year of age, calendar year and group of people, in any order:

| column | |
|---|---|
| `age` | completed years, without gaps; the last one stands for all older people |
| `year` | calendar year, without gaps |
| `sex`, and others such as `race` | labels, spelt as those of the patients |
| one of `hazard_per_day`, `hazard_per_year`, `probability_of_death` | the last within a year of age |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, codes
from ..errors import CodingError, PopulationTableError

DAYS_PER_YEAR = 365.241
RATES = ("hazard_per_day", "hazard_per_year", "probability_of_death")
ALSO_CALLED = {"daily_hazard": "hazard_per_day", "rate_per_day": "hazard_per_day"}


@dataclass(frozen=True)
class PopulationTable:
    """Hazards of death of the general population.

    Attributes
    ----------
    first_age, first_year : int
        What the first row and column of a group's hazards are for.
    factors : tuple of str
        What people are grouped by besides age and year: `sex`, perhaps `race`.
    groups : tuple of tuple of str
        Labels of each group, in the order of `factors`.
    hazard_per_day : ndarray of shape (groups, ages, years)
        Constant within a year of age and a calendar year.
    """

    first_age: int
    first_year: int
    factors: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    hazard_per_day: FloatArray = field(repr=False)

    @property
    def last_year(self) -> int:
        """Last calendar year."""
        return self.first_year + int(self.hazard_per_day.shape[2]) - 1

    @property
    def hazard_per_year(self) -> FloatArray:
        """Hazards per year (groups, ages, years), of 365.241 days."""
        return self.hazard_per_day * DAYS_PER_YEAR

    def group_of(self, labels: Mapping[str, ArrayLike], n: int) -> IntArray:
        """Group number of each of n people.

        Parameters
        ----------
        labels : mapping
            An array of shape (n,) for each of `factors`.

        Raises
        ------
        CodingError
            A factor is missing or not in the table.
        PopulationTableError
            People whose group the table does not have.
        """
        if set(labels) != set(self.factors):
            raise CodingError(
                f"The table is by {', '.join(self.factors)}; given are {', '.join(labels) or 'no labels'}",
                field="factors",
                remedy="Give labels for exactly these.",
            )
        known = {group: number for number, group in enumerate(self.groups)}
        parts = [codes(labels[name], name, n) for name in self.factors]
        columns = [np.array([str(v) for v in names.tolist()])[place] for place, names in parts]
        combined = [tuple(row) for row in np.column_stack(columns).tolist()]
        found = np.array([known.get(row, -1) for row in combined], dtype=np.int64)
        absent = int(np.count_nonzero(found < 0))
        if absent:
            raise PopulationTableError(
                "People of groups that the table does not have",
                field=", ".join(self.factors),
                count=absent,
                remedy="Spell labels as the table does, add the groups to it, or leave these people out.",
            )
        return found

    def to_frame(self) -> pl.DataFrame:
        """One row per group, age and year, in the layout that is read."""
        g, a, y = (axis.ravel() for axis in np.indices(self.hazard_per_day.shape))
        by_group = {
            name: np.array([group[k] for group in self.groups])[g] for k, name in enumerate(self.factors)
        }
        return pl.DataFrame(
            {
                "age": a + self.first_age,
                "year": y + self.first_year,
                **by_group,
                "hazard_per_day": self.hazard_per_day.ravel(),
            }
        )


def read_population_table(path: str | Path) -> PopulationTable:
    """Read a life table of the general population from a CSV file (layout: see the module).

    Raises
    ------
    PopulationTableError
        As in `population_table`.
    """
    return population_table(pl.read_csv(path, infer_schema_length=None))


def population_table(frame: pl.DataFrame) -> PopulationTable:
    """Life table of the general population from its rows (layout: see the module).

    Parameters
    ----------
    frame : polars.DataFrame
        Columns `age`, `year`, a column of rates, and one for each factor people are grouped by.

    Raises
    ------
    PopulationTableError
        A column is missing, a cell is missing or there twice, or a rate cannot be one.
    """
    named = frame.rename({k: v for k, v in ALSO_CALLED.items() if k in frame.columns})
    rates = [name for name in RATES if name in named.columns]
    if len(rates) != 1 or not {"age", "year"} <= set(named.columns):
        raise PopulationTableError(
            "A population table needs age, year and one column of rates",
            field=", ".join(("age", "year", *RATES)),
            remedy=f"Name the column of rates after its unit, one of {', '.join(RATES)}.",
        )
    factors = tuple(name for name in named.columns if name not in ("age", "year", *RATES))
    if not factors:
        raise PopulationTableError(
            "The table has no groups", field="sex", remedy="Add a column `sex`; one label will do."
        )
    hazard = _hazard_per_day(named, rates[0])
    age, year = (_whole(named, name) for name in ("age", "year"))
    labels = named.select(pl.col(factors).cast(pl.String))
    groups = tuple(sorted(set(labels.rows())))
    number = {group: k for k, group in enumerate(groups)}
    group = np.array([number[row] for row in labels.rows()])
    shape = (len(groups), int(np.ptp(age)) + 1, int(np.ptp(year)) + 1)
    cell = np.ravel_multi_index((group, age - age.min(), year - year.min()), shape)
    count = np.bincount(cell, minlength=int(np.prod(shape)))
    for wrong, what, remedy in (
        (count == 0, "Cells that are missing", "Give every age and year of every group a rate."),
        (count > 1, "Cells that are there more than once", "Leave one row for each."),
    ):
        if wrong.any():
            raise PopulationTableError(
                what,
                field=", ".join(("age", "year", *factors)),
                count=int(np.count_nonzero(wrong)),
                remedy=remedy,
            )
    filled = np.empty(len(count))
    filled[cell] = hazard
    return PopulationTable(int(age.min()), int(year.min()), factors, groups, filled.reshape(shape))


def _hazard_per_day(frame: pl.DataFrame, name: str) -> FloatArray:
    rate = frame[name].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().astype(np.float64)
    bad = ~np.isfinite(rate) | (rate < 0) | ((rate >= 1) if name == "probability_of_death" else False)
    if bad.any():
        raise PopulationTableError(
            "Rates that are missing, below 0, or probabilities of 1 and more",
            field=name,
            count=int(np.count_nonzero(bad)),
            remedy="Correct them; if they are of another unit, name the column after it.",
        )
    if name == "hazard_per_day":
        return rate
    return (rate if name == "hazard_per_year" else -np.log1p(-rate)) / DAYS_PER_YEAR


def _whole(frame: pl.DataFrame, name: str) -> IntArray:
    values = frame[name].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    broken = int(np.count_nonzero(~np.isfinite(values) | (values != np.floor(values))))
    if len(values) == 0 or broken:
        raise PopulationTableError(
            "Values that are no whole years",
            field=name,
            count=broken,
            remedy="Write completed years as numbers; the last age stands for all older people.",
        )
    return values.astype(np.int64)
