"""What a study wrote, read back for a reader: the gate stands before every number."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.errors import InputError
from pipelines.store.withheld import Standing, read_comparison, read_estimates, standing


@dataclass(frozen=True)
class Study:
    """What a study wrote, read back; a number that its gate hides is not in it."""

    id: str
    title: str
    folder: Path
    run: dict[str, Any]

    @property
    def question(self) -> str:
        """The question it asks."""
        return str(self.run["settings"]["question"])

    @property
    def settings(self) -> dict[str, Any]:
        """Its definition."""
        found: dict[str, Any] = self.run["settings"]
        return found

    @property
    def failed_since(self) -> str:
        """Why the last run failed, so that this is what an earlier one wrote; empty where it did not."""
        path = self.folder.parents[1] / "failures" / f"{self.id}.json"
        return str(json.loads(path.read_text(encoding="utf-8"))["reason"]) if path.is_file() else ""

    @cached_property
    def standing(self) -> Standing:
        """How it stands before its gate."""
        return standing(self.folder)

    @cached_property
    def estimates(self) -> pl.DataFrame:
        """Estimates with ``hidden``; what is hidden has no number."""
        return read_estimates(self.folder)

    @cached_property
    def comparison(self) -> pl.DataFrame:
        """Published numbers beside ours with ``hidden``."""
        return read_comparison(self.folder)

    @property
    def hidden_analyses(self) -> set[tuple[str, str]]:
        """Analyses, by name and subgroup, of which a number is hidden."""
        return set(self.estimates.filter("hidden").select("analysis", "subgroup").rows())

    def table(self, name: str) -> pl.DataFrame | None:
        """A table of the study, or None where its analysis was not done."""
        if name in ("estimates", "comparison"):  # whoever asks, the gate stands before these
            return self.estimates if name == "estimates" else self.comparison
        path = self.folder / f"{name}.csv"
        return pl.read_csv(path, infer_schema_length=None) if path.is_file() else None

    def required(self, name: str) -> pl.DataFrame:
        """A table that every study writes.

        Raises
        ------
        InputError
            It is not there.
        """
        table = self.table(name)
        if table is None:
            raise InputError(f"Study '{self.id}' has no {name}.csv", where=str(self.folder))
        return table


def read_study(folder: Path) -> Study:
    """Read the folder of a study that ran."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return Study(id=run["study"], title=run["title"], folder=folder, run=run)


def banner_of(studies: list[Study]) -> str:
    """What every page of a submission says where the gate of one of its studies is off."""
    off = dict.fromkeys(one.id for one in studies if one.standing.off)  # one may stand on several submissions
    if not off:
        return ""
    return (
        f"The gate is off (--no-gate) for {', '.join(off)}: estimates are shown whatever the diagnostics of their "
        "designs say. They are for testing, not for reading."
    )
