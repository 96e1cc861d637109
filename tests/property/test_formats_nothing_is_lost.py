"""However a file is mangled: records in = kept + quarantined, and what was kept is what was there."""

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.codebook.layouts import Layout, builtin_layouts
from pipelines.formats.ncdb.puf import read_records
from pipelines.formats.text.delimited import read_delimited
from pipelines.formats.types import Batch

THOROUGH = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LAYOUT = builtin_layouts()["2016"]
COLUMNS = ["Patient ID", "Grade", "Survival months"]
NL = b"\n"


def collect(batches: list[Batch]) -> tuple[pa.Table, list[dict[str, int]]]:
    return (
        pa.concat_tables([batch.kept for batch in batches]),
        pa.concat_tables([batch.quarantined for batch in batches]).to_pylist(),
    )


def ncdb_record(seed: int, layout: Layout = LAYOUT) -> bytes:
    """A record with random latin-1 text in random fields, some of them blank; year and site as they must be."""
    rng = random.Random(seed)
    line = bytearray(b" " * layout.length)
    for field in layout.fields:
        if rng.random() < 0.4:
            line[field.bytes] = bytes(rng.choice(b"0129AZ .\xe9\xff") for _ in range(field.width))
    line[78:86] = b"2011C509"
    return bytes(line)


