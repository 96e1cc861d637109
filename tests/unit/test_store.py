"""The store: nothing half-written, nothing lost, and no published state that did not pass."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from pipelines.errors import GateError, InputError
from pipelines.formats import QUARANTINE_SCHEMA, Batch, Extract
from pipelines.store import (
    FileFacts,
    Home,
    Manifest,
    Verdict,
    build_warehouse,
    files,
    load_extract,
    publish,
    sealed_duckdb,
)
from pipelines.store.files import aside


class ToyTable:
    """Two records kept and one set aside, or an error half-way."""

    name = "toy"
    columns = ("SEX",)
    digest = None

    def __init__(self, path: Path, *, breaks: bool = False) -> None:
        self.path, self.source_file, self.breaks = path, path.name, breaks

    def notes_after(self) -> tuple[str, ...]:
        return ()

    def batches(self) -> Iterator[Batch]:
        kept = pa.table(
            {"SEX": ["1", "2"], "source_file": ["toy.dat"] * 2, "source_record": pa.array([1, 2], pa.int64())}
        )
        rejected = pa.table(
            {
                "source_file": ["toy.dat"],
                "source_record": [3],
                "byte_start": [20],
                "byte_end": [29],
                "reason": ["too long"],
            }
        ).cast(QUARANTINE_SCHEMA)
        yield Batch(kept, rejected)
        if self.breaks:
            raise InputError("The file ends in the middle of a record")


def toy_extract(path: Path, *, breaks: bool = False) -> Extract:
    path.write_bytes(b"1\n2\nlong\n")
    return Extract(
        source="ncdb",
        format="ncdb_puf",
        dialect="ncdb",
        release="2016",
        covered_years=(2004, 2016),
        site="breast",
        # A toy with the reader's methods, without its dataclass.
        tables=(ToyTable(path, breaks=breaks),),  # type: ignore[arg-type]
        notes=(),
        mapping=None,
    )


def with_verdict(home: Home, submission: str, *, passed: bool) -> None:
    building = home.building(submission)
    verdict = Verdict(passed=passed, checks=1, blocking_failures=() if passed else ("a_check",))
    building.save_manifest(building.manifest.model_copy(update={"verdict": verdict}))


def test_records_in_are_records_kept_and_quarantined(tmp_path: Path) -> None:
    manifest = load_extract(Home(tmp_path), "ncdb-2016", toy_extract(tmp_path / "toy.dat"))
    facts = manifest.files[0]
    assert (facts.records_read, facts.kept, facts.quarantined) == (3, 2, 1)
    building = Home(tmp_path).building("ncdb-2016")
    assert pl.read_parquet(building.extract_files()[0]).height == 2
    assert pl.read_parquet(building.quarantine)["reason"].to_list() == ["too long"]


def test_a_manifest_that_loses_a_record_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="3 records read"):
        FileFacts(name="a", table="a", bytes=1, sha256="", records_read=3, kept=1, quarantined=1)


def test_a_read_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    home = Home(tmp_path / "var")
    with pytest.raises(InputError, match="middle of a record"):
        load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat", breaks=True))
    assert list((home.submissions / ".building").iterdir()) == []


def test_without_a_pass_nothing_is_published(tmp_path: Path) -> None:
    home = Home(tmp_path)
    load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat"))
    with pytest.raises(GateError, match="no verdict"):
        publish(home, "ncdb-2016")
    with_verdict(home, "ncdb-2016", passed=False)
    with pytest.raises(GateError, match="a_check"):
        publish(home, "ncdb-2016")
    assert home.published_ids() == []


def test_a_published_id_is_loaded_again_only_when_asked_to(tmp_path: Path) -> None:
    home = Home(tmp_path)
    load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat"))
    with_verdict(home, "ncdb-2016", passed=True)
    publish(home, "ncdb-2016")
    with pytest.raises(InputError, match="--replace"):
        load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat"))
    load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat"), replace_published=True)
    with_verdict(home, "ncdb-2016", passed=True)
    publish(home, "ncdb-2016")
    assert home.published_ids() == ["ncdb-2016"]
    assert home.building_ids() == []


@pytest.mark.parametrize("name", ["NCDB", "a b", "../x", "a--b", "-a", "", "x" * 41])
def test_an_id_that_could_not_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        Home(tmp_path).building(name)


def test_an_object_store_is_refused_and_makes_no_folder() -> None:
    with pytest.raises(InputError, match="so far"):
        Home(Path("s3://bucket/cohorts"))


def test_a_write_that_breaks_keeps_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "cohorts"
    target.mkdir()
    (target / "members").write_text("before")

    def write_half() -> None:
        with aside(target) as temporary:
            temporary.mkdir()
            (temporary / "members").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert (target / "members").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["cohorts"]


def write_again_and_again(target: Path) -> None:
    """What one of two processes does; a function of the module, as the other process imports it."""
    for _ in range(100):
        with aside(target) as temporary:
            temporary.mkdir()
            (temporary / "members").write_text("whole")


def test_two_writers_of_a_folder_never_meet_and_a_reader_always_finds_it(tmp_path: Path) -> None:
    target = tmp_path / "cohorts"
    write_again_and_again(target)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        writers = [pool.submit(write_again_and_again, target) for _ in range(2)]
        while not all(one.done() for one in writers):
            assert target.is_dir()
    assert [one.exception() for one in writers] == [None, None]
    assert [path.name for path in tmp_path.iterdir()] == ["cohorts"]


def test_without_an_exchange_the_old_folder_steps_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "exchanged", lambda one, other: False)
    write_again_and_again(tmp_path / "cohorts")
    assert [path.name for path in tmp_path.iterdir()] == ["cohorts"]


def test_what_a_killed_writer_left_is_removed_and_what_one_writes_now_is_not(tmp_path: Path) -> None:
    for name in (".cohorts.0123abcd", ".cohorts.4567abcd", ".cohorts_b.0123abcd", ".cohorts.mine"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / ".cohorts.4567abcd")
    write_again_and_again(tmp_path / "cohorts")
    left = {".cohorts.4567abcd", ".cohorts_b.0123abcd", ".cohorts.mine", "cohorts"}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_what_a_killed_writer_left_is_no_table_of_the_warehouse(tmp_path: Path) -> None:
    home = Home(tmp_path)
    load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat"))
    with_verdict(home, "ncdb-2016", passed=True)
    root = publish(home, "ncdb-2016").root
    for name in (
        "quality/results",
        "cohorts/a/members",
        "cohorts/.a.0123abcd/members",
        "cohorts/.b/rule_outcomes",
    ):
        path = root / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"case_id": ["1"]}).write_parquet(path)
    with duckdb.connect(str(build_warehouse(home)), read_only=True) as analyst:
        tables = analyst.execute(
            "select table_name from duckdb_tables() where schema_name <> 'main'"
        ).fetchall()
    assert sorted(tables) == [("cohort_a",), ("quality_results",)]


def test_a_home_with_an_apostrophe_in_its_path_has_its_warehouse(tmp_path: Path) -> None:
    home = Home(tmp_path / "o'brien's home")
    load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat"))
    with_verdict(home, "ncdb-2016", passed=True)
    results = publish(home, "ncdb-2016").quality_results
    results.parent.mkdir()
    pl.DataFrame({"check_id": ["made_up"]}).write_parquet(results)
    with duckdb.connect(str(build_warehouse(home)), read_only=True) as analyst:
        assert analyst.sql("select check_id from ncdb_2016.quality_results").fetchall() == [("made_up",)]


def test_an_open_warehouse_is_not_disturbed_by_the_next_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = build_warehouse(home)
    assert first.stat().st_mode & 0o777 == 0o444
    with duckdb.connect(str(first), read_only=True) as analyst:
        build_warehouse(home)
        assert analyst.execute("select count(*) from submissions").fetchall() == [(0,)]


def test_the_sql_of_a_catalog_reads_its_tables_and_no_other_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    pl.DataFrame({"sex": ["female"]}).write_parquet(tmp_path / "tumor.parquet")
    with sealed_duckdb({"tumor": tmp_path / "tumor.parquet"}) as con:
        assert con.sql("select sex from tumor").fetchall() == [("female",)]
        for sql in (f"from read_csv('{secret}')", "set enable_external_access = true", "install httpfs"):
            with pytest.raises(duckdb.Error):
                con.execute(sql)


def test_a_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    written = load_extract(home, "ncdb-2016", toy_extract(tmp_path / "toy.dat"))
    assert home.building("ncdb-2016").manifest == written
    assert isinstance(written, Manifest)
