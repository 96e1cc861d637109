"""Which estimates can be right in a synthetic world is told from the definition of the study alone."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.settings import REPOSITORY
from pipelines.studies.language import ANALYSES
from pipelines.synthetic import WorldSettings
from pipelines.synthetic.judge import (
    confounder_columns,
    is_about_the_presentation,
    judge_presentation,
    method_of,
    methods,
    objection,
    people_of,
)

COLUMNS = REPOSITORY / "pipelines" / "registry" / "columns.csv"
NULL = WorldSettings()
AT_DIAGNOSIS = WorldSettings(immortal_time=False)
CONFOUNDERS = (
    "age_group", "er_status", "grade", "marital_status", "pr_status", "race_ethnicity",
)  # fmt: skip
NOT_JUDGED = {
    "table_one", "exposed_share", "share_by_year", "km", "survival_at", "follow_up", "vital_status_median",
    "group_survival", "cumulative_incidence", "logistic_exposure", "logistic_outcome", "rmst", "matched_km",
    "weighted_survival", "plasmode", "e_value", "unmeasured_confounder", "rosenbaum", "trial_agreement",
}  # fmt: skip
"""Analyses that give no hazard ratio of the exposure."""


def covariate(column: str) -> dict[str, Any]:
    return {"name": column, "column": column, "sql": None, "post_baseline": False}


def run_of(**changes: Any) -> dict[str, Any]:
    """What a SEER study of 1990 to 2003 writes, as far as the judge reads it."""
    settings = {
        "covariates": [covariate(one) for one in CONFOUNDERS],
        "models": {"cox": list(CONFOUNDERS), "propensity": list(CONFOUNDERS)},
        "design": {"match": {"exact": []}},
        "subgroups": [],
        "sensitivity": [{"name": "stage_clinical", "rule": "stage_iv", "when": "stage_iv_clinical"}],
    }
    return {
        "source": "seer",
        "arms": {"exposed": "surgery", "reference": "no surgery"},
        "cohort": "toy",
        "cohort_settings": {
            "years": {"first": 1990, "last": 2003},
            "rules": [{"id": "stage_iv", "when": "stage_iv"}],
        },
        "settings": {**settings, **changes},
    }


def row_of(analysis: str, subgroup: str = "all", estimand: str = "") -> dict[str, Any]:
    return {"analysis": analysis, "subgroup": subgroup, "estimand": estimand}


def why_not(analysis: str, world: WorldSettings, subgroup: str = "all", **changes: Any) -> str:
    plain = "landmark" if analysis.startswith("landmark") else analysis
    plain = "undated_landmark" if analysis.startswith("undated") else plain
    return objection(row_of(analysis, subgroup), run_of(**changes), methods()[plain], world)


def test_a_model_that_counts_immortal_time_is_right_only_where_there_is_none() -> None:
    assert "had to be lived through" in why_not("matched_cox", NULL)
    assert why_not("matched_cox", AT_DIAGNOSIS) == ""


@pytest.mark.parametrize("analysis", ["time_varying_cox", "landmark_6", "clone_censor_weight"])
def test_a_dated_model_is_right_with_immortal_time(analysis: str) -> None:
    assert why_not(analysis, NULL) == ""


def test_a_landmark_without_dates_is_right_after_the_last_operation() -> None:
    assert why_not("undated_landmark_6", NULL) != ""
    assert why_not("undated_landmark_12", NULL) == ""


def test_a_confounder_that_is_left_out_is_named() -> None:
    models = {"cox": ["age_group"], "propensity": ["age_group"]}
    assert why_not("matched_cox", AT_DIAGNOSIS, models=models) == (
        "does not adjust for er, grade, marital_status, pr, race_ethnicity"
    )
    assert why_not("cox_unadjusted", AT_DIAGNOSIS) == "does not adjust"
    assert why_not("cox_unadjusted", WorldSettings(immortal_time=False, confounding=0)) == ""


def test_a_subgroup_holds_its_own_column_constant_but_not_one_that_it_drops() -> None:
    group = {"name": "grade", "column": "grade", "sql": None, "drop": ["grade"]}
    assert why_not("cox_adjusted", AT_DIAGNOSIS, "grade=high", subgroups=[group]) == ""
    wide = {
        "name": "receptor",
        "column": None,
        "sql": "er_status || pr_status",
        "drop": ["er_status", "pr_status"],
    }
    assert (
        why_not("cox_adjusted", AT_DIAGNOSIS, "receptor=any", subgroups=[wide])
        == "does not adjust for er, pr"
    )


def test_no_estimator_cures_stage_migration_and_the_clinical_stage_does() -> None:
    migrating = WorldSettings(immortal_time=False, stage_migration=0.3)
    assert "because of the operation" in why_not("cox_adjusted", migrating)
    assert why_not("cox_adjusted", migrating, "stage_clinical") == ""


def test_a_sensitivity_analysis_takes_the_place_of_the_rule_that_it_names() -> None:
    """Stage IV by the clinical stage in the cohort, and by the stage group in one analysis again."""
    migrating = WorldSettings(immortal_time=False, stage_migration=0.3)
    run = run_of(sensitivity=[{"name": "stage_group", "rule": "stage", "when": "stage_iv"}])
    run["cohort_settings"]["rules"] = [{"id": "stage", "when": "stage_iv_clinical"}]
    method = methods()["cox_adjusted"]
    assert objection(row_of("cox_adjusted"), run, method, migrating) == ""
    assert "because of the operation" in objection(
        row_of("cox_adjusted", "stage_group"), run, method, migrating
    )


@pytest.mark.parametrize(
    ("condition", "covered"),
    [("grade = 'high'", True), ("grade is not null", False), ("grade_of_another = 'high'", False)],
)
def test_a_rule_of_the_cohort_stands_for_a_covariate_where_it_leaves_one_level(
    condition: str, covered: bool
) -> None:
    others = [one for one in CONFOUNDERS if one != "grade"]
    run = run_of(models={"cox": others, "propensity": others})
    run["cohort_settings"]["rules"].append({"id": "graded", "when": condition})
    said = objection(row_of("cox_adjusted"), run, methods()["cox_adjusted"], AT_DIAGNOSIS)
    assert said == ("" if covered else "does not adjust for grade")


def test_a_model_of_the_studys_own_is_judged_by_its_covariates() -> None:
    extra = [
        {"name": "cox_short", "covariates": ["age_group"]},
        {"name": "cox_all", "covariates": CONFOUNDERS},
    ]
    run = run_of(models={"cox": [], "propensity": [], "extra": extra})
    for name, right in (("cox_short", False), ("cox_all", True)):
        method = method_of(name, run)
        assert method is not None
        assert (objection(row_of(name), run, method, AT_DIAGNOSIS) == "") is right
        assert "lived through" in objection(row_of(name), run, method, NULL)
    assert method_of("no_such_model", run) is None


def test_the_people_of_a_weighted_estimate_are_those_it_stands_for(tmp_path: Path) -> None:
    people = pl.DataFrame(
        {"source_file": ["a", "a"], "source_record": [1, 2], "arm": ["surgery", "no surgery"]}
    )
    (tmp_path / "cohorts" / "toy").mkdir(parents=True)
    people.write_parquet(tmp_path / "cohorts" / "toy" / "members.parquet")
    folder = tmp_path / "studies" / "toy"
    everybody = people_of(row_of("weighted_cox", estimand="ate"), run_of(), folder, AT_DIAGNOSIS)
    operated = people_of(row_of("weighted_cox_att", estimand="att"), run_of(), folder, AT_DIAGNOSIS)
    assert everybody is not None
    assert everybody["source_record"].to_list() == [1, 2]
    assert operated is not None
    assert operated["source_record"].to_list() == [1]
    assert people_of(row_of("weighted_cox", "grade=high", "ate"), run_of(), folder, AT_DIAGNOSIS) is None
    followed = people_of(row_of("clone_censor_weight"), run_of(), folder, AT_DIAGNOSIS)
    assert followed is not None
    assert followed["source_record"].to_list() == [1, 2], "strategies are followed by everybody"
    assert people_of(row_of("clone_censor_weight"), run_of(), folder, NULL) is None


def ratio_of_presentation(analysis: str, subgroup: str = "all") -> dict[str, Any]:
    numbers = {"estimate": 1.4, "ci_low": 1.2, "ci_high": 1.4**2 / 1.2, "ci_level": 0.95}
    return row_of(analysis, subgroup) | numbers | {"contrast": "relapsed vs de novo", "measure": "hr"}


def test_of_how_the_metastasis_came_the_adjusted_ratio_is_known_where_all_is_recorded() -> None:
    run = run_of() | {"study": "toy", "cohort_settings": {"arms": {"needs": ["disease_presentation"]}}}
    assert is_about_the_presentation(run)
    assert not is_about_the_presentation(run_of())
    found = judge_presentation(ratio_of_presentation("cox_adjusted"), run, NULL, "mapped-msk")
    assert found is not None
    assert (found.truth, found.misses_by, found.valid) == (pytest.approx(1.4), pytest.approx(0), True)
    assert found.std_err == pytest.approx(np.log(1.4 / 1.2) / 1.959963984540054)
    for analysis, subgroup in (
        ("cox_adjusted", "all"),
        ("time_split_cox", "all"),
        ("cox_unadjusted", "grade=high"),
    ):
        assert (
            judge_presentation(ratio_of_presentation(analysis, subgroup), run, NULL, "naaccr-xml-v23") is None
        )


def test_what_carries_a_confounder_is_a_column_of_the_registry() -> None:
    """A misspelt one is in no model, and every estimate would be one that leaves it out."""
    known = set(pl.read_csv(COLUMNS, infer_schema_length=0)["column"])
    assert {column for columns, _ in confounder_columns().values() for column in columns} <= known


def test_every_analysis_that_gives_a_hazard_ratio_is_judged() -> None:
    assert set(ANALYSES) - NOT_JUDGED <= set(methods())
