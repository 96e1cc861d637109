"""Runs a study on a submission: cohort, analyses, comparison, everything written at once."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipelines import store
from pipelines.cohorts import load_cohort, write_cohort
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.needs import check_needs, check_years, refusal_code
from pipelines.cohorts.yaml_models import dump_yaml, settings_hash
from pipelines.errors import InputError, RefusedError
from pipelines.stats.errors import StatsError
from pipelines.store import Submission
from pipelines.store.manifest import recorded_versions
from pipelines.studies import describe, matched, models
from pipelines.studies.analysis_set import AnalysisSet, read_analysis_set
from pipelines.studies.catalog import load_published, load_study
from pipelines.studies.compare import compare
from pipelines.studies.definition import OtherRule, StudyDefinition
from pipelines.studies.results import (
    ALL,
    BASELINE_ONLY,
    Finding,
    Outcomes,
    estimates_frame,
    findings_frame,
)
from pipelines.studies.sensitivity import other_cohort, other_study

CSV_TABLES = ("km_curves", "table_one", "balance", "propensity")
MATCHED = ("matched_cox", "matched_km", "stratified_cox")


@dataclass(frozen=True)
class StudyFacts:
    """What came of a study.

    Attributes
    ----------
    name, submission, cohort : str
    folder : Path
        ``<submission>/studies/<name>``.
    settings_hash : str
    n_estimates : int
    verdicts : dict
        Number of published numbers by verdict.
    warnings : tuple of str
        Messages of the findings a reader must see.
    """

    name: str
    submission: str
    cohort: str
    folder: Path
    settings_hash: str
    n_estimates: int
    verdicts: dict[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """One analysis to do: its name, its subgroup, and how."""

    analysis: str
    subgroup: str
    run: Callable[[AnalysisSet], Outcomes]


def run_study(sub: Submission, name: str, catalog_dir: Path) -> StudyFacts:
    """Write ``studies/<name>/`` of a submission.

    Parameters
    ----------
    sub : Submission
        Built and passed by its quality gate.
    name : str
        A study of the catalog.
    catalog_dir : Path
        The catalog.

    Raises
    ------
    GateError
        The submission has no pass.
    RefusedError
        The source cannot give what the study needs, or does not cover its years.
    InputError
        Unknown or wrong definition, an empty cohort or arm, targets that join to nothing, or the primary
        analysis cannot be fitted. Nothing is written then.
    """
    sub.require_pass()
    sub.require_people()
    study = load_study(name, catalog_dir)
    cohort = load_cohort(study.cohort, catalog_dir)
    targets = load_published(name, catalog_dir)
    check_source(sub, study, cohort)
    fresh_cohort(sub, cohort)
    people = read_analysis_set(sub, study, cohort)
    gaps = covariate_gaps(sub, study, cohort)
    found = Outcomes(findings=(*gaps, *people.findings)) + analyse(people, plan(study))
    for other in study.sensitivity:
        found += analyse_otherwise(sub, study, cohort, other)
    comparison = compare(targets, found.estimates, found.findings, study)
    identity = settings_hash(study, cohort)
    write(sub, study, cohort, found, comparison, identity)
    counted = dict(comparison.group_by("verdict").len().sort("verdict").iter_rows())
    return StudyFacts(
        name=name,
        submission=sub.id,
        cohort=study.cohort,
        folder=sub.root / "studies" / name,
        settings_hash=identity,
        n_estimates=len(found.estimates),
        verdicts=counted,
        warnings=tuple(one.message for one in found.findings if one.status in ("warning", "absent")),
    )


def check_source(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> None:
    """Refuse before anything runs: years, variables, then the kind of source.

    Raises
    ------
    RefusedError
        With the first reason that holds.
    """
    asked_by = f"Study '{study.id}'"
    check_years(sub, cohort.years, asked_by=asked_by)
    needs = (*study.needs, *cohort.all_needs)
    if study.outcome.kind == "disease_specific":
        needs = ("cause_of_death_group", *needs)
    check_needs(sub, needs, cohort.years, asked_by=asked_by)
    if sub.manifest.source not in study.sources:
        raise RefusedError(
            f"{asked_by} is defined for {', '.join(study.sources)}, and submission '{sub.id}' is "
            f"{sub.manifest.source}",
            reason_code="source_not_suited",
            where=f"catalog/studies/{study.id}/study.yaml, sources",
        )


def covariate_gaps(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> tuple[Finding, ...]:
    """Say which covariates the source gives for some years only, or not at all: they are mostly ``unknown``.

    A covariate is not a need: the study runs without it, and the reader is told.
    """
    said = pl.read_parquet(sub.registry_table("ascertainment"))
    by_column = {row["variable"]: row for row in said.sort("variable").iter_rows(named=True)}
    findings = []
    for one in study.covariates:
        row = by_column.get(one.column or "")
        if row is not None and refusal_code(row["status"], cohort.years):
            message = (
                f"covariate {one.name}: {row['status']} in {row['source']} {row['release']}: {row['reason']}"
            )
            findings.append(Finding("analysis_set", ALL, "covariate_not_collected", "warning", message))
    return tuple(findings)


def fresh_cohort(sub: Submission, cohort: CohortDefinition) -> None:
    """Materialise the cohort unless it is there from the same definition."""
    written = sub.root / "cohorts" / cohort.name / "definition.yaml"
    if not written.is_file() or written.read_text(encoding="utf-8") != dump_yaml(cohort):
        write_cohort(sub, cohort)


def analyse_otherwise(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition, other: OtherRule
) -> Outcomes:
    """Repeat the main analyses on the cohort with one rule said otherwise.

    What cannot be done there is absent with its reason; it never stops the study.
    """
    there = other_cohort(cohort, other)
    again = other_study(study, other, there)
    try:
        fresh_cohort(sub, there)
        people = read_analysis_set(sub, again, there)
    except (InputError, RefusedError) as error:
        absent = [Finding(one, other.name, "not_done", "absent", error.what) for one in again.analyses]
        return Outcomes(findings=tuple(absent))
    jobs = [
        # mypy cannot infer a lambda whose default argument keeps this turn's value.
        Job(name, other.name, lambda people, run=run: run(people, other.name))  # type: ignore[misc]
        for name, run in REPEATABLE.items()
        if name in again.analyses
    ]
    left_out = tuple(replace(one, subgroup=other.name) for one in people.findings)
    return Outcomes(findings=left_out) + analyse(people, jobs)


def plan(study: StudyDefinition) -> list[Job]:
    """Every analysis of the study in a fixed order, the baseline-only re-analyses among them."""
    again = (ALL, BASELINE_ONLY) if study.has_reanalysis else (ALL,)
    single: dict[str, Callable[[AnalysisSet], Outcomes]] = {
        "table_one": describe.table_one,
        "exposed_share": describe.exposed_share,
        "km": describe.survival_by_arm,
        "vital_status_median": describe.vital_status_medians,
        "logistic_exposure": models.logistic_exposure,
        "cox_unadjusted": lambda people: cox_unadjusted(people, ALL),
        "cox_other_cause": models.cox_other_cause,
    }
    jobs = [Job(name, ALL, run) for name, run in single.items() if name in study.analyses]
    jobs += [
        # mypy cannot infer a lambda whose default argument keeps this turn's value; the same below.
        Job(name, subgroup, lambda people, run=run, subgroup=subgroup: run(people, subgroup))  # type: ignore[misc]
        for name, run in REPEATABLE.items()
        if name in study.analyses and name != "cox_unadjusted"
        for subgroup in again
    ]
    jobs += [
        Job(
            extra.name,
            ALL,
            lambda people, extra=extra: models.cox_model(  # type: ignore[misc]
                people,
                people.study.terms(extra.covariates),
                analysis=extra.name,
                subgroup=ALL,
                with_exposure=extra.with_exposure,
            ),
        )
        for extra in study.models.extra
    ]
    return jobs


def cox_unadjusted(people: AnalysisSet, subgroup: str) -> Outcomes:
    """The Cox model of the exposure alone."""
    return models.cox_model(people, [], analysis="cox_unadjusted", subgroup=subgroup)


def cox_adjusted(people: AnalysisSet, subgroup: str) -> Outcomes:
    """The adjusted Cox model, as published or with baseline covariates only."""
    study = people.study
    terms = study.terms(study.models.cox, baseline_only=subgroup == BASELINE_ONLY)
    return models.cox_model(people, terms, analysis="cox_adjusted", subgroup=subgroup)


REPEATABLE: dict[str, Callable[[AnalysisSet, str], Outcomes]] = {
    "cox_unadjusted": cox_unadjusted,
    "cox_adjusted": cox_adjusted,
    "cox_propensity_covariate": lambda people, subgroup: models.cox_propensity_covariate(
        people, subgroup=subgroup
    ),
    "matched_cox": lambda people, subgroup: matched.matched(people, subgroup=subgroup),
}
"""Analyses that are done again under another subgroup: baseline covariates only, or another cohort."""


def analyse(people: AnalysisSet, jobs: Sequence[Job]) -> Outcomes:
    """Do every job; one that cannot be fitted is absent with its reason, the primary one is an error.

    Raises
    ------
    InputError
        The primary analysis cannot be fitted.
    """
    found = Outcomes()
    for job in jobs:
        try:
            found += job.run(people)
        except StatsError as error:
            reason = error.without_count
            if job.analysis == people.study.primary and job.subgroup == ALL:
                raise InputError(
                    f"The primary analysis {job.analysis} of study '{people.study.id}' cannot be fitted: {reason}",
                    where=f"cohort {people.study.cohort}",
                    remedy="Look at Table 1 by arm, merge levels, or take the covariate out of the model.",
                ) from None
            names = MATCHED if job.analysis == "matched_cox" else (job.analysis,)
            found += Outcomes(
                findings=tuple(
                    Finding(one, job.subgroup, "not_fitted", "absent", reason)
                    for one in names
                    if one in people.study.analysis_names
                )
            )
    return found


def write(
    sub: Submission,
    study: StudyDefinition,
    cohort: CohortDefinition,
    found: Outcomes,
    comparison: pl.DataFrame,
    identity: str,
) -> None:
    """Write the study's folder aside and rename it into place."""
    same = {
        "study": study.id,
        "submission": sub.id,
        "cohort": study.cohort,
        "ci_level": study.confidence_level,
        "settings_hash": identity,
    }
    record = run_record(sub, study, cohort, found, identity)
    with sub.write_dir(f"studies/{study.id}") as aside:
        estimates = estimates_frame(found.estimates, same)
        for other in study.sensitivity:
            there = pl.lit(other_cohort(cohort, other).name)
            elsewhere = pl.when(pl.col("subgroup") == other.name).then(there).otherwise(pl.col("cohort"))
            estimates = estimates.with_columns(elsewhere.alias("cohort"))
        estimates.write_csv(aside / "estimates.csv")
        findings_frame(found.findings).write_csv(aside / "diagnostics.csv")
        comparison.write_csv(aside / "comparison.csv")
        for name in CSV_TABLES:
            table = found.table(name)
            if table is not None:
                table.write_csv(aside / f"{name}.csv")
        for subgroup in (ALL, BASELINE_ONLY, *(other.name for other in study.sensitivity)):
            pairs = found.table(matched.pairs_name(subgroup))
            if pairs is not None:
                store.write_parquet(pairs, aside / f"{matched.pairs_name(subgroup)}.parquet")
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (aside / "run.json").write_text(text, encoding="utf-8")


