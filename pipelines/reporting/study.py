"""The page of one study: what the study wrote to disk, drawn for a reader, without what its gate hides."""

import json
from pathlib import Path
from typing import Any

import polars as pl
from markdown_it import MarkdownIt

from pipelines.cohorts import made_by
from pipelines.reporting import study_figures as figures
from pipelines.reporting import study_protocol as of_protocol
from pipelines.reporting import study_tables as tables
from pipelines.reporting.cohort import diagram, paper_counts
from pipelines.reporting.render import render
from pipelines.reporting.study_record import Study
from pipelines.settings import Settings
from pipelines.store import Submission, write_text
from pipelines.studies.checklists.at_hand import MADE_AGAIN
from pipelines.studies.language import ALL
from pipelines.studies.lines import gate_words

LEFT_OUT = "left out: "


def write_study_page(study: Study, sub: Submission, target: Path, *, banner: str = "") -> None:
    """Write the page of a study of a published submission.

    Parameters
    ----------
    study : Study
    sub : Submission
    target : Path
    banner : str
        What stands at the head of every page of the submission.
    """
    diagnostics = study.required("diagnostics")
    notes = Settings().catalog_dir / "studies" / study.id / "notes.md"
    page = render(
        "study.html.j2",
        title=study.title,
        banner=banner,
        failed_since=study.failed_since,
        study=study,
        submission=sub.id,
        run=study.run,
        warnings=tables.warnings(diagnostics, study.table("gate")),
        gate=gate_of(study),
        forest=figures.main_forest(study),
        comparison=tables.comparison_table(study.comparison),
        attrition=flow_of(study, sub),
        left_out=left_between(study),
        made_again=MADE_AGAIN,
        table_one=tables.table_one(study.table("table_one")),
        curves=figures.curves(study),
        balance=figures.balance(study),
        overlap=figures.propensity_overlap(study),
        over_time=figures.over_time(study),
        target_trial=of_protocol.target_trial_section(study),
        subgroups=tables.subgroup_tables(study),
        subgroup_forest=of_protocol.subgroup_forest(study),
        battery=figures.battery(study),
        sensitivity=tables.sensitivity_table(study),
        estimates=tables.main_and_again(study),
        notes=MarkdownIt("commonmark", {"html": False}).render(notes.read_text(encoding="utf-8"))
        if notes.is_file()
        else "",
        diagnostics_rows=diagnostics.height,
        diagnostics=tables.diagnostics_table(diagnostics, study.hidden_analyses),
        checklists=of_protocol.checklist_tables(study),
        settings=json.dumps(study.settings, indent=1, ensure_ascii=False),
        provenance=tables.provenance_table(study.run, study.standing),
    )
    write_text(page, target)


def flow_of(study: Study, sub: Submission) -> str | None:
    """Flow diagram of the cohort that the study ran on, None where it was made again otherwise since."""
    folder = sub.root / "cohorts" / study.run["cohort"]
    if not made_by(folder, study.run.get("cohort_settings")):
        return None
    return diagram(folder, paper_counts(study.comparison), study.folder)


def left_between(study: Study) -> list[str]:
    """Why members of the cohort are not analysed; how many is for the flow to tell, where it may."""
    found = study.required("diagnostics").filter(
        (pl.col("analysis") == "analysis_set")
        & (pl.col("subgroup") == ALL)
        & pl.col("message").str.starts_with(LEFT_OUT)
    )
    cause = ", or the cause of death" if (study.settings["outcome"] or {}).get("other_cause") else ""
    return [
        row["message"].removeprefix(LEFT_OUT) + (cause if row["check"] == "outcome_unknown" else "")
        for row in found.iter_rows(named=True)
    ]


def gate_of(study: Study) -> dict[str, Any]:
    """The gate for a reader: one sentence, the primary's checks, and who is hidden alone."""
    rows = study.table("gate")
    primary = failed = None
    if rows is not None:
        mine = (pl.col("analysis") == study.run["primary"]) & (pl.col("variant") == ALL)
        primary, failed = rows.filter(mine), rows.filter(~mine & (pl.col("status") == "fail"))
    return {
        "words": gate_words(study.folder),
        "good": study.standing.status in ("passed", "not_needed") and not study.standing.off,
        "rule": study.run.get("gate_verdict", {}).get("rule", ""),
        "table": None if primary is None or primary.is_empty() else tables.gate_table(primary, "gate"),
        "others": 0 if failed is None else failed.height,
        "failed": None if failed is None else tables.gate_table(failed, "gate_failed"),
        "hidden": int(study.estimates["hidden"].sum()),
    }
