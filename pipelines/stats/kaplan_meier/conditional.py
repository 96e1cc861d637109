"""Survival of those who have already lived some time: landmark curves and conditional survival."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import codes, flags, follow_up, positive_weights, vector, with_rounding
from ..errors import CodingError, EmptyArmError
from .curve import KaplanMeier
from .estimate import kaplan_meier


def landmark_survival(
    time: ArrayLike,
    event: ArrayLike,
    landmark: float,
    *,
    group: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ci: str = "log-log",
    level: float = 0.95,
    robust: bool | None = None,
) -> KaplanMeier:
    """Kaplan-Meier curves of those alive and uncensored after a landmark, with the clock set to 0 there.

    Parameters
    ----------
    landmark : float
        Time from which survival is counted, not below 0. Those who leave at or before it are left out, also
        where a subtraction has left a rounding error between the two. Who belongs to which group must be known
        by then.
    time, event, group, entry, weights, cluster, ci, level, robust
        As in `kaplan_meier`. Those who enter after the landmark enter late.

    Returns
    -------
    KaplanMeier
        Curves of time since the landmark.

    Raises
    ------
    EmptyArmError
        Nobody of a group is under observation after the landmark.
    CodingError
        A landmark below 0.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719.
    """
    if not (np.isfinite(landmark) and landmark >= 0):
        raise CodingError("A landmark below 0", field="landmark", remedy="Give a time from 0 on.")
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    member, labels = codes(group, "group", n)
    w = None if weights is None else positive_weights(weights, n)
    owner = None if cluster is None else codes(cluster, "cluster", n)[0]
    limit = with_rounding(landmark)
    beyond = stop > limit
    gone = int(np.count_nonzero(np.bincount(member[beyond], minlength=len(labels)) == 0))
    if gone:
        raise EmptyArmError(
            "Groups that nobody of is under observation after the landmark",
            field="landmark",
            count=gone,
            remedy="Take an earlier landmark, or leave these groups out.",
        )
    return kaplan_meier(
        stop[beyond] - landmark,
        died[beyond],
        group=None if group is None else labels[member[beyond]],
        entry=None if start is None else np.where(start > limit, start - landmark, 0.0)[beyond],
        weights=None if w is None else w[beyond],
        cluster=None if owner is None else owner[beyond],
        ci=ci,
        level=level,
        robust=robust,
    )


@dataclass(frozen=True)
class ConditionalSurvival:
    """Survival for a further time of those who have lived some time already.

    Attributes
    ----------
    table : polars.DataFrame
        One row per group, time lived (`given`) and further time (`ahead`): `n_given`, people under
        observation after `given`; `n_risk`, those still at risk just before `given` + `ahead`; `survival`,
        `std_err` (of survival), `lower`, `upper`, null beyond follow-up.
    level : float
    """

    table: pl.DataFrame
    level: float

    def to_frame(self) -> pl.DataFrame:
        """The table."""
        return self.table


def conditional_survival(
    time: ArrayLike,
    event: ArrayLike,
    *,
    given: ArrayLike,
    ahead: ArrayLike,
    group: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ci: str = "log-log",
    level: float = 0.95,
    robust: bool | None = None,
) -> ConditionalSurvival:
    """Probability S(given + ahead) / S(given) of a further time alive, with its interval.

    It answers the patient who is still there at a visit. Deaths up to `given` do not enter the interval: it
    is that of the curve of those under observation after `given`.

    Parameters
    ----------
    given : array_like
        Times already lived, not below 0.
    ahead : array_like
        Further times, not below 0.
    time, event, group, entry, weights, cluster, ci, level, robust
        As in `landmark_survival`.

    Raises
    ------
    EmptyArmError
        Nobody of a group is under observation after one of `given`.

    References
    ----------
    Davis FG, McCarthy BJ, Freels S, et al. The conditional probability of survival of patients with primary
    malignant brain tumors. Cancer 1999;85:485-491.
    """
    further = vector(np.atleast_1d(np.asarray(ahead)), "ahead")
    if (further < 0).any():
        raise CodingError("Further times below 0", field="ahead", remedy="Give times from 0 on.")
    frames = []
    for lived in vector(np.atleast_1d(np.asarray(given)), "given").tolist():
        fit = landmark_survival(
            time,
            event,
            lived,
            group=group,
            entry=entry,
            weights=weights,
            cluster=cluster,
            ci=ci,
            level=level,
            robust=robust,
        )
        people = [curve.n for curve in fit for _ in further]
        frames.append(
            fit.at(further).select(
                "group",
                pl.lit(lived).alias("given"),
                pl.col("time").alias("ahead"),
                pl.Series("n_given", people),
                "n_risk",
                "survival",
                "std_err",
                "lower",
                "upper",
            )
        )
    return ConditionalSurvival(pl.concat(frames), level)
