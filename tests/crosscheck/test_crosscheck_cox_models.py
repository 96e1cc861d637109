"""What is asked of a Cox model agrees with statsmodels and lifelines: joint tests, contrasts, splines, periods."""

import numpy as np
import pytest
from crosscheck_people import NAMES, People, people
from lifelines import CoxTimeVaryingFitter
from lifelines.utils import to_episodic_format
from numpy.testing import assert_allclose
from patsy import cr
from statsmodels.duration.hazard_regression import PHReg

from pipelines.stats.cox import fit_cox
from pipelines.stats.cox.splines import (
    SplineTerm,
    hazard_ratio_curve,
    natural_spline,
    restricted_cubic_spline,
)
from pipelines.stats.cox.tests import contrasts
from pipelines.stats.cox.time_split import time_split_hazard_ratios


def phreg(p: People, covariates: np.ndarray) -> object:
    model = PHReg(p.time, covariates, status=p.died, ties="efron")
    return model.fit(method="newton", tol=1e-12)


def test_a_joint_walds_test_is_that_of_statsmodels() -> None:
    p = people()
    found = fit_cox(p.time, p.died, p.covariates, names=NAMES).wald_test(["age", "her2"])
    peer = phreg(p, p.covariates).wald_test([[1, 0, 0], [0, 0, 1]], use_f=False, scalar=True)
    assert_allclose((found.statistic, found.p_value), (peer.statistic, peer.pvalue), rtol=1e-6)


def test_a_contrast_is_that_of_statsmodels() -> None:
    p = people()
    fit = fit_cox(p.time, p.died, p.covariates, names=NAMES)
    found = contrasts(fit, {"ten years and a grade": {"age": 1.0, "grade": 1.0}})
    peer = phreg(p, p.covariates).t_test([1, 1, 0])
    assert_allclose(found.estimates, np.ravel(peer.effect), rtol=1e-6)
    assert_allclose(found.std_errs, np.ravel(peer.sd), rtol=1e-6)


SPLINES = {
    "restricted": lambda age: restricted_cubic_spline(age, name="age", knots=[4.5, 5.5, 6.3, 7.4]),
    "natural": lambda age: natural_spline(age, name="age", knots=[5.5, 6.3], boundary=(4.5, 7.4)),
}


@pytest.mark.parametrize("kind", SPLINES)
def test_a_spline_of_age_is_the_natural_cubic_spline_of_patsy_in_another_basis(kind: str) -> None:
    """Same knots, same curves: equal likelihood, and equal hazard ratios against age 60 with equal errors.

    patsy's columns are the curve's heights at the knots and sum to one, so the first is left out.
    """
    p = people()
    age = p.covariates[:, 0]
    inside = p.of((age >= 4.5) & (age <= 7.4))  # patsy refuses values beyond the outer knots
    term: SplineTerm = SPLINES[kind](inside.covariates[:, 0])
    fit = fit_cox(inside.time, inside.died, term.columns, names=term.names)
    peer = phreg(inside, heights(inside.covariates[:, 0]))
    assert_allclose(fit.log_likelihood[1], peer.llf, rtol=1e-10)
    at = np.array([4.6, 5.0, 6.8, 7.3])
    curve = hazard_ratio_curve(fit, term, at, reference=6.0)
    change = heights(at) - heights(np.array([6.0]))
    assert_allclose(curve.log_hazard_ratio, change @ peer.params, rtol=1e-5, atol=1e-7)
    errors = np.sqrt(np.einsum("ij,jk,ik->i", change, peer.cov_params(), change))
    assert_allclose(curve.std_err, errors, rtol=1e-5)


def heights(age: np.ndarray) -> np.ndarray:
    return np.asarray(cr(age, knots=[5.5, 6.3], lower_bound=4.5, upper_bound=7.4))[:, 1:]


def test_hazard_ratios_by_period_are_those_of_lifelines_on_its_own_episodes() -> None:
    p = people()
    x = np.column_stack([p.treated, p.covariates])
    found = time_split_hazard_ratios(p.time, p.died, x, [12.0], term="treated", names=["treated", *NAMES])
    rows = to_episodic_format(p.frame[["time", "died", "treated", *NAMES]], "time", "died", time_gaps=12.0)
    rows["early"] = rows["treated"] * (rows["start"] < 12)
    rows["late"] = rows["treated"] * (rows["start"] >= 12)
    used = ["early", "late", *NAMES]
    peer = CoxTimeVaryingFitter().fit(
        rows[["id", "start", "stop", "died", *used]], "died", id_col="id", fit_options={"precision": 1e-12}
    )
    assert_allclose(found.contrasts.estimates, peer.params_[["early", "late"]], rtol=1e-6)
    assert_allclose(found.contrasts.std_errs, peer.standard_errors_[["early", "late"]], rtol=1e-6)
    assert_allclose(found.fit.log_likelihood[1], peer.log_likelihood_, rtol=1e-9)
