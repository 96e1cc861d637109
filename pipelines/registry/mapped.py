"""A mapping compiled to SQL: one select that gives ``staged`` from the received tables, and the counts beside it."""

import difflib
from collections.abc import Iterable
from collections.abc import Mapping as ByName
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from pipelines.codebook.mapping import Mapping, Table
from pipelines.codebook.mapping_columns import Column
from pipelines.errors import InputError
from pipelines.registry.mapped_columns import (
    identifier,
    problem_sql,
    quoted,
    status_sql,
    text_sql,
    unit_problem,
    value_sql,
)
from pipelines.registry.staging import STAGED_COLUMNS, staged_columns

RECORD_COLUMNS = ("source", "release", "source_file", "source_record")
ALWAYS_ALLOWED = {"unknown", "blank", "unmapped", "not_applicable"}


def relation(table: Table) -> str:
    """Name of the relation that holds one received table."""
    return f"extract_{table.name}"


def main_relation(mapping: Mapping) -> str:
    """Name of the relation whose rows are the staged rows."""
    return relation(mapping.main_table)


def staged_sql(mapping: Mapping) -> str:
    """Compile a mapping to one select with the staged columns that it fills.

    Parameters
    ----------
    mapping : Mapping

    Returns
    -------
    str
        One select over ``extract_<table>``; as many rows as the main table, whatever the side tables hold.

    Raises
    ------
    InputError
        The mapping fills what is not a staged column, or writes a word that the column does not have.
    """
    _check_staged(mapping)
    main = mapping.main_table
    expressions = {
        "source": "'mapped'",
        "release": quoted(mapping.id),
        "source_file": f"{main.name}.source_file",
        "source_record": f"{main.name}.source_record::bigint",
        "tumor_key": text_sql(mapping.columns["patient_key"].columns[0]),
        **_statuses(mapping),
        **_values(mapping),
    }
    selected = ",\n    ".join(f"{expression} as {name}" for name, expression in expressions.items())
    return f"select\n    {selected}\nfrom {_joined(mapping)}"


def side_table_counts_sql(mapping: Mapping) -> str:
    """Compile the count of every side table's rows: taken, not taken, without a main row.

    Returns
    -------
    str
        A select giving ``table_name, n_rows, n_taken, n_not_taken, n_unmatched``; the last three sum to ``n_rows``.
    """
    main = mapping.main_table
    parts = [
        f"""select
    {quoted(table.name)} as table_name,
    count(*) as n_rows,
    count(*) filter (matched and place = 1) as n_taken,
    count(*) filter (matched and place > 1) as n_not_taken,
    count(*) filter (not matched) as n_unmatched
from (
    select
        {_place(table)} as place,
        trim({identifier(table.key)}) in (select trim({identifier(main.key)}) from {relation(main)}) as matched
    from {relation(table)}
)"""
        for table in mapping.side_tables
    ]
    empty = "select null::varchar as table_name, 0 as n_rows, 0 as n_taken, 0 as n_not_taken, 0 as n_unmatched limit 0"
    return "\nunion all\n".join(parts) or empty


def unmapped_sql(mapping: Mapping) -> str:
    """Compile the count of received texts that ``values`` does not list, and of what is no number, date or in range.

    Returns
    -------
    str
        A select giving ``field, scheme, code, n`` in the shape of ``unmapped_codes``; scheme is the mapping's id.
    """
    table = _staged_table()
    problems = {
        name: problem_sql(column, table[name].type, table[name].unit, mapping)
        for name, column in sorted(mapping.columns.items())
    }
    parts = [
        f"""select '{name}' as field, '{mapping.id}' as scheme, {problem} as code, count(*) as n
from {_joined(mapping)}
where {problem} is not null
group by all"""
        for name, problem in problems.items()
        if problem is not None
    ]
    empty = (
        "select null::varchar as field, null::varchar as scheme, null::varchar as code, 0 as n where false"
    )
    return ("\nunion all\n".join(parts) or empty) + "\norder by field, code"


def mapped_ascertainment(mapping: Mapping) -> pl.DataFrame:
    """Say what the source records, derives, withholds or never releases, as its mapping states it.

    Returns
    -------
    polars.DataFrame
        ``variable, status, reason, reference``, ordered by variable.
    """
    rows = [
        (variable, statement.status, statement.reason, mapping.citation)
        for statement in mapping.ascertainment
        for variable in statement.variables
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("variable", "status", "reason", "reference"), pl.String), orient="row"
    ).sort("variable")


