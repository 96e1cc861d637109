"""The shipped studies: every definition loads, and every published number is the printed one."""

import csv
import math

import pytest
from scipy.stats import norm

from pipelines.cohorts import load_cohort
from pipelines.settings import REPOSITORY, Settings
from pipelines.studies import list_studies, load_published, load_study

CATALOG = Settings().catalog_dir
SHIPPED = [one.id for one in list_studies(CATALOG)]
REFERENCE = REPOSITORY.parent / "shared" / "reference" / "studies" / "published_numbers.csv"


def test_the_four_studies_are_there() -> None:
    assert SHIPPED == ["dawood2010", "gnerlich2007", "mudgway2020", "vohra2018"]


@pytest.mark.parametrize("name", SHIPPED)
def test_each_study_has_its_cohort_targets_and_notes(name: str) -> None:
    study = load_study(name, CATALOG)
    load_cohort(study.cohort, CATALOG)
    assert load_published(name, CATALOG)
    notes = (CATALOG / "studies" / name / "notes.md").read_text(encoding="utf-8")
    for heading in ("**What the paper did.**", "**What it does not say", "**Traps.**"):
        assert heading in notes


@pytest.mark.parametrize("name", SHIPPED)
def test_targets_name_analyses_terms_and_levels_of_their_study(name: str) -> None:
    study = load_study(name, CATALOG)
    cohort = load_cohort(study.cohort, CATALOG)
    arms = f"{cohort.arms.exposed.label} vs {cohort.arms.reference.label}"
    for target in load_published(name, CATALOG):
        if target.comparable == "no" and target.analysis not in study.analysis_names:
            assert target.note
            continue
        assert target.analysis in study.analysis_names
        if target.measure in ("hr", "or"):
            covariates = {one.name: one for one in study.covariates}
            if target.term == study.exposure:
                assert target.contrast == arms
            else:
                one = covariates[target.term]
                level, reference = target.contrast.split(" vs ")
                assert reference == one.reference
                assert level in one.known_levels


def test_mudgway_has_six_odds_ratios_seven_hazard_ratios_and_the_propensity_one() -> None:
    targets = load_published("mudgway2020", CATALOG)
    by_analysis = {
        name: [one for one in targets if one.analysis == name]
        for name in ("logistic_exposure", "cox_adjusted", "matched_cox")
    }
    assert {name: len(found) for name, found in by_analysis.items()} == {
        "logistic_exposure": 6,
        "cox_adjusted": 7,
        "matched_cox": 1,
    }
    assert any(one.contrast == "any_visceral vs bone_only" for one in by_analysis["cox_adjusted"])


def test_the_25_and_18_months_are_compared_with_medians_of_observed_time() -> None:
    months = {
        one.subgroup: one for one in load_published("mudgway2020", CATALOG) if one.measure.endswith("months")
    }
    assert (months["surgery"].published, months["no surgery"].published) == (25, 18)
    assert {one.measure for one in months.values()} == {"naive_median_months"}


def test_all_numbers_of_vohra_inform_and_none_can_fail() -> None:
    assert {one.verification for one in load_published("vohra2018", CATALOG)} == {"seed"}


def test_trials_stand_in_one_orientation_at_one_confidence_level() -> None:
    """From the printed ratio, its level and orientation follow the harmonised ones."""
    with (CATALOG / "evidence" / "trials.csv").open(encoding="utf-8", newline="") as stream:
        trials = list(csv.DictReader(stream))
    assert len(trials) == 5
    for row in trials:
        printed = [float(row[f"printed_{name}"]) for name in ("hr", "ci_low", "ci_high")]
        if row["orientation"] == "inverted":
            printed = [1 / printed[0], 1 / printed[2], 1 / printed[1]]
        value, low, high = printed
        if row["printed_ci_level"] != row["ci_level"]:
            half = (math.log(high) - math.log(low)) / 2 * norm.ppf(0.975) / norm.ppf(0.95)
            low, high = value * math.exp(-half), value * math.exp(half)
        harmonised = [float(row[name]) for name in ("hr", "ci_low", "ci_high")]
        assert harmonised == pytest.approx([value, low, high], abs=6e-4)
        assert low < value < high
    assert {row["trial"] for row in trials if row["orientation"] == "inverted"} == {"abcsg28"}
    assert {row["trial"] for row in trials if row["printed_ci_level"] == "0.9"} == {"ea2108", "jcog1017"}


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference table is not part of the project")
@pytest.mark.parametrize("name", SHIPPED)
def test_every_numeric_reference_value_is_a_target(name: str) -> None:
    with REFERENCE.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["study_id"] == name]
    values = {(float(row["value"]), row["verification"]) for row in rows if is_number(row["value"])}
    targets = load_published(name, CATALOG)
    assert values <= {(one.published, one.verification) for one in targets}
    intervals = {
        (float(row["ci_low"]), float(row["ci_high"]))
        for row in rows
        if row["ci_low"] and row["ci_level"] == "95"
    }
    assert intervals == {(one.ci_low, one.ci_high) for one in targets if one.ci_low is not None}


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
