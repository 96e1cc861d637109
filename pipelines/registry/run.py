"""One submission through staging and the derivations, in one in-memory DuckDB."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa

from pipelines import codebook
from pipelines.codebook.conversions import CONVERTED_FORMATS
from pipelines.codebook.mapping import parse_mapping
from pipelines.registry.concepts import OUTPUTS, load_concepts, run_concepts
from pipelines.registry.extract import register_extract, register_tables, unmapped_codes
from pipelines.registry.mapped import (
    check_received,
    main_relation,
    mapped_ascertainment,
    side_table_counts_sql,
    staged_sql,
    unmapped_sql,
    without_absent,
)
from pipelines.registry.staging import register_staged, staged_columns
from pipelines.registry.survival_export import build_published_survival
from pipelines.settings import Settings
from pipelines.store import SideTableFacts, Submission, write_parquet

ORDER = ("source_file", "source_record", "modality", "variable")
"""Rows are stored in this order, as far as a table has these columns."""


@dataclass(frozen=True)
class RegistryFacts:
    """What a build did.

    Parameters
    ----------
    submission : str
    rows_extracted, rows_staged, rows_tumor : int
        Always the same number (records).
    unmapped_codes : int
        Distinct codes, by field, that the codebook does not know.
    rows_of : str
        What a row of the main table is, in the plural.
    """

    submission: str
    rows_extracted: int
    rows_staged: int
    rows_tumor: int
    unmapped_codes: int
    rows_of: str = "tumors"


def build(sub: Submission) -> RegistryFacts:
    """Stage and derive one submission; write ``registry/*.parquet``.

    Parameters
    ----------
    sub : Submission
        With its extract and its manifest.

    Returns
    -------
    RegistryFacts

    Raises
    ------
    InputError
        There is no extract, or a mapping names what is not there.
    RuntimeError
        A row was lost or doubled on the way: a defect of the SQL, and nothing is written.
    """
    manifest = sub.manifest
    if not manifest.holds_people:
        rows, unlabelled = build_published_survival(sub)
        return RegistryFacts(sub.id, rows, rows, rows, unlabelled, rows_of="rows of published survival")
    with _engine(sub) as con:
        codebook.register(con)
        _register_facts(
            con, sub.id, manifest.source, manifest.dialect, manifest.release, manifest.covered_years
        )
        received, unmapped = _stage(con, sub) if manifest.mapping is None else _stage_mapped(con, sub)
        run_concepts(con, load_concepts(Settings().sql_dir / "registry"), keep=OUTPUTS)
        facts = RegistryFacts(
            submission=sub.id,
            rows_extracted=_count(con, received),
            rows_staged=_count(con, "staged"),
            rows_tumor=_count(con, "tumor"),
            unmapped_codes=unmapped.height,
        )
        if not facts.rows_extracted == facts.rows_staged == facts.rows_tumor:
            raise RuntimeError(f"rows were lost or doubled on the way: {facts}")
        # A verdict speaks of the tables it judged: it does not outlive them.
        known = {"verdict": None, "side_tables": _side_tables(con, sub)}
        sub.save_manifest(manifest.model_copy(update=known))
        with sub.write_dir("registry") as folder:
            for name in OUTPUTS:
                write_parquet(_ordered(con, name), folder / f"{name}.parquet")
                con.execute(f"drop table {name}")
            write_parquet(unmapped, folder / "unmapped_codes.parquet")
    return facts


def derive(
    staged: pl.DataFrame,
    *,
    submission: str = "toy-2022",
    source: str = "ncdb",
    dialect: str | None = None,
    release: str = "2022",
    covered_years: tuple[int, int] | None = (2004, 2022),
) -> dict[str, pl.DataFrame]:
    """Run the derivations alone on a staged frame: what the spec tests of ``sql/registry`` use.

    Parameters
    ----------
    staged : polars.DataFrame
        Any subset of the staged columns; the others are null. Where ``source_record`` is not given, rows are
        numbered from 1 in the frame's order.
    submission, source, dialect, release, covered_years
        As a manifest would say; the dialect is the source if not given.

    Returns
    -------
    dict of str to polars.DataFrame
        Every relation of ``sql/registry`` by name, ordered by record.

    Raises
    ------
    ValueError
        A column is not a staged column.
    """
    types = staged_columns()
    unknown = set(staged.columns) - types.keys()
    if unknown:
        raise ValueError(f"not staged columns: {', '.join(sorted(unknown))}")
    given = {
        "source": pl.Series([source] * staged.height, dtype=pl.String),
        "release": pl.Series([release] * staged.height, dtype=pl.String),
        "source_file": pl.Series(["toy"] * staged.height, dtype=pl.String),
        "source_record": pl.int_range(1, staged.height + 1, eager=True),
    }
    frame = staged.with_columns(
        values.alias(name) for name, values in given.items() if name not in staged.columns
    )
    with duckdb.connect() as con:
        con.register("staged_frame", frame.to_arrow())
        columns = ", ".join(f"{name}::{types[name]} as {name}" for name in frame.columns)
        codebook.register(con)
        _register_facts(con, submission, source, dialect or source, release, covered_years)
        register_staged(con, f"select {columns} from staged_frame")
        names = run_concepts(con, load_concepts(Settings().sql_dir / "registry"))
        return {name: pl.DataFrame(_ordered(con, name)) for name in names}


@contextlib.contextmanager
def _engine(sub: Submission) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB with a bound, which sets aside what does not fit in the submission's own folder.

    Without a folder named DuckDB would leave patient rows in whatever folder the command was started in.
    """
    memory_mb = max(2000, 250 * (os.cpu_count() or 1))  # each thread needs some of its own
    with (
        tempfile.TemporaryDirectory(prefix=".spill-", dir=sub.root) as folder,
        duckdb.connect(config={"memory_limit": f"{memory_mb}MB", "temp_directory": folder}) as con,
    ):
        con.execute("set preserve_insertion_order = false")
        yield con


def _stage(con: duckdb.DuckDBPyConnection, sub: Submission) -> tuple[str, pl.DataFrame]:
    """Make ``staged`` of a registry; return the relation that was received and the codes no scheme has."""
    manifest = sub.manifest
    register_extract(
        con,
        sub.extract_files(),
        dialect=manifest.dialect,
        release=manifest.release,
        converted=manifest.format in CONVERTED_FORMATS,
    )
    register_staged(
        con, (Settings().sql_dir / "staging" / f"{manifest.dialect}.sql").read_text(encoding="utf-8")
    )
    return "extract", unmapped_codes(con, manifest.dialect)


def _stage_mapped(con: duckdb.DuckDBPyConnection, sub: Submission) -> tuple[str, pl.DataFrame]:
    """Make ``staged`` of a mapped source; return its main table and the texts its mapping does not list."""
    mapping = parse_mapping(sub.manifest.mapping, where=f"the manifest of {sub.id}")
    optional = {table.name: table.optional for table in mapping.tables}
    received = register_tables(con, sub.extract_files(), optional)
    check_received(mapping, received)
    mapping = without_absent(mapping, received)
    _register_ascertainment(con, mapped_ascertainment(mapping))
    # A table, because every concept reads it and each of its words is a search through the mapping's values.
    con.execute(f"create or replace table mapped_rows as {staged_sql(mapping)}")
    register_staged(con, "select * from mapped_rows")
    return main_relation(mapping), con.sql(unmapped_sql(mapping)).pl()


def _side_tables(con: duckdb.DuckDBPyConnection, sub: Submission) -> tuple[SideTableFacts, ...]:
    """What became of every row of a mapped source's side tables."""
    manifest = sub.manifest
    if manifest.mapping is None:
        return ()
    mapping = parse_mapping(manifest.mapping, where=f"the manifest of {sub.id}")
    return tuple(
        SideTableFacts(table=table, rows=rows, taken=taken, not_taken=not_taken, unmatched=unmatched)
        for table, rows, taken, not_taken, unmatched in con.execute(side_table_counts_sql(mapping)).fetchall()
    )


def release_year(source: str, release: str) -> int | None:
    """Year in the name of a release (``2016``, ``nov2018``); none for a mapped source."""
    found = re.search(r"(\d{4})$", release)
    return int(found.group(1)) if found and source != "mapped" else None


def _register_facts(
    con: duckdb.DuckDBPyConnection,
    submission: str,
    source: str,
    dialect: str,
    release: str,
    covered_years: tuple[int, int] | None,
) -> None:
    """Make ``submission_facts`` (one row) and ``ascertainment_facts`` (one row per variable)."""
    year = release_year(source, release)
    first, last = covered_years or (None, None)
    con.execute(
        """
        create or replace table submission_facts (
            submission varchar, source varchar, release varchar,
            release_year integer, covered_from integer, covered_to integer
        )
        """
    )
    con.execute(
        "insert into submission_facts values (?, ?, ?, ?, ?, ?)",
        [submission, source, release, year, first, last],
    )
    _register_ascertainment(con, codebook.ascertainment_facts(dialect, year))


def _register_ascertainment(con: duckdb.DuckDBPyConnection, facts: pl.DataFrame) -> None:
    con.register("ascertainment_facts", facts.to_arrow())


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = con.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])


def _ordered(con: duckdb.DuckDBPyConnection, relation: str) -> pa.Table:
    columns = [name for name, *_ in con.execute(f"describe {relation}").fetchall()]
    order = [name for name in ORDER if name in columns]
    text = "* replace (source_file::varchar as source_file)" if "source_file" in columns else "*"
    return con.sql(f"select {text} from {relation} order by {', '.join(order) or 'all'}").to_arrow_table()
