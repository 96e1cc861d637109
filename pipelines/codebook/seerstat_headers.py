"""What SEER*Stat calls its variables in which submission, and which diagnosis years a submission covers.

A header text may differ by one year in its brackets from another submission's, so texts are compared exactly
after trimming.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True)
class Variant:
    """One header text and the submissions that have it.

    Parameters
    ----------
    concept : str
    header : str
    first, last : int or None
        Years of the first and last submission; None where no end is known.
    """

    concept: str
    header: str
    first: int | None
    last: int | None

    def is_of(self, year: int) -> bool:
        """Whether the submission of November of ``year`` has it."""
        return (self.first or year) <= year <= (self.last or year)


@dataclass(frozen=True)
class SubmissionYears:
    """The earliest and latest diagnosis year of any database of a submission."""

    release: str
    first_year: int
    last_year: int

    @property
    def year(self) -> int:
        """Year of the submission itself."""
        return int(self.release[3:])


@dataclass(frozen=True)
class PeriodField:
    """The field that gives a tumor column in one period: no field stands in for another.

    Parameters
    ----------
    column : str
        Column that says ``not_released`` where the field was left out of the export.
    stage_edition : str
        Of the rows that it is for; empty where years alone tell.
    first, last : int or None
        Diagnosis years; None where there is no end.
    field : str
        As SEER*Stat calls it.
    """

    column: str
    stage_edition: str
    first: int | None
    last: int | None
    field: str


@cache
def fields_of_periods(variable: str) -> tuple[PeriodField, ...]:
    """The fields that give a tumor column, one for each period; none where one field gives it for all years."""
    with (TABLES / "seer_fields_of_periods.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(
            PeriodField(
                row["column"],
                row["stage_edition"],
                _whole(row["first_year"]),
                _whole(row["last_year"]),
                row["field"],
            )
            for row in csv.DictReader(stream)
            if row["variable"] == variable
        )


def _whole(text: str) -> int | None:
    return int(text) if text else None


@cache
def variants() -> dict[str, Variant]:
    """Every known header text; a text has one concept and one range of submissions."""
    with (TABLES / "seerstat_headers.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            Variant(row["concept"], row["header"].strip(), _year(row["first_sub"]), _year(row["last_sub"]))
            for row in csv.DictReader(stream)
        ]
    return {row.header: row for row in rows}


@cache
def submissions() -> dict[str, SubmissionYears]:
    """The submissions from November 2010 on, oldest first."""
    with (TABLES / "seerstat_submissions.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            SubmissionYears(row["release"], int(row["first_year"]), int(row["last_year"]))
            for row in csv.DictReader(stream)
        ]
    return {row.release: row for row in rows}


def known(headers: Iterable[str]) -> list[Variant]:
    """The variants among header texts."""
    return [variants()[name] for name in map(trimmed, headers) if name in variants()]


def possible_releases(headers: Iterable[str], years: Iterable[int] = ()) -> tuple[str, ...]:
    """Submissions that can have these columns and these diagnosis years, oldest first.

    Parameters
    ----------
    headers : iterable of str
    years : iterable of int
        Some diagnosis years of the data.
    """
    found, seen = known(headers), list(years)
    return tuple(
        each.release
        for each in submissions().values()
        if all(variant.is_of(each.year) for variant in found)
        and all(each.first_year <= year <= each.last_year for year in seen)
    )


def trimmed(name: str) -> str:
    """A name without blanks around it and with single blanks in it."""
    return re.sub(r"\s+", " ", name.strip())


def _year(release: str) -> int | None:
    return int(release[3:]) if release else None
