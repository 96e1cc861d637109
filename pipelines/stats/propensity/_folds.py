"""Folds for cross-validation that do not depend on the order of the rows."""

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray, row_hash
from ..errors import CodingError, EmptyArmError


def fold_numbers(x: FloatArray, outcome: BoolArray, folds: int, seed: int) -> IntArray:
    """A fold 0..folds-1 for each person; people with the same covariates share it, and so their score.

    Raises
    ------
    CodingError
        Fewer than two folds, or a seed below zero.
    EmptyArmError
        Without some fold nobody, or everybody, has the outcome.
    """
    if folds < 2:
        raise CodingError("Fewer than two folds", field="folds", remedy="Give 2 or more, such as 10.")
    if seed < 0:
        raise CodingError("A seed below zero", field="seed", remedy="Give 0 or more.")
    _, pattern, count = np.unique(row_hash(x), return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(count))
    middle = np.cumsum(count[shuffled]) - count[shuffled] / 2
    fold_of = np.empty(len(count), dtype=np.int64)
    fold_of[shuffled] = np.minimum((folds * middle / len(x)).astype(np.int64), folds - 1)
    numbers: IntArray = fold_of[pattern]
    for fold in range(folds):
        rest = outcome[numbers != fold]
        if len(rest) in (0, len(outcome)) or rest.all() or not rest.any():
            raise EmptyArmError(
                f"Too few people or covariate patterns for {folds} folds",
                field="folds",
                count=len(count),
                remedy="Ask for fewer folds, or for a model without them.",
            )
    return numbers
