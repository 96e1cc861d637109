"""A PostgreSQL server of its own for the tests: in a temporary folder, on a socket there, gone afterwards."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.errors import InputError
from pipelines.formats.mapped.databases import ALONE, _extension

PASSWORD = "quiet-word-of-the-test"
USER = "analyst"


@dataclass(frozen=True)
class Server:
    """Where the server listens; the password is never part of an address."""

    folder: Path

    @property
    def address(self) -> str:
        return f"postgresql:///site?host={self.folder}&user={USER}"

    def run(self, *statements: str) -> None:
        """Run statements that may write."""
        with duckdb.connect(config=dict(ALONE)) as con:
            con.execute(f"load '{_extension()}'")
            con.execute(f"attach '{self.address}' as site (type postgres)")
            for statement in statements:
                con.execute(f"call postgres_execute('site', '{statement.replace(chr(39), chr(39) * 2)}')")


def why_not() -> str | None:
    """Why no server can be started here, or None."""
    if not all(_program(name).is_file() for name in ("initdb", "postgres")):
        return "there is no PostgreSQL server on this machine"
    if os.geteuid() == 0 and _other_user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres or nobody"
    try:
        _extension()
    except InputError as error:
        return str(error)
    return None


def _program(name: str) -> Path:
    found = shutil.which(name)
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return Path(found) if found else installed[-1] if installed else Path("no") / name


def _other_user() -> str | None:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


@contextmanager
def server() -> Iterator[Server]:
    """Start a server with one database, one user and one password, which is in PGPASSWORD meanwhile."""
    user = (_other_user() or "") if os.geteuid() == 0 else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    for path in (folder, folder / "password"):
        shutil.chown(path, user)
    with tempfile.TemporaryFile() as log:
        as_user = {"user": user, "extra_groups": []} if os.geteuid() == 0 else {}
        started = None
        before = os.environ.get("PGPASSWORD")
        os.environ["PGPASSWORD"] = PASSWORD
        try:
            subprocess.run(
                [_program("initdb"), "-D", folder / "data", "-A", "scram-sha-256", "-U", USER, "-E", "UTF8",
                 "--no-sync", f"--pwfile={folder / 'password'}"],
                check=True, stdout=log, stderr=log, cwd=folder, **as_user,
            )  # fmt: skip  # one option a line says no more
            started = subprocess.Popen(
                [_program("postgres"), "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-F"],
                stdout=log, stderr=log, cwd=folder, **as_user,
            )  # fmt: skip
            _wait(folder)
            yield Server(folder)
        finally:
            if started is not None:
                started.terminate()
                started.wait(timeout=30)
            os.environ.pop("PGPASSWORD")
            if before is not None:
                os.environ["PGPASSWORD"] = before
            shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path) -> None:
    """Wait for the first answer, and make the database."""
    with duckdb.connect(config=dict(ALONE)) as con:
        con.execute(f"load '{_extension()}'")
        for _ in range(100):
            try:
                con.execute(
                    f"attach 'postgresql:///postgres?host={folder}&user={USER}' as first (type postgres)"
                )
                break
            except duckdb.Error:
                time.sleep(0.1)
        con.execute("call postgres_execute('first', 'create database site', use_transaction = false)")
