"""The clinical derivations: every file of sql/registry is one relation, and reads others by their names."""

import json
from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

OUTPUTS = ("tumor", "treatment", "follow_up", "ascertainment")
"""Relations of sql/registry that are stored; the others are steps on the way."""


def load_concepts(folder: Path) -> dict[str, str]:
    """Read every SQL file of a folder: relation name (the file's stem) to its one select."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}


def in_order(concepts: dict[str, str]) -> list[str]:
    """Order relations so that each comes after those it reads, by name where they do not read each other.

    Raises
    ------
    graphlib.CycleError
        Two files read each other.
    """
    reads = {name: sorted(relations_read(sql) & concepts.keys()) for name, sql in sorted(concepts.items())}
    return list(TopologicalSorter(reads).static_order())


def relations_read(sql: str) -> set[str]:
    """Name every relation that a select reads, by DuckDB's own parser.

    Raises
    ------
    ValueError
        It is not one select.
    """
    row = duckdb.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    assert row is not None
    tree = json.loads(row[0])
    if tree["error"]:
        raise ValueError(tree["error_message"])
    return set(_table_names(tree))


def _table_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            yield node["table_name"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _table_names(child)


def run_concepts(
    con: duckdb.DuckDBPyConnection, concepts: dict[str, str], *, keep: Collection[str] | None = None
) -> list[str]:
    """Make every relation as a table, in order; return their names.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
    concepts : dict of str to str
        Relation name to its select, see `load_concepts`.
    keep : collection of str, optional
        What the caller will read; to save memory every other table is dropped after its last reader. All by default.
    """
    names = in_order(concepts)
    last_reader = {read: name for name in names for read in relations_read(concepts[name])}
    for name in names:
        con.execute(f"create or replace table {name} as {concepts[name]}")
        for step in names:
            if keep is not None and step not in keep and last_reader.get(step, step) == name:
                con.execute(f"drop table {step}")
    return names
