"""A definition with mistakes is refused with all of them, each with its line."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipelines.cohorts import list_cohorts, load_cohort, show_cohort
from pipelines.cohorts.composition import Composition
from pipelines.cohorts.definition import Arms, CohortDefinition, Era, IndexTumor, Rule
from pipelines.cohorts.toys import Expected, Toy, Toys
from pipelines.cohorts.yaml_models import dump_yaml, load_model, settings_hash
from pipelines.errors import InputError
from pipelines.settings import Settings

CATALOG = Settings().catalog_dir
SHIPPED = [one.id for one in list_cohorts(CATALOG)]


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "name: Wrong Name\n"
        "title: t\n"
        "words: w\n"
        "rules:\n"
        "  - id: female\n"
        "    words: Female\n"
        "    reference: r\n"
        "    kind: keep\n"
        "    when: sex = 'female'; drop table tumor\n"
        "arms:\n"
        "  words: a\n"
        "  needs: []\n"
        "  exposed: {label: x, when: operated}\n"
        "  reference: {label: y}\n"
    )
    with pytest.raises(InputError) as error:
        load_model(path, CohortDefinition)
    said = str(error.value)
    assert "4 mistake(s)" in said
    assert "line 1: name" in said
    assert "line 8: rules.0.kind" in said
    assert "line 9: rules.0.when: ';' has no place" in said
    assert "line 14: arms.reference.when" in said


def test_a_definition_with_mistakes_hides_no_other_in_the_list(tmp_path: Path) -> None:
    (tmp_path / "cohorts").mkdir()
    shipped = (CATALOG / "cohorts" / "stage_iv_female_breast.yaml").read_text(encoding="utf-8")
    (tmp_path / "cohorts" / "stage_iv_female_breast.yaml").write_text(shipped, encoding="utf-8")
    (tmp_path / "cohorts" / "broken.yaml").write_text("name: Wrong Name\n", encoding="utf-8")
    broken, whole = list_cohorts(tmp_path)
    assert (broken.id, whole.id) == ("broken", "stage_iv_female_breast")
    assert "`cohorts cohort show broken` tells them" in broken.title
    assert "mistakes" not in whole.title


def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    """YAML takes the last and says nothing: of two conditions one would be lost."""
    path = tmp_path / "twice.yaml"
    path.write_text(
        "name: twice\nrules:\n  - id: female\n    when: 'true'\n    when: sex = 'female'\nname: again\n"
    )
    with pytest.raises(InputError, match=r"twice: line 5: when is there twice; line 6: name is there twice"):
        load_model(path, CohortDefinition)


def test_a_rule_id_used_twice_is_refused() -> None:
    content = load_cohort("stage_iv_female_breast", CATALOG).model_dump()
    content["rules"] = [content["rules"][0], content["rules"][0]]
    with pytest.raises(ValueError, match="rule id used twice or reserved: female"):
        CohortDefinition.model_validate(content)


def test_rule_ids_used_twice_are_told_with_their_line_beside_other_mistakes(tmp_path: Path) -> None:
    content = load_cohort("stage_iv_female_breast", CATALOG).model_dump(mode="json")
    content = {"colour": "blue", **content, "rules": [content["rules"][0], content["rules"][0]]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1: colour: .*; line \d\d: rule id used twice .*: female"):
        load_model(tmp_path / "c.yaml", CohortDefinition)


def test_unknown_cohort_names_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no cohort 'nobody'.*stage_iv_female_breast"):
        load_cohort("nobody", CATALOG)


@pytest.mark.parametrize("name", SHIPPED)
def test_definitions_round_trip(name: str, tmp_path: Path) -> None:
    definition = load_cohort(name, CATALOG)
    (tmp_path / "again.yaml").write_text(dump_yaml(definition), encoding="utf-8")
    again = load_model(tmp_path / "again.yaml", CohortDefinition)
    assert again == definition
    assert settings_hash(again) == settings_hash(definition)


@pytest.mark.parametrize("name", SHIPPED)
def test_shown_sql_is_one_select_with_every_rule(name: str) -> None:
    definition = load_cohort(name, CATALOG)
    text = show_cohort(name, CATALOG)
    assert text.count("from tumor") == 1
    for rule in (*definition.rules, *definition.rules_after_index):
        assert rule.words in text
        assert rule.condition in text
    assert all(arm.label in text for arm in definition.arms.by_role.values())


def test_eras_and_bases_are_shown_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "cohorts"
    folder.mkdir()
    shipped = (CATALOG / "cohorts" / "stage_iv_female_breast.yaml").read_text(encoding="utf-8")
    (folder / "stage_iv_female_breast.yaml").write_text(shipped, encoding="utf-8")
    eras = [era(1975, 1987, "summary_distant"), era(1988, 2015)]
    content = {"name": "long", "title": "t", "words": "w", "base": "stage_iv_female_breast"}
    replaced = rule(id="stage_iv", words="Distant or stage IV", eras=eras)
    (folder / "long.yaml").write_text(yaml.safe_dump({**content, "replace": [replaced]}), encoding="utf-8")
    text = show_cohort("long", tmp_path)
    assert "Based on stage_iv_female_breast; what follows is the whole." in text
    assert "7. Distant or stage IV [stage_iv]" in text
    assert "1975 to 1987: w (r): summary_distant" in text
    assert "other years: unknown" in text


def rule(**changes: Any) -> dict[str, Any]:
    return {"id": "one", "words": "w", "reference": "r", "kind": "include"} | changes


def era(first: int, last: int, when: str = "stage_iv") -> dict[str, Any]:
    return {"first": first, "last": last, "words": "w", "reference": "r", "when": when}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "give either when or eras"),
        ({"when": "stage_iv", "eras": [era(1975, 1987)]}, "give either when or eras"),
        ({"eras": [era(1988, 2003), era(1975, 1988)]}, "two eras hold for 1988: each diagnosis year has one"),
        ({"eras": [era(1988, 1975)]}, "the first year 1988 is after the last 1975"),
    ],
)
def test_a_rule_says_it_once_for_each_year(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Rule.model_validate(rule(**changes))


def test_another_order_of_tumors_needs_words_of_its_own() -> None:
    with pytest.raises(ValueError, match="another order needs words"):
        IndexTumor.model_validate({"order_by": ["year_of_diagnosis desc"]})
    keys = IndexTumor(
        words="Largest", order_by=("tumor_size_mm desc", "case when stage_iv then 0 end")
    ).sort_keys
    assert keys == (("tumor_size_mm", True), ("case when stage_iv then 0 end", False))


@pytest.mark.parametrize("name", ["arm", "left_because", "patient_id", "index_tumor"])
def test_a_rule_is_not_called_as_a_column_of_the_outcomes(name: str) -> None:
    content = load_cohort("stage_iv_female_breast", CATALOG).model_dump()
    content["rules"][0]["id"] = name
    with pytest.raises(ValueError, match=f"used twice or reserved: {name}"):
        CohortDefinition.model_validate(content)


@pytest.mark.parametrize(
    "model", [CohortDefinition, Rule, Era, IndexTumor, Arms, Composition, Toys, Toy, Expected]
)
def test_the_catalog_explains_every_key(model: type[BaseModel]) -> None:
    text = (CATALOG / "cohorts" / "README.md").read_text(encoding="utf-8")
    missing = [key for key in model.model_fields if f"{key}:" not in text]
    assert missing == []
