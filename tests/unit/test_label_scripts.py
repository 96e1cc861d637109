"""The script that ships with the data is read as the column layout it describes, whatever package it is for.

The scripts here are toys in the manner of real ones; no line is taken from any.
"""

import contextlib
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.codebook.layouts import Field
from pipelines.codebook.scripts.label_scripts import find_script, read_script
from pipelines.errors import InputError

CASE, AGE, YEAR, MONTHS = (
    Field("CASE_ID", 1, 5),
    Field("AGE", 6, 3),
    Field("DX_YEAR", 9, 4),
    Field("MONTHS", 13, 8),
)

SAS_COLUMNS = """\
*** A toy file, diagnoses of 2004-2016 *** it's for SAS ***;
/* INPUT WRONG $ 1-99; */
data toy;
infile 'C:\\NCDBPUF_Toy.0.2016.0.dat' truncover LRECL=20;
INPUT
  CASE_ID $ 1-5
  AGE     6-8   /* years */
  DX_YEAR 9-12
  MONTHS  13-20 .2;
* INPUT ALSO_WRONG $ 1-99;
label CASE_ID='Key; of the case';
run;
"""
SAS_POINTERS = """\
DATA toy; INFILE in TRUNCOVER;
Input @1 CASE_ID $5. @ 6 AGE 3.
      @9 DX_YEAR $CHAR4. +0 MONTHS 8.2;
"""
SPSS = """\
* A toy file.
DATA LIST FILE='C:\\toy.dat' FIXED RECORDS=1
  /1 CASE_ID 1-5 (A)  AGE 6-8
     DX_YEAR 9 - 12 (N) MONTHS 13-20 (2).
VARIABLE LABELS AGE 'Age 1-9 (A)'.
EXECUTE.
"""
SPSS_SLASHES = """\
data list file="toy.dat"
/ CASE_ID (A5)
/ AGE (F3.0)
/ DX_YEAR 9-12
/ MONTHS (F8.2) .
"""
STATA = """\
* infix str WRONG 1-99 using x
// another remark
infix str CASE_ID 1-5 byte AGE 6-8 /* years */ ///
    int DX_YEAR 9-12 double MONTHS 13-20 using "C:\\data//toy.dat", clear
label variable AGE "Age 1-9"
"""
STATA_DELIMITED = """\
#delimit ;
quietly infix
  str5 CASE_ID 1-5
  AGE 6-8
  long DX_YEAR 9-12
  float MONTHS 13-20
using toy.dat, clear;
"""
STATA_INFIX_DICTIONARY = """\
infix dictionary using toy.dat {
    str CASE_ID 1-5
    AGE 6-8
    DX_YEAR 9-12
    MONTHS 13-20
}
"""
STATA_DICTIONARY = """\
infile dictionary using toy.dat {
  _column(1)  str5 CASE_ID  %5s  "Key of the case"
  _column(6)       AGE      %3f
  _column( 9) int  DX_YEAR  %4f
  _column(13) double MONTHS %8.2f
}
"""
STRUCTURE = """\
Toy Item List 2016,,,,
"Item","PUF Item Name","Dx
years",Start,End
Group of items,,,,
Case key,CASE_ID,All,1,5
,MONTHS,All,13,20
,"DX_
YEAR",2004+,9,12
,AG E,All,6,8
,,,,
"""
STRUCTURE_OF_R = """\
"","PUF.Item.Name","Start","End","X"
"1","CASE_ID",1,5,NA
"2","AGE",6,8,NA
"3","DX_YEAR",9,12,NA
"4","MONTHS",13,20,NA
"""
OURS = "release,variable,start,width\n2016,CASE_ID,1,5\n2016,AGE,6,3\n2016,DX_YEAR,9,4\n2016,MONTHS,13,8\n"

SCRIPTS = {
    "SAS columns": (SAS_COLUMNS, "a SAS program"),
    "SAS pointers": (SAS_POINTERS, "a SAS program"),
    "SPSS": (SPSS, "an SPSS program"),
    "SPSS slashes": (SPSS_SLASHES, "an SPSS program"),
    "Stata infix": (STATA, "a Stata program"),
    "Stata infix with ; as delimiter": (STATA_DELIMITED, "a Stata program"),
    "Stata infix dictionary": (STATA_INFIX_DICTIONARY, "a Stata program"),
    "Stata infile dictionary": (STATA_DICTIONARY, "a Stata program"),
    "structure table": (STRUCTURE, "a layout table"),
    "structure table saved by R": (STRUCTURE_OF_R, "a layout table"),
    "our own table": (OURS, "a layout table"),
}


