"""The gate: run the checks that apply to a submission, write what they found, give the verdict."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from pipelines.quality.checks import Check, checks
from pipelines.quality.finding import Finding, Status
from pipelines.quality.page import render_page
from pipelines.quality.relations import create_relations
from pipelines.quality.rules import breaking_rows, checked_rows
from pipelines.registry.dictionary import DictionaryColumn, read_dictionary
from pipelines.settings import Settings
from pipelines.store import Manifest, Submission, Verdict, write_parquet, write_text

if TYPE_CHECKING:  # Great Expectations takes 2.5 seconds to import: only a gate that runs pays for it.
    from pipelines.quality.engine import Answer


RESULT_SCHEMA: dict[str, type[pl.DataType]] = {
    "submission": pl.String,
    "check_id": pl.String,
    "table": pl.String,
    "column": pl.String,
    "rule": pl.String,
    "severity": pl.String,
    "n_checked": pl.Int64,
    "n_failed": pl.Int64,
    "percent_failed": pl.Float64,
    "threshold": pl.Float64,
    "status": pl.String,
    "judged_at": pl.String,
}


def validate(
    sub: Submission,
    *,
    expectations_dir: Path | None = None,
    dictionary: Path | None = None,
    judged_at: str | None = None,
) -> Verdict:
    """Judge a submission; write its results, its quality page and the verdict.

    Parameters
    ----------
    sub : Submission
        Loaded and built. It is not published here: `pipelines.store.publish` does that, and only on a pass.
    expectations_dir : pathlib.Path, optional
        Folder of the checks; the project's own by default.
    dictionary : pathlib.Path, optional
        Data dictionary of the registry tables; the project's own by default.
    judged_at : str, optional
        Time to write down, ISO 8601; now by default. Give it to make repeats identical to the byte.

    Returns
    -------
    Verdict
        Also in the manifest. Whoever uses the submission asks `Submission.require_pass`.

    Raises
    ------
    InputError
        The registry is not built, or the expectations cannot be read.
    """
    judged_at = judged_at or datetime.now(UTC).isoformat(timespec="seconds")
    columns = read_dictionary(dictionary)
    found = judge(sub, checks(expectations_dir, dictionary=dictionary), columns)
    verdict = _verdict(found, judged_at)
    manifest = sub.manifest.model_copy(update={"verdict": verdict})
    unmapped = pl.read_parquet(sub.registry_table("unmapped_codes"))
    with sub.write_dir("quality") as aside:
        write_parquet(results_table(sub.id, found, judged_at), aside / "results.parquet")
        page = render_page(manifest, found, unmapped, min_cell=Settings().min_cell)
        write_text(page, aside / "index.html")
    sub.save_manifest(manifest)
    return verdict


def judge(
    sub: Submission, every_check: Sequence[Check], dictionary: Sequence[DictionaryColumn]
) -> list[Finding]:
    """Run the checks that apply; the others are not applicable.

    Parameters
    ----------
    sub : Submission
    every_check : sequence of Check
    dictionary : sequence of DictionaryColumn

    Returns
    -------
    list of Finding
        One for every check, by check id.
    """
    from pipelines.quality.engine import Question, ask

    asked = [check for check in every_check if _applies(check, sub.manifest)]
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        database = Path(folder) / "submission.duckdb"
        with duckdb.connect(str(database)) as connection:
            create_relations(connection, sub, dictionary)
            received = _columns(connection, "extract")
        questions = [
            Question(check.check_id, check.table, breaking_rows(check), checked_rows(check), check.threshold)
            for check in asked
            if not _asks_for_absent_column(check, received)
        ]
        answers = ask(database, questions)
    return [
        _finding(check, answers[check.check_id])
        if check.check_id in answers
        else Finding(check, "not_applicable")
        for check in sorted(every_check, key=lambda check: check.check_id)
    ]


def results_table(submission: str, found: Sequence[Finding], judged_at: str) -> pl.DataFrame:
    """Return ``quality/results.parquet``: one row per check, by check id.

    ``percent_failed`` and ``threshold`` are both percentages of the rows in scope.
    """
    rows = [
        {
            "submission": submission,
            **finding.check.model_dump(include={"check_id", "table", "column", "rule", "severity"}),
            "n_checked": finding.n_checked,
            "n_failed": finding.n_failed,
            "percent_failed": finding.percent_failed,
            "threshold": 100 * finding.check.threshold,
            "status": finding.status,
            "judged_at": judged_at,
        }
        for finding in found
    ]
    return pl.DataFrame(rows, schema=RESULT_SCHEMA).sort("check_id")


def _applies(check: Check, manifest: Manifest) -> bool:
    """Whether a check is for this source or dialect; of statistics only what is for every extract, and their own."""
    if manifest.holds_people:
        return check.applies_to({manifest.source, manifest.dialect})
    return check.registry == manifest.dialect or (check.layer == "extract" and check.registry == "all")


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> frozenset[str]:
    return frozenset(column for column, *_ in connection.execute(f"describe {relation}").fetchall())


def _asks_for_absent_column(check: Check, received: frozenset[str]) -> bool:
    """The analyst who made the extract chose its columns; a rule about one left out does not apply."""
    return check.table == "extract" and bool(check.column) and not set(check.column.split("|")) <= received


def _finding(check: Check, answer: "Answer") -> Finding:
    return Finding(check, _status(check, answer), answer.n_checked, answer.n_failed, answer.problem)


def _status(check: Check, answer: "Answer") -> Status:
    if answer.problem is not None:
        return "error"
    if answer.n_checked == 0 and answer.n_failed == 0:
        return "not_applicable"
    if answer.within:
        return "pass"
    return "fail" if check.severity == "blocking" else "warn"


def _verdict(found: Sequence[Finding], judged_at: str) -> Verdict:
    ids = {
        status: tuple(finding.check.check_id for finding in found if finding.status == status)
        for status in ("fail", "warn", "error", "not_applicable")
    }
    return Verdict(
        passed=not ids["fail"] and not ids["error"],
        checks=len(found) - len(ids["not_applicable"]),
        blocking_failures=ids["fail"],
        warnings=ids["warn"],
        errors=ids["error"],
        judged_at=judged_at,
    )
