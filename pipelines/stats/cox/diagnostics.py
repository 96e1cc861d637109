"""What a fitted Cox model leaves to look at: residuals and the proportional-hazards test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, codes
from .._linear_algebra import chi_square_p, quadratic_form, require_full_rank
from ..errors import CodingError, CollinearityError
from ..kaplan_meier import kaplan_meier
from ._findings import positions
from ._risk_sets import expected_sum, hazard_while_at_risk, information
from .concordance import Concordance, concordance_of
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


def martingale_residuals(fit: CoxFit, *, collapse: ArrayLike | None = None) -> FloatArray:
    """Observed minus expected events of each row, in the order of the input (n,); not weighted.

    Parameters
    ----------
    fit : CoxFit
    collapse : array_like of shape (n,), optional
        Labels, such as the person a row belongs to: residuals are summed by label, in the labels' order.

    References
    ----------
    Therneau TM, Grambsch PM, Fleming TR. Martingale-based residuals for survival models. Biometrika
    1990;77:147-160.
    """
    sets, at = fit._sets, fit._at_estimate
    result = np.zeros(fit.n)
    result[sets.rows] = sets.died - at.relative * hazard_while_at_risk(sets, at)
    return _summed(result, collapse)


def deviance_residuals(fit: CoxFit, *, collapse: ArrayLike | None = None) -> FloatArray:
    """Martingale residuals made more symmetric, in the order of the input (n,); not weighted.

    Parameters
    ----------
    fit : CoxFit
    collapse : array_like of shape (n,), optional
        Labels; the martingale residuals are summed by label first.

    References
    ----------
    Therneau TM, Grambsch PM, Fleming TR. Martingale-based residuals for survival models. Biometrika
    1990;77:147-160.
    """
    residual = martingale_residuals(fit, collapse=collapse)
    died = _summed(fit._died, collapse)
    expected = np.where(died > 0, died - residual, 1.0)
    surprise = np.where(died > 0, died * np.log(expected), 0.0)
    # The bracket is never above zero; rounding can leave a trace where residual and events are both tiny.
    return np.asarray(np.sign(residual) * np.sqrt(np.maximum(-2 * (residual + surprise), 0.0)), np.float64)


def score_residuals(fit: CoxFit, *, collapse: ArrayLike | None = None) -> FloatArray:
    """Each row's share of the score, in the order of the input (n, p); not weighted.

    Parameters
    ----------
    fit : CoxFit
    collapse : array_like of shape (n,), optional
        Labels; residuals are summed by label, in the labels' order.
    """
    sets = fit._sets
    result = np.zeros((fit.n, len(fit.names)))
    result[sets.rows] = score_residual_rows(sets, fit._at_estimate) * sets.scale
    return _summed(result, collapse)


def dfbeta_residuals(fit: CoxFit, *, collapse: ArrayLike | None = None) -> FloatArray:
    """About how much each row moves each coefficient, in the order of the input (n, p); weighted.

    Parameters
    ----------
    fit : CoxFit
    collapse : array_like of shape (n,), optional
        Labels, such as a hospital: how much all its rows together move each coefficient.
    """
    weighted = fit._weights[:, None] * score_residuals(fit)
    return _summed(weighted @ fit.naive_covariance, collapse)


def dfbetas_residuals(fit: CoxFit, *, collapse: ArrayLike | None = None) -> FloatArray:
    """`dfbeta_residuals` in standard errors of the coefficients (those without robust variance)."""
    scaled: FloatArray = dfbeta_residuals(fit, collapse=collapse) / np.sqrt(np.diag(fit.naive_covariance))
    return scaled


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
        An unknown transform or covariate, a term without any or with one twice, or the logarithm of a death
        at time zero.
    CollinearityError
        Deaths at one time only, or at so few that a change of the coefficients cannot be seen.

    References
    ----------
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals.
    Biometrika 1994;81:515-526. The exact score test is that of R's survival 3.0 and later.
    """
    choice(transform, "transform", TRANSFORMS)
    groups = {name: [name] for name in fit.names} if terms is None else dict(terms)
    sets, at, p = fit._sets, fit._at_estimate, len(fit.names)
    g = _transformed_times(fit, transform)
    counts = np.bincount(sets.death_group)
    g = g - np.average(g, weights=counts)

    deaths, group = sets.death_rows, sets.death_group
    observed = (sets.weights[deaths] * g[group]) @ sets.covariates[deaths]
    score = np.concatenate([np.zeros(p), observed - g @ expected_sum(at)])
    plain, once, twice = (information(sets, at, factor) for factor in (np.ones_like(g), g, g**2))
    full = np.block([[plain, once], [once, twice]])

    spread = float(np.sqrt(np.average(g**2, weights=counts))) if np.ptp(g) else 1.0
    _require_change_seen(fit, full, spread)

    statistics, degrees = [], []
    for columns in [*groups.values(), list(fit.names)]:
        keep = [p + j for j in positions(fit.names, columns)]
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


def _require_change_seen(fit: CoxFit, information: FloatArray, spread: float) -> None:
    """Refuse deaths that say nothing of how coefficients change with a time of standard deviation `spread`."""
    unit = np.repeat([1.0, spread], len(fit.names))
    changes = [f"{name} by time" for name in fit.names]
    try:
        require_full_rank(
            information / np.outer(unit, unit), [*fit.names, *changes], float(fit._sets.death_weight.sum())
        )
    except CollinearityError as error:
        raise CollinearityError(
            "Deaths are at too few times to see coefficients change",
            field=error.field,
            count=error.count,
            remedy="Leave the covariate out, or do without the test.",
        ) from error


def _summed(residuals: FloatArray, collapse: ArrayLike | None) -> FloatArray:
    """Residuals (n,) or (n, p) summed by label."""
    if collapse is None:
        return residuals
    group, labels = codes(collapse, "collapse", len(residuals))
    total = np.zeros((len(labels), *residuals.shape[1:]))
    np.add.at(total, group, residuals)
    return total


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


def concordance(fit: CoxFit, *, cluster: ArrayLike | None = None) -> Concordance:
    """Concordance of a fit's linear predictor with the data it was fitted to.

    It flatters: a model fits its own data best.

    Parameters
    ----------
    fit : CoxFit
    cluster : array_like of shape (n,), optional
        Labels of rows that belong together; the standard error is then clustered. A fit does not keep its
        clusters, so they are given again.
    """
    return concordance_of(
        fit._time,
        fit._died,
        fit._linear_predictor,
        entry=fit._entry,
        weights=fit._weights,
        strata=fit._stratum,
        cluster=cluster,
    )
