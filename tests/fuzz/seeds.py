"""Small sound files of every format, and the one property that reading any bytes must have.

Whatever the bytes: either one of our errors, which a user sees as a paragraph, or every record of the file is kept or
set aside. How many records a file has is counted here, apart from the readers.
"""

import gzip
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from lxml import etree

from pipelines.errors import CohortsError
from pipelines.formats import open_extract, recognise, unpacked

PEOPLE = 12
UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Table:
    """What was read of one table."""

    kept: pa.Table
    aside: list[dict[str, Any]]

    @property
    def records(self) -> int:
        return self.kept.num_rows + len(self.aside)


@dataclass(frozen=True)
class Seed:
    """A sound file, what is brought with it, and how its records are counted.

    Parameters
    ----------
    name : str
        File name.
    data : bytes
        The content that is changed.
    check : callable
        Holds the changed content against what was read of it.
    beside : mapping of str to bytes
        Files that are brought with it.
    arguments : mapping
        More arguments of ``open_extract``.
    """

    name: str
    data: bytes
    check: Callable[[bytes, list[Table]], None]
    beside: Mapping[str, bytes] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)


Read = list[Table] | str
"""The tables of a file, or the error a user would see."""


def read(seed: Seed, data: bytes) -> Read:
    """Write the files and read them to their end, as ``cohorts load`` does."""
    folder = Path(tempfile.mkdtemp(prefix="cohorts-fuzz-"))
    try:
        paths = [folder / seed.name, *(folder / name for name in seed.beside)]
        for path, content in zip(paths, (data, *seed.beside.values()), strict=True):
            path.write_bytes(content)
        for path in paths:
            recognise(path)
        with unpacked(paths, folder) as arrived:
            extract = open_extract(arrived.paths, **seed.arguments)
            tables = []
            for table in extract.tables:
                batches = list(table.batches())
                kept = pa.concat_tables([batch.kept for batch in batches]) if batches else pa.table({})
                aside = [row for batch in batches for row in batch.quarantined.to_pylist()]
                tables.append(Table(kept, aside))
            return tables
    except CohortsError as error:
        return str(error).replace(str(folder), "")
    finally:
        shutil.rmtree(folder)


def account(seed: Seed, data: bytes) -> Read:
    """Read changed content and hold what was read against it.

    Raises
    ------
    AssertionError
        A record was lost, doubled or made up.
    Exception
        Whatever a reader raised that is not one of our errors.
    """
    tables = read(seed, data)
    if isinstance(tables, str):
        assert tables.strip()
        assert "\n" not in tables, "an error is one paragraph"
        return tables
    for table in tables:
        numbers = [*table.kept["source_record"].to_pylist()] if table.kept.num_columns else []
        numbers += [row["source_record"] for row in table.aside]
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), "each record once"
        assert all(row["reason"] for row in table.aside)
        assert all(0 <= row["byte_start"] <= row["byte_end"] for row in table.aside)
    seed.check(data, tables)
    return tables


def lines_in(data: bytes) -> int:
    """Lines of a text; a last one without a line end counts."""
    return data.count(b"\n") + bool(data and not data.endswith(b"\n"))


def a_line_each(header: int = 0) -> Callable[[bytes, list[Table]], None]:
    """Each line after the header is a record."""

    def check(data: bytes, tables: list[Table]) -> None:
        (table,) = tables
        assert table.records == lines_in(data) - header
        for row in table.aside:
            assert row["byte_end"] <= len(data)

    return check


def _lines_of_records(data: bytes, tables: list[Table]) -> None:
    """A record may be several lines: those kept and those set aside cover all lines after the header."""
    (table,) = tables
    body = data.removeprefix(UTF8_MARK)
    while body.startswith(b"#"):
        body = body[body.find(b"\n") + 1 :]
    columns = [name for name in table.kept.column_names if name not in ("source_file", "source_record")]
    breaks = sum(str(value).count("\n") for name in columns for value in table.kept[name].to_pylist())
    aside = sum(max(lines_in(data[row["byte_start"] : row["byte_end"]]), 1) for row in table.aside)
    assert table.kept.num_rows + breaks + aside == lines_in(body) - 1


