"""The page of a submission of published survival: its first curves, its survival at a few years, its check."""

import json
from typing import Any

import polars as pl

from pipelines.disclosure import format_count, is_small
from pipelines.reporting.figures import kaplan_meier
from pipelines.reporting.render import render
from pipelines.reporting.tables import html_table
from pipelines.settings import Settings
from pipelines.store import Submission

CURVES, GROUPS = 4, 40
"""How many groups are drawn and listed; the table in the registry has them all."""
YEARS = (1, 3, 5, 10)
MEASURES = {
    "cause_specific": "Cause-specific survival",
    "relative": "Relative survival",
    "observed": "Observed survival",
}
AGREEMENT = "survival_interval_agrees"


def published_survival_page(sub: Submission, files: str) -> str:
    """Make the page.

    Parameters
    ----------
    sub : Submission
        Built, judged and of a dialect without people.
    files : str
        The table of received files as HTML.
    """
    table = pl.read_parquet(sub.registry_table("published_survival"))
    measure = next((each for each in MEASURES if table[f"{each}_cumulative"].count()), "observed")
    curves = curves_of(table, measure)
    checked = pl.read_parquet(sub.quality_results).filter(pl.col("check_id") == AGREEMENT).to_dicts()[0]
    first = table.row(0, named=True)
    groups = table["groups"].n_unique()
    return render(
        "published_survival.html.j2",
        title=f"Submission {sub.id}",
        manifest=sub.manifest,
        first=first,
        groups=groups,
        compared=checked["n_checked"],
        agreeing=checked["n_checked"] - checked["n_failed"],
        measure=MEASURES[measure],
        n_curves=min(CURVES, groups),
        curves=_figure(curves, MEASURES[measure]),
        listed=min(GROUPS, groups),
        at_years=_at_years(table, measure),
        files=files,
    )


def curves_of(table: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Cumulative survival of the first groups at the start of every interval and at the end of the last.

    Parameters
    ----------
    table : polars.DataFrame
        ``published_survival``.
    measure : str
        ``cause_specific``, ``relative`` or ``observed``.

    Returns
    -------
    polars.DataFrame
        ``arm, time`` (months), ``n_risk, survival, lower, upper`` (proportions; the curve itself where the export
        has no limits).
    """
    schema = {
        "arm": pl.String,
        "time": pl.Float64,
        "n_risk": pl.Int64,
        "survival": pl.Float64,
        "lower": pl.Float64,
        "upper": pl.Float64,
    }
    life = table.filter(
        (pl.col("page") == "life") & pl.all_horizontal(pl.col("from_month", "to_month").is_not_null())
    )
    rows: list[tuple[Any, ...]] = []
    for group in life["groups"].unique(maintain_order=True).to_list()[:CURVES]:
        survival = lower = upper = 1.0
        last = None
        for row in life.filter(pl.col("groups") == group).sort("from_month").iter_rows(named=True):
            rows.append((label(group), row["from_month"], row["alive_at_start"], survival, lower, upper))
            last = row
            if row[f"{measure}_cumulative"] is None:
                break
            survival = row[f"{measure}_cumulative"]
            lower, upper = (
                survival
                if row[f"{measure}_cumulative_{limit}"] is None
                else row[f"{measure}_cumulative_{limit}"]
                for limit in ("lower", "upper")
            )
        if last is not None and last[f"{measure}_cumulative"] is not None:
            left = (last["alive_at_start"] or 0) - (last["died"] or 0) - (last["lost"] or 0)
            rows.append((label(group), last["to_month"], left, survival, lower, upper))
    return pl.DataFrame(rows, schema=schema, orient="row")


def label(groups: str) -> str:
    """A group in words: the labels of its variables."""
    return ", ".join(str(value) for value in json.loads(groups).values()) or "everyone"


def _figure(curves: pl.DataFrame, measure: str) -> str | None:
    if curves.is_empty():
        return None
    title = f"Months from diagnosis ({measure.lower()})"
    return kaplan_meier(curves, min_cell=Settings().min_cell, time_title=title)


def _at_years(table: pl.DataFrame, measure: str) -> str:
    """The first groups with their survival at a few years, as HTML."""
    min_cell = Settings().min_cell
    rows = []
    for group in table["groups"].unique(maintain_order=True).to_list()[:GROUPS]:
        of_group = table.filter(pl.col("groups") == group)
        start = of_group.filter(pl.col("from_month") == 0)["alive_at_start"].drop_nulls()
        cells = {f"year_{year}": _at(of_group, measure, year, min_cell) for year in YEARS}
        counted = format_count(start[0], min_cell) if start.len() else "–"
        rows.append({"group": label(group), "n": counted, **cells})
    labels = {"group": "group", "n": "at diagnosis", **{f"year_{year}": _years(year) for year in YEARS}}
    return html_table(pl.DataFrame(rows), table_id="survival", labels=labels, numbers=list(labels)[1:])


def _years(number: int) -> str:
    return f"{number} year" + ("s" if number > 1 else "")


def _at(of_group: pl.DataFrame, measure: str, year: int, min_cell: int) -> str:
    """Survival at a year in percent; a dash where there is none, or few were at risk for it."""
    found = of_group.filter(
        (pl.col("to_month") == 12 * year) & pl.col(f"{measure}_cumulative").is_not_null()
    ).head(1)
    if found.is_empty() or is_small(found["alive_at_start"].fill_null(0)[0], min_cell):
        return "–"
    return f"{100 * found[f'{measure}_cumulative'][0]:.1f}%"
