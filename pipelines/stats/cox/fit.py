"""Cox's proportional hazards model: ties, strata, weights, delayed entry, time-dependent rows, clusters.

Numbers equal `survival::coxph` of R (tests/parity). The estimate does not depend on the order of the rows,
to the last bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    FloatArray,
    IntArray,
    choice,
    codes,
    few_events_warning,
    flags,
    follow_up,
    matrix,
    number,
    positive_weights,
    require_events_for,
    require_several_clusters,
    vector,
)
from .._linear_algebra import (
    chi_square_p,
    inverse,
    one_thread,
    quadratic_form,
)
from .._tables import ratio_table
from ..errors import CodingError, NoEventsError, NothingToCompareError
from ._findings import (
    few_clusters_warning,
    positions,
    strata_without_events_warning,
    uncounted_weights_warning,
)
from ._newton import maximise
from ._risk_sets import (
    BLOCK,
    Evaluation,
    RiskSets,
    build_risk_sets,
    hazard_while_at_risk,
)
from .concordance import concordance_index


@dataclass(frozen=True)
class ChiSquareTest:
    """A chi-square statistic with its degrees of freedom and p-value."""

    statistic: float
    df: int
    p_value: float


def chi_square(statistic: float, df: int) -> ChiSquareTest:
    """A statistic with its p-value."""
    return ChiSquareTest(statistic, df, chi_square_p(statistic, df))


def wald(estimates: FloatArray, covariance: FloatArray) -> ChiSquareTest:
    """Wald test that all of `estimates` (k,) are zero."""
    return chi_square(quadratic_form(estimates, covariance), len(estimates))


@dataclass(frozen=True)
class CoxFit:
    """A fitted Cox model.

    Attributes
    ----------
    names : tuple of str
        Covariates, p of them.
    coefficients : ndarray of shape (p,)
        Log hazard ratios per unit of the covariate.
    covariance : ndarray of shape (p, p)
        Of the coefficients: the sandwich where `robust`, else `naive_covariance`.
    naive_covariance : ndarray of shape (p, p)
        Inverse of the information (with a ridge: of the penalised information).
    log_likelihood : tuple of float
        At zero and at the estimate; a ridge's penalty is not in it.
    n, n_events : int
        Rows and rows with the event.
    events_per_covariate : float
    warnings : tuple of str
        Findings a report should print, such as fewer than ten events per covariate.
    ties : {"efron", "breslow"}
    robust : bool
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    naive_covariance: FloatArray
    log_likelihood: tuple[float, float]
    n: int
    n_events: int
    events_per_covariate: float
    warnings: tuple[str, ...]
    ties: str
    robust: bool
    iterations: int
    _score_statistic: float = field(repr=False)
    _sets: RiskSets = field(repr=False)
    _at_estimate: Evaluation = field(repr=False)
    _time: FloatArray = field(repr=False)
    _died: FloatArray = field(repr=False)
    _entry: FloatArray | None = field(repr=False)
    _weights: FloatArray = field(repr=False)
    _stratum: IntArray = field(repr=False)
    _stratum_labels: tuple[object, ...] = field(repr=False)
    _linear_predictor: FloatArray = field(repr=False)

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per covariate: coefficient, standard error, hazard ratio with its interval, z, p.

        Parameters
        ----------
        level : float
            Confidence level of the interval, 0 to 1.
        """
        return ratio_table(self.names, self.coefficients, self.standard_errors, "hazard_ratio", level)

    hazard_ratios = to_frame

    def wald_test(self, terms: Sequence[str] | None = None) -> ChiSquareTest:
        """Test that the coefficients of `terms` (default all) are zero, with the fit's `covariance`."""
        keep = positions(self.names, self.names if terms is None else terms)
        return wald(self.coefficients[keep], self.covariance[np.ix_(keep, keep)])

    def score_test(self) -> ChiSquareTest:
        """Model-based score test that all coefficients are zero (the log-rank test generalised)."""
        return chi_square(self._score_statistic, len(self.names))

    def likelihood_ratio_test(self) -> ChiSquareTest:
        """Likelihood ratio test that all coefficients are zero; no meaning under weights or clusters."""
        return chi_square(2 * (self.log_likelihood[1] - self.log_likelihood[0]), len(self.names))

    def contrast(self, weights: Mapping[str, float]) -> tuple[float, float]:
        """Estimate and standard error of a sum of coefficients, such as a main effect plus interaction."""
        (estimate,), covariance = self._sums(self._weights_of([weights]))
        return float(estimate), float(np.sqrt(covariance[0, 0]))

    def concordance(self) -> float:
        """Harrell's concordance of the linear predictor; see `concordance.concordance_index`."""
        return concordance_index(
            self._time,
            self._died,
            self._linear_predictor,
            entry=self._entry,
            weights=self._weights,
            strata=self._stratum,
        )

    def _position(self, term: str) -> int:
        return positions(self.names, [term])[0]

    def _weights_of(self, sums: Sequence[Mapping[str, float]]) -> FloatArray:
        """Weights of the coefficients in each of m sums, given by name: (m, p)."""
        matrix = np.zeros((len(sums), len(self.names)))
        for row, chosen in zip(matrix, sums, strict=True):
            for name, weight in chosen.items():
                row[self._position(name)] = weight
        empty = int(np.count_nonzero(~matrix.any(axis=1)))
        if empty or not len(matrix):
            raise CodingError(
                "Contrasts of nothing",
                field="weights",
                count=empty or None,
                remedy="Weigh at least one covariate.",
            )
        return matrix

    def _sums(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sums of coefficients with the weights in the rows of `matrix` (m, p), and their covariance."""
        return matrix @ self.coefficients, matrix @ self.covariance @ matrix.T


def fit_cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool = False,
    ties: str = "efron",
    ridge: float = 0.0,
    offset: ArrayLike | None = None,
) -> CoxFit:
    """Fit a Cox proportional hazards model by Newton's method.

    Parameters
    ----------
    time : array_like of shape (n,)
        End of observation of each row, in any unit; not negative. Times closer than 1.5e-8 are one time.
    event : array_like of shape (n,)
        1 or True where the row ends with the event, else 0.
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; a factor as 0/1 columns without its reference level.
    names : sequence of str, optional
        One per covariate; default the frame's columns or x0, x1, …
    entry : array_like of shape (n,), optional
        Start of observation, below `time`: delayed entry, or (start, stop] rows of time-dependent
        covariates. At risk at t means entry < t <= time.
    weights : array_like of shape (n,), optional
        Case weights above zero. With weights that are not counts ask for `robust`; a fit that takes
        fractions for counts says so among its `warnings`.
    strata : array_like of shape (n,), optional
        Labels; each stratum has its own baseline hazard.
    cluster : array_like of shape (n,), optional
        Labels of rows that belong together (a person's rows, a matched pair); makes the variance robust.
    robust : bool
        Sandwich variance with every row its own cluster where `cluster` is not given. No G/(G-1) factor.
    ties : {"efron", "breslow"}
    ridge : float
        Adds `ridge / 2 * sum(coefficients ** 2)` to minus the log likelihood (covariates as given).
    offset : array_like of shape (n,), optional
        Known part of each row's log hazard, with a coefficient of one.

    Returns
    -------
    CoxFit

    Raises
    ------
    NoEventsError, TooFewEventsError
        No row ends with the event, or, without a ridge, fewer of them than there are covariates.
    NothingToCompareError
        Whoever is at risk at the time of an event has it then, so that nobody is there to be compared with.
    EmptyArmError
        One cluster alone, whose scores sum to zero.
    CollinearityError
        A covariate is constant among those at risk, or a combination of others.
    SeparationError
        The likelihood grows without end along a covariate (a level without deaths, for example).
    ConvergenceError
        No maximum after 60 iterations, or an offset whose hazards lie further apart than numbers reach.
    ShapeError, NonFiniteError, CodingError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be; the message names field, count and remedy.

    References
    ----------
    Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220.
    Efron B. The efficiency of Cox's likelihood function for censored data. JASA 1977;72:557-565.
    Breslow N. Covariance analysis of censored survival data. Biometrics 1974;30:89-99.
    Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. JASA 1989;84:1074-1078.
    """
    choice(ties, "ties", ("efron", "breslow"))
    if number(ridge, "ridge") < 0:
        raise CodingError("A penalty below zero", field="ridge", remedy="Give 0 or more.")
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    x, labels = matrix(covariates, names, n)
    w = positive_weights(weights, n)
    stratum, stratum_labels = codes(strata, "strata", n)
    n_events = int(np.count_nonzero(died))
    if n_events == 0:
        raise NoEventsError(
            "Nobody has the event", field="event", remedy="Widen the cohort or its follow-up."
        )

    if ridge == 0:
        require_events_for(
            labels,
            n_events,
            remedy="Use fewer covariates, a ridge, or Firth's penalty (fit_firth_cox).",
        )
    group, clusters = (None, None) if cluster is None else codes(cluster, "cluster", n)
    if group is not None:
        require_several_clusters(group)
    known = None if offset is None else vector(offset, "offset", n)
    with one_thread():
        sets = build_risk_sets(stop, died, x, start, w, stratum, ties, known)
        require_survivors(sets)
        maximum = maximise(sets, labels, ridge / sets.scale**2)
        coefficients = maximum.beta / sets.scale
        naive = inverse(maximum.information) / np.outer(sets.scale, sets.scale)
        covariance = naive
        if robust or cluster is not None:
            covariance = _sandwich(sets, maximum.at, naive, None if group is None else group[sets.rows])
    ratio, warnings = few_events_warning(n_events, len(labels))
    warnings += strata_without_events_warning(died, stratum, stratum_labels.tolist())
    if clusters is not None:
        warnings += few_clusters_warning(len(clusters))
    elif weights is not None and not robust:
        warnings += uncounted_weights_warning(w)
    return CoxFit(
        names=labels,
        coefficients=coefficients,
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=(maximum.null_log_likelihood, maximum.at.log_likelihood),
        n=n,
        n_events=n_events,
        events_per_covariate=ratio,
        warnings=warnings,
        ties=ties,
        robust=robust or cluster is not None,
        iterations=maximum.iterations,
        _score_statistic=maximum.score_statistic,
        _sets=sets,
        _at_estimate=maximum.at,
        _time=stop,
        _died=died.astype(np.float64),
        _entry=start,
        _weights=w,
        _stratum=stratum,
        _stratum_labels=tuple(stratum_labels.tolist()),
        _linear_predictor=x @ coefficients - sets.centre @ coefficients + (0.0 if known is None else known),
    )


def require_survivors(sets: RiskSets) -> None:
    """Refuse data in which nobody at risk lives through any death: the order of deaths tells nothing."""
    at_risk = sets.at_risk_sum(np.ones(len(sets.rows)))
    if np.any(at_risk > np.bincount(sets.death_group, minlength=sets.n_groups)):
        return
    raise NothingToCompareError(
        "All have the event at the same time: nobody is left to compare them with",
        field="event",
        remedy="Look at the follow-up: times may be rounded, or everybody alive left out.",
    )


def score_residual_rows(sets: RiskSets, at: Evaluation) -> FloatArray:
    """Score residual of each row of `sets`, unweighted, in its order and on its scaled covariates (n, p)."""
    s, d, x = at.at_risk_x.T, at.death_x.T, sets.covariates.T
    later = sets.sum_from_group_on(at.one2 * s - at.frac2 * d)
    own = at.frac2 * s - at.fracfrac2 * d
    of_death = (at.one * s - at.frac * d) / sets.death_weight
    # Columns for the rows that live through a group, then for those that die in it.
    lived = np.hstack([later, later - own])
    died = np.hstack([np.zeros_like(of_death), of_death])
    column = sets.enters + sets.n_groups * sets.died
    left = sets.died - at.relative * hazard_while_at_risk(sets, at)
    result = np.empty(x.shape)
    for start in range(0, x.shape[1], BLOCK):
        rows = slice(start, start + BLOCK)
        block = result[:, rows]
        np.multiply(x[:, rows], left[rows], out=block)
        block += lived.take(column[rows], axis=1) * at.relative[rows]
        block -= died.take(column[rows], axis=1)
    gone = sets.leaving_rows
    result[:, gone] -= at.relative[gone] * later[:, sets.leaves[gone]]
    return result.T


def _sandwich(sets: RiskSets, at: Evaluation, naive: FloatArray, groups: IntArray | None) -> FloatArray:
    """Robust covariance, the sum over clusters of the outer product of their dfbeta."""
    score = score_residual_rows(sets, at).T
    score *= sets.weights
    if groups is not None:
        score = _summed_by_cluster(score, groups)
    dfbeta = (naive * sets.scale) @ score
    covariance: FloatArray = dfbeta @ dfbeta.T
    return covariance


def _summed_by_cluster(score: FloatArray, groups: IntArray) -> FloatArray:
    """Sum the columns of `score` (p, n) over the rows of each cluster: (p, clusters).

    Rows are in their canonical order, and clusters are put in that of their first row, so that relabelling
    or reordering rows changes nothing, not even the last digit.
    """
    first = np.full(int(groups.max()) + 1, len(groups))
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    place = np.empty_like(first)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))
    cluster = place[groups]
    return np.array([np.bincount(cluster, row, len(first)) for row in score])
