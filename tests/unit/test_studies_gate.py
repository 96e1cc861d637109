"""Diagnostics first: what a gate asks of a design, what it hides and what it never hides, and who may open it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
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
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design
from pipelines.studies.gate import common_support, effects_of, hidden_by, judge, verdict_of
from pipelines.studies.language import StudyDefinition
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes

Cohorts = Callable[..., tuple[int, str, str]]
ARMS = ("surgery", "no surgery")
AGAINST = "surgery vs no surgery"


def definition(**changes: Any) -> StudyDefinition:
    content: dict[str, Any] = {
        "id": "toy",
        "title": "Toy",
        "question": "Does it?",
        "sources": ["ncdb"],
        "cohort": "toy",
        "exposure": "surgery",
        "outcome": {"kind": "overall", "words": "Death"},
        "covariates": [
            {"name": "grade", "words": "Grade", "column": "grade", "reference": "low"},
            {
                "name": "spread",
                "words": "Spread",
                "column": "any_visceral",
                "reference": "no",
                "strong": True,
            },
        ],
        "models": {"cox": ["grade", "spread"], "propensity": ["grade", "spread"]},
        "analyses": ["km", "cox_unadjusted", "cox_adjusted", "matched_cox", "weighted_cox"],
        "primary": "matched_cox",
    }
    return StudyDefinition.model_validate(content | changes)


def people_of(study: StudyDefinition | None = None, *, n: int = 200, events: int = 60) -> AnalysisSet:
    """Two arms of equal size and equal covariates; the first ``events`` people of each 200 die."""
    numbers = np.arange(n)
    exposed = numbers % 2 == 0
    frame = pl.DataFrame(
        {
            "source_file": ["toy"] * n,
            "source_record": numbers,
            "arm": np.where(exposed, *ARMS),
            "exposed": exposed,
            "time": 1.0 + numbers % 50,
            "event": numbers < events,
            "cov_grade": np.where(numbers // 2 % 2 == 0, "low", "high"),
            "cov_spread": np.where(numbers // 4 % 2 == 0, "no", "yes"),
        }
    )
    return AnalysisSet(frame, study or definition(), *ARMS)


def effect(analysis: str = "matched_cox", subgroup: str = "all", **changes: Any) -> Estimate:
    return replace(
        Estimate(analysis, subgroup, "surgery", AGAINST, "hr", 0.7, 0.6, 0.8, counts=Counts(200, 100, 60)),
        **changes,
    )


def balance(analysis: str = "matched_cox", *, grade: float = 0.02, spread: float = 0.01) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "analysis": [analysis] * 2,
            "subgroup": ["all"] * 2,
            "covariate": ["grade=high", "spread=yes"],
            "term": ["grade", "spread"],
            "level": ["high", "yes"],
            "smd_before": [0.4, 0.5],
            "smd_after": [-grade, spread],
        }
    )


def judged(found: Outcomes, people: AnalysisSet | None = None) -> pl.DataFrame:
    table = judge(people or people_of(), found).table("gate")
    assert table is not None
    return table


def statuses(gate: pl.DataFrame, analysis: str = "matched_cox") -> dict[str, str]:
    return dict(gate.filter(analysis=analysis).select("check", "status").iter_rows())


def hidden_of(
    found: Outcomes, people: AnalysisSet | None = None, **changes: Any
) -> tuple[dict[str, Any], set[str]]:
    study = definition(**changes)
    gate = judged(found, replace(people or people_of(), study=study))
    verdict = verdict_of(study, gate)
    return verdict, set(hidden_by(verdict, found.estimates, study, ARMS)["analysis"])


def test_an_effect_is_what_is_about_the_exposure_and_no_covariate_is_one() -> None:
    rows = [
        effect(),
        effect("km", "surgery", contrast="", measure="median_months"),
        effect("survival_at", contrast=f"{AGAINST} at 36 months", measure="survival_probability"),
        effect("cox_adjusted", term="grade", contrast="high vs low"),
        effect("logistic_exposure", term="grade", contrast="high vs low", measure="or"),
        effect("cox_effect_by", term="surgery_by_year", contrast="per 1"),
        effect("e_value", term="", contrast="", measure="rr"),
        effect("an_analysis_of_tomorrow", term="surgery", contrast=""),
        effect("table_one", contrast="surgery", measure="percent"),
    ]
    found = [one.analysis for one in effects_of(rows, definition(), ARMS)]
    assert found == ["matched_cox", "survival_at", "cox_effect_by", "e_value", "an_analysis_of_tomorrow"]


def test_a_balanced_design_with_overlap_and_events_passes() -> None:
    found = Outcomes((effect(),), tables=(("balance", balance()),))
    assert statuses(judged(found)) == dict.fromkeys(
        ["balance", "balance_strong", "overlap", "events"], "pass"
    )
    verdict, hidden = hidden_of(found)
    assert (verdict["status"], verdict["failed"], hidden) == ("passed", [], set())


@pytest.mark.parametrize(
    ("left", "failed"),
    [
        ({"grade": 0.0999}, set()),
        ({"grade": 0.1}, {"balance"}),
        ({"spread": 0.049}, set()),
        ({"spread": 0.06}, {"balance_strong"}),
        ({"grade": 0.06}, set()),
    ],
)
def test_strong_prognostic_factors_have_to_be_balanced_better(
    left: dict[str, float], failed: set[str]
) -> None:
    found = statuses(judged(Outcomes((effect(),), tables=(("balance", balance(**left)),))))
    assert {check for check, status in found.items() if status == "fail"} == failed


TIMING = {"start": "days_to_surgery", "needs": ["days_to_surgery"]}


def test_dated_analyses_are_judged_by_overlap_and_the_weighted_clones_by_balance_too() -> None:
    study = definition(
        analyses=["clone_censor_weight", "landmark", "time_varying_cox"],
        primary="clone_censor_weight",
        timing=TIMING,
    )
    dated = ("clone_censor_weight", "landmark_6", "time_varying_cox")
    tables = (("balance", balance("clone_censor_weight", grade=0.3)),)
    found = Outcomes(tuple(effect(name) for name in dated), tables=tables)
    gate = judged(found, people_of(study))
    assert statuses(gate, "clone_censor_weight") == {
        "balance": "fail",
        "balance_strong": "pass",
        "overlap": "pass",
        "events": "pass",
    }
    assert all(statuses(gate, name) == {"overlap": "pass", "events": "pass"} for name in dated[1:])
    verdict = verdict_of(study, gate)
    assert set(hidden_by(verdict, found.estimates, study, ARMS)["analysis"]) == set(dated)


def test_what_one_arm_shows_by_itself_describes_it_and_the_difference_is_an_effect() -> None:
    """One rule for survival, restricted means and shares: the arms' curves are shown in any case."""
    outcome = {"name": "dead_soon", "words": "Died soon", "event": "days_to_death < 30"}
    words = ["survival_at", "rmst", "logistic_outcome"]
    study = definition(analyses=words, primary="rmst", binary_outcomes=[outcome])
    pairs = {
        "survival_at": ("survival_probability", "survival_difference"),
        "rmst": ("rmst_months", "rmst_difference_months"),
        "share_dead_soon": ("percent", "percent_difference"),
    }
    arms = [effect(name, "surgery", contrast="", measure=one) for name, (one, _) in pairs.items()]
    differences = [effect(name, measure=one) for name, (_, one) in pairs.items()]
    assert effects_of([*arms, *differences], study, ARMS) == differences
    weighted = effect("weighted_survival", "surgery", contrast="", measure="survival_probability")
    assert effects_of([weighted], study, ARMS) == [weighted], "a design's own survival is its effect"


