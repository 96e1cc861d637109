"""What is asked of a fitted Cox model equals R's: tests, intervals, splines, periods, curves, concordance."""

import numpy as np
import polars as pl
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.cox import CoxFit, fit_cox
from pipelines.stats.cox.diagnostics import (
    concordance,
    deviance_residuals,
    dfbeta_residuals,
    dfbetas_residuals,
    martingale_residuals,
    proportional_hazards_test,
    schoenfeld_residuals,
    score_residuals,
)
from pipelines.stats.cox.prediction import baseline_hazard, survival_curve, survival_curves
from pipelines.stats.cox.profile import profile_intervals
from pipelines.stats.cox.ridge import effective_degrees_of_freedom, ridge_covariance
from pipelines.stats.cox.splines import (
    SplineTerm,
    hazard_ratio_curve,
    natural_spline,
    nonlinearity_test,
    restricted_cubic_spline,
)
from pipelines.stats.cox.terms import design, factor, interaction, numeric
from pipelines.stats.cox.tests import contrasts, joint_tests, likelihood_ratio_test
from pipelines.stats.cox.time_split import split_follow_up, time_split_hazard_ratios
from pipelines.stats.cox.variance import clustered_covariance

TIES = pytest.mark.parametrize("ties", ["efron", "breslow"])
ALL = ("age", "sex", "ph.ecog")
AGES = np.arange(45, 76, 5)


def lung_with_factors() -> pl.DataFrame:
    return data("lung_months").with_columns(
        fem=(pl.col("sex") == 2).cast(pl.Float64), ecog=pl.col("ph.ecog").clip(0, 2)
    )


def fit_lung(covariates: tuple[str, ...] = ALL, **options: object) -> CoxFit:
    """Fit the lung data; text options name a column."""
    lung = data("lung_months")
    named = ("weights", "entry", "strata", "cluster")
    chosen = {k: lung[v].to_numpy() if k in named else v for k, v in options.items()}
    return fit_cox(lung["month"], lung["dead"], lung.select(covariates), **chosen)


def test_profile_interval() -> None:
    found = profile_intervals(fit_lung(), ["sex"])
    actual = {"estimate": found.coefficients[0], "lower": found.lower[0], "upper": found.upper[0]}
    assert_matches_r(actual, "x_cox_profile_ci", rtol=1e-8)


def test_a_factor_tested_as_one() -> None:
    lung = lung_with_factors()
    terms = design(
        numeric(lung["age"], name="age"),
        numeric(lung["fem"], name="fem"),
        factor(lung["ecog"], name="ecog", reference=0),
    )
    fit = fit_cox(lung["month"], lung["dead"], terms.columns, names=terms.names)
    tests = joint_tests(fit, {"ecog": terms.groups["ecog"]})
    actual = {
        "wald": tests.wald[0].statistic,
        "score": tests.score[0].statistic,
        "lr": tests.likelihood_ratio[0].statistic,
        "df": tests.wald[0].df,
    }
    assert_matches_r(actual, "r_cox_joint_tests", rtol=1e-9)


def test_interaction_of_factors() -> None:
    lung = lung_with_factors()
    fem = factor(lung["fem"], name="fem", reference=0)
    ecog = factor(lung["ecog"], name="ecog", reference=0)
    both = interaction(fem, ecog)
    terms = design(numeric(lung["age"], name="age"), fem, ecog, both)
    fit = fit_cox(lung["month"], lung["dead"], terms.columns, names=terms.names)
    test = joint_tests(fit, {both.name: both.names})
    within = contrasts(fit, {"female in ecog 2": {"fem=1.0": 1, "fem=1.0:ecog=2": 1}})
    actual = {
        "coef": fit.coefficients,
        "var": fit.covariance,
        "joint_wald_interaction": [test.wald[0].statistic, test.wald[0].df],
        "lrt_interaction": [test.likelihood_ratio[0].statistic, test.wald[0].df],
        "hr_fem_within_ecog2": [within.estimates[0], within.std_errs[0]],
    }
    assert_matches_r(actual, "x_cox_interaction", rtol=1e-9, leave=("names",))


def fit_spline(term: SplineTerm) -> CoxFit:
    lung = data("lung_months")
    terms = design(term, numeric(lung["sex"], name="sex"))
    return fit_cox(lung["month"], lung["dead"], terms.columns, names=terms.names)


