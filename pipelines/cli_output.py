"""How the command answers: one JSON document for a machine, lines and tables for a person."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table


def say(payload: dict[str, Any], lines: list[str], as_json: bool) -> None:
    """Answer once: for a machine or for a person."""
    typer.echo(json.dumps(payload, indent=2, default=str) if as_json else "\n".join(lines))


def same_home(home: Path) -> str:
    """What a next command needs, to be copied as it stands."""
    given = "--home" in sys.argv or any(word.startswith("--home=") for word in sys.argv)
    return f" --home {home}" if given else ""


@contextlib.contextmanager
def busy(what: str, as_json: bool) -> Iterator[None]:
    """Show that long work is going on, where a terminal is attached."""
    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def print_table(columns: list[str], rows: list[list[str]], title: str | None = None) -> None:
    """Print cells that are already text, with small cells already hidden."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