def test_what_is_found_of_a_simulated_truth_is_never_hidden() -> None:
    study = definition(analyses=["plasmode"], primary="plasmode", timing=TIMING)
    assert effects_of([effect("plasmode_ever_never", estimand="bias")], study, ARMS) == []


@pytest.mark.parametrize(("analysis", "outcome"), [("matched_cox", ""), ("cox_adjusted", "cancer, ")])
def test_the_interaction_is_hidden_with_any_of_its_levels(analysis: str, outcome: str) -> None:
    """With the ratio of two estimates and one of them, the other can be told."""
    group = {"name": "er", "words": "ER", "column": "er_status", "levels": ["positive", "negative"]}
    study = definition(subgroups=[group])
    levels = [effect(analysis, f"{outcome}er={level}") for level in ("positive", "negative")]
    tests = [
        effect("interaction", f"{before}er", contrast="negative vs positive") for before in ("", "cancer, ")
    ]
    alone = [{"analysis": analysis, "subgroup": f"{outcome}er=negative"}]
    verdict = {"status": "passed", "hidden_alone": alone}
    hidden = hidden_by(verdict, [*levels, *tests], study, ARMS).select("analysis", "subgroup").rows()
    assert set(hidden) == {(analysis, f"{outcome}er=negative"), ("interaction", f"{outcome}er")}


