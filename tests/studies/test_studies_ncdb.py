"""The NCDB studies on toy patients: who is in which arm, what is refused, what a release withholds."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.cohorts import materialise
from pipelines.errors import RefusedError
from pipelines.settings import Settings
from pipelines.studies import run_study
from tests.unit.toy_registry import submission, tumors

CATALOG = Settings().catalog_dir
NOT_YET_2010 = {"her2_status": "not_collected_before_2010"}


def arms(root: Path, cohort: str, rows: list[dict[str, Any]], **more: Any) -> list[str | None]:
    """The arm of each toy woman in a cohort, None where she is not a member."""
    sub = submission(root, tumors(rows, source=more.get("source", "ncdb")), **more)
    materialise(sub, cohort, CATALOG)
    members = pl.read_parquet(sub.root / "cohorts" / cohort / "members.parquet")
    found = dict(members.select("source_record", "arm").iter_rows())
    return [found.get(number) for number in range(1, len(rows) + 1)]


def woman(**fields: Any) -> dict[str, Any]:
    clinical = {"stage_iv_clinical": True, "stage_iv_any_evidence": True, "survival_months": 30.0}
    return {"any_systemic": "yes", **clinical, **fields}


def test_lane_takes_the_order_from_the_item_and_before_2006_from_the_days(tmp_path: Path) -> None:
    early = {"year_of_diagnosis": 2005, "systemic_surgery_sequence": "not_collected"}
    said = {"year_of_diagnosis": 2008, "days_to_definitive_surgery": 10, "days_to_systemic": 90}
    rows = [
        woman(**early, days_to_definitive_surgery=20, days_to_systemic=60),
        woman(**early, days_to_definitive_surgery=150, days_to_systemic=30),
        woman(**early, days_to_definitive_surgery=30, days_to_systemic=30),
        woman(**early, days_to_definitive_surgery=None, days_to_systemic=30),
        woman(
            **said, systemic_surgery_sequence="before"
        ),  # the item wins: a first excision may have come on day 10
        woman(**said, systemic_surgery_sequence="after"),
        woman(**said, systemic_surgery_sequence="intraoperative"),
        woman(operated=False, systemic_surgery_sequence="none_or_not_applicable"),
    ]
    first, later = "surgery before systemic", "systemic before surgery"
    assert arms(tmp_path, "stage_iv_systemic_2004_2012", rows) == [
        first, later, None, None, later, first, None, "systemic only",
    ]  # fmt: skip


def test_lane_leaves_out_the_first_year_and_those_without_systemic_therapy(tmp_path: Path) -> None:
    rest = {"operated": False}
    rows = [
        woman(**rest),
        woman(**rest, survival_months=11.9),
        woman(**rest, any_systemic="no"),
        woman(**rest, any_systemic="unknown"),
        woman(**rest, stage_iv_clinical=None),
        woman(systemic_surgery_sequence="after"),
        woman(systemic_surgery_sequence="before"),
    ]
    found = arms(tmp_path, "stage_iv_systemic_2004_2012", rows)
    assert [arm is not None for arm in found] == [True, False, False, False, False, True, True]


def test_dominici_compares_surgery_first_and_leaves_out_surgery_after_a_response(tmp_path: Path) -> None:
    known = {"er_status": "positive", "her2_status": "negative", "n_organ_sites": 1}
    rows = [
        woman(**known, systemic_surgery_sequence="after"),
        woman(**known, systemic_surgery_sequence="before"),
        woman(**known, systemic_surgery_sequence="none_or_not_applicable", any_systemic="no"),
        woman(**known, operated=False),
        woman(**known, operated=False, any_systemic="no"),
        woman(**{**known, "her2_status": "unknown"}, operated=False),
        woman(**{**known, "n_organ_sites": None}, operated=False),
        woman(**known, systemic_surgery_sequence="unknown", days_to_systemic=9, days_to_definitive_surgery=5),
    ]
    found = arms(tmp_path, "stage_iv_surgery_first", rows, statuses=NOT_YET_2010)
    first = "surgery first"
    assert found == [first, None, first, "systemic only", None, None, None, first]


def test_pons_counts_radiation_of_the_breast_and_not_of_a_bone(tmp_path: Path) -> None:
    rows = [
        woman(operated=True, radiation="no"),
        woman(operated=False, radiation="yes", radiation_volume="chest_wall"),
        woman(operated=False, radiation="yes", radiation_volume="bone"),
        woman(operated=False, radiation="yes", radiation_volume="unknown"),
        woman(operated=False, radiation="no", radiation_volume="none"),
        woman(operated=None, radiation="no", radiation_volume="none"),
    ]
    local = "locoregional treatment"
    found = arms(tmp_path, "stage_iv_locoregional_2008_2014", rows)
    assert found == [local, local, f"no {local}", None, f"no {local}", None]


def test_khan_is_refused_for_years_that_no_release_has(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([woman()]))
    with pytest.raises(RefusedError, match=r"1990 to 1993.*covers 2004 to 2016") as refused:
        run_study(sub, "khan2002", CATALOG)
    assert refused.value.reason_code == "period_not_covered"


def test_scores_that_nobody_in_stage_iv_has_are_a_refusal_and_no_mistake(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([woman(oncotype_score=None)] * 3))
    with pytest.raises(RefusedError, match="21-gene recurrence score is recorded") as refused:
        run_study(sub, "tbcrc013", CATALOG)
    assert refused.value.reason_code == "not_recorded"


def test_a_cohort_whose_rule_is_simply_not_met_is_still_a_mistake(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([woman(stage_iv=False)] * 3))
    with pytest.raises(Exception, match="is empty on submission") as wrong:
        materialise(sub, "stage_iv_bone_only", CATALOG)
    assert not isinstance(wrong.value, RefusedError)


@pytest.fixture(scope="module")
def operated_women(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 operated women: 30 of 200 in stage IV and 20 of 400 others die in 90 days; 50 deaths are withheld."""
    rows = []
    for number in range(600):
        fourth, late = number < 200, number % 200 < (30 if number < 200 else 10)
        withheld = number % 12 == 11 and not late
        answer = "withheld" if withheld else ("yes" if late else "no")
        rows.append(
            {
                "stage_iv": fourth,
                "stage_group": "4" if fourth else "2",
                "stage_iv_clinical": fourth and number % 4 > 0,
                "died_within_90_days_of_surgery": answer,
                "died_within_30_days_of_surgery": "withheld"
                if withheld
                else ("yes" if late and number % 3 == 0 else "no"),
                "readmitted_30_days": ("unplanned", "planned", "no", "no", "no")[number % 5],
                "primary_surgery": "mastectomy" if number % 2 else "breast_conserving",
                "age_group": ("50-59", "60-69", "70-79")[number % 7 % 3],
                "charlson_deyo": ("0", "0", "1")[number % 11 % 3],
                "race_ethnicity": "non_hispanic_white",
                "year_of_diagnosis": 2010 + number % 6,
            }
        )
    sub = submission(tmp_path_factory.mktemp("operated"), tumors(rows))
    run_study(sub, "ncdb_surgical_mortality", CATALOG)
    return sub.root / "studies" / "ncdb_surgical_mortality"


