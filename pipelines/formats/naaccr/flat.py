"""NAACCR flat files, version 12 to 18: fixed-width lines in the columns that NAACCR XML of the same records has.

Every record says its version and record type, so nothing has to be known of the file. Columns that are no item are
blank by the standard; what stands there all the same is kept as JSON, by its columns.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.codebook.layouts import Field, Layout
from pipelines.codebook.naaccr_items import FLAT_VERSIONS, RECORD_TYPES, record_length, version_of
from pipelines.errors import CohortsError, InputError
from pipelines.formats.naaccr.columns import Dictionary, as_json, dictionary_of, one_of_all
from pipelines.formats.naaccr.dictionary import NOT_IN_DICTIONARY, check_said_version, dictionaries_of
from pipelines.formats.text.blocks import sample_lines
from pipelines.formats.text.fixed_width import Constant, read_fixed_width
from pipelines.formats.types import (
    SOURCE_FILE,
    SOURCE_RECORD,
    Batch,
    Extract,
    Format,
    Options,
    Recognition,
    TableReader,
    refused,
)

NAME, SOURCE = "naaccr_flat", "naaccr"
BEGINNING = re.compile(rb"([ICMAUL])[ \d].{14}(1\d\d|2\d\d|  [\dAB])", re.S)
"""Record type and version, where every version has them."""
SHORTEST_RECORD = 1543
OLD_CODES = {"B": "11", "A": "10"}
LAST_REQUIRED = "primarySite"
"""A record is never blank up to here, so a line that ends before it was cut."""
BLOCK_BYTES = 16 * 2**20
NEARLY_ALL = 0.9
NOTHING_SAID = Options()


@dataclass(frozen=True)
class Kind:
    """Version and record type, as a record says them: the code ``180`` or ``122``, and ``I``, ``C``, ``M``, ``A``."""

    code: str
    record_type: str

    @property
    def version(self) -> str:
        """``v18`` …; blank for a version without flat records."""
        return version_of(self.code) or ""

    @property
    def columns(self) -> tuple[str, str]:
        """What the columns depend on: 12.1 and 12.2 have those of 12."""
        return self.version, self.record_type


def open_naaccr_flat(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open the files of one NAACCR flat submission; samples of them are read.

    Parameters
    ----------
    paths : sequence of Path
    options : Options
        ``layout`` and ``companions``: the version, held against the files, and dictionaries whose items have columns.

    Raises
    ------
    InputError
        A file is of no version that can be read or of several, its lines are of another length, the files are of
        different versions or record types, or a dictionary is of another version.
    """
    kinds = {path: kind_of(path, _sample(path)) for path in paths}
    version = one_of_all({path: kind.version for path, kind in kinds.items()}, "versions")
    record_type = one_of_all({path: kind.record_type for path, kind in kinds.items()}, "record types")
    check_said_version(options, version)
    files = dictionaries_of(options)
    dictionary = dictionary_of(version, record_type, files)
    return Extract(
        source=SOURCE,
        format=NAME,
        dialect=SOURCE,
        release=version,
        covered_years=None,
        site=None,
        tables=tuple(_table(path, dictionary) for path in kinds),
        companions=tuple(file.path for file in files),
    )


def _table(path: Path, dictionary: Dictionary) -> TableReader:
    columns = (*_items(dictionary), NOT_IN_DICTIONARY)
    return TableReader(path.stem, path, columns, partial(read_records, path, dictionary))


def _items(dictionary: Dictionary) -> tuple[str, ...]:
    return tuple(item.id for item in dictionary.items if item.start is not None)


def kind_of(path: Path, lines: Sequence[bytes]) -> Kind:
    """Version and record type of a file, from lines of all its parts.

    Raises
    ------
    InputError
        The lines are of no version or record type that can be read, of several, or not as long as they say.
    """
    matches = (BEGINNING.match(line) for line in lines)
    kinds = Counter(Kind(match[2].decode(), match[1].decode()) for match in matches if match)
    if not kinds:
        what = "No line of the file is a NAACCR record: none begins with a record type and has a version in column 17"
        raise InputError(what, where=path.name, remedy="Name the data file that the registry sent.")
    kind = kinds.most_common(1)[0][0]
    _check_kind(kind, path)
    alike = sum(count for each, count in kinds.items() if each.columns == kind.columns)
    if alike < NEARLY_ALL * kinds.total():
        raise InputError(
            "The records of the file are of several versions or record types",
            where=path.name,
            remedy="Ask for one file of each, and load each as its own submission.",
        )
    _check_lengths(kind, lines, path)
    return kind


