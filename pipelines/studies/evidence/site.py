"""The site's own estimate beside the published ones: read from a study that ran on the submission."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.store import Submission
from pipelines.store.withheld import read_estimates, standing
from pipelines.studies.evidence.tables import EvidenceRow
from pipelines.studies.language.base import ALL
from pipelines.studies.language.evidence import EvidenceDefinition, SiteEstimate
from pipelines.studies.results import Estimate, Finding

SOURCES = {"ncdb": "NCDB", "seer": "SEER"}
"""Registries whose people the published studies may hold too, by the name the evidence tables have for them."""


@dataclass(frozen=True)
class Site:
    """An estimate of the submission and the pool it stands beside."""

    wanted: SiteEstimate
    row: EvidenceRow


def site_estimates(
    definition: EvidenceDefinition, sub: Submission | None
) -> tuple[list[Site], list[Finding]]:
    """Read the site's estimates that the definition names.

    Parameters
    ----------
    definition : EvidenceDefinition
    sub : Submission, optional
        None: there is no site, and nothing is said.

    Returns
    -------
    list of Site
    list of Finding
        Why one is not there: its study did not run, has no such estimate, or its gate hides it.
    """
    found: list[Site] = []
    gaps: list[Finding] = []
    for wanted in definition.site if sub is not None else ():
        assert sub is not None
        about = f"{wanted.study}_{wanted.analysis}"
        if not (sub.root / "studies" / wanted.study / "run.json").is_file():
            words = f"{wanted.study} has not run on this submission, so it is not on the forest."
            gaps.append(Finding(about, wanted.beside, "site", "info", words))
            continue
        row = read_one(definition, wanted, sub)
        if isinstance(row, str):
            gaps.append(Finding(about, wanted.beside, "site", "absent", row))
        else:
            found.append(Site(wanted, row))
    return found, gaps


def read_one(definition: EvidenceDefinition, wanted: SiteEstimate, sub: Submission) -> EvidenceRow | str:
    """The site's estimate as a row of evidence, or why there is none."""
    folder = sub.root / "studies" / wanted.study
    rows = read_estimates(folder).filter(
        (pl.col("analysis") == wanted.analysis)
        & (pl.col("subgroup") == ALL)
        & (pl.col("term") == definition.exposure)
        & (pl.col("measure") == "hr")
    )
    if rows.is_empty():
        return f"{wanted.study} gave no hazard ratio of {definition.exposure} by {wanted.analysis} here."
    row = rows.row(0, named=True)
    if row["hidden"]:
        return f"{wanted.study} by {wanted.analysis} is hidden until its gate passes or a reviewer signs."
    if row["estimate"] is None or row["ci_low"] is None or row["ci_high"] is None:
        return f"{wanted.study} by {wanted.analysis} has no interval here."
    return as_evidence(wanted, sub, row)


def as_evidence(wanted: SiteEstimate, sub: Submission, row: dict[str, Any]) -> EvidenceRow:
    """An estimate of ours in the form of a published one."""
    manifest = sub.manifest
    why = shown_because(sub.root / "studies" / wanted.study)
    return EvidenceRow.model_validate(
        {
            "study": f"{wanted.study}_{wanted.analysis}",
            "name": f"{sub.id}: {wanted.study.replace('_', ' ')}, {wanted.analysis.replace('_', ' ')}"
            + (f" ({why})" if why else ""),
            "data_source": SOURCES.get(manifest.source, sub.id),
            "years": years_of(sub, wanted.study),
            "n": row["n"],
            "n_surgery": row["n_exposed"],
            "printed_hr": row["estimate"],
            "printed_ci_low": row["ci_low"],
            "printed_ci_high": row["ci_high"],
            "printed_ci_level": row["ci_level"],
            "orientation": "as_printed",
            "verification": "computed",
            "ours": True,
            "note": "this submission",
        }
    )


def shown_because(folder: Path) -> str:
    """Why an estimate is shown although its gate need not have passed; empty where the gate let it."""
    now = standing(folder)
    if now.off:
        return "gate off"
    return f"signed by {now.signature['name']}" if now.signature is not None else ""


def years_of(sub: Submission, study: str) -> tuple[int, int] | None:
    """Years of diagnosis of the people of a study: those of its cohort, as far as the submission covers them."""
    record = json.loads((sub.root / "studies" / study / "run.json").read_text(encoding="utf-8"))
    named = (record.get("cohort_settings") or {}).get("years")
    covered = sub.manifest.covered_years
    if not named:
        return (covered[0], covered[1]) if covered else None
    first, last = named["first"], named["last"]
    return (max(first, covered[0]), min(last, covered[1])) if covered else (first, last)


def against_prediction(site: Site, prediction: Estimate) -> Finding:
    """Whether the site's estimate lies where one more study of the pool is expected."""
    name, ratio = site.row.row, site.row.printed_hr
    low, high = prediction.ci_low, prediction.ci_high
    if ratio is None or low is None or high is None:
        return Finding(
            name, site.wanted.beside, "within_prediction", "absent", "The pool has no prediction interval."
        )
    inside = low <= ratio <= high
    words = "where" if inside else "outside of where"
    message = (
        f"The site's estimate lies {words} one more study like these is expected ({low:.2f} to {high:.2f})."
    )
    return Finding(
        name,
        site.wanted.beside,
        "within_prediction",
        "ok" if inside else "warning",
        message,
        math.log(ratio),
    )
