"""The export dictionary of a SEER*Stat survival session: columns of its pages, and labels of their codes."""

from pathlib import Path

from pipelines.codebook.survival_export import SurvivalExport, statistics
from pipelines.errors import InputError
from pipelines.formats.seer.dic import (
    VARIABLE_KEY,
    ExportDictionary,
    Sections,
    parse_sections,
    read_dic,
)
from pipelines.formats.text.delimited import column_names

SURVIVAL = "Survival"
EXPORT_AGAIN = (
    "Export the survival matrix again with Matrix > Export > Results as Text File and bring both files."
)


def is_survival_dic(dic: Path) -> bool:
    """Whether a ``.dic`` is of a survival session."""
    session = parse_sections(dic.read_bytes().decode("latin-1")).get("Session Options", [])
    return dict(session).get("Type", "").strip() == SURVIVAL


def read_survival_dic(path: Path) -> tuple[ExportDictionary, SurvivalExport]:
    """Read the dictionary of a survival session.

    Raises
    ------
    InputError
        It is of another session, or lists no interval or no statistic.
    """
    dictionary = read_dic(path)
    sections = parse_sections(path.read_bytes().decode("latin-1"))
    session, options = dict(sections["Session Options"]), dict(sections["Export Options"])
    if dictionary.session_type != SURVIVAL:
        raise InputError(
            f"This is the dictionary of a SEER*Stat {dictionary.session_type} session and of no survival session",
            where=path.name,
        )
    life, summary = (_names(sections.get(f"{page} Page Variables", [])) for page in ("Life", "Summary"))
    for names in filter(None, (life, summary)):
        column_names(names, path)
        kinds = {statistics()[name].kind for name in names if name in statistics()}
        if not kinds >= {"interval", "rate"}:
            raise InputError(
                "The export dictionary lists no interval or no survival that is known here",
                where=path.name,
                remedy=EXPORT_AGAIN,
            )
    if not life and not summary:
        raise InputError("The export dictionary lists no columns", where=path.name, remedy=EXPORT_AGAIN)
    months = session.get("MonthsPerInterval", "").strip()
    return dictionary, SurvivalExport(
        statistic=session.get("Statistic", "").strip(),
        method=session.get("SurvivalMethod", "").strip(),
        study_cutoff=session.get("StudyCutoffDate", "").strip(),
        months_per_interval=int(months) if months.isdecimal() else None,
        percents=session.get("RatesDisplayedAs", "").strip().lower().startswith("percent"),
        missing=_missing_text(options.get("Missing character", "")),
        life=life,
        summary=summary,
        labels=_labels(sections),
    )


def _names(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    """Names of variables by number; of two with one number, which happens, the first comes first."""
    found = [
        (int(match[1]), value.strip())
        for key, value in pairs
        if (match := VARIABLE_KEY.fullmatch(key.strip())) and match[2] == "Name"
    ]
    return tuple(name for _, name in sorted(found, key=lambda each: each[0]))


def _missing_text(word: str) -> str:
    return {"space": "", "period": "."}.get(word.strip().lower(), word.strip())


def _labels(sections: Sections) -> dict[str, dict[str, str]]:
    """Labels of every coded column; one with blanks around it is in double quotes and loses both."""
    return {
        name.removeprefix("Format=").strip(): {
            code.strip(): label[1:-1] if len(label) > 1 and label[0] == label[-1] == '"' else label
            for code, label in pairs
        }
        for name, pairs in sections.items()
        if name.startswith("Format=")
    }
