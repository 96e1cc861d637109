"""Writes that are never half there: aside in the same folder, then renamed."""

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

PARQUET_OPTIONS: dict[str, Any] = {"compression": "zstd", "write_statistics": False, "version": "2.6"}
"""One set of options everywhere, so that the same rows are the same bytes.

No statistics: the smallest and largest value of a column are values of two people, and a footer is metadata.
"""


@contextlib.contextmanager
def aside(target: Path) -> Iterator[Path]:
    """Yield a path beside ``target``; rename it over ``target`` on success, remove it on error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        yield temporary
        replace(temporary, target)
    finally:
        remove(temporary)


def replace(source: Path, target: Path) -> None:
    """Rename ``source`` over ``target``; a folder that is there steps aside first and comes back on error."""
    if not target.is_dir():
        os.replace(source, target)
        return
    old = target.with_name(f".{target.name}.old.{uuid.uuid4().hex[:8]}")
    os.replace(target, old)
    try:
        os.replace(source, target)
    except BaseException:
        os.replace(old, target)
        raise
    remove(old)


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_parquet(table: pa.Table | pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, aside and then renamed, with the project's one set of options."""
    arrow = table.to_arrow() if isinstance(table, pl.DataFrame) else table
    with aside(path) as temporary:
        pq.write_table(arrow, temporary, **PARQUET_OPTIONS)


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 text, aside and then renamed."""
    with aside(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sha256_of(path: Path) -> str:
    """Hash a file in bounded memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
