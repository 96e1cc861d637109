"""The store's root: published submissions, those being built, and the registry.duckdb made from them."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import InputError
from pipelines.store.submission import Submission

SUBMISSION_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check_submission_id(submission: str) -> str:
    """Return the id if it is well formed, such as ``ncdb-2022``; it becomes a folder and a partition.

    Raises
    ------
    InputError
        Anything but lower-case letters, digits and single hyphens, 40 characters at most.
    """
    if len(submission) <= 40 and SUBMISSION_ID.fullmatch(submission):
        return submission
    raise InputError(
        f"'{submission[:60]}' is not a submission id",
        remedy="Use lower-case letters, digits and hyphens, such as ncdb-2022 or seer-2018nov.",
    )


@dataclass(frozen=True)
class Home:
    """The folder that holds everything of a site.

    Parameters
    ----------
    root : pathlib.Path
        ``$COHORTS_HOME``, else ``./var``.
    """

    root: Path

    def __post_init__(self) -> None:
        """Refuse an address of an object store, which would become a folder of that name here."""
        if re.match(r"[a-z0-9]{2,}:/", str(self.root)):
            raise InputError(
                f"'{self.root}' is an address, and the store is a folder on this machine so far",
                remedy="Give --home a folder, on a mounted share if need be.",
            )

    @property
    def submissions(self) -> Path:
        """Folder of published submissions."""
        return self.root / "submissions"

    @property
    def warehouse(self) -> Path:
        """The published ``registry.duckdb``."""
        return self.root / "registry.duckdb"

    def building(self, submission: str) -> Submission:
        """The submission while a refresh works on it."""
        return Submission(submission, self.submissions / ".building" / check_submission_id(submission))

    def published(self, submission: str) -> Submission:
        """The submission as published.

        Raises
        ------
        InputError
            It is not published; the message says whether one is being built and names those that are there.
        """
        found = Submission(submission, self.submissions / check_submission_id(submission))
        if (found.root / "manifest.json").is_file():
            return found
        built = (self.building(submission).root / "manifest.json").is_file()
        names = ", ".join(self.published_ids()) or "none yet"
        raise InputError(
            f"Submission '{submission}' is not published",
            where=str(self.submissions),
            remedy=(
                f"It is in building: finish it with `cohorts build {submission}` "
                f"and `cohorts validate {submission}`."
                if built
                else f"Published here: {names}."
            ),
        )

    def published_ids(self) -> list[str]:
        """Ids of the published submissions, in order."""
        return self._ids(self.submissions)

    def building_ids(self) -> list[str]:
        """Ids of the submissions in building, in order."""
        return self._ids(self.submissions / ".building")

    @staticmethod
    def _ids(folder: Path) -> list[str]:
        return sorted(
            path.parent.name
            for path in folder.glob("*/manifest.json")
            if not path.parent.name.startswith(".")
        )