def apply(mangle: str, line: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    cut = rng.randrange(len(line) + 1)
    manglings: dict[str, Callable[[], bytes]] = {
        "whole": lambda: line,
        "trimmed": lambda: line.rstrip(b" "),
        "cut": lambda: line[:cut],
        "longer": lambda: line + b" " * rng.randrange(5) + b"X",
        "padded": lambda: line + b" " * rng.randrange(9),
        "nul": lambda: line[:cut] + b"\0" + line[cut + 1 :],
        "blank": lambda: b"",
        "blanks": lambda: b"   ",
        "return": lambda: line + b"\r",
        "noise": lambda: bytes(rng.choice(b'ab",\r\t\0\xe9 ') for _ in range(rng.randrange(60))),
    }
    return manglings[mangle]()


MANGLES = st.lists(
    st.tuples(
        st.sampled_from(
            ["whole"] * 6
            + ["trimmed", "cut", "longer", "padded", "nul", "blank", "blanks", "return", "noise"]
        ),
        st.integers(0, 2**20),
    ),
    min_size=1,
    max_size=25,
)


def check_numbers(data: bytes, first_byte: int, kept: pa.Table, bad: list[dict[str, int]]) -> list[bytes]:
    """Hold record numbers and byte ranges against the lines of the file; return the lines that were kept."""
    body = data[first_byte:]
    lines = body.split(NL)
    lines = lines if lines[-1] else lines[:-1]
    numbers = kept["source_record"].to_pylist()
    assert sorted([*numbers, *(row["source_record"] for row in bad)]) == list(range(1, len(lines) + 1))
    assert numbers == sorted(numbers)
    for row in bad:
        raw = data[row["byte_start"] : row["byte_end"]]
        assert raw.removesuffix(NL) == lines[row["source_record"] - 1]
        assert row["reason"]
    return [lines[number - 1] for number in numbers]


@THOROUGH
@given(MANGLES, st.booleans(), st.sampled_from([300, 1000, 2**20]))
def test_ncdb_loses_nothing(
    tmp_path: Path, records: list[tuple[str, int]], ends: bool, block_bytes: int
) -> None:
    data = NL.join(apply(mangle, ncdb_record(seed), seed) for mangle, seed in records) + (NL if ends else b"")
    path = tmp_path / "a.dat"
    path.write_bytes(data)
    kept, bad = collect(list(read_records(path, LAYOUT, block_bytes=block_bytes))) if data else (None, [])
    if kept is None:
        return
    lines = check_numbers(data, 0, kept, bad)
    columns = [kept[field.name].to_pylist() for field in LAYOUT.fields]
    rebuilt = ["".join(values).encode("latin-1") for values in zip(*columns, strict=True)]
    assert rebuilt == [line.removesuffix(b"\r")[: LAYOUT.length].ljust(LAYOUT.length) for line in lines]


@pytest.mark.parametrize("release", sorted(builtin_layouts()))
@THOROUGH
@given(seeds=st.lists(st.integers(0, 2**30), min_size=1, max_size=5))
def test_every_byte_of_every_layout_comes_back(tmp_path: Path, release: str, seeds: list[int]) -> None:
    layout = builtin_layouts()[release]
    lines = [ncdb_record(seed, layout) for seed in seeds]
    path = tmp_path / "a.dat"
    path.write_bytes(NL.join(lines) + NL)
    kept, bad = collect(list(read_records(path, layout)))
    columns = [kept[field.name].to_pylist() for field in layout.fields]
    assert ["".join(values).encode("latin-1") for values in zip(*columns, strict=True)] == lines
    assert bad == []


@THOROUGH
@given(MANGLES, st.booleans(), st.sampled_from([80, 300, 2**20]))
def test_delimited_loses_nothing(
    tmp_path: Path, records: list[tuple[str, int]], ends: bool, block_bytes: int
) -> None:
    rows = [b'00000012,"Poorly, differentiated",0034', b'"1",NA,', b"a,b\xe9,c", 'x,"é ""y""",z'.encode()]
    data = NL.join(apply(mangle, rows[seed % 4], seed) for mangle, seed in records) + (NL if ends else b"")
    path = tmp_path / "a.csv"
    path.write_bytes(b"head\n" + data)
    batches = list(read_delimited(path, COLUMNS, ",", start=5, block_bytes=block_bytes))
    if not batches:
        assert data == b""
        return
    kept, bad = collect(batches)
    check_numbers(b"head\n" + data, 5, kept, bad)
    assert all(column.null_count == 0 for column in kept.columns)


@THOROUGH
@given(MANGLES, st.booleans())
def test_what_becomes_of_a_line_does_not_hang_on_its_neighbours(
    tmp_path: Path, records: list[tuple[str, int]], ends: bool
) -> None:
    """The quick parse of a block and the exact one of its lines agree, whatever the blocks are."""
    rows = [b'00000012,"Poorly, differentiated",0034', b'"1",NA,', b"a,b\xe9,c", 'x,"é ""y""",z'.encode()]
    path = tmp_path / "a.csv"
    path.write_bytes(
        NL.join(apply(mangle, rows[seed % 4], seed) for mangle, seed in records) + (NL if ends else b"")
    )
    results = [
        collect(batches)
        for size in (80, 300, 2**20)
        if (batches := list(read_delimited(path, COLUMNS, ",", block_bytes=size)))
    ]
    for kept, bad in results[1:]:
        assert kept.to_pydict() == results[0][0].to_pydict()
        assert [row["source_record"] for row in bad] == [row["source_record"] for row in results[0][1]]


PIECES = st.lists(
    st.sampled_from(
        [
            b'1,"one line",a\n',
            b'2,"two\nlines",b\n',
            b'3,"with\n\n""quotes""\nand, commas",c\r\n',
            b'4,"never closed,d\n',
            b'5,a stray " quote,e\n',
            b"6,short\n",
            b"\n",
            b'7,"a\0b",f\n',
            b"8,b,g\r\r\n",
            b'9,"\xe9\nx",h\n',
        ]
    ),
    min_size=1,
    max_size=40,
)


@THOROUGH
@given(PIECES, st.booleans())
def test_fields_with_line_breaks_read_the_same_in_blocks_of_any_size(
    tmp_path: Path, pieces: list[bytes], ends: bool
) -> None:
    data = b"".join(pieces)
    path = tmp_path / "a.csv"
    path.write_bytes(data if ends else data.removesuffix(b"\n") or b"x")
    seen = []
    for size in (80, 300, 2**20):
        batches = list(
            read_delimited(path, COLUMNS, ",", line_breaks_in_fields=True, block_bytes=size),
        )
        kept, bad = collect(batches)
        numbers = sorted([*kept["source_record"].to_pylist(), *(row["source_record"] for row in bad)])
        assert numbers == list(range(1, len(numbers) + 1))
        assert all(row["byte_start"] < row["byte_end"] for row in bad)
        seen.append((kept.to_pydict(), bad))
    assert seen[0] == seen[1] == seen[2]
