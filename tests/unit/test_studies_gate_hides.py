"""What a gate hides is nowhere to be read: through a study, to every page, line and table; and who may open it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut, targets, write_study

from pipelines import steps
from pipelines.cli_study import require_name
from pipelines.errors import InputError
from pipelines.reporting import write_index, write_report
from pipelines.reporting.diff import compare_estimates
from pipelines.store import Home, Submission, build_warehouse, write_parquet
from pipelines.store.withheld import hidden_keys, read_comparison, read_estimates, standing
from pipelines.studies import run_study, sign, study_lines, switch_off

Cohorts = Callable[..., tuple[int, str, str]]
SENTINEL = 735191.73
"""A hazard ratio that no other number of a page resembles."""
MARKS = ("735191", "735,191", "735192", "735,192")


def toy_study(**gate: float) -> dict[str, Any]:
    return cut("mudgway2020", sensitivity=None, gate=gate, tier=1)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = catalog_at(tmp_path_factory.mktemp("gated"))
    write_study(found, toy_study(smd=0.001, smd_strong=0.001), targets("mudgway2020"))
    return found


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory, catalog: Path) -> Submission:
    sub = submission(tmp_path_factory.mktemp("failed"), tumors(world(700, seed=3)))
    run_study(sub, "mudgway2020", catalog)
    return sub


@pytest.fixture
def home(failed: Submission, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of the home, to be signed and spoiled."""
    monkeypatch.setenv("COHORTS_CATALOG", str(catalog))
    shutil.copytree(failed.root.parents[1], tmp_path / "home")
    return Home(tmp_path / "home")


def folder_of(home: Home) -> Path:
    return home.published("toy").root / "studies" / "mudgway2020"


def spoil(folder: Path) -> int:
    """Write the sentinel in place of every number that the gate hides, in all that it is read from."""
    keys = hidden_keys(folder)
    assert keys
    places = {
        "estimates": ["estimate", "ci_low", "ci_high"],
        "comparison": ["estimated", "ci_low", "ci_high"],
    }
    for name, columns in places.items():
        table = pl.read_csv(folder / f"{name}.csv", infer_schema_length=None)
        key = ("analysis", "subgroup", "term", "contrast", "measure")
        rows = table.select(pl.col(key).cast(pl.String).fill_null("")).rows()
        mask = pl.Series([row in keys for row in rows])
        table.with_columns(
            pl.when(mask).then(SENTINEL).otherwise(pl.col(one).cast(pl.Float64)).alias(one) for one in columns
        ).write_csv(folder / f"{name}.csv")
    return len(keys)


def everything_said(home: Home, cohorts: Cohorts) -> dict[str, str]:
    """Every page, every line, every table of a home."""
    write_report(home.published("toy"))
    write_index(home)
    said = {path.name: path.read_text(encoding="utf-8") for path in home.root.rglob("*.html")}
    said |= {path.name: path.read_text(encoding="utf-8") for path in (home.root / "report").glob("*.csv")}
    said["lines"] = "\n".join(study_lines(folder_of(home)))
    for command in (["study", "scoreboard"], ["report", "toy"], ["status"]):
        for form in ([], ["--json"]):
            code, out, err = cohorts(*command, "--home", home.root, *form)
            assert code == 0, err
            said[" ".join([*command, *form])] = out + err
    sub = home.published("toy")
    said["diff"] = json.dumps(compare_estimates(sub, sub, min_cell=11).to_dicts(), default=str)
    write_parquet(pl.DataFrame({"check_id": ["toy"]}), sub.quality_results)
    with duckdb.connect(str(build_warehouse(home)), read_only=True) as con:
        said["warehouse"] = str(con.sql("from toy.study_mudgway2020").fetchall())
    return said


def test_no_page_line_or_table_tells_a_number_that_the_gate_hides(home: Home, cohorts: Cohorts) -> None:
    assert spoil(folder_of(home)) > 5
    for name, text in everything_said(home, cohorts).items():
        leaks = [mark for mark in MARKS if mark in text]
        assert not leaks, f"{name} tells {text[text.index(leaks[0]) - 60 :][:140]}"
    page = (home.published("toy").root / "report" / "mudgway2020.html").read_text(encoding="utf-8")
    assert page.count("hidden until the gate passes") > 5
    assert "Curves hidden until the gate passes" in page  # of the matched set; those of everybody are there
    assert page.count('class="km"><svg') == 1
    assert "Gate of the primary analysis matched_cox failed" in page


def test_the_same_search_finds_every_number_where_the_gate_is_off(home: Home, cohorts: Cohorts) -> None:
    """The attack above is one that can succeed: without the gate each place tells the number."""
    spoil(folder_of(home))
    switch_off(folder_of(home))
    said = everything_said(home, cohorts)
    told = {name for name, text in said.items() if any(mark in text for mark in MARKS)}
    assert {
        "mudgway2020.html",
        "scoreboard.html",
        "scoreboard.csv",
        "lines",
        "warehouse",
    } <= told
    pages = [name for name in said if name.endswith(".html")]
    assert all("gate is off (--no-gate) for mudgway2020" in said[name] for name in pages)
    assert "GATE OFF" in said["lines"].splitlines()[0]
    assert all("GATE OFF" in line for line in said["lines"].splitlines() if ": published" in line)
    for command in ("study scoreboard", "report toy"):
        assert "GATE OFF" in said[command]


