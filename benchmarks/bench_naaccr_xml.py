"""Load NAACCR XML, and only touch every item of the same file with a bare lxml ``iterparse``.

    python benchmarks/bench_naaccr_xml.py [--tumors 100000] [--runs 3]

The file is made here: version 23, record type I, 150 items a tumor (25 of its patient), digits drawn at random, one
patient in five with a second tumor. Loading is what ``cohorts load`` does: recognise, read as text in the 693 columns
of the record type, write Parquet, hash, manifest. Reading leaves the writing out. lxml looks at the text and the id of
every element and keeps nothing of them: it makes no table, checks no level and no name.

All run in turn, each as a process of its own, on a file of a tenth of the tumors and on the whole one. Seconds and CPU
seconds are those of the step without the start of Python and its imports; the peak is that of the process. The
medians of the ratios are printed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from memory import peak_mb

from pipelines.codebook.naaccr_items import PATIENT, TUMOR, Item, items
from pipelines.formats import open_extract
from pipelines.store import Home, load_extract

VERSION, RECORD_TYPE = "v23", "I"
PATIENT_ITEMS, TUMOR_ITEMS = 25, 125
VALUES = 1_000

LXML = """
import json, resource, sys, time
from lxml import etree
start, cpu = time.perf_counter(), time.process_time()
tumors = 0
for _, element in etree.iterparse(sys.argv[1], events=("end",)):
    element.text
    element.get("naaccrId")
    tumors += element.tag == "{http://naaccr.org/naaccrxml}Tumor"
    element.clear()
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "cpu": cpu, "tumors": tumors, "peak_mb": peak_mb}))
"""


def element_of(level: str, chosen: list[Item], rng: np.random.Generator) -> list[str]:
    """Some hundreds of elements' items as text, to be drawn from."""
    texts = []
    for _ in range(VALUES):
        values = rng.integers(0, 10, (len(chosen), 16))
        lines = (
            f'<Item naaccrId="{item.id}">{"".join(map(str, row[: item.length]))}</Item>\n'
            for item, row in zip(chosen, values, strict=True)
        )
        texts.append(("    " * (1 + (level == TUMOR))).join(["", *lines]))
    return texts


def write_file(path: Path, tumors: int, seed: int = 21) -> None:
    """Write a file of so many tumors."""
    rng = np.random.default_rng(seed)
    of_level = {
        level: [item for item in items(VERSION, RECORD_TYPE) if item.level == level]
        for level in (PATIENT, TUMOR)
    }
    patients = element_of(PATIENT, of_level[PATIENT][:PATIENT_ITEMS], rng)
    bodies = element_of(TUMOR, of_level[TUMOR][:TUMOR_ITEMS], rng)
    uri = f"http://naaccr.org/naaccrxml/naaccr-dictionary-{VERSION[1:]}0.xml"
    with path.open("w") as stream:
        stream.write(
            f'<?xml version="1.0"?>\n<NaaccrData baseDictionaryUri="{uri}" recordType="{RECORD_TYPE}" '
            'specificationVersion="1.7" xmlns="http://naaccr.org/naaccrxml">\n'
        )
        written = 0
        while written < tumors:
            of_patient = min(1 + (rng.random() < 0.2), tumors - written)
            stream.write(f"  <Patient>\n{patients[rng.integers(VALUES)]}")
            for _ in range(of_patient):
                stream.write(f"    <Tumor>\n{bodies[rng.integers(VALUES)]}    </Tumor>\n")
            stream.write("  </Patient>\n")
            written += of_patient
        stream.write("</NaaccrData>\n")


def measure(step: str, home: Path, path: Path) -> dict[str, float]:
    """Load or read the file and count seconds, CPU seconds, tumors and memory."""
    start, cpu = time.perf_counter(), time.process_time()
    extract = open_extract([path])
    if step == "load":
        tumors = load_extract(Home(home), "bench", extract).kept
    else:
        tumors = sum(batch.kept.num_rows for batch in extract.tables[0].batches())
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "tumors": tumors, "peak_mb": peak_mb()}


def _child(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _report(what: str, found: dict[str, float]) -> None:
    print(
        f"{what:<26}{found['tumors']:>9,.0f} tumors{found['seconds']:>8.2f} s{found['cpu']:>8.2f} s CPU"
        f"{found['tumors'] / found['seconds']:>9,.0f} tumors/s{found['peak_mb']:>7,.0f} MB peak",
        flush=True,
    )


def compare(folder: Path, tumors: int, runs: int) -> dict[str, float]:
    """Load, read and touch one file in turn; return the peaks in MB."""
    data = folder / f"cases_{tumors}.xml"
    write_file(data, tumors)
    print(f"{data.stat().st_size / 2**20:,.0f} MB, {PATIENT_ITEMS + TUMOR_ITEMS} items a tumor", flush=True)
    ratios: dict[str, list[float]] = {"load": [], "read": []}
    processor: dict[str, list[float]] = {"load": [], "read": []}
    peaks: dict[str, float] = {}
    for run in range(runs):
        bare = _child([sys.executable, "-c", LXML, str(data)])
        _report("lxml iterparse, touch", bare)
        for step in ratios:
            home = folder / f"home_{tumors}_{run}"
            ours = _child([sys.executable, __file__, "--measure", step, str(home), str(data)])
            _report(f"registry-cohorts, {step}", ours)
            ratios[step].append(ours["seconds"] / bare["seconds"])
            processor[step].append(ours["cpu"] / bare["cpu"])
            peaks[step] = max(peaks.get(step, 0.0), ours["peak_mb"])
    for step in ratios:
        print(
            f"{step} takes {median(ratios[step]):.2f} times as long as a bare lxml iterparse (target 2.5), "
            f"{median(processor[step]):.2f} times by CPU seconds; median of {runs}",
            flush=True,
        )
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tumors", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="times that each reads the same file")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        step, home, path = options.measure
        print(json.dumps(measure(step, Path(home), Path(path))))
        return
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory() as name:
        few = compare(Path(name), options.tumors // 10, options.runs)
        many = compare(Path(name), options.tumors, options.runs)
    for step, peak in many.items():
        print(f"{step}: peak {few[step]:,.0f} MB with a tenth of the tumors, {peak:,.0f} MB with all")


if __name__ == "__main__":
    main()
