"""The rows of a fitted model, for what has to look at them again: jackknife, leverages, penalised fits."""

from dataclasses import dataclass

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray
from .fit import CoxFit


@dataclass(frozen=True)
class ModelRows:
    """Rows that are ever at risk at a death; n of them, in the order of the input.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Row of the input.
    covariates : ndarray of shape (n, p)
        Centred, on the scale of the data.
    relative : ndarray of shape (n,)
        Relative hazard at the estimate, up to a common factor.
    """

    rows: IntArray
    time: FloatArray
    died: BoolArray
    entry: FloatArray | None
    covariates: FloatArray
    weights: FloatArray
    stratum: IntArray
    offset: FloatArray
    relative: FloatArray


def model_rows(fit: CoxFit) -> ModelRows:
    """Rows of `fit` with their covariates as the fit keeps them."""
    sets = fit._sets
    order = np.argsort(sets.rows)
    rows = np.asarray(sets.rows)[order]
    covariates = sets.covariates[order] * sets.scale
    predictor = fit._linear_predictor[rows]
    return ModelRows(
        rows=rows,
        time=fit._time[rows],
        died=fit._died[rows] == 1,
        entry=None if fit._entry is None else fit._entry[rows],
        covariates=covariates,
        weights=fit._weights[rows],
        stratum=fit._stratum[rows],
        offset=predictor - covariates @ fit.coefficients,
        relative=np.exp(predictor - predictor.max()),
    )
