"""What a run says to an item: counts as disclosure allows them, and no estimate that the gate hides."""

from collections.abc import Callable
from typing import Any

import polars as pl

from pipelines.disclosure import format_count, hide_parts, is_small, part_texts, told_apart
from pipelines.settings import Settings
from pipelines.studies.checklists.at_hand import MADE_AGAIN, AtHand, Ran
from pipelines.studies.language import ALL
from pipelines.studies.lines import HIDDEN_TEXT, interval, number

ON_PAGE = "On the study's page"
FEW_LEFT = "Hidden: beside the people of an arm its events would count the few without one."
ABSOLUTE = ("survival_difference", "rmst_difference_months", "risk_difference")


def count(value: int | None) -> str:
    """A number of people as it may be shown."""
    return format_count(None if value is None else int(value), Settings().min_cell)


def rows_of(ran: Ran, analysis: str, subgroup: str = ALL) -> list[dict[str, Any]]:
    """Estimates of an analysis, everybody."""
    found = ran.estimates.filter((pl.col("analysis") == analysis) & (pl.col("subgroup") == subgroup))
    return list(found.iter_rows(named=True))


def people_of(ran: Ran, analysis: str) -> list[str]:
    """People of an analysis, the exposed among them."""
    rows = [row for row in rows_of(ran, analysis) if row["n"] is not None]
    if not rows:
        return []
    everybody = ran.estimates.filter(pl.col("subgroup") == ALL)
    flow = pl.col("analysis") == "attrition"
    beside = [*everybody.filter(~flow)["n"].drop_nulls(), *everybody.filter(flow)["n"].tail(1)]
    people, exposed, min_cell = rows[0]["n"], rows[0]["n_exposed"], Settings().min_cell
    if people not in told_apart(beside, min_cell):
        return ["People: not told, as another number of people differs from it by few."]
    if exposed is None or not _arms_told(everybody, people, exposed, min_cell):
        return [f"People: {count(people)}."]
    return [f"People: {count(people)}, of them {count(exposed)} exposed."]


def _arms_told(everybody: pl.DataFrame, people: int, exposed: int, min_cell: int) -> bool:
    """Whether the exposed may be told: neither they nor the others are few, or few less than in another analysis."""
    if None in hide_parts([exposed, people - exposed], min_cell):
        return False
    arms = everybody.select("n_exposed", n_others=pl.col("n") - pl.col("n_exposed")).drop_nulls()
    return exposed in told_apart(arms["n_exposed"], min_cell) and people - exposed in told_apart(
        arms["n_others"], min_cell
    )


def size(ran: Ran) -> list[str]:
    """Everybody in the cohort."""
    lines = ran.attrition
    return [f"In the cohort of this run: {lines[-1]['remained']}."] if lines else [MADE_AGAIN]


def warned(ran: Ran, check: str) -> list[str]:
    """Warnings of one kind, each once."""
    return list(dict.fromkeys(one["message"] for one in ran.run["warnings"] if one.get("check") == check))


def estimate_line(row: dict[str, Any]) -> str:
    """One estimate in words, or that it is hidden."""
    about = " ".join(part for part in (row["analysis"], row["contrast"], row["measure"]) if part)
    if row["hidden"]:
        return f"{about}: {HIDDEN_TEXT}"
    value = number(row["estimate"], row["measure"]) + interval(row["ci_low"], row["ci_high"], row["measure"])
    return f"{about}: {value}"


def flow(known: AtHand) -> list[str]:
    """People after each rule, and those of each arm."""
    arms = known.ran.run["arms"]
    labels = [arms["exposed"], *arms["others"], arms["reference"]]
    told = []
    for line in known.ran.attrition:
        by_arm = ", ".join(f"{label} {line[label + ' remained']}" for label in labels)
        told.append(f"{line['step']}. {line['rule']}: {line['remained']} remained ({by_arm})")
    return told or [MADE_AGAIN]


def flow_reasons(known: AtHand) -> list[str]:
    """People who left at each rule."""
    lines = known.ran.attrition
    return [f"{line['rule']}: {line['left']}" for line in lines if line["left"]] if lines else [MADE_AGAIN]


def flow_diagram(known: AtHand) -> list[str]:
    """Where it is."""
    return [f"{ON_PAGE}, by arm."] if known.ran.attrition else [MADE_AGAIN]


def characteristics(known: AtHand) -> list[str]:
    """Where Table 1 is."""
    there = (known.ran.folder / "table_one.csv").is_file()
    return [f"{ON_PAGE}, Table 1 by arm."] if there else []


def missing_counts(known: AtHand) -> list[str]:
    """Where unknown values are counted, and what the source gives for some years only."""
    there = (known.ran.folder / "table_one.csv").is_file()
    said = [f"{ON_PAGE}: Table 1 has unknown values as a level of each variable."] if there else []
    return said + warned(known.ran, "covariate_not_collected")


def follow_up_time(known: AtHand) -> list[str]:
    """Median follow-up."""
    rows = [row for row in rows_of(known.ran, "follow_up") if row["estimate"] is not None]
    return [
        f"Median follow-up (reverse Kaplan-Meier): {number(row['estimate'], row['measure'])}"
        f"{interval(row['ci_low'], row['ci_high'], row['measure'])} months."
        for row in rows
    ] or ["The definition does not ask for it (analysis follow_up)."]


