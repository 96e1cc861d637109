"""The main analyses again on the cohort with one rule said otherwise, such as another policy of stage IV."""

from pipelines.cohorts.definition import CohortDefinition, Rule
from pipelines.errors import InputError
from pipelines.studies.definition import OtherRule, StudyDefinition

REPEATED = ("cox_unadjusted", "cox_adjusted", "matched_cox", "stratified_cox")


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


def other_study(study: StudyDefinition, other: OtherRule, cohort: CohortDefinition) -> StudyDefinition:
    """The study on that cohort, with the main analyses alone."""
    analyses = tuple(name for name in study.analyses if name in REPEATED)
    return study.model_copy(update={"cohort": cohort.name, "analyses": analyses})
