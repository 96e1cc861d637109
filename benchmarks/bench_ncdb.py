"""Load a national NCDB file: seconds, peak memory, and the throughput of ``ncdb-tools`` on the same file.

    python benchmarks/bench_ncdb.py [--rows 500000] [--peer-python PATH] [--peer-rows 100000]

The file is made here from the built-in layout of release 2022: fields a breast registry fills are filled, the many
others are blank. Loading is what ``cohorts load`` does: recognise, read, write Parquet, hash, manifest. Each
measurement runs in a process of its own, so that its peak memory is its own.

``ncdb-tools`` 0.4 reads records of 1,032 bytes only (release 2021, whose layout is inferred: the fields of 2022 up to
that length). Name the Python of an environment that has it with ``--peer-python``; both then load the same file.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.codebook.layouts import Field, Layout, builtin_layouts
from pipelines.formats import open_extract
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

PEER = """
import sys, time, resource, json
from ncdb_tools.dataset_builder import build_dataset
import polars as pl
data, sas, out, columns = sys.argv[1:]
start = time.perf_counter()
build_dataset(data, sas, out, columns)
seconds = time.perf_counter() - start
rows = pl.scan_parquet(out).select(pl.len()).collect().item()
used = resource.getrusage(resource.RUSAGE_SELF)
facts = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "rows": rows, "peak_mb": used.ru_maxrss / 1024}
print(json.dumps(facts))
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


def measure_load(path: Path, layout: Path | None) -> dict[str, float]:
    """Load a file into a store that is thrown away."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        start = time.perf_counter()
        manifest = load_extract(Home(Path(folder)), "bench", open_extract([path], layout=layout))
        seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu": cpu, "rows": manifest.kept, "peak_mb": used.ru_maxrss / 1024}


def _child(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _report(what: str, size: int, found: dict[str, float]) -> None:
    print(
        f"{what:<44}{found['rows']:>10,.0f} rows{found['seconds']:>7.1f} s{found['cpu']:>7.1f} s CPU"
        f"{size / 2**20 / found['seconds']:>6.0f} MB/s{found['peak_mb']:>8,.0f} MB peak"
    )


def _ours(path: Path, layout: Path | None = None) -> dict[str, float]:
    return _child([sys.executable, __file__, "--measure", str(path), *([str(layout)] if layout else [])])


def compare_with_peer(folder: Path, rows: int, peer_python: str) -> None:
    """Load one file of the inferred 2021 layout with both programs."""
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
    (folder / "labels.sas").write_text("/* no labels */\n")
    mine = _ours(data, ours)
    peer = _child(
        [
            peer_python,
            "-c",
            PEER,
            str(data),
            str(folder / "labels.sas"),
            str(folder / "peer.parquet"),
            str(theirs),
        ]
    )
    _report("registry-cohorts, inferred 2021 (1,032 bytes)", data.stat().st_size, mine)
    _report("ncdb-tools, the same file", data.stat().st_size, peer)
    print(f"throughput: {peer['seconds'] / mine['seconds']:.1f} times that of ncdb-tools (target 5)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--peer-python", help="a Python that has ncdb-tools 0.4")
    parser.add_argument("--peer-rows", type=int, default=100_000)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        path, *layout = map(Path, options.measure)
        print(json.dumps(measure_load(path, layout[0] if layout else None)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "extract.dat"
        write_file(data, builtin_layouts()["2022"], options.rows)
        _report("registry-cohorts, release 2022 (1,080 bytes)", data.stat().st_size, _ours(data))
        data.unlink()
        if options.peer_python:
            compare_with_peer(folder, options.peer_rows, options.peer_python)
        else:
            print("ncdb-tools was not measured: name the Python that has it with --peer-python")


if __name__ == "__main__":
    main()
