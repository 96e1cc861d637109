"""Diagnostics first: what a gate asks of a design, what it hides and what it never hides."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design
from pipelines.studies.gate import common_support, effects_of, hidden_by, judge, verdict_of
from pipelines.studies.language import StudyDefinition
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes

Cohorts = Callable[..., tuple[int, str, str]]
ARMS = ("surgery", "no surgery")
AGAINST = "surgery vs no surgery"


def definition(**changes: Any) -> StudyDefinition:
    content: dict[str, Any] = {
        "id": "toy",
        "title": "Toy",
        "question": "Does it?",
        "sources": ["ncdb"],
        "cohort": "toy",
        "exposure": "surgery",
        "outcome": {"kind": "overall", "words": "Death"},
        "covariates": [
            {"name": "grade", "words": "Grade", "column": "grade", "reference": "low"},
            {
                "name": "spread",
                "words": "Spread",
                "column": "any_visceral",
                "reference": "no",
                "strong": True,
            },
        ],
        "models": {"cox": ["grade", "spread"], "propensity": ["grade", "spread"]},
        "analyses": ["km", "cox_unadjusted", "cox_adjusted", "matched_cox", "weighted_cox"],
        "primary": "matched_cox",
    }
    return StudyDefinition.model_validate(content | changes)


def people_of(study: StudyDefinition | None = None, *, n: int = 200, events: int = 60) -> AnalysisSet:
    """Two arms of equal size and equal covariates; the first ``events`` people of each 200 die."""
    numbers = np.arange(n)
    exposed = numbers % 2 == 0
    frame = pl.DataFrame(
        {
            "source_file": ["toy"] * n,
            "source_record": numbers,
            "arm": np.where(exposed, *ARMS),
            "exposed": exposed,
            "time": 1.0 + numbers % 50,
            "event": numbers < events,
            "cov_grade": np.where(numbers // 2 % 2 == 0, "low", "high"),
            "cov_spread": np.where(numbers // 4 % 2 == 0, "no", "yes"),
        }
    )
    return AnalysisSet(frame, study or definition(), *ARMS)


def effect(analysis: str = "matched_cox", subgroup: str = "all", **changes: Any) -> Estimate:
    return replace(
        Estimate(analysis, subgroup, "surgery", AGAINST, "hr", 0.7, 0.6, 0.8, counts=Counts(200, 100, 60)),
        **changes,
    )


def balance(analysis: str = "matched_cox", *, grade: float = 0.02, spread: float = 0.01) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "analysis": [analysis] * 2,
            "subgroup": ["all"] * 2,
            "covariate": ["grade=high", "spread=yes"],
            "term": ["grade", "spread"],
            "level": ["high", "yes"],
            "smd_before": [0.4, 0.5],
            "smd_after": [-grade, spread],
        }
    )


def judged(found: Outcomes, people: AnalysisSet | None = None) -> pl.DataFrame:
    table = judge(people or people_of(), found).table("gate")
    assert table is not None
    return table


def statuses(gate: pl.DataFrame, analysis: str = "matched_cox") -> dict[str, str]:
    return dict(gate.filter(analysis=analysis).select("check", "status").iter_rows())


def hidden_of(
    found: Outcomes, people: AnalysisSet | None = None, **changes: Any
) -> tuple[dict[str, Any], set[str]]:
    study = definition(**changes)
    gate = judged(found, replace(people or people_of(), study=study))
    verdict = verdict_of(study, gate)
    return verdict, set(hidden_by(verdict, found.estimates, study, ARMS)["analysis"])


def test_an_effect_is_what_is_about_the_exposure_and_no_covariate_is_one() -> None:
    rows = [
        effect(),
        effect("km", "surgery", contrast="", measure="median_months"),
        effect("survival_at", contrast=f"{AGAINST} at 36 months", measure="survival_probability"),
        effect("cox_adjusted", term="grade", contrast="high vs low"),
        effect("logistic_exposure", term="grade", contrast="high vs low", measure="or"),
        effect("cox_effect_by", term="surgery_by_year", contrast="per 1"),
        effect("e_value", term="", contrast="", measure="rr"),
        effect("an_analysis_of_tomorrow", term="surgery", contrast=""),
        effect("table_one", contrast="surgery", measure="percent"),
    ]
    found = [one.analysis for one in effects_of(rows, definition(), ARMS)]
    assert found == ["matched_cox", "survival_at", "cox_effect_by", "e_value", "an_analysis_of_tomorrow"]


def test_a_balanced_design_with_overlap_and_events_passes() -> None:
    found = Outcomes((effect(),), tables=(("balance", balance()),))
    assert statuses(judged(found)) == dict.fromkeys(
        ["balance", "balance_strong", "overlap", "events"], "pass"
    )
    verdict, hidden = hidden_of(found)
    assert (verdict["status"], verdict["failed"], hidden) == ("passed", [], set())


@pytest.mark.parametrize(
    ("left", "failed"),
    [
        ({"grade": 0.0999}, set()),
        ({"grade": 0.1}, {"balance"}),
        ({"spread": 0.049}, set()),
        ({"spread": 0.06}, {"balance_strong"}),
        ({"grade": 0.06}, set()),
    ],
)
def test_strong_prognostic_factors_have_to_be_balanced_better(
    left: dict[str, float], failed: set[str]
) -> None:
    found = statuses(judged(Outcomes((effect(),), tables=(("balance", balance(**left)),))))
    assert {check for check, status in found.items() if status == "fail"} == failed


TIMING = {"start": "days_to_surgery", "needs": ["days_to_surgery"]}


def test_dated_analyses_are_judged_by_overlap_and_the_weighted_clones_by_balance_too() -> None:
    study = definition(
        analyses=["clone_censor_weight", "landmark", "time_varying_cox"],
        primary="clone_censor_weight",
        timing=TIMING,
    )
    dated = ("clone_censor_weight", "landmark_6", "time_varying_cox")
    tables = (("balance", balance("clone_censor_weight", grade=0.3)),)
    found = Outcomes(tuple(effect(name) for name in dated), tables=tables)
    gate = judged(found, people_of(study))
    assert statuses(gate, "clone_censor_weight") == {
        "balance": "fail",
        "balance_strong": "pass",
        "overlap": "pass",
        "events": "pass",
    }
    assert all(statuses(gate, name) == {"overlap": "pass", "events": "pass"} for name in dated[1:])
    verdict = verdict_of(study, gate)
    assert set(hidden_by(verdict, found.estimates, study, ARMS)["analysis"]) == set(dated)


def test_what_one_arm_shows_by_itself_describes_it_and_the_difference_is_an_effect() -> None:
    """One rule for survival, restricted means and shares: the arms' curves are shown in any case."""
    outcome = {"name": "dead_soon", "words": "Died soon", "event": "days_to_death < 30"}
    words = ["survival_at", "rmst", "logistic_outcome"]
    study = definition(analyses=words, primary="rmst", binary_outcomes=[outcome])
    pairs = {
        "survival_at": ("survival_probability", "survival_difference"),
        "rmst": ("rmst_months", "rmst_difference_months"),
        "share_dead_soon": ("percent", "percent_difference"),
    }
    arms = [effect(name, "surgery", contrast="", measure=one) for name, (one, _) in pairs.items()]
    differences = [effect(name, measure=one) for name, (_, one) in pairs.items()]
    assert effects_of([*arms, *differences], study, ARMS) == differences
    weighted = effect("weighted_survival", "surgery", contrast="", measure="survival_probability")
    assert effects_of([weighted], study, ARMS) == [weighted], "a design's own survival is its effect"


