"""Survival of each person from a Cox model, mended by what weighted people of the arm really did."""

from dataclasses import dataclass

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray
from ..cox import fit_cox
from ..cox.prediction import survival_curve

BLOCK = 1 << 21  # numbers held at once
LARGEST_HAZARD = 300.0  # of a person, cumulated: exp(2 * 300), death and censoring together, is a number


@dataclass(frozen=True)
class Hazard:
    """A cumulative hazard on a grid of times, times a factor of each person."""

    time: FloatArray  # (m,), where it jumps
    cumulative: FloatArray  # (m,)
    relative: FloatArray  # (n,)


@dataclass(frozen=True)
class Functionals:
    """What is read off a curve: its height at times, then areas up to horizons."""

    times: FloatArray
    taus: FloatArray

    def on(self, grid: FloatArray) -> FloatArray:
        """Weights (m + 1, k) of a curve that is 1 before `grid[0]` and constant from each time on."""
        heights = np.searchsorted(grid, self.times, side="right")[:, None] == np.arange(len(grid) + 1)
        edges = np.concatenate([[0.0], grid])
        ends = np.append(grid, np.inf)
        widths = np.maximum(np.minimum(ends, self.taus[:, None]) - edges, 0.0)
        return np.vstack([heights, widths]).T.astype(np.float64)


def outcome_hazard(
    time: FloatArray,
    died: BoolArray,
    covariates: FloatArray,
    arm: BoolArray,
    names: tuple[str, ...],
    ties: str = "efron",
) -> Hazard:
    """Hazard of death for everybody, by a Cox model of the people of one arm."""
    centre = covariates[arm].mean(axis=0)
    fit = fit_cox(time[arm], died[arm], covariates[arm], names=names, ties=ties)
    curve = survival_curve(fit, centre)
    jumps = np.diff(curve.cumulative_hazard, prepend=0.0) > 0
    predictor = (covariates - centre) @ fit.coefficients
    relative = np.exp(np.clip(predictor, -LARGEST_HAZARD, LARGEST_HAZARD))
    return Hazard(curve.time[jumps], curve.cumulative_hazard[jumps], relative)


def censoring_hazard(
    time: FloatArray,
    died: BoolArray,
    covariates: FloatArray | None,
    arm: BoolArray,
    names: tuple[str, ...],
) -> Hazard:
    """Hazard of being censored among the people of one arm, with covariates or by Kaplan-Meier.

    One who dies at a time leaves before those censored at that time.
    """
    censored = arm & ~died
    if not censored.any():
        return Hazard(np.zeros(0), np.zeros(0), np.ones(len(time)))
    if covariates is not None:
        distinct, rank = np.unique(time, return_inverse=True)
        half_steps = 2.0 * rank + ~died  # the partial likelihood knows times by their order alone
        found = outcome_hazard(half_steps.astype(np.float64), ~died, covariates, arm, names, ties="breslow")
        return Hazard(distinct[(found.time / 2).astype(np.int64)], found.cumulative, found.relative)
    distinct = np.unique(time[censored])
    leaving = np.sort(time[arm])
    dead = np.sort(time[arm & died])
    at_risk = len(leaving) - np.searchsorted(leaving, distinct, side="left")
    at_risk -= np.searchsorted(dead, distinct, "right") - np.searchsorted(dead, distinct, "left")
    lost = np.searchsorted(np.sort(time[censored]), distinct, "right")
    share = np.minimum(np.diff(lost, prepend=0) / at_risk, 1.0)
    with np.errstate(divide="ignore"):
        steps = -np.log1p(-share)  # infinite where nobody is left: nobody is asked about later times
    return Hazard(distinct, np.cumsum(np.minimum(steps, LARGEST_HAZARD)), np.ones(len(time)))


def mended_survival(
    time: FloatArray,
    died: BoolArray,
    weights: FloatArray,
    arm: BoolArray,
    outcome: Hazard,
    censoring: Hazard,
    functionals: Functionals,
) -> tuple[FloatArray, FloatArray]:
    """What the model says of everybody (n, k), and the weighted correction of the people of the arm (n, k).

    With S and h the model's survival and hazard of person i and G the chance of not being censored before,
    the correction at t is

        -w S(t) { died by t / (S(T) G(T-)) - sum over u <= min(t, T) of h(u) / (S(u) G(u-)) }.

    Its mean is zero where the model is right, and mends the model where the weights are.
    """
    n, m = len(time), len(outcome.time)
    read = functionals.on(outcome.time)
    model, correction = np.zeros((n, read.shape[1])), np.zeros((n, read.shape[1]))
    own = np.searchsorted(outcome.time, time, side="right")
    before = np.searchsorted(censoring.time, outcome.time, side="left")
    lost = np.concatenate([[0.0], censoring.cumulative])[before]
    steps = np.diff(outcome.cumulative, prepend=0.0)
    size = max(1, BLOCK // (m + 1))
    for first in range(0, n, size):
        rows = np.arange(first, min(first + size, n))
        hazard = np.minimum(outcome.cumulative * outcome.relative[rows, None], LARGEST_HAZARD)
        survival = np.column_stack([np.ones(len(rows)), np.exp(-hazard)])
        model[rows] = survival @ read
        inside = arm[rows]
        if inside.any():
            rows, hazard = rows[inside], hazard[inside]
            free = np.exp(-np.minimum(lost * censoring.relative[rows, None], LARGEST_HAZARD))
            chance = -np.expm1(-steps * outcome.relative[rows, None])
            gap = _gap(chance, np.exp(hazard) / free, own[rows], died[rows])
            correction[rows] = -weights[rows, None] * ((survival[inside] * gap) @ read)
    return model, correction


def _gap(chance: FloatArray, inverse: FloatArray, own: IntArray, died: BoolArray) -> FloatArray:
    """Deaths less expected deaths up to each time of the grid and 0 (c, m + 1), divided by S and G."""
    at_risk = np.arange(chance.shape[1]) < own[:, None]
    increments = -chance * inverse * at_risk
    dead = np.flatnonzero(died)
    increments[dead, own[dead] - 1] += inverse[dead, own[dead] - 1]
    return np.column_stack([np.zeros(len(own)), np.cumsum(increments, axis=1)])
