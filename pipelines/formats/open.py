"""Open whatever arrived: find out what it is, or take the caller's word and hold it against the content."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.codebook.layouts import Layout
from pipelines.codebook.mapping import Mapping
from pipelines.errors import InputError
from pipelines.formats.mapped import open_mapped
from pipelines.formats.ncdb import open_ncdb
from pipelines.formats.recognise import recognise
from pipelines.formats.seerstat import open_seerstat
from pipelines.formats.types import Extract

SOURCES = ("ncdb", "seer", "mapped")
KINDS = {
    "ncdb_puf": "an NCDB file",
    "seerstat_case_listing": "a SEER*Stat case listing",
    "mapped": "another table",
    None: "none that can be loaded",
}
ASK_FOR_MAPPING = (
    "See catalog/mappings for how to write one; if it should be an NCDB or SEER*Stat file, it is not."
)


def open_extract(
    paths: Sequence[str | Path],
    *,
    source: str | None = None,
    layout: str | Path | Layout | None = None,
    mapping: str | Path | dict[str, Any] | Mapping | None = None,
) -> Extract:
    """Open the files of one submission for reading; nothing is read but samples.

    Parameters
    ----------
    paths : sequence of str or Path
        Data files of one release. A ``.dic`` is found beside its data file and may be named too.
    source : str, optional
        ``ncdb``, ``seer`` or ``mapped``; found by content if not given.
    layout : str, Path or Layout, optional
        NCDB only: a release with a built-in layout, or a layout table of the site.
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
    files = data_files(paths)
    source = source or ("mapped" if mapping is not None else "ncdb" if layout is not None else None)
    source = source or _source_by_content(files)
    if source not in SOURCES:
        raise InputError(f"There is no source '{source}'", remedy=f"Known: {', '.join(SOURCES)}.")
    if (mapping is not None) != (source == "mapped"):
        raise InputError(
            "A mapping and the source 'mapped' go together",
            remedy="Name a mapping with --mapping FILE for a mapped source, and none otherwise.",
        )
    if source != "ncdb" and layout is not None:
        raise InputError("A layout is for NCDB files only", remedy="Leave --layout out.")
    if source == "ncdb":
        extract = open_ncdb(files, layout=layout)
    else:
        extract = open_seerstat(files) if mapping is None else open_mapped(files, mapping)
    return _told_apart(extract)


def data_files(paths: Sequence[str | Path]) -> list[Path]:
    """Return the data files among paths, sorted by name; a ``.dic`` is a companion.

    Raises
    ------
    InputError
        None are given, or one is missing, a folder or empty.
    """
    files = sorted(
        {Path(path) for path in paths if Path(path).suffix.lower() != ".dic"}, key=lambda path: path.name
    )
    for path in files:
        if not path.is_file():
            what = "This is a folder" if path.is_dir() else "There is no such file"
            raise InputError(what, where=str(path), remedy="Name the data files of one submission.")
        if not path.stat().st_size:
            raise InputError("The file is empty", where=str(path), remedy="Ask for the extract again.")
    if not files:
        raise InputError("No data file is named", remedy="Name the data files of one submission.")
    return files


def _told_apart(extract: Extract) -> Extract:
    """Two files may not become one table, nor share the name by which a record tells its file."""
    for names in ([table.name for table in extract.tables], [table.path.name for table in extract.tables]):
        same = [table for table, name in zip(extract.tables, names, strict=True) if names.count(name) > 1]
        if same:
            raise InputError(
                "Two files have the same name (an ending does not tell them apart)",
                where=", ".join(str(table.path) for table in same),
                remedy="Name each data file of one submission once, under its own name.",
            )
    return extract


def _source_by_content(files: Sequence[Path]) -> str:
    found = {path: recognise(path) for path in files}
    kinds = {recognition.format for recognition in found.values()}
    if len(kinds) > 1:
        raise InputError(
            "These files are of different kinds: "
            + ", ".join(f"{path.name} is {KINDS[each.format]}" for path, each in found.items()),
            where=str(files[0].parent),
            remedy="Name the data files of one source and release, and no other file.",
        )
    recognition = found[files[0]]
    if recognition.error is not None:
        raise recognition.error
    if recognition.source is None or recognition.source == "mapped":
        raise InputError(recognition.explanation, where=str(recognition.path), remedy=ASK_FOR_MAPPING)
    return recognition.source
