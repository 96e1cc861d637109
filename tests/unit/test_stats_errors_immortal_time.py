"""Data with which immortal time cannot be handled are refused by name, with field, count and remedy."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from pipelines.stats import errors
from pipelines.stats.immortal_time import (
    clone_censor_weight,
    ever_never,
    fit_surgery_hazard,
    immortal_time_excluded,
    landmark,
    landmark_grid,
    time_varying,
)

N = 120
RNG = np.random.default_rng(12)
TIME = np.ceil(RNG.exponential(20, N)) + 1
EVENT = RNG.random(N) < 0.7
X = RNG.normal(size=N)
MONTH = np.ceil(RNG.exponential(12, N))
SURGERY = np.where(MONTH <= TIME, MONTH, np.nan)
NEVER = np.full(N, np.nan)
THREE = np.arange(N) < 3
RARE = THREE.astype(float)


def late_entry(*data: object, **options: object) -> object:
    return immortal_time_excluded(*data, reading="late_entry", **options)


def clones(*data: object, **options: object) -> object:
    return (
        clone_censor_weight(*data, **options) if len(data) > 3 else clone_censor_weight(*data, X, **options)
    )


METHODS = {
    "ever_never": ever_never,
    "clock_reset": immortal_time_excluded,
    "late_entry": late_entry,
    "time_varying": time_varying,
    "landmark": landmark,
    "clones": clones,
}
# What no method can use: data, error, field, count.
ANYWHERE = {
    "nobody operated": ((TIME, EVENT, NEVER), errors.EmptyArmError, "surgery_time", 0),
    "a time that is missing": (
        (np.where(THREE, np.nan, TIME), EVENT, SURGERY),
        errors.NonFiniteError,
        "time",
        3,
    ),
    "a time below zero": ((np.where(THREE, -1, TIME), EVENT, SURGERY), errors.NegativeTimeError, "time", 3),
    "an event coded 1 and 2": ((TIME, EVENT + 1, SURGERY), errors.CodingError, "event", int(EVENT.sum())),
    "an infinite operation": (
        (TIME, EVENT, np.where(THREE, np.inf, SURGERY)),
        errors.NonFiniteError,
        "surgery_time",
        3,
    ),
    "an operation before time zero": (
        (TIME, EVENT, np.where(THREE, -0.5, SURGERY)),
        errors.NegativeTimeError,
        "surgery_time",
        3,
    ),
    "an operation after death": (
        (TIME, EVENT, np.where(THREE, TIME + 1, SURGERY)),
        errors.StopBeforeStartError,
        "surgery_time",
        3,
    ),
    "operations as text": ((TIME, EVENT, ["a"] * N), errors.CodingError, "surgery_time", None),
    "fewer operations than people": ((TIME, EVENT, SURGERY[1:]), errors.ShapeError, "surgery_time", None),
    "one operation for all": ((TIME, EVENT, 3.0), errors.ShapeError, "surgery_time", None),
    "nobody": (([], [], []), errors.ShapeError, "time", None),
    "a hole in a covariate": (
        (TIME, EVENT, SURGERY, np.where(THREE, np.nan, X)),
        errors.NonFiniteError,
        "x0",
        3,
    ),
    "nobody dies": ((TIME, 0 * EVENT, SURGERY), errors.NoEventsError, "event", None),
}


@pytest.mark.parametrize("case", ANYWHERE)
@pytest.mark.parametrize("method", METHODS)
def test_no_method_takes(method: str, case: str) -> None:
    data, error, field, count = ANYWHERE[case]
    refuses(lambda: METHODS[method](*data), error, field, count)


OPERATED_EARLY = np.minimum(TIME, 1.0)
EVERYBODY_AT_ZERO = np.zeros(N)
CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "ever_never: everybody operated": (
        lambda: ever_never(TIME, EVENT, OPERATED_EARLY),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "ever_never: an unknown tie": (
        lambda: ever_never(TIME, EVENT, SURGERY, ties="exact"),
        errors.CodingError,
        "ties",
        None,
    ),
    "ever_never: a level of 95": (
        lambda: ever_never(TIME, EVENT, SURGERY, level=95),
        errors.CodingError,
        "level",
        None,
    ),
    "ever_never: a covariate called operated": (
        lambda: ever_never(TIME, EVENT, SURGERY, X, names=["operated"]),
        errors.ShapeError,
        "names",
        None,
    ),
    "ever_never: a stratum that is missing": (
        lambda: ever_never(TIME, EVENT, SURGERY, strata=np.where(THREE, np.nan, 1)),
        errors.NonFiniteError,
        "strata",
        3,
    ),
    "excluded: an unknown reading": (
        lambda: immortal_time_excluded(TIME, EVENT, SURGERY, reading="both"),
        errors.CodingError,
        "reading",
        None,
    ),
    "late entry: follow-up that ends at zero": (
        lambda: late_entry(np.where(THREE, 0, TIME), EVENT, np.where(THREE, np.nan, SURGERY)),
        errors.StopBeforeStartError,
        "time",
        3,
    ),
    "time_varying: follow-up that ends at zero": (
        lambda: time_varying(np.where(THREE, 0, TIME), EVENT, np.where(THREE, np.nan, SURGERY)),
        errors.StopBeforeStartError,
        "time",
        3,
    ),
    "time_varying: nobody ever unoperated": (
        lambda: time_varying(TIME, EVENT, EVERYBODY_AT_ZERO),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "time_varying: nobody operated within the window": (
        lambda: time_varying(TIME, EVENT, SURGERY, window=0.5),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "time_varying: a window that is no number": (
        lambda: time_varying(TIME, EVENT, SURGERY, window=np.nan),
        errors.CodingError,
        "window",
        None,
    ),
    "landmark: nobody left": (
        lambda: landmark(TIME, EVENT, SURGERY, at=1000),
        errors.EmptyArmError,
        "at",
        0,
    ),
    "landmark: nobody operated by it": (
        lambda: landmark(TIME, EVENT, SURGERY, at=0),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "landmark: everybody operated by it": (
        lambda: landmark(TIME, EVENT, OPERATED_EARLY, at=1),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "landmark: before time zero": (
        lambda: landmark(TIME, EVENT, SURGERY, at=-1),
        errors.CodingError,
        "at",
        None,
    ),
    "landmark: nobody dies after it": (
        lambda: landmark(TIME, EVENT & (TIME <= 6), SURGERY, at=6),
        errors.NoEventsError,
        "event",
        None,
    ),
    "grid: a landmark twice": (
        lambda: landmark_grid(TIME, EVENT, SURGERY, at=(6, 6)),
        errors.CodingError,
        "at",
        None,
    ),
    "grid: no landmark": (
        lambda: landmark_grid(TIME, EVENT, SURGERY, at=()),
        errors.CodingError,
        "at",
        None,
    ),
    "hazard: one time for all": (
        lambda: fit_surgery_hazard(3.0, SURGERY, X, until=8),
        errors.ShapeError,
        "time",
        None,
    ),
    "hazard: nobody operated in time": (
        lambda: fit_surgery_hazard(TIME, SURGERY, X, until=0.5),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "clones: nobody operated within the grace period, so that F(g) is zero": (
        lambda: clones(TIME, EVENT, SURGERY, grace=0),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "clones: everybody operated within the grace period": (
        lambda: clones(TIME, EVENT, OPERATED_EARLY),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "clones: nobody unoperated is followed beyond the grace period": (
        lambda: clones(
            np.where(SURGERY <= 8, TIME, np.minimum(TIME, 8)), EVENT, np.where(SURGERY <= 8, SURGERY, np.nan)
        ),
        errors.EmptyArmError,
        "surgery_time",
        0,
    ),
    "clones: follow-up that ends at zero": (
        lambda: clones(np.where(THREE, 0, TIME), EVENT, np.where(THREE, np.nan, SURGERY)),
        errors.StopBeforeStartError,
        "time",
        3,
    ),
    "clones: a group nobody of whom is operated": (
        lambda: clones(TIME, EVENT, np.where(THREE, np.nan, SURGERY), np.column_stack([X, RARE])),
        errors.SeparationError,
        "x1",
        1,
    ),
    "clones: a covariate that is constant": (
        lambda: clones(TIME, EVENT, SURGERY, np.column_stack([X, np.ones(N)]), names=["age", "one"]),
        errors.CollinearityError,
        "one",
        1,
    ),
    "clones: an arm without deaths": (
        lambda: clones(
            TIME + 8, EVENT & np.isnan(SURGERY), np.where(np.isnan(SURGERY), np.nan, np.minimum(SURGERY, 8))
        ),
        errors.SeparationError,
        "operated",
        1,
    ),
    "clones: intervals without operations under uniform timing": (
        lambda: clones(TIME, EVENT, SURGERY, strategy="uniform", interval=0.5),
        errors.EmptyArmError,
        "interval",
        8,
    ),
    "clones: nobody operated in the last interval": (
        lambda: clones(TIME, EVENT, SURGERY, strategy="natural_then_forced", grace=8.5, interval=0.25),
        errors.EmptyArmError,
        "interval",
        1,
    ),
    "clones: an unknown strategy": (
        lambda: clones(TIME, EVENT, SURGERY, strategy="soon"),
        errors.CodingError,
        "strategy",
        None,
    ),
    "clones: unknown ties of the hazard": (
        lambda: clones(TIME, EVENT, SURGERY, hazard_ties="exact"),
        errors.CodingError,
        "hazard_ties",
        None,
    ),
    "clones: a grace period below zero": (
        lambda: clones(TIME, EVENT, SURGERY, grace=-8),
        errors.CodingError,
        "grace",
        None,
    ),
    "clones: no step": (lambda: clones(TIME, EVENT, SURGERY, step=0), errors.CodingError, "step", None),
    "clones: days with the step of months": (
        lambda: clones(TIME * 30, EVENT, SURGERY * 30, grace=240),
        errors.CodingError,
        "step",
        480,
    ),
    "clones: no interval": (
        lambda: clones(TIME, EVENT, SURGERY, interval=np.nan),
        errors.CodingError,
        "interval",
        None,
    ),
    "clones: weights cut in percent": (
        lambda: clones(TIME, EVENT, SURGERY, truncate=99),
        errors.CodingError,
        "truncate",
        None,
    ),
    "clones: a difference after the end of follow-up": (
        lambda: clones(TIME, EVENT, SURGERY, times=(500,)),
        errors.CodingError,
        "times",
        None,
    ),
    "clones: a difference before the first death": (
        lambda: clones(TIME, EVENT, SURGERY, times=(0.5,)),
        errors.NoEventsError,
        "times",
        None,
    ),
    "landmark: a time in words": (
        lambda: landmark(TIME, EVENT, SURGERY, at="3"),  # type: ignore[arg-type]  # on purpose
        errors.CodingError,
        "at",
        None,
    ),
    "clones: a bootstrap of one": (
        lambda: clones(TIME, EVENT, SURGERY, bootstrap=1),
        errors.CodingError,
        "replicates",
        None,
    ),
    "clones: a hole in an outcome covariate": (
        lambda: clones(TIME, EVENT, SURGERY, outcome_covariates=np.where(THREE, np.nan, X)),
        errors.NonFiniteError,
        "x0",
        3,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str) -> None:
    refuses(*CASES[case])


def refuses(
    call: Callable[[], object], error: type[errors.StatsError], field: str, count: int | None
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert caught.value.field == field
    assert count is None or caught.value.count == count
    assert caught.value.remedy


def test_what_is_said_of_an_operation_at_the_end_is_what_the_reading_does_with_it() -> None:
    surgery = np.where(THREE, TIME, SURGERY)
    said = {
        reading: " ".join(immortal_time_excluded(TIME, EVENT, surgery, reading=reading).effect.notes)
        for reading in ("clock_reset", "late_entry")
    }
    assert "just before it" in said["late_entry"]
    assert "just before it" not in said["clock_reset"]
    assert "after the operation is zero" in said["clock_reset"]
    assert "just before it" not in " ".join(ever_never(TIME, EVENT, surgery).effect.notes)


def test_the_landmark_that_fails_is_named() -> None:
    with pytest.raises(errors.EmptyArmError, match="after the landmark 1000"):
        landmark_grid(TIME, EVENT, SURGERY, at=(6, 1000))


def test_a_difference_asked_for_later_is_held_to_follow_up_too() -> None:
    with pytest.raises(errors.CodingError, match="end of one arm's follow-up"):
        clones(TIME, EVENT, SURGERY).risk_difference(500)


def test_many_operated_at_one_time_is_said_and_changes_the_model() -> None:
    at_zero = np.where(np.arange(N) % 4 == 0, 0.0, SURGERY)
    said = {ties: clones(TIME, EVENT, at_zero, hazard_ties=ties) for ties in ("auto", "grouped", "efron")}
    assert said["auto"].effect == said["grouped"].effect
    share = "25% of those at risk are operated at one time: "
    assert said["auto"].hazard.notes == (share + "the surgery hazard is fitted as grouped.",)
    advice = "Efron's ties are biased there, hazard_ties='grouped' is exact."
    assert share + advice in said["efron"].effect.notes
    few = clones(TIME, EVENT, np.where(np.arange(N) % 40 == 0, 0.0, np.nan), grace=0)
    assert (few.hazard.ties, few.hazard.largest_tie, few.hazard.notes) == ("breslow", 3 / N, ())


def test_weights_are_described_in_the_result() -> None:
    result = clones(TIME, EVENT, SURGERY, truncate=0.9)
    unoperated, operated = result.weights
    left = (TIME > 8) & ~(SURGERY <= 8)
    assert unoperated.after_grace == left.sum()
    assert operated.after_grace == np.sum((TIME > 8) & (SURGERY <= 8))
    assert unoperated.clones == result.n_people == N
    assert unoperated.rows + operated.rows == result.n_rows
    assert 1 < operated.effective_size <= operated.after_grace
    assert 0.01 < operated.top_share < 0.2
    assert operated.truncated > 0
    assert f"{operated.clones} clones, {operated.rows} rows" in result.effect.notes[2]
    assert (result.effect.estimand, result.effect.effect_type) == ("per_protocol", "marginal")
    adjusted = clones(TIME, EVENT, SURGERY, outcome_covariates=X)
    assert adjusted.effect.effect_type == "conditional"


def test_tables_of_the_result() -> None:
    result = clones(TIME, EVENT, SURGERY, times=(12, 24))
    assert result.to_frame()["measure"].to_list() == ["hr", *(["risk_difference", "rmst_difference"] * 2)]
    assert result.to_frame()["analysis"].to_list()[1:] == [
        f"clone_censor_weight_{t}" for t in (12, 12, 24, 24)
    ]
    assert result.weights_frame()["operated"].to_list() == [False, True]
    curves = result.curves_frame()
    assert curves.columns == ["operated", "time", "n_risk", "n_event", "survival"]
    at_12 = result.survival_frame([0, 12])
    assert at_12["survival"].to_list()[::2] == [1.0, 1.0]
    assert at_12["ci_low"].null_count() == at_12["ci_high"].null_count() == 2
    last = curves.filter(pl.col("time") <= 12).group_by("operated", maintain_order=True).last()
    assert at_12["survival"].to_list()[1::2] == last["survival"].to_list()
    grid = landmark_grid(TIME, EVENT, SURGERY, at=(3, 8)).to_frame()
    assert grid["analysis"].to_list() == ["landmark_3", "landmark_8"]
    assert (grid["n"] + grid["died_before"] + grid["censored_before"]).to_list() == [N, N]
    hazard = fit_surgery_hazard(TIME, SURGERY, X, until=8)
    assert hazard.to_frame()["cumulative_hazard"].to_list()[-1] == pytest.approx(hazard.baseline_at(8))
