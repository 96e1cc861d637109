"""Raw reader of a mapped source: delimited text, Parquet, tables of a DuckDB file or of PostgreSQL, all as text.

What is which table of the mapping is told by the columns that the mapping needs of it, never by file names; a table
of a database may also be named.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.codebook.mapping import Mapping, Table, load_mapping, parse_mapping
from pipelines.errors import InputError
from pipelines.formats.mapped.databases import (
    DatabaseTable,
    check_address,
    duckdb_tables,
    is_address,
    is_duckdb,
    postgres_tables,
)
from pipelines.formats.mapped.parquet import damaged_parquet, is_parquet, parquet_columns, read_parquet
from pipelines.formats.text.blocks import count_lines
from pipelines.formats.text.delimited import column_names, read_delimited, read_header
from pipelines.formats.types import (
    Batch,
    Extract,
    Format,
    Options,
    Recognition,
    RowDigest,
    TableReader,
    refused,
)

COMMENT = "#"
NEEDS_MAPPING = "It needs a mapping that says what its columns mean (--mapping FILE)."


@dataclass(frozen=True)
class Received:
    """What may be a table of the mapping: a file, or a table of a database.

    Parameters
    ----------
    path : Path
        The file, or what stands for the database.
    label : str
        What its records say as ``source_file``.
    columns : tuple of str
    relation : str
        ``schema.table`` in a database; empty for a file.
    reader : callable
        Name of the table and its key column to a `TableReader`.
    """

    path: Path
    label: str
    columns: tuple[str, ...]
    relation: str = ""
    reader: Callable[[str, str], TableReader] = field(repr=False, kw_only=True)


def open_mapped(paths: Sequence[Path], options: Options) -> Extract:
    """Open the files of a mapped source, and the database that its mapping names.

    Parameters
    ----------
    paths : sequence of Path
        Delimited text, Parquet or DuckDB files.
    options : Options
        With the mapping: a YAML file, its content, or as checked.

    Raises
    ------
    InputError
        The mapping breaks its schema, a table of it is not there, a column it names is not there, or a file fits no
        table.
    """
    mapping = _mapping_of(options)
    received = [each for path in paths for each in received_tables(path)]
    if mapping.database is not None:
        received += database_tables(mapping.database)
    found = match_tables(mapping.tables, received)
    return Extract(
        source="mapped",
        format="mapped",
        dialect="mapped",
        release=mapping.id,
        covered_years=None,
        site=None,
        tables=tuple(
            each.reader(name, table.key)
            for table in mapping.tables
            for name, each in _named(table.name, found[table.name])
        ),
        mapping=mapping.model_dump(mode="json", exclude_defaults=True),
    )


def _mapping_of(options: Options) -> Mapping:
    if options.mapping is None:
        raise InputError(
            "This is a table that no registry format known here has: it needs a mapping that says what its columns "
            "mean (--mapping FILE)",
            remedy="Begin one with `cohorts map init FILE`; if it should be a registry's file, it is not as it was "
            "sent.",
        )
    return checked_mapping(options.mapping)


def checked_mapping(mapping: str | Path | dict[str, Any] | Mapping) -> Mapping:
    """Check a mapping, given as a YAML file, its content, or as checked."""
    if isinstance(mapping, dict):
        return parse_mapping(mapping, where="mapping")
    return mapping if isinstance(mapping, Mapping) else load_mapping(Path(mapping))


def take_addresses(
    paths: Sequence[str | Path], mapping: str | Path | dict[str, Any] | Mapping | None
) -> tuple[list[str | Path], str | Path | dict[str, Any] | Mapping | None]:
    """Part the address of a database from the files; it goes into the mapping.

    Raises
    ------
    InputError
        There is more than one address, it holds a password, or there is no mapping.
    """
    addresses = [str(path) for path in paths if is_address(path)]
    files = [path for path in paths if not is_address(path)]
    if not addresses:
        return files, mapping
    if len(addresses) > 1:
        raise InputError(
            "Two databases are named", remedy="Load the tables of one submission from one database."
        )
    address = check_address(addresses[0])
    if mapping is None:
        raise InputError(
            f"This is a database. {NEEDS_MAPPING}",
            where=address,
            remedy=f"Begin one with `cohorts map init {address}`.",
        )
    return files, checked_mapping(mapping).model_copy(update={"database": address})


def received_tables(path: Path) -> list[Received]:
    """List what may be a table in one file: the file itself, or the tables and views of a DuckDB file."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if is_duckdb(head):
        return [_of_database(path, table) for table in duckdb_tables(path)]
    columns = parquet_columns(path) if is_parquet(path) else read_header(path, comment=COMMENT).columns
    return [Received(path, path.name, columns, reader=partial(_file_reader, path, columns))]


