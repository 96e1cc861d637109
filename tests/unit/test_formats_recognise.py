"""``recognise`` says what a file is by its content, changes nothing, and never fails."""

import gzip
from pathlib import Path

import polars as pl
import pytest
from formats_files import (
    SEER_COLUMNS,
    SEER_ROWS,
    ncdb_lines,
    quoted,
    write_case_listing,
    write_dic,
    write_lines,
)

from pipelines.errors import InputError
from pipelines.formats import open_extract, read_through, recognise

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "samples"


@pytest.mark.parametrize("release", ["2013", "2016", "2020", "2022", "2023"])
def test_ncdb_whatever_its_name(tmp_path: Path, release: str) -> None:
    path = write_lines(tmp_path / "holiday.csv", ncdb_lines(release))
    before = path.read_bytes()
    found = recognise(path)
    assert (found.format, found.source, found.release) == ("ncdb_puf", "ncdb", release)
    assert read_through(path).records == 60
    assert found.problems == ()
    assert path.read_bytes() == before


def test_case_listing_with_and_without_its_dic(tmp_path: Path) -> None:
    path = write_case_listing(tmp_path)
    found = recognise(path)
    assert (found.format, found.release) == ("seerstat_case_listing", "nov2022")
    assert read_through(path).records == 3
    assert (found.columns, found.problems) == (5, ())
    dic = recognise(tmp_path / "export.dic")
    assert (dic.companion, dic.format) == (True, "seerstat_case_listing")
    assert "export dictionary of a SEER*Stat Case Listing session with 5 variables" in dic.explanation
    (tmp_path / "export.dic").unlink()
    found = recognise(path)
    assert (found.format, found.source, found.release) == ("seerstat_case_listing", "seer", None)
    assert "export.dic" in found.problems[0]


def test_a_rate_export_is_explained(tmp_path: Path) -> None:
    found = recognise(write_case_listing(tmp_path, session="Rate"))
    assert found.error is not None
    assert "Rate session, whose rows are statistics" in found.explanation


def test_tables_that_need_a_mapping(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}).write_parquet(tmp_path / "t.dat")
    (tmp_path / "t.txt").write_text("#note\na\tb\tc\n1\t2\t3\n")
    for name, records, columns in (("t.dat", 2, 2), ("t.txt", 1, 3)):
        found = recognise(tmp_path / name)
        assert (found.format, found.records, found.columns) == ("mapped", records, columns)
        assert "--mapping" in found.problems[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (gzip.compress(b"x" * 100, mtime=0), "gzip archive"),
        (b"PK\x03\x04" + b"\0" * 50, "zip archive"),
        (b"\x72\x02\x01\0" + b"\0" * 50, "a Stata data file"),
        (b"\0" * 12 + b"\xc2\xea\x81\x60\xb3\x14", "a SAS data set"),
        (b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000", "a SAS transport file"),
        (b"RDX3\nX\n\0\0\0\3", "an R data file"),
        (b"ARROW1\0\0" + b"\xff" * 50, "a Feather or Arrow file"),
        (b"SQLite format 3\0" + b"\0" * 50, "an SQLite or Access database"),
        (b"\0\1\0\0Standard ACE DB\0" + b"\0" * 50, "an SQLite or Access database"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 50, "an Excel or Word file of the older kind"),
        (b"PAR1 and no more", "damaged"),
        (bytes(range(256)) * 20, "binary data"),
        (b"I" + b"x" * 4047 + b"\n", "NAACCR flat file, version 18"),
        (b"just some words\nand more\n", "one column"),
        (b"one line, with commas, and no more\n", "one line"),
        (b"\n\n\n", "no line that can be a record"),
        (b"[System]\nno such thing\n", "not an export dictionary"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "NCDBPUF_Breast.3.2022.0.dat"
    path.write_bytes(content)
    found = recognise(path)
    assert found.format is None
    assert words in found.explanation
    with pytest.raises(InputError):
        open_extract([path])
    with pytest.raises(InputError):
        open_extract([path], source="ncdb")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "no such file" in recognise(tmp_path / "nothing").explanation
    assert "folder" in recognise(tmp_path).explanation
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(InputError):
            open_extract([path])
    with pytest.raises(InputError, match="No data file"):
        open_extract([])


def test_files_of_two_kinds_are_not_one_submission(tmp_path: Path) -> None:
    ncdb = write_lines(tmp_path / "a.dat", ncdb_lines("2016"))
    seer = write_case_listing(tmp_path)
    with pytest.raises(InputError, match=r"different kinds: a\.dat is an NCDB file, export\.csv is a SEER"):
        open_extract([ncdb, seer])


def test_a_damaged_ncdb_file_is_still_known(tmp_path: Path) -> None:
    lines = ncdb_lines("2022", 100)
    lines[0] = b"garbage\0"
    lines[40] = lines[40] + b"too long"
    found = recognise(write_lines(tmp_path / "a.dat", lines))
    assert (found.format, found.release) == ("ncdb_puf", "2022")
    assert found.problems == ("Some lines cannot be records and will be set aside.",)


def test_an_unknown_database_name(tmp_path: Path) -> None:
    write_dic(tmp_path / "export.dic", SEER_COLUMNS, database="My own database")
    path = write_lines(tmp_path / "export.csv", [quoted(row) for row in [SEER_COLUMNS, *SEER_ROWS]])
    assert "does not say which SEER submission" in recognise(path).problems[0]
    with pytest.raises(InputError, match="does not say which SEER submission"):
        open_extract([path])


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the reference samples are not on this machine")
def test_no_sample_is_taken_for_what_it_is_not() -> None:
    paths = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    for path in paths:
        found = recognise(path)
        assert found.explanation
        assert found.format != "ncdb_puf"
        if path.parent.name == "naaccr_flat":
            assert "NAACCR flat" in found.explanation
        if path.parent.name == "seerstat_survival":
            assert found.format == "seerstat_survival"


@pytest.mark.parametrize(
    ("encoding", "words"), [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16")]
)
def test_text_in_utf_16_is_told_as_such(encoding: str, words: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.dat", ncdb_lines("2022"))
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    assert words in str(recognise(path).error)


def test_lines_that_end_in_a_carriage_return_alone_are_told_as_such(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.dat", ncdb_lines("2022"), b"\r")
    assert "carriage return alone" in str(recognise(path).error)
    one_damaged = [b"\r".join([b"x", b"y", b"z"]), *ncdb_lines("2022")]
    assert recognise(write_lines(path, one_damaged)).format == "ncdb_puf"


def test_a_file_name_that_is_no_text_is_refused_and_a_strange_one_is_not(tmp_path: Path) -> None:
    """A manifest holds the name as UTF-8; a hard blank in it is somebody's habit."""
    lines = ncdb_lines("2022")
    assert open_extract([write_lines(tmp_path / "breast\xa02022.dat", lines)]).release == "2022"
    with pytest.raises(InputError, match="cannot be written down"):
        open_extract([write_lines(tmp_path / "breast\udcff.dat", lines)])
