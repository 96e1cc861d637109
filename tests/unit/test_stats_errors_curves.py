"""Curves, rank tests and life tables refuse what they cannot answer: by field, count and remedy."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from pipelines.stats import errors
from pipelines.stats.kaplan_meier import completeness_of_follow_up, kaplan_meier, reverse_kaplan_meier
from pipelines.stats.kaplan_meier.comparisons import paired_logrank, pairwise_logrank
from pipelines.stats.kaplan_meier.conditional import conditional_survival, landmark_survival
from pipelines.stats.kaplan_meier.life_table import life_table, life_table_of_counts
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.kaplan_meier.restricted_mean import restricted_mean_survival
from pipelines.stats.kaplan_meier.truncation import quasi_independence_test
from pipelines.stats.relative_survival import population_table, relative_survival
from pipelines.stats.relative_survival.life_table import relative_to
from pipelines.stats.relative_survival.standardise import ICSS, age_classes, standardised_survival

N = 100
RNG = np.random.default_rng(4)
TIME = np.ceil(RNG.exponential(20, N))
EVENT = RNG.random(N) < 0.6
ARM = np.arange(N) % 2
AGE = RNG.uniform(40, 80, N)
HOLE = np.where(np.arange(N) == 7, np.nan, TIME)
TABLE = pl.DataFrame(
    [
        {"age": age, "year": year, "sex": sex, "hazard_per_year": 0.01}
        for age in range(30, 100)
        for year in range(2000, 2011)
        for sex in ("f", "m")
    ]
)
POPULATION = population_table(TABLE)


def relative(**changes: object) -> object:
    given = {
        "time": np.minimum(TIME, 24),
        "event": EVENT,
        "population": POPULATION,
        "age": AGE,
        "diagnosed": np.full(N, 2005.5),
        "factors": {"sex": np.where(ARM == 1, "f", "m")},
        "unit": "months",
    }
    return relative_survival(**(given | changes))


CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "km: a hole in the times": (lambda: kaplan_meier(HOLE, EVENT), errors.NonFiniteError, "time", 1),
    "km: too few at risk at any time": (
        lambda: kaplan_meier([5, 6, 20], [1, 1, 1], entry=[4, 4, 10], minimum_at_risk=3),
        errors.RiskSetError,
        "minimum_at_risk",
        2,
    ),
    "km: a minimum of nobody": (
        lambda: kaplan_meier(TIME, EVENT, minimum_at_risk=0),
        errors.CodingError,
        "minimum_at_risk",
        None,
    ),
    "km: clusters that are to be ignored": (
        lambda: kaplan_meier(TIME, EVENT, cluster=ARM, robust=False),
        errors.CodingError,
        "robust",
        None,
    ),
    "km: a group that is all one cluster": (
        lambda: kaplan_meier(TIME, EVENT, group=ARM, cluster=ARM),
        errors.EmptyArmError,
        "cluster",
        1,
    ),
    "log-rank: one cluster": (
        lambda: logrank(TIME, EVENT, ARM, cluster=np.ones(N)),
        errors.EmptyArmError,
        "cluster",
        1,
    ),
    "reverse km: event coded 1 and 2": (
        lambda: reverse_kaplan_meier(TIME, EVENT + 1),
        errors.CodingError,
        "event",
        None,
    ),
    "completeness: followed beyond the end": (
        lambda: completeness_of_follow_up(TIME, EVENT, np.where(ARM == 1, 0.5, 1e3)),
        errors.CodingError,
        "potential",
        50,
    ),
    "completeness: no time at all": (
        lambda: completeness_of_follow_up([0, 0], [0, 0], [0, 0]),
        errors.CodingError,
        "potential",
        None,
    ),
    "completeness: all die at once": (
        lambda: completeness_of_follow_up([0, 0, 0], [1, 1, 1], [1, 2, 3]),
        errors.CodingError,
        "time",
        None,
    ),
    "log-rank: a negative power": (
        lambda: logrank(TIME, EVENT, ARM, rho=-1),
        errors.CodingError,
        "rho",
        None,
    ),
    "log-rank: powers of a scheme without": (
        lambda: logrank(TIME, EVENT, ARM, scheme="gehan", gamma=1),
        errors.CodingError,
        "gamma",
        None,
    ),
    "log-rank: clusters under a variance that ignores them": (
        lambda: logrank(TIME, EVENT, ARM, cluster=ARM, variance="hypergeometric"),
        errors.CodingError,
        "variance",
        None,
    ),
    "log-rank: Xie and Liu of three groups": (
        lambda: logrank(TIME, EVENT, np.arange(N) % 3, variance="xie-liu"),
        errors.CodingError,
        "variance",
        None,
    ),
    "log-rank: weight below zero": (
        lambda: logrank(TIME, EVENT, ARM, weights=np.where(ARM == 1, -1, 1)),
        errors.WeightError,
        "weights",
        50,
    ),
    "log-rank: arms in strata of their own": (
        lambda: logrank(TIME, EVENT, ARM, strata=ARM),
        errors.EmptyArmError,
        "group",
        None,
    ),
    "log-rank: a trend without an order": (
        lambda: logrank(TIME, EVENT, ARM).trend([1, 1]),
        errors.CodingError,
        "scores",
        None,
    ),
    "pairs: three groups": (
        lambda: paired_logrank(TIME, EVENT, np.arange(N) % 3, np.arange(N) // 3),
        errors.EmptyArmError,
        "group",
        3,
    ),
    "pairs: people without a partner": (
        lambda: paired_logrank(TIME, EVENT, ARM, np.arange(N)),
        errors.CodingError,
        "pair",
        N,
    ),
    "pairs: nobody dies": (
        lambda: paired_logrank(TIME, np.zeros(N), ARM, np.arange(N) // 2),
        errors.NoEventsError,
        "event",
        None,
    ),
    "pairwise: one group": (
        lambda: pairwise_logrank(TIME, EVENT, np.ones(N)),
        errors.EmptyArmError,
        "group",
        None,
    ),
    "restricted mean: beyond follow-up": (
        lambda: restricted_mean_survival([1, 2, 9, 10], [1, 0, 1, 0], 5, group=[0, 0, 1, 1]),
        errors.BeyondFollowUpError,
        "tau",
        None,
    ),
    "restricted mean: beyond a curve's last time": (
        lambda: kaplan_meier([1, 2], [1, 0]).curves[0].restricted_mean(3),
        errors.BeyondFollowUpError,
        "tau",
        None,
    ),
    "restricted mean: no horizon": (
        lambda: restricted_mean_survival(TIME, EVENT, 0),
        errors.CodingError,
        "tau",
        None,
    ),
    "restricted mean: a horizon that is no number": (
        lambda: restricted_mean_survival(TIME, EVENT, np.nan),
        errors.NonFiniteError,
        "tau",
        1,
    ),
    "restricted mean: nobody dies before it": (
        lambda: restricted_mean_survival([5, 6, 7, 8], [1, 1, 1, 1], 4, group=[0, 1, 0, 1]),
        errors.NoEventsError,
        "tau",
        None,
    ),
    "restricted mean: both arms die at once": (
        lambda: restricted_mean_survival([2, 2, 2, 2], [1, 1, 1, 1], 4, group=[0, 1, 0, 1]),
        errors.NoEventsError,
        "tau",
        None,
    ),
    "restricted mean: Greenwood's error of a robust curve": (
        lambda: kaplan_meier(TIME, EVENT, robust=True).curves[0].restricted_mean(5),
        errors.CodingError,
        "robust",
        None,
    ),
    "landmark: an arm that is gone": (
        lambda: landmark_survival([1, 2, 9, 9], [1, 1, 1, 0], 3, group=[0, 0, 1, 1]),
        errors.EmptyArmError,
        "landmark",
        1,
    ),
    "landmark: below zero": (
        lambda: landmark_survival(TIME, EVENT, -1),
        errors.CodingError,
        "landmark",
        None,
    ),
    "conditional survival: looking back": (
        lambda: conditional_survival(TIME, EVENT, given=[1], ahead=[-1]),
        errors.CodingError,
        "ahead",
        None,
    ),
    "entry: nobody dies": (
        lambda: quasi_independence_test(TIME, np.zeros(N), np.zeros(N)),
        errors.NoEventsError,
        "event",
        None,
    ),
    "entry: not given": (
        lambda: quasi_independence_test(TIME, EVENT, None),
        errors.CodingError,
        "entry",
        None,
    ),
    "entry: all enter together": (
        lambda: quasi_independence_test(TIME, EVENT, np.zeros(N)),
        errors.RiskSetError,
        "entry",
        None,
    ),
    "life table: no intervals": (
        lambda: life_table(TIME, EVENT, intervals=0),
        errors.CodingError,
        "intervals",
        None,
    ),
    "life table: half an interval": (
        lambda: life_table(TIME, EVENT, intervals=2.5),
        errors.CodingError,
        "intervals",
        None,
    ),
    "life table: intervals in words": (
        lambda: life_table(TIME, EVENT, intervals="five"),
        errors.CodingError,
        "intervals",
        None,
    ),
    "life table: parts of people": (
        lambda: life_table_of_counts([10, 3], [5.6, 1], [1.4, 0]),
        errors.CodingError,
        "alive_at_start, died, lost",
        1,
    ),
    "life table: people who come from nowhere": (
        lambda: life_table_of_counts([10, 50], [3, 4], [2, 2]),
        errors.CodingError,
        "alive_at_start, died, lost",
        1,
    ),
    "life table: intervals of no length": (
        lambda: life_table(TIME, EVENT, months_per_interval=0),
        errors.CodingError,
        "months_per_interval",
        None,
    ),
    "life table: more leave than there are": (
        lambda: life_table_of_counts([10, 5], [3, 4], [2, 2]),
        errors.CodingError,
        "alive_at_start, died, lost",
        1,
    ),
    "life table: percents": (
        lambda: relative_to(life_table_of_counts([10], [3], [2]), [98.0]),
        errors.CodingError,
        "expected_interval",
        1,
    ),
    "population: a cell is missing": (
        lambda: population_table(TABLE[1:]),
        errors.PopulationTableError,
        "age, year, sex",
        1,
    ),
    "population: a row twice": (
        lambda: population_table(pl.concat([TABLE, TABLE[:3]])),
        errors.PopulationTableError,
        "age, year, sex",
        3,
    ),
    "population: a rate below zero": (
        lambda: population_table(TABLE.with_columns(-pl.col("hazard_per_year"))),
        errors.PopulationTableError,
        "hazard_per_year",
        TABLE.height,
    ),
    "population: rates of no unit": (
        lambda: population_table(TABLE.rename({"hazard_per_year": "rate"})),
        errors.PopulationTableError,
        "age, year, hazard_per_day, hazard_per_year, probability_of_death",
        None,
    ),
    "population: ages in words": (
        lambda: population_table(TABLE.with_columns(age=pl.lit("young"))),
        errors.PopulationTableError,
        "age",
        TABLE.height,
    ),
    "population: parts of years of age": (
        lambda: population_table(TABLE.with_columns(age=pl.col("age") + 0.5)),
        errors.PopulationTableError,
        "age",
        TABLE.height,
    ),
    "population: nobody by sex": (
        lambda: population_table(TABLE.filter(sex="f").drop("sex")),
        errors.PopulationTableError,
        "sex",
        None,
    ),
    "relative: a label the table does not have": (
        lambda: relative(factors={"sex": np.where(ARM == 1, "f", "male")}),
        errors.PopulationTableError,
        "sex",
        50,
    ),
    "relative: another factor": (
        lambda: relative(factors={"race": ARM}),
        errors.CodingError,
        "factors",
        None,
    ),
    "relative: followed beyond the table": (
        lambda: relative(diagnosed=np.where(ARM == 1, 2010.9, 2005.5)),
        errors.PopulationTableError,
        "year",
        int(np.count_nonzero(ARM * (np.minimum(TIME, 24) > 1.2))),
    ),
    "relative: younger than the table": (
        lambda: relative(age=np.where(ARM == 1, 20, AGE)),
        errors.PopulationTableError,
        "age",
        50,
    ),
    "relative: ages in days": (lambda: relative(age=AGE * 365), errors.CodingError, "age", N),
    "relative: no date": (
        lambda: relative(diagnosed=np.array(["2005-01-01"] * 99 + ["NaT"], dtype="datetime64[D]")),
        errors.NonFiniteError,
        "diagnosed",
        1,
    ),
    "relative: days as years": (
        lambda: relative(diagnosed=np.full(N, 12_000.0)),
        errors.CodingError,
        "diagnosed",
        N,
    ),
    "relative: late entry against all who were diagnosed": (
        lambda: relative(method="ederer1", entry=np.zeros(N)),
        errors.CodingError,
        "entry",
        None,
    ),
    "relative: unknown unit": (lambda: relative(unit="weeks"), errors.CodingError, "unit", None),
    "relative: read off beyond follow-up": (
        lambda: relative().at([999]),
        errors.BeyondFollowUpError,
        "times",
        1,
    ),
    "standard: a class that nobody is in": (
        lambda: standardised_survival(kaplan_meier(TIME, EVENT, group=["75+"] * N), [5], ICSS[1]),
        errors.EmptyArmError,
        "15-44, 45-54, 55-64, 65-74",
        4,
    ),
    "standard: a class without a weight": (
        lambda: standardised_survival(kaplan_meier(TIME, EVENT, group=["80+"] * N), [5], ICSS[1]),
        errors.CodingError,
        "weights",
        None,
    ),
    "standard: children": (lambda: age_classes([3, 50]), errors.CodingError, "age", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case: str) -> None:
    call, kind, field, count = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert type(error) is kind
    assert error.field == field
    assert error.remedy in str(error)
    if count is not None:
        assert error.count == count


def test_nobody_dying_is_a_curve_at_one_and_no_warning() -> None:
    curve = kaplan_meier(TIME, np.zeros(N)).curves[0]
    assert (curve.survival == 1).all()
    assert curve.median().estimate is None
    assert curve.restricted_mean(5) == (5, 0)


def test_everybody_censored_in_a_life_table() -> None:
    table = life_table([1, 2, 30], [0, 0, 0])[0]
    assert table.observed_cumulative.tolist() == [1, 1, 1]
    assert table.to_frame()["observed_cumulative_lower"].is_null().all()
