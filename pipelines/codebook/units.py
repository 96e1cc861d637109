"""Units by name: what they measure and how one becomes another."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).resolve().parent / "tables" / "units.csv"


@dataclass(frozen=True)
class Unit:
    """A unit: ``amount`` of ``base`` (day, month, mm or g); ``measure`` is time, length or mass."""

    name: str
    measure: str
    amount: float
    base: str


@lru_cache(maxsize=1)
def units() -> dict[str, Unit]:
    """Every unit by name."""
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return {
            row["unit"]: Unit(row["unit"], row["measure"], float(row["amount"]), row["base"])
            for row in csv.DictReader(stream)
        }


def measured_with(name: str) -> list[str]:
    """Names of the units that measure what unit ``name`` measures; none where it is no unit of the table."""
    known = units().get(name)
    return [unit.name for unit in units().values() if known is not None and unit.measure == known.measure]


def ratio(received: str, wanted: str, *, days_per_month: float) -> tuple[float, float]:
    """Return multiplier and divisor that turn a number of one unit into one of another of the same measure.

    Parameters
    ----------
    received, wanted : str
        Names of units.
    days_per_month : float
        Length of a month (days), for calendar units.

    Returns
    -------
    tuple of float
        ``number * multiplier / divisor``; two numbers, so that whole results stay whole.
    """
    source, target = units()[received], units()[wanted]
    if source.measure != target.measure:
        raise ValueError(f"{received} and {wanted} measure different things")
    days = {"day": 1.0, "month": days_per_month}
    if source.base == target.base:
        return source.amount, target.amount
    return source.amount * days[source.base], target.amount * days[target.base]
