"""The site's front page: every published submission, every study, beside what was published."""

from pathlib import Path
from typing import Any

import polars as pl

from pipelines.reporting.render import render
from pipelines.reporting.scoreboard import write_scoreboard
from pipelines.reporting.study_record import Study, banner_of, read_study
from pipelines.reporting.submission import refusals, study_folders
from pipelines.reporting.tables import html_table, interval
from pipelines.store import Home, Submission, write_text


def write_index(home: Home) -> Path:
    """Write ``<home>/report/index.html`` and the scoreboard over everything that is published."""
    submissions = [home.published(name) for name in home.published_ids()]
    ran = [(sub, read_study(folder)) for sub in submissions for folder in study_folders(sub)]
    scoreboard = [row for sub, study in ran for row in _score(sub, study)]
    target = home.root / "report" / "index.html"
    page = render(
        "index.html.j2",
        title="Registry cohorts",
        banner=banner_of([study for _, study in ran]),
        names=[sub.id for sub in submissions],
        studies=[(sub.id, study.id) for sub, study in ran],
        submissions=_submissions_table(submissions),
        scoreboard=_scoreboard_table(scoreboard) if scoreboard else None,
        refusals=[{**refusal, "submission": sub.id} for sub in submissions for refusal in refusals(sub)],
    )
    write_text(page, target)
    write_scoreboard(home)
    return target


def _score(sub: Submission, study: Study) -> list[dict[str, Any]]:
    """Hazard ratios of the exposure: the published ones, and what each of our analyses gives."""
    exposure = study.run["settings"]["exposure"]
    comparison = study.comparison.filter(
        (pl.col("term") == exposure) & (pl.col("measure") == "hr") & pl.col("published").is_not_null()
    )
    published = "; ".join(
        interval(row["published"], row["published_ci_low"], row["published_ci_high"])
        for row in comparison.iter_rows(named=True)
    )
    estimates = study.estimates.filter(
        (pl.col("term") == exposure) & (pl.col("measure") == "hr") & (pl.col("subgroup") == "all")
    )
    ours = {
        row["analysis"]: "hidden"
        if row["hidden"]
        else interval(row["estimate"], row["ci_low"], row["ci_high"])
        for row in estimates.iter_rows(named=True)
    }
    adjusted = ours.get("cox_adjusted") or ours.get("cox_propensity_covariate")
    return [
        {
            "study": study.id,
            "submission": sub.id,
            "published": published or "–",
            "unadjusted": ours.get("cox_unadjusted", "–"),
            "adjusted": adjusted or "–",
            "matched": ours.get("matched_cox", "–"),
        }
    ]


def _scoreboard_table(rows: list[dict[str, Any]]) -> str:
    return html_table(
        pl.DataFrame(rows),
        table_id="scoreboard",
        labels={
            "study": "study",
            "submission": "submission",
            "published": "published HR",
            "unadjusted": "unadjusted",
            "adjusted": "adjusted",
            "matched": "matched",
        },
        numbers=["published", "unadjusted", "adjusted", "matched"],
    )


def _submissions_table(submissions: list[Submission]) -> str:
    rows = []
    for sub in submissions:
        manifest = sub.manifest
        rows.append(
            {
                "submission": sub.id,
                "format": f"{manifest.format} {manifest.release}",
                "records": f"{manifest.kept + manifest.quarantined:,}",
                "kept": f"{manifest.kept:,}",
                "checks": str(manifest.verdict.checks if manifest.verdict else 0),
            }
        )
    schema = ["submission", "format", "records", "kept", "checks"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String))
    return html_table(
        frame, table_id="submissions", labels={name: name for name in schema}, numbers=schema[2:]
    )
