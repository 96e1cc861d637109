"""What arrives packed is unpacked for as long as it is read, into a folder that only its owner can open.

The folder is removed when the work is done and when it fails; one that a killed process left behind is removed
when the next begins.
"""

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import CohortsError, InputError
from pipelines.formats.archives.limits import Limits, Meter
from pipelines.formats.archives.packed import (
    UNPACK_IT,
    document,
    gunzip,
    head_of,
    inner_name,
    is_gzip,
    is_zip,
    office_document,
    refuse_other_archives,
    unzip,
)

PREFIX = ".cohorts-unpacked-"
STALE_SECONDS = 60


@dataclass(frozen=True)
class Arrived:
    """What a caller named, ready to be read.

    Parameters
    ----------
    paths : tuple of Path
        Plain files: those named as they are, and what was in the archives among them.
    archives : mapping of Path to Path
        The received archive of each unpacked file.
    notes : tuple of str
        What was left out of an archive, and why.
    """

    paths: tuple[Path, ...]
    archives: Mapping[Path, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def named_as_received(self, text: str) -> str:
        """Put ``archive.zip > member`` for the path of an unpacked file in a message."""
        for path, archive in self.archives.items():
            text = text.replace(str(path), f"{archive} > {path.name}")
        return text

    def place_as_received(self, where: str) -> str:
        """As `named_as_received`, for the place of an error, which may hold the file's base name alone."""
        where = self.named_as_received(where)
        for path, archive in self.archives.items():
            alone = re.compile(rf"(?<!> )(?<![\w./-]){re.escape(path.name)}(?!\w)")
            received = f"{archive.name} > {path.name}".replace("\\", r"\\")
            where = alone.sub(received, where)
        return where


@contextmanager
def unpacked(paths: Sequence[Path], parent: Path, limits: Limits | None = None) -> Iterator[Arrived]:
    """Unpack gzip and zip files among paths; all else passes as it is.

    Parameters
    ----------
    paths : sequence of Path
        What the caller named. A ``.dic`` beside an archive goes with what is in it.
    parent : Path
        Where the private folder is made, if there is anything to unpack: the home, or the folder for temporary
        files. It is made if it is not there.
    limits : Limits, optional

    Yields
    ------
    Arrived
        Until the end of the ``with`` block.

    Raises
    ------
    InputError
        An archive is damaged, passes the limits, or holds what may not be unpacked. Errors raised in the block
        name ``archive.zip > member``.
    """
    _remove_stale(parent)
    packed = [path for path in paths if _is_packed(path)]
    for path in paths:
        refuse_other_archives(path)
    if not packed:
        yield Arrived(tuple(paths))
        return
    with _private_folder(parent) as folder:
        meter = Meter(limits or Limits(), shutil.disk_usage(folder).free)
        arrived = _unpack_all(paths, packed, folder, meter)
        try:
            yield arrived
        except CohortsError as error:
            error.reword(arrived.named_as_received, arrived.place_as_received)
            raise


def _is_packed(path: Path) -> bool:
    head = head_of(path)
    return is_gzip(head) or (is_zip(head) and office_document(path) is None)


def _unpack_all(paths: Sequence[Path], packed: Sequence[Path], folder: Path, meter: Meter) -> Arrived:
    plain: list[Path] = [path for path in paths if path not in packed]
    archives: dict[Path, Path] = {}
    notes: list[str] = []
    for place, archive in enumerate(dict.fromkeys(packed), 1):
        inside = folder / str(place)
        inside.mkdir(mode=0o700)
        for member in _unpack(archive, inside, meter):
            if what := document(member):
                notes.append(f"{archive.name} > {member.name} was left out: it is {what}.")
                continue
            archives[member] = archive
    if not archives:
        raise InputError(
            "There is no data file among what was unpacked",
            where=", ".join(map(str, packed)),
            remedy="Ask for the archive with the data.",
        )
    for member, archive in archives.items():
        _link_dictionary(member, archive)
    return Arrived((*plain, *archives), archives, tuple(notes))


def _unpack(archive: Path, folder: Path, meter: Meter) -> Iterator[Path]:
    """The files of an archive, one level of gzip within zip taken off, too."""
    if is_gzip(head_of(archive)):
        target = folder / inner_name(archive.name)
        gunzip(archive, target, archive, meter)
        yield _no_archive(target, archive)
        return
    for member in unzip(archive, folder, meter):
        if not is_gzip(head_of(member)):
            yield _no_archive(member, archive)
            continue
        aside, target = member.with_name(f".{member.name}.packed"), folder / inner_name(member.name)
        member.rename(aside)
        gunzip(aside, target, archive, meter)
        aside.unlink()
        yield _no_archive(target, archive)


def _no_archive(member: Path, archive: Path) -> Path:
    told = f"{archive} > {member.name}"
    refuse_other_archives(member, told)
    if _is_packed(member):
        raise InputError("This is an archive within an archive", where=told, remedy=UNPACK_IT)
    return member


def _link_dictionary(member: Path, archive: Path) -> None:
    """Put the ``.dic`` that lies beside an archive beside what was in it, where readers look for it.

    It has the name of what is in the archive, or of the archive.
    """
    link = member.with_suffix(".dic")
    stems = (member.stem, archive.stem, inner_name(archive.name))
    beside = {each.stem: each for each in sorted(archive.parent.iterdir()) if each.suffix.lower() == ".dic"}
    found = next((beside[stem] for stem in stems if stem in beside), None)
    if found is not None and not link.exists():
        link.symlink_to(found.resolve())


@contextmanager
def _private_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that only its owner can open, and remove it whatever happens.

    It is locked while it is used, so that the next process can tell it from one that was left behind.
    """
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: then nothing is taken for left behind either
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        for empty in made:
            with suppress(OSError):  # something else is in it by now
                empty.rmdir()


def _remove_stale(parent: Path) -> None:
    """Remove folders that a killed process of this user left: nobody holds their lock."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            facts = folder.lstat()
            if facts.st_uid != os.getuid() or time.time() - facts.st_mtime < STALE_SECONDS:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)
