"""NCDB Participant User File: fixed-width lines to Arrow text columns, byte for byte.

Fields are byte ranges, not character ranges, and keep their padding. A line that lost its trailing blanks to
some tool gets them back. A line that cannot be a record goes to quarantine with its number, byte range and
reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.codebook.layouts import Field, Layout, find_layout
from pipelines.errors import InputError
from pipelines.formats import arrays
from pipelines.formats.arrays import Bytes
from pipelines.formats.blocks import BLOCK_BYTES, Block, line_blocks, sample_lines
from pipelines.formats.ncdb_layout_check import FIRST_YEAR, Sample, choose_layout
from pipelines.formats.types import BadRecord, Batch, Extract, TableReader, quarantine_table, with_provenance

BLANK, NEWLINE, RETURN = 32, 10, 13
ROWS_IN_CACHE = 4096
WIDEST_LOOKUP, WIDEST_DICTIONARY = 2, 15
LAST_REQUIRED = "PRIMARY_SITE"
"""A record is never blank up to here, so a line that ends before it was cut."""


def open_ncdb(paths: Sequence[Path], *, layout: str | Path | Layout | None = None) -> Extract:
    """Open the files of one NCDB release.

    Parameters
    ----------
    paths : sequence of Path
    layout : str, Path or Layout, optional
        A release with a built-in layout, or the site's own layout table. Found by content if not given, and
        held against the content if given.

    Raises
    ------
    InputError
        A file is in no known layout or not in the one asked for, or the files are of different releases.
    """
    asked = None if layout is None else find_layout(layout)
    layouts = {path: ncdb_layout(path, asked) for path in paths}
    releases = {found.release for found in layouts.values()}
    if len(releases) > 1:
        raise InputError(
            "These NCDB files are of different releases: "
            + ", ".join(f"{path.name} is {found.release}" for path, found in layouts.items()),
            remedy="Every release restates all years under new case ids: load each as its own submission.",
        )
    release = releases.pop()
    return Extract(
        source="ncdb",
        format="ncdb_puf",
        release=release,
        covered_years=(FIRST_YEAR, int(release)),
        site="breast",
        tables=tuple(ncdb_table(path, found) for path, found in layouts.items()),
        notes=tuple(note for path, found in layouts.items() for note in _notes(path, found)),
    )


def ncdb_layout(path: Path, asked: Layout | None = None) -> Layout:
    """Find the layout of a file by its content; see `choose_layout`."""
    return choose_layout(Sample.of(sample_lines(path)), asked, path.name)


def ncdb_table(path: Path, layout: Layout) -> TableReader:
    """One file as a table with the variable names of its release."""
    return TableReader(
        name=path.stem,
        path=path,
        columns=tuple(field.name for field in layout.fields),
        read=partial(read_records, path, layout),
    )


def _notes(path: Path, layout: Layout) -> Iterator[str]:
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - layout.length, 0))
        tail = stream.read()
    if not tail.endswith(b"\n"):
        yield f"{path.name}: the last record has no line end; if the file was cut, ask for it again."


def read_records(path: Path, layout: Layout, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Batch]:
    """Read a file block by block.

    Parameters
    ----------
    path : Path
    layout : Layout
    block_bytes : int
        Memory is a small multiple of this (bytes).

    Yields
    ------
    Batch
        Kept records as text of exactly the field's width, and those set aside.
    """
    first, trimmed = 1, False
    for block in line_blocks(path, size=block_bytes):
        records = _whole_records(block, layout, first) or _single_records(block, layout, first, trimmed)
        kept = pa.table(
            list(_columns(records.bytes, layout)),
            names=[field.name for field in layout.fields],
        )
        yield Batch(
            with_provenance(kept, path.name, arrays.numbers(records.numbers)),
            quarantine_table(path.name, records.bad),
        )
        first += len(records.numbers) + len(records.bad)
        trimmed = trimmed or records.trimmed


@dataclass(frozen=True)
class _Records:
    """Records of a block: a byte matrix (records × record length), their numbers, and those that are bad."""

    bytes: Bytes
    numbers: npt.NDArray[np.int64]
    bad: tuple[BadRecord, ...] = ()
    trimmed: bool = False


def _whole_records(block: Block, layout: Layout, first: int) -> _Records | None:
    """View a block as a matrix, without copying, where every line is whole and sound; else None."""
    pitch = block.data.find(b"\n") + 1
    if pitch - layout.length not in (1, 2) or len(block.data) % pitch or b"\0" in block.data:
        return None
    lines = np.frombuffer(block.data, np.uint8).reshape(-1, pitch)
    returns = lines[:, -2] == RETURN
    sound = (
        (lines[:, -1] == NEWLINE).all()
        and block.data.count(b"\n") == len(lines)
        and (returns.all() if pitch == layout.length + 2 else not returns.any())
        and not (lines[:, layout.by_name[LAST_REQUIRED].end - 1] == BLANK).any()
    )
    return _Records(lines[:, : layout.length], np.arange(first, first + len(lines))) if sound else None


def _single_records(block: Block, layout: Layout, first: int, trimmed: bool) -> _Records:
    """Judge the lines of a block one by one."""
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
        line = raw.removesuffix(b"\r")
        last_is_open = not complete and number == first + len(lines) - 1
        reason = _fault(line, layout, cut=last_is_open and not trimmed)
        if reason is None:
            kept.append(line[: layout.length].ljust(layout.length))
            numbers.append(number)
            trimmed = trimmed or len(line) < layout.length
        else:
            bad.append(BadRecord(number, start, start + len(raw) + (not last_is_open), reason))
        start += len(raw) + 1
    matrix = np.frombuffer(b"".join(kept), np.uint8).reshape(-1, layout.length)
    return _Records(matrix, np.array(numbers, np.int64), tuple(bad), trimmed)


def _fault(line: bytes, layout: Layout, *, cut: bool) -> str | None:
    """Why a line cannot be a record, or None.

    ``cut``: it is the last line of a file of whole lines and has no line end.
    """
    length = len(line.rstrip(b" "))
    required = layout.by_name[LAST_REQUIRED].end
    faults = {
        "blank line": not line.strip(),
        "holds NUL bytes": b"\0" in line,
        f"longer than the {layout.length:,} bytes of release {layout.release}": length > layout.length,
        f"ends before {LAST_REQUIRED} (column {required})": length < required,
        "last record of the file is cut: it is shorter than the others and has no line end": (
            cut and len(line) < layout.length
        ),
    }
    return next((reason for reason, found in faults.items() if found), None)


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
