"""``cohorts study``: protocols, runs, estimates beside the published numbers."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli_options import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    NoGateOption,
    SubmissionOption,
    UnusedHome,
)
from pipelines.cli_output import busy, print_table, same_home, say
from pipelines.errors import InputError

MOST_LETTERS = 90
"""Of a reason, on a terminal; the page has it whole."""

study_app = typer.Typer(help="Studies: protocol, estimates, comparison.", no_args_is_help=True)
SubmissionsOption = Annotated[
    list[str] | None,
    typer.Option("--submission", help="Submission id, such as ncdb-2022; with --all it may be given again."),
]


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
def study_show(
    name: str,
    checklist: Annotated[
        str | None, typer.Option("--checklist", help="strobe, record or target: that table instead.")
    ] = None,
    submission: Annotated[
        str | None, typer.Option("--submission", help="With --checklist: fill in what came of the run on it.")
    ] = None,
    definition: Annotated[
        bool, typer.Option("--definition", help="The definition instead, every choice named.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show a study's protocol, a reporting checklist filled from it, or its definition."""
    from pipelines.settings import Settings
    from pipelines.studies import show_definition, show_study

    if checklist is None:
        if submission is not None:
            raise InputError("--submission goes with --checklist", where=f"study show {name}")
        text = (show_definition if definition else show_study)(name, Settings().catalog_dir)
    elif definition:
        raise InputError("--checklist or --definition: not both", where=f"study show {name}")
    else:
        text = _checklist(name, checklist, submission, home)
    say({"study": name, "text": text}, [text], as_json)


def require_name(name: str) -> None:
    """Take the name of a study and no path, which could lead to another submission.

    Raises
    ------
    InputError
        It is none.
    """
    if not name.isidentifier():
        raise InputError(
            f"'{name}' is no name of a study", where="NAME", remedy="`cohorts study list` has them."
        )


def _checklist(name: str, which: str, submission: str | None, home: Path) -> str:
    from pipelines.settings import Settings
    from pipelines.store import Home
    from pipelines.studies.checklists import checklist_text

    folder = None
    require_name(name)
    if submission is not None:
        folder = Home(home).published(submission).root / "studies" / name
        if not (folder / "run.json").is_file():
            raise InputError(
                f"Study '{name}' has not run on submission '{submission}'",
                where=str(folder),
                remedy=f"Run it with `cohorts study run {name} --submission {submission}`.",
            )
    return checklist_text(name, which, Settings().catalog_dir, folder)


@study_app.command("init")
def study_init(
    name: Annotated[str, typer.Argument(metavar="ID", help="Id of the new study.")],
    like: Annotated[str | None, typer.Option("--from", help="A study whose settings it takes over.")] = None,
    cohort: Annotated[str | None, typer.Option("--cohort", help="A cohort of the catalog.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder that gets it; else the catalog.")] = None,
    as_json: JsonOption = False,
    home: UnusedHome = None,
) -> None:
    """Write a commented definition to fill in, with an empty published.csv and notes.md; nothing is overwritten."""
    from pipelines.settings import Settings
    from pipelines.studies import init_study

    folder = init_study(name, Settings().catalog_dir, like=like, cohort=cohort, out=out)
    say({"study": name, "folder": str(folder)}, [f"written: {folder}"], as_json)


