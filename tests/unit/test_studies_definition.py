"""The study language: what it accepts, and that every mistake is told at once."""

from pathlib import Path

import pytest
from toy_studies import cut

from pipelines.cohorts import load_cohort
from pipelines.cohorts.yaml_models import dump_yaml, load_model, settings_hash
from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.studies import is_evidence, load_published, load_study, show_study
from pipelines.studies.catalog import load_as
from pipelines.studies.language import ANALYSES, Covariate, OtherRule, StudyDefinition
from pipelines.studies.plan import require_rules
from pipelines.studies.protocol import OURS, PAPER
from pipelines.studies.variants import other_cohort

CATALOG = Settings().catalog_dir
SHIPPED = sorted(
    path.parent.name
    for path in CATALOG.glob("studies/*/study.yaml")
    if not is_evidence(path.parent.name, CATALOG)
)


@pytest.mark.parametrize("name", SHIPPED)
def test_definitions_round_trip_with_their_hash(name: str, tmp_path: Path) -> None:
    study = load_as(name, CATALOG, StudyDefinition)
    (tmp_path / "again.yaml").write_text(dump_yaml(study), encoding="utf-8")
    again = load_model(tmp_path / "again.yaml", StudyDefinition)
    assert again == study
    assert settings_hash(again) == settings_hash(study)


def test_one_changed_setting_changes_the_hash() -> None:
    study = load_study("mudgway2020", CATALOG)
    match = study.matching.model_copy(update={"caliper": 0.25})
    wider = study.model_copy(update={"design": study.design.model_copy(update={"match": match})})
    assert settings_hash(wider) != settings_hash(study)


def test_mistakes_across_the_file_are_told_together() -> None:
    content = cut("vohra2018")
    content["models"] = {"cox": ["age_group", "income"], "propensity": ["age_group"]}
    content["covariates"] = [*content["covariates"], content["covariates"][0]]
    content["analyses"] = ["matched_km", "logistic_exposure"]
    with pytest.raises(ValueError, match="covariate age_group is there twice") as error:
        StudyDefinition.model_validate(content)
    for words in (
        "model cox uses income, which is not a covariate",
        "logistic_exposure has no covariates under models",
        "matched_km needs matched_cox",
        "the primary analysis matched_cox is not one of the analyses",
    ):
        assert words in str(error.value)


def test_an_entry_that_a_list_has_twice_is_told() -> None:
    content = cut("vohra2018")
    content["models"] = {"cox": ["age_group", "age_group"], "propensity": ["age_group"]}
    content["analyses"] = [*content["analyses"], content["analyses"][0]]
    with pytest.raises(ValueError, match="model cox names age_group twice") as error:
        StudyDefinition.model_validate(content)
    assert f"analyses names {content['analyses'][0]} twice" in str(error.value)
    assert "propensity names" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"column": "grade", "sql": "grade", "reference": "a"}, "either column or sql"),
        ({"column": "grade"}, "needs its reference level"),
        ({"column": "age_at_diagnosis_years", "kind": "continuous"}, "complete_case"),
        ({"column": "grade", "reference": "a", "levels": ["b", "c"]}, "'a' is not one of the levels"),
    ],
)
def test_a_covariate_is_whole(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Covariate.model_validate({"name": "x", "words": "x", **settings})


def test_an_unknown_key_is_named_with_its_line(tmp_path: Path) -> None:
    text = (CATALOG / "studies" / "gnerlich2007" / "study.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  match:"))
    lines.insert(at + 1, "    calliper: 0.2")
    path = tmp_path / "study.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=rf"line {at + 2}: design.match.calliper: there is no such key"):
        load_model(path, StudyDefinition)


