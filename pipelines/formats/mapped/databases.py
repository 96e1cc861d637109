"""Tables of a DuckDB file or of PostgreSQL as Arrow text columns: read only, in an order that never changes.

A database has no order of rows and no bytes of its own, so both are made here: rows come ordered by the key and then
by every column, as text, byte by byte; the hash is that of the rows written as CSV (`RowDigest`). Same rows, same
extract, whatever the server did meanwhile. DuckDB is the only client; it is kept from the network and, for a DuckDB
file, from every other file: a view in the file could name one.
"""

import contextlib
import importlib.util
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.errors import InputError
from pipelines.formats.types import Batch, RowDigest, quarantine_table, with_provenance

BATCH_ROWS = 65_536
ADDRESS = re.compile(r"postgres(ql)?://")
ALONE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
SESSION = {
    "datestyle": "ISO,YMD",
    "timezone": "UTC",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "default_transaction_read_only": "on",
}
"""What PostgreSQL is told, so that text is the same whatever the server's own settings are."""

NESTED = re.compile(r"STRUCT|MAP|UNION|VARIANT|\[\d*\]$")
"""DuckDB types that only JSON can write without loss."""

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class DatabaseTable:
    """A table or view of a database.

    Parameters
    ----------
    database, schema, name : str
    columns : tuple of str
        As the database names them.
    text : tuple of str
        SQL that gives each column as text.
    session : callable
        Opens the database, read only.
    wrap : callable
        SQL for DuckDB from a select in the words of the database.
    """

    database: str
    schema: str
    name: str
    columns: tuple[str, ...]
    text: tuple[str, ...] = field(repr=False)
    session: "Callable[[], contextlib.AbstractContextManager[Connection]]" = field(repr=False)
    collation: str = ""
    wrap: Callable[[str], str] = field(default=str, repr=False)

    @property
    def relation(self) -> str:
        """Name with schema."""
        return f"{self.schema}.{self.name}"

    @property
    def label(self) -> str:
        """What its records say as ``source_file``."""
        return f"{self.database}:{self.relation}"

    def query(self, key: str) -> str:
        """Every column as text, ordered by ``key`` and then by all columns."""
        by_key = [
            text for name, text in zip(self.columns, self.text, strict=True) if name.lower() == key.lower()
        ]
        order = ", ".join(f"{text}{self.collation} nulls last" for text in (*by_key, *self.text))
        selected = ", ".join(
            f"{text} as {_identifier(name)}" for name, text in zip(self.columns, self.text, strict=True)
        )
        source = f"{_identifier(self.schema)}.{_identifier(self.name)}"
        return self.wrap(f"select {selected} from {source} order by {order}")

    def read(self, key: str, digest: RowDigest) -> Iterator[Batch]:
        """Read all rows as text; null stays null.

        Raises
        ------
        InputError
            The table cannot be read.
        """
        first = 1
        digest.start(self.columns)
        with self.session() as con, _told(self.label, "could not be read to its end"):
            for rows in con.execute(self.query(key)).to_arrow_reader(BATCH_ROWS):
                table = pa.Table.from_batches([rows]).cast(
                    pa.schema([(name, pa.string()) for name in self.columns])
                )
                digest.add(table)
                yield self._batch(table, first)
                first += table.num_rows
        if first == 1:  # a table without rows is a table all the same
            yield self._batch(pa.table({name: pa.array([], pa.string()) for name in self.columns}), first)

    def _batch(self, rows: pa.Table, first: int) -> Batch:
        numbers = pa.array(np.arange(first, first + rows.num_rows))
        return Batch(with_provenance(rows, self.label, numbers), quarantine_table(self.label, []))


def is_duckdb(head: bytes) -> bool:
    """Whether a file begins as DuckDB files do."""
    return head[8:12] == b"DUCK"


def duckdb_tables(path: Path) -> list[DatabaseTable]:
    """List the tables and views of a DuckDB file.

    Raises
    ------
    InputError
        The file is damaged, of a newer DuckDB, or open for writing elsewhere.
    """
    session = partial(_duckdb_session, path)
    with session() as con:
        rows = con.execute(
            """
            select table_schema, table_name, column_name, data_type
            from information_schema.columns
            where table_catalog = current_database()
            order by table_schema, table_name, ordinal_position
            """
        ).fetchall()
    return [
        DatabaseTable(
            path.name,
            schema,
            table,
            tuple(name for name, _ in columns),
            tuple(
                f"{'to_json' if NESTED.search(kind) else ''}({_identifier(name)})::varchar"
                for name, kind in columns
            ),
            session,
        )
        for (schema, table), columns in _by_table(rows)
    ]


