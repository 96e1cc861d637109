"""Estimators find the truth of data made with a known one, and their errors are about as large as they say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipelines.stats.adjusted import (
    incidence_contrast,
    incidence_difference,
    standardised_curves,
    survival_contrast,
)
from pipelines.stats.adjusted._designs import CoxCurve
from pipelines.stats.competing_risks import aalen_johansen, fit_fine_gray
from pipelines.stats.kaplan_meier import kaplan_meier
from pipelines.stats.parametric import fit_piecewise_exponential, fit_royston_parmar

RNG = np.random.default_rng(2024)


def two_causes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, causes and covariates under Fine and Gray's model of cause 1.

    P(T <= t, cause 1 | x) = 1 - (1 - 0.5 (1 - exp(-t / 10)))^exp(0.6 x0 - 0.4 x1); censoring uniform.
    """
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)])
    power = np.exp(x @ [0.6, -0.4])
    first = rng.random(n) < 1 - 0.5**power
    u = rng.random(n) * (1 - 0.5**power)
    own = -10 * np.log(1 - (1 - (1 - u) ** (1 / power)) / 0.5)
    other = rng.exponential(8, n)
    time, censored = np.where(first, own, other), rng.uniform(5, 40, n)
    cause = np.where(time <= censored, np.where(first, 1, 2), 0)
    return np.minimum(time, censored), cause, x


def incidence_of(person: np.ndarray, times: np.ndarray) -> np.ndarray:
    return 1 - (1 - 0.5 * (1 - np.exp(-times / 10))) ** np.exp(person @ [0.6, -0.4])


@pytest.mark.parametrize(
    "options", [{}, {"ties": "breslow", "censoring": "flipped", "variance": "censoring"}]
)
def test_fine_gray_finds_the_subdistribution_hazard_ratio(options: dict[str, str]) -> None:
    time, cause, x = two_causes(8000, np.random.default_rng(1))
    fit = fit_fine_gray(time, cause, x, **options)
    assert np.all(np.abs(fit.coefficients - [0.6, -0.4]) < 3 * fit.standard_errors)
    assert np.all(fit.standard_errors < 0.05)
    times, person = np.array([2.0, 10.0, 25.0]), np.array([0.5, 1.0])
    predicted = fit.predict(person, times)
    assert np.all(np.abs(predicted.incidence - incidence_of(person, times)) < 3 * predicted.std_err)


def test_errors_of_predicted_incidence_and_coefficients_are_those_of_repeated_samples() -> None:
    person, times = np.array([0.5, 1.0]), np.array([3.0, 15.0])
    found, errors, covered = [], [], []
    for r in range(200):
        time, cause, x = two_causes(250, np.random.default_rng((7, r)))
        fit = fit_fine_gray(time, cause, x)
        predicted = fit.predict(person, times)
        found.append(np.append(predicted.incidence, fit.coefficients))
        errors.append(np.append(predicted.std_err, fit.standard_errors))
        truth = incidence_of(person, times)
        covered.append((predicted.lower <= truth) & (truth <= predicted.upper))
    assert_allclose(np.mean(errors, axis=0), np.std(found, axis=0), rtol=0.12)
    assert np.all(np.mean(covered, axis=0) > 0.9)


@pytest.mark.parametrize("curves", ["one", "by_arm"])
def test_the_censoring_variance_knows_how_each_person_moves_the_censoring_curve(curves: str) -> None:
    time, cause, x = two_causes(120, np.random.default_rng(4))
    options = {
        "ties": "breslow",
        "weigh_censoring": True,
        "censoring_strata": x[:, 1] if curves == "by_arm" else None,
    }

    def coefficients(person: int, step: float) -> np.ndarray:
        weights = np.ones(120)
        weights[person] += step
        return fit_fine_gray(time, cause, x, weights=weights, **options).coefficients

    moved = np.array([coefficients(i, 1e-4) - coefficients(i, -1e-4) for i in range(120)]) / 2e-4
    exact = moved.T @ moved
    full = fit_fine_gray(time, cause, x, variance="censoring", **options).covariance
    without = fit_fine_gray(time, cause, x, **options).covariance
    assert_allclose(full, exact, rtol=0.02)
    assert np.abs(full / exact - 1).max() < np.abs(without / exact - 1).max() / 2


def test_incidence_at_given_times_is_the_table_of_a_report() -> None:
    table = aalen_johansen([1, 2, 2, 3, 5, 7], [1, 2, 1, 0, 1, 0]).at([2, 6, 9])
    assert table["n_risk"].to_list() == [5, 1, 0] * 2
    assert table["events_so_far"].to_list() == [2, 3, 3, 1, 1, 1]
    assert table["incidence"].to_list()[:2] == pytest.approx([1 / 3, 1 / 3 + 0.5 / 2])
    assert table["incidence"].is_null().to_list() == [False, False, True] * 2
    assert table["lower"].is_null().to_list() == [False, False, True] * 2


