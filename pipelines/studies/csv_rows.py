"""Tables that people write as CSV, read as models: every mistake at once, each with its line."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipelines.errors import InputError, in_plain_words

BEYOND = "beyond the header"
"""What the cells are kept under that a row has more of than the header."""
Row = TypeVar("Row", bound=BaseModel)


def read_rows(
    path: Path,
    model: type[Row],
    *,
    of: str,
    folder: str,
    key: str | None = None,
    check_header: Callable[[Sequence[str], Path], None] | None = None,
) -> list[Row]:
    """Read the rows of a CSV file.

    Parameters
    ----------
    path : Path
    model : type
        Of a row.
    of : str
        What the table is of, for the message.
    folder : str
        Folder of the catalog whose README says what the columns hold.
    key : str, optional
        Field that no two rows may share.
    check_header : callable, optional
        Raises where the header is not that of the table.

    Raises
    ------
    InputError
        The file is not UTF-8; else every wrong row with its line, and keys that are there twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # a spreadsheet puts a mark of the encoding first
    except UnicodeDecodeError:
        raise InputError(
            f"The table of {of} is not UTF-8", where=str(path), remedy="Save it as CSV in UTF-8."
        ) from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey=BEYOND)
    if check_header is not None:
        check_header(reader.fieldnames or (), path)
    rows: list[Row] = []
    mistakes: list[str] = []
    for row in reader:
        number = (
            reader.line_num
        )  # a row without cells is passed over, and one of several lines told by its last
        if row.pop(BEYOND, None) is not None:
            mistakes.append(
                f"line {number}: more cells than the header (a comma in a text needs quotes around it)"
            )
            continue
        try:
            rows.append(model.model_validate(row))
        except ValidationError as error:
            for item in error.errors(include_input=False, include_url=False):
                place = ".".join(map(str, item["loc"])) or "row"
                mistakes.append(f"line {number}: {place}: {in_plain_words(item)}")
    if key is not None:
        names = [getattr(one, key) for one in rows]
        mistakes += [f"{key} {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    if mistakes:
        raise InputError(
            f"{len(mistakes)} mistake(s) in {of}: {'; '.join(mistakes)}",
            where=str(path),
            remedy=f"Correct the row; the README of the catalog's {folder} says what each column holds.",
        )
    return rows


def line_told(path: str, first: str) -> str:
    """Say on which line of a table the row with some first cell begins: ``line 7: ``; nothing where there is none."""
    file = Path(path)
    lines = file.read_text(encoding="utf-8-sig").splitlines() if file.is_file() else []
    return next((f"line {n}: " for n, line in enumerate(lines, 1) if line.startswith(f"{first},")), "")
