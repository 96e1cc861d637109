"""What a statistics package does to codes on the way to CSV, and the code that the registry sent.

R writes NA for a blank, SAS and Stata a period, pandas nothing or nan, and 1.0 for 1 in a column that has a blank
anywhere. The extract keeps what was received; staging and the checks read the code as it was sent. Leading zeros that
a spreadsheet took are no matter of this module: code schemes know a code with and without them.
"""

import re

CONVERTED_FORMATS = frozenset({"ncdb_csv"})
"""Formats that a tool of the site wrote and not the registry."""

SURGERY = "RX_SUMM_SURG_PRIM_SITE"
"""Its codes have two digits and its list no other spelling."""
REWRITTEN = r"^(\d+)\.0+$|^(?:na|nan|\.|none|null|<na>)$"
"""A whole number with decimals, or a mark for a blank."""


def as_sent(text: str | None) -> str:
    """The code that the registry sent, from what a conversion made of it.

    Examples
    --------
    >>> as_sent("1.0"), as_sent(" NA "), as_sent("c0"), as_sent("12.5")
    ('1', '', 'c0', '12.5')
    """
    return re.sub(REWRITTEN, lambda found: found.group(1) or "", (text or "").strip(), flags=re.I)


def as_sent_sql(column: str) -> str:
    """The same for a quoted column in DuckDB, where null is blank too; surgery codes get their first zero back.

    Examples
    --------
    >>> import duckdb
    >>> words = "select {} from (values ('0.0'), (' nan'), (null), ('X9')) as t(\\"{}\\")"
    >>> for name in ("SEX", SURGERY):
    ...     duckdb.sql(words.format(as_sent_sql(f'"{name}"'), name)).fetchall()
    [('0',), ('',), ('',), ('X9',)]
    [('00',), ('',), ('',), ('X9',)]
    """
    # One expression without branches: DuckDB takes seconds to plan a hundred columns of nested cases.
    word = f"regexp_replace(trim(coalesce({column}, '')), '{REWRITTEN}', '\\1', 'i')"
    if column.strip('"').upper() == SURGERY:
        return f"regexp_replace({word}, '^\\d$', '0\\0')"
    return word
