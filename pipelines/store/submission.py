"""One submission on disk: a folder with a manifest and one Parquet file per step's table."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines.errors import GateError, InputError, RefusedError
from pipelines.store.files import aside, write_text
from pipelines.store.manifest import Manifest


@dataclass(frozen=True)
class Submission:
    """A submission's folder, published or in building.

    Parameters
    ----------
    id : str
        Such as ``ncdb-2022`` or ``seer-2018nov``.
    root : pathlib.Path
        Its folder.
    """

    id: str
    root: Path

    @property
    def manifest(self) -> Manifest:
        """The manifest as it stands on disk.

        Raises
        ------
        InputError
            Nothing was loaded under this id, or the manifest is damaged.
        """
        path = self.root / "manifest.json"
        if not path.is_file():
            raise InputError(
                f"There is no submission '{self.id}'"
                + (" in building" if self.root.parent.name == ".building" else ""),
                where=str(self.root),
                remedy="Load one with `cohorts load PATH --submission ID` (`--replace` for an id that is "
                "published), or see `cohorts status`.",
            )
        try:
            return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
        except ValueError:  # pydantic's own error and a wrong encoding alike
            raise InputError(
                f"The manifest of submission '{self.id}' is damaged",
                where=str(path),
                remedy="Nobody edits it by hand: load the extract again with `--replace`.",
            ) from None

    def save_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, aside and then renamed."""
        write_text(manifest.model_dump_json(indent=2) + "\n", self.root / "manifest.json")

    def extract_files(self) -> list[Path]:
        """The extract's Parquet files, in name order."""
        return sorted((self.root / "extract").glob("*.parquet"))

    @property
    def quarantine(self) -> Path:
        """Every record that could not be read, with byte range and reason."""
        return self.root / "quarantine.parquet"

    def registry_table(self, name: str) -> Path:
        """Path of ``registry/<name>.parquet``."""
        return self.root / "registry" / f"{name}.parquet"

    @cached_property
    def quality_results(self) -> Path:
        """Path of the results of the quality gate."""
        return self.root / "quality" / "results.parquet"

    def require_pass(self) -> None:
        """Refuse a submission that the quality gate has not passed.

        Raises
        ------
        GateError
            No verdict, or a verdict that is not a pass.
        """
        verdict = self.manifest.verdict
        if verdict is not None and verdict.passed:
            return
        said = (
            f"blocking: {', '.join(verdict.blocking_failures + verdict.errors)}" if verdict else "no verdict"
        )
        raise GateError(
            f"Submission '{self.id}' has not passed its quality gate ({said})",
            where=str(self.root / "quality" / "index.html"),
            remedy=(
                "Read the quality report; cohorts and studies wait for a pass."
                if verdict
                else f"Run `cohorts validate {self.id}`; cohorts and studies wait for its pass."
            ),
        )

    def require_people(self) -> None:
        """Refuse a submission of published statistics where people are asked for.

        Raises
        ------
        RefusedError
            Its rows are statistics of groups (``aggregates_only``).
        """
        if self.manifest.holds_people:
            return
        raise RefusedError(
            f"Submission '{self.id}' holds published survival of groups and no patients, so there is nobody to make "
            "a cohort or a study of",
            reason_code="aggregates_only",
            where=str(self.root / "registry" / "published_survival.parquet"),
            remedy=f"Read its curves with `cohorts report {self.id}` or as table published_survival of the warehouse, "
            "and hold results of a SEER case listing against them.",
        )

    @contextlib.contextmanager
    def write_dir(self, relative: str) -> Iterator[Path]:
        """Yield an empty folder aside; on success it is renamed over ``<root>/<relative>``."""
        with aside(self.root / relative) as temporary:
            temporary.mkdir()
            yield temporary
