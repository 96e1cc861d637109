"""What rules can say: by diagnosis year, on which of several tumors, and what each says of every tumor."""

import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from toy_registry import submission, tumors

from pipelines import store
from pipelines.cohorts import load_cohort, write_cohort
from pipelines.cohorts.definition import CohortDefinition
from pipelines.errors import InputError
from pipelines.settings import Settings

WIDEST = load_cohort("stage_iv_female_breast", Settings().catalog_dir)
BREAST = {
    "id": "breast",
    "words": "Invasive, of the breast",
    "reference": "a test",
    "kind": "include",
    "when": "primary_site like 'C50%' and behavior = 'invasive'",
}
STAGE_IV = {
    "id": "stage_iv",
    "words": "Stage IV",
    "reference": "a test",
    "kind": "include",
    "when": "stage_iv",
}


def cohort(**changes: Any) -> CohortDefinition:
    """Invasive breast cancer of stage IV, operated on or not, with some changes."""
    plain = {
        "name": "made_up",
        "title": "t",
        "words": "w",
        "rules": [BREAST, STAGE_IV],
        "arms": WIDEST.arms.model_dump(),
    }
    return CohortDefinition.model_validate(plain | changes)


def outcomes(folder: Path, definition: CohortDefinition, rows: list[dict[str, Any]]) -> pl.DataFrame:
    facts = write_cohort(submission(folder, tumors(rows), covered=None), definition)
    return pl.read_parquet(facts.folder / "rule_outcomes.parquet")


def chosen(folder: Path, definition: CohortDefinition, rows: list[dict[str, Any]]) -> set[str]:
    """Tumors that are members."""
    table = outcomes(folder, definition, rows)
    return set(table.filter(pl.col("left_at_step").is_null())["tumor_id"])


ERAS = {
    **{key: STAGE_IV[key] for key in ("id", "words", "reference", "kind")},
    "eras": [
        {"first": 1975, "last": 1987, "words": "distant", "reference": "r", "when": "summary_distant"},
        {"first": 1988, "last": 2015, "words": "AJCC 6", "reference": "r", "when": "stage_iv_adjusted_ajcc6"},
    ],
}


def test_an_era_is_judged_by_its_own_item_and_a_year_outside_all_of_them_is_unknown(tmp_path: Path) -> None:
    """The item of another era says the opposite each time, and would decide if it were read."""
    rows = [
        {"year_of_diagnosis": 1987, "summary_distant": True, "stage_iv_adjusted_ajcc6": False},
        {"year_of_diagnosis": 1987, "summary_distant": False, "stage_iv_adjusted_ajcc6": True},
        {"year_of_diagnosis": 1988, "summary_distant": False, "stage_iv_adjusted_ajcc6": True},
        {"year_of_diagnosis": 1988, "summary_distant": True, "stage_iv_adjusted_ajcc6": None},
        {"year_of_diagnosis": 2016, "summary_distant": True, "stage_iv_adjusted_ajcc6": True},
        {"year_of_diagnosis": None, "summary_distant": True, "stage_iv_adjusted_ajcc6": True},
    ]
    table = outcomes(tmp_path, cohort(rules=[BREAST, ERAS]), rows)
    assert table["stage_iv"].to_list() == [True, False, True, None, None, None]
    assert table["left_because"].to_list() == [None, "not_met", None, "unknown", "unknown", "unknown"]


def test_an_era_may_leave_out_too(tmp_path: Path) -> None:
    table = outcomes(
        tmp_path,
        cohort(rules=[BREAST, {**ERAS, "kind": "exclude"}]),
        [{"year_of_diagnosis": 1980, "summary_distant": distant} for distant in (True, False, None)],
    )
    assert table["stage_iv"].to_list() == [False, True, None]


def test_wrong_sql_of_an_era_is_named_with_its_years(tmp_path: Path) -> None:
    wrong = {**ERAS, "eras": [{**ERAS["eras"][0], "when": "distant"}]}  # type: ignore[dict-item]  # a plain dict of YAML
    with pytest.raises(InputError, match=r"stage_iv \(1975 to 1987\): there is no column distant"):
        outcomes(tmp_path, cohort(rules=[BREAST, wrong]), [{}])


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("count(*) > 1", "the aggregate count"),
        ("max(year_of_diagnosis) over () > 2010", "the window function max"),
        ("row_number() over () > 3", "the window function row_number"),
        ("random() < 0.5", "random, which is never the same"),
        ("coalesce(stage_iv, NOW() > '2020-01-01')", "now, which is never the same"),
        ("year(current_date) - year_of_diagnosis > 5", "current_date, which is never the same"),
        ("tumor_id in (select tumor_id from tumor)", "a subquery"),
    ],
)
def test_a_rule_reads_one_record_and_says_the_same_on_every_run(tmp_path: Path, when: str, told: str) -> None:
    """The same extract in another order, or on another day, would be another cohort."""
    with pytest.raises(InputError, match=f"stage_iv: {told}: an expression reads one record"):
        outcomes(tmp_path, cohort(rules=[BREAST, {**STAGE_IV, "when": when}]), [{}])
    with pytest.raises(InputError, match=rf"index_tumor.order_by \({re.escape(when)}\): {told}"):
        outcomes(tmp_path, cohort(index_tumor=order("Some order", when)), [{}])


