"""Multiple imputation: what is drawn, what is never drawn, and that the truth comes back."""

import numpy as np
import polars as pl
import pytest

from pipelines.stats import errors
from pipelines.stats.cox import fit_cox
from pipelines.stats.effect import Effect, wald_effect
from pipelines.stats.imputation import Imputations, Variable, impute, pool, pool_effects

TRUE_LOG_HR = {"exposure": 0.0, "stage": 0.9, "age": 0.5}


def world(n: int, seed: int) -> dict[str, np.ndarray]:
    """People whose exposure depends on stage and age; stage is known less often in those who live long."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n)
    stage = rng.random(n) < 1 / (1 + np.exp(-0.6 * age))
    exposure = rng.random(n) < 1 / (1 + np.exp(-(0.4 - 1.5 * stage - 0.3 * age)))
    death = rng.exponential(30 * np.exp(-TRUE_LOG_HR["stage"] * stage - TRUE_LOG_HR["age"] * age))
    censoring = rng.uniform(12, 60, n)
    time, event = np.minimum(death, censoring), death <= censoring
    unknown = rng.random(n) < np.where(time > 18, 0.6, 0.15)
    return {
        "time": time,
        "event": event,
        "exposure": exposure,
        "age": age,
        "stage": stage.astype(float),
        "unknown": unknown,
    }


def imputed(w: dict[str, np.ndarray], **settings: int) -> Imputations:
    stage = np.where(w["unknown"], np.nan, w["stage"])
    return impute(
        [Variable("age", "continuous", w["age"]), Variable("stage", "binary", stage)],
        exposure=w["exposure"],
        event=w["event"],
        time=w["time"],
        **{"imputations": 8, "rounds": 5, **settings},
    )


def cox(frame: pl.DataFrame, term: str) -> Effect:
    fit = fit_cox(frame["time"], frame["event"], frame.select("exposure", "stage", "age").cast(float))
    at = fit.names.index(term)
    return wald_effect(
        fit.coefficients[at],
        fit.standard_errors[at],
        analysis="cox_adjusted",
        measure="hr",
        n=fit.n,
        n_exposed=int(frame["exposure"].sum()),
        events=fit.n_events,
        estimand="conditional",
        effect_type="conditional",
        method="Cox",
    )


def pooled(w: dict[str, np.ndarray], term: str) -> Effect:
    known = {name: w[name] for name in ("time", "event", "exposure")}
    effect, _ = pool_effects(imputed(w).frames(**known), lambda frame: cox(frame, term), n_parameters=3)
    return effect


def complete_cases(w: dict[str, np.ndarray], term: str) -> Effect:
    frame = pl.DataFrame(w).filter(~pl.col("unknown"))
    return cox(frame.select("time", "event", "exposure", "age", "stage"), term)


def test_the_truth_comes_back_where_complete_cases_are_biased() -> None:
    worlds = [world(2500, seed) for seed in range(6)]
    ours = np.array([pooled(w, "stage").log_estimate for w in worlds])
    naive = np.array([complete_cases(w, "stage").log_estimate for w in worlds])
    of_six = 0.07 / np.sqrt(6)  # standard error of one estimate is about .07
    assert abs(ours.mean() - TRUE_LOG_HR["stage"]) < 3.5 * of_six
    assert abs(naive.mean() - TRUE_LOG_HR["stage"]) > 3.5 * of_six


def test_intervals_hold_the_truth_and_are_wider_than_if_nothing_were_missing() -> None:
    worlds = [world(800, seed) for seed in range(40)]
    effects = [pooled(w, "stage") for w in worlds]
    truth = np.exp(TRUE_LOG_HR["stage"])
    assert np.mean([e.ci_low <= truth <= e.ci_high for e in effects]) >= 0.85
    full = [cox(pl.DataFrame(w).drop("unknown"), "stage").std_err for w in worlds]
    assert np.mean([e.std_err for e in effects]) > 1.1 * np.mean(full)


def test_the_missing_part_is_named() -> None:
    effect = pooled(world(600, 1), "exposure")
    assert "pooled over 8 imputations" in effect.method
    assert any("percent of the information" in note for note in effect.notes)


def test_the_outcome_is_in_the_model() -> None:
    """Where death follows from the covariate, those who died are imputed to have it more often."""
    w = world(3000, 2)
    drawn = imputed(w).complete[0]["stage"][w["unknown"]]
    died = w["event"][w["unknown"]]
    assert drawn[died].mean() > drawn[~died].mean() + 0.1


def test_known_values_stay_and_imputed_ones_are_among_those_seen() -> None:
    w = world(500, 3)
    age = np.where(w["unknown"], np.nan, w["age"])
    grade = np.where(w["stage"] == 1, "high", "low").astype(object)
    grade[::7] = None
    done = impute(
        [Variable("age", "continuous", age), Variable("grade", "categorical", grade)],
        exposure=w["exposure"],
        event=w["event"],
        time=w["time"],
        imputations=3,
        rounds=2,
    )
    assert done.missing == {"age": int(w["unknown"].sum()), "grade": len(grade[::7])}
    for values in done.complete:
        np.testing.assert_array_equal(values["age"][~w["unknown"]], w["age"][~w["unknown"]])
        assert set(values["age"]) <= set(w["age"][~w["unknown"]])
        assert set(values["grade"]) == {"high", "low"}
        assert all(values["grade"][i] == grade[i] for i in range(len(grade)) if grade[i] is not None)
    trace = done.trace.filter(pl.col("variable") == "grade", pl.col("imputation") == 0, pl.col("round") == 0)
    assert trace["mean"].sum() == pytest.approx(1.0)


def test_what_nobody_could_have_known_is_a_level_of_its_own_and_never_drawn() -> None:
    w = world(400, 4)
    payer = np.where(w["stage"] == 1, "private", "public").astype(object)
    reason = np.full(400, "", dtype=object)
    payer[:40], reason[:40] = None, "withheld"
    payer[40:80], reason[40:80] = None, "unknown"
    done = impute(
        [Variable("payer", "categorical", payer, reason), Variable("age", "continuous", w["age"])],
        exposure=w["exposure"],
        event=w["event"],
        time=w["time"],
        imputations=2,
        rounds=2,
    )
    assert done.missing["payer"] == 40
    assert all(set(values["payer"][:40]) == {"withheld"} for values in done.complete)
    assert any("withheld" in note for note in done.notes)


@pytest.mark.parametrize("reason", ["not_collected", "withheld", "not_applicable"])
def test_a_number_that_nobody_could_have_known_is_refused(reason: str) -> None:
    w = world(100, 5)
    size = w["age"].copy()
    size[:9] = np.nan
    with pytest.raises(errors.NotImputableError, match="size") as raised:
        impute(
            [Variable("size", "continuous", size, np.full(100, reason))],
            exposure=w["exposure"],
            event=w["event"],
            time=w["time"],
        )
    assert raised.value.count == 9


def test_results_do_not_depend_on_the_order_of_rows_or_on_how_many_are_asked_for() -> None:
    w = world(300, 6)
    shuffled = np.random.default_rng(0).permutation(300)
    first = imputed(w, imputations=2)
    again = imputed({name: values[shuffled] for name, values in w.items()}, imputations=3)
    for a, b in zip(first.complete, again.complete, strict=False):
        np.testing.assert_array_equal(a["stage"][shuffled], b["stage"])


def test_a_level_that_splits_perfectly_stays_finite() -> None:
    w = world(300, 7)
    marker = np.where(w["exposure"], "a", "b").astype(object)
    marker[::5] = None
    done = impute(
        [Variable("marker", "categorical", marker)],
        exposure=w["exposure"],
        event=w["event"],
        time=w["time"],
        imputations=2,
        rounds=3,
    )
    drawn = done.complete[0]["marker"][::5]
    assert np.mean(drawn == np.where(w["exposure"][::5], "a", "b")) > 0.9


def test_bad_input_is_named() -> None:
    w = world(50, 8)
    given = {"exposure": w["exposure"], "event": w["event"], "time": w["time"]}
    nothing = Variable("empty", "continuous", np.full(50, np.nan))
    one_level = Variable("flat", "categorical", np.array(["x"] * 50))
    for variable, field in ((nothing, "empty"), (one_level, "flat")):
        with pytest.raises(errors.EmptyArmError, match=field):
            impute([variable], **given)
    with pytest.raises(errors.CodingError, match="text"):
        impute([Variable("text", "continuous", np.array(["x", "y"] * 25))], **given)
    with pytest.raises(errors.NonFiniteError, match="wide"):
        impute([Variable("wide", "continuous", np.r_[np.inf, w["age"][1:]])], **given)
    with pytest.raises(errors.CodingError, match="imputations"):
        impute([Variable("age", "continuous", w["age"])], **given, imputations=1)
    with pytest.raises(errors.ShapeError):
        pool([0.1], [0.2])
    with pytest.raises(errors.CodingError, match="variances"):
        pool([0.1, 0.2], [0.2, 0.0])


def test_effects_of_different_kinds_are_not_pooled() -> None:
    frames = [pl.DataFrame({"k": [k]}) for k in range(2)]

    def analyse(frame: pl.DataFrame) -> Effect:
        return wald_effect(
            0.1,
            0.1,
            analysis="matched_cox",
            measure="hr",
            n=10,
            n_exposed=5,
            events=5,
            estimand="ATT" if frame["k"][0] else "matched_set",
            effect_type="marginal",
            method="",
        )

    with pytest.raises(errors.CodingError, match="estimand"):
        pool_effects(frames, analyse)


def test_a_missing_value_is_no_level_when_rows_are_sorted() -> None:
    w = world(60, 3)
    twin = {name: np.repeat(values, 2) for name, values in w.items()}  # alike but for what is known of them
    first = np.arange(120) % 2 == 0
    stage = np.where(np.arange(120) < 80, np.nan, twin["stage"])
    grade = np.where(first & (np.arange(120) < 80), np.nan, np.arange(120) // 2 % 3 > 0)
    swapped = np.arange(120).reshape(-1, 2)[:, ::-1].ravel()

    def drawn(rows: np.ndarray) -> np.ndarray:
        found = impute(
            [Variable("grade", "binary", grade[rows]), Variable("stage", "binary", stage[rows])],
            exposure=twin["exposure"][rows],
            event=twin["event"][rows],
            time=twin["time"][rows],
            imputations=2,
            rounds=2,
        )
        return found.complete[0]["stage"]

    assert np.array_equal(drawn(np.arange(120))[swapped], drawn(swapped))


def test_more_coefficients_than_events_leave_nothing_to_pool() -> None:
    for n in (5, 3):
        with pytest.raises(errors.TooFewEventsError) as caught:
            pool([0.1, 0.2, 0.3], [0.04] * 3, n=n, n_parameters=5)
        assert (caught.value.field, caught.value.count) == ("n", n)


def test_nothing_to_pool_and_a_seed_below_zero_are_named() -> None:
    with pytest.raises(errors.ShapeError) as caught:
        pool_effects([], lambda frame: cox(frame, "stage"))
    assert caught.value.field == "completed"
    with pytest.raises(errors.CodingError) as refused:
        imputed(world(60, 1), seed=-1)
    assert refused.value.field == "seed"


def grade(values: object, reason: object = None) -> Imputations:
    w = world(60, 4)
    outcome = {name: w[name] for name in ("exposure", "event", "time")}
    return impute([Variable("grade", "categorical", values, reason)], **outcome, imputations=2, rounds=1)


def test_numbers_stay_numbers_beside_a_level_that_is_text() -> None:
    values = [1, 2, None] * 20
    found = grade(values, ["", "", "not_collected"] * 20)
    assert found.complete[0]["grade"].tolist() == [1, 2, "not_collected"] * 20
    frame = next(found.frames())
    assert frame["grade"].to_list() == ["1", "2", "not_collected"] * 20


def test_nan_in_a_list_of_text_and_what_a_mask_hides_are_missing() -> None:
    found = grade(["a", "b", float("nan")] * 20)
    assert found.missing == {"grade": 20}
    assert set(found.complete[0]["grade"]) == {"a", "b"}
    hidden = np.ma.masked_array(np.array(["a", "b", "c"] * 20), mask=[False, False, True] * 20)
    assert grade(hidden).missing == {"grade": 20}


def test_whole_and_other_numbers_are_numbers_in_a_frame() -> None:
    assert next(grade([1, 2.5, None] * 20).frames())["grade"].dtype == pl.Float64
