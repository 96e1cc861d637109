"""What a new submission changed: the right years, the right differences, and no small cell on the way."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from toy_registry import submission, tumors, world

from pipelines.disclosure import hidden_levels
from pipelines.errors import GateError, InputError
from pipelines.reporting.diff import Diff, compare, compare_estimates, compare_frequencies
from pipelines.reporting.diff_tables import text_tables
from pipelines.settings import Settings
from pipelines.store import Submission
from pipelines.studies import run_study

Cohorts = Callable[..., tuple[int, str, str]]


def women(grades: dict[str, int], year: int = 2011) -> list[dict[str, Any]]:
    return [{"grade": grade, "year_of_diagnosis": year} for grade, n in grades.items() for _ in range(n)]


def words_of(table: pl.DataFrame, column: str) -> dict[str, tuple[float | None, ...]]:
    rows = table.filter(column=column).select("word", "percent_old", "percent_new", "points").iter_rows()
    return {word: tuple(numbers) for word, *numbers in rows}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Submission, Submission]:
    """Two extracts on which one study ran: in the new one surgery does less."""
    pair = []
    for name, log_hr in (("old", -0.6), ("new", 0.0)):
        rows = world(1200, seed=5, log_hr=log_hr)
        sub = submission(tmp_path_factory.mktemp(name), tumors(rows))
        run_study(sub, "mudgway2020", Settings().catalog_dir)
        pair.append(sub)
    return pair[0], pair[1]


@pytest.fixture(scope="module")
def found(studied: tuple[Submission, Submission]) -> Diff:
    return compare(*studied, min_cell=11)


def test_codes_are_compared_over_the_years_that_both_have(tmp_path: Path) -> None:
    old = submission(
        tmp_path / "a", tumors(women({"well": 50}, 2010) + women({"well": 30, "poor": 70}, 2011))
    )
    new = submission(
        tmp_path / "b", tumors(women({"well": 60, "poor": 140}, 2011) + women({"poor": 90}, 2012))
    )
    found = compare_frequencies(old, new, min_cell=11)
    assert (found.years, found.n_old, found.n_new) == ((2011,), 100, 200)
    assert words_of(found.table, "grade") == {"well": (30.0, 30.0, 0.0), "poor": (70.0, 70.0, 0.0)}


def test_the_largest_change_comes_first_and_the_threshold_is_one_point(tmp_path: Path) -> None:
    old = submission(tmp_path / "a", tumors(women({"well": 500, "moderate": 300, "poor": 200})))
    new = submission(tmp_path / "b", tumors(women({"well": 484, "moderate": 310, "poor": 206})))
    table = compare_frequencies(old, new, min_cell=11).table
    assert table.head(3).select("word", "points", "worth_a_look").rows() == [
        ("well", -1.6, True), ("moderate", 1.0, True), ("poor", 0.6, False),
    ]  # fmt: skip


def test_no_year_in_common_compares_no_code(tmp_path: Path) -> None:
    old = submission(tmp_path / "a", tumors(women({"well": 50}, 2010)))
    new = submission(tmp_path / "b", tumors(women({"poor": 50}, 2012)))
    found = compare_frequencies(old, new, min_cell=11)
    assert (found.years, found.n_old, found.n_new) == ((), 0, 0)
    assert not found.table["worth_a_look"].any()


def test_a_source_without_years_is_compared_whole(tmp_path: Path) -> None:
    rows = [{"grade": "well", "year_of_diagnosis": None}] * 30
    subs = [submission(tmp_path / name, tumors(rows, source="mapped"), source="mapped") for name in "ab"]
    found = compare_frequencies(subs[0], subs[1], min_cell=11)
    assert (found.years, found.n_old, found.n_new) == (None, 30, 30)


def test_few_tumors_of_the_other_years_hide_how_many_are_of_these(tmp_path: Path) -> None:
    old = submission(tmp_path / "a", tumors(women({"well": 50}, 2010) + women({"well": 4}, 2009)))
    new = submission(tmp_path / "b", tumors(women({"well": 50}, 2010)))
    found = compare_frequencies(old, new, min_cell=11)
    assert (found.n_old, found.n_new) == (None, 50)


def test_a_small_code_is_hidden_with_the_neighbour_that_gives_it_away(tmp_path: Path) -> None:
    old = submission(tmp_path / "a", tumors(women({"well": 500, "moderate": 40, "poor": 3})))
    new = submission(tmp_path / "b", tumors(women({"well": 500, "moderate": 40, "poor": 60})))
    shown = words_of(compare_frequencies(old, new, min_cell=11).table, "grade")
    assert shown["poor"] == (None, 10.0, None)
    assert shown["moderate"][0] is None
    assert shown["well"][0] == pytest.approx(92.1)


def test_case_ids_and_the_order_of_rows_say_nothing(tmp_path: Path) -> None:
    """A release gives new case ids to the same people: nothing has changed."""
    people = tumors(world(300, seed=3))
    again = people.with_columns(pl.col("patient_id", "tumor_id") + "x").reverse()
    diff = compare(submission(tmp_path / "a", people), submission(tmp_path / "b", again), min_cell=11)
    assert set(diff.frequencies.table["points"].drop_nulls()) == {0.0}
    assert not diff.frequencies.table["worth_a_look"].any()


@pytest.mark.parametrize(
    ("quarantined", "shown"), [(0, (100, 100, 0)), (4, (None, 100, None)), (20, (120, 100, 20))]
)
def test_records_in_are_kept_and_quarantined(
    tmp_path: Path, quarantined: int, shown: tuple[int | None, ...]
) -> None:
    sub = submission(tmp_path, tumors(women({"well": 100})))
    manifest = sub.manifest
    counts = {"records_read": 100 + quarantined, "quarantined": quarantined}
    facts = manifest.files[0].model_copy(update=counts)
    sub.save_manifest(manifest.model_copy(update={"files": (facts,)}))
    rows = compare(sub, sub, min_cell=11).rows
    assert rows.select("records_read", "kept", "quarantined").row(0) == shown


def test_every_number_of_the_study_is_there_with_its_difference(
    studied: tuple[Submission, Submission], found: Diff
) -> None:
    assert found.studies.rows() == [("mudgway2020", "ran", "ran", "same", "same")]
    written = [
        pl.read_csv(sub.root / "studies" / "mudgway2020" / "estimates.csv", infer_schema_length=None)
        for sub in studied
    ]
    without_flow = [frame.filter(pl.col("analysis") != "attrition") for frame in written]
    assert found.estimates.height >= max(frame.height for frame in without_flow)
    assert found.estimates.filter(analysis="attrition").is_empty()  # the cohort's own table hides its steps
    crude = [frame.filter(analysis="cox_unadjusted")["estimate"][0] for frame in written]
    row = found.estimates.filter(analysis="cox_unadjusted").row(0, named=True)
    assert row["difference"] == pytest.approx(math.log(crude[1] / crude[0]))
    assert row["of_exposure"]
    assert row["worth_a_look"]  # the truth went from exp(-0.6) to 1
    months = found.estimates.filter(analysis="km", subgroup="all", measure="naive_median_months").row(
        0, named=True
    )
    assert months["difference"] == pytest.approx(months["estimate_new"] - months["estimate_old"])


def test_no_share_of_a_study_gives_a_small_count_away(studied: tuple[Submission, Submission]) -> None:
    """Hidden levels are hidden in every arm and never alone; no share that is shown is one of few people."""
    min_cell = 60
    estimates = compare_estimates(*studied, min_cell=min_cell).filter(analysis="table_one")
    people = dict(estimates.filter(measure="n").select("contrast", "estimate_old").iter_rows())
    n = {"all": people[""], "surgery": people["surgery"], "no surgery": people["no surgery"]}
    shares = estimates.filter(pl.col("term") != "surgery", measure="percent")
    hidden: dict[str, set[tuple[str, ...]]] = {}
    for (term, arm), block in shares.group_by("term", "subgroup"):
        counts = block["estimate_old"].drop_nulls() * n[str(arm)] / 100
        assert not counts.is_between(0.5, min_cell - 0.5).any(), (term, arm)
        levels = block.filter(pl.col("estimate_old").is_null())["contrast"].sort().to_list()
        assert len(levels) != 1, (term, arm)
        hidden.setdefault(str(term), set()).add(tuple(levels))
    assert all(len(in_arms) == 1 for in_arms in hidden.values())
    assert any(levels for in_arms in hidden.values() for levels in in_arms)


def test_a_level_that_is_few_in_one_arm_is_hidden_in_all() -> None:
    counts = {"all": (100, 60, 40), "surgery": (57, 40, 3), "no surgery": (43, 20, 37)}
    rows = [
        {"analysis": "table_one", "subgroup": arm, "term": "grade", "contrast": level, "measure": "percent",
         "estimate": 100 * count / sum(of_arm), "n": sum(of_arm)}
        for arm, of_arm in counts.items()
        for level, count in zip(("well", "moderate", "poor"), of_arm, strict=True)
    ]  # fmt: skip
    assert hidden_levels(pl.DataFrame(rows), 11) == {("grade", "poor"), ("grade", "moderate")}


def test_cohorts_are_compared_rule_by_rule(studied: tuple[Submission, Submission], found: Diff) -> None:
    lines = found.attrition
    assert lines["definition"].unique().to_list() == ["same"]
    last = lines.row(-1, named=True)
    assert (last["n_after_old"], last["n_after_new"], last["change_percent"]) == (1200, 1200, 0.0)
    cohort = studied[1].root / "cohorts" / last["cohort"]
    written = pl.read_csv(cohort / "attrition.csv")
    assert lines["rule_id"].to_list() == written["rule_id"].to_list()


def test_other_settings_are_said(studied: tuple[Submission, Submission], tmp_path: Path) -> None:
    old, new = studied
    changed = Submission("changed", tmp_path / "changed")
    shutil.copytree(new.root, changed.root)
    path = changed.root / "studies" / "mudgway2020" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"settings_hash": "other"}), encoding="utf-8")
    diff = compare(old, changed, min_cell=11)
    assert diff.studies["settings"].to_list() == ["differ"]
    notes = [note for table in text_tables(diff) for note in table.notes]
    assert any(note.startswith("The settings differ") for note in notes)


def test_a_study_that_ran_on_one_side_is_named_and_not_compared(
    studied: tuple[Submission, Submission], tmp_path: Path
) -> None:
    bare = submission(tmp_path, tumors(women({"well": 50})))
    diff = compare(studied[0], bare, min_cell=11)
    assert diff.studies.rows() == [("mudgway2020", "ran", "not run", None, None)]
    assert diff.estimates.is_empty()
    assert diff.attrition["n_after_new"].null_count() == diff.attrition.height


def test_two_registries_are_not_two_submissions_of_one(tmp_path: Path) -> None:
    ncdb = submission(tmp_path / "a", tumors(women({"well": 20})))
    seer = submission(tmp_path / "b", tumors(women({"well": 20}), source="seer"), source="seer")
    with pytest.raises(InputError, match="comes from ncdb and 'toy' from seer"):
        compare(ncdb, seer, min_cell=11)


@pytest.mark.parametrize("passed", [False, None])
def test_both_need_a_pass(tmp_path: Path, passed: bool | None) -> None:
    sound = submission(tmp_path / "a", tumors(women({"well": 20})))
    unsound = submission(tmp_path / "b", tumors(women({"well": 20})), passed=passed)
    for pair in ((sound, unsound), (unsound, sound)):
        with pytest.raises(GateError, match="has not passed"):
            compare(*pair, min_cell=11)


def test_the_command_says_it_to_people_and_to_machines(
    studied: tuple[Submission, Submission], tmp_path: Path, cohorts: Cohorts
) -> None:
    for sub, name in zip(studied, ("ncdb-2016", "ncdb-2022"), strict=True):
        shutil.copytree(sub.root, tmp_path / "submissions" / name)
    code, said, complained = cohorts("diff", "ncdb-2016", "ncdb-2022", "--home", tmp_path)
    assert (code, complained) == (0, "")
    for words in ("Records", "Codes, diagnosed 2010 to 2012", "settings: same", "cox_unadjusted", "--all"):
        assert words in said
    code, answer, _ = cohorts("diff", "ncdb-2016", "ncdb-2022", "--home", tmp_path, "--json")
    payload = json.loads(answer)
    assert (code, payload["years"], payload["threshold_points"]) == (0, [2010, 2011, 2012], 1.0)
    assert {row["submission"] for row in payload["rows"]} == {"ncdb-2016", "ncdb-2022"}
    assert "p00001" not in said + answer  # no case id
    assert "t00001" not in said + answer
    code, _, complained = cohorts("diff", "ncdb-2016", "ncdb-2030", "--home", tmp_path)
    assert (code, complained.count("\n")) == (2, 1)
