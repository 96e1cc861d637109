"""What is shown gives no small count away, not even by a subtraction."""

import itertools

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.disclosure import (
    attrition_texts,
    format_count,
    gives_away,
    hidden_levels,
    hide,
    hide_attrition,
    hide_levels,
    hide_parts,
    join_small,
    part_texts,
    records_in,
    shares_of_few,
    step_mask,
    told_apart,
)

MIN = 11
counts = st.integers(min_value=0, max_value=40)


def test_a_single_count() -> None:
    assert [hide(count, MIN) for count in (0, 1, 10, 11, None)] == [0, None, None, 11, None]
    assert [format_count(count, MIN) for count in (0, 10, 1234, None)] == ["0", "<11", "1,234", "–"]


def test_a_percentage_of_a_shown_total_is_a_count() -> None:
    """5 of 200 are 2.5 %, and 195 of 200 leave the same 5."""
    assert gives_away("percent", 2.5, 200, MIN)
    assert gives_away("percent", 97.5, 200, MIN)
    assert gives_away("n", 195.0, 200, MIN)
    assert gives_away("n", 5.0, None, MIN)
    assert not gives_away("percent", 10.0, 200, MIN)
    assert not gives_away("percent", 0.0, 200, MIN)
    assert not gives_away("n", 200.0, 200, MIN)
    assert not gives_away("hr", 0.5, 8, MIN)
    assert not gives_away("percent", None, 200, MIN)


def test_a_lone_small_part_takes_its_smallest_neighbour_with_it() -> None:
    assert hide_parts([50, 3, 20, 0], MIN) == [50, None, None, 0]
    assert hide_parts([50, 3, 20, 9], MIN) == [50, None, 20, None]
    assert hide_parts([50, 20, 0], MIN) == [50, 20, 0]
    assert part_texts([5000, 3, 20, 0], MIN) == ["5,000", "<11", "hidden", "0"]


def test_records_in_are_hidden_where_few_were_kept_or_quarantined() -> None:
    assert [records_in(100, aside, MIN) for aside in (0, 4, 20)] == [100, None, 120]
    assert records_in(4, 0, MIN) is None


@given(st.lists(counts, min_size=1, max_size=8))
def test_hidden_parts_cannot_be_had_from_the_total(parts: list[int]) -> None:
    shown = hide_parts(parts, MIN)
    hidden = [part for part, seen in zip(parts, shown, strict=True) if seen is None]
    assert all(seen is None or seen == part for part, seen in zip(parts, shown, strict=True))
    assert all(seen == 0 or seen >= MIN for seen in shown if seen is not None)
    everything_hidden = len(hidden) == sum(part > 0 for part in parts)
    assert not hidden or everything_hidden or (len(hidden) >= 2 and sum(hidden) >= MIN)


@given(st.lists(st.lists(counts, min_size=3, max_size=3), min_size=1, max_size=5))
def test_hidden_levels_are_two_and_in_no_arm_few_together_where_others_are_shown(
    table: list[list[int]],
) -> None:
    gone = hide_levels(table, MIN)
    hidden = [row for row, away in zip(table, gone, strict=True) if away]
    shown = [row for row, away in zip(table, gone, strict=True) if not away]
    assert all(count == 0 or count >= MIN for row in shown for count in row)
    if hidden and any(any(row) for row in shown):
        assert len(hidden) >= 2
        assert all(sum(column) == 0 or sum(column) >= MIN for column in zip(*hidden, strict=True))


def test_two_small_levels_of_an_arm_that_sum_to_few_take_a_third_with_them() -> None:
    """3 and 4 are the 7 that an arm of 107 has beside 100."""
    assert hide_levels([[100, 200], [3, 50], [4, 60]], MIN) == [True, True, True]
    assert hide_levels([[100, 200], [30, 50], [3, 40], [4, 60]], MIN) == [False, True, True, True]
    assert hide_levels([[100, 200], [30, 50]], MIN) == [False, False]


def of_levels(analysis: str, term: str, measure: str, counts: dict[str, int]) -> list[dict[str, object]]:
    """Estimates of the levels of a covariate, and how many there are in all."""
    total = sum(counts.values())
    shown = {name: 100 * n / total if measure == "percent" else n for name, n in counts.items()}
    of_level = {"analysis": analysis, "term": term, "contrast": "", "measure": measure}
    return [
        {
            **of_level,
            "subgroup": f"{term}={name}",
            "estimate": float(value),
            "n": total if measure == "percent" else value,
        }
        for name, value in shown.items()
    ]


def test_two_levels_that_are_shown_do_not_tell_a_third_that_is_few() -> None:
    rows = of_levels("group_survival", "er", "percent", {"positive": 700, "negative": 295, "other": 5})
    assert hidden_levels(pl.DataFrame(rows), MIN) == {("er", "negative"), ("er", "other")}


