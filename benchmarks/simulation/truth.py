"""What each estimator should find: surgery is assigned inside the simulator and the same contrast is applied.

Under a hazard ratio of 1 every truth is 1. Otherwise a million people of the scenario are drawn and each lives
two lives, one under either assignment, with the same luck and the same end of observation; nothing but the
assignment decides about surgery. The contrast of the two sets of lives, by the Cox model that the estimator
fits, is the estimator's own truth. Where a model is given everything that acts on death, its truth is the
hazard ratio that was put in, and nothing is simulated.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipelines.stats.cox import fit_cox
from pipelines.stats.matching import match_nearest
from pipelines.stats.propensity import fit_propensity

from .estimators import CALIPER, LANDMARKS, WINDOW, score_terms
from .scenarios import Scenario
from .simulator import (
    BoolArray,
    Cohort,
    FloatArray,
    People,
    assigned_surgery,
    draw_people,
    follow,
    planned_surgery,
    stream,
)

REPLICATE = 3_000


@dataclass(frozen=True)
class World:
    """A scenario in which surgery can be assigned.

    Attributes
    ----------
    scenario : Scenario
    seed : int
    n : int
        People drawn, before the scenario's cohort drops any.
    """

    scenario: Scenario
    seed: int
    n: int

    @cached_property
    def people(self) -> People:
        """Those in whom it is assigned."""
        return draw_people(self.scenario, self.n, stream(self.seed, self.scenario, "people"))

    @cached_property
    def at_diagnosis(self) -> "Lives":
        """Operated at 0, or never."""
        n = len(self.people.occult)
        return self.live(self.people, np.zeros(n), np.full(n, np.inf))

    @cached_property
    def natural(self) -> Cohort:
        """Nobody intervenes."""
        return follow(self.people, planned_surgery(self.people, self.scenario), self.scenario.hazard_ratio)

    def balance_at(self, month: float) -> FloatArray:
        """p(1 - p) of each, p the probability of surgery by `month` of those alive then, given z, v, h."""
        cohort = self.natural
        alive = cohort.time > month
        fit = fit_propensity(cohort.covariates[alive], (cohort.surgery_time <= month)[alive])
        predictor = fit.coefficients[0] + cohort.covariates @ fit.coefficients[1:]
        balance: FloatArray = 0.25 / np.cosh(predictor / 2) ** 2
        return balance

    def live(self, people: People, operated: FloatArray, other: FloatArray) -> "Lives":
        """Both lives of each person, with surgery planned at `operated` and at `other` (n,) months."""
        ratio = self.scenario.hazard_ratio
        return Lives(follow(people, operated, ratio), follow(people, other, ratio))


@dataclass(frozen=True)
class Lives:
    """The same people under either assignment."""

    operated: Cohort
    other: Cohort

    @property
    def together(self) -> Cohort:
        """All lives, the operated first."""
        pairs = ((getattr(self.operated, f), getattr(self.other, f)) for f in Cohort.__dataclass_fields__)
        return Cohort(*(np.concatenate(pair) for pair in pairs))

    def log_hazard_ratio(
        self,
        *,
        given_covariates: bool,
        weights: FloatArray | None = None,
        alive_at: float = 0.0,
    ) -> float:
        """Contrast of the lives by a Cox model, marginal or given z, v and h, of those alive at `alive_at`."""
        lives = self.together
        arm = np.repeat([1.0, 0.0], len(self.operated.time))
        columns = np.column_stack([arm, lives.covariates]) if given_covariates else arm[:, None]
        kept = lives.time > alive_at
        both = None if weights is None else np.tile(weights, 2)[kept]
        return _first(lives.time[kept], lives.event[kept], columns[kept], weights=both)


@dataclass(frozen=True)
class Truth:
    """How an estimator's truth is found.

    Attributes
    ----------
    definition : str
        One sentence for the document.
    compute : callable
        World to log hazard ratio.
    put_in : bool
        The truth is the hazard ratio of the simulator wherever all that acts on death is measured.
    """

    definition: str
    compute: Callable[[World], float]
    put_in: bool = False

    def log_hazard_ratio(self, world: World) -> float:
        """The truth in `world`."""
        if world.scenario.hazard_ratio == 1 or (self.put_in and world.scenario.measured):
            return float(np.log(world.scenario.hazard_ratio))
        return self.compute(world)


def _conditional(world: World) -> float:
    return world.at_diagnosis.log_hazard_ratio(given_covariates=True)


def _marginal(world: World) -> float:
    return world.at_diagnosis.log_hazard_ratio(given_covariates=False)


def _weighted(weight: Callable[[FloatArray], FloatArray]) -> Callable[[World], float]:
    """Marginal contrast among people weighted by a function of their score (n,)."""

    def compute(world: World) -> float:
        score = fit_propensity(score_terms(world.natural.covariates), world.natural.operated).score
        return world.at_diagnosis.log_hazard_ratio(given_covariates=False, weights=weight(score))

    return compute


def _matched(order: str) -> Callable[[World], float]:
    """Contrast among those whom matching picks in samples of a replicate's size, their luck drawn again."""

    def compute(world: World) -> float:
        cohort, chosen = world.natural, []
        for first in range(0, len(cohort.time) - REPLICATE + 1, REPLICATE):
            sample = slice(first, first + REPLICATE)
            operated = cohort.operated[sample]
            logit = fit_propensity(score_terms(cohort.covariates[sample]), operated).logit
            chosen.append(first + match_nearest(logit, operated, order=order, caliper=CALIPER).rows()[0])
        people = world.people.take(np.concatenate(chosen))
        n = len(people.occult)
        luck = stream(world.seed, world.scenario, "matched").exponential(size=n)
        lives = world.live(replace(people, death_at=luck), np.zeros(n), np.full(n, np.inf))
        return lives.log_hazard_ratio(given_covariates=False)

    return compute


