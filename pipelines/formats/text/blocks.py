"""A text file as blocks of whole lines, so that memory does not grow with the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 64 * 2**20
UTF8_MARK = b"\xef\xbb\xbf"
"""What some editors put before the first line."""


@dataclass(frozen=True)
class Block:
    """Whole lines of a file.

    Parameters
    ----------
    start, end : int
        Half-open byte range in the file.
    data : bytes
        The lines with their line ends; empty for one line that is longer than a block and so was skipped.
    """

    start: int
    end: int
    data: bytes


def line_blocks(path: Path, *, start: int = 0, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Read a file from byte ``start`` in blocks that end at a line end (or at the end of the file).

    A single line longer than ``size`` bytes gives a block without data: its range says where it is.
    """
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(size):
            end = start + len(chunk)
            if chunk.endswith(b"\n"):
                pass  # nothing to cut, so nothing to copy
            elif cut := chunk.rfind(b"\n") + 1:  # a line begun here is read again with the next block
                chunk, end = chunk[:cut], stream.seek(start + cut)
            elif len(chunk) == size and (rest := stream.read(1)):
                ended = rest == b"\n"
                chunk, end = (chunk + rest, end + 1) if ended else (b"", _skip_line(stream, size))
            yield Block(start, end, chunk)
            start = end


def _skip_line(stream: BinaryIO, size: int) -> int:
    """Move to the byte after the next line end and return its position."""
    while chunk := stream.read(size):
        found = chunk.find(b"\n")
        if found >= 0:
            return stream.seek(found + 1 - len(chunk), 1)
    return stream.tell()


def count_lines(path: Path, *, start: int = 0) -> int:
    """Count the lines of a file from byte ``start``; a last line without a line end counts."""
    lines, last = 0, b"\n"
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(BLOCK_BYTES):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")


def sample_lines(path: Path, *, parts: int = 16, part_bytes: int = 2**16) -> list[bytes]:
    """Whole lines, without their line ends, from places spread evenly over the file, its end among them.

    The lines are the same at every call. A file of at most ``parts * part_bytes`` bytes is taken whole.
    """
    size = path.stat().st_size
    if size <= parts * part_bytes:
        return _lines(path.read_bytes().removeprefix(UTF8_MARK))
    lines: list[bytes] = []
    with path.open("rb") as stream:
        for part in range(parts):
            start = (size - part_bytes) * part // (parts - 1)
            stream.seek(start)
            found = _lines(stream.read(part_bytes).removeprefix(UTF8_MARK))
            lines += found[(1 if start else 0) : (len(found) if part == parts - 1 else -1)]
    return lines


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return [line.removesuffix(b"\r") for line in (lines if lines[-1] else lines[:-1])]
