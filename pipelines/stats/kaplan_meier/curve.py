"""A survival curve and what is read off it: quantiles, numbers at risk, survival at given times, areas."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import TIME_TOLERANCE, FloatArray, confidence, vector
from ..errors import BeyondFollowUpError, CodingError, NonFiniteError


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
    start : float
        The curve is survival given that one is alive and under observation after this time; mostly 0.
    warnings : tuple of str
        What has to be said beside the curve.
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
    start: float = 0.0
    warnings: tuple[str, ...] = ()

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
        return _step(self.time, self.survival, 1.0, self._moments(times))

    def n_at_risk(self, times: ArrayLike) -> FloatArray:
        """Weighted number still at risk just before each of `times` (those who leave then included).
        At risk at t means entry < t <= time, so with delayed entry nobody is at risk at 0.
        """
        at = self._moments(times)
        leaving = np.cumsum((self.n_event + self.n_censor)[::-1])[::-1]
        still = np.append(leaving, 0.0)[np.searchsorted(self.time, at, side="left")]
        present: FloatArray = still - self._not_yet[np.searchsorted(self._entry, at, side="left")]
        return present

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """One row per asked time: numbers at risk, dead and censored so far, survival with its interval.

        Survival is null before `start`, and beyond the last time unless the curve has come down to 0: nobody
        was seen there. The interval is null where it does not exist.
        """
        asked = vector(np.atleast_1d(np.asarray(times)), "times")
        at = self._moments(asked)
        known = (at >= self.start) & ((at <= self.time[-1]) | (self.survival[-1] == 0))
        columns = {
            "survival": _step(self.time, self.survival, 1.0, at),
            "std_err": _step(self.time, self.survival_std_err, 0.0, at),
            "lower": _step(self.time, self.lower, np.nan, at),
            "upper": _step(self.time, self.upper, np.nan, at),
        }
        frame = pl.DataFrame(
            {
                "time": asked,
                "n_risk": self.n_at_risk(at),
                "events_so_far": _step(self.time, np.cumsum(self.n_event), 0.0, at),
                "censored_so_far": _step(self.time, np.cumsum(self.n_censor), 0.0, at),
                **{name: np.where(known, values, np.nan) for name, values in columns.items()},
            }
        )
        return frame.with_columns(pl.col(*columns).fill_nan(None))

    def _moments(self, times: ArrayLike) -> FloatArray:
        """Times asked about, of any shape; one that a subtraction left beside a time of the curve is that time.

        NaN is refused: it would sort behind the end of the curve.
        """
        at = np.asarray(times, dtype=np.float64)
        missing = int(np.count_nonzero(np.isnan(at)))
        if missing:
            raise NonFiniteError("Missing times", field="times", count=missing, remedy="Leave them out.")
        tolerance = TIME_TOLERANCE * max(1.0, float(self.time[-1]))
        next_one = np.searchsorted(self.time, at - tolerance)
        nearest = self.time[np.minimum(next_one, len(self.time) - 1)]
        return np.where(np.abs(nearest - at) <= tolerance, nearest, at)

    def restricted_mean(self, tau: float | None = None, *, extend: bool = False) -> tuple[float, float]:
        """Area under the curve from `start` to `tau` and its Greenwood standard error.

        Parameters
        ----------
        tau : float, optional
            Default: the last time of the curve.
        extend : bool
            Let the curve run on at its last value where `tau` lies beyond it, as R's `survfit` does.

        Raises
        ------
        BeyondFollowUpError
            `tau` lies beyond the last time of a curve that has not come down to 0.
        CodingError
            The curve has a robust variance, from which this standard error cannot be had: use
            `restricted_mean.restricted_mean_survival`.
        """
        if self.robust:
            raise CodingError(
                "A curve with robust variance has no Greenwood error of its area",
                field="robust",
                remedy="Use restricted_mean_survival, which knows each person's influence.",
            )
        end = float(self.time[-1]) if tau is None else tau
        if not extend:
            require_follow_up(self, end)
        area, after = areas(self, end)
        inside = self.time <= end
        deaths, risk = self.n_event[inside], self.n_risk[inside]
        alive = risk - deaths
        share = np.divide(deaths, risk * alive, out=np.zeros_like(deaths), where=alive > 0)
        return area, float(np.sqrt(np.sum(after**2 * share)))

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

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """One row per group and asked time: the table under a figure, see `KaplanMeierCurve.at`."""
        return pl.concat(labelled(curve.group, curve.at(times)) for curve in self.curves)

    def to_frame(self) -> pl.DataFrame:
        """One row per group and time."""
        return pl.concat(labelled(curve.group, curve.to_frame()) for curve in self.curves)


def labelled(group: object, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of one curve with its group's label as first column; null where there was no grouping."""
    label = None if group is None else str(group)
    return frame.insert_column(0, pl.Series("group", [label] * frame.height, dtype=pl.String))


def require_follow_up(curve: KaplanMeierCurve, tau: float) -> None:
    """Refuse a horizon before the curve begins, or after its last time while somebody is still alive."""
    horizon = vector(np.atleast_1d(np.asarray(tau)), "tau", 1)[0]
    if horizon <= curve.start:
        raise CodingError(
            "A horizon at or before the start of the curve", field="tau", remedy="Give a later, finite time."
        )
    if tau > curve.time[-1] and curve.survival[-1] > 0:
        where = "" if curve.group is None else f" of group {curve.group!r}"
        raise BeyondFollowUpError(
            f"Nobody{where} was followed to the horizon",
            field="tau",
            remedy="Take an earlier tau, at most the last time of every curve that has not come down to 0.",
        )


def areas(curve: KaplanMeierCurve, end: float) -> tuple[float, FloatArray]:
    """Area under the curve from its start to `end`, and from each of its times up to `end` on."""
    inside = curve.time <= end
    edges = np.concatenate([[curve.start], curve.time[inside], [end]])
    pieces = np.diff(edges) * np.concatenate([[1.0], curve.survival[inside]])
    return float(pieces.sum()), np.cumsum(pieces[::-1])[::-1][1:]


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


def _step(time: FloatArray, values: FloatArray, before: float, at: FloatArray) -> FloatArray:
    place = np.searchsorted(time, at, side="right")
    return np.concatenate([[before], values])[place]
