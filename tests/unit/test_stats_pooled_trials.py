"""Pooling the published trials, finding published figures that cannot be true, covering what it claims."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

from pipelines.stats.pooling import (
    StudyEstimate,
    check_studies,
    check_study,
    egger,
    find_overlaps,
    leave_one_out,
    meta_regression,
    overlaps_frame,
    pool,
    pool_studies,
    pool_subgroups,
    trim_and_fill,
)

EVIDENCE = Path(__file__).parents[2] / "catalog" / "evidence" / "trials.csv"
ONWARD, BACK = "exposed_vs_unexposed", "unexposed_vs_exposed"


def trials() -> dict[str, StudyEstimate]:
    """The trials of the evidence table as they are printed."""
    with EVIDENCE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["trial"]: StudyEstimate(
            row["name"],
            float(row["printed_hr"]),
            float(row["printed_ci_low"]),
            float(row["printed_ci_high"]),
            float(row["printed_ci_level"]),
            BACK if row["orientation"] == "inverted" else ONWARD,
            n=int(row["n_surgery"]) + int(row["n_control"]),
            n_exposed=int(row["n_surgery"]),
            design="randomised",
            effect_type="marginal",
        )
        for row in rows
    }


def failed(study: StudyEstimate) -> list[str]:
    return [check.check for check in check_study(study) if check.passed is False]


def test_printed_trials_turned_round_are_the_harmonised_column_of_the_evidence_table() -> None:
    with EVIDENCE.open(newline="") as file:
        for row in csv.DictReader(file):
            ours = trials()[row["trial"]].ratio(ONWARD, level=float(row["ci_level"]))
            # Where the paper prints 95 percent the table repeats its limits, rounded and not quite symmetric.
            expected = [float(row[name]) for name in ("hr", "ci_low", "ci_high")]
            np.testing.assert_allclose(ours, expected, atol=0.006)


def test_every_trial_passes_every_check_it_can_be_put_to() -> None:
    table = check_studies(list(trials().values()))
    assert len(table) == 3 * len(trials())
    assert table["passed"].to_list().count(False) == 0


def test_four_trials_give_the_published_pooled_ratio_only_with_the_inverted_one_turned() -> None:
    four = [trials()[name] for name in ("badwe2015", "mf0701", "ea2108", "abcsg28")]
    right = pool_studies(four, method="dersimonian_laird")
    as_printed = [*four[:3], replace(four[3], orientation=ONWARD)]
    wrong = pool_studies(as_printed, method="dersimonian_laird")
    assert right.effect.estimate == pytest.approx(0.97, abs=0.005)  # Reinhorn 2021 prints 0.97
    assert wrong.effect.estimate == pytest.approx(0.876, abs=0.0005)


def test_all_trials_pool_near_no_effect_with_a_prediction_that_says_little() -> None:
    found = pool_studies(list(trials().values()), method="dersimonian_laird")
    wald = found.interval("wald")
    assert np.exp([found.log_estimate, wald.low, wald.high]) == pytest.approx([0.931, 0.747, 1.161], abs=6e-4)
    assert found.i_squared == pytest.approx(55, abs=0.5)
    prediction = found.interval("prediction_t_k_minus_2")
    assert np.exp(prediction.low) < 0.5
    assert np.exp(prediction.high) > 1.8
    more = found.interval("prediction_t_k_minus_1")
    assert (more.std_err, more.df) == (prediction.std_err, 4)
    assert np.exp([more.low, more.high]).round(2).tolist() == [0.51, 1.69]
    assert (more.high - more.low) / (2 * more.std_err) == pytest.approx(2.776, abs=5e-4)  # the t of a table


def test_deaths_beyond_the_people_are_said() -> None:
    # MF07-01 at ten years as its abstract prints it, and Dominici 2011 as reviews quote it.
    soran = StudyEstimate(
        "MF07-01, ten years", 0.71, 0.59, 0.86, 0.95, ONWARD, p_value=0.0004, n=265, n_exposed=134
    )
    dominici = StudyEstimate("Dominici 2011", 0.94, 0.83, 1.08, 0.95, ONWARD, n=290, n_exposed=54)
    assert failed(soran) == failed(dominici) == ["deaths_within_people"]
    pooled = pool_studies([soran, dominici, trials()["badwe2015"]])
    assert sum("deaths_within_people" in note for note in pooled.notes) == 2
    assert "433 deaths" in next(note for note in pooled.notes if "MF07-01" in note)
    assert failed(trials()["mf0701"]) == []  # the first report of the same trial can be true


def test_deaths_reported_that_are_too_few_for_the_interval_are_said() -> None:
    narrow = StudyEstimate("a", 0.9, 0.825, 0.982, 0.95, ONWARD)
    assert check_study(narrow)[2].passed is None
    assert failed(replace(narrow, events=50)) == ["deaths_within_people"]
    assert failed(replace(narrow, events=50, n=5000)) == ["deaths_within_people"]
    assert "50 reported" in check_study(replace(narrow, events=50))[2].finding
    implied = 4 / narrow.std_err**2
    assert failed(replace(narrow, events=round(implied), n=5000)) == []
    assert failed(replace(narrow, events=round(0.9 * implied), n=5000)) == []  # a robust error may be smaller


def test_without_the_share_exposed_the_fewest_deaths_are_asked_for() -> None:
    balanced = StudyEstimate("a", 0.9, 0.8, 1.0125, 0.95, ONWARD, n=1200)
    few_exposed = replace(balanced, n_exposed=110)
    assert failed(balanced) == []
    assert failed(few_exposed) == ["deaths_within_people"]


def test_an_interval_off_its_estimate_is_said() -> None:
    tan = StudyEstimate("Tan 2016", 0.566, 0.557, 0.625, 0.95, ONWARD, n=10441)
    assert failed(tan) == ["interval_symmetric"]
    assert failed(replace(tan, ci_low=0.513)) == []


@pytest.mark.parametrize(
    "misread",
    [
        StudyEstimate("EA2108", 1.11, 0.82, 1.52, 0.95, ONWARD, p_value=0.57),
        StudyEstimate("JCOG1017", 0.857, 0.686, 1.072, 0.95, ONWARD, p_value=0.1283, p_sides=1),
    ],
    ids=lambda study: study.label,
)
def test_a_90_percent_interval_taken_for_95_is_found_by_its_p_value(misread: StudyEstimate) -> None:
    check = check_study(misread)[1]
    assert check.passed is False
    assert "if the interval were one of 0.9, not 0.95" in check.finding
    assert failed(replace(misread, ci_level=0.9)) == []


def test_a_p_value_printed_as_a_bound_is_held_against_the_interval() -> None:
    strong = StudyEstimate("a", 0.53, 0.5, 0.55, 0.95, ONWARD, p_value=0.001, p_is_bound=True)
    weak = StudyEstimate("b", 0.9, 0.7, 1.16, 0.95, ONWARD, p_value=0.001, p_is_bound=True)
    assert failed(strong) == []
    assert failed(weak) == ["p_value_agrees"]


def test_a_one_sided_p_value_may_be_on_the_other_side() -> None:
    worse = StudyEstimate("a", 1.167, 0.933, 1.458, 0.9, ONWARD, p_value=0.872, p_sides=1)
    assert failed(worse) == []
    assert "implied 0.87" in check_study(worse)[1].finding
    assert failed(replace(worse, p_value=0.6)) == ["p_value_agrees"]


def test_what_is_not_printed_is_not_judged() -> None:
    bare = StudyEstimate("a", 0.9, 0.7, 1.16, 0.95, ONWARD)
    assert [check.passed for check in check_study(bare)] == [True, None, None]
    risk = StudyEstimate("b", 0.9, 0.89, 0.91, 0.95, ONWARD, measure="rr", n=100)
    assert check_study(risk)[2].passed is None


def test_studies_of_one_registry_and_time_are_flagged_and_not_dropped() -> None:
    def registry(label: str, source: str | None, years: tuple[int, int] | None) -> StudyEstimate:
        return StudyEstimate(label, 0.6, 0.5, 0.72, 0.95, ONWARD, data_source=source, years=years)

    studies = [
        registry("Gnerlich", "SEER", (1988, 2003)),
        registry("Warschkow", "seer", (1998, 2009)),
        registry("later", "SEER", (2010, 2013)),
        registry("still later", "SEER", (2013, 2015)),
        registry("Khan", "NCDB", (1990, 1993)),
        registry("undated", "NCDB", None),
        registry("clinic", None, (1990, 2000)),
    ]
    found = find_overlaps(studies)
    assert [(o.first, o.second, o.years) for o in found] == [
        ("Gnerlich", "Warschkow", (1998, 2003)),
        ("later", "still later", (2013, 2013)),
        ("Khan", "undated", None),
    ]
    assert overlaps_frame(found)["first_year"].to_list() == [1998, 2013, None]
    assert len(overlaps_frame(())) == 0
    across = find_overlaps(studies, shared=[("NCDB", "SEER")])
    assert ("Gnerlich", "Khan") in [(o.first, o.second) for o in across]
    pooled = pool_studies(studies)
    assert pooled.overlaps == found
    assert len(pooled.labels) == 7
    assert any(n == "Gnerlich and Warschkow may share people: SEER in 1998 to 2003." for n in pooled.notes)


def test_few_studies_put_hartung_knapp_and_a_prediction_first_and_many_do_not() -> None:
    rng = np.random.default_rng(1)
    y, v = rng.normal(0, 0.3, 12), rng.uniform(0.02, 0.1, 12)
    few, many = pool(y[:9], v[:9]).to_frame(), pool(y[:10], v[:10]).to_frame()
    assert few["interval"].to_list()[:2] == ["hartung_knapp", "prediction_t_k_minus_2"]
    assert many["interval"].to_list()[:2] == ["wald", "prediction_z"]
    assert pool(y[:9], v[:9]).effect.ci_low == few["ci_low"][0]
    assert "Only 9 studies" in few["notes"][0]
    assert many["notes"][0] == ""


def test_two_studies_have_no_prediction_with_nought_degrees_of_freedom() -> None:
    found = pool([-0.3, 0.1], [0.02, 0.03])
    assert "prediction_t_k_minus_2" not in [interval.kind for interval in found.intervals]
    assert any("Two studies" in note for note in found.notes)
    assert found.to_frame().null_count()["estimate"][0] == 0


def test_studies_that_agree_exactly_are_pooled_with_an_interval_of_the_mean_that_has_width() -> None:
    found = pool([-0.3] * 4, [0.02, 0.03, 0.04, 0.05])
    assert found.effect.method == "reml, hartung_knapp_at_least_wald interval, 4 studies"
    assert found.effect.ci_low < np.exp(-0.3) < found.effect.ci_high
    assert any("agree exactly" in note for note in found.notes)


def test_limits_beyond_all_numbers_are_infinite_and_nothing_warns() -> None:
    found = pool([-900.0, 900.0], [0.1, 0.2])
    assert found.to_frame()["ci_high"].is_infinite().any()
    assert found.to_frame()["estimate"].is_finite().all()


def test_a_pool_says_what_it_is_and_what_it_does_not_know() -> None:
    mixed = [*trials().values(), StudyEstimate("registry", 0.63, 0.6, 0.66, 0.95, ONWARD, n=9734)]
    found = pool_studies(mixed)
    effect = found.effect
    assert (effect.estimand, effect.effect_type, effect.measure) == ("mean_of_studies", "conditional", "hr")
    assert effect.n == 9734 + sum(study.n for study in trials().values())
    assert "Conditional and marginal effects are pooled together." in effect.notes
    assert "Randomised and observational studies are pooled together." in effect.notes
    assert "events is not known for 6 of 6 studies." in effect.notes
    turned = pool_studies(mixed, orientation=BACK).effect
    assert turned.estimate == pytest.approx(1 / effect.estimate)


def test_differences_are_pooled_on_their_own_scale() -> None:
    found = pool([1.0, 2.0, 1.5], [0.1, 0.2, 0.1], measure="rmst_difference")
    assert found.effect.estimate == found.log_estimate
    assert found.to_frame()["estimate"][0] == found.log_estimate


def test_with_five_studies_hartung_knapp_covers_and_dersimonian_laird_does_not() -> None:
    rng = np.random.default_rng(2026)
    held = {"wald": 0, "hartung_knapp": 0, "prediction_t_k_minus_2": 0}
    runs, tau2 = 600, 0.1
    for _ in range(runs):
        v = rng.uniform(0.01, 0.2, 5)
        found = pool(rng.normal(0, np.sqrt(v + tau2)), v, method="dersimonian_laird")
        new = rng.normal(0, np.sqrt(tau2))
        for kind in held:
            interval = found.interval(kind)
            held[kind] += interval.low <= (new if kind.startswith("prediction") else 0.0) <= interval.high
    coverage = {kind: count / runs for kind, count in held.items()}
    assert coverage["hartung_knapp"] > 0.93
    assert coverage["wald"] < 0.91
    assert coverage["hartung_knapp"] > coverage["wald"] + 0.03
    assert coverage["prediction_t_k_minus_2"] > 0.88


def test_the_variance_between_studies_is_found() -> None:
    rng = np.random.default_rng(7)
    v = rng.uniform(0.01, 0.2, 400)
    y = rng.normal(-0.2, np.sqrt(v + 0.09))
    for method in ("dersimonian_laird", "reml", "paule_mandel"):
        found = pool(y, v, method=method)
        assert found.tau2 == pytest.approx(0.09, abs=0.02)
        assert found.tau2_ci[0] < 0.09 < found.tau2_ci[1]


def test_a_moderator_that_makes_the_difference_takes_the_variance_away() -> None:
    rng = np.random.default_rng(3)
    v, year = rng.uniform(0.01, 0.05, 60), rng.uniform(0, 10, 60)
    y = rng.normal(-0.5 + 0.1 * year, np.sqrt(v))
    fit = meta_regression(y, v, year, names=["year"], test="hartung_knapp")
    table = fit.to_frame()
    assert table["term"].to_list() == ["(intercept)", "year"]
    assert table["ci_low"][1] < 0.1 < table["ci_high"][1]
    assert fit.r_squared > 90
    assert fit.notes == ()
    few = meta_regression(y[:8], v[:8], year[:8])
    assert "Fewer than ten studies per moderator (8 for 1)." in few.notes


def test_small_studies_that_were_not_published_are_missed_by_the_pool_and_counted_by_trim_and_fill() -> None:
    rng = np.random.default_rng(11)
    v = np.concatenate([np.full(15, 0.02), rng.uniform(0.1, 0.4, 40)])
    y = rng.normal(0, np.sqrt(v))
    printed = (v < 0.1) | (y < -0.1)
    found = trim_and_fill(y[printed], v[printed], method="fixed")
    assert egger(y[printed], v[printed]).p_value < 0.01
    assert found.side == "right"
    assert found.missing >= 5
    assert abs(found.pooled.log_estimate) < abs(found.observed.log_estimate)
    assert found.to_frame()["filled"].sum() == found.missing
    assert "filled in, not observed" in found.pooled.notes[-1]


def test_groups_of_studies_stand_beside_each_other_with_a_test() -> None:
    y = np.array([-0.5, -0.6, -0.4, 0.0, 0.1, -0.45])
    v = np.full(6, 0.01) + np.arange(6) * 1e-3
    found = pool_subgroups(y, v, ["registry"] * 3 + ["trial"] * 2 + ["case series"], labels=list("abcdef"))
    assert found.groups == ("case series", "registry", "trial")
    assert found.pools[0] is None
    assert "case series is one study, f" in found.notes[0]
    assert found.between_p < 0.001
    frame = found.to_frame()
    assert frame["group"].unique(maintain_order=True).to_list() == ["case series", "registry", "trial"]
    alone = frame.filter(group="case series").row(0, named=True)
    assert (alone["interval"], alone["studies"], alone["tau2"]) == ("wald", 1, None)
    assert alone["ci_low"] == pytest.approx(np.exp(-0.45 - ndtri(0.975) * np.sqrt(0.015)))
    singles = pool_subgroups(y[:2], v[:2], ["registry", "trial"], level=0.9).to_frame()
    assert singles["estimate"].to_list() == pytest.approx(np.exp(y[:2]).tolist())
    assert singles["ci_level"].to_list() == [0.9, 0.9]
    assert singles.schema == frame.schema


@pytest.mark.parametrize("test", ["z", "hartung_knapp"])
def test_where_a_moderator_begins_to_count_changes_its_intercept_alone(test: str) -> None:
    y, v = np.array([0.1, 0.4, 0.2, 0.5]), np.array([1.0, 1.0, 2.0, 1.0])
    x = np.array([0.0, 1.0, 2.0, 4.0])
    near, far = meta_regression(y, v, x, test=test), meta_regression(y, v, 1e8 + x, test=test)
    assert far.coefficients[1] == pytest.approx(near.coefficients[1], rel=1e-9)
    assert far.standard_errors[1] == pytest.approx(near.standard_errors[1], rel=1e-9)
    assert far.moderator_p == pytest.approx(near.moderator_p, rel=1e-9)
    assert far.coefficients[0] == pytest.approx(near.coefficients[0] - 1e8 * near.coefficients[1], rel=1e-9)
    assert far.standard_errors[0] == pytest.approx(1e8 * near.standard_errors[1], rel=1e-6)
    unlike = meta_regression(y, v, np.column_stack([1e-9 * x, 1e9 * (x - 2) ** 2]), test="z")
    assert np.isfinite(unlike.to_frame()["p_value"].to_numpy()).all()


def test_the_study_that_makes_the_difference_is_seen() -> None:
    y, v = np.array([0.0, 0.02, -0.03, 0.01, -1.2]), np.full(5, 0.01)
    rows = leave_one_out(y, v, labels=list("abcde"))
    assert rows["left_out"][int(rows["log_shift"].abs().arg_max())] == "e"
    assert rows.filter(rows["left_out"] == "e")["tau2"][0] == 0
