"""Delimited text (RFC 4180) to Arrow text columns, with nothing guessed.

A fast parse of a whole block is trusted only if it finds as many rows as the block has lines. Otherwise the
block is read line by line, which knows the exact byte range of every line that cannot be a record.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from pipelines.errors import InputError
from pipelines.formats.blocks import Block, line_blocks
from pipelines.formats.types import (
    SOURCE_FILE,
    SOURCE_RECORD,
    BadRecord,
    Batch,
    quarantine_table,
    with_provenance,
)

BLOCK_BYTES = 16 * 2**20
UTF8_MARK = b"\xef\xbb\xbf"
HEADER_BYTES = 2**20
DELIMITERS = "\t,;|"
MOST_LINES_OF_A_RECORD = 100
"""A quote that is not closed within so many lines is a stray one."""


@dataclass(frozen=True)
class Header:
    """The first row of a delimited file and where the records begin.

    Parameters
    ----------
    columns : tuple of str
    delimiter : str
    line : bytes
        The header row as received, without its line end.
    data_start : int
        Byte after the header row.
    """

    columns: tuple[str, ...]
    delimiter: str
    line: bytes
    data_start: int


def read_header(path: Path, *, delimiters: str = DELIMITERS, comment: str | None = None) -> Header:
    """Read the header row; leading rows that begin with ``comment`` are passed over.

    Of several delimiters the one that gives most columns is taken.

    Raises
    ------
    InputError
        The file is empty or no text, has no header row, or names a column twice.
    """
    with path.open("rb") as stream:
        start = len(UTF8_MARK) if stream.read(3) == UTF8_MARK else 0
        stream.seek(start)
        line = stream.readline(HEADER_BYTES)
        while comment and line.startswith(comment.encode()):
            start += len(line)
            line = stream.readline(HEADER_BYTES)
    text = line.rstrip(b"\r\n")
    if not text.strip() or b"\0" in text or len(line) == HEADER_BYTES:
        raise InputError(
            "There is no row of column names",
            where=path.name,
            remedy="The file is empty or no delimited text; run `cohorts doctor` on it.",
        )
    rows = {delimiter: split_line(decode(text), delimiter) or [] for delimiter in delimiters}
    delimiter = max(delimiters, key=lambda each: len(rows[each]))
    return Header(column_names(rows[delimiter], path), delimiter, text, start + len(line))


def column_names(names: Sequence[str], path: Path) -> tuple[str, ...]:
    """Check that names tell the columns apart; an empty name becomes ``unnamed_<position>``.

    Raises
    ------
    InputError
        A name is there twice, in any letter case, or is one that the store uses itself.
    """
    found = tuple(name if name.strip() else f"unnamed_{position}" for position, name in enumerate(names, 1))
    lower = [name.strip().lower() for name in found]
    # By position: where a header row is missing, the names are the values of the first person.
    repeated = [str(position) for position, name in enumerate(lower, 1) if lower.count(name) > 1]
    taken = sorted(set(lower) & {SOURCE_FILE, SOURCE_RECORD})
    if repeated:
        raise InputError(
            f"Columns {', '.join(repeated)} do not have names of their own",
            where=f"{path.name}, first row",
            remedy="Export again with a header row and each column once.",
        )
    if taken:
        raise InputError(
            f"The file has columns that only tables of this program have: {', '.join(taken)}",
            where=f"{path.name}, header row",
            remedy="Leave the file out, or give the columns other names.",
        )
    return found


def decode(data: bytes) -> str:
    """Decode UTF-8, and what is not UTF-8 as latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def as_utf8(data: bytes) -> bytes:
    """Encode as UTF-8; in a block that is not, each line is decoded by itself."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return b"\n".join(decode(line).encode() for line in data.split(b"\n"))
    return data


def split_line(text: str, delimiter: str) -> list[str] | None:
    """Split one line into fields; None where a quote is never closed or a carriage return stands alone."""
    try:
        rows = list(csv.reader([text, "end"], delimiter=delimiter))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 2 else None


def read_delimited(
    path: Path,
    columns: Sequence[str],
    delimiter: str,
    *,
    start: int = 0,
    header_line: bytes | None = None,
    line_breaks_in_fields: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Batch]:
    """Read the records of a delimited file block by block.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Names of the columns; a record with another number of fields goes to quarantine.
    delimiter : str
    start : int
        First byte of the first record.
    header_line : bytes, optional
        A line equal to it is a header repeated by a tool that joined files, not a record.
    line_breaks_in_fields : bool
        Whether a quoted field may hold line breaks; the file is then read at once. Else one line is one
        record.
    block_bytes : int
        Memory is a small multiple of this (bytes).

    Yields
    ------
    Batch
    """
    size = max(path.stat().st_size, 1) if line_breaks_in_fields else block_bytes
    first = 1
    for block in line_blocks(path, start=start, size=size):
        table = _fast_table(block.data, columns, delimiter, header_line)
        if table is None:
            records = _records(block.data, delimiter, line_breaks_in_fields=line_breaks_in_fields)
            table, numbers, bad = _exact_table(block, records, columns, delimiter, first, header_line)
        else:
            numbers, bad = pa.array(np.arange(first, first + table.num_rows)), []
        yield Batch(with_provenance(table, path.name, numbers), quarantine_table(path.name, bad))
        first += table.num_rows + len(bad)


def _fast_table(
    data: bytes, columns: Sequence[str], delimiter: str, header_line: bytes | None
) -> pa.Table | None:
    """Parse a block at once; None where anything about it is doubtful."""
    if _is_doubtful(data) or (header_line and header_line in data):
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    try:
        table = arrow_csv.read_csv(
            cast(Any, pa.BufferReader(as_utf8(data))),  # the stubs know files only
            arrow_csv.ReadOptions(column_names=list(columns), block_size=2**22),
            arrow_csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == lines else None


def _is_doubtful(data: bytes) -> bool:
    """Whether a block holds what the fast parser reads in a way of its own."""
    return (
        not data
        or b"\0" in data
        or data.count(b'"') % 2 == 1
        or data.count(b"\r") != data.count(b"\r\n")
        or data.startswith((b"\n", b"\r\n"))
        or b"\n\n" in data
        or b"\n\r\n" in data
    )


def _records(data: bytes, delimiter: str, *, line_breaks_in_fields: bool) -> list[bytes]:
    """Cut a block into records with their line ends; the one of a block without data is empty."""
    lines = data.split(b"\n")
    ends = [line + b"\n" for line in lines[:-1]]
    lines = ends + ([lines[-1]] if lines[-1] or not ends else [])
    if not line_breaks_in_fields:
        return lines
    records: list[bytes] = []
    position = 0
    while position < len(lines):
        reach = range(position + 1, min(position + MOST_LINES_OF_A_RECORD, len(lines)) + 1)
        candidates = (b"".join(lines[position:stop]) for stop in reach)
        record = next((each for each in candidates if _fields(each, delimiter) is not None), lines[position])
        records.append(record)
        position += max(record.count(b"\n"), 1)
    return records


def _fields(record: bytes, delimiter: str) -> list[str] | None:
    return split_line(decode(record.removesuffix(b"\n").removesuffix(b"\r")), delimiter)


def _exact_table(
    block: Block,
    records: Sequence[bytes],
    columns: Sequence[str],
    delimiter: str,
    first: int,
    header_line: bytes | None,
) -> tuple[pa.Table, "pa.Array[Any]", list[BadRecord]]:
    """Parse a block record by record: the kept rows, their numbers, and what is no record."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRecord] = []
    start = block.start
    for number, raw in enumerate(records, first):
        end = start + len(raw) if raw else block.end
        fields = _fields(raw, delimiter) or []
        reason = _fault(raw, fields, len(columns), header_line)
        if reason is None:
            rows.append(fields)
            numbers.append(number)
        else:
            bad.append(BadRecord(number, start, end, reason))
        start = end
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    table = pa.table([pa.array(column, pa.string()) for column in values], names=list(columns))
    return table, pa.array(numbers, pa.int64()), bad


def _fault(raw: bytes, fields: list[str], expected: int, header_line: bytes | None) -> str | None:
    """Why a line cannot be a record, or None."""
    line = raw.rstrip(b"\r\n")
    faults = {
        "longer than any record can be": not raw,
        "blank line": not line.strip() and expected > 1,
        "holds NUL bytes": b"\0" in line,
        "header row repeated": line == header_line,
        "a quote is never closed, or a carriage return stands alone": not fields and bool(line),
        f"{len(fields)} fields where the header has {expected}": len(fields) != expected,
    }
    return next((reason for reason, found in faults.items() if found), None)
