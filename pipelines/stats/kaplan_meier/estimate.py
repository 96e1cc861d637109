"""Kaplan-Meier curves: weights, delayed entry, groups, four kinds of interval, quantiles as R gives them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    TIME_TOLERANCE,
    BoolArray,
    FloatArray,
    IntArray,
    choice,
    codes,
    confidence,
    flags,
    follow_up,
    positive_weights,
)
from .._linear_algebra import normal_quantile

INTERVALS = ("log-log", "log", "plain", "logit")


@dataclass(frozen=True)
class Quantile:
    """A survival time quantile with its interval; None where the curve does not come down so far."""

    group: object
    estimate: float | None
    lower: float | None
    upper: float | None
    level: float


@dataclass(frozen=True)
class KaplanMeierCurve:
    """One curve.

    Attributes
    ----------
    group : object
        The group's label; None where there was no grouping.
    n, events : float
        People and events, not weighted.
    time : ndarray of shape (m,)
        Distinct times at which somebody dies or is censored.
    n_risk, n_event, n_censor : ndarray of shape (m,)
        Weighted numbers: at risk just before, dying at, leaving alive at each time.
    survival : ndarray of shape (m,)
        Just after each time.
    std_err : ndarray of shape (m,)
        Standard error of log survival (Greenwood, or infinitesimal jackknife where `robust`); infinite
        where survival is 0. `survival_std_err` is that of survival.
    lower, upper : ndarray of shape (m,)
        Limits; NaN where they do not exist, which is where survival is 0, and for log-log and logit where
        it is still 1 (R's NA; null in the frame).
    """

    group: object
    n: int
    events: int
    time: FloatArray
    n_risk: FloatArray
    n_event: FloatArray
    n_censor: FloatArray
    survival: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    ci: str
    level: float
    robust: bool
    _entry: FloatArray = field(repr=False)  # sorted, and the weight of those who enter from there on
    _not_yet: FloatArray = field(repr=False)

    @property
    def survival_std_err(self) -> FloatArray:
        """Standard error of survival itself (m,); 0 where survival is 0."""
        return np.where(
            self.survival > 0, self.survival * np.where(self.survival > 0, self.std_err, 0.0), 0.0
        )

    def quantile(self, share_dead: float) -> Quantile:
        """Time by which `share_dead` have died; on a flat piece of the curve at that height, its midpoint.

        The limits are the times at which the limits of the curve come to the same height.
        """
        height = 1 - confidence(share_dead)
        estimate, lower, upper = (
            _crossing(self.time, curve, height) for curve in (self.survival, self.lower, self.upper)
        )
        return Quantile(self.group, estimate, lower, upper, self.level)

    def median(self) -> Quantile:
        """Median survival time with its interval."""
        return self.quantile(0.5)

    def survival_at(self, times: ArrayLike) -> FloatArray:
        """Survival at each of `times`; beyond the last time the curve stays at its last value."""
        return _step(self.time, self.survival, 1.0, times)

    def n_at_risk(self, times: ArrayLike) -> FloatArray:
        """Weighted number still at risk just before each of `times` (those who leave then included).
        At risk at t means entry < t <= time, so with delayed entry nobody is at risk at 0.
        """
        at = np.asarray(times, dtype=np.float64)
        leaving = np.cumsum((self.n_event + self.n_censor)[::-1])[::-1]
        still = np.append(leaving, 0.0)[np.searchsorted(self.time, at, side="left")]
        present: FloatArray = still - self._not_yet[np.searchsorted(self._entry, at, side="left")]
        return present

    def restricted_mean(self, tau: float | None = None) -> tuple[float, float]:
        """Area under the curve to `tau` (default: its last time) and its Greenwood standard error."""
        end = float(self.time[-1]) if tau is None else tau
        inside = self.time <= end
        edges = np.concatenate([[0.0], self.time[inside], [end]])
        heights = np.concatenate([[1.0], self.survival[inside]])
        areas = np.diff(edges) * heights
        after = np.cumsum(areas[::-1])[::-1][1:]
        deaths, risk = self.n_event[inside], self.n_risk[inside]
        alive = risk - deaths
        share = np.divide(deaths, risk * alive, out=np.zeros_like(deaths), where=alive > 0)
        return float(areas.sum()), float(np.sqrt(np.sum(after**2 * share)))

    def to_frame(self) -> pl.DataFrame:
        """One row per time; limits that do not exist are null."""
        frame = pl.DataFrame(
            {
                "time": self.time,
                "n_risk": self.n_risk,
                "n_event": self.n_event,
                "n_censor": self.n_censor,
                "survival": self.survival,
                "std_err": self.std_err,
                "lower": self.lower,
                "upper": self.upper,
            }
        )
        return frame.with_columns(pl.col("lower", "upper").fill_nan(None))


@dataclass(frozen=True)
class KaplanMeier:
    """Curves by group, in the order of their labels; `fit["label"]` is one of them."""

    curves: tuple[KaplanMeierCurve, ...]

    def __getitem__(self, group: object) -> KaplanMeierCurve:
        for curve in self.curves:
            if curve.group == group:
                return curve
        raise KeyError(group)

    def __iter__(self) -> Iterator[KaplanMeierCurve]:
        return iter(self.curves)

    def median(self) -> tuple[Quantile, ...]:
        """Median survival time of each group."""
        return tuple(curve.median() for curve in self.curves)

    def survival_at(self, times: ArrayLike) -> FloatArray:
        """Survival by group (rows) at each of `times` (columns)."""
        return np.array([curve.survival_at(times) for curve in self.curves])

    def n_at_risk(self, times: ArrayLike) -> FloatArray:
        """Numbers at risk by group (rows) at each of `times` (columns)."""
        return np.array([curve.n_at_risk(times) for curve in self.curves])

    def to_frame(self) -> pl.DataFrame:
        """One row per group and time."""
        return pl.concat(
            curve.to_frame().insert_column(0, pl.Series("group", [_plain(curve.group)] * len(curve.time)))
            for curve in self.curves
        )


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    group: ArrayLike | None = None,
    ci: str = "log-log",
    level: float = 0.95,
    robust: bool = False,
    cluster: ArrayLike | None = None,
) -> KaplanMeier:
    """Kaplan-Meier survival curves.

    Parameters
    ----------
    time : array_like of shape (n,)
        End of observation, any unit, not negative. One censored at a time of death is at risk of it.
    event : array_like of shape (n,)
        1 or True for an event, 0 for censored.
    entry : array_like of shape (n,), optional
        Start of observation, below `time`. At risk at t means entry < t <= time.
    weights : array_like of shape (n,), optional
        Case weights above zero.
    group : array_like of shape (n,), optional
        Labels; a curve each.
    ci : {"log-log", "log", "plain", "logit"}
        Scale on which the interval is symmetric.
    level : float
        Confidence level.
    robust : bool
        Infinitesimal-jackknife variance instead of Greenwood's. Ask for it where weights are not counts
        (R then takes it by itself).
    cluster : array_like of shape (n,), optional
        Labels of rows that belong to one person or pair; makes the variance robust.

    Returns
    -------
    KaplanMeier

    Raises
    ------
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be.

    References
    ----------
    Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. JASA 1958;53:457-481.
    Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics 1982;38:29-41.
    """
    choice(ci, "ci", INTERVALS)
    confidence(level)
    stop, start = follow_up(time, entry)
    n = len(stop)
    died, w = flags(event, "event", n), positive_weights(weights, n)
    membership, labels = codes(group, "group", n)
    clusters = None
    if robust or cluster is not None:
        clusters = np.arange(n) if cluster is None else codes(cluster, "cluster", n)[0]
    curves = []
    for number, label in enumerate(labels.tolist()):
        own = membership == number
        curves.append(
            _curve(
                None if group is None else label,
                stop[own],
                died[own],
                None if start is None else start[own],
                w[own],
                None if clusters is None else clusters[own],
                ci,
                level,
            )
        )
    return KaplanMeier(tuple(curves))


def naive_median(time: ArrayLike) -> float:
    """Median of the observed times, dead or censored: NOT a survival time.

    Some papers print it as "median survival". It is here so that it can be named beside the Kaplan-Meier
    median; it falls with the length of follow-up.
    """
    return float(np.median(follow_up(time, None)[0]))


def median_follow_up(time: ArrayLike, event: ArrayLike) -> float | None:
    """Median potential follow-up by reverse Kaplan-Meier; None where fewer than half are censored.

    Censoring is the event. People who die at a time leave before those censored at that time, which
    matters where times are whole months.

    References
    ----------
    Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin Trials
    1996;17:343-346.
    """
    stop, _ = follow_up(time, None)
    died = flags(event, "event", len(stop))
    distinct, place = np.unique(stop, return_inverse=True)
    leaving = np.bincount(place, minlength=len(distinct)).astype(np.float64)
    dead = np.bincount(place, died, minlength=len(distinct))
    at_risk = np.cumsum(leaving[::-1])[::-1] - dead
    censored = leaving - dead
    share = np.divide(censored, at_risk, out=np.zeros_like(censored), where=at_risk > 0)
    return _crossing(distinct, np.cumprod(1 - share), 0.5)


def _curve(
    label: object,
    time: FloatArray,
    died: BoolArray,
    entry: FloatArray | None,
    weights: FloatArray,
    clusters: IntArray | None,
    ci: str,
    level: float,
) -> KaplanMeierCurve:
    order = np.lexsort((weights, ~died, time))  # one order of summing, whatever the order of the rows
    time, died, weights = time[order], died[order], weights[order]
    entry = None if entry is None else entry[order]
    distinct, place = np.unique(time, return_inverse=True)
    n_event = _count(place, weights * died, len(distinct))
    n_leaving = _count(place, weights, len(distinct))
    n_risk = np.cumsum(n_leaving[::-1])[::-1]
    entering, not_yet = np.zeros(0), np.zeros(1)
    if entry is not None:
        late = np.lexsort((weights, entry))
        entering, not_yet = entry[late], np.append(np.cumsum(weights[late][::-1])[::-1], 0.0)
        n_risk = n_risk - not_yet[np.searchsorted(entering, distinct, side="left")]
    everybody = n_event >= n_risk * (1 - 1e-12)  # weights add up to the same only up to rounding
    survival = np.asarray(np.cumprod(np.where(everybody, 0.0, 1 - n_event / n_risk)), dtype=np.float64)
    if clusters is None:
        left = n_risk - n_event
        greenwood = np.divide(n_event, n_risk * left, out=np.full_like(left, np.inf), where=survival > 0)
        std_err = np.sqrt(np.cumsum(greenwood))
    else:
        error = _jackknife(time, died, entry, weights, clusters[order], distinct, n_risk, n_event)
        std_err = np.divide(error, survival, out=np.full_like(error, np.inf), where=survival > 0)
    lower, upper = _limits(survival, std_err, ci, level)
    return KaplanMeierCurve(
        group=label,
        n=len(time),
        events=int(np.count_nonzero(died)),
        time=distinct,
        n_risk=n_risk,
        n_event=n_event,
        n_censor=_count(place, weights * ~died, len(distinct)),
        survival=survival,
        std_err=std_err,
        lower=lower,
        upper=upper,
        ci=ci,
        level=level,
        robust=clusters is not None,
        _entry=entering,
        _not_yet=not_yet,
    )


def _jackknife(
    time: FloatArray,
    died: BoolArray,
    entry: FloatArray | None,
    weights: FloatArray,
    clusters: IntArray,
    distinct: FloatArray,
    n_risk: FloatArray,
    n_event: FloatArray,
) -> FloatArray:
    """Standard error of survival: influence of each cluster on S(t), carried from one time to the next.

    S(t) = S(t-)(1 - N/Y), so a person's influence U(t) = U(t-)(1 - N/Y) - S(t-)(own N - own Y·N/Y)/Y.
    """
    members = np.unique(clusters, return_inverse=True)[1]
    influence = np.zeros(int(members.max()) + 1)
    result, survival = np.zeros(len(distinct)), 1.0
    for k, t in enumerate(distinct):
        if n_event[k] > 0:
            share = n_event[k] / n_risk[k]
            present = time >= t if entry is None else (time >= t) & (entry < t)
            dying = (time == t) & died
            own = np.bincount(members, weights * (dying - present * share), minlength=len(influence))
            influence = influence * (1 - share) - survival * own / n_risk[k]
            survival *= 1 - share
        result[k] = np.sqrt(influence @ influence)
    return result


def _limits(
    survival: FloatArray, std_err: FloatArray, ci: str, level: float
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper limits; `std_err` is that of log survival."""
    z = normal_quantile(level)
    if ci == "plain":
        half = z * np.where(survival > 0, std_err, 0.0) * survival
        return np.maximum(survival - half, 0.0), np.minimum(survival + half, 1.0)
    defined = (survival > 0) if ci == "log" else (survival > 0) & (survival < 1)
    s = np.where(defined, survival, np.nan)
    half = z * np.where(defined, std_err, np.nan)
    if ci == "log":
        return s * np.exp(-half), np.minimum(s * np.exp(half), 1.0)
    if ci == "log-log":
        log = np.log(s)
        return np.exp(log * np.exp(-half / log)), np.exp(log * np.exp(half / log))
    odds, half = s / (1 - s), half / (1 - s)
    return 1 - 1 / (1 + odds * np.exp(-half)), 1 - 1 / (1 + odds * np.exp(half))


def _crossing(time: FloatArray, curve: FloatArray, height: float) -> float | None:
    """First time the curve is at or below `height`; the middle of the flat piece where it stays on it."""
    known = ~np.isnan(curve)
    time, curve = time[known], curve[known]
    reached = np.flatnonzero(curve <= height + TIME_TOLERANCE)
    if len(reached) == 0:
        return None
    first = float(time[reached[0]])
    if curve[reached[0]] < height - TIME_TOLERANCE:
        return first
    below = np.flatnonzero(curve < height - TIME_TOLERANCE)
    return (first + float(time[below[0]] if len(below) else time[-1])) / 2


def _step(time: FloatArray, values: FloatArray, before: float, at: ArrayLike) -> FloatArray:
    place = np.searchsorted(time, np.asarray(at, dtype=np.float64), side="right")
    return np.concatenate([[before], values])[place]


def _count(place: IntArray, weights: FloatArray, size: int) -> FloatArray:
    return np.asarray(np.bincount(place, weights, minlength=size), dtype=np.float64)


def _plain(label: object) -> str | None:
    return None if label is None else str(label)
