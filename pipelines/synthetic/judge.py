"""Which estimates of a study are valid in a synthetic world, and how far each lies from its truth.

An estimate of the operation's effect is valid where its method leaves immortal time out (or the world has none) and
its covariates hold every confounder of the world: what moves both the operation and death there, as far as the
registry records it. Its truth is null where the operation does nothing. Where it does something, the truth of a
marginal estimate is found by intervening on its very people; a conditional one has none that can be computed, and is
not judged. Of how the metastasis came (relapsed against de novo) the world knows the unadjusted ratio, and the adjusted
one where a format records all that matters.
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from pipelines.stats.effect import RATIOS
from pipelines.store import Submission

from .draws import variables
from .settings import WorldSettings
from .truth import TruthEffect, matched_set_truth, presentation_truth

TABLES = Path(__file__).parent / "tables"
OPERATION = ("operated", "primary_surgery", "other_site_surgery", "systemic_surgery_sequence")
"""Columns whose arms are about the operation."""
PRESENTATION = "disease_presentation"
"""Column whose arms are about how the metastasis came."""
RECORDS_ALL = "mapped-msk"
"""The format that records everything that moves death after a metastasis in its world."""
WITHIN_STANDARD_ERRORS = 3.5
SEED = 20261121


@dataclass(frozen=True)
class Judged:
    """One estimate beside its truth.

    Attributes
    ----------
    study, analysis, subgroup, contrast, measure : str
    estimate, truth : float
        Ratios; ``truth`` is nan where none is known.
    std_err : float
        Of the logarithm of the estimate.
    misses_by : float
        Estimate less truth, on the log scale, in standard errors.
    valid : bool
        Whether method and covariates can be right in this world.
    why_not : str
    """

    study: str
    analysis: str
    subgroup: str
    contrast: str
    measure: str
    estimate: float
    std_err: float
    truth: float
    misses_by: float
    valid: bool
    why_not: str

    @property
    def holds(self) -> bool:
        """Whether the estimate is as near its truth as its standard error promises."""
        return abs(self.misses_by) <= WITHIN_STANDARD_ERRORS


def judge_submission(sub: Submission, truth_file: Path, settings: WorldSettings, format: str) -> pl.DataFrame:
    """Judge every study of a synthetic submission whose exposure the world knows the effect of.

    Parameters
    ----------
    sub : Submission
        Published, with studies that ran.
    truth_file : Path
        ``truth.parquet`` of its extract.
    settings : WorldSettings
        Of the world it was drawn from.
    format : str
        That the extract was written in.

    Returns
    -------
    polars.DataFrame
        One row per estimate: the fields of `Judged`, and ``holds``.
    """
    truth = pl.read_parquet(truth_file)
    rows = [
        one
        for folder in sorted(path.parent for path in sub.root.glob("studies/[!.]*/run.json"))
        for one in judge_study(folder, truth, settings, format)
    ]
    return pl.DataFrame([{**asdict(one), "holds": one.holds} for one in rows], infer_schema_length=None)


def judge_study(folder: Path, truth: pl.DataFrame, settings: WorldSettings, format: str) -> list[Judged]:
    """Judge the ratios of one study's folder; none where the world knows no effect of its exposure."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    operation, presentation = is_about_the_operation(run), is_about_the_presentation(run)
    if not (operation or presentation):
        return []
    estimates = pl.read_csv(folder / "estimates.csv", infer_schema_length=None).filter(
        (pl.col("term") == run["settings"]["exposure"])
        & pl.col("measure").is_in(["hr", "shr"])
        & pl.col("ci_low").is_not_null()
    )
    rows = estimates.iter_rows(named=True)
    if presentation:
        return [one for row in rows if (one := judge_presentation(row, run, settings, format)) is not None]
    return [one for row in rows if (one := judge_row(row, run, folder, truth, settings)) is not None]


def is_about_the_operation(run: Mapping[str, Any]) -> bool:
    """Whether the arms of a study are read from a column of the operation."""
    arms = run.get("cohort_settings", {}).get("arms", {})
    return any(name in OPERATION or name.startswith("days_to") for name in arms.get("needs", ()))


def is_about_the_presentation(run: Mapping[str, Any]) -> bool:
    """Whether the arms of a study are relapsed against de novo disease."""
    return PRESENTATION in run.get("cohort_settings", {}).get("arms", {}).get("needs", ())


