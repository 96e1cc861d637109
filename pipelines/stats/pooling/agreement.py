"""Whether an observational estimate agrees with that of a randomised trial."""

import math
from dataclasses import dataclass

import numpy as np

from .._inputs import confidence
from .._linear_algebra import normal_quantile, two_sided_p
from ..errors import CodingError


@dataclass(frozen=True)
class Agreement:
    """Agreement of two ratios.

    Attributes
    ----------
    estimate : bool
        The observational estimate lies in the trial's interval.
    significance : bool
        Both intervals hold one, or neither does and both lie on the same side of it.
    difference : float
        Standardised difference: that of the logarithms over its standard error; negative where the observational
        estimate is the lower.
    p_value : float
        Two-sided test that both estimate the same.
    """

    estimate: bool
    significance: bool
    difference: float
    p_value: float


def agreement(
    ours: tuple[float, float, float], trial: tuple[float, float, float], *, level: float = 0.95
) -> Agreement:
    """Compare two ratios, each with its interval at one level.

    Parameters
    ----------
    ours, trial : tuple of float
        Estimate and limits, in one orientation.
    level : float
        Of both intervals.

    Raises
    ------
    CodingError
        A value that is not above zero, or limits that do not hold the estimate.

    References
    ----------
    Franklin JM et al. Emulating randomized clinical trials with nonrandomized real-world evidence studies: first
    results from the RCT DUPLICATE initiative. Circulation 2021;143:1002-1013 (from memory).
    """
    confidence(level)
    wrong = sum(not (0 < low < value < high < math.inf) for value, low, high in (ours, trial))
    if wrong:
        raise CodingError(
            "A ratio that is not above zero or not between its limits",
            field="ours, trial",
            count=wrong,
            remedy="Give an estimate, its lower and its upper limit.",
        )
    width = 2 * normal_quantile(level)
    errors = [math.log(high / low) / width for _, low, high in (ours, trial)]
    difference = math.log(ours[0] / trial[0]) / math.hypot(*errors)
    return Agreement(
        estimate=trial[1] <= ours[0] <= trial[2],
        significance=_side(ours) == _side(trial),
        difference=difference,
        p_value=float(two_sided_p(np.array(difference))),
    )


def _side(ratio: tuple[float, float, float]) -> int:
    """Below one, above it, or not told from it."""
    _, low, high = ratio
    return (low > 1) - (high < 1)
