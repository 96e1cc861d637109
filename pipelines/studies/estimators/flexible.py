"""Royston and Parmar's flexible parametric model of a study: hazard ratios, and survival at the horizons."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats.parametric import Prediction, RoystonParmarFit, fit_royston_parmar
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Column, Design, build_design
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.estimators.horizons import HORIZON
from pipelines.studies.estimators.models import few_events, post_baseline
from pipelines.studies.results import Estimate, Outcomes

ANALYSIS = "royston_parmar"


def royston_parmar(people: AnalysisSet) -> Outcomes:
    """Hazard ratios of arms and covariates; where the effect may change with time, those at the horizons.

    Survival at the horizons is that predicted for everybody in each arm and averaged.
    """
    study, rule = people.study, people.study.flexible
    terms = people.terms("cox")
    design = build_design(people, terms, analysis=ANALYSIS, with_exposure=True)
    arms = [column for column in design.columns if column.term == study.exposure]
    fit = fit_royston_parmar(
        design.people.time,
        design.people.event,
        design.matrix,
        df=rule.df,
        time_dependent={column.name: rule.effect_df for column in arms} if rule.effect_df else None,
        names=design.names,
        entry=design.people.entry,
    )
    last = float(design.people.time.max())
    months = [month for month in study.horizons.survival_months if month <= last]
    rows = constant_ratios(design, fit, [] if not rule.effect_df else arms)
    if rule.effect_df:
        rows += [row for column in arms for row in ratios_at(design, fit, column, months)]
    rows += standardised_survival(design, fit, months)
    findings = (
        *design.findings,
        *few_events(ANALYSIS, people.subgroup, fit.n_events / len(fit.covariates), fit.warnings),
        *post_baseline(ANALYSIS, people.subgroup, terms),
    )
    return Outcomes(tuple(rows), findings)


def how(design: Design) -> str:
    """The method in words."""
    rule = design.people.study.flexible
    effect = f", effect varying with {rule.effect_df} df" if rule.effect_df else ""
    return f"Royston-Parmar, hazard scale, {rule.df} df{effect}"


def constant_ratios(design: Design, fit: RoystonParmarFit, varying: list[Column]) -> list[Estimate]:
    """Hazard ratios that are the same at all times."""
    people = design.people
    table = fit.to_frame(people.study.confidence_level)
    return [
        Estimate(
            ANALYSIS,
            people.subgroup,
            column.term,
            column.contrast,
            "hr",
            row["ratio"],
            row["ci_low"],
            row["ci_high"],
            row["p_value"],
            counts=people.counts(),
            estimand="association",
            effect_type="conditional",
            method=how(design),
        )
        for column in design.columns
        if column not in varying
        for row in table.filter(pl.col("term") == column.name).iter_rows(named=True)
    ]


def ratios_at(design: Design, fit: RoystonParmarFit, arm: Column, months: list[float]) -> list[Estimate]:
    """Hazard ratio of one arm at each horizon."""
    people = design.people
    if not months:
        return []
    person, reference = np.zeros(len(design.columns)), np.zeros(len(design.columns))
    person[design.columns.index(arm)] = 1.0
    found: Prediction = fit.hazard_ratio(person, reference, months, level=people.study.confidence_level)
    return [
        Estimate(
            ANALYSIS,
            people.subgroup,
            arm.term,
            f"{arm.contrast}, {HORIZON.format(row['time'])}",
            "hr",
            row["estimate"],
            row["lower"],
            row["upper"],
            counts=people.counts(),
            estimand="association",
            effect_type="conditional",
            method=how(design),
        )
        for row in found.to_frame().iter_rows(named=True)
    ]


def standardised_survival(design: Design, fit: RoystonParmarFit, months: list[float]) -> list[Estimate]:
    """Survival of everybody, were all in one arm: predicted for each person and averaged (no interval)."""
    people, study = design.people, design.people.study
    if not months:
        return []
    rows = []
    for label in people.labels:
        averaged: NDArray[np.float64] = fit.survival_matrix(in_arm(design, label), months).mean(axis=0)
        rows += [
            Estimate(
                ANALYSIS,
                label_of(people, label),
                study.exposure,
                HORIZON.format(month),
                "survival_probability",
                float(value),
                counts=people.counts(),
                estimand="ate",
                effect_type="marginal",
                method=f"{how(design)}, predicted for everybody and averaged, no interval",
            )
            for month, value in zip(months, averaged, strict=True)
        ]
    return rows


def in_arm(design: Design, label: str) -> NDArray[np.float64]:
    """The matrix with everybody in one arm."""
    matrix = design.matrix.copy()
    for place, column in enumerate(design.columns):
        if column.term == design.people.study.exposure:
            matrix[:, place] = float(column.contrast.startswith(f"{label} vs "))
    return matrix
