"""What could explain the primary estimate away: E-values, unmeasured confounders, and how strong the measured are."""

from collections.abc import Sequence

import polars as pl

from pipelines.stats.effect import ESTIMANDS, Effect
from pipelines.stats.errors import NotRecordedError, StatsError
from pipelines.stats.sensitivity import array_analysis, covariate_benchmarks, e_value_of, ratio_that_explains
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design
from pipelines.studies.language import ALL, ANALYSES
from pipelines.studies.results import Estimate, Finding, Outcomes

E_VALUE, UNMEASURED, BENCHMARKS = "e_value", "unmeasured_confounder", "covariate_benchmarks"
COMMON = 0.15
"""An outcome that more people than this have is common: hazard and odds ratios are then no risk ratios."""
RATIOS = ("hr", "or", "rr")
DATED_RIGHT = ("landmark", "time_varying_cox", "time_varying_window_cox", "clone_censor_weight")
"""Analyses that deal with immortal time; leaving out the months before an operation does not."""
RARER, COMMONER, STRENGTHS = (0.1, 0.2, 0.3, 0.4), (0.2, 0.4, 0.6), (1.25, 1.5, 2.0, 3.0)
"""Prevalences of an unmeasured condition in the arm that fares better and in the other, and its ratios."""
SHOWN = ((0.1, 0.3), (0.2, 0.4), (0.2, 0.6))
"""Prevalences for which the ratio that would explain the estimate away is an estimate of its own."""


def primary_rows(people: AnalysisSet, estimates: Sequence[Estimate]) -> list[Estimate]:
    """The ratios of the exposure in the primary analysis, one for each contrast.

    Raises
    ------
    NotRecordedError
        The primary analysis has given no ratio with an interval.
    """
    study = people.study
    rows = [
        row
        for row in estimates
        if row.analysis == study.primary
        and row.subgroup == ALL
        and row.term == study.exposure
        and row.measure in RATIOS
        and row.estimate is not None
        and row.ci_low is not None
        and row.ci_high is not None
    ]
    if not rows:
        raise NotRecordedError(
            f"The primary analysis {study.primary} gives no ratio of the exposure with an interval",
            field="primary",
            remedy="Name a primary analysis that does, or leave this one out.",
        )
    return rows


def word_of(people: AnalysisSet) -> str:
    """The word of `ANALYSES` that gives the primary analysis."""
    study = people.study
    found = [word for word in ANALYSES if study.primary in study.names_of([word])]
    return found[0] if found else "cox_adjusted"  # a model of the study's own


def corrected_for(people: AnalysisSet) -> tuple[str, ...]:
    """Biases that the primary analysis deals with."""
    word = word_of(people)
    measured = ("measured_confounding",) if ANALYSES[word].terms or word == "logistic_outcome" else ()
    return (*measured, "immortal_time") if word in DATED_RIGHT else measured


def is_common(row: Estimate) -> bool:
    """Whether so many have the outcome that a hazard ratio is no risk ratio."""
    n, events = row.counts.n, row.counts.events
    return n is None or events is None or events > COMMON * n


def effect_of(people: AnalysisSet, row: Estimate, analysis: str) -> Effect:
    """The estimate as the effect that `pipelines.stats` takes; its interval stays as it was made."""
    known = {name.lower(): name for name in ESTIMANDS}
    return Effect(
        analysis=analysis,
        measure=row.measure,
        estimate=required(row.estimate),
        std_err=float("nan"),  # not needed: the limits are taken as they are
        ci_low=required(row.ci_low),
        ci_high=required(row.ci_high),
        ci_level=people.study.confidence_level,
        p_value=float("nan"),
        n=row.counts.n or 0,
        n_exposed=row.counts.n_exposed or 0,
        events=row.counts.events or 0,
        estimand=known.get(row.estimand, "conditional"),
        effect_type=row.effect_type or "conditional",
        method=row.method,
    )


def required(value: float | None) -> float:
    """A figure that `primary_rows` has made sure of."""
    if value is None:
        raise ValueError("an estimate without interval")
    return value


def said_of(
    row: Estimate, analysis: str, measure: str, value: float | None, contrast: str, method: str
) -> Estimate:
    """A number about an estimate, with that estimate's people and estimand."""
    return Estimate(
        analysis,
        row.subgroup,
        row.term,
        contrast,
        measure,
        value,
        counts=row.counts,
        estimand=row.estimand,
        effect_type=row.effect_type,
        method=method,
    )


