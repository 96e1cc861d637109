"""People behind rows: somebody with several (start, stop] rows is one person."""

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import BoolArray, IntArray, codes


def person_of_rows(ids: ArrayLike | None, n: int) -> IntArray:
    """Number of the person of each row; each row its own where no ids are given."""
    return np.arange(n) if ids is None else codes(ids, "ids", n)[0]


def count_people(person: IntArray, rows: BoolArray) -> int:
    """How many people some rows belong to."""
    return len(np.unique(person[rows]))


def cluster_of_rows(
    cluster: ArrayLike | None, ids: ArrayLike | None, weights: ArrayLike | None
) -> ArrayLike | None:
    """What a variance is clustered by: as asked, and with weights by person, whose rows are not independent."""
    return ids if cluster is None and weights is not None else cluster
