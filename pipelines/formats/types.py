"""What a reader hands on: Arrow text columns as received, what was set aside, and what the extract is."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from pipelines.codebook.layouts import Layout
from pipelines.codebook.mapping import Mapping
from pipelines.errors import CohortsError
from pipelines.formats.text.arrays import repeated

SOURCE_FILE, SOURCE_RECORD = "source_file", "source_record"

_QUARANTINE_TYPES: dict[str, pa.DataType] = {
    SOURCE_FILE: pa.string(),
    SOURCE_RECORD: pa.int64(),
    "byte_start": pa.int64(),
    "byte_end": pa.int64(),
    "reason": pa.string(),
}
QUARANTINE_SCHEMA = pa.schema(_QUARANTINE_TYPES)


@dataclass(frozen=True)
class Recognition:
    """What a file is, judged by its content and never by its name.

    Parameters
    ----------
    path : Path
    format : str or None
        Name of a `Format`, or None where the content is not known or cannot be loaded.
    source, release : str or None
        As in `Extract`, where the content says so.
    records : int or None
        Number of records in the file, header rows left out, where that is known without reading it to its end.
    columns : int or None
    problems : tuple of str
        What keeps the file from being loaded, or what will be set aside.
    explanation : str
        One paragraph for people.
    error : CohortsError or None
        What loading the file says; None where it can be loaded as it is or with a mapping.
    companion : bool
        The file describes data and holds none: a ``.dic``, a label script, a NAACCR dictionary.
    """

    path: Path
    format: str | None
    source: str | None
    release: str | None
    records: int | None
    columns: int | None
    problems: tuple[str, ...]
    explanation: str
    error: CohortsError | None = field(default=None, compare=False)
    companion: bool = False


def refused(
    path: Path,
    error: CohortsError,
    *,
    format: str | None = None,
    source: str | None = None,
    columns: int | None = None,
) -> Recognition:
    """A file that cannot be loaded; the error says what, where and what to do."""
    return Recognition(path, format, source, None, None, columns, (str(error),), str(error), error)


def described(path: Path, explanation: str, *, source: str, format: str | None = None) -> Recognition:
    """A file that describes data (of ``format``, if it tells) and holds none."""
    return Recognition(path, format, source, None, None, None, (), explanation, companion=True)


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that could not be read: its 1-based number, half-open byte range in the file, and the
    reason."""

    record: int
    byte_start: int
    byte_end: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """Some records of one file.

    Parameters
    ----------
    kept : pyarrow.Table
        Received columns as text (plain or dictionary-encoded), then ``source_file`` (text) and ``source_record``
        (int64, 1-based). The schema is the same in all batches of a table.
    quarantined : pyarrow.Table
        `QUARANTINE_SCHEMA`; byte ranges are half-open.
    """

    kept: pa.Table
    quarantined: pa.Table


class RowDigest:
    """Hash of rows that have no file of their own, taken as they pass.

    It is the SHA-256 of the table as CSV in UTF-8: a header row, then the rows in the order they were read; every
    name and value in double quotes (a quote doubled), null as nothing at all, lines ended by a line feed.
    """

    def __init__(self) -> None:
        self.start(())

    def start(self, columns: Sequence[str]) -> None:
        """Begin a pass over a table."""
        header = ",".join('"' + name.replace('"', '""') + '"' for name in columns).encode() + b"\n"
        self._sha256, self.bytes = hashlib.sha256(header), len(header)

    def add(self, rows: pa.Table) -> None:
        """Take in some rows of text columns."""
        sink = pa.BufferOutputStream()
        csv.write_csv(rows, sink, csv.WriteOptions(include_header=False, quoting_style="all_valid"))
        data = sink.getvalue()
        self._sha256.update(data)
        self.bytes += data.size

    @property
    def sha256(self) -> str:
        """Hash of what has passed, in hex."""
        return self._sha256.hexdigest()


