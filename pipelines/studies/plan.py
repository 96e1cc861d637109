"""What a source refuses of a study, and what is done instead: settled before anything runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from pipelines.cohorts.catalog import study_in_use
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.needs import check_needs, check_years, years_without_records
from pipelines.errors import InputError, RefusedError
from pipelines.store import Submission
from pipelines.studies.language import ALL, ANALYSES, Fallback, OtherOutcome, StudyDefinition, Subgroup
from pipelines.studies.results import Finding

CAUSE = "cause_of_death_group"
Repeated = TypeVar("Repeated", OtherOutcome, Subgroup)


@dataclass(frozen=True)
class UsedFallback:
    """A fallback of the study that took the place of what the source refused, and the source's reason."""

    fallback: Fallback
    refused: tuple[str, ...]
    use: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Plan:
    """A study as a submission can carry it.

    Attributes
    ----------
    defined : StudyDefinition
        As it is written.
    study : StudyDefinition
        With the analyses, the primary analysis and the binary outcomes that are left; its other settings as written.
    used : tuple of UsedFallback
    findings : tuple of Finding
        What was refused, with the reason; which fallbacks were taken.
    """

    defined: StudyDefinition
    study: StudyDefinition
    used: tuple[UsedFallback, ...] = ()
    findings: tuple[Finding, ...] = ()


