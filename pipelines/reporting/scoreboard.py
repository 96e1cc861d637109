"""The scoreboard as a page and as a CSV file: what came of every study on every submission."""

from pathlib import Path

import polars as pl

from pipelines.reporting.render import render
from pipelines.reporting.study_record import banner_of, read_study
from pipelines.reporting.submission import study_folders
from pipelines.reporting.tables import html_table
from pipelines.settings import Settings
from pipelines.store import Home, write_text
from pipelines.studies.scoreboard import COLUMNS, scoreboard

NUMBERS = ("people", "match", "differs", "not_comparable", "hidden", "can_fail")
LABELS = {
    "state": "state",
    "people": "people",
    "match": "match",
    "differs": "differ",
    "not_comparable": "not comparable",
    "hidden": "hidden",
    "can_fail": "can fail",
    "estimate": "primary estimate",
    "published": "published",
}


def write_scoreboard(home: Home) -> Path:
    """Write ``<home>/report/scoreboard.{html,csv}`` over every published submission; return the page.

    Parameters
    ----------
    home : Home
    """
    table = scoreboard(home, min_cell=Settings().min_cell)
    folder = home.root / "report"
    ran = {
        (study.name, name): read_study(study)
        for name in home.published_ids()
        for study in study_folders(home.published(name))
    }
    drawn = {key for key in ran if (home.published(key[1]).root / "report" / f"{key[0]}.html").is_file()}
    ours = pl.concat_str(
        pl.col("measure").str.replace_all("_", " "), pl.lit(" "), "estimate"
    ).str.strip_chars()
    told = pl.when(pl.col("reason") == "").then("state").otherwise(pl.format("{}: {}", "state", "reason"))
    page = render(
        "scoreboard.html.j2",
        title="Scoreboard",
        banner=banner_of(list(ran.values())),
        table=html_table(
            table.with_columns(
                told.alias("state"),
                ours.alias("estimate"),
                pl.format("{} on {}", "study", "submission").alias("which"),
            ),
            table_id="scoreboard",
            labels={"which": "study", **LABELS},
            numbers=NUMBERS,
        ),
        links=[key for key in table.select("study", "submission").iter_rows() if key in drawn],
    )
    write_text(table.select(COLUMNS).write_csv(), folder / "scoreboard.csv")
    write_text(page, folder / "scoreboard.html")
    return folder / "scoreboard.html"
