"""Delimited text, block by block: what is quick must say the same as what is exact, and no line is lost."""

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from formats_files import write_lines

from pipelines.errors import InputError
from pipelines.formats.text.delimited import read_delimited

COLUMNS = ["Patient ID", "Grade", "Note"]
NAMES = frozenset({"Patient ID", "Grade", "Sex", "Survival months", "Laterality"})
BLOCKS = (40, 100, 2**20)


def read(path: Path, **options: object) -> tuple[list[list[str]], list[int], list[dict[str, object]]]:
    """Rows, their numbers, and what was set aside."""
    # The options of a test are those of the reader: a wrong one fails there.
    batches = list(read_delimited(path, COLUMNS, ",", **options))  # type: ignore[arg-type]  # each test its own
    kept = pa.concat_tables([batch.kept for batch in batches])
    bad = pa.concat_tables([batch.quarantined for batch in batches]).to_pylist()
    rows = zip(*(kept[name].to_pylist() for name in COLUMNS), strict=True)
    return [list(row) for row in rows], kept["source_record"].to_pylist(), bad


@pytest.mark.parametrize("block_bytes", BLOCKS)
def test_a_record_may_go_over_lines_and_over_blocks(tmp_path: Path, block_bytes: int) -> None:
    lines = [b"1,I,short", b'2,II,"first line', b"second line, with a comma", b'third"', b"3,III,last"] * 4
    path = write_lines(tmp_path / "a.csv", lines)
    rows, numbers, bad = read(path, line_breaks_in_fields=True, block_bytes=block_bytes)
    note = "first line\nsecond line, with a comma\nthird"
    assert rows == [["1", "I", "short"], ["2", "II", note], ["3", "III", "last"]] * 4
    assert numbers == list(range(1, 13))
    assert bad == []


@pytest.mark.parametrize("block_bytes", BLOCKS)
def test_a_quote_that_is_never_closed_costs_its_own_line_alone(tmp_path: Path, block_bytes: int) -> None:
    lines = [b"1,I,a", b'2,II,"open', *[b"%d,I,x" % number for number in range(3, 200)]]
    path = write_lines(tmp_path / "a.csv", lines)
    rows, numbers, bad = read(path, line_breaks_in_fields=True, block_bytes=block_bytes)
    assert [row[0] for row in rows] == ["1", *map(str, range(3, 200))]
    assert [row["source_record"] for row in bad] == [2]
    assert path.read_bytes()[bad[0]["byte_start"] : bad[0]["byte_end"]] == b'2,II,"open\n'
    assert numbers == [1, *range(3, 200)]


