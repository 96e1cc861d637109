"""Clustered variance of a Cox model where clusters are few: bias-reduced (CR2), and the jackknife.

The plain sandwich (CR0) takes the score of each cluster at the estimate for its score at the truth. But the
estimate has followed every cluster's data a little, and so has the baseline hazard, so that the scores are
too small: with ten hospitals the standard error is often a tenth too small, and an interval from the normal
distribution too narrow besides.

CR2 undoes this cluster by cluster. Breslow's partial likelihood is that of a Poisson model with one parameter
per death time; there each cluster's residuals have, if the model is right, the variance I - H, where the hat
matrix H holds what fitting the coefficients and the baseline hazard took away. The residuals are multiplied
by the inverse square root of I - H, as Bell and McCaffrey do for linear models. Rows and times never have to
be written out: all of H that matters is the cross-product of the cluster's part of the Poisson design, made
orthonormal, which has one row per death time and covariate.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, codes, confidence, require_several_clusters
from .._linear_algebra import normal_quantile, one_thread
from ..errors import (
    CodingError,
    CollinearityError,
    ConvergenceError,
    SeparationError,
)
from ._findings import few_clusters_warning
from ._model_rows import model_rows
from ._poisson_form import poisson_form
from .diagnostics import score_residuals
from .fit import CoxFit, fit_cox
from .ridge import is_penalised

KINDS = ("CR0", "CR1", "CR2", "CR3")
DETERMINED = 1e-9  # of its variance that is left of a residual which a cluster determines by itself
LEAST_SEEN = 0.5  # of the variance of a coefficient that clusters have to let be seen, or there is no number
ALL_SEEN = 0.99


@dataclass(frozen=True)
class ClusteredCovariance:
    """Result of `clustered_covariance`.

    Attributes
    ----------
    names : tuple of str
    coefficients : ndarray of shape (p,)
        Those of the fit.
    covariance : ndarray of shape (p, p)
    degrees_of_freedom : ndarray of shape (p,)
        Of the t distribution of each coefficient: Satterthwaite's (CR2), clusters - 1 (CR1, CR3), infinite
        (CR0).
    kind : {"CR0", "CR1", "CR2", "CR3"}
    n_clusters : int
    warnings : tuple of str
        What a report has to print.
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    degrees_of_freedom: FloatArray
    kind: str
    n_clusters: int
    warnings: tuple[str, ...]

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per covariate: hazard ratio with its interval from the t distribution, and its p-value."""
        from scipy.special import stdtr, stdtrit

        df = np.minimum(self.degrees_of_freedom, 1e12)  # the normal distribution to the last digit
        probability = (1 + confidence(level)) / 2
        infinite = np.isinf(self.degrees_of_freedom)
        quantile = np.where(infinite, normal_quantile(level), stdtrit(df, probability))
        half, t = quantile * self.standard_errors, self.coefficients / self.standard_errors
        return pl.DataFrame(
            {
                "term": self.names,
                "coefficient": self.coefficients,
                "std_err": self.standard_errors,
                "hazard_ratio": np.exp(self.coefficients),
                "ci_low": np.exp(self.coefficients - half),
                "ci_high": np.exp(self.coefficients + half),
                "ci_level": np.full(len(t), level),
                "df": self.degrees_of_freedom,
                "t": t,
                "p_value": 2 * stdtr(df, -np.abs(t)),
            }
        )


def clustered_covariance(fit: CoxFit, cluster: ArrayLike, *, kind: str = "CR2") -> ClusteredCovariance:
    """Covariance of the coefficients that allows rows of one cluster to depend on each other.

    Parameters
    ----------
    fit : CoxFit
        Any, clustered or not; for CR2 and CR3 without a ridge.
    cluster : array_like of shape (n,)
        Labels of the clusters, such as hospitals, in the order of the rows that were fitted.
    kind : {"CR0", "CR1", "CR2", "CR3"}
        CR0: the sandwich of Lin and Wei. CR1: the same times G / (G - 1). CR2: bias-reduced, with
        Satterthwaite's degrees of freedom; take it where there are fewer than 50 clusters. CR3: jackknife,
        the model fitted again without each cluster: (G - 1) / G times the sum of squares around the estimate.

    Returns
    -------
    ClusteredCovariance

    Raises
    ------
    EmptyArmError
        There is only one cluster.
    CodingError
        An unknown kind, or a ridge.
    SizeError
        CR2 of so many clusters or death times that it takes too long.
    SeparationError
        CR3: without one of the clusters the model cannot be fitted.
    ShapeError, NonFiniteError
        Labels that are missing or not one per row.

    References
    ----------
    Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. JASA 1989;84:1074-1078.
    Bell RM, McCaffrey DF. Bias reduction in standard errors for linear regression with multi-stage samples.
    Survey Methodology 2002;28:169-181.
    Pustejovsky JE, Tipton E. Small-sample methods for cluster-robust variance estimation and hypothesis
    testing in fixed effects models. J Bus Econ Stat 2018;36:672-683.
    Lipsitz SR, Dear KBG, Zhao L. Jackknife estimators of variance for parameter estimates from estimating
    equations with applications to clustered survival data. Biometrics 1994;50:842-846.

    Notes
    -----
    CR2 under Breslow's ties is that of the linear regression in the last weighted least-squares step of the
    Poisson model with a parameter per death time, with that step's weights as inverse variances; it equals
    `vcovCR` of R's clubSandwich for that regression (`lm`). `vcovCR` for the Poisson model itself (`glm`) has
    the same CR0 and a slightly different CR2. With Efron's ties the leverages are still those of the
    regression, the scores and the information are Efron's. Case weights multiply the step's weights. A
    coefficient that one cluster determines by itself (that of its own indicator) has no variance between
    clusters: NaN, with a warning.
    """
    choice(kind, "kind", KINDS)
    group, labels = codes(cluster, "cluster", fit.n)
    count, p = len(labels), len(fit.names)
    require_several_clusters(group)
    if kind in ("CR2", "CR3") and is_penalised(fit):
        raise CodingError(
            f"{kind} is for maximum likelihood, not for a ridge", field="fit", remedy="Use CR1."
        )
    warnings = few_clusters_warning(count) if kind in ("CR0", "CR1") else ()
    if kind == "CR3":
        covariance = _jackknife(fit, group, count)
        return _result(fit, covariance, np.full(p, count - 1.0), kind, count, warnings)
    weighted = fit._weights[:, None] * score_residuals(fit)
    score = np.zeros((count, p))
    np.add.at(score, group, weighted)
    if kind != "CR2":
        factor = 1.0 if kind == "CR0" else count / (count - 1)
        dfbeta = score @ fit.naive_covariance
        df = np.full(p, np.inf if kind == "CR0" else count - 1.0)
        return _result(fit, factor * dfbeta.T @ dfbeta, df, kind, count, warnings)

    with one_thread():
        dfbeta, df, seen = _bias_reduced(fit, score, group, count)
    covariance = dfbeta.T @ dfbeta
    unknown = seen < LEAST_SEEN
    covariance[unknown, :] = covariance[:, unknown] = df[unknown] = np.nan
    return _result(fit, covariance, df, kind, count, _determined_warning(fit.names, seen))


def _bias_reduced(
    fit: CoxFit, score: FloatArray, group: IntArray, count: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each cluster's change of the coefficients (C, p), bias-reduced; of each coefficient the degrees of
    freedom, and the expected variance as a share of the model's (p,): 1 unless clusters determine part of it.
    """
    poisson = poisson_form(fit, group, count)
    times, p = poisson.share.shape[1], len(fit.names)
    whiten = np.linalg.cholesky(np.linalg.inv(poisson.information.sum(axis=0)))
    weigh = np.linalg.solve(whiten, fit.naive_covariance)  # Breslow's: the transpose of `whiten`
    dfbeta = np.empty((count, p))
    taken = np.empty((count, times + p, p))
    own = np.empty((count, p))
    hat = np.zeros((times + p, times + p))
    for c in range(count):
        hat[:times, :times] = np.diag(poisson.share[c])
        hat[:times, times:] = poisson.imbalance[c] @ whiten
        hat[times:, :times] = hat[:times, times:].T
        hat[times:, times:] = whiten.T @ poisson.information[c] @ whiten
        leverage, directions = np.linalg.eigh(hat)
        left = 1 - leverage
        power = np.where(left > DETERMINED, 1 / np.sqrt(np.maximum(left, DETERMINED)), 0.0)
        of_covariates = directions[times:]
        residual = np.concatenate([poisson.residual[c], score[c] @ whiten])
        dfbeta[c] = ((of_covariates * power) @ (directions.T @ residual)) @ weigh
        rows = of_covariates.T @ whiten.T
        taken[c] = (directions * (leverage * power)) @ rows
        own[c] = (power**2 * leverage) @ rows**2
    # Satterthwaite: a sum of squares with covariance Ω of its parts has trace(Ω)² / trace(Ω²).
    df, expected = np.empty(p), np.empty(p)
    for k in range(p):
        spread = np.diag(own[:, k]) - taken[..., k] @ taken[..., k].T
        expected[k] = np.trace(spread)
        df[k] = expected[k] ** 2 / max(float(np.sum(spread**2)), np.finfo(float).tiny)
    return dfbeta, df, expected / np.sum(whiten**2, axis=1)


