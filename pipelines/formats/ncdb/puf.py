"""NCDB Participant User File: fixed-width lines to Arrow text columns, byte for byte.

Fields are byte ranges, not character ranges, and keep their padding. A line that lost its trailing blanks to
some tool gets them back. A line that cannot be a record goes to quarantine with its number, byte range and
reason.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines.codebook.layouts import Layout, find_layout
from pipelines.codebook.scripts.label_scripts import Script, find_script, read_script
from pipelines.errors import InputError
from pipelines.formats.ncdb.layout_check import FIRST_YEAR, Sample, choose_layout, known_lengths, share
from pipelines.formats.ncdb.scripts import Chosen, choose_script
from pipelines.formats.text.blocks import BLOCK_BYTES, sample_lines
from pipelines.formats.text.fixed_width import read_fixed_width
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
SCRIPT_WORDS = re.compile(rb"YEAR_OF_DIAGNOSIS|PUF_CASE_ID", re.I)
SCRIPT_VARIABLES = frozenset({"year_of_diagnosis", "puf_case_id"})
"""A label script that reads one of these is the script of NCDB data."""
NOTHING_SAID = Options()
LAST_REQUIRED = "PRIMARY_SITE"
"""A record is never blank up to here, so a line that ends before it was cut."""


def open_ncdb(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open the files of one NCDB release.

    Parameters
    ----------
    paths : sequence of Path
    options : Options
        ``layout``: a release with a built-in layout, or what came with the data: a label script, a structure
        table, a layout table; ``companions`` are such files too. The layout is found by content if nothing is
        given, and held against the content if something is.

    Raises
    ------
    InputError
        A file is in no known layout or not in the one asked for, or the files are of different releases.
    """
    asked = asked_layouts(options)
    found = {path: ncdb_layout(path, asked) for path in paths}
    releases = {each.layout.release for each in found.values()}
    if len(releases) > 1:
        raise InputError(
            "These NCDB files are of different releases: "
            + ", ".join(f"{path.name} is {each.layout.release}" for path, each in found.items()),
            remedy="Every release restates all years under new case ids: load each as its own submission.",
        )
    release = releases.pop()
    notes = [note for path, each in found.items() for note in (*each.notes, *_notes(path, each.layout))]
    return Extract(
        source="ncdb",
        format="ncdb_puf",
        dialect="ncdb",
        release=release,
        covered_years=(FIRST_YEAR, int(release)),
        site="breast",
        tables=tuple(ncdb_table(path, each.layout) for path, each in found.items()),
        notes=tuple(dict.fromkeys(notes)),
        companions=tuple(script.path for script in asked.scripts),
    )


@dataclass(frozen=True)
class Asked:
    """What the caller says of the layout: a release, a layout, or scripts that came with the data."""

    release: str | None = None
    layout: Layout | None = None
    scripts: tuple[Script, ...] = ()


NOTHING_ASKED = Asked()


def asked_layouts(options: Options) -> Asked:
    """Sort out what the caller says of the layout.

    Raises
    ------
    InputError
        Two releases or layouts are named, or a file is no layout.
    """
    layouts = [each for each in options.layout if isinstance(each, Layout)]
    files = [Path(each) for each in options.layout if not isinstance(each, Layout) and Path(each).is_file()]
    words = [
        str(each) for each in options.layout if not isinstance(each, Layout) and not Path(each).is_file()
    ]
    if len(words) > 1 or len(layouts) > 1 or (layouts and (words or files)):
        raise InputError(
            "More than one layout is named",
            remedy="Name one release, or the files that came with the data, or both.",
        )
    scripts = tuple(read_script(path) for path in dict.fromkeys((*files, *options.companions)))
    if words and not (scripts and re.fullmatch(r"20\d\d", words[0])):
        layouts = [find_layout(words[0])]
    return Asked(words[0] if words else None, layouts[0] if layouts else None, scripts)


def ncdb_layout(path: Path, asked: Asked = NOTHING_ASKED) -> Chosen:
    """Find the layout of a file by its content; see `choose_layout` and `choose_script`."""
    sample = Sample.of(sample_lines(path))
    if asked.scripts:
        return choose_script(asked.scripts, asked.release, sample, path.name)
    return Chosen(choose_layout(sample, asked.layout, path.name))


def ncdb_table(path: Path, layout: Layout) -> TableReader:
    """One file as a table with the variable names of its release."""
    return TableReader(
        name=path.stem,
        path=path,
        columns=tuple(field.name for field in layout.fields),
        read=partial(read_records, path, layout),
    )


def other_releases(path: Path, layout: Layout) -> dict[int, str]:
    """Line lengths that are another release's own, where no line of the file was trimmed, and what to say of them."""
    sample = Sample.of(sample_lines(path))
    if not sample.is_uniform or sample.common_length != layout.length:
        return {}
    return {
        length: f"has the {length:,} bytes of release {release} in a file of release {layout.release}"
        for length, release in known_lengths().items()
        if length < layout.length
    }


def _notes(path: Path, layout: Layout) -> Iterator[str]:
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - layout.length, 0))
        tail = stream.read()
    if not tail.endswith(b"\n"):
        yield f"{path.name}: the last record has no line end; if the file was cut, ask for it again."


def read_records(path: Path, layout: Layout, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Batch]:
    """Read a file block by block; values keep their padding. See `read_fixed_width`."""
    required = layout.by_name[LAST_REQUIRED].end
    return read_fixed_width(
        path,
        layout,
        required_until=required,
        other_lengths=other_releases(path, layout),
        block_bytes=block_bytes,
    )


def recognise_ncdb(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is an NCDB file, and of which release; a label script is a companion."""
    sample = Sample.of(sample_lines(path))
    if share(YEAR_AND_SITE.match(line) is not None for line in sample.lines) < 0.5:
        return _recognise_script(path, head)
    try:
        layout = ncdb_layout(path).layout
    except InputError as error:
        return refused(path, error, format="ncdb_puf", source="ncdb")
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


def _recognise_script(path: Path, head: bytes) -> Recognition | None:
    if not SCRIPT_WORDS.search(head):
        return None
    try:
        script = find_script(path)
    except InputError as error:
        return refused(path, error)
    if script is None or not {each.name.casefold() for each in script.fields} & SCRIPT_VARIABLES:
        return None
    last = script.fields[-1].end
    release = f" of release {' or '.join(sorted(script.years))}" if script.years else ""
    return described(
        path,
        f"This is {script.kind} that describes NCDB records{release}: {len(script.fields)} variables in {last:,} "
        "columns. Name it beside the data and the data are read, and checked, by it.",
        source="ncdb",
        format="ncdb_puf",
    )


FORMAT = Format("ncdb_puf", "ncdb", "ncdb", "an NCDB file", recognise_ncdb, open_ncdb)