def _tumors(data: bytes, tables: list[Table]) -> None:
    """Each Tumor is a record, and each Patient without one; whatever is no XML is refused as a whole."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, recover=True)
    root = etree.parse(io.BytesIO(data), parser).getroot()
    patients = [node for node in root if etree.QName(node).localname == "Patient"] if root is not None else []
    tumors = [
        sum(etree.QName(child).localname == "Tumor" for child in node if isinstance(child.tag, str))
        for node in patients
    ]
    (table,) = tables
    assert table.records == sum(max(n, 1) for n in tumors)


def _rows_of_parquet(data: bytes, tables: list[Table]) -> None:
    if not data.startswith(b"PAR1"):  # then it is text to the reader, its first line perhaps a header row
        _lenient_lines(data)(data, tables)
        return
    (table,) = tables
    assert table.records == pq.read_metadata(pa.BufferReader(data)).num_rows


def same_as(original: Seed) -> Callable[[bytes, list[Table]], None]:
    """Nothing but what was packed comes out of an archive: its check sums see to it."""

    def check(data: bytes, tables: list[Table]) -> None:
        expected = read(original, original.data)
        assert not isinstance(expected, str)
        assert [table.kept.drop_columns(["source_file"]) for table in tables] == [
            table.kept.drop_columns(["source_file"]) for table in expected
        ]

    return check


def _as_unpacked(original: Seed) -> Callable[[bytes, list[Table]], None]:
    """As reading what the standard library unpacks; several members follow one another."""

    def check(data: bytes, tables: list[Table]) -> None:
        original.check(gzip.decompress(data), tables)

    return check


def _same_rows(rows: int) -> Callable[[bytes, list[Table]], None]:
    """However its description is changed, the data file keeps its records."""

    def check(data: bytes, tables: list[Table]) -> None:
        assert sum(table.records for table in tables) == rows

    return check


@cache
def _synthetic(registry_format: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Data files and companions of a small synthetic extract."""
    from pipelines.synthetic import WorldSettings, write_extract

    with tempfile.TemporaryDirectory() as folder:
        files = write_extract(WorldSettings(), registry_format, PEOPLE, 3, folder)
        extracts = {path.name: path.read_bytes() for path in files.extracts}
        return extracts, {path.name: path.read_bytes() for path in files.companions}


def _made(registry_format: str, check: Callable[[bytes, list[Table]], None], **arguments: Any) -> Seed:
    extracts, companions = _synthetic(registry_format)
    ((name, data),) = extracts.items()
    return Seed(name, data, check, companions, arguments)


MAPPING = {
    "id": "fuzz",
    "title": "A toy",
    "citation": "none",
    "licence": "none",
    "tables": [{"name": "people", "main": True, "key": "id", "columns": ["id", "sex", "note"]}],
    "columns": {
        "patient_key": {"column": "people.id"},
        "sex": {"column": "people.sex", "values": {"F": "female"}},
    },
}
TABLE_CSV = b'# a comment\nid,sex,note\n1,F,"one, two"\n2,F,"a\nb"\n3,F,plain\n4,F,"say ""x"""\n5,F,\xe9\n'

DIC_OF_SURVIVAL = b"\r\n".join(
    [
        b"[System]",
        b"Database name=Incidence - SEER Research Data, 9 Registries, Nov 2020 Sub (1975-2018)",
        b"",
        b"[Session Options]",
        b"Type=Survival",
        b"Statistic=Relative Survival",
        b"",
        b"[Export Options]",
        b"File format=DOS/Windows",
        b"Field delimiter=tab",
        b"Variable names included=false",
        b"Variable format=numeric",
        b"",
        b"[Life Page Variables]",
        b"Var1Name=Page type",
        b"Var2Name=Stage",
        b"Var3Name=Interval",
        b"Var4Name=Alive at Start",
        b"Var5Name=Died",
        b"Var6Name=Lost to Followup",
        b"Var7Name=Observed Survival (Interval)",
        b"",
        b"[Format=Stage]",
        b"0=Localized",
        b"1=Distant",
        b"",
        b"[Format=Page type]",
        b"0=Life Page",
        b"1=Summary Page",
        b"",
    ]
)
SURVIVAL = b"".join(
    b"0\t%d\t%d\t%d\t%d\t%d\t0.9%d\r\n" % (n % 2, n, 900 - n, n, 2 * n, n) for n in range(1, PEOPLE + 1)
)
DICTIONARY = b"""<?xml version="1.0" encoding="UTF-8"?>
<NaaccrDictionary dictionaryUri="http://site.example/own.xml" naaccrVersion="230" specificationVersion="1.7"
  xmlns="http://naaccr.org/naaccrxml">
<ItemDefs>
<ItemDef naaccrId="siteScore" naaccrNum="9600" naaccrName="Score" length="2" recordTypes="A,M,C,I"
  parentXmlElement="Tumor" dataType="digits" padding="leftZero"/>
<ItemDef naaccrId="siteNote" naaccrNum="9601" naaccrName="Note" length="20" parentXmlElement="Patient"/>
</ItemDefs>
</NaaccrDictionary>
"""


def _script(kind: str) -> Seed:
    """A program of the site that lays out the NCDB file, or the structure table that came with it."""
    from pipelines.codebook.layouts import builtin_layouts

    fields = builtin_layouts()["2022"].fields
    ncdb = _made("ncdb-2022", a_line_each())
    rows = {
        "puf.sas": [f"  @{field.start} {field.name} ${field.width}." for field in fields],
        "puf.sps": [f"  {field.name} {field.start}-{field.end} (A)" for field in fields],
        "puf.do": [f"  str {field.name.lower()} {field.start}-{field.end} ///" for field in fields],
        "puf.csv": [f"{field.name},{field.start},{field.end}" for field in fields],
    }[kind]
    ends = {
        "puf.sas": ["/* NCDB PUF 2022 */", "data puf; infile 'x.dat' lrecl=1080;", "input", ";", "run;"],
        "puf.sps": [
            "* NCDB PUF 2022.",
            "DATA LIST FILE='x.dat'",
            "/",
            ".",
            "VALUE LABELS SEX '1' 'Male; or so'.",
        ],
        "puf.do": ["* NCDB PUF 2022", "", "infix ///", "using x.dat, clear", 'label define sex 1 "Male"'],
        "puf.csv": ["NCDB PUF 2022 structure,,", "", "Variable,Start,End", "", ""],
    }[kind]
    text = "\r\n".join([*ends[:3], *rows, *ends[3:], ""]).encode()
    return Seed(kind, text, _same_rows(PEOPLE), {ncdb.name: ncdb.data})


