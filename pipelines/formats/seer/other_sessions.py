"""What looks like a case listing of SEER*Stat and is none, and why."""

import csv
import re
from functools import cache
from pathlib import Path

from pipelines.codebook.schemes import schemes
from pipelines.codebook.seerstat_headers import variants
from pipelines.errors import InputError
from pipelines.formats.seer.header import DELIMITERS, ENOUGH_NAMES, EXPORT_AGAIN, first_row

DERIVED_TABLE = {"Marital Status", "T Stage", "N Stage", "6th Stage", "A Stage"}
"""Column names of the table that goes from hand to hand as "SEER Breast Cancer Dataset"."""
ENOUGH_LABELS = 3
FIRST_BYTES = 2**16
LONG_NAME = 14
"""Letters and digits of Survival months; Sex and Grade are names in many tables."""
SHORTEST_LABEL = 6
"""Shorter labels, such as Yes or Male, are those of many tables."""


def another_table(path: Path) -> InputError | None:
    """Why a file without an export dictionary is no case listing though it has SEER in it; None where nothing
    says so."""
    if {field.strip() for field in first_row(path)[0]} >= DERIVED_TABLE:
        return InputError(
            "This is the derived table that is passed around as 'SEER Breast Cancer Dataset', not an export of "
            "SEER*Stat: its names are not SEER's, it names no submission, and its stages end at IIIC, so nobody in "
            "it has stage IV",
            where=path.name,
            remedy="Ask SEER for access and export a case listing; for another question it can be loaded as any "
            "table, with --mapping FILE.",
        )
    if sum(_letters(field) in letters_of_long_names() for field in first_row(path)[0]) >= ENOUGH_NAMES:
        return InputError(
            "The column names are those of a SEER*Stat case listing after a program changed them, such as R, which "
            "puts dots for blanks and brackets: a year in brackets tells submissions apart, so no name is guessed",
            where=path.name,
            remedy="Load the file as SEER*Stat wrote it, or put its row of column names back (in R: check.names = "
            "FALSE when reading).",
        )
    rows = _first_rows(path)
    if len(rows) > 1 and all(len(row) > 1 and all(map(_is_number, row)) for row in rows):
        return InputError(
            "These are rows of numbers without names, as SEER*Stat writes frequency, rate and survival matrices; rows "
            "of a frequency or rate session are counts of groups and not patients",
            where=path.name,
            remedy=f"Make a Case Listing session and export it: {EXPORT_AGAIN}. A survival export is read with its "
            ".dic beside it; any other table needs a row of column names and --mapping FILE.",
        )
    return None


def listing_without_names(path: Path) -> InputError | None:
    """Why a file whose first row holds labels of SEER*Stat and no names cannot be read; None where it does not."""
    rows = _first_rows(path)
    if not rows or sum(field.strip() in long_labels() for field in rows[0]) < ENOUGH_LABELS:
        return None
    return InputError(
        "The values look like those of a SEER*Stat case listing without a row of column names and without its export "
        "dictionary: nothing says which column is which",
        where=path.name,
        remedy=f"Put {path.stem}.dic, which SEER*Stat wrote with the data file, into the same folder, or export "
        f"again with variable names included: {EXPORT_AGAIN}.",
    )


def _first_rows(path: Path, most: int = 20) -> list[list[str]]:
    """The first rows, split as the first of them is best split."""
    delimiter = first_row(path, DELIMITERS.strip())[1]
    with path.open("rb") as stream:
        lines = stream.read(FIRST_BYTES).split(b"\n")[:-1] or [b""]
    text = [line.decode("latin-1").rstrip("\r") for line in lines[:most] if b"\0" not in line]
    try:
        return list(csv.reader(text, delimiter=delimiter))
    except csv.Error:
        return []


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).replace("-", "", 1).isdigit()


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def letters_of_long_names() -> frozenset[str]:
    """Names of variables without what programs change; the long ones, which no other table has."""
    return frozenset(letters for letters in map(_letters, variants()) if len(letters) >= LONG_NAME)


@cache
def long_labels() -> frozenset[str]:
    """Labels that only SEER*Stat has."""
    codes = [
        code
        for name, table in schemes().items()
        if name.startswith("seer_") and not name.startswith("seer_ascii")
        for code in table["code"].to_list()
    ]
    return frozenset(code for code in codes if len(code) >= SHORTEST_LABEL and not code.isdigit())
