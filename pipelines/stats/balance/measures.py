"""Balance of covariates between the arms, before and after matching or weighting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, choice, flags, matrix, vector
from ..errors import EmptyArmError, WeightError

SPREADS = ("pooled", "treated", "control", "total")


@dataclass(frozen=True)
class Arms:
    """Means, variances and distances of p covariates in two arms; each array has shape (p,)."""

    mean_treated: FloatArray
    mean_control: FloatArray
    smd: FloatArray
    variance_ratio: FloatArray
    ks: FloatArray
    ess_treated: float
    ess_control: float


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
        """One row per covariate; what does not exist (a binary covariate's variance ratio) is null."""
        columns: dict[str, object] = {"covariate": self.names, "binary": self.binary}
        for when, arms in (("before", self.before), ("after", self.after)):
            for field in ("mean_treated", "mean_control", "smd", "variance_ratio", "ks"):
                empty = np.full(len(self.names), np.nan)
                columns[f"{field}_{when}"] = empty if arms is None else getattr(arms, field)
        return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))

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
    ones = np.ones(n)
    spread = _spread(x, arm, sd)
    binary = np.array([len(np.unique(column)) <= 2 for column in x.T])
    after = None
    if weights is not None:
        w = vector(weights, "weights", n)
        if (w < 0).any():
            raise WeightError(
                "Weights below zero", field="weights", count=int((w < 0).sum()), remedy="Give 0 or more."
            )
        if not (w[arm].sum() > 0 and w[~arm].sum() > 0):
            raise EmptyArmError("An arm has no weight", field="weights", remedy="Check the matching.")
        after = _arms(x, arm, w, spread, binary)
    return Balance(labels, binary, _arms(x, arm, ones, spread, binary), after, sd)


def _spread(x: FloatArray, arm: BoolArray, sd: str) -> FloatArray:
    groups = {"total": [np.ones_like(arm)], "treated": [arm], "control": [~arm], "pooled": [arm, ~arm]}
    variances = [np.var(np.sort(x[group], axis=0), axis=0, ddof=1) for group in groups[sd]]
    return np.asarray(np.sqrt(np.mean(variances, axis=0)), dtype=np.float64)


def _arms(x: FloatArray, arm: BoolArray, weights: FloatArray, spread: FloatArray, binary: BoolArray) -> Arms:
    rows = []
    for j in range(x.shape[1]):
        order = np.lexsort((weights, x[:, j]))  # one order of summing, whatever the order of the rows
        rows.append(_one_covariate(x[order, j], arm[order], weights[order]))
    mean_treated, mean_control, var_treated, var_control, ks = np.array(rows).T
    difference = mean_treated - mean_control
    negligible = spread <= 1e-12 * np.maximum(np.abs(mean_treated), np.abs(mean_control))
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = np.where(negligible, np.sign(difference) * np.inf, difference / spread)
        ratio = np.where(binary, np.nan, var_treated / var_control)
    smd[negligible & (np.abs(difference) <= 1e-12 * np.abs(mean_treated))] = 0.0
    return Arms(
        mean_treated, mean_control, smd, ratio, ks, _effective(weights[arm]), _effective(weights[~arm])
    )


def _one_covariate(
    x: FloatArray, arm: BoolArray, weights: FloatArray
) -> tuple[float, float, float, float, float]:
    """Mean and variance in each arm and the largest gap between the arms' distribution functions."""
    moments, steps = [], np.zeros(len(x))
    for group, sign in ((arm, 1.0), (~arm, -1.0)):
        w = weights[group] / weights[group].sum()
        mean = float(w @ x[group])
        free = 1 - float(w @ w)
        moments.append((mean, float(w @ (x[group] - mean) ** 2) / free if free > 0 else np.nan))
        steps[group] = sign * w
    last_of_value = np.append(x[1:] != x[:-1], True)
    gap = float(np.max(np.abs(np.cumsum(steps)[last_of_value])))
    return moments[0][0], moments[1][0], moments[0][1], moments[1][1], gap


def _effective(weights: FloatArray) -> float:
    """Kish's effective sample size."""
    ordered = np.sort(weights)
    return float(ordered.sum() ** 2 / (ordered @ ordered))
