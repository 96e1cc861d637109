"""A study's comparison and findings as lines for a terminal."""

from pathlib import Path

import polars as pl

from pipelines.disclosure import gives_away


def number(value: float | None, measure: str) -> str:
    """A value with the digits its measure deserves."""
    if value is None:
        return "–"
    if measure == "n":
        return f"{value:,.0f}"
    return f"{value:.2f}" if measure in {"hr", "or", "rr", "shr"} else f"{value:,.1f}"


def interval(low: float | None, high: float | None, measure: str) -> str:
    """An interval in brackets; nothing where there is none."""
    return "" if low is None and high is None else f" ({number(low, measure)}–{number(high, measure)})"


def comparison_lines(folder: Path, *, min_cell: int = 11) -> list[str]:
    """One line per published number: published, estimated, verdict, how sure the published one is.

    Parameters
    ----------
    folder : Path
        ``<submission>/studies/<study>``.
    min_cell : int
        Counts of people below this are hidden, and so are percentages and other parts that tell them.
    """
    lines = []
    for row in pl.read_csv(folder / "comparison.csv", infer_schema_length=None).iter_rows(named=True):
        measure = row["measure"]
        ours = number(row["estimated"], measure) + interval(row["ci_low"], row["ci_high"], measure)
        if gives_away(measure, row["estimated"], row["n"], min_cell):
            ours = "hidden"
        published = number(row["published"], measure)
        if row["published"] is None:
            published = "a direction"
        published += interval(row["published_ci_low"], row["published_ci_high"], measure)
        lines.append(
            f"{row['target']}: published {published}, estimated {ours}: {row['verdict']} ({row['verification']})"
        )
    return lines


def diagnostic_lines(folder: Path) -> list[str]:
    """One line per warning and per reason why an analysis could not be done, with the analyses it is about."""
    table = pl.read_csv(folder / "diagnostics.csv", infer_schema_length=None)
    told: dict[tuple[str, str], list[str]] = {}
    for row in table.filter(pl.col("status").is_in(["warning", "absent"])).iter_rows(named=True):
        told.setdefault((row["status"], row["message"]), []).append(f"{row['analysis']} ({row['subgroup']})")
    return [f"{status}: {message} [{', '.join(about)}]" for (status, message), about in told.items()]
