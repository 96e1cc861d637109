"""What the weights of each arm look like, and cutting the largest."""

from dataclasses import dataclass, replace

import numpy as np

from .._inputs import BoolArray, FloatArray
from ._person_time import PersonTime

TOP = 0.01


@dataclass(frozen=True)
class ArmWeights:
    """What the weights of one arm look like.

    Attributes
    ----------
    operated : bool
        The arm.
    clones, rows : int
        People with a clone that weighs something, and its rows.
    smallest, largest : float
        Weight of any row.
    after_grace : int
        Clones still followed at the end of the grace period, where the weights work longest.
    effective_size : float
        Of those: (sum of w)^2 / sum of w^2.
    top_share : float
        Share of their weight that the one percent with the largest weights hold.
    truncated : int
        Clones whose weight was cut.
    """

    operated: bool
    clones: int
    rows: int
    smallest: float
    largest: float
    after_grace: int
    effective_size: float
    top_share: float
    truncated: int

    def sentence(self) -> str:
        """The same in words, for a report."""
        cut = f"; {self.truncated} clones cut" if self.truncated else ""
        return (
            f"{'Operated' if self.operated else 'Unoperated'} arm: {self.clones} clones, {self.rows} rows, "
            f"weights {self.smallest:.3g} to {self.largest:.3g}; {self.after_grace} followed after the grace "
            f"period count as {self.effective_size:.0f}, the top percent holds {self.top_share:.1%} of the "
            f"weight{cut}."
        )


def describe_weights(
    rows: PersonTime, followed: BoolArray, grace: float, truncated: tuple[int, int]
) -> tuple[ArmWeights, ArmWeights]:
    """Weights of both arms, the unoperated one first; `followed` (n,) after the grace period."""
    return _describe(rows, False, followed, grace, truncated[0]), _describe(
        rows, True, followed, grace, truncated[1]
    )


def truncate_weights(rows: PersonTime, quantile: float) -> tuple[PersonTime, tuple[int, int]]:
    """Cut weights at a quantile of the clones' largest weights in each arm, each clone counted once.

    Returns
    -------
    PersonTime
        The rows with their weights cut.
    tuple of int
        Clones cut in each arm, the unoperated one first.
    """
    weight, cut = rows.weight.copy(), [0, 0]
    for arm in (False, True):
        own = np.flatnonzero(rows.operated == arm)
        largest = np.zeros(int(rows.person.max()) + 1)
        np.maximum.at(largest, rows.person[own], weight[own])
        limit = np.quantile(largest[largest > 0], quantile)
        cut[arm] = int(np.count_nonzero(largest > limit))
        weight[own] = np.minimum(weight[own], limit)
    return replace(rows, weight=weight), (cut[0], cut[1])


def _describe(
    rows: PersonTime, operated: bool, followed: BoolArray, grace: float, truncated: int
) -> ArmWeights:
    own = rows.operated == operated
    weight, person = rows.weight[own], rows.person[own]
    # A clone's row after the grace period is the one that ends after it.
    late: FloatArray = np.sort(weight[(rows.stop[own] > grace) & followed[person]])
    total = float(late.sum())
    top = int(np.ceil(TOP * len(late)))
    return ArmWeights(
        operated=operated,
        clones=len(np.unique(person)),
        rows=len(weight),
        smallest=float(weight.min()),
        largest=float(weight.max()),
        after_grace=len(late),
        effective_size=total**2 / float(late @ late) if total > 0 else 0.0,
        top_share=float(late[len(late) - top :].sum()) / total if total > 0 else 0.0,
        truncated=truncated,
    )
