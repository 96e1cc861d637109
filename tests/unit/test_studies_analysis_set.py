"""From members to people at risk: zero months, unknown outcomes, entry, levels, rare levels, copies."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from toy_registry import submission, tumors

from pipelines.cohorts import load_cohort, materialise
from pipelines.cohorts.conditions import Expression
from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.stats.errors import EmptyArmError, NothingToCompareError
from pipelines.studies import load_study
from pipelines.studies.analysis_set import (
    AnalysisSet,
    apply_outcome,
    coded,
    read_analysis_set,
    require_expressions,
)
from pipelines.studies.design import Design, build_design, without_copies
from pipelines.studies.language import Covariate, Outcome, StudyDefinition

CATALOG = Settings().catalog_dir


def outcome(**settings: Any) -> Outcome:
    return Outcome(kind="overall", words="death", **settings)


def followed(*rows: tuple[float | None, bool | None, float | None]) -> pl.DataFrame:
    schema = {"time": pl.Float64, "event": pl.Boolean, "entry": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize(
    ("policy", "times"), [("keep_as_half_month", [0.5, 3.0]), ("drop", [3.0]), ("keep", [0.0, 3.0])]
)
def test_survival_of_zero_months(policy: str, times: list[float]) -> None:
    frame, findings = apply_outcome(followed((0, True, 0), (3, False, 0)), outcome(zero_months=policy))
    assert frame["time"].to_list() == times
    assert next(one.value for one in findings if one.check == "zero_months") == 1


def test_unknown_outcomes_leave_and_are_counted() -> None:
    frame, findings = apply_outcome(followed((5, None, 0), (None, True, 0), (5, True, 0)), outcome())
    assert frame.height == 1
    assert [(one.check, one.value) for one in findings if one.check == "outcome_unknown"] == [
        ("outcome_unknown", 2)
    ]


def test_whose_month_of_the_cut_is_unknown_leaves_and_is_counted() -> None:
    """Cut at 6: a death at 8 is a survival of 6; where the month of the cut is unknown, nobody knows what to count."""
    rows = followed((8, True, 0), (5, True, 0), (8, True, 0)).with_columns(
        cut=pl.Series([6.0, 6.0, None]), other_cause=pl.lit(None, pl.Boolean)
    )
    frame, findings = apply_outcome(rows, outcome(cut_months="month_of_the_cut"))
    assert frame.select("time", "event").rows() == [(6.0, False), (5.0, True)]
    assert {one.check: one.value for one in findings if one.unit == "people"} == {
        "cut_unknown": 1,
        "zero_months": 0,
    }


def test_nobody_is_at_risk_before_entry() -> None:
    """Entry at 6: follow-up to 4 or to 6 contributes nothing; a negative entry is entry at time zero; an unknown one
    is not, because the months before it would be immortal."""
    rows = followed((4, True, 6), (6, True, 6), (7, True, 6), (7, True, -2), (7, True, None))
    frame, findings = apply_outcome(rows, outcome(entry="entry_from_metastasis_months"))
    assert frame["entry"].to_list() == [6.0, 0.0]
    assert {one.check: one.value for one in findings if one.unit == "people"} == {
        "entry_unknown": 1,
        "zero_months": 0,
        "never_at_risk": 2,
    }


def test_levels_are_grouped_and_missing_words_pooled_or_null() -> None:
    raw = pl.DataFrame({"raw_payer": ["none", "medicaid", "private", "insured_nos", "not_released", None]})
    settings: dict[str, Any] = {
        "name": "payer",
        "words": "payer",
        "column": "primary_payer",
        "groups": {"none": "low", "medicaid": "low", "insured_nos": "unknown"},
        "reference": "low",
    }
    levels = raw.select(coded(Covariate(**settings))).to_series().to_list()
    assert levels == ["low", "low", "private", "unknown", "unknown", "unknown"]
    complete = raw.select(coded(Covariate(missing="complete_case", **settings))).to_series().to_list()
    assert complete == ["low", "low", "private", None, None, None]


def people(tmp_path: Path, rows: list[dict[str, Any]], study: StudyDefinition) -> AnalysisSet:
    sub = submission(tmp_path, tumors(rows))
    materialise(sub, study.cohort, CATALOG)
    return read_analysis_set(sub, study, load_cohort(study.cohort, CATALOG))


def with_minimum(minimum: int) -> StudyDefinition:
    study = load_study("mudgway2020", CATALOG)
    return study.model_copy(
        update={"models": study.models.model_copy(update={"rare_level_minimum": minimum})}
    )


def design_of(tmp_path: Path, grades: list[str], minimum: int) -> Design:
    rows: list[dict[str, Any]] = [
        {"grade": grade, "operated": number % 2 == 0} for number, grade in enumerate(grades)
    ]
    study = with_minimum(minimum)
    return build_design(
        people(tmp_path, rows, study), study.terms(("grade",)), analysis="a", with_exposure=True
    )


def test_where_nobody_has_the_reference_the_first_level_takes_its_place_and_every_contrast_says_so(
    tmp_path: Path,
) -> None:
    """A ratio "against moderate" of people among whom nobody is moderate would be one against the level left out."""
    design = design_of(tmp_path, ["well"] * 4 + ["poor"] * 4 + ["unknown"] * 4, 3)
    assert design.names == ["surgery", "grade=high", "grade=unknown"]
    assert [column.contrast for column in design.columns[1:]] == ["high vs well", "unknown vs well"]
    (said,) = [one for one in design.findings if one.check == "reference_of_nobody"]
    assert said.message == "nobody has grade=moderate, the reference; well takes its place"
    whole = design_of(tmp_path / "whole", ["moderate"] * 4 + ["well"] * 4, 3)
    assert not [one for one in whole.findings if one.check == "reference_of_nobody"]


def test_every_level_but_the_reference_has_a_column(tmp_path: Path) -> None:
    grades = ["moderate"] * 4 + ["well"] * 3 + ["poor"] * 2 + ["undifferentiated"]
    design = design_of(tmp_path, grades, 3)
    assert design.names == ["surgery", "grade=well", "grade=high"]
    assert design.columns[1].contrast == "well vs moderate"
    assert design.matrix.sum(axis=0).tolist() == [5, 3, 3]


def test_people_of_a_rare_level_leave_the_model_and_are_counted(tmp_path: Path) -> None:
    """Two women of unknown grade are not two of moderate grade, and no column can be fitted to them."""
    design = design_of(tmp_path, ["moderate"] * 4 + ["well"] * 4 + ["unknown"] * 2, 3)
    assert design.names == ["surgery", "grade=well"]
    assert design.people.frame.height == 8
    assert [(one.check, one.value) for one in design.findings] == [("rare_level", 2)]


def test_a_rare_reference_level_stays(tmp_path: Path) -> None:
    design = design_of(tmp_path, ["moderate"] * 2 + ["well"] * 4 + ["poor"] * 4, 3)
    assert design.people.frame.height == 10


def test_covariates_that_do_not_vary_are_told_in_words(tmp_path: Path) -> None:
    """A model of who is exposed by nothing has no column: the reader hears of covariates, not of matrices."""
    study = with_minimum(1)
    everybody = people(
        tmp_path, [{"grade": "moderate", "operated": number % 2 == 0} for number in range(10)], study
    )
    with pytest.raises(NothingToCompareError, match="No covariate varies here") as error:
        build_design(everybody, study.terms(("grade",)), analysis="a", with_exposure=False, of_exposure=True)
    assert "grade" in error.value.without_count


def test_an_expression_of_a_study_says_the_same_on_every_run() -> None:
    asked = [
        Expression(name, (), sql)
        for name, sql in {
            "outcome.other_cause": "random() < 0.5",
            "covariates.rank": "row_number() over ()",
            "fine": "1 > 0",
        }.items()
    ]
    with duckdb.connect() as con:
        con.execute("create table tumor (stage_iv boolean)")
        with pytest.raises(
            InputError, match=r"other_cause: random, .*; covariates.rank: the window function row_number"
        ):
            require_expressions(con, load_study("mudgway2020", CATALOG), asked)


def test_columns_that_repeat_others_go_the_later_first() -> None:
    draw = np.random.default_rng(1)
    one, two = draw.integers(0, 2, (2, 50)).astype(float)
    pieces = [("one", one), ("two", two), ("copy", one.copy()), ("both", one + two), ("ones", np.ones(50))]
    named = [(type("C", (), {"name": name})(), values) for name, values in pieces]
    kept, aliased = without_copies(named)
    assert [column.name for column, _ in kept] == ["one", "two"]
    assert aliased == ["copy", "both", "ones"]


def test_a_model_whose_levels_are_all_rare_says_so(tmp_path: Path) -> None:
    with pytest.raises(EmptyArmError, match="rare_level_minimum"):
        design_of(tmp_path, ["well"] * 4 + ["poor"] * 4, 5)
