"""Cumulative incidence agrees with all three peers; Fine and Gray's model with one built of their parts."""

import warnings

import numpy as np
import pandas as pd
import pytest
from crosscheck_people import NAMES, People, people
from lifelines import AalenJohansenFitter, CoxTimeVaryingFitter
from numpy.testing import assert_allclose
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator
from statsmodels.duration.survfunc import CumIncidenceRight

from pipelines.stats.competing_risks import aalen_johansen, fit_fine_gray


@pytest.mark.parametrize("months", [True, False])
def test_cumulative_incidence_is_that_of_scikit_survival_and_without_ties_its_limits_too(
    months: bool,
) -> None:
    """With ties the limits are a fraction of a per cent apart: ours has cmprsk's correction for ties."""
    p = people(months=months)
    curve = aalen_johansen(p.time, p.cause, variance="aalen").curves[0]
    time, incidence, limits = cumulative_incidence_competing_risks(p.cause, p.time, conf_type="log-log")
    assert_allclose(curve.time, time)
    assert_allclose(curve.incidence, incidence[1:].T, rtol=1e-10)
    assert_allclose(1 - curve.survival, incidence[0], rtol=1e-10)
    logs = aalen_johansen(p.time, p.cause, variance="aalen", ci="log-log").curves[0]
    known = np.isfinite(logs.lower) & (curve.std_err > 0)
    theirs = np.moveaxis(limits[1:], 0, 2)  # limit, time, cause
    assert_allclose(
        np.array([logs.lower, logs.upper])[:, known], theirs[:, known], rtol=1e-3 if months else 1e-8
    )


def test_cumulative_incidence_with_the_jackknifes_error_is_that_of_statsmodels() -> None:
    p = people()
    curve = aalen_johansen(p.time, p.cause).curves[0]
    peer = CumIncidenceRight(p.time, p.cause)
    for cause in (1, 2):
        assert_allclose(curve.incidence_at(peer.times, cause), peer.cinc[cause - 1], rtol=1e-10)
        assert_allclose(curve.std_err_at(peer.times, cause), peer.cinc_se[cause - 1], rtol=1e-8)


def test_the_jackknifes_limits_are_those_scikit_survival_calls_dinses_approximation() -> None:
    p = people()
    curve = aalen_johansen(p.time, p.cause, ci="log-log").curves[0]
    time, _, limits = cumulative_incidence_competing_risks(
        p.cause, p.time, conf_type="log-log", var_type="Dinse_Approx"
    )
    assert_allclose(curve.time, time)
    known = np.isfinite(curve.lower)
    theirs = np.moveaxis(limits[1:], 0, 2)  # limit, time, cause
    assert_allclose(np.array([curve.lower, curve.upper])[:, known], theirs[:, known], rtol=1e-8)


def test_cumulative_incidence_with_its_error_is_that_of_lifelines_without_ties() -> None:
    """lifelines moves tied times at random before it counts."""
    p = people(months=False)
    curve = aalen_johansen(p.time, p.cause).curves[0]
    for cause in (1, 2):
        peer = AalenJohansenFitter().fit(p.time, p.cause, event_of_interest=cause)
        assert_allclose(
            curve.incidence_at(curve.time, cause), peer.cumulative_density_.iloc[1:, 0], rtol=1e-10
        )
        variance = peer.variance_.loc[curve.time].to_numpy().ravel()
        assert_allclose(curve.std_err_at(curve.time, cause) ** 2, variance, rtol=1e-8, atol=1e-15)


def subdistribution_rows(p: People) -> pd.DataFrame:
    """Those who died of something else stay at risk, weighted by the chance that they were still watched.

    scikit-survival estimates that chance; every row ends at a death of the cause, or with the person.
    """
    when, watched = kaplan_meier_estimator(p.died == 1, p.time, reverse=True)

    def before(t: np.ndarray) -> np.ndarray:
        return np.append(1.0, watched)[np.searchsorted(when, t, side="left")]

    deaths = np.sort(p.time[p.cause == 1])
    base = p.frame[list(NAMES)].assign(id=np.arange(len(p.time)), stop=p.time, start=0.0, w=1.0)
    base["died"] = (p.cause == 1).astype(int)
    parts = [base]
    for i in np.flatnonzero(p.cause == 2):
        later = deaths[deaths > p.time[i]]
        if len(later):
            starts = np.append(p.time[i], later[:-1])
            share = before(later) / before(p.time[i : i + 1])
            own = base.iloc[[i] * len(later)]
            parts.append(own.assign(start=starts, stop=later, w=share, died=0))
    return pd.concat(parts, ignore_index=True)


def test_fine_and_grays_model_is_the_weighted_cox_model_of_lifelines_on_rows_built_by_hand() -> None:
    p = people(250, months=False)
    found = fit_fine_gray(p.time, p.cause, p.covariates, names=NAMES)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="It appears your weights are not integers")
        peer = CoxTimeVaryingFitter().fit(
            subdistribution_rows(p), "died", id_col="id", weights_col="w", fit_options={"precision": 1e-12}
        )
    assert_allclose(found.coefficients, peer.params_.loc[list(NAMES)], rtol=1e-6)
    assert_allclose(found.naive_covariance, peer.variance_matrix_, rtol=1e-6)
    assert_allclose(found.log_likelihood[1], peer.log_likelihood_, rtol=1e-8)
