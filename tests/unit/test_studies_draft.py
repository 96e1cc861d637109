"""``cohorts study init``: a definition that loads as it is, says what each key means, and overwrites nothing."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut, small_catalog
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.cohorts.yaml_models import load_model
from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.studies import StudyDefinition, load_study, run_study, show_study
from pipelines.studies.catalog import is_evidence, load_as
from pipelines.studies.compare import load_targets
from pipelines.studies.draft import commented, init_study, models_in, words_of
from pipelines.studies.language import (
    ANALYSES,
    BinaryOutcome,
    Covariate,
    ExtraModel,
    Models,
    OtherOutcome,
    OtherRule,
    Outcome,
    Subgroup,
)

CATALOG = small_catalog()
SHIPPED = Settings().catalog_dir


def test_a_new_study_loads_has_no_targets_and_notes_to_fill_in(tmp_path: Path) -> None:
    folder = init_study("mine", CATALOG, out=tmp_path)
    study = load_model(folder / "study.yaml", StudyDefinition)
    assert (study.id, study.cohort) == ("mine", "stage_iv_female_breast")
    assert load_targets(folder / "published.csv") == []
    assert "**Traps.**" in (folder / "notes.md").read_text(encoding="utf-8")


def test_a_new_study_runs_as_it_is_written(tmp_path: Path) -> None:
    catalog = catalog_at(tmp_path)
    init_study("mine", catalog, cohort="stage_iv_her2_positive_2010_2012")
    assert "Question: Do these people live longer" in show_study("mine", catalog)
    facts = run_study(submission(tmp_path, tumors(world(300, seed=1))), "mine", catalog)
    assert facts.n_estimates > 0


def test_every_key_and_every_analysis_is_explained(tmp_path: Path) -> None:
    text = (init_study("mine", CATALOG, out=tmp_path) / "study.yaml").read_text(encoding="utf-8")
    for words in ("Tumor columns beyond those of the cohort.", "window_months: Grace period"):
        assert words in text
    for word, facts in ANALYSES.items():
        assert f"- {word}  # {facts.words}" in text
    for key in StudyDefinition.model_fields:
        assert f"\n{key}:" in text


@pytest.mark.parametrize(
    "name",
    sorted(
        path.parent.name
        for path in SHIPPED.glob("studies/*/study.yaml")
        if not is_evidence(path.parent.name, SHIPPED)
    ),
)
def test_a_study_written_out_with_comments_is_the_same_study(name: str) -> None:
    study = load_as(name, SHIPPED, StudyDefinition)
    assert StudyDefinition.model_validate(yaml.safe_load(commented(study))) == study


def test_a_new_study_takes_over_the_settings_of_another_and_its_own_cohort(tmp_path: Path) -> None:
    folder = init_study("mine", CATALOG, like="vohra2018", cohort="stage_iv_female_breast", out=tmp_path)
    study, other = load_model(folder / "study.yaml", StudyDefinition), load_study("vohra2018", CATALOG)
    assert (study.id, study.cohort, study.models) == ("mine", "stage_iv_female_breast", other.models)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    folder = init_study("mine", CATALOG, out=tmp_path)
    before = (folder / "study.yaml").read_bytes()
    with pytest.raises(InputError, match="nothing is written over"):
        init_study("mine", CATALOG, like="vohra2018", out=tmp_path)
    assert (folder / "study.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "Mine"}, "no id of a study"),
        ({"name": "../mine"}, "no id of a study"),
        ({"name": "mine", "like": "nobody2020"}, "no study 'nobody2020'.*vohra2018"),
        ({"name": "mine", "cohort": "nobody"}, "no cohort 'nobody'.*stage_iv_female_breast"),
    ],
)
def test_what_there_is_not_is_told_and_nothing_is_written(
    settings: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        init_study(settings.pop("name"), CATALOG, out=tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot be written .* --out"):
        init_study("mine", CATALOG, out=tmp_path / "file")


def test_the_words_of_a_key_are_those_of_its_docstring_and_of_what_it_builds_on() -> None:
    assert words_of(Covariate)["per"] == "Unit of a continuous term."
    assert words_of(OtherOutcome)["name"] == "Label of its estimates."
    assert words_of(OtherOutcome)["other_cause"].startswith("SQL boolean of the competing death")


def test_no_two_keys_of_a_block_share_a_comment_and_none_names_an_object_of_the_program() -> None:
    blocks = {StudyDefinition}
    while new := {one for kind in blocks for one in parts(kind)} - blocks:
        blocks |= new
    assert len(blocks) > 10
    for kind in blocks:
        said = [words for words in words_of(kind).values() if words]
        assert len(set(said)) == len(said), kind.__name__
        assert "ANALYSES" not in " ".join(said)


def test_every_key_of_the_blocks_that_a_new_study_has_is_explained() -> None:
    for kind in (StudyDefinition, Covariate, Models, ExtraModel, Outcome, BinaryOutcome, OtherRule, Subgroup):
        assert [key for key in kind.model_fields if not words_of(kind).get(key)] == [], kind.__name__


def parts(kind: type[BaseModel]) -> set[type[BaseModel]]:
    """Blocks that a block may hold."""
    return {one for field in kind.model_fields.values() for one in models_in(field.annotation)}


def test_the_schema_for_editors_names_the_keys() -> None:
    assert {"covariates", "subgroups"} <= set(StudyDefinition.model_json_schema()["properties"])
    assert cut("vohra2018").keys() <= StudyDefinition.model_json_schema()["properties"].keys()


def test_the_command_says_where_it_wrote_and_writes_nothing_twice(tmp_path: Path) -> None:
    asked = ["study", "init", "mine", "--from", "vohra2018", "--out", str(tmp_path)]
    first = CliRunner().invoke(app, asked)
    assert (first.exit_code, first.output.strip()) == (0, f"written: {tmp_path / 'mine'}")
    second = CliRunner().invoke(app, asked)
    assert isinstance(second.exception, InputError)
