"""Who leaves at which rule: small tables of women, and the lines they become."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from toy_registry import submission, tumors

from pipelines.cohorts import materialise
from pipelines.settings import Settings

CATALOG = Settings().catalog_dir


def attrition(
    tmp_path: Path, rows: list[dict[str, Any]], name: str = "stage_iv_female_breast"
) -> pl.DataFrame:
    facts = materialise(submission(tmp_path, tumors(rows), covered=(1975, 2022)), name, CATALOG)
    return pl.read_csv(facts.folder / "attrition.csv")


def line(table: pl.DataFrame, rule: str) -> dict[str, Any]:
    return table.row(by_predicate=pl.col("rule_id") == rule, named=True)


def members(tmp_path: Path, rows: list[dict[str, Any]], name: str = "stage_iv_female_breast") -> pl.DataFrame:
    facts = materialise(submission(tmp_path, tumors(rows), covered=(1975, 2022)), name, CATALOG)
    return pl.read_parquet(facts.folder / "members.parquet")


def test_columns_are_those_of_the_interface_and_the_lines_add_up(tmp_path: Path) -> None:
    table = attrition(tmp_path, [{}, {"sex": "male"}, {"stage_iv": False}, {"operated": None}])
    assert table.columns[:7] == ["step", "rule_id", "rule", "reference", "n_before", "n_excluded", "n_after"]
    assert table["n_before"][0] == 4
    assert table["n_after"][-1] == 1
    for arm in ("", "_exposed", "_reference", "_arm_unknown"):
        before, gone, after = (table[f"{count}{arm}"] for count in ("n_before", "n_excluded", "n_after"))
        assert (before - gone == after).all()
        assert before[1:].to_list() == after[:-1].to_list()
    by_arm = sum(table[f"n_after_{arm}"] for arm in ("exposed", "reference", "arm_unknown"))
    assert by_arm.to_list() == table["n_after"].to_list()
    assert (table["n_excluded_not_met"] + table["n_excluded_unknown"] == table["n_excluded"]).all()


@pytest.mark.parametrize(
    ("woman", "rule", "reason"),
    [
        ({"sex": "male"}, "female", "not_met"),
        ({"sex": "unknown"}, "female", "unknown"),
        ({"sex": None}, "female", "unknown"),
        ({"behavior": "in_situ"}, "invasive", "not_met"),
        ({"histology_icdo3": "8800"}, "carcinoma", "not_met"),
        ({"histology_icdo3": "9020"}, "carcinoma", "not_met"),
        ({"primary_site": "C509x"}, "breast", "not_met"),
        ({"reporting_source": "7"}, "death_certificate_or_autopsy", "not_met"),
        ({"survival_months_flag": "not_calculated"}, "death_certificate_or_autopsy", "not_met"),
        ({"class_of_case": "00"}, "treated_elsewhere", "not_met"),
        ({"stage_iv": False}, "stage_iv", "not_met"),
        ({"stage_iv": None}, "stage_iv", "unknown"),
        ({"withheld_follow_up": True, "died": None}, "follow_up_withheld", "not_met"),
        ({"died": None}, "follow_up_known", "unknown"),
        ({"survival_months": None}, "follow_up_known", "unknown"),
        ({"operated": None}, "arm_known", "unknown"),
    ],
)
def test_each_rule_takes_out_whom_it_names_and_missing_is_never_no(
    tmp_path: Path, woman: dict[str, Any], rule: str, reason: str
) -> None:
    table = attrition(tmp_path, [{}, woman])
    assert line(table, rule)["n_excluded"] == 1
    assert line(table, rule)[f"n_excluded_{reason}"] == 1
    assert table["n_excluded"].sum() == 1


@pytest.mark.parametrize(
    "woman",
    [
        {"histology_icdo3": "8982"},
        {"histology_icdo3": "8700"},
        {"class_of_case": None},
        {"survival_months": 0.0},
    ],
)
def test_the_edges_of_the_rules_stay_in(tmp_path: Path, woman: dict[str, Any]) -> None:
    assert members(tmp_path, [woman]).height == 1


def test_her2_unknown_is_not_negative(tmp_path: Path) -> None:
    rows = [{}, {"her2_status": "negative"}, {"her2_status": "borderline"}, {"her2_status": "unknown"}]
    her2 = line(attrition(tmp_path, rows, "stage_iv_her2_positive_2010_2012"), "her2_positive")
    assert (her2["n_excluded_not_met"], her2["n_excluded_unknown"]) == (2, 1)


def test_nobody_leaves_a_cohort_for_how_they_died_alone_for_not_being_a_first_cancer(tmp_path: Path) -> None:
    causes = ["alive", "breast_cancer", "other_cause", "missing_cause", "unknown", "not_first_tumor"]
    rows = [{"cause_of_death_group": cause} for cause in causes]
    table = attrition(tmp_path, rows, "stage_iv_seer_1988_2011")
    assert line(table, "first_tumor")["n_excluded"] == 1
    assert table["n_after"][-1] == 5


def test_the_index_tumor_is_the_earliest_eligible_one(tmp_path: Path) -> None:
    """Patient a: a stage II tumor first, then two of stage IV. Patient b: two in one year, lowest record wins."""
    rows = [
        {"patient_id": "a", "year_of_diagnosis": 2012, "tumor_id": "a3"},
        {"patient_id": "a", "year_of_diagnosis": 2010, "tumor_id": "a2"},
        {"patient_id": "a", "year_of_diagnosis": 2008, "tumor_id": "a1", "stage_iv": False},
        {"patient_id": "b", "year_of_diagnosis": 2010, "tumor_id": "b2"},
        {"patient_id": "b", "year_of_diagnosis": 2010, "tumor_id": "b3"},
        {"patient_id": "c", "record_number": 2, "tumor_id": "c2"},
        {"patient_id": "c", "record_number": 1, "tumor_id": "c1"},
    ]
    assert sorted(members(tmp_path, rows)["tumor_id"]) == ["a2", "b2", "c1"]


def test_a_patient_does_not_stay_through_a_later_tumor(tmp_path: Path) -> None:
    """Rules on follow-up and arm are judged on the index tumor alone."""
    rows = [
        {"patient_id": "a", "year_of_diagnosis": 2010, "operated": None},
        {"patient_id": "a", "year_of_diagnosis": 2012},
        {"patient_id": "b"},
    ]
    assert members(tmp_path, rows)["patient_id"].to_list() == ["b"]


def test_arms_carry_their_labels(tmp_path: Path) -> None:
    found = members(tmp_path, [{}, {"operated": False}])
    assert found.columns == ["submission", "source_file", "source_record", "patient_id", "tumor_id", "arm"]
    assert found["arm"].to_list() == ["surgery", "no surgery"]


def presentation(
    kind: str, survival: float | None = 20.0, entry: float | None = 0.0, **more: Any
) -> dict[str, Any]:
    return {
        "disease_presentation": kind,
        "survival_from_metastasis_months": survival,
        "entry_from_metastasis_months": entry,
        "operated": None,
        **more,
    }


def test_relapsed_against_de_novo_counts_every_exclusion(tmp_path: Path) -> None:
    rows = [
        presentation("de_novo"),
        presentation("metachronous", entry=5.0),
        presentation("metachronous", survival=5.0, entry=5.0),
        presentation("metachronous", survival=4.0, entry=5.0),
        presentation("de_novo", survival=0.0, entry=0.0),
        presentation("metachronous", survival=None),
        presentation("not_metastatic"),
        presentation("undetermined_after_locoregional"),
        presentation("distant_after_in_situ"),
        presentation("de_novo", sex="male"),
        presentation("de_novo", histology_icdo3="8980"),
        presentation("de_novo", histology_icdo3=None),
        presentation("de_novo", histology_icdo3="unmapped"),
        presentation("de_novo", reporting_source="7"),
        presentation("metachronous", entry=None),
    ]
    table = attrition(tmp_path, rows, "metastatic_de_novo_vs_metachronous")
    gone = {row["rule_id"]: row["n_excluded"] for row in table.iter_rows(named=True) if row["n_excluded"]}
    assert gone == {
        "female": 1,
        "carcinoma": 2,
        "death_certificate_or_autopsy": 1,
        "distant_metastasis": 1,
        "presentation_determined": 2,
        "follow_up_known": 1,
        "observed_after_entry": 3,
    }
    assert line(table, "carcinoma")["n_excluded_unknown"] == 1
    assert line(table, "observed_after_entry")["n_excluded_unknown"] == 1
    assert table["n_after"][-1] == 4
    assert table["n_after_exposed"][-1] == 1
