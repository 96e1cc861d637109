"""Dagster's entry point: see ``workspace.yaml``."""

import dagster as dg

from pipelines.defs.assets import assets
from pipelines.defs.checks import expectations
from pipelines.defs.jobs import inbox_sensor, refresh_submission
from pipelines.defs.submissions import HomeResource

defs = dg.Definitions(
    assets=assets,
    asset_checks=[expectations],
    jobs=[refresh_submission],
    sensors=[inbox_sensor],
    resources={"store": HomeResource()},
)
