"""Groups described: shares by year under every denominator, survival in levels, relative survival."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import toy_people
from toy_registry import WOMAN, submission, tumors

from pipelines.cohorts import write_cohort
from pipelines.cohorts.definition import CohortDefinition
from pipelines.studies.analysis_set import AnalysisSet, life_table_of, read_analysis_set
from pipelines.studies.estimators.groups import group_survival, share_by_year
from pipelines.studies.results import Estimate, Outcomes
from pipelines.synthetic.life_table import life_table

GROUPS = {"by": ["spread"], "at_months": [12, 60], "order": {"spread": ["visceral", "bone"]}}
OVERALL = {"kind": "overall", "words": "Death of any cause"}


def described(n: int = 1200, *, among: pl.Series | None = None, **changes: Any) -> AnalysisSet:
    definition = toy_people.study(
        analyses=["group_survival"],
        primary="group_survival",
        **{"outcome": OVERALL, "group_survival": GROUPS, **changes},
    )
    people = toy_people.people(n, definition=definition)
    return people if among is None else replace(people, frame=people.frame.with_columns(described=among))


def one(found: Outcomes, subgroup: str, contrast: str, measure: str) -> Estimate:
    (estimate,) = [row for row in found.estimates if row.key[1:] == (subgroup, row.term, contrast, measure)]
    return estimate


def small(arms: Sequence[str], years: Sequence[int], operated: Sequence[bool | None]) -> AnalysisSet:
    definition = toy_people.study(
        analyses=["share_by_year"],
        primary="share_by_year",
        outcome=None,
        binary_outcomes=[{"name": "operated", "words": "Operated on", "event": "operated"}],
    )
    frame = pl.DataFrame(
        {
            "arm": list(arms),
            "exposed": [arm == "surgery" for arm in arms],
            "year": list(years),
            "event_operated": list(operated),
        }
    )
    return AnalysisSet(frame, definition, "surgery", "no surgery")


TEN = small(
    ["surgery"] * 3 + ["no surgery"] * 7,
    [2000, 2000, 2001] + [2000] * 2 + [2001] * 5,
    [True, False, None] + [True] * 7,
)


def test_the_same_people_give_three_shares_as_the_denominator_is_the_year_the_arm_or_everybody() -> None:
    found = share_by_year(TEN)
    of_year = {"surgery": 50.0, "surgery, of all years": 200 / 3, "everybody, of all years": 40.0}
    shares = {row.contrast: row.estimate for row in found.estimates if row.subgroup == "year=2000"}
    assert shares == pytest.approx(of_year)


def test_shares_of_the_arm_and_of_everybody_add_up_to_all_of_them_over_the_years() -> None:
    rows = [row for row in share_by_year(TEN).estimates if row.contrast.endswith("of all years")]
    for contrast in ("surgery, of all years", "everybody, of all years"):
        assert sum(row.estimate or 0 for row in rows if row.contrast == contrast) == pytest.approx(100)


def test_a_binary_outcome_that_is_unknown_is_neither_yes_nor_no_in_the_share_of_its_year() -> None:
    found = share_by_year(TEN)
    rows = {row.subgroup: row for row in found.estimates if row.term == "operated"}
    assert rows["surgery, year=2000"].estimate == 50.0
    assert rows["no surgery, year=2001"].counts.n == 5
    assert "surgery, year=2001" not in rows, "the only one there is unknown"


def test_one_year_alone_has_shares_and_no_trend_and_the_trend_says_why() -> None:
    found = share_by_year(small(["surgery", "no surgery"], [2000, 2000], [True, True]))
    assert [row.subgroup for row in found.estimates if row.term == "surgery"] == ["year=2000"] * 3
    (absent,) = found.findings
    assert (absent.status, absent.check) == ("absent", "trend")


def test_the_trend_of_a_share_that_falls_is_an_odds_ratio_below_one() -> None:
    years = np.repeat(np.arange(2000, 2010), 50)
    surgery = np.tile(np.arange(50), 10) < 40 - 3 * (years - 2000)
    arms = np.where(surgery, "surgery", "no surgery").tolist()
    (trend,) = [
        row
        for row in share_by_year(small(arms, years.tolist(), [True] * 500)).estimates
        if row.measure == "or"
    ]
    assert (trend.term, trend.contrast) == ("year", "per 1")
    assert trend.ci_high is not None
    assert trend.ci_high < 1


def test_levels_and_everybody_have_their_number_median_and_survival() -> None:
    found = group_survival(described())
    n = [one(found, f"spread={level}", "", "n").estimate for level in ("bone", "visceral")]
    assert sum(value or 0 for value in n) == one(found, "all", "", "n").estimate == 1200
    percent = [one(found, f"spread={level}", "", "percent").estimate for level in ("bone", "visceral")]
    assert sum(value or 0 for value in percent) == pytest.approx(100)
    at_one_year = one(found, "spread=bone", "at 12 months", "survival_probability")
    assert at_one_year.ci_low is not None
    assert at_one_year.estimate is not None
    assert at_one_year.ci_low < at_one_year.estimate < 1


def test_an_ordering_is_the_difference_of_the_longer_and_the_shorter_level_so_that_above_zero_holds_it() -> (
    None
):
    found = group_survival(described())
    medians = [
        one(found, f"spread={level}", "", "median_months").estimate or 0 for level in ("bone", "visceral")
    ]
    months = one(found, "all", "bone minus visceral", "median_difference_months")
    assert months.estimate == pytest.approx(medians[0] - medians[1])
    assert months.estimate > 0
    bone, visceral = (one(found, f"spread={level}", "", "median_months") for level in ("bone", "visceral"))
    assert months.ci_low == pytest.approx(
        months.estimate - math.hypot(bone.estimate - bone.ci_low, visceral.ci_high - visceral.estimate)
    )
    assert months.ci_high == pytest.approx(
        months.estimate + math.hypot(bone.ci_high - bone.estimate, visceral.estimate - visceral.ci_low)
    )
    share = one(found, "all", "bone minus visceral, at 12 months", "survival_difference")
    assert share.ci_low is not None
    assert share.ci_low > 0


def test_an_ordering_with_a_level_that_nobody_has_is_empty_and_no_mistake() -> None:
    settings = {"by": ["spread"], "order": {"spread": ["brain", "visceral", "bone"]}}
    found = group_survival(described(group_survival=settings))
    assert one(found, "all", "visceral minus brain", "median_difference_months").estimate is None
    assert one(found, "all", "bone minus visceral", "median_difference_months").estimate is not None


def test_only_those_are_described_who_are_among_them_and_who_cannot_be_told_is_counted() -> None:
    among = pl.Series([True] * 400 + [False] * 780 + [None] * 20)
    found = group_survival(described(among=among))
    assert one(found, "all", "", "n").estimate == 400
    (unknown,) = [row for row in found.findings if row.check == "among_unknown"]
    assert (unknown.value, unknown.unit) == (20.0, "people")


def test_survival_later_than_anybody_was_followed_is_empty_and_not_a_guess() -> None:
    settings = {"by": ["spread"], "at_months": [600]}
    found = group_survival(described(group_survival=settings))
    assert one(found, "spread=bone", "at 600 months", "survival_probability").estimate is None


def with_ages(people: AnalysisSet, table: Path | None, **columns: Any) -> AnalysisSet:
    n = people.frame.height
    given = {"life_age": [60.0] * n, "life_age_top_coded": [False] * n, "life_sex": ["female"] * n} | columns
    frame = people.frame.with_columns(
        pl.Series(name, values, dtype=pl.Float64 if name == "life_age" else None)
        for name, values in given.items()
    )
    return replace(people, frame=frame, life_table=table)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("life") / "seer.csv"
    life_table(2010, 2030).write_csv(path)
    return path


RELATIVE = {**GROUPS, "relative": True}


def test_relative_survival_lies_above_the_observed_as_some_would_have_died_anyway(table: Path) -> None:
    found = group_survival(with_ages(described(group_survival=RELATIVE), table))
    relative = one(found, "spread=bone", "at 60 months", "relative_survival").estimate or 0
    observed = one(found, "spread=bone", "at 60 months", "survival_probability").estimate or 0
    would_be_alive = np.exp(-5 * 12 * 0.003 / 12 * np.exp(0.09 * 12.5))  # about the hazard of a woman of 62
    assert relative == pytest.approx(observed / would_be_alive, rel=0.03)
    (used,) = [row for row in found.findings if row.check == "life_table"]
    assert "seer.csv, sha256" in used.message


def test_without_a_life_table_the_observed_survival_stands_and_the_reason_says_where_to_put_one() -> None:
    found = group_survival(with_ages(described(group_survival=RELATIVE), None))
    (absent,) = [row for row in found.findings if row.status == "absent"]
    assert "life_tables/" in absent.message
    assert one(found, "spread=bone", "at 60 months", "survival_probability").estimate is not None
    assert not [row for row in found.estimates if row.measure == "relative_survival"]


def test_ages_in_bands_cannot_be_looked_up_in_a_life_table(table: Path) -> None:
    people = described(group_survival=RELATIVE)
    found = group_survival(with_ages(people, table, life_age=[None] * people.frame.height))
    assert [row.message for row in found.findings if row.status == "absent"] == [
        "the release gives ages in bands, and a life table needs them in years"
    ]


def test_a_life_table_that_ends_before_the_follow_up_gives_the_times_that_it_reaches(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    life_table(2010, 2014).write_csv(path)
    found = group_survival(with_ages(described(group_survival=RELATIVE), path))
    assert one(found, "spread=bone", "at 12 months", "relative_survival").estimate is not None
    absent = [row for row in found.findings if row.status == "absent" and row.subgroup == "spread=bone"]
    assert [row.message.startswith("at 60 months") for row in absent] == [True]


def test_a_life_table_by_what_people_are_not_known_by_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "by_region.csv"
    life_table(2010, 2030).with_columns(region=pl.lit("north")).write_csv(path)
    found = group_survival(with_ages(described(group_survival=RELATIVE), path))
    (absent,) = [row for row in found.findings if row.status == "absent"]
    assert "by_region.csv is by region" in absent.message


def test_the_life_table_is_that_of_the_submission_then_of_its_source_then_the_only_one(
    tmp_path: Path,
) -> None:
    sub = submission(tmp_path, tumors([WOMAN]), source="seer")
    folder = tmp_path / "life_tables"
    folder.mkdir()
    assert life_table_of(sub) is None
    for name in ("other", "seer", "toy"):
        (folder / f"{name}.csv").write_text("age\n", encoding="utf-8")
        found = life_table_of(sub)
        assert found is not None
        assert found.name == f"{name}.csv"
    (folder / "toy.csv").unlink()
    (folder / "seer.csv").unlink()
    (folder / "another.csv").write_text("age\n", encoding="utf-8")
    assert life_table_of(sub) is None, "two files, and neither is called after the submission or its source"


def test_ages_and_sex_come_from_the_registry_where_relative_survival_is_asked_for(tmp_path: Path) -> None:
    ages = [{"age_at_diagnosis_years": 60 + number, "operated": number % 2 == 0} for number in range(4)]
    sub = submission(tmp_path, tumors(ages, source="seer"), source="seer", covered=(2000, 2016))
    cohort = CohortDefinition.model_validate(
        {
            "name": "toy",
            "title": "Toy",
            "words": "Toy",
            "rules": [
                {
                    "id": "female",
                    "words": "Female",
                    "reference": "-",
                    "kind": "include",
                    "when": "sex = 'female'",
                }
            ],
            "arms": {
                "words": "Surgery",
                "needs": ["operated"],
                "exposed": {"label": "surgery", "when": "operated"},
                "reference": {"label": "no surgery", "when": "not operated"},
            },
        }
    )
    write_cohort(sub, cohort)
    study = toy_people.study(
        outcome=OVERALL, group_survival=RELATIVE, analyses=["group_survival"], primary="group_survival"
    )
    people = read_analysis_set(sub, study, cohort)
    assert people.frame["life_age"].to_list() == [60.0, 61.0, 62.0, 63.0]
    assert set(people.frame["life_sex"]) == {"female"}
