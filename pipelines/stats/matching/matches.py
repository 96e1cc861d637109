"""What a matching gives: pairs, the rows and weights of the matched sample, and whose effect it tells."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .._inputs import BoolArray, FloatArray, IntArray
from ..errors import CodingError


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
    treated : ndarray of bool, shape (n,)
        The arms that were matched, by row of the input.
    caliper_width : float or None
        On the scale of the score.
    score_distance : ndarray of shape (m,)
        Absolute difference of the scores: what the caliper limits.
    replace : bool
        Whether a control may be in several sets.
    method : str
        In a few words.
    notes : tuple of str
        What has to be said of the pairs: whether the order of the rows had a part in them.
    """

    treated_index: IntArray
    control_index: IntArray
    distance: FloatArray
    pair_id: IntArray
    treated: BoolArray
    caliper_width: float | None
    score_distance: FloatArray
    replace: bool
    method: str
    notes: tuple[str, ...] = ()

    @property
    def n_treated(self) -> int:
        """Treated people there were to match."""
        return int(np.count_nonzero(self.treated))

    @property
    def n_controls(self) -> int:
        """Controls there were to match."""
        return len(self.treated) - self.n_treated

    @property
    def kept(self) -> BoolArray:
        """Who is in the matched sample (n,)."""
        inside = np.zeros(len(self.treated), dtype=bool)
        inside[self.treated_index] = inside[self.control_index] = True
        return inside

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
        labels = np.full(len(self.treated), -1)
        labels[self.treated_index] = labels[self.control_index] = self.pair_id
        return labels

    def weights(self) -> FloatArray:
        """Weight of every input row (n,): 1 for a matched treated person, and 1 shared by their controls.

        A control in several sets has the sum of its shares; who is not matched has 0.
        """
        size = np.bincount(self.pair_id)
        weights = np.zeros(len(self.treated))
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
