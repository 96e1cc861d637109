"""A cohort for a reader: its flow diagram with small cells hidden."""

from pathlib import Path

import polars as pl

from pipelines.cohorts import attrition_lines
from pipelines.reporting.figures import attrition_diagram
from pipelines.settings import Settings


def diagram(folder: Path) -> str:
    """Flow diagram of a materialised cohort as SVG, both arms together."""
    return attrition_diagram(pl.DataFrame(attrition_lines(folder, min_cell=Settings().min_cell)))
