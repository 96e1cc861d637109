"""Cox models agree with lifelines (Efron), scikit-survival (both ties, ridge) and statsmodels (both ties)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from crosscheck_people import NAMES, People, people
from lifelines import CoxPHFitter, CoxTimeVaryingFitter
from lifelines.statistics import proportional_hazard_test
from lifelines.utils import concordance_index as lifelines_concordance
from numpy.testing import assert_allclose
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import concordance_index_censored
from sksurv.util import Surv
from statsmodels.duration.hazard_regression import PHReg

from pipelines.stats.cox import CoxFit, fit_cox
from pipelines.stats.cox.concordance import concordance_of
from pipelines.stats.cox.diagnostics import (
    deviance_residuals,
    dfbeta_residuals,
    martingale_residuals,
    schoenfeld_residuals,
    score_residuals,
)
from pipelines.stats.cox.prediction import baseline_hazard, survival_curves

MODEL = list(NAMES)
EXACTLY = {"precision": 1e-12, "r_precision": 1e-14}


def ours(p: People, **options: object) -> CoxFit:
    return fit_cox(p.time, p.died, p.covariates, names=NAMES, **options)


def lifelines(p: People, *columns: str, **options: object) -> CoxPHFitter:
    frame = p.frame[["time", "died", *MODEL, *columns]]
    return CoxPHFitter().fit(frame, "time", "died", fit_options=EXACTLY, **options)


def phreg(p: People, ties: str = "efron", **options: object) -> object:
    return PHReg(p.time, p.covariates, status=p.died, ties=ties, **options).fit(method="newton", tol=1e-12)


def assert_same_fit(fit: CoxFit, peer: CoxPHFitter) -> None:
    assert_allclose(fit.coefficients, peer.params_, rtol=1e-7)
    assert_allclose(fit.covariance, peer.variance_matrix_, rtol=1e-6)
    assert_allclose(fit.log_likelihood[1], peer.log_likelihood_, rtol=1e-9)


def test_a_cox_model_with_efron_ties_is_that_of_lifelines() -> None:
    p = people()
    fit, peer = ours(p), lifelines(p)
    assert_same_fit(fit, peer)
    table = fit.to_frame(level=0.95)
    limits = np.exp(peer.confidence_intervals_.to_numpy())
    assert_allclose(table.select("ci_low", "ci_high").to_numpy(), limits, rtol=1e-6)
    assert_allclose(table["p_value"], peer.summary["p"], rtol=1e-5)
    test = peer.log_likelihood_ratio_test()
    assert_allclose(fit.likelihood_ratio_test().statistic, test.test_statistic, rtol=1e-8)
    assert_allclose(fit.likelihood_ratio_test().p_value, test.p_value, rtol=1e-6)


def test_people_who_enter_late_are_at_risk_from_then_on_as_in_lifelines() -> None:
    p = people()
    assert_same_fit(ours(p, entry=p.entry), lifelines(p, "entry", entry_col="entry"))


def test_strata_have_baselines_of_their_own_as_in_lifelines() -> None:
    p = people()
    assert_same_fit(ours(p, strata=p.site), lifelines(p, "site", strata="site"))


def test_weights_that_are_counts_give_the_fit_of_lifelines() -> None:
    p = people()
    assert_same_fit(ours(p, weights=p.count), lifelines(p, "count", weights_col="count"))


@pytest.mark.parametrize("design", ["rows", "weights", "clusters", "weights and clusters"])
def test_without_ties_the_robust_standard_errors_are_those_of_lifelines(design: str) -> None:
    """With ties lifelines takes the score residuals of a model without any; R's are ours (tests/parity)."""
    p = people(months=False)
    mine: dict[str, object] = {"robust": True}
    theirs: dict[str, object] = {"robust": True}
    if "weights" in design:
        mine["weights"], theirs["weights_col"] = p.weight, "weight"
    if "clusters" in design:
        mine["cluster"], theirs["cluster_col"] = p.site, "site"
    columns = [value for value in theirs.values() if isinstance(value, str)]
    fit, peer = ours(p, **mine), lifelines(p, *columns, **theirs)
    assert_allclose(fit.coefficients, peer.params_, rtol=1e-7)
    assert_allclose(fit.standard_errors, peer.standard_errors_, rtol=1e-7)


