"""Words of a statistics program: quoted texts, names, numbers and signs, in a form all three languages share."""

import re
from collections.abc import Iterator, Sequence

WORD = re.compile(
    r"""
      '(?:[^'\n]|'')*' | "(?:[^"\n]|"")*"   # quoted text; a quote that is not closed on its line is a sign
    | [A-Za-z_][\w#]*\.?\d*(?![\w])         # name, or format such as CHAR8. and fsex.
    | [A-Za-z_]\w*
    | \d*\.\d+ | \d+\.? | \S                # number, or any other sign
    """,
    re.X,
)
QUOTES = "'\""


def words(text: str) -> list[str]:
    """Cut a statement into words.

    Examples
    --------
    >>> words("@38 FACILITY $CHAR10. AGE 48-50 a='x; y'")
    ['@', '38', 'FACILITY', '$', 'CHAR10.', 'AGE', '48', '-', '50', 'a', '=', "'x; y'"]
    """
    return WORD.findall(text)


def is_name(word: str) -> bool:
    """Whether a word can be the name of a variable."""
    return (word[0].isalpha() or word[0] == "_") and "." not in word


def is_quoted(word: str) -> bool:
    """Whether a word is a quoted text."""
    return len(word) > 1 and word[0] in QUOTES and word[-1] == word[0]


def unquoted(word: str) -> str:
    """The text of a quoted word, as it is of any other."""
    return word[1:-1].replace(word[0] * 2, word[0]) if is_quoted(word) else word


def coded(found: Sequence[str], sign: str) -> Iterator[tuple[str, str]]:
    """Codes with their labels from ``1='one' 2,3='more' 4-9='many'``; a range of codes is passed over.

    Parameters
    ----------
    found : sequence of str
        Words.
    sign : str
        What stands between code and label; empty for nothing.
    """
    pending: list[str] = []
    for position, word in enumerate(found):
        is_label = is_quoted(word) and (found[position - 1] == sign if sign else bool(pending))
        if not is_label:
            pending += [word] if word not in (sign, ",") else []
            continue
        if "-" not in pending:
            yield from ((unquoted(code), unquoted(word)) for code in pending)
        pending = []


def column_range(found: Sequence[str], at: int) -> tuple[int, int, int] | None:
    """Read ``a-b`` or ``a`` at a place among words: first and last column, and the place after it; else None."""
    if not word_at(found, at).isdigit():
        return None
    if word_at(found, at + 1) == "-" and word_at(found, at + 2).isdigit():
        return int(found[at]), int(found[at + 2]), at + 3
    return int(found[at]), int(found[at]), at + 1


def word_at(found: Sequence[str], at: int) -> str:
    """The word at a place, empty after the last."""
    return found[at] if at < len(found) else ""
