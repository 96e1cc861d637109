"""Toy patients beside a definition: the shipped ones come out as their authors expected, and mistakes are told."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.cohorts import list_cohorts
from pipelines.cohorts.toys import judge_toys, judge_toys_of, read_toys, require_passed
from pipelines.errors import GateError, InputError
from pipelines.settings import Settings

CATALOG = Settings().catalog_dir
SHIPPED = [one.id for one in list_cohorts(CATALOG)]

RULE = {
    "id": "female",
    "words": "Female",
    "reference": "r",
    "kind": "include",
    "when": "nullif(sex, 'unknown') = 'female'",
}
COHORT: dict[str, Any] = {
    "name": "women",
    "title": "Women",
    "words": "w",
    "rules": [RULE],
    "arms": {
        "words": "Surgery",
        "needs": ["operated"],
        "exposed": {"label": "surgery", "when": "operated"},
        "reference": {"label": "no surgery", "when": "not operated"},
    },
}


def patient(name: str, expect: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {"id": name, "words": f"The patient {name}", "columns": columns, "expect": expect}


TOYS: dict[str, Any] = {
    "default": {"sex": "female", "operated": True},
    "patients": [
        patient("woman", {"member": "surgery"}),
        patient("man", {"left_at": "female"}, sex="male"),
    ],
}


def catalog(folder: Path, toys: dict[str, Any] = TOYS, **more: dict[str, Any]) -> Path:
    """A catalog of one cohort with its toys, and further files by their stems."""
    there = folder / "catalog" / "cohorts"
    there.mkdir(parents=True)
    files = {"women": COHORT, "women.toys": toys} | more
    for stem, content in files.items():
        (there / f"{stem.replace('__', '.')}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return there.parent


@pytest.mark.parametrize("name", SHIPPED)
def test_the_patients_of_a_shipped_cohort_come_out_as_expected_and_show_every_rule(name: str) -> None:
    judged = judge_toys_of(name, CATALOG)
    require_passed([judged])
    assert judged.not_shown == ()


def test_a_patient_who_comes_out_otherwise_is_a_failure_that_says_who_and_how(tmp_path: Path) -> None:
    wrong = {**TOYS, "patients": [*TOYS["patients"], patient("wrong", {"left_at": "female"}, sex="unknown")]}
    judged = judge_toys([], catalog(tmp_path, wrong))
    assert [verdict.passed for verdict in judged[0].verdicts] == [True, True, False]
    told = [(one.toy, one.expected, one.found) for one in judged[0].verdicts if not one.passed]
    assert told == [("wrong", "left at female", "left at female (unknown)")]
    with pytest.raises(GateError, match=r"1 toy patient\(s\).*women\.toys\.yaml") as error:
        require_passed(judged)
    assert error.value.exit_code == 1
    assert str(tmp_path) in str(error.value), "the file that holds them, wherever the catalog is"


def test_what_no_patient_shows_is_said(tmp_path: Path) -> None:
    judged = judge_toys_of("women", catalog(tmp_path))
    assert judged.not_shown == (
        "a member of the arm no surgery",
        "left at index_tumor",
        "left at arm_known",
        "female unknown",
    )


def test_a_further_tumor_belongs_to_its_patient(tmp_path: Path) -> None:
    first = patient("first", {"member": "surgery"}, year_of_diagnosis=2010)
    second = patient("second", {"left_at": "index_tumor"}, year_of_diagnosis=2012) | {"of": "first"}
    toys = {**TOYS, "patients": [second, first]}
    require_passed([judge_toys_of("women", catalog(tmp_path, toys))])


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    """Lines of the file: 1 default, 2 sex, 3 operated, 4 patients, 5 id …"""
    wrong = {
        "default": {"sex": "woman", "operatd": True},
        "patients": [
            patient("a", {"left_at": "female"}, histology_icdo3=8500, patient_id="x", operated="yes")
        ],
    }
    with pytest.raises(InputError) as error:
        judge_toys_of("women", catalog(tmp_path, wrong))
    said = str(error.value)
    assert "5 mistake(s)" in said
    assert "line 2: sex has no word 'woman', but female, male, other" in said
    assert "line 3: operatd is not a column" in said
    assert "line 8: histology_icdo3 holds varchar, not 8500" in said
    assert "line 9: patient_id is not a column" in said
    assert "line 10: operated holds boolean, not 'yes'" in said


def test_expectations_name_arms_rules_and_patients_that_are_there(tmp_path: Path) -> None:
    wrong = {
        **TOYS,
        "patients": [
            patient("a", {"member": "operated"}),
            patient("b", {"left_at": "male"}),
            patient("c", {"left_at": "index_tumor"}) | {"of": "nobody"},
            patient("a", {"member": "surgery"}, sex="woman"),
        ],
    }
    with pytest.raises(InputError) as error:
        judge_toys_of("women", catalog(tmp_path, wrong))
    said = str(error.value)
    assert "5 mistake(s)" in said, "columns, names and expectations together"
    assert "patient 'a' is there twice" in said
    assert "sex has no word 'woman'" in said
    assert "line 8: patient 'a': there is no arm 'operated', but surgery, no surgery" in said
    assert "patient 'b': there is no rule 'male', but female, index_tumor, arm_known" in said
    assert "patient 'c' is a tumor of 'nobody', who is not there" in said


@pytest.mark.parametrize(
    "expect", [{}, {"member": "surgery", "left_at": "female"}, {"member": "x", "unknown": True}]
)
def test_an_expectation_is_one_thing(tmp_path: Path, expect: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"give either member or left_at|unknown is a way to be left out"):
        judge_toys_of("women", catalog(tmp_path, {"patients": [patient("a", expect)]}))


def test_patients_of_a_base_are_taken_over(tmp_path: Path) -> None:
    """The younger cohort has its own default and its own man; the rest is that of the base."""
    young = {
        "name": "young",
        "title": "t",
        "words": "w",
        "base": "women",
        "years": {"first": 2010, "last": 2011},
    }
    toys = {
        "base": "women",
        "default": {"year_of_diagnosis": 2010},
        "patients": [patient("late", {"left_at": "diagnosis_years"}, year_of_diagnosis=2012)],
    }
    where = catalog(tmp_path, young=young, young__toys=toys)
    assert list(read_toys("young", where).patients) == ["woman", "man", "late"]
    require_passed(judge_toys([], where))


def test_patients_of_a_base_that_do_not_fit_are_told_together_with_what_to_do(tmp_path: Path) -> None:
    """Other arms: of the base's patients every member is in an arm that is not here."""
    arms = {**COHORT["arms"], "exposed": {"label": "axilla", "when": "operated"}}
    axilla = {"name": "axilla", "title": "t", "words": "w", "base": "women", "arms": arms}
    more = [*TOYS["patients"], patient("second", {"member": "surgery"})]
    where = catalog(tmp_path / "1", {**TOYS, "patients": more}, axilla=axilla, axilla__toys={"base": "women"})
    with pytest.raises(InputError) as error:
        judge_toys_of("axilla", where)
    said = str(error.value)
    assert "1 mistake(s)" in said
    assert (
        "of the patients of women.toys.yaml woman, second do not fit here: there is no arm 'surgery'" in said
    )
    assert "say under arms" in said
    moved = {"base": "women", "arms": {"surgery": "axilla"}}
    require_passed([judge_toys_of("axilla", catalog(tmp_path / "2", axilla=axilla, axilla__toys=moved))])


