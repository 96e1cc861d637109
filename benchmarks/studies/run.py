"""Every runnable study on synthetic submissions of 30,000 people in stage IV, each estimate beside its truth.

    python -m benchmarks.studies.run [--home DIR] [--stage-iv N] [--seed N] [--worlds …] [--registries …] [--write FILE]

Three registries, four worlds. Surgery does nothing in the first three: **as it is** has confounding and immortal time,
**at diagnosis** operates on the same people at once (no immortal time), **migration** (NCDB and SEER) also tells the
metastases of some who were operated on in stage III. In **effect** an operation at diagnosis lowers the hazard of
death from the cancer to 0.7, and the truth of a marginal estimate is found by intervening on its people. Takes about
three quarters of an hour on two cores; a home that is there is gone on with.
"""

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import polars as pl

from benchmarks.studies.document import Run, document
from pipelines import steps
from pipelines.store import Home
from pipelines.studies.many import Outcome
from pipelines.synthetic import WorldSettings, write_extract
from pipelines.synthetic.judge import judge_submission

SEED = 20261122
SHARE = 0.75
REGISTRIES = {"ncdb": "ncdb-2022", "seer": "seerstat-nov2018", "naaccr": "naaccr-xml-v23"}
WORLDS = {
    "as_it_is": WorldSettings(stage_iv_share=SHARE),
    "at_diagnosis": WorldSettings(stage_iv_share=SHARE, immortal_time=False),
    "migration": WorldSettings(stage_iv_share=SHARE, immortal_time=False, stage_migration=0.3),
    "effect": WorldSettings(stage_iv_share=SHARE, immortal_time=False, surgery_hr=0.7),
}


def run(home: Home, registry: str, world: str, stage_iv: int, seed: int) -> Run:
    """Write, load, build and validate an extract unless that was done, run every study, judge."""
    name, form, settings = f"{registry}-{world.replace('_', '-')}", REGISTRIES[registry], WORLDS[world]
    folder = home.root / "synthetic" / name
    if name not in home.published_ids():
        files = write_extract(settings, form, round(stage_iv / SHARE), seed, folder)
        steps.load(home, [*files.extracts, *files.companions], name)
        steps.build(home, name)
        steps.validate(home, name)
    started = time.monotonic()
    outcomes = steps.run_studies(home, [name], tell=told, workers=2, no_gate=True)
    seconds = time.monotonic() - started
    states = pl.DataFrame([asdict(one) for one in outcomes])
    judged = judge_submission(home.published(name), folder / "truth.parquet", settings, form)
    judged.write_csv(home.root / "synthetic" / f"{name}.judged.csv")
    return Run(world, registry, seconds, states, judged)


def told(outcome: Outcome) -> None:
    """One line for each study that ran; what is refused is refused in every world."""
    if outcome.state != "refused":
        print(f"  {outcome.study}: {outcome.state}, {outcome.seconds:.0f} s {outcome.reason}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path("var/truth"))
    parser.add_argument("--stage-iv", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--worlds", nargs="*", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--registries", nargs="*", choices=list(REGISTRIES), default=list(REGISTRIES))
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args()
    runs = []
    for world in chosen.worlds:
        for registry in chosen.registries:
            if registry == "naaccr" and WORLDS[world].stage_migration:
                continue
            one = run(Home(chosen.home), registry, world, chosen.stage_iv, chosen.seed)
            runs.append(one)
            print(f"{registry} {world}: {one.states.height} studies, {one.seconds:.0f} s", flush=True)
    text = document(runs, chosen.stage_iv, chosen.seed)
    print(text)
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
