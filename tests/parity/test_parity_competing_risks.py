"""Cumulative incidence, Gray's test and Fine and Gray's regression equal R's `survfit`, `cmprsk`, `finegray`."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.competing_risks import (
    AalenJohansen,
    CumulativeIncidence,
    aalen_johansen,
    gray_test,
)
from pipelines.stats.cox import fit_cox

DAYS = [365, 1095, 1825, 3650]
MONTHS = [6, 24, 60, 120]
TRANSPLANT, DEATH = 1, 2


def trial(**options: object) -> AalenJohansen:
    pbc = data("pbc_trial")
    return aalen_johansen(pbc["etime"], pbc["ev"], group=pbc["trt"].to_numpy(), **options)


def months(**options: object) -> CumulativeIncidence:
    """One curve of all; text options that are columns are looked up."""
    pbc = data("pbc_months")
    given = {k: pbc[v].to_numpy() if v in pbc.columns else v for k, v in options.items()}
    return aalen_johansen(pbc["month"], pbc["ev"], **given).curves[0]


def states(curve: CumulativeIncidence, times: list[int]) -> list[np.ndarray]:
    """Probabilities of no event, transplant and death, as R's `pstate`."""
    return [curve.survival_at(times), *(curve.incidence_at(times, c) for c in (TRANSPLANT, DEATH))]


def errors(curve: CumulativeIncidence, times: list[int]) -> list[np.ndarray]:
    place = np.searchsorted(curve.time, times, side="right") - 1
    return [curve.survival_std_err[place], *(curve.std_err_at(times, c) for c in (TRANSPLANT, DEATH))]


def test_aalen_johansen_by_arm() -> None:
    rows = [np.transpose(states(curve, DAYS)) for curve in trial()]
    spread = [np.transpose(errors(curve, DAYS)) for curve in trial()]
    actual = {"pstate": np.vstack(rows), "std_err": np.vstack(spread)}
    assert_matches_r(actual, "aalen_johansen", rtol=1e-10, leave=("states",))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("weights", {"weights": "w"}),
        ("left_truncated", {"weights": "w", "entry": "entry"}),
    ],
)
def test_jackknife_of(name: str, options: dict[str, str]) -> None:
    curve = months(**options)
    actual = {"times": MONTHS, "pstate": np.transpose(states(curve, MONTHS))}
    actual |= {"std_err": np.transpose(errors(curve, MONTHS))}
    # R's limits of the first state are those of survival, which we leave to Kaplan and Meier.
    leave = ("lower_log", "upper_log")
    assert_matches_r(actual, f"r_competing_aalen_johansen_{name}", rtol=1e-10, leave=leave)


def test_jackknife_of_survival_with_clusters() -> None:
    curve = months(weights="w", cluster="centre")
    actual = {"times": MONTHS, "surv": curve.survival_at(MONTHS), "std_err": errors(curve, MONTHS)[0]}
    assert_matches_r(actual, "r_competing_aalen_johansen_clusters", rtol=1e-10)


@pytest.mark.parametrize("ci", ["log", "log-log", "plain"])
def test_intervals(ci: str) -> None:
    curve = months(ci=ci)
    expected = r_value("r_competing_aalen_johansen_intervals")
    for j, cause in enumerate((TRANSPLANT, DEATH), start=1):
        for ours, side in zip(curve.limits_at(MONTHS, cause), ("lower", "upper"), strict=True):
            theirs = np.array(expected[f"{side}_{ci.replace('-', '')}"], dtype=np.float64)[:, j]
            known = curve.incidence_at(MONTHS, cause) > 0
            np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-10)
            assert np.isnan(ours[~known]).all()


def test_aalen_variance_and_gray_test_of_cuminc() -> None:
    curves = list(trial(variance="aalen"))
    pbc = data("pbc_trial")
    test = gray_test(pbc["etime"], pbc["ev"], pbc["trt"])
    both = [(curve, cause) for cause in (TRANSPLANT, DEATH) for curve in curves]
    actual = {
        "est": [curve.incidence_at(DAYS, cause) for curve, cause in both],
        "var": [curve.std_err_at(DAYS, cause) ** 2 for curve, cause in both],
        "gray": np.column_stack([test.statistic, test.p_value, [test.df, test.df]]),
    }
    assert_matches_r(actual, "cuminc_gray", rtol=1e-10, leave=("rows", "gray_rows"))


def test_gray_test_of_three_groups() -> None:
    pbc = data("pbc_months")
    test = gray_test(pbc["month"], pbc["ev"], np.maximum(pbc["stage"].to_numpy(), 2))
    actual = {"statistic": test.statistic, "p": test.p_value}
    assert_matches_r(actual, "r_competing_gray_three_groups", rtol=1e-8)


def test_gray_test_with_strata_and_a_weight() -> None:
    pbc = data("pbc_months")
    test = gray_test(
        pbc["month"], pbc["ev"], np.maximum(pbc["stage"].to_numpy(), 2), strata=pbc["trt"].to_numpy(), rho=1
    )
    actual = {"statistic": test.statistic, "p": test.p_value}
    assert_matches_r(actual, "r_competing_gray_strata_rho", rtol=1e-8)


def test_cause_specific_hazards_are_a_cox_model_with_the_others_censored() -> None:
    pbc = data("pbc_trial")
    fit = fit_cox(pbc["etime"], pbc["ev"] == DEATH, pbc.select("trt", "age", "bili"))
    frame = fit.to_frame()
    actual = {
        "coef": fit.coefficients,
        "var": fit.covariance,
        "loglik": fit.log_likelihood,
        "score": fit.score_test().statistic,
        "wald": fit.wald_test().statistic,
        "n": fit.n,
        "nevent": fit.n_events,
        "concordance": fit.concordance(),
        "conf_int_95": np.log(frame.select("ci_low", "ci_high").to_numpy()),
    }
    assert_matches_r(actual, "cause_specific_cox", rtol=1e-6)
