"""Several tests at once: p-values adjusted for their number."""

from collections.abc import Sequence

import numpy as np

from ._inputs import FloatArray, vector
from .errors import CodingError


def holm(p_values: Sequence[float] | FloatArray, *, family_size: int | None = None) -> FloatArray:
    """P-values adjusted by Holm's step-down method (m,), in the order given.

    Parameters
    ----------
    p_values : sequence of float
        Between 0 and 1.
    family_size : int, optional
        Tests in the family, not fewer than those given; those not given count as larger.

    Raises
    ------
    CodingError
        P-values outside 0 to 1, or a family smaller than its tests.

    References
    ----------
    Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65-70.
    """
    p = vector(np.asarray(p_values), "p_values")
    m = len(p) if family_size is None else family_size
    wrong = int(np.count_nonzero((p < 0) | (p > 1)))
    if wrong or m < len(p):
        raise CodingError(
            "P-values outside 0 to 1, or a family smaller than its tests",
            field="p_values" if wrong else "family_size",
            count=wrong or None,
            remedy="Give every p-value of the family.",
        )
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((m - np.arange(len(p))) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
