"""Data that competing risks, parametric models and adjusted curves cannot use are refused by name."""

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.stats import errors
from pipelines.stats.adjusted import (
    incidence_contrast,
    number_needed,
    standardised_curves,
    survival_contrast,
    weighted_curves,
)
from pipelines.stats.competing_risks import aalen_johansen, fit_fine_gray, gray_test
from pipelines.stats.effect import wald_effect
from pipelines.stats.parametric import fit_piecewise_exponential, fit_royston_parmar, rates

N = 200
RNG = np.random.default_rng(31)
TIME = np.ceil(RNG.exponential(20, N))
CAUSE = RNG.choice([0, 1, 2], N, p=[0.4, 0.4, 0.2])
EVENT = CAUSE > 0
X = RNG.normal(size=(N, 2))
ARM = RNG.random(N) < 0.4
RARE = (np.arange(N) % 20 == 0).astype(float)  # ten people
WITH_RARE = np.column_stack([X, RARE])
NAMES = ["age", "size", "rare"]
HOLE = np.where(np.arange(N) == 7, np.nan, X[:, 0])
CONSTANT = np.column_stack([X, np.full(N, 0.1)])
SUM = np.column_stack([X, X.sum(axis=1)])
ENDLESS = np.where(RARE == 1, np.inf, TIME)
NEGATIVE = np.where(RARE == 1, -1, TIME)
ZERO = np.where(RARE == 1, 0, TIME)
FIT = fit_royston_parmar(TIME, EVENT, X, names=["age", "size"], df=2)
VARYING = fit_royston_parmar(TIME, EVENT, X, names=["age", "size"], df=2, time_dependent={"age": 1})
PIECES = fit_piecewise_exponential(TIME, EVENT, X, names=["age", "size"], cuts=[10])
CURVE = aalen_johansen(np.append(TIME, TIME.max() + 1), np.append(CAUSE, 0)).curves[0]  # one lives on
GRAY = fit_fine_gray(TIME, CAUSE, X, names=["age", "size"])


def contrast(**options: object) -> object:
    given = {"time": TIME, "event": EVENT, "treated": ARM, "covariates": X, "times": [5], "replicates": 2}
    return survival_contrast(**(given | options))


def ratio() -> object:
    return wald_effect(
        0.1,
        0.1,
        analysis="a",
        measure="hr",
        n=1,
        n_exposed=1,
        events=1,
        estimand="ATE",
        effect_type="marginal",
        method="m",
    )


CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "incidence: everybody censored": (
        lambda: aalen_johansen(TIME, np.zeros(N)),
        errors.NoEventsError,
        "cause",
        None,
    ),
    "incidence: half a cause": (
        lambda: aalen_johansen(TIME, np.where(RARE == 1, 0.5, CAUSE)),
        errors.CodingError,
        "cause",
        10,
    ),
    "incidence: a cause below zero": (
        lambda: aalen_johansen(TIME, np.where(RARE == 1, -1, CAUSE)),
        errors.CodingError,
        "cause",
        10,
    ),
    "incidence: a missing cause": (
        lambda: aalen_johansen(TIME, HOLE),
        errors.NonFiniteError,
        "cause",
        1,
    ),
    "incidence: endless time": (lambda: aalen_johansen(ENDLESS, CAUSE), errors.NonFiniteError, "time", 10),
    "incidence: time below zero": (
        lambda: aalen_johansen(NEGATIVE, CAUSE),
        errors.NegativeTimeError,
        "time",
        10,
    ),
    "incidence: stop at start": (
        lambda: aalen_johansen(TIME, CAUSE, entry=np.where(RARE == 1, TIME, 0)),
        errors.StopBeforeStartError,
        "entry",
        10,
    ),
    "incidence: weight of zero": (
        lambda: aalen_johansen(TIME, CAUSE, weights=1 - RARE),
        errors.WeightError,
        "weights",
        10,
    ),
    "incidence: Aalen's variance with weights": (
        lambda: aalen_johansen(TIME, CAUSE, weights=np.ones(N), variance="aalen"),
        errors.CodingError,
        "variance",
        None,
    ),
    "incidence: unknown interval": (
        lambda: aalen_johansen(TIME, CAUSE, ci="logit"),
        errors.CodingError,
        "ci",
        None,
    ),
    "incidence: unknown cause asked": (
        lambda: aalen_johansen(TIME, CAUSE).curves[0].incidence_at([5], 3),
        errors.CodingError,
        "cause",
        None,
    ),
    "gray: one group": (
        lambda: gray_test(TIME, CAUSE, np.ones(N)),
        errors.EmptyArmError,
        "group",
        None,
    ),
    "gray: a group gone before the first event": (
        lambda: gray_test([1, 2, 5, 6, 7], [0, 0, 1, 1, 1], ["x", "x", "y", "z", "y"]),
        errors.CollinearityError,
        "group",
        None,
    ),
    "gray: rho that is no number": (
        lambda: gray_test(TIME, CAUSE, ARM, rho=np.nan),
        errors.CodingError,
        "rho",
        None,
    ),
    "fine-gray: nobody has the cause": (
        lambda: fit_fine_gray(TIME, CAUSE, X, of=3),
        errors.NoEventsError,
        "of",
        None,
    ),
    "fine-gray: a constant": (
        lambda: fit_fine_gray(TIME, CAUSE, CONSTANT, names=NAMES),
        errors.CollinearityError,
        "rare",
        1,
    ),
    "fine-gray: a sum of others": (
        lambda: fit_fine_gray(TIME, CAUSE, SUM, names=NAMES),
        errors.CollinearityError,
        "age, size, rare",
        3,
    ),
    "fine-gray: a level without the event": (
        lambda: fit_fine_gray(TIME, np.where((RARE == 1) & (CAUSE == 1), 0, CAUSE), WITH_RARE, names=NAMES),
        errors.SeparationError,
        "rare",
        1,
    ),
    "fine-gray: a hole": (
        lambda: fit_fine_gray(TIME, CAUSE, HOLE, names=["age"]),
        errors.NonFiniteError,
        "age",
        1,
    ),
    "fine-gray: late entry and the censoring variance": (
        lambda: fit_fine_gray(TIME, CAUSE, X, entry=np.zeros(N), variance="censoring"),
        errors.CodingError,
        "variance",
        None,
    ),
    "fine-gray: a gap in observation": (
        lambda: fit_fine_gray(
            [2, 2.5, 5, 6, 7, 8, 9], [2, 2, 1, 2, 1, 0, 1], np.arange(7), entry=[0, 0, 3, 3, 3, 4, 4]
        ),
        errors.RiskSetError,
        "entry",
        2,
    ),
    "fine-gray: one cluster": (
        lambda: fit_fine_gray(TIME, CAUSE, X, cluster=np.ones(N)),
        errors.CodingError,
        "cluster",
        N,
    ),
    "incidence: one cluster": (
        lambda: aalen_johansen(TIME, CAUSE, cluster=np.ones(N)),
        errors.CodingError,
        "cluster",
        N,
    ),
    "flexible: one cluster": (
        lambda: fit_royston_parmar(TIME, EVENT, X, cluster=["one"] * N),
        errors.CodingError,
        "cluster",
        N,
    ),
    "fine-gray: unknown ties": (
        lambda: fit_fine_gray(TIME, CAUSE, X, ties="exact"),
        errors.CodingError,
        "ties",
        None,
    ),
    "fine-gray: unknown stratum": (
        lambda: GRAY.predict([0, 0], [5], stratum="x"),
        errors.CodingError,
        "stratum",
        None,
    ),
    "fine-gray: unknown term": (
        lambda: GRAY.wald_test(["none"]),
        errors.CodingError,
        "terms",
        None,
    ),
    "fine-gray: logarithm of time zero": (
        lambda: fit_fine_gray(ZERO, np.where(RARE == 1, 1, CAUSE), X).proportionality_test(transform="log"),
        errors.CodingError,
        "transform",
        None,
    ),
    "flexible: nobody dies": (
        lambda: fit_royston_parmar(TIME, np.zeros(N), X),
        errors.NoEventsError,
        "event",
        None,
    ),
    "flexible: times of zero": (
        lambda: fit_royston_parmar(ZERO, EVENT, X),
        errors.CodingError,
        "time",
        10,
    ),
    "flexible: no degree of freedom": (
        lambda: fit_royston_parmar(TIME, EVENT, X, df=0),
        errors.CodingError,
        "df",
        None,
    ),
    "flexible: more knots than event times": (
        lambda: fit_royston_parmar(np.where(TIME > 20, 40, 20), EVENT, X, df=4),
        errors.CodingError,
        "df",
        None,
    ),
    "flexible: knots that fall": (
        lambda: fit_royston_parmar(TIME, EVENT, X, knots=[5, 3]),
        errors.CodingError,
        "knots",
        None,
    ),
    "flexible: a knot at zero": (
        lambda: fit_royston_parmar(TIME, EVENT, X, knots=[0, 3]),
        errors.CodingError,
        "knots",
        None,
    ),
    "flexible: an effect of nothing": (
        lambda: fit_royston_parmar(TIME, EVENT, X, time_dependent={"none": 1}),
        errors.CodingError,
        "time_dependent",
        None,
    ),
    "flexible: a constant": (
        lambda: fit_royston_parmar(TIME, EVENT, CONSTANT, names=NAMES),
        errors.CollinearityError,
        "rare",
        1,
    ),
    "flexible: a level without deaths": (
        lambda: fit_royston_parmar(TIME, EVENT & (RARE == 0), WITH_RARE, names=NAMES),
        errors.SeparationError,
        "rare",
        1,
    ),
    "flexible: hazard at time zero": (lambda: FIT.hazard([0, 0], [0, 1]), errors.CodingError, "times", 1),
    "flexible: one ratio of an effect that varies": (
        lambda: VARYING.effect("age", n_exposed=5),
        errors.CodingError,
        "time",
        None,
    ),
    "flexible: effect of nothing": (
        lambda: FIT.effect("none", n_exposed=5),
        errors.CodingError,
        "term",
        None,
    ),
    "flexible: a test of nothing": (
        lambda: FIT.wald_test(["none"]),
        errors.CodingError,
        "terms",
        None,
    ),
    "flexible: a person without a covariate": (
        lambda: FIT.survival([0], [5]),
        errors.ShapeError,
        "at",
        None,
    ),
    "pieces: an interval without events": (
        lambda: fit_piecewise_exponential(TIME, EVENT, X, cuts=[0.2, 0.5, 10]),
        errors.NoEventsError,
        "cuts",
        2,
    ),
    "pieces: cuts that fall": (
        lambda: fit_piecewise_exponential(TIME, EVENT, X, cuts=[10, 5]),
        errors.CodingError,
        "cuts",
        None,
    ),
    "pieces: an event at time zero": (
        lambda: fit_piecewise_exponential(ZERO, EVENT | (RARE == 1), X, cuts=[10]),
        errors.CodingError,
        "time",
        10,
    ),
    "pieces: a level without deaths": (
        lambda: fit_piecewise_exponential(TIME, EVENT & (RARE == 0), WITH_RARE, names=NAMES, cuts=[10]),
        errors.SeparationError,
        "rare",
        1,
    ),
    "pieces: effect of an interval": (
        lambda: PIECES.effect("(0, 10]", n_exposed=5),
        errors.CodingError,
        "term",
        None,
    ),
    "rates: a cut at zero": (lambda: rates(TIME, EVENT, cuts=[0, 5]), errors.CodingError, "cuts", None),
    "adjusted: everybody treated": (
        lambda: contrast(treated=np.ones(N)),
        errors.EmptyArmError,
        "treated",
        N,
    ),
    "adjusted: nobody treated": (
        lambda: weighted_curves(TIME, EVENT, np.zeros(N), np.ones(N)),
        errors.EmptyArmError,
        "treated",
        N,
    ),
    "adjusted: weights below zero": (
        lambda: weighted_curves(TIME, EVENT, ARM, -np.ones(N)),
        errors.WeightError,
        "weights",
        N,
    ),
    "adjusted: no covariates": (lambda: contrast(covariates=None), errors.CodingError, "covariates", None),
    "adjusted: beyond follow-up": (
        lambda: contrast(times=[500], method="unadjusted", event=EVENT & (TIME.max() > TIME)),
        errors.BeyondFollowUpError,
        "times",
        None,
    ),
    "adjusted: restricted mean beyond follow-up": (
        lambda: contrast(horizons=[500], method="g_computation"),
        errors.BeyondFollowUpError,
        "times",
        None,
    ),
    "adjusted: no times": (lambda: contrast(times=[]), errors.ShapeError, "times", None),
    "adjusted: times in words": (lambda: contrast(times=["a year"]), errors.CodingError, "times", None),
    "fine-gray: events in the order of a covariate": (
        lambda: fit_fine_gray(np.arange(1, 51), np.ones(50), -np.arange(50), names=["age"]),
        errors.SeparationError,
        "age",
        1,
    ),
    "adjusted: time zero": (lambda: contrast(times=[0, 5]), errors.CodingError, "times", 1),
    "adjusted: overlap weights by a model of the outcome": (
        lambda: contrast(method="g_computation", estimand="ATO"),
        errors.CodingError,
        "estimand",
        None,
    ),
    "adjusted: a cause nobody has": (
        lambda: incidence_contrast(TIME, CAUSE, ARM, X, of=4, times=[5], replicates=2),
        errors.NoEventsError,
        "of",
        None,
    ),
    "adjusted: incidence by a model of the outcome": (
        lambda: incidence_contrast(TIME, CAUSE, ARM, X, times=[5], method="g_computation"),
        errors.CodingError,
        "method",
        None,
    ),
    "adjusted: standardised to strangers": (
        lambda: standardised_curves(TIME, EVENT, ARM, X, estimand="ATO"),
        errors.CodingError,
        "estimand",
        None,
    ),
    "adjusted: a Wald interval of predictions": (
        lambda: standardised_curves(TIME, EVENT, ARM, X, times=[5]).survival_difference(5),
        errors.CodingError,
        "time",
        None,
    ),
    "fine-gray: fewer events than covariates": (
        lambda: fit_fine_gray(TIME, np.where(np.arange(N) < 2, 1, 0), WITH_RARE),
        errors.TooFewEventsError,
        "event",
        2,
    ),
    "flexible: fewer events than covariates": (
        lambda: fit_royston_parmar(TIME, np.arange(N) < 2, WITH_RARE, df=1),
        errors.TooFewEventsError,
        "event",
        2,
    ),
    "pieces: fewer events than covariates": (
        lambda: fit_piecewise_exponential(TIME, np.arange(N) < 2, WITH_RARE, cuts=[]),
        errors.TooFewEventsError,
        "event",
        2,
    ),
    "fine-gray: a joint test of as many terms as clusters": (
        lambda: fit_fine_gray(TIME, CAUSE, X, cluster=np.arange(N) % 2).wald_test(),
        errors.CodingError,
        "cluster",
        2,
    ),
    "flexible: a joint test of as many terms as clusters": (
        lambda: fit_royston_parmar(TIME, EVENT, X, df=1, cluster=np.arange(N) % 2).wald_test(["x0", "x1"]),
        errors.CodingError,
        "cluster",
        2,
    ),
    "pieces: cuts of text": (
        lambda: fit_piecewise_exponential(TIME, EVENT, X, cuts=["early"]),
        errors.CodingError,
        "cuts",
        None,
    ),
    "flexible: knots of text": (
        lambda: fit_royston_parmar(TIME, EVENT, X, knots=["early", "late"]),
        errors.CodingError,
        "knots",
        None,
    ),
    "pieces: survival before the start": (
        lambda: PIECES.survival([0, 0], [-5, 1]),
        errors.CodingError,
        "times",
        1,
    ),
    "incidence: time lost before the start": (
        lambda: CURVE.time_lost(-5, 1),
        errors.CodingError,
        "tau",
        None,
    ),
    "incidence: time lost after the last follow-up": (
        lambda: CURVE.time_lost(1e6, 1),
        errors.BeyondFollowUpError,
        "tau",
        None,
    ),
    "incidence: a group that is not known, in a list of text": (
        lambda: aalen_johansen(TIME, CAUSE, group=["a", float("nan")] * (N // 2)),
        errors.NonFiniteError,
        "group",
        100,
    ),
    "incidence: times that a mask hides": (
        lambda: aalen_johansen(np.ma.masked_array(TIME, mask=RARE == 1), CAUSE),
        errors.NonFiniteError,
        "time",
        10,
    ),
    "incidence: groups that a mask hides": (
        lambda: aalen_johansen(TIME, CAUSE, group=np.ma.masked_array(ARM, mask=RARE == 1)),
        errors.NonFiniteError,
        "group",
        10,
    ),
    "fine-gray: covariates that a mask hides": (
        lambda: fit_fine_gray(TIME, CAUSE, np.ma.masked_array(RARE, mask=RARE == 1)),
        errors.NonFiniteError,
        "covariates",
        10,
    ),
    "numbers needed: of a ratio": (lambda: number_needed(ratio()), errors.CodingError, "measure", None),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case: str) -> None:
    attempt, kind, field, count = CASES[case]
    with pytest.raises(errors.StatsError) as caught:
        attempt()
    error = caught.value
    assert type(error) is kind, str(error)
    assert error.field == field
    assert error.remedy in str(error)
    if count is not None:
        assert error.count == count


def test_no_top_of_a_likelihood_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.stats._maximise.MAX_ITERATIONS", 1)
    with pytest.raises(errors.ConvergenceError, match="flexible parametric model"):
        fit_royston_parmar(TIME, EVENT, X, df=2)


def test_a_curve_that_ends_before_others_enter_says_so() -> None:
    curve = aalen_johansen([2, 3, 5, 6], [1, 2, 1, 0], entry=[0, 0, 4, 4]).curves[0]
    assert "before 2 others entered" in curve.warnings[0]
    assert aalen_johansen(TIME, CAUSE).curves[0].warnings == ()


def test_people_censored_at_zero_are_no_trouble_where_time_is_not_logged() -> None:
    time = np.append(TIME, 0.0)
    cause, x = np.append(CAUSE, 0), np.vstack([X, [0, 0]])
    gray = fit_fine_gray(time, cause, x)
    np.testing.assert_allclose(gray.coefficients, GRAY.coefficients, atol=5e-3)
    pieces = fit_piecewise_exponential(time, cause > 0, x, cuts=[10])
    np.testing.assert_allclose(pieces.coefficients, PIECES.coefficients, rtol=1e-9)


def test_a_late_horizon_is_open_to_a_parametric_model_only() -> None:
    options = {"method": "g_computation", "times": [200], "effect": "proportional"}
    found = contrast(**options, model="royston_parmar")
    assert 0 < found.survival[0, 0] < 1
    with pytest.raises(errors.BeyondFollowUpError):
        contrast(**options)


def test_a_stratum_where_everybody_is_censored_says_nothing_to_grays_test() -> None:
    tail = np.arange(6)
    found = gray_test(
        np.append(TIME, 1.0 + tail),
        np.append(CAUSE, 0 * tail),
        np.append(ARM, tail % 2 == 0),
        strata=np.append(np.zeros(N), np.ones(6)),
    )
    np.testing.assert_array_equal(found.statistic, gray_test(TIME, CAUSE, ARM).statistic)


def test_time_lost_goes_beyond_the_last_time_where_nobody_is_left() -> None:
    curve = aalen_johansen([1, 2], [1, 1]).curves[0]
    assert curve.time_lost(5, 1) == pytest.approx(0.5 + 3)


def test_few_clusters_are_said_beside_every_clustered_model() -> None:
    few, many = np.arange(N) % 9, np.arange(N) % 60
    for fit in (
        lambda cluster: fit_fine_gray(TIME, CAUSE, X, cluster=cluster),
        lambda cluster: fit_royston_parmar(TIME, EVENT, X, df=1, cluster=cluster),
        lambda cluster: fit_piecewise_exponential(TIME, EVENT, X, cuts=[10], cluster=cluster),
    ):
        assert any("Fewer than 50 clusters" in said for said in fit(few).warnings)
        assert not any("clusters" in said for said in fit(many).warnings)
