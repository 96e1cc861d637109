"""What a reader finds on the pages of a submission and of a site: each thing once, in words, and explained."""

import re
from pathlib import Path

import polars as pl
import pytest
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut, targets, write_study

from pipelines.reporting import read_study, write_report, write_scoreboard
from pipelines.reporting.study import left_between
from pipelines.reporting.study_record import Study, banner_of
from pipelines.reporting.truth import TRUTH_FILE, truth_page
from pipelines.store import Home
from pipelines.studies import many, run_study
from pipelines.studies.results import Finding, findings_frame

CRUDE = ["table_one", "km", "cox_unadjusted"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A crude study beside its published numbers, its gate off."""
    root = tmp_path_factory.mktemp("pages")
    content = cut("mudgway2020", sensitivity=None, analyses=CRUDE, primary="cox_unadjusted")
    catalog = catalog_at(root)
    write_study(catalog, content, [row for row in targets("mudgway2020") if row["analysis"] in CRUDE])
    sub = submission(root, tumors(world(400, seed=8)))
    run_study(sub, "mudgway2020", catalog, no_gate=True)
    write_report(sub)
    return Home(root)


def test_the_banner_names_a_study_once_on_however_many_submissions_it_ran(home: Home) -> None:
    study = read_study(home.published("toy").root / "studies" / "mudgway2020")
    assert banner_of([study, study]).count("mudgway2020") == 1


def test_the_scoreboard_explains_what_hides_a_number_besides_the_gate(home: Home) -> None:
    page = write_scoreboard(home).read_text(encoding="utf-8")
    assert "a count under 11 would be told" in page


def test_names_of_published_numbers_are_broken_between_words(home: Home) -> None:
    page = (home.published("toy").root / "report" / "mudgway2020.html").read_text(encoding="utf-8")
    table = page[page.index('id="comparison"') :]
    first = re.findall(r"<tr>\s*<td[^>]*>(.*?)</td>", table[: table.index("</table>")])
    assert first
    assert not [name for name in first if "_" in name]


def test_the_page_of_a_submission_tells_which_studies_failed_and_why(home: Home) -> None:
    sub = home.published("toy")
    many.record(sub.root, "mudgway2020", many.FAILED, reason="no memory was left.")
    many.record(sub.root, "gnerlich2007", many.FAILED, reason="there is no column no_such.")
    page = write_report(sub).read_text(encoding="utf-8")
    assert "<b>mudgway2020 failed.</b> no memory was left. What its page shows is of an earlier run." in page
    assert "<b>gnerlich2007 failed.</b> there is no column no_such.</p>" in page


def test_under_the_flow_a_study_says_why_it_leaves_out_members_of_its_cohort(tmp_path: Path) -> None:
    gone = Finding("analysis_set", "all", "outcome_unknown", "info", "left out: outcome unknown", 75.0)
    kept = Finding("analysis_set", "all", "zero_months", "info", "survival of 0 months", 3.0)
    findings_frame([gone, kept]).write_csv(tmp_path / "diagnostics.csv")
    reasons = {
        cause: left_between(Study("s", "S", tmp_path, {"settings": {"outcome": {"other_cause": cause}}}))
        for cause in (None, "died_of_other_cause")
    }
    assert reasons == {
        None: ["outcome unknown"],
        "died_of_other_cause": ["outcome unknown, or the cause of death"],
    }


@pytest.mark.parametrize(("misses_by", "said"), [(0.4, False), (4.4, True)])
def test_valid_estimates_have_a_column_of_reasons_only_where_one_misses(
    tmp_path: Path, misses_by: float, said: bool
) -> None:
    sub = submission(tmp_path, tumors(world(20, seed=8)))
    one = {
        "study": "s", "analysis": "cox", "subgroup": "all", "contrast": "a vs b", "estimate": 1.1, "truth": 1.0,
        "misses_by": misses_by, "valid": True, "holds": not said, "why_not": None,
    }  # fmt: skip
    other = one | {"misses_by": 9.9, "valid": False, "holds": False, "why_not": "immortal time, counted"}
    pl.DataFrame([one, other]).write_csv(sub.root / TRUTH_FILE)
    page = truth_page(sub)
    assert page is not None
    assert ("why it misses" in page) is said
    assert page.count("why it is not valid here") == 1
    assert "immortal time, counted" in page
    pl.DataFrame([other]).write_csv(sub.root / TRUTH_FILE)
    assert "None is valid here." in (truth_page(sub) or "")