def test_what_is_found_of_a_simulated_truth_is_never_hidden() -> None:
    study = definition(analyses=["plasmode"], primary="plasmode", timing=TIMING)
    assert effects_of([effect("plasmode_ever_never", estimand="bias")], study, ARMS) == []


@pytest.mark.parametrize(("analysis", "outcome"), [("matched_cox", ""), ("cox_adjusted", "cancer, ")])
def test_the_interaction_is_hidden_with_any_of_its_levels(analysis: str, outcome: str) -> None:
    """With the ratio of two estimates and one of them, the other can be told."""
    group = {"name": "er", "words": "ER", "column": "er_status", "levels": ["positive", "negative"]}
    study = definition(subgroups=[group])
    levels = [effect(analysis, f"{outcome}er={level}") for level in ("positive", "negative")]
    tests = [
        effect("interaction", f"{before}er", contrast="negative vs positive") for before in ("", "cancer, ")
    ]
    alone = [{"analysis": analysis, "subgroup": f"{outcome}er=negative"}]
    verdict = {"status": "passed", "hidden_alone": alone}
    hidden = hidden_by(verdict, [*levels, *tests], study, ARMS).select("analysis", "subgroup").rows()
    assert set(hidden) == {(analysis, f"{outcome}er=negative"), ("interaction", f"{outcome}er")}


