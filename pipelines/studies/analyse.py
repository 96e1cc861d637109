"""Every analysis of a study on every variant of its people, and what is said of the estimates afterwards."""

import polars as pl

from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.needs import refusal_code
from pipelines.errors import InputError
from pipelines.stats.errors import StatsError
from pipelines.store import Submission
from pipelines.studies import gate
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators import ESTIMATORS, SUMMARIES, models
from pipelines.studies.estimators.interaction import interactions, interactions_of_estimates
from pipelines.studies.language import ALL, ANALYSES, StudyDefinition
from pipelines.studies.plan import Plan
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes
from pipelines.studies.variants import Variant, variants


def analyse(sub: Submission, plan: Plan, cohort: CohortDefinition) -> Outcomes:
    """Everything that the plan asks for on the members of a cohort that is there.

    Raises
    ------
    InputError
        The primary analysis cannot be fitted, an arm is empty, or an expression of the study is wrong.
    """
    study = plan.study
    found = Outcomes(findings=(*plan.findings, *covariate_gaps(sub, study, cohort)))
    found += attrition_counts(sub, cohort)
    main: AnalysisSet | None = None
    for variant in variants(sub, study, cohort):
        found += analyse_variant(variant)
        if main is None:
            require_primary(study, found)
            main = variant.people
    return found if main is None else found + summarise(main, found.estimates)


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


def analyse_variant(variant: Variant) -> Outcomes:
    """Do every analysis of a variant; one that cannot be fitted is absent with its reason."""
    found = Outcomes(findings=variant.findings)
    people = variant.people
    if people is None:
        return found
    for word in variant.analyses:
        if not ANALYSES[word].within and word not in SUMMARIES:
            found += analyse_one(people, word, variant.analyses)
    if people.subgroup == ALL:
        found += models.extra_models(people)
    found += interactions(people, variant.interactions)
    return found + gate.judge(people, found)


def analyse_one(people: AnalysisSet, word: str, analyses: tuple[str, ...]) -> Outcomes:
    """One analysis of a variant, or the finding that it is absent."""
    if ANALYSES[word].two_arms and people.other_labels:
        return not_done(
            people, word, analyses, "it compares two arms, and this study has more", "no_such_form"
        )
    try:
        return ESTIMATORS[word](people)
    except StatsError as error:
        return not_done(people, word, analyses, error.without_count)


def summarise(people: AnalysisSet, estimates: tuple[Estimate, ...]) -> Outcomes:
    """What the study asks about its own estimates: E-values, agreement with a trial, subgroups of a dated analysis."""
    found = interactions_of_estimates(people, estimates)
    for word in people.study.analyses:
        if word in SUMMARIES:
            try:
                found += SUMMARIES[word](people, estimates)
            except StatsError as error:
                found += not_done(people, word, people.study.analyses, error.without_count)
    return found


def not_done(
    people: AnalysisSet, word: str, analyses: tuple[str, ...], reason: str, check: str = "not_fitted"
) -> Outcomes:
    """Say why an analysis and those it computes are absent."""
    within = tuple(name for name in analyses if ANALYSES[name].within == word)
    names = (*people.study.names_of([word]), *within)
    return Outcomes(findings=tuple(Finding(name, people.subgroup, check, "absent", reason) for name in names))


def require_primary(study: StudyDefinition, found: Outcomes) -> None:
    """Stop where the main analyses did not give the primary one.

    Raises
    ------
    InputError
        With the reason why it is absent.
    """
    reasons = [
        one.message
        for one in found.findings
        if (one.analysis, one.subgroup, one.status) == (study.primary, ALL, "absent")
    ]
    if reasons:
        raise InputError(
            f"The primary analysis {study.primary} of study '{study.id}' cannot be fitted: {reasons[0]}",
            where=f"cohort {study.cohort}",
            remedy="Look at Table 1 by arm, merge levels, or take the covariate out of the model.",
        )


def attrition_counts(sub: Submission, cohort: CohortDefinition) -> Outcomes:
    """How many were left after each rule, in all and by arm, so that published flow counts can be targets."""
    lines = pl.read_csv(sub.root / "cohorts" / cohort.name / "attrition.csv")
    columns = {ALL: "n_after"}
    columns |= {arm.label: f"n_after_{role}" for role, arm in cohort.arms.by_role.items()}
    rows = [
        Estimate(
            "attrition",
            label,
            line["rule_id"],
            "",
            "n",
            float(line[column]),
            counts=Counts(line[column]),
            method="count",
        )
        for line in lines.iter_rows(named=True)
        for label, column in columns.items()
    ]
    return Outcomes(estimates=tuple(rows))
