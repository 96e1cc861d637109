"""What the export dictionary of a SEER*Stat survival session says of its data file.

A survival export has several kinds of rows in one file: the first column, the page type, says which list of columns
a row has. Groups are numbered in the order of the analyst's session, so a number means nothing without the
dictionary; it is kept in the manifest beside the data.
"""

import csv
import re
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from pipelines.codebook.layouts import TABLES

COLUMNS_TABLE = TABLES / "survival_export_columns.csv"
PAGE_TYPE = "Page type"
PAGES = {
    "life page": "life",
    "summary page": "summary",
    "period life page": "period_life",
    "period summary page": "period_summary",
    "age std life page": "age_standardized_life",
    "age std summary page": "age_standardized_summary",
    "z-statistics page": "z_statistics",
}
FIRST_PAGES = {"0": "Life Page", "1": "Summary Page"}
"""What the first two numbers mean where a dictionary does not say it."""
MONTHS = {"yr": 12, "mo": 1}
INTERVAL = re.compile(r"(?:(?P<from><|\d+-<)?)(?P<to>\d+) *(?P<unit>yr|mo)s?")


class Statistic(NamedTuple):
    """A column of ours for a column of an export: an interval, a count or a rate (a proportion)."""

    column: str
    kind: str


@cache
def statistics() -> dict[str, Statistic]:
    """Columns of ours by the name that SEER*Stat gives theirs."""
    with COLUMNS_TABLE.open(encoding="utf-8", newline="") as stream:
        return {row["header"]: Statistic(row["column"], row["kind"]) for row in csv.DictReader(stream)}


class SurvivalExport(BaseModel):
    """The dictionary of one survival export.

    Parameters
    ----------
    statistic, method, study_cutoff : str
        Such as ``Relative Survival``, ``Actuarial``, ``12/2018``.
    months_per_interval : int or None
    percents : bool
        Rates are percents; else proportions.
    missing : str
        What stands for no value, besides nothing at all.
    life, summary : tuple of str
        Columns of the two kinds of pages, as the dictionary names them; empty where there is no such page.
    labels : dict
        For every coded column its labels by number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    statistic: str
    method: str
    study_cutoff: str
    months_per_interval: int | None
    percents: bool
    missing: str
    life: tuple[str, ...]
    summary: tuple[str, ...]
    labels: dict[str, dict[str, str]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of both kinds of pages, each once."""
        return tuple(dict.fromkeys((*self.life, *self.summary)))

    def page(self, page_type: str) -> str | None:
        """The kind of page that a value of the first column names; None where it names none."""
        labels = FIRST_PAGES | self.labels.get(PAGE_TYPE, {})
        label = labels.get(page_type.strip(), page_type)
        return PAGES.get(label.strip().lower())

    def columns_of(self, page: str) -> tuple[str, ...]:
        """Columns of a row of this kind of page."""
        if page.endswith("summary"):
            return self.summary
        return self.life if page.endswith("life") else ()

    def groups_of(self, page: str) -> tuple[str, ...]:
        """Columns that say whom a row is about: those before its interval."""
        columns = self.columns_of(page)
        known = statistics()
        place = next(i for i, name in enumerate(columns) if name in known)
        return tuple(name for name in columns[:place] if name != PAGE_TYPE)

    def label(self, column: str, value: str) -> str:
        """The label of a coded value; a value without a label is its own."""
        return self.labels.get(column, {}).get(value.strip(), value).strip()


def interval_months(label: str) -> tuple[float, float] | None:
    """First and last month of an interval such as ``<1 yr``, ``1-<2 yr`` or ``5 yr`` (from diagnosis to then)."""
    found = INTERVAL.fullmatch(label.strip())
    if found is None:
        return None
    months = MONTHS[found["unit"]]
    first = found["from"] or ""
    return float(int(first.removesuffix("-<") or 0) * months if first != "<" else 0), float(
        int(found["to"]) * months
    )
