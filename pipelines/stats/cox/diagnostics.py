"""What a fitted Cox model leaves to look at: residuals, the proportional-hazards test, predicted curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, confidence, vector
from .._linear_algebra import chi_square_p, normal_quantile, quadratic_form
from ..errors import CodingError
from ..kaplan_meier import kaplan_meier
from ._risk_sets import expected_sum, hazard_while_at_risk, information
from .fit import CoxFit, score_residual_rows

TRANSFORMS = ("km", "identity", "rank", "log")


@dataclass(frozen=True)
class SchoenfeldResiduals:
    """Result of `schoenfeld_residuals`: one row per death, by stratum, time, then place in the data.

    Attributes
    ----------
    row : ndarray of int, shape (D,)
        Row of the input.
    time : ndarray of shape (D,)
    residuals : ndarray of shape (D, p)
        Covariates of the death minus their expectation.
    scaled : ndarray of shape (D, p)
        Their product with D times the covariance, plus the coefficients: coefficients as they vary in time.
    """

    names: tuple[str, ...]
    row: IntArray
    time: FloatArray
    residuals: FloatArray
    scaled: FloatArray

    def to_frame(self) -> pl.DataFrame:
        """One row per death and covariate."""
        deaths, p = self.residuals.shape
        return pl.DataFrame(
            {
                "row": np.repeat(self.row, p),
                "time": np.repeat(self.time, p),
                "term": list(self.names) * deaths,
                "residual": self.residuals.ravel(),
                "scaled": self.scaled.ravel(),
            }
        )


@dataclass(frozen=True)
class ProportionalHazardsTest:
    """Result of `proportional_hazards_test`: one entry per term, `GLOBAL` last."""

    terms: tuple[str, ...]
    statistic: FloatArray
    df: IntArray
    p_value: FloatArray
    transform: str

    def to_frame(self) -> pl.DataFrame:
        """One row per term."""
        return pl.DataFrame(
            {"term": self.terms, "statistic": self.statistic, "df": self.df, "p_value": self.p_value}
        )


@dataclass(frozen=True)
class PredictedCurve:
    """Result of `survival_curve`: at each distinct time of the stratum, for one person's covariates.

    `std_err` is that of the cumulative hazard, which is that of log survival.
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


def martingale_residuals(fit: CoxFit) -> FloatArray:
    """Observed minus expected events of each row, in the order of the input (n,); not weighted.

    References
    ----------
    Therneau TM, Grambsch PM, Fleming TR. Martingale-based residuals for survival models. Biometrika
    1990;77:147-160.
    """
    sets, at = fit._sets, fit._at_estimate
    result = np.zeros(fit.n)
    result[sets.rows] = sets.died - at.relative * hazard_while_at_risk(sets, at)
    return result


def score_residuals(fit: CoxFit) -> FloatArray:
    """Each row's share of the score, in the order of the input (n, p); not weighted."""
    sets = fit._sets
    result = np.zeros((fit.n, len(fit.names)))
    result[sets.rows] = score_residual_rows(sets, fit._at_estimate) * sets.scale
    return result


def dfbeta_residuals(fit: CoxFit) -> FloatArray:
    """About how much each row moves each coefficient, in the order of the input (n, p); weighted."""
    dfbeta: FloatArray = (fit._weights[:, None] * score_residuals(fit)) @ fit.naive_covariance
    return dfbeta


def schoenfeld_residuals(fit: CoxFit) -> SchoenfeldResiduals:
    """Schoenfeld residuals, plain and scaled.

    References
    ----------
    Schoenfeld D. Partial residuals for the proportional hazards regression model. Biometrika
    1982;69:239-241.
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals.
    Biometrika 1994;81:515-526.
    """
    sets = fit._sets
    mean = expected_sum(fit._at_estimate) / sets.death_weight[:, None]
    residuals = (sets.covariates[sets.death_rows] - mean[sets.death_group]) * sets.scale
    rows, time = sets.rows[sets.death_rows], sets.group_time[sets.death_group]
    order = np.lexsort((rows, time, sets.group_stratum[sets.death_group]))
    residuals = residuals[order]
    scaled = residuals @ fit.naive_covariance * len(rows) + fit.coefficients
    return SchoenfeldResiduals(fit.names, rows[order], time[order], residuals, scaled)