def test_time_lost_to_all_causes_is_what_is_missing_from_the_restricted_mean() -> None:
    time, cause, _ = two_causes(300, np.random.default_rng(13))
    curve = aalen_johansen(time, cause).curves[0]
    mean, _ = kaplan_meier(time, cause > 0).curves[0].restricted_mean(20)
    assert curve.time_lost(20, 1) + curve.time_lost(20, 2) == pytest.approx(20 - mean, rel=1e-10)


def test_aalen_johansen_is_not_fooled_by_the_other_cause_as_one_minus_kaplan_and_meier_is() -> None:
    time, cause, _ = two_causes(8000, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    everybody = np.column_stack([rng.normal(size=200_000), rng.integers(0, 2, 200_000)])
    truth = incidence_of(everybody, np.full(200_000, 20.0)).mean()
    right = aalen_johansen(time, cause).curves[0]
    assert abs(right.incidence_at([20.0], 1)[0] - truth) < 3 * right.std_err_at([20.0], 1)[0]
    wrong = 1 - kaplan_meier(time, cause == 1).curves[0].survival_at([20.0])[0]
    assert wrong > truth + 0.1


def test_a_flexible_model_finds_a_hazard_ratio_that_changes_with_time() -> None:
    # Weibull hazards of shape 1.5 and 0.9: log hazard ratio log(0.9 / 1.5) + log scales - 0.6 log t.
    rng = np.random.default_rng(5)
    arm = rng.random(20_000) < 0.5
    shape, rate = np.where(arm, 0.9, 1.5), np.where(arm, 0.08, 0.03)
    time = (rng.exponential(size=20_000) / rate) ** (1 / shape)
    censored = rng.uniform(5, 60, 20_000)
    stop, died = np.minimum(time, censored), time <= censored
    fit = fit_royston_parmar(stop, died, arm, names=["arm"], df=1, time_dependent={"arm": 1})
    years = np.array([1.0, 5.0, 15.0])
    ratio = fit.hazard_ratio([1], [0], years)
    truth = (0.08 * 0.9 * years**-0.1) / (0.03 * 1.5 * years**0.5)
    assert np.all(np.abs(np.log(ratio.estimate / truth)) < 3 * ratio.std_err)
    assert np.all((ratio.lower < ratio.estimate) & (ratio.estimate < ratio.upper))
    assert fit.wald_test(["arm"]).p_value < 1e-20
    assert fit.wald_test(["arm"]).df == 1
    alone = np.trapezoid(np.exp(-0.08 * np.linspace(0, 20, 5001) ** 0.9), np.linspace(0, 20, 5001))
    mean = fit.restricted_mean([1], 20)
    assert abs(mean.estimate[0] - alone) < 3 * mean.std_err[0]


def test_late_entry_does_not_bias_parametric_models() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=30_000)
    time, entry = rng.exponential(10 * np.exp(-0.5 * x)), rng.uniform(0, 10, 30_000)
    seen = entry < time
    died = np.ones(seen.sum())
    pieces = fit_piecewise_exponential(time[seen], died, x[seen], cuts=[5, 15], entry=entry[seen])
    truth = [np.log(0.1)] * 3 + [0.5]
    assert np.all(np.abs(pieces.coefficients - truth) < 3.5 * pieces.standard_errors)
    smooth = fit_royston_parmar(time[seen], died, x[seen], df=2, entry=entry[seen])
    assert abs(smooth.coefficients[-1] - 0.5) < 3 * smooth.standard_errors[-1]
    fooled = fit_royston_parmar(time[seen], died, x[seen], df=2)
    assert abs(smooth.survival([0], [5]).estimate[0] - np.exp(-0.5)) < 0.02
    assert fooled.survival([0], [5]).estimate[0] > np.exp(-0.5) + 0.1


