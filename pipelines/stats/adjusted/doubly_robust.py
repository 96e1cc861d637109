"""Doubly robust estimates: weights and an outcome model, right where one of the two is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, choice, flags, follow_up, matrix, row_hash
from .._linear_algebra import normal_quantile
from ..balance import effective_sample_size
from ..effect import Effect, wald_effect
from ..errors import BeyondFollowUpError, CodingError, NoEventsError
from ..propensity import MODELS, fit_logistic, fit_propensity
from ..propensity._arms import two_arms
from ..propensity._newton import expit
from ..resampling import Bootstrap
from ..resampling import bootstrap as resample
from ..weighting.weights import WHOSE_EFFECT, raw_weights
from ._augmentation import (
    LARGEST_HAZARD,
    Functionals,
    Hazard,
    censoring_hazard,
    mended_survival,
    outcome_hazard,
)
from ._designs import asked_times

TARGETS = ("ATE", "ATT", "ATC")
CENSORING = ("kaplan_meier", "cox")
LARGE_SHARE = 0.1  # of an arm's weight, on one person


@dataclass(frozen=True)
class DoublyRobust:
    """Result of `doubly_robust_survival` and `doubly_robust_risk`.

    Attributes
    ----------
    times, taus : ndarray of shape (k,), (l,)
        Times of the survival differences, horizons of the restricted means.
    control, treated : ndarray of shape (k + l,)
        Survival at `times` (or risk, see `quantity`), then restricted means, had everybody in the target
        group had one treatment or the other.
    std_err : ndarray of shape (3, k + l)
        Of control, treated, and their difference, from the influence functions.
    effects : tuple of Effect
        Treated less control, for each of the above.
    quantity : {"survival", "risk"}
    level : float
        Of every interval of the result.
    bootstrap : Bootstrap or None
        Columns: control, treated, differences.
    """

    times: FloatArray
    taus: FloatArray
    control: FloatArray
    treated: FloatArray
    std_err: FloatArray
    effects: tuple[Effect, ...]
    quantity: str
    level: float
    bootstrap: Bootstrap | None

    @property
    def effect(self) -> Effect:
        """The first difference asked for."""
        return self.effects[0]

    def to_frame(self) -> pl.DataFrame:
        """One row per time or horizon and arm: estimate and interval, the bootstrap's where there is one."""
        values = np.array([self.control, self.treated])
        half = normal_quantile(self.level) * self.std_err[:2]
        lower, upper = values - half, values + half
        if self.bootstrap is not None:
            lower = self.bootstrap.lower[: values.size].reshape(values.shape)
            upper = self.bootstrap.upper[: values.size].reshape(values.shape)
        kind = [self.quantity] * len(self.times) + ["restricted_mean"] * len(self.taus)
        at = np.concatenate([self.times, self.taus])
        return pl.concat(
            pl.DataFrame(
                {
                    "quantity": kind,
                    "time": at,
                    "arm": [arm] * len(at),
                    "estimate": values[row],
                    "ci_low": lower[row],
                    "ci_high": upper[row],
                    "ci_level": np.full(len(at), self.level),
                }
            )
            for row, arm in enumerate(("control", "treated"))
        )

    def differences(self) -> pl.DataFrame:
        """One row per effect."""
        at = np.concatenate([self.times, self.taus])
        frame = pl.concat(effect.to_frame() for effect in self.effects)
        return frame.insert_column(0, pl.Series("time", at))


