"""The simulation study: its simulator, its truths, its table, and the biases it is there to show."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulation.document import document
from benchmarks.simulation.estimators import ESTIMATORS, Analysis
from benchmarks.simulation.scenarios import Scenario, scenarios
from benchmarks.simulation.simulator import (
    assigned_surgery,
    draw_people,
    follow,
    planned_surgery,
    simulate,
    stream,
)
from benchmarks.simulation.study import Design, Found, run_study
from benchmarks.simulation.table import COLUMNS, chance_of_missing, markdown, summarise
from benchmarks.simulation.truth import TRUTHS, World

MANY = 60_000
BOTH = Scenario("C+I", 0.8, confounding=True, immortal=True)
TINY = Design(
    scenarios=scenarios(("C",)), replicates=11, people=200, bootstraps=0, truth_people=3_000, seed=3
)


def people(scenario: Scenario, n: int = MANY):
    return draw_people(scenario, n, np.random.default_rng(8))


def cohort(scenario: Scenario, n: int = MANY):
    drawn = people(scenario, n)
    return drawn, follow(drawn, planned_surgery(drawn, scenario), scenario.hazard_ratio)


def assert_as_many_as_expected(found: float, expected: float) -> None:
    """Within four standard errors of a count; rounding times up adds a tenth of a month at most."""
    assert abs(found - expected) < 4 * np.sqrt(expected) + 0.003 * expected


@pytest.mark.parametrize("late", [False, True])
def test_as_many_die_and_are_operated_as_the_hazards_say(late: bool) -> None:
    drawn, seen = cohort(replace(BOTH, late=late))
    surgery = np.where(seen.operated, seen.surgery_time, np.inf)
    before, after = np.minimum(seen.time, surgery), np.maximum(seen.time - surgery, 0)
    for group in (slice(None), drawn.covariates[:, 1] == 1, drawn.covariates[:, 0] > 1):
        hazard = drawn.death_hazard[group]
        expected = np.sum(hazard * (before[group] + 0.8 * after[group]))
        assert_as_many_as_expected(seen.event[group].sum(), expected)
        to_last = np.minimum(before, 8) + 0.3 * late * np.maximum(before - 8, 0)
        assert_as_many_as_expected(
            seen.operated[group].sum(), np.sum(drawn.surgery_hazard[group] * to_last[group])
        )
    assert (np.nanmax(seen.surgery_time) > 8) == late


def test_hazards_are_those_of_the_design() -> None:
    drawn = people(replace(BOTH, confounding=True))
    z, v, h = drawn.covariates.T
    np.testing.assert_allclose(drawn.death_hazard, 0.022 * np.exp(0.35 * z + 0.7 * v - 0.6 * h))
    np.testing.assert_allclose(drawn.surgery_hazard, 0.075 * np.exp(-0.2 - 0.5 * z - 0.9 * v + 0.6 * h))
    assert np.mean(v) == pytest.approx(0.4, abs=0.01)
    assert np.mean(h) == pytest.approx(0.6, abs=0.01)
    assert np.all(people(replace(BOTH, confounding=False)).surgery_hazard == 0.075)


def test_times_are_tenths_of_a_month_above_zero_and_surgery_comes_before_the_end() -> None:
    _, seen = cohort(BOTH)
    for time in (seen.time, seen.surgery_time[seen.operated]):
        np.testing.assert_array_equal(time, np.round(time, 1))
        assert time.min() >= 0.1
    assert np.all(seen.surgery_time[seen.operated] < seen.time[seen.operated])
    assert 24 < seen.time[~seen.event].min() < 24.3
    assert seen.time.max() <= 72


def test_without_immortal_time_the_same_people_are_operated_at_diagnosis() -> None:
    drawn, later = cohort(BOTH)
    at_once = replace(BOTH, immortal=False)
    now = follow(drawn, planned_surgery(drawn, at_once), 0.8)
    assert set(now.surgery_time[now.operated]) == {0}
    assert np.all(now.operated[later.operated])
    chance = -np.expm1(-8 * drawn.surgery_hazard)
    assert now.operated.mean() == pytest.approx(chance.mean(), abs=0.01)
    assert later.operated.sum() < now.operated.sum()


def test_surgery_without_an_effect_changes_nobodys_time() -> None:
    drawn = people(BOTH)
    operated = follow(drawn, planned_surgery(drawn, BOTH), 1.0)
    never = follow(drawn, np.full(MANY, np.inf), 1.0)
    np.testing.assert_array_equal(operated.time, never.time)


def test_occult_disease_is_operated_early_and_left_out_by_the_clinical_cohort() -> None:
    scenario = replace(BOTH, migration=True)
    drawn, seen = cohort(scenario)
    assert drawn.occult.mean() == pytest.approx(0.12, abs=0.01)
    early = seen.surgery_time[drawn.occult & seen.operated]
    assert (early.min(), early.max()) == (0.2, 1.0)
    plain = people(BOTH)
    np.testing.assert_allclose(drawn.death_hazard, np.where(drawn.occult, 0.4, 1) * plain.death_hazard)
    clinical = people(replace(scenario, clinical_only=True))
    assert len(clinical.occult) == MANY - drawn.occult.sum()
    assert not clinical.occult.any()


def test_what_is_unmeasured_moves_both_hazards_and_is_no_covariate() -> None:
    with_u, without = people(replace(BOTH, unmeasured=True)), people(BOTH)
    np.testing.assert_array_equal(with_u.covariates, without.covariates)
    death = np.log(with_u.death_hazard / without.death_hazard) / 0.6
    surgery = np.log(with_u.surgery_hazard / without.surgery_hazard) / -0.7
    np.testing.assert_allclose(death, surgery, atol=1e-9)
    assert np.std(death) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("grace", [3.0, 8.0, 12.0])
def test_assigned_surgery_keeps_the_timing_that_people_like_them_have(grace: float) -> None:
    scenario = replace(BOTH, late=True)
    drawn = people(scenario)
    operated, other = assigned_surgery(drawn, scenario, grace)
    assert np.all(operated <= grace)
    assert np.all(other > grace)
    natural = planned_surgery(drawn, scenario)
    inside = natural <= grace
    alike = drawn.covariates[:, 1] == 0
    # Among those operated by then the natural times have the assigned distribution, each weighted by chance.
    exposure = min(grace, 8) + 0.3 * max(grace - 8, 0)
    chance = -np.expm1(-drawn.surgery_hazard * exposure)
    expected = np.average(operated[alike], weights=chance[alike])
    assert natural[inside & alike].mean() == pytest.approx(expected, abs=0.05)


def test_a_replicate_depends_on_its_number_and_nothing_else() -> None:
    def draw(name: str):
        return simulate(BOTH, 50, stream(1, BOTH, name)).time.tolist()

    assert draw("replicate 7") == draw("replicate 7")
    assert draw("replicate 7") != draw("replicate 8")
    assert len({stream(1, s, "x").integers(2**40) for s in scenarios()}) == len(scenarios())


def test_truths_are_those_that_were_put_in_or_nearer_one() -> None:
    """Without effect all are 1; marginal ratios are nearer 1 than conditional ones, grace nearer still."""
    world = World(BOTH, 2, 30_000)
    found = {name: np.exp(truth.log_hazard_ratio(world)) for name, truth in TRUTHS.items()}
    for name in ("given z, v, h", "time-varying", "time-varying, window"):
        assert found[name] == pytest.approx(0.8)
    for name in ("everybody", "treated", "overlap", "matched closest", "matched largest"):
        assert 0.805 < found[name] < 0.83
    assert found["everybody"] < found["grace"] < 0.86
    assert found["landmark 12"] == pytest.approx(0.8, abs=0.02)
    assert found["landmark 8"] < found["landmark 6"] < found["landmark 3"]
    nothing = World(replace(BOTH, hazard_ratio=1.0), 2, 10)
    assert {truth.log_hazard_ratio(nothing) for truth in TRUTHS.values()} == {0.0}
    assert {estimator.truth for estimator in ESTIMATORS} == set(TRUTHS)


def test_the_known_biases_appear_in_twenty_replicates() -> None:
    labels = ("naive", "adjusted naive", "time-varying", "landmark 6", "clone-censor-weight")
    chosen = {estimator.label: estimator for estimator in ESTIMATORS if estimator.label in labels}

    def ratios(scenario: Scenario) -> dict[str, float]:
        rng = np.random.default_rng(5)
        analyses = [Analysis(simulate(scenario, 3_000, rng)) for _ in range(20)]
        return {
            label: float(np.exp(np.mean([chosen[label].estimate(a).log_estimate for a in analyses])))
            for label in labels
        }

    immortal, both = ratios(Scenario("I", immortal=True)), ratios(replace(BOTH, hazard_ratio=1.0))
    assert 0.74 < immortal["naive"] < 0.84
    assert both["naive"] < 0.6
    assert 0.76 < both["adjusted naive"] < 0.86
    for label in labels[2:]:
        assert immortal[label] == pytest.approx(1, abs=0.04)
        assert both[label] == pytest.approx(1, abs=0.04)


def test_a_row_is_judged_by_bias_and_coverage_against_its_own_truth() -> None:
    estimate = np.array([-0.01, 0.03, np.nan, 0.01])
    values = np.column_stack([estimate, np.full(4, 0.02), estimate - 0.04, estimate + 0.04])
    values[2] = np.nan
    found = Found(BOTH, ESTIMATORS[0], 0.0, values, "ATE", "marginal")
    row = summarise(found)
    assert row.mean == pytest.approx(0.01)
    assert row.spread == pytest.approx(0.02)
    assert row.monte_carlo == pytest.approx(0.02 / np.sqrt(3))
    assert (row.coverage, row.rejected, row.failed) == (1, 0, 0.25)
    assert row.verdict == "pass"
    assert summarise(replace(found, truth=0.03)).verdict == "fails: bias"
    assert summarise(replace(found, truth=-0.02)).verdict == "fails: bias, coverage"
    assert summarise(replace(found, values=np.full((2, 4), np.nan))).verdict == "fails: bias, coverage"
    assert chance_of_missing(500) == pytest.approx(0.0178, abs=0.005)


def test_a_table_has_a_cell_under_every_head() -> None:
    lines = markdown(COLUMNS, [["x"] * len(COLUMNS)]).splitlines()
    assert [line.count("|") for line in lines] == [len(COLUMNS) + 1] * 3


def test_the_document_is_the_same_with_any_number_of_workers() -> None:
    made = [
        document(TINY, [summarise(f) for f in run_study(TINY, workers, lambda *_: None)], "run", "Quickly.")
        for workers in (1, 2)
    ]
    assert made[0] == made[1]
    for heading in ("# Validation by simulation", "## At a glance", "## Whose truth", "### C"):
        assert f"{heading}\n" in made[0]
    assert "| C | 0.8 | clone-censor-weight | per_protocol | marginal |" in made[0]
    assert "nan" not in made[0]
