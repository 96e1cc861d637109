"""The page of a synthetic submission that says which methods can be right there, and by how much the others miss."""

import polars as pl

from pipelines.reporting.render import render
from pipelines.reporting.tables import html_table, number
from pipelines.store import Submission

TRUTH_FILE = "truth.csv"
"""Beside the manifest of a synthetic submission: one row per estimate with its truth; a real one has none."""


def truth_page(sub: Submission, *, banner: str = "") -> str | None:
    """Draw the page, or None where the submission has no truth.

    Parameters
    ----------
    sub : Submission
        Published.
    banner : str
        What stands at the head of every page of the submission.
    """
    path = sub.root / TRUTH_FILE
    if not path.is_file():
        return None
    judged = pl.read_csv(path, infer_schema_length=None).filter(pl.col("misses_by").is_not_nan())
    valid = judged.filter("valid")
    return render(
        "truth.html.j2",
        title=f"Estimates against the truth: {sub.id}",
        banner=banner,
        submission=sub.id,
        n_valid=valid.height,
        n_held=valid.filter("holds").height,
        valid=_table(valid, "valid", why="why it misses"),
        not_valid=_table(judged.filter(~pl.col("valid")), "not_valid", why="why it is not valid here"),
    )


def _table(judged: pl.DataFrame, table_id: str, *, why: str) -> str:
    """One line per estimate, those that miss most first; the last column stands where a line has something to say."""
    rows = [
        {
            "study": row["study"],
            "analysis": f"{row['analysis']} ({row['subgroup'].replace('_', ' ')})",
            "contrast": row["contrast"],
            "estimate": number(row["estimate"]),
            "truth": number(row["truth"]),
            "misses": f"{row['misses_by']:+.1f}",
            "why": row["why_not"] or ("" if row["holds"] else "by chance, or something is wrong"),
        }
        for row in judged.sort(pl.col("misses_by").abs(), descending=True).iter_rows(named=True)
    ]
    labels = {
        "study": "study",
        "analysis": "analysis",
        "contrast": "contrast",
        "estimate": "estimate",
        "truth": "truth",
        "misses": "misses by (standard errors)",
    }
    if any(row["why"] for row in rows):
        labels["why"] = why
    return html_table(rows, table_id=table_id, labels=labels, numbers=["estimate", "truth", "misses"])


__all__ = ["TRUTH_FILE", "truth_page"]