def test_with_ties_the_robust_standard_errors_of_lifelines_are_a_little_off() -> None:
    """R 4.2, survival 3.5, on these people: 0.065395709, 0.072725266, 0.127911445, as ours."""
    p = people()
    fit, peer = ours(p, robust=True), lifelines(p, robust=True)
    assert_allclose(fit.standard_errors, [0.065395709, 0.072725266, 0.127911445], rtol=1e-7)
    assert_allclose(fit.standard_errors, peer.standard_errors_, rtol=0.01)


def test_a_ridge_in_lifelines_is_ours_times_the_people() -> None:
    """lifelines divides the log likelihood by the sum of weights before it takes the penalty off.

    It also standardises the covariates first, so that the penalty is one on them: ours takes the covariates as
    they are given, so it is given standardised ones.
    """
    p = people()
    z = (p.covariates - p.covariates.mean(axis=0)) / p.covariates.std(axis=0, ddof=1)
    scaled = pd.DataFrame(z, columns=MODEL).assign(time=p.time, died=p.died)
    peer = CoxPHFitter(penalizer=0.05).fit(scaled, "time", "died", fit_options=EXACTLY)
    fit = fit_cox(p.time, p.died, z, ridge=0.05 * len(z))
    assert_allclose(fit.coefficients, peer.params_, rtol=1e-6)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("ridge", [0.0, 0.5, 40.0])
def test_both_ties_and_the_ridge_are_those_of_scikit_survival(ties: str, ridge: float) -> None:
    p = people()
    peer = CoxPHSurvivalAnalysis(alpha=ridge, ties=ties, tol=1e-14)
    peer.fit(p.covariates, Surv.from_arrays(p.died == 1, p.time))
    assert_allclose(ours(p, ties=ties, ridge=ridge).coefficients, peer.coef_, rtol=1e-6)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("options", [(), ("entry",), ("strata",), ("offset",)])
def test_both_ties_with_entry_strata_and_offset_are_those_of_statsmodels(
    ties: str, options: tuple[str, ...]
) -> None:
    """statsmodels counts one who enters in the month of a death as at risk of it; R and we do not.

    It is given entries half a month later, which are the same risk sets without that question.
    """
    p = people()
    known = {"entry": p.entry, "strata": p.site, "offset": 0.3 * p.treated}
    asked = {name: known[name] for name in options}
    fit = ours(p, ties=ties, **asked)
    if "entry" in asked:
        asked["entry"] = np.where(p.entry > 0, p.entry + 0.5, 0.0)
    peer = phreg(p, ties, **asked)
    assert_allclose(fit.coefficients, peer.params, rtol=1e-6)
    assert_allclose(fit.covariance, peer.cov_params(), rtol=1e-6)
    assert_allclose(fit.log_likelihood[1], peer.llf, rtol=1e-9)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_the_clustered_variance_of_statsmodels(ties: str) -> None:
    p = people(months=ties == "breslow")
    peer = PHReg(p.time, p.covariates, status=p.died, ties=ties).fit(groups=p.site)
    assert_allclose(ours(p, ties=ties, cluster=p.site).covariance, peer.cov_params(), rtol=1e-6)


def operated_rows(p: People) -> pd.DataFrame:
    """(start, stop] rows with surgery as a covariate that changes at month 3."""
    base = p.frame.assign(id=np.arange(len(p.time)))
    late = base["treated"].eq(1) & base["time"].gt(3)
    before = base.assign(start=0.0, stop=base["time"].where(~late, 3.0), operated=0)
    before["died"] = base["died"].where(~late, 0)
    after = base[late].assign(start=3.0, stop=base["time"], operated=1)
    return pd.concat([before, after], ignore_index=True)


