"""Newton's method for a smooth log likelihood, and the ways in which it can fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from ._inputs import FloatArray
from ._linear_algebra import one_thread
from .errors import ConvergenceError, SeparationError

MAX_ITERATIONS = 100
STEP_TOLERANCE = 1e-7  # in units of one standard deviation; the next step would be about its square
FLAT_LIKELIHOOD = 1e-13
ENDLESS_STEP = 1e-3
LOST_INFORMATION = 1e-12


@dataclass(frozen=True)
class Point:
    """A log likelihood with its first derivative (p,) and minus its second (p, p)."""

    value: float
    score: FloatArray
    information: FloatArray


@dataclass(frozen=True)
class Top:
    """Where the likelihood is highest."""

    parameters: FloatArray
    at: Point
    iterations: int


def maximise(
    likelihood: Callable[[FloatArray], Point],
    start: FloatArray,
    names: Sequence[str],
    model: str,
    covariates: FloatArray | None = None,
) -> Top:
    """Climb from `start` (p,), halving steps that do not go up.

    Parameters
    ----------
    likelihood : callable
        From parameters (p,) to a `Point`; a value that is not finite is a step too far.
    start : ndarray of shape (p,)
        Where the likelihood is finite. Parameters should be scaled so that 1 is a large step.
    names : sequence of str
        Of the covariates, for errors.
    model : str
        What an error calls the model.
    covariates : ndarray of shape (len(names), p), optional
        What gives the coefficients of the covariates from the parameters; default they are the parameters.

    Raises
    ------
    SeparationError
        The likelihood no longer grows, but its top is nowhere near.
    ConvergenceError
        No top after `MAX_ITERATIONS` steps, or no way up.
    """
    with one_thread():
        return _climb_to_the_top(likelihood, start, names, model, covariates)


def _climb_to_the_top(
    likelihood: Callable[[FloatArray], Point],
    start: FloatArray,
    names: Sequence[str],
    model: str,
    covariates: FloatArray | None,
) -> Top:
    first = likelihood(start)
    parameters, at = start, first
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = _step(at)
        following, candidate = _climb(likelihood, parameters, step, at, model)
        change = following.value - at.value
        parameters, at = candidate, following
        size = float(np.max(np.abs(step)))
        if size < STEP_TOLERANCE:
            if _flattest(at, first)[0] < LOST_INFORMATION:
                break
            return Top(parameters, at, iteration)
        if change <= FLAT_LIKELIHOOD * max(abs(at.value), 1.0) and size > ENDLESS_STEP:
            _raise_separation(step if covariates is None else covariates @ step, names, model)
    share, direction = _flattest(at, first)
    if share < LOST_INFORMATION:  # the likelihood has become level, as far as numbers can tell
        _raise_separation(direction if covariates is None else covariates @ direction, names, model)
    raise ConvergenceError(
        f"The {model} did not reach a maximum",
        field=", ".join(names),
        remedy="Look for extreme values and for levels without events, or use a simpler model.",
    )


def _flattest(at: Point, first: Point) -> tuple[float, FloatArray]:
    """Least share of the information at the start that is left in any direction, and that direction."""
    unit = np.sqrt(np.abs(np.diag(first.information)))
    unit = np.where(unit > 0, unit, 1.0)
    values, vectors = np.linalg.eigh(at.information / np.outer(unit, unit))
    return float(values[0]), vectors[:, 0] / unit


def standardise(
    covariates: FloatArray, centred: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariates (n, p) less their mean, divided by a power of two near their spread; mean and divisor.

    Parameters
    ----------
    centred : ndarray of bool, shape (p,), optional
        Where False the mean is left in (and 0 is returned for it).
    """
    mean = covariates.mean(axis=0)
    spread = np.sqrt(np.mean((covariates - mean) ** 2, axis=0))
    varies = spread > 1e-12 * np.abs(mean)  # what rounding leaves of a constant is not a spread
    scale = np.exp2(np.round(np.log2(np.where(varies, spread, 1.0))))
    centre = mean if centred is None else np.where(centred, mean, 0.0)
    return (covariates - centre) / scale, centre, scale


def _step(at: Point) -> FloatArray:
    """Newton's step; where the likelihood is not concave, one along its steepest bounded way."""
    values, vectors = np.linalg.eigh(at.information)
    floor = 1e-12 * float(np.max(np.abs(values)))
    bent = np.maximum(np.abs(values), floor)
    step: FloatArray = vectors @ ((vectors.T @ at.score) / bent)
    return step


def _climb(
    likelihood: Callable[[FloatArray], Point],
    parameters: FloatArray,
    step: FloatArray,
    at: Point,
    model: str,
) -> tuple[Point, FloatArray]:
    for _ in range(60):
        candidate = parameters + step
        with np.errstate(all="ignore"):  # a step too far shows as a value that is not finite
            following = likelihood(candidate)
        if np.isfinite(following.value) and following.value >= at.value - 1e-9 * abs(at.value):
            return following, candidate
        step = step / 2
    raise ConvergenceError(
        f"The likelihood of the {model} cannot be climbed any further",
        remedy="Look for extreme covariate values.",
    )


def _raise_separation(step: FloatArray, names: Sequence[str], model: str) -> NoReturn:
    share = np.abs(step) / max(float(np.max(np.abs(step))), 1e-300)
    guilty = [name for name, value in zip(names, share, strict=True) if value > 0.1]
    raise SeparationError(
        f"The likelihood of the {model} has no maximum: events are separated by covariates",
        field=", ".join(guilty),
        count=len(guilty),
        remedy="Merge levels without events, or leave the covariate out.",
    )
