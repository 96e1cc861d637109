"""The partial likelihood with some coefficients held: what profile intervals and nested tests need."""

from dataclasses import dataclass

import numpy as np

from .._inputs import FloatArray
from .._linear_algebra import one_thread
from ..errors import CodingError, ConvergenceError
from ._newton import MAX_ITERATIONS, ROUNDING, STEP_TOLERANCE, climb
from ._risk_sets import Evaluation, derivatives, evaluate
from .fit import CoxFit
from .ridge import is_penalised


@dataclass(frozen=True)
class ConstrainedMaximum:
    """Highest likelihood with some coefficients held.

    Attributes
    ----------
    coefficients : ndarray of shape (p,)
        On the scale of the data, the held ones among them.
    log_likelihood : float
    score : ndarray of shape (p,)
        Zero but for the held coefficients, on the scaled covariates like the information.
    information : ndarray of shape (p, p)
    """

    coefficients: FloatArray
    log_likelihood: float
    score: FloatArray
    information: FloatArray


def require_likelihood(fit: CoxFit, what: str) -> None:
    """Refuse a fit whose variance or penalty says that its likelihood is not the data's."""
    if fit.robust:
        raise CodingError(
            f"{what} has no meaning with a robust variance",
            field="fit",
            remedy="Use the Wald interval or test, or fit without clusters and robust.",
        )
    if is_penalised(fit):
        raise CodingError(
            f"{what} has no meaning with a ridge penalty", field="fit", remedy="Fit without a ridge."
        )


def maximise_rest(fit: CoxFit, held: dict[int, float], start: FloatArray | None = None) -> ConstrainedMaximum:
    """Newton's method over the coefficients that are not held, from the estimate or `start` (p,).

    Parameters
    ----------
    fit : CoxFit
    held : dict of int to float
        Position and value of each coefficient that is held, on the scale of the data.
    start : ndarray of shape (p,), optional
        On the scale of the data.

    Raises
    ------
    ConvergenceError
        No maximum with these coefficients held.
    """
    sets, p = fit._sets, len(fit.names)
    beta = np.array(fit.coefficients if start is None else start) * sets.scale
    for position, value in held.items():
        beta[position] = value * sets.scale[position]

    def height(candidate: FloatArray) -> tuple[float, Evaluation]:
        found = evaluate(sets, candidate)
        return found.log_likelihood, found

    free = np.array([j for j in range(p) if j not in held], dtype=np.int64)
    with one_thread():
        top, at = height(beta)
        score, info = derivatives(sets, at)
        for _ in range(MAX_ITERATIONS):
            step = np.zeros(p)
            step[free] = np.linalg.solve(info[np.ix_(free, free)], score[free])
            taken, top, at = climb(height, beta, step, top - ROUNDING * abs(top))
            beta = beta + taken
            score, info = derivatives(sets, at)
            if np.max(np.abs(step), initial=0.0) < STEP_TOLERANCE:
                score[free] = 0.0
                return ConstrainedMaximum(beta / sets.scale, top, score, info)
    raise ConvergenceError(
        "The likelihood with coefficients held did not reach a maximum",
        field=", ".join(fit.names[j] for j in held),
        remedy="Look for levels without deaths.",
    )
