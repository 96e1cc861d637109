"""What three variables say about an NCDB file: whether it is one, of which release, and whether it is only one.

A release covers all diagnosis years from 2004 to its own, and withholds vital status for the newest. So diagnosis year,
primary site and vital status together tell a right reading from a wrong one, whatever the file's form.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

FIRST_YEAR = 2004
MOST = 0.95
"""A check holds when this share of the sampled records passes: a few damaged records decide nothing."""
ENOUGH = 10
"""Shares of fewer records than this say nothing about old and new diagnosis years."""
STRAY = 0.001
"""A diagnosis year that fewer records than this share have is a typing error."""
LATER = 0.02
"""So many diagnoses after the newest year of a release are no typing errors."""
STACKED, STACKED_RECORDS = 0.25, 20
"""An older diagnosis year with so many withheld vital statuses was the newest of another release."""

SITE = re.compile(rb"C50[0-689]", re.I)
YEAR = re.compile(rb"20[0-3]\d")
VITAL_CODES = frozenset({b"", b"0", b"1"})
CHECKED = ("YEAR_OF_DIAGNOSIS", "PRIMARY_SITE", "PUF_VITAL_STATUS")


def share(flags: Iterable[bool]) -> float:
    """Share of true among flags; 0 of nothing is 0."""
    values = list(flags)
    return sum(values) / len(values) if values else 0.0


@dataclass(frozen=True)
class Evidence:
    """Values of the three variables in sampled records, trimmed; empty where the file has no such variable."""

    years: tuple[bytes, ...]
    sites: tuple[bytes, ...]
    vital: tuple[bytes, ...]

    @cached_property
    def newest_year(self) -> str | None:
        """The newest diagnosis year that more than a stray record has."""
        counts = Counter(year for year in self.years if YEAR.fullmatch(year))
        floor = STRAY * len(self.years)
        found = max((year for year, n in counts.items() if n >= floor), default=None)
        return found.decode() if found else None

    @cached_property
    def withheld_year(self) -> str | None:
        """The newest diagnosis year if its vital status is withheld and that of the others is not: the release."""
        newest = (self.newest_year or "").encode()
        is_newest = [blank for year, blank in self._blanks if year == newest]
        older = [blank for year, blank in self._blanks if year != newest]
        return newest.decode() if share(is_newest) >= MOST and share(older) < 0.5 and older else None

    @cached_property
    def _blanks(self) -> tuple[tuple[bytes, bool], ...]:
        """Diagnosis year and whether vital status is blank, record by record."""
        if not self.vital:
            return ()
        pairs = zip(self.years, self.vital, strict=True)
        return tuple((year, not code) for year, code in pairs if YEAR.fullmatch(year))

    def problems(self, release: str, place: Callable[[str], str]) -> Iterator[str]:
        """What speaks against a release.

        Parameters
        ----------
        release : str
        place : callable
            Where a variable stands, in words, such as "columns 79-82".
        """
        expected = {str(year).encode() for year in range(FIRST_YEAR, int(release) + 1)}
        newest = release.encode()
        later = [bool(YEAR.fullmatch(value)) and value > newest for value in self.years]
        of_newest = [blank for year, blank in self._blanks if year == newest]
        of_older = [blank for year, blank in self._blanks if year in expected and year != newest]
        year, site, vital = CHECKED
        checks: list[tuple[str, str, list[bool], float, int]] = [
            (
                year,
                f"is not a year from {FIRST_YEAR} to {release}",
                [value in expected for value in self.years],
                MOST,
                1,
            ),
            (year, f"is later than {release}", [not value for value in later], 1 - LATER, ENOUGH),
            (site, "is not a breast site (C500-C506, C508, C509)", [*map(is_breast, self.sites)], MOST, 1),
            (vital, "is not 0, 1 or blank", [value in VITAL_CODES for value in self.vital], MOST, 1),
            (vital, f"is filled though it is withheld for diagnoses of {release}", of_newest, MOST, ENOUGH),
            (
                vital,
                f"is blank for diagnoses before {release}",
                [not blank for blank in of_older],
                0.5,
                ENOUGH,
            ),
        ]
        for variable, fault, passes, needed, at_least in checks:
            good = share(passes)
            if len(passes) >= at_least and good < needed:
                yield f"{variable} ({place(variable)}) {fault} in {1 - good:.0%} of the sampled records"

    def stacked_years(self, release: str) -> list[str]:
        """Older diagnosis years that look like the newest of another release stacked on this one."""
        blank: dict[bytes, list[bool]] = {}
        for year, is_blank in self._blanks:
            if year < release.encode():
                blank.setdefault(year, []).append(is_blank)
        suspects = {
            year for year, flags in blank.items() if len(flags) >= STACKED_RECORDS and share(flags) >= STACKED
        }
        others = [flag for year, flags in blank.items() if year not in suspects for flag in flags]
        return sorted(year.decode() for year in suspects) if others and share(others) < 1 - MOST else []


def is_breast(site: bytes) -> bool:
    """Whether an ICD-O-3 topography is a breast site other than the unused C507."""
    return SITE.fullmatch(site) is not None
