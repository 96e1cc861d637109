"""SEER ASCII: the release is told by what only it holds, and every byte of every record is kept."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.codebook.layouts import Field, Layout
from pipelines.errors import InputError
from pipelines.formats import open_extract, recognise
from pipelines.formats.seer.ascii import open_seer_ascii, recognise_seer_ascii, seer_ascii_layouts
from pipelines.formats.types import Extract, Options

RELEASES = ("nov2016", "nov2018")


def record(release: str, number: int = 1, **fields: str) -> bytes:
    """One made-up record: a woman with breast cancer of 2005 who is alive, unless fields say otherwise."""
    layout = seer_ascii_layouts()[release]
    told = {
        "PUBCSNUM": f"{number:08}",
        "REG": "0000001502",
        "SEX": "2",
        "YEAR_DX": "2005",
        "PRIMSITE": "C504",
        "STAT_REC": "1",
        "MALIGCOUNT": "01",
        "BENBORDCOUNT": "00",
    } | fields
    line = bytearray(b" " * layout.length)
    for name, value in told.items():
        field = layout.by_name[name]
        line[field.bytes] = value.encode("latin-1").rjust(field.width)
    return bytes(line)


def records(release: str, count: int = 30) -> list[bytes]:
    """Records of which some are dead, as the release codes it."""
    dead = {"nov2016": "4", "nov2018": "0"}[release]
    return [record(release, n, STAT_REC=dead if n % 3 == 0 else "1") for n in range(count)]


def write(path: Path, lines: list[bytes], end: bytes = b"\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + end for line in lines))
    return path


def read_all(extract: Extract) -> tuple[pa.Table, list[dict[str, object]]]:
    batches = [batch for table in extract.tables for batch in table.batches()]
    kept = pa.concat_tables([batch.kept for batch in batches])
    return kept, pa.concat_tables([batch.quarantined for batch in batches]).to_pylist()


def rebuilt(kept: pa.Table) -> list[bytes]:
    columns = [kept[name].to_pylist() for name in kept.column_names[:-2]]
    return ["".join(values).encode("latin-1") for values in zip(*columns, strict=True)]


def test_the_built_in_layouts_fill_the_gaps_and_have_the_published_columns() -> None:
    old, new = (seer_ascii_layouts()[release] for release in RELEASES)
    assert (old.length, new.length) == (362, 393)
    assert (old.by_name["DAJCC7STG"].start, old.by_name["DAJCC7STG"].end) == (321, 323)
    assert (old.by_name["STAT_REC"].start, new.by_name["STAT_REC"].start) == (265, 265)
    assert old.by_name["columns_22_22"].width == 1
    assert "DAJCCFL" in old.by_name
    assert "DAJCCFL" not in new.by_name
    assert (new.by_name["DSRPSG"].start, new.by_name["METSDXO"].end) == (367, 393)
    moved = {name for name, field in old.by_name.items() if new.by_name.get(name, field) != field}
    assert moved == set()


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_each_release_is_found_by_content_and_comes_back_byte_for_byte(
    tmp_path: Path, release: str, end: bytes
) -> None:
    lines = records(release)
    path = write(tmp_path / "BREAST.TXT", lines, end)
    extract = open_seer_ascii([path])
    kept, quarantined = read_all(extract)
    assert (extract.source, extract.dialect, extract.release) == ("seer", "seer_ascii", release)
    assert extract.covered_years == {"nov2016": (1973, 2014), "nov2018": (1975, 2016)}[release]
    assert rebuilt(kept) == lines
    assert quarantined == []


@pytest.mark.parametrize("release", RELEASES)
def test_trimmed_lines_are_padded_and_never_dropped(tmp_path: Path, release: str) -> None:
    lines = records(release)
    kept, quarantined = read_all(open_seer_ascii([write(tmp_path / "a", [line.rstrip() for line in lines])]))
    assert rebuilt(kept) == lines
    assert quarantined == []


def test_a_line_that_ends_before_vital_status_was_cut(tmp_path: Path) -> None:
    lines = records("nov2016")
    path = write(tmp_path / "BREAST.TXT", [*lines[:5], lines[5][:200], lines[6] + b"7", b"", *lines[7:]])
    kept, quarantined = read_all(open_seer_ascii([path]))
    assert [(row["source_record"], row["reason"]) for row in quarantined] == [
        (6, "ends before STAT_REC (column 265)"),
        (7, "longer than the 362 bytes of release nov2016"),
        (8, "blank line"),
    ]
    assert kept.num_rows == len(lines) - 2


def test_sites_and_registry_groups_load_together(tmp_path: Path) -> None:
    breast = write(tmp_path / "BREAST.TXT", records("nov2016"))
    colon = write(tmp_path / "COLRECT.TXT", [record("nov2016", 1, PRIMSITE="C187", SEX="1", STAT_REC="4")])
    extract = open_seer_ascii([breast, colon])
    assert [table.name for table in extract.tables] == ["BREAST", "COLRECT"]
    kept, _ = read_all(extract)
    assert kept["PRIMSITE"].to_pylist()[-1] == "C187"


def test_the_same_site_of_two_registry_groups_is_told_apart_by_its_folder(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / group / "BREAST.TXT", records("nov2016", 3 + n))
        for n, group in enumerate(("yr1973_2014.seer9", "yr1992_2014.sj_la_rg_ak"))
    ]
    extract = open_seer_ascii(paths)
    assert len({table.name for table in extract.tables}) == 2
    kept, _ = read_all(extract)
    assert {
        name: kept["source_file"].to_pylist().count(name) for name in kept["source_file"].unique().to_pylist()
    } == {
        "yr1973_2014.seer9/BREAST.TXT": 3,
        "yr1992_2014.sj_la_rg_ak/BREAST.TXT": 4,
    }


def test_two_submissions_are_not_one(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{release}.TXT", records(release)) for release in RELEASES]
    with pytest.raises(InputError, match=r"nov2016\.TXT is nov2016, nov2018\.TXT is nov2018"):
        open_seer_ascii(paths)


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ([record("nov2016", n) for n in range(20)], "content does not tell"),
        (records("nov2016") + records("nov2018"), "nov2016: dead is coded 4; nov2018: dead is coded 0"),
        ([*records("nov2016"), record("nov2016", 99, YEAR_DX="2015")], "nov2016: dead is coded 4"),
    ],
    ids=["nothing tells", "two releases in one file", "of 2015: the release between the two"],
)
def test_a_release_that_the_content_does_not_tell_is_asked_for(
    tmp_path: Path, lines: list[bytes], seen: str
) -> None:
    path = write(tmp_path / "BREAST.TXT", lines)
    with pytest.raises(InputError, match=seen) as raised:
        open_seer_ascii([path])
    assert "--layout nov2016" in str(raised.value)
    found = recognise_seer_ascii(path, b"")
    assert found is not None
    assert (found.format, found.release) == ("seer_ascii", None)
    assert found.error is not None


def test_the_code_of_the_dead_outweighs_a_column_that_should_be_empty(tmp_path: Path) -> None:
    """Column 138 is no field of Nov 2018; what stands there all the same does not make it Nov 2016."""
    lines = [line[:137] + b"1" + line[138:] for line in records("nov2018")]
    assert open_seer_ascii([write(tmp_path / "BREAST.TXT", lines)]).release == "nov2018"


@pytest.mark.parametrize("release", RELEASES)
def test_a_program_of_a_built_in_release_gives_its_layout(tmp_path: Path, release: str) -> None:
    layout = seer_ascii_layouts()[release]
    fields = [field for field in layout.fields if not field.name.startswith("columns_")]
    columns = "".join(f"    @ {each.start} {each.name} $char{each.width}. /* x */\n" for each in fields)
    program = tmp_path / f"read.{release}.sas"
    program.write_text(f"data in;\n  infile seer9 lrecl={layout.length};\n  input\n{columns}  ;\n")
    data = write(tmp_path / "BREAST.TXT", records(release))
    (table,) = open_extract([data, program]).tables
    assert table.columns == tuple(field.name for field in layout.fields)


def test_a_layout_that_is_asked_for_is_held_against_the_file(tmp_path: Path) -> None:
    quiet = write(tmp_path / "quiet.TXT", [record("nov2018", n).rstrip() for n in range(20)])
    assert open_seer_ascii([quiet], Options(layout=("nov2018",))).release == "nov2018"
    loud = write(tmp_path / "loud.TXT", records("nov2018"))
    with pytest.raises(
        InputError, match=r"of submission nov2018 and not of nov2016: nov2018: dead is coded 0"
    ):
        open_seer_ascii([loud], Options(layout=("nov2016",)))
    both = write(tmp_path / "both.TXT", records("nov2016") + records("nov2018"))
    with pytest.raises(InputError, match="two releases in one"):
        open_seer_ascii([both], Options(layout=("nov2016",)))
    with pytest.raises(InputError, match="no built-in SEER ASCII layout 'nov2003'"):
        open_seer_ascii([quiet], Options(layout=("nov2003",)))


def test_a_layout_of_the_site_reads_another_release(tmp_path: Path) -> None:
    fields = [Field("SEX", 3, 1), Field("YEAR_DX", 4, 4), Field("PRIMSITE", 8, 4), Field("STAT_REC", 12, 1)]
    layout = Layout.of("nov2013", fields)
    path = write(tmp_path / "BREAST.TXT", [b"012" + b"2009C5041", b"022" + b"1999C5004"])
    extract = open_seer_ascii([path], Options(layout=(layout,)))
    kept, _ = read_all(extract)
    assert (extract.release, extract.covered_years) == ("nov2013", None)
    assert kept["YEAR_DX"].to_pylist() == ["2009", "1999"]
    with pytest.raises(InputError, match="not where the layout of nov2013 has them"):
        open_seer_ascii([write(tmp_path / "b", records("nov2016"))], Options(layout=(layout,)))


SAS = """filename seer9 './yr1973_2015.seer9/*.TXT';
data in;
  infile seer9 lrecl=370;
  input
    @ 1   PUBCSNUM   $char8.  /* Patient ID */
    @ 9   REG        $char10. /* SEER registry */
    @ 24  SEX        $char1.
    @ 39  YEAR_DX    $char4.
    @ 43  PRIMSITE   $char4.
    @ 270 STAT_REC   $char1.  /* moved */
  ;
