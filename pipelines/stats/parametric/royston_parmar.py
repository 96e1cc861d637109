"""Royston and Parmar's flexible parametric survival model, with effects that may vary with time.

A spline of log time takes the place of the baseline hazard, so hazards, hazard ratios at each time, survival
and restricted means are smooth functions of few parameters, with intervals by the delta method.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    choice,
    confidence,
    few_events_warning,
    flags,
    follow_up,
    matrix,
    positive_weights,
    require_clusters_for,
    require_events_for,
    row_hash,
    vector,
)
from .._linear_algebra import (
    chi_square_p,
    inverse,
    normal_quantile,
    quadratic_form,
    require_full_rank,
)
from .._maximise import maximise, standardise
from .._sandwich import clusters_of, sandwich
from .._tables import ratio_table
from ..cox._findings import TOO_NARROW, few_clusters_warning
from ..cox.fit import ChiSquareTest
from ..effect import Effect, wald_effect
from ..errors import CodingError, NoEventsError
from ._design import build_design, design_rows, orthogonal, parameter_names, quadrature, unscale
from ._likelihood import Design, likelihood, score_rows
from ._scales import SCALES, on_scale
from ._splines import basis, given_knots, knots_of_events

MODEL = "flexible parametric model"


@dataclass(frozen=True)
class Prediction:
    """Something estimated at each of several times, with its interval.

    `std_err` is on the scale on which the interval is symmetric, named in `on`.
    """

    what: str
    time: FloatArray
    estimate: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    on: str

    def to_frame(self) -> pl.DataFrame:
        """One row per time."""
        columns = ("time", "estimate", "std_err", "lower", "upper")
        frame = pl.DataFrame({name: getattr(self, name) for name in columns})
        return frame.insert_column(0, pl.Series("what", [self.what] * len(self.time)))


@dataclass(frozen=True)
class RoystonParmarFit:
    """A fitted flexible parametric model.

    Attributes
    ----------
    names : tuple of str
        Parameters, q of them: `gamma0` and on of the spline, the covariates, `covariate:1` and on of effects
        that vary with time.
    coefficients : ndarray of shape (q,)
    covariance, naive_covariance : ndarray of shape (q, q)
        The sandwich where `robust`, else the inverse of the information; the latter.
    log_likelihood : float
        Of densities in the unit of time.
    knots : ndarray of shape (df + 1,)
        Of the baseline, in log time.
    scale : {"hazard", "odds", "normal"}
    n, n_events, n_clusters : int
        Rows, rows with the event, and clusters (rows where none are given).
    """

    names: tuple[str, ...]
    covariates: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    naive_covariance: FloatArray
    log_likelihood: float
    knots: FloatArray
    time_dependent: tuple[tuple[str, FloatArray], ...]
    scale: str
    n: int
    n_events: int
    n_clusters: int
    robust: bool
    warnings: tuple[str, ...]
    iterations: int = field(repr=False)

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each parameter (q,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2 * len(self.names) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Bayesian information criterion, counting events."""
        return len(self.names) * float(np.log(self.n_events)) - 2 * self.log_likelihood

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per parameter: coefficient, standard error, exp(coefficient) with limits, z, p."""
        return ratio_table(self.names, self.coefficients, self.standard_errors, "ratio", level)

    def wald_test(self, terms: Sequence[str]) -> ChiSquareTest:
        """Test that the parameters of `terms` are zero.

        A covariate of `time_dependent` stands for the parameters of its change with time: whether its effect
        varies at all.

        Raises
        ------
        CodingError
            No such parameter, or as many parameters as clusters.
        """
        keep = []
        for term in terms:
            change = [j for j, name in enumerate(self.names) if name.startswith(f"{term}:")]
            if term not in self.names:
                known = ", ".join(self.names)
                raise CodingError(f"No parameter {term!r}", field="terms", remedy=f"Use some of {known}.")
            keep += change if term in dict(self.time_dependent) else [self.names.index(term)]
        if self.robust:
            require_clusters_for(len(keep), self.n_clusters)
        statistic = quadratic_form(self.coefficients[keep], self.covariance[np.ix_(keep, keep)])
        return ChiSquareTest(statistic, len(keep), chi_square_p(statistic, len(keep)))

    def survival(self, at: ArrayLike, times: ArrayLike, *, level: float = 0.95) -> Prediction:
        """Survival of a person with covariates `at` (p,); the interval is made on the model's scale.

        Parameters
        ----------
        times : array_like of shape (m,)
            Not negative; at 0 survival is 1.
        level : float
            Confidence level, 0 to 1.
        """
        person, when = self._person(at), self._times(times)
        rows, _ = self._rows(person[None, :], np.where(when > 0, when, 1.0))
        predictor = rows @ self.coefficients
        error = self._error(rows)
        half = normal_quantile(confidence(level)) * error
        value, low, high = (
            np.where(when > 0, np.exp(on_scale(p, self.scale).log_survival), 1.0)
            for p in (predictor, predictor + half, predictor - half)
        )
        error = np.where(when > 0, error, 0.0)
        return Prediction("survival", when, value, error, low, high, level, f"{self.scale} scale")

    def hazard(self, at: ArrayLike, times: ArrayLike, *, level: float = 0.95) -> Prediction:
        """Hazard of a person with covariates `at` (p,) at times above zero; interval on the log scale."""
        person, when = self._person(at), self._times(times, above_zero=True)
        log_hazard, gradient = self._log_hazard(person, when)
        return _on_log_scale("hazard", when, log_hazard, self._error(gradient), level)

    def hazard_ratio(
        self, at: ArrayLike, reference: ArrayLike, times: ArrayLike, *, level: float = 0.95
    ) -> Prediction:
        """Hazard of a person with `at` (p,) over that of one with `reference` (p,), at times above zero."""
        when = self._times(times, above_zero=True)
        one, first = self._log_hazard(self._person(at), when)
        other, second = self._log_hazard(self._person(reference), when)
        return _on_log_scale("hazard ratio", when, one - other, self._error(first - second), level)

    def restricted_mean(self, at: ArrayLike, tau: float, *, level: float = 0.95) -> Prediction:
        """Mean survival time up to `tau` of a person with covariates `at` (p,); interval on its own scale."""
        value, gradient = self.restricted_means(self._person(at)[None, :], tau)
        error = self._error(gradient)
        half = normal_quantile(confidence(level)) * error
        end = np.array([tau], dtype=np.float64)
        return Prediction("restricted mean", end, value, error, value - half, value + half, level, "its own")

    def survival_matrix(self, covariates: ArrayLike, times: ArrayLike) -> FloatArray:
        """Survival of each row of `covariates` (k, p) at each of `times` (m,): (k, m)."""
        x, _ = matrix(covariates, self.covariates)
        return self._survival(x, self._times(times))

    def restricted_means(self, covariates: FloatArray, tau: float) -> tuple[FloatArray, FloatArray]:
        """Mean survival time up to `tau` of each row of `covariates` (k, p), and its gradient (k, q)."""
        self._times([tau], above_zero=True)
        when, weight = quadrature(tau)
        means = self._survival(covariates, when) @ weight
        gradient = np.zeros((len(covariates), len(self.names)))
        for t, share in zip(when, weight, strict=True):
            rows, _ = self._rows(covariates, np.full(len(covariates), t))
            found = on_scale(rows @ self.coefficients, self.scale)
            gradient += share * (np.exp(found.log_survival) * found.log_survival1)[:, None] * rows
        return means, gradient

    def effect(self, term: str, *, n_exposed: int, time: float | None = None, level: float = 0.95) -> Effect:
        """The ratio of one covariate coded 0/1, given the others: of hazards, or of odds of death.

        Parameters
        ----------
        n_exposed : int
            People with the covariate.
        time : float, optional
            At which the ratio is taken; needed where the effect varies with time (then of hazards, with the
            other covariates at zero).
        """
        if term not in self.covariates:
            known = ", ".join(self.covariates)
            raise CodingError(f"No covariate {term!r}", field="term", remedy=f"Use one of {known}.")
        varying = term in dict(self.time_dependent)
        if self.scale == "normal" or (varying and time is None):
            raise CodingError(
                "There is no one ratio",
                field="time",
                remedy="Use hazard_ratio at times of your choice.",
            )
        at, zero = np.zeros(len(self.covariates)), np.zeros(len(self.covariates))
        at[self.covariates.index(term)] = 1.0
        if time is None:
            j = self.names.index(term)
            estimate, error = self.coefficients[j], self.standard_errors[j]
        else:
            ratio = self.hazard_ratio(at, zero, [time])
            estimate, error = np.log(ratio.estimate[0]), ratio.std_err[0]
        return wald_effect(
            float(estimate),
            float(error),
            analysis="royston_parmar",
            measure="or" if self.scale == "odds" and time is None else "hr",
            n=self.n,
            n_exposed=n_exposed,
            events=self.n_events,
            estimand="conditional",
            effect_type="conditional",
            method=f"Royston-Parmar model, {self.scale} scale, {len(self.knots) - 1} df"
            + ("" if time is None else f", at time {time:g}"),
            level=level,
            notes=self.warnings,
        )

    def _survival(self, covariates: FloatArray, times: FloatArray) -> FloatArray:
        """Survival of each row at each time (k, m): the linear predictor is a sum of person and time."""
        log_time = np.log(np.where(times > 0, times, 1.0))
        spline, p = len(self.knots), len(self.covariates)
        by_time = self.coefficients[0] + basis(log_time, self.knots) @ self.coefficients[1:spline]
        predictor = (covariates @ self.coefficients[spline : spline + p])[:, None] + by_time
        place = spline + p
        for name, knots in self.time_dependent:
            own = self.coefficients[place : place + len(knots) - 1]
            column = covariates[:, self.covariates.index(name)]
            predictor += np.outer(column, basis(log_time, knots) @ own)
            place += len(own)
        survival: FloatArray = np.exp(on_scale(predictor, self.scale).log_survival)
        survival[:, times == 0] = 1.0
        return survival

    def _rows(self, covariates: FloatArray, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        x = np.broadcast_to(covariates, (len(times), len(self.covariates)))
        varying = tuple((self.covariates.index(name), knots) for name, knots in self.time_dependent)
        return design_rows(x, np.log(times), self.knots, varying)

    def _log_hazard(self, person: FloatArray, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        rows, rise = self._rows(person[None, :], times)
        found = on_scale(rows @ self.coefficients, self.scale)
        speed = rise @ self.coefficients
        wrong = int(np.count_nonzero(speed <= 0))
        if wrong:
            raise CodingError(
                "The model has no hazard above zero at some times",
                field="times",
                count=wrong,
                remedy="Stay within the observed times, or use fewer degrees of freedom.",
            )
        gradient = found.log_rate1[:, None] * rows + rise / speed[:, None]
        return found.log_rate + np.log(speed) - np.log(times), gradient

    def _error(self, gradient: FloatArray) -> FloatArray:
        variance: FloatArray = np.einsum("ij,jk,ik->i", gradient, self.covariance, gradient)
        return np.sqrt(variance)

    def _person(self, at: ArrayLike) -> FloatArray:
        return vector(at, "at", len(self.covariates))

    def _times(self, times: ArrayLike, above_zero: bool = False) -> FloatArray:
        when = vector(times, "times")
        wrong = int(np.count_nonzero((when < 0) | ((when == 0) & above_zero)))
        if wrong:
            raise CodingError(
                "Times not above zero", field="times", count=wrong, remedy="Ask for times after the start."
            )
        return when


def fit_royston_parmar(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    df: int = 3,
    knots: Sequence[float] | None = None,
    scale: str = "hazard",
    time_dependent: Mapping[str, int] | None = None,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool = False,
) -> RoystonParmarFit:
    """Fit a flexible parametric survival model by maximum likelihood (Newton, exact derivatives).

    Parameters
    ----------
    time : array_like of shape (n,)
        End of observation, above zero, in any unit.
    event : array_like of shape (n,)
        1 or True for an event, 0 for censored.
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; a factor as 0/1 columns without its reference level.
    df : int
        Degrees of freedom of the baseline: 1 is Weibull (hazard), log-logistic (odds), log-normal (normal).
        Knots lie at the first and last event time and at equally spaced quantiles (type 7) of log event
        times between.
    knots : sequence of float, optional
        Times, both ends included, instead of `df`.
    scale : {"hazard", "odds", "normal"}
        Covariates are additive in log cumulative hazard, log odds of death, or probit of death.
    time_dependent : mapping of str to int, optional
        Covariates whose effect varies with time, and the degrees of freedom of their spline of log time.
    names : sequence of str, optional
        One per covariate.
    entry : array_like of shape (n,), optional
        Start of observation, below `time`.
    weights : array_like of shape (n,), optional
        Case weights above zero. With weights that are not counts ask for `robust`.
    cluster : array_like of shape (n,), optional
        Labels of rows that belong together; makes the variance robust.
    robust : bool
        Sandwich variance with every row its own cluster where `cluster` is not given. No G/(G-1) factor.

    Returns
    -------
    RoystonParmarFit

    Raises
    ------
    NoEventsError
        Nobody has the event.
    TooFewEventsError
        There are fewer events than covariates.
    CodingError
        Times of zero, df below 1, knots that do not rise, event times too few for the knots.
    CollinearityError, SeparationError, ConvergenceError
        The covariates determine each other; the likelihood has no maximum, or none was reached.
    ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be; the message names field, count and remedy.

    References
    ----------
    Royston P, Parmar MKB. Flexible parametric proportional-hazards and proportional-odds models for censored
    survival data. Stat Med 2002;21:2175-2197.
    Lambert PC, Royston P. Further development of flexible parametric models for survival analysis. Stata J
    2009;9:265-290.
    """
    choice(scale, "scale", SCALES)
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    x, labels = matrix(covariates, names, n)
    w = positive_weights(weights, n)
    _require_events(stop, died, df)
    require_events_for(labels, int(died.sum()))
    events = np.log(stop[died])
    baseline = knots_of_events(events, df, "df") if knots is None else given_knots(knots, "knots")
    varying = _varying(time_dependent or {}, labels, events)

    still = np.array([j not in dict(varying) for j in range(len(labels))])
    begin = np.zeros(n) if start is None else start
    order = np.lexsort((row_hash(x, w, begin), ~died, stop))  # one order of summing
    stop, died, begin, w = stop[order], died[order], begin[order], w[order]
    scaled, centre, unit = standardise(x[order], still)
    centred = scaled - scaled.mean(axis=0)
    require_full_rank(centred.T @ (w[:, None] * centred), labels, unit=float(w.sum()))
    design = build_design(stop, died, begin, scaled, w, baseline, varying, scale)
    q = design.at_exit.shape[1]
    to_orthogonal, from_orthogonal = orthogonal(design)
    turned = design.times(from_orthogonal)
    guess = np.zeros(q)
    guess[:2] = _start(design)
    all_names = parameter_names(labels, baseline, varying)
    spline = len(baseline)
    top = maximise(
        lambda parameters: likelihood(turned, parameters),
        to_orthogonal @ guess,
        all_names[spline:],
        MODEL,
        covariates=from_orthogonal[spline:],
    )

    back = unscale(q, len(baseline), centre, unit, varying) @ from_orthogonal
    naive_turned = inverse(top.at.information)
    naive = back @ naive_turned @ back.T
    covariance = naive
    member = clusters_of(cluster, n)
    if robust or cluster is not None:
        covariance = sandwich(score_rows(turned, top.parameters), member[order], back @ naive_turned)
    _, warnings = few_events_warning(int(died.sum()), len(labels))
    if cluster is not None:
        warnings += few_clusters_warning(int(member.max()) + 1, TOO_NARROW)
    _, rise = design_rows(scaled, np.log(stop), baseline, varying)
    falling = int(np.count_nonzero(rise @ (from_orthogonal @ top.parameters) <= 0))
    if falling:
        warnings += (
            f"The fitted curve rises at the end of follow-up of {falling} rows: use fewer degrees of freedom.",
        )
    return RoystonParmarFit(
        names=all_names,
        covariates=labels,
        coefficients=back @ top.parameters,
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=top.at.value,
        knots=baseline,
        time_dependent=tuple((labels[j], own) for j, own in varying),
        scale=scale,
        n=n,
        n_events=int(np.count_nonzero(died)),
        n_clusters=int(member.max()) + 1,
        robust=robust or cluster is not None,
        warnings=warnings,
        iterations=top.iterations,
    )


def _require_events(time: FloatArray, died: BoolArray, df: int) -> None:
    if not died.any():
        raise NoEventsError(
            "Nobody has the event", field="event", remedy="Widen the cohort or its follow-up."
        )
    zero = int(np.count_nonzero(time == 0))
    if zero:
        raise CodingError(
            "Times of zero have no logarithm",
            field="time",
            count=zero,
            remedy="Add half a unit of time to them, or leave those people out and count them.",
        )
    if df < 1:
        raise CodingError("Degrees of freedom below 1", field="df", remedy="Use 1 to 5.")


def _varying(
    time_dependent: Mapping[str, int], labels: tuple[str, ...], events: FloatArray
) -> tuple[tuple[int, FloatArray], ...]:
    found = []
    for name, df in time_dependent.items():
        if name not in labels or df < 1:
            raise CodingError(
                f"No covariate {name!r} with {df} degrees of freedom",
                field="time_dependent",
                remedy=f"Use names among {', '.join(labels)}, and 1 to 5 degrees of freedom.",
            )
        found.append((labels.index(name), knots_of_events(events, df, "time_dependent")))
    return tuple(found)


def _start(design: Design) -> tuple[float, float]:
    """Intercept and slope of log time of a plain distribution: exponential, or one of log times' spread."""
    if design.scale != "normal":
        time = np.exp(design.log_time)
        return float(np.log(design.weights @ design.died / (design.weights @ time))), 1.0
    slope_of = 1 / max(float(np.std(design.log_time)), 0.1)
    return -slope_of * float(np.mean(design.log_time)), slope_of


def _on_log_scale(
    what: str, times: FloatArray, log_estimate: FloatArray, error: FloatArray, level: float
) -> Prediction:
    half = normal_quantile(confidence(level)) * error
    value, low, high = (np.exp(log_estimate + move) for move in (0.0, -half, half))
    return Prediction(what, times, value, error, low, high, level, "log")
