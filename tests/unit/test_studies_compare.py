"""Published beside estimated: orientation, confidence level, verdicts, and targets that join to nothing."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_studies import cut

from pipelines.errors import InputError
from pipelines.studies import StudyDefinition
from pipelines.studies.compare import Target, compare, load_targets, require_analyses
from pipelines.studies.language import Emulation, Fallback, OtherOutcome, Subgroup
from pipelines.studies.results import Estimate, Finding

STUDY = StudyDefinition.model_validate(cut("mudgway2020"))
SURGERY = ("matched_cox", "all", "surgery", "surgery vs no surgery", "hr")


def target(**settings: Any) -> Target:
    keys = dict(zip(("analysis", "subgroup", "term", "contrast", "measure"), SURGERY, strict=True))
    base = {
        "target": "t",
        **keys,
        "published": 0.56,
        "ci_low": None,
        "ci_high": None,
        "ci_level": None,
        "orientation": "as_printed",
        "direction": "",
        "verification": "abstract",
        "tolerance": 0.1,
        "comparable": "yes",
        "source": "s",
        "note": "",
    }
    return Target.model_validate(base | settings)


def estimate(value: float | None, key: tuple[str, str, str, str, str] = SURGERY) -> Estimate:
    return Estimate(*key, value, 0.5, 0.7)


def verdict(one: Target, ours: Estimate) -> str:
    return str(compare([one], [ours], [], STUDY)["verdict"][0])


def test_delta_is_on_the_log_scale_for_ratios() -> None:
    row = compare([target()], [estimate(0.60)], [], STUDY).row(0, named=True)
    assert row["delta"] == pytest.approx(math.log(0.60 / 0.56))
    assert row["verdict"] == "match"
    assert verdict(target(), estimate(0.63)) == "differs"


def test_delta_is_a_difference_for_months() -> None:
    key = ("km", "surgery", "surgery", "", "naive_median_months")
    keys = dict(zip(("analysis", "subgroup", "term", "contrast", "measure"), key, strict=True))
    one = target(**keys, published=25, tolerance=1)
    row = compare([one], [estimate(26.0, key)], [], STUDY).row(0, named=True)
    assert (row["delta"], row["verdict"]) == (1.0, "match")


def test_a_reversed_ratio_is_turned_with_its_interval() -> None:
    """ABCSG-28 prints 0.691 (0.358-1.333) with surgery as reference: 1.447 (0.750-2.793) our way round."""
    one = target(published=0.691, ci_low=0.358, ci_high=1.333, ci_level=0.95, orientation="inverted")
    assert one.harmonised(0.95) == pytest.approx((1.447, 0.750, 2.793), abs=5e-4)


def test_a_90_percent_interval_is_widened_to_95() -> None:
    """EA2108 prints 1.11 with a 90 % interval of 0.82-1.52; at 95 % that is 0.768-1.603."""
    one = target(published=1.11, ci_low=0.82, ci_high=1.52, ci_level=0.90)
    assert one.harmonised(0.95) == pytest.approx((1.11, 0.768, 1.603), abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"orientation": "inverted"}, "printed: 0.691 (0.358 to 1.333), the other way round"),
        ({"ci_level": 0.9}, "printed: 0.691 (0.358 to 1.333) at 90 %"),
        ({}, ""),
    ],
)
def test_the_note_says_what_the_paper_prints_where_the_table_shows_it_otherwise(
    changes: dict[str, Any], said: str
) -> None:
    one = target(**{"published": 0.691, "ci_low": 0.358, "ci_high": 1.333, "ci_level": 0.95} | changes)
    assert compare([one], [estimate(0.6)], [], STUDY)["note"][0] == said


def test_a_direction_alone_is_judged_by_its_side() -> None:
    one = target(published=None, direction="above")
    assert verdict(one, estimate(1.2)) == "match"
    assert verdict(one, estimate(0.8)) == "differs"


def test_an_estimate_whose_interval_holds_both_directions_is_not_compared_with_one() -> None:
    one = target(published=None, direction="above")
    row = compare([one], [replace(estimate(1.1), ci_low=0.9, ci_high=1.4)], [], STUDY).row(0, named=True)
    assert (row["verdict"], row["note"]) == ("not_comparable", "the interval holds both directions here")
    with_number = replace(estimate(0.57), ci_low=0.3, ci_high=1.1)
    assert verdict(target(), with_number) == "match", "a published number is compared as it is"


@pytest.mark.parametrize(
    ("verification", "can_fail"), [("abstract", True), ("memory", False), ("seed", False)]
)
def test_memory_and_seed_inform_and_never_fail(verification: str, can_fail: bool) -> None:
    row = compare([target(verification=verification)], [estimate(0.9)], [], STUDY).row(0, named=True)
    assert (row["verdict"], row["can_fail"]) == ("differs", can_fail)


def test_a_median_that_is_not_reached_is_not_comparable() -> None:
    assert verdict(target(), estimate(None)) == "not_comparable"


def test_a_target_that_joins_to_nothing_is_an_error_and_all_are_named() -> None:
    lost = [target(target="a", contrast="surgery vs nothing"), target(target="b", analysis="weighted_cox")]
    with pytest.raises(InputError, match=r"2 published target\(s\).*a \(.*b \("):
        compare(lost, [estimate(0.6)], [], STUDY)


def test_an_analysis_that_could_not_be_done_is_not_comparable_with_its_reason() -> None:
    absent = Finding("matched_cox", "all", "not_fitted", "absent", "Nobody has the event.")
    row = compare([target()], [], [absent], STUDY).row(0, named=True)
    assert row["verdict"] == "not_comparable"
    assert "Nobody has the event." in row["note"]


def test_a_level_the_study_knows_may_be_missing_here_but_not_a_misspelt_one() -> None:
    black = {"analysis": "cox_adjusted", "term": "race_ethnicity"}
    known = target(**black, contrast="non_hispanic_black vs non_hispanic_white")
    assert compare([known], [], [], STUDY)["verdict"].to_list() == ["not_comparable"]
    for contrast in ("black vs non_hispanic_white", "non_hispanic_black vs white"):
        with pytest.raises(InputError, match="join to no estimate"):
            compare([target(**black, contrast=contrast)], [], [], STUDY)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"published": 0}, "above zero"),
        ({"ci_low": 0, "ci_high": 1.5, "ci_level": 0.95}, "above zero"),
        ({"ci_low": 0.4, "ci_high": "inf", "ci_level": 0.95}, "finite"),
        ({"published": "nan"}, "finite"),
    ],
)
def test_a_ratio_that_has_no_logarithm_is_told_before_anything_runs(
    wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        target(**wrong)
    key = {"measure": "percent", "term": "age_group", "contrast": ""}
    assert target(**key, published=0).published == 0, "a share may be none"


def test_rows_with_mistakes_are_all_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    fields = list(Target.model_fields)
    good = {field: str(value or "") for field, value in target().model_dump().items()}
    rows = [
        good | {"target": "x", "ci_low": "0.4"},
        good | {"target": "y", "orientation": "reversed"},
        good,
        good,
    ]
    lines = [",".join(fields), *(",".join(row[field] for field in fields) for row in rows)]
    path.write_text("\n".join([*lines[:2], "", *lines[2:]]), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_targets(path)
    said = str(error.value)
    assert "line 2: row: an interval without its ci_level" in said
    assert "line 4: orientation: should be one of as_printed, inverted" in said, "an empty line counts"
    assert "target t is there twice" in said
    assert said.endswith("Correct the row; the README of the catalog's studies says what each column holds.")


def test_every_wrong_cell_of_a_row_is_told(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    row = {field: str(value or "") for field, value in target().model_dump().items()}
    row |= {"ci_level": "95", "verification": "abstrakt"}
    path.write_text(",".join(row) + "\n" + ",".join(row.values()), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_targets(path)
    assert "line 2: ci_level: should be a share such as 0.95" in str(error.value)
    assert "line 2: verification: should be one of abstract, secondary, computed" in str(error.value)


def emulated(*, decides: bool) -> StudyDefinition:
    """The study as an emulation of a trial that asked for a performance status."""
    recorded = {"trial": "Adults", "registry": "Adults", "status": "mapped"}
    lines = {name: recorded for name in ("time_zero", "assignment", "follow_up", "outcome", "estimand")}
    status = {"trial": "Performance status 0 to 2", "registry": "Nothing", "status": "not_recorded"}
    emulation = Emulation.model_validate(
        {
            "trial": "mf0701",
            "eligibility": [recorded, {**status, "decides": decides}],
            **lines,
            "trial_strategies": "surgery or none",
            "strategy_exposed": "surgery",
            "strategy_reference": "none",
        }
    )
    return STUDY.model_copy(update={"emulation": emulation})


def test_a_trial_that_rests_on_what_is_not_recorded_is_not_judged_whatever_the_numbers() -> None:
    row = compare([target()], [estimate(0.56)], [], emulated(decides=True)).row(0, named=True)
    assert (row["verdict"], row["estimated"], row["delta"]) == ("not_comparable", 0.56, 0.0)
    assert "Performance status 0 to 2" in row["note"]
    assert compare([target()], [estimate(0.56)], [], emulated(decides=False))["verdict"][0] == "match"


def test_a_ratio_that_is_not_in_the_middle_of_its_interval_is_flagged_and_compared_all_the_same() -> None:
    """Tan 2016 prints 0.566 (0.557-0.625): the middle is 0.590. Its 0.558 (0.471-0.661) is whole."""
    odd = target(published=0.566, ci_low=0.557, ci_high=0.625, ci_level=0.95)
    row = compare([odd], [estimate(0.566)], [], STUDY).row(0, named=True)
    assert row["verdict"] == "match"
    assert "perhaps a misprint: printed 0.566, middle of the interval 0.59" in row["note"]
    assert target(published=0.558, ci_low=0.471, ci_high=0.661, ci_level=0.95).misprint == ""
    outside = target(published=0.40, ci_low=0.557, ci_high=0.625, ci_level=0.95)
    assert "outside its interval" in outside.misprint


def absent(subgroup: str, check: str = "not_fitted") -> Finding:
    return Finding("cox_adjusted", subgroup, check, "absent", f"why {subgroup} is absent")


def labelled() -> StudyDefinition:
    cancer = OtherOutcome(kind="overall", words="Death", name="cancer")
    group = Subgroup(
        name="er", words="Receptor", column="er_status", levels=("positive", "negative"), outcomes=("cancer",)
    )
    return STUDY.model_copy(update={"other_outcomes": (cancer,), "subgroups": (group,)})


@pytest.mark.parametrize(
    ("subgroup", "found", "excused"),
    [
        ("er=positive", "er=positive", True),
        ("er=positive", "er=negative", False),
        ("er=positive", "all", False),
        ("cancer", "cancer", True),
        ("cancer, surgery", "cancer", True),
        ("cancer, er=positive", "cancer, er=positive", True),
        ("cancer, er=positive", "cancer", False),
        ("all", "cancer", False),
        ("surgery", "all", True),
        ("baseline_only", "all", False),
    ],
)
def test_an_absent_analysis_excuses_the_targets_of_its_own_variant_alone(
    subgroup: str, found: str, excused: bool
) -> None:
    one = target(analysis="cox_adjusted", subgroup=subgroup)
    if not excused:
        with pytest.raises(InputError, match="join to no estimate"):
            compare([one], [], [absent(found)], labelled())
        return
    row = compare([one], [], [absent(found)], labelled()).row(0, named=True)
    assert (row["verdict"], row["note"]) == ("not_comparable", f"why {found} is absent")


def test_what_a_source_refuses_excuses_every_variant() -> None:
    one = target(analysis="cox_adjusted", subgroup="er=positive")
    row = compare([one], [], [absent("all", "refused")], labelled()).row(0, named=True)
    assert row["verdict"] == "not_comparable"


def test_a_target_of_a_fallback_waits_for_a_source_that_needs_it() -> None:
    fallback = Fallback(instead_of=("landmark",), use=("fine_gray",), words="w")
    study = STUDY.model_copy(update={"fallbacks": (fallback,), "analyses": ("cox_adjusted",)})
    row = compare([target(analysis="fine_gray")], [], [], study).row(0, named=True)
    assert row["verdict"] == "not_comparable"
    assert "only where a source refuses" in row["note"]


@pytest.mark.parametrize(
    ("measure", "near", "far"),
    [
        ("survival_probability", 0.569, 0.58),
        ("cumulative_incidence", 0.551, 0.54),
        ("rmst_difference_months", 1.5, 1.7),
        ("percent", 1.5, 1.7),
    ],
)
def test_each_measure_has_its_tolerance(measure: str, near: float, far: float) -> None:
    key = (*SURGERY[:4], measure)
    one = target(measure=measure, published=0.56, tolerance=None)
    assert verdict(one, estimate(near, key)) == "match"
    assert verdict(one, estimate(far, key)) == "differs"


def test_a_difference_is_above_or_below_zero() -> None:
    key = (*SURGERY[:4], "survival_difference")
    one = target(measure="survival_difference", published=None, direction="above", tolerance=None)
    assert verdict(one, estimate(0.02, key)) == "match"
    assert verdict(one, estimate(-0.02, key)) == "differs"


def test_targets_of_analyses_that_are_not_asked_for_are_told_before_anything_runs() -> None:
    wrong = [target(target="a", analysis="weighted_cox"), target(target="b", analysis="cox_ajusted")]
    told_of = target(target="c", analysis="landmark_6", comparable="no")
    with pytest.raises(InputError, match=r"2 published target\(s\).*a \(.*weighted_cox.*b \(.*cox_ajusted"):
        require_analyses([*wrong, target(), told_of], STUDY)
    require_analyses([target(), told_of], STUDY)


def test_targets_from_a_spreadsheet_are_read_or_its_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    row = {field: str(value or "") for field, value in target(note="2010–2012").model_dump().items()}
    text = "\n".join([",".join(row), ",".join(row.values())])
    path.write_text(text, encoding="utf-8-sig")
    assert load_targets(path)[0].note == "2010–2012"
    path.write_text(text, encoding="cp1252")
    with pytest.raises(InputError, match="not UTF-8"):
        load_targets(path)


def test_targets_without_their_header_are_one_mistake_and_no_cell_is_told(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    row = {field: str(value or "") for field, value in target().model_dump().items()}
    path.write_text("\n".join([",".join(row.values())] * 3), encoding="utf-8")
    with pytest.raises(
        InputError, match="header of the targets is not theirs \\(missing: 'target', 'analysis'"
    ):
        load_targets(path)
    path.write_text("\n".join([",".join([*row, "notes", "note"]), ",".join(row.values())]), encoding="utf-8")
    with pytest.raises(InputError, match="unknown: 'notes'; twice: 'note'\\)"):
        load_targets(path)


def test_a_row_with_more_cells_than_the_header_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    row = {field: str(value or "") for field, value in target().model_dump().items()}
    path.write_text("\n".join([",".join(row), ",".join([*row.values(), " and more"])]), encoding="utf-8")
    with pytest.raises(InputError, match="line 2: more cells than the header"):
        load_targets(path)
