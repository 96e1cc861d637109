"""A small made-up SEER*Stat survival export and its dictionary."""

from pathlib import Path

DATABASE = (
    "Incidence - SEER Research Data, 9 Registries, Nov 2020 Sub (1975-2018) - Linked To County Attributes"
)
LIFE = (
    "Page type",
    "Sex of all",
    "Breast stage [old]",
    "Interval",
    "Alive at Start",
    "Died",
    "Lost to Followup",
    "Observed Survival (Interval)",
    "Observed Survival (Cum)",
    "Relative Survival (Interval)",
    "Relative Survival (Cum)",
    "Observed SE (Cum)",
)
SUMMARY = (
    "Page type",
    "Sex of all",
    "Breast stage [old]",
    "Summary Interval",
    "N",
    "Observed",
    "Relative",
    "SE Obs",
)
LABELS = {
    "Page type": {"0": "Life Page", "1": "Summary Page", "2": "Z-Statistics Page"},
    "Sex of all": {"0": "Male and female", "1": '"  Male"', "2": '"  Female"'},
    "Breast stage [old]": {"0": "Localized", "1": "Distant = IV"},
    "Interval": {"1": "<1 yr", "2": "1-<2 yr", "3": "2-<3 yr"},
    "Summary Interval": {"0": "1 yr", "1": "3 yr"},
}
ROWS = (
    "0\t2\t1\t1\t100\t20\t10\t0.7895\t0.7895\t0.8000\t0.8000\t0.0418",
    "0\t2\t1\t2\t70\t10\t0\t0.8571\t0.6767\t0.8700\t0.6960#\t0.0490",
    "0\t2\t1\t3\t60\t0\t60\t.\t.\t.\t.\t.",
    "1\t2\t1\t1\t100\t0.6767\t0.6960\t0.0490",
)
"""Twenty of a hundred women die in the first year and ten are lost: 1 - 20 / 95 = 0.7895."""


def dic(
    *,
    life: tuple[str, ...] = LIFE,
    summary: tuple[str, ...] = SUMMARY,
    displayed: str = "Proportions",
    missing: str = "period",
    statistic: str = "Relative Survival",
    database: str = DATABASE,
    session: str = "Survival",
    delimiter: str = "tab",
) -> str:
    """The text of a dictionary."""
    sections = [
        f"[System]\nOutput filename=C:\\made up\\export.txt\nDatabase name={database}\nTitle1=Toy",
        f"[Session Options]\nType={session}\nStatistic={statistic}\nSurvivalMethod=Actuarial\n"
        f"StudyCutoffDate=12/2018\nNumberOfIntervals=3\nMonthsPerInterval=12\nRatesDisplayedAs={displayed}",
        f"[Export Options]\nGZipped=false\nVariable format=numeric\nField delimiter={delimiter}\n"
        f"Missing character={missing}\nFlags included=true\nVariable names included=false",
    ]
    for page, names in (("Summary", summary), ("Life", life)):
        if names:
            variables = "\n".join(f"Var{n}Name={name}" for n, name in enumerate(names, 1))
            sections.append(f"[{page} Page Variables]\n{variables}")
    for name, labels in LABELS.items():
        sections.append(f"[Format={name}]\n" + "\n".join(f"{code}={label}" for code, label in labels.items()))
    return "\n\n".join(sections) + "\n"


def write_export(folder: Path, rows: tuple[str, ...] = ROWS, text: str | None = None) -> Path:
    """Write data and dictionary; return the data file."""
    data = folder / "export.txt"
    data.write_bytes("".join(f"{row}\r\n" for row in rows).encode("latin-1"))
    (folder / "export.dic").write_bytes((text or dic()).replace("\n", "\r\n").encode("latin-1"))
    return data
