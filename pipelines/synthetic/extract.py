"""Writes a synthetic extract in a registry's own format, with its truth beside it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.errors import InputError
from pipelines.store.files import aside, write_parquet, write_text

from . import msk
from .draws import BLOCK_ROWS
from .formats import WORLD_FORMATS, WorldFormat
from .settings import WorldSettings
from .truth_table import truth_of_world
from .world import Release, World, make_world

FORMATS = (*WORLD_FORMATS, "mapped-msk")


@dataclass(frozen=True)
class SyntheticFiles:
    """What was written.

    Attributes
    ----------
    extracts : tuple of Path
        The files a registry would have sent (a ``.dic`` is a companion, not an extract).
    companions : tuple of Path
    truth : Path
        Parquet with one row per record: who they are and what was true of them.
    settings : Path
        JSON with the settings, the format and the seed.
    """

    extracts: tuple[Path, ...]
    companions: tuple[Path, ...]
    truth: Path
    settings: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """Everything that was written."""
        return (*self.extracts, *self.companions, self.truth, self.settings)


def write_extract(
    settings: WorldSettings, format: str, rows: int, seed: int, out_dir: str | Path
) -> SyntheticFiles:
    """Simulate people and write them as a registry would release them.

    Parameters
    ----------
    settings : WorldSettings
    format : str
        One of ``FORMATS``: ``ncdb-2022``, ``seerstat-nov2018``, ``naaccr-xml-v23`` …
    rows : int
        Records (people, in ``mapped-msk``).
    seed : int
        The same settings, format, rows and seed give the same bytes.
    out_dir : path
        Folder to write to; made if it is not there.

    Returns
    -------
    SyntheticFiles

    Raises
    ------
    InputError
        There is no such format, or the years lie outside the release.
    """
    _check(format, rows, seed)
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    if format in WORLD_FORMATS:
        extracts, companions, truth = _write_world(WORLD_FORMATS[format](), settings, rows, seed, out)
    else:
        extracts, truth = msk.write(settings, rows, seed, out)
        companions = ()
    write_parquet(truth, out / "truth.parquet")
    facts = {"format": format, "rows": rows, "seed": seed, "settings": settings.model_dump(mode="json")}
    write_text(json.dumps(facts, indent=2) + "\n", out / "truth.json")
    return SyntheticFiles(extracts, companions, out / "truth.parquet", out / "truth.json")


def canonical_table(settings: WorldSettings, format: str, rows: int, seed: int) -> pl.DataFrame:
    """What the registry tables should say of every record of an extract, as far as the format can hold it.

    Parameters
    ----------
    settings, format, rows, seed
        As given to `write_extract`; not for ``mapped-msk``.

    Returns
    -------
    polars.DataFrame
        ``source_file``, ``source_record`` and columns of the tumor and follow_up tables in the words of the data
        dictionary, made from the world and never from what was written; ``reason_not_given_…`` and
        ``days_status_…`` belong to the treatment table.

    Raises
    ------
    InputError
        There is no such format, or the years lie outside the release.
    """
    _check(format, rows, seed)
    if format not in WORLD_FORMATS:
        raise InputError(
            f"'{format}' has no canonical table", remedy=f"Choose one of {', '.join(WORLD_FORMATS)}."
        )
    written = WORLD_FORMATS[format]()
    blocks = [
        pl.DataFrame(
            {
                "source_file": [written.file_name] * len(world.year),
                "source_record": np.arange(first, first + len(world.year)),
                **written.canonical(world),
            }
        )
        for first, world in _worlds(settings, written.release, rows, seed)
    ]
    return pl.concat(blocks)


def _check(format: str, rows: int, seed: int) -> None:
    if format not in FORMATS:
        raise InputError(
            f"There is no synthetic format '{format}'", remedy=f"Choose one of {', '.join(FORMATS)}."
        )
    if rows < 1 or seed < 0:
        raise InputError("A synthetic extract needs at least one row and a seed of zero or more")


def _worlds(settings: WorldSettings, release: Release, rows: int, seed: int) -> Iterator[tuple[int, World]]:
    """Blocks of people with the number of their first record (1-based)."""
    first, last = settings.years or (release.first_year, release.last_year)
    if first < release.first_year or last > release.last_year:
        raise InputError(
            f"Diagnosis years {first}-{last} lie outside the release",
            remedy=f"It holds {release.first_year}-{release.last_year}.",
        )
    if settings.stage_migration and release.registry == "naaccr":
        raise InputError(
            "Stage migration is written for NCDB and SEER formats alone",
            where="stage_migration",
            remedy="Leave it at 0 for a NAACCR format.",
        )
    for block, start in enumerate(range(0, rows, BLOCK_ROWS)):
        yield start + 1, make_world(settings, release, min(BLOCK_ROWS, rows - start), seed, block)


def _write_world(
    written: WorldFormat, settings: WorldSettings, rows: int, seed: int, out: Path
) -> tuple[tuple[Path, ...], tuple[Path, ...], pl.DataFrame]:
    path, truths = out / written.file_name, []
    with aside(path) as temporary, temporary.open("wb") as stream:
        stream.write(written.head)
        for first_record, world in _worlds(settings, written.release, rows, seed):
            stream.write(written.lines(world))
            truths.append(truth_of_world(world, path.name, first_record))
        stream.write(written.tail)
    companions: tuple[Path, ...] = ()
    if written.companion is not None:
        ending, content = written.companion
        companions = (path.with_suffix(ending),)
        with aside(companions[0]) as temporary:
            temporary.write_bytes(content)
    return (path,), companions, pl.concat(truths)
