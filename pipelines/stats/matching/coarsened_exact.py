"""Coarsened exact matching: numbers become bins, and people of one cell are compared."""

from collections.abc import Mapping, Sequence
from numbers import Integral

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, codes, flags, vector
from ..errors import CodingError, EmptyArmError
from .strata import Strata, as_strata

STURGES = "sturges"
EXACT = "exact"
# What a column may be cut by: a rule, how many bins, or the cutpoints.
Coarsening = str | int | Sequence[float] | FloatArray


def match_coarsened_exact(
    covariates: pl.DataFrame,
    treated: ArrayLike,
    *,
    cutpoints: Mapping[str, Coarsening] | None = None,
) -> Strata:
    """Strata of people whose coarsened covariates are all the same.

    Parameters
    ----------
    covariates : Polars frame of n rows
        Numeric columns are cut into bins, all others (text, booleans) are matched as they are. No nulls.
    treated : array_like of shape (n,)
        1 or True for the treated.
    cutpoints : mapping of column to rule, optional
        `"sturges"` (the default of numeric columns: ceil(log2 n + 1) bins of equal width), a number of such
        bins, the inner cutpoints (a value at a cutpoint belongs to the bin above it), or `"exact"`.

    Returns
    -------
    Strata
        Cells without one of the arms are left out.

    Raises
    ------
    EmptyArmError
        There are no treated people or no controls.
    NoMatchError
        No cell holds both arms.
    CodingError, NonFiniteError, ShapeError
        An unknown column or rule, missing values, arrays of two lengths.

    References
    ----------
    Iacus SM, King G, Porro G. Causal inference without balance checking: coarsened exact matching. Political
    Analysis 2012;20:1-24.
    """
    arm = flags(treated, "treated", covariates.height)
    if arm.all() or not arm.any():
        raise EmptyArmError(
            "There are no controls" if arm.all() else "There are no treated people",
            field="treated",
            count=len(arm),
            remedy="Check the exposure's coding and the cohort's rules.",
        )
    rules = dict(cutpoints or {})
    unknown = [name for name in rules if name not in covariates.columns]
    if unknown or not covariates.columns:
        raise CodingError(
            "Cutpoints of columns that are not there" if unknown else "No covariate to match on",
            field=", ".join(unknown) or "covariates",
            remedy=f"The columns are {', '.join(covariates.columns)}.",
        )
    cell = np.zeros(len(arm), dtype=np.int64)
    for name in covariates.columns:
        column = covariates[name]
        rule = rules.get(name, STURGES if column.dtype.is_numeric() else EXACT)
        own = _coarsened(column, rule)
        # Numbered anew after each covariate, so that the product of the bins never grows too large.
        cell = np.unique(cell * (int(own.max()) + 1) + own, return_inverse=True)[1].astype(np.int64)
    return as_strata(cell, arm, f"coarsened exact on {', '.join(covariates.columns)}", matched_sets=False)


def _coarsened(column: pl.Series, rule: Coarsening) -> IntArray:
    """Bin of each person, from 0."""
    if isinstance(rule, str) and rule == EXACT:
        return codes(column.to_list(), column.name, len(column))[0]
    if not column.dtype.is_numeric():
        raise CodingError(
            "Cutpoints of what is not a number", field=column.name, remedy="Match it exactly, or code it."
        )
    values = vector(column.cast(pl.Float64).to_numpy(), column.name)
    return np.searchsorted(_inner_cuts(values, rule, column.name), values, side="right").astype(np.int64)


def _inner_cuts(values: FloatArray, rule: Coarsening, name: str) -> FloatArray:
    if isinstance(rule, str) and rule == STURGES:
        rule = int(np.ceil(np.log2(len(values)) + 1))
    if isinstance(rule, Integral) and not isinstance(rule, bool):
        if rule < 1:
            raise CodingError("A number of bins below one", field=name, remedy="Give 1 or more.")
        return np.linspace(values.min(), values.max(), int(rule) + 1)[1:-1]
    remedy = f"Use {STURGES}, {EXACT}, a number or cutpoints."
    if isinstance(rule, str):
        raise CodingError(f"Unknown rule {rule!r}", field=name, remedy=remedy)
    try:
        cuts = np.asarray(rule if np.iterable(rule) else np.nan, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CodingError("Cutpoints that are not numbers", field=name, remedy=remedy) from error
    if np.ndim(cuts) == 0:
        raise CodingError("Neither a rule, a number of bins nor cutpoints", field=name, remedy=remedy)
    if cuts.ndim != 1 or not np.isfinite(cuts).all() or not (np.diff(cuts) > 0).all():
        raise CodingError("Cutpoints that do not increase", field=name, remedy="Sort them, each once.")
    return cuts
