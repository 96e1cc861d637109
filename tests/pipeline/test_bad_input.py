"""Whatever is wrong: one paragraph, the right exit code, and nothing that was there before is touched."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.codebook.layouts import builtin_layouts
from tests.pipeline.extracts import state_of

Cohorts = Callable[..., tuple[int, str, str]]
CATALOG = Path(__file__).parents[2] / "catalog"
MAPPING = CATALOG / "mappings" / "breast_msk_2018.yaml"
COHORT = "stage_iv_her2_positive_2010_2012"
COHORT_FILE = "cohorts/stage_iv_female_breast.yaml"
"""What the cohort of the study is built on: a mistake there is one of whatever is."""
STUDY_FILE = "studies/mudgway2020/study.yaml"


def assert_one_paragraph(said: str) -> None:
    assert said.startswith(("error: ", "gate: ")), said
    assert said.count("\n") == 1, said
    assert said.count("Where: ") <= 1, said


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small sound extracts: ``a.dat`` of 2016, ``b.dat`` of 2022, case listings, mapped files."""
    from pipelines.synthetic import WorldSettings, write_extract

    folder = tmp_path_factory.mktemp("received")
    for name in ("ncdb-2016", "ncdb-2022", "seerstat-nov2018", "seerstat-nov2022", "mapped-msk"):
        write_extract(WorldSettings(stage_iv_share=0.7), name, 400, 3, folder / name)
    (folder / "ncdb-2016" / "NCDBPUF_Breast.0.2016.0.dat").rename(folder / "a.dat")
    (folder / "ncdb-2022" / "NCDBPUF_Breast.0.2022.0.dat").rename(folder / "b.dat")
    for year in ("2018", "2022"):
        for ending in ("csv", "dic"):
            old = folder / f"seerstat-nov{year}" / f"seer_breast_nov{year}.{ending}"
            old.rename(folder / f"s{year}.{ending}")
    return folder


OLD_LISTING = b"Patient ID,Sex,Year of diagnosis,Grade\n00000012,Female,2004,Unknown\n"
"""Columns that every submission to November 2016 has."""


def copied(source: Path, target: Path, *edits: Callable[[bytes], bytes]) -> Path:
    content = source.read_bytes()
    for edit in edits:
        content = edit(content)
    target.write_bytes(content)
    return target


def with_dic(received: Path, folder: Path, dic: bytes) -> Path:
    (folder / "x.dic").write_bytes(dic)
    return copied(received / "s2018.csv", folder / "x.csv")


def dic_of(received: Path, year: str = "2018") -> bytes:
    return (received / f"s{year}.dic").read_bytes()


def written(folder: Path, content: bytes, name: str = "x.dat") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def cut(content: bytes, length: int) -> bytes:
    return b"".join(line[:length] + b"\n" for line in content.splitlines())


