"""The script that ships with fixed-width data: which columns hold which variable, and what the codes mean.

Registries send a program of SAS, SPSS or Stata, or a structure table, with every release. It is read here as text and
told by its content; nothing in it is run. Statements that describe no columns are passed over, so a program that an
analyst has edited is read as well.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pipelines.codebook.layouts import Field
from pipelines.codebook.scripts.sas import sas_fields, sas_labels, sas_record_length
from pipelines.codebook.scripts.spss import spss_fields, spss_labels
from pipelines.codebook.scripts.stata import stata_fields, stata_labels
from pipelines.errors import InputError

Labels = dict[str, dict[str, str]]
"""Label by code, by variable."""

LARGEST_SCRIPT = 4 * 2**20
FEWEST_FIELDS = 3
"""A text that describes fewer columns than this is no script that reads records."""

HINTS = re.compile(r"\binput\b|\bdata\s+list\b|\binfix\b|_column\s*\(|\bstart\b|\bvalue\b", re.I)
HEAD_LINES = 40
YEAR_RANGE = re.compile(r"\b20\d\d\s*(?:-|\u2013|to)\s*(20\d\d)\b")
YEARS_IN_TEXT = (
    re.compile(r"\bPUF\D{0,24}?(20\d\d)\b", re.I),
    re.compile(r"\b(20\d\d)\s+(?:NCDB\s+)?PUF\b", re.I),
    re.compile(r"NCDBPUF_\w+?\.\d\.(20\d\d)"),
)
YEAR_IN_NAME = re.compile(r"(?<!\d)(20\d\d)(?!\d)")


@dataclass(frozen=True)
class Script:
    """What a label script says.

    Parameters
    ----------
    path : Path
    kind : str
        ``a SAS program``, ``an SPSS program``, ``a Stata program`` or ``a layout table``.
    fields : tuple of Field
        In column order, without overlaps; there may be gaps.
    length : int or None
        Record length in bytes, where the script says it (``LRECL``).
    years : frozenset of str
        Release years that its name, title or file name mentions; several where it mentions several.
    labels : dict
        Label by code, by variable, as far as the script links them; codes as written.
    """

    path: Path
    kind: str
    fields: tuple[Field, ...]
    length: int | None = None
    years: frozenset[str] = frozenset()
    labels: Labels = field(default_factory=dict, compare=False)


def read_script(path: Path) -> Script:
    """Read a label script or a layout table.

    Raises
    ------
    InputError
        The file is neither, describes no columns, or describes them so that they overlap.
    """
    script = find_script(path)
    if script is None:
        raise InputError(
            "This is no description of fixed-width records",
            where=str(path),
            remedy="Name the SAS, SPSS or Stata program that came with the data, its structure table as CSV, or a "
            "CSV file with the columns release, variable, start, width.",
        )
    return script


def find_script(path: Path) -> Script | None:
    """Read a label script or a layout table; None where the file is neither.

    Raises
    ------
    InputError
        It is one, and what it says of the columns cannot be right.
    """
    if path.stat().st_size > LARGEST_SCRIPT:
        return None
    text = script_text(path.read_bytes())
    if text is None or not HINTS.search(text):
        return None
    for kind, read_fields in READERS.items():
        try:
            fields = read_fields(text)
        except ValueError as error:
            raise InputError(
                f"This is {kind} that is not understood: {error}",
                where=str(path),
                remedy="Bring the script as it was sent, or a CSV file with the columns release, variable, start, "
                "width.",
            ) from None
        if len(fields) >= FEWEST_FIELDS:
            return Script(
                path=path,
                kind=kind,
                fields=in_column_order(fields, path),
                length=sas_record_length(text) if kind == SAS else None,
                years=mentioned_years(path.name, text) | table_releases(text, kind),
                labels=LABELS[kind](text, fields),
            )
    return None


def script_text(data: bytes) -> str | None:
    """Decode a script: UTF-8, else Windows-1252, else latin-1; None if it is no text."""
    for encoding in ("utf-8-sig", "cp1252", "latin-1") if b"\0" not in data else ():
        try:
            return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    return None


def in_column_order(fields: Iterable[Field], path: Path) -> tuple[Field, ...]:
    """Sort fields by column.

    Raises
    ------
    InputError
        Two overlap or have one name, or one has no columns; the message names them.
    """
    ordered = sorted(fields, key=lambda each: (each.start, each.end))
    remedy = "Correct the script, or bring it as it was sent."
    empty = next((each for each in ordered if each.start < 1 or each.width < 1), None)
    if empty is not None:
        raise InputError(
            f"{empty.name} has columns {empty.start}-{empty.end}, which are none",
            where=str(path),
            remedy=remedy,
        )
    for one, other in pairwise(ordered):
        if other.start <= one.end:
            raise InputError(
                f"{one.name} (columns {one.start}-{one.end}) and {other.name} (columns {other.start}-{other.end}) "
                "overlap",
                where=str(path),
                remedy=remedy,
            )
    names = Counter(each.name.casefold() for each in ordered)
    twice = next((each.name for each in ordered if names[each.name.casefold()] > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is described twice", where=str(path), remedy=remedy)
    return tuple(ordered)


def mentioned_years(name: str, text: str) -> frozenset[str]:
    """Release years in the name of a script and at its beginning.

    Examples
    --------
    >>> sorted(mentioned_years("NCDB_PUF_Labels_2017.sas", "* diagnoses of 2004-2017;"))
    ['2017']
    """
    head = "\n".join(text.splitlines()[:HEAD_LINES])
    said = set(YEAR_RANGE.findall(head))
    rest = YEAR_RANGE.sub(" ", head)
    said |= {year for pattern in YEARS_IN_TEXT for year in pattern.findall(rest)}
    return frozenset(said | set(YEAR_IN_NAME.findall(name)))


def _rows(text: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        return []


def _header(rows: list[list[str]]) -> tuple[int, dict[str, int]] | None:
    """Find the row of column names among the first rows, below a title or with the title in its first cell."""
    for number, row in enumerate(rows[:10]):
        words = [" ".join(cell.replace(".", " ").split()).casefold() for cell in row]
        found = {
            what: next((words.index(name) for name in names if name in words), None)
            for what, names in TABLE_COLUMNS.items()
        }
        columns = {what: position for what, position in found.items() if position is not None}
        if {"name", "start"} <= columns.keys() and columns.keys() & {"end", "width"}:
            return number, columns
    return None


def table_fields(text: str) -> list[Field]:
    """Read a structure table: a row per variable with its name, start and end (or width), in any order.

    A name that a line break or a blank cut in two is put together; rows without numbers are headings.
    """
    return [row for row, _ in _table(text)]


def table_releases(text: str, kind: str) -> frozenset[str]:
    """Releases that a layout table names in a column of its own."""
    return frozenset(release for _, release in _table(text) if release) if kind == TABLE else frozenset()


def _table(text: str) -> Iterator[tuple[Field, str]]:
    rows = _rows(text)
    header = _header(rows)
    if header is None:
        return
    number, columns = header
    for row in rows[number + 1 :]:
        cell = {what: row[place].strip() if place < len(row) else "" for what, place in columns.items()}
        name = "".join(cell["name"].split())
        if not name and not cell["start"]:
            continue
        if not name or not cell["start"].isdigit():
            if any(each.isdigit() for each in (cell["start"], cell.get("end", ""))):
                raise ValueError(f"row {rows.index(row) + 1} has no name or no start")
            continue
        start = int(cell["start"])
        last, width = cell.get("end", ""), cell.get("width", "")
        if not last.isdigit() and not width.isdigit():
            raise ValueError(f"{name} has neither an end nor a width")
        yield (
            Field(name, start, int(last) - start + 1 if last.isdigit() else int(width)),
            cell.get("release", ""),
        )


TABLE_COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("puf item name", "item name", "variable", "variable name", "name"),
    "start": ("start", "start column", "begin", "first column"),
    "end": ("end", "end column", "stop", "last column"),
    "width": ("width", "length", "characters"),
    "release": ("release", "puf_year"),
}
SAS, SPSS, STATA, TABLE = "a SAS program", "an SPSS program", "a Stata program", "a layout table"
READERS: dict[str, Callable[[str], list[Field]]] = {
    SPSS: spss_fields,
    STATA: stata_fields,
    SAS: sas_fields,
    TABLE: table_fields,
}
"""In the order of asking: ``input`` is a word of everyday language, so SAS is asked after the others."""

LABELS: dict[str, Callable[[str, list[Field]], Labels]] = {
    SAS: sas_labels,
    SPSS: lambda text, _: spss_labels(text),
    STATA: lambda text, _: stata_labels(text),
    TABLE: lambda _text, _fields: {},
}
