"""What several rooms of tests share: one synthetic NCDB submission that went all the way, and the command line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(scope="session")
def ncdb_extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic NCDB 2016 extract of the study's years, mostly stage IV, so that the study has people."""
    from pipelines.synthetic import WorldSettings, write_extract

    folder = tmp_path_factory.mktemp("ncdb")
    files = write_extract(
        WorldSettings(stage_iv_share=0.8, years=(2010, 2012)), "ncdb-2016", 9_000, 11, folder
    )
    return next(path for path in files.paths if path.suffix == ".dat")


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory, ncdb_extract: Path) -> Path:
    """A home with one published submission, one study, its pages and the warehouse; not to be changed."""
    from pipelines import steps
    from pipelines.store import Home

    home = Home(tmp_path_factory.mktemp("home"))
    steps.load(home, [ncdb_extract], "ncdb-2016")
    steps.build(home, "ncdb-2016")
    steps.validate(home, "ncdb-2016")
    steps.run_study(home, "ncdb-2016", "mudgway2020")
    steps.report(home, "ncdb-2016")
    steps.publish_warehouse(home)
    return home.root


@pytest.fixture
def cohorts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the ``cohorts`` command as a user would: exit code, what it said, what it complained of."""
    from pipelines import cli

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["cohorts", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
