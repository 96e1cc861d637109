"""The spec tests are the documentation of ``sql/registry``: folder = chapter, file = section, test = paragraph.

A test draws toy patients as one small table. Left of ``=>`` stands what the registry recorded (staged columns), right
of it what the derivation must say (columns of a registry table). ``-`` is null: the extract has no such field on the
left, no value on the right.
"""

from collections.abc import Callable

import polars as pl
import pytest

from pipelines.registry import derive

Rule = Callable[..., None]
ALL_ROWS = pl.lit(True)


def parse(table: str) -> tuple[list[str], list[str], list[list[str | None]]]:
    """Read a drawn table: names left of the arrow, names right of it, and the rows."""
    lines = [line.strip() for line in table.strip().splitlines() if line.strip()]
    cells = [
        [[cell.strip() for cell in side.split("|")] for side in line.split("=>", maxsplit=1)]
        for line in lines
    ]
    recorded, expected = cells[0]
    rows = [[None if cell == "-" else cell for side in line for cell in side] for line in cells[1:]]
    for row in rows:
        assert len(row) == len(recorded) + len(expected), f"a row is not as long as its header: {row}"
    return recorded, expected, rows


def as_text(value: object) -> str | None:
    """Write a derived value as the tables do: ``true``, ``12.5``, ``12``."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.fixture
def rule() -> Rule:
    """Give a function that holds a derivation to a drawn table."""

    def hold(
        table: str,
        *,
        source: str = "ncdb",
        release: str = "2022",
        covered_years: tuple[int, int] | None = (2004, 2022),
        relation: str = "tumor",
        where: pl.Expr = ALL_ROWS,
    ) -> None:
        recorded, expected, rows = parse(table)
        staged = pl.DataFrame(
            [row[: len(recorded)] for row in rows],
            schema=dict.fromkeys(recorded, pl.String),
            orient="row",
        )
        derived = derive(staged, source=source, release=release, covered_years=covered_years)[relation]
        derived = derived.filter(where)
        actual = [[as_text(value) for value in row] for row in derived.select(expected).iter_rows()]
        assert actual == [row[len(recorded) :] for row in rows]

    return hold


@pytest.fixture
def seer_rule(rule: Rule) -> Rule:
    """Give the same for a SEER extract that carries 1988-2016 (submission of November 2018)."""

    def hold(table: str, **options: object) -> None:
        rule(table, **{"source": "seer", "release": "nov2018", "covered_years": (1988, 2016), **options})

    return hold


@pytest.fixture
def naaccr_rule(rule: Rule) -> Rule:
    """Give the same for a NAACCR file of version 18, which names no years."""

    def hold(table: str, **options: object) -> None:
        rule(table, **{"source": "naaccr", "release": "v18", "covered_years": None, **options})

    return hold


@pytest.fixture
def mapped_rule(rule: Rule) -> Rule:
    """Give the same for a mapped source, which may release recurrence and hide years."""

    def hold(table: str, **options: object) -> None:
        rule(table, **{"source": "mapped", "release": "toy_clinic", "covered_years": None, **options})

    return hold


@pytest.fixture
def derive_one() -> Callable[..., pl.DataFrame]:
    """Give a function that derives one patient and returns one relation, where a table would be too wide to draw."""

    def one(relation: str, *, source: str = "ncdb", **recorded: str) -> pl.DataFrame:
        staged = pl.DataFrame(
            {name: [value] for name, value in recorded.items()}, schema=dict.fromkeys(recorded, pl.String)
        )
        return derive(staged, source=source)[relation]

    return one
