"""What an expression of a definition may be: it reads one record, and says the same of it on every run."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb

CLOCKS = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "ago"}
)
"""What DuckDB reads as a function of the time though it is written like a column, and its macro of the time."""


def mistake_in(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Why an expression over the relation ``tumor`` of a connection cannot be used; empty where it can.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
    sql : str
        An expression. No record is read: it is taken apart, and bound.
    """
    if strange := list(dict.fromkeys(beyond_one_record(con, sql))):
        return f"{', '.join(strange)}: an expression reads one record, and says the same on every run"
    try:
        con.execute(f"select {sql} from tumor limit 0")
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    return ""


def beyond_one_record(con: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    """Aggregates, window functions, subqueries, and functions of time or chance in an expression, by name."""
    answer = con.execute("select json_serialize_sql(?)", [f"select {sql}"]).fetchone()
    for node in nodes(json.loads(answer[0]) if answer else {}):
        name = str(node.get("function_name", "")).lower()
        column = node.get("column_names") or [""]
        if node.get("class") == "SUBQUERY":
            yield "a subquery"
        elif node.get("class") == "WINDOW":
            yield f"the window function {name}"
        elif name in functions("function_type = 'aggregate'"):
            yield f"the aggregate {'count' if name == 'count_star' else name}"
        elif name in functions("stability <> 'CONSISTENT'") or name in CLOCKS:
            yield f"{name}, which is never the same"
        elif str(column[-1]).lower() in CLOCKS:
            yield f"{column[-1]}, which is never the same"


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a parsed expression."""
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(part)


@cache
def functions(which: str) -> frozenset[str]:
    """Names of DuckDB's functions of some kind."""
    with duckdb.connect(":memory:") as con:
        found = con.execute(f"select distinct function_name from duckdb_functions() where {which}").fetchall()
    return frozenset(name for (name,) in found)
