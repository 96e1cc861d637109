"""Follow-up cut into periods, and hazard ratios that differ between them: the answer to crossing curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    flags,
    follow_up,
    matrix,
    merge_close_times,
    vector,
)
from ..errors import CodingError, NoEventsError, ShapeError
from .fit import ChiSquareTest, CoxFit, fit_cox, wald
from .tests import Contrasts, likelihood_ratio_test, linear_contrasts


@dataclass(frozen=True)
class SplitRows:
    """Result of `split_follow_up`: (start, stop] rows, by person and then time.

    Attributes
    ----------
    row : ndarray of int, shape (m,)
        The input row each comes from.
    start, stop : ndarray of shape (m,)
    event : ndarray of bool, shape (m,)
        Only the last row of a person can have the event.
    period : ndarray of int, shape (m,)
        From 0; period k runs from cut k - 1 (exclusive) to cut k (inclusive).
    labels : tuple of str
        Of all periods, such as `(6, 12]` and `>12`.
    """

    row: IntArray
    start: FloatArray
    stop: FloatArray
    event: BoolArray
    period: IntArray
    labels: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per person and period."""
        return pl.DataFrame(
            {
                "row": self.row,
                "start": self.start,
                "stop": self.stop,
                "event": self.event,
                "period": [self.labels[k] for k in self.period],
            }
        )


