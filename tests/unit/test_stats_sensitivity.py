"""Sensitivity analyses against a known truth: confounders put in by hand, hidden bias, false specifications."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.stats.cox import fit_cox
from pipelines.stats.effect import Effect, wald_effect
from pipelines.stats.errors import NoMatchError
from pipelines.stats.sensitivity import (
    Prior,
    array_analysis,
    confounding_factor,
    corrected_hazard_ratio,
    covariate_benchmarks,
    detectable_ratio,
    e_value_of,
    negative_control_outcome,
    normal_confounding_factor,
    probabilistic_analysis,
    ratio_that_explains,
    rosenbaum_binary,
    rosenbaum_signed_rank,
    rosenbaum_survival,
    specification_curve,
    subgroup_effects,
)

BOTH = ("measured_confounding", "immortal_time")


def effect(log_ratio: float, std_err: float = 0.05, **changes: object) -> Effect:
    made = wald_effect(
        log_ratio,
        std_err,
        analysis="landmark_6",
        measure="hr",
        n=1000,
        n_exposed=400,
        events=500,
        estimand="conditional",
        effect_type="conditional",
        method="Cox",
    )
    return replace(made, **changes)


def cox_effect(time: np.ndarray, event: np.ndarray, exposed: np.ndarray) -> Effect:
    fit = fit_cox(time, event, exposed)
    return effect(
        float(fit.coefficients[0]), float(fit.standard_errors[0]), n=len(time), events=int(event.sum())
    )


def test_a_hidden_condition_is_recovered_by_the_formula() -> None:
    rng = np.random.default_rng(4)
    n = 150_000
    exposed = rng.random(n) < 0.4
    hidden = rng.random(n) < np.where(exposed, 0.2, 0.5)  # frail people are operated on less
    death = rng.exponential(1 / (0.004 * np.where(hidden, 3.0, 1.0)))  # and die more, operated or not
    naive = cox_effect(np.minimum(death, 10), death <= 10, exposed)
    assert naive.ci_high < 0.75
    corrected = naive.estimate / float(confounding_factor(0.2, 0.5, 3))
    assert np.log(corrected) == pytest.approx(0, abs=3 * naive.std_err)
    explains = ratio_that_explains(
        naive, prevalence_exposed=0.2, prevalence_unexposed=0.5, common_outcome=False
    )
    assert explains == pytest.approx(3, rel=0.15)
    strength = e_value_of(naive, corrected_for=BOTH, common_outcome=False)
    assert strength.e_value_limit < 3  # the condition itself is stronger than the least that would do


def test_a_hidden_normal_score_is_recovered_too() -> None:
    rng = np.random.default_rng(5)
    n = 150_000
    exposed = rng.random(n) < 0.5
    score = rng.normal(np.where(exposed, -0.6, 0.0))
    death = rng.exponential(1 / (0.004 * np.exp(0.5 * score)))
    naive = cox_effect(np.minimum(death, 10), death <= 10, exposed)
    corrected = naive.estimate / float(normal_confounding_factor(-0.6, np.exp(0.5)))
    assert naive.ci_high < 0.8
    assert np.log(corrected) == pytest.approx(0, abs=3 * naive.std_err)


def test_an_array_shows_where_the_estimate_goes_away() -> None:
    table = array_analysis(
        effect(np.log(0.8)),
        prevalence_exposed=[0.1, 0.3],
        prevalence_unexposed=[0.3],
        ratio=[1, 2, 3],
        common_outcome=False,
    )
    assert len(table) == 6
    alike = table.filter(pl.col("prevalence_exposed") == 0.3)
    assert alike["estimate"].to_list() == pytest.approx([0.8] * 3)
    unlike = table.filter(pl.col("prevalence_exposed") == 0.1)
    assert unlike["estimate"].to_list() == pytest.approx([0.8, 0.8 * 1.3 / 1.1, 0.8 * 1.6 / 1.2])
    assert unlike["explained_away"].to_list() == [False, False, True]
    assert table.select("estimand", "effect_type").unique().rows() == [("conditional", "conditional")]
    harm = array_analysis(
        effect(np.log(1.2)),
        prevalence_exposed=[0.5],
        prevalence_unexposed=[0.1],
        ratio=[1.1, 3],
        common_outcome=False,
    )
    assert harm["explained_away"].to_list() == [False, True]


@pytest.mark.parametrize(("truth", "months"), [(1.0, 24.0), (1.0, 60.0), (0.7, 60.0)])
def test_where_most_die_a_hidden_condition_wears_off_and_the_estimate_says_how_much(
    truth: float, months: float
) -> None:
    rng = np.random.default_rng(6)
    n = 100_000
    exposed = rng.random(n) < 0.4
    hidden = rng.random(n) < np.where(exposed, 0.2, 0.5)
    death = rng.exponential(1 / (0.03 * np.where(hidden, 3.0, 1.0) * np.where(exposed, truth, 1.0)))
    end = np.minimum(rng.uniform(months / 2, 2 * months, n), 1.5 * months)
    naive = cox_effect(np.minimum(death, end), death <= end, exposed)
    rare = np.log(naive.estimate / float(confounding_factor(0.2, 0.5, 3)) / truth)
    common = np.log(
        float(
            corrected_hazard_ratio(
                naive.estimate, 0.2, 0.5, 3, share_exposed=0.4, share_with_event=naive.events / n
            )
        )
        / truth
    )
    assert naive.events / n > 0.55
    assert abs(common) < 3 * naive.std_err < rare


def test_a_rare_event_needs_no_more_than_the_formula() -> None:
    by_formula = 0.6 / confounding_factor(0.2, [0.4, 0.6], 2.5)
    corrected = corrected_hazard_ratio(0.6, 0.2, [0.4, 0.6], 2.5, share_exposed=0.3, share_with_event=1e-5)
    np.testing.assert_allclose(corrected, by_formula, rtol=1e-4)
    alike = corrected_hazard_ratio(0.6, 0.0, [0.0, 1.0], 2.5, share_exposed=0.3, share_with_event=0.8)
    np.testing.assert_allclose(alike, [0.6, 0.6 * 2.5], rtol=1e-8)  # nobody has it; one arm has it, all of it


def test_no_strength_explains_what_prevalences_alike_cannot_move() -> None:
    strong = effect(np.log(0.4))

    def explains(p1: float, p0: float, common: bool) -> float | None:
        return ratio_that_explains(
            strong, prevalence_exposed=p1, prevalence_unexposed=p0, common_outcome=common
        )

    assert explains(0.3, 0.3, False) is None
    assert explains(0.5, 0.6, False) is None
    rare, common = explains(0.1, 0.7, False), explains(0.1, 0.7, True)
    assert float(confounding_factor(0.1, 0.7, rare)) == pytest.approx(0.4)
    back = corrected_hazard_ratio(0.4, 0.1, 0.7, common, share_exposed=0.4, share_with_event=0.5)
    assert float(back) == pytest.approx(1)
    assert common > rare  # it has to be stronger, because it wears off


def test_priors_that_are_certain_give_the_formula_and_the_random_error_alone() -> None:
    found = probabilistic_analysis(
        effect(np.log(0.7)),
        prevalence_exposed=Prior("fixed", (0.2,)),
        prevalence_unexposed=Prior("fixed", (0.5,)),
        ratio=Prior("fixed", (2.0,)),
        common_outcome=False,
        draws=200_000,
        seed=3,
    )
    truth = 0.7 / (1.2 / 1.5)
    assert found.systematic == pytest.approx((truth, truth, truth))
    width = np.exp(1.96 * 0.05)
    assert found.total == pytest.approx((truth, truth / width, truth * width), rel=2e-3)
    assert found.conventional == pytest.approx((0.7, 0.7 / width, 0.7 * width), rel=1e-4)


def test_same_seed_same_numbers_and_what_was_declared_is_printed() -> None:
    priors = {
        "prevalence_exposed": Prior("trapezoidal", (0.05, 0.1, 0.2, 0.3)),
        "prevalence_unexposed": Prior("triangular", (0.2, 0.3, 0.5)),
        "ratio": Prior("log_normal", (2, 4)),
        "common_outcome": True,
        "draws": 3000,
    }
    one = probabilistic_analysis(effect(np.log(0.7)), **priors, seed=1)
    two = probabilistic_analysis(effect(np.log(0.7)), **priors, seed=1)
    other = probabilistic_analysis(effect(np.log(0.7)), **priors, seed=2)
    assert one == two
    assert one.total != other.total
    assert one.total == pytest.approx(other.total, rel=0.05)
    together = probabilistic_analysis(effect(np.log(0.7)), **priors, correlation=0.8, seed=1)
    apart = probabilistic_analysis(effect(np.log(0.7)), **priors, correlation=-0.8, seed=1)
    widths = [found.systematic[2] - found.systematic[1] for found in (together, one, apart)]
    assert widths == sorted(widths)
    assert widths[0] < 0.9 * widths[1] < 0.9 * 0.95 * widths[2]
    assert one.total[1] < one.systematic[1] < one.systematic[2] < one.total[2]
    row = one.to_frame().row(2, named=True)
    assert row["interval"] == "total"
    assert "ratio log_normal: median 2, upper_2.5_percent 4" in row["priors"]
    assert 0 < row["share_beyond_one"] < 0.5


@pytest.mark.parametrize(
    ("prior", "mean"),
    [
        (Prior("uniform", (0.2, 0.4)), 0.3),
        (Prior("triangular", (0.1, 0.2, 0.6)), 0.3),
        (Prior("triangular", (0.0, 0.0, 0.6)), 0.2),
        (Prior("trapezoidal", (0.0, 0.2, 0.4, 0.6)), 0.3),
        (Prior("beta", (3, 7)), 0.3),
        (Prior("fixed", (0.3,)), 0.3),
    ],
    ids=lambda value: str(value),
)
def test_quantiles_of_a_prior_have_its_mean_and_rise(prior: Prior, mean: float) -> None:
    values = prior.quantile((np.arange(20_000) + 0.5) / 20_000)
    assert values.mean() == pytest.approx(mean, abs=1e-4)
    assert (np.diff(values) >= 0).all()


def test_an_e_value_says_what_it_does_not_cover() -> None:
    naive = e_value_of(effect(np.log(0.56), 0.1), corrected_for=["measured_confounding"], common_outcome=True)
    honest = e_value_of(effect(np.log(0.56), 0.1), corrected_for=BOTH, common_outcome=True)
    assert naive.analysis == "landmark_6"
    assert "not corrected for immortal time" in naive.notes[0]
    assert honest.notes == ()
    assert honest.to_frame()["corrected_for"][0] == "measured_confounding, immortal_time"
    toward = e_value_of(effect(np.log(0.7)), corrected_for=BOTH, common_outcome=True, toward=0.93)
    assert toward.e_value < e_value_of(effect(np.log(0.7)), corrected_for=BOTH, common_outcome=True).e_value


def cohort(seed: int, n: int = 4000, hidden: float = 0.0) -> dict[str, np.ndarray]:
    """People whose frailty makes them less often operated on (where hidden) and die more of anything."""
    rng = np.random.default_rng(seed)
    frail, age = rng.normal(size=n), rng.normal(size=n)
    operated = rng.random(n) < 1 / (1 + np.exp(0.5 + hidden * frail))
    cancer = rng.exponential(1 / (0.02 * np.exp(0.6 * frail) * np.where(operated, 0.9, 1.0)))
    other = rng.exponential(1 / (0.008 * np.exp(0.6 * frail + 0.3 * age)))
    time = np.minimum(np.minimum(cancer, other), 48.0)
    return {
        "time": time,
        "event": time < 48,
        "cause": np.where(other < cancer, "other", "cancer"),
        "operated": operated,
        "age": age,
        "frail": frail,
    }


def test_a_negative_control_finds_hidden_frailty_and_says_no_more_than_that() -> None:
    d = cohort(1, hidden=0.8)
    found = negative_control_outcome(
        d["time"], d["event"], d["cause"], d["operated"], d["age"], negative=["other"], names=["age"]
    )
    assert found.verdict == "some_bias"
    assert found.effect.estimate < 0.85
    assert "some bias" in found.sentence
    assert (found.effect.effect_type, found.effect.measure) == ("conditional", "hr")
    seen = negative_control_outcome(
        d["time"],
        d["event"],
        d["cause"],
        d["operated"],
        np.column_stack([d["age"], d["frail"]]),
        negative=["other"],
    )
    assert seen.verdict == "nothing_shown"


def test_a_negative_control_without_a_finding_proves_nothing_and_prints_what_it_could_have_seen() -> None:
    d = cohort(2)
    found = negative_control_outcome(d["time"], d["event"], d["cause"], d["operated"], negative=["other"])
    assert found.verdict == "nothing_shown"
    assert "proves nothing" in found.effect.notes[0]
    assert f"{found.effect.events} events ({found.events_exposed} exposed)" in found.effect.notes[1]
    row = found.to_frame().row(0, named=True)
    assert row["detectable_ratio_below"] * row["detectable_ratio_above"] == pytest.approx(1)
    assert row["effect_type"] == "marginal"


def test_deaths_of_unknown_cause_are_counted_and_not_guessed() -> None:
    d = cohort(3)
    cause = d["cause"].astype(object)
    lost = np.flatnonzero(d["event"])[:25]
    cause[lost] = None
    found = negative_control_outcome(d["time"], d["event"], cause, d["operated"], negative=["other"])
    assert found.unknown_cause == 25
    assert any("25 deaths have no cause" in note for note in found.effect.notes)


def test_the_detectable_ratio_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(9)
    n, share, runs = 250, 0.4, 300
    ratio = detectable_ratio(n, share)
    seen = 0
    for _ in range(runs):
        exposed = np.arange(n) < share * n
        death = rng.exponential(1 / np.where(exposed, ratio, 1.0))
        fit = fit_cox(death, np.ones(n), exposed)
        seen += abs(fit.coefficients[0] / fit.standard_errors[0]) > 1.96
    assert seen / runs == pytest.approx(0.8, abs=0.07)


def test_the_strongest_measured_covariate_leads_and_its_removal_moves_the_estimate() -> None:
    d = cohort(4, hidden=0.8)
    rng = np.random.default_rng(0)
    columns = np.column_stack([d["frail"], d["age"], rng.normal(size=len(d["time"]))])
    found = covariate_benchmarks(
        d["time"], d["event"], d["operated"], columns, names=["frail", "age", "noise"], common_outcome=True
    )
    table = found.to_frame()
    assert table["term"][0] == "frail"
    assert table["log_shift"][0] < -0.1  # without frailty surgery looks better
    assert table["estimate_if_as_strong"][0] > found.effect.estimate
    assert (table["bounding_factor"] >= 1).all()
    assert table.filter(pl.col("term") == "noise")["log_shift"].abs().max() < 0.01


def test_the_levels_of_a_factor_are_one_benchmark() -> None:
    d = cohort(5, hidden=0.8)
    tertile = np.digitize(d["frail"], [-0.43, 0.43])
    columns = np.column_stack([tertile == 1, tertile == 2, d["age"]]).astype(float)
    found = covariate_benchmarks(
        d["time"],
        d["event"],
        d["operated"],
        columns,
        names=["middle", "frailest", "age"],
        terms={"frailty": ["middle", "frailest"], "age": ["age"]},
        common_outcome=False,
    )
    alone = fit_cox(d["time"], d["event"], np.column_stack([d["operated"], columns]))
    assert found.terms == ("frailty", "age")
    assert found.ratio_outcome[0] == pytest.approx(np.exp(alone.coefficients[2]))
    shares = [[np.mean(tertile[d["operated"] == arm] == level) for arm in (1, 0)] for level in range(3)]
    assert found.ratio_exposure[0] == pytest.approx(max(max(a / b, b / a) for a, b in shares))


def test_a_level_of_one_arm_only_has_no_bound_and_says_so() -> None:
    d = cohort(6)
    only = d["operated"] & (d["age"] > 1)
    found = covariate_benchmarks(
        d["time"], d["event"], d["operated"], only.astype(float), names=["margins"], common_outcome=True
    )
    assert found.bounding_factor == (None,)
    assert "margins" in found.notes[0]
    assert found.to_frame()["bounding_factor"].to_list() == [None]


def test_gamma_covers_a_hidden_bias_of_its_own_size_and_no_less() -> None:
    rng = np.random.default_rng(12)
    runs, pairs, size = 400, 200, 2.0
    wrong = {1.0: 0, size: 0}
    for _ in range(runs):
        # In each pair one dies whatever is done; the one who does not is exposed with odds of two to one.
        survivor_exposed = rng.random(pairs) < size / (1 + size)
        found = rosenbaum_binary(~survivor_exposed, survivor_exposed, gamma=[1.0, size])
        for i, gamma in enumerate(wrong):
            wrong[gamma] += found.p_high[i] < 0.05
    assert wrong[1.0] / runs > 0.9
    assert wrong[size] / runs < 0.08


def test_scores_use_pairs_in_which_nobody_is_seen_to_die_first() -> None:
    rng = np.random.default_rng(13)
    exposed, other = rng.exponential(30, 300), rng.exponential(20, 300)
    censoring = rng.uniform(5, 40, (2, 300))
    arguments = (
        np.minimum(exposed, censoring[0]),
        exposed <= censoring[0],
        np.minimum(other, censoring[1]),
        other <= censoring[1],
    )
    sign = rosenbaum_survival(*arguments)
    logrank = rosenbaum_survival(*arguments, scores="logrank")
    assert logrank.informative > sign.informative
    assert min(sign.critical_gamma, logrank.critical_gamma) > 1
    assert sign.to_frame()["critical_gamma"][0] == sign.critical_gamma


def test_chance_alone_has_no_critical_gamma() -> None:
    found = rosenbaum_binary([1, 0, 1, 0], [0, 1, 0, 1])
    assert found.critical_gamma is None
    assert found.to_frame()["critical_gamma"].null_count() == len(found.gamma)


def estimate(options: Mapping[str, str]) -> Effect:
    """Naive estimates look good, corrected ones do not; matching finds nobody; weights have their own effect."""
    if options["design"] == "matched" and options["immortal_time"] == "landmark":
        raise NoMatchError("No treated person has a control", field="logit", remedy="Widen the caliper.")
    log_ratio = {"naive": -0.6, "landmark": -0.2, "time_varying": -0.1}[options["immortal_time"]]
    log_ratio += 0.05 * (options["covariates"] == "all")
    estimand = {"matched": "matched_set", "adjusted": "conditional"}[options["design"]]
    return effect(log_ratio, estimand=estimand)


CHOICES = {
    "immortal_time": ["naive", "landmark", "time_varying"],
    "covariates": ["few", "all"],
    "design": ["adjusted", "matched"],
}
PRIMARY = {"immortal_time": "landmark", "covariates": "all", "design": "adjusted"}
SETS = {"few": ["age"], "all": ["age", "grade", "sites"]}


def test_a_curve_shows_every_specification_in_panels_of_one_estimand() -> None:
    curve = specification_curve(
        estimate, CHOICES, primary=PRIMARY, covariate_sets=SETS, baseline=["age", "grade", "sites"]
    )
    table = curve.to_frame()
    assert len(table) == 12
    assert table["primary"].sum() == 1
    assert curve.primary.choices == PRIMARY
    failures = table.filter(pl.col("status") == "failed")
    assert len(failures) == 2
    assert failures["reason"].str.contains("Widen the caliper").all()
    assert failures["rank"].null_count() == 2
    assert table["status"].to_list()[-2:] == ["failed", "failed"]
    for _, panel in table.filter(pl.col("status") == "estimated").group_by("panel"):
        assert panel["estimate"].is_sorted()
        assert panel["rank"].to_list() == list(range(1, len(panel) + 1))
    assert table["panel"].drop_nulls().n_unique() == 2
    assert not any("p_value" in name or name == "p" for name in table.columns)


def test_a_summary_of_a_curve_counts_failures_and_marks_the_primary() -> None:
    curve = specification_curve(
        estimate, CHOICES, primary=PRIMARY, covariate_sets=SETS, baseline=["age", "grade", "sites"]
    )
    summary = curve.summary()
    adjusted = summary.filter(pl.col("panel") == "hr, conditional, conditional").row(0, named=True)
    assert adjusted["specifications"] == 6
    assert adjusted["smallest"] == pytest.approx(np.exp(-0.6))
    assert adjusted["primary"] == pytest.approx(np.exp(-0.15))
    assert adjusted["share_below_no_effect"] == 1
    assert summary["specifications"].sum() == 12
    assert summary.filter(pl.col("panel").is_null())["specifications"][0] == 2


def test_a_fault_in_the_estimator_is_no_failed_specification() -> None:
    def broken(_: Mapping[str, str]) -> Effect:
        raise KeyError("typo")

    with pytest.raises(KeyError, match="typo"):
        specification_curve(
            broken, CHOICES, primary=PRIMARY, covariate_sets=SETS, baseline=["age", "grade", "sites"]
        )


def test_an_estimate_that_is_not_finite_is_listed_as_failed() -> None:
    def sometimes(options: Mapping[str, str]) -> Effect:
        return (
            replace(estimate(options | {"design": "adjusted"}), ci_low=float("nan"))
            if (options["covariates"] == "few")
            else estimate(options | {"design": "adjusted"})
        )

    curve = specification_curve(
        sometimes, CHOICES, primary=PRIMARY, covariate_sets=SETS, baseline=["age", "grade", "sites"]
    )
    assert curve.to_frame().filter(pl.col("status") == "failed")["covariates"].unique().to_list() == ["few"]


DECLARED = {"analysis": "a", "estimand": "matched_set", "effect_type": "marginal"}


def test_an_effect_that_differs_between_subgroups_is_found_and_one_that_does_not_is_not() -> None:
    rng = np.random.default_rng(31)
    n = 3000
    exposed, bone, left = rng.random(n) < 0.5, rng.random(n) < 0.5, rng.random(n) < 0.5
    hazard = 0.05 * np.where(exposed & bone, 0.5, 1.0)
    death = rng.exponential(1 / hazard)
    time = np.minimum(death, 36)
    found = subgroup_effects(
        time,
        death <= 36,
        exposed,
        {"bone_only": np.where(bone, "yes", "no"), "side": np.where(left, "left", "right")},
        reference={"bone_only": "no"},
        analysis="matched_cox",
        estimand="matched_set",
        effect_type="marginal",
    )
    bone_no, bone_yes = found.subgroups[:2]
    assert (bone_no.level, bone_yes.level) == ("no", "yes")
    assert bone_no.effect.ci_low < 1 < bone_no.effect.ci_high
    assert bone_yes.effect.ci_low < 0.5 < bone_yes.effect.ci_high
    assert bone_yes.ratio.ci_low < 0.5 < bone_yes.ratio.ci_high
    assert bone_no.ratio is None
    tests = {test.variable: test for test in found.tests}
    assert tests["bone_only"].p_holm == pytest.approx(2 * tests["bone_only"].p_value)
    assert tests["bone_only"].p_holm < 0.001
    assert tests["side"].p_value > 0.05
    table = found.to_frame()
    assert table["ratio"].null_count() == 2
    assert table["estimand"].unique().to_list() == ["matched_set"]
    assert bone_yes.effect.n + bone_no.effect.n == n


def test_effects_within_levels_are_those_of_a_model_for_each_where_nothing_is_shared() -> None:
    rng = np.random.default_rng(22)
    exposed, stage = rng.random(600) < 0.5, rng.choice(["a", "b", "c"], 600)
    time = np.ceil(rng.exponential(20 + 10 * exposed))
    found = subgroup_effects(time, np.ones(600), exposed, {"stage": stage}, strata=stage == "b", **DECLARED)
    own = stage == "b"
    alone = fit_cox(time[own], np.ones(own.sum()), exposed[own])
    within = next(s for s in found.subgroups if s.level == "b")
    assert within.effect.log_estimate == pytest.approx(alone.coefficients[0], rel=1e-6)
    assert within.effect.std_err == pytest.approx(alone.standard_errors[0], rel=1e-6)
    assert found.tests[0].df == 2


def test_few_events_in_a_subgroup_are_said_and_a_larger_declared_family_is_paid_for() -> None:
    rng = np.random.default_rng(23)
    exposed, rare = rng.random(400) < 0.5, np.arange(400) % 20 == 0
    time = np.ceil(rng.exponential(20, 400))
    arguments = (time, rng.random(400) < 0.7, exposed, {"rare": rare})
    found = subgroup_effects(*arguments, **DECLARED)
    notes = {s.level: s.effect.notes for s in found.subgroups}
    assert notes["False"] == ()
    assert "Fewer than ten events" in notes["True"][0]
    declared = subgroup_effects(*arguments, family_size=5, **DECLARED)
    assert declared.tests[0].p_holm == pytest.approx(min(1, 5 * found.tests[0].p_value))
    assert "family of 5" in declared.notes[0]


def test_a_time_dependent_exposure_counts_people_and_weights_count_what_they_are_worth() -> None:
    d = cohort(7)
    n = len(d["time"])
    surgery = np.where(d["operated"], 0.4 * d["time"], np.inf)
    before, after = np.minimum(surgery, d["time"]), np.flatnonzero(d["operated"])
    found = negative_control_outcome(
        np.concatenate([before, d["time"][after]]),
        np.concatenate([d["event"] & ~d["operated"], d["event"][after]]),
        np.concatenate([d["cause"], d["cause"][after]]),
        np.concatenate([np.zeros(n), np.ones(len(after))]),
        negative=["other"],
        entry=np.concatenate([np.zeros(n), surgery[after]]),
        ids=np.concatenate([np.arange(n), after]),
    )
    other = d["event"] & (d["cause"] == "other")
    assert (found.effect.n, found.effect.n_exposed) == (n, len(after))
    assert found.effect.events == other.sum()
    assert found.detectable_ratio == pytest.approx(detectable_ratio(int(other.sum()), len(after) / n))
    columns = (d["time"], d["event"], d["cause"], d["operated"])
    plain = negative_control_outcome(*columns, negative=["other"])
    same = negative_control_outcome(*columns, negative=["other"], weights=np.full(n, 3.0))
    uneven = negative_control_outcome(
        *columns, negative=["other"], weights=np.where(np.arange(n) % 2 == 0, 0.2, 3.0)
    )
    assert same.detectable_ratio == pytest.approx(plain.detectable_ratio)
    assert uneven.detectable_ratio < plain.detectable_ratio


def test_a_negative_control_within_strata_is_conditional() -> None:
    d = cohort(9)
    columns = (d["time"], d["event"], d["cause"], d["operated"])
    found = negative_control_outcome(*columns, negative=["other"], strata=d["age"] > 0)
    assert (found.effect.estimand, found.effect.effect_type) == ("conditional", "conditional")
    told = negative_control_outcome(
        *columns, negative=["other"], strata=d["age"] > 0, effect_type="marginal", estimand="ATE"
    )
    assert (told.effect.estimand, told.effect.effect_type) == ("ATE", "marginal")


def in_two_rows(d: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Everybody who is followed longer than six months in two rows, with their entry and their person."""
    late = np.flatnonzero(d["time"] > 6)
    rows = {name: np.concatenate([values, values[late]]) for name, values in d.items()}
    n = len(d["time"])
    first = np.isin(np.arange(len(rows["time"])), late)
    rows["time"] = np.where(first, 6.0, rows["time"])
    rows["event"] = rows["event"] & ~first
    entry = np.where(np.arange(len(rows["time"])) < n, 0.0, 6.0)
    return rows, entry, np.concatenate([np.arange(n), late])


