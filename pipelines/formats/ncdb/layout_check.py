"""Which release an NCDB file is, judged by its record length and by what its fields hold, never by its name.

Every layout has year and primary site at the same place, so those two say that a file is a breast PUF at all.
Length and vital status tell the releases apart: at a wrong offset vital status falls into another field,
often a blank one, and so it must be filled for older diagnosis years and blank for the newest.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pipelines.codebook.layouts import Field, Layout, builtin_layouts, inferred_layouts
from pipelines.errors import InputError
from pipelines.formats.ncdb.evidence import CHECKED, FIRST_YEAR, MOST, Evidence, is_breast, share

__all__ = ["FIRST_YEAR", "Fit", "Sample", "choose_layout", "fit_layout", "share"]

ONE_RELEASE = (
    "Every release restates all years under new case ids, so the same people would count twice: ask for one release "
    "as it was sent, and load each as its own submission."
)
FEWEST_OF_A_LENGTH = 3
"""Lines of a length that is another release's own are damage below this, and another release from it."""


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


def fit_layout(layout: Layout, sample: Sample) -> Fit:
    """Test one layout against a sample of lines."""
    evidence = evidence_of(layout, sample)
    return Fit(
        layout=layout,
        length_problems=tuple(_length_problems(layout, sample)),
        content_problems=tuple(
            evidence.problems(layout.release, lambda name: columns_of(layout.by_name[name]))
        ),
        same_length=sample.is_uniform and sample.common_length == layout.length,
        newest_year_fits=evidence.newest_year == layout.release,
    )


def evidence_of(layout: Layout, sample: Sample) -> Evidence:
    """What stands in the sample where a layout has the variables that tell.

    Raises
    ------
    InputError
        The layout has no such variable.
    """
    return Evidence(*(tuple(_column(layout, name, sample)) for name in CHECKED))


def columns_of(field: Field) -> str:
    """Where a field stands, in words."""
    return f"columns {field.start}-{field.end}"


def _column(layout: Layout, name: str, sample: Sample) -> list[bytes]:
    if name not in layout.by_name:
        raise InputError(
            f"The layout of release {layout.release} has no {name}, which tells whether a layout is right",
            remedy="Bring the layout that came with the extract.",
        )
    where = layout.by_name[name].bytes
    return [line[where].strip() for line in sample.lines]


def _length_problems(layout: Layout, sample: Sample) -> Iterable[str]:
    longer = sample.is_padded and sample.common_length > layout.length
    if share(length <= layout.length for length in sample.text_lengths) < MOST or (
        longer and sample.common_length in known_lengths()
    ):
        yield f"records are {sample.common_length:,} bytes long where this release has {layout.length:,}"
    elif sample.is_padded and sample.common_length < layout.length:
        yield f"records are only {sample.common_length:,} bytes long where this release has {layout.length:,}"


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
    _refuse_two_releases(sample, where)
    fits = all_fits(sample)
    best = fits[0]
    if asked is not None:
        fit = fit_layout(asked, sample)
        better = best.same_length and not best.problems and best.layout.length != asked.length
        if not fit.problems and not better:
            _refuse_stacked_years(asked, sample, where)
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
    _refuse_stacked_years(best.layout, sample, where)
    return best.layout


def known_lengths() -> dict[int, str]:
    """Release by record length, those whose layout is only inferred among them."""
    known = [*inferred_layouts().values(), *builtin_layouts().values()]
    return {layout.length: layout.release for layout in known}


def _refuse_two_releases(sample: Sample, where: str) -> None:
    """Raise where the lines have the lengths of two releases: one was appended to the other."""
    lengths = Counter(length for length in map(len, sample.lines) if length in known_lengths())
    found = sorted(length for length, n in lengths.items() if n >= FEWEST_OF_A_LENGTH)
    if len(found) > 1 and sum(lengths.values()) >= MOST * len(sample.lines):
        raise InputError(
            "Two releases stand in this file, one after the other: it has lines of "
            + " and of ".join(f"{length:,} bytes (release {known_lengths()[length]})" for length in found),
            where=where,
            remedy=ONE_RELEASE,
        )


def _refuse_stacked_years(layout: Layout, sample: Sample, where: str) -> None:
    """Raise where an older diagnosis year is withheld in part, as the newest of another release is."""
    refuse_stacked_years(evidence_of(layout, sample), layout.release, where)


def refuse_stacked_years(evidence: Evidence, release: str, where: str) -> None:
    """Raise InputError where vital status of an older diagnosis year is withheld in a part of the records."""
    years = evidence.stacked_years(release)
    if years:
        raise InputError(
            f"This looks like two releases in one file: vital status of {', '.join(years)} is blank in a part of the "
            f"records, as it is in the newest year of a release, and the file goes on to {release}",
            where=where,
            remedy=ONE_RELEASE,
        )


def _looks_like(fits: list[Fit], sample: Sample) -> str:
    """What the file looks like instead, and what to do."""
    fitting = [fit for fit in fits if not fit.problems]
    if fitting:
        release = fitting[0].layout.release
        return f"It looks like release {release}: leave --layout out or say --layout {release}."
    known = ", ".join(f"{fit.layout.release} ({fit.layout.length:,} bytes)" for fit in reversed(fits))
    inferred = next(
        (each for each in inferred_layouts().values() if each.length == sample.common_length), None
    )
    if inferred is not None and not fit_layout(inferred, sample).problems:
        return (
            f"It looks like release {inferred.release}, whose layout is known by inference only: bring the script "
            "that came with the extract (SAS, SPSS, Stata or the structure table; --layout FILE, or name it among "
            "the files)."
        )
    if any(not fit.content_problems for fit in fits):
        return (
            "Its fields look like an NCDB breast file of a release that is not built in; built in: "
            f"{known}. Bring the layout that came with the extract: its SAS, SPSS or Stata script or structure table "
            "(--layout FILE, or name it among the files)."
        )
    year, site = (_column(fits[0].layout, name, sample) for name in ("YEAR_OF_DIAGNOSIS", "PRIMARY_SITE"))
    years = share(re.fullmatch(rb"20[0-3]\d", value) is not None for value in year)
    sites = share(re.fullmatch(rb"C\d\d\d", value) is not None for value in site)
    if years >= MOST and sites >= MOST and share(map(is_breast, site)) < MOST:
        return "It looks like the NCDB file of another cancer site; this project reads the breast file."
    return f"It looks like no NCDB file; run `cohorts doctor` on it. Built-in layouts: {known}."
