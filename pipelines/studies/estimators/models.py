"""Logistic and Cox models of a study, as estimates and findings."""

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats.cox import CoxFit, fit_cox
from pipelines.stats.cox.diagnostics import proportional_hazards_test
from pipelines.stats.errors import StatsError
from pipelines.stats.propensity import fit_propensity
from pipelines.stats.propensity.logistic import fit_logistic
from pipelines.stats.sensitivity import detectable_ratio
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Column, Design, build_design
from pipelines.studies.estimators.rows import known_cause
from pipelines.studies.language import Covariate
from pipelines.studies.results import Estimate, Finding, Outcomes

EVENTS_PER_COVARIATE = 10.0
PROPORTIONAL_HAZARDS_P = 0.05


def logistic_exposure(people: AnalysisSet) -> Outcomes:
    """Odds ratios of being exposed."""
    study, subgroup = people.study, people.subgroup
    covariates = people.terms("logistic")
    design = build_design(
        people, covariates, analysis="logistic_exposure", with_exposure=False, of_exposure=True
    )
    fit = fit_logistic(design.matrix, design.people.exposed, names=design.names)
    table = fit.to_frame(study.confidence_level)
    counts = design.people.counts()
    rows = [
        Estimate(
            "logistic_exposure",
            subgroup,
            column.term,
            column.contrast,
            "or",
            row["odds_ratio"],
            row["ci_low"],
            row["ci_high"],
            row["p_value"],
            estimand="association",
            effect_type="conditional",
            method="logistic regression of the exposure",
            counts=counts,
        )
        for column in design.columns
        for row in table.filter(pl.col("term") == column.name).iter_rows(named=True)
    ]
    findings = (
        *design.findings,
        *few_events("logistic_exposure", subgroup, fit.events_per_covariate, fit.warnings),
    )
    return Outcomes(tuple(rows), (*findings, *post_baseline("logistic_exposure", subgroup, covariates)))


def cox_model(
    people: AnalysisSet, covariates: list[Covariate], *, analysis: str, with_exposure: bool = True
) -> Outcomes:
    """Cox model with the exposure (first) and covariates; conditional where there are covariates."""
    design = build_design(people, covariates, analysis=analysis, with_exposure=with_exposure)
    return fitted_cox(design, analysis, adjusted=bool(covariates)) + Outcomes(
        findings=post_baseline(analysis, people.subgroup, covariates)
    )


def cox_unadjusted(people: AnalysisSet) -> Outcomes:
    """The Cox model of the arms alone."""
    return cox_model(people, [], analysis="cox_unadjusted")


def cox_adjusted(people: AnalysisSet) -> Outcomes:
    """The adjusted Cox model."""
    return cox_model(people, people.terms("cox"), analysis="cox_adjusted")


def extra_models(people: AnalysisSet) -> Outcomes:
    """The Cox models under names of the study's own."""
    found = Outcomes()
    for extra in people.study.models.extra:
        terms = people.covariates(extra.covariates)
        try:
            found += cox_model(people, terms, analysis=extra.name, with_exposure=extra.with_exposure)
        except StatsError as error:
            reason = error.without_count
            absent = Finding(extra.name, people.subgroup, "not_fitted", "absent", reason)
            found += Outcomes(findings=(absent,))
    return found


def fitted_cox(design: Design, analysis: str, *, adjusted: bool, estimand: str = "association") -> Outcomes:
    """Fit the design's Cox model on everybody in it."""
    people = design.people
    study, subgroup = people.study, people.subgroup
    fit = fit_cox(
        people.time,
        people.event,
        design.matrix,
        names=design.names,
        entry=people.entry,
        ties=study.models.ties,
    )
    rows = hazard_ratios(
        fit,
        design.columns,
        study.confidence_level,
        Estimate(
            analysis,
            subgroup,
            "",
            "",
            "hr",
            None,
            estimand=estimand,
            effect_type="conditional" if adjusted else "marginal",
            method=f"Cox, {study.models.ties} ties"
            + (", left-truncated entry" if people.entry is not None else ""),
            counts=people.counts(),
        ),
    )
    findings = (
        *design.findings,
        *few_events(analysis, subgroup, fit.events_per_covariate, fit.warnings),
        *proportional_hazards(fit, design, analysis),
    )
    return Outcomes(tuple(rows), findings)


def proportional_hazards(fit: CoxFit, design: Design, analysis: str) -> tuple[Finding, ...]:
    """Whether the exposure's hazard ratio changes with time: told, and never a reason to hide an estimate.

    Of several arms all hazard ratios are tested together.
    """
    term, subgroup = design.people.study.exposure, design.people.subgroup
    arms = [column.name for column in design.columns if column.term == term]
    if not arms:
        return ()
    test = proportional_hazards_test(fit, terms={term: arms})
    p_value = float(test.p_value[0])
    return (
        Finding(
            analysis,
            subgroup,
            "proportional_hazards_p",
            "info" if p_value >= PROPORTIONAL_HAZARDS_P else "warning",
            f"score test that the hazard ratio of {term} is the same at all times; the value is its p. "
            "Registry samples are large enough to reject it nearly always: read the curves",
            value=p_value,
            threshold=PROPORTIONAL_HAZARDS_P,
        ),
    )


