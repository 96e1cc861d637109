"""What came of every study on every submission: one row each, from what they wrote to disk."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import format_count, gives_away
from pipelines.store import Home, Submission
from pipelines.store.withheld import read_comparison, read_estimates, standing
from pipelines.studies.language import ALL
from pipelines.studies.lines import interval, number

COLUMNS = (
    "study",
    "submission",
    "state",
    "reason",
    "people",
    "match",
    "differs",
    "not_comparable",
    "hidden",
    "can_fail",
    "measure",
    "estimate",
    "published",
)
"""``can_fail`` counts the targets whose published figure is sure enough to fail; the others inform."""


def scoreboard(home: Home, *, min_cell: int = 11) -> pl.DataFrame:
    """One row for each study that was asked of a published submission.

    Parameters
    ----------
    home : Home
    min_cell : int
        Counts of people below this are hidden.

    Returns
    -------
    pl.DataFrame
        Columns `COLUMNS`, all text. ``state`` is ``done``, ``gate failed``, ``signed``, ``gate off``, ``refused`` or
        ``failed``, the last two with their reason.
    """
    rows = [row for name in home.published_ids() for row in _rows_of(home.published(name), min_cell)]
    table = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    return table.sort("study", "submission")


def _rows_of(sub: Submission, min_cell: int) -> list[dict[str, str]]:
    not_done = {
        state: {path.stem: path for path in (sub.root / folder).glob("[!.]*.json")}
        for state, folder in (("refused", "refusals"), ("failed", "failures"))
    }
    ran = {path.parent.name: path.parent for path in (sub.root / "studies").glob("[!.]*/run.json")}
    rows = []
    for name in sorted({*ran, *not_done["refused"], *not_done["failed"]}):
        state = next((state for state, found in not_done.items() if name in found), "")
        blank = dict.fromkeys(COLUMNS, "") | {"study": name, "submission": sub.id}
        if state:
            said = json.loads(not_done[state][name].read_text(encoding="utf-8"))
            rows.append(blank | {"state": state, "reason": said.get("in_short") or said["reason"]})
        else:
            rows.append(blank | _ran(ran[name], min_cell))
    return rows


def _ran(folder: Path, min_cell: int) -> dict[str, str]:
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    estimates, comparison = read_estimates(folder), read_comparison(folder)
    verdicts = Counter(comparison["verdict"])
    primary = _primary(run, estimates)
    return {
        "state": state_of(folder),
        "people": _people(run, estimates, min_cell),
        **{word: str(verdicts[word]) for word in ("match", "differs", "not_comparable", "hidden")},
        "can_fail": str(comparison["can_fail"].to_list().count(True)),  # a study without targets has no types
        **_beside(primary, comparison, min_cell),
    }


def state_of(folder: Path) -> str:
    """How a study that ran stands, in two words."""
    now = standing(folder)
    if now.off:
        return "gate off"
    if now.signature is not None:
        return "signed"
    if now.status in ("passed", "not_needed"):
        return "done"
    return "gate failed" if now.status == "failed" else "not judged"


def _people(run: dict[str, Any], estimates: pl.DataFrame, min_cell: int) -> str:
    """Of the study: its Table 1, or the most that an analysis of everybody counts; a synthesis has none of its own.

    Not those of the primary analysis: who few left it could be told by a subtraction from what the page shows.
    """
    if run.get("kind") == "evidence":
        return ""
    counted = estimates.filter((pl.col("analysis") != "attrition") & (pl.col("subgroup") == ALL))[
        "n"
    ].drop_nulls()
    return format_count(int(str(counted.max())) if counted.len() else None, min_cell)


def _primary(run: dict[str, Any], estimates: pl.DataFrame) -> dict[str, Any] | None:
    """The first number of the primary analysis about the exposure in everybody."""
    mine = estimates.filter(
        (pl.col("analysis") == run["primary"])
        & (pl.col("term") == run["settings"]["exposure"])
        & (pl.col("subgroup") == ALL)
    )
    return mine.row(0, named=True) if mine.height else None


def _beside(primary: dict[str, Any] | None, comparison: pl.DataFrame, min_cell: int) -> dict[str, str]:
    """The primary estimate, and the published number that it answers."""
    if primary is None:
        return {}
    measure = primary["measure"]
    ours = number(primary["estimate"], measure) + interval(primary["ci_low"], primary["ci_high"], measure)
    few = primary["small"] or gives_away(measure, primary["estimate"], primary["n"], min_cell)
    if few or primary["hidden"]:
        ours = "hidden"
    key = ("analysis", "subgroup", "term", "contrast", "measure")
    same = comparison.filter(pl.all_horizontal(pl.col(one).eq_missing(pl.lit(primary[one])) for one in key))
    published = [
        number(row["published"], measure)
        + interval(row["published_ci_low"], row["published_ci_high"], measure)
        for row in same.filter(pl.col("published").is_not_null()).iter_rows(named=True)
    ]
    return {"measure": measure, "estimate": ours, "published": "; ".join(published)}
