"""A mapped source may be a table of a DuckDB file or of PostgreSQL: all text, nothing lost, always the same bytes."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from pipelines.codebook.mapping import load_mapping
from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract, recognise
from pipelines.formats.mapped import databases
from pipelines.formats.types import RowDigest
from pipelines.registry import build
from pipelines.store import Home, load_extract
from tests.unit import postgres_server

MAPPING: dict[str, Any] = {
    "id": "made_up",
    "title": "Made up",
    "citation": "none",
    "licence": "none",
    "tables": [{"name": "person", "columns": ["PID", "SEX"], "key": "PID", "main": True}],
    "columns": {
        "patient_key": {"column": "person.PID"},
        "sex": {"column": "person.SEX", "values": {"f": "female"}},
    },
}
FROM_REGISTRY = MAPPING | {"tables": [MAPPING["tables"][0] | {"from": "registry.person"}]}

EVERY_TYPE = """
create table registry.person (
    pid integer, sex varchar, size numeric(20, 3), seen date, moment timestamp, zoned timestamp with time zone,
    share double precision, alive boolean, huge bigint
)
"""
ROWS = """
insert into registry.person values
    (10, 'f', 12.500, '2020-02-03', '2020-02-03 04:05:06', '2020-02-03 04:05:06+02', 0.1, true, 9007199254740993),
    (2, 'a "quoted", ä', null, null, null, null, null, null, null),
    (2, '', 0.001, '1999-12-31', '1999-12-31 23:59:59.5', '1999-12-31 23:59:59+00', 1e-7, false, -1)
"""


def read(extract: Extract) -> pa.Table:
    return pa.concat_tables([batch.kept for batch in extract.tables[0].batches()])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.duckdb"
    with duckdb.connect(path) as con:
        con.execute("create schema registry")
        con.execute(EVERY_TYPE)
        con.execute(ROWS)
        con.execute(
            "create table registry.visit as select 1 as PID, 'IV' as STAGE, [1, 2] as many, {'a': 'x'} as both"
        )
    return path


def test_a_duckdb_file_is_known_by_its_content_and_says_which_tables_it_has(site: Path) -> None:
    renamed = site.rename(site.with_name("extract.csv"))
    found = recognise(renamed)
    assert (found.format, found.error) == ("mapped", None)
    assert "registry.person (9 columns), registry.visit (4 columns)" in found.explanation


def test_a_table_of_a_duckdb_file_is_text_in_the_order_of_its_key(site: Path) -> None:
    extract = open_extract([site], mapping=FROM_REGISTRY)
    table = read(extract)
    assert {str(kind) for kind in table.schema.types} == {"string", "int64"}
    rows = table.to_pylist()
    # The key is text as in any file, so 10 comes before 2; equal keys are ordered by the other columns.
    assert [(row["pid"], row["sex"], row["source_record"]) for row in rows] == [
        ("10", "f", 1),
        ("2", "", 2),
        ("2", 'a "quoted", ä', 3),
    ]
    assert rows[0] | {"source_record": 0} == {
        "pid": "10",
        "sex": "f",
        "size": "12.500",
        "seen": "2020-02-03",
        "moment": "2020-02-03 04:05:06",
        "zoned": "2020-02-03 02:05:06+00",
        "share": "0.1",
        "alive": "true",
        "huge": "9007199254740993",
        "source_file": "site.duckdb:registry.person",
        "source_record": 0,
    }
    assert rows[2]["size"] is None


def test_the_order_of_insertion_does_not_matter(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "again" / "site.duckdb"
    other.parent.mkdir()
    with duckdb.connect(other) as con:
        con.execute(f"attach '{site}' as old (read_only)")
        con.execute("create schema registry")
        con.execute(
            "create table registry.person as select * from old.registry.person order by pid, sex desc"
        )
    first, second = (open_extract([path], mapping=FROM_REGISTRY) for path in (site, other))
    assert read(first) == read(second)
    digests = [extract.tables[0].digest for extract in (first, second)]
    assert digests[0] is not None
    assert digests[1] is not None
    assert (digests[0].bytes, digests[0].sha256) == (digests[1].bytes, digests[1].sha256)


def test_nested_columns_become_json(site: Path) -> None:
    visit = {"name": "visit", "columns": ["PID", "STAGE"], "key": "PID", "main": True}
    mapping = MAPPING | {"tables": [visit], "columns": {"patient_key": {"column": "visit.PID"}}}
    row = read(open_extract([site], mapping=mapping)).to_pylist()[0]
    assert (row["many"], row["both"]) == ("[1,2]", '{"a":"x"}')


def test_the_manifest_hashes_the_rows_as_csv(site: Path, tmp_path: Path) -> None:
    manifest = load_extract(Home(tmp_path / "home"), "made-up", open_extract([site], mapping=FROM_REGISTRY))
    facts = manifest.files[0]
    assert (facts.name, facts.kept, facts.quarantined) == ("site.duckdb:registry.person", 3, 0)
    digest = RowDigest()
    digest.start(["a", 'b"'])
    digest.add(pa.table({"a": ["1", None], 'b"': ["", 'x"y']}))
    expected = b'"a","b"""\n"1",""\n,"x""y"\n'
    assert digest.bytes == len(expected)
    assert digest.sha256 == hashlib.sha256(expected).hexdigest()


