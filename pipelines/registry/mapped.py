"""A mapping compiled to SQL: one select that gives ``staged`` from the received tables, and the counts beside it."""

from collections.abc import Iterable
from collections.abc import Mapping as ByName

import polars as pl

from pipelines.codebook.mapping import Column, Mapping, Table
from pipelines.errors import InputError
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
        "release": _quoted(mapping.id),
        "source_file": f"{main.name}.source_file",
        "source_record": f"{main.name}.source_record::bigint",
        "tumor_key": _text(mapping.columns["patient_key"].column or ""),
        **_statuses(mapping),
        **{
            name: _expression(column, staged_columns()[name], mapping)
            for name, column in mapping.columns.items()
        },
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
    {_quoted(table.name)} as table_name,
    count(*) as n_rows,
    count(*) filter (matched and place = 1) as n_taken,
    count(*) filter (matched and place > 1) as n_not_taken,
    count(*) filter (not matched) as n_unmatched
from (
    select
        {_place(table)} as place,
        trim({_identifier(table.key)}) in (select trim({_identifier(main.key)}) from {relation(main)}) as matched
    from {relation(table)}
)"""
        for table in mapping.side_tables
    ]
    empty = "select null::varchar as table_name, 0 as n_rows, 0 as n_taken, 0 as n_not_taken, 0 as n_unmatched limit 0"
    return "\nunion all\n".join(parts) or empty


def unmapped_sql(mapping: Mapping) -> str:
    """Compile the count of received texts that ``values`` does not list.

    Returns
    -------
    str
        A select giving ``field, scheme, code, n`` in the shape of ``unmapped_codes``; scheme is the mapping's id.
    """
    parts = [
        f"""select '{name}' as field, '{mapping.id}' as scheme, trim({_received(column.column)}) as code, count(*) as n
from {_joined(mapping)}
where {_expression(column, "varchar", mapping)} = 'unmapped'
group by all"""
        for name, column in sorted(mapping.columns.items())
        if column.column and column.values is not None and column.unmapped == "unmapped"
    ]
    empty = "select null::varchar as field, null::varchar as scheme, null::varchar as code, 0 as n limit 0"
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
        for column in sorted({*table.columns} - {*received[table.name]})
    ]
    if absent:
        raise InputError(
            f"The mapping {mapping.id} names what the files do not have: {', '.join(absent)}",
            where=f"mapping {mapping.id}",
            remedy="Correct the names in the mapping, or load the files it was written for.",
        )


def _check_staged(mapping: Mapping) -> None:
    table = pl.read_csv(STAGED_COLUMNS, infer_schema=False)
    vocabulary = dict(zip(table["column"], table["vocabulary"], strict=True))
    unknown = [f"columns.{name}: no such staged column" for name in mapping.columns if name not in vocabulary]
    fixed = [f"columns.{name}: filled by the program" for name in mapping.columns if name in RECORD_COLUMNS]
    words = [
        f"columns.{name}: {word!r} is not one of {vocabulary[name]}"
        for name, column in mapping.columns.items()
        if vocabulary.get(name) and "|" in vocabulary[name] and ".." not in vocabulary[name]
        for word in sorted({*column.words()} - {*vocabulary[name].split("|")} - ALWAYS_ALLOWED)
    ]
    if problems := [*unknown, *fixed, *words]:
        raise InputError(
            f"The mapping {mapping.id} does not fit the staged columns: {'; '.join(problems)}",
            where=f"mapping {mapping.id}",
            remedy="pipelines/registry/staged_columns.csv lists the columns and their words.",
        )


def _expression(column: Column, kind: str, mapping: Mapping) -> str:
    if column.constant is not None:
        return f"{_quoted(column.constant)}::{kind}"
    if column.first_of is not None:
        cases = " ".join(
            f"when {' and '.join(_condition(r, texts) for r, texts in case.when.items())} then {_quoted(case.then)}"
            for case in column.first_of
        )
        return f"case {cases} else {_quoted(column.otherwise)} end"
    if column.difference is not None:
        later, earlier = (_number(reference, column, mapping) for reference in column.difference)
        return f"round({later} - {earlier}, 6)::{kind}"  # no rounding error makes two equal times differ
    assert column.column is not None
    if column.values is not None:
        cases = " ".join(f"when {_quoted(code)} then {_quoted(word)}" for code, word in column.values.items())
        text = f"case {_text(column.column)} {cases} when 'blank' then 'blank' else {_quoted(column.unmapped)} end"
        return text if kind == "varchar" else f"try_cast({text} as {kind})"
    if kind == "varchar":
        return _text(column.column)
    if kind == "double":
        return _number(column.column, column, mapping)
    return f"try_cast(trim({_received(column.column)}) as {kind})"


def _statuses(mapping: Mapping) -> dict[str, str]:
    """State of every number that has a status column: recorded, blank, or a text that is no number."""
    return {
        f"{name}_status": f"case when {_text(column.column)} = 'blank' then 'blank' "
        f"when try_cast(trim({_received(column.column)}) as double) is null then 'unknown' else 'recorded' end"
        for name, column in mapping.columns.items()
        if column.column and f"{name}_status" in staged_columns()
    }


def _number(reference: str, column: Column, mapping: Mapping) -> str:
    number = f"try_cast(trim({_received(reference)}) as double)"
    return f"{number} / {mapping.days_per_month}" if column.unit == "days" else number


def _text(reference: str) -> str:
    """Trimmed text; the column is there, so an empty or missing value is ``blank``."""
    return f"coalesce(nullif(trim({_received(reference)}), ''), 'blank')"


def _condition(reference: str, texts: str | list[str]) -> str:
    wanted = [texts] if isinstance(texts, str) else texts
    return f"trim({_received(reference)}) in ({', '.join(map(_quoted, wanted))})"


def _joined(mapping: Mapping) -> str:
    """Main table with one row, or none, of every side table."""
    main = mapping.main_table
    sides = (
        f"\nleft join (select * from {relation(table)} qualify {_place(table)} = 1) as {table.name}\n"
        f"    on trim({main.name}.{_identifier(main.key)}) = trim({table.name}.{_identifier(table.key)})"
        for table in mapping.side_tables
    )
    return f"{relation(main)} as {main.name}{''.join(sides)}"


def _place(table: Table) -> str:
    """Place of a side row among those of its key: as numbers where they are, then text, then record order."""
    order = [
        f"try_cast({_identifier(c)} as double) nulls last, nullif(trim({_identifier(c)}), '') nulls last"
        for c in (table.take.lowest if table.take else [])
    ]
    by = ", ".join([*order, "source_file", "source_record"])
    return f"row_number() over (partition by trim({_identifier(table.key)}) order by {by})"


def _received(reference: str | None) -> str:
    table, _, column = (reference or "").partition(".")
    return f"{table}.{_identifier(column)}"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
