"""Relative survival of groups, against the life table that the site has put beside its submissions."""

import hashlib

import numpy as np
import polars as pl

from pipelines.stats.errors import StatsError
from pipelines.stats.relative_survival import (
    PopulationTable,
    RelativeSurvivalCurve,
    read_population_table,
    relative_survival,
)
from pipelines.studies.analysis_set import LIFE_TABLE_FACTORS, AnalysisSet
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.language import Covariate
from pipelines.studies.results import Estimate, Finding, Outcomes

ANALYSIS, METHOD = "group_survival", "ederer2"
NO_TABLE = (
    "no life table of the general population: put one in life_tables/ of the home, called after the submission or its "
    "source (seer.csv), with the columns age, year, sex and one of hazard_per_day, hazard_per_year, "
    "probability_of_death. The project ships none: the right one is that of the people the registry covers"
)
NO_AGES = "the release gives ages in bands, and a life table needs them in years"


def relative_survival_of(
    people: AnalysisSet, one: Covariate, groups: list[tuple[str, AnalysisSet]], months: tuple[float, ...]
) -> Outcomes:
    """Relative survival of each level at some months, by Ederer's second method as SEER*Stat has it.

    Follow-up is cut at the last of the months, so that the life table need not reach further.
    """
    if people.study.survives.kind != "overall":
        return Outcomes()  # it is made from deaths of any cause
    if people.life_table is None:
        return absent(people, one, NO_TABLE)
    if people.frame["life_age"].is_null().all():
        return absent(people, one, NO_AGES)
    try:
        table = read_population_table(people.life_table)
        strange = [name for name in table.factors if name not in LIFE_TABLE_FACTORS]
        if strange:
            return absent(
                people, one, f"the life table is by {', '.join(strange)}, which is not asked for here"
            )
        found = Outcomes(findings=(used(people, one), *not_in_years(people, one)))
        for level, group in groups:
            found += of_group(group, f"{one.name}={level}", one.name, table, months)
    except (StatsError, pl.exceptions.PolarsError) as error:
        reason = (
            error.without_count if isinstance(error, StatsError) else "the life table is no readable CSV file"
        )
        return absent(people, one, reason)
    return found


def absent(people: AnalysisSet, one: Covariate, reason: str) -> Outcomes:
    """Say why there is no relative survival; the observed one stands."""
    message = f"relative survival by {one.name}: {reason}"
    return Outcomes(findings=(Finding(ANALYSIS, people.subgroup, "relative_survival", "absent", message),))


def used(people: AnalysisSet, one: Covariate) -> Finding:
    """Which life table it was: a number depends on the file."""
    path = people.life_table
    assert path is not None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    message = f"relative survival by {one.name}: life table {path.name}, sha256 {digest}"
    return Finding(ANALYSIS, people.subgroup, "life_table", "info", message)


def not_in_years(people: AnalysisSet, one: Covariate) -> list[Finding]:
    """Who has no age in years, and who has the oldest age for their own."""
    frame = people.frame
    capped = float(frame["life_age_top_coded"].fill_null(False).sum())
    unknown = float(frame["life_age"].null_count())
    said = [
        ("life_age_unknown", f"relative survival by {one.name}: left out, age in years unknown", unknown),
        (
            "life_age_top_coded",
            f"relative survival by {one.name}: the top code taken for the age; expected deaths are too few there",
            capped,
        ),
    ]
    return [
        Finding(ANALYSIS, people.subgroup, check, "info", words, count, unit="people")
        for check, words, count in said
        if count
    ]


def of_group(
    people: AnalysisSet, subgroup: str, term: str, table: PopulationTable, months: tuple[float, ...]
) -> Outcomes:
    """Relative survival of one group."""
    people = people.where(people.frame["life_age"].is_not_null().to_numpy())
    if people.frame.is_empty():
        return Outcomes()
    frame, end = people.frame, max(months)
    curve = relative_survival(
        np.minimum(people.time, end),
        people.event & (people.time <= end),
        table,
        age=frame["life_age"].to_numpy() + 0.5,
        diagnosed=frame["year"].to_numpy() + 0.5,
        factors={name: frame[f"life_{name}"].to_numpy() for name in table.factors},
        unit="months",
        method=METHOD,
        times=list(months),
        level=people.study.confidence_level,
    ).curves[0]
    return Outcomes(estimates=tuple(at_months(people, curve, subgroup, term, months)))


def at_months(
    people: AnalysisSet, curve: RelativeSurvivalCurve, subgroup: str, term: str, months: tuple[float, ...]
) -> list[Estimate]:
    """The curve at the months; empty beyond the follow-up of the group."""
    rows = []
    for month in months:
        at = curve.at([month]).row(0, named=True) if month <= curve.time[-1] else {}
        rows.append(
            Estimate(
                ANALYSIS,
                label_of(people, subgroup),
                term,
                f"at {month:g} months",
                "relative_survival",
                at.get("survival"),
                at.get("lower"),
                at.get("upper"),
                method="Ederer II against the site's life table",
                counts=people.counts(),
            )
        )
    return rows