def events(known: AtHand) -> list[str]:
    """Events behind the curves of each arm, and behind the primary estimate where that is not nearly their sum."""
    min_cell = Settings().min_cell
    curves = known.ran.estimates.filter(
        (pl.col("analysis") == "km")
        & (pl.col("measure") == "median_months")
        & pl.col("subgroup").is_in(known.cohort.arms.labels)
        & pl.col("events").is_not_null()
    )
    if any(
        is_small(people - events, min_cell) for people, events in curves.select("n", "events").iter_rows()
    ):
        return [FEW_LEFT]
    by_arm = dict(curves.select("subgroup", "events").iter_rows())
    texts = part_texts(list(by_arm.values()), min_cell)
    said = [f"{arm}: {text} events." for arm, text in zip(by_arm, texts, strict=True)]
    rows = [row for row in rows_of(known.ran, known.ran.run["primary"]) if row["events"] is not None]
    if rows and rows[0]["events"] in told_apart([rows[0]["events"], sum(by_arm.values())], min_cell):
        said.append(f"Behind the primary estimate: {count(rows[0]['events'])} events.")
    return said


def main_results(known: AtHand) -> list[str]:
    """The exposure's ratios: unadjusted, adjusted, primary."""
    wanted = dict.fromkeys(("cox_unadjusted", "cox_adjusted", known.ran.run["primary"]))
    exposure = known.study.exposure
    return [
        estimate_line(row)
        for analysis in wanted
        for row in rows_of(known.ran, analysis)
        if row["term"] == exposure
    ]


def absolute(known: AtHand) -> list[str]:
    """Differences of survival and of months."""
    rows = known.ran.estimates.filter(pl.col("measure").is_in(ABSOLUTE) & (pl.col("subgroup") == ALL))
    return [estimate_line(row) for row in rows.iter_rows(named=True)]


def effect(known: AtHand) -> list[str]:
    """The primary estimate, absolute ones, and the agreement with the trial."""
    return [
        *main_results(known),
        *absolute(known),
        *map(estimate_line, rows_of(known.ran, "trial_agreement")),
    ]


def other_analyses(known: AtHand) -> list[str]:
    """Which analyses were done again, and on whom."""
    again = known.ran.estimates.filter(pl.col("subgroup") != ALL)["subgroup"].unique(maintain_order=True)
    arms = set(known.cohort.arms.labels)
    names = [one for one in again if one not in arms and ", " not in one]
    done = known.ran.estimates["analysis"].unique(maintain_order=True).to_list()
    said = [f"Analyses done: {', '.join(done)}."]
    return said + ([f"Done again in, or under: {', '.join(names)}."] if names else [])


def limits(known: AtHand) -> list[str]:
    """What the run warns of, each once."""
    warnings = dict.fromkeys(one["message"] for one in known.ran.run["warnings"] if one["subgroup"] == ALL)
    absent = [f"Not done, {one['analysis']}: {one['reason']}" for one in known.ran.run["absent"]]
    return [*warnings, *dict.fromkeys(absent)]


def other_evidence(known: AtHand) -> list[str]:
    """The published numbers and the verdict on each."""
    rows = known.ran.comparison.group_by("verdict", maintain_order=True).len()
    told = ", ".join(
        f"{verdict.replace('_', ' ')} {many}" for verdict, many in rows.sort("verdict").iter_rows()
    )
    return [
        f"Published numbers by verdict: {told or 'none'}. What was published stands on the page's forest."
    ]


def cleaning(known: AtHand) -> list[str]:
    """What the reader and the quality gate did."""
    manifest = known.ran.manifest
    judged = manifest.get("verdict") or {}
    warnings = judged.get("warnings", [])
    return [
        f"Records that cannot be read are set aside and counted; {judged.get('checks', 0)} quality checks passed "
        f"before any study ran, {len(warnings)} of them with a warning."
    ]


def selection(known: AtHand) -> list[str]:
    """Quality gate, then the flow."""
    return [*cleaning(known), *flow(known)]


def provenance(known: AtHand) -> list[str]:
    """Hashes and versions."""
    run = known.ran.run
    files = "; ".join(f"{one['name']} sha256 {one['sha256'][:16]}…" for one in run["extract"])
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return [
        f"Protocol: catalog/studies/{known.study.id}/study.yaml, settings hash {run['settings_hash']}.",
        f"Extract: {files}. Code: {versions}. {run['randomness']}.",
    ]


def access(known: AtHand) -> list[str]:
    """What arrived."""
    run = known.ran.run
    return [f"All records of the extract that arrived: {run['format']} release {run['release']}."]


RUN_ANSWERS: dict[str, Callable[[AtHand], list[str]]] = {
    say.__name__: say
    for say in (
        flow,
        flow_reasons,
        flow_diagram,
        characteristics,
        missing_counts,
        follow_up_time,
        events,
        main_results,
        absolute,
        effect,
        other_analyses,
        limits,
        other_evidence,
        cleaning,
        selection,
        provenance,
        access,
    )
}
"""Answers that need a run, by name."""