def test_a_design_that_does_not_show_its_balance_does_not_pass() -> None:
    found = judged(Outcomes((effect(),)))
    assert statuses(found)["balance"] == "fail"
    assert "no table of its balance" in found.filter(check="balance")["note"][0]


def test_analyses_of_the_matched_set_are_as_balanced_as_it_is() -> None:
    shared = ("stratified_cox", "adjusted_matched_cox", "matched_km", "rosenbaum")
    rows = tuple(effect(name) for name in shared)
    study = definition(analyses=["matched_cox", "stratified_cox", "matched_km", "rosenbaum"])
    gate = judged(Outcomes(rows, tables=(("balance", balance(grade=0.2)),)), people_of(study))
    assert all(statuses(gate, name)["balance"] == "fail" for name in shared)


def test_a_cell_of_a_grid_is_judged_by_its_own_balance() -> None:
    study = definition(analyses=["matched_cox", "matching_grid"])
    cells = ("1:1, caliper 0.2", "1:2, caliper 0.2")
    gate = judged(
        Outcomes(
            tuple(effect("matching_grid", cell) for cell in cells),
            tuple(
                Finding("matching_grid", cell, check, "ok", "", value)
                for cell, largest, strong in zip(cells, (0.08, 0.3), (0.07, 0.02), strict=True)
                for check, value in (("largest_smd", largest), ("largest_smd_strong", strong))
            ),
            (("balance", balance()),),
        ),
        people_of(study),
    )
    assert gate.filter(check="balance")["status"].to_list() == ["pass", "fail"]
    assert gate.filter(check="balance_strong")["status"].to_list() == ["fail", "pass"]


def test_the_ratio_of_the_trial_is_no_effect_of_ours() -> None:
    report = effect("trial_agreement", "report", term="trial")
    ours = effect("trial_agreement", "report", term="standardised_difference")
    assert effects_of((report, ours), definition(), ("surgery", "no surgery")) == [ours]


@pytest.mark.parametrize(
    ("events", "people", "status"),
    [(20, people_of(), "pass"), (19, people_of(), "fail"), (None, people_of(), "fail")],
)
def test_few_events_fail(events: int | None, people: AnalysisSet, status: str) -> None:
    rows = (effect("cox_unadjusted", counts=Counts(200, 100, events)),)
    assert statuses(judged(Outcomes(rows), people), "cox_unadjusted") == {"events": status}


def test_an_arm_without_an_event_fails_however_many_the_other_has() -> None:
    people = people_of()
    frame = people.frame.with_columns(event=pl.col("event") & pl.col("exposed"))
    gate = judged(Outcomes((effect("cox_unadjusted"),)), replace(people, frame=frame))
    assert gate.row(0, named=True)["note"] == "an arm has no event"
    assert statuses(gate, "cox_unadjusted") == {"events": "fail"}


