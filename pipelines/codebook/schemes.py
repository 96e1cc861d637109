"""Load the code tables and give them to DuckDB: relations ``codes`` and ``codes_<scheme>``, macro ``decode``.

A scheme says what each code of one item means, in one word of ours. One code has one meaning per scheme:
where a meaning changes with the year of diagnosis or with the release there are two schemes, so that no
reader of a table has to know a second key.
"""

from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import polars.selectors as cs

from pipelines.codebook.dates import DATE_MACROS

TABLES = Path(__file__).resolve().parent / "tables"

CODE_COLUMNS = ("code", "value", "label")
"""What every scheme has and ``codes`` repeats; a scheme may have more, such as ``operated`` for surgery."""

MACROS = (
    """create or replace macro tidy(text_value) as
           trim(
               case
                   when contains(text_value, '  ') then regexp_replace(text_value, '\\s+', ' ', 'g')
                   else text_value
               end
           )""",
    # A lookup in a constant map: 60 fields of 500,000 records in 2.4 s; a correlated subquery takes 66 s.
    """create or replace macro decode(scheme_name, text_value) as
           case
               when text_value is null then null
               when trim(text_value) = '' then 'blank'
               else coalesce(
                   map_extract_value(getvariable('scheme_' || scheme_name), tidy(text_value)),
                   'unmapped'
               )
           end""",
    "create or replace macro as_number(text_value) as try_cast(trim(text_value) as double)",
    "create or replace macro as_whole(text_value) as try_cast(trim(text_value) as integer)",
    # As recorded, trimmed (as_digits: with its leading zeros); a field that is there and empty says so.
    """create or replace macro as_text(text_value) as
           case when trim(text_value) = '' then 'blank' else trim(text_value) end""",
    """create or replace macro as_digits(text_value, width) as
           case
               when length(trim(text_value)) between 1 and width - 1 then lpad(trim(text_value), width, '0')
               else as_text(text_value)
           end""",
    # The first field of an item that two eras have under two names; blank only where no era's field is filled.
    "create or replace macro filled(word, other) as coalesce(nullif(word, 'blank'), other, word)",
    # Days from diagnosis: blank, 8888 and 9999 are three different states of a number that is not there.
    """create or replace macro days_recorded(text_value) as
           case when as_whole(text_value) not in (8888, 9999) then as_whole(text_value) end""",
    """create or replace macro days_status(text_value) as
           case
               when text_value is null then null
               when trim(text_value) = '' then 'blank'
               when as_whole(text_value) = 8888 then 'not_applicable'
               when days_recorded(text_value) is not null then 'recorded'
               else 'unknown'
           end""",
)


@cache
def schemes() -> dict[str, pl.DataFrame]:
    """Read every scheme, by name; all columns are text, an empty cell is null.

    Returns
    -------
    dict of str to polars.DataFrame
        At least ``code, value, label, valid_from, valid_to, means_missing, source``.
    """
    return {path.stem: _read(path) for path in sorted((TABLES / "schemes").glob("*.csv"))}


@cache
def field_schemes() -> pl.DataFrame:
    """Read which field of which dialect (column ``source``) staging reads, and the scheme that decodes it.

    Returns
    -------
    polars.DataFrame
        ``source, field, scheme, note, scope``; scope is the SQL condition of the records whose codes the scheme
        lists (null: all), where an item has another code list for each site.
    """
    return pl.concat(
        (
            _read(path).select("source", "field", "scheme", "note", cs.matches("^scope$"))
            for path in sorted(TABLES.glob("field_schemes*.csv"))
        ),
        how="diagonal",
    )


def canonical_fields(dialect: str) -> list[str]:
    """List the canonical fields that staging of ``dialect`` may read, in name order."""
    listed = field_schemes().filter(pl.col("source") == dialect)["field"].to_list()
    return sorted(set(listed) | set(_concepts(dialect)["concept"].to_list()))


def received_names(dialect: str, release: str) -> pl.DataFrame:
    """Give the names under which each canonical field may have been received.

    Parameters
    ----------
    dialect, release : str
        For example ``ncdb`` and ``2016``.

    Returns
    -------
    polars.DataFrame
        ``received, canonical``; where an extract has several for one field, the first counts.
    """
    if dialect == "seer":
        return _concepts(dialect).select(received="header", canonical="concept")
    fields = pl.Series(canonical_fields(dialect), dtype=pl.String)
    renamed = _read(TABLES / "ncdb_renames.csv").filter(
        pl.col("release") == release, pl.lit(dialect == "ncdb")
    )
    return pl.concat(
        [pl.DataFrame({"received": fields, "canonical": fields}), renamed.select("received", "canonical")]
    )


@cache
def every_ascertainment() -> pl.DataFrame:
    """What every dialect and release has, does not collect, withholds or does not release.

    Returns
    -------
    polars.DataFrame
        ``source`` (the dialect), ``release_from, release_to`` (years, null without a limit), ``variable, status,
        reason, reference``.
    """
    tables = [_read(path) for path in sorted(TABLES.glob("ascertainment_*.csv"))]
    return pl.concat(tables, how="diagonal").with_columns(pl.col("release_from", "release_to").cast(pl.Int64))


def ascertainment_facts(dialect: str, release_year: int | None) -> pl.DataFrame:
    """Say, for one dialect and release, what is recorded, derived, not collected, withheld or not released.

    Returns
    -------
    polars.DataFrame
        ``variable, status, reason, reference``, ordered by variable.
    """
    year = pl.lit(release_year, dtype=pl.Int64)
    return (
        every_ascertainment()
        .filter(pl.col("source") == dialect)
        .filter(
            (pl.col("release_from") <= year).fill_null(pl.col("release_from").is_null()),
            (pl.col("release_to") >= year).fill_null(pl.col("release_to").is_null()),
        )
        .select("variable", "status", "reason", "reference")
        .sort("variable")
    )


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make relations ``codes`` and ``codes_<scheme>`` and the macros of staging in a connection.

    ``decode('scheme', column)`` gives null for null (the extract has no such field), ``blank`` for an empty
    text, ``unmapped`` for a code that the scheme does not have, else the scheme's value. Text is matched
    without its padding and with inner runs of blanks as one blank.
    """
    tables = schemes()
    for name, table in tables.items():
        con.register(f"codes_{name}", table.to_arrow())
    every_code = pl.concat(
        table.select(pl.lit(name).alias("scheme"), *CODE_COLUMNS) for name, table in tables.items()
    )
    con.register("codes", every_code.to_arrow())
    for name in tables:
        # One variable per scheme: a staging select names some hundred, and each is copied into its plan.
        con.execute(
            f"set variable scheme_{name} = (select map_from_entries(list((code, value))) from codes_{name})"
        )
    for macro in (*MACROS, *DATE_MACROS):
        con.execute(macro)


def _concepts(dialect: str) -> pl.DataFrame:
    path = TABLES / "seerstat_headers.csv"
    if dialect != "seer" or not path.is_file():
        return pl.DataFrame(schema={"concept": pl.String, "header": pl.String})
    return _read(path).select("concept", "header")


def _read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)