@pytest.mark.parametrize("weighted", [False, True])
def test_people_in_two_rows_are_one_person_in_benchmarks_and_subgroups(weighted: bool) -> None:
    d = cohort(10, n=600)
    d["weight"] = np.random.default_rng(1).choice([0.5, 1.0, 2.0], 600)
    rows, entry, person = in_two_rows(d)
    frames = []
    for who, options in ((d, {}), (rows, {"entry": entry, "ids": person})):
        design = options | ({"weights": who["weight"]} if weighted else {})
        columns = (who["time"], who["event"], who["operated"])
        strength = covariate_benchmarks(*columns, who["age"], **design, common_outcome=True)
        parts = subgroup_effects(*columns, {"old": who["age"] > 0}, **design, **DECLARED)
        frames.append((strength.effect.to_frame(), strength.to_frame(), parts.to_frame()))
    assert frames[1][0]["n"].item() == 600
    for one, two in zip(*frames, strict=True):
        assert_frame_equal(one, two, rel_tol=1e-8)


def test_an_exposure_that_begins_later_leaves_a_level_its_unexposed() -> None:
    d = cohort(11, n=400)
    begins = 0.3 * d["time"]
    arm = np.repeat([0.0, 1.0], 400)
    found = subgroup_effects(
        np.concatenate([begins, d["time"]]),
        np.concatenate([d["event"] & (np.arange(400) % 3 == 0), d["event"]]),
        arm,
        {"old": np.tile(d["age"] > 0, 2)},
        entry=np.concatenate([np.zeros(400), begins]),
        ids=np.tile(np.arange(400), 2),
        **DECLARED,
    )
    assert [s.effect.n for s in found.subgroups] == [s.effect.n_exposed for s in found.subgroups]
    assert sum(s.effect.n for s in found.subgroups) == 400


