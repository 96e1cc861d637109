"""The ``cohorts`` command: each command is a few lines that call a step and say what came of it.

Commands import what they need when they run, so that ``cohorts --help`` answers at once.
"""

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli_cohort import cohort_app
from pipelines.cli_map import map_app
from pipelines.cli_options import (
    DEFAULT_HOME,
    DemoHomeOption,
    ExtractArgument,
    HomeOption,
    JsonOption,
    LayoutOption,
    MappingOption,
    NoGateOption,
    PathsArgument,
    ReplaceOption,
    SourceOption,
    SubmissionArgument,
    SubmissionOption,
    UnusedHome,
)
from pipelines.cli_output import busy, print_table, same_home, say
from pipelines.cli_study import study_app
from pipelines.errors import CohortsError, GateError, InputError, RefusedError

# One thread for linear algebra, before NumPy is imported: sums in the same order on every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    name="cohorts",
    help="From a cancer registry extract to an honest estimate beside the published one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(cohort_app, name="cohort")
app.add_typer(study_app, name="study")
app.add_typer(map_app, name="map")


STOPPED = 130
"""Exit code after Ctrl-C."""


@app.command()
def doctor(paths: PathsArgument, as_json: JsonOption = False, home: UnusedHome = None) -> None:
    """Say what each file is, its release, how many records, and what is wrong with it; change nothing."""
    from pipelines import steps

    with busy(f"reading {len(paths)} file(s)", as_json):
        entries = steps.examine(paths)
    lines = []
    for entry in entries:
        told = [problem for problem in entry["problems"] if problem not in entry["explanation"]]
        records = [] if entry["records"] is None else [f"  records: {entry['records']:,}"]
        lines += [
            entry["path"],
            f"  {entry['explanation']}",
            *records,
            *(f"  problem: {each}" for each in told),
        ]
    say({"files": entries}, lines, as_json)
    if not all(entry["can_be_loaded"] or entry["describes_data"] for entry in entries):
        raise typer.Exit(2)


