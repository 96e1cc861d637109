"""Delayed entry: is the time of entry independent of the time of death, as every such curve assumes?"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from .._inputs import BoolArray, FloatArray, IntArray, flags, follow_up
from .._linear_algebra import two_sided_p
from ..errors import CodingError, NoEventsError, RiskSetError
from ._counts import distinct

FITS = 2.0**62  # half of the largest whole number of 64 bits


@dataclass(frozen=True)
class QuasiIndependence:
    """Result of `quasi_independence_test`.

    Attributes
    ----------
    n, events : int
    pairs : int
        Pairs of people under observation together in which the first to leave died: those that count.
    tau : float
        Conditional Kendall's tau, the pairs in which later entry goes with later death less those in which
        it goes with earlier death, over all that count.
    statistic, p_value : float
        Standard normal under quasi-independence, and its two-sided p-value.
    """

    n: int
    events: int
    pairs: int
    tau: float
    statistic: float
    p_value: float

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        return pl.DataFrame({name: [getattr(self, name)] for name in self.__dataclass_fields__})


def quasi_independence_test(time: ArrayLike, event: ArrayLike, entry: ArrayLike) -> QuasiIndependence:
    """Test that entry and death are independent where both can be seen (Tsai's test).

    At each death the entry time of the person who dies is one of those at risk, and under quasi-independence
    any of them alike. A positive tau says that those who enter late live long; then early deaths are
    compared with the wrong people, and neither the Kaplan-Meier curve nor a Cox model with delayed entry
    holds without a model of the entry. A small p-value speaks against the assumption; a large one does not
    prove it.

    Parameters
    ----------
    time, event, entry : array_like of shape (n,)
        As in `kaplan_meier.kaplan_meier`.

    Returns
    -------
    QuasiIndependence
        Ties are allowed for: those dying together are drawn without replacement, and equal entries count
        neither way.

    Raises
    ------
    CodingError
        No times of entry.
    NoEventsError
        Nobody has the event.
    RiskSetError
        At no death are people of different entry at risk together.

    References
    ----------
    Tsai WY. Testing the assumption of independence of truncation time and failure time. Biometrika
    1990;77:169-177.
    Martin EC, Betensky RA. Testing quasi-independence of failure and truncation times via conditional
    Kendall's tau. JASA 2005;100:484-492.
    """
    if entry is None:
        raise CodingError(
            "No times of entry are given",
            field="entry",
            remedy="Give everybody's; without late entry, zeros.",
        )
    stop, start = follow_up(time, entry)
    assert start is not None  # as `entry` is given
    died = flags(event, "event", len(stop))
    if not died.any():
        raise NoEventsError(
            "Nobody has the event", field="event", remedy="Widen the cohort or its follow-up."
        )
    concordant = _later_less_earlier(stop, start, died)
    at_risk, deaths, apart = _risk_sets(stop, start, died)
    left = np.maximum(at_risk - deaths, 0)
    alone = at_risk <= 1
    spread = apart / (3 * at_risk)
    variance = float(np.sum(deaths * np.where(alone, 0, left) / np.where(alone, 1, at_risk - 1) * spread))
    if variance <= 0:
        raise RiskSetError(
            "At no death are people of different entry under observation together",
            field="entry",
            remedy="Nothing can be said about entry; use a curve without delayed entry if all entered alike.",
        )
    pairs = float(np.sum(deaths * left + deaths * (deaths - 1) / 2))
    statistic = concordant / np.sqrt(variance)
    return QuasiIndependence(
        n=len(stop),
        events=int(np.count_nonzero(died)),
        pairs=round(pairs),
        tau=concordant / pairs,
        statistic=float(statistic),
        p_value=float(two_sided_p(np.array([statistic]))[0]),
    )


def _later_less_earlier(time: FloatArray, entry: FloatArray, died: BoolArray) -> int:
    """Over all deaths, those at risk who entered later than the one who dies, less those who did earlier.

    Whoever entered earlier and left no earlier than the person who dies was at risk with him. In the order
    of leaving, last first and of equals the earlier entry first, these stand before him.
    """
    order = np.lexsort((entry, -time))
    earlier = np.empty(len(time), dtype=np.int64)
    earlier[order] = _smaller_before(distinct(entry[order])[1])
    moment, start = distinct(time)[1], distinct(entry)[1]
    size = int(moment.max()) + 1
    cells = start * size + moment
    ranked = np.sort(cells)
    together = np.searchsorted(ranked, (start + 1) * size) - np.searchsorted(ranked, cells)
    at_risk = len(time) - np.searchsorted(np.sort(time), time) - _entering_from(entry, time)
    return int(np.sum((at_risk - 2 * earlier - together)[died]))


def _risk_sets(time: FloatArray, entry: FloatArray, died: BoolArray) -> tuple[IntArray, IntArray, FloatArray]:
    """At each time of death: people at risk, deaths, and how far apart those at risk entered.

    The last is the cube of the people at risk less the cubes of how many of them entered together.
    """
    times, moment = distinct(time)
    start = distinct(entry)[1]
    at_risk = len(time) - np.searchsorted(np.sort(time), times) - _entering_from(entry, times)
    deaths = np.bincount(moment, died, minlength=len(times)).astype(np.int64)
    size = len(times)
    cells, leaving = np.unique(start * size + moment, return_counts=True)
    owner, when = cells // size, cells % size
    per_entry = np.bincount(owner, leaving).astype(np.int64)
    gone = np.cumsum(leaving)
    before = np.cumsum(per_entry)[owner] - gone + leaving  # entered together and still there just before
    first = np.searchsorted(times, np.unique(entry), side="right")

    def apart(kind: type[np.number]) -> NDArray[np.number]:
        change = np.zeros(size + 1, dtype=kind)
        np.add.at(change, first, per_entry.astype(kind) ** 3)
        np.add.at(change, when + 1, (before - leaving).astype(kind) ** 3 - before.astype(kind) ** 3)
        together: NDArray[np.number] = np.cumsum(change)[:size]
        return np.asarray(at_risk.astype(kind) ** 3 - together)

    # The cube of two million people is beyond whole numbers of 64 bits. These wrap round, so that a difference
    # that fits is right to the last person; one that does not is so large that floats are precise enough.
    rough = apart(np.float64)
    exact = np.where(rough < FITS, apart(np.int64), rough).astype(np.float64)
    some = deaths > 0
    return at_risk[some], deaths[some], exact[some]


def _entering_from(entry: FloatArray, times: FloatArray) -> IntArray:
    """How many enter at each of `times` or later."""
    return np.asarray(len(entry) - np.searchsorted(np.sort(entry), times), dtype=np.int64)


def _smaller_before(values: IntArray) -> IntArray:
    """How many of those before each value are smaller: merge sort that counts, all blocks of a size at once."""
    n = len(values)
    place = np.arange(n)
    rank = np.empty(n, dtype=np.int64)
    rank[np.lexsort((-place, values))] = place  # of equals the earlier ranks higher, and is not counted
    counts = np.zeros(n, dtype=np.int64)
    order, half = place, 1
    while half < n:
        block = order // (2 * half)
        order = order[np.argsort(block * n + rank[order], kind="stable")]
        in_left = (order // half) % 2 == 0
        smaller = np.cumsum(in_left) - order // (2 * half) * half  # in the left half of its own block
        counts[order[~in_left]] += smaller[~in_left]
        half *= 2
    return counts
