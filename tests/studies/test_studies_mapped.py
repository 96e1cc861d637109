"""The studies of mapped sources on made-up women and operations: what they find, refuse, and take instead."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.errors import RefusedError
from pipelines.settings import Settings
from pipelines.store import Submission
from pipelines.studies import run_study
from tests.studies.mapped_women import TREATED_LOG_HR, women
from tests.unit.toy_registry import submission, tumors

CATALOG = Settings().catalog_dir


def mapped(root: Path, rows: list[dict[str, Any]], **more: Any) -> Submission:
    return submission(root, tumors(rows, source="mapped"), source="mapped", covered=None, **more)


def done(sub: Submission, study: str) -> Path:
    run_study(sub, study, CATALOG)
    return sub.root / "studies" / study


def estimate(folder: Path, analysis: str, subgroup: str = "all", contrast: str = "") -> dict[str, Any]:
    """The one estimate of that name; of an effect the first contrast."""
    rows = pl.read_csv(folder / "estimates.csv", infer_schema_length=None).filter(
        pl.col("analysis") == analysis, pl.col("subgroup") == subgroup, pl.col("estimate").is_not_null()
    )
    chosen = rows.filter(pl.col("contrast") == contrast) if contrast else rows
    return dict(chosen.row(0, named=True))


@pytest.fixture(scope="module")
def dominici(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = women(900, first_year=2010, last_year=2015)
    return done(mapped(tmp_path_factory.mktemp("dominici"), rows), "dominici2011")


def test_exact_pairs_agree_on_the_four_variables_of_the_paper(dominici: Path) -> None:
    rows = women(900, first_year=2010, last_year=2015)
    matched_on = ("age_group", "er_status", "her2_status", "n_organ_sites")
    cells = {number: [row[name] for name in matched_on] for number, row in enumerate(rows, start=1)}
    pairs = pl.read_parquet(dominici / "matched_pairs.parquet")
    sets = pairs.group_by("pair_id").agg("source_record", "arm")
    assert sets.height > 50
    for members in sets["source_record"].to_list():
        assert all(cells[record] == cells[members[0]] for record in members)
        assert 2 <= len(members) <= 6  # one operated on and up to five who were not


def test_surgery_first_is_found_at_its_true_hazard_ratio(dominici: Path) -> None:
    row = estimate(dominici, "matched_cox")
    std_err = (np.log(row["ci_high"]) - np.log(row["ci_low"])) / (2 * 1.959964)
    assert abs(np.log(row["estimate"]) - TREATED_LOG_HR) < 3.5 * std_err
    assert "age_group, er_status, her2_status, n_sites exactly" in row["method"]
    assert "propensity" not in row["method"]


def test_exact_pairs_need_no_score_and_show_none(dominici: Path) -> None:
    findings = pl.read_csv(dominici / "diagnostics.csv").filter(pl.col("analysis") == "matched_cox")
    checks = findings["check"].to_list()
    assert "matched_sets" in checks
    assert "propensity_auc" not in checks


@pytest.fixture(scope="module")
def cady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = women(900, first_year=1975, last_year=2002)
    return done(mapped(tmp_path_factory.mktemp("cady"), rows), "cady2008")


def test_systemic_first_looks_best_although_the_operation_does_the_same_in_all(cady: Path) -> None:
    """They lived for months to be operated on: the paper's selection, with nothing but time to explain it."""
    alive = {
        order: estimate(cady, "group_survival", f"sequence={order}", "at 24 months")["estimate"]
        for order in ("systemic_first", "surgery_first_or_together", "no_surgery")
    }
    assert alive["systemic_first"] > alive["surgery_first_or_together"] > alive["no_surgery"]


def test_the_flow_diagram_is_compared_with_the_paper_s_count(cady: Path) -> None:
    judged = pl.read_csv(cady / "comparison.csv").filter(pl.col("target") == "n_stage_iv")
    assert judged.select("published", "estimated", "verdict").row(0) == (808.0, 900.0, "differs")


def test_a_source_without_treatment_is_refused_with_its_own_reason(tmp_path: Path) -> None:
    statuses = {"any_systemic": "not_released", "systemic_surgery_sequence": "not_released"}
    sub = mapped(tmp_path, women(40, first_year=1990, last_year=1999), statuses=statuses)
    with pytest.raises(RefusedError, match="made-up reason for any_systemic") as refused:
        run_study(sub, "cady2008", CATALOG)
    assert refused.value.reason_code == "not_released"


def test_a_file_that_does_not_say_what_was_irradiated_is_refused(tmp_path: Path) -> None:
    statuses = {"radiation_volume": "not_released"}
    sub = mapped(tmp_path, women(40, first_year=2008, last_year=2014), statuses=statuses)
    with pytest.raises(RefusedError, match="radiation_volume"):
        run_study(sub, "pons2019", CATALOG)


