"""Cumulative incidence, Gray's test and Fine and Gray's regression equal R's `survfit`, `cmprsk`, `finegray`."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.competing_risks import (
    AalenJohansen,
    CumulativeIncidence,
    FineGrayFit,
    aalen_johansen,
    fit_fine_gray,
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


def fine_gray(frame: str, names: tuple[str, ...] = ("trt", "age", "bili"), **options: object) -> FineGrayFit:
    """Fit of death; text options that are columns are looked up."""
    pbc = data(frame)
    given = {k: pbc[v].to_numpy() if v in pbc.columns else v for k, v in options.items()}
    time = pbc["etime"] if frame == "pbc_trial" else pbc["month"]
    return fit_fine_gray(time, pbc["ev"], pbc.select(names), of=DEATH, **given)


def regression(fit: FineGrayFit) -> dict[str, object]:
    """What R's `coxph` object of the expanded rows holds, by R's names."""
    return {
        "coef": fit.coefficients,
        "var": fit.covariance,
        "naive_var": fit.naive_covariance,
        "loglik": fit.log_likelihood,
        "score": fit.score_test().statistic,
        "wald": fit.wald_test().statistic,
    }


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_fine_gray_equals_cox_on_expanded_rows_clustered_by_person(ties: str) -> None:
    fit = fine_gray("pbc_trial", ties=ties)
    actual = regression(fit) | {"nevent": fit.n_events}
    assert_matches_r(actual, f"x_finegray_cluster_{ties}", rtol=1e-9, leave=("n",))  # n counts expanded rows


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_fine_gray_with_many_ties(ties: str) -> None:
    assert_matches_r(
        regression(fine_gray("pbc_months", ties=ties)), f"r_competing_finegray_months_{ties}", rtol=1e-9
    )


def test_fine_gray_with_weights() -> None:
    fit = fine_gray("pbc_months", weights="w")
    assert_matches_r(regression(fit), "r_competing_finegray_weights", rtol=1e-9)


def test_fine_gray_with_strata() -> None:
    fit = fine_gray("pbc_months", ("age", "bili"), strata="trt")
    assert_matches_r(regression(fit), "r_competing_finegray_strata", rtol=1e-9)


def test_fine_gray_with_late_entry() -> None:
    fit = fine_gray("pbc_months", entry="entry")
    assert_matches_r(regression(fit), "r_competing_finegray_left_truncated", rtol=1e-9)


CRR = {"ties": "breslow", "censoring": "flipped", "variance": "censoring"}


def test_fine_gray_equals_crr_with_its_own_variance() -> None:
    fit = fine_gray("pbc_trial", **CRR)
    actual = {"coef": fit.coefficients, "var": fit.covariance}
    assert_matches_r(actual, "x_finegray_crr_tight", rtol=1e-8)


def test_fine_gray_equals_crr_with_many_ties() -> None:
    fit = fine_gray("pbc_months", **CRR)
    predicted = fit.predict([1, 50, 3], MONTHS).incidence
    actual = {"coef": fit.coefficients, "var": fit.covariance, "loglik": fit.log_likelihood}
    assert_matches_r(actual | {"times": MONTHS, "incidence": predicted}, "r_competing_crr_months", rtol=1e-8)


def test_fine_gray_with_a_censoring_curve_for_each_arm() -> None:
    fit = fine_gray("pbc_months", ("age", "bili"), censoring_strata="trt", **CRR)
    # crr lets only events of a group's own people lean on its censoring curve, so its variance is left out.
    assert_matches_r({"coef": fit.coefficients}, "r_competing_crr_cengroup", rtol=1e-8, leave=("var",))
    np.testing.assert_allclose(
        fit.covariance, r_value("r_competing_crr_cengroup")["var"], rtol=0.02, atol=1e-7
    )


def test_predicted_incidence() -> None:
    fit = fine_gray("pbc_months", ties="breslow")
    actual = {"times": MONTHS, "incidence": fit.predict([1, 50, 3], MONTHS).incidence}
    assert_matches_r(actual, "r_competing_finegray_predicted", rtol=1e-9)


@pytest.mark.parametrize("transform", ["identity", "log"])
def test_proportional_subdistribution_hazards(transform: str) -> None:
    frame = fine_gray("pbc_months").proportionality_test(transform=transform)
    actual = {"chisq": frame["statistic"], "p": frame["p_value"]}
    assert_matches_r(actual, f"r_competing_finegray_zph_{transform}", rtol=1e-7)
