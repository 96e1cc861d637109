"""Read a whole file as ``load`` would and count what would be set aside; nothing is written."""

from collections import Counter
from pathlib import Path

from pipelines.formats.open import open_extract


def count_faults(path: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    """Count the records of an NCDB file or a case listing that ``load`` would set aside.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to int
        Records by reason, the most frequent first.
    tuple of str
        What else a user should know of the file.

    Raises
    ------
    InputError
        The file cannot be loaded at all.
    """
    extract = open_extract([path])
    reasons = Counter(
        str(reason)
        for table in extract.tables
        for batch in table.batches()
        for reason in batch.quarantined["reason"].to_pylist()
    )
    return dict(reasons.most_common()), extract.notes
