"""Weights and strata of the propensity score in a study: null recovered, several arms, refusals."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from pipelines.stats.errors import CodingError
from pipelines.stats.weighting import weighted_cox as stats_weighted_cox
from pipelines.stats.weighting import weighted_cox_of_arms
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design
from pipelines.studies.estimators import ESTIMATORS
from pipelines.studies.results import Estimate, Outcomes
from tests.unit.toy_people import NO_SURGERY, SURGERY, people, study


def row_of(found: Outcomes, analysis: str, contrast: str = f"{SURGERY} vs {NO_SURGERY}") -> Estimate:
    (row,) = [one for one in found.estimates if (one.analysis, one.contrast) == (analysis, contrast)]
    return row


def hr(found: Outcomes, analysis: str) -> float:
    value = row_of(found, analysis).estimate
    assert value is not None
    return value


def covers_one(row: Estimate) -> bool:
    return row.ci_low is not None and row.ci_high is not None and row.ci_low < 1 < row.ci_high


def test_weights_and_strata_find_no_effect_where_the_unadjusted_model_finds_one() -> None:
    toy = people(2000, log_hr=0.0)
    unadjusted = row_of(ESTIMATORS["cox_unadjusted"](toy), "cox_unadjusted")
    assert unadjusted.ci_high is not None
    assert unadjusted.ci_high < 0.95
    weighted = ESTIMATORS["weighted_cox"](toy)
    assert covers_one(row_of(weighted, "weighted_cox"))
    assert covers_one(row_of(weighted, "weighted_cox_ato"))
    strata = ESTIMATORS["stratified_by_score_cox"](toy)
    assert covers_one(row_of(strata, "stratified_by_score_cox"))
    assert covers_one(row_of(strata, "within_score_strata_cox"))


def test_the_weighted_hazard_ratio_is_that_of_the_statistics() -> None:
    toy = people(600)
    design = build_design(toy, toy.terms("propensity"), analysis="weighted_cox", with_exposure=False)
    truth = stats_weighted_cox(
        toy.time, toy.event, toy.exposed, design.matrix, names=design.names, estimand="ATE", stabilised=True
    ).effect
    row = row_of(ESTIMATORS["weighted_cox"](toy), "weighted_cox")
    assert (row.estimate, row.ci_low, row.ci_high) == (truth.estimate, truth.ci_low, truth.ci_high)
    assert (row.estimand, row.effect_type) == ("ate", "marginal")


def test_each_estimand_has_an_analysis_of_its_own_and_says_whose_effect_it_is() -> None:
    found = ESTIMATORS["weighted_cox"](
        people(600, definition=study(design={"weight": {"estimands": ["ATO", "ATT"]}}))
    )
    assert [(one.analysis, one.estimand) for one in found.estimates] == [
        ("weighted_cox", "ato"),
        ("weighted_cox_att", "att"),
    ]
    said = {one.analysis: one.message for one in found.findings if one.check == "estimand"}
    assert "people like the exposed" in said["weighted_cox_att"]


def test_balance_is_told_for_each_kind_of_weights() -> None:
    balance = ESTIMATORS["weighted_cox"](people(600)).table("balance")
    assert balance is not None
    assert set(balance["analysis"]) == {"weighted_cox", "weighted_cox_ato"}
    after = balance.filter(pl.col("analysis") == "weighted_cox_ato")["smd_after"]
    assert after.abs().max() < 1e-8  # overlap weights of a logistic score balance its covariates exactly


def test_truncated_weights_are_counted_and_named_in_the_method() -> None:
    definition = study(design={"weight": {"estimands": ["ATE"], "truncate": 0.95}})
    found = ESTIMATORS["weighted_cox"](people(600, definition=definition))
    (count,) = [one for one in found.findings if one.check == "weights_truncated"]
    assert count.unit == "people"
    assert count.value is not None
    assert count.value > 0
    assert "truncated at the 95th percentile" in row_of(found, "weighted_cox").method


def test_known_weights_give_the_interval_of_the_robust_variance() -> None:
    toy = people(600, definition=study(design={"weight": {"variance": "known"}}))
    assert "weights taken as known" in row_of(ESTIMATORS["weighted_cox"](toy), "weighted_cox").method


def three_arms(n: int = 900) -> AnalysisSet:
    return people(n, other_arms=("both",))


def test_three_arms_are_compared_pair_by_pair_and_agree_with_each_other() -> None:
    found = ESTIMATORS["weighted_cox"](three_arms())
    log = {
        one.contrast: np.log(one.estimate or np.nan)
        for one in found.estimates
        if one.analysis == "weighted_cox"
    }
    assert list(log) == ["surgery vs both", "surgery vs no surgery", "both vs no surgery"]
    assert log["surgery vs both"] == pytest.approx(log["surgery vs no surgery"] - log["both vs no surgery"])


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ({}, ("info", "weights are stabilised")),
        ({"stabilised": True}, ("warning", "weights are stabilised")),
        (
            {"stabilised": False, "variance": "known"},
            ("warning", "the variance takes the weights as known"),
        ),
        ({"stabilised": False, "truncate": 0.99}, ("warning", "weights are truncated")),
        ({"stabilised": False}, None),
        ({"estimands": ["ATO"], "truncate": 0.99}, None),  # bounded as it is
    ],
)
def test_what_weights_of_several_arms_do_not_do_is_said(
    weight: dict[str, object], said: tuple[str, str] | None
) -> None:
    toy = replace(three_arms(600), study=study(design={"weight": {"estimands": ["ATE"]} | weight}))
    found = [one for one in ESTIMATORS["weighted_cox"](toy).findings if one.check == "weights_not_as_defined"]
    if said is None:
        assert found == []
    else:
        (one,) = found
        assert one.status == said[0]
        assert f"has it: {said[1]}. " in one.message


def test_a_contrast_of_arms_read_backwards_is_its_inverse() -> None:
    toy = three_arms()
    design = build_design(toy, toy.terms("propensity"), analysis="weighted_cox", with_exposure=False)
    backwards = weighted_cox_of_arms(
        toy.time,
        toy.event,
        toy.frame["arm"].to_numpy(),
        design.matrix,
        names=design.names,
        reference="surgery",
    )
    (effect,) = [
        one
        for one, (arm, _) in zip(backwards.effects, backwards.compared, strict=True)
        if arm == "no surgery"
    ]
    row = row_of(ESTIMATORS["weighted_cox"](toy), "weighted_cox")
    assert row.estimate == pytest.approx(1 / effect.estimate)
    assert row.ci_low == pytest.approx(1 / effect.ci_high, rel=1e-6)


def test_balance_of_three_arms_has_a_row_for_each_pair() -> None:
    balance = ESTIMATORS["weighted_cox"](three_arms()).table("balance")
    assert balance is not None
    assert balance.filter(pl.col("covariate") == "age=old")["contrast"].n_unique() == 3


def test_delayed_entry_is_taken_for_two_arms_and_refused_for_three() -> None:
    def later(toy: AnalysisSet) -> AnalysisSet:
        definition = study(outcome={"kind": "overall", "words": "Death", "entry": "months_to_entry"})
        frame = toy.frame.with_columns(entry=pl.col("time") / 3)
        return replace(toy, frame=frame, study=definition)

    assert ESTIMATORS["weighted_cox"](later(people(400))).estimates
    found = ESTIMATORS["weighted_cox"](later(three_arms(400)))
    assert not found.estimates
    reasons = [one.message for one in found.findings if one.status == "absent"]
    assert reasons
    assert all("delayed entry" in one for one in reasons)


def test_weighted_survival_draws_people_only_where_it_is_asked_to() -> None:
    toy = people(300)
    assert "weights taken as known" in ESTIMATORS["weighted_survival"](toy).estimates[0].method
    drawn = replace(toy, study=study(design={"weight": {"bootstrap": 20, "seed": 3}}))
    first, second = (ESTIMATORS["weighted_survival"](drawn).estimates for _ in range(2))
    assert first == second
    assert "20 resamples" in first[0].method


def test_a_horizon_that_nobody_reached_is_told_and_has_no_number() -> None:
    toy = people(300, definition=study(horizons={"survival_months": [12, 600]}))
    found = ESTIMATORS["weighted_survival"](toy)
    assert {one.contrast for one in found.estimates} == {
        "at 12 months",
        "surgery vs no surgery, at 12 months",
    }
    assert [one.check for one in found.findings if one.status == "warning"] == ["horizon_not_reached"]


def test_a_covariate_that_separates_the_arms_makes_every_estimand_absent_with_the_reason() -> None:
    toy = people(300)
    apart = pl.col("cov_size") + pl.when(pl.col("exposed")).then(20.0).otherwise(0.0)
    toy = replace(toy, frame=toy.frame.with_columns(cov_size=apart))
    found = ESTIMATORS["weighted_cox"](toy)
    assert not found.estimates
    assert {one.analysis for one in found.findings if one.status == "absent"} == {
        "weighted_cox",
        "weighted_cox_ato",
    }


def test_fewer_strata_than_scores_can_fill_are_refused_by_name() -> None:
    toy = people(300, definition=study(models={"propensity": ["age"], "cox": ["age"], "logistic": ["age"]}))
    with pytest.raises(CodingError, match="Classes that hold nobody"):
        ESTIMATORS["stratified_by_score_cox"](toy)
