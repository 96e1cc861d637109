"""A marginal hazard ratio by weighting: score, weights, balance, Cox model and interval in one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    choice,
    codes,
    flags,
    follow_up,
    matrix,
    require_several_clusters,
    row_hash,
)
from ..balance import Balance, balance
from ..cox import CoxFit, fit_cox
from ..cox.diagnostics import dfbeta_residuals
from ..effect import Effect, wald_effect
from ..errors import CodingError
from ..propensity import MODELS, LogisticFit, Overlap, Propensity, fit_propensity, overlap
from ..propensity._arms import two_arms
from ..resampling import Bootstrap
from ..resampling import bootstrap as resample
from ._variance import clustered_variance, influences
from .entropy_balancing import ESTIMANDS as ENTROPY_ESTIMANDS
from .entropy_balancing import entropy_balancing
from .trimming import Trimmed, trim
from .weights import WEIGHT_ESTIMANDS, Weights, propensity_weights

METHODS = (*MODELS, "entropy")
VARIANCES = ("estimated", "known")


@dataclass(frozen=True)
class WeightedCox:
    """Result of `weighted_cox`.

    Attributes
    ----------
    effect : Effect
        The marginal hazard ratio.
    fit : CoxFit
        The weighted model of the treatment alone; its own covariance takes the weights as known.
    weights : Weights
        Of those kept.
    balance : Balance
        Everybody before, those kept under the weights after.
    propensity : Propensity or None
        Of those kept; None under entropy balancing.
    overlap : Overlap or None
        Of the scores before trimming.
    trimmed : Trimmed or None
    bootstrap : Bootstrap or None
        Of the log hazard ratio.
    kept : ndarray of bool, shape (n,)
        Those that trimming kept; everybody where nothing was trimmed.
    """

    effect: Effect
    fit: CoxFit
    weights: Weights
    balance: Balance
    propensity: Propensity | None
    overlap: Overlap | None
    trimmed: Trimmed | None
    bootstrap: Bootstrap | None
    kept: BoolArray

    def to_frame(self) -> pl.DataFrame:
        """One row: the effect."""
        return self.effect.to_frame()


@dataclass(frozen=True)
class _Design:
    """Everything that turns rows into a log hazard ratio, so that a bootstrap can do it again."""

    time: FloatArray
    event: BoolArray
    treated: BoolArray
    covariates: FloatArray
    names: tuple[str, ...]
    entry: FloatArray | None
    estimand: str
    method: str
    stabilised: bool
    truncate: tuple[float, float] | None
    trimming: str | None
    ties: str
    folds: int
    seed: int

    def __call__(self, rows: IntArray) -> FloatArray:
        found = self.on(rows)
        return found.fit.coefficients

    def on(self, rows: IntArray) -> "_Estimate":
        """Score, trim, weigh and fit with `rows`, repeats included."""
        arm, x = self.treated[rows], self.covariates[rows]
        scores, before, trimmed = None, None, None
        if self.method != "entropy":
            scores = before = self._scores(x, arm)
        if self.trimming is not None and before is not None:
            trimmed = trim(before.score, arm, self.trimming)
            rows, arm, x = rows[trimmed.keep], arm[trimmed.keep], x[trimmed.keep]
            scores = self._scores(x, arm)
        if scores is None:
            weights = entropy_balancing(x, arm, estimand=self.estimand, names=self.names)
        else:
            weights = propensity_weights(
                scores.score, arm, estimand=self.estimand, stabilised=self.stabilised, truncate=self.truncate
            )
        fit = fit_cox(
            self.time[rows],
            self.event[rows],
            arm.astype(np.float64),
            names=["treated"],
            entry=None if self.entry is None else self.entry[rows],
            weights=weights.weights,
            robust=True,
            ties=self.ties,
        )
        return _Estimate(fit, weights, scores, before, trimmed, rows)

    def _scores(self, x: FloatArray, arm: BoolArray) -> Propensity:
        return fit_propensity(x, arm, names=self.names, model=self.method, folds=self.folds, seed=self.seed)


@dataclass(frozen=True)
class _Estimate:
    fit: CoxFit
    weights: Weights
    scores: Propensity | None
    before: Propensity | None
    trimmed: Trimmed | None
    rows: IntArray


def weighted_cox(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    estimand: str = "ATE",
    method: str = "logistic",
    stabilised: bool = False,
    truncate: tuple[float, float] | None = None,
    trimming: str | None = None,
    cluster: ArrayLike | None = None,
    variance: str = "estimated",
    bootstrap: int = 0,
    workers: int = 1,
    seed: int = 0,
    folds: int = 5,
    ties: str = "efron",
    level: float = 0.95,
) -> WeightedCox:
    """Marginal hazard ratio of two arms made alike by weights.

    Parameters
    ----------
    time, event : array_like of shape (n,)
        End of observation, and 1 or True where it is the event.
    treated : array_like of shape (n,)
        1 or True for the treated.
    covariates : array_like of shape (n, p), or Polars frame
        Known before treatment; numbers without missing values, factors without their reference level.
    names : sequence of str, optional
        One per covariate.
    entry : array_like of shape (n,), optional
        Start of observation.
    estimand : {"ATE", "ATT", "ATC", "ATO", "ATM"}
        As `propensity_weights`; entropy balancing has the first three.
    method : {"logistic", "firth", "ridge", "lasso", "elastic_net", "boosted", "entropy"}
        Model of the score, or entropy balancing without one.
    stabilised, truncate
        As `propensity_weights`.
    trimming : {"crump", "fixed", "sturmer", "common_support"}, optional
        Leave people out before weighting, as `trim`; the score is then fitted again.
    cluster : array_like of shape (n,), optional
        Labels of people who belong together, such as a hospital's.
    variance : {"estimated", "known"}
        Whether the standard error takes the weights as estimated, which it can with logistic scores, or as
        known, which is R's robust variance.
    bootstrap : int
        Replicates of the whole design by person (by cluster where given); 0 for none. The interval is then
        theirs. A thousand or more.
    workers, seed : int
        Of the bootstrap; `seed` and `folds` also of cross-validated scores.
    folds : int
        Of penalised and boosted scores.
    ties : {"efron", "breslow"}
    level : float
        Confidence level.

    Returns
    -------
    WeightedCox

    Raises
    ------
    EmptyArmError, SeparationError, CollinearityError, NoOverlapError, NoEventsError
        The arms cannot be compared, or all kept are of one cluster; the message says why.
    CodingError
        An unknown option, or options that do not go together.
    ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError, ReplicateError
        The input is not what it should be.

    Notes
    -----
    Without a bootstrap, logistic scores give the variance of the stacked estimating equations, which takes
    the weights as estimated. Other scores give the robust variance, which takes them as known: it is too
    large under ATE and can be wrong either way otherwise, so ask for a bootstrap. The hazard ratio is
    marginal: it differs from one adjusted for covariates even without confounding, and averages over time
    where hazards are not proportional.

    References
    ----------
    Cole SR, Hernan MA. Adjusted survival curves with inverse probability weights. Comput Methods Programs
    Biomed 2004;75:45-49.
    Austin PC. Variance estimation when using inverse probability of treatment weighting (IPTW) with survival
    analysis. Stat Med 2016;35:5642-5655.
    Shu D, Young JG, Toh S, Wang R. Variance estimation in inverse probability weighted Cox models. Biometrics
    2021;77:1101-1117.
    """
    choice(method, "method", METHODS)
    choice(variance, "variance", VARIANCES)
    choice(estimand, "estimand", WEIGHT_ESTIMANDS if method != "entropy" else ENTROPY_ESTIMANDS)
    _require_compatible(method, stabilised, truncate, trimming, bootstrap)
    stop, start = follow_up(time, entry)
    n = len(stop)
    died, arm = flags(event, "event", n), two_arms(treated, n)
    x, labels = matrix(covariates, names, n)
    groups = None if cluster is None else codes(cluster, "cluster", n)[0]
    order = np.lexsort((row_hash(x, stop, np.zeros(n) if start is None else start), died, arm))
    design = _Design(
        time=stop[order],
        event=died[order],
        treated=arm[order],
        covariates=x[order],
        names=labels,
        entry=None if start is None else start[order],
        estimand=estimand,
        method=method,
        stabilised=stabilised,
        truncate=truncate,
        trimming=trimming,
        ties=ties,
        folds=folds,
        seed=seed,
    )
    in_order = np.argsort(order)  # rows of the design in the order of the input
    found = design.on(in_order)
    kept = np.ones(n, dtype=np.bool_) if found.trimmed is None else found.trimmed.keep
    if groups is not None:
        require_several_clusters(groups[kept])
    all_weights = np.zeros(n)
    all_weights[kept] = found.weights.weights
    replicates = _replicates(design, None if groups is None else groups[order], bootstrap, workers, level)
    overlapping = None if found.before is None else overlap(found.before.score, arm)
    about = _about(design, found, overlapping)
    if replicates is not None:
        whom = "person" if groups is None else "cluster"
        effect = replicates.effect(**about | {"method": f"{about['method']}; whole design by {whom}"})
    else:
        effect = _analytic(design, found, None if groups is None else groups[kept], about, variance, level)
    return WeightedCox(
        effect=effect,
        fit=found.fit,
        weights=found.weights,
        balance=balance(x, arm, weights=all_weights, names=labels),
        propensity=found.scores,
        overlap=overlapping,
        trimmed=found.trimmed,
        bootstrap=replicates,
        kept=kept,
    )


def _require_compatible(
    method: str,
    stabilised: bool,
    truncate: tuple[float, float] | None,
    trimming: str | None,
    replicates: int,
) -> None:
    if method == "entropy" and (stabilised or truncate is not None or trimming is not None):
        raise CodingError(
            "Entropy balancing has no score to stabilise, truncate or trim by",
            field="method",
            remedy="Leave those options, or take weights from a score.",
        )
    if replicates < 0:
        raise CodingError("Fewer than no replicates", field="bootstrap", remedy="Give 0, or 1000 or more.")


def _replicates(
    design: _Design, groups: IntArray | None, count: int, workers: int, level: float
) -> Bootstrap | None:
    if count == 0:
        return None
    units = len(design.time) if groups is None else len(np.unique(groups))
    return resample(
        design, units, replicates=count, seed=design.seed, units=groups, workers=workers, level=level
    )


def _about(design: _Design, found: _Estimate, overlapping: Overlap | None) -> dict[str, Any]:
    """What an effect says beside its number."""
    rows = found.rows
    return {
        "analysis": "weighted_cox",
        "measure": "hr",
        "n": len(rows),
        "n_exposed": int(design.treated[rows].sum()),
        "events": int(design.event[rows].sum()),
        "estimand": design.estimand if found.trimmed is None else "trimmed_set",
        "effect_type": "marginal",
        "method": f"Cox model weighted by {design.method} {design.estimand} weights",
        "notes": (
            *found.weights.notes,
            *(() if found.trimmed is None else found.trimmed.notes),
            *(() if overlapping is None else overlapping.notes),
            *(() if found.scores is None else found.scores.warnings),
        ),
    }


def _analytic(
    design: _Design,
    found: _Estimate,
    groups: IntArray | None,
    about: dict[str, Any],
    variance: str,
    level: float,
) -> Effect:
    fit, model = found.fit, None if found.scores is None else found.scores.model
    notes = about["notes"]
    if isinstance(model, LogisticFit) and variance == "estimated":
        rows = found.rows
        moved = influences(fit, found.weights, model, design.covariates[rows], design.treated[rows])
        how = "variance with the score estimated"
    else:
        moved = dfbeta_residuals(fit)[:, 0]
        how = "robust variance with the weights taken as known"
        notes += ("The interval takes the weights as known: bootstrap the design for one that does not.",)
    how += "" if groups is None else ", by cluster"
    return wald_effect(
        float(fit.coefficients[0]),
        float(np.sqrt(clustered_variance(moved, groups))),
        **about | {"method": f"{about['method']}; {how}", "notes": notes},
        level=level,
    )
