"""Which release an NCDB file is, judged by its record length and by what its fields hold, never by its name.

Every layout has year and primary site at the same place, so those two say that a file is a breast PUF at all.
Length and vital status tell the releases apart: at a wrong offset vital status falls into another field,
often a blank one, and so it must be filled for older diagnosis years and blank for the newest.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from pipelines.codebook.layouts import Layout, builtin_layouts
from pipelines.errors import InputError

FIRST_YEAR = 2004
MOST = 0.95
"""A check holds when this share of the sampled records passes: a few damaged records decide nothing."""
ENOUGH = 10
"""Shares of fewer records than this say nothing about old and new diagnosis years."""

SITE = re.compile(rb"C50[0-689]")
VITAL_CODES = frozenset({b"", b"0", b"1"})


@dataclass(frozen=True)
class Sample:
    """Lines taken from all over a file, those without text or with NUL bytes left out."""

    lines: tuple[bytes, ...]

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> "Sample":
        """Keep the lines that can be records."""
        return cls(tuple(line for line in lines if line.strip() and b"\0" not in line))

    @cached_property
    def common_length(self) -> int:
        """The most common line length in bytes."""
        return Counter(map(len, self.lines)).most_common(1)[0][0]

    @cached_property
    def is_uniform(self) -> bool:
        """Whether lines have one length: a tool that trims trailing blanks leaves many lengths."""
        return share(len(line) == self.common_length for line in self.lines) >= MOST

    @cached_property
    def is_padded(self) -> bool:
        """Whether lines surely have their full length: one length, reached with trailing blanks."""
        return self.is_uniform and share(line.endswith(b" ") for line in self.lines) > 0.5

    @cached_property
    def text_lengths(self) -> tuple[int, ...]:
        """Line lengths without trailing blanks."""
        return tuple(len(line.rstrip(b" ")) for line in self.lines)


@dataclass(frozen=True)
class Fit:
    """How one layout fits a sample: what speaks against it, and what ranks it among those that fit."""

    layout: Layout
    length_problems: tuple[str, ...]
    content_problems: tuple[str, ...]
    same_length: bool
    newest_year_fits: bool

    @property
    def problems(self) -> tuple[str, ...]:
        """All that speaks against the layout."""
        return self.length_problems + self.content_problems

    @property
    def rank(self) -> tuple[int, int, bool, bool]:
        """Greater is better."""
        return (
            -len(self.problems),
            -len(self.content_problems),
            self.same_length,
            self.newest_year_fits,
        )


def share(flags: Iterable[bool]) -> float:
    """Share of true among flags; 0 of nothing is 0."""
    values = list(flags)
    return sum(values) / len(values) if values else 0.0


def fit_layout(layout: Layout, sample: Sample) -> Fit:
    """Test one layout against a sample of lines."""
    years = _column(layout, "YEAR_OF_DIAGNOSIS", sample)
    expected = {str(year).encode() for year in range(FIRST_YEAR, int(layout.release) + 1)}
    return Fit(
        layout=layout,
        length_problems=tuple(_length_problems(layout, sample)),
        content_problems=tuple(_content_problems(layout, sample, years, expected)),
        same_length=sample.is_uniform and sample.common_length == layout.length,
        newest_year_fits=_newest(years, expected) == layout.release.encode(),
    )


def _column(layout: Layout, name: str, sample: Sample) -> list[bytes]:
    if name not in layout.by_name:
        raise InputError(
            f"The layout of release {layout.release} has no {name}, which tells whether a layout is right",
            remedy="Bring the layout that came with the extract.",
        )
    where = layout.by_name[name].bytes
    return [line[where].strip() for line in sample.lines]


def _newest(years: list[bytes], expected: set[bytes]) -> bytes | None:
    """The newest diagnosis year that more than a stray record has."""
    counts = Counter(year for year in years if year in expected)
    floor = 0.001 * len(years)
    return max((year for year, n in counts.items() if n >= floor), default=None)


def _length_problems(layout: Layout, sample: Sample) -> Iterable[str]:
    if share(length <= layout.length for length in sample.text_lengths) < MOST:
        yield f"records are {sample.common_length:,} bytes long where this release has {layout.length:,}"
    elif sample.is_padded and sample.common_length < layout.length:
        yield f"records are only {sample.common_length:,} bytes long where this release has {layout.length:,}"


def _content_problems(
    layout: Layout, sample: Sample, years: list[bytes], expected: set[bytes]
) -> Iterable[str]:
    sites = _column(layout, "PRIMARY_SITE", sample)
    vital = _column(layout, "PUF_VITAL_STATUS", sample)
    newest = layout.release.encode()
    of_newest = [code for year, code in zip(years, vital, strict=True) if year == newest]
    of_older = [code for year, code in zip(years, vital, strict=True) if year in expected and year != newest]
    checks: list[tuple[str, str, list[bytes], Callable[[bytes], bool], float, int]] = [
        (
            "YEAR_OF_DIAGNOSIS",
            f"is not a year from {FIRST_YEAR} to {layout.release}",
            years,
            expected.__contains__,
            MOST,
            1,
        ),
        ("PRIMARY_SITE", "is not a breast site (C500-C506, C508, C509)", sites, _is_breast, MOST, 1),
        ("PUF_VITAL_STATUS", "is not 0, 1 or blank", vital, VITAL_CODES.__contains__, MOST, 1),
        (
            "PUF_VITAL_STATUS",
            f"is filled though it is withheld for diagnoses of {layout.release}",
            of_newest,
            _is_blank,
            MOST,
            ENOUGH,
        ),
        (
            "PUF_VITAL_STATUS",
            f"is blank for diagnoses before {layout.release}",
            of_older,
            bool,
            0.5,
            ENOUGH,
        ),
    ]
    for variable, fault, values, passes, needed, at_least in checks:
        good = share(passes(value) for value in values)
        if len(values) >= at_least and good < needed:
            field = layout.by_name[variable]
            columns = f"columns {field.start}-{field.end}"
            yield f"{variable} ({columns}) {fault} in {1 - good:.0%} of the sampled records"


def _is_breast(site: bytes) -> bool:
    return SITE.fullmatch(site) is not None


def _is_blank(value: bytes) -> bool:
    return not value


def all_fits(sample: Sample) -> list[Fit]:
    """Test every built-in layout, the best first."""
    fits = [fit_layout(layout, sample) for layout in builtin_layouts().values()]
    return sorted(fits, key=lambda fit: fit.rank, reverse=True)


def choose_layout(sample: Sample, asked: Layout | None, where: str) -> Layout:
    """Return the layout that a file has; the one asked for only if it fits.

    Parameters
    ----------
    sample : Sample
        Lines of the file.
    asked : Layout or None
        What the user or the site says it is.
    where : str
        File name for messages.

    Raises
    ------
    InputError
        No layout fits, the one asked for does not fit (the message names the release it looks like), or two
        fit equally well.
    """
    if not sample.lines:
        raise InputError("The file holds no records", where=where, remedy="Ask for the extract again.")
    fits = all_fits(sample)
    best = fits[0]
    if asked is not None:
        fit = fit_layout(asked, sample)
        better = best.same_length and not best.problems and best.layout.length != asked.length
        if not fit.problems and not better:
            return asked
        problems = "; ".join(fit.problems) or f"records have the length of release {best.layout.release}"
        raise InputError(
            f"This is not an NCDB breast file in the layout of release {asked.release}: {problems}",
            where=where,
            remedy=_looks_like(fits, sample),
        )
    if best.problems:
        raise InputError(
            f"No built-in NCDB layout fits this file (closest: release {best.layout.release}): "
            + "; ".join(best.problems),
            where=where,
            remedy=_looks_like(fits, sample),
        )
    rivals = [fit.layout.release for fit in fits if fit.rank == best.rank]
    if len(rivals) > 1:
        raise InputError(
            f"This NCDB file lost its trailing blanks and can be of release {' or '.join(rivals)}",
            where=where,
            remedy=f"Say which release it is, such as --layout {rivals[0]}.",
        )
    return best.layout


def _looks_like(fits: list[Fit], sample: Sample) -> str:
    """What the file looks like instead, and what to do."""
    fitting = [fit for fit in fits if not fit.problems]
    if fitting:
        release = fitting[0].layout.release
        return f"It looks like release {release}: leave --layout out or say --layout {release}."
    known = ", ".join(f"{fit.layout.release} ({fit.layout.length:,} bytes)" for fit in reversed(fits))
    if any(not fit.content_problems for fit in fits):
        return (
            "Its fields look like an NCDB breast file of a release that is not built in; built in: "
            f"{known}. Bring the layout that came with the extract (--layout FILE)."
        )
    year, site = (_column(fits[0].layout, name, sample) for name in ("YEAR_OF_DIAGNOSIS", "PRIMARY_SITE"))
    years = share(re.fullmatch(rb"20[0-3]\d", value) is not None for value in year)
    sites = share(re.fullmatch(rb"C\d\d\d", value) is not None for value in site)
    if years >= MOST and sites >= MOST and share(map(_is_breast, site)) < MOST:
        return "It looks like the NCDB file of another cancer site; this project reads the breast file."
    return f"It looks like no NCDB file; run `cohorts doctor` on it. Built-in layouts: {known}."
