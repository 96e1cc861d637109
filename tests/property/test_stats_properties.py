"""What must hold whatever the data: order of rows, scales of covariates, counts as weights, ties."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipelines.stats.balance import balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.cox.diagnostics import martingale_residuals, score_residuals
from pipelines.stats.errors import CollinearityError, ConvergenceError, SeparationError
from pipelines.stats.kaplan_meier import kaplan_meier
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.propensity.logistic import fit_logistic

NOT_FITTED = (SeparationError, CollinearityError, ConvergenceError)
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=40, deadline=None, derandomize=True)


@dataclass
class People:
    """Made-up survival data in whole months, with ties."""

    time: np.ndarray
    event: np.ndarray
    x: np.ndarray
    entry: np.ndarray
    weights: np.ndarray
    strata: np.ndarray
    rng: np.random.Generator

    @property
    def options(self) -> dict[str, np.ndarray]:
        return {"entry": self.entry, "weights": self.weights, "strata": self.strata}


def people(seed: int, n: int = 80) -> People:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.integers(18, 90, n)])
    time = np.ceil(rng.exponential(12 * np.exp(-0.5 * x[:, 0]))) + 1
    return People(
        time=time,
        event=rng.random(n) < 0.7,
        x=x,
        entry=np.floor(time * rng.random(n) * 0.5),
        weights=rng.choice([0.3, 1.0, 1.7], n),
        strata=rng.choice(["a", "b"], n),
        rng=rng,
    )


@FEW
@given(seed=SEEDS, ties=st.sampled_from(["efron", "breslow"]))
def test_order_of_rows_does_not_change_a_bit_of_a_cox_fit(seed: int, ties: str) -> None:
    d = people(seed)
    cluster = d.rng.integers(0, 20, len(d.time))
    order = d.rng.permutation(len(d.time))
    shuffled = {k: v[order] for k, v in d.options.items()}
    try:
        one = fit_cox(d.time, d.event, d.x, cluster=cluster, ties=ties, **d.options)
    except NOT_FITTED:
        assume(False)
    two = fit_cox(d.time[order], d.event[order], d.x[order], cluster=cluster[order], ties=ties, **shuffled)
    assert_array_equal(one.coefficients, two.coefficients)
    assert_array_equal(one.naive_covariance, two.naive_covariance)
    assert one.log_likelihood == two.log_likelihood
    assert_allclose(one.covariance, two.covariance, rtol=1e-12)
    assert_allclose(martingale_residuals(one)[order], martingale_residuals(two), rtol=1e-12)


@FEW
@given(seed=SEEDS, factor=st.sampled_from([1e-6, 0.01, 365.25, 1e6]), shift=st.sampled_from([0.0, 1000.0]))
def test_units_of_a_covariate_only_rescale_its_coefficient(seed: int, factor: float, shift: float) -> None:
    d = people(seed)
    other = d.x * [factor, 1.0, 1.0] + [0.0, 0.0, shift]
    try:
        one = fit_cox(d.time, d.event, d.x, **d.options)
    except NOT_FITTED:
        assume(False)
    two = fit_cox(d.time, d.event, other, **d.options)
    assert_allclose(two.coefficients * [factor, 1.0, 1.0], one.coefficients, rtol=1e-7, atol=1e-10)
    assert_allclose(two.wald_test().statistic, one.wald_test().statistic, rtol=1e-7)


@FEW
@given(seed=SEEDS)
def test_breslow_weight_two_is_two_rows(seed: int) -> None:
    d = people(seed)
    twice = d.rng.random(len(d.time)) < 0.5
    rows = np.concatenate([np.arange(len(d.time)), np.flatnonzero(twice)])
    try:
        weighted = fit_cox(d.time, d.event, d.x, weights=1.0 + twice, entry=d.entry, ties="breslow")
    except NOT_FITTED:
        assume(False)
    doubled = fit_cox(d.time[rows], d.event[rows], d.x[rows], entry=d.entry[rows], ties="breslow")
    assert_allclose(weighted.coefficients, doubled.coefficients, rtol=1e-8, atol=1e-10)
    assert_allclose(weighted.naive_covariance, doubled.naive_covariance, rtol=1e-8, atol=1e-12)


@FEW
@given(seed=SEEDS)
def test_one_stratum_is_no_stratum_and_entry_at_zero_is_no_entry(seed: int) -> None:
    d = people(seed)
    n = len(d.time)
    try:
        plain = fit_cox(d.time, d.event, d.x)
    except NOT_FITTED:
        assume(False)
    same = fit_cox(d.time, d.event, d.x, strata=["all"] * n, entry=np.zeros(n))
    assert_allclose(same.coefficients, plain.coefficients, rtol=1e-9, atol=1e-12)
    assert_allclose(same.covariance, plain.covariance, rtol=1e-9, atol=1e-14)


@FEW
@given(seed=SEEDS)
def test_what_is_constant_in_a_stratum_does_not_matter(seed: int) -> None:
    d = people(seed)
    far = d.x + np.where(d.strata == "a", 60.0, 0.0)[:, None]
    try:
        near = fit_cox(d.time, d.event, d.x, **d.options)
    except NOT_FITTED:
        assume(False)
    assert_allclose(
        fit_cox(d.time, d.event, far, **d.options).coefficients, near.coefficients, rtol=1e-6, atol=1e-9
    )


@FEW
@given(seed=SEEDS, ties=st.sampled_from(["efron", "breslow"]))
def test_cutting_follow_up_into_pieces_changes_nothing(seed: int, ties: str) -> None:
    d = people(seed)
    cut = np.floor((d.entry + d.time) / 2)
    inside = (cut > d.entry) & (cut < d.time)
    start = np.concatenate([d.entry, cut[inside]])
    stop = np.concatenate([np.where(inside, cut, d.time), d.time[inside]])
    event = np.concatenate([d.event & ~inside, d.event[inside]])
    x, person = np.vstack([d.x, d.x[inside]]), np.concatenate([np.arange(80), np.flatnonzero(inside)])
    try:
        whole = fit_cox(d.time, d.event, d.x, entry=d.entry, ties=ties, robust=True)
    except NOT_FITTED:
        assume(False)
    pieces = fit_cox(stop, event, x, entry=start, cluster=person, ties=ties)
    assert_allclose(pieces.coefficients, whole.coefficients, rtol=1e-8, atol=1e-10)
    assert_allclose(pieces.covariance, whole.covariance, rtol=1e-7, atol=1e-12)


@FEW
@given(seed=SEEDS, ties=st.sampled_from(["efron", "breslow"]))
def test_residuals_add_up_to_nothing(seed: int, ties: str) -> None:
    d = people(seed)
    try:
        fit = fit_cox(d.time, d.event, d.x, ties=ties, **d.options)
    except NOT_FITTED:
        assume(False)
    assert d.weights @ martingale_residuals(fit) == pytest.approx(0, abs=1e-8)
    assert_allclose(d.weights @ score_residuals(fit), 0, atol=1e-5)


@FEW
@given(seed=SEEDS)
def test_score_test_of_breslow_is_the_logrank_test_without_ties(seed: int) -> None:
    d = people(seed)
    time = d.rng.permutation(len(d.time)) + 1.0
    arm = d.x[:, 1]
    try:
        fit = fit_cox(time, d.event, arm, strata=d.strata)
    except NOT_FITTED:
        assume(False)
    assert logrank(time, d.event, arm, strata=d.strata).statistic == pytest.approx(
        fit.score_test().statistic, rel=1e-9
    )


@FEW
@given(seed=SEEDS)
def test_order_of_rows_does_not_change_a_bit_of_a_logistic_fit(seed: int) -> None:
    d = people(seed)
    order = d.rng.permutation(len(d.time))
    try:
        one = fit_logistic(d.x, d.event, weights=d.weights)
    except NOT_FITTED:
        assume(False)
    two = fit_logistic(d.x[order], d.event[order], weights=d.weights[order])
    assert_array_equal(one.coefficients, two.coefficients)
    assert_array_equal(one.covariance, two.covariance)
    assert_array_equal(one.fitted[order], two.fitted)


@FEW
@given(seed=SEEDS)
def test_without_censoring_the_curve_is_one_minus_the_distribution_function(seed: int) -> None:
    d = people(seed)
    curve = kaplan_meier(d.time, np.ones(len(d.time))).curves[0]
    share_alive = [np.mean(d.time > t) for t in curve.time]
    assert_allclose(curve.survival, share_alive, rtol=1e-10, atol=1e-15)


@FEW
@given(seed=SEEDS)
def test_numbers_at_risk_are_counts_of_people(seed: int) -> None:
    d = people(seed)
    times = np.arange(0, 30.0)
    curve = kaplan_meier(d.time, d.event, entry=d.entry, weights=d.weights).curves[0]
    counted = [d.weights[(d.entry < t) & (d.time >= t)].sum() for t in times]
    assert_allclose(curve.n_at_risk(times), counted, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_exchanging_the_arms_turns_the_pooled_difference_round(seed: int) -> None:
    d = people(seed)
    arm = d.rng.random(len(d.time)) < 0.4
    assume(2 <= arm.sum() <= 78)
    one, two = (balance(d.x, a, weights=d.weights) for a in (arm, ~arm))
    assert_allclose(one.before.smd, -two.before.smd, rtol=1e-12, atol=1e-15)
    assert_allclose(one.after.smd, -two.after.smd, rtol=1e-12, atol=1e-15)
    assert_allclose(one.after.ks, two.after.ks, rtol=1e-12, atol=1e-12)


def test_strata_whose_levels_lie_far_apart_do_not_disturb_each_other() -> None:
    """A covariate that is constant within strata says nothing there, however large it is."""
    rng = np.random.default_rng(5)
    n = 400
    stratum = np.arange(n) // 2
    x = rng.normal(size=(n, 2))
    time, event = np.ceil(rng.exponential(20, n)), rng.random(n) < 0.8
    level = np.column_stack([np.zeros(n), 300 * rng.normal(size=n // 2)[stratum]])
    near, far = (fit_cox(time, event, x + shift, strata=stratum) for shift in (0 * level, level))
    assert_allclose(far.coefficients, near.coefficients, rtol=1e-9)
    assert_allclose(far.covariance, near.covariance, rtol=1e-9)