@dataclass(frozen=True)
class TableReader:
    """One table of an extract; reading is lazy and can be repeated.

    Parameters
    ----------
    name : str
        Name of the table in the store.
    path : Path
        The received file.
    columns : tuple of str
        Names as received.
    read : callable
        Starts one pass over the file.
    received_as : str
        What its records say as ``source_file``, where the base name of the path does not tell two files apart.
    digest : RowDigest, optional
        Where the table is one of a database: filled by each pass, in place of the hash of a file.
    told : callable, optional
        After a pass: what it found that `Extract.notes` could not know.
    """

    name: str
    path: Path
    columns: tuple[str, ...]
    read: Callable[[], Iterator[Batch]] = field(repr=False)
    received_as: str = ""
    digest: RowDigest | None = field(default=None, repr=False)
    told: Callable[[], tuple[str, ...]] | None = field(default=None, repr=False)

    @property
    def source_file(self) -> str:
        """The name by which a record tells its file."""
        return self.received_as or self.path.name

    def notes_after(self) -> tuple[str, ...]:
        """What the last reading to the end told, and the beginning of the file had not."""
        return () if self.told is None else self.told()

    def batches(self) -> Iterator[Batch]:
        """Read the file from its beginning, some megabytes at a time; the next batch is made meanwhile."""
        batches = self.read()
        with ThreadPoolExecutor(max_workers=1) as reader:
            coming = reader.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = reader.submit(next, batches, None)
                yield batch


@dataclass(frozen=True)
class Extract:
    """Everything that arrived for one submission.

    Parameters
    ----------
    source, format, dialect : str
        As in `Format`.
    release : str
        ``2022``, ``nov2018``, ``v18`` …, or the mapping's id.
    covered_years : tuple of int or None
        First and last diagnosis year that the release covers.
    site : str or None
    tables : tuple of TableReader
    notes : tuple of str
        What a user should know though it stops nothing; no patient value.
    mapping : dict or None
        The mapping as it was used.
    companions : tuple of Path
        Files read beside the data, such as the ``.dic`` of a case listing.
    """

    source: str
    format: str
    dialect: str
    release: str
    covered_years: tuple[int, int] | None
    site: str | None
    tables: tuple[TableReader, ...]
    notes: tuple[str, ...] = ()
    mapping: dict[str, Any] | None = None
    companions: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Options:
    """What the caller says of the files.

    Parameters
    ----------
    layout : tuple of str, Path or Layout
        A release, a layout table, a label script, a SAS program, or NAACCR dictionaries.
    mapping : str, Path, dict, Mapping or None
        A mapped source: its mapping, as YAML file, its content, or as checked.
    companions : tuple of Path
        Files among those named, or beside them, that describe data and hold none.
    """

    layout: tuple[str | Path | Layout, ...] = ()
    mapping: str | Path | dict[str, Any] | Mapping | None = None
    companions: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Format:
    """One kind of file that can be loaded.

    Parameters
    ----------
    name : str
        ``ncdb_puf``, ``seerstat_case_listing`` …
    source : str
        ``ncdb``, ``seer``, ``naaccr`` or ``mapped``: what studies name.
    dialect : str
        Names the staging SQL and the code tables: SEER has several.
    words : str
        For messages, such as ``an NCDB file``.
    recognise : callable
        Path and the first bytes of a file to a `Recognition`, or None where it is not this format. Quick, and
        raises on no bytes.
    open : callable
        Files of one submission to an `Extract`; raises InputError.
    """

    name: str
    source: str
    dialect: str
    words: str
    recognise: Callable[[Path, bytes], Recognition | None] = field(repr=False)
    open: Callable[[Sequence[Path], Options], Extract] = field(repr=False)


def quarantine_table(source_file: str, bad: Iterable[BadRecord]) -> pa.Table:
    """Records set aside as a table of `QUARANTINE_SCHEMA`, in record order."""
    rows = sorted(bad, key=lambda record: record.record)
    if not rows:
        return pa.Table.from_batches([], QUARANTINE_SCHEMA)
    columns: list[pa.Array[Any]] = [
        repeated(source_file.encode(), len(rows)),
        pa.array([row.record for row in rows], pa.int64()),
        pa.array([row.byte_start for row in rows], pa.int64()),
        pa.array([row.byte_end for row in rows], pa.int64()),
        pa.array([row.reason for row in rows], pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=QUARANTINE_SCHEMA)


def with_provenance(table: pa.Table, source_file: str, records: "pa.Array[Any]") -> pa.Table:
    """Append ``source_file`` and ``source_record`` (int64, 1-based) to the received columns."""
    names = repeated(source_file.encode(), table.num_rows)
    return table.append_column(SOURCE_FILE, names).append_column(SOURCE_RECORD, records.cast(pa.int64()))
