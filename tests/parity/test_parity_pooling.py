"""Pools of the BCG trials equal `metafor`: means, intervals, heterogeneity, funnel tests, regressions."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.pooling import (
    AsymmetryTest,
    Pooled,
    begg,
    egger,
    egger_mixed,
    leave_one_out,
    meta_regression,
    pool,
    pool_subgroups,
    trim_and_fill,
)

METHOD = {"fe": "fixed", "dl": "dersimonian_laird", "reml": "reml", "pm": "paule_mandel"}


def bcg() -> tuple[np.ndarray, np.ndarray]:
    trials = data("bcg_log_rr")
    return trials["yi"].to_numpy(), trials["vi"].to_numpy()


def pool_bcg(method: str, trials: list[int] | None = None) -> Pooled:
    y, v = bcg()
    rows = slice(None) if trials is None else np.array(trials) - 1
    return pool(y[rows], v[rows], method=METHOD[method])


def limits(result: Pooled, kind: str) -> list[float]:
    return [result.interval(kind).low, result.interval(kind).high]


@pytest.mark.parametrize("method", ["fe", "dl", "reml"])
def test_pool_with_the_normal_distribution(method: str) -> None:
    result = pool_bcg(method)
    wald = result.interval("wald")
    actual = {
        "b": result.log_estimate,
        "se": wald.std_err,
        "ci": limits(result, "wald"),
        "tau2": result.tau2,
        "I2": result.i_squared,
        "H2": result.h_squared,
        "Q": result.q,
        "Qp": result.q_p,
    }
    if method != "fe":
        actual["prediction"] = limits(result, "prediction_z")
    assert_matches_r(actual, f"pool_{method}_z", rtol=1e-6)


@pytest.mark.parametrize("method", ["dl", "reml"])
def test_pool_with_hartung_and_knapp(method: str) -> None:
    result = pool_bcg(method)
    actual = {
        "b": result.log_estimate,
        "se": result.interval("hartung_knapp").std_err,
        "ci": limits(result, "hartung_knapp"),
        "tau2": result.tau2,
        "I2": result.i_squared,
        "H2": result.h_squared,
        "Q": result.q,
        "Qp": result.q_p,
        "prediction": limits(result, "prediction_hartung_knapp"),
    }
    assert_matches_r(actual, f"pool_{method}_knha", rtol=1e-6)


@pytest.mark.parametrize("method", ["dl", "reml", "pm"])
def test_pool_converged(method: str) -> None:
    result = pool_bcg(method)
    actual = {
        "b": result.log_estimate,
        "se_z": result.interval("wald").std_err,
        "se_knha": result.interval("hartung_knapp").std_err,
        "tau2": result.tau2,
        "I2_from_tau2": result.i_squared,
        "I2_from_Q": result.i_squared_from_q,
        "prediction_z": limits(result, "prediction_z"),
        "prediction_knha_k_minus_1": limits(result, "prediction_hartung_knapp"),
        "prediction_hts_k_minus_2": limits(result, "prediction_t_k_minus_2"),
    }
    if method != "dl":
        actual["tau2_qprofile_ci"] = result.tau2_ci
    assert_matches_r(actual, f"x_pool_{method}_converged", rtol=1e-9)


@pytest.mark.parametrize("method", ["dl", "reml", "pm"])
def test_pool_of_four(method: str) -> None:
    result = pool_bcg(method, [1, 2, 5, 9])
    wald, knapp = result.interval("wald"), result.interval("hartung_knapp")
    actual = {
        "b": result.log_estimate,
        "se_z": wald.std_err,
        "se_knha": knapp.std_err,
        "tau2": result.tau2,
        "p_z": wald.p_value,
        "p_knha": knapp.p_value,
        "ci_knha": limits(result, "hartung_knapp"),
        "tau2_ci": result.tau2_ci,
        "I2_ci": result.i_squared_ci,
        "weights": result.weights,
    }
    assert_matches_r(actual, f"r_pool_few_{method}", rtol=1e-9)


def test_the_ad_hoc_variant_of_hartung_and_knapp() -> None:
    result = pool_bcg("reml", [1, 2, 3, 7])
    knapp, variant = result.interval("hartung_knapp"), result.interval("hartung_knapp_at_least_wald")
    actual = {
        "b": result.log_estimate,
        "se_adhoc": variant.std_err,
        "se_knha": knapp.std_err,
        "ci_adhoc": limits(result, "hartung_knapp_at_least_wald"),
        "p_adhoc": variant.p_value,
    }
    assert_matches_r(actual, "r_pool_adhoc", rtol=1e-9)


def test_classic_egger_and_one_moderator() -> None:
    y, v = bcg()
    classic = egger(y, v)
    latitude = meta_regression(y, v, data("dat_bcg").select("ablat"))
    actual = {
        "egger_t": classic.statistic,
        "egger_df": classic.df,
        "egger_p": classic.p_value,
        "metareg_coef": latitude.coefficients,
        "metareg_se": latitude.standard_errors,
        "metareg_tau2": latitude.tau2,
        "metareg_R2": latitude.r_squared,
        "QM": latitude.moderator_statistic,
    }
    assert_matches_r(actual, "x_pool_egger_classic_and_metareg", rtol=1e-9)


def test_asymmetry() -> None:
    y, v = bcg()

    def row(found: AsymmetryTest) -> list[float]:
        return [found.slope, found.std_err, found.statistic, found.p_value, found.limit_estimate]

    actual = {m: row(egger_mixed(y, v, method=METHOD[m])) for m in ("reml", "dl", "fe")}
    ranks = begg(y, v)
    actual |= {"begg": [ranks.statistic, ranks.p_value], "egger_classic": row(egger(y, v))}
    assert_matches_r(actual, "r_pool_asymmetry", rtol=1e-9)


@pytest.mark.parametrize("method", ["fe", "reml", "dl"])
@pytest.mark.parametrize("estimator", ["L0", "R0", "Q0"])
def test_trim_and_fill(estimator: str, method: str) -> None:
    y, v = bcg()
    fixture = f"r_pool_trimfill_{estimator.lower()}_{method}"
    expected = r_value(fixture)
    options = {"estimator": estimator, "method": METHOD[method]}
    assert trim_and_fill(y, v, **options).side == expected["chosen"]
    for side in ("left", "right"):
        found = trim_and_fill(y, v, side=side, **options)
        assert found.missing == expected[side]["k0"]
        ours = [
            found.missing_std_err,
            found.pooled.log_estimate,
            found.pooled.interval("wald").std_err,
            found.pooled.tau2,
        ]
        theirs = [expected[side][key] for key in ("se_k0", "b", "se", "tau2")]
        np.testing.assert_allclose(np.array(ours, dtype=float), np.array(theirs, dtype=float), rtol=1e-8)
        filled = np.sort(found.estimate[found.filled])
        np.testing.assert_allclose(filled, np.atleast_1d(expected[side]["filled"]), rtol=1e-8)


def test_leave_one_out() -> None:
    y, v = bcg()
    rows = leave_one_out(y, v)
    actual = {
        "b": np.log(rows["estimate"]),
        "se": rows["std_err"],
        "p": rows["p_value"],
        "tau2": rows["tau2"],
        "I2": rows["i_squared"],
        "Q": rows["q"],
        "Qp": rows["q_p"],
        "knha_low": np.log(rows["hartung_knapp_low"]),
        "knha_high": np.log(rows["hartung_knapp_high"]),
    }
    assert_matches_r(actual, "r_pool_leave_one_out", rtol=1e-8)


@pytest.mark.parametrize("case", ["fe_z", *(f"{m}_{t}" for m in ("dl", "reml", "pm") for t in ("z", "knha"))])
def test_two_moderators(case: str) -> None:
    method, test = case.split("_")
    y, v = bcg()
    trials = data("dat_bcg")
    moderators = np.column_stack([trials["ablat"].to_numpy(), (trials["alloc"] == "random").to_numpy()])
    fit = meta_regression(
        y, v, moderators, method=METHOD[method], test="z" if test == "z" else "hartung_knapp"
    )
    table = fit.to_frame()
    actual = {
        "coef": fit.coefficients,
        "se": fit.standard_errors,
        "p": table["p_value"],
        "ci_low": table["ci_low"],
        "ci_high": table["ci_high"],
        "tau2": fit.tau2,
        "QE": fit.q,
        "QEp": fit.q_p,
        "QM": fit.moderator_statistic,
        "QMp": fit.moderator_p,
    }
    if method != "fe":
        actual |= {"tau2_ci": fit.tau2_ci, "I2": fit.i_squared}
    assert_matches_r(actual, f"r_pool_two_moderators_{case}", rtol=1e-8)


def test_subgroups() -> None:
    found = pool_subgroups(*bcg(), data("dat_bcg")["alloc"])
    actual = {
        "b": found.log_estimates,
        "se": found.std_errs,
        "tau2": [part.tau2 for part in found.pools],
        "between": [found.between_statistic, found.between_df, found.between_p],
    }
    assert_matches_r(actual, "r_pool_subgroups", rtol=1e-8)
