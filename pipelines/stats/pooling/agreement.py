"""Whether an observational estimate agrees with that of a randomised trial."""

import math
from dataclasses import dataclass

import numpy as np

from .._inputs import confidence
from .._linear_algebra import normal_quantile, two_sided_p
from ..errors import CodingError

Ratio = tuple[float, float, float]
"""Estimate, lower and upper limit."""


@dataclass(frozen=True)
class Comparison:
    """One ratio over another, of people who are not the same.

    Attributes
    ----------
    ratio, ci_low, ci_high : float
        First over second.
    z, p_value : float
        Difference of the logarithms over its standard error, and the two-sided test that there is none.
    """

    ratio: float
    ci_low: float
    ci_high: float
    z: float
    p_value: float


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


def compare_ratios(first: Ratio, second: Ratio, *, level: float = 0.95) -> Comparison:
    """Test whether two independent ratios differ, from their intervals.

    Parameters
    ----------
    first, second : tuple of float
        Estimate and limits, in one orientation.
    level : float
        Of both intervals, and of that of their ratio.

    Raises
    ------
    CodingError
        A value that is not above zero, or limits that do not hold the estimate.

    References
    ----------
    Altman DG, Bland JM. Interaction revisited: the difference between two estimates. BMJ 2003;326:219.
    """
    confidence(level)
    wrong = sum(not (0 < low < value < high < math.inf) for value, low, high in (first, second))
    if wrong:
        raise CodingError(
            "A ratio that is not above zero or not between its limits",
            field="first, second",
            count=wrong,
            remedy="Give an estimate, its lower and its upper limit.",
        )
    width = normal_quantile(level)
    std_err = math.hypot(*(math.log(high / low) / (2 * width) for _, low, high in (first, second)))
    log = math.log(first[0] / second[0])
    return Comparison(
        ratio=math.exp(log),
        ci_low=math.exp(log - width * std_err),
        ci_high=math.exp(log + width * std_err),
        z=log / std_err,
        p_value=float(two_sided_p(np.array(log / std_err))),
    )


def agreement(ours: Ratio, trial: Ratio, *, level: float = 0.95) -> Agreement:
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
        As `compare_ratios`.

    References
    ----------
    Franklin JM et al. Emulating randomized clinical trials with nonrandomized real-world evidence studies: first
    results from the RCT DUPLICATE initiative. Circulation 2021;143:1002-1013 (from memory).
    """
    compared = compare_ratios(ours, trial, level=level)
    return Agreement(
        estimate=trial[1] <= ours[0] <= trial[2],
        significance=_side(ours) == _side(trial),
        difference=compared.z,
        p_value=compared.p_value,
    )


def _side(ratio: Ratio) -> int:
    """Below one, above it, or not told from it."""
    _, low, high = ratio
    return (low > 1) - (high < 1)
