"""Deaths of the disease where other deaths compete: cumulative incidence by arm, Fine and Gray's model."""

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats.competing_risks import aalen_johansen, fit_fine_gray, gray_test
from pipelines.stats.errors import StatsError
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design
from pipelines.studies.estimators.describe import arms_of, label_of
from pipelines.studies.estimators.horizons import HORIZON
from pipelines.studies.estimators.models import few_events, post_baseline
from pipelines.studies.estimators.rows import is_truncated, known_cause
from pipelines.studies.results import Estimate, Finding, Outcomes

DISEASE, OTHER = 1, 2
CAUSES = {DISEASE: "", OTHER: "other causes, "}
"""What stands before the horizon in the contrast; deaths of the disease are what the analysis is about."""


def causes_of(people: AnalysisSet) -> NDArray[np.int64]:
    """0 for the living, 1 for deaths of the disease, 2 for other deaths."""
    other = people.frame["other_cause"].fill_null(False).to_numpy()
    return np.where(people.event, DISEASE, np.where(other, OTHER, 0))


def cumulative_incidence(people: AnalysisSet) -> Outcomes:
    """Cumulative incidence of deaths of the disease and of other deaths in each arm at the horizons.

    One less the Kaplan-Meier estimate of the disease would count the others as if they could still die of it.
    """
    analysis, study = "cumulative_incidence", people.study
    inside, findings = known_cause(people, analysis)
    rows: list[Estimate] = []
    for label, group in arms_of(inside):
        (curve,) = aalen_johansen(
            group.time, causes_of(group), entry=group.entry, level=study.confidence_level
        ).curves
        for row in curve.at(study.horizons.survival_months).iter_rows(named=True):
            if row["incidence"] is None:
                continue
            rows.append(
                Estimate(
                    analysis,
                    label_of(people, label),
                    study.exposure,
                    CAUSES[row["cause"]] + HORIZON.format(row["time"]),
                    "cumulative_incidence",
                    row["incidence"],
                    row["lower"],
                    row["upper"],
                    counts=replace(group.counts(), events=int((causes_of(group) == row["cause"]).sum())),
                    estimand="full_set",
                    effect_type="marginal",
                    method="Aalen-Johansen, log interval, jackknife variance",
                )
            )
    return Outcomes(tuple(rows), findings) + tests_between_arms(inside)


def tests_between_arms(people: AnalysisSet) -> Outcomes:
    """Gray's test of the arms, for each cause; it does not know of delayed entry."""
    analysis = "cumulative_incidence"
    if is_truncated(people):
        words = "Gray's test takes no delayed entry, and people of this study come under observation later"
        return Outcomes(findings=(Finding(analysis, people.subgroup, "gray_p", "absent", words),))
    try:
        test = gray_test(people.time, causes_of(people), people.frame["arm"].to_numpy())
    except StatsError as error:
        reason = error.without_count
        return Outcomes(findings=(Finding(analysis, people.subgroup, "gray_p", "absent", reason),))
    return Outcomes(
        findings=tuple(
            Finding(
                analysis,
                people.subgroup,
                "gray_p" if row["cause"] == DISEASE else "gray_other_causes_p",
                "info",
                f"Gray's test that the arms have the same cumulative incidence of "
                f"{'the disease' if row['cause'] == DISEASE else 'other causes'}, "
                f"{row['df']} degrees of freedom; the value is its p",
                value=row["p_value"],
            )
            for row in test.to_frame().iter_rows(named=True)
        )
    )


def fine_gray(people: AnalysisSet) -> Outcomes:
    """Subdistribution hazard ratios of deaths of the disease: arms and covariates.

    They say how each moves the probability of such a death while other deaths go on, which is not a rate among
    those at risk: read ``cox_adjusted`` beside it.
    """
    analysis, study = "fine_gray", people.study
    terms = people.terms("cox")
    inside, unknown = known_cause(people, analysis)
    design = build_design(inside, terms, analysis=analysis, with_exposure=True)
    fit = fit_fine_gray(
        design.people.time,
        causes_of(design.people),
        design.matrix,
        of=DISEASE,
        names=design.names,
        entry=design.people.entry if is_truncated(design.people) else None,
        ties=study.models.ties,
    )
    table = fit.to_frame(study.confidence_level)
    counts = design.people.counts()
    rows = [
        Estimate(
            analysis,
            people.subgroup,
            column.term,
            column.contrast,
            "shr",
            row["subdistribution_hazard_ratio"],
            row["ci_low"],
            row["ci_high"],
            row["p_value"],
            counts=counts,
            estimand="association",
            effect_type="conditional",
            method=f"Fine-Gray, {study.models.ties} ties, sandwich variance",
        )
        for column in design.columns
        for row in table.filter(pl.col("term") == column.name).iter_rows(named=True)
    ]
    findings = (
        *unknown,
        *design.findings,
        *few_events(analysis, people.subgroup, fit.events_per_covariate, fit.warnings),
        *post_baseline(analysis, people.subgroup, terms),
    )
    return Outcomes(tuple(rows), findings)
