"""Kaplan–Meier curves and what is read off them agree with lifelines, scikit-survival and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from crosscheck_people import NAMES, People, people
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from numpy.testing import assert_allclose
from sksurv.nonparametric import kaplan_meier_estimator, nelson_aalen_estimator
from statsmodels.discrete.discrete_model import Logit
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.regression.linear_model import OLS
from statsmodels.treatment.treatment_effects import TreatmentEffect

from pipelines.stats.adjusted import standardised_curves, weighted_curves
from pipelines.stats.kaplan_meier import KaplanMeierCurve, kaplan_meier, reverse_kaplan_meier
from pipelines.stats.kaplan_meier.conditional import conditional_survival
from pipelines.stats.kaplan_meier.restricted_mean import restricted_mean_survival
from pipelines.stats.propensity import fit_propensity
from pipelines.stats.weighting import propensity_weights

MONTHS = np.array([1.0, 6.0, 12.0, 24.0, 36.0, 48.0])


def ours(p: People, **options: object) -> KaplanMeierCurve:
    return kaplan_meier(p.time, p.died, **options).curves[0]


def lifelines(p: People, **options: object) -> KaplanMeierFitter:
    return KaplanMeierFitter().fit(p.time, p.died, **options)


def statsmodels(p: People, **options: object) -> SurvfuncRight:
    return SurvfuncRight(p.time, p.died, **options)


def assert_limits_of_lifelines(curve: KaplanMeierCurve, peer: KaplanMeierFitter) -> None:
    limits = peer.confidence_interval_survival_function_.loc[curve.time].to_numpy()
    assert_allclose(np.column_stack([curve.lower, curve.upper]), limits, rtol=1e-9)


def test_a_curve_with_its_log_log_limits_is_that_of_lifelines() -> None:
    p = people()
    curve, peer = ours(p), lifelines(p)
    assert_allclose(curve.survival, peer.survival_function_.loc[curve.time].iloc[:, 0], rtol=1e-12)
    assert_limits_of_lifelines(curve, peer)


def test_numbers_at_risk_dead_and_censored_are_those_of_lifelines() -> None:
    p = people()
    curve, table = ours(p), lifelines(p).event_table.iloc[1:]
    assert_allclose(curve.n_risk, table["at_risk"])
    assert_allclose(curve.n_event, table["observed"])
    assert_allclose(curve.n_censor, table["censored"])


def test_a_curve_with_its_log_log_limits_is_that_of_scikit_survival() -> None:
    p = people()
    curve = ours(p)
    time, survival, limits = kaplan_meier_estimator(p.died == 1, p.time, conf_type="log-log")
    known = np.isfinite(curve.lower)
    assert_allclose(curve.time, time)
    assert_allclose(curve.survival, survival, rtol=1e-12)
    assert_allclose(np.array([curve.lower, curve.upper])[:, known], limits[:, known], rtol=1e-9)


def test_a_curve_with_greenwoods_error_is_that_of_statsmodels() -> None:
    p = people()
    curve, peer = ours(p), statsmodels(p)
    deaths = curve.n_event > 0
    assert_allclose(curve.time[deaths], peer.surv_times)
    assert_allclose(curve.survival[deaths], peer.surv_prob, rtol=1e-10)
    assert_allclose(curve.survival_std_err[deaths], peer.surv_prob_se, rtol=1e-9)


def test_a_curve_of_people_who_enter_late_is_that_of_all_three() -> None:
    p = people()
    curve = ours(p, entry=p.entry)
    deaths = curve.n_event > 0
    theirs = lifelines(p, entry=p.entry).survival_function_.loc[curve.time].iloc[:, 0]
    assert_allclose(curve.survival, theirs, rtol=1e-10)
    peer = statsmodels(p, entry=p.entry)
    assert_allclose(curve.survival[deaths], peer.surv_prob, rtol=1e-10)
    assert_allclose(curve.survival_std_err[deaths], peer.surv_prob_se, rtol=1e-9)
    time, survival = kaplan_meier_estimator(p.died == 1, p.time, p.entry)
    assert_allclose(curve.survival, survival[np.searchsorted(time, curve.time)], rtol=1e-10)


def test_weights_that_are_counts_give_the_curve_and_limits_of_lifelines() -> None:
    p = people()
    assert_limits_of_lifelines(ours(p, weights=p.count), lifelines(p, weights=p.count))


def test_any_weights_give_the_curve_of_lifelines_and_of_statsmodels() -> None:
    """The limits differ: lifelines takes weights as counts and says so; ours are robust, as in R."""
    p = people()
    curve = ours(p, weights=p.weight)
    with pytest.warns(Warning, match="weights are not integers"):
        peer = lifelines(p, weights=p.weight)
    assert_allclose(curve.survival, peer.survival_function_.loc[curve.time].iloc[:, 0], rtol=1e-10)
    theirs = statsmodels(p, freq_weights=p.weight)
    assert_allclose(curve.survival[curve.n_event > 0], theirs.surv_prob, rtol=1e-10)


def test_quantiles_are_those_of_statsmodels_and_the_median_that_of_lifelines() -> None:
    p = people()
    curve, peer = ours(p), statsmodels(p)
    for share in (0.1, 0.25, 0.5, 0.6):
        assert curve.quantile(share).estimate == peer.quantile(share)
    assert curve.median().estimate == lifelines(p).median_survival_time_


@pytest.mark.parametrize(("ci", "method"), [("log-log", "cloglog"), ("plain", "linear"), ("log", "log")])
def test_the_limits_of_a_quantile_are_those_of_statsmodels(ci: str, method: str) -> None:
    p = people()
    for share in (0.25, 0.5):
        found = ours(p, ci=ci).quantile(share)
        assert (found.lower, found.upper) == pytest.approx(statsmodels(p).quantile_ci(share, method=method))


def test_follow_up_by_the_reversed_curve_is_that_of_scikit_survival() -> None:
    p = people(months=False)
    curve = reverse_kaplan_meier(p.time, p.died)
    time, censoring = kaplan_meier_estimator(p.died == 1, p.time, reverse=True)
    assert_allclose(curve.survival_at(time), censoring, rtol=1e-10)


def test_survival_of_those_alive_at_a_year_is_that_of_lifelines() -> None:
    p = people()
    found = conditional_survival(p.time, p.died, given=[12.0], ahead=[12.0, 24.0]).to_frame()
    later = p.of(p.time > 12)
    peer = lifelines(later).survival_function_at_times([24.0, 36.0])
    assert_allclose(found["survival"], peer, rtol=1e-10)


@pytest.mark.parametrize("tau", [12.0, 30.5, 48.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_restricted_means_are_those_of_lifelines(tau: float, weighted: bool) -> None:
    """Its `return_variance` is the variance of people's restricted times, not of the mean: not compared."""
    p = people()
    weights = {"weights": p.count} if weighted else {}
    found = restricted_mean_survival(p.time, p.died, tau, group=p.treated, **weights)
    for mean in found.means:
        arm = p.of(p.treated == mean.group)
        peer = lifelines(arm, **({"weights": arm.count} if weighted else {}))
        assert_allclose(mean.mean, restricted_mean_survival_time(peer, tau), rtol=1e-10)


