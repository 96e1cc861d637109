"""What a user should know of the columns of a case listing, though it stops nothing."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.codebook.seerstat_headers import trimmed, variants
from pipelines.formats.seer.dic import ExportDictionary
from pipelines.formats.seer.header import listed


def made_by_user(dic: ExportDictionary) -> tuple[str, ...]:
    """Names of the variables that an analyst made from standard ones."""
    return tuple(variable.name for variable in dic.variables if variable.base is not None)


def variable_notes(path: Path, dic: ExportDictionary) -> list[str]:
    """Variables that an analyst made, codes in place of labels, and export options that lose something."""
    notes = []
    for variable in dic.variables:
        if variable.base is None:
            continue
        standard = trimmed(variable.name) in variants()
        notes.append(
            f"{path.name}: '{variable.name}' was made by an analyst from {listed(variable.bases)}; it is "
            + ("read as the standard variable whose name it bears." if standard else "kept and not decoded.")
        )
    codes = [variable.name for variable in dic.variables if not variable.formatted]
    if codes:
        notes.append(
            f"{path.name}: {listed(codes)} {'is' if len(codes) == 1 else 'are'} exported unformatted, as codes and not "
            "labels; codes that are not known are counted in unmapped_codes."
        )
    if not dic.quotes_delimiters:
        notes.append(
            f"{path.name}: values that hold the delimiter are not in quotes by {dic.path.name}; rows with another "
            "number of fields are set aside."
        )
    if dic.missing.lower() not in ("space", "period"):
        notes.append(
            f"{path.name}: '{dic.missing}' stands for missing by {dic.path.name}; where it is also a label, as NA is, "
            "the two cannot be told apart."
        )
    return notes


def unknown_names(path: Path, columns: Sequence[str], dic: ExportDictionary | None) -> list[str]:
    """Columns that are neither known variables nor made by an analyst, as far as a dictionary says."""
    made = {trimmed(name) for name in made_by_user(dic)} if dic is not None else set()
    names = [name for name in columns if trimmed(name) not in made and trimmed(name) not in variants()]
    if not names:
        return []
    what = "1 column is" if len(names) == 1 else f"{len(names)} columns are"
    return [
        f"{path.name}: {what} not in the table of known SEER*Stat variables, kept and not used: {listed(names)}."
    ]


def names_of_other_submissions(path: Path, columns: Sequence[str], release: str) -> list[str]:
    """Columns whose name the submission does not have, as far as that is known."""
    year = int(release[3:])
    found = [variants()[name] for name in map(trimmed, columns) if name in variants()]
    other = [variant.header for variant in found if not variant.is_of(year)]
    if not other:
        return []
    return [f"{path.name}: {listed(other)} is known from other submissions than {release}; read as there."]