def script(folder: Path, text: str, name: str = "given.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode("cp1252"))
    return path


@pytest.mark.parametrize("name", SCRIPTS)
def test_all_scripts_of_one_file_describe_the_same_columns(tmp_path: Path, name: str) -> None:
    text, kind = SCRIPTS[name]
    found = read_script(script(tmp_path, text))
    assert (found.kind, found.fields) == (kind, (CASE, AGE, YEAR, MONTHS))


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("change", [str.lower, lambda text: text.replace("\n", "\r\n")])
def test_letter_case_and_line_ends_do_not_matter(tmp_path: Path, name: str, change: object) -> None:
    assert callable(change)
    found = read_script(script(tmp_path, change(SCRIPTS[name][0])))
    assert [(each.name.upper(), each.start, each.width) for each in found.fields] == [
        (each.name, each.start, each.width) for each in (CASE, AGE, YEAR, MONTHS)
    ]


def test_the_record_length_is_told_by_sas_alone(tmp_path: Path) -> None:
    assert read_script(script(tmp_path, SAS_COLUMNS)).length == 20
    assert read_script(script(tmp_path, SAS_POINTERS)).length is None
    assert read_script(script(tmp_path, SPSS)).length is None


def test_the_release_is_looked_for_in_name_title_and_data_file_name(tmp_path: Path) -> None:
    assert read_script(script(tmp_path, SAS_COLUMNS)).years == {"2016"}
    assert read_script(script(tmp_path, STATA, "NCDB_PUF_Labels_2017.do")).years == {"2017"}
    assert read_script(script(tmp_path, OURS)).years == {"2016"}
    assert read_script(script(tmp_path, SPSS)).years == frozenset()


def test_dates_of_a_release_deep_in_the_script_are_not_its_own(tmp_path: Path) -> None:
    deep = "\n" * 100 + "COMMENT an item of PUF 2013;"
    assert read_script(script(tmp_path, SAS_COLUMNS + deep)).years == {"2016"}


def test_a_line_break_inside_a_name_of_the_structure_table_is_mended(tmp_path: Path) -> None:
    text = 't,PUF Item Name,Start,End\n,A_LONG_GR P,3,4\n,"WRAPPED_NA\nME",1,2\n,C,5,5\n'
    names = [each.name for each in read_script(script(tmp_path, text)).fields]
    assert names == ["WRAPPED_NAME", "A_LONG_GRP", "C"]


def test_a_typographic_dash_of_windows_is_no_obstacle(tmp_path: Path) -> None:
    text = SAS_COLUMNS + "proc format; value fdose 23='Photons (2–5 MV)' 24=\x93six\x94;".replace(
        "\x93", "“"
    ).replace("\x94", "”")
    assert len(read_script(script(tmp_path, text)).fields) == 4


SAS_LABELS = """\
PROC FORMAT;
COMMENT Item names: DX_YEAR, AGE;
VALUE fage 0='under one; year' 090="90+" 1-89='a range' 998,999='unknown';
value $fcase 'X'='Toy''s case' other='no';
FORMAT CASE_ID $fcase. MONTHS fmonths.;
"""


def test_a_semicolon_inside_quotes_ends_nothing(tmp_path: Path) -> None:
    """Cutting at every semicolon lost the labels of Hispanic origin once: 'Non-Spanish; non-Hispanic'."""
    labels = read_script(script(tmp_path, SAS_COLUMNS + SAS_LABELS)).labels
    assert labels["AGE"] == {"0": "under one; year", "090": "90+", "998": "unknown", "999": "unknown"}
    assert labels["DX_YEAR"] == labels["AGE"]
    assert labels["CASE_ID"]["X"] == "Toy's case"
    assert "MONTHS" not in labels


def test_value_labels_of_spss(tmp_path: Path) -> None:
    text = SPSS + "VALUE LABELS AGE DX_YEAR 0 'under one / year' 999 'unknown'\n / CASE_ID '01' \"Toy's\".\n"
    labels = read_script(script(tmp_path, text)).labels
    assert labels["AGE"] == labels["DX_YEAR"] == {"0": "under one / year", "999": "unknown"}
    assert labels["CASE_ID"] == {"01": "Toy's"}


def test_value_labels_of_stata(tmp_path: Path) -> None:
    text = STATA + 'label define lage 0 "under one; year" 999 "unknown"\nlabel values AGE DX_YEAR lage\n'
    coded = {"0": "under one; year", "999": "unknown"}
    assert read_script(script(tmp_path, text)).labels == {"AGE": coded, "DX_YEAR": coded}
    wrapped = (
        text.replace("label define", "#delimit ;\nlabel define")
        .replace('year" ', 'year"\n')
        .replace("\nlabel v", ";\nlabel v")
    )
    assert read_script(script(tmp_path, wrapped + ";")).labels == {"AGE": coded, "DX_YEAR": coded}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SAS_COLUMNS.replace("6-8", "5-8"), r"CASE_ID \(columns 1-5\) and AGE \(columns 5-8\) overlap"),
        (SAS_COLUMNS.replace("AGE  ", "MONTHS"), "MONTHS is described twice"),
        (SAS_COLUMNS.replace("6-8", "8-6"), "AGE has columns 8-6, which are none"),
        (SAS_COLUMNS.replace("9-12", ""), "the INPUT statement has no columns for DX_YEAR"),
        (SAS_POINTERS.replace("@9 ", "/ "), "the INPUT statement has '/' after 2 variables"),
        (SAS_POINTERS.replace("@9 ", "(A1-A3) (1.) "), r"the INPUT statement has '\(' after 2 variables"),
        (SPSS.replace("DX_YEAR", "/2 DX_YEAR"), "several lines for one record"),
        (SPSS.replace("6-8", "").replace("9 - 12", ""), "DATA LIST has no columns for AGE"),
        (STATA_INFIX_DICTIONARY.replace("AGE", "2: AGE"), "several lines for one record"),
        (STRUCTURE.replace("13,20", "13,"), "MONTHS has neither an end nor a width"),
        (STRUCTURE.replace(",MONTHS,All,13", ",,All,13"), "has no name or no start"),
    ],
)
def test_what_cannot_be_right_is_said_by_name(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_script(script(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PUF_CASE_ID,AGE,SEX\n1,2,3\n",
        "The input of data lists is described in chapter 2; start at the end.\n",
        "%PDF-1.7\ninput data list infix\n",
        "data a; set b; run; proc freq; tables age; run; * input;",
        "name,start,end\nA,1,2\n",
    ],
)
def test_other_texts_are_no_scripts(tmp_path: Path, text: str) -> None:
    path = script(tmp_path, text)
    assert find_script(path) is None
    with pytest.raises(InputError, match="no description of fixed-width records"):
        read_script(path)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_was_cut_anywhere_is_no_crash(tmp_path: Path, name: str) -> None:
    """Half a script is half a layout, or an error in one paragraph; the data then say whether it can be true."""
    text = SCRIPTS[name][0]
    for length in range(len(text)):
        path = script(tmp_path, text[:length])
        with contextlib.suppress(InputError):
            find_script(path)


HOSTILE = {
    "comments never closed": "input YEAR 1-4; " + "/*" * 50_000,
    "quotes never closed": "input YEAR 1-4; " + "'\"" * 50_000,
    "a command on every line": "infix YEAR 1-4\n" * 5_000,
    "a field on every line": "data list / " + "a 1-2 (A)\n" * 20_000 + ".",
    "one variable in every row": "name,start,end\n" + "a,1,2\n" * 20_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_text_made_to_be_slow_is_read_in_the_time_of_its_length(tmp_path: Path, text: str) -> None:
    """A pattern that begins anew at every quote or command would take hours for these."""
    path = script(tmp_path, text)
    start = time.process_time()
    with contextlib.suppress(InputError):
        find_script(path)
    assert time.process_time() - start < 10


PIECES = [
    *(
        "input",
        "infile",
        "data list",
        "infix",
        "dictionary",
        "value",
        "format",
        "label define",
        "value labels",
    ),
    *(
        " ",
        "\n",
        ";",
        ".",
        "/",
        "@",
        "+",
        "-",
        "$",
        "(",
        ")",
        "{",
        "}",
        "=",
        ",",
        "'",
        '"',
        "*",
        "/*",
        "*/",
        "//",
    ),
    *(
        "A",
        "B",
        "C",
        "1",
        "8.",
        "8.2",
        "20",
        "99999999999",
        "str",
        "byte",
        "%8s",
        "_column(",
        "\u00e9",
        "#delimit ;",
    ),
    *("start", "end", "name", "width", "A,1,2\n", "PUF Item Name"),
]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=60))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_script_is_a_layout_or_one_error(tmp_path: Path, pieces: list[str]) -> None:
    path = tmp_path / "any.txt"
    path.write_text("".join(pieces), encoding="utf-8")
    try:
        found = find_script(path)
    except InputError:
        return
    if found is not None:
        assert all(one.end < other.start for one, other in pairwise(found.fields))