@study_app.command("run")
def study_run(
    name: Annotated[str | None, typer.Argument(help="A study of the catalog; none with --all.")] = None,
    submission: SubmissionsOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every study of the catalog.")] = False,
    tier: Annotated[
        int | None, typer.Option("--tier", min=1, max=3, help="With --all: of this tier.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="With --all: processes.")] = 2,
    no_gate: NoGateOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Run a study, or all of them, and print estimates beside the published numbers."""
    if everything:
        if name is not None:
            raise InputError("A study by name, or --all: not both", where=f"{name} --all")
        _run_all(home, _submissions(submission), tier, workers, no_gate, as_json)
        return
    if name is None or tier is not None:
        raise InputError(
            "No study is named" if name is None else "--tier chooses among all studies",
            where="cohorts study run",
            remedy="Name a study of `cohorts study list`, or give --all.",
        )
    _run_one(home, name, submission, no_gate, as_json)


def _submissions(given: list[str] | None) -> list[str]:
    if not given:
        raise InputError(
            "No submission is named", where="--submission", remedy="`cohorts status` lists them."
        )
    return given


def _run_one(home: Path, name: str, submission: list[str] | None, no_gate: bool, as_json: bool) -> None:
    from pipelines import steps
    from pipelines.settings import Settings
    from pipelines.store import Home
    from pipelines.studies import study_lines

    if not submission:
        with busy(f"running {name}", as_json):
            facts = steps.run_evidence(Home(home), name)  # refuses a study that needs one
        page = f"page: {Home(home).root / 'report' / f'{name}.html'}"
        lines = [*study_lines(facts.folder, min_cell=Settings().min_cell), str(facts.folder), page]
        say({"study": name, "folder": str(facts.folder), "lines": lines}, lines, as_json)
        return
    if len(submission) > 1:
        raise InputError(
            "One study runs on one submission",
            where="--submission",
            remedy="--all takes several submissions.",
        )
    [one] = submission
    signed = (Home(home).published(one).root / "studies" / name / "signature.json").is_file()
    with busy(f"running {name}", as_json):
        facts = steps.run_study(Home(home), one, name, no_gate=no_gate)
    lines = [*study_lines(facts.folder, min_cell=Settings().min_cell), str(facts.folder)]
    lines.append(f"Next: cohorts report {one}{same_home(home)}")
    if signed:
        lines.insert(0, "The signature on the last run is dropped: it was for that run's estimates.")
    say({"study": name, "folder": str(facts.folder), "lines": lines}, lines, as_json)


def _run_all(
    home: Path, submissions: list[str], tier: int | None, workers: int, no_gate: bool, as_json: bool
) -> None:
    from pipelines import steps
    from pipelines.reporting import write_scoreboard
    from pipelines.settings import Settings
    from pipelines.store import Home
    from pipelines.studies.many import FAILED, Outcome

    def tell(outcome: Outcome) -> None:
        """Progress goes to standard error, so that the answer stays one document."""
        why = f" ({outcome.reason})" if outcome.reason else ""
        text = f"{outcome.study} on {outcome.submission}: {outcome.state}{why}, {outcome.seconds:.0f} s"
        if not as_json:
            typer.echo(text, err=True)

    store = Home(home)
    found = steps.run_studies(store, submissions, tell=tell, tier=tier, workers=workers, no_gate=no_gate)
    page = write_scoreboard(store)
    asked = {(one.study, one.submission) for one in found}
    _print_scoreboard(store, page, as_json, asked, min_cell=Settings().min_cell)
    if not as_json:
        for one in submissions:
            typer.echo(f"Next: cohorts report {one}{same_home(home)}")
    if any(one.state == FAILED for one in found):
        raise typer.Exit(1)


@study_app.command("scoreboard")
def study_scoreboard(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show what came of every study on every submission, and write it as a page and a CSV file."""
    from pipelines.reporting import write_scoreboard
    from pipelines.settings import Settings
    from pipelines.store import Home

    store = Home(home)
    _print_scoreboard(store, write_scoreboard(store), as_json, None, min_cell=Settings().min_cell)


def _print_scoreboard(
    home: Any, page: Path, as_json: bool, asked: set[tuple[str, str]] | None, *, min_cell: int
) -> None:
    from pipelines.studies.scoreboard import scoreboard

    rows = [
        row
        for row in scoreboard(home, min_cell=min_cell).to_dicts()
        if asked is None or (row["study"], row["submission"]) in asked
    ]
    if as_json:
        say({"scoreboard": rows, "page": str(page)}, [], True)
        return
    columns = ["study", "submission", "state", "people", "match", "differs", "not_comparable", "hidden"]
    columns.append("estimate")
    for row in rows:
        row["estimate"] = f"{row['measure'].replace('_', ' ')} {row['estimate']}".strip()
        row["state"] = ": ".join(part for part in (row["state"], row["reason"]) if part)[:MOST_LETTERS]
    cells = [[row[name] for name in columns] for row in rows]
    print_table([name.replace("_", " ") for name in columns], cells, title="Studies and submissions")
    off = sorted({row["study"] for row in rows if row["state"] == "gate off"})
    if off:
        typer.echo(
            f"GATE OFF (--no-gate) for {', '.join(off)}: estimates are shown whatever their diagnostics say."
        )
    typer.echo(f"scoreboard: {page}", file=sys.stdout)


@study_app.command("sign")
def study_sign(
    name: str,
    submission: SubmissionOption,
    reviewer: Annotated[str, typer.Option("--name", help="Who signs.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the estimates may be read all the same.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the estimates that a study's gate hides, on a reviewer's signature that is printed with them."""
    from pipelines import steps
    from pipelines.store import Home

    said = steps.sign_study(Home(home), submission, name, name=reviewer, reason=reason)
    lines = [
        f"{name} on {submission}: shown on the signature of {said['name']}, {said['date']}",
        "It holds for these estimates and settings alone; the next run drops it.",
        f"Next: cohorts report {submission}{same_home(home)}",
    ]
    say({"study": name, "signature": said}, lines, as_json)