def test_levels_do_not_tell_how_few_are_in_none_of_them() -> None:
    """700 and 295 of 1,000: of five it is unknown."""
    rows = of_levels("group_survival", "er", "n", {"positive": 700, "negative": 295})
    everybody = {**rows[0], "subgroup": "all", "term": "", "estimate": 1000.0, "n": 1000}
    assert hidden_levels(pl.DataFrame(rows), MIN) == set()
    assert hidden_levels(pl.DataFrame([*rows, everybody]), MIN) == {("er", "negative")}


def test_an_arm_that_is_few_is_not_told_by_the_others() -> None:
    counts = {"": 1000, "surgery": 900, "biopsy": 95, "none": 5}
    rows = [
        {"analysis": "table_one", "subgroup": "all", "term": "surgery" if arm else "", "contrast": arm, "measure": "n",
         "estimate": float(n), "n": 1000}
        for arm, n in counts.items()
    ]  # fmt: skip
    assert hidden_levels(pl.DataFrame(rows), MIN) == {("surgery", "biopsy"), ("surgery", "none")}


@given(st.lists(counts, max_size=12))
def test_no_joined_bin_is_small_and_nobody_is_lost_where_there_are_many(bins: list[int]) -> None:
    joined = join_small(bins, MIN)
    sums = [sum(bins[position] for position in one) for one in joined]
    assert all(count >= MIN for count in sums)
    assert sum(sums) == (sum(bins) if sum(bins) >= MIN else 0)
    together = [position for one in joined for position in one]
    assert together == sorted(set(together))


def test_empty_bins_at_the_sides_stay_empty_and_the_last_few_go_to_those_before() -> None:
    assert join_small([0, 20, 0, 3, 0], MIN) == [range(1, 4)]
    assert join_small([4, 5, 6, 20], MIN) == [range(3), range(3, 4)]
    assert join_small([4, 5], MIN) == []


def test_a_small_step_hides_the_total_after_it() -> None:
    assert step_mask([[100, 97, 60, 60, 40]], MIN) == [False, True, False, False, False]


def test_the_last_small_step_reaches_back() -> None:
    assert step_mask([[100, 60, 58]], MIN) == [False, True, False]


def test_what_left_at_hidden_steps_is_told_with_the_next_total_that_is_shown() -> None:
    assert attrition_texts([100, 97, 60, 60, 40], [100, None, 60, 60, 40], MIN) == [
        ("", "100"),
        ("hidden", "hidden"),
        ("40 in steps 1 to 2", "60"),
        ("0", "60"),
        ("20", "40"),
    ]
    assert attrition_texts([100, 60], [None, 60], MIN) == [("", "hidden"), ("hidden", "60")]
    assert attrition_texts([5], [None], MIN) == [("", "<11")]


@settings(max_examples=300)
@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=8))
def test_no_two_shown_totals_differ_by_a_small_count(steps: list[tuple[int, int]]) -> None:
    """For arms side by side: neither a shown total, nor a difference of shown totals, nor a step is small."""
    series = [
        list(itertools.accumulate([step[arm] for step in reversed(steps)], initial=0))[::-1] for arm in (0, 1)
    ]
    hidden = step_mask(series, MIN)
    for one in series:
        shown = [total for total, masked in zip(one, hidden, strict=True) if not masked]
        differences = [before - after for before, after in itertools.combinations(shown, 2)]
        assert not [value for value in (*shown, *differences) if 0 < value < MIN]


def lines(exposed: list[int], reference: list[int]) -> pl.DataFrame:
    """Attrition with two arms, from what is left after each line."""
    frame = pl.DataFrame({"n_after_exposed": exposed, "n_after_reference": reference})
    frame = frame.with_columns(n_after=pl.col("n_after_exposed") + pl.col("n_after_reference"))
    for arm in ("", "_exposed", "_reference"):
        after = pl.col(f"n_after{arm}")
        frame = frame.with_columns(after.shift(1).fill_null(after).alias(f"n_before{arm}"))
        frame = frame.with_columns((pl.col(f"n_before{arm}") - after).alias(f"n_excluded{arm}"))
    return frame


def test_a_small_step_in_one_arm_hides_both_arms_and_leaves_the_total() -> None:
    shown = hide_attrition(lines([50, 48, 28], [50, 32, 22]), MIN)
    assert shown["n_after"].to_list() == [100, 80, 50]
    assert shown["n_excluded"].to_list() == [0, 20, 30]
    for arm in ("exposed", "reference"):
        assert shown[f"n_excluded_{arm}"].to_list() == [0, None, None]
        assert shown[f"n_after_{arm}"][1] is None
    assert shown["n_after_exposed"].to_list() == [50, None, 28]


