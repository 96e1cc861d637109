"""The case listing reader guesses nothing: text stays text, names stay names, and bad rows are set aside."""

from pathlib import Path

import pyarrow as pa
import pytest
from formats_files import (
    NOV_2018,
    SEER_COLUMNS,
    SEER_ROWS,
    quoted,
    write_case_listing,
    write_dic,
    write_lines,
)

from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract
from pipelines.formats.seer.dic import parse_sections, read_dic
from pipelines.formats.text.delimited import read_delimited

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "samples"


def read_all(extract: Extract) -> tuple[pa.Table, list[dict[str, object]]]:
    batches = [batch for table in extract.tables for batch in table.batches()]
    kept = pa.concat_tables([batch.kept for batch in batches])
    return kept, pa.concat_tables([batch.quarantined for batch in batches]).to_pylist()


def rows_of(kept: pa.Table) -> list[list[str]]:
    columns = [column.to_pylist() for column in kept.columns[:-2]]
    return [list(row) for row in zip(*columns, strict=True)]


def test_release_and_years_come_from_the_database_name(tmp_path: Path) -> None:
    extract = open_extract([write_case_listing(tmp_path)])
    assert (extract.source, extract.format) == ("seer", "seerstat_case_listing")
    assert (extract.release, extract.covered_years) == ("nov2022", (2000, 2020))
    assert [path.name for path in extract.companions] == ["export.dic"]
    (tmp_path / "older").mkdir()
    older = open_extract([write_case_listing(tmp_path / "older", database=NOV_2018)])
    assert (older.release, older.covered_years) == ("nov2018", (1975, 2016))


def test_text_stays_text_and_nothing_is_null(tmp_path: Path) -> None:
    kept, quarantined = read_all(open_extract([write_case_listing(tmp_path)]))
    assert kept.column_names == [*SEER_COLUMNS, "source_file", "source_record"]
    assert rows_of(kept) == SEER_ROWS
    assert all(column.null_count == 0 for column in kept.columns)
    assert kept["source_record"].to_pylist() == [1, 2, 3]
    assert set(kept["source_file"].to_pylist()) == {"export.csv"}
    assert quarantined == []


def test_quoting_may_be_mixed_and_line_ends_too(tmp_path: Path) -> None:
    rows = [
        b"00000012,2010,Poorly differentiated; Grade III,NA,0034",
        b'00000013,"2011",Unknown,M1,0000',
        b'"00000014","2012","Blank(s)","N/A","Unknown"',
        b',"a ""b"", c",  two  blanks ,,""',
    ]
    for end in (b"\n", b"\r\n"):
        kept, quarantined = read_all(open_extract([write_case_listing(tmp_path, rows, end=end)]))
        assert rows_of(kept) == [*SEER_ROWS, ["", 'a "b", c', "  two  blanks ", "", ""]]
        assert quarantined == []


@pytest.mark.parametrize(("name", "character"), [("tab", "\t"), ("comma", ","), ("semi-colon", ";")])
def test_delimiters(tmp_path: Path, name: str, character: str) -> None:
    write_dic(tmp_path / "export.dic", SEER_COLUMNS, delimiter=name)
    lines = [quoted(row, character) for row in [SEER_COLUMNS, *SEER_ROWS]]
    kept, _ = read_all(open_extract([write_lines(tmp_path / "export.txt", lines)]))
    assert rows_of(kept) == SEER_ROWS


