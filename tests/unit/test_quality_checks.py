"""Checks as rows: what a row may say, what ``*`` stands for, and what a wrong row is told."""

import subprocess
import sys
from pathlib import Path

import pytest
from quality_toys import write_checks, write_dictionary

from pipelines.errors import InputError
from pipelines.quality import Check, checks
from pipelines.quality.problems import safe_problem
from pipelines.quality.rules import breaking_rows, checked_rows


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    return write_dictionary(tmp_path / "columns.csv")


def read(tmp_path: Path, dictionary: Path, *rows: dict[str, str], name: str = "registry_all") -> list[Check]:
    return checks(write_checks(tmp_path / "checks", rows, name=name), dictionary=dictionary)


def test_a_star_is_one_check_for_each_column_with_a_list_of_words(tmp_path: Path, dictionary: Path) -> None:
    found = read(tmp_path, dictionary, {"check_id": "words", "column": "*", "rule": "in_vocabulary"})
    # not the number, the range, or the flag
    assert [(check.check_id, check.argument) for check in found] == [("words_sex", "female|male|unknown")]


def test_a_range_is_taken_from_the_dictionary_by_name(tmp_path: Path, dictionary: Path) -> None:
    found = read(tmp_path, dictionary, {"column": "sequence_number", "rule": "in_vocabulary"})
    assert found[0].argument == "00..99"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"rule": "row_condition"}, "needs an argument"),
        ({"rule": "not_null"}, "needs a column"),
        ({"rule": "no_such_rule"}, "rule"),
        ({"rule": "not_null", "column": "sex", "argument": "1 = 1"}, "takes no argument"),
        ({"argument": "true", "threshold": "5"}, "threshold"),
        ({"argument": "true", "threshold": "1"}, "threshold"),  # all rows may break it: it could not fail
        ({"argument": "true", "severity": "fatal"}, "severity"),
        ({"argument": "true", "check_id": "Not a name"}, "check_id"),
        ({"argument": "true", "note": ""}, "note"),
        ({"rule": "in_vocabulary", "column": "age"}, "no vocabulary"),
    ],
)
def test_a_wrong_row_is_told_with_file_and_line(
    tmp_path: Path, dictionary: Path, row: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        read(tmp_path, dictionary, row)
    assert "registry_all.csv, line 2" in str(error.value)


def test_one_id_twice_a_strange_file_name_and_an_empty_folder_are_refused(
    tmp_path: Path, dictionary: Path
) -> None:
    row = {"argument": "true"}
    with pytest.raises(InputError, match="twice"):
        read(tmp_path / "a", dictionary, row, row)
    with pytest.raises(InputError, match="which layer and registry"):
        read(tmp_path / "b", dictionary, row, name="registry_mars")
    with pytest.raises(InputError, match="no expectations"):
        checks(tmp_path / "nothing", dictionary=dictionary)


def test_a_condition_is_asked_of_the_rows_that_can_answer_it(tmp_path: Path, dictionary: Path) -> None:
    check = read(tmp_path, dictionary, {"argument": "age > 1", "scope": "stage_iv"})[0]
    assert (
        checked_rows(check) == "select 1 as checked from {batch} where (stage_iv) and ((age > 1) is not null)"
    )


def test_braces_and_colons_of_a_rule_reach_the_database_as_written(tmp_path: Path, dictionary: Path) -> None:
    row = {"argument": "regexp_matches(sex, 'x{2}') or sex = ' :name' or age::text = ''"}
    query = breaking_rows(read(tmp_path, dictionary, row)[0])
    assert "x{{2}}" in query
    assert r" \:name" in query  # or SQLAlchemy would look for a parameter
    assert "age::text" in query


def test_a_problem_speaks_of_the_rule_and_never_of_a_value() -> None:
    assert safe_problem(['Binder Error: Referenced column "sx" not found\nLINE 1: ...']) == (
        'Binder Error: Referenced column "sx" not found'
    )
    told = safe_problem(["Conversion Error: Could not convert string 'Ada Lovelace' to INT32"])
    assert told.startswith("Conversion Error")
    assert "Ada" not in told


def test_great_expectations_is_not_imported_before_a_gate_runs() -> None:
    code = "import sys, pipelines.quality; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
