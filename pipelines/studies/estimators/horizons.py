"""Arms compared at given months: survival, restricted means, length of follow-up, hazard ratios by time."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pipelines.stats.adjusted import weighted_curves
from pipelines.stats.cox.time_split import TimeSplitHazardRatios, time_split_hazard_ratios
from pipelines.stats.errors import CodingError
from pipelines.stats.kaplan_meier import kaplan_meier, restricted_mean_survival, reverse_kaplan_meier
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Design, build_design
from pipelines.studies.estimators.describe import arms_of, label_of
from pipelines.studies.estimators.models import few_events, post_baseline
from pipelines.studies.estimators.rows import estimate_of, pairs_of_arms, require_no_entry
from pipelines.studies.language import ALL
from pipelines.studies.results import Estimate, Finding, Outcomes

HORIZON = "at {:g} months"


def survival_at(people: AnalysisSet) -> Outcomes:
    """Kaplan-Meier survival of each arm at the horizons, and the difference between every two arms.

    Nothing is adjusted: the difference is that between the arms as they are.
    """
    study, analysis = people.study, "survival_at"
    found = Outcomes()
    for month in study.horizons.survival_months:
        rows = [at_horizon(people, label, group, month) for label, group in [*arms_of(people), (ALL, people)]]
        found += Outcomes(tuple(row for row in rows if row.estimate is not None))
        found += Outcomes(findings=not_reached(people, analysis, month, [row.estimate for row in rows]))
    return found + survival_differences(people)


def at_horizon(people: AnalysisSet, label: str, group: AnalysisSet, month: float) -> Estimate:
    """Survival of one arm; without a value where nobody of it was followed so far."""
    level = people.study.confidence_level
    curve = kaplan_meier(group.time, group.event, entry=group.entry, ci="log-log", level=level).curves[0]
    (row,) = curve.at([month]).iter_rows(named=True)
    return Estimate(
        "survival_at",
        label_of(people, label),
        people.study.exposure,
        HORIZON.format(month),
        "survival_probability",
        row["survival"],
        row["lower"],
        row["upper"],
        counts=group.counts(),
        estimand="full_set",
        effect_type="marginal",
        method="Kaplan-Meier, log-log interval",
    )


def not_reached(
    people: AnalysisSet, analysis: str, month: float, values: Sequence[float | None]
) -> tuple[Finding, ...]:
    """A warning where somebody's survival at a horizon is not known."""
    if all(value is not None for value in values):
        return ()
    message = f"nobody of an arm was followed to {month:g} months: no survival of that arm and no difference"
    return (Finding(analysis, people.subgroup, "horizon_not_reached", "warning", message),)


def survival_differences(people: AnalysisSet) -> Outcomes:
    """Difference of survival of every two arms at each horizon that both reach."""
    study = people.study
    rows = []
    for pair in pairs_of_arms(people):
        curves = weighted_curves(
            pair.time,
            pair.event,
            pair.exposed,
            np.ones(pair.frame.height),
            entry=pair.entry,
            level=study.confidence_level,
        )
        for month in study.horizons.survival_months:
            try:
                effect = curves.survival_difference(month)
            except CodingError:  # beyond the curves, which `not_reached` says, or before any death
                continue
            contrast = f"{pair.contrast}, {HORIZON.format(month)}"
            method = "difference of Kaplan-Meier survival, robust variance, not adjusted"
            rows.append(
                estimate_of(
                    effect,
                    "survival_at",
                    people.subgroup,
                    study.exposure,
                    contrast,
                    estimand="association",
                    method=method,
                )
            )
    return Outcomes(tuple(rows))


def rmst(people: AnalysisSet) -> Outcomes:
    """Restricted mean survival time of each arm and the difference between every two, not adjusted."""
    study, tau = people.study, people.study.horizons.rmst_months
    contrast = f"to {tau:g} months"
    rows = []
    for label, group in arms_of(people):
        (mean,) = restricted_mean_survival(
            group.time, group.event, tau, entry=group.entry, level=study.confidence_level
        ).means
        rows.append(
            Estimate(
                "rmst",
                label_of(people, label),
                study.exposure,
                contrast,
                "rmst_months",
                mean.mean,
                mean.lower,
                mean.upper,
                counts=group.counts(),
                estimand="full_set",
                effect_type="marginal",
                method=f"area under the Kaplan-Meier curve to {tau:g} months",
            )
        )
    for pair in pairs_of_arms(people):
        means = restricted_mean_survival(
            pair.time, pair.event, tau, group=pair.exposed, entry=pair.entry, level=study.confidence_level
        )
        if means.difference is not None:
            rows.append(
                estimate_of(
                    means.difference,
                    "rmst",
                    people.subgroup,
                    study.exposure,
                    pair.contrast,
                    estimand="association",
                    method=f"difference of restricted means to {tau:g} months, Greenwood, not adjusted",
                )
            )
    return Outcomes(tuple(rows))