def test_a_file_saved_again_with_another_delimiter_is_read_and_noted(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", SEER_COLUMNS, delimiter="tab")
    lines = [quoted(row, ",") for row in [SEER_COLUMNS, *SEER_ROWS]]
    extract = open_extract([write_lines(tmp_path / "export.txt", lines)])
    assert rows_of(read_all(extract)[0]) == SEER_ROWS
    assert any("delimiter" in note for note in extract.notes)


def test_rows_with_too_few_or_too_many_fields_are_set_aside(tmp_path: Path) -> None:
    good = [quoted(row) for row in SEER_ROWS]
    rows = [good[0], b'"1","2"', good[1], quoted([*SEER_ROWS[0], "x"]), b"", b'"open,1,2,3,4', good[2]]
    path = write_case_listing(tmp_path, rows)
    kept, quarantined = read_all(open_extract([path]))
    data = path.read_bytes()
    assert rows_of(kept) == SEER_ROWS
    assert kept["source_record"].to_pylist() == [1, 3, 7]
    assert [(row["source_record"], row["reason"]) for row in quarantined] == [
        (2, "2 fields where the header has 5"),
        (4, "6 fields where the header has 5"),
        (5, "blank line"),
        (6, "a quote is never closed, or a carriage return stands alone"),
    ]
    assert [data[row["byte_start"] : row["byte_end"]] for row in quarantined] == [
        rows[index] + b"\r\n" for index in (1, 3, 4, 5)
    ]


def test_a_header_in_the_middle_is_no_record(tmp_path: Path) -> None:
    rows = [quoted(SEER_ROWS[0]), quoted(SEER_COLUMNS), quoted(SEER_ROWS[1])]
    kept, quarantined = read_all(open_extract([write_case_listing(tmp_path, rows)]))
    assert rows_of(kept) == SEER_ROWS[:2]
    assert [row["reason"] for row in quarantined] == ["header row repeated"]


@pytest.mark.parametrize("block_bytes", [80, 100, 10**6])
def test_block_size_changes_nothing(tmp_path: Path, block_bytes: int) -> None:
    lines = [quoted(row) for row in SEER_ROWS * 5]
    lines[4] = b'"1"'
    path = write_lines(tmp_path / "a.csv", lines)
    batches = list(read_delimited(path, SEER_COLUMNS, ",", block_bytes=block_bytes))
    kept = pa.concat_tables([batch.kept for batch in batches])
    assert rows_of(kept) == (SEER_ROWS * 5)[:4] + (SEER_ROWS * 5)[5:]
    assert kept["source_record"].to_pylist() == [1, 2, 3, 4, *range(6, 16)]


def test_latin_1_and_utf_8_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", SEER_COLUMNS)
    lines = [
        b"\xef\xbb\xbf" + quoted(SEER_COLUMNS),
        "1,2,Krukenberg é,4,5".encode(),
        "1,2,é,4,5".encode("latin-1"),
    ]
    kept, _ = read_all(open_extract([write_lines(tmp_path / "export.csv", lines)]))
    assert kept.column_names[:5] == SEER_COLUMNS
    assert kept["Grade"].to_pylist() == ["Krukenberg é", "é"]


def test_a_missing_dic_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = write_case_listing(tmp_path)
    (tmp_path / "export.dic").unlink()
    for source in (None, "seer"):
        with pytest.raises(InputError, match=r"export\.dic|Put export") as caught:
            open_extract([path], source=source)
        assert "Results as Text File" in str(caught.value)


def test_a_frequency_session_is_refused(tmp_path: Path) -> None:
    path = write_case_listing(tmp_path, session="Frequency")
    with pytest.raises(InputError, match="SEER\\*Stat Frequency session, whose rows are statistics"):
        open_extract([path], source="seer")


def test_a_dic_that_omits_a_column_is_reported_and_not_obeyed(tmp_path: Path) -> None:
    path = write_case_listing(tmp_path)
    write_dic(tmp_path / "export.dic", [*SEER_COLUMNS[:-1], "Sex"])
    extract = open_extract([path])
    assert extract.tables[0].columns == tuple(SEER_COLUMNS)
    assert [note for note in extract.notes if "leaves out 'Survival months'" in note]
    assert [note for note in extract.notes if "names 'Sex', which the file does not have" in note]


def test_a_dic_of_another_file_is_refused(tmp_path: Path) -> None:
    path = write_case_listing(tmp_path)
    write_dic(tmp_path / "export.dic", ["Sex", "Laterality"])
    with pytest.raises(InputError, match="Not one column of this file is in its export dictionary"):
        open_extract([path])


def test_names_come_from_the_dic_where_there_is_no_header(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", SEER_COLUMNS, header=False)
    path = write_lines(tmp_path / "export.txt", [quoted(row) for row in SEER_ROWS])
    extract = open_extract([path])
    assert rows_of(read_all(extract)[0]) == SEER_ROWS
    assert extract.tables[0].columns == tuple(SEER_COLUMNS)


def test_several_files_of_one_submission_load_together_and_two_submissions_do_not(tmp_path: Path) -> None:
    for stem, database in (("a", NOV_2018), ("b", NOV_2018), ("c", "x, Nov 2022 Sub (2000-2020) - y")):
        write_dic(tmp_path / f"{stem}.dic", SEER_COLUMNS, database=database)
        write_lines(tmp_path / f"{stem}.csv", [quoted(row) for row in [SEER_COLUMNS, *SEER_ROWS]])
    extract = open_extract([tmp_path / "b.csv", tmp_path / "a.csv", tmp_path / "a.dic"])
    assert [table.name for table in extract.tables] == ["a", "b"]
    with pytest.raises(InputError, match=r"different SEER submissions: a\.csv is nov2018, c\.csv is nov2022"):
        open_extract([tmp_path / "a.csv", tmp_path / "c.csv"])


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", ["Sex", "Grade"])
    path = write_lines(tmp_path / "export.csv", [b"Sex,Grade,sex", b"1,2,3"])
    with pytest.raises(InputError, match="names of their own"):
        open_extract([path])


def test_grammar_of_the_dic(tmp_path: Path) -> None:
    """Sections may hold ``=`` and ``]``, values ``=`` and ``%``, blanks count, and Var10 follows Var9."""
    text = "[System]\nTitle1={a.b} = 'x', 100%\n[Format=Age [5] = recode]\n0=\"  All\"\n1=<1 yr=baby\n"
    assert parse_sections(text) == {
        "": [],
        "System": [("Title1", "{a.b} = 'x', 100%")],
        "Format=Age [5] = recode": [("0", '"  All"'), ("1", "<1 yr=baby")],
    }
    names = [f"Variable {number}" for number in range(1, 12)]
    dic = read_dic(write_dic(tmp_path / "a.dic", names))
    assert list(dic.names) == names
    (tmp_path / "b.dic").write_text("nothing of the kind")
    with pytest.raises(InputError, match="not an export dictionary"):
        read_dic(tmp_path / "b.dic")


def test_variables_that_a_user_made_name_their_base(tmp_path: Path) -> None:
    path = write_dic(tmp_path / "a.dic", ["My groups"])
    path.write_text(path.read_text() + "Var1Base=Site recode ICD-O-3/WHO 2008~Sex\n")
    assert read_dic(path).variables[0].base == "Site recode ICD-O-3/WHO 2008~Sex"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the reference samples are not on this machine")
@pytest.mark.parametrize(
    ("data", "dic", "release", "columns"),
    [
        ("SYNTHETIC_archerrish_quoting_all.csv", "caselisting_nov2016_custom18regs.dic", "nov2016", 27),
        ("SYNTHETIC_mswinds_quoting_mixed.csv", "caselisting_nov2022_17regs.dic", "nov2022", 28),
    ],
)
def test_samples_of_case_listings(tmp_path: Path, data: str, dic: str, release: str, columns: int) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes((SAMPLES / "seerstat_synthetic" / data).read_bytes())
    (tmp_path / "export.dic").write_bytes((SAMPLES / "seerstat_dic" / dic).read_bytes())
    extract = open_extract([path])
    kept, quarantined = read_all(extract)
    assert (extract.release, len(extract.tables[0].columns)) == (release, columns)
    assert (kept.num_rows, quarantined) == (20, [])
    assert any("'Laterality'" in note for note in extract.notes) == (release == "nov2016")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the reference samples are not on this machine")
def test_samples_of_dictionaries() -> None:
    paths = sorted((SAMPLES / "seerstat_dic").glob("*.dic"))
    assert paths
    for path in paths:
        assert (read_dic(path).session_type == "Case Listing") == path.name.startswith("caselisting")
