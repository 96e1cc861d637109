"""Say what a file is, by its content and never by its name; nothing is changed."""

import csv
import re
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.codebook import layouts
from pipelines.errors import CohortsError, InputError
from pipelines.formats.blocks import count_lines, sample_lines
from pipelines.formats.delimited import read_header
from pipelines.formats.ncdb import ncdb_layout
from pipelines.formats.ncdb_layout_check import Sample, share
from pipelines.formats.seerstat import case_listing_dic, seerstat_header, submission_not_named
from pipelines.formats.seerstat_dic import find_dic, read_dic
from pipelines.formats.types import Recognition

HEAD_BYTES = 4096
ASK_AGAIN = "Ask for the extract again."
NAME_THE_DATA = "Name the data file that the registry sent."
TABLES = Path(layouts.__file__).parent / "tables"
LENGTHS_TABLE, HEADERS_TABLE = TABLES / "fixed_width_lengths.csv", TABLES / "seerstat_headers.csv"
YEAR_AND_SITE = re.compile(rb".{78}20\d\dC\d\d\d", re.S)
"""Every NCDB layout has year and primary site in these columns."""

KNOWN_BEGINNINGS = (
    (re.compile(rb"\x1f\x8b"), "a gzip archive", "Unpack it first."),
    (
        re.compile(rb"PK\x03\x04"),
        "a zip archive or an Excel workbook",
        "Unpack it, or save the sheet as CSV.",
    ),
    (
        re.compile(rb"\$FL2|\$FL3"),
        "an SPSS data file",
        "Save it as CSV or Parquet and load it with a mapping.",
    ),
    (
        re.compile(rb"<stata_dta>"),
        "a Stata data file",
        "Save it as CSV or Parquet and load it with a mapping.",
    ),
    (
        re.compile(rb".{0,64}KSess", re.S),
        "a SEER*Stat session or matrix",
        "Export its results as a text file.",
    ),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<\?xml.{0,4000}?NaaccrData", re.S), "NAACCR XML", "It is not read yet."),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<\?xml", re.S), "an XML file", "It is no registry format known here."),
    (re.compile(rb"%PDF"), "a PDF document", "Name the data file instead."),
)


def recognise(path: str | Path) -> Recognition:
    """Find out what a file is, of which release, how many records it has and what is wrong with it.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Recognition
        ``format`` is None where the content is not known or cannot be read here; ``explanation`` says why.
    """
    path = Path(path)
    if not path.is_file():
        return _unknown(path, "There is no such file" if not path.is_dir() else "This is a folder")
    if not path.stat().st_size:
        return _unknown(path, "The file is empty", ASK_AGAIN)
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return _parquet(path)
    for beginning, what, remedy in KNOWN_BEGINNINGS:
        if beginning.match(head):
            return _unknown(path, f"This is {what}", remedy)
    if head.startswith(b"[System]"):
        return _dictionary(path)
    if _is_binary(head):
        return _unknown(path, "This is binary data of a kind that is not known here")
    return _fixed_width(path) or _delimited(path)


def _unknown(path: Path, what: str, remedy: str = NAME_THE_DATA) -> Recognition:
    return _refused(path, InputError(what, where=str(path), remedy=remedy))


def _refused(path: Path, error: CohortsError, records: int | None = None) -> Recognition:
    """A file that cannot be loaded; the error says what, where and what to do."""
    return Recognition(path, None, None, None, records, None, (error.what,), str(error), error)


def _is_binary(head: bytes) -> bool:
    """Whether bytes that text never has are common; a few come from damage."""
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1a" for byte in head)
    return control > 0.05 * len(head)


def _parquet(path: Path) -> Recognition:
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return _unknown(path, "This begins like a Parquet file and is damaged", ASK_AGAIN)
    return _mapped(path, "a Parquet table", metadata.num_rows, metadata.schema.to_arrow_schema().names)


def _mapped(path: Path, what: str, records: int, columns: list[str]) -> Recognition:
    need = "It needs a mapping that says what its columns mean (--mapping FILE)."
    explanation = f"This is {what} of {len(columns)} columns that no registry format known here has. {need}"
    return Recognition(path, "mapped", "mapped", None, records, len(columns), (need,), explanation)


