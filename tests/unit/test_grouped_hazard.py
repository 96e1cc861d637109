"""The hazard of the operation where many are operated at one time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipelines.stats.errors import EmptyArmError
from pipelines.stats.immortal_time import clone_censor_weight, fit_surgery_hazard

RNG = np.random.default_rng(4)
N = 600
X = RNG.normal(size=(N, 2))
TIME = np.ceil(RNG.exponential(30, N) * 10) / 10
OPERATED = RNG.random(N) < -np.expm1(-0.6 * np.exp(X @ [-0.5, 0.4]))
AT_ZERO = np.where(OPERATED, 0.0, np.nan)
IN_MONTHS = np.where(OPERATED, np.floor(np.minimum(RNG.uniform(0, 8, N), TIME)), np.nan)


def test_without_covariates_the_share_unoperated_is_that_of_kaplan_and_meier() -> None:
    hazard = fit_surgery_hazard(TIME, IN_MONTHS, None, until=8, ties="grouped")
    to = np.fmin(IN_MONTHS, np.minimum(TIME, 8))
    left = np.cumprod([1 - np.sum(month == IN_MONTHS) / np.sum(to >= month) for month in hazard.time])
    assert_allclose([hazard.unoperated(month)[0] for month in hazard.time], left, rtol=1e-12)


def test_grouped_ties_come_near_efron_where_nobody_is_tied() -> None:
    surgery = np.where(OPERATED, RNG.permutation(np.linspace(0.01, 0.09, N)), np.nan)
    found = [fit_surgery_hazard(TIME, surgery, X, until=8, ties=t) for t in ("grouped", "efron")]
    assert_allclose(found[0].coefficients, found[1].coefficients, atol=2e-3)
    assert_allclose(found[0].probability(8), found[1].probability(8), atol=2e-3)


def test_operations_at_time_zero_alone_weigh_people_to_what_everybody_is_like() -> None:
    """The scores of the grouped likelihood are zero: as many are operated as the model expects."""
    chance = fit_surgery_hazard(TIME, AT_ZERO, X, until=8, ties="grouped").probability(8)
    spread = -np.log1p(-chance) / chance  # weight of a residual in a complementary log-log model
    assert_allclose(((OPERATED - chance) * spread) @ np.column_stack([np.ones(N), X]), 0, atol=1e-8)


def test_order_of_rows_changes_nothing() -> None:
    shuffle = RNG.permutation(N)
    one = fit_surgery_hazard(TIME, IN_MONTHS, X, until=8, ties="grouped")
    other = fit_surgery_hazard(TIME[shuffle], IN_MONTHS[shuffle], X[shuffle], until=8, ties="grouped")
    assert_allclose(other.coefficients, one.coefficients, rtol=1e-13)
    assert_allclose(other.baseline, one.baseline, rtol=1e-13)


def test_nobody_left_to_stand_for_the_unoperated_is_refused() -> None:
    surgery = np.where(TIME > 2, 2.0, np.nan)
    with pytest.raises(EmptyArmError, match="Everybody still at risk at 2 is operated"):
        fit_surgery_hazard(TIME, surgery, X, until=8, ties="grouped")


def test_clones_are_weighted_by_it() -> None:
    found = clone_censor_weight(TIME, np.ones(N), AT_ZERO, X, grace=8, hazard_ties="grouped")
    chance = fit_surgery_hazard(TIME, AT_ZERO, X, until=8, ties="grouped").probability(8)
    operated = found.person_time.operated
    assert_allclose(found.person_time.weight[operated], 1 / chance[found.person_time.person[operated]])
