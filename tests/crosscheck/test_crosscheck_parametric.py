"""Parametric models agree with lifelines (splines, Weibull and kin) and statsmodels (Poisson person-time)."""

import numpy as np
import pandas as pd
import pytest
from crosscheck_people import NAMES, People, people
from lifelines import (
    CoxPHFitter,
    LogLogisticAFTFitter,
    LogNormalAFTFitter,
    PiecewiseExponentialFitter,
    WeibullAFTFitter,
)
from numpy.testing import assert_allclose
from statsmodels.api import GLM, families
from statsmodels.stats.rates import confint_poisson

from pipelines.stats.parametric import fit_piecewise_exponential, fit_royston_parmar, rates

CUTS = [6.0, 12.0, 24.0]
EDGES = [0.0, *CUTS, np.inf]
FAMILIES = {"hazard": WeibullAFTFitter, "odds": LogLogisticAFTFitter, "normal": LogNormalAFTFitter}


def person_time(p: People) -> pd.DataFrame:
    """One row per person and interval under observation: `interval`, `died`, `lived`, covariates."""
    parts = []
    for j in range(len(EDGES) - 1):
        lived = np.clip(p.time, EDGES[j], EDGES[j + 1]) - np.clip(p.entry, EDGES[j], EDGES[j + 1])
        died = p.died * ((p.time > EDGES[j]) & (p.time <= EDGES[j + 1]))
        parts.append(p.frame.assign(interval=j, lived=lived, died=died)[lived > 0])
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_piecewise_exponential_model_is_the_poisson_regression_of_statsmodels(weighted: bool) -> None:
    p = people()
    weights = p.count if weighted else None
    found = fit_piecewise_exponential(
        p.time, p.died, p.covariates, cuts=CUTS, names=NAMES, entry=p.entry, weights=weights
    )
    rows = person_time(p)
    design = np.column_stack([rows["interval"].to_numpy()[:, None] == np.arange(4), rows[list(NAMES)]])
    peer = GLM(
        rows["died"],
        design.astype(float),
        family=families.Poisson(),
        offset=np.log(rows["lived"]),
        freq_weights=rows["count"] if weighted else None,
    ).fit(tol=1e-12)
    assert_allclose(found.coefficients, peer.params, rtol=1e-7)
    assert_allclose(found.covariance, peer.cov_params(), rtol=1e-6)
    # The two likelihoods differ by the sum of log lived over the deaths, which no parameter is in.
    share = rows["count"] if weighted else 1.0
    apart = float((share * rows["died"] * np.log(rows["lived"])).sum())
    assert_allclose(found.log_likelihood, peer.llf - apart, rtol=1e-9)


def test_a_clustered_piecewise_model_has_the_sandwich_of_statsmodels_without_its_factor() -> None:
    """statsmodels multiplies by G/(G - 1) (N - 1)/(N - q) of the rows of person-time; R's coxph does not."""
    p = people()
    found = fit_piecewise_exponential(p.time, p.died, p.covariates, cuts=CUTS, entry=p.entry, cluster=p.site)
    rows = person_time(p)
    design = np.column_stack([rows["interval"].to_numpy()[:, None] == np.arange(4), rows[list(NAMES)]])
    peer = GLM(
        rows["died"], design.astype(float), family=families.Poisson(), offset=np.log(rows["lived"])
    ).fit(
        tol=1e-12,
        cov_type="cluster",
        cov_kwds={"groups": rows["site"].to_numpy(), "use_correction": False},
    )
    assert_allclose(found.covariance, peer.cov_params(), rtol=1e-6)


def test_a_piecewise_exponential_curve_is_that_of_lifelines() -> None:
    """lifelines has the reciprocals of the rates, and counts a death at a cut to the interval after it."""
    p = people(months=False)
    table = rates(p.time, p.died, cuts=CUTS)
    peer = PiecewiseExponentialFitter(CUTS).fit(p.time, p.died)
    assert_allclose(1 / table["rate"].to_numpy(), peer.params_, rtol=1e-4)
    log_likelihood = float((table["events"] * table["rate"].log() - table["events"]).sum())
    assert_allclose(log_likelihood, peer.log_likelihood_, rtol=1e-7)