@app.command()
def load(
    submission: SubmissionOption,
    paths: ExtractArgument = None,
    source: SourceOption = None,
    layout: LayoutOption = None,
    mapping: MappingOption = None,
    replace: ReplaceOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Read extracts into a submission."""
    from pipelines import steps
    from pipelines.store import Home

    with busy(f"loading {submission}", as_json):
        manifest = steps.load(
            Home(home),
            paths or [],
            submission,
            source=source,
            layout=layout or (),
            mapping=mapping,
            replace_published=replace,
        )
    lines = [
        f"{facts.name}: {facts.records_read:,} records in = {facts.kept:,} kept "
        f"+ {facts.quarantined:,} quarantined"
        for facts in manifest.files
    ]
    lines += [f"note: {note}" for note in manifest.notes]
    if manifest.quarantined:
        lines.append(f"set aside, with byte range and reason: {Home(home).building(submission).quarantine}")
    lines += [
        f"{submission}: {manifest.format}, release {manifest.release}",
        f"Next: cohorts build {submission}{same_home(home)}",
    ]
    say(manifest.model_dump(mode="json"), lines, as_json)


@app.command()
def build(
    submission: SubmissionArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Make the staging and registry tables."""
    from pipelines import steps
    from pipelines.store import Home

    with busy(f"building {submission}", as_json):
        facts = steps.build(Home(home), submission)
    lines = [
        f"{facts.rows_extracted:,} records = {facts.rows_tumor:,} {facts.rows_of}; "
        f"{facts.unmapped_codes} codes that the codebook does not know",
        f"Next: cohorts validate {submission}{same_home(home)}",
    ]
    say(asdict(facts), lines, as_json)


@app.command()
def validate(
    submission: SubmissionArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Run the expectations and write the quality report; publish the submission where they pass."""
    from pipelines import steps
    from pipelines.store import Home

    with busy(f"validating {submission}", as_json):
        verdict = steps.validate(Home(home), submission)
    lines = [f"{submission}: {verdict.checks} checks, passed"]
    lines += [f"warning: {check}" for check in verdict.warnings]
    lines.append(f"quality report: {home / 'submissions' / submission / 'quality' / 'index.html'}")
    say(verdict.model_dump(mode="json"), lines, as_json)


@app.command()
def discard(
    submission: SubmissionArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Drop a submission in building; what is published under its id stays."""
    from pipelines import steps
    from pipelines.store import Home

    dropped = steps.discard(Home(home), submission)
    say({"discarded": str(dropped)}, [f"dropped {dropped}"], as_json)


@app.command()
def report(
    submission: SubmissionArgument,
    no_gate: NoGateOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the pages of a submission."""
    from pipelines import steps
    from pipelines.store import Home
    from pipelines.studies import gate_lines

    with busy(f"drawing {submission}", as_json):
        index = steps.report(Home(home), submission, no_gate=no_gate)
    gates = gate_lines(Home(home).published(submission).root)
    say({"report": str(index), "gates": gates}, [*gates, f"report: {index}"], as_json)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="Submission id to compare with.")],
    new: Annotated[str, typer.Argument(help="Submission id that may have changed something.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Every code and number, not the changes.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say what a new submission changed: records, code frequencies, cohort sizes, every estimate."""
    from pipelines import steps
    from pipelines.reporting.diff_tables import text_tables
    from pipelines.store import Home

    with busy(f"comparing {old} with {new}", as_json):
        found = steps.diff(Home(home), old, new)
    if as_json:
        say(found.payload(), [], True)
        return
    for table in text_tables(found, everything=everything):
        print_table(table.columns, table.rows, title=table.title)
        typer.echo("\n".join([*table.notes, ""]))


@app.command()
def publish(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Build registry.duckdb from every published submission."""
    from pipelines import steps
    from pipelines.store import Home

    warehouse = steps.publish_warehouse(Home(home))
    say({"warehouse": str(warehouse)}, [f"warehouse: {warehouse}"], as_json)


@app.command()
def run(
    submission: SubmissionOption,
    paths: ExtractArgument = None,
    study: Annotated[
        list[str] | None, typer.Option("--study", help="Study to run; may be given again.")
    ] = None,
    source: SourceOption = None,
    layout: LayoutOption = None,
    mapping: MappingOption = None,
    replace: ReplaceOption = False,
    no_gate: NoGateOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Do all of it, in order: load, build, validate, studies, report, publish."""
    from pipelines import steps
    from pipelines.store import Home

    store = Home(home)
    steps.check_studies(study or [])
    with busy(f"loading {submission}", as_json):
        steps.load(
            store,
            paths or [],
            submission,
            source=source,
            layout=layout or (),
            mapping=mapping,
            replace_published=replace,
        )
    with busy(f"building {submission}", as_json):
        steps.build(store, submission)
    with busy(f"validating {submission}", as_json):
        verdict = steps.validate(store, submission)
    folders: dict[str, Path] = {}
    stopped: dict[str, Exception] = {}
    for name in study or []:
        with busy(f"running {name}", as_json):
            try:
                folders[name] = steps.run_study(store, submission, name, no_gate=no_gate).folder
            except Exception as error:  # kept for the report; others go on, and the exit code says so
                stopped[name] = error
    with busy("drawing and publishing", as_json):
        index = steps.report(store, submission)
        warehouse = steps.publish_warehouse(store)
    from pipelines.disclosure import format_count, records_in
    from pipelines.settings import Settings
    from pipelines.studies import gate_lines, study_lines
    from pipelines.studies.many import FAILED, Job, as_outcome

    manifest, min_cell = store.published(submission).manifest, Settings().min_cell
    read = records_in(manifest.kept, manifest.quarantined, min_cell)
    told, kept, aside = (format_count(n, min_cell) for n in (read, manifest.kept, manifest.quarantined))
    lines = [
        f"{submission}: {told} records in = {kept} kept + {aside} quarantined; "
        f"{verdict.checks} checks passed, {len(verdict.warnings)} warnings"
    ]
    for name, folder in folders.items():
        lines += ["", name, *study_lines(folder, min_cell=min_cell)]
    outcomes = [as_outcome(Job(submission, name), fault, 0) for name, fault in stopped.items()]
    lines += [f"{one.study}: {one.state} ({one.reason})" for one in outcomes]
    lines += ["", f"report: {index}", f"warehouse: {warehouse}"]
    say(
        {
            "manifest": manifest.model_dump(mode="json"),
            "studies": {name: str(folder) for name, folder in folders.items()},
            "gates": gate_lines(store.published(submission).root),
            "refused": {
                name: fault.reason_code for name, fault in stopped.items() if isinstance(fault, RefusedError)
            },
            "failed": {one.study: one.reason for one in outcomes if one.state == FAILED},
            "report": str(index),
            "warehouse": str(warehouse),
        },
        lines,
        as_json,
    )
    for fault in sorted(stopped.values(), key=lambda one: isinstance(one, RefusedError)):
        raise fault  # a failure before a refusal


@app.command()
def synth(
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="ncdb-2022, seerstat-nov2024, naaccr-xml-v23, mapped-msk, … (an unknown name lists them all).",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="Records to write.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
    surgery_hr: Annotated[
        float, typer.Option("--surgery-hr", help="True conditional hazard ratio of surgery.")
    ] = 1.0,
    immortal_time: Annotated[
        str, typer.Option("--immortal-time", help="on: operated after a delay survived; off: at diagnosis.")
    ] = "on",
    stage_iv_share: Annotated[
        float | None, typer.Option("--stage-iv-share", help="Share of records in stage IV.", min=0, max=1)
    ] = None,
    stage_migration: Annotated[
        float,
        typer.Option(
            "--stage-migration",
            help="Share of those operated on in stage III whose metastases are told afterwards.",
            min=0,
            max=0.99,
        ),
    ] = 0.0,
    as_json: JsonOption = False,
    home: UnusedHome = None,
) -> None:
    """Write a synthetic extract with its truth beside it."""
    from pipelines.synthetic import WorldSettings, write_extract

    if immortal_time not in ("on", "off"):
        raise InputError("--immortal-time is on or off", where=f"--immortal-time {immortal_time}")
    world: dict[str, Any] = {
        "surgery_hr": surgery_hr,
        "immortal_time": immortal_time == "on",
        "stage_migration": stage_migration,
    }
    if stage_iv_share is not None:
        world["stage_iv_share"] = stage_iv_share
    with busy(f"writing {rows:,} records", as_json):
        files = write_extract(WorldSettings(**world), format_name, rows, seed, out)
    say({"files": [str(path) for path in files.paths]}, [str(path) for path in files.paths], as_json)


@app.command()
def demo(home: DemoHomeOption = Path("var/demo"), as_json: JsonOption = False) -> None:
    """Write synthetic extracts, run everything on them, and print published beside estimated beside true."""
    from pipelines.demo import run_demo
    from pipelines.store import Home

    rows, index = run_demo(Home(home), say=lambda text: typer.echo(text, err=True))
    if as_json:
        say({"summary": rows, "report": str(index)}, [], True)
        return
    columns = list(rows[0])
    print_table(
        columns, [[str(row[column]) for column in columns] for row in rows], title="Demo on synthetic data"
    )
    typer.echo(f"report: {index}")


@app.command()
def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List submissions, their state, and the studies that ran on them."""
    from pipelines import steps
    from pipelines.disclosure import format_count
    from pipelines.settings import Settings
    from pipelines.store import Home

    entries, min_cell = steps.status(Home(home)), Settings().min_cell
    if as_json or not entries:
        say({"submissions": entries}, [f"No submission in {home}. Begin with: cohorts load --help"], as_json)
        return
    rows = [
        [
            entry["submission"],
            entry["state"],
            f"{entry['format']} {entry['release']}",
            f"{entry['records']:,}"
            + (
                f" (+{format_count(entry['quarantined'], min_cell)} set aside)"
                if entry["quarantined"]
                else ""
            ),
            entry["loaded_at"][:16].replace("T", " "),
            (entry["judged_at"] or "–")[:16].replace("T", " "),
            "\n".join(
                [
                    # One that failed now may have the results of an earlier run.
                    *(name for name in entry["studies"] if name not in entry["failed"]),
                    *(f"{name} ({state})" for state in ("refused", "failed") for name in entry[state]),
                ]
            )
            or "–",
        ]
        for entry in entries
    ]
    print_table(["submission", "state", "what", "records", "loaded (UTC)", "judged (UTC)", "studies"], rows)
    for entry in entries:
        if entry["next"]:
            typer.echo(f"{entry['submission']} ({entry['state']}), next: {entry['next']}{same_home(home)}")


def main() -> None:
    """Run the command; what goes wrong for a user's reason is one paragraph and an exit code."""
    # A scheduler that ends it is as good as Ctrl-C: what was unpacked or half written is removed on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        from pipelines.told import as_told

        told = as_told(error)
        if told is None:
            raise
        if told.what:  # nothing is said of a bare `cohorts`, which has printed its help
            _report_error(told)
        raise SystemExit(told.exit_code) from None
    if code == STOPPED:
        typer.echo("Stopped. Nothing half-written was left behind.", err=True)
    if code:
        raise SystemExit(code)


def _report_error(error: CohortsError) -> None:
    kind = "gate" if isinstance(error, GateError) else "error"
    if "--json" in sys.argv:
        said: dict[str, Any] = {kind: str(error), "exit_code": error.exit_code}
        if isinstance(error, RefusedError):
            said["reason_code"] = error.reason_code
        typer.echo(json.dumps(said), err=True)
        return
    typer.echo(f"{kind}: {error}", err=True)


if __name__ == "__main__":
    main()
