"""``registry.duckdb``, the published face: built aside from Parquet, then renamed over the old one."""

import re
from pathlib import Path

import duckdb
import polars as pl

from pipelines.store.files import aside
from pipelines.store.home import Home
from pipelines.store.submission import Submission
from pipelines.store.withheld import read_estimates, standing

STORAGE_VERSION = "v1.2.0"
"""So that DuckDB 1.5 and 2.0 both read the file."""


def build_warehouse(home: Home) -> Path:
    """Build ``registry.duckdb`` from every published submission that passed its gate.

    One schema per submission (``ncdb_2022.tumor``), and ``main.submissions`` with one row for each. The file is
    read-only (0444), because a read-write open would lock every other analyst out; an analyst who has the old file
    open keeps it until the next ``connect``, a read-only ``attach`` sees the new one.

    Returns
    -------
    pathlib.Path
    """
    submissions = [home.published(name) for name in home.published_ids()]
    for submission in submissions:
        submission.require_pass()
    with aside(home.warehouse) as temporary:
        with duckdb.connect() as connection:
            place = str(temporary).replace("'", "''")
            connection.execute(f"attach '{place}' as warehouse (storage_version '{STORAGE_VERSION}')")
            connection.execute("use warehouse")
            _write_index(connection, submissions)
            for submission in submissions:
                _write_submission(connection, submission)
            connection.execute("use memory")
            connection.execute("detach warehouse")
        temporary.chmod(0o444)
    return home.warehouse


def _write_index(connection: duckdb.DuckDBPyConnection, submissions: list[Submission]) -> None:
    connection.execute(
        "create table submissions (submission varchar, source varchar, release varchar, records bigint,"
        " quarantined bigint, judged_at varchar)"
    )
    for submission in submissions:
        manifest = submission.manifest
        judged_at = manifest.verdict.judged_at if manifest.verdict else None
        connection.execute(
            "insert into submissions values (?, ?, ?, ?, ?, ?)",
            [
                submission.id,
                manifest.source,
                manifest.release,
                manifest.kept,
                manifest.quarantined,
                judged_at,
            ],
        )


def _write_submission(connection: duckdb.DuckDBPyConnection, submission: Submission) -> None:
    schema = re.sub(r"[^a-z0-9]", "_", submission.id)
    connection.execute(f'create schema "{schema}"')
    tables = {path.stem: path for path in sorted((submission.root / "registry").glob("*.parquet"))}
    tables["quality_results"] = submission.quality_results
    tables |= {
        f"cohort_{path.parent.name}": path
        for path in sorted((submission.root / "cohorts").glob("[!.]*/members.parquet"))
    }
    tables |= {
        f"rules_{path.parent.name}": path
        for path in sorted((submission.root / "cohorts").glob("[!.]*/rule_outcomes.parquet"))
    }
    for name, path in tables.items():
        connection.execute(f'create table "{schema}"."{name}" as from read_parquet(?)', [str(path)])
    for path in sorted((submission.root / "studies").glob("[!.]*/estimates.csv")):
        _write_study(connection, f'"{schema}"."study_{path.parent.name}"', path.parent)


def _write_study(connection: duckdb.DuckDBPyConnection, table: str, folder: Path) -> None:
    """Estimates without what the study's gate hides, which is null, and ``gate``: how the study stands."""
    now = standing(folder)
    word = "off" if now.off else "signed" if now.signature is not None else now.status
    estimates = read_estimates(folder).with_columns(gate=pl.lit(word))
    connection.register("estimates_of_study", estimates.to_arrow())
    connection.execute(f"create table {table} as from estimates_of_study")
    connection.unregister("estimates_of_study")
