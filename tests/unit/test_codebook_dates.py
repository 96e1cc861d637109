"""Dates that registries write as text: what is known of them, and that nothing is guessed."""

import duckdb
import pytest

from pipelines.codebook.dates import DATE_MACROS


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for macro in DATE_MACROS:
        connection.execute(macro)
    return connection


@pytest.mark.parametrize(
    ("text", "digits", "whole"),
    [
        ("20150613", "20150613", "2015-06-13"),
        ("201506", "201506", None),
        ("2015", "2015", None),
        ("201506  ", "201506", None),  # padded, as in a flat file
        ("20150699", "201506", None),  # unknown day, as older writers put it
        ("20159999", "2015", None),
        ("99999999", "", None),
        ("", "", None),
        ("20160229", "20160229", "2016-02-29"),
        ("20150229", "20150229", None),  # no such day: no date, and no month is taken from it
        ("20151301", "", None),
        ("06132015", "", None),  # the form of before version 12
        ("2015-06-13", "", None),
        ("1", "", None),
    ],
)
def test_what_is_known_of_a_date(
    con: duckdb.DuckDBPyConnection, text: str, digits: str, whole: str | None
) -> None:
    assert con.execute("select date_digits($1), date_of($1)::varchar", [text]).fetchone() == (digits, whole)


def test_an_absent_item_gives_nothing_at_all(con: duckdb.DuckDBPyConnection) -> None:
    row = con.execute(
        """
        select
            days_between('20150613', null), days_between_status('20150613', null, null),
            months_between('20150613', null), months_between_status('20150613', null), year_of(null)
        """
    ).fetchone()
    assert row == (None, None, None, None, None)


@pytest.mark.parametrize(
    ("earlier", "later", "months", "status"),
    [
        ("20150131", "20150301", 0.952772, "recorded"),  # 29 days
        ("20150131", "201503", 2.0, "month_precision"),  # January to March, whatever the days
        ("201512", "201601", 1.0, "month_precision"),
        ("20150229", "20150401", None, "unknown"),
        ("", "20150401", None, "unknown"),
        ("2015", "2015", None, "partial_date"),
        ("201506", "201505", None, "negative_interval"),
    ],
)
def test_months_are_exact_or_whole_or_none(
    con: duckdb.DuckDBPyConnection, earlier: str, later: str, months: float | None, status: str
) -> None:
    asked = "select months_between($1, $2), months_between_status($1, $2)"
    assert con.execute(asked, [earlier, later]).fetchone() == (months, status)


@pytest.mark.parametrize("flag", [None, "", "11", "12"])
def test_a_flag_speaks_only_where_the_date_is_empty(con: duckdb.DuckDBPyConnection, flag: str | None) -> None:
    asked = "select days_between_status('20150613', '20150620', $1)"
    assert con.execute(asked, [flag]).fetchone() == ("recorded",)
