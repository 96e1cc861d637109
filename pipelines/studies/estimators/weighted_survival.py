"""Survival of both arms under weights from the propensity score, at the horizons of the study."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.stats.adjusted import AdjustedCurves, survival_contrast, weighted_curves
from pipelines.stats.effect import Effect
from pipelines.stats.propensity import fit_propensity
from pipelines.stats.weighting import propensity_weights
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Design, build_design
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.estimators.matched import balance_of
from pipelines.studies.estimators.rows import estimate_of
from pipelines.studies.estimators.weighted import BOUNDED, details, truncation
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes


def weighted_survival(people: AnalysisSet) -> Outcomes:
    """Survival of both arms at the horizons under the weights of the first estimand, and the difference.

    With ``design.weight.bootstrap`` the whole design is repeated in resamples of people; without it the
    intervals take the weights as known, which under ATE is mostly too wide.
    """
    analysis, study, rule = "weighted_survival", people.study, people.study.design.weight
    estimand = rule.estimands[0]
    terms = people.terms("propensity")
    design = build_design(people, terms, analysis=analysis, with_exposure=False, of_exposure=True)
    inside = design.people
    scores = fit_propensity(design.matrix, inside.exposed, names=design.names)
    weights = propensity_weights(
        scores.score,
        inside.exposed,
        estimand=estimand,
        stabilised=rule.stabilised and estimand not in BOUNDED,
        truncate=truncation(people, estimand),
    )
    curves = weighted_curves(
        inside.time,
        inside.event,
        inside.exposed,
        weights.weights,
        entry=inside.entry,
        estimand=estimand,
        level=study.confidence_level,
    )
    reached = [month for month in study.horizons.survival_months if month <= curves.time[-1]]
    found = Outcomes(
        findings=(*design.findings, *not_reached(people, analysis, study.horizons.survival_months, reached))
    )
    if "weighted_cox" not in study.analyses:  # else the same balance stands there already
        found += balance_of(inside, terms, weights.weights, people.subgroup, analysis="weighted_cox")
    if rule.bootstrap and reached:
        return found + bootstrapped(design, estimand, reached)
    return found + Outcomes(
        tuple(row for month in reached for row in survival_rows(inside, curves, month, estimand))
    )


def not_reached(
    people: AnalysisSet, analysis: str, asked: Sequence[float], reached: Sequence[float]
) -> tuple[Finding, ...]:
    """Horizons to which an arm was not followed."""
    return tuple(
        Finding(
            analysis,
            people.subgroup,
            "horizon_not_reached",
            "warning",
            f"nothing is said at {month:g} months: nobody of an arm was followed to there",
        )
        for month in asked
        if month not in reached
    )


def survival_rows(inside: AnalysisSet, curves: AdjustedCurves, month: float, estimand: str) -> list[Estimate]:
    """Survival of the exposed and of the reference arm at one horizon, and the difference."""
    place = int(np.searchsorted(curves.time, month, side="right")) - 1
    method = f"Kaplan-Meier weighted by logistic {estimand} weights{details(inside, estimand)}"
    rows = [
        Estimate(
            "weighted_survival",
            label_of(inside, label),
            inside.study.exposure,
            f"at {month:g} months",
            "survival_probability",
            float(curves.survival[arm, place]),
            float(curves.lower[arm, place]),
            float(curves.upper[arm, place]),
            counts=arm_counts(inside, label),
            estimand=estimand.lower(),
            effect_type="marginal",
            method=f"{method}, log-log interval with the weights taken as known",
        )
        for arm, label in ((1, inside.exposed_label), (0, inside.reference_label))
    ]
    return [*rows, difference_row(inside, curves.survival_difference(month), month)]


def difference_row(inside: AnalysisSet, effect: Effect, month: float) -> Estimate:
    """Difference of the arms' survival at one horizon."""
    contrast = f"{inside.contrast}, at {month:g} months"
    return estimate_of(effect, "weighted_survival", inside.subgroup, inside.study.exposure, contrast)


def arm_counts(people: AnalysisSet, label: str) -> Counts:
    """People and events of one arm."""
    return people.where((people.frame["arm"] == label).to_numpy()).counts()


def bootstrapped(design: Design, estimand: str, months: Sequence[float]) -> Outcomes:
    """The same with the scores fitted again in resamples of people."""
    inside, rule = design.people, design.people.study.design.weight
    found = survival_contrast(
        inside.time,
        inside.event,
        inside.exposed,
        design.matrix,
        times=months,
        estimand=estimand,
        truncate=truncation(inside, estimand),
        names=design.names,
        entry=inside.entry,
        replicates=rule.bootstrap,
        seed=rule.seed,
        level=inside.study.confidence_level,
    )
    method = f"Kaplan-Meier weighted by logistic {estimand} weights, {rule.bootstrap} resamples of people"
    rows = []
    for place, month in enumerate(months):
        for arm, label in ((1, inside.exposed_label), (0, inside.reference_label)):
            rows.append(
                Estimate(
                    "weighted_survival",
                    label_of(inside, label),
                    inside.study.exposure,
                    f"at {month:g} months",
                    "survival_probability",
                    float(found.survival[arm, place]),
                    float(found.survival_lower[arm, place]),
                    float(found.survival_upper[arm, place]),
                    counts=arm_counts(inside, label),
                    estimand=estimand.lower(),
                    effect_type="marginal",
                    method=method,
                )
            )
        row = difference_row(inside, found.survival_difference[place], month)
        rows.append(replace(row, method=f"{method}, at {month:g}"))
    return Outcomes(tuple(rows))