def e_value(people: AnalysisSet, estimates: Sequence[Estimate]) -> Outcomes:
    """E-value of the primary estimate, and of the limit of its interval that is nearer to no effect.

    Raises
    ------
    NotRecordedError
        The primary analysis gives no ratio.
    CodingError
        It is corrected for nothing: an E-value would then speak of the wrong bias.

    References
    ----------
    VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268-274.
    """
    rows: list[Estimate] = []
    notes: list[str] = []
    for row in primary_rows(people, estimates):
        found = e_value_of(
            effect_of(people, row, row.analysis),
            corrected_for=corrected_for(people),
            common_outcome=is_common(row),
        )
        common = "common" if found.common_outcome else "rare"
        method = f"of {row.analysis}, {row.measure} of a {common} outcome as a risk ratio"
        rows += [
            said_of(row, E_VALUE, "e_value", found.e_value, row.contrast, method),
            said_of(
                row, E_VALUE, "e_value_limit", found.e_value_limit, row.contrast, f"{method}, of its limit"
            ),
        ]
        notes += found.notes
    findings = (Finding(E_VALUE, ALL, "not_covered", "warning", words) for words in dict.fromkeys(notes))
    return Outcomes(tuple(rows), tuple(findings))


def unmeasured_confounder(people: AnalysisSet, estimates: Sequence[Estimate]) -> Outcomes:
    """What an unmeasured condition would leave of the primary estimate, over prevalences and strengths.

    The condition is the rarer in the arm that fares better: 10 to 40 percent there, 20 to 60 in the other, with
    ratios of the outcome from 1.25 to 3. Beside it stands how strong each measured covariate is.

    References
    ----------
    Schneeweiss S. Pharmacoepidemiol Drug Saf 2006;15:291-303.
    """
    found = Outcomes()
    for row in primary_rows(people, estimates):
        found += one_array(people, row)
    return found + benchmarks(people)


def one_array(people: AnalysisSet, row: Estimate) -> Outcomes:
    """Table of corrected estimates, and the ratio that would explain the estimate away at some prevalences."""
    effect, common = effect_of(people, row, UNMEASURED), is_common(row)
    better = effect.estimate < 1
    table = array_analysis(
        effect,
        prevalence_exposed=RARER if better else COMMONER,
        prevalence_unexposed=COMMONER if better else RARER,
        ratio=STRENGTHS,
        common_outcome=common,
    ).select(
        "analysis",
        pl.lit(ALL).alias("subgroup"),
        pl.lit(row.analysis).alias("of"),
        pl.lit(row.contrast).alias("contrast"),
        pl.exclude("analysis"),
    )
    rows = []
    for rarer, commoner in SHOWN:
        exposed, unexposed = (rarer, commoner) if better else (commoner, rarer)
        ratio = ratio_that_explains(
            effect, prevalence_exposed=exposed, prevalence_unexposed=unexposed, common_outcome=common
        )
        words = f"prevalence {100 * exposed:g} against {100 * unexposed:g} percent"
        method = (
            f"ratio of the outcome at which the condition alone makes the {row.measure} of {row.analysis}; "
            "empty: no strength does"
        )
        contrast = f"{row.contrast}, {words}"
        rows.append(said_of(row, UNMEASURED, "hr", ratio, contrast, method))
    return Outcomes(tuple(rows), tables=((UNMEASURED, table),))


def benchmarks(people: AnalysisSet) -> Outcomes:
    """How strong each measured covariate of the Cox model is on exposure and outcome, and what leaving it out does."""
    if people.other_labels:
        reason = "the strength of measured covariates is told for two arms alone"
        return Outcomes(findings=(Finding(UNMEASURED, ALL, "benchmarks", "absent", reason),))
    terms = people.terms("cox") or people.terms("propensity")
    try:
        design = build_design(people, terms, analysis=UNMEASURED, with_exposure=False)
        inside = design.people
        columns = {
            term: [column.name for column in design.columns if column.term == term]
            for term in dict.fromkeys(column.term for column in design.columns)
        }
        counts = inside.counts()
        found = covariate_benchmarks(
            inside.time,
            inside.event,
            inside.exposed,
            design.matrix,
            names=design.names,
            terms=columns,
            entry=inside.entry,
            common_outcome=(counts.events or 0) > COMMON * inside.frame.height,
            level=people.study.confidence_level,
        )
    except StatsError as error:
        return Outcomes(findings=(Finding(UNMEASURED, ALL, "benchmarks", "absent", error.without_count),))
    table = found.to_frame().select(
        pl.lit(UNMEASURED).alias("analysis"), pl.lit(ALL).alias("subgroup"), pl.all()
    )
    return Outcomes(tables=((BENCHMARKS, table),))
