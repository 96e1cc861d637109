"""What a source refuses of a study, what stands in for it, and studies of other outcomes than survival."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut, write_study

from pipelines.cohorts import load_cohort
from pipelines.errors import RefusedError
from pipelines.store import Submission
from pipelines.studies import StudyFacts, load_study, run_study
from pipelines.studies.plan import plan_study

NO_DATE = {"days_to_definitive_surgery": "not_released"}
NO_CAUSE = {"cause_of_death_group": "not_released"}
TIMING = {
    "start": "days_to_definitive_surgery",
    "needs": ["days_to_definitive_surgery"],
    "landmarks_months": [6],
}
FALLBACK = {
    "instead_of": ["landmark"],
    "use": ["undated_landmark"],
    "primary": "undated_landmark_6",
    "words": "who lived to the landmark, operated at any time: the operation may lie after it",
}


def dated_study(**changes: Any) -> dict[str, Any]:
    """A study whose primary analysis needs the date of the operation."""
    base = {
        "analyses": ["table_one", "cox_unadjusted", "cox_adjusted", "landmark"],
        "primary": "landmark_6",
        "timing": TIMING,
        "sensitivity": None,
    }
    return cut("mudgway2020", **(base | changes))


def rows_with_dates(n: int = 500) -> list[dict[str, Any]]:
    """Women operated on within four months, if they live so long."""
    draw = np.random.default_rng(1)
    days = draw.integers(10, 120, n)
    return [
        {**row, "days_to_definitive_surgery": int(days[i]) if row["operated"] else None}
        for i, row in enumerate(world(n, seed=21))
    ]


def source(tmp_path: Path, **settings: Any) -> Submission:
    return submission(tmp_path, tumors(rows_with_dates()), **settings)


def ran(tmp_path: Path, content: dict[str, Any], sub: Submission) -> StudyFacts:
    return run_study(sub, content["id"], catalog_at(tmp_path, content))


def table(facts: StudyFacts, name: str) -> pl.DataFrame:
    return pl.read_csv(facts.folder / f"{name}.csv", infer_schema_length=None)


def record(facts: StudyFacts) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((facts.folder / "run.json").read_text(encoding="utf-8"))
    return content


def test_with_the_date_nothing_is_replaced(tmp_path: Path) -> None:
    facts = ran(tmp_path, dated_study(fallbacks=[FALLBACK]), source(tmp_path))
    names = set(table(facts, "estimates")["analysis"])
    assert "landmark_6" in names
    assert "undated_landmark_6" not in names
    assert (record(facts)["primary"], record(facts)["fallbacks"]) == ("landmark_6", [])


def test_without_the_date_the_fallback_is_done_and_said(tmp_path: Path) -> None:
    facts = ran(tmp_path, dated_study(fallbacks=[FALLBACK]), source(tmp_path, statuses=NO_DATE))
    names = set(table(facts, "estimates")["analysis"])
    assert "undated_landmark_6" in names
    assert "landmark_6" not in names
    run = record(facts)
    assert run["primary"] == "undated_landmark_6"
    (used,) = run["fallbacks"]
    assert (used["refused"], used["used"]) == (["landmark"], ["undated_landmark"])
    assert "made-up reason for days_to_definitive_surgery" in used["reason"]
    told = table(facts, "diagnostics")
    assert told.filter(check="fallback")["status"].to_list() == ["warning"]
    (absent,) = told.filter(check="refused").iter_rows(named=True)
    assert (absent["analysis"], absent["status"]) == ("landmark_6", "absent")
    assert "made-up reason for days_to_definitive_surgery" in absent["message"]


def test_a_fallback_changes_no_identity(tmp_path: Path) -> None:
    """The definition is the same, so the hash is: what the source refuses is no setting."""
    content = dated_study(fallbacks=[FALLBACK])
    catalog = catalog_at(tmp_path, content)
    hashes = {
        run_study(source(tmp_path / name, statuses=said), "mudgway2020", catalog).settings_hash
        for name, said in (("a", {}), ("b", NO_DATE))
    }
    assert len(hashes) == 1


def test_a_primary_without_fallback_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    sub = source(tmp_path, statuses=NO_DATE)
    with pytest.raises(RefusedError) as error:
        ran(tmp_path, dated_study(), sub)
    said = str(error.value)
    for words in ("landmark_6", "days_to_definitive_surgery", "made-up reason", "ncdb"):
        assert words in said
    assert (error.value.exit_code, error.value.reason_code) == (3, "not_released")
    assert said.count("(not_released)") == 1
    assert not (sub.root / "studies").exists()


def test_a_refused_analysis_that_is_not_the_primary_is_absent_and_the_rest_is_done(tmp_path: Path) -> None:
    facts = ran(tmp_path, dated_study(primary="cox_adjusted"), source(tmp_path, statuses=NO_DATE))
    assert {"cox_adjusted", "cox_unadjusted"} <= set(table(facts, "estimates")["analysis"])
    assert table(facts, "diagnostics").filter(analysis="landmark_6")["status"].to_list() == ["absent"]


def test_a_refused_analysis_is_absent_in_subgroups_too_and_excuses_their_targets(tmp_path: Path) -> None:
    group = {"name": "er", "words": "Receptor", "column": "er_status", "levels": ["positive", "negative"]}
    content = dated_study(primary="cox_adjusted", subgroups=[{**group, "analyses": ["landmark"]}])
    catalog = catalog_at(tmp_path)
    target = {
        "target": "t", "analysis": "landmark_6", "subgroup": "er=positive", "term": "surgery",
        "contrast": "surgery vs no surgery", "measure": "hr", "published": "0.6", "orientation": "as_printed",
        "verification": "abstract", "comparable": "yes", "source": "s", "note": "",
    }  # fmt: skip
    write_study(catalog, content, [target])
    facts = run_study(source(tmp_path, statuses=NO_DATE), "mudgway2020", catalog)
    row = table(facts, "comparison").row(0, named=True)
    assert row["verdict"] == "not_comparable"
    assert "made-up reason" in row["note"]


def test_what_needs_a_cause_of_death_is_absent_where_there_is_none(tmp_path: Path) -> None:
    outcome = {"kind": "overall", "words": "Death", "other_cause": "died_of_other_cause"}
    content = dated_study(
        primary="cox_adjusted",
        analyses=["cox_adjusted", "cox_other_cause", "cumulative_incidence"],
        outcome=outcome,
        timing=None,
    )
    facts = ran(tmp_path, content, source(tmp_path, statuses=NO_CAUSE))
    assert set(table(facts, "estimates")["analysis"]) == {"attrition", "cox_adjusted"}
    refused = table(facts, "diagnostics").filter(check="refused")
    assert set(refused["analysis"]) == {"cox_other_cause", "cumulative_incidence"}


def test_another_outcome_that_the_source_lacks_is_absent_with_the_reason(tmp_path: Path) -> None:
    other = {
        "name": "cancer",
        "kind": "disease_specific",
        "words": "Death of it",
        "event": "died_of_breast_cancer",
    }
    content = dated_study(
        primary="cox_adjusted", analyses=["cox_adjusted"], timing=None, other_outcomes=[other]
    )
    facts = ran(tmp_path, content, source(tmp_path, statuses=NO_CAUSE))
    (absent,) = table(facts, "diagnostics").filter(subgroup="cancer").iter_rows(named=True)
    assert (absent["analysis"], absent["status"]) == ("cox_adjusted", "absent")
    assert "made-up reason for cause_of_death_group" in absent["message"]
    recorded = ran(tmp_path / "with", content, source(tmp_path / "with"))
    events = table(recorded, "estimates").filter(analysis="cox_adjusted", subgroup="cancer")["events"][0]
    assert events == sum(row["died_of_breast_cancer"] for row in rows_with_dates())


BINARY = [
    {"name": "dead_at_once", "words": "Died in the first month", "event": "died and survival_months < 1"},
    {
        "name": "readmitted",
        "words": "Readmitted",
        "event": "readmitted_30_days = 'unplanned'",
        "needs": ["readmitted_30_days"],
    },
]


def binary_study(**changes: Any) -> dict[str, Any]:
    """A study that asks for no survival."""
    base = {
        "outcome": None,
        "binary_outcomes": BINARY,
        "analyses": ["table_one", "exposed_share", "logistic_outcome"],
        "primary": "share_dead_at_once",
        "sensitivity": None,
        "models": None,
        "design": None,
        "needs": None,
    }
    return cut("mudgway2020", **(base | changes))


def test_a_study_without_a_survival_outcome_runs_and_has_a_record(tmp_path: Path) -> None:
    facts = ran(tmp_path, binary_study(), source(tmp_path, statuses={"readmitted_30_days": "not_released"}))
    estimates = table(facts, "estimates")
    assert {"table_one", "exposed_share", "share_dead_at_once", "attrition"} <= set(estimates["analysis"])
    assert record(facts)["settings"]["outcome"] is None
    for label, operated in (("surgery", True), ("no surgery", False)):
        early = [
            row["died"] and row["survival_months"] < 1
            for row in rows_with_dates()
            if row["operated"] == operated
        ]
        (share,) = estimates.filter(analysis="share_dead_at_once", subgroup=label)["estimate"]
        assert share == pytest.approx(100 * np.mean(early))
    assert table(facts, "diagnostics").filter(analysis="share_readmitted")["status"].to_list() == ["absent"]


def test_the_primary_binary_outcome_cannot_be_missed(tmp_path: Path) -> None:
    content = binary_study(primary="share_readmitted")
    with pytest.raises(RefusedError, match="made-up reason for readmitted_30_days"):
        ran(tmp_path, content, source(tmp_path, statuses={"readmitted_30_days": "not_released"}))


def test_flow_counts_are_estimates_of_everybody_and_of_each_arm(tmp_path: Path) -> None:
    rows = rows_with_dates()
    rows[:7] = [{**row, "sex": "male"} for row in rows[:7]]
    sub = submission(tmp_path, tumors(rows))
    facts = ran(tmp_path, dated_study(primary="cox_adjusted"), sub)
    flow = table(facts, "estimates").filter(analysis="attrition")
    received = {
        row["subgroup"]: row["estimate"] for row in flow.filter(term="received").iter_rows(named=True)
    }
    operated = sum(row["operated"] for row in rows)
    assert received == {"all": 500, "surgery": operated, "no surgery": 500 - operated}
    lines = pl.read_csv(sub.root / "cohorts" / facts.cohort / "attrition.csv")
    assert flow.filter(subgroup="all")["estimate"].to_list() == lines["n_after"].to_list()
    assert set(flow["measure"]) == {"n"}


def test_a_plan_leaves_the_definition_as_it_is_written(tmp_path: Path) -> None:
    catalog = catalog_at(tmp_path, dated_study(fallbacks=[FALLBACK]))
    study = load_study("mudgway2020", catalog)
    sub = source(tmp_path, statuses=NO_DATE)
    plan = plan_study(sub, study, load_cohort(study.cohort, catalog))
    assert plan.defined == study
    assert plan.study.analyses == ("table_one", "cox_unadjusted", "cox_adjusted", "undated_landmark")
    assert plan.study.primary == "undated_landmark_6"
