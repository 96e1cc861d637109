"""What an estimate owes to choices: missing covariates, ratios and calipers, biases nobody measured, rare outcomes."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.stats.errors import CodingError, EmptyArmError, NotRecordedError
from pipelines.stats.sensitivity import e_value as stats_e_value
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators import ESTIMATORS, SUMMARIES
from pipelines.studies.estimators.matched import pairs_name
from pipelines.studies.results import Estimate, Outcomes
from tests.unit.toy_people import people, study

PAIR = "surgery vs no surgery"


def of_exposure(found: Outcomes, analysis: str) -> Estimate:
    (row,) = [one for one in found.estimates if (one.analysis, one.contrast) == (analysis, PAIR)]
    return row


# missing covariates


def with_gaps(n: int, *, reason: str = "unknown") -> AnalysisSet:
    """Whose spread is not known are more often those with visceral spread who soon died."""
    toy = people(n)
    short = (pl.col("time") < 10) & (pl.col("cov_spread") == "visceral")
    gone = short | (pl.col("source_record") % 10 == 0)
    frame = toy.frame.with_columns(
        cov_spread=pl.when(gone).then(pl.lit("unknown")).otherwise(pl.col("cov_spread")),
        raw_spread=pl.when(gone).then(pl.lit(reason)).otherwise(pl.col("raw_spread")),
    )
    return replace(toy, frame=frame)


def test_complete_cases_are_people_without_any_gap_and_the_rest_is_counted() -> None:
    toy = with_gaps(800)
    found = ESTIMATORS["complete_case_cox"](toy)
    known = toy.frame.filter(pl.col("cov_spread") != "unknown").height
    assert of_exposure(found, "complete_case_cox").counts.n == known
    (gone,) = [one for one in found.findings if one.check == "incomplete_cases"]
    assert gone.value == 800 - known
    assert not [one for one in found.estimates if one.contrast.startswith("unknown")]


def test_nobody_complete_is_refused() -> None:
    toy = people(100)
    with pytest.raises(EmptyArmError, match="every covariate known"):
        ESTIMATORS["complete_case_cox"](replace(toy, frame=toy.frame.with_columns(cov_age=pl.lit("unknown"))))


def test_a_level_that_gets_rare_with_who_left_takes_its_people_out_of_score_and_model_alike() -> None:
    """Twelve of 2012; five of them leave with a spread that nobody of the reference has, and seven are too few."""
    toy = people(600, definition=study(models={"cox": ["age", "year"], "propensity": ["age", "spread"]}))
    exposed = toy.frame["arm"] == "surgery"
    rank = exposed.cum_sum() * exposed.cast(pl.Int64)
    late = rank.is_between(1, 12)
    lonely = rank.is_between(8, 17)
    frame = toy.frame.with_columns(
        cov_year=pl.when(late).then(pl.lit("2012")).otherwise(pl.lit("2010")),
        cov_spread=pl.when(lonely).then(pl.lit("odd")).otherwise(pl.col("cov_spread")),
    )
    found = ESTIMATORS["cox_propensity_covariate"](replace(toy, frame=frame))
    assert of_exposure(found, "cox_propensity_covariate").counts.n == 600 - 10 - 7


def test_imputation_keeps_everybody_and_draws_the_same_with_the_same_seed() -> None:
    def pooled(seed: int) -> Outcomes:
        rule = {"imputations": 3, "rounds": 2, "seed": seed}
        return ESTIMATORS["imputed_cox"](replace(with_gaps(600), study=study(imputation=rule)))

    first = pooled(1)
    assert of_exposure(first, "imputed_cox").counts.n == 600
    assert {one.contrast for one in first.estimates if one.term == "spread"} == {"visceral vs bone"}
    assert pooled(1).estimates == first.estimates
    assert pooled(2).estimates != first.estimates


def test_the_rounds_of_the_default_are_enough_for_more_to_move_estimates_no_more_than_a_seed_does() -> None:
    assert study().imputation.rounds == 5

    def log_hr(rounds: int, seed: int) -> float:
        rule = {"imputations": 8, "rounds": rounds, "seed": seed}
        found = ESTIMATORS["imputed_cox"](replace(with_gaps(500), study=study(imputation=rule)))
        return float(np.log(of_exposure(found, "imputed_cox").estimate or np.nan))

    few, many = ([log_hr(rounds, seed) for seed in (1, 2, 3)] for rounds in (5, 15))
    error = np.sqrt((np.var(few, ddof=1) + np.var(many, ddof=1)) / 3)
    assert abs(np.mean(few) - np.mean(many)) < 2.8 * error  # t on four degrees of freedom
    assert error < 0.02


def test_what_was_not_collected_is_a_level_and_is_never_drawn() -> None:
    toy = replace(
        with_gaps(600, reason="not_collected"), study=study(imputation={"imputations": 2, "rounds": 1})
    )
    found = ESTIMATORS["imputed_cox"](toy)
    assert "not_collected vs bone" in {one.contrast for one in found.estimates}


# matching


def test_the_grid_holds_the_studys_own_rule_and_every_other_ratio_and_caliper() -> None:
    toy = people(500, definition=study(design={"match": {"caliper": 0.15, "grid_ratios": [2]}}))
    found = ESTIMATORS["matching_grid"](toy)
    assert [one.subgroup for one in found.estimates] == [
        f"1:{ratio}, caliper {caliper:g}" for ratio in (1, 2) for caliper in (0.05, 0.1, 0.15, 0.2)
    ]
    own = of_exposure(ESTIMATORS["matched_cox"](toy), "matched_cox")
    assert own.estimate == next(
        one.estimate for one in found.estimates if one.subgroup == "1:1, caliper 0.15"
    )


def test_a_cell_of_the_grid_without_any_pair_is_absent_and_the_others_stand() -> None:
    toy = people(60, definition=study(design={"match": {"grid_ratios": [], "grid_calipers": [1e-7]}}))
    found = ESTIMATORS["matching_grid"](toy)
    assert [one.subgroup for one in found.estimates] == ["1:1, caliper 0.2"]
    assert [one.subgroup for one in found.findings if one.status == "absent"] == ["1:1, caliper 1e-07"]


def test_every_variant_has_a_file_of_its_own_for_its_pairs_whatever_its_levels_are_called() -> None:
    levels = ["er=pos_high", "er_pos=high", "n=N0/N1", "n=N0, N1", "n=..", "n=N*"]
    names = [pairs_name(one) for one in levels]
    assert len(set(names)) == len(levels)
    assert all(re.fullmatch(r"matched_pairs_[\w%.]+", name) for name in names)
    assert (pairs_name("all"), pairs_name("baseline_only")) == (
        "matched_pairs",
        "matched_pairs_baseline_only",
    )


def test_exact_pairs_agree_in_the_covariates_named_and_have_no_caliper() -> None:
    rule = {"method": "exact", "exact": ["age", "spread"]}
    toy = people(600, definition=study(design={"match": rule}))
    found = ESTIMATORS["matched_cox"](toy)
    pairs = found.table("matched_pairs")
    assert pairs is not None
    levels = pairs.join(toy.frame, on=["source_file", "source_record"]).group_by("pair_id")
    assert levels.agg(pl.col("cov_age", "cov_spread").n_unique())["cov_age"].max() == 1
    assert "exactly" in of_exposure(found, "matched_cox").method
    assert {one.subgroup for one in ESTIMATORS["matching_grid"](toy).estimates} == {
        "1:1, no caliper",
        "1:2, no caliper",
    }


def test_optimal_pairs_are_as_many_as_can_be() -> None:
    greedy, optimal = (
        of_exposure(
            ESTIMATORS["matched_cox"](people(400, definition=study(design={"match": {"method": method}}))),
            "matched_cox",
        ).counts.n
        for method in ("nearest", "optimal")
    )
    assert greedy is not None
    assert optimal is not None
    assert optimal >= greedy


def gamma(log_hr: float) -> float:
    (row,) = ESTIMATORS["rosenbaum"](people(1500, log_hr=log_hr)).estimates
    assert row.estimate is not None
    return row.estimate


def test_a_stronger_effect_takes_a_stronger_bias_to_explain_and_none_takes_none() -> None:
    assert gamma(0.0) < 1.2 < gamma(-0.7) < gamma(-1.2)


def test_the_table_of_bounds_grows_with_gamma() -> None:
    table = ESTIMATORS["rosenbaum"](people(600, log_hr=-0.7)).table("rosenbaum")
    assert table is not None
    assert table["p_high"].is_sorted()
    assert set(table["analysis"]) == {"rosenbaum"}


# binary outcomes


def binary(**outcome: Any) -> AnalysisSet:
    named = {"name": "late", "words": "Alive at three years", "event": "true", **outcome}
    definition = study(
        outcome=None, analyses=["logistic_outcome"], primary="share_late", binary_outcomes=[named]
    )
    toy = people(800, definition=definition)
    late = pl.when(pl.col("time") > 36).then(True).when(pl.col("event")).then(False)
    return replace(toy, frame=toy.frame.select(pl.exclude("event"), event_late=late))


def test_shares_and_the_crude_odds_ratio_are_those_of_the_two_by_two_table() -> None:
    toy = binary()
    known = toy.frame.filter(pl.col("event_late").is_not_null())
    a, b, c, d = (
        known.filter((pl.col("exposed") == arm) & (pl.col("event_late") == late)).height
        for arm in (True, False)
        for late in (True, False)
    )
    found = ESTIMATORS["logistic_outcome"](toy)
    (share,) = [one for one in found.estimates if (one.analysis, one.subgroup) == ("share_late", "surgery")]
    assert share.estimate == pytest.approx(100 * a / (a + b))
    assert of_exposure(found, "crude_late").estimate == pytest.approx(a * d / (b * c))
    (gone,) = [one for one in found.findings if one.check == "outcome_unknown"]
    assert gone.value == 800 - known.height


def test_an_outcome_without_covariates_has_no_adjusted_model() -> None:
    assert {one.analysis for one in ESTIMATORS["logistic_outcome"](binary()).estimates} == {
        "share_late",
        "crude_late",
    }
    adjusted = ESTIMATORS["logistic_outcome"](binary(covariates=["age", "spread"]))
    assert of_exposure(adjusted, "logistic_late").effect_type == "conditional"


def nobody_of_the_reference(toy: AnalysisSet) -> AnalysisSet:
    return replace(toy, frame=toy.frame.with_columns(event_late=pl.col("exposed") & (pl.col("time") < 5)))


def test_an_arm_without_the_outcome_keeps_its_share_and_is_told_of_the_penalised_model() -> None:
    found = ESTIMATORS["logistic_outcome"](nobody_of_the_reference(binary(covariates=["age"])))
    assert {one.analysis for one in found.estimates} == {"share_late"}
    reasons = {one.analysis: one.message for one in found.findings if one.status == "absent"}
    assert set(reasons) == {"crude_late", "logistic_late"}
    assert all("firth" in one for one in reasons.values())


def test_the_penalised_model_has_an_answer_there() -> None:
    found = ESTIMATORS["logistic_outcome"](nobody_of_the_reference(binary(covariates=["age"], firth=True)))
    row = of_exposure(found, "logistic_late")
    assert row.estimate is not None
    assert 1 < row.estimate < np.inf
    assert "Firth" in row.method


# what could explain it away


def primary_of(toy: AnalysisSet) -> tuple[Estimate, ...]:
    return ESTIMATORS["cox_adjusted"](toy).estimates


def test_the_e_value_is_that_of_the_primary_estimate_and_of_the_limit_nearer_to_one() -> None:
    toy = people(1500, log_hr=-0.6)
    row = of_exposure(ESTIMATORS["cox_adjusted"](toy), "cox_adjusted")
    truth = stats_e_value(
        row.estimate or 0,
        row.ci_low or 0,
        row.ci_high or 0,
        analysis="cox_adjusted",
        corrected_for=["measured_confounding"],
        common_outcome=True,
    )
    found = SUMMARIES["e_value"](toy, primary_of(toy))
    assert [(one.measure, one.estimate) for one in found.estimates] == [
        ("e_value", truth.e_value),
        ("e_value_limit", truth.e_value_limit),
    ]
    assert any("immortal time" in one.message for one in found.findings)


def test_an_estimate_that_is_corrected_for_nothing_has_no_e_value() -> None:
    toy = people(300, definition=study(primary="cox_unadjusted"))
    with pytest.raises(CodingError, match="corrected"):
        SUMMARIES["e_value"](toy, ESTIMATORS["cox_unadjusted"](toy).estimates)


def test_without_a_primary_estimate_nothing_is_explained_away() -> None:
    with pytest.raises(NotRecordedError, match="primary analysis cox_adjusted"):
        SUMMARIES["unmeasured_confounder"](people(200), ())


def test_an_unmeasured_condition_moves_the_estimate_towards_one_the_stronger_it_is() -> None:
    toy = people(1500, log_hr=-0.6)
    found = SUMMARIES["unmeasured_confounder"](toy, primary_of(toy))
    table = found.table("unmeasured_confounder")
    assert table is not None
    at = table.filter((pl.col("prevalence_exposed") == 0.1) & (pl.col("prevalence_unexposed") == 0.6))
    assert at.sort("ratio")["estimate"].is_sorted()
    ratios = [one.estimate for one in found.estimates if one.estimate is not None]
    assert all(one > 1 for one in ratios)


def test_the_strength_of_measured_covariates_stands_beside_it() -> None:
    toy = people(800, log_hr=-0.6)
    table = SUMMARIES["unmeasured_confounder"](toy, primary_of(toy)).table("covariate_benchmarks")
    assert table is not None
    assert set(table["term"]) == {"age", "spread", "size"}


def test_deaths_of_other_causes_come_with_the_ratio_that_they_could_have_shown() -> None:
    found = ESTIMATORS["cox_other_cause"](people(800))
    (one,) = [each for each in found.findings if each.check == "detectable_ratio"]
    assert one.value is not None
    assert 0 < one.value < 1


def test_the_share_of_an_arm_in_a_level_is_of_that_arm_alone_where_there_are_three() -> None:
    toy = people(900, other_arms=("both",))
    found = ESTIMATORS["exposed_share"](toy).estimates
    old = toy.frame.filter(cov_age="old")
    shares = {one.contrast: one for one in found if one.subgroup == "age=old"}
    assert list(shares) == ["surgery", "both"]
    for label, one in shares.items():
        there = old.filter(arm=label).height
        assert one.estimate == pytest.approx(100 * there / old.height)
        assert (one.counts.n, one.counts.n_exposed) == (old.height, there)


def test_proportional_hazards_of_three_arms_are_tested_together() -> None:
    def degrees(toy: AnalysisSet) -> list[float | None]:
        found = ESTIMATORS["cox_adjusted"](toy).findings
        return [one.value for one in found if one.check == "proportional_hazards_p"]

    toy = people(900, other_arms=("both",))
    (joint,) = degrees(toy)
    assert joint is not None
    # An operation that helps in the first year alone and then harms must be seen in the joint test.
    early = (toy.frame["arm"] == "both").to_numpy()
    draw = np.random.default_rng(3).uniform(0.1, 6, toy.frame.height).round(1)
    when = np.where(early & toy.event, draw, toy.time)
    (changed,) = degrees(replace(toy, frame=toy.frame.with_columns(time=when)))
    assert changed is not None
    assert changed < 1e-6 < joint


@pytest.mark.parametrize("word", ["cox_other_cause", "fine_gray", "cumulative_incidence"])
@pytest.mark.parametrize("of_the_living", [None, False])
def test_where_no_cause_of_death_is_recorded_that_is_the_reason_that_is_told(
    word: str, of_the_living: bool | None
) -> None:
    toy = people(300)
    died = pl.col("event") | pl.col("other_cause")
    nobody = pl.when(~died).then(pl.lit(of_the_living, dtype=pl.Boolean))
    toy = replace(toy, frame=toy.frame.with_columns(event=died, other_cause=nobody))
    with pytest.raises(NotRecordedError, match="Nobody's cause of death is known"):
        ESTIMATORS[word](toy)
