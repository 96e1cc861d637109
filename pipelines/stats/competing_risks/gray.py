"""Gray's test that the cumulative incidence of a cause is the same in k groups."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, codes, follow_up
from .._linear_algebra import chi_square_p, quadratic_form
from ..errors import CodingError, CollinearityError, EmptyArmError
from ._causes import causes


@dataclass(frozen=True)
class GrayTest:
    """Result of `gray_test`, for K causes and k groups.

    Attributes
    ----------
    causes : tuple of int
    groups : tuple
    statistic, p_value : ndarray of shape (K,)
        Chi-square on `df` = k - 1 degrees of freedom, and its tail.
    score : ndarray of shape (K, k - 1)
        Of all groups but the last, summed over strata: events beyond those expected.
    variance : ndarray of shape (K, k - 1, k - 1)
    """

    causes: tuple[int, ...]
    groups: tuple[object, ...]
    statistic: FloatArray
    df: int
    p_value: FloatArray
    score: FloatArray
    variance: FloatArray
    rho: float

    def to_frame(self) -> pl.DataFrame:
        """One row per cause."""
        return pl.DataFrame(
            {
                "cause": self.causes,
                "statistic": self.statistic,
                "df": [self.df] * len(self.causes),
                "p_value": self.p_value,
            }
        )


def gray_test(
    time: ArrayLike,
    cause: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> GrayTest:
    """Test, for each cause, that k groups have the same cumulative incidence.

    Parameters
    ----------
    time, cause
        As in `aalen_johansen`.
    group : array_like of shape (n,)
        Labels, at least two.
    strata : array_like of shape (n,), optional
        Labels; groups are compared within a stratum.
    rho : float
        Weight (1 - F(t-))**rho by the pooled incidence of the stratum: 0 weighs all times alike, more of it
        early differences.

    Returns
    -------
    GrayTest

    Raises
    ------
    EmptyArmError
        Fewer than two groups.
    CollinearityError
        The scores of some groups say nothing (a group without anybody at risk of an event).
    NoEventsError, CodingError, ShapeError, NonFiniteError, NegativeTimeError
        The input is not what it should be.

    References
    ----------
    Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a competing risk. Ann Stat
    1988;16:1141-1154. Numbers equal `cmprsk::cuminc`.
    """
    stop, _ = follow_up(time, None)
    n = len(stop)
    of = causes(cause, "cause", n)
    member, labels = codes(group, "group", n)
    stratum = codes(strata, "strata", n)[0]
    if not np.isfinite(rho):
        raise CodingError("A weight that is no number", field="rho", remedy="Give 0 or more.")
    if len(labels) < 2:
        raise EmptyArmError(
            "There is only one group to compare", field="group", remedy="Check how the groups are coded."
        )
    k = len(labels)
    scores, variances, statistics = [], [], []
    for label in of.labels:
        kind = of.of(label, "cause")
        score, variance = np.zeros(k - 1), np.zeros((k - 1, k - 1))
        for number in range(int(stratum.max()) + 1):
            own = stratum == number
            if not kind[own].any():
                continue  # everybody is censored: the stratum says nothing
            part = _one_stratum(stop[own], kind[own], member[own], k, rho)
            score, variance = score + part[0], variance + part[1]
        if np.linalg.matrix_rank(variance) < k - 1:
            raise CollinearityError(
                f"Gray's test of cause {label} cannot tell the groups apart",
                field="group",
                remedy="Leave out groups that nobody of is at risk when somebody has the event.",
            )
        scores.append(score)
        variances.append(variance)
        statistics.append(quadratic_form(score, variance))
    return GrayTest(
        causes=of.labels,
        groups=tuple(labels.tolist()),
        statistic=np.array(statistics),
        df=k - 1,
        p_value=np.array([chi_square_p(s, k - 1) for s in statistics]),
        score=np.array(scores),
        variance=np.array(variances),
        rho=rho,
    )


def _one_stratum(
    time: FloatArray, kind: IntArray, member: IntArray, k: int, rho: float
) -> tuple[FloatArray, FloatArray]:
    """Score (k - 1,) and its variance of one stratum; `kind` is 1 for the cause, 2 for another, 0 for none.

    Rows of the arrays are times with an event of any kind, columns groups; `risk` is the risk set of the
    subdistribution, Y(t)/S(t-) up to the incidence, as in Gray's paper.
    """
    times = np.unique(time[kind > 0])
    own, other, at_risk = (_by_group(time, member, k, times, which, kind) for which in (1, 2, None))
    present = at_risk > 0
    y = np.where(present, at_risk, 1.0)
    after = np.cumprod(np.where(present, 1 - (own + other) / y, 1.0), axis=0)
    before = np.vstack([np.ones(k), after[:-1]])
    incidence = np.cumsum(np.where(present, before * own / y, 0.0), axis=0)
    incidence_before = np.vstack([np.zeros(k), incidence[:-1]])

    risk = np.divide(at_risk, before, out=np.zeros_like(at_risk), where=present)
    all_risk, events = risk.sum(axis=1), own.sum(axis=1)
    pooled = np.cumsum(events / all_risk)
    pooled_before = np.concatenate([[0.0], pooled[:-1]])
    weight = np.maximum(1 - pooled_before, 0.0) ** rho
    in_sub = risk * (1 - incidence_before)
    total = in_sub.sum(axis=1)
    share = np.divide(in_sub, total[:, None], out=np.zeros_like(in_sub), where=total[:, None] > 0)
    score = (weight @ (own - events[:, None] * share))[:-1]

    # a and c of the paper: how the score of group i leans on the counts of group g, and its running sum.
    lean = -risk[:, :-1, None] * (risk / all_risk[:, None])[:, None, :]
    lean[:, np.arange(k - 1), np.arange(k - 1)] += risk[:, :-1]
    lean = lean * weight[:, None, None]
    left = np.where(pooled_before < 1, 1 - pooled_before, 1.0)
    running = np.cumsum(lean * (events / (all_risk * left))[:, None, None], axis=0)
    last = running[-1]

    alive = np.where(after > 0, after, 1.0)
    slope = np.where(after > 0, (1 - pooled)[:, None] / alive, 0.0)
    size = all_risk[:, None] * before
    tie = np.where(events[:, None] > 1, 1 - (events[:, None] - 1) / np.maximum(size - 1, 1e-300), 1.0)
    spread = np.where(present, tie * before * events[:, None] / (all_risk[:, None] * y), 0.0)
    one = _quadratic(lean - (1 - slope)[:, None, :] * running + (1 - slope)[:, None, :] * last, spread)
    tie = np.where(other > 1, 1 - (other - 1) / np.maximum(at_risk - 1, 1.0), 1.0)
    spread = np.where(after > 0, tie * before**2 * other / y**2, 0.0)
    two = _quadratic(slope[:, None, :] * (running - last), spread)
    return score, one + two


def _quadratic(lean: FloatArray, spread: FloatArray) -> FloatArray:
    """Sum over times and groups of lean_i lean_j spread."""
    flat = np.swapaxes(lean, 0, 1).reshape(lean.shape[1], -1)
    product: FloatArray = (flat * spread.ravel()) @ flat.T
    return product


def _by_group(
    time: FloatArray, member: IntArray, k: int, times: FloatArray, which: int | None, kind: IntArray
) -> FloatArray:
    """Number with `which` kind of event at each time, by group; with None the number at risk."""
    counts = np.zeros((len(times), k))
    for g in range(k):
        own = np.sort(time[(member == g) & ((kind == which) | (which is None))])
        first = np.searchsorted(own, times, "left")
        counts[:, g] = len(own) - first if which is None else np.searchsorted(own, times, "right") - first
    return counts
