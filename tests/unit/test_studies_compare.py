"""Published beside estimated: orientation, confidence level, verdicts, and targets that join to nothing."""

import math
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.studies import load_study
from pipelines.studies.compare import Target, compare, load_targets
from pipelines.studies.results import Estimate, Finding

STUDY = load_study("mudgway2020", Settings().catalog_dir)
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


def test_a_direction_alone_is_judged_by_its_side() -> None:
    one = target(published=None, direction="above")
    assert verdict(one, estimate(1.2)) == "match"
    assert verdict(one, estimate(0.8)) == "differs"


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
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_targets(path)
    said = str(error.value)
    assert "line 2: row: Value error, an interval without its ci_level" in said
    assert "line 3: orientation" in said
    assert "target t is there twice" in said
