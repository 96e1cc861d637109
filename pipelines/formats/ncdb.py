"""NCDB Participant User File: fixed-width lines to Arrow text columns, byte for byte.

Fields are byte ranges, not character ranges, and keep their padding. A line that lost its trailing blanks to
some tool gets them back. A line that cannot be a record goes to quarantine with its number, byte range and
reason.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipelines.codebook.layouts import LAYOUT_COLUMNS, Layout, find_layout
from pipelines.errors import InputError
from pipelines.formats.blocks import BLOCK_BYTES, sample_lines
from pipelines.formats.fixed_width import read_fixed_width
from pipelines.formats.ncdb_layout_check import FIRST_YEAR, Sample, choose_layout, share
from pipelines.formats.types import (
    Batch,
    Extract,
    Format,
    Options,
    Recognition,
    TableReader,
    described,
    refused,
)

YEAR_AND_SITE = re.compile(rb".{78}20\d\dC\d\d\d", re.S)
"""Every NCDB layout has year and primary site in these columns."""
NOTHING_SAID = Options()
LAST_REQUIRED = "PRIMARY_SITE"
"""A record is never blank up to here, so a line that ends before it was cut."""


def open_ncdb(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open the files of one NCDB release.

    Parameters
    ----------
    paths : sequence of Path
    options : Options
        ``layout``: a release with a built-in layout, or the site's own layout table. Found by content if not
        given, and held against the content if given.

    Raises
    ------
    InputError
        A file is in no known layout or not in the one asked for, or the files are of different releases.
    """
    asked = find_layout(options.layout[0]) if options.layout else None
    layouts = {path: ncdb_layout(path, asked) for path in paths}
    releases = {found.release for found in layouts.values()}
    if len(releases) > 1:
        raise InputError(
            "These NCDB files are of different releases: "
            + ", ".join(f"{path.name} is {found.release}" for path, found in layouts.items()),
            remedy="Every release restates all years under new case ids: load each as its own submission.",
        )
    release = releases.pop()
    return Extract(
        source="ncdb",
        format="ncdb_puf",
        dialect="ncdb",
        release=release,
        covered_years=(FIRST_YEAR, int(release)),
        site="breast",
        tables=tuple(ncdb_table(path, found) for path, found in layouts.items()),
        notes=tuple(note for path, found in layouts.items() for note in _notes(path, found)),
    )


def ncdb_layout(path: Path, asked: Layout | None = None) -> Layout:
    """Find the layout of a file by its content; see `choose_layout`."""
    return choose_layout(Sample.of(sample_lines(path)), asked, path.name)


def ncdb_table(path: Path, layout: Layout) -> TableReader:
    """One file as a table with the variable names of its release."""
    return TableReader(
        name=path.stem,
        path=path,
        columns=tuple(field.name for field in layout.fields),
        read=partial(read_records, path, layout),
    )


def _notes(path: Path, layout: Layout) -> Iterator[str]:
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - layout.length, 0))
        tail = stream.read()
    if not tail.endswith(b"\n"):
        yield f"{path.name}: the last record has no line end; if the file was cut, ask for it again."


def read_records(path: Path, layout: Layout, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Batch]:
    """Read a file block by block; values keep their padding. See `read_fixed_width`."""
    required = layout.by_name[LAST_REQUIRED].end
    return read_fixed_width(path, layout, required_until=required, block_bytes=block_bytes)


def recognise_ncdb(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is an NCDB file, and of which release; a layout table is a companion."""
    if head.startswith(",".join(LAYOUT_COLUMNS).encode()):
        return described(path, "This is a layout table.", source="ncdb", format="ncdb_puf")
    sample = Sample.of(sample_lines(path))
    if share(YEAR_AND_SITE.match(line) is not None for line in sample.lines) < 0.5:
        return None
    try:
        layout = ncdb_layout(path)
    except InputError as error:
        return refused(path, error)
    damaged = sum(len(line) > layout.length for line in sample.lines)
    return Recognition(
        path=path,
        format="ncdb_puf",
        source="ncdb",
        release=layout.release,
        records=None,
        columns=len(layout.fields),
        problems=("Some lines cannot be records and will be set aside.",) if damaged else (),
        explanation=f"NCDB Participant User File, breast, release {layout.release}: lines of "
        f"{layout.length:,} bytes with {len(layout.fields)} fields; year, primary site and vital "
        "status are where this release has them.",
    )


FORMAT = Format("ncdb_puf", "ncdb", "ncdb", "an NCDB file", recognise_ncdb, open_ncdb)