def _grace(world: World) -> float:
    operated, other = assigned_surgery(world.people, world.scenario, WINDOW)
    return world.live(world.people, operated, other).log_hazard_ratio(given_covariates=False)


def _landmark(month: float) -> Callable[[World], float]:
    """Contrast of those alive after `month`, weighted as a regression weighs them: by their score's balance."""

    def compute(world: World) -> float:
        operated, other = assigned_surgery(world.people, world.scenario, month)
        lives = world.live(world.people, operated, other)
        weights = world.balance_at(month)
        return lives.log_hazard_ratio(given_covariates=True, weights=weights, alive_at=month)

    return compute


def _time_varying(world: World) -> float:
    """Surgery times are those of others, so they say nothing of the person."""
    planned = planned_surgery(world.people, world.scenario)
    shuffled = stream(world.seed, world.scenario, "timing").permutation(planned)
    return before_and_after(follow(world.people, shuffled, world.scenario.hazard_ratio))


def _time_varying_window(world: World) -> float:
    """Where surgery goes on after the window, people who wait for it are among the unoperated."""
    if not world.scenario.late:
        return TRUTHS["time-varying"].log_hazard_ratio(world)
    operated, other = assigned_surgery(world.people, world.scenario, WINDOW)
    lives = world.live(world.people, operated, other)
    return before_and_after(lives.together, last=WINDOW, weights=np.tile(world.balance_at(WINDOW), 2))


def before_and_after(cohort: Cohort, last: float = np.inf, weights: FloatArray | None = None) -> float:
    """Log hazard ratio of time after surgery (if by month `last`) to time before, given z, v and h."""
    switched = cohort.surgery_time <= last
    turn = np.where(switched, cohort.surgery_time, cohort.time)
    before, after = np.flatnonzero(turn > 0), np.flatnonzero(switched)
    rows = np.concatenate([before, after])
    exposed = np.repeat([0.0, 1.0], [len(before), len(after)])
    return _first(
        np.concatenate([turn[before], cohort.time[after]]),
        np.concatenate([(cohort.event & ~switched)[before], cohort.event[after]]),
        np.column_stack([exposed, cohort.covariates[rows]]),
        weights=None if weights is None else weights[rows],
        entry=np.concatenate([np.zeros(len(before)), turn[after]]),
    )


def _first(
    time: FloatArray,
    event: BoolArray,
    covariates: FloatArray,
    *,
    weights: FloatArray | None = None,
    entry: FloatArray | None = None,
) -> float:
    return float(fit_cox(time, event, covariates, weights=weights, entry=entry).coefficients[0])


_AT_DIAGNOSIS = "surgery at diagnosis or none, assigned to"
_BY_MONTH = "surgery by month {0}, at such times as people like them have, or none by then, assigned to"
_LANDMARKS = {
    f"landmark {month}": Truth(
        f"{_BY_MONTH.format(month)} people weighted by p(1 − p), p the probability of surgery by month {month}; "
        "those alive and observed after it; given z, v, h",
        _landmark(month),
    )
    for month in LANDMARKS
}
TRUTHS = {
    "everybody": Truth(f"{_AT_DIAGNOSIS} everybody", _marginal),
    "given z, v, h": Truth(f"{_AT_DIAGNOSIS} everybody; given z, v, h", _conditional, put_in=True),
    "matched closest": Truth(f"{_AT_DIAGNOSIS} the people whom this matching picks", _matched("closest")),
    "matched largest": Truth(f"{_AT_DIAGNOSIS} the people whom this matching picks", _matched("largest")),
    "treated": Truth(
        f"{_AT_DIAGNOSIS} people weighted by p, the probability of surgery", _weighted(lambda p: p)
    ),
    "overlap": Truth(
        f"{_AT_DIAGNOSIS} people weighted by p(1 − p), p the probability of surgery",
        _weighted(lambda p: p * (1 - p)),
    ),
    "time-varying": Truth("surgery times shuffled among people; given z, v, h", _time_varying, put_in=True),
    "time-varying, window": Truth(
        "as above; where surgery goes on after month 8, "
        f"{_BY_MONTH.format(8)} people weighted by p(1 − p), time after surgery by month 8 against all other time",
        _time_varying_window,
    ),
    **_LANDMARKS,
    "grace": Truth(f"{_BY_MONTH.format(8)} everybody", _grace),
}
