"""A definition with mistakes is refused with all of them, each with its line."""

from pathlib import Path

import pytest
from toy_registry import submission, tumors

from pipelines.cohorts import list_cohorts, load_cohort, materialise, show_cohort
from pipelines.cohorts.definition import CohortDefinition
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


def test_a_rule_id_used_twice_is_refused() -> None:
    content = load_cohort("stage_iv_female_breast", CATALOG).model_dump()
    content["rules"] = [content["rules"][0], content["rules"][0]]
    with pytest.raises(ValueError, match="rule ids used twice or reserved: female"):
        CohortDefinition.model_validate(content)


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
    assert all(rule.when in text for rule in definition.rules)


MEMBER = {
    "metastatic_de_novo_vs_metachronous": {
        "disease_presentation": "metachronous",
        "disease_free_interval_months": 30.0,
        "survival_from_metastasis_months": 20.0,
        "entry_from_metastasis_months": 2.0,
    },
    "stage_iv_seer_1988_2003": {"year_of_diagnosis": 1995},
    "stage_iv_seer_1988_2011": {"cause_of_death_group": "breast_cancer", "died_of_breast_cancer": True},
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cohorts_take_the_data_dictionary_and_keep_an_eligible_woman(
    name: str, tmp_path: Path
) -> None:
    """Every rule binds to the columns of the registry model, and someone who meets all of them stays."""
    sub = submission(tmp_path, tumors([MEMBER.get(name, {})]), covered=(1975, 2022))
    facts = materialise(sub, name, CATALOG)
    assert (facts.n_received, facts.n_members, facts.n_exposed) == (1, 1, 1)
