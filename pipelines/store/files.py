"""Writes that are never half there: aside in the same folder, then renamed."""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import re
import shutil
import time
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
STALE = re.compile(r"\..+\.[0-9a-f]{8}")
"""Names of what stands aside."""
STALE_SECONDS = 24 * 3600
"""No write takes a day: what stands aside longer was left by a process that was killed."""
EXCHANGE = 2
"""``RENAME_EXCHANGE`` of Linux's renameat2."""
HERE = -100
"""``AT_FDCWD``: paths as the process sees them."""


@contextlib.contextmanager
def aside(target: Path) -> Iterator[Path]:
    """Yield a path beside ``target``; rename it over ``target`` on success, remove it on error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(target)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        yield temporary
        replace(temporary, target)
    finally:
        remove(temporary)


def replace(source: Path, target: Path) -> None:
    """Put ``source`` in the place of ``target``; of two who do so at once the later one stays.

    A folder changes places with the one that is there, in one step, so that a reader always finds one and a kill
    loses none. Where the file system cannot do that, the old folder steps aside first.
    """
    with locked(target.parent):
        if not target.is_dir():
            os.replace(source, target)
        elif exchanged(source, target):
            remove(source)
        else:
            _step_aside(source, target)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which other processes of this project wait for; a share without locks goes on."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # gives the lock back


def exchanged(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; false where system or file system have no such call."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0


def _step_aside(source: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    os.replace(target, old)
    try:
        os.replace(source, target)
    except BaseException:
        os.replace(old, target)
        raise
    remove(old)


def remove_stale(target: Path) -> None:
    """Remove what killed writers of ``target`` left beside it."""
    for left in target.parent.glob(f".{target.name}.*"):
        with contextlib.suppress(FileNotFoundError):
            if STALE.fullmatch(left.name) and time.time() - left.stat().st_mtime > STALE_SECONDS:
                remove(left)


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
