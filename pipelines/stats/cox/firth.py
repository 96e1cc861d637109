"""Firth's penalised Cox model: estimates where events are rare, and where deaths are separated.

Half the logarithm of the determinant of the information is added to the log partial likelihood. That takes
the first-order bias off the coefficients and keeps them finite when a level has no deaths at all. Wald
intervals are poor there, so intervals and tests are those of the profile of the penalised likelihood.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    FloatArray,
    choice,
    codes,
    confidence,
    flags,
    follow_up,
    matrix,
    positive_weights,
    vector,
)
from .._linear_algebra import inverse, normal_quantile, one_thread
from ..errors import ConvergenceError, NoEventsError
from ._findings import positions
from ._newton import climb, evaluate_at_zero
from ._risk_sets import Evaluation, RiskSets, build_risk_sets, derivatives, evaluate
from .fit import ChiSquareTest, chi_square
from .profile import crossing, height_left

MAX_ITERATIONS = 200
ROUNDING = 1e-10  # share of the likelihood that a step may seem to lose
LARGEST_STEP = 2.0  # in covariate standard deviations
STEP_TOLERANCE = 1e-9
PROFILE_TOLERANCE = 1e-6  # leaves an error of about its square in the height of the likelihood


@dataclass(frozen=True)
class FirthCoxFit:
    """A Cox model fitted by Firth's penalised likelihood.

    Attributes
    ----------
    names : tuple of str
    coefficients : ndarray of shape (p,)
        Log hazard ratios per unit of the covariate.
    covariance : ndarray of shape (p, p)
        Inverse of the information (without penalty) at the estimate.
    penalised_log_likelihood : tuple of float
        With all coefficients zero and at the estimate; their difference means something, their height does
        not, because it depends on the covariates' units.
    n, n_events : int
    ties : {"efron", "breslow"}
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    penalised_log_likelihood: tuple[float, float]
    n: int
    n_events: int
    ties: str
    iterations: int
    _sets: RiskSets = field(repr=False)

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def profile_interval(self, term: str, level: float = 0.95) -> tuple[float, float]:
        """Limits of one coefficient, on the log scale; infinite where the likelihood never comes down."""
        (j,) = positions(self.names, [term])
        quantile = normal_quantile(confidence(level))
        top = self.penalised_log_likelihood[1]
        latest = [self.coefficients]  # the next search starts where the last one ended

        def height(value: float) -> float:
            found = _maximise(self._sets, {j: value}, latest[0], PROFILE_TOLERANCE)
            latest[0] = found.coefficients
            return height_left(top, found.log_likelihood, quantile)

        centre, spread = float(self.coefficients[j]), float(self.standard_errors[j])
        limits = []
        for sign in (-1.0, 1.0):
            latest[0] = self.coefficients
            limits.append(crossing(height, centre, sign * quantile * spread))
        return limits[0], limits[1]

    def likelihood_ratio_test(self, terms: Sequence[str] | None = None) -> ChiSquareTest:
        """Penalised likelihood-ratio test that the coefficients of `terms` (default all) are zero."""
        held = dict.fromkeys(positions(self.names, self.names if terms is None else terms), 0.0)
        without = _maximise(self._sets, held, self.coefficients).log_likelihood
        return chi_square(max(2 * (self.penalised_log_likelihood[1] - without), 0.0), len(held))

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per covariate: hazard ratio, profile interval, penalised likelihood-ratio test.

        Every limit is a search, so with many rows and covariates this takes a while.
        """
        limits = np.exp([self.profile_interval(name, level) for name in self.names])
        tests = [self.likelihood_ratio_test([name]) for name in self.names]
        return pl.DataFrame(
            {
                "term": self.names,
                "coefficient": self.coefficients,
                "std_err": self.standard_errors,
                "hazard_ratio": np.exp(self.coefficients),
                "ci_low": limits[:, 0],
                "ci_high": limits[:, 1],
                "ci_level": np.full(len(self.names), level),
                "chi_square": [test.statistic for test in tests],
                "p_value": [test.p_value for test in tests],
            }
        )


def fit_firth_cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    ties: str = "efron",
) -> FirthCoxFit:
    """Fit a Cox model by Firth's penalised partial likelihood.

    Parameters
    ----------
    time, event, covariates, names, entry, strata, offset
        As in `fit_cox`.
    weights : array_like of shape (n,), optional
        Counts of identical people, above zero. The penalty depends on their size, so weights that only have a
        meaning relative to each other (of propensities) do not belong here.
    ties : {"efron", "breslow"}
        R's `coxphf` has Breslow's only.

    Returns
    -------
    FirthCoxFit

    Raises
    ------
    NoEventsError
        No row ends with the event.
    CollinearityError
        A covariate is constant among those at risk, or a combination of others. (Separation is no error.)
    ConvergenceError
        No maximum after 200 iterations.
    ShapeError, NonFiniteError, CodingError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38.
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression. Biometrics
    2001;57:114-119.
    """
    choice(ties, "ties", ("efron", "breslow"))
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    x, labels = matrix(covariates, names, n)
    n_events = int(np.count_nonzero(died))
    if n_events == 0:
        raise NoEventsError(
            "Nobody has the event", field="event", remedy="Widen the cohort or its follow-up."
        )
    known = None if offset is None else vector(offset, "offset", n)
    stratum = codes(strata, "strata", n)[0]
    sets = build_risk_sets(stop, died, x, start, positive_weights(weights, n), stratum, ties, known)
    nothing = np.zeros(len(labels))
    at, _, at_zero = evaluate_at_zero(sets, labels)
    found = _maximise(sets, {}, nothing)
    return FirthCoxFit(
        names=labels,
        coefficients=found.coefficients,
        covariance=inverse(found.information) / np.outer(sets.scale, sets.scale),
        penalised_log_likelihood=(_penalised(at, at_zero), found.log_likelihood),
        n=n,
        n_events=n_events,
        ties=ties,
        iterations=found.iterations,
        _sets=sets,
    )


@dataclass(frozen=True)
class _Maximum:
    coefficients: FloatArray
    log_likelihood: float
    information: FloatArray
    iterations: int


def _maximise(
    sets: RiskSets, held: dict[int, float], start: FloatArray, tolerance: float = STEP_TOLERANCE
) -> _Maximum:
    """Scoring steps with halving over the coefficients not in `held`, which keep their values."""

    def height(candidate: FloatArray) -> tuple[float, tuple[Evaluation, FloatArray, FloatArray]]:
        at = evaluate(sets, candidate)
        score, info = derivatives(sets, at)
        return _penalised(at, info), (at, score, info)

    beta = start * sets.scale
    for position, value in held.items():
        beta[position] = value * sets.scale[position]
    free = np.array([j for j in range(len(beta)) if j not in held], dtype=np.int64)
    with one_thread():
        top, (at, score, info) = height(beta)
        for iteration in range(1, MAX_ITERATIONS + 1):
            score = score + penalty_gradient(sets, at, inverse(info))
            step = np.zeros_like(beta)
            step[free] = np.linalg.solve(info[np.ix_(free, free)], score[free])
            step *= min(1.0, LARGEST_STEP / max(float(np.max(np.abs(step))), 1e-300))
            taken, top, (at, score, info) = climb(height, beta, step, top - ROUNDING * abs(top))
            beta = beta + taken
            if np.max(np.abs(step)) < tolerance:
                return _Maximum(beta / sets.scale, top, info, iteration)
    raise ConvergenceError(
        "The penalised Cox model did not reach a maximum",
        field="covariates",
        remedy="Look for extreme covariate values.",
    )


def _penalised(at: Evaluation, info: FloatArray) -> float:
    sign, log_determinant = np.linalg.slogdet(info)
    return at.log_likelihood + log_determinant / 2 if sign > 0 else -np.inf


def penalty_gradient(sets: RiskSets, at: Evaluation, covariance: FloatArray) -> FloatArray:
    """Derivative of half the log determinant of the information (p,), on the scaled covariates.

    The derivative of the information holds third moments of the covariates in each risk set. Of these only
    the trace with `covariance` = L L' is needed, so with z = L'x and q = z'z each row contributes
    x (q - E[q] - 2 z'E[z] + 2 E[z]'E[z]) to each risk set it is in: sums over rows, and no p x p x p array.
    """
    root = np.linalg.cholesky(covariance)
    z = sets.covariates @ root
    square = np.einsum("ij,ij->i", z, z)
    risk = at.weighted
    group, fraction = sets.term_group, sets.term_fraction
    denominator = (sets.at_risk_sum(risk))[group] - fraction * sets.death_sum(risk)[group]
    mean = (at.at_risk_x[group] - fraction[:, None] * at.death_x[group]) @ root / denominator[:, None]
    squares = sets.at_risk_sum(risk * square)[group] - fraction * sets.death_sum(risk * square)[group]
    constant = 2 * np.einsum("ij,ij->i", mean, mean) - squares / denominator

    hazard = sets.term_weight / denominator
    lived = _while_at_risk(sets, hazard)
    total = square * lived + _while_at_risk(sets, hazard * constant)
    for k in range(z.shape[1]):
        total -= 2 * z[:, k] * _while_at_risk(sets, hazard * mean[:, k])
    result: FloatArray = sets.covariates.T @ (risk * total) / 2
    return result


def _while_at_risk(sets: RiskSets, per_term: FloatArray) -> FloatArray:
    """Sum `per_term` (K,) over the terms each row is at risk in, its own death's share taken off: (n,)."""
    total = sets.sum_while_at_risk(sets.term_sum(per_term))
    total[sets.death_rows] -= sets.term_sum(per_term * sets.term_fraction)[sets.death_group]
    return total
