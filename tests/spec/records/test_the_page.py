"""The page of the derivations is made from these tests, and is current."""

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_derivations_page_is_current():
    made = runpy.run_path(str(DOCS / "make_derivations.py"))
    current = made["PAGE"].read_text(encoding="utf-8")
    assert current == made["page"](), "run `python docs/make_derivations.py`"


def test_every_chapter_is_on_the_page():
    made = runpy.run_path(str(DOCS / "make_derivations.py"))
    folders = {path.name for path in made["SPEC"].iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(made["CHAPTERS"]) == folders
