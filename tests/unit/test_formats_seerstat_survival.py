"""A survival export is read by its dictionary: two kinds of rows, every value as received."""

from pathlib import Path

import pyarrow as pa
import pytest
from survival_files import LIFE, ROWS, SUMMARY, dic, write_export

from pipelines.codebook.survival_export import interval_months
from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract, recognise
from pipelines.formats.seer.survival_dic import read_survival_dic


def read_all(extract: Extract) -> tuple[pa.Table, list[dict[str, object]]]:
    batches = [batch for table in extract.tables for batch in table.batches()]
    kept = pa.concat_tables([batch.kept for batch in batches])
    return kept, pa.concat_tables([batch.quarantined for batch in batches]).to_pylist()


def test_life_and_summary_rows_of_one_file_have_the_columns_of_their_page(tmp_path: Path) -> None:
    extract = open_extract([write_export(tmp_path)])
    kept, quarantined = read_all(extract)
    assert (extract.source, extract.format, extract.dialect) == ("seer", "seerstat_survival", "seer_survival")
    assert (extract.release, extract.covered_years) == ("nov2020", (1975, 2018))
    assert kept.column_names[:-2] == list(dict.fromkeys((*LIFE, *SUMMARY)))
    assert kept["Alive at Start"].to_pylist() == ["100", "70", "60", None]
    assert kept["N"].to_pylist() == [None, None, None, "100"]
    assert quarantined == []


def test_flags_and_missing_characters_are_kept_as_received(tmp_path: Path) -> None:
    kept, _ = read_all(open_extract([write_export(tmp_path)]))
    assert kept["Relative Survival (Cum)"].to_pylist() == ["0.8000", "0.6960#", ".", None]


def test_the_dictionary_is_read_whole(tmp_path: Path) -> None:
    write_export(tmp_path, text=dic(displayed="Percents", missing="space"))
    _, export = read_survival_dic(tmp_path / "export.dic")
    assert (export.statistic, export.method, export.study_cutoff) == (
        "Relative Survival",
        "Actuarial",
        "12/2018",
    )
    assert (export.months_per_interval, export.percents, export.missing) == (12, True, "")
    assert export.groups_of("life") == export.groups_of("summary") == ("Sex of all", "Breast stage [old]")
    assert export.label("Sex of all", "2") == "Female"
    assert export.labels["Sex of all"]["2"] == "  Female"
    assert export.label("Breast stage [old]", "1") == "Distant = IV"
    assert export.label("Sex of all", "7") == "7"
    assert (export.page("0"), export.page("Summary Page"), export.page("9")) == ("life", "summary", None)


def test_two_variables_of_one_number_are_two_columns(tmp_path: Path) -> None:
    """An export of the National Cancer Institute's own numbers two of its columns 9."""
    text = dic().replace("Var9Name=Observed Survival (Cum)", "Var8Name=Observed Survival (Cum)")
    write_export(tmp_path, text=text)
    _, export = read_survival_dic(tmp_path / "export.dic")
    assert export.life == LIFE


def test_a_row_that_is_none_of_a_page_is_set_aside(tmp_path: Path) -> None:
    rows = (ROWS[0], ROWS[1] + "\t1", "", "2\t0.3", "9\t1\t1", ROWS[3])
    path = write_export(tmp_path, rows)
    kept, quarantined = read_all(open_extract([path]))
    assert kept["source_record"].to_pylist() == [1, 6]
    assert [(row["source_record"], row["reason"]) for row in quarantined] == [
        (2, "13 fields where its page has 12"),
        (3, "blank line"),
        (4, "its page type is one that the export dictionary has no columns for"),
        (5, "its page type is one that the export dictionary has no columns for"),
    ]
    data = path.read_bytes()
    assert [data[row["byte_start"] : row["byte_end"]] for row in quarantined][1:3] == [b"\r\n", b"2\t0.3\r\n"]


