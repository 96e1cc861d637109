"""Layouts of SEER research data in ASCII, and which of them a file has.

Columns moved between releases, so a release is told by what only it holds, and any other release needs the SAS program
that SEER ships with it.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pipelines.codebook.layouts import TABLES, Field, Layout
from pipelines.codebook.scripts.label_scripts import Script, read_script, script_text
from pipelines.errors import InputError
from pipelines.formats.ncdb.layout_check import share
from pipelines.formats.text.blocks import sample_lines
from pipelines.formats.types import Options

LAYOUT_TABLE = TABLES / "seer_ascii_layout.csv"
COVERED_YEARS = {"nov2016": (1973, 2014), "nov2018": (1975, 2016)}
RECORD = re.compile(rb"\d{8}[ \d]{10}.{5}\d.{14}(?:19[7-9]\d|20[0-2]\d)C\d\d\d", re.S)
"""Patient, registry, sex, year of diagnosis and primary site, where both releases have them."""
RELEASE = re.compile(r"nov\d{4}")
YEARS_OF_FOLDER = re.compile(r"\byr((?:19|20)\d\d)_((?:19|20)\d\d)\.")
DEAD = {"nov2016": "dead is coded 4", "nov2018": "dead is coded 0"}
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


def seer_ascii_layout(path: Path, asked: Layout | None = None) -> Layout:
    """Find the layout of a file by what only one release holds, or hold the one asked for against the file.

    Raises
    ------
    InputError
        Nothing, or not only one release, fits.
    """
    lines = sample_lines(path)
    if asked is None:
        return layout_by_content(lines, path.name)
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
    if asked.release in COVERED_YEARS:
        _check_release(lines, asked.release, path.name)
    return asked


def _check_release(lines: Sequence[bytes], asked: str, name: str) -> None:
    """Hold the release that the caller names against what only one release holds.

    Raises
    ------
    InputError
        The file is of the other release, or of both.
    """
    signs = _signs(lines)
    other = next(release for release in signs if release != asked)
    joined = all(DEAD[release] in seen for release, seen in signs.items())
    if joined or (signs[other] and not signs[asked]):
        said = f"The file is of submission {other} and not of {asked}"
        raise InputError(
            f"{'The file is two releases in one' if joined else said}: {_told(signs)}",
            where=name,
            remedy="Load each as its own submission."
            if joined
            else "Leave --layout out to have the layout found.",
        )


def layout_by_content(lines: Sequence[bytes], name: str) -> Layout:
    """The layout of the one release that the content tells: by the code of the dead, else by anything else.

    Raises
    ------
    InputError
        It tells none, or more than one.
    """
    signs = _signs(lines)
    decisive = [release for release, seen in signs.items() if DEAD[release] in seen]
    found = decisive or [release for release, seen in signs.items() if seen]
    if len(found) == 1:
        first, last = COVERED_YEARS[found[0]]
        outside = share(not first <= int(line[38:42]) <= last for line in lines if RECORD.match(line))
        if outside < ONE_IN_A_THOUSAND:
            return seer_ascii_layouts()[found[0]]
    raise InputError(
        "This is SEER research data in ASCII of a submission that its content does not tell"
        + (f" ({_told(signs)})" if found else ""),
        where=name,
        remedy=NAME_THE_PROGRAM,
    )


def _told(signs: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{release}: {', '.join(seen)}" for release, seen in signs.items() if seen)


def _signs(lines: Sequence[bytes]) -> dict[str, tuple[str, ...]]:
    """What only one of the releases holds, by release; one damaged record in a thousand is no sign."""
    records = [line for line in lines if RECORD.match(line)]
    seen = {
        "nov2016": {
            DEAD["nov2016"]: [line[264:265] == b"4" for line in records],
            "column 138 is filled": [line[137:138].strip() != b"" for line in records],
            "there are diagnoses before 1975": [line[38:42] < b"1975" for line in records],
        },
        "nov2018": {
            DEAD["nov2018"]: [line[264:265] == b"0" for line in records],
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


def layout_asked(options: Options) -> Layout | None:
    """The layout that the caller or a companion names; None where nobody names one.

    A script is followed where there is one, and a release beside it is its name.

    Raises
    ------
    InputError
        There is no such layout, or a script does not tell its release.
    """
    named = (*options.layout, *options.companions)
    for asked in named:
        if isinstance(asked, Layout):
            return asked
    releases = [str(asked) for asked in named if RELEASE.fullmatch(str(asked))]
    scripts = files_named(options)
    if scripts:
        return _script_layout(read_script(scripts[0]), releases)
    if releases and releases[0] not in seer_ascii_layouts():
        raise InputError(
            f"There is no built-in SEER ASCII layout '{releases[0]}'",
            remedy=f"Built in: {', '.join(seer_ascii_layouts())}; another needs the SAS program that came with it.",
        )
    return seer_ascii_layouts()[releases[0]] if releases else None


def files_named(options: Options) -> tuple[Path, ...]:
    """SAS programs and layout tables that the caller names."""
    named = (*options.layout, *options.companions)
    return tuple(Path(each) for each in named if not isinstance(each, Layout) and Path(each).is_file())


def years_of_folders(paths: Sequence[Path], options: Options) -> tuple[int, int] | None:
    """First and last year of the folders that SEER ships the files in, or that its program names."""
    texts = [str(path) for path in paths]
    texts += [script_text(path.read_bytes()) or "" for path in files_named(options)]
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
