"""Log-rank test and Fleming and Harrington's rho family, k groups, stratified, with delayed entry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, codes, flags, follow_up, vector
from .._linear_algebra import chi_square_p, quadratic_form
from ..errors import EmptyArmError, NoEventsError


@dataclass(frozen=True)
class LogRank:
    """Result of `logrank`.

    Attributes
    ----------
    groups : tuple
        Labels, k of them, in their order.
    n : ndarray of int, shape (k,)
    observed, expected : ndarray of shape (k,)
        Events, weighted by S(t-)**rho, summed over strata.
    variance : ndarray of shape (k, k)
        Hypergeometric covariance of observed - expected.
    statistic, p_value : float
        Chi-square on `df` degrees of freedom.
    """

    groups: tuple[object, ...]
    n: IntArray
    observed: FloatArray
    expected: FloatArray
    variance: FloatArray
    statistic: float
    df: int
    p_value: float
    rho: float

    def trend(self, scores: Sequence[float]) -> tuple[float, float]:
        """Chi-square on one degree of freedom and p-value for a trend across groups with `scores`."""
        score = vector(np.asarray(scores), "scores", len(self.groups))
        difference = float(score @ (self.observed - self.expected))
        statistic = difference**2 / float(score @ self.variance @ score)
        return statistic, chi_square_p(statistic, 1)

    def to_frame(self) -> pl.DataFrame:
        """One row per group: n, observed, expected; the test repeated on each."""
        return pl.DataFrame(
            {
                "group": [str(label) for label in self.groups],
                "n": self.n,
                "observed": self.observed,
                "expected": self.expected,
                "statistic": [self.statistic] * len(self.n),
                "df": [self.df] * len(self.n),
                "p_value": [self.p_value] * len(self.n),
            }
        )


def logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRank:
    """Test that k survival curves are the same.

    Parameters
    ----------
    time, event, entry
        As in `kaplan_meier.kaplan_meier`.
    group : array_like of shape (n,)
        Labels, at least two.
    strata : array_like of shape (n,), optional
        Labels; people are compared within a stratum.
    rho : float
        Weight S(t-)**rho by the stratum's own pooled curve: 0 is the log-rank test, 1 Peto and Peto's.

    Returns
    -------
    LogRank

    Raises
    ------
    EmptyArmError
        Fewer than two groups, or a group never at risk when somebody dies.
    NoEventsError
        Nobody has the event.

    References
    ----------
    Harrington DP, Fleming TR. A class of rank test procedures for censored survival data. Biometrika
    1982;69:553-566.
    """
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    member, labels = codes(group, "group", n)
    stratum = codes(strata, "strata", n)[0]
    k = len(labels)
    if k < 2:
        raise EmptyArmError(
            "There is only one group to compare", field="group", remedy="Check how the groups are coded."
        )
    if not died.any():
        raise NoEventsError(
            "Nobody has the event", field="event", remedy="Widen the cohort or its follow-up."
        )
    observed, expected, variance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for number in range(int(stratum.max()) + 1):
        own = stratum == number
        part = _one_stratum(stop[own], died[own], None if start is None else start[own], member[own], k, rho)
        observed, expected, variance = observed + part[0], expected + part[1], variance + part[2]
    absent = [str(label) for label, e in zip(labels.tolist(), expected, strict=True) if e <= 0]
    if absent:
        raise EmptyArmError(
            "Groups that nobody of is at risk when somebody dies",
            field=", ".join(absent),
            remedy="Leave these groups out.",
        )
    difference = observed - expected
    statistic = quadratic_form(difference[:-1], variance[:-1, :-1])
    return LogRank(
        groups=tuple(labels.tolist()),
        n=np.bincount(member, minlength=k),
        observed=observed,
        expected=expected,
        variance=variance,
        statistic=statistic,
        df=k - 1,
        p_value=chi_square_p(statistic, k - 1),
        rho=rho,
    )


def _one_stratum(
    time: FloatArray, died: BoolArray, entry: FloatArray | None, member: IntArray, k: int, rho: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Observed, expected and covariance of one stratum, from counts by death time and group."""
    times = np.unique(time[died])
    deaths, at_risk = np.zeros((len(times), k)), np.zeros((len(times), k))
    for g in range(k):
        own = member == g
        dead = np.sort(time[own & died])
        deaths[:, g] = np.searchsorted(dead, times, "right") - np.searchsorted(dead, times, "left")
        at_risk[:, g] = own.sum() - np.searchsorted(np.sort(time[own]), times, "left")
        if entry is not None:
            at_risk[:, g] -= own.sum() - np.searchsorted(np.sort(entry[own]), times, "left")
    d, y = deaths.sum(axis=1), at_risk.sum(axis=1)
    before = np.concatenate([[1.0], np.cumprod(1 - d / y)[:-1]]) if len(times) else np.ones(0)
    weight = before**rho
    share = at_risk / y[:, None]
    spread = weight**2 * d * (y - d) / np.maximum(y - 1, 1)
    covariance = np.diag(spread @ share) - share.T @ (spread[:, None] * share)
    return weight @ deaths, (weight * d) @ share, covariance
