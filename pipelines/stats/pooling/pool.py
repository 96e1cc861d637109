"""Pooled effects: fixed, DerSimonian-Laird, REML, Paule-Mandel, with every interval that is in use.

Numbers equal `metafor::rma` at converged thresholds (tests/parity).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from .._inputs import FloatArray, choice, confidence
from .._linear_algebra import normal_quantile, two_sided_p
from ..effect import RATIOS, Effect
from ..errors import CodingError, ShapeError
from ._mixed import MixedFit, check_effects, fit_mixed, tau2_interval
from .overlap import Overlap, find_overlaps
from .study import StudyCheck, StudyEstimate, check_study

# Below this many studies Wald's interval covers too seldom, and Hartung and Knapp's comes first.
FEW_STUDIES = 10
LEADING_FEW = (
    "hartung_knapp",
    "prediction_t_k_minus_2",
    "prediction_hartung_knapp",
    "hartung_knapp_at_least_wald",
    "wald",
    "prediction_z",
)
LEADING_MANY = (
    "wald",
    "prediction_z",
    "hartung_knapp",
    "hartung_knapp_at_least_wald",
    "prediction_hartung_knapp",
    "prediction_t_k_minus_2",
)


@dataclass(frozen=True)
class PooledInterval:
    """One interval of a pool, on the log scale.

    Attributes
    ----------
    kind : str
        `wald`; `hartung_knapp` (t with k - 1 degrees of freedom and the variance multiplied by the mean
        weighted square of the residuals); `hartung_knapp_at_least_wald` (the ad hoc variant, the multiplier
        at least one); `prediction_z`, `prediction_hartung_knapp` (t with k - 1) and `prediction_t_k_minus_2`
        (Higgins, Thompson and Spiegelhalter) for the effect in a new study.
    std_err : float
        Of the mean, or of a new study's effect for the predictions.
    df : int or None
        Degrees of freedom of t; None for the normal distribution.
    low, high : float
    p_value : float or None
        Two-sided, that the mean is zero; None for predictions.
    """

    kind: str
    std_err: float
    df: int | None
    low: float
    high: float
    p_value: float | None


@dataclass(frozen=True)
class Pooled:
    """Result of `pool` and `pool_studies`.

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
        """The mean with the interval that comes first."""
        first = self.intervals[0]
        back = _scale(self.measure)
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
        back = _scale(self.measure)
        rows = [
            {
                "interval": interval.kind,
                "estimate": back(self.log_estimate),
                "ci_low": back(interval.low),
                "ci_high": back(interval.high),
                "ci_level": self.level,
                "std_err": interval.std_err,
                "df": interval.df,
                "p_value": interval.p_value,
            }
            for interval in self.intervals
        ]
        schema = {
            "interval": pl.String,
            **dict.fromkeys(("estimate", "ci_low", "ci_high", "ci_level", "std_err"), pl.Float64),
            "df": pl.Int64,
            "p_value": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema).with_columns(
            pl.lit(self.method).alias("method"),
            pl.lit(self.measure).alias("measure"),
            pl.lit(self.estimand).alias("estimand"),
            pl.lit(self.effect_type).alias("effect_type"),
            pl.lit(len(self.labels), dtype=pl.Int64).alias("studies"),
            pl.lit(self.tau2).alias("tau2"),
            pl.lit(self.tau2_ci[0]).alias("tau2_low"),
            pl.lit(self.tau2_ci[1]).alias("tau2_high"),
            pl.lit(self.i_squared).alias("i_squared"),
            pl.lit(self.i_squared_from_q).alias("i_squared_from_q"),
            pl.lit(self.h_squared).alias("h_squared"),
            pl.lit(self.q).alias("q"),
            pl.lit(self.q_df, dtype=pl.Int64).alias("q_df"),
            pl.lit(self.q_p).alias("q_p"),
            pl.lit(" ".join(self.notes)).alias("notes"),
        )


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
        Variances of zero or below; an unknown method or measure; a level outside 0 to 1.
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
    y, v = check_effects(estimate, variance)
    names = check_labels(labels, len(y))
    fit = fit_mixed(y, v, method=method)
    limits = tau2_interval(y, v, level=level)
    intervals, left_out = _intervals(fit, len(y), method, level)
    leading = LEADING_FEW if len(y) < FEW_STUDIES else LEADING_MANY
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
        intervals=tuple(sorted(intervals, key=lambda interval: leading.index(interval.kind))),
        level=level,
        estimand="mean_of_studies",
        effect_type=effect_type,
        notes=(*_few_notes(len(y), method), *left_out),
    )