def test_an_unknown_study_names_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no study 'mudgway'.*gnerlich2007, .*mudgway2020"):
        load_study("mudgway", CATALOG)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_protocol_says_cohort_arms_outcome_and_whose_choices_they_are(name: str) -> None:
    study = load_study(name, CATALOG)
    text = show_study(name, CATALOG)
    assert study.question in text
    for one in (study.outcome, *study.other_outcomes, *study.binary_outcomes, *study.covariates):
        assert one is None or one.words in text
    for word in study.analyses:
        assert ANALYSES[word].words in text
    for target in load_published(name, CATALOG):
        assert f"{target.target}: {target.measure}" in text
    if "matched_cox" in study.analyses:
        line = next(line for line in text.splitlines() if line.startswith("  Matching:"))
        assert (PAPER if study.matching.stated_in_paper else OURS) in line


def test_baseline_only_leaves_out_what_is_known_after_diagnosis() -> None:
    study = load_study("mudgway2020", CATALOG)
    names = [one.name for one in study.terms(study.models.propensity, baseline_only=True)]
    assert study.has_reanalysis
    assert set(study.models.propensity) - set(names) == {"chemo_targeted", "endocrine", "radiation"}
    assert not StudyDefinition.model_validate(cut("vohra2018")).has_reanalysis


def test_a_sensitivity_analysis_names_a_rule_that_its_cohort_has() -> None:
    cohort = load_cohort("stage_iv_her2_positive_2010_2012", CATALOG)
    said = {"name": "other", "words": "Otherwise", "reference": "a test", "when": "stage_iv_clinical"}
    there = other_cohort(cohort, OtherRule(rule="stage_iv", **said))
    assert there.name == "stage_iv_her2_positive_2010_2012_other"
    assert [rule.id for rule in there.rules] == [rule.id for rule in cohort.rules]
    assert [rule.when for rule in there.rules if rule.id == "stage_iv"] == ["stage_iv_clinical"]
    wrong = [OtherRule(rule=rule, **{**said, "name": f"no_{rule}"}) for rule in ("stage", "her3")]
    study = StudyDefinition.model_validate(cut("mudgway2020")).model_copy(
        update={"sensitivity": tuple(wrong)}
    )
    with pytest.raises(InputError, match=r"no_stage \(rule stage\), no_her3 \(rule her3\).*stage_iv, "):
        require_rules(study, cohort)


MANY = """\
id: many
title: Many mistakes
question: What is told?
sources: [ncdb]
cohort: c
exposure: surgery
colour: blue
outcome:
  kind: overall
  words: Death
  zero_months: 3
covariates:
  - {name: age, words: Age, column: age_group, reference: young}
  - {name: age, words: Age again, column: age_group, reference: young}
models:
  cox: [age, income]
  ties: breslowe
analyses:
  - km
  - cox_adjusted
  - fine_gray
  - landmark
  - weighted
primary: matched_cox
subgroups:
  - {name: all, words: All, column: age_group, levels: [young], drop: [weight], outcomes: [progression]}
fallbacks:
  - {instead_of: [landmrk], use: [undated_landmark], primary: landmark_6, words: None}
"""


