"""Fixed-width records made from columns of bytes: every field is a table lookup, never a loop over rows."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .draws import BoolArray, Coded, IntArray

Bytes = NDArray[np.bytes_]
LINE_END = np.frombuffer(b"\n", dtype=np.uint8)


def table(values: Sequence[str], width: int, *, align: str = "right") -> Bytes:
    """A lookup table of texts, each padded with blanks to ``width`` bytes.

    Raises
    ------
    ValueError
        A text is longer than the field.
    """
    too_long = [value for value in values if len(value) > width]
    if too_long:
        raise ValueError(f"{too_long[0]!r} does not fit into {width} bytes")
    padded = [value.rjust(width) if align == "right" else value.ljust(width) for value in values]
    return np.array([value.encode("ascii") for value in padded], dtype=f"S{width}")


def words(coded: Coded, texts: Mapping[str, str], width: int, *, align: str = "right") -> Bytes:
    """The code that stands for each row's word; a word without a code is left blank."""
    return table([texts.get(level, "") for level in coded.levels], width, align=align)[coded.codes]


def numbers(values: IntArray, width: int, *, show: Callable[[int], str] = str) -> Bytes:
    """Whole numbers written by ``show``, right-justified; each number is written once, not once per row."""
    if not len(values):
        return np.empty(0, dtype=f"S{width}")
    low, high = int(values.min()), int(values.max())
    return table([show(value) for value in range(low, high + 1)], width)[values - low]


def constant(text: str, rows: int, width: int, *, align: str = "right") -> Bytes:
    """The same text in every row."""
    return np.broadcast_to(table([text], width, align=align), (rows,))


def where(condition: BoolArray, yes: Bytes | str, no: Bytes | str) -> Bytes:
    """Choose between two columns (or one text for all rows) by row; the longer one gives the width."""
    width = max(_width(yes), _width(no))
    return np.where(condition, _padded(yes, width), _padded(no, width))


def _width(value: Bytes | str) -> int:
    return len(value) if isinstance(value, str) else value.dtype.itemsize


def _padded(value: Bytes | str, width: int) -> Bytes | np.bytes_:
    return np.bytes_(value.rjust(width).encode("ascii")) if isinstance(value, str) else value


def assemble(fields: Mapping[str, Bytes], places: Mapping[str, slice], length: int, rows: int) -> bytes:
    """Put columns into their places in blank lines.

    Parameters
    ----------
    fields : mapping of str to ndarray of bytes, shape (rows,)
        As wide as their places.
    places : mapping of str to slice
        Byte range of every variable in the line.
    length : int
        Bytes of a line without its end.
    rows : int

    Returns
    -------
    bytes
        The lines, each with its line feed.
    """
    buffer = np.full((rows, length + len(LINE_END)), ord(" "), dtype=np.uint8)
    buffer[:, length:] = LINE_END
    for name, column in fields.items():
        place = places[name]
        width = place.stop - place.start
        flat = np.ascontiguousarray(column)
        if flat.dtype.itemsize != width:
            raise ValueError(f"{name} is {flat.dtype.itemsize} bytes wide, its place {width}")
        buffer[:, place] = flat.view(np.uint8).reshape(rows, width)
    return buffer.tobytes()
