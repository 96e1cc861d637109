"""Run the simulation study and write its document.

    python -m benchmarks.simulation.run --replicates 500 --workers 2 --out docs/validation.md

Without `--out` the verdicts are printed alone.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from .document import document
from .scenarios import DESCRIPTIONS, scenarios
from .study import Design, run_study
from .table import Row, percent, summarise

SECONDS_BETWEEN_REPORTS = 60.0


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    design = Design(
        scenarios=scenarios(tuple(options.scenario or DESCRIPTIONS)),
        replicates=options.replicates,
        people=options.people,
        bootstraps=min(options.bootstraps, options.replicates),
        truth_people=options.truth_people,
        seed=options.seed,
    )
    start = time.monotonic()
    rows = [summarise(found) for found in run_study(design, options.workers, _reporter(start))]
    minutes = (time.monotonic() - start) / 60
    for row in rows:
        print(_line(row))
    print(f"{minutes:.1f} minutes on {options.workers} workers")
    if options.out is not None:
        taken = f"It took {minutes:.1f} minutes on {options.workers} workers."
        options.out.write_text(document(design, rows, _command(options), taken), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--replicates", type=int, default=500, help="of each scenario")
    parser.add_argument("--people", type=int, default=3_000, help="in each replicate")
    parser.add_argument(
        "--bootstraps", type=int, default=100, help="replicates whose clones are bootstrapped"
    )
    parser.add_argument("--truth-people", type=int, default=1_000_000, help="among whom surgery is assigned")
    parser.add_argument("--scenario", action="append", choices=list(DESCRIPTIONS), help="default: all")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--workers", type=int, default=2, help="processes; the numbers do not depend on it")
    parser.add_argument("--out", type=Path, help="the document")
    return parser


def _command(options: argparse.Namespace) -> str:
    """The options that make this document; those left at their defaults are not named."""
    parser, words = _parser(), ["python -m benchmarks.simulation.run"]
    for name in ("replicates", "people", "bootstraps", "truth_people", "seed"):
        value = getattr(options, name)
        if name == "replicates" or value != parser.get_default(name):
            words.append(f"--{name.replace('_', '-')} {value}")
    words += [f'--scenario "{name}"' for name in options.scenario or ()]
    return " ".join([*words, "--out docs/validation.md"])


def _line(row: Row) -> str:
    scenario, label = row.found.scenario, row.found.estimator.label
    return (
        f"{scenario.name:<20}{scenario.hazard_ratio:<5g}{label:<38}{row.bias:+.4f} ({row.monte_carlo:.4f})"
        f"{percent(row.coverage):>9}  {row.verdict}"
    )


def _reporter(start: float) -> Callable[[int, int], None]:
    last = start

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > SECONDS_BETWEEN_REPORTS or done == total:
            last = now
            print(f"{done} of {total} tasks after {(now - start) / 60:.1f} minutes", flush=True)

    return report


if __name__ == "__main__":
    main()