def run_record(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition, found: Outcomes, identity: str
) -> dict[str, Any]:
    """Settings and provenance: everything that the numbers depend on, and no time of day."""
    manifest = sub.manifest
    return {
        "study": study.id,
        "title": study.title,
        "submission": sub.id,
        "source": manifest.source,
        "format": manifest.format,
        "release": manifest.release,
        "covered_years": manifest.covered_years,
        "cohort": study.cohort,
        "arms": {"exposed": cohort.arms.exposed.label, "reference": cohort.arms.reference.label},
        "settings_hash": identity,
        "seed": None,
        "randomness": "no step draws random numbers; ties in matching go to the lower tumor id",
        "extract": [{"name": one.name, "sha256": one.sha256} for one in manifest.files],
        "versions": recorded_versions(),
        "primary": study.primary,
        "primary_estimand": sorted(
            {one.estimand for one in found.estimates if one.analysis == study.primary and one.estimand}
        ),
        "absent": [
            {"analysis": one.analysis, "subgroup": one.subgroup, "reason": one.message}
            for one in found.findings
            if one.status == "absent"
        ],
        "warnings": [
            {"analysis": one.analysis, "subgroup": one.subgroup, "check": one.check, "message": one.message}
            for one in found.findings
            if one.status == "warning"
        ],
        "settings": study.model_dump(mode="json"),
        "cohort_settings": cohort.model_dump(mode="json"),
    }
