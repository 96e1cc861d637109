"""What a matching gives: pairs, whose effect they tell, and who was lost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, flags, matrix
from ..errors import CodingError, ShapeError


@dataclass(frozen=True)
class Matches:
    """Result of a matching: one entry per matched pair, ordered by the treated person's id.

    Attributes
    ----------
    treated_index, control_index : ndarray of int, shape (m,)
        Rows of the input. With ratio k a treated row comes up to k times.
    distance : ndarray of shape (m,)
        What was made small: the absolute difference of the scores, or the Mahalanobis distance.
    pair_id : ndarray of int, shape (m,)
        Number of the matched set from 0; the pairs of one treated person share it.
    n_treated, n_controls : int
        How many there were to match.
    caliper_width : float or None
        On the scale of the score.
    score_distance : ndarray of shape (m,)
        Absolute difference of the scores: what the caliper limits.
    replace : bool
        Whether a control may be in several sets.
    method : str
        In a few words.
    """

    treated_index: IntArray
    control_index: IntArray
    distance: FloatArray
    pair_id: IntArray
    n_treated: int
    n_controls: int
    caliper_width: float | None
    score_distance: FloatArray
    replace: bool
    method: str

    @property
    def n_matched_treated(self) -> int:
        """Treated people with at least one control."""
        return int(self.pair_id[-1]) + 1

    @property
    def n_matched_controls(self) -> int:
        """Controls with at least one treated person; with replacement, people and not times used."""
        return len(np.unique(self.control_index))

    @property
    def estimand(self) -> str:
        """`ATT` where every treated person has a match, else `matched_set`."""
        return "ATT" if self.n_matched_treated == self.n_treated else "matched_set"

    def rows(self) -> tuple[IntArray, IntArray]:
        """Input rows of the matched sample and the set of each: treated once per set, then its controls.

        With replacement a control comes once for each set it is in.
        """
        sample = self.sample()
        return sample.rows, sample.set_id

    def sample(self) -> "MatchedSample":
        """The matched sample with sets and weights, treated first in each set."""
        sets, first = np.unique(self.pair_id, return_index=True)
        rows = np.concatenate([self.treated_index[first], self.control_index])
        set_id = np.concatenate([sets, self.pair_id])
        treated = np.arange(len(rows)) < len(sets)
        share = 1 / np.bincount(self.pair_id)
        order = np.argsort(set_id, kind="stable")
        return MatchedSample(
            rows[order],
            set_id[order],
            treated[order],
            np.where(treated, 1.0, share[set_id])[order],
        )

    def set_of_rows(self) -> IntArray:
        """Set of every input row (n,), -1 for who is not matched: labels for paired tests and strata.

        Raises
        ------
        CodingError
            After matching with replacement, where a control has no single set; use `sample`.
        """
        if self.replace:
            raise CodingError(
                "A control may be in several sets", field="replace", remedy="Use the rows of `sample()`."
            )
        labels = np.full(self.n_treated + self.n_controls, -1)
        labels[self.treated_index] = labels[self.control_index] = self.pair_id
        return labels

    def weights(self) -> FloatArray:
        """Weight of every input row (n,): 1 for a matched treated person, and 1 shared by their controls.

        A control in several sets has the sum of its shares; who is not matched has 0.
        """
        size = np.bincount(self.pair_id)
        weights = np.zeros(self.n_treated + self.n_controls)
        np.add.at(weights, self.control_index, 1 / size[self.pair_id])
        weights[self.treated_index] = 1.0
        return weights

    def to_frame(self) -> pl.DataFrame:
        """One row per pair."""
        return pl.DataFrame(
            {
                "pair_id": self.pair_id,
                "treated_index": self.treated_index,
                "control_index": self.control_index,
                "distance": self.distance,
            }
        )


@dataclass(frozen=True)
class MatchedSample:
    """The rows an outcome model of a matched sample takes; each array has shape (r,).

    Attributes
    ----------
    rows : ndarray of int
        Of the input. With replacement a control comes once for each set it is in.
    set_id : ndarray of int
    treated : ndarray of bool
    weights : ndarray of float
        1 for a treated person, and 1 shared by the controls of the set.
    """

    rows: IntArray
    set_id: IntArray
    treated: BoolArray
    weights: FloatArray


@dataclass(frozen=True)
class Lost:
    """Treated people without a match beside those with one; numbers of the group, of no person.

    Attributes
    ----------
    n_treated, n_kept, n_lost : int
    names : tuple of str
        Covariates, p of them.
    mean_kept, mean_lost : ndarray of shape (p,)
        NaN where the group is empty.
    smd : ndarray of shape (p,)
        (lost - kept) / standard deviation of all treated.
    """

    n_treated: int
    n_kept: int
    n_lost: int
    names: tuple[str, ...]
    mean_kept: FloatArray
    mean_lost: FloatArray
    smd: FloatArray

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report has to print beside the estimate."""
        if not self.n_lost:
            return ()
        note = (
            f"{self.n_lost} of {self.n_treated} treated people have no match: the estimate is that of the "
            "matched set, not of the treated."
        )
        worst = int(np.argmax(np.nan_to_num(np.abs(self.smd), nan=-1.0, posinf=np.inf)))
        return note, f"They differ most in {self.names[worst]} (SMD {self.smd[worst]:.2f} to those kept)."

    def to_frame(self) -> pl.DataFrame:
        """One row per covariate; a site's rule for small groups is the caller's to apply to `n_lost`."""
        return pl.DataFrame(
            {
                "covariate": self.names,
                "n_kept": [self.n_kept] * len(self.names),
                "n_lost": [self.n_lost] * len(self.names),
                "mean_kept": self.mean_kept,
                "mean_lost": self.mean_lost,
                "smd": self.smd,
            }
        ).with_columns(pl.col(pl.Float64).fill_nan(None))


def lost_treated(
    matches: Matches,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
) -> Lost:
    """Who of the treated found no match: counts, and how their means differ from those kept.

    Parameters
    ----------
    matches : Matches
    treated : array_like of shape (n,)
        As it was matched.
    covariates : array_like of shape (n, p), or Polars frame
        All levels of a factor, as for `balance`.
    names : sequence of str, optional

    Raises
    ------
    ShapeError, CodingError, NonFiniteError
        The input is not what it should be, or not the people who were matched.
    """
    x, labels = matrix(covariates, names, matches.n_treated + matches.n_controls)
    arm = flags(treated, "treated", len(x))
    if np.count_nonzero(arm) != matches.n_treated or not arm[matches.treated_index].all():
        raise ShapeError(
            "These are not the arms that were matched",
            field="treated",
            remedy="Give the treatment as it was given to the matching.",
        )
    kept = np.zeros(len(x), dtype=bool)
    kept[matches.treated_index] = True
    lost = arm & ~kept
    mean_kept, mean_lost = _means(x[kept]), _means(x[lost])
    spread = np.std(np.sort(x[arm], axis=0), axis=0, ddof=1) if matches.n_treated > 1 else 0 * mean_kept
    difference = mean_lost - mean_kept
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = np.where(difference == 0, 0.0, difference / spread)
    return Lost(
        n_treated=matches.n_treated,
        n_kept=int(kept.sum()),
        n_lost=int(lost.sum()),
        names=labels,
        mean_kept=mean_kept,
        mean_lost=mean_lost,
        smd=smd,
    )


def _means(x: FloatArray) -> FloatArray:
    if len(x) == 0:
        return np.full(x.shape[1], np.nan)
    means: FloatArray = np.sort(x, axis=0).mean(axis=0)  # one order of summing
    return means