def pool_studies(
    studies: Sequence[StudyEstimate],
    *,
    method: str = "reml",
    level: float = 0.95,
    orientation: str = "exposed_vs_unexposed",
    shared: Collection[tuple[str, str]] = (),
) -> Pooled:
    """Pool published estimates: each turned to one orientation, its own level allowed for, checked.

    Parameters
    ----------
    studies : sequence of StudyEstimate
        At least two, of one measure.
    method, level
        As in `pool`.
    orientation : {"exposed_vs_unexposed", "unexposed_vs_exposed"}
        Of the result.
    shared : collection of pairs of str
        As in `overlap.find_overlaps`.

    Returns
    -------
    Pooled
        With `checks` and `overlaps`; those that fail are in `notes` too, and nothing is dropped.

    Raises
    ------
    CodingError
        Studies of several measures.
    ShapeError
        Fewer than two studies, or one that comes twice (at two confidence levels, the message says so).
    """
    y, v, names, measure = log_effects(studies, orientation)
    overlaps = find_overlaps(studies, shared=shared)
    checks = tuple(check for study in studies for check in check_study(study))
    mixed = len({study.effect_type for study in studies}) > 1
    result = pool(
        y,
        v,
        method=method,
        level=level,
        measure=measure,
        labels=names,
        effect_type="conditional" if mixed else studies[0].effect_type,
    )
    notes = [*result.notes]
    notes += [f"Check failed, {c.label}, {c.check}: {c.finding}." for c in checks if c.passed is False]
    notes += [str(overlap) for overlap in overlaps]
    if mixed:
        notes.append("Conditional and marginal effects are pooled together.")
    if len({study.design for study in studies}) > 1:
        notes.append("Randomised and observational studies are pooled together.")
    counts = {}
    for field in ("n", "n_exposed", "events"):
        known = [getattr(study, field) for study in studies if getattr(study, field) is not None]
        counts[field] = sum(known)
        if len(known) < len(studies):
            notes.append(f"{field} is not known for {len(studies) - len(known)} of {len(studies)} studies.")
    return replace(result, **counts, notes=tuple(notes), checks=checks, overlaps=overlaps)


def log_effects(
    studies: Sequence[StudyEstimate], orientation: str = "exposed_vs_unexposed"
) -> tuple[FloatArray, FloatArray, tuple[str, ...], str]:
    """Log ratios (k,) in one orientation, their variances (k,), the labels and the common measure.

    What `leave_one_out`, `egger`, `trim_and_fill` and `meta_regression` take.

    Raises
    ------
    CodingError
        Studies of several measures, or an unknown orientation.
    ShapeError
        No study, or one that comes twice.
    """
    if not studies:
        raise ShapeError("There are no studies", field="studies", count=0, remedy="Give at least two.")
    _refuse_repeats(studies)
    measures = sorted({study.measure for study in studies})
    if len(measures) > 1:
        raise CodingError(
            f"Studies of several measures: {', '.join(measures)}",
            field="measure",
            count=len(measures),
            remedy="Pool each measure by itself.",
        )
    y = np.array([study.log_estimate(orientation) for study in studies])
    v = np.array([study.std_err**2 for study in studies])
    return y, v, tuple(study.label for study in studies), measures[0]


