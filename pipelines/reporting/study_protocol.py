"""What a study set out to do, from the settings of its run: target trial, agreement, checklists, subgroups."""

from typing import Any

import polars as pl
from pydantic import ValidationError

from pipelines.cohorts.definition import CohortDefinition
from pipelines.reporting.figures import forest
from pipelines.reporting.study_record import Study
from pipelines.reporting.tables import html_table, interval, p_value
from pipelines.settings import Settings
from pipelines.studies.checklists import CHECKLISTS, applicable, checklist_lines
from pipelines.studies.checklists.at_hand import AtHand, Ran
from pipelines.studies.language import ALL, StudyDefinition
from pipelines.studies.lines import HIDDEN_TEXT
from pipelines.studies.target_trial import STATUS, protocol_table

AGREED = {True: "yes", False: "no"}
ENDINGS = (".", ":", "?", "…")


def as_run(study: Study) -> AtHand | None:
    """The definitions that a run used; None where it ran under an older language, which nobody reads any more."""
    try:
        return AtHand(
            StudyDefinition.model_validate(study.settings),
            CohortDefinition.model_validate(study.run.get("cohort_settings")),
            Ran(study.folder),
        )
    except ValidationError:
        return None


def target_trial_section(study: Study) -> dict[str, Any] | None:
    """The protocol table and the agreement with the trial; None for a study that emulates none."""
    known = as_run(study)
    if known is None or known.study.emulation is None:
        return None
    rows = protocol_table(known.study).with_columns(
        pl.col("component").str.replace_all("_", " "),
        pl.col("status").replace(STATUS)
        + pl.when("decides").then(pl.lit("; the trial's question rests on it")).otherwise(pl.lit("")),
    )
    table = html_table(
        rows,
        table_id="protocol",
        group="component",
        labels={"target_trial": "the trial", "emulation": "here", "status": "in the registry"},
    )
    return {
        "trial": known.study.emulation.trial_name,
        "table": table,
        "undecidable": [one.trial for one in known.study.emulation.undecidable],
        "refused": [
            f"{name.replace('_', ' ')}: {reason}"
            for name, reason in known.study.emulation.refused_outcomes.items()
        ],
        "agreement": agreement_table(study),
    }


def agreement_table(study: Study) -> str | None:
    """Ours beside each report of the trial, with the three statistics of agreement; None where there are none."""
    found = study.estimates.filter((pl.col("analysis") == "trial_agreement") & (pl.col("subgroup") == ALL))
    rows = []
    for (contrast,), block in found.group_by(["contrast"], maintain_order=True):
        by_term = {row["term"]: row for row in block.iter_rows(named=True)}
        trial, gap = by_term.get("trial"), by_term.get("standardised_difference")
        ours, _, report = str(by_term.get("trial", {}).get("method", contrast)).partition(" against ")
        hidden = block["hidden"].any()
        rows.append(
            {
                "report": report or str(contrast),
                "trial": "–"
                if trial is None
                else interval(trial["estimate"], trial["ci_low"], trial["ci_high"]),
                "ours": _ours(study, ours),
                "estimate": HIDDEN_TEXT if hidden else _yes(by_term.get("estimate_agreement")),
                "significance": HIDDEN_TEXT if hidden else _yes(by_term.get("significance_agreement")),
                "difference": HIDDEN_TEXT if hidden or gap is None else f"{gap['estimate']:.2f}",
                "p": "" if hidden or gap is None else p_value(gap["p_value"]),
            }
        )
    if not rows:
        return None
    return html_table(
        pl.DataFrame(rows),
        table_id="agreement",
        labels={
            "report": "report of the trial",
            "trial": "trial",
            "ours": "this submission",
            "estimate": "ours within the trial's interval",
            "significance": "same direction and significance",
            "difference": "standardised difference",
            "p": "p",
        },
        numbers=["trial", "ours", "difference", "p"],
    )


def _ours(study: Study, analysis: str) -> str:
    rows = study.estimates.filter(
        (pl.col("analysis") == analysis)
        & (pl.col("subgroup") == ALL)
        & (pl.col("term") == study.settings["exposure"])
        & (pl.col("measure") == "hr")
    )
    if rows.is_empty():
        return "–"
    row = rows.row(0, named=True)
    return HIDDEN_TEXT if row["hidden"] else interval(row["estimate"], row["ci_low"], row["ci_high"])


def _yes(row: dict[str, Any] | None) -> str:
    return "–" if row is None or row["estimate"] is None else AGREED[bool(row["estimate"])]


def subgroup_forest(study: Study) -> str | None:
    """The primary ratio of everybody and of each declared subgroup on one axis; None where fewer than two are shown."""
    rows = study.estimates.filter(
        (pl.col("analysis") == study.run["primary"])
        & (pl.col("term") == study.settings["exposure"])
        & (pl.col("measure") == "hr")
        & pl.col("estimate").is_not_null()
    ).unique("subgroup", keep="first", maintain_order=True)
    by_label = {row["subgroup"]: row for row in rows.iter_rows(named=True)}
    lines = [("everybody", "everybody", by_label.get(ALL))]
    for group in study.settings.get("subgroups", []):
        title = group["name"].replace("_", " ")
        planned = "declared beforehand" if group.get("planned", True) else "unplanned"
        lines += [
            (f"{title}: {str(level).replace('_', ' ')}", planned, by_label.get(f"{group['name']}={level}"))
            for level in group["levels"]
        ]
    drawn = [
        {"label": label, "group": group, **{key: row[key] for key in ("estimate", "ci_low", "ci_high")}}
        for label, group, row in lines
        if row is not None
    ]
    if len(drawn) < 2:
        return None
    return forest(pl.DataFrame(drawn, infer_schema_length=None))


def checklist_tables(study: Study) -> list[dict[str, Any]]:
    """The checklists that apply to a study that ran: ``id, title, table, memory`` (items nobody read)."""
    known = as_run(study)
    if known is None:
        return []
    found = []
    for which in applicable(known.study):
        lines = checklist_lines(which, known, Settings().catalog_dir)
        rows = [
            {
                "section": line.section,
                "item": line.item + ("*" if line.verification == "memory" else ""),
                "asks": line.asks,
                "answer": " ".join(part if part.endswith(ENDINGS) else f"{part}." for part in line.answer),
                "by": line.by,
            }
            for line in lines
        ]
        table = html_table(
            pl.DataFrame(rows),
            table_id=f"checklist_{which}",
            group="section",
            labels={"item": "item", "asks": "asks for", "answer": "in this study", "by": "answered by"},
        )
        memory = any(line.verification == "memory" for line in lines)
        found.append({"id": which, "title": CHECKLISTS[which], "table": table, "memory": memory})
    return found
