"""Why studies differ: meta-regression on what is known about them, and pools of subgroups with a test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import fdtrc, stdtr, stdtrit

from .._inputs import FloatArray, choice, codes, confidence, matrix
from .._linear_algebra import (
    chi_square_p,
    normal_quantile,
    quadratic_form,
    require_full_rank,
    two_sided_p,
)
from ..errors import ShapeError
from ._mixed import check_effects, fit_mixed, require_spread, tau2_interval
from .pool import FRAME, Pooled, check_labels, pool, scale_of

TESTS = ("z", "hartung_knapp")
STUDIES_PER_MODERATOR = 10


@dataclass(frozen=True)
class MetaRegression:
    """Result of `meta_regression`.

    Attributes
    ----------
    names : tuple of str
        `"(intercept)"`, then the moderators: p of them.
    coefficients : ndarray of shape (p,)
        Log estimate where all moderators are zero, and its change per unit of each.
    covariance : ndarray of shape (p, p)
        With Hartung and Knapp's factor where `test` is theirs.
    test : {"z", "hartung_knapp"}
    method : str
    tau2, tau2_without : float
        Variance between studies that is left, and without moderators.
    tau2_ci : tuple of float
        Q-profile interval of `tau2`.
    r_squared : float or None
        Percent of the variance between studies that the moderators take away; None where there was none.
    i_squared : float
        Percent of the variance left that is between studies.
    q, q_df, q_p : float, int, float
        Test of residual heterogeneity.
    moderator_statistic, moderator_df, moderator_p : float, int, float
        Joint test of the moderators: chi-square, or F on `moderator_df` and `q_df` degrees of freedom.
    studies : int
    notes : tuple of str
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    test: str
    method: str
    tau2: float
    tau2_without: float
    tau2_ci: tuple[float, float]
    r_squared: float | None
    i_squared: float
    q: float
    q_df: int
    q_p: float
    moderator_statistic: float
    moderator_df: int
    moderator_p: float
    studies: int
    notes: tuple[str, ...]

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per coefficient, on the log scale, with its interval and p-value."""
        statistic = self.coefficients / self.standard_errors
        if self.test == "z":
            half = normal_quantile(confidence(level)) * self.standard_errors
            p_value = two_sided_p(statistic)
        else:
            half = float(stdtrit(self.q_df, (1 + confidence(level)) / 2)) * self.standard_errors
            p_value = 2 * np.asarray(stdtr(self.q_df, -np.abs(statistic)))
        return pl.DataFrame(
            {
                "term": self.names,
                "coefficient": self.coefficients,
                "std_err": self.standard_errors,
                "ci_low": self.coefficients - half,
                "ci_high": self.coefficients + half,
                "ci_level": np.full(len(half), level),
                "statistic": statistic,
                "p_value": p_value,
            }
        )


@dataclass(frozen=True)
class SubgroupPools:
    """Result of `pool_subgroups`.

    Attributes
    ----------
    groups : tuple of str
        Labels, g of them, in their order.
    pools : tuple of Pooled or None
        Each group by itself, with its own variance between studies; None for a group of one study.
    between_statistic, between_df, between_p : float, int, float
        Chi-square test that the groups' means are equal, each group with its own variance.
    log_estimates, std_errs : ndarray of shape (g,)
        Of each group's mean, or of its one study.
    notes : tuple of str
    measure : str
    level : float
        Of the intervals.
    """

    groups: tuple[str, ...]
    pools: tuple[Pooled | None, ...]
    log_estimates: FloatArray
    std_errs: FloatArray
    between_statistic: float
    between_df: int
    between_p: float
    notes: tuple[str, ...]
    measure: str
    level: float

    def to_frame(self) -> pl.DataFrame:
        """One row per group and interval, with the test between groups repeated on each.

        A group of one study has one row, that study with Wald's interval; nothing is pooled there, so what
        is known of a pool alone is null.
        """
        parts = [
            (self._of_one_study(g) if part is None else part.to_frame()).select(
                pl.lit(group).alias("group"), pl.all()
            )
            for g, (group, part) in enumerate(zip(self.groups, self.pools, strict=True))
        ]
        test = (
            pl.lit(self.between_statistic).alias("between_statistic"),
            pl.lit(self.between_df, dtype=pl.Int64).alias("between_df"),
            pl.lit(self.between_p).alias("between_p"),
        )
        return pl.concat(parts).with_columns(*test)

    def _of_one_study(self, g: int) -> pl.DataFrame:
        centre, std_err = float(self.log_estimates[g]), float(self.std_errs[g])
        half, back = normal_quantile(self.level) * std_err, scale_of(self.measure)
        row = {
            "interval": "wald",
            "estimate": back(centre),
            "ci_low": back(centre - half),
            "ci_high": back(centre + half),
            "ci_level": self.level,
            "std_err": std_err,
            "p_value": float(two_sided_p(np.array([centre / std_err]))[0]),
            "measure": self.measure,
            "studies": 1,
            "notes": "One study: there is nothing to pool.",
        }
        return pl.DataFrame([row], schema=FRAME)


def meta_regression(
    estimate: ArrayLike,
    variance: ArrayLike,
    moderators: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    method: str = "reml",
    test: str = "z",
    level: float = 0.95,
) -> MetaRegression:
    """Regress estimates on properties of the studies, with a variance between studies that is left.

    Parameters
    ----------
    estimate, variance : array_like of shape (k,)
        As in `pool`.
    moderators : array_like of shape (k, m), or Polars frame
        Numbers without missing values; a factor as 0/1 columns without its reference level; m < k - 1.
    names : sequence of str, optional
        One per moderator; default the frame's columns or x0, x1, …
    method : {"fixed", "dersimonian_laird", "reml", "paule_mandel"}
    test : {"z", "hartung_knapp"}
    level : float
        Confidence level of the interval of `tau2`.

    Returns
    -------
    MetaRegression
        An association across studies. What holds for studies need not hold for the people in them.

    Raises
    ------
    ShapeError
        Not more studies than coefficients.
    CollinearityError
        A moderator is constant or a combination of others; Hartung and Knapp's test where the model goes
        through every study exactly.
    CodingError, NonFiniteError
        As in `pool`.

    References
    ----------
    Knapp G, Hartung J. Improved tests for a random effects meta-regression with a single covariate. Stat
    Med 2003;22:2693-2710.
    Raudenbush SW. Analyzing effect sizes: random-effects models. In: Handbook of research synthesis and
    meta-analysis. Russell Sage 2009:295-315.
    """
    choice(test, "test", TESTS)
    confidence(level)
    y, v = check_effects(estimate, variance)
    x, labels = matrix(moderators, names, len(y))
    if len(y) <= x.shape[1] + 1:
        raise ShapeError(
            f"{len(y)} studies for {x.shape[1] + 1} coefficients",
            field="moderators",
            count=x.shape[1],
            remedy="Use fewer moderators.",
        )
    centre = np.sort(x, axis=0).mean(axis=0)
    centred = x - centre
    spread = (centred.T / v) @ centred
    scale = np.where(np.ptp(x, axis=0) > 1e-10 * np.abs(x).max(axis=0), np.sqrt(np.diag(spread)), np.inf)
    require_full_rank(spread / np.outer(scale, scale), labels, 1.0)
    # Fitted about the moderators' means and in units of their range: a calendar year is far from 0.
    unit = np.abs(centred).max(axis=0)
    design = np.column_stack([np.ones(len(y)), centred / unit])
    fit = fit_mixed(y, v, design, method=method)
    if test == "hartung_knapp":
        require_spread(fit, len(y))
    covariance = fit.covariance * (fit.scale if test == "hartung_knapp" else 1.0)
    m = x.shape[1]
    joint = quadratic_form(fit.coefficients[1:], covariance[1:, 1:])
    back = np.diag(np.append(1.0, 1 / unit))
    back[0, 1:] = -centre / unit
    statistic = joint / m if test == "hartung_knapp" else joint
    without = fit_mixed(y, v, method=method).tau2
    few = len(y) < STUDIES_PER_MODERATOR * m
    return MetaRegression(
        names=("(intercept)", *labels),
        coefficients=back @ fit.coefficients,
        covariance=back @ covariance @ back.T,
        test=test,
        method=method,
        tau2=fit.tau2,
        tau2_without=without,
        tau2_ci=tau2_interval(y, v, design, level=level),
        r_squared=max(0.0, 100 * (without - fit.tau2) / without) if without > 0 else None,
        i_squared=fit.i_squared_from_q if method == "fixed" else fit.i_squared,
        q=fit.q,
        q_df=fit.q_df,
        q_p=fit.q_p,
        moderator_statistic=statistic,
        moderator_df=m,
        moderator_p=float(fdtrc(m, fit.q_df, statistic)) if test != "z" else chi_square_p(statistic, m),
        studies=len(y),
        notes=(f"Fewer than ten studies per moderator ({len(y)} for {m}).",) if few else (),
    )


def pool_subgroups(
    estimate: ArrayLike,
    variance: ArrayLike,
    group: ArrayLike,
    *,
    method: str = "reml",
    level: float = 0.95,
    measure: str = "hr",
    labels: Sequence[str] | None = None,
) -> SubgroupPools:
    """Pool each group of studies by itself and test whether the groups differ.

    Parameters
    ----------
    estimate, variance, method, level, measure, labels
        As in `pool`.
    group : array_like of shape (k,)
        Labels, at least two distinct.

    Returns
    -------
    SubgroupPools
        A group of one study comes into the test with that study's own estimate, without a pool.

    Raises
    ------
    ShapeError
        Fewer than two groups.
    CodingError, NonFiniteError
        As in `pool`.

    Notes
    -----
    `meta_regression` on 0/1 columns is the same comparison with one variance between studies for all.

    References
    ----------
    Borenstein M, Higgins JPT. Meta-analysis and subgroups. Prev Sci 2013;14:134-143.
    """
    y, v = check_effects(estimate, variance)
    names = check_labels(labels, len(y))
    member, distinct = codes(group, "group", len(y))
    if len(distinct) < 2:
        raise ShapeError(
            "There is only one group of studies",
            field="group",
            count=1,
            remedy="Pool them as they are.",
        )
    pools: list[Pooled | None] = []
    centre, std_err, notes = np.empty(len(distinct)), np.empty(len(distinct)), []
    for g, label in enumerate(distinct.tolist()):
        own = np.flatnonzero(member == g)
        if len(own) == 1:
            pools.append(None)
            centre[g], std_err[g] = y[own[0]], np.sqrt(v[own[0]])
            notes.append(f"{label} is one study, {names[own[0]]}: there is nothing to pool.")
            continue
        part = pool(
            y[own], v[own], method=method, level=level, measure=measure, labels=[names[i] for i in own]
        )
        pools.append(part)
        centre[g], std_err[g] = part.log_estimate, part.interval("wald").std_err
    between = fit_mixed(centre, std_err**2, method="fixed")
    return SubgroupPools(
        groups=tuple(str(label) for label in distinct.tolist()),
        pools=tuple(pools),
        log_estimates=centre,
        std_errs=std_err,
        between_statistic=between.q,
        between_df=between.q_df,
        between_p=between.q_p,
        notes=tuple(notes),
        measure=measure,
        level=level,
    )
