"""The propensity score: each person's probability of the treatment given the covariates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, choice, matrix
from ._arms import two_arms
from .logistic import LogisticFit, fit_logistic
from .overlap import area_under_curve


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
        Intercept first.
    covariance : ndarray of shape (p + 1, p + 1)
    names : tuple of str
        As the coefficients.
    auc : float
        Chance that a treated person scores higher than a control, ties counting half.
    model : LogisticFit
        With odds ratios, intervals, events per covariate and warnings.
    """

    score: FloatArray
    logit: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    names: tuple[str, ...]
    auc: float
    model: LogisticFit

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
) -> Propensity:
    """Estimate propensity scores by logistic regression.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Known before treatment; numbers without missing values.
    treated : array_like of shape (n,)
        1 or True for the treated.
    names : sequence of str, optional
        One per covariate.
    model : {"logistic"}

    Returns
    -------
    Propensity

    Raises
    ------
    EmptyArmError
        Nobody, or everybody, is treated.
    SeparationError, CollinearityError, ConvergenceError and the input errors
        As `logistic.fit_logistic`.

    References
    ----------
    Rosenbaum PR, Rubin DB. The central role of the propensity score in observational studies for causal
    effects. Biometrika 1983;70:41-55.
    """
    choice(model, "model", ("logistic",))
    x, labels = matrix(covariates, names)
    arm = two_arms(treated, len(x))
    fit = fit_logistic(x, arm, names=labels)
    return Propensity(
        score=fit.fitted,
        logit=fit.linear_predictor,
        coefficients=fit.coefficients,
        covariance=fit.covariance,
        names=fit.names,
        auc=area_under_curve(np.round(fit.linear_predictor, 9), arm),
        model=fit,
    )
