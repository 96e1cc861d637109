"""``cohorts map``: a first mapping that leaks nothing, and a dry run that stays on the terminal."""

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

from pipelines.codebook.mapping import load_mapping
from pipelines.registry.mapping_draft import staged_for
from tests.unit.formats_files import ncdb_line

Command = Callable[..., tuple[int, str, str]]

HEADER = "PatientID,SEX,Stage,Dx Date,AGE,NOTE,VITAL_STATUS\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Sixty women; two of them have a stage that nobody else has, one a note about her alone."""
    rows = [
        f"P{number:03d},{'F' if number != 7 else 'X'},{'IV' if number > 12 else 'IIIC' if number > 2 else 'IIIA'},"
        f"2015-03-{1 + number % 28:02d},{30 + number},{'seen with her sister Ada' if number == 9 else ''},"
        f"{number % 2}\n"
        for number in range(1, 61)
    ]
    path = tmp_path / "people of 2015.csv"
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


def test_a_draft_lists_columns_and_codes_and_is_a_mapping_already(
    cohorts: Command, people: Path, tmp_path: Path
) -> None:
    out = tmp_path / "draft.yaml"
    code, said, complained = cohorts("map", "init", people, "--out", out)
    assert (code, complained) == (0, "")
    assert f"wrote {out}" in said
    mapping = load_mapping(out)
    assert (mapping.id, mapping.main_table.key) == ("people_of_2015", "PatientID")
    assert mapping.main_table.columns == HEADER.strip().split(",")
    text = out.read_text(encoding="utf-8")
    for expected in (
        "# sex:",
        "# vital_status:",
        '"IV": WORD',
        '"0": WORD',
        "interval: {from:",
        "may be age_years",
    ):
        assert expected in text


def test_a_draft_holds_no_rare_value_no_count_no_date_and_no_text_about_a_person(
    cohorts: Command, people: Path, tmp_path: Path
) -> None:
    out = tmp_path / "draft.yaml"
    cohorts("map", "init", people, "--out", out)
    text = out.read_text(encoding="utf-8")
    for hidden in ("IIIA", "IIIC", '"X"', "Ada", "2015-03", "P001", '"31"'):
        assert hidden not in text, hidden
    assert "rare values not shown" in text
    assert "'Dx Date': dates; values not shown" in text
    assert '"F": WORD' in text


