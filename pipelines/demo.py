"""The demo: synthetic extracts in every format, the whole pipeline, and published beside estimated beside true.

The women of the demo gain nothing from surgery: the true hazard ratio is one. What the published designs make of
them is the point: the studies run with their gate off, and every page says so. Extracts that no study is asked of
are small: they show that their format goes all the way.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines import steps
from pipelines.errors import InputError, RefusedError
from pipelines.reporting.truth import TRUTH_FILE
from pipelines.settings import Settings
from pipelines.store import Home, write_text
from pipelines.store.files import remove
from pipelines.synthetic import WorldSettings, write_extract
from pipelines.synthetic.judge import judge_submission
from pipelines.workers import Workers

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
SEER_STUDIES = ("vohra2018", "gnerlich2007", "stage_iv_facts")
NCDB_STUDIES = ("mudgway2020", "duchesneau2022", "mf0701", "pooled_evidence")
EXTRACTS = (
    DemoExtract("ncdb-2016", "ncdb-2016", 40_000, ("mudgway2020",), STAGE_IV),
    DemoExtract("ncdb-2022", "ncdb-2022", 40_000, NCDB_STUDIES, STAGE_IV),
    DemoExtract("seer-2018nov", "seerstat-nov2018", 20_000, SEER_STUDIES, STAGE_IV),
    DemoExtract("seer-2022nov", "seerstat-nov2022", 10_000, ("vohra2018", "wu2017"), STAGE_IV),
    DemoExtract("msk-synthetic", "mapped-msk", 4_000, ("dawood2010",), WorldSettings(), "breast_msk_2018"),
    DemoExtract("naaccr-v23", "naaccr-xml-v23", 4_000, ("dawood2010",), RECURRENCE),
    DemoExtract("naaccr-v18", "naaccr-flat-v18", 500, (), RECURRENCE),
    DemoExtract("seer-ascii-2018nov", "seer-ascii-nov2018", 500, (), STAGE_IV),
    DemoExtract("nsqip-synthetic", "mapped-nsqip", 6_000, ("cordeiro2014",), WorldSettings(), "nsqip"),
)
SHOWN = (
    "cox_unadjusted",
    "cox_adjusted",
    "cox_propensity_covariate",
    "matched_cox",
    "weighted_cox",
    "landmark_8",
    "time_varying_cox",
    "clone_censor_weight",
)
"""Analyses of the summary; the pages have them all."""
MARK = "demo.txt"
"""Says that a home is a demo's."""
WORKERS = 2
"""Submissions refreshed at a time: each has a folder of its own, and most steps keep one core busy."""


def run_demo(home: Home, *, say: Callable[[str], None]) -> tuple[list[dict[str, str]], Path]:
    """Write every extract, refresh every submission, run the studies, draw the pages.

    Parameters
    ----------
    home : Home
        New, empty, or that of an earlier demo, which is emptied first: the demo is always the same.
    say : callable
        Takes a line of progress.

    Returns
    -------
    rows : list of dict
        ``study, submission, published, estimated, truth``.
    index : pathlib.Path
        The site's page.

    Raises
    ------
    InputError
        The home holds something that no demo wrote.
    """
    empty_for_demo(home.root)
    rows: list[dict[str, str]] = []
    for extract, (seconds, found) in zip(EXTRACTS, _refreshed(home), strict=True):
        rows += found
        say(f"{extract.submission}: {extract.rows:,} records, {seconds:.0f} s")
    for extract in EXTRACTS:
        index = steps.report(home, extract.submission)
    steps.publish_warehouse(home)
    return rows, index


def empty_for_demo(root: Path) -> None:
    """Empty the home of an earlier demo and mark it as one.

    Raises
    ------
    InputError
        It holds something and has no mark: what is there may be a site's own, and stays.
    """
    if root.is_dir() and any(root.iterdir()) and not (root / MARK).is_file():
        raise InputError(
            "The demo empties its home, and this one holds what no demo wrote",
            where=str(root),
            remedy="Name a new folder with --home, or remove this one yourself.",
        )
    remove(root)
    root.mkdir(parents=True)
    write_text("A demo wrote this folder, and the next one empties it.\n", root / MARK)


def _refreshed(home: Home) -> Iterator[tuple[float, list[dict[str, str]]]]:
    """Refresh every submission, in as many processes as there are cores to use; results come in their order."""
    homes = [home] * len(EXTRACTS)
    workers = min(WORKERS, os.cpu_count() or 1)
    if workers == 1:
        yield from map(_refresh, homes, EXTRACTS)
        return
    with Workers(workers) as pool:
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
    folders = dict(_run_studies(home, extract))
    judged = judge_submission(home.published(extract.submission), files.truth, extract.world, extract.format)
    if judged.height:
        write_text(judged.write_csv(), home.published(extract.submission).root / TRUTH_FILE)
    rows = [row for study, ran in folders.items() for row in _study_rows(extract, study, ran, judged)]
    return time.monotonic() - started, rows


def _run_studies(home: Home, extract: DemoExtract) -> Iterator[tuple[str, Path | RefusedError]]:
    for study in extract.studies:
        try:
            yield study, steps.run_study(home, extract.submission, study, no_gate=True).folder
        except RefusedError as refusal:
            yield study, refusal


def _study_rows(
    extract: DemoExtract, study: str, ran: Path | RefusedError, judged: pl.DataFrame
) -> list[dict[str, str]]:
    """The hazard ratios of the exposure: published, estimated, and true for the people they are about."""
    if isinstance(ran, RefusedError):
        return [_row(study, extract.submission, "", "", f"refused: {ran.reason_code}", "", "")]
    settings = json.loads((ran / "run.json").read_text(encoding="utf-8"))["settings"]
    of_exposure = (pl.col("term") == settings["exposure"]) & (pl.col("measure") == "hr")
    ours = pl.read_csv(ran / "estimates.csv", infer_schema_length=None).filter(
        of_exposure & (pl.col("subgroup") == "all") & pl.col("analysis").is_in(SHOWN)
    )
    comparison = pl.read_csv(ran / "comparison.csv", infer_schema_length=None).filter(
        of_exposure & (pl.col("subgroup") == "all") & pl.col("published").is_not_null()
    )
    published = {
        (row["analysis"], row["contrast"]): _ratio(
            row["published"], row["published_ci_low"], row["published_ci_high"]
        )
        for row in comparison.iter_rows(named=True)
    }
    rows = []
    for row in ours.iter_rows(named=True):
        estimated = _ratio(row["estimate"], row["ci_low"], row["ci_high"])
        true, right = _truth(row, judged)
        printed = published.get((row["analysis"], row["contrast"]), "–")
        rows.append(_row(study, extract.submission, row["analysis"], printed, estimated, true, right))
    return rows


def _truth(row: dict[str, Any], judged: pl.DataFrame) -> tuple[str, str]:
    """What the estimate is an estimate of, and whether its method can find it there."""
    same = [pl.col(name) == row[name] for name in ("study", "analysis", "subgroup", "contrast", "measure")]
    found = judged.filter(same)
    if found.is_empty():
        return "–", ""
    one = found.row(0, named=True)
    return f"{one['truth']:.2f}", "yes" if one["valid"] else f"no: {one['why_not'].partition(',')[0]}"


def _row(
    study: str, submission: str, analysis: str, published: str, estimated: str, truth: str, valid: str
) -> dict[str, str]:
    return {
        "study": study,
        "submission": submission,
        "analysis": analysis,
        "published": published,
        "estimated": estimated,
        "truth": truth,
        "can it be right": valid,
    }


def _ratio(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} ({low:.2f}–{high:.2f})"
