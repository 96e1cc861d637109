"""``staged``: typed, decoded, the same columns for every source."""

from pathlib import Path

import duckdb
import polars as pl

STAGED_COLUMNS = Path(__file__).resolve().parent / "staged_columns.csv"


def staged_columns() -> dict[str, str]:
    """Name and DuckDB type of every staged column, in order."""
    table = pl.read_csv(STAGED_COLUMNS, infer_schema=False)
    return dict(zip(table["column"], table["type"], strict=True))


def register_staged(con: duckdb.DuckDBPyConnection, select: str) -> None:
    """Make relation ``staged`` from one select, held to ``staged_columns.csv``.

    A column that the select does not give is null: the source has no such field.

    Raises
    ------
    ValueError
        The select gives a column that is not in the list, or one of another type: an error of the SQL file.
    """
    expected = staged_columns()
    given = {name: kind.lower() for name, kind, *_ in con.execute(f"describe {select}").fetchall()}
    wrong = sorted(
        f"{name} {kind} (expected {expected.get(name, 'no such column')})"
        for name, kind in given.items()
        if kind != expected.get(name)
    )
    if wrong:
        raise ValueError(f"staging does not keep to {STAGED_COLUMNS.name}: {', '.join(wrong)}")
    columns = ",\n".join(
        name if name in given else f"null::{kind} as {name}" for name, kind in expected.items()
    )
    con.execute(f"create or replace view staged as select {columns} from ({select})")