def test_a_design_that_does_not_show_its_balance_does_not_pass() -> None:
    found = judged(Outcomes((effect(),)))
    assert statuses(found)["balance"] == "fail"
    assert "no table of its balance" in found.filter(check="balance")["note"][0]


def test_analyses_of_the_matched_set_are_as_balanced_as_it_is() -> None:
    shared = ("stratified_cox", "adjusted_matched_cox", "matched_km", "rosenbaum")
    rows = tuple(effect(name) for name in shared)
    study = definition(analyses=["matched_cox", "stratified_cox", "matched_km", "rosenbaum"])
    gate = judged(Outcomes(rows, tables=(("balance", balance(grade=0.2)),)), people_of(study))
    assert all(statuses(gate, name)["balance"] == "fail" for name in shared)


def test_a_cell_of_a_grid_is_judged_by_its_own_balance() -> None:
    study = definition(analyses=["matched_cox", "matching_grid"])
    cells = ("1:1, caliper 0.2", "1:2, caliper 0.2")
    gate = judged(
        Outcomes(
            tuple(effect("matching_grid", cell) for cell in cells),
            tuple(
                Finding("matching_grid", cell, "largest_smd", "ok", "", value)
                for cell, value in zip(cells, (0.02, 0.3), strict=True)
            ),
            (("balance", balance()),),
        ),
        people_of(study),
    )
    assert gate.filter(check="balance")["status"].to_list() == ["pass", "fail"]


@pytest.mark.parametrize(
    ("events", "people", "status"),
    [(20, people_of(), "pass"), (19, people_of(), "fail"), (None, people_of(), "fail")],
)
def test_few_events_fail(events: int | None, people: AnalysisSet, status: str) -> None:
    rows = (effect("cox_unadjusted", counts=Counts(200, 100, events)),)
    assert statuses(judged(Outcomes(rows), people), "cox_unadjusted") == {"events": status}


def test_an_arm_without_an_event_fails_however_many_the_other_has() -> None:
    people = people_of()
    frame = people.frame.with_columns(event=pl.col("event") & pl.col("exposed"))
    gate = judged(Outcomes((effect("cox_unadjusted"),)), replace(people, frame=frame))
    assert gate.row(0, named=True)["note"] == "an arm has no event"
    assert statuses(gate, "cox_unadjusted") == {"events": "fail"}


def test_common_support_is_the_share_that_the_other_arm_reaches() -> None:
    people = people_of()
    assert common_support(people, people.terms("propensity")) == 1.0
    # Spread as a number: 0 to 9 in the exposed, 5 to 14 in the others; half of each arm stands alone.
    study = definition(
        covariates=[
            {
                "name": "size",
                "words": "Size",
                "column": "tumor_size_mm",
                "kind": "continuous",
                "missing": "complete_case",
            }
        ],
        models={"cox": ["size"], "propensity": ["size"]},
    )
    numbers = np.arange(200)
    size = numbers // 2 % 10 + np.where(numbers % 2 == 0, 0.0, 5.0)
    shifted = replace(people, study=study, frame=people.frame.with_columns(cov_size=pl.Series(size)))
    assert common_support(shifted, shifted.terms("propensity")) == 0.5


