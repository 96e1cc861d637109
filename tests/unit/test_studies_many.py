"""Many studies at once: one that fails stops no other, the order is always the same, and the board tells it all."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut, write_study

from pipelines import steps
from pipelines.errors import GateError, InputError, RefusedError
from pipelines.store import Home
from pipelines.studies import is_evidence, list_studies, many, show_study
from pipelines.studies.evidence.beside import pools_beside
from pipelines.studies.many import (
    DONE,
    FAILED,
    REFUSED,
    Job,
    Outcome,
    as_outcome,
    rounds_of,
    run_many,
    studies_of_tier,
)
from pipelines.studies.scoreboard import COLUMNS, scoreboard

Cohorts = Callable[..., tuple[int, str, str]]
FEW = ["table_one", "km", "cox_unadjusted"]


def small(name: str, **changes: Any) -> dict[str, Any]:
    """A study that takes a moment: crude analyses alone."""
    crude = {"sensitivity": None, "analyses": FEW, "primary": "cox_unadjusted", "id": name}
    return cut("mudgway2020", **(crude | changes))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two that run on one cohort, one that is refused, one that fails on a record, one whose definition is wrong."""
    no_number = {"name": "x", "words": "X", "sql": "cast(sex as integer)", "levels": ["1"]}
    found = catalog_at(
        tmp_path_factory.mktemp("many"),
        small("first", tier=1),
        small("second", tier=2),
        small("refused", tier=1, sources=["seer"]),
        small("fails", tier=1, subgroups=[no_number]),
    )
    write_study(found, small("wrong", primary="no_such_analysis"))
    return found


