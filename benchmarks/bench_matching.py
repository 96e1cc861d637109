"""How long matching takes as the sample grows, and a whole matched design done again and again.

Usage: python benchmarks/bench_matching.py [replicates] [people]

Prints; asserts only that one worker and two give the same numbers. A run of fewer than a thousand replicates
is scaled up, and says so.
"""

import os
import sys
import time
from collections.abc import Callable

import numpy as np

from pipelines.stats._linear_algebra import one_thread
from pipelines.stats.matching import MatchedDesign, match_nearest, matched_design, matching_stability

SIZES = (60_000, 250_000, 1_000_000)
COVARIATES = 25
REPEATS = 5
GOAL_REPLICATES = 1000


def best(call: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Shortest of several runs after one to warm up: seconds passed, and seconds of the processor."""
    call()
    passed, used = [], []
    for _ in range(repeats):
        start, processor = time.perf_counter(), time.process_time()
        call()
        passed.append(time.perf_counter() - start)
        used.append(time.process_time() - processor)
    return min(passed), min(used)


def matching_by_size() -> None:
    print("1:1 on the logit, caliper 0.2 pooled SD, 30 % treated; compiled before, best of five")
    print(f"{'people':>10}{'order':>10}{'pairs':>10}{'seconds':>10}{'processor':>11}{'ns per n log2 n':>17}")
    for people in SIZES:
        rng = np.random.default_rng(1)
        treated = rng.random(people) < 0.3
        logit = rng.normal(size=people) + 0.6 * treated
        for order in ("closest", "largest"):
            pairs = len(match_nearest(logit, treated, caliper=0.2, order=order).pair_id)
            seconds, used = best(lambda: match_nearest(logit, treated, caliper=0.2, order=order))  # noqa: B023 - called at once
            scaled = 1e9 * used / (people * np.log2(people))
            print(f"{people:>10,}{order:>10}{pairs:>10,}{seconds:>10.3f}{used:>11.3f}{scaled:>17.1f}")


def design_of(people: int) -> MatchedDesign:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(people, COVARIATES))
    x[:, 10:] = x[:, 10:] > 0.5  # ten numbers, fifteen levels
    treated = rng.random(people) < 1 / (1 + np.exp(1.2 - x[:, :5] @ np.full(5, 0.3)))
    death = rng.exponential(40 * np.exp(-x[:, :5] @ np.full(5, 0.2)))
    censoring = rng.uniform(0, 120, people)
    return matched_design(x, treated, np.ceil(np.minimum(death, censoring)), death <= censoring)


def whole_design(replicates: int, people: int) -> None:
    design = design_of(people)
    with one_thread():
        seconds, used = best(design.run, repeats=3)
    print(
        f"\nscore, match, balance, Cox: {people:,} people, {COVARIATES} covariates, once on one thread "
        f"{seconds:.3f} s ({used:.3f} s of the processor)"
    )
    found = []
    for workers in (1, 2):
        start = time.perf_counter()
        found.append(matching_stability(design, replicates=replicates, seed=1, workers=workers))
        seconds = time.perf_counter() - start
        line = f"{replicates} replicates, {workers} worker{'s' * (workers > 1)}: {seconds:.1f} s"
        if replicates < GOAL_REPLICATES:
            line += f" (scaled to {GOAL_REPLICATES}: {seconds * GOAL_REPLICATES / replicates:.0f} s)"
        print(line)
    assert np.array_equal(found[0].estimates, found[1].estimates), "the numbers depend on the workers"
    print("the same numbers to the last bit with one worker and two")


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    matching_by_size()
    whole_design(
        int(sys.argv[1]) if len(sys.argv) > 1 else 100,
        int(sys.argv[2]) if len(sys.argv) > 2 else 30_000,
    )
