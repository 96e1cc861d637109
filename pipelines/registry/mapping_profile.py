"""What a table holds, column by column, as far as a mapping needs to know it; never a count, never a rare value."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from pipelines.errors import InputError
from pipelines.formats import TableReader

MOST_CODES = 30
"""A column with more distinct values holds numbers, dates, names or text, and no codes."""

LONGEST_CODE = 60
"""Characters; what is longer is free text."""

DATE = r"^(\d{4}-\d\d?-\d\d?([ T].*)?|\d{1,2}[./]\d{1,2}[./]\d{4}|(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01]))$"
KEY_NAMES = re.compile(r"(^|_)(id|key|mrn|pid|number|no|nr|caseid|patientid|identifier)$")
PEOPLE = re.compile(r"patient|person|subject|mrn|case|pid")


@dataclass(frozen=True)
class ColumnProfile:
    """One received column.

    Parameters
    ----------
    name : str
    kind : str
        ``text``, ``whole numbers``, ``numbers``, ``dates`` or ``nothing``.
    codes : tuple of str
        Values that enough people have; empty where there are too many, or they are dates or long texts.
    hidden : str
        Why values are not listed; empty where all are.
    """

    name: str
    kind: str
    codes: tuple[str, ...]
    hidden: str


@dataclass(frozen=True)
class TableProfile:
    """One received table: its columns, the column that looks like its key, and whether that tells its rows apart."""

    name: str
    relation: str
    columns: tuple[ColumnProfile, ...]
    key: str
    unique: bool


def plain_name(name: str) -> str:
    """Name in small letters and digits, its words parted by ``_``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def profile(table: TableReader, *, name: str, relation: str, min_cell: int, key: str) -> TableProfile:
    """Read a table once and say what its columns hold.

    Parameters
    ----------
    table : TableReader
    name, relation : str
        What the mapping will call it; its place in a database, else empty.
    min_cell : int
        A value is listed if at least so many people have it (people).
    key : str
        Column that tells people apart.

    Raises
    ------
    InputError
        The names of the columns look like the first record: a file without a header row.
    """
    _check_names(table)
    seen = {column: _Seen() for column in table.columns}
    keys: set[int] = set()
    rows = 0
    for batch in table.batches():
        frame = pl.DataFrame(batch.kept).select(pl.col(table.columns).cast(pl.String).str.strip_chars())
        people = frame.get_column(key).fill_null("")
        keys.update(people.hash().to_list())
        rows += frame.height
        for column, each in seen.items():
            each.add(column, frame.get_column(column), people, enough=min_cell)
    named_like_values = sum(each.holds_its_name for each in seen.values())
    if 3 * named_like_values >= len(seen):
        raise _no_header(table)
    columns = tuple(each.profile(column, enough=min_cell) for column, each in seen.items())
    return TableProfile(name, relation, columns, key, unique=len(keys) == rows)


def guess_key(columns: Sequence[str]) -> str:
    """Column that looks like a person's identifier, else the first."""
    like_keys = [column for column in columns if KEY_NAMES.search(plain_name(column))]
    of_people = [column for column in like_keys if PEOPLE.search(plain_name(column))]
    return next(iter([*of_people, *like_keys, *columns]))


def _check_names(table: TableReader) -> None:
    # A long number or a date is somebody's, and a draft would print it.
    if any(re.fullmatch(r"\d{5,}", name.strip()) or re.match(DATE, name.strip()) for name in table.columns):
        raise _no_header(table)
    like_values = [name for name in table.columns if re.match(rf"-?\d+(\.\d*)?$|{DATE}", name.strip())]
    if 2 * len(like_values) > len(table.columns):
        raise _no_header(table)


def _no_header(table: TableReader) -> InputError:
    return InputError(
        "The first row looks like a record, not like the names of columns",
        where=table.source_file,
        remedy="Export the table with a header row: a draft would hold the values of a person as names.",
    )


@dataclass
class _Seen:
    """What has been seen of one column: which kinds all its values are, and by value some of the people."""

    any: bool = False
    whole: bool = True
    number: bool = True
    date: bool = True
    holds_its_name: bool = False
    people: dict[str, set[str]] | None = field(default_factory=dict)

    def add(self, name: str, values: pl.Series, people: pl.Series, *, enough: int) -> None:
        frame = pl.DataFrame({"value": values, "person": people}).filter(pl.col("value").str.len_chars() > 0)
        if frame.is_empty():
            return
        filled = frame.get_column("value")
        self.any = True
        self.holds_its_name = self.holds_its_name or bool((filled == name.strip()).any())
        self.whole = self.whole and bool(filled.str.contains(r"^-?\d+$").all())
        self.number = self.number and bool(filled.cast(pl.Float64, strict=False).is_not_null().all())
        self.date = self.date and bool(filled.str.contains(DATE).all())
        if self.people is None:
            return
        if filled.n_unique() > MOST_CODES or (filled.str.len_chars() > LONGEST_CODE).any():
            self.people = None
            return
        for value, persons in frame.unique().group_by("value").agg("person").iter_rows():
            known = self.people.setdefault(value, set())
            if len(known) < enough:
                known.update(persons)
        if len(self.people) > MOST_CODES:
            self.people = None

    def profile(self, name: str, *, enough: int) -> ColumnProfile:
        kind = self._kind()
        if not self.any:
            return ColumnProfile(name, kind, (), "")
        if self.people is None or kind == "dates":
            return ColumnProfile(name, kind, (), "values not shown: too many, too long, or dates")
        codes = tuple(sorted(value for value, persons in self.people.items() if len(persons) >= enough))
        return ColumnProfile(
            name, kind, codes, "" if len(codes) == len(self.people) else "rare values not shown"
        )

    def _kind(self) -> str:
        kinds = {
            "nothing": not self.any,
            "dates": self.date,
            "whole numbers": self.whole,
            "numbers": self.number,
        }
        return next((kind for kind, holds in kinds.items() if holds), "text")


def table_names(labels: Iterable[str]) -> list[str]:
    """Names for tables by what they were received as: small letters, one each."""
    names: list[str] = []
    for label in labels:
        stem = label.rpartition(":")[2] if ":" in label else label.partition(".")[0]
        name = plain_name(stem.rpartition(".")[2] if ":" in label else stem) or "table"
        name = name if name[0].isalpha() else f"table_{name}"
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
    return names
