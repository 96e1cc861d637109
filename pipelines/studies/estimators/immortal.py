"""Operated against unoperated without immortal time, and the naive readings beside it for the size of the bias.

An operation happens some time after time zero. `operations` settles once, for every method, what becomes of dates
that are unknown or contradict follow-up; each analysis is then one call of `pipelines.stats.immortal_time`.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats import immortal_time as methods
from pipelines.stats.effect import Effect
from pipelines.stats.errors import StatsError
from pipelines.studies.analysis_set import DAYS_PER_MONTH, AnalysisSet
from pipelines.studies.design import Design, build_design, without_levels
from pipelines.studies.estimators.models import few_events, fitted_cox, post_baseline
from pipelines.studies.estimators.rows import absent, estimate_of, require_no_entry
from pipelines.studies.language import Covariate, Timing
from pipelines.studies.results import Estimate, Finding, Outcomes

OPERATION = "operation"
"""Column of the months from time zero to the operation, null where there is none."""

ONE_MONTH = 1.0
"""Where survival is in whole months and operations in days, less than a month apart is rounding."""

TWO_DAYS = 2 / DAYS_PER_MONTH
"""Where survival has decimals of a month."""


def timing_of(people: AnalysisSet) -> Timing:
    """The timing block, which the language demands of every analysis here."""
    timing = people.study.timing
    if timing is None:
        raise ValueError(f"study {people.study.id} has no timing")
    return timing


def operations(people: AnalysisSet, analysis: str) -> tuple[AnalysisSet, tuple[Finding, ...]]:
    """People whose operation can be placed in time, in the column `OPERATION`.

    Left out: operated at an unknown date, before time zero, or after the end of follow-up (one of the two dates is
    wrong). An operation after the end by no more than `rounding_of` follow-up comes at the end, which
    `pipelines.stats.immortal_time` reads as just before it.

    Raises
    ------
    CodingError
        People come under observation after time zero: none of these methods takes that.
    """
    require_no_entry(people, "An analysis by the date of the operation")
    start, time = people.start_months, people.time
    ends_before = np.isfinite(start) & (start > time)
    rounding = rounding_of(people)
    rounded = ends_before & (start - time < rounding)
    within = "a month" if rounding == ONE_MONTH else "two days"
    gone = {
        "date_unknown": (np.isnan(start), "left out: operated, and the date is not recorded"),
        "before_time_zero": (start < 0, "left out: operated before time zero"),
        "after_follow_up": (
            ends_before & ~rounded,
            f"left out: operated {within} or more after the end of follow-up, so one of the two dates is wrong",
        ),
    }
    stays = {
        "moved": (rounded, f"operated less than {within} after the end of follow-up: read as just before it"),
        "at_time_zero": (start == 0, "operated at time zero itself: operated for the whole of follow-up"),
    }
    findings = tuple(
        counted(people, analysis, check, words, who)
        for check, (who, words) in (gone | stays).items()
        if who.any()
    )
    keep = ~np.any([who for who, _ in gone.values()], axis=0)
    when = np.where(np.isfinite(start), np.minimum(start, time), np.nan)
    column = pl.Series(OPERATION, when).fill_nan(None)
    placed = replace(people, frame=people.frame.with_columns(column))
    return placed.where(keep), findings


def rounding_of(people: AnalysisSet) -> float:
    """Months by which an operation may come after the end of follow-up because of rounding alone.

    Follow-up is in whole months where most times are: half a month for those who died in the first one, or an end of
    follow-up set by the study, does not make decimals of it.
    """
    months = people.time + people.study.survives.start_months
    return ONE_MONTH if np.mean(np.isclose(months, np.round(months))) > 0.5 else TWO_DAYS


def months_to_operation(people: AnalysisSet) -> NDArray[np.float64]:
    """Months to the operation (n,), NaN where there is none: as `pipelines.stats.immortal_time` wants it."""
    return people.frame[OPERATION].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def designed(
    people: AnalysisSet, analysis: str, *, operable_by: float | None = None
) -> tuple[Design, tuple[Finding, ...]]:
    """People with placed operations and the covariates of the Cox model, and what a reader must know of both.

    Parameters
    ----------
    people : AnalysisSet
    analysis : str
    operable_by : float, optional
        For a model of the operation itself: people of a level of whom nobody is operated by this month are left out.
    """
    placed, findings = operations(people, analysis)
    terms = people.terms("cox")
    if operable_by is not None:
        placed, never = operable(placed, terms, analysis, operable_by)
        findings += never
    design = build_design(placed, terms, analysis=analysis, with_exposure=False)
    told = (*findings, *design.findings, *post_baseline(analysis, people.subgroup, terms))
    return design, told


def operable(
    people: AnalysisSet, terms: list[Covariate], analysis: str, month: float
) -> tuple[AnalysisSet, tuple[Finding, ...]]:
    """Leave out levels of whom nobody is operated by a month: no weight lets anybody stand for them."""
    left, gone = without_levels(people, terms, partial(never_operated, month=month))
    by_then = f"by {month:g} months" if math.isfinite(month) else "ever"
    return left, tuple(
        Finding(
            analysis,
            people.subgroup,
            "never_operated_level",
            "warning",
            f"left out: people with {name}, of whom nobody is operated {by_then}",
            float(count),
            unit="people",
        )
        for name, count in gone.items()
    )


def never_operated(people: AnalysisSet, terms: list[Covariate], month: float) -> list[tuple[str, str, int]]:
    """Covariate, level and number of people of every level without an operation by a month."""
    frame = people.frame.with_columns(done=(pl.col(OPERATION) <= month).fill_null(False))
    found = []
    for one in terms:
        if one.kind == "categorical":
            levels = frame.group_by(pl.col(f"cov_{one.name}").alias("level")).agg(
                pl.len(), pl.col("done").any()
            )
            alone = levels.filter(~pl.col("done") & pl.col("level").is_not_null()).sort("level")
            found += [(one.name, level, count) for level, count, _ in alone.iter_rows()]
    return found


def effect_row(effect: Effect, people: AnalysisSet, analysis: str, contrast: str = "") -> Estimate:
    """The effect as a row of the estimates, named as these people are."""
    term = people.study.exposure
    return estimate_of(effect, analysis, people.subgroup, term, contrast or people.contrast)


def one_model(
    found: methods.ExposureEffect | methods.Landmark,
    people: AnalysisSet,
    analysis: str,
    told: tuple[Finding, ...],
) -> Outcomes:
    """Estimate and warnings of a method that fits one Cox model."""
    fit = found.fit
    warnings = few_events(analysis, people.subgroup, fit.events_per_covariate, fit.warnings)
    return Outcomes((effect_row(found.effect, people, analysis),), (*told, *warnings))


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
            found += Outcomes(findings=(absent(people, analysis, error.without_count),))
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
