"""One staged column of a mapping, compiled to SQL: its value, and what of the received is no value for it."""

from pipelines.codebook.mapping import ISO_DATE, Mapping
from pipelines.codebook.mapping_columns import Column, Reference
from pipelines.codebook.units import measured_with, ratio

NO_NUMBER, NO_DATE, OUT_OF_RANGE = "(no number)", "(no date)", "(out of range)"
"""What stands in the counts in place of a person's number or date."""


def value_sql(column: Column, kind: str, unit: str, mapping: Mapping) -> str:
    """Compile the value of a staged column.

    Parameters
    ----------
    column : Column
    kind : str
        Type of the staged column, in DuckDB's words.
    unit : str
        Its unit; empty where it has none.
    mapping : Mapping
    """
    if column.constant is not None:
        return f"{quoted(column.constant)}::{kind}"
    if column.first_of is not None:
        return f"{_cases(column)}::{kind}" if kind == "varchar" else f"try_cast({_cases(column)} as {kind})"
    if kind in ("varchar", "boolean"):
        text = _word(column)
        return text if kind == "varchar" else f"try_cast({text} as boolean)"
    number = _number(column, unit, mapping)
    if column.at_least is not None:
        number = f"case when {number} >= {column.at_least} then {number} end"
    if column.at_most is not None:
        number = f"case when {number} <= {column.at_most} then {number} end"
    return number if kind == "double" else f"try_cast(round({number}) as {kind})"


def problem_sql(column: Column, kind: str, unit: str, mapping: Mapping) -> str | None:
    """Compile what is counted as unmapped: the received text, or a word in place of a number or date; else null.

    Returns
    -------
    str or None
        None where nothing about the column can be unmapped.
    """
    if column.constant is not None or column.first_of is not None:
        return None
    if kind in ("varchar", "boolean"):
        if column.values is None or column.unmapped != "unmapped":
            return None
        return f"case when {_word(column)} = 'unmapped' then {_filled(column.columns, column)} end"
    number = _number(column, unit, mapping)
    fitting = number if kind == "double" else f"try_cast(round({number}) as {kind})"
    beyond = [f"{number} < {column.at_least}"] if column.at_least is not None else []
    beyond += [f"{number} > {column.at_most}"] if column.at_most is not None else []
    out_of_range = f" when {' or '.join(beyond)} then {quoted(OUT_OF_RANGE)}" if beyond else ""
    received = " and ".join(f"{text} is not null" for text in _received_texts(column))
    what = NO_DATE if column.interval or column.year_of else NO_NUMBER
    return f"case when {received} and {fitting} is null then {quoted(what)}{out_of_range} end"


def status_sql(column: Column, kind: str, unit: str, mapping: Mapping, *, known: str) -> str:
    """Compile the state of a number that has a status column: ``known``, blank, or a text that is no number."""
    if column.constant is not None:
        return quoted(known)
    empty = " or ".join(f"{text} is null" for text in _received_texts(column))
    return (
        f"case when {value_sql(column, kind, unit, mapping)} is not null then {quoted(known)} "
        f"when {empty or 'false'} then 'blank' else 'unknown' end"
    )


def unit_problem(column: Column, kind: str, unit: str) -> str | None:
    """Say why a column cannot be in the unit that the mapping gives, or None."""
    number = kind not in ("varchar", "boolean")
    if not number and (column.unit or column.at_least is not None or column.at_most is not None):
        return "unit, at_least and at_most are for columns of numbers"
    if not number and (column.difference or column.interval or column.year_of or column.body_mass_index):
        return "it holds words, and the mapping gives a number"
    if column.unit is not None and column.unit not in measured_with(unit):
        fitting = ", ".join(measured_with(unit)) or "none: leave unit out"
        return f"is in {unit or 'no unit'}, which cannot come from {column.unit} (units that can: {fitting})"
    if column.interval is not None and unit not in measured_with("days"):
        return f"is in {unit or 'no unit'}, which is no time between two dates"
    return None


def text_sql(reference: str) -> str:
    """Trimmed text; the column is there, so an empty or missing value is ``blank``."""
    return f"coalesce({_trimmed(reference)}, 'blank')"


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def _trimmed(reference: str) -> str:
    table, _, column = reference.partition(".")
    return f"nullif(trim({table}.{identifier(column)}), '')"


