"""Checks at the door: arrays in, clean float arrays out, or a named error without a patient's value."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from .errors import (
    CodingError,
    EmptyArmError,
    NegativeTimeError,
    NonFiniteError,
    ShapeError,
    StopBeforeStartError,
    TooFewEventsError,
    WeightError,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# R's survival merges times closer than this (`timefix`): what a subtraction leaves is not a difference.
TIME_TOLERANCE = 1.4901161193847656e-08
WHOLE_TIMES_BELOW = 1e7  # the tolerance grows with the mean time and stays below one up to here
EVENTS_PER_COVARIATE = 10.0
HASH_BLOCK = 4096


def vector(values: ArrayLike, field: str, length: int | None = None) -> FloatArray:
    """One finite number per person, as float64."""
    array = numbers(values, field)
    if array.ndim != 1 or (length is not None and len(array) != length):
        expected = "one entry per person" if length is None else f"{length} entries, one per person"
        raise ShapeError(
            f"Shape {array.shape} where {expected} are needed", field=field, remedy="Align the arrays."
        )
    if len(array) == 0:
        raise ShapeError("There is nobody in the data", field=field, remedy="Check the cohort's attrition.")
    _require_finite(array, field)
    return array


def numbers(values: ArrayLike, field: str) -> FloatArray:
    """Numbers of any shape as float64, finite or not; nothing that a mask hides is read."""
    _require_unmasked(values, field)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CodingError(
            "Values are not numbers", field=field, remedy="Code text as numbers first."
        ) from error


def flags(values: ArrayLike, field: str, length: int | None = None) -> BoolArray:
    """One yes/no per person, coded 1/0 or True/False."""
    array = vector(values, field, length)
    wrong = int(np.count_nonzero((array != 0) & (array != 1)))
    if wrong:
        raise CodingError("Values other than 0 and 1", field=field, count=wrong, remedy="Code it 0/1.")
    is_yes: BoolArray = array == 1
    return is_yes


def matrix(
    covariates: ArrayLike | pl.DataFrame, names: Sequence[str] | None, length: int | None = None
) -> tuple[FloatArray, tuple[str, ...]]:
    """Covariates as an (n, p) float64 matrix with one name per column; a vector is one covariate."""
    if names is None and isinstance(covariates, pl.DataFrame):
        names = covariates.columns
    raw = covariates.to_numpy() if isinstance(covariates, pl.DataFrame) else covariates
    _require_unmasked(raw, "covariates")
    try:
        array = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CodingError(
            "Covariates are not numbers", field="covariates", remedy="Code levels as 0/1 columns."
        ) from error
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] == 0 or (length is not None and len(array) != length):
        raise ShapeError(
            f"Covariates of shape {array.shape} for {length if length is not None else 'the'} people",
            field="covariates",
            remedy="Give one row per person and at least one column.",
        )
    labels = tuple(names) if names is not None else tuple(f"x{j}" for j in range(array.shape[1]))
    if len(labels) != array.shape[1] or len(set(labels)) != len(labels):
        raise ShapeError(
            f"{len(labels)} names, {len(set(labels))} of them distinct, for {array.shape[1]} covariates",
            field="names",
            remedy="Give each column its own name.",
        )
    if not np.isfinite(array.sum()):  # one quick pass; a sum that only overflows names no column
        for column, label in zip(array.T, labels, strict=True):
            _require_finite(column, label)
    return array, labels


def positive_weights(weights: ArrayLike | None, length: int) -> FloatArray:
    """Weights above zero; ones where none are given."""
    if weights is None:
        return np.ones(length)
    array = vector(weights, "weights", length)
    wrong = int(np.count_nonzero(array <= 0))
    if wrong:
        raise WeightError(
            "Weights of zero or below", field="weights", count=wrong, remedy="Leave those people out."
        )
    return array


def follow_up(time: ArrayLike, entry: ArrayLike | None) -> tuple[FloatArray, FloatArray | None]:
    """Exit and entry times, checked, with times closer than R's tolerance merged."""
    stop = vector(time, "time")
    start = None if entry is None else vector(entry, "entry", len(stop))
    for array, field in ((stop, "time"), (start, "entry")):
        negative = 0 if array is None else int(np.count_nonzero(array < 0))
        if negative:
            raise NegativeTimeError(
                "Times below zero", field=field, count=negative, remedy="Quarantine those records."
            )
    if start is None:
        return merge_close_times(stop), None
    both = merge_close_times(np.concatenate([stop, start]))
    stop, start = both[: len(stop)], both[len(stop) :]
    wrong = int(np.count_nonzero(start >= stop))
    if wrong:
        raise StopBeforeStartError(
            "People who leave at or before they enter",
            field="entry",
            count=wrong,
            remedy="Exclude those never observed, and count them in the attrition.",
        )
    return stop, start