Arguments = Callable[[Path, Path], list[Path | str]]
WRONG_FILES: dict[str, tuple[Arguments, str]] = {
    "nothing there": (lambda r, t: [t / "none.dat"], "There is no such file"),
    "a folder": (lambda r, t: [r], "This is a folder"),
    "empty": (lambda r, t: [written(t, b"")], "The file is empty"),
    "binary": (lambda r, t: [written(t, bytes(range(256)) * 99)], "binary data"),
    "a PDF": (lambda r, t: [written(t, b"%PDF-1.7\nx\n")], "This is a PDF document"),
    "blank lines": (lambda r, t: [written(t, b"\n\n\n")], "no line that can be a record"),
    "NUL in every line": (
        lambda r, t: [copied(r / "a.dat", t / "x.dat", lambda c: c.replace(b"\n", b"\0\n"))],
        "hold NUL bytes",
    ),
    "one line without end": (
        lambda r, t: [copied(r / "b.dat", t / "x.dat", lambda c: c.replace(b"\n", b""))],
        "records are 432,000 bytes long",
    ),
    "every line short": (lambda r, t: [copied(r / "a.dat", t / "x.dat", lambda c: cut(c, 30))], "one column"),
    "a release not built in": (
        lambda r, t: [copied(r / "b.dat", t / "x.dat", lambda c: cut(c, 1032))],
        "a release that is not built in",
    ),
    "2016 read as 2022": (lambda r, t: [r / "a.dat", "--layout", "2022"], "It looks like release 2016"),
    "2022 read as 2016": (lambda r, t: [r / "b.dat", "--layout", "2016"], "It looks like release 2022"),
    "no such layout": (lambda r, t: [r / "a.dat", "--layout", "1999"], "no built-in NCDB layout '1999'"),
    "a layout that is none": (
        lambda r, t: [r / "a.dat", "--layout", written(t, b"%PDF", "l.csv")],
        "no layout table",
    ),
    "two releases": (lambda r, t: [r / "a.dat", r / "b.dat"], "different releases"),
    "the truth among the data": (
        lambda r, t: [r / "a.dat", r / "ncdb-2016" / "truth.json", r / "ncdb-2016" / "truth.parquet"],
        "truth.json is none that can be loaded",
    ),
    "one name twice": (
        lambda r, t: [r / "a.dat", copied(r / "a.dat", t / "a.txt")],
        "Two files have the same name",
    ),
    "no such source": (lambda r, t: [r / "a.dat", "--source", "sear"], "There is no source 'sear'"),
    "NCDB called SEER": (lambda r, t: [r / "a.dat", "--source", "seer"], "SEER research data in ASCII"),
    "a .dic alone": (lambda r, t: [r / "s2018.dic"], "No data file is named"),
    "no .dic, and names of many submissions": (lambda r, t: [written(t, OLD_LISTING, "x.csv")], "Put x.dic"),
    "the .dic of another export": (
        lambda r, t: [with_dic(r, t, dic_of(r, "2022"))],
        "dictionary was written with another file",
    ),
    "the .dic of a frequency session": (
        lambda r, t: [with_dic(r, t, dic_of(r).replace(b"Case Listing", b"Frequency"))],
        "rows are statistics",
    ),
    "the .dic of a survival session": (
        lambda r, t: [with_dic(r, t, dic_of(r).replace(b"Case Listing", b"Survival"))],
        "The export dictionary lists no columns",
    ),
    "a .dic that is none": (lambda r, t: [with_dic(r, t, b"hello")], "not an export dictionary"),
    "a .dic without submission": (
        lambda r, t: [
            written(t, OLD_LISTING, "x.csv"),
            written(t, dic_of(r, "2018").replace(b"Nov 2018 Sub", b"my copy"), "x.dic"),
        ],
        "does not say which SEER submission",
    ),
    "a table without mapping": (
        lambda r, t: [r / "mapped-msk" / "data_clinical_patient.txt"],
        "--mapping FILE",
    ),
    "a mapping without its second table": (
        lambda r, t: [r / "mapped-msk" / "data_clinical_patient.txt", "--mapping", MAPPING],
        "for table 'sample'",
    ),
    "a mapping for another file": (lambda r, t: [r / "s2018.csv", "--mapping", MAPPING], "names column"),
    "a mapping that is not there": (lambda r, t: [r / "a.dat", "--mapping", t / "no.yaml"], "cannot be read"),
    "a mapping that is no YAML": (
        lambda r, t: [r / "a.dat", "--mapping", written(t, b"a: [b\n c: }", "m.yaml")],
        "m.yaml, line 2",
    ),
    "a mapping with unknown keys": (
        lambda r, t: [
            r / "a.dat",
            "--mapping",
            copied(MAPPING, t / "m.yaml", lambda c: c + b"\nextra: 1\nmore: 2\n"),
        ],
        "extra: there is no such key; line",
    ),
    "a mapping with a wrong column": (
        lambda r, t: [
            *sorted((r / "mapped-msk").glob("*.txt")),
            "--mapping",
            copied(MAPPING, t / "m.yaml", lambda c: c.replace(b"OS_MONTHS", b"OS_MONTH")),
        ],
        "Did the file mean 'OS_MONTHS'",
    ),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_file_is_one_paragraph_and_leaves_nothing(
    case: str, received: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    make, words = WRONG_FILES[case]
    home, arrived = tmp_path / "var", tmp_path / "arrived"
    arrived.mkdir()
    code, said, complained = cohorts("load", *make(received, arrived), "--submission", "x-1", "--home", home)
    assert (code, said) == (2, "")
    assert_one_paragraph(complained)
    assert words in complained
    assert not home.exists(), "a refused file leaves nothing behind"


def test_damaged_records_are_set_aside_and_doctor_says_the_same(
    received: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    lines = (received / "a.dat").read_bytes().splitlines(keepends=True)
    lines[3], lines[7], lines[11] = lines[3][:20] + b"\n", lines[7][:-1] + b"MORE\n", b"\n"
    lines[9] = lines[9][:100] + b"\0" + lines[9][101:]
    path = written(tmp_path, b"".join(lines)[:-50])
    code, said, _ = cohorts("load", path, "--submission", "x", "--home", tmp_path / "var")
    assert code == 0
    assert "400 records in = 395 kept + 5 quarantined" in said
    assert "has no line end" in said
    assert "quarantine.parquet" in said
    code, said, _ = cohorts("doctor", path, "--json")
    assert code == 0
    (found,) = json.loads(said)["files"]
    aside = [problem for problem in found["problems"] if "set aside" in problem]
    assert len(aside) == 5, "the four, and the record that the cut ran through"
    assert any("longer than the 410 bytes" in problem for problem in aside)


def test_doctor_fails_where_load_would(received: Path, tmp_path: Path, cohorts: Cohorts) -> None:
    path = written(tmp_path, OLD_LISTING, "x.csv")
    code, said, _ = cohorts("doctor", received / "a.dat", path)
    assert code == 2
    assert said.count("Put x.dic") == 1, "said once"
    assert "release 2016: lines of 410 bytes" in said
    assert "records: 400" in said


CALLS = {
    "no such command": ("frobnicate",),
    "no such option": ("load", "x", "--submision", "x"),
    "no paths": ("load", "--submission", "x"),
    "no rows": ("synth", "--format", "ncdb-2016", "--out", "{tmp}/s", "--rows", "0"),
    "no such format": ("synth", "--format", "ncdb-1999", "--out", "{tmp}/s"),
    "a hazard ratio below zero": ("synth", "--format", "ncdb-2016", "--out", "{tmp}/s", "--surgery-hr", "-1"),
    "out is a file": ("synth", "--format", "ncdb-2016", "--out", "{tmp}/file", "--rows", "9"),
    "a submission id with capitals": ("build", "NCDB_2016", "--home", "{tmp}/var"),
    "the home is a file": ("status", "--home", "{tmp}/file"),
    "the home is in a file": ("publish", "--home", "{tmp}/file/var"),
    "the home is an address": ("status", "--home", "s3://bucket/x"),
    "nothing to publish": ("publish", "--home", "{tmp}/var"),
    "nothing to build": ("build", "x", "--home", "{tmp}/var"),
    "nothing to judge": ("validate", "x", "--home", "{tmp}/var"),
    "nothing to report": ("report", "x", "--home", "{tmp}/var"),
    "no such cohort": ("cohort", "show", "nope"),
    "no such study": ("study", "show", "../cohorts/nope"),
}


@pytest.mark.parametrize("case", CALLS)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_wrong_call_is_one_paragraph(case: str, as_json: bool, tmp_path: Path, cohorts: Cohorts) -> None:
    written(tmp_path, b"no folder", "file")
    arguments = [word.format(tmp=tmp_path) for word in CALLS[case]] + ["--json"] * as_json
    code, said, complained = cohorts(*arguments)
    assert (code, said) == (2, "")
    if as_json:
        assert json.loads(complained)["exit_code"] == 2
    else:
        assert_one_paragraph(complained)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_bare_command_is_help_and_no_complaint(cohorts: Cohorts) -> None:
    code, said, complained = cohorts()
    assert (code, complained) == (2, "")
    assert "doctor" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [("COHORTS_MIN_CELL", "eleven"), ("COHORTS_MIN_CELL", "0"), ("COHORTS_CATALOG", "/no/such/catalog")],
)
def test_a_wrong_setting_is_named(
    variable: str, value: str, cohorts: Cohorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    code, said, complained = cohorts("cohort", "list")
    assert (code, said) == (2, "")
    assert_one_paragraph(complained)
    assert variable in complained


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the catalog that the command reads."""
    copy = Path(shutil.copytree(CATALOG, tmp_path / "catalog"))
    monkeypatch.setenv("COHORTS_CATALOG", str(copy))
    return copy


STAGE_IV = "    when: stage_iv\n"
OUTCOME = "  words: Death of any cause, months from diagnosis\n"
DEFINITIONS: dict[str, tuple[str, list[tuple[str, str]], int, list[str]]] = {
    "nobody left": (
        COHORT_FILE,
        [(STAGE_IV, "    when: stage_iv and not stage_iv\n")],
        2,
        ["is empty", "after rule 'stage_iv'"],
    ),
    "columns that are not there": (
        COHORT_FILE,
        [(STAGE_IV, "    when: stage_five\n"), ("primary_site in", "primary_place in")],
        2,
        ["stage_five", "primary_place"],
    ),
    "three mistakes": (
        COHORT_FILE,
        [(STAGE_IV, "    when: stage_iv; drop table tumor\n"), ("title:", "titel:")],
        2,
        ["3 mistake(s)", "';' has no place", "titel: there is no such key"],
    ),
    "a condition that fails on a record": (
        COHORT_FILE,
        [(STAGE_IV, "    when: cast(tumor_id || 'x' as integer) > 0\n")],
        2,
        ["fails on some record: stage_iv"],
    ),
    "not UTF-8, not YAML": (COHORT_FILE, [("name:", "\t{:")], 2, ["not YAML"]),
    "a study with two mistakes": (
        STUDY_FILE,
        [("order: closest", "order: closst"), ("sources: [ncdb]", "sources: [ncdb]\nsauces: [x]")],
        2,
        ["2 mistake(s)", "design.match.order", "sauces"],
    ),
    "a study that reads no column": (
        STUDY_FILE,
        [("column: income_quartile_2012", "column: income_1999")],
        2,
        ["covariates.income", "income_1999"],
    ),
    "a study whose expression fails on a record": (
        STUDY_FILE,
        [("column: income_quartile_2012", "sql: cast(patient_id as integer)")],
        2,
        ["fails on some record"],
    ),
    "nobody dies": (
        STUDY_FILE,
        [(OUTCOME, OUTCOME + "  event: died and not died\n")],
        2,
        ["cannot be fitted", "Nobody has the event"],
    ),
    "a covariate that is the arm": (
        STUDY_FILE,
        [("column: income_quartile_2012", "sql: case when operated then 'q4' else 'q1' end")],
        2,
        ["cannot be fitted", "An arm has nobody left"],
    ),
    "another source": (STUDY_FILE, [("sources: [ncdb]", "sources: [seer]")], 3, ["source_not_suited"]),
    "cause of death from the NCDB": (
        STUDY_FILE,
        [("kind: overall", "kind: disease_specific")],
        3,
        ["cause_of_death_group", "not_released"],
    ),
}


@pytest.mark.parametrize("case", DEFINITIONS)
def test_a_wrong_definition_changes_nothing_that_was_published(
    case: str, catalog: Path, published_home: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    file, edits, expected, words = DEFINITIONS[case]
    text = (catalog / file).read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (catalog / file).write_text(text, encoding="utf-8")
    home = Path(shutil.copytree(published_home, tmp_path / "var"))
    before = state_of(home)
    what = ("cohort", "run", COHORT) if file == COHORT_FILE else ("study", "run", "mudgway2020")
    code, _, complained = cohorts(*what, "--submission", "ncdb-2016", "--home", home)
    assert code == expected, complained
    assert_one_paragraph(complained)
    for word in words:
        assert word in complained
    after, root = state_of(home), "submissions/ncdb-2016"
    refusal, failure = f"{root}/refusals/mudgway2020.json", f"{root}/failures/mudgway2020.json"
    asked = what[0] == "study"
    assert (refusal in after) == (asked and expected == 3), "a refusal is kept for the report"
    assert (failure in after) == (asked and expected == 2), "and so is a failure"
    left = {name: digest for name, digest in after.items() if name not in (refusal, failure)}
    if refusal in after:  # a study that is refused now has no results and no page: those step aside, whole
        del before[f"{root}/report/mudgway2020.html"]
        aside = {name.replace("/superseded/", "/studies/"): digest for name, digest in left.items()}
        assert aside != left
        left = aside
    assert left == before


PUBLISHED = {
    "no such study": (("study", "run", "nope", "--submission", "ncdb-2016"), 2, "There are: abcsg28"),
    "no such cohort": (("cohort", "run", "nope", "--submission", "ncdb-2016"), 2, "There are: breast_seer"),
    "no such submission": (("report", "ncdb-1999"), 2, "Published here: ncdb-2016"),
    "relapse from the NCDB": (
        ("cohort", "run", "metastatic_de_novo_vs_metachronous", "--submission", "ncdb-2016"),
        3,
        "not_released",
    ),
    "years that are not covered": (
        ("cohort", "run", "stage_iv_seer_1988_2011", "--submission", "ncdb-2016"),
        3,
        "period_not_covered",
    ),
    "a published id": (("load", "{extract}", "--submission", "ncdb-2016"), 2, "--replace"),
    "a study that is not there, before any work": (
        ("run", "{extract}", "--submission", "new", "--study", "nope"),
        2,
        "There is no study 'nope'",
    ),
    "building what is published": (("build", "ncdb-2016"), 2, "no submission 'ncdb-2016' in building"),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_a_refused_call_changes_nothing_that_was_published(
    case: str, published_home: Path, ncdb_extract: Path, cohorts: Cohorts
) -> None:
    arguments, expected, words = PUBLISHED[case]
    before = state_of(published_home)
    call = [word.format(extract=ncdb_extract) for word in arguments]
    code, said, complained = cohorts(*call, "--home", published_home, "--json")
    assert (code, said) == (expected, "")
    answer = json.loads(complained)
    assert words in answer["error"]
    assert answer.get("reason_code", "") in answer["error"]
    assert state_of(published_home) == before
    assert not (published_home / "submissions" / ".building").exists() or not any(
        (published_home / "submissions" / ".building").iterdir()
    )


def test_a_damaged_store_is_told_without_a_traceback(
    published_home: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    home = Path(shutil.copytree(published_home, tmp_path / "var"))
    tumor = home / "submissions" / "ncdb-2016" / "registry" / "tumor.parquet"
    tumor.write_bytes(tumor.read_bytes()[:5000])
    before = state_of(home)
    for command in (("publish",), ("cohort", "run", COHORT, "--submission", "ncdb-2016")):
        code, _, complained = cohorts(*command, "--home", home)
        assert code == 2
        assert_one_paragraph(complained)
    assert state_of(home) == before
    (home / "submissions" / "ncdb-2016" / "manifest.json").write_text('{"submission":', encoding="utf-8")
    code, _, complained = cohorts("status", "--home", home)
    assert code == 2
    assert "manifest of submission 'ncdb-2016' is damaged" in complained


def test_status_says_where_each_submission_stands(
    published_home: Path, received: Path, tmp_path: Path, cohorts: Cohorts
) -> None:
    home = Path(shutil.copytree(published_home, tmp_path / "var"))
    assert cohorts("load", received / "b.dat", "--submission", "next", "--home", home)[0] == 0
    entries = json.loads(cohorts("status", "--home", home, "--json")[1])["submissions"]
    assert [(one["submission"], one["state"], one["studies"]) for one in entries] == [
        ("ncdb-2016", "published", ["mudgway2020"]),
        ("next", "loaded", []),
    ]
    _, said, _ = cohorts("status", "--home", home)
    assert f"next: cohorts build next --home {home}" in said


def test_no_page_names_a_person(published_home: Path, ncdb_extract: Path) -> None:
    """Case ids are in the tables (Parquet, for analysts) and in nothing that a reader, a log or a scheduler sees."""
    field = builtin_layouts()["2016"].by_name["PUF_CASE_ID"]
    ids = {line[field.bytes].strip() for line in ncdb_extract.read_bytes().splitlines()}
    assert len(ids) > 1000
    told = [
        path
        for path in published_home.rglob("*")
        if path.suffix in {".html", ".json", ".csv", ".yaml", ".sql", ".svg", ".log", ".txt"}
    ]
    assert len(told) > 10
    width = {len(one) for one in ids}
    assert len(width) == 1
    (length,) = width
    for path in told:
        content = path.read_bytes()
        found = {content[at : at + length] for at in range(len(content) - length + 1)} & ids
        assert not found, f"{path.name} holds {len(found)} case ids"
