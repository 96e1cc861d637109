"""Rows of a SEER*Stat survival export.

Life pages and summary pages stand in one file and have different columns; the first column says which a row is. The
table has the columns of both, and a column that a row's page does not have is null. Values are kept as received,
footnote flags and percents too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipelines.codebook.survival_export import PAGE_TYPE, SurvivalExport
from pipelines.errors import InputError
from pipelines.formats.seer.dic import ExportDictionary
from pipelines.formats.seer.survival_dic import EXPORT_AGAIN
from pipelines.formats.text.blocks import UTF8_MARK, Block, line_blocks
from pipelines.formats.text.delimited_blocks import decode, split_line
from pipelines.formats.types import BadRecord, Batch, quarantine_table, with_provenance

BLOCK_BYTES = 8 * 2**20
DELIMITERS = "\t,;"


def delimiter_of(path: Path, dic: ExportDictionary, export: SurvivalExport) -> str:
    """The delimiter that the dictionary names, or another one if the first rows have their columns with that alone.

    Raises
    ------
    InputError
        With none of them a row has the columns of its page.
    """
    first = next(line_blocks(path, start=_start(path), size=2**16), None)
    lines = [line for line in (first.data.split(b"\n")[:20] if first else []) if line.strip()]
    possible: tuple[str, ...] = (dic.delimiter, *DELIMITERS)
    for delimiter in possible:
        if not lines or not all(_fault(line, delimiter, export) for line in lines):
            return delimiter
    raise InputError(
        "The file does not go with its export dictionary: in its first row, "
        f"{_fault(lines[0], dic.delimiter, export)}",
        where=f"{path.name} and {dic.path.name}",
        remedy=EXPORT_AGAIN,
    )


def read_survival(
    path: Path, export: SurvivalExport, delimiter: str, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[Batch]:
    """Read the rows of a survival export.

    Parameters
    ----------
    path : Path
    export : SurvivalExport
    delimiter : str
    block_bytes : int
        Memory is a small multiple of this (bytes).

    Yields
    ------
    Batch
        All columns of both kinds of pages as text; null where the row's page has no such column.
    """
    first = 1
    headers = {export.life, export.summary} - {()}  # of a page that the export does not have
    for block in line_blocks(path, start=_start(path), size=block_bytes):
        rows: list[dict[str, str]] = []
        numbers: list[int] = []
        bad: list[BadRecord] = []
        for start, end, raw in _lines(block):
            number = first + len(rows) + len(bad)
            fields = _fields(raw, delimiter)
            if number == 1 and tuple(each.strip() for each in fields) in headers:
                continue  # the row or rows of names, where the analyst asked for them
            reason = _fault(raw, delimiter, export)
            if reason is None:
                rows.append(dict(zip(_columns(fields, export), fields, strict=True)))
                numbers.append(number)
            else:
                bad.append(BadRecord(number, start, end, reason))
        kept = pa.table(
            {name: pa.array([row.get(name) for row in rows], pa.string()) for name in export.columns}
        )
        yield Batch(
            with_provenance(kept, path.name, pa.array(numbers, pa.int64())),
            quarantine_table(path.name, bad),
        )
        first += len(rows) + len(bad)


def _start(path: Path) -> int:
    """First byte after a UTF-8 mark."""
    with path.open("rb") as stream:
        return len(UTF8_MARK) if stream.read(len(UTF8_MARK)) == UTF8_MARK else 0


def _lines(block: Block) -> Iterator[tuple[int, int, bytes]]:
    """Lines of a block with their byte range; a NUL stands for a line that is too long to be read."""
    if not block.data:
        yield block.start, block.end, b"\0"
    start = block.start
    for line in re.findall(rb"[^\n]*\n|[^\n]+\Z", block.data):
        yield start, start + len(line), line
        start += len(line)


def _fields(raw: bytes, delimiter: str) -> list[str]:
    return split_line(decode(raw.rstrip(b"\r\n")), delimiter) or []


def _columns(fields: list[str], export: SurvivalExport) -> tuple[str, ...]:
    """The columns of a row by its page type; of the only page there is where rows have no page type."""
    if not fields or export.columns[0] != PAGE_TYPE:
        return export.life or export.summary
    page = export.page(fields[0])
    return export.columns_of(page) if page else ()


def _fault(raw: bytes, delimiter: str, export: SurvivalExport) -> str | None:
    """Why a line cannot be a row of this export, or None."""
    if not raw.strip():
        return "blank line"
    if b"\0" in raw:
        return "longer than any record can be, or holds NUL bytes"
    fields = _fields(raw, delimiter)
    if not fields:
        return "a quote is never closed, or a carriage return stands alone"
    columns = _columns(fields, export)
    if not columns:
        return "its page type is one that the export dictionary has no columns for"
    if len(fields) != len(columns):
        return f"{len(fields)} fields where its page has {len(columns)}"
    return None
