"""Another cancer, written as an analyst would: a mapping, a cohort and a study in YAML, and no line of Python.

The people are made up here with a known truth: resection some weeks after diagnosis multiplies the hazard by 0.8,
from the day of the operation on. The old and the sick are resected less often and die sooner.
"""

import csv
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

HERE = Path(__file__).parent / "colorectal"
TRUE_HR, DAYS_PER_MONTH = 0.8, 30.4375
HEADER = "PERSON SEX AGE DIAGNOSED SITE MORPHOLOGY STAGE METS_LUNG CHARLSON RESECTED RESECTION_DAY CHEMO LAST_SEEN DEAD"
SITES = ("C180", "C182", "C187", "C199", "C209", "C181")


def write_people(path: Path, *, n: int = 2400, seed: int = 20260101) -> Path:
    """A hospital's table: dates, its own words, an appendix here and there and some in stage III."""
    draw = np.random.default_rng(seed)
    age, lung = draw.integers(40, 86, n), draw.random(n) < 0.3
    sick = draw.choice(3, n, p=[0.5, 0.3, 0.2])
    site = draw.choice(SITES, n, p=[0.2, 0.2, 0.25, 0.15, 0.18, 0.02])
    stage = draw.choice(["III", "IV"], n, p=[0.1, 0.9])
    began = draw.integers(0, 6 * 365, n)
    hazard = 0.03 * np.exp(0.015 * (age - 60) + 0.4 * lung + np.log(2) / 2 * sick)
    wish = 1 / (1 + np.exp(-(0.4 - 0.03 * (age - 60) - 0.6 * lung - 0.5 * sick)))
    operation = draw.integers(5, 150, n)
    unoperated = draw.exponential(1 / hazard)
    resected = (draw.random(n) < wish) & (unoperated > operation / DAYS_PER_MONTH)
    later = operation / DAYS_PER_MONTH + draw.exponential(1 / (TRUE_HR * hazard))
    death = np.where(resected, later, unoperated)
    months = np.minimum(death, (9 * 365 - began) / DAYS_PER_MONTH)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER.split())
        for i in range(n):
            diagnosed = date(2010, 1, 1) + timedelta(days=int(began[i]))
            row = [f"H{i:05d}", "FM"[i % 2], age[i], diagnosed, site[i], "8140", stage[i], "ny"[int(lung[i])]]
            row += [("0", "1", "2+")[sick[i]], "yes" if resected[i] else "no"]
            row += [operation[i] if resected[i] else "", "yes" if i % 3 else "no"]
            row += [diagnosed + timedelta(days=int(months[i] * DAYS_PER_MONTH)), int(death[i] <= months[i])]
            writer.writerow(row)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home after one command: load, build, validate, study, report, publish."""
    from pipelines.cli import app

    home = tmp_path_factory.mktemp("colorectal")
    people = write_people(home / "people.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COHORTS_CATALOG", str(HERE))
        command = ["run", str(people), "--submission", "colorectal", "--home", str(home)]
        mapping = str(HERE / "mappings" / "hospital.yaml")
        app([*command, "--mapping", mapping, "--study", "colorectal_resection"], standalone_mode=False)
    return home / "submissions" / "colorectal"


@pytest.fixture(scope="module")
def estimates(folder: Path) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    rows = pl.read_csv(folder / "studies" / "colorectal_resection" / "estimates.csv").to_dicts()
    return {(row["analysis"], row["subgroup"], row["term"], row["contrast"]): row for row in rows}


def test_the_example_is_yaml_and_a_table_and_nothing_else() -> None:
    assert {path.suffix for path in HERE.rglob("*") if path.is_file()} <= {".yaml", ".csv", ".md"}


def test_an_analysis_that_counts_from_the_operation_finds_the_truth(
    estimates: dict[tuple[str, str, str, str], dict[str, Any]],
) -> None:
    contrast = ("all", "resection", "resected vs not resected")
    row = estimates["time_varying_cox", *contrast]
    half = (np.log(row["ci_high"]) - np.log(row["ci_low"])) / (2 * 1.959964)
    assert abs(np.log(row["estimate"] / TRUE_HR)) < 3.5 * half


def test_ever_against_never_flatters_the_resection(
    estimates: dict[tuple[str, str, str, str], dict[str, Any]],
) -> None:
    contrast = ("all", "resection", "resected vs not resected")
    assert (
        estimates["ever_never", *contrast]["estimate"] < estimates["time_varying_cox", *contrast]["estimate"]
    )


def test_colon_and_rectum_are_subgroups_of_this_study(
    estimates: dict[tuple[str, str, str, str], dict[str, Any]],
) -> None:
    found = {key[1] for key in estimates if key[0] == "cox_adjusted"}
    assert {"place=colon", "place=rectum"} <= found


def test_both_targets_match(folder: Path) -> None:
    judged = pl.read_csv(folder / "studies" / "colorectal_resection" / "comparison.csv")
    assert judged["verdict"].to_list() == ["match", "match"]


def test_the_appendix_and_stage_three_leave_by_their_rules(folder: Path) -> None:
    lines = pl.read_csv(folder / "cohorts" / "colorectal_stage_iv" / "attrition.csv")
    left = dict(zip(lines["rule_id"], lines["n_excluded"], strict=True))
    assert min(left["colon_or_rectum"], left["stage_iv"]) > 0
    assert left["adenocarcinoma"] == 0


def test_no_check_takes_men_with_bowel_cancer_for_a_mistake(folder: Path) -> None:
    results = pl.read_parquet(folder / "quality" / "results.parquet")
    told = results.filter(pl.col("check_id") == "tumor_sex_mostly_female")
    assert told["status"].to_list() == ["not_applicable"]
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["verdict"]["passed"]


def test_its_page_does_not_speak_of_the_breast(folder: Path) -> None:
    page = (folder / "report" / "colorectal_resection.html").read_text(encoding="utf-8")
    assert "resection" in page.lower()
    assert "breast" not in page.lower()
