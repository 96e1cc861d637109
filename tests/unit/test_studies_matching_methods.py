"""Pairs by three methods: nearest, optimal, exact; each keeps to what must agree."""

import numpy as np
import pytest
from pydantic import ValidationError
from toy_people import people, study

from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design
from pipelines.studies.estimators.matched import in_words, matched, pairs_of, scores_of, terms_of
from pipelines.studies.results import Outcomes

LOG_HR = -0.4


def everybody(**match: object) -> AnalysisSet:
    asked = {"analyses": ["matched_cox", "stratified_cox"], "primary": "matched_cox"}
    return people(900, log_hr=LOG_HR, definition=study(design={"match": match}, **asked))


def cells_of_pairs(found: AnalysisSet, *names: str) -> list[int]:
    """How many different cells each pair holds."""
    design = build_design(found, terms_of(found), analysis="matched_cox", with_exposure=False)
    rule = found.study.matching
    rows, pair = pairs_of(design.people, rule, scores_of(design, rule)).rows()
    cells = design.people.frame.select(f"cov_{name}" for name in names).rows()
    return [len({cells[row] for row in rows[pair == one]}) for one in np.unique(pair)]


def hazard_ratio(found: Outcomes, analysis: str) -> float:
    return next(one.estimate for one in found.estimates if one.analysis == analysis and one.estimate)


@pytest.mark.parametrize("method", ["nearest", "optimal", "exact"])
def test_what_must_agree_agrees_in_every_pair(method: str) -> None:
    found = everybody(method=method, exact=["spread", "year"])
    counts = cells_of_pairs(found, "spread", "year")
    assert len(counts) > 100
    assert set(counts) == {1}


def test_without_it_some_pairs_differ() -> None:
    assert max(cells_of_pairs(everybody(), "spread", "year")) == 2


@pytest.mark.parametrize("method", ["nearest", "optimal"])
def test_a_score_takes_the_confounding_out_that_exact_pairs_on_one_variable_leave(method: str) -> None:
    scored = hazard_ratio(matched(everybody(method=method)), "matched_cox")
    alone = hazard_ratio(matched(everybody(method="exact", exact=["year"])), "matched_cox")
    assert abs(np.log(scored) - LOG_HR) < abs(np.log(alone) - LOG_HR)


def test_the_method_is_told_in_words() -> None:
    words = {
        "nearest": "1:1 matched on the propensity score",
        "optimal": "1:1 matched on the propensity score and spread exactly",
        "exact": "1:1 matched on spread exactly",
    }
    rules = {
        "nearest": everybody().study.matching,
        "optimal": everybody(method="optimal", exact=["spread"]).study.matching,
        "exact": everybody(method="exact", exact=["spread"]).study.matching,
    }
    assert {name: in_words(rule) for name, rule in rules.items()} == words


def test_exact_pairs_on_nothing_are_a_mistake_of_the_definition() -> None:
    with pytest.raises(ValidationError, match="need the covariates that they agree on"):
        everybody(method="exact")
