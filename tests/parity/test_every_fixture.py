"""No frozen number of R's lies unused, and none of the public collection beside the checkout is left out."""

import ast
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OURS = {path.stem: path for path in (HERE / "fixtures").glob("*.json")}
COLLECTION = HERE.parents[2] / "shared" / "reference" / "parity" / "fixtures"


def test_every_fixture_is_compared_by_a_test() -> None:
    patterns = [pattern for path in HERE.glob("test_parity_*.py") for pattern in _names_in(path)]
    named = re.compile("|".join(sorted(set(patterns), key=len, reverse=True)))
    assert sorted(name for name in OURS if not named.fullmatch(name)) == []


def test_every_data_set_is_read_by_a_test_or_a_script() -> None:
    users = "\n".join(p.read_text() for p in (*HERE.glob("*.py"), *HERE.glob("*.R"), *HERE.glob("r/*.R")))
    assert sorted(p.stem for p in (HERE / "fixtures").glob("*.csv") if p.stem not in users) == []


@pytest.mark.skipif(
    not COLLECTION.is_dir(), reason="the collection of R's results is not beside the checkout"
)
def test_the_collection_is_here_whole_and_unchanged() -> None:
    theirs = {path.stem: json.loads(path.read_text())["value"] for path in COLLECTION.glob("*.json")}
    assert sorted(set(theirs) - set(OURS)) == []
    changed = [name for name, value in theirs.items() if not _same(_value(OURS[name]), value)]
    assert sorted(changed) == []


def _value(path: Path) -> object:
    return json.loads(path.read_text())["value"]


def _same(ours: object, theirs: object) -> bool:
    """Equal to eleven digits: a fixture may have been made again by another version of R."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(_same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(theirs, float) or isinstance(ours, float):
        return isinstance(ours, int | float) and math.isclose(ours, theirs, rel_tol=1e-11, abs_tol=1e-14)
    return ours == theirs


def _names_in(path: Path) -> Iterator[str]:
    """Every text of a test module as a pattern; what an f-string fills in may be anything."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A glob such as "x_match_*.json" takes all of its kind.
            yield re.escape(node.value.removesuffix(".json")).replace(r"\*", ".+")
        if isinstance(node, ast.JoinedStr):
            parts = [re.escape(p.value) if isinstance(p, ast.Constant) else ".*" for p in node.values]
            if not parts[0].startswith(".*"):
                yield "".join(parts)