def test_without_dates_an_undated_landmark_takes_the_place_of_the_landmark(tmp_path: Path) -> None:
    statuses = {"days_to_definitive_surgery": "not_released", "days_to_radiation": "not_released"}
    rows = women(400, first_year=2008, last_year=2014)
    folder = done(mapped(tmp_path, rows, statuses=statuses), "pons2019")
    names = set(pl.read_csv(folder / "estimates.csv")["analysis"])
    assert "undated_landmark_12" in names
    assert not names & {"landmark_12", "time_varying_cox", "clone_censor_weight"}
    judged = pl.read_csv(folder / "comparison.csv").filter(pl.col("target") == "hr_landmark")
    assert judged["verdict"].to_list() == ["not_comparable"]


def test_a_site_with_its_own_file_of_1990_to_1993_can_ask_for_margins(tmp_path: Path) -> None:
    folder = done(mapped(tmp_path, women(600, first_year=1990, last_year=1993)), "khan2002")
    free = estimate(folder, "cox_margins", contrast="free vs no_surgery")
    assert free["estimate"] < 1
    judged = pl.read_csv(folder / "comparison.csv").filter(pl.col("target") == "alive_3_years_total_free")
    assert judged["estimated"][0] is not None


def test_groups_of_the_score_are_three_arms_and_progression_is_said_to_be_in_no_registry(
    tmp_path: Path,
) -> None:
    folder = done(mapped(tmp_path, women(500, first_year=2010, last_year=2015)), "tbcrc013")
    judged = pl.read_csv(folder / "comparison.csv")
    shares = judged.filter(pl.col("target").str.starts_with("percent_"))
    assert shares["estimated"].sum() == pytest.approx(100)
    progression = judged.filter(pl.col("target").str.contains("ttp"))
    assert set(progression["verdict"]) == {"not_comparable"}
    assert progression["note"].str.contains("no registry records progression").all()


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """900 operations: of 300 with disseminated cancer 30 have a complication and 6 die, of 600 others 24 and none."""
    rows = []
    for number in range(900):
        spread = number < 300
        sick = number % 300 < (30 if spread else 12)
        rows.append(
            {
                "stage_iv": None,
                "year_of_diagnosis": None,
                "survival_months": None,
                "year_of_surgery": 2005 + number % 8,
                "disseminated_cancer": "yes" if spread else "no",
                "primary_surgery": "mastectomy" if number % 2 else "breast_conserving",
                "asa_class": ("1", "2", "3")[number % 7 % 3],
                "complication_30_days": "yes" if sick else "no",
                "complication_infectious": "yes" if sick and number % 2 else "no",
                "complication_bleeding": "no",
                "died_within_30_days_of_surgery": "yes" if spread and number < 6 else "no",
                "bilateral": "unknown",
                "race": "white" if number % 4 else "black",
                "body_mass_index": 24.0 + number % 13,
                "diabetes": "yes" if number % 9 == 0 else "no",
                "smoker": "no",
                "hypertension": "yes" if number % 3 == 0 else "no",
            }
        )
    rows += [
        {**rows[0], "asa_class": "4"},
        {**rows[0], "bilateral": "yes"},
        {**rows[0], "behavior": "in_situ"},
    ]
    rows += [{**rows[0], "year_of_surgery": 2013}, {**rows[0], "disseminated_cancer": "unknown"}]
    return done(mapped(tmp_path_factory.mktemp("operations"), rows), "cordeiro2014")


def test_severe_bilateral_and_in_situ_operations_are_out_and_an_unknown_side_is_not(operations: Path) -> None:
    lines = pl.read_csv(operations.parents[1] / "cohorts" / "operations_2005_2012" / "attrition.csv")
    left = dict(lines.select("rule_id", "n_excluded").iter_rows())
    asked = ("severe_comorbidity", "bilateral", "invasive", "operation_years", "arm_known")
    assert {name: left[name] for name in asked} == dict.fromkeys(asked, 1)
    assert lines["n_after"][-1] == 900


def test_crude_odds_of_a_complication_are_those_of_the_two_by_two_table(operations: Path) -> None:
    crude = estimate(operations, "crude_morbidity")
    assert crude["estimate"] == pytest.approx((30 / 270) / (24 / 576), rel=0.01)  # Firth's penalty
    assert estimate(operations, "share_morbidity", "metastatic")["estimate"] == pytest.approx(10)


def test_deaths_in_one_arm_alone_have_an_odds_ratio_by_firth_s_penalty(operations: Path) -> None:
    row = estimate(operations, "logistic_death_30_days")
    assert np.isfinite(row["estimate"])
    assert row["estimate"] > 1
    assert "Firth" in row["method"]
