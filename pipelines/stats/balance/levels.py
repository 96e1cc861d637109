"""Balance of factors as wholes, and of three arms or more."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, codes, flags, matrix, vector
from ..errors import EmptyArmError, WeightError
from .measures import effective_sample_size


@dataclass(frozen=True)
class FactorBalance:
    """Result of `factor_balance`.

    Attributes
    ----------
    levels : tuple of str
    share_treated, share_control : ndarray of shape (k,)
        Weighted share of each level in each arm.
    smd : float
        One standardised difference for the whole factor, not negative.
    """

    levels: tuple[str, ...]
    share_treated: FloatArray
    share_control: FloatArray
    smd: float

    def to_frame(self) -> pl.DataFrame:
        """One row per level; the factor's difference in every row."""
        return pl.DataFrame(
            {
                "level": self.levels,
                "share_treated": self.share_treated,
                "share_control": self.share_control,
                "smd": np.full(len(self.levels), self.smd),
            }
        )


@dataclass(frozen=True)
class ArmsBalance:
    """Result of `balance_of_arms`, for p covariates and K arms.

    Attributes
    ----------
    names : tuple of str
    arms : tuple
        The arms' labels in their own order.
    pairs : tuple of (label, label)
        The K (K - 1) / 2 comparisons.
    mean_before, mean_after : ndarray of shape (p, K)
    smd_before, smd_after : ndarray of shape (p, number of pairs)
        First arm of the pair less the second; `after` is None where no weights were given.
    ess : ndarray of shape (K,)
        Effective sample size under the weights.
    """

    names: tuple[str, ...]
    arms: tuple[object, ...]
    pairs: tuple[tuple[object, object], ...]
    mean_before: FloatArray
    mean_after: FloatArray | None
    smd_before: FloatArray
    smd_after: FloatArray | None
    ess: FloatArray

    @property
    def largest_before(self) -> FloatArray:
        """Largest absolute difference of any pair of arms (p,)."""
        return np.asarray(np.abs(self.smd_before).max(axis=1), dtype=np.float64)

    @property
    def largest_after(self) -> FloatArray | None:
        """The same under the weights."""
        if self.smd_after is None:
            return None
        return np.asarray(np.abs(self.smd_after).max(axis=1), dtype=np.float64)

    def to_frame(self) -> pl.DataFrame:
        """One row per covariate and pair of arms."""
        p, k = len(self.names), len(self.pairs)
        after = np.full((p, k), np.nan) if self.smd_after is None else self.smd_after
        return pl.DataFrame(
            {
                "covariate": np.repeat(self.names, k).tolist(),
                "arm": [str(pair[0]) for pair in self.pairs] * p,
                "other_arm": [str(pair[1]) for pair in self.pairs] * p,
                "smd_before": self.smd_before.ravel(),
                "smd_after": after.ravel(),
                "largest_before": np.repeat(self.largest_before, k),
            }
        ).with_columns(pl.col("smd_after").fill_nan(None))


def factor_balance(
    labels: ArrayLike | pl.Series, treated: ArrayLike, *, weights: ArrayLike | None = None
) -> FactorBalance:
    """One standardised difference for a factor with several levels.

    Parameters
    ----------
    labels : array_like of shape (n,)
        The factor's level of each person; none missing.
    treated : array_like of shape (n,)
        1 or True for the treated.
    weights : array_like of shape (n,), optional
        Not negative.

    Returns
    -------
    FactorBalance

    Raises
    ------
    EmptyArmError
        An arm has nobody, or no weight.
    WeightError, ShapeError, NonFiniteError, CodingError
        The input is not what it should be.

    Notes
    -----
    The Mahalanobis distance of the arms' shares of all levels but one, with the mean of both arms'
    multinomial covariances; infinite where the arms share no level. Shares and covariances are both weighted
    where weights are given.

    References
    ----------
    Yang D, Dalton JE. A unified approach to measuring the effect size between two groups using SAS. SAS
    Global Forum 2012, paper 335.
    """
    array = np.asarray(labels)
    arm = flags(treated, "treated", len(array))
    if arm.all() or not arm.any():
        raise EmptyArmError(
            "An arm has nobody", field="treated", count=len(arm), remedy="Check the exposure's coding."
        )
    number, found = codes(array, "labels", len(array))
    w = _weights(weights, len(array))
    treated_share, control_share = (_shares(number[own], w[own], len(found)) for own in (arm, ~arm))
    return FactorBalance(
        tuple(str(level) for level in found.tolist()),
        treated_share,
        control_share,
        _distance(treated_share, control_share),
    )


