"""Options and arguments that commands share: an option of the callback would work only before the command."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import InputError

DEFAULT_HOME = Path("var")


def _check_home(home: Path) -> Path:
    """Take a folder, there or not yet; a file is no home."""
    if home.exists() and not home.is_dir():
        raise InputError("The home is a file", where=str(home), remedy="Name a folder with --home.")
    return home


HomeOption = Annotated[
    Path,
    typer.Option(
        "--home",
        envvar="COHORTS_HOME",
        help="The store's folder.",
        show_default="./var",
        callback=_check_home,
    ),
]
DemoHomeOption = Annotated[
    Path, typer.Option("--home", help="A folder of the demo's own, emptied first.", callback=_check_home)
]
"""Without the environment variable: that names the site's store, and the demo empties its own."""
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
SubmissionOption = Annotated[str, typer.Option("--submission", help="Submission id, such as ncdb-2022.")]
SubmissionArgument = Annotated[str, typer.Argument(help="Submission id, such as ncdb-2022.")]
PathsArgument = Annotated[
    list[Path], typer.Argument(help="Extract files, and what describes them (.dic, script).")
]
ExtractArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATHS...",
        help="Extract files, and what describes them; with a mapping also postgresql://user@host/database, or nothing "
        "where the mapping names the database.",
        show_default=False,
    ),
]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="ncdb, seer, naaccr or mapped, where it is not plain.")
]
LayoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layout",
        help="What came with the data: a label script, layout table or NAACCR dictionary; or a release.",
    ),
]
MappingOption = Annotated[Path | None, typer.Option("--mapping", help="YAML mapping of a mapped source.")]
ReplaceOption = Annotated[
    bool,
    typer.Option("--replace", help="Load over a published id; the old one stays until the new one passes."),
]
UnusedHome = Annotated[
    Path | None, typer.Option("--home", hidden=True, help="Taken everywhere; not needed here.")
]
NoGateOption = Annotated[
    bool,
    typer.Option(
        "--no-gate",
        help="Show estimates whatever the diagnostics of their design say; every page and line says that it is so.",
    ),
]
