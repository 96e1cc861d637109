"""The layout of an NCDB file from the script that came with it, held against the data and what is known.

A script is believed only where the data agree: diagnosis year, primary site and vital status must stand where it says.
Its differences from the built-in layout of the same release are told; where the data contradict the script, they are
the reason why it is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from pipelines import codebook
from pipelines.codebook.layouts import Field, Layout, builtin_layouts, canonical_names, inferred_layouts
from pipelines.codebook.scripts.label_scripts import Script
from pipelines.errors import InputError
from pipelines.formats.ncdb.evidence import FIRST_YEAR, Evidence
from pipelines.formats.ncdb.layout_check import Sample, all_fits, choose_layout, columns_of, evidence_of

SAY_THE_RELEASE = "Say which release it is beside the script, such as --layout 2019."
SAS_MISSING = "."
MOST_NAMED = 5
"""A note names no more variables or codes than this."""


@dataclass(frozen=True)
class Chosen:
    """A layout and what a user should know about it."""

    layout: Layout
    notes: tuple[str, ...] = ()


def choose_script(scripts: Sequence[Script], release: str | None, sample: Sample, where: str) -> Chosen:
    """Return the layout of the script that describes a file.

    Parameters
    ----------
    scripts : sequence of Script
        At least one; of several that describe the file the first counts, and all must describe it alike.
    release : str or None
        What the caller says.
    sample : Sample
        Lines of the file.
    where : str
        File name for messages.

    Raises
    ------
    InputError
        No script describes the file, two do so differently, or the release cannot be told.
    """
    fitting: list[tuple[Script, Chosen]] = []
    errors: list[InputError] = []
    for script in scripts:
        try:
            fitting.append((script, script_layout(script, release, sample, where)))
        except InputError as error:
            errors.append(error)
    if not fitting:
        raise errors[0]
    (first, chosen), *others = fitting
    for other, _ in others:
        different = next(differences(first.fields, other.fields, other.path.name), None)
        if different is not None:
            raise InputError(
                f"The scripts describe the file differently: {different}",
                where=f"{first.path.name}, {other.path.name}",
                remedy="Name the one that came with the data.",
            )
    return chosen


def script_layout(script: Script, release: str | None, sample: Sample, where: str) -> Chosen:
    """Return the layout that one script describes, if it is the file's.

    Raises
    ------
    InputError
        The data contradict the script, or the release cannot be told.
    """
    spelled = canonical_names()
    fields = [replace(each, name=spelled.get(each.name.casefold(), each.name)) for each in script.fields]
    longer = script.length is not None and script.length == sample.common_length
    layout = Layout.of(str(FIRST_YEAR), fields, script.length if longer else None)
    evidence = evidence_of(layout, sample)
    told = release or _release(script, evidence, where)
    layout = replace(layout, release=told or evidence.newest_year or layout.release)
    try:
        choose_layout(sample, layout, where)
    except InputError as error:
        raise _contradicted(script, layout, error, sample, where) from None
    if told is None:
        raise InputError(
            "Neither the script nor the data tell the release: vital status is withheld for no diagnosis year, and "
            f"the script mentions {' and '.join(sorted(script.years)) or 'no release'}",
            where=f"{script.path.name}, for {where}",
            remedy=SAY_THE_RELEASE,
        )
    return Chosen(layout, tuple(f"{script.path.name}: {note}" for note in _notes(script, layout)))


def _release(script: Script, evidence: Evidence, where: str) -> str | None:
    """The release: the newest diagnosis year if it is withheld, else what the script mentions; None if neither tells.

    Raises
    ------
    InputError
        Both are there and differ.
    """
    withheld = evidence.withheld_year
    if withheld is None:
        possible = [year for year in script.years if year >= (evidence.newest_year or "")]
        return possible[0] if len(possible) == 1 else None
    if script.years and withheld not in script.years:
        raise InputError(
            f"The script is of release {' or '.join(sorted(script.years))}, and the newest diagnosis year of the "
            f"data, whose vital status is withheld, is {withheld}",
            where=f"{script.path.name}, for {where}",
            remedy=f"Bring the script of release {withheld}; if it is this one, say --layout {withheld} too.",
        )
    return withheld


def _contradicted(
    script: Script, layout: Layout, error: InputError, sample: Sample, where: str
) -> InputError:
    """Say that the data contradict a script, and where it first differs from what is known."""
    best = all_fits(sample)[0]
    known = known_layout(layout.release) if best.problems else best.layout
    first = next(differences(layout.fields, known.fields, _called(known)), None) if known else None
    return InputError(
        f"{script.kind[0].upper()}{script.kind[1:]} does not describe this file. {error.what}"
        + (f". The first difference from what is known: {first}" if first else ""),
        where=f"{script.path.name}, for {where}",
        remedy=(error.remedy or "").replace("leave --layout out", "leave the script out"),
    )


def known_layout(release: str) -> Layout | None:
    """The layout of a release as it is known here: built in, or inferred."""
    return builtin_layouts().get(release) or inferred_layouts().get(release)


def _called(layout: Layout) -> str:
    status = "built-in" if layout.release in builtin_layouts() else "inferred"
    return f"the {status} layout of release {layout.release}"


def differences(fields: Sequence[Field], known: Sequence[Field], other: str) -> Iterator[str]:
    """Variables that stand elsewhere, or under another name, in what ``other`` says; in column order."""
    by_name = {each.name.casefold(): each for each in known}
    by_place = {(each.start, each.width): each for each in known}
    ours = {each.name.casefold() for each in fields}
    for each in fields:
        same_name, same_place = by_name.get(each.name.casefold()), by_place.get((each.start, each.width))
        if same_name is not None and columns_of(same_name) != columns_of(each):
            yield f"{each.name} is in {columns_of(each)} here and in {columns_of(same_name)} in {other}"
        elif same_name is None and same_place is not None and same_place.name.casefold() not in ours:
            yield f"{columns_of(each)} are {each.name} here and {same_place.name} in {other}"


def _notes(script: Script, layout: Layout) -> Iterator[str]:
    known = known_layout(layout.release)
    different = list(differences(layout.fields, known.fields, _called(known))) if known else []
    if known is None:
        agrees = f"no layout of release {layout.release} is known here to hold it against"
    else:
        agrees = f"it {'differs from' if different else 'agrees with'} {_called(known)}"
    yield f"the layout is that of {script.kind}; {agrees}."
    if different:
        more = len(different) - MOST_NAMED
        yield "; ".join(different[:MOST_NAMED]) + (f"; and {more} more." if more > 0 else ".")
    unnamed = [each for each in layout.fields if each.name not in canonical_names().values()]
    gaps = [each for each in unnamed if each.name.startswith("columns_")]
    if gaps:
        bytes_kept = sum(each.width for each in gaps)
        yield f"names no variable for {bytes_kept:,} columns of a record; they are kept under their positions."
    unknown = unknown_codes(script, layout.release)
    if unknown:
        listed = [f"{name} {', '.join(codes[:MOST_NAMED])}" for name, codes in unknown.items()]
        yield f"labels codes that are not known here and will be reported as unmapped: {'; '.join(listed)}."


def unknown_codes(script: Script, release: str) -> dict[str, list[str]]:
    """Codes that a script labels and the scheme of their field does not have, by variable; none without labels."""
    canonical = {
        received.casefold(): name for received, name in codebook.received_names("ncdb", release).iter_rows()
    }
    decoded = codebook.field_schemes().filter((pl.col("source") == "ncdb") & pl.col("scheme").is_not_null())
    schemes = dict(decoded.select("field", "scheme").iter_rows())
    found = {}
    for variable, labels in script.labels.items():
        scheme = schemes.get(canonical.get(variable.casefold(), ""))
        if scheme is None:
            continue
        known = {_plain(code) for code in codebook.schemes()[scheme]["code"]} | {SAS_MISSING}
        codes = [code for code in labels if _plain(code) not in known]
        if codes:
            found[canonical[variable.casefold()]] = codes
    return found


def _plain(code: str) -> str:
    """A code without leading zeros: SAS programs write 0 for 00."""
    return code.strip().lstrip("0") if code.strip().strip("0") else "0"
