"""Adjusted curves equal R's weighted `survfit` and averages of its predictions."""

import numpy as np
import polars as pl
import pytest
from matches_r import assert_matches_r, data

from pipelines.stats.adjusted import (
    incidence_contrast,
    standardised_curves,
    survival_contrast,
    weighted_curves,
)
from pipelines.stats.propensity import fit_propensity
from pipelines.stats.weighting.weights import propensity_weights

TIMES, TAU, DEATH = [12, 60, 100], 100, 2


def people() -> tuple[pl.Series, np.ndarray, np.ndarray, pl.DataFrame]:
    """Time, cause, arm and covariates of the PBC trial in months."""
    pbc = data("pbc_months")
    return (
        pbc["month"],
        pbc["ev"].to_numpy(),
        (pbc["trt"] == 1).to_numpy(),
        pbc.select("age", "bili", "stage"),
    )


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_weighted_curves(estimand: str) -> None:
    time, cause, arm, x = people()
    weights = propensity_weights(fit_propensity(x, arm).score, arm, estimand=estimand).weights
    curves = weighted_curves(time, cause > 0, arm, weights, estimand=estimand)
    place = np.searchsorted(curves.time, TIMES, side="right") - 1
    options = {"estimand": estimand, "replicates": 2}
    whole = survival_contrast(time, cause > 0, arm, x, times=TIMES, horizons=[TAU], **options)
    causes = incidence_contrast(time, cause, arm, x, of=DEATH, times=TIMES, **options)
    actual = {
        "times": TIMES,
        "surv": curves.survival[:, place],
        "std_err": curves.std_err[:, place],
        "rmean": whole.restricted_mean[:, 0],
        "death": causes.incidence,
    }
    assert_matches_r(actual, f"r_adjusted_weighted_{estimand.lower()}", rtol=1e-8)
    np.testing.assert_allclose(whole.survival, curves.survival[:, place], rtol=1e-12)
    wald = curves.survival_difference(60)
    assert wald.estimate == pytest.approx(whole.survival_difference[1].estimate, rel=1e-12)
    assert wald.std_err == pytest.approx(np.hypot(*curves.std_err[:, place[1]]), rel=1e-12)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_standardised_curves(estimand: str) -> None:
    time, cause, arm, x = people()
    actual: dict[str, object] = {"times": TIMES}
    for effect in ("by_arm", "proportional"):
        options = {"estimand": estimand, "effect": effect, "times": TIMES}
        curves = standardised_curves(time, cause > 0, arm, x, **options)
        whole = survival_contrast(
            time, cause > 0, arm, x, horizons=[TAU], method="g_computation", replicates=2, **options
        )
        np.testing.assert_allclose(whole.survival, curves.survival, rtol=1e-12)
        actual[f"surv_{effect}"] = curves.survival
        actual[f"rmean_{effect}"] = whole.restricted_mean[:, 0]
    assert_matches_r(actual, f"r_adjusted_standardised_{estimand.lower()}", rtol=1e-8)
