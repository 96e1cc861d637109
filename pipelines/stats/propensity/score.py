"""The propensity score: each person's probability of the treatment given the covariates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, choice, matrix
from ._arms import two_arms
from .boosted import BoostedFit, fit_boosted
from .firth import FirthFit, fit_firth_logistic
from .logistic import LogisticFit, fit_logistic
from .overlap import area_under_curve
from .penalised import MIX, PenalisedFit, fit_penalised_logistic

MODELS = ("logistic", "firth", *MIX, "boosted")


@dataclass(frozen=True)
class Propensity:
    """Result of `fit_propensity`.

    Attributes
    ----------
    score : ndarray of shape (n,)
        Probability of treatment, in the order of the input.
    logit : ndarray of shape (n,)
        Its log odds, not rounded (`matching.match_nearest` rounds).
    coefficients : ndarray of shape (p + 1,)
        Intercept first; empty for boosted trees.
    covariance : ndarray of shape (p + 1, p + 1)
        Empty for penalised models and boosted trees, which have none.
    names : tuple of str
        As the coefficients.
    auc : float
        Chance that a treated person scores higher than a control, ties counting half.
    model : LogisticFit, FirthFit, PenalisedFit or BoostedFit
        With warnings, and odds ratios where there are coefficients.
    """

    score: FloatArray
    logit: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    names: tuple[str, ...]
    auc: float
    model: LogisticFit | FirthFit | PenalisedFit | BoostedFit

    @property
    def warnings(self) -> tuple[str, ...]:
        """Findings a report should print."""
        return self.model.warnings

    def to_frame(self) -> pl.DataFrame:
        """One row per person, in the order of the input: score and logit."""
        return pl.DataFrame({"score": self.score, "logit": self.logit})


def fit_propensity(
    covariates: ArrayLike | pl.DataFrame,
    treated: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    model: str = "logistic",
    folds: int = 5,
    seed: int = 0,
) -> Propensity:
    """Estimate propensity scores.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Known before treatment; numbers without missing values.
    treated : array_like of shape (n,)
        1 or True for the treated.
    names : sequence of str, optional
        One per covariate.
    model : {"logistic", "firth", "ridge", "lasso", "elastic_net", "boosted"}
        Maximum likelihood; with Jeffreys' prior, where covariates separate the arms; with a cross-validated
        penalty; or out-of-fold scores of gradient-boosted trees.
    folds, seed : int
        Of the cross-validation of penalised and boosted models.

    Returns
    -------
    Propensity

    Raises
    ------
    EmptyArmError
        Nobody, or everybody, is treated.
    SeparationError, CollinearityError, ConvergenceError and the input errors
        As the model's own function.

    References
    ----------
    Rosenbaum PR, Rubin DB. The central role of the propensity score in observational studies for causal
    effects. Biometrika 1983;70:41-55.
    """
    choice(model, "model", MODELS)
    x, labels = matrix(covariates, names)
    arm = two_arms(treated, len(x))
    fit = _fit(x, arm, labels, model, folds, seed)
    none = np.empty(0)
    return Propensity(
        score=fit.fitted,
        logit=fit.linear_predictor,
        coefficients=none if isinstance(fit, BoostedFit) else fit.coefficients,
        covariance=fit.covariance if isinstance(fit, LogisticFit | FirthFit) else none.reshape(0, 0),
        names=() if isinstance(fit, BoostedFit) else fit.names,
        auc=area_under_curve(np.round(fit.linear_predictor, 9), arm),
        model=fit,
    )


def _fit(
    x: FloatArray, arm: BoolArray, names: tuple[str, ...], model: str, folds: int, seed: int
) -> LogisticFit | FirthFit | PenalisedFit | BoostedFit:
    if model == "logistic":
        return fit_logistic(x, arm, names=names)
    if model == "firth":
        return fit_firth_logistic(x, arm, names=names, profile=False)
    if model == "boosted":
        return fit_boosted(x, arm, names=names, folds=folds, seed=seed)
    return fit_penalised_logistic(x, arm, names=names, penalty=model, folds=folds, seed=seed)
