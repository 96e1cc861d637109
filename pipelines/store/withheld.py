"""What of a study's record may be shown: nothing that its gate hides, unless the gate is off or a reviewer signed.

``estimates.csv`` and ``comparison.csv`` on disk are the record and complete. Whatever is read by people, pages, lines,
tables of the warehouse, is read through this module, which empties what is hidden and says so in a column ``hidden``;
and what gives a small count of people away beside other numbers, which it says in a column ``small``.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import (
    AFTER,
    SHARES_OF_PEOPLE,
    TIMES_OF_PEOPLE,
    attrition_masks,
    hidden_levels,
    hide_attrition,
    is_small,
    level_of,
    shares_of_few,
)
from pipelines.settings import Settings
from pipelines.store.files import sha256_of

KEY = ("analysis", "subgroup", "term", "contrast", "measure")
"""What tells an estimate from the others of its study."""
NUMBERS = ("estimate", "ci_low", "ci_high", "p_value")
COMPARED = ("estimated", "ci_low", "ci_high", "delta")
HIDDEN, SMALL = "hidden", "small"


@dataclass(frozen=True)
class Standing:
    """How a study that ran stands before its gate.

    Attributes
    ----------
    status : str
        ``passed`` or ``failed``, the gate of the primary analysis; ``not_needed`` where that is about no effect, or
        published figures alone are pooled; ``not_judged`` where the study ran before there was a gate, and then
        everything is hidden.
    off : bool
        It ran, or was drawn, with ``--no-gate``: everything is shown, and that is told wherever it is.
    signature : dict, optional
        Of the reviewer who took the estimates on himself; None where nobody did, or for other estimates than these.
    """

    status: str
    off: bool
    signature: dict[str, Any] | None

    @property
    def everything_shown(self) -> bool:
        """Whether nothing is hidden, whatever the gate says."""
        return self.off or self.signature is not None


def standing(folder: Path) -> Standing:
    """How the study of a folder stands.

    Parameters
    ----------
    folder : Path
        ``<submission>/studies/<study>``.
    """
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    status = run.get("gate_verdict", {}).get("status", "not_judged")
    return Standing(status, run.get("gate") == "off", signature(folder, run["settings_hash"]))


def signature(folder: Path, settings_hash: str) -> dict[str, Any] | None:
    """The reviewer's signature, if there is one for these settings and these very estimates."""
    path = folder / "signature.json"
    if not path.is_file():
        return None
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    same = said.get("settings_hash") == settings_hash
    return said if same and said.get("estimates_sha256") == sha256_of(folder / "estimates.csv") else None


def read_estimates(folder: Path) -> pl.DataFrame:
    """Estimates of a study with ``hidden`` and ``small``; the numbers of such a one are null.

    Parameters
    ----------
    folder : Path
        ``<submission>/studies/<study>``.
    """
    return _withheld(folder, "estimates", NUMBERS)


def shown_sha256(folder: Path) -> str:
    """Digest of what `read_estimates` shows: the same after a run again exactly where a reader would see the same."""
    return sha256(read_estimates(folder).write_csv().encode()).hexdigest()


def read_comparison(folder: Path) -> pl.DataFrame:
    """Published numbers beside ours with ``hidden`` and ``small``; then ours, difference and verdict are empty."""
    table = _withheld(folder, "comparison", COMPARED)
    word = pl.when(pl.col(HIDDEN) | pl.col(SMALL)).then(pl.lit(HIDDEN)).otherwise(pl.col("verdict"))
    return table.with_columns(word.alias("verdict"))


def hidden_keys(folder: Path) -> set[tuple[str, ...]] | None:
    """Keys of the estimates that may not be shown; None where nobody judged, so that none may."""
    if standing(folder).everything_shown:
        return set()
    path = folder / "hidden.csv"
    return set(_keys(pl.read_csv(path, infer_schema_length=0))) if path.is_file() else None


def _withheld(folder: Path, name: str, numbers: tuple[str, ...]) -> pl.DataFrame:
    table = pl.read_csv(folder / f"{name}.csv", infer_schema_length=None)
    rows = _keys(table)
    keys, few = hidden_keys(folder), _small_keys(folder)
    shown = table.with_columns(
        pl.Series(HIDDEN, [keys is None or key in keys for key in rows], dtype=pl.Boolean),
        pl.Series(SMALL, [key in few for key in rows], dtype=pl.Boolean),
    )
    empty = pl.col(HIDDEN) | pl.col(SMALL)
    return shown.with_columns(pl.when(~empty).then(pl.col(one)).alias(one) for one in numbers)


