"""Writes a synthetic extract in a registry's own format, with its truth beside it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from pipelines.errors import InputError
from pipelines.store.files import aside, write_parquet, write_text

from . import msk, naaccr, ncdb, seer_ascii, seerstat
from .draws import BLOCK_ROWS
from .settings import WorldSettings
from .truth_table import truth_of_world
from .world import Release, World, make_world


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
        ``ncdb-2016``, ``ncdb-2020``, ``ncdb-2022``, ``seerstat-nov2018``, ``seerstat-nov2022``
        or ``mapped-msk``.
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
    if format not in FORMATS:
        raise InputError(
            f"There is no synthetic format '{format}'", remedy=f"Choose one of {', '.join(FORMATS)}."
        )
    if rows < 1 or seed < 0:
        raise InputError("A synthetic extract needs at least one row and a seed of zero or more")
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    extracts, companions, truth = FORMATS[format](settings, rows, seed, out)
    write_parquet(truth, out / "truth.parquet")
    facts = {"format": format, "rows": rows, "seed": seed, "settings": settings.model_dump(mode="json")}
    write_text(json.dumps(facts, indent=2) + "\n", out / "truth.json")
    return SyntheticFiles(extracts, companions, out / "truth.parquet", out / "truth.json")


Written = tuple[tuple[Path, ...], tuple[Path, ...], pl.DataFrame]


def _worlds(settings: WorldSettings, release: Release, rows: int, seed: int) -> Iterator[tuple[int, World]]:
    """Blocks of people with the number of their first record (1-based)."""
    first, last = settings.years or (release.first_year, release.last_year)
    if first < release.first_year or last > release.last_year:
        raise InputError(
            f"Diagnosis years {first}-{last} lie outside the release",
            remedy=f"It holds {release.first_year}-{release.last_year}.",
        )
    for block, start in enumerate(range(0, rows, BLOCK_ROWS)):
        yield start + 1, make_world(settings, release, min(BLOCK_ROWS, rows - start), seed, block)


def _write_blocks(
    path: Path,
    release: Release,
    head: bytes,
    lines: Callable[[World], bytes],
    settings: WorldSettings,
    rows: int,
    seed: int,
    tail: bytes = b"",
) -> pl.DataFrame:
    truths = []
    with aside(path) as temporary, temporary.open("wb") as stream:
        stream.write(head)
        for first_record, world in _worlds(settings, release, rows, seed):
            stream.write(lines(world))
            truths.append(truth_of_world(world, path.name, first_record))
        stream.write(tail)
    return pl.concat(truths)


def _write_ncdb(puf_year: str, settings: WorldSettings, rows: int, seed: int, out: Path) -> Written:
    path = out / f"NCDBPUF_Breast.0.{puf_year}.0.dat"
    lines = partial(ncdb.records, puf_year=puf_year)
    truth = _write_blocks(path, ncdb.release(puf_year), b"", lines, settings, rows, seed)
    return (path,), (), truth


def _write_seerstat(submission: str, settings: WorldSettings, rows: int, seed: int, out: Path) -> Written:
    path = out / f"seer_breast_{submission}.csv"
    lines = partial(seerstat.lines, submission=submission)
    release = seerstat.release(submission)
    truth = _write_blocks(path, release, seerstat.header(submission), lines, settings, rows, seed)
    dictionary = path.with_suffix(".dic")
    with aside(dictionary) as temporary:
        temporary.write_bytes(seerstat.dictionary(submission))
    return (path,), (dictionary,), truth


def _write_seer_ascii(submission: str, settings: WorldSettings, rows: int, seed: int, out: Path) -> Written:
    path = out / f"BREAST_{submission}.TXT"
    lines = partial(seer_ascii.records, submission=submission)
    truth = _write_blocks(path, seer_ascii.RELEASES[submission], b"", lines, settings, rows, seed)
    return (path,), (), truth


def _write_naaccr_flat(version: str, settings: WorldSettings, rows: int, seed: int, out: Path) -> Written:
    path = out / f"naaccr_{version}.txt"
    lines = partial(naaccr.flat_lines, version=version)
    return (path,), (), _write_blocks(path, naaccr.RELEASES[version], b"", lines, settings, rows, seed)


def _write_naaccr_xml(version: str, settings: WorldSettings, rows: int, seed: int, out: Path) -> Written:
    path = out / f"naaccr_{version}.xml"
    head, people = naaccr.xml_head(version), partial(naaccr.xml_patients, version=version)
    release = naaccr.RELEASES[version]
    truth = _write_blocks(path, release, head, people, settings, rows, seed, naaccr.XML_TAIL)
    return (path,), (), truth


def _write_msk(settings: WorldSettings, rows: int, seed: int, out: Path) -> Written:
    files, truth = msk.write(settings, rows, seed, out)
    return files, (), truth


FORMATS: dict[str, Callable[[WorldSettings, int, int, Path], Written]] = {
    **{f"ncdb-{year}": partial(_write_ncdb, year) for year in ncdb.RELEASES},
    **{f"seerstat-{name}": partial(_write_seerstat, name) for name in seerstat.RELEASES},
    **{f"seer-ascii-{name}": partial(_write_seer_ascii, name) for name in seer_ascii.RELEASES},
    **{f"naaccr-flat-{version}": partial(_write_naaccr_flat, version) for version in ("v16", "v18")},
    **{f"naaccr-xml-{version}": partial(_write_naaccr_xml, version) for version in ("v18", "v23", "v26")},
    "mapped-msk": _write_msk,
}