def _gzipped(original: Seed) -> Seed:
    data = gzip.compress(original.data, mtime=0)
    return Seed(f"{original.name}.gz", data, _as_unpacked(original), original.beside, original.arguments)


def _zipped(original: Seed) -> Seed:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {original.name: original.data, **original.beside}.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return Seed("sent.zip", content.getvalue(), same_as(original), {}, original.arguments)


def _parquet() -> Seed:
    content = io.BytesIO()
    columns = {
        "id": [str(n) for n in range(PEOPLE)],
        "sex": ["F"] * PEOPLE,
        "note": ["x", None] * (PEOPLE // 2),
    }
    pq.write_table(pa.table(columns), content)
    return Seed("t.parquet", content.getvalue(), _rows_of_parquet, {}, {"mapping": MAPPING})


def _ncdb_csv() -> Seed:
    """A conversion to CSV as analysts make it, with names in lower case."""
    from pipelines.codebook.layouts import builtin_layouts

    sound = _made("ncdb-2022", a_line_each())
    layout = builtin_layouts()["2022"]
    rows = [",".join(field.name.lower() for field in layout.fields)]
    for line in sound.data.decode("latin-1").splitlines():
        rows.append(",".join(line[field.bytes].strip() for field in layout.fields))
    return Seed(
        "puf.csv", "".join(f"{row}\n" for row in rows).encode(), a_line_each(1), {}, {"layout": "2022"}
    )


def _ncdb_parquet() -> Seed:
    text = _ncdb_csv()
    rows = [line.split(",") for line in text.data.decode().splitlines()]
    content = io.BytesIO()
    pq.write_table(pa.table(dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))), content)
    return Seed("puf.parquet", content.getvalue(), _rows_of_parquet, {}, text.arguments)


def _changed_dictionary() -> Seed:
    records = _made("naaccr-xml-v23", _tumors)
    return Seed("own.xml", DICTIONARY, _same_rows(PEOPLE), {records.name: records.data})


def _changed_dic() -> Seed:
    listing = _made("seerstat-nov2022", a_line_each(1))
    ((name, dic),) = listing.beside.items()
    return Seed(name, dic, _lenient_lines(listing.data), {listing.name: listing.data})


def _lenient_lines(data: bytes) -> Callable[[bytes, list[Table]], None]:
    """The header row is one, or none where the changed dictionary says so."""

    def check(_: bytes, tables: list[Table]) -> None:
        (table,) = tables
        assert table.records in (lines_in(data), lines_in(data) - 1)

    return check


SEEDS: dict[str, Callable[[], Seed]] = {
    "ncdb fixed width": lambda: _made("ncdb-2022", a_line_each()),
    "ncdb fixed width 2013": lambda: _made("ncdb-2013", a_line_each()),
    "ncdb csv": _ncdb_csv,
    "ncdb parquet": _ncdb_parquet,
    "sas program": lambda: _script("puf.sas"),
    "spss program": lambda: _script("puf.sps"),
    "stata program": lambda: _script("puf.do"),
    "structure table": lambda: _script("puf.csv"),
    "seer case listing": lambda: _made("seerstat-nov2022", a_line_each(1)),
    "seer .dic": _changed_dic,
    "seer survival": lambda: Seed("s.txt", SURVIVAL, a_line_each(), {"s.dic": DIC_OF_SURVIVAL}),
    "seer survival .dic": lambda: Seed(
        "s.dic", DIC_OF_SURVIVAL, _lenient_lines(SURVIVAL), {"s.txt": SURVIVAL}
    ),
    "seer ascii": lambda: _made("seer-ascii-nov2016", a_line_each()),
    "naaccr flat": lambda: _made("naaccr-flat-v18", a_line_each()),
    "naaccr xml": lambda: _made("naaccr-xml-v23", _tumors),
    "naaccr dictionary": _changed_dictionary,
    "mapped delimited": lambda: Seed("t.csv", TABLE_CSV, _lines_of_records, {}, {"mapping": MAPPING}),
    "mapped parquet": _parquet,
    "gzip": lambda: _gzipped(Seed("t.csv", TABLE_CSV, _lines_of_records, {}, {"mapping": MAPPING})),
    "zip": lambda: _zipped(_made("seerstat-nov2018", a_line_each(1))),
}
"""Every reader's seed by name; made when it is asked for."""
