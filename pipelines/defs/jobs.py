"""One job that refreshes a submission, and a sensor that finds what a scheduler dropped in the inbox."""

from collections.abc import Iterator

import dagster as dg

from pipelines.defs.submissions import HomeResource, inbox_folders, submissions

refresh_submission = dg.define_asset_job(
    name="refresh_submission",
    selection=dg.AssetSelection.all(),
    description="Load, build, judge, publish, and run every cohort and study of one submission.",
)


@dg.sensor(job=refresh_submission, minimum_interval_seconds=300)
def inbox_sensor(context: dg.SensorEvaluationContext, store: HomeResource) -> Iterator[dg.SensorResult]:
    """Ask for one run per folder ``inbox/<source>/<submission>`` that has not been asked for as it stands now."""
    folders = inbox_folders(store.home)
    requests = [
        dg.RunRequest(
            partition_key=folder.name,
            run_key=f"{folder.name}:{max((file.stat().st_mtime_ns for file in folder.iterdir()), default=0)}",
        )
        for folder in folders
    ]
    yield dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[submissions.build_add_request([folder.name for folder in folders])],
    )
