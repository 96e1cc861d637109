"""A first mapping from what a table holds: every column, its codes, and the staged columns it may be for.

All but the key is a comment, for an analyst to decide on. Values that few people have are never written down; the
mapping can be completed all the same, because a text that ``values`` does not list is counted and shown on site.
"""

import csv
import difflib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import polars as pl
import yaml

from pipelines import codebook
from pipelines.errors import InputError
from pipelines.formats import recognise
from pipelines.formats.mapped.databases import is_address
from pipelines.formats.mapped.tables import Received, database_tables, received_tables
from pipelines.registry.mapping_profile import (
    ColumnProfile,
    TableProfile,
    guess_key,
    plain_name,
    profile,
    table_names,
)
from pipelines.registry.staging import STAGED_COLUMNS
from pipelines.store.files import write_text

HINTS = Path(codebook.__file__).resolve().parent / "tables" / "mapping_hints.csv"

MOST_TABLES = 10

HEAD = """\
# A first mapping, written by `cohorts map init`. Fill in the words in capitals, take away the `#` of what you keep,
# and look at the result with `cohorts map show`. catalog/mappings/README.md says what a mapping may say.
#
# Codes are listed where at least {min_cell} people have them; there are no counts here. Where rare values are not
# shown: `cohorts map show` counts the texts that `values` does not list, and after `cohorts load` and `cohorts build`
# they stand, by column, in registry/unmapped_codes.parquet of the submission. Until then they are `unmapped`.
id: {id}
title: FILL IN
citation: FILL IN
licence: FILL IN
"""


def draft_mapping(
    paths: Sequence[str | Path], *, min_cell: int, key: str | None = None, tables: Sequence[str] = ()
) -> str:
    """Write a first mapping for some files, or for the tables of a database.

    Parameters
    ----------
    paths : sequence of str or Path
        Delimited text, Parquet or DuckDB files, or the address of a PostgreSQL database.
    min_cell : int
        A value is listed if at least so many people have it (people).
    key : str, optional
        Column that tells people apart; guessed by its name if not given.
    tables : sequence of str
        Tables of a database to draft for, as ``table`` or ``schema.table``; all of them if none is named.

    Returns
    -------
    str
        YAML that `load_mapping` accepts.

    Raises
    ------
    InputError
        A file is no table, has no header row or lacks ``key``, or nothing is named.
    """
    received = _chosen(_received(paths), tables)
    names = table_names(each.label for each in received)
    profiles = [_profile(each, name, min_cell, key) for name, each in zip(names, received, strict=True)]
    address = next((str(path) for path in paths if is_address(path)), None)
    head = HEAD.format(min_cell=min_cell, id=names[0]) + (
        f"database: {json.dumps(address)}\n" if address else ""
    )
    return "\n".join([head, *_tables(profiles), "", *_columns(profiles), *_ascertainment()]) + "\n"


def write_draft(
    paths: Sequence[str | Path],
    out: Path | None,
    *,
    min_cell: int,
    key: str | None = None,
    tables: Sequence[str] = (),
) -> Path:
    """Write a first mapping to a file that is not there yet; return it.

    Parameters
    ----------
    paths, min_cell, key, tables
        As for `draft_mapping`.
    out : Path, optional
        The file; ``<id>.yaml`` in the working folder if not given.

    Raises
    ------
    InputError
        There is such a file: a mapping holds an analyst's work.
    """
    if out is not None:
        _check_free(out)
    text = draft_mapping(paths, min_cell=min_cell, key=key, tables=tables)
    target = out or Path(f"{yaml.safe_load(text)['id']}.yaml")
    _check_free(target)
    write_text(text, target)
    return target


def _check_free(path: Path) -> None:
    if path.exists():
        raise InputError(
            "There is a file of this name, and a mapping holds an analyst's work",
            where=str(path),
            remedy="Name another with --out.",
        )


def _received(paths: Sequence[str | Path]) -> list[Received]:
    found = []
    for path in paths:
        found += database_tables(str(path)) if is_address(path) else received_tables(_table_file(Path(path)))
    return found


def _chosen(received: Sequence[Received], tables: Sequence[str]) -> list[Received]:
    """The tables that are asked for; a database may have hundreds, and every one would be read."""
    asked = [f".{name}".lower() for name in tables]
    chosen = [
        each
        for each in received
        if not each.relation or not asked or f".{each.relation}".lower().endswith(tuple(asked))
    ]
    there = ", ".join(sorted(each.relation for each in received if each.relation)) or "none"
    if not chosen:
        raise InputError(f"There is no such table; there are: {there}", remedy="Name tables with --table.")
    if len(chosen) > MOST_TABLES:
        raise InputError(
            f"There are {len(chosen)} tables, and a draft reads all of each: {there}",
            remedy="Name those that the registry needs with --table, once for each.",
        )
    return chosen


