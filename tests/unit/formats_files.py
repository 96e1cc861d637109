"""Small registry files for the tests of the readers, made from the layout tables; every value is invented."""

from pathlib import Path

from pipelines.codebook.layouts import builtin_layouts


def ncdb_line(release: str, number: int = 1, **fields: str) -> bytes:
    """One record of the full length: a person of 2004..release by number, the fields given on top."""
    layout = builtin_layouts()[release]
    year = 2004 + number % (int(release) - 2003)
    values = {
        "PUF_CASE_ID": f"CASE{number:033d}",
        "PUF_FACILITY_ID": f"{number % 7:010d}",
        "AGE": f"{40 + number % 40:03d}",
        "SEX": "2",
        "YEAR_OF_DIAGNOSIS": str(year),
        "PRIMARY_SITE": "C504",
        "TNM_CLIN_T": "c2".rjust(layout.by_name["TNM_CLIN_T"].width),
        "RX_SUMM_SURG_PRIM_SITE": "00",
        "DX_LASTCONTACT_DEATH_MONTHS": "   23.45" if year < int(release) else "",
        "PUF_VITAL_STATUS": str(number % 2) if year < int(release) else "",
    } | fields
    line = bytearray(b" " * layout.length)
    for name, value in values.items():
        field = layout.by_name[name]
        line[field.bytes] = value.encode("latin-1").ljust(field.width)
    assert len(line) == layout.length
    return bytes(line)


def ncdb_lines(release: str, n: int = 60) -> list[bytes]:
    return [ncdb_line(release, number) for number in range(1, n + 1)]


def write_lines(path: Path, lines: list[bytes], end: bytes = b"\n") -> Path:
    path.write_bytes(b"".join(line + end for line in lines))
    return path


NOV_2022 = (
    "Incidence - SEER Research Data, 17 Registries, Nov 2022 Sub (2000-2020) - Linked To County Attributes"
)
NOV_2018 = "Incidence - SEER 18 Regs Custom Data, Nov 2018 Sub (1975-2016 varying)"
SEER_COLUMNS = [
    "Patient ID",
    "Year of diagnosis",
    "Grade",
    "Derived AJCC M, 6th ed (2004-2015)",
    "Survival months",
]
SEER_ROWS = [
    ["00000012", "2010", "Poorly differentiated; Grade III", "NA", "0034"],
    ["00000013", "2011", "Unknown", "M1", "0000"],
    ["00000014", "2012", "Blank(s)", "N/A", "Unknown"],
]


def write_dic(
    path: Path,
    names: list[str],
    *,
    database: str = NOV_2022,
    session: str = "Case Listing",
    delimiter: str = "comma",
    header: bool = True,
) -> Path:
    variables = [f"Var{i}Name={name}\r\nVar{i}DisplayType=Formatted" for i, name in enumerate(names, 1)]
    path.write_text(
        "\r\n".join(
            [
                "[System]",
                r"Output filename=C:\made up\export.csv",
                f"Database name={database}",
                "Title1={Site and Morphology.Histologic Type ICD-O-3} = 8500",
                "",
                "[Session Options]",
                f"Type={session}",
                "",
                "[Export Options]",
                f"Field delimiter={delimiter}",
                f"Variable names included={str(header).lower()}",
                "",
                "[Variables]",
                *variables,
                "",
            ]
        ),
        newline="",
    )
    return path


def quoted(fields: list[str], delimiter: str = ",") -> bytes:
    return delimiter.join(f'"{field}"' for field in fields).encode()


def write_case_listing(
    folder: Path, rows: list[bytes] | None = None, *, end: bytes = b"\r\n", **dic: object
) -> Path:
    """``export.csv`` with ``export.dic`` beside it."""
    # The caller names the keys it wants wrong: their types are checked by the test that fails without them.
    write_dic(folder / "export.dic", SEER_COLUMNS, **dic)  # type: ignore[arg-type]
    lines = [quoted(SEER_COLUMNS), *(rows if rows is not None else [quoted(row) for row in SEER_ROWS])]
    return write_lines(folder / "export.csv", lines, end)
