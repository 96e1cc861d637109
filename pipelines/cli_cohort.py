"""``cohorts cohort``: who is in, who is out, and why."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.cli_options import DEFAULT_HOME, HomeOption, JsonOption, SubmissionOption, UnusedHome
from pipelines.cli_output import busy, print_table, say

cohort_app = typer.Typer(help="Cohorts: who is in, who is out, and why.", no_args_is_help=True)
NamesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="NAMES...", help="Cohorts; all that have toy patients, if none.")
]


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
    """Show a cohort's rules in words and the SQL they become."""
    from pipelines.cohorts import load_cohort, show_cohort
    from pipelines.settings import Settings

    text = show_cohort(name, Settings().catalog_dir)
    definition = load_cohort(name, Settings().catalog_dir)
    say({"cohort": name, "text": text, "definition": definition.model_dump(mode="json")}, [text], as_json)


@cohort_app.command("run")
def cohort_run(
    name: str, submission: SubmissionOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Materialise a cohort and print its attrition."""
    from pipelines import steps
    from pipelines.cohorts import arms_without_anybody, attrition_lines, read_attrition
    from pipelines.settings import Settings
    from pipelines.store import Home

    with busy(f"materialising {name}", as_json):
        facts = steps.run_cohort(Home(home), submission, name)
    attrition = attrition_lines(facts.folder, min_cell=Settings().min_cell)
    empty = arms_without_anybody(attrition)
    if as_json:
        by_arm = read_attrition(facts.folder, min_cell=Settings().min_cell)
        told = {"attrition": attrition, "by_arm": by_arm, "empty_arms": empty}
        say({"cohort": name, "submission": submission, **told}, [], True)
        return
    columns = [name for name in attrition[0] if name != "rule_id"]
    print_table(
        columns, [[row[name] for name in columns] for row in attrition], title=f"{name} on {submission}"
    )
    for label in empty:
        typer.echo(
            f"WARNING: nobody is in the arm '{label}': is its condition right? `cohorts cohort show {name}`"
        )
    typer.echo(str(facts.folder))


@cohort_app.command("test")
def cohort_test(names: NamesArgument = None, as_json: JsonOption = False, home: UnusedHome = None) -> None:
    """Judge the toy patients beside the definitions: does each come out as its author expected?"""
    from pipelines.cohorts.toys import judge_toys, require_passed
    from pipelines.settings import Settings

    with busy("judging toy patients", as_json):
        judged = judge_toys(names or [], Settings().catalog_dir)
    verdicts = [verdict for one in judged for verdict in one.verdicts]
    lines = [
        f"{'ok    ' if one.passed else 'FAILED'} {one.cohort}, {one.toy}: {one.found}"
        + ("" if one.passed else f", expected {one.expected}")
        for one in verdicts
    ]
    lines += [f"note: {one.cohort}: no patient shows {what}" for one in judged for what in one.not_shown]
    lines.append(f"{sum(one.passed for one in verdicts)} of {len(verdicts)} toy patients as expected")
    payload = [{**asdict(one), "passed": one.passed} for one in verdicts]
    say({"patients": payload, "not_shown": {one.cohort: one.not_shown for one in judged}}, lines, as_json)
    require_passed(judged)
