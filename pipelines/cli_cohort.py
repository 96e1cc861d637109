"""``cohorts cohort``: who is in, who is out, and why."""

import typer

from pipelines.cli_options import DEFAULT_HOME, HomeOption, JsonOption, SubmissionOption, UnusedHome
from pipelines.cli_output import busy, print_table, say

cohort_app = typer.Typer(help="Cohorts: who is in, who is out, and why.", no_args_is_help=True)


@cohort_app.command("list")
def cohort_list(as_json: JsonOption = False, home: UnusedHome = None) -> None:
    """List the cohorts of the catalog."""
    from pipelines.cohorts import list_cohorts
    from pipelines.settings import Settings

    found = list_cohorts(Settings().catalog_dir)
    say(
        {"cohorts": [{"name": one.id, "title": one.title} for one in found]},
        [f"{one.id}: {one.title}" for one in found],
        as_json,
    )


@cohort_app.command("show")
def cohort_show(name: str, as_json: JsonOption = False, home: UnusedHome = None) -> None:
    """Show a cohort's rules and the SQL they become."""
    from pipelines.cohorts import show_cohort
    from pipelines.settings import Settings

    text = show_cohort(name, Settings().catalog_dir)
    say({"cohort": name, "text": text}, [text], as_json)


@cohort_app.command("run")
def cohort_run(
    name: str, submission: SubmissionOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Materialise a cohort and print its attrition."""
    from pipelines import steps
    from pipelines.cohorts import attrition_lines, read_attrition
    from pipelines.settings import Settings
    from pipelines.store import Home

    with busy(f"materialising {name}", as_json):
        facts = steps.run_cohort(Home(home), submission, name)
    attrition = attrition_lines(facts.folder, min_cell=Settings().min_cell)
    if as_json:
        by_arm = read_attrition(facts.folder, min_cell=Settings().min_cell)
        say({"cohort": name, "submission": submission, "attrition": attrition, "by_arm": by_arm}, [], True)
        return
    columns = ["step", "rule", "left", "remained"]
    print_table(
        columns, [[row[name] for name in columns] for row in attrition], title=f"{name} on {submission}"
    )
    typer.echo(str(facts.folder))
