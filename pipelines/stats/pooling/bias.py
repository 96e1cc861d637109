"""Small-study effects: Egger's test in both forms, Begg's, trim and fill.

None of them tells publication bias from a true difference between small and large studies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr

from .._inputs import BoolArray, FloatArray, choice
from ..errors import CollinearityError, ConvergenceError
from ._mixed import check_effects, fit_mixed, require_spread
from .pool import Pooled, check_labels, pool

MISSING_ESTIMATORS = ("L0", "R0", "Q0")
SIDES = ("left", "right")
MAX_ROUNDS = 100


@dataclass(frozen=True)
class AsymmetryTest:
    """A test that small studies show another effect than large ones.

    Attributes
    ----------
    test : {"egger_classic", "egger_mixed", "begg"}
    slope, std_err : float or None
        Change of the log estimate per unit of standard error; None for Begg's rank test.
    limit_estimate : float or None
        Log estimate of a study without sampling error, where the standard error is zero.
    statistic : float
        t, z, or Kendall's tau.
    df : int or None
        Degrees of freedom of t.
    p_value : float
        Two-sided.
    studies : int
    notes : tuple of str
    """

    test: str
    slope: float | None
    std_err: float | None
    limit_estimate: float | None
    statistic: float
    df: int | None
    p_value: float
    studies: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        row = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "notes"}
        schema = {
            "test": pl.String,
            **dict.fromkeys(("slope", "std_err", "limit_estimate", "statistic"), pl.Float64),
            "df": pl.Int64,
            "p_value": pl.Float64,
            "studies": pl.Int64,
        }
        return pl.DataFrame([row], schema=schema).with_columns(pl.lit(" ".join(self.notes)).alias("notes"))


@dataclass(frozen=True)
class TrimAndFill:
    """Result of `trim_and_fill`.

    Attributes
    ----------
    estimator : {"L0", "R0", "Q0"}
    side : {"left", "right"}
        Of the funnel on which studies are missing.
    missing : int
        How many.
    missing_std_err : float or None
        None where the formula has a negative variance, as it can with one or no study missing.
    pooled : Pooled
        With the studies filled in.
    observed : Pooled
        Without.
    estimate, variance : ndarray of shape (k + missing,)
        Log estimates and variances, those filled in last.
    filled : ndarray of bool, shape (k + missing,)
    """

    estimator: str
    side: str
    missing: int
    missing_std_err: float | None
    pooled: Pooled
    observed: Pooled
    estimate: FloatArray
    variance: FloatArray
    filled: BoolArray

    def to_frame(self) -> pl.DataFrame:
        """One row per study of the funnel: `label, log_estimate, std_err, filled`."""
        return pl.DataFrame(
            {
                "label": self.pooled.labels,
                "log_estimate": self.estimate,
                "std_err": np.sqrt(self.variance),
                "filled": self.filled,
            }
        )


def egger(estimate: ArrayLike, variance: ArrayLike) -> AsymmetryTest:
    """Egger's regression as published: on the standard error, weights 1/variance, residual variance free.

    Parameters
    ----------
    estimate, variance : array_like of shape (k,)
        Log estimates and variances, at least three studies.

    Returns
    -------
    AsymmetryTest
        A t-test with k - 2 degrees of freedom.

    Raises
    ------
    CollinearityError
        All studies have the same standard error or the same estimate, or lie on a line exactly.
    ShapeError, CodingError, NonFiniteError
        Fewer than three studies, a variance of zero or below, missing values.

    References
    ----------
    Egger M, Davey Smith G, Schneider M, Minder C. Bias in meta-analysis detected by a simple, graphical
    test. BMJ 1997;315:629-634.
    """
    y, v, design = _funnel(estimate, variance)
    fit = fit_mixed(y, v, design, method="fixed")
    df = len(y) - 2
    require_spread(fit, len(y))
    std_err = float(np.sqrt(fit.covariance[1, 1] * fit.scale))
    slope, limit = float(fit.coefficients[1]), float(fit.coefficients[0])
    statistic = slope / std_err
    p_value = 2 * float(stdtr(df, -abs(statistic)))
    return AsymmetryTest("egger_classic", slope, std_err, limit, statistic, df, p_value, len(y), _few(len(y)))


def egger_mixed(estimate: ArrayLike, variance: ArrayLike, *, method: str = "reml") -> AsymmetryTest:
    """Egger's regression as a mixed-effects model: on the standard error, with a variance between studies.

    Parameters
    ----------
    estimate, variance
        As in `egger`.
    method : {"fixed", "dersimonian_laird", "reml", "paule_mandel"}

    Returns
    -------
    AsymmetryTest
        A z-test.

    Raises
    ------
    CollinearityError, ShapeError, CodingError, NonFiniteError
        As in `egger`.

    References
    ----------
    Sterne JAC, Egger M. Regression methods to detect publication and other bias in meta-analysis. In:
    Publication bias in meta-analysis. Wiley 2005:99-110.
    """
    y, v, design = _funnel(estimate, variance)
    fit = fit_mixed(y, v, design, method=method)
    std_err = float(np.sqrt(fit.covariance[1, 1]))
    slope, limit = float(fit.coefficients[1]), float(fit.coefficients[0])
    statistic = slope / std_err
    p_value = 2 * float(ndtr(-abs(statistic)))
    return AsymmetryTest("egger_mixed", slope, std_err, limit, statistic, None, p_value, len(y), _few(len(y)))


def begg(estimate: ArrayLike, variance: ArrayLike) -> AsymmetryTest:
    """Begg and Mazumdar's rank correlation of standardised estimates and variances.

    Parameters
    ----------
    estimate, variance
        As in `egger`.

    Returns
    -------
    AsymmetryTest
        Kendall's tau; exact without ties, normal with them.

    Raises
    ------
    CollinearityError, ShapeError, CodingError, NonFiniteError
        As in `egger`.

    References
    ----------
    Begg CB, Mazumdar M. Operating characteristics of a rank correlation test for publication bias.
    Biometrics 1994;50:1088-1101.
    """
    y, v, _ = _funnel(estimate, variance)
    from scipy.stats import kendalltau

    fit = fit_mixed(y, v, method="fixed")
    standardised = (y - fit.coefficients[0]) / np.sqrt(v - fit.covariance[0, 0])
    untied = len(np.unique(standardised)) == len(np.unique(v)) == len(y)
    found = kendalltau(standardised, v, method="exact" if untied else "asymptotic")
    tau, p_value = float(found.statistic), float(found.pvalue)
    return AsymmetryTest("begg", None, None, None, tau, None, p_value, len(y), _few(len(y)))


def trim_and_fill(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    estimator: str = "L0",
    side: str | None = None,
    method: str = "reml",
    level: float = 0.95,
    measure: str = "hr",
    labels: Sequence[str] | None = None,
) -> TrimAndFill:
    """Duval and Tweedie's trim and fill: how many studies a funnel lacks, and the pool with them.

    Parameters
    ----------
    estimate, variance
        As in `pool`; at least three studies.
    estimator : {"L0", "R0", "Q0"}
        Of the number missing.
    side : {"left", "right"}, optional
        Where studies are missing; default the side that Egger's mixed-effects slope points away from.
    method, level, measure, labels
        As in `pool`; the model is fitted again in every round.

    Returns
    -------
    TrimAndFill
        A question put to the data (would it matter?), not a corrected estimate.

    Raises
    ------
    ConvergenceError
        The number missing goes back and forth, or Q0 is the root of a negative number.
    CollinearityError
        All studies have the same standard error or estimate, and no side is given.
    ShapeError, CodingError, NonFiniteError
        As in `pool`.

    References
    ----------
    Duval S, Tweedie R. Trim and fill: a simple funnel-plot-based method of testing and adjusting for
    publication bias in meta-analysis. Biometrics 2000;56:455-463.
    """
    choice(estimator, "estimator", MISSING_ESTIMATORS)
    y, v = check_effects(estimate, variance, needed=3)
    names = check_labels(labels, len(y))
    if side is None:
        slope = fit_mixed(y, v, _funnel(y, v)[2], method=method).coefficients[1]
        side = "right" if slope < 0 else "left"
    choice(side, "side", SIDES)
    towards = -1.0 if side == "right" else 1.0
    order = np.lexsort((v, towards * y))
    sorted_y, sorted_v = towards * y[order], v[order]
    missing, std_err, centre = _count_missing(sorted_y, sorted_v, estimator, method)
    last = slice(len(y) - missing, len(y))
    all_y = np.concatenate([y, towards * (2 * centre - sorted_y[last])])
    all_v = np.concatenate([v, sorted_v[last]])
    all_names = (*names, *(f"filled {i + 1}" for i in range(missing)))
    pooled = pool(all_y, all_v, method=method, level=level, measure=measure, labels=all_names)
    note = f"{missing} of {len(all_y)} studies are filled in, not observed."
    return TrimAndFill(
        estimator=estimator,
        side=side,
        missing=missing,
        missing_std_err=std_err,
        pooled=replace(pooled, notes=(*pooled.notes, note)) if missing else pooled,
        observed=pool(y, v, method=method, level=level, measure=measure, labels=names),
        estimate=all_y,
        variance=all_v,
        filled=np.arange(len(all_y)) >= len(y),
    )


def _count_missing(
    y: FloatArray, v: FloatArray, estimator: str, method: str
) -> tuple[int, float | None, float]:
    """Number missing on the left of sorted estimates, its standard error, and the centre of the trimmed."""
    k = len(y)
    missing = 0
    for _ in range(MAX_ROUNDS):
        kept = slice(0, max(k - missing, 1))
        centre = float(fit_mixed(y[kept], v[kept], method=method).coefficients[0]) if kept.stop > 1 else y[0]
        away = y - centre
        rank = np.empty(k)
        rank[np.argsort(np.abs(away), kind="stable")] = np.arange(1, k + 1)
        raw, std_err = _missing(np.sign(away) * rank, k, estimator)
        if missing == (missing := max(0, int(np.rint(raw)))):
            return missing, std_err, centre
    raise ConvergenceError(
        "Trim and fill did not settle on a number of missing studies",
        field="estimate",
        count=k,
        remedy="Use another estimator (R0, L0 or Q0).",
    )


def _missing(signed_rank: FloatArray, k: int, estimator: str) -> tuple[float, float | None]:
    """Estimator of the number missing and its standard error, from signed ranks about the centre."""
    if estimator == "R0":
        below = -signed_rank[signed_rank < 0]
        raw = k - float(below.max(initial=0.0)) - 1
        return raw, float(np.sqrt(2 * max(0.0, raw) + 2))
    ranks = float(signed_rank[signed_rank > 0].sum())
    if estimator == "L0":
        raw = (4 * ranks - k * (k + 1)) / (2 * k - 1)
        factor = 4 / (2 * k - 1)
    else:
        inside = 2 * k**2 - 4 * ranks + 0.25
        if inside < 0:
            raise ConvergenceError(
                "Q0 has no number of missing studies where nearly all lie on one side of their centre",
                field="estimator",
                count=k,
                remedy="Use L0 or R0.",
            )
        raw = k - 0.5 - float(np.sqrt(inside))
        factor = 2 / float(np.sqrt(max((k - 0.5) ** 2 - raw * (2 * k - raw - 1), 1e-12)))
    variance = (
        k * (k + 1) * (2 * k + 1) + 10 * raw**3 + 27 * raw**2 + 17 * raw - 18 * k * raw**2 - 18 * k * raw
    )
    variance += 6 * k**2 * raw
    return raw, factor * float(np.sqrt(variance / 24)) if variance >= 0 else None


def _funnel(estimate: ArrayLike, variance: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimates, variances, and a design of a constant and the standard error."""
    y, v = check_effects(estimate, variance, needed=3)
    if np.ptp(y) <= 1e-10 * np.abs(y).max():
        raise CollinearityError(
            "All studies have the same estimate",
            field="estimate",
            count=len(y),
            remedy="There is no asymmetry to look for.",
        )
    std_err = np.sqrt(v)
    if np.ptp(std_err) <= 1e-10 * std_err.max():
        raise CollinearityError(
            "All studies have the same standard error",
            field="variance",
            count=len(y),
            remedy="There is no funnel to look at.",
        )
    return y, v, np.column_stack([np.ones(len(y)), std_err])


def _few(k: int) -> tuple[str, ...]:
    if k >= 10:
        return ()
    return (f"Only {k} studies: tests of asymmetry say little below ten.",)
