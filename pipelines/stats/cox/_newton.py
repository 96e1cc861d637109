"""Newton's method for the partial likelihood, and the ways in which it can fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import numpy as np

from .._inputs import FloatArray
from .._linear_algebra import quadratic_form, require_full_rank
from ..errors import ConvergenceError, SeparationError
from ._risk_sets import Evaluation, RiskSets, derivatives, evaluate

MAX_ITERATIONS = 60
HALVINGS = 40
STEP_TOLERANCE = 1e-6  # in covariate standard deviations; the next step would be about its square
FLAT_LIKELIHOOD = 1e-13
ENDLESS_STEP = 1e-3
ROUNDING = 1e-9  # share of the likelihood that a step may seem to lose

Found = TypeVar("Found")


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is highest; coefficients and information are on the scaled covariates."""

    beta: FloatArray
    at: Evaluation
    information: FloatArray
    null_log_likelihood: float
    score_statistic: float
    iterations: int


def maximise(sets: RiskSets, names: Sequence[str], penalty: FloatArray) -> Maximum:
    """Newton's method with step halving on the scaled covariates; `penalty` (p,) is the ridge on them."""
    beta = np.zeros(len(names))
    at, score, info = evaluate_at_zero(sets, names)
    null = at.log_likelihood
    score_statistic = quadratic_form(score, info)

    def height(candidate: FloatArray) -> tuple[float, Evaluation]:
        found = evaluate(sets, candidate)
        return found.log_likelihood - float(penalty @ candidate**2) / 2, found

    objective = null
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = np.asarray(np.linalg.solve(info + np.diag(penalty), score - penalty * beta), np.float64)
        taken, improved, at = climb(height, beta, step, objective - ROUNDING * abs(objective))
        change = improved - objective
        beta, objective = beta + taken, improved
        score, info = derivatives(sets, at)
        if np.max(np.abs(step)) < STEP_TOLERANCE:
            return Maximum(beta, at, info + np.diag(penalty), null, score_statistic, iteration)
        flat = change <= FLAT_LIKELIHOOD * max(abs(objective), 1.0)
        if flat and np.max(np.abs(step)) > ENDLESS_STEP:
            _raise_separation(step, names)  # it no longer grows, but its top is nowhere near
        if not _is_positive_definite(info + np.diag(penalty)):
            if _is_separated_along(sets, step):
                _raise_separation(step, names)
            break
    raise ConvergenceError(
        "The Cox model did not reach a maximum",
        field=", ".join(names),
        remedy="Look for extreme values and for levels without deaths, or use a ridge penalty.",
    )


def evaluate_at_zero(sets: RiskSets, names: Sequence[str]) -> tuple[Evaluation, FloatArray, FloatArray]:
    """The likelihood with all coefficients zero, its score (p,) and information (p, p).

    Raises
    ------
    ConvergenceError
        The offset alone sets hazards further apart than numbers reach.
    CollinearityError
        A covariate is constant among those at risk, or a combination of others.
    """
    at = evaluate(sets, np.zeros(len(names)))
    score, info = derivatives(sets, at)
    if not (np.isfinite(at.log_likelihood) and np.isfinite(score).all() and np.isfinite(info).all()):
        raise ConvergenceError(
            "With all coefficients zero the Cox likelihood cannot be worked out",
            field="weights" if sets.offset is None else "offset",
            remedy="Centre the offset, and look for extreme values in it and in the weights.",
        )
    require_full_rank(info, names, unit=float(sets.death_weight.sum()))
    return at, score, info


def climb(
    height: Callable[[FloatArray], tuple[float, Found]], start: FloatArray, step: FloatArray, floor: float
) -> tuple[FloatArray, float, Found]:
    """Go along `step` (p,), halving it until the height is not below `floor`.

    Parameters
    ----------
    height : callable
        From coefficients (p,) to a height, not finite where a step is too far, and what was found there.

    Returns
    -------
    The step that was taken, the height it leads to, and what was found there.

    Raises
    ------
    ConvergenceError
        No share of the step leads there.
    """
    for _ in range(HALVINGS):
        value, found = height(start + step)
        if np.isfinite(value) and value >= floor:
            return step, value, found
        step = step / 2
    raise ConvergenceError(
        "The Cox likelihood cannot be climbed any further",
        field="covariates",
        remedy="Look for extreme covariate values.",
    )


def _is_positive_definite(matrix: FloatArray) -> bool:
    return bool(np.all(np.isfinite(matrix))) and float(np.linalg.eigvalsh(matrix)[0]) > 0


def _is_separated_along(sets: RiskSets, direction: FloatArray) -> bool:
    """Whether every death is foremost along `direction` among those at risk. Slow: for failures only."""
    position = sets.covariates @ direction
    tolerance = 1e-6 * float(np.ptp(position))
    last = np.full(sets.n_groups, np.inf)
    np.minimum.at(last, sets.death_group, position[sets.death_rows])
    return all(
        last[g] >= position[(sets.enters <= g) & (sets.leaves > g)].max() - tolerance
        for g in range(sets.n_groups)
    )


def _raise_separation(step: FloatArray, names: Sequence[str]) -> NoReturn:
    share = np.abs(step) / np.max(np.abs(step))
    guilty = [name for name, value in zip(names, share, strict=True) if value > 0.1]
    raise SeparationError(
        "The Cox likelihood has no maximum: deaths are separated by covariates",
        field=", ".join(guilty),
        count=len(guilty),
        remedy="Merge levels without deaths, drop or stratify by the covariate, or use a ridge penalty.",
    )
