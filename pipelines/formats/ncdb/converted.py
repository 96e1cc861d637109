"""NCDB files that a site converted to CSV, tab-separated text or Parquet: variables by name, values as received.

A conversion has no columns to count, so its release is told by its variables and by the newest diagnosis year, which
the NCDB withholds follow-up for. Names may be in any letter case and come back as the release prints them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.codebook.conversions import as_sent
from pipelines.codebook.layouts import builtin_layouts, canonical_names
from pipelines.errors import InputError
from pipelines.formats.mapped.parquet import (
    UNREADABLE,
    damaged_parquet,
    is_parquet,
    parquet_columns,
    read_parquet,
)
from pipelines.formats.ncdb.evidence import CHECKED, FIRST_YEAR, MOST, Evidence, share
from pipelines.formats.ncdb.layout_check import refuse_stacked_years
from pipelines.formats.text.blocks import sample_lines
from pipelines.formats.text.delimited import Header, read_delimited, read_header
from pipelines.formats.text.delimited_blocks import record_fields
from pipelines.formats.types import Batch, Extract, Format, Options, Recognition, TableReader, refused

NAME = "ncdb_csv"
FEWEST_NAMES = 5
TELLING = frozenset({"puf_case_id", "year_of_diagnosis", "primary_site", "puf_vital_status"})
"""A table with two of these names, and enough others of the NCDB, is an NCDB file."""
SAMPLED_ROWS = 20_000
NOTHING_SAID = Options()


@dataclass(frozen=True)
class Table:
    """A converted file: its columns as received, and sampled values of the variables that tell a release."""

    path: Path
    columns: tuple[str, ...]
    evidence: Evidence
    read: Callable[[tuple[str, ...]], Iterator[Batch]]
    """Reads the file under the names given."""


def open_ncdb_table(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open converted files of one NCDB release.

    Parameters
    ----------
    paths : sequence of Path
    options : Options
        ``layout``: the release, where the files do not tell.

    Raises
    ------
    InputError
        The release cannot be told, is not the one that the caller says, or differs between files.
    """
    asked = [str(each) for each in options.layout if str(each).isdigit()]
    if len(asked) != len(options.layout) or len(asked) > 1:
        raise InputError(
            "The variables of this NCDB file have names, so there are no columns for a layout to describe",
            where=", ".join(path.name for path in paths),
            remedy="Leave the layout out, or name the release alone, such as --layout 2022.",
        )
    tables = [read_table(path) for path in paths]
    found = {table.path: release_of(table, asked[0] if asked else None) for table in tables}
    releases = set(found.values())
    if len(releases) > 1:
        raise InputError(
            "These NCDB files are of different releases: "
            + ", ".join(f"{path.name} is {release}" for path, release in found.items()),
            remedy="Every release restates all years under new case ids: load each as its own submission.",
        )
    release = releases.pop()
    return Extract(
        source="ncdb",
        format=NAME,
        dialect="ncdb",
        release=release,
        covered_years=(FIRST_YEAR, int(release)),
        site="breast",
        tables=tuple(_reader(table, release) for table in tables),
        notes=tuple(note for table in tables for note in _notes(table, release)),
    )


def read_table(path: Path) -> Table:
    """Read the header and a sample of a converted file.

    Raises
    ------
    InputError
        There is no header, or its names do not fit the records.
    """
    if is_parquet(path):
        columns = parquet_columns(path)
        _check_names(path, columns)
        evidence = _evidence(columns, _parquet_sample(path, columns))
        return Table(path, columns, evidence, partial(_renamed_parquet, path))
    header = read_header(path)
    _check_names(path, header.columns)
    rows = [record_fields(line, header.delimiter) for line in sample_lines(path)]
    lengths = [len(row) for row in rows if row]
    if share(length == len(header.columns) + 1 for length in lengths) >= MOST:
        raise InputError(
            "Every record has one field more than there are column names: row numbers without a name stand before them",
            where=path.name,
            remedy="Write the file again without row names (in R: row.names = FALSE).",
        )
    records = [row for row in rows if row and len(row) == len(header.columns) and row != rows[0]]
    return Table(path, header.columns, _evidence(header.columns, records), partial(_read_text, path, header))


