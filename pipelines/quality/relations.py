"""The relations a check may be about: views in one temporary DuckDB file; nothing is copied, all join.

==================  ==================================================================================
relation            one row per
==================  ==================================================================================
tumor, treatment,   row of the registry table of that name
follow_up,
ascertainment,
unmapped_codes
published_survival  row of published statistics; of the tables above such a submission has only unmapped_codes
extract             record kept, every field as received
quarantine          record set aside
received            record received, with ``kept``
files               received file, with its counts in the manifest and its rows on disk
submission_facts    submission: source, release, covered years, counts
coded_fields        field that is decoded by a scheme, with the share of its records outside the scheme
dictionary          column of the data dictionary, with whether it is there and its type on disk
==================  ==================================================================================
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from pipelines.codebook import field_schemes
from pipelines.codebook.conversions import CONVERTED_FORMATS, as_sent_sql
from pipelines.errors import InputError
from pipelines.quality.rules import literal, quote
from pipelines.registry.dictionary import DictionaryColumn
from pipelines.store import Submission

REGISTRY_TABLES = ("tumor", "treatment", "follow_up", "ascertainment", "unmapped_codes")
AGGREGATE_TABLES = ("published_survival", "unmapped_codes")
PEOPLE = frozenset({"tumor", "treatment", "follow_up", "extract", "quarantine", "received"})
"""Relations whose rows are people or their records: their small counts are hidden in pages."""


def create_relations(
    connection: duckdb.DuckDBPyConnection, submission: Submission, dictionary: Sequence[DictionaryColumn]
) -> None:
    """Create every relation of the module's table.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Open on an empty file.
    submission : Submission
        Loaded and built.
    dictionary : sequence of DictionaryColumn
        The data dictionary of the registry tables.

    Raises
    ------
    InputError
        The registry tables are not built yet.
    """
    tables = REGISTRY_TABLES if submission.manifest.holds_people else AGGREGATE_TABLES
    for table in tables:
        path = submission.registry_table(table)
        if not path.is_file():
            raise InputError(
                f"Submission '{submission.id}' has no registry table '{table}'",
                where=str(path),
                remedy=f"Run `cohorts build {submission.id}` first.",
            )
        _view(connection, table, f"select * from {_read([path])}")
    extract = submission.extract_files()
    _view(connection, "extract", _select_extract(connection, submission, _read(extract)))
    _view(connection, "quarantine", f"select * from {_read([submission.quarantine])}")
    _view(
        connection,
        "received",
        "select true as kept from extract union all select false as kept from quarantine",
    )
    _create_files(connection, submission)
    _create_facts(connection, submission, tables[0])
    _create_coded_fields(connection, submission)
    _create_dictionary(connection, dictionary)


def _select_extract(connection: duckdb.DuckDBPyConnection, submission: Submission, received: str) -> str:
    """The extract as received; codes that a tool of the site rewrote are checked as the registry sent them."""
    if submission.manifest.format not in CONVERTED_FORMATS:
        return f"select * from {received}"
    columns = connection.execute(f"describe select * from {received}").fetchall()
    kept = {"source_file", "source_record"}
    words = [
        quote(name) if name in kept else f"{as_sent_sql(quote(name))} as {quote(name)}"
        for name, *_ in columns
    ]
    return f"select {', '.join(words)} from {received}"


def _view(connection: duckdb.DuckDBPyConnection, name: str, select: str) -> None:
    connection.execute(f"create view {quote(name)} as {select}")


def _read(paths: Sequence[Path]) -> str:
    names = ", ".join(literal(str(path.resolve())) for path in paths)
    return f"read_parquet([{names}], union_by_name = true)"


def _create_files(connection: duckdb.DuckDBPyConnection, submission: Submission) -> None:
    connection.execute(
        "create table manifest_files (file varchar, records_read bigint, kept bigint, quarantined bigint)"
    )
    connection.executemany(
        "insert into manifest_files values (?, ?, ?, ?)",
        [[file.name, file.records_read, file.kept, file.quarantined] for file in submission.manifest.files],
    )
    _view(
        connection,
        "files",
        """
        select
            m.*,
            (select count(*) from extract as e where e.source_file = m.file) as extract_rows,
            (select count(*) from quarantine as q where q.source_file = m.file) as quarantine_rows
        from manifest_files as m
        """,
    )


def _create_facts(connection: duckdb.DuckDBPyConnection, submission: Submission, main_table: str) -> None:
    manifest = submission.manifest
    first_year, last_year = manifest.covered_years or (None, None)
    connection.execute(
        f"""
        create table submission_facts as
        select
            ?::varchar as submission,
            ?::varchar as source,
            ?::varchar as release,
            ?::integer as first_year,
            ?::integer as last_year,
            (select count(*) from extract) as extract_rows,
            (select count(*) from quarantine) as quarantine_rows,
            (select count(*) from {main_table}) as tumor_rows
        """,
        [submission.id, manifest.source, manifest.release, first_year, last_year],
    )


def _create_coded_fields(connection: duckdb.DuckDBPyConnection, submission: Submission) -> None:
    connection.execute("create table decoded (field varchar, scheme varchar)")
    fields = _decoded_fields(submission.manifest.dialect)
    if fields:
        connection.executemany("insert into decoded values (?, ?)", fields)
    _view(
        connection,
        "coded_fields",
        """
        select
            field,
            scheme,
            coalesce(sum(n), 0) as unmapped,
            coalesce(sum(n), 0) / greatest((select extract_rows from submission_facts), 1) as unmapped_share
        from (
            select field, scheme, 0 as n from decoded
            union all
            select field, scheme, n from unmapped_codes
        )
        group by field, scheme
        """,
    )


def _decoded_fields(dialect: str) -> list[list[str]]:
    decoded = field_schemes().filter((pl.col("source") == dialect) & pl.col("scheme").is_not_null())
    return [list(row) for row in decoded.select("field", "scheme").unique().sort("field", "scheme").rows()]


def _create_dictionary(connection: duckdb.DuckDBPyConnection, dictionary: Sequence[DictionaryColumn]) -> None:
    connection.execute('create table declared ("table" varchar, "column" varchar, type varchar)')
    if dictionary:
        connection.executemany(
            "insert into declared values (?, ?, ?)",
            [[column.table, column.column, column.type] for column in dictionary],
        )
    _view(
        connection,
        "dictionary",
        """
        select
            d.*,
            c.column_name is not null as present,
            lower(c.data_type) as stored_type
        from declared as d
        left join duckdb_columns() as c on c.table_name = d."table" and c.column_name = d."column"
        """,
    )
