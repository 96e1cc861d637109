"""Raw reader of a mapped source: any delimited or Parquet file, all text as received.

Which file is which table is told by the columns that the mapping needs of each table, never by file names.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.codebook.mapping import Mapping, load_mapping, parse_mapping
from pipelines.errors import InputError
from pipelines.formats.blocks import count_lines
from pipelines.formats.delimited import column_names, read_delimited, read_header
from pipelines.formats.types import (
    Batch,
    Extract,
    Format,
    Options,
    Recognition,
    TableReader,
    quarantine_table,
    refused,
    with_provenance,
)

COMMENT = "#"
BATCH_ROWS = 65_536


def open_mapped(paths: Sequence[Path], options: Options) -> Extract:
    """Open the files of a mapped source.

    Parameters
    ----------
    paths : sequence of Path
        One delimited or Parquet file for each table of the mapping.
    options : Options
        With the mapping: a YAML file, its content, or as checked.

    Raises
    ------
    InputError
        The mapping breaks its schema, a table of it has no file, a column it names is not there, or a file fits
        no table.
    """
    mapping = _mapping_of(options)
    files = {path: file_columns(path) for path in paths}
    found = match_tables({table.name: set(table.columns) for table in mapping.tables}, files)
    return Extract(
        source="mapped",
        format="mapped",
        dialect="mapped",
        release=mapping.id,
        covered_years=None,
        site=None,
        tables=tuple(TableReader(name, path, files[path], _reader(path)) for name, path in found.items()),
        mapping=mapping.model_dump(mode="json"),
    )


def _mapping_of(options: Options) -> Mapping:
    mapping = options.mapping
    if mapping is None:
        raise InputError(
            "This is a table that no registry format known here has: it needs a mapping that says what its columns "
            "mean (--mapping FILE)",
            remedy="See catalog/mappings for how to write one; if it should be a registry's file, it is not as it "
            "was sent.",
        )
    if isinstance(mapping, dict):
        return parse_mapping(mapping, where="mapping")
    return mapping if isinstance(mapping, Mapping) else load_mapping(Path(mapping))


def file_columns(path: Path) -> tuple[str, ...]:
    """Column names of a delimited or Parquet file."""
    if not is_parquet(path):
        return read_header(path, comment=COMMENT).columns
    try:
        return column_names(pq.read_schema(path).names, path)
    except (pa.ArrowInvalid, OSError):
        raise damaged_parquet(path) from None


def damaged_parquet(path: Path) -> InputError:
    """What to say of a file that is Parquet by its first bytes alone."""
    return InputError(
        "This begins like a Parquet file and is damaged",
        where=path.name,
        remedy="Ask for the extract again.",
    )


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet files do."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def match_tables(tables: dict[str, set[str]], files: dict[Path, tuple[str, ...]]) -> dict[str, Path]:
    """Find the file of each table: the one that has all columns the mapping lists for it.

    Parameters
    ----------
    tables : dict of str to set of str
        Listed columns by table.
    files : dict of Path to tuple of str
        Columns by file.

    Raises
    ------
    InputError
        No file has them (the message names the first missing column and near matches), or several have, or a
        file is left over.
    """
    found: dict[str, Path] = {}
    for name, listed in tables.items():
        fitting = [path for path, columns in files.items() if listed <= set(columns)]
        if not fitting:
            raise _missing_column(name, listed, files)
        if len(fitting) > 1:
            raise InputError(
                f"Several files can be table '{name}' of the mapping",
                where=", ".join(path.name for path in fitting),
                remedy="Name one file for each table, or let the mapping list a column that one alone has.",
            )
        found[name] = fitting[0]
    unused = [path.name for path in files if path not in found.values()]
    if unused:
        raise InputError(
            "The mapping has no table for this file", where=", ".join(unused), remedy="Leave the file out."
        )
    return found


def _missing_column(table: str, listed: set[str], files: dict[Path, tuple[str, ...]]) -> InputError:
    closest = max(files, key=lambda path: (len(listed & set(files[path])), path.name))
    missing = sorted(listed - set(files[closest]))
    by_lower = {column.lower(): column for column in files[closest]}
    near = difflib.get_close_matches(missing[0].lower(), by_lower, n=3)
    looks_like = ", ".join(f"'{by_lower[name]}'" for name in near)
    also = f" (nor {len(missing) - 1} other columns)" if len(missing) > 1 else ""
    return InputError(
        f"The mapping names column '{missing[0]}' for table '{table}', and the file does not have it{also}",
        where=closest.name,
        remedy=(f"Did the file mean {looks_like}? " if near else "")
        + "Correct the name in the mapping, or bring the file it was written for.",
    )


def _reader(path: Path) -> Callable[[], Iterator[Batch]]:
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


def read_parquet(path: Path) -> Iterator[Batch]:
    """Read a Parquet file as text; a value that is null there stays null.

    Raises
    ------
    InputError
        A column holds lists or structures.
    """
    first = 1
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            received = pa.Table.from_batches([batch])
            columns = [
                _as_text(column, name, path)
                for name, column in zip(received.column_names, received.columns, strict=True)
            ]
            numbers = pa.array(np.arange(first, first + received.num_rows))
            text = pa.table(columns, names=list(file_columns(path)))
            yield Batch(with_provenance(text, path.name, numbers), quarantine_table(path.name, []))
            first += received.num_rows


def _as_text(column: "pa.ChunkedArray[Any]", name: str, path: Path) -> "pa.ChunkedArray[Any]":
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(
            f"Column '{name}' of this Parquet file holds no text, numbers or dates",
            where=path.name,
            remedy="Leave the column out of the file or write it as text.",
        ) from None


def recognise_table(path: Path, head: bytes) -> Recognition | None:
    """Say that a file is a table in a database format: Parquet."""
    if not head.startswith(b"PAR1"):
        return None
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return refused(path, damaged_parquet(path))
    return _needs_mapping(path, "a Parquet table", metadata.num_rows, metadata.num_columns)


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
    need = "It needs a mapping that says what its columns mean (--mapping FILE)."
    explanation = f"This is {what} of {columns} columns that no registry format known here has. {need}"
    return Recognition(path, "mapped", "mapped", None, records, columns, (need,), explanation)


TABLE_FORMAT = Format("mapped", "mapped", "mapped", "another table", recognise_table, open_mapped)
DELIMITED_FORMAT = Format("mapped", "mapped", "mapped", "another table", recognise_delimited, open_mapped)
