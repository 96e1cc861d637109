"""Restricted (natural) cubic splines of a covariate, and the hazard-ratio curve they give.

Both bases span the same curves where their knots are the same: cubic between the knots, straight outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, confidence, vector
from .._linear_algebra import normal_quantile
from ..errors import CodingError
from .fit import ChiSquareTest, CoxFit, wald
from .terms import Term
from .tests import linear_contrasts

FEW_PEOPLE = 100  # below which the outer knots are the fifth smallest and largest values


@dataclass(frozen=True)
class SplineTerm(Term):
    """A spline of one covariate, with what is needed to evaluate it elsewhere.

    Attributes
    ----------
    kind : {"restricted", "natural"}
    knots : ndarray of shape (m,)
        All knots, the outermost (where the curve becomes straight) included.
    """

    kind: str = field(kw_only=True)
    knots: FloatArray = field(kw_only=True)

    def basis(self, values: ArrayLike) -> FloatArray:
        """Columns of the spline at `values` (m,): (m, k)."""
        at = vector(values, self.name)
        return (
            _restricted_basis(at, self.knots) if self.kind == "restricted" else _natural_basis(at, self.knots)
        )


@dataclass(frozen=True)
class HazardRatioCurve:
    """Result of `hazard_ratio_curve`: hazard ratio at each value against the reference value."""

    name: str
    reference: float
    value: FloatArray
    log_hazard_ratio: FloatArray
    std_err: FloatArray
    level: float

    def to_frame(self) -> pl.DataFrame:
        """One row per value; at the reference the ratio is 1 with an interval of no width."""
        half = normal_quantile(self.level) * self.std_err
        return pl.DataFrame(
            {
                "value": self.value,
                "reference": np.full(len(self.value), self.reference),
                "hazard_ratio": np.exp(self.log_hazard_ratio),
                "ci_low": np.exp(self.log_hazard_ratio - half),
                "ci_high": np.exp(self.log_hazard_ratio + half),
                "ci_level": np.full(len(self.value), self.level),
            }
        )


def restricted_cubic_spline(
    values: ArrayLike, *, name: str, df: int | None = None, knots: Sequence[float] | None = None
) -> SplineTerm:
    """Harrell's restricted cubic spline: the value itself, then `df - 1` columns that bend it.

    Parameters
    ----------
    values : array_like of shape (n,)
    name : str
    df : int, optional
        Columns, 2 to 6: one fewer than knots, which stand at Harrell's quantiles (4 columns: 5, 27.5, 50,
        72.5 and 95 percent). With fewer than 100 people the outer knots are the fifth smallest and largest.
    knots : sequence of float, optional
        At least three, increasing; instead of `df`.

    Returns
    -------
    SplineTerm
        Columns `name`, `name'`, `name''`, … as R's `rms` names and scales them.

    Raises
    ------
    CodingError
        Both or neither of `df` and `knots`, too few of them, or knots that coincide because too many people
        share a value.

    References
    ----------
    Harrell FE. Regression Modeling Strategies. 2nd ed. Springer 2015, section 2.4.
    Durrleman S, Simon R. Flexible regression models with cubic splines. Stat Med 1989;8:551-561.
    """
    x = vector(values, name)
    chosen = _given(df, knots, name, range(2, 7))
    places = _harrell_knots(x, chosen + 1) if isinstance(chosen, int) else chosen
    _require_increasing(places, name, fewest=3)
    names = tuple(name + "'" * j for j in range(len(places) - 1))
    return SplineTerm(name, names, _restricted_basis(x, places), kind="restricted", knots=places)


def natural_spline(
    values: ArrayLike,
    *,
    name: str,
    df: int | None = None,
    knots: Sequence[float] | None = None,
    boundary: tuple[float, float] | None = None,
) -> SplineTerm:
    """Natural cubic spline in the B-spline basis of R's `splines::ns`, without intercept.

    Parameters
    ----------
    values : array_like of shape (n,)
    name : str
    df : int, optional
        Columns, 2 or more: inner knots at `df - 1` equally spaced quantiles.
    knots : sequence of float, optional
        Inner knots, increasing; instead of `df`.
    boundary : tuple of float, optional
        Where the curve becomes straight; default the smallest and largest value.

    Returns
    -------
    SplineTerm
        Columns `name:1`, `name:2`, …

    Raises
    ------
    CodingError
        Both or neither of `df` and `knots`, or knots that coincide or lie outside the boundary.

    References
    ----------
    Hastie TJ. Generalized additive models. In: Chambers JM, Hastie TJ, eds. Statistical Models in S. 1992.
    """
    x = vector(values, name)
    low, high = (float(x.min()), float(x.max())) if boundary is None else boundary
    chosen = _given(df, knots, name, range(2, 100))
    if isinstance(chosen, int):
        inside = x[(x >= low) & (x <= high)]
        chosen = np.quantile(inside, np.arange(1, chosen) / chosen)
    places = np.concatenate([[low], chosen, [high]])
    _require_increasing(places, name, fewest=3)
    basis = _natural_basis(x, places)
    names = tuple(f"{name}:{j + 1}" for j in range(basis.shape[1]))
    return SplineTerm(name, names, basis, kind="natural", knots=places)


def hazard_ratio_curve(
    fit: CoxFit, term: SplineTerm, at: ArrayLike, *, reference: float, level: float = 0.95
) -> HazardRatioCurve:
    """Hazard ratio at each of `at` against `reference`, all else equal, with pointwise intervals.

    Parameters
    ----------
    fit : CoxFit
        With the spline's columns among its covariates.
    term : SplineTerm
    at : array_like of shape (m,)
        In the covariate's unit.
    reference : float
        The value whose hazard ratio is 1.
    level : float
        Confidence level, 0 to 1.

    Raises
    ------
    CodingError
        The spline is not in the model.
    """
    positions = [fit._position(name) for name in term.names]
    values = vector(at, "at")
    matrix = np.zeros((len(values), len(fit.names)))
    matrix[:, positions] = term.basis(values) - term.basis([reference])
    log_ratio = matrix @ fit.coefficients
    variance = np.einsum("ij,jk,ik->i", matrix, fit.covariance, matrix)
    return HazardRatioCurve(
        term.name, float(reference), values, log_ratio, np.sqrt(np.maximum(variance, 0.0)), confidence(level)
    )


def nonlinearity_test(fit: CoxFit, term: SplineTerm) -> ChiSquareTest:
    """Wald test that the log hazard is a straight line in the covariate; `df` one fewer than its columns.

    Parameters
    ----------
    fit : CoxFit
        With the spline's columns among its covariates.
    term : SplineTerm

    Raises
    ------
    CodingError
        The spline is not in the model.
    """
    positions = [fit._position(name) for name in term.names]
    sample = np.linspace(float(term.knots[0]), float(term.knots[-1]), 4 * len(term.knots))
    straight = np.linalg.lstsq(term.basis(sample) - term.basis(sample[:1]), sample - sample[0])[0]
    # A curve is straight where its coefficients are a multiple of `straight`: nothing is left across it.
    across = np.linalg.svd(straight[None, :])[2][1:]
    matrix = np.zeros((len(across), len(fit.names)))
    matrix[:, positions] = across
    found = linear_contrasts(fit, matrix, tuple(map(str, range(len(across)))))
    return wald(found.estimates, found.covariance)


def _given(df: int | None, knots: Sequence[float] | None, name: str, allowed: range) -> int | FloatArray:
    if (df is None) == (knots is None):
        raise CodingError("Exactly one of df and knots is needed", field=name, remedy="Give one of them.")
    if knots is not None:
        return vector(knots, name)
    if df not in allowed:
        raise CodingError(
            f"A spline of {df} columns", field=name, remedy=f"Use {allowed.start} to {allowed.stop - 1}."
        )
    assert df is not None
    return int(df)


def _require_increasing(knots: FloatArray, name: str, fewest: int) -> None:
    if len(knots) < fewest:
        raise CodingError("Too few knots", field=name, count=len(knots), remedy=f"Give at least {fewest}.")
    wrong = int(np.count_nonzero(np.diff(knots) <= 0))
    if wrong:
        raise CodingError(
            "Knots that coincide, or do not increase",
            field=name,
            count=wrong,
            remedy="Use fewer knots, or give them: too many people may share a value.",
        )


def _harrell_knots(x: FloatArray, number: int) -> FloatArray:
    outer = 0.1 if number == 3 else 0.05 if number <= 6 else 0.025
    knots = np.quantile(x, np.linspace(outer, 1 - outer, number))
    if len(x) < FEW_PEOPLE and len(x) >= 2 * 5:
        knots[[0, -1]] = np.sort(x)[[4, -5]]
    return knots


def _restricted_basis(x: FloatArray, knots: FloatArray) -> FloatArray:
    last, before = knots[-1], knots[-2]
    unit = (last - knots[0]) ** 2

    def cube(knot: float) -> FloatArray:
        return np.asarray(np.maximum(x - knot, 0.0) ** 3 / unit, dtype=np.float64)

    bends = [
        cube(knot) + ((before - knot) * cube(last) - (last - knot) * cube(before)) / (last - before)
        for knot in knots[:-2]
    ]
    return np.column_stack([x, *bends])


def _natural_basis(x: FloatArray, knots: FloatArray) -> FloatArray:
    """B-splines with the second derivative at both ends taken out; straight lines outside."""
    from scipy.interpolate import BSpline

    ends = knots[[0, -1]]
    padded = np.concatenate([np.repeat(ends[0], 3), knots, np.repeat(ends[1], 3)])
    spline = BSpline(padded, np.eye(len(padded) - 4), 3)
    # R leaves the first B-spline (the intercept) out, then keeps what is orthogonal to the curvature.
    rotation = np.linalg.qr(spline.derivative(2)(ends)[:, 1:].T, mode="complete")[0][:, 2:]
    inside = np.clip(x, *ends)
    columns = spline(inside)[:, 1:] + (x - inside)[:, None] * spline.derivative(1)(inside)[:, 1:]
    return np.asarray(columns @ rotation, dtype=np.float64)
