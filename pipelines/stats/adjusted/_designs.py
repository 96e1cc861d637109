"""From rows of people to a survival curve in each arm, by weights or by a model averaged over people.

The classes can be sent to worker processes: `Design(rows)` is what a bootstrap of the whole design repeats.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    choice,
    codes,
    flags,
    follow_up,
    matrix,
    row_hash,
    vector,
)
from ..competing_risks import CumulativeIncidence, aalen_johansen
from ..competing_risks._causes import causes
from ..cox import CoxFit, fit_cox
from ..cox.prediction import survival_curve
from ..errors import BeyondFollowUpError, CodingError, EmptyArmError, ShapeError
from ..kaplan_meier import kaplan_meier
from ..parametric import RoystonParmarFit, fit_royston_parmar
from ..parametric._design import quadrature
from ..propensity import fit_propensity
from ..weighting.weights import WEIGHT_ESTIMANDS, propensity_weights

METHODS = ("weighted", "g_computation", "unadjusted")
TARGETS = ("ATE", "ATT", "ATC")
MODELS = ("cox", "royston_parmar")
EFFECTS = ("by_arm", "proportional")
NO_ERROR = 1e-12  # a standard error that is zero but for rounding
BLOCK = 1 << 21  # numbers held at once while survival is averaged over people


@dataclass(frozen=True)
class People:
    """Checked data in an order that does not depend on that of the input."""

    time: FloatArray
    code: IntArray  # 0 censored, else the cause; 1 where there is one cause only
    treated: BoolArray
    covariates: FloatArray
    names: tuple[str, ...]
    entry: FloatArray | None
    units: IntArray | None

    @property
    def died(self) -> BoolArray:
        """Whether each row ends with an event of any kind."""
        return self.code > 0

    def of(self, rows: IntArray) -> "People":
        """Some of the people, with repeats."""
        return People(
            self.time[rows],
            self.code[rows],
            self.treated[rows],
            self.covariates[rows],
            self.names,
            None if self.entry is None else self.entry[rows],
            None,
        )


@dataclass(frozen=True)
class StepCurve:
    """A curve that changes at `time` only; `last` is how far anybody was followed."""

    time: FloatArray
    survival: FloatArray
    last: float

    def at(self, times: FloatArray) -> FloatArray:
        """Height at each of `times`."""
        self._require(times)
        return np.concatenate([[1.0], self.survival])[np.searchsorted(self.time, times, side="right")]

    def area(self, tau: float) -> float:
        """Area up to `tau`."""
        self._require(np.array([tau]))
        inside = self.time < tau
        edges = np.concatenate([[0.0], self.time[inside], [tau]])
        return float(np.diff(edges) @ np.concatenate([[1.0], self.survival[inside]]))

    def _require(self, times: FloatArray) -> None:
        if times.max() > self.last:
            raise BeyondFollowUpError(
                "Nobody of an arm was followed so long",
                field="times",
                remedy="Take earlier times, at most the last of both arms, or a parametric model.",
            )


@dataclass(frozen=True)
class CoxCurve:
    """Survival by a Cox model, averaged over people of `relative` hazard."""

    time: FloatArray
    hazard: FloatArray
    relative: FloatArray

    def at(self, times: FloatArray) -> FloatArray:
        """Mean survival at each of `times`."""
        place = np.searchsorted(self.time, times, side="right")
        return self._mean(np.concatenate([[0.0], self.hazard])[place], times)

    def area(self, tau: float) -> float:
        """Mean time lived up to `tau`."""
        jumps = np.flatnonzero(np.diff(self.hazard, prepend=0.0) > 0)
        when = self.time[jumps]
        inside = when < tau
        heights = self._mean(self.hazard[jumps][inside], np.array([tau]))
        edges = np.concatenate([[0.0], when[inside], [tau]])
        return float(np.diff(edges) @ np.concatenate([[1.0], heights]))

    def _mean(self, hazard: FloatArray, times: FloatArray) -> FloatArray:
        if times.max() > self.time[-1]:
            raise BeyondFollowUpError(
                "Nobody was followed so long",
                field="times",
                remedy="Take earlier times, at most the last of both arms, or a parametric model.",
            )
        # The mean is a smooth function of the hazard: exp(-c u), 0 <= u <= 1, is a polynomial of degree
        # about 6 sqrt(c) to 1e-15, so at many times it is interpolated (Chebyshev).
        top = float(hazard.max(initial=0.0))
        size = int(np.ceil(np.sqrt(40 * top * self.relative.max()))) + 30
        if len(hazard) <= 2 * size:
            return self._exact(hazard)
        angle = np.pi * (np.arange(size) + 0.5) / size
        values = self._exact((np.cos(angle) + 1) * top / 2)
        fitted = np.cos(np.outer(np.arange(size), angle)) @ values * 2 / size
        fitted[0] /= 2
        return np.asarray(chebyshev.chebval(2 * hazard / top - 1, fitted), dtype=np.float64)

    def _exact(self, hazard: FloatArray) -> FloatArray:
        rows = max(1, BLOCK // len(self.relative))
        parts = [
            np.exp(-np.outer(hazard[first : first + rows], self.relative)).mean(axis=1)
            for first in range(0, len(hazard), rows)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)


@dataclass(frozen=True)
class SmoothCurve:
    """Survival by a flexible parametric model, averaged over people of given covariates."""

    fit: RoystonParmarFit
    covariates: FloatArray

    def at(self, times: FloatArray) -> FloatArray:
        """Mean survival at each of `times`."""
        rows = max(1, BLOCK // len(times))
        total = np.zeros(len(times))
        for first in range(0, len(self.covariates), rows):
            total += self.fit.survival_matrix(self.covariates[first : first + rows], times).sum(axis=0)
        return total / len(self.covariates)

    def area(self, tau: float) -> float:
        """Mean time lived up to `tau`."""
        when, weight = quadrature(tau)
        return float(weight @ self.at(when))


Curve = StepCurve | CoxCurve | SmoothCurve


@dataclass(frozen=True)
class SurvivalDesign:
    """Curves of both arms and what is read off them, from the scores or models on."""

    people: People
    method: str
    estimand: str
    times: FloatArray
    taus: FloatArray
    truncate: tuple[float, float] | None
    propensity: str
    model: str
    effect: str
    df: int

    def __call__(self, rows: IntArray) -> FloatArray:
        """Survival in both arms, its difference and minus that; areas in both arms and their difference."""
        curves = self.curves(self.people.of(rows))
        heights = np.array([curve.at(self.times) for curve in curves])
        areas = np.array([[curve.area(tau) for tau in self.taus.tolist()] for curve in curves])
        gain = heights[1] - heights[0]
        return np.concatenate([heights.ravel(), gain, -gain, areas.ravel(), (areas[1] - areas[0]).ravel()])

    def curves(self, people: People) -> tuple[Curve, Curve]:
        """Curves of the control and the treated arm."""
        _require_arms(people.treated)
        if self.method == "g_computation":
            return standardised(people, self.estimand, self.model, self.effect, self.df)
        weights = None
        if self.method == "weighted":
            weights = arm_weights(people, self.estimand, self.truncate, self.propensity)
        fit = kaplan_meier(
            people.time,
            people.died,
            entry=people.entry,
            weights=weights,
            group=people.treated,
            robust=False,
        )
        control, treated = (
            StepCurve(
                curve.time,
                curve.survival,
                np.inf if curve.survival[-1] == 0 else float(curve.time[-1]),
            )
            for curve in (fit[False], fit[True])
        )
        return control, treated


@dataclass(frozen=True)
class IncidenceDesign:
    """Cumulative incidence of one cause in both arms, weighted or not."""

    people: People
    method: str
    estimand: str
    cause: int
    times: FloatArray
    truncate: tuple[float, float] | None
    propensity: str

    def __call__(self, rows: IntArray) -> FloatArray:
        """Incidence in both arms, and its difference."""
        people = self.people.of(rows)
        _require_arms(people.treated)
        weights = None
        if self.method == "weighted":
            weights = arm_weights(people, self.estimand, self.truncate, self.propensity)
        fit = aalen_johansen(
            people.time, people.code, entry=people.entry, weights=weights, group=people.treated
        )
        heights = []
        for arm in (False, True):
            curve = fit[arm]
            require_reached(curve, self.times)
            known = self.cause in curve.causes
            heights.append(curve.incidence_at(self.times, self.cause) if known else np.zeros(len(self.times)))
        return np.concatenate([*heights, heights[1] - heights[0]])


def require_reached(curve: CumulativeIncidence, times: FloatArray) -> None:
    """Refuse times to which nobody was followed, unless everybody has had an event."""
    last = np.inf if curve.survival[-1] == 0 else float(curve.time[-1])
    StepCurve(curve.time, curve.survival, last).at(times)


def people_of(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None,
    names: tuple[str, ...] | None,
    entry: ArrayLike | None,
    units: ArrayLike | None,
    competing: bool = False,
) -> People:
    """Check the data and sort them by what they are; where `competing`, `event` is the cause."""
    stop, start = follow_up(time, entry)
    n = len(stop)
    kinds = _causes(event, n) if competing else flags(event, "event", n).astype(np.int64)
    arm = flags(treated, "treated", n)
    _require_arms(arm)
    x, labels = (np.zeros((n, 0)), ()) if covariates is None else matrix(covariates, names, n)
    owner = None if units is None else codes(units, "units", n)[0]
    begin = np.zeros(n) if start is None else start
    order = np.lexsort((row_hash(stop, kinds.astype(np.float64), arm.astype(np.float64), x, begin),))
    if owner is not None:
        order = order[np.argsort(owner[order], kind="stable")]
    return People(
        stop[order],
        kinds[order],
        arm[order],
        x[order],
        labels,
        None if start is None else start[order],
        None if owner is None else owner[order],
    )


def check_options(method: str, estimand: str, covariates: object) -> None:
    """Refuse a method without what it needs."""
    choice(method, "method", METHODS)
    choice(estimand, "estimand", TARGETS if method == "g_computation" else WEIGHT_ESTIMANDS)
    if method != "unadjusted" and covariates is None:
        raise CodingError(
            f"No covariates for the method {method}", field="covariates", remedy="Give them, or unadjusted."
        )


def asked_times(times: ArrayLike, field: str, none_allowed: bool = False) -> FloatArray:
    """Times above zero, in the order asked."""
    asked = np.atleast_1d(np.asarray(times))
    if asked.size == 0:
        if none_allowed:
            return np.zeros(0)
        raise ShapeError("No times are asked for", field=field, remedy="Give at least one.")
    when = vector(asked, field)
    wrong = int(np.count_nonzero(when <= 0))
    if wrong:
        raise CodingError("Times not above zero", field=field, count=wrong, remedy="Give later times.")
    return when


def arm_weights(
    people: People, estimand: str, truncate: tuple[float, float] | None, propensity: str
) -> FloatArray:
    """Weights by the inverse of a propensity score estimated from these people."""
    score = fit_propensity(people.covariates, people.treated, names=people.names, model=propensity).score
    return propensity_weights(score, people.treated, estimand=estimand, truncate=truncate).weights


def design_notes(
    people: People, method: str, estimand: str, truncate: tuple[float, float] | None, propensity: str
) -> tuple[str, ...]:
    """What a report has to print beside the contrast."""
    if method == "unadjusted":
        return ("Unadjusted: an effect of treatment only if the arms were alike.",)
    if method == "g_computation":
        return ("Right where the outcome model is: all confounders in it, and in their right form.",)
    score = fit_propensity(people.covariates, people.treated, names=people.names, model=propensity).score
    return propensity_weights(score, people.treated, estimand=estimand, truncate=truncate).notes


def standardised(people: People, estimand: str, model: str, effect: str, df: int) -> tuple[Curve, Curve]:
    """Curves of both arms, had everybody (ATE), the treated (ATT) or the controls (ATC) been in each."""
    keep = {"ATE": np.ones_like(people.treated), "ATT": people.treated, "ATC": ~people.treated}[estimand]
    target = people.covariates[keep]
    if effect == "by_arm":
        control, treated = (people.of(np.flatnonzero(people.treated == arm)) for arm in (False, True))
        return (
            _curve(_fitted(control, control.covariates, control.names, model, df), target),
            _curve(_fitted(treated, treated.covariates, treated.names, model, df), target),
        )
    x = np.column_stack([people.treated, people.covariates])
    fit = _fitted(people, x, ("treated", *(f"x: {name}" for name in people.names)), model, df)
    none, all_of_them = np.zeros((len(target), 1)), np.ones((len(target), 1))
    return _curve(fit, np.hstack([none, target])), _curve(fit, np.hstack([all_of_them, target]))


def _fitted(
    people: People, x: FloatArray, names: tuple[str, ...], model: str, df: int
) -> CoxFit | RoystonParmarFit:
    if model == "royston_parmar":
        return fit_royston_parmar(people.time, people.died, x, df=df, names=names, entry=people.entry)
    return fit_cox(people.time, people.died, x, names=names, entry=people.entry)


def _curve(fit: CoxFit | RoystonParmarFit, target: FloatArray) -> Curve:
    if isinstance(fit, RoystonParmarFit):
        return SmoothCurve(fit, target)
    centre = target.mean(axis=0)  # of the hazard that is predicted, so that nothing overflows
    base = survival_curve(fit, centre)
    return CoxCurve(base.time, base.cumulative_hazard, np.exp((target - centre) @ fit.coefficients))


def _causes(values: ArrayLike, n: int) -> IntArray:
    found = causes(values, "cause", n)
    codes_of: IntArray = np.array([0, *found.labels], dtype=np.int64)[found.code]
    return codes_of


def _require_arms(treated: BoolArray) -> None:
    if treated.all() or not treated.any():
        raise EmptyArmError(
            "One arm has nobody in it",
            field="treated",
            count=len(treated),
            remedy="Check how treatment is coded.",
        )