def test_an_open_quote_is_no_value_though_another_stray_quote_makes_their_number_even(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", [b'1,I,a "word" b" c', b'2,II,"open'])
    rows, _, bad = read(path)
    assert rows == [["1", "I", 'a "word" b" c']]
    assert [row["reason"] for row in bad] == ["a quote is never closed, or a carriage return stands alone"]


@pytest.mark.parametrize("block_bytes", BLOCKS)
@pytest.mark.parametrize("again", [b'"Patient ID","Grade","Note"', b"\xef\xbb\xbfPatient ID,Grade,Note"])
def test_a_header_repeated_in_another_quoting_is_no_record(
    tmp_path: Path, again: bytes, block_bytes: int
) -> None:
    path = write_lines(tmp_path / "a.csv", [b"1,I,a", b"2,I,b", again, b"3,I,c"])
    rows, numbers, bad = read(path, header_line=b"Patient ID,Grade,Note", block_bytes=block_bytes)
    assert ([row[0] for row in rows], numbers) == (["1", "2", "3"], [1, 2, 4])
    assert [(row["source_record"], row["reason"]) for row in bad] == [(3, "header row repeated")]


@pytest.mark.parametrize(
    "other", [b"Sex,Survival months,Laterality", b'"Patient ID","Grade","Sex","Survival months"']
)
def test_the_header_of_another_listing_in_the_middle_stops_the_load(tmp_path: Path, other: bytes) -> None:
    path = write_lines(tmp_path / "a.csv", [b"1,I,a", b"2,I,b", other, b"Male,0012,Left"])
    with pytest.raises(InputError, match=r"two listings in one file") as caught:
        read(path, header_line=b"Patient ID,Grade,Note", names=NAMES)
    assert "record 3" in str(caught.value)


def test_values_that_are_also_names_of_columns_are_values(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", [b"1,Grade,Sex", b"2,Sex,x", b"3,I,Laterality"])
    rows, _, bad = read(path, header_line=b"Patient ID,Grade,Note", names=NAMES)
    assert (len(rows), bad) == (3, [])


def test_blank_lines_carriage_returns_and_nul_bytes_are_told_by_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,I,a\r\n\r\n2,I,b\n\n3,I\rI,c\r\n4,I,d\r\r\n5,\0,e\n6,I,f")
    rows, numbers, bad = read(path)
    assert rows == [["1", "I", "a"], ["2", "I", "b"], ["6", "I", "f"]]
    assert numbers == [1, 3, 8]
    reasons = [(row["source_record"], row["reason"]) for row in bad]
    alone = "a quote is never closed, or a carriage return stands alone"
    assert reasons == [
        (2, "blank line"),
        (4, "blank line"),
        (5, alone),
        (6, alone),
        (7, "holds NUL bytes"),
    ]
    data = path.read_bytes()
    assert data[bad[3]["byte_start"] : bad[3]["byte_end"]] == b"4,I,d\r\r\n"


def test_a_line_cut_in_its_middle_at_the_end_of_the_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'1,I,"a"\n2,I,"b"\n3,I')
    rows, _, bad = read(path)
    assert ([row[0] for row in rows], [row["source_record"] for row in bad]) == (["1", "2"], [3])


@pytest.mark.parametrize("multi", [False, True])
def test_one_endless_line_is_set_aside_in_bounded_memory(tmp_path: Path, multi: bool) -> None:
    """64 MB without a line end, in blocks of 1 MB; 2 GB takes as little memory and more time."""
    path = tmp_path / "a.csv"
    with path.open("wb") as stream:
        stream.write(b'1,I,a\n2,I,"')
        stream.truncate(64 * 2**20)
        stream.seek(0, 2)
        stream.write(b"\n3,I,c\n")
    tracemalloc.start()
    rows, numbers, bad = read(path, block_bytes=2**20, line_breaks_in_fields=multi)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (rows, numbers) == ([["1", "I", "a"], ["3", "I", "c"]], [1, 3])
    assert [(row["source_record"], row["reason"]) for row in bad] == [(2, "longer than any record can be")]
    assert (bad[0]["byte_start"], bad[0]["byte_end"]) == (6, 64 * 2**20 + 1)
    assert peak < 16 * 2**20


def test_columns_come_as_few_words_and_one_number_a_row(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", [b"%d,I,x" % number for number in range(50)] + [b"bad"])
    kept = next(iter(read_delimited(path, COLUMNS, ","))).kept
    assert kept.schema.field("Grade").type == pa.dictionary(pa.int32(), pa.string())
    assert kept["Grade"].to_pylist() == ["I"] * 50


def test_a_bad_line_among_many_changes_nothing_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that cannot be trusted is read in pieces, and each piece that can be trusted at once."""
    lines = [b'%d,"I, or II",x' % number for number in range(1, 2001)]
    for number in (7, 500, 501, 1999):
        lines[number - 1] += b",more"
    path = write_lines(tmp_path / "a.csv", lines)
    seen = []
    for piece_bytes in (100, 3000, 2**20):
        monkeypatch.setattr("pipelines.formats.text.delimited_blocks.PIECE_BYTES", piece_bytes)
        seen.append(read(path, block_bytes=20_000))
    assert seen[0] == seen[1] == seen[2]
    rows, numbers, bad = seen[0]
    assert [row["source_record"] for row in bad] == [7, 500, 501, 1999]
    assert [str(number) for number in numbers] == [row[0] for row in rows]
    data = path.read_bytes()
    assert [data[row["byte_start"] : row["byte_end"]] for row in bad] == [
        lines[number - 1] + b"\n" for number in (7, 500, 501, 1999)
    ]
