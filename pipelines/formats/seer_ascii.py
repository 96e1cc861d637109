"""SEER research data in ASCII: fixed-width lines, one file per cancer site and registry group.

Columns moved between releases, so a release is told by what only it holds, and any other release needs the SAS
program that SEER ships with it. Fields keep their padding.
"""

import csv
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import pyarrow as pa

from pipelines.codebook.label_scripts import Script, find_script, read_script, script_text
from pipelines.codebook.layouts import TABLES, Field, Layout
from pipelines.errors import InputError
from pipelines.formats import arrays
from pipelines.formats.blocks import sample_lines
from pipelines.formats.fixed_width import read_fixed_width
from pipelines.formats.ncdb_layout_check import share
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

LAYOUT_TABLE = TABLES / "seer_ascii_layout.csv"
COVERED_YEARS = {"nov2016": (1973, 2014), "nov2018": (1975, 2016)}
RECORD = re.compile(rb"\d{8}[ \d]{10}.{5}\d.{14}(?:19[7-9]\d|20[0-2]\d)C\d\d\d", re.S)
"""Patient, registry, sex, year of diagnosis and primary site, where both releases have them."""
RELEASE = re.compile(r"nov\d{4}")
YEARS_OF_FOLDER = re.compile(r"\byr((?:19|20)\d\d)_((?:19|20)\d\d)\.")
LAST_REQUIRED = "STAT_REC"
"""Vital status is never blank, so a line that ends before it was cut; what follows may be trimmed."""
NOTHING_SAID = Options()
ONE_IN_A_THOUSAND = 0.001
NAME_THE_PROGRAM = (
    "Name the release or the SAS program that came with the data: --layout nov2016, --layout nov2018 or "
    "--layout read.seer.research.<release>.sas."
)


@lru_cache(maxsize=1)
def seer_ascii_layouts() -> dict[str, Layout]:
    """Layouts that come with the program, by release; columns without a field are fields ``columns_<a>_<b>``."""
    with LAYOUT_TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {
        release: Layout.of(
            release,
            [
                Field(row["variable"], int(row["start"]), int(row["width"]))
                for row in rows
                if row["release"] == release
            ],
        )
        for release in COVERED_YEARS
    }


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
        layout = _layout_by_content(lines, path.name)
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
    asked = _layout_asked(options)
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
        covered_years=COVERED_YEARS.get(release) or _years_of_folders(paths, options),
        site=None,
        tables=tuple(_table(path, layout, layouts) for path, layout in layouts.items()),
        notes=tuple(note for path, layout in layouts.items() for note in _notes(path, layout)),
        companions=_files_named(options),
    )


def seer_ascii_layout(path: Path, asked: Layout | None = None) -> Layout:
    """Find the layout of a file by what only one release holds, or hold the one asked for against the file.

    Raises
    ------
    InputError
        Nothing, or not only one release, fits.
    """
    lines = sample_lines(path)
    if asked is None:
        return _layout_by_content(lines, path.name)
    plausible = {"SEX": rb"\d", "YEAR_DX": rb"19[7-9]\d|20[0-2]\d", "PRIMSITE": rb"C\d\d\d"}
    fields = {name: asked.by_name.get(name) for name in plausible}
    if (
        None in fields.values()
        or share(
            all(
                field is not None and re.fullmatch(plausible[name], line[field.bytes]) is not None
                for name, field in fields.items()
            )
            for line in lines
        )
        < 0.5
    ):
        raise InputError(
            f"Sex, year of diagnosis and primary site are not where the layout of {asked.release} has them",
            where=path.name,
            remedy="Bring the layout or SAS program that came with this file.",
        )
    others = {release for release, signs in _signs(lines).items() if signs} - {asked.release}
    if others and asked.release in COVERED_YEARS:
        raise InputError(
            f"The file is of submission {', '.join(sorted(others))} and not of {asked.release}: "
            + "; ".join(sign for release in sorted(others) for sign in _signs(lines)[release]),
            where=path.name,
            remedy="Leave --layout out to have the layout found.",
        )
    return asked


