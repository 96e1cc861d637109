"""SEER*Stat case listing: delimited text with its export dictionary (``.dic``) beside it.

All values are label text. ``NA``, ``N/A``, ``Blank(s)`` and ``Unknown`` are values with different meanings,
so nothing is ever read as null. Names come from the header row; the dictionary says what database it is.
"""

import csv
import re
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from pipelines.codebook.layouts import TABLES
from pipelines.errors import CohortsError, InputError
from pipelines.formats.delimited import (
    DELIMITERS,
    HEADER_BYTES,
    Header,
    column_names,
    read_delimited,
    read_header,
)
from pipelines.formats.delimited_blocks import decode, split_line
from pipelines.formats.seerstat_dic import ExportDictionary, find_dic, read_dic
from pipelines.formats.types import Extract, Format, Options, Recognition, TableReader, described, refused

HEADERS_TABLE = TABLES / "seerstat_headers.csv"

CASE_LISTING = "Case Listing"
ANOTHER_EXPORT = 3
"""So many columns on either side that the other lacks are two exports; SEER*Stat itself leaves out one or two."""
EXPORT_AGAIN = "in SEER*Stat choose Matrix > Export > Results as Text File"


def open_seerstat(paths: Sequence[Path], options: Options) -> Extract:
    """Open the case listings of one SEER submission.

    Parameters
    ----------
    paths : sequence of Path
        Data files; each has its ``.dic`` beside it.
    options : Options

    Raises
    ------
    InputError
        A ``.dic`` is missing or of another session type, a file does not go with its ``.dic``, or the files
        are of different submissions.
    """
    dictionaries = {path: case_listing_dic(path) for path in paths}
    found = {(dic.release, dic.covered_years) for dic in dictionaries.values()}
    if len(found) > 1:
        raise InputError(
            "These case listings are of different SEER submissions: "
            + ", ".join(f"{path.name} is {dic.release}" for path, dic in dictionaries.items()),
            remedy="A submission restates all years: load each as its own submission.",
        )
    release, covered_years = found.pop()
    if release is None:
        raise submission_not_named(next(iter(dictionaries.values())))
    opened = [_open_file(path, dic) for path, dic in dictionaries.items()]
    return Extract(
        source="seer",
        format="seerstat_case_listing",
        dialect="seer",
        release=release,
        covered_years=covered_years,
        site=None,
        tables=tuple(table for table, _ in opened),
        notes=tuple(note for _, notes in opened for note in notes),
        companions=tuple(dic.path for dic in dictionaries.values()),
    )


def submission_not_named(dic: ExportDictionary) -> InputError:
    """What to say of a dictionary without submission and years."""
    return InputError(
        "The export dictionary does not say which SEER submission this is",
        where=f"{dic.path.name}, Database name",
        remedy="It should hold words such as 'Nov 2022 Sub (2000-2020)'. Export again and leave the .dic as it "
        f"is: {EXPORT_AGAIN}.",
    )


def case_listing_dic(path: Path) -> ExportDictionary:
    """Read the dictionary of a case listing.

    Raises
    ------
    InputError
        There is none, or it describes another kind of session.
    """
    dic = find_dic(path)
    if dic is None:
        raise InputError(
            "The export dictionary of this case listing is missing",
            where=path.name,
            remedy=f"Put {path.stem}.dic, which SEER*Stat wrote with the data file, into the same folder; "
            f"it names the submission and the years. If it is lost, export again: {EXPORT_AGAIN}.",
        )
    dictionary = read_dic(dic)
    if dictionary.session_type != CASE_LISTING:
        raise InputError(
            f"This is an export of a SEER*Stat {dictionary.session_type} session, whose rows are statistics "
            "and not patients",
            where=dic.name,
            remedy=f"Make a Case Listing session and export it: {EXPORT_AGAIN}.",
        )
    return dictionary


def _open_file(path: Path, dic: ExportDictionary) -> tuple[TableReader, list[str]]:
    header, notes = seerstat_header(path, dic)
    read = partial(
        read_delimited,
        path,
        header.columns,
        header.delimiter,
        start=header.data_start,
        header_line=header.line or None,
    )
    return TableReader(path.stem, path, header.columns, read), notes


