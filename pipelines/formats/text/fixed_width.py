"""Fixed-width lines to Arrow text columns, byte for byte.

Fields are byte ranges, not character ranges. A line that lost its trailing blanks to some tool gets them back. A line
that cannot be a record goes to quarantine with its number, byte range and reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.codebook.layouts import Field, Layout
from pipelines.formats.text import arrays
from pipelines.formats.text.arrays import Bytes
from pipelines.formats.text.blocks import BLOCK_BYTES, UTF8_MARK, Block, line_blocks
from pipelines.formats.types import BadRecord, Batch, quarantine_table, with_provenance

BLANK, NEWLINE, RETURN = 32, 10, 13
ROWS_IN_CACHE = 4096
WIDEST_LOOKUP, WIDEST_NUMBER, WIDEST_DICTIONARY = 2, 8, 15
NO_OTHERS: Mapping[int, str] = {}


@dataclass(frozen=True)
class Constant:
    """A field that has one value in every record of a file.

    Parameters
    ----------
    field : Field
    value : bytes
        As it stands in the line, of the field's width.
    reason : str
        Why a record with another value is set aside; names no value.
    """

    field: Field
    value: bytes
    reason: str


@dataclass(frozen=True)
class _Rules:
    """What makes a line a record of this file."""

    layout: Layout
    required_until: int
    constants: tuple[Constant, ...]
    other_lengths: Mapping[int, str]


def read_fixed_width(
    path: Path,
    layout: Layout,
    *,
    required_until: int,
    constants: Sequence[Constant] = (),
    other_lengths: Mapping[int, str] = NO_OTHERS,
    trim: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Batch]:
    """Read a file of fixed-width lines block by block.

    Parameters
    ----------
    path : Path
    layout : Layout
    required_until : int
        Column (1-based) that is never blank in a record, so that a line which ends before it was cut.
    constants : sequence of Constant
        Fields that have one value in the whole file.
    other_lengths : mapping of int to str
        Lengths (bytes) at which a line is a record of something else, and the reason to give.
    trim : bool
        Strip the padding of each value; else values have exactly the field's width.
    block_bytes : int
        Memory is a small multiple of this (bytes).

    Yields
    ------
    Batch
        Kept records as text, and those set aside.
    """
    rules = _Rules(layout, required_until, tuple(constants), other_lengths)
    names = [field.name for field in layout.fields]
    first, trimmed = 1, False
    for block in line_blocks(path, size=_whole_lines(path, block_bytes)):
        records = _whole_records(block, rules, first) or _single_records(block, rules, first, trimmed)
        columns = list(_columns(records.bytes, layout))
        kept = pa.table([arrays.trimmed(column) for column in columns] if trim else columns, names=names)
        yield Batch(
            with_provenance(kept, path.name, arrays.numbers(records.numbers)),
            quarantine_table(path.name, records.bad),
        )
        first += len(records.numbers) + len(records.bad)
        trimmed = trimmed or records.trimmed


def _whole_lines(path: Path, size: int) -> int:
    """The largest number of bytes up to ``size`` that ends at a line end if all lines are as long as the first."""
    with path.open("rb") as stream:
        pitch = len(stream.readline(size))
    return size // pitch * pitch if pitch else size


@dataclass(frozen=True)
class _Records:
    """Records of a block: a byte matrix (records × record length), their numbers, and those that are bad."""

    bytes: Bytes
    numbers: npt.NDArray[np.int64]
    bad: tuple[BadRecord, ...] = ()
    trimmed: bool = False


def _whole_records(block: Block, rules: _Rules, first: int) -> _Records | None:
    """View a block as a matrix, without copying, where every line is whole and sound; else None."""
    layout, pitch = rules.layout, block.data.find(b"\n") + 1
    if pitch - layout.length not in (1, 2) or len(block.data) % pitch or b"\0" in block.data:
        return None
    lines = np.frombuffer(block.data, np.uint8).reshape(-1, pitch)
    returns = lines[:, -2] == RETURN
    sound = (
        (lines[:, -1] == NEWLINE).all()
        and block.data.count(b"\n") == len(lines)
        and (returns.all() if pitch == layout.length + 2 else not returns.any())
        and not (lines[:, rules.required_until - 1] == BLANK).any()
        and all(
            (lines[:, each.field.bytes] == np.frombuffer(each.value, np.uint8)).all()
            for each in rules.constants
        )
    )
    return _Records(lines[:, : layout.length], np.arange(first, first + len(lines))) if sound else None


def _single_records(block: Block, rules: _Rules, first: int, trimmed: bool) -> _Records:
    """Judge the lines of a block one by one."""
    layout = rules.layout
    if not block.data:
        oversized = BadRecord(first, block.start, block.end, "longer than any record can be")
        return _Records(np.empty((0, layout.length), np.uint8), np.empty(0, np.int64), (oversized,))
    lines = block.data.split(b"\n")
    complete = not lines[-1]
    if complete:
        lines.pop()
    kept: list[bytes] = []
    numbers: list[int] = []
    bad: list[BadRecord] = []
    start = block.start
    for number, raw in enumerate(lines, first):
        line = _as_latin1(raw.removesuffix(b"\r"), layout)
        last_is_open = not complete and number == first + len(lines) - 1
        reason = _fault(line, rules, cut=last_is_open and not trimmed)
        if reason is None:
            kept.append(line[: layout.length].ljust(layout.length))
            numbers.append(number)
            trimmed = trimmed or len(line) < layout.length
        else:
            bad.append(BadRecord(number, start, start + len(raw) + (not last_is_open), reason))
        start += len(raw) + 1
    matrix = np.frombuffer(b"".join(kept), np.uint8).reshape(-1, layout.length)
    return _Records(matrix, np.array(numbers, np.int64), tuple(bad), trimmed)


def _as_latin1(line: bytes, layout: Layout) -> bytes:
    """Undo what an editor does that saves a file as UTF-8, or every field after it would be shifted.

    It puts a mark before the first line and two bytes for each letter above 127. A line without its trailing blanks may
    then be shorter than a record; one of exactly a record's length is taken as it is.
    """
    line = line.removeprefix(UTF8_MARK)
    if len(line) == layout.length or line.isascii():
        return line
    try:
        received = line.decode("utf-8").encode("latin-1")
    except UnicodeError:
        return line
    return received if len(received) <= layout.length else line


def _fault(line: bytes, rules: _Rules, *, cut: bool) -> str | None:
    """Why a line cannot be a record, or None.

    ``cut``: it is the last line of a file of whole lines and has no line end.
    """
    layout, required = rules.layout, rules.required_until
    length = len(line.rstrip(b" "))
    last_required = next(field.name for field in layout.fields if field.end >= required)
    faults = {
        "blank line": not line.strip(),
        "holds NUL bytes": b"\0" in line,
        f"longer than the {layout.length:,} bytes of release {layout.release}": length > layout.length,
        f"ends before {last_required} (column {required})": length < required,
        "last record of the file is cut: it is shorter than the others and has no line end": (
            cut and len(line) < layout.length
        ),
    }
    if len(line) in rules.other_lengths:
        faults[rules.other_lengths[len(line)]] = True
    differing = (each.reason for each in rules.constants if line[each.field.bytes] != each.value)
    return next((reason for reason, found in faults.items() if found), next(differing, None))


def _columns(records: Bytes, layout: Layout) -> Iterator["pa.Array[Any]"]:
    """Every field of the records as Arrow text; bytes above 127 are latin-1.

    Fields are dictionary-encoded, which halves the time to write them as Parquet, except those that are wide and
    nearly unique. A field that is the same in all these records, most often blank, is not even cut out. The type
    of a column depends on the layout alone, so all batches have one schema.
    """
    same = records.min(axis=0, initial=255) == records.max(axis=0, initial=0)
    constant = [field.width <= WIDEST_DICTIONARY and bool(same[field.bytes].all()) for field in layout.fields]
    cut = iter(
        _cut(records, [field for field, known in zip(layout.fields, constant, strict=True) if not known])
    )
    for field, known in zip(layout.fields, constant, strict=True):
        if known:
            yield arrays.constant(records[0, field.bytes], len(records))
        elif field.width <= WIDEST_LOOKUP:
            yield arrays.looked_up(next(cut))
        elif field.width <= WIDEST_NUMBER:
            yield arrays.numbered(next(cut))
        elif field.width <= WIDEST_DICTIONARY:
            yield arrays.text(next(cut)).dictionary_encode()
        else:
            yield arrays.text(next(cut))


def _cut(records: Bytes, fields: Sequence[Field]) -> list[Bytes]:
    """Copy each field's columns out of the records, some rows at a time so that they stay in the CPU cache.

    A value is copied as one item of its width, which is twice as fast as byte by byte.
    """
    values = [records[:, field.bytes].view(f"V{field.width}")[:, 0] for field in fields]
    cut = [np.empty(len(records), each.dtype) for each in values]
    for start in range(0, len(records), ROWS_IN_CACHE):
        rows = slice(start, start + ROWS_IN_CACHE)
        for source, target in zip(values, cut, strict=True):
            target[rows] = source[rows]
    return [each.view(np.uint8).reshape(len(records), each.itemsize) for each in cut]