def proportional_hazards_test(
    fit: CoxFit, *, transform: str = "km", terms: Mapping[str, Sequence[str]] | None = None
) -> ProportionalHazardsTest:
    """Score test that no coefficient varies with time.

    Parameters
    ----------
    fit : CoxFit
        With clusters or robust variance the test is that of the model without them.
    transform : {"km", "identity", "rank", "log"}
        Of time: one minus the Kaplan-Meier curve just before it, itself, its rank among all rows' times, its
        logarithm.
    terms : mapping of str to sequence of str, optional
        Covariates tested together, such as the levels of a factor; default each by itself.

    Returns
    -------
    ProportionalHazardsTest

    Raises
    ------
    CodingError
        An unknown transform or covariate, or the logarithm of a death at time zero.

    References
    ----------
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals.
    Biometrika 1994;81:515-526. The exact score test is that of R's survival 3.0 and later.
    """
    choice(transform, "transform", TRANSFORMS)
    groups = {name: [name] for name in fit.names} if terms is None else dict(terms)
    sets, at, p = fit._sets, fit._at_estimate, len(fit.names)
    g = _transformed_times(fit, transform)
    g = g - np.average(g, weights=np.bincount(sets.death_group))

    deaths, group = sets.death_rows, sets.death_group
    observed = (sets.weights[deaths] * g[group]) @ sets.covariates[deaths]
    score = np.concatenate([np.zeros(p), observed - g @ expected_sum(at)])
    plain, once, twice = (information(sets, at, factor) for factor in (np.ones_like(g), g, g**2))
    full = np.block([[plain, once], [once, twice]])

    statistics, degrees = [], []
    for columns in [*groups.values(), list(fit.names)]:
        keep = [p + fit._position(name) for name in columns]
        which = [*range(p), *keep]
        statistics.append(quadratic_form(score[which], full[np.ix_(which, which)]))
        degrees.append(len(keep))
    return ProportionalHazardsTest(
        terms=(*groups, "GLOBAL"),
        statistic=np.array(statistics),
        df=np.array(degrees),
        p_value=np.array([chi_square_p(s, d) for s, d in zip(statistics, degrees, strict=True)]),
        transform=transform,
    )


def survival_curve(
    fit: CoxFit, at: ArrayLike, *, stratum: object = None, level: float = 0.95
) -> PredictedCurve:
    """Predicted survival of a person with covariates `at`.

    Parameters
    ----------
    fit : CoxFit
    at : array_like of shape (p,)
        In the order of `fit.names`, on the scale of the data.
    stratum : label, optional
        Needed where the model has strata.
    level : float
        Of the interval, made on the scale of log survival.

    Returns
    -------
    PredictedCurve

    Raises
    ------
    CodingError
        The stratum is not one of the model's.

    References
    ----------
    Tsiatis AA. A large sample study of Cox's regression model. Ann Stat 1981;9:93-108. Hazard by Efron's
    method where the fit's ties are.
    """
    person = vector(at, "at", len(fit.names))
    labels = fit._stratum_labels
    if stratum is None and len(labels) == 1:
        stratum = labels[0]
    if stratum not in labels:
        known = ", ".join(str(label) for label in labels)
        raise CodingError("No such stratum", field="stratum", remedy=f"Use one of {known}.")
    number = labels.index(stratum)
    sets, evaluation = fit._sets, fit._at_estimate
    x = (person - sets.centre) / sets.scale
    relative = np.exp(x @ (fit.coefficients * sets.scale) - evaluation.shift)

    own = np.flatnonzero(sets.group_stratum == number)[::-1]  # groups run backwards in time
    hazard, square = evaluation.one, evaluation.one2
    leaning = square[:, None] * evaluation.at_risk_x - evaluation.frac2[:, None] * evaluation.death_x
    baseline, variance = np.cumsum(hazard[own]), np.cumsum(square[own])
    drift = baseline[:, None] * x - np.cumsum(leaning[own], axis=0)
    covariance = fit.covariance * np.outer(sets.scale, sets.scale)
    spread = variance + np.einsum("ij,jk,ik->i", drift, covariance, drift)

    times = np.unique(fit._time[fit._stratum == number])
    place = np.searchsorted(sets.group_time[own], times, side="right")
    cumulative = np.concatenate([[0.0], baseline])[place] * relative
    std_err = np.sqrt(np.concatenate([[0.0], spread])[place]) * relative
    half = normal_quantile(confidence(level)) * std_err
    return PredictedCurve(
        time=times,
        survival=np.exp(-cumulative),
        cumulative_hazard=cumulative,
        std_err=std_err,
        lower=np.exp(-cumulative - half),
        upper=np.minimum(np.exp(-cumulative + half), 1.0),
        level=level,
    )


def _transformed_times(fit: CoxFit, transform: str) -> FloatArray:
    """The transform of each group's time (G,)."""
    sets = fit._sets
    time = sets.group_time
    if transform == "identity":
        return time
    if transform == "rank":
        rows = np.sort(fit._time)  # R ranks a time among all rows, censored ones too
        return (np.searchsorted(rows, time, "left") + np.searchsorted(rows, time, "right") + 1.0) / 2
    if transform == "log":
        if (time <= 0).any():
            raise CodingError(
                "Deaths at time zero have no logarithm", field="transform", remedy="Use km or rank."
            )
        return np.log(time)
    curve = kaplan_meier(fit._time, fit._died, entry=fit._entry).curves[0]
    before = np.concatenate([[1.0], curve.survival])[np.searchsorted(curve.time, time, side="left")]
    return 1.0 - before