def _determined_warning(names: tuple[str, ...], seen: FloatArray) -> tuple[str, ...]:
    partly = [name for name, share in zip(names, seen, strict=True) if share < ALL_SEEN]
    if not partly:
        return ()
    return (
        f"Single clusters determine the coefficients of {', '.join(partly)}, wholly or in part: how far they "
        "would differ in other clusters is not known. Where less than half of it is, there is no number; "
        "elsewhere the variance is too small.",
    )


def _jackknife(fit: CoxFit, group: IntArray, count: int) -> FloatArray:
    data = model_rows(fit)
    total = np.zeros((len(fit.names), len(fit.names)))
    for label in range(count):
        keep = group[data.rows] != label
        try:
            without = fit_cox(
                data.time[keep],
                data.died[keep],
                data.covariates[keep],
                names=fit.names,
                entry=None if data.entry is None else data.entry[keep],
                weights=data.weights[keep],
                strata=data.stratum[keep],
                offset=data.offset[keep],
                ties=fit.ties,
            )
        except (SeparationError, CollinearityError, ConvergenceError) as error:
            raise SeparationError(
                "Without one of the clusters the model cannot be fitted",
                field=error.field,
                count=1,
                remedy="Use CR2, or leave the covariate out.",
            ) from error
        change = without.coefficients - fit.coefficients
        total += np.outer(change, change)
    return (count - 1) / count * total


def _result(
    fit: CoxFit, covariance: FloatArray, df: FloatArray, kind: str, count: int, warnings: tuple[str, ...]
) -> ClusteredCovariance:
    symmetric = (covariance + covariance.T) / 2
    return ClusteredCovariance(fit.names, fit.coefficients, symmetric, df, kind, count, warnings)