def check_labels(labels: Sequence[str] | None, k: int) -> tuple[str, ...]:
    """One distinct label per study."""
    names = tuple(f"study {i + 1}" for i in range(k)) if labels is None else tuple(labels)
    if len(names) != k or len(set(names)) != k:
        raise ShapeError(
            f"{len(names)} labels, {len(set(names))} of them distinct, for {k} studies",
            field="labels",
            remedy="Give each study its own label.",
        )
    return names


def _refuse_repeats(studies: Sequence[StudyEstimate]) -> None:
    by_label: dict[str, list[StudyEstimate]] = {}
    for study in studies:
        by_label.setdefault(study.label, []).append(study)
    repeated = {label: rows for label, rows in by_label.items() if len(rows) > 1}
    if not repeated:
        return
    conflicting = [label for label, rows in repeated.items() if len({row.ci_level for row in rows}) > 1]
    also = f"; at different confidence levels: {', '.join(conflicting)}" if conflicting else ""
    raise ShapeError(
        f"Studies that come more than once: {', '.join(repeated)}{also}",
        field="ci_level" if conflicting else "label",
        count=len(repeated),
        remedy="Keep one report of each study, with the level its interval is printed at.",
    )


def _intervals(
    fit: MixedFit, k: int, method: str, level: float
) -> tuple[list[PooledInterval], tuple[str, ...]]:
    """Every interval that the model and the number of studies allow, and sentences on the others."""
    std_err = float(np.sqrt(fit.covariance[0, 0]))
    agree = fit.scale <= 1e-14
    factors = {"hartung_knapp": fit.scale, "hartung_knapp_at_least_wald": max(1.0, fit.scale)}
    found = [_interval("wald", fit, std_err, None, level)]
    notes = []
    for kind, factor in factors.items():
        if agree and kind == "hartung_knapp":
            notes.append("All studies agree exactly: Hartung and Knapp's interval would have no width.")
            continue
        found.append(_interval(kind, fit, std_err * float(np.sqrt(factor)), k - 1, level))
    if method == "fixed":
        return found, tuple(notes)
    new = float(np.sqrt(std_err**2 + fit.tau2))
    found.append(_interval("prediction_z", fit, new, None, level))
    if not agree:
        new_knapp = float(np.sqrt(std_err**2 * fit.scale + fit.tau2))
        found.append(_interval("prediction_hartung_knapp", fit, new_knapp, k - 1, level))
    if k > 2:
        found.append(_interval("prediction_t_k_minus_2", fit, new, k - 2, level))
    else:
        notes.append("Two studies: there is no prediction interval with k - 2 degrees of freedom.")
    return found, tuple(notes)


def _interval(kind: str, fit: MixedFit, std_err: float, df: int | None, level: float) -> PooledInterval:
    centre = float(fit.coefficients[0])
    half = std_err * (normal_quantile(level) if df is None else float(stdtrit(df, (1 + level) / 2)))
    p_value: float | None = None
    if not kind.startswith("prediction"):
        z = centre / std_err
        p_value = float(two_sided_p(np.array([z]))[0]) if df is None else 2 * float(stdtr(df, -abs(z)))
    return PooledInterval(kind, std_err, df, centre - half, centre + half, p_value)


def _few_notes(k: int, method: str) -> tuple[str, ...]:
    if k >= FEW_STUDIES:
        return ()
    if method == "fixed":
        return (f"Only {k} studies; a fixed effect speaks of these studies alone.",)
    return (
        f"Only {k} studies: the variance between them is poorly known, Wald's interval covers too seldom; "
        "read Hartung and Knapp's and the prediction interval.",
    )


def _share(tau2: float, fit: MixedFit) -> float:
    return 100 * tau2 / (tau2 + fit.typical_variance)


def _scale(measure: str) -> Callable[[float], float]:
    """From the log scale to that of the measure."""
    return (lambda value: float(np.exp(value))) if measure in RATIOS else (lambda value: value)
