"""Dagster runs the same steps: its checks block, and a later run of a cohort alone does not pass by the gate."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines import steps
from pipelines.definitions import defs
from pipelines.defs.assets import ExtractConfig, extract, registry, upstream_of
from pipelines.defs.jobs import inbox_sensor
from pipelines.defs.submissions import HomeResource, inbox_of
from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.store import FileFacts, Home, Manifest
from pipelines.studies import StudyListing
from tests.pipeline.extracts import spoil, state_of

SNAPSHOT = Path(__file__).parent / "snapshots" / "definitions.json"
COHORT = "stage_iv_her2_positive_2010_2012"
SUBMISSION = "ncdb-2016"
SOME = dg.AssetSelection.assets(
    ["cohorts", COHORT],
    ["cohorts", "stage_iv_seer_1988_2003"],
    ["studies", "mudgway2020"],
    ["studies", "gnerlich2007"],
)
"""A study that this source answers and one that it refuses, with their cohorts."""


def what_is_defined() -> dict[str, list[str]]:
    """Names that schedulers and pages rely on."""
    graph = defs.resolve_asset_graph()
    return {
        "assets": sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
        "blocking_checks": sorted(
            key.name for key in graph.asset_check_keys if graph.get_check_spec(key).blocking
        ),
        "jobs": sorted(job.name for job in defs.jobs or []),
        "sensors": sorted(sensor.name for sensor in defs.sensors or []),
        "partitions": sorted(
            # The union is Dagster's: ours are dynamic partitions, which have a name.
            {graph.get(key).partitions_def.name for key in graph.get_all_asset_keys()}  # type: ignore[union-attr]
        ),
    }


def test_what_schedulers_rely_on_is_as_it_was() -> None:
    """On purpose changed? Write the new names into the snapshot, and a line into the changelog."""
    assert what_is_defined() == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def run(
    selection: dg.AssetSelection, home: Path, instance: dg.DagsterInstance, extract: Path | None = None
) -> bool:
    instance.add_dynamic_partitions("submissions", [SUBMISSION])
    job = dg.define_asset_job("some", selection=selection)
    chosen = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=[job],
        resources={"store": HomeResource(root=str(home))},
    )
    config = {"ops": {"extract": {"config": {"paths": [str(extract)]}}}} if extract else None
    return (
        chosen.resolve_job_def("some")
        .execute_in_process(
            partition_key=SUBMISSION, instance=instance, run_config=config, raise_on_error=False
        )
        .success
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.mark.slow
def test_a_failed_check_blocks_publishing_and_every_later_run(
    ncdb_extract: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    home = tmp_path / "var"
    everything = dg.AssetSelection.all() - dg.AssetSelection.groups("cohorts", "studies") | SOME
    assert run(everything, home, instance, ncdb_extract)
    assert Home(home).published_ids() == [SUBMISSION]
    assert (home / "registry.duckdb").is_file()
    before = state_of(home)

    bad = spoil(ncdb_extract, tmp_path / "NCDBPUF_Breast.0.2016.0.dat")
    assert not run(everything, home, instance, bad)
    assert state_of(home) == before

    alone = dg.AssetSelection.assets(["cohorts", COHORT])
    assert not run(alone, home, instance)
    assert state_of(home) == before


def test_a_definition_that_cannot_be_read_is_an_asset_without_upstream() -> None:
    assert upstream_of(StudyListing("wrong", "", cohort="", readable=False), Settings().catalog_dir) == []


def test_few_quarantined_records_are_hidden_in_the_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"records_read": 104, "kept": 100, "quarantined": 4}
    file = FileFacts(name="a", table="a", bytes=1, sha256="0", **counts)
    manifest = Manifest(submission=SUBMISSION, source="ncdb", format="NCDB", release="2016", files=(file,))
    monkeypatch.setattr(steps, "load", lambda *_, **__: manifest)
    with dg.build_asset_context(partition_key=SUBMISSION) as context:
        told = extract(context, ExtractConfig(paths=["a"]), store=HomeResource(root=str(tmp_path)))
    assert (told.metadata["dagster/row_count"], told.metadata["quarantined"]) == (100, "<11")


@pytest.mark.parametrize("error", [pl.exceptions.ComputeError, KeyError])
def test_the_words_of_an_error_that_is_not_ours_are_in_no_event_of_a_run(
    error: type[Exception], tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*given: object) -> None:
        try:
            raise ValueError("patient Jane Roe")
        except ValueError as first:
            raise error("born 1950-02-03") from first

    monkeypatch.setattr(steps, "build", breaks)
    instance.add_dynamic_partitions("submissions", [SUBMISSION])
    ran = dg.materialize(
        [registry],
        partition_key=SUBMISSION,
        instance=instance,
        resources={"store": HomeResource(root=str(tmp_path))},
        raise_on_error=False,
    )
    assert not ran.success
    kept = "".join(str(event) for event in instance.all_logs(ran.run_id))
    assert error.__name__ in kept
    assert "Jane Roe" not in kept
    assert "1950-02-03" not in kept


def test_what_the_sensor_finds_in_any_folder_of_the_inbox_is_what_the_run_loads(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    store = HomeResource(root=str(tmp_path))
    folder = tmp_path / "inbox" / "mapped" / "site-2026"
    folder.mkdir(parents=True)
    (folder / "people.tsv").write_text("a\n", encoding="utf-8")
    with dg.build_sensor_context(instance=instance) as context:
        [result] = inbox_sensor(context, store=store)
    [request] = result.run_requests
    assert inbox_of(store.home, request.partition_key) == [folder / "people.tsv"]
    (tmp_path / "inbox" / "naaccr" / "site-2026").mkdir(parents=True)
    with pytest.raises(InputError, match="2 folders hold an extract for 'site-2026'"):
        inbox_of(store.home, "site-2026")
    with pytest.raises(InputError, match="There is no extract for 'site-2027'"):
        inbox_of(store.home, "site-2027")


@pytest.mark.slow
def test_a_cohort_alone_says_why_it_is_refused(
    ncdb_extract: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    home = tmp_path / "var"
    bad = spoil(ncdb_extract, tmp_path / "NCDBPUF_Breast.0.2016.0.dat")
    assert not run(
        dg.AssetSelection.assets("extract", "registry", "quality") | dg.AssetSelection.all_asset_checks(),
        home,
        instance,
        bad,
    )
    # defs.assets may hold specs too, which have no key; ours are assets.
    asset = next(one for one in defs.assets or [] if one.key == dg.AssetKey(["cohorts", COHORT]))  # type: ignore[union-attr]
    with pytest.raises(dg.Failure, match="did not pass"):
        dg.materialize(
            [asset],
            partition_key=SUBMISSION,
            instance=instance,
            resources={"store": HomeResource(root=str(home))},
            selection=[asset],
        )