@dataclass(frozen=True)
class TimeSplitHazardRatios:
    """Result of `time_split_hazard_ratios`.

    Attributes
    ----------
    term : str
    periods : tuple of str
    events : ndarray of int, shape (k,)
        In each period.
    contrasts : Contrasts
        Log hazard ratio of the term in each period.
    wald_equal : ChiSquareTest
        Test that they are all the same, with the fit's covariance.
    likelihood_ratio_equal : ChiSquareTest
        The same test by likelihood; NaN where the variance is robust.
    fit : CoxFit
        On the split rows; columns of the term are named `term (6, 12]`.
    """

    term: str
    periods: tuple[str, ...]
    events: IntArray
    contrasts: Contrasts
    wald_equal: ChiSquareTest
    likelihood_ratio_equal: ChiSquareTest
    fit: CoxFit

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per period."""
        return self.contrasts.to_frame(level).with_columns(
            pl.Series("period", self.periods), pl.Series("events", self.events), term=pl.lit(self.term)
        )


def split_follow_up(
    time: ArrayLike, event: ArrayLike, cuts: Sequence[float], *, entry: ArrayLike | None = None
) -> SplitRows:
    """Cut each person's follow-up at given times, as R's `survSplit` does.

    Parameters
    ----------
    time, event, entry
        As in `fit_cox`. A time equal to a cut, but for a rounding error, belongs to the period before it.
    cuts : sequence of float
        Above zero, increasing, in the unit of time.

    Raises
    ------
    CodingError
        Cuts that do not increase, or none.
    ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError
        The input is not what it should be.
    """
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    given = _checked_cuts(cuts)
    begin = np.zeros(n) if start is None else start
    merged = merge_close_times(np.concatenate([stop, begin, given]))
    stop, begin, edges = merged[:n], merged[n : 2 * n], _checked_cuts(merged[2 * n :])
    first = np.searchsorted(edges, begin, side="right")
    last = np.maximum(np.searchsorted(edges, stop, side="left"), first)  # time zero is in the first period
    pieces = last - first + 1
    row = np.repeat(np.arange(n), pieces)
    period = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces - first, pieces)
    is_first, is_last = period == first[row], period == last[row]
    bounds = np.concatenate([[0.0], edges, [np.inf]])
    return SplitRows(
        row=row,
        start=np.where(is_first, begin[row], bounds[period]),
        stop=np.where(is_last, stop[row], bounds[period + 1]),
        event=is_last & died[row],
        period=period,
        labels=_labels(given),
    )


def time_split_hazard_ratios(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    cuts: Sequence[float],
    *,
    term: str,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    robust: bool = False,
    ties: str = "efron",
) -> TimeSplitHazardRatios:
    """Hazard ratio of one covariate in each period, the others' the same throughout.

    Parameters
    ----------
    time, event, covariates, names, entry, weights, strata, cluster, offset, ties
        As in `fit_cox`.
    cuts : sequence of float
        Where periods end, chosen before looking at the curves.
    term : str
        The covariate whose hazard ratio may change, by name.
    robust : bool
        Robust variance by person (by `cluster` where given).

    Returns
    -------
    TimeSplitHazardRatios

    Raises
    ------
    NoEventsError
        A period without events.
    CodingError
        An unknown term, or cuts that do not increase.
    SeparationError
        In some period one side of the covariate has no events; the message names the period's column.

    References
    ----------
    Therneau T, Crowson C, Atkinson E. Using time dependent covariates and time dependent coefficients in
    the Cox model. Vignette of R's survival package, 2023.
    """
    rows = split_follow_up(time, event, cuts, entry=entry)
    n = int(rows.row[-1]) + 1
    x, labels = matrix(covariates, names, n)
    if term not in labels:
        raise CodingError(f"No covariate {term!r}", field="term", remedy=f"Use one of {', '.join(labels)}.")
    events = np.bincount(rows.period[rows.event], minlength=len(rows.labels))
    empty = [label for label, count in zip(rows.labels, events, strict=True) if count == 0]
    if empty:
        raise NoEventsError(
            "Periods without events", field=", ".join(empty), count=len(empty), remedy="Use fewer cuts."
        )

    position = labels.index(term)
    others = [name for name in labels if name != term]
    by_period = [f"{term} {label}" for label in rows.labels]
    own = x[rows.row, position][:, None] * (rows.period[:, None] == np.arange(len(rows.labels)))
    rest = np.delete(x, position, axis=1)[rows.row]
    together = rows.row if robust else None
    clusters = together if cluster is None else _of_rows(cluster, "cluster", n, rows)
    fit_rows = partial(
        fit_cox,
        rows.stop,
        rows.event,
        entry=rows.start,
        weights=_of_rows(weights, "weights", n, rows),
        strata=_of_rows(strata, "strata", n, rows),
        offset=_of_rows(offset, "offset", n, rows),
        ties=ties,
    )
    fit = fit_rows(np.hstack([own, rest]), names=[*by_period, *others], cluster=clusters)
    k = len(by_period)
    found = linear_contrasts(fit, np.eye(k, len(fit.names)), tuple(by_period))
    across = np.hstack([-np.ones((k - 1, 1)), np.eye(k - 1)])
    equal = wald(across @ found.estimates, across @ found.covariance @ across.T)
    ratio = ChiSquareTest(np.nan, k - 1, np.nan)
    if clusters is None:
        ratio = likelihood_ratio_test(fit_rows(x[rows.row], names=labels), fit)
    return TimeSplitHazardRatios(term, rows.labels, events, found, equal, ratio, fit)


def _of_rows(values: ArrayLike | None, field: str, n: int, rows: SplitRows) -> NDArray[np.generic] | None:
    """What is known of each person, for each of the person's rows."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (n,):
        raise ShapeError(f"Shape {array.shape} for {n} people", field=field, remedy="Align the arrays.")
    split: NDArray[np.generic] = array[rows.row]
    return split


def _checked_cuts(cuts: ArrayLike) -> FloatArray:
    edges = vector(cuts, "cuts")
    wrong = int(np.count_nonzero(np.diff(edges, prepend=0.0) <= 0))
    if wrong:
        raise CodingError(
            "Cuts that do not increase, or are not above zero",
            field="cuts",
            count=wrong,
            remedy="Give increasing times.",
        )
    return edges


def _labels(edges: FloatArray) -> tuple[str, ...]:
    """`(0, 6]`, `(6, 12]`, `>12`."""
    starts = np.concatenate([[0.0], edges[:-1]])
    closed = [f"({a:g}, {b:g}]" for a, b in zip(starts, edges, strict=True)]
    return (*closed, f">{edges[-1]:g}")
