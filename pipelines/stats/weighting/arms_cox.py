"""Marginal hazard ratios of three arms or more against one of them, by weighting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, codes, flags, follow_up, matrix, row_hash
from ..balance import ArmsBalance, balance_of_arms
from ..cox import CoxFit, fit_cox
from ..cox.diagnostics import score_residuals
from ..effect import Effect, wald_effect
from ..errors import CodingError, EmptyArmError
from ..propensity import MultinomialFit, fit_multinomial
from ..resampling import Bootstrap
from ..resampling import bootstrap as resample
from ._variance import clustered_variance
from .arms import ArmsWeights, arms_weights


@dataclass(frozen=True)
class WeightedArmsCox:
    """Result of `weighted_cox_of_arms`.

    Attributes
    ----------
    effects : tuple of Effect
        Marginal hazard ratio of each other arm against the reference, in the order of the arms' labels.
    compared : tuple of (label, label)
        Arm and reference of each effect.
    fit : CoxFit
        Its own covariance takes the weights as known.
    weights : ArmsWeights
    balance : ArmsBalance
    propensity : MultinomialFit
    bootstrap : Bootstrap or None
    """

    effects: tuple[Effect, ...]
    compared: tuple[tuple[object, object], ...]
    fit: CoxFit
    weights: ArmsWeights
    balance: ArmsBalance
    propensity: MultinomialFit
    bootstrap: Bootstrap | None

    def to_frame(self) -> pl.DataFrame:
        """One row per effect, with the arms it compares."""
        frame = pl.concat(effect.to_frame() for effect in self.effects)
        return frame.with_columns(
            pl.Series("arm", [str(arm) for arm, _ in self.compared]),
            pl.Series("reference", [str(reference) for _, reference in self.compared]),
        ).select("arm", "reference", pl.exclude("arm", "reference"))


@dataclass(frozen=True)
class _Design:
    time: FloatArray
    event: BoolArray
    arm: IntArray
    labels: tuple[object, ...]
    covariates: FloatArray
    names: tuple[str, ...]
    reference: int
    estimand: str
    focal: object
    ties: str

    @property
    def others(self) -> list[int]:
        return [k for k in range(len(self.labels)) if k != self.reference]

    def __call__(self, rows: IntArray) -> FloatArray:
        return self.on(rows)[0].coefficients

    def on(self, rows: IntArray) -> tuple[CoxFit, ArmsWeights, MultinomialFit]:
        """Scores, weights and model of `rows`, repeats included."""
        arm = self.arm[rows]
        if len(np.unique(arm)) < len(self.labels):
            raise EmptyArmError("An arm was not drawn", field="arm", remedy="Merge the smallest arms.")
        scores = fit_multinomial(self.covariates[rows], arm, names=self.names, reference=self.reference)
        focal = None if self.focal is None else self.labels.index(self.focal)
        weights = arms_weights(scores.scores, arm, estimand=self.estimand, focal=focal)
        fit = fit_cox(
            self.time[rows],
            self.event[rows],
            (arm[:, None] == self.others).astype(np.float64),
            names=[str(self.labels[k]) for k in self.others],
            weights=weights.weights,
            robust=True,
            ties=self.ties,
        )
        return fit, weights, scores


def weighted_cox_of_arms(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    reference: object = None,
    estimand: str = "ATE",
    focal: object = None,
    bootstrap: int = 0,
    workers: int = 1,
    seed: int = 0,
    ties: str = "efron",
    level: float = 0.95,
) -> WeightedArmsCox:
    """Marginal hazard ratios of K arms made alike by weights from multinomial scores.

    Parameters
    ----------
    time, event : array_like of shape (n,)
        End of observation, and 1 or True where it is the event.
    arm : array_like of shape (n,)
        Labels of the arms.
    covariates : array_like of shape (n, p), or Polars frame
        Known before treatment; numbers without missing values, factors without their reference level.
    names : sequence of str, optional
        One per covariate.
    reference : label, optional
        Arm that the others are compared with; default the first label.
    estimand : {"ATE", "ATT", "ATO", "ATM"}
        As `arms_weights`.
    focal : label, optional
        Under ATT the arm whose people the effects are for.
    bootstrap : int
        Replicates of the whole design by person; 0 for none.
    workers, seed : int
        Of the bootstrap.
    ties : {"efron", "breslow"}
    level : float
        Confidence level.

    Returns
    -------
    WeightedArmsCox

    Raises
    ------
    EmptyArmError, SeparationError, CollinearityError, NoEventsError, ConvergenceError
        The arms cannot be compared; the message says why.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, ReplicateError
        The input is not what it should be.

    Notes
    -----
    The variance without a bootstrap is that of the stacked estimating equations, which takes the weights as
    estimated. Several hazard ratios share one reference: they are not independent. Neither delayed entry nor
    clusters are taken: each row is a person by himself, observed from time 0. For two arms see `weighted_cox`,
    which takes both.

    References
    ----------
    Li F, Li F. Propensity score weighting for causal inference with multiple treatments. Ann Appl Stat
    2019;13:2389-2415.
    """
    stop, _ = follow_up(time, None)
    n = len(stop)
    died = flags(event, "event", n)
    number, found = codes(arm, "arm", n)
    labels = tuple(found.tolist())
    x, columns = matrix(covariates, names, n)
    base = labels[0] if reference is None else reference
    if base not in labels:
        known = ", ".join(str(label) for label in labels)
        raise CodingError("No such arm", field="reference", remedy=f"Use one of {known}.")
    even = np.full((n, len(labels)), 1 / len(labels))
    arms_weights(even, arm, estimand=estimand, focal=focal)  # refuses estimands and arms before any fit
    order = np.lexsort((row_hash(x, stop), died, number))
    design = _Design(
        time=stop[order],
        event=died[order],
        arm=number[order],
        labels=labels,
        covariates=x[order],
        names=columns,
        reference=labels.index(base),
        estimand=estimand,
        focal=focal,
        ties=ties,
    )
    in_order = np.argsort(order)
    fit, inner, scores = design.on(in_order)
    weights = arms_weights(scores.scores, arm, estimand=estimand, focal=focal)
    replicates = None
    if bootstrap:
        replicates = resample(design, n, replicates=bootstrap, seed=seed, workers=workers, level=level)
    effects = tuple(
        _effect(design, fit, weights, scores, x, j, replicates, level) for j in range(len(design.others))
    )
    return WeightedArmsCox(
        effects=effects,
        compared=tuple((labels[k], base) for k in design.others),
        fit=fit,
        weights=weights,
        balance=balance_of_arms(x, arm, weights=inner.weights, names=columns),
        propensity=scores,
        bootstrap=replicates,
    )


def _effect(
    design: _Design,
    fit: CoxFit,
    weights: ArmsWeights,
    scores: MultinomialFit,
    x: FloatArray,
    which: int,
    replicates: Bootstrap | None,
    level: float,
) -> Effect:
    own = design.others[which]
    pair = (design.arm == own) | (design.arm == design.reference)
    method = f"Cox model weighted by multinomial {design.estimand} weights"
    notes = (
        *weights.notes,
        f"Arm {design.labels[own]} against {design.labels[design.reference]}; people counted are theirs, "
        "the weights come from all arms.",
        *scores.warnings,
    )
    counts = int(pair.sum()), int((design.arm == own).sum()), int((design.event & pair).sum())
    if replicates is not None:
        return replicates.effect(
            analysis="weighted_cox_of_arms",
            measure="hr",
            n=counts[0],
            n_exposed=counts[1],
            events=counts[2],
            estimand=design.estimand,
            effect_type="marginal",
            method=f"{method}; whole design by person",
            which=which,
            notes=notes,
        )
    moved = arms_influences(fit, weights, scores, x)[:, which]
    return wald_effect(
        float(fit.coefficients[which]),
        float(np.sqrt(clustered_variance(moved, None))),
        analysis="weighted_cox_of_arms",
        measure="hr",
        n=counts[0],
        n_exposed=counts[1],
        events=counts[2],
        estimand=design.estimand,
        effect_type="marginal",
        method=f"{method}; variance with the scores estimated",
        level=level,
        notes=notes,
    )


def arms_influences(fit: CoxFit, weights: ArmsWeights, scores: MultinomialFit, x: FloatArray) -> FloatArray:
    """How much each person moves the log hazard ratios, through hazard and weights (n, K - 1)."""
    e, own = scores.scores, weights.arm
    n, k = e.shape
    rows = np.arange(n)
    tilt = weights.weights * e[rows, own]
    lean = {
        "ATE": np.zeros_like(e),
        "ATT": np.zeros_like(e),
        "ATO": (tilt[:, None] / e) ** 2,
        "ATM": (np.argmin(e, axis=1)[:, None] == np.arange(k)).astype(np.float64),
    }[weights.estimand]
    if weights.focal is not None:
        lean[:, weights.arms.index(weights.focal)] = 1.0
    chosen = (own[:, None] == np.arange(k)).astype(np.float64)
    # d e_k / d eta_m = e_k ((k = m) - e_m), for the log odds eta_m of every arm but the reference
    through = lean * e
    slope = (through - through.sum(axis=1, keepdims=True) * e) / e[rows, own][:, None]
    slope -= weights.weights[:, None] * (chosen - e)
    others = [m for m, label in enumerate(scores.arms) if m != scores.arms.index(scores.reference)]
    design = np.column_stack([np.ones(n), x])
    residual = score_residuals(fit)
    moved = np.einsum("ir,im,ip->mpr", residual, slope[:, others], design).reshape(-1, residual.shape[1])
    logistic = ((chosen - e)[:, others, None] * design[:, None, :]).reshape(n, -1) @ scores.covariance
    total = weights.weights[:, None] * residual + logistic @ moved
    return np.asarray(total @ fit.naive_covariance, dtype=np.float64)
