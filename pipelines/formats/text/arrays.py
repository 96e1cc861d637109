"""Arrow arrays straight from bytes.

``pyarrow.array`` looks for pandas objects and imports pandas for it, which takes longer than reading 100,000 records;
these take the buffers as they are.
"""

import sys
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]


def text(values: Bytes) -> "pa.Array[Any]":
    """Bytes, one row a value, as Arrow strings; bytes above 127 are latin-1."""
    rows, width = values.shape
    if rows and int(values.max()) > 127:
        return pa.array([value.tobytes().decode("latin-1") for value in values], pa.string())
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    return pa.Array.from_buffers(pa.string(), rows, [None, _buffer(offsets), _buffer(values)])


def repeated(value: bytes, rows: int) -> "pa.Array[Any]":
    """One value as plain Arrow strings; bytes are UTF-8."""
    offsets = np.arange(rows + 1, dtype=np.int64) * len(value)
    buffers = [None, _buffer(offsets), pa.py_buffer(value * rows)]
    return pa.Array.from_buffers(pa.large_string(), rows, buffers).cast(pa.string())


def constant(value: Bytes, rows: int) -> "pa.Array[Any]":
    """One value in all rows, as a dictionary of one word."""
    return pa.DictionaryArray.from_arrays(_indices(np.zeros(rows, np.int32)), text(value.reshape(1, -1)))


def looked_up(values: Bytes) -> "pa.Array[Any]":
    """Dictionary-encode one or two bytes a value: they are numbers themselves, so a table of them does it."""
    width = values.shape[1]
    codes = values.reshape(-1).view(np.uint8 if width == 1 else np.uint16)
    present = np.flatnonzero(np.bincount(codes, minlength=256**width))
    place = np.zeros(256**width, np.int32)
    place[present] = np.arange(len(present))
    words = np.frombuffer(b"".join(int(code).to_bytes(width, sys.byteorder) for code in present), np.uint8)
    return pa.DictionaryArray.from_arrays(_indices(place[codes]), text(words.reshape(-1, width)))


def numbered(values: Bytes) -> "pa.Array[Any]":
    """Dictionary-encode up to eight bytes a value as the one number they are, which is twice as quick as text."""
    rows, width = values.shape
    if not rows:  # an empty dictionary has no buffer
        return text(values).dictionary_encode()
    size = 4 if width <= 4 else 8
    padded = np.zeros((rows, size), np.uint8)
    padded[:, :width] = values
    kind = pa.uint32() if size == 4 else pa.uint64()
    codes: Any = pa.Array.from_buffers(kind, rows, [None, _buffer(padded)]).dictionary_encode()
    words = np.frombuffer(codes.dictionary.buffers()[1], np.uint8, len(codes.dictionary) * size)
    return pa.DictionaryArray.from_arrays(codes.indices, text(words.reshape(-1, size)[:, :width]))


def trimmed(values: "pa.Array[Any]") -> "pa.Array[Any]":
    """Text (plain or dictionary-encoded) without blanks before and after; the type stays."""
    if not isinstance(values, pa.DictionaryArray):
        return pc.utf8_trim(values, " ")
    words = pc.utf8_trim(values.dictionary, " ")
    encoded = words.dictionary_encode()  # " 1" and "1 " become one word
    return pa.DictionaryArray.from_arrays(encoded.indices.take(values.indices), encoded.dictionary)


def numbers(values: npt.NDArray[np.int64]) -> "pa.Array[Any]":
    """Whole numbers without a missing one."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, _buffer(values)])


def _indices(values: npt.NDArray[np.int32]) -> "pa.Array[Any]":
    return pa.Array.from_buffers(pa.int32(), len(values), [None, _buffer(values)])


def _buffer(values: npt.NDArray[Any]) -> pa.Buffer:
    return pa.py_buffer(cast(Any, np.ascontiguousarray(values)))
