"""What must hold of scores, weights and balance whatever the data, and truths that weighting must find."""

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipelines.stats.adjusted.doubly_robust import doubly_robust_risk, doubly_robust_survival
from pipelines.stats.balance import balance, balance_of_arms, factor_balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.errors import CollinearityError, ConvergenceError, NoOverlapError, SeparationError
from pipelines.stats.propensity import (
    fit_firth_logistic,
    fit_logistic,
    fit_multinomial,
    fit_propensity,
    overlap,
    preference_score,
)
from pipelines.stats.propensity.boosted import fit_boosted
from pipelines.stats.weighting import (
    arms_weights,
    entropy_balancing,
    propensity_weights,
    trim,
    weighted_cox,
    weighted_cox_of_arms,
)
from pipelines.stats.weighting.weights import WEIGHT_ESTIMANDS, raw_weights, weight_slopes

NOT_FITTED = (SeparationError, CollinearityError, ConvergenceError, NoOverlapError)
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=20, deadline=None, derandomize=True)
SOME = settings(max_examples=8, deadline=None, derandomize=True)
ESTIMANDS = st.sampled_from(WEIGHT_ESTIMANDS)


def people(seed: int, n: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Covariates (one of them two-valued, one a whole number of years) and a treatment that depends on them."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.integers(30, 85, n)])
    chance = 1 / (1 + np.exp(-(0.6 * x[:, 0] - 0.5 * x[:, 1] + 0.02 * (x[:, 2] - 58))))
    return x, rng.random(n) < chance


def survival(
    n: int, seed: int, effect: float = -0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time, event, treated, covariates, and survival of everybody to 24 months under both treatments."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.random(n) < 0.4]).astype(float)
    treated = rng.random(n) < 1 / (1 + np.exp(-(-0.3 + 0.9 * x[:, 0] - 0.6 * x[:, 1])))
    hazard = 0.04 * np.exp(0.7 * x[:, 0] + 0.5 * x[:, 1])
    alive = np.column_stack([np.exp(-24 * hazard), np.exp(-24 * hazard * np.exp(effect))])
    death = rng.exponential(1 / (hazard * np.exp(effect * treated)))
    leaves = rng.uniform(10, 60, n)
    return np.ceil(10 * np.minimum(death, leaves)) / 10, death <= leaves, treated, x, alive


@FEW
@given(seed=SEEDS, sd=st.sampled_from(["pooled", "total"]), weighted=st.booleans())
def test_the_pooled_difference_changes_sign_with_the_arms(seed: int, sd: str, weighted: bool) -> None:
    x, treated = people(seed)
    w = np.random.default_rng(seed).random(len(x)) + 0.1 if weighted else None
    one, other = (balance(x, arm, weights=w, sd=sd) for arm in (treated, ~treated))
    for a, b in ((one.before, other.before), (one.after or one.before, other.after or other.before)):
        assert_array_equal(a.smd, -b.smd)
        assert_array_equal(a.ks, b.ks)
        assert_allclose(a.variance_ratio[[0, 2]], 1 / b.variance_ratio[[0, 2]], rtol=1e-12)
    first = factor_balance(x[:, 2] // 10, treated, weights=w)
    assert first.smd == pytest.approx(factor_balance(x[:, 2] // 10, ~treated, weights=w).smd, rel=1e-9)


@FEW
@given(seed=SEEDS)
def test_order_of_rows_does_not_change_a_bit_of_balance(seed: int) -> None:
    x, treated = people(seed)
    w = np.random.default_rng(seed).choice([0.0, 0.3, 1.7], len(x))
    order = np.random.default_rng(seed + 1).permutation(len(x))
    one, two = balance(x, treated, weights=w), balance(x[order], treated[order], weights=w[order])
    assert one.to_frame().equals(two.to_frame())
    arms = np.where(treated, "op", np.where(x[:, 1] > 0, "drug", "none"))
    three, again = (
        balance_of_arms(x, arms, weights=w + 1),
        balance_of_arms(x[order], arms[order], weights=w[order] + 1),
    )
    assert_array_equal(three.smd_after, again.smd_after)


@FEW
@given(seed=SEEDS, factor=st.sampled_from([1e-6, 0.01, 365.25, 1e6]), shift=st.sampled_from([0.0, 2010.0]))
def test_units_of_covariates_do_not_change_scores(seed: int, factor: float, shift: float) -> None:
    x, treated = people(seed)
    other = x * [factor, 1.0, 1.0] + [0.0, 0.0, shift]
    arms = np.where(treated, "op", np.where(x[:, 0] > 0.3, "drug", "none"))
    try:
        one = fit_propensity(x, treated).score
        firth = fit_firth_logistic(x, treated, profile=False).fitted
        three = fit_multinomial(x[:, 1:], arms).scores
    except NOT_FITTED:
        assume(False)
    assert_allclose(fit_propensity(other, treated).score, one, rtol=1e-8)
    assert_allclose(fit_firth_logistic(other, treated, profile=False).fitted, firth, rtol=1e-7)
    assert_allclose(fit_multinomial(other[:, 1:], arms).scores, three, rtol=1e-7)


@FEW
@given(seed=SEEDS)
def test_people_counted_twice_are_two_people(seed: int) -> None:
    x, treated = people(seed)
    twice = np.random.default_rng(seed).random(len(x)) < 0.5
    rows = np.concatenate([np.arange(len(x)), np.flatnonzero(twice)])
    for fit in (fit_logistic, lambda *a, **k: fit_firth_logistic(*a, profile=False, **k)):
        try:
            counted = fit(x, treated, weights=1.0 + twice)
        except NOT_FITTED:
            assume(False)
        copied = fit(x[rows], treated[rows])
        assert_allclose(counted.coefficients, copied.coefficients, rtol=1e-7, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_overlap_weights_of_logistic_scores_balance_means_exactly(seed: int) -> None:
    x, treated = people(seed)
    try:
        score = fit_propensity(x, treated).score
    except NOT_FITTED:
        assume(False)
    weights = propensity_weights(score, treated, estimand="ATO").weights
    assert_allclose(balance(x, treated, weights=weights).after.smd, 0, atol=1e-9)
    assert weights[treated].sum() == pytest.approx(weights[~treated].sum(), rel=1e-9)


@FEW
@given(seed=SEEDS)
def test_two_arms_of_many_are_two_arms(seed: int) -> None:
    """Multinomial scores of two arms are logistic ones, and so are their weights."""
    x, treated = people(seed)
    try:
        score = fit_propensity(x, treated).score
    except NOT_FITTED:
        assume(False)
    both = fit_multinomial(x, treated.astype(int)).scores
    assert_allclose(both[:, 1], score, rtol=1e-8)
    for estimand in ("ATE", "ATO", "ATM"):
        two = propensity_weights(score, treated, estimand=estimand).weights
        assert_allclose(arms_weights(both, treated, estimand=estimand).weights, two, rtol=1e-7)
    focal = arms_weights(both, treated, estimand="ATT", focal=True).weights
    assert_allclose(focal, propensity_weights(score, treated, estimand="ATT").weights, rtol=1e-7)


@FEW
@given(seed=SEEDS, estimand=ESTIMANDS)
def test_slopes_of_weights_are_their_derivatives(seed: int, estimand: str) -> None:
    rng = np.random.default_rng(seed)
    logit, arm, step = rng.normal(size=50), rng.random(50) < 0.5, 1e-6
    assume(np.abs(logit).min() > 1e-4)  # matching weights have a corner at a score of one half

    def at(value: np.ndarray) -> np.ndarray:
        return raw_weights(1 / (1 + np.exp(-value)), arm, estimand)

    numerical = (at(logit + step) - at(logit - step)) / (2 * step)
    slopes = weight_slopes(1 / (1 + np.exp(-logit)), arm, estimand)
    assert_allclose(slopes, numerical, rtol=1e-6, atol=1e-8)


@FEW
@given(seed=SEEDS, estimand=ESTIMANDS)
def test_weights_treat_the_arms_alike(seed: int, estimand: str) -> None:
    """Calling the controls the treated exchanges ATT and ATC, and leaves the other estimands as they are."""
    rng = np.random.default_rng(seed)
    score, arm = rng.uniform(0.05, 0.95, 60), rng.random(60) < 0.5
    assume(arm.any() and not arm.all())
    other = {"ATT": "ATC", "ATC": "ATT"}.get(estimand, estimand)
    one = propensity_weights(score, arm, estimand=estimand).weights
    assert_allclose(propensity_weights(1 - score, ~arm, estimand=other).weights, one, rtol=1e-12)


@FEW
@given(seed=SEEDS, estimand=st.sampled_from(["ATE", "ATT", "ATC"]), moments=st.integers(1, 2))
def test_entropy_balancing_gives_the_target_its_means(seed: int, estimand: str, moments: int) -> None:
    x, treated = people(seed)
    try:
        found = entropy_balancing(x, treated, estimand=estimand, moments=moments)
    except NoOverlapError:
        assume(False)
    target = {"ATE": x, "ATT": x[treated], "ATC": x[~treated]}[estimand]
    for arm in (treated, ~treated):
        share = found.weights[arm] / found.weights[arm].sum()
        assert_allclose(share @ x[arm], target.mean(axis=0), rtol=1e-8, atol=1e-8)
        if moments == 2:
            assert_allclose(share @ x[arm][:, 2] ** 2, np.mean(target[:, 2] ** 2), rtol=1e-8)
    order = np.random.default_rng(seed).permutation(len(x))
    again = entropy_balancing(x[order], treated[order], estimand=estimand, moments=moments)
    assert_array_equal(again.weights, found.weights[order])


@FEW
@given(seed=SEEDS)
def test_truncation_moves_weights_inwards_only(seed: int) -> None:
    x, treated = people(seed)
    try:
        score = fit_propensity(x, treated).score
    except NOT_FITTED:
        assume(False)
    full = propensity_weights(score, treated)
    cut = propensity_weights(score, treated, truncate=(0.05, 0.95))
    low, high = cut.limits
    assert_array_equal(cut.weights, np.clip(full.weights, low, high))
    assert cut.n_truncated == np.count_nonzero(cut.weights != full.weights)
    assert cut.ess_treated >= full.ess_treated - 1e-9


@FEW
@given(seed=SEEDS)
def test_crump_trims_to_the_smallest_mean_variance(seed: int) -> None:
    """No other symmetric limit among the scores gives a smaller mean of 1 / (e (1 - e)) per person kept."""
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-2.5 * rng.normal(size=200)))
    found = trim(score, rng.random(200) < score, "crump")
    g = 1 / (score * (1 - score))

    def variance(kept: np.ndarray) -> float:
        return g[kept].sum() / kept.sum() ** 2

    edges = np.minimum(score, 1 - score)
    best = min(variance(edges >= limit) for limit in edges)
    assert variance(found.keep) == pytest.approx(best, rel=1e-9)


@FEW
@given(seed=SEEDS)
def test_preference_is_the_score_of_a_cohort_with_equal_arms(seed: int) -> None:
    x, treated = people(seed)
    try:
        score = fit_propensity(x, treated).score
    except NOT_FITTED:
        assume(False)
    share = treated.mean()
    odds = score / (1 - score) / (share / (1 - share))
    assert_allclose(preference_score(score, treated), odds / (1 + odds), rtol=1e-12)
    found = overlap(score, treated)
    swapped = overlap(1 - score, ~treated)
    assert found.auc == pytest.approx(swapped.auc, rel=1e-9)
    assert found.outside_share == swapped.outside_share


@SOME
@given(
    seed=SEEDS,
    options=st.sampled_from(
        [
            {},
            {"estimand": "ATT", "stabilised": True},
            {"estimand": "ATO", "trimming": "fixed"},
            {"truncate": (0.02, 0.98)},
            {"method": "entropy", "estimand": "ATT"},
            {"method": "ridge"},
        ]
    ),
)
def test_order_of_rows_does_not_change_a_weighted_hazard_ratio(seed: int, options: dict) -> None:
    time, event, treated, x, _ = survival(300, seed)
    order = np.random.default_rng(seed).permutation(len(time))
    one = weighted_cox(time, event, treated, x, **options)
    two = weighted_cox(time[order], event[order], treated[order], x[order], **options)
    assert one.effect.estimate == two.effect.estimate
    assert one.effect.std_err == pytest.approx(two.effect.std_err, rel=1e-12)
    assert_allclose(
        one.weights.weights[np.argsort(np.flatnonzero(one.kept))].sum(), two.weights.weights.sum()
    )
    back = np.zeros(len(time))
    back[one.kept] = one.weights.weights
    there = np.zeros(len(time))
    there[two.kept] = two.weights.weights
    assert_array_equal(back[order], there)


@SOME
@given(seed=SEEDS)
def test_a_covariate_that_has_nothing_to_do_with_treatment_leaves_the_plain_fit(seed: int) -> None:
    """Balanced by design: every combination of arm and covariate is equally often, so all weights are 2."""
    rng = np.random.default_rng(seed)
    n = 200
    x, treated = np.arange(n) % 2, np.arange(n) // 2 % 2
    time = np.ceil(rng.exponential(20, n))
    event = rng.random(n) < 0.7
    weighted = weighted_cox(time, event, treated, x)
    plain = fit_cox(time, event, treated)
    assert_allclose(weighted.weights.weights, 2.0, rtol=1e-9)
    assert weighted.effect.log_estimate == pytest.approx(plain.coefficients[0], rel=1e-7, abs=1e-9)


@SOME
@given(seed=SEEDS, estimand=st.sampled_from(["ATE", "ATT", "ATO", "ATM"]))
def test_a_weighted_model_of_arms_is_that_of_two_arms_where_there_are_two(seed: int, estimand: str) -> None:
    time, event, treated, x, _ = survival(300, seed)
    focal = True if estimand == "ATT" else None
    many = weighted_cox_of_arms(time, event, treated, x, estimand=estimand, focal=focal)
    two = weighted_cox(time, event, treated, x, estimand=estimand).effect
    assert many.effects[0].log_estimate == pytest.approx(two.log_estimate, rel=1e-8)
    assert many.effects[0].std_err == pytest.approx(two.std_err, rel=1e-8)


@SOME
@given(seed=SEEDS)
def test_exchanging_the_reference_turns_a_hazard_ratio_over(seed: int) -> None:
    time, event, treated, x, _ = survival(300, seed)
    arm = np.where(
        treated, "surgery", np.where(x[:, 1] + np.random.default_rng(seed).random(300) > 1, "b", "a")
    )
    one = weighted_cox_of_arms(time, event, arm, x[:, 0], reference="a")
    other = weighted_cox_of_arms(time, event, arm, x[:, 0], reference="surgery")
    assert one.compared == (("b", "a"), ("surgery", "a"))
    assert one.effects[1].log_estimate == pytest.approx(-other.effects[0].log_estimate, rel=1e-7)
    assert one.effects[1].std_err == pytest.approx(other.effects[0].std_err, rel=1e-6)


@SOME
@given(seed=SEEDS)
def test_order_of_rows_does_not_change_doubly_robust_estimates(seed: int) -> None:
    time, event, treated, x, _ = survival(300, seed)
    order = np.random.default_rng(seed).permutation(len(time))
    for estimate, asked in ((doubly_robust_survival, {"taus": [24]}), (doubly_robust_risk, {})):
        one = estimate(time, event, treated, x, times=[12, 24], **asked)
        two = estimate(time[order], event[order], treated[order], x[order], times=[12, 24], **asked)
        assert one.differences().equals(two.differences())
        assert one.to_frame().equals(two.to_frame())


@SOME
@given(seed=SEEDS)
def test_without_confounders_doubly_robust_survival_is_kaplan_meier(seed: int) -> None:
    """A covariate that is balanced and does nothing: the mended curve is that of the arm itself."""
    rng = np.random.default_rng(seed)
    n = 400
    noise, treated = np.arange(n) % 2, np.arange(n) // 2 % 2
    time = np.round(rng.exponential(20, n), 6)
    uncensored = np.ones(n)
    found = doubly_robust_survival(time, uncensored, treated, noise, times=[10, 20])
    plain = [[np.mean(time[treated == arm] > t) for t in (10, 20)] for arm in (0, 1)]
    assert_allclose([found.control, found.treated], plain, atol=1e-9)
    risk = doubly_robust_risk(time, uncensored, treated, noise, times=[10, 20])
    assert_allclose([risk.control, risk.treated], 1 - np.array(plain), atol=1e-9)


def mean_error(estimate: str, seeds: range, score: str, outcome: str) -> tuple[float, float]:
    """Mean of estimate less truth over samples, and its standard error; a wrong model knows noise alone."""
    errors = []
    for seed in seeds:
        time, event, treated, x, alive = survival(1500, seed)
        noise = np.random.default_rng([seed, 1]).normal(size=len(time))
        truth = np.mean(alive[:, 1] - alive[:, 0])
        function = doubly_robust_survival if estimate == "survival" else doubly_robust_risk
        found = function(
            time,
            event,
            treated,
            x if score == "right" else noise,
            times=[24],
            outcome_covariates=x if outcome == "right" else noise,
        )
        sign = 1 if estimate == "survival" else -1
        errors.append(sign * found.effect.estimate - truth)
    return float(np.mean(errors)), float(np.std(errors) / np.sqrt(len(errors)))


@pytest.mark.parametrize("estimate", ["survival", "risk"])
@pytest.mark.parametrize(("score", "outcome"), [("right", "right"), ("right", "wrong"), ("wrong", "right")])
def test_doubly_robust_estimates_are_right_where_one_model_is(
    estimate: str, score: str, outcome: str
) -> None:
    error, uncertainty = mean_error(estimate, range(15), score, outcome)
    assert abs(error) < 3 * uncertainty + 0.002
    assert uncertainty < 0.01


def test_doubly_robust_estimates_are_wrong_where_both_models_are() -> None:
    error, uncertainty = mean_error("survival", range(6), "wrong", "wrong")
    assert error < -0.08
    assert uncertainty < 0.02


@pytest.mark.parametrize("estimand", ["ATE", "ATO"])
def test_weighted_hazard_ratio_finds_no_effect_where_there_is_none(estimand: str) -> None:
    """The naive hazard ratio is far from 1, the weighted one is 1 within what its own error allows."""
    naive, found, errors = [], [], []
    for seed in range(12):
        time, event, treated, x, _ = survival(1500, seed, effect=0.0)
        effect = weighted_cox(time, event, treated, x, estimand=estimand).effect
        naive.append(fit_cox(time, event, treated).coefficients[0])
        found.append(effect.log_estimate)
        errors.append(effect.std_err)
    assert np.mean(naive) > 0.3
    assert abs(np.mean(found)) < 3 * np.mean(errors) / np.sqrt(12)
    assert np.std(found) == pytest.approx(np.mean(errors), rel=0.6)


def test_the_variance_of_estimated_weights_is_that_of_the_bootstrap() -> None:
    """The robust variance takes the weights as known, and is too large."""
    time, event, treated, x, _ = survival(600, 4)
    analytic = weighted_cox(time, event, treated, x)
    repeated = weighted_cox(time, event, treated, x, bootstrap=250, seed=3)
    assert analytic.effect.std_err == pytest.approx(repeated.effect.std_err, rel=0.12)
    assert analytic.fit.standard_errors[0] > 1.1 * analytic.effect.std_err
    assert repeated.effect.estimate == analytic.effect.estimate
    again = weighted_cox(time, event, treated, x, bootstrap=250, seed=3)
    assert (again.effect.ci_low, again.effect.ci_high) == (repeated.effect.ci_low, repeated.effect.ci_high)


def test_boosted_scores_do_not_depend_on_the_order_of_rows() -> None:
    x, treated = people(5, n=300)
    order = np.random.default_rng(1).permutation(300)
    one, two = (
        fit_boosted(x[rows], treated[rows], max_trees=30, folds=3) for rows in (np.arange(300), order)
    )
    assert_array_equal(one.fitted[order], two.fitted)
    assert one.trees == two.trees


def test_boosted_scores_find_a_bend_that_a_straight_line_misses() -> None:
    rng = np.random.default_rng(8)
    x = rng.uniform(-2, 2, size=(1500, 2))
    treated = rng.random(1500) < np.where(np.abs(x[:, 0]) > 1, 0.75, 0.25)
    straight, trees = fit_propensity(x, treated), fit_propensity(x, treated, model="boosted")
    assert straight.auc < 0.58
    assert trees.auc > 0.7
    bent = np.abs(x[:, 0]) > 1
    frame = pl.DataFrame({"bent": bent.astype(float)})
    before = balance(frame, treated).largest_smd()
    weighted = [
        balance(frame, treated, weights=propensity_weights(s.score, treated).weights).largest_smd()
        for s in (straight, trees)
    ]
    assert weighted[0] > 0.9 * before
    assert weighted[1] < 0.25 * before