def plan_study(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> Plan:
    """Check every need of a study against what its source gives.

    Parameters
    ----------
    sub : Submission
        Built; its ``registry/ascertainment.parquet`` is read.
    study : StudyDefinition
    cohort : CohortDefinition

    Returns
    -------
    Plan
        Without what the source refuses, and with the fallbacks that the study names for it.

    Raises
    ------
    RefusedError
        The source cannot give the years, what the cohort or the study as a whole needs, or what the primary
        analysis needs where no fallback takes its place; or it is none that the study is defined for.
    InputError
        A sensitivity analysis names a rule that the cohort does not have.
    """
    require_source(sub, study, cohort)
    require_rules(study, cohort)
    refused = refused_analyses(sub, study, cohort)
    used = used_fallbacks(study, refused)
    outcomes = refused_outcomes(sub, study, cohort)
    reasons = {name: error for word, error in refused.items() for name in study.names_of([word])}
    reasons |= {name: error for outcome, error in outcomes.items() for name in study.names_of_binary(outcome)}
    primary = study.primary
    if primary in reasons:
        others = (one.fallback.primary for one in used)
        primary = next((name for name in others if name is not None and name not in reasons), primary)
    if primary in reasons:
        raise refused_primary(study, reasons[primary])
    binary = tuple(one for one in study.binary_outcomes if one.name not in outcomes)
    instead = in_their_place(refused, used) | ({} if binary else {"logistic_outcome": ()})
    analyses = done(study.analyses, instead)
    of_primary = tuple(word for word in analyses if primary in study.names_of([word]))

    def again(one: Repeated) -> Repeated:
        words = done(one.analyses, instead)
        return one.model_copy(update={"analyses": words or (of_primary if one.analyses else ())})

    planned = study.model_copy(
        update={
            "primary": primary,
            "analyses": analyses,
            "binary_outcomes": binary,
            "subgroups": tuple(again(one) for one in study.subgroups),
            "other_outcomes": tuple(again(one) for one in study.other_outcomes),
        }
    )
    said = (*absent(reasons), *taken(used), *never_recorded(study), *without_records(sub, cohort))
    return Plan(study, planned, used, said)


def require_source(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> None:
    """Refuse what holds for the whole study: years, variables, then the kind of source.

    Raises
    ------
    RefusedError
        With the first reason that holds.
    """
    asked_by = f"Study '{study.id}'"
    check_years(sub, cohort.years, asked_by=asked_by)
    needs = (*study.needs, *cohort.all_needs)
    if study.outcome is not None and study.outcome.kind == "disease_specific":
        needs = (CAUSE, *needs)
    check_needs(sub, needs, cohort.years, asked_by=asked_by)
    if sub.manifest.source not in study.sources:
        raise RefusedError(
            f"{asked_by} is defined for {', '.join(study.sources)}, and submission '{sub.id}' is "
            f"{sub.manifest.source}",
            reason_code="source_not_suited",
            about=sub.manifest.source,
            where=f"{study_in_use(study.id)}, sources",
            remedy="Run it on a submission of a source that it names, or define a study for this one.",
        )


def require_rules(study: StudyDefinition, cohort: CohortDefinition) -> None:
    """Tell every sensitivity analysis that says another rule than the cohort has.

    Raises
    ------
    InputError
        With all of them.
    """
    rules = [rule.id for rule in (*cohort.rules, *cohort.rules_after_index)]
    lost = [f"{one.name} (rule {one.rule})" for one in study.sensitivity if one.rule not in rules]
    if lost:
        raise InputError(
            f"Cohort '{cohort.name}' does not have the rules of {', '.join(lost)}",
            where=f"{study_in_use(study.id)}, sensitivity",
            remedy=f"Its rules are {', '.join(rules)}.",
        )


def refusal(
    sub: Submission, needs: Iterable[str], cohort: CohortDefinition, *, asked_by: str
) -> RefusedError | None:
    """Why the source cannot give some variables, None where it can."""
    try:
        check_needs(sub, needs, cohort.years, asked_by=asked_by)
    except RefusedError as error:
        return error
    return None


def refused_analyses(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition
) -> dict[str, RefusedError]:
    """Analyses of the study and of its fallbacks that the source refuses, each with the reason."""
    parts: tuple[OtherOutcome | Subgroup, ...] = (*study.subgroups, *study.other_outcomes)
    asked = dict.fromkeys(
        (
            *study.analyses,
            *(word for one in parts for word in one.analyses),
            *(word for one in study.fallbacks for word in one.use),
        )
    )
    dated = [word for word in asked if ANALYSES[word].dated]
    causes = [word for word in asked if ANALYSES[word].causes]
    found: dict[str, RefusedError] = {}
    if dated and study.timing is not None:
        words = f"What needs the date of {study.exposure.replace('_', ' ')}"
        error = refusal(sub, study.timing.needs, cohort, asked_by=words)
        found |= {word: error for word in dated if error}
    if causes:
        error = refusal(sub, (CAUSE,), cohort, asked_by="What sets causes of death against each other")
        found |= {word: error for word in causes if error}
    return found


def refused_outcomes(
    sub: Submission, study: StudyDefinition, cohort: CohortDefinition
) -> dict[str, RefusedError]:
    """Binary outcomes that the source refuses, each with the reason."""
    asked = {
        one.name: refusal(sub, one.needs, cohort, asked_by=f"Outcome '{one.name}'")
        for one in study.binary_outcomes
    }
    return {name: error for name, error in asked.items() if error}


def used_fallbacks(study: StudyDefinition, refused: dict[str, RefusedError]) -> tuple[UsedFallback, ...]:
    """The fallbacks that stand in for something refused, without what is refused itself."""
    found = []
    for one in study.fallbacks:
        gone = tuple(word for word in one.instead_of if word in refused)
        use = tuple(word for word in one.use if word not in refused)
        if gone and use:
            found.append(UsedFallback(one, gone, use, refused[gone[0]].what))
    return tuple(found)


def in_their_place(
    refused: dict[str, RefusedError], used: tuple[UsedFallback, ...]
) -> dict[str, tuple[str, ...]]:
    """Refused analyses and what is done in place of each; nothing where no fallback names it."""
    return {word: tuple(new for one in used if word in one.refused for new in one.use) for word in refused}


def done(words: Iterable[str], instead: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Analyses that are left of some, with what is done in place of the others."""
    return tuple(dict.fromkeys(new for word in words for new in instead.get(word, (word,))))


def refused_primary(study: StudyDefinition, error: RefusedError) -> RefusedError:
    """The refusal of a study whose primary analysis the source cannot carry."""
    reason = error.what.removesuffix(f" ({error.reason_code})")
    return RefusedError(
        f"Study '{study.id}' stands on its primary analysis {study.primary}, which the source refuses. {reason}",
        reason_code=error.reason_code,
        about=error.about,
        where=error.where,
        remedy=error.remedy,
    )


def absent(reasons: dict[str, RefusedError]) -> list[Finding]:
    """A finding for each refused analysis."""
    return [Finding(name, ALL, "refused", "absent", error.what) for name, error in reasons.items()]


def without_records(sub: Submission, cohort: CohortDefinition) -> list[Finding]:
    """A warning where a source that states no years has no record of some that are asked for."""
    years = years_without_records(sub, cohort.years)
    words = f"asked for, and no record is of: {', '.join(map(str, years))}"
    return [Finding("analysis_set", ALL, "years_without_records", "warning", words)] if years else []


def taken(used: tuple[UsedFallback, ...]) -> list[Finding]:
    """A finding for each fallback that was used."""
    return [
        Finding(
            one.fallback.primary or one.use[0],
            ALL,
            "fallback",
            "warning",
            f"{', '.join(one.use)} in place of {', '.join(one.refused)}, which this source refuses: "
            f"{one.fallback.words}",
        )
        for one in used
    ]


def never_recorded(study: StudyDefinition) -> list[Finding]:
    """A finding for each outcome of an emulated trial that no registry records."""
    refused = study.emulation.refused_outcomes if study.emulation else {}
    return [Finding(name, ALL, "refused", "absent", reason) for name, reason in refused.items()]
