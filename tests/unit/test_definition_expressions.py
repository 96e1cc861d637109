"""Expressions of definitions that cannot be used: told with file, line and plain words, before there is any record."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_registry import submission, tumors

from pipelines import steps
from pipelines.cohorts import load_cohort, materialise, show_cohort, write_cohort
from pipelines.cohorts.catalog import checked_cohort, cohort_names
from pipelines.cohorts.conditions import Expression, empty_registry, mistake_in
from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.studies import load_study, show_study
from pipelines.studies.catalog import checked_study
from pipelines.studies.compare import load_targets, require_all_joined

CATALOG = Settings().catalog_dir
COHORT = "stage_iv_female_breast"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog of a site's own with a cohort and a study."""
    folder = tmp_path / "catalog"
    for path in (f"cohorts/{COHORT}.yaml", "studies/vohra2018/study.yaml", "studies/vohra2018/published.csv"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes((CATALOG / path).read_bytes())
    study = load_study("vohra2018", CATALOG).cohort
    for name in cohort_names(CATALOG) if study != COHORT else []:
        (folder / "cohorts" / f"{name}.yaml").write_bytes((CATALOG / "cohorts" / f"{name}.yaml").read_bytes())
    return folder


def said_instead(path: Path, old: str, new: str) -> int:
    """Change the first place of a text in a file; its line."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("agegroup in ('50-59')", "there is no column agegroup (near: age_group)"),
        ("age_group in ('50-59'", "the expression does not end: a bracket is open, or something is missing"),
        ("age_group = '50-59", "the expression does not end: a quote is open"),
        ("died and and operated", "the expression cannot be read from and on"),
        ("died operated", "the expression cannot be read from operated on"),
        ("upp(sex) = 'A'", "there is no function upp"),
        ("tumor2.sex = 'A'", "there is no table tumor2: a column stands by its name alone"),
        ("cast(sex as words)", "there is no type words"),
        ("operated + sex", "+(BOOLEAN, VARCHAR) cannot be done with values of these types"),
        ("radiation = 'none'", "radiation has "),
        ("sex in ('female', 'Female')", "sex has female, male, other, unknown, not_released, not 'Female'"),
        ("sex <> 'f' or 'f' = sex", "sex has female, male, other, unknown, not_released, not 'f'"),
        (
            "nullif(sex, 'unknwn') = 'female'",
            "sex has female, male, other, unknown, not_released, not 'unknwn'",
        ),
        ("sex = 'female' and primary_site = 'C500' and histology_icdo3 not in ('8500')", ""),
    ],
)
def test_what_is_wrong_with_an_expression_is_said_without_a_word_of_duckdb(sql: str, words: str) -> None:
    with empty_registry() as con:
        found = mistake_in(con, Expression("rule", (), sql, "boolean"))
    assert found.startswith(words) if words else found == ""
    assert "Error" not in found


def test_a_cohort_that_is_shown_tells_every_wrong_expression_with_its_line(catalog: Path) -> None:
    path = catalog / "cohorts" / f"{COHORT}.yaml"
    sex = said_instead(path, "nullif(sex,", "nullif(sexx,")
    behavior = said_instead(path, "= 'invasive'", "= 'invasiv'")
    for look in (show_cohort, checked_cohort):
        with pytest.raises(InputError) as error:
            look(COHORT, catalog)
        said = str(error.value)
        assert "2 mistake(s)" in said
        assert f"line {sex}: female: there is no column sexx (near: sex)" in said
        assert f"line {behavior}: invasive: behavior has invasive, in_situ" in said
        assert f"Where: {path}." in said


def test_a_mistake_in_the_base_of_a_cohort_is_told_in_the_file_of_the_base(catalog: Path) -> None:
    line = said_instead(catalog / "cohorts" / f"{COHORT}.yaml", "nullif(sex,", "nullif(sexx,")
    child = {"name": "child", "title": "t", "words": "w", "base": COHORT}
    (catalog / "cohorts" / "child.yaml").write_text(yaml.safe_dump(child), encoding="utf-8")
    with pytest.raises(InputError, match=rf"line {line}: female: .*{COHORT}\.yaml"):
        show_cohort("child", catalog)
    rule = {"id": "old", "words": "w", "reference": "r", "kind": "exclude", "when": "agee > 90"}
    (catalog / "cohorts" / "child.yaml").write_text(
        yaml.safe_dump(child | {"replace": [rule | {"id": "female"}]})
    )
    with pytest.raises(InputError, match=r"female: there is no column agee.*child\.yaml"):
        show_cohort("child", catalog)


def test_a_study_that_is_shown_or_checked_tells_every_wrong_expression_with_its_line(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalog / "studies" / "vohra2018" / "study.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["covariates"][0]["column"] = "agegroup"
    content["outcome"]["event"] = "dead"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    line = {text.strip(" -"): number for number, text in enumerate(lines, 1)}
    monkeypatch.setenv("COHORTS_CATALOG", str(catalog))

    def check(name: str, _: Path) -> Any:
        return steps.check_studies([name])

    for look in (show_study, checked_study, check):
        with pytest.raises(InputError) as error:
            look("vohra2018", catalog)
        said = str(error.value)
        assert f"line {line['event: dead']}: outcome.event: there is no column dead" in said
        assert f"line {line['column: agegroup']}: covariates." in said
        assert "there is no column agegroup (near: age_group)" in said
        assert f"Where: {path}." in said


def test_every_cohort_of_the_catalog_passes_the_check() -> None:
    for name in cohort_names(CATALOG):
        assert checked_cohort(name, CATALOG) == load_cohort(name, CATALOG)


def test_what_only_the_records_tell_names_the_file_that_is_in_use(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COHORTS_CATALOG", str(catalog))
    path = catalog / "cohorts" / f"{COHORT}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["arms"]["reference"]["when"] = "operated or not operated"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match="arms that hold for one and the same record") as error:
        materialise(submission(tmp_path, tumors([{}])), COHORT, catalog)
    assert error.value.where == f"{path}, arms"
    made = load_cohort(COHORT, catalog).model_copy(update={"name": "made_here"})
    with pytest.raises(InputError) as error:
        write_cohort(submission(tmp_path, tumors([{}])), made)
    assert error.value.where == "cohort made_here, arms", "no file is named that is not there"


def test_a_target_that_joins_to_nothing_is_told_with_its_file_and_line(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COHORTS_CATALOG", str(catalog))
    path = catalog / "studies" / "vohra2018" / "published.csv"
    second = load_targets(path)[1].target
    with pytest.raises(InputError, match=rf"line 3: {second} \(all, surgery\)") as error:
        require_all_joined({second: "all, surgery"}, "vohra2018")
    assert error.value.where == str(path)


def test_a_wrong_word_in_an_arm_is_a_mistake_of_the_definition_and_no_refusal_of_the_source(
    catalog: Path, tmp_path: Path
) -> None:
    path = catalog / "cohorts" / f"{COHORT}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["arms"]["exposed"]["when"] = "radiation in ('some', 'yes')"
    content["arms"]["reference"]["when"] = "radiation = 'none'"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(InputError) as error:
        materialise(submission(tmp_path, tumors([{}])), COHORT, catalog)
    for words in (
        "arms.exposed: radiation has ",
        "not 'some'",
        "arms.reference: radiation has ",
        "not 'none'",
    ):
        assert words in str(error.value)
