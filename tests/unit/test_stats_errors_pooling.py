"""Studies that cannot be pooled are refused by name."""

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.stats import errors
from pipelines.stats.pooling import (
    StudyEstimate,
    begg,
    egger,
    egger_mixed,
    leave_one_out,
    log_effects,
    meta_regression,
    pool,
    pool_studies,
    pool_subgroups,
    trim_and_fill,
)

Y, V = np.array([-0.4, -0.1, 0.2, -0.3, 0.0]), np.array([0.02, 0.05, 0.01, 0.08, 0.03])
ONWARD = "exposed_vs_unexposed"


def study(label: str = "a", **changes: object) -> StudyEstimate:
    figures = {"estimate": 0.8, "ci_low": 0.6, "ci_high": 1.07, "ci_level": 0.95, "orientation": ONWARD}
    return StudyEstimate(label, **{**figures, **changes})


CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "a level of 95": (lambda: study(ci_level=95), errors.CodingError, "level", None),
    "an orientation nobody knows": (
        lambda: study(orientation="surgery"),
        errors.CodingError,
        "orientation",
        None,
    ),
    "a difference for a ratio": (lambda: study(measure="rd"), errors.CodingError, "measure", None),
    "an unknown design": (lambda: study(design="cohort"), errors.CodingError, "design", None),
    "a logarithm for a ratio": (
        lambda: study(estimate=-0.22, ci_low=-0.5, ci_high=0.07),
        errors.CodingError,
        "estimate, ci_low, ci_high",
        None,
    ),
    "a missing limit": (
        lambda: study(ci_high=float("nan")),
        errors.CodingError,
        "estimate, ci_low, ci_high",
        None,
    ),
    "an estimate outside its interval": (
        lambda: study(estimate=1.2),
        errors.CodingError,
        "ci_low",
        None,
    ),
    "an interval without width": (
        lambda: study(ci_low=0.8, ci_high=0.8),
        errors.CodingError,
        "ci_low",
        None,
    ),
    "a p-value in percent": (lambda: study(p_value=5.0), errors.CodingError, "p_value", None),
    "a p-value of nought": (lambda: study(p_value=0.0), errors.CodingError, "p_value", None),
    "fewer than no events": (lambda: study(n=100, events=-5), errors.CodingError, "events", None),
    "more events than people": (lambda: study(n=100, events=101), errors.CodingError, "events", None),
    "part of an event": (lambda: study(events=10.5), errors.CodingError, "events", None),
    "no events": (lambda: study(events=0), errors.CodingError, "events", None),
    "an estimate as text": (lambda: study(estimate="0.8"), errors.CodingError, "estimate", None),
    "people as text": (lambda: study(n="100"), errors.CodingError, "n", None),
    "decimals below none": (lambda: study(digits=-1), errors.CodingError, "digits", None),
    "one year": (lambda: study(years=(2003,)), errors.CodingError, "years", None),
    "more exposed than people": (
        lambda: study(n=100, n_exposed=120),
        errors.CodingError,
        "n_exposed",
        None,
    ),
    "years that run backwards": (lambda: study(years=(2003, 1988)), errors.CodingError, "years", None),
    "one study only": (lambda: pool([-0.2], [0.1]), errors.ShapeError, "estimate", 1),
    "one published study only": (lambda: pool_studies([study()]), errors.ShapeError, "estimate", 1),
    "no study": (lambda: pool_studies([]), errors.ShapeError, "studies", 0),
    "a variance of zero": (lambda: pool(Y, [0, 0, *V[2:]]), errors.CodingError, "variance", 2),
    "a missing estimate": (
        lambda: pool([np.nan, *Y[1:]], V),
        errors.NonFiniteError,
        "estimate",
        1,
    ),
    "an infinite variance": (lambda: pool(Y, [np.inf, *V[1:]]), errors.NonFiniteError, "variance", 1),
    "arrays of two lengths": (lambda: pool(Y, V[:-1]), errors.ShapeError, "variance", None),
    "a method nobody knows": (lambda: pool(Y, V, method="dl"), errors.CodingError, "method", None),
    "a measure nobody knows": (lambda: pool(Y, V, measure="foo"), errors.CodingError, "measure", None),
    "an effect of no type": (lambda: pool(Y, V, effect_type="foo"), errors.CodingError, "effect_type", None),
    "labels in one text": (lambda: pool(Y, V, labels="abcde"), errors.CodingError, "labels", None),
    "a funnel on whose missing Q0 has nothing to say": (
        lambda: trim_and_fill(
            [0.0, -0.3, -0.6, -0.4, -0.2, -0.5], [0.06, 0.05, 0.02, 0.04, 0.07, 0.01], estimator="Q0"
        ),
        errors.ConvergenceError,
        "estimator",
        6,
    ),
    "a pool at level 95": (lambda: pool(Y, V, level=95), errors.CodingError, "level", None),
    "labels that repeat": (lambda: pool(Y, V, labels=["a"] * 5), errors.ShapeError, "labels", None),
    "an interval that is not there": (
        lambda: pool(Y, V, method="fixed").interval("prediction_z"),
        errors.CodingError,
        "kind",
        None,
    ),
    "a study twice": (
        lambda: pool_studies([study("a"), study("a"), study("b")]),
        errors.ShapeError,
        "label",
        1,
    ),
    "one pair of sources for a list of them": (
        lambda: pool_studies([study("a"), study("b")], shared=("SEER", "NCDB")),
        errors.CodingError,
        "shared",
        2,
    ),
    "a pool at a level in words": (lambda: pool(Y, V, level="0.95"), errors.CodingError, "level", None),
    "a study at two levels": (
        lambda: pool_studies([study("a"), study("a", ci_level=0.9), study("b")]),
        errors.ShapeError,
        "ci_level",
        1,
    ),
    "hazard and odds ratios together": (
        lambda: pool_studies([study("a"), study("b", measure="or")]),
        errors.CodingError,
        "measure",
        2,
    ),
    "a result turned to nowhere": (
        lambda: log_effects([study("a"), study("b")], "surgery"),
        errors.CodingError,
        "orientation",
        None,
    ),
    "a funnel of two": (lambda: egger(Y[:2], V[:2]), errors.ShapeError, "estimate", 2),
    "a funnel without width": (
        lambda: egger_mixed(Y, np.full(5, 0.1)),
        errors.CollinearityError,
        "variance",
        5,
    ),
    "ranks without width": (lambda: begg(Y, np.full(5, 0.1)), errors.CollinearityError, "variance", 5),
    "a funnel of one estimate": (
        lambda: egger(np.full(5, -0.2), V),
        errors.CollinearityError,
        "estimate",
        5,
    ),
    "a funnel that is a line": (
        lambda: egger(np.sqrt([0.01, 0.04, 0.09, 0.16]), [0.01, 0.04, 0.09, 0.16]),
        errors.CollinearityError,
        "estimate",
        4,
    ),
    "hartung and knapp without a spread": (
        lambda: meta_regression(np.full(5, -0.2), V, np.arange(5), test="hartung_knapp"),
        errors.CollinearityError,
        "estimate",
        5,
    ),
    "an unknown estimator of the missing": (
        lambda: trim_and_fill(Y, V, estimator="S0"),
        errors.CodingError,
        "estimator",
        None,
    ),
    "an unknown side": (lambda: trim_and_fill(Y, V, side="up"), errors.CodingError, "side", None),
    "nothing left to leave out": (
        lambda: leave_one_out(Y[:2], V[:2]),
        errors.ShapeError,
        "estimate",
        2,
    ),
    "as many moderators as studies": (
        lambda: meta_regression(Y, V, np.eye(5)[:, :4]),
        errors.ShapeError,
        "moderators",
        4,
    ),
    "a moderator that is constant": (
        lambda: meta_regression(Y, V, np.ones(5), names=["year"]),
        errors.CollinearityError,
        "year",
        1,
    ),
    "a moderator twice": (
        lambda: meta_regression(Y, V, np.column_stack([Y, 2 * Y]), names=["year", "decade"]),
        errors.CollinearityError,
        "year, decade",
        2,
    ),
    "a moderator with a hole": (
        lambda: meta_regression(Y, V, [1, 2, np.nan, 4, 5], names=["year"]),
        errors.NonFiniteError,
        "year",
        1,
    ),
    "an unknown test": (
        lambda: meta_regression(Y, V, np.arange(5), test="t"),
        errors.CodingError,
        "test",
        None,
    ),
    "one group of studies": (
        lambda: pool_subgroups(Y, V, ["trial"] * 5),
        errors.ShapeError,
        "group",
        1,
    ),
    "a study without a group": (
        lambda: pool_subgroups(Y, V, ["trial", None, "trial", "registry", "registry"]),
        errors.NonFiniteError,
        "group",
        1,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case: str) -> None:
    call, kind, field, count = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert error.field == field
    assert error.remedy in str(error)
    if count is not None:
        assert error.count == count


def test_level_and_orientation_have_no_default() -> None:
    with pytest.raises(TypeError, match=r"ci_level.*orientation"):
        StudyEstimate("a", 0.8, 0.6, 1.07)


def test_a_study_at_two_levels_is_named() -> None:
    with pytest.raises(errors.ShapeError, match=r"Khan.*different confidence levels: Khan"):
        pool_studies([study("Khan"), study("Khan", ci_level=0.9), study("b")])


def test_trim_and_fill_that_goes_back_and_forth_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.stats.pooling.bias.MAX_ROUNDS", 0)
    with pytest.raises(errors.ConvergenceError):
        trim_and_fill(Y, V)
