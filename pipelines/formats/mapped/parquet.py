"""Parquet to Arrow text columns, without loss: null stays null, dates and numbers are written out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import InputError
from pipelines.formats.text.delimited import column_names
from pipelines.formats.text.delimited_blocks import decode
from pipelines.formats.types import Batch, quarantine_table, with_provenance

BATCH_ROWS = 65_536
UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What Arrow raises on bytes that are no sound Parquet."""


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet files do."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def parquet_columns(path: Path) -> tuple[str, ...]:
    """Column names of a Parquet file.

    Raises
    ------
    InputError
        It is damaged, or a name is there twice.
    """
    try:
        return column_names(pq.read_schema(path).names, path)
    except UNREADABLE:
        raise damaged_parquet(path) from None


def damaged_parquet(path: Path) -> InputError:
    """What to say of a file that is Parquet by its first bytes alone."""
    return InputError(
        "This begins like a Parquet file and is damaged",
        where=path.name,
        remedy="Ask for the extract again.",
    )


def read_parquet(path: Path) -> Iterator[Batch]:
    """Read a Parquet file as text.

    Timestamps are ISO (with their offset where they have a zone), decimals keep their digits, durations are whole
    numbers of their unit, bytes are UTF-8 and else latin-1, as in delimited files.

    Raises
    ------
    InputError
        A column holds lists or structures, or the file is damaged further on.
    """
    first = 1
    names = list(parquet_columns(path))
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                columns = [
                    _as_text(column, name, path) for name, column in zip(names, batch.columns, strict=True)
                ]
                numbers = pa.array(np.arange(first, first + batch.num_rows))
                text = pa.table(columns, names=names)
                text.validate(full=True)  # a page that was damaged may hold no UTF-8
                yield Batch(with_provenance(text, path.name, numbers), quarantine_table(path.name, []))
                first += batch.num_rows
    except UNREADABLE:
        raise damaged_parquet(path) from None


def _as_text(column: "pa.Array[Any]", name: str, path: Path) -> "pa.Array[Any]":
    if pa.types.is_dictionary(column.type):
        return _as_text(column.dictionary, name, path).take(column.indices)  # type: ignore[attr-defined]  # of its type
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        values = [None if value is None else decode(value) for value in column.to_pylist()]
        return pa.array(values, pa.string())
    try:
        return _whole_as_digits(column) if pa.types.is_floating(column.type) else column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(
            f"Column '{name}' of this Parquet file holds no text, numbers or dates",
            where=path.name,
            remedy="Leave the column out of the file or write it as text.",
        ) from None


def _whole_as_digits(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """Numbers with decimals as text; a whole one, such as an id from R, in all its digits."""
    numbers = column.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), pa.scalar(2.0**53)))
    digits = pc.if_else(whole, numbers, pa.scalar(0.0)).cast(pa.int64()).cast(pa.string())
    text: pa.Array[Any] = pc.if_else(whole, digits, column.cast(pa.string()))
    return text
