"""Load a SEER*Stat case listing, and write the same file as Parquet with a bare Polars ``scan_csv``.

    python benchmarks/bench_seerstat.py [--rows 1000000] [--runs 3] [--quoting needed|all]

The listing is made here: 40 columns of the November 2022 submission, labels of the code tables in invented
proportions, patient ids and counts drawn at random, its ``.dic`` beside it. Loading is what ``cohorts load`` does:
recognise, read as text, write Parquet, hash, manifest. Polars only reads every column as text and writes Parquet with
the same compression and no statistics: it checks nothing, hashes nothing and takes a short row for a full one.

Both run in turn, each as a process of its own. Seconds and CPU seconds are those of the step without the start of
Python and its imports; the peak is that of the process. The median of the ratios is printed.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from memory import peak_mb

from pipelines import codebook
from pipelines.codebook.schemes import TABLES
from pipelines.formats import open_extract
from pipelines.store import Home, load_extract

ROWS_AT_ONCE = 50_000
RELEASE = 2022
DATABASE = "Incidence - SEER Research Data, 17 Registries, Nov 2022 Sub (2000-2020) - invented"
NUMBERS = {
    "patient_id": (0, 99_999_999, 8),
    "record_number": (1, 4, 1),
    "year_of_diagnosis": (2000, 2021, 4),
    "primary_site": (500, 510, 3),
    "survival_months": (0, 252, 4),
    "cs_tumor_size": (0, 200, 3),
    "tumor_size_summary": (0, 200, 3),
    "nodes_examined": (0, 40, 2),
    "nodes_positive": (0, 20, 2),
    "surgery_code": (0, 60, 2),
}
"""Concepts that are numbers: lowest, below, width."""
WORDS: dict[str, list[str]] = {
    "age_recode": [f"{low:02}-{low + 4:02} years" for low in range(20, 85, 5)] + ["85+ years"],
    "registry": [
        "California",
        "Connecticut",
        "Georgia",
        "Hawaii",
        "Iowa",
        "New Jersey",
        "Seattle (Puget Sound)",
    ],
    "site_recode": ["Breast"],
    "histology_behavior": ["8500/3: Infiltrating duct carcinoma, NOS", "8520/3: Lobular carcinoma, NOS"],
    "median_household_income": ["< $35,000", "$50,000 - $54,999", "$60,000 - $64,999", "$75,000+"],
    "cause_of_death": ["Alive", "Breast", "Diseases of Heart", "Lung and Bronchus", "Other Cause of Death"],
    "primary_site_labeled": ["C50.2-Upper-inner quadrant of breast", "C50.4-Upper-outer quadrant of breast"],
}
"""Concepts of label text without a code table."""
COLUMNS = 40

POLARS = """
import json, resource, sys, time
import polars as pl
start, cpu = time.perf_counter(), time.process_time()
pl.scan_csv(sys.argv[1], infer_schema=False).sink_parquet(
    sys.argv[2], compression="zstd", compression_level=1, statistics=False
)
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
rows = pl.scan_parquet(sys.argv[2]).select(pl.len()).collect().item()
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "cpu": cpu, "rows": rows, "peak_mb": peak_mb}))
"""
"""Level 1 of zstd is what pyarrow writes, which does not say so."""


def listing_headers() -> dict[str, str]:
    """Concepts and header texts of 40 columns of the submission."""
    chosen: dict[str, str] = {}
    with (TABLES / "seerstat_headers.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            first, last = row["first_sub"][3:] or "0", row["last_sub"][3:] or "9999"
            if int(first) <= RELEASE <= int(last):
                chosen.setdefault(row["concept"], row["header"])
    schemes = {row[1]: row[2] for row in codebook.field_schemes().rows() if row[0] == "seer" and row[2]}
    known = [name for name in chosen if name in NUMBERS or name in WORDS or name in schemes]
    return {name: chosen[name] for name in known[:COLUMNS]}


def labels_of(concept: str) -> list[str]:
    """Label texts of a concept, from its code table."""
    if concept in WORDS:
        return WORDS[concept]
    fields = codebook.field_schemes().rows()
    scheme = next(row[2] for row in fields if row[:2] == ("seer", concept))
    codes: list[str] = codebook.schemes()[scheme]["code"].to_list()
    return [code for code in codes if len(code) > 1][:12] or codes


def quoted(texts: list[str], quoting: str) -> list[str]:
    """Texts as a case listing has them."""
    return [f'"{text}"' if quoting == "all" or "," in text else text for text in texts]


def column(concept: str, quoting: str, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """Some rows of one column, in few frequent words and many rare ones."""
    if concept in NUMBERS:
        low, below, width = NUMBERS[concept]
        texts = [str(number).zfill(width) for number in rng.integers(low, below, ROWS_AT_ONCE)]
        return np.array(quoted(texts, quoting), object)
    words = quoted(labels_of(concept), quoting)
    weights = 1.0 / np.arange(1, len(words) + 1)
    return np.array(words, object)[rng.choice(len(words), ROWS_AT_ONCE, p=weights / weights.sum())]


def write_listing(path: Path, rows: int, quoting: str, seed: int = 21) -> None:
    """Write a case listing and its export dictionary."""
    rng = np.random.default_rng(seed)
    headers = listing_headers()
    with path.open("w", newline="") as stream:
        stream.write(",".join(f'"{header}"' for header in headers.values()) + "\n")
        for start in range(0, rows, ROWS_AT_ONCE):
            values = [column(concept, quoting, rng)[: rows - start] for concept in headers]
            lines = zip(*values, strict=True)
            stream.writelines(",".join(line) + "\n" for line in lines)
    variables = [f"Var{number}Name={header}" for number, header in enumerate(headers.values(), 1)]
    dictionary = f"""\
