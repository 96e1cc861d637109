"""Survival that a Cox model predicts: baseline hazard, curves of given people, risk at given times."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, choice, confidence, matrix, vector
from .._linear_algebra import normal_quantile
from ..errors import BeyondFollowUpError, CodingError, NegativeTimeError, NonFiniteError, ShapeError
from ._risk_sets import running_sum
from .fit import CoxFit

INTERVALS = ("log", "log-log", "plain")
WITHIN_THE_DATA = "Ask about people within the data, or fit with covariates such as a year centred."


@dataclass(frozen=True)
class PredictedCurve:
    """One person's curve at each distinct time of the stratum.

    Attributes
    ----------
    time, survival, cumulative_hazard, std_err, lower, upper : ndarray of shape (m,)
        `std_err` is that of the cumulative hazard, which is that of log survival.
    level : float
    """

    time: FloatArray
    survival: FloatArray
    cumulative_hazard: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float

    def to_frame(self) -> pl.DataFrame:
        """One row per time."""
        return pl.DataFrame(
            {
                "time": self.time,
                "survival": self.survival,
                "cumulative_hazard": self.cumulative_hazard,
                "std_err": self.std_err,
                "lower": self.lower,
                "upper": self.upper,
            }
        )


@dataclass(frozen=True)
class PredictedCurves:
    """Result of `survival_curves`: the curves of k people of one stratum.

    Attributes
    ----------
    time : ndarray of shape (m,)
    survival, cumulative_hazard, std_err, lower, upper : ndarray of shape (m, k)
        `std_err` is that of the cumulative hazard.
    stratum : object
    interval : {"log", "log-log", "plain"}
    level : float
    """

    time: FloatArray
    survival: FloatArray
    cumulative_hazard: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    stratum: object
    interval: str
    level: float

    def to_frame(self) -> pl.DataFrame:
        """One row per person (numbered from 0) and time."""
        m, k = self.survival.shape
        return pl.DataFrame(
            {
                "person": np.repeat(np.arange(k), m),
                "time": np.tile(self.time, k),
                "survival": self.survival.ravel("F"),
                "cumulative_hazard": self.cumulative_hazard.ravel("F"),
                "std_err": self.std_err.ravel("F"),
                "lower": self.lower.ravel("F"),
                "upper": self.upper.ravel("F"),
            }
        )


def baseline_hazard(fit: CoxFit, at: ArrayLike | None = None) -> pl.DataFrame:
    """Cumulative baseline hazard of every stratum at each of its times.

    Parameters
    ----------
    fit : CoxFit
    at : array_like of shape (p,), optional
        Covariates of the person whose hazard it is; default zero for all, which for an age or a year may
        lie far outside the data.

    Returns
    -------
    polars.DataFrame
        `stratum` (text), `time`, `cumulative_hazard`.

    Raises
    ------
    NonFiniteError
        `at` lies so far outside the data that its hazard is too large or too small for a number.
    ShapeError
        Not one value per covariate.

    References
    ----------
    Breslow N. Discussion of Professor Cox's paper. J R Stat Soc B 1972;34:216-217. With Efron's ties the
    hazard is Efron's.
    """
    person = np.zeros(len(fit.names)) if at is None else vector(at, "at", len(fit.names))
    sets, evaluation = fit._sets, fit._at_estimate
    times, place = np.unique(fit._time, return_inverse=True)
    points = np.unique(fit._stratum * len(times) + place)  # the times of each stratum, stratum by stratum
    stratum = points // len(times)
    steps = np.zeros(len(points))
    deaths = sets.group_stratum * len(times) + np.searchsorted(times, sets.group_time)
    steps[np.searchsorted(points, deaths)] = evaluation.one
    bounds = np.searchsorted(stratum, np.arange(len(fit._stratum_labels) + 1))
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large for a number is refused
        relative = np.exp(_scaled(fit, person) @ (fit.coefficients * sets.scale) - evaluation.shift)
        hazard = running_sum(steps, bounds) * relative
    if relative == 0 or not np.isfinite(hazard).all():
        raise NonFiniteError(
            "The baseline hazard is too large or too small for a number", field="at", remedy=WITHIN_THE_DATA
        )
    labels = np.array([str(label) for label in fit._stratum_labels])
    return pl.DataFrame(
        {"stratum": labels[stratum], "time": times[points % len(times)], "cumulative_hazard": hazard}
    )


def survival_curve(
    fit: CoxFit,
    at: ArrayLike,
    *,
    stratum: object = None,
    offset: float = 0.0,
    interval: str = "log",
    level: float = 0.95,
) -> PredictedCurve:
    """Predicted survival of one person with covariates `at`.

    Parameters
    ----------
    fit : CoxFit
    at : array_like of shape (p,)
        In the order of `fit.names`, on the scale of the data.
    stratum, offset, interval, level
        As in `survival_curves`.

    Raises
    ------
    CodingError
        The stratum is not one of the model's.
    """
    person = vector(at, "at", len(fit.names))
    curves = survival_curves(
        fit, person[None, :], stratum=stratum, offset=[offset], interval=interval, level=level
    )
    return PredictedCurve(
        curves.time,
        curves.survival[:, 0],
        curves.cumulative_hazard[:, 0],
        curves.std_err[:, 0],
        curves.lower[:, 0],
        curves.upper[:, 0],
        level,
    )


def survival_curves(
    fit: CoxFit,
    people: ArrayLike | pl.DataFrame,
    *,
    stratum: object = None,
    offset: ArrayLike | None = None,
    times: ArrayLike | None = None,
    interval: str = "log",
    level: float = 0.95,
) -> PredictedCurves:
    """Predicted survival of people with given covariates.

    Parameters
    ----------
    fit : CoxFit
        With weights the hazard is weighted; with a robust variance the standard errors use it for the
        coefficients, and the weighted counts for the baseline hazard, as R does.
    people : array_like of shape (k, p), or Polars frame with columns `fit.names` in that order
        On the scale of the data.
    stratum : label, optional
        Needed where the model has strata.
    offset : array_like of shape (k,), optional
        On the log hazard scale; default zero.
    times : array_like of shape (m,), optional
        Default every distinct time of the stratum. Beyond the stratum's last time nothing is predicted.
    interval : {"log", "log-log", "plain"}
        Scale on which the limits are symmetric; limits end at 0 and 1.
    level : float
        Confidence level, 0 to 1.

    Raises
    ------
    CodingError
        The stratum is not one of the model's, or an unknown interval.
    BeyondFollowUpError
        Times after the last one of the stratum.
    NonFiniteError
        Missing values, or people so far outside the data that their hazard is too large for a number.
    ShapeError, NegativeTimeError
        The input is not what it should be.

    References
    ----------
    Tsiatis AA. A large sample study of Cox's regression model. Ann Stat 1981;9:93-108.
    Link CL. Confidence intervals for the survival function using Cox's proportional hazard model with
    covariates. Biometrics 1984;40:601-609.
    """
    choice(interval, "interval", INTERVALS)
    names = people.columns if isinstance(people, pl.DataFrame) else None
    if names is not None and tuple(names) != fit.names:
        raise ShapeError(
            f"Columns {', '.join(names)} for covariates {', '.join(fit.names)}",
            field="people",
            remedy="Give the columns of the model in its order.",
        )
    x = matrix(people, fit.names)[0]
    added = np.zeros(len(x)) if offset is None else vector(offset, "offset", len(x))
    number = _stratum_number(fit, stratum)
    known = np.unique(fit._time[fit._stratum == number])
    at = known if times is None else _asked_times(times, float(known[-1]))

    sets, evaluation = fit._sets, fit._at_estimate
    scaled = _scaled(fit, x)
    own = np.flatnonzero(sets.group_stratum == number)[::-1]  # groups run backwards in time
    leaning = evaluation.one2[:, None] * evaluation.at_risk_x - evaluation.frac2[:, None] * evaluation.death_x
    place = np.searchsorted(sets.group_time[own], at, side="right")
    hazard = _cumulative(evaluation.one[own])[place]
    own_variance = _cumulative(evaluation.one2[own])[place]
    expected = _cumulative(leaning[own])[place]

    # How far the hazard moves with each coefficient: Λ₀(t)·x less the expectation summed over the deaths.
    covariance = fit.covariance * np.outer(sets.scale, sets.scale)
    drift = hazard[:, None, None] * scaled - expected[:, None, :]
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large for a number is refused
        relative = np.exp(scaled @ (fit.coefficients * sets.scale) + added - evaluation.shift)
        spread = own_variance[:, None] + np.einsum("mkj,mkj->mk", drift @ covariance, drift)
        cumulative = hazard[:, None] * relative
        std_err = np.sqrt(spread) * relative
    wrong = int(np.count_nonzero(~np.isfinite(cumulative + std_err).all(axis=0)))
    if wrong:
        raise NonFiniteError(
            "Predicted hazards are too large for a number",
            field="people",
            count=wrong,
            remedy=WITHIN_THE_DATA,
        )
    lower, upper = _limits(cumulative, std_err, interval, normal_quantile(confidence(level)))
    return PredictedCurves(
        time=at,
        survival=np.exp(-cumulative),
        cumulative_hazard=cumulative,
        std_err=std_err,
        lower=lower,
        upper=upper,
        stratum=fit._stratum_labels[number],
        interval=interval,
        level=level,
    )


def _scaled(fit: CoxFit, covariates: FloatArray) -> FloatArray:
    """Covariates (…, p) on the scale of the risk sets."""
    scaled: FloatArray = (covariates - fit._sets.centre) / fit._sets.scale
    return scaled


def _stratum_number(fit: CoxFit, stratum: object) -> int:
    labels = fit._stratum_labels
    if stratum is None and len(labels) == 1:
        return 0
    if stratum not in labels:
        known = ", ".join(str(label) for label in labels)
        raise CodingError("No such stratum", field="stratum", remedy=f"Use one of {known}.")
    return labels.index(stratum)


def _asked_times(times: ArrayLike, last: float) -> FloatArray:
    at = vector(times, "times")
    negative, beyond = int(np.count_nonzero(at < 0)), int(np.count_nonzero(at > last))
    if negative:
        raise NegativeTimeError(
            "Times below zero", field="times", count=negative, remedy="Ask for later ones."
        )
    if beyond:
        raise BeyondFollowUpError(
            "Times after the stratum's last one, where nobody was observed",
            field="times",
            count=beyond,
            remedy="Ask for earlier times.",
        )
    return at


def _cumulative(values: FloatArray) -> FloatArray:
    """Running sums with the nothing before the first in front."""
    start = np.zeros((1, *values.shape[1:]))
    return np.concatenate([start, np.cumsum(values, axis=0)])


def _limits(
    hazard: FloatArray, std_err: FloatArray, interval: str, quantile: float
) -> tuple[FloatArray, FloatArray]:
    half = quantile * std_err
    if interval == "log":
        return np.exp(-hazard - half), np.exp(np.minimum(half - hazard, 0.0))
    if interval == "plain":
        survival = np.exp(-hazard)
        return np.maximum(survival * (1 - half), 0.0), np.minimum(survival * (1 + half), 1.0)
    # Before the first death there is no logarithm, and no doubt: survival is 1.
    with np.errstate(over="ignore"):  # beyond the largest number the limits are 0 and 1
        ratio = np.exp(np.divide(half, hazard, out=np.zeros_like(half), where=hazard > 0))
        return np.exp(-hazard * ratio), np.exp(-hazard / ratio)
