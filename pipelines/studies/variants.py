"""The same people or others under another definition: main, baseline only, subgroups, outcomes, other rules.

A variant is an analysis set with a label (the ``subgroup`` of its estimates) and the analyses to do on it. What cannot
be done is absent with its reason and never stops the study.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipelines.cohorts import write_cohort
from pipelines.cohorts.definition import CohortDefinition, Rule
from pipelines.cohorts.needs import check_needs
from pipelines.cohorts.yaml_models import dump_yaml
from pipelines.errors import InputError, RefusedError
from pipelines.store import Submission
from pipelines.studies.analysis_set import AnalysisSet, read_analysis_set
from pipelines.studies.language import (
    ALL,
    ANALYSES,
    BASELINE_ONLY,
    OtherOutcome,
    OtherRule,
    StudyDefinition,
    Subgroup,
)
from pipelines.studies.results import Finding


@dataclass(frozen=True)
class Variant:
    """Analyses to do on some people; ``people`` is None where they cannot be had, and ``findings`` say why."""

    people: AnalysisSet | None
    analyses: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def variants(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition, people: AnalysisSet
) -> Iterator[Variant]:
    """Every variant of a study, in the order of its definition.

    Parameters
    ----------
    sub : Submission
    study : StudyDefinition
    cohort : CohortDefinition
    people : AnalysisSet
        Of the main analyses.
    """
    yield Variant(people, study.analyses, people.findings)
    if study.has_reanalysis:
        yield Variant(replace(people, subgroup=BASELINE_ONLY, baseline_only=True), adjusted(study))
    for group in study.subgroups:
        yield from subgroup_variants(sub, study, cohort, people, group)
    for outcome in study.other_outcomes:
        yield from outcome_variants(sub, study, cohort, outcome)
    for other in study.sensitivity:
        yield other_rule_variant(sub, study, cohort, other)


def repeatable(analyses: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some analyses that are done again in variants."""
    return tuple(name for name in analyses if ANALYSES[name].repeats or ANALYSES[name].within)


def adjusted(study: StudyDefinition) -> tuple[str, ...]:
    """Repeatable analyses that adjust for covariates."""
    return tuple(name for name in repeatable(study.analyses) if ANALYSES[name].terms)


def absent(label: str, analyses: tuple[str, ...], check: str, reason: str) -> Variant:
    """A variant that cannot be had."""
    return Variant(None, analyses, tuple(Finding(one, label, check, "absent", reason) for one in analyses))


def subgroup_variants(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition, people: AnalysisSet, group: Subgroup
) -> Iterator[Variant]:
    """Each level of a declared subgroup."""
    analyses = group.analyses or tuple(
        one for one in study.analyses if study.primary in study.names_of([one])
    )
    if not group.analyses and study.primary == "matched_cox":
        analyses = ("matched_cox",)
    prefix = "" if people.subgroup == ALL else f"{people.subgroup}, "
    try:
        check_needs(sub, group.needs, cohort.years, asked_by=f"Subgroup '{group.name}'")
    except RefusedError as error:
        for level in group.levels:
            yield absent(f"{prefix}{group.label(level)}", analyses, "subgroup_not_recorded", error.what)
        return
    for level in group.levels:
        label = f"{prefix}{group.label(level)}"
        inside = people.where((people.frame[f"sub_{group.name}"] == level).fill_null(False).to_numpy())
        if not all(np.any(inside.frame["arm"].to_numpy() == arm) for arm in people.labels):
            yield absent(label, analyses, "subgroup_without_an_arm", "nobody of an arm is in the subgroup")
            continue
        yield Variant(replace(inside, subgroup=label, dropped=group.drop, findings=()), analyses)


def outcome_variants(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition, outcome: OtherOutcome
) -> Iterator[Variant]:
    """Another outcome, and the subgroups that name it."""
    analyses = outcome.analyses or repeatable(study.analyses)
    again = study.model_copy(update={"outcome": outcome})
    try:
        check_needs(sub, outcome.needs, cohort.years, asked_by=f"Outcome '{outcome.name}'")
        read = read_analysis_set(sub, again, cohort)
    except (InputError, RefusedError) as error:
        yield absent(outcome.name, analyses, "outcome_not_recorded", error.what)
        return
    people = replace(read, subgroup=outcome.name)
    yield Variant(people, analyses, labelled(people))
    for group in study.subgroups:
        if outcome.name in group.outcomes:
            yield from subgroup_variants(sub, again, cohort, people, group)


def other_rule_variant(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition, other: OtherRule
) -> Variant:
    """The study's cohort with one rule said otherwise."""
    analyses = repeatable(study.analyses)
    there = other_cohort(cohort, other)
    try:
        fresh_cohort(sub, there)
        read = read_analysis_set(sub, study.model_copy(update={"cohort": there.name}), there)
    except (InputError, RefusedError) as error:
        return absent(other.name, analyses, "not_done", error.what)
    people = replace(read, subgroup=other.name)
    return Variant(people, analyses, labelled(people))


def labelled(people: AnalysisSet) -> tuple[Finding, ...]:
    """What was left out of these people, under their label."""
    return tuple(replace(one, subgroup=people.subgroup) for one in people.findings)


def fresh_cohort(sub: Submission, cohort: CohortDefinition) -> None:
    """Materialise the cohort unless it is there from the same definition."""
    written = sub.root / "cohorts" / cohort.name / "definition.yaml"
    if not written.is_file() or written.read_text(encoding="utf-8") != dump_yaml(cohort):
        write_cohort(sub, cohort)


def other_cohort(cohort: CohortDefinition, other: OtherRule) -> CohortDefinition:
    """The cohort with one of its rules replaced, under a name of its own.

    Raises
    ------
    InputError
        The cohort has no such rule.
    """
    if other.rule not in [rule.id for rule in cohort.rules]:
        raise InputError(
            f"Cohort '{cohort.name}' has no rule '{other.rule}' that '{other.name}' could say otherwise",
            where="study.yaml, sensitivity",
            remedy=f"Its rules are {', '.join(rule.id for rule in cohort.rules)}.",
        )
    said = Rule(id=other.rule, words=other.words, reference=other.reference, kind="include", when=other.when)
    return cohort.model_copy(
        update={
            "name": f"{cohort.name}_{other.name}",
            "title": f"{cohort.title}; {other.words}",
            "needs": (*cohort.needs, *other.needs),
            "rules": tuple(said if rule.id == other.rule else rule for rule in cohort.rules),
        }
    )
