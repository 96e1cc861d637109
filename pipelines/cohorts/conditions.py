"""What an expression of a definition may be: it reads one record, and says the same of it on every run."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from pipelines.cohorts.composition import Composition
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.yaml_models import Document, Place
from pipelines.registry.dictionary import read_dictionary

CLOCKS = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "ago"}
)
"""What DuckDB reads as a function of the time though it is written like a column, and its macro of the time."""
USE_COLUMNS = "Use the columns of pipelines/registry/columns.csv and their words; SQL is DuckDB's."
UNREADABLE = (
    (r"at end of input", "the expression does not end: a bracket is open, or something is missing"),
    (r"unterminated quoted", "the expression does not end: a quote is open"),
    (r'at or near "(.+)"', r"the expression cannot be read from {0} on"),
)
"""What DuckDB's parser says, and what is told of it."""
UNBOUND = (
    (r'Referenced table "(.+?)" not found', "there is no table {0}: a column stands by its name alone"),
    (r"Function with name (\S+) does not exist", "there is no function {0}"),
    (r"Type with name (\S+) does not exist", "there is no type {0}"),
    (r"No function matches .* types '(.+)'\.", "{0} cannot be done with values of these types"),
)
"""The same for what it cannot bind."""


@dataclass(frozen=True)
class Expression:
    """SQL over tumor columns, as it stands in a definition.

    Attributes
    ----------
    name : str
        What a reader of the definition calls it.
    place : tuple
        Where it stands in the file.
    sql : str
    kind : str
        Type that it is read as; any where it is empty.
    """

    name: str
    place: Place
    sql: str
    kind: str = ""

    @property
    def typed(self) -> str:
        """The expression read as its type."""
        return f"cast(({self.sql}) as {self.kind})" if self.kind else self.sql


def conditions_of(definition: CohortDefinition | Composition) -> list[Expression]:
    """Every expression of a cohort, or of what it changes of its base."""
    found: list[Expression] = []
    for key in ("rules", "rules_after_index", "replace"):
        for number, rule in enumerate(getattr(definition, key, ())):
            if rule.when is not None:
                found.append(Expression(rule.id, (key, number, "when"), rule.when, "boolean"))
            for at, era in enumerate(rule.eras):
                name = f"{rule.id} ({era.first} to {era.last})"
                found.append(Expression(name, (key, number, "eras", at, "when"), era.when, "boolean"))
    if definition.index_tumor is not None:
        for number, (sql, _) in enumerate(definition.index_tumor.sort_keys):
            name = f"index_tumor.order_by ({sql})"
            found.append(Expression(name, ("index_tumor", "order_by", number), sql))
    if definition.arms is not None:
        numbered = {f"arm_{number}": number - 2 for number in range(2, len(definition.arms.others) + 2)}
        for role, arm in definition.arms.by_role.items():
            place: Place = ("others", numbered[role]) if role in numbered else (role,)
            found.append(Expression(f"arms.{role}", ("arms", *place, "when"), arm.when, "boolean"))
    return found


def require_expressions(document: Document, expressions: Iterable[Expression]) -> None:
    """Bind every expression of a definition to the columns of the data dictionary, before there is any record.

    Raises
    ------
    InputError
        Those that cannot be used, all of them, each with its line.
    """
    with empty_registry() as con:
        if mistakes := mistakes_in(con, expressions):
            raise document.wrong(mistakes, USE_COLUMNS)


