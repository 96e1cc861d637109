"""What may be said of a rule that broke: never a value from the data."""

import re
from collections.abc import Iterable

# These kinds of DuckDB errors speak of the rule's own text; a conversion error would quote a patient's value.
SPEAKS_OF_THE_RULE = re.compile(r"(?:Binder|Catalog|Parser) Error: [^\n]*")
KIND_OF_ERROR = re.compile(r"([A-Z][A-Za-z]+(?: [A-Z][A-Za-z]+)? Error):")


def safe_problem(texts: Iterable[str]) -> str:
    """Say what broke a rule without quoting a value from the data.

    Parameters
    ----------
    texts : iterable of str
        Messages of exceptions.

    Returns
    -------
    str
        The first line of an error about the rule's own text, else the kind of the error alone.
    """
    text = "\n".join(texts)
    if about_rule := SPEAKS_OF_THE_RULE.search(text):
        return about_rule.group(0)[:300]
    kind = KIND_OF_ERROR.search(text)
    return f"{kind.group(1)} (its text is withheld: it may quote a value)" if kind else "unknown problem"
