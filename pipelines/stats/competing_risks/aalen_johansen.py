"""Cumulative incidence of several causes by Aalen and Johansen: weights, delayed entry, two variances."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    FloatArray,
    IntArray,
    choice,
    codes,
    confidence,
    follow_up,
    number,
    positive_weights,
    row_hash,
    vector,
)
from .._linear_algebra import normal_quantile
from .._sandwich import clusters_of
from ..errors import BeyondFollowUpError, CodingError
from ..kaplan_meier.curve import labelled
from ._causes import causes, count_by
from ._jackknife import incidence_influence, state_std_err

INTERVALS = ("log", "log-log", "plain")
VARIANCES = ("jackknife", "aalen")


@dataclass(frozen=True)
class CumulativeIncidence:
    """The curves of one group, for K causes.

    Attributes
    ----------
    group : object
        The group's label; None where there was no grouping.
    causes : tuple of int
        The codes of the causes in the data, K of them.
    n : int
        Rows, not weighted.
    time : ndarray of shape (m,)
        Distinct times at which somebody has an event or is censored.
    n_risk, n_censor : ndarray of shape (m,)
        Weighted numbers: at risk just before, leaving without an event at each time.
    n_event, incidence, std_err, lower, upper : ndarray of shape (m, K)
        By cause: weighted number of events; probability of having had the event just after the time, its
        standard error and limits (NaN where they do not exist: where the incidence is 0).
    survival, survival_std_err : ndarray of shape (m,)
        Probability of no event at all; with the incidences it sums to one.
    variance : {"jackknife", "aalen"}
        The infinitesimal jackknife, or Aalen's.
    warnings : tuple of str
        What has to be said beside the curves.
    """

    group: object
    causes: tuple[int, ...]
    n: int
    time: FloatArray
    n_risk: FloatArray
    n_event: FloatArray
    n_censor: FloatArray
    incidence: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    survival: FloatArray
    survival_std_err: FloatArray
    ci: str
    level: float
    variance: str
    warnings: tuple[str, ...]
    _place: dict[int, int] = field(repr=False)
    _entry: FloatArray = field(repr=False)  # sorted, and the weight of those who enter from there on
    _not_yet: FloatArray = field(repr=False)

    def incidence_at(self, times: ArrayLike, cause: int) -> FloatArray:
        """Cumulative incidence of `cause` at each of `times`; after the last time it stays as it is."""
        return self._step(self.incidence, times, cause)

    def std_err_at(self, times: ArrayLike, cause: int) -> FloatArray:
        """Its standard error at each of `times`."""
        return self._step(self.std_err, times, cause)

    def limits_at(self, times: ArrayLike, cause: int) -> tuple[FloatArray, FloatArray]:
        """Its limits at each of `times`; NaN where the incidence is still 0."""
        lower, upper = (self._step(curve, times, cause) for curve in (self.lower, self.upper))
        unknown = self.incidence_at(times, cause) == 0
        return np.where(unknown, np.nan, lower), np.where(unknown, np.nan, upper)

    def survival_at(self, times: ArrayLike) -> FloatArray:
        """Probability of no event at each of `times`."""
        place = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="right")
        return np.concatenate([[1.0], self.survival])[place]

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """One row per cause and asked time: at risk, events so far, incidence with its interval.

        Incidence is null beyond the last time while some are still without an event: nobody was seen there.
        """
        when = vector(np.atleast_1d(np.asarray(times)), "times")
        known = (when <= self.time[-1]) | (self.survival[-1] == 0)
        leaving = np.cumsum((self.n_event.sum(axis=1) + self.n_censor)[::-1])[::-1]
        still = np.append(leaving, 0.0)[np.searchsorted(self.time, when, side="left")]
        at_risk = still - self._not_yet[np.searchsorted(self._entry, when, side="left")]
        frames = []
        for name, j in self._place.items():
            events = np.concatenate([[0.0], np.cumsum(self.n_event[:, j])])
            lower, upper = self.limits_at(when, name)
            columns = {
                "incidence": self.incidence_at(when, name),
                "std_err": self.std_err_at(when, name),
                "lower": lower,
                "upper": upper,
            }
            frames.append(
                pl.DataFrame(
                    {
                        "cause": np.full(len(when), name),
                        "time": when,
                        "n_risk": at_risk,
                        "events_so_far": events[np.searchsorted(self.time, when, side="right")],
                        **{key: np.where(known, column, np.nan) for key, column in columns.items()},
                    }
                ).with_columns(pl.col(*columns).fill_nan(None))
            )
        return pl.concat(frames)

    def time_lost(self, tau: float, cause: int) -> float:
        """Area under the cumulative incidence of `cause` to `tau`: time lost to it, in units of time.

        Raises
        ------
        CodingError
            `tau` is below zero, or nobody had the cause.
        BeyondFollowUpError
            `tau` is after the last time, when some were still without an event.
        """
        if number(tau, "tau") < 0:
            raise CodingError("A time below zero", field="tau", remedy="Ask for a time after the start.")
        if tau > self.time[-1] and self.survival[-1] > 0:
            raise BeyondFollowUpError(
                "Nobody was followed that long",
                field="tau",
                remedy=f"The last follow-up ends at {self.time[-1]:g}; ask for a tau up to there.",
            )
        inside = self.time <= tau
        edges = np.concatenate([self.time[inside], [tau]])
        return float(np.diff(edges) @ self.incidence[inside, self._column(cause)])

    def to_frame(self) -> pl.DataFrame:
        """One row per cause and time; limits that do not exist are null."""
        m, k = self.incidence.shape
        frame = pl.DataFrame(
            {
                "cause": np.repeat(self.causes, m),
                "time": np.tile(self.time, k),
                "n_risk": np.tile(self.n_risk, k),
                "n_event": self.n_event.T.ravel(),
                "n_censor": np.tile(self.n_censor, k),
                "incidence": self.incidence.T.ravel(),
                "std_err": self.std_err.T.ravel(),
                "lower": self.lower.T.ravel(),
                "upper": self.upper.T.ravel(),
            }
        )
        return frame.with_columns(pl.col("lower", "upper").fill_nan(None), variance=pl.lit(self.variance))

    def _column(self, cause: int) -> int:
        if cause not in self._place:
            known = ", ".join(str(known) for known in self.causes)
            raise CodingError("No such cause", field="cause", remedy=f"Use one of {known}.")
        return self._place[cause]

    def _step(self, curve: FloatArray, times: ArrayLike, cause: int) -> FloatArray:
        place = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="right")
        return np.concatenate([[0.0], curve[:, self._column(cause)]])[place]


@dataclass(frozen=True)
class AalenJohansen:
    """Curves by group, in the order of their labels; `fit["label"]` is one of them."""

    curves: tuple[CumulativeIncidence, ...]

    def __getitem__(self, group: object) -> CumulativeIncidence:
        for curve in self.curves:
            if curve.group == group:
                return curve
        raise KeyError(group)

    def __iter__(self) -> Iterator[CumulativeIncidence]:
        return iter(self.curves)

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """One row per group, cause and asked time, see `CumulativeIncidence.at`."""
        return pl.concat(labelled(curve.group, curve.at(times)) for curve in self.curves)

    def to_frame(self) -> pl.DataFrame:
        """One row per group, cause and time."""
        return pl.concat(labelled(curve.group, curve.to_frame()) for curve in self.curves)


def aalen_johansen(
    time: ArrayLike,
    cause: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    group: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    variance: str = "jackknife",
    ci: str = "log",
    level: float = 0.95,
) -> AalenJohansen:
    """Cumulative incidence of each cause where the others compete with it.

    Parameters
    ----------
    time : array_like of shape (n,)
        End of observation, any unit, not negative. One censored at a time of an event is at risk of it.
    cause : array_like of shape (n,)
        0 where censored, else the cause as a whole number.
    entry : array_like of shape (n,), optional
        Start of observation, below `time`. At risk at t means entry < t <= time. The curve is from the
        first time on at which anybody is at risk; look at the numbers at risk.
    weights : array_like of shape (n,), optional
        Case weights above zero.
    group : array_like of shape (n,), optional
        Labels; curves for each.
    cluster : array_like of shape (n,), optional
        Labels of rows that belong to one person or pair.
    variance : {"jackknife", "aalen"}
        The infinitesimal jackknife, which is right with weights and clusters too, as `survfit` of R has it;
        or Aalen's with a correction for ties, as `cmprsk::cuminc` has it: for neither weights nor clusters.
        They differ by about one per cent.
    ci : {"log", "log-log", "plain"}
        Scale of the incidence on which the interval is symmetric.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    AalenJohansen

    Raises
    ------
    NoEventsError
        Everybody is censored.
    CodingError
        Causes that are not whole numbers, an unknown option, or Aalen's variance with weights or clusters.
    ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be.

    References
    ----------
    Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on censored
    observations. Scand J Stat 1978;5:141-150.
    Aalen O. Nonparametric estimation of partial transition probabilities in multiple decrement models. Ann
    Stat 1978;6:534-545.
    """
    choice(ci, "ci", INTERVALS)
    choice(variance, "variance", VARIANCES)
    confidence(level)
    if variance == "aalen" and (weights is not None or cluster is not None):
        raise CodingError(
            "Aalen's variance is for people who count one each",
            field="variance",
            remedy="Use the jackknife with weights and clusters.",
        )
    stop, start = follow_up(time, entry)
    n = len(stop)
    of = causes(cause, "cause", n)
    w = positive_weights(weights, n)
    member, labels = codes(group, "group", n)
    clusters = clusters_of(cluster, n)
    begin = np.full(n, -1.0) if start is None else start
    order = np.lexsort((row_hash(w, begin), of.code, stop))  # one order of summing
    curves = []
    for code, label in enumerate(labels.tolist()):
        rows = order[member[order] == code]
        curves.append(
            _curves(
                None if group is None else label,
                _People(stop[rows], of.code[rows], begin[rows], w[rows], clusters[rows]),
                of.labels,
                variance,
                ci,
                level,
            )
        )
    return AalenJohansen(tuple(curves))


def influence_at(
    curve: CumulativeIncidence,
    time: FloatArray,
    cause: IntArray,
    entry: FloatArray | None,
    weights: FloatArray | None,
    *,
    of: int,
    at: float,
) -> FloatArray:
    """How much each row of a curve's own data moves its incidence of a cause at one time (n,), weighted.

    Parameters
    ----------
    curve : CumulativeIncidence
        Made of the rows that follow.
    time, cause, entry, weights : ndarray of shape (n,)
    of : int
        The cause.
    at : float
        Before the first time of the curve nobody moves anything.
    """
    until = int(np.searchsorted(curve.time, at, side="right")) - 1
    if until < 0:
        return np.zeros(len(time))
    j = curve._column(of)
    begin = np.full(len(time), -1.0) if entry is None else entry
    return incidence_influence(
        np.searchsorted(curve.time, time).astype(np.int64),
        np.searchsorted(curve.time, begin, side="right").astype(np.int64),
        cause == of,
        cause > 0,
        np.ones(len(time)) if weights is None else weights,
        curve.n_risk,
        curve.n_event.sum(axis=1),
        curve.n_event[:, j],
        curve.incidence[:, j],
        curve.survival,
        until,
    )


@dataclass(frozen=True)
class _People:
    time: FloatArray
    code: IntArray
    entry: FloatArray  # -1 where observed from the start
    weights: FloatArray
    cluster: IntArray


def _curves(
    label: object, people: _People, names: tuple[int, ...], variance: str, ci: str, level: float
) -> CumulativeIncidence:
    distinct, place = np.unique(people.time, return_inverse=True)
    m, k = len(distinct), len(names)
    n_event = np.column_stack(
        [count_by(place, people.weights * (people.code == j), m) for j in range(1, k + 1)]
    )
    n_censor = count_by(place, people.weights * (people.code == 0), m)
    first = np.searchsorted(distinct, people.entry, side="right")  # first time each row is at risk
    leaving = n_event.sum(axis=1) + n_censor
    n_risk = np.cumsum(leaving[::-1])[::-1]
    n_risk = n_risk - np.append(np.cumsum(count_by(first, people.weights, m)[::-1])[::-1][1:], 0.0)

    total = n_event.sum(axis=1)
    everybody = total >= n_risk * (1 - 1e-12)  # weights add up to the same only up to rounding
    n_risk = np.where(everybody, total, n_risk)
    survival = np.asarray(np.cumprod(np.where(everybody, 0.0, 1 - total / n_risk)), dtype=np.float64)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before[:, None] * n_event / n_risk[:, None], axis=0)

    if variance == "aalen":
        std_err = np.column_stack(
            [_aalen_std_err(n_event[:, j], total, n_risk, incidence[:, j], survival) for j in range(k)]
        )
        survival_std_err = _aalen_std_err(total, total, n_risk, 1 - survival, survival)
    else:
        std_err, survival_std_err = state_std_err(
            place, first, people.code, people.weights, people.cluster, n_risk, n_event, incidence, survival
        )
    lower, upper = _limits(incidence, std_err, ci, level)
    late = np.lexsort((people.weights, people.entry))
    return CumulativeIncidence(
        group=label,
        causes=names,
        n=len(people.time),
        time=distinct,
        n_risk=n_risk,
        n_event=n_event,
        n_censor=n_censor,
        incidence=incidence,
        std_err=std_err,
        lower=lower,
        upper=upper,
        survival=survival,
        survival_std_err=survival_std_err,
        ci=ci,
        level=level,
        variance=variance,
        warnings=_warnings(survival, first),
        _place={name: j for j, name in enumerate(names)},
        _entry=people.entry[late],
        _not_yet=np.append(np.cumsum(people.weights[late][::-1])[::-1], 0.0),
    )


def _warnings(survival: FloatArray, first: IntArray) -> tuple[str, ...]:
    """Whether some are first at risk after everybody at risk before them had an event."""
    ends = np.flatnonzero(survival == 0)
    late = int(np.count_nonzero(first > ends[0])) if len(ends) else 0
    if late == 0:
        return ()
    return (
        f"Everybody under observation had an event before {late} others entered, who count for nothing: "
        "begin later, where enough are under observation.",
    )


def _aalen_std_err(
    own: FloatArray, total: FloatArray, n_risk: FloatArray, incidence: FloatArray, survival: FloatArray
) -> FloatArray:
    """Aalen's variance of one incidence, with the tie correction (Y - d)/(Y - 1) for each kind of event.

    The variance at t is the sum over u <= t of {a(u) - F(t) b(u)}² times the variance of the increment,
    where b = 1/S(u) and a = F(u)/S(u), plus 1 for the cause's own events.
    """
    before = np.concatenate([[1.0], survival[:-1]])
    alive = survival > 0
    inverse = np.divide(1.0, survival, out=np.zeros_like(survival), where=alive)
    var_sum, cross_sum, square_sum = (np.zeros(len(own)) for _ in range(3))
    for count, is_own in ((total - own, 0.0), (own, 1.0)):
        tie = np.where(count > 1, 1 - (count - 1) / np.maximum(n_risk - 1, 1), 1.0)
        spread = before**2 * tie * count / n_risk**2 * (alive | (is_own == 1.0))
        slope = is_own + incidence * inverse
        var_sum += slope**2 * spread
        cross_sum += slope * inverse * spread
        square_sum += inverse**2 * spread
    variance = (
        np.cumsum(var_sum) - 2 * incidence * np.cumsum(cross_sum) + incidence**2 * np.cumsum(square_sum)
    )
    return np.sqrt(np.maximum(variance, 0.0))


def _limits(
    incidence: FloatArray, std_err: FloatArray, ci: str, level: float
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper limits of a probability; NaN where it is 0 (log-log: or 1)."""
    z = normal_quantile(level)
    known = (incidence > 0) & ((incidence < 1 - 1e-12) | (ci != "log-log"))
    f, error = np.where(known, incidence, np.nan), np.where(known, std_err, np.nan)
    if ci == "plain":
        return np.maximum(f - z * error, 0.0), np.minimum(f + z * error, 1.0)
    if ci == "log":
        return f * np.exp(-z * error / f), np.minimum(f * np.exp(z * error / f), 1.0)
    log = np.log(f)
    half = z * error / (f * log)
    return np.exp(log * np.exp(-half)), np.exp(log * np.exp(half))
