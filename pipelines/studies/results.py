"""Rows that every analysis gives: estimates, and findings about how they came to be."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

import polars as pl

LARGEST_SMD, LARGEST_SMD_STRONG = "largest_smd", "largest_smd_strong"
"""Checks of a design that has no table of its balance: over all covariates, and over strong prognostic factors."""
ESTIMATE_COLUMNS = (
    "study",
    "submission",
    "cohort",
    "analysis",
    "subgroup",
    "term",
    "contrast",
    "measure",
    "estimate",
    "ci_low",
    "ci_high",
    "ci_level",
    "p_value",
    "n",
    "n_exposed",
    "events",
    "estimand",
    "effect_type",
    "method",
    "settings_hash",
)

UNPLANNED = "not declared beforehand: it raises a question and answers none"
"""What stands at every result of a subgroup that was looked at after the data were seen."""


@dataclass(frozen=True)
class Counts:
    """People, exposed people and events behind a number."""

    n: int | None = None
    n_exposed: int | None = None
    events: int | None = None


@dataclass(frozen=True)
class Estimate:
    """One number of a study, with what it is a number of (columns of ``estimates.csv``)."""

    analysis: str
    subgroup: str
    term: str
    contrast: str
    measure: str
    estimate: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    counts: Counts = Counts()
    estimand: str = ""
    effect_type: str = ""
    method: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What a published number is joined by."""
        return (self.analysis, self.subgroup, self.term, self.contrast, self.measure)


@dataclass(frozen=True)
class Finding:
    """One thing a reader has to know about an analysis (row of ``diagnostics.csv``).

    ``status`` is ``info``, ``ok``, ``warning``, or ``absent``: the analysis could not be done, and
    ``message`` says why. ``unit`` is ``people`` where ``value`` is a count that small-cell rules apply to.
    """

    analysis: str
    subgroup: str
    check: str
    status: str
    message: str
    value: float | None = None
    threshold: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Outcomes:
    """What an analysis gives: estimates, findings and tables by name."""

    estimates: tuple[Estimate, ...] = ()
    findings: tuple[Finding, ...] = ()
    tables: tuple[tuple[str, pl.DataFrame], ...] = ()

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(
            (*self.estimates, *other.estimates),
            (*self.findings, *other.findings),
            (*self.tables, *other.tables),
        )

    def table(self, name: str) -> pl.DataFrame | None:
        """All rows of the tables of this name, None where no analysis gave any."""
        found = [frame for called, frame in self.tables if called == name]
        return pl.concat(found, how="diagonal") if found else None


def estimates_frame(rows: Iterable[Estimate], same: dict[str, Any]) -> pl.DataFrame:
    """Estimates as the columns of the interface.

    Parameters
    ----------
    rows : iterable of Estimate
    same : dict
        study, submission, cohort, ci_level, settings_hash.
    """
    whole = {"n", "n_exposed", "events"}
    numbers = {"estimate", "ci_low", "ci_high", "ci_level", "p_value"}
    schema = {
        name: pl.Int64 if name in whole else pl.Float64 if name in numbers else pl.String
        for name in ESTIMATE_COLUMNS
    }
    content = []
    for row in rows:
        values = asdict(row)
        values |= {name: finite(values[name]) for name in ("estimate", "ci_low", "ci_high", "p_value")}
        level = same["ci_level"] if row.ci_low is not None or row.ci_high is not None else None
        content.append({**same, **values, **values.pop("counts"), "ci_level": level})
    return pl.DataFrame(content, schema=schema, orient="row").select(ESTIMATE_COLUMNS)


def finite(value: float | None) -> float | None:
    """Not-reached medians and unbounded limits are empty, not ``inf`` or ``nan``."""
    return value if value is not None and math.isfinite(value) else None


def findings_frame(rows: Iterable[Finding]) -> pl.DataFrame:
    """Findings as ``diagnostics.csv``."""
    schema = {
        one.name: pl.Float64 if one.name in {"value", "threshold"} else pl.String for one in fields(Finding)
    }
    order = ["analysis", "subgroup", "check", "value", "threshold", "status", "message", "unit"]
    return pl.DataFrame([asdict(row) for row in rows], schema=schema).select(order)


def absent_and_warnings(found: Outcomes) -> dict[str, list[dict[str, str]]]:
    """What could not be done and what a reader must know, as a run's record keeps them."""
    return {
        "absent": [
            {"analysis": one.analysis, "subgroup": one.subgroup, "reason": one.message}
            for one in found.findings
            if one.status == "absent"
        ],
        "warnings": [
            {"analysis": one.analysis, "subgroup": one.subgroup, "check": one.check, "message": one.message}
            for one in found.findings
            if one.status == "warning"
        ],
    }
