"""Curves, rank tests and life tables: small cases worked out by hand, and made-up data whose truth is known."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.stats import errors
from pipelines.stats.kaplan_meier import completeness_of_follow_up, kaplan_meier
from pipelines.stats.kaplan_meier.comparisons import pairwise_logrank
from pipelines.stats.kaplan_meier.conditional import conditional_survival, landmark_survival
from pipelines.stats.kaplan_meier.life_table import life_table
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.kaplan_meier.restricted_mean import restricted_mean_survival
from pipelines.stats.kaplan_meier.truncation import quasi_independence_test
from pipelines.stats.relative_survival import population_table, read_population_table, relative_survival
from pipelines.stats.relative_survival.expected import match_population
from pipelines.stats.relative_survival.life_table import relative_life_table
from pipelines.stats.relative_survival.population import DAYS_PER_YEAR
from pipelines.stats.relative_survival.standardise import ICSS, age_classes, standardised_survival


def test_one_early_death_among_few_pulls_the_curve_down_unless_it_begins_late() -> None:
    """At 2 the only one at risk dies; later five are under observation and one of them dies at 10."""
    time, event, entry = [2, 10, 12, 12, 12, 12], [1, 1, 0, 0, 0, 0], [0, 3, 3, 3, 3, 3]
    early = kaplan_meier(time, event, entry=entry).curves[0]
    assert early.survival_at([11]) == [0]
    assert "5 people enter later" in early.warnings[0]
    late = kaplan_meier(time, event, entry=entry, minimum_at_risk=3).curves[0]
    assert (late.start, late.n, late.survival_at([11])[0]) == (2, 5, pytest.approx(0.8))
    assert "begins at 2" in late.warnings[0]
    assert late.restricted_mean(12)[0] == pytest.approx(8 + 2 * 0.8)
    assert late.at([1, 5])["survival"].to_list() == [None, 1.0]


def test_a_minimum_that_is_always_there_changes_nothing() -> None:
    given = {"time": [5, 6, 7, 8], "event": [1, 1, 0, 1], "entry": [0, 0, 1, 1]}
    plain, asked = kaplan_meier(**given).curves[0], kaplan_meier(**given, minimum_at_risk=2).curves[0]
    assert asked.start == 0
    assert asked.survival.tolist() == plain.survival.tolist()


def test_weights_that_are_no_counts_make_the_variance_robust() -> None:
    time, event = [1, 2, 3, 4], [1, 1, 0, 1]
    assert kaplan_meier(time, event, weights=[1, 2, 1, 3]).curves[0].robust is False
    assert kaplan_meier(time, event, weights=[1, 2, 1, 0.5]).curves[0].robust is True


def test_survival_beyond_follow_up_is_not_known() -> None:
    open_end = kaplan_meier([1, 2, 3], [1, 0, 0]).at([0, 1, 9])
    assert open_end["survival"].to_list() == [1, pytest.approx(2 / 3), None]
    assert open_end["events_so_far"].to_list() == [0, 1, 1]
    assert kaplan_meier([1, 2], [1, 1]).at([9])["survival"].to_list() == [0]


def test_completeness_of_a_hundred_people_over_three_years() -> None:
    """Deaths 10, 5, 5 and 40 losses in the first year, all in the middle of a year; 40 stay to the end."""
    time = np.repeat([0.5, 1.5, 2.5, 0.5, 3.0], [10, 5, 5, 40, 40])
    event = np.repeat([1, 1, 1, 0, 0], [10, 5, 5, 40, 40])
    found = completeness_of_follow_up(time, event, np.full(100, 3.0))
    observed = 5 + 7.5 + 12.5 + 20 + 120
    assert found.clark_c == pytest.approx(observed / (observed + 40 * 2.5))
    assert found.simplified_person_time == pytest.approx((60 + 20 + 120) / 300)
    rate = 20 / observed
    expected = 40 * (1 - np.exp(-rate * 2.5)) / rate
    assert found.person_time == pytest.approx(observed / (observed + expected))
    assert (found.percentage, found.lost) == (pytest.approx(0.6), 40)
    assert found.clark_c < found.person_time < 1
    assert found.to_frame().height == 1


def test_nobody_lost_is_complete() -> None:
    found = completeness_of_follow_up([1, 5, 5], [1, 0, 0], [5, 5, 5])
    assert (found.clark_c, found.person_time, found.simplified_person_time) == (1, 1, 1)


def test_landmark_counts_those_beyond_it_from_there() -> None:
    """Of six, two leave by 2; of four one dies at 3, one is censored at 4, one dies at 5."""
    curve = landmark_survival([1, 2, 3, 4, 5, 9], [1, 0, 1, 0, 1, 0], 2).curves[0]
    assert (curve.n, curve.time.tolist()) == (4, [1, 2, 3, 7])
    assert curve.survival.tolist() == pytest.approx([3 / 4, 3 / 4, 3 / 8, 3 / 8])
    whole = kaplan_meier([1, 2, 3, 4, 5, 9], [1, 0, 1, 0, 1, 0]).curves[0]
    ahead = conditional_survival([1, 2, 3, 4, 5, 9], [1, 0, 1, 0, 1, 0], given=[2], ahead=[3]).to_frame()
    assert ahead["survival"][0] == pytest.approx(whole.survival_at([5])[0] / whole.survival_at([2])[0])
    assert ahead["n_given"][0] == 4


def test_a_rounding_error_beyond_the_landmark_is_not_beyond_it() -> None:
    """Three times 0.1 is a little above 0.3; who leaves there has not lived past it."""
    time, event = [0.1 * 3, 1, 2], [1, 1, 0]
    assert time[0] > 0.3
    curve = landmark_survival(time, event, 0.3).curves[0]
    assert (curve.n, curve.events, curve.survival.tolist()) == (2, 1, [0.5, 0.5])
    ahead = conditional_survival(time, event, given=[0.3], ahead=[0.1]).to_frame()
    assert (ahead["n_given"][0], ahead["survival"][0]) == (2, 1.0)
    tenths = range(1, 20)
    for lived in tenths:
        times = [(lived + more) / 10 for more in tenths]
        read = conditional_survival(
            times, np.ones(len(times)), given=[lived / 10], ahead=[more / 10 for more in tenths]
        )
        dead = np.arange(1, len(times) + 1) / len(times)
        assert read.table["survival"].to_list() == pytest.approx((1 - dead).tolist())
        assert read.table["n_risk"].to_list() == list(range(len(times), 0, -1))
    late = landmark_survival([1, 1.5, 2], [1, 1, 1], 0.3, entry=[0.1 * 3, 0, 0]).curves[0]
    assert late.n_risk.tolist() == [3, 2, 1]
    assert late.n_at_risk([1e-9]) == 3


def test_restricted_means_and_their_contrasts_by_hand() -> None:
    """Lived by 4: 1, 2, 4, 4 against 3, 4, 4, 4."""
    found = restricted_mean_survival(
        [1, 2, 5, 5, 3, 5, 5, 5], [1, 1, 0, 0, 1, 0, 0, 0], 4, group=[0] * 4 + [1] * 4
    )
    assert [m.mean for m in found.means] == [2.75, 3.75]
    assert (found.difference.estimate, found.difference.estimand) == (1.0, "ATE")
    assert found.ratio.estimate == pytest.approx(3.75 / 2.75)
    assert found.lost_ratio.estimate == pytest.approx(0.25 / 1.25)
    assert "without adjustment" in found.difference.notes[0]
    assert found.to_frame()["time_lost"].to_list() == [1.25, 0.25]
    three = restricted_mean_survival([1, 2, 3], [1, 1, 1], 3, group=["a", "b", "c"])
    assert (three.difference, three.lost_ratio) == (None, None)


def test_pairs_of_people_correlate_the_arms_of_a_contrast() -> None:
    rng = np.random.default_rng(1)
    frailty = np.tile(rng.exponential(1, 300), 2)
    time, arm, pair = rng.exponential(10 / frailty), np.repeat([0, 1], 300), np.tile(np.arange(300), 2)
    apart = restricted_mean_survival(time, np.ones(600), 5, group=arm).difference
    paired = restricted_mean_survival(time, np.ones(600), 5, group=arm, cluster=pair).difference
    assert paired.estimate == pytest.approx(apart.estimate)
    assert paired.std_err < apart.std_err


def test_clusters_are_no_adjustment_and_the_estimand_says_on_what_it_rests() -> None:
    time, event, arm = [1, 2, 5, 3, 5, 5], [1, 1, 0, 1, 0, 0], [0, 0, 0, 1, 1, 1]
    plain = restricted_mean_survival(time, event, 4, group=arm, estimand="ATT").difference
    paired = restricted_mean_survival(time, event, 4, group=arm, cluster=[0, 1, 2] * 2).difference
    weighted = restricted_mean_survival(time, event, 4, group=arm, weights=[1, 2, 1, 1, 1, 2]).difference
    assert "ATT only if the design" in plain.notes[0]
    assert "without adjustment" in paired.notes[0]
    assert weighted.notes == ()


def test_an_arm_that_dies_at_once_has_a_difference_but_no_ratio_of_means() -> None:
    found = restricted_mean_survival([0, 0, 0, 1, 2, 3], [1, 1, 1, 1, 1, 0], 2.0, group=[0, 0, 0, 1, 1, 1])
    assert [m.mean for m in found.means] == [0, pytest.approx(5 / 3)]
    assert found.ratio is None
    assert found.difference.estimate == pytest.approx(5 / 3)
    assert found.lost_ratio.estimate == pytest.approx(1 / 6)


def test_every_two_of_three_groups() -> None:
    rng = np.random.default_rng(2)
    time, group = rng.exponential(np.repeat([5, 5, 15], 60)), np.repeat(["a", "b", "c"], 60)
    found = pairwise_logrank(time, np.ones(180), group)
    frame = found.to_frame()
    assert frame.select("group_1", "group_2").rows() == [("a", "b"), ("a", "c"), ("b", "c")]
    alone = logrank(time[:120], np.ones(120), group[:120])
    assert frame["p_value"][0] == alone.p_value
    assert (frame["p_holm"] >= frame["p_value"]).all()


def test_life_table_by_hand_in_years_and_months() -> None:
    """Ten people: in the first year 2 die and 2 are lost, in the second 3 of 6 die."""
    months, event = [3, 11, 5, 6, 12, 13, 23, 24, 30, 30], [1, 1, 0, 0, 1, 1, 1, 0, 0, 0]
    table = life_table(months, event, intervals=2)[0]
    assert table.interval == ("<1 yr", "1-<2 yr")
    assert table.effective_at_risk.tolist() == [9, 6]
    assert table.observed_cumulative.tolist() == pytest.approx([7 / 9, 7 / 18])
    error = 7 / 18 * np.sqrt(2 / (9 * 7) + 3 / (6 * 3))
    assert table.observed_cumulative_se[1] == pytest.approx(error)
    whole = life_table(months, event, intervals=2, method="kaplan-meier")[0]
    assert whole.observed_interval.tolist() == pytest.approx([8 / 10, 1 / 2])
    assert life_table(months, event, months_per_interval=6)[0].interval[:2] == ("<6 mo", "6-<12 mo")
    frame = life_table(months, event, group=["x"] * 5 + ["y"] * 5)[1].to_frame()
    assert frame["group"].unique().to_list() == ["y"]


def rows(hazard_of: object) -> pl.DataFrame:
    """A table for ages 0 to 109, years 2000 to 2029, both sexes, from a function of age, year and sex."""
    grid = [(age, year, sex) for age in range(110) for year in range(2000, 2030) for sex in ("f", "m")]
    return pl.DataFrame(
        [{"age": a, "year": y, "sex": s, "hazard_per_year": hazard_of(a, y, s)} for a, y, s in grid]
    )


def test_expected_hazard_changes_on_birthdays_and_new_year() -> None:
    """Aged 60.5 on the 1st of July 2005: half a year to 61, and to the 1st of January 184 days."""
    table = population_table(rows(lambda a, y, s: a / 1e4 + (y - 2000) / 1e3))
    day = np.array(["2005-07-01"], dtype="datetime64[D]")
    person = match_population(table, np.array([365.0]), [60.5], day, {"sex": ["f"]}, "refuse")
    found = person.cumulative_hazard(slice(None), 0.0, 365.0)[0] * DAYS_PER_YEAR
    half = DAYS_PER_YEAR / 2
    by_age = half * 60e-4 + (365 - half) * 61e-4
    by_year = 184 * 5e-3 + (365 - 184) * 6e-3
    assert found == pytest.approx(by_age + by_year)


def test_a_population_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    table = population_table(rows(lambda a, y, s: 0.001 * (1 + a) + (s == "m") * 0.002))
    table.to_frame().sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "table.csv")
    again = read_population_table(tmp_path / "table.csv")
    assert (again.first_age, again.first_year, again.last_year) == (0, 2000, 2029)
    assert (again.factors, again.groups) == (("sex",), (("f",), ("m",)))
    np.testing.assert_allclose(again.hazard_per_year, table.hazard_per_year, rtol=1e-14)


def test_a_probability_of_death_is_a_hazard_over_its_year() -> None:
    frame = rows(lambda a, y, s: 0.2).rename({"hazard_per_year": "probability_of_death"})
    assert population_table(frame).hazard_per_year.ravel()[0] == pytest.approx(-np.log(0.8))


def test_beyond_the_table_its_last_year_goes_on_where_asked() -> None:
    table = population_table(rows(lambda a, y, s: 0.02 if y == 2029 else 0.01))
    fit = relative_survival(
        [5.0, 5.0], [0, 0], table, age=[50, 60], diagnosed=[2028.0, 2020.0], factors={"sex": ["f", "f"]},
        unit="years", method="ederer1", outside="nearest",
    ).curves[0]  # fmt: skip
    hazards = np.array([0.01 + 4 * 0.02, 5 * 0.01])
    assert fit.expected[-1] == pytest.approx(np.exp(-hazards).mean(), rel=1e-4)
    assert "1 people were followed outside" in fit.warnings[0]


def test_relative_life_table_of_a_constant_hazard() -> None:
    table = population_table(rows(lambda a, y, s: 0.05))
    months, event = np.array([3, 15, 30, 40, 50]), np.array([1, 0, 1, 0, 0])
    people = {"age": [50.0] * 5, "diagnosed": [2005.0] * 5, "factors": {"sex": ["m"] * 5}}
    for method in ("ederer1", "ederer2"):
        found = relative_life_table(months, event, table, method=method, **people)[0]
        np.testing.assert_allclose(found.expected_interval, np.exp(-0.05), rtol=1e-12)
        frame = found.to_frame()
        ratio = frame["observed_cumulative"] / frame["expected_cumulative"]
        np.testing.assert_allclose(frame["relative_cumulative"], ratio)
        assert frame["interval"].to_list()[0] == "<1 yr"


def test_standard_weights_sum_to_one_and_average_the_classes() -> None:
    assert all(sum(weights.values()) == pytest.approx(1) for weights in ICSS.values())
    assert age_classes([15, 44.9, 45, 74, 75, 99]).tolist() == [
        "15-44",
        "15-44",
        "45-54",
        "65-74",
        "75+",
        "75+",
    ]
    fit = kaplan_meier([1, 9, 1, 9, 9, 9], [1, 0, 1, 0, 0, 0], group=["a", "a", "b", "b", "b", "b"])
    found = standardised_survival(fit, [5], {"a": 3, "b": 1})
    assert found.survival[0] == pytest.approx(0.75 * 0.5 + 0.25 * 0.75)
    error = np.sqrt((0.75**2) * 0.125 + (0.25**2) * 0.75 * 0.25 / 4)
    assert found.std_err[0] == pytest.approx(error)
    assert found.lower[0] < found.survival[0] < found.upper[0]
    assert found.to_frame().height == 1


@pytest.mark.parametrize("unit", ["days", "months"])
def test_truth_net_survival_is_found_where_the_old_die_of_other_causes(unit: str) -> None:
    """Excess hazard .1 a year for those of 50 and .3 for those of 80, whom other causes take away as often."""
    table = population_table(rows(lambda a, y, s: 0.3 if a >= 75 else 0.005))
    rng = np.random.default_rng(5)
    n, per_year = 5000, {"days": 52.0, "months": 12.0}[unit]  # every week, or every month
    age = np.where(np.arange(n) % 2 == 0, 50.0, 80.0)
    excess, other = np.where(age == 80, 0.3, 0.1), np.where(age == 80, 0.3, 0.005)
    death = np.minimum(rng.exponential(1 / excess), rng.exponential(1 / other))
    end = rng.uniform(6, 12, n)
    time = np.ceil(np.minimum(death, end) * per_year) / per_year * DAYS_PER_YEAR
    time = np.round(time / (DAYS_PER_YEAR / 12)) if unit == "months" else time
    five_years = 60 if unit == "months" else 5 * DAYS_PER_YEAR
    truth = (np.exp(-0.3 * 5) + np.exp(-0.1 * 5)) / 2
    found = {}
    for method in ("pohar-perme", "ederer1"):
        fit = relative_survival(
            time, death <= end, table, age=age, diagnosed=np.full(n, 2005.0), factors={"sex": ["f"] * n},
            unit=unit, method=method, grouped=True,
        ).curves[0]  # fmt: skip
        found[method] = fit.at([five_years + 1e-6]).row(0, named=True)
    net = found["pohar-perme"]
    assert net["lower"] < truth < net["upper"]
    assert abs(found["ederer1"]["survival"] - truth) > 4 * net["std_err"]


def test_months_are_taken_as_intervals_and_days_as_moments() -> None:
    """Everybody dies as the population does, exactly: relative survival stays at one by whole months."""
    table = population_table(rows(lambda a, y, s: 1.2))
    alive = 10_000 * np.exp(-0.1 * np.arange(13))
    time = np.repeat(np.arange(1, 13), np.round(-np.diff(alive)).astype(int))
    time = np.concatenate([time, np.full(10_000 - len(time), 12)])
    event = np.arange(len(time)) < 10_000 - round(alive[-1])
    people = {"age": np.full(10_000, 50.0), "diagnosed": np.full(10_000, 2005.0)}
    given = {"factors": {"sex": ["f"] * 10_000}, "unit": "months", "method": "ederer2"}
    by_interval = relative_survival(time, event, table, **people, **given).curves[0]
    as_moments = relative_survival(time, event, table, **people, **given, grouped=False).curves[0]
    assert by_interval.survival[-1] == pytest.approx(1, abs=2e-3)
    assert as_moments.survival[-1] > 1.04


def test_truth_tsai_test_keeps_its_level_and_sees_dependence() -> None:
    rng = np.random.default_rng(6)

    def rejected(dependence: float) -> float:
        found = []
        for _ in range(150):
            entry, spread = rng.exponential(5, 600), rng.exponential(8, 600)
            death = spread * np.exp(dependence * (entry - 5) / 5)
            end = entry + rng.exponential(12, 600)
            seen = np.flatnonzero(death > entry)[:150]
            exit_, died = np.minimum(death, end)[seen], (death <= end)[seen]
            found.append(quasi_independence_test(exit_, died, entry[seen]).p_value < 0.05)
        return float(np.mean(found))

    assert 0.01 <= rejected(0.0) <= 0.10
    assert rejected(1.0) > 0.6


def test_truth_weights_take_confounding_out_of_the_logrank_test() -> None:
    """Two arms with one hazard: the sick are rarely operated, and inverse weights make up for it."""
    rng = np.random.default_rng(7)
    plain, weighted = [], []
    for _ in range(150):
        sick = rng.random(400) < 0.5
        share = np.where(sick, 0.25, 0.75)
        arm = rng.random(400) < share
        death, end = rng.exponential(np.where(sick, 5, 15)), rng.uniform(5, 20, 400)
        weights = np.where(arm, 1 / share, 1 / (1 - share))
        time, event = np.minimum(death, end), death <= end
        plain.append(logrank(time, event, arm).p_value < 0.05)
        weighted.append(logrank(time, event, arm, weights=weights).p_value < 0.05)
    assert np.mean(plain) > 0.9
    assert np.mean(weighted) <= 0.1


def test_truth_interval_of_a_restricted_mean_covers() -> None:
    rng = np.random.default_rng(8)
    truth = (1 - np.exp(-0.1 * 10)) / 0.1
    covered = []
    for _ in range(200):
        death, end = rng.exponential(10, 120), rng.uniform(11, 20, 120)
        mean = restricted_mean_survival(np.minimum(death, end), death <= end, 10).means[0]
        covered.append(mean.lower < truth < mean.upper)
    assert 0.91 <= np.mean(covered) <= 0.99


def test_more_people_than_a_cube_in_64_bits_has_room_for_are_tested_alike() -> None:
    """Of two entries and three months, counted together, against the same sums in floats."""
    n = 2_400_000
    number = np.arange(n)
    entry, time, event = (number % 2).astype(float), 2.0 + (number // 2) % 3, number % 7 < 3
    difference = variance = 0.0
    for month in (2, 3, 4):
        early, late = (float(np.count_nonzero((entry == k) & (time >= month))) for k in (0, 1))
        deaths = [np.count_nonzero((entry == k) & (time == month) & event) for k in (0, 1)]
        at_risk, dying = early + late, sum(deaths)
        difference += late * deaths[0] - early * deaths[1]
        apart = (early * late**2 + late * early**2) / at_risk
        variance += dying * (at_risk - dying) / (at_risk - 1) * apart
    found = quasi_independence_test(time, event, entry)
    assert found.statistic == pytest.approx(difference / np.sqrt(variance), rel=1e-9)


def test_times_that_are_missing_have_no_survival() -> None:
    curve = kaplan_meier([1, 2, 3], [1, 0, 1]).curves[0]
    for ask in (curve.survival_at, curve.n_at_risk):
        with pytest.raises(errors.NonFiniteError) as caught:
            ask([1, np.nan])
        assert (caught.value.field, caught.value.count) == ("times", 1)
    assert curve.survival_at([np.inf]) == curve.survival[-1]