@pytest.mark.parametrize("df", [3, 4])
def test_natural_spline(df: int) -> None:
    term = natural_spline(data("lung_months")["age"], name="age", df=df)
    fit, straight = fit_spline(term), fit_lung(("age", "sex"))
    curve = hazard_ratio_curve(fit, term, AGES, reference=60)
    actual = {
        "knots": term.knots[1:-1],
        "boundary": term.knots[[0, -1]],
        "basis": term.columns[:20],
        "outside": term.basis([20, 30, 90, 100]),
        "lrt_nonlinear": likelihood_ratio_test(straight, fit).statistic,
        "coef": fit.coefficients,
        "var": fit.covariance,
        "loglik": fit.log_likelihood,
        "at": curve.value,
        "log_hr": curve.log_hazard_ratio,
        "std_err": curve.std_err,
    }
    assert_matches_r(actual, f"r_spline_ns_df{df}", rtol=1e-8)


@pytest.mark.parametrize("knots", [3, 4, 5, 6, 7])
def test_restricted_cubic_spline(knots: int) -> None:
    term = restricted_cubic_spline(data("lung_months")["age"], name="age", df=knots - 1)
    fit = fit_spline(term)
    curve = hazard_ratio_curve(fit, term, AGES, reference=60)
    actual = {
        "knots": term.knots,
        "basis": term.columns[:20],
        "wald_nonlinear": nonlinearity_test(fit, term).statistic,
        "coef": fit.coefficients,
        "var": fit.covariance,
        "loglik": fit.log_likelihood,
        "at": curve.value,
        "log_hr": curve.log_hazard_ratio,
        "std_err": curve.std_err,
    }
    assert_matches_r(actual, f"r_spline_rcs_k{knots}", rtol=1e-7)


def test_outer_knots_of_few_people() -> None:
    term = restricted_cubic_spline(data("lung_months")["age"][:60], name="age", df=3)
    assert_matches_r({"knots": term.knots}, "r_spline_rcs_few_people")


def test_ridge_and_its_two_covariances() -> None:
    fit = fit_lung(ridge=10.0)
    actual = {
        "coef": fit.coefficients,
        "var": fit.covariance,
        "var2": ridge_covariance(fit),
        "df": effective_degrees_of_freedom(fit),
    }
    assert_matches_r(actual, "r_cox_ridge", rtol=1e-6)


@TIES
def test_residuals_and_their_sums(ties: str) -> None:
    fit, inst = fit_lung(ties=ties), data("lung_months")["inst"]
    actual = {
        "deviance": deviance_residuals(fit),
        "dfbetas": dfbetas_residuals(fit),
        "martingale_by_inst": martingale_residuals(fit, collapse=inst),
        "score_by_inst": score_residuals(fit, collapse=inst),
        "dfbeta_by_inst": dfbeta_residuals(fit, collapse=inst),
    }
    assert_matches_r(actual, f"r_cox_residuals_{ties}", rtol=1e-8)


def test_residuals_of_a_robust_fit() -> None:
    fit = fit_lung(("age", "ph.ecog"), entry="entry", weights="w", strata="sex", robust=True)
    actual = {
        "deviance": deviance_residuals(fit),
        "dfbeta": dfbeta_residuals(fit),
        "dfbetas": dfbetas_residuals(fit),
        "scaled_schoenfeld": schoenfeld_residuals(fit).scaled,
    }
    assert_matches_r(actual, "r_cox_residuals_robust", rtol=1e-8)


@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
def test_proportional_hazards_with_weights_entry_and_a_factor(transform: str) -> None:
    lung = lung_with_factors()
    terms = design(numeric(lung["age"], name="age"), factor(lung["ecog"], name="ecog", reference=0))
    fit = fit_cox(
        lung["month"],
        lung["dead"],
        terms.columns,
        names=terms.names,
        entry=lung["entry"],
        weights=lung["w"],
        strata=lung["fem"],
        ties="breslow",
    )
    test = proportional_hazards_test(fit, transform=transform, terms=terms.groups)
    name = f"r_zph_terms_{transform}"
    assert list(test.terms) == r_value(name)["rows"]
    actual = {"chisq": test.statistic, "df": test.df, "p": test.p_value}
    assert_matches_r(actual, name, rtol=1e-8, leave=("rows",))


@TIES
@pytest.mark.parametrize("stratum", [1, 2])
def test_curves_of_several_people(ties: str, stratum: int) -> None:
    options = {"entry": "entry", "weights": "w", "strata": "sex", "robust": True}  # R: weights, so robust
    fit = fit_lung(("age", "ph.ecog"), ties=ties, **options)
    name = f"r_cox_curves_{ties}_stratum_{stratum}"
    curves = survival_curves(fit, r_value(name)["people"], stratum=stratum)
    actual = {
        "time": curves.time,
        "surv": curves.survival,
        "cumhaz": curves.cumulative_hazard,
        "std_err": curves.std_err,
        "lower": curves.lower,
        "upper": curves.upper,
    }
    assert_matches_r(actual, name, rtol=1e-8, leave=("people", "n_risk", "n_event"))