def test_a_loaded_database_table_goes_through_the_build(site: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    load_extract(home, "made-up", open_extract([site], mapping=FROM_REGISTRY))
    facts = build(home.building("made-up"))
    assert (facts.rows_extracted, facts.rows_tumor, facts.unmapped_codes) == (3, 3, 1)


def test_a_table_that_is_not_there_is_named_with_near_ones(site: Path) -> None:
    wrong = MAPPING | {"tables": [MAPPING["tables"][0] | {"from": "registry.persons"}]}
    with pytest.raises(InputError, match=r"registry\.persons.*Did you mean registry\.person"):
        open_extract([site], mapping=wrong)


def test_a_file_open_for_writing_elsewhere_or_damaged_is_told(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"12345678DUCK" + b"\0" * 5000)
    found = recognise(damaged)
    assert found.format is None
    assert "cannot be opened" in found.explanation
    with pytest.raises(InputError, match="cannot be opened"):
        open_extract([damaged], mapping=MAPPING)


def test_a_view_of_the_file_cannot_read_another_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("PID,SEX\n1,f\n")
    path = tmp_path / "site.duckdb"
    with duckdb.connect(path) as con:
        con.execute(f"create view person as select * from read_csv('{secret}')")
    extract = open_extract([path], mapping=MAPPING)
    with pytest.raises(InputError, match="could not be read"):
        read(extract)


@pytest.mark.parametrize(
    "address",
    ["postgresql://analyst:hunter2@db.example.org/site", "postgresql://db.example.org/site?password=hunter2"],
)
def test_an_address_with_a_password_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InputError, match="holds a password") as caught:
        open_extract([address], mapping=MAPPING)
    assert "hunter2" not in str(caught.value)


def test_a_mapping_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(InputError, match="holds a password") as caught:
        open_extract([], mapping=MAPPING | {"database": "postgresql://analyst:hunter2@localhost/site"})
    assert "hunter2" not in str(caught.value)


def test_names_that_the_store_uses_itself_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.duckdb"
    with duckdb.connect(path) as con:
        con.execute("create table person as select 1 as PID, 'f' as SEX, 'x' as source_file")
    with pytest.raises(InputError, match="source_file"):
        open_extract([path], mapping=MAPPING)


def test_an_address_needs_a_mapping() -> None:
    with pytest.raises(InputError, match="needs a mapping"):
        open_extract(["postgresql://db.example.org/site"])


def test_without_the_extension_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install registry-cohorts\[postgres\]"):
        open_extract(["postgresql://db.example.org/site"], mapping=MAPPING)