def judge_row(
    row: Mapping[str, Any], run: Mapping[str, Any], folder: Path, truth: pl.DataFrame, settings: WorldSettings
) -> Judged | None:
    """Judge one estimate; None where nothing is known of its analysis."""
    method = method_of(row["analysis"], run)
    if method is None:
        return None
    why_not = objection(row, run, method, settings)
    return judged(row, run, truth_of(row, run, folder, truth, settings), why_not)


def judge_presentation(
    row: Mapping[str, Any], run: Mapping[str, Any], settings: WorldSettings, format: str
) -> Judged | None:
    """Judge a ratio of relapsed against de novo disease; None where the world knows no truth of its analysis."""
    if row["subgroup"] != "all":
        return None
    if row["analysis"] == "cox_unadjusted":
        return judged(row, run, presentation_truth(settings, format=format, seed=SEED), "")
    if row["analysis"] == "cox_adjusted" and format == RECORDS_ALL:
        return judged(row, run, TruthEffect(float(np.log(settings.metachronous_hr)), 0.0, 0), "")
    return None


def judged(row: Mapping[str, Any], run: Mapping[str, Any], true: TruthEffect, why_not: str) -> Judged:
    """An estimate beside its truth."""
    normal = NormalDist().inv_cdf(0.5 + row["ci_level"] / 2)
    std_err = (np.log(row["ci_high"]) - np.log(row["ci_low"])) / (2 * normal)
    spread = np.hypot(std_err, 0.0 if np.isnan(true.std_error) else true.std_error)
    return Judged(
        study=run["study"],
        analysis=row["analysis"],
        subgroup=row["subgroup"],
        contrast=row["contrast"],
        measure=row["measure"],
        estimate=row["estimate"],
        std_err=float(std_err),
        truth=float(np.exp(true.log_hr)),
        misses_by=float((np.log(row["estimate"]) - true.log_hr) / spread),
        valid=not why_not,
        why_not=why_not,
    )


def is_late(analysis: str, settings: WorldSettings) -> bool:
    """Whether an undated landmark lies where nobody is operated on any more: then nothing had to be lived through."""
    month = re.fullmatch(r"undated_landmark_(\d+(?:\.\d+)?)", analysis)
    return month is not None and float(month[1]) >= settings.surgery_window_months


@cache
def methods() -> dict[str, dict[str, str]]:
    """How each analysis treats immortal time, and which covariates it adjusts for."""
    with (TABLES / "methods.csv").open(encoding="utf-8", newline="") as stream:
        return {row["analysis"]: row for row in csv.DictReader(stream)}


def method_of(analysis: str, run: Mapping[str, Any]) -> dict[str, str] | None:
    """Row of the table of methods: by name, else by name without its number or estimand; a model of the study's own."""
    known = methods()
    plain = re.sub(r"_(\d+(\.\d+)?|ate|att|ato)$", "", analysis)
    own = {"immortal_time": "counted", "terms": analysis}
    return known.get(analysis) or known.get(plain) or (own if analysis in own_models(run) else None)


def own_models(run: Mapping[str, Any]) -> dict[str, list[str]]:
    """Covariates of the Cox models that a study has beside its main one."""
    return {one["name"]: one["covariates"] for one in run["settings"]["models"].get("extra", ())}


def objection(
    row: Mapping[str, Any], run: Mapping[str, Any], method: Mapping[str, str], settings: WorldSettings
) -> str:
    """Why the estimate cannot be right in this world; empty where it can."""
    if settings.immortal_time and method["immortal_time"] == "counted":
        return "counts the months before the operation, which had to be lived through, for it"
    if (
        settings.immortal_time
        and method["immortal_time"] == "partly"
        and not is_late(row["analysis"], settings)
    ):
        return method["note"]
    if settings.stage_migration and not is_on_clinical_stage(row["subgroup"], run):
        return "people came to stage IV because of the operation"
    if settings.confounding == 0:
        return ""
    if method["terms"] in ("", "none"):
        return "does not adjust"
    missing = [name for name in confounders(run) if not is_covered(name, row, run, method["terms"])]
    return f"does not adjust for {', '.join(missing)}" if missing else ""


def is_on_clinical_stage(subgroup: str, run: Mapping[str, Any]) -> bool:
    """Whether stage IV is told by what was known before the operation, in the cohort or by a sensitivity analysis."""
    return any("stage_iv_clinical" in condition for condition in conditions_in_force(subgroup, run))


def conditions_in_force(subgroup: str, run: Mapping[str, Any]) -> list[str]:
    """Conditions of the cohort's rules, with the one that a sensitivity analysis says otherwise."""
    rules = {rule["id"]: str(rule.get("when")) for rule in run["cohort_settings"]["rules"]}
    label = subgroup.partition(",")[0]
    others = {one["rule"]: one["when"] for one in run["settings"]["sensitivity"] if one["name"] == label}
    return list((rules | others).values())


