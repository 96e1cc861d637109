"""The NCDB reader keeps every byte, says why a line is no record, and refuses a layout that is not the file's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from formats_files import ncdb_line, ncdb_lines, write_lines

from pipelines.codebook.layouts import Field, Layout, builtin_layouts, find_layout, read_layouts
from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract, recognise
from pipelines.formats.ncdb.puf import read_records
from pipelines.formats.text import arrays

RELEASES = ["2013", "2016", "2020", "2022", "2023"]


def read_all(extract: Extract) -> tuple[pa.Table, list[dict[str, object]]]:
    batches = [batch for table in extract.tables for batch in table.batches()]
    kept = pa.concat_tables([batch.kept for batch in batches])
    return kept, pa.concat_tables([batch.quarantined for batch in batches]).to_pylist()


def rebuilt(kept: pa.Table) -> list[bytes]:
    """The lines again, from the columns in layout order."""
    columns = [kept[name].to_pylist() for name in kept.column_names[:-2]]
    return ["".join(values).encode("latin-1") for values in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("release", "length", "fields"),
    [("2013", 389, 124), ("2016", 410, 136), ("2020", 978, 318), ("2022", 1080, 340), ("2023", 1095, 346)],
)
def test_built_in_layouts_have_the_published_lengths(release: str, length: int, fields: int) -> None:
    layout = builtin_layouts()[release]
    assert (layout.length, len(layout.fields)) == (length, fields)


@pytest.mark.parametrize(
    ("release", "variable", "columns"),
    [
        ("2013", "PUF_VITAL_STATUS", (376, 376)),
        ("2016", "PUF_VITAL_STATUS", (382, 382)),
        ("2022", "PUF_VITAL_STATUS", (362, 362)),
        ("2022", "RX_SUMM_SURG_BREAST", (1059, 1062)),
        ("2023", "RX_SUMM_SURG_BREAST", (1060, 1063)),
    ],
)
def test_fields_that_move_between_releases(release: str, variable: str, columns: tuple[int, int]) -> None:
    field = builtin_layouts()[release].by_name[variable]
    assert (field.start, field.end) == columns


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_release_is_found_by_content_and_comes_back_byte_for_byte(
    tmp_path: Path, release: str, end: bytes
) -> None:
    lines = ncdb_lines(release)
    path = write_lines(tmp_path / "named_NCDBPUF_Breast.0.1999.0.dat", lines, end)
    extract = open_extract([path])
    kept, quarantined = read_all(extract)
    assert (extract.source, extract.format, extract.release) == ("ncdb", "ncdb_puf", release)
    assert extract.covered_years == (2004, int(release))
    assert rebuilt(kept) == lines
    assert kept["source_record"].to_pylist() == list(range(1, len(lines) + 1))
    assert set(kept["source_file"].to_pylist()) == {path.name}
    assert quarantined == []


def test_padding_is_kept_and_columns_are_text(tmp_path: Path) -> None:
    kept, _ = read_all(open_extract([write_lines(tmp_path / "a.dat", ncdb_lines("2022"))]))
    assert kept["TNM_CLIN_T"][0].as_py() == "   c2"
    assert kept["RX_SUMM_SURG_BREAST"][0].as_py() == "    "
    text = {pa.string(), pa.dictionary(pa.int32(), pa.string())}
    assert {kept.schema.field(name).type for name in kept.column_names[:-1]} == text


def test_bytes_are_sliced_and_not_characters(tmp_path: Path) -> None:
    """A latin-1 byte above 127 takes one column, so what stands after it does not move."""
    lines = [*ncdb_lines("2016"), ncdb_line("2016", 61, PUF_FACILITY_ID="Hôpital é1")]
    kept, _ = read_all(open_extract([write_lines(tmp_path / "a.dat", lines)]))
    assert kept["PUF_FACILITY_ID"][60].as_py() == "Hôpital é1"
    assert kept["PRIMARY_SITE"][60].as_py() == "C504"
    assert rebuilt(kept) == lines


def test_trimmed_lines_are_padded_and_never_dropped(tmp_path: Path) -> None:
    lines = ncdb_lines("2022")
    path = write_lines(tmp_path / "a.dat", [line.rstrip(b" ") for line in lines])
    extract = open_extract([path])
    kept, quarantined = read_all(extract)
    assert extract.release == "2022"
    assert rebuilt(kept) == lines
    assert quarantined == []


def test_a_trimmed_file_that_can_be_of_two_releases_is_not_guessed(tmp_path: Path) -> None:
    """Without the newest diagnosis years a trimmed 2022 file is also a trimmed 2020 file."""
    lines = [ncdb_line("2022", n, YEAR_OF_DIAGNOSIS="2011", PUF_VITAL_STATUS="1") for n in range(30)]
    trimmed = [line.rstrip(b" ") + b"7" * (n % 3) for n, line in enumerate(lines)]
    path = write_lines(tmp_path / "a.dat", trimmed)
    with pytest.raises(InputError, match=r"lost its trailing blanks and can be of release .*--layout"):
        open_extract([path])
    assert open_extract([path], layout="2022").release == "2022"


def test_what_cannot_be_a_record_is_set_aside_with_its_bytes(tmp_path: Path) -> None:
    good = ncdb_lines("2016", 100)
    lines = [
        good[0],
        good[1] + b"  ",
        good[2] + b"X",
        b"",
        good[3][:40],
        good[4][:100] + b"\0" + good[4][101:],
    ]
    lines += good[5:]
    path = write_lines(tmp_path / "a.dat", lines)
    kept, quarantined = read_all(open_extract([path]))
    data = path.read_bytes()
    assert [row["source_record"] for row in quarantined] == [3, 4, 5, 6]
    assert [row["reason"] for row in quarantined] == [
        "longer than the 410 bytes of release 2016",
        "blank line",
        "ends before PRIMARY_SITE (column 86)",
        "holds NUL bytes",
    ]
    assert [data[row["byte_start"] : row["byte_end"]] for row in quarantined] == [
        line + b"\n" for line in lines[2:6]
    ]
    assert rebuilt(kept) == [good[0], good[1], *good[5:]]
    assert kept["source_record"].to_pylist() == [1, 2, *range(7, len(lines) + 1)]


def test_a_last_record_that_was_cut_is_set_aside(tmp_path: Path) -> None:
    lines = ncdb_lines("2016")
    path = tmp_path / "a.dat"
    path.write_bytes(b"\n".join(lines) + b"\n" + ncdb_line("2016", 61)[:271])
    extract = open_extract([path])
    kept, quarantined = read_all(extract)
    assert rebuilt(kept) == lines
    assert quarantined[0]["source_record"] == 61
    assert (quarantined[0]["byte_start"], quarantined[0]["byte_end"]) == (60 * 411, 60 * 411 + 271)
    assert "is cut" in str(quarantined[0]["reason"])
    assert any("no line end" in note for note in extract.notes)


def test_a_whole_last_record_without_line_end_is_kept(tmp_path: Path) -> None:
    lines = ncdb_lines("2016")
    (tmp_path / "a.dat").write_bytes(b"\n".join(lines))
    kept, quarantined = read_all(open_extract([tmp_path / "a.dat"]))
    assert rebuilt(kept) == lines
    assert quarantined == []


def test_mixed_line_ends(tmp_path: Path) -> None:
    lines = ncdb_lines("2022")
    data = b"".join(line + (b"\r\n" if n % 3 else b"\n") for n, line in enumerate(lines))
    (tmp_path / "a.dat").write_bytes(data)
    kept, quarantined = read_all(open_extract([tmp_path / "a.dat"]))
    assert rebuilt(kept) == lines
    assert quarantined == []


@pytest.mark.parametrize("block_bytes", [500, 411, 4000, 10**6])
def test_block_size_changes_nothing(tmp_path: Path, block_bytes: int) -> None:
    lines = ncdb_lines("2016")
    lines[7] = b"X" * 5000
    path = write_lines(tmp_path / "a.dat", lines)
    batches = list(read_records(path, builtin_layouts()["2016"], block_bytes=block_bytes))
    kept = pa.concat_tables([batch.kept for batch in batches])
    quarantined = pa.concat_tables([batch.quarantined for batch in batches]).to_pylist()
    assert rebuilt(kept) == lines[:7] + lines[8:]
    assert kept["source_record"].to_pylist() == [*range(1, 8), *range(9, 61)]
    assert [(row["source_record"], row["byte_start"], row["byte_end"]) for row in quarantined] == [
        (8, 7 * 411, 7 * 411 + 5001)
    ]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("asked", RELEASES)
def test_a_wrong_layout_is_refused_and_the_right_one_named(tmp_path: Path, release: str, asked: str) -> None:
    path = write_lines(tmp_path / "a.dat", ncdb_lines(release, 120))
    if asked == release:
        assert open_extract([path], layout=asked).release == release
        return
    with pytest.raises(
        InputError, match=f"not an NCDB breast file in the layout of release {asked}"
    ) as caught:
        open_extract([path], layout=asked)
    assert f"It looks like release {release}" in str(caught.value)


@pytest.mark.parametrize(
    ("release", "asked"),
    [
        ("2013", "2016"),
        ("2013", "2022"),
        ("2016", "2013"),
        ("2016", "2022"),
        ("2022", "2013"),
        ("2022", "2016"),
    ],
)
def test_vital_status_alone_betrays_a_wrong_layout(tmp_path: Path, release: str, asked: str) -> None:
    """With the lengths made equal, the position of vital status still tells the releases apart."""
    length = builtin_layouts()[asked].length
    lines = [line.rstrip(b" ").ljust(length)[:length] for line in ncdb_lines(release, 120)]
    with pytest.raises(InputError, match="PUF_VITAL_STATUS"):
        open_extract([write_lines(tmp_path / "a.dat", lines)], layout=asked)


def test_a_few_bad_records_do_not_unseat_the_layout(tmp_path: Path) -> None:
    lines = ncdb_lines("2022", 200)
    lines[3] = ncdb_line("2022", 3, YEAR_OF_DIAGNOSIS="1066", PUF_VITAL_STATUS="7")
    lines[9] = ncdb_line("2022", 9, PRIMARY_SITE="C619")
    lines[50] = b"not a record at all"
    newest = [n for n, line in enumerate(lines) if line[78:82] == b"2022"]
    lines[newest[0]] = ncdb_line("2022", newest[0], YEAR_OF_DIAGNOSIS="2022", PUF_VITAL_STATUS=" ")
    extract = open_extract([write_lines(tmp_path / "a.dat", lines)])
    kept, quarantined = read_all(extract)
    assert extract.release == "2022"
    assert (kept.num_rows, len(quarantined)) == (199, 1)


def test_another_cancer_site_is_said_to_be_one(tmp_path: Path) -> None:
    lines = [ncdb_line("2022", n, PRIMARY_SITE="C341") for n in range(60)]
    with pytest.raises(InputError, match="another cancer site"):
        open_extract([write_lines(tmp_path / "a.dat", lines)], source="ncdb")


def test_a_release_that_is_not_built_in_asks_for_its_layout(tmp_path: Path) -> None:
    """The length 1,032 belongs to release 2021 as far as anyone has seen; that layout is only inferred."""
    lines = [line[:1032] for line in ncdb_lines("2022", 120) if line[78:82] != b"2022"]
    path = write_lines(tmp_path / "a.dat", lines)
    with pytest.raises(InputError, match=r"1,032 bytes.*release 2021.*inference only: bring the script"):
        open_extract([path])
    table = tmp_path / "layout.csv"
    fields = [field for field in builtin_layouts()["2022"].fields if field.end <= 1032]
    rows = [f"2021,{field.name},{field.start},{field.width}" for field in fields]
    table.write_text("\n".join(["release,variable,start,width", *rows]))
    extract = open_extract([path], layout=table)
    assert extract.release == "2021"
    assert rebuilt(read_all(extract)[0]) == lines


def test_two_releases_are_never_stacked(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / f"{release}.dat", ncdb_lines(release)) for release in ("2016", "2022")]
    with pytest.raises(InputError, match=r"different releases: 2016\.dat is 2016, 2022\.dat is 2022"):
        open_extract(paths)


def test_no_message_holds_a_value_of_a_patient(tmp_path: Path) -> None:
    lines = [ncdb_line("2022", n, PRIMARY_SITE="C619", YEAR_OF_DIAGNOSIS="1987") for n in range(60)]
    path = write_lines(tmp_path / "a.dat", lines)
    with pytest.raises(InputError) as caught:
        open_extract([path], source="ncdb")
    text = str(caught.value) + recognise(path).explanation
    assert not [value for value in ("C619", "1987", "CASE0") if value in text]


def test_layout_tables_with_gaps_or_repeats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gap or an overlap at column 5"):
        Layout("2030", (Field("A", 1, 4), Field("B", 6, 1)))
    with pytest.raises(InputError, match="names a variable twice"):
        Layout("2030", (Field("A", 1, 4), Field("A", 5, 1)))
    (tmp_path / "script.sas").write_text("input @1 A $4.;")
    with pytest.raises(InputError, match="not a layout table"):
        read_layouts(tmp_path / "script.sas")
    with pytest.raises(InputError, match="no built-in NCDB layout '1999'"):
        find_layout("1999")


def test_loading_does_not_import_pandas(tmp_path: Path) -> None:
    """`pyarrow.array` and a schema's `empty_table` import it: a second, which a load does not need."""
    path = write_lines(tmp_path / "a.dat", ncdb_lines("2022"))
    code = (
        "import sys; from pathlib import Path\n"
        "from pipelines.formats import open_extract; from pipelines.store import Home, load_extract\n"
        f"load_extract(Home(Path({str(tmp_path / 'home')!r})), 'a', open_extract([{str(path)!r}]))\n"
        "assert 'pandas' not in sys.modules, 'pandas was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("trims", [False, True])
def test_a_file_that_an_editor_saved_as_utf_8_is_read_as_it_was_sent(tmp_path: Path, trims: bool) -> None:
    """The mark before the first line and two bytes for a letter would shift every field behind them.

    Where the editor trimmed trailing blanks too, such a line is shorter than a record and longer than it should be.
    """
    lines = ncdb_lines("2022")
    lines[3] = lines[3].replace(b"CASE0", b"CAS\xc90")
    sent = write_lines(tmp_path / "sent.dat", lines)
    saved = tmp_path / "saved.dat"
    text = sent.read_bytes().decode("latin-1")
    text = "".join(line.rstrip(" \n") + "\n" for line in text.splitlines()) if trims else text
    saved.write_bytes(b"\xef\xbb\xbf" + text.encode("utf-8"))
    tables = [
        pa.concat_tables(
            [batch.kept.drop_columns(["source_file"]) for batch in open_extract([path]).tables[0].batches()]
        )
        for path in (sent, saved)
    ]
    assert tables[0].to_pylist() == tables[1].to_pylist()
    assert tables[0].num_rows == len(lines)


def test_two_releases_one_after_the_other_are_refused(tmp_path: Path) -> None:
    """Shorter records would be padded to the other release's length and every field behind column 111 be wrong."""
    path = write_lines(tmp_path / "a.dat", ncdb_lines("2016") + ncdb_lines("2022"))
    words = r"lines of 410 bytes \(release 2016\) and of 1,080 bytes \(release 2022\)"
    with pytest.raises(InputError, match=words) as caught:
        open_extract([path])
    assert "load each as its own submission" in str(caught.value)
    assert "410 bytes (release 2016)" in recognise(path).explanation
    with pytest.raises(InputError, match=words):
        open_extract([path], layout="2022")


def test_a_stray_record_of_another_release_is_set_aside(tmp_path: Path) -> None:
    lines = [*ncdb_lines("2022", 100), ncdb_line("2016"), ncdb_line("2022", 101)]
    path = write_lines(tmp_path / "a.dat", lines)
    kept, quarantined = read_all(open_extract([path]))
    assert kept.num_rows == 101
    assert [(row["source_record"], row["reason"]) for row in quarantined] == [
        (101, "has the 410 bytes of release 2016 in a file of release 2022")
    ]


def test_in_a_trimmed_file_any_length_is_padded(tmp_path: Path) -> None:
    lines = [*ncdb_lines("2022", 100), ncdb_line("2022", 101)[:410]]
    path = write_lines(tmp_path / "a.dat", [line.rstrip(b" ") for line in lines[:-1]] + [lines[-1]])
    kept, quarantined = read_all(open_extract([path]))
    assert (kept.num_rows, quarantined) == (101, [])


def test_a_release_stacked_on_a_later_one_shows_in_its_withheld_year(tmp_path: Path) -> None:
    """Written in one layout by some tool, two releases have one length; the older one still withholds its year."""
    older = [
        ncdb_line(
            "2022", n, YEAR_OF_DIAGNOSIS=str(2004 + n % 17), PUF_VITAL_STATUS=" " if n % 17 == 16 else "1"
        )
        for n in range(680)
    ]
    path = write_lines(tmp_path / "a.dat", ncdb_lines("2022", 760) + older)
    with pytest.raises(InputError, match="two releases in one file: vital status of 2020 is blank in a part"):
        open_extract([path])


def test_a_file_with_later_diagnoses_is_not_of_an_older_release(tmp_path: Path) -> None:
    """One year of eighteen is 5 % of the records, which no check of "most" sees."""
    lines = [
        ncdb_line("2020", n, YEAR_OF_DIAGNOSIS=str(2004 + n % 18), PUF_VITAL_STATUS="1") for n in range(360)
    ]
    with pytest.raises(InputError, match=r"YEAR_OF_DIAGNOSIS \(columns 79-82\) is later than 2020"):
        open_extract([write_lines(tmp_path / "a.dat", lines)], layout="2020")


@pytest.mark.parametrize("width", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("rows", [0, 1, 50])
def test_dictionaries_of_short_codes_give_the_values_back(width: int, rows: int) -> None:
    words = [f"{n % 7}\u00e9{n % 3}      "[:width].encode("latin-1") for n in range(rows)]
    values = np.frombuffer(b"".join(words), np.uint8).reshape(rows, width)
    encode = arrays.looked_up if width <= 2 else arrays.numbered
    assert encode(values).to_pylist() == [word.decode("latin-1") for word in words]


def test_a_block_without_one_sound_record_is_a_table_without_rows(tmp_path: Path) -> None:
    lines = [b"short" for _ in range(300)]
    path = write_lines(tmp_path / "a.dat", ncdb_lines("2016") + lines)
    batches = list(read_records(path, builtin_layouts()["2016"], block_bytes=900))
    assert sum(batch.kept.num_rows for batch in batches) == 60
    assert sum(batch.quarantined.num_rows for batch in batches) == 300
    assert len({batch.kept.schema for batch in batches}) == 1
