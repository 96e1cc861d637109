"""The pictures of a study as SVG text: byte-identical, readable with no network.

Every function takes what the study wrote to disk and returns one ``<svg>`` string. Nothing here computes a
statistic. Curves end where fewer than ``min_cell`` people are at risk: their last steps would show single deaths.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl
import vl_convert as vlc

ARM_COLOURS = ("#b3541e", "#2b5f75", "#6b7a3a", "#7a4b8a")
INK, SOFT, RULE = "#22303a", "#6c7a83", "#c9d1d6"
FONT = "DejaVu Sans, Verdana, sans-serif"
WIDTH = 620
POOLED = "published evidence pooled"
"""The group of a forest that is drawn as diamonds."""
alt.data_transformers.disable_max_rows()  # a curve may have more steps than a table for a browser should

RATIO_TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 7, 10)


def to_svg(chart: alt.TopLevelMixin) -> str:
    """Draw a chart as SVG with the house style.

    The schema is not checked again: it takes most of the time, and a chart that Altair let us build has been checked.
    """
    spec = chart.to_dict(validate=False)
    spec["config"] = {
        "font": FONT,
        "view": {"stroke": None},
        "background": None,
        "axis": {
            "labelColor": INK,
            "titleColor": INK,
            "titleFontWeight": "normal",
            "gridColor": "#eef1f3",
            "domainColor": RULE,
            "tickColor": RULE,
        },
        "legend": {"labelColor": INK, "title": None, "orient": "top", "labelLimit": 400},
    }
    svg: str = vlc.vegalite_to_svg(spec, vl_version=".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2]))
    return svg


def kaplan_meier(curves: pl.DataFrame, *, min_cell: int, time_title: str) -> str:
    """Survival by arm with its confidence band and, below, the numbers at risk.

    Parameters
    ----------
    curves : polars.DataFrame
        Columns ``arm, time, n_risk, survival, lower, upper``; time in months.
    min_cell : int
        Fewer people at risk than this are not drawn and not printed.
    time_title : str
        Title of the time axis.
    """
    shown = curves.filter(pl.col("n_risk") >= min_cell).select(
        "arm", "time", "n_risk", "survival", "lower", "upper"
    )
    arms = curves["arm"].unique(maintain_order=True).to_list()
    start = pl.DataFrame(
        [{"arm": arm, "time": 0.0, "survival": 1.0, "lower": 1.0, "upper": 1.0} for arm in arms]
    )
    steps = _thinned(shown.drop("n_risk").cast({"time": pl.Float64}))
    drawn = pl.concat([start, steps], how="diagonal_relaxed")
    # Polars types an extreme as any Python value; these columns are numbers.
    last = float(drawn["time"].max() or 1.0)  # type: ignore[arg-type]
    ticks = _month_ticks(last)
    colour = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=list(ARM_COLOURS[: len(arms)])))
    x = alt.X(
        "time:Q",
        title=time_title,
        axis=alt.Axis(values=ticks, grid=False),
        scale=alt.Scale(domain=[0, ticks[-1]]),
    )
    base = alt.Chart(drawn).encode(x=x, color=colour)
    band = base.mark_area(opacity=0.14, interpolate="step-after", line=False).encode(
        y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q")
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2).encode(
        y=alt.Y("survival:Q", title="Survival", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    )
    counts = (
        alt.Chart(_numbers_at_risk(curves, arms, ticks, min_cell))
        .mark_text(fontSize=11)
        .encode(
            x=alt.X("time:Q", axis=None, scale=alt.Scale(domain=[0, ticks[-1]])),
            y=alt.Y(
                "arm:N",
                sort=arms,
                title=None,
                axis=alt.Axis(ticks=False, domain=False, labelLimit=220, offset=20),
            ),
            text="text:N",
            color=colour,
        )
        .properties(width=WIDTH, height=22 * len(arms), title=_small_title("Number at risk"))
    )
    plot = (band + line).properties(width=WIDTH, height=300)
    return to_svg(alt.vconcat(plot, counts, spacing=6).resolve_scale(color="shared"))


def _thinned(steps: pl.DataFrame) -> pl.DataFrame:
    """The last step of each half pixel of an arm: what a reader can see of a curve with thousands."""
    half_pixel = float(steps["time"].max() or 1.0) / (2 * WIDTH)  # type: ignore[arg-type] # a number, as above
    return (
        steps.with_columns((pl.col("time") / half_pixel).floor().alias("half_pixel"))
        .group_by("arm", "half_pixel", maintain_order=True)
        .last()
        .select(steps.columns)
    )


def _month_ticks(last: float) -> list[int]:
    step = next((step for step in (3, 6, 12, 24, 60) if last / step <= 10), 120)
    return list(range(0, int(last) + step, step))


def _numbers_at_risk(
    curves: pl.DataFrame, arms: Sequence[str], ticks: Sequence[int], min_cell: int
) -> pl.DataFrame:
    """The number at risk just before each tick: that of the first time at or after it."""
    rows: list[dict[str, Any]] = []
    for arm in arms:
        one = curves.filter(pl.col("arm") == arm).sort("time")
        for tick in ticks:
            later = one.filter(pl.col("time") >= tick)
            count = int(later["n_risk"][0]) if later.height else 0
            text = f"<{min_cell}" if 0 < count < min_cell else f"{count:,}"
            rows.append({"arm": arm, "time": tick, "text": text})
    return pl.DataFrame(rows)


def _small_title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, anchor="start", fontSize=11, color=SOFT, fontWeight="normal")


def love_plot(balance: pl.DataFrame, *, limit: float = 0.1) -> str:
    """Absolute standardized mean difference of each covariate before and after a design.

    Parameters
    ----------
    balance : polars.DataFrame
        Columns ``name, smd_before, smd_after``.
    limit : float
        Where the reference line stands.
    """
    order = balance.sort(pl.col("smd_before").abs(), descending=True)["name"].to_list()
    long = balance.unpivot(
        on=["smd_before", "smd_after"], index="name", variable_name="set", value_name="smd"
    ).with_columns(
        pl.col("smd").abs(),
        pl.col("set").replace({"smd_before": "before", "smd_after": "after"}),
    )
    sets = ["before", "after"]
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=260, grid=True))
    points = (
        alt.Chart(long.drop_nulls("smd"))
        .mark_point(filled=True, size=55)
        .encode(
            x=alt.X("smd:Q", title="absolute standardized mean difference"),
            y=y,
            color=alt.Color("set:N", scale=alt.Scale(domain=sets, range=list(ARM_COLOURS[:2]))),
            shape=alt.Shape("set:N", scale=alt.Scale(domain=sets, range=["circle", "diamond"])),
        )
    )
    line = alt.Chart(alt.Data(values=[{"x": limit}])).mark_rule(strokeDash=[4, 3], color=SOFT).encode(x="x:Q")
    return to_svg((line + points).properties(width=WIDTH - 180, height=max(120, 17 * len(order))))


def forest(rows: pl.DataFrame, *, x_title: str = "hazard ratio (log scale)") -> str:
    """Estimates with their intervals on a log axis, one line each, in the order given.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns ``label, group, estimate, ci_low, ci_high``; an estimate without interval is a point, one of the
        group `POOLED` a diamond.
    """
    order = rows["label"].to_list()
    groups = rows["group"].unique(maintain_order=True).to_list()
    text = rows.with_columns(
        pl.struct("estimate", "ci_low", "ci_high")
        .map_elements(_interval_text, return_dtype=pl.String)
        .alias("text")
    )
    # As above: extremes of number columns.
    low = float(pl.concat([rows["estimate"], rows["ci_low"].drop_nulls()]).min() or 0.5)  # type: ignore[arg-type]
    high = float(pl.concat([rows["estimate"], rows["ci_high"].drop_nulls()]).max() or 2.0)  # type: ignore[arg-type]
    domain = [min(0.5, low * 0.95), max(1.6, high * 1.05)]
    scale = alt.Scale(type="log", domain=domain, clamp=True, nice=False)
    axis = alt.Axis(values=[tick for tick in RATIO_TICKS if domain[0] <= tick <= domain[1]], grid=False)
    x = alt.X("estimate:Q", title=x_title, scale=scale, axis=axis)
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=330, grid=False))
    colour = alt.Color("group:N", scale=alt.Scale(domain=groups, range=list(ARM_COLOURS[: len(groups)])))
    base = alt.Chart(text).encode(y=y)
    one = alt.Chart(alt.Data(values=[{"x": 1}])).mark_rule(color=RULE).encode(x="x:Q")
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("ci_low:Q", scale=scale, axis=axis, title=x_title),
        x2="ci_high:Q",
        color=colour,
    )
    shape = alt.condition(f"datum.group == '{POOLED}'", alt.value("diamond"), alt.value("square"))
    points = base.mark_point(filled=True, size=80, opacity=1).encode(x=x, color=colour, shape=shape)
    labels = base.mark_text(align="left", fontSize=11, color=INK).encode(
        x=alt.value(WIDTH - 250), text="text:N"
    )
    chart = (one + bars + points + labels).properties(width=WIDTH - 260, height=26 * len(order))
    return to_svg(chart)


def _interval_text(row: dict[str, float | None]) -> str:
    if row["estimate"] is None:
        return ""
    if row["ci_low"] is None or row["ci_high"] is None:
        return f"{row['estimate']:.2f}"
    return f"{row['estimate']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"


def overlap(histogram: pl.DataFrame) -> str:
    """Distribution of the propensity score by arm, mirrored: where both have people, they can be compared.

    Parameters
    ----------
    histogram : polars.DataFrame
        Columns ``arm, bin_low, bin_high, count``; no count is small, and bins may be of unlike width.

    Notes
    -----
    Shares have two digits: the text beside a mark has all that there are, and many of them give the counts back.
    """
    arms = histogram["arm"].unique(maintain_order=True).to_list()
    width = pl.col("bin_high") - pl.col("bin_low")
    narrowest = histogram.select(width.min()).item()
    share = pl.col("count") / pl.col("count").sum().over("arm") * narrowest / width
    side = pl.when(pl.col("arm") == arms[-1]).then(-1.0).otherwise(1.0)
    shares = histogram.with_columns(y=side * share.round_sig_figs(2))
    chart = (
        alt.Chart(shares.select("arm", "bin_low", "bin_high", "y"))
        .transform_calculate(zero="0")
        .mark_rect(opacity=0.85, stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("bin_low:Q", title="propensity score", scale=alt.Scale(domain=[0, 1])),
            x2="bin_high:Q",
            y=alt.Y(
                "y:Q",
                title=f"share of the arm, per {narrowest:.2g}",
                axis=alt.Axis(labelExpr="format(abs(datum.value), '.0%')"),
            ),
            y2="zero:Q",
            color=alt.Color("arm:N", scale=alt.Scale(domain=arms, range=list(ARM_COLOURS[: len(arms)]))),
        )
        .properties(width=WIDTH, height=170)
    )
    return to_svg(chart)