@contextmanager
def empty_registry() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose relation ``tumor`` has the columns of the data dictionary and no record."""
    columns = ", ".join(f"{one.column} {one.type}" for one in read_dictionary() if one.table == "tumor")
    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as con:
        con.execute(f"create table tumor ({columns})")
        yield con


def mistakes_in(con: duckdb.DuckDBPyConnection, expressions: Iterable[Expression]) -> list[tuple[Place, str]]:
    """Every expression that cannot be used over the relation ``tumor`` of a connection, with its place and why."""
    judged = ((one, mistake_in(con, one)) for one in expressions)
    return [(one.place, f"{one.name}: {words}") for one, words in judged if words]


def mistake_in(con: duckdb.DuckDBPyConnection, expression: Expression) -> str:
    """Why an expression over the relation ``tumor`` of a connection cannot be used; empty where it can.

    No record is read: the expression is taken apart, and bound.
    """
    # In brackets too: then it is one expression, and nothing stands behind it.
    for sql in (expression.sql, f"({expression.sql})"):
        parsed = parse(con, sql)
        if parsed.get("error"):
            return in_words(str(parsed.get("error_message", "")), UNREADABLE)
    if strange := list(dict.fromkeys(beyond_one_record(parsed))):
        return f"{', '.join(strange)}: an expression reads one record, and says the same on every run"
    try:
        con.execute(f"select {expression.typed} from tumor limit 0")
    except duckdb.Error as error:
        return unbound(con, str(error).splitlines()[0])
    return "; ".join(dict.fromkeys(words_never_said(parsed)))


def parse(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """An expression taken apart by DuckDB, or what its parser says of it."""
    answer = con.execute("select json_serialize_sql(?)", [f"select {sql}"]).fetchone()
    return dict(json.loads(answer[0])) if answer else {}


def in_words(message: str, known: Iterable[tuple[str, str]]) -> str:
    """What is told of a message of DuckDB; its own words, without their kind, where nothing else is."""
    for pattern, words in known:
        if found := re.search(pattern, message):
            return words.format(*found.groups())
    return message.partition(" Error: ")[2] or message


def unbound(con: duckdb.DuckDBPyConnection, message: str) -> str:
    """Why DuckDB cannot bind an expression, with the columns that are spelt nearly like one that is not there."""
    missing = re.search(r'Referenced column "(.+?)" not found', message)
    if missing is None:
        return in_words(message, UNBOUND)
    columns = [str(row[0]) for row in con.execute("describe tumor").fetchall()]
    near = difflib.get_close_matches(missing[1].lower(), columns, n=1)
    return f"there is no column {missing[1]}" + (f" (near: {', '.join(near)})" if near else "")


def words_never_said(parsed: dict[str, Any]) -> Iterator[str]:
    """Texts that a column is compared with and that are none of its words: it would never be that."""
    vocabulary = words_of_columns()
    for node in nodes(parsed):
        compared = compared_in(node)
        name = next((column_of(one) for one in compared if column_of(one) in vocabulary), "")
        texts = [one.get("value", {}).get("value") for one in compared if name]
        for text in texts:
            if isinstance(text, str) and text not in vocabulary[name]:
                yield f"{name} has {', '.join(vocabulary[name])}, not '{text}'"


def compared_in(node: dict[str, Any]) -> list[dict[str, Any]]:
    """What a part of an expression compares with each other."""
    if node.get("class") == "COMPARISON":
        return [node["left"], node["right"]]
    in_list = node.get("type") in ("COMPARE_IN", "COMPARE_NOT_IN")
    return list(node["children"]) if in_list or node.get("function_name") == "nullif" else []


def column_of(node: dict[str, Any]) -> str:
    """The column that a part of an expression reads, as it is or without some of its words; empty where it is none."""
    if node.get("function_name") == "nullif":
        return column_of(node["children"][0])
    return str(node["column_names"][-1]).lower() if node.get("class") == "COLUMN_REF" else ""


@cache
def words_of_columns() -> dict[str, tuple[str, ...]]:
    """The words of every tumor column that has a closed list of them."""
    return {one.column: one.words for one in read_dictionary() if one.table == "tumor" and one.coded}


def beyond_one_record(parsed: dict[str, Any]) -> Iterator[str]:
    """Aggregates, window functions, subqueries, and functions of time or chance in an expression, by name."""
    for node in nodes(parsed):
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
