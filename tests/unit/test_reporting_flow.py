"""The flow diagram of a cohort: what it says, what it hides, and the paper's counts beside ours."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from toy_registry import submission, tumors

from pipelines.cohorts import CohortDefinition, load_cohort, write_cohort
from pipelines.reporting.cohort import diagram, paper_counts
from pipelines.reporting.figures_flow import WIDTH, Stage, flow_diagram
from pipelines.settings import Settings

WIDEST = load_cohort("stage_iv_female_breast", Settings().catalog_dir)


def words(svg: str) -> list[str]:
    """What stands in the picture, from top to bottom by layers."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def women(n: int, **columns: Any) -> list[dict[str, Any]]:
    """As many operated on as not."""
    return [{"operated": number % 2 == 0, **columns} for number in range(n)]


def flow(folder: Path, rows: list[dict[str, Any]], definition: CohortDefinition = WIDEST, **more: Any) -> str:
    return diagram(write_cohort(submission(folder, tumors(rows)), definition).folder, **more)


def test_who_left_stands_at_the_side_with_rule_reason_and_arms(tmp_path: Path) -> None:
    rows = [*women(60), *women(40, stage_iv=None), *women(30, stage_iv=False)]
    said = words(flow(tmp_path, rows))
    assert "70 left, 40 of them because nobody can tell" in said
    assert "– Kept: Stage IV at diagnosis by the stage group of the source" in said
    assert "surgery 35; no surgery 35" in said
    assert (said.count("130"), said.count("60")) == (7, 5)  # seven boxes before the stage, five after it
    assert said.count("30") == 2  # members of each arm


def test_a_small_step_is_told_together_with_its_neighbours(tmp_path: Path) -> None:
    """Three men alone would be a small count: they stand with those of another stage, under both rules."""
    rows = [*women(60), *women(3, sex="male"), *women(20, stage_iv=False)]
    said = words(flow(tmp_path, rows))
    assert "23 left" in said
    rule = said.index("– Kept: Female")
    assert said[rule + 1] == "– Kept: Primary site is the breast (C50.0 to C50.6, C50.8, C50.9)"
    assert not [text for text in said if re.search(r"(?<![\d,.])(3|63|80)(?![\d,.])", text)]


@pytest.mark.parametrize("small", [1, 5, 10])
def test_no_small_count_is_drawn_whatever_leaves(small: int, tmp_path: Path) -> None:
    """Every number on the picture, and every difference of two totals, is zero or at least 11."""
    rows = [
        *women(200),
        *women(small, sex="male"),
        *women(small, behavior="in_situ"),
        *women(40, stage_iv=False),
        *women(small, stage_iv=None),
        *[{"operated": None}] * small,
    ]
    svg = flow(tmp_path, rows)
    counts = [int(text) for text in words(svg) if text.isdigit()]
    assert all(count == 0 or count >= 11 for count in counts)
    assert all(abs(one - other) >= 11 or one == other for one in counts for other in counts if one != 100)


def test_a_cohort_too_small_to_be_told_is_hidden_and_still_drawn(tmp_path: Path) -> None:
    said = words(flow(tmp_path, [*women(6), *women(50, sex="male")]))
    assert "hidden" in said
    assert "Number hidden" in said
    assert said.count("number hidden") == 2
    assert "6" not in said


def comparison(**changes: Any) -> pl.DataFrame:
    columns = {
        "analysis": "table_one",
        "subgroup": "all",
        "term": "",
        "contrast": "",
        "measure": "n",
        "published": 1234.0,
        "verdict": "differs",
    }
    return pl.DataFrame([columns | changes])


@pytest.mark.parametrize(
    ("row", "place", "text"),
    [
        ({}, ("members", "all"), "1,234"),
        ({"contrast": "surgery", "term": "surgery"}, ("members", "surgery"), "1,234"),
        ({"analysis": "attrition", "term": "female"}, ("female", "all"), "1,234"),
        (
            {"analysis": "attrition", "term": "arm_known", "subgroup": "surgery"},
            ("arm_known", "surgery"),
            "1,234",
        ),
        ({"verdict": "not_comparable"}, ("members", "all"), "1,234, not comparable"),
    ],
)
def test_where_a_published_count_belongs(row: dict[str, Any], place: tuple[str, str], text: str) -> None:
    assert paper_counts(comparison(**row)) == {place: text}


@pytest.mark.parametrize(
    "row", [{"measure": "percent"}, {"published": None}, {"analysis": "km"}, {"subgroup": "er=positive"}]
)
def test_other_targets_are_no_counts_of_the_flow(row: dict[str, Any]) -> None:
    assert paper_counts(comparison(**row)) == {}


def test_the_paper_stands_beside_ours(tmp_path: Path) -> None:
    paper = {
        ("members", "all"): "3,231",
        ("members", "surgery"): "1,130",
        ("stage_iv", "all"): "5,000",
        ("female", "all"): "9,000",
        ("female", "surgery"): "4,000",
        ("arm_known", "no surgery"): "2,101",
    }
    rows = [*women(60), *women(3, sex="male"), *women(20, stage_iv=False)]
    said = words(flow(tmp_path, rows, paper=paper))
    for text in ("paper: 3,231", "paper: 1,130", "paper: 5,000", "paper: 2,101"):
        assert said.count(text) == 1
    assert "(after it the paper has 9,000)" in said
    assert "(after it the paper has 4,000 in the arm surgery)" in said


def test_three_arms_stand_side_by_side_and_their_names_are_readable(tmp_path: Path) -> None:
    arms = WIDEST.arms.model_dump()
    kinds = {"exposed": "mastectomy", "reference": "none"}
    arms |= {
        name: {"label": f"{kind}_arm", "when": f"primary_surgery = '{kind}'"} for name, kind in kinds.items()
    }
    arms["others"] = [{"label": "breast_conserving_arm", "when": "primary_surgery = 'breast_conserving'"}]
    definition = CohortDefinition.model_validate({**WIDEST.model_dump(), "arms": arms})
    kinds_of = ("mastectomy", "breast_conserving", "none")
    rows = [row for kind in kinds_of for row in women(20, primary_surgery=kind)]
    said = words(flow(tmp_path, rows, definition))
    labels = [one for one in said if one.endswith(" arm")]
    assert labels == ["mastectomy arm", "breast conserving arm", "none arm"]
    assert said.count("20") == 3


def test_the_same_people_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [*women(60), *women(40, stage_iv=False)]
    assert flow(tmp_path / "1", rows) == flow(tmp_path / "2", rows[::-1])


def test_long_words_are_wrapped_within_the_picture() -> None:
    svg = flow_diagram(
        [Stage((), ("100", "Everybody")), Stage(("40 left", "– " + "long words " * 30), ("60",))],
        [("arm " * 20, "30"), ("other", "30")],
        title="Flow: a < b",
    )
    width = re.search(r'<svg[^>]* width="(\d+)"', svg)
    assert width is not None
    assert int(width[1]) <= WIDTH + 12  # its margins
    assert max(len(text) for text in words(svg)) < 80
    assert "<title>Flow: a &lt; b</title>" in svg
