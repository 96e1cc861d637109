"""The raw reader of a mapped source knows a file by its columns and takes every value as text."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract

MAPPING = {
    "id": "made_up",
    "title": "Made up",
    "citation": "none",
    "licence": "none",
    "tables": [
        {"name": "person", "columns": ["PID", "SEX"], "key": "PID", "main": True},
        {"name": "visit", "columns": ["PID", "STAGE"], "key": "PID", "take": {"lowest": ["STAGE"]}},
    ],
    "columns": {"patient_key": {"column": "person.PID"}},
}
REAL = Path(__file__).parents[3] / "shared" / "reference" / "real" / "breast_msk_2018"


def read_all(extract: Extract) -> dict[str, tuple[pa.Table, pa.Table]]:
    found = {}
    for table in extract.tables:
        batches = list(table.batches())
        found[table.name] = (
            pa.concat_tables([batch.kept for batch in batches]),
            pa.concat_tables([batch.quarantined for batch in batches]),
        )
    return found


@pytest.fixture
def person(tmp_path: Path) -> Path:
    path = tmp_path / "one.txt"
    path.write_text("#Identifier\tSex\n#STRING\tSTRING\nPID\tSEX\n001\tNA\n002\t\n003\tFemale \n")
    return path


@pytest.fixture
def visit(tmp_path: Path) -> Path:
    path = tmp_path / "two.csv"
    path.write_text('PID,STAGE,NOTE\n001,IV,"two\nlines"\n002,,x\n')
    return path


def test_files_are_known_by_their_columns_and_text_stays_text(person: Path, visit: Path) -> None:
    extract = open_extract([visit, person], mapping=MAPPING)
    assert (extract.source, extract.format, extract.release) == ("mapped", "mapped", "made_up")
    assert [(table.name, table.path) for table in extract.tables] == [("person", person), ("visit", visit)]
    kept, quarantined = read_all(extract)["person"]
    assert kept.to_pydict() == {
        "PID": ["001", "002", "003"],
        "SEX": ["NA", "", "Female "],
        "source_file": ["one.txt"] * 3,
        "source_record": [1, 2, 3],
    }
    assert quarantined.num_rows == 0


def test_a_quoted_field_may_hold_a_line_break(person: Path, visit: Path) -> None:
    kept, quarantined = read_all(open_extract([visit, person], mapping=MAPPING))["visit"]
    assert kept["NOTE"].to_pylist() == ["two\nlines", "x"]
    assert kept["source_record"].to_pylist() == [1, 2]
    assert quarantined.num_rows == 0


def test_a_stray_quote_takes_its_own_line_only(person: Path, visit: Path) -> None:
    visit.write_text('PID,STAGE,NOTE\n001,IV,"open\n002,III,x\n003,II\n004,I,y\n')
    kept, quarantined = read_all(open_extract([visit, person], mapping=MAPPING))["visit"]
    assert kept["PID"].to_pylist() == ["002", "004"]
    assert quarantined["source_record"].to_pylist() == [1, 3]
    data = visit.read_bytes()
    ranges = zip(quarantined["byte_start"].to_pylist(), quarantined["byte_end"].to_pylist(), strict=True)
    assert [data[start:end] for start, end in ranges] == [b'001,IV,"open\n', b"003,II\n"]


def test_parquet_of_any_type_becomes_text_and_null_stays_null(person: Path, tmp_path: Path) -> None:
    path = tmp_path / "visit.parquet"
    pl.DataFrame({"PID": [1, 2, None], "STAGE": ["IV", None, "I"], "SIZE": [1.5, 2.0, None]}).write_parquet(
        path
    )
    kept, _ = read_all(open_extract([person, path], mapping=MAPPING))["visit"]
    assert kept["PID"].to_pylist() == ["1", "2", None]
    assert kept["STAGE"].to_pylist() == ["IV", None, "I"]
    assert kept["SIZE"].to_pylist() == ["1.5", "2", None]
    assert kept["source_record"].to_pylist() == [1, 2, 3]


def test_a_column_that_is_not_there_is_named_with_near_matches(person: Path, visit: Path) -> None:
    visit.write_text("PID,Stage_,NOTE\n001,IV,x\n")
    with pytest.raises(InputError, match="column 'STAGE' for table 'visit'") as caught:
        open_extract([person, visit], mapping=MAPPING)
    assert "two.csv" in str(caught.value)
    assert "'Stage_'" in str(caught.value)


def test_a_file_that_no_table_needs_is_refused(person: Path, visit: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"no table for this file.*other\.csv"):
        open_extract([person, visit, other], mapping=MAPPING)


def test_two_files_for_one_table_are_refused(person: Path, visit: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    again.write_text(visit.read_text())
    with pytest.raises(InputError, match="Several files can be table 'visit'"):
        open_extract([person, visit, again], mapping=MAPPING)


def test_lists_in_a_parquet_file_are_refused(person: Path, tmp_path: Path) -> None:
    path = tmp_path / "visit.parquet"
    pl.DataFrame({"PID": ["1"], "STAGE": ["IV"], "MANY": [[1, 2]]}).write_parquet(path)
    with pytest.raises(InputError, match="Column 'MANY'"):
        read_all(open_extract([person, path], mapping=MAPPING))


def test_a_mapping_and_its_source_go_together(person: Path) -> None:
    with pytest.raises(InputError, match="go together"):
        open_extract([person], source="mapped")
    with pytest.raises(InputError, match="go together"):
        open_extract([person], source="ncdb", mapping=MAPPING)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data set is not on this machine")
def test_the_real_files_of_breast_msk_2018() -> None:
    mapping = MAPPING | {
        "tables": [
            {"name": "patient", "columns": ["PATIENT_ID", "OS_MONTHS"], "key": "PATIENT_ID", "main": True},
            {
                "name": "sample",
                "columns": ["PATIENT_ID", "SAMPLE_ID"],
                "key": "PATIENT_ID",
                "take": {"lowest": ["SAMPLE_ID"]},
            },
        ],
        "columns": {"patient_key": {"column": "patient.PATIENT_ID"}},
    }
    found = read_all(open_extract(sorted(REAL.glob("data_clinical_*.txt")), mapping=mapping))
    assert found["patient"][0].num_rows == 1756
    assert found["sample"][0].num_rows == 1918
    assert [bad.num_rows for _, bad in found.values()] == [0, 0]
