"""What must hold of competing risks, parametric models and adjusted curves, whatever the data."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipelines.stats.adjusted import (
    incidence_difference,
    number_needed,
    standardised_curves,
    survival_contrast,
    weighted_curves,
)
from pipelines.stats.adjusted._designs import SurvivalDesign, people_of
from pipelines.stats.competing_risks import aalen_johansen, fit_fine_gray, gray_test
from pipelines.stats.cox import fit_cox
from pipelines.stats.effect import wald_effect
from pipelines.stats.errors import CollinearityError, ConvergenceError, ReplicateError, SeparationError
from pipelines.stats.kaplan_meier import kaplan_meier
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.parametric import fit_piecewise_exponential, fit_royston_parmar

NOT_FITTED = (SeparationError, CollinearityError, ConvergenceError)
SEEDS = st.integers(0, 2**32 - 1)
TIES = st.sampled_from(["efron", "breslow"])
FEW = settings(max_examples=20, deadline=None, derandomize=True)


@dataclass
class People:
    """Made-up data in whole months, with ties and two causes."""

    time: np.ndarray
    cause: np.ndarray
    x: np.ndarray
    entry: np.ndarray
    weights: np.ndarray
    strata: np.ndarray
    arm: np.ndarray
    rng: np.random.Generator

    @property
    def died(self) -> np.ndarray:
        return self.cause > 0

    def rows(self, rows: np.ndarray) -> "People":
        parts = (self.time, self.cause, self.x, self.entry, self.weights, self.strata, self.arm)
        return People(*(part[rows] for part in parts), self.rng)


def people(seed: int, n: int = 120) -> People:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)])
    time = np.ceil(rng.exponential(15 * np.exp(-0.4 * x[:, 0]))) + 1
    return People(
        time=time,
        cause=rng.choice([0, 1, 2], n, p=[0.3, 0.45, 0.25]),
        x=x,
        entry=np.floor(time * rng.random(n) * 0.5) * (rng.random(n) < 0.4),
        weights=rng.choice([0.3, 1.0, 1.7], n),
        strata=rng.choice(["a", "b"], n),
        arm=rng.random(n) < 0.5,
        rng=rng,
    )


@FEW
@given(seed=SEEDS)
def test_incidences_of_all_causes_and_survival_sum_to_one(seed: int) -> None:
    d = people(seed)
    for curve in aalen_johansen(d.time, d.cause, entry=d.entry, weights=d.weights, group=d.strata):
        assert_allclose(curve.incidence.sum(axis=1) + curve.survival, 1.0, atol=1e-12)


@FEW
@given(seed=SEEDS)
def test_numbers_at_risk_are_those_of_kaplan_and_meier(seed: int) -> None:
    d = people(seed)
    given, times = {"entry": d.entry, "weights": d.weights}, np.arange(0, 40, 1.5)
    ours = aalen_johansen(d.time, d.cause, **given).at(times)
    theirs = kaplan_meier(d.time, d.died, **given).curves[0].n_at_risk(times)
    assert_allclose(ours["n_risk"], np.tile(theirs, 2), atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_survival_from_any_cause_is_kaplan_and_meiers(seed: int) -> None:
    d = people(seed)
    cluster = d.rng.integers(0, 30, len(d.time))
    given = {"entry": d.entry, "weights": d.weights, "cluster": cluster}
    ours = aalen_johansen(d.time, d.cause, **given).curves[0]
    theirs = kaplan_meier(d.time, d.died, **given).curves[0]
    assert_allclose(ours.survival, theirs.survival, rtol=1e-10, atol=1e-14)
    assert_allclose(ours.survival_std_err, theirs.survival_std_err, rtol=1e-7, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_with_one_cause_the_incidence_is_one_minus_kaplan_and_meier(seed: int) -> None:
    d = people(seed)
    ours = aalen_johansen(d.time, d.died, entry=d.entry).curves[0]
    theirs = kaplan_meier(d.time, d.died, entry=d.entry, robust=True).curves[0]
    assert_allclose(ours.incidence[:, 0], 1 - theirs.survival, atol=1e-12)
    assert_allclose(ours.std_err[:, 0], theirs.survival_std_err, rtol=1e-7, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_jackknife_is_the_derivative_by_the_weights_of_each_cluster(seed: int) -> None:
    d = people(seed, n=40)
    cluster, step = d.rng.integers(0, 8, len(d.time)), 1e-5

    def incidence(weights: np.ndarray) -> np.ndarray:
        return aalen_johansen(d.time, d.cause, weights=weights, entry=d.entry).curves[0].incidence

    total = 0.0
    for label in np.unique(cluster):
        up, down = (d.weights * np.where(cluster == label, 1 + sign * step, 1.0) for sign in (1, -1))
        total += ((incidence(up) - incidence(down)) / (2 * step)) ** 2
    ours = aalen_johansen(d.time, d.cause, weights=d.weights, entry=d.entry, cluster=cluster).curves[0]
    assert_allclose(ours.std_err, np.sqrt(total), rtol=1e-4, atol=1e-7)


@FEW
@given(seed=SEEDS)
def test_error_of_a_difference_is_its_derivative_by_the_weights_of_each_pair(seed: int) -> None:
    d = people(seed, n=40)
    pair, step = np.repeat(np.arange(20), 2), 1e-5
    arm = np.tile([True, False], 20)
    times, own = [3.0, 7.0], {"entry": d.entry, "group": arm}
    assume(all((d.cause[arm == a] > 0).any() and d.time[arm == a].max() >= 7 for a in (True, False)))
    assume((d.cause == 2)[d.time <= 3].any())

    def difference(weights: np.ndarray) -> np.ndarray:
        fit = aalen_johansen(d.time, d.cause, weights=weights, **own)
        one, other = (
            fit[a].incidence_at(times, 2) if 2 in d.cause[arm == a] else np.zeros(2) for a in (True, False)
        )
        return one - other

    total = 0.0
    for label in range(20):
        up, down = (d.weights * np.where(pair == label, 1 + sign * step, 1.0) for sign in (1, -1))
        total += ((difference(up) - difference(down)) / (2 * step)) ** 2
    assume((total > 1e-8).all())
    options = {"of": 2, "times": times, "entry": d.entry, "weights": d.weights}
    found = incidence_difference(d.time, d.cause, arm, cluster=pair, **options)
    assert_allclose([e.std_err for e in found], np.sqrt(total), rtol=1e-4)
    assert_allclose([e.estimate for e in found], difference(d.weights), atol=1e-12)
    alone = incidence_difference(d.time, d.cause, arm, **options)
    fit = aalen_johansen(d.time, d.cause, weights=d.weights, **own)
    if all(2 in d.cause[arm == a] for a in (True, False)):
        apart = np.hypot(*(fit[a].std_err_at(times, 2) for a in (True, False)))
        assert_allclose([e.std_err for e in alone], apart, rtol=1e-7, atol=1e-10)


@FEW
@given(seed=SEEDS)
def test_score_of_grays_test_with_one_cause_is_that_of_the_logrank_test(seed: int) -> None:
    d = people(seed)
    gray = gray_test(d.time, d.died, d.arm, strata=d.strata)
    rank = logrank(d.time, d.died, d.arm, strata=d.strata)
    assert_allclose(gray.score[0], (rank.observed - rank.expected)[:-1], rtol=1e-8, atol=1e-10)
    assert gray.statistic[0] == pytest.approx(rank.statistic, rel=0.25, abs=0.05)


@FEW
@given(seed=SEEDS)
def test_grays_test_does_not_depend_on_which_group_comes_first(seed: int) -> None:
    d = people(seed)
    group = d.rng.integers(0, 3, len(d.time))
    one = gray_test(d.time, d.cause, group, rho=1)
    two = gray_test(d.time, d.cause, 2 - group, rho=1)
    assert_allclose(one.statistic, two.statistic, rtol=1e-7)


@FEW
@given(seed=SEEDS, ties=TIES)
def test_fine_gray_without_other_causes_is_cox(seed: int, ties: str) -> None:
    d = people(seed)
    given = {"entry": d.entry, "weights": d.weights, "strata": d.strata, "ties": ties}
    try:
        cox = fit_cox(d.time, d.died, d.x, robust=True, **given)
    except NOT_FITTED:
        assume(False)
    gray = fit_fine_gray(d.time, d.died, d.x, **given)
    assert_allclose(gray.coefficients, cox.coefficients, rtol=1e-8, atol=1e-10)
    assert_allclose(gray.covariance, cox.covariance, rtol=1e-8, atol=1e-12)
    assert_allclose(gray.naive_covariance, cox.naive_covariance, rtol=1e-8, atol=1e-12)
    assert_allclose(gray.log_likelihood, cox.log_likelihood, rtol=1e-10)


@FEW
@given(seed=SEEDS, censoring=st.sampled_from(["events_first", "flipped"]))
def test_weight_two_is_two_rows_under_breslow(seed: int, censoring: str) -> None:
    d = people(seed)
    twice = d.rng.random(len(d.time)) < 0.5
    double = d.rows(np.concatenate([np.arange(len(d.time)), np.flatnonzero(twice)]))
    options = {"ties": "breslow", "censoring": censoring, "weigh_censoring": True}
    try:
        one = fit_fine_gray(d.time, d.cause, d.x, weights=1.0 + twice, **options)
    except NOT_FITTED:
        assume(False)
    two = fit_fine_gray(double.time, double.cause, double.x, **options)
    assert_allclose(one.coefficients, two.coefficients, rtol=1e-8, atol=1e-10)
    assert_allclose(one.naive_covariance, two.naive_covariance, rtol=1e-8, atol=1e-12)
    first = aalen_johansen(d.time, d.cause, weights=1.0 + twice).curves[0]
    second = aalen_johansen(double.time, double.cause).curves[0]
    assert_allclose(first.incidence, second.incidence, rtol=1e-10, atol=1e-14)


@FEW
@given(seed=SEEDS, ties=TIES)
def test_order_of_rows_does_not_matter_to_competing_risks(seed: int, ties: str) -> None:
    d = people(seed)
    cluster, order = d.rng.integers(0, 30, len(d.time)), d.rng.permutation(len(d.time))
    m = d.rows(order)
    try:
        one = fit_fine_gray(
            d.time, d.cause, d.x, weights=d.weights, cluster=cluster, entry=d.entry, ties=ties
        )
    except NOT_FITTED:
        assume(False)
    two = fit_fine_gray(
        m.time, m.cause, m.x, weights=m.weights, cluster=cluster[order], entry=m.entry, ties=ties
    )
    assert_array_equal(one.coefficients, two.coefficients)
    assert_array_equal(one.naive_covariance, two.naive_covariance)
    assert_allclose(one.covariance, two.covariance, rtol=1e-10)
    curves = [
        aalen_johansen(p.time, p.cause, weights=p.weights, entry=p.entry, cluster=c).curves[0]
        for p, c in ((d, cluster), (m, cluster[order]))
    ]
    assert_array_equal(curves[0].incidence, curves[1].incidence)
    assert_allclose(curves[0].std_err, curves[1].std_err, rtol=1e-8, atol=1e-12)
    tests = [gray_test(p.time, p.cause, p.arm, strata=p.strata) for p in (d, m)]
    assert_array_equal(tests[0].statistic, tests[1].statistic)


@FEW
@given(seed=SEEDS, scale=st.sampled_from(["hazard", "odds", "normal"]))
def test_units_and_order_do_not_matter_to_a_flexible_model(seed: int, scale: str) -> None:
    d = people(seed)
    order, unit, factor = d.rng.permutation(len(d.time)), 30.4375, np.array([100.0, 1.0])
    options = {"df": 3, "scale": scale}
    try:
        one = fit_royston_parmar(d.time, d.died, d.x, entry=d.entry, weights=d.weights, **options)
        two = fit_royston_parmar(
            d.time[order] * unit,
            d.died[order],
            d.x[order] * factor + [0.0, 50.0],
            entry=d.entry[order] * unit,
            weights=d.weights[order],
            **options,
        )
    except NOT_FITTED:
        assume(False)
    assert_allclose(two.coefficients[4:] * factor, one.coefficients[4:], rtol=1e-5, atol=1e-7)
    assert_allclose(two.standard_errors[4:] * factor, one.standard_errors[4:], rtol=1e-5)
    shift = (d.weights * d.died).sum() * np.log(unit)
    assert two.log_likelihood == pytest.approx(one.log_likelihood - shift, rel=1e-9)
    at, times = np.array([0.5, 1.0]), np.array([2.0, 10.0])
    then = two.survival(at * factor + [0.0, 50.0], times * unit)
    assert_allclose(then.estimate, one.survival(at, times).estimate, rtol=1e-6)


@FEW
@given(seed=SEEDS)
def test_the_order_of_rows_does_not_change_a_bit_of_a_parametric_fit(seed: int) -> None:
    d = people(seed)
    m = d.rows(d.rng.permutation(len(d.time)))
    fits = []
    try:
        for p in (d, m):
            given = {"entry": p.entry, "weights": p.weights}
            fits.append(
                (
                    fit_royston_parmar(p.time, p.died, p.x, df=2, time_dependent={"x0": 1}, **given),
                    fit_piecewise_exponential(p.time, p.died, p.x, cuts=[5, 15], **given),
                )
            )
    except NOT_FITTED:
        assume(False)
    for one, two in zip(*fits, strict=True):
        assert_array_equal(one.coefficients, two.coefficients)
        assert_array_equal(one.covariance, two.covariance)


@FEW
@given(seed=SEEDS)
def test_weight_two_is_two_rows_in_parametric_models(seed: int) -> None:
    d = people(seed)
    twice = d.rng.random(len(d.time)) < 0.5
    double = d.rows(np.concatenate([np.arange(len(d.time)), np.flatnonzero(twice)]))
    pairs = []
    try:
        for p, weights in ((d, 1.0 + twice), (double, None)):
            given = {"entry": p.entry, "weights": weights}
            pairs.append(
                (
                    fit_royston_parmar(p.time, p.died, p.x, knots=[2, 8, 40], **given),
                    fit_piecewise_exponential(p.time, p.died, p.x, cuts=[5, 15], **given),
                )
            )
    except NOT_FITTED:
        assume(False)
    for one, two in zip(*pairs, strict=True):
        assert_allclose(one.coefficients, two.coefficients, rtol=1e-6, atol=1e-8)
        assert_allclose(one.covariance, two.covariance, rtol=1e-6, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_a_piecewise_exponential_model_cut_at_every_event_is_breslows_cox(seed: int) -> None:
    d = people(seed)
    time = np.minimum(d.time, 60.0) + (~d.died) * 0.5  # nobody is censored between cuts
    time = np.where(d.died, time, np.ceil(time))
    cuts = np.unique(time[d.died])
    stop = np.where(d.died | np.isin(time, cuts), time, cuts[np.searchsorted(cuts, time) - 1])
    assume((stop > 0).all() and (time >= cuts[0]).all())
    try:
        cox = fit_cox(stop, d.died, d.x, ties="breslow", robust=True)
        ours = fit_piecewise_exponential(stop, d.died, d.x, cuts=cuts[:-1], robust=True)
    except NOT_FITTED:
        assume(False)
    p = d.x.shape[1]
    assert_allclose(ours.coefficients[-p:], cox.coefficients, rtol=1e-6, atol=1e-8)
    assert_allclose(ours.naive_covariance[-p:, -p:], cox.naive_covariance, rtol=1e-6, atol=1e-10)
    assert_allclose(ours.covariance[-p:, -p:], cox.covariance, rtol=1e-6, atol=1e-10)


@FEW
@given(seed=SEEDS)
def test_hazard_is_the_slope_of_survival_and_the_restricted_mean_its_area(seed: int) -> None:
    d = people(seed)
    try:
        fit = fit_royston_parmar(d.time, d.died, d.x, df=2, time_dependent={"x1": 1})
    except NOT_FITTED:
        assume(False)
    at, t, step = np.array([0.3, 1.0]), np.array([3.0, 12.0]), 1e-4
    log = [np.log(fit.survival(at, t + move).estimate) for move in (-step, step)]
    assert_allclose(fit.hazard(at, t).estimate, (log[0] - log[1]) / (2 * step), rtol=1e-5)
    ratio = fit.hazard_ratio(at, [0.3, 0.0], t)
    apart = fit.hazard(at, t).estimate / fit.hazard([0.3, 0.0], t).estimate
    assert_allclose(ratio.estimate, apart, rtol=1e-10)
    grid = np.linspace(0, 24, 20001)
    area = np.trapezoid(fit.survival(at, grid).estimate, grid)
    assert fit.restricted_mean(at, 24).estimate[0] == pytest.approx(area, rel=1e-5)


@FEW
@given(seed=SEEDS)
def test_equal_weights_give_each_arm_its_own_kaplan_and_meier_curve(seed: int) -> None:
    d = people(seed)
    curves = weighted_curves(d.time, d.died, d.arm, np.full(len(d.time), 2.5))
    plain = kaplan_meier(d.time, d.died, group=d.arm, robust=True)
    assert_allclose(curves.survival, plain.survival_at(curves.time), rtol=1e-12)


@FEW
@given(seed=SEEDS, effect=st.sampled_from(["by_arm", "proportional"]))
def test_standardised_survival_lies_between_that_of_the_extreme_people(seed: int, effect: str) -> None:
    d = people(seed)
    try:
        everybody, treated, controls = (
            standardised_curves(d.time, d.died, d.arm, d.x, estimand=e, effect=effect, times=[5, 10]).survival
            for e in ("ATE", "ATT", "ATC")
        )
    except NOT_FITTED:
        assume(False)
    share = d.arm.mean()
    assert_allclose(everybody, share * treated + (1 - share) * controls, rtol=1e-9)


@FEW
@given(seed=SEEDS, method=st.sampled_from(["weighted", "g_computation", "unadjusted"]))
def test_exchanging_the_arms_turns_the_difference_round(seed: int, method: str) -> None:
    d = people(seed)
    options = {"times": [6.0], "horizons": [8.0], "method": method, "replicates": 4}
    order = d.rng.permutation(len(d.time))
    try:
        one = survival_contrast(d.time, d.died, d.arm, d.x, **options)
        two = survival_contrast(d.time[order], d.died[order], ~d.arm[order], d.x[order], **options)
    except NOT_FITTED:
        assume(False)
    assert one.risk_difference[0].estimate == pytest.approx(-two.risk_difference[0].estimate, abs=1e-9)
    assert one.risk_difference[0].estimate == -one.survival_difference[0].estimate
    ours, theirs = (r.restricted_mean_difference[0].estimate for r in (one, two))
    assert ours == pytest.approx(-theirs, abs=1e-8)


@FEW
@given(seed=SEEDS, method=st.sampled_from(["weighted", "g_computation"]))
def test_the_order_of_rows_does_not_change_a_bit_of_a_bootstrapped_contrast(seed: int, method: str) -> None:
    d = people(seed)
    order, units = d.rng.permutation(len(d.time)), np.arange(len(d.time)) // 2
    options = {"times": [6.0], "method": method, "replicates": 3, "seed": 5}
    try:
        one = survival_contrast(d.time, d.died, d.arm, d.x, units=units, **options)
        two = survival_contrast(
            d.time[order], d.died[order], d.arm[order], d.x[order], units=units[order], **options
        )
    except (*NOT_FITTED, ReplicateError):
        assume(False)
    assert_array_equal(one.bootstrap.estimates, two.bootstrap.estimates)
    assert_array_equal(one.survival, two.survival)


def test_a_design_can_be_sent_to_a_worker() -> None:
    d = people(1)
    everybody = people_of(d.time, d.died, d.arm, d.x, None, d.entry, None)
    times, rows = np.array([6.0]), np.arange(len(d.time))
    design = SurvivalDesign(
        everybody, "g_computation", "ATT", times, times, None, "logistic", "cox", "by_arm", 3
    )
    assert_array_equal(pickle.loads(pickle.dumps(design))(rows), design(rows))


@FEW
@given(estimate=st.floats(-0.4, 0.4).filter(lambda v: abs(v) > 1e-3), error=st.floats(0.001, 0.3))
def test_number_needed_holds_the_same_people_as_the_difference(estimate: float, error: float) -> None:
    effect = wald_effect(
        estimate,
        error,
        analysis="a",
        measure="risk_difference",
        n=100,
        n_exposed=50,
        events=20,
        estimand="ATE",
        effect_type="marginal",
        method="m",
    )
    needed = number_needed(effect)
    assert needed.number == pytest.approx(1 / abs(estimate))
    own = needed.benefit if estimate < 0 else needed.harm
    assert own is not None
    assert own[0] <= needed.number <= own[1]
    both = needed.benefit is not None and needed.harm is not None
    assert both == (effect.ci_low < 0 < effect.ci_high)
    if both:
        assert needed.benefit[1] == needed.harm[1] == np.inf
