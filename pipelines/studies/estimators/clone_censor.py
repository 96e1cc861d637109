"""Clone, censor, weight: two strategies from time zero, their survival, and what the weights look like."""

from dataclasses import replace

import polars as pl

from pipelines.stats import immortal_time as methods
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.estimators.immortal import designed, effect_row, months_to_operation, timing_of
from pipelines.studies.estimators.matched import balance_of
from pipelines.studies.estimators.models import few_events
from pipelines.studies.results import Estimate, Finding, Outcomes

EFFECTIVE_SHARE = 0.25
SMALLEST_CHANCE = 0.01
HALF = 0.5 + 1e-12


def clone_censor_weight(people: AnalysisSet) -> Outcomes:
    """Operated within the window against not operated within it: two strategies that start at time zero.

    Besides the hazard ratio: weighted survival of both strategies at the horizons, its difference, the difference of
    restricted means, and what the weights look like.
    """
    analysis = "clone_censor_weight"
    study, timing = people.study, timing_of(people)
    design, told = designed(people, analysis, operable_by=timing.window_months)
    inside = design.people
    found = methods.clone_censor_weight(
        inside.time,
        inside.event,
        months_to_operation(inside),
        design.matrix,
        grace=timing.window_months,
        strategy=timing.strategy,
        names=design.names,
        truncate=timing.truncate,
        ties=study.models.ties,
        bootstrap=timing.bootstrap,
        seed=timing.seed,
        level=study.confidence_level,
    )
    warnings = few_events(analysis, people.subgroup, found.fit.events_per_covariate, found.fit.warnings)
    hazard_ratio = effect_row(found.effect, inside, analysis)
    return (
        Outcomes((hazard_ratio,), (*told, *warnings))
        + of_strategies(found, inside)
        + weights(found, inside)
        + balance_of_followers(found, inside)
    )


def of_strategies(found: methods.CloneCensorWeight, people: AnalysisSet) -> Outcomes:
    """Survival of both strategies at the horizons, and their differences; absent beyond an arm's follow-up."""
    analysis, horizons = "clone_censor_weight", people.study.horizons
    level = people.study.confidence_level
    last = followed_to(found)
    result = Outcomes(tuple(medians(found, people)))
    for month in sorted({*horizons.survival_months, horizons.rmst_months}):
        if month > last:
            words = f"nobody who follows one of the strategies is seen for {month:g} months"
            beyond = Finding(analysis, people.subgroup, f"beyond_{month:g}_months", "warning", words)
            result += Outcomes(findings=(beyond,))
    for month in horizons.survival_months:
        result += Outcomes(tuple(survival_at(found, people, month)))
        if month <= last:
            result += Outcomes((survival_difference(found, people, month),))
    if horizons.rmst_months <= last:
        effect = found.rmst_difference(horizons.rmst_months, level)
        contrast = f"{people.contrast}, to {horizons.rmst_months:g} months"
        result += Outcomes((effect_row(effect, people, analysis, contrast),))
    return result


def survival_at(found: methods.CloneCensorWeight, people: AnalysisSet, month: float) -> list[Estimate]:
    """Weighted survival of both strategies at a month; without a value beyond the follow-up of one of them."""
    reached = month <= followed_to(found)
    rows = {}
    if reached:
        table = found.survival_frame([month], people.study.confidence_level)
        rows = {row["operated"]: row for row in table.iter_rows(named=True)}
    method = "clone, censor, weight; weighted Kaplan-Meier, log-log interval by person"
    return [
        replace(
            of_strategy(people, operated, "survival_probability", f"at {month:g} months", method),
            estimate=rows[operated]["survival"] if reached else None,
            ci_low=rows[operated]["ci_low"] if reached else None,
            ci_high=rows[operated]["ci_high"] if reached else None,
        )
        for operated in (True, False)
    ]


