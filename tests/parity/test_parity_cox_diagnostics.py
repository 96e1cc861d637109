"""Residuals, proportional-hazards tests and predicted curves equal R's."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.cox import CoxFit, fit_cox
from pipelines.stats.cox.diagnostics import (
    dfbeta_residuals,
    martingale_residuals,
    proportional_hazards_test,
    schoenfeld_residuals,
    score_residuals,
)
from pipelines.stats.cox.prediction import survival_curve

TIES = pytest.mark.parametrize("ties", ["efron", "breslow"])


def fit_lung(ties: str) -> CoxFit:
    lung = data("lung_months")
    return fit_cox(lung["month"], lung["dead"], lung.select("age", "sex", "ph.ecog"), ties=ties)


@TIES
def test_residuals(ties: str) -> None:
    fit = fit_lung(ties)
    schoenfeld = schoenfeld_residuals(fit)
    actual = {
        "martingale": martingale_residuals(fit),
        "dfbeta": dfbeta_residuals(fit),
        "schoenfeld": schoenfeld.residuals,
        "scaled_schoenfeld": schoenfeld.scaled,
    }
    assert_matches_r(actual, f"cox_{ties}_residuals", rtol=1e-6)


def test_residuals_where_weights_strata_entry_and_ties_meet() -> None:
    lung = data("lung_months")
    fit = fit_cox(
        lung["month"],
        lung["dead"],
        lung.select("age", "ph.ecog"),
        entry=lung["entry"],
        weights=lung["w"],
        strata=lung["sex"],
    )
    schoenfeld = schoenfeld_residuals(fit)
    actual = {
        "martingale": martingale_residuals(fit),
        "score": score_residuals(fit),
        "dfbeta": dfbeta_residuals(fit),
        "schoenfeld": schoenfeld.residuals,
        "schoenfeld_row": schoenfeld.row + 1,
        "schoenfeld_time": schoenfeld.time,
    }
    assert_matches_r(actual, "x_cox_residuals_weighted", rtol=1e-8)


@TIES
@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
def test_proportional_hazards(ties: str, transform: str) -> None:
    test = proportional_hazards_test(fit_lung(ties), transform=transform)
    name = f"cox_{ties}_zph_{transform}"
    assert list(test.terms) == r_value(name)["rows"]
    actual = {"chisq": test.statistic, "df": test.df, "p": test.p_value}
    assert_matches_r(actual, name, rtol=1e-6, leave=("rows",))


def test_proportional_hazards_of_a_factor_within_strata() -> None:
    lung = data("lung_months")
    ecog = np.minimum(lung["ph.ecog"].to_numpy(), 2)
    x = np.column_stack([lung["age"].to_numpy(), ecog == 1, ecog == 2])
    fit = fit_cox(lung["month"], lung["dead"], x, names=["age", "ecog1", "ecog2"], strata=lung["sex"])
    test = proportional_hazards_test(fit, terms={"age": ["age"], "ecog": ["ecog1", "ecog2"]})
    assert list(test.terms) == r_value("x_zph_factor_strata")["rows"]
    assert_matches_r({"chisq": test.statistic, "df": test.df}, "x_zph_factor_strata", 1e-8, leave=("rows",))


@TIES
def test_time_dependent_covariate(ties: str) -> None:
    rows = data("pbcseq_tv")
    x = rows.select("trt", "age", "logbili")
    fit = fit_cox(rows["stop"], rows["death"], x, entry=rows["start"], ties=ties)
    people = np.unique(rows["id"], return_inverse=True)[1]
    actual = {
        "zph_chisq": proportional_hazards_test(fit).statistic,
        "martingale_by_id": np.bincount(people, martingale_residuals(fit)),
    }
    fitted = ("coef", "var", "naive_var", "loglik", "score", "wald", "n", "nevent")  # in test_parity_cox.py
    assert_matches_r(actual, f"x_cox_time_dependent_{ties}", rtol=1e-8, leave=fitted)


@TIES
def test_survival_curve(ties: str) -> None:
    curve = survival_curve(fit_lung(ties), [60, 1, 1])
    actual = {
        "time": curve.time,
        "surv": curve.survival,
        "cumhaz": curve.cumulative_hazard,
        "std_err": curve.std_err,
    }
    assert_matches_r(actual, f"cox_{ties}_survival_curve", rtol=1e-6)
