"""Load a national NCDB file and make its registry; the throughput of ``ncdb-tools`` on the same file.

    python benchmarks/bench_ncdb.py [--rows 500000] [--peer-python PATH] [--peer-rows 100000] [--runs 3]

The file is made here from the built-in layout of release 2022: fields a breast registry fills are filled, the many
others are blank. Loading is what ``cohorts load`` does: recognise, read, write Parquet, hash, manifest; ``build`` and
``validate`` follow on what was loaded. Each step runs in a process of its own, so that its peak memory is its own.
Seconds and CPU seconds are those of the step without the start of Python and its imports.

``ncdb-tools`` 0.4 reads records of 1,032 bytes only (release 2021, whose layout is inferred: the fields of 2022 up to
that length). Name the Python of an environment that has it with ``--peer-python``; both then load the same file in
turn, and the median of the ratios is printed.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

from pipelines.codebook.layouts import Field, Layout, builtin_layouts
from pipelines.formats import open_extract
from pipelines.quality import validate
from pipelines.registry import build
from pipelines.store import Home, load_extract

TILE = 25_000
INFERRED_2021_LENGTH = 1032
FILLED_FROM_2018 = (
    "ER_",
    "PR_",
    "HER2_",
    "KI67",
    "GRADE_",
    "ONCOTYPE_",
    "AJCC_",
    "LN_",
    "SLN_",
    "SCHEMA_",
    "MULTIGENE",
)
CORE_END = 466
Bytes = npt.NDArray[np.uint8]

PEER_ABSENT = """\
ncdb-tools was not measured. To measure it, make an environment for it and name its Python:
    python3 -m venv /tmp/ncdb-tools && /tmp/ncdb-tools/bin/pip install ncdb-tools==0.4.0
    python benchmarks/bench_ncdb.py --peer-python /tmp/ncdb-tools/bin/python"""

PEER = """
import sys, time, resource, json
from ncdb_tools.dataset_builder import build_dataset
import polars as pl
data, sas, out, columns = sys.argv[1:]
start, cpu = time.perf_counter(), time.process_time()
build_dataset(data, sas, out, columns)
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
rows = pl.scan_parquet(out).select(pl.len()).collect().item()
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "cpu": cpu, "rows": rows, "peak_mb": peak_mb}))
"""


def synthetic_tile(layout: Layout, rng: np.random.Generator) -> Bytes:
    """Make some invented records as a byte matrix with line ends."""
    records = np.full((TILE, layout.length + 1), ord(" "), np.uint8)
    records[:, -1] = ord("\n")
    years = rng.integers(2004, int(layout.release) + 1, TILE)
    for field in layout.fields:
        records[:, field.bytes] = _values(field, years, rng)
    newest = years == int(layout.release)
    for name in ("PUF_VITAL_STATUS", "DX_LASTCONTACT_DEATH_MONTHS"):
        records[newest, layout.by_name[name].bytes] = ord(" ")
    return records


def _values(field: Field, years: npt.NDArray[np.int64], rng: np.random.Generator) -> Bytes:
    """Invented values of one field, blank where a breast registry is blank."""
    fixed = {"YEAR_OF_DIAGNOSIS": years, "PRIMARY_SITE": rng.choice(["C501", "C504", "C508", "C509"], TILE)}
    if field.name in fixed:
        text = fixed[field.name].astype(f"S{field.width}")
    elif field.name == "PUF_VITAL_STATUS":
        text = rng.choice([b"0", b"1"], TILE)
    elif field.width == 8:
        numbers = rng.gamma(2.0, 40.0, TILE)
        text = np.char.mod("%8.2f" if "MONTHS" in field.name or field.name == "CROWFLY" else "%8d", numbers)
        text = np.where(rng.random(TILE) < 0.6, text.astype("S8"), b"")
    else:
        codes = rng.integers(0, 10 ** min(field.width, 2), 8)
        text = np.char.zfill(rng.choice(codes, TILE).astype("S"), min(field.width, 3)).astype(
            f"S{field.width}"
        )
        late = field.start > CORE_END
        filled = (
            (years >= 2018) & field.name.startswith(FILLED_FROM_2018) if late else rng.random(TILE) < 0.85
        )
        text = np.where(filled, text, b"")
    cells = text.astype(f"S{field.width}").view(np.uint8).reshape(TILE, field.width).copy()
    cells[cells == 0] = ord(" ")
    return cells


def write_file(path: Path, layout: Layout, rows: int, seed: int = 20) -> None:
    """Write records by repeating a tile under new case ids."""
    rng = np.random.default_rng(seed)
    tile = synthetic_tile(layout, rng)
    with path.open("wb") as stream:
        for start in range(0, rows, TILE):
            records = tile[: min(TILE, rows - start)].copy()
            ids = layout.by_name["PUF_CASE_ID"]
            records[:, ids.bytes] = rng.integers(48, 58, (len(records), ids.width), np.uint8)
            stream.write(records.tobytes())


def inferred_2021() -> Layout:
    """The inferred layout of release 2021; for this benchmark alone."""
    fields = builtin_layouts()["2022"].fields
    return Layout("2021", tuple(field for field in fields if field.end <= INFERRED_2021_LENGTH))


def measure(step: str, home: Path, path: Path, layout: Path | None) -> dict[str, float]:
    """Run one step of a submission and count its seconds, CPU seconds, records and memory."""
    building = Home(home).building("bench")
    steps: dict[str, Callable[[], object]] = {
        "load": lambda: load_extract(Home(home), "bench", open_extract([path], layout=layout)),
        "build": lambda: build(building),
        "validate": lambda: validate(building),
    }
    start, cpu = time.perf_counter(), time.process_time()
    steps[step]()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu": cpu, "rows": building.manifest.kept, "peak_mb": peak_mb}


def _child(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _ours(step: str, home: Path, path: Path, layout: Path | None = None) -> dict[str, float]:
    given = [str(each) for each in (home, path, layout) if each is not None]
    return _child([sys.executable, __file__, "--measure", step, *given])


def _report(what: str, size: int, found: dict[str, float]) -> None:
    print(
        f"{what:<36}{found['rows']:>9,.0f} rows{found['seconds']:>7.1f} s{found['cpu']:>7.1f} s CPU"
        f"{size / 2**20 / found['seconds']:>6.0f} MB/s{found['peak_mb']:>8,.0f} MB peak",
        flush=True,
    )


def measure_steps(folder: Path, rows: int) -> None:
    """Load, build and validate a file of release 2022."""
    data = folder / "extract.dat"
    write_file(data, builtin_layouts()["2022"], rows)
    for step in ("load", "build", "validate"):
        found = _ours(step, folder / "home", data)
        _report(f"{step}, release 2022 (1,080 bytes)", data.stat().st_size, found)


def compare_with_peer(folder: Path, rows: int, peer_python: str, runs: int) -> None:
    """Load one file of the inferred 2021 layout with both programs in turn."""
    layout = inferred_2021()
    data, ours, theirs = folder / "NCDBPUF_Breast.3.2021.0.dat", folder / "layout.csv", folder / "columns.csv"
    write_file(data, layout, rows)
    with ours.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["release", "variable", "start", "width"])
        writer.writerows(["2021", field.name, field.start, field.width] for field in layout.fields)
    with theirs.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "start", "end"])
        writer.writerows([field.name, field.start, field.end] for field in layout.fields)
    labels = folder / "labels.sas"
    labels.write_text("/* no labels */\n")
    peer = [peer_python, "-c", PEER, str(data), str(labels), str(folder / "peer.parquet"), str(theirs)]
    seconds, cpu = [], []
    for run in range(runs):
        a, b = _ours("load", folder / f"home{run}", data, ours), _child(peer)
        _report("load, inferred 2021 (1,032 bytes)", data.stat().st_size, a)
        _report("ncdb-tools, the same file", data.stat().st_size, b)
        seconds.append(b["seconds"] / a["seconds"])
        cpu.append(b["cpu"] / a["cpu"])
    print(
        f"throughput: {median(seconds):.1f} times that of ncdb-tools by the clock (target 5), "
        f"{median(cpu):.1f} times by CPU seconds; median of {runs}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--peer-python", help="a Python that has ncdb-tools 0.4")
    parser.add_argument("--peer-rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="times that both programs load the same file")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        step, home, path, *layout = options.measure
        found = measure(step, Path(home), Path(path), Path(layout[0]) if layout else None)
        print(json.dumps(found))
        return
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory() as name:
        measure_steps(Path(name), options.rows)
    if not options.peer_python:
        print(PEER_ABSENT)
        return
    with tempfile.TemporaryDirectory() as name:
        compare_with_peer(Path(name), options.peer_rows, options.peer_python, options.runs)


if __name__ == "__main__":
    main()
