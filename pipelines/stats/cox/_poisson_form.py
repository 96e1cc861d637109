"""The Poisson form of a Cox model, summed over clusters: what the bias-reduced variance is made of."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .._inputs import FloatArray, IntArray
from ..errors import SizeError
from ._model_rows import ModelRows, model_rows
from .fit import CoxFit

MOST_CLUSTERS = 2_000  # for CR2; with more it does not differ from CR1
MOST_WORK = 5e10  # clusters x (death times + covariates) cubed: under half a minute


@dataclass(frozen=True)
class PoissonForm:
    """The Poisson form of the model, summed over each of C clusters; T death times within strata.

    Attributes
    ----------
    share : ndarray of shape (C, T)
        The cluster's share of all the risk at each death time.
    imbalance : ndarray of shape (C, T, p)
        Its Σ w r (x - x̄), made unit-free by the variance of the deaths at that time.
    information : ndarray of shape (C, p, p)
        Its Σ ∫ w r (x - x̄)(x - x̄)' dΛ; over all clusters they sum to the information.
    residual : ndarray of shape (C, T)
        Its observed less its expected deaths, in standard deviations of all deaths at that time.
    """

    share: FloatArray
    imbalance: FloatArray
    information: FloatArray
    residual: FloatArray


def poisson_form(fit: CoxFit, group: IntArray, count: int) -> PoissonForm:
    """Sums over each cluster; `group` (n,) numbers the clusters of the input's rows, `count` of them.

    Raises
    ------
    SizeError
        So many clusters or death times that the variance made of them takes too long.
    """
    data = model_rows(fit)
    cluster = group[data.rows]
    times, first, last = _death_times(data)
    if count > MOST_CLUSTERS or count * float(times + len(fit.names)) ** 3 > MOST_WORK:
        raise SizeError(
            f"CR2 of {count} clusters at {times} death times is too much work",
            field="kind",
            remedy="Use CR1 where clusters are many; CR3, or times in whole months, where they are few.",
        )
    risk = data.weights * data.relative
    columns = np.column_stack([np.ones(len(risk)), data.covariates])
    sums = _at_risk_sums(risk[:, None] * columns, cluster, first, last, (count, times))
    own_risk, own_sum = sums[..., 0], sums[..., 1:]
    total = sums.sum(axis=0)
    mean = total[:, 1:] / total[:, :1]

    cell = cluster[data.died] * times + last[data.died] - 1
    observed = np.bincount(cell, data.weights[data.died], minlength=count * times).reshape(count, times)
    deaths = observed.sum(axis=0)
    hazard = deaths / total[:, 0]
    # The information multiplied out, so that only sums over the clusters' rows and times are needed.
    lived = np.concatenate([[0.0], np.cumsum(hazard)])
    squares = _cross_products(data.covariates, risk * (lived[last] - lived[first]), cluster, count)
    crossed = np.einsum("ctp,tq->cpq", own_sum, hazard[:, None] * mean, optimize=True)
    means = np.einsum("ct,tp,tq->cpq", own_risk * hazard, mean, mean, optimize=True)
    return PoissonForm(
        share=own_risk / total[:, 0],
        imbalance=(own_sum - own_risk[..., None] * mean) * (hazard / np.sqrt(deaths))[:, None],
        information=squares - crossed - crossed.transpose(0, 2, 1) + means,
        residual=(observed - own_risk * hazard) / np.sqrt(deaths),
    )


def _death_times(data: ModelRows) -> tuple[int, IntArray, IntArray]:
    """Number of death times within strata, ascending, and the run `first <= t < last` of each row's risk."""
    distinct = np.unique(data.time[data.died])
    span = len(distinct) + 1
    upto = np.searchsorted(distinct, data.time, side="right")
    key = np.unique((data.stratum * span + upto)[data.died])
    last = np.searchsorted(key, data.stratum * span + upto, side="right")
    before = 0 if data.entry is None else np.searchsorted(distinct, data.entry, side="right")
    first = np.searchsorted(key, data.stratum * span + before, side="right")
    return len(key), first, last


def _at_risk_sums(
    values: FloatArray, cluster: IntArray, first: IntArray, last: IntArray, shape: tuple[int, int]
) -> FloatArray:
    """Sum `values` (n, k) over those at risk, by cluster and death time: (C, T, k)."""
    count, times = shape
    cells = count * (times + 1)
    sums = np.empty((count, times, values.shape[1]))
    for k, column in enumerate(values.T):
        change = np.bincount(cluster * (times + 1) + first, column, minlength=cells)
        change -= np.bincount(cluster * (times + 1) + last, column, minlength=cells)
        sums[..., k] = np.cumsum(change.reshape(count, times + 1), axis=1)[:, :times]
    return sums


def _cross_products(x: FloatArray, weight: FloatArray, cluster: IntArray, count: int) -> FloatArray:
    """Weighted X'X of each cluster: (C, p, p)."""
    order = np.argsort(cluster, kind="stable")
    x, weight = x[order], weight[order]
    bounds = np.searchsorted(cluster[order], np.arange(count + 1))
    return np.array([x[a:b].T @ (weight[a:b, None] * x[a:b]) for a, b in pairwise(bounds.tolist())])
