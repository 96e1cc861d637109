"""The steps of a refresh, in order. The command line and Dagster both call exactly these."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import CohortsError, GateError, InputError, RefusedError
from pipelines.settings import Settings
from pipelines.store import (
    Home,
    Manifest,
    Submission,
    Verdict,
    build_warehouse,
    check_may_load,
    load_extract,
    publish,
)
from pipelines.store.files import remove

if TYPE_CHECKING:  # Each step imports its room when it runs, so that `cohorts --help` stays quick.
    from pipelines.cohorts import CohortFacts
    from pipelines.formats import Arrived, Recognition
    from pipelines.registry import RegistryFacts
    from pipelines.reporting.diff import Diff
    from pipelines.studies import StudyFacts
    from pipelines.studies.many import Job, Outcome


def examine(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Say what each file is and what is wrong with it; files are read to their end, and nothing is written.

    A folder stands for the files in it and below it, an archive for what is in it: that is unpacked into a private
    folder among the temporary files and removed again.
    """
    from pipelines.formats import Arrived, Limits, recognise, refused, unpacked

    limits, parent = Limits(size=Settings().unpack_bytes), Path(tempfile.gettempdir())
    found: list[tuple[Recognition, Arrived]] = []
    with ExitStack() as kept:
        for path in _files_of(paths):
            try:
                arrived = kept.enter_context(unpacked([path], parent, limits))
            except CohortsError as error:
                found.append((refused(path, error), Arrived((path,))))
            else:
                found += [(recognise(each), arrived) for each in arrived.paths]
        companions = [each for each, _ in found if each.companion]
        return [_as_received(_examined(each, companions), arrived) for each, arrived in found]


