"""A study from registry to folder: what is written, what it says, what it refuses, and that it repeats."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from toy_registry import submission, tumors, world
from toy_studies import small_catalog

from pipelines.errors import GateError, InputError, RefusedError
from pipelines.stats.cox import fit_cox
from pipelines.store import Submission
from pipelines.studies import StudyFacts, comparison_lines, diagnostic_lines, run_study
from pipelines.studies.results import ESTIMATE_COLUMNS

CATALOG = small_catalog()
ROWS = world(2000, seed=11)
LOG_HR = -0.35


@pytest.fixture(scope="module")
def mudgway(tmp_path_factory: pytest.TempPathFactory) -> tuple[Submission, StudyFacts]:
    sub = submission(tmp_path_factory.mktemp("mudgway"), tumors(ROWS))
    return sub, run_study(sub, "mudgway2020", CATALOG)


def table(facts: StudyFacts, name: str) -> pl.DataFrame:
    return pl.read_csv(facts.folder / f"{name}.csv", infer_schema_length=None)


def one(frame: pl.DataFrame, **where: str) -> dict[str, Any]:
    return frame.filter(**where).row(0, named=True)


def test_the_folder_holds_what_the_report_reads(mudgway: tuple[Submission, StudyFacts]) -> None:
    _, facts = mudgway
    names = {path.name for path in facts.folder.iterdir()}
    assert names == {
        "estimates.csv", "comparison.csv", "diagnostics.csv", "balance.csv", "km_curves.csv", "table_one.csv",
        "propensity.csv", "matched_pairs.parquet", "matched_pairs_baseline_only.parquet", "run.json",
        "gate.csv", "hidden.csv",
    }  # fmt: skip
    assert tuple(table(facts, "estimates").columns) == ESTIMATE_COLUMNS
    assert table(facts, "km_curves").columns == [
        "arm", "time", "n_risk", "n_event", "n_censor", "survival", "lower", "upper", "set",
    ]  # fmt: skip


def test_the_crude_estimate_is_that_of_a_direct_fit(mudgway: tuple[Submission, StudyFacts]) -> None:
    _, facts = mudgway
    time = np.array([row["survival_months"] or 0.5 for row in ROWS])
    event = np.array([row["died"] for row in ROWS])
    treated = np.array([row["operated"] for row in ROWS], dtype=float)
    fit = fit_cox(time, event, treated[:, None])
    row = one(table(facts, "estimates"), analysis="cox_unadjusted", measure="hr")
    assert row["estimate"] == pytest.approx(float(np.exp(fit.coefficients[0])), rel=1e-9)
    assert (row["n"], row["n_exposed"], row["events"]) == (len(ROWS), int(treated.sum()), int(event.sum()))
    assert (row["contrast"], row["effect_type"]) == ("surgery vs no surgery", "marginal")


def test_adjustment_and_matching_move_the_estimate_to_the_truth(
    mudgway: tuple[Submission, StudyFacts],
) -> None:
    """Surgery was given to the younger and less spread: the crude ratio is too good, the others are not."""
    _, facts = mudgway
    estimates = table(facts, "estimates").filter(measure="hr", term="surgery")
    crude = one(estimates, analysis="cox_unadjusted")
    adjusted = one(estimates, analysis="cox_adjusted", subgroup="baseline_only")
    assert crude["ci_high"] < np.exp(LOG_HR)
    assert adjusted["ci_low"] < np.exp(LOG_HR) < adjusted["ci_high"]
    for subgroup in ("all", "baseline_only"):
        matched = one(estimates, analysis="matched_cox", subgroup=subgroup)
        assert crude["estimate"] < matched["estimate"]
        assert matched["effect_type"] == "marginal"


def test_the_matched_estimate_is_that_of_its_pairs(mudgway: tuple[Submission, StudyFacts]) -> None:
    """The pairs on disk and the registry alone give the matched hazard ratio and its clustered interval."""
    sub, facts = mudgway
    pairs = pl.read_parquet(facts.folder / "matched_pairs.parquet")
    tumor = pl.read_parquet(sub.registry_table("tumor"))
    joined = pairs.join(tumor, on=["source_file", "source_record"], validate="1:1")
    months = np.where(joined["survival_months"] == 0, 0.5, joined["survival_months"].to_numpy())
    fit = fit_cox(
        months,
        joined["died"].to_numpy(),
        (joined["arm"] == "surgery").to_numpy().astype(float)[:, None],
        cluster=joined["pair_id"].to_numpy(),
    )
    row = one(table(facts, "estimates"), analysis="matched_cox", subgroup="all")
    assert row["estimate"] == pytest.approx(float(np.exp(fit.coefficients[0])), rel=1e-9)
    assert row["ci_low"] == pytest.approx(fit.to_frame()["ci_low"][0], rel=1e-9)
    assert (pairs.group_by("pair_id").len()["len"] == 2).all()
    assert pairs.group_by("pair_id").agg(pl.col("arm").n_unique())["arm"].unique().to_list() == [2]
    assert joined.filter((joined["arm"] == "surgery") != joined["operated"]).is_empty()
    unmatched = one(table(facts, "diagnostics"), check="exposed_unmatched", subgroup="all")
    assert row["estimand"] == ("matched_set" if unmatched["value"] else "att")


def test_beside_each_matched_estimate_stands_the_one_adjusted_in_its_sets(
    mudgway: tuple[Submission, StudyFacts],
) -> None:
    """The same people and events, with the covariates in the model: conditional, and near the truth."""
    _, facts = mudgway
    estimates = table(facts, "estimates").filter(measure="hr", term="surgery")
    matched = estimates.filter(analysis="matched_cox").sort("subgroup")
    adjusted = estimates.filter(analysis="adjusted_matched_cox").sort("subgroup")
    assert matched.height >= 2
    for column in ("subgroup", "n", "n_exposed", "events", "contrast"):
        assert adjusted[column].to_list() == matched[column].to_list()
    assert set(adjusted.select("effect_type", "estimand").rows()) == {("conditional", "association")}
    assert (adjusted["estimate"] != matched["estimate"]).all()
    baseline = one(adjusted, subgroup="baseline_only")
    assert baseline["ci_low"] < np.exp(LOG_HR) < baseline["ci_high"]


def test_matching_balances_what_was_not(mudgway: tuple[Submission, StudyFacts]) -> None:
    _, facts = mudgway
    balance = table(facts, "balance").filter(subgroup="all")
    assert balance["smd_before"].abs().max() > 0.2
    assert balance["smd_after"].abs().max() < 0.1
    assert {"any_visceral", "bone_only", "other"} <= set(balance.filter(term="spread")["level"])


def test_both_medians_are_there_and_differ_where_people_are_censored(
    mudgway: tuple[Submission, StudyFacts],
) -> None:
    _, facts = mudgway
    km = table(facts, "estimates").filter(analysis="km", subgroup="no surgery")
    naive = np.median([row["survival_months"] or 0.5 for row in ROWS if not row["operated"]])
    assert one(km, measure="naive_median_months")["estimate"] == naive
    median = one(km, measure="median_months")
    assert median["ci_low"] <= median["estimate"] <= median["ci_high"]


def test_treatments_after_diagnosis_are_warned_of_and_left_out_beside(
    mudgway: tuple[Submission, StudyFacts],
) -> None:
    _, facts = mudgway
    record = json.loads((facts.folder / "run.json").read_text(encoding="utf-8"))
    warned = {
        (row["analysis"], row["subgroup"])
        for row in record["warnings"]
        if "after diagnosis" in row["message"]
    }
    assert warned == {("logistic_exposure", "all"), ("cox_adjusted", "all"), ("matched_cox", "all")}
    terms = set(table(facts, "estimates").filter(analysis="cox_adjusted", subgroup="baseline_only")["term"])
    assert "spread" in terms
    assert not terms & {"chemo_targeted", "endocrine", "radiation"}


def test_every_target_has_a_verdict_and_a_line(mudgway: tuple[Submission, StudyFacts]) -> None:
    _, facts = mudgway
    comparison = table(facts, "comparison")
    assert comparison.columns[:12] == [
        "target", "published", "published_ci_low", "published_ci_high", "ci_level", "verification", "estimated",
        "ci_low", "ci_high", "delta", "tolerance", "verdict",
    ]  # fmt: skip
    assert set(comparison["verdict"]) <= {"match", "differs", "not_comparable"}
    assert comparison["estimated"].null_count() == 0
    lines = comparison_lines(facts.folder)
    assert len(lines) == comparison.height
    assert lines[0].startswith("n_all: published 3,231, estimated 2,000: differs")
    assert any("after diagnosis" in line for line in diagnostic_lines(facts.folder))


def test_a_percentage_that_tells_a_small_count_is_not_printed(tmp_path: Path) -> None:
    """35 % of 40 women are 14 and may be shown; 12.5 % are 5 and may not, nor the 87.5 % and 35 that leave them."""
    columns = [
        "target",
        "measure",
        "published",
        "published_ci_low",
        "published_ci_high",
        "estimated",
        "ci_low",
    ]
    columns += ["ci_high", "verdict", "verification", "n"]
    rows = [
        ("n_all", "n", 3231.0, None, None, 40.0, None, None, "differs", "abstract", 40),
        ("percent_surgery", "percent", 35.0, None, None, 35.0, None, None, "match", "abstract", 40),
        ("percent_radiation", "percent", 31.8, None, None, 12.5, None, None, "differs", "abstract", 40),
        ("percent_others", "percent", 68.2, None, None, 87.5, None, None, "differs", "abstract", 40),
        ("n_others", "n", 2101.0, None, None, 35.0, None, None, "differs", "computed", 40),
    ]
    keys = [pl.lit(name).alias(name) for name in ("analysis", "subgroup", "term", "contrast", "delta")]
    table = pl.DataFrame(rows, schema=columns, orient="row").with_columns(keys)
    table.write_csv(tmp_path / "comparison.csv")
    table.rename({"estimated": "estimate"}).write_csv(tmp_path / "estimates.csv")
    arms = {"exposed": "surgery", "others": [], "reference": "no surgery"}
    run = {"gate": "off", "settings_hash": "0", "arms": arms}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    shown = [line.split("estimated ")[1].split(":")[0] for line in comparison_lines(tmp_path)]
    assert shown == ["40", "35.0", "hidden", "hidden", "hidden"]


def test_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    rows = tumors(world(500, seed=5))
    first = run_study(submission(tmp_path / "a", rows), "mudgway2020", CATALOG).folder
    second = run_study(
        submission(tmp_path / "b", rows.sample(fraction=1, shuffle=True, seed=1)), "mudgway2020", CATALOG
    )
    for path in sorted(first.iterdir()):
        assert path.read_bytes() == (second.folder / path.name).read_bytes(), path.name


def test_a_cohort_from_another_definition_is_made_again(mudgway: tuple[Submission, StudyFacts]) -> None:
    sub, facts = mudgway
    definition = sub.root / "cohorts" / facts.cohort / "definition.yaml"
    good = definition.read_bytes()
    definition.write_text("name: something older\n", encoding="utf-8")
    run_study(sub, "mudgway2020", CATALOG)
    assert definition.read_bytes() == good


def seer_rows(n: int = 1200) -> list[dict[str, Any]]:
    return [{**row, "year_of_diagnosis": 1988 + number % 16} for number, row in enumerate(world(n, seed=9))]


def test_disease_specific_has_its_companion_of_other_deaths(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors(seer_rows(), source="seer"), source="seer", covered=(1988, 2016))
    estimates = table(run_study(sub, "vohra2018", CATALOG), "estimates")
    deaths = sum(row["died_of_breast_cancer"] for row in seer_rows())
    others = sum(row["died_of_other_cause"] for row in seer_rows())
    assert one(estimates, analysis="cox_unadjusted")["events"] == deaths
    assert one(estimates, analysis="cox_other_cause", term="surgery")["events"] == others
    shares = estimates.filter(analysis="exposed_share", subgroup="era=1988-1998")
    operated = [row["operated"] for row in seer_rows() if row["year_of_diagnosis"] <= 1998]
    assert shares["estimate"][0] == pytest.approx(100 * np.mean(operated))


def test_medians_within_vital_status_are_not_survival(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors(seer_rows(), source="seer"), source="seer", covered=(1988, 2016))
    estimates = table(run_study(sub, "gnerlich2007", CATALOG), "estimates")
    for label, operated in (("surgery", True), ("no surgery", False)):
        for words, died in (("dead", True), ("alive", False)):
            months = [
                row["survival_months"] or 0.5
                for row in seer_rows()
                if row["operated"] == operated and row["died"] == died
            ]
            found = one(estimates, analysis="vital_status_median", subgroup=f"{label}, {words}")
            assert (found["estimate"], found["n"]) == (np.median(months), len(months))
    propensity = estimates.filter(analysis="cox_propensity_covariate")
    assert {"surgery", "propensity_score", "age_group"} <= set(propensity["term"])


def metastatic_rows(n: int = 900) -> list[dict[str, Any]]:
    draw = np.random.default_rng(3)
    rows = []
    for number, row in enumerate(world(n, seed=3)):
        relapsed = number % 3 > 0
        presentation = {
            "disease_presentation": "metachronous" if relapsed else "de_novo",
            "disease_free_interval_months": float(draw.integers(1, 120)) if relapsed else None,
            "survival_from_metastasis_months": row["survival_months"],
            "entry_from_metastasis_months": float(draw.integers(0, 20)) if relapsed else 0.0,
            "her2_status": ("positive", "negative", "unknown")[int(draw.integers(0, 3))],
            "operated": None,
        }
        rows.append({**row, **presentation})
    return rows


def test_relapsed_against_de_novo_respects_late_entry(tmp_path: Path) -> None:
    rows = metastatic_rows()
    sub = submission(tmp_path, tumors(rows, source="mapped"), source="mapped", covered=None)
    estimates = table(run_study(sub, "dawood2010", CATALOG), "estimates")
    at_risk = [
        row
        for row in rows
        if row["entry_from_metastasis_months"] == 0
        or row["survival_from_metastasis_months"] > row["entry_from_metastasis_months"]
    ]
    fit = fit_cox(
        [row["survival_from_metastasis_months"] or 0.5 for row in at_risk],
        [row["died"] for row in at_risk],
        np.array([[row["disease_presentation"] == "metachronous"] for row in at_risk], dtype=float),
        entry=[row["entry_from_metastasis_months"] for row in at_risk],
    )
    crude = one(estimates, analysis="cox_unadjusted", term="presentation")
    assert crude["estimate"] == pytest.approx(float(np.exp(fit.coefficients[0])), rel=1e-9)
    assert crude["n"] == len(at_risk) < len(rows)
    assert "left-truncated entry" in crude["method"]
    bands = set(estimates.filter(analysis="cox_interval_bands", term="interval_band")["contrast"])
    assert "24_to_60_months vs de_novo" in bands


@pytest.mark.parametrize(
    ("study", "source", "covered", "statuses", "code"),
    [
        ("vohra2018", "seer", (2000, 2020), {}, "period_not_covered"),
        ("gnerlich2007", "seer", (2000, 2020), {}, "period_not_covered"),
        ("vohra2018", "ncdb", None, {"cause_of_death_group": "not_released"}, "not_released"),
        ("dawood2010", "seer", (1988, 2016), {"disease_presentation": "not_released"}, "not_released"),
        ("mudgway2020", "ncdb", (2004, 2016), {"radiation": "withheld"}, "withheld"),
        ("mudgway2020", "seer", (2004, 2016), {}, "source_not_suited"),
    ],
)
def test_refusals_come_before_anything_runs(
    tmp_path: Path,
    study: str,
    source: str,
    covered: tuple[int, int] | None,
    statuses: dict[str, str],
    code: str,
) -> None:
    sub = submission(tmp_path, tumors(ROWS[:50]), source=source, covered=covered, statuses=statuses)
    with pytest.raises(RefusedError) as error:
        run_study(sub, study, CATALOG)
    assert (error.value.reason_code, error.value.exit_code) == (code, 3)
    assert all(name in str(error.value) for name in statuses)
    assert not (sub.root / "cohorts").exists()
    assert not (sub.root / "studies").exists()


def test_a_covariate_of_some_years_only_is_told_and_not_refused(tmp_path: Path) -> None:
    statuses = {"er_status": "not_collected_before_1990"}
    rows = tumors(seer_rows(600), source="seer")
    sub = submission(tmp_path, rows, source="seer", covered=(1988, 2016), statuses=statuses)
    facts = run_study(sub, "gnerlich2007", CATALOG)
    told = one(table(facts, "diagnostics"), check="covariate_not_collected")
    assert told["status"] == "warning"
    assert "er_status: not_collected_before_1990" in told["message"]
    assert "made-up reason for er_status" in told["message"]


def test_the_main_analyses_run_again_under_another_policy_of_stage_iv(tmp_path: Path) -> None:
    """Any evidence takes the same women here; clinical M1 takes every other one, under its own cohort."""
    rows = [
        {**row, "stage_iv_any_evidence": True, "stage_iv_clinical": number % 2 == 0}
        for number, row in enumerate(world(2000, seed=12))
    ]
    rows[0]["survival_months"] = 0.0
    facts = run_study(submission(tmp_path, tumors(rows)), "mudgway2020", CATALOG)
    estimates = table(facts, "estimates")
    for analysis in ("cox_unadjusted", "cox_adjusted", "matched_cox", "stratified_cox"):
        published = one(estimates, analysis=analysis, subgroup="all", term="surgery")
        same = one(estimates, analysis=analysis, subgroup="stage_any_evidence", term="surgery")
        assert same["estimate"] == published["estimate"]
    clinical = one(estimates, analysis="cox_unadjusted", subgroup="stage_clinical")
    assert clinical["n"] == 1000
    assert clinical["cohort"] == "stage_iv_her2_positive_2010_2012_stage_clinical"
    pairs = pl.read_parquet(facts.folder / "matched_pairs_stage_clinical.parquet")
    assert set(pairs["source_record"] % 2) == {1}, "records count from one, so every other woman is odd"
    told = table(facts, "diagnostics").filter(check="zero_months")
    assert set(told["subgroup"]) == {"all", "stage_any_evidence", "stage_clinical"}, (
        "nobody is treated in silence"
    )


def test_a_policy_that_leaves_nobody_is_absent_with_its_reason(
    mudgway: tuple[Submission, StudyFacts],
) -> None:
    _, facts = mudgway
    found = table(facts, "diagnostics").filter(subgroup="stage_clinical")
    assert set(found["status"]) == {"absent"}
    assert "has nobody" in found["message"][0]
    assert table(facts, "estimates").filter(subgroup="stage_clinical").is_empty()


def test_no_pass_no_study(tmp_path: Path) -> None:
    with pytest.raises(GateError):
        run_study(submission(tmp_path, tumors(ROWS[:50]), passed=False), "mudgway2020", CATALOG)


def test_a_primary_analysis_that_cannot_be_fitted_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    """Nobody dies: there is no hazard ratio to give."""
    rows = [{**row, "died": False, "vital_status": "alive"} for row in world(300, seed=2)]
    sub = submission(tmp_path, tumors(rows))
    with pytest.raises(
        InputError, match=r"primary analysis matched_cox .* cannot be fitted: Nobody has the event"
    ):
        run_study(sub, "mudgway2020", CATALOG)
    assert not (sub.root / "studies").exists()


def test_another_analysis_that_cannot_be_fitted_is_absent_with_its_reason(tmp_path: Path) -> None:
    """Everybody irradiated lives: adjusted models have no maximum, the matched one has."""
    rows = world(600, seed=4)
    rows = [
        {**row, "died": False, "vital_status": "alive"} if row["radiation"] == "yes" else row for row in rows
    ]
    facts = run_study(submission(tmp_path, tumors(rows)), "mudgway2020", CATALOG)
    main = pl.col("subgroup").is_in(["all", "baseline_only"])
    absent = table(facts, "diagnostics").filter(main, status="absent")
    assert {(row["analysis"], row["subgroup"]) for row in absent.iter_rows(named=True)} == {
        ("cox_adjusted", "all"),
        ("adjusted_matched_cox", "all"),
    }
    estimates = table(facts, "estimates")
    assert estimates.filter(analysis="cox_adjusted", subgroup="all").is_empty()
    assert not estimates.filter(analysis="matched_cox", subgroup="all").is_empty()
    comparison = table(facts, "comparison").filter(analysis="cox_adjusted")
    assert set(comparison["verdict"]) == {"not_comparable"}


def test_few_events_are_warned_of(tmp_path: Path) -> None:
    rows = world(600, seed=6)
    rows = [{**row, "died": row["died"] and number % 3 == 0} for number, row in enumerate(rows)]
    facts = run_study(submission(tmp_path, tumors(rows)), "mudgway2020", CATALOG)
    warned = table(facts, "diagnostics").filter(check="events_per_covariate", status="warning")
    assert "cox_adjusted" in set(warned["analysis"])
    assert (warned["value"] < warned["threshold"]).all()


def test_an_arm_without_anybody_is_an_error(tmp_path: Path) -> None:
    rows = [row for row in world(200, seed=7) if row["operated"]]
    with pytest.raises(InputError, match="nobody in the arm 'no surgery'"):
        run_study(submission(tmp_path, tumors(rows)), "mudgway2020", CATALOG)


def test_targets_that_join_to_nothing_stop_the_study(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    for name in ("cohorts", "studies/mudgway2020"):
        (catalog / name).mkdir(parents=True)
        for path in (CATALOG / name).glob("*.*"):
            (catalog / name / path.name).write_bytes(path.read_bytes())
    published = catalog / "studies" / "mudgway2020" / "published.csv"
    published.write_text(published.read_text().replace("any_visceral vs bone_only", "visceral vs bone_only"))
    with pytest.raises(
        InputError,
        match=r"1 published target\(s\) of 'mudgway2020' join to no estimate: line 20: hr_any_visceral",
    ):
        run_study(submission(tmp_path, tumors(world(300, seed=8))), "mudgway2020", catalog)


def test_every_wrong_expression_of_a_study_is_named(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    for name in ("cohorts", "studies/mudgway2020"):
        (catalog / name).mkdir(parents=True)
        for path in (CATALOG / name).glob("*.*"):
            (catalog / name / path.name).write_bytes(path.read_bytes())
    path = catalog / "studies" / "mudgway2020" / "study.yaml"
    content = yaml.safe_load(path.read_text())
    content["covariates"][0]["column"] = "age_band"
    content["outcome"]["event"] = "died = = true"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError) as error:
        run_study(submission(tmp_path, tumors(ROWS[:60])), "mudgway2020", catalog)
    assert "covariates.age_group: " in str(error.value)
    assert "outcome.event: " in str(error.value)
