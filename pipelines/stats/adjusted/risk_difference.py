"""Absolute effects: differences of survival, risk and restricted mean between arms, and numbers needed.

The whole design, from the scores or models on, is repeated in every bootstrap replicate, by person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, choice, positive_weights
from .._sandwich import clusters_of, sum_by_cluster
from ..competing_risks import aalen_johansen
from ..competing_risks._causes import causes
from ..competing_risks.aalen_johansen import influence_at
from ..effect import Effect, wald_effect
from ..errors import NoEventsError
from ..resampling import Bootstrap, bootstrap
from ._designs import (
    EFFECTS,
    MODELS,
    NO_ERROR,
    IncidenceDesign,
    People,
    SurvivalDesign,
    asked_times,
    check_options,
    design_notes,
    people_of,
    require_reached,
)
from .numbers_needed import NumberNeeded, number_needed


@dataclass(frozen=True)
class SurvivalContrast:
    """Result of `survival_contrast`.

    Attributes
    ----------
    times, horizons : ndarray of shape (m,), (k,)
        At which survival and restricted means are compared.
    survival, survival_lower, survival_upper : ndarray of shape (2, m)
        Of the controls, then of the treated.
    restricted_mean, restricted_mean_lower, restricted_mean_upper : ndarray of shape (2, k)
    survival_difference, risk_difference : tuple of Effect
        Treated less control, one per time.
    restricted_mean_difference : tuple of Effect
        One per horizon.
    number_needed : tuple of NumberNeeded
        One per time.
    bootstrap : Bootstrap
        Of all of them.
    """

    times: FloatArray
    horizons: FloatArray
    survival: FloatArray
    survival_lower: FloatArray
    survival_upper: FloatArray
    restricted_mean: FloatArray
    restricted_mean_lower: FloatArray
    restricted_mean_upper: FloatArray
    survival_difference: tuple[Effect, ...]
    risk_difference: tuple[Effect, ...]
    restricted_mean_difference: tuple[Effect, ...]
    number_needed: tuple[NumberNeeded, ...]
    bootstrap: Bootstrap

    def to_frame(self) -> pl.DataFrame:
        """One row per contrast, with the time it is about."""
        parts = (
            (self.times, self.survival_difference),
            (self.times, self.risk_difference),
            (self.horizons, self.restricted_mean_difference),
        )
        rows = [
            effect.to_frame().insert_column(0, pl.Series("time", [t]))
            for times, effects in parts
            for t, effect in zip(times.tolist(), effects, strict=True)
        ]
        return pl.concat(rows)


@dataclass(frozen=True)
class IncidenceContrast:
    """Result of `incidence_contrast`: as `SurvivalContrast`, of the cumulative incidence of one cause."""

    times: FloatArray
    cause: int
    incidence: FloatArray
    incidence_lower: FloatArray
    incidence_upper: FloatArray
    risk_difference: tuple[Effect, ...]
    number_needed: tuple[NumberNeeded, ...]
    bootstrap: Bootstrap

    def to_frame(self) -> pl.DataFrame:
        """One row per time."""
        return pl.concat(
            effect.to_frame().insert_column(0, pl.Series("time", [t]))
            for t, effect in zip(self.times.tolist(), self.risk_difference, strict=True)
        )


def survival_contrast(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    times: ArrayLike,
    horizons: ArrayLike = (),
    method: str = "weighted",
    estimand: str = "ATE",
    truncate: tuple[float, float] | None = None,
    propensity: str = "logistic",
    model: str = "cox",
    effect: str = "by_arm",
    df: int = 3,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    units: ArrayLike | None = None,
    replicates: int = 1000,
    seed: int = 0,
    workers: int = 1,
    level: float = 0.95,
    kind: str = "percentile",
) -> SurvivalContrast:
    """Differences of survival, risk and restricted mean between arms, with bootstrapped intervals.

    Parameters
    ----------
    time, event, entry
        As in `kaplan_meier.kaplan_meier`.
    treated : array_like of shape (n,)
        1 or True for the treated.
    covariates : array_like of shape (n, p), or Polars frame, optional
        Known before treatment: of the score, or of the outcome model. None only where `unadjusted`.
    times : array_like of shape (m,)
        Above zero.
    horizons : array_like of shape (k,)
        Of restricted means, above zero.
    method : {"weighted", "g_computation", "unadjusted"}
        Kaplan-Meier weighted by the inverse of a propensity score; a model averaged over people; neither.
    estimand : str
        ATE, ATT, ATC; by weights also ATO, ATM. Unadjusted, what it would be were the arms alike.
    truncate : tuple of float, optional
        Percentiles to which weights are truncated, such as (0.01, 0.99).
    propensity : str
        Model of the score, see `propensity.fit_propensity`.
    model, effect, df
        Of g-computation, see `curves.standardised_curves`.
    names : sequence of str, optional
        One per covariate.
    units : array_like of shape (n,), optional
        Labels of rows that are drawn together; default each row by itself.
    replicates, seed, workers, level, kind
        Of the bootstrap, see `resampling.bootstrap`. Numbers do not depend on `workers`, nor on the order of
        the rows.

    Returns
    -------
    SurvivalContrast

    Raises
    ------
    EmptyArmError
        Nobody, or everybody, is treated.
    BeyondFollowUpError
        A time to which an arm was not followed.
    ReplicateError
        More than a tenth of the replicates failed.
    CodingError and the other input errors
        The message names field, count and remedy.

    References
    ----------
    Cole SR, Hernan MA. Adjusted survival curves with inverse probability weights. Comput Methods Programs
    Biomed 2004;75:45-49.
    Austin PC. Absolute risk reductions and numbers needed to treat can be obtained from adjusted survival
    models for time-to-event outcomes. J Clin Epidemiol 2010;63:46-55.
    """
    check_options(method, estimand, covariates)
    choice(model, "model", MODELS)
    choice(effect, "effect", EFFECTS)
    when, ends = asked_times(times, "times"), asked_times(horizons, "horizons", none_allowed=True)
    labels = None if names is None else tuple(names)
    people = people_of(time, event, treated, covariates, labels, entry, units)
    design = SurvivalDesign(people, method, estimand, when, ends, truncate, propensity, model, effect, df)
    found = _bootstrap(design, people, replicates, seed, workers, level, kind)
    m, k = len(when), len(ends)
    how = {
        "weighted": f"Kaplan-Meier weighted by {propensity} propensity scores",
        "g_computation": f"g-computation by {model} ({effect})",
        "unadjusted": "Kaplan-Meier, unadjusted",
    }[method]
    notes = design_notes(people, method, estimand, truncate, propensity)
    effects = _Effects(found, people, f"{method}_survival", estimand, how, notes)
    risk = effects.of("risk_difference", 3 * m, when)
    return SurvivalContrast(
        times=when,
        horizons=ends,
        survival=found.point[: 2 * m].reshape(2, m),
        survival_lower=found.lower[: 2 * m].reshape(2, m),
        survival_upper=found.upper[: 2 * m].reshape(2, m),
        restricted_mean=found.point[4 * m : 4 * m + 2 * k].reshape(2, k),
        restricted_mean_lower=found.lower[4 * m : 4 * m + 2 * k].reshape(2, k),
        restricted_mean_upper=found.upper[4 * m : 4 * m + 2 * k].reshape(2, k),
        survival_difference=effects.of("survival_difference", 2 * m, when),
        risk_difference=risk,
        restricted_mean_difference=effects.of("rmst_difference", 4 * m + 2 * k, ends),
        number_needed=tuple(number_needed(one) for one in risk),
        bootstrap=found,
    )


def incidence_contrast(
    time: ArrayLike,
    cause: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    of: int = 1,
    times: ArrayLike,
    method: str = "weighted",
    estimand: str = "ATE",
    truncate: tuple[float, float] | None = None,
    propensity: str = "logistic",
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    units: ArrayLike | None = None,
    replicates: int = 1000,
    seed: int = 0,
    workers: int = 1,
    level: float = 0.95,
    kind: str = "percentile",
) -> IncidenceContrast:
    """Difference of the cumulative incidence of one cause between arms, by weighted Aalen-Johansen curves.

    Parameters
    ----------
    time, cause, entry
        As in `competing_risks.aalen_johansen`.
    of : int
        The cause of interest.
    method : {"weighted", "unadjusted"}
    treated, covariates, times, estimand, truncate, propensity, names, units, replicates, seed, workers, \
