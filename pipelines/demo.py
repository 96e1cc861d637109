"""The demo: synthetic extracts in every format, the whole pipeline, and published beside estimated beside true.

The women of the demo gain nothing from surgery: the true hazard ratio is one. What the published designs make of
them is the point: the studies run with their gate off, and every page says so. Extracts that no study is asked of
are small: they show that their format goes all the way.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines import steps
from pipelines.errors import RefusedError
from pipelines.settings import Settings
from pipelines.store import Home, Submission
from pipelines.synthetic import WorldSettings, matched_set_truth, presentation_truth, write_extract

SEED = 20261121


@dataclass(frozen=True)
class DemoExtract:
    """One synthetic extract, and the studies that are asked of it."""

    submission: str
    format: str
    rows: int
    studies: tuple[str, ...]
    world: WorldSettings
    mapping: str | None = None


STAGE_IV = WorldSettings(surgery_hr=1.0, immortal_time=True, stage_iv_share=0.8)
RECURRENCE = WorldSettings(stage_iv_share=0.3)
EXTRACTS = (
    DemoExtract("ncdb-2016", "ncdb-2016", 40_000, ("mudgway2020",), STAGE_IV),
    DemoExtract("ncdb-2022", "ncdb-2022", 40_000, ("mudgway2020",), STAGE_IV),
    DemoExtract("seer-2018nov", "seerstat-nov2018", 20_000, ("vohra2018", "gnerlich2007"), STAGE_IV),
    DemoExtract("seer-2022nov", "seerstat-nov2022", 10_000, ("vohra2018",), STAGE_IV),
    DemoExtract("msk-synthetic", "mapped-msk", 4_000, ("dawood2010",), WorldSettings(), "breast_msk_2018"),
    DemoExtract("naaccr-v23", "naaccr-xml-v23", 4_000, ("dawood2010",), RECURRENCE),
    DemoExtract("naaccr-v18", "naaccr-flat-v18", 500, (), RECURRENCE),
    DemoExtract("seer-ascii-2018nov", "seer-ascii-nov2018", 500, (), STAGE_IV),
    DemoExtract("nsqip-synthetic", "mapped-nsqip", 500, (), WorldSettings(), "nsqip"),
)
WORKERS = 2
"""Submissions refreshed at a time: each has a folder of its own, and most steps keep one core busy."""


def run_demo(home: Home, *, say: Callable[[str], None]) -> tuple[list[dict[str, str]], Path]:
    """Write every extract, refresh every submission, run the studies, draw the pages.

    Parameters
    ----------
    home : Home
        Emptied first: the demo is always the same.
    say : callable
        Takes a line of progress.

    Returns
    -------
    rows : list of dict
        ``study, submission, published, estimated, truth``.
    index : pathlib.Path
        The site's page.
    """
    from pipelines.store.files import remove

    remove(home.root)
    rows: list[dict[str, str]] = []
    for extract, (seconds, found) in zip(EXTRACTS, _refreshed(home), strict=True):
        rows += found
        say(f"{extract.submission}: {extract.rows:,} records, {seconds:.0f} s")
    for extract in EXTRACTS:
        index = steps.report(home, extract.submission)
    steps.publish_warehouse(home)
    return rows, index


def _refreshed(home: Home) -> Iterator[tuple[float, list[dict[str, str]]]]:
    """Refresh every submission, in as many processes as there are cores to use; results come in their order."""
    homes = [home] * len(EXTRACTS)
    workers = min(WORKERS, os.cpu_count() or 1)
    if workers == 1:
        yield from map(_refresh, homes, EXTRACTS)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_refresh, homes, EXTRACTS)


def _refresh(home: Home, extract: DemoExtract) -> tuple[float, list[dict[str, str]]]:
    """Take one extract through every step; return how long it took and its lines of the summary."""
    started = time.monotonic()
    folder = home.root / "synthetic" / extract.submission
    files = write_extract(extract.world, extract.format, extract.rows, SEED, folder)
    mapping = Settings().catalog_dir / "mappings" / f"{extract.mapping}.yaml" if extract.mapping else None
    steps.load(home, [*files.extracts, *files.companions], extract.submission, mapping=mapping)
    steps.build(home, extract.submission)
    steps.validate(home, extract.submission)
    truth = pl.read_parquet(files.truth)
    rows = [row for study in extract.studies for row in _study_rows(home, extract, study, truth)]
    return time.monotonic() - started, rows


def _study_rows(home: Home, extract: DemoExtract, study: str, truth: pl.DataFrame) -> list[dict[str, str]]:
    try:
        folder = steps.run_study(home, extract.submission, study, no_gate=True).folder
    except RefusedError as refusal:
        said = f"refused: {refusal.reason_code}"
        return [_row(study, extract.submission, "", "", said, "")]
    return _summary(home.published(extract.submission), folder, extract, truth)


def _summary(
    sub: Submission, folder: Path, extract: DemoExtract, truth: pl.DataFrame
) -> list[dict[str, str]]:
    """The hazard ratios of the exposure: published, estimated, and true for the people they are about."""
    estimates = pl.read_csv(folder / "estimates.csv", infer_schema_length=None)
    comparison = pl.read_csv(folder / "comparison.csv", infer_schema_length=None)
    exposure = estimates.filter(pl.col("analysis") == "cox_unadjusted")["term"][0]
    ours = estimates.filter(
        (pl.col("term") == exposure)
        & (pl.col("measure") == "hr")
        & pl.col("subgroup").is_in(["all", "baseline_only"])
        & pl.col("analysis").str.contains(
            "^(cox_unadjusted|cox_adjusted|cox_propensity_covariate|matched_cox)$"
        )
    )
    published = {
        row["analysis"]: _ratio(row["published"], row["published_ci_low"], row["published_ci_high"])
        for row in comparison.filter((pl.col("term") == exposure) & (pl.col("measure") == "hr")).iter_rows(
            named=True
        )
        if row["published"] is not None
    }
    rows = []
    for row in ours.iter_rows(named=True):
        words = row["analysis"] + ("" if row["subgroup"] == "all" else f" ({row['subgroup']})")
        estimated = _ratio(row["estimate"], row["ci_low"], row["ci_high"])
        true = _truth(folder, row, extract, truth)
        rows.append(_row(folder.name, sub.id, words, published.get(row["analysis"], "–"), estimated, true))
    return rows


def _truth(folder: Path, row: dict[str, Any], extract: DemoExtract, truth: pl.DataFrame) -> str:
    """What the estimate is an estimate of: found by intervening in the simulator where it is marginal."""
    if folder.name == "dawood2010":
        if row["analysis"] == "cox_unadjusted":
            return f"{presentation_truth(extract.world, format=extract.format, seed=SEED).hr:.2f}"
        # adjusted for all that matters in one world; in the other age kills too, and the models leave much out
        return f"{extract.world.metachronous_hr:.2f}" if extract.format == "mapped-msk" else "–"
    if row["analysis"] != "matched_cox":
        return f"{extract.world.surgery_hr:.2f}"
    stem = "matched_pairs" if row["subgroup"] == "all" else f"matched_pairs_{row['subgroup']}"
    members = pl.read_parquet(folder / f"{stem}.parquet", columns=["source_file", "source_record"])
    settings = json.loads((folder / "run.json").read_text(encoding="utf-8"))["settings"]
    outcome = "disease_specific" if settings["outcome"]["kind"] == "disease_specific" else "all_cause"
    return f"{matched_set_truth(truth, members, seed=SEED, outcome=outcome).hr:.2f}"


def _row(
    study: str, submission: str, analysis: str, published: str, estimated: str, truth: str
) -> dict[str, str]:
    return {
        "study": study,
        "submission": submission,
        "analysis": analysis,
        "published": published,
        "estimated": estimated,
        "truth": truth,
    }


def _ratio(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} ({low:.2f}–{high:.2f})"
