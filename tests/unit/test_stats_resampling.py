"""The bootstrap: the same numbers with any number of workers, failures counted, nothing silent."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipelines.stats import errors
from pipelines.stats.resampling import Bootstrap, bootstrap

RNG = np.random.default_rng(11)
VALUES = RNG.normal(3.0, 2.0, 60)
PEOPLE = np.repeat(np.arange(20), 3)  # three rows each


def mean(rows: np.ndarray, values: np.ndarray) -> list[float]:
    return [float(values[rows].mean())]


def solve(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Needs linear algebra, whose threads may not change its sums."""
    design = np.column_stack([np.ones(len(rows)), values[rows], values[rows] ** 2])
    return np.linalg.lstsq(design, np.sin(values[rows]), rcond=None)[0]


def needs_first_row(rows: np.ndarray) -> list[float]:
    """Cannot be estimated where the first row was not drawn: once in e times."""
    if 0 not in rows:
        raise errors.NoMatchError("None", remedy="none")
    return [float(len(np.unique(rows)))]


def divides_by_nothing(rows: np.ndarray) -> list[float]:
    return [1.0 / int(0 in rows)]


def run(estimate: object = None, **options: object) -> Bootstrap:
    given = {"replicates": 50, "seed": 4, **options}
    return bootstrap(estimate or partial(mean, values=VALUES), given.pop("n_units", 60), **given)


def test_two_workers_give_the_same_bits_as_one() -> None:
    one = run(partial(solve, values=VALUES), replicates=37)
    two = run(partial(solve, values=VALUES), replicates=37, workers=2)
    assert_array_equal(one.estimates, two.estimates)
    assert_array_equal(one.lower, two.lower)


def test_a_replicate_depends_on_the_seed_and_its_number_alone() -> None:
    few, many = run(replicates=10), run(replicates=50)
    assert_array_equal(few.estimates, many.estimates[:10])
    assert not np.array_equal(few.estimates, run(replicates=10, seed=5).estimates)


def test_the_error_of_a_mean_is_what_theory_says() -> None:
    found = run(replicates=4000)
    assert found.point[0] == VALUES.mean()
    assert found.std_err[0] == pytest.approx(VALUES.std() / np.sqrt(60), rel=0.04)
    assert found.lower[0] < VALUES.mean() < found.upper[0]


def test_limits_are_order_statistics_and_their_reflections() -> None:
    found = run(replicates=199, level=0.9)
    ordered = np.sort(found.estimates[:, 0])
    assert (found.lower[0], found.upper[0]) == pytest.approx((ordered[9], ordered[189]))  # 10th and 190th
    basic = run(replicates=199, level=0.9, kind="basic")
    assert_allclose(basic.lower, 2 * found.point - found.upper)
    assert_allclose(basic.upper, 2 * found.point - found.lower)
    normal = run(replicates=199, level=0.9, kind="normal")
    assert_allclose(normal.upper - normal.point, 1.6448536269514722 * normal.std_err)


def test_a_person_is_drawn_with_all_of_their_rows() -> None:
    seen: list[np.ndarray] = []

    def look(rows: np.ndarray) -> list[float]:
        seen.append(rows)
        return [1.0]

    run(look, n_units=20, units=PEOPLE, replicates=5)
    for rows in seen[1:]:
        assert len(rows) == 60
        assert_array_equal(rows.reshape(20, 3) % 3, np.tile([0, 1, 2], (20, 1)))
        assert len(np.unique(PEOPLE[rows])) < 20


def test_labelled_units_are_drawn_alike_whatever_the_order_of_the_rows() -> None:
    order = RNG.permutation(60)
    one = run(n_units=20, units=PEOPLE)
    two = run(partial(mean, values=VALUES[order]), n_units=20, units=PEOPLE[order])
    assert_allclose(one.estimates, two.estimates, rtol=1e-12)


def test_failed_replicates_are_counted_and_told() -> None:
    rare = partial(fails_when_small, values=VALUES)
    found = run(rare, replicates=200)
    assert found.failed == sum(count for _, count in found.failures) > 0
    assert {name for name, _ in found.failures} <= {"NoMatchError", "NaN"}
    assert len(found.estimates) == 200 - found.failed
    assert f"{found.failed} of 200" in found.notes[0]


def fails_when_small(rows: np.ndarray, values: np.ndarray) -> list[float]:
    draw = values[rows].mean()
    if draw < VALUES.mean() - 0.5:
        raise errors.NoMatchError("None", remedy="none")
    return [float("nan") if draw > VALUES.mean() + 0.6 else float(draw)]


def test_more_than_a_tenth_of_failures_is_refused() -> None:
    with pytest.raises(errors.ReplicateError, match="NoMatchError") as caught:
        run(needs_first_row)
    assert caught.value.count > 5


def test_an_error_that_is_not_ours_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        run(divides_by_nothing)


def test_too_few_replicates_for_percentiles_are_said() -> None:
    assert "too few" in run(replicates=10).notes[0]
    assert run(replicates=39).notes == ()
    assert run(replicates=10, kind="normal").notes == ()


def test_an_effect_of_a_ratio_is_on_its_own_scale_without_a_p_value() -> None:
    boot = run(replicates=100)
    effect = boot.effect(
        analysis="iptw_cox", measure="hr", n=60, n_exposed=20, events=9, estimand="ATE",
        effect_type="marginal", method="weights",
    )  # fmt: skip
    assert effect.estimate == pytest.approx(np.exp(boot.point[0]))
    assert effect.ci_high == pytest.approx(np.exp(boot.upper[0]))
    assert effect.std_err == boot.std_err[0]
    assert np.isnan(effect.p_value)
    assert "100 bootstrap replicates" in effect.method
    assert boot.to_frame()["failed"].to_list() == [0]


@pytest.mark.parametrize(
    ("options", "kind", "field"),
    [
        ({"replicates": 1}, errors.CodingError, "replicates"),
        ({"workers": 0}, errors.CodingError, "workers"),
        ({"seed": -1}, errors.CodingError, "seed"),
        ({"n_units": 1}, errors.CodingError, "n_units"),
        ({"kind": "bca"}, errors.CodingError, "kind"),
        ({"level": 95}, errors.CodingError, "level"),
        ({"units": PEOPLE}, errors.ShapeError, "units"),
        ({"units": np.where(PEOPLE == 3, np.nan, PEOPLE), "n_units": 20}, errors.NonFiniteError, "units"),
        ({"estimate": lambda rows: [0.0], "workers": 2}, errors.CodingError, "estimate"),
        ({"estimate": lambda rows: [np.nan]}, errors.ReplicateError, "estimate"),
        ({"estimate": lambda rows: rows[: len(np.unique(rows))]}, errors.ShapeError, "estimate"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(options: dict, kind: type, field: str) -> None:
    with pytest.raises(kind) as caught:
        run(**options)
    assert caught.value.field == field
    assert caught.value.remedy