def _dictionary(path: Path) -> Recognition:
    try:
        dic = read_dic(path)
    except CohortsError as error:
        return _refused(path, error)
    return _unknown(
        path,
        f"This is the export dictionary of a SEER*Stat {dic.session_type} session with "
        f"{len(dic.variables)} variables ({dic.release or 'no submission named'})",
        "Name the data file beside it instead.",
    )


def _fixed_width(path: Path) -> Recognition | None:
    """An NCDB file, or another text of fixed-width lines; None where lines are no such thing."""
    sample = Sample.of(sample_lines(path))
    if not sample.lines:
        return _unknown(
            path,
            "The file holds no line that can be a record: its lines are blank, longer than any record, or hold "
            "NUL bytes",
            ASK_AGAIN,
        )
    if share(YEAR_AND_SITE.match(line) is not None for line in sample.lines) < 0.5:
        other = other_lengths().get(sample.common_length) if sample.is_uniform else None
        if other is None:
            return None
        return _unknown(
            path,
            f"Its lines are {sample.common_length:,} characters long: {other}, which is not read yet",
        )
    records = count_lines(path)
    try:
        layout = ncdb_layout(path)
    except CohortsError as error:
        return _refused(path, error, records)
    damaged = sum(len(line) > layout.length for line in sample.lines)
    problems = ("Some lines cannot be records and will be set aside.",) if damaged else ()
    explanation = (
        f"NCDB Participant User File, breast, release {layout.release}: {records:,} lines of "
        f"{layout.length:,} bytes with {len(layout.fields)} fields; year, primary site and vital "
        "status are where this release has them."
    )
    return Recognition(
        path, "ncdb_puf", "ncdb", layout.release, records, len(layout.fields), problems, explanation
    )


@lru_cache(maxsize=1)
def other_lengths() -> dict[int, str]:
    """Line lengths that give away other registry files."""
    with LENGTHS_TABLE.open(encoding="utf-8", newline="") as stream:
        return {int(row["length"]): row["what"] for row in csv.DictReader(stream)}


@lru_cache(maxsize=1)
def seerstat_names() -> frozenset[str]:
    """Column names that case listings have had."""
    with HEADERS_TABLE.open(encoding="utf-8", newline="") as stream:
        return frozenset(row["header"].strip() for row in csv.DictReader(stream))


def _delimited(path: Path) -> Recognition:
    try:
        header = read_header(path, comment="#")
    except CohortsError as error:
        return _refused(path, error)
    if find_dic(path) is not None:
        return _case_listing(path)
    if sum(name.strip() in seerstat_names() for name in header.columns) >= 3:
        try:
            case_listing_dic(path)
        except CohortsError as error:
            records = count_lines(path, start=header.data_start)
            return Recognition(
                path,
                "seerstat_case_listing",
                "seer",
                None,
                records,
                len(header.columns),
                (str(error),),
                f"Its column names are those of a SEER*Stat case listing. {error}",
                error,
            )
    if len(header.columns) == 1:
        return _unknown(path, "This is text of one column, which no registry format known here has")
    records = count_lines(path, start=header.data_start)
    if not records:
        return _unknown(path, "This is text of one line, which is no table of records")
    return _mapped(path, "a delimited table", records, list(header.columns))


def _case_listing(path: Path) -> Recognition:
    try:
        dic = case_listing_dic(path)
        header, notes = seerstat_header(path, dic)
    except CohortsError as error:
        return _refused(path, error)
    records = count_lines(path, start=header.data_start)
    fault = None if dic.release else submission_not_named(dic)
    if not records:
        fault = InputError("The file has column names and no records", where=str(path), remedy=ASK_AGAIN)
    explanation = (
        f"SEER*Stat case listing, submission {dic.release or 'not named'}"
        + (f", diagnoses of {dic.covered_years[0]}-{dic.covered_years[1]}" if dic.covered_years else "")
        + f": {records:,} records of {len(header.columns)} columns."
        + "".join(f" {note}" for note in notes)
    )
    return Recognition(
        path,
        "seerstat_case_listing",
        "seer",
        dic.release,
        records,
        len(header.columns),
        (str(fault),) if fault else (),
        explanation,
        fault,
    )
