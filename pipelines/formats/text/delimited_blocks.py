"""One block of delimited text to Arrow columns: at once where that is safe, else record by record.

A parse of the whole block is trusted only if it finds as many rows as the block has lines. The exact way
knows the byte range of every line that cannot be a record.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from pipelines.errors import InputError
from pipelines.formats.text import arrays
from pipelines.formats.text.arrays import Bytes
from pipelines.formats.text.blocks import Block
from pipelines.formats.types import BadRecord

UTF8_MARK = b"\xef\xbb\xbf"
PART_BYTES = PIECE_BYTES = 2**18
LINE_FEED, RETURN, QUOTE = 10, 13, 34
PARSE_BYTES = 2**20
"""Arrow parses so much at once; more leaves the processor's cache."""
MOST_LINES_OF_A_RECORD = 100
"""A quote that is not closed within so many lines is a stray one."""
SURELY_A_HEADER = 3
"""So many words that are column names elsewhere are no record."""
NOT_CLOSED = "unexpected end of data"
"""What the csv module says where lines end within quotes."""
ANOTHER_HEADER = "another header row"
TEXT = pa.dictionary(pa.int32(), pa.string())
"""Labels repeat: a column is its few words and one number a row, which is also how Parquet stores it."""


@dataclass(frozen=True)
class Shape:
    """What a record of a file looks like.

    Parameters
    ----------
    columns : tuple of str
    delimiter : str
    header : tuple of str
        Fields of the header row; a record equal to it is a header repeated by a tool that joined files.
    names : frozenset of str
        Column names that files of this kind have; a record made of them begins another file.
    line_breaks_in_fields : bool
        Whether a quoted field may hold line breaks; else one line is one record.
    """

    columns: tuple[str, ...]
    delimiter: str
    header: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    line_breaks_in_fields: bool = False

    @cached_property
    def column_names(self) -> "pa.Array[Any]":
        """Every word that a header row may hold; made from its bytes, as `arrays` says why."""
        words = [name.encode() for name in sorted(self.names.union(self.header))]
        offsets = np.cumsum([0, *map(len, words)]).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(words))]
        return pa.Array.from_buffers(pa.string(), len(words), buffers)


@dataclass(frozen=True)
class Parsed:
    """The kept rows of a block, their 1-based numbers, and what is no record."""

    table: pa.Table
    numbers: "pa.Array[Any]"
    bad: list[BadRecord]


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
    """Split one record into fields; None where a quote is never closed or a carriage return stands alone."""
    if text.endswith("\r"):
        return None
    try:
        rows = list(csv.reader([text, "end"], delimiter=delimiter))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 2 else None


