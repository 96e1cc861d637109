"""The pages of one submission: what it is, its cohorts, its studies, what it cannot answer."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import format_count, hide_parts, records_in
from pipelines.reporting.cohort import diagram
from pipelines.reporting.evidence import is_synthesis, write_evidence_page
from pipelines.reporting.published_survival import published_survival_page
from pipelines.reporting.render import render
from pipelines.reporting.study import write_study_page
from pipelines.reporting.study_record import Study, banner_of, read_study
from pipelines.reporting.tables import html_table
from pipelines.reporting.truth import TRUTH_FILE, truth_page
from pipelines.settings import Settings
from pipelines.store import Manifest, SideTableFacts, Submission, write_text
from pipelines.studies import many

SIDE_PARTS = ("taken", "not_taken", "unmatched")


def write_report(sub: Submission) -> Path:
    """Write ``report/index.html`` and one page per study of a published submission.

    Raises
    ------
    GateError
        The submission has no pass.
    """
    sub.require_pass()
    studies = [read_study(folder) for folder in study_folders(sub)]
    banner = banner_of(studies)
    with sub.write_dir("report") as aside:
        for study in studies:
            if is_synthesis(study):
                write_evidence_page(study, aside / f"{study.id}.html", banner=banner)
            else:
                write_study_page(study, sub, aside / f"{study.id}.html", banner=banner)
        truth = truth_page(sub, banner=banner)
        if truth is not None:
            write_text(truth, aside / "truth.html")
        write_text(_page(sub, studies, banner), aside / "index.html")
    return sub.root / "report" / "index.html"


def study_folders(sub: Submission) -> list[Path]:
    """Folders of the studies that ran, by name."""
    return sorted(path.parent for path in (sub.root / "studies").glob("[!.]*/run.json"))


def refusals(sub: Submission) -> list[dict[str, Any]]:
    """What was asked and refused, with the reason."""
    return _not_done(sub, many.REFUSED)


def failures(sub: Submission) -> list[dict[str, Any]]:
    """What was asked and failed, with the reason; of an earlier run there may be a page."""
    return _not_done(sub, many.FAILED)


def _not_done(sub: Submission, state: str) -> list[dict[str, Any]]:
    paths = sorted((sub.root / many.NOT_DONE[state]).glob("[!.]*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _side_table(facts: SideTableFacts) -> dict[str, str | int | None]:
    """Where the rows of a side table went, with small parts and their neighbour hidden."""
    parts = hide_parts([facts.taken, facts.not_taken, facts.unmatched], Settings().min_cell)
    return {"table": facts.table, "rows": facts.rows, **dict(zip(SIDE_PARTS, parts, strict=True))}


def again_cohorts(studies: Sequence[Study]) -> set[str]:
    """Names of the cohorts that are a study's own with one rule said otherwise."""
    return {
        f"{one.run['cohort']}_{other['name']}"
        for one in studies
        if not is_synthesis(one)
        for other in one.settings["sensitivity"]
    }


def _page(sub: Submission, studies: Sequence[Study], banner: str) -> str:
    manifest = sub.manifest
    if not manifest.holds_people:
        return published_survival_page(sub, _files_table(manifest))
    ascertainment = pl.read_parquet(sub.registry_table("ascertainment")).sort("variable")
    again = again_cohorts(studies)
    cohorts = sorted(path.parent for path in (sub.root / "cohorts").glob("[!.]*/attrition.csv"))
    return render(
        "submission.html.j2",
        title=f"Submission {sub.id}",
        banner=banner,
        manifest=manifest,
        records_in=records_in(manifest.kept, manifest.quarantined, Settings().min_cell),
        side_tables=[_side_table(one) for one in manifest.side_tables],
        studies=[{"id": one.id, "title": one.title} for one in studies],
        has_truth=(sub.root / TRUTH_FILE).is_file(),
        refusals=refusals(sub),
        failures=failures(sub),
        cohorts=[{"name": one.name, "diagram": diagram(one)} for one in cohorts if one.name not in again],
        again=[one.name for one in cohorts if one.name in again],
        ascertainment_rows=ascertainment.height,
        ascertainment=html_table(
            ascertainment,
            table_id="ascertainment",
            labels={"variable": "variable", "status": "status", "reason": "reason", "reference": "reference"},
        ),
        files=_files_table(manifest),
    )


def _files_table(manifest: Manifest) -> str:
    """Files with their records kept: those quarantined could be subtracted from what was read."""
    min_cell = Settings().min_cell
    kept = hide_parts([facts.kept for facts in manifest.files], min_cell)
    files = pl.DataFrame(
        [
            {"file": facts.name, "sha256": facts.sha256, "kept": format_count(count, min_cell)}
            for facts, count in zip(manifest.files, kept, strict=True)
        ]
    )
    labels = {"file": "file", "sha256": "sha256", "kept": "records kept"}
    return html_table(files, table_id="files", labels=labels)
