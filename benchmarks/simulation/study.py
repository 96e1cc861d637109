"""Runs the study: every estimator on every replicate of every scenario, and the truths.

A replicate's cohort depends on the seed, the scenario and the replicate's number only, and every process
uses one thread of linear algebra, so the numbers are the same with any number of workers.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np
from threadpoolctl import threadpool_limits

from pipelines.stats.errors import StatsError

from .estimators import ESTIMATORS, Analysis, Estimator
from .scenarios import Scenario
from .simulator import FloatArray, simulate, stream
from .truth import TRUTHS, World

REPLICATES_A_TASK = 10
BOOTSTRAPPED = "C+I"  # the scenario whose first replicates are bootstrapped
ESTIMATE, STD_ERR, LOW, HIGH = range(4)


@dataclass(frozen=True)
class Design:
    """What is run.

    Attributes
    ----------
    scenarios : tuple of Scenario
    replicates, people : int
        Replicates of a scenario, and people in each.
    bootstraps : int
        Replicates of `BOOTSTRAPPED` whose clone-censor-weight analysis is bootstrapped.
    truth_people : int
        People on whom surgery is assigned to find the truths.
    seed : int
    """

    scenarios: tuple[Scenario, ...]
    replicates: int
    people: int
    bootstraps: int
    truth_people: int
    seed: int

    def estimators(self, scenario: Scenario) -> tuple[Estimator, ...]:
        """Those that the scenario is analysed by."""
        bootstrapped = scenario.name == BOOTSTRAPPED and self.bootstraps > 0
        return tuple(e for e in ESTIMATORS if bootstrapped or not e.bootstrap)


@dataclass(frozen=True)
class Found:
    """What one estimator found in one scenario.

    Attributes
    ----------
    scenario : Scenario
    estimator : Estimator
    truth : float
        Its own, as a log hazard ratio.
    values : ndarray of shape (R, 4)
        Log hazard ratio, standard error and limits of each replicate; NaN where the estimator refused.
    estimand, effect_type : str
        As the effects name them; several where replicates differ.
    """

    scenario: Scenario
    estimator: Estimator
    truth: float
    values: FloatArray = field(repr=False)
    estimand: str
    effect_type: str


@dataclass(frozen=True)
class _Task:
    """Some replicates of a scenario, by the quick estimators or by the bootstrapped ones."""

    design: Design
    scenario: Scenario
    numbers: range
    bootstrap: bool


@dataclass(frozen=True)
class _Outcome:
    """One estimator on one replicate; NaN and no names where it refused."""

    values: tuple[float, float, float, float] = (np.nan, np.nan, np.nan, np.nan)
    estimand: str = ""
    effect_type: str = ""


def run_study(design: Design, workers: int, report: Callable[[int, int], None]) -> list[Found]:
    """Run the design.

    Parameters
    ----------
    design : Design
    workers : int
        Processes.
    report : callable
        Told how many tasks of how many are done.

    Returns
    -------
    list of Found
        By scenario and estimator, in the order of the design.
    """
    tasks = [task for scenario in design.scenarios for task in _tasks(design, scenario)]
    outcomes: dict[tuple[Scenario, Estimator], list[_Outcome]] = {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        truths = [pool.submit(_truths, design, scenario) for scenario in design.scenarios]
        for number, (task, found) in enumerate(zip(tasks, pool.map(_replicates, tasks), strict=True), 1):
            for estimator, own in zip(_chosen(task), found, strict=True):
                outcomes.setdefault((task.scenario, estimator), []).extend(own)
            report(number, len(tasks))
        return [
            _collect(scenario, estimator, truth, outcomes[scenario, estimator])
            for scenario, future in zip(design.scenarios, truths, strict=True)
            for estimator, truth in zip(design.estimators(scenario), future.result(), strict=True)
        ]


def _tasks(design: Design, scenario: Scenario) -> Iterator[_Task]:
    slow = any(estimator.bootstrap for estimator in design.estimators(scenario))
    for number in range(design.bootstraps if slow else 0):
        yield _Task(design, scenario, range(number, number + 1), bootstrap=True)
    for first in range(0, design.replicates, REPLICATES_A_TASK):
        numbers = range(first, min(first + REPLICATES_A_TASK, design.replicates))
        yield _Task(design, scenario, numbers, bootstrap=False)


def _chosen(task: _Task) -> list[Estimator]:
    return [e for e in task.design.estimators(task.scenario) if e.bootstrap == task.bootstrap]


def _truths(design: Design, scenario: Scenario) -> list[float]:
    """One per estimator."""
    world = World(scenario, design.seed, design.truth_people)
    found: dict[str, float] = {}
    with threadpool_limits(limits=1):
        for estimator in design.estimators(scenario):
            if estimator.truth not in found:
                found[estimator.truth] = TRUTHS[estimator.truth].log_hazard_ratio(world)
    return [found[estimator.truth] for estimator in design.estimators(scenario)]


def _replicates(task: _Task) -> list[list[_Outcome]]:
    """Outcomes of each chosen estimator, by replicate."""
    found: list[list[_Outcome]] = [[] for _ in _chosen(task)]
    with threadpool_limits(limits=1):
        for number in task.numbers:
            rng = stream(task.design.seed, task.scenario, f"replicate {number}")
            analysis = Analysis(simulate(task.scenario, task.design.people, rng))
            for estimator, own in zip(_chosen(task), found, strict=True):
                own.append(_outcome(estimator, analysis))
    return found


def _outcome(estimator: Estimator, analysis: Analysis) -> _Outcome:
    try:
        effect = estimator.estimate(analysis)
    except StatsError:
        return _Outcome()
    low, high = np.log([effect.ci_low, effect.ci_high]).tolist()
    return _Outcome((effect.log_estimate, effect.std_err, low, high), effect.estimand, effect.effect_type)


def _collect(scenario: Scenario, estimator: Estimator, truth: float, outcomes: list[_Outcome]) -> Found:
    return Found(
        scenario=scenario,
        estimator=estimator,
        truth=truth,
        values=np.array([outcome.values for outcome in outcomes]),
        estimand=" or ".join(sorted({outcome.estimand for outcome in outcomes} - {""})),
        effect_type=" or ".join(sorted({outcome.effect_type for outcome in outcomes} - {""})),
    )