def _check_names(path: Path, columns: Sequence[str]) -> None:
    if not is_ncdb_table(columns):
        raise InputError(
            "This is no NCDB file: neither do its columns have the names of the NCDB's variables, nor are its lines "
            "records of fixed width",
            where=path.name,
            remedy="Run `cohorts doctor` on it.",
        )


def is_ncdb_table(columns: Sequence[str]) -> bool:
    """Whether columns have enough names of NCDB variables, and those that tell one."""
    known = known_columns(columns)
    return len(known) >= FEWEST_NAMES and len(known & TELLING) >= 2


def _evidence(columns: Sequence[str], records: Sequence[Sequence[str]]) -> Evidence:
    """Values of the variables that tell, as the registry sent them."""
    places = {name.strip().casefold(): place for place, name in enumerate(columns)}
    values = []
    for variable in CHECKED:
        place = places.get(variable.casefold())
        texts = [] if place is None else [as_sent(record[place]) for record in records]
        values.append(tuple(text.encode("latin-1", errors="replace") for text in texts))
    return Evidence(*values)


def _parquet_sample(path: Path, columns: Sequence[str]) -> list[list[str]]:
    """Rows from every part of a Parquet file; columns that do not tell are empty."""
    telling = [name for name in columns if name.strip().casefold() in TELLING]
    try:
        with pq.ParquetFile(path) as file:
            rows = list(_rows_of_groups(file, telling))
    except UNREADABLE:
        raise damaged_parquet(path) from None
    return [["" if row.get(name) is None else str(row[name]) for name in columns] for row in rows]


