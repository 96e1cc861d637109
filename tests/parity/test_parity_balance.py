"""Balance equals cobalt's and MatchIt's: treated or pooled SD, mean and largest gaps, factors as wholes."""

import numpy as np
import polars as pl
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.balance import balance, factor_balance

COLUMNS = {
    "smd_before": "Diff.Un",
    "smd_after": "Diff.Adj",
    "variance_ratio_before": "V.Ratio.Un",
    "variance_ratio_after": "V.Ratio.Adj",
    "ks_before": "KS.Un",
    "ks_after": "KS.Adj",
}


def levels() -> pl.DataFrame:
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


@pytest.mark.parametrize("fixture", ["subclass_5", "cem"])
def test_balance_of_a_matched_design_in_standard_deviations_of_the_treated(fixture: str) -> None:
    expected = r_value(fixture)
    kept = [name for name in expected["balance_rows"] if name != "distance"]
    x = levels().select(kept)
    found = balance(x, data("lalonde")["treat"], weights=expected["weights"], sd="treated")
    theirs = pl.DataFrame(expected["balance"]).filter(pl.col("_row") != "distance")
    ours = found.to_frame().with_columns(
        # cobalt gives a binary covariate's difference as it is
        smd_before=pl.when("binary").then(pl.Series(found.before.difference)).otherwise("smd_before"),
        smd_after=pl.when("binary").then(pl.Series(found.after.difference)).otherwise("smd_after"),
    )
    for column, name in COLUMNS.items():
        np.testing.assert_allclose(
            ours[column].cast(pl.Float64).to_numpy(),
            theirs[name].to_numpy(),
            rtol=1e-8,
            atol=1e-10,
            err_msg=column,
        )


def test_gaps_of_the_distribution_functions() -> None:
    expected = r_value("r_weights_balance_ecdf")
    renamed = levels().rename({f"race_{level}": f"race{level}" for level in ("black", "hispan", "white")})
    x = renamed.select(expected["rows"])
    found = balance(x, data("lalonde")["treat"], weights=expected["weights"])
    actual = {
        "mean_before": found.before.ecdf_mean,
        "max_before": found.before.ks,
        "mean_after": found.after.ecdf_mean,
        "max_after": found.after.ks,
    }
    assert_matches_r(actual, "r_weights_balance_ecdf", rtol=1e-9, leave=("weights", "rows"))


def test_a_factor_as_a_whole() -> None:
    people = data("lalonde")
    whole = factor_balance(people["race"], people["treat"])
    assert_matches_r({"smd": whole.smd, "smd_other_reference": whole.smd}, "r_weights_factor_smd", rtol=1e-10)
    two = factor_balance(people["married"], people["treat"])
    assert two.smd == pytest.approx(abs(share_difference("married")), rel=1e-10)


def share_difference(column: str) -> float:
    """Difference of two shares over the root of the mean of p(1 - p)."""
    people = data("lalonde")
    treated, control = (people.filter(treat=arm)[column].mean() for arm in (1, 0))
    spread = np.sqrt((treated * (1 - treated) + control * (1 - control)) / 2)
    return (treated - control) / spread