def test_deaths_over_people_at_risk_sum_to_the_nelson_aalen_hazard_of_scikit_survival() -> None:
    p = people()
    curve = ours(p)
    _, hazard = nelson_aalen_estimator(p.died == 1, p.time)
    assert_allclose(np.cumsum(curve.n_event / curve.n_risk), hazard, rtol=1e-12)


@pytest.mark.filterwarnings(
    "ignore:The maximum number of subdivisions"
)  # lifelines integrates steps by quadrature
@pytest.mark.parametrize("tau", [12.0, 30.5])
def test_without_censoring_the_error_of_a_restricted_mean_is_lifelines_spread_over_root_n(tau: float) -> None:
    """What lifelines calls the variance is that of people's times up to the horizon, to about four digits."""
    p = people()
    found = restricted_mean_survival(p.time, np.ones(len(p.time)), tau).means[0]
    peer = KaplanMeierFitter().fit(p.time)
    _, variance = restricted_mean_survival_time(peer, tau, return_variance=True)
    assert_allclose(found.std_err, np.sqrt(variance / len(p.time)), rtol=1e-3)


def test_curves_standardised_by_a_cox_model_in_each_arm_are_those_of_lifelines() -> None:
    """Read off as steps: at times that are asked for lifelines draws straight lines between its steps."""
    p = people(months=False)
    found = standardised_curves(p.time, p.died, p.treated, p.covariates, times=MONTHS)
    everybody = pd.DataFrame(p.covariates, columns=list(NAMES))
    for arm in (0, 1):
        rows = p.frame[p.treated == arm][["time", "died", *NAMES]]
        model = CoxPHFitter().fit(rows, "time", "died", fit_options={"precision": 1e-12})
        curve = model.predict_survival_function(everybody).mean(axis=1)
        steps = curve.to_numpy()[np.searchsorted(curve.index, MONTHS, side="right") - 1]
        assert_allclose(found.survival[arm], steps, rtol=1e-6)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_weighted_curves_without_censoring_are_the_weighted_shares_of_statsmodels(estimand: str) -> None:
    p = people()
    e = fit_propensity(p.covariates, p.treated).score
    w = propensity_weights(e, p.treated, estimand=estimand).weights
    curves = weighted_curves(p.time, np.ones(len(p.time)), p.treated, w, estimand=estimand)
    place = np.searchsorted(curves.time, MONTHS[:5], side="right") - 1
    for at, k in zip(MONTHS[:5], place, strict=True):
        peer = inverse_probability(p, p.time > at, estimand)
        assert_allclose(curves.survival[1, k] - curves.survival[0, k], peer, rtol=1e-6)


def inverse_probability(p: People, alive: np.ndarray, estimand: str) -> float:
    """The difference of shares alive by statsmodels' inverse probability weighting."""
    design = np.column_stack([np.ones(len(p.time)), p.covariates])
    selection = Logit(p.treated, design).fit(disp=0, method="newton", tol=1e-12)
    effect = TreatmentEffect(OLS(alive.astype(float), design), p.treated, results_select=selection)
    found = effect.ipw(return_results=False, effect_group="all" if estimand == "ATE" else 1)
    return float(found[0])
