"""Immortal time in a study: which analyses find the truth, what becomes of dates, and what is told of both."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from toy_people import people as toy_people
from toy_people import study

from pipelines.stats.errors import CodingError
from pipelines.studies.analysis_set import DAYS_PER_MONTH, AnalysisSet
from pipelines.studies.estimators.clone_censor import clone_censor_weight
from pipelines.studies.estimators.immortal import (
    ever_never,
    immortal_time_excluded,
    landmark,
    time_varying_cox,
    time_varying_window_cox,
    undated_landmark,
)
from pipelines.studies.estimators.plasmode import plasmode
from pipelines.studies.results import Estimate, Finding, Outcomes

WINDOW = 9.0
TIMING: dict[str, Any] = {
    "start": "days_to_definitive_surgery",
    "needs": ["days_to_definitive_surgery"],
    "window_months": WINDOW,
    "landmarks_months": [9],
}
BIASED = {"ever_never": ever_never, "immortal_time_excluded": immortal_time_excluded}
VALID = {
    "time_varying_cox": time_varying_cox,
    "time_varying_window_cox": time_varying_window_cox,
    "landmark_9": landmark,
    "clone_censor_weight": clone_censor_weight,
}


def dated_study(**changes: Any) -> Any:
    content: dict[str, Any] = {
        "timing": TIMING,
        "analyses": ["ever_never", "clone_censor_weight", "plasmode"],
        "primary": "clone_censor_weight",
        "outcome": {"kind": "overall", "words": "Death"},
        "models": {"cox": ["age", "spread"]},
        "plasmode": {"replicates": 16, "people": 1500, "seed": 7},
    }
    return study(**{**content, **changes})


def women(n: int = 6000, *, log_hr: float = 0.0, seed: int = 5, **changes: Any) -> AnalysisSet:
    """Women who are operated on within nine months of diagnosis, if they live so long.

    Age and spread decide both who is operated on and who dies; the operation itself multiplies the hazard of death
    from its day on.
    """
    draw = np.random.default_rng(seed)
    old, visceral = draw.random(n) < 0.5, draw.random(n) < 0.5
    planned = draw.exponential(1 / (0.07 * np.exp(-0.7 * old - 0.7 * visceral)))
    planned = np.where(planned <= WINDOW, planned, 1e9)  # never
    rate, due = 0.025 * np.exp(0.5 * old + 0.5 * visceral), draw.exponential(size=n)
    before = rate * planned
    after = planned + (due - before) / (rate * math.exp(log_hr))
    death, seen = np.where(due <= before, due / rate, after), draw.uniform(24, 90, n)
    time = np.minimum(death, seen)
    operated = planned <= time
    toy = toy_people(n, seed=seed, definition=dated_study(**changes))
    days = np.where(operated, planned * DAYS_PER_MONTH, np.nan)
    frame = toy.frame.with_columns(
        arm=np.where(operated, "surgery", "no surgery"),
        exposed=operated,
        time=time,
        event=death <= seen,
        start=pl.Series(days).fill_nan(None),
        cov_age=np.where(old, "old", "young"),
        cov_spread=np.where(visceral, "visceral", "bone"),
    )
    return replace(toy, frame=frame)


@pytest.fixture(scope="module")
def null() -> AnalysisSet:
    """Six thousand women whose operation does nothing."""
    return women()


def hazard_ratio(found: Outcomes, analysis: str) -> Estimate:
    (row,) = [one for one in found.estimates if (one.analysis, one.measure) == (analysis, "hr")]
    return row


def log_and_error(row: Estimate) -> tuple[float, float]:
    assert row.estimate is not None
    assert row.ci_low is not None
    assert row.ci_high is not None
    return math.log(row.estimate), math.log(row.ci_high / row.ci_low) / 3.92


def finding(found: Outcomes, check: str) -> Finding:
    (one,) = [one for one in found.findings if one.check == check]
    return one


def test_ever_against_never_makes_a_useless_operation_look_good_and_leaving_the_months_out_makes_it_less_so(
    null: AnalysisSet,
) -> None:
    found = {name: log_and_error(hazard_ratio(run(null), name)) for name, run in BIASED.items()}
    log, error = found["ever_never"]
    assert log < -5 * error
    assert found["immortal_time_excluded"][0] > log + error


@pytest.mark.parametrize("name", VALID)
def test_the_valid_methods_find_that_a_useless_operation_does_nothing(name: str, null: AnalysisSet) -> None:
    log, error = log_and_error(hazard_ratio(VALID[name](null), name))
    assert abs(log) < 3.5 * error
    assert error < 0.08


@pytest.mark.parametrize("name", ["time_varying_cox", "time_varying_window_cox", "landmark_9"])
def test_an_operation_that_helps_is_found_to_help_as_much_as_it_does(name: str) -> None:
    log, error = log_and_error(hazard_ratio(VALID[name](women(log_hr=math.log(0.7), seed=9)), name))
    assert abs(log - math.log(0.7)) < 3.5 * error


def test_a_biased_analysis_says_so_itself_and_a_valid_one_does_not(null: AnalysisSet) -> None:
    for run in BIASED.values():
        assert finding(run(null), "immortal_time").status == "warning"
    checks = {one.check for run in VALID.values() for one in run(null).findings}
    assert "immortal_time" not in checks


def changed_starts(people: AnalysisSet, rows: list[int], months_from_end: float | None) -> AnalysisSet:
    """Some operated women with another date: so many months after the end of their follow-up, or unknown."""
    start, end = people.frame["start"].to_list(), people.frame["time"].to_list()
    for row in rows:
        start[row] = None if months_from_end is None else (end[row] + months_from_end) * DAYS_PER_MONTH
    return replace(people, frame=people.frame.with_columns(start=pl.Series(start, dtype=pl.Float64)))


def operated_at_once(people: AnalysisSet, rows: list[int]) -> AnalysisSet:
    """Some operated women with an operation at time zero."""
    start = people.frame["start"].to_list()
    for row in rows:
        start[row] = 0.0
    return replace(people, frame=people.frame.with_columns(start=pl.Series(start, dtype=pl.Float64)))


@pytest.mark.parametrize(
    ("months", "check", "left"),
    [
        pytest.param(None, "date_unknown", 3, id="an unknown date leaves the analysis"),
        pytest.param(0.05, "moved", 0, id="a day or so after the end is rounding and stays"),
        pytest.param(
            0.6, "after_follow_up", 3, id="weeks after the end is a wrong date where months have decimals"
        ),
        pytest.param(2.0, "after_follow_up", 3, id="months after the end is a wrong date and leaves"),
        pytest.param(-1000.0, "before_time_zero", 3, id="before time zero is not eligible and leaves"),
    ],
)
def test_what_becomes_of_a_date_is_settled_once_and_counted(
    months: float | None, check: str, left: int, null: AnalysisSet
) -> None:
    rows = np.flatnonzero(null.exposed)[:3].tolist()
    people = changed_starts(null, rows, months)
    for run in (ever_never, time_varying_cox, clone_censor_weight):
        found = run(people)
        told = finding(found, check)
        assert (told.value, told.unit, told.status) == (3.0, "people", "info")
        (row,) = [one for one in found.estimates if one.measure == "hr"]
        assert row.counts.n == null.frame.height - left


def test_where_survival_is_in_whole_months_weeks_after_the_end_are_rounding(null: AnalysisSet) -> None:
    whole = null.frame["time"].floor()
    months = pl.when(whole == 0).then(0.5).otherwise(whole)  # as studies count who died in the first month
    people = replace(null, frame=null.frame.with_columns(time=months))
    rows = (
        people.frame.with_row_index().filter(pl.col("exposed") & (pl.col("time") > 20))["index"][:3].to_list()
    )
    found = ever_never(changed_starts(people, rows, 0.97))
    told = {one.check: one for one in found.findings}
    assert "less than a month" in told["moved"].message
    assert "after_follow_up" not in told
    wrong = finding(ever_never(changed_starts(people, rows, 1.2)), "after_follow_up")
    assert (wrong.value, "a month or more" in wrong.message) == (3.0, True)


def test_an_operation_on_the_day_of_diagnosis_counts_from_there_and_is_counted(null: AnalysisSet) -> None:
    people = operated_at_once(null, np.flatnonzero(null.exposed)[:4].tolist())
    for run in (time_varying_cox, clone_censor_weight):
        assert finding(run(people), "at_time_zero").value == 4.0


def test_a_woman_who_was_never_operated_on_needs_no_date(null: AnalysisSet) -> None:
    assert null.frame.filter(~pl.col("exposed"))["start"].null_count() > 1000
    assert "date_unknown" not in {one.check for one in ever_never(null).findings}


def test_a_landmark_counts_whom_it_leaves_out_and_who_is_operated_on_later() -> None:
    people = women(3000, timing={**TIMING, "landmarks_months": [4]})
    found = landmark(people)
    row = hazard_ratio(found, "landmark_4")
    died, lost = finding(found, "died_before").value, finding(found, "lost_before").value
    assert died is not None
    assert lost is not None
    assert row.counts.n == people.frame.height - died - lost
    later = finding(found, "operated_later").value
    assert later is not None
    assert later == np.count_nonzero((people.start_months > 4) & np.isfinite(people.start_months))


def test_a_landmark_that_nobody_reaches_is_absent_and_the_others_stay() -> None:
    found = landmark(women(2000, timing={**TIMING, "landmarks_months": [9, 500]}))
    assert {one.analysis for one in found.estimates} == {"landmark_9"}
    (absent,) = [one for one in found.findings if one.status == "absent"]
    assert absent.analysis == "landmark_500"


def test_without_any_date_the_landmark_takes_the_operated_as_operated_by_then_and_warns(
    null: AnalysisSet,
) -> None:
    undated = replace(
        null, frame=null.frame.with_columns(start=pl.Series([None] * null.frame.height, dtype=pl.Float64))
    )
    found = undated_landmark(undated)
    log, error = log_and_error(hazard_ratio(found, "undated_landmark_9"))
    assert abs(log) < 3.5 * error  # every operation comes by then, so nothing is left of immortal time
    assert finding(found, "assumes_operated_by_landmark").status == "warning"
    early = replace(undated, study=dated_study(timing={**TIMING, "landmarks_months": [1]}))
    biased, _ = log_and_error(hazard_ratio(undated_landmark(early), "undated_landmark_1"))
    assert biased < log - error


def test_strategies_are_described_by_survival_and_its_difference(null: AnalysisSet) -> None:
    found = clone_censor_weight(null)
    rows = {(one.subgroup, one.measure, one.contrast): one.estimate for one in found.estimates}
    operated = rows[("surgery", "survival_probability", "at 12 months")]
    unoperated = rows[("no surgery", "survival_probability", "at 12 months")]
    assert operated is not None
    assert unoperated is not None
    difference = rows[("all", "survival_difference", "surgery vs no surgery, at 12 months")]
    assert difference == pytest.approx(operated - unoperated)
    median = rows[("no surgery", "median_months", "")]
    assert median is not None
    assert 5 < median < 40
    table = found.table("balance")
    assert table is not None
    after, before = table["smd_after"].abs().max(), table["smd_before"].abs().max()
    assert after < 0.1 < before  # type: ignore[operator]  # both are numbers


def test_a_horizon_that_nobody_reaches_is_there_without_a_value() -> None:
    people = women(2000, horizons={"survival_months": [12, 400], "rmst_months": 36})
    found = clone_censor_weight(people)
    far = [one for one in found.estimates if one.contrast == "at 400 months"]
    assert [one.estimate for one in far] == [None, None]
    assert finding(found, "beyond_400_months").status == "warning"


def test_women_of_a_level_that_is_never_operated_on_have_nobody_to_stand_for_them_and_leave(
    null: AnalysisSet,
) -> None:
    never = (pl.col("cov_spread") == "visceral") & ~pl.col("exposed") & (pl.col("source_record") % 7 == 0)
    frame = null.frame.with_columns(
        cov_spread=pl.when(never).then(pl.lit("brain")).otherwise(pl.col("cov_spread"))
    )
    found = clone_censor_weight(replace(null, frame=frame))
    told = finding(found, "never_operated_level")
    assert told.value == frame.filter(pl.col("cov_spread") == "brain").height
    assert told.status == "warning"
    assert hazard_ratio(found, "clone_censor_weight").counts.n == null.frame.height - told.value


def test_late_entry_is_refused_and_not_ignored(null: AnalysisSet) -> None:
    outcome = {"kind": "overall", "words": "Death", "entry": "entry_months"}
    late = replace(null, frame=null.frame.with_columns(entry=pl.lit(0.5)), study=dated_study(outcome=outcome))
    with pytest.raises(CodingError, match="delayed entry"):
        time_varying_cox(late)


def test_the_bootstrap_of_a_study_is_the_same_for_the_same_seed() -> None:
    def limits(seed: int) -> tuple[float | None, float | None]:
        people = women(600, timing={**TIMING, "bootstrap": 20, "seed": seed})
        row = hazard_ratio(clone_censor_weight(people), "clone_censor_weight")
        return row.ci_low, row.ci_high

    assert limits(1) == limits(1)
    assert limits(1) != limits(2)


def test_on_simulated_outcomes_of_the_same_women_only_the_biased_analyses_miss_the_truth(
    null: AnalysisSet,
) -> None:
    found = plasmode(null)
    table = found.table("plasmode")
    assert table is not None
    bias = {row["analysis"].removeprefix("plasmode_"): row for row in table.iter_rows(named=True)}
    for name in VALID:
        assert abs(bias[name]["log_bias"]) < 3.5 * bias[name]["monte_carlo_se"], name
    assert bias["ever_never"]["log_bias"] < -5 * bias["ever_never"]["monte_carlo_se"]
    assert bias["ever_never"]["log_bias"] < bias["immortal_time_excluded"]["log_bias"]
    assert {one.analysis for one in found.estimates} == set(null.study.names_of(["plasmode"])) - {"plasmode"}


def test_a_simulation_finds_the_hazard_ratio_it_was_told_and_is_the_same_for_the_same_seed() -> None:
    settings = {"replicates": 6, "people": 1200, "true_hr": 0.6, "seed": 3}
    people = women(1500, plasmode=settings)
    first, again = plasmode(people), plasmode(people)
    assert first.estimates == again.estimates
    other = plasmode(replace(people, study=dated_study(plasmode={**settings, "seed": 4})))
    assert first.estimates != other.estimates
    row = hazard_ratio(first, "plasmode_time_varying_cox")
    assert row.estimate == pytest.approx(0.6, abs=0.1)
