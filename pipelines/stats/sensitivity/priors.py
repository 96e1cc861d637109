"""Distributions a reader declares for what nobody measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtri

from .._inputs import FloatArray, choice
from ..errors import CodingError


def _fixed(u: FloatArray, value: float) -> FloatArray:
    return np.full_like(u, value)


def _uniform(u: FloatArray, low: float, high: float) -> FloatArray:
    return low + u * (high - low)


def _triangular(u: FloatArray, low: float, mode: float, high: float) -> FloatArray:
    return _trapezoidal(u, low, mode, mode, high)


def _trapezoidal(u: FloatArray, low: float, mode_low: float, mode_high: float, high: float) -> FloatArray:
    height = 2 / (high + mode_high - mode_low - low)
    rising, flat = (mode_low - low) * height / 2, (mode_high - mode_low) * height
    left = low + np.sqrt(2 * u * (mode_low - low) / height)
    middle = mode_low + (u - rising) / height
    right = high - np.sqrt(2 * np.maximum(1 - u, 0) * (high - mode_high) / height)
    return np.where(u < rising, left, np.where(u < rising + flat, middle, right))


def _log_normal(u: FloatArray, median: float, high: float) -> FloatArray:
    spread = np.log(high / median) / ndtri(0.975)
    return np.asarray(np.exp(np.log(median) + spread * ndtri(u)), dtype=np.float64)


def _beta(u: FloatArray, successes: float, failures: float) -> FloatArray:
    return np.asarray(betaincinv(successes, failures, u), dtype=np.float64)


QUANTILES: dict[str, tuple[Callable[..., FloatArray], tuple[str, ...]]] = {
    "fixed": (_fixed, ("value",)),
    "uniform": (_uniform, ("low", "high")),
    "triangular": (_triangular, ("low", "mode", "high")),
    "trapezoidal": (_trapezoidal, ("low", "mode_low", "mode_high", "high")),
    "log_normal": (_log_normal, ("median", "upper_2.5_percent")),
    "beta": (_beta, ("a", "b")),
}


@dataclass(frozen=True)
class Prior:
    """A declared distribution, by its quantiles.

    Attributes
    ----------
    shape : {"fixed", "uniform", "triangular", "trapezoidal", "log_normal", "beta"}
    parameters : tuple of float
        `fixed`: the value; `uniform`: low, high; `triangular`: low, mode, high; `trapezoidal`: low, lower
        and upper mode, high; `log_normal`: median and 97.5th percentile; `beta`: a, b.

    Raises
    ------
    CodingError
        An unknown shape, or parameters that do not make one.
    """

    shape: str
    parameters: tuple[float, ...]

    def __post_init__(self) -> None:
        choice(self.shape, "shape", list(QUANTILES))
        wanted = QUANTILES[self.shape][1]
        values = np.asarray(self.parameters, dtype=np.float64)
        right = len(values) == len(wanted) and bool(np.isfinite(values).all())
        if right and self.shape == "beta":
            right = bool(values.min() > 0)
        elif right and self.shape != "fixed":
            right = bool((np.diff(values) >= 0).all() and values[0] < values[-1])
            right = right and (self.shape != "log_normal" or values[0] > 0)
        if not right:
            raise CodingError(
                f"Parameters that make no {self.shape} distribution",
                field="parameters",
                remedy=f"Give {', '.join(wanted)}, in rising order; those of a beta above zero.",
            )

    def quantile(self, u: FloatArray) -> FloatArray:
        """Values below which the shares `u` of the distribution lie."""
        return QUANTILES[self.shape][0](u, *self.parameters)

    def __str__(self) -> str:
        values = ", ".join(
            f"{name} {value:g}" for name, value in zip(QUANTILES[self.shape][1], self.parameters, strict=True)
        )
        return f"{self.shape}: {values}"