def test_the_exact_limits_of_a_rate_are_those_of_statsmodels() -> None:
    p = people()
    for row in rates(p.time, p.died, cuts=CUTS, entry=p.entry, group=p.treated).iter_rows(named=True):
        limits = confint_poisson(row["events"], row["person_time"], method="exact-c")
        assert_allclose((row["lower"], row["upper"]), limits, rtol=1e-9)


@pytest.mark.parametrize("df", [2, 3, 4])
def test_from_our_maximum_of_a_spline_model_lifelines_climbs_no_further(df: int) -> None:
    """lifelines starts at ours (on covariates over their standard deviation): elsewhere it stops too soon.

    From its own start it stops at a log likelihood of -9,583 with three degrees of freedom, where the maximum is
    -1,207. The knots are put in behind its constructor, which gives the last of them a column of zeros.
    """
    p = people()
    found = fit_royston_parmar(p.time, p.died, p.covariates, df=df, names=NAMES)
    ours = dict(zip(found.names, found.coefficients, strict=True))
    errors = dict(zip(found.names, found.standard_errors, strict=True))
    ratios = np.array([ours[name] for name in NAMES])
    spline = [ours[f"gamma{j}"] for j in range(df + 1)]
    peer = CoxPHFitter(baseline_estimation_method="spline", n_baseline_knots=df)
    peer.knots = list(np.exp(found.knots))
    start = np.concatenate([ratios * p.covariates.std(axis=0, ddof=1), spline])
    peer.fit(p.frame[["time", "died", *NAMES]], "time", "died", initial_point=start)
    assert_allclose(found.log_likelihood, peer.log_likelihood_, rtol=1e-9)
    assert_allclose(ratios, peer.params_["beta_"].loc[list(NAMES)], rtol=1e-3)
    theirs = peer.standard_errors_["beta_"].loc[list(NAMES)]
    assert_allclose([errors[name] for name in NAMES], theirs, rtol=1e-3)
    times = np.array([6.0, 12.0, 36.0])
    who = p.covariates[:3]
    curves = peer.predict_survival_function(pd.DataFrame(who, columns=list(NAMES)), times=times)
    assert_allclose(found.survival_matrix(who, times).T, curves, rtol=1e-3)


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("scale", FAMILIES)
def test_with_one_degree_of_freedom_it_is_the_named_family_of_lifelines(scale: str, entry: bool) -> None:
    """Weibull, log-logistic and log-normal: lifelines stretches time, so its effects are ours over the shape.

    The shape is the slope of log time, `gamma1`. lifelines stops a little below the top: its likelihood has seven
    digits of ours, its coefficients three.
    """
    p = people()
    late = {"entry": p.entry} if entry else {}
    found = fit_royston_parmar(p.time, p.died, p.covariates, df=1, scale=scale, names=NAMES, **late)
    frame = p.frame[["time", "died", *NAMES, "entry"] if entry else ["time", "died", *NAMES]]
    peer = FAMILIES[scale]().fit(frame, "time", "died", **({"entry_col": "entry"} if entry else {}))
    assert_allclose(found.log_likelihood, peer.log_likelihood_, rtol=1e-7)
    assert found.log_likelihood > peer.log_likelihood_ - 1e-8
    ours = dict(zip(found.names, found.coefficients, strict=True))
    shape = ours["gamma1"]
    primary = peer.params_.index.get_level_values(0)[0]
    theirs = peer.params_[primary].loc[list(NAMES)]
    assert_allclose([-ours[name] / shape for name in NAMES], theirs, rtol=5e-3)
    times = np.array([6.0, 12.0, 36.0])
    who = p.covariates[:3]
    curves = peer.predict_survival_function(pd.DataFrame(who, columns=list(NAMES)), times=times)
    assert_allclose(found.survival_matrix(who, times).T, curves, rtol=2e-3)
