"""The estimators on a study's own people, with an outcome drawn anew whose hazard ratio is known."""

import math
from collections.abc import Callable, Mapping

import polars as pl

from pipelines.stats import immortal_time as methods
from pipelines.stats.effect import Effect
from pipelines.stats.immortal_time import PlasmodeResult, SimulatedPeople
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators.immortal import designed, months_to_operation, timing_of
from pipelines.studies.language import StudyDefinition, Timing
from pipelines.studies.results import Estimate, Finding, Outcomes

Method = Callable[[SimulatedPeople], Effect]


def plasmode(people: AnalysisSet) -> Outcomes:
    """Mean hazard ratio that each estimator finds over the simulated data sets, with its Monte Carlo interval.

    The table ``plasmode`` has the bias on the log scale, how much the estimates vary, the standard error that the
    estimator states, and how often its interval holds the truth.
    """
    design, told = designed(people, "plasmode", operable_by=math.inf)
    inside, study = design.people, people.study
    model = methods.fit_plasmode(
        inside.time,
        inside.event,
        months_to_operation(inside),
        design.matrix,
        names=design.names,
        ties=study.models.ties,
    )
    settings = study.plasmode
    found = methods.simulate(
        model,
        methods_of(study, timing_of(people)),
        replicates=settings.replicates,
        size=settings.people,
        hazard_ratio=settings.true_hr,
        seed=settings.seed,
        level=study.confidence_level,
    )
    words = (
        "operations and deaths are drawn from models of these people, operations only in those who live; people are "
        "resampled with their covariates, everybody is censored alike, and the estimators adjust for the two fitted "
        "scores, so that what is left is the bias of how time is counted"
    )
    findings = (*told, Finding("plasmode", people.subgroup, "how", "info", words), *failures(found, people))
    table = pl.DataFrame([row(name, one, people) for name, one in found.items()])
    estimates = tuple(estimate(name, one, inside) for name, one in found.items())
    return Outcomes(estimates, findings, (("plasmode", table),))


def methods_of(study: StudyDefinition, timing: Timing) -> Mapping[str, Method]:
    """The dated estimators by the names of their analyses, with the settings of the study."""
    ties, level, window = study.models.ties, study.confidence_level, timing.window_months

    def landmark(at: float) -> Method:
        return lambda drawn: methods.landmark(*drawn.arguments, at=at, ties=ties, level=level).effect

    return {
        "ever_never": lambda drawn: methods.ever_never(*drawn.arguments, ties=ties, level=level).effect,
        "immortal_time_excluded": lambda drawn: (
            methods.immortal_time_excluded(
                *drawn.arguments, reading=timing.excluded_reading, ties=ties, level=level
            ).effect
        ),
        "time_varying_cox": lambda drawn: (
            methods.time_varying(*drawn.arguments, ties=ties, level=level).effect
        ),
        "time_varying_window_cox": lambda drawn: (
            methods.time_varying(*drawn.arguments, window=window, ties=ties, level=level).effect
        ),
        **{f"landmark_{at:g}": landmark(at) for at in timing.landmarks_months},
        "clone_censor_weight": lambda drawn: (
            methods.clone_censor_weight(
                *drawn.arguments,
                grace=window,
                strategy=timing.strategy,
                truncate=timing.truncate,
                ties=ties,
                level=level,
            ).effect
        ),
    }


def estimate(name: str, one: PlasmodeResult, people: AnalysisSet) -> Estimate:
    """Geometric mean of the hazard ratios; the p-value tests that there is no bias."""
    settings = people.study.plasmode
    low, high = one.interval
    return Estimate(
        f"plasmode_{name}",
        people.subgroup,
        people.study.exposure,
        people.contrast,
        "hr",
        math.exp(one.mean),
        low,
        high,
        one.p_value,
        people.counts(),
        estimand="bias",
        effect_type="marginal" if name == "clone_censor_weight" else "conditional",
        method=(
            f"plasmode: mean of {one.replicates} data sets of {settings.people} people simulated under a hazard "
            f"ratio of {settings.true_hr:g}, Monte Carlo interval"
        ),
    )


def row(name: str, one: PlasmodeResult, people: AnalysisSet) -> dict[str, object]:
    """Row of the table."""
    return {
        "analysis": f"plasmode_{name}",
        "subgroup": people.subgroup,
        "true_hr": people.study.plasmode.true_hr,
        "mean_hr": math.exp(one.mean),
        "log_bias": one.bias,
        "monte_carlo_se": one.std_err,
        "spread": one.spread,
        "stated_se": one.stated,
        "coverage": one.covered,
        "replicates": one.replicates,
        "failed": one.failed,
    }


def failures(found: Mapping[str, PlasmodeResult], people: AnalysisSet) -> tuple[Finding, ...]:
    """Which estimators could not analyse every simulated data set."""
    words = "simulated data sets that it could not analyse; they are left out"
    return tuple(
        Finding(f"plasmode_{name}", people.subgroup, "failed_replicates", "warning", words, float(one.failed))
        for name, one in found.items()
        if one.failed
    )
