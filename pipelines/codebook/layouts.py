"""Fixed-width layouts of the NCDB Participant User File: which columns of a line hold which variable.

The built-in layouts are rows of ``tables/ncdb_layout.csv`` (positions as in the read-in scripts that the
American College of Surgeons ships with each release). A site may bring the layout of another release as a
CSV file of the same columns.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from pipelines.errors import InputError

TABLES = Path(__file__).parent / "tables"
LAYOUT_TABLE = TABLES / "ncdb_layout.csv"
INFERRED_TABLE = TABLES / "ncdb_layout_inferred.csv"
LAYOUT_COLUMNS = ("release", "variable", "start", "width")


@dataclass(frozen=True)
class Field:
    """One variable of a fixed-width record.

    Parameters
    ----------
    name : str
        Variable name as the release prints it.
    start : int
        First column, 1-based.
    width : int
        Number of columns (bytes).
    """

    name: str
    start: int
    width: int

    @property
    def bytes(self) -> slice:
        """Half-open byte range in the line, 0-based."""
        return slice(self.start - 1, self.start - 1 + self.width)

    @property
    def end(self) -> int:
        """Last column, 1-based and inclusive."""
        return self.start + self.width - 1


@dataclass(frozen=True)
class Layout:
    """The fields of one release, in column order without gaps or overlaps.

    Parameters
    ----------
    release : str
        Release year, such as ``"2022"``; it is also the newest diagnosis year.
    fields : tuple of Field
    """

    release: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        column = 1
        for field in self.fields:
            if field.start != column or field.width < 1:
                raise InputError(
                    f"The layout of release {self.release} has a gap or an overlap at column {column}",
                    where=f"field {field.name}",
                    remedy="Correct start and width, or leave --layout out to use the built-in layouts.",
                )
            column += field.width
        if len(self.by_name) != len(self.fields):
            raise InputError(f"The layout of release {self.release} names a variable twice")

    @classmethod
    def of(cls, release: str, fields: Iterable[Field], length: int | None = None) -> "Layout":
        """Make a layout of fields with gaps between them.

        Columns that no field names become fields ``columns_<first>_<last>``, so that no byte of a line is lost.

        Parameters
        ----------
        release : str
        fields : iterable of Field
            In any order, without overlaps.
        length : int, optional
            Record length in bytes, where columns follow the last field.

        Raises
        ------
        InputError
            Two fields overlap or have one name.
        """
        whole: list[Field] = []
        column = 1
        for field in sorted(fields, key=lambda each: each.start):
            whole += _unnamed(column, field.start - 1)
            whole.append(field)
            column = max(column, field.end + 1)
        whole += _unnamed(column, length or column - 1)
        return cls(release, tuple(whole))

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by variable name."""
        return {field.name: field for field in self.fields}

    @property
    def length(self) -> int:
        """Record length in bytes, without the line end."""
        return self.fields[-1].end


def _unnamed(first: int, last: int) -> list[Field]:
    return [Field(f"columns_{first}_{last}", first, last - first + 1)] if last >= first else []


def read_layouts(path: Path) -> dict[str, Layout]:
    """Read every layout of a table with the columns ``release, variable, start, width``.

    Raises
    ------
    InputError
        The file is no such table, or a layout in it has gaps, overlaps or repeated names.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        fields: dict[str, list[Field]] = {}
        for row in rows:
            field = Field(row["variable"], int(row["start"]), int(row["width"]))
            fields.setdefault(row["release"], []).append(field)
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError):
        fields = {}
    if not fields:
        raise InputError(
            "This is not a layout table",
            where=str(path),
            remedy=f"A layout table is a CSV file with the columns {', '.join(LAYOUT_COLUMNS)}.",
        )
    return {
        release: Layout(release, tuple(sorted(of_release, key=lambda field: field.start)))
        for release, of_release in fields.items()
    }


@lru_cache(maxsize=1)
def inferred_layouts() -> dict[str, Layout]:
    """Layouts that were pieced together and never seen: to check a site's own script against, and for no more."""
    return read_layouts(INFERRED_TABLE)


@lru_cache(maxsize=1)
def canonical_names() -> dict[str, str]:
    """Variable names of all releases as they are printed, by the name in small letters."""
    known = [*inferred_layouts().values(), *builtin_layouts().values()]
    return {field.name.casefold(): field.name for layout in known for field in layout.fields}


@lru_cache(maxsize=1)
def builtin_layouts() -> dict[str, Layout]:
    """Layouts that come with the program, by release."""
    return read_layouts(LAYOUT_TABLE)


def find_layout(layout: str | Path | Layout) -> Layout:
    """Return the layout a user asked for: a release with a built-in layout, or a layout table of one release.

    Raises
    ------
    InputError
        There is no such release and no such file, or the table holds several releases.
    """
    if isinstance(layout, Layout):
        return layout
    known = builtin_layouts()
    if str(layout) in known:
        return known[str(layout)]
    if str(layout) in inferred_layouts():
        raise InputError(
            f"The NCDB layout of release {layout} is known by inference only",
            remedy="Bring the script that came with the extract: --layout FILE, or name it among the files.",
        )
    if not Path(layout).is_file():
        raise InputError(
            f"There is no built-in NCDB layout '{layout}' and no file of that name",
            remedy=f"Built in: {', '.join(known)}. Leave --layout out to have the layout found.",
        )
    found = read_layouts(Path(layout))
    if len(found) > 1:
        raise InputError("The layout table holds more than one release", where=str(layout))
    return next(iter(found.values()))
