"""Relative survival of groups, against the life table that the site has put beside its submissions."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.stats.errors import CodingError, StatsError
from pipelines.stats.relative_survival import PopulationTable, read_population_table, relative_survival
from pipelines.studies.analysis_set import LIFE_TABLE_FACTORS, AnalysisSet
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.results import Estimate, Finding, Outcomes

ANALYSIS = "group_survival"
SAID_OF = "relative_survival"
"""What findings are about, so that a missing life table does not make the observed survival absent."""
NO_TABLE = (
    "no life table of the general population: put one in life_tables/ of the home, called after the submission or its "
    "source (seer.csv), with the columns age, year, sex and one of hazard_per_day, hazard_per_year, "
    "probability_of_death. The project ships none: the right one is that of the people whom the registry covers"
)
NO_AGES = "the release gives ages in bands, and a life table needs them in years"


def relative_survival_of(
    people: AnalysisSet, groups: Iterable[tuple[str, str, AnalysisSet]], months: tuple[float, ...]
) -> Outcomes:
    """Relative survival of groups at some months, by Ederer's second method as SEER*Stat has it.

    Parameters
    ----------
    people : AnalysisSet
        Everybody described; what is compared is their deaths of any cause.
    groups : iterable of (str, str, AnalysisSet)
        Term, subgroup, people.
    months : tuple of float
    """
    path = people.life_table
    if path is None:
        return absent(people, NO_TABLE)
    if people.entry is not None:
        return absent(people, "people come under observation after time zero")
    if people.frame["life_age"].is_null().all():
        return absent(people, NO_AGES)
    try:
        table = read_life_table(path)
    except StatsError as error:
        return absent(people, error.without_count)
    found = Outcomes(findings=(used(people, path), *ages(people)))
    for term, subgroup, group in groups:
        for month in months:
            found += at_month(group, subgroup, term, table, month)
    return found


def absent(people: AnalysisSet, reason: str) -> Outcomes:
    """Say why there is no relative survival; the observed one stands."""
    return Outcomes(findings=(Finding(SAID_OF, people.subgroup, "life_table", "absent", reason),))


def read_life_table(path: Path) -> PopulationTable:
    """The site's life table.

    Raises
    ------
    StatsError
        It is none, or by what people cannot be looked up by.
    """
    try:
        table = read_population_table(path)
    except pl.exceptions.PolarsError:
        raise CodingError(
            f"The life table {path.name} is no CSV file", field="life table", remedy="Save it as plain CSV."
        ) from None
    strange = [name for name in table.factors if name not in LIFE_TABLE_FACTORS]
    if strange:
        raise CodingError(
            f"The life table {path.name} is by {', '.join(strange)}",
            field="life table",
            remedy=f"People are looked up by {', '.join(LIFE_TABLE_FACTORS)}: give rates by these alone.",
        )
    return table


def used(people: AnalysisSet, path: Path) -> Finding:
    """Which life table it was: a number depends on the file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Finding(SAID_OF, people.subgroup, "life_table", "info", f"life table {path.name}, sha256 {digest}")


def ages(people: AnalysisSet) -> list[Finding]:
    """Who has no age in years, and who has the top code for an age."""
    said = {
        "age_unknown": (people.frame["life_age"].is_null(), "left out: age in years unknown"),
        "age_top_coded": (
            people.frame["life_age_top_coded"].fill_null(False),
            "the top code is taken for the age, and expects too few deaths",
        ),
    }
    return [
        Finding(SAID_OF, people.subgroup, check, "info", words, float(who.sum()), unit="people")
        for check, (who, words) in said.items()
        if who.any()
    ]


def at_month(people: AnalysisSet, subgroup: str, term: str, table: PopulationTable, month: float) -> Outcomes:
    """Relative survival of one group at one time, to which the life table must reach; none if nobody was seen then."""
    people = people.where(people.frame["life_age"].is_not_null().to_numpy())
    label, frame, time = label_of(people, subgroup), people.frame, people.time
    if frame.is_empty() or time.max() < month:
        return Outcomes()
    try:
        curve = relative_survival(
            np.minimum(time, month),
            people.event & (time <= month),
            table,
            age=frame["life_age"].to_numpy() + 0.5,  # completed years, and a year alone
            diagnosed=frame["year"].to_numpy() + 0.5,
            factors={name: frame[f"life_{name}"].to_numpy() for name in table.factors},
            unit="months",
            method="ederer2",
            times=[month],
            level=people.study.confidence_level,
        ).curves[0]
    except StatsError as error:
        why = f"at {month:g} months: {error.without_count}"
        return Outcomes(findings=(Finding(SAID_OF, label, "life_table", "absent", why),))
    at = curve.at([month]).row(0, named=True)
    row = Estimate(
        ANALYSIS,
        label,
        term,
        f"at {month:g} months",
        "relative_survival",
        at["survival"],
        at["lower"],
        at["upper"],
        method="Ederer II against the site's life table",
        counts=people.counts(),
    )
    return Outcomes(estimates=(row,))
