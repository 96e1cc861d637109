"""SPSS programs that read fixed-width records: ``DATA LIST`` and ``VALUE LABELS``."""

import re
from collections.abc import Iterator
from itertools import takewhile

from pipelines.codebook.layouts import Field
from pipelines.codebook.scripts.words import column_range, is_name, unquoted, word_at, words

COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.M)
DATA_LIST = re.compile(r"data\s+list\b", re.I)
VALUE_LABELS = re.compile(r"(?:add\s+)?value\s+labels\b", re.I)
REMARK = re.compile(r"\*|comment\b", re.I)
WIDTH = re.compile(r"[A-Za-z]+(\d+)(?:\.\d*)?")


def commands(text: str) -> Iterator[str]:
    """Cut a program into commands: each ends with a period at the end of a line, or with an empty line."""
    lines: list[str] = []
    for line in [*COMMENT.sub("", text).splitlines(), ""]:
        stripped = line.strip()
        ended = not stripped or stripped.endswith(".")
        if stripped:
            lines.append(stripped.removesuffix(".") if ended else stripped)
        if ended and lines:
            command = "\n".join(lines)
            lines = []
            if not REMARK.match(command):
                yield command


def spss_fields(text: str) -> list[Field]:
    """Fields of the ``DATA LIST`` command that has most of them; empty where there is none.

    Raises
    ------
    ValueError
        The command reads several lines for a record, or lists that cannot be followed.
    """
    found = [words(each) for each in commands(text) if DATA_LIST.match(each)]
    return max(map(_data_list_fields, found), key=len, default=[])


def _data_list_fields(found: list[str]) -> list[Field]:
    """``name a-b``, ``name a-b (A)`` and ``name (A37)``, several in a line, with slashes between."""
    fields: list[Field] = []
    at = found.index("/") if "/" in found else len(found)
    while at < len(found):
        if found[at] == "/":
            line = word_at(found, at + 1)  # number of the line within a record
            if line.isdigit() and int(line) > 1:
                raise ValueError("DATA LIST reads several lines for one record")
            at += 2 if line.isdigit() else 1
        elif is_name(found[at]):
            field, at = _data_list_field(found, at, fields[-1].end + 1 if fields else 1)
            fields.append(field)
        else:
            raise ValueError(f"DATA LIST has '{found[at]}' after {len(fields)} variables")
    return fields


def _data_list_field(found: list[str], at: int, column: int) -> tuple[Field, int]:
    """One variable with its columns, or with the width of its format at the column reached."""
    name = found[at]
    columns = column_range(found, at + 1)
    at = columns[2] if columns else at + 1
    width = None
    if word_at(found, at) == "(":
        width = WIDTH.fullmatch(word_at(found, at + 1))
        while word_at(found, at) not in (")", ""):
            at += 1
        at += 1
    if columns:
        return Field(name, columns[0], columns[1] - columns[0] + 1), at
    if width is None:
        raise ValueError(f"DATA LIST has no columns for {name}")
    return Field(name, column, int(width.group(1))), at


def spss_labels(text: str) -> dict[str, dict[str, str]]:
    """Labels by code, by variable, of every ``VALUE LABELS`` command."""
    labels: dict[str, dict[str, str]] = {}
    for each in commands(text):
        begin = VALUE_LABELS.match(each)
        for group in _groups(words(each[begin.end() :])) if begin else ():
            variables = list(takewhile(is_name, group))
            codes = [unquoted(word) for word in group[len(variables) :]]
            pairs = dict(zip(codes[::2], codes[1::2], strict=False))
            labels |= {variable: labels.get(variable, {}) | pairs for variable in variables if pairs}
    return labels


def _groups(found: list[str]) -> Iterator[list[str]]:
    """Words between slashes."""
    group: list[str] = []
    for word in [*found, "/"]:
        if word != "/":
            group.append(word)
        elif group:
            yield group
            group = []
