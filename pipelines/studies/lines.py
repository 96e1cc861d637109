"""A study's gate, comparison and findings as lines for a terminal."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import gives_away
from pipelines.store.withheld import hidden_keys, read_comparison, standing

HIDDEN_TEXT = "hidden until the gate passes"
HIDDEN_ALONE = "hidden, as its own gate failed"
GATE_OFF = "GATE OFF (--no-gate)"
MOST_NAMES = 4
SHARES_OF_ONE = ("survival_", "cumulative_incidence", "relative_survival")


def number(value: float | None, measure: str) -> str:
    """A value with the digits its measure deserves."""
    if value is None:
        return "–"
    if measure == "n":
        return f"{value:,.0f}"
    if measure.startswith(SHARES_OF_ONE):
        return f"{value:.3f}"
    return f"{value:.2f}" if measure in {"hr", "or", "rr", "shr"} else f"{value:,.1f}"


def interval(low: float | None, high: float | None, measure: str) -> str:
    """An interval in brackets; nothing where there is none."""
    return "" if low is None and high is None else f" ({number(low, measure)}–{number(high, measure)})"


def gate_words(folder: Path) -> str:
    """How a study stands before its gate, in one sentence for terminal and page.

    Parameters
    ----------
    folder : Path
        ``<submission>/studies/<study>``.
    """
    now = standing(folder)
    if now.status == "not_judged":
        shown = (
            f"{GATE_OFF}: every estimate is shown" if now.off else "every estimate is hidden: run it again"
        )
        return f"the study ran before there was a gate; {shown}"
    verdict = json.loads((folder / "run.json").read_text(encoding="utf-8"))["gate_verdict"]
    said = f"gate of the primary analysis {verdict.get('primary', '')} {now.status}"
    if now.status == "not_needed":
        said = f"no gate is needed: {verdict['reason']}"
    if verdict.get("failed"):
        said += f" ({'; '.join(failed_check(one) for one in verdict['failed'])})"
    if now.off:
        return f"{GATE_OFF}: every estimate is shown, whatever its diagnostics say; {said}"
    if now.signature is not None:
        who = now.signature
        return f"{said}; shown on the signature of {who['name']}, {who['date']}: {who['reason']}"
    if now.status == "failed":
        return f"{said}: every estimate of the exposure's effect is hidden"
    alone = verdict.get("hidden_alone")
    if hidden_keys(folder) and alone:
        names = [f"{one['analysis']} ({one['subgroup']})" for one in alone]
        return f"{said}; hidden alone, as their own gate failed: {shortened(names)}"
    return said


def gate_lines(submission: Path) -> list[str]:
    """A line for each study of a submission that ran: how it stands before its gate.

    Parameters
    ----------
    submission : Path
        Its folder.
    """
    folders = sorted(path.parent for path in (submission / "studies").glob("[!.]*/run.json"))
    return [f"{folder.name}: {gate_words(folder)}" for folder in folders]


def failed_check(row: dict[str, Any]) -> str:
    """A failed check with its value, its limit and what it is about; events beside people would count survivors."""
    value = row["value"]
    if row["check"] == "events":
        few = value is not None and value < row["threshold"]
        text = "too few events" if few else "events unknown" if value is None else "events"
        text += f", at least {row['threshold']:g} are asked for"
    else:
        text = f"{row['check'].replace('_', ' ')} {'unknown' if value is None else f'{value:.3f}'}, "
        text += f"the limit is {row['threshold']:g}"
    return f"{text}, {row['note']}" if row["note"] else text


def comparison_lines(folder: Path, *, min_cell: int = 11) -> list[str]:
    """One line per published number: published, estimated, verdict, how sure the published one is.

    Parameters
    ----------
    folder : Path
        ``<submission>/studies/<study>``.
    min_cell : int
        Counts of people below this are hidden, and so are percentages and other parts that tell them.
    """
    lines = []
    now = standing(folder)
    off = f" [{GATE_OFF}]" if now.off else ""
    why = HIDDEN_ALONE if now.status in ("passed", "not_needed") else HIDDEN_TEXT
    for row in read_comparison(folder).iter_rows(named=True):
        measure = row["measure"]
        ours = number(row["estimated"], measure) + interval(row["ci_low"], row["ci_high"], measure)
        if row["small"] or gives_away(measure, row["estimated"], row["n"], min_cell):
            ours = "hidden"
        published = number(row["published"], measure)
        if row["published"] is None:
            published = "a direction"
        published += interval(row["published_ci_low"], row["published_ci_high"], measure)
        judged = f"estimated {ours}: {row['verdict']}" if not row["hidden"] else f"ours {why}"
        lines.append(f"{row['target']}: published {published}, {judged} ({row['verification']}){off}")
    return lines


def diagnostic_lines(folder: Path) -> list[str]:
    """One line per warning and per reason why an analysis could not be done, with the analyses it is about."""
    table = pl.read_csv(folder / "diagnostics.csv", infer_schema_length=None)
    told: dict[tuple[str, str], list[str]] = {}
    for row in table.filter(pl.col("status").is_in(["warning", "absent"])).iter_rows(named=True):
        told.setdefault((row["status"], row["message"]), []).append(f"{row['analysis']} ({row['subgroup']})")
    return [f"{status}: {message} [{shortened(about)}]" for (status, message), about in told.items()]


def shortened(names: list[str]) -> str:
    """The first few of many analyses: the page has them all."""
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:MOST_NAMES])} and {more} more"


def study_lines(folder: Path, *, min_cell: int = 11) -> list[str]:
    """Everything that a terminal says of a study that ran: its gate first."""
    gate = f"gate: {gate_words(folder)}"
    return [gate, *comparison_lines(folder, min_cell=min_cell), *diagnostic_lines(folder)]
