"""A DuckDB that sees the tables it is given and nothing else of this machine."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb


@contextlib.contextmanager
def sealed_duckdb(tables: Mapping[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB with one view for each Parquet file.

    The SQL of a catalog is somebody's text: it may ask the tables what it likes, but it opens no other file, no
    network and no setting. One thread, so that the same rows come out in the same order.

    Parameters
    ----------
    tables : mapping of str to pathlib.Path
        View name to Parquet file.
    """
    with duckdb.connect(":memory:") as con:
        allowed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in tables.values())
        con.execute("set threads = 1")
        con.execute(f"set allowed_paths = [{allowed}]")
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        for name, path in tables.items():
            con.read_parquet(str(path)).create_view(name)
        yield con
