"""The registry tables keep to ``pipelines/registry/columns.csv``."""

import csv
from pathlib import Path

import duckdb
import polars as pl
import pytest

import pipelines.registry
from pipelines.registry import derive

DICTIONARY = Path(pipelines.registry.__file__).parent / "columns.csv"


def columns(table: str) -> list[tuple[str, str]]:
    with DICTIONARY.open(encoding="utf-8", newline="") as lines:
        return [(row["column"], row["type"]) for row in csv.DictReader(lines) if row["table"] == table]


@pytest.mark.parametrize("source", ["ncdb", "seer", "naaccr", "mapped"])
def test_tables_have_the_columns_types_and_order_of_the_dictionary(source):
    """Every source gives the same columns, in the same order, of the same types."""
    derived = derive(pl.DataFrame({"patient_key": ["a"]}), source=source)
    for table in ("tumor", "treatment", "follow_up", "ascertainment"):
        with duckdb.connect() as con:
            con.register("derived_table", derived[table].to_arrow())
            described = [
                (name, kind.lower()) for name, kind, *_ in con.execute("describe derived_table").fetchall()
            ]
        assert derived[table].height > 0
        assert described == columns(table)


def test_every_column_has_a_meaning():
    with DICTIONARY.open(encoding="utf-8", newline="") as lines:
        assert all(row["meaning"] for row in csv.DictReader(lines))
