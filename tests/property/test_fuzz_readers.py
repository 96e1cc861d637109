"""Any bytes at all: a reader gives one of our errors, or accounts for every record; it never crashes, hangs or loses.

In the suite the examples are few and the same in every run. `COHORTS_FUZZ_EXAMPLES=5000` makes a night of it, with
examples that are new in every run.
"""

import os
import time
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import SEEDS, Seed, account, read

NIGHTLY = int(os.environ.get("COHORTS_FUZZ_EXAMPLES", "0"))
EXAMPLES = NIGHTLY or 40
SECONDS = 30
"""No file of some kilobytes takes so long, on the busiest machine."""
FUZZED = settings(
    max_examples=EXAMPLES,
    derandomize=not NIGHTLY,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink) if NIGHTLY else (Phase.generate,),
)

WORDS = [
    b"\0",
    b"\0" * 40,
    b"\r",
    b"\n",
    b"\r\n",
    b'"',
    b'""',
    b",",
    b"\t",
    b";",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1a",
    b"\xe9",
    b" " * 300,
    b"9" * 300,
    b"=",
    b"[System]\r\n",
    b"<Patient/>",
    b"</Tumor>",
    b"<Item naaccrId='x'>",
    b"&amp;",
    b"&lol;",
    b"<!DOCTYPE a [<!ENTITY lol 'lol'>]>",
    b"<![CDATA[",
    b"<!--",
    b"-99999999999999999999",
    b"1e999",
    b"\xf0\x9f\x98\x80",
    b"%s{0}$1",
]
PLACE = st.floats(0, 1, exclude_max=True)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), PLACE, st.integers(0, 255)),
        st.tuples(st.just("insert"), PLACE, st.sampled_from(WORDS)),
        st.tuples(st.just("delete"), PLACE, st.sampled_from([1, 2, 7, 60, 500, 3000])),
        st.tuples(st.just("double"), PLACE, st.sampled_from([1, 7, 60, 500, 3000])),
        st.tuples(st.just("cut"), PLACE, st.none()),
        st.tuples(st.just("ends"), PLACE, st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\n\r", b""])),
        st.tuples(st.just("swap"), PLACE, st.sampled_from([2, 60, 500])),
        st.tuples(st.just("join"), PLACE, st.none()),
    ),
    min_size=1,
    max_size=6,
)
Change = tuple[str, float, object]


def changed(data: bytes, changes: list[Change]) -> bytes:
    """Apply changes one after the other; a place is a share of the file."""
    for kind, place, how in changes:
        at = int(place * len(data))
        match kind, how:
            case "set", int(byte):
                data = data[:at] + bytes([byte]) + data[at + 1 :]
            case "insert", bytes(word):
                data = data[:at] + word + data[at:]
            case "delete", int(length):
                data = data[:at] + data[at + length :]
            case "double", int(length):
                data = data[: at + length] + data[at:]
            case "cut", None:
                data = data[:at]
            case "ends", bytes(end):
                data = data[:at] + data[at:].replace(b"\r\n", b"\n").replace(b"\n", end)
            case "swap", int(length):
                data = (
                    data[:at]
                    + data[at + length : at + 2 * length]
                    + data[at : at + length]
                    + data[at + 2 * length :]
                )
            case "join", None:
                data = data + data[at:]
    return data


@cache
def sound(name: str) -> Seed:
    made = SEEDS[name]()
    tables = account(made, made.data)
    assert not isinstance(tables, str), f"the seed itself is sound: {tables}"
    return made


@pytest.mark.parametrize("name", SEEDS)
@FUZZED
@given(changes=CHANGES)
def test_every_record_of_any_file_is_accounted_for(name: str, changes: list[Change]) -> None:
    seed = sound(name)
    data = changed(seed.data, changes)
    begun = time.monotonic()
    account(seed, data)
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("name", SEEDS)
@settings(FUZZED, max_examples=max(EXAMPLES // 10, 2))
@given(changes=CHANGES)
def test_the_same_bytes_are_read_the_same_way(name: str, changes: list[Change]) -> None:
    seed = sound(name)
    data = changed(seed.data, changes)
    assert read(seed, data) == read(seed, data)


@pytest.mark.parametrize("name", SEEDS)
@settings(FUZZED, max_examples=max(EXAMPLES // 10, 2))
@given(noise=st.binary(max_size=3000))
def test_noise_is_refused_or_accounted_for(name: str, noise: bytes) -> None:
    account(sound(name), noise)


FOUND: dict[str, tuple[str, list[Change]]] = {
    "a first row without fields passed for the names of a page that the export has not": (
        "seer survival",
        [("insert", 0.05, b"\r")],
    ),
    "a first line that is blank did, too": ("seer survival", [("insert", 0.0, b"\n")]),
    "a Parquet file damaged behind its names was no InputError": (
        "ncdb parquet",
        [("insert", 0.0625, b"\0")],
    ),
}


def test_two_rows_with_a_stray_quote_each_are_not_one_record() -> None:
    """From the first quote to the second is no field: what follows it would have to be a delimiter."""
    seed = sound("mapped delimited")
    tables = account(seed, b'id,sex,note\n1,F,"ab\n2,F,"cd\n3,F,x\n')
    assert not isinstance(tables, str)
    assert [row["source_record"] for row in tables[0].aside] == [1, 2]
    assert tables[0].kept["id"].to_pylist() == ["3"]


@pytest.mark.parametrize("what", FOUND)
def test_what_fuzzing_found_stays_mended(what: str) -> None:
    name, changes = FOUND[what]
    account(sound(name), changed(sound(name).data, changes))
