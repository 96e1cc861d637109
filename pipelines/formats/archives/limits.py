"""How much an archive may unpack to: a header is never believed, bytes are counted while they are written."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import InputError

RATIO_COUNTS_FROM = 64 * 2**20
"""A small file may well be blank and pack to almost nothing: the ratio is judged above so many bytes."""


@dataclass(frozen=True)
class Limits:
    """Bounds of unpacking.

    Parameters
    ----------
    size : int
        Most bytes that all archives of one call may unpack to.
    ratio : int
        Most unpacked bytes for each byte of an archive; text of mostly blank lines reaches a few hundred, and
        deflate cannot pass 1,032.
    members : int
        Most members of one archive.
    """

    size: int = 200 * 10**9
    ratio: int = 500
    members: int = 1_000


@dataclass
class Meter:
    """Counts what is unpacked and stops at the bounds.

    Parameters
    ----------
    limits : Limits
    room : int
        Free bytes of the disk when unpacking began; a tenth of them is left alone.
    written : int
        Bytes unpacked so far, over all archives.
    """

    limits: Limits
    room: int
    written: int = 0

    def check(self, archive: Path, packed: int, unpacked: int) -> None:
        """Refuse before or while writing; sizes in bytes, of this archive.

        Raises
        ------
        InputError
            A bound is passed, or the disk has no room.
        """
        if unpacked > max(RATIO_COUNTS_FROM, self.limits.ratio * packed):
            raise InputError(
                f"This archive grows more than {self.limits.ratio:,} times when it is unpacked, as no registry "
                "file does; unpacking was stopped",
                where=str(archive),
                remedy="If whoever sent it says that it is sound, unpack it by hand and name the data files in it.",
            )
        if self.written > self.limits.size:
            raise InputError(
                f"The archives unpack to more than {self.limits.size:,} bytes; unpacking was stopped",
                where=str(archive),
                remedy="Set COHORTS_UNPACK_BYTES to what is right at your site, or unpack by hand and name the "
                "data files.",
            )
        if self.written > 0.9 * self.room:
            raise InputError(
                "There is not enough space to unpack this archive; unpacking was stopped",
                where=f"{archive}, into a folder with {self.room:,} bytes free",
                remedy="Make room, or name a home on another disk with --home.",
            )
