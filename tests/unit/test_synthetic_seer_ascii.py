"""Synthetic SEER research data in ASCII: the columns of SEER's own description, and codes that the codebook knows."""

import polars as pl
import pytest

from pipelines.codebook.schemes import field_schemes, schemes
from pipelines.formats.seer.ascii import seer_ascii_layouts
from pipelines.synthetic import WorldSettings, write_extract

ROWS = 3_000
LAST_COLUMN = {"nov2016": 362, "nov2018": 393}


@pytest.fixture(scope="module", params=["nov2016", "nov2018"])
def ascii_file(request, tmp_path_factory):
    """Submission and the lines."""
    folder = tmp_path_factory.mktemp(request.param)
    files = write_extract(WorldSettings(stage_iv_share=0.4), f"seer-ascii-{request.param}", ROWS, 9, folder)
    return request.param, files.extracts[0].read_bytes().decode("ascii").splitlines()


def column(lines: list[str], start: int, width: int) -> pl.Series:
    """A column by its 1-based first character."""
    return pl.Series([line[start - 1 : start - 1 + width] for line in lines])


def test_fields_stand_in_the_columns_of_the_record_description(ascii_file):
    submission, lines = ascii_file
    assert {len(line) for line in lines} == {LAST_COLUMN[submission]}
    patterns = {
        (1, 8): r"^\d{8}$",
        (9, 10): r"^00000015\d\d$",
        (24, 1): "^[12]$",
        (25, 3): r"^\d{3}$",
        (39, 4): r"^(19|20)\d\d$",
        (43, 4): r"^(C50[0-689]|C341)$",
        (53, 4): r"^8\d{3}$",
        (105, 2): r"^(00|10|4[024]|60|99|  )$",
        (134, 2): r"^(00|10|32|33|52|54|70|88|99|  )$",
        (159, 2): r"^(\d\d|  )$",
        (199, 5): "^(26000|22030)$",
        (301, 4): r"^\d{4}$",
        (321, 3): r"^(000|100|320|330|520|540|700|888|999|   )$",
        (341, 1): "^[12349]$",
    }
    for (start, width), pattern in patterns.items():
        assert column(lines, start, width).str.contains(pattern).all(), (start, width)


def test_the_dead_are_coded_by_release(ascii_file):
    submission, lines = ascii_file
    assert set(column(lines, 265, 1)) == {"1", {"nov2016": "4", "nov2018": "0"}[submission]}


def test_fields_are_filled_in_their_years(ascii_file):
    submission, lines = ascii_file
    years = column(lines, 39, 4).cast(pl.Int64)
    filled = {(134, 2): (2004, 2015), (321, 3): (2010, 2015), (105, 2): (2004, 2015), (349, 1): (2010, 2016)}
    filled |= {(159, 2): (1998, 2016), (170, 2): (1988, 1997), (311, 1): (2007, 2016)}
    if submission == "nov2018":
        filled |= {(364, 3): (2016, 2016), (367, 5): (2016, 2016), (392, 1): (2016, 2016)}
    for (start, width), (first, last) in filled.items():
        there = column(lines, start, width).str.strip_chars() != ""
        assert (there == years.is_between(first, last)).all(), (start, width)


def test_every_code_is_in_the_codebook(ascii_file):
    submission, lines = ascii_file
    fields = seer_ascii_layouts()[submission].by_name
    known, strangers = schemes(), {}
    for field, scheme in field_schemes().filter(source="seer_ascii").select("field", "scheme").iter_rows():
        if scheme is None or field not in fields:
            continue
        seen = {line[fields[field].bytes].strip() for line in lines} - {""}
        if unknown := seen - set(known[scheme]["code"].to_list()):
            strangers[field] = sorted(unknown)
    assert strangers == {}
