"""Relative survival equals R's relsurv, and life tables equal those that SEER*Stat printed."""

import numpy as np
import polars as pl
import pytest
from matches_r import FIXTURES, assert_matches_r, data, r_value

from pipelines.stats.kaplan_meier.life_table import life_table_of_counts
from pipelines.stats.relative_survival import (
    PopulationTable,
    RelativeSurvivalCurve,
    population_table,
    read_population_table,
    relative_survival,
)
from pipelines.stats.relative_survival.life_table import RelativeLifeTable, relative_to

DAYS_PER_YEAR = 365.241
HALF_A_UNIT = 0.55e-6  # of the last digit that SEER*Stat prints


def constant_table() -> PopulationTable:
    """The fixtures' hazards by sex alone."""
    hazards = pl.DataFrame({"sex": ["1", "2"], "hazard_per_day": [8e-5, 5e-5]})
    cells = pl.DataFrame({"age": [0]}).join(pl.DataFrame({"year": list(range(1990, 2021))}), how="cross")
    return population_table(cells.join(hazards, how="cross"))


def curve(
    table: PopulationTable, people: pl.DataFrame, method: str, times: np.ndarray | None = None
) -> RelativeSurvivalCurve:
    labels = people["sex"].cast(pl.String)
    sexes = labels if ("1",) in table.groups else labels.replace({"1": "male", "2": "female"})
    return relative_survival(
        people["time"],
        people["stat"],
        table,
        age=people["age"] / DAYS_PER_YEAR,
        diagnosed=np.datetime64("1960-01-01") + people["diag"].to_numpy().astype(int),
        factors={"sex": sexes.to_numpy()},
        method=method,
        times=times,
    ).curves[0]


def read_off(found: RelativeSurvivalCurve, times: list[float]) -> dict[str, object]:
    at = found.at(times)
    names = {"surv": "survival", "std_err": "std_err", "lower": "lower", "upper": "upper"}
    return {"time": times} | {theirs: at[ours] for theirs, ours in names.items()}


@pytest.mark.parametrize(("method", "rtol"), [("ederer1", 1e-10), ("ederer2", 1e-10), ("pohar-perme", 2e-6)])
def test_constant_hazard(method: str, rtol: float) -> None:
    """R's Pohar Perme averages over the days of an interval in a way of its own, hence 2e-6."""
    name = f"x_relative_survival_constant_{method.replace('-', '_')}"
    found = read_off(curve(constant_table(), data("colrec_sample"), method), r_value(name)["time"])
    actual = {key: found[key] for key in ("time", "surv", "std_err")}
    assert_matches_r(actual, name, rtol=rtol)


@pytest.mark.parametrize(("method", "rtol"), [("ederer1", 1e-6), ("ederer2", 1e-6)])
def test_life_table_of_the_united_states(method: str, rtol: float) -> None:
    """R asks for the hazard once every half an hour, we where a birthday or New Year changes it."""
    table = read_population_table(FIXTURES / "survexp_us_1994_2020.csv")
    expected = r_value("r_relative_survival_us")[method]
    found = read_off(curve(table, data("colrec_sample"), method), expected["time"])
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=rtol, err_msg=key)


def test_net_survival_in_steps_of_a_twentieth_of_a_day() -> None:
    """R takes the hazard of the start of each step, and short ones leave it little to be wrong by."""
    name = "r_net_survival_us_steps"
    table = read_population_table(FIXTURES / "survexp_us_1994_2020.csv")
    old = data("colrec_sample").filter(pl.col("age") > 75 * DAYS_PER_YEAR)
    found = curve(table, old, "pohar-perme", times=np.arange(1, 7301) * 0.05)
    assert_matches_r(read_off(found, r_value(name)["time"]), name, rtol=1e-6)


def test_net_survival_on_a_grid_of_days() -> None:
    """Half a day's delay of every birthday costs R up to 5e-5 in five years."""
    name = "r_net_survival_us_daily"
    table = read_population_table(FIXTURES / "survexp_us_1994_2020.csv")
    found = curve(table, data("colrec_sample"), "pohar-perme", times=np.arange(1, 1826))
    assert_matches_r(read_off(found, r_value(name)["time"]), name, rtol=5e-5)


def printed(group: str) -> tuple[dict[str, np.ndarray], RelativeLifeTable]:
    """What SEER*Stat printed for a group, and ours from its counts and expected survival."""
    rows = {
        name: np.array(values, dtype=float) for name, values in r_value("seerstat_life_table")[group].items()
    }
    table = life_table_of_counts(rows["alive_at_start"], rows["died"], rows["lost"])
    return rows, relative_to(table, rows["expected_interval"], never_rising=True)


@pytest.mark.parametrize("group", ["with_losses", "rising"])
def test_life_table_is_the_one_that_seerstat_printed(group: str) -> None:
    rows, ours = printed(group)
    frame = ours.to_frame()
    assert set(rows) <= set(frame.columns)
    for name, values in rows.items():
        # Expected survival is known to its printed digits only, and what is divided by it to twice them.
        slack = 1 if name.startswith("observed") else 2
        np.testing.assert_allclose(frame[name], values, atol=slack * HALF_A_UNIT, err_msg=name)


def test_relative_survival_that_rises_is_held_only_where_asked() -> None:
    rows, held = printed("rising")
    free = relative_to(held.observed, rows["expected_interval"])
    assert free.relative_interval.max() > 1
    assert (np.diff(free.relative_cumulative) > 0).any()
    assert (np.diff(held.relative_cumulative) <= 0).all()
