"""Every knob, one validated object. Values come from the call, else from ``COHORTS_*`` in the environment."""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

REPOSITORY = Path(__file__).resolve().parent.parent


def _min_cell() -> Any:
    """Text as it stands in the environment; the field checks it like a value of the call."""
    return os.environ.get("COHORTS_MIN_CELL", "11")


def _unpack_bytes() -> Any:
    return os.environ.get("COHORTS_UNPACK_BYTES", 200 * 10**9)


class Settings(BaseModel):
    """Where things lie and which site-wide policies hold.

    Attributes
    ----------
    home : Path
        The store; ``$COHORTS_HOME``, else ``./var``.
    catalog_dir : Path
        What an analyst edits: cohorts, mappings, studies, evidence.
    sql_dir, expectations_dir : Path
        Derivations and checks.
    min_cell : int
        Counts of people below this are hidden in everything that leaves the site (people); 11, or
        ``$COHORTS_MIN_CELL`` where a data use agreement says otherwise.
    unpack_bytes : int
        What the archives of one load may unpack to (bytes); 200 GB, or ``$COHORTS_UNPACK_BYTES``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    home: Path = Field(default_factory=lambda: Path(os.environ.get("COHORTS_HOME", "var")))
    catalog_dir: Path = Field(
        default_factory=lambda: Path(os.environ.get("COHORTS_CATALOG", REPOSITORY / "catalog"))
    )
    sql_dir: Path = REPOSITORY / "sql"
    expectations_dir: Path = REPOSITORY / "expectations"
    min_cell: int = Field(default_factory=_min_cell, ge=1)
    unpack_bytes: int = Field(default_factory=_unpack_bytes, ge=1)
