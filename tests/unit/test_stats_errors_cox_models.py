"""Questions that a Cox model cannot answer are refused by name, with the field, the number and a remedy."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from pipelines.stats import errors
from pipelines.stats._inputs import require_events_for
from pipelines.stats.cox import fit_cox
from pipelines.stats.cox._findings import strata_without_events_warning
from pipelines.stats.cox._newton import climb
from pipelines.stats.cox.concordance import concordance_of
from pipelines.stats.cox.diagnostics import martingale_residuals, proportional_hazards_test
from pipelines.stats.cox.firth import fit_firth_cox
from pipelines.stats.cox.prediction import baseline_hazard, survival_curve, survival_curves
from pipelines.stats.cox.profile import profile_intervals
from pipelines.stats.cox.splines import hazard_ratio_curve, natural_spline, restricted_cubic_spline
from pipelines.stats.cox.terms import design, factor, interaction, numeric
from pipelines.stats.cox.tests import contrasts, joint_tests, likelihood_ratio_test
from pipelines.stats.cox.time_split import split_follow_up, time_split_hazard_ratios
from pipelines.stats.cox.variance import clustered_covariance

N = 200
RNG = np.random.default_rng(20)
TIME = np.ceil(RNG.exponential(20, N))
EVENT = RNG.random(N) < 0.6
X = RNG.normal(size=(N, 2))
NAMES = ["age", "size"]
SITE = RNG.integers(0, 10, N)
STAGE = RNG.choice(["I", "II", "III"], N)
HOLE = np.where(np.arange(N) == 7, np.nan, X[:, 0])
HALF = np.arange(N) % 2
RARE = (np.arange(N) % 20 == 0).astype(float)  # ten people
FIT = fit_cox(TIME, EVENT, X, names=NAMES)
ROBUST = fit_cox(TIME, EVENT, X, names=NAMES, robust=True)
RIDGE = fit_cox(TIME, EVENT, X, names=NAMES, ridge=5)
YEAR = 2010 + RNG.integers(0, 8, N)
BY_YEAR = [fit_cox(np.exp(s * 0.6 * (YEAR - 2014)) + TIME / 50, EVENT, YEAR, names=["year"]) for s in (1, -1)]
MIXED = np.array(["a", 1] * (N // 2), dtype=object)
DATES = np.where(np.arange(N) == 7, np.datetime64("NaT"), np.datetime64("2020-01-01"))
FAR_OFFSET = np.where(np.arange(N) == 3, 900.0, 0.0)
AGE = restricted_cubic_spline(X[:, 0], name="age", df=3)

CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "factor: a missing label": (
        lambda: factor(["I", None, "II"], name="stage", reference="I"),
        errors.NonFiniteError,
        "stage",
        1,
    ),
    "factor: a missing number": (
        lambda: factor(HOLE, name="grade", reference=1),
        errors.NonFiniteError,
        "grade",
        1,
    ),
    "factor: nobody has the reference": (
        lambda: factor(STAGE, name="stage", reference="0"),
        errors.EmptyArmError,
        "stage",
        None,
    ),
    "factor: nobody has a level": (
        lambda: factor(STAGE, name="stage", reference="I", levels=["0", "I", "II", "III"]),
        errors.EmptyArmError,
        "stage",
        1,
    ),
    "factor: a level that was not listed": (
        lambda: factor(STAGE, name="stage", reference="I", levels=["I", "II"]),
        errors.CodingError,
        "stage",
        1,
    ),
    "factor: one level only": (
        lambda: factor(["I"] * N, name="stage", reference="I"),
        errors.CollinearityError,
        "stage",
        N,
    ),
    "factor: labels of two kinds": (
        lambda: factor(np.array(["I", 2, "III"], dtype=object), name="stage", reference=2),
        errors.CodingError,
        "stage",
        None,
    ),
    "factor: nobody": (lambda: factor([], name="stage", reference="I"), errors.ShapeError, "stage", None),
    "numeric: a hole": (lambda: numeric(HOLE, name="age"), errors.NonFiniteError, "age", 1),
    "interaction: nobody has both": (
        lambda: interaction(
            factor([0, 0, 1, 1], name="a", reference=0), factor([0, 1, 0, 0], name="b", reference=0)
        ),
        errors.EmptyArmError,
        "a=1:b=1",
        1,
    ),
    "interaction: of different people": (
        lambda: interaction(numeric(TIME, name="a"), numeric(TIME[1:], name="b")),
        errors.ShapeError,
        "a:b",
        None,
    ),
    "design: a name twice": (
        lambda: design(numeric(TIME, name="a"), numeric(TIME, name="a")),
        errors.ShapeError,
        "terms",
        None,
    ),
    "design: no term": (lambda: design(), errors.ShapeError, "terms", None),
    "spline: neither df nor knots": (
        lambda: restricted_cubic_spline(TIME, name="age"),
        errors.CodingError,
        "age",
        None,
    ),
    "spline: one column": (
        lambda: restricted_cubic_spline(TIME, name="age", df=1),
        errors.CodingError,
        "age",
        None,
    ),
    "spline: two knots": (
        lambda: restricted_cubic_spline(TIME, name="age", knots=[1, 2]),
        errors.CodingError,
        "age",
        2,
    ),
    "spline: too many share a value": (
        lambda: natural_spline(RARE, name="rare", df=4),
        errors.CodingError,
        "rare",
        3,
    ),
    "spline: knots that fall": (
        lambda: restricted_cubic_spline(TIME, name="age", knots=[3, 2, 1]),
        errors.CodingError,
        "age",
        2,
    ),
    "spline: not in the model": (
        lambda: hazard_ratio_curve(FIT, AGE, [1], reference=0),
        errors.CodingError,
        "terms",
        None,
    ),
    "tests: unknown covariate": (
        lambda: joint_tests(FIT, {"a": ["none"]}),
        errors.CodingError,
        "terms",
        None,
    ),
    "tests: contrast of nothing": (
        lambda: contrasts(FIT, {"nothing": {"age": 0}}),
        errors.CodingError,
        "weights",
        1,
    ),
    "tests: likelihood ratio of a robust fit": (
        lambda: likelihood_ratio_test(ROBUST, FIT),
        errors.CodingError,
        "fit",
        None,
    ),
    "tests: the smaller model second": (
        lambda: likelihood_ratio_test(FIT, fit_cox(TIME, EVENT, X[:, 0])),
        errors.CodingError,
        "large",
        None,
    ),
    "tests: models of different people": (
        lambda: likelihood_ratio_test(fit_cox(TIME[:150], EVENT[:150], X[:150, 0]), FIT),
        errors.CodingError,
        "small",
        None,
    ),
    "profile: of a robust fit": (lambda: profile_intervals(ROBUST), errors.CodingError, "fit", None),
    "profile: of a ridge": (lambda: profile_intervals(RIDGE), errors.CodingError, "fit", None),
    "profile: 95 percent written as 95": (
        lambda: profile_intervals(FIT, level=95),
        errors.CodingError,
        "level",
        None,
    ),
    "periods: a period without deaths": (
        lambda: time_split_hazard_ratios(TIME, EVENT, X, [5, 5000], names=NAMES, term="age"),
        errors.NoEventsError,
        ">5000",
        1,
    ),
    "periods: deaths of one arm only in a period": (
        lambda: time_split_hazard_ratios(
            TIME, EVENT & ((HALF == 0) | (TIME <= 20)), HALF, [20], names=["arm"], term="arm"
        ),
        errors.SeparationError,
        "arm >20",
        1,
    ),
    "periods: unknown term": (
        lambda: time_split_hazard_ratios(TIME, EVENT, X, [5], names=NAMES, term="arm"),
        errors.CodingError,
        "term",
        None,
    ),
    "periods: cuts that fall": (
        lambda: split_follow_up(TIME, EVENT, [12, 6]),
        errors.CodingError,
        "cuts",
        1,
    ),
    "periods: a cut at zero": (lambda: split_follow_up(TIME, EVENT, [0, 6]), errors.CodingError, "cuts", 1),
    "periods: weights of other people": (
        lambda: time_split_hazard_ratios(TIME, EVENT, X, [5], names=NAMES, term="age", weights=[1.0]),
        errors.ShapeError,
        "weights",
        None,
    ),
    "curves: after the last time": (
        lambda: survival_curves(FIT, X[:2], times=[1, 9999]),
        errors.BeyondFollowUpError,
        "times",
        1,
    ),
    "curves: a time below zero": (
        lambda: survival_curves(FIT, X[:2], times=[-1]),
        errors.NegativeTimeError,
        "times",
        1,
    ),
    "curves: columns in another order": (
        lambda: survival_curves(FIT, pl.DataFrame({"size": [1.0], "age": [1.0]})),
        errors.ShapeError,
        "people",
        None,
    ),
    "curves: no stratum named": (
        lambda: survival_curve(fit_cox(TIME, EVENT, X, strata=STAGE), [0, 0]),
        errors.CodingError,
        "stratum",
        None,
    ),
    "curves: a hole": (lambda: survival_curve(FIT, [np.nan, 0]), errors.NonFiniteError, "at", 1),
    "curves: unknown interval": (
        lambda: survival_curve(FIT, [0, 0], interval="logit"),
        errors.CodingError,
        "interval",
        None,
    ),
    "curves: baseline of too few covariates": (
        lambda: baseline_hazard(FIT, at=[1]),
        errors.ShapeError,
        "at",
        None,
    ),
    "residuals: labels of other people": (
        lambda: martingale_residuals(FIT, collapse=[1, 2]),
        errors.ShapeError,
        "collapse",
        None,
    ),
    "concordance: nobody dies": (
        lambda: concordance_of(TIME, np.zeros(N), X[:, 0]),
        errors.NoEventsError,
        "event",
        None,
    ),
    "concordance: one cluster": (
        lambda: concordance_of(TIME, EVENT, X[:, 0], cluster=np.ones(N)),
        errors.EmptyArmError,
        "cluster",
        1,
    ),
    "concordance: a hole": (lambda: concordance_of(TIME, EVENT, HOLE), errors.NonFiniteError, "risk", 1),
    "variance: one cluster": (
        lambda: clustered_covariance(FIT, np.zeros(N)),
        errors.EmptyArmError,
        "cluster",
        1,
    ),
    "variance: unknown kind": (
        lambda: clustered_covariance(FIT, SITE, kind="HC3"),
        errors.CodingError,
        "kind",
        None,
    ),
    "variance: a missing cluster": (
        lambda: clustered_covariance(FIT, np.where(np.arange(N) == 3, np.nan, SITE)),
        errors.NonFiniteError,
        "cluster",
        1,
    ),
    "variance: CR2 of a ridge": (
        lambda: clustered_covariance(RIDGE, SITE),
        errors.CodingError,
        "fit",
        None,
    ),
    "variance: CR2 of too many clusters": (
        lambda: clustered_covariance(
            fit_cox(np.arange(2500) % 50, np.ones(2500), np.arange(2500) % 7), np.arange(2500)
        ),
        errors.SizeError,
        "kind",
        None,
    ),
    "variance: the jackknife leaves a level without deaths": (
        lambda: clustered_covariance(
            fit_cox(TIME, EVENT, np.column_stack([X[:, 0], RARE]), names=["age", "rare"]),
            np.where(RARE == 1, 99, SITE),
            kind="CR3",
        ),
        errors.SeparationError,
        "rare",
        1,
    ),
    "fit: an offset whose hazards no number can hold": (
        lambda: fit_cox(TIME, EVENT, X, offset=FAR_OFFSET),
        errors.ConvergenceError,
        "offset",
        None,
    ),
    "fit: an offset that the second derivative cannot hold": (
        lambda: fit_cox(TIME, EVENT, X, offset=0.5 * FAR_OFFSET),
        errors.ConvergenceError,
        "offset",
        None,
    ),
    "fit: a ridge as text": (lambda: fit_cox(TIME, EVENT, X, ridge="1"), errors.CodingError, "ridge", None),
    "fit: a ridge below zero": (lambda: fit_cox(TIME, EVENT, X, ridge=-1), errors.CodingError, "ridge", None),
    "fit: strata of several kinds": (
        lambda: fit_cox(TIME, EVENT, X, strata=MIXED),
        errors.CodingError,
        "strata",
        None,
    ),
    "fit: clusters of several kinds": (
        lambda: fit_cox(TIME, EVENT, X, cluster=MIXED),
        errors.CodingError,
        "cluster",
        None,
    ),
    "fit: a stratum without a date": (
        lambda: fit_cox(TIME, EVENT, X, strata=DATES),
        errors.NonFiniteError,
        "strata",
        1,
    ),
    "fit: a confidence level as text": (lambda: FIT.to_frame("95%"), errors.CodingError, "level", None),
    "tests: a Wald test of a covariate twice": (
        lambda: FIT.wald_test(["age", "age"]),
        errors.CodingError,
        "terms",
        1,
    ),
    "tests: a Wald test of nothing": (lambda: FIT.wald_test([]), errors.CodingError, "terms", None),
    "tests: a term without covariates": (
        lambda: joint_tests(FIT, {"a": []}),
        errors.CodingError,
        "terms",
        None,
    ),
    "tests: the sum of no coefficients": (lambda: FIT.contrast({}), errors.CodingError, "weights", 1),
    "profile: of nothing": (lambda: profile_intervals(FIT, []), errors.CodingError, "terms", None),
    "proportional hazards: a term without covariates": (
        lambda: proportional_hazards_test(FIT, terms={"a": []}),
        errors.CodingError,
        "terms",
        None,
    ),
    "proportional hazards: deaths at one time": (
        lambda: proportional_hazards_test(fit_cox(TIME, TIME == 1.0, X, names=NAMES)),
        errors.CollinearityError,
        "age by time, size by time",
        2,
    ),
    "proportional hazards: nobody is left to compare the later deaths with": (
        lambda: proportional_hazards_test(fit_cox([1, 1, 1, 1, 2], [1, 1, 0, 0, 1], [0, 1, 0, 1, 0])),
        errors.CollinearityError,
        "x0, x0 by time",
        2,
    ),
    "curves: a baseline at the year zero, hazards rising": (
        lambda: baseline_hazard(BY_YEAR[1]),
        errors.NonFiniteError,
        "at",
        None,
    ),
    "curves: a baseline at the year zero, hazards falling": (
        lambda: baseline_hazard(BY_YEAR[0]),
        errors.NonFiniteError,
        "at",
        None,
    ),
    "curves: two of three people in the year zero": (
        lambda: survival_curves(BY_YEAR[0], [[0.0], [2014.0], [0.0]]),
        errors.NonFiniteError,
        "people",
        2,
    ),
    "firth: an offset whose hazards no number can hold": (
        lambda: fit_firth_cox(TIME, EVENT, X, offset=FAR_OFFSET),
        errors.ConvergenceError,
        "offset",
        None,
    ),
    "firth: a test of nothing": (
        lambda: fit_firth_cox(TIME, EVENT, X).likelihood_ratio_test([]),
        errors.CodingError,
        "terms",
        None,
    ),
    "firth: nobody dies": (
        lambda: fit_firth_cox(TIME, np.zeros(N), X),
        errors.NoEventsError,
        "event",
        None,
    ),
    "firth: a constant": (
        lambda: fit_firth_cox(TIME, EVENT, np.column_stack([X, np.ones(N)]), names=[*NAMES, "one"]),
        errors.CollinearityError,
        "one",
        1,
    ),
    "firth: weight of zero": (
        lambda: fit_firth_cox(TIME, EVENT, X, weights=1 - RARE),
        errors.WeightError,
        "weights",
        10,
    ),
    "firth: unknown term": (
        lambda: fit_firth_cox(TIME, EVENT, X).likelihood_ratio_test(["none"]),
        errors.CodingError,
        "terms",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case: str) -> None:
    call, kind, field, count = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.field == field
    assert caught.value.count == count
    assert caught.value.remedy


def test_a_robust_fit_has_a_joint_wald_test_and_no_other() -> None:
    frame = joint_tests(ROBUST, {"both": NAMES}).to_frame()
    has_number = dict(zip(frame["test"], frame["statistic"].is_finite(), strict=True))
    assert has_number == {"wald": True, "score": False, "likelihood_ratio": False}


def test_more_covariates_than_events_are_refused_and_as_many_are_not() -> None:
    with pytest.raises(errors.TooFewEventsError) as caught:
        require_events_for(["a", "b", "c"], 2)
    assert caught.value.count == 2
    require_events_for(["a", "b", "c"], 3)


def test_strata_without_events_are_counted_and_named_where_they_are_few() -> None:
    stratum = np.array([0, 0, 1, 1, 2])
    died = np.array([True, False, False, False, True])
    said = strata_without_events_warning(died, stratum, ["I", "II", "III"])[0]
    assert said.startswith("1 of 3 strata (II) have no events")
    many = strata_without_events_warning(np.arange(40) < 30, np.arange(40) // 2, range(20))[0]
    assert many.startswith("5 of 20 strata have no events")
    assert strata_without_events_warning(died, np.zeros(5, np.int64), [""]) == ()


def test_few_clusters_are_said_where_the_variance_does_not_allow_for_them() -> None:
    assert "CR2" in clustered_covariance(FIT, SITE, kind="CR0").warnings[0]
    assert clustered_covariance(FIT, SITE, kind="CR2").warnings == ()
    assert clustered_covariance(FIT, np.arange(N), kind="CR0").warnings == ()


@pytest.mark.parametrize("interval", ["log", "log-log", "plain"])
@pytest.mark.parametrize("year", [1500.0, 1900.0, 2200.0, 3000.0])
def test_limits_far_outside_the_data_stay_between_0_and_1(interval: str, year: float) -> None:
    curve = survival_curve(BY_YEAR[0], [year], interval=interval)
    for share in (curve.lower, curve.survival, curve.upper):
        assert ((share >= 0) & (share <= 1)).all()
    assert (curve.lower <= curve.upper).all()


def test_a_step_is_halved_until_it_does_not_lead_down() -> None:
    def height(at: np.ndarray) -> tuple[float, str]:
        return float(-((at[0] - 1) ** 2)), "seen"

    assert climb(height, np.zeros(1), np.array([8.0]), floor=-1.0) == (2.0, -1.0, "seen")


def test_a_likelihood_that_is_nowhere_a_number_is_no_maximum() -> None:
    """Forty halvings leave a step so small that it would pass for convergence."""
    with pytest.raises(errors.ConvergenceError) as caught:
        climb(lambda at: (np.nan, at), np.zeros(2), np.ones(2), floor=-1.0)
    assert caught.value.remedy


def test_a_large_offset_that_all_share_changes_nothing() -> None:
    shifted = fit_cox(TIME, EVENT, X, offset=np.full(N, 900.0))
    assert_allclose(shifted.coefficients, FIT.coefficients, rtol=1e-9)


def test_weights_that_are_no_counts_are_said_unless_the_variance_is_robust() -> None:
    half = 0.5 + HALF
    assert "not whole numbers" in fit_cox(TIME, EVENT, X, weights=half).warnings[0]
    assert fit_cox(TIME, EVENT, X, weights=half, robust=True).warnings == ()
    assert fit_cox(TIME, EVENT, X, weights=half, cluster=np.arange(N)).warnings == ()
    assert fit_cox(TIME, EVENT, X, weights=1.0 + HALF).warnings == ()
    assert FIT.warnings == ()