def merge_close_times(times: FloatArray) -> FloatArray:
    """Give times that differ by a rounding error only the same value, the smallest of them.

    The rule is that of `survival::aeqSurv`: successive distinct times are one when they differ by at most
    1.5e-8, absolutely or as a share of the mean time.
    """
    if np.array_equal(times, np.rint(times)) and np.max(np.abs(times), initial=0.0) < WHOLE_TIMES_BELOW:
        return times  # whole months or days are never that close, and need no sorting to know it
    distinct = np.unique(times)
    if len(distinct) < 2:
        return times
    gaps = np.diff(distinct)
    scale = max(1.0, float(np.mean(np.abs(distinct))))
    close = gaps <= TIME_TOLERANCE * scale
    if not close.any():
        return times
    cuts, moving = distinct[np.concatenate([[True], ~close])], distinct[1:][close]
    place = np.minimum(np.searchsorted(moving, times), len(moving) - 1)
    moved = times == moving[place]  # mostly few: the others need no search among all distinct times
    merged = times.copy()
    merged[moved] = cuts[np.searchsorted(cuts, times[moved], side="right") - 1]
    return merged


def with_rounding(limit: float) -> float:
    """The limit, with what a subtraction may have added to a time that equals it."""
    return limit + TIME_TOLERANCE * max(1.0, limit)


def codes(labels: ArrayLike | None, field: str, length: int) -> tuple[IntArray, NDArray[np.generic]]:
    """Labels of any kind as whole numbers 0..k-1 in the labels' own order; one label where none are given."""
    if labels is None:
        return np.zeros(length, dtype=np.int64), np.array([""])
    _require_unmasked(labels, field)
    array = np.asarray(labels)
    if array.shape != (length,):
        raise ShapeError(f"Shape {array.shape} for {length} people", field=field, remedy="Align the arrays.")
    # NumPy turns the NaN of a list of text into text: a list is asked before it is an array.
    as_given = np.asarray(labels, dtype=object) if isinstance(labels, list | tuple) else array
    missing = _count_missing(as_given)
    if missing:
        raise NonFiniteError(
            "Missing labels", field=field, count=missing, remedy="Give them a level or leave them out."
        )
    if array.dtype.kind == "b":
        present = np.array([level for level, seen in ((False, not array.all()), (True, array.any())) if seen])
        return array.astype(np.int64) - int(present[0]), present
    try:
        distinct, inverse = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise CodingError(
            "Labels of several kinds", field=field, remedy="Make them all text, or all numbers."
        ) from error
    return inverse.astype(np.int64), distinct


def require_several_clusters(clusters: IntArray) -> None:
    """Refuse rows that are all of one cluster: what they add up to says nothing about its own spread.

    Raises
    ------
    EmptyArmError
    """
    if clusters.min() == clusters.max():
        raise EmptyArmError(
            "All rows are of one cluster",
            field="cluster",
            count=1,
            remedy="Leave cluster out, or give one label for each person, pair or hospital.",
        )


def require_clusters_for(terms: int, clusters: int) -> None:
    """Refuse a joint test of more terms than a clustered variance can tell apart.

    Scores add up to zero at the estimate, so the rank of a variance of G clusters is at most G - 1.

    Raises
    ------
    CodingError
    """
    if terms >= clusters:
        raise CodingError(
            f"A joint test of {terms} terms needs more than {terms} clusters",
            field="cluster",
            count=clusters,
            remedy="Test fewer terms together, or cluster on something finer.",
        )


