"""What the assets share: one partition per submission, and the site's home."""

from pathlib import Path

import dagster as dg

from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.store import Home

submissions = dg.DynamicPartitionsDefinition(name="submissions")
"""A submission is the unit of work, not a diagnosis year: every yearly release restates all its years."""


class HomeResource(dg.ConfigurableResource[Home]):
    """The store's folder; empty means ``$COHORTS_HOME``, else ``./var``."""

    root: str = ""

    @property
    def home(self) -> Home:
        """The store."""
        return Home(Path(self.root) if self.root else Settings().home)


def inbox_of(home: Home, submission: str) -> list[Path]:
    """Files that a scheduler dropped for a submission: ``<home>/inbox/<source>/<submission>/*``.

    Raises
    ------
    InputError
        There is nothing there.
    """
    folder = home.root / "inbox" / submission.split("-")[0] / submission
    found = sorted(path for path in folder.glob("[!.]*") if path.is_file())
    if not found:
        raise InputError(
            f"There is no extract for '{submission}'",
            where=str(folder),
            remedy="Drop its files there, or name them in the run's configuration (ops: extract: config: paths).",
        )
    return found
