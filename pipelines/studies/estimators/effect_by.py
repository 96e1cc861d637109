"""The exposure's hazard ratio in each level of a covariate, and its trend over levels that are numbers."""

import numpy as np
import polars as pl

from pipelines.stats.cox import fit_cox
from pipelines.stats.errors import StatsError
from pipelines.stats.sensitivity import subgroup_effects
from pipelines.studies.analysis_set import MISSING_LEVEL, AnalysisSet
from pipelines.studies.design import Column, Design, build_design
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.estimators.models import few_events, hazard_ratios, post_baseline
from pipelines.studies.estimators.rows import estimate_of
from pipelines.studies.language import Covariate
from pipelines.studies.results import Estimate, Finding, Outcomes

ANALYSIS = "cox_effect_by"


def cox_effect_by(people: AnalysisSet) -> Outcomes:
    """For each covariate of ``effect_by`` a model with its interaction, adjusted for the Cox model's covariates."""
    found = Outcomes(findings=post_baseline(ANALYSIS, people.subgroup, people.terms("cox")))
    for by in people.covariates(people.study.effect_by):
        found += one_covariate(people, by)
    return found


def one_covariate(people: AnalysisSet, by: Covariate) -> Outcomes:
    """Hazard ratios in the levels, where there are levels, and the trend, where they are numbers."""
    others = [one for one in people.terms("cox") if one.name != by.name]
    if by.kind == "continuous":
        return trend(people, by, others)
    inside, findings = with_events_in_both_arms(people, by)
    design = build_design(inside, [by, *others], analysis=ANALYSIS, with_exposure=False)
    found = Outcomes(findings=(*findings, *design.findings)) + in_levels(design, by)
    known = inside.where((inside.frame[f"cov_{by.name}"] != MISSING_LEVEL).to_numpy())
    return found + trend(known, by, others) if are_numbers(known, by) else found


def with_events_in_both_arms(people: AnalysisSet, by: Covariate) -> tuple[AnalysisSet, tuple[Finding, ...]]:
    """Leave levels out in which an arm has nobody with the event: they have no hazard ratio of their own."""
    level = people.frame[f"cov_{by.name}"]
    died = people.frame["event"]
    with_events = [set(level.filter(died & (people.frame["exposed"] == arm))) for arm in (True, False)]
    both = {one for one in with_events[0] & with_events[1] if one is not None}
    gone = sorted(set(level.drop_nulls()) - both)
    findings = tuple(
        Finding(
            ANALYSIS,
            label_of(people, f"{by.name}={one}"),
            "level_without_events",
            "absent",
            "an arm has nobody with the event in this level, so that it has no hazard ratio",
        )
        for one in gone
    )
    return people.where(level.is_in(sorted(both)).fill_null(False).to_numpy()), findings


def in_levels(design: Design, by: Covariate) -> Outcomes:
    """Hazard ratio in each level from one model, and the test that all are the same."""
    people, study = design.people, design.people.study
    rest = [place for place, column in enumerate(design.columns) if column.term != by.name]
    level = people.frame[f"cov_{by.name}"]
    try:
        effects = subgroup_effects(
            people.time,
            people.event,
            people.exposed,
            {by.name: level.to_numpy()},
            covariates=design.matrix[:, rest] if rest else None,
            names=[design.names[place] for place in rest] or None,
            entry=people.entry,
            ties=study.models.ties,
            level=study.confidence_level,
            analysis=ANALYSIS,
            estimand="conditional",
            effect_type="conditional",
        )
    except StatsError as error:
        label = label_of(people, by.name)
        reason = Finding(ANALYSIS, label, "not_fitted", "absent", error.without_count)
        return Outcomes(findings=(reason,))
    order = {name: place for place, name in enumerate((*by.known_levels, *sorted(set(level))))}
    found = sorted(effects.subgroups, key=lambda one: order[one.level])
    method = f"Cox with the exposure by {by.name}, adjusted, {study.models.ties} ties"
    rows = tuple(
        estimate_of(
            one.effect,
            ANALYSIS,
            label_of(people, f"{by.name}={one.level}"),
            study.exposure,
            people.contrast,
            estimand="association",
            method=method,
        )
        for one in found
    )
    few = [
        Finding(
            ANALYSIS,
            label_of(people, f"{by.name}={one.level}"),
            "few_events",
            "warning",
            "fewer than ten events in an arm of this level",
        )
        for one in found
        if one.effect.notes
    ]
    (test,) = effects.tests
    words = f"Wald test that the hazard ratio is the same in every level of {by.name}, {test.df} df; the value is its p"
    same = Finding(ANALYSIS, label_of(people, by.name), "interaction_p", "info", words, value=test.p_value)
    return Outcomes(rows, (same, *few))


def are_numbers(people: AnalysisSet, by: Covariate) -> bool:
    """Whether every level is a number, such as a year, and there is more than one."""
    levels = people.frame[f"cov_{by.name}"].unique()
    return len(levels) > 1 and levels.cast(pl.Float64, strict=False).null_count() == 0


def trend(people: AnalysisSet, by: Covariate, others: list[Covariate]) -> Outcomes:
    """How the hazard ratio changes with each step of the covariate, the levels' own hazards left free."""
    study = people.study
    design = build_design(people, [by, *others], analysis=ANALYSIS, with_exposure=True)
    inside = design.people
    value = inside.frame[f"cov_{by.name}"].cast(pl.Float64).to_numpy()
    product = inside.exposed * (value - np.sort(value).mean())
    term = f"{study.exposure}_by_{by.name}"
    fit = fit_cox(
        inside.time,
        inside.event,
        np.column_stack([design.matrix, product]),
        names=[*design.names, term],
        entry=inside.entry,
        ties=study.models.ties,
    )
    same = Estimate(
        ANALYSIS,
        people.subgroup,
        "",
        "",
        "hr",
        None,
        estimand="association",
        effect_type="conditional",
        method=f"Cox, ratio of the exposure's hazard ratio per step of {by.name}, {study.models.ties} ties",
        counts=inside.counts(),
    )
    column = Column(term, term, f"per {by.per:g}" if by.kind == "continuous" else "per 1")
    rows = hazard_ratios(fit, (column,), study.confidence_level, same)
    few = few_events(ANALYSIS, people.subgroup, fit.events_per_covariate, fit.warnings)
    told = design.findings if by.kind == "continuous" else ()  # else they stand with the levels
    return Outcomes(tuple(rows), (*told, *few))
