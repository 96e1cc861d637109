"""The quality gate: checks as rows, run by Great Expectations inside DuckDB, and a page of the results."""

from pipelines.quality.checks import Check, checks
from pipelines.quality.finding import Finding
from pipelines.quality.gate import validate

__all__ = ["Check", "Finding", "checks", "validate"]
