"""What each rule asks, as one SQL query returning a row for every row that breaks it.

``{batch}`` is the relation the check is about; Great Expectations puts it in. Rows outside the check's scope, and
those for which its condition is null, are not asked, because missing is never "no"; whether a value may be missing
is a check of its own (`not_null`, `known`).
"""

import re
from collections.abc import Callable

from pipelines.quality.checks import Check

UNKNOWN_WORDS = ("unknown", "blank", "unmapped", "not_collected", "not_released", "withheld")
"""Words that say a value is not known; ``not_applicable`` is an answer."""

BIND_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")


def breaking_rows(check: Check) -> str:
    """Return the query for the rows in scope that break a check, ready for Great Expectations.

    Parameters
    ----------
    check : Check

    Returns
    -------
    str
        ``select`` over ``{batch}``; literal braces are doubled and colons that SQLAlchemy would take for bind
        parameters are escaped.
    """
    query = QUERIES[check.rule](check)
    scope = _scope(check)
    return (
        query.replace("{batch}", f"(select * from {{batch}} where {scope}) as in_scope") if scope else query
    )


def checked_rows(check: Check) -> str | None:
    """Return the query for the rows a check is about, its denominator; none where it is about all of them.

    A condition is asked only of the rows that can answer it: one that is null is neither kept nor broken.
    """
    scope = _scope(check)
    return f"select 1 as checked from {{batch}} where {scope}" if scope else None


def _scope(check: Check) -> str:
    conditions = [check.scope] if check.scope else []
    if check.rule == "row_condition":
        conditions.append(f"({check.argument}) is not null")
    return _escape(" and ".join(f"({condition})" for condition in conditions))


def _not_empty(check: Check) -> str:
    return "select 1 as broken where (select count(*) from {batch}) = 0"


def _not_null(check: Check) -> str:
    return _where(f"{quote(check.column)} is null")


def _known(check: Check) -> str:
    column = quote(check.column)
    return _where(f"{column} is null or cast({column} as varchar) in ({_words(UNKNOWN_WORDS)})")


def _in_vocabulary(check: Check) -> str:
    column = quote(check.column)
    first, dots, last = check.argument.partition("..")
    if dots:
        inside = f"{column} between {literal(first)} and {literal(last)}"
        if len(first) == len(last):  # codes of fixed width: '5' is not in 00..99
            inside += f" and length(cast({column} as varchar)) = {len(first)}"
        return _where(f"not ({inside})")
    return _where(f"cast({column} as varchar) not in ({_words(check.argument.split('|'))})")


def _unique(check: Check) -> str:
    keys = ", ".join(quote(key.strip()) for key in check.column.split("|"))
    return f"select 1 as broken from {{batch}} qualify count(*) over (partition by {keys}) > 1"


def _row_condition(check: Check) -> str:
    return _where(f"not ({check.argument})")


def _referential(check: Check) -> str:
    table, _, key = check.argument.partition(".")
    column, other = quote(check.column), quote(key or check.column)
    return _where(
        f"{column} is not null and {column} not in"
        f" (select {other} from {quote(table)} where {other} is not null)"
    )


def _count_equal(check: Check) -> str:
    other = quote(check.argument)
    counts = f"(select count(*) from {other}) - (select count(*) from {{batch}})"
    return f"select 1 as broken from range(abs({counts}))"


QUERIES: dict[str, Callable[[Check], str]] = {
    "not_empty": _not_empty,
    "not_null": _not_null,
    "known": _known,
    "in_vocabulary": _in_vocabulary,
    "unique": _unique,
    "row_condition": _row_condition,
    "referential": _referential,
    "count_equal": _count_equal,
}


def _where(condition: str) -> str:
    return f"select 1 as broken from {{batch}} where {_escape(condition)}"


def _escape(condition: str) -> str:
    return BIND_PARAMETER.sub(r"\\:", condition.replace("{", "{{").replace("}", "}}"))


def quote(name: str) -> str:
    """Quote a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _words(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(literal(word) for word in words)