def _layout_by_content(lines: Sequence[bytes], name: str) -> Layout:
    signs = _signs(lines)
    found = [release for release, seen in signs.items() if seen]
    newest = max(int(line[38:42]) for line in lines if RECORD.match(line)) if found else 0
    if len(found) == 1 and newest <= COVERED_YEARS[found[0]][1]:
        return seer_ascii_layouts()[found[0]]
    seen = "; ".join(f"{release}: {', '.join(signs[release])}" for release in found)
    raise InputError(
        "This is SEER research data in ASCII of a submission that its content does not tell"
        + (f" ({seen})" if seen else ""),
        where=name,
        remedy=NAME_THE_PROGRAM,
    )


def _signs(lines: Sequence[bytes]) -> dict[str, tuple[str, ...]]:
    """What only one of the releases holds, by release; one damaged record in a thousand is no sign."""
    records = [line for line in lines if RECORD.match(line)]
    seen = {
        "nov2016": {
            "dead is coded 4": [line[264:265] == b"4" for line in records],
            "column 138 is filled": [line[137:138].strip() != b"" for line in records],
            "there are diagnoses before 1975": [line[38:42] < b"1975" for line in records],
        },
        "nov2018": {
            "dead is coded 0": [line[264:265] == b"0" for line in records],
            "columns 364 to 393 are filled": [
                line[362:363] == b" " and line[363:393].strip() != b"" for line in records
            ],
            "there are diagnoses of 2016": [line[38:42] == b"2016" for line in records],
        },
    }
    return {
        release: tuple(sign for sign, flags in of.items() if share(flags) >= ONE_IN_A_THOUSAND)
        for release, of in seen.items()
    }


def _layout_asked(options: Options) -> Layout | None:
    """The layout that the caller or a companion names; None where nobody names one.

    A script is followed where there is one, and a release beside it is its name.
    """
    named = (*options.layout, *options.companions)
    for asked in named:
        if isinstance(asked, Layout):
            return asked
    releases = [str(asked) for asked in named if RELEASE.fullmatch(str(asked))]
    scripts = _files_named(options)
    if scripts:
        return _script_layout(read_script(scripts[0]), releases)
    if releases and releases[0] not in seer_ascii_layouts():
        raise InputError(
            f"There is no built-in SEER ASCII layout '{releases[0]}'",
            remedy=f"Built in: {', '.join(seer_ascii_layouts())}; another needs the SAS program that came with it.",
        )
    return seer_ascii_layouts()[releases[0]] if releases else None


def _files_named(options: Options) -> tuple[Path, ...]:
    """SAS programs and layout tables that the caller names."""
    named = (*options.layout, *options.companions)
    return tuple(Path(each) for each in named if not isinstance(each, Layout) and Path(each).is_file())


def _years_of_folders(paths: Sequence[Path], options: Options) -> tuple[int, int] | None:
    """First and last year of the folders that SEER ships the files in, or that its program names."""
    texts = [str(path) for path in paths]
    texts += [script_text(path.read_bytes()) or "" for path in _files_named(options)]
    years = [(int(first), int(last)) for text in texts for first, last in YEARS_OF_FOLDER.findall(text)]
    return (min(years)[0], max(last for _, last in years)) if years else None


def _script_layout(script: Script, releases: Sequence[str]) -> Layout:
    """The layout of a SAS program; its release is what the caller says, else what its name says."""
    named = releases or RELEASE.findall(script.path.name.lower())
    if not named:
        raise InputError(
            "Neither the SAS program nor its name say which submission it is for",
            where=script.path.name,
            remedy="Name it too, such as --layout nov2017.",
        )
    return Layout.of(
        named[0], [replace(each, name=each.name.upper()) for each in script.fields], script.length
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