SEVERAL = [
    {"patient_id": "a", "tumor_id": "a1", "year_of_diagnosis": 2008, "stage_iv": False, "tumor_size_mm": 10},
    {"patient_id": "a", "tumor_id": "a2", "year_of_diagnosis": 2010, "tumor_size_mm": 50},
    {"patient_id": "a", "tumor_id": "a3", "year_of_diagnosis": 2012, "tumor_size_mm": 20},
    {"patient_id": "b", "tumor_id": "b1", "year_of_diagnosis": 2009, "primary_site": "C341"},
    {"patient_id": "b", "tumor_id": "b2", "year_of_diagnosis": 2011, "tumor_size_mm": None},
    {"patient_id": "b", "tumor_id": "b3", "year_of_diagnosis": 2011, "tumor_size_mm": 5},
]


def order(words: str, *keys: str) -> dict[str, Any]:
    return {"words": words, "order_by": keys}


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ({}, {"a2", "b2"}),
        (order("Latest eligible tumor", "year_of_diagnosis desc"), {"a3", "b2"}),
        (order("Largest eligible tumor, unknown sizes last", "tumor_size_mm desc"), {"a2", "b3"}),
        (order("Smallest", "tumor_size_mm asc"), {"a3", "b3"}),
        (order("A size first", "tumor_size_mm is null", "year_of_diagnosis"), {"a2", "b3"}),
    ],
)
def test_which_tumor_stands_for_a_patient(tmp_path: Path, index: dict[str, Any], expected: set[str]) -> None:
    definition = cohort(**({"index_tumor": index} if index else {}))
    assert chosen(tmp_path / "1", definition, SEVERAL) == expected
    backwards = [dict(row, source_record=number) for number, row in enumerate(SEVERAL, start=1)][::-1]
    assert chosen(tmp_path / "2", definition, backwards) == expected


def test_the_first_invasive_cancer_of_the_breast_must_itself_be_in_stage_iv(tmp_path: Path) -> None:
    """The rule on stage comes after the choice: patient a had an earlier breast cancer of stage II and leaves."""
    definition = cohort(
        rules=[BREAST],
        rules_after_index=[STAGE_IV],
        index_tumor=order("First invasive breast cancer", "year_of_diagnosis", "record_number"),
    )
    table = outcomes(tmp_path, definition, SEVERAL)
    left = dict(table.select("tumor_id", "left_at_rule").iter_rows())
    assert left == {
        "a1": "stage_iv",
        "a2": "index_tumor",
        "a3": "index_tumor",
        "b1": "breast",
        "b2": None,
        "b3": "index_tumor",
    }


def test_the_first_cancer_of_all_must_be_that_of_the_breast(tmp_path: Path) -> None:
    """Patient b had a lung cancer first: nothing but the sex is judged before the first tumor is chosen."""
    definition = cohort(
        rules=[WIDEST.rules[0].model_dump()],
        rules_after_index=[BREAST, STAGE_IV],
        index_tumor=order("First cancer of any site", "year_of_diagnosis", "record_number"),
    )
    rows = [row for row in SEVERAL if row["tumor_id"] != "a1"]
    assert chosen(tmp_path, definition, rows) == {"a2"}


def test_every_rule_says_what_it_thinks_of_every_tumor(tmp_path: Path) -> None:
    rows = [
        {},
        {"primary_site": "C341", "stage_iv": None},
        {"stage_iv": False, "operated": False},
        {"operated": None},
    ]
    table = outcomes(tmp_path, cohort(), rows)
    assert table.columns == [
        *("submission", "source_file", "source_record", "patient_id", "tumor_id"),
        *("breast", "stage_iv", "left_at_step", "left_at_rule", "left_because", "arm"),
    ]
    assert table.select(
        "breast", "stage_iv", "left_at_step", "left_at_rule", "left_because", "arm"
    ).rows() == [
        (True, True, None, None, None, "surgery"),
        (False, None, 1, "breast", "not_met", "surgery"),
        (True, False, 2, "stage_iv", "not_met", "no surgery"),
        (True, True, 4, "arm_known", "unknown", None),
    ]


def test_outcomes_and_members_stand_in_the_warehouse(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([{}, {"stage_iv": False}]), covered=None)
    store.write_parquet(pl.DataFrame({"check_id": ["made_up"]}), sub.quality_results)
    write_cohort(sub, cohort())
    with duckdb.connect(str(store.build_warehouse(store.Home(tmp_path))), read_only=True) as con:
        found = con.sql(
            "select stage_iv, left_at_rule from toy.rules_made_up order by source_record"
        ).fetchall()
        assert found == [(True, None), (False, "stage_iv")]
        assert con.sql("select count(*) from toy.cohort_made_up").fetchone() == (1,)