def test_a_covariate_that_tells_the_arms_apart_leaves_no_overlap() -> None:
    people = people_of()
    frame = people.frame.with_columns(
        cov_grade=pl.when("exposed").then(pl.lit("low")).otherwise(pl.lit("high"))
    )
    gate = judged(Outcomes((effect("cox_adjusted"),)), replace(people, frame=frame))
    row = gate.filter(check="overlap").row(0, named=True)
    assert (row["status"], row["value"]) == ("fail", None)
    assert "nobody left" in row["note"]


def test_people_whose_like_the_other_arm_does_not_have_are_outside_and_leave_the_design() -> None:
    """20 of 200 are of a level that nobody of the exposed has: no score, no match, and a tenth less overlap."""
    people = people_of()
    alone = pl.int_range(pl.len()).is_in(range(1, 41, 2))
    level = pl.when(alone).then(pl.lit("unknown")).otherwise(pl.col("cov_grade"))
    people = replace(people, frame=people.frame.with_columns(cov_grade=level))
    assert common_support(people, people.terms("propensity")) == pytest.approx(0.9)
    terms = people.terms("propensity")
    design = build_design(people, terms, analysis="matched_cox", with_exposure=False, of_exposure=True)
    assert design.people.frame.height == 180
    [finding] = [one for one in design.findings if one.check == "level_of_one_arm"]
    assert (finding.value, finding.unit, finding.status) == (20.0, "people", "warning")
    assert "20" not in finding.message
    outcome = build_design(people, terms, analysis="cox_adjusted", with_exposure=True)
    assert outcome.people.frame.height == 200, "a model of the outcome has an answer for them"


def test_the_primarys_failure_hides_every_effect_and_no_covariate() -> None:
    rows = (effect(), effect("cox_unadjusted"), effect("cox_adjusted", term="grade", contrast="high vs low"))
    verdict, hidden = hidden_of(Outcomes(rows, tables=(("balance", balance(grade=0.3)),)))
    assert verdict["status"] == "failed"
    assert [one["check"] for one in verdict["failed"]] == ["balance"]
    assert hidden == {"matched_cox", "cox_unadjusted"}


def test_another_failure_hides_that_analysis_alone() -> None:
    rows = (effect(), effect("weighted_cox"), effect("cox_unadjusted"))
    tables = pl.concat([balance(), balance("weighted_cox", grade=0.3)])
    verdict, hidden = hidden_of(Outcomes(rows, tables=(("balance", tables),)))
    assert verdict["status"] == "passed"
    assert hidden == {"weighted_cox"}
    assert verdict["hidden_alone"] == [{"analysis": "weighted_cox", "subgroup": "all"}]


def test_hazards_that_are_not_proportional_hide_nothing() -> None:
    rejected = Finding("matched_cox", "all", "proportional_hazards_p", "warning", "", 1e-12, 0.05)
    verdict, hidden = hidden_of(Outcomes((effect(),), (rejected,), (("balance", balance()),)))
    assert (verdict["status"], hidden) == ("passed", set())


def test_a_study_without_an_effect_has_nothing_to_hide() -> None:
    rows = (effect("km", "surgery", contrast="", measure="median_months"),)
    verdict, hidden = hidden_of(Outcomes(rows), primary="km")
    assert (verdict["status"], hidden) == ("not_needed", set())
    assert verdict["reason"] == "km is no estimate of the exposure's effect"


# --- through a study, to everything that anybody reads -------------------------------------------------------------

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
    with pytest.raises(InputError, match="There is no study 'vohra2018'|has not run here"):
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
