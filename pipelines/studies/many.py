"""Many studies on many submissions: side by side where they are independent, and one that fails stops no other."""

import json
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import CohortsError, InputError, RefusedError
from pipelines.settings import Settings
from pipelines.store import write_text
from pipelines.store.files import locked, remove, replace
from pipelines.store.withheld import shown_sha256
from pipelines.studies.catalog import is_evidence, load_evidence, load_study, study_names
from pipelines.workers import Workers

DONE, REFUSED, FAILED = "done", "refused", "failed"
NOT_DONE = {REFUSED: "refusals", FAILED: "failures"}
"""Folder of a submission that keeps why a study was not done."""
SUPERSEDED = "superseded"
"""Folder of results whose study is refused since; nothing reads it."""


@dataclass(frozen=True)
class Job:
    """One study on one submission."""

    submission: str
    study: str


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes
    ----------
    state : str
        ``done``, ``refused`` or ``failed``.
    reason : str
        Why, where it is not done; one paragraph.
    seconds : float
    """

    submission: str
    study: str
    state: str
    reason: str = ""
    seconds: float = 0.0


def studies_of_tier(catalog_dir: Path, tier: int | None) -> list[str]:
    """Names of the studies of a tier, or of all; one whose definition has mistakes is there too, and will say so.

    Parameters
    ----------
    catalog_dir : Path
    tier : int, optional
    """
    names = study_names(catalog_dir)
    return [name for name in names if tier is None or tier_of(name, catalog_dir) in (None, tier)]


def tier_of(name: str, catalog_dir: Path) -> int | None:
    """Tier of a study; None where its definition has mistakes."""
    load = load_evidence if is_evidence(name, catalog_dir) else load_study
    try:
        return load(name, catalog_dir).tier
    except CohortsError:
        return None


def rounds_of(jobs: Iterable[Job], catalog_dir: Path) -> list[list[list[Job]]]:
    """Jobs in rounds, and in each round in groups that may go side by side.

    Studies of one cohort on one submission are a group and go one after another: both would write the cohort.
    Syntheses of evidence read the estimates of the other studies, and come in a round of their own.

    Parameters
    ----------
    jobs : iterable of Job
    catalog_dir : Path
    """
    groups: dict[tuple[str, str], list[Job]] = {}
    last: list[list[Job]] = []
    for job in jobs:
        if is_evidence(job.study, catalog_dir):
            last.append([job])
        else:
            groups.setdefault((job.submission, _cohort_of(job.study, catalog_dir)), []).append(job)
    # The longest groups first, so that no core waits for one at the end.
    first = sorted(groups.values(), key=lambda group: -len(group))
    return [one for one in (first, last) if one]


def _cohort_of(study: str, catalog_dir: Path) -> str:
    try:
        return load_study(study, catalog_dir).cohort
    except CohortsError:
        return study


def run_many(
    rounds: Sequence[Sequence[Sequence[Job]]],
    run: Callable[[Job], Outcome],
    *,
    workers: int,
    tell: Callable[[Outcome], None],
) -> list[Outcome]:
    """Do every job; results in the order of submission and study, whatever the order in which they came.

    Parameters
    ----------
    rounds : sequence of rounds
        As `rounds_of` gives them.
    run : callable
        Does one job and never raises; a function of a module, as other processes import it.
    workers : int
        Processes; one does everything here.
    tell : callable
        Takes each outcome when it is there.
    """
    found: list[Outcome] = []
    for groups in rounds:
        for outcome in _side_by_side(groups, run, min(workers, len(groups), os.cpu_count() or 1)):
            tell(outcome)
            found.append(outcome)
    return sorted(found, key=lambda one: (one.submission, one.study))


def _side_by_side(
    groups: Sequence[Sequence[Job]], run: Callable[[Job], Outcome], workers: int
) -> Iterator[Outcome]:
    if workers <= 1:
        for group in groups:
            yield from map(run, group)
        return
    with Workers(workers) as pool:
        asked: dict[Future[list[Outcome]], Sequence[Job]] = {
            pool.submit(_run_group, group, run): group for group in groups
        }
        ended: list[Sequence[Job]] = []
        for future in as_completed(asked):
            try:
                yield from future.result()
            except BrokenProcessPool:
                # One process ended, as where memory ran out, and took the others' work along.
                ended.append(asked[future])
    for job in (one for group in ended for one in group):
        yield _alone(job, run)


def _alone(job: Job, run: Callable[[Job], Outcome]) -> Outcome:
    """Do a job in a process of its own, so that it is known which one ends its process."""
    with Workers(1) as pool:
        try:
            return pool.submit(run, job).result()
        except BrokenProcessPool:
            return Outcome(
                job.submission, job.study, FAILED, "the process that ran it ended: was there memory left?"
            )


def _run_group(group: Sequence[Job], run: Callable[[Job], Outcome]) -> list[Outcome]:
    return [run(job) for job in group]


def as_outcome(job: Job, error: Exception, seconds: float) -> Outcome:
    """What an error makes of a job: a refusal, or a failure with its reason."""
    if isinstance(error, RefusedError):
        return Outcome(job.submission, job.study, REFUSED, error.in_short, seconds)
    if isinstance(error, CohortsError):
        return Outcome(job.submission, job.study, FAILED, str(error), seconds)
    # Its words may hold a patient's value: the place is enough to find it.
    place = traceback.extract_tb(error.__traceback__)[-1]
    why = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}: run it alone to see more"
    return Outcome(job.submission, job.study, FAILED, why, seconds)


def record(root: Path, study: str, state: str, **said: str) -> None:
    """Keep beside the studies what came of one: done, refused or failed, and never two of them.

    Results that an earlier definition gave leave with a refusal, as the source cannot answer what is asked now.
    After a failure they stay as they were, like all that was there before a fault. Otherwise the page of the study
    goes, until the report is drawn again, and a synthesis that read other numbers of it than it shows now is set aside
    with a failure that says so: what its gate hides now may not be read there.

    Parameters
    ----------
    root : Path
        Of the submission.
    study : str
    state : str
        ``done``, ``refused`` or ``failed``.
    **said : str
        ``reason``, and of a refusal ``reason_code`` and ``in_short``.
    """
    for other, folder in NOT_DONE.items():
        path = root / folder / f"{study}.json"
        if other == state:
            kept = {key: without_machine(text) for key, text in said.items()}
            write_text(json.dumps({"study": study, **kept}, indent=2) + "\n", path)
        else:
            remove(path)
    results, former = root / "studies" / study, root / SUPERSEDED / study
    if state == DONE:
        remove(former)
    elif state == REFUSED and results.is_dir():
        replace(results, _made(former.parent) / study)
    if state != FAILED:
        remove(_page_of(root, study))
    if state != FAILED and (root / "studies").is_dir():
        set_aside_readers(root, study)


def without_machine(text: str) -> str:
    """A reason for the pages, which others read: the catalog is named, and not where it is on this machine."""
    catalog = Settings().catalog_dir
    return text.replace(str(catalog), "catalog") if catalog.is_absolute() else text


def set_aside_readers(root: Path, study: str) -> None:
    """Set aside every synthesis that read numbers of a study which it does not show now, and its page."""
    why = f"it stood beside numbers of '{study}' that are no longer shown, or are others now: run it again"
    with locked(root / "studies"):  # two studies that end at once may have been read by one synthesis
        for name in readers_of_other_numbers(root, study):
            replace(root / "studies" / name, _made(root / SUPERSEDED) / name)
            remove(_page_of(root, name))
            record(root, name, FAILED, reason=why)


def _page_of(root: Path, study: str) -> Path:
    return root / "report" / f"{study}.html"


def readers_of_other_numbers(root: Path, study: str) -> list[str]:
    """Syntheses of a submission that read numbers of a study which it does not show now."""
    folder = root / "studies" / study
    now = shown_sha256(folder) if folder.is_dir() else ""
    found = []
    for path in sorted((root / "studies").glob("[!.]*/run.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        if any(one["study"] == study and one.get("shown_sha256") != now for one in run.get("site", ())):
            found.append(path.parent.name)
    return found


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def require_workers(workers: int) -> int:
    """A number of processes that can be.

    Raises
    ------
    InputError
        Less than one.
    """
    if workers < 1:
        raise InputError("There has to be a worker", where=f"--workers {workers}")
    return workers