def test_findings_do_not_tell_the_hidden_numbers_either(failed: Submission) -> None:
    folder = failed.root / "studies" / "mudgway2020"
    told = (folder / "diagnostics.csv").read_text(encoding="utf-8") + json.dumps(
        {
            key: value
            for key, value in json.loads((folder / "run.json").read_text()).items()
            if key != "settings"
        }
    )
    record = pl.read_csv(folder / "estimates.csv", infer_schema_length=None)
    hidden = record.filter(read_estimates(folder)["hidden"] & pl.col("estimate").is_not_null())
    assert hidden.height > 5
    assert [value for value in hidden["estimate"] if f"{value:.4f}" in told] == []


def test_the_record_is_complete_and_says_so(failed: Submission) -> None:
    folder = failed.root / "studies" / "mudgway2020"
    record = pl.read_csv(folder / "estimates.csv", infer_schema_length=None)
    assert record.filter(analysis="matched_cox", measure="hr")["estimate"].null_count() == 0
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert run["gate"] == "on"
    assert "are the record and complete" in run["record"]
    shown = read_estimates(folder)
    matched = shown.filter(analysis="matched_cox")["estimate"]
    assert matched.null_count() == matched.len() > 0
    assert shown.filter(analysis="cox_adjusted", term="grade")["estimate"].null_count() == 0
    assert set(read_comparison(folder).filter("hidden")["verdict"]) == {"hidden"}


def test_a_signature_shows_the_estimates_under_a_name_and_a_reason(home: Home, cohorts: Cohorts) -> None:
    code, out, _ = cohorts(
        "study", "sign", "mudgway2020", "--submission", "toy", "--home", home.root,
        "--name", "A. Reviewer", "--reason", "Differences left are of no weight",
    )  # fmt: skip
    assert code == 0
    assert "A. Reviewer" in out
    assert read_estimates(folder_of(home)).filter("hidden").is_empty()
    write_report(home.published("toy"))
    page = (home.published("toy").root / "report" / "mudgway2020.html").read_text(encoding="utf-8")
    assert "shown on the signature of A. Reviewer" in page
    assert page.index("Settings and provenance") < page.rindex("Differences left are of no weight")


@pytest.mark.parametrize("place", ["estimates", "settings"])
def test_a_signature_is_for_these_estimates_and_settings_alone(home: Home, place: str) -> None:
    folder = folder_of(home)
    sign(folder, "A. Reviewer", "looked at it")
    assert standing(folder).signature is not None
    if place == "estimates":
        with (folder / "estimates.csv").open("a", encoding="utf-8") as stream:
            stream.write("\n")
    else:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        (folder / "run.json").write_text(json.dumps(run | {"settings_hash": "other"}), encoding="utf-8")
    assert standing(folder).signature is None
    assert read_estimates(folder)["hidden"].any()


def test_a_run_drops_the_signature_and_says_so(home: Home, cohorts: Cohorts) -> None:
    sign(folder_of(home), "A. Reviewer", "looked at it")
    code, out, _ = cohorts("study", "run", "mudgway2020", "--submission", "toy", "--home", home.root)
    assert code == 0
    assert out.startswith("The signature on the last run is dropped")
    assert standing(folder_of(home)).signature is None


def test_nobody_signs_what_is_not_hidden_or_without_a_reason(home: Home) -> None:
    folder = folder_of(home)
    with pytest.raises(InputError, match="needs a name and a reason"):
        sign(folder, "A. Reviewer", "  ")
    with pytest.raises(InputError, match="no name of a study"):
        require_name("../../other/studies/mudgway2020")
    with pytest.raises(InputError, match=r"no study 'vohra2018'|has not run here"):
        steps.sign_study(home, "toy", "vohra2018", name="A", reason="b")
    pl.read_csv(folder / "hidden.csv").clear().write_csv(folder / "hidden.csv")
    with pytest.raises(InputError, match="nothing to sign"):
        sign(folder, "A. Reviewer", "looked at it")


def test_a_study_that_ran_before_there_was_a_gate_is_hidden_whole(home: Home) -> None:
    folder = folder_of(home)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    del run["gate"], run["gate_verdict"]
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    (folder / "hidden.csv").unlink()
    assert read_estimates(folder)["hidden"].all()
    assert "run it again" in study_lines(folder)[0]


def test_no_gate_is_kept_until_the_study_runs_again(home: Home, cohorts: Cohorts) -> None:
    run = ["study", "run", "mudgway2020", "--submission", "toy", "--home", home.root]
    code, out, _ = cohorts(*run, "--no-gate")
    assert code == 0
    assert out.startswith("gate: GATE OFF (--no-gate)")
    assert standing(folder_of(home)).off
    code, out, _ = cohorts(*run)
    assert code == 0
    assert "GATE OFF" not in out
    assert not standing(folder_of(home)).off