def test_common_support_is_the_share_that_the_other_arm_reaches() -> None:
    people = people_of()
    assert common_support(people, people.terms("propensity")) == 1.0
    # Spread as a number: 0 to 9 in the exposed, 5 to 14 in the others; half of each arm stands alone.
    study = definition(
        covariates=[
            {
                "name": "size",
                "words": "Size",
                "column": "tumor_size_mm",
                "kind": "continuous",
                "missing": "complete_case",
            }
        ],
        models={"cox": ["size"], "propensity": ["size"]},
    )
    numbers = np.arange(200)
    size = numbers // 2 % 10 + np.where(numbers % 2 == 0, 0.0, 5.0)
    shifted = replace(people, study=study, frame=people.frame.with_columns(cov_size=pl.Series(size)))
    assert common_support(shifted, shifted.terms("propensity")) == 0.5


def test_a_covariate_that_tells_the_arms_apart_leaves_no_overlap() -> None:
    people = people_of()
    frame = people.frame.with_columns(
        cov_grade=pl.when("exposed").then(pl.lit("low")).otherwise(pl.lit("high"))
    )
    gate = judged(Outcomes((effect("cox_adjusted"),)), replace(people, frame=frame))
    row = gate.filter(check="overlap").row(0, named=True)
    assert (row["status"], row["value"]) == ("fail", None)
    assert "nobody left" in row["note"]


def test_people_whose_like_the_other_arm_does_not_have_are_outside_and_leave_the_design() -> None:
    """20 of 200 are of a level that nobody of the exposed has: no score, no match, and a tenth less overlap."""
    people = people_of()
    alone = pl.int_range(pl.len()).is_in(range(1, 41, 2))
    level = pl.when(alone).then(pl.lit("unknown")).otherwise(pl.col("cov_grade"))
    people = replace(people, frame=people.frame.with_columns(cov_grade=level))
    assert common_support(people, people.terms("propensity")) == pytest.approx(0.9)
    terms = people.terms("propensity")
    design = build_design(people, terms, analysis="matched_cox", with_exposure=False, of_exposure=True)
    assert design.people.frame.height == 180
    [finding] = [one for one in design.findings if one.check == "level_of_one_arm"]
    assert (finding.value, finding.unit, finding.status) == (20.0, "people", "warning")
    assert "20" not in finding.message
    outcome = build_design(people, terms, analysis="cox_adjusted", with_exposure=True)
    assert outcome.people.frame.height == 200, "a model of the outcome has an answer for them"


def test_the_primarys_failure_hides_every_effect_and_no_covariate() -> None:
    rows = (effect(), effect("cox_unadjusted"), effect("cox_adjusted", term="grade", contrast="high vs low"))
    verdict, hidden = hidden_of(Outcomes(rows, tables=(("balance", balance(grade=0.3)),)))
    assert verdict["status"] == "failed"
    assert [one["check"] for one in verdict["failed"]] == ["balance"]
    assert hidden == {"matched_cox", "cox_unadjusted"}


def test_another_failure_hides_that_analysis_alone() -> None:
    rows = (effect(), effect("weighted_cox"), effect("cox_unadjusted"))
    tables = pl.concat([balance(), balance("weighted_cox", grade=0.3)])
    verdict, hidden = hidden_of(Outcomes(rows, tables=(("balance", tables),)))
    assert verdict["status"] == "passed"
    assert hidden == {"weighted_cox"}
    assert verdict["hidden_alone"] == [{"analysis": "weighted_cox", "subgroup": "all"}]


def test_hazards_that_are_not_proportional_hide_nothing() -> None:
    rejected = Finding("matched_cox", "all", "proportional_hazards_p", "warning", "", 1e-12, 0.05)
    verdict, hidden = hidden_of(Outcomes((effect(),), (rejected,), (("balance", balance()),)))
    assert (verdict["status"], hidden) == ("passed", set())


def test_a_study_without_an_effect_has_nothing_to_hide() -> None:
    rows = (effect("km", "surgery", contrast="", measure="median_months"),)
    verdict, hidden = hidden_of(Outcomes(rows), primary="km")
    assert (verdict["status"], hidden) == ("not_needed", set())
    assert verdict["reason"] == "km is no estimate of the exposure's effect"
