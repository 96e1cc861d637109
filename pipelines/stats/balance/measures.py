"""Balance of covariates between two arms, before and after matching or weighting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, choice, flags, matrix, vector
from ..errors import EmptyArmError, WeightError

SPREADS = ("pooled", "treated", "control", "total")


@dataclass(frozen=True)
class Arms:
    """Means, variances and distances of p covariates in two arms; each array has shape (p,).

    `ks` is the largest and `ecdf_mean` the mean gap between the arms' distribution functions, over the
    distinct values; of a covariate with two values both are the difference of the shares. A variance needs
    two people with weight: where an arm has one, `variance_ratio` is NaN.
    """

    mean_treated: FloatArray
    mean_control: FloatArray
    smd: FloatArray
    variance_ratio: FloatArray
    ks: FloatArray
    ecdf_mean: FloatArray
    ess_treated: float
    ess_control: float

    @property
    def difference(self) -> FloatArray:
        """Difference of the means as it is, for binary covariates that of the shares (p,)."""
        return self.mean_treated - self.mean_control


@dataclass(frozen=True)
class Balance:
    """Result of `balance`.

    Attributes
    ----------
    names : tuple of str
    binary : ndarray of bool, shape (p,)
        Covariates with two values or fewer; they have no variance ratio.
    before, after : Arms
        Without and with the weights; `after` is None where no weights were given.
    sd : str
        Which standard deviation, always of the sample before, divides the difference of means.
    """

    names: tuple[str, ...]
    binary: BoolArray
    before: Arms
    after: Arms | None
    sd: str

    def to_frame(self) -> pl.DataFrame:
        """One row per covariate; what does not exist (as a binary covariate's variance ratio) is null."""
        columns: dict[str, object] = {"covariate": self.names, "binary": self.binary}
        for when, arms in (("before", self.before), ("after", self.after)):
            for field in ("mean_treated", "mean_control", "smd", "variance_ratio", "ks", "ecdf_mean"):
                empty = np.full(len(self.names), np.nan)
                columns[f"{field}_{when}"] = empty if arms is None else getattr(arms, field)
        return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))

    def love_plot(self) -> pl.DataFrame:
        """For a love plot: covariate, when, absolute SMD; a row each before and after, the worst first."""
        worst = np.argsort(-np.abs(self.before.smd), kind="stable")
        names = [self.names[j] for j in worst]
        found = [("before", self.before), *([("after", self.after)] if self.after else [])]
        return pl.concat(
            pl.DataFrame({"covariate": names, "when": [when] * len(names), "smd": np.abs(arms.smd[worst])})
            for when, arms in found
        )

    def largest_smd(self) -> float:
        """Largest absolute standardized difference, after weighting where there are weights."""
        return float(np.max(np.abs((self.after or self.before).smd)))


def balance(
    covariates: ArrayLike | pl.DataFrame,
    treated: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    sd: str = "pooled",
) -> Balance:
    """Standardized differences, variance ratios and Kolmogorov-Smirnov distances, covariate by covariate.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        One column per covariate or level of one (all levels, the reference too).
    treated : array_like of shape (n,)
        1 or True for the treated.
    weights : array_like of shape (n,), optional
        After matching: 1 for the matched and 0 for the rest (or times used); after weighting: the weights.
        Not negative.
    names : sequence of str, optional
        One per covariate.
    sd : {"pooled", "treated", "control", "total"}
        The standard deviation (n - 1, before weighting) that divides the difference of means; pooled is the
        square root of the mean of both arms' variances.

    Returns
    -------
    Balance

    Raises
    ------
    EmptyArmError
        An arm has fewer than two people, or no weight.
    WeightError
        A weight is negative.

    Notes
    -----
    A standardized difference is (treated - control) / sd. Where sd is 0 it is 0 for equal means and infinite
    otherwise. The weighted variance is sum(w (x - m)^2) / (1 - sum(w^2)) with w adding up to one.

    References
    ----------
    Austin PC. Balance diagnostics for comparing the distribution of baseline covariates. Stat Med
    2009;28:3083-3107.
    """
    choice(sd, "sd", SPREADS)
    x, labels = matrix(covariates, names)
    n = len(x)
    arm = flags(treated, "treated", n)
    for group, side in ((arm, "treated"), (~arm, "control")):
        if np.count_nonzero(group) < 2:
            raise EmptyArmError(
                "An arm has fewer than two people",
                field=side,
                count=int(np.count_nonzero(group)),
                remedy="Balance cannot be judged; check the cohort.",
            )
    binary = np.array([_has_two_values(column) for column in x.T])
    before = _arms(x, arm, np.ones(n), binary)
    spread = _spread(x, arm, before, binary, sd)
    after = None
    if weights is not None:
        w = vector(weights, "weights", n)
        if (w < 0).any():
            raise WeightError(
                "Weights below zero", field="weights", count=int((w < 0).sum()), remedy="Give 0 or more."
            )
        if not (w[arm].sum() > 0 and w[~arm].sum() > 0):
            raise EmptyArmError("An arm has no weight", field="weights", remedy="Check the matching.")
        after = _finished(_arms(x, arm, w, binary), spread, binary)
    return Balance(labels, binary, _finished(before, spread, binary), after, sd)


