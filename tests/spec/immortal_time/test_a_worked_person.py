"""The weights of one person, by hand.

Ten people; nobody dies in the grace period of 8 months; one is operated at 2, one at 4 and one at 6. So the cumulative
hazard of an operation is 1/10 after 2 months, 1/10 + 1/9 after 4 and 1/10 + 1/9 + 1/8 after 6, and the probability of
having been operated is F = 1 - exp(-hazard).
"""

from math import exp

import numpy as np
import polars as pl
import pytest

from pipelines.stats.immortal_time import clone_censor_weight

TIME = np.array([30.0, 25, 20, 31, 22, 18, 27, 35, 12, 33])
DIED = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 0])
SURGERY = np.array([2.0, 4, 6] + [np.nan] * 7)
OPERATED_AT_4, NEVER = 1, 5
F2, F4, F8 = (1 - exp(-h) for h in (1 / 10, 1 / 10 + 1 / 9, 1 / 10 + 1 / 9 + 1 / 8))


def weights(person: int, **options: object) -> dict[str, list[tuple[float, float, float]]]:
    """Her rows in each arm as (from, to, weight), weights refreshed every two months at their midpoint."""
    result = clone_censor_weight(TIME, DIED, SURGERY, None, grace=8, step=2, **options)
    rows = result.person_time.to_frame().filter(pl.col("person") == person)
    return {
        name: [(row["start"], row["stop"], row["weight"]) for row in rows.filter(operated=arm).to_dicts()]
        for name, arm in (("unoperated", False), ("operated", True))
    }


def close(rows: list[tuple[float, float, float]]) -> list[object]:
    return [pytest.approx(row, rel=1e-12) for row in rows]


def test_unoperated_arm_the_one_who_waits_stands_for_those_who_did_not():
    """One of the seven never operated: 1/(1 - F), growing with every operation, constant from the end of the grace
    period."""
    assert weights(NEVER)["unoperated"] == close(
        [
            (0, 2, 1),
            (2, 4, 1 / (1 - F2)),
            (4, 6, 1 / (1 - F4)),
            (6, 8, 1 / (1 - F8)),
            (8, 18, 1 / (1 - F8)),
        ]
    )


def test_unoperated_arm_an_operation_ends_the_clone():
    assert weights(OPERATED_AT_4)["unoperated"] == close([(0, 2, 1), (2, 4, 1 / (1 - F2))])


def test_operated_arm_she_stands_for_herself_and_those_never_operated():
    """Before her operation she is one of those still waiting; once operated she counts 1/F(8)."""
    waiting = (1 - F2 / F8) / (1 - F2)
    assert weights(OPERATED_AT_4)["operated"] == close([(0, 2, 1), (2, 4, waiting), (4, 25, 1 / F8)])


def test_operated_arm_the_one_who_never_is_operated_fades():
    """After the last operation nobody who follows the strategy is still waiting: no weight from 6 months on."""
    assert weights(NEVER)["operated"] == close(
        [(0, 2, 1), (2, 4, (1 - F2 / F8) / (1 - F2)), (4, 6, (1 - F4 / F8) / (1 - F4))]
    )


def test_natural_then_forced_leaves_the_first_months_alone():
    """As usual to month 4, then everybody left is operated by 8. She was operated as usual: weight 1 throughout. The
    one operated at 6 stands for all who were left at 4."""
    options = {"strategy": "natural_then_forced", "interval": 4.0}
    assert weights(OPERATED_AT_4, **options)["operated"] == close([(0, 2, 1), (2, 4, 1), (4, 25, 1)])
    forced = (1 - F4) / (F8 - F4)
    assert weights(2, **options)["operated"] == close([(0, 2, 1), (2, 4, 1), (4, 6, 1), (6, 20, forced)])


def test_uniform_gives_each_interval_the_same_share():
    """Half are to be operated in months 0 to 4, half in 4 to 8."""
    options = {"strategy": "uniform", "interval": 4.0}
    early, late = 0.5 / F4, 0.5 / (F8 - F4)
    waiting = (0.5 * (F4 - F2) / F4 + 0.5) / (1 - F2)
    assert weights(OPERATED_AT_4, **options)["operated"] == close(
        [(0, 2, 1), (2, 4, waiting), (4, 25, early)]
    )
    assert weights(2, **options)["operated"][-1] == pytest.approx((6, 20, late), rel=1e-12)
