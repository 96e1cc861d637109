"""The site's front page: every published submission, every study, beside what was published."""

from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import format_count, records_in
from pipelines.reporting.evidence import is_synthesis, write_evidence_page
from pipelines.reporting.render import render
from pipelines.reporting.scoreboard import write_scoreboard
from pipelines.reporting.study_record import Study, banner_of, read_study
from pipelines.reporting.submission import refusals, study_folders
from pipelines.reporting.tables import html_table, interval
from pipelines.settings import Settings
from pipelines.store import Home, Submission, write_text
from pipelines.studies.scoreboard import scoreboard


def write_index(home: Home) -> Path:
    """Write ``<home>/report/index.html``, the scoreboard, and the page of published evidence that ran by itself."""
    submissions = [home.published(name) for name in home.published_ids()]
    ran = [(sub, read_study(folder)) for sub in submissions for folder in study_folders(sub)]
    alone = [read_study(path.parent) for path in sorted((home.root / "evidence").glob("[!.]*/run.json"))]
    folder = home.root / "report"
    for study in alone:
        write_evidence_page(study, folder / f"{study.id}.html")
    titles = {study.id: study.title for _, study in ran}
    page = render(
        "index.html.j2",
        title="Registry cohorts",
        banner=banner_of([study for _, study in ran]),
        names=[sub.id for sub in submissions],
        states=_states(scoreboard(home, min_cell=Settings().min_cell), titles, home),
        evidence=_evidence(
            alone, [(sub.id, study) for sub, study in ran if is_synthesis(study) and _has_page(sub, study.id)]
        ),
        submissions=_submissions_table(submissions),
        refusals=[{**refusal, "submission": sub.id} for sub in submissions for refusal in refusals(sub)],
    )
    write_text(page, folder / "index.html")
    write_scoreboard(home)
    return folder / "index.html"


def _states(table: pl.DataFrame, titles: dict[str, str], home: Home) -> dict[str, Any]:
    """How each study stands on each submission that it was asked of: studies down, submissions across."""
    columns = table["submission"].unique().sort().to_list()
    rows = []
    for (name,), block in table.group_by(["study"], maintain_order=True):
        by_submission = {row["submission"]: row for row in block.iter_rows(named=True)}
        cells = [_cell(by_submission.get(column), home) for column in columns]
        rows.append({"study": name, "title": titles.get(str(name), ""), "cells": cells})
    return {"columns": columns, "rows": rows}


def _has_page(sub: Submission, study: str) -> bool:
    """Whether the page of a study is drawn: a run writes none."""
    return (sub.root / "report" / f"{study}.html").is_file()


def _cell(row: dict[str, Any] | None, home: Home) -> dict[str, Any]:
    """The state of a study on a submission, and whether its page is drawn."""
    if row is None:
        return {"state": "", "kind": "", "page": False, "submission": ""}
    state = row["state"]
    return {
        "state": f"{state}: {row['reason']}" if state == "refused" and row["reason"] else state,
        "kind": STATE_CLASSES.get(state, "bad"),
        "page": _has_page(home.published(row["submission"]), row["study"])
        and state not in ("refused", "failed"),
        "submission": row["submission"],
    }


STATE_CLASSES = {"done": "done", "signed": "done", "refused": "quiet"}


def _evidence(alone: list[Study], with_site: list[tuple[str, Study]]) -> list[dict[str, Any]]:
    """Each synthesis that ran: the two pools that it sets side by side, and its pages."""
    links = [(study, "published studies alone", f"{study.id}.html") for study in alone]
    links += [
        (study, f"with {name}", f"../submissions/{name}/report/{study.id}.html") for name, study in with_site
    ]
    found: dict[str, dict[str, Any]] = {}
    for study, label, page in links:
        entry = found.setdefault(study.id, {"title": study.title, "pools": _pools(study), "links": []})
        entry["links"].append({"label": label, "page": page})
    return list(found.values())


def _pools(study: Study) -> str:
    """The observational and the randomised pool in words."""
    side = {pool["name"]: pool["side"] for pool in study.settings["pools"]}
    rows = study.estimates.filter(
        pl.col("subgroup").is_in(study.settings["shown"]) & (pl.col("analysis") == "pooled_hartung_knapp")
    )
    return "; ".join(
        f"{side[row['subgroup']]} {interval(row['estimate'], row['ci_low'], row['ci_high'])}"
        for row in rows.iter_rows(named=True)
    )


def _submissions_table(submissions: list[Submission]) -> str:
    rows, min_cell = [], Settings().min_cell
    for sub in submissions:
        manifest = sub.manifest
        rows.append(
            {
                "submission": sub.id,
                "format": f"{manifest.format} {manifest.release}",
                "records": format_count(records_in(manifest.kept, manifest.quarantined, min_cell), min_cell),
                "kept": format_count(manifest.kept, min_cell),
                "checks": str(manifest.verdict.checks if manifest.verdict else 0),
            }
        )
    schema = ["submission", "format", "records", "kept", "checks"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String))
    return html_table(
        frame, table_id="submissions", labels={name: name for name in schema}, numbers=schema[2:]
    )