@pytest.mark.parametrize("interval", ["log-log", "plain"])
def test_curve_of_a_clustered_fit(interval: str) -> None:
    fit = fit_lung(cluster="inst")
    curve = survival_curve(fit, [60, 2, 1], interval=interval, level=0.9)
    actual = {
        "time": curve.time,
        "surv": curve.survival,
        "std_err": curve.std_err,
        "lower": curve.lower,
        "upper": curve.upper,
    }
    assert_matches_r(actual, f"r_cox_curve_robust_{interval.replace('-', '')}", rtol=1e-8)


def test_baseline_hazard() -> None:
    fit = fit_lung(("age", "ph.ecog"), entry="entry", weights="w", strata="sex")
    frame = baseline_hazard(fit)
    actual = {
        "hazard": frame["cumulative_hazard"],
        "time": frame["time"],
        "stratum": frame["stratum"].cast(pl.Float64),
    }
    assert_matches_r(actual, "r_cox_baseline", rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "options"),
    {
        "plain": {},
        "weights": {"weights": "w"},
        "strata": {"strata": "sex"},
        "cluster": {"cluster": "inst"},
        "late": {"entry": "entry"},
        "all": {"entry": "entry", "weights": "w", "strata": "sex"},
    }.items(),
)
def test_concordance(name: str, options: dict[str, str]) -> None:
    fit = fit_lung(("age", "ph.ecog") if "strata" in options else ALL, **options)
    found = concordance(fit, cluster=data("lung_months")["inst"] if "cluster" in options else None)
    counts = [found.concordant, found.discordant, found.tied_risk, found.tied_time, found.tied_both]
    actual = {"concordance": found.estimate, "std_err": found.std_err, "counts": counts}
    assert_matches_r(actual, f"r_concordance_{name}", rtol=1e-10)


@pytest.mark.parametrize("late", [False, True])
def test_hazard_ratios_by_period(late: bool) -> None:
    lung = lung_with_factors()
    entry = lung["entry"] if late else None
    x = lung.select("age", "fem")
    given = (lung["month"], lung["dead"], x, [6, 12])
    plain = time_split_hazard_ratios(*given, term="fem", entry=entry)
    robust = time_split_hazard_ratios(*given, term="fem", entry=entry, robust=True)
    rows = split_follow_up(lung["month"], lung["dead"], [6, 12], entry=entry)
    order = [3, 0, 1, 2]  # R has age first
    actual = {
        "row": rows.row + 1,
        "begin": rows.start,
        "stop": rows.stop,
        "event": rows.event,
        "period": rows.period + 1,
        "coef": plain.fit.coefficients[order],
        "var": plain.fit.covariance[np.ix_(order, order)],
        "robust_var": robust.fit.covariance[np.ix_(order, order)],
        "loglik": plain.fit.log_likelihood[1],
        "wald_equal": plain.wald_equal.statistic,
        "wald_equal_robust": robust.wald_equal.statistic,
        "lrt_equal": plain.likelihood_ratio_equal.statistic,
        "events": plain.events,
    }
    assert_matches_r(actual, "r_time_split_late_entry" if late else "r_time_split", rtol=1e-8)


@pytest.mark.parametrize("all_options", [False, True])
def test_bias_reduced_variance(all_options: bool) -> None:
    inst = data("lung_months")["inst"]
    if all_options:
        fit = fit_lung(("age", "ph.ecog"), entry="entry", weights="w", strata="sex", ties="breslow")
    else:
        fit = fit_lung(ties="breslow")
    found = clustered_covariance(fit, inst, kind="CR2")
    actual = {"coef": found.coefficients, "var": found.covariance, "df": found.degrees_of_freedom}
    name = "r_cox_cr2_weights_entry_strata" if all_options else "r_cox_cr2"
    assert_matches_r(actual, name, rtol=1e-6)


@TIES
def test_offset(ties: str) -> None:
    lung = data("lung_months")
    x, known = lung.select("age", "sex"), 0.3 * lung["ph.ecog"]
    fit = fit_cox(lung["month"], lung["dead"], x, offset=known, ties=ties)
    actual = {"coef": fit.coefficients, "var": fit.covariance, "loglik": fit.log_likelihood}
    if ties == "breslow":
        actual |= {"martingale": martingale_residuals(fit)}
    else:
        tests = {"score": fit.score_test().statistic, "wald": fit.wald_test().statistic}
        actual |= tests | {"n": fit.n, "nevent": fit.n_events}
    name = "r_cox_offset_breslow" if ties == "breslow" else "x_cox_offset"
    assert_matches_r(actual, name, rtol=1e-8)
