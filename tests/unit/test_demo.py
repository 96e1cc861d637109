"""The demo empties its home, and nobody else's."""

from pathlib import Path

import pytest
from typer.main import get_command

from pipelines.cli import app
from pipelines.demo import empty_for_demo
from pipelines.errors import InputError


def test_a_home_that_no_demo_wrote_is_refused_and_stays(tmp_path: Path) -> None:
    notes = tmp_path / "submissions" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("ours", encoding="utf-8")
    with pytest.raises(InputError, match="what no demo wrote"):
        empty_for_demo(tmp_path)
    assert notes.read_text(encoding="utf-8") == "ours"


def test_a_new_home_and_that_of_an_earlier_demo_are_begun_anew(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    empty_for_demo(home)
    (home / "submissions").mkdir()
    empty_for_demo(home)
    assert [path.name for path in home.iterdir()] == ["demo.txt"]


def test_the_variable_that_names_a_sites_store_does_not_name_the_demos() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group, by its type a command
    (home,) = [one for one in commands["demo"].params if one.name == "home"]
    assert home.envvar is None
    (of_status,) = [one for one in commands["status"].params if one.name == "home"]
    assert of_status.envvar == "COHORTS_HOME"
