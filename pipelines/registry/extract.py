"""What was received, under the names that staging reads; for a mapped source, one relation per table."""

from pathlib import Path

import duckdb
import polars as pl

from pipelines import codebook
from pipelines.codebook.conversions import as_sent_sql
from pipelines.errors import InputError


def register_extract(
    con: duckdb.DuckDBPyConnection, files: list[Path], *, dialect: str, release: str, converted: bool = False
) -> None:
    """Make relation ``extract``: canonical names, text as received; a field that was not received is null.

    A file that a tool of the site ``converted`` gives the codes as the registry sent them. Where files name one field
    differently, each record has it by its file's name; SEER*Stat's names are taken in their letter case, because an
    analyst's own variable may differ from a standard one in nothing else.

    Raises
    ------
    InputError
        There is no extract.
    """
    if not files:
        raise InputError("The submission has no extract", remedy="Load one with `cohorts load`.")
    received = con.read_parquet([str(path) for path in files], union_by_name=True)
    names: dict[str, list[str]] = {}
    for name in received.columns:
        names.setdefault(_comparable(name, dialect), []).append(name)
    found: dict[str, list[str]] = {}
    for spelling, canonical in codebook.received_names(dialect, release).iter_rows():
        there = found.setdefault(canonical, [])
        there += [name for name in names.get(_comparable(spelling, dialect), []) if name not in there]
    columns = [
        _select_field(field, found.get(field, []), converted) for field in codebook.canonical_fields(dialect)
    ]
    received.project(
        ", ".join([*columns, "source_file", "source_record::bigint as source_record"])
    ).create_view("extract", replace=True)


def _comparable(name: str, dialect: str) -> str:
    tidy = " ".join(name.split())
    return tidy if dialect == "seer" else tidy.casefold()


def _select_field(field: str, names: list[str], converted: bool) -> str:
    if not names:
        return f"null::varchar as {_quote(field)}"
    values = [as_sent_sql(_quote(name)) if converted else _quote(name) for name in names]
    return f"coalesce({', '.join(values)}) as {_quote(field)}"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def register_tables(
    con: duckdb.DuckDBPyConnection, files: list[Path], optional: dict[str, list[str]] | None = None
) -> dict[str, list[str]]:
    """Make a relation ``extract_<table>`` of every received table; return its columns by table.

    A table in several files (``<table>.1.parquet`` …) is one relation; a column that one of them lacks is null there.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
    files : list of Path
    optional : dict of str to list of str, optional
        By table: columns that are null where no file has them.
    """
    parts: dict[str, list[str]] = {}
    for path in files:
        parts.setdefault(path.stem.partition(".")[0], []).append(str(path))
    received = {}
    for name, paths in parts.items():
        table = con.read_parquet(paths, union_by_name=True)
        there = {column.lower() for column in table.columns}
        absent = [column for column in (optional or {}).get(name, []) if column.lower() not in there]
        nulls = [f"null::varchar as {_quote(column)}" for column in absent]
        table.project(", ".join(["*", *nulls])).create_view(f"extract_{name}", replace=True)
        received[name] = table.columns
    return received


def unmapped_codes(con: duckdb.DuckDBPyConnection, dialect: str) -> pl.DataFrame:
    """Count every code in ``extract`` that the scheme of its field does not have.

    Returns
    -------
    polars.DataFrame
        ``field, scheme, code, n`` (records), ordered; a blank or absent field is not an unmapped code.
    """
    decoded = codebook.field_schemes().filter((pl.col("source") == dialect) & pl.col("scheme").is_not_null())
    counted = [
        f"""
        select '{field}' as field, '{scheme}' as scheme, tidy({_quote(field)}) as code, count(*) as n
        from extract
        where decode('{scheme}', {_quote(field)}) = 'unmapped' and ({scope or "true"})
        group by all
        """
        for field, scheme, scope in decoded.select("field", "scheme", "scope")
        .unique()
        .sort("field", "scheme")
        .iter_rows()
    ]
    return con.sql(" union all ".join(counted) + " order by field, scheme, code").pl()
