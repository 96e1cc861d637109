"""Causes of an event as whole numbers: 0 is censored, every other number a cause."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, vector
from ..errors import CodingError, NoEventsError


@dataclass(frozen=True)
class Causes:
    """Cause of each row as 0 (censored) or 1..K, and what the K causes are called in the data."""

    code: IntArray
    labels: tuple[int, ...]

    def of(self, label: int, field: str) -> IntArray:
        """1 where the cause is `label`, 2 where it is another, 0 where censored."""
        if label not in self.labels:
            known = ", ".join(str(known) for known in self.labels)
            raise NoEventsError(
                "Nobody has the event of interest", field=field, remedy=f"The data have the causes {known}."
            )
        own = self.code == self.labels.index(label) + 1
        return np.where(own, 1, np.where(self.code > 0, 2, 0)).astype(np.int64)


def causes(values: ArrayLike, field: str, length: int) -> Causes:
    """Check the coding and number the causes in the order of their labels."""
    array = vector(values, field, length)
    wrong = int(np.count_nonzero((array < 0) | (array != np.round(array))))
    if wrong:
        raise CodingError(
            "Causes that are not whole numbers from 0",
            field=field,
            count=wrong,
            remedy="Code censored as 0 and the causes as 1, 2, …",
        )
    labels = np.unique(array[array > 0])
    if len(labels) == 0:
        raise NoEventsError("Nobody has an event", field=field, remedy="Widen the cohort or its follow-up.")
    code = np.where(array > 0, np.searchsorted(labels, array) + 1, 0).astype(np.int64)
    return Causes(code, tuple(int(label) for label in labels))


def count_by(place: IntArray, weights: FloatArray, size: int) -> FloatArray:
    """Sum of `weights` by place (size,)."""
    return np.asarray(np.bincount(place, weights, minlength=size), dtype=np.float64)
