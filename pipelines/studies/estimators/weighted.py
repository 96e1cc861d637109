"""Arms made alike by weights from the propensity score: hazard ratios, survival, balance, heaviness of the weights."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats.balance import balance_of_arms, effective_sample_size
from pipelines.stats.errors import StatsError
from pipelines.stats.propensity import Overlap
from pipelines.stats.weighting import Weights, weighted_cox_of_arms
from pipelines.stats.weighting import weighted_cox as two_arm_weighted_cox
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Design, build_design
from pipelines.studies.estimators.matched import balance_of, largest_smd
from pipelines.studies.estimators.models import few_events, matrix_of_levels, post_baseline
from pipelines.studies.estimators.rows import absent, estimate_of, require_no_entry
from pipelines.studies.language import Covariate
from pipelines.studies.results import Estimate, Finding, Outcomes

BOUNDED = ("ATO", "ATM")
"""Weights that never exceed one: there is nothing to stabilise or to truncate."""
WHOSE = {
    "ATE": "the effect in everybody of the cohort",
    "ATT": "the effect in people like the exposed",
    "ATO": "the effect in people whose treatment was open, weighted by how open it was (overlap weights)",
}


def weighted_cox(people: AnalysisSet) -> Outcomes:
    """Marginal hazard ratio under the weights of every estimand of ``design.weight``.

    Two arms take logistic scores, and the variance knows that they were estimated; several take multinomial
    scores, and every pair of arms is compared. One estimand that cannot be had does not take the others along.
    """
    terms = people.terms("propensity")
    design = build_design(people, terms, analysis="weighted_cox", with_exposure=False, of_exposure=True)
    found = Outcomes(
        findings=(*design.findings, *post_baseline("weighted_cox", people.subgroup, terms)),
    )
    one = several_arms if people.other_labels else two_arms
    for analysis, estimand in estimands_of(people):
        try:
            found += one(design, terms, analysis, estimand)
        except StatsError as error:
            found += Outcomes(findings=(absent(people, analysis, error.without_count),))
    return found


def estimands_of(people: AnalysisSet) -> list[tuple[str, str]]:
    """Name of the analysis and estimand of the weights, as the definition orders them."""
    study = people.study
    return list(zip(study.names_of(["weighted_cox"]), study.design.weight.estimands, strict=True))


def two_arms(design: Design, terms: list[Covariate], analysis: str, estimand: str) -> Outcomes:
    """Hazard ratio, balance and weights of one estimand, for an exposed arm and a reference."""
    people, rule = design.people, design.people.study.design.weight
    fit = two_arm_weighted_cox(
        people.time,
        people.event,
        people.exposed,
        design.matrix,
        names=design.names,
        entry=people.entry,
        estimand=estimand,
        stabilised=rule.stabilised and estimand not in BOUNDED,
        truncate=truncation(people, estimand),
        variance=rule.variance,
        ties=people.study.models.ties,
        level=people.study.confidence_level,
    )
    method = f"{fit.effect.method}, {people.study.models.ties} ties{details(people, estimand)}"
    row = estimate_of(
        fit.effect, analysis, people.subgroup, people.study.exposure, people.contrast, method=method
    )
    labels = (people.exposed_label, people.reference_label)
    ess = (fit.weights.ess_treated, fit.weights.ess_control)
    score = fit.propensity
    few = (
        ()
        if score is None
        else few_events(analysis, people.subgroup, score.model.events_per_covariate, score.warnings)
    )
    facts = (
        *whose_effect(people, analysis, estimand),
        *heaviness(people, analysis, labels, ess, fit.weights.weights),
        *truncated(people, analysis, fit.weights),
        *common_support(people, analysis, fit.overlap),
        *few,
    )
    return Outcomes((row,), facts) + balance_of(
        people, terms, fit.weights.weights, people.subgroup, analysis=analysis
    )


def several_arms(design: Design, terms: list[Covariate], analysis: str, estimand: str) -> Outcomes:
    """Hazard ratio of every pair of three arms or more; the model is fitted again with each reference.

    Raises
    ------
    CodingError
        The outcome has delayed entry, which the model of several arms does not take.
    """
    people, study = design.people, design.people.study
    require_no_entry(people, "A weighted Cox model of several arms")
    arm = people.frame["arm"].to_numpy()
    rows: list[Estimate] = []
    for reference in people.labels[1:]:
        fit = weighted_cox_of_arms(
            people.time,
            people.event,
            arm,
            design.matrix,
            names=design.names,
            reference=reference,
            estimand=estimand,
            focal=people.exposed_label if estimand == "ATT" else None,
            ties=study.models.ties,
            level=study.confidence_level,
        )
        effects = {str(first): effect for (first, _), effect in zip(fit.compared, fit.effects, strict=True)}
        rows += [
            estimate_of(
                effects[first],
                analysis,
                people.subgroup,
                study.exposure,
                f"{first} vs {reference}",
                method=f"{effects[first].method}, {study.models.ties} ties",
            )
            for first in people.labels[: people.labels.index(reference)]
        ]
    weights = fit.weights.weights
    ess = [effective_sample_size(weights[arm == label]) for label in people.labels]
    facts = (
        *whose_effect(people, analysis, estimand),
        *not_honoured(people, analysis, estimand),
        *heaviness(people, analysis, people.labels, ess, weights),
        *few_events(analysis, people.subgroup, fit.propensity.events_per_covariate, fit.propensity.warnings),
    )
    order = {contrast: place for place, contrast in enumerate(all_contrasts(people))}
    rows.sort(key=lambda row: order[row.contrast])
    return Outcomes(tuple(rows), facts) + balance_between_arms(people, terms, weights, analysis)


def all_contrasts(people: AnalysisSet) -> list[str]:
    """Every pair of arms in words."""
    return [f"{first} vs {second}" for first, second in combinations(people.labels, 2)]


def truncation(people: AnalysisSet, estimand: str) -> tuple[float, float] | None:
    """Percentiles beyond which weights are set to them."""
    share = people.study.design.weight.truncate
    return None if share is None or estimand in BOUNDED else (0.0, share)


def details(people: AnalysisSet, estimand: str) -> str:
    """Stabilised, truncated: as the method's words say it."""
    rule = people.study.design.weight
    if estimand in BOUNDED:
        return ""
    words = ", stabilised" if rule.stabilised else ""
    return (
        words if rule.truncate is None else f"{words}, truncated at the {100 * rule.truncate:g}th percentile"
    )


