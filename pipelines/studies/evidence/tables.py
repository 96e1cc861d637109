"""The evidence of the catalog: published estimates as printed, one row each, checked as they are read."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from pipelines.cohorts.catalog import table_file
from pipelines.errors import InputError
from pipelines.stats.pooling import StudyEstimate
from pipelines.studies.compare import Number
from pipelines.studies.csv_rows import read_rows
from pipelines.studies.language.evidence import Reading

ORIENTATIONS = {"as_printed": "exposed_vs_unexposed", "inverted": "unexposed_vs_exposed"}
Verification = Literal["abstract", "secondary", "computed", "seed", "memory"]
Orientation = Literal["as_printed", "inverted"]


def _none_of_empty(value: object) -> object:
    return None if value == "" else value


def _years(value: object) -> object:
    """``1988-2003`` as two years; an empty cell as none."""
    if isinstance(value, str):
        return tuple(value.split("-")) if value else None
    return value


Count = Annotated[int | None, BeforeValidator(_none_of_empty)]
Years = Annotated[tuple[int, int] | None, BeforeValidator(_years)]
Text = Annotated[str | None, BeforeValidator(_none_of_empty)]


class EvidenceRow(BaseModel):
    """One published estimate (row of ``observational.csv``, ``trials.csv`` or ``trial_reports.csv``).

    ``printed_*`` is what the paper prints, in its own orientation and at its own level; both are mandatory. Further
    columns are kept in ``model_extra``: those that begin with ``assumed_`` say which reviews pooled the study, for
    all anybody knows.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    row: str = Field(validation_alias=AliasChoices("study", "trial"), min_length=1)
    name: str = Field(min_length=1)
    data_source: Text = Field(default=None, validation_alias=AliasChoices("data_source", "registration"))
    years: Years = None
    n: Count = None
    n_surgery: Count = None
    n_control: Count = None
    printed_hr: Number = None
    printed_ci_low: Number = None
    printed_ci_high: Number = None
    printed_ci_level: Number = None
    orientation: Orientation
    p_value: Number = None
    corrected_for: str = "measured_confounding immortal_time"
    verification: Verification
    note: str = ""
    randomised: bool = False
    ours: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        limits = (self.printed_ci_low, self.printed_ci_high, self.printed_ci_level)
        if any(one is None for one in limits) and any(one is not None for one in limits):
            raise ValueError("an interval has two limits and its printed_ci_level")
        if limits[0] is not None and self.printed_hr is None:
            raise ValueError("an interval without its ratio")
        if self.usable:
            self.study()  # the statistics say what is wrong with the figures
        return self

    @property
    def usable(self) -> bool:
        """Whether a ratio is printed with its interval."""
        return self.printed_hr is not None and self.printed_ci_low is not None

    @property
    def people(self) -> int | None:
        """Everybody, where the paper says how many."""
        if self.n is not None or self.n_surgery is None or self.n_control is None:
            return self.n
        return self.n_surgery + self.n_control

    def says(self, column: str) -> bool:
        """Whether a further column of the row says ``yes``."""
        return bool((self.model_extra or {}).get(column) == "yes")

    def read_as(self, reading: Reading | None) -> "EvidenceRow":
        """The row under another level or orientation."""
        if reading is None:
            return self
        changes: dict[str, object] = {}
        if reading.ci_level is not None:
            changes["printed_ci_level"] = reading.ci_level
        if reading.orientation is not None:
            changes["orientation"] = reading.orientation
        return self.model_copy(update=changes)

    def ratio(self, level: float) -> tuple[float, float, float]:
        """Ratio and limits in our orientation and at one level; the printed limits where they have that level."""
        value, low, high = self.study().ratio(level=level)
        if self.printed_ci_level != level or self.printed_ci_low is None or self.printed_ci_high is None:
            return value, low, high
        if self.orientation == "inverted":
            return value, 1 / self.printed_ci_high, 1 / self.printed_ci_low
        return value, self.printed_ci_low, self.printed_ci_high

    def study(self) -> StudyEstimate:
        """The row as the statistics take it.

        Raises
        ------
        CodingError
            The figures cannot be an estimate with its interval.
        """
        values = (self.printed_hr, self.printed_ci_low, self.printed_ci_high, self.printed_ci_level)
        estimate, low, high, level = (float("nan") if one is None else one for one in values)
        return StudyEstimate(
            self.name,
            estimate,
            low,
            high,
            level,
            ORIENTATIONS[self.orientation],
            p_value=self.p_value,
            p_sides=2,
            n=self.people,
            n_exposed=self.n_surgery,
            data_source=self.data_source,
            years=self.years,
            design="randomised" if self.randomised else "observational",
            effect_type="marginal" if self.randomised else "conditional",
        )


class Review(BaseModel):
    """One published synthesis (row of ``reviews.csv``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    review: str = Field(min_length=1)
    name: str = Field(min_length=1)
    studies: Count
    n: Count
    n_surgery: Count
    n_control: Count
    design: Literal["observational", "randomised"]
    outcome: str
    measure: Literal["hr", "or", "rr"]
    printed: Number
    printed_ci_low: Number
    printed_ci_high: Number
    printed_ci_level: Number
    orientation: Orientation
    percent_surgery: Number
    percent_control: Number
    verification: Verification
    source: str
    note: str

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.printed_ci_low is not None and self.printed_ci_level is None:
            raise ValueError("an interval without its printed_ci_level")
        return self

    @property
    def crude_odds_ratio(self) -> float | None:
        """Odds ratio of the two percentages, None where one is not printed."""
        if self.percent_surgery is None or self.percent_control is None:
            return None
        ours, theirs = self.percent_surgery / 100, self.percent_control / 100
        return (ours / (1 - ours)) / (theirs / (1 - theirs))


def load_rows(table: str, catalog_dir: Path) -> list[EvidenceRow]:
    """Read one table of ``catalog/evidence``.

    Parameters
    ----------
    table : str
        File name without ending; the rows of one whose name begins with ``trial`` are randomised.
    catalog_dir : Path
        The catalog.

    Raises
    ------
    InputError
        No such table, or every wrong row by its line.
    """
    rows = read_rows(
        path_of(table, catalog_dir), EvidenceRow, of="the evidence", folder="evidence", key="row"
    )
    randomised = table.startswith("trial")
    return [one.model_copy(update={"randomised": randomised}) for one in rows]


def load_reviews(catalog_dir: Path) -> dict[str, Review]:
    """Read ``catalog/evidence/reviews.csv``, by key.

    Raises
    ------
    InputError
        Every wrong row by its line.
    """
    rows = read_rows(
        path_of("reviews", catalog_dir), Review, of="the evidence", folder="evidence", key="review"
    )
    return {one.review: one for one in rows}


def path_of(table: str, catalog_dir: Path) -> Path:
    """A table of the evidence, which is there: the catalog's, or the shipped one where it has none.

    Raises
    ------
    InputError
        It is not.
    """
    path = table_file("evidence", table, catalog_dir)
    if not path.is_file():
        there = ", ".join(sorted(one.stem for one in path.parent.glob("*.csv")))
        raise InputError(
            f"There is no table of evidence '{table}'", where=str(path.parent), remedy=f"There are: {there}."
        )
    return path
