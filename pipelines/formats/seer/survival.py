"""SEER*Stat survival export: published aggregates, one row per group and interval, with their ``.dic`` beside them.

Its rows are statistics and not patients. Values are kept as received; `pipelines.registry` makes numbers of them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipelines.codebook.survival_export import SurvivalExport, statistics
from pipelines.errors import CohortsError, InputError
from pipelines.formats.seer.dic import ExportDictionary, find_dic
from pipelines.formats.seer.survival_dic import EXPORT_AGAIN, is_survival_dic, read_survival_dic
from pipelines.formats.seer.survival_rows import delimiter_of, read_survival
from pipelines.formats.types import (
    Extract,
    Format,
    Options,
    Recognition,
    TableReader,
    described,
    refused,
)

NUMBER = re.compile(rb" *[-\d.,]*%?[^\w\s]{0,2} *\r?")
FEWEST_COLUMNS = 6
"""Page type, interval, three counts and a rate."""
NOT_NAMED = "unknown"
"""The release of an export whose dictionary names no submission: its numbers are no less published."""
NOTHING_SAID = Options()


def recognise_survival(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is a survival export or the dictionary of one.

    Parameters
    ----------
    path : Path
    head : bytes
        First bytes of the file.
    """
    is_dic = head.startswith(b"[System]")
    dic = path if is_dic else find_dic(path)
    if dic is None:
        return _without_dic(path) if _is_numbers(head) else None
    if not is_survival_dic(dic):
        return None
    try:
        dictionary, export = read_survival_dic(dic)
        if is_dic:
            return described(
                path,
                f"This is the export dictionary of a SEER*Stat survival session ({export.statistic}, "
                f"{dictionary.release or 'no submission named'}); it is read beside its data file.",
                source="seer",
                format="seerstat_survival",
            )
        delimiter_of(path, dictionary, export)
    except CohortsError as error:
        return refused(path, error, format=None if is_dic else "seerstat_survival", source="seer")
    pages = " and ".join(
        f"{name} pages ({len(columns)} columns)"
        for name, columns in (("life", export.life), ("summary", export.summary))
        if columns
    )
    return Recognition(
        path=path,
        format="seerstat_survival",
        source="seer",
        release=dictionary.release,
        records=None,
        columns=len(export.columns),
        problems=(),
        explanation=f"SEER*Stat survival export, {export.statistic}, submission {dictionary.release or 'not named'}: "
        f"{pages}, rates as {'percents' if export.percents else 'proportions'}. Its rows are statistics of groups "
        "and not patients: they load as published survival for comparison.",
    )


def _is_numbers(head: bytes) -> bool:
    """Whether text has no row of names and is rows of one page type, counts and rates, as survival exports are."""
    lines = head.split(b"\n")[:20]
    rows = [line.split(b"\t") for line in (lines[:-1] or lines) if line.strip()]
    return bool(rows) and all(
        len(row) > FEWEST_COLUMNS and row[0] in (b"0", b"1") and all(map(NUMBER.fullmatch, row))
        for row in rows
    )


def _without_dic(path: Path) -> Recognition:
    return refused(path, _dic_is_missing(path), format="seerstat_survival", source="seer")


def _dic_is_missing(path: Path) -> InputError:
    return InputError(
        "This looks like a SEER*Stat survival export whose dictionary is missing: without it the columns have no "
        "names",
        where=path.name,
        remedy=f"Put {path.stem}.dic into the same folder, or name it beside the data file. If it is lost: "
        f"{EXPORT_AGAIN}",
    )


def open_survival(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open the survival exports of one SEER submission.

    Parameters
    ----------
    paths : sequence of Path
        Data files; each has its ``.dic`` beside it.
    options : Options
        ``companions``: a ``.dic`` of another name, where there is one data file.

    Raises
    ------
    InputError
        A ``.dic`` is missing, does not go with its file or is of another session, or the files are of different
        submissions.
    """
    dictionaries = {path: _dictionary_of(path, paths, options) for path in paths}
    found = {(dic.release, dic.covered_years) for dic, _ in dictionaries.values()}
    if len(found) > 1:
        raise InputError(
            "These survival exports are of different SEER submissions: "
            + ", ".join(
                f"{path.name} is {dic.release or 'not named'}" for path, (dic, _) in dictionaries.items()
            ),
            remedy="Load each as its own submission.",
        )
    release, covered_years = found.pop()
    tables = tuple(_table(path, dic, export) for path, (dic, export) in dictionaries.items())
    return Extract(
        source="seer",
        format="seerstat_survival",
        dialect="seer_survival",
        release=release or NOT_NAMED,
        covered_years=covered_years,
        site=None,
        tables=tables,
        notes=tuple(
            note for path, (dic, export) in dictionaries.items() for note in _notes(path, dic, export)
        ),
        mapping={path.name: export.model_dump(mode="json") for path, (_, export) in dictionaries.items()},
        companions=tuple(dic.path for dic, _ in dictionaries.values()),
    )


def _dictionary_of(
    path: Path, paths: Sequence[Path], options: Options
) -> tuple[ExportDictionary, SurvivalExport]:
    named = [each for each in options.companions if each.suffix.lower() == ".dic"]
    alone = named[0] if len(paths) == 1 and len(named) == 1 else None
    dic = find_dic(path) or alone
    if dic is None:
        raise _dic_is_missing(path)
    dictionary, export = read_survival_dic(dic)
    delimiter_of(path, dictionary, export)
    return dictionary, export


def _table(path: Path, dic: ExportDictionary, export: SurvivalExport) -> TableReader:
    return TableReader(
        name=path.stem,
        path=path,
        columns=export.columns,
        read=partial(read_survival, path, export, delimiter_of(path, dic, export)),
    )


def _notes(path: Path, dic: ExportDictionary, export: SurvivalExport) -> Iterator[str]:
    if dic.release is None:
        yield f"{path.name}: {dic.path.name} names no SEER submission."
    if delimiter_of(path, dic, export) != dic.delimiter:
        yield f"{path.name}: the delimiter is not the one that {dic.path.name} names; the file's is taken."
    known = statistics()
    unknown = [
        name
        for columns in (export.life, export.summary)
        for place, name in enumerate(columns)
        if name not in known and known.keys() & set(columns[:place])
    ]
    if unknown:
        yield f"{path.name}: kept as received and not made numbers of: {', '.join(dict.fromkeys(unknown))}."


FORMAT = Format(
    "seerstat_survival",
    "seer",
    "seer_survival",
    "a SEER*Stat survival export",
    recognise_survival,
    open_survival,
)
