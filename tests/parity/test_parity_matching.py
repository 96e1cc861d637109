"""Propensity scores equal R's `glm`, pairs equal MatchIt's, balance equals cobalt's."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matches_r import FIXTURES, assert_matches_r, data, r_value

from pipelines.stats.balance import balance
from pipelines.stats.matching import SPREADS, match_nearest
from pipelines.stats.matching._people import caliper_width
from pipelines.stats.propensity import fit_propensity

MATCHINGS = sorted(path.stem for path in Path(FIXTURES).glob("x_match_*.json"))


def lalonde_levels() -> pl.DataFrame:
    """The covariates of the lalonde data, a column per level of race."""
    race = pl.col("race")
    return data("lalonde").select(
        "age",
        "educ",
        *[(race == level).cast(pl.Float64).alias(f"race_{level}") for level in ("black", "hispan", "white")],
        "married",
        "nodegree",
        "re74",
        "re75",
    )


def test_propensity() -> None:
    treated = data("lalonde")["treat"].to_numpy() == 1
    fit = fit_propensity(lalonde_levels().drop("race_black"), treated)
    actual = {
        "coef": fit.coefficients,
        "se": np.sqrt(np.diag(fit.covariance)),
        "ps": fit.score,
        "logit": fit.logit,
        "sd_logit": [
            caliper_width(fit.logit, treated, 1.0, kind)
            for kind in ("total", "pooled", "treated", "control")
        ],
    }
    assert_matches_r(actual, "x_propensity_converged", rtol=1e-8)
    # The chance that a treated person outranks a control, by comparing every pair.
    above = fit.logit[treated][:, None] - fit.logit[~treated][None, :]
    assert fit.auc == pytest.approx(np.mean((above > 1e-9) + 0.5 * (np.abs(above) <= 1e-9)), rel=1e-12)


def test_there_are_matchings_to_compare() -> None:
    assert len([name for name in MATCHINGS if "closest" in name or "largest" in name]) == 11


@pytest.mark.parametrize("name", MATCHINGS)
def test_pairs(name: str) -> None:
    expected = r_value(name)
    order = next((o for o in ("closest", "smallest", "data") if o in name), "largest")
    found = match_nearest(
        expected["logit"],
        data("lalonde_noties")["treat"],
        order=order,
        caliper=expected.get("caliper_multiple"),
        caliper_sd=expected.get("caliper_sd", "pooled"),
        ratio=2 if "ratio2" in name else 1,
        replace="replace" in name,
    )
    theirs = {
        (treated - 1, control - 1)
        for treated, controls in zip(expected["treated"], expected["control"], strict=True)
        for control in (controls if isinstance(controls, list) else [controls])
    }
    ours = set(zip(found.treated_index.tolist(), found.control_index.tolist(), strict=True))
    assert ours == theirs
    assert found.n_matched_treated == expected["n_matched_treated"]
    if "caliper_width" in expected:
        assert found.caliper_width == pytest.approx(expected["caliper_width"], rel=1e-9)
        assert found.distance.max() <= expected["caliper_width"]


def test_every_spread_is_compared() -> None:
    assert set(SPREADS) == {name.rsplit("_", 1)[-1] for name in MATCHINGS if "caliper" in name}


@pytest.mark.parametrize("estimand", ["ate", "att", "overlap", "matching"])
def test_balance(estimand: str) -> None:
    expected = r_value(f"weights_{estimand}")
    x, treated = lalonde_levels(), data("lalonde")["treat"].to_numpy()
    found = balance(x, treated, weights=expected["weights"], sd="pooled")
    assert list(found.names) == expected["balance_rows"]
    frame = found.to_frame()
    # cobalt gives a binary covariate's difference as it is; ours is in standard deviations.
    spread = np.where(
        found.binary,
        np.sqrt(
            (
                np.var(x.filter(treated == 1).to_numpy(), axis=0, ddof=1)
                + np.var(x.filter(treated == 0).to_numpy(), axis=0, ddof=1)
            )
            / 2
        ),
        1.0,
    )
    theirs = pl.DataFrame(expected["balance"])
    for ours, column, factor in (
        ("smd_before", "Diff.Un", spread),
        ("smd_after", "Diff.Adj", spread),
        ("variance_ratio_before", "V.Ratio.Un", 1.0),
        ("variance_ratio_after", "V.Ratio.Adj", 1.0),
        ("ks_before", "KS.Un", 1.0),
        ("ks_after", "KS.Adj", 1.0),
    ):
        values = frame[ours].cast(pl.Float64).to_numpy() * factor
        np.testing.assert_allclose(values, theirs[column].to_numpy(), rtol=1e-8, atol=1e-10, err_msg=ours)
    assert [found.after.ess_treated, found.after.ess_control] == pytest.approx(
        [expected["ess"]["treated"], expected["ess"]["control"]], rel=1e-9
    )