def hazard_ratios(fit: CoxFit, columns: tuple[Column, ...], level: float, same: Estimate) -> list[Estimate]:
    """Estimates of a Cox fit, one per column, with what they share taken from ``same``."""
    table = {row["term"]: row for row in fit.to_frame(level).iter_rows(named=True)}
    shared = {name: getattr(same, name) for name in ("counts", "estimand", "effect_type", "method")}
    return [
        Estimate(
            same.analysis,
            same.subgroup,
            column.term,
            column.contrast,
            "hr",
            table[column.name]["hazard_ratio"],
            table[column.name]["ci_low"],
            table[column.name]["ci_high"],
            table[column.name]["p_value"],
            **shared,
        )
        for column in columns
    ]


def cox_other_cause(people: AnalysisSet) -> Outcomes:
    """Cause-specific Cox model of the competing death: what a confounder would move too.

    Surgery of the breast should not prevent deaths of the heart: a hazard ratio below one here shows how
    much healthier the exposed were.
    """
    analysis = "cox_other_cause"
    inside, unknown = known_cause(people, analysis)
    frame = inside.frame.with_columns(event=pl.col("other_cause"))
    other = replace(inside, frame=frame)
    found = cox_model(other, people.terms("cox"), analysis=analysis)
    return found + Outcomes(findings=(*unknown, *detectable(other, analysis)))


def detectable(people: AnalysisSet, analysis: str) -> tuple[Finding, ...]:
    """How far from one a hazard ratio of the arms must be for these deaths to show it: silence proves nothing."""
    words = (
        "hazard ratio below one that these deaths would show with a power of 80 percent (above: its inverse)"
    )
    ratio = detectable_ratio(
        int(people.event.sum()), float(people.exposed.mean()), level=people.study.confidence_level
    )
    return (Finding(analysis, people.subgroup, "detectable_ratio", "info", words, ratio),)


def cox_propensity_covariate(people: AnalysisSet) -> Outcomes:
    """Cox model with covariates and the propensity score as one more (not matched, not weighted)."""
    analysis = "cox_propensity_covariate"
    propensity_terms, cox_terms = people.terms("propensity"), people.terms("cox")
    complete = build_design(
        people, [*cox_terms, *propensity_terms], analysis=analysis, with_exposure=True, of_exposure=True
    ).people
    # Whoever leaves with a level that one arm lacks can make another level rare, whose people leave then.
    left = -1
    while left != complete.frame.height:
        left = complete.frame.height
        scores = build_design(
            complete, propensity_terms, analysis=analysis, with_exposure=False, of_exposure=True
        )
        design = build_design(scores.people, cox_terms, analysis=analysis, with_exposure=True)
        complete = design.people
    score = fit_propensity(scores.matrix, complete.exposed, names=scores.names).score
    column = Column("propensity_score", "propensity_score", "per 1")
    with_score = Design(
        complete,
        np.column_stack([design.matrix, score]),
        (*design.columns, column),
        (*design.findings, *scores.findings),
    )
    return fitted_cox(with_score, analysis, adjusted=True) + Outcomes(
        findings=post_baseline(analysis, people.subgroup, [*cox_terms, *propensity_terms])
    )


def few_events(
    analysis: str, subgroup: str, per_covariate: float, warnings: tuple[str, ...]
) -> tuple[Finding, ...]:
    """The fit's own warnings, fewer than ten events per covariate among them, whose figure counts as one of people."""
    few = per_covariate < EVENTS_PER_COVARIATE
    check = "events_per_covariate"
    return tuple(
        Finding(
            analysis,
            subgroup,
            check,
            "warning",
            words.replace(f" ({per_covariate:.1f})", ""),
            per_covariate,
            EVENTS_PER_COVARIATE,
            unit="people",
        )
        if few and number == 0
        else Finding(analysis, subgroup, "model", "warning", words)
        for number, words in enumerate(warnings)
    )


def post_baseline(analysis: str, subgroup: str, covariates: list[Covariate]) -> tuple[Finding, ...]:
    """A warning where a published model adjusts for what was not known at time zero."""
    names = dict.fromkeys(one.name for one in covariates if one.post_baseline)
    if not names:
        return ()
    message = (
        f"as published, the model holds treatments given after diagnosis ({', '.join(names)}): people had to "
        "live to receive them; read the baseline_only re-analysis beside it"
    )
    return (Finding(analysis, subgroup, "post_baseline_covariates", "warning", message),)


def matrix_of_levels(
    people: AnalysisSet, covariates: list[Covariate]
) -> tuple[NDArray[np.float64], list[tuple[str, str]]]:
    """All levels of all covariates as 0/1 columns (the reference too), for balance: matrix and (term, level)."""
    columns, labels = [], []
    for one in covariates:
        values = people.frame[f"cov_{one.name}"]
        if one.kind == "continuous":
            columns.append(values.to_numpy().astype(float))
            labels.append((one.name, ""))
            continue
        for level in sorted(set(values.drop_nulls().to_list())):
            columns.append((values == level).to_numpy().astype(float))
            labels.append((one.name, level))
    return np.column_stack(columns), labels
