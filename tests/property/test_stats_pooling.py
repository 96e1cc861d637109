"""What must hold of every pool and every sensitivity analysis, whatever the numbers."""

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipelines.stats.errors import ConvergenceError
from pipelines.stats.pooling import (
    StudyEstimate,
    check_study,
    egger,
    leave_one_out,
    meta_regression,
    pool,
    pool_studies,
    pool_subgroups,
    trim_and_fill,
)
from pipelines.stats.pooling._mixed import METHODS
from pipelines.stats.sensitivity import (
    bounding_factor,
    confounding_factor,
    covariate_benchmarks,
    e_value,
    holm,
    negative_control_outcome,
    rosenbaum_survival,
    subgroup_effects,
)

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=30, deadline=None, derandomize=True)
RANDOM_METHODS = [method for method in METHODS if method != "fixed"]


def studies(seed: int, k: int = 8, tau: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.01, 0.3, k)
    return rng.normal(-0.2, np.sqrt(v + tau**2)), v


@FEW
@given(seed=SEEDS, method=st.sampled_from(METHODS))
def test_order_of_studies_does_not_change_a_bit(seed: int, method: str) -> None:
    y, v = studies(seed)
    order = np.random.default_rng(seed).permutation(len(y))
    one, two = pool(y, v, method=method), pool(y[order], v[order], method=method)
    assert one.log_estimate == two.log_estimate
    assert one.tau2 == two.tau2
    assert one.tau2_ci == two.tau2_ci
    assert one.intervals == two.intervals
    assert_allclose(one.weights[order], two.weights, rtol=1e-12)


@FEW
@given(seed=SEEDS, method=st.sampled_from(METHODS))
def test_exchanging_the_arms_turns_the_pool_round(seed: int, method: str) -> None:
    y, v = studies(seed)
    one, two = pool(y, v, method=method), pool(-y, v, method=method)
    assert two.log_estimate == pytest.approx(-one.log_estimate, rel=1e-9, abs=1e-12)
    assert two.tau2 == pytest.approx(one.tau2, rel=1e-7, abs=1e-12)
    for interval in one.intervals:
        other = two.interval(interval.kind)
        assert [-other.high, -other.low] == pytest.approx([interval.low, interval.high], abs=1e-8)


@FEW
@given(seed=SEEDS, method=st.sampled_from(METHODS), shift=st.sampled_from([-3.0, 5.0]))
def test_adding_a_constant_to_every_study_only_moves_the_mean(seed: int, method: str, shift: float) -> None:
    y, v = studies(seed)
    one, two = pool(y, v, method=method), pool(y + shift, v, method=method)
    assert two.log_estimate == pytest.approx(one.log_estimate + shift, rel=1e-9)
    assert two.tau2 == pytest.approx(one.tau2, rel=1e-6, abs=1e-10)
    assert two.q == pytest.approx(one.q, rel=1e-8)


@FEW
@given(seed=SEEDS, method=st.sampled_from(RANDOM_METHODS))
def test_the_mean_lies_between_the_studies_and_predictions_are_wider_than_it(seed: int, method: str) -> None:
    y, v = studies(seed)
    found = pool(y, v, method=method)
    assert y.min() <= found.log_estimate <= y.max()
    assert found.weights.sum() == pytest.approx(100)
    assert found.tau2_ci[0] <= found.tau2_ci[1]
    wald, prediction = found.interval("wald"), found.interval("prediction_z")
    assert prediction.low <= wald.low < wald.high <= prediction.high
    plain, variant = found.interval("hartung_knapp"), found.interval("hartung_knapp_at_least_wald")
    assert variant.std_err >= max(plain.std_err, wald.std_err) - 1e-15


@FEW
@given(seed=SEEDS)
def test_studies_that_agree_have_no_variance_between_them(seed: int) -> None:
    _, v = studies(seed)
    fixed = pool(np.full(len(v), -0.3), v, method="fixed")
    for method in RANDOM_METHODS:
        found = pool(np.full(len(v), -0.3), v, method=method)
        assert found.tau2 == 0
        assert found.log_estimate == pytest.approx(fixed.log_estimate)
        assert "hartung_knapp" not in [interval.kind for interval in found.intervals]


