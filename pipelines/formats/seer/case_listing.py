"""SEER*Stat case listing: delimited text, with its export dictionary (``.dic``) beside it where it was kept.

All values are label text. ``NA``, ``N/A``, ``Blank(s)`` and ``Unknown`` are values with different meanings,
so nothing is ever read as null. Names come from the header row; the dictionary says what database it is, and
where it is lost the names may still tell the submission.
"""

from collections.abc import Sequence
from pathlib import Path

from pipelines.codebook.seerstat_headers import possible_releases
from pipelines.errors import CohortsError, InputError
from pipelines.formats.seer.dic import ExportDictionary, find_dic, read_dic
from pipelines.formats.seer.header import (
    EXPORT_AGAIN,
    first_row,
    header_row,
    header_with_dic,
    is_listing,
)
from pipelines.formats.seer.notes import names_of_other_submissions, unknown_names, variable_notes
from pipelines.formats.seer.other_sessions import another_table, listing_without_names
from pipelines.formats.seer.release import (
    Listing,
    covered_years,
    listing_table,
    one_release,
    release_said,
    sampled_years,
)
from pipelines.formats.types import Extract, Format, Options, Recognition, described, refused

CASE_LISTING = "Case Listing"
NOTHING_SAID = Options()


def open_seerstat(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open the case listings of one SEER submission.

    Parameters
    ----------
    paths : sequence of Path
        Data files, such as one for each registry; their columns may differ.
    options : Options
        ``layout``: the submission, such as ``nov2022``, for files whose ``.dic`` is lost. ``companions``: ``.dic``
        files that do not lie beside their data.

    Raises
    ------
    InputError
        The submission is not told, a ``.dic`` is of another session type or of another file, or the files are of
        different submissions.
    """
    listings = [read_listing(path, options.companions) for path in paths]
    release, told = one_release(listings, release_said(options))
    years, covered = covered_years(listings, release)
    return Extract(
        source="seer",
        format="seerstat_case_listing",
        dialect="seer",
        release=release,
        covered_years=years,
        site=None,
        tables=tuple(map(listing_table, listings)),
        notes=(
            *told,
            *covered,
            *(note for each in listings for note in each.notes),
            *(
                note
                for each in listings
                for note in names_of_other_submissions(each.path, each.header.columns, release)
            ),
        ),
        companions=tuple(each.dic.path for each in listings if each.dic is not None),
    )


def read_listing(path: Path, companions: Sequence[Path] = ()) -> Listing:
    """Read names, dictionary and submission of a case listing; of its records only some samples.

    Raises
    ------
    InputError
        It is no case listing, names no columns, or its dictionary is of another session or file.
    """
    dic = case_listing_dic(path, companions)
    if dic is None:
        if not is_listing(first_row(path)[0]) and (
            fault := another_table(path) or listing_without_names(path)
        ):
            raise fault
        header = header_row(path)
        releases = possible_releases(header.columns, sampled_years(path, header))
        return Listing(path, None, header, releases, None, tuple(unknown_names(path, header.columns, None)))
    header, notes = header_with_dic(path, dic)
    notes += [*variable_notes(path, dic), *unknown_names(path, header.columns, dic)]
    releases = (
        (dic.release,) if dic.release else possible_releases(header.columns, sampled_years(path, header))
    )
    return Listing(path, dic, header, releases, dic.covered_years, tuple(notes))


def case_listing_dic(path: Path, companions: Sequence[Path] = ()) -> ExportDictionary | None:
    """Read the dictionary of a case listing; None where there is none.

    Raises
    ------
    InputError
        It describes another kind of session.
    """
    dic = find_dic(path, companions)
    if dic is None:
        return None
    dictionary = read_dic(dic)
    if dictionary.session_type != CASE_LISTING:
        raise InputError(
            f"This is an export of a SEER*Stat {dictionary.session_type} session, whose rows are statistics "
            "and not patients",
            where=dic.name,
            remedy=f"Make a Case Listing session and export it: {EXPORT_AGAIN}.",
        )
    return dictionary


def recognise_seerstat(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is a case listing, and of which submission; a ``.dic`` is a companion.

    Parameters
    ----------
    path : Path
    head : bytes
        First bytes of the file.
    """
    if head.startswith(b"[System]"):
        return _recognise_dic(path)
    fields = first_row(path)[0]
    if find_dic(path) is None and not is_listing(fields):
        if fault := another_table(path):
            return refused(path, fault)
        fault = listing_without_names(path)
        return _refused(path, fault, fields) if fault else None
    try:
        listing = read_listing(path)
        release, notes = one_release([listing], None)
    except CohortsError as error:
        return _refused(path, error, fields)
    if listing.header.data_start == path.stat().st_size:
        empty = "The file has column names and no records"
        return _refused(path, InputError(empty, where=str(path), remedy="Ask for the extract again."), fields)
    covered = listing.covered_years
    others = names_of_other_submissions(path, listing.header.columns, release)
    return Recognition(
        path=path,
        format="seerstat_case_listing",
        source="seer",
        release=release,
        records=None,
        columns=len(listing.header.columns),
        problems=(),
        explanation=f"SEER*Stat case listing, submission {release}"
        + (f", diagnoses of {covered[0]}-{covered[1]}" if covered else "")
        + f": {len(listing.header.columns)} columns."
        + "".join(f" {note}" for note in (*notes, *listing.notes, *others)),
    )


def _refused(path: Path, error: CohortsError, fields: Sequence[str]) -> Recognition:
    return refused(path, error, format="seerstat_case_listing", source="seer", columns=len(fields))


def _recognise_dic(path: Path) -> Recognition:
    try:
        dic = read_dic(path)
    except CohortsError as error:
        return refused(path, error)
    return described(
        path,
        f"This is the export dictionary of a SEER*Stat {dic.session_type} session with "
        f"{len(dic.variables)} variables ({dic.release or 'no submission named'}); it is read beside its data file.",
        source="seer",
        format="seerstat_case_listing" if dic.session_type == CASE_LISTING else None,
    )


FORMAT = Format(
    "seerstat_case_listing", "seer", "seer", "a SEER*Stat case listing", recognise_seerstat, open_seerstat
)
