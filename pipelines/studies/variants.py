"""The same people or others under another definition: main, baseline only, subgroups, outcomes, other rules.

A variant is an analysis set with a label (the ``subgroup`` of its estimates) and the analyses to do on it. What cannot
be done is absent with its reason and never stops the study. The members of a cohort are read once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from pipelines.cohorts import compile_query, write_cohort
from pipelines.cohorts.definition import CohortDefinition, Rule
from pipelines.cohorts.yaml_models import dump_yaml
from pipelines.errors import InputError, RefusedError
from pipelines.store import Submission
from pipelines.studies.analysis_set import (
    AnalysisSet,
    life_table_of,
    read_analysis_set,
    read_members,
    settle,
)
from pipelines.studies.language import (
    ALL,
    ANALYSES,
    BASELINE_ONLY,
    OtherOutcome,
    OtherRule,
    StudyDefinition,
    Subgroup,
)
from pipelines.studies.plan import CAUSE, refusal
from pipelines.studies.results import UNPLANNED, Finding


@dataclass(frozen=True)
class Variant:
    """Analyses to do on some people, and subgroups whose interaction is tested in them.

    ``people`` is None where they cannot be had, and ``findings`` say why.
    """

    people: AnalysisSet | None
    analyses: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    interactions: tuple[Subgroup, ...] = ()


def variants(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> Iterator[Variant]:
    """Every variant of a study, in the order of its definition, the main analyses first.

    Parameters
    ----------
    sub : Submission
    study : StudyDefinition
        With the analyses that the source can carry.
    cohort : CohortDefinition
        Materialised.

    Raises
    ------
    InputError
        An expression of the study is wrong; nobody, or nobody of an arm, is in the main analyses.
    """
    members = read_members(sub, study)
    people = replace(settle(members, study, cohort, sub.id), life_table=life_table_of(sub))
    refused = refused_groups(sub, study, cohort)
    tests = tested(study.subgroups, refused) if study.outcome else ()
    yield Variant(people, study.analyses, people.findings, tests)
    if study.has_reanalysis:
        yield Variant(replace(people, subgroup=BASELINE_ONLY, baseline_only=True), adjusted(study))
    for group in study.subgroups:
        yield from subgroup_variants(people, group, refused)
    for outcome in study.other_outcomes:
        yield from outcome_variants(sub, study, cohort, members, outcome, refused)
    for other in study.sensitivity:
        yield other_rule_variant(sub, study, cohort, other)


def refused_groups(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> dict[str, str]:
    """Subgroups whose variable the source cannot give, with the reason."""
    asked = {
        group.name: refusal(sub, group.needs, cohort, asked_by=f"Subgroup '{group.name}'")
        for group in study.subgroups
    }
    return {name: error.what for name, error in asked.items() if error}


def tested(groups: Iterable[Subgroup], refused: dict[str, str]) -> tuple[Subgroup, ...]:
    """Those of some subgroups that a test of interaction can be done for."""
    return tuple(group for group in groups if group.name not in refused)


def repeatable(analyses: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some analyses that are done again in variants."""
    return tuple(name for name in analyses if ANALYSES[name].repeats or ANALYSES[name].within)


def adjusted(study: StudyDefinition) -> tuple[str, ...]:
    """Repeatable analyses that adjust for covariates."""
    return tuple(name for name in repeatable(study.analyses) if ANALYSES[name].terms)


def absent(study: StudyDefinition, label: str, analyses: tuple[str, ...], check: str, reason: str) -> Variant:
    """A variant that cannot be had."""
    names = study.names_of(analyses)
    return Variant(None, analyses, tuple(Finding(one, label, check, "absent", reason) for one in names))


def done_in(study: StudyDefinition, group: Subgroup) -> tuple[str, ...]:
    """What is done in each level of a subgroup: what it names, else what gives the primary estimate."""
    return with_hosts(group.analyses or study.words_of(study.primary))


def with_hosts(words: Iterable[str]) -> tuple[str, ...]:
    """Analyses with those that compute them."""
    hosts = (ANALYSES[word].within for word in words)
    return tuple(dict.fromkeys((*words, *(word for word in hosts if word))))