@pytest.fixture(scope="module")
def postgres() -> Iterator[postgres_server.Server]:
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    with postgres_server.server() as started:
        started.run("create schema registry", EVERY_TYPE, ROWS, "set datestyle to german")
        started.run(
            "alter database site set datestyle to 'German'",
            "alter database site set timezone to 'Asia/Tokyo'",
        )
        yield started


def test_a_postgres_table_is_the_same_text_as_in_duckdb(postgres: postgres_server.Server, site: Path) -> None:
    by_server = read(open_extract([postgres.address], mapping=FROM_REGISTRY)).drop_columns(["source_file"])
    by_file = read(open_extract([site], mapping=FROM_REGISTRY)).drop_columns(["source_file"])
    assert by_server == by_file


def test_a_mapping_may_name_the_database_and_keeps_no_password(
    postgres: postgres_server.Server, tmp_path: Path
) -> None:
    mapping = FROM_REGISTRY | {"database": postgres.address}
    home = Home(tmp_path)
    manifest = load_extract(home, "made-up", open_extract([], mapping=mapping))
    assert manifest.files[0].name == "site:registry.person"
    assert manifest.kept == 3
    assert manifest.mapping is not None
    assert manifest.mapping["database"] == postgres.address
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(postgres_server.PASSWORD.encode() in content for content in written)
    assert build(home.building("made-up")).rows_tumor == 3


def test_a_wrong_password_is_told_without_it(
    postgres: postgres_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "not-the-word")
    with pytest.raises(InputError, match="password authentication failed") as caught:
        open_extract([postgres.address], mapping=FROM_REGISTRY)
    assert "not-the-word" not in str(caught.value)


def test_the_database_cannot_be_written_to(postgres: postgres_server.Server) -> None:
    with (
        databases._postgres_session(postgres.address) as con,
        pytest.raises(duckdb.Error, match="read-only transaction"),
    ):
        con.execute("call postgres_execute('site', 'delete from registry.person')")


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    with pytest.raises(InputError, match=r"does not answer.*No such file"):
        open_extract([f"postgresql:///site?host={tmp_path}"], mapping=MAPPING)


def test_the_command_line_takes_an_address_and_refuses_a_password(
    postgres: postgres_server.Server, tmp_path: Path, cohorts: Callable[..., tuple[int, str, str]]
) -> None:
    mapping = tmp_path / "site.yaml"
    mapping.write_text(yaml.safe_dump(FROM_REGISTRY))
    home = ("--home", tmp_path / "home")
    code, said, complained = cohorts(
        "load", postgres.address, "--submission", "a", "--mapping", mapping, *home
    )
    assert (code, complained) == (0, "")
    assert "site:registry.person: 3 records in = 3 kept + 0 quarantined" in said
    mapping.write_text(yaml.safe_dump(FROM_REGISTRY | {"database": postgres.address}))
    assert cohorts("load", "--submission", "b", "--mapping", mapping, *home)[0] == 0
    code, said, complained = cohorts(
        "load",
        "postgresql://analyst:hunter2@localhost/site",
        "--submission",
        "c",
        "--mapping",
        mapping,
        *home,
    )
    assert code == 2
    assert "hunter2" not in said + complained
    assert cohorts("load", "--submission", "d", *home)[0] == 2


def test_a_draft_of_a_database_names_it_and_is_a_mapping(
    postgres: postgres_server.Server, tmp_path: Path, cohorts: Callable[..., tuple[int, str, str]]
) -> None:
    out = tmp_path / "draft.yaml"
    code, _, complained = cohorts("map", "init", postgres.address, "--out", out, "--table", "person")
    assert (code, complained) == (0, "")
    mapping = load_mapping(out)
    assert (mapping.database, mapping.main_table.relation) == (postgres.address, "registry.person")
    code, said, _ = cohorts("map", "show", postgres.address, "--mapping", out)
    assert code == 0
    assert "3 rows would be staged" in said
