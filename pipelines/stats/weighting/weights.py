"""Weights from propensity scores, each with a note of whose effect they estimate."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, choice
from ..balance import effective_sample_size as effective_sample_size  # others take it from here
from ..errors import CodingError
from ..propensity._arms import probabilities, two_arms

WEIGHT_ESTIMANDS = ("ATE", "ATT", "ATC", "ATO", "ATM")
WHOSE_EFFECT = {
    "ATE": "ATE: the effect in everybody in the cohort.",
    "ATT": "ATT: the effect in people like the treated.",
    "ATC": "ATC: the effect in people like the controls.",
    "ATO": "ATO: the effect in people who might have got either treatment, weighted by how open it was.",
    "ATM": "ATM: the effect in people whom one-to-one matching would keep.",
}


@dataclass(frozen=True)
class Weights:
    """Weights of n people in two arms.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        In the order of the input.
    treated : ndarray of bool, shape (n,)
    estimand : {"ATE", "ATT", "ATC", "ATO", "ATM"}
    stabilised : bool
    limits : tuple of float, or None
        Smallest and largest weight that truncation left.
    n_truncated : int
        People whose weight truncation changed.
    notes : tuple of str
        Whose effect it is, and what became of it: a report prints them.
    """

    weights: FloatArray
    treated: BoolArray
    estimand: str
    stabilised: bool
    limits: tuple[float, float] | None
    n_truncated: int
    notes: tuple[str, ...]

    @property
    def ess_treated(self) -> float:
        """Effective sample size of the treated."""
        return effective_sample_size(self.weights[self.treated])

    @property
    def ess_control(self) -> float:
        """Effective sample size of the controls."""
        return effective_sample_size(self.weights[~self.treated])

    def to_frame(self) -> pl.DataFrame:
        """One row per arm: people, sum, smallest, mean and largest weight, effective sample size."""
        rows = []
        for name, own in (("treated", self.treated), ("control", ~self.treated)):
            w = np.sort(self.weights[own])
            ess = effective_sample_size(w)
            rows.append(
                {
                    "arm": name,
                    "n": len(w),
                    "sum": float(w.sum()),
                    "smallest": float(w[0]),
                    "mean": float(w.mean()),
                    "largest": float(w[-1]),
                    "ess": ess,
                    "ess_share": ess / len(w),
                }
            )
        return pl.DataFrame(rows)

    def largest(self, k: int = 5) -> pl.DataFrame:
        """The k largest weights of each arm, and the share of the arm's weight that each carries."""
        if k < 1:
            raise CodingError("Fewer than one weight", field="k", remedy="Give 1 or more.")
        rows = []
        for name, own in (("treated", self.treated), ("control", ~self.treated)):
            w = np.sort(self.weights[own])[::-1]
            total = float(w[::-1].sum())
            top = enumerate(w[:k].tolist(), start=1)
            rows += [
                {"arm": name, "rank": rank, "weight": weight, "share_of_arm": weight / total}
                for rank, weight in top
            ]
        return pl.DataFrame(rows)


