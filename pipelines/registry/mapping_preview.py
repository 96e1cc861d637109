"""The dry run of a mapping: some rows as they would arrive in ``staged``, and what became of every column.

Everything happens in memory and goes to the caller alone: nothing is written, nothing is logged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.errors import InputError
from pipelines.formats import TableReader, open_extract
from pipelines.formats.mapped.tables import checked_mapping
from pipelines.registry.mapped import (
    check_received,
    main_relation,
    staged_sql,
    unmapped_sql,
    without_absent,
)
from pipelines.registry.staging import register_staged


@dataclass(frozen=True)
class ColumnSummary:
    """What became of one staged column, in rows: with a value, blank or null, unmapped; and of how many texts."""

    column: str
    filled: int
    blank: int
    unmapped: int
    unmapped_texts: int


@dataclass(frozen=True)
class Preview:
    """A dry run.

    Parameters
    ----------
    rows : int
        Rows that would be staged (records).
    set_aside : int
        Records that could not be read.
    columns : tuple of str
        The columns that the mapping fills.
    first : tuple of tuple
        The first rows, by file and record.
    summary : tuple of ColumnSummary
    """

    rows: int
    set_aside: int
    columns: tuple[str, ...]
    first: tuple[tuple[object, ...], ...]
    summary: tuple[ColumnSummary, ...]


def preview_mapping(paths: Sequence[str | Path], mapping: Path, *, rows: int = 20) -> Preview:
    """Stage some files by a mapping, in memory.

    Parameters
    ----------
    paths : sequence of str or Path
        As for ``cohorts load``.
    mapping : Path
    rows : int
        How many rows to show.

    Raises
    ------
    InputError
        The mapping or the files are wrong, as ``cohorts load`` and ``cohorts build`` would say.
    """
    checked = checked_mapping(mapping)
    staged_sql(checked)  # says what does not fit before any long work
    extract = open_extract(paths, mapping=checked)
    parts: dict[str, list[pa.Table]] = {}
    set_aside = 0
    for table in extract.tables:
        kept, quarantined = _read(table)
        parts.setdefault(table.name.partition(".")[0], []).append(kept)
        set_aside += quarantined
    with duckdb.connect() as con:
        optional = {table.name: table.optional for table in checked.tables}
        received = {name: _register(con, name, tables, optional[name]) for name, tables in parts.items()}
        check_received(checked, received)
        checked = without_absent(checked, received)
        register_staged(con, staged_sql(checked))
        names = list(checked.columns)
        first = con.execute(
            f"select source_file, source_record, {', '.join(names)} from staged order by all limit {int(rows)}"
        ).fetchall()
        summary = _summary(con, names, unmapped_sql(checked))
        total = con.execute(f"select count(*) from {main_relation(checked)}").fetchone()
    assert total is not None
    return Preview(total[0], set_aside, ("source_file", "source_record", *names), tuple(first), summary)


def _read(table: TableReader) -> tuple[pa.Table, int]:
    batches = list(table.batches())
    if not batches:
        raise InputError("The table has no rows", where=table.source_file, remedy="Name one that has.")
    kept = pa.concat_tables([batch.kept for batch in batches], promote_options="permissive")
    return kept, sum(batch.quarantined.num_rows for batch in batches)


def _register(
    con: duckdb.DuckDBPyConnection, name: str, tables: Sequence[pa.Table], optional: Sequence[str]
) -> list[str]:
    """Make ``extract_<name>`` of the files of one table, as a build does."""
    for number, table in enumerate(tables):
        con.register(f"part_{name}_{number}", table)
    union = " union all by name ".join(f"select * from part_{name}_{number}" for number in range(len(tables)))
    columns = [column for column, *_ in con.execute(f"describe {union}").fetchall()]
    there = {column.lower() for column in columns}
    nulls = [
        ", null::varchar as " + '"' + column.replace('"', '""') + '"'
        for column in optional
        if column.lower() not in there
    ]
    con.execute(f"create view extract_{name} as select *{''.join(nulls)} from ({union})")
    return columns


def _summary(
    con: duckdb.DuckDBPyConnection, names: Sequence[str], unmapped: str
) -> tuple[ColumnSummary, ...]:
    strangers = {
        field: (rows, texts)
        for field, rows, texts in con.execute(
            f"select field, sum(n)::bigint, count(*) from ({unmapped}) group by field"
        ).fetchall()
    }
    counted = ", ".join(
        f"count(*) filter (coalesce({name}::varchar, 'blank') not in ('blank', 'unmapped'))" for name in names
    )
    total, *filled = con.execute(f"select count(*), {counted} from staged").fetchone() or (0,)
    return tuple(
        ColumnSummary(name, n, total - n - strangers.get(name, (0, 0))[0], *strangers.get(name, (0, 0)))
        for name, n in zip(names, filled, strict=True)
    )
