"""``cohorts map``: begin a mapping from what a table holds, and look at what a mapping makes of it."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli_options import JsonOption, UnusedHome
from pipelines.cli_output import busy, print_table, say

COLUMNS_ABREAST = 6

map_app = typer.Typer(
    help="Mappings: any table to the registry model. Begin one, look at what it does.", no_args_is_help=True
)
TablesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATHS...",
        help="Delimited text, Parquet or DuckDB files, or a database: postgresql://user@host/name.",
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Where to write it; the name of the first table, if not given.")
]
KeyOption = Annotated[str | None, typer.Option("--key", help="Column that tells people apart.")]
TablesOption = Annotated[
    list[str] | None,
    typer.Option("--table", help="Table of a database to draft for; may be given again."),
]
MappingNeeded = Annotated[Path, typer.Option("--mapping", help="YAML mapping to look at.")]
RowsOption = Annotated[int, typer.Option("--rows", min=1, max=1000, help="How many rows to show.")]


@map_app.command("init")
def map_init(
    paths: TablesArgument,
    out: OutOption = None,
    key: KeyOption = None,
    table: TablesOption = None,
    home: UnusedHome = None,
    as_json: JsonOption = False,
) -> None:
    """Write a first mapping: every column, its codes, and the staged columns it may be for."""
    from pipelines.registry.mapping_draft import write_draft
    from pipelines.settings import Settings

    with busy("reading the tables", as_json), _plain(paths) as plain:
        written = write_draft(plain, out, min_cell=Settings().min_cell, key=key, tables=table or ())
    shown = " ".join(paths)
    lines = [
        f"wrote {written}",
        "It lists codes without counts and leaves rare values out; read it before it leaves the site.",
        f"Next: fill it in, then cohorts map show {shown} --mapping {written}",
    ]
    say({"mapping": str(written)}, lines, as_json)


@map_app.command("show")
def map_show(
    paths: TablesArgument,
    mapping: MappingNeeded,
    rows: RowsOption = 20,
    home: UnusedHome = None,
    as_json: JsonOption = False,
) -> None:
    """Show rows as they would arrive in staging, on this terminal alone, and what became of every column."""
    from pipelines.registry.mapping_preview import preview_mapping

    with busy("staging in memory", as_json), _plain(paths) as plain:
        preview = preview_mapping(plain, mapping, rows=rows)
    if as_json:
        say(
            {
                "rows": preview.rows,
                "set_aside": preview.set_aside,
                "columns": [asdict(each) for each in preview.summary],
            },
            [],
            True,
        )
        return
    if sys.stdout.isatty():
        for start in range(2, len(preview.columns), COLUMNS_ABREAST):
            chosen = [1, *range(start, min(start + COLUMNS_ABREAST, len(preview.columns)))]
            print_table(
                [preview.columns[at] for at in chosen],
                [["" if row[at] is None else str(row[at]) for at in chosen] for row in preview.first],
            )
    else:
        typer.echo("Rows of people are shown on a terminal only, never in a file or a log.")
    print_table(
        ["staged column", "rows with a value", "blank", "unmapped", "different unmapped texts"],
        [
            [
                each.column,
                f"{each.filled:,}",
                f"{each.blank:,}",
                f"{each.unmapped:,}",
                f"{each.unmapped_texts:,}",
            ]
            for each in preview.summary
        ],
        title=f"{preview.rows:,} rows would be staged, {preview.set_aside:,} records set aside",
    )


@contextlib.contextmanager
def _plain(paths: list[str]) -> Iterator[list[str | Path]]:
    """Give plain files and addresses; what arrived packed is unpacked for the time being, as in ``cohorts load``."""
    from pipelines.formats import Limits, is_address, unpacked
    from pipelines.settings import Settings

    files = [Path(path) for path in paths if not is_address(path)]
    with unpacked(files, Path(tempfile.gettempdir()), Limits(size=Settings().unpack_bytes)) as arrived:
        yield [*arrived.paths, *(path for path in paths if is_address(path))]
