"""A cohort that is another with changes: what it takes over, what it may change, and every mistake with its line."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from toy_registry import submission, tumors

from pipelines.cohorts import load_cohort, materialise
from pipelines.cohorts.yaml_models import settings_hash
from pipelines.errors import InputError
from pipelines.settings import Settings

BASE = "stage_iv_her2_positive_2010_2012"
CLINICAL: dict[str, Any] = {
    "name": "clinical",
    "title": "The same, staged before surgery",
    "words": "A made-up cohort.",
    "base": BASE,
    "replace": [
        {
            "id": "stage_iv",
            "words": "Stage IV before surgery",
            "reference": "a test",
            "kind": "include",
            "when": "stage_iv_clinical",
        }
    ],
}


def catalog(folder: Path, **cohorts: dict[str, Any]) -> Path:
    """A catalog with a shipped cohort, the one that it is based on, and some made-up ones."""
    there = folder / "catalog" / "cohorts"
    there.mkdir(parents=True)
    for shipped in (BASE, "stage_iv_female_breast"):
        text = (Settings().catalog_dir / "cohorts" / f"{shipped}.yaml").read_text(encoding="utf-8")
        (there / f"{shipped}.yaml").write_text(text, encoding="utf-8")
    for name, content in cohorts.items():
        (there / f"{name}.yaml").write_text(yaml.safe_dump({**content, "name": name}, sort_keys=False))
    return there.parent


def test_what_is_not_changed_is_that_of_the_base(tmp_path: Path) -> None:
    where = catalog(tmp_path, clinical=CLINICAL)
    base, clinical = load_cohort(BASE, where), load_cohort("clinical", where)
    assert [rule.id for rule in clinical.rules] == [rule.id for rule in base.rules]
    assert {rule.id for rule in clinical.rules if rule not in base.rules} == {"stage_iv"}
    assert (clinical.years, clinical.arms) == (base.years, base.arms)
    assert clinical.title == "The same, staged before surgery"


def test_the_needs_of_a_rule_go_with_it_and_those_of_the_study_stay(tmp_path: Path) -> None:
    """Nobody reads stage_iv any more; vital_status is read by no rule and was asked for nevertheless."""
    without_her2 = {
        **CLINICAL,
        "drop": ["her2_positive", "diagnosis_years"],
        "needs": ["stage_iv_clinical", "sex"],
    }
    found = load_cohort("wide", catalog(tmp_path, wide=without_her2))
    assert found.years is None
    assert found.needs == (
        "sex",
        "primary_site",
        "behavior",
        "histology_icdo3",
        "vital_status",
        "survival_months",
        "stage_iv_clinical",
    )


def test_a_chain_of_bases_is_resolved_and_its_hash_holds_all_of_it(tmp_path: Path) -> None:
    older = {
        "id": "under_fifty",
        "words": "Under 50",
        "reference": "a test",
        "kind": "include",
        "when": "age_group in ('under_40', '40-49')",
    }
    young = {"title": "t", "words": "w", "base": "clinical", "rules_after_index": [older]}
    where = catalog(tmp_path, clinical=CLINICAL, young=young)
    found = load_cohort("young", where)
    assert found.rules == load_cohort("clinical", where).rules
    assert found.rules_after_index[-1].id == "under_fifty"
    before = settings_hash(found)
    path = where / "cohorts" / "stage_iv_female_breast.yaml"
    path.write_text(path.read_text().replace("= 'invasive'", "in ('invasive')"))
    assert settings_hash(load_cohort("young", where)) != before


def test_what_is_written_beside_the_members_is_the_whole_definition(tmp_path: Path) -> None:
    where = catalog(tmp_path, clinical=CLINICAL)
    sub = submission(tmp_path, tumors([{"stage_iv_clinical": True}, {"stage_iv_clinical": False}]))
    facts = materialise(sub, "clinical", where)
    assert pl.read_parquet(facts.folder / "members.parquet").height == 1
    written = yaml.safe_load((facts.folder / "definition.yaml").read_text())
    assert "base" not in written
    assert len(written["rules"]) == len(load_cohort("clinical", where).rules)


def test_every_mistake_of_a_composition_is_named_with_its_line(tmp_path: Path) -> None:
    rule = {"words": "w", "reference": "r", "kind": "include", "when": "stage_iv"}
    wrong = {
        "title": "t",
        "words": "w",
        "base": BASE,
        "drop": ["male", "female"],
        "replace": [{"id": "stage_four", **rule}, {"id": "female", **rule}],
        "rules": [{"id": "invasive", **rule}, {"id": "new", **rule}],
        "rules_after_index": [{"id": "new", **rule}],
    }
    with pytest.raises(InputError) as error:
        load_cohort("wrong", catalog(tmp_path, wrong=wrong))
    said = str(error.value)
    assert "5 mistake(s)" in said
    assert (
        "line 5: drop: there is no rule 'male'; cohort 'stage_iv_her2_positive_2010_2012' has female" in said
    )
    assert "line 8: replace: there is no rule 'stage_four'" in said
    assert "line 13: replace: rule 'female' is dropped too" in said
    assert "line 19: rules: rule 'invasive' is one of the base: say it under replace" in said
    assert "line 30: rules_after_index: rule 'new' is there twice" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base": "nobody"}, r"line 3: base: there is no cohort 'nobody'; there are .*" + BASE),
        ({"drop": ["diagnosis_years"], "years": {"first": 2010, "last": 2011}}, "dropped and given at once"),
        (
            {"rules": [{**CLINICAL["replace"][0], "id": "left_because"}]},
            "line 5: rules: no rule may be called 'left_because'",
        ),
        ({"keep": []}, r"keep: there is no such key"),
        ({"years": {"first": 2012, "last": 2010}}, "the first year 2012 is after the last 2010"),
    ],
)
def test_a_change_that_cannot_be(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    content = {"title": "t", "words": "w", "base": BASE} | change
    with pytest.raises(InputError, match=said):
        load_cohort("wrong", catalog(tmp_path, wrong=content))


def test_bases_in_a_circle_are_refused(tmp_path: Path) -> None:
    one = {"title": "t", "words": "w", "base": "two"}
    two = {"title": "t", "words": "w", "base": "one"}
    with pytest.raises(InputError, match="in a circle: one on two on one"):
        load_cohort("one", catalog(tmp_path, one=one, two=two))


def arm(label: str, when: str) -> dict[str, str]:
    return {"label": label, "when": when}


THREE_ARMS = {
    "title": "Three arms",
    "words": "w",
    "base": BASE,
    "arms": {
        "words": "Kind of operation",
        "needs": ["primary_surgery"],
        "exposed": arm("mastectomy", "primary_surgery = 'mastectomy'"),
        "others": [arm("breast-conserving", "primary_surgery = 'breast_conserving'")],
        "reference": arm("no surgery", "primary_surgery = 'none'"),
    },
}


def test_a_third_arm_has_its_own_columns_of_attrition(tmp_path: Path) -> None:
    kinds = ["mastectomy", "breast_conserving", "breast_conserving", "none", "unknown"]
    rows = [{"primary_surgery": kind} for kind in kinds]
    rows.append({"primary_surgery": "breast_conserving", "her2_status": "negative"})
    facts = materialise(submission(tmp_path, tumors(rows)), "three", catalog(tmp_path, three=THREE_ARMS))
    lines = pl.read_csv(facts.folder / "attrition.csv")
    after = [name for name in lines.columns if name.startswith("n_after_")]
    assert after == ["n_after_exposed", "n_after_arm_2", "n_after_reference", "n_after_arm_unknown"]
    assert lines["n_after_arm_2"][0] == 3
    assert lines.select(after).row(-1) == (1, 2, 1, 0)
    assert lines.row(by_predicate=pl.col("rule_id") == "her2_positive", named=True)["n_excluded_arm_2"] == 1
    arms = dict(pl.read_parquet(facts.folder / "members.parquet").group_by("arm").len().iter_rows())
    assert arms == {"mastectomy": 1, "breast-conserving": 2, "no surgery": 1}


def test_nobody_is_in_two_arms(tmp_path: Path) -> None:
    arms = {**THREE_ARMS["arms"], "others": [arm("any", "primary_surgery <> 'none'")]}  # type: ignore[dict-item]  # a plain dict of YAML
    where = catalog(tmp_path, three={**THREE_ARMS, "arms": arms})
    sub = submission(tmp_path, tumors([{"primary_surgery": "mastectomy"}]))
    with pytest.raises(InputError, match="one and the same record: mastectomy, any, no surgery"):
        materialise(sub, "three", where)
