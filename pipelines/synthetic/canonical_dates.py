"""Intervals between dates of which only a part may be recorded: what can be known of them, and what cannot."""

from dataclasses import dataclass

import numpy as np

from .draws import Coded, FloatArray, IntArray
from .history import DAY, MONTH, YEAR, History
from .naaccr_treatment import EventDate
from .ncdb_treatment import DAYS_PER_MONTH
from .text import Text, where


@dataclass(frozen=True)
class Interval:
    """Months from diagnosis (only meant where the status says so) and the state of that number (n,)."""

    months: FloatArray
    status: Text


def interval(past: History, day: IntArray, start: Coded, end: Coded) -> Interval:
    """Months from diagnosis to a day of which ``end`` is recorded, where ``start`` is of the diagnosis.

    Exact between complete dates, whole calendar months where a day is missing, and nothing without a month.
    """
    exact = start.is_(DAY) & end.is_(DAY)
    by_month = start.is_(DAY, MONTH) & end.is_(DAY, MONTH) & ~exact
    there = end.is_(DAY, MONTH, YEAR)
    from_month = past.diagnosis.astype("datetime64[M]")
    calendar = (past.after(day).astype("datetime64[M]") - from_month).astype(np.int64)
    months = np.where(exact, day / DAYS_PER_MONTH, calendar.astype(np.float64))
    status = where(exact, "recorded", where(by_month, "month_precision", "partial_date"))
    return Interval(months, where(there, status, "blank"))


def days_status(start: Coded, event: EventDate, *, flags: bool) -> Text:
    """State of the days to an event: flags say why there is no date, in the versions that have them (n,)."""
    none, lost = ("not_applicable", "unknown") if flags else ("blank", "blank")
    complete = start.is_(DAY) & event.precision.is_(DAY)
    text = where(event.precision.is_("none"), lost, where(complete, "recorded", "partial_date"))
    return where(event.happened, text, none)
