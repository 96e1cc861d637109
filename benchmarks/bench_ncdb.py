"""Load a national NCDB file and make its registry: seconds, memory, growth, and three ratios in one run.

    python benchmarks/bench_ncdb.py [--rows 1000000] [--growth 4] [--runs 3] [--steps] [--peer-python PATH]

1. Release 2022 (1,080 bytes, all fields): a load beside the least that could be done, which is to read the bytes of
   the file and to write the same Parquet from memory. Target: within 4 times, peak under 2 GB.
2. Growth: the same load of ``--growth`` times as many records. Target: 4.4 times the seconds for 4 times the records.
3. ``ncdb-tools`` 0.4 on the same file of 1,032 bytes, the only length that it reads (release 2021, whose layout is
   inferred: the fields of 2022 up to that length). Name the Python of an environment that has it with
   ``--peer-python``. Target: 10 times its throughput.

The files are made here from the built-in layout of release 2022: fields a breast registry fills are filled, the many
others are blank. Loading is what ``cohorts load`` does: recognise, read, write Parquet, hash, manifest; with
``--steps``, ``build`` and ``validate`` follow on what was loaded. Each step runs in a process of its own, so that its
peak memory is its own, in turn with what it is compared with; ratios are the median of ``--runs``. Seconds and CPU
seconds are those of the step without the start of Python and its imports.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from memory import peak_mb

from pipelines.codebook.layouts import Field, Layout, builtin_layouts
from pipelines.formats import open_extract
from pipelines.quality import validate
from pipelines.registry import build
from pipelines.store import Home, load_extract
from pipelines.store.files import PARQUET_OPTIONS

TILE = 25_000
INFERRED_2021_LENGTH = 1032
READ_BYTES = 2**26
MOST_OF_LEAST, MOST_MB, MOST_GROWTH, LEAST_OF_PEER = 4.0, 2_000, 1.1, 10.0
"""Targets: times the least work, peak, seconds by record of the large file over the small one, times the peer."""
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
    python3 -m venv .venv-ncdb-tools && .venv-ncdb-tools/bin/pip install ncdb-tools==0.4.0
    python benchmarks/bench_ncdb.py --peer-python .venv-ncdb-tools/bin/python"""

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
    if step == "least":
        seconds, cpu = least_work(path, building.extract_files()[0])
    else:
        steps[step]()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "rows": building.manifest.kept, "peak_mb": peak_mb()}


def least_work(data: Path, extract: Path) -> tuple[float, float]:
    """Seconds and CPU seconds to read the bytes of a file, and to write the Parquet made of it from memory.

    The Parquet is brought into memory row group by row group, which is not counted.
    """
    start, cpu = time.perf_counter(), time.process_time()
    with data.open("rb") as stream:
        while stream.read(READ_BYTES):
            pass
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    source = pq.ParquetFile(extract)
    with pq.ParquetWriter(extract.with_suffix(".again"), source.schema_arrow, **PARQUET_OPTIONS) as writer:
        for group in range(source.num_row_groups):
            table = source.read_row_group(group)
            start, cpu = time.perf_counter(), time.process_time()
            writer.write_table(table)
            seconds, used = seconds + time.perf_counter() - start, used + time.process_time() - cpu
    return seconds, used


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


def compare_with_least(folder: Path, rows: int, runs: int) -> float:
    """Load a file of release 2022 and do the least that could be done, in turn; return the seconds of a load."""
    data = folder / "extract.dat"
    write_file(data, builtin_layouts()["2022"], rows)
    size, loads, least = data.stat().st_size, [], []
    for run in range(runs):
        home = folder / f"home{run}"
        loads.append(_ours("load", home, data))
        _report("load, release 2022 (1,080 bytes)", size, loads[-1])
        least.append(_ours("least", home, data))
        _report("read bytes, write the same Parquet", size, least[-1])
        shutil.rmtree(home)
    ratio, cpu_ratio = (
        median(a[key] / b[key] for a, b in zip(loads, least, strict=True)) for key in ("seconds", "cpu")
    )
    peak = max(each["peak_mb"] for each in loads)
    print(
        f"load: {ratio:.1f} times the least work by the clock (target within {MOST_OF_LEAST:.0f}), {cpu_ratio:.1f} "
        f"times by CPU seconds; peak {peak:,.0f} MB (target under {MOST_MB:,})"
    )
    return median(each["seconds"] for each in loads)


def measure_growth(folder: Path, rows: int, growth: int, seconds: float) -> None:
    """Load a file so many times as long."""
    data = folder / "long.dat"
    write_file(data, builtin_layouts()["2022"], rows * growth)
    found = _ours("load", folder / "home", data)
    _report("load, release 2022 (1,080 bytes)", data.stat().st_size, found)
    print(
        f"growth: {found['seconds'] / seconds:.1f} times the seconds for {growth} times the records (target "
        f"{MOST_GROWTH * growth:.1f}); peak {found['peak_mb']:,.0f} MB (target under {MOST_MB:,})"
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
        f"throughput: {median(seconds):.1f} times that of ncdb-tools by the clock (target {LEAST_OF_PEER:.0f}), "
        f"{median(cpu):.1f} times by CPU seconds; median of {runs}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--growth", type=int, default=4, help="length of the long file, in times of --rows; 0: none"
    )
    parser.add_argument("--runs", type=int, default=3, help="times that both sides of a ratio are run")
    parser.add_argument("--steps", action="store_true", help="build and validate too")
    parser.add_argument("--peer-python", help="a Python that has ncdb-tools 0.4")
    parser.add_argument(
        "--peer-rows", type=int, help="records of the file for ncdb-tools; --rows if not given"
    )
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        step, home, path, *layout = options.measure
        found = measure(step, Path(home), Path(path), Path(layout[0]) if layout else None)
        print(json.dumps(found))
        return
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory() as name:
        seconds = compare_with_least(Path(name), options.rows, options.runs)
    if options.growth:
        with tempfile.TemporaryDirectory() as name:
            measure_growth(Path(name), options.rows, options.growth, seconds)
    if options.steps:
        with tempfile.TemporaryDirectory() as name:
            measure_steps(Path(name), options.rows)
    if not options.peer_python:
        print(PEER_ABSENT)
        return
    with tempfile.TemporaryDirectory() as name:
        compare_with_peer(Path(name), options.peer_rows or options.rows, options.peer_python, options.runs)


if __name__ == "__main__":
    main()
