"""What a run of a study comes back with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StudyFacts:
    """What came of a study.

    Attributes
    ----------
    name, submission, cohort : str
    folder : Path
        ``<submission>/studies/<name>``.
    settings_hash : str
    n_estimates : int
    """

    name: str
    submission: str
    cohort: str
    folder: Path
    settings_hash: str
    n_estimates: int