@pytest.fixture
def home(tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("COHORTS_CATALOG", str(catalog))
    submission(tmp_path, tumors(world(400, seed=8)))
    return Home(tmp_path)


def spoken(home: Home, **options: Any) -> tuple[list[Outcome], list[str]]:
    told: list[str] = []
    found = steps.run_studies(
        home, ["toy"], tell=lambda one: told.append(one.study), **({"workers": 1} | options)
    )
    return found, told


def files_of(home: Home) -> dict[str, bytes]:
    root = home.published("toy").root
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in ("studies", "cohorts", "refusals", "failures")
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def test_one_that_fails_stops_no_other(home: Home) -> None:
    found, told = spoken(home)
    assert {one.study: one.state for one in found} == {
        "fails": FAILED, "first": DONE, "refused": REFUSED, "second": DONE, "wrong": FAILED,
    }  # fmt: skip
    assert [one.study for one in found] == sorted(told), "results are in order, progress as it comes"
    reasons = {one.study: one.reason for one in found}
    assert reasons["refused"] == "source_not_suited: ncdb"
    assert "an expression that fails on some record" in reasons["fails"]
    assert "primary analysis no_such_analysis" in reasons["wrong"]


def test_the_whole_refresh_goes_on_after_a_study_that_fails_and_says_so_at_its_end(
    home: Home, cohorts: Cohorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("load", "build"):  # a submission is published already
        monkeypatch.setattr(steps, step, lambda *given, **named: None)
    (home.published("toy").root / "quality").mkdir()
    pl.DataFrame({"check_id": ["none"]}).write_parquet(home.published("toy").quality_results)
    studies = [word for name in ("refused", "fails", "first") for word in ("--study", name)]
    code, said, complained = cohorts("run", "x.dat", "--submission", "toy", *studies, "--home", home.root)
    assert code == InputError.exit_code, "a failure, though a refusal came first"
    assert "an expression that fails on some record" in complained
    assert "fails: failed (" in said
    assert "refused: refused (source_not_suited" in said
    assert (home.published("toy").root / "report" / "first.html").is_file()
    assert home.warehouse.is_file()


def test_status_names_the_studies_that_failed(home: Home, cohorts: Cohorts) -> None:
    many.record(home.published("toy").root, "fails", FAILED, reason="there is no column no_such")
    code, said, _ = cohorts("status", "--home", home.root)
    assert code == 0
    assert "fails (failed)" in said


def test_two_processes_write_what_one_writes(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    spoken(home)
    alone = files_of(home)
    other = tmp_path_factory.mktemp("two")
    submission(other, tumors(world(400, seed=8)))
    spoken(Home(other), workers=2)
    assert files_of(Home(other)) == alone
    assert any(name.startswith("studies/first/") for name in alone)


def test_studies_of_one_cohort_go_one_after_another(catalog: Path) -> None:
    jobs = [Job(sub, study) for sub in ("a", "b") for study in ("first", "second", "wrong")]
    [groups] = rounds_of(jobs, catalog)
    together = {frozenset((job.submission, job.study) for job in group) for group in groups}
    assert frozenset({("a", "first"), ("a", "second")}) in together
    assert frozenset({("b", "first"), ("b", "second")}) in together
    assert len(groups) == 4, "a definition that cannot be read has no cohort, and goes alone"


def test_evidence_comes_after_the_studies_that_it_reads() -> None:
    from pipelines.settings import Settings

    jobs = [Job("a", "pooled_evidence"), Job("a", "mudgway2020")]
    first, last = rounds_of(jobs, Settings().catalog_dir)
    assert (first[0][0].study, last[0][0].study) == ("mudgway2020", "pooled_evidence")


def test_a_tier_chooses_and_a_wrong_definition_is_never_left_out(catalog: Path) -> None:
    assert studies_of_tier(catalog, 1) == ["fails", "first", "refused", "wrong"]
    assert studies_of_tier(catalog, 2) == ["second", "wrong"]
    assert studies_of_tier(catalog, None) == ["fails", "first", "refused", "second", "wrong"]


def test_success_clears_what_was_said_of_a_failure(home: Home, catalog: Path) -> None:
    spoken(home)
    failures = home.published("toy").root / "failures"
    assert {path.stem for path in failures.iterdir()} == {"fails", "wrong"}
    (failures / "first.json").write_text("{}", encoding="utf-8")
    steps.run_study(home, "toy", "first")
    assert {path.stem for path in failures.iterdir()} == {"fails", "wrong"}


def states_of(home: Home, study: str) -> dict[str, bool]:
    """Under which of the three states `cohorts status` has a study."""
    (found,) = steps.status(home)
    return {state: study in found[state] for state in ("studies", "refused", "failed")}


def test_a_study_that_is_refused_after_a_success_is_refused_alone(
    home: Home, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = catalog_at(tmp_path_factory.mktemp("changing"), small("first"))
    monkeypatch.setenv("COHORTS_CATALOG", str(changing))
    steps.run_study(home, "toy", "first")
    assert states_of(home, "first") == {"studies": True, "refused": False, "failed": False}
    before = {path for path in files_of(home) if path.startswith("studies/first/")}

    write_study(changing, small("first", sources=["seer"]))
    with pytest.raises(RefusedError):
        steps.run_study(home, "toy", "first")
    assert states_of(home, "first") == {"studies": False, "refused": True, "failed": False}
    root = home.published("toy").root
    moved = {path.name for path in (root / "superseded" / "first").iterdir()}
    assert moved == {Path(path).name for path in before}, "what it gave is kept out of everybody's way"

    write_study(changing, small("first", primary="no_such_analysis"))
    with pytest.raises(InputError):
        steps.run_study(home, "toy", "first")
    assert states_of(home, "first") == {"studies": False, "refused": False, "failed": True}
    (row,) = scoreboard(home).to_dicts()
    assert (row["state"], "no_such_analysis" in row["reason"]) == ("failed", True)

    write_study(changing, small("first"))
    steps.run_study(home, "toy", "first")
    assert states_of(home, "first") == {"studies": True, "refused": False, "failed": False}
    assert not (root / "superseded" / "first").exists()


@pytest.mark.parametrize("name", ["no_such_study", "../studies/first"])
def test_of_a_name_that_is_no_study_nothing_is_kept_or_signed(home: Home, name: str) -> None:
    steps.run_study(home, "toy", "first")
    before = files_of(home)
    with pytest.raises(InputError, match="There is no study"):
        steps.run_study(home, "toy", name)
    with pytest.raises(InputError, match="There is no study"):
        steps.sign_study(home, "toy", name, name="A Reviewer", reason="none")
    assert files_of(home) == before


def test_a_definition_that_is_no_text_stops_no_other(
    home: Home, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = catalog_at(tmp_path_factory.mktemp("broken"), small("first"))
    for name, content in (("latin", b"title: \xe9t\xe9\n"), ("pool", b"kind: evidence\ntitle: \xe9\n")):
        (broken / "studies" / name).mkdir()
        (broken / "studies" / name / "study.yaml").write_bytes(content)
    monkeypatch.setenv("COHORTS_CATALOG", str(broken))
    assert [is_evidence(name, broken) for name in ("latin", "pool")] == [False, False]
    assert {one.id: one.readable for one in list_studies(broken)} == {
        "first": True, "latin": False, "pool": False,
    }  # fmt: skip
    assert pools_beside("surgery", broken) == ()
    for name in ("latin", "pool"):
        with pytest.raises(InputError, match="not YAML"):
            show_study(name, broken)
    found, _ = spoken(home)
    assert {one.study: one.state for one in found} == {"first": DONE, "latin": FAILED, "pool": FAILED}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: evidence", True),
        ('kind: "evidence"', True),
        ("kind: evidence  # pooled", True),
        ("{id: x, 'kind': 'evidence'}", True),
        ("outcome:\n  kind: evidence", False),
        ("question: 'what kind: evidence'", False),
        ("- evidence", False),
    ],
)
def test_a_synthesis_is_known_by_its_kind_however_yaml_writes_it(
    text: str, expected: bool, tmp_path: Path
) -> None:
    (tmp_path / "studies" / "x").mkdir(parents=True)
    (tmp_path / "studies" / "x" / "study.yaml").write_text(f"{text}\n", encoding="utf-8")
    assert is_evidence("x", tmp_path) is expected


def test_a_page_tells_no_path_of_the_machine(home: Home, catalog: Path) -> None:
    with pytest.raises(RefusedError) as error:
        steps.run_study(home, "toy", "refused")
    assert error.value.where == f"{catalog / 'studies' / 'refused' / 'study.yaml'}, sources", (
        "who runs it is told"
    )
    kept = (home.published("toy").root / "refusals" / "refused.json").read_text(encoding="utf-8")
    assert "Where: catalog/studies/refused/study.yaml, sources." in kept
    assert str(catalog) not in kept


def test_the_death_of_a_process_is_kept_like_any_failure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(rounds: object, run: object, *, workers: int, tell: Callable[[Outcome], None]) -> list[Outcome]:
        tell(Outcome("toy", "first", FAILED, "the process that ran it ended"))
        return []

    monkeypatch.setattr(many, "run_many", dead)
    spoken(home)
    assert states_of(home, "first") == {"studies": False, "refused": False, "failed": True}


def test_the_board_has_a_row_for_all_that_was_asked(home: Home) -> None:
    spoken(home)
    board = scoreboard(home)
    assert tuple(board.columns) == COLUMNS
    assert dict(board.select("study", "state").iter_rows()) == {
        "fails": "failed", "first": "done", "refused": "refused", "second": "done", "wrong": "failed",
    }  # fmt: skip
    first = board.filter(study="first").row(0, named=True)
    assert (first["people"], first["measure"]) == ("400", "hr")
    assert first["estimate"][0].isdigit()
    assert board.filter(study="refused")["reason"][0] == "source_not_suited: ncdb"


def test_the_command_tells_the_board_and_its_exit_code_is_that_of_a_failure(
    home: Home, cohorts: Cohorts
) -> None:
    run = ["study", "run", "--all", "--workers", "1", "--home", home.root]
    code, out, err = cohorts(*run, "--submission", "toy")
    assert code == 1
    assert "first on toy: done" in err
    assert "refused" in out
    for name in ("fails", "wrong"):
        (Path(os.environ["COHORTS_CATALOG"]) / "studies" / name).rename(home.root / name)
    try:
        code, out, err = cohorts(*run, "--submission", "toy", "--tier", "1", "--json")
    finally:
        for name in ("fails", "wrong"):
            (home.root / name).rename(Path(os.environ["COHORTS_CATALOG"]) / "studies" / name)
    assert (code, err) == (0, ""), "done or refused is an answer"
    assert [(row["study"], row["state"]) for row in json.loads(out)["scoreboard"]] == [
        ("first", "done"),
        ("refused", "refused"),
    ]
    written = pl.read_csv(home.root / "report" / "scoreboard.csv")
    assert set(written["study"]) == {"fails", "first", "refused", "second", "wrong"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--all", "first", "--submission", "toy"], "not both"),
        (["--submission", "toy"], "No study is named"),
        (["--all"], "No submission is named"),
        (["first", "--submission", "toy", "--tier", "1"], "--tier chooses"),
        (["first", "--submission", "toy", "--submission", "other"], "One study runs on one submission"),
        (["--all", "--submission", "nothing"], "nothing"),
    ],
)
def test_calls_that_mean_nothing_are_told(
    home: Home, cohorts: Cohorts, arguments: list[str], complaint: str
) -> None:
    code, _, err = cohorts("study", "run", *arguments, "--home", home.root)
    assert code == 2
    assert complaint in err
    assert not (home.published("toy").root / "studies").exists()


def test_an_unexpected_error_is_told_by_its_place_and_not_by_its_words() -> None:
    try:
        raise KeyError("patient 4711")
    except KeyError as error:
        found = as_outcome(Job("a", "b"), error, 1.0)
    assert (found.state, "4711" in found.reason, "test_studies_many.py" in found.reason) == (
        FAILED,
        False,
        True,
    )
    told = as_outcome(Job("a", "b"), InputError("Empty cohort"), 1.0)
    assert (told.state, told.reason) == (FAILED, "Empty cohort.")
    assert as_outcome(Job("a", "b"), GateError("No pass"), 1.0).state == FAILED
    refusal = RefusedError("Needs dates", reason_code="not_released", where="here")
    assert as_outcome(Job("a", "b"), refusal, 1.0).reason == "not_released"


def end_the_process(job: Job) -> Outcome:
    """A worker that is killed, as by a machine without memory left; another process must find it by its name."""
    if job.study == "dies":
        os._exit(9)
    return Outcome(job.submission, job.study, DONE)


def test_a_process_that_ends_is_a_failure_of_its_jobs() -> None:
    told: list[Outcome] = []
    jobs = [[Job("a", "dies")], [Job("a", "also")]]
    found = run_many([jobs], end_the_process, workers=2, tell=told.append)
    assert {one.study for one in found} == {"dies", "also"} == {one.study for one in told}
    states = {one.study: one.state for one in found}
    assert states == {"dies": FAILED, "also": DONE}, "what ends its own process fails alone"
    [dead] = [one for one in found if one.study == "dies"]
    assert "process" in dead.reason
