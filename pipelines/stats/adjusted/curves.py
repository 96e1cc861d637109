"""Survival curves of two arms made comparable: by weights, or by a model averaged over people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, choice, flags, vector
from ..balance.measures import effective_sample_size
from ..effect import Effect, wald_effect
from ..errors import CodingError, EmptyArmError
from ..kaplan_meier import kaplan_meier
from ._designs import EFFECTS, MODELS, NO_ERROR, TARGETS, asked_times, people_of, standardised

MOST_TIMES = 500


@dataclass(frozen=True)
class AdjustedCurves:
    """Survival in both arms at the same times.

    Attributes
    ----------
    time : ndarray of shape (m,)
    survival : ndarray of shape (2, m)
        Of the controls, then of the treated.
    std_err, lower, upper : ndarray of shape (2, m)
        Robust, of survival, the weights being taken as known; NaN under g-computation, where intervals come
        from `risk_difference.survival_contrast`.
    estimand : str
    method : str
    n, n_exposed, events : int
        People, those treated, and events of both arms.
    effective : tuple of float
        Kish's effective sample size of each arm's weights.
    """

    time: FloatArray
    survival: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    estimand: str
    method: str
    n: int
    n_exposed: int
    events: int
    effective: tuple[float, float]

    def survival_difference(self, time: float) -> Effect:
        """Survival of the treated less that of the controls at `time`, with its robust interval.

        Raises
        ------
        CodingError
            The curves have no standard errors, or `time` lies beyond them.
        """
        place = int(np.searchsorted(self.time, time, side="right")) - 1
        if place < 0 or time > self.time[-1]:
            raise CodingError("A time outside the curves", field="time", remedy="Take one they reach.")
        error = float(np.hypot(*self.std_err[:, place]))
        if not NO_ERROR < error < np.inf:
            raise CodingError(
                "The curves have no standard error at this time",
                field="time",
                remedy="Use risk_difference.survival_contrast, which repeats the whole design.",
            )
        return wald_effect(
            float(self.survival[1, place] - self.survival[0, place]),
            error,
            analysis="weighted_kaplan_meier",
            measure="survival_difference",
            n=self.n,
            n_exposed=self.n_exposed,
            events=self.events,
            estimand=self.estimand,
            effect_type="marginal",
            method=f"{self.method}, robust variance with the weights taken as known, at {time:g}",
            level=self.level,
        )

    def to_frame(self) -> pl.DataFrame:
        """One row per arm and time; what is not known is null."""
        m = len(self.time)
        frame = pl.DataFrame(
            {
                "arm": ["control"] * m + ["treated"] * m,
                "time": np.tile(self.time, 2),
                **{name: getattr(self, name).ravel() for name in ("survival", "std_err", "lower", "upper")},
            }
        )
        return frame.with_columns(
            pl.col("std_err", "lower", "upper").fill_nan(None), estimand=pl.lit(self.estimand)
        )


def weighted_curves(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    weights: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    estimand: str = "ATE",
    ci: str = "log-log",
    level: float = 0.95,
) -> AdjustedCurves:
    """Kaplan-Meier curves of both arms, each person counting by his weight.

    Parameters
    ----------
    time, event, entry, ci, level
        As in `kaplan_meier.kaplan_meier`.
    treated : array_like of shape (n,)
        1 or True for the treated.
    weights : array_like of shape (n,)
        Above zero, such as those of `weighting.weights.propensity_weights`.
    estimand : str
        Whom the weights make both arms look like.

    Returns
    -------
    AdjustedCurves
        With robust standard errors that take the weights as known; under ATE weights that is mostly too
        wide. `risk_difference.survival_contrast` repeats the estimation of the weights.

    Raises
    ------
    EmptyArmError
        Nobody, or everybody, is treated.
    ShapeError, NonFiniteError, CodingError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be.

    References
    ----------
    Xie J, Liu C. Adjusted Kaplan-Meier estimator and log-rank test with inverse probability of treatment
    weighting for survival data. Stat Med 2005;24:3089-3110.
    """
    arm = flags(treated, "treated")
    if arm.all() or not arm.any():
        raise EmptyArmError(
            "One arm has nobody in it", field="treated", count=len(arm), remedy="Check how it is coded."
        )
    w = vector(weights, "weights", len(arm))
    fit = kaplan_meier(time, event, entry=entry, weights=w, group=arm, ci=ci, level=level, robust=True)
    both = (fit[False], fit[True])
    grid = np.unique(np.concatenate([curve.time for curve in both]))
    grid = grid[grid <= min(curve.time[-1] for curve in both)]
    places = [np.searchsorted(curve.time, grid, side="right") for curve in both]

    def steps(values: Sequence[FloatArray], before: float) -> FloatArray:
        return np.array(
            [np.concatenate([[before], v])[place] for v, place in zip(values, places, strict=True)]
        )

    return AdjustedCurves(
        time=grid,
        survival=steps([curve.survival for curve in both], 1.0),
        std_err=steps([curve.survival_std_err for curve in both], 0.0),
        lower=steps([curve.lower for curve in both], np.nan),
        upper=steps([curve.upper for curve in both], np.nan),
        level=level,
        estimand=estimand,
        method="weighted Kaplan-Meier",
        n=len(arm),
        n_exposed=int(arm.sum()),
        events=sum(curve.events for curve in both),
        effective=(effective_sample_size(w[~arm]), effective_sample_size(w[arm])),
    )


def standardised_curves(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    times: ArrayLike | None = None,
    estimand: str = "ATE",
    model: str = "cox",
    effect: str = "by_arm",
    df: int = 3,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
) -> AdjustedCurves:
    """Curves of both arms by g-computation: predicted for everybody in each arm, then averaged.

    Parameters
    ----------
    time, event, entry
        As in `kaplan_meier.kaplan_meier`.
    treated : array_like of shape (n,)
        1 or True for the treated.
    covariates : array_like of shape (n, p), or Polars frame
        Known before treatment, all that confounds it.
    times : array_like, optional
        Times above zero; default the event times to which both arms were followed, 500 of them at most.
    estimand : {"ATE", "ATT", "ATC"}
        Over whom predictions are averaged: everybody, the treated, the controls.
    model : {"cox", "royston_parmar"}
    effect : {"by_arm", "proportional"}
        A model for each arm, so that nothing is assumed of the effect of treatment; or one model, in which
        treatment multiplies the hazard.
    df : int
        Degrees of freedom of the flexible parametric baseline.
    names : sequence of str, optional
        One per covariate.

    Returns
    -------
    AdjustedCurves
        Without intervals: `risk_difference.survival_contrast` bootstraps them.

    Raises
    ------
    EmptyArmError
        Nobody, or everybody, is treated.
    BeyondFollowUpError
        A time to which an arm was not followed, under a Cox model.
    The errors of `cox.fit_cox` and `parametric.fit_royston_parmar`.

    References
    ----------
    Makuch RW. Adjusted survival curve estimation using covariates. J Chronic Dis 1982;35:437-443.
    Hernan MA, Robins JM. Causal inference: what if. Chapman and Hall 2020, chapters 13 and 17.
    """
    choice(estimand, "estimand", TARGETS)
    choice(model, "model", MODELS)
    choice(effect, "effect", EFFECTS)
    labels = None if names is None else tuple(names)
    people = people_of(time, event, treated, covariates, labels, entry, None)
    if times is None:
        last = min(people.time[people.treated == arm].max() for arm in (False, True))
        when = np.unique(people.time[people.died & (people.time <= last) & (people.time > 0)])
        if len(when) > MOST_TIMES:
            when = when[np.linspace(0, len(when) - 1, MOST_TIMES).astype(int)]
    else:
        when = asked_times(times, "times")
    curves = standardised(people, estimand, model, effect, df)
    unknown = np.full((2, len(when)), np.nan)
    return AdjustedCurves(
        time=when,
        survival=np.array([curve.at(when) for curve in curves]),
        std_err=unknown,
        lower=unknown,
        upper=unknown,
        level=np.nan,
        estimand=estimand,
        method=f"g-computation, {model}, {effect}",
        n=len(people.time),
        n_exposed=int(people.treated.sum()),
        events=int(people.died.sum()),
        effective=(float((~people.treated).sum()), float(people.treated.sum())),
    )
