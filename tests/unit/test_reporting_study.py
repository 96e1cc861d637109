"""The page of a study: small counts, arms of any number, and every section where its analyses are there."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut

from pipelines.cohorts import load_cohort, write_cohort
from pipelines.reporting import write_index, write_report
from pipelines.reporting.study_figures import propensity_overlap
from pipelines.reporting.study_people import with_people
from pipelines.reporting.study_tables import (
    diagnostics_table,
    estimate_blocks,
    gate_table,
    may_show,
    warnings,
)
from pipelines.settings import Settings
from pipelines.store import Home
from pipelines.store.withheld import read_estimates
from pipelines.studies import many, run_study
from pipelines.studies.catalog import load_evidence
from pipelines.studies.evidence import run_evidence
from pipelines.studies.gate import GATE_SCHEMA, GateRow
from pipelines.studies.results import Counts, Estimate, Finding, estimates_frame, findings_frame

SAME = {"study": "s", "submission": "x", "cohort": "c", "ci_level": 0.95, "settings_hash": "0"}


def cells_of(html: str) -> set[str]:
    return {re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", html, re.S)}


def cells_shown(
    rows: list[Estimate], *, small: bool = False, variants: tuple[str, ...] = (), labels: tuple[str, ...] = ()
) -> set[str]:
    frame = estimates_frame(rows, SAME).with_columns(hidden=False, small=small)
    blocks = estimate_blocks(with_people(frame, variants, labels), "surgery")
    return {cell for block in blocks for row in block["rows"] for cell in row.values()}


def counted(analysis: str, n: int, subgroup: str = "all") -> Estimate:
    return Estimate(analysis, subgroup, "surgery", "a vs b", "hr", 0.8, counts=Counts(n))


def test_who_left_a_model_cannot_be_counted_by_subtraction() -> None:
    """1,175 women, and 1,167 of them in a model that leaves out a rare level: the level has 8."""
    of_all = {"attrition": 24000, "cox_unadjusted": 1175, "cox_adjusted": 1167, "matched_cox": 800, "few": 9}
    rows = [counted(analysis, n) for analysis, n in of_all.items()]
    cells = cells_shown([rows[0], counted("attrition", 1175), *rows[1:]])
    assert {"1,175", "800", "hidden", "<11"} <= cells
    assert "1,167" not in cells


def test_who_left_every_analysis_cannot_be_subtracted_from_the_flow_diagram() -> None:
    """The flow ends with 1,175 women, and no analysis has the 3 whose outcome is not known."""
    flow = [counted("attrition", 24000), counted("attrition", 1175)]
    assert "1,172" not in cells_shown([*flow, counted("km", 1172), counted("cox_adjusted", 1172)])
    assert "1,150" in cells_shown([*flow, counted("km", 1150)])


def test_no_two_analyses_of_the_same_people_differ_by_few() -> None:
    rows = [
        counted("km", 1175),
        counted("matched_cox", 800),
        counted("stratified_cox", 797),
        counted("km", 1172, "stage_clinical"),
        counted("km", 640, "er=positive"),
        counted("cox_adjusted", 634, "er=positive"),
        counted("km", 797, "her2=positive"),
    ]
    cells = cells_shown(rows, variants=("stage_clinical",))
    assert {"1,175", "800", "640", "797"} <= cells, "797 of other people tells nothing"
    assert not {"1,172", "634"} & cells
    alone = cells_shown(rows[:4], variants=("stage_clinical",))
    assert "797" not in alone


def test_arms_and_levels_that_are_shown_do_not_tell_one_that_is_few() -> None:
    """995 of 1,000 are operated on; 992 are ER positive, 5 negative, and of 3 it is unknown."""
    everybody = counted("km", 1000)
    arms = [counted("km", 995, "a"), counted("km", 5, "b")]
    assert cells_shown([everybody, *arms]) >= {"1,000", "995"}, "no label says that these are arms"
    assert "995" not in cells_shown([everybody, *arms], labels=("a", "b"))
    levels = [counted("km", 992, "er=positive"), counted("km", 5, "er=negative")]
    assert not {"992", "5"} & cells_shown([everybody, *levels])
    in_arms = {"er=positive, a": 400, "er=positive, b": 300, "er=negative, a": 295, "er=negative, b": 5}
    of_arms = [counted("km", n, whose) for whose, n in in_arms.items()]
    assert not {"400", "300", "295"} & cells_shown([everybody, *of_arms], labels=("a", "b"))
    many = [counted("km", 600, "er=positive"), counted("km", 380, "er=negative")]
    assert {"600", "380"} <= cells_shown([everybody, *many])


def test_who_left_between_cohort_and_analysis_is_told_by_no_page_and_no_checklist(tmp_path: Path) -> None:
    """704 received, 100 men; 4 of 604 women have no month of survival, and the study is about 600."""
    rows = [{**one, "survival_months": 1.0 + one["survival_months"]} for one in world(600, seed=4)]
    rows += [{**one, "survival_months": 0.0} for one in world(4)]
    rows += [{**one, "sex": "male"} for one in world(100)]
    content = cut(
        "mudgway2020",
        sensitivity=None,
        outcome={"kind": "overall", "words": "Death", "zero_months": "drop"},
        analyses=["table_one", "km", "cox_unadjusted"],
        primary="cox_unadjusted",
    )
    sub = submission(tmp_path, tumors(rows))
    run_study(sub, content["id"], catalog_at(tmp_path, content), no_gate=True)
    write_report(sub)
    pages = [path.read_text(encoding="utf-8") for path in (sub.root / "report").glob("*.html")]
    assert len(pages) == 2
    (page,) = [page for page in pages if ">analysed<" in page]
    assert ">600<" in page[page.index('<figure id="attrition"') :]
    assert not [page for page in pages if re.search(r"(?<![\d.])604(?![\d.])", page)]
    estimates = read_estimates(sub.root / "studies" / content["id"])
    flow = estimates.filter(analysis="attrition", subgroup="all")["estimate"]
    assert set(flow) == {704.0, None}


def test_a_contrast_is_said_once() -> None:
    rows = [
        Estimate("cox_adjusted", "all", "surgery", "surgery vs no surgery", "hr", 0.8),
        Estimate("survival_at", "no surgery", "surgery", "at 36 months", "survival_probability", 0.8),
        Estimate("cox_adjusted", "all", "grade", "high vs low", "hr", 0.8),
    ]
    told = cells_shown(rows)
    assert {"surgery vs no surgery", "no surgery at 36 months", "grade high vs low"} <= told


def test_a_share_of_few_people_is_hidden_among_the_estimates() -> None:
    rows = [Estimate("share_death", "a", "surgery", "", "percent", 2.0, counts=Counts(300))]
    assert "2.0" not in cells_shown(rows)
    assert "hidden" in cells_shown(rows)


@pytest.mark.parametrize(
    ("check", "status", "unit", "told"),
    [
        ("logrank_p", "info", "", False),
        ("largest_smd_after_matching", "ok", "", True),
        ("exposed_unmatched", "info", "people", True),
        ("proportional_hazards_p", "warning", "", True),
    ],
)
def test_of_a_hidden_analysis_a_reader_sees_the_design_and_not_the_result(
    check: str, status: str, unit: str, told: bool
) -> None:
    row: dict[str, Any] = {
        "analysis": "matched_km",
        "subgroup": "all",
        "check": check,
        "status": status,
        "unit": unit,
    }
    assert may_show(row, {("matched_km", "all")}) is told
    assert may_show(row, set())
    finding = Finding("matched_km", "all", check, status, "chi-square 4711", 47.11, unit=unit)
    html = diagnostics_table(findings_frame([finding]), {("matched_km", "all")})
    assert ("4711" in html) is told


def told(*findings: Finding, gate: pl.DataFrame | None = None) -> list[tuple[str, list[str]]]:
    return [(one["message"], one["more"]) for one in warnings(findings_frame(findings), gate)]


def test_levels_that_few_share_are_one_line() -> None:
    words = "left out: people with {}, a level that fewer than 10 share"
    rare = [
        Finding("cox", "all", "rare_level", "warning", words.format(one), 8.0, unit="people")
        for one in ("income=unknown", "payer=unknown", "grade=unknown")
    ]
    together = (
        "left out: people with income=unknown, payer=unknown, grade=unknown, a level that fewer than 10 share"
    )
    assert told(*rare) == [(together, [])]
    unlike = [Finding("cox", "all", "immortal_time", "warning", one) for one in ("biased: much", "less so")]
    assert told(*unlike) == [("biased: much", ["less so"])]


def test_balance_is_told_by_the_gate_alone_and_other_findings_with_their_value() -> None:
    worst = Finding(
        "matched_cox", "all", "largest_smd_after_matching", "warning", "largest: 0.2 (grade)", 0.2
    )
    tests = [
        Finding("cox", name, "proportional_hazards_p", "warning", "its p", value)
        for name, value in (("all", 0.041), ("er=positive", 0.003))
    ]
    gate = pl.DataFrame({"check": ["balance", "events"]})
    assert told(worst, *tests, gate=gate) == [("its p (0.003 to 0.041)", [])]
    assert told(worst, gate=gate.filter(check="events")) == [("largest: 0.2 (grade)", [])]


def page_of(folder: Path, content: dict[str, Any], **changes: Any) -> str:
    """The page of a study of a catalog of its own."""
    sub = submission(folder, tumors(world(900, seed=4)), **changes)
    run_study(sub, content["id"], catalog_at(folder, content), no_gate=True)
    write_report(sub)
    return (sub.root / "report" / f"{content['id']}.html").read_text(encoding="utf-8")


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_sections_stand_in_the_order_in_which_a_reader_asks(tmp_path: Path) -> None:
    content = cut(
        "mudgway2020",
        sensitivity=None,
        analyses=[
            "table_one",
            "km",
            "cox_unadjusted",
            "cox_adjusted",
            "time_split_cox",
            "rmst",
            "matched_cox",
            "e_value",
        ],
        subgroups=[
            {
                "name": "er",
                "words": "Estrogen receptor",
                "column": "er_status",
                "levels": ["positive", "negative"],
            },
            {"name": "age", "words": "Age", "column": "age_group", "levels": ["50-59"], "planned": False},
        ],
    )
    page = page_of(tmp_path, content)
    wanted = [
        "The gate", "Before you read a number", "Beside what was published, and beside the trials", "Who is in it",
        "Table 1", "Survival", "Balance", "Over time", "Subgroups", "Sensitivity", "Every estimate",
    ]  # fmt: skip
    assert [one for one in headings(page) if one in wanted] == wanted
    assert "<h3>Age (unplanned)</h3>" in page
    assert "<h3>Estrogen receptor (declared beforehand)</h3>" in page
    assert "interaction" in page
    assert 'id="gate-off"' in page


def test_the_page_of_an_earlier_run_says_that_the_last_one_failed(tmp_path: Path) -> None:
    content = cut(
        "mudgway2020", sensitivity=None, analyses=["km", "cox_unadjusted"], primary="cox_unadjusted"
    )
    assert 'id="failed-since"' not in page_of(tmp_path, content)
    sub = Home(tmp_path).published("toy")
    many.record(sub.root, "mudgway2020", many.FAILED, reason="no memory was left")
    write_report(sub)
    page = (sub.root / "report" / "mudgway2020.html").read_text(encoding="utf-8")
    assert 'id="failed-since"' in page
    assert "no memory was left" in page


def test_a_catalog_of_ones_own_without_evidence_has_the_shipped_trials_beside_surgery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COHORTS_CATALOG", str(tmp_path / "catalog"))
    content = cut(
        "mudgway2020", sensitivity=None, analyses=["km", "cox_unadjusted"], primary="cox_unadjusted"
    )
    page = page_of(tmp_path, content)
    assert not (tmp_path / "catalog" / "evidence").exists()
    assert "Tata Memorial trial" in page[page.index('<figure id="forest"') :]


def test_few_people_of_a_score_are_drawn_with_their_neighbours_and_no_label_counts_them() -> None:
    histogram = pl.DataFrame(
        {
            "arm": ["a"] * 3 + ["b"] * 3,
            "bin_low": [0.0, 0.1, 0.2] * 2,
            "bin_high": [0.1, 0.2, 0.3] * 2,
            "n": [0, 3, 64, 31, 32, 5],
            "set": "full",
            "subgroup": "all",
        }
    )

    class Drawn:
        def table(self, name: str) -> pl.DataFrame:
            return histogram

    svg = propensity_overlap(Drawn())  # type: ignore[arg-type] # all that the figure asks of a study
    assert svg is not None
    labels = re.findall(r'aria-label="(propensity score[^"]*)"', svg)
    shares = [re.search(r"share of the arm[^:]*: ([−\d.]+)", label) for label in labels]
    assert [one[1] for one in shares if one] == ["0.5", "−0.46", "−0.27"]


def test_no_page_tells_how_few_records_were_quarantined(tmp_path: Path) -> None:
    """1,234 kept and 4 set aside: 1,238 stands nowhere."""
    sub = submission(tmp_path, tumors(world(60)))
    counts = {"records_read": 1238, "kept": 1234, "quarantined": 4}
    facts = sub.manifest.files[0].model_copy(update=counts)
    sub.save_manifest(sub.manifest.model_copy(update={"files": (facts,)}))
    pages = [
        write_report(sub).read_text(encoding="utf-8"),
        write_index(Home(tmp_path)).read_text(encoding="utf-8"),
    ]
    assert all("1,234" in page and "1,238" not in page for page in pages)


def test_a_test_over_levels_is_hidden_with_the_levels() -> None:
    """The p value of an interaction tells whether hidden ratios differ."""
    found = {
        "analysis": "cox_effect_by",
        "subgroup": "era",
        "check": "interaction_p",
        "status": "info",
        "unit": "",
    }
    assert not may_show(found, {("cox_effect_by", "era=1988-1998")})
    assert may_show(found, {("cox_effect_by", "grade=high"), ("cox_adjusted", "era=1988-1998")})
    assert may_show({**found, "status": "warning"}, {("cox_effect_by", "era=1988-1998")})


def test_a_study_without_covariates_has_its_arms_and_no_table_1(tmp_path: Path) -> None:
    content = cut(
        "mudgway2020",
        sensitivity=None,
        covariates=[],
        models=None,
        design=None,
        analyses=["table_one", "km", "cox_unadjusted"],
        primary="cox_unadjusted",
    )
    found = headings(page_of(tmp_path, content))
    assert "Every estimate" in found
    assert "Table 1" not in found


def test_estimates_do_not_stand_beside_the_flow_of_a_cohort_that_was_made_again_since(tmp_path: Path) -> None:
    content = cut(
        "mudgway2020", sensitivity=None, analyses=["km", "cox_unadjusted"], primary="cox_unadjusted"
    )
    assert 'id="attrition"' in page_of(tmp_path, content)
    sub = Home(tmp_path).published("toy")
    cohort = load_cohort(content["cohort"], Settings().catalog_dir)
    write_cohort(sub, cohort.model_copy(update={"rules": cohort.rules[:-1]}))
    write_report(sub)
    page = (sub.root / "report" / "mudgway2020.html").read_text(encoding="utf-8")
    assert 'id="attrition"' not in page
    assert "made again since, by another definition: run the study again" in page


def test_a_study_without_survival_has_no_curves_and_still_a_page(tmp_path: Path) -> None:
    content = cut(
        "mudgway2020",
        sensitivity=None,
        outcome=None,
        analyses=["logistic_outcome"],
        primary="crude_death",
        binary_outcomes=[{"name": "death", "words": "Died", "event": "died"}],
    )
    page = page_of(tmp_path, content)
    found = headings(page)
    assert "Every estimate" in found
    assert not {"Survival", "Balance", "Over time", "Table 1"} & set(found)
    assert "No published number is compared with." in page
    assert "Beside what was published" in found, "no trial is drawn"
    assert 'id="forest"' not in page


def test_three_arms_have_a_column_each_and_a_line_for_every_pair(tmp_path: Path) -> None:
    content = cut(
        "mudgway2020",
        sensitivity=None,
        cohort="three_arms",
        exposure="local_therapy",
        analyses=["table_one", "km", "cox_unadjusted", "weighted_cox"],
        primary="cox_unadjusted",
    )
    sub = submission(tmp_path, tumors(world(900, seed=4)))
    catalog = catalog_at(tmp_path, content)
    (catalog / "cohorts" / "three_arms.yaml").write_text(THREE_ARMS, encoding="utf-8")
    run_study(sub, content["id"], catalog, no_gate=True)
    write_report(sub)
    page = (sub.root / "report" / "mudgway2020.html").read_text(encoding="utf-8")
    figure = page[page.index('<figure id="forest"') :]
    labels = re.findall(r">([^<>]+)</text>", figure[: figure.index("</figure>")])
    assert "unadjusted" in labels, "the exposed against the reference"
    assert not [label for label in labels if " vs " in label], "other pairs of arms are in the tables"
    arms = ("surgery and radiation", "surgery alone", "neither")
    one = page[page.index('id="table_one"') :]
    assert all(arm in one[: one.index("<tbody")] for arm in arms)
    assert "surgery and radiation vs surgery alone" in page


def test_the_front_page_links_a_synthesis_where_its_page_is_drawn(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors(world(60, seed=4)))
    catalog = Settings().catalog_dir
    run_evidence(sub.root / "studies", load_evidence("pooled_evidence", catalog), catalog)
    link = "../submissions/toy/report/pooled_evidence.html"
    assert link not in write_index(Home(tmp_path)).read_text(encoding="utf-8")
    write_report(sub)
    assert link in write_index(Home(tmp_path)).read_text(encoding="utf-8")


THREE_ARMS = """
name: three_arms
title: Three arms
words: Made up
base: stage_iv_her2_positive_2010_2012
arms:
  words: Operated and irradiated, operated, or neither
  reference_words: It is known who was operated on
  needs: [operated, radiation]
  exposed: {label: surgery and radiation, when: "operated and radiation = 'yes'"}
  others:
    - {label: surgery alone, when: "operated and radiation <> 'yes'"}
  reference: {label: neither, when: not operated}
"""


def test_beside_a_small_number_of_an_analysis_its_others_are_hidden() -> None:
    """3 exposed without a match, and 397 matched sets: of 400 exposed, in Table 1."""
    rows = [
        Finding("matched_cox", "all", check, "info", "", value, unit="people")
        for check, value in (("exposed_unmatched", 3.0), ("matched_sets", 397.0))
    ]
    told = cells_of(diagnostics_table(findings_frame(rows), set()))
    assert {"&lt;11", "hidden"} <= told
    assert "397" not in told


def test_a_check_of_a_design_is_told_once_and_not_for_each_arm() -> None:
    rows = [
        GateRow("balance", "clone_censor_weight", subgroup, "all", 0.12, 0.1, "fail", "largest: grade=high")
        for subgroup in ("all", "surgery", "no surgery")
    ]
    html = gate_table(pl.DataFrame(rows, schema=GATE_SCHEMA, orient="row"), "gate")
    assert html.count("0.120") == 1
    assert "clone_censor_weight (surgery)" not in html