def fast_table(data: bytes, shape: Shape) -> pa.Table | None:
    """Parse a block at once; None where anything about it is doubtful."""
    lines = _plain_lines(data, shape.delimiter)
    if lines is None:
        return None
    try:
        table = arrow_csv.read_csv(
            cast(Any, pa.BufferReader(as_utf8(data))),  # the stubs know files only
            arrow_csv.ReadOptions(
                column_names=list(shape.columns), block_size=PARSE_BYTES, use_threads=False
            ),
            arrow_csv.ParseOptions(delimiter=shape.delimiter, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(
                check_utf8=False,  # it is
                column_types=dict.fromkeys(shape.columns, TEXT),
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != lines:
        return None
    table = table.unify_dictionaries()
    return None if _may_hold_a_header(table, shape) else table


def _plain_lines(data: bytes, delimiter: str) -> int | None:
    """Count the lines of a block; None where it holds what the fast parser reads in a way of its own."""
    if not data or b"\0" in data or (not data.isascii() and UTF8_MARK in data):
        return None
    content = np.frombuffer(data, np.uint8)
    ends, quotes = _positions(content, LINE_FEED), _count(content, QUOTE)
    if quotes % 2:
        return None
    if b"\r" in data:
        returns = _positions(content, RETURN)
        if returns[-1] + 1 == len(data) or (content[returns + 1] != LINE_FEED).any():
            return None
    lengths = np.diff(ends, prepend=-1)
    blank = (lengths == 1) | ((lengths == 2) & (content[ends - 1] == RETURN))
    last_line = data[data.rfind(b"\n", 0, len(data) - 1) + 1 :]
    if blank.any() or record_fields(last_line, delimiter) is None:
        return None
    return len(ends) + (not data.endswith(b"\n"))


def _positions(content: Bytes, byte: int) -> npt.NDArray[np.int64]:
    found = [start + np.flatnonzero(part == byte) for start, part in _parts(content)]
    return np.concatenate(found)


def _count(content: Bytes, byte: int) -> int:
    return sum(int(np.count_nonzero(part == byte)) for _, part in _parts(content))


def _parts(content: Bytes) -> Iterator[tuple[int, Bytes]]:
    """Parts that stay in the processor's cache while they are compared."""
    for start in range(0, len(content), PART_BYTES):
        yield start, content[start : start + PART_BYTES]


def _may_hold_a_header(table: pa.Table, shape: Shape) -> bool:
    """Whether several columns have a value that is the name of a column."""
    words = [cast("pa.DictionaryArray[Any, Any]", column.chunk(0)).dictionary for column in table.columns]
    named = sum(bool(pc.any(pc.is_in(word, shape.column_names)).as_py()) for word in words)
    return named >= min(SURELY_A_HEADER, len(shape.columns))


def cut_records(data: bytes, shape: Shape, *, more: bool) -> tuple[list[bytes], bytes]:
    """Cut a block into records with their line ends.

    Parameters
    ----------
    data : bytes
    shape : Shape
    more : bool
        Whether the file goes on after the block.

    Returns
    -------
    list of bytes
        The one of a block without data is empty.
    bytes
        The beginning of a record that the next block may end.
    """
    lines = data.split(b"\n")
    ends = [line + b"\n" for line in lines[:-1]]
    lines = ends + ([lines[-1]] if lines[-1] or not ends else [])
    if not shape.line_breaks_in_fields:
        return lines, b""
    records: list[bytes] = []
    position = 0
    while position < len(lines):
        taken = _lines_of_record(lines[position : position + MOST_LINES_OF_A_RECORD], shape.delimiter)
        if taken is None and more and position + MOST_LINES_OF_A_RECORD > len(lines):
            return records, b"".join(lines[position:])
        records.append(b"".join(lines[position : position + (taken or 1)]))
        position += taken or 1
    return records, b""


def _lines_of_record(lines: Sequence[bytes], delimiter: str) -> int | None:
    """Count the lines of the first record; None where its last quote is not closed in them.

    Strict: a quote that is closed in front of anything but a delimiter is a stray one, or two rows would be one.
    """
    if b'"' not in lines[0]:
        return 1
    reader = csv.reader(chain(map(decode, lines), ["end"]), delimiter=delimiter, strict=True)
    try:
        next(reader)
    except csv.Error as error:
        return None if str(error) == NOT_CLOSED else 1
    return reader.line_num if reader.line_num <= len(lines) else None


def record_fields(record: bytes, delimiter: str) -> list[str] | None:
    """Fields of a record with its line end; None as in `split_line`."""
    return split_line(decode(record.removesuffix(b"\n").removesuffix(b"\r")), delimiter)


def careful_table(block: Block, records: Sequence[bytes], shape: Shape, first: int, where: str) -> Parsed:
    """Parse a block in pieces: at once where a piece allows it, else record by record.

    Parameters
    ----------
    block : Block
    records : sequence of bytes
        The block, cut by `cut_records`.
    shape : Shape
    first : int
        Number of the first record.
    where : str
        Name of the file, for messages.

    Raises
    ------
    InputError
        Another header row begins in the middle: two files were joined.
    """
    parts: list[Parsed] = []
    start = block.start
    for piece in _pieces(records):
        data = b"".join(piece)
        part = Block(start, start + len(data) if data else block.end, data)
        table = fast_table(data, shape)
        parts.append(
            exact_table(part, piece, shape, first, where) if table is None else parsed_at_once(table, first)
        )
        start, first = part.end, first + len(piece)
    return Parsed(
        pa.concat_tables([part.table for part in parts]).unify_dictionaries(),
        pa.concat_arrays([part.numbers for part in parts]),
        [record for part in parts for record in part.bad],
    )


def parsed_at_once(table: pa.Table, first: int) -> Parsed:
    """A table all of whose rows are records."""
    return Parsed(table, arrays.numbers(np.arange(first, first + table.num_rows)), [])


def _pieces(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Some records at a time, so that a bad one makes few others slow."""
    piece: list[bytes] = []
    size = 0
    for record in records:
        piece.append(record)
        size += len(record)
        if size >= PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def exact_table(block: Block, records: Sequence[bytes], shape: Shape, first: int, where: str) -> Parsed:
    """Parse a block record by record.

    Raises
    ------
    InputError
        Another header row begins in the middle: two files were joined.
    """
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRecord] = []
    start = block.start
    for number, raw in enumerate(records, first):
        end = start + len(raw) if raw else block.end
        fields = record_fields(raw, shape.delimiter) or []
        reason = _fault(raw, fields, shape)
        if reason is None:
            rows.append(fields)
            numbers.append(number)
        elif reason == ANOTHER_HEADER:
            raise _joined_files(where, number)
        else:
            bad.append(BadRecord(number, start, end, reason))
        start = end
    values = zip(*rows, strict=True) if rows else [()] * len(shape.columns)
    columns = [pa.array(column, pa.string()).dictionary_encode() for column in values]
    table = pa.table(columns, names=list(shape.columns))
    return Parsed(table, arrays.numbers(np.array(numbers, np.int64)), bad)


def _fault(raw: bytes, fields: list[str], shape: Shape) -> str | None:
    """Why a line cannot be a record, or None."""
    line = raw.rstrip(b"\r\n")
    named = _header_fields(raw, fields, shape)
    expected = len(shape.columns)
    faults = {
        "longer than any record can be": not raw,
        "blank line": not line.strip() and expected > 1,
        "holds NUL bytes": b"\0" in line,
        "header row repeated": bool(fields) and _stripped(named) == _stripped(shape.header),
        ANOTHER_HEADER: _is_header(named, shape),
        "a quote is never closed, or a carriage return stands alone": not fields and bool(line),
        f"{len(fields)} fields where the header has {expected}": len(fields) != expected,
    }
    return next((reason for reason, found in faults.items() if found), None)


def _header_fields(raw: bytes, fields: list[str], shape: Shape) -> list[str]:
    """Fields as a header row would have them: a byte order mark stays there when files are joined."""
    if not raw.startswith(UTF8_MARK):
        return fields
    return record_fields(raw.removeprefix(UTF8_MARK), shape.delimiter) or []


def _stripped(names: Sequence[str]) -> list[str]:
    return [name.strip() for name in names]


def _is_header(fields: Sequence[str], shape: Shape) -> bool:
    """Whether most fields are names of columns."""
    named = sum(field.strip() in shape.names for field in fields) if shape.names else 0
    return named >= max(min(SURELY_A_HEADER, len(shape.columns)), len(fields) / 2, 1)


def _joined_files(where: str, number: int) -> InputError:
    return InputError(
        "A second row of column names, other than the first or in another order, stands in the middle of the file",
        where=f"{where}, record {number:,}",
        remedy="These are two listings in one file. Bring each as a file of its own, with its .dic; two "
        "submissions are loaded apart.",
    )
