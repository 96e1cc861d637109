"""Pooling of studies, of imputed data and of p-values agrees with statsmodels."""

import numpy as np
import pandas as pd
import pytest
from crosscheck_people import people
from numpy.testing import assert_allclose
from statsmodels.api import OLS, WLS, add_constant
from statsmodels.imputation.mice import MICE, MICEData
from statsmodels.stats.meta_analysis import CombineResults, combine_effects
from statsmodels.stats.multitest import multipletests

from pipelines.stats.imputation import pool as pool_imputed
from pipelines.stats.kaplan_meier.comparisons import pairwise_logrank
from pipelines.stats.pooling import egger, meta_regression, pool
from pipelines.stats.sensitivity import holm

METHODS = {"dersimonian_laird": "dl", "paule_mandel": "pm"}
# Log hazard ratios that differ more than by chance, and their variances.
EFFECTS = np.array([-0.6, -0.1, -0.35, 0.15, -0.8, -0.42, -0.05, -0.31, -0.55, -0.2, 0.05, -0.47])
VARIANCES = np.array([10, 20, 15, 30, 25, 8, 40, 12, 60, 18, 35, 22]) / 1000


def peer_of(method: str, k: int = 12) -> CombineResults:
    """Asked for more digits than these, statsmodels may round past Paule and Mandel's root: it then says zero."""
    options = {} if method == "dersimonian_laird" else {"atol": 1e-6}
    return combine_effects(EFFECTS[:k], VARIANCES[:k], method_re=METHODS[method], **options)


@pytest.mark.parametrize("k", [4, 12])
def test_the_fixed_effect_and_cochrans_q_are_those_of_statsmodels(k: int) -> None:
    found, peer = pool(EFFECTS[:k], VARIANCES[:k], method="fixed"), peer_of("dersimonian_laird", k)
    wald = found.interval("wald")
    assert_allclose(found.log_estimate, peer.mean_effect_fe, rtol=1e-12)
    assert_allclose(wald.std_err, peer.sd_eff_w_fe, rtol=1e-12)
    assert_allclose((wald.low, wald.high), peer.conf_int()[0], rtol=1e-10)
    test = peer.test_homogeneity()
    assert_allclose((found.q, found.q_p), (test.statistic, test.pvalue), rtol=1e-9)


@pytest.mark.parametrize("k", [4, 12])
@pytest.mark.parametrize("method", METHODS)
def test_random_effects_and_their_walds_interval_are_those_of_statsmodels(method: str, k: int) -> None:
    found, peer = pool(EFFECTS[:k], VARIANCES[:k], method=method), peer_of(method, k)
    wald = found.interval("wald")
    assert found.tau2 > 0
    assert_allclose(found.tau2, peer.tau2, rtol=1e-6)
    assert_allclose(found.log_estimate, peer.mean_effect_re, rtol=1e-6)
    assert_allclose(wald.std_err, peer.sd_eff_w_re, rtol=1e-6)
    assert_allclose((wald.low, wald.high), peer.conf_int()[1], rtol=1e-6)
    assert_allclose(found.weights / 100, peer.weights_rel_re, rtol=1e-6)


@pytest.mark.parametrize("k", [4, 12])
@pytest.mark.parametrize("method", METHODS)
def test_hartung_and_knapps_interval_is_that_of_statsmodels(method: str, k: int) -> None:
    found = pool(EFFECTS[:k], VARIANCES[:k], method=method).interval("hartung_knapp")
    peer = peer_of(method, k)
    assert_allclose(found.std_err, peer.sd_eff_w_re_hksj, rtol=1e-6)
    assert_allclose((found.low, found.high), peer.conf_int(use_t=True)[3], rtol=1e-6)


def test_the_variance_between_studies_that_agree_is_zero_where_statsmodels_has_it_below() -> None:
    """DerSimonian and Laird's moment estimate may fall below zero; it is cut at zero, as in R's metafor."""
    effects, variances = np.array([-0.30, -0.31, -0.29, -0.30]), np.full(4, 0.04)
    found = pool(effects, variances, method="dersimonian_laird")
    peer = combine_effects(effects, variances, method_re="dl")
    assert peer.tau2 < 0
    assert found.tau2 == 0.0
    assert_allclose(found.log_estimate, peer.mean_effect_fe, rtol=1e-12)
    assert_allclose(found.interval("wald").std_err, peer.sd_eff_w_fe, rtol=1e-12)


