"""Piecewise exponential model: a constant rate in each interval of time, and rates per person-time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import gammaincinv

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    codes,
    confidence,
    few_events_warning,
    flags,
    follow_up,
    matrix,
    numbers,
    positive_weights,
    require_events_for,
    row_hash,
    vector,
)
from .._linear_algebra import inverse, normal_quantile, require_full_rank, two_sided_p
from .._maximise import Point, maximise, standardise
from .._sandwich import clusters_of, sandwich
from ..cox._findings import TOO_NARROW, few_clusters_warning
from ..effect import Effect, wald_effect
from ..errors import CodingError, NoEventsError

MODEL = "piecewise exponential model"


@dataclass(frozen=True)
class PiecewiseExponentialFit:
    """A fitted piecewise exponential model.

    Attributes
    ----------
    intervals : tuple of str
        J of them, such as `(0, 6]`.
    names : tuple of str
        Intervals, then covariates: q = J + p.
    coefficients : ndarray of shape (q,)
        Log rate of each interval with all covariates zero, then log rate ratios.
    covariance, naive_covariance : ndarray of shape (q, q)
        The sandwich where `robust`, else the inverse of the information; the latter.
    log_likelihood : float
        Of densities in the unit of time.
    cuts : ndarray of shape (J - 1,)
    events, person_time : ndarray of shape (J,)
        Weighted.
    n, n_events : int
        Rows and rows with the event.
    """

    intervals: tuple[str, ...]
    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    naive_covariance: FloatArray
    log_likelihood: float
    cuts: FloatArray
    events: FloatArray
    person_time: FloatArray
    n: int
    n_events: int
    robust: bool
    warnings: tuple[str, ...]

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each parameter (q,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the covariates."""
        return self.names[len(self.intervals) :]

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per parameter: the exponential is a rate for intervals, a rate ratio for covariates."""
        half = normal_quantile(confidence(level)) * self.standard_errors
        z = self.coefficients / self.standard_errors
        return pl.DataFrame(
            {
                "term": self.names,
                "is": ["rate"] * len(self.intervals) + ["ratio"] * len(self.covariates),
                "coefficient": self.coefficients,
                "std_err": self.standard_errors,
                "exponential": np.exp(self.coefficients),
                "ci_low": np.exp(self.coefficients - half),
                "ci_high": np.exp(self.coefficients + half),
                "ci_level": np.full(len(z), level),
                "p_value": two_sided_p(z),
            }
        )

    def survival(self, at: ArrayLike, times: ArrayLike, *, level: float = 0.95) -> pl.DataFrame:
        """Survival of a person with covariates `at` (p,), interval on the scale of log cumulative hazard.

        Returns
        -------
        polars.DataFrame
            One row per time: `time, survival, std_err, lower, upper`; the error is of log cumulative hazard.

        Raises
        ------
        CodingError
            Times below zero.
        """
        person, when = vector(at, "at", len(self.covariates)), vector(times, "times")
        wrong = int(np.count_nonzero(when < 0))
        if wrong:
            raise CodingError(
                "Times below zero", field="times", count=wrong, remedy="Ask for times after the start."
            )
        lived = time_in_intervals(when, np.zeros(len(when)), self.cuts)
        hazard = lived * np.exp(self.coefficients[: len(self.intervals)] + self._predictor(person))
        total = hazard.sum(axis=1)
        share = np.divide(hazard, total[:, None], out=np.zeros_like(hazard), where=total[:, None] > 0)
        gradient = np.hstack([share, np.tile(person, (len(when), 1))])
        error = np.sqrt(np.einsum("ij,jk,ik->i", gradient, self.covariance, gradient))
        half = normal_quantile(confidence(level)) * error
        return pl.DataFrame(
            {
                "time": when,
                "survival": np.exp(-total),
                "std_err": error,
                "lower": np.exp(-total * np.exp(half)),
                "upper": np.exp(-total * np.exp(-half)),
            }
        )

    def effect(self, term: str, *, n_exposed: int, level: float = 0.95) -> Effect:
        """The hazard ratio of one covariate coded 0/1, given the others."""
        if term not in self.covariates:
            known = ", ".join(self.covariates)
            raise CodingError(f"No covariate {term!r}", field="term", remedy=f"Use one of {known}.")
        j = self.names.index(term)
        return wald_effect(
            float(self.coefficients[j]),
            float(self.standard_errors[j]),
            analysis="piecewise_exponential",
            measure="hr",
            n=self.n,
            n_exposed=n_exposed,
            events=self.n_events,
            estimand="conditional",
            effect_type="conditional",
            method=f"piecewise exponential model of {len(self.intervals)} intervals",
            level=level,
            notes=self.warnings,
        )

    def _predictor(self, person: FloatArray) -> float:
        return float(person @ self.coefficients[len(self.intervals) :])


def fit_piecewise_exponential(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    cuts: Sequence[float],
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool = False,
) -> PiecewiseExponentialFit:
    """Fit a piecewise exponential model: the Poisson likelihood of person-time, by Newton's method.

    With a cut at every event time it is the Cox model of Breslow.

    Parameters
    ----------
    time, event, covariates, names, entry, weights, cluster, robust
        As in `royston_parmar.fit_royston_parmar`; times of zero add nothing and are allowed without an
        event.
    cuts : sequence of float
        Times above zero at which the rate may change; an event at a cut belongs to the interval before it.

    Returns
    -------
    PiecewiseExponentialFit

    Raises
    ------
    NoEventsError
        Nobody has the event, or nobody has it in some interval.
    TooFewEventsError
        There are fewer events than covariates.
    CodingError
        Cuts that do not rise from above zero, or events at time zero.
    CollinearityError, SeparationError, ConvergenceError
        The covariates determine each other; the likelihood has no maximum, or none was reached.
    ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be; the message names field, count and remedy.

    References
    ----------
    Friedman M. Piecewise exponential models for survival data with covariates. Ann Stat 1982;10:101-113.
    Laird N, Olivier D. Covariance analysis of censored survival data using log-linear analysis techniques.
    JASA 1981;76:231-240.
    """
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    x, labels = matrix(covariates, names, n)
    w = positive_weights(weights, n)
    edges = _cuts(cuts)
    begin = np.zeros(n) if start is None else start
    order = np.lexsort((row_hash(x, w, begin), ~died, stop))  # one order of summing
    stop, died, begin, w = stop[order], died[order], begin[order], w[order]
    scaled, centre, unit = standardise(x[order])
    interval = _interval_of_events(stop, died, edges)
    require_events_for(labels, int(died.sum()))
    require_full_rank(scaled.T @ (w[:, None] * scaled), labels, unit=float(w.sum()))

    lived = time_in_intervals(stop, begin, edges)
    data = _Data(lived, died, interval, scaled, w, len(edges) + 1)
    events = np.bincount(interval[died], w[died], minlength=data.n_intervals)
    names_of = (*_labels(edges), *labels)
    guess = np.concatenate([np.log(events / (w @ lived)), np.zeros(len(labels))])
    top = maximise(data.likelihood, guess, labels, MODEL, covariates=np.eye(len(guess))[data.n_intervals :])

    back = np.eye(len(guess))
    back[data.n_intervals :, data.n_intervals :] = np.diag(1 / unit)
    back[: data.n_intervals, data.n_intervals :] = -centre / unit
    naive_scaled = inverse(top.at.information)
    naive = back @ naive_scaled @ back.T
    covariance = naive
    _, warnings = few_events_warning(int(died.sum()), len(labels))
    if robust or cluster is not None:
        member = clusters_of(cluster, n)
        covariance = sandwich(data.score_rows(top.parameters), member[order], back @ naive_scaled)
        if cluster is not None:
            warnings += few_clusters_warning(int(member.max()) + 1, TOO_NARROW)
    return PiecewiseExponentialFit(
        intervals=_labels(edges),
        names=names_of,
        coefficients=back @ top.parameters,
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=top.at.value,
        cuts=edges,
        events=np.asarray(events, dtype=np.float64),
        person_time=w @ lived,
        n=n,
        n_events=int(np.count_nonzero(died)),
        robust=robust or cluster is not None,
        warnings=warnings,
    )


def rates(
    time: ArrayLike,
    event: ArrayLike,
    *,
    cuts: Sequence[float] = (),
    entry: ArrayLike | None = None,
    group: ArrayLike | None = None,
    level: float = 0.95,
) -> pl.DataFrame:
    """Events per person-time by interval and group, with exact Poisson limits.

    Parameters
    ----------
    time, event, entry
        As in `fit_piecewise_exponential`; people count one each.
    cuts : sequence of float
        Times above zero; none gives one interval.
    group : array_like of shape (n,), optional
        Labels.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    polars.DataFrame
        One row per group and interval: `group, interval, events, person_time, rate, lower, upper`; rate and
        limits null where nobody is observed.

    Raises
    ------
    CodingError
        Cuts that do not rise from above zero, or events at time zero.

    References
    ----------
    Garwood F. Fiducial limits for the Poisson distribution. Biometrika 1936;28:437-442.
    """
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    edges, tail = _cuts(cuts), (1 - confidence(level)) / 2
    member, labels = codes(group, "group", n)
    place = _place(stop, died, edges)
    lived = time_in_intervals(stop, np.zeros(n) if start is None else start, edges)
    frames = []
    for number, label in enumerate(labels.tolist()):
        own = member == number
        count = np.bincount(place[own & died], minlength=len(edges) + 1).astype(np.float64)
        person_time = np.sort(lived[own], axis=0).sum(axis=0)
        low = np.where(count > 0, gammaincinv(np.maximum(count, 1), tail), 0.0)
        limits = {"rate": count, "lower": low, "upper": gammaincinv(count + 1, 1 - tail)}
        known = person_time > 0
        per_time = {
            k: np.divide(v, person_time, out=np.full_like(person_time, np.nan), where=known)
            for k, v in limits.items()
        }
        frame = pl.DataFrame(
            {
                "group": [None if group is None else str(label)] * len(count),
                "interval": _labels(edges),
                "events": count.astype(np.int64),
                "person_time": person_time,
                **per_time,
            },
            schema_overrides={"group": pl.String},
        )
        frames.append(frame.with_columns(pl.col("rate", "lower", "upper").fill_nan(None)))
    return pl.concat(frames)


def time_in_intervals(stop: FloatArray, start: FloatArray, cuts: FloatArray) -> FloatArray:
    """Time each row spends in each interval (n, J)."""
    low, high = np.append(0.0, cuts), np.append(cuts, np.inf)
    lived: FloatArray = np.maximum(np.minimum(stop[:, None], high) - np.maximum(start[:, None], low), 0.0)
    return lived


@dataclass(frozen=True)
class _Data:
    lived: FloatArray
    died: BoolArray
    interval: IntArray
    covariates: FloatArray
    weights: FloatArray
    n_intervals: int

    def likelihood(self, parameters: FloatArray) -> Point:
        x, w, j = self.covariates, self.weights, self.n_intervals
        rate, relative = np.exp(parameters[:j]), np.exp(x @ parameters[j:])
        weighted = w * relative
        mean = rate * (weighted @ self.lived)
        expected = weighted * (self.lived @ rate)
        cross = rate[:, None] * (self.lived.T @ (weighted[:, None] * x))
        dead = w * self.died
        observed = np.bincount(self.interval[self.died], dead[self.died], minlength=j)
        score = np.concatenate([observed - mean, x.T @ (dead - expected)])
        information = np.block([[np.diag(mean), cross], [cross.T, x.T @ (expected[:, None] * x)]])
        value = observed @ parameters[:j] + (x.T @ dead) @ parameters[j:] - mean.sum()
        return Point(float(value), score, (information + information.T) / 2)

    def score_rows(self, parameters: FloatArray) -> FloatArray:
        x, j = self.covariates, self.n_intervals
        expected = self.lived * np.exp(parameters[:j]) * np.exp(x @ parameters[j:])[:, None]
        by_interval = -expected
        by_interval[self.died, self.interval[self.died]] += 1.0
        rows = np.hstack([by_interval, (self.died - expected.sum(axis=1))[:, None] * x])
        weighted: FloatArray = self.weights[:, None] * rows
        return weighted


def _cuts(cuts: Sequence[float]) -> FloatArray:
    edges = numbers(cuts, "cuts")
    if edges.ndim != 1 or not np.isfinite(edges).all() or np.any(np.diff(edges, prepend=0.0) <= 0):
        raise CodingError(
            "Cuts that do not rise from above zero", field="cuts", remedy="Give each time once, in order."
        )
    return edges


def _place(time: FloatArray, died: BoolArray, cuts: FloatArray) -> IntArray:
    wrong = int(np.count_nonzero(died & (time == 0)))
    if wrong:
        raise CodingError(
            "Events at time zero belong to no interval",
            field="time",
            count=wrong,
            remedy="Add half a unit of time to them, or leave those people out and count them.",
        )
    return np.searchsorted(cuts, time, side="left").astype(np.int64)


def _interval_of_events(time: FloatArray, died: BoolArray, cuts: FloatArray) -> IntArray:
    if not died.any():
        raise NoEventsError(
            "Nobody has the event", field="event", remedy="Widen the cohort or its follow-up."
        )
    place = _place(time, died, cuts)
    empty = int(np.count_nonzero(np.bincount(place[died], minlength=len(cuts) + 1) == 0))
    if empty:
        raise NoEventsError(
            "Intervals in which nobody has the event",
            field="cuts",
            count=empty,
            remedy="Leave cuts out, so that every interval has events.",
        )
    return place


def _labels(cuts: FloatArray) -> tuple[str, ...]:
    ends = [0.0, *cuts.tolist()]
    inner = [f"({a:g}, {b:g}]" for a, b in pairwise(ends)]
    return (*inner, f"({ends[-1]:g}, end]")