def confounded(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    x = rng.normal(size=n)
    arm = rng.random(n) < 1 / (1 + np.exp(-x))
    time = rng.exponential(20 * np.exp(-0.7 * x + 0.3 * arm))
    censored = rng.uniform(10, 80, n)
    return np.minimum(time, censored), time <= censored, arm, x


def marginal_survival(arm: float, t: float, shift: float = 0.0) -> float:
    node, weight = np.polynomial.hermite_e.hermegauss(60)
    x = node + shift
    return float(weight @ np.exp(-np.exp(0.7 * x - 0.3 * arm) * t / 20) / weight.sum())


@pytest.mark.parametrize(
    "options",
    [
        {"method": "weighted"},
        {"method": "g_computation"},
        {"method": "g_computation", "effect": "proportional"},
        {"method": "g_computation", "model": "royston_parmar", "effect": "proportional", "df": 2},
    ],
)
def test_adjusted_differences_find_what_randomising_would(options: dict[str, object]) -> None:
    time, died, arm, x = confounded(2500)
    found = survival_contrast(time, died, arm, x, times=[12], horizons=[30], replicates=20, **options)
    truth = marginal_survival(1, 12) - marginal_survival(0, 12)
    effect = found.survival_difference[0]
    assert abs(effect.estimate - truth) < 3 * effect.std_err
    grid = np.linspace(0, 30, 301)
    curves = [np.array([marginal_survival(a, t) for t in grid]) for a in (0, 1)]
    mean = found.restricted_mean_difference[0]
    assert abs(mean.estimate - np.trapezoid(curves[1] - curves[0], grid)) < 3 * mean.std_err
    assert (effect.estimand, effect.effect_type) == ("ATE", "marginal")
    assert np.isnan(effect.p_value)


def test_unadjusted_differences_do_not() -> None:
    time, died, arm, _ = confounded(6000)
    found = survival_contrast(time, died, arm, times=[12], method="unadjusted", replicates=20)
    effect = found.survival_difference[0]
    truth = marginal_survival(1, 12) - marginal_survival(0, 12)
    assert abs(effect.estimate - truth) > 5 * effect.std_err
    assert "only if the arms were alike" in effect.notes[0]


def test_the_effect_in_the_treated_is_standardised_to_the_treated() -> None:
    time, died, arm, x = confounded(20_000)
    curves = standardised_curves(time, died, arm, x, times=[12], estimand="ATT")
    truth = [np.mean(np.exp(-np.exp(0.7 * x[arm] - 0.3 * a) * 12 / 20)) for a in (0, 1)]
    assert_allclose(curves.survival[:, 0], truth, atol=0.015)


def test_weighted_incidence_of_a_cause_finds_its_risk_difference() -> None:
    rng = np.random.default_rng(9)
    n = 6000
    x = rng.normal(size=n)
    arm = rng.random(n) < 1 / (1 + np.exp(-x))
    rates = np.column_stack([0.03 * np.exp(0.6 * x - 0.5 * arm), np.full(n, 0.02)])
    time = rng.exponential(1 / rates.sum(axis=1))
    kind = np.where(rng.random(n) < rates[:, 0] / rates.sum(axis=1), 1, 2)
    cause = np.where(time <= 40, kind, 0)
    found = incidence_contrast(np.minimum(time, 40), cause, arm, x, times=[24], replicates=20)
    node, weight = np.polynomial.hermite_e.hermegauss(60)
    one, two = (0.03 * np.exp(0.6 * node - 0.5 * a) for a in (1, 0))
    risk = [weight @ (r / (r + 0.02) * (1 - np.exp(-(r + 0.02) * 24))) / weight.sum() for r in (one, two)]
    effect = found.risk_difference[0]
    assert abs(effect.estimate - (risk[0] - risk[1])) < 3 * effect.std_err
    assert effect.events == np.count_nonzero(cause == 1)
    assert found.number_needed[0].kind == "benefit"


def test_errors_of_incidence_differences_are_those_of_repeated_samples() -> None:
    found, errors = [], []
    for r in range(200):
        time, cause, x = two_causes(200, np.random.default_rng((11, r)))
        effects = incidence_difference(time, cause, x[:, 1], times=[4, 15])
        found.append([effect.estimate for effect in effects])
        errors.append([effect.std_err for effect in effects])
    assert_allclose(np.mean(errors, axis=0), np.std(found, axis=0), rtol=0.15)
    assert np.mean(found, axis=0)[1] < -0.05  # x1 lowers the incidence


def test_averages_over_people_at_many_times_are_interpolated_without_loss() -> None:
    rng = np.random.default_rng(12)
    hazard = np.sort(rng.exponential(0.5, 5000)).cumsum() / 2000
    curve = CoxCurve(np.arange(5000.0), hazard, np.exp(rng.normal(0, 1.2, 300)))
    exact = np.exp(-np.outer(hazard, curve.relative)).mean(axis=1)
    assert_allclose(curve.at(np.arange(5000.0)), exact, rtol=1e-10, atol=1e-13)


def test_a_number_needed_is_honest_where_there_may_be_no_effect() -> None:
    time, died, arm, x = confounded(400)
    found = survival_contrast(time, died, arm, x, times=[12], replicates=60, seed=3)
    needed, effect = found.number_needed[0], found.risk_difference[0]
    assert effect.ci_low < 0 < effect.ci_high
    assert needed.benefit == (pytest.approx(-1 / effect.ci_low), np.inf)
    assert needed.harm == (pytest.approx(1 / effect.ci_high), np.inf)
    assert "infinity" in needed.text
