"""Hazard ratios without a confounder, where so many die that the confounder wears off.

A condition that kills leaves those at risk with less and less of it, in the arm that had more of it sooner:
over long follow-up it biases a hazard ratio less than Bross's factor says. Here both arms are mixtures of
people with and without the condition, and the ratio that Cox's model would converge to is set to the one
that was estimated.
"""

import numpy as np

from .._inputs import FloatArray
from ..errors import ConvergenceError

NODES = 20
MAX_ITERATIONS = 500
TOLERANCE = 1e-10
CHUNK = 4_096


def hazard_ratio_without(
    estimated: FloatArray, p1: FloatArray, p0: FloatArray, ratio: FloatArray, share: float, deaths: float
) -> FloatArray:
    """Hazard ratio of the exposure given the confounder, for arrays of one shape (m,).

    Parameters
    ----------
    estimated : ndarray of shape (m,)
        Hazard ratio of a Cox model without the confounder.
    p1, p0 : ndarray of shape (m,)
        Share of the exposed, and of the unexposed, with the condition at the start.
    ratio : ndarray of shape (m,)
        Hazard ratio of the condition.
    share : float
        Of the people exposed.
    deaths : float
        Share of the people who die, above 0 and below 1.
    """
    parts = [slice(start, start + CHUNK) for start in range(0, len(estimated), CHUNK)]
    return np.concatenate(
        [_solve(estimated[part], p1[part], p0[part], ratio[part], share, deaths) for part in parts]
    )


def _solve(
    estimated: FloatArray, p1: FloatArray, p0: FloatArray, ratio: FloatArray, share: float, deaths: float
) -> FloatArray:
    """Newton's steps on the log hazard ratio and on the end of follow-up, both at once.

    Time runs as the cumulative hazard of unexposed people without the condition. Nodes lie closer at the
    start, where a strong condition kills.
    """
    node, weight = np.polynomial.legendre.leggauss(NODES)
    x = ((node + 1) / 2) ** 2
    dx = weight * (node + 1) / 2
    p1, p0, ratio, estimated = p1[:, None], p0[:, None], ratio[:, None], estimated[:, None]
    log_ratio = np.log(estimated)
    end = np.full_like(log_ratio, -np.log1p(-deaths) / 10)
    for _ in range(MAX_ITERATIONS):
        effect = np.exp(log_ratio)
        last = np.concatenate([x, [1.0]]) * end
        alive1, dying1 = _mixture(effect * last, p1, ratio)
        alive0, dying0 = _mixture(last, p0, ratio)
        alive = share * alive1[:, -1:] + (1 - share) * alive0[:, -1:]
        density = share * effect * dying1[:, -1:] + (1 - share) * dying0[:, -1:]
        # Survival falls ever more slowly, so steps from an early end never go beyond the true one; the cap
        # matters while the hazard ratio is still moving.
        end_step = np.clip((alive - (1 - deaths)) / density, -end / 2, 2 * end)
        at_risk1, at_risk0 = share * alive1[:, :-1] * estimated, (1 - share) * alive0[:, :-1]
        expected = at_risk1 / (at_risk1 + at_risk0)
        dead1, dead0 = share * effect * dying1[:, :-1], (1 - share) * dying0[:, :-1]
        score = (dx * (dead1 * (1 - expected) - dead0 * expected)).sum(axis=1, keepdims=True)
        information = (dx * (dead1 + dead0) * expected * (1 - expected)).sum(axis=1, keepdims=True)
        step = np.clip(score / information, -0.5, 0.5)
        log_ratio, end = log_ratio - step, end + end_step
        if np.max(np.abs(step)) < TOLERANCE and np.max(np.abs(end_step) / end) < TOLERANCE:
            answer: FloatArray = np.exp(log_ratio[:, 0])
            return answer
    raise ConvergenceError(
        "No hazard ratio agrees with the estimate and the confounder",
        field="ratio",
        count=len(estimated),
        remedy="Use weaker confounders, or the formula for rare outcomes.",
    )


def _mixture(hazard: FloatArray, prevalence: FloatArray, ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share alive, and density of dying per unit of cumulative hazard, of an arm."""
    without = (1 - prevalence) * np.exp(-hazard)
    having = prevalence * np.exp(-ratio * hazard)
    return without + having, without + ratio * having