def _received_texts(column: Column) -> list[str]:
    """Texts that must be there for a value; null where nothing is."""
    if column.columns:
        return [_filled(column.columns, column)]
    return [_filled([reference], column) for reference in column.references()]


def _filled(references: list[Reference], column: Column) -> str:
    """First of some columns that holds a text, those that say nothing left out; null if none does."""
    texts = [_trimmed(reference) for reference in references]
    if column.missing:
        nothing = ", ".join(map(quoted, column.missing))
        texts = [f"case when {text} not in ({nothing}) then {text} end" for text in texts]
    return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"


def _word(column: Column) -> str:
    """Text as it is, or by ``values``; nothing there is ``blank``."""
    text = _filled(column.columns, column)
    if column.values is None:
        return f"coalesce({text}, 'blank')"
    return (
        f"case when {text} is null then 'blank' {_by_values(column, text)} else {quoted(column.unmapped)} end"
    )


def _by_values(column: Column, text: str) -> str:
    values = column.values or {}
    if column.match == "whole":
        return " ".join(f"when {text} = {quoted(code)} then {quoted(word)}" for code, word in values.items())
    longest_first = sorted(values.items(), key=lambda item: (-len(item[0]), item[0]))
    return " ".join(
        f"when starts_with({text}, {quoted(code)}) then {quoted(word)}" for code, word in longest_first
    )


def _cases(column: Column) -> str:
    cases = " ".join(
        f"when {' and '.join(_condition(r, texts) for r, texts in case.when.items())} then {quoted(case.then)}"
        for case in column.first_of or []
    )
    return f"case {cases} else {quoted(column.otherwise)} end"


def _condition(reference: str, texts: str | list[str]) -> str:
    wanted = [texts] if isinstance(texts, str) else texts
    return f"{text_sql(reference)} in ({', '.join(map(quoted, wanted))})"


def _number(column: Column, unit: str, mapping: Mapping) -> str:
    """Number in the staged unit, null where a text is none."""
    if column.interval is not None:
        return _interval(column, unit, mapping)
    if column.year_of is not None:
        return f"year({_date(column.year_of, column, mapping)})"
    if (body := column.body_mass_index) is not None:
        height = _converted(_as_number(_filled([body.height], column)), body.height_unit, "m", mapping)
        weight = _converted(_as_number(_filled([body.weight], column)), body.weight_unit, "kg", mapping)
        return f"round({weight} / nullif(power({height}, 2), 0), 1)"
    if column.difference is not None:
        later, earlier = (_as_number(_filled([reference], column)) for reference in column.difference)
        # Rounded, so that no rounding error makes two equal times differ.
        return f"round({_converted(f'({later} - {earlier})', column.unit or unit, unit, mapping)}, 6)"
    text = _filled(column.columns, column)
    if column.values is not None:
        text = f"case {_by_values(column, text)} else {text} end"
    number = _as_number(text)
    if column.unit in (None, unit):
        return number
    return f"round({_converted(number, column.unit or unit, unit, mapping)}, 6)"


def _as_number(text: str) -> str:
    """Finite number; the casts of ``inf`` and ``nan`` are none."""
    number = f"try_cast({text} as double)"
    return f"case when isfinite({number}) then {number} end"


def _converted(number: str, received: str, wanted: str, mapping: Mapping) -> str:
    if received == wanted:
        return number
    multiplier, divisor = ratio(received, wanted, days_per_month=mapping.days_per_month)
    by = f" * {multiplier:.15g}" if multiplier != 1 else ""
    return f"{number}{by}" + (f" / {divisor:.15g}" if divisor != 1 else "")


def _interval(column: Column, unit: str, mapping: Mapping) -> str:
    assert column.interval is not None
    since, until = (_date(each, column, mapping) for each in (column.interval.since, column.interval.until))
    if unit == "years":  # as people count their age
        return f"date_sub('year', {since}, {until})::double"
    days = f"date_diff('day', {since}, {until})::double"
    return days if unit == "days" else f"round({_converted(days, 'days', unit, mapping)}, 6)"


def _date(reference: str, column: Column, mapping: Mapping) -> str:
    """Date by the mapping's formats; the time of day of an ISO timestamp is passed over."""
    text = _filled([reference], column)
    if ISO_DATE in mapping.date_formats:
        text = rf"regexp_replace({text}, '^(\d{{4}}-\d\d-\d\d)[ T].*$', '\1')"
    formats = ", ".join(map(quoted, mapping.date_formats))
    return f"try_strptime({text}, [{formats}])::date"