def test_the_threshold_of_the_site_decides_what_is_rare(
    cohorts: Command, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COHORTS_MIN_CELL", "5")
    out = tmp_path / "draft.yaml"
    cohorts("map", "init", people, "--out", out)
    text = out.read_text(encoding="utf-8")
    assert '"IIIC": WORD' in text
    assert "IIIA" not in text


def test_people_are_counted_and_not_rows(cohorts: Command, tmp_path: Path) -> None:
    visits = tmp_path / "visits.csv"
    visits.write_text("PATIENT_ID,SITE\n" + "".join(f"{n % 3},rare place\n" for n in range(60)))
    out = tmp_path / "draft.yaml"
    cohorts("map", "init", visits, "--out", out)
    assert "rare place" not in out.read_text(encoding="utf-8")


def test_a_mapping_is_never_overwritten(cohorts: Command, people: Path, tmp_path: Path) -> None:
    out = tmp_path / "draft.yaml"
    out.write_text("an analyst's work", encoding="utf-8")
    code, _, complained = cohorts("map", "init", people, "--out", out)
    assert code == 2
    assert "There is a file of this name" in complained
    assert out.read_text(encoding="utf-8") == "an analyst's work"


def test_a_table_without_a_header_row_is_refused_without_a_value(cohorts: Command, tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("1001,2015-03-04,57,4\n1002,2015-03-05,58,3\n")
    code, _, complained = cohorts("map", "init", path)
    assert code == 2
    assert "not like the names of columns" in complained
    assert "1001" not in complained


def test_words_in_place_of_a_header_row_are_refused_too(cohorts: Command, tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("P-17,female,IV,no\n" + "P-18,female,II,no\nP-19,male,IV,yes\n" * 3)
    code, _, complained = cohorts("map", "init", path)
    assert code == 2
    assert "not like the names of columns" in complained
    assert "P-17" not in complained


def test_a_registry_file_needs_no_mapping(cohorts: Command, tmp_path: Path) -> None:
    path = tmp_path / "puf.dat"
    path.write_bytes(b"\n".join(ncdb_line("2016", number) for number in range(30)) + b"\n")
    code, _, complained = cohorts("map", "init", path, "--out", tmp_path / "draft.yaml")
    assert code == 2
    assert "This needs no mapping" in complained
    assert not (tmp_path / "draft.yaml").exists()


def test_a_packed_table_is_unpacked_for_the_time_being(
    cohorts: Command, people: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "people.csv.gz"
    packed.write_bytes(gzip.compress(people.read_bytes()))
    out = tmp_path / "draft.yaml"
    assert cohorts("map", "init", packed, "--out", out)[0] == 0
    assert load_mapping(out).id == "people"
    assert cohorts("map", "show", packed, "--mapping", out)[0] == 0


def test_every_table_of_a_duckdb_file_is_drafted(cohorts: Command, tmp_path: Path) -> None:
    path = tmp_path / "site.duckdb"
    with duckdb.connect(path) as con:
        con.execute(
            "create table person as select i as person_id, 'F' as sex, i as age from range(20) as t(i)"
        )
        con.execute(
            "create table visit as select i % 20 as person_id, 'chemo' as drug from range(40) as t(i)"
        )
    out = tmp_path / "draft.yaml"
    code, _, complained = cohorts("map", "init", path, "--out", out)
    assert (code, complained) == (0, "")
    tables = yaml.safe_load(out.read_text(encoding="utf-8"))["tables"]
    assert [(table["name"], table["from"], table.get("main")) for table in tables] == [
        ("person", "main.person", True),
        ("visit", "main.visit", None),
    ]
    assert cohorts("map", "show", path, "--mapping", out)[0] == 0


def test_of_many_tables_those_are_drafted_that_are_named(cohorts: Command, tmp_path: Path) -> None:
    path = tmp_path / "site.duckdb"
    with duckdb.connect(path) as con:
        for number in range(12):
            con.execute(f"create table t{number} as select 1 as person_id, 'F' as sex")
    out = tmp_path / "draft.yaml"
    code, _, complained = cohorts("map", "init", path, "--out", out)
    assert code == 2
    assert "There are 12 tables" in complained
    assert cohorts("map", "init", path, "--out", out, "--table", "t1", "--table", "main.t11")[0] == 0
    assert [table.relation for table in load_mapping(out).tables] == ["main.t1", "main.t11"]
    assert "There is no such table" in cohorts("map", "init", path, "--table", "t99")[2]


@pytest.fixture
def filled(people: Path, tmp_path: Path) -> Path:
    path = tmp_path / "filled.yaml"
    content = {
        "id": "filled",
        "title": "t",
        "citation": "c",
        "licence": "l",
        "tables": [
            {"name": "person", "main": True, "key": "PatientID", "columns": ["PatientID", "SEX", "Stage"]}
        ],
        "columns": {
            "patient_key": {"column": "person.PatientID"},
            "sex": {"column": "person.SEX", "values": {"F": "female"}},
            "stage_at_diagnosis": {"column": "person.Stage", "values": {"IV": "4", "IIIC": "3"}},
        },
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_dry_run_shows_twenty_rows_on_a_terminal(
    cohorts: Command, people: Path, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "140")
    code, said, complained = cohorts("map", "show", people, "--mapping", filled)
    assert (code, complained) == (0, "")
    assert "P001" in said
    assert "P020" in said
    assert "P021" not in said
    assert "60 rows would be staged" in said


def test_a_pipe_or_a_log_gets_the_summary_without_people(
    cohorts: Command, people: Path, filled: Path
) -> None:
    code, said, _ = cohorts("map", "show", people, "--mapping", filled)
    assert code == 0
    assert "P001" not in said
    assert "shown on a terminal only" in said
    line = next(line for line in said.splitlines() if "stage_at_diagnosis" in line)
    assert [cell.strip() for cell in line.strip("│ ").split("│")] == [
        "stage_at_diagnosis",
        "58",
        "0",
        "2",
        "1",
    ]
    assert "P001" not in cohorts("map", "show", people, "--mapping", filled, "--json")[1]


def test_the_dry_run_writes_nothing(cohorts: Command, people: Path, filled: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    cohorts("map", "show", people, "--mapping", filled)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_dry_run_tells_every_mistake_of_the_mapping_with_its_line(
    cohorts: Command, people: Path, filled: Path
) -> None:
    filled.write_text(
        filled.read_text(encoding="utf-8").replace("patient_key:", "patient_key: {colum: x}\n  sexx:")
    )
    code, _, complained = cohorts("map", "show", people, "--mapping", filled)
    assert code == 2
    assert "line 3: columns.patient_key.colum" in complained


@pytest.mark.parametrize(
    ("received", "staged"),
    [
        ("PatientID", "patient_key"),
        ("Vital Status", "vital_status"),
        ("RX_SUMM_SURG_PRIM_SITE", "surgery_code_to_2022"),
        ("dateOfDiagnosis", "year_of_diagnosis"),
        ("Tumour size", "tumor_size_mm"),
        ("favourite colour", None),
    ],
)
def test_names_of_registries_are_known(received: str, staged: str | None) -> None:
    assert next(iter(staged_for(received)), None) == staged
