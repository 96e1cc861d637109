"""SEER research data in ASCII: fixed-width lines, one file per cancer site and registry group.

Fields keep their padding. Which release a file is of, `pipelines.formats.seer.ascii_layout` finds.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from pipelines.codebook.layouts import Layout
from pipelines.codebook.scripts.label_scripts import find_script
from pipelines.errors import InputError
from pipelines.formats.ncdb.layout_check import share
from pipelines.formats.seer.ascii_layout import (
    COVERED_YEARS,
    NAME_THE_PROGRAM,
    RECORD,
    files_named,
    layout_asked,
    layout_by_content,
    seer_ascii_layout,
    seer_ascii_layouts,
    years_of_folders,
)
from pipelines.formats.text import arrays
from pipelines.formats.text.blocks import sample_lines
from pipelines.formats.text.fixed_width import read_fixed_width
from pipelines.formats.types import (
    SOURCE_FILE,
    Batch,
    Extract,
    Format,
    Options,
    Recognition,
    TableReader,
    described,
    refused,
)

__all__ = ["FORMAT", "open_seer_ascii", "recognise_seer_ascii", "seer_ascii_layouts"]

LAST_REQUIRED = "STAT_REC"
"""Vital status is never blank, so a line that ends before it was cut; what follows may be trimmed."""
NOTHING_SAID = Options()


def recognise_seer_ascii(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is SEER research data in ASCII, and of which release.

    Parameters
    ----------
    path : Path
    head : bytes
        Its first bytes: they tell SEER's own SAS program, which describes such files.

    Returns
    -------
    Recognition or None
        With an error where it is this format and the release is not known.
    """
    script = _recognise_script(path, head)
    if script is not None:
        return script
    lines = sample_lines(path)
    if share(RECORD.match(line) is not None for line in lines) < 0.5:
        return _only_as_long(path, lines)
    try:
        layout = layout_by_content(lines, path.name)
    except InputError as error:
        return refused(path, error, format="seer_ascii", source="seer")
    first, last = COVERED_YEARS[layout.release]
    damaged = any(len(line.rstrip()) > layout.length for line in lines)
    return Recognition(
        path=path,
        format="seer_ascii",
        source="seer",
        release=layout.release,
        records=None,
        columns=len(layout.fields),
        problems=("Some lines cannot be records and will be set aside.",) if damaged else (),
        explanation=f"SEER research data in ASCII, submission {layout.release}, diagnoses of {first}-{last}: lines "
        f"of {layout.length} characters with {len(layout.fields)} fields; patient, registry, sex, year, primary "
        "site and vital status are where this release has them.",
    )


def _only_as_long(path: Path, lines: Sequence[bytes]) -> Recognition | None:
    """Digits of the right length that hold no such record: random test data, or the layout of another release."""
    lengths = {layout.length for layout in seer_ascii_layouts().values()}
    if share(len(line) in lengths and line[:8].isdigit() for line in lines) < 0.5:
        return None
    error = InputError(
        "Its lines are as long as those of SEER research data in ASCII, but sex, year of diagnosis and primary site "
        "are not where a release known here has them",
        where=str(path),
        remedy=NAME_THE_PROGRAM,
    )
    return refused(path, error, format="seer_ascii", source="seer")


def open_seer_ascii(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open the files of one release: every site and registry group that the caller names.

    Parameters
    ----------
    paths : sequence of Path
    options : Options
        ``layout`` or ``companions``: a release with a built-in layout, or the SAS program that came with the data.
        Found by content if not given, and held against the content if given.

    Raises
    ------
    InputError
        The release of a file is not known or not the one asked for, or the files are of several releases.
    """
    asked = layout_asked(options)
    layouts = {path: seer_ascii_layout(path, asked) for path in paths}
    releases = {layout.release for layout in layouts.values()}
    if len(releases) > 1:
        raise InputError(
            "These SEER files are of different submissions: "
            + ", ".join(f"{path.name} is {layout.release}" for path, layout in layouts.items()),
            remedy="A submission restates all years: load each as its own submission.",
        )
    release = releases.pop()
    return Extract(
        source="seer",
        format="seer_ascii",
        dialect="seer_ascii",
        release=release,
        covered_years=COVERED_YEARS.get(release) or years_of_folders(paths, options),
        site=None,
        tables=tuple(_table(path, layout, layouts) for path, layout in layouts.items()),
        notes=tuple(note for path, layout in layouts.items() for note in _notes(path, layout)),
        companions=files_named(options),
    )


def _recognise_script(path: Path, head: bytes) -> Recognition | None:
    """SEER's own program, by the variables it reads."""
    if not all(re.search(rb"\b%s\b" % name, head, re.I) for name in (b"PUBCSNUM", b"YEAR_DX", b"PRIMSITE")):
        return None
    try:
        script = find_script(path)
    except InputError as error:
        return refused(path, error)
    if script is None:
        return None
    return described(
        path,
        f"This is {script.kind} that reads SEER research data in ASCII: {len(script.fields)} fields. It holds no data "
        "and is used to read the files it came with.",
        source="seer",
        format="seer_ascii",
    )


def _table(path: Path, layout: Layout, paths: Collection[Path]) -> TableReader:
    """One file as a table; SEER names the files of every registry group alike, so the folder tells them apart."""
    required = layout.by_name.get(LAST_REQUIRED) or layout.by_name["PRIMSITE"]
    read = partial(read_fixed_width, path, layout, required_until=required.end)
    columns = tuple(field.name for field in layout.fields)
    if sum(each.stem == path.stem for each in paths) == 1:
        return TableReader(path.stem, path, columns, read)
    name = re.sub(r"\W+", "_", f"{path.parent.name}_{path.stem}")
    file = f"{path.parent.name}/{path.name}"
    return TableReader(name, path, columns, partial(_received_as, read, file), file)


def _received_as(read: Callable[[], Iterator[Batch]], file: str) -> Iterator[Batch]:
    """Batches whose records name their file by ``file``."""
    for batch in read():
        yield Batch(*(_named(table, file) for table in (batch.kept, batch.quarantined)))


def _named(table: pa.Table, file: str) -> pa.Table:
    column = table.column_names.index(SOURCE_FILE)
    return table.set_column(column, SOURCE_FILE, arrays.repeated(file.encode(), table.num_rows))


def _notes(path: Path, layout: Layout) -> Iterator[str]:
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - layout.length, 0))
        tail = stream.read()
    if not tail.endswith(b"\n"):
        yield f"{path.name}: the last record has no line end; if the file was cut, ask for it again."


FORMAT = Format(
    "seer_ascii",
    "seer",
    "seer_ascii",
    "a SEER research file in ASCII",
    recognise_seer_ascii,
    open_seer_ascii,
)
