"""Whatever the rows, a check counts what a plain loop counts."""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.quality import Check
from pipelines.quality.engine import Question, ask
from pipelines.quality.rules import UNKNOWN_WORDS, breaking_rows, checked_rows

WORDS = ("yes", "no", "unknown", "withheld", "it's", "{brace}", " :bind", "")
ROWS = st.lists(
    st.tuples(st.none() | st.sampled_from(WORDS), st.none() | st.integers(-3, 3)), min_size=1, max_size=30
)


def check(rule: str, *, column: str = "", argument: str = "", scope: str = "") -> Check:
    return Check.model_validate(
        {
            "check_id": f"{rule}_{'scoped' if scope else 'all'}",
            "layer": "registry",
            "registry": "all",
            "table": "tumor",
            "rule": rule,
            "column": column,
            "argument": argument,
            "scope": scope,
            "severity": "blocking",
            "threshold": 0,
            "source": "a loop",
            "owner": "nobody",
            "note": "As counted by a loop",
        }
    )


CHECKS = [
    check("not_null", column="word"),
    check("known", column="word"),
    check("in_vocabulary", column="word", argument="yes|no|it's|{brace}| :bind"),
    check("unique", column="word|number"),
    check("row_condition", argument="number >= 0"),
    check("not_null", column="word", scope="number > 0"),
    check("row_condition", argument="word = ' :bind' or word = '{brace}'", scope="number <= 1"),
]


def looped(rows: list[tuple[str | None, int | None]]) -> list[tuple[int, int]]:
    """(rows checked, rows failed) of each of CHECKS, in plain Python."""
    n = len(rows)
    listed = ("yes", "no", "it's", "{brace}", " :bind")
    scoped = [word for word, number in rows if number is not None and number > 0]
    answerable = [word for word, number in rows if number is not None and number <= 1 and word is not None]
    numbers = [number for _, number in rows if number is not None]
    return [
        (n, sum(word is None for word, _ in rows)),
        (n, sum(word is None or word in UNKNOWN_WORDS for word, _ in rows)),
        (n, sum(word is not None and word not in listed for word, _ in rows)),
        (n, sum(rows.count(row) > 1 for row in rows)),
        (len(numbers), sum(number < 0 for number in numbers)),
        (len(scoped), sum(word is None for word in scoped)),
        (len(answerable), sum(word not in (" :bind", "{brace}") for word in answerable)),
    ]


@settings(max_examples=8, deadline=None)  # each example starts Great Expectations anew
@given(ROWS)
def test_counts_are_those_of_a_loop(rows: list[tuple[str | None, int | None]]) -> None:
    frame = pl.DataFrame(rows, schema={"word": pl.String, "number": pl.Int64}, orient="row")
    with TemporaryDirectory() as folder:
        database = Path(folder) / "rows.duckdb"
        with duckdb.connect(str(database)) as connection:
            connection.register("frame", frame.to_arrow())
            connection.execute("create table tumor as select * from frame")
        answers = ask(
            database,
            [
                Question(one.check_id, one.table, breaking_rows(one), checked_rows(one), one.threshold)
                for one in CHECKS
            ],
        )
    assert [(answer.n_checked, answer.n_failed) for answer in answers.values()] == looped(rows)
    assert [answer.within for answer in answers.values()] == [failed == 0 for _, failed in looped(rows)]
