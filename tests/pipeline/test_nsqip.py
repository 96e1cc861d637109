"""Two years of a made-up NSQIP participant use file through load, build and the gate; every operation is invented."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import steps
from pipelines.registry import build
from pipelines.settings import Settings
from pipelines.store import Home

MAPPING = Settings().catalog_dir / "mappings" / "nsqip.yaml"
COMPLICATIONS = {
    "SUPINFEC": "Superficial Incisional SSI",
    "WNDINFD": "Deep Incisional SSI",
    "ORGSPCSSI": "Organ/Space SSI",
    "DEHIS": "Wound Disruption",
    "OUPNEUMO": "Pneumonia",
    "REINTUB": "Unplanned Intubation",
    "PULEMBOL": "Pulmonary Embolism",
    "FAILWEAN": "On Ventilator greater than 48 Hours",
    "RENAINSF": "Progressive Renal Insufficiency",
    "OPRENAFL": "Acute Renal Failure",
    "URNINFEC": "Urinary Tract Infection",
    "CNSCVA": "Stroke/CVA",
    "CDARREST": "Cardiac Arrest Requiring CPR",
    "CDMI": "Myocardial Infarction",
    "OTHBLEED": "Transfusions/Intraop/Postop",
    "OTHDVT": "DVT Requiring Therapy",
    "OTHSYSEP": "Sepsis",
    "OTHSESHOCK": "Septic Shock",
}
QUIET = dict.fromkeys(COMPLICATIONS, "No Complication")


def operation(case: int, **fields: str) -> dict[str, str]:
    """One operation of 2008: a lumpectomy without any complication, unless said otherwise."""
    return {
        "CaseID": str(case),
        "SEX": "female",
        "RACE_NEW": "White",
        "ETHNICITY_HISPANIC": "N",
        "Age": "61",
        "OperYR": "2008",
        "CPT": "19301",
        "PODIAG": "174.4",
        "DISCANCR": "No",
        "ASACLAS": "2-Mild Disturb",
        "HEIGHT": "65",
        "WEIGHT": "150",
        "DIABETES": "NO",
        "SMOKE": "No",
        "HYPERMED": "Yes",
        "CNSCOMA": "No Complication",
        "NEURODEF": "No Complication",
        "OTHGRAFL": "No Complication",
        "RETURNOR": "No",
        "TOTHLOS": "1",
        "DOpertoD": "-99",
        **QUIET,
        **fields,
    }


def of_2016(case: int, **fields: str) -> dict[str, str]:
    """One operation of 2016: other variables are collected, and the diagnosis is ICD-10."""
    early = operation(case)
    for gone in ("CNSCOMA", "NEURODEF", "OTHGRAFL", "RETURNOR", "PODIAG"):
        del early[gone]
    late = {
        "OperYR": "2016",
        "PODIAG": "NULL",
        "PODIAG10": "C50.412",
        "OTHCDIFF": "No Complication",
        "READMISSION1": "No",
        "UNPLANNEDREADMISSION1": "NULL",
        "REOPERATION1": "No",
    }
    return {**early, **late, **fields}


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("nsqip")
    early = [
        operation(1, DISCANCR="Yes", OUPNEUMO="Pneumonia", DOpertoD="12", CPT="19303"),
        operation(2, Age="90+", SEX="Female", NEURODEF="Peripheral Nerve Injury", CPT="19160"),
        operation(3, OTHBLEED="NULL", RACE_NEW="NULL", HEIGHT="-99", ETHNICITY_HISPANIC="NULL"),
        operation(4, CPT="47562", PODIAG="574.10", SEX="male"),
        *(operation(100 + number) for number in range(150)),
    ]
    late = [
        of_2016(5, READMISSION1="Yes", UNPLANNEDREADMISSION1="Yes", REOPERATION1="Yes", OTHCDIFF="C. diff"),
        of_2016(6, PODIAG10="D05.12", DISCANCR="1", OTHDVT="DVT Requiring Therap"),
        *(of_2016(300 + number) for number in range(150)),
    ]
    return [write(folder / "acs_nsqip_puf08.txt", early), write(folder / "acs_nsqip_puf16.txt", late)]


@pytest.fixture(scope="module")
def home(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    steps.load(home, files, "nsqip-toy", mapping=MAPPING)
    build(home.building("nsqip-toy"))
    return home


@pytest.fixture(scope="module")
def operations(home: Home) -> dict[str, dict[str, Any]]:
    rows = pl.read_parquet(home.building("nsqip-toy").registry_table("tumor")).to_dicts()
    return {row["patient_id"]: row for row in rows}


def test_every_operation_of_both_years_is_one_row(operations: dict[str, dict[str, Any]]) -> None:
    assert len(operations) == 306
    assert {row["source_file"] for row in operations.values()} == {
        "acs_nsqip_puf08.txt",
        "acs_nsqip_puf16.txt",
    }
    assert (operations["1"]["year_of_surgery"], operations["5"]["year_of_surgery"]) == (2008, 2016)


def test_what_was_operated_on_is_told_by_diagnosis_and_cpt(operations: dict[str, dict[str, Any]]) -> None:
    told = ("primary_site", "behavior", "primary_surgery", "operated")
    assert [operations["1"][name] for name in told] == ["C504", "invasive", "mastectomy", True]
    assert [operations["2"][name] for name in told] == ["C504", "invasive", "breast_conserving", True]
    assert [operations["6"][name] for name in told] == ["C509", "in_situ", "breast_conserving", True]
    assert [operations["4"][name] for name in told] == ["unknown", "unknown", "unknown", None]


def test_disseminated_cancer_is_not_stage_iv(operations: dict[str, dict[str, Any]]) -> None:
    assert [operations[case]["disseminated_cancer"] for case in "126"] == ["yes", "no", "yes"]
    assert {row["stage_iv"] for row in operations.values()} == {None}


def test_complications_come_by_family_and_what_was_not_collected_says_nothing(
    operations: dict[str, dict[str, Any]],
) -> None:
    assert (operations["1"]["complication_30_days"], operations["1"]["complication_respiratory"]) == (
        "yes",
        "yes",
    )
    assert operations["2"]["complication_neurologic"] == "yes"
    assert operations["5"]["complication_infectious"] == "yes"
    assert operations["6"]["complication_thromboembolic"] == "yes"
    assert (operations["3"]["complication_bleeding"], operations["3"]["complication_30_days"]) == (
        "unknown",
    ) * 2
    assert (operations["100"]["complication_30_days"], operations["300"]["complication_30_days"]) == (
        "no",
        "no",
    )


def test_deaths_readmissions_and_reoperations_are_within_thirty_days(
    operations: dict[str, dict[str, Any]],
) -> None:
    outcomes = ("died_within_30_days_of_surgery", "readmitted_30_days", "reoperation_30_days")
    assert [operations["1"][name] for name in outcomes] == ["yes", "unknown", "no"]
    assert [operations["5"][name] for name in outcomes] == ["no", "unplanned", "yes"]
    assert [operations["300"][name] for name in outcomes] == ["no", "no", "no"]


def test_people_are_as_recorded_and_missing_is_never_a_number(operations: dict[str, dict[str, Any]]) -> None:
    assert (operations["2"]["age_at_diagnosis_years"], operations["2"]["age_top_coded"]) == (90, True)
    assert (operations["1"]["age_at_diagnosis_years"], operations["1"]["age_top_coded"]) == (61, False)
    assert operations["1"]["body_mass_index"] == 25.0  # 150 lb at 65 inches
    assert operations["3"]["body_mass_index"] is None
    assert (operations["3"]["race_ethnicity"], operations["1"]["race_ethnicity"]) == (
        "unknown",
        "non_hispanic_white",
    )
    assert [operations["1"][name] for name in ("asa_class", "diabetes", "smoker", "hypertension")] == [
        "2",
        "no",
        "no",
        "yes",
    ]


def test_the_source_says_what_it_cannot_answer(home: Home) -> None:
    said = pl.read_parquet(home.building("nsqip-toy").registry_table("ascertainment"))
    by_variable = {row["variable"]: row for row in said.to_dicts()}
    for variable in ("stage_iv", "survival_months", "chemotherapy", "year_of_diagnosis"):
        assert by_variable[variable]["status"] == "not_released", variable
    assert by_variable["complication_30_days"]["status"] == "derived"
    assert by_variable["disseminated_cancer"]["status"] == "recorded"


def test_a_column_that_no_year_has_is_not_released(files: list[Path], tmp_path: Path) -> None:
    home = Home(tmp_path)
    steps.load(home, files[:1], "nsqip-2008", mapping=MAPPING)
    build(home.building("nsqip-2008"))
    tumors = pl.read_parquet(home.building("nsqip-2008").registry_table("tumor"))
    assert set(tumors["readmitted_30_days"]) == {"not_released"}


def test_the_gate_passes_it(home: Home, cohorts: Callable[..., tuple[int, str, str]]) -> None:
    code, said, complained = cohorts("validate", "nsqip-toy", "--home", home.root)
    assert (code, complained) == (0, ""), complained
    assert "passed" in said