def database_tables(address: str) -> list[Received]:
    """List the tables and views of a PostgreSQL database."""
    return [_of_database(Path(table.database), table) for table in postgres_tables(address)]


def _of_database(path: Path, table: DatabaseTable) -> Received:
    def reader(name: str, key: str) -> TableReader:
        column_names(
            table.columns, Path(table.label)
        )  # a database knows more names than a table here may have
        digest = RowDigest()
        return TableReader(name, path, table.columns, partial(table.read, key, digest), table.label, digest)

    return Received(path, table.label, table.columns, table.relation, reader=reader)


def _file_reader(path: Path, columns: tuple[str, ...], name: str, key: str) -> TableReader:
    """Reader of a file, whose order is its own."""
    return TableReader(name, path, columns, _batches_of(path))


def _batches_of(path: Path) -> Callable[[], Iterator[Batch]]:
    if is_parquet(path):
        return partial(read_parquet, path)
    header = read_header(path, comment=COMMENT)
    return partial(
        read_delimited,
        path,
        header.columns,
        header.delimiter,
        start=header.data_start,
        header_line=header.line,
        line_breaks_in_fields=True,
    )


def match_tables(tables: Sequence[Table], received: Sequence[Received]) -> dict[str, list[Received]]:
    """Find what holds each table of a mapping: what has all columns that it lists, in any letter case.

    Parameters
    ----------
    tables : sequence of Table
    received : sequence of Received

    Returns
    -------
    dict of str to list of Received
        By table; one each, or all files of a table that may come in several.

    Raises
    ------
    InputError
        Nothing has them (the message names the first missing column and near matches), or several have, or a
        file is left over.
    """
    found = {table.name: _fitting(table, received) for table in tables}
    used = {each.path for fitting in found.values() for each in fitting}
    if unused := [each.label for each in received if not each.relation and each.path not in used]:
        raise InputError(
            "The mapping has no table for this file", where=", ".join(unused), remedy="Leave the file out."
        )
    return found


def _fitting(table: Table, received: Sequence[Received]) -> list[Received]:
    candidates = [each for each in received if _has_name(each, table)]
    if not candidates:
        there = sorted(each.relation for each in received if each.relation)
        near = difflib.get_close_matches(
            (table.relation or "").lower(), [name.lower() for name in there], n=3, cutoff=0.4
        )
        raise InputError(
            f"The mapping takes table '{table.name}' from '{table.relation}', and no database that was named has it"
            if table.relation
            else "No database table or file is named",
            remedy=(f"Did you mean {', '.join(near)}? " if near else "") + "Correct `from` in the mapping.",
        )
    fitting = [each for each in candidates if not lacking(table.columns, each.columns)]
    if not fitting:
        raise _missing_column(table, candidates)
    if len(fitting) > 1 and not table.several_files:
        raise InputError(
            f"Several files can be table '{table.name}' of the mapping",
            where=", ".join(each.label for each in fitting),
            remedy="Name one file for each table, let the mapping list a column that one alone has, name a database "
            "table with `from: schema.table`, or say `several_files: true` if each holds a part, such as a year.",
        )
    return fitting


def _has_name(received: Received, table: Table) -> bool:
    if table.relation is None:
        return True
    return f".{received.relation}".lower().endswith(f".{table.relation}".lower())


