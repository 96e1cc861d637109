"""Which submission a case listing is of, with its dictionary and without, and what is told of its columns."""

from pathlib import Path

import pytest
from formats_files import NOV_2018, NOV_2022, quoted, write_dic, write_lines
from test_formats_seerstat import read_all, rows_of

from pipelines.codebook.seerstat_headers import known, possible_releases, submissions, variants
from pipelines.errors import InputError
from pipelines.formats import open_extract, recognise

EVERY_RELEASE = tuple(submissions())
INCOME_2022 = "Median household income inflation adj to 2021"
EOD_STAGE = "Derived EOD 2018 Stage Group (2018+)"
PLAIN = ["Patient ID", "Year of diagnosis", "Sex", "Survival months"]
ROW = ["00000012", "2019", "Female", "0034"]


def listing(path: Path, columns: list[str], rows: list[list[str]], delimiter: str = ",") -> Path:
    return write_lines(path, [quoted(row, delimiter) for row in [columns, *rows]])


def test_names_are_matched_exactly_but_for_blanks_around_them() -> None:
    assert [each.concept for each in known(["  Sex ", "sex", "Grade  Recode (thru 2017)", "Sexes"])] == [
        "sex",
        "grade",
    ]


def test_each_name_narrows_the_submissions() -> None:
    assert possible_releases(["Sex"]) == EVERY_RELEASE
    assert possible_releases([EOD_STAGE]) == ("nov2019", "nov2020", "nov2021", "nov2022")
    assert possible_releases([EOD_STAGE, "Derived AJCC Stage Group, 6th ed (2004+)"]) == ()
    assert possible_releases(["Sex"], [2022]) == ("nov2024", "nov2025")
    assert possible_releases(["Sex"], [1973, 2014]) == ("nov2016", "nov2017")


@pytest.mark.parametrize(
    ("headers", "release"),
    [
        (["Site rec with Kaposi and mesothelioma", "SEER historic stage A"], "nov2010"),
        (["Derived SEER Cmb Stg Grp (2016+)"], "nov2018"),
        (["Median household income inflation adj to 2019"], "nov2020"),
        ([INCOME_2022], "nov2022"),
        (["Median household income inflation adj to 2022"], "nov2023"),
        (["Median household income inflation adj to 2023", "RX Summ--Surg Prim Site (1998+)"], "nov2024"),
        (["RX Summ--Surg Prim Site (1998-2022)", "RX Summ--Surg Prim Site 2023 (2023+)"], "nov2025"),
    ],
)
def test_a_lost_dic_is_made_up_for_by_names_that_one_submission_has(
    tmp_path: Path, headers: list[str], release: str
) -> None:
    rows = [["1", year, "Male", "1", *["Blank(s)"] * len(headers)] for year in ("2005", "2001", "2007")]
    extract = open_extract([listing(tmp_path / "export.csv", [*PLAIN, *headers], rows)])
    assert (extract.release, extract.covered_years) == (release, (2001, 2007))
    assert extract.companions == ()
    assert any("no .dic names the submission" in note and release in note for note in extract.notes)


def test_where_several_submissions_are_possible_the_error_names_them(tmp_path: Path) -> None:
    path = listing(tmp_path / "export.csv", [*PLAIN, EOD_STAGE], [[*ROW, "4"]])
    with pytest.raises(InputError, match="can be of nov2021, nov2022") as caught:
        open_extract([path])
    assert "--source seer --layout nov2022" in str(caught.value)
    assert "export.dic" in str(caught.value)
    seen = recognise(path)
    assert (seen.format, seen.release, seen.error is not None) == ("seerstat_case_listing", None, True)


def test_the_caller_may_say_the_submission(tmp_path: Path) -> None:
    path = listing(tmp_path / "export.csv", PLAIN, [ROW])
    for source in ("seer", None):
        extract = open_extract([path], source=source, layout="nov2021")
        assert (extract.release, extract.covered_years) == ("nov2021", (2019, 2019))
    with pytest.raises(InputError, match=r"Name one of nov2010, .*nov2025"):
        open_extract([path], source="seer", layout="nov2099")