def test_covariates_that_change_with_time_give_the_fit_of_lifelines() -> None:
    rows = operated_rows(people())
    used = [*MODEL, "operated"]
    peer = CoxTimeVaryingFitter().fit(
        rows[["id", "start", "stop", "died", *used]], "died", id_col="id", fit_options=EXACTLY
    )
    fit = fit_cox(rows["stop"], rows["died"], rows[used].to_numpy(), entry=rows["start"])
    assert_allclose(fit.coefficients, peer.params_, rtol=1e-6)
    assert_allclose(fit.covariance, peer.variance_matrix_, rtol=1e-6)


def test_the_baseline_hazard_with_breslow_is_that_of_scikit_survival() -> None:
    p = people()
    hazard = baseline_hazard(ours(p, ties="breslow"), at=p.covariates.mean(axis=0))
    peer = CoxPHSurvivalAnalysis(ties="breslow", tol=1e-14)
    peer.fit(p.covariates - p.covariates.mean(axis=0), Surv.from_arrays(p.died == 1, p.time))
    assert_allclose(hazard["time"], peer.cum_baseline_hazard_.x)
    assert_allclose(hazard["cumulative_hazard"], peer.cum_baseline_hazard_.y, rtol=1e-6)


def test_the_baseline_hazard_of_lifelines_is_breslows_although_it_fits_by_efron() -> None:
    """So it is compared where nobody dies in the same month; with ties R has Efron's hazard after Efron's fit."""
    p = people(months=False)
    hazard = baseline_hazard(ours(p), at=p.covariates.mean(axis=0))
    peer = lifelines(p).baseline_cumulative_hazard_["baseline cumulative hazard"]
    assert_allclose(hazard["time"], peer.index)
    assert_allclose(hazard["cumulative_hazard"], peer, rtol=1e-6)


def test_predicted_curves_are_those_of_lifelines_where_there_are_no_ties() -> None:
    p = people(months=False)
    who = p.covariates[:5]
    curves = survival_curves(ours(p), who)
    peer = lifelines(p).predict_survival_function(pd.DataFrame(who, columns=MODEL), times=curves.time)
    assert_allclose(curves.survival, peer.to_numpy(), rtol=1e-6)


def test_predicted_curves_are_those_of_scikit_survival_with_breslow() -> None:
    p = people()
    who = p.covariates[:5]
    peer = CoxPHSurvivalAnalysis(ties="breslow", tol=1e-14)
    peer.fit(p.covariates, Surv.from_arrays(p.died == 1, p.time))
    curves = survival_curves(ours(p, ties="breslow"), who)
    theirs = np.column_stack([curve(curves.time) for curve in peer.predict_survival_function(who)])
    assert_allclose(curves.survival, theirs, rtol=1e-6)


def lifelines_residuals(p: People, kind: str) -> pd.DataFrame:
    frame = p.frame[["time", "died", *MODEL]]
    return lifelines(p).compute_residuals(frame, kind).sort_index()


def test_martingale_and_deviance_residuals_are_those_of_lifelines_without_ties() -> None:
    p = people(months=False)
    fit = ours(p)
    assert_allclose(
        martingale_residuals(fit), lifelines_residuals(p, "martingale")["martingale"], rtol=1e-6, atol=1e-8
    )
    assert_allclose(
        deviance_residuals(fit), lifelines_residuals(p, "deviance")["deviance"], rtol=1e-6, atol=1e-8
    )


def test_score_and_dfbeta_residuals_are_those_of_lifelines_without_ties() -> None:
    """The covariates are standardised: lifelines puts the others in with coefficients per standard deviation.

    On the covariates as they are R has our residuals, not those of lifelines.
    """
    p = people(months=False)
    z = (p.covariates - p.covariates.mean(axis=0)) / p.covariates.std(axis=0, ddof=1)
    p = replace(p, covariates=z)
    fit = ours(p)
    assert_allclose(score_residuals(fit), lifelines_residuals(p, "score"), rtol=1e-6, atol=1e-7)
    assert_allclose(dfbeta_residuals(fit), lifelines_residuals(p, "delta_beta"), rtol=1e-6, atol=1e-8)