def seerstat_header(path: Path, dic: ExportDictionary) -> tuple[Header, list[str]]:
    """Take the column names from the header row, or from the dictionary where it says that there is no such
    row.

    Returns
    -------
    Header
    list of str
        Disagreements between file and dictionary; they rename nothing.

    Raises
    ------
    InputError
        File and dictionary do not belong together.
    """
    if not dic.has_header:
        return _header_from_dic(path, dic)
    others = [delimiter for delimiter in DELIMITERS if delimiter != dic.delimiter]
    header = read_header(path, delimiters=dic.delimiter)
    notes = []
    if len(header.columns) == 1 and len(dic.variables) > 1:
        header = read_header(path, delimiters="".join([dic.delimiter, *others]))
        notes.append(
            f"{path.name}: the delimiter is not the one that {dic.path.name} names; the file's is taken."
        )
    in_file, in_dic = set(_trimmed(header.columns)), set(_trimmed(dic.names))
    if not in_file & in_dic:
        raise InputError(
            "Not one column of this file is in its export dictionary",
            where=f"{path.name} and {dic.path.name}",
            remedy="Bring the .dic that was written with this file, and keep the row of variable names.",
        )
    missing = [name for name in _trimmed(header.columns) if name not in in_dic]
    extra = [name for name in _trimmed(dic.names) if name not in in_file]
    if min(len(missing), len(extra)) >= ANOTHER_EXPORT:
        raise InputError(
            f"This export dictionary was written with another file: it leaves out {_listed(missing)}, and names "
            f"{_listed(extra)}, which the file does not have",
            where=f"{path.name} and {dic.path.name}",
            remedy="Bring the .dic that was written with this file: it says which submission and years these are.",
        )
    if missing:
        notes.append(
            f"{path.name}: {dic.path.name} leaves out {_listed(missing)}; the header row is followed."
        )
    if extra:
        notes.append(f"{path.name}: {dic.path.name} names {_listed(extra)}, which the file does not have.")
    return header, notes


def _header_from_dic(path: Path, dic: ExportDictionary) -> tuple[Header, list[str]]:
    with path.open("rb") as stream:
        first = decode(stream.readline(HEADER_BYTES).rstrip(b"\r\n"))
    fields = split_line(first, dic.delimiter) or []
    if len(fields) != len(dic.names):
        raise InputError(
            f"The first row has {len(fields)} fields where the dictionary names {len(dic.names)} variables",
            where=f"{path.name} and {dic.path.name}",
            remedy=f"Export again with variable names included: {EXPORT_AGAIN}.",
        )
    if set(_trimmed(fields)) == set(_trimmed(dic.names)):
        header = read_header(path, delimiters=dic.delimiter)
        return header, [f"{path.name}: there is a header row though {dic.path.name} says there is none."]
    names = column_names(dic.names, dic.path)
    return Header(names, dic.delimiter, b"", 0), [f"{path.name}: names are taken from {dic.path.name}."]


def _trimmed(names: Sequence[str]) -> list[str]:
    return [re.sub(r"\s+", " ", name.strip()) for name in names]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@lru_cache(maxsize=1)
def seerstat_names() -> frozenset[str]:
    """Column names that case listings have had."""
    with HEADERS_TABLE.open(encoding="utf-8", newline="") as stream:
        return frozenset(row["header"].strip() for row in csv.DictReader(stream))


def recognise_seerstat(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is a case listing, and of which submission; a ``.dic`` is a companion."""
    if head.startswith(b"[System]"):
        return _recognise_dic(path)
    try:
        names = read_header(path, comment="#").columns
    except InputError:
        names = ()
    known = sum(name.strip() in seerstat_names() for name in names) >= 3
    if not known and find_dic(path) is None:
        return None
    try:
        dic = case_listing_dic(path)
        header, notes = seerstat_header(path, dic)
    except CohortsError as error:
        if not known:
            return refused(path, error)
        return refused(path, error, format="seerstat_case_listing", source="seer", columns=len(names))
    fault = None if dic.release else submission_not_named(dic)
    if header.data_start == path.stat().st_size:
        fault = InputError(
            "The file has column names and no records", where=str(path), remedy="Ask for the extract again."
        )
    explanation = (
        f"SEER*Stat case listing, submission {dic.release or 'not named'}"
        + (f", diagnoses of {dic.covered_years[0]}-{dic.covered_years[1]}" if dic.covered_years else "")
        + f": {len(header.columns)} columns."
        + "".join(f" {note}" for note in notes)
    )
    return Recognition(
        path=path,
        format="seerstat_case_listing",
        source="seer",
        release=dic.release,
        records=None,
        columns=len(header.columns),
        problems=(str(fault),) if fault else (),
        explanation=explanation,
        error=fault,
    )


def _recognise_dic(path: Path) -> Recognition:
    try:
        dic = read_dic(path)
    except CohortsError as error:
        return refused(path, error)
    return described(
        path,
        f"This is the export dictionary of a SEER*Stat {dic.session_type} session with "
        f"{len(dic.variables)} variables ({dic.release or 'no submission named'}); it is read beside its data file.",
        source="seer",
    )


FORMAT = Format(
    "seerstat_case_listing", "seer", "seer", "a SEER*Stat case listing", recognise_seerstat, open_seerstat
)
