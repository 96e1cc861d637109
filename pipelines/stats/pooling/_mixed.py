"""The model behind every pool: known variances within studies, one variance between them, moderators.

A plain pool is the model with a constant alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri

from .._inputs import FloatArray, choice, row_hash, vector
from .._linear_algebra import inverse
from ..errors import CodingError, CollinearityError, ShapeError

NO_SPREAD = 1e-14  # mean weighted square of the residuals
METHODS = ("fixed", "dersimonian_laird", "reml", "paule_mandel")


@dataclass(frozen=True)
class MixedFit:
    """Estimate at one variance between studies.

    Attributes
    ----------
    coefficients : ndarray of shape (p,)
    covariance : ndarray of shape (p, p)
        Inverse of X'WX, W = 1 / (variance + tau2).
    tau2 : float
        Variance between studies, of the log ratio.
    q, q_df, q_p : float, int, float
        Residual heterogeneity with weights 1/variance, and its chi-square test.
    scale : float
        Mean weighted square of the residuals, by which Hartung and Knapp multiply the covariance.
    typical_variance : float
        Variance within a typical study (Higgins and Thompson).
    """

    coefficients: FloatArray
    covariance: FloatArray
    tau2: float
    q: float
    q_df: int
    q_p: float
    scale: float
    typical_variance: float

    @property
    def i_squared(self) -> float:
        """Percent of the variance that is between studies, by `tau2`."""
        return 100 * self.tau2 / (self.typical_variance + self.tau2)

    @property
    def i_squared_from_q(self) -> float:
        """The same by `q`, and zero where that is below nothing."""
        return max(0.0, 100 * (self.q - self.q_df) / self.q) if self.q > 0 else 0.0

    @property
    def h_squared(self) -> float:
        """Total variance over the variance within studies, by `tau2`."""
        return self.tau2 / self.typical_variance + 1


def check_effects(estimate: object, variance: object, needed: int = 2) -> tuple[FloatArray, FloatArray]:
    """Log estimates and variances, at least `needed` of them, every variance above zero."""
    y = vector(np.asarray(estimate), "estimate")
    v = vector(np.asarray(variance), "variance", len(y))
    wrong = int(np.count_nonzero(v <= 0))
    if wrong:
        raise CodingError(
            "Variances of zero or below",
            field="variance",
            count=wrong,
            remedy="Compare with the papers: an interval without width has no weight that could be used.",
        )
    if len(y) < needed:
        raise ShapeError(
            f"Fewer than {needed} studies",
            field="estimate",
            count=len(y),
            remedy="Report the studies themselves; there is nothing to pool or to compare.",
        )
    return y, v


def fit_mixed(
    y: FloatArray, v: FloatArray, design: FloatArray | None = None, *, method: str = "reml"
) -> MixedFit:
    """Fit the model. Inputs are checked by the caller; the order of the studies changes no digit.

    Parameters
    ----------
    y, v : ndarray of shape (k,)
        Log estimates and their variances.
    design : ndarray of shape (k, p), optional
        Columns of full rank, p < k; default a constant.
    method : {"fixed", "dersimonian_laird", "reml", "paule_mandel"}
    """
    choice(method, "method", METHODS)
    x = np.ones((len(y), 1)) if design is None else design
    order = np.argsort(row_hash(y, v, x), kind="stable")
    y, v, x = y[order], v[order], x[order]
    df = len(y) - x.shape[1]
    plain = _Weighted(y, x, v)
    q = plain.square
    tau2 = 0.0
    if method == "dersimonian_laird":
        tau2 = max(0.0, (q - df) / plain.trace_p)
    elif method == "paule_mandel":
        tau2 = _where_q_is(y, v, x, float(df))
    elif method == "reml":
        tau2 = _restricted_maximum(y, v, x)
    at = _Weighted(y, x, v + tau2)
    return MixedFit(
        coefficients=at.coefficients,
        covariance=at.covariance,
        tau2=tau2,
        q=q,
        q_df=df,
        q_p=float(chdtrc(df, q)),
        scale=at.square / df,
        typical_variance=df / plain.trace_p,
    )


def tau2_interval(
    y: FloatArray, v: FloatArray, design: FloatArray | None = None, *, level: float = 0.95
) -> tuple[float, float]:
    """Limits of the variance between studies where its Q equals the quantiles of chi-square (Q-profile).

    Zero and zero where the studies agree better than chance allows.

    References
    ----------
    Viechtbauer W. Confidence intervals for the amount of heterogeneity in meta-analysis. Stat Med
    2007;26:37-52.
    """
    x = np.ones((len(y), 1)) if design is None else design
    order = np.argsort(row_hash(y, v, x), kind="stable")
    y, v, x = y[order], v[order], x[order]
    df = len(y) - x.shape[1]
    tail = (1 - level) / 2
    return (
        _where_q_is(y, v, x, float(chdtri(df, tail))),
        _where_q_is(y, v, x, float(chdtri(df, 1 - tail))),
    )


def require_spread(fit: MixedFit, studies: int) -> None:
    """Refuse residuals of nothing, from which no standard error can be had."""
    if fit.scale <= NO_SPREAD:
        raise CollinearityError(
            "The model goes through every study exactly, so nothing is left to judge it by",
            field="estimate",
            count=studies,
            remedy="Check the estimates; the normal test (z) does not need their spread.",
        )


class _Weighted:
    """Weighted least squares with weights one over `variance`."""

    def __init__(self, y: FloatArray, x: FloatArray, variance: FloatArray) -> None:
        self.w = 1 / variance
        self.information = (x.T * self.w) @ x
        self.covariance = inverse(self.information)
        self.coefficients: FloatArray = self.covariance @ (x.T @ (self.w * y))
        self.residual = y - x @ self.coefficients
        self.square = float(np.sum(self.w * self.residual**2))
        # P is the projection matrix of restricted maximum likelihood, W - WX(X'WX)^-1 X'W.
        squared = (x.T * self.w**2) @ x
        self.trace_p = float(np.sum(self.w) - np.sum(self.covariance * squared))

    @property
    def score(self) -> float:
        """Derivative of twice the restricted log likelihood with respect to the variance between studies."""
        return float(np.sum((self.w * self.residual) ** 2)) - self.trace_p

    @property
    def restricted(self) -> float:
        """Twice the restricted log likelihood, but for a constant."""
        return float(np.sum(np.log(self.w))) - float(np.linalg.slogdet(self.information)[1]) - self.square


def _where_q_is(y: FloatArray, v: FloatArray, x: FloatArray, target: float) -> float:
    """Variance between studies at which Q, which falls with it, is `target`; zero where it starts below."""

    def excess(tau2: float) -> float:
        return _Weighted(y, x, v + tau2).square - target

    if excess(0.0) <= 0:
        return 0.0
    high = float(np.mean(v))
    while excess(high) > 0:
        high *= 2
    return _root(excess, 0.0, high)


def _restricted_maximum(y: FloatArray, v: FloatArray, x: FloatArray) -> float:
    """Variance between studies of the highest restricted likelihood.

    The likelihood can have more than one maximum, so all of a fine grid are looked at.
    """

    def score(tau2: float) -> float:
        return _Weighted(y, x, v + tau2).score

    spread = float(np.sum(_Weighted(y, x, np.ones(len(y))).residual ** 2)) / (len(y) - x.shape[1])
    grid = [0.0, *np.geomspace(1e-4 * float(v.min()), 1e3 * (spread + float(v.max())), 60).tolist()]
    signs = [score(tau2) > 0 for tau2 in grid]
    maxima = [0.0] if not signs[0] else []
    for low, high, rises, still in zip(grid, grid[1:], signs, signs[1:], strict=False):
        if rises and not still:
            maxima.append(_root(score, low, high))
    return max(maxima, key=lambda tau2: _Weighted(y, x, v + tau2).restricted)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-15, rtol=8.9e-16, maxiter=500))
