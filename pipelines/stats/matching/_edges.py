"""Every pair within the caliper, for the matchings that weigh all of them against each other."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray
from ..errors import SizeError
from ._people import UNIT, People
from .nearest import whitened


@dataclass(frozen=True)
class Edges:
    """Pairs that may be matched, sorted by treated place, then control place; arrays of shape (e,)."""

    treated: IntArray
    control: IntArray
    distance: FloatArray


def edges_within_caliper(people: People, mahalanobis: ArrayLike | pl.DataFrame | None, most: int) -> Edges:
    """All pairs within the caliper and stratum, or a refusal where they are more than `most`."""
    from ._compiled_mahalanobis import pairs_within, windows  # loads numba

    low, high = windows(people.score, people.stratum, people.limit)
    controls_before = np.concatenate([[0], np.cumsum(~people.arm)])
    total = int(np.sum((controls_before[high] - controls_before[low])[people.arm]))
    if total > most:
        raise SizeError(
            f"More pairs within the caliper than the {most:,} this matching takes",
            field="caliper",
            count=total,
            remedy="Narrow the caliper, match exactly on labels, or use match_nearest.",
        )
    if total == 0:
        raise people.nobody()
    left, right = pairs_within(people.arm, low, high, total)
    if mahalanobis is None:
        return Edges(left, right, np.abs(people.score[left] - people.score[right]) * UNIT)
    x = whitened(mahalanobis, people)
    distance = np.empty(total)
    for part in np.array_split(np.arange(total), max(1, total // 100_000)):  # spares the memory
        distance[part] = np.sqrt(np.sum((x[left[part]] - x[right[part]]) ** 2, axis=1))
    return Edges(left, right, distance)
