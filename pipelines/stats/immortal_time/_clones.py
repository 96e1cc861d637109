"""Two clones of each person, one per strategy, as rows (start, stop] with the weight they carry."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._inputs import FloatArray
from ._initiation import Initiation
from ._people import People
from ._person_time import PersonTime
from .surgery_hazard import SurgeryHazard

NO_WEIGHT = 1e-12


def clone_rows(
    people: People, initiation: Initiation, step: float, marginal: SurgeryHazard | None = None
) -> PersonTime:
    """Rows of both arms; `operated` is the arm.

    Within the grace period a row is at most `step` long and carries the weight of its midpoint. The arm
    "not operated" is censored at an operation within it; the arm "operated" is censored at its end where
    no operation came. Both count a death before the operation. Afterwards weights are constant. With the
    hazard of a model without covariates, `marginal`, weights are multiplied by the share of people who
    follow the arm: a number of the arm, or of arm and time, so that no arm's own hazard changes.
    """
    hazard = initiation.hazard
    grace = hazard.until
    in_time = people.operated_by(grace)
    turn = np.where(in_time, people.exposed_from, np.inf)
    surgery = np.where(in_time, np.minimum(people.surgery, grace), np.inf)
    share = 1.0 if marginal is None else marginal.probability(grace)
    pieces = []
    for start, stop in pairwise(_cuts(initiation.edges, step)):
        middle = (start + stop) / 2
        begin, end = np.full(people.n, start), np.minimum(turn, stop)
        weight = _not_operated(hazard, marginal, middle)
        pieces.append(_piece(people, begin, end, False, weight))
        pieces.append(_piece(people, begin, end, True, share * initiation.unoperated(middle)))
    never = np.full(people.n, np.inf)
    pieces.append(_piece(people, turn, never, True, share * initiation.operated(surgery)))
    after = np.where(np.isfinite(turn), np.inf, grace)
    pieces.append(_piece(people, after, never, False, _not_operated(hazard, marginal, grace)))
    return PersonTime(*(np.concatenate(column) for column in zip(*pieces, strict=True)))


def _not_operated(hazard: SurgeryHazard, marginal: SurgeryHazard | None, at: float) -> FloatArray:
    share = 1.0 if marginal is None else marginal.unoperated(at)
    return share / hazard.unoperated(at)


def _piece(
    people: People, start: FloatArray, stop: FloatArray, arm: bool, weight: FloatArray
) -> tuple[NDArray[Any], ...]:
    """Rows of those whose follow-up reaches beyond `start` and who weigh something."""
    end = np.minimum(people.time, stop)
    rows = np.flatnonzero((end > start) & (weight > NO_WEIGHT))
    died = people.died & (people.time <= stop)
    return rows, start[rows], end[rows], died[rows], np.full(len(rows), arm), weight[rows]


def _cuts(edges: FloatArray, step: float) -> list[float]:
    """Multiples of `step` within the grace period, and the edges of the strategy's intervals."""
    grace = float(edges[-1])
    steps = np.arange(0.0, grace, step)
    far = np.abs(steps[:, None] - edges).min(axis=1) > 1e-9 * max(1.0, grace)
    cuts: list[float] = np.unique(np.concatenate([edges, steps[far]])).tolist()
    return cuts
