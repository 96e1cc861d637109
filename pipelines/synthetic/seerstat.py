"""SEER*Stat case listing: comma-separated labels in quotes, CR LF, and the export dictionary (.dic)."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl

from .seerstat_columns import listing_columns
from .world import Release, World

COLUMNS_TABLE = Path(__file__).parent / "tables" / "seerstat_columns.csv"
DATABASES = {
    "nov2018": "Incidence - SEER 18 Regs Custom Data (with additional treatment fields), Nov 2018 Sub "
    "(1975-2016 varying) - Linked To County Attributes - Total U.S., 1969-2017 Counties",
    "nov2022": "Incidence - SEER Research Data, 17 Registries, Nov 2022 Sub (2000-2020) - Linked To County "
    "Attributes - Time Dependent (1990-2021) Income/Rurality, 1969-2021 Counties",
    "nov2024": "Incidence - SEER Research Data, 17 Registries, Nov 2024 Sub (2000-2022) - Linked To County "
    "Attributes - Time Dependent (1990-2023) Income/Rurality, 1969-2023 Counties",
}
RELEASES = {
    "nov2018": Release("seer", 1988, 2016, 2017.0),
    "nov2022": Release("seer", 2000, 2020, 2021.0),
    "nov2024": Release("seer", 2000, 2022, 2023.0),
}
EXPORT_OPTIONS = {
    "GZipped": "false",
    "Variable format": "quotedlabels",
    "File format": "DOS/Windows",
    "Field delimiter": "comma",
    "Missing character": "space",
    "Fields with delimiter in quotes": "true",
    "Remove thousands separators": "true",
    "Variable names included": "true",
    "Column Variables as Stats": "false",
}


def release(submission: str) -> Release:
    """The diagnosis years written for a submission; follow-up ends with its last year."""
    return RELEASES[submission]


@cache
def headers(submission: str) -> Mapping[str, str]:
    """Header text of every exported concept, in file order."""
    with COLUMNS_TABLE.open(encoding="utf-8", newline="") as stream:
        return {row["concept"]: row[submission] for row in csv.DictReader(stream) if row[submission]}


def header(submission: str) -> bytes:
    """The first line of the file."""
    return (",".join(f'"{text}"' for text in headers(submission).values()) + "\r\n").encode("ascii")


def lines(world: World, submission: str) -> bytes:
    """All records of a block, every field in quotes.

    Parameters
    ----------
    world : World
    submission : {"nov2018", "nov2022", "nov2024"}

    Returns
    -------
    bytes
    """
    columns = listing_columns(world, submission)
    frame = pl.DataFrame({concept: columns[concept] for concept in headers(submission)})
    text = frame.write_csv(include_header=False, quote_style="always", line_terminator="\r\n")
    return text.encode("ascii")


def dictionary(submission: str) -> bytes:
    """The export dictionary that SEER*Stat writes beside the listing."""
    sections: dict[str, dict[str, str]] = {
        "System": {
            "Output filename": f"C:\\Export\\seer_breast_{submission}.csv",
            "Matrix filename": "Synthetic Matrix-1",
            "Database name": DATABASES[submission],
            "Title1": "Synthetic records: no line describes a person",
            "Title2": "{Site and Morphology.Site recode ICD-O-3/WHO 2008} = 'Breast'",
        },
        "Session Options": {"Type": "Case Listing"},
        "Export Options": EXPORT_OPTIONS,
        "Variables": {},
    }
    for number, text in enumerate(headers(submission).values(), start=1):
        sections["Variables"][f"Var{number}Name"] = text
        sections["Variables"][f"Var{number}DisplayType"] = "Formatted"
    blocks = [
        "\r\n".join([f"[{name}]", *(f"{key}={value}" for key, value in entries.items()), ""])
        for name, entries in sections.items()
    ]
    return "\r\n".join([*blocks, ""]).encode("ascii")