def _rows_of_groups(file: pq.ParquetFile, columns: list[str]) -> Iterator[dict[str, Any]]:
    step = max(file.num_row_groups // 16, 1)
    groups = [
        *range(0, file.num_row_groups, step),
        *([file.num_row_groups - 1] if file.num_row_groups else []),
    ]
    for group in dict.fromkeys(groups):
        part = file.read_row_group(group, columns=columns).slice(0, SAMPLED_ROWS // max(len(groups), 1))
        yield from part.to_pylist()


def _renamed_parquet(path: Path, names: tuple[str, ...]) -> Iterator[Batch]:
    for batch in read_parquet(path):
        provenance = batch.kept.column_names[len(names) :]
        yield Batch(batch.kept.rename_columns([*names, *provenance]), batch.quarantined)


def _read_text(path: Path, header: Header, names: tuple[str, ...]) -> Iterator[Batch]:
    return read_delimited(
        path,
        names,
        header.delimiter,
        start=header.data_start,
        header_line=header.line,
        names=frozenset(header.columns) | known_spellings(),
    )


def known_spellings() -> frozenset[str]:
    """Variable names of all releases, in the letter cases that tools write."""
    names = canonical_names().values()
    return frozenset(spelled for name in names for spelled in (name, name.lower(), name.title()))


def _reader(table: Table, release: str) -> TableReader:
    names = spelled_names(table.columns, release)
    return TableReader(table.path.stem, table.path, names, partial(table.read, names))


def spelled_names(columns: Sequence[str], release: str) -> tuple[str, ...]:
    """Column names as the release prints them; those that no release has stay as received."""
    layout = builtin_layouts().get(release)
    spelled = canonical_names() | ({name.casefold(): name for name in layout.by_name} if layout else {})
    return tuple(spelled.get(name.strip().casefold(), name) for name in columns)


def release_of(table: Table, asked: str | None) -> str:
    """Tell the release of a converted file.

    Parameters
    ----------
    table : Table
    asked : str or None
        What the caller says; it is held against the file as a found one is.

    Raises
    ------
    InputError
        The content contradicts every release, or several are possible and nobody says which.
    """
    evidence = table.evidence
    possible = [each for each in releases_with(table.columns) if each >= (evidence.newest_year or "")]
    found = asked or evidence.withheld_year or (possible[0] if len(possible) == 1 else None)
    if found is None:
        raise InputError(
            "The release of this NCDB file cannot be told: vital status is withheld for no diagnosis year, and its "
            f"variables are those of {', '.join(possible) or 'no release known here'}",
            where=table.path.name,
            remedy=f"Say which release it is, such as --layout {possible[0] if possible else '2019'}.",
        )
    problems = list(evidence.problems(found, lambda name: "as its name says"))
    if evidence.vital and share(code.isalpha() for code in evidence.vital if code) > 0.5:
        problems = ["PUF_VITAL_STATUS holds labels where codes are expected"]
    if found in builtin_layouts() and found not in releases_with(table.columns):
        foreign = foreign_names(table.columns, found)
        problems.append(f"it has variables that this release does not have ({', '.join(foreign[:3])})")
    if problems:
        raise InputError(
            f"This is not an NCDB breast file of release {found}: {'; '.join(problems)}",
            where=table.path.name,
            remedy="Convert the file as it was sent, codes and not labels, and every release by itself; or load the "
            "fixed-width file.",
        )
    refuse_stacked_years(evidence, found, table.path.name)
    return found


def known_columns(columns: Sequence[str]) -> set[str]:
    """The columns that are variables of some release, in small letters."""
    return {name.strip().casefold() for name in columns} & canonical_names().keys()


def foreign_names(columns: Sequence[str], release: str) -> list[str]:
    """Columns that are variables of other releases and not of this one."""
    own = {name.casefold() for name in builtin_layouts()[release].by_name}
    return sorted(canonical_names()[name] for name in known_columns(columns) - own)


def releases_with(columns: Sequence[str]) -> list[str]:
    """Built-in releases that have all of the known columns, oldest first."""
    return sorted(release for release in builtin_layouts() if not foreign_names(columns, release))


def _notes(table: Table, release: str) -> Iterator[str]:
    known = known_columns(table.columns)
    extra = [name for name in table.columns if name.strip().casefold() not in known]
    layout = builtin_layouts().get(release)
    if extra:
        yield f"{table.path.name}: {len(extra)} columns are no variables of the NCDB and are kept as they are."
    if layout is not None and len(known) < len(layout.fields):
        yield f"{table.path.name}: {len(layout.fields) - len(known)} variables of release {release} are not there."


def recognise_ncdb_text(path: Path, head: bytes) -> Recognition | None:
    """Say whether delimited text is a converted NCDB file, and of which release."""
    try:
        return _recognised(path, read_header(path).columns)
    except InputError:
        return None


def recognise_ncdb_parquet(path: Path, head: bytes) -> Recognition | None:
    """Say whether a Parquet file is a converted NCDB file, and of which release."""
    if not head.startswith(b"PAR1"):
        return None
    try:
        return _recognised(path, parquet_columns(path))
    except InputError:
        return None


def _recognised(path: Path, columns: Sequence[str]) -> Recognition | None:
    if not is_ncdb_table(columns):
        return None
    known = known_columns(columns)
    try:
        release = release_of(read_table(path), None)
    except InputError as error:
        return refused(path, error, format=NAME, source="ncdb", columns=len(columns))
    return Recognition(
        path=path,
        format=NAME,
        source="ncdb",
        release=release,
        records=None,
        columns=len(columns),
        problems=(),
        explanation=f"NCDB Participant User File, breast, release {release}, converted to a table: {len(known)} of its "
        f"{len(columns)} columns are variables of the NCDB.",
    )


FORMAT = Format(NAME, "ncdb", "ncdb", "a converted NCDB file", recognise_ncdb_text, open_ncdb_table)
PARQUET_FORMAT = Format(
    NAME, "ncdb", "ncdb", "a converted NCDB file", recognise_ncdb_parquet, open_ncdb_table
)
