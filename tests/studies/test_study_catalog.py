"""The shipped studies: every definition loads, and every published number is the printed one."""

import csv
import math
import re
from itertools import combinations

import pytest
from scipy.stats import norm

from pipelines.cohorts import load_cohort
from pipelines.settings import REPOSITORY, Settings
from pipelines.studies import list_studies, load_published, load_study

CATALOG = Settings().catalog_dir
SHIPPED = [one.id for one in list_studies(CATALOG) if one.cohort]  # a synthesis of studies has no cohort
INFORM_ONLY = ("memory", "seed")
REFERENCE = REPOSITORY.parent / "shared" / "reference" / "studies" / "published_numbers.csv"


def test_the_first_four_studies_are_there() -> None:
    assert {"dawood2010", "gnerlich2007", "mudgway2020", "vohra2018"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_study_has_its_cohort_targets_and_notes(name: str) -> None:
    study = load_study(name, CATALOG)
    load_cohort(study.cohort, CATALOG)
    assert load_published(name, CATALOG)
    notes = (CATALOG / "studies" / name / "notes.md").read_text(encoding="utf-8")
    for heading in ("**What the", "**Traps.**"):
        assert heading in notes


@pytest.mark.parametrize("name", SHIPPED)
def test_targets_name_analyses_arms_terms_and_levels_of_their_study(name: str) -> None:
    study = load_study(name, CATALOG)
    labels = load_cohort(study.cohort, CATALOG).arms.labels
    arms = {f"{one} vs {other}" for one, other in combinations(labels, 2)}
    covariates = {one.name: one for one in study.covariates}
    refused = study.emulation.refused_outcomes if study.emulation else {}
    for target in load_published(name, CATALOG):
        if target.analysis in refused:
            continue
        if target.comparable == "no" and target.analysis not in study.analysis_names:
            assert target.note
            continue
        assert target.analysis in study.analysis_names
        if target.term in covariates and " vs " in target.contrast:
            one = covariates[target.term]
            level, reference = target.contrast.split(" vs ")
            assert reference == one.reference
            assert level in one.known_levels
        elif " vs " in target.contrast and target.term == study.exposure:
            assert target.contrast.partition(", ")[0] in arms


SAME_FOR_ALL_IN_A_LEVEL = {
    ("arciero2019", "given_systemic"): {"systemic"},
    ("cady2008", "bone"): {"spread"},
    ("wu2017", "subtype"): {"breast_subtype"},
    ("xian2021", "metastatic_site"): {"metastatic_pattern"},  # but for the viscera, which several_viscera has
    ("yang2018", "subtype_by_sites"): {"breast_subtype", "over_two_organs"},
}
TOO_FEW_FOR = {
    ("yang2018", "subtype_by_sites"): {"race_ethnicity", "marital_status", "year", "n_category"}
}  # eight groups, some of a few dozen women: in the notes


@pytest.mark.parametrize("name", SHIPPED)
def test_a_subgroup_leaves_out_of_its_models_only_what_is_the_same_for_all_in_it(name: str) -> None:
    for group in load_study(name, CATALOG).subgroups:
        key = (name, group.name)
        allowed = SAME_FOR_ALL_IN_A_LEVEL.get(key, set()) | TOO_FEW_FOR.get(key, set())
        assert set(group.drop) <= allowed, "a confounder that differs within the subgroup has to stay"


@pytest.mark.parametrize("name", ["bomet", "pons2019"])
def test_subtype_tells_hormone_receptors_apart_among_the_her2_positive(name: str) -> None:
    (subtype,) = [one for one in load_study(name, CATALOG).covariates if one.name == "subtype"]
    assert subtype.known_levels == (
        "hr_pos_her2_neg",
        "hr_pos_her2_pos",
        "hr_neg_her2_pos",
        "triple_negative",
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_several_arms_promise_no_weights_that_they_do_not_get(name: str) -> None:
    """Weights of three arms or more are neither stabilised nor cut, and their variance counts them as estimated."""
    study = load_study(name, CATALOG)
    if load_cohort(study.cohort, CATALOG).arms.others and "weighted_cox" in study.analyses:
        rule = study.design.weight
        assert (rule.stabilised, rule.variance, rule.truncate) == (False, "estimated", None)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_share_matches_only_when_it_is_within_a_third_of_the_printed_one(name: str) -> None:
    """A percentage point is nothing at forty per cent and everything at one. 0.06 may be 0.1 rounded."""
    for target in load_published(name, CATALOG):
        if target.measure != "percent" or target.comparable == "no" or target.verification in INFORM_ONLY:
            continue
        if target.published is not None and target.published != 0.06:
            assert target.allowed <= target.published / 3, target.target


def test_a_death_in_a_hundred_is_no_match_of_six_in_ten_thousand() -> None:
    (rare,) = [one for one in load_published("cordeiro2014", CATALOG) if one.target == "death_not_metastatic"]
    assert 0.04 <= rare.allowed < 0.06


@pytest.mark.parametrize("name", SHIPPED)
def test_a_study_without_the_clinical_stage_beside_it_says_why(name: str) -> None:
    """Surgery finds metastases: no estimator cures that, so every study of surgery is asked again."""
    study = load_study(name, CATALOG)
    notes = (CATALOG / "studies" / name / "notes.md").read_text(encoding="utf-8")
    asked = "stage_clinical" in {one.name for one in study.sensitivity}
    of_everybody_operated_or_recurred = name in ("cordeiro2014", "dawood2010", "giordano2004")
    assert asked or of_everybody_operated_or_recurred or "`stage_clinical`" in notes


def test_mudgway_has_six_odds_ratios_seven_hazard_ratios_and_three_readings_of_the_score() -> None:
    targets = load_published("mudgway2020", CATALOG)
    asked = {
        "logistic_exposure": 6,
        "cox_adjusted": 7,
        "matched_cox": 1,
        "stratified_by_score_cox": 1,
        "weighted_cox": 1,
    }
    by_analysis = {name: [one for one in targets if one.analysis == name] for name in asked}
    assert {name: len(found) for name, found in by_analysis.items()} == asked
    assert any(one.contrast == "any_visceral vs bone_only" for one in by_analysis["cox_adjusted"])


def test_the_25_and_18_months_are_compared_with_medians_of_time_observed_until_the_paper() -> None:
    months = {
        one.subgroup: one for one in load_published("mudgway2020", CATALOG) if one.measure.endswith("months")
    }
    until = "cut_at_paper"
    assert [months[f"{until}, {arm}"].published for arm in ("surgery", "no surgery")] == [25, 18]
    assert set(months) == {until, f"{until}, surgery", f"{until}, no surgery"}
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


SURENESS = ("memory", "seed", "secondary", "computed", "abstract")
"""From least to most: a figure may become surer when somebody reads its source, never less sure."""


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference table is not part of the project")
@pytest.mark.parametrize("name", SHIPPED)
def test_every_numeric_reference_value_is_a_target_as_sure_or_stands_in_the_notes(name: str) -> None:
    notes = (CATALOG / "studies" / name / "notes.md").read_text(encoding="utf-8")
    targets = load_published(name, CATALOG)
    printed = [(one.published, SURENESS.index(one.verification)) for one in targets]
    lost = [
        (row["quantity"], row["group"], row["value"], row["verification"])
        for row in reference_rows(name)
        if is_number(row["value"])
        and not re.search(rf"(?<![\d.]){re.escape(row['value'])}(?![\d.]*\d)", notes)
        and not any(
            same_number(value, float(row["value"])) and sure >= SURENESS.index(row["verification"])
            for value, sure in printed
        )
    ]
    assert lost == []


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference table is not part of the project")
@pytest.mark.parametrize("name", SHIPPED)
def test_every_reference_interval_is_that_of_a_target(name: str) -> None:
    ours = [(one.ci_low, one.ci_high, one.ci_level) for one in load_published(name, CATALOG)]
    for row in reference_rows(name):
        if row["ci_low"] and is_number(row["ci_level"]):
            high = float(row["ci_high"]) if is_number(row["ci_high"]) else None
            assert any(
                level == pytest.approx(float(row["ci_level"]) / 100)
                and same_number(low_limit, float(row["ci_low"]))
                and (high is None or same_number(high_limit, high))
                for low_limit, high_limit, level in ours
            ), row


def reference_rows(name: str) -> list[dict[str, str]]:
    """Rows of the reference table that are about a study, under whatever ids it has there."""
    with (REFERENCE.parent / "study_id_map.csv").open(encoding="utf-8", newline="") as stream:
        ids = {row["study_id"]: row["published_numbers_ids"].split(";") for row in csv.DictReader(stream)}
    with REFERENCE.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["study_id"] in ids.get(name, [name])]


def same_number(ours: float | None, printed: float) -> bool:
    """Equal, or a probability that is printed in percent."""
    return ours is not None and (math.isclose(ours, printed) or math.isclose(100 * ours, printed))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
