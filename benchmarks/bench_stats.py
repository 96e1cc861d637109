"""How long the statistics take on data of a registry's size. Prints; asserts nothing.

Usage: python benchmarks/bench_stats.py [people]
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from pipelines.stats.balance import balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.kaplan_meier import kaplan_meier
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.matching import match_nearest
from pipelines.stats.propensity import fit_propensity

COVARIATES = 25
REPEATS = 3


def best(name: str, call: Callable[[], object]) -> None:
    """Print the best of three runs after one to warm up."""
    call()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    print(f"{name:<44}{min(seconds):>9.3f} s")


def main(people: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(people, COVARIATES))
    effect = rng.normal(size=COVARIATES) * 0.2
    death, censoring = rng.exponential(40 * np.exp(-x @ effect)), rng.uniform(0, 120, people)
    exact, event = np.minimum(death, censoring), death <= censoring
    months = np.ceil(exact)
    treated = rng.random(people) < 0.3 / (1 + np.exp(-x[:, 0]))
    logit = fit_propensity(x, treated).logit
    pairs = np.arange(people) // 2
    print(f"{people:,} people, {COVARIATES} covariates, {event.sum():,} deaths, {treated.sum():,} treated")
    best("cox, months", lambda: fit_cox(months, event, x))
    best("cox, months, clustered", lambda: fit_cox(months, event, x, cluster=pairs))
    best("cox, exact times", lambda: fit_cox(exact, event, x))
    best("kaplan-meier, months", lambda: kaplan_meier(months, event, group=treated).median())
    best("log-rank, months", lambda: logrank(months, event, treated))
    best("propensity", lambda: fit_propensity(x, treated))
    best("matching, closest, caliper 0.2", lambda: match_nearest(logit, treated, caliper=0.2))
    best(
        "matching, largest, caliper 0.2", lambda: match_nearest(logit, treated, caliper=0.2, order="largest")
    )
    best("balance", lambda: balance(x, treated, weights=treated + 0.5))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000)
