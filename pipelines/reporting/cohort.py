"""A cohort for a reader: its flow diagram by arm, small cells hidden, the paper's own counts beside ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from pipelines.cohorts import Arms
from pipelines.cohorts.compile import LEFT_OUT, UNKNOWN_ARM
from pipelines.disclosure import AFTER, format_count, hide_parts, is_small
from pipelines.reporting.figures_flow import Stage, flow_diagram
from pipelines.settings import Settings
from pipelines.store.withheld import analysed_by, read_flow

EVERYBODY = "all"
MEMBERS, ANALYSED = "members", "analysed"
PaperCounts = Mapping[tuple[str, str], str]
"""What a paper says were left, by rule id (or ``members``) and arm (or ``all``)."""


@dataclass(frozen=True)
class Line:
    """A line of the attrition table: what may be shown of it (None: hidden), and what was counted."""

    rule_id: str
    rule: str
    after: int | None
    unknown: int | None
    by_arm: Mapping[str, int | None]


def diagram(folder: Path, paper: PaperCounts | None = None, study: Path | None = None) -> str:
    """Flow diagram of a materialised cohort as SVG.

    Parameters
    ----------
    folder : Path
        ``cohorts/<name>`` of a submission.
    paper : mapping, optional
        Of `paper_counts`.
    study : Path, optional
        ``studies/<study>`` of the submission: whom it analyses is the last box where not all members are.
    """
    definition = yaml.safe_load((folder / "definition.yaml").read_text(encoding="utf-8"))
    arms = Arms.model_validate(definition["arms"])
    lines = read_lines(folder, arms)
    if study is not None:
        lines += analysed_line(study, folder, arms)
    said = paper or {}
    shown = [number for number, line in enumerate(lines) if line.after is not None]
    stages = [Stage((), remained(lines[0], said, (lines[0].rule,)))]
    ends = [*([] if shown[:1] == [0] else [0]), *shown]
    if ends[-1] != len(lines) - 1:
        ends.append(len(lines) - 1)
    for start, end in pairwise(ends):
        words = (ANALYSED if lines[end].rule_id == ANALYSED else MEMBERS,) if end == len(lines) - 1 else ()
        stages.append(Stage(left(lines, start, end, said), remained(lines[end], said, words)))
    in_arms = [arm_lines(label, lines[-1], said) for label in arms.labels]
    return flow_diagram(stages, in_arms, title=f"Flow of the cohort: {definition['title']}")


def read_lines(folder: Path, arms: Arms) -> list[Line]:
    """The attrition table as it may be shown."""
    table = read_flow(folder, Settings().min_cell)
    labels = {role: arm.label for role, arm in arms.by_role.items()} | {UNKNOWN_ARM: "arm unknown"}
    return [
        Line(
            rule_id=row["rule_id"],
            rule=row["rule"],
            after=row["n_after"],
            unknown=row["n_excluded_unknown"],
            by_arm={label: row[f"n_after_{role}"] for role, label in labels.items()},
        )
        for row in table.iter_rows(named=True)
    ]


def analysed_line(study: Path, folder: Path, arms: Arms) -> list[Line]:
    """Whom a study analyses as one more line of the flow; none where it is everybody in the cohort, or few."""
    counts, min_cell = analysed_by(study), Settings().min_cell
    members = pl.read_csv(folder / "attrition.csv")["n_after"][-1]
    if counts.get("n_after", members) == members or is_small(counts["n_after"], min_cell):
        return []
    in_arms = [counts[f"{AFTER}{role}"] for role in arms.by_role if f"{AFTER}{role}" in counts]
    counted = len(in_arms) == len(arms.labels)
    of_arms = hide_parts(in_arms, min_cell) if counted else [None for _ in arms.labels]
    by_arm = dict(zip(arms.labels, of_arms, strict=True))
    return [Line(ANALYSED, "Outcome known", counts["n_after"], None, by_arm)]


def left(lines: list[Line], start: int, end: int, said: PaperCounts) -> tuple[str, ...]:
    """Who left after one total that is shown and up to the next: how many, by which rules, of which arms."""
    before, after = lines[start], lines[end]
    words = ["Number hidden"]
    if before.after is not None and after.after is not None:
        number = before.after - after.after
        words = [f"{number:,} left"]
        if end == start + 1 and after.unknown:
            share = "" if after.unknown == number else f"{after.unknown:,} of them "
            words[0] += f", {share}because nobody can tell"
    for line in lines[start + 1 : end + 1]:
        words.append(f"– {line.rule if line.rule.startswith(LEFT_OUT) else f'Kept: {line.rule}'}")
        if line is not lines[-1]:  # the paper's counts of the members have their boxes
            words += paper_lines(line, said, boxed=line is after)
    gone = {label: minus(before.by_arm[label], after.by_arm[label]) for label in after.by_arm}
    if words[0] != "0 left" and any(n is not None for n in gone.values()):
        words.append("; ".join(f"{label.replace('_', ' ')} {n:,}" for label, n in gone.items() if n))
    return tuple(words)


def paper_lines(line: Line, said: PaperCounts, *, boxed: bool) -> list[str]:
    """What the paper has after a rule and no box is drawn for: its arms, and everybody where that is not ``boxed``."""
    return [
        f"(after it the paper has {count}{'' if arm == EVERYBODY else f' in the arm {arm}'})"
        for (rule, arm), count in said.items()
        if rule == line.rule_id and not (boxed and arm == EVERYBODY)
    ]


def minus(before: int | None, after: int | None) -> int | None:
    """How many left between two totals that are both shown."""
    return None if before is None or after is None else before - after


def remained(line: Line, said: PaperCounts, words: tuple[str, ...]) -> tuple[str, ...]:
    """The box of those who stay: how many, who they are, and what the paper says."""
    count = "hidden" if line.after is None else f"{line.after:,}"
    names = [line.rule_id, *([MEMBERS] if {MEMBERS, ANALYSED} & {*words} else [])]
    paper = [said[name, EVERYBODY] for name in names if (name, EVERYBODY) in said]
    return (count, *words, *(f"paper: {one}" for one in paper))


def arm_lines(label: str, members: Line, said: PaperCounts) -> tuple[str, ...]:
    """The box of an arm."""
    count = members.by_arm[label]
    shown = "number hidden" if count is None else format_count(count, Settings().min_cell)
    paper = [said[name, label] for name in (members.rule_id, MEMBERS) if (name, label) in said]
    return (label.replace("_", " "), shown, *(f"paper: {one}" for one in paper))


def paper_counts(comparison: pl.DataFrame) -> dict[tuple[str, str], str]:
    """The counts that a paper gives of its people: after a rule, of everybody, of an arm.

    Parameters
    ----------
    comparison : pl.DataFrame
        ``comparison.csv`` of a study.
    """
    of_everybody = (pl.col("analysis") == "table_one") & (pl.col("subgroup") == EVERYBODY)
    counts = comparison.filter(
        ((pl.col("analysis") == "attrition") | of_everybody)
        & (pl.col("measure") == "n")
        & pl.col("published").is_not_null()
    )
    return {where_in_the_flow(row): paper_text(row) for row in counts.iter_rows(named=True)}


def where_in_the_flow(row: dict[str, Any]) -> tuple[str, str]:
    """Rule and arm that a published count stands beside."""
    if row["analysis"] == "attrition":
        return row["term"] or MEMBERS, row["subgroup"]
    return MEMBERS, row["contrast"] or EVERYBODY


def paper_text(row: dict[str, Any]) -> str:
    """A published count, and whether ours can be held against it."""
    return f"{row['published']:,.0f}{', not comparable' if row['verdict'] == 'not_comparable' else ''}"