def test_the_callers_word_is_held_against_the_dic(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", PLAIN, database=NOV_2018)
    path = listing(tmp_path / "export.csv", PLAIN, [ROW])
    with pytest.raises(InputError, match=r"export\.csv is nov2018, and nov2022 is said"):
        open_extract([path], source="seer", layout="nov2022")
    assert open_extract([path], source="seer", layout="nov2018").release == "nov2018"


def test_a_file_without_dic_is_of_the_submission_of_the_others_if_its_names_are(tmp_path: Path) -> None:
    """A registry's file lost its dictionary; the files that came with it have theirs."""
    write_dic(tmp_path / "a.dic", PLAIN, database=NOV_2022)
    a = listing(tmp_path / "a.csv", PLAIN, [ROW])
    b = listing(tmp_path / "b.csv", [*PLAIN, EOD_STAGE], [[*ROW, "4"]])
    extract = open_extract([a, b])
    assert (extract.release, [table.name for table in extract.tables]) == ("nov2022", ["a", "b"])
    assert [len(table.columns) for table in extract.tables] == [4, 5]
    assert extract.covered_years == (2000, 2020)
    listing(tmp_path / "b.csv", [*PLAIN, "Derived SEER Cmb Stg Grp (2016+)"], [[*ROW, "4"]])
    with pytest.raises(
        InputError, match="columns or years that submission nov2022 of the other files has not"
    ):
        open_extract([a, b])


def test_without_dic_and_year_a_listing_covers_what_its_submission_does(tmp_path: Path) -> None:
    path = listing(tmp_path / "export.csv", ["Patient ID", "Sex", INCOME_2022], [["1", "Female", "$75,000+"]])
    extract = open_extract([path])
    assert (extract.release, extract.covered_years) == ("nov2022", (1975, 2020))
    assert any("covers 1975-2020 as far as submission nov2022 does" in note for note in extract.notes)


def test_a_dic_that_lies_elsewhere_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    dic = write_dic(tmp_path / "elsewhere" / "export.dic", PLAIN)
    path = listing(tmp_path / "export.csv", PLAIN, [ROW])
    extract = open_extract([path, dic])
    assert (extract.release, extract.companions) == ("nov2022", (dic,))
    renamed = path.rename(tmp_path / "breast.csv")
    dic.write_text(dic.read_text().replace(r"made up\export.csv", r"made up\breast.csv"))
    assert open_extract([renamed, dic]).release == "nov2022"


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
@pytest.mark.parametrize("with_dic", [True, False])
def test_every_delimiter_with_and_without_dic(tmp_path: Path, delimiter: str, with_dic: bool) -> None:
    columns, row = [*PLAIN, INCOME_2022], [*ROW, "$75,000+; more"]
    if with_dic:
        names = {",": "comma", "\t": "tab", ";": "semi-colon", " ": "space"}
        write_dic(tmp_path / "export.dic", columns, delimiter=names[delimiter])
    path = listing(tmp_path / "export.csv", columns, [row, row], delimiter)
    extract = open_extract([path])
    assert (extract.release, extract.tables[0].columns) == ("nov2022", tuple(columns))
    assert rows_of(read_all(extract)[0]) == [row, row]


def test_unquoted_labels_with_blanks_between_blanks_cannot_be_told_apart(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", ["Sex", "Grade"], delimiter="space", header=False)
    path = write_lines(tmp_path / "export.txt", [b"Female Poorly differentiated"])
    with pytest.raises(InputError, match="choose comma or tab"):
        open_extract([path], source="seer")


def test_a_header_row_is_seen_though_the_dic_says_there_is_none_and_the_reverse(tmp_path: Path) -> None:
    write_dic(tmp_path / "a.dic", PLAIN, header=False)
    a = open_extract([listing(tmp_path / "a.csv", PLAIN, [ROW])])
    assert (a.tables[0].columns, rows_of(read_all(a)[0])) == (tuple(PLAIN), [ROW])
    assert any("there is a header row though a.dic says there is none" in note for note in a.notes)
    write_dic(tmp_path / "b.dic", PLAIN)
    b = open_extract([write_lines(tmp_path / "b.csv", [quoted(ROW), quoted(ROW)])])
    assert (b.tables[0].columns, rows_of(read_all(b)[0])) == (tuple(PLAIN), [ROW, ROW])
    assert any("names are taken from b.dic, though" in note for note in b.notes)


def test_neither_header_nor_dic_is_refused_with_the_reason(tmp_path: Path) -> None:
    row = ["00000012", "Well differentiated; Grade I", "Non-Hispanic White", "Blank(s)", "0034"]
    path = write_lines(tmp_path / "export.csv", [quoted(row)] * 3)
    for source in (None, "seer"):
        with pytest.raises(InputError, match="nothing says which column is which") as caught:
            open_extract([path], source=source)
        assert "0034" not in str(caught.value)


def test_a_variable_of_the_analyst_is_named_with_its_base_and_not_decoded(tmp_path: Path) -> None:
    columns = [*PLAIN, "My stages", "Grade"]
    dic = write_dic(tmp_path / "export.dic", columns)
    made = (
        "Var5Base=Derived AJCC Stage Group, 7th ed (2010-2015)~Sex\r\nVar6Base=Grade Recode (thru 2017)\r\n"
    )
    dic.write_text(dic.read_text() + made, newline="")
    extract = open_extract([listing(tmp_path / "export.csv", columns, [[*ROW, "IV", "Unknown"]])])
    notes = " ".join(extract.notes)
    assert (
        "'My stages' was made by an analyst from 'Derived AJCC Stage Group, 7th ed (2010-2015)', 'Sex'; it is kept "
        "and not decoded." in notes
    )
    assert (
        "'Grade' was made by an analyst from 'Grade Recode (thru 2017)'; it is read as the standard" in notes
    )
    assert "My stages" not in variants()
    assert not any("not in the table" in note for note in extract.notes)


def test_columns_that_nobody_knows_are_kept_and_reported(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", [*PLAIN, "Shoe size", "Hat size"])
    path = listing(tmp_path / "export.csv", [*PLAIN, "Shoe size", "Hat size"], [[*ROW, "38", "56"]])
    extract = open_extract([path])
    assert any(
        "2 columns are not in the table of known SEER*Stat variables, kept and not used: 'Shoe size', 'Hat size'"
        in note
        for note in extract.notes
    )
    assert read_all(extract)[0]["Hat size"].to_pylist() == ["56"]


def test_names_of_another_submission_are_told(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", [*PLAIN, EOD_STAGE], database=NOV_2018)
    extract = open_extract([listing(tmp_path / "export.csv", [*PLAIN, EOD_STAGE], [[*ROW, "4"]])])
    assert any(
        f"'{EOD_STAGE}' is known from other submissions than nov2018" in note for note in extract.notes
    )


def test_columns_of_codes_and_options_that_lose_something_are_told(tmp_path: Path) -> None:
    dic = write_dic(tmp_path / "export.dic", PLAIN)
    text = dic.read_text().replace("Var3DisplayType=Formatted", "Var3DisplayType=Unformatted")
    text = text.replace(
        "[Variables]", "Missing character=NA\nFields with delimiter in quotes=false\n[Variables]"
    )
    dic.write_text(text)
    notes = " ".join(open_extract([listing(tmp_path / "export.csv", PLAIN, [ROW])]).notes)
    assert "'Sex' is exported unformatted, as codes and not labels" in notes
    assert "'NA' stands for missing" in notes
    assert "values that hold the delimiter are not in quotes" in notes


@pytest.mark.parametrize("session", ["Frequency", "Rate", "Prevalence"])
def test_other_sessions_are_refused_by_name(tmp_path: Path, session: str) -> None:
    write_dic(tmp_path / "export.dic", PLAIN, session=session)
    path = listing(tmp_path / "export.csv", PLAIN, [ROW])
    for source in (None, "seer"):
        with pytest.raises(
            InputError, match=f"SEER\\*Stat {session} session, whose rows are statistics"
        ) as caught:
            open_extract([path], source=source)
        assert "Make a Case Listing session" in str(caught.value)


def test_rows_of_numbers_are_no_listing(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rates.txt", [b"0\t0\t0\t5069", b"0\t0\t1\t13", b"0\t0\t2\t1"])
    assert "rows of numbers without names" in recognise(path).explanation


@pytest.mark.parametrize("name", ["a.ss", "a.sl", "a.slm"])
def test_a_binary_session_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x02\x00KSess\x00\x01" + bytes(range(256)))
    seen = recognise(path)
    assert seen.format is None
    assert "SEER*Stat session or matrix" in seen.explanation
    assert "Results as Text File" in seen.explanation


def test_the_derived_table_that_goes_from_hand_to_hand_is_no_export(tmp_path: Path) -> None:
    header = b"Age,Race ,Marital Status,,T Stage ,N Stage,6th Stage,Grade,A Stage,Tumor Size"
    path = write_lines(
        tmp_path / "SEER Breast Cancer Dataset.csv", [header, b"43,White,Married,,T2,N3,IIIC,2,Regional,4"]
    )
    seen = recognise(path)
    assert seen.format is None
    assert "not an export of SEER*Stat" in seen.explanation
    with pytest.raises(InputError, match="nobody in it has stage IV"):
        open_extract([path])


def test_two_listings_in_one_file_are_refused_when_read(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", [*PLAIN, EOD_STAGE])
    lines = [quoted([*PLAIN, EOD_STAGE]), quoted([*ROW, "4"]), quoted(["Grade", "Sex", "Laterality"])]
    extract = open_extract([write_lines(tmp_path / "export.csv", lines)])
    with pytest.raises(InputError, match="two listings in one file"):
        read_all(extract)


def test_a_file_of_names_alone_has_no_records(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", PLAIN)
    seen = recognise(listing(tmp_path / "export.csv", PLAIN, []))
    assert "column names and no records" in seen.explanation


def test_a_listing_that_an_editor_saved_as_utf_16_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", PLAIN)
    path = listing(tmp_path / "export.csv", PLAIN, [ROW])
    path.write_bytes(path.read_bytes().decode().encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16") as caught:
        open_extract([path])
    assert "UTF-8" in str(caught.value)


def test_a_dic_of_another_program_beside_a_listing_is_told(tmp_path: Path) -> None:
    """Spelling dictionaries have the same ending."""
    (tmp_path / "export.dic").write_text("3\nbreast/S\ncancer\n")
    with pytest.raises(InputError, match="not an export dictionary"):
        open_extract([listing(tmp_path / "export.csv", PLAIN, [ROW])])
    (tmp_path / "export.dic").unlink()
    (tmp_path / "export.dic").mkdir()
    assert open_extract([tmp_path / "export.csv"], layout="nov2022").release == "nov2022"


@pytest.mark.parametrize(
    "names",
    [
        ["Patient.ID", "Year.of.diagnosis", "Survival.months", "Race.recode..W..B..AI..API."],
        ["PATIENT ID", "YEAR OF DIAGNOSIS", "SURVIVAL MONTHS", "RACE RECODE (W, B, AI, API)"],
    ],
)
def test_names_that_a_program_changed_are_told_and_not_guessed(tmp_path: Path, names: list[str]) -> None:
    path = listing(tmp_path / "export.csv", names, [ROW])
    for source in (None, "seer"):
        with pytest.raises(InputError, match="put its row of column names back"):
            open_extract([path], source=source, layout=None)


def test_short_names_that_many_tables_have_make_no_case_listing(tmp_path: Path) -> None:
    path = listing(tmp_path / "a.csv", ["PATIENT_ID", "SEX", "GRADE", "LATERALITY"], [ROW])
    assert recognise(path).format == "mapped"
