"""A comparison of two submissions as tables for a terminal."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipelines.disclosure import SHARES_OF_PEOPLE
from pipelines.reporting.diff import WORTH_A_LOOK_POINTS, Diff
from pipelines.studies.lines import interval, number

MOST_LINES = 30
"""Code frequencies that a person is shown unless she asks for all."""


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are text, and what is to be said below it."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def text_tables(diff: Diff, *, everything: bool = False) -> list[TextTable]:
    """What a person is shown: records, codes that moved, cohorts step by step, studies and their estimates.

    Parameters
    ----------
    diff : Diff
    everything : bool
        Every code and every number, else the largest changes and the estimates of the exposure.
    """
    return [
        _records(diff),
        _frequencies(diff, everything),
        *_cohorts(diff),
        *_studies(diff, everything),
    ]


def _records(diff: Diff) -> TextTable:
    columns = ["submission", "release", "covered years", "records read", "kept", "quarantined"]
    rows = [[_text(value) for value in row] for row in diff.rows.iter_rows()]
    return TextTable("Records", columns, rows)


def _text(value: Any, form: str = ",") -> str:
    """A cell; what is hidden, or is not there, is a dash."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else format(value, form)


def _frequencies(diff: Diff, everything: bool) -> TextTable:
    found = diff.frequencies
    moved = found.table.filter(pl.col("worth_a_look"))
    shown = found.table if everything else moved.head(MOST_LINES)
    years = f"diagnosed {found.years[0]} to {found.years[-1]}" if found.years else "all years"
    title = f"Codes, {years}: {_text(found.n_old)} tumors in {diff.old}, {_text(found.n_new)} in {diff.new}"
    rows = [
        [column, word, _text(was, ".1f"), _text(now, ".1f"), _text(points, "+.1f")]
        for column, word, was, now, points, _ in shown.iter_rows()
    ]
    notes = [f"{moved.height} codes moved by {WORTH_A_LOOK_POINTS} percentage points or more."]
    if found.years == ():
        notes = ["No diagnosis year is in both: codes are not compared."]
    if moved.height > shown.height:
        notes.append(f"The {shown.height} largest changes are shown; --all shows every code.")
    if found.not_in_both:
        notes.append(f"Only one submission has: {', '.join(found.not_in_both)}.")
    return TextTable(title, ["column", "word", f"% {diff.old}", f"% {diff.new}", "points"], rows, notes)


def _cohorts(diff: Diff) -> list[TextTable]:
    columns = ["step", "rule", f"remained {diff.old}", f"remained {diff.new}", "change %"]
    tables = []
    for (name, definition), lines in diff.attrition.group_by(["cohort", "definition"], maintain_order=True):
        rows = [
            [str(step), rule, _text(was), _text(now), _text(change, "+.1f")]
            for step, rule, was, now, change in lines.select(
                "step", "rule", "n_after_old", "n_after_new", "change_percent"
            ).iter_rows()
        ]
        tables.append(TextTable(f"Cohort {name} (definition: {definition})", columns, rows))
    return tables


def _studies(diff: Diff, everything: bool) -> list[TextTable]:
    tables = []
    for study in diff.studies.iter_rows(named=True):
        name = study["study"]
        numbers = diff.estimates.filter(pl.col("study") == name)
        if numbers.is_empty():
            rows = [[diff.old, study["old"]], [diff.new, study["new"]]]
            tables.append(TextTable(f"Study {name}", ["submission", "state"], rows))
            continue
        ours = (pl.col("of_exposure") | pl.col("worth_a_look")) & ~pl.col("measure").is_in(SHARES_OF_PEOPLE)
        shown = numbers if everything else numbers.filter(ours)
        title = f"Study {name} (settings: {study['settings']}; versions: {study['versions']})"
        notes = [
            "Differences of hr, or, rr and shr are on the log scale. * The new estimate lies outside the old interval"
            f" (a share: it moved by {WORTH_A_LOOK_POINTS} points or more)."
        ]
        if study["settings"] != "same":
            notes.append("The settings differ: a difference may come from them and not from the data.")
        if numbers.height > shown.height:
            notes.append(f"{numbers.height - shown.height} more numbers; --all shows them.")
        columns = ["analysis", "what", "measure", diff.old, diff.new, "difference"]
        rows = [_estimate(row) for row in shown.iter_rows(named=True)]
        tables.append(TextTable(title, columns, rows, notes))
    return tables


def _estimate(row: dict[str, Any]) -> list[str]:
    measure = row["measure"]
    parts = ("subgroup", "term", "contrast") if row["contrast"] else ("subgroup",)
    what = " ".join(row[part] for part in parts if row[part] not in ("", "all")) or "everyone"
    values = [
        number(row[f"estimate_{side}"], measure)
        + interval(row[f"ci_low_{side}"], row[f"ci_high_{side}"], measure)
        for side in ("old", "new")
    ]
    difference = _text(row["difference"], "+.3f") + (" *" if row["worth_a_look"] else "")
    return [row["analysis"], what.replace("_", " "), measure, *values, difference]