@dataclass(frozen=True)
class _Moments:
    """Of p covariates in both arms, not yet standardised."""

    mean: tuple[FloatArray, FloatArray]
    variance: tuple[FloatArray, FloatArray]
    ks: FloatArray
    ecdf_mean: FloatArray
    ess: tuple[float, float]


def _has_two_values(column: FloatArray) -> bool:
    return bool(np.all((column == column.min()) | (column == column.max())))


def _spread(x: FloatArray, arm: BoolArray, before: _Moments, binary: BoolArray, sd: str) -> FloatArray:
    if sd == "total":
        everybody = np.ones_like(arm)
        variances = [_arms(x, everybody, np.ones(len(x)), binary).variance[0]]
    else:
        treated, control = before.variance
        variances = {"treated": [treated], "control": [control], "pooled": [treated, control]}[sd]
    return np.asarray(np.sqrt(np.mean(variances, axis=0)), dtype=np.float64)


def _finished(moments: _Moments, spread: FloatArray, binary: BoolArray) -> Arms:
    mean_treated, mean_control = moments.mean
    difference = mean_treated - mean_control
    size = np.maximum(np.abs(mean_treated), np.abs(mean_control))
    negligible = spread <= 1e-12 * size
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = np.where(negligible, np.sign(difference) * np.inf, difference / spread)
        ratio = np.where(binary, np.nan, moments.variance[0] / moments.variance[1])
    smd[negligible & (np.abs(difference) <= 1e-12 * size)] = 0.0
    return Arms(
        mean_treated, mean_control, smd, ratio, moments.ks, moments.ecdf_mean, moments.ess[0], moments.ess[1]
    )


@dataclass(frozen=True)
class _Arm:
    """The weights of one arm, and what its covariates' moments share."""

    rows: IntArray  # sorted by weight, so that sums do not depend on the order of the rows
    shares: FloatArray
    free: float  # 1 - sum of squared shares, the divisor of a weighted variance


def _arm(group: BoolArray, weights: FloatArray) -> _Arm:
    rows = np.flatnonzero(group)
    rows = rows[np.argsort(weights[rows], kind="stable")]
    shares = weights[rows] / weights[rows].sum() if len(rows) else np.empty(0)
    return _Arm(rows, shares, 1 - float(np.sum(shares**2)))


def _arms(x: FloatArray, arm: BoolArray, weights: FloatArray, binary: BoolArray) -> _Moments:
    groups = (_arm(arm, weights), _arm(~arm, weights))
    rows = []
    for column, two_values in zip(np.ascontiguousarray(x.T), binary, strict=True):
        moments = _binary if two_values else _several_values
        rows.append(moments(column, groups))
    mean_treated, mean_control, var_treated, var_control, ks, ecdf_mean = np.array(rows).T
    ess = effective_sample_size(weights[arm]), effective_sample_size(weights[~arm])
    return _Moments((mean_treated, mean_control), (var_treated, var_control), ks, ecdf_mean, ess)


def _binary(column: FloatArray, groups: tuple[_Arm, _Arm]) -> tuple[float, ...]:
    """Mean and variance in each arm, and twice the difference of the shares."""
    low, high = float(column.min()), float(column.max())
    is_high = column == high
    shares = [float(g.shares[is_high[g.rows]].sum()) if high > low else 0.0 for g in groups]
    spread = [(high - low) ** 2 * share * (1 - share) for share in shares]
    variances = [v / g.free if g.free > 0 else np.nan for v, g in zip(spread, groups, strict=True)]
    gap = abs(shares[0] - shares[1])
    means = [low + (high - low) * share for share in shares]
    return means[0], means[1], variances[0], variances[1], gap, gap


def _several_values(column: FloatArray, groups: tuple[_Arm, _Arm]) -> tuple[float, ...]:
    """Mean and variance in each arm, and the largest and the mean gap of the distribution functions."""
    values, place = np.unique(column, return_inverse=True)
    means, variances, steps = [], [], []
    for g in groups:
        share = np.bincount(place[g.rows], g.shares, minlength=len(values))
        mean = float(np.sum(share * values))
        means.append(mean)
        variances.append(float(np.sum(share * (values - mean) ** 2)) / g.free if g.free > 0 else np.nan)
        steps.append(share)
    gap = np.abs(np.cumsum(steps[0] - steps[1]))
    return means[0], means[1], variances[0], variances[1], float(gap.max()), float(gap.mean())


def effective_sample_size(weights: FloatArray) -> float:
    """Kish's effective sample size: people that an unweighted arm of the same precision would have.

    NaN for an arm of nobody.

    References
    ----------
    Kish L. Survey Sampling. Wiley 1965.
    """
    ordered = np.sort(weights)
    return float(ordered.sum() ** 2 / np.sum(ordered**2)) if len(ordered) else float("nan")
