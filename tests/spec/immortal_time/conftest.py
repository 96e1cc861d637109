"""Toy patients and drawn tables of who is at risk when."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

# Months from diagnosis to the end of follow-up, how it ended, and months to the operation.
PATIENTS = """
    person | end | died | operation
    Ann    | 3   | yes  | -
    Bea    | 10  | yes  | 4
    Cleo   | 20  | no   | 2
    Dora   | 12  | yes  | 9
    Eve    | 6   | yes  | -
    Fay    | 15  | no   | -
    Gil    | 7   | yes  | 5
    Hope   | 16  | yes  | -
"""


def read_table(table: str) -> list[dict[str, str]]:
    lines = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


@pytest.fixture
def patients() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time, event and time of operation of the toy patients, as every method takes them."""
    rows = read_table(PATIENTS)
    return (
        np.array([float(row["end"]) for row in rows]),
        np.array([row["died"] == "yes" for row in rows]),
        np.array([np.nan if row["operation"] == "-" else float(row["operation"]) for row in rows]),
    )


@pytest.fixture
def at_risk() -> Callable[[pl.DataFrame, str], None]:
    """Give a function that holds rows of person-time to a drawn table (its columns, in any order of rows)."""
    names = [row["person"] for row in read_table(PATIENTS)]

    def hold(frame: pl.DataFrame, table: str) -> None:
        expected = read_table(table)
        actual = [
            {
                "person": names[row["person"]],
                "from": f"{row['start']:g}",
                "to": f"{row['stop']:g}",
                "died": "yes" if row["died"] else "no",
                "as": "operated" if row["operated"] else "unoperated",
            }
            for row in frame.iter_rows(named=True)
        ]
        key = ("person", "as", "from")
        assert sorted(actual, key=lambda r: [r[k] for k in key]) == sorted(
            expected, key=lambda r: [r[k] for k in key]
        )

    return hold
