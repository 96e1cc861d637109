"""Log-rank tests of matched pairs, and of every two of several groups."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, choice, codes, vector
from .._multiple_testing import holm
from ..errors import CodingError, EmptyArmError
from .logrank import LogRank, logrank

PAIRED_METHODS = ("stratified", "jung")


def paired_logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    pair: ArrayLike,
    *,
    method: str = "stratified",
    scheme: str = "fleming-harrington",
) -> LogRank:
    """Test that survival is the same in both arms of a matched set of people.

    Parameters
    ----------
    time, event
        As in `kaplan_meier.kaplan_meier`.
    group : array_like of shape (n,)
        Labels, two of them.
    pair : array_like of shape (n,)
        Label of each person's pair or matched set; each holds people of both groups.
    method : {"stratified", "jung"}
        `stratified` compares within pairs: (D1 - D0)²/(D1 + D0), where D1 and D0 count the pairs in which
        that person died first while the other was still followed. It asks about the hazard ratio given the
        pair, and pairs whose first to leave was censored say nothing. `jung` compares the two arms as a
        whole and allows for the likeness of pairs in the variance: it asks about the marginal curves, which
        is what Kaplan-Meier curves of matched arms show.
    scheme : str
        As in `logrank`.

    Returns
    -------
    LogRank

    Raises
    ------
    CodingError
        Pairs without people of both groups.
    EmptyArmError
        Not two groups, or no pair in which a death could be compared.

    References
    ----------
    Klein JP, Moeschberger ML. Survival Analysis, 2nd ed. Springer 2003, section 7.5 (stratified by pair).
    Jung SH. Rank tests for matched survival data. Lifetime Data Anal 1999;5:67-79.
    """
    choice(method, "method", PAIRED_METHODS)
    n = len(vector(time, "time"))
    member, labels = codes(group, "group", n)
    if len(labels) != 2:
        raise EmptyArmError(
            "Pairs are of two groups", field="group", count=len(labels), remedy="Compare two arms at a time."
        )
    owner, names = codes(pair, "pair", n)
    sizes = np.bincount(owner, minlength=len(names))
    ones = np.bincount(owner, member, minlength=len(names))
    alone = int(np.count_nonzero((ones == 0) | (ones == sizes)))
    if alone:
        raise CodingError(
            "Pairs without people of both groups",
            field="pair",
            count=alone,
            remedy="Leave out whom nobody is matched to.",
        )
    if method == "jung":
        return logrank(time, event, group, cluster=pair, scheme=scheme)
    return logrank(time, event, group, strata=pair, scheme=scheme)


@dataclass(frozen=True)
class PairwiseLogRank:
    """Result of `pairwise_logrank`.

    Attributes
    ----------
    pairs : tuple of (label, label)
        Every two groups.
    tests : tuple of LogRank
        Each computed from the people of those two groups alone.
    p_adjusted : ndarray of shape (m,)
        Holm's p-values: the chance of any false finding among all of them is at most the level.
    """

    pairs: tuple[tuple[object, object], ...]
    tests: tuple[LogRank, ...]
    p_adjusted: FloatArray

    def to_frame(self) -> pl.DataFrame:
        """One row per two groups."""
        return pl.DataFrame(
            {
                "group_1": [str(one) for one, _ in self.pairs],
                "group_2": [str(two) for _, two in self.pairs],
                "statistic": [test.statistic for test in self.tests],
                "p_value": [test.p_value for test in self.tests],
                "p_holm": self.p_adjusted,
            }
        )


def pairwise_logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    scheme: str = "fleming-harrington",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> PairwiseLogRank:
    """Log-rank test of every two groups, with Holm's adjustment for their number.

    Parameters
    ----------
    time, event, group, entry, strata, weights, cluster, scheme, rho, gamma
        As in `logrank`.

    Raises
    ------
    EmptyArmError, NoEventsError, CodingError
        As in `logrank`; two groups without any death between them are refused too.

    References
    ----------
    Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65-70.
    """
    n = len(vector(time, "time"))
    member, labels = codes(group, "group", n)
    if len(labels) < 2:
        raise EmptyArmError(
            "There is only one group to compare", field="group", remedy="Check how the groups are coded."
        )
    people = {"entry": entry, "strata": strata, "weights": weights, "cluster": cluster}
    pairs, tests = [], []
    for one, two in combinations(range(len(labels)), 2):
        own = (member == one) | (member == two)
        given = {name: np.asarray(values)[own] for name, values in people.items() if values is not None}
        tests.append(
            logrank(
                np.asarray(time)[own],
                np.asarray(event)[own],
                labels[member[own]],
                scheme=scheme,
                rho=rho,
                gamma=gamma,
                **given,
            )
        )
        pairs.append((labels[one].item(), labels[two].item()))
    return PairwiseLogRank(tuple(pairs), tuple(tests), holm(np.array([t.p_value for t in tests])))
