"""Robust variance of an estimate from each row's score, summed over people, pairs or centres."""

import numpy as np
from numpy.typing import ArrayLike

from ._inputs import FloatArray, IntArray, codes
from .errors import CodingError


def clusters_of(cluster: ArrayLike | None, length: int) -> IntArray:
    """Number of each row's cluster (n,); every row its own where no labels are given.

    Raises
    ------
    CodingError
        All rows are one cluster: its scores add up to nothing, and so would the variance.
    """
    if cluster is None:
        return np.arange(length)
    member, labels = codes(cluster, "cluster", length)
    if len(labels) < 2:
        raise CodingError(
            "All rows belong to one cluster",
            field="cluster",
            count=length,
            remedy="Give the labels of people, pairs or centres; their number should be large.",
        )
    return member


def sandwich(scores: FloatArray, cluster: IntArray, bread: FloatArray) -> FloatArray:
    """Covariance from scores (n, p), summed by cluster, and the inverse information `bread` (q, p)."""
    influence = sum_by_cluster(scores, cluster) @ bread.T
    covariance: FloatArray = influence.T @ influence
    return covariance


def sum_by_cluster(values: FloatArray, cluster: IntArray) -> FloatArray:
    """Sum of the rows (n, p) of each cluster."""
    size = int(cluster.max()) + 1
    return np.column_stack([np.bincount(cluster, column, size) for column in values.T])
