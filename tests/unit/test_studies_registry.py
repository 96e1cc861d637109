"""Every analysis that the language knows has one function that does it."""

from pipelines.studies.estimators import ESTIMATORS, SUMMARIES
from pipelines.studies.language import ANALYSES

WITHIN = {word for word, facts in ANALYSES.items() if facts.within}


def test_every_word_of_the_language_is_done_in_one_place() -> None:
    places = [*ESTIMATORS, *SUMMARIES, *WITHIN]
    assert sorted(places) == sorted(ANALYSES)


def test_what_is_computed_within_another_names_one_that_is_computed() -> None:
    assert {ANALYSES[word].within for word in WITHIN} <= set(ESTIMATORS)


def test_what_needs_dates_needs_their_definition_and_what_needs_causes_an_outcome() -> None:
    assert all(facts.block == "timing" for facts in ANALYSES.values() if facts.dated)
    assert all(facts.survival for facts in ANALYSES.values() if facts.causes)
