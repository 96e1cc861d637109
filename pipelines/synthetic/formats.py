"""The formats that people can be written in: for each, its release, its lines, and what its files can hold."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from . import canonical_naaccr, canonical_ncdb, canonical_seer, naaccr, ncdb, nsqip, seer_ascii, seerstat
from .canonical import Columns
from .world import Release, World


@dataclass(frozen=True)
class WorldFormat:
    """One format of a file that is written from a world, block by block.

    Attributes
    ----------
    release : Release
    file_name : str
    lines : callable
        World → the bytes of its records.
    canonical : callable
        World → what the registry tables should say of the records, as far as the format can hold it.
    head, tail : bytes
        What stands before the first and after the last record.
    companion : tuple of (str, bytes), optional
        Ending and content of the file that is sent beside it.
    mapping : str, optional
        Id of the catalog's mapping that the file is loaded with.
    """

    release: Release
    file_name: str
    lines: Callable[[World], bytes]
    canonical: Callable[[World], Columns]
    head: bytes = b""
    tail: bytes = b""
    companion: tuple[str, bytes] | None = None
    mapping: str | None = None


def _ncdb(year: str) -> WorldFormat:
    return WorldFormat(
        release=ncdb.release(year),
        file_name=f"NCDBPUF_Breast.0.{year}.0.dat",
        lines=partial(ncdb.records, puf_year=year),
        canonical=partial(canonical_ncdb.canonical, puf_year=year),
    )


def _seerstat(submission: str) -> WorldFormat:
    return WorldFormat(
        release=seerstat.release(submission),
        file_name=f"seer_breast_{submission}.csv",
        lines=partial(seerstat.lines, submission=submission),
        canonical=partial(canonical_seer.canonical, submission=submission, ascii_file=False),
        head=seerstat.header(submission),
        companion=(".dic", seerstat.dictionary(submission)),
    )


def _seer_ascii(submission: str) -> WorldFormat:
    return WorldFormat(
        release=seer_ascii.RELEASES[submission],
        file_name=f"BREAST_{submission}.TXT",
        lines=partial(seer_ascii.records, submission=submission),
        canonical=partial(canonical_seer.canonical, submission=submission, ascii_file=True),
    )


def _naaccr_flat(version: str) -> WorldFormat:
    return WorldFormat(
        release=naaccr.RELEASES[version],
        file_name=f"naaccr_{version}.txt",
        lines=partial(naaccr.flat_lines, version=version),
        canonical=partial(canonical_naaccr.canonical, version=version),
    )


def _naaccr_xml(version: str) -> WorldFormat:
    return WorldFormat(
        release=naaccr.RELEASES[version],
        file_name=f"naaccr_{version}.xml",
        lines=partial(naaccr.xml_patients, version=version),
        canonical=partial(canonical_naaccr.canonical, version=version),
        head=naaccr.xml_head(version),
        tail=naaccr.XML_TAIL,
    )


def _nsqip() -> WorldFormat:
    return WorldFormat(
        release=nsqip.RELEASE,
        file_name="acs_nsqip_puf.txt",
        lines=nsqip.lines,
        canonical=nsqip.canonical,
        head=nsqip.header(),
        mapping="nsqip",
    )


WORLD_FORMATS: dict[str, Callable[[], WorldFormat]] = {
    **{f"ncdb-{year}": partial(_ncdb, year) for year in ncdb.RELEASES},
    **{f"seerstat-{submission}": partial(_seerstat, submission) for submission in seerstat.RELEASES},
    **{f"seer-ascii-{submission}": partial(_seer_ascii, submission) for submission in seer_ascii.RELEASES},
    **{f"naaccr-flat-{version}": partial(_naaccr_flat, version) for version in ("v16", "v18")},
    **{f"naaccr-xml-{version}": partial(_naaccr_xml, version) for version in ("v18", "v23", "v26")},
    "mapped-nsqip": _nsqip,
}
