"""What a cohort refuses, what it calls a mistake, and that nothing half-written stays behind."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml
from toy_registry import submission, tumors

from pipelines import store
from pipelines.cohorts import attrition_lines, materialise, read_attrition
from pipelines.cohorts.definition import Years
from pipelines.cohorts.needs import check_needs, check_years, years_without_records
from pipelines.cohorts.sources import who_covers, who_has
from pipelines.errors import GateError, InputError, RefusedError
from pipelines.settings import Settings
from pipelines.store import Submission

CATALOG = Settings().catalog_dir
HER2 = "stage_iv_her2_positive_2010_2012"


def members(sub: Submission, name: str) -> int:
    return pl.read_parquet(materialise(sub, name, CATALOG).folder / "members.parquet").height


@pytest.mark.parametrize("passed", [False, None])
def test_no_pass_no_cohort(tmp_path: Path, passed: bool | None) -> None:
    sub = submission(tmp_path, tumors([{}]), passed=passed)
    with pytest.raises(GateError):
        materialise(sub, "stage_iv_female_breast", CATALOG)
    assert not (sub.root / "cohorts").exists()


def test_years_that_the_submission_does_not_cover_are_refused(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([{}]), source="seer", covered=(2000, 2020))
    with pytest.raises(RefusedError) as error:
        materialise(sub, "stage_iv_seer_1988_2011", CATALOG)
    assert (error.value.reason_code, error.value.exit_code) == ("period_not_covered", 3)
    assert "1988 to 2011" in str(error.value)
    assert "2000 to 2020" in str(error.value)
    assert "SEER submissions nov2013 to nov2025 reach these years" in str(error.value)


@pytest.mark.parametrize("source", ["naaccr", "mapped"])
def test_a_source_that_states_no_years_is_judged_by_its_records(tmp_path: Path, source: str) -> None:
    """An extract of 2010 on has nobody of 2000: that is no mistake of the rule, and nothing to look at there."""
    rows = [{"year_of_diagnosis": year} for year in (2010, 2023)]
    sub = submission(tmp_path, tumors(rows), source=source, covered=None)
    with pytest.raises(RefusedError, match=r"1987 to 2000, .* has no record of them") as error:
        check_years(sub, Years(first=1987, last=2000), asked_by="A cohort")
    assert error.value.reason_code == "period_not_covered"
    check_years(sub, Years(first=1987, last=2010), asked_by="A cohort")
    unknown = submission(tmp_path / "unknown", tumors([{"year_of_diagnosis": None}]), covered=None)
    check_years(unknown, Years(first=1987, last=2010), asked_by="A cohort")


def test_years_of_which_no_record_is_are_told(tmp_path: Path) -> None:
    """A file of 2010 and 2012 answers for these alone. Where years are stated, or none is known, nothing is said."""
    rows = [{"year_of_diagnosis": year} for year in (2010, 2012)]
    asked = Years(first=2009, last=2012)
    sub = submission(tmp_path, tumors(rows), source="naaccr", covered=None)
    assert years_without_records(sub, asked) == [2009, 2011]
    assert years_without_records(sub, Years(first=2010, last=2010)) == years_without_records(sub, None) == []
    stated = submission(tmp_path / "stated", tumors(rows), covered=(2004, 2022))
    assert years_without_records(stated, asked) == []
    unknown = submission(tmp_path / "unknown", tumors([{"year_of_diagnosis": None}]), covered=None)
    assert years_without_records(unknown, asked) == []


def test_years_that_nothing_reaches_are_not_promised() -> None:
    assert who_covers(Years(first=2010, last=2099)) == ""


def test_recurrence_is_refused_with_the_reason_of_the_source(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([{}]), statuses={"disease_presentation": "not_released"})
    with pytest.raises(RefusedError) as error:
        materialise(sub, "metastatic_de_novo_vs_metachronous", CATALOG)
    assert error.value.reason_code == "not_released"
    assert "disease_presentation" in str(error.value)
    assert "made-up reason for disease_presentation" in str(error.value)


def test_a_refusal_teaches_who_has_what_is_missing(tmp_path: Path) -> None:
    """Recurrence: of the registries only a registry's own NAACCR file has it."""
    sub = submission(tmp_path, tumors([{}]), source="seer", statuses={"disease_presentation": "not_released"})
    with pytest.raises(RefusedError) as error:
        materialise(sub, "metastatic_de_novo_vs_metachronous", CATALOG)
    said = str(error.value)
    assert "disease_presentation (not_released in seer 2016): made-up reason for disease_presentation" in said
    assert "Who has it: disease_presentation: naaccr; never released by ncdb, seer and seer_ascii." in said
    assert "this extract has not" not in said


