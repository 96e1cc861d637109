"""Flexible parametric and piecewise exponential models equal R's `survreg`, `glm` and written-out likelihoods."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.parametric import (
    RoystonParmarFit,
    fit_piecewise_exponential,
    fit_royston_parmar,
    rates,
)

ALL = ("age", "sex", "ph.ecog")
CUTS = (6, 12, 18, 24)
SCALES = {"weibull": "hazard", "loglogistic": "odds", "lognormal": "normal"}


def flexible(**options: object) -> RoystonParmarFit:
    """Fit of the lung data; text options that are columns are looked up."""
    lung = data("lung_months")
    given = {k: lung[v].to_numpy() if v in lung.columns else v for k, v in options.items() if k != "df"}
    return fit_royston_parmar(lung["month"], lung["dead"], lung.select(ALL), df=options["df"], **given)


def test_royston_parmar_with_three_degrees_of_freedom() -> None:
    lung = data("lung_months")
    x = lung.select(ALL).to_numpy() - [60, 1, 0]
    fit = fit_royston_parmar(lung["month"], lung["dead"], x, df=3)
    name = "x_royston_parmar"
    rest = ("gamma", "beta", "se_beta")
    actual = {"knots_log": fit.knots, "loglik": fit.log_likelihood}
    assert_matches_r(actual, name, rtol=1e-8, leave=rest)
    actual = {"gamma": fit.coefficients[:4], "beta": fit.coefficients[4:]}
    assert_matches_r(actual, name, rtol=1e-5, leave=("knots_log", "loglik", "se_beta"))
    error = {"se_beta": fit.standard_errors[4:]}
    assert_matches_r(error, name, rtol=1e-4, leave=("knots_log", "loglik", "gamma", "beta"))


@pytest.mark.parametrize("distribution", SCALES)
def test_one_degree_of_freedom_is(distribution: str) -> None:
    fit = flexible(df=1, scale=SCALES[distribution])
    actual = {"coef": fit.coefficients, "var": fit.covariance, "loglik": fit.log_likelihood}
    assert_matches_r(actual, f"r_parametric_{distribution}", rtol=1e-7)


@pytest.mark.parametrize("distribution", SCALES)
@pytest.mark.parametrize("design", [{"cluster": "inst"}, {"weights": "w", "cluster": "inst"}])
def test_robust_variance_of(distribution: str, design: dict[str, str]) -> None:
    fit = flexible(df=1, scale=SCALES[distribution], **design)
    actual = {"coef": fit.coefficients, "var": fit.covariance, "loglik": fit.log_likelihood}
    assert_matches_r(actual, f"r_parametric_{distribution}_{'_'.join(design)}", rtol=1e-6)


def test_late_entry_and_an_effect_that_varies_with_time() -> None:
    fit = flexible(df=3, entry="entry", time_dependent={"sex": 2})
    actual = {"coef": fit.coefficients, "var": fit.covariance, "loglik": fit.log_likelihood}
    assert_matches_r(actual, "r_parametric_flexible_entry_varying", rtol=1e-7)


def test_piecewise_exponential() -> None:
    lung = data("lung_months")
    fit = fit_piecewise_exponential(lung["month"], lung["dead"], lung.select(ALL), cuts=CUTS)
    # R's first rate is the intercept, the others differences from it.
    change = np.eye(8)
    change[1:5, 0] = -1
    actual = {
        "coef": change @ fit.coefficients,
        "se": np.sqrt(np.diag(change @ fit.covariance @ change.T)),
    }
    assert_matches_r(actual, "x_piecewise_exponential", rtol=1e-8, leave=("names",))


def test_piecewise_exponential_with_weights_and_late_entry() -> None:
    lung = data("lung_months")
    fit = fit_piecewise_exponential(
        lung["month"], lung["dead"], lung.select(ALL), cuts=CUTS, weights=lung["w"], entry=lung["entry"]
    )
    actual = {"coef": fit.coefficients, "var": fit.covariance}
    assert_matches_r(actual, "r_parametric_piecewise_weights_entry", rtol=1e-8)


def test_rates_with_exact_limits() -> None:
    lung = data("lung_months")
    frame = rates(lung["month"], lung["dead"], cuts=CUTS, entry=lung["entry"])
    columns = ("events", "person_time", "lower", "upper")
    assert_matches_r({name: frame[name] for name in columns}, "r_parametric_rates", rtol=1e-8)
    assert frame["rate"][0] == r_value("r_parametric_rates")["events"][0] / frame["person_time"][0]