def lacking(needed: Iterable[str], there: Iterable[str]) -> list[str]:
    """Columns that are not there in any letter case, sorted."""
    lower = {name.lower() for name in there}
    return sorted(name for name in needed if name.lower() not in lower)


def _missing_column(table: Table, received: Sequence[Received]) -> InputError:
    closest = max(received, key=lambda each: _nearness(table, each))
    missing = lacking(table.columns, closest.columns)
    by_lower = {column.lower(): column for column in closest.columns}
    near = difflib.get_close_matches(missing[0].lower(), by_lower, n=3)
    # By position where the file has none of the columns: without a header row, its names are somebody's values.
    is_header = len(missing) < len(table.columns)
    looks_like = ", ".join(
        f"'{by_lower[name]}'" if is_header else f"column {closest.columns.index(by_lower[name]) + 1}"
        for name in near
    )
    also = f" (nor {len(missing) - 1} other columns)" if len(missing) > 1 else ""
    return InputError(
        f"The mapping names column '{missing[0]}' for table '{table.name}', and the file does not have it{also}",
        where=closest.label,
        remedy=(f"Did the file mean {looks_like}? " if near else "")
        + "Correct the name in the mapping, list it under `optional` if a file may lack it, or bring the file it was "
        "written for.",
    )


def _nearness(table: Table, received: Received) -> tuple[int, bool, str]:
    """How much something looks like a table: columns it has, then whether it has one much like the first missing."""
    missing = lacking(table.columns, received.columns)
    alike = difflib.get_close_matches(missing[0].lower(), [name.lower() for name in received.columns], n=1)
    return -len(missing), bool(alike), received.label


def _named(table: str, found: Sequence[Received]) -> list[tuple[str, Received]]:
    """Names in the store: the table's, with a number where it comes in several files."""
    if len(found) == 1:
        return [(table, found[0])]
    in_order = sorted(found, key=lambda each: each.label)
    return [(f"{table}.{number}", each) for number, each in enumerate(in_order, 1)]


def recognise_table(path: Path, head: bytes) -> Recognition | None:
    """Say that a file is a table in a format of its own: Parquet, or a DuckDB file."""
    if is_duckdb(head):
        return _recognise_duckdb(path)
    if not head.startswith(b"PAR1"):
        return None
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return refused(path, damaged_parquet(path))
    return _needs_mapping(path, "a Parquet table", metadata.num_rows, metadata.num_columns)


def _recognise_duckdb(path: Path) -> Recognition:
    try:
        tables = duckdb_tables(path)
    except InputError as error:
        return refused(path, error)
    names = ", ".join(f"{table.relation} ({len(table.columns)} columns)" for table in tables)
    explanation = (
        f"This is a DuckDB file with {len(tables)} table(s) and views: {names or 'none'}. {NEEDS_MAPPING}"
    )
    return Recognition(path, "mapped", "mapped", None, None, None, (NEEDS_MAPPING,), explanation)


def recognise_delimited(path: Path, head: bytes) -> Recognition | None:
    """Say that a file is delimited text that no registry format is."""
    try:
        header = read_header(path, comment=COMMENT)
    except InputError as error:
        return refused(path, error)
    if len(header.columns) == 1:
        return None
    records = count_lines(path, start=header.data_start)
    if not records:
        what = "This is text of one line, which is no table of records"
        return refused(path, InputError(what, where=str(path), remedy="Name the data file."))
    return _needs_mapping(path, "a delimited table", records, len(header.columns))


def _needs_mapping(path: Path, what: str, records: int, columns: int) -> Recognition:
    explanation = (
        f"This is {what} of {columns} columns that no registry format known here has. {NEEDS_MAPPING}"
    )
    return Recognition(path, "mapped", "mapped", None, records, columns, (NEEDS_MAPPING,), explanation)


TABLE_FORMAT = Format("mapped", "mapped", "mapped", "another table", recognise_table, open_mapped)
DELIMITED_FORMAT = Format("mapped", "mapped", "mapped", "another table", recognise_delimited, open_mapped)
