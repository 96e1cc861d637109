"""Proportional hazards of operations recorded at few times: grouped, exact however many are tied.

Where the baseline hazard adds up to theta_j at time t_j, a person at risk there with relative hazard r is
operated with probability 1 - exp(-theta_j r). That is the model itself seen through whole months, so exp(-H)
is right at every size of tie; the likelihoods of Breslow and Efron come near it where ties are few. Given
the coefficients each theta_j has an equation of its own, so Newton's method climbs the profile likelihood.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray, row_hash
from .._linear_algebra import require_full_rank
from .._maximise import Point, maximise
from ..errors import EmptyArmError

STEPS = 60
TOLERANCE = 1e-13


@dataclass(frozen=True)
class GroupedHazard:
    """Result of `fit_grouped`: coefficients (p,), distinct times (m,), and how the hazard grows at each (m,).

    The hazard is that of a person whose covariates are all zero.
    """

    coefficients: FloatArray
    times: FloatArray
    steps: FloatArray


@dataclass(frozen=True)
class _Sorted:
    """People by time, the operated first among those of one time, so that survivors of a time come last."""

    covariates: FloatArray  # (n, p), centred and scaled
    operated: IntArray  # (d,) their rows
    group: IntArray  # (d,) the time of each, by number
    first: IntArray  # (m,) place in `operated` of each time's first
    after: IntArray  # (m,) row of the first survivor of each time

    def survivors(self, values: FloatArray) -> FloatArray:
        """Sum `values` (n,) or (n, p) over the survivors of each time."""
        sums: FloatArray = np.cumsum(values[::-1], axis=0)[::-1][self.after]
        return sums

    def hazards(self, relative: FloatArray) -> FloatArray:
        """The step theta of each time (m,), given relative hazards (n,)."""
        own, left = relative[self.operated], self.survivors(relative)
        total = np.add.reduceat(own, self.first)
        count = np.diff(np.append(self.first, len(own)))
        log = np.log(np.log1p(total / left) * count / total)  # the answer where those operated are alike
        for _ in range(STEPS):
            theta = np.exp(log)
            gain, bend = _pull(theta[self.group] * own)
            slope = np.add.reduceat(gain, self.first) - theta * left
            change = slope / (theta * left - np.add.reduceat(bend, self.first))
            log += np.clip(change, -1.0, 1.0)
            if np.max(np.abs(change)) < TOLERANCE:
                break
        return np.exp(log)

    def likelihood(self, coefficients: FloatArray) -> Point:
        """The profile likelihood; its information is that of the coefficients with all thetas unknown."""
        x, rows = self.covariates, self.operated
        with np.errstate(all="ignore"):  # a step too far shows as a value that is not finite
            relative = np.exp(x @ coefficients)
            theta = self.hazards(relative)
            lived = np.append(0.0, np.cumsum(theta))[np.searchsorted(self.after, np.arange(len(x)), "right")]
            own = theta[self.group] * relative[rows]
            value = float(np.sum(np.log(-np.expm1(-own))) - lived @ relative)
            gain, bend = _pull(own)
        weight = lived * relative
        weight[rows] -= bend
        cross = theta[:, None] * self.survivors(relative[:, None] * x)
        cross -= np.add.reduceat(bend[:, None] * x[rows], self.first)
        own_information = theta * self.survivors(relative) - np.add.reduceat(bend, self.first)
        return Point(
            value=value,
            score=gain @ x[rows] - (lived * relative) @ x,
            information=(x * weight[:, None]).T @ x - (cross / own_information[:, None]).T @ cross,
        )


def fit_grouped(
    time: FloatArray, operated: BoolArray, covariates: FloatArray, names: Sequence[str]
) -> GroupedHazard:
    """Fit the grouped model to people at risk to `time`, at which they are `operated` or not.

    Raises
    ------
    EmptyArmError
        Nobody is left unoperated at one of the times.
    CollinearityError, SeparationError, ConvergenceError
        As `fit_cox`.

    References
    ----------
    Prentice RL, Gloeckler LA. Regression analysis of grouped survival data with application to breast cancer
    data. Biometrics 1978;34:57-67.
    """
    centre, spread = _centre_and_spread(covariates)
    x = (covariates - centre) / spread
    order = np.lexsort((row_hash(covariates), ~operated, time))
    time, x, rows = time[order], x[order], np.flatnonzero(operated[order])
    times, first, group, count = np.unique(
        time[rows], return_index=True, return_inverse=True, return_counts=True
    )
    after = rows[first] + count
    if after[-1] == len(time):
        raise EmptyArmError(
            f"Everybody still at risk at {times[-1]:g} is operated then",
            field="surgery_time",
            count=int(count[-1]),
            remedy="End the period earlier: nobody can stand for those not operated.",
        )
    model = _Sorted(x, rows, group, first, after)
    if not names:
        return GroupedHazard(np.zeros(0), times, model.hazards(np.ones(len(time))))
    start = np.zeros(len(names))
    require_full_rank(model.likelihood(start).information, names, unit=float(len(rows)))
    top = maximise(model.likelihood, start, names, "grouped model of the operation")
    steps = model.hazards(np.exp(x @ top.parameters))
    coefficients = top.parameters / spread
    return GroupedHazard(coefficients, times, steps * np.exp(-float(centre @ coefficients)))


def _centre_and_spread(covariates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means and standard deviations of sorted columns, so that the order of rows changes nothing."""
    columns = np.sort(covariates, axis=0)
    spread = columns.std(axis=0)
    return columns.mean(axis=0), np.where(spread > 0, spread, 1.0)


def _pull(hazard: FloatArray) -> tuple[FloatArray, FloatArray]:
    """First and second derivative of log(1 - exp(-e)) by log e, at hazards e above zero."""
    gain = hazard / np.expm1(hazard)
    return gain, gain * (1 - gain - hazard)
