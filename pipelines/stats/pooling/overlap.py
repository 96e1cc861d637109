"""Which studies may count the same people twice."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from ..errors import CodingError
from .study import StudyEstimate


@dataclass(frozen=True)
class Overlap:
    """Two studies that draw on one source in the same years.

    Attributes
    ----------
    first, second : str
        Labels of the studies.
    data_source : str
        The source of both, or both sources where they are said to share people.
    years : tuple of int or None
        First and last common year; None where one of the studies does not say its years.
    """

    first: str
    second: str
    data_source: str
    years: tuple[int, int] | None

    def __str__(self) -> str:
        when = "in years not given" if self.years is None else f"in {self.years[0]} to {self.years[1]}"
        return f"{self.first} and {self.second} may share people: {self.data_source} {when}."


def find_overlaps(
    studies: Sequence[StudyEstimate], *, shared: Collection[tuple[str, str]] = ()
) -> tuple[Overlap, ...]:
    """Pairs of studies that may share people, which makes a pooled interval too narrow.

    Parameters
    ----------
    studies : sequence of StudyEstimate
        Studies without a `data_source` are taken to share nobody.
    shared : collection of pairs of str
        Sources with different names that hold the same people, such as `("SEER", "NCDB")`.

    Returns
    -------
    tuple of Overlap
        In the order of the studies. Years that are not given may be any years.

    Raises
    ------
    CodingError
        An entry of `shared` is not a pair.
    """
    wrong = sum(isinstance(pair, str) or len(pair) != 2 for pair in shared)
    if wrong:
        raise CodingError(
            "Shared sources that are not pairs",
            field="shared",
            count=wrong,
            remedy='Give pairs of names, such as [("SEER", "NCDB")].',
        )
    same = {frozenset((a.casefold(), b.casefold())) for a, b in shared}
    found = []
    for one, two in combinations(studies, 2):
        if one.data_source is None or two.data_source is None:
            continue
        names = frozenset((one.data_source.casefold(), two.data_source.casefold()))
        if len(names) > 1 and names not in same:
            continue
        source = one.data_source if len(names) == 1 else f"{one.data_source} and {two.data_source}"
        if one.years is None or two.years is None:
            found.append(Overlap(one.label, two.label, source, None))
            continue
        years = max(one.years[0], two.years[0]), min(one.years[1], two.years[1])
        if years[0] <= years[1]:
            found.append(Overlap(one.label, two.label, source, years))
    return tuple(found)


def overlaps_frame(overlaps: Sequence[Overlap]) -> pl.DataFrame:
    """One row per pair: `first, second, data_source, first_year, last_year`."""
    return pl.DataFrame(
        [
            (
                o.first,
                o.second,
                o.data_source,
                o.years[0] if o.years else None,
                o.years[1] if o.years else None,
            )
            for o in overlaps
        ],
        schema={
            "first": pl.String,
            "second": pl.String,
            "data_source": pl.String,
            "first_year": pl.Int64,
            "last_year": pl.Int64,
        },
        orient="row",
    )