def subgroup_variants(people: AnalysisSet, group: Subgroup, refused: dict[str, str]) -> Iterator[Variant]:
    """Each level of a declared subgroup."""
    study, analyses = people.study, done_in(people.study, group)
    prefix = "" if people.subgroup == ALL else f"{people.subgroup}, "
    arm, value = people.frame["arm"], people.frame[f"sub_{group.name}"]
    for level in group.levels:
        label = f"{prefix}{group.label(level)}"
        inside = people.where((value == level).fill_null(False).to_numpy())
        if group.name in refused:
            yield absent(study, label, analyses, "subgroup_not_recorded", refused[group.name])
        elif set(inside.frame["arm"]) != set(arm):
            reason = "nobody of an arm is in the subgroup"
            yield absent(study, label, analyses, "subgroup_without_an_arm", reason)
        else:
            notes = () if group.planned else tuple(unplanned(study.names_of(analyses), label))
            yield Variant(replace(inside, subgroup=label, dropped=group.drop, findings=()), analyses, notes)


def unplanned(analyses: Iterable[str], label: str) -> Iterator[Finding]:
    """What stands at every result of a subgroup that was not declared beforehand."""
    for name in analyses:
        yield Finding(name, label, "unplanned", "warning", UNPLANNED)


def outcome_variants(
    sub: Submission,
    study: StudyDefinition,
    cohort: CohortDefinition,
    members: pl.DataFrame,
    outcome: OtherOutcome,
    refused: dict[str, str],
) -> Iterator[Variant]:
    """Another outcome, and the subgroups that name it."""
    analyses = with_hosts(outcome.analyses) or repeatable(study.analyses)
    again = study.model_copy(update={"outcome": outcome})
    groups = tuple(group for group in study.subgroups if outcome.name in group.outcomes)
    needs = (CAUSE, *outcome.needs) if outcome.kind == "disease_specific" else outcome.needs
    error = refusal(sub, needs, cohort, asked_by=f"Outcome '{outcome.name}'")
    try:
        if error:
            raise error
        read = settle(members, again, cohort, sub.id)
    except (InputError, RefusedError) as reason:
        labels = [outcome.name, *(f"{outcome.name}, {one.label(at)}" for one in groups for at in one.levels)]
        for label in labels:
            yield absent(study, label, analyses, "outcome_not_recorded", reason.what)
        return
    people = replace(read, subgroup=outcome.name)
    yield Variant(people, analyses, labelled(people), tested(groups, refused))
    for group in groups:
        yield from subgroup_variants(people, group, refused)


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
        return absent(study, other.name, analyses, "not_done", error.what)
    people = replace(read, subgroup=other.name)
    return Variant(people, analyses, labelled(people))


def labelled(people: AnalysisSet) -> tuple[Finding, ...]:
    """What was left out of these people, under their label."""
    return tuple(replace(one, subgroup=people.subgroup) for one in people.findings)


def fresh_cohort(sub: Submission, cohort: CohortDefinition) -> None:
    """Materialise the cohort unless it is there from the same definition and the same query."""
    folder = sub.root / "cohorts" / cohort.name
    said = {"definition.yaml": dump_yaml(cohort), "query.sql": compile_query(cohort)}
    same = (
        (folder / name).is_file() and (folder / name).read_text(encoding="utf-8") == text
        for name, text in said.items()
    )
    if not all(same):
        write_cohort(sub, cohort)


def other_cohort(cohort: CohortDefinition, other: OtherRule) -> CohortDefinition:
    """The cohort with one of its rules replaced, under a name of its own."""
    said = Rule(id=other.rule, words=other.words, reference=other.reference, kind="include", when=other.when)

    def otherwise(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(said if rule.id == other.rule else rule for rule in rules)

    return cohort.model_copy(
        update={
            "name": f"{cohort.name}_{other.name}",
            "title": f"{cohort.title}; {other.words}",
            "needs": (*cohort.needs, *other.needs),
            "rules": otherwise(cohort.rules),
            "rules_after_index": otherwise(cohort.rules_after_index),
        }
    )
