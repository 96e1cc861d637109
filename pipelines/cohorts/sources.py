"""Which source has a variable, and which its years: from the tables of the codebook."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from pipelines.codebook import every_ascertainment
from pipelines.codebook.seerstat_headers import submissions
from pipelines.cohorts.definition import Years

LATER = "not_collected_before_"
GIVEN = ("recorded", "derived")


@dataclass(frozen=True)
class Holding:
    """That a source has a variable: from which diagnosis year on, in which of its releases (None: no limit)."""

    source: str
    since: int | None
    first_release: int | None
    last_release: int | None

    @property
    def limits(self) -> str:
        """For which of its releases and diagnosis years, in words; empty without a limit."""
        years = "" if self.since is None else f"for diagnoses from {self.since} on"
        return ", ".join(one for one in (self.releases, years) if one)

    @property
    def releases(self) -> str:
        """In which of its releases, in words; empty where in all."""
        if self.first_release is None and self.last_release is None:
            return ""
        if self.last_release is None:
            return f"from release {self.first_release} on"
        if self.first_release is None:
            return f"up to release {self.last_release}"
        return f"in releases {self.first_release} to {self.last_release}"

    def covers(self, years: Years | None) -> bool:
        """Whether it has the variable for all diagnosis years that are asked for."""
        return self.since is None or years is None or years.first >= self.since


def holdings(variable: str) -> list[Holding]:
    """Every source that has a variable, by name.

    Parameters
    ----------
    variable : str
        A column of ``registry/tumor``, or a variable that no source has.
    """
    releases: dict[tuple[str, int | None], list[tuple[int | None, int | None]]] = {}
    for row in statements(variable).iter_rows(named=True):
        status = row["status"]
        if status in GIVEN or status.startswith(LATER):
            since = int(status.removeprefix(LATER)) if status.startswith(LATER) else None
            limits = row["release_from"], row["release_to"]
            releases.setdefault((row["source"], since), []).append(limits)
    found = [
        Holding(source, since, lowest(first for first, _ in limits), highest(last for _, last in limits))
        for (source, since), limits in releases.items()
    ]
    return sorted(found, key=lambda one: one.source)


def statements(variable: str) -> pl.DataFrame:
    """What the codebook says of a variable, by source and release."""
    return (
        every_ascertainment().filter(pl.col("variable") == variable).sort("source", "release_from", "status")
    )


def lowest(limits: Iterable[int | None]) -> int | None:
    """The first release of several ranges; None is no limit."""
    known = list(limits)
    return None if None in known else min(one for one in known if one is not None)


def highest(limits: Iterable[int | None]) -> int | None:
    """The last release of several ranges; None is no limit."""
    known = list(limits)
    return None if None in known else max(one for one in known if one is not None)


def who_has(variables: Iterable[str], years: Years | None) -> str:
    """Which sources have some variables, and which do not, for the diagnosis years that are asked for.

    Parameters
    ----------
    variables : iterable of str
        Those with the same answer stand together.
    years : Years, optional
        A source that begins later is said not to have all of them.
    """
    answers: dict[str, list[str]] = {}
    for name in dict.fromkeys(variables):
        answers.setdefault(answer(name, years), []).append(name)
    return " ".join(f"{', '.join(names)}: {said}." for said, names in answers.items())


def answer(variable: str, years: Years | None) -> str:
    """Which sources have one variable, and which do not."""
    by_limits: dict[tuple[bool, str], list[str]] = {}
    for one in holdings(variable):
        by_limits.setdefault((not one.covers(years), one.limits), []).append(one.source)
    told = [
        f"{listed(names)}{f' {limits}' if limits else ''}{', not for all years asked for' if short else ''}"
        for (short, limits), names in sorted(by_limits.items())
    ]
    holders = {one.source for one in holdings(variable)}
    without = [name for name in statements(variable)["source"].unique().sort() if name not in holders]
    if not told:
        told = ["no registry here; a mapped source may"]
    if without:
        told.append(f"never released by {listed(without)}")
    return "; ".join(told)


def who_covers(years: Years) -> str:
    """Which SEER submissions reach some diagnosis years; the codebook lists the years of no other source."""
    reach = [
        one.release
        for one in submissions().values()
        if one.first_year <= years.first and years.last <= one.last_year
    ]
    if not reach:
        return ""
    return f"SEER submissions {reach[0]} to {reach[-1]} reach these years, in the registries that go back so far."


def listed(names: list[str]) -> str:
    """Names as a reader would list them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
