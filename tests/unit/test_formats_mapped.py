"""The raw reader of a mapped source knows a file by its columns and takes every value as text."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract, recognise
from pipelines.formats.mapped.parquet import read_parquet

MAPPING: dict[str, Any] = {
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


def test_parquet_types_lose_nothing(person: Path, tmp_path: Path) -> None:
    path = tmp_path / "visit.parquet"
    moment = datetime(2020, 1, 2, 3, 4, 5)
    columns = {
        "PID": pa.array(["1", None]).dictionary_encode(),
        "STAGE": pa.array([4, None], pa.int8()).dictionary_encode(),
        "day": pa.array([date(2020, 1, 2), None]),
        "moment": pa.array([moment, None], pa.timestamp("ms")),
        "zoned": pa.array([moment, None], pa.timestamp("s", tz="UTC")),
        "money": pa.array([Decimal("1.50"), None]),
        "large": pa.array([2**63 + 1, None], pa.uint64()),
        "share": pa.array([0.1, None]),
        "latin": pa.array(["ä".encode("latin-1"), None]),
        "long": pa.array(["x", None], pa.large_string()),
        "nothing": pa.nulls(2),
    }
    pq.write_table(pa.table(columns), path)
    kept, _ = read_all(open_extract([person, path], mapping=MAPPING))["visit"]
    first, second = kept.to_pylist()
    assert first == {
        "PID": "1",
        "STAGE": "4",
        "day": "2020-01-02",
        "moment": "2020-01-02 03:04:05.000",
        "zoned": "2020-01-02 03:04:05.000Z",
        "money": "1.50",
        "large": "9223372036854775809",
        "share": "0.1",
        "latin": "ä",
        "long": "x",
        "nothing": None,
        "source_file": "visit.parquet",
        "source_record": 1,
    }
    assert {value for name, value in second.items() if not name.startswith("source")} == {None}


def test_a_parquet_file_that_is_damaged_further_on_is_told(person: Path, tmp_path: Path) -> None:
    path = tmp_path / "visit.parquet"
    pq.write_table(pa.table({"PID": [str(n) for n in range(5000)], "STAGE": ["IV"] * 5000}), path)
    data = bytearray(path.read_bytes())
    data[100:4000] = b"\0" * 3900
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_all(open_extract([person, path], mapping=MAPPING))


def test_letter_case_of_columns_does_not_matter(person: Path, visit: Path) -> None:
    visit.write_text("pid,Stage\n001,IV\n")
    extract = open_extract([person, visit], mapping=MAPPING)
    assert [table.columns for table in extract.tables] == [("PID", "SEX"), ("pid", "Stage")]


def test_a_table_in_several_files_keeps_them_apart_and_may_lack_optional_columns(
    person: Path, visit: Path, tmp_path: Path
) -> None:
    person_table, visit_table = MAPPING["tables"]
    mapping = MAPPING | {
        "tables": [person_table, visit_table | {"several_files": True, "optional": ["NOTE"]}]
    }
    later = tmp_path / "three.csv"
    later.write_text("PID,STAGE\n003,II\n")
    extract = open_extract([visit, later, person], mapping=mapping)
    assert [(table.name, table.source_file) for table in extract.tables] == [
        ("person", "one.txt"),
        ("visit.1", "three.csv"),
        ("visit.2", "two.csv"),
    ]


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


def test_a_header_that_begins_with_a_comment_sign_is_not_passed_over(tmp_path: Path) -> None:
    """Else the first person's values would become the names of columns, and she would be lost."""
    path = tmp_path / "people.csv"
    path.write_text("#,city,age\n1,Ames,50\n2,Bern,61\n")
    assert "begins with # and has as many fields as the next" in recognise(path).explanation


def test_a_name_that_nobody_closed_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('"id\nx",b,c\n1,2,3\n')
    assert "not closed on its line" in recognise(path).explanation


def test_an_id_that_r_wrote_as_a_number_keeps_its_digits(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    values = [202100000012345.0, 12345678901.0, 1.5, None, -0.25, 1e300]
    pl.DataFrame({"id": values, "b": ["x"] * 6}).write_parquet(path)
    (batch,) = read_parquet(path)
    expected = ["202100000012345", "12345678901", "1.5", None, "-0.25", "1e+300"]
    assert batch.kept["id"].to_pylist() == expected


def test_no_value_is_offered_as_the_name_of_a_column(tmp_path: Path) -> None:
    """Without a header row the first person's values stand where the names are."""
    path = tmp_path / "people.csv"
    path.write_text("00012,smith,C501\n00013,jones,C502\n")
    asked = {"id": "m", "title": "t", "citation": "c", "licence": "l"} | {
        "tables": [{"name": "people", "columns": ["smyth"], "key": "smyth", "main": True}],
        "columns": {"patient_key": {"column": "people.smyth"}},
    }
    with pytest.raises(InputError, match="column 2") as told:
        open_extract([path], mapping=asked)
    assert "smith" not in str(told.value)