def follow_up(people: AnalysisSet) -> Outcomes:
    """Median follow-up by reverse Kaplan-Meier, of each arm and of everybody.

    Raises
    ------
    CodingError
        The outcome has delayed entry.
    """
    require_no_entry(people, "The reverse Kaplan-Meier estimate of follow-up")
    rows = []
    for label, group in [*arms_of(people), (ALL, people)]:
        median = reverse_kaplan_meier(group.time, group.event, level=people.study.confidence_level).median()
        rows.append(
            Estimate(
                "follow_up",
                label_of(people, label),
                people.study.exposure,
                "",
                "median_months",
                median.estimate,
                median.lower,
                median.upper,
                counts=group.counts(),
                estimand="full_set",
                effect_type="marginal",
                method="reverse Kaplan-Meier: potential follow-up, deaths end the watch for it",
            )
        )
    return Outcomes(tuple(rows))


def time_split_cox(people: AnalysisSet) -> Outcomes:
    """Adjusted hazard ratios of the arms in each period since time zero, the covariates' the same throughout."""
    analysis = "time_split_cox"
    terms = people.terms("cox")
    design = build_design(people, terms, analysis=analysis, with_exposure=True)
    arms = [column for column in design.columns if column.term == people.study.exposure]
    last_event = float(design.people.time[design.people.event].max(initial=0.0))
    cuts = [month for month in people.study.horizons.split_months if month < last_event]
    found = Outcomes(findings=(*design.findings, *post_baseline(analysis, people.subgroup, terms)))
    if not cuts:
        raise CodingError(
            "No death after the first of the months at which the hazard ratio may change",
            field="horizons.split_months",
            remedy="Name earlier months.",
        )
    for column in arms:
        split = time_split_hazard_ratios(
            design.people.time,
            design.people.event,
            design.matrix,
            cuts,
            term=column.name,
            names=design.names,
            entry=design.people.entry,
            ties=people.study.models.ties,
        )
        prefix = f"{column.contrast}, " if people.other_labels else ""
        found += period_ratios(design, split, cuts, prefix)
    return found


def period_ratios(
    design: Design, split: TimeSplitHazardRatios, cuts: Sequence[float], prefix: str
) -> Outcomes:
    """Hazard ratio of one arm in each period, and the test that they are the same."""
    people, study = design.people, design.people.study
    table = split.to_frame(study.confidence_level)
    rows = tuple(
        Estimate(
            "time_split_cox",
            people.subgroup,
            study.exposure,
            f"{prefix}{words}",
            "hr",
            row["hazard_ratio"],
            row["ci_low"],
            row["ci_high"],
            row["p_value"],
            counts=replace(people.counts(), events=row["events"]),
            estimand="association",
            effect_type="conditional",
            method=f"Cox with a hazard ratio of its own in each period, {study.models.ties} ties",
        )
        for words, row in zip(in_words(cuts), table.iter_rows(named=True), strict=True)
    )
    test = split.wald_equal
    message = (
        f"Wald test that the hazard ratio{' of ' + prefix.rstrip(', ') if prefix else ''} is the same in every "
        f"period, {test.df} degrees of freedom; the value is its p"
    )
    equal = Finding(
        "time_split_cox", people.subgroup, "equal_hazard_ratios_p", "info", message, value=test.p_value
    )
    few = few_events("time_split_cox", people.subgroup, split.fit.events_per_covariate, split.fit.warnings)
    return Outcomes(rows, (equal, *few))


def in_words(cuts: Sequence[float]) -> list[str]:
    """``0 to 6 months``, ``6 to 12 months``, ``after 12 months``."""
    edges = [0.0, *cuts]
    closed = [f"{start:g} to {end:g} months" for start, end in pairwise(edges)]
    return [*closed, f"after {edges[-1]:g} months"]