@FEW
@given(seed=SEEDS, method=st.sampled_from(METHODS))
def test_a_moderator_shared_by_all_studies_of_a_group_tells_the_groups_apart(seed: int, method: str) -> None:
    y, v = studies(seed)
    group = np.arange(len(y)) % 2
    fit = meta_regression(y, v, group, method=method)
    if method == "fixed":
        pools = pool_subgroups(y, v, group, method=method)
        difference = pools.log_estimates[1] - pools.log_estimates[0]
        assert fit.coefficients[1] == pytest.approx(difference, rel=1e-8, abs=1e-10)
        assert fit.moderator_statistic == pytest.approx(pools.between_statistic, rel=1e-7, abs=1e-10)
    other = meta_regression(y, v, 10.0 * group + 3, method=method)
    assert other.coefficients[1] == pytest.approx(fit.coefficients[1] / 10, rel=1e-6, abs=1e-9)
    assert other.moderator_statistic == pytest.approx(fit.moderator_statistic, rel=1e-6, abs=1e-9)


@FEW
@given(seed=SEEDS)
def test_leaving_out_is_pooling_the_rest(seed: int) -> None:
    y, v = studies(seed, k=5)
    rows = leave_one_out(y, v, method="dersimonian_laird")
    for i, estimate in enumerate(rows["estimate"]):
        rest = np.arange(5) != i
        assert np.log(estimate) == pytest.approx(
            pool(y[rest], v[rest], method="dersimonian_laird").log_estimate
        )


@FEW
@given(seed=SEEDS, estimator=st.sampled_from(["L0", "R0", "Q0"]))
def test_a_filled_study_mirrors_one_that_is_there(seed: int, estimator: str) -> None:
    y, v = studies(seed)
    try:
        found = trim_and_fill(y, v, estimator=estimator, method="dersimonian_laird")
    except ConvergenceError:
        assert estimator == "Q0"
        reject()
    assert found.filled.sum() == found.missing
    assert_array_equal(found.estimate[: len(y)], y)
    assert set(found.variance[found.filled]) <= set(v)
    flipped = trim_and_fill(-y, v, estimator=estimator, method="dersimonian_laird")
    assert flipped.missing == found.missing
    assert flipped.side != found.side


@FEW
@given(seed=SEEDS, factor=st.sampled_from([0.1, 10.0]))
def test_classic_egger_does_not_depend_on_the_unit_of_the_effect(seed: int, factor: float) -> None:
    y, v = studies(seed)
    one, two = egger(y, v), egger(factor * y, factor**2 * v)
    assert two.statistic == pytest.approx(one.statistic, rel=1e-8, abs=1e-10)
    assert two.slope == pytest.approx(one.slope, rel=1e-8, abs=1e-10)


@FEW
@given(
    log_ratio=st.floats(-1.5, 1.5),
    std_err=st.floats(0.05, 0.6),
    level=st.sampled_from([0.9, 0.95, 0.99]),
    digits=st.integers(2, 4),
)
def test_figures_that_are_only_rounded_pass_every_check(
    log_ratio: float, std_err: float, level: float, digits: int
) -> None:
    from scipy.special import ndtr, ndtri

    z = ndtri((1 + level) / 2)
    low, value, high = (round(float(np.exp(log_ratio + side * z * std_err)), digits) for side in (-1, 0, 1))
    assume(0 < low < value < high)  # of a ratio that is very small rounding leaves nothing
    n = int(4 / std_err**2) + 2
    p = round(float(2 * ndtr(-abs(log_ratio) / std_err)), 3)
    study = StudyEstimate(
        "made up",
        value,
        low,
        high,
        level,
        "exposed_vs_unexposed",
        p_value=max(p, 0.001),
        p_is_bound=p == 0,
        digits=digits,
        n=n,
        n_exposed=n // 2,
        events=n,
    )
    assert [check.finding for check in check_study(study) if check.passed is False] == []


@FEW
@given(seed=SEEDS, method=st.sampled_from(METHODS))
def test_the_printed_orientation_and_level_do_not_matter(seed: int, method: str) -> None:
    from scipy.special import ndtri

    y, v = studies(seed, k=4)
    one, two = [], []
    for i, (centre, se) in enumerate(zip(y, np.sqrt(v), strict=True)):
        limits = np.exp(centre + se * ndtri(0.975) * np.array([-1, 1]))
        narrow = np.exp(-centre + se * ndtri(0.95) * np.array([-1, 1]))
        one.append(StudyEstimate(f"s{i}", np.exp(centre), *limits, 0.95, "exposed_vs_unexposed"))
        two.append(StudyEstimate(f"s{i}", np.exp(-centre), *narrow, 0.9, "unexposed_vs_exposed"))
    first, second = pool_studies(one, method=method), pool_studies(two, method=method)
    assert second.log_estimate == pytest.approx(first.log_estimate, rel=1e-8, abs=1e-10)
    assert second.tau2 == pytest.approx(first.tau2, rel=1e-6, abs=1e-10)


