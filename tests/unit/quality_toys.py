"""A submission of a few patients, and checks written as rows, for the tests of the quality gate."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.store import FileFacts, Home, Manifest, Submission

CHECK = {
    "check_id": "toy",
    "table": "tumor",
    "column": "",
    "rule": "row_condition",
    "argument": "",
    "scope": "",
    "severity": "blocking",
    "threshold": "0",
    "source": "a toy",
    "owner": "nobody",
    "note": "What must hold",
}

DICTIONARY = [
    ("tumor", "sex", "varchar", "female|male|unknown"),
    ("tumor", "age", "integer", ""),
    ("tumor", "sequence_number", "varchar", "00..99"),
    ("tumor", "stage_iv", "boolean", "true|false|null"),
]


def write_checks(folder: Path, rows: Sequence[dict[str, str]], *, name: str = "registry_all") -> Path:
    """Write checks as a CSV of expectations; what a row leaves out is the toy's."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(CHECK))
        writer.writeheader()
        writer.writerows({**CHECK, **row} for row in rows)
    return folder


def write_dictionary(path: Path) -> Path:
    """Write the data dictionary of the toy's tumor table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["table", "column", "type", "vocabulary", "unit", "meaning"])
        writer.writerows([*row, "", ""] for row in DICTIONARY)
    return path


def tumors(n: int = 20) -> pl.DataFrame:
    """Return n women, aged 40 and up by one year each."""
    return pl.DataFrame(
        {
            "source_file": ["toy.dat"] * n,
            "source_record": list(range(1, n + 1)),
            "tumor_id": [f"T{i}" for i in range(1, n + 1)],
            "sex": ["female"] * n,
            "age": list(range(40, 40 + n)),
            "sequence_number": ["00"] * n,
            "stage_iv": [True] * n,
        },
        schema_overrides={"age": pl.Int32, "source_record": pl.Int64},
    )


def submission(
    root: Path,
    tumor: pl.DataFrame,
    *,
    source: str = "ncdb",
    unmapped: dict[str, list[Any]] | None = None,
    **tables: pl.DataFrame,
) -> Submission:
    """Write a submission in building whose registry has this tumor table."""
    sub = Home(root).building("toy-2022")
    key = tumor.select("source_file", "source_record")
    codes = pl.DataFrame(
        unmapped or {}, schema={"field": pl.String, "scheme": pl.String, "code": pl.String, "n": pl.Int64}
    )
    written = {
        "registry/tumor": tumor,
        "registry/treatment": key,
        "registry/follow_up": key,
        "registry/ascertainment": pl.DataFrame({"variable": ["sex"]}),
        "registry/unmapped_codes": codes,
        "extract/toy": key,
        "quarantine": pl.DataFrame(
            schema={
                "source_file": pl.String,
                "source_record": pl.Int64,
                "byte_start": pl.Int64,
                "byte_end": pl.Int64,
                "reason": pl.String,
            }
        ),
        **tables,
    }
    for name, frame in written.items():
        path = sub.root / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
    n = tumor.height
    file = FileFacts(
        name="toy.dat", table="toy", bytes=1, sha256="0" * 64, records_read=n, kept=n, quarantined=0
    )
    sub.save_manifest(
        Manifest(
            submission=sub.id,
            source=source,
            format="toy",
            release="2022",
            covered_years=(2004, 2022),
            files=(file,),
        )
    )
    return sub