def _small_keys(folder: Path) -> set[tuple[str, ...]]:
    """Keys of what gives a small count away (people, percentages, odds ratios), and of the times of few people."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if run.get("kind") == "evidence":  # it has no people of its own
        return set()
    table, min_cell = pl.read_csv(folder / "estimates.csv", infer_schema_length=None), Settings().min_cell
    labels = list(_arms(run).values())
    outcomes = [one["name"] for one in run.get("settings", {}).get("binary_outcomes", ())]
    few = shares_of_few(table, outcomes, labels, min_cell)
    levels = hidden_levels(table, min_cell)
    of_levels = [
        row["measure"] in SHARES_OF_PEOPLE and level_of(row) in levels for row in table.iter_rows(named=True)
    ]
    of_times = [
        row["measure"] in TIMES_OF_PEOPLE and row["n"] is not None and is_small(row["n"], min_cell)
        for row in table.iter_rows(named=True)
    ]
    small = {key for key, *hide in zip(_keys(table), few, of_levels, of_times, strict=True) if any(hide)}
    return small | _small_steps(folder, run, table, min_cell)


def _small_steps(
    folder: Path, run: dict[str, Any], estimates: pl.DataFrame, min_cell: int
) -> set[tuple[str, ...]]:
    """Keys of the totals of the cohort's flow that are hidden there."""
    flow = estimates.filter(pl.col("analysis") == "attrition")
    totals = {
        name: flow.filter(pl.col("subgroup") == label)["n"].to_list() for name, label in _series(run).items()
    }
    if flow.is_empty():
        return set()
    unknown = [total - sum(of_arms) for total, *of_arms in zip(*totals.values(), strict=True)]
    masks = attrition_masks(
        totals | {f"{AFTER}unknown": unknown},
        min_cell,
        analysed_on(folder.parents[1] / "cohorts" / run["cohort"]),
    )
    return {
        key
        for name, label in _series(run).items()
        for key, gone in zip(_keys(flow.filter(pl.col("subgroup") == label)), masks[name], strict=True)
        if gone
    }


def read_flow(folder: Path, min_cell: int) -> pl.DataFrame:
    """Attrition of a cohort with small counts hidden (null), also beside the people whom its studies analyse.

    Parameters
    ----------
    folder : Path
        ``<submission>/cohorts/<cohort>``.
    min_cell : int
        Counts below this are hidden (people).
    """
    return hide_attrition(pl.read_csv(folder / "attrition.csv"), min_cell, analysed_on(folder))


def analysed_on(cohort: Path) -> list[dict[str, int]]:
    """Of each study on a cohort the people whom it analyses, named as the cohort's attrition names them.

    Parameters
    ----------
    cohort : Path
        ``<submission>/cohorts/<cohort>``.
    """
    found = []
    for path in sorted(cohort.parents[1].glob("studies/[!.]*/run.json")):
        name, counts = _analysed(path.parent, path.stat().st_mtime_ns)
        if name == cohort.name:
            found.append(counts)
    return found


def analysed_by(folder: Path) -> dict[str, int]:
    """Whom a study analyses, see `analysed_on`; empty where it has no people of its own."""
    return _analysed(folder, (folder / "run.json").stat().st_mtime_ns)[1]


@lru_cache(maxsize=1024)
def _analysed(folder: Path, written: int) -> tuple[str, dict[str, int]]:
    """Cohort of a study, and the most people of any of its analyses: read once as long as ``run.json`` is the same."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if run.get("kind") == "evidence":
        return "", {}
    table = pl.read_csv(folder / "estimates.csv", infer_schema_length=None).filter(
        pl.col("analysis") != "attrition"
    )
    most = dict(table.drop_nulls("n").group_by("subgroup").agg(pl.col("n").max()).iter_rows())
    counts = {name: int(most[label]) for name, label in _series(run).items() if label in most}
    return run["cohort"], counts


def _arms(run: dict[str, Any]) -> dict[str, str]:
    """Labels of the arms under the names that attrition has for them."""
    arms = run["arms"]
    others = {f"arm_{number}": label for number, label in enumerate(arms.get("others", ()), start=2)}
    return {"exposed": arms["exposed"], **others, "reference": arms["reference"]}


def _series(run: dict[str, Any]) -> dict[str, str]:
    """Subgroup of everybody and of each arm, by the column of the attrition that counts them."""
    return {"n_after": "all", **{f"{AFTER}{role}": label for role, label in _arms(run).items()}}


def _keys(table: pl.DataFrame) -> list[tuple[str, ...]]:
    return table.select(pl.col(KEY).cast(pl.String).fill_null("")).rows()
