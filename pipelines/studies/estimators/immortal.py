"""Operated against unoperated without immortal time, and the naive readings beside it for the size of the bias.

An operation happens some time after time zero. `operations` settles once, for every method, what becomes of dates
that are unknown or contradict follow-up; each analysis is then one call of `pipelines.stats.immortal_time`.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats import immortal_time as methods
from pipelines.stats.effect import Effect
from pipelines.stats.errors import CodingError, StatsError
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Design, build_design
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.estimators.models import few_events, fitted_cox, post_baseline
from pipelines.studies.language import ALL, Timing
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes

OPERATION = "operation"
"""Column of the months from time zero to the operation, null where there is none."""

ONE_MONTH = 1.0
"""A registry counts survival in months and operations in days: less than a month apart is rounding."""

EFFECTIVE_SHARE = 0.25
SMALLEST_CHANCE = 0.01


def timing_of(people: AnalysisSet) -> Timing:
    """The timing block, which the language demands of every analysis here."""
    timing = people.study.timing
    if timing is None:
        raise ValueError(f"study {people.study.id} has no timing")
    return timing


def operations(people: AnalysisSet, analysis: str) -> tuple[AnalysisSet, tuple[Finding, ...]]:
    """People whose operation can be placed in time, in the column `OPERATION`.

    Left out: operated at an unknown date, before time zero, or a month and more after the end of follow-up (one of the
    two dates is wrong). An operation less than a month after the end is rounding and comes at the end, which
    `pipelines.stats.immortal_time` reads as just before it.

    Raises
    ------
    CodingError
        People come under observation after time zero: none of these methods knows late entry.
    """
    if people.entry is not None and bool(np.any(people.entry > 0)):
        raise CodingError(
            "Some people come under observation after time zero, and these methods have no late entry",
            field="outcome.entry",
            remedy="Ask for them in a study whose people are followed from time zero on.",
        )
    start, time = people.start_months, people.time
    ends_before = np.isfinite(start) & (start > time)
    rounded = ends_before & (start - time < ONE_MONTH)
    gone = {
        "date_unknown": (np.isnan(start), "left out: operated, and the date is not recorded"),
        "before_time_zero": (start < 0, "left out: operated before time zero"),
        "after_follow_up": (
            ends_before & ~rounded,
            "left out: operated a month or more after the end of follow-up, so one of the two dates is wrong",
        ),
    }
    findings = [
        Finding(analysis, people.subgroup, check, "info", words, float(np.count_nonzero(who)), unit="people")
        for check, (who, words) in gone.items()
        if who.any()
    ]
    if rounded.any():
        words = "operated less than a month after the end of follow-up: read as just before it"
        moved = float(np.count_nonzero(rounded))
        findings.append(Finding(analysis, people.subgroup, "moved", "info", words, moved, unit="people"))
    keep = ~np.any([who for who, _ in gone.values()], axis=0)
    when = np.where(np.isfinite(start), np.minimum(start, time), np.nan)
    column = pl.Series(OPERATION, when).fill_nan(None)
    placed = replace(people, frame=people.frame.with_columns(column))
    return placed.where(keep), tuple(findings)


def months_to_operation(people: AnalysisSet) -> NDArray[np.float64]:
    """Months to the operation (n,), NaN where there is none: as `pipelines.stats.immortal_time` wants it."""
    return people.frame[OPERATION].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def designed(people: AnalysisSet, analysis: str) -> tuple[Design, tuple[Finding, ...]]:
    """People with placed operations and the covariates of the Cox model, and what a reader must know of both."""
    placed, findings = operations(people, analysis)
    terms = people.terms("cox")
    design = build_design(placed, terms, analysis=analysis, with_exposure=False)
    told = (*findings, *design.findings, *post_baseline(analysis, people.subgroup, terms))
    return design, told


def estimate_of(effect: Effect, people: AnalysisSet, analysis: str) -> Estimate:
    """The effect as a row of the estimates, named as these people are."""
    return Estimate(
        analysis,
        people.subgroup,
        people.study.exposure,
        people.contrast,
        effect.measure,
        effect.estimate,
        effect.ci_low,
        effect.ci_high,
        effect.p_value,
        Counts(effect.n, effect.n_exposed, effect.events),
        effect.estimand.lower(),
        effect.effect_type,
        effect.method,
    )


def one_model(
    found: methods.ExposureEffect | methods.Landmark,
    people: AnalysisSet,
    analysis: str,
    told: tuple[Finding, ...],
) -> Outcomes:
    """Estimate and warnings of a method that fits one Cox model."""
    fit = found.fit
    warnings = few_events(analysis, people.subgroup, fit.events_per_covariate, fit.warnings)
    return Outcomes((estimate_of(found.effect, people, analysis),), (*told, *warnings))


def biased(people: AnalysisSet, analysis: str, words: str) -> Finding:
    """A method that stands here to show its bias says so."""
    return Finding(analysis, people.subgroup, "immortal_time", "warning", words)


def ever_never(people: AnalysisSet) -> Outcomes:
    """Operated ever against never, as if it were known at time zero: what most papers print."""
    analysis = "ever_never"
    design, told = designed(people, analysis)
    inside, study = design.people, people.study
    found = methods.ever_never(
        inside.time,
        inside.event,
        months_to_operation(inside),
        design.matrix,
        names=design.names,
        ties=study.models.ties,
        level=study.confidence_level,
    )
    words = "biased: the operated had to live until their operation, and count as operated before it"
    return one_model(found, inside, analysis, (*told, biased(people, analysis, words)))


def immortal_time_excluded(people: AnalysisSet) -> Outcomes:
    """The same without the months before the operation, in the reading that the study names."""
    analysis = "immortal_time_excluded"
    design, told = designed(people, analysis)
    inside, study = design.people, people.study
    found = methods.immortal_time_excluded(
        inside.time,
        inside.event,
        months_to_operation(inside),
        design.matrix,
        reading=timing_of(people).excluded_reading,
        names=design.names,
        ties=study.models.ties,
        level=study.confidence_level,
    )
    words = (
        "biased, though less than ever against never: people are sorted by an operation in their future, and the "
        "months before it are thrown away instead of counted as unoperated"
    )
    return one_model(found, inside, analysis, (*told, biased(people, analysis, words)))


def time_varying_cox(people: AnalysisSet) -> Outcomes:
    """Unoperated until the operation, operated from then on."""
    return time_varying(people, "time_varying_cox", None)


def time_varying_window_cox(people: AnalysisSet) -> Outcomes:
    """The same, where only operations within the window count."""
    return time_varying(people, "time_varying_window_cox", timing_of(people).window_months)


def time_varying(people: AnalysisSet, analysis: str, window: float | None) -> Outcomes:
    """The operation as a covariate that changes with time."""
    design, told = designed(people, analysis)
    inside, study = design.people, people.study
    found = methods.time_varying(
        inside.time,
        inside.event,
        months_to_operation(inside),
        design.matrix,
        window=window,
        names=design.names,
        ties=study.models.ties,
        level=study.confidence_level,
    )
    return one_model(found, inside, analysis, told)


def followed_beyond(people: AnalysisSet, month: float) -> AnalysisSet:
    """Those alive and seen after a month, not only at it."""
    return people.where(people.time > month * (1 + 1e-9))


def landmark(people: AnalysisSet) -> Outcomes:
    """Operated by the landmark or not, among those still followed; an analysis for each landmark of the study."""
    return at_each_landmark(people, "landmark", dated_landmark)


def undated_landmark(people: AnalysisSet) -> Outcomes:
    """Operated ever or never, among those still followed at the landmark, where no date is recorded.

    References
    ----------
    Weberpals J et al. on immortal time in studies of cancer patients, 2018 (from memory), for the modified landmark.
    """
    return at_each_landmark(people, "undated_landmark", modified_landmark)


def at_each_landmark(
    people: AnalysisSet, word: str, one: Callable[[AnalysisSet, str, float], Outcomes]
) -> Outcomes:
    """An analysis at each landmark; one that cannot be done is absent and does not take the others with it."""
    found = Outcomes()
    for month in timing_of(people).landmarks_months:
        analysis = f"{word}_{month:g}"
        try:
            found += one(people, analysis, month)
        except StatsError as error:
            if analysis == people.study.primary and people.subgroup == ALL:
                raise
            absent = Finding(analysis, people.subgroup, "not_fitted", "absent", error.without_count)
            found += Outcomes(findings=(absent,))
    return found


def dated_landmark(people: AnalysisSet, analysis: str, month: float) -> Outcomes:
    """Operated by the month or not, the clock from the month on."""
    placed, findings = operations(people, analysis)
    inside = followed_beyond(placed, month)
    by_then = (inside.frame[OPERATION] <= month).fill_null(False)
    later = inside.frame[OPERATION].is_not_null() & ~by_then
    inside = replace(inside, frame=inside.frame.with_columns(exposed=by_then))
    terms = people.terms("cox")
    design = build_design(inside, terms, analysis=analysis, with_exposure=False)
    study = people.study
    found = methods.landmark(
        design.people.time,
        design.people.event,
        months_to_operation(design.people),
        design.matrix,
        at=month,
        names=design.names,
        ties=study.models.ties,
        level=study.confidence_level,
    )
    told = (
        *findings,
        *lost_before(placed, analysis, month),
        counted(people, analysis, "operated_later", "operated after the landmark: unoperated here", later),
        *design.findings,
        *post_baseline(analysis, people.subgroup, terms),
    )
    return one_model(found, people, analysis, told)


def modified_landmark(people: AnalysisSet, analysis: str, month: float) -> Outcomes:
    """Cox model of ever against never operated, the clock from the month on."""
    inside = followed_beyond(people, month)
    frame = inside.frame.with_columns(
        time=pl.col("time") - month, entry=(pl.col("entry") - month).clip(lower_bound=0.0)
    )
    terms = people.terms("cox")
    later = replace(inside, frame=frame).where((frame["time"] > frame["entry"]).to_numpy())
    design = build_design(later, terms, analysis=analysis, with_exposure=True)
    words = (
        "no date of the operation is recorded: the operated are taken to have been operated by the landmark; those "
        "operated later still had to live until then, so some immortal time is left where operations come late"
    )
    told = (
        Finding(analysis, people.subgroup, "assumes_operated_by_landmark", "warning", words),
        *lost_before(people, analysis, month),
        *post_baseline(analysis, people.subgroup, terms),
    )
    found = fitted_cox(design, analysis, adjusted=bool(terms))
    method = f"modified landmark at {month:g} months, ever against never operated; "
    estimates = tuple(
        replace(one, method=method + one.method)
        for one in found.estimates
        if one.term == people.study.exposure
    )
    return Outcomes(estimates, (*told, *found.findings))


def lost_before(people: AnalysisSet, analysis: str, month: float) -> tuple[Finding, ...]:
    """Who had died or was last seen by the landmark."""
    gone = people.time <= month * (1 + 1e-9)
    return (
        counted(people, analysis, "died_before", "left out: died by the landmark", gone & people.event),
        counted(
            people, analysis, "lost_before", "left out: last seen alive by the landmark", gone & ~people.event
        ),
    )


def counted(
    people: AnalysisSet, analysis: str, check: str, words: str, who: NDArray[np.bool_] | pl.Series
) -> Finding:
    """A count of people, which small-cell rules apply to."""
    return Finding(analysis, people.subgroup, check, "info", words, float(who.sum()), unit="people")


def clone_censor_weight(people: AnalysisSet) -> Outcomes:
    """Operated within the window against not operated within it: two strategies that start at time zero.

    Besides the hazard ratio: weighted survival of both strategies at the horizons, its difference, the difference of
    restricted means, and what the weights look like.
    """
    analysis = "clone_censor_weight"
    design, told = designed(people, analysis)
    inside, study, timing = design.people, people.study, timing_of(people)
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
    hazard_ratio = estimate_of(found.effect, inside, analysis)
    return (
        Outcomes((hazard_ratio,), (*told, *warnings)) + of_strategies(found, inside) + weights(found, inside)
    )


def of_strategies(found: methods.CloneCensorWeight, people: AnalysisSet) -> Outcomes:
    """Survival of both strategies at the horizons, and their differences; absent beyond an arm's follow-up."""
    analysis, horizons = "clone_censor_weight", people.study.horizons
    level = people.study.confidence_level
    last = min(curve.last for curve in found.curves)
    result = Outcomes()
    for month in sorted({*horizons.survival_months, horizons.rmst_months}):
        if month > last:
            words = f"nobody who follows one of the strategies is seen for {month:g} months"
            beyond = Finding(analysis, people.subgroup, f"beyond_{month:g}_months", "warning", words)
            result += Outcomes(findings=(beyond,))
    for month in (one for one in horizons.survival_months if one <= last):
        result += Outcomes((*survival_at(found, people, month), survival_difference(found, people, month)))
    if horizons.rmst_months <= last:
        effect = found.rmst_difference(horizons.rmst_months, level)
        row = estimate_of(effect, people, analysis)
        contrast = f"{people.contrast} to {horizons.rmst_months:g} months"
        result += Outcomes((replace(row, measure="rmst_difference_months", contrast=contrast),))
    return result


def survival_at(found: methods.CloneCensorWeight, people: AnalysisSet, month: float) -> list[Estimate]:
    """Weighted survival of both strategies at a month."""
    table = found.survival_frame([month], people.study.confidence_level)
    labels = {True: people.exposed_label, False: people.reference_label}
    return [
        Estimate(
            "clone_censor_weight",
            label_of(people, labels[row["operated"]]),
            people.study.exposure,
            f"at {month:g} months",
            "survival_probability",
            row["survival"],
            row["ci_low"],
            row["ci_high"],
            counts=people.counts(),
            estimand="per_protocol",
            effect_type="marginal",
            method="clone, censor, weight; weighted Kaplan-Meier, log-log interval by person",
        )
        for row in table.iter_rows(named=True)
    ]


def survival_difference(found: methods.CloneCensorWeight, people: AnalysisSet, month: float) -> Estimate:
    """Survival under the strategy to operate less that under the strategy not to (the risk difference turned)."""
    effect = found.risk_difference(month, people.study.confidence_level)
    row = estimate_of(effect, people, "clone_censor_weight")
    return replace(
        row,
        contrast=f"{people.contrast} at {month:g} months",
        measure="survival_probability",
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
    return Outcomes(findings=tuple(findings))