def test_a_file_with_many_mistakes_tells_each_with_its_line(tmp_path: Path) -> None:
    """Those of a key and those across keys, at once: nobody corrects a file ten times."""
    path = tmp_path / "study.yaml"
    path.write_text(MANY, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_model(path, StudyDefinition)
    said = str(error.value)
    for line, words in {
        7: "colour: there is no such key",
        11: "outcome.zero_months",
        14: "covariate age is there twice",
        16: "model cox uses income, which is not a covariate",
        17: "models.ties",
        21: "fine_gray needs outcome.other_cause",
        22: "landmark needs timing",
        23: "analyses: there is no analysis weighted",
        24: "the primary analysis matched_cox is not one of the analyses",
        26: "all is a reserved label",
        28: "fallbacks[0].instead_of: there is no analysis landmrk",
    }.items():
        assert f"line {line}: {words}" in said
    for words in (
        "subgroup all uses weight, which is not a covariate",
        "subgroup all: there is no other outcome progression",
        "fallbacks[0]: the primary landmark_6 is not one of what it uses",
    ):
        assert words in said
    assert "not a covariate" in said
    assert "uses age" not in said, "nothing is told that is right"


def test_mistakes_that_may_come_from_another_mistake_are_not_told(tmp_path: Path) -> None:
    """A covariate that is no covariate yet: whether models use it rightly cannot be known; all else is told."""
    path = tmp_path / "study.yaml"
    path.write_text(
        MANY.replace("name: age, words: Age,", "name: size, words: Size,")
        .replace(", reference: young}", "}", 1)
        .replace("cox: [age, income]", "cox: [size, age, income]"),
        encoding="utf-8",
    )
    with pytest.raises(InputError) as error:
        load_model(path, StudyDefinition)
    said = str(error.value)
    assert "line 13: covariates.0: a categorical covariate needs its reference level" in said
    assert "uses size" not in said
    assert "line 16: model cox uses income, which is not a covariate" in said
    assert "line 24: the primary analysis matched_cox is not one of the analyses" in said


def test_a_wrong_word_in_a_list_or_a_wrong_id_hides_no_mistake_across_keys(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        MANY.replace("[ncdb]", "[ncbd]")
        .replace("kind: overall", "kind: overal")
        .replace("exposure: surgery", "exposure: Surgery"),
        encoding="utf-8",
    )
    with pytest.raises(InputError) as error:
        load_model(path, StudyDefinition)
    said = str(error.value)
    for words in (
        "line 4: sources.0: should be one of ncdb, seer, naaccr, mapped",
        "line 6: exposure: should be of small letters",
        "line 9: outcome.kind: should be one of overall, disease_specific",
        "line 14: covariate age is there twice",
        "line 16: model cox uses income, which is not a covariate",
        "line 24: the primary analysis matched_cox is not one of the analyses",
    ):
        assert words in said


def test_the_line_of_a_mistake_is_that_of_the_file_though_an_entry_before_it_is_wrong(tmp_path: Path) -> None:
    """The second "age" is the third covariate of the file, and the second of those that can be judged."""
    path = tmp_path / "study.yaml"
    wrong = "covariates:\n  - {name: size, words: Size, column: tumor_size_mm}\n"
    path.write_text(MANY.replace("covariates:\n", wrong), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_model(path, StudyDefinition)
    assert "line 13: covariates.0: a categorical covariate needs" in str(error.value)
    assert "line 15: covariate age is there twice" in str(error.value)


def test_no_word_of_pydantic_reaches_the_author_of_a_definition(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    wrong = (
        MANY.replace("exposure: surgery", "exposure: Breast Surgery\ntier: two\nconfidence_level: 95")
        .replace("[ncdb]", "[ncbd]")
        .replace("words: Age again,", "words: Age again, strong: perhaps, per: much, levels: old,")
        .replace(
            "  ties:", "  rare_level_minimum: 0\n  extra: [{name: age, words: A, covariates: [age]}]\n  ties:"
        )
        .replace("  words: Death", "  words: 3")
    )
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_model(path, StudyDefinition)
    said = str(error.value)
    for words in (
        "exposure: should be of small letters, digits and underscores, a letter first",
        "tier: should be a whole number",
        "confidence_level: should be less than 1",
        "sources.0: should be one of ncdb, seer, naaccr, mapped",
        "outcome.words: should be text",
        "outcome.zero_months: should be one of keep_as_half_month, drop, keep",
        "covariates.1.strong: should be true or false",
        "covariates.1.per: should be a number",
        "covariates.1.levels: should be a list",
        "models.rare_level_minimum: should be 1 or more",
        "models.extra.0.name: should be 'cox_' and then small letters, digits and underscores",
        "models.ties: should be one of efron, breslow",
    ):
        assert words in said
    assert "nput should" not in said
    assert "tring should" not in said