def test_reml_is_the_maximum_of_the_restricted_likelihood_of_statsmodels_fits() -> None:
    """statsmodels has no REML for studies, so its weighted fits are asked a little to both sides of ours."""
    tau2 = pool(EFFECTS, VARIANCES, method="reml").tau2

    def restricted(value: float) -> float:
        w = 1 / (VARIANCES + value)
        residual = WLS(EFFECTS, np.ones(12), weights=w).fit().resid
        return float(0.5 * (np.log(w).sum() - np.log(w.sum()) - w @ residual**2))

    step = 1e-3 * tau2
    assert tau2 > 0
    slope = (restricted(tau2 + step) - restricted(tau2 - step)) / (2 * step)
    bend = (restricted(tau2 + step) - 2 * restricted(tau2) + restricted(tau2 - step)) / step**2
    assert bend < 0
    assert abs(slope / bend) < 1e-6 * tau2  # how far Newton would still move


def test_eggers_regression_is_weighted_least_squares_of_statsmodels() -> None:
    found = egger(EFFECTS, VARIANCES)
    peer = WLS(EFFECTS, add_constant(np.sqrt(VARIANCES)), weights=1 / VARIANCES).fit()
    assert_allclose((found.limit_estimate, found.slope), peer.params, rtol=1e-9)
    assert_allclose(found.std_err, peer.bse[1], rtol=1e-9)
    assert_allclose((found.statistic, found.p_value), (peer.tvalues[1], peer.pvalues[1]), rtol=1e-9)


def test_meta_regression_by_knapp_and_hartung_is_weighted_least_squares_of_statsmodels() -> None:
    year = np.arange(12, dtype=float)
    found = meta_regression(EFFECTS, VARIANCES, year[:, None], names=["year"], test="hartung_knapp")
    peer = WLS(EFFECTS, add_constant(year), weights=1 / (VARIANCES + found.tau2)).fit()
    assert_allclose(found.coefficients, peer.params, rtol=1e-8)
    assert_allclose(found.standard_errors, peer.bse, rtol=1e-8)
    assert_allclose(found.moderator_p, peer.pvalues[1], rtol=1e-8)


def test_holms_p_values_are_those_of_statsmodels() -> None:
    p_values = [0.04, 0.001, 0.03, 0.2, 0.001, 0.9]
    assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], rtol=1e-12)


def test_pairs_of_arms_carry_holms_p_values() -> None:
    p = people()
    found = pairwise_logrank(p.time, p.died, p.arm)
    raw = [test.p_value for test in found.tests]
    assert_allclose(found.p_adjusted, multipletests(raw, method="holm")[1], rtol=1e-12)


def test_rubins_rules_are_those_of_statsmodels() -> None:
    p = people(300)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(p.covariates, columns=["age", "grade", "her2"])
    frame["size"] = 2 + 0.5 * frame["age"] - frame["grade"] + rng.normal(0, 1, len(frame))
    frame.loc[rng.random(len(frame)) < 0.3, "grade"] = np.nan
    np.random.seed(5)  # noqa: NPY002 - statsmodels draws from the global generator
    mice = MICE("size ~ age + grade + her2", OLS, MICEData(frame))
    peer = mice.fit(n_burnin=3, n_imputations=12)
    fits = [result._results for result in mice.results_list]
    for j in range(4):
        found = pool_imputed([f.params[j] for f in fits], [f.cov_params()[j, j] for f in fits])
        assert_allclose(found.estimate, peer.params[j], rtol=1e-10)
        assert_allclose(found.std_err, peer.bse[j], rtol=1e-10)
        lost = found.relative_increase / (1 + found.relative_increase)
        assert_allclose(lost, peer.frac_miss_info[j], rtol=1e-10)
