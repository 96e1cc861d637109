"""Kaplan-Meier curves: weights, delayed entry, groups, four kinds of interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    choice,
    codes,
    confidence,
    flags,
    follow_up,
    positive_weights,
)
from ..errors import CodingError, RiskSetError
from ._counts import require_clusters, risk_table
from ._variance import INTERVALS, greenwood, jackknife, limits
from .curve import KaplanMeier, KaplanMeierCurve


@dataclass(frozen=True)
class _People:
    """Checked people; `entry` and `weights` are None where all enter at 0 and weigh 1."""

    time: FloatArray
    died: BoolArray
    entry: FloatArray | None
    weights: FloatArray | None
    clusters: IntArray | None

    def of(self, rows: BoolArray | IntArray) -> "_People":
        return _People(
            self.time[rows],
            self.died[rows],
            None if self.entry is None else self.entry[rows],
            None if self.weights is None else self.weights[rows],
            None if self.clusters is None else self.clusters[rows],
        )


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    group: ArrayLike | None = None,
    ci: str = "log-log",
    level: float = 0.95,
    robust: bool | None = None,
    cluster: ArrayLike | None = None,
    minimum_at_risk: int | None = None,
) -> KaplanMeier:
    """Kaplan-Meier survival curves.

    Parameters
    ----------
    time : array_like of shape (n,)
        End of observation, any unit, not negative. One censored at a time of death is at risk of it.
    event : array_like of shape (n,)
        1 or True for an event, 0 for censored.
    entry : array_like of shape (n,), optional
        Start of observation, below `time`. At risk at t means entry < t <= time. The curve is right only
        where entry and survival are independent given that both are seen: see
        `truncation.quasi_independence_test`.
    weights : array_like of shape (n,), optional
        Case weights above zero.
    group : array_like of shape (n,), optional
        Labels; a curve each.
    ci : {"log-log", "log", "plain", "logit"}
        Scale on which the interval is symmetric.
    level : float
        Confidence level.
    robust : bool, optional
        Infinitesimal-jackknife variance instead of Greenwood's. Default, as in R: where `cluster` is given
        or weights are not whole numbers, because then they are no counts of people.
    cluster : array_like of shape (n,), optional
        Labels of rows that belong to one person or pair; makes the variance robust.
    minimum_at_risk : int, optional
        With delayed entry few are at risk at first, and one early death may pull the whole curve down. Where
        this number of people (not weighted) is asked for, the curve begins after the last early time of
        death with fewer, and is survival given that one lives beyond it (`start` says when).

    Returns
    -------
    KaplanMeier

    Raises
    ------
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be.
    EmptyArmError
        All people of a group are in one cluster.
    RiskSetError
        Never are as many as `minimum_at_risk` under observation at the same time.

    References
    ----------
    Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. JASA 1958;53:457-481.
    Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics 1982;38:29-41.
    Lynden-Bell D. A method of allowing for known observational selection in small samples applied to 3CR
    quasars. Mon Not R Astron Soc 1971;155:95-118 (delayed entry).
    """
    choice(ci, "ci", INTERVALS)
    confidence(level)
    if minimum_at_risk is not None and minimum_at_risk < 1:
        raise CodingError(
            "A minimum below one", field="minimum_at_risk", remedy="Ask for at least one person at risk."
        )
    stop, start = follow_up(time, entry)
    n = len(stop)
    w = None if weights is None else positive_weights(weights, n)
    died = flags(event, "event", n)
    membership, labels = codes(group, "group", n)
    owner = None if cluster is None else codes(cluster, "cluster", n)[0]
    if robust is False and owner is not None:
        raise CodingError(
            "Clusters with a variance that ignores them", field="robust", remedy="Leave robust out."
        )
    if robust is None:
        robust = owner is not None or (w is not None and not np.array_equal(w, np.rint(w)))
    if robust and owner is None:
        owner = np.arange(n)
    people = _People(stop, died, start, w, owner)
    curves = []
    for number, label in enumerate(labels.tolist()):
        own = people if len(labels) == 1 else people.of(membership == number)
        if cluster is not None:
            require_clusters(own.clusters)
        own, begin = _late_start(own, minimum_at_risk)
        curves.append(_curve(None if group is None else label, own, begin, ci, level))
    return KaplanMeier(tuple(curves))


def _late_start(people: _People, minimum: int | None) -> tuple[_People, float]:
    """The people who are seen after the curve's start, and that start."""
    if minimum is None:
        return people, 0.0
    counts = risk_table(people.time, people.died, people.entry, None)
    at_risk = counts.n_risk[:, 0]
    if at_risk.max() < minimum:
        raise RiskSetError(
            "Fewer people than asked for are ever under observation at the same time",
            field="minimum_at_risk",
            count=int(at_risk.max()),
            remedy="Ask for fewer, merge groups, or give no curve.",
        )
    early = (np.arange(len(at_risk)) < at_risk.argmax()) & (at_risk < minimum) & (counts.n_event[:, 0] > 0)
    if not early.any():
        return people, 0.0
    begin = float(counts.time[early][-1])
    return people.of(people.time > begin), begin


