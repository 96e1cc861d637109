"""Dagster runs the same steps: its checks block, and a later run of a cohort alone does not pass by the gate."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines import steps
from pipelines.definitions import defs
from pipelines.defs.assets import ExtractConfig, extract, upstream_of
from pipelines.defs.submissions import HomeResource
from pipelines.errors import GateError
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
    with pytest.raises(GateError, match="did not pass"):
        dg.materialize(
            [asset],
            partition_key=SUBMISSION,
            instance=instance,
            resources={"store": HomeResource(root=str(home))},
            selection=[asset],
        )
