"""The log-rank test and its family: k groups, strata, delayed entry, case weights, rows of one person or pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    FloatArray,
    IntArray,
    choice,
    codes,
    flags,
    follow_up,
    positive_weights,
    vector,
)
from .._linear_algebra import chi_square_p
from ..errors import CodingError, EmptyArmError, NoEventsError
from ._counts import require_clusters, risk_table
from ._rank_test import (
    People,
    chi_square,
    robust_covariance,
    scores,
    without_replacement,
    xie_liu_covariance,
)

SCHEMES = ("fleming-harrington", "gehan", "tarone-ware", "peto")
VARIANCES = ("hypergeometric", "robust", "xie-liu")


@dataclass(frozen=True)
class LogRank:
    """Result of `logrank`.

    Attributes
    ----------
    groups : tuple
        Labels, k of them, in their order.
    n : ndarray of int, shape (k,)
    observed, expected : ndarray of shape (k,)
        Events, weighted by the scheme (and the case weights), summed over strata.
    variance : ndarray of shape (k, k)
        Covariance of observed - expected.
    statistic, p_value : float
        Chi-square on `df` degrees of freedom.
    scheme, rho, gamma
        How times are weighted.
    variance_method : {"hypergeometric", "robust", "xie-liu"}
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
    gamma: float = 0.0
    scheme: str = "fleming-harrington"
    variance_method: str = "hypergeometric"

    def trend(self, scores: Sequence[float]) -> tuple[float, float]:
        """Chi-square on one degree of freedom and p-value for a trend across groups with `scores`."""
        score = vector(np.asarray(scores), "scores", len(self.groups))
        difference = float(score @ (self.observed - self.expected))
        spread = float(score @ self.variance @ score)
        if np.ptp(score) == 0 or spread <= 0:
            raise CodingError(
                "Scores that are all the same have no trend", field="scores", remedy="Order the groups."
            )
        statistic = difference**2 / spread
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
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    scheme: str = "fleming-harrington",
    rho: float = 0.0,
    gamma: float = 0.0,
    variance: str | None = None,
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
    weights : array_like of shape (n,), optional
        Case weights above zero, such as inverse probabilities of treatment.
    cluster : array_like of shape (n,), optional
        Labels of rows that are not independent: those of one person, or of a matched set.
    scheme : {"fleming-harrington", "gehan", "tarone-ware", "peto"}
        How differences early and late count: S(t-)**rho (1 - S(t-))**gamma by the stratum's own pooled
        Kaplan-Meier curve; the number at risk; its root; or Peto and Peto's curve, the product of
        1 - d/(n + 1). The first with `rho` and `gamma` 0 is the log-rank test.
    rho, gamma : float
        Not below 0, and only for Fleming and Harrington. `rho` = 1 looks at early differences, `gamma` = 1
        at late ones. Choose before looking.
    variance : {"hypergeometric", "robust", "xie-liu"}, optional
        Default hypergeometric, and robust where `weights` or `cluster` is given: the sum of squares of
        people's (clusters') own contributions, for which weights need not be counts. `xie-liu` is that of
        the weighted log-rank test of two groups. `hypergeometric` takes weights as counts of people.

    Returns
    -------
    LogRank

    Raises
    ------
    EmptyArmError
        Fewer than two groups, a group never at risk when somebody dies, nothing to compare, or one cluster.
    NoEventsError
        Nobody has the event.
    CodingError
        Options that do not go together.

    References
    ----------
    Harrington DP, Fleming TR. A class of rank test procedures for censored survival data. Biometrika
    1982;69:553-566.
    Tarone RE, Ware J. On distribution-free tests for equality of survival distributions. Biometrika
    1977;64:156-160.
    Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. JASA 1989;84:1074-1078.
    Xie J, Liu C. Adjusted Kaplan-Meier estimator and log-rank test with inverse probability of treatment
    weighting for survival data. Stat Med 2005;24:3089-3110.
    """
    _check_options(scheme, rho, gamma)
    people, labels = _checked(time, event, group, entry, strata, weights, cluster)
    k = len(labels)
    method = _variance_method(variance, people, k)
    table = risk_table(
        people.time, people.died, people.entry, people.weights,
        group=people.group, groups=k, stratum=people.stratum,
    )  # fmt: skip
    deaths, at_risk = table.n_event.sum(axis=1), table.n_risk.sum(axis=1)
    with_deaths = deaths > 0
    score = np.where(with_deaths, scores(table, deaths, at_risk, scheme, rho, gamma), 0.0)
    share = np.divide(
        table.n_risk, at_risk[:, None], out=np.zeros_like(table.n_risk), where=with_deaths[:, None]
    )
    observed, expected = score @ table.n_event, (score * deaths) @ share
    absent = [str(label) for label, e in zip(labels, (deaths @ share).tolist(), strict=True) if e <= 0]
    if absent:
        raise EmptyArmError(
            "Groups that nobody of is at risk when somebody dies",
            field=", ".join(absent),
            remedy="Leave these groups out.",
        )
    if method == "hypergeometric":
        spread = score**2 * deaths * without_replacement(deaths, at_risk)
        covariance = np.diag(spread @ share) - share.T @ (spread[:, None] * share)
    elif method == "robust":
        covariance = robust_covariance(people, table, score, deaths, at_risk, share)
    else:
        covariance = xie_liu_covariance(people, table, score, share)
    difference = observed - expected
    unit = float(score**2 @ deaths)
    if people.weights is not None:
        unit = float(np.sum((score[table.exit_cell] * people.weights)[people.died] ** 2))
    statistic = chi_square(difference, covariance, unit)
    return LogRank(
        groups=tuple(labels),
        n=np.bincount(people.group, minlength=k),
        observed=observed,
        expected=expected,
        variance=covariance,
        statistic=statistic,
        df=k - 1,
        p_value=chi_square_p(statistic, k - 1),
        rho=rho,
        gamma=gamma,
        scheme=scheme,
        variance_method=method,
    )


def _check_options(scheme: str, rho: float, gamma: float) -> None:
    choice(scheme, "scheme", SCHEMES)
    for value, name in ((rho, "rho"), (gamma, "gamma")):
        if not (np.isfinite(value) and value >= 0):
            raise CodingError("A power below 0", field=name, remedy="Use 0, 1 or another positive number.")
        if value and scheme != "fleming-harrington":
            raise CodingError(
                f"The scheme {scheme!r} has no powers", field=name, remedy="Leave rho and gamma out."
            )


def _checked(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    entry: ArrayLike | None,
    strata: ArrayLike | None,
    weights: ArrayLike | None,
    cluster: ArrayLike | None,
) -> tuple[People, list[object]]:
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    member, labels = codes(group, "group", n)
    stratum = None if strata is None else codes(strata, "strata", n)[0]
    owner = None if cluster is None else codes(cluster, "cluster", n)[0]
    require_clusters(owner)
    if len(labels) < 2:
        raise EmptyArmError(
            "There is only one group to compare", field="group", remedy="Check how the groups are coded."
        )
    if not died.any():
        raise NoEventsError(
            "Nobody has the event", field="event", remedy="Widen the cohort or its follow-up."
        )
    if weights is None:
        return People(stop, died, start, None, member, stratum, owner), labels.tolist()
    w = positive_weights(weights, n)
    order = np.lexsort((w, member, died, stop))
    return (
        People(
            stop[order],
            died[order],
            None if start is None else start[order],
            w[order],
            member[order],
            None if stratum is None else stratum[order],
            None if owner is None else owner[order],
        ),
        labels.tolist(),
    )


def _variance_method(asked: str | None, people: People, k: int) -> str:
    if asked is None:
        plain = people.weights is None and people.cluster is None
        return "hypergeometric" if plain else "robust"
    choice(asked, "variance", VARIANCES)
    if people.cluster is not None and asked != "robust":
        raise CodingError(
            "Only the robust variance knows clusters", field="variance", remedy="Leave variance out."
        )
    if asked == "xie-liu" and k != 2:
        raise CodingError(
            "Xie and Liu's variance is for two groups", field="variance", remedy="Use the robust one."
        )
    return asked
