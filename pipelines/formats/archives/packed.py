"""Gzip and zip files, judged by content: what is in them, what of it may be unpacked, and how many bytes of it.

A header is never believed: bytes are counted while they are written, and the copy stops at the bound.
"""

import errno
import gzip
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Protocol

from pipelines.errors import InputError
from pipelines.formats.archives.limits import Meter

CHUNK = 2**20
HEAD_BYTES = 512
READABLE_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    KeyError,
)
"""What the standard library raises on bytes that are no sound archive (measured by mutation, too)."""
LEFT_BY_DESKTOPS = re.compile(r"(^|[/\\])(__MACOSX[/\\]|\._[^/\\]*$|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
DOCUMENTS = ((b"%PDF", "a PDF document"), (b"{\\rtf", "a text document"))
READ_ME = re.compile(r"(?i)(read.?me|licen[cs]e)[^.]*(\.(txt|md))?$")
LONGEST_READ_ME = 2**16
UNPACK_IT = "Unpack it and name the data files in it."
OTHERS = (
    (0, rb"\xfd7zXZ\0", "an xz archive"),
    (0, rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "a bzip2 archive"),
    (0, rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, rb"Rar!\x1a\x07", "a RAR archive"),
    (0, rb"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, rb"\x04\x22\x4d\x18", "an LZ4 archive"),
    (0, rb"\x1f\x9d", "a compress (.Z) archive"),
    (0, rb"MSCF\0\0\0\0", "a Windows cabinet"),
    (0, rb"PK\x07\x08|PK00PK", "one part of a zip archive in several parts"),
    (257, rb"ustar", "a tar archive"),
)


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""


@contextmanager
def sound(archive: Path) -> Iterator[None]:
    """Tell a damaged archive as one."""
    try:
        yield
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk; EINVAL is a seek to where a damaged directory points
        cut = isinstance(error, EOFError)
        raise InputError(
            "This archive is cut off: it ends in the middle" if cut else "This archive is damaged",
            where=str(archive),
            remedy="Nothing of it was loaded. Copy it again, or ask for it again.",
        ) from None


def is_gzip(head: bytes) -> bool:
    """Whether a file that begins so is gzip."""
    return head.startswith(b"\x1f\x8b")


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is zip; Office documents are."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def office_document(path: Path) -> str | None:
    """Which Office document a zip file is, or None."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (*DAMAGE, OSError):
        return None
    if "[Content_Types].xml" not in names:
        return None
    return "a Word document" if "word/document.xml" in names else "an Excel workbook or another Office file"


def head_of(path: Path) -> bytes:
    """The first bytes of a file; none of what is no file."""
    if not path.is_file():
        return b""
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def refuse_other_archives(path: Path, told: str | None = None) -> None:
    """Refuse what is packed in a way that is not read here.

    Raises
    ------
    InputError
        By content it is a tar, xz, bzip2, 7-Zip, RAR … archive; the message names the file ``told``.
    """
    head = head_of(path)
    for offset, beginning, what in OTHERS:
        if re.compile(beginning).match(head, offset):
            raise InputError(
                f"This is {what}, which is not unpacked here (gzip and zip are)",
                where=told or str(path),
                remedy=UNPACK_IT,
            )


def document(path: Path) -> str | None:
    """What kind of document for people a file is, or None: it holds no records."""
    head = head_of(path)
    if READ_ME.match(path.name) and path.stat().st_size < LONGEST_READ_ME and b"\0" not in head:
        return "a note for its readers"
    word = office_document(path) if is_zip(head) else None
    if word == "a Word document":
        return word
    return next((what for beginning, what in DOCUMENTS if head.startswith(beginning)), None)


def inner_name(name: str) -> str:
    """The name of what is in a gzip file: its own without ``.gz``."""
    return re.sub(r"(?i)(?<=.)\.(gz|gzip)$", "", name)


def gunzip(packed: Path, target: Path, archive: Path, meter: Meter) -> None:
    """Unpack a gzip file of one or more members; ``archive`` is the received file it is or lies in."""
    with sound(archive), gzip.open(packed) as stream:
        _copy(stream, target, archive, packed.stat().st_size, 0, meter)


def unzip(archive: Path, folder: Path, meter: Meter) -> Iterator[Path]:
    """Unpack the members of a zip file side by side into a folder, one after another.

    Raises
    ------
    InputError
        It is damaged, has no or too many members, two of one base name, or one that is encrypted, no plain
        file, packed by another method, or named so that it would lie outside the folder.
    """
    with sound(archive), zipfile.ZipFile(archive) as content:
        unpacked = 0
        for member, name in _members(content.infolist(), archive, meter.limits.members):
            target = folder / name
            with content.open(member) as stream:
                unpacked = _copy(stream, target, archive, archive.stat().st_size, unpacked, meter)
            yield target


def _copy(stream: Readable, target: Path, archive: Path, packed: int, unpacked: int, meter: Meter) -> int:
    """Write a stream to a new file that only its owner reads; return the bytes unpacked of this archive."""
    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "wb") as out:
        while chunk := stream.read(CHUNK):
            unpacked += len(chunk)
            meter.written += len(chunk)
            meter.check(archive, packed, unpacked)
            out.write(chunk)
    return unpacked


def _members(found: list[zipfile.ZipInfo], archive: Path, most: int) -> list[tuple[zipfile.ZipInfo, str]]:
    """The members to unpack with their base names, all of them checked before the first is written."""
    files = [each for each in found if not each.is_dir() and not LEFT_BY_DESKTOPS.search(each.filename)]
    if not files or len(files) > most:
        raise InputError(
            "There is no file in this archive"
            if not files
            else f"There are {len(files):,} files in this archive",
            where=str(archive),
            remedy=UNPACK_IT if files else "Ask for it again.",
        )
    for place, member in enumerate(files, 1):
        fault, remedy = _fault(member)
        if fault:
            raise InputError(fault, where=f"{archive}, file {place} of {len(files)}", remedy=remedy)
    names = [PureWindowsPath(member.filename).name for member in files]
    twice = sorted(name for name, n in Counter(map(inner_name, names)).items() if n > 1)
    if twice:
        raise InputError(
            f"Two files in this archive have the same name: {', '.join(twice[:5])}",
            where=str(archive),
            remedy="Unpack it and name each data file once, under its own name.",
        )
    return list(zip(files, names, strict=True))


def _fault(member: zipfile.ZipInfo) -> tuple[str, str]:
    """Why a member may not be unpacked, and what to do; empty where it may."""
    path = PureWindowsPath(member.filename)  # it knows both kinds of separator, and drive letters
    mode = stat.S_IFMT(member.external_attr >> 16)
    ask = "Do not unpack it; ask whoever sent it what it is."
    if path.anchor or ".." in path.parts or ":" in member.filename:
        return "A file in this archive is named so that it would be written outside its folder", ask
    if mode not in (0, stat.S_IFREG):
        return "An entry in this archive is a link or a device and no plain file", ask
    if not path.name or not path.name.isprintable() or len(path.name.encode()) > 255:
        return "A file in this archive has a name that cannot be used here", UNPACK_IT
    if member.flag_bits & 0x1:
        return (
            "A file in this archive is encrypted",
            "Unpack it with its password into a protected folder, and name the data files in it.",
        )
    if member.compress_type not in READABLE_METHODS:
        return (
            "A file in this archive is packed by a method that is not read here (deflate is; Windows packs "
            "files over 2 GB by another)",
            "Unpack it with the program that made it, and name the data files in it.",
        )
    return "", ""
