"""What is known of a submission: where its bytes came from, what was kept, and the gate's verdict."""

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

RECORDED_VERSIONS = ("registry-cohorts", "duckdb", "polars", "pyarrow", "numpy", "scipy", "scikit-learn")


def recorded_versions() -> dict[str, str]:
    """Versions of what can change a number."""
    return {name: version(name) for name in RECORDED_VERSIONS}


class FileFacts(BaseModel):
    """One data file: its hash, and rows in = kept + quarantined; ``archive`` is what arrived, if it lay in one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    table: str
    bytes: int = Field(ge=0)
    sha256: str
    archive: str | None = None
    archive_sha256: str | None = None
    records_read: int = Field(ge=0)
    kept: int = Field(ge=0)
    quarantined: int = Field(ge=0)

    @model_validator(mode="after")
    def nothing_is_lost(self) -> "FileFacts":
        """Rows in = rows kept + rows quarantined."""
        if self.records_read != self.kept + self.quarantined:
            raise ValueError(
                f"{self.name}: {self.records_read} records read, "
                f"but {self.kept} kept + {self.quarantined} quarantined"
            )
        return self


class SideTableFacts(BaseModel):
    """A side table of a mapped source: its rows are taken, another of the same key was taken, or match nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    rows: int = Field(ge=0)
    taken: int = Field(ge=0)
    not_taken: int = Field(ge=0)
    unmatched: int = Field(ge=0)

    @model_validator(mode="after")
    def nothing_is_lost(self) -> "SideTableFacts":
        """Rows = taken + not taken + unmatched."""
        if self.rows != self.taken + self.not_taken + self.unmatched:
            raise ValueError(f"{self.table}: the parts of {self.rows} rows do not add up")
        return self


class Verdict(BaseModel):
    """What the quality gate said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passed: bool
    checks: int
    blocking_failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    judged_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


AGGREGATES = frozenset({"seer_survival"})
"""Dialects whose rows are statistics of groups and not people."""


class Manifest(BaseModel):
    """The manifest of a submission, ``manifest.json``; ``companions`` are files such as a .dic, name to hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    submission: str
    source: str
    format: str
    dialect: str = ""
    release: str
    covered_years: tuple[int, int] | None = None
    site: str | None = None
    files: tuple[FileFacts, ...]
    companions: dict[str, str] = {}
    side_tables: tuple[SideTableFacts, ...] = ()
    notes: tuple[str, ...] = ()
    mapping: dict[str, Any] | None = None
    loaded_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: dict[str, str] = Field(default_factory=recorded_versions)
    verdict: Verdict | None = None

    @model_validator(mode="before")
    @classmethod
    def dialect_of_older_manifests(cls, data: Any) -> Any:
        """A manifest written before there were dialects: they had the names of the sources."""
        return data if data.get("dialect") else {**data, "dialect": data.get("source", "")}

    @property
    def holds_people(self) -> bool:
        """Whether its records are people; published statistics have no tumors, cohorts or studies."""
        return self.dialect not in AGGREGATES

    @property
    def kept(self) -> int:
        """Records kept over all files."""
        return sum(facts.kept for facts in self.files)

    @property
    def quarantined(self) -> int:
        """Records set aside over all files."""
        return sum(facts.quarantined for facts in self.files)
