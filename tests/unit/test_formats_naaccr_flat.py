"""NAACCR flat files: what version and type they are, what each record holds, and that none is lost."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.codebook.naaccr_items import FLAT_VERSIONS, RECORD_TYPES, items
from pipelines.errors import InputError
from pipelines.formats import open_extract, recognise
from pipelines.formats.naaccr.columns import dictionary_of
from pipelines.formats.naaccr.flat import open_naaccr_flat, read_records
from tests.unit.formats_files import write_lines
from tests.unit.naaccr_files import PATIENTS, flat_line, flat_lines, user_dictionary, write_xml

SITE = {"primarySite": "C504", "patientIdNumber": "00000007"}


def rows_of(path: Path, *others: Path) -> list[dict]:
    return tables_of(path, *others)[0].to_pylist()


def tables_of(path: Path, *others: Path) -> tuple[pa.Table, pa.Table]:
    batches = list(open_extract([path, *others]).tables[0].batches())
    kept = pa.concat_tables(batch.kept for batch in batches)
    return kept, pa.concat_tables(batch.quarantined for batch in batches)


@pytest.mark.parametrize("version", FLAT_VERSIONS)
@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_every_version_and_record_type_tells_itself(tmp_path, version, record_type):
    path = write_lines(tmp_path / "cases.dat", flat_lines(version, record_type))
    found = recognise(path)
    assert (found.format, found.source, found.release) == ("naaccr_flat", "naaccr", version)
    assert f"record type {record_type}" in found.explanation
    extract = open_extract([path])
    assert (extract.format, extract.dialect, extract.release) == ("naaccr_flat", "naaccr", version)
    rows = rows_of(path)
    assert [row["primarySite"] for row in rows] == ["C504", "C509", "C501"]
    assert {row["naaccrRecordVersion"] for row in rows} == {f"{version[1:]}0"}
    assert ("nameLast" in rows[0]) == (record_type != "I")


def test_columns_are_the_items_in_number_order_then_what_is_no_item_then_where_it_stood(tmp_path):
    path = write_lines(tmp_path / "cases.dat", flat_lines("v18", "I"))
    kept, _ = tables_of(path)
    expected = [item.id for item in items("v18", "I")]
    assert kept.column_names == [*expected, "items_not_in_dictionary", "source_file", "source_record"]
    assert kept["source_record"].to_pylist() == [1, 2, 3]
    assert set(kept["items_not_in_dictionary"].to_pylist()) == {""}


def test_values_lose_their_padding_and_keep_their_zeros(tmp_path):
    rows = rows_of(write_lines(tmp_path / "cases.dat", flat_lines("v18", "A")))
    assert rows[1]["dateOfDiagnosis"] == "2019"
    assert rows[0]["ageAtDiagnosis"] == "061"
    assert rows[2]["textRemarks"] == "a < b & c"
    assert rows[2]["nameLast"] == PATIENTS[1][0]["nameLast"]
    assert rows[2]["race1"] == ""


def test_a_record_that_lost_its_trailing_blanks_is_a_record(tmp_path):
    lines = [line.rstrip() for line in flat_lines("v18", "A")]
    whole = rows_of(write_lines(tmp_path / "whole.dat", flat_lines("v18", "A")))
    short = rows_of(write_lines(tmp_path / "short.dat", lines))
    for row in (*whole, *short):
        del row["source_file"]
    assert short == whole


def test_what_stands_between_the_items_is_kept_by_its_columns(tmp_path):
    line = bytearray(flat_line("v18", "I", SITE))
    line[2:6] = b"OWN "
    line[3000:3003] = b"X\xfcY"
    rows = rows_of(write_lines(tmp_path / "cases.dat", [bytes(line), flat_line("v18", "I", SITE)]))
    assert rows[0]["items_not_in_dictionary"] == '{"columns_2999_4048": "XüY", "columns_3_16": "OWN"}'
    assert rows[1]["items_not_in_dictionary"] == ""


def test_items_of_a_user_dictionary_have_their_columns(tmp_path):
    dictionary = write_xml(
        tmp_path,
        user_dictionary(
            'naaccrId="ownStage" naaccrNum="10001" length="2" startColumn="3001" parentXmlElement="Tumor"',
            version="180",
        ),
        name="own.xml",
    )
    line = bytearray(flat_line("v18", "I", SITE))
    line[3000:3002] = b"IV"
    path = write_lines(tmp_path / "cases.dat", [bytes(line)])
    row = rows_of(path, dictionary)[0]
    assert (row["ownStage"], row["items_not_in_dictionary"]) == ("IV", "")
    assert list(row)[-4:] == ["ownStage", "items_not_in_dictionary", "source_file", "source_record"]


def test_versions_12_1_and_12_2_have_the_columns_of_12(tmp_path):
    lines = [flat_line("v12", "I", SITE, code) for code in ("120", "121", "122")]
    path = write_lines(tmp_path / "cases.dat", lines)
    assert recognise(path).release == "v12"
    assert [row["naaccrRecordVersion"] for row in rows_of(path)] == ["120", "121", "122"]


def test_a_few_records_of_another_version_or_type_are_set_aside(tmp_path):
    lines = [flat_line("v18", "I", SITE)] * 40
    lines[3] = flat_line("v16", "I", SITE | {"vitalStatus": "1"})
    lines[7] = flat_line("v18", "C", SITE)[:4048]
    lines[9] = flat_line("v18", "I", SITE)[:300]
    lines[11] = b""
    kept, bad = tables_of(write_lines(tmp_path / "cases.dat", lines))
    assert kept.num_rows + bad.num_rows == 40
    reasons = dict(zip(bad["source_record"].to_pylist(), bad["reason"].to_pylist(), strict=True))
    assert "another version than v18" in reasons[4]
    assert "another type than I" in reasons[8]
    assert "ends before primarySite" in reasons[10]
    assert reasons[12] == "blank line"
    assert set(reasons) == {4, 8, 10, 12}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            [flat_line("v18", "I", SITE)] * 5 + [flat_line("v16", "I", SITE)] * 5,
            "several versions or record types",
        ),
        (
            [flat_line("v18", "I", SITE)] * 5 + [flat_line("v18", "A", SITE)] * 5,
            "several versions or record types",
        ),
        ([flat_line("v18", "I", SITE)[:3339]] * 5, "3,339 characters long"),
        ([flat_line("v18", "I", SITE) + b"more"] * 5, "4,052 characters long"),
        ([flat_line("v18", "I", SITE, "170")] * 5, "version 17"),
        ([flat_line("v18", "I", SITE, "230")] * 5, "version 23"),
        ([b"I1" + b" " * 16 + b"B" + b"0" * 1927] * 5, "version 11"),
        ([b"I1" + b" " * 16 + b"A" + b"0" * 1927] * 5, "version 10"),
        ([b"I1" + b" " * 16 + b"8" + b"0" * 1927] * 5, "version 9 or older"),
        ([b"U" + flat_line("v18", "I", SITE)[1:1543]] * 5, "record type U"),
        ([b"L" + flat_line("v18", "I", SITE)[1:]] * 5, "record type L"),
    ],
)
def test_a_file_whose_columns_are_in_doubt_is_refused_by_name(tmp_path, lines, words):
    path = write_lines(tmp_path / "cases.dat", lines)
    found = recognise(path)
    assert words in found.explanation
    assert found.error is not None
    with pytest.raises(InputError, match=words):
        open_extract([path])


def test_files_of_two_versions_or_types_are_no_one_submission(tmp_path):
    one = write_lines(tmp_path / "one.dat", flat_lines("v18", "I"))
    for version, record_type, words in (("v16", "I", "versions"), ("v18", "A", "record types")):
        two = write_lines(tmp_path / "two.dat", flat_lines(version, record_type))
        with pytest.raises(InputError, match=f"different {words}: one.dat"):
            open_extract([one, two])


def test_several_files_of_one_version_load_together(tmp_path):
    paths = [write_lines(tmp_path / f"{name}.dat", flat_lines("v16", "A")) for name in ("a", "b")]
    extract = open_extract(paths)
    assert [table.name for table in extract.tables] == ["a", "b"]


def test_the_version_that_is_named_is_held_against_the_records(tmp_path):
    path = write_lines(tmp_path / "cases.dat", flat_lines("v16", "I"))
    assert open_extract([path], layout="v16").release == "v16"
    with pytest.raises(InputError, match="version v16, not v18"):
        open_extract([path], layout="v18")


def test_text_that_is_no_naaccr_record_is_not_taken_for_one(tmp_path):
    other = write_lines(tmp_path / "other.dat", [b"Index of cases, " + b"1800 words " * 200] * 20)
    assert recognise(other).format != "naaccr_flat"
    with pytest.raises(InputError, match="No line of the file is a NAACCR record"):
        open_naaccr_flat([write_lines(tmp_path / "none.dat", [b"x"])])


def test_blocks_do_not_change_the_table(tmp_path):
    path = write_lines(tmp_path / "cases.dat", flat_lines("v18", "I") * 20)
    dictionary = dictionary_of("v18", "I")
    one, many = (
        pa.concat_tables(batch.kept for batch in read_records(path, dictionary, block_bytes=size)).to_pylist()
        for size in (2**24, 9000)
    )
    assert one == many


def test_no_error_or_reason_holds_a_value_of_a_person(tmp_path):
    lines = [flat_line("v18", "I", SITE | {"dateOfBirth": "19501117"})] * 20
    lines[4] = flat_line("v16", "I", SITE | {"dateOfBirth": "19501117"})
    _, bad = tables_of(write_lines(tmp_path / "cases.dat", lines))
    assert "19501117" not in str(bad["reason"].to_pylist())
    assert "00000007" not in str(bad["reason"].to_pylist())
