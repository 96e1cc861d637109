"""Read a whole file as ``load`` would and count what would be set aside; nothing is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import InputError
from pipelines.formats.open import open_extract

HOPELESS = 1_000_000
"""So many records set aside are read on only where more were kept."""


@dataclass(frozen=True)
class Reading:
    """What reading a file to its end finds.

    Parameters
    ----------
    format, source, release : str
        As in an `Extract`.
    columns : int
        Fields of a record.
    records : int
        Records in the file: those that would be kept and those set aside.
    set_aside : dict of str to int
        Records by reason, the most frequent first.
    notes : tuple of str
        What else a user should know of the file.
    """

    format: str
    source: str
    release: str
    columns: int
    records: int
    set_aside: dict[str, int]
    notes: tuple[str, ...]

    @property
    def kept(self) -> int:
        """Records that would be kept."""
        return self.records - sum(self.set_aside.values())


def no_record_read(names: Sequence[str]) -> InputError:
    """What to say of files of which nothing could be kept."""
    return InputError(
        "Not one record could be read",
        where=", ".join(names),
        remedy="Run `cohorts doctor` on the file to see what it looks like.",
    )


def check_worth_reading(kept: int, aside: int, name: str) -> None:
    """Stop in a long file that is damaged throughout: a list of every line of it would help nobody.

    Raises
    ------
    InputError
        A million records were set aside, and they are most of those read so far.
    """
    if aside >= HOPELESS and aside > kept:
        raise InputError(
            f"Most of the first {kept + aside:,} records cannot be read; reading was stopped, and nothing is loaded",
            where=name,
            remedy="Look at its first lines: it may be damaged, or no file of this kind. Ask for the extract again.",
        )


def read_through(path: Path, companions: Sequence[Path] = ()) -> Reading:
    """Read a file to its end, with the files that describe it, and keep nothing of it.

    Raises
    ------
    InputError
        The file cannot be loaded at all.
    """
    extract = open_extract([path, *companions])
    records, reasons = 0, Counter[str]()
    for table in extract.tables:
        for batch in table.batches():
            records += batch.kept.num_rows + batch.quarantined.num_rows
            reasons.update(map(str, batch.quarantined["reason"].to_pylist()))
            check_worth_reading(records - reasons.total(), reasons.total(), table.source_file)
    return Reading(
        extract.format,
        extract.source,
        extract.release,
        len(extract.tables[0].columns),
        records,
        dict(reasons.most_common()),
        (*extract.notes, *(note for table in extract.tables for note in table.notes_after())),
    )
