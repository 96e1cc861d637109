"""Which submission case listings are of: by their dictionaries, by the caller's word, or by their columns."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines.codebook.seerstat_headers import submissions, trimmed, variants
from pipelines.errors import InputError
from pipelines.formats.seer.dic import ExportDictionary
from pipelines.formats.seer.header import EXPORT_AGAIN
from pipelines.formats.text.blocks import sample_lines
from pipelines.formats.text.delimited import Header, read_delimited
from pipelines.formats.text.delimited_blocks import decode
from pipelines.formats.types import Options, TableReader

YEAR = "Year of diagnosis"
YEAR_TEXT = re.compile(r"(19|20)\d\d")
Years = tuple[int, int]


@dataclass(frozen=True)
class Listing:
    """One case listing and what is known of it before its records are read.

    Parameters
    ----------
    path : Path
    dic : ExportDictionary or None
    header : Header
    releases : tuple of str
        The submission, or those that its columns and years leave possible.
    covered_years : tuple of int or None
        As the dictionary says.
    notes : tuple of str
    """

    path: Path
    dic: ExportDictionary | None
    header: Header
    releases: tuple[str, ...]
    covered_years: Years | None
    notes: tuple[str, ...]

    @property
    def told(self) -> bool:
        """Whether its dictionary names the submission."""
        return self.dic is not None and self.dic.release is not None


def one_release(listings: Sequence[Listing], said: str | None) -> tuple[str, list[str]]:
    """Find the submission of all files, and what to note of how it was found.

    Parameters
    ----------
    listings : sequence of Listing
    said : str or None
        The submission by the caller's word.

    Raises
    ------
    InputError
        There is more than one, or none can be told.
    """
    told = {each.releases[0] for each in listings if each.told} | ({said} if said else set())
    if len(told) > 1:
        raise InputError(
            "These case listings are of different SEER submissions: "
            + ", ".join(f"{each.path.name} is {each.releases[0]}" for each in listings if each.told)
            + (f", and {said} is said" if said else ""),
            remedy="A submission restates all years: load each as its own submission, and name no other than its own.",
        )
    without = [each for each in listings if not each.told]
    possible = [each for each in submissions() if all(each in listing.releases for listing in without)]
    release = next(iter(told), possible[0] if len(possible) == 1 else None)
    if release is None:
        raise _not_told(without, possible)
    if not without:
        return release, []
    other = next((each for each in without if release not in each.releases and not said), None)
    if other is not None:
        raise InputError(
            f"{other.path.name} has no .dic, and columns or years that submission {release} of the other files has not",
            where=other.path.name,
            remedy=f"Bring its .dic, or say --layout {release} if it is surely of that submission.",
        )
    names = ", ".join(each.path.name for each in without)
    by = "by your word" if said else "by the other files" if told else "by its column names and years"
    return release, [f"{names}: no .dic names the submission; it is {release} {by}."]


def _not_told(listings: Sequence[Listing], possible: Sequence[str]) -> InputError:
    first = listings[0]
    why = (
        "There is no export dictionary"
        if first.dic is None
        else "The export dictionary does not say which SEER submission this is (its database name should hold words "
        "such as 'Nov 2022 Sub (2000-2020)')"
    )
    can_be = (
        f"the columns and years can be of {', '.join(possible)}"
        if possible
        else "no one submission has all of these columns and years"
    )
    beside = (
        f"Put {first.path.stem}.dic, which SEER*Stat wrote with the data file, into the same folder, or say"
    )
    return InputError(
        f"{why}, and {can_be}",
        where=", ".join(each.path.name for each in listings),
        remedy=f"{beside if first.dic is None else 'Say'} the submission: --source seer --layout "
        f"{possible[-1] if possible else 'nov2022'}. If nobody knows it, export again: {EXPORT_AGAIN}.",
    )


def release_said(options: Options) -> str | None:
    """The submission by the caller's word.

    Raises
    ------
    InputError
        It is none.
    """
    words = {str(each).lower() for each in options.layout}
    if len(words) > 1 or (words and not words <= set(submissions())):
        raise InputError(
            "A case listing has a submission and no layout",
            where="--layout",
            remedy=f"Name one of {', '.join(submissions())}, or nothing where the .dic is there.",
        )
    return next(iter(words), None)


def covered_years(listings: Sequence[Listing], release: str) -> tuple[Years | None, list[str]]:
    """Diagnosis years that the files cover, and what to note of them.

    A file without dictionary covers the years that its records have, which takes a pass over it; where it has no such
    column, those of all databases of the submission.
    """
    found, notes = [], []
    for listing in listings:
        years = listing.covered_years
        if years is None and (in_data := _years_of_records(listing)):
            years = (min(in_data), max(in_data))
            notes.append(
                f"{listing.path.name}: covers {years[0]}-{years[1]}, the diagnosis years of its records."
            )
        elif years is None and release in submissions():
            years = (submissions()[release].first_year, submissions()[release].last_year)
            notes.append(
                f"{listing.path.name}: covers {years[0]}-{years[1]} as far as submission {release} does."
            )
        found += [years] if years is not None else []
    return (min(first for first, _ in found), max(last for _, last in found)) if found else None, notes


def listing_table(listing: Listing) -> TableReader:
    """The reader of a listing's records."""
    header = listing.header
    read = partial(
        read_delimited,
        listing.path,
        header.columns,
        header.delimiter,
        start=header.data_start,
        header_line=header.line or None,
        names=frozenset(variants()),
    )
    return TableReader(listing.path.stem, listing.path, header.columns, read)


def _years_of_records(listing: Listing) -> set[int]:
    names = [name for name in listing.header.columns if trimmed(name) == YEAR]
    if not names:
        return set()
    found: set[int] = set()
    for batch in listing_table(listing).batches():
        found |= _as_years(map(str, batch.kept[names[0]].unique().to_pylist()))
    return found


def _as_years(texts: Iterable[str]) -> set[int]:
    """Years among values; others are not known."""
    return {int(text) for text in map(str.strip, texts) if YEAR_TEXT.fullmatch(text)}


def sampled_years(path: Path, header: Header) -> set[int]:
    """Diagnosis years in samples of the file."""
    names = [trimmed(name) for name in header.columns]
    if YEAR not in names:
        return set()
    place, width = names.index(YEAR), len(names)
    lines = [decode(line) for line in sample_lines(path) if b"\0" not in line and b"\r" not in line]
    try:
        rows = [next(csv.reader([line], delimiter=header.delimiter), []) for line in lines]
    except csv.Error:
        return set()
    return _as_years(row[place] for row in rows if len(row) == width)
