"""Why the weights come from one model of the operation, on people as they are, and not from each arm's censoring.

In the arm "operate by 8 months" nobody is censored before 8 months, and at 8 months everybody left is. A model of that
censoring has nothing to learn: whoever was at risk of it had it. Its coefficients are zero, its weights are all the
same, and the confounding it was to remove stays.
"""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.stats.cox import fit_cox
from pipelines.stats.errors import NothingToCompareError
from pipelines.stats.immortal_time import clone_censor_weight

GRACE = 8.0


@pytest.fixture(scope="module")
def people():
    """A world in which the operation does nothing, but those who would live longer are the ones operated."""
    rng = np.random.default_rng(11)
    frail = rng.normal(size=8000)
    death = rng.exponential(25 * np.exp(-0.8 * frail))
    surgery = rng.exponential(12 * np.exp(0.8 * frail))
    time = np.minimum(death, rng.uniform(24, 60, len(frail)))
    return time, death <= time, np.where((surgery < time) & (surgery <= GRACE), surgery, np.nan), frail


def test_censoring_in_the_operated_arm_teaches_nothing(people):
    time, _, surgery, frail = people
    leaves = np.fmin(np.minimum(time, GRACE), surgery)
    censored = leaves == GRACE
    with pytest.raises(NothingToCompareError):  # all leave the arm at the end of the grace period, together
        fit_cox(leaves, censored, frail, names=["frail"], ties="breslow")
    once = clone_censor_weight(*people).hazard.fit
    assert once.coefficients[0] == pytest.approx(-0.8, abs=3 * once.standard_errors[0])


def test_so_the_bias_stays_and_is_gone_with_one_model_of_the_operation(people):
    right = clone_censor_weight(*people)
    rows = right.person_time
    as_if_zero = replace(rows, weight=np.where(rows.operated, 1.0, rows.weight))
    wrong = fit_cox(
        as_if_zero.stop,
        as_if_zero.died,
        as_if_zero.operated,
        entry=as_if_zero.start,
        weights=as_if_zero.weight,
    )
    assert np.exp(wrong.coefficients[0]) < 0.9
    assert abs(right.effect.log_estimate) < 2 * right.effect.std_err
    assert right.effect.std_err < 0.05