@pytest.mark.parametrize(
    ("column", "value"),
    [("year_of_diagnosis", 99999999999999), ("survival_months", float("nan"))],
)
def test_a_number_that_a_column_has_no_room_for_is_a_mistake_of_the_file(
    tmp_path: Path, column: str, value: float
) -> None:
    wrong = {"default": {column: value}, "patients": [patient("a", {"left_at": "female"})]}
    with pytest.raises(InputError, match=rf"line 2: {column} holds .*, which has no"):
        judge_toys_of("women", catalog(tmp_path, wrong))


def test_a_circle_of_bases_and_toys_without_a_cohort_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in a circle: women on women"):
        judge_toys_of("women", catalog(tmp_path / "1", {"base": "women"}))
    with pytest.raises(InputError, match="Toy patients without a cohort: girls"):
        judge_toys([], catalog(tmp_path / "2", girls__toys=TOYS))
    where = catalog(tmp_path / "3", nobody={**COHORT, "name": "nobody"})
    with pytest.raises(InputError, match="Cohort 'nobody' has no toy patients"):
        judge_toys(["nobody"], where)


def test_the_command_prints_a_line_for_each_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**TOYS, "patients": [*TOYS["patients"], patient("wrong", {"left_at": "female"})]}
    monkeypatch.setenv("COHORTS_CATALOG", str(catalog(tmp_path, wrong)))
    result = CliRunner().invoke(app, ["cohort", "test", "women"])
    assert isinstance(result.exception, GateError)
    assert "ok     women, man: left at female" in result.stdout
    assert "FAILED women, wrong: member, surgery, expected left at female" in result.stdout
    assert "2 of 3 toy patients as expected" in result.stdout
