"""Outcomes that happened or not: shares by arm, crude and adjusted odds ratios (analysis ``logistic_outcome``)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binomtest

from pipelines.stats.errors import NoEventsError, SeparationError, StatsError
from pipelines.stats.propensity import fit_firth_logistic, fit_logistic
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Design, arm_columns, build_design
from pipelines.studies.estimators.describe import arms_of, label_of
from pipelines.studies.estimators.models import few_events, post_baseline
from pipelines.studies.estimators.rows import absent, left_out
from pipelines.studies.language import ALL, BinaryOutcome
from pipelines.studies.results import Counts, Estimate, Outcomes


@dataclass(frozen=True)
class OddsRatios:
    """Odds ratios of a logistic model by column, and what there is to say of it."""

    table: pl.DataFrame
    method: str
    warnings: tuple[str, ...]
    events_per_covariate: float


def logistic_outcome(people: AnalysisSet) -> Outcomes:
    """Share of each arm with each binary outcome, and the odds ratio of the arms, crude and adjusted.

    A person whose outcome is not known leaves that outcome and is counted.
    """
    found = Outcomes()
    for outcome in people.study.binary_outcomes:
        found += one_outcome(people, outcome)
    return found


def one_outcome(people: AnalysisSet, outcome: BinaryOutcome) -> Outcomes:
    """``share_<name>``, ``crude_<name>``, ``logistic_<name>``."""
    share = f"share_{outcome.name}"
    column = people.frame[f"event_{outcome.name}"]
    known = people.where(column.is_not_null().to_numpy())
    words = f"not known whether {outcome.words[:1].lower()}{outcome.words[1:]}"
    found = Outcomes(findings=left_out(people, share, "outcome_unknown", words, int(column.null_count())))
    if known.frame.is_empty():
        reason = "this outcome is known of nobody"
        names = (share, f"crude_{outcome.name}", f"logistic_{outcome.name}")
        return found + Outcomes(
            findings=tuple(absent(people, name, reason, check="outcome_not_recorded") for name in names)
        )
    found += shares(known, outcome)
    found += attempted(people, f"crude_{outcome.name}", lambda: crude(known, outcome))
    if outcome.covariates:
        found += attempted(people, f"logistic_{outcome.name}", lambda: adjusted(known, outcome))
    return found


def attempted(people: AnalysisSet, analysis: str, estimate: Callable[[], Outcomes]) -> Outcomes:
    """One model of several: where it cannot be fitted the others stand."""
    try:
        return estimate()
    except StatsError as error:
        reason = error.without_count
        if isinstance(error, SeparationError):
            reason += " A penalised model (`firth: true` of the binary outcome) has an answer."
        return Outcomes(findings=(absent(people, analysis, reason),))


def happened(people: AnalysisSet, outcome: BinaryOutcome) -> NDArray[np.bool_]:
    """Whether it happened (n,)."""
    return people.frame[f"event_{outcome.name}"].to_numpy().astype(bool)


def counted(people: AnalysisSet, outcome: BinaryOutcome) -> Counts:
    """People, exposed people and those with the outcome."""
    return replace(people.counts(), events=int(happened(people, outcome).sum()))


def shares(people: AnalysisSet, outcome: BinaryOutcome) -> Outcomes:
    """Percent of each arm and of everybody with the outcome, exact (Clopper-Pearson) interval."""
    rows = []
    for label, group in [*arms_of(people), (ALL, people)]:
        if group.frame.is_empty():
            continue
        number = int(happened(group, outcome).sum())
        limits = binomtest(number, group.frame.height).proportion_ci(
            confidence_level=people.study.confidence_level, method="exact"
        )
        rows.append(
            Estimate(
                f"share_{outcome.name}",
                label_of(people, label),
                people.study.exposure,
                "",
                "percent",
                100 * number / group.frame.height,
                100 * float(limits.low),
                100 * float(limits.high),
                counts=counted(group, outcome),
                estimand="full_set",
                effect_type="marginal",
                method="count, exact interval",
            )
        )
    return Outcomes(tuple(rows))


def crude(people: AnalysisSet, outcome: BinaryOutcome) -> Outcomes:
    """Odds ratio of each arm against the reference, nothing adjusted.

    Raises
    ------
    NoEventsError
        An arm without anybody who had the outcome, or without anybody who had not.
    """
    for _, group in arms_of(people):
        number = int(happened(group, outcome).sum())
        if not outcome.firth and number in (0, group.frame.height):
            raise NoEventsError(
                "In an arm nobody has the outcome, or everybody",
                field=outcome.name,
                remedy="A penalised model (`firth: true` of the binary outcome) has an answer.",
            )
    columns = arm_columns(people)
    matrix = np.column_stack([values for _, values in columns])
    design = Design(people, matrix, tuple(column for column, _ in columns), ())
    return odds_ratios(design, outcome, f"crude_{outcome.name}", estimand="association", kind="marginal")


def adjusted(people: AnalysisSet, outcome: BinaryOutcome) -> Outcomes:
    """Odds ratios of the arms and of the outcome's covariates in one model."""
    analysis = f"logistic_{outcome.name}"
    terms = people.covariates(outcome.covariates)
    design = build_design(people, terms, analysis=analysis, with_exposure=True)
    found = odds_ratios(design, outcome, analysis, estimand="association", kind="conditional")
    return found + Outcomes(findings=(*design.findings, *post_baseline(analysis, people.subgroup, terms)))


def odds_ratios(
    design: Design, outcome: BinaryOutcome, analysis: str, *, estimand: str, kind: str
) -> Outcomes:
    """Fit the design's logistic model of the outcome."""
    people = design.people
    fit = fitted(design, outcome)
    by_name = {row["term"]: row for row in fit.table.iter_rows(named=True)}
    rows = [
        Estimate(
            analysis,
            people.subgroup,
            column.term,
            column.contrast,
            "or",
            by_name[column.name]["odds_ratio"],
            by_name[column.name]["ci_low"],
            by_name[column.name]["ci_high"],
            by_name[column.name]["p_value"],
            counts=counted(people, outcome),
            estimand=estimand,
            effect_type=kind,
            method=fit.method,
        )
        for column in design.columns
    ]
    return Outcomes(
        tuple(rows), few_events(analysis, people.subgroup, fit.events_per_covariate, fit.warnings)
    )


def fitted(design: Design, outcome: BinaryOutcome) -> OddsRatios:
    """Maximum likelihood with Wald intervals, or Firth's penalised likelihood with profile intervals."""
    people, level = design.people, design.people.study.confidence_level
    event = happened(people, outcome)
    if outcome.firth:
        penalised = fit_firth_logistic(design.matrix, event, names=design.names, level=level)
        return OddsRatios(
            penalised.to_frame(),
            "logistic regression, Firth's penalised likelihood, profile interval",
            penalised.warnings,
            penalised.events_per_covariate,
        )
    plain = fit_logistic(design.matrix, event, names=design.names)
    return OddsRatios(
        plain.to_frame(level), "logistic regression", plain.warnings, plain.events_per_covariate
    )
