"""Propensity models, weights and what is done with them agree with statsmodels and lifelines."""

import numpy as np
import pandas as pd
import pytest
from crosscheck_people import NAMES, People, people
from lifelines import CoxPHFitter, CoxTimeVaryingFitter
from lifelines.utils import add_covariate_to_timeline, to_long_format
from numpy.testing import assert_allclose
from statsmodels.api import GLM, families
from statsmodels.discrete.discrete_model import Logit, MNLogit
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import DescrStatsW

from pipelines.stats.balance import balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.immortal_time.landmark import landmark
from pipelines.stats.immortal_time.time_varying import time_varying
from pipelines.stats.propensity import fit_logistic, fit_multinomial, fit_propensity
from pipelines.stats.sensitivity import rosenbaum_binary
from pipelines.stats.weighting import propensity_weights

EXACTLY = {"precision": 1e-12, "r_precision": 1e-14}


def design(p: People) -> np.ndarray:
    return np.column_stack([np.ones(len(p.time)), p.covariates])


def test_a_logistic_model_is_that_of_statsmodels() -> None:
    p = people()
    found = fit_logistic(p.covariates, p.treated)
    peer = Logit(p.treated, design(p)).fit(disp=0, method="newton", tol=1e-12)
    assert_allclose(found.coefficients, peer.params, rtol=1e-8)
    assert_allclose(found.covariance, peer.cov_params(), rtol=1e-7)
    assert_allclose(found.log_likelihood, (peer.llnull, peer.llf), rtol=1e-9)
    assert_allclose(found.fitted, peer.predict(), rtol=1e-8)


def test_a_weighted_logistic_model_is_that_of_statsmodels() -> None:
    p = people()
    found = fit_logistic(p.covariates, p.treated, weights=p.weight)
    peer = GLM(p.treated, design(p), family=families.Binomial(), freq_weights=p.weight).fit(tol=1e-13)
    assert_allclose(found.coefficients, peer.params, rtol=1e-7)
    assert_allclose(found.covariance, peer.cov_params(), rtol=1e-6)


def test_the_scores_of_three_arms_are_those_of_statsmodels() -> None:
    p = people()
    found = fit_multinomial(p.covariates, p.arm)
    peer = MNLogit(p.arm, design(p)).fit(disp=0, method="newton", tol=1e-12, maxiter=100)
    assert_allclose(found.coefficients, peer.params.T, rtol=1e-7)
    assert_allclose(found.covariance, peer.cov_params(), rtol=1e-6)
    assert_allclose(found.scores, peer.predict(), rtol=1e-8)
    assert_allclose(found.log_likelihood, (peer.llnull, peer.llf), rtol=1e-9)


def weights_of(p: People, estimand: str) -> np.ndarray:
    return propensity_weights(
        fit_propensity(p.covariates, p.treated).score, p.treated, estimand=estimand
    ).weights


def test_weighted_means_and_their_standardised_differences_are_those_of_statsmodels() -> None:
    """The spread is that of the arms before weighting, as everywhere in balance tables."""
    p = people()
    w = weights_of(p, "ATE")
    found = balance(p.covariates, p.treated, weights=w, names=NAMES)
    treated, control = p.treated == 1, p.treated == 0
    after = [DescrStatsW(p.covariates[arm], weights=w[arm]).mean for arm in (treated, control)]
    before = [DescrStatsW(p.covariates[arm], ddof=1) for arm in (treated, control)]
    assert found.after is not None
    assert_allclose(found.after.mean_treated, after[0], rtol=1e-10)
    assert_allclose(found.after.mean_control, after[1], rtol=1e-10)
    spread = np.sqrt((before[0].var + before[1].var) / 2)
    numeric = ~found.binary
    assert_allclose(
        found.before.smd[numeric], ((before[0].mean - before[1].mean) / spread)[numeric], rtol=1e-10
    )
    assert_allclose(found.after.smd[numeric], ((after[0] - after[1]) / spread)[numeric], rtol=1e-10)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO", "ATM"])
def test_a_cox_model_in_weighted_people_is_that_of_lifelines(estimand: str) -> None:
    p = people(months=False)
    w = weights_of(p, estimand)
    found = fit_cox(p.time, p.died, p.treated[:, None].astype(float), weights=w, robust=True)
    frame = pd.DataFrame({"time": p.time, "died": p.died, "treated": p.treated, "w": w})
    peer = CoxPHFitter().fit(frame, "time", "died", weights_col="w", robust=True, fit_options=EXACTLY)
    assert_allclose(found.coefficients, peer.params_, rtol=1e-7)
    assert_allclose(found.standard_errors, peer.standard_errors_, rtol=1e-7)


def operated_at(p: People) -> np.ndarray:
    """Months from diagnosis to the operation; NaN where there was none before the end of follow-up."""
    planned = 1.0 + 6.0 * np.modf(p.weight * 7)[0]
    return np.where((p.treated == 1) & (planned < p.time), planned, np.nan)


def test_time_varying_surgery_is_the_model_of_lifelines_on_the_rows_of_lifelines() -> None:
    p = people(months=False)
    surgery = operated_at(p)
    found = time_varying(p.time, p.died, surgery, p.covariates, names=NAMES)
    base = p.frame[["time", "died", *NAMES]].assign(id=np.arange(len(p.time)))
    operations = pd.DataFrame({"id": base["id"], "at": 0.0, "operated": 0})
    later = pd.DataFrame({"id": base["id"], "at": surgery, "operated": 1}).dropna()
    rows = add_covariate_to_timeline(
        to_long_format(base, "time"), pd.concat([operations, later]), "id", "at", "died"
    )
    peer = CoxTimeVaryingFitter().fit(rows, "died", id_col="id", fit_options=EXACTLY)
    assert_allclose(np.log(found.effect.estimate), peer.params_["operated"], rtol=1e-6)
    assert_allclose(found.effect.std_err, peer.standard_errors_["operated"], rtol=1e-6)


def test_a_landmark_analysis_is_the_model_of_lifelines_in_those_alive_then() -> None:
    p = people(months=False)
    surgery = operated_at(p)
    found = landmark(p.time, p.died, surgery, p.covariates, at=3.0, names=NAMES)
    alive = p.frame[["time", "died", *NAMES]].assign(operated=(surgery <= 3).astype(int))[p.time > 3]
    peer = CoxPHFitter().fit(alive.assign(time=alive["time"] - 3), "time", "died", fit_options=EXACTLY)
    assert_allclose(np.log(found.effect.estimate), peer.params_["operated"], rtol=1e-6)
    assert_allclose(found.effect.std_err, peer.standard_errors_["operated"], rtol=1e-6)
    assert (found.n, found.n_exposed) == (len(alive), alive["operated"].sum())


def test_rosenbaums_bound_without_hidden_bias_is_mcnemars_exact_test() -> None:
    """One-sided: half of statsmodels' two-sided p-value."""
    rng = np.random.default_rng(4)
    exposed, unexposed = rng.binomial(1, 0.35, 200), rng.binomial(1, 0.5, 200)
    found = rosenbaum_binary(exposed, unexposed, gamma=[1.0, 1.5], alternative="fewer")
    table = pd.crosstab(exposed, unexposed)
    p_value = mcnemar(table, exact=True).pvalue / 2
    assert_allclose((found.p_low[0], found.p_high[0]), p_value, rtol=1e-9)