def propensity_weights(
    score: ArrayLike,
    treated: ArrayLike,
    *,
    estimand: str = "ATE",
    stabilised: bool = False,
    truncate: tuple[float, float] | None = None,
) -> Weights:
    """Weights that make the arms alike in the covariates behind the score.

    Parameters
    ----------
    score : array_like of shape (n,)
        Propensity scores e, strictly between 0 and 1.
    treated : array_like of shape (n,)
        1 or True for the treated.
    estimand : {"ATE", "ATT", "ATC", "ATO", "ATM"}
        Treated and control weights: ATE 1/e, 1/(1-e); ATT 1, e/(1-e); ATC (1-e)/e, 1; ATO (overlap) 1-e, e;
        ATM (matching) min(e, 1-e)/e, min(e, 1-e)/(1-e).
    stabilised : bool
        Multiply what is divided by e or 1-e by the share of people in that arm (ATT and ATC: by the odds of
        being in it). Not for ATO and ATM, whose weights never exceed 1.
    truncate : tuple of float, optional
        Lower and upper percentile as shares, such as (0.01, 0.99): weights beyond are set to them. Under ATT
        the percentiles are those of the controls, under ATC those of the treated.

    Returns
    -------
    Weights

    Raises
    ------
    EmptyArmError
        Nobody, or everybody, is treated.
    CodingError
        A score of 0 or 1 or beyond, an unknown estimand, shares that are no range, stabilised ATO or ATM.
    ShapeError, NonFiniteError
        The input is not what it should be.

    References
    ----------
    Robins JM, Hernan MA, Brumback B. Marginal structural models and causal inference in epidemiology.
    Epidemiology 2000;11:550-560.
    Li F, Morgan KL, Zaslavsky AM. Balancing covariates via propensity score weighting. JASA
    2018;113:390-400.
    Li L, Greene T. A weighting analogue to pair matching in propensity score analysis. Int J Biostat
    2013;9:215-234.
    """
    choice(estimand, "estimand", WEIGHT_ESTIMANDS)
    e = probabilities(score)
    arm = two_arms(treated, len(e))
    weights = raw_weights(e, arm, estimand)
    notes = [WHOSE_EFFECT[estimand]]
    if stabilised:
        weights = weights * stabiliser(arm, estimand)
    limits, changed = None, 0
    if truncate is not None:
        varying = {"ATT": ~arm, "ATC": arm}.get(estimand, np.ones_like(arm))
        truncated, limits = truncated_weights(weights, truncate, varying)
        changed = int(np.count_nonzero(truncated != weights))
        weights = truncated
        notes.append(
            f"Weights beyond the percentiles {100 * truncate[0]:g} and {100 * truncate[1]:g} were set to "
            f"them, {changed} of {len(weights)}: no longer exactly the {estimand}, but that of people less "
            "unlike the other arm, with some confounding left for less variance."
        )
    return Weights(weights, arm, estimand, stabilised, limits, changed, tuple(notes))


def raw_weights(e: FloatArray, arm: BoolArray, estimand: str) -> FloatArray:
    """Weights of the `estimand`, neither stabilised nor truncated."""
    tilt = {
        "ATE": np.ones_like(e),
        "ATT": e,
        "ATC": 1 - e,
        "ATO": e * (1 - e),
        "ATM": np.minimum(e, 1 - e),
    }[estimand]
    return np.asarray(tilt / np.where(arm, e, 1 - e), dtype=np.float64)


def weight_slopes(e: FloatArray, arm: BoolArray, estimand: str) -> FloatArray:
    """Derivative of `raw_weights` in the log odds of the score (n,)."""
    down, up = -(1 - e) / e, e / (1 - e)
    larger = e > 0.5
    treated, control = {
        "ATE": (down, up),
        "ATT": (np.zeros_like(e), up),
        "ATC": (down, np.zeros_like(e)),
        "ATO": (-e * (1 - e), e * (1 - e)),
        "ATM": (np.where(larger, down, 0.0), np.where(larger, 0.0, up)),
    }[estimand]
    return np.where(arm, treated, control)


def stabiliser(arm: BoolArray, estimand: str) -> FloatArray:
    """What stabilised weights are multiplied by (n,)."""
    if estimand in ("ATO", "ATM"):
        raise CodingError(
            f"Stabilised {estimand} weights", field="stabilised", remedy="Leave it: they never exceed 1."
        )
    share = float(arm.mean())
    treated, control = {
        "ATE": (share, 1 - share),
        "ATT": (1.0, (1 - share) / share),
        "ATC": (share / (1 - share), 1.0),
    }[estimand]
    return np.where(arm, treated, control)


def truncated_weights(
    weights: FloatArray, percentiles: tuple[float, float], varying: BoolArray
) -> tuple[FloatArray, tuple[float, float]]:
    """Weights set to two of their percentiles (R's type 7), those of `varying` people, where beyond."""
    low, high = percentiles
    if not 0 <= low < high <= 1:
        raise CodingError(
            "Percentiles that are no range",
            field="truncate",
            remedy="Write 1 and 99 percent as (0.01, 0.99).",
        )
    lower, upper = np.quantile(weights[varying], [low, high]).tolist()
    return np.where(varying, np.clip(weights, lower, upper), weights), (lower, upper)
