"""What holds of every analysis of a study, whatever it estimates."""

from dataclasses import replace

import polars as pl
import pytest

from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators import ESTIMATORS
from pipelines.studies.language import ANALYSES
from pipelines.studies.results import Outcomes
from tests.unit.toy_people import people, study

WORDS = (
    "survival_at",
    "rmst",
    "follow_up",
    "time_split_cox",
    "cumulative_incidence",
    "fine_gray",
    "royston_parmar",
    "cox_effect_by",
    "imputed_cox",
    "complete_case_cox",
    "weighted_cox",
    "weighted_survival",
    "stratified_by_score_cox",
    "matching_grid",
    "rosenbaum",
    "logistic_outcome",
    "cox_other_cause",
)
DEFINITION = study(
    binary_outcomes=[
        {"name": "late", "words": "Alive at three years", "event": "true", "covariates": ["age"]}
    ],
    imputation={"imputations": 2, "rounds": 1},
)


def toy() -> AnalysisSet:
    made = people(500, definition=DEFINITION)
    late = pl.when(pl.col("time") > 36).then(True).when(pl.col("event")).then(False)
    gap = pl.when(pl.col("source_record") % 7 == 0).then(pl.lit("unknown")).otherwise(pl.col("cov_spread"))
    frame = made.frame.with_columns(event_late=late, cov_spread=gap)
    return replace(made, frame=frame, subgroup="era=late")


@pytest.fixture(scope="module")
def found() -> dict[str, Outcomes]:
    return {word: ESTIMATORS[word](toy()) for word in WORDS}


@pytest.mark.parametrize("word", WORDS)
def test_every_row_says_whom_it_is_about_and_how_it_was_made(word: str, found: dict[str, Outcomes]) -> None:
    rows = found[word].estimates
    assert rows
    assert all("era=late" in row.subgroup for row in rows)
    assert all(row.method and row.estimand and row.effect_type in ("marginal", "conditional") for row in rows)
    assert all(row.counts.n for row in rows)
    assert all("era=late" in one.subgroup for one in found[word].findings)


@pytest.mark.parametrize("word", WORDS)
def test_no_two_numbers_of_an_analysis_have_the_same_key(word: str, found: dict[str, Outcomes]) -> None:
    keys = [row.key for row in found[word].estimates]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("word", WORDS)
def test_no_message_counts_people(word: str, found: dict[str, Outcomes]) -> None:
    counted = [one for one in found[word].findings if one.unit == "people" and one.value is not None]
    assert not [one for one in counted if f"{one.value:g}" in one.message.split()]


@pytest.mark.parametrize("word", WORDS)
def test_the_names_are_those_that_the_language_knows(word: str, found: dict[str, Outcomes]) -> None:
    assert {row.analysis for row in found[word].estimates} <= set(DEFINITION.names_of([word]))
    assert word in ANALYSES


@pytest.mark.parametrize("word", WORDS)
def test_the_same_people_give_the_same_numbers_again(word: str, found: dict[str, Outcomes]) -> None:
    assert ESTIMATORS[word](toy()).estimates == found[word].estimates
