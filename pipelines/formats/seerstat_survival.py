"""SEER*Stat survival export: published aggregates, one row per group and interval, with their ``.dic`` beside them.

Life pages and summary pages stand in one file and have different columns; the first column says which a row is. The
table has the columns of both, and a column that a row's page does not have is null. Values are kept as received,
footnote flags and percents too; `pipelines.registry` makes numbers of them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from pipelines.codebook.survival_export import PAGE_TYPE, SurvivalExport, statistics
from pipelines.errors import CohortsError, InputError
from pipelines.formats.blocks import UTF8_MARK, Block, line_blocks
from pipelines.formats.delimited import column_names
from pipelines.formats.delimited_blocks import decode, split_line
from pipelines.formats.seerstat_dic import (
    VARIABLE_KEY,
    ExportDictionary,
    Sections,
    find_dic,
    parse_sections,
    read_dic,
)
from pipelines.formats.types import (
    BadRecord,
    Batch,
    Extract,
    Format,
    Options,
    Recognition,
    TableReader,
    described,
    quarantine_table,
    refused,
    with_provenance,
)

SURVIVAL = "Survival"
NUMBER = re.compile(rb" *[-\d.,]*%?[^\w\s]{0,2} *\r?")
FEWEST_COLUMNS = 6
"""Page type, interval, three counts and a rate."""
BLOCK_BYTES = 8 * 2**20
NOT_NAMED = "unknown"
"""The release of an export whose dictionary names no submission: its numbers are no less published."""
EXPORT_AGAIN = (
    "Export the survival matrix again with Matrix > Export > Results as Text File and bring both files."
)
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
    if not _is_survival(dic):
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
        _check_fits(path, dictionary, export)
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


def _is_survival(dic: Path) -> bool:
    session = parse_sections(dic.read_bytes().decode("latin-1")).get("Session Options", [])
    return dict(session).get("Type", "").strip() == SURVIVAL


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
    _check_fits(path, dictionary, export)
    return dictionary, export


def read_survival_dic(path: Path) -> tuple[ExportDictionary, SurvivalExport]:
    """Read the dictionary of a survival session.

    Raises
    ------
    InputError
        It is of another session, or lists no interval or no statistic.
    """
    dictionary = read_dic(path)
    sections = parse_sections(path.read_bytes().decode("latin-1"))
    session, options = dict(sections["Session Options"]), dict(sections["Export Options"])
    if dictionary.session_type != SURVIVAL:
        raise InputError(
            f"This is the dictionary of a SEER*Stat {dictionary.session_type} session and of no survival session",
            where=path.name,
        )
    life, summary = (_names(sections.get(f"{page} Page Variables", [])) for page in ("Life", "Summary"))
    for names in filter(None, (life, summary)):
        column_names(names, path)
        kinds = {statistics()[name].kind for name in names if name in statistics()}
        if not kinds >= {"interval", "rate"}:
            raise InputError(
                "The export dictionary lists no interval or no survival that is known here",
                where=path.name,
                remedy=EXPORT_AGAIN,
            )
    if not life and not summary:
        raise InputError("The export dictionary lists no columns", where=path.name, remedy=EXPORT_AGAIN)
    months = session.get("MonthsPerInterval", "").strip()
    return dictionary, SurvivalExport(
        statistic=session.get("Statistic", "").strip(),
        method=session.get("SurvivalMethod", "").strip(),
        study_cutoff=session.get("StudyCutoffDate", "").strip(),
        months_per_interval=int(months) if months.isdecimal() else None,
        percents=session.get("RatesDisplayedAs", "").strip().lower().startswith("percent"),
        missing=_missing_text(options.get("Missing character", "")),
        life=life,
        summary=summary,
        labels=_labels(sections),
    )


def _names(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    """Names of variables by number; of two with one number, which happens, the first comes first."""
    found = [
        (int(match[1]), value.strip())
        for key, value in pairs
        if (match := VARIABLE_KEY.fullmatch(key.strip())) and match[2] == "Name"
    ]
    return tuple(name for _, name in sorted(found, key=lambda each: each[0]))


def _missing_text(word: str) -> str:
    return {"space": "", "period": "."}.get(word.strip().lower(), word.strip())


def _labels(sections: Sections) -> dict[str, dict[str, str]]:
    """Labels of every coded column; one with blanks around it is in double quotes and loses both."""
    return {
        name.removeprefix("Format=").strip(): {
            code.strip(): label[1:-1] if len(label) > 1 and label[0] == label[-1] == '"' else label
            for code, label in pairs
        }
        for name, pairs in sections.items()
        if name.startswith("Format=")
    }


def _table(path: Path, dic: ExportDictionary, export: SurvivalExport) -> TableReader:
    return TableReader(
        name=path.stem,
        path=path,
        columns=export.columns,
        read=partial(read_survival, path, export, dic.delimiter),
    )


def _notes(path: Path, dic: ExportDictionary, export: SurvivalExport) -> Iterator[str]:
    if dic.release is None:
        yield f"{path.name}: {dic.path.name} names no SEER submission."
    known = statistics()
    unknown = [
        name
        for columns in (export.life, export.summary)
        for place, name in enumerate(columns)
        if name not in known and known.keys() & set(columns[:place])
    ]
    if unknown:
        yield f"{path.name}: kept as received and not made numbers of: {', '.join(dict.fromkeys(unknown))}."


def _check_fits(path: Path, dic: ExportDictionary, export: SurvivalExport) -> None:
    """Hold the first rows of a file against its dictionary.

    Raises
    ------
    InputError
        Not one of them has the columns of its page.
    """
    first = next(line_blocks(path, start=_start(path), size=2**16), None)
    lines = [] if first is None else first.data.split(b"\n")[:20]
    faults = [_fault(line, dic.delimiter, export) for line in lines if line.strip()]
    if faults and all(faults):
        raise InputError(
            f"The file does not go with its export dictionary: in its first row, {faults[0]}",
            where=f"{path.name} and {dic.path.name}",
            remedy=EXPORT_AGAIN,
        )


def read_survival(
    path: Path, export: SurvivalExport, delimiter: str, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[Batch]:
    """Read the rows of a survival export.

    Parameters
    ----------
    path : Path
    export : SurvivalExport
    delimiter : str
    block_bytes : int
        Memory is a small multiple of this (bytes).

    Yields
    ------
    Batch
        All columns of both kinds of pages as text; null where the row's page has no such column.
    """
    first = 1
    headers = {export.life, export.summary} - {()}  # of a page that the export does not have
    for block in line_blocks(path, start=_start(path), size=block_bytes):
        rows: list[dict[str, str]] = []
        numbers: list[int] = []
        bad: list[BadRecord] = []
        for start, end, raw in _lines(block):
            number = first + len(rows) + len(bad)
            fields = _fields(raw, delimiter)
            if number == 1 and tuple(each.strip() for each in fields) in headers:
                continue  # the row or rows of names, where the analyst asked for them
            reason = _fault(raw, delimiter, export)
            if reason is None:
                rows.append(dict(zip(_columns(fields, export), fields, strict=True)))
                numbers.append(number)
            else:
                bad.append(BadRecord(number, start, end, reason))
        kept = pa.table(
            {name: pa.array([row.get(name) for row in rows], pa.string()) for name in export.columns}
        )
        yield Batch(
            with_provenance(kept, path.name, pa.array(numbers, pa.int64())),
            quarantine_table(path.name, bad),
        )
        first += len(rows) + len(bad)


def _start(path: Path) -> int:
    """First byte after a UTF-8 mark."""
    with path.open("rb") as stream:
        return len(UTF8_MARK) if stream.read(len(UTF8_MARK)) == UTF8_MARK else 0


def _lines(block: Block) -> Iterator[tuple[int, int, bytes]]:
    """Lines of a block with their byte range; a NUL stands for a line that is too long to be read."""
    if not block.data:
        yield block.start, block.end, b"\0"
    start = block.start
    for line in re.findall(rb"[^\n]*\n|[^\n]+\Z", block.data):
        yield start, start + len(line), line
        start += len(line)


def _fields(raw: bytes, delimiter: str) -> list[str]:
    return split_line(decode(raw.rstrip(b"\r\n")), delimiter) or []


def _columns(fields: list[str], export: SurvivalExport) -> tuple[str, ...]:
    """The columns of a row by its page type; of the only page there is where rows have no page type."""
    if not fields or export.columns[0] != PAGE_TYPE:
        return export.life or export.summary
    page = export.page(fields[0])
    return export.columns_of(page) if page else ()


def _fault(raw: bytes, delimiter: str, export: SurvivalExport) -> str | None:
    """Why a line cannot be a row of this export, or None."""
    if not raw.strip():
        return "blank line"
    if b"\0" in raw:
        return "longer than any record can be, or holds NUL bytes"
    fields = _fields(raw, delimiter)
    if not fields:
        return "a quote is never closed, or a carriage return stands alone"
    columns = _columns(fields, export)
    if not columns:
        return "its page type is one that the export dictionary has no columns for"
    if len(fields) != len(columns):
        return f"{len(fields)} fields where its page has {len(columns)}"
    return None


FORMAT = Format(
    "seerstat_survival",
    "seer",
    "seer_survival",
    "a SEER*Stat survival export",
    recognise_survival,
    open_survival,
)
