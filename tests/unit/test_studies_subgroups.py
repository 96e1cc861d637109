"""Subgroups and their tests of interaction, planned or not, of two arms and of three, for other outcomes too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut

from pipelines.cohorts import load_cohort, materialise
from pipelines.cohorts.yaml_models import dump_yaml
from pipelines.stats.cox import fit_cox
from pipelines.store import Submission
from pipelines.studies import StudyFacts, load_study, run_study
from pipelines.studies.analysis_set import AnalysisSet, read_analysis_set
from pipelines.studies.estimators.interaction import interactions
from pipelines.studies.language import Subgroup

ROWS = world(1500, seed=31)
ER = {"name": "er", "words": "Receptor", "column": "er_status", "levels": ["positive", "negative"]}
YOUNG = {
    "name": "young",
    "words": "Under 40",
    "sql": "case when age_group = 'under_40' then 'yes' when age_group = 'unknown' then 'unknown' else 'no' end",
    "levels": ["yes"],
    "drop": ["age_group"],
    "planned": False,
}
COHORT = "stage_iv_her2_positive_2010_2012"


def small_study(**changes: Any) -> dict[str, Any]:
    base = {
        "analyses": ["cox_unadjusted", "cox_adjusted"],
        "primary": "cox_adjusted",
        "models": {"cox": ["age_group", "spread"]},
        "subgroups": [ER, YOUNG],
        "sensitivity": None,
    }
    return cut("mudgway2020", **(base | changes))


def ran(
    tmp_path: Path, content: dict[str, Any], rows: list[dict[str, Any]] = ROWS, **settings: Any
) -> StudyFacts:
    return run_study(
        submission(tmp_path, tumors(rows), **settings), content["id"], catalog_at(tmp_path, content)
    )


def table(facts: StudyFacts, name: str) -> pl.DataFrame:
    return pl.read_csv(facts.folder / f"{name}.csv", infer_schema_length=None)


def crude(rows: list[dict[str, Any]]) -> float:
    """Hazard ratio of a direct fit."""
    time = [row["survival_months"] or 0.5 for row in rows]
    treated = np.array([[row["operated"]] for row in rows], dtype=float)
    return float(np.exp(fit_cox(time, [row["died"] for row in rows], treated).coefficients[0]))


def test_each_level_is_analysed_alone(tmp_path: Path) -> None:
    content = small_study(subgroups=[{**ER, "analyses": ["cox_unadjusted"]}])
    estimates = table(ran(tmp_path, content), "estimates").filter(analysis="cox_unadjusted")
    for level in ("positive", "negative"):
        found = estimates.filter(subgroup=f"er={level}").row(0, named=True)
        rows = [row for row in ROWS if row["er_status"] == level]
        assert (found["n"], found["estimate"]) == (len(rows), pytest.approx(crude(rows)))
    assert set(estimates["subgroup"]) == {"all", "er=positive", "er=negative"}


def test_the_primary_analysis_is_done_where_a_subgroup_names_none(tmp_path: Path) -> None:
    estimates = table(ran(tmp_path, small_study(subgroups=[ER])), "estimates")
    assert set(estimates.filter(subgroup="er=positive")["analysis"]) == {"cox_adjusted"}


def test_the_interaction_is_the_ratio_of_the_hazard_ratios(tmp_path: Path) -> None:
    content = small_study(models={}, analyses=["cox_unadjusted"], primary="cox_unadjusted", subgroups=[ER])
    estimates = table(ran(tmp_path, content), "estimates")
    test = estimates.filter(analysis="interaction").row(0, named=True)
    levels = {
        level: crude([row for row in ROWS if row["er_status"] == level]) for level in ("positive", "negative")
    }
    assert (test["subgroup"], test["term"], test["contrast"]) == (
        "er",
        "surgery_by_er",
        "negative vs positive",
    )
    assert test["estimate"] == pytest.approx(levels["negative"] / levels["positive"], rel=0.02)
    assert 0 < test["p_value"] < 1
    assert test["n"] == sum(row["er_status"] != "unknown" for row in ROWS)


def test_an_effect_that_differs_is_found_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    """Surgery triples the months of the receptor-positive alone; payer has nothing to do with it."""
    rows = [
        {**row, "survival_months": row["survival_months"] * 3}
        if row["operated"] and row["er_status"] == "positive"
        else row
        for row in ROWS
    ]
    payer = {
        "name": "payer_group", "words": "Payer", "column": "primary_payer", "levels": ["private", "medicare", "none"],
    }  # fmt: skip
    tests = table(ran(tmp_path, small_study(subgroups=[ER, payer]), rows), "estimates").filter(
        analysis="interaction"
    )
    p_values = dict(tests.select("subgroup", "p_value").iter_rows())
    assert p_values["er"] < 0.001 < 0.01 < p_values["payer_group"]
    several = tests.filter(subgroup="payer_group").row(0, named=True)
    assert (several["estimate"], several["contrast"]) == (None, "any level")


def test_planned_tests_are_adjusted_for_their_number_and_unplanned_ones_are_labelled(tmp_path: Path) -> None:
    spread = {
        "name": "bone",
        "words": "Bone",
        "column": "metastatic_pattern",
        "levels": ["bone_only", "visceral"],
        "drop": ["spread"],
    }
    facts = ran(tmp_path, small_study(subgroups=[ER, spread, YOUNG]))
    told, tests = table(facts, "diagnostics"), table(facts, "estimates").filter(analysis="interaction")
    p_values = dict(tests.select("subgroup", "p_value").iter_rows())
    adjusted = dict(told.filter(check="holm_p").select("subgroup", "value").iter_rows())
    assert set(p_values) == {"er", "bone", "young"}
    assert set(adjusted) == {"er", "bone"}
    smaller, larger = sorted(("er", "bone"), key=p_values.__getitem__)
    assert adjusted[smaller] == pytest.approx(min(1, 2 * p_values[smaller]))
    assert adjusted[larger] == pytest.approx(max(adjusted[smaller], p_values[larger]))
    unplanned = told.filter(check="unplanned")
    assert set(unplanned.select("analysis", "subgroup").iter_rows()) == {
        ("interaction", "young"),
        ("cox_adjusted", "young=yes"),
    }
    assert set(unplanned["status"]) == {"warning"}


def test_a_level_alone_is_set_against_everybody_else_who_is_known(tmp_path: Path) -> None:
    rows = [{**row, "age_group": "unknown"} if number < 40 else row for number, row in enumerate(ROWS)]
    tests = table(ran(tmp_path, small_study(subgroups=[YOUNG]), rows), "estimates")
    test = tests.filter(analysis="interaction").row(0, named=True)
    assert test["contrast"] == "other vs yes"
    assert test["n"] == len(rows) - 40


def test_a_level_that_everybody_has_is_tested_against_nobody(tmp_path: Path) -> None:
    everybody = people(tmp_path)
    frame = everybody.frame.with_columns(sub_young=pl.lit("yes"))
    found = interactions(replace(everybody, frame=frame), (everybody.study.subgroups[1],))
    assert (found.estimates, found.findings) == ((), ())


def test_a_subgroup_that_the_source_does_not_record_is_absent_with_the_reason(tmp_path: Path) -> None:
    content = small_study(subgroups=[{**ER, "needs": ["er_status"]}, YOUNG])
    told = table(ran(tmp_path, content, statuses={"er_status": "not_released"}), "diagnostics")
    absent = told.filter(check="subgroup_not_recorded")
    assert set(absent["subgroup"]) == {"er=positive", "er=negative"}
    assert all("made-up reason for er_status" in message for message in absent["message"])
    assert told.filter(analysis="interaction", subgroup="er").is_empty()


def test_a_level_without_an_arm_is_absent_and_the_others_are_done(tmp_path: Path) -> None:
    rows = [{**row, "operated": True} if row["er_status"] == "negative" else row for row in ROWS]
    facts = ran(tmp_path, small_study(subgroups=[ER]), rows)
    told = table(facts, "diagnostics")
    assert told.filter(subgroup="er=negative")["check"].to_list() == ["subgroup_without_an_arm"]
    assert told.filter(analysis="interaction", subgroup="er")["status"].to_list() == ["absent"]
    assert not table(facts, "estimates").filter(subgroup="er=positive").is_empty()


def test_subgroups_of_another_outcome_are_labelled_by_both(tmp_path: Path) -> None:
    cancer = {
        "name": "cancer",
        "kind": "disease_specific",
        "words": "Death of it",
        "event": "died_of_breast_cancer",
    }
    content = small_study(subgroups=[{**ER, "outcomes": ["cancer"]}, YOUNG], other_outcomes=[cancer])
    estimates = table(ran(tmp_path, content), "estimates").filter(analysis="cox_adjusted", term="surgery")
    deaths = dict(estimates.select("subgroup", "events").iter_rows())
    assert set(deaths) == {
        "all", "er=positive", "er=negative", "young=yes", "cancer", "cancer, er=positive", "cancer, er=negative",
    }  # fmt: skip
    assert deaths["cancer, er=positive"] == sum(
        row["died_of_breast_cancer"] for row in ROWS if row["er_status"] == "positive"
    )
    tests = table(ran(tmp_path / "again", content), "estimates").filter(analysis="interaction")
    assert set(tests["subgroup"]) == {"er", "young", "cancer, er"}


def test_what_says_the_same_as_the_subgroup_leaves_its_models(tmp_path: Path) -> None:
    estimates = table(ran(tmp_path, small_study(subgroups=[YOUNG])), "estimates")
    assert "age_group" not in set(estimates.filter(subgroup="young=yes")["term"])
    assert "age_group" in set(estimates.filter(subgroup="all")["term"])


def three_arms(tmp_path: Path) -> tuple[Submission, Path]:
    """The cohort with the operated in two arms, by the clinical N."""
    models = {"cox": ["age_group", "spread"], "propensity": ["age_group"]}
    content = small_study(
        subgroups=[ER], models=models, analyses=["cox_unadjusted", "cox_adjusted", "matched_cox"]
    )
    catalog = catalog_at(tmp_path, content)
    path = catalog / "cohorts" / f"{COHORT}.yaml"
    content = yaml.safe_load(dump_yaml(load_cohort(COHORT, catalog)))
    arms = content["arms"]
    arms["exposed"] = {"label": "first", "when": "operated and clinical_n in ('0', '1')"}
    arms["others"] = [{"label": "second", "when": "operated and clinical_n not in ('0', '1')"}]
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return submission(tmp_path, tumors(ROWS)), catalog


def test_each_of_three_arms_is_tested_against_the_reference(tmp_path: Path) -> None:
    sub, catalog = three_arms(tmp_path)
    facts = run_study(sub, "mudgway2020", catalog)
    tests = table(facts, "estimates").filter(analysis="interaction")
    assert tests["contrast"].to_list() == [
        f"{arm} vs no surgery, negative vs positive" for arm in ("first", "second")
    ]
    known = [row for row in ROWS if row["er_status"] != "unknown"]
    second = [row for row in known if not (row["operated"] and row["clinical_n"] in ("0", "1"))]
    assert tests["n"].to_list()[1] == len(second)
    absent = table(facts, "diagnostics").filter(check="no_such_form")
    assert set(absent["analysis"]) == {"matched_cox", "adjusted_matched_cox"}
    flow = table(facts, "estimates").filter(analysis="attrition", term="arm_known")
    assert set(flow["subgroup"]) == {"all", "first", "second", "no surgery"}


def people(tmp_path: Path) -> AnalysisSet:
    sub, catalog = submission(tmp_path, tumors(ROWS)), catalog_at(tmp_path, small_study())
    study = load_study("mudgway2020", catalog)
    materialise(sub, study.cohort, catalog)
    return read_analysis_set(sub, study, load_cohort(study.cohort, catalog))


def test_the_order_of_people_changes_no_test(tmp_path: Path) -> None:
    everybody = people(tmp_path)
    groups = tuple(everybody.study.subgroups)
    rows = np.random.default_rng(2).permutation(everybody.frame.height)
    first, second = interactions(everybody, groups), interactions(everybody.taken(rows), groups)
    for one, other in zip(first.estimates, second.estimates, strict=True):
        assert one.key == other.key
        assert one.p_value == pytest.approx(other.p_value, rel=1e-8)


def test_a_subgroup_that_cannot_be_tested_does_not_take_the_others_along(tmp_path: Path) -> None:
    everybody = people(tmp_path)
    nobody = Subgroup(name="er", words="Receptor", column="er_status", levels=("positive", "missing_level"))
    found = interactions(everybody, (nobody, everybody.study.subgroups[1]))
    assert [one.subgroup for one in found.estimates] == ["young"]
    assert [(one.subgroup, one.status) for one in found.findings if one.check == "not_fitted"] == [
        ("er", "absent")
    ]