def confounders(run: Mapping[str, Any]) -> list[str]:
    """Variables that move the operation and death among this submission's people, as far as they are recorded."""
    registry = "ncdb" if run["source"] == "ncdb" else "seer"
    years = run["cohort_settings"].get("years") or {"last": (run.get("covered_years") or [0, 9999])[1]}
    return [
        name
        for name, (_, since) in confounder_columns().items()
        if since <= years["last"]
        and any(variables()[name].surgery[registry].values())
        and any(variables()[name].death.values())
    ]


@cache
def confounder_columns() -> dict[str, tuple[tuple[str, ...], int]]:
    """Tumor columns that carry each variable of the world, and the year from which they are collected."""
    with (TABLES / "confounder_columns.csv").open(encoding="utf-8", newline="") as stream:
        return {
            row["variable"]: (tuple(row["columns"].split()), int(row["from_year"] or 0))
            for row in csv.DictReader(stream)
        }


def is_covered(name: str, row: Mapping[str, Any], run: Mapping[str, Any], terms: str) -> bool:
    """Whether a variable is in the model, is the column that the subgroup is a level of, or is fixed by a rule."""
    settings = run["settings"]
    inside = [one for one in settings["subgroups"] if f"{one['name']}=" in row["subgroup"]]
    dropped = {name for one in inside for name in one["drop"]}
    asked = own_models(run).get(terms) or settings["models"][terms] or settings["design"]["match"]["exact"]
    used = [name for name in asked if name not in dropped]
    texts = [
        f"{one['column'] or ''} {one['sql'] or ''}"
        for one in settings["covariates"]
        if one["name"] in used and not (row["subgroup"] == "baseline_only" and one["post_baseline"])
    ]
    # A level of a column holds it constant; an expression over columns need not.
    texts += [one["column"] for one in inside if one["column"]]
    conditions = conditions_in_force(row["subgroup"], run)
    columns, _ = confounder_columns()[name]
    return any(
        any(re.search(rf"\b{column}\b", text) for text in texts)
        or any(condition == column or re.search(rf"\b{column} = '", condition) for condition in conditions)
        for column in columns
    )


def truth_of(
    row: Mapping[str, Any], run: Mapping[str, Any], folder: Path, truth: pl.DataFrame, settings: WorldSettings
) -> TruthEffect:
    """The true log ratio of an estimate: null in a world without effect, else by intervening on its people.

    The operation touches no death of another cause (`WorldSettings.surgery_hr`).
    """
    if settings.surgery_hr == 1 or row["analysis"] == "cox_other_cause":
        return TruthEffect(0.0, 0.0, 0)
    members = people_of(row, run, folder, settings)
    if members is None or row["measure"] not in RATIOS:
        return TruthEffect(float("nan"), float("nan"), 0)
    outcome = run["settings"]["outcome"]["kind"]
    kind = "disease_specific" if outcome == "disease_specific" else "all_cause"
    return matched_set_truth(truth, members, seed=SEED, replicates=10, outcome=kind)


def people_of(
    row: Mapping[str, Any], run: Mapping[str, Any], folder: Path, settings: WorldSettings
) -> pl.DataFrame | None:
    """The people whose marginal effect an estimate of the main analyses is; None where it is of no such kind.

    Strategies that are followed from diagnosis on have that effect in everybody, where everybody who is operated on is
    so at diagnosis.
    """
    if row["subgroup"] not in ("all", "baseline_only"):
        return None
    keys = ["source_file", "source_record"]
    if row["analysis"] == "matched_cox":
        stem = "matched_pairs" if row["subgroup"] == "all" else f"matched_pairs_{row['subgroup']}"
        return pl.read_parquet(folder / f"{stem}.parquet", columns=keys)
    estimand, several = str(row["estimand"]).lower(), bool(run["arms"].get("others"))
    at_once = row["analysis"] == "clone_censor_weight" and not settings.immortal_time
    if at_once:
        estimand = "ate"
    if (at_once or row["analysis"].startswith("weighted_cox")) and estimand in ("ate", "att") and not several:
        members = folder.parents[1] / "cohorts" / run["cohort"] / "members.parquet"
        people = pl.read_parquet(members, columns=[*keys, "arm"])
        exposed = people.filter(pl.col("arm") == run["arms"]["exposed"])
        return (people if estimand == "ate" else exposed).select(keys)
    return None


__all__ = ["Judged", "judge_study", "judge_submission"]
