"""The export dictionary (``.dic``) that SEER*Stat writes beside a data file.

It looks like an INI file and is none: section names may hold ``=`` and ``]``, keys are case-sensitive,
values may hold ``=`` and ``%``, and blanks inside labels count. So a line is split at its first ``=`` and
nothing else is interpreted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from pipelines.errors import InputError

DELIMITERS = {"comma": ",", "tab": "\t", "space": " ", "semi-colon": ";", "semicolon": ";"}
SUBMISSION = re.compile(
    r"\b(?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}) Sub \((?P<first>\d{4})-(?P<last>\d{4})\b"
)
VARIABLE_KEY = re.compile(r"Var(\d+)(\D\w*)")

Sections = dict[str, list[tuple[str, str]]]


@dataclass(frozen=True)
class DicVariable:
    """One exported variable.

    Parameters
    ----------
    name : str
        Header text.
    base : str or None
        The standard variable it was made from, if a user made it; several are joined by ``~``.
    formatted : bool
        Whether values are labels; else they are codes.
    """

    name: str
    base: str | None = None
    formatted: bool = True

    @property
    def bases(self) -> tuple[str, ...]:
        """The standard variables that a user's variable was made from."""
        return tuple(self.base.split("~")) if self.base else ()


@dataclass(frozen=True)
class ExportDictionary:
    """What a ``.dic`` says of its data file.

    Parameters
    ----------
    path : Path
    database : str
        ``Database name``; it holds the submission and the diagnosis years.
    session_type : str
        ``Case Listing`` or another.
    delimiter : str
        One character.
    has_header : bool
        Whether the data file begins with variable names.
    variables : tuple of DicVariable
        In the order of their numbers.
    output_name : str
        Base name of the data file as SEER*Stat wrote it; the file may have another one by now.
    quotes_delimiters : bool
        Whether values that hold the delimiter are quoted.
    missing : str
        ``space``, ``period`` or ``NA``: what stands for a value that is not there.
    """

    path: Path
    database: str
    session_type: str
    delimiter: str
    has_header: bool
    variables: tuple[DicVariable, ...]
    output_name: str = ""
    quotes_delimiters: bool = True
    missing: str = "space"

    @property
    def names(self) -> tuple[str, ...]:
        """Header texts in order."""
        return tuple(variable.name for variable in self.variables)

    @property
    def release(self) -> str | None:
        """The submission as ``nov2018``, where the database name tells it."""
        found = SUBMISSION.search(self.database)
        return f"{found['month']}{found['year']}".lower() if found else None

    @property
    def covered_years(self) -> tuple[int, int] | None:
        """First and last diagnosis year of the database."""
        found = SUBMISSION.search(self.database)
        return (int(found["first"]), int(found["last"])) if found else None


def parse_sections(text: str) -> Sections:
    """Split the text of a ``.dic`` into sections of key and value, in order.

    A section line begins with ``[`` and ends with ``]``; any other line with ``=`` is split at the first one.
    """
    sections: Sections = {}
    current: list[tuple[str, str]] = sections.setdefault("", [])
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            current = sections.setdefault(line.rstrip()[1:-1], [])
        elif "=" in line:
            key, value = line.split("=", 1)
            current.append((key, value))
    return sections


def find_dic(data: Path, companions: Sequence[Path] = ()) -> Path | None:
    """The ``.dic`` of a data file: beside it with its stem, or among the files that the caller named.

    Parameters
    ----------
    data : Path
    companions : sequence of Path
        A dictionary there belongs to the file if it has its stem or says that it was written with it.
    """
    folder = sorted(data.parent.iterdir())
    beside = [path for path in folder if path.suffix.lower() == ".dic" and path.is_file()]
    named = [path for path in companions if path.suffix.lower() == ".dic"]
    for same in (_same_stem, _same_stem_in_any_case):
        found = next((path for path in [*named, *beside] if same(path, data)), None)
        if found is not None:
            return found
    return next((path for path in named if read_dic(path).output_name.lower() == data.name.lower()), None)


def _same_stem(dic: Path, data: Path) -> bool:
    return dic.stem == data.stem


def _same_stem_in_any_case(dic: Path, data: Path) -> bool:
    return dic.stem.lower() == data.stem.lower()


def read_dic(path: Path) -> ExportDictionary:
    """Read an export dictionary.

    Raises
    ------
    InputError
        The file is no export dictionary.
    """
    sections = parse_sections(path.read_bytes().decode("latin-1"))
    system, options = dict(sections.get("System", [])), dict(sections.get("Export Options", []))
    session_type = dict(sections.get("Session Options", [])).get("Type", "").strip()
    if not session_type or not options:
        raise InputError(
            "This is not an export dictionary of SEER*Stat: it names no session type or no export options",
            where=path.name,
            remedy="Export again from SEER*Stat and keep the .dic that it writes beside the data file.",
        )
    delimiter = options.get("Field delimiter", "comma").strip().lower()
    if delimiter not in DELIMITERS:
        raise InputError(
            "The export dictionary names a field delimiter that is not known",
            where=f"{path.name}, Field delimiter",
            remedy=f"Export again with one of: {', '.join(sorted(DELIMITERS))}.",
        )
    return ExportDictionary(
        path=path,
        database=system.get("Database name", "").strip(),
        session_type=session_type,
        delimiter=DELIMITERS[delimiter],
        has_header=options.get("Variable names included", "true").strip().lower() != "false",
        variables=_variables(sections.get("Variables", [])),
        output_name=PureWindowsPath(system.get("Output filename", "")).name.strip(),
        quotes_delimiters=options.get("Fields with delimiter in quotes", "true").strip().lower() != "false",
        missing=options.get("Missing character", "space").strip(),
    )


def _variables(pairs: list[tuple[str, str]]) -> tuple[DicVariable, ...]:
    """Collect ``VarNName`` and ``VarNBase``, ordered by the number N (Var10 follows Var9)."""
    found: dict[int, dict[str, str]] = {}
    for key, value in pairs:
        match = VARIABLE_KEY.fullmatch(key.strip())
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = value
    return tuple(
        DicVariable(
            found[number]["Name"],
            found[number].get("Base"),
            found[number].get("DisplayType", "Formatted").strip().lower() != "unformatted",
        )
        for number in sorted(found)
        if "Name" in found[number]
    )