def whose_effect(people: AnalysisSet, analysis: str, estimand: str) -> tuple[Finding, ...]:
    """For whom the weighted estimate speaks."""
    return (Finding(analysis, people.subgroup, "estimand", "info", f"{estimand}: {WHOSE[estimand]}"),)


def heaviness(
    people: AnalysisSet,
    analysis: str,
    labels: Sequence[str],
    effective: Sequence[float],
    weights: NDArray[np.float64],
) -> tuple[Finding, ...]:
    """Effective sample size of each arm, and how much heavier than the mean the heaviest person is."""
    sizes = [
        Finding(
            analysis,
            people.subgroup,
            f"effective_sample_size ({label})",
            "info",
            f"people of {label} that would say as much without weights",
            float(size),
            unit="people",
        )
        for label, size in zip(labels, effective, strict=True)
    ]
    largest = Finding(
        analysis,
        people.subgroup,
        "largest_weight",
        "info",
        "largest weight, as a multiple of the mean weight",
        float(weights.max() / np.sort(weights).mean()),
    )
    return (*sizes, largest)


def truncated(people: AnalysisSet, analysis: str, weights: Weights) -> tuple[Finding, ...]:
    """How many weights truncation changed: the estimand is then no longer quite its own."""
    if weights.limits is None:
        return ()
    message = (
        "weights set to the percentile that the definition names: some confounding left for less variance, "
        "and an effect in people less unlike the other arm"
    )
    count = float(weights.n_truncated)
    return (Finding(analysis, people.subgroup, "weights_truncated", "info", message, count, unit="people"),)


def common_support(people: AnalysisSet, analysis: str, found: Overlap | None) -> tuple[Finding, ...]:
    """Share of people whose score lies where both arms have people, and how well the score tells them apart."""
    if found is None:
        return ()
    words = "share of people whose propensity score lies where both arms have people"
    return (
        Finding(analysis, people.subgroup, "common_support", "info", words, 1 - found.outside_share),
        Finding(
            analysis,
            people.subgroup,
            "propensity_auc",
            "info",
            "chance that an exposed person scores higher than another",
            found.auc,
        ),
    )


def not_honoured(people: AnalysisSet, analysis: str, estimand: str) -> tuple[Finding, ...]:
    """What the definition asks of the weights and those of several arms do not do.

    A warning where the definition says so itself; what it only has by default is told without one.
    """
    rule = people.study.design.weight
    heavy = estimand not in BOUNDED
    asked = {
        "truncate": ("weights are truncated", rule.truncate is not None and heavy),
        "stabilised": ("weights are stabilised", rule.stabilised and heavy),
        "variance": ("the variance takes the weights as known", rule.variance == "known"),
    }
    ignored = {name: words for name, (words, wanted) in asked.items() if wanted}
    if not ignored:
        return ()
    words = (
        f"not so with several arms, though the definition has it: {', '.join(ignored.values())}. Weights are as they "
        "come, and the variance knows that the scores were estimated"
    )
    status = "warning" if ignored.keys() & rule.model_fields_set else "info"
    return (Finding(analysis, people.subgroup, "weights_not_as_defined", status, words),)


def balance_between_arms(
    people: AnalysisSet, terms: list[Covariate], weights: NDArray[np.float64], analysis: str
) -> Outcomes:
    """Standardized differences of every pair of arms, level by level, and the largest as a finding."""
    matrix, labels = matrix_of_levels(people, terms)
    names = [f"{term}={level}" if level else term for term, level in labels]
    result = balance_of_arms(matrix, people.frame["arm"].to_numpy(), weights=weights, names=names)
    places = dict(zip(names, labels, strict=True))
    table = result.to_frame().select(
        "covariate",
        "smd_before",
        "smd_after",
        pl.col("covariate").replace_strict({name: term for name, (term, _) in places.items()}).alias("term"),
        pl.col("covariate")
        .replace_strict({name: level for name, (_, level) in places.items()})
        .alias("level"),
        pl.concat_str("arm", pl.lit(" vs "), "other_arm").alias("contrast"),
        pl.lit(people.subgroup).alias("subgroup"),
        pl.lit(analysis).alias("analysis"),
    )
    worst = np.asarray(result.largest_after)
    finding = largest_smd(analysis, people.subgroup, names, worst)
    return Outcomes(findings=(finding,), tables=(("balance", table),))
