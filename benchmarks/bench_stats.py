"""The statistics beside R and lifelines, in one run: seconds, ratios, memory. Prints; asserts nothing.

    python benchmarks/bench_stats.py [--runs 3] [--peer-python PATH] [--clustered-peer]

R's `survival` is used where `Rscript` is found, lifelines where ``--peer-python`` names the Python of an
environment that has it; a peer that is not there is said, and the rest goes on. The three take turns, ``--runs``
times; figures are medians. Each gets the same numbers from memory: reading them, starting a program and importing are
not timed, nor is our first fit (a peer's one is its first). The clustered fit of R on 300,000 people takes minutes
and runs only with ``--clustered-peer``, once.
"""

import argparse
import gc
import json
import shutil
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from pipelines.stats.balance import balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.immortal_time import clone_censor_weight
from pipelines.stats.kaplan_meier import kaplan_meier
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.propensity import fit_propensity

COVARIATES = 25
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class People:
    """Synthetic people of a registry's size."""

    time: np.ndarray
    event: np.ndarray
    x: np.ndarray
    treated: np.ndarray
    pair: np.ndarray


def people(n: int, months: bool) -> People:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, COVARIATES))
    death = rng.exponential(40 * np.exp(-x @ np.repeat([0.2, 0.0], [5, COVARIATES - 5])))
    censoring = rng.uniform(24, 72, n)
    exact = np.minimum(death, censoring)
    treated = rng.random(n) < 0.5 / (1 + np.exp(-x[:, 0]))
    return People(np.ceil(exact) if months else exact, death <= censoring, x, treated, np.arange(n) // 2)


def seconds(call: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peer(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def write(who: People, folder: Path) -> None:
    who.time.tofile(folder / "time")
    who.event.astype(float).tofile(folder / "event")
    who.pair.astype(float).tofile(folder / "cluster")
    np.ascontiguousarray(who.x.T).tofile(folder / "x")


def cox(n: int, months: bool, given: argparse.Namespace) -> None:
    """One size: plain and clustered fit, beside each peer that is there."""
    who = people(n, months)
    plain = lambda: fit_cox(who.time, who.event, who.x)  # noqa: E731 - two calls to time, named
    clustered = lambda: fit_cox(who.time, who.event, who.x, cluster=who.pair)  # noqa: E731 - as above
    first = plain().coefficients[0]
    commands = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(who, folder)
        size = [name, str(n), str(COVARIATES)]
        if shutil.which("Rscript"):
            commands |= {
                kind: ["Rscript", str(PEERS / "cox.R"), *size, kind] for kind in ("coxph", "coxph.fit")
            }
        if given.peer_python and months:
            commands["lifelines"] = [given.peer_python, str(PEERS / "cox_lifelines.py"), *size]
        ours: list[float] = []
        with_clusters: list[float] = []
        theirs: dict[str, list[float]] = {kind: [] for kind in commands}
        for _ in range(given.runs):
            ours.append(seconds(plain))
            with_clusters.append(seconds(clustered))
            for kind, command in commands.items():
                answer = peer(command)
                if abs(answer["first"] - first) > 1e-6:
                    raise SystemExit(f"{kind} has another estimate: {answer['first']} against {first}")
                theirs[kind].append(answer["seconds"])
        label = f"{n:,} × {COVARIATES}, {'months' if months else 'exact times'}"
        print(f"| Cox, Efron, {label} | {median(ours):.3f} |  |  |")
        for kind, times in theirs.items():
            print(f"| … {kind} | {median(times):.3f} | {median(times) / median(ours):.1f} times ours |  |")
        ratio = median(with_clusters) / median(ours)
        print(f"| … clustered | {median(with_clusters):.3f} | {ratio:.2f} times the plain fit |  |")
        if given.clustered_peer and months and "coxph" in commands:
            answer = peer([*commands["coxph"][:-1], "clustered"])
            print(f"| … coxph clustered, once | {answer['seconds']:.1f} |  |  |")
    tracemalloc.start()
    plain()
    extra = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    given_bytes = who.x.nbytes + who.time.nbytes + who.event.nbytes
    print(
        f"| … peak extra memory, plain fit | | {extra / given_bytes:.2f} times the input | {extra / 1e6:.0f} MB |"
    )


def others(given: argparse.Namespace) -> None:
    """What has no peer here: curves of a million rows, a design of 30,000 people, clones."""
    million, many = people(1_000_000, months=True), people(30_000, months=True)
    few = people(25_000, months=True)
    rng = np.random.default_rng(2)
    surgery = np.where(rng.random(25_000) < 0.5, rng.uniform(0.5, 8, 25_000), np.nan)
    surgery[surgery >= few.time] = np.nan
    curves = lambda: (  # noqa: E731 - timed as one
        kaplan_meier(million.time, million.event, group=million.treated),
        logrank(million.time, million.event, million.treated),
    )
    calls: dict[str, Callable[[], object]] = {
        "Kaplan–Meier and log-rank, 1,000,000 rows, two groups": curves,
        "propensity score, 30,000 × 25": lambda: fit_propensity(many.x, many.treated),
        "balance, 30,000 × 25": lambda: balance(many.x, many.treated),
        "clone–censor–weight, 25,000 × 5, grace 8 months": lambda: clone_censor_weight(
            few.time, few.event, surgery, few.x[:, :5], grace=8.0
        ),
    }
    for label, call in calls.items():
        call()
        print(f"| {label} | {median(seconds(call) for _ in range(given.runs)):.3f} |  |  |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-python")
    parser.add_argument("--clustered-peer", action="store_true")
    given = parser.parse_args()
    for program, there in (("R", shutil.which("Rscript")), ("lifelines", given.peer_python)):
        if not there:
            print(f"{program} is not here: its rows are left out.")
    print("| work | seconds | ratio | memory |\n| --- | ---: | ---: | ---: |")
    for n, months in ((30_000, True), (300_000, True), (300_000, False)):
        cox(n, months, given)
    others(given)


if __name__ == "__main__":
    main()
