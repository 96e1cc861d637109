"""Pictures of published evidence as SVG text: a forest with its pools, and a funnel.

Nothing here computes a statistic; limits beyond the axis end at its edge, and the text beside them says the number.
"""

import math
from typing import Any

import altair as alt
import polars as pl

from pipelines.reporting.figures import INK, RULE, SOFT, to_svg

KINDS = {
    "study": INK,
    "left out": "#b9c2c8",
    "this site": "#b3541e",
    "pool": "#2b5f75",
    "prediction": "#8fb0bf",
    "review": "#7a4b8a",
}
"""What a line of a forest is, and its colour."""
PLOT_WIDTH, ROW = 200, 19
WALD = 1.959964


def evidence_forest(
    rows: pl.DataFrame, *, domain: tuple[float, float], title: str, longest_label: str = ""
) -> str:
    """Studies, the pools below them as diamonds, what a new study may show, and what a review printed.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns ``label, kind, estimate, ci_low, ci_high, weight`` from top to bottom; ``kind`` a key of `KINDS`,
        ``weight`` (percent) of studies alone.
    domain : tuple of float
        Both ends of the axis, so that two forests can stand side by side.
    title : str
        Above the forest.
    longest_label : str
        Room is left for it, so that forests side by side have one scale.
    """
    height = ROW * rows.height
    placed = [
        {**row, "y": number + 0.5, "text": interval_text(row), **clipped(row, domain)}
        for number, row in enumerate(rows.iter_rows(named=True))
    ]
    scale = alt.Scale(type="log", domain=list(domain), nice=False)
    ticks = [tick for tick in SHORT_TICKS if domain[0] <= tick <= domain[1]]
    x = alt.X("low:Q", scale=scale, title="hazard ratio (log scale)", axis=alt.Axis(values=ticks, grid=False))
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, rows.height], reverse=True), axis=None)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=list(KINDS), range=list(KINDS.values())), legend=None)
    base = alt.Chart(alt.Data(values=placed))
    one = alt.Chart(alt.Data(values=[{"x": 1.0}])).mark_rule(color=RULE).encode(x=alt.X("x:Q", scale=scale))
    whole = "datum.kind != 'pool' && datum.kind != 'review'"
    bars = base.transform_filter(whole).mark_rule(strokeWidth=1.6).encode(x=x, x2="high:Q", y=y, color=colour)
    points = (
        base.transform_filter(
            "datum.kind == 'study' || datum.kind == 'left out' || datum.kind == 'this site'"
        )
        .mark_square(opacity=1)
        .encode(
            x=alt.X("middle:Q", scale=scale),
            y=y,
            color=colour,
            size=alt.Size("weight:Q", scale=alt.Scale(domain=[0, 30], range=[22, 160]), legend=None),
        )
    )
    diamonds = (
        alt.Chart(alt.Data(values=[corner for row in placed for corner in diamond(row)]))
        .mark_line(filled=True, strokeWidth=0)
        .encode(
            x=alt.X("x:Q", scale=scale), y=y, order="order:Q", detail="label:N", fill=colour.copy(deep=False)
        )
    )
    names = base.mark_text(align="right", fontSize=11).encode(
        x=alt.value(-8), y=y, text="label:N", color=colour
    )
    texts = base.mark_text(align="left", fontSize=11, color=INK).encode(
        x=alt.value(PLOT_WIDTH + 8), y=y, text="text:N"
    )
    room = (
        alt.Chart(alt.Data(values=[{"y": 0.5, "text": longest_label}]))
        .mark_text(align="right", fontSize=11, opacity=0)
        .encode(x=alt.value(-8), y=y, text="text:N")
    )
    chart = (one + bars + points + diamonds + names + texts + room).properties(
        width=PLOT_WIDTH,
        height=height,
        title=alt.TitleParams(title, anchor="start", fontSize=13, color=INK, fontWeight="normal"),
    )
    return to_svg(chart)


SHORT_TICKS = (0.1, 0.2, 0.4, 0.6, 1, 1.5, 2, 3, 5)


def interval_text(row: dict[str, Any]) -> str:
    """Estimate and limits; a prediction has limits alone."""
    limits = "" if row["ci_low"] is None else f"({row['ci_low']:.2f} to {row['ci_high']:.2f})"
    return limits if row["kind"] == "prediction" else f"{row['estimate']:.2f} {limits}".rstrip()


def clipped(row: dict[str, Any], domain: tuple[float, float]) -> dict[str, float]:
    """Estimate and limits within the axis."""
    values = {"low": row["ci_low"], "middle": row["estimate"], "high": row["ci_high"]}
    return {
        name: min(max(row["estimate"] if value is None else value, domain[0]), domain[1])
        for name, value in values.items()
    }


def diamond(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The corners of a pool; none of anything else."""
    if row["kind"] not in ("pool", "review"):
        return []
    corners = [(row["low"], 0.0), (row["middle"], -0.32), (row["high"], 0.0), (row["middle"], 0.32)]
    return [
        {"x": x, "y": row["y"] + dy, "order": order, "label": row["label"], "kind": row["kind"]}
        for order, (x, dy) in enumerate(corners)
    ]


def funnel(rows: pl.DataFrame, *, centre: float, title: str) -> str:
    """Estimates against their standard errors, with the lines between which 95 of 100 would lie without spread.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns ``label, estimate, std_err``.
    centre : float
        The pooled ratio.
    title : str
        Above the funnel.
    """
    widest = max(float(value) for value in rows["std_err"]) * 1.08
    lines = [
        {"side": side, "x": centre * math.exp(sign * WALD * error), "std_err": error}
        for side, sign in (("low", -1), ("high", 1))
        for error in (0.0, widest)
    ]
    estimates = [float(value) for value in rows["estimate"]]
    low = min([centre * math.exp(-WALD * widest), *estimates]) * 0.95
    high = max([centre * math.exp(WALD * widest), *estimates]) * 1.05
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    ticks = [tick for tick in SHORT_TICKS if low <= tick <= high]
    x = alt.X("estimate:Q", scale=scale, title="hazard ratio (log scale)", axis=alt.Axis(values=ticks))
    y = alt.Y("std_err:Q", scale=alt.Scale(domain=[0, widest], reverse=True), title="standard error (log)")
    sides = (
        alt.Chart(alt.Data(values=lines))
        .mark_line(strokeDash=[4, 3], color=SOFT, strokeWidth=1)
        .encode(x=alt.X("x:Q", scale=scale), y=y, detail="side:N")
    )
    middle = (
        alt.Chart(alt.Data(values=[{"x": centre}])).mark_rule(color=SOFT).encode(x=alt.X("x:Q", scale=scale))
    )
    points = (
        alt.Chart(alt.Data(values=rows.select("label", "estimate", "std_err").to_dicts()))
        .mark_point(filled=True, size=45, color=INK, opacity=0.8)
        .encode(x=x, y=y)
    )
    return to_svg(
        (middle + sides + points).properties(
            width=340,
            height=230,
            title=alt.TitleParams(title, anchor="start", fontSize=13, color=INK, fontWeight="normal"),
        )
    )
