"""What a checklist can be filled from: the definition, and what a run wrote as far as its gate lets it be seen."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.cohorts import attrition_lines, load_cohort, made_by
from pipelines.cohorts.definition import CohortDefinition
from pipelines.settings import Settings
from pipelines.store.withheld import read_comparison, read_estimates
from pipelines.studies.catalog import load_study
from pipelines.studies.language import StudyDefinition

SOURCES = {
    "ncdb": "National Cancer Database participant user file (hospital registry)",
    "seer": "SEER research data (population registry)",
    "naaccr": "NAACCR records of a registry",
    "mapped": "a site's own tables, mapped",
}
MADE_AGAIN = "The cohort was made again since, by another definition: run the study again."


@dataclass(frozen=True)
class Ran:
    """A run of the study, read back.

    Attributes
    ----------
    folder : Path
        ``<submission>/studies/<study>``.
    """

    folder: Path

    @property
    def submission(self) -> Path:
        """Folder of the submission."""
        return self.folder.parent.parent

    @cached_property
    def run(self) -> dict[str, Any]:
        """Settings and provenance."""
        found: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def estimates(self) -> pl.DataFrame:
        """Estimates; the numbers of what is hidden are null."""
        return read_estimates(self.folder)

    @cached_property
    def comparison(self) -> pl.DataFrame:
        """Published numbers beside ours; what is hidden is empty."""
        return read_comparison(self.folder)

    @property
    def attrition(self) -> list[dict[str, str]]:
        """Steps of the cohort, small counts hidden; none where it is another than the study ran on."""
        if not made_by(self.cohort, self.run.get("cohort_settings")):
            return []
        return attrition_lines(self.cohort, min_cell=Settings().min_cell)

    @property
    def cohort(self) -> Path:
        """Folder of the cohort."""
        return self.submission / "cohorts" / str(self.run["cohort"])

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The submission's manifest."""
        found: dict[str, Any] = json.loads((self.submission / "manifest.json").read_text(encoding="utf-8"))
        return found


@dataclass(frozen=True)
class AtHand:
    """A study with its cohort, and its run if there is one."""

    study: StudyDefinition
    cohort: CohortDefinition
    run: Ran | None = None

    @property
    def ran(self) -> Ran:
        """The run of a study that ran.

        Raises
        ------
        ValueError
            It did not; the table asks only where it did.
        """
        if self.run is None:
            raise ValueError(f"study {self.study.id} has not run")
        return self.run


def at_hand(name: str, catalog_dir: Path, folder: Path | None = None) -> AtHand:
    """Read what there is of a study.

    Parameters
    ----------
    name : str
        A study of the catalog.
    catalog_dir : Path
    folder : Path, optional
        Where a run of it was written.
    """
    study = load_study(name, catalog_dir)
    return AtHand(study, load_cohort(study.cohort, catalog_dir), None if folder is None else Ran(folder))