def test_signed_ranks_of_decimals_are_those_of_whole_numbers() -> None:
    exposed, unexposed = np.array([3, 5, 9, 1, 12, 3]), np.array([1, 3, 5, 4, 11, 3])
    whole = rosenbaum_signed_rank(exposed, unexposed)
    for scale in (0.1, 0.01, 1e-7, 3e5):
        found = rosenbaum_signed_rank(exposed * scale, unexposed * scale)
        np.testing.assert_allclose(found.p_high, whole.p_high, rtol=1e-12)
    assert rosenbaum_signed_rank([0.1 * 3, 2.0], [0.3, 1.0]).informative == 1


def test_with_weights_every_variance_is_robust() -> None:
    d = cohort(8, n=1500)
    weights = np.random.default_rng(8).choice([0.4, 1.0, 2.5], 1500)
    columns = (d["time"], d["event"])
    options = {"weights": weights, "robust": True}
    adjusted = np.column_stack([d["operated"], d["age"]])
    benchmark = covariate_benchmarks(*columns, d["operated"], d["age"], weights=weights, common_outcome=True)
    alone = fit_cox(*columns, adjusted, **options)
    assert benchmark.effect.std_err == pytest.approx(alone.standard_errors[0], rel=1e-9)
    other = d["event"] & (d["cause"] == "other")
    control = negative_control_outcome(
        *columns, d["cause"], d["operated"], d["age"], negative=["other"], weights=weights
    )
    cause_specific = fit_cox(d["time"], other, adjusted, **options)
    assert control.effect.std_err == pytest.approx(cause_specific.standard_errors[0], rel=1e-9)
    old = d["age"] > 0
    parts = subgroup_effects(*columns, d["operated"], {"old": old}, weights=weights, **DECLARED)
    product = fit_cox(*columns, np.column_stack([d["operated"], old, old & d["operated"]]), **options)
    assert parts.subgroups[1].ratio.std_err == pytest.approx(product.standard_errors[2], rel=1e-9)


@pytest.mark.parametrize("reference", ["a", "b", "c"])
def test_the_reference_level_changes_the_ratios_and_nothing_within_a_level(reference: str) -> None:
    rng = np.random.default_rng(24)
    exposed, stage = rng.random(600) < 0.5, rng.choice(["a", "b", "c"], 600)
    time, event = np.ceil(rng.exponential(np.where(stage == "c", 30, 15))), rng.random(600) < 0.8
    arguments = (time, event, exposed, {"stage": stage})
    plain = subgroup_effects(*arguments, **DECLARED)
    found = subgroup_effects(*arguments, reference={"stage": reference}, **DECLARED)
    assert found.subgroups[0].level == reference
    assert found.tests[0].statistic == pytest.approx(plain.tests[0].statistic)
    expected = {s.level: (s.effect.estimate, s.effect.n) for s in plain.subgroups}
    for subgroup in found.subgroups:
        assert (subgroup.effect.estimate, subgroup.effect.n) == pytest.approx(expected[subgroup.level])
    ratio = next(s.ratio for s in found.subgroups if s.level != reference)
    level = next(s.level for s in found.subgroups if s.level != reference)
    assert ratio.estimate == pytest.approx(expected[level][0] / expected[reference][0])