@contextlib.contextmanager
def _duckdb_session(path: Path) -> Iterator[Connection]:
    with tempfile.TemporaryDirectory() as spill:
        settings = {**ALONE, "enable_external_access": "false", "temp_directory": spill}
        with _told(
            path.name, "cannot be opened: it is damaged, of a newer DuckDB, or open for writing elsewhere"
        ):
            con = duckdb.connect(path, read_only=True, config=settings)
        with con:
            con.execute("set TimeZone = 'UTC'")
            con.execute("set lock_configuration = true")
            yield con


def is_address(text: object) -> bool:
    """Whether a text is the address of a PostgreSQL database."""
    return ADDRESS.match(str(text)) is not None


def check_address(address: str) -> str:
    """Return an address without a password in it.

    Raises
    ------
    InputError
        It holds one, or it is none; the message does not repeat it.
    """
    try:
        parts = urlsplit(address)
        secret = parts.password is not None or any("password" in key.lower() for key in parse_qs(parts.query))
        _ = parts.port
    except ValueError:
        raise InputError(
            "This is no address of a PostgreSQL database",
            remedy="Write it as postgresql://user@host/database.",
        ) from None
    if secret:
        raise InputError(
            "The address of the database holds a password",
            remedy="Leave it out: it would stay in the shell's history and in the manifest. Put it into PGPASSWORD, "
            "a password file (PGPASSFILE) or a service file (postgresql:///?service=NAME).",
        )
    return address


def postgres_tables(address: str) -> list[DatabaseTable]:
    """List the tables and views of a PostgreSQL database.

    Parameters
    ----------
    address : str
        ``postgresql://user@host/database``; user, password and all else also come from libpq's environment.

    Raises
    ------
    InputError
        The extension is not installed, the address holds a password, or the server does not answer.
    """
    session = partial(_postgres_session, check_address(address))
    name = unquote(urlsplit(address).path.strip("/")) or os.environ.get("PGDATABASE", "postgresql")
    with session() as con, _told(name, "does not say which tables it has"):
        rows = con.execute(
            _through_postgres(
                """
                select table_schema::text, table_name::text, column_name::text, data_type::text
                from information_schema.columns
                where table_schema not in ('pg_catalog', 'information_schema')
                order by table_schema, table_name, ordinal_position
                """
            )
        ).fetchall()
    return [
        DatabaseTable(
            name,
            schema,
            table,
            tuple(column for column, _ in columns),
            tuple(f"{_identifier(column)}::text" for column, _ in columns),
            session,
            ' collate "C"',
            _through_postgres,
        )
        for (schema, table), columns in _by_table(rows)
    ]


def _through_postgres(query: str) -> str:
    return f"select * from postgres_query('site', {_literal(query)})"


@contextlib.contextmanager
def _postgres_session(address: str) -> Iterator[Connection]:
    settings = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    separator = "&" if "?" in address else "?"
    complete = f"{address}{separator}options={quote(settings)}"
    with duckdb.connect(config={**ALONE, "threads": "1"}) as con:  # one thread keeps the order of the server
        con.execute(f"load {_literal(str(_extension()))}")
        try:
            con.execute(f"attach {_literal(complete)} as site (type postgres, read_only)")
        except duckdb.Error as error:
            reason = " ".join(str(error).partition(complete)[2].strip('": ').split())
            raise InputError(
                f"The database does not answer ({reason or type(error).__name__})",
                where=address,
                remedy="Check host, database and user. The password comes from PGPASSWORD, PGPASSFILE or a service "
                "file, never from the address.",
            ) from None
        con.execute("set enable_external_access = false")
        yield con


def _extension() -> Path:
    """DuckDB's PostgreSQL reader from its wheel: nothing is downloaded, nothing is installed."""
    found = importlib.util.find_spec("duckdb_extension_postgres_scanner")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "extensions" / f"v{duckdb.__version__}" / "postgres_scanner.duckdb_extension"
        if path.is_file():
            return path
    raise InputError(
        f"Reading PostgreSQL needs DuckDB's extension for it (version {duckdb.__version__}), which is not installed",
        remedy="Run `pip install registry-cohorts[postgres]`, or export the table to Parquet.",
    )


def _by_table(rows: list[Any]) -> list[tuple[tuple[str, str], list[tuple[str, str]]]]:
    tables: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema, table, column, kind in rows:
        tables.setdefault((schema, table), []).append((column, kind))
    return list(tables.items())


@contextlib.contextmanager
def _told(where: str, what: str) -> Iterator[None]:
    """An error of the engine as ours; its own words may hold a value."""
    try:
        yield
    except duckdb.Error as error:
        raise InputError(
            f"The database {what} ({type(error).__name__})",
            where=where,
            remedy="Close what else uses it and load again, or export the table to Parquet.",
        ) from None


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
