"""A refresh whose gate fails leaves what was published as it was, and no analysis passes by it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.extracts import spoil, state_of

Cohorts = Callable[..., tuple[int, str, str]]
STUDY, COHORT = "mudgway2020", "stage_iv_her2_positive_2010_2012"


@pytest.fixture
def home(tmp_path: Path, published_home: Path) -> Path:
    """A copy of the published submission, to do what a test wants with."""
    return Path(shutil.copytree(published_home, tmp_path / "var"))


def test_a_failed_refresh_changes_nothing_that_was_published(
    home: Path, ncdb_extract: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    before = state_of(home)
    assert f"submissions/ncdb-2016/studies/{STUDY}/estimates.csv" in before
    bad = spoil(ncdb_extract, tmp_path / "NCDBPUF_Breast.0.2016.0.dat")
    code, _, complained = cohorts("run", bad, "--submission", "ncdb-2016", "--replace", "--home", home)
    assert code == 1
    assert "has not passed its quality gate" in complained
    assert "Traceback" not in complained
    assert state_of(home) == before

    for command in (("cohort", "run", COHORT), ("study", "run", STUDY)):
        code, _, complained = cohorts(*command, "--submission", "ncdb-2016", "--home", home)
        assert code == 1, "an analysis of a submission whose refresh failed"
        assert "did not pass" in complained
    assert state_of(home) == before

    assert cohorts("discard", "ncdb-2016", "--home", home)[0] == 0
    assert cohorts("cohort", "run", COHORT, "--submission", "ncdb-2016", "--home", home)[0] == 0


def test_a_first_load_that_fails_its_gate_is_never_published(
    ncdb_extract: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    bad = spoil(ncdb_extract, tmp_path / "NCDBPUF_Breast.0.2016.0.dat")
    home = tmp_path / "var"
    assert cohorts("run", bad, "--submission", "ncdb-2016", "--home", home)[0] == 1
    code, _, complained = cohorts("cohort", "run", COHORT, "--submission", "ncdb-2016", "--home", home)
    assert code == 1
    assert "did not pass" in complained
    assert not (home / "registry.duckdb").exists()
    page = home / "submissions" / ".building" / "ncdb-2016" / "quality" / "index.html"
    assert page.is_file(), "the reviewer needs the report of the refresh that failed"


def test_the_same_input_twice_gives_the_same_bytes(
    home: Path, ncdb_extract: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    again = tmp_path / "again"
    code, said, complained = cohorts(
        "run", ncdb_extract, "--submission", "ncdb-2016", "--study", STUDY, "--home", again
    )
    assert code == 0, complained
    assert "9,000 records in = 9,000 kept + 0 quarantined" in said
    first, second = state_of(home / "submissions"), state_of(again / "submissions")
    timed = ("manifest.json", "quality/", "report/index.html")  # these say when it was loaded and judged
    compared = [name for name in first if not any(word in name for word in timed)]
    assert f"ncdb-2016/studies/{STUDY}/estimates.csv" in compared
    assert f"ncdb-2016/report/{STUDY}.html" in compared
    assert "ncdb-2016/registry/tumor.parquet" in compared
    assert {name: first[name] for name in compared} == {name: second[name] for name in compared}
