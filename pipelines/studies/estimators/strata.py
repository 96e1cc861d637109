"""Strata of the propensity score: the effect averaged over them, and within them."""

import numpy as np
from numpy.typing import NDArray

from pipelines.stats.cox import fit_cox
from pipelines.stats.matching import Strata, balance_within, strata_cox, subclassify
from pipelines.stats.propensity import Propensity, fit_propensity
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Column, build_design
from pipelines.studies.estimators.matched import LOGIT_DIGITS, balance_of
from pipelines.studies.estimators.models import few_events, hazard_ratios, matrix_of_levels, post_baseline
from pipelines.studies.estimators.rows import estimate_of, left_out
from pipelines.studies.language import Covariate
from pipelines.studies.results import Estimate, Finding, Outcomes

ANALYSIS, WITHIN = "stratified_by_score_cox", "within_score_strata_cox"


def stratified_by_score_cox(people: AnalysisSet) -> Outcomes:
    """Hazard ratio over strata of the propensity score, in two readings that papers call by one name.

    ``stratified_by_score_cox`` gives each arm the same mix of strata and compares the arms: a marginal effect.
    ``within_score_strata_cox`` gives each stratum a baseline hazard of its own: an effect within strata.
    """
    study, rule = people.study, people.study.design.stratify
    terms = people.terms("propensity")
    design = build_design(people, terms, analysis=ANALYSIS, with_exposure=False, of_exposure=True)
    inside = design.people
    scores = fit_propensity(design.matrix, inside.exposed, names=design.names)
    strata = subclassify(
        np.round(scores.logit, LOGIT_DIGITS), inside.exposed, n_classes=rule.n_strata, target=rule.target
    )
    effect = strata_cox(
        strata,
        inside.time,
        inside.event,
        target=rule.target,
        entry=inside.entry,
        ties=study.models.ties,
        level=study.confidence_level,
    )
    row = estimate_of(effect, ANALYSIS, people.subgroup, study.exposure, people.contrast)
    alone = int((~strata.kept).sum())
    words = "in a stratum of the score without anybody of the other arm"
    found = Outcomes(
        (row, within_strata(inside, strata)),
        (
            *design.findings,
            *post_baseline(ANALYSIS, people.subgroup, terms),
            *left_out(people, ANALYSIS, "strata_without_an_arm", words, alone),
            *score_facts(people, scores),
        ),
    )
    found += balance_of(inside, terms, strata.weights(rule.target), people.subgroup, analysis=ANALYSIS)
    return found + balance_in_each(inside, terms, strata)


def within_strata(inside: AnalysisSet, strata: Strata) -> Estimate:
    """Cox model of the exposure with a baseline hazard of each stratum."""
    study = inside.study
    kept: NDArray[np.int64] = np.flatnonzero(strata.kept)
    people = inside.taken(kept)
    fit = fit_cox(
        people.time,
        people.event,
        people.exposed.astype(float)[:, None],
        names=[study.exposure],
        entry=people.entry,
        strata=strata.stratum[kept],
        ties=study.models.ties,
    )
    same = Estimate(
        WITHIN,
        inside.subgroup,
        "",
        "",
        "hr",
        None,
        estimand="association",
        effect_type="conditional",
        method=f"{strata.method}; Cox with a baseline hazard of each stratum, {study.models.ties} ties",
        counts=people.counts(),
    )
    column = Column(study.exposure, study.exposure, inside.contrast)
    (row,) = hazard_ratios(fit, (column,), study.confidence_level, same)
    return row


def score_facts(people: AnalysisSet, scores: Propensity) -> tuple[Finding, ...]:
    """How well the score tells the arms apart, and whether its model has events enough."""
    words = "chance that an exposed person scores higher than another"
    auc = Finding(ANALYSIS, people.subgroup, "propensity_auc", "info", words, scores.auc)
    per_covariate = scores.model.events_per_covariate
    return (auc, *few_events(ANALYSIS, people.subgroup, per_covariate, scores.warnings))


def balance_in_each(inside: AnalysisSet, terms: list[Covariate], strata: Strata) -> Outcomes:
    """The largest difference inside any stratum, which the balance over all of them does not show."""
    matrix, _ = matrix_of_levels(inside, terms)
    smd = np.abs(balance_within(strata, matrix).smd)
    if np.isnan(smd).all():
        return Outcomes()
    words = "largest absolute standardized mean difference within a stratum of the score"
    worst = float(np.nanmax(smd))
    return Outcomes(
        findings=(Finding(ANALYSIS, inside.subgroup, "largest_smd_within_strata", "info", words, worst),)
    )
