"""The column names of a case listing: from its header row, else from its dictionary; and what each disagrees on."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.codebook.seerstat_headers import known, trimmed, variants
from pipelines.errors import InputError
from pipelines.formats.seer.dic import ExportDictionary
from pipelines.formats.text.delimited import HEADER_BYTES, Header, column_names
from pipelines.formats.text.delimited_blocks import UTF8_MARK, decode, split_line

DELIMITERS = ",\t; "
"""What SEER*Stat may write between fields."""
ENOUGH_NAMES = 3
"""So many known variables make a row of column names one of SEER*Stat."""
ANOTHER_EXPORT = 3
"""So many columns on either side that the other lacks are two exports; SEER*Stat itself leaves out one or two."""
EXPORT_AGAIN = "in SEER*Stat choose Matrix > Export > Results as Text File"


def first_row(path: Path, delimiters: str = DELIMITERS) -> tuple[list[str], str, bytes, int]:
    """Split the first line by the delimiter that gives most names of variables, then most fields.

    Returns
    -------
    list of str
        Fields.
    str
        The delimiter.
    bytes
        The line without its line end.
    int
        Byte after the line.
    """
    with path.open("rb") as stream:
        start = len(UTF8_MARK) if stream.read(3) == UTF8_MARK else 0
        stream.seek(start)
        line = stream.readline(HEADER_BYTES)
    text = line.rstrip(b"\r\n")
    if len(line) == HEADER_BYTES or b"\0" in text:  # no row of names is so long
        return [], delimiters[0], b"", start
    rows = {each: split_line(decode(text), each) or [] for each in delimiters}
    # Labels hold blanks: a blank is the delimiter only where it parts names.
    best = max(delimiters, key=lambda each: (len(known(rows[each])), each != " ", len(rows[each])))
    return rows[best], best, text, start + len(line)


def is_listing(fields: Sequence[str]) -> bool:
    """Whether a row of names is one of SEER*Stat: variables of it are among them."""
    return len(known(fields)) >= ENOUGH_NAMES


def header_row(path: Path) -> Header:
    """Take the names from the header row of a listing without dictionary.

    Raises
    ------
    InputError
        The first row is no row of names, or names a column twice.
    """
    fields, delimiter, line, end = first_row(path)
    if not known(fields):
        raise InputError(
            "There is neither a row of column names nor an export dictionary: nothing says which column is which",
            where=path.name,
            remedy=f"Put {path.stem}.dic, which SEER*Stat wrote with the data file, into the same folder, or export "
            f"again with variable names included: {EXPORT_AGAIN}.",
        )
    return Header(column_names(fields, path), delimiter, line, end)


def header_with_dic(path: Path, dic: ExportDictionary) -> tuple[Header, list[str]]:
    """Take the names from the header row if there is one, else from the dictionary.

    Returns
    -------
    Header
    list of str
        Disagreements between file and dictionary; they rename nothing.

    Raises
    ------
    InputError
        File and dictionary do not belong together.
    """
    fields, delimiter, line, end = first_row(path, dic.delimiter)
    notes = []
    if len(fields) == 1 and len(dic.variables) > 1:
        fields, delimiter, line, end = first_row(path)
        notes.append(
            f"{path.name}: the delimiter is not the one that {dic.path.name} names; the file's is taken."
        )
    if not _is_names(fields, dic):
        return Header(_names_of_dic(path, dic, fields), delimiter, b"", _start(path)), [
            *notes,
            f"{path.name}: names are taken from {dic.path.name}"
            + (", though it says that the file has them." if dic.has_header else "."),
        ]
    if not dic.has_header:
        notes.append(f"{path.name}: there is a header row though {dic.path.name} says there is none.")
    notes += _disagreements(path, dic, fields)
    return Header(column_names(fields, path), delimiter, line, end), notes


def _is_names(fields: Sequence[str], dic: ExportDictionary) -> bool:
    """Whether a row holds names of columns and not values of a person."""
    names = set(map(trimmed, dic.names)) | set(variants())
    if any(trimmed(field) in names for field in fields):
        return True
    return dic.has_header and not any(field.strip().isdigit() or field == "Blank(s)" for field in fields)


def _start(path: Path) -> int:
    with path.open("rb") as stream:
        return len(UTF8_MARK) if stream.read(3) == UTF8_MARK else 0


def _names_of_dic(path: Path, dic: ExportDictionary, fields: Sequence[str]) -> tuple[str, ...]:
    if len(fields) == len(dic.names):
        return column_names(dic.names, dic.path)
    raise InputError(
        f"The first row has {len(fields)} fields where the dictionary names {len(dic.names)} variables",
        where=f"{path.name} and {dic.path.name}",
        remedy=f"Export again with variable names included: {EXPORT_AGAIN}."
        + (" Let SEER*Stat put labels in quotes, or choose comma or tab." if dic.delimiter == " " else ""),
    )


def _disagreements(path: Path, dic: ExportDictionary, fields: Sequence[str]) -> list[str]:
    received, listed_names = list(map(trimmed, fields)), list(map(trimmed, dic.names))
    in_file, in_dic = set(received), set(listed_names)
    if not in_file & in_dic:
        raise InputError(
            "Not one column of this file is in its export dictionary",
            where=f"{path.name} and {dic.path.name}",
            remedy="Bring the .dic that was written with this file, and keep the row of variable names.",
        )
    missing = [name for name in received if name not in in_dic]
    extra = [name for name in listed_names if name not in in_file]
    if min(len(missing), len(extra)) >= ANOTHER_EXPORT:
        raise InputError(
            f"This export dictionary was written with another file: it leaves out {listed(missing)}, and names "
            f"{listed(extra)}, which the file does not have",
            where=f"{path.name} and {dic.path.name}",
            remedy="Bring the .dic that was written with this file: it says which submission and years these are.",
        )
    notes = []
    if missing:
        notes.append(
            f"{path.name}: {dic.path.name} leaves out {listed(missing)}; the header row is followed."
        )
    if extra:
        notes.append(f"{path.name}: {dic.path.name} names {listed(extra)}, which the file does not have.")
    return notes


def listed(names: Sequence[str]) -> str:
    """Some names in quotes."""
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
