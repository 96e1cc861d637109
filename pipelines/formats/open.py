"""Open whatever arrived: find out what it is, or take the caller's word and hold it against the content."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.codebook.layouts import Layout
from pipelines.codebook.mapping import Mapping
from pipelines.errors import InputError
from pipelines.formats.known import FORMATS, SOURCES
from pipelines.formats.mapped.tables import checked_mapping, open_mapped, take_addresses
from pipelines.formats.recognise import recognise
from pipelines.formats.types import Extract, Format, Options, Recognition, described

RELEASES = {r"\d{4}": "ncdb", r"[a-z]{3}\d{4}": "seer", r"v\d\d": "naaccr"}
"""How the sources write their releases."""

ASK_FOR_MAPPING = (
    "See catalog/mappings for how to write one; if it should be a registry's file, it is not as it was sent."
)


def open_extract(
    paths: Sequence[str | Path],
    *,
    source: str | None = None,
    layout: str | Path | Layout | Sequence[str | Path | Layout] | None = None,
    mapping: str | Path | dict[str, Any] | Mapping | None = None,
) -> Extract:
    """Open the files of one submission for reading; nothing is read but samples.

    Parameters
    ----------
    paths : sequence of str or Path
        Data files of one release. Files that describe them (a ``.dic``, a label script, a NAACCR dictionary) may
        be named too. With a mapping also the address of a database, ``postgresql://user@host/name``; none at all
        where the mapping names one.
    source : str, optional
        ``ncdb``, ``seer``, ``naaccr`` or ``mapped``; found by content if not given.
    layout : str, Path, Layout or sequence of these, optional
        A release with a built-in layout, or what the site got with the data: a layout table, a label script, a
        dictionary.
    mapping : str, Path, dict or Mapping, optional
        A mapped source: its mapping, as YAML file, its content, or as checked.

    Returns
    -------
    Extract

    Raises
    ------
    InputError
        A file is missing, empty, unknown, damaged at its beginning, or of another source, layout or release
        than the others or than the caller says.
    """
    paths, mapping = take_addresses(paths, mapping)
    if not paths and mapping is not None and (checked := checked_mapping(mapping)).database is not None:
        return _told_apart(open_mapped([], Options(mapping=checked)))
    files = data_files(paths)
    if source is not None and source not in SOURCES:
        raise InputError(f"There is no source '{source}'", remedy=f"Known: {', '.join(SOURCES)}.")
    source = source or ("mapped" if mapping is not None else None)
    if (mapping is not None) != (source == "mapped"):
        raise InputError(
            "A mapping and the source 'mapped' go together",
            remedy="Name a mapping with --mapping FILE for a mapped source, and none otherwise.",
        )
    found = {path: recognise(path) for path in files}
    companions = tuple(path for path, each in found.items() if each.companion)
    data = {path: each for path, each in found.items() if not each.companion}
    if not data:
        raise InputError(
            "No data file is named, only what describes one",
            where=", ".join(path.name for path in companions),
            remedy="Name the data files of one submission beside it.",
        )
    said = (layout,) if layout is None or isinstance(layout, str | Path | Layout) else tuple(layout)
    options = Options(tuple(each for each in said if each is not None), mapping, companions)
    hints = [found[path] for path in companions] + [_hint(each) for each in options.layout]
    return _told_apart(_format_of(data, source, hints).open(list(data), options))


def data_files(paths: Sequence[str | Path]) -> list[Path]:
    """Return the files, each once, sorted by name.

    Raises
    ------
    InputError
        None are given, or one is missing, a folder or empty.
    """
    files = sorted({Path(path) for path in paths}, key=lambda path: (path.name, str(path)))
    for path in files:
        if not _can_be_written_down(path):
            raise InputError(
                "The name of this file has characters that cannot be written down",
                where=repr(str(path)),
                remedy="Give the file another name.",
            )
        if not path.is_file():
            what = "This is a folder" if path.is_dir() else "There is no such file"
            raise InputError(what, where=str(path), remedy="Name the data files of one submission.")
        if not path.stat().st_size:
            raise InputError("The file is empty", where=str(path), remedy="Ask for the extract again.")
    if not files:
        raise InputError("No data file is named", remedy="Name the data files of one submission.")
    return files


def _can_be_written_down(path: Path) -> bool:
    """Whether a name is text: a manifest holds it as UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _told_apart(extract: Extract) -> Extract:
    """Two files may not become one table, nor share the name by which a record tells its file."""
    for names in ([table.name for table in extract.tables], [table.source_file for table in extract.tables]):
        same = [table for table, name in zip(extract.tables, names, strict=True) if names.count(name) > 1]
        if same:
            raise InputError(
                "Two files have the same name (an ending does not tell them apart)",
                where=", ".join(str(table.path) for table in same),
                remedy="Name each data file of one submission once, under its own name.",
            )
    return extract


def _hint(layout: str | Path | Layout) -> Recognition:
    """What a layout says of the data it is for."""
    if isinstance(layout, Layout):
        return described(Path(), layout.release, source="ncdb", format="ncdb_puf")
    if Path(layout).is_file():
        found = recognise(layout)
        if found.companion:
            return found
        if found.error is not None and found.source is not None:  # it is one, and is damaged
            raise found.error
        raise InputError(
            "This is no layout table, label script or dictionary",
            where=str(layout),
            remedy="Name the file that describes the data with --layout, and the data without.",
        )
    source = next((source for word, source in RELEASES.items() if re.fullmatch(word, str(layout))), None)
    if source is None:
        raise InputError(
            f"There is no layout or release '{layout}' and no file of that name",
            remedy="Name a release (such as 2022, nov2018 or v18) or the file that came with the data.",
        )
    return described(Path(), str(layout), source=source)


def _format_of(found: dict[Path, Recognition], source: str | None, hints: Sequence[Recognition]) -> Format:
    """The one format of all files: by content, else by what describes them or the caller says.

    `Format.open` holds the latter two against the content.
    """
    kinds = {each.format for each in found.values()}
    fitting = [each for each in FORMATS if {each.name} == kinds and source in (None, each.source)]
    if fitting:
        return fitting[0]
    described_as = {each.format for each in hints} - {None}
    source = source or next((each.source for each in hints if each.source), None)
    candidates = [each for each in FORMATS if each.source == source]
    unreadable = next((each.error for each in found.values() if each.error is not None), None)
    if unreadable is not None and len(candidates) > 1 and not hints:
        raise unreadable  # the source has several formats, and nothing says which this should be
    if candidates:
        return next((each for each in candidates if each.name in described_as), candidates[0])
    if len(kinds) > 1:
        words = {each.name: each.words for each in FORMATS}
        raise InputError(
            "These files are of different kinds: "
            + ", ".join(
                f"{path.name} is {words.get(each.format or '', 'none that can be loaded')}"
                for path, each in found.items()
            ),
            where=str(next(iter(found)).parent),
            remedy="Name the data files of one source and release, and no other file (unpack an archive that holds "
            "others).",
        )
    first = next(iter(found.values()))
    raise first.error or InputError(first.explanation, where=str(first.path), remedy=ASK_FOR_MAPPING)