def number(value: float, field: str) -> float:
    """One finite number given as an option."""
    if not isinstance(value, Real) or not np.isfinite(value):
        raise CodingError("Not a finite number", field=field, remedy="Give one number.")
    return float(value)


def confidence(level: float) -> float:
    """The confidence level, checked to be a share between 0 and 1."""
    if not 0 < number(level, "level") < 1:
        raise CodingError(
            "A confidence level outside 0 to 1", field="level", remedy="Write 95 percent as 0.95."
        )
    return level


def choice(value: str, field: str, allowed: Sequence[str]) -> None:
    """Refuse an option that does not exist, naming those that do."""
    if value not in allowed:
        raise CodingError(
            f"Unknown option {value!r}", field=field, remedy=f"Use one of {', '.join(allowed)}."
        )


def row_hash(*columns: FloatArray) -> NDArray[np.uint64]:
    """A number per row that depends on the row's values only, never on its place.

    Sorting by it makes sums run in one order whatever the order of the rows, so results are the same to
    the last bit. Rows that share a number are, but for a chance of about n²/2⁶⁵, identical.
    """
    total = np.zeros(len(columns[0]), dtype=np.uint64)
    draw = np.random.default_rng(0x9E3779B97F4A7C15)  # the same factors in every run
    half = np.uint64(32)
    for column in columns:
        block = column[:, None] if column.ndim == 1 else column
        factors = draw.integers(0, 2**64, block.shape[1], dtype=np.uint64) | np.uint64(1)
        for start in range(0, len(block), HASH_BLOCK):
            rows = slice(start, start + HASH_BLOCK)
            bits = np.ascontiguousarray(block[rows] + 0.0).view(np.uint64)  # + 0.0 makes -0.0 and 0.0 one
            total[rows] += (bits ^ (bits >> half)) @ factors  # small whole numbers end in zeros: fold them
    total ^= total >> half
    return total * np.uint64(0xBF58476D1CE4E5B9)


def require_events_for(names: Sequence[str], n_events: int, *, remedy: str = "Use fewer covariates.") -> None:
    """Refuse more covariates than events.

    Raises
    ------
    TooFewEventsError
    """
    if n_events < len(names):
        raise TooFewEventsError("Fewer events than covariates", field="event", count=n_events, remedy=remedy)


def few_events_warning(events: int, covariates: int) -> tuple[float, tuple[str, ...]]:
    """Events per covariate, and a sentence where they are fewer than ten."""
    ratio = events / covariates
    if ratio >= EVENTS_PER_COVARIATE:
        return ratio, ()
    return ratio, (
        f"Fewer than ten events per covariate ({ratio:.1f}): estimates may be unstable and "
        "intervals too narrow. Use fewer covariates, or a penalty.",
    )


def _require_unmasked(values: object, field: str) -> None:
    hidden = int(np.ma.getmaskarray(values).sum()) if isinstance(values, np.ma.MaskedArray) else 0
    if hidden:
        raise NonFiniteError(
            "Masked values",
            field=field,
            count=hidden,
            remedy="Give missing values a level of their own, impute them or leave those people out.",
        )


def _require_finite(array: FloatArray, field: str) -> None:
    wrong = int(np.count_nonzero(~np.isfinite(array)))
    if wrong:
        raise NonFiniteError(
            "Missing or infinite values",
            field=field,
            count=wrong,
            remedy="Give missing values a level of their own, impute them or leave those people out.",
        )


def _count_missing(array: NDArray[np.generic]) -> int:
    if array.dtype.kind == "f":
        return int(np.count_nonzero(np.isnan(array)))
    if array.dtype.kind in "mM":
        return int(np.count_nonzero(np.isnat(array)))
    if array.dtype.kind == "O":
        return sum(1 for label in array if label is None or label != label)
    return 0
