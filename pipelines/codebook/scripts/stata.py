"""Stata programs that read fixed-width records: ``infix``, dictionaries, and ``label define``."""

import re

from pipelines.codebook.layouts import Field
from pipelines.codebook.scripts.words import coded, column_range, is_name, words

COMMENT = re.compile(r"(\"[^\"\n]*\")|/\*.*?(?:\*/|\Z)|///[^\n]*\n|//[^\n]*|^[ \t]*\*[^\n;]*;?", re.S | re.M)
TYPES = re.compile(r"(?:byte|int|long|float|double|str\d*)", re.I)
DICTIONARY_FIELD = re.compile(
    r"_column\s*\(\s*(\d+)\s*\)\s*(?:(?:byte|int|long|float|double|str\d*)\s+)?([A-Za-z_]\w*)\s+%(\d+)", re.I
)
INFIX = re.compile(r"^[ \t]*(?:quietly\s+)?infix\b", re.I | re.M)
DEFINE = re.compile(r"^[ \t]*label\s+define\s+(\w+)\s+(.*)", re.I | re.M)
VALUES = re.compile(r"^[ \t]*label\s+values\s+([^\n,]+)", re.I | re.M)
SEMICOLONS = re.compile(r"#delimit\s*;(.*?)(?:#delimit\s+cr|\Z)", re.I | re.S)
QUOTED_OR_END = re.compile(r"(\"[^\"\n]*\")|([;\n])")


def without_comments(text: str) -> str:
    """Leave comments out and write every command on one line, whatever ends it."""
    plain = COMMENT.sub(lambda found: found.group(1) or " ", text)
    return SEMICOLONS.sub(lambda found: QUOTED_OR_END.sub(_as_line, found.group(1)), plain)


def _as_line(found: re.Match[str]) -> str:
    return found.group(1) or ("\n" if found.group(2) == ";" else " ")


def stata_fields(text: str) -> list[Field]:
    """Fields of the ``infix`` command or dictionary that has most of them; empty where there is none.

    Raises
    ------
    ValueError
        The command reads several lines for a record.
    """
    plain = without_comments(text)
    dictionary = [
        Field(name, int(start), int(width)) for start, name, width in DICTIONARY_FIELD.findall(plain)
    ]
    found = [_infix_fields(words(command)) for command in INFIX.split(plain)[1:]]
    return max([dictionary, *found], key=len)


def _infix_fields(found: list[str]) -> list[Field]:
    """``[type] name a-b`` until something else comes, such as ``using`` or a closing bracket."""
    fields: list[Field] = []
    found = _variables(found)
    at = 0
    while at < len(found):
        if found[at] in ("/", ":") or (found[at].isdigit() and fields):
            raise ValueError("infix reads several lines for one record")
        at += TYPES.fullmatch(found[at]) is not None
        columns = column_range(found, at + 1)
        if columns is None or not is_name(found[at]):
            break
        first, last, after = columns
        fields.append(Field(found[at], first, last - first + 1))
        at = after
    return fields


def _variables(found: list[str]) -> list[str]:
    """Words after ``infix`` that describe variables: options, file and brackets left out."""
    if "{" in found[:12]:
        found = found[found.index("{") + 1 :]
        return found[: found.index("}")] if "}" in found else found
    while len(found) > 1 and found[0].isdigit():  # such as "2 firstlineoffile"
        found = found[2:]
    return found


def stata_labels(text: str) -> dict[str, dict[str, str]]:
    """Labels by code, by variable, of ``label define`` and ``label values``."""
    plain = without_comments(text)
    defined: dict[str, dict[str, str]] = {}
    for name, body in DEFINE.findall(plain):
        defined.setdefault(name, {}).update(coded(words(body), ""))
    labels: dict[str, dict[str, str]] = {}
    for body in VALUES.findall(plain):
        *variables, name = [word for word in words(body) if is_name(word)] or [""]
        labels |= dict.fromkeys(variables, defined.get(name, {})) if defined.get(name) else {}
    return labels
