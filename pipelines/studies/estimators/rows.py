"""What the estimators share: an effect as an estimate, pairs of arms, refusals and findings in one wording."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl

from pipelines.stats.effect import Effect
from pipelines.stats.errors import CodingError, NotRecordedError
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.results import Counts, Estimate, Finding, finite

MEASURES = {"rmst_difference": "rmst_difference_months"}
"""Measures of `pipelines.stats` that ``estimates.csv`` calls otherwise: its times are months."""


def estimate_of(
    effect: Effect,
    analysis: str,
    subgroup: str,
    term: str,
    contrast: str,
    *,
    estimand: str = "",
    method: str = "",
) -> Estimate:
    """An effect as a row of ``estimates.csv``; its notes, which may count people, stay behind.

    Parameters
    ----------
    effect : Effect
    analysis, subgroup, term, contrast : str
        Columns of the estimate.
    estimand, method : str
        In place of the effect's own.
    """
    return Estimate(
        analysis,
        subgroup,
        term,
        contrast,
        MEASURES.get(effect.measure, effect.measure),
        finite(effect.estimate),
        finite(effect.ci_low),
        finite(effect.ci_high),
        finite(effect.p_value),
        Counts(effect.n, effect.n_exposed, effect.events),
        estimand or effect.estimand.lower(),
        effect.effect_type,
        method or effect.method,
    )


def pairs_of_arms(people: AnalysisSet) -> Iterator[AnalysisSet]:
    """The people of every two arms, the earlier of exposed, others, reference as the exposed of the two."""
    for first, second in combinations(people.labels, 2):
        yield between(people, first, second)


def between(people: AnalysisSet, first: str, second: str) -> AnalysisSet:
    """The people of two arms, those of the first as the exposed."""
    arm = people.frame["arm"]
    inside = people.where(arm.is_in([first, second]).to_numpy())
    frame = inside.frame.with_columns(exposed=pl.col("arm") == first)
    return replace(inside, frame=frame, exposed_label=first, reference_label=second, other_labels=())


def is_truncated(people: AnalysisSet) -> bool:
    """Whether anybody comes under observation after time zero."""
    return people.entry is not None and bool(np.any(people.entry > 0))


def require_no_entry(people: AnalysisSet, what: str) -> None:
    """Refuse delayed entry where a method does not take it.

    Raises
    ------
    CodingError
        Somebody comes under observation after time zero.
    """
    if is_truncated(people):
        raise CodingError(
            f"{what} takes no delayed entry, and people of this study come under observation after time zero",
            field="outcome.entry",
            remedy="Read the Cox models of the study, which take it.",
        )


def absent(people: AnalysisSet, analysis: str, reason: str, *, check: str = "not_fitted") -> Finding:
    """An analysis that is not there, with the reason."""
    return Finding(analysis, people.subgroup, check, "absent", reason)


def left_out(people: AnalysisSet, analysis: str, check: str, words: str, count: int) -> tuple[Finding, ...]:
    """People who are not in an analysis, where there are any."""
    if count == 0:
        return ()
    message = f"left out: {words}"
    return (Finding(analysis, people.subgroup, check, "info", message, float(count), unit="people"),)


def known_cause(people: AnalysisSet, analysis: str) -> tuple[AnalysisSet, tuple[Finding, ...]]:
    """People whose cause of death is known or who live; the others leave and are counted.

    Raises
    ------
    NotRecordedError
        The cause of death is known of nobody who died.
    """
    other = people.frame["other_cause"]
    known = other.is_not_null().to_numpy()
    died = people.event | other.fill_null(False).to_numpy()
    if not known.all() and not (died & known).any():
        raise NotRecordedError(
            "Nobody's cause of death is known",
            field="outcome.other_cause",
            remedy="Use a source that has it.",
        )
    words = "died of an unknown cause, so that neither the disease nor another can be blamed"
    return people.where(known), left_out(people, analysis, "cause_unknown", words, int((~known).sum()))
