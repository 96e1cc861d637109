"""Write ``docs/derivations.md`` from the spec tests: ``python docs/make_derivations.py``.

Folder = chapter, file = section, test = paragraph with its docstring and its toy patients. Nothing is written twice.
"""

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "tests" / "spec"
PAGE = ROOT / "docs" / "derivations.md"
SOURCES = {
    "rule": "NCDB",
    "seer_rule": "SEER",
    "naaccr_rule": "NAACCR",
    "mapped_rule": "Mapped source",
    "registry": "NCDB, fields of the file",
    "at_risk": "Months from diagnosis",
}
ACRONYMS = {
    "ncdb",
    "seer",
    "her2",
    "er",
    "pr",
    "eod",
    "naaccr",
    "icd",
    "ajcc",
    "m",
    "m0",
    "m1",
    "iv",
    "t",
    "tn",
}
CHAPTERS = {
    "records": "The record and what came before it",
    "covariates": "The person and the tumor",
    "stage": "Metastatic at diagnosis",
    "presentation": "De novo and metachronous",
    "receptors": "Receptors and subtype",
    "spread": "Where it spread",
    "treatment": "Treatment",
    "survival": "Follow-up and death",
    "immortal_time": "Who is at risk when",
    "ncdb_pitfalls": "Errors seen in public NCDB code",
}
OPENING = """# Derivations, with toy patients

Made from `tests/spec` by `docs/make_derivations.py`: each paragraph is a test that runs. Left of `=>` stands what the
registry recorded, in the words of `pipelines/registry/staged_columns.csv`; right of it what the derivation says, in
the words of `pipelines/registry/columns.csv`. `-` is null: no such field on the left, no value on the right. In the
last chapter the left side is the fixed-width file itself, field by field, and `_` is blank. In the one before it the
tables are what an analysis makes of eight patients (`tests/spec/immortal_time/conftest.py`): at risk from, to, as what.
"""


def page() -> str:
    """Give the whole page as Markdown."""
    parts = [OPENING]
    for folder, title in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for path in sorted((SPEC / folder).glob("test_*.py")):
            parts.extend(_section(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(parts)


def _section(module: ast.Module) -> Iterator[str]:
    tests = [node for node in module.body if isinstance(node, ast.FunctionDef) and list(_tables(node))]
    if not tests:
        return
    heading, _, more = (ast.get_docstring(module) or "").partition("\n\n")
    yield f"### {heading.rstrip('.')}\n"
    if more:
        yield f"{more}\n"
    for test in tests:
        yield f"**{_title(test.name)}.** {' '.join((ast.get_docstring(test) or '').split())}\n"
        yield from _tables(test)


def _title(name: str) -> str:
    words = [word.upper() if word in ACRONYMS else word for word in name.split("_")[1:]]
    return " ".join([words[0].capitalize() if words[0].islower() else words[0], *words[1:]])


def _tables(test: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SOURCES:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    drawn = textwrap.dedent(argument.value).strip()
                    yield f"{_source(node)}:\n\n```text\n{drawn}\n```\n"


def _source(call: ast.Call) -> str:
    """Who recorded it, with the release where the test names one."""
    assert isinstance(call.func, ast.Name)
    said = {each.arg: each.value for each in call.keywords}
    release = said.get("release")
    named = f" of release {release.value}" if isinstance(release, ast.Constant) else ""
    return f"{SOURCES[call.func.id]}{named if call.func.id == 'registry' else ''}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