def _check_kind(kind: Kind, path: Path) -> None:
    remedy = f"Known: {', '.join(FLAT_VERSIONS)}. Ask for the data as version 18, or as NAACCR XML."
    if kind.version not in FLAT_VERSIONS:
        number = OLD_CODES.get(kind.code[2], kind.code[:2]).strip() or "9 or older"
        what = f"The file is of NAACCR version {number}, whose flat columns are not known here"
        raise InputError(what, where=path.name, remedy=remedy)
    if kind.record_type not in RECORD_TYPES:
        types = ", ".join(f"{code} ({word})" for code, word in RECORD_TYPES.items())
        raise InputError(
            f"The records are of NAACCR record type {kind.record_type}, which holds no whole cases",
            where=path.name,
            remedy=f"Ask for one of {types}.",
        )


def _check_lengths(kind: Kind, lines: Sequence[bytes], path: Path) -> None:
    """Hold the line lengths against the version; shorter lines lost their trailing blanks, unless all did alike."""
    expected = record_length(kind.version, kind.record_type)
    lengths = Counter(map(len, lines))
    common, count = lengths.most_common(1)[0]
    others = {record_length(version, each) for version in FLAT_VERSIONS for each in RECORD_TYPES} - {expected}
    if count >= NEARLY_ALL * len(lines) and (common > expected or (common in others and len(lines) > 1)):
        raise InputError(
            f"The records say NAACCR {kind.version}, record type {kind.record_type}, which is {expected:,} characters "
            f"long, but the lines are {common:,} characters long",
            where=path.name,
            remedy="Ask for the file again as it was first written; its columns cannot be trusted.",
        )


def read_records(path: Path, dictionary: Dictionary, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Batch]:
    """Read a file block by block.

    Parameters
    ----------
    path : Path
    dictionary : Dictionary
    block_bytes : int
        Memory is a small multiple of this (bytes).

    Yields
    ------
    Batch
        Columns in item-number order, then what stands where the version has no item.
    """
    layout, names = dictionary.layout(), _items(dictionary)
    fields = read_fixed_width(
        path,
        layout,
        required_until=layout.by_name[LAST_REQUIRED].end,
        constants=_constants(dictionary),
        trim=True,
        block_bytes=block_bytes,
    )
    for batch in fields:
        kept = batch.kept.select(list(names))
        kept = kept.append_column(NOT_IN_DICTIONARY, _beside(batch.kept, layout))
        for name in (SOURCE_FILE, SOURCE_RECORD):
            kept = kept.append_column(name, batch.kept[name])
        yield Batch(kept, batch.quarantined)


def _constants(dictionary: Dictionary) -> tuple[Constant, ...]:
    version, record_type = dictionary.version, dictionary.record_type
    return (
        Constant(
            Field("recordType", 1, 1), record_type.encode(), f"a record of another type than {record_type}"
        ),
        Constant(
            Field("version", 17, 2), version[1:].encode(), f"a record of another version than {version}"
        ),
    )


def _beside(table: pa.Table, layout: Layout) -> "pa.Array[pa.StringScalar]":
    """What stands in columns that are no item, as JSON; blank for a record where they are blank."""
    found: dict[int, dict[str, str]] = {}
    for field in layout.fields:
        if field.name.startswith("columns_"):
            values = table[field.name].cast(pa.string())
            if pc.any(pc.not_equal(values, pa.scalar(""))).as_py():
                for row, text in enumerate(values.to_pylist()):
                    if text:
                        found.setdefault(row, {})[field.name] = text
    texts = [as_json(found.get(row, {})) for row in range(table.num_rows)]
    return pa.array(texts, pa.string())


def _sample(path: Path) -> list[bytes]:
    """Lines from all over the file; some tools put a blank one after each."""
    return [line for line in sample_lines(path) if line.strip()]


def recognise_naaccr_flat(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is NAACCR flat, and of which version and record type."""
    lines = _sample(path)
    fitting = sum(BEGINNING.match(line) is not None and len(line) > SHORTEST_RECORD // 2 for line in lines)
    if not lines or fitting < len(lines) / 2:
        return None
    try:
        kind = kind_of(path, lines)
        dictionary = dictionary_of(kind.version, kind.record_type)
    except CohortsError as error:
        return refused(path, error, format=NAME, source=SOURCE)
    columns = len(dictionary.items) + 1
    length = record_length(kind.version, kind.record_type)
    explanation = (
        f"NAACCR flat file {kind.version}, record type {kind.record_type} ({RECORD_TYPES[kind.record_type]}): records "
        f"of {length:,} characters with {columns - 1} items; the records themselves say so."
    )
    return Recognition(path, NAME, SOURCE, kind.version, None, columns, (), explanation)


FORMAT = Format(NAME, SOURCE, SOURCE, "a NAACCR flat file", recognise_naaccr_flat, open_naaccr_flat)
