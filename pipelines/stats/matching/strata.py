"""A sample cut into strata that hold both arms: full matching, coarsened exact matching, subclasses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, choice, matrix
from ..errors import NoMatchError

TARGETS = ("ATT", "ATE", "ATC")
LEFT_OUT = -1


@dataclass(frozen=True)
class Strata:
    """Result of `match_full`, `match_coarsened_exact` and `subclassify`.

    Attributes
    ----------
    stratum : ndarray of int, shape (n,)
        From 0; -1 for a person left out. Every stratum holds both arms.
    treated : ndarray of bool, shape (n,)
    method : str
        In a few words.
    matched_sets : bool
        Whether the strata are small sets of people alike, which cluster a variance, rather than classes.
    total_distance : float or None
        Of the pairs of treated and control that hold the sets together; None where nothing was minimised.
    notes : tuple of str
        What has to be said of the sets: whether the order of the rows had a part in them.
    """

    stratum: IntArray
    treated: BoolArray
    method: str
    matched_sets: bool
    total_distance: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> BoolArray:
        """Who is in a stratum (n,)."""
        inside: BoolArray = self.stratum != LEFT_OUT
        return inside

    @property
    def n_strata(self) -> int:
        """How many strata there are."""
        return int(self.stratum.max()) + 1

    def counts(self) -> tuple[IntArray, IntArray]:
        """Treated people and controls of each stratum."""
        inside, n = self.kept, self.n_strata
        return (
            np.bincount(self.stratum[inside & self.treated], minlength=n),
            np.bincount(self.stratum[inside & ~self.treated], minlength=n),
        )

    def estimand(self, target: str = "ATT") -> str:
        """The target, if all whose effect it is are kept (the treated, everybody, the controls).

        Else `matched_set`.
        """
        choice(target, "target", TARGETS)
        needed = {"ATT": self.treated, "ATE": np.ones_like(self.treated), "ATC": ~self.treated}[target]
        return target if self.kept[needed].all() else "matched_set"

    def weights(self, target: str = "ATT") -> FloatArray:
        """Weights that give each arm the target's shares of the strata (n,); 0 for who is left out.

        As in MatchIt they add up, in each arm, to the people kept of it.

        Parameters
        ----------
        target : {"ATT", "ATE", "ATC"}
            The treated of each stratum, all its people, or its controls.
        """
        choice(target, "target", TARGETS)
        n_treated, n_control = self.counts()
        share = {"ATT": n_treated, "ATE": n_treated + n_control, "ATC": n_control}[target]
        weights = np.zeros(len(self.stratum))
        for arm, own in ((self.treated, n_treated), (~self.treated, n_control)):
            who = self.kept & arm
            weights[who] = (share / own)[self.stratum[who]] * own.sum() / share.sum()
        return weights

    def to_frame(self) -> pl.DataFrame:
        """One row per stratum: how many of each arm."""
        n_treated, n_control = self.counts()
        return pl.DataFrame(
            {"stratum": np.arange(self.n_strata), "n_treated": n_treated, "n_control": n_control}
        )


@dataclass(frozen=True)
class StrataBalance:
    """Means of p covariates by arm within each of s strata; every array has shape (s, p).

    `smd` is the difference divided by the standard deviation in the stratum pooled over the arms; NaN where
    an arm has one person or nobody varies.
    """

    names: tuple[str, ...]
    mean_treated: FloatArray
    mean_control: FloatArray
    smd: FloatArray

    def to_frame(self) -> pl.DataFrame:
        """One row per stratum and covariate."""
        n_strata, p = self.smd.shape
        return pl.DataFrame(
            {
                "stratum": np.repeat(np.arange(n_strata), p),
                "covariate": list(self.names) * n_strata,
                "mean_treated": self.mean_treated.ravel(),
                "mean_control": self.mean_control.ravel(),
                "smd": self.smd.ravel(),
            }
        ).with_columns(pl.col(pl.Float64).fill_nan(None))


def balance_within(
    strata: Strata, covariates: ArrayLike | pl.DataFrame, *, names: Sequence[str] | None = None
) -> StrataBalance:
    """Balance within each stratum: what weights over all of them do not show.

    Parameters
    ----------
    strata : Strata
    covariates : array_like of shape (n, p), or Polars frame
        All levels of a factor, as for `balance`.
    names : sequence of str, optional

    Raises
    ------
    ShapeError, CodingError, NonFiniteError
        The input is not what it should be.
    """
    x, labels = matrix(covariates, names, len(strata.stratum))
    means, variances = [], []
    for arm in (strata.treated, ~strata.treated):
        who = strata.kept & arm
        mean, variance = _moments(x[who], strata.stratum[who], strata.n_strata)
        means.append(mean)
        variances.append(variance)
    difference, spread = means[0] - means[1], np.sqrt((variances[0] + variances[1]) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = np.where(spread > 0, difference / spread, np.nan)
    return StrataBalance(labels, means[0], means[1], smd)


def as_strata(
    labels: IntArray,
    treated: BoolArray,
    method: str,
    *,
    matched_sets: bool,
    total_distance: float | None = None,
    notes: tuple[str, ...] = (),
) -> Strata:
    """Number the strata that hold both arms and leave the people of the others out.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Not negative, or -1 for who is left out already. Strata are numbered in the order of their labels.
    """
    size = int(labels.max()) + 1
    inside = labels != LEFT_OUT
    both = (np.bincount(labels[inside & treated], minlength=size) > 0) & (
        np.bincount(labels[inside & ~treated], minlength=size) > 0
    )
    if not both.any():
        raise NoMatchError(
            "No stratum holds both arms",
            field="treated",
            count=int(np.count_nonzero(treated)),
            remedy="Coarsen the covariates further, or widen the caliper.",
        )
    number = np.where(both, np.cumsum(both) - 1, LEFT_OUT)
    stratum = np.where(inside, number[labels], LEFT_OUT).astype(np.int64)
    return Strata(stratum, treated, method, matched_sets, total_distance, notes)


def _moments(x: FloatArray, stratum: IntArray, n_strata: int) -> tuple[FloatArray, FloatArray]:
    mean, variance = (np.full((n_strata, x.shape[1]), np.nan) for _ in range(2))
    for s in range(n_strata):
        own = np.sort(x[stratum == s], axis=0)  # one order of summing
        mean[s] = own.mean(axis=0)
        if len(own) > 1:
            variance[s] = own.var(axis=0, ddof=1)
    return mean, variance
