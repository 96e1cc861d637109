"""SAS programs that read fixed-width records: ``INPUT``, ``LRECL``, and the codes of ``PROC FORMAT``."""

import re
from collections.abc import Iterator

from pipelines.codebook.layouts import Field
from pipelines.codebook.scripts.words import coded, column_range, is_name, word_at, words

QUOTED_OR_COMMENT = re.compile(r"('(?:[^'\n]|'')*'|\"(?:[^\"\n]|\"\")*\")|/\*.*?(?:\*/|\Z)", re.S)
"""A path in quotes may hold what looks like the beginning of a comment: ``'seer9/*.TXT'``."""
REMARK = re.compile(r"\s*(?:\*|%\*|comment\b)[^;]*;?", re.I)
STATEMENT = re.compile(r"(?:'(?:[^'\n]|'')*+'|\"(?:[^\"\n]|\"\")*+\"|[^;])*+;?")
INFORMAT = re.compile(r"[A-Za-z_]*?(\d+)\.\d*")
RECORD_LENGTH = re.compile(r"\blrecl\s*=\s*(\d+)", re.I)


def statements(text: str) -> Iterator[str]:
    """Cut a program at its semicolons, those in quotes and in remarks left alone."""
    text = QUOTED_OR_COMMENT.sub(lambda found: found[1] or " ", text)
    position = 0
    while position < len(text):
        found = REMARK.match(text, position) or STATEMENT.match(text, position)
        if found is None or found.end() == position:
            return
        yield found.group().strip().rstrip(";")
        position = found.end()


def sas_record_length(text: str) -> int | None:
    """``LRECL`` of the ``INFILE`` statement, if there is one."""
    found = [RECORD_LENGTH.search(each) for each in statements(text) if each[:6].casefold() == "infile"]
    return next((int(each.group(1)) for each in found if each is not None), None)


def sas_fields(text: str) -> list[Field]:
    """Fields of the ``INPUT`` statement that has most of them; empty where there is none.

    Raises
    ------
    ValueError
        The statement uses what cannot be followed, such as lists of variables in brackets.
    """
    inputs = [words(each)[1:] for each in statements(text) if re.match(r"input\s", each, re.I)]
    positioned = [each for each in inputs if any(word.isdigit() or INFORMAT.fullmatch(word) for word in each)]
    return max(map(_input_fields, positioned), key=len, default=[])


def _input_fields(found: list[str]) -> list[Field]:
    """``@pos name $w.``, ``@pos name w.d``, ``name $ a-b`` and ``name a-b``."""
    fields: list[Field] = []
    column, at = 1, 0
    while at < len(found):
        pointed = _pointer(found, at, column)
        if pointed is not None:
            column, at = pointed
            continue
        if not is_name(found[at]):
            raise ValueError(f"the INPUT statement has '{found[at]}' after {len(fields)} variables")
        field, at = _input_field(found, at, column)
        fields.append(field)
        column = field.end + 1
    return fields


def _pointer(found: list[str], at: int, column: int) -> tuple[int, int] | None:
    """Column and place after ``@n`` or ``+n``; a ``@`` alone holds the line and moves nothing."""
    number = word_at(found, at + 1)
    if found[at] == "@":
        return (int(number), at + 2) if number.isdigit() else (column, at + 1)
    return (column + int(number), at + 2) if found[at] == "+" and number.isdigit() else None


def _input_field(found: list[str], at: int, column: int) -> tuple[Field, int]:
    """One variable with its columns, or with an informat at the column reached, and the place after it."""
    name = found[at]
    at += 2 if word_at(found, at + 1) == "$" else 1
    columns = column_range(found, at)
    if columns is not None:
        first, last, at = columns
        at += re.fullmatch(r"\.\d+", word_at(found, at)) is not None  # implied decimals
        return Field(name, first, last - first + 1), at
    informat = INFORMAT.fullmatch(word_at(found, at))
    if informat is None:
        raise ValueError(f"the INPUT statement has no columns for {name}")
    return Field(name, column, int(informat.group(1))), at + 1


def sas_labels(text: str, fields: list[Field]) -> dict[str, dict[str, str]]:
    """Labels by code, by variable.

    A ``VALUE`` statement belongs to the variables that a ``FORMAT`` statement gives it, and to those named in the
    remark just before it, which is how the labels of the NCDB are linked.
    """
    known = {field.name.casefold(): field.name for field in fields}
    formats: dict[str, dict[str, str]] = {}
    users: list[tuple[str, str]] = []
    remark = ""
    for each in statements(text):
        if REMARK.fullmatch(each):
            remark = each
            continue
        verb, *rest = words(each) or [""]
        if verb.casefold() == "value" and rest:
            name, *codes = rest[1:] if rest[0] == "$" else rest
            formats[_format_name(name)] = dict(coded(codes, "="))
            users += [(word.casefold(), _format_name(name)) for word in words(remark)]
        elif verb.casefold() == "format":
            users += _format_users(rest)
        remark = ""
    return {
        known[variable]: formats[name] for variable, name in users if variable in known and formats.get(name)
    }


def _format_name(word: str) -> str:
    return word.casefold().rstrip(".")


def _format_users(found: list[str]) -> Iterator[tuple[str, str]]:
    """Variable and format from ``FORMAT RACE ORIGIN frace. SEX fsex.``."""
    waiting: list[str] = []
    for word in found:
        if word.endswith("."):
            yield from ((variable, _format_name(word)) for variable in waiting)
            waiting = []
        else:
            waiting.append(word.casefold())
