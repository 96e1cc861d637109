"""Runs a study on a submission: cohort, analyses, comparison, everything written at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines import store
from pipelines.cohorts import load_cohort
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.needs import check_needs, check_years, refusal_code
from pipelines.cohorts.yaml_models import settings_hash
from pipelines.errors import InputError, RefusedError
from pipelines.stats.errors import StatsError
from pipelines.store import Submission
from pipelines.store.manifest import recorded_versions
from pipelines.studies import gate
from pipelines.studies.analysis_set import AnalysisSet, read_analysis_set
from pipelines.studies.catalog import load_published, load_study
from pipelines.studies.compare import compare
from pipelines.studies.estimators import ESTIMATORS, SUMMARIES, matched, models
from pipelines.studies.language import ALL, ANALYSES, StudyDefinition
from pipelines.studies.results import Estimate, Finding, Outcomes, estimates_frame, findings_frame
from pipelines.studies.variants import Variant, fresh_cohort, other_cohort, variants

CSV_TABLES = ("gate", "hidden", "km_curves", "table_one", "balance", "propensity")


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


def run_study(sub: Submission, name: str, catalog_dir: Path, *, no_gate: bool = False) -> StudyFacts:
    """Write ``studies/<name>/`` of a submission.

    Parameters
    ----------
    sub : Submission
        Built and passed by its quality gate.
    name : str
        A study of the catalog.
    catalog_dir : Path
        The catalog.
    no_gate : bool
        Show every estimate whatever the gate says, and record that.

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
    found = Outcomes(findings=covariate_gaps(sub, study, cohort))
    for variant in variants(sub, study, cohort, people):
        found += analyse(variant)
    found += summarise(people, found.estimates)
    comparison = compare(targets, found.estimates, found.findings, study)
    identity = settings_hash(study, cohort)
    verdict = gate.verdict_of(study, found.table("gate"))
    hidden = gate.hidden_by(verdict, found.estimates, study, people.labels)
    found += Outcomes(tables=(("hidden", hidden),))
    judged = {"gate": "off" if no_gate else "on", "gate_verdict": verdict, "record": gate.RECORD}
    write(sub, study, cohort, found, comparison, identity, judged)
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
    if study.outcome is not None and study.outcome.kind == "disease_specific":
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


def analyse(variant: Variant) -> Outcomes:
    """Do every analysis of a variant; one that cannot be fitted is absent with its reason, the primary an error.

    Raises
    ------
    InputError
        The primary analysis of the study cannot be fitted.
    """
    found = Outcomes(findings=variant.findings)
    people = variant.people
    if people is None:
        return found
    for word in variant.analyses:
        if ANALYSES[word].within or word in SUMMARIES:
            continue
        try:
            found += ESTIMATORS[word](people)
        except StatsError as error:
            found += not_fitted(people, word, variant.analyses, error)
    if people.subgroup == ALL:
        found += models.extra_models(people)
    return found + gate.judge(people, found)


def summarise(people: AnalysisSet, estimates: tuple[Estimate, ...]) -> Outcomes:
    """What the study asks about its own estimates: E-values, agreement with a trial."""
    found = Outcomes()
    for word in people.study.analyses:
        if word in SUMMARIES:
            try:
                found += SUMMARIES[word](people, estimates)
            except StatsError as error:
                found += not_fitted(people, word, people.study.analyses, error)
    return found


def not_fitted(people: AnalysisSet, word: str, analyses: tuple[str, ...], error: StatsError) -> Outcomes:
    """Say why an analysis and those it computes are absent.

    Raises
    ------
    InputError
        It is the study's primary analysis, on everybody.
    """
    study, reason = people.study, error.without_count
    names = study.names_of([word])
    if study.primary in names and people.subgroup == ALL:
        raise InputError(
            f"The primary analysis {study.primary} of study '{study.id}' cannot be fitted: {reason}",
            where=f"cohort {study.cohort}",
            remedy="Look at Table 1 by arm, merge levels, or take the covariate out of the model.",
        ) from None
    within = tuple(name for name in analyses if ANALYSES[name].within == word)
    findings = [Finding(name, people.subgroup, "not_fitted", "absent", reason) for name in (*names, *within)]
    return Outcomes(findings=tuple(findings))


def write(
    sub: Submission,
    study: StudyDefinition,
    cohort: CohortDefinition,
    found: Outcomes,
    comparison: pl.DataFrame,
    identity: str,
    judged: dict[str, Any],
) -> None:
    """Write the study's folder aside and rename it into place."""
    same = {
        "study": study.id,
        "submission": sub.id,
        "cohort": study.cohort,
        "ci_level": study.confidence_level,
        "settings_hash": identity,
    }
    record = run_record(sub, study, cohort, found, identity) | judged
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
        for name, pairs in found.tables:
            if name.startswith(matched.PAIRS):
                store.write_parquet(pairs, aside / f"{name}.parquet")
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
