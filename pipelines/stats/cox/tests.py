"""Tests and contrasts of several coefficients: joint, nested, interaction, linear combinations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from .._inputs import FloatArray, confidence
from .._linear_algebra import normal_quantile, quadratic_form, two_sided_p
from ..errors import CodingError
from ._constrained import maximise_rest, require_likelihood
from ._findings import positions
from .fit import ChiSquareTest, CoxFit, chi_square, wald


@dataclass(frozen=True)
class JointTests:
    """Result of `joint_tests`: one entry per term; score and likelihood ratio are NaN where robust."""

    terms: tuple[str, ...]
    wald: tuple[ChiSquareTest, ...]
    score: tuple[ChiSquareTest, ...]
    likelihood_ratio: tuple[ChiSquareTest, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per term and test."""
        kinds = {"wald": self.wald, "score": self.score, "likelihood_ratio": self.likelihood_ratio}
        return pl.DataFrame(
            [
                {"term": term, "test": kind, "statistic": t.statistic, "df": t.df, "p_value": t.p_value}
                for kind, tests in kinds.items()
                for term, t in zip(self.terms, tests, strict=True)
            ],
            schema={
                "term": pl.String,
                "test": pl.String,
                "statistic": pl.Float64,
                "df": pl.Int64,
                "p_value": pl.Float64,
            },
        )


@dataclass(frozen=True)
class Contrasts:
    """Result of `contrasts`: sums of coefficients, on the log scale.

    Attributes
    ----------
    names : tuple of str
    estimates, std_errs : ndarray of shape (m,)
    covariance : ndarray of shape (m, m)
    """

    names: tuple[str, ...]
    estimates: FloatArray
    std_errs: FloatArray
    covariance: FloatArray

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per contrast: hazard ratio with its interval, z, p."""
        half = normal_quantile(confidence(level)) * self.std_errs
        z = self.estimates / self.std_errs
        return pl.DataFrame(
            {
                "contrast": self.names,
                "log_estimate": self.estimates,
                "std_err": self.std_errs,
                "hazard_ratio": np.exp(self.estimates),
                "ci_low": np.exp(self.estimates - half),
                "ci_high": np.exp(self.estimates + half),
                "ci_level": np.full(len(z), level),
                "z": z,
                "p_value": two_sided_p(z),
            }
        )

    def test_all_zero(self) -> ChiSquareTest:
        """Wald test that every contrast is zero."""
        return wald(self.estimates, self.covariance)


def joint_tests(fit: CoxFit, terms: Mapping[str, Sequence[str]]) -> JointTests:
    """Wald, score and likelihood-ratio tests that all columns of a term have no effect.

    An interaction is tested by naming its columns (`Design.groups` has them).

    Parameters
    ----------
    fit : CoxFit
        The model with the terms in it.
    terms : mapping of str to sequence of str
        Covariates tested together, such as the levels of a factor.

    Returns
    -------
    JointTests
        The Wald test uses the fit's `covariance`. With a robust variance, clusters or weights asked for as
        robust, and with a ridge, the other two have no meaning and are NaN.

    Raises
    ------
    CodingError
        A covariate that is not in the model or is named twice, or a term without covariates.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. 2nd ed. Wiley 2002, ch 4.
    """
    wald_tests = [fit.wald_test(names) for names in terms.values()]
    try:
        require_likelihood(fit, "A score or likelihood ratio test")
    except CodingError:
        unknown = tuple(ChiSquareTest(np.nan, test.df, np.nan) for test in wald_tests)
        return JointTests(tuple(terms), tuple(wald_tests), unknown, unknown)
    score, ratio = [], []
    for names in terms.values():
        keep = positions(fit.names, names)
        without = maximise_rest(fit, dict.fromkeys(keep, 0.0))
        score.append(chi_square(quadratic_form(without.score, without.information), len(keep)))
        ratio.append(chi_square(2 * (fit.log_likelihood[1] - without.log_likelihood), len(keep)))
    return JointTests(tuple(terms), tuple(wald_tests), tuple(score), tuple(ratio))


def likelihood_ratio_test(small: CoxFit, large: CoxFit) -> ChiSquareTest:
    """Test of a model against a larger one that contains it, fitted to the same people.

    Parameters
    ----------
    small, large : CoxFit
        That the covariates of `small` are among those of `large`, or combinations of them (a straight line
        within a spline), cannot be checked here; that both have the same rows, events, ties and null
        likelihood is.

    Raises
    ------
    CodingError
        Different data or ties, a larger model with fewer coefficients, or a fit whose likelihood is none
        (robust variance, ridge).
    """
    for fit in (small, large):
        require_likelihood(fit, "A likelihood ratio test")
    same = (small.n, small.n_events, small.ties) == (large.n, large.n_events, large.ties)
    null, other = small.log_likelihood[0], large.log_likelihood[0]
    if not same or abs(null - other) > 1e-8 * max(abs(null), 1.0):
        raise CodingError(
            "Models of different data, strata or ties", field="small", remedy="Fit both to the same people."
        )
    df = len(large.names) - len(small.names)
    ratio = 2 * (large.log_likelihood[1] - small.log_likelihood[1])
    if df <= 0 or ratio < -1e-6:
        raise CodingError(
            "The second model does not contain the first", field="large", remedy="Give the larger one second."
        )
    return chi_square(max(ratio, 0.0), df)


def contrasts(fit: CoxFit, weights: Mapping[str, Mapping[str, float]]) -> Contrasts:
    """Sums of coefficients, such as a main effect plus its interaction, with their covariance.

    Parameters
    ----------
    fit : CoxFit
    weights : mapping of str to mapping of str to float
        For each contrast its covariates and their weights: `{"surgery in stage IV": {"surgery": 1,
        "surgery:stage=IV": 1}}`.

    Raises
    ------
    CodingError
        A covariate that is not in the model, or a contrast without any weight.
    """
    return linear_contrasts(fit, fit._weights_of(list(weights.values())), tuple(weights))


def linear_contrasts(fit: CoxFit, matrix: FloatArray, names: tuple[str, ...]) -> Contrasts:
    """Contrasts whose weights are the rows of `matrix` (m, p)."""
    estimates, covariance = fit._sums(matrix)
    return Contrasts(names, estimates, np.sqrt(np.diag(covariance)), covariance)
