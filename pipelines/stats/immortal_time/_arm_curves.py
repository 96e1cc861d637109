"""Weighted survival curves of the two arms and their differences, with the variance by person.

A person is in both arms (as two clones) and in many rows, so the variance sums her influence over all of
them before squaring. Weights count as known, which for weights that were estimated errs on the wide side.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from .._inputs import FloatArray, confidence
from .._linear_algebra import normal_quantile
from ._person_time import PersonTime

DIFFERENCES = ("risk_difference", "rmst_difference")


@dataclass(frozen=True)
class ArmCurve:
    """Weighted Kaplan-Meier curve of one arm, at its m distinct times of death.

    Attributes
    ----------
    operated : bool
        The arm.
    time, survival, n_risk, n_event : ndarray of shape (m,)
        Survival just after each time; weighted numbers at risk just before and dying at it.
    last : float
        End of the arm's follow-up.
    """

    operated: bool
    time: FloatArray
    survival: FloatArray
    n_risk: FloatArray
    n_event: FloatArray
    last: float
    _rows: PersonTime = field(repr=False)

    def survival_at(self, at: float) -> float:
        """Survival at `at`."""
        place = int(np.searchsorted(self.time, at, side="right"))
        return float(self.survival[place - 1]) if place else 1.0

    def restricted_mean(self, tau: float) -> float:
        """Area under the curve to `tau`."""
        return float(self._area_beyond(np.zeros(1), tau)[0])

    def survival_influence(self, at: float, n_people: int) -> FloatArray:
        """Each person's influence on survival at `at` (n_people,)."""
        return -self.survival_at(at) * self._summed(np.where(self.time <= at, 1.0, 0.0), n_people)

    def restricted_mean_influence(self, tau: float, n_people: int) -> FloatArray:
        """Each person's influence on the area to `tau` (n_people,)."""
        return -self._summed(self._area_beyond(self.time, tau), n_people)

    def to_frame(self) -> pl.DataFrame:
        """One row per time of death."""
        columns = {name: getattr(self, name) for name in ("time", "n_risk", "n_event", "survival")}
        return pl.DataFrame(columns).insert_column(0, pl.Series("operated", [self.operated] * len(self.time)))

    def _area_beyond(self, start: FloatArray, tau: float) -> FloatArray:
        """Area under the curve from each of `start` to `tau`; 0 where that is earlier."""
        edges = np.concatenate([[0.0], self.time])
        heights = np.concatenate([[1.0], self.survival])
        area = np.concatenate([[0.0], np.cumsum(np.diff(edges) * heights[:-1])])

        def to(at: FloatArray) -> FloatArray:
            k = np.searchsorted(edges, at, side="right") - 1
            total: FloatArray = area[k] + (at - edges[k]) * heights[k]
            return total

        return to(np.full(len(start), tau)) - to(np.minimum(start, tau))

    def _summed(self, factor: FloatArray, n_people: int) -> FloatArray:
        """Sum by person the martingale of each row, each time's share multiplied by `factor` (m,)."""
        rows, left = self._rows, self.n_risk - self.n_event
        alive = left > 1e-12 * self.n_risk
        per_death = np.divide(factor, left, out=np.zeros_like(left), where=alive)
        expected = np.append(0.0, np.cumsum(per_death * self.n_event / self.n_risk))
        place = np.searchsorted(self.time, rows.stop, side="left")
        residual = -(
            expected[np.searchsorted(self.time, rows.stop, side="right")]
            - expected[np.searchsorted(self.time, rows.start, side="right")]
        )
        residual[rows.died] += per_death[place[rows.died]]
        total = np.bincount(rows.person, rows.weight * residual, minlength=n_people)
        return total.astype(np.float64)


def contrast(curves: tuple[ArmCurve, ArmCurve], measure: str, at: float) -> float:
    """One of `DIFFERENCES` at a time, operated minus not."""
    unoperated, operated = curves
    if measure == "risk_difference":
        return unoperated.survival_at(at) - operated.survival_at(at)
    return operated.restricted_mean(at) - unoperated.restricted_mean(at)


def contrast_std_err(curves: tuple[ArmCurve, ArmCurve], measure: str, at: float, n_people: int) -> float:
    """Standard error of `contrast`, by person."""
    if measure == "risk_difference":
        unoperated, operated = (curve.survival_influence(at, n_people) for curve in curves)
    else:
        unoperated, operated = (curve.restricted_mean_influence(at, n_people) for curve in curves)
    difference = np.sort(operated - unoperated)  # sorted, so that the order of rows changes nothing
    return float(np.sqrt(difference @ difference))


def survival_table(curve: ArmCurve, times: tuple[float, ...], n_people: int, level: float) -> pl.DataFrame:
    """Survival of one arm at `times`, with the standard error by person and a log-log interval."""
    survival = np.array([curve.survival_at(at) for at in times])
    influence = [np.sort(curve.survival_influence(at, n_people)) for at in times]
    std_err = np.array([np.sqrt(person @ person) for person in influence])
    inner = (survival > 0) & (survival < 1)
    log = np.log(np.where(inner, survival, 0.5))
    half = normal_quantile(confidence(level)) * std_err / np.where(inner, survival, 1.0) / log
    frame = pl.DataFrame(
        {
            "operated": np.full(len(times), curve.operated),
            "time": np.array(times, dtype=np.float64),
            "survival": survival,
            "std_err": std_err,
            "ci_low": np.where(inner, np.exp(log * np.exp(-half)), np.nan),
            "ci_high": np.where(inner, np.exp(log * np.exp(half)), np.nan),
            "ci_level": np.full(len(times), level),
        }
    )
    return frame.with_columns(pl.col("ci_low", "ci_high").fill_nan(None))


def arm_curve(rows: PersonTime, operated: bool) -> ArmCurve:
    """Weighted Kaplan-Meier curve of the rows of one arm.

    References
    ----------
    Xie J, Liu C. Adjusted Kaplan-Meier estimator and log-rank test with inverse probability of treatment
    weighting for survival data. Stat Med 2005;24:3089-3110.
    """
    own = np.flatnonzero(rows.operated == operated)
    own = own[np.lexsort((rows.weight[own], rows.start[own], rows.stop[own]))]
    arm = PersonTime(*(getattr(rows, name)[own] for name in rows.__dataclass_fields__))
    time, place = np.unique(arm.stop[arm.died], return_inverse=True)
    n_event = np.bincount(place, arm.weight[arm.died], minlength=len(time)).astype(np.float64)
    leaving = np.append(np.cumsum(arm.weight[::-1])[::-1], 0.0)
    late = np.lexsort((arm.weight, arm.stop, arm.start))
    not_yet = np.append(np.cumsum(arm.weight[late][::-1])[::-1], 0.0)
    n_risk = (
        leaving[np.searchsorted(arm.stop, time, side="left")]
        - not_yet[np.searchsorted(arm.start[late], time, side="left")]
    )
    survival = np.cumprod(np.maximum(1 - n_event / n_risk, 0.0))
    last = float(arm.stop.max()) if len(own) else 0.0
    return ArmCurve(operated, time, survival, n_risk, n_event, last, arm)