def test_schoenfeld_residuals_are_those_of_lifelines_with_ties_too() -> None:
    p = people()
    found = schoenfeld_residuals(ours(p))
    back = np.argsort(found.row)
    assert_allclose(found.residuals[back], lifelines_residuals(p, "schoenfeld"), rtol=1e-6, atol=1e-7)


def test_score_and_schoenfeld_residuals_are_those_of_statsmodels_with_breslow() -> None:
    p = people()
    fit, peer = ours(p, ties="breslow"), phreg(p, "breslow")
    assert_allclose(score_residuals(fit), peer.score_residuals, rtol=1e-6, atol=1e-7)
    found = schoenfeld_residuals(fit)
    assert_allclose(found.residuals, peer.schoenfeld_residuals[found.row], rtol=1e-6, atol=1e-7)


def test_the_baseline_hazard_of_statsmodels_is_that_just_before_each_death() -> None:
    """Its martingale residuals miss the hazard of the last month of death for that reason; R has ours."""
    p = people()
    fit, peer = ours(p, ties="breslow"), phreg(p, "breslow")
    times, before, _ = peer.baseline_cumulative_hazard[0]
    hazard = baseline_hazard(fit)
    after = hazard["cumulative_hazard"].to_numpy()[np.searchsorted(hazard["time"], times)]
    assert_allclose(after[:-1], before[1:], rtol=1e-6)
    own_step = np.diff(before, append=after[-1])[np.searchsorted(times, p.time, side="right") - 1]
    own_step[p.time < times[0]] = 0.0
    missed = own_step * np.exp(p.covariates @ peer.params)
    assert_allclose(martingale_residuals(fit), peer.martingale_residuals - missed, rtol=1e-6, atol=1e-8)


def test_scaled_schoenfeld_residuals_give_the_older_test_of_lifelines() -> None:
    """lifelines has the test of R's survival before 3.0, which takes the variance as constant over time.

    Ours is the exact score test of 3.0 and later (tests/parity); the older one can be had from our scaled
    residuals: the squared sum of (g(t) - mean g) r / (d V sum (g - mean g)**2), r without the coefficient.
    """
    p = people()
    fit = ours(p)
    frame = p.frame[["time", "died", *MODEL]]
    peer = proportional_hazard_test(lifelines(p), frame, time_transform="identity")
    found = schoenfeld_residuals(fit)
    g = found.time - found.time.mean()
    scaled = found.scaled - fit.coefficients
    statistic = (g @ scaled) ** 2 / (fit.n_events * np.diag(fit.naive_covariance) * (g @ g))
    assert_allclose(statistic, peer.summary["test_statistic"].loc[MODEL], rtol=1e-6)


def test_concordance_is_that_of_both_peers_where_no_two_die_together() -> None:
    """With deaths tied the three differ: R and scikit-survival leave such pairs out, lifelines counts them."""
    p = people(months=False)
    risk = np.round(p.covariates @ [0.3, 0.35, -0.4], 1)  # ties of risk
    found = concordance_of(p.time, p.died, risk)
    assert_allclose(found.estimate, lifelines_concordance(p.time, -risk, p.died), rtol=1e-12)
    index, concordant, discordant, tied_risk, _ = concordance_index_censored(p.died == 1, p.time, risk)
    assert_allclose(found.estimate, index, rtol=1e-12)
    assert (found.concordant, found.discordant, found.tied_risk) == (concordant, discordant, tied_risk)


def test_concordance_with_deaths_in_the_same_month_is_that_of_scikit_survival() -> None:
    p = people()
    risk = np.round(p.covariates @ [0.3, 0.35, -0.4], 1)
    found = concordance_of(p.time, p.died, risk)
    index, concordant, discordant, tied_risk, _ = concordance_index_censored(p.died == 1, p.time, risk)
    assert found.tied_time > 0
    assert_allclose(found.estimate, index, rtol=1e-12)
    assert (found.concordant, found.discordant, found.tied_risk) == (concordant, discordant, tied_risk)