def test_a_row_of_names_is_no_record_where_it_comes_first(tmp_path: Path) -> None:
    kept, quarantined = read_all(open_extract([write_export(tmp_path, ("\t".join(LIFE), *ROWS))]))
    assert kept["source_record"].to_pylist() == [1, 2, 3, 4]
    assert quarantined == []


def test_labels_in_place_of_numbers_are_read_too(tmp_path: Path) -> None:
    """What 'quoted labels' gives: names of groups with commas, and no number of a page."""
    row = '"Life Page","  Female","Distant = IV","<1 yr",100,20,10,78.95%,78.95%,80.00%,80.00%,4.18%'
    path = write_export(tmp_path, (row,), dic(delimiter="comma", displayed="Percents"))
    kept, quarantined = read_all(open_extract([path]))
    assert quarantined == []
    assert kept["Page type"].to_pylist() == ["Life Page"]
    assert kept["Sex of all"].to_pylist() == ["  Female"]


def test_another_delimiter_than_the_dictionary_names_is_found_and_noted(tmp_path: Path) -> None:
    path = write_export(tmp_path, tuple(row.replace("\t", ",") for row in ROWS))
    extract = open_extract([path])
    kept, quarantined = read_all(extract)
    assert (kept.num_rows, quarantined) == (4, [])
    assert "the delimiter is not the one" in extract.notes[0]


def test_doctor_says_what_it_is_and_what_for(tmp_path: Path) -> None:
    path = write_export(tmp_path)
    found, companion = recognise(path), recognise(tmp_path / "export.dic")
    assert (found.format, found.source, found.release, found.error) == (
        "seerstat_survival",
        "seer",
        "nov2020",
        None,
    )
    assert "statistics of groups and not patients" in found.explanation
    assert companion.companion


def test_a_file_without_its_dictionary_is_told_and_takes_one_of_another_name(tmp_path: Path) -> None:
    path = write_export(tmp_path, ROWS[:3])
    named = (tmp_path / "export.dic").rename(tmp_path / "matrix-1.dic")
    with pytest.raises(InputError, match="survival export whose dictionary is missing"):
        open_extract([path])
    assert open_extract([path, named]).release == "nov2020"


def test_a_dictionary_of_another_file_is_refused(tmp_path: Path) -> None:
    path = write_export(tmp_path, ("0\t1\t2\t3\t4\t5\t6\t7",))
    with pytest.raises(
        InputError, match=r"does not go with its export dictionary.*8 fields where its page has 12"
    ):
        open_extract([path])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (dic(life=LIFE[:3], summary=()), "no interval or no survival"),
        (dic(life=(), summary=()), "lists no columns"),
        (dic(session="Rate"), "Rate session"),
    ],
)
def test_a_dictionary_that_gives_no_survival_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = write_export(tmp_path, text=text)
    with pytest.raises(InputError, match=said):
        open_extract([path])


def test_an_export_of_an_unnamed_database_loads_with_a_note(tmp_path: Path) -> None:
    extract = open_extract([write_export(tmp_path, text=dic(database="Incidence "))])
    assert (extract.release, extract.covered_years) == ("unknown", None)
    assert "names no SEER submission" in extract.notes[0]


def test_a_statistic_that_is_not_known_is_kept_and_noted(tmp_path: Path) -> None:
    rows = tuple(f"{row}\t0.5" for row in ROWS[:3])
    extract = open_extract([write_export(tmp_path, rows, dic(life=(*LIFE, "Crude Probability"), summary=()))])
    kept, _ = read_all(extract)
    assert kept["Crude Probability"].to_pylist() == ["0.5"] * 3
    assert extract.notes == ("export.txt: kept as received and not made numbers of: Crude Probability.",)


@pytest.mark.parametrize(
    ("label", "months"),
    [
        ("<1 yr", (0, 12)),
        ("1-<2 yr", (12, 24)),
        ("33-<34 yr", (396, 408)),
        ("<3 mo", (0, 3)),
        ("5 yr", (0, 60)),
        ("median", None),
    ],
)
def test_intervals_in_months(label: str, months: tuple[float, float] | None) -> None:
    assert interval_months(label) == months
