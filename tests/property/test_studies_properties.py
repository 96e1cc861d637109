"""What must hold of every comparison and every analysis set, whatever the numbers and the order of the rows."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.studies.analysis_set import apply_outcome
from pipelines.studies.compare import RATIOS, Target, difference, verdict
from pipelines.studies.language import Outcome
from pipelines.studies.results import Estimate

ratios = st.floats(min_value=0.05, max_value=20)
widths = st.floats(min_value=0.02, max_value=1.5)
levels = st.sampled_from([0.9, 0.95, 0.99])
times = st.one_of(st.none(), st.integers(min_value=0, max_value=40).map(float))
people = st.lists(st.tuples(times, st.one_of(st.none(), st.booleans()), times), min_size=1, max_size=25)
policies = st.sampled_from(["keep_as_half_month", "drop", "keep"])


def target(**settings: Any) -> Target:
    base = {
        "target": "t", "analysis": "a", "subgroup": "all", "term": "x", "contrast": "b vs c", "measure": "hr",
        "published": 1.0, "ci_low": None, "ci_high": None, "ci_level": None, "orientation": "as_printed",
        "direction": "", "verification": "abstract", "tolerance": None, "comparable": "yes", "source": "s",
        "note": "",
    }  # fmt: skip
    return Target.model_validate(base | settings)


def printed(value: float, width: float, level: float, **settings: Any) -> Target:
    low, high = value * math.exp(-width), value * math.exp(width)
    return target(published=value, ci_low=low, ci_high=high, ci_level=level, **settings)


def estimate(value: float, measure: str = "hr") -> Estimate:
    return Estimate("a", "all", "x", "b vs c", measure, value)


@given(ratios, widths, levels, levels)
def test_turning_a_ratio_is_the_same_as_printing_it_the_other_way(
    value: float, width: float, level: float, ours: float
) -> None:
    turned = printed(value, width, level, orientation="inverted").harmonised(ours)
    direct = printed(1 / value, width, level).harmonised(ours)
    assert turned == pytest.approx(direct)


@given(ratios, widths, levels, levels)
def test_an_interval_keeps_its_middle_and_widens_with_the_level(
    value: float, width: float, level: float, ours: float
) -> None:
    _, low, high = printed(value, width, level).harmonised(ours)
    assert low is not None
    assert high is not None
    assert math.sqrt(low * high) == pytest.approx(value)
    assert (math.log(high / low) > 2 * width + 1e-9) == (ours > level)


@given(ratios, widths, levels, st.sampled_from([2, 3]))
def test_an_interval_that_is_symmetric_but_for_its_rounding_is_no_misprint(
    value: float, width: float, level: float, digits: int
) -> None:
    low, high = round(value * math.exp(-width), digits), round(value * math.exp(width), digits)
    assume(0 < low < round(value, digits) < high)
    one = target(published=round(value, digits), ci_low=low, ci_high=high, ci_level=level)
    assert one.misprint == ""


@given(ratios, ratios)
def test_ours_against_theirs_is_theirs_against_ours_turned(ours: float, theirs: float) -> None:
    there, back = difference(ours, theirs, "hr"), difference(theirs, ours, "hr")
    assert there is not None
    assert there == pytest.approx(-(back or 0.0))
    assert verdict(target(published=theirs), estimate(ours), there) == verdict(
        target(published=ours), estimate(theirs), back
    )


@given(ratios, st.sampled_from([*RATIOS, "survival_difference", "rmst_difference_months"]))
def test_a_direction_is_met_on_one_side_alone(value: float, measure: str) -> None:
    assume(abs(value - 1) > 1e-9)
    ours = value if measure in RATIOS else value - 1
    met = [
        verdict(target(published=None, direction=side, measure=measure), estimate(ours, measure), None)
        == "match"
        for side in ("above", "below")
    ]
    assert met == [value > 1, value < 1]


@given(people, policies, st.sampled_from([0.0, 6.0]), st.randoms(use_true_random=False))
def test_everybody_is_in_the_analysis_or_counted_out_whatever_the_order(
    rows: list[tuple[float | None, bool | None, float | None]], policy: str, start: float, random: Any
) -> None:
    """And who is in it has been at risk, and has an outcome."""
    schema = {"time": pl.Float64, "event": pl.Boolean, "entry": pl.Float64}
    outcome = Outcome.model_validate(
        {"kind": "overall", "words": "w", "zero_months": policy, "start_months": start, "entry": "entry"}
    )
    frame, findings = apply_outcome(pl.DataFrame(rows, schema=schema, orient="row"), outcome)
    out = sum(one.value or 0 for one in findings if one.message.startswith("left out"))
    assert frame.height + out == len(rows)
    assert frame.select("time", "event", "entry").null_count().sum_horizontal()[0] == 0
    assert (frame["time"] >= frame["entry"]).all()
    shuffled = list(rows)
    random.shuffle(shuffled)
    again, told = apply_outcome(pl.DataFrame(shuffled, schema=schema, orient="row"), outcome)
    assert told == findings
    assert sorted(again.rows()) == sorted(frame.rows())
