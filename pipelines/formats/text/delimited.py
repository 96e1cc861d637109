"""Delimited text (RFC 4180) to Arrow text columns, with nothing guessed."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.errors import InputError
from pipelines.formats.text.blocks import Block, line_blocks
from pipelines.formats.text.delimited_blocks import (
    UTF8_MARK,
    Shape,
    careful_table,
    cut_records,
    decode,
    fast_table,
    parsed_at_once,
    record_fields,
    split_line,
)
from pipelines.formats.types import (
    SOURCE_FILE,
    SOURCE_RECORD,
    Batch,
    quarantine_table,
    with_provenance,
)

BLOCK_BYTES = 16 * 2**20
PARSERS = 2
HEADER_BYTES = 2**20
DELIMITERS = "\t,;|"


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
        passed: list[bytes] = []
        while comment and line.startswith(comment.encode()):
            start += len(line)
            passed.append(line)
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
    if not rows[delimiter]:
        raise InputError(
            "A quote in the row of column names is not closed on its line",
            where=f"{path.name}, header row",
            remedy="Column names stand on one line: export again with names that have no line break.",
        )
    if len(passed) == 1 and len(rows[delimiter]) > 1:
        fields = split_line(decode(passed[0].rstrip(b"\r\n")), delimiter) or []
        # Passing over the names would make names of the first person's values.
        if len(fields) == len(rows[delimiter]):
            raise InputError(
                f"The first row begins with {comment} and has as many fields as the next: it may be the column names "
                "or a remark",
                where=f"{path.name}, first row",
                remedy=f"Take the {comment} away if it is the row of names; delete the row if it is a remark.",
            )
    return Header(column_names(rows[delimiter], path), delimiter, text, start + len(line))


def column_names(names: Sequence[str], path: Path) -> tuple[str, ...]:
    """Check that names tell the columns apart; an empty name becomes ``unnamed_<position>``.

    Raises
    ------
    InputError
        A name is there twice, in any letter case, or is one that the store uses itself.
    """
    if not names:
        raise InputError("The table has no columns", where=path.name, remedy="Ask for the extract again.")
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


def read_delimited(
    path: Path,
    columns: Sequence[str],
    delimiter: str,
    *,
    start: int = 0,
    header_line: bytes | None = None,
    names: frozenset[str] = frozenset(),
    line_breaks_in_fields: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Batch]:
    """Read the records of a delimited file block by block; two blocks are parsed at a time.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Names of the columns; a record with another number of fields goes to quarantine.
    delimiter : str
    start : int
        First byte of the first record.
    header_line : bytes, optional
        The header row; a record with the same fields is a header repeated by a tool that joined files.
    names : frozenset of str
        Column names of this kind of file. A record made of them is the header of another file.
    line_breaks_in_fields : bool
        Whether a quoted field may hold line breaks. Else one line is one record.
    block_bytes : int
        Memory is a small multiple of this (bytes).

    Yields
    ------
    Batch
        Columns are dictionary-encoded text.

    Raises
    ------
    InputError
        Another file begins in the middle.
    """
    header = record_fields(header_line, delimiter) if header_line else None
    shape = Shape(tuple(columns), delimiter, tuple(header or ()), names, line_breaks_in_fields)
    first = 1
    for block, table, records in _whole_records(_parsed_ahead(path, start, block_bytes, shape), shape):
        parsed = (
            careful_table(block, records, shape, first, path.name)
            if table is None
            else parsed_at_once(table, first)
        )
        kept = with_provenance(parsed.table, path.name, parsed.numbers)
        yield Batch(kept, quarantine_table(path.name, parsed.bad))
        first += len(parsed.numbers) + len(parsed.bad)


def _parsed_ahead(path: Path, start: int, size: int, shape: Shape) -> Iterator[tuple[Block, pa.Table | None]]:
    """Blocks of a file in order, each with its quick parse, some of them ahead."""
    coming: deque[tuple[Block, Future[pa.Table | None]]] = deque()
    with ThreadPoolExecutor(PARSERS) as pool:
        for block in line_blocks(path, start=start, size=size):
            coming.append((block, pool.submit(fast_table, block.data, shape)))
            if len(coming) > PARSERS:
                ready, parsed = coming.popleft()
                yield ready, parsed.result()
        for ready, parsed in coming:
            yield ready, parsed.result()


def _whole_records(
    blocks: Iterable[tuple[Block, pa.Table | None]], shape: Shape
) -> Iterator[tuple[Block, pa.Table | None, list[bytes]]]:
    """Let every block end where a record ends; one without a quick parse comes with its records."""
    held: Block | None = None
    for block, table in blocks:
        if held is not None and not block.data:  # a line longer than a block ends whatever was open
            yield held, None, cut_records(held.data, shape, more=False)[0]
            held = None
        if held is not None:
            block, table, held = Block(held.start, block.end, held.data + block.data), None, None
        if table is not None:
            yield block, table, []
            continue
        # What does not close within a block is not waited for: memory stays bounded.
        more = len(block.data) <= 2 * BLOCK_BYTES
        records, rest = cut_records(block.data, shape, more=more)
        if rest:
            held = Block(block.end - len(rest), block.end, rest)
            block = Block(block.start, held.start, block.data[: -len(rest)])
        if records:
            yield block, None, records
    if held is not None:
        yield held, None, cut_records(held.data, shape, more=False)[0]