level, kind
        As in `survival_contrast`.

    Returns
    -------
    IncidenceContrast

    Raises
    ------
    The errors of `survival_contrast`, and NoEventsError where nobody has the cause.
    """
    check_options(method, estimand, covariates)
    choice(method, "method", ("weighted", "unadjusted"))
    when = asked_times(times, "times")
    labels = None if names is None else tuple(names)
    people = people_of(time, cause, treated, covariates, labels, entry, units, competing=True)
    causes(people.code, "cause", len(people.code)).of(of, "of")
    design = IncidenceDesign(people, method, estimand, of, when, truncate, propensity)
    found = _bootstrap(design, people, replicates, seed, workers, level, kind)
    m = len(when)
    how = "Aalen-Johansen" + (f" weighted by {propensity} propensity scores" if method == "weighted" else "")
    notes = design_notes(people, method, estimand, truncate, propensity)
    effects = _Effects(found, people, f"{method}_incidence", estimand, f"{how}, cause {of}", notes, of)
    risk = effects.of("risk_difference", 2 * m, when)
    return IncidenceContrast(
        times=when,
        cause=of,
        incidence=found.point[: 2 * m].reshape(2, m),
        incidence_lower=found.lower[: 2 * m].reshape(2, m),
        incidence_upper=found.upper[: 2 * m].reshape(2, m),
        risk_difference=risk,
        number_needed=tuple(number_needed(one) for one in risk),
        bootstrap=found,
    )


def incidence_difference(
    time: ArrayLike,
    cause: ArrayLike,
    treated: ArrayLike,
    *,
    of: int = 1,
    times: ArrayLike,
    weights: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    estimand: str = "ATE",
    level: float = 0.95,
) -> tuple[Effect, ...]:
    """Difference of the cumulative incidence of one cause between two arms, with Wald intervals and tests.

    Parameters
    ----------
    time, cause, weights, entry
        As in `competing_risks.aalen_johansen`; with an event of 0/1 it is the difference of risks by Kaplan
        and Meier. Weights are taken as known: for weights that were estimated see `incidence_contrast`.
    treated : array_like of shape (n,)
        1 or True for the treated.
    of : int
        The cause of interest.
    times : array_like of shape (m,)
        Above zero.
    cluster : array_like of shape (n,), optional
        Labels of rows that belong together, such as matched pairs, also across the arms.
    estimand : str
        Whom the arms were made to look like.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    tuple of Effect
        One per time: risk of the treated less that of the controls, variance by the jackknife.

    Raises
    ------
    EmptyArmError, BeyondFollowUpError, NoEventsError, CodingError and the other input errors
        The message names field, count and remedy.
    """
    when = asked_times(times, "times")
    n = len(np.asarray(time))
    people = people_of(time, cause, treated, None, None, entry, np.arange(n), competing=True)
    causes(people.code, "cause", n).of(of, "of")  # `people` has the rows in the order of the input
    known = None if weights is None else positive_weights(weights, n)
    member = clusters_of(cluster, n)
    risk, moved = np.zeros((2, len(when))), np.zeros((n, len(when)))
    for arm in (0, 1):
        own = np.flatnonzero(people.treated == bool(arm))
        part, w = people.of(own), None if known is None else known[own]
        if not part.died.any():
            continue
        curve = aalen_johansen(part.time, part.code, entry=part.entry, weights=w).curves[0]
        require_reached(curve, when)
        if of not in curve.causes:
            continue
        risk[arm] = curve.incidence_at(when, of)
        for j, t in enumerate(when.tolist()):
            influence = influence_at(curve, part.time, part.code, part.entry, w, of=of, at=t)
            moved[own, j] = influence if arm else -influence
    error = np.sqrt(np.sum(sum_by_cluster(moved, member) ** 2, axis=0))
    unknown = error <= NO_ERROR
    if unknown.any():
        raise NoEventsError(
            "The risks have no variance: nobody has had the event by then, or everybody",
            field="times",
            count=int(np.count_nonzero(unknown)),
            remedy="Take other times.",
        )
    pairs = "" if cluster is None else " by cluster"
    return tuple(
        wald_effect(
            float(risk[1, j] - risk[0, j]),
            float(error[j]),
            analysis="incidence_difference",
            measure="risk_difference",
            n=n,
            n_exposed=int(people.treated.sum()),
            events=int(np.count_nonzero(people.code == of)),
            estimand=estimand,
            effect_type="marginal",
            method=f"Aalen-Johansen, jackknife variance{pairs}, weights as known, cause {of}, at {t:g}",
            level=level,
        )
        for j, t in enumerate(when.tolist())
    )


@dataclass(frozen=True)
class _Effects:
    """Turns columns of a bootstrap into effects."""

    found: Bootstrap
    people: People
    analysis: str
    estimand: str
    how: str
    notes: tuple[str, ...]
    cause: int | None = None

    def of(self, measure: str, first: int, times: FloatArray) -> tuple[Effect, ...]:
        code = self.people.code
        events = code > 0 if self.cause is None else code == self.cause
        return tuple(
            self.found.effect(
                analysis=self.analysis,
                measure=measure,
                n=len(self.people.time),
                n_exposed=int(self.people.treated.sum()),
                events=int(events.sum()),
                estimand=self.estimand,
                effect_type="marginal",
                method=f"{self.how}, at {t:g}",
                which=first + j,
                notes=self.notes,
            )
            for j, t in enumerate(times.tolist())
        )


def _bootstrap(
    design: SurvivalDesign | IncidenceDesign,
    people: People,
    replicates: int,
    seed: int,
    workers: int,
    level: float,
    kind: str,
) -> Bootstrap:
    units = people.units
    n_units = len(people.time) if units is None else int(units.max()) + 1
    return bootstrap(
        design,
        n_units,
        replicates=replicates,
        seed=seed,
        units=units,
        workers=workers,
        level=level,
        kind=kind,
    )