def _curve(label: object, people: _People, begin: float, ci: str, level: float) -> KaplanMeierCurve:
    if (
        people.weights is not None or people.clusters is not None
    ):  # one order of summing for any order of rows
        weights = np.ones(len(people.time)) if people.weights is None else people.weights
        people = people.of(np.lexsort((weights, ~people.died, people.time)))
    counts = risk_table(people.time, people.died, people.entry, people.weights)
    n_risk, n_event = counts.n_risk[:, 0], counts.n_event[:, 0]
    alive = None if people.weights is None else people.weights[~people.died]
    n_censor = np.bincount(counts.exit_cell[~people.died], alive, minlength=len(n_event)).astype(np.float64)
    everybody = n_event >= n_risk * (1 - 1e-12)  # weights add up to the same only up to rounding
    survival = np.asarray(np.cumprod(np.where(everybody, 0.0, 1 - n_event / n_risk)), dtype=np.float64)
    if people.clusters is None:
        std_err = greenwood(n_risk, n_event, survival)
    else:
        weights = np.ones(len(people.time)) if people.weights is None else people.weights
        error = jackknife(counts, people.died, weights, people.clusters, survival)
        std_err = np.divide(error, survival, out=np.full_like(error, np.inf), where=survival > 0)
    lower, upper = limits(survival, std_err, ci, level)
    entering, not_yet = _entries(people)
    return KaplanMeierCurve(
        group=label,
        n=len(people.time),
        events=int(np.count_nonzero(people.died)),
        time=counts.time,
        n_risk=n_risk,
        n_event=n_event,
        n_censor=n_censor,
        survival=survival,
        std_err=std_err,
        lower=lower,
        upper=upper,
        ci=ci,
        level=level,
        robust=people.clusters is not None,
        _entry=entering,
        _not_yet=not_yet,
        start=begin,
        warnings=_warnings(counts.time, survival, entering, begin),
    )


def _entries(people: _People) -> tuple[FloatArray, FloatArray]:
    """Sorted times of entry, and the weight of those who enter from each of them on."""
    if people.entry is None:
        return np.zeros(0), np.zeros(1)
    weights = np.ones(len(people.entry)) if people.weights is None else people.weights
    late = np.lexsort((weights, people.entry))
    return people.entry[late], np.append(np.cumsum(weights[late][::-1])[::-1], 0.0)


def _warnings(time: FloatArray, survival: FloatArray, entering: FloatArray, begin: float) -> tuple[str, ...]:
    found = []
    if begin > 0:
        found.append(
            f"The curve begins at {begin:g}: too few were at risk before. It is survival given that one "
            "lives beyond that time."
        )
    zero = time[survival == 0]
    still_to_enter = int(np.count_nonzero(entering >= zero[0])) if len(zero) else 0
    if still_to_enter:
        found.append(
            f"Everybody at risk at an early time died, and the curve is 0 although {still_to_enter} people "
            "enter later. Give minimum_at_risk, so that it begins when enough are under observation."
        )
    return tuple(found)