def test_the_flow_ends_before_a_total_of_which_few_are_not_analysed() -> None:
    """Of 1,000 in the cohort 996 are analysed, which a study shows; 500 and 496 of one arm."""
    flow = lines([800, 500], [700, 500])
    shown = hide_attrition(flow, MIN, [{"n_after": 996, "n_after_exposed": 496}])
    assert shown["n_after"].to_list() == [1500, None]
    assert shown["n_after_exposed"].to_list() == [800, None]
    assert shown["n_excluded"].to_list()[1] is None
    of_one_arm = hide_attrition(
        flow, MIN, [{"n_after": 985, "n_after_exposed": 497, "n_after_reference": 488}]
    )
    assert of_one_arm["n_after"].to_list() == [1500, 1000]
    assert of_one_arm["n_after_exposed"].to_list() == [800, None]
    few_last = lines([800, 505, 500], [700, 500, 500])
    for alone in (flow, few_last):
        assert hide_attrition(alone, MIN, [{"n_after": 1000}]).equals(hide_attrition(alone, MIN))


@settings(max_examples=200)
@given(
    st.lists(st.tuples(counts, counts), min_size=1, max_size=6),
    st.lists(st.tuples(counts, counts), max_size=3),
)
def test_no_shown_total_of_a_flow_differs_by_few_from_what_is_analysed(
    steps: list[tuple[int, int]], gone: list[tuple[int, int]]
) -> None:
    names = ("n_after", "n_after_exposed", "n_after_reference")
    left = [
        list(itertools.accumulate([50 + step[arm] for step in reversed(steps)], initial=100))[::-1]
        for arm in (0, 1)
    ]
    ends = [(100 - away[0], 100 - away[1]) for away in gone]
    analysed = [dict(zip(names, (sum(end), *end), strict=True)) for end in ends]
    shown = hide_attrition(lines(*left), MIN, analysed)
    for name in names:
        for end in analysed:
            assert not [n for n in shown[name].drop_nulls() if 0 < abs(n - end[name]) < MIN]


def test_reasons_of_an_exclusion_go_where_one_is_small() -> None:
    reasons = pl.DataFrame({"n_excluded_not_met": [0, 17, 30], "n_excluded_unknown": [0, 3, 0]})
    frame = pl.concat([lines([50, 40, 20], [50, 40, 30]), reasons], how="horizontal")
    shown = hide_attrition(frame, MIN)
    assert shown["n_excluded"].to_list() == [0, 20, 30]
    assert shown["n_excluded_not_met"].to_list() == [0, None, 30]
    assert shown["n_excluded_unknown"].to_list() == [0, None, 0]


@settings(max_examples=200)
@given(st.lists(st.tuples(counts, counts), min_size=2, max_size=8))
def test_arms_are_never_shown_where_their_total_is_hidden(steps: list[tuple[int, int]]) -> None:
    left = [
        list(itertools.accumulate([step[arm] for step in reversed(steps)], initial=0))[::-1] for arm in (0, 1)
    ]
    shown = hide_attrition(lines(*left), MIN)
    for name in ("n_before", "n_excluded", "n_after"):
        hidden = shown.filter(pl.col(name).is_null())
        assert hidden[f"{name}_exposed"].null_count() == hidden.height
        assert hidden[f"{name}_reference"].null_count() == hidden.height
        for arm in ("", "_exposed", "_reference"):
            assert not [value for value in shown[f"{name}{arm}"].drop_nulls() if 0 < value < MIN]


def share(subgroup: str, events: int, n: int, analysis: str = "share_bleeding") -> dict[str, object]:
    value, measure = (6.8, "or") if analysis.startswith("crude") else (100 * events / n, "percent")
    return {
        "analysis": analysis,
        "subgroup": subgroup,
        "term": "operation",
        "measure": measure,
        "estimate": value,
        "n": n,
    }


def test_a_small_share_takes_those_with_it_that_give_it_back() -> None:
    """5 of 61 and 10 of 743 are hidden; 15 of 804 with an odds ratio of 6.8 are nobody else."""
    rows = [
        share("late", 5, 61),
        share("early", 10, 743),
        share("all", 15, 804),
        share("all", 15, 804, "crude_bleeding"),
        share("all", 300, 804, "share_pain"),
        share("er=positive, late", 40, 100),
        share("er=negative, late", 3, 100),
        share("year=2004", 3, 100, "share_by_year"),
    ]
    few = shares_of_few(pl.DataFrame(rows), ["bleeding", "pain"], ["late", "early"], MIN)
    assert few == [True, True, True, True, False, True, True, False]
    many = shares_of_few(pl.DataFrame(rows[4:6]), ["bleeding", "pain"], ["late", "early"], MIN)
    assert many == [False, False]


@given(st.lists(st.integers(0, 60), min_size=1), st.integers(2, 12))
def test_numbers_of_people_side_by_side_differ_by_many_or_not_at_all(counts: list[int], few: int) -> None:
    shown = told_apart(counts, few)
    assert shown <= set(counts)
    assert all(abs(one - other) >= few for one, other in itertools.combinations(sorted(shown), 2))
    assert max(counts) in shown or 0 < max(counts) < few
