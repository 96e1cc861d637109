"""Data that cannot be analysed are refused by name, with the field, the number concerned and a remedy."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.stats import errors
from pipelines.stats._tables import ratio_table
from pipelines.stats.balance import balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.cox.diagnostics import proportional_hazards_test
from pipelines.stats.cox.prediction import survival_curve
from pipelines.stats.effect import wald_effect
from pipelines.stats.kaplan_meier import kaplan_meier
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.matching import match_nearest, match_optimal
from pipelines.stats.matching._people import require_within_caliper
from pipelines.stats.propensity import fit_propensity
from pipelines.stats.propensity.logistic import fit_logistic
from pipelines.stats.relative_survival import population_table
from pipelines.stats.resampling import bootstrap
from pipelines.stats.sensitivity import negative_control_outcome
from pipelines.stats.weighting import trim

N = 200
RNG = np.random.default_rng(20)
TIME = np.ceil(RNG.exponential(20, N))
EVENT = RNG.random(N) < 0.6
X = RNG.normal(size=(N, 2))
ARM = RNG.random(N) < 0.4
RARE = (np.arange(N) % 20 == 0).astype(float)  # ten people
WITH_RARE = np.column_stack([X, RARE])
NAMES = ["age", "size", "rare"]
HOLE = np.where(np.arange(N) == 7, np.nan, X[:, 0])

CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "cox: a level without deaths": (
        lambda: fit_cox(TIME, EVENT & (RARE == 0), WITH_RARE, names=NAMES),
        errors.SeparationError,
        "rare",
        1,
    ),
    "cox: deaths in the order of a covariate": (
        lambda: fit_cox(np.arange(1, 51), np.ones(50), -np.arange(50), names=["age"]),
        errors.SeparationError,
        "age",
        1,
    ),
    "cox: nobody dies": (lambda: fit_cox(TIME, np.zeros(N), X), errors.NoEventsError, "event", None),
    "cox: everybody dies at once": (
        lambda: fit_cox(np.full(N, 12.0), np.ones(N), X),
        errors.NothingToCompareError,
        "event",
        None,
    ),
    "cox: every stratum dies at once": (
        lambda: fit_cox(1 + RARE, np.ones(N), X, strata=RARE, robust=True),
        errors.NothingToCompareError,
        "event",
        None,
    ),
    "cox: a constant": (
        lambda: fit_cox(TIME, EVENT, np.column_stack([X, np.full(N, 0.1)]), names=NAMES),
        errors.CollinearityError,
        "rare",
        1,
    ),
    "cox: constant within strata": (
        lambda: fit_cox(TIME, EVENT, WITH_RARE, names=NAMES, strata=RARE),
        errors.CollinearityError,
        "rare",
        1,
    ),
    "cox: a sum of others": (
        lambda: fit_cox(TIME, EVENT, np.column_stack([X, X.sum(axis=1)]), names=NAMES),
        errors.CollinearityError,
        "age, size, rare",
        3,
    ),
    "cox: a hole": (lambda: fit_cox(TIME, EVENT, HOLE, names=["age"]), errors.NonFiniteError, "age", 1),
    "cox: infinite time": (
        lambda: fit_cox(np.where(RARE == 1, np.inf, TIME), EVENT, X),
        errors.NonFiniteError,
        "time",
        10,
    ),
    "cox: event coded 1 and 2": (lambda: fit_cox(TIME, EVENT + 1, X), errors.CodingError, "event", None),
    "cox: text as covariate": (
        lambda: fit_cox(TIME, EVENT, np.array(["a"] * N)),
        errors.CodingError,
        "covariates",
        None,
    ),
    "cox: time below zero": (
        lambda: fit_cox(np.where(RARE == 1, -1, TIME), EVENT, X),
        errors.NegativeTimeError,
        "time",
        10,
    ),
    "cox: stop at start": (
        lambda: fit_cox(TIME, EVENT, X, entry=np.where(RARE == 1, TIME, 0)),
        errors.StopBeforeStartError,
        "entry",
        10,
    ),
    "cox: weight of zero": (
        lambda: fit_cox(TIME, EVENT, X, weights=1 - RARE),
        errors.WeightError,
        "weights",
        10,
    ),
    "cox: arrays of two lengths": (lambda: fit_cox(TIME, EVENT[:-1], X), errors.ShapeError, "event", None),
    "cox: nobody": (lambda: fit_cox([], [], np.zeros((0, 1))), errors.ShapeError, "time", None),
    "cox: unknown ties": (lambda: fit_cox(TIME, EVENT, X, ties="exact"), errors.CodingError, "ties", None),
    "cox: missing stratum": (
        lambda: fit_cox(TIME, EVENT, X, strata=HOLE),
        errors.NonFiniteError,
        "strata",
        1,
    ),
    "cox: a name twice": (
        lambda: fit_cox(TIME, EVENT, X, names=["a", "a"]),
        errors.ShapeError,
        "names",
        None,
    ),
    "cox: unknown term": (
        lambda: proportional_hazards_test(fit_cox(TIME, EVENT, X), terms={"t": ["none"]}),
        errors.CodingError,
        "terms",
        None,
    ),
    "cox: curve of an unknown stratum": (
        lambda: survival_curve(fit_cox(TIME, EVENT, X, strata=RARE), [0, 0]),
        errors.CodingError,
        "stratum",
        None,
    ),
    "logistic: a level all without": (
        lambda: fit_logistic(WITH_RARE, ARM & (RARE == 0), names=NAMES),
        errors.SeparationError,
        "rare",
        1,
    ),
    "logistic: completely separated": (
        lambda: fit_logistic(X[:, 0], X[:, 0] > 0, names=["age"]),
        errors.SeparationError,
        "age",
        1,
    ),
    "logistic: nobody": (lambda: fit_logistic(X, np.zeros(N)), errors.NoEventsError, "outcome", N),
    "logistic: a constant": (
        lambda: fit_logistic(np.column_stack([X, np.ones(N)]), ARM, names=NAMES),
        errors.CollinearityError,
        "rare",
        1,
    ),
    "propensity: all treated": (lambda: fit_propensity(X, np.ones(N)), errors.EmptyArmError, "treated", N),
    "matching: no controls": (
        lambda: match_nearest(X[:, 0], np.ones(N)),
        errors.EmptyArmError,
        "treated",
        N,
    ),
    "matching: nobody within the caliper": (
        lambda: match_nearest(X[:, 0] + 100 * ARM, ARM, caliper=0.2),
        errors.NoMatchError,
        "logit",
        int(ARM.sum()),
    ),
    "matching: ids that repeat": (
        lambda: match_nearest(X[:, 0], ARM, ids=np.arange(N) // 2),
        errors.ShapeError,
        "ids",
        N // 2,
    ),
    "matching: ratio of nothing": (
        lambda: match_nearest(X[:, 0], ARM, ratio=0),
        errors.CodingError,
        "ratio",
        None,
    ),
    "matching: caliper below zero": (
        lambda: match_nearest(X[:, 0], ARM, caliper=-1),
        errors.CodingError,
        "caliper",
        None,
    ),
    "matching: spread of one person": (
        lambda: match_nearest([0.0, 1.0, 2.0], [1, 0, 0], caliper=1),
        errors.EmptyArmError,
        "caliper_sd",
        None,
    ),
    "weights: a score no control reaches": (
        lambda: trim(np.where(ARM, 0.8, 0.2), ARM, "common_support"),
        errors.NoOverlapError,
        "treated",
        int(ARM.sum()),
    ),
    "matching: pairs that fill the memory": (
        lambda: match_optimal(np.arange(10_002), np.arange(10_002) % 2),
        errors.SizeError,
        "caliper",
        5001**2,
    ),
    "matching: a pair beyond its caliper": (
        lambda: require_within_caliper(np.array([1, 5]), 4),
        errors.CaliperError,
        "distance",
        1,
    ),
    "balance: one treated": (
        lambda: balance(X, np.arange(N) == 0),
        errors.EmptyArmError,
        "treated",
        1,
    ),
    "balance: negative weights": (
        lambda: balance(X, ARM, weights=-np.ones(N)),
        errors.WeightError,
        "weights",
        N,
    ),
    "balance: an arm without weight": (
        lambda: balance(X, ARM, weights=ARM.astype(float)),
        errors.EmptyArmError,
        "weights",
        None,
    ),
    "km: a level of 95": (lambda: kaplan_meier(TIME, EVENT, level=95), errors.CodingError, "level", None),
    "km: no label": (
        lambda: kaplan_meier(TIME, EVENT, group=[None] * N),
        errors.NonFiniteError,
        "group",
        N,
    ),
    "bootstrap: an estimate that is none": (
        lambda: bootstrap(lambda rows: [np.nan], N, replicates=2, seed=1),
        errors.ReplicateError,
        "estimate",
        1,
    ),
    "km: too few at risk together": (
        lambda: kaplan_meier([5, 20], [1, 1], entry=[4, 10], minimum_at_risk=2),
        errors.RiskSetError,
        "minimum_at_risk",
        1,
    ),
    "km: area beyond follow-up": (
        lambda: kaplan_meier([1, 2], [1, 0]).curves[0].restricted_mean(3),
        errors.BeyondFollowUpError,
        "tau",
        None,
    ),
    "population table: a rate below zero": (
        lambda: population_table(pl.DataFrame({"age": 0, "year": 2000, "sex": "f", "hazard_per_day": -1})),
        errors.PopulationTableError,
        "hazard_per_day",
        1,
    ),
    "log-rank: one group": (lambda: logrank(TIME, EVENT, np.ones(N)), errors.EmptyArmError, "group", None),
    "log-rank: nobody dies": (
        lambda: logrank(TIME, np.zeros(N), ARM),
        errors.NoEventsError,
        "event",
        None,
    ),
    "negative control: no cause of death": (
        lambda: negative_control_outcome(TIME, EVENT, None, ARM, negative=["other"]),
        errors.NotRecordedError,
        "cause",
        int(EVENT.sum()),
    ),
    "log-rank: a group gone before the first death": (
        lambda: logrank([1, 2, 5, 6, 7], [0, 0, 1, 1, 0], ["x", "x", "y", "z", "y"]),
        errors.EmptyArmError,
        "x",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case: str) -> None:
    call, kind, field, count = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.field == field
    assert error.remedy in str(error)
    assert field in str(error)
    if count is not None:
        assert error.count == count


def test_every_error_is_tried() -> None:
    """Each error has a case here or in the module of its family, where it is raised and looked at."""
    named = {
        name
        for name, v in vars(errors).items()
        if isinstance(v, type) and issubclass(v, errors.StatsError) and v is not errors.StatsError
    }
    modules = [path.read_text() for path in Path(__file__).parent.glob("test_stats_*.py")]
    tried = {name for name in named if any(re.search(rf"\b{name}\b", text) for text in modules)}
    assert tried == named


def test_no_convergence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.stats.cox._newton.MAX_ITERATIONS", 1)
    with pytest.raises(errors.ConvergenceError, match="x0, x1"):
        fit_cox(TIME, EVENT, X)


def test_a_penalty_fits_what_is_separated() -> None:
    fit = fit_cox(TIME, EVENT & (RARE == 0), WITH_RARE, names=NAMES, ridge=1.0)
    assert np.isfinite(fit.coefficients).all()
    assert fit.coefficients[2] < -0.5


def test_a_strong_effect_is_not_taken_for_separation() -> None:
    age = np.linspace(-3, 3, N)
    fit = fit_cox(np.exp(-3 * age) + RNG.exponential(0.02, N), np.ones(N), age)
    assert fit.coefficients[0] > 2
    assert fit_logistic(age, RNG.random(N) < 1 / (1 + np.exp(-6 * age))).coefficients[1] > 2


def test_an_estimate_without_a_standard_error_is_no_effect() -> None:
    about = {"analysis": "a", "n": 9, "n_exposed": 4, "events": 9, "estimand": "ATE", "method": "m"}
    with pytest.raises(errors.NothingToCompareError, match="standard error is zero"):
        wald_effect(0.0, 0.0, measure="hr", effect_type="marginal", **about)  # type: ignore[arg-type]  # one dict
    with pytest.raises(errors.NothingToCompareError, match="standard error is zero"):
        ratio_table(["a", "b"], np.zeros(2), np.array([0.1, 0.0]), "hazard_ratio", 0.95)


def test_few_events_are_a_finding_on_the_result_and_no_python_warning() -> None:
    few = fit_cox(TIME, EVENT & (np.arange(N) < 20), X)
    assert few.events_per_covariate < 10
    assert "ten events per covariate" in few.warnings[0]
    many = fit_cox(TIME, EVENT, X)
    assert many.events_per_covariate == EVENT.sum() / 2
    assert many.warnings == ()
    rarer = min(ARM.sum(), N - ARM.sum())
    assert fit_logistic(X, ARM).events_per_covariate == rarer / 2


def test_a_polars_frame_names_its_columns() -> None:
    frame = pl.DataFrame({"age": X[:, 0], "size": X[:, 1]})
    assert fit_cox(TIME, EVENT, frame).names == ("age", "size")
    assert fit_logistic(frame, ARM).to_frame()["term"].to_list() == ["(intercept)", "age", "size"]
