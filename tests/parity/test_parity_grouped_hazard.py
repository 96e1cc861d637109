"""The hazard of operations recorded in whole months equals a complementary log-log regression of R's glm."""

import numpy as np
from matches_r import assert_matches_r, data

from pipelines.stats.immortal_time import fit_surgery_hazard


def test_grouped_hazard_with_a_quarter_operated_at_time_zero() -> None:
    people = data("immortal")
    at_zero = (np.arange(len(people)) + 1) % 4 == 0
    surgery = np.where(at_zero, 0.0, np.ceil(people["surgery_month"].to_numpy()))
    hazard = fit_surgery_hazard(
        np.ceil(people["time"].to_numpy()), surgery, people.select("l"), until=8, ties="grouped"
    )
    found = {
        "coef": hazard.coefficients[0],
        "months": hazard.time,
        "steps": np.diff([0, *(hazard.baseline_at(month) for month in hazard.time)]),
    }
    assert_matches_r(found, "r_immortal_time_grouped_hazard", rtol=1e-9)
