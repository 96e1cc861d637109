"""Plasmode simulation: the people it draws are like those it was fitted to, and what it refuses."""

import numpy as np
import pytest

from pipelines.stats.effect import Effect
from pipelines.stats.errors import CodingError, EmptyArmError, ReplicateError
from pipelines.stats.immortal_time import (
    PlasmodeModel,
    SimulatedPeople,
    ever_never,
    fit_plasmode,
    simulate,
    time_varying,
)

N = 4000


@pytest.fixture(scope="module")
def observed() -> SimulatedPeople:
    """People of whom a tenth are operated on at once, others within ten months, and who are lost now and then."""
    draw = np.random.default_rng(11)
    x = draw.normal(size=N)
    planned = np.where(draw.random(N) < 0.1, 0.0, draw.exponential(1 / (0.05 * np.exp(-0.6 * x))))
    planned = np.where(planned <= 10, planned, 1e9)
    death, lost = draw.exponential(1 / (0.03 * np.exp(0.5 * x))), draw.uniform(5, 80, N)
    time = np.minimum(death, lost)
    return SimulatedPeople(time, death <= lost, np.where(planned <= time, planned, np.nan), x[:, None])


@pytest.fixture(scope="module")
def model(observed: SimulatedPeople) -> PlasmodeModel:
    return fit_plasmode(*observed.arguments)


def drawn(model: PlasmodeModel, hazard_ratio: float = 1.0) -> SimulatedPeople:
    return model.draw(np.random.default_rng(3), 20_000, hazard_ratio)


def test_nobody_is_operated_on_after_death_or_loss(model: PlasmodeModel) -> None:
    people = drawn(model)
    operated = np.isfinite(people.surgery_time)
    assert 0.2 < operated.mean() < 0.5
    assert np.all(people.surgery_time[operated] <= people.time[operated])


def test_the_drawn_are_like_the_observed(model: PlasmodeModel, observed: SimulatedPeople) -> None:
    people = drawn(model)
    for at in (6, 12, 24, 48):
        assert np.mean(people.time > at) == pytest.approx(np.mean(observed.time > at), abs=0.025)
    assert np.mean(people.event) == pytest.approx(np.mean(observed.event), abs=0.025)
    for low, high in ((-1.0, 0.0), (0.0, 3.0), (3.0, 10.0)):
        share, wanted = (
            np.mean((one.surgery_time > low) & (one.surgery_time <= high)) for one in (people, observed)
        )
        assert share == pytest.approx(wanted, abs=0.02)


def test_an_effect_that_is_asked_for_is_in_the_draw(model: PlasmodeModel) -> None:
    found = time_varying(*drawn(model, 0.5).arguments).effect
    assert abs(np.log(found.estimate / 0.5)) < 3.5 * found.std_err


def test_the_scores_leave_no_confounding_and_without_them_there_is_some(model: PlasmodeModel) -> None:
    people = drawn(model)
    adjusted = time_varying(*people.arguments).effect
    crude = time_varying(people.time, people.event, people.surgery_time).effect
    assert abs(np.log(adjusted.estimate)) < 3.5 * adjusted.std_err
    assert abs(np.log(crude.estimate)) > 3.5 * crude.std_err


def naive(people: SimulatedPeople) -> Effect:
    return ever_never(*people.arguments).effect


class Fails:
    """A method that fails on some of its data sets."""

    def __init__(self, every: int) -> None:
        self.every, self.calls = every, 0

    def __call__(self, people: SimulatedPeople) -> Effect:
        self.calls += 1
        if self.calls % self.every == 0:
            raise EmptyArmError("Nobody", field="x", count=0, remedy="Look.")
        return naive(people)


def test_a_data_set_that_cannot_be_analysed_is_counted_and_left_out(model: PlasmodeModel) -> None:
    found = simulate(model, {"one": Fails(20), "other": naive}, replicates=20, size=300, seed=1)
    assert (found["one"].failed, found["other"].failed) == (1, 0)
    assert found["one"].replicates == 20


def test_a_method_that_fails_too_often_is_no_result(model: PlasmodeModel) -> None:
    with pytest.raises(ReplicateError, match="one"):
        simulate(model, {"one": Fails(3)}, replicates=12, size=300, seed=1)


@pytest.mark.parametrize("wrong", [{"replicates": 1}, {"size": 1}, {"hazard_ratio": 0.0}])
def test_too_few_replicates_or_people_and_a_ratio_of_zero_are_refused(
    wrong: dict[str, float], model: PlasmodeModel
) -> None:
    settings = {"replicates": 3, "size": 300, "hazard_ratio": 1.0, **wrong}
    with pytest.raises(CodingError):
        simulate(model, {"naive": naive}, seed=1, **settings)  # type: ignore[arg-type]  # as named


def test_people_of_whom_nobody_is_operated_on_have_no_model(observed: SimulatedPeople) -> None:
    with pytest.raises(EmptyArmError):
        fit_plasmode(observed.time, observed.event, np.full(N, np.nan), observed.scores)


def test_people_of_whom_nobody_is_lost_are_followed_to_the_longest_of_them() -> None:
    draw = np.random.default_rng(2)
    time = draw.exponential(20, 500)
    surgery = np.where(time > 2, 1.0 + draw.random(500), np.nan)
    surgery[::2] = np.nan
    model = fit_plasmode(time, np.ones(500), surgery, draw.normal(size=(500, 1)))
    people = model.draw(np.random.default_rng(1), 1000, 1.0)
    assert people.time.max() <= time.max()
    assert people.event.mean() > 0.95