def check_received(mapping: Mapping, received: ByName[str, Iterable[str]]) -> None:
    """Hold a mapping against the columns that were received.

    Parameters
    ----------
    mapping : Mapping
    received : mapping of str to iterable of str
        Column names by table.

    Raises
    ------
    InputError
        Every table and column that the mapping names and that is not there, at once.
    """
    absent = [f"table {table.name}" for table in mapping.tables if table.name not in received]
    absent += [
        f"{table.name}.{column}"
        for table in mapping.tables
        if table.name in received
        for column in _lacking(table.columns, received[table.name])
    ]
    if absent:
        raise InputError(
            f"The mapping {mapping.id} names what the files do not have: {', '.join(absent)}",
            where=f"mapping {mapping.id}",
            remedy="Correct the names in the mapping, or load the files it was written for.",
        )


def without_absent(mapping: Mapping, received: ByName[str, Iterable[str]]) -> Mapping:
    """Leave out the staged columns that rest on optional columns alone which no file has: the source has no such field.

    Parameters
    ----------
    mapping : Mapping
    received : mapping of str to iterable of str
        Column names by table.
    """
    there = {f"{table}.{column}".lower() for table, columns in received.items() for column in columns}
    kept = {
        name: column
        for name, column in mapping.columns.items()
        if not column.references() or any(each.lower() in there for each in column.references())
    }
    return mapping.model_copy(update={"columns": kept})


def _lacking(needed: Iterable[str], received: Iterable[str]) -> list[str]:
    """Columns that are not there in any letter case."""
    there = {name.lower() for name in received}
    return sorted(name for name in needed if name.lower() not in there)


def _check_staged(mapping: Mapping) -> None:
    table = _staged_table()
    unknown = [
        f"columns.{name}: no such staged column{_near(name)}" for name in mapping.columns if name not in table
    ]
    fixed = [f"columns.{name}: filled by the program" for name in mapping.columns if name in RECORD_COLUMNS]
    known = {name: column for name, column in mapping.columns.items() if name in table}
    words = [
        f"columns.{name}: {word!r} is not one of {table[name].vocabulary or 'the numbers'}"
        for name, column in known.items()
        for word in _strange_words(column, table[name])
    ]
    units = [
        f"columns.{name}: {problem}"
        for name, column in known.items()
        if (problem := unit_problem(column, table[name].type, table[name].unit)) is not None
    ]
    if problems := [*unknown, *fixed, *words, *units]:
        raise InputError(
            f"The mapping {mapping.id} does not fit the staged columns: {'; '.join(problems)}",
            where=f"mapping {mapping.id}",
            remedy="pipelines/registry/staged_columns.csv lists the columns, their words and units.",
        )


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, staged_columns(), n=2)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _strange_words(column: Column, staged: "StagedColumn") -> list[str]:
    """Words that a rule can write and the staged column does not have; a number's words must be numbers."""
    if staged.type in ("double", "integer", "bigint"):
        return [word for word in (column.values or {}).values() if not _is_number(word)]
    if "|" not in staged.vocabulary or ".." in staged.vocabulary:
        return []
    return sorted({*column.words()} - {*staged.vocabulary.split("|")} - ALWAYS_ALLOWED)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class StagedColumn:
    """One staged column: its type in DuckDB's words, its vocabulary and unit ('' where it has none)."""

    type: str
    vocabulary: str
    unit: str


@lru_cache(maxsize=1)
def _staged_table() -> dict[str, StagedColumn]:
    rows = pl.read_csv(STAGED_COLUMNS, infer_schema=False).fill_null("").iter_rows(named=True)
    return {row["column"]: StagedColumn(row["type"], row["vocabulary"], row["unit"]) for row in rows}


def _values(mapping: Mapping) -> dict[str, str]:
    table = _staged_table()
    return {
        name: value_sql(column, table[name].type, table[name].unit, mapping)
        for name, column in mapping.columns.items()
    }


def _statuses(mapping: Mapping) -> dict[str, str]:
    """State of every number that has a status column; the first word of its vocabulary is a number's that is known."""
    table = _staged_table()
    return {
        f"{name}_status": status_sql(
            column,
            table[name].type,
            table[name].unit,
            mapping,
            known=table[f"{name}_status"].vocabulary.split("|")[0],
        )
        for name, column in mapping.columns.items()
        if f"{name}_status" in table and not column.first_of
    }


def _joined(mapping: Mapping) -> str:
    """Main table with one row, or none, of every side table."""
    main = mapping.main_table
    sides = (
        f"\nleft join (select * from {relation(table)} qualify {_place(table)} = 1) as {table.name}\n"
        f"    on trim({main.name}.{identifier(main.key)}) = trim({table.name}.{identifier(table.key)})"
        for table in mapping.side_tables
    )
    return f"{relation(main)} as {main.name}{''.join(sides)}"


def _place(table: Table) -> str:
    """Place of a side row among those of its key: as numbers where they are, then text, then record order."""
    order = [
        f"try_cast({identifier(c)} as double) nulls last, nullif(trim({identifier(c)}), '') nulls last"
        for c in (table.take.lowest if table.take else [])
    ]
    by = ", ".join([*order, "source_file", "source_record"])
    return f"row_number() over (partition by trim({identifier(table.key)}) order by {by})"
