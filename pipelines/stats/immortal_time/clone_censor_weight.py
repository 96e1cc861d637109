"""Clone, censor, weight: two strategies that start at time zero, compared as a trial would.

Each person enters both arms, is censored in an arm when she departs from its strategy, and the others are
weighted to stand for her. Nobody is sorted by her future, so there is no immortal time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, confidence, matrix
from ..cox import CoxFit
from ..effect import Effect, wald_effect
from ..errors import CodingError, NoEventsError
from ..resampling import Bootstrap
from ..resampling import bootstrap as draw_again
from ._arm_curves import DIFFERENCES, ArmCurve, contrast, contrast_std_err, survival_table
from ._arm_weights import ArmWeights, describe_weights
from ._clone_analysis import Analysis, Design, analyse, estimates
from ._people import check_people, window_of_time
from ._person_time import PersonTime
from .surgery_hazard import SurgeryHazard

NO_ERROR = 1e-12  # a standard error that is zero but for rounding


@dataclass(frozen=True)
class CloneCensorWeight:
    """Result of `clone_censor_weight`.

    Attributes
    ----------
    effect : Effect
        Hazard ratio, "operated by `grace`" against "not operated by `grace`".
    fit : CoxFit
        The weighted model of the clones, variance clustered by person.
    hazard : SurgeryHazard
        Who was operated when, on the people themselves.
    weights : tuple of ArmWeights
        Unoperated arm first.
    curves : tuple of ArmCurve
        Weighted survival, unoperated arm first.
    differences : tuple of Effect
        Risk and restricted mean differences at `times`.
    n_people, n_clones, n_rows : int
    grace, step : float
    strategy : str
    person_time : PersonTime
        The rows themselves.
    replicates : Bootstrap or None
    """

    effect: Effect
    fit: CoxFit = field(repr=False)
    hazard: SurgeryHazard
    weights: tuple[ArmWeights, ArmWeights]
    curves: tuple[ArmCurve, ArmCurve] = field(repr=False)
    differences: tuple[Effect, ...]
    n_people: int
    n_clones: int
    n_rows: int
    grace: float
    step: float
    strategy: str
    person_time: PersonTime = field(repr=False)
    replicates: Bootstrap | None = field(repr=False)

    def to_frame(self) -> pl.DataFrame:
        """One row per effect: the hazard ratio, then the differences."""
        return pl.concat(effect.to_frame() for effect in (self.effect, *self.differences))

    def weights_frame(self) -> pl.DataFrame:
        """One row per arm."""
        return pl.DataFrame([vars(arm) for arm in self.weights])

    def curves_frame(self) -> pl.DataFrame:
        """Both curves, one row per arm and time of death."""
        return pl.concat(curve.to_frame() for curve in self.curves)

    def survival_frame(self, times: Sequence[float], level: float = 0.95) -> pl.DataFrame:
        """Survival of both arms at `times`: one row per arm and time; log-log interval by person.

        Where survival is 1 or 0 the interval does not exist and is null.
        """
        for at in times:
            _require_followed(self.curves, at)
        return pl.concat(survival_table(curve, tuple(times), self.n_people, level) for curve in self.curves)

    def risk_difference(self, at: float, level: float = 0.95) -> Effect:
        """Risk of death by `at`, operated minus not; interval by person, weights taken as known."""
        return _difference(self.effect, self.curves, "risk_difference", at, level)

    def rmst_difference(self, at: float, level: float = 0.95) -> Effect:
        """Mean time alive up to `at`, operated minus not; interval by person, weights taken as known."""
        return _difference(self.effect, self.curves, "rmst_difference", at, level)


def clone_censor_weight(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None,
    *,
    grace: float = 8.0,
    strategy: str = "as_observed",
    interval: float = 1.0,
    names: Sequence[str] | None = None,
    hazard_covariates: ArrayLike | pl.DataFrame | None = None,
    outcome_covariates: ArrayLike | pl.DataFrame | None = None,
    step: float = 0.5,
    stabilise: bool = False,
    truncate: float | None = None,
    times: Sequence[float] = (),
    ties: str = "efron",
    hazard_ties: str = "auto",
    bootstrap: int = 0,
    seed: int = 0,
    workers: int = 1,
    level: float = 0.95,
) -> CloneCensorWeight:
    """Compare "operated within the grace period" with "not operated within it", from time zero on.

    Parameters
    ----------
    time : array_like of shape (n,)
        Time zero (diagnosis) to death or last contact, in months or any one unit; above zero.
    event : array_like of shape (n,)
        1 for death, 0 for censored.
    surgery_time : array_like of shape (n,)
        Time zero to the first operation; NaN where never operated.
    covariates : array_like of shape (n, p), Polars frame, or None
        What decides both about the operation and about survival, known at time zero. They enter the model
        of the surgery hazard. None: nothing does.
    grace : float
        Length of the grace period. 0: operated at time zero or not.
    strategy : {"as_observed", "natural_then_forced", "uniform"}
        When the operated arm operates within it. `as_observed`: as those operated in it were.
        `natural_then_forced`: as usual until `interval` before its end, then everybody left, within that
        last interval. `uniform`: equally likely in each interval. One interval as long as the grace period
        makes all three the same.
    interval : float
        Width of those intervals; within one the timing stays as observed. Narrow ones have few operations
        and large weights.
    names : sequence of str, optional
        Names of the covariates.
    hazard_covariates : array_like of shape (n, p), optional
        Covariates of the surgery hazard, where they are not `covariates` (splines, interactions).
    outcome_covariates : array_like of shape (n, q), optional
        Covariates of the outcome model too; the hazard ratio is then conditional on them.
    step : float
        Weights of the unoperated are refreshed so often within the grace period, at most 200 times.
    stabilise : bool
        Multiply the weights of an arm by the share of people who follow it: other scale, and without
        proportional hazards another average over time.
    truncate : float, optional
        Quantile, above 0.5 and below 1, at which the weights of each arm are cut (each clone counted once
        by its largest). Less variance, some of the bias back.
    times : sequence of float
        Times at which risk and restricted mean differences are given.
    ties : {"efron", "breslow"}
        In the outcome model.
    hazard_ties : {"auto", "breslow", "efron", "grouped"}
        In the surgery hazard; see `fit_surgery_hazard`.
    bootstrap : int
        Replicates of the whole design (surgery hazard, weights, model), by person; 0: none, the intervals
        then are clustered by person with the weights taken as known.
    seed, workers : int
        Of the bootstrap; the numbers are the same with any number of workers and any order of the rows.
    level : float
        Confidence level.

    Returns
    -------
    CloneCensorWeight
        Marginal per-protocol hazard ratio and differences, or conditional with `outcome_covariates`.

    Raises
    ------
    EmptyArmError
        Nobody is operated in the grace period (or in an interval the strategy needs), or nobody is still
        unoperated and followed at its end.
    SeparationError
        A covariate level nobody of whom is operated, or an arm without deaths.
    StopBeforeStartError
        People whose follow-up ends at time zero, or operated after their follow-up.
    NoEventsError
        Nobody dies, or nobody by one of `times`.
    StatsError
        As in `ever_never`.

    References
    ----------
    Cain LE, Robins JM, Lanoy E, Logan R, Costagliola D, Hernán MA. When to start treatment? A systematic
    approach to the comparison of dynamic regimes using observational data. Int J Biostat 2010;6:18.
    Hernán MA. How to estimate the effect of treatment duration on survival outcomes using observational
    data. BMJ 2018;360:k182.
    Maringe C et al. Reflection on modern methods: trial emulation in the presence of immortal-time bias.
    Int J Epidemiol 2020;49:1719-1729.
    """
    confidence(level)
    own = hazard_covariates is None
    people = check_people(
        time, event, surgery_time, covariates if own else hazard_covariates, names if own else None
    )
    outcome, outcome_names = _outcome(outcome_covariates, people.n)
    design = Design(
        people=people,
        outcome=outcome,
        outcome_names=outcome_names,
        grace=window_of_time(grace, "grace"),
        strategy=strategy,
        interval=interval,
        step=step,
        stabilise=stabilise,
        truncate=truncate,
        times=tuple(window_of_time(at, "times") for at in times),
        ties=ties,
        hazard_ties=hazard_ties,
    )
    design.check()
    found = analyse(design, variance=True)
    replicates = None
    if bootstrap:
        settled = replace(design.in_canonical_order(), hazard_ties=found.hazard.ties)
        task = partial(estimates, settled)
        replicates = draw_again(task, people.n, replicates=bootstrap, seed=seed, workers=workers, level=level)
    return _result(design, found, replicates, level)


def _outcome(covariates: ArrayLike | pl.DataFrame | None, n: int) -> tuple[FloatArray, tuple[str, ...]]:
    return (np.zeros((n, 0)), ()) if covariates is None else matrix(covariates, None, n)


def _result(design: Design, found: Analysis, replicates: Bootstrap | None, level: float) -> CloneCensorWeight:
    people, rows, grace = design.people, found.rows, design.grace
    weights = describe_weights(rows, people.followed_after(grace), grace, found.truncated)
    notes = (
        f"Operated by {grace:g} ({design.timing}) against not operated by {grace:g}.",
        *(arm.sentence() for arm in weights),
        *people.notes,
        *found.hazard.notes,
        *found.fit.warnings,
    )
    effect = wald_effect(
        float(found.fit.coefficients[0]),
        float(found.fit.standard_errors[0]),
        analysis="clone_censor_weight",
        measure="hr",
        n=people.n,
        n_exposed=int(np.count_nonzero(people.operated_by(grace))),
        events=int(np.count_nonzero(people.died)),
        estimand="per_protocol",
        effect_type="conditional" if design.outcome_names else "marginal",
        method=f"clone, censor, weight; Cox, {design.ties} ties; variance by person, weights as known",
        level=level,
        notes=notes,
    )
    wanted = list(product(design.times, DIFFERENCES))
    differences = [_difference(effect, found.curves, measure, at, level) for at, measure in wanted]
    if replicates is not None:
        effect = _with_replicates(effect, replicates, 0)
        differences = [_with_replicates(one, replicates, k) for k, one in enumerate(differences, start=1)]
    return CloneCensorWeight(
        effect=effect,
        fit=found.fit,
        hazard=found.hazard,
        weights=weights,
        curves=found.curves,
        differences=tuple(differences),
        n_people=people.n,
        n_clones=sum(arm.clones for arm in weights),
        n_rows=len(rows.person),
        grace=grace,
        step=design.step,
        strategy=design.strategy,
        person_time=rows,
        replicates=replicates,
    )


def _difference(
    like: Effect, curves: tuple[ArmCurve, ArmCurve], measure: str, at: float, level: float
) -> Effect:
    """Difference of the curves at a time, about the people and the strategies of the hazard ratio."""
    _require_followed(curves, at)
    std_err = contrast_std_err(curves, measure, at, like.n)
    if std_err <= NO_ERROR:
        raise NoEventsError(
            "Nobody has died by this time, or everybody has",
            field="times",
            remedy="Ask for a time between the first death and the last.",
        )
    return wald_effect(
        contrast(curves, measure, at),
        std_err,
        analysis=f"{like.analysis}_{at:g}",
        measure=measure,
        n=like.n,
        n_exposed=like.n_exposed,
        events=like.events,
        estimand=like.estimand,
        effect_type="marginal",
        method="clone, censor, weight; weighted Kaplan-Meier; variance by person, weights as known",
        level=level,
        notes=like.notes,
    )


def _require_followed(curves: tuple[ArmCurve, ArmCurve], at: float) -> None:
    last = min(curve.last for curve in curves)
    if window_of_time(at, "times") > last:
        raise CodingError(
            "A time after the end of one arm's follow-up", field="times", remedy="Ask for an earlier time."
        )


def _with_replicates(effect: Effect, replicates: Bootstrap, which: int) -> Effect:
    return replicates.effect(
        analysis=effect.analysis,
        measure=effect.measure,
        n=effect.n,
        n_exposed=effect.n_exposed,
        events=effect.events,
        estimand=effect.estimand,
        effect_type=effect.effect_type,
        method=effect.method.split("; variance")[0] + "; whole design by person",
        which=which,
        notes=effect.notes,
    )
