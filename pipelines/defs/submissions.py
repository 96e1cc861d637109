"""What the assets share: one partition per submission, the site's home, and how an error is told."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import dagster as dg

from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.store import Home
from pipelines.told import as_told

P = ParamSpec("P")
R = TypeVar("R")

submissions = dg.DynamicPartitionsDefinition(name="submissions")
"""A submission is the unit of work, not a diagnosis year: every yearly release restates all its years."""


class HomeResource(dg.ConfigurableResource[Home]):
    """The store's folder; empty means ``$COHORTS_HOME``, else ``./var``."""

    root: str = ""

    @property
    def home(self) -> Home:
        """The store."""
        return Home(Path(self.root) if self.root else Settings().home)


def told(compute: Callable[P, R]) -> Callable[P, R]:
    """Let an asset fail with one paragraph: Dagster keeps the words of an error, which may hold a patient's value.

    ``COHORTS_TRACEBACK=1`` shows the error itself, as on the command line.
    """

    @functools.wraps(compute)
    def asset(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return compute(*args, **kwargs)
        except Exception as error:
            if os.environ.get("COHORTS_TRACEBACK"):
                raise
            known = as_told(error)
            words = f"A fault of the program ({type(error).__name__}): COHORTS_TRACEBACK=1 shows where"
            raise dg.Failure(str(known) if known else words, allow_retries=False) from None

    return asset


def inbox_folders(home: Home) -> list[Path]:
    """Folders ``<home>/inbox/<source>/<submission>``, in order."""
    return sorted(path for path in (home.root / "inbox").glob("*/[!.]*") if path.is_dir())


def inbox_of(home: Home, submission: str) -> list[Path]:
    """Files that a scheduler dropped for a submission: ``<home>/inbox/<source>/<submission>/*``.

    Raises
    ------
    InputError
        There is nothing there, or two folders are.
    """
    folders = [path for path in inbox_folders(home) if path.name == submission]
    if len(folders) > 1:
        raise InputError(
            f"{len(folders)} folders hold an extract for '{submission}'",
            where=", ".join(map(str, folders)),
            remedy="Leave one of them.",
        )
    found = sorted(path for folder in folders for path in folder.glob("[!.]*") if path.is_file())
    if not found:
        raise InputError(
            f"There is no extract for '{submission}'",
            where=str(home.root / "inbox" / "*" / submission),
            remedy="Drop its files there, or name them in the run's configuration (ops: extract: config: paths).",
        )
    return found