def test_shares_are_of_the_operated_whose_ninety_days_are_known(operated_women: Path) -> None:
    rows = pl.read_csv(operated_women / "estimates.csv").filter(
        pl.col("analysis") == "share_death_90_days", ~pl.col("subgroup").str.contains("stage_clinical")
    )
    found = {row["subgroup"]: (row["events"], row["n"]) for row in rows.iter_rows(named=True)}
    known = [
        number for number in range(600) if number % 12 != 11 or number % 200 < (30 if number < 200 else 10)
    ]
    assert found["metastatic"] == (30, sum(number < 200 for number in known))
    assert found["not metastatic"] == (20, sum(number >= 200 for number in known))


def test_a_planned_readmission_is_no_event(operated_women: Path) -> None:
    rows = pl.read_csv(operated_women / "estimates.csv").filter(
        pl.col("analysis") == "share_unplanned_readmission", pl.col("subgroup") == "metastatic"
    )
    assert rows["estimate"].to_list() == pytest.approx([20.0])


def test_clinical_stage_is_a_sensitivity_of_binary_outcomes_too(operated_women: Path) -> None:
    rows = pl.read_csv(operated_women / "estimates.csv").filter(pl.col("subgroup") == "stage_clinical")
    assert {"crude_death_90_days", "logistic_death_90_days"} <= set(rows["analysis"])


def test_every_ncdb_study_is_repeated_on_clinical_stage_iv() -> None:
    """No estimator cures stage migration; lane2019 has clinical stage as its cohort, and repeats on the group."""
    from pipelines.cohorts import load_cohort
    from pipelines.studies import load_study

    ours = ("mudgway2020", "arciero2019", "khan2002", "dominici2011", "pons2019", "bomet", "tbcrc013")
    for name in (*ours, "ncdb_surgical_mortality"):
        assert any("stage_iv_clinical" in one.when for one in load_study(name, CATALOG).sensitivity), name
    lane = load_study("lane2019", CATALOG)
    rules = {rule.id: rule.condition for rule in load_cohort(lane.cohort, CATALOG).rules}
    assert rules["stage_iv"] == "stage_iv_clinical"
    assert "stage_iv" in [one.when for one in lane.sensitivity]


def test_medians_of_observed_time_are_those_of_the_paper_s_follow_up(published_home: Path) -> None:
    """Diagnosed in year Y: at most 52 months from January 2010, so 28 in 2012, whatever the release knows since."""
    study = published_home / "submissions" / "ncdb-2016" / "studies" / "mudgway2020"
    rows = pl.read_csv(study / "estimates.csv").filter(pl.col("measure") == "naive_median_months")
    found = dict(rows.filter(pl.col("analysis") == "km").select("subgroup", "estimate").iter_rows())
    assert found["cut_at_paper"] < found["all"]
    assert found["cut_at_paper"] < 52
    judged = pl.read_csv(study / "comparison.csv").filter(pl.col("target") == "median_follow_up")
    assert judged["subgroup"].to_list() == ["cut_at_paper"]


def test_the_score_is_matched_on_stratified_by_and_weighted_with(published_home: Path) -> None:
    study = published_home / "submissions" / "ncdb-2016" / "studies" / "mudgway2020"
    judged = pl.read_csv(study / "comparison.csv").filter(pl.col("target").str.starts_with("hr_surgery_"))
    assert set(judged["analysis"]) == {"matched_cox", "stratified_by_score_cox", "weighted_cox"}
    assert set(judged["published"]) == {0.56}