def test_what_the_source_has_and_the_extract_lacks_is_told_apart(tmp_path: Path) -> None:
    """SEER releases the cause of death; whoever exported this listing left it out."""
    statuses = {"cause_of_death_group": "not_released"}
    sub = submission(tmp_path, tumors([{}]), source="seer", covered=(1975, 2020), statuses=statuses)
    with pytest.raises(
        RefusedError, match=r"What seer has and this extract has not \(cause_of_death_group\)"
    ):
        materialise(sub, "stage_iv_seer_1988_2011", CATALOG)


def test_what_no_registry_counts_is_refused_and_no_mistake(tmp_path: Path) -> None:
    """There is no column of lesion counts, and the sources say so: exit code 3, not 2."""
    sub = submission(tmp_path, tumors([{}]))
    with_reason = pl.read_parquet(sub.registry_table("ascertainment")).vstack(
        pl.DataFrame(
            {
                "source": ["ncdb"],
                "release": ["2016"],
                "variable": ["oligometastatic"],
                "status": ["not_released"],
                "reason": ["Lesions are not counted."],
                "reference": ["toy"],
            }
        )
    )
    store.write_parquet(with_reason, sub.registry_table("ascertainment"))
    with pytest.raises(RefusedError, match=r"Lesions are not counted.*no registry here; a mapped source may"):
        check_needs(sub, ["oligometastatic"], None, asked_by="A study")
    with pytest.raises(InputError, match="registry model does not have: oligometastasis"):
        check_needs(sub, ["oligometastasis"], None, asked_by="A study")


@pytest.mark.parametrize(
    ("variable", "first", "said"),
    [
        ("days_to_definitive_surgery", 2010, "naaccr and ncdb; never released by seer and seer_ascii"),
        (
            "income_quartile_2016",
            2010,
            "ncdb from release 2016 on; never released by naaccr, seer and seer_ascii",
        ),
        ("vital_status", 1975, "naaccr, ncdb, seer and seer_ascii"),
        ("complication_30_days", 2010, "no registry here; a mapped source may"),
        ("her2_status", 2010, "naaccr, ncdb, seer and seer_ascii for diagnoses from 2010 on"),
        (
            "stage_iv",
            1975,
            "naaccr and ncdb; seer and seer_ascii for diagnoses from 1988 on, not for all years asked for",
        ),
    ],
)
def test_who_has_a_variable_follows_from_the_codebook(variable: str, first: int, said: str) -> None:
    assert who_has([variable], Years(first=first, last=2015)) == f"{variable}: {said}."


def test_variables_with_one_answer_stand_together() -> None:
    assert who_has(["smoker", "diabetes", "smoker"], None).startswith("smoker, diabetes: no registry here")


@pytest.mark.parametrize(("since", "refused"), [(2010, False), (2011, True)])
def test_a_variable_collected_later_than_the_first_year_is_refused(
    tmp_path: Path, since: int, refused: bool
) -> None:
    sub = submission(tmp_path, tumors([{}]), statuses={"her2_status": f"not_collected_before_{since}"})
    if refused:
        with pytest.raises(RefusedError, match="her2_status"):
            materialise(sub, HER2, CATALOG)
    else:
        assert members(sub, HER2) == 1


def test_a_listing_without_the_stage_field_of_a_period_is_refused_by_its_name(tmp_path: Path) -> None:
    """Without the combined stage group the women of 2016 and 2017 would be lost as "unknown"."""
    staged = {"stage_group": "4", "stage_edition": "ajcc7_derived"}
    left_out = {"stage_group": "not_released", "stage_edition": "seer_combined_2016", "stage_iv": None}
    rows = [
        {**staged, "year_of_diagnosis": 2011},
        {**left_out, "year_of_diagnosis": 2016},
        {**left_out, "year_of_diagnosis": 2017},
    ]
    sub = submission(tmp_path, tumors(rows, source="seer"), source="seer", covered=(2000, 2020))
    with pytest.raises(RefusedError, match=r"Derived SEER Cmb Stg Grp \(2016 to 2017\)") as error:
        materialise(sub, "stage_iv_female_breast", CATALOG)
    assert error.value.reason_code == "not_released"
    assert members(sub, HER2) == 1  # 2010 to 2012 have their field


def test_a_listing_without_the_reason_item_does_not_know_surgery_before_1998(tmp_path: Path) -> None:
    before = {"year_of_diagnosis": 1995, "primary_surgery": "not_released", "operated": None}
    after = {"year_of_diagnosis": 2001, "primary_surgery": "mastectomy", "cause_of_death_group": "alive"}
    sub = submission(tmp_path, tumors([before, after], source="seer"), source="seer", covered=(1988, 2016))
    with pytest.raises(RefusedError, match=r"Reason no cancer-directed surgery \(1995 to 1995\)"):
        materialise(sub, "stage_iv_seer_1988_2011", CATALOG)


