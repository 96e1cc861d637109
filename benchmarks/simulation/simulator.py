"""People with metastatic disease, some of whom are operated: the simulator of the study.

Hazards are constant between the events of a life (an operation, month 8), so times come from inverting the
cumulative hazard, without steps. Times lie on a grid of 0.1 month and are rounded up: an operation takes
effect from its grid time on, and a death in the tenth before it comes first. So the hazards hold exactly on
the grid, nobody is followed for no time, and nobody dies in the tenth of the operation.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scenarios import Scenario

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

DEATH_HAZARD = 0.022  # a month
SURGERY_HAZARD = 0.075  # a month, to month 8
LAST_MONTH = 8.0
LATE_FACTOR = 0.3  # of the surgery hazard after month 8, where it goes on
OCCULT_SHARE, OCCULT_FACTOR = 0.12, 0.4
OCCULT_FROM, OCCULT_TO = 0.1, 1.0
CENSORED_FROM, CENSORED_TO = 24.0, 72.0


@dataclass(frozen=True)
class People:
    """Who they are at diagnosis, and what befalls them whatever is done; arrays of shape (n,).

    Attributes
    ----------
    covariates : ndarray of shape (n, 3)
        z, v, h: what a registry knows.
    occult : ndarray of bool
        Metastases are few and are found by an early operation.
    death_hazard, surgery_hazard : ndarray
        A month; of death without surgery, and of surgery to month 8 (0 for the occult).
    death_at, surgery_at : ndarray
        Cumulative hazards at which death and surgery come (unit exponential).
    occult_surgery, censored : ndarray
        Months; when an occult patient is operated, and when observation ends (on the grid).
    """

    covariates: FloatArray
    occult: BoolArray
    death_hazard: FloatArray
    surgery_hazard: FloatArray
    death_at: FloatArray
    surgery_at: FloatArray
    occult_surgery: FloatArray
    censored: FloatArray

    def take(self, rows: NDArray[np.generic]) -> "People":
        """Those of `rows`, numbers or flags."""
        return People(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Cohort:
    """What a registry sees of them.

    Attributes
    ----------
    covariates : ndarray of shape (n, 3)
    time, event : ndarray of shape (n,)
        Months from diagnosis to death or the end of observation; whether it is death.
    surgery_time : ndarray of shape (n,)
        Months from diagnosis to surgery; NaN where observation ended before.
    """

    covariates: FloatArray
    time: FloatArray
    event: BoolArray
    surgery_time: FloatArray

    @property
    def operated(self) -> BoolArray:
        """Ever operated."""
        return ~np.isnan(self.surgery_time)


def draw_people(scenario: Scenario, n: int, rng: np.random.Generator) -> People:
    """Draw n people; the clinical cohort of a scenario drops its occult, so fewer may come back.

    Every scenario draws the same numbers in the same order, whether it uses them or not.
    """
    z, u = rng.standard_normal(n), rng.standard_normal(n)
    v, h = (rng.random(n) < 0.4).astype(float), (rng.random(n) < 0.6).astype(float)
    occult = (rng.random(n) < OCCULT_SHARE) & scenario.migration
    unseen = u * scenario.unmeasured
    death = DEATH_HAZARD * np.exp(0.35 * z + 0.7 * v - 0.6 * h + 0.6 * unseen)
    chosen = scenario.confounding * (-0.2 - 0.5 * z - 0.9 * v + 0.6 * h) - 0.7 * unseen
    people = People(
        covariates=np.column_stack([z, v, h]),
        occult=occult,
        death_hazard=np.where(occult, OCCULT_FACTOR, 1.0) * death,
        surgery_hazard=np.where(occult, 0.0, SURGERY_HAZARD * np.exp(chosen)),
        death_at=rng.exponential(size=n),
        surgery_at=rng.exponential(size=n),
        occult_surgery=rng.uniform(OCCULT_FROM, OCCULT_TO, n),
        censored=on_grid(rng.uniform(CENSORED_FROM, CENSORED_TO, n)),
    )
    return people.take(~occult) if scenario.clinical_only else people


def planned_surgery(people: People, scenario: Scenario) -> FloatArray:
    """When each would be operated if nothing came before (n,) months; infinite for never."""
    planned = _surgery_month(people, scenario, people.surgery_at)
    planned = np.where(people.occult, people.occult_surgery, planned)
    return np.where(np.isfinite(planned), planned if scenario.immortal else 0.0, np.inf)


def assigned_surgery(people: People, scenario: Scenario, grace: float) -> tuple[FloatArray, FloatArray]:
    """Surgery by `grace` months, at such times as people like them have, and no surgery by then: (n,) each.

    Under the second, people go on after `grace` as they do in the scenario.
    """
    if not scenario.immortal:
        return np.zeros(len(people.occult)), np.full(len(people.occult), np.inf)
    by_grace = people.surgery_hazard * _exposure(scenario, grace)
    luck = -np.expm1(-people.surgery_at)  # uniform
    operated = _surgery_month(people, scenario, -np.log1p(luck * np.expm1(-by_grace)))
    other = _surgery_month(people, scenario, by_grace + people.surgery_at)
    return np.where(people.occult, people.occult_surgery, operated), np.where(people.occult, np.inf, other)


def _exposure(scenario: Scenario, month: float) -> float:
    """Months at the full surgery hazard up to `month`."""
    later = LATE_FACTOR * max(month - LAST_MONTH, 0.0) if scenario.late else 0.0
    return min(month, LAST_MONTH) + later


def _surgery_month(people: People, scenario: Scenario, at: FloatArray) -> FloatArray:
    """The month (n,) in which the cumulative hazard of surgery reaches `at`; infinite where it never does."""
    exposure = at / np.where(people.occult, 1.0, people.surgery_hazard)
    after = LAST_MONTH + (exposure - LAST_MONTH) / LATE_FACTOR if scenario.late else np.inf
    return np.where(exposure <= LAST_MONTH, exposure, after)


def follow(people: People, surgery: FloatArray, hazard_ratio: float) -> Cohort:
    """Follow people whose surgery is planned at `surgery` (n,) months to death or the end of observation."""
    start = on_grid(surgery)
    before = np.minimum(people.death_at, people.death_hazard * start)
    left = people.death_at - before
    death = on_grid(before / people.death_hazard + left / (people.death_hazard * hazard_ratio))
    time = np.minimum(death, people.censored)
    return Cohort(
        covariates=people.covariates,
        time=time,
        event=death <= people.censored,
        surgery_time=np.where(start < time, start, np.nan),
    )


def simulate(scenario: Scenario, n: int, rng: np.random.Generator) -> Cohort:
    """One registry cohort of the scenario."""
    people = draw_people(scenario, n, rng)
    return follow(people, planned_surgery(people, scenario), scenario.hazard_ratio)


def on_grid(months: FloatArray) -> FloatArray:
    """Months rounded up to tenths."""
    return np.ceil(months * 10) / 10


def stream(seed: int, scenario: Scenario, purpose: str) -> np.random.Generator:
    """Random numbers that depend on the seed, the scenario and the purpose only."""
    key = zlib.crc32(f"{scenario.name}|{scenario.hazard_ratio}|{purpose}".encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))
