"""Intervals from the profile of the partial likelihood, for when Wald's symmetric ones mislead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from .._inputs import FloatArray, confidence
from .._linear_algebra import normal_quantile
from ..errors import ConvergenceError
from ._constrained import maximise_rest, require_likelihood
from ._findings import positions
from .fit import CoxFit

DOUBLINGS = 30
ROOT_TOLERANCE = 1e-10  # in steps


@dataclass(frozen=True)
class ProfileIntervals:
    """Limits on the log scale, (k,) each; an infinite limit is one the likelihood never comes down to."""

    names: tuple[str, ...]
    coefficients: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float

    def to_frame(self) -> pl.DataFrame:
        """One row per covariate, with hazard ratios."""
        return pl.DataFrame(
            {
                "term": self.names,
                "coefficient": self.coefficients,
                "hazard_ratio": np.exp(self.coefficients),
                "ci_low": np.exp(self.lower),
                "ci_high": np.exp(self.upper),
                "ci_level": np.full(len(self.names), self.level),
            }
        )


def profile_intervals(
    fit: CoxFit, terms: Sequence[str] | None = None, *, level: float = 0.95
) -> ProfileIntervals:
    """Where the likelihood, the other coefficients at their best, has come down by half a chi-square quantile.

    Parameters
    ----------
    fit : CoxFit
        Without robust variance, clusters and ridge.
    terms : sequence of str, optional
        Covariates; default all.
    level : float
        Confidence level, 0 to 1.

    Raises
    ------
    CodingError
        A covariate that is not in the model or is named twice, none at all, or a fit whose likelihood is
        not the data's.

    References
    ----------
    Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence intervals. Appl Stat
    1988;37:87-94.
    """
    require_likelihood(fit, "A profile interval")
    chosen = positions(fit.names, fit.names if terms is None else terms)
    quantile = normal_quantile(confidence(level))
    limits = []
    for j in chosen:
        wald = quantile * float(np.sqrt(fit.naive_covariance[j, j]))

        latest = [fit.coefficients]  # each search starts where the last one ended

        def height(value: float, j: int = j, latest: list[FloatArray] = latest) -> float:
            found = maximise_rest(fit, {j: value}, latest[0])
            latest[0] = found.coefficients
            return height_left(fit.log_likelihood[1], found.log_likelihood, quantile)

        centre = float(fit.coefficients[j])
        limits.append([crossing(height, centre, sign * wald) for sign in (-1.0, 1.0)])
    lower, upper = np.array(limits).T
    names = tuple(fit.names[j] for j in chosen)
    return ProfileIntervals(names, fit.coefficients[chosen], lower, upper, level)


def height_left(top: float, log_likelihood: float, quantile: float) -> float:
    """How far the signed root of the likelihood still is from its quantile; nearly linear in a coefficient."""
    return quantile - float(np.sqrt(max(2 * (top - log_likelihood), 0.0)))


def crossing(height: Callable[[float], float], centre: float, step: float) -> float:
    """Where `height`, positive at `centre`, becomes zero in the direction of `step`.

    Infinite where it has not become zero after thirty doublings of the step, or where the likelihood can no
    longer be followed.
    """
    from scipy.optimize import brentq

    inside = centre
    for _ in range(DOUBLINGS):
        outside = centre + step
        try:
            found = height(outside)
        except (ConvergenceError, np.linalg.LinAlgError):
            break
        if not np.isfinite(found):
            break
        if found <= 0:
            return float(brentq(height, inside, outside, xtol=ROOT_TOLERANCE * abs(step), rtol=1e-15))
        inside, step = outside, 2 * step
    return float(np.copysign(np.inf, step))
