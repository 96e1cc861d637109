"""Weights for three arms or more, from multinomial propensity scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, codes
from ..balance import effective_sample_size
from ..errors import CodingError, ShapeError
from .weights import WHOSE_EFFECT

ARMS_ESTIMANDS = ("ATE", "ATT", "ATO", "ATM")


@dataclass(frozen=True)
class ArmsWeights:
    """Weights of n people in K arms.

    Attributes
    ----------
    weights : ndarray of shape (n,)
    arm : ndarray of int, shape (n,)
        Number of each person's arm in `arms`.
    arms : tuple
        The arms' labels.
    estimand : {"ATE", "ATT", "ATO", "ATM"}
    focal : object
        Under ATT the arm whose people the effect is for, else None.
    notes : tuple of str
    """

    weights: FloatArray
    arm: IntArray
    arms: tuple[object, ...]
    estimand: str
    focal: object
    notes: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per arm: people, sum, smallest, mean and largest weight, effective sample size."""
        rows = []
        for number, label in enumerate(self.arms):
            w = np.sort(self.weights[self.arm == number])
            rows.append(
                {
                    "arm": str(label),
                    "n": len(w),
                    "sum": float(w.sum()),
                    "smallest": float(w[0]),
                    "mean": float(w.mean()),
                    "largest": float(w[-1]),
                    "ess": effective_sample_size(w),
                }
            )
        return pl.DataFrame(rows)


def arms_weights(
    scores: ArrayLike,
    arm: ArrayLike,
    *,
    estimand: str = "ATE",
    focal: object = None,
    labels: Sequence[object] | None = None,
    stabilised: bool = False,
) -> ArmsWeights:
    """Weights h / e(own arm) that make K arms alike.

    Parameters
    ----------
    scores : array_like of shape (n, K)
        Probability of each arm, above 0; rows add up to one. Columns in the order of the arms' labels.
    arm : array_like of shape (n,)
        Label of each person's arm.
    estimand : {"ATE", "ATT", "ATO", "ATM"}
        h is 1; the score of the arm `focal`; 1 / sum(1 / scores), the generalised overlap weights; the
        smallest score, the generalised matching weights.
    focal : label, optional
        For ATT, and only there: the arm whose people the effect is for.
    labels : sequence, optional
        The arms in the order of the columns; default: their own order.
    stabilised : bool
        Multiply by the share of people in the arm. ATE only.

    Returns
    -------
    ArmsWeights

    Raises
    ------
    ShapeError
        Scores are not (n, K).
    CodingError
        Scores that are no probabilities, an unknown estimand or arm, stabilised weights of another estimand.
    NonFiniteError
        Missing labels.

    References
    ----------
    Li F, Li F. Propensity score weighting for causal inference with multiple treatments. Ann Appl Stat
    2019;13:2389-2415.
    Yoshida K, Hernandez-Diaz S, Solomon DH, et al. Matching weights to simultaneously compare three
    treatment groups. Epidemiology 2017;28:387-395.
    """
    choice(estimand, "estimand", ARMS_ESTIMANDS)
    number, arms = _numbered(arm, labels)
    e = _checked(scores, len(number), len(arms))
    if (estimand == "ATT") != (focal is not None) or (focal is not None and focal not in arms):
        raise CodingError(
            "ATT is the effect in one arm's people, the others are not",
            field="focal",
            remedy=f"With ATT, and only there, name one of {', '.join(str(label) for label in arms)}.",
        )
    if stabilised and estimand != "ATE":
        raise CodingError(
            f"Stabilised {estimand} weights", field="stabilised", remedy="Stabilise ATE weights only."
        )
    tilt = _tilt(e, estimand, None if focal is None else arms.index(focal))
    weights = tilt / e[np.arange(len(e)), number]
    if stabilised:
        weights = weights * (np.bincount(number, minlength=len(arms)) / len(e))[number]
    note = (
        f"ATT: the effect in people like those of arm {focal}."
        if focal is not None
        else WHOSE_EFFECT[estimand]
    )
    return ArmsWeights(weights, number, arms, estimand, focal, (note,))


def _tilt(e: FloatArray, estimand: str, focal: int | None) -> FloatArray:
    if focal is not None:
        return e[:, focal]
    if estimand == "ATO":
        return np.asarray(1 / np.sum(1 / e, axis=1), dtype=np.float64)
    return np.ones(len(e)) if estimand == "ATE" else e.min(axis=1)


def _numbered(arm: ArrayLike, labels: Sequence[object] | None) -> tuple[IntArray, tuple[object, ...]]:
    array = np.asarray(arm)
    number, found = codes(array, "arm", len(array))
    own = tuple(found.tolist())
    if labels is None:
        return number, own
    given = tuple(labels)
    if len(set(given)) != len(given) or not set(own) <= set(given):
        raise CodingError(
            "Labels that are not those of the arms", field="labels", remedy="Name each arm once."
        )
    return np.array([given.index(label) for label in own], dtype=np.int64)[number], given


def _checked(scores: ArrayLike, n: int, k: int) -> FloatArray:
    try:
        e = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CodingError(
            "Scores are not numbers", field="scores", remedy="Give a row per person and a column per arm."
        ) from error
    if e.shape != (n, k):
        raise ShapeError(
            f"Scores of shape {e.shape} for {n} people in {k} arms",
            field="scores",
            remedy="Give a row per person and a column per arm.",
        )
    with np.errstate(invalid="ignore"):
        fit = (e > 0).all(axis=1) & (np.abs(e.sum(axis=1) - 1) < 1e-6)
    if not fit.all():
        raise CodingError(
            "Scores that are not probabilities of all arms",
            field="scores",
            count=int(np.count_nonzero(~fit)),
            remedy="Each row lies above 0 and adds up to one.",
        )
    return e
