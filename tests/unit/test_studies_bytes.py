"""A study that asks for every analysis at once: it runs, and the order of the extract changes no byte of it."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from toy_registry import submission, tumors, world
from toy_studies import catalog_at, cut

from pipelines.studies import StudyFacts, run_study
from pipelines.studies.language import ANALYSES, StudyDefinition

NOT_HERE = {"trial_agreement"}
"""Needs a trial of the evidence."""
MODEL = ["age_group", "spread", "payer"]


def everything() -> dict[str, Any]:
    """The study, with few resamples of whatever draws."""
    study = cut("mudgway2020")
    return study | {
        "needs": [],
        "sensitivity": [],
        "covariates": [one for one in study["covariates"] if one["name"] in (*MODEL, "grade")],
        "models": {"logistic": MODEL, "cox": [*MODEL, "grade"], "propensity": MODEL},
        "outcome": {"kind": "overall", "words": "Death", "other_cause": "died_of_other_cause"},
        "other_outcomes": [
            {"name": "cancer", "kind": "disease_specific", "words": "Cancer", "event": "died_of_breast_cancer",
             "analyses": ["cox_adjusted"]},
        ],
        "binary_outcomes": [{"name": "year", "words": "Dead", "event": "died and survival_months < 12",
             "covariates": ["age_group"]}],
        "timing": {
            "start": "days_to_definitive_surgery", "needs": ["days_to_definitive_surgery"],
            "landmarks_months": [3], "window_months": 3,
        },
        "plasmode": {"replicates": 2, "people": 300},
        "imputation": {"imputations": 2, "rounds": 2},
        "effect_by": ["spread"],
        "group_survival": {"by": ["spread"], "at_months": [24]},
        "horizons": {"survival_months": [24], "rmst_months": 36, "split_months": [12]},
        "subgroups": [
            {"name": "er", "words": "Receptor", "column": "er_status", "levels": ["positive", "negative"],
             "analyses": ["cox_unadjusted"]},
        ],
        "analyses": [word for word in ANALYSES if word not in NOT_HERE],
        "primary": "cox_adjusted",
    }  # fmt: skip


def extract() -> pl.DataFrame:
    """Women operated on within eight weeks."""
    days = np.random.default_rng(4).integers(5, 56, 700)
    rows = [
        {**row, "days_to_definitive_surgery": int(days[i]) if row["operated"] else None}
        for i, row in enumerate(world(700, seed=41))
    ]
    return tumors(rows)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFacts, StudyFacts]:
    folder = tmp_path_factory.mktemp("everything")
    catalog, rows = catalog_at(folder, everything()), extract()
    shuffled = rows.sample(fraction=1, shuffle=True, seed=3)
    return (
        run_study(submission(folder / "a", rows), "mudgway2020", catalog),
        run_study(submission(folder / "b", shuffled), "mudgway2020", catalog),
    )


def test_the_order_of_the_extract_changes_no_byte(two_runs: tuple[StudyFacts, StudyFacts]) -> None:
    first, second = two_runs
    names = sorted(path.name for path in first.folder.iterdir())
    assert {"run.json", "estimates.csv", "comparison.csv", "diagnostics.csv"} <= set(names)
    assert names == sorted(path.name for path in second.folder.iterdir())
    for name in names:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes(), name


def test_every_analysis_gives_an_estimate_under_its_name(two_runs: tuple[StudyFacts, StudyFacts]) -> None:
    """Nothing is absent here: an absent finding would be a mistake of the program that calls itself a reason."""
    first, _ = two_runs
    estimates, told = (
        pl.read_csv(first.folder / f"{name}.csv", infer_schema_length=None)
        for name in ("estimates", "diagnostics")
    )
    study = StudyDefinition.model_validate(everything())
    absent = told.filter(status="absent").select("analysis", "subgroup", "message").rows()
    assert absent == []
    names = set(study.names_of(study.analyses)) - {"plasmode"}  # its estimates are those of its estimators
    assert names <= set(estimates["analysis"])
