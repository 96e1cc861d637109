"""The quality page: offline, no small count, blocking first, and rare codes without their name."""

import re
from html.parser import HTMLParser

import polars as pl

from pipelines.quality import Check, Finding
from pipelines.quality.page import people, render_page, unmapped_codes
from pipelines.store import FileFacts, Manifest, Verdict

CODES = {"field": pl.String, "scheme": pl.String, "code": pl.String, "n": pl.Int64}


def check(check_id: str, *, table: str = "tumor", severity: str = "blocking") -> Check:
    return Check.model_validate(
        {
            "check_id": check_id,
            "layer": "registry",
            "registry": "all",
            "table": table,
            "column": "survival_months",
            "rule": "row_condition",
            "argument": "survival_months >= 0",
            "severity": severity,
            "threshold": 0.05,
            "source": "the dictionary",
            "owner": "statistics",
            "note": "Survival is not <negative>",
        }
    )


def page(*found: Finding, passed: bool = True, codes: pl.DataFrame | None = None) -> str:
    file = FileFacts(name="a", table="a", bytes=1, sha256="0", records_read=7, kept=7, quarantined=0)
    verdict = Verdict(passed=passed, checks=len(found), judged_at="2026-01-01T00:00:00+00:00")
    manifest = Manifest(
        submission="toy-1", source="ncdb", format="toy", release="2022", files=(file,), verdict=verdict
    )
    return render_page(
        manifest, found, codes if codes is not None else pl.DataFrame(schema=CODES), min_cell=11
    )


class Addresses(HTMLParser):
    """Collects what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {value}" for name, value in attrs if name in ("src", "href")]


def test_the_page_asks_no_host_for_anything() -> None:
    html = page(Finding(check("a"), "pass", 100, 0))
    reader = Addresses()
    reader.feed(html)
    assert reader.found == []
    assert not re.search(r"https?://|@import|url\(", html)


def test_a_small_count_is_hidden_and_so_is_its_percentage() -> None:
    html = page(Finding(check("a", severity="warning"), "warn", 4321, 7))
    assert "&lt;11" in html
    assert "hidden" in html
    assert ">7<" not in html
    assert f"{100 * 7 / 4321:.1f}" not in html
    assert "4,321" not in html  # rounded, or two scopes side by side tell who is in one only
    assert "4,320" in html


def test_counts_of_people_are_rounded_to_ten_but_never_below_the_smallest_cell() -> None:
    assert [people(n, 11) for n in (0, 1, 10, 11, 14, 15, 996)] == [
        "0",
        "<11",
        "<11",
        "11",
        "11",
        "20",
        "1,000",
    ]


def test_counts_of_fields_and_files_are_not_of_people() -> None:
    html = page(Finding(check("a", table="coded_fields"), "fail", 60, 2))
    assert '<td class="num">60</td><td class="num">2</td>' in html


def test_what_blocks_stands_on_top() -> None:
    html = page(
        Finding(check("a_pass"), "pass", 100, 0),
        Finding(check("b_fail"), "fail", 100, 50),
        Finding(check("c_error"), "error", None, None, "Binder Error: no column"),
        passed=False,
    )
    top = html[html.index('id="blocking"') : html.index('id="warnings"')]
    assert "Not passed" in html
    assert "b_fail" in top
    assert "Binder Error: no column" in top
    assert "a_pass" not in top
    assert "Survival is not &lt;negative&gt;" in top  # escaped


def test_it_says_threshold_source_and_owner() -> None:
    html = page(Finding(check("a"), "pass", 100, 0))
    for said in ("5 %", "the dictionary", "statistics", "survival_months &gt;= 0"):
        assert said in html


def test_rare_codes_are_counted_together_and_not_named() -> None:
    codes = pl.DataFrame(
        [("SEX", "ncdb_sex", "7", 3), ("SEX", "ncdb_sex", "8", 10), ("SEX", "ncdb_sex", "X", 44)],
        schema=CODES,
        orient="row",
    )
    listed = [(line.code, line.records) for line in unmapped_codes(codes, 11)]
    assert listed == [("X", "40"), ("2 rare codes, not shown", "<11 each")]
    assert "2 rare codes" in page(codes=codes)
