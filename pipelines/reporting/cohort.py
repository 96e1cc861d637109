"""A cohort for a reader: its flow diagram with small cells hidden."""

from pathlib import Path

import polars as pl

from pipelines.cohorts import read_attrition
from pipelines.disclosure import format_count
from pipelines.reporting.figures import attrition_diagram
from pipelines.settings import Settings


def diagram(folder: Path) -> str:
    """Flow diagram of a materialised cohort as SVG."""
    min_cell = Settings().min_cell
    lines = read_attrition(folder, min_cell=min_cell)
    rows = [
        {
            "rule": line["rule"],
            "n_excluded": format_count(line["n_excluded"], min_cell),
            "n_after": format_count(line["n_after"], min_cell),
        }
        for line in lines
    ]
    return attrition_diagram(pl.DataFrame(rows))