def _table_file(path: Path) -> Path:
    """Take a file that needs a mapping; the first line of another would stand in the draft as a column's name."""
    found = recognise(path)
    if found.error is not None:
        raise found.error
    if found.format != "mapped":
        raise InputError(
            f"This needs no mapping: {found.explanation}",
            where=str(path),
            remedy="Load it with `cohorts load`.",
        )
    return path


def _profile(received: Received, name: str, min_cell: int, key: str | None) -> TableProfile:
    column = guess_key(received.columns) if key is None else _key_of(received, key)
    table = received.reader(name, column)
    return profile(table, name=name, relation=received.relation, min_cell=min_cell, key=column)


def _key_of(received: Received, key: str) -> str:
    name = next((column for column in received.columns if column.lower() == key.lower()), None)
    if name is None:
        raise InputError(f"There is no column '{key}'", where=received.label, remedy="Name one with --key.")
    return name


def _tables(tables: Sequence[TableProfile]) -> list[str]:
    main = _main(tables)
    lines = ["tables:"]
    for table in tables:
        lines.append(f"  - name: {table.name}")
        lines += [f"    from: {json.dumps(table.relation)}"] if table.relation else []
        lines.append(f"    key: {json.dumps(table.key)}    # what tells people apart, guessed by its name")
        if table is main:
            lines.append("    main: true    # its rows are the staged rows: the table of tumors or people")
        else:
            lines.append(
                f"    take: {{lowest: [{json.dumps(table.key)}]}}    # WHICH ROW stands for a person?"
            )
        lines.append("    columns:    # what a file must have to be this table: keep what you use")
        lines += [f"      - {json.dumps(column.name)}" for column in table.columns]
    return lines


def _main(tables: Sequence[TableProfile]) -> TableProfile:
    """The widest table whose key tells its rows apart, else the widest."""
    return max(tables, key=lambda table: (table.unique, len(table.columns)))


def _columns(tables: Sequence[TableProfile]) -> list[str]:
    main = _main(tables)
    lines = ["columns:", f"  patient_key: {{column: {_reference(main, main.key)}}}"]
    for table in tables:
        for column in table.columns:
            if table is not main or column.name != main.key:
                lines += ["", *_column(table, column)]
    return lines


def _column(table: TableProfile, column: ColumnProfile) -> list[str]:
    """A block of comments for one received column."""
    hints = staged_for(column.name)
    lines = [f"  # {column.name.strip()!r}: {column.kind}" + (f"; {column.hidden}" if column.hidden else "")]
    meanings = _meanings()
    lines += [f"  # may be {name}: {meanings[name]}" for name in hints]
    lines.append(f"  # {hints[0] if hints else 'STAGED_COLUMN'}:")
    if column.kind == "dates":
        lines.append(f"  #   interval: {{from: {_reference(table, column.name)}, to: TABLE.OTHER_DATE}}")
        return lines
    lines.append(f"  #   column: {_reference(table, column.name)}")
    if column.codes and not _is_number(hints):
        lines.append("  #   values:")
        lines += [f"  #     {json.dumps(code, ensure_ascii=False)}: WORD" for code in column.codes]
    return lines


def _ascertainment() -> list[str]:
    return [
        "",
        "# What the source cannot give, and why: a study that needs it is refused with this reason.",
        "# ascertainment:",
        "#   - variables: [chemotherapy, radiation]",
        "#     status: not_released",
        "#     reason: The table holds no treatment.",
    ]


def _reference(table: TableProfile, column: str) -> str:
    return json.dumps(f"{table.name}.{column}", ensure_ascii=False)


def staged_for(received: str) -> list[str]:
    """Staged columns that a received column may be for, by its name; the likeliest first, at most two."""
    names = _known_names()
    wanted = plain_name(received)
    close = [wanted] if wanted in names else difflib.get_close_matches(wanted, names, n=3, cutoff=0.84)
    return list(dict.fromkeys(names[name] for name in close))[:2]


@lru_cache(maxsize=1)
def _known_names() -> dict[str, str]:
    """Staged column by plain name: the names of registries, and those of the staged columns themselves."""
    with HINTS.open(encoding="utf-8", newline="") as stream:
        known = {plain_name(row["received"]): row["staged"] for row in csv.DictReader(stream)}
    return {name: name for name in _meanings()} | known


@lru_cache(maxsize=1)
def _meanings() -> dict[str, str]:
    rows = pl.read_csv(STAGED_COLUMNS, infer_schema=False).fill_null("").iter_rows(named=True)
    return {
        row["column"]: row["vocabulary"]
        if "|" in row["vocabulary"]
        else f"{row['meaning']} ({row['unit'] or row['type']})"
        for row in rows
    }


def _is_number(hints: Sequence[str]) -> bool:
    types = dict(pl.read_csv(STAGED_COLUMNS, infer_schema=False).select("column", "type").iter_rows())
    return bool(hints) and types[hints[0]] in ("double", "integer", "bigint")