def _files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves, and those in folders; hidden ones are left out, and an empty folder stays."""
    for path in paths:
        inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else []
        shown = [
            each for each in inside if not any(part.startswith(".") for part in each.relative_to(path).parts)
        ]
        yield from shown or [path]


def _as_received(entry: dict[str, Any], arrived: "Arrived") -> dict[str, Any]:
    """Name an unpacked file by its archive, and say what was left out of it."""
    told = {word: arrived.named_as_received(entry[word]) for word in ("path", "explanation")}
    left_out = arrived.notes if entry["path"] == str(arrived.paths[0]) else ()  # once for each archive
    problems = [arrived.named_as_received(each) for each in (*entry["problems"], *left_out)]
    return {**entry, **told, "problems": problems}


def _examined(found: "Recognition", companions: Sequence["Recognition"]) -> dict[str, Any]:
    """What a file is, alone or with the files that describe it, and what reading it to its end tells."""
    from pipelines.formats import read_through

    beside = [each.path for each in companions if each.source == found.source]
    entry = _entry(found)
    if found.companion or found.format == "mapped" or (found.error is not None and not beside):
        return entry
    try:
        reading = read_through(found.path, beside)
    except CohortsError as fault:  # what only the whole file tells
        return {**entry, "can_be_loaded": False, "problems": [str(fault)]}
    problems = [f"{n:,} record(s) will be set aside: {reason}" for reason, n in reading.set_aside.items()]
    problems += [note for note in reading.notes if note not in found.explanation]
    if not reading.kept:
        problems.append("Not one record can be kept.")
    if found.error is not None:  # what it is follows from what describes it
        described_by = ", ".join(path.name for path in beside)
        entry["explanation"] = f"{reading.format} {reading.release}, as {described_by} describes it."
    told = {"format": reading.format, "source": reading.source, "release": reading.release}
    return (
        entry
        | told
        | {
            "records": reading.records,
            "columns": reading.columns,
            "can_be_loaded": reading.kept > 0,
            "problems": problems,
        }
    )


def _entry(found: "Recognition") -> dict[str, Any]:
    """What the beginning of a file tells."""
    return {
        "path": str(found.path),
        "format": found.format,
        "source": found.source,
        "release": found.release,
        "records": found.records,
        "columns": found.columns,
        "can_be_loaded": found.error is None and not found.companion,
        "describes_data": found.companion,
        "problems": list(found.problems),
        "explanation": found.explanation,
    }


def load(
    home: Home,
    paths: Sequence[str | Path],
    submission: str,
    *,
    source: str | None = None,
    layout: Sequence[str | Path] = (),
    mapping: Path | None = None,
    replace_published: bool = False,
) -> Manifest:
    """Read extracts into a submission in building; archives are unpacked inside the home for as long as it takes.

    With a mapping one of the paths may be the address of a database.
    """
    from pipelines.formats import Limits, is_address, open_extract, unpacked

    check_may_load(home, submission, replace_published=replace_published)  # before any long work
    files = [Path(path) for path in paths if not is_address(path)]
    databases = [path for path in paths if is_address(path)]
    with unpacked(files, home.root, Limits(size=Settings().unpack_bytes)) as arrived:
        extract = open_extract([*arrived.paths, *databases], source=source, layout=layout, mapping=mapping)
        extract = replace(extract, notes=(*extract.notes, *arrived.notes))
        return load_extract(
            home, submission, extract, archives=arrived.archives, replace_published=replace_published
        )


def build(home: Home, submission: str) -> "RegistryFacts":
    """Make the registry tables of a submission in building."""
    from pipelines import registry

    return registry.build(home.building(submission))


def check_studies(names: Sequence[str]) -> None:
    """Read the definitions of some studies, so that a mistake in one is told before any long work.

    Raises
    ------
    InputError
        A study is not there, or its definition, its cohort or its targets have mistakes.
    """
    from pipelines import studies

    for name in names:
        studies.show_study(name, Settings().catalog_dir)


def judge(home: Home, submission: str) -> Verdict:
    """Run the quality gate on a submission in building; the verdict goes into its manifest."""
    from pipelines import quality

    return quality.validate(home.building(submission))


def validate(home: Home, submission: str) -> Verdict:
    """Judge a submission in building and, on a pass, rename it into its published place.

    A published submission is not judged again: what was judged never changes.

    Raises
    ------
    GateError
        A blocking check failed or broke. What was published before stays as it was.
    """
    if submission in home.published_ids() and submission not in home.building_ids():
        return _verdict_of(home.published(submission))
    verdict = judge(home, submission)
    publish(home, submission)
    return verdict


def _verdict_of(submission: Submission) -> Verdict:
    submission.require_pass()
    verdict = submission.manifest.verdict
    assert verdict is not None  # require_pass has seen to it
    return verdict


def discard(home: Home, submission: str) -> Path:
    """Drop a submission in building; what is published under the same id stays."""
    building = home.building(submission)
    _ = building.manifest  # says so if there is none
    remove(building.root)
    return building.root


def for_analysis(home: Home, submission: str) -> Submission:
    """Give the published submission that cohorts and studies may use.

    Raises
    ------
    GateError
        It has no pass, or a newer refresh of it stands in building with a failed gate: a result made now would
        pass for one of the new data.
    InputError
        It is not published.
    """
    if submission in home.building_ids():
        building = home.building(submission)
        verdict = building.manifest.verdict
        if verdict is not None and not verdict.passed:
            raise GateError(
                f"The last refresh of '{submission}' did not pass its quality gate "
                f"(blocking: {', '.join(verdict.blocking_failures + verdict.errors)})",
                where=str(building.root / "quality" / "index.html"),
                remedy=(
                    "Load a corrected extract under this id, or drop the refresh with "
                    f"`cohorts discard {submission}` and go on with what was published before, if anything was."
                ),
            )
    published = home.published(submission)
    published.require_pass()
    return published


def run_cohort(home: Home, submission: str, cohort: str) -> "CohortFacts":
    """Materialise one cohort of a published submission."""
    from pipelines import cohorts

    return cohorts.materialise(for_analysis(home, submission), cohort, Settings().catalog_dir)


def run_study(home: Home, submission: str, study: str, *, no_gate: bool = False) -> "StudyFacts":
    """Run one study on a published submission; a refusal or a failure is kept beside the studies for the report.

    Parameters
    ----------
    home : Home
    submission, study : str
    no_gate : bool
        Show every estimate whatever the study's gate says; that is told wherever they are, until it runs again.

    Raises
    ------
    RefusedError
        The source cannot answer the question.
    InputError
        There is no such study, or it cannot be done.
    """
    from pipelines import studies
    from pipelines.studies import many

    published, catalog = for_analysis(home, submission), Settings().catalog_dir
    studies.require_study(study, catalog)  # nothing is kept of a name that is none
    keep = partial(many.record, published.root, study)
    try:
        facts = studies.run_study(published, study, catalog, no_gate=no_gate)
    except RefusedError as error:
        keep(many.REFUSED, reason_code=error.reason_code, in_short=error.in_short, reason=str(error))
        raise
    except Exception as error:
        keep(many.FAILED, reason=many.as_outcome(many.Job(submission, study), error, 0).reason)
        raise
    keep(many.DONE)
    return facts


def run_studies(
    home: Home,
    submissions: Sequence[str],
    *,
    tell: Callable[["Outcome"], None],
    tier: int | None = None,
    workers: int = 2,
    no_gate: bool = False,
) -> list["Outcome"]:
    """Run every study of the catalog on some submissions, side by side; one that fails stops no other.

    Parameters
    ----------
    home : Home
    submissions : sequence of str
    tell : callable
        Takes each outcome when it is there.
    tier : int, optional
        Of the studies; all where it is left out.
    workers : int
        Processes.
    no_gate : bool
        As in `run_study`.

    Raises
    ------
    GateError, InputError
        A submission is not published or may not be used; nothing runs then.
    """
    from pipelines.studies import many

    for name in submissions:
        for_analysis(home, name)
    catalog = Settings().catalog_dir
    names = many.studies_of_tier(catalog, tier)
    jobs = [many.Job(submission, study) for submission in dict.fromkeys(submissions) for study in names]
    run = partial(run_job, home, no_gate)

    def keep_and_tell(outcome: "Outcome") -> None:
        if outcome.state == many.FAILED:  # a process that ended could not keep it itself
            root = home.published(outcome.submission).root
            many.record(root, outcome.study, many.FAILED, reason=outcome.reason)
        tell(outcome)

    rounds = many.rounds_of(jobs, catalog)
    return many.run_many(rounds, run, workers=many.require_workers(workers), tell=keep_and_tell)


def run_job(home: Home, no_gate: bool, job: "Job") -> "Outcome":
    """Run one of many studies; what goes wrong is its outcome, kept beside the studies, and never raised."""
    from pipelines.studies import many

    started = time.monotonic()
    try:
        run_study(home, job.submission, job.study, no_gate=no_gate)
    except Exception as error:
        return many.as_outcome(job, error, time.monotonic() - started)
    return many.Outcome(job.submission, job.study, many.DONE, seconds=time.monotonic() - started)


def sign_study(home: Home, submission: str, study: str, *, name: str, reason: str) -> dict[str, Any]:
    """Show the estimates that a study's gate hides on a reviewer's signature, valid for these estimates alone.

    Raises
    ------
    InputError
        There is no such study, it has not run, nothing is hidden, or name or reason are empty.
    """
    from pipelines import studies

    known = studies.require_study(study, Settings().catalog_dir)  # a path could lead to another submission
    return studies.sign(for_analysis(home, submission).root / "studies" / known, name, reason)


def run_evidence(home: Home, study: str) -> "StudyFacts":
    """Pool published estimates without a submission, into ``<home>/evidence``, and draw the page.

    Raises
    ------
    InputError
        The study asks for a submission.
    """
    from pipelines import reporting, studies

    catalog = Settings().catalog_dir
    if not studies.is_evidence(study, catalog):
        studies.load_study(study, catalog)  # one that is not there is told first
        published = ", ".join(home.published_ids()) or "none yet"
        raise InputError(
            f"Study '{study}' runs on a submission",
            remedy=f"Name one with --submission; published here: {published}.",
        )
    facts = studies.run_evidence(home.root / "evidence", studies.load_evidence(study, catalog), catalog)
    reporting.write_evidence_page(reporting.read_study(facts.folder), home.root / "report" / f"{study}.html")
    return facts


def report(home: Home, submission: str, *, no_gate: bool = False) -> Path:
    """Write the pages of a submission and the site's index; return the index.

    With ``no_gate`` the gate of every study that ran is switched off first, as in `run_study`.
    """
    from pipelines import reporting, studies

    published = for_analysis(home, submission)
    if no_gate:
        for run in sorted((published.root / "studies").glob("[!.]*/run.json")):
            studies.switch_off(run.parent)
    reporting.write_report(published)
    return reporting.write_index(home)


def diff(home: Home, old: str, new: str) -> "Diff":
    """Compare two published submissions of one source; nothing is written.

    Raises
    ------
    GateError
        One has no pass, or a newer refresh of it failed its gate.
    InputError
        One is not published, or they come from different sources.
    """
    from pipelines.reporting.diff import compare

    return compare(for_analysis(home, old), for_analysis(home, new), min_cell=Settings().min_cell)


def publish_warehouse(home: Home) -> Path:
    """Build ``registry.duckdb`` from what is published.

    Raises
    ------
    InputError
        Nothing is.
    """
    if not home.published_ids():
        raise InputError(
            "No submission is published",
            where=str(home.submissions),
            remedy="Finish one with `cohorts run`, or with `cohorts load`, `build` and `validate`.",
        )
    return build_warehouse(home)


def status(home: Home) -> list[dict[str, Any]]:
    """Every submission, published first: what it is, how far it is, what was run on it, what comes next."""
    found = [
        *((home.published(name), True) for name in home.published_ids()),
        *((home.building(name), False) for name in home.building_ids()),
    ]
    return [_status_of(submission, published) for submission, published in found]


def _status_of(submission: Submission, published: bool) -> dict[str, Any]:
    manifest, name = submission.manifest, submission.id
    verdict = manifest.verdict
    built = (submission.root / "registry").is_dir()
    state, following = "built", f"cohorts validate {name}"
    if not built:
        state, following = "loaded", f"cohorts build {name}"
    if verdict is not None and not verdict.passed:
        state, following = "gate failed", f"cohorts discard {name}, or load a corrected extract"
    elif published:
        state, following = "published", ""
    return {
        "submission": name,
        "state": state,
        "format": manifest.format,
        "release": manifest.release,
        "records": manifest.kept,
        "quarantined": manifest.quarantined,
        "loaded_at": manifest.loaded_at,
        "judged_at": verdict.judged_at if verdict else None,
        "studies": sorted(path.parent.name for path in (submission.root / "studies").glob("[!.]*/run.json")),
        "refused": sorted(path.stem for path in (submission.root / "refusals").glob("[!.]*.json")),
        "failed": sorted(path.stem for path in (submission.root / "failures").glob("[!.]*.json")),
        "next": following,
    }
