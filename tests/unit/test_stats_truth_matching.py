"""Matched estimates against a known truth: no effect of an operation, and confounding by three covariates."""

import numpy as np
import pytest

from pipelines.stats.matching import (
    adjusted_matched_cox,
    match_full,
    match_nearest,
    matched_cox,
    strata_cox,
    within_pairs_cox,
)
from pipelines.stats.propensity import fit_propensity

REPLICATES = 40
PEOPLE = 3000


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, operation, months and death of people whose operation does nothing."""
    rng = np.random.default_rng(seed)
    z, v, h = rng.normal(size=PEOPLE), rng.random(PEOPLE) < 0.4, rng.random(PEOPLE) < 0.6
    surgery = rng.exponential(1 / (0.075 * np.exp(-0.2 - 0.5 * z - 0.9 * v + 0.6 * h)))
    death = rng.exponential(1 / (0.022 * np.exp(0.35 * z + 0.7 * v - 0.6 * h)))
    censoring = rng.uniform(24, 72, PEOPLE)
    months = np.maximum(np.round(np.minimum(death, censoring), 1), 0.1)
    return np.column_stack([z, v, h]), surgery <= 8, months, death <= censoring


@pytest.fixture(scope="module")
def log_ratios() -> dict[str, np.ndarray]:
    """Log hazard ratio and standard error of each estimator, replicate by replicate."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(REPLICATES):
        x, operated, time, event = world(seed)
        logit = fit_propensity(x, operated).logit
        for order in ("largest", "closest"):
            pairs = match_nearest(logit, operated, order=order, caliper=0.2, caliper_sd="total")
            effects = {
                "matched": matched_cox(pairs, time, event),
                "within": within_pairs_cox(pairs, time, event, x),
                "adjusted": adjusted_matched_cox(pairs, time, event, x),
            }
            for name, effect in effects.items():
                found.setdefault(f"{name} {order}", []).append((effect.log_estimate, effect.std_err))
        full = strata_cox(match_full(logit, operated, caliper=0.05), time, event, target="ATE")
        found.setdefault("full", []).append((full.log_estimate, full.std_err))
        found.setdefault("exposed", []).append((operated.mean(), 0.0))
    return {name: np.array(values) for name, values in found.items()}


def bias_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean of the log hazard ratios, whose truth is 0, and the error of that mean."""
    return float(values[:, 0].mean()), float(values[:, 0].std(ddof=1) / np.sqrt(len(values)))


def coverage(values: np.ndarray) -> float:
    return float(np.mean(np.abs(values[:, 0]) < 1.96 * values[:, 1]))


def test_the_exposed_who_choose_in_order_of_their_score_bias_the_matched_estimate(
    log_ratios: dict[str, np.ndarray],
) -> None:
    assert log_ratios["exposed"][:, 0].mean() == pytest.approx(0.42, abs=0.01)
    bias, error = bias_and_error(log_ratios["matched largest"])
    assert bias < -0.03  # a hazard ratio of 0.95 or so where the truth is 1
    assert bias < -3 * error
    assert coverage(log_ratios["matched largest"]) < coverage(log_ratios["adjusted largest"])


@pytest.mark.parametrize(
    "name",
    ["within largest", "adjusted largest", "matched closest", "within closest", "adjusted closest", "full"],
)
def test_adjusting_within_pairs_and_choosing_the_closest_first_take_the_bias_away(
    name: str, log_ratios: dict[str, np.ndarray]
) -> None:
    bias, error = bias_and_error(log_ratios[name])
    assert abs(bias) < max(0.015, 2.5 * error)
    assert coverage(log_ratios[name]) > 0.86  # of 40 replicates; 0.95 is meant
    spread = log_ratios[name][:, 0].std(ddof=1)
    assert np.median(log_ratios[name][:, 1]) == pytest.approx(spread, rel=0.25)
