"""``cohorts study``: protocols, runs, estimates beside the published numbers."""

from pathlib import Path

import typer

from pipelines.cli_options import DEFAULT_HOME, HomeOption, JsonOption, SubmissionOption, UnusedHome
from pipelines.cli_output import busy, say

study_app = typer.Typer(help="Studies: protocol, estimates, comparison.", no_args_is_help=True)


@study_app.command("list")
def study_list(as_json: JsonOption = False, home: UnusedHome = None) -> None:
    """List the studies of the catalog."""
    from pipelines.settings import Settings
    from pipelines.studies import list_studies

    found = list_studies(Settings().catalog_dir)
    say(
        {"studies": [{"name": one.id, "title": one.title} for one in found]},
        [f"{one.id}: {one.title}" for one in found],
        as_json,
    )


@study_app.command("show")
def study_show(name: str, as_json: JsonOption = False, home: UnusedHome = None) -> None:
    """Show a study's protocol."""
    from pipelines.settings import Settings
    from pipelines.studies import show_study

    text = show_study(name, Settings().catalog_dir)
    say({"study": name, "text": text}, [text], as_json)


@study_app.command("run")
def study_run(
    name: str, submission: SubmissionOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Run a study and print its estimates beside the published numbers."""
    from pipelines import steps
    from pipelines.store import Home

    with busy(f"running {name}", as_json):
        facts = steps.run_study(Home(home), submission, name)
    _print_study(name, facts.folder, as_json)


def _print_study(name: str, folder: Path, as_json: bool) -> None:
    from pipelines.settings import Settings
    from pipelines.studies import comparison_lines, diagnostic_lines

    lines = [*comparison_lines(folder, min_cell=Settings().min_cell), *diagnostic_lines(folder), str(folder)]
    say({"study": name, "folder": str(folder), "lines": lines}, lines, as_json)
