"""Weights, and the Cox models they give, equal R's; so does the variance that knows they were estimated."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matches_r import FIXTURES, assert_matches_r, data, r_value

from pipelines.stats.adjusted.doubly_robust import doubly_robust_survival
from pipelines.stats.balance import balance_of_arms
from pipelines.stats.propensity import fit_multinomial
from pipelines.stats.weighting import arms_weights, entropy_balancing, propensity_weights, weighted_cox

DESIGNS = sorted(path.stem for path in Path(FIXTURES).glob("r_weights_cox_at*.json"))
ARMS = {"ate": {}, "att": {"focal": "hispan"}, "ato": {}, "atm": {}}


@pytest.mark.parametrize(
    ("estimand", "fixture"), [("ATE", "ate"), ("ATT", "att"), ("ATO", "overlap"), ("ATM", "matching")]
)
def test_weights_from_a_score(estimand: str, fixture: str) -> None:
    score, treated = r_value("x_propensity_converged")["ps"], data("lalonde")["treat"]
    found = propensity_weights(score, treated, estimand=estimand)
    actual = {"weights": found.weights, "ess": [found.ess_treated, found.ess_control]}
    assert_matches_r(actual, f"weights_{fixture}", rtol=1e-10, leave=("balance_rows", "balance"))


def lung() -> tuple[pl.DataFrame, np.ndarray, pl.DataFrame]:
    """The lung data, women as the treated, and the covariates of the score."""
    people = data("lung_months")
    extra = (np.arange(1, people.height + 1) * 7919) % 13
    x = people.select("age", "ph.ecog").with_columns(pl.Series("extra", extra))
    return people, people["sex"].to_numpy() == 2, x


def test_every_estimand_is_compared() -> None:
    assert {name.split("_")[3] for name in DESIGNS} == {"ate", "att", "atc", "ato", "atm"}
    assert len(DESIGNS) == 8


@pytest.mark.parametrize("name", DESIGNS)
def test_weighted_cox_model(name: str) -> None:
    people, women, x = lung()
    found = weighted_cox(
        people["month"],
        people["dead"],
        women,
        x,
        estimand=name.split("_")[3].upper(),
        stabilised=name.endswith("stabilised"),
    )
    weights = found.weights.weights
    exact = {
        "log_hr": found.effect.log_estimate,
        "se_robust": found.fit.standard_errors[0],
        "weight_sum": [weights[~women].sum(), weights[women].sum()],
    }
    assert_matches_r(exact, name, rtol=1e-8, leave=("se_estimated",))
    # R's own is by numerical derivatives, and under Efron's ties the residuals are not quite the derivatives.
    assert found.effect.std_err == pytest.approx(r_value(name)["se_estimated"], rel=2e-4)


def test_truncated_weights() -> None:
    people, women, x = lung()
    found = weighted_cox(people["month"], people["dead"], women, x, truncate=(0.05, 0.95))
    actual = {
        "log_hr": found.effect.log_estimate,
        "se_robust": found.fit.standard_errors[0],
        "limits": found.weights.limits,
        "n_truncated": found.weights.n_truncated,
    }
    assert_matches_r(actual, "r_weights_cox_truncated", rtol=1e-8)


def test_entropy_balancing_of_the_controls() -> None:
    people = data("lalonde")
    x = people.select("age", "educ", "married", "nodegree", "re74", "re75")
    found = entropy_balancing(x, people["treat"], estimand="ATT")
    control = found.weights[people["treat"].to_numpy() == 0]
    actual = {"control_weights_sum_to_one": control / control.sum(), "ess_control": found.ess_control}
    assert_matches_r(actual, "x_entropy_balancing_att", rtol=1e-9, leave=("max_moment_gap",))


def test_entropy_balancing_of_both_arms_with_squares() -> None:
    people = data("lalonde")
    treated = people["treat"].to_numpy() == 1
    x = people.select("age", "educ", "married", "nodegree")
    found = entropy_balancing(x, treated, estimand="ATE", moments=2).weights
    actual = {
        "treated": found[treated] / found[treated].sum(),
        "control": found[~treated] / found[~treated].sum(),
    }
    assert_matches_r(actual, "r_weights_entropy_ate", rtol=1e-8)


@pytest.mark.parametrize("estimand", ARMS)
def test_weights_of_three_arms_and_their_balance(estimand: str) -> None:
    people = data("lalonde")
    x = people.select("age", "educ", "married", "nodegree")
    fit = fit_multinomial(x, people["race"])
    found = arms_weights(fit.scores, people["race"], estimand=estimand.upper(), **ARMS[estimand])
    balance = balance_of_arms(x, people["race"], weights=found.weights)
    frame = found.to_frame()
    actual = {
        "weight_sum": frame["sum"],
        "ess": frame["ess"],
        "smd_before": balance.smd_before,
        "smd_after": balance.smd_after,
    }
    # R's multinom stops early: the small differences that weighting leaves are compared absolutely.
    assert_matches_r(
        {k: v for k, v in actual.items() if k != "smd_after"},
        f"r_weights_three_arms_{estimand}",
        rtol=2e-6,
        leave=("smd_after",),
    )
    theirs = r_value(f"r_weights_three_arms_{estimand}")["smd_after"]
    np.testing.assert_allclose(balance.smd_after, theirs, atol=2e-6)


def test_doubly_robust_survival() -> None:
    """To the last digit where the same steps are written out; riskRegression integrates in continuous time."""
    people, women, x = lung()
    expected = r_value("r_weights_doubly_robust")
    days = people["time"].to_numpy() + np.arange(1, people.height + 1) / 1000
    found = doubly_robust_survival(days, people["dead"], women, x, times=expected["times"])
    actual = {"times": found.times, "control": found.control, "treated": found.treated}
    assert_matches_r(actual, "r_weights_doubly_robust", rtol=1e-8, leave=("ate_risk", "ate_se"))
    risk = 1 - np.concatenate([found.control, found.treated])
    np.testing.assert_allclose(risk, expected["ate_risk"], atol=2e-3)
    np.testing.assert_allclose(found.std_err[:2].ravel(), expected["ate_se"], rtol=0.03)
