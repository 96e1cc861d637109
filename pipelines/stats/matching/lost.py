"""Who of the treated is not in a matched sample: an effect without them is not the effect in the treated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, flags, matrix
from ..errors import ShapeError
from .matches import Matches
from .strata import Strata


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
            f"{self.n_lost} of {self.n_treated} treated people have no match: the effect is that in the matched "
            "set, not in the treated."
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
    design: Matches | Strata,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
) -> Lost:
    """Who of the treated found no match: counts, and how their means differ from those kept.

    Parameters
    ----------
    design : Matches or Strata
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
    in_design = design.kept
    x, labels = matrix(covariates, names, len(in_design))
    arm = flags(treated, "treated", len(x))
    if not np.array_equal(arm, design.treated):
        raise ShapeError(
            "These are not the arms that were matched",
            field="treated",
            count=int(np.count_nonzero(arm != design.treated)),
            remedy="Give the treatment as it was given to the matching.",
        )
    kept = arm & in_design
    lost = arm & ~kept
    mean_kept, mean_lost = _means(x[kept]), _means(x[lost])
    spread = np.std(np.sort(x[arm], axis=0), axis=0, ddof=1) if arm.sum() > 1 else 0 * mean_kept
    difference = mean_lost - mean_kept
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = np.where(difference == 0, 0.0, difference / spread)
    return Lost(
        n_treated=int(arm.sum()),
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
