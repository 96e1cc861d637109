"""What of a study's record may be shown: nothing that its gate hides, unless the gate is off or a reviewer signed.

``estimates.csv`` and ``comparison.csv`` on disk are the record and complete. Whatever is read by people, pages, lines,
tables of the warehouse, is read through this module, which empties what is hidden and says so in a column ``hidden``;
and what gives a small count of people away beside other numbers, which it says in a column ``small``.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import shares_of_few
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
    """Keys of the shares and odds ratios that give a small count away."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    outcomes = [one["name"] for one in run.get("settings", {}).get("binary_outcomes", ())]
    if not outcomes:
        return set()
    arms = run["arms"]
    labels = [arms["exposed"], *arms["others"], arms["reference"]]
    table = pl.read_csv(folder / "estimates.csv", infer_schema_length=None)
    few = shares_of_few(table, outcomes, labels, Settings().min_cell)
    return {key for key, is_few in zip(_keys(table), few, strict=True) if is_few}


def _keys(table: pl.DataFrame) -> list[tuple[str, ...]]:
    return table.select(pl.col(KEY).cast(pl.String).fill_null("")).rows()
