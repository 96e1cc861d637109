"""Reporting checklists: filled from what is set and counted, silent on what only authors know, and nothing leaks."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from pipelines.cohorts import load_cohort
from pipelines.cohorts.yaml_models import dump_yaml
from pipelines.errors import InputError
from pipelines.settings import Settings
from pipelines.studies.catalog import load_study
from pipelines.studies.checklists import CHECKLISTS, applicable, checklist_lines, checklist_text
from pipelines.studies.checklists.answers import ANSWERS
from pipelines.studies.checklists.at_hand import AtHand, Ran
from pipelines.studies.checklists.results import FEW_LEFT, events, people_of
from pipelines.studies.checklists.table import AFTER_A_RUN, AUTHORS, NOT_HERE, read_items
from pipelines.studies.lines import HIDDEN_TEXT

CATALOG = Settings().catalog_dir
NAMES = (*CHECKLISTS,)


def known(name: str, ran: Path | None = None) -> AtHand:
    study = load_study(name, CATALOG)
    return AtHand(study, load_cohort(study.cohort, CATALOG), None if ran is None else Ran(ran))


def answers(which: str, one: AtHand) -> dict[str, str]:
    return {line.item: " ".join(line.answer) for line in checklist_lines(which, one, CATALOG)}


@pytest.mark.parametrize(
    ("which", "numbers"),
    [("strobe", range(1, 23)), ("target", range(1, 22)), ("record", (1, 6, 7, 12, 13, 19, 22))],
)
def test_a_checklist_has_every_item_of_its_guideline_once_in_order(which: str, numbers: range) -> None:
    items = [item.item for item in read_items(which, CATALOG)]
    assert len(items) == len(set(items))
    found = [int("".join(sign for sign in item.split(".")[0] if sign.isdigit())) for item in items]
    assert list(dict.fromkeys(found)) == list(numbers)


def test_every_answer_is_asked_for_by_some_item_and_every_item_has_an_answer_or_authors() -> None:
    items = [item for which in NAMES for item in read_items(which, CATALOG)]
    assert {item.answer for item in items} - {""} == set(ANSWERS)
    assert all((item.answer == "") == (item.authors == "all") for item in items)


def test_a_study_that_emulates_a_trial_is_reported_by_target_and_any_other_by_strobe_and_record() -> None:
    assert applicable(load_study("badwe2015", CATALOG)) == ("target",)
    assert applicable(load_study("mudgway2020", CATALOG)) == ("strobe", "record")
    with pytest.raises(InputError, match="emulates no trial"):
        checklist_text("mudgway2020", "target", CATALOG)


def test_what_only_authors_know_is_never_written_for_them() -> None:
    told = answers("strobe", known("mudgway2020"))
    assert told["18"] == told["21"] == told["22"] == AUTHORS
    assert told["5"].endswith("The rest is to be written by the authors.")


def test_before_a_run_results_are_not_known_and_methods_are() -> None:
    told = answers("strobe", known("mudgway2020"))
    assert told["13a"] == told["15"] == told["16a"] == AFTER_A_RUN
    assert "Stage IV" in told["6a"]
    assert "Matching: nearest, 1:1, caliper 0.2 SD (pooled)" in told["6b"]
    assert "our choice: the paper does not say" in told["6b"]
    assert "Missing values are a level of their own" in told["12c"]
    assert "standardized differences under 0.1" in told["9"]


def test_a_study_without_subgroups_says_so_instead_of_nothing() -> None:
    study = load_study("mudgway2020", CATALOG).model_copy(update={"subgroups": ()})
    one = AtHand(study, load_cohort(study.cohort, CATALOG))
    assert answers("strobe", one)["12b"] == NOT_HERE


def test_target_sets_the_trials_protocol_beside_what_stands_for_it() -> None:
    told = answers("target", known("badwe2015"))
    assert "Resectable, or else a response to chemotherapy" in told["6a"]
    assert "(not recorded)" in told["7a"]
    assert "(recorded)" in told["7e"]
    assert "Grace period: " in told["7b"]
    assert "Not recorded, so that nothing here can adjust for it" in told["7g"]
    assert "progression" in told["16"]
    assert told["17"] == told["20"] == told["21"] == AUTHORS


def test_the_text_names_items_that_nobody_read_in_the_guideline() -> None:
    assert "[item from memory: hold it against the guideline]" in checklist_text(
        "badwe2015", "target", CATALOG
    )
    assert "from memory" not in checklist_text("mudgway2020", "strobe", CATALOG).replace(
        "pages from memory", ""
    )


def test_published_evidence_has_no_checklist_of_people() -> None:
    with pytest.raises(InputError, match="pools published estimates"):
        checklist_text("pooled_evidence", "strobe", CATALOG)


def test_a_checklist_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(InputError, match="strobe, record, target"):
        checklist_text("mudgway2020", "consort", CATALOG)


def test_mistakes_of_a_table_are_told_with_their_lines(tmp_path: Path) -> None:
    shutil.copytree(CATALOG / "checklists", tmp_path / "checklists")
    path = tmp_path / "checklists" / "strobe.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace(",design,part,", ",sketch,part,").replace(",all,read", ",some,read"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="there is no answer sketch") as caught:
        read_items("strobe", tmp_path)
    assert "line 2: answer" in str(caught.value)
    assert "line 3: authors" in str(caught.value)


# After a run


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """What a run of mudgway2020 wrote, as far as a checklist reads it: small counts, a hidden estimate."""
    study = load_study("mudgway2020", CATALOG)
    folder = tmp_path / "submissions" / "toy" / "studies" / "mudgway2020"
    cohort = tmp_path / "submissions" / "toy" / "cohorts" / study.cohort
    folder.mkdir(parents=True)
    cohort.mkdir(parents=True)
    attrition: dict[str, Sequence[object]] = {
        "step": [0, 1, 2],
        "rule_id": ["received", "female", "stage_iv"],
        "rule": ["Tumors in the submission", "Female", "Stage IV"],
        "n_before": [1000, 1000, 995],
        "n_excluded": [0, 5, 495],
        "n_after": [1000, 995, 500],
    }
    for arm, after in {
        "exposed": [400, 398, 200],
        "reference": [600, 597, 300],
        "arm_unknown": [0, 0, 0],
    }.items():
        before = [after[0], *after[:-1]]
        attrition[f"n_before_{arm}"] = before
        attrition[f"n_excluded_{arm}"] = [one - other for one, other in zip(before, after, strict=True)]
        attrition[f"n_after_{arm}"] = after
    pl.DataFrame(attrition).write_csv(cohort / "attrition.csv")
    definition = load_cohort(study.cohort, CATALOG)
    (cohort / "definition.yaml").write_text(dump_yaml(definition), encoding="utf-8")
    run = {
        "study": "mudgway2020",
        "cohort": study.cohort,
        "cohort_settings": definition.model_dump(mode="json"),
        "arms": {"exposed": "surgery", "others": [], "reference": "no surgery"},
        "source": "ncdb",
        "format": "ncdb_puf",
        "release": "2016",
        "covered_years": [2004, 2016],
        "primary": "matched_cox",
        "settings_hash": "0123456789abcdef",
        "gate_verdict": {"status": "failed"},
        "extract": [{"name": "x.dat", "sha256": "ab" * 32}],
        "versions": {"polars": "2"},
        "randomness": "no step draws random numbers",
        "warnings": [
            {"analysis": "a", "subgroup": "all", "check": "covariate_not_collected", "message": "HER2 late"}
        ],
        "absent": [{"analysis": "landmark_6", "subgroup": "all", "reason": "no dates"}],
    }
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    verdict = {"checks": 281, "warnings": ["a", "b"]}
    (folder.parent.parent / "manifest.json").write_text(json.dumps({"verdict": verdict}), encoding="utf-8")
    pl.DataFrame(
        [
            estimate("cox_unadjusted", "all", "hr", 0.61, 500, 200, 7),
            estimate("matched_cox", "all", "hr", 0.4321, 300, 150, 8),
            estimate("km", "surgery", "median_months", 30.0, 200, 200, 9),
            estimate("km", "no surgery", "median_months", 20.0, 300, 0, 250),
            estimate("follow_up", "all", "median_months", 41.0, 500, 200, None),
        ]
    ).write_csv(folder / "estimates.csv")
    key = ("analysis", "subgroup", "term", "contrast", "measure")
    hidden = [("matched_cox", "all", "surgery", "surgery vs no surgery", "hr")]
    pl.DataFrame(hidden, schema=list(key), orient="row").write_csv(folder / "hidden.csv")
    compared = dict(zip(key, hidden[0], strict=True))
    numbers = {"estimated": 0.4321, "ci_low": 0.3, "ci_high": 0.6, "delta": -0.1, "verdict": "match"}
    pl.DataFrame([compared | numbers]).write_csv(folder / "comparison.csv")
    return folder


def estimate(
    analysis: str, subgroup: str, measure: str, value: float, n: int, exposed: int, events: int | None
) -> dict[str, object]:
    return {
        "analysis": analysis,
        "subgroup": subgroup,
        "term": "surgery",
        "contrast": "surgery vs no surgery" if measure == "hr" else "",
        "measure": measure,
        "estimate": value,
        "ci_low": value * 0.9,
        "ci_high": value * 1.1,
        "p_value": 0.01,
        "n": n,
        "n_exposed": exposed,
        "events": events,
    }


def test_after_a_run_counts_and_estimates_stand_in_the_table(ran: Path) -> None:
    told = answers("strobe", known("mudgway2020", ran))
    assert "500 remained (surgery 200, no surgery 300)" in told["13a"]
    assert "cox_unadjusted surgery vs no surgery hr: 0.61 (0.55–0.67)" in told["16a"]
    assert "Median follow-up (reverse Kaplan-Meier): 41.0" in told["14c"]
    assert "HER2 late" in told["8"]
    assert "Not done, landmark_6: no dates" in told["19"]
    record = answers("record", known("mudgway2020", ran))
    assert "281 quality checks passed" in record["12.2"]
    assert "0123456789abcdef" in record["22.1"]
    assert "National Cancer Database" in record["1.1"]


def test_what_the_gate_hides_is_hidden_in_every_checklist(ran: Path) -> None:
    for which in ("strobe", "record"):
        text = checklist_text("mudgway2020", which, CATALOG, ran)
        assert "0.43" not in text
    told = answers("strobe", known("mudgway2020", ran))
    assert f"matched_cox surgery vs no surgery hr: {HIDDEN_TEXT}" in told["16a"]
    assert "hidden 1" in told["20"]


def test_no_small_count_is_in_a_checklist(ran: Path) -> None:
    told = answers("strobe", known("mudgway2020", ran))
    assert "surgery: <11 events. no surgery: hidden events." in told["15"]
    assert "995" not in told["13a"]  # 1,000 less 995 would be five people
    assert "Female: 5" not in told["13b"]


def with_estimates(ran: Path, *rows: dict[str, object]) -> AtHand:
    pl.DataFrame(list(rows)).write_csv(ran / "estimates.csv")
    return known("mudgway2020", ran)


def medians(surgery: int, none: int) -> list[dict[str, object]]:
    return [
        estimate("km", "surgery", "median_months", 30.0, 300, 300, surgery),
        estimate("km", "no surgery", "median_months", 20.0, 300, 0, none),
        estimate("km", "er=positive, surgery", "median_months", 30.0, 200, 200, 180),
    ]


def test_events_of_an_arm_cannot_be_had_from_those_behind_the_primary_estimate(ran: Path) -> None:
    primary = estimate("matched_cox", "all", "hr", 0.5, 600, 300, 255)
    assert events(with_estimates(ran, *medians(5, 250), primary)) == [
        "surgery: <11 events.",
        "no surgery: hidden events.",
        "Behind the primary estimate: 255 events.",
    ]
    assert events(with_estimates(ran, *medians(295, 170), primary)) == [FEW_LEFT], "5 of 300 lived"
    shown = ["surgery: 90 events.", "no surgery: 170 events."]
    assert events(with_estimates(ran, *medians(90, 170), primary)) == shown, "5 of 260 are of a rare level"


@pytest.mark.parametrize(
    ("exposed", "beside", "told"),
    [
        (495, (1000, 700), "People: 500."),
        (250, (520, 253), "People: 500."),
        (250, (520, 265), "People: 500."),
        (250, (1000, 400), "People: 500, of them 250 exposed."),
    ],
)
def test_the_exposed_are_told_where_neither_they_nor_the_others_give_few_away(
    ran: Path, exposed: int, beside: tuple[int, int], told: str
) -> None:
    """Few among the others; 3 exposed less than in Table 1; 5 others less; nothing of it."""
    mine = estimate("matched_cox", "all", "hr", 0.5, 500, exposed, None)
    table = estimate("table_one", "all", "n", float(beside[0]), *beside, None)
    assert people_of(with_estimates(ran, mine, table).ran, "matched_cox") == [told]


def test_a_run_is_not_told_with_the_flow_of_a_cohort_that_was_made_again_since(ran: Path) -> None:
    path = ran.parents[1] / "cohorts" / "stage_iv_her2_positive_2010_2012" / "definition.yaml"
    text = path.read_text(encoding="utf-8")
    assert "500 remained" in answers("strobe", known("mudgway2020", ran))["13a"]
    path.write_text(text.replace("stage_iv", "stage_iv_clinical"), encoding="utf-8")
    said = answers("strobe", known("mudgway2020", ran))
    assert "500 remained" not in " ".join(said.values())
    assert "made again since, by another definition" in said["13a"]
