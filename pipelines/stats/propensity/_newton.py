"""Newton's method for the logistic likelihood, in blocks of rows that stay in the processor's cache."""

from dataclasses import dataclass, replace

import numpy as np

from .._inputs import FloatArray

BLOCK = 4096
MAX_ITERATIONS = 60
STEP_TOLERANCE = 1e-6  # in covariate standard deviations; the next step would be about its square
LAST_STEP = 1e-8  # so short a step changes neither likelihood nor information
FEW_ENOUGH = 6000  # above this many people a first answer comes from a part of them
SAMPLE = 3000


@dataclass(frozen=True)
class Point:
    """The weighted logistic likelihood at `theta` (p + 1,), with its first two derivatives."""

    theta: FloatArray
    predictor: FloatArray
    log_likelihood: float
    score: FloatArray
    information: FloatArray


def expit(predictor: FloatArray) -> FloatArray:
    """Probability from log odds."""
    return np.asarray(0.5 * (1 + np.tanh(predictor / 2)), dtype=np.float64)


def evaluate(design: FloatArray, y: FloatArray, weights: FloatArray, theta: FloatArray) -> Point:
    """Likelihood and derivatives at `theta`; score and information come from one product per block."""
    predictor = _predictor(design, theta)
    probability = expit(predictor)
    # A probability of exactly 0 or 1 has no variance: the smallest number keeps its residual finite.
    variance = np.maximum(weights * probability * (1 - probability), 1e-300)
    root = np.sqrt(variance)
    residual = weights * (y - probability) / root
    p = design.shape[1]
    product = _products(design, root, residual)
    likelihood = -np.sum(weights * np.logaddexp(0, np.where(y > 0.5, -predictor, predictor)))
    return Point(theta, predictor, float(likelihood), product[:p, p], product[:p, :p])


def standardised(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Intercept and covariates of mean 0 and variance 1 (n, p + 1); the means and scales taken out (p,)."""
    centre = x.mean(axis=0)
    design = np.ones((len(x), x.shape[1] + 1))
    np.subtract(x, centre, out=design[:, 1:])
    spread = np.sqrt(np.einsum("ij,ij->j", design[:, 1:], design[:, 1:]) / len(x))
    scale = np.where(spread > 1e-12 * np.abs(centre), spread, 1.0)
    design[:, 1:] /= scale
    return design, centre, scale


def information_of(design: FloatArray, variance: FloatArray) -> FloatArray:
    """Sum over people of `variance` (n,) times the products of their covariates (p, p)."""
    return _products(design, np.sqrt(variance), None)


def maximise(design: FloatArray, y: FloatArray, weights: FloatArray, start: FloatArray) -> tuple[Point, bool]:
    """Climb to the maximum of the likelihood from `start`, an intercept alone; was it reached?

    It is not where covariates separate the outcome: the last point is then far out, and the caller asks
    why.
    """
    near = start
    if len(design) > FEW_ENOUGH:
        sample = slice(None, None, len(design) // SAMPLE)
        near = _first_answer(design[sample], y[sample], weights[sample], start)
    best = evaluate(design, y, weights, near)
    null = -float(np.sum(weights * np.logaddexp(0, np.where(y > 0.5, -start[0], start[0]))))
    if not best.log_likelihood >= null:
        best = evaluate(design, y, weights, start)
    for _ in range(MAX_ITERATIONS):
        try:
            step = np.linalg.solve(best.information, best.score)
        except np.linalg.LinAlgError:
            return best, False
        if np.max(np.abs(step)) < LAST_STEP:
            theta = np.asarray(best.theta + step, dtype=np.float64)
            flat = np.zeros_like(theta)  # to first order the step takes all of the slope away
            return replace(best, theta=theta, predictor=_predictor(design, theta), score=flat), True
        following = _climb(design, y, weights, best, np.asarray(step, dtype=np.float64))
        if following is None:
            return best, bool(np.max(np.abs(step)) < STEP_TOLERANCE)
        best = following
        if np.max(np.abs(step)) < STEP_TOLERANCE:
            return best, True
    return best, False


def _predictor(design: FloatArray, theta: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ij,j->i", design, theta), dtype=np.float64)


def _products(design: FloatArray, root: FloatArray, last: FloatArray | None) -> FloatArray:
    """Products of the columns of `design` times `root`, and of `last` as one more column."""
    p, width = design.shape[1], design.shape[1] + (last is not None)
    product = np.zeros((width, width))
    for start in range(0, len(design), BLOCK):
        rows = slice(start, start + BLOCK)
        block = np.empty((len(root[rows]), width))
        np.multiply(design[rows], root[rows, None], out=block[:, :p])
        if last is not None:
            block[:, p] = last[rows]
        product += block.T @ block
    return product


def _climb(
    design: FloatArray, y: FloatArray, weights: FloatArray, best: Point, step: FloatArray
) -> Point | None:
    """Go along `step`, halving it until the likelihood does not fall; None where nothing helps."""
    if not np.all(np.isfinite(step)):
        return None
    for _ in range(30):
        point = evaluate(design, y, weights, best.theta + step)
        if point.log_likelihood >= best.log_likelihood - 1e-9 * abs(best.log_likelihood):
            return point
        step = step / 2
    return None


def _first_answer(design: FloatArray, y: FloatArray, weights: FloatArray, start: FloatArray) -> FloatArray:
    """About the maximum, from some of the people; a slight ridge keeps it finite whatever they are like."""
    theta = start
    for _ in range(6):
        point = evaluate(design, y, weights, theta)
        penalised = point.information + np.eye(len(theta))
        step = np.linalg.solve(penalised, point.score - (theta - start))
        theta = np.asarray(theta + step, dtype=np.float64)
        if np.max(np.abs(step)) < 1e-3:
            break
    return theta
