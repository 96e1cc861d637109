"""Errors seen in public NCDB code, each as a record in and the registry's words out.

Left of ``=>`` stands what the fixed-width file has in the named fields (``_`` is blank), right of it what the registry
must say (``-`` is no value). The records go the whole way: a file in the layout of a release, recognised, read, staged
and derived. Every patient is a toy.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipelines.codebook.layouts import builtin_layouts
from pipelines.formats import open_extract
from pipelines.registry import build
from pipelines.store import Home, load_extract

Registry = Callable[..., None]
Built = Callable[..., pl.DataFrame]


def record(release: str, number: int, fields: dict[str, str]) -> bytes:
    """One line of a release: a woman of an older diagnosis year, with the fields given on top."""
    layout = builtin_layouts()[release]
    values = {
        "PUF_CASE_ID": f"{number:037d}",
        "AGE": "052",
        "SEX": "2",
        "YEAR_OF_DIAGNOSIS": "2012",
        "PRIMARY_SITE": "C504",
        "DX_LASTCONTACT_DEATH_MONTHS": "60.0",
        "PUF_VITAL_STATUS": "1",
        **fields,
    }
    if values["YEAR_OF_DIAGNOSIS"] == release:  # the registry withholds the follow-up of its newest year
        values |= {"DX_LASTCONTACT_DEATH_MONTHS": "", "PUF_VITAL_STATUS": ""}
    line = bytearray(b" " * layout.length)
    for name, value in values.items():
        field = layout.by_name[name]
        assert len(value) <= field.width, f"{name} has {field.width} columns"
        # The old TNM fields stand to the right of their columns, everything else to the left.
        old_tnm = name.startswith("TNM_") and name != "TNM_EDITION_NUMBER"
        line[field.bytes] = (value.rjust(field.width) if old_tnm else value.ljust(field.width)).encode(
            "latin-1"
        )
    return bytes(line)


@pytest.fixture
def built(tmp_path: Path) -> Built:
    """Give a function that writes toys as a file of a release and returns their rows of the registry."""

    def rows(toys: list[dict[str, str]], *, release: str) -> pl.DataFrame:
        path = tmp_path / f"NCDBPUF_Breast.{release}.dat"
        path.write_bytes(b"".join(record(release, n, toy) + b"\n" for n, toy in enumerate(toys)))
        home = Home(tmp_path / "home")
        extract = open_extract([path])
        assert extract.release == release
        load_extract(home, "toys", extract)
        submission = home.building("toys")
        build(submission)
        return pl.read_parquet(submission.registry_table("tumor")).sort("source_record")

    return rows


@pytest.fixture
def registry(built: Built) -> Registry:
    """Give a function that holds the whole way to a drawn table."""

    def hold(table: str, *, release: str) -> None:
        lines = [line.strip() for line in table.strip().splitlines()]
        cells = [[[cell.strip() for cell in side.split("|")] for side in line.split("=>")] for line in lines]
        (fields, columns), *toys = cells
        received = [
            {name: "" if cell == "_" else cell for name, cell in zip(fields, left, strict=True)}
            for left, _ in toys
        ]
        found = built(received, release=release).select(pl.col(columns).cast(pl.String).fill_null("-"))
        assert [list(row) for row in found.iter_rows()] == [right for _, right in toys]

    return hold
