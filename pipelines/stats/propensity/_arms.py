"""Checks that scores, weights and doubly robust estimates share."""

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, flags, vector
from ..errors import CodingError, EmptyArmError


def two_arms(treated: ArrayLike, length: int | None = None) -> BoolArray:
    """Whether each person is treated; both arms have somebody."""
    arm = flags(treated, "treated", length)
    if arm.all() or not arm.any():
        raise EmptyArmError(
            "Everybody is treated" if arm.all() else "Nobody is treated",
            field="treated",
            count=len(arm),
            remedy="Check the exposure's coding and the cohort's rules.",
        )
    return arm


def probabilities(score: ArrayLike, length: int | None = None) -> FloatArray:
    """Propensity scores, checked to lie strictly between 0 and 1."""
    array = vector(score, "score", length)
    wrong = int(np.count_nonzero((array <= 0) | (array >= 1)))
    if wrong:
        raise CodingError(
            "Propensity scores that are not between 0 and 1",
            field="score",
            count=wrong,
            remedy="Give probabilities, not logits; a score of 0 or 1 has no counterpart in the other arm.",
        )
    return array
