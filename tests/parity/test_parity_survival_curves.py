"""Kaplan-Meier curves and log-rank tests equal R's `survfit` and `survdiff`."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.kaplan_meier import KaplanMeier, Quantile, kaplan_meier, median_follow_up
from pipelines.stats.kaplan_meier.logrank import logrank

LAST_COMMON_TIME = 34  # what R's table restricts its means to


def curves(**options: object) -> KaplanMeier:
    """Curves by sex of the lung data; text options that are columns are looked up."""
    lung = data("lung_months")
    given = {k: lung[v].to_numpy() if v in lung.columns else v for k, v in options.items()}
    return kaplan_meier(lung["month"], lung["dead"], group=lung["sex"].to_numpy(), **given)


def limits(quantile: Quantile) -> tuple[float | None, ...]:
    return quantile.estimate, quantile.lower, quantile.upper


def numbers(fit: KaplanMeier, of_survival: bool = False) -> dict[str, object]:
    """What R's `survfit` object holds, by R's names."""
    frame = fit.to_frame()
    error = [c.survival_std_err if of_survival else c.std_err for c in fit]
    return {
        "strata": [len(c.time) for c in fit],
        "time": frame["time"],
        "n_risk": frame["n_risk"],
        "n_event": frame["n_event"],
        "surv": frame["survival"],
        "std_err": np.concatenate(error),
        "lower": frame["lower"],
        "upper": frame["upper"],
    }


@pytest.mark.parametrize("ci", ["log-log", "log", "plain", "logit"])
def test_kaplan_meier(ci: str) -> None:
    fit = curves(ci=ci)
    table = [
        (c.n, c.n_risk[0], c.n_risk[0], c.events, *c.restricted_mean(LAST_COMMON_TIME, extend=True), *limits(c.median()))
        for c in fit
    ]
    quantiles = [
        [[getattr(c.quantile(q), part) for q in (0.25, 0.5, 0.75)] for c in fit]
        for part in ("estimate", "lower", "upper")
    ]
    actual = numbers(fit) | {
        "n_censor": fit.to_frame()["n_censor"],
        "table": table,
        "quantiles": quantiles,
        "at_6_12_24": fit.survival_at([6, 12, 24]).ravel(),
    }
    assert_matches_r(actual, f"km_{ci.replace('-', '')}", rtol=1e-10)


def test_left_truncated() -> None:
    fit = curves(entry="entry")
    medians = {
        "median": [m.estimate for m in fit.median()],
        "median_lower": [m.lower for m in fit.median()],
        "median_upper": [m.upper for m in fit.median()],
    }
    assert_matches_r(numbers(fit) | medians, "x_km_left_truncated", rtol=1e-10, leave=("std_err_is",))


@pytest.mark.parametrize("robust", [False, True])
def test_weights(robust: bool) -> None:
    name = f"x_km_weights_{'robust' if robust else 'model'}"
    of_survival = r_value(name)["std_err_is"] == "SE of S"
    fit = curves(weights="w", robust=robust)
    assert_matches_r(numbers(fit, of_survival), name, rtol=1e-10, leave=("std_err_is",))


def test_quantile_on_a_flat_piece_is_its_midpoint() -> None:
    curve = kaplan_meier([1, 2, 3, 4, 6, 8, 9, 10], [1, 1, 1, 1, 0, 1, 1, 0]).curves[0]
    found = [curve.quantile(q).estimate for q in (0.25, 0.5, 0.75)]
    assert_matches_r({"surv": curve.survival, "quantile": found}, "x_km_median_flat", rtol=1e-12)


def test_follow_up_by_reverse_kaplan_meier_lets_deaths_leave_first() -> None:
    lung = data("lung_months")
    plain = kaplan_meier(lung["month"], 1 - lung["dead"]).curves[0].median().estimate
    actual = {"median": median_follow_up(lung["month"], lung["dead"]), "median_plain_flip": plain}
    assert_matches_r(actual, "x_km_reverse_deaths_first", rtol=1e-12)


def test_restricted_mean() -> None:
    first, second = (c.restricted_mean(12) for c in curves())
    later = [c.restricted_mean(24) for c in curves()]
    actual = {
        "tau": [12, 24],
        "difference": [second[0] - first[0], later[1][0] - later[0][0]],
        "se": [np.hypot(first[1], second[1]), np.hypot(later[0][1], later[1][1])],
    }
    assert_matches_r(actual, "x_rmst_difference", rtol=1e-10)


@pytest.mark.parametrize("rho", [0, 1])
def test_logrank(rho: int) -> None:
    lung = data("lung_months")
    test = logrank(lung["month"], lung["dead"], lung["sex"], rho=rho)
    actual = {"obs": test.observed, "exp": test.expected, "chisq": test.statistic, "p": test.p_value}
    assert_matches_r(actual, f"logrank_rho{rho}", rtol=1e-10)


def test_stratified_logrank() -> None:
    lung = data("lung_months")
    test = logrank(lung["month"], lung["dead"], lung["sex"], strata=lung["ph.ecog"])
    assert_matches_r({"chisq": test.statistic, "p": test.p_value}, "logrank_stratified", rtol=1e-10)


def test_logrank_of_three_groups_and_its_trend() -> None:
    lung = data("lung_months")
    test = logrank(lung["month"], lung["dead"], np.minimum(lung["ph.ecog"].to_numpy(), 2))
    actual = {
        "obs": test.observed,
        "exp": test.expected,
        "var": test.variance,
        "chisq": test.statistic,
        "df": test.df,
        "trend_chisq": test.trend([0, 1, 2])[0],
    }
    assert_matches_r(actual, "x_logrank_3groups", rtol=1e-10)
