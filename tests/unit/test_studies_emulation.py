"""Emulated trials: the protocol beside what a registry can say, agreement with the trial, and what is refused."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_people import people as toy_people
from toy_people import study
from toy_registry import submission, tumors

from pipelines.cohorts import load_cohort
from pipelines.errors import InputError, RefusedError
from pipelines.settings import Settings
from pipelines.stats.errors import CodingError, EmptyArmError
from pipelines.stats.pooling import agreement, compare_ratios
from pipelines.studies import load_study
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators.agreement import trial_agreement
from pipelines.studies.estimators.interaction import interactions, interactions_of_estimates
from pipelines.studies.language.emulation import TrialResult
from pipelines.studies.plan import plan_study
from pipelines.studies.results import Counts, Estimate
from pipelines.studies.target_trial import protocol_table, target_trial

CATALOG = Settings().catalog_dir
TRIALS = ("badwe2015", "mf0701", "ea2108", "jcog1017", "abcsg28")
REST_ON_WHAT_IS_NOT_RECORDED = {"badwe2015", "ea2108", "jcog1017", "abcsg28"}
CONTRAST = "surgery vs no surgery"
TIMING = {"start": "days_to_definitive_surgery", "needs": ["days_to_definitive_surgery"]}


@pytest.mark.parametrize("name", TRIALS)
def test_the_protocol_has_every_component_with_its_own_words_on_both_sides(name: str) -> None:
    table = protocol_table(load_study(name, CATALOG))
    components = list(dict.fromkeys(table["component"]))
    assert components == [
        "eligibility", "treatment_strategies", "assignment", "time_zero", "grace_period", "follow_up", "outcome",
        "estimand", "analysis",
    ]  # fmt: skip
    for column in ("target_trial", "emulation"):
        assert table[column].str.len_chars().min() > 3  # type: ignore[operator]  # a number
    assert set(table["status"]) <= {"", "mapped", "proxied", "not_recorded"}
    assert "proxied" in set(table.filter(table["component"] == "assignment")["status"])


@pytest.mark.parametrize("name", TRIALS)
def test_a_trial_rests_on_what_is_not_recorded_where_it_asked_for_response_or_performance_status(
    name: str,
) -> None:
    emulation = load_study(name, CATALOG).emulation
    assert emulation is not None
    assert bool(emulation.undecidable) == (name in REST_ON_WHAT_IS_NOT_RECORDED)


@pytest.mark.parametrize("name", TRIALS)
def test_outcomes_of_progression_are_refused_with_the_reason(name: str) -> None:
    emulation = load_study(name, CATALOG).emulation
    assert emulation is not None
    assert emulation.refused_outcomes
    assert all("records progression" in reason for reason in emulation.refused_outcomes.values())


def test_grace_period_and_strategy_of_the_protocol_are_those_of_the_analysis() -> None:
    one = load_study("ea2108", CATALOG)
    assert one.emulation is not None
    assert one.timing is not None
    trial = target_trial(one, one.emulation)
    assert trial.grace == one.timing.window_months
    assert trial.operate.timing == one.timing.strategy


def results_of(name: str) -> dict[str, TrialResult]:
    emulation = load_study(name, CATALOG).emulation
    assert emulation is not None
    return {one.report: one for one in emulation.results}


def test_every_report_of_a_trial_is_compared_with_in_one_orientation_and_at_one_level() -> None:
    assert set(results_of("mf0701")) == {"mf0701", "mf0701_10y"}
    assert set(results_of("ea2108")) == {"ea2108", "ea2108_asco2020"}
    turned = results_of("abcsg28")["abcsg28"]
    assert (turned.hr, turned.ci_low, turned.ci_high) == pytest.approx((1 / 0.691, 1 / 1.333, 1 / 0.358))
    widened = results_of("ea2108")["ea2108"]
    assert widened.ci_low == pytest.approx(0.768, abs=0.002)
    assert widened.ci_high == pytest.approx(1.603, abs=0.002)


def test_a_report_that_the_evidence_does_not_have_is_refused_by_name(tmp_path: Path) -> None:
    for part in ("studies/mf0701", "evidence"):
        shutil.copytree(CATALOG / part, tmp_path / part)
    path = tmp_path / "studies" / "mf0701" / "study.yaml"
    text = path.read_text(encoding="utf-8").replace("trial: mf0701\n", "trial: mf0801\n", 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="mf0801") as error:
        load_study("mf0701", tmp_path)
    assert "mf0701_10y" in str(error.value)


def test_seer_cannot_carry_an_emulation_for_it_has_no_date_of_surgery(tmp_path: Path) -> None:
    one = load_study("abcsg28", CATALOG)
    statuses = {"days_to_definitive_surgery": "not_released"}
    sub = submission(tmp_path, tumors([{}]), source="seer", statuses=statuses)
    with pytest.raises(RefusedError) as error:
        plan_study(sub, one, load_cohort(one.cohort, CATALOG))
    assert error.value.reason_code == "not_released"
    assert "days_to_definitive_surgery" in str(error.value)


def test_agreement_is_what_the_intervals_say() -> None:
    same = agreement((0.70, 0.60, 0.82), (0.66, 0.49, 0.88))
    assert same.estimate
    assert same.significance
    assert same.p_value > 0.5
    apart = agreement((1.02, 0.88, 1.20), (0.66, 0.49, 0.88))
    assert not apart.estimate
    assert not apart.significance
    errors = [math.log(high / low) / (2 * 1.959964) for low, high in ((0.88, 1.20), (0.49, 0.88))]
    assert apart.difference == pytest.approx(math.log(1.02 / 0.66) / math.hypot(*errors), rel=1e-6)
    assert apart.p_value < 0.05


def test_two_significant_estimates_on_different_sides_do_not_agree() -> None:
    assert not agreement((0.7, 0.6, 0.8), (1.4, 1.2, 1.7)).significance
    assert agreement((0.9, 0.7, 1.2), (1.4, 0.7, 2.8)).significance  # neither tells a difference


def test_a_ratio_that_its_limits_do_not_hold_is_refused() -> None:
    with pytest.raises(CodingError, match="between its limits"):
        compare_ratios((1.5, 0.8, 1.2), (1.0, 0.9, 1.1))


def emulating(decides: bool) -> dict[str, Any]:
    line = {"trial": "asked", "registry": "nothing", "status": "not_recorded", "decides": decides}
    plain = {"trial": "asked", "registry": "done", "status": "mapped"}
    rest = dict.fromkeys(("time_zero", "assignment", "follow_up", "outcome", "estimand"), plain)
    results = [
        {"report": "big", "name": "Big", "hr": 1.04, "ci_low": 0.81, "ci_high": 1.34, "ci_level": 0.95,
         "verification": "secondary"},
    ]  # fmt: skip
    return {
        "trial": "big",
        "eligibility": [line],
        "strategy_exposed": "operate",
        "strategy_reference": "do not",
        "trial_strategies": "surgery against none",
        "analysis": "cox_adjusted",
        "results": results,
        **rest,
    }


def emulated(decides: bool = False) -> AnalysisSet:
    one = study(
        timing=TIMING,
        emulation=emulating(decides),
        analyses=["cox_unadjusted", "cox_adjusted", "trial_agreement"],
    )
    return toy_people(200, definition=one)


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        pytest.param({"timing": None}, "emulation needs timing", id="no date of the exposure"),
        pytest.param(
            {"analyses": ["cox_unadjusted"], "primary": "cox_unadjusted"},
            "the analysis cox_adjusted is not one of the analyses",
            id="an estimate that is not made",
        ),
    ],
)
def test_an_emulation_needs_its_date_and_its_estimate(changes: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        study(**{"emulation": emulating(False), "timing": TIMING, **changes})


def estimate(
    value: float, low: float, high: float, analysis: str = "cox_adjusted", subgroup: str = "all"
) -> Estimate:
    return Estimate(
        analysis,
        subgroup,
        "surgery",
        CONTRAST,
        "hr",
        value,
        low,
        high,
        0.5,
        Counts(100, 50, 40),
        "",
        "conditional",
    )


def test_the_estimate_that_the_protocol_names_is_set_beside_every_report() -> None:
    others = [estimate(0.4, 0.3, 0.5, "cox_unadjusted"), estimate(0.4, 0.3, 0.5, subgroup="stage_clinical")]
    found = trial_agreement(emulated(), [*others, estimate(0.9, 0.8, 1.01)])
    rows = {one.term: one for one in found.estimates}
    assert {one.contrast for one in found.estimates} == {f"{CONTRAST}, against big"}
    assert (rows["trial"].estimate, rows["trial"].counts) == (1.04, Counts())  # its people are not ours
    assert rows["estimate_agreement"].estimate == 1.0
    assert rows["significance_agreement"].estimate == 1.0
    assert rows["standardised_difference"].estimate == pytest.approx(-1.02, abs=0.02)
    assert not found.findings


def test_a_trial_that_rests_on_what_is_not_recorded_gets_no_verdict_and_a_warning() -> None:
    found = trial_agreement(emulated(decides=True), [estimate(0.9, 0.8, 1.01)])
    assert [(one.check, one.status) for one in found.findings] == [("not_comparable", "warning")]
    assert "asked" in found.findings[0].message
    values = {one.term: one.estimate for one in found.estimates}
    assert (values["estimate_agreement"], values["significance_agreement"]) == (None, None)
    assert values["trial"] == 1.04
    assert values["standardised_difference"] is not None


def test_without_the_estimate_there_is_nothing_to_agree() -> None:
    with pytest.raises(EmptyArmError, match="cox_adjusted"):
        trial_agreement(emulated(), [estimate(0.9, 0.8, 1.01, "cox_unadjusted")])


def subgrouped(levels: list[str]) -> AnalysisSet:
    group = {
        "name": "bone",
        "words": "Bone",
        "column": "metastatic_pattern",
        "levels": levels,
        "planned": False,
    }
    one = study(
        timing=TIMING, analyses=["clone_censor_weight"], primary="clone_censor_weight", subgroups=[group]
    )
    return toy_people(200, definition=one)


def of_level(level: str, value: float, low: float, high: float) -> Estimate:
    return estimate(value, low, high, "clone_censor_weight", f"bone={level}")


def test_subgroups_of_a_dated_analysis_are_compared_by_its_own_estimates() -> None:
    people = subgrouped(["yes", "no"])
    rows = [of_level("yes", 0.5, 0.4, 0.625), of_level("no", 1.0, 0.8, 1.25)]
    assert not interactions(people, people.study.subgroups).estimates
    found = interactions_of_estimates(people, rows)
    (test,) = found.estimates
    assert (test.analysis, test.subgroup, test.contrast) == ("interaction", "bone", "no vs yes")
    assert test.estimate == pytest.approx(2.0)
    assert test.counts == Counts(200, 100, 80)
    assert test.p_value is not None
    assert test.p_value < 0.001
    assert [one.check for one in found.findings] == ["unplanned"]


def test_more_than_two_subgroups_have_one_test_and_no_ratio() -> None:
    people = subgrouped(["a", "b", "c"])
    rows = [of_level("a", 0.5, 0.4, 0.625), of_level("b", 1.0, 0.8, 1.25), of_level("c", 1.0, 0.8, 1.25)]
    (test,) = interactions_of_estimates(people, rows).estimates
    assert test.estimate is None
    assert test.p_value is not None
    assert test.p_value < 0.001


def test_a_subgroup_without_its_estimate_has_no_test_and_says_so() -> None:
    people = subgrouped(["yes", "no"])
    found = interactions_of_estimates(people, [of_level("yes", 0.5, 0.4, 0.6)])
    assert not found.estimates
    assert [one.status for one in found.findings] == ["absent"]
    same = replace(people, study=study())
    assert not interactions_of_estimates(same, []).findings
