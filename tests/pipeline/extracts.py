"""Extracts that are wrong in one way, and the state of a home that must not change."""

import hashlib
from pathlib import Path

from pipelines.codebook.layouts import builtin_layouts


def spoil(extract: Path, target: Path) -> Path:
    """Copy an NCDB 2016 extract with the sex of everyone outside the code table: a blocking check sees it."""
    sex = next(field for field in builtin_layouts()["2016"].fields if field.name == "SEX")
    lines = [bytearray(line) for line in extract.read_bytes().splitlines(keepends=True)]
    for line in lines:
        line[sex.bytes] = b"7" * sex.width
    target.write_bytes(b"".join(lines))
    return target


def state_of(home: Path) -> dict[str, str]:
    """Hash of every file outside the folder where a refresh works."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and ".building" not in path.parts
    }
