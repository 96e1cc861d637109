"""The page of published survival: curves of the first groups, survival at a few years, nothing of few people."""

import re
from pathlib import Path
from typing import Any

import polars as pl
from survival_files import ROWS, write_export

from pipelines import quality, registry
from pipelines.formats import open_extract
from pipelines.registry.published_survival import published_survival_schema
from pipelines.reporting import write_report
from pipelines.reporting.published_survival import curves_of, label
from pipelines.store import Home, load_extract, publish


def interval(year: int, at_risk: int, survival: float | None, **more: Any) -> dict[str, Any]:
    """A life-page row of one group: the interval that ends at a year."""
    return {
        "page": "life",
        "groups": '{"Sex":"Female"}',
        "from_month": 12.0 * (year - 1),
        "to_month": 12.0 * year,
        "alive_at_start": at_risk,
        "died": 10,
        "lost": 5,
        "relative_cumulative": survival,
    } | more


def curve(*rows: dict[str, Any]) -> list[tuple[float, int, float]]:
    table = pl.DataFrame(list(rows), schema=published_survival_schema())
    return curves_of(table, "relative").select("time", "n_risk", "survival").rows()


def test_a_curve_falls_at_the_end_of_an_interval_and_counts_who_is_at_risk_then() -> None:
    assert curve(interval(1, 100, 0.9), interval(2, 85, 0.8)) == [
        (0.0, 100, 1.0),
        (12.0, 85, 0.9),
        (24.0, 70, 0.8),
    ]


def test_a_curve_ends_where_the_export_prints_no_survival() -> None:
    assert curve(interval(1, 100, 0.9), interval(2, 85, None), interval(3, 70, None)) == [
        (0.0, 100, 1.0),
        (12.0, 85, 0.9),
    ]


def test_limits_are_drawn_where_the_export_has_them() -> None:
    row = interval(1, 100, 0.9, relative_cumulative_lower=0.8, relative_cumulative_upper=0.95)
    table = pl.DataFrame([row], schema=published_survival_schema())
    assert curves_of(table, "relative").select("lower", "upper").rows() == [(1.0, 1.0), (0.8, 0.95)]


def test_a_group_in_words() -> None:
    assert label('{"Sex":"Female","Stage":"Distant"}') == "Female, Distant"
    assert label("{}") == "everyone"


def test_the_page_shows_the_curve_and_the_check_and_hides_few_people(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    few = "0\t1\t1\t1\t9\t2\t0\t0.7778\t0.7778\t0.8000\t0.8000\t0.1386"
    load_extract(home, "toy", open_extract([write_export(tmp_path, (*ROWS, few))]))
    registry.build(home.building("toy"))
    quality.validate(home.building("toy"))
    publish(home, "toy")
    page = write_report(home.published("toy")).read_text(encoding="utf-8")
    assert "<svg" in page
    words = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", page, flags=re.S)))
    assert "Of 3 printed survivals of an interval, 3 are those of their counts" in words
    assert "Female, Distant = IV 100 80.0% 69.6%" in words
    assert "Male, Distant = IV &lt;11 – –" in words
