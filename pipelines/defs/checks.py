"""Every expectation as a Dagster asset check, read from what the gate wrote."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from pipelines.defs.assets import quality
from pipelines.defs.submissions import HomeResource, submissions
from pipelines.disclosure import is_small
from pipelines.quality import checks
from pipelines.settings import Settings

CHECKS = checks(expectations_dir=Settings().expectations_dir)

specs = [
    dg.AssetCheckSpec(
        name=check.check_id,
        asset=quality,
        description=check.note,
        blocking=check.severity == "blocking",
        partitions_def=submissions,
    )
    for check in CHECKS
]


@dg.multi_asset_check(name="expectations", specs=specs)
def expectations(
    context: dg.AssetCheckExecutionContext, store: HomeResource
) -> Iterator[dg.AssetCheckResult]:
    """Say of each expectation what the gate said; one that does not apply to the source passes as such."""
    building, min_cell = store.home.building(context.partition_key), Settings().min_cell
    said = {row["check_id"]: row for row in pl.read_parquet(building.quality_results).iter_rows(named=True)}
    for check in CHECKS:
        row = said.get(check.check_id)
        status = row["status"] if row else "not_applicable"
        stops = check.severity == "blocking" or status == "error"  # a check that broke says nothing
        yield dg.AssetCheckResult(
            check_name=check.check_id,
            asset_key=quality.key,
            passed=status not in ("warn", "fail", "error"),
            severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
            metadata={
                "status": status,
                # A percentage of a known number of rows would tell how few they are.
                "percent_failed": row["percent_failed"]
                if row and not is_small(row["n_failed"] or 0, min_cell)
                else None,
                "threshold": row["threshold"] if row else None,
            },
        )
