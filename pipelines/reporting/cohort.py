"""A cohort for a reader: its flow diagram with small cells hidden."""

from pathlib import Path

import polars as pl

from pipelines.disclosure import format_count, hide_steps
from pipelines.reporting.figures import attrition_diagram
from pipelines.settings import Settings


def diagram(folder: Path) -> str:
    """Flow diagram of a materialised cohort as SVG.

    It shows both arms together, so only the totals and the steps between them have to be kept from giving each
    other away.
    """
    min_cell = Settings().min_cell
    lines = pl.read_csv(folder / "attrition.csv")
    totals, steps = hide_steps(lines["n_after"].to_list(), min_cell)
    return attrition_diagram(
        pl.DataFrame(
            {
                "rule": lines["rule"],
                "n_excluded": ["", *(format_count(step, min_cell) for step in steps)],
                "n_after": [format_count(total, min_cell) for total in totals],
            }
        )
    )