def balance_of_arms(
    covariates: ArrayLike | pl.DataFrame,
    arm: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> ArmsBalance:
    """Standardised differences between every two of K arms.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        One column per covariate or level of one.
    arm : array_like of shape (n,)
        Labels of the arms, two or more.
    weights : array_like of shape (n,), optional
        Not negative.
    names : sequence of str, optional
        One per covariate.

    Returns
    -------
    ArmsBalance

    Raises
    ------
    EmptyArmError
        Fewer than two arms, or one with fewer than two people or without weight.
    WeightError, ShapeError, NonFiniteError, CodingError
        The input is not what it should be.

    Notes
    -----
    All pairs are divided by one standard deviation: the square root of the mean of all arms' variances
    (n - 1, before weighting), so that pairs can be compared.

    References
    ----------
    McCaffrey DF, Griffin BA, Almirall D, et al. A tutorial on propensity score estimation for multiple
    treatments using generalized boosted models. Stat Med 2013;32:3388-3414.
    """
    x, labels = matrix(covariates, names)
    number, found = codes(arm, "arm", len(x))
    if len(found) < 2:
        raise EmptyArmError("Everybody is in one arm", field="arm", count=len(x), remedy="Check its coding.")
    groups = [np.flatnonzero(number == k) for k in range(len(found))]
    for label, rows in zip(found.tolist(), groups, strict=True):
        if len(rows) < 2:
            raise EmptyArmError(
                "An arm has fewer than two people",
                field=str(label),
                count=len(rows),
                remedy="Leave that arm out or merge it with another.",
            )
    w = _weights(weights, len(x))
    spread = np.sqrt(np.mean([np.var(np.sort(x[rows], axis=0), axis=0, ddof=1) for rows in groups], axis=0))
    places = list(combinations(range(len(found)), 2))
    before = np.column_stack([_means(x[rows], np.ones(len(rows))) for rows in groups])
    after = None if weights is None else np.column_stack([_means(x[rows], w[rows]) for rows in groups])
    return ArmsBalance(
        names=labels,
        arms=tuple(found.tolist()),
        pairs=tuple((found.tolist()[a], found.tolist()[b]) for a, b in places),
        mean_before=before,
        mean_after=after,
        smd_before=_differences(before, spread, places),
        smd_after=None if after is None else _differences(after, spread, places),
        ess=np.array([effective_sample_size(w[rows]) for rows in groups]),
    )


def _weights(weights: ArrayLike | None, length: int) -> FloatArray:
    if weights is None:
        return np.ones(length)
    w = vector(weights, "weights", length)
    negative = int(np.count_nonzero(w < 0))
    if negative:
        raise WeightError("Weights below zero", field="weights", count=negative, remedy="Give 0 or more.")
    return w


def _shares(number: IntArray, weights: FloatArray, levels: int) -> FloatArray:
    order = np.argsort(weights, kind="stable")  # one order of summing, whatever the order of the rows
    total = np.bincount(number[order], weights[order], minlength=levels)
    if not total.sum() > 0:
        raise EmptyArmError("An arm has no weight", field="weights", remedy="Check the weights.")
    return np.asarray(total / total.sum(), dtype=np.float64)


def _distance(treated: FloatArray, control: FloatArray) -> float:
    present = (treated + control) > 0
    t, c = treated[present][1:], control[present][1:]
    if len(t) == 0:
        return 0.0
    covariance = (np.diag(t) - np.outer(t, t) + np.diag(c) - np.outer(c, c)) / 2
    difference = t - c
    values, vectors = np.linalg.eigh(covariance)
    along = vectors.T @ difference
    flat = values <= 1e-12
    if np.any(np.abs(along[flat]) > 1e-9):
        return float("inf")  # a difference where neither arm varies
    return float(np.sqrt(np.sum(along[~flat] ** 2 / values[~flat])))


def _means(x: FloatArray, weights: FloatArray) -> FloatArray:
    if not weights.sum() > 0:
        raise EmptyArmError("An arm has no weight", field="weights", remedy="Check the weights.")
    products = np.sort(x * weights[:, None], axis=0)  # one order of summing, whatever that of the rows
    return np.asarray(products.sum(axis=0) / np.sort(weights).sum(), dtype=np.float64)


def _differences(means: FloatArray, spread: FloatArray, places: list[tuple[int, int]]) -> FloatArray:
    columns = []
    for a, b in places:
        gap = means[:, a] - means[:, b]
        negligible = spread <= 1e-12 * np.abs(means).max(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            smd = np.where(negligible, np.sign(gap) * np.inf, gap / spread)
        smd[negligible & (np.abs(gap) <= 1e-12 * np.abs(means).max(axis=1))] = 0.0
        columns.append(smd)
    return np.column_stack(columns)
