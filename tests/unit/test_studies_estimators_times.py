"""Survival at horizons, restricted means, periods, competing deaths, flexible models, trends: against known truth."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from pipelines.stats.errors import BeyondFollowUpError, CodingError, NotRecordedError
from pipelines.stats.kaplan_meier import kaplan_meier
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators import ESTIMATORS
from pipelines.studies.results import Estimate, Outcomes
from tests.unit.toy_people import people, study

PAIR = "surgery vs no surgery"


def keyed(found: Outcomes) -> dict[tuple[str, str, str], Estimate]:
    """Estimates by subgroup, contrast and measure."""
    return {(one.subgroup, one.contrast, one.measure): one for one in found.estimates}


def value(found: Outcomes, subgroup: str, contrast: str, measure: str) -> float:
    number = keyed(found)[subgroup, contrast, measure].estimate
    assert number is not None
    return number


def test_survival_at_a_horizon_is_the_height_of_the_kaplan_meier_curve() -> None:
    toy = people(400)
    found = ESTIMATORS["survival_at"](toy)
    operated = toy.where(toy.exposed)
    curve = kaplan_meier(operated.time, operated.event).curves[0]
    assert value(found, "surgery", "at 12 months", "survival_probability") == float(curve.survival_at(12.0))
    assert ("all", "at 12 months", "survival_probability") in keyed(found)


def test_the_difference_of_survival_is_that_of_the_two_heights() -> None:
    found = ESTIMATORS["survival_at"](people(400))
    heights = [value(found, arm, "at 36 months", "survival_probability") for arm in ("surgery", "no surgery")]
    difference = value(found, "all", f"{PAIR}, at 36 months", "survival_difference")
    assert difference == pytest.approx(heights[0] - heights[1])


def test_a_horizon_beyond_follow_up_gives_a_warning_and_no_number() -> None:
    toy = people(200, definition=study(horizons={"survival_months": [12, 900]}))
    alive_at_last = toy.frame.with_columns(event=pl.col("event") & (pl.col("time") < 45))
    found = ESTIMATORS["survival_at"](replace(toy, frame=alive_at_last))
    assert not [one for one in found.estimates if "900" in one.contrast]
    assert "900" in next(one.message for one in found.findings if one.check == "horizon_not_reached")


def test_the_difference_of_restricted_means_is_that_of_the_arms_own() -> None:
    found = ESTIMATORS["rmst"](people(400))
    means = [value(found, arm, "to 48 months", "rmst_months") for arm in ("surgery", "no surgery")]
    assert value(found, "all", PAIR, "rmst_difference_months") == pytest.approx(means[0] - means[1])


def test_a_restricted_mean_beyond_follow_up_is_refused() -> None:
    with pytest.raises(BeyondFollowUpError):
        ESTIMATORS["rmst"](people(200, definition=study(horizons={"rmst_months": 600})))


def test_follow_up_is_longer_than_the_median_of_observed_time_and_refuses_delayed_entry() -> None:
    toy = people(400)
    assert value(ESTIMATORS["follow_up"](toy), "all", "", "median_months") > float(np.median(toy.time)) + 20
    definition = study(outcome={"kind": "overall", "words": "Death", "entry": "months_to_entry"})
    later = replace(toy, study=definition, frame=toy.frame.with_columns(entry=pl.col("time") / 2))
    with pytest.raises(CodingError, match="delayed entry"):
        ESTIMATORS["follow_up"](later)


def test_hazard_ratios_by_period_find_an_effect_that_ends_after_a_year() -> None:
    """The operated who would die in their first year live a year and a little longer."""
    toy = people(1500)
    saved = pl.col("exposed") & (pl.col("time") < 6)
    frame = toy.frame.with_columns(time=pl.when(saved).then(pl.col("time") + 13).otherwise(pl.col("time")))
    found = keyed(
        ESTIMATORS["time_split_cox"](replace(toy, frame=frame, study=study(horizons={"split_months": [12]})))
    )
    assert [contrast for _, contrast, _ in found] == ["0 to 12 months", "after 12 months"]
    early, late = found.values()
    assert early.ci_high is not None
    assert early.ci_high < 0.9
    assert late.estimate is not None
    assert late.estimate > 1.0


def test_periods_after_the_last_death_are_left_out_and_periods_of_several_arms_name_them() -> None:
    toy = people(600, other_arms=("both",), definition=study(horizons={"split_months": [6, 900]}))
    found = ESTIMATORS["time_split_cox"](toy)
    assert [one.contrast for one in found.estimates] == [
        f"{arm} vs no surgery, {period}"
        for arm in ("surgery", "both")
        for period in ("0 to 6 months", "after 6 months")
    ]


def test_incidences_of_both_causes_and_survival_of_neither_add_up_to_one() -> None:
    toy = people(400)
    found = ESTIMATORS["cumulative_incidence"](toy)
    operated = toy.where(toy.exposed)
    either = operated.event | operated.frame["other_cause"].to_numpy()
    alive = float(kaplan_meier(operated.time, either).curves[0].survival_at(36.0))
    both = [
        value(found, "surgery", contrast, "cumulative_incidence")
        for contrast in ("at 36 months", "other causes, at 36 months")
    ]
    assert sum(both) + alive == pytest.approx(1.0)


def without_causes(toy: AnalysisSet, rows: pl.Expr) -> AnalysisSet:
    cause = pl.when(rows).then(None).otherwise(pl.col("other_cause"))
    return replace(toy, frame=toy.frame.with_columns(other_cause=cause))


@pytest.mark.parametrize("word", ["cumulative_incidence", "fine_gray", "cox_other_cause"])
def test_people_whose_cause_of_death_is_unknown_leave_and_are_counted(word: str) -> None:
    toy = people(400)
    found = ESTIMATORS[word](without_causes(toy, pl.col("source_record") < 30))
    (gone,) = [one for one in found.findings if one.check == "cause_unknown"]
    assert (gone.value, gone.unit) == (30.0, "people")
    with pytest.raises(NotRecordedError, match="Nobody's cause of death is known"):
        ESTIMATORS[word](without_causes(toy, pl.lit(True)))


def test_fine_and_gray_see_less_of_an_effect_that_the_cause_specific_model_sees() -> None:
    toy = people(1500, log_hr=-0.7)
    subdistribution, cause_specific = (
        value(ESTIMATORS[word](toy), "all", PAIR, measure)
        for word, measure in (("fine_gray", "shr"), ("cox_adjusted", "hr"))
    )
    assert cause_specific < subdistribution < 1


def test_the_flexible_model_gives_nearly_the_hazard_ratio_of_the_cox_model() -> None:
    toy = people(1000, log_hr=-0.4)
    flexible = ESTIMATORS["royston_parmar"](toy)
    assert value(flexible, "all", PAIR, "hr") == pytest.approx(
        value(ESTIMATORS["cox_adjusted"](toy), "all", PAIR, "hr"), rel=0.03
    )
    operated, not_operated = (
        value(flexible, arm, "at 36 months", "survival_probability") for arm in ("surgery", "no surgery")
    )
    assert operated > not_operated


def test_an_effect_that_may_change_has_a_hazard_ratio_at_each_horizon_and_no_single_one() -> None:
    toy = people(800, definition=study(flexible={"df": 3, "effect_df": 1}))
    contrasts = [one.contrast for one in ESTIMATORS["royston_parmar"](toy).estimates if one.measure == "hr"]
    assert f"{PAIR}, at 12 months" in contrasts
    assert PAIR not in contrasts


def stronger_each_year(n: int) -> AnalysisSet:
    """Surgery that does nothing in 2010 and lengthens life by a third more each year after."""
    toy = people(n)
    factor = 1 + (pl.col("cov_year").cast(pl.Float64) - 2010) / 3
    longer = pl.when("exposed").then(pl.col("time") * factor).otherwise(pl.col("time"))
    return replace(toy, frame=toy.frame.with_columns(time=longer.clip(0.1, 50), event=pl.col("event")))


def test_the_effect_by_year_falls_and_its_trend_says_so() -> None:
    found = ESTIMATORS["cox_effect_by"](stronger_each_year(2500))
    by_year = [value(found, f"year={year}", PAIR, "hr") for year in (2010, 2011, 2012)]
    assert by_year[0] > 1.2 * by_year[1]
    assert by_year[0] > 1.2 * by_year[2]
    trend = keyed(found)["all", "per 1", "hr"]
    assert trend.term == "surgery_by_year"
    assert trend.ci_high is not None
    assert trend.ci_high < 1


def test_a_level_in_which_an_arm_has_no_death_is_named_and_the_others_stand() -> None:
    toy = people(600)
    frame = toy.frame.with_columns(
        event=pl.col("event") & ~(pl.col("exposed") & (pl.col("cov_year") == "2011"))
    )
    found = ESTIMATORS["cox_effect_by"](replace(toy, frame=frame))
    assert [one.subgroup for one in found.findings if one.status == "absent"] == ["year=2011"]
    assert {one.subgroup for one in found.estimates} == {"year=2010", "year=2012", "all"}


def test_levels_that_are_no_numbers_have_no_trend_and_a_number_has_its_trend_alone() -> None:
    words = ESTIMATORS["cox_effect_by"](people(400, definition=study(effect_by=["spread"])))
    assert {one.subgroup for one in words.estimates} == {"spread=bone", "spread=visceral"}
    number = ESTIMATORS["cox_effect_by"](people(400, definition=study(effect_by=["size"])))
    assert [(one.term, one.contrast) for one in number.estimates] == [("surgery_by_size", "per 1")]