def medians(found: methods.CloneCensorWeight, people: AnalysisSet) -> list[Estimate]:
    """Month at which weighted survival under each strategy falls to a half, where it does."""
    rows = []
    for curve in found.curves:
        below = curve.time[curve.survival <= HALF]
        row = of_strategy(
            people, curve.operated, "median_months", "", "clone, censor, weight; weighted Kaplan-Meier"
        )
        rows.append(replace(row, estimate=float(below[0]) if len(below) else None))
    return rows


def of_strategy(people: AnalysisSet, operated: bool, measure: str, contrast: str, method: str) -> Estimate:
    """An estimate about one strategy, named by its arm; the value is still to come."""
    label = people.exposed_label if operated else people.reference_label
    return Estimate(
        "clone_censor_weight",
        label_of(people, label),
        people.study.exposure,
        contrast,
        measure,
        None,
        counts=people.counts(),
        estimand="per_protocol",
        effect_type="marginal",
        method=method,
    )


def followed_to(found: methods.CloneCensorWeight) -> float:
    """The last month to which both strategies are followed."""
    return min(curve.last for curve in found.curves)


def survival_difference(found: methods.CloneCensorWeight, people: AnalysisSet, month: float) -> Estimate:
    """Survival under the strategy to operate less that under the strategy not to (the risk difference turned)."""
    effect = found.risk_difference(month, people.study.confidence_level)
    contrast = f"{people.contrast}, at {month:g} months"
    row = effect_row(effect, people, "clone_censor_weight", contrast)
    return replace(
        row,
        measure="survival_difference",
        estimate=-effect.estimate,
        ci_low=-effect.ci_high,
        ci_high=-effect.ci_low,
    )


def weights(found: methods.CloneCensorWeight, people: AnalysisSet) -> Outcomes:
    """Largest weights, effective sizes, and the smallest chance of the operation: positivity."""
    analysis, subgroup = "clone_censor_weight", people.subgroup
    findings = []
    for arm in found.weights:
        label = people.exposed_label if arm.operated else people.reference_label
        share = arm.effective_size / arm.after_grace if arm.after_grace else 0.0
        low = share < EFFECTIVE_SHARE
        findings += [
            Finding(
                analysis,
                subgroup,
                f"largest_weight, {label}",
                "info",
                "largest weight of a clone of this strategy",
                arm.largest,
            ),
            Finding(
                analysis,
                subgroup,
                f"effective_share, {label}",
                "warning" if low else "ok",
                "effective size of those who follow the strategy to the end of the window, as a share of their number",
                share,
                EFFECTIVE_SHARE,
            ),
        ]
    chance = found.hazard.probability(found.grace)
    smallest = float(chance.min())
    findings.append(
        Finding(
            analysis,
            subgroup,
            "smallest_chance_of_operation",
            "warning" if smallest < SMALLEST_CHANCE else "ok",
            "smallest modelled probability of being operated within the window: near zero, few stand for many",
            smallest,
            SMALLEST_CHANCE,
        )
    )
    findings.append(
        Finding(
            analysis,
            subgroup,
            "largest_tie",
            "info",
            "largest share of those at risk who are operated at one time; the model of the operation takes ties as "
            f"{found.hazard.ties}",
            found.hazard.largest_tie,
        )
    )
    return Outcomes(findings=tuple(findings))


def balance_of_followers(found: methods.CloneCensorWeight, people: AnalysisSet) -> Outcomes:
    """Balance of those who follow each strategy to the end of the window, before and after weighting.

    They are whom the weights work on longest. Some have died by then, so that an effect of the operation on survival
    within the window shows here too.
    """
    rows = found.person_time
    late = rows.stop > found.grace * (1 + 1e-9)
    followers = people.taken(rows.person[late])
    arms = pl.Series("exposed", rows.operated[late])
    followers = replace(followers, frame=followers.frame.with_columns(arms))
    terms = people.terms("cox")
    return balance_of(followers, terms, rows.weight[late], people.subgroup, analysis="clone_censor_weight")