@dataclass(frozen=True)
class _Design:
    """Everything from the score on, so that a bootstrap can do it again with other rows."""

    time: FloatArray
    died: BoolArray
    treated: BoolArray
    covariates: FloatArray
    names: tuple[str, ...]
    outcome_covariates: FloatArray
    outcome_names: tuple[str, ...]
    functionals: Functionals
    estimand: str
    propensity: str
    censoring: str
    risk: bool
    seed: int

    def __call__(self, rows: IntArray) -> FloatArray:
        """Control, treated, and treated less control."""
        values, _ = self.influences(rows, self.weights(rows))
        return np.concatenate([values[0], values[1], values[1] - values[0]])

    def weights(self, rows: IntArray) -> FloatArray:
        """Weights by the inverse of a score fitted to `rows`."""
        treated = self.treated[rows]
        score = fit_propensity(
            self.covariates[rows], treated, names=self.names, model=self.propensity, seed=self.seed
        ).score
        return raw_weights(score, treated, self.estimand)

    def influences(self, rows: IntArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Estimates (2, k) of control and treated, and each person's influence on them (2, n, k)."""
        treated = self.treated[rows]
        target = {"ATE": np.ones(len(rows)), "ATT": 1.0 * treated, "ATC": 1.0 * ~treated}[self.estimand]
        values, influences = [], []
        for arm in (~treated, treated):
            model, correction = (self._risks if self.risk else self._survival)(rows, arm, weights)
            people = (target[:, None] * model + correction) / target.mean()
            estimate = np.sort(people, axis=0).mean(axis=0)  # sorted: row order does not matter
            values.append(estimate)
            influences.append(people - target[:, None] / target.mean() * estimate)
        return np.array(values), np.array(influences)

    def _survival(self, rows: IntArray, arm: BoolArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        time, died = self.time[rows], self.died[rows]
        self._require_follow_up(time, died, arm)
        outcome = outcome_hazard(time, died, self.outcome_covariates[rows], arm, self.outcome_names)
        return mended_survival(
            time, died, weights, arm, outcome, self._censoring(rows, arm), self.functionals
        )

    def _risks(self, rows: IntArray, arm: BoolArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """A logistic model at each time of those whose status then is known, weighted for the others."""
        time, died, x = self.time[rows], self.died[rows], self.outcome_covariates[rows]
        self._require_follow_up(time, died, arm)
        lost = self._censoring(rows, arm)
        shape = (len(rows), len(self.functionals.times))
        model, correction = np.zeros(shape), np.zeros(shape)
        for k, t in enumerate(self.functionals.times.tolist()):
            dead = died & (time <= t)
            known = arm & (dead | (time >= t))
            place = np.searchsorted(lost.time, np.minimum(time, t), side="left")
            gone = np.concatenate([[0.0], lost.cumulative])[place] * lost.relative
            inverse = np.exp(np.minimum(gone[known], LARGEST_HAZARD))
            fit = fit_logistic(x[known], dead[known], names=self.outcome_names, weights=inverse)
            model[:, k] = expit(fit.coefficients[0] + x @ fit.coefficients[1:])
            correction[known, k] = weights[known] * inverse * (dead[known] - model[known, k])
        return model, correction

    def _censoring(self, rows: IntArray, arm: BoolArray) -> Hazard:
        x = self.outcome_covariates[rows] if self.censoring == "cox" else None
        return censoring_hazard(self.time[rows], self.died[rows], x, arm, self.outcome_names)

    def _require_follow_up(self, time: FloatArray, died: BoolArray, arm: BoolArray) -> None:
        last = float(time[arm].max())
        asked = np.concatenate([self.functionals.times, self.functionals.taus])
        beyond = int(np.count_nonzero(asked > last))
        if beyond and not died[arm & (time == last)].all():
            raise BeyondFollowUpError(
                "Nobody of an arm was followed so long",
                field="times",
                count=beyond,
                remedy="Ask for earlier times, at most the last of both arms.",
            )


def doubly_robust_survival(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    times: ArrayLike = (),
    taus: ArrayLike = (),
    outcome_covariates: ArrayLike | pl.DataFrame | None = None,
    names: Sequence[str] | None = None,
    estimand: str = "ATE",
    propensity: str = "logistic",
    censoring: str = "kaplan_meier",
    bootstrap: int = 0,
    workers: int = 1,
    seed: int = 0,
    level: float = 0.95,
) -> DoublyRobust:
    """Differences of survival and of restricted means by weights and Cox models together.

    Parameters
    ----------
    time, event : array_like of shape (n,)
        End of observation, and 1 or True where it is the event.
    treated : array_like of shape (n,)
        1 or True for the treated.
    covariates : array_like of shape (n, p), or Polars frame
        Of the propensity score; known before treatment, numbers without missing values.
    times, taus : array_like
        Times at which survival, and horizons up to which mean time lived, is compared; one at least.
    outcome_covariates : array_like of shape (n, q), or Polars frame, optional
        Of the Cox models (one in each arm) and of a censoring model; default `covariates`.
    names : sequence of str, optional
        One per covariate of the score.
    estimand : {"ATE", "ATT", "ATC"}
    propensity : {"logistic", "firth", "ridge", "lasso", "elastic_net", "boosted"}
    censoring : {"kaplan_meier", "cox"}
        Censoring in each arm, independent of covariates or by a Cox model. It has to be right in either case:
        double robustness is about the other two.
    bootstrap : int
        Replicates of the whole design by person; 0 for none. The interval is then theirs.
    workers, seed : int
        Of the bootstrap and of cross-validated scores.
    level : float
        Confidence level.

    Returns
    -------
    DoublyRobust

    Raises
    ------
    EmptyArmError, SeparationError, CollinearityError, NoEventsError, ConvergenceError
        A model cannot be fitted; the message says which covariate.
    BeyondFollowUpError
        A time that nobody of an arm was followed to.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, ReplicateError
        The input is not what it should be.

    Notes
    -----
    The mean of what an arm's Cox model predicts for everybody, plus the weighted mean of what its people did
    less what the model expected of them (the efficient influence function). It is right where either the
    score or the outcome models are. The interval without a bootstrap is that of the influence functions,
    which holds where both are right and is good otherwise. Estimates are not forced into 0 to 1: one beyond
    is noted, as is a person who carries much of an arm's weight, and means that the arms hardly overlap.

    Neither delayed entry nor clusters are taken: everybody is observed from time 0, each row is a person by
    himself, and the bootstrap draws rows. For those see `weighted_cox` and `survival_contrast`.

    References
    ----------
    Bai X, Tsiatis AA, O'Brien SM. Doubly-robust estimators of treatment-specific survival distributions in
    observational studies with stratified sampling. Biometrics 2013;69:830-839.
    Zhang M, Schaubel DE. Double-robust semiparametric estimator for differences in restricted mean lifetimes
    in observational studies. Biometrics 2012;68:999-1009.
    Westling T, Luedtke A, Gilbert PB, Carone M. Inference for treatment-specific survival curves using
    machine learning. JASA 2024;119:1541-1553.
    """
    functionals = Functionals(
        asked_times(times, "times", none_allowed=True), asked_times(taus, "taus", none_allowed=True)
    )
    design = _checked(
        time,
        event,
        treated,
        covariates,
        outcome_covariates,
        names,
        functionals,
        estimand,
        propensity,
        censoring,
        False,
        seed,
    )
    return _estimated(design, bootstrap, workers, level)


def doubly_robust_risk(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    times: ArrayLike,
    outcome_covariates: ArrayLike | pl.DataFrame | None = None,
    names: Sequence[str] | None = None,
    estimand: str = "ATE",
    propensity: str = "logistic",
    censoring: str = "kaplan_meier",
    bootstrap: int = 0,
    workers: int = 1,
    seed: int = 0,
    level: float = 0.95,
) -> DoublyRobust:
    """Differences of the risk of having had the event by fixed times, by weights and logistic models.

    The outcome at each time is yes or no; those censored before it are made up for by weighting those whose
    status is known by the inverse chance of not having been censored.

    Parameters
    ----------
    time, event, treated, covariates, outcome_covariates, names, estimand, propensity, censoring
        As `doubly_robust_survival`; the outcome models are logistic, one in each arm at each time.
    times : array_like
        Times at which risks are compared.
    bootstrap, workers, seed, level
        As `doubly_robust_survival`.

    Returns
    -------
    DoublyRobust
        `control` and `treated` are risks.

    Raises
    ------
    NoEventsError
        By some time nobody, or everybody whose status is known, has had the event in an arm.
    EmptyArmError, SeparationError, CollinearityError, BeyondFollowUpError, ConvergenceError, CodingError
        As `doubly_robust_survival`.
    ShapeError, NonFiniteError, NegativeTimeError, ReplicateError
        The input is not what it should be.

    Notes
    -----
    Intervals without a bootstrap take the censoring weights as known, which makes them a little too wide.
    Neither delayed entry nor clusters are taken, as in `doubly_robust_survival`; nor are risks forced into 0
    to 1.

    References
    ----------
    Bang H, Robins JM. Doubly robust estimation in missing data and causal inference models. Biometrics
    2005;61:962-972.
    Funk MJ, Westreich D, Wiesen C, et al. Doubly robust estimation of causal effects. Am J Epidemiol
    2011;173:761-767.
    """
    functionals = Functionals(asked_times(times, "times", none_allowed=True), np.zeros(0))
    design = _checked(
        time,
        event,
        treated,
        covariates,
        outcome_covariates,
        names,
        functionals,
        estimand,
        propensity,
        censoring,
        True,
        seed,
    )
    return _estimated(design, bootstrap, workers, level)


def _checked(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    outcome_covariates: ArrayLike | pl.DataFrame | None,
    names: Sequence[str] | None,
    functionals: Functionals,
    estimand: str,
    propensity: str,
    censoring: str,
    risk: bool,
    seed: int,
) -> _Design:
    """The design on rows in an order that does not depend on that of the input."""
    choice(estimand, "estimand", TARGETS)
    choice(propensity, "propensity", MODELS)
    choice(censoring, "censoring", CENSORING)
    if len(functionals.times) + len(functionals.taus) == 0:
        raise CodingError("No time was asked for", field="times", remedy="Give one at least.")
    stop, _ = follow_up(time, None)
    n = len(stop)
    died, arm = flags(event, "event", n), two_arms(treated, n)
    x, labels = matrix(covariates, names, n)
    z, outcome_labels = (x, labels) if outcome_covariates is None else matrix(outcome_covariates, None, n)
    for own, name in ((arm, "treated"), (~arm, "control")):
        if not died[own].any():
            raise NoEventsError(
                "Nobody of an arm has the event",
                field=name,
                count=int(own.sum()),
                remedy="There is no outcome model for it; widen the cohort or its follow-up.",
            )
    order = np.lexsort((row_hash(x, z, stop), died, arm))
    return _Design(
        time=stop[order],
        died=died[order],
        treated=arm[order],
        covariates=x[order],
        names=labels,
        outcome_covariates=z[order],
        outcome_names=outcome_labels,
        functionals=functionals,
        estimand=estimand,
        propensity=propensity,
        censoring=censoring,
        risk=risk,
        seed=seed,
    )


def _estimated(design: _Design, replicates: int, workers: int, level: float) -> DoublyRobust:
    n = len(design.time)
    everybody = np.arange(n)
    weights = design.weights(everybody)
    values, people = design.influences(everybody, weights)
    influence = np.concatenate([people, (people[1] - people[0])[None]])
    std_err = np.sqrt(np.sort(influence**2, axis=1).sum(axis=1)) / n
    found = None
    if replicates:
        found = resample(design, n, replicates=replicates, seed=design.seed, workers=workers, level=level)
    functionals = design.functionals
    k = len(functionals.times)
    quantity = "risk" if design.risk else "survival"
    measures = [f"{quantity}_difference"] * k + ["rmst_difference"] * len(functionals.taus)
    about: dict[str, Any] = {
        "analysis": f"doubly_robust_{quantity}",
        "n": n,
        "n_exposed": int(design.treated.sum()),
        "events": int(design.died.sum()),
        "estimand": design.estimand,
        "effect_type": "marginal",
    }
    method = (
        f"{design.propensity} score and {'logistic' if design.risk else 'Cox'} outcome models in each arm"
    )
    notes = (
        WHOSE_EFFECT[design.estimand],
        *_notes_on_weights(weights, design.treated),
        *_notes_on_range(values, functionals),
    )
    effects = []
    for j, measure in enumerate(measures):
        if found is not None:
            which = 2 * len(measures) + j
            effects.append(found.effect(measure=measure, method=method, which=which, notes=notes, **about))
        else:
            difference = float(values[1, j] - values[0, j])
            error = float(std_err[2, j])
            how = f"{method}; influence functions"
            effects.append(
                wald_effect(difference, error, measure=measure, method=how, level=level, notes=notes, **about)
            )
    return DoublyRobust(
        times=functionals.times,
        taus=functionals.taus,
        control=values[0],
        treated=values[1],
        std_err=std_err,
        effects=tuple(effects),
        quantity=quantity,
        level=level,
        bootstrap=found,
    )


def _notes_on_weights(weights: FloatArray, treated: BoolArray) -> list[str]:
    """How many people each arm's weights are worth, and whether one of them stands for many."""
    notes = []
    for own, name in ((treated, "treated"), (~treated, "controls")):
        w = weights[own]
        share = float(w.max() / np.sort(w).sum())
        note = f"Effective size of the {name}: {effective_sample_size(w):.0f} of {len(w)}"
        if share > LARGE_SHARE:
            note += f"; one of them carries {share:.0%} of their weight, so the arms hardly overlap there"
        notes.append(f"{note}.")
    return notes


def _notes_on_range(values: FloatArray, functionals: Functionals) -> list[str]:
    """Name estimates (2, k) that no survival, risk or restricted mean can have."""
    most = np.concatenate([np.ones(len(functionals.times)), functionals.taus])
    beyond = int(np.count_nonzero((values < 0) | (values > most)))
    if not beyond:
        return []
    return [
        f"{beyond} of the arms' estimates lie outside what is possible (0 to 1, or 0 to the horizon): the "
        "weights are too unequal for them. Do not report them; look at the overlap."
    ]