"""
"""A made-up program of a release whose columns are its own."""


def test_another_release_is_read_by_the_sas_program_that_came_with_it(tmp_path: Path) -> None:
    line = record("nov2016", 7, YEAR_DX="2015", STAT_REC=" ")[:269] + b"4" + b" " * 100
    data = write(tmp_path / "yr1973_2015.seer9" / "BREAST.TXT", [line] * 3)
    program = tmp_path / "read.seer.research.nov2017.sas"
    program.write_text(SAS)
    companion = recognise(program)
    assert (companion.companion, companion.format) == (True, "seer_ascii")
    assert "reads SEER research data in ASCII" in companion.explanation
    for extract in (open_extract([data, program]), open_extract([data], layout=program)):
        assert (extract.release, extract.covered_years) == ("nov2017", (1973, 2015))
        kept, _ = read_all(extract)
        assert kept["STAT_REC"].to_pylist() == ["4"] * 3
        assert rebuilt(kept) == [line] * 3


def test_a_program_that_does_not_say_its_release_needs_one_beside_it(tmp_path: Path) -> None:
    data = write(tmp_path / "BREAST.TXT", [record("nov2016", n, YEAR_DX="2015") for n in range(5)])
    program = tmp_path / "read.sas"
    program.write_text(SAS.replace("270", "265"))
    with pytest.raises(InputError, match="which submission it is for"):
        open_extract([data, program])
    assert open_extract([data, program], layout="nov2017").release == "nov2017"


def test_random_digits_of_the_right_length_are_named_and_refused(tmp_path: Path) -> None:
    digits = random.Random(1)
    lines = ["".join(digits.choices("0123456789", k=362)).encode() for _ in range(20)]
    found = recognise_seer_ascii(write(tmp_path / "a.txt", lines), b"")
    assert found is not None
    assert found.format == "seer_ascii"
    assert "not where a release known here has them" in str(found.error)


@pytest.mark.parametrize("text", [b"", b"\n\n", b"a,b\n1,2\n", b"\0" * 500, b"C504 2005\n" * 40])
def test_other_files_are_not_claimed(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text)
    assert recognise_seer_ascii(path, text) is None
