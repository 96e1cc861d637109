"""Mean time lived up to a horizon, by arm, and its difference and ratio: no proportional hazards needed."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, codes, confidence, flags, follow_up, positive_weights
from .._linear_algebra import normal_quantile
from ..effect import Effect, wald_effect
from ..errors import NoEventsError
from ._counts import risk_table
from .curve import KaplanMeierCurve, areas, require_follow_up
from .estimate import kaplan_meier


@dataclass(frozen=True)
class RestrictedMean:
    """Mean time lived up to a horizon in one group.

    Attributes
    ----------
    group : object
    n, events : int
        People, and those who died by the horizon.
    tau : float
        The horizon, in the unit of the times.
    mean, std_err, lower, upper : float
        Area under the curve up to `tau`.
    time_lost : float
        tau - mean; its standard error is the same.
    level : float
    robust : bool
        Whether the variance is the infinitesimal jackknife.
    """

    group: object
    n: int
    events: int
    tau: float
    mean: float
    std_err: float
    lower: float
    upper: float
    time_lost: float
    level: float
    robust: bool

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        row = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return pl.DataFrame({**row, "group": None if self.group is None else str(self.group)})


@dataclass(frozen=True)
class RestrictedMeans:
    """Restricted means by group; of two groups their contrasts too, the second against the first.

    Attributes
    ----------
    means : tuple of RestrictedMean
        In the order of the labels.
    difference, ratio, lost_ratio : Effect or None
        Of the means, and the ratio of the times lost; None unless there are two groups. A ratio is None too
        where one of the means, or of the times lost, is 0.
    """

    means: tuple[RestrictedMean, ...]
    difference: Effect | None
    ratio: Effect | None
    lost_ratio: Effect | None

    def to_frame(self) -> pl.DataFrame:
        """One row per group."""
        return pl.concat(mean.to_frame() for mean in self.means)


def restricted_mean_survival(
    time: ArrayLike,
    event: ArrayLike,
    tau: float,
    *,
    group: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    level: float = 0.95,
    estimand: str = "ATE",
) -> RestrictedMeans:
    """Restricted mean survival time by group, with difference and ratio where there are two.

    Parameters
    ----------
    time, event, group, entry, weights, cluster, robust, level
        As in `kaplan_meier.kaplan_meier`. `group` coded 0/1 or False/True gives exposed against unexposed. A
        cluster that has rows in both groups (a matched pair) correlates them, and the contrast allows for it.
    tau : float
        The horizon. Every group must have been followed to it, or have died out before.
    estimand : str
        Whom the contrast is about, as in `Effect`: a property of the design, that of the weights or of the
        matched set. Without weights the arms are compared as they are, clusters or not, and a note says so:
        the contrast is then of this estimand only if the design (randomisation, matching) made them alike.

    Returns
    -------
    RestrictedMeans
        The variance is Greenwood's (without R's optional n/(n - 1)), or the infinitesimal jackknife where
        `robust`.

    Raises
    ------
    BeyondFollowUpError
        Nobody of a group was followed to `tau`.
    NoEventsError
        Of two groups, nobody dies before `tau`, or in each all at once.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be.

    References
    ----------
    Royston P, Parmar MKB. Restricted mean survival time: an alternative to the hazard ratio for the design
    and analysis of randomized trials with a time-to-event outcome. BMC Med Res Methodol 2013;13:152.
    Uno H, Claggett B, Tian L, et al. Moving beyond the hazard ratio in quantifying the between-group
    difference in survival analysis. J Clin Oncol 2014;32:2380-2385.
    """
    confidence(level)
    fit = kaplan_meier(
        time, event, group=group, entry=entry, weights=weights, cluster=cluster, robust=robust, level=level
    )
    for curve in fit:
        require_follow_up(curve, tau)
    people = _checked(time, event, group, entry, weights, cluster)
    deaths = np.bincount(people.group, people.died & (people.time <= tau)).astype(int)
    means = np.array([areas(curve, tau)[0] for curve in fit])
    if fit.curves[0].robust:
        covariance = _jackknife(people, fit.curves, tau)
    else:
        covariance = np.diag([curve.restricted_mean(tau)[1] ** 2 for curve in fit])
    errors = np.sqrt(np.diag(covariance))
    half = normal_quantile(level) * errors
    rows = tuple(
        RestrictedMean(
            group=curve.group,
            n=curve.n,
            events=int(deaths[g]),
            tau=float(tau),
            mean=float(means[g]),
            std_err=float(errors[g]),
            lower=float(means[g] - half[g]),
            upper=float(means[g] + half[g]),
            time_lost=float(tau - means[g]),
            level=level,
            robust=curve.robust,
        )
        for g, curve in enumerate(fit)
    )
    if len(rows) != 2:
        return RestrictedMeans(rows, None, None, None)
    return RestrictedMeans(rows, *_contrasts(rows, covariance, estimand, weighted=weights is not None))


@dataclass(frozen=True)
class _People:
    time: FloatArray
    died: BoolArray
    group: IntArray
    entry: FloatArray | None
    weights: FloatArray
    cluster: IntArray


def _checked(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike | None,
    entry: ArrayLike | None,
    weights: ArrayLike | None,
    cluster: ArrayLike | None,
) -> _People:
    stop, start = follow_up(time, entry)
    n = len(stop)
    return _People(
        stop,
        flags(event, "event", n),
        codes(group, "group", n)[0],
        start,
        positive_weights(weights, n),
        np.arange(n) if cluster is None else codes(cluster, "cluster", n)[0],
    )


def _jackknife(people: _People, curves: tuple[KaplanMeierCurve, ...], tau: float) -> FloatArray:
    """Covariance of the groups' means: products of the clusters' summed influences on them."""
    influence = np.zeros((int(people.cluster.max()) + 1, len(curves)))
    for g, curve in enumerate(curves):
        own = people.group == g
        influence[:, g] = np.bincount(
            people.cluster[own], _influence(people, own, curve, tau), minlength=len(influence)
        )
    covariance: FloatArray = influence.T @ influence
    return covariance


def _influence(people: _People, own: BoolArray, curve: KaplanMeierCurve, tau: float) -> FloatArray:
    """What each person's weight changes in the area up to `tau`, times the weight.

    As for the curve itself, with each step weighted by the area R that is still to come after it: the sum of
    R dN/(Y(Y - dN)) between entry and exit, less R/(Y - dN) at the person's own death.
    """
    table = risk_table(
        people.time[own],
        people.died[own],
        None if people.entry is None else people.entry[own],
        people.weights[own],
    )
    to_come = np.zeros(len(table.time))
    inside = table.time <= tau
    to_come[inside] = areas(curve, tau)[1]
    n_risk, n_event = table.n_risk[:, 0], table.n_event[:, 0]
    left = np.where(curve.survival > 0, n_risk - n_event, np.inf)
    total = np.append(0.0, np.cumsum(to_come * n_event / (n_risk * left)))
    last = table.exit_cell
    death = np.where(people.died[own], (to_come / left)[last], 0.0)
    changes: FloatArray = people.weights[own] * (total[last + 1] - total[table.entry_cell] - death)
    return changes


def _contrasts(
    rows: tuple[RestrictedMean, ...], covariance: FloatArray, estimand: str, *, weighted: bool
) -> tuple[Effect, Effect | None, Effect | None]:
    """Difference and ratio of the means, and of the times lost; no ratio where one of the two is 0."""
    reference, exposed = rows
    if not np.diag(covariance).any():
        raise NoEventsError(
            "Nobody dies before the horizon, or all of an arm at once",
            field="tau",
            remedy="Take a later tau, if follow-up allows; nothing varies that a contrast could be judged by.",
        )
    method = f"Kaplan-Meier area to {reference.tau:g}, "
    method += "infinitesimal jackknife" if reference.robust else "Greenwood"
    unadjusted = f"{estimand} only if the design made them alike"
    notes = () if weighted else (f"The arms are compared as they are, without adjustment: {unadjusted}.",)

    def effect(measure: str, estimate: float, gradient: tuple[float, float]) -> Effect:
        slope = np.array(gradient)
        return wald_effect(
            estimate,
            float(np.sqrt(slope @ covariance @ slope)),
            analysis="restricted_mean",
            measure=measure,
            n=reference.n + exposed.n,
            n_exposed=exposed.n,
            events=reference.events + exposed.events,
            estimand=estimand,
            effect_type="marginal",
            method=method,
            level=reference.level,
            notes=notes,
        )

    a, b = reference.mean, exposed.mean
    ratio = lost = None
    if a > 0 and b > 0:  # an arm whose people all die at 0 has lived no time
        ratio = effect("rmst_ratio", float(np.log(b / a)), (-1 / a, 1 / b))
    if reference.time_lost > 0 and exposed.time_lost > 0:
        log_ratio = float(np.log(exposed.time_lost / reference.time_lost))
        lost = effect("rmtl_ratio", log_ratio, (1 / reference.time_lost, -1 / exposed.time_lost))
    return effect("rmst_difference", b - a, (-1.0, 1.0)), ratio, lost