def test_an_empty_cohort_names_the_rule_that_emptied_it(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([{"her2_status": "negative"}, {"sex": "male"}]))
    with pytest.raises(InputError, match="nobody is left after rule 'her2_positive'"):
        materialise(sub, HER2, CATALOG)
    assert not (sub.root / "cohorts" / HER2).exists()


def test_a_rule_that_can_tell_of_nobody_is_a_refusal(tmp_path: Path) -> None:
    """The field is there and says "unknown" of everybody who came so far: the source has no answer."""
    sub = submission(
        tmp_path, tumors([{"her2_status": "unknown"}, {"her2_status": "negative", "sex": "male"}])
    )
    with pytest.raises(RefusedError, match="whether rule 'her2_positive' holds") as error:
        materialise(sub, HER2, CATALOG)
    assert error.value.reason_code == "not_recorded"


def test_every_rule_with_wrong_sql_is_named(tmp_path: Path) -> None:
    content = yaml.safe_load((CATALOG / "cohorts" / "stage_iv_female_breast.yaml").read_text())
    content["rules"][0]["when"] = "gender = 1"
    content["rules"][2]["when"] = "behavior = = 'invasive'"
    (tmp_path / "catalog" / "cohorts").mkdir(parents=True)
    path = tmp_path / "catalog" / "cohorts" / "stage_iv_female_breast.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError) as error:
        materialise(submission(tmp_path, tumors([{}])), "stage_iv_female_breast", tmp_path / "catalog")
    assert "female: " in str(error.value)
    assert "invasive: " in str(error.value)


def test_a_failed_run_leaves_the_last_cohort_as_it_was(tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([{}]))
    folder = materialise(sub, HER2, CATALOG).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    submission(tmp_path, tumors([{"her2_status": "negative"}]))
    with pytest.raises(InputError):
        materialise(sub, HER2, CATALOG)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_same_input_same_bytes_and_the_order_of_rows_does_not_choose_members(tmp_path: Path) -> None:
    rows = [{"operated": number % 2 == 0, "stage_iv": number % 5 != 0} for number in range(40)]
    table = tumors(rows)
    first = materialise(submission(tmp_path / "a", table), "stage_iv_female_breast", CATALOG).folder
    second = materialise(
        submission(tmp_path / "b", table.reverse()), "stage_iv_female_breast", CATALOG
    ).folder
    for name in ("members.parquet", "attrition.csv", "definition.yaml", "query.sql"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_attrition_that_is_printed_hides_small_counts(tmp_path: Path) -> None:
    rows = [{"operated": number % 2 == 0} for number in range(60)] + [{"sex": "male"}] * 3
    facts = materialise(submission(tmp_path, tumors(rows)), "stage_iv_female_breast", CATALOG)
    stored = pl.read_csv(facts.folder / "attrition.csv")
    printed = {row["rule_id"]: row for row in read_attrition(facts.folder, min_cell=11)}
    assert stored.row(by_predicate=pl.col("rule_id") == "female", named=True)["n_excluded"] == 3
    assert printed["female"]["n_excluded"] is None
    assert printed["received"]["n_after"] == 63
    shown = {row["rule_id"]: row for row in attrition_lines(facts.folder, min_cell=11)}
    assert (shown["received"]["remained"], shown["received"]["surgery remained"]) == ("63", "33")
    assert (shown["female"]["remained"], shown["female"]["surgery remained"]) == ("hidden", "hidden")
    assert shown["arm_known"]["left"].startswith("hidden")


def test_an_arm_without_anybody_is_warned_of_where_its_cohort_is_printed(
    tmp_path: Path, cohorts: Callable[..., tuple[int, str, str]]
) -> None:
    submission(tmp_path, tumors([{"operated": True}] * 60))
    run = ("cohort", "run", "stage_iv_female_breast", "--submission", "toy", "--home", tmp_path)
    code, said, _ = cohorts(*run)
    assert code == 0
    assert "WARNING: nobody is in the arm 'no surgery'" in said
    assert "arm 'surgery'" not in said
    assert json.loads(cohorts(*run, "--json")[1])["empty_arms"] == ["no surgery"]
    few = [{"operated": number > 2} for number in range(60)]
    submission(tmp_path, tumors(few))
    assert "WARNING" not in cohorts(*run)[1], "an arm of few is no empty one, and is not told apart"