[System]
Database name={DATABASE}

[Session Options]
Type=Case Listing

[Export Options]
Field delimiter=comma
Variable names included=true

[Variables]
"""
    path.with_suffix(".dic").write_text("\n".join([dictionary.rstrip(), *variables, ""]))


def measure(home: Path, path: Path) -> dict[str, float]:
    """Load the listing and count seconds, CPU seconds, records and memory."""
    start, cpu = time.perf_counter(), time.process_time()
    manifest = load_extract(Home(home), "bench", open_extract([path]))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "rows": manifest.kept, "peak_mb": peak_mb()}


def _child(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _report(what: str, found: dict[str, float]) -> None:
    print(
        f"{what:<28}{found['rows']:>11,.0f} rows{found['seconds']:>7.2f} s{found['cpu']:>7.2f} s CPU"
        f"{found['rows'] / found['seconds']:>11,.0f} rows/s{found['peak_mb']:>8,.0f} MB peak",
        flush=True,
    )


def compare(folder: Path, rows: int, runs: int, quoting: str) -> None:
    """Load one listing with both programs in turn."""
    data = folder / "export.csv"
    write_listing(data, rows, quoting)
    print(f"{data.stat().st_size / 2**20:,.0f} MB, {COLUMNS} columns, quotes: {quoting}", flush=True)
    seconds, cpu = [], []
    for run in range(runs):
        ours = _child([sys.executable, __file__, "--measure", str(folder / f"home{run}"), str(data)])
        bare = _child([sys.executable, "-c", POLARS, str(data), str(folder / "bare.parquet")])
        _report("registry-cohorts, load", ours)
        _report("Polars scan_csv, sink", bare)
        seconds.append(ours["seconds"] / bare["seconds"])
        cpu.append(ours["cpu"] / bare["cpu"])
    print(
        f"load takes {median(seconds):.2f} times as long as a bare Polars scan_csv to Parquet (target 1.5), "
        f"{median(cpu):.2f} times by CPU seconds; median of {runs}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="times that both programs load the same file")
    parser.add_argument("--quoting", choices=("needed", "all"), default="needed")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*map(Path, options.measure))))
        return
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name), options.rows, options.runs, options.quoting)


if __name__ == "__main__":
    main()