@FEW
@given(ratio=st.floats(0.2, 5), half=st.floats(0.01, 1.0), measure=st.sampled_from(["hr", "or", "rr"]))
def test_an_e_value_is_that_of_the_inverse_and_its_limit_is_smaller(
    ratio: float, half: float, measure: str
) -> None:
    options = {"analysis": "any", "corrected_for": ["immortal_time"], "measure": measure}
    low, high = ratio * np.exp(-half), ratio * np.exp(half)
    one = e_value(ratio, low, high, common_outcome=True, **options)
    two = e_value(1 / ratio, 1 / high, 1 / low, common_outcome=True, **options)
    assert one.e_value == pytest.approx(two.e_value, rel=1e-7)
    assert 1 <= one.e_value_limit <= one.e_value
    assert (one.e_value_limit == 1) == (low <= 1 <= high)
    assert float(bounding_factor(one.e_value, one.e_value)) == pytest.approx(
        max(one.risk_ratio, 1 / one.risk_ratio), rel=1e-9
    )


@FEW
@given(p1=st.floats(0, 1), p0=st.floats(0, 1), ratio=st.floats(0.1, 10))
def test_a_confounder_alike_in_both_arms_or_without_effect_confounds_nothing(
    p1: float, p0: float, ratio: float
) -> None:
    assert float(confounding_factor(p1, p1, ratio)) == pytest.approx(1)
    assert float(confounding_factor(p1, p0, 1.0)) == pytest.approx(1)
    forward, back = confounding_factor(p1, p0, ratio), confounding_factor(p0, p1, ratio)
    assert float(forward * back) == pytest.approx(1)
    assert min(ratio, 1 / ratio) - 1e-12 <= float(forward) <= max(ratio, 1 / ratio) + 1e-12


@FEW
@given(seed=SEEDS, scores=st.sampled_from(["sign", "logrank"]))
def test_bounds_widen_with_gamma_and_turn_round_with_the_arms(seed: int, scores: str) -> None:
    rng = np.random.default_rng(seed)
    a, b = np.ceil(rng.exponential(20, 60)), np.ceil(rng.exponential(14, 60))
    da, db = rng.random(60) < 0.7, rng.random(60) < 0.7
    found = rosenbaum_survival(a, da, b, db, scores=scores, gamma=[1, 1.5, 2, 4])
    assert found.p_low[0] == found.p_high[0]
    assert (np.diff(found.p_high) >= 0).all()
    assert (np.diff(found.p_low) <= 0).all()
    turned = rosenbaum_survival(b, db, a, da, scores=scores, gamma=[1, 1.5, 2, 4], alternative="more")
    assert_allclose(turned.p_high, found.p_high, rtol=1e-9)
    order = rng.permutation(60)
    again = rosenbaum_survival(a[order], da[order], b[order], db[order], scores=scores, gamma=[1, 1.5, 2, 4])
    assert_array_equal(again.p_high, found.p_high)
    if found.critical_gamma is not None:
        at = rosenbaum_survival(a, da, b, db, scores=scores, gamma=[found.critical_gamma])
        assert at.p_high[0] == pytest.approx(0.05, rel=1e-6)


@settings(FEW, max_examples=10)
@given(seed=SEEDS)
def test_order_of_people_does_not_change_subgroups_benchmarks_or_the_negative_control(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 300
    exposed, x = rng.random(n) < 0.4, np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)])
    time, event = np.ceil(rng.exponential(20, n)), rng.random(n) < 0.7
    cause, group = rng.choice(["other", "cancer"], n), rng.choice(["a", "b"], n)
    weights = rng.choice([0.5, 1.0, 2.0], n)

    def everything(rows: np.ndarray) -> list[float]:
        arguments = (time[rows], event[rows])
        w = weights[rows]
        parts = subgroup_effects(
            *arguments,
            exposed[rows],
            {"g": group[rows]},
            weights=w,
            analysis="a",
            estimand="ATO",
            effect_type="marginal",
        )
        strength = covariate_benchmarks(
            *arguments, exposed[rows], x[rows], weights=w, common_outcome=True
        ).to_frame()
        control = negative_control_outcome(
            *arguments, cause[rows], exposed[rows], x[rows], negative=["other"], weights=w
        )
        return [
            *(s.effect.estimate for s in parts.subgroups),
            parts.tests[0].p_holm,
            *strength["bounding_factor"],
            *strength["log_shift"],
            control.effect.ci_low,
            control.detectable_ratio,
        ]

    assert_allclose(everything(rng.permutation(n)), everything(np.arange(n)), rtol=1e-9, atol=1e-12)


@FEW
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_lowers_a_p_value(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert (holm(p, family_size=len(p) + 3) >= adjusted).all()
