"""One submission through staging and derivations: nothing lost, nothing half-written, the same bytes every time."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines import registry
from pipelines.errors import GateError, InputError
from pipelines.formats import open_extract
from pipelines.registry import run
from pipelines.registry.concepts import run_concepts
from pipelines.settings import Settings
from pipelines.store import FileFacts, Home, Manifest, Submission, Verdict, load_extract
from pipelines.synthetic import WorldSettings, write_extract

TABLES = ("tumor", "treatment", "follow_up", "ascertainment", "unmapped_codes")

CASES = pl.DataFrame(
    {
        "PUF_CASE_ID": ["A1", "A2", "A3", "A4"],
        "AGE": ["045", "090", "999", "038"],
        "SEX": ["2", "2", "2", "1"],
        "YEAR_OF_DIAGNOSIS": ["2011", "2015", "2016", "2012"],
        "PRIMARY_SITE": ["C504"] * 4,
        "ANALYTIC_STAGE_GROUP": ["4", "4", "9", "2"],
        "RX_SUMM_SURG_PRIM_SITE": ["41", "00", "22", "98"],
        "REASON_FOR_NO_SURGERY": ["0", "7", "0", "3"],
        "MEDICAID_EXPN_CODE": ["2", "0", "1", "9"],
        "PUF_VITAL_STATUS": ["0", "1", " ", "0"],
        "DX_LASTCONTACT_DEATH_MONTHS": ["   12.34", "   60.00", "        ", "    9999"],
    }
)


def loaded(home: Path, cases: pl.DataFrame, *, source_record: list[int] | None = None) -> Submission:
    """A submission in building, as loading would leave it."""
    sub = Home(home).building("ncdb-2016")
    (sub.root / "extract").mkdir(parents=True)
    cases.with_columns(
        source_file=pl.lit("NCDBPUF_Breast.0.2016.0.dat"),
        source_record=pl.Series(source_record or range(1, cases.height + 1), dtype=pl.Int64),
    ).write_parquet(sub.root / "extract" / "ncdb.parquet")
    counts = FileFacts(
        name="x.dat",
        table="ncdb",
        bytes=1,
        sha256="0",
        records_read=cases.height,
        kept=cases.height,
        quarantined=0,
    )
    sub.save_manifest(
        Manifest(
            submission=sub.id,
            source="ncdb",
            format="ncdb_puf",
            release="2016",
            covered_years=(2004, 2016),
            files=(counts,),
        )
    )
    return sub


def test_every_record_becomes_one_tumor_in_record_order(tmp_path: Path) -> None:
    sub = loaded(tmp_path, CASES)
    facts = registry.build(sub)
    assert (facts.rows_extracted, facts.rows_staged, facts.rows_tumor) == (4, 4, 4)
    tumor = pl.read_parquet(sub.registry_table("tumor"))
    assert tumor["source_record"].to_list() == [1, 2, 3, 4]
    assert tumor["source_file"].unique().to_list() == ["NCDBPUF_Breast.0.2016.0.dat"]
    assert tumor["operated"].to_list() == [True, False, True, None]
    assert tumor["stage_iv"].to_list() == [True, True, None, False]
    assert {path.stem for path in (sub.root / "registry").iterdir()} == set(TABLES)


def test_codes_that_no_table_knows_are_written_by_name(tmp_path: Path) -> None:
    sub = loaded(tmp_path, CASES)
    assert registry.build(sub).unmapped_codes == 2
    unmapped = pl.read_parquet(sub.registry_table("unmapped_codes"))
    assert unmapped.select("field", "code", "n").rows() == [
        ("REASON_FOR_NO_SURGERY", "3", 1),
        ("RX_SUMM_SURG_PRIM_SITE", "98", 1),
    ]


def test_ascertainment_speaks_of_this_release(tmp_path: Path) -> None:
    sub = loaded(tmp_path, CASES)
    registry.build(sub)
    rows = pl.read_parquet(sub.registry_table("ascertainment"))
    said = {row["variable"]: row["status"] for row in rows.iter_rows(named=True)}
    assert said["cause_of_death_group"] == "not_released"
    assert said["income_quartile_2020"] == "not_released"
    assert rows.select("source", "release").unique().rows() == [("ncdb", "2016")]


def test_the_same_extract_in_another_row_order_gives_the_same_bytes(tmp_path: Path) -> None:
    first = loaded(tmp_path / "one", CASES)
    second = loaded(tmp_path / "two", CASES.reverse(), source_record=[4, 3, 2, 1])
    registry.build(first)
    registry.build(second)
    for table in TABLES:
        assert first.registry_table(table).read_bytes() == second.registry_table(table).read_bytes(), table


def test_a_lost_row_is_an_error_and_leaves_the_tables_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = loaded(tmp_path, CASES)
    registry.build(sub)
    before = sub.registry_table("tumor").read_bytes()
    load = run.load_concepts

    def losing(folder: Path) -> dict[str, str]:
        concepts = load(folder)
        return {**concepts, "tumor": concepts["tumor"] + " where record.source_record > 1"}

    monkeypatch.setattr(run, "load_concepts", losing)
    with pytest.raises(RuntimeError, match="lost or doubled"):
        registry.build(sub)
    assert sub.registry_table("tumor").read_bytes() == before


def test_a_verdict_does_not_outlive_the_tables_it_judged(tmp_path: Path) -> None:
    sub = loaded(tmp_path, CASES)
    sub.save_manifest(sub.manifest.model_copy(update={"verdict": Verdict(passed=True, checks=1)}))
    registry.build(sub)
    assert sub.manifest.verdict is None
    with pytest.raises(GateError, match="no verdict"):
        sub.require_pass()


def test_a_submission_without_an_extract_is_told_what_to_do(tmp_path: Path) -> None:
    sub = loaded(tmp_path, CASES)
    (sub.root / "extract" / "ncdb.parquet").unlink()
    with pytest.raises(InputError, match="cohorts load"):
        registry.build(sub)
    assert not (sub.root / "registry").exists()


def test_derive_numbers_rows_and_fills_what_is_not_given() -> None:
    derived = registry.derive(pl.DataFrame({"age_years": [45, 91]}))
    assert derived["tumor"].select("source_record", "age_at_diagnosis_years").rows() == [(1, 45), (2, 91)]
    assert derived["tumor"]["submission"].unique().to_list() == ["toy-2022"]


def test_derive_names_a_column_that_staging_does_not_have() -> None:
    with pytest.raises(ValueError, match="er_makrer"):
        registry.derive(pl.DataFrame({"er_makrer": ["positive"]}))


def test_tables_on_the_way_are_dropped_after_their_last_reader() -> None:
    concepts = {
        "a": "select 1 as x",
        "b": "select x from a",
        "c": "select x + 1 as x from b",
        "unread": "select 1 as x",
    }
    with duckdb.connect() as con:
        assert sorted(run_concepts(con, concepts, keep=("c",))) == sorted(concepts)
        assert con.execute("show tables").fetchall() == [("c",)]
        run_concepts(con, concepts)
        assert con.execute("show tables").fetchall() == [("a",), ("b",), ("c",), ("unread",)]


def test_what_did_not_fit_in_memory_is_set_aside_in_the_submission_and_removed(tmp_path: Path) -> None:
    sub = loaded(tmp_path, CASES)
    with run._engine(sub) as con:
        (folder,) = sub.root.glob(".spill-*")
        setting = con.execute("select current_setting('temp_directory')").fetchone()
        assert setting == (str(folder),)
    registry.build(sub)
    assert not list(sub.root.glob(".spill-*"))


def test_every_row_of_a_side_table_is_accounted_for(tmp_path: Path) -> None:
    """A sample of somebody who is not in the patient file is counted, not lost in the join."""
    files = write_extract(WorldSettings(), "mapped-msk", 300, 5, tmp_path / "in")
    patients, samples = files.extracts
    with samples.open("a", encoding="utf-8") as stream:
        last = samples.read_text(encoding="utf-8").splitlines()[-1].split("\t")
        stream.write("\t".join(["P-STRANGER", "P-STRANGER-T01", *last[2:]]) + "\n")
    mapping = Settings().catalog_dir / "mappings" / "breast_msk_2018.yaml"
    home = Home(tmp_path / "home")
    load_extract(home, "msk-toy", open_extract([patients, samples], mapping=mapping))
    registry.build(home.building("msk-toy"))
    (side,) = home.building("msk-toy").manifest.side_tables
    assert (side.taken, side.unmatched) == (300, 1)
    assert side.rows == side.taken + side.not_taken + side.unmatched
