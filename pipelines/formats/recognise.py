"""Say what a file is, by its content and never by its name; nothing is changed."""

import csv
import re
from functools import lru_cache
from pathlib import Path

from pipelines.codebook.layouts import TABLES
from pipelines.errors import InputError
from pipelines.formats.known import BINARY_FORMATS, TEXT_FORMATS
from pipelines.formats.ncdb.layout_check import Sample
from pipelines.formats.text.blocks import sample_lines
from pipelines.formats.types import Recognition, refused

HEAD_BYTES = 2**16
ASK_AGAIN = "Ask for the extract again."
NAME_THE_DATA = "Name the data file that the registry sent."
SAVE_AS_TABLE = "Save it as CSV or Parquet and load it with a mapping."
LENGTHS_TABLE = TABLES / "fixed_width_lengths.csv"

KNOWN_BEGINNINGS = (
    (re.compile(rb"\x1f\x8b"), "a gzip archive", "Unpack it first."),
    (
        re.compile(rb"PK\x03\x04"),
        "a zip archive or an Excel workbook",
        "Unpack it, or save the sheet as CSV.",
    ),
    (re.compile(rb"\$FL2|\$FL3"), "an SPSS data file", SAVE_AS_TABLE),
    (re.compile(rb"<stata_dta>|[\x69-\x73][\x01\x02]\x01\x00"), "a Stata data file", SAVE_AS_TABLE),
    (re.compile(rb"\x00{12}\xc2\xea\x81\x60"), "a SAS data set", SAVE_AS_TABLE),
    (re.compile(rb"HEADER RECORD\*{7}LIB"), "a SAS transport file", SAVE_AS_TABLE),
    (re.compile(rb"RD[AX][23]\n|X\n\x00\x00\x00[\x02\x03]"), "an R data file", SAVE_AS_TABLE),
    (re.compile(rb"ARROW1|FEA1"), "a Feather or Arrow file", SAVE_AS_TABLE),
    (
        re.compile(rb"SQLite format 3\x00|\x00\x01\x00\x00Standard (Jet|ACE) DB"),
        "an SQLite or Access database",
        SAVE_AS_TABLE,
    ),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1"), "an Excel or Word file of the older kind", SAVE_AS_TABLE),
    (
        re.compile(rb".{0,64}KSess", re.S),
        "a SEER*Stat session or matrix (.sl, .ss, .slm …), which holds a question or its binary result",
        "Open it in SEER*Stat, run it, and choose Matrix > Export > Results as Text File.",
    ),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<\?xml", re.S), "an XML file", "It is no registry format known here."),
    (re.compile(rb"%PDF"), "a PDF document", "Name the data file instead."),
    (
        re.compile(rb"\xff\xfe|\xfe\xff|([\t\r\n -~]\0){16}|(\0[\t\r\n -~]){16}"),
        "text in UTF-16, which an editor or Excel made of it",
        "Load the file as it was sent, or save it as UTF-8 (in Excel: CSV UTF-8).",
    ),
    (
        re.compile(rb"[^\n\r]+\r[^\n\r]+\r[^\n]*\Z"),
        "text whose lines end in a carriage return alone",
        "Load the file as it was sent, or let a tool put line feeds there (`mac2unix`, `tr '\\r' '\\n'`).",
    ),
)
PROGRAM = re.compile(rb"(?im)^\s*(proc\s+format\b|infile\s+\S|data\s+list\b|infix\s+\S|value\s+labels\b)")
"""Statements of a program; one that lays out columns is known before, as a companion."""


def recognise(path: str | Path) -> Recognition:
    """Find out what a file is, of which release, and what is wrong with it; only samples of it are read.

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
    asked = (each.recognise(path, head) for each in BINARY_FORMATS)
    found = next(filter(None, asked), None) or _foreign(path, head)
    if found is None:
        asked = (each.recognise(path, head) for each in TEXT_FORMATS)
        found = _without_lines(path) or _other_length(path, next(filter(None, asked), None))
        if (found is None or found.format == "mapped") and PROGRAM.search(head):
            found = _unknown(path, "This is a program for SAS, SPSS or Stata and no data")
    return found or _unknown(path, "This is text of one column, which no registry format known here has")


def _unknown(path: Path, what: str, remedy: str = NAME_THE_DATA) -> Recognition:
    return refused(path, InputError(what, where=str(path), remedy=remedy))


def _foreign(path: Path, head: bytes) -> Recognition | None:
    """A file of a kind that is known and cannot be loaded."""
    for beginning, what, remedy in KNOWN_BEGINNINGS:
        if beginning.match(head):
            return _unknown(path, f"This is {what}", remedy)
    # A few bytes that text never has come from damage; many are another kind of file.
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1a" for byte in head)
    if control > 0.05 * len(head):
        return _unknown(path, "This is binary data of a kind that is not known here")
    return None


def _without_lines(path: Path) -> Recognition | None:
    if Sample.of(sample_lines(path)).lines:
        return None
    return _unknown(
        path,
        "The file holds no line that can be a record: its lines are blank, longer than any record, or hold "
        "NUL bytes",
        ASK_AGAIN,
    )


def _other_length(path: Path, found: Recognition | None) -> Recognition | None:
    """A fixed-width file that is known by its line length alone, if no registry format claims the file."""
    if found is not None and found.format not in (None, "mapped"):
        return found
    sample = Sample.of(sample_lines(path))
    other = other_lengths().get(sample.common_length) if sample.is_uniform else None
    if other is None:
        return found
    what = (
        f"Its lines are {sample.common_length:,} characters long, as those of {other} are, but what stands in them is "
        "not what such records hold"
    )
    return _unknown(path, what)


@lru_cache(maxsize=1)
def other_lengths() -> dict[int, str]:
    """Line lengths that give away other registry files."""
    with LENGTHS_TABLE.open(encoding="utf-8", newline="") as stream:
        return {int(row["length"]): row["what"] for row in csv.DictReader(stream)}
