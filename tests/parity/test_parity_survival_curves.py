"""Kaplan-Meier curves and log-rank tests equal R's `survfit` and `survdiff`."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.kaplan_meier import (
    KaplanMeier,
    Quantile,
    kaplan_meier,
    median_follow_up,
    reverse_kaplan_meier,
)
from pipelines.stats.kaplan_meier.comparisons import paired_logrank
from pipelines.stats.kaplan_meier.conditional import conditional_survival
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.kaplan_meier.restricted_mean import restricted_mean_survival

LAST_COMMON_TIME = 34  # what R's table restricts its means to


def curves(**options: object) -> KaplanMeier:
    """Curves by sex of the lung data; text options that are columns are looked up."""
    lung = data("lung_months")
    given = {k: lung[v].to_numpy() if str(v) in lung.columns else v for k, v in options.items()}
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
        (
            c.n,
            c.n_risk[0],
            c.n_risk[0],
            c.events,
            *c.restricted_mean(LAST_COMMON_TIME, extend=True),
            *limits(c.median()),
        )
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


def test_restricted_mean_of_r_s_own_table() -> None:
    medians = [limits(c.median()) for c in curves(ci="log")]
    found = [
        (c.n, c.n_risk[0], c.n_risk[0], c.events, *c.restricted_mean(12), *median)
        for c, median in zip(curves(), medians, strict=True)
    ]
    assert_matches_r({"table": found}, "rmst_12", rtol=1e-10)


def test_difference_of_restricted_means_is_an_effect() -> None:
    lung = data("lung_months")
    fits = [
        restricted_mean_survival(lung["month"], lung["dead"], tau, group=lung["sex"].to_numpy())
        for tau in (12, 24)
    ]
    actual = {
        "tau": [12, 24],
        "difference": [fit.difference.estimate for fit in fits],
        "se": [fit.difference.std_err for fit in fits],
    }
    assert_matches_r(actual, "x_rmst_difference", rtol=1e-10)


def test_restricted_mean_with_weights_and_late_entry() -> None:
    lung = data("lung_months")
    weighted = {"group": lung["sex"].to_numpy(), "weights": lung["w"]}
    plain = restricted_mean_survival(lung["month"], lung["dead"], 12, **weighted)
    late = restricted_mean_survival(lung["month"], lung["dead"], 12, entry=lung["entry"], **weighted)
    actual = {
        "mean": [m.mean for m in plain.means],
        "std_err": [m.std_err for m in plain.means],
        "late_mean": [m.mean for m in late.means],
        "late_std_err": [m.std_err for m in late.means],
    }
    assert_matches_r(actual, "r_rmst_weights_robust", rtol=1e-10)


def test_late_entry_with_weights_of_clusters() -> None:
    rows = data("lung_months").height
    fit = curves(entry="entry", weights="w", cluster=np.arange(rows) // 3)
    leave = ("std_err",)
    actual = {name: values for name, values in numbers(fit).items() if name not in leave}
    assert_matches_r(actual, "r_km_late_weights_cluster", rtol=1e-9)


def test_survival_of_those_alive_at_six_months() -> None:
    lung = data("lung_months")
    table = conditional_survival(
        lung["month"], lung["dead"], given=[6], ahead=[6, 12], group=lung["sex"].to_numpy(), ci="log"
    ).to_frame()
    actual = {
        "surv": table["survival"],
        "std_err": table["std_err"],
        "lower": table["lower"],
        "upper": table["upper"],
    }
    assert_matches_r(actual, "r_km_given_alive_at_6", rtol=1e-10)


def test_survival_and_numbers_at_risk_at_given_times() -> None:
    table = curves(ci="logit").at([6, 12, 24])
    actual = {
        "n_risk": table["n_risk"],
        "surv": table["survival"],
        "std_err": table["std_err"],
        "lower": table["lower"],
        "upper": table["upper"],
    }
    assert_matches_r(actual, "r_km_at_times", rtol=1e-10)


def test_quantiles_of_follow_up_with_limits() -> None:
    lung = data("lung_months")
    curve = reverse_kaplan_meier(lung["month"], lung["dead"])
    found = [limits(curve.quantile(q)) for q in (0.25, 0.5, 0.75)]
    estimate, lower, upper = zip(*found, strict=True)
    actual = {"quantile": estimate, "lower": lower, "upper": upper}
    assert_matches_r(actual, "r_follow_up_quantiles", rtol=1e-12)


def test_logrank_family_without_ties() -> None:
    lung = data("lung_months")
    apart = lung["month"].to_numpy() + np.arange(1, lung.height + 1) / 1000
    options = {
        "1": {},
        "n": {"scheme": "gehan"},
        "sqrtN": {"scheme": "tarone-ware"},
        "S1": {"scheme": "peto"},
        "FH_p=1_q=1": {"rho": 1, "gamma": 1},
        "FH_p=0.5_q=2": {"rho": 0.5, "gamma": 2},
    }
    actual = {k: logrank(apart, lung["dead"], lung["sex"], **v).statistic for k, v in options.items()}
    assert_matches_r(actual, "r_logrank_family", rtol=1e-10, leave=("S2",))


def test_logrank_with_weights_clusters_late_entry_and_strata() -> None:
    lung = data("lung_months")
    time, dead, sex = lung["month"], lung["dead"], lung["sex"]
    set_of_three = np.arange(lung.height) // 3
    healthy = lung["ph.ecog"].to_numpy() == 0
    tests = {
        "weights": logrank(time, dead, sex, weights=lung["w"]),
        "cluster": logrank(time, dead, sex, cluster=set_of_three),
        "late_weights_strata": logrank(
            time,
            dead,
            sex,
            weights=lung["w"],
            cluster=set_of_three,
            entry=lung["entry"],
            strata=healthy,
        ),
        "three_groups": logrank(time, dead, np.minimum(lung["ph.ecog"].to_numpy(), 2), weights=lung["w"]),
    }
    actual = {name: test.statistic for name, test in tests.items()}
    assert_matches_r(actual, "r_logrank_robust", rtol=1e-9)


def test_logrank_with_late_entry() -> None:
    lung = data("lung_months")
    apart = lung["month"].to_numpy() + np.arange(1, lung.height + 1) / 1000
    test = logrank(apart, lung["dead"], lung["sex"], entry=lung["entry"])
    assert_matches_r({"chisq": test.statistic}, "r_logrank_late", rtol=1e-8)


def test_logrank_of_pairs() -> None:
    lung = data("lung_months")
    men, women = (np.flatnonzero(lung["sex"] == sex)[:90] for sex in (1, 2))
    people, pair = lung[np.concatenate([men, women])], np.tile(np.arange(90), 2)
    actual = {
        method: paired_logrank(people["month"], people["dead"], people["sex"], pair, method=method).statistic
        for method in ("stratified", "jung")
    }
    assert_matches_r(actual, "r_logrank_pairs", rtol=1e-9)
