"""The adjusted Cox model under two other policies for missing covariates: imputed, and complete cases alone."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from pipelines.stats.cox import CoxFit, fit_cox
from pipelines.stats.errors import EmptyArmError
from pipelines.stats.imputation import Variable, impute, pool
from pipelines.studies.analysis_set import MISSING_LEVEL, AnalysisSet
from pipelines.studies.design import Column, Design, build_design
from pipelines.studies.estimators.models import cox_model, few_events, post_baseline
from pipelines.studies.estimators.rows import left_out
from pipelines.studies.language import Covariate
from pipelines.studies.results import Estimate, Finding, Outcomes

IMPUTED, COMPLETE = "imputed_cox", "complete_case_cox"


def is_missing(people: AnalysisSet, one: Covariate) -> pl.Series:
    """Whose covariate is missing, for whatever reason (n,)."""
    values = people.frame[f"cov_{one.name}"]
    return values.is_null() if one.kind == "continuous" else values.is_null() | (values == MISSING_LEVEL)


def complete_case_cox(people: AnalysisSet) -> Outcomes:
    """The adjusted Cox model of people without any missing covariate.

    It holds only where being complete has nothing to do with survival given the covariates, which in a registry
    is rarely so: records are the fuller the longer people live.
    """
    terms = people.terms("cox")
    gap = np.zeros(people.frame.height, dtype=bool)
    for one in terms:
        gap |= is_missing(people, one).to_numpy()
    inside = people.where(~gap)
    if not 0 < inside.exposed.sum() < inside.frame.height:
        raise EmptyArmError(
            "An arm has nobody with every covariate known",
            field=", ".join(one.name for one in terms),
            remedy="Read the model with missing values as a level, or the imputed one.",
        )
    words = "a covariate of the model is missing"
    found = Outcomes(findings=left_out(people, COMPLETE, "incomplete_cases", words, int(gap.sum())))
    return found + cox_model(inside, terms, analysis=COMPLETE)


def imputed_cox(people: AnalysisSet) -> Outcomes:
    """The adjusted Cox model over data sets in which missing covariates were drawn, pooled by Rubin's rules.

    Exposure, event and cumulative hazard are among the predictors. What was not collected, withheld or does not
    apply is a level of its own and never drawn.
    """
    study, terms = people.study, people.terms("cox")
    fits = [fitted(design) for design in completed_designs(people, terms)]
    shared = [column for column in fits[0][0].columns if all(column in one.columns for one, _ in fits)]
    rows = [pooled(people, fits, column) for column in shared]
    first, fit = fits[0]
    findings = (
        *(replace(one, analysis=IMPUTED) for one in first.findings),
        *missing_of(people, terms),
        *few_events(IMPUTED, people.subgroup, fit.events_per_covariate, fit.warnings),
        *post_baseline(IMPUTED, people.subgroup, terms),
    )
    rule = study.imputation
    words = (
        "missing covariates drawn by chained equations from exposure, outcome and each other: "
        f"{rule.imputations} data sets, {rule.rounds} rounds, seed {rule.seed}"
    )
    return Outcomes(tuple(rows), (*findings, Finding(IMPUTED, people.subgroup, "imputation", "info", words)))


def completed_designs(people: AnalysisSet, terms: list[Covariate]) -> Iterator[Design]:
    """The model matrix of each imputed data set."""
    rule = people.study.imputation
    drawn = [one for one in terms if says_something(people, one)]
    others = [
        Variable(f"arm={label}", "binary", (people.frame["arm"] == label).to_numpy().astype(float))
        for label in people.other_labels
    ]
    imputations = impute(
        [*(variable(people, one) for one in drawn), *others],
        exposure=people.exposed,
        event=people.event,
        time=people.time,
        entry=people.entry,
        imputations=rule.imputations,
        rounds=rule.rounds,
        seed=rule.seed,
    )
    for complete in imputations.complete:
        frame = people.frame.with_columns(
            pl.Series(f"cov_{one.name}", complete[one.name].tolist()) for one in drawn
        )
        yield build_design(replace(people, frame=frame), terms, analysis=IMPUTED, with_exposure=True)


def says_something(people: AnalysisSet, one: Covariate) -> bool:
    """Whether the known values differ: from one value alone nothing is learnt, and nothing drawn."""
    known = people.frame[f"cov_{one.name}"].filter(~is_missing(people, one))
    return known.n_unique() > 1


def variable(people: AnalysisSet, one: Covariate) -> Variable:
    """A covariate with what is missing in it, and why."""
    values, raw = people.frame[f"cov_{one.name}"], people.frame[f"raw_{one.name}"]
    if one.kind == "continuous":
        return Variable(one.name, "continuous", values.to_numpy().astype(float))
    known = pl.select(pl.when(values != MISSING_LEVEL).then(values)).to_series()
    reason = raw.cast(pl.String).fill_null(MISSING_LEVEL)
    return Variable(one.name, "categorical", known.to_list(), reason.to_numpy())


def fitted(design: Design) -> tuple[Design, CoxFit]:
    """The adjusted Cox model of one data set."""
    people = design.people
    fit = fit_cox(
        people.time,
        people.event,
        design.matrix,
        names=design.names,
        entry=people.entry,
        ties=people.study.models.ties,
    )
    return design, fit


def pooled(people: AnalysisSet, fits: list[tuple[Design, CoxFit]], column: Column) -> Estimate:
    """One coefficient over the data sets."""
    places = [design.columns.index(column) for design, _ in fits]
    found = pool(
        [fit.coefficients[place] for (_, fit), place in zip(fits, places, strict=True)],
        [fit.standard_errors[place] ** 2 for (_, fit), place in zip(fits, places, strict=True)],
        n=round(float(np.mean([fit.n_events for _, fit in fits]))),
        n_parameters=len(fits[0][0].columns),
        level=people.study.confidence_level,
    )
    return Estimate(
        IMPUTED,
        people.subgroup,
        column.term,
        column.contrast,
        "hr",
        float(np.exp(found.estimate)),
        float(np.exp(found.lower)),
        float(np.exp(found.upper)),
        found.p_value,
        counts=fits[0][0].people.counts(),
        estimand="association",
        effect_type="conditional",
        method=f"Cox, {people.study.models.ties} ties, pooled over {len(fits)} imputations (Rubin)",
    )


def missing_of(people: AnalysisSet, terms: list[Covariate]) -> tuple[Finding, ...]:
    """How many people miss each covariate that has gaps."""
    return tuple(
        Finding(
            IMPUTED,
            people.subgroup,
            f"missing ({one.name})",
            "info",
            f"{one.name} is missing; what somebody could have known is drawn",
            float(is_missing(people, one).sum()),
            unit="people",
        )
        for one in terms
        if is_missing(people, one).any()
    )
