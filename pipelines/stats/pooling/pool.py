"""Pooled effects: fixed, DerSimonian-Laird, REML, Paule-Mandel, with every interval that is in use.

Numbers equal `metafor::rma` at converged thresholds (tests/parity).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, choice, confidence
from ..effect import DIFFERENCES, EFFECT_TYPES, RATIOS, Effect
from ..errors import CodingError, ShapeError
from ._mixed import MixedFit, check_effects, fit_mixed, tau2_interval
from .intervals import PooledInterval, intervals_of
from .overlap import Overlap
from .study import StudyCheck

FRAME = {
    "interval": pl.String,
    **dict.fromkeys(("estimate", "ci_low", "ci_high", "ci_level", "std_err"), pl.Float64),
    "df": pl.Int64,
    "p_value": pl.Float64,
    **dict.fromkeys(("method", "measure", "estimand", "effect_type"), pl.String),
    "studies": pl.Int64,
    **dict.fromkeys(("tau2", "tau2_low", "tau2_high"), pl.Float64),
    **dict.fromkeys(("i_squared", "i_squared_from_q", "h_squared", "q"), pl.Float64),
    "q_df": pl.Int64,
    "q_p": pl.Float64,
    "notes": pl.String,
}


@dataclass(frozen=True)
class Pooled:
    """Result of `pool` and of `pool_studies`.

    Attributes
    ----------
    method : {"fixed", "dersimonian_laird", "reml", "paule_mandel"}
    measure : str
    labels : tuple of str
        The k studies, in the order of the input.
    log_estimate : float
        Mean of the studies' log ratios (or differences).
    tau2 : float
        Variance between studies.
    tau2_ci : tuple of float
        Its Q-profile interval at `level`.
    q, q_df, q_p : float, int, float
        Cochran's test of heterogeneity.
    i_squared, i_squared_from_q : float
        Percent of the variance between studies, by `tau2` and by Q.
    i_squared_ci : tuple of float
        From the limits of `tau2`.
    h_squared : float
    weights : ndarray of shape (k,)
        Percent of the mean that each study gives.
    intervals : tuple of PooledInterval
        The one to report first comes first: Hartung and Knapp's, then a prediction, below ten studies.
    level : float
    estimand, effect_type : str
        The mean of the studies' effects; `conditional` where any study adjusts in its outcome model.
    n, n_exposed, events : int
        Of the studies that say so.
    notes : tuple of str
        What a report has to print: few studies, failed checks, shared people, unknown numbers.
    checks : tuple of StudyCheck
    overlaps : tuple of Overlap
    """

    method: str
    measure: str
    labels: tuple[str, ...]
    log_estimate: float
    tau2: float
    tau2_ci: tuple[float, float]
    q: float
    q_df: int
    q_p: float
    i_squared: float
    i_squared_from_q: float
    i_squared_ci: tuple[float, float]
    h_squared: float
    weights: FloatArray
    intervals: tuple[PooledInterval, ...]
    level: float
    estimand: str
    effect_type: str
    n: int = 0
    n_exposed: int = 0
    events: int = 0
    notes: tuple[str, ...] = ()
    checks: tuple[StudyCheck, ...] = ()
    overlaps: tuple[Overlap, ...] = ()

    def interval(self, kind: str) -> PooledInterval:
        """The interval of one kind."""
        choice(kind, "kind", [interval.kind for interval in self.intervals])
        return next(interval for interval in self.intervals if interval.kind == kind)

    @property
    def effect(self) -> Effect:
        """The mean with the first of its own intervals (a prediction is of a new study, not of the mean)."""
        first = next(interval for interval in self.intervals if interval.p_value is not None)
        back = scale_of(self.measure)
        return Effect(
            analysis=f"pooled_{self.method}",
            measure=self.measure,
            estimate=back(self.log_estimate),
            std_err=first.std_err,
            ci_low=back(first.low),
            ci_high=back(first.high),
            ci_level=self.level,
            p_value=float("nan") if first.p_value is None else first.p_value,
            n=self.n,
            n_exposed=self.n_exposed,
            events=self.events,
            estimand=self.estimand,
            effect_type=self.effect_type,
            method=f"{self.method}, {first.kind} interval, {len(self.labels)} studies",
            notes=self.notes,
        )

    def to_frame(self) -> pl.DataFrame:
        """One row per interval, the one to report first, on the scale of the measure; heterogeneity beside it.

        `std_err`, `tau2` and its limits are on the log scale of a ratio.
        """
        back = scale_of(self.measure)
        common = {
            "estimate": back(self.log_estimate),
            "ci_level": self.level,
            "method": self.method,
            "measure": self.measure,
            "estimand": self.estimand,
            "effect_type": self.effect_type,
            "studies": len(self.labels),
            "tau2": self.tau2,
            "tau2_low": self.tau2_ci[0],
            "tau2_high": self.tau2_ci[1],
            "i_squared": self.i_squared,
            "i_squared_from_q": self.i_squared_from_q,
            "h_squared": self.h_squared,
            "q": self.q,
            "q_df": self.q_df,
            "q_p": self.q_p,
            "notes": " ".join(self.notes),
        }
        rows = [
            {
                **common,
                "interval": interval.kind,
                "ci_low": back(interval.low),
                "ci_high": back(interval.high),
                "std_err": interval.std_err,
                "df": interval.df,
                "p_value": interval.p_value,
            }
            for interval in self.intervals
        ]
        return pl.DataFrame(rows, schema=FRAME)


def pool(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    method: str = "reml",
    level: float = 0.95,
    measure: str = "hr",
    labels: Sequence[str] | None = None,
    effect_type: str = "conditional",
) -> Pooled:
    """Pool estimates with known variances.

    Parameters
    ----------
    estimate : array_like of shape (k,)
        Logarithms of ratios, or differences; at least two.
    variance : array_like of shape (k,)
        Their squared standard errors, above zero.
    method : {"fixed", "dersimonian_laird", "reml", "paule_mandel"}
        Estimator of the variance between studies; `fixed` takes it to be zero.
    level : float
        Confidence level of every interval, 0 to 1.
    measure : str
        As in `Effect`.
    labels : sequence of str, optional
        One per study, distinct; default `study 1`, …
    effect_type : {"conditional", "marginal"}

    Returns
    -------
    Pooled

    Raises
    ------
    ShapeError
        Fewer than two studies; labels that repeat or do not fit.
    CodingError
        Variances of zero or below; an unknown method, measure or effect type; a level outside 0 to 1; one text
        for all labels.
    NonFiniteError
        Missing or infinite values.

    Notes
    -----
    With two studies there is no t(k - 2), and where the studies agree exactly Hartung and Knapp's interval
    has no width: those rows are left out, and `notes` says so. A fixed effect has no predictions.

    References
    ----------
    DerSimonian R, Laird N. Meta-analysis in clinical trials. Control Clin Trials 1986;7:177-188.
    Paule RC, Mandel J. Consensus values and weighting factors. J Res Natl Bur Stand 1982;87:377-385.
    Viechtbauer W. Bias and efficiency of meta-analytic variance estimators in the random-effects model.
    J Educ Behav Stat 2005;30:261-293.
    Hartung J, Knapp G. A refined method for the meta-analysis of controlled clinical trials with binary
    outcome. Stat Med 2001;20:3875-3889.
    Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis. J R Stat Soc
    A 2009;172:137-159.
    """
    confidence(level)
    choice(measure, "measure", (*RATIOS, *DIFFERENCES))
    choice(effect_type, "effect_type", EFFECT_TYPES)
    y, v = check_effects(estimate, variance)
    names = check_labels(labels, len(y))
    fit = fit_mixed(y, v, method=method)
    limits = tau2_interval(y, v, level=level)
    intervals, notes = intervals_of(fit, len(y), method, level)
    weights = 1 / (v + fit.tau2)
    i_squared = fit.i_squared_from_q if method == "fixed" else fit.i_squared
    return Pooled(
        method=method,
        measure=measure,
        labels=names,
        log_estimate=float(fit.coefficients[0]),
        tau2=fit.tau2,
        tau2_ci=limits,
        q=fit.q,
        q_df=fit.q_df,
        q_p=fit.q_p,
        i_squared=i_squared,
        i_squared_from_q=fit.i_squared_from_q,
        i_squared_ci=(_share(limits[0], fit), _share(limits[1], fit)),
        h_squared=fit.q / fit.q_df if method == "fixed" else fit.h_squared,
        weights=100 * weights / weights.sum(),
        intervals=intervals,
        level=level,
        estimand="mean_of_studies",
        effect_type=effect_type,
        notes=notes,
    )


def check_labels(labels: Sequence[str] | None, k: int) -> tuple[str, ...]:
    """One distinct label per study."""
    if isinstance(labels, str):
        raise CodingError(
            "One text where a label for each study is needed", field="labels", remedy="Give a list of texts."
        )
    names = tuple(f"study {i + 1}" for i in range(k)) if labels is None else tuple(labels)
    if len(names) != k or len(set(names)) != k:
        raise ShapeError(
            f"{len(names)} labels, {len(set(names))} of them distinct, for {k} studies",
            field="labels",
            remedy="Give each study its own label.",
        )
    return names


def _share(tau2: float, fit: MixedFit) -> float:
    return 100 * tau2 / (tau2 + fit.typical_variance)


def scale_of(measure: str) -> Callable[[float], float]:
    """From the log scale to that of the measure; a limit beyond all numbers is infinite."""
    if measure not in RATIOS:
        return lambda value: value

    def exponential(value: float) -> float:
        with np.errstate(over="ignore"):
            return float(np.exp(value))

    return exponential
