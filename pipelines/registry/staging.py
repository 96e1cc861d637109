"""The extract under canonical names, and ``staged``: typed, decoded, the same columns for every source."""

from pathlib import Path

import duckdb
import polars as pl

from pipelines import codebook
from pipelines.errors import InputError

STAGED_COLUMNS = Path(__file__).resolve().parent / "staged_columns.csv"
RECORD_KEY = "source_file, source_record"


def staged_columns() -> dict[str, str]:
    """Name and DuckDB type of every staged column, in order."""
    table = pl.read_csv(STAGED_COLUMNS, infer_schema=False)
    return dict(zip(table["column"], table["type"], strict=True))


def register_extract(con: duckdb.DuckDBPyConnection, files: list[Path], *, source: str, release: str) -> None:
    """Make relation ``extract``: canonical names, text as received; a field that was not received is null.

    Raises
    ------
    InputError
        There is no extract.
    """
    if not files:
        raise InputError("The submission has no extract", remedy="Load one with `cohorts load`.")
    received = con.read_parquet([str(path) for path in files], union_by_name=True)
    names = {name.strip().casefold(): name for name in received.columns}
    aliases: dict[str, list[str]] = {}
    for alias, canonical in codebook.received_names(source, release).iter_rows():
        aliases.setdefault(canonical, []).append(alias)
    columns = [
        _select_field(field, [field, *aliases.get(field, [])], names)
        for field in codebook.canonical_fields(source)
    ]
    received.project(
        ", ".join([*columns, "source_file", "source_record::bigint as source_record"])
    ).create_view("extract", replace=True)


def _select_field(field: str, candidates: list[str], names: dict[str, str]) -> str:
    found = next((names[c.strip().casefold()] for c in candidates if c.strip().casefold() in names), None)
    return f"{_quote(found)} as {_quote(field)}" if found else f"null::varchar as {_quote(field)}"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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


def unmapped_codes(con: duckdb.DuckDBPyConnection, source: str) -> pl.DataFrame:
    """Count every code in ``extract`` that the scheme of its field does not have.

    Returns
    -------
    polars.DataFrame
        ``field, scheme, code, n`` (records), ordered; a blank or absent field is not an unmapped code.
    """
    decoded = codebook.field_schemes().filter((pl.col("source") == source) & pl.col("scheme").is_not_null())
    counted = [
        f"""
        select '{field}' as field, '{scheme}' as scheme, tidy({_quote(field)}) as code, count(*) as n
        from extract
        where decode('{scheme}', {_quote(field)}) = 'unmapped'
        group by all
        """
        for field, scheme in decoded.select("field", "scheme").unique().sort("field", "scheme").iter_rows()
    ]
    if not counted:
        return EMPTY_UNMAPPED
    return con.execute(" union all ".join(counted) + " order by field, scheme, code").pl()


EMPTY_UNMAPPED = pl.DataFrame(
    schema={"field": pl.String, "scheme": pl.String, "code": pl.String, "n": pl.Int64}
)
