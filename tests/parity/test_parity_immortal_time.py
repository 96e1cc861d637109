"""Every way to handle immortal time equals R: one Cox model each, and clone, censor, weight step by step."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data

from pipelines.stats.cox import fit_cox
from pipelines.stats.immortal_time import (
    clone_censor_weight,
    ever_never,
    fit_surgery_hazard,
    immortal_time_excluded,
    landmark_grid,
    time_varying,
)

TIMES = (6.0, 12.0, 24.0, 36.0)


def arrays() -> tuple:
    people = data("immortal")
    return people["time"], people["event"], people["surgery_month"].to_numpy(), people.select("l")


def first(result) -> list[float]:
    """Log hazard ratio of the operation, and its standard error."""
    return [result.fit.coefficients[0], result.fit.standard_errors[0]]


def test_naive_excluded_time_varying_and_landmark():
    actual = {
        "ever_never": first(ever_never(*arrays())),
        "excluded_clock_reset": first(immortal_time_excluded(*arrays(), reading="clock_reset")),
        "excluded_delayed_entry": first(immortal_time_excluded(*arrays(), reading="late_entry")),
        "time_varying_ever": first(time_varying(*arrays())),
        "time_varying_window_8": first(time_varying(*arrays(), window=8)),
    }
    for result in landmark_grid(*arrays(), at=(3, 6, 8, 12)):
        actual[f"landmark_{result.at:g}"] = [*first(result), result.n, result.n_exposed]
    assert_matches_r(actual, "x_immortal_time", rtol=1e-9)


def test_whole_months_with_ties_and_an_operation_in_the_month_of_death():
    time, event, surgery, covariates = arrays()
    months = np.ceil(time.to_numpy()), event, np.ceil(surgery)
    options = {"strata": covariates["l"].to_numpy() > 0, "ties": "breslow"}
    varying = time_varying(*months, **options)
    actual = {
        "operated_in_the_last_month": int(varying.effect.notes[0].split()[0]),
        "ever_never": first(ever_never(*months, **options)),
        "excluded_delayed_entry": first(immortal_time_excluded(*months, reading="late_entry", **options)),
        "time_varying_ever": first(varying),
    }
    assert_matches_r(actual, "r_immortal_time_months", rtol=1e-9)


def test_clone_censor_weight():
    result = clone_censor_weight(*arrays(), grace=8)
    rows = result.person_time
    unweighted = fit_cox(rows.stop, rows.died, rows.operated, entry=rows.start)
    actual = {
        "surgery_model_coef": result.hazard.fit.coefficients[0],
        "surgery_cumulative_baseline_at_8": result.hazard.baseline_at(8),
        "rows": result.n_rows,
        "sum_weights_arm0": rows.weight[~rows.operated].sum(),
        "sum_weights_arm1": rows.weight[rows.operated].sum(),
        "log_hr": result.effect.log_estimate,
        "se_cluster_person": result.effect.std_err,
        "log_hr_unweighted": unweighted.coefficients[0],
    }
    assert_matches_r(actual, "x_clone_censor_weight", rtol=1e-9)


def test_other_strategies_and_treatments_of_the_weights():
    designs = {
        "natural_then_forced_2": {"strategy": "natural_then_forced", "interval": 2.0},
        "uniform_1": {"strategy": "uniform", "interval": 1.0},
        "uniform_2": {"strategy": "uniform", "interval": 2.0},
        "stabilised": {"stabilise": True},
        "truncated_95": {"truncate": 0.95},
    }
    actual = {}
    for name, design in designs.items():
        result = clone_censor_weight(*arrays(), **design)
        weight, arm = result.person_time.weight, result.person_time.operated
        actual[name] = [*first(result), result.n_rows, weight[~arm].sum(), weight[arm].sum()]
    actual["adjusted_for_l"] = first(clone_censor_weight(*arrays(), outcome_covariates=arrays()[3]))
    assert_matches_r(actual, "r_immortal_time_strategies", rtol=1e-9)


def test_weighted_curves_with_the_variance_by_person():
    result = clone_censor_weight(*arrays())
    actual = {}
    for arm, curve in enumerate(result.curves):
        table = result.survival_frame(TIMES).filter(operated=bool(arm))
        actual[f"survival{arm}"] = table["survival"]
        actual[f"std_err{arm}"] = table["std_err"]
        limits = table.select("ci_low", "ci_high").to_numpy()
        actual[f"log_log_limits{arm}"] = limits
        actual[f"restricted_mean{arm}"] = [curve.restricted_mean(at) for at in TIMES]
    assert_matches_r(actual, "r_immortal_time_curves", rtol=1e-9)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_surgery_hazard_with_a_quarter_operated_at_time_zero(ties: str):
    time, _, surgery, covariates = arrays()
    at_zero = (np.arange(len(time)) + 1) % 4 == 0
    months = np.where(at_zero, 0.0, np.ceil(surgery))
    hazard = fit_surgery_hazard(np.ceil(time.to_numpy()), months, covariates, until=8, ties=ties)
    found = [hazard.fit.coefficients[0], *(hazard.baseline_at(month) for month in range(9))]
    other = ({"breslow", "efron"} - {ties}).pop()
    assert_matches_r({ties: found}, "r_immortal_time_surgery_hazard", rtol=1e-9, leave=(other,))
