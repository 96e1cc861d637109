"""What must hold of curves, life tables and rank tests whatever the data."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipelines.stats.errors import EmptyArmError, NoEventsError, RiskSetError
from pipelines.stats.kaplan_meier import kaplan_meier, reverse_kaplan_meier
from pipelines.stats.kaplan_meier.comparisons import paired_logrank
from pipelines.stats.kaplan_meier.life_table import life_table
from pipelines.stats.kaplan_meier.logrank import SCHEMES, logrank
from pipelines.stats.kaplan_meier.restricted_mean import restricted_mean_survival
from pipelines.stats.kaplan_meier.truncation import quasi_independence_test
from pipelines.stats.relative_survival import PopulationTable, relative_survival

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=30, deadline=None, derandomize=True)
N = 80


@dataclass
class People:
    """Made-up survival data, in whole months or not."""

    time: np.ndarray
    event: np.ndarray
    arm: np.ndarray
    entry: np.ndarray
    weights: np.ndarray
    strata: np.ndarray
    rng: np.random.Generator


def people(seed: int) -> People:
    rng = np.random.default_rng(seed)
    time = rng.exponential(12, N) + 0.1
    time = np.ceil(time) if rng.random() < 0.7 else time
    return People(
        time=time,
        event=rng.random(N) < 0.7,
        arm=rng.random(N) < 0.5,
        entry=np.floor(time * rng.random(N) * 0.5),
        weights=rng.choice([0.3, 1.0, 1.7], N),
        strata=rng.choice(["a", "b"], N),
        rng=rng,
    )


@FEW
@given(seed=SEEDS)
def test_without_censoring_the_curve_is_one_minus_the_distribution_function(seed: int) -> None:
    d = people(seed)
    curve = kaplan_meier(d.time, np.ones(N)).curves[0]
    assert_allclose(curve.survival, [np.mean(d.time > t) for t in curve.time], rtol=1e-10, atol=1e-15)
    mean = restricted_mean_survival(d.time, np.ones(N), float(d.time.max())).means[0]
    assert_allclose(mean.mean, d.time.mean(), rtol=1e-12)
    assert_allclose(mean.std_err, d.time.std() / np.sqrt(N), rtol=1e-10)


@FEW
@given(seed=SEEDS)
def test_weight_two_is_two_rows(seed: int) -> None:
    d = people(seed)
    twice = d.rng.random(N) < 0.5
    rows = np.concatenate([np.arange(N), np.flatnonzero(twice)])
    one = kaplan_meier(d.time, d.event, entry=d.entry, weights=1.0 + twice).to_frame()
    two = kaplan_meier(d.time[rows], d.event[rows], entry=d.entry[rows]).to_frame()
    assert_allclose(one.drop("group").to_numpy(), two.drop("group").to_numpy(), rtol=1e-10)
    counts = {"weights": 1.0 + twice, "variance": "hypergeometric"}
    weighted = logrank(d.time, d.event, d.arm, entry=d.entry, strata=d.strata, **counts)
    doubled = logrank(d.time[rows], d.event[rows], d.arm[rows], entry=d.entry[rows], strata=d.strata[rows])
    assert_allclose(weighted.statistic, doubled.statistic, rtol=1e-9)


@FEW
@given(seed=SEEDS)
def test_order_of_rows_does_not_change_a_bit_of_a_curve(seed: int) -> None:
    d = people(seed)
    order = d.rng.permutation(N)
    one = kaplan_meier(d.time, d.event, entry=d.entry, weights=d.weights, group=d.arm)
    two = kaplan_meier(
        d.time[order],
        d.event[order],
        entry=d.entry[order],
        weights=d.weights[order],
        group=d.arm[order],
    )
    exact = ["time", "n_risk", "n_event", "n_censor", "survival"]
    assert_array_equal(one.to_frame().select(exact).to_numpy(), two.to_frame().select(exact).to_numpy())
    assert_allclose(one.to_frame()["lower"], two.to_frame()["lower"], rtol=1e-10)
    means = [
        restricted_mean_survival(d.time[o], d.event[o], 5, weights=d.weights[o]).means[0].std_err
        for o in (np.arange(N), order)
    ]
    assert_allclose(means[0], means[1], rtol=1e-10)


@FEW
@given(seed=SEEDS, scheme=st.sampled_from(SCHEMES), weighted=st.booleans())
def test_order_of_rows_does_not_change_a_rank_test(seed: int, scheme: str, weighted: bool) -> None:
    d = people(seed)
    order = d.rng.permutation(N)
    options = {"entry": d.entry, "strata": d.strata} | ({"weights": d.weights} if weighted else {})
    shuffled = {name: values[order] for name, values in options.items()}
    one = logrank(d.time, d.event, d.arm, scheme=scheme, **options)
    two = logrank(d.time[order], d.event[order], d.arm[order], scheme=scheme, **shuffled)
    assert_allclose(one.statistic, two.statistic, rtol=1e-10)


@FEW
@given(seed=SEEDS, robust=st.booleans())
def test_one_stratum_is_no_stratum_and_entry_at_zero_is_no_entry(seed: int, robust: bool) -> None:
    d = people(seed)
    variance = "robust" if robust else "hypergeometric"
    plain = logrank(d.time, d.event, d.arm, variance=variance)
    same = logrank(d.time, d.event, d.arm, strata=["all"] * N, entry=np.zeros(N), variance=variance)
    assert_allclose(same.statistic, plain.statistic, rtol=1e-10)
    assert_allclose(plain.observed.sum(), plain.expected.sum(), rtol=1e-10)


@FEW
@given(seed=SEEDS)
def test_equal_weights_make_the_weighted_logrank_test_the_plain_one(seed: int) -> None:
    d = people(seed)
    plain = logrank(d.time, d.event, d.arm)
    xie_liu = logrank(d.time, d.event, d.arm, weights=np.full(N, 2.5), variance="xie-liu")
    assert_allclose(xie_liu.statistic, plain.statistic, rtol=1e-9)


@FEW
@given(seed=SEEDS)
def test_stratified_test_of_pairs_counts_who_dies_first(seed: int) -> None:
    d = people(seed)
    arm, pair = np.repeat([0, 1], N // 2), np.tile(np.arange(N // 2), 2)
    first, second = (slice(0, N // 2), slice(N // 2, N))
    one = np.sum(d.event[first] & (d.time[first] < d.time[second]))
    two = np.sum(d.event[second] & (d.time[second] < d.time[first]))
    # Of two who leave together, only one of whom dies, the other is still at risk.
    tied = d.time[first] == d.time[second]
    one += np.sum(tied & d.event[first] & ~d.event[second])
    two += np.sum(tied & d.event[second] & ~d.event[first])
    test = paired_logrank(d.time, d.event, arm, pair)
    assert_allclose(test.statistic, (one - two) ** 2 / (one + two), rtol=1e-9)


@FEW
@given(seed=SEEDS)
def test_fast_jackknife_equals_leaving_weight_off_by_a_little(seed: int) -> None:
    d = people(seed)
    cluster = d.rng.integers(0, 20, N)
    options = {"entry": d.entry, "cluster": cluster}
    curve = kaplan_meier(d.time, d.event, weights=d.weights, **options).curves[0]
    step, change = 1e-6, []
    for c in np.unique(cluster):
        up, down = (d.weights * (1 + s * step * (cluster == c)) for s in (1, -1))
        high, low = (
            kaplan_meier(d.time, d.event, weights=w, entry=d.entry, robust=False) for w in (up, down)
        )
        change.append((high.curves[0].survival - low.curves[0].survival) / (2 * step))
    slow = np.sqrt(np.sum(np.square(change), axis=0))
    assert_allclose(curve.survival_std_err, slow, rtol=1e-4, atol=1e-8)


@FEW
@given(seed=SEEDS)
def test_conditional_tau_equals_a_look_at_every_pair(seed: int) -> None:
    d = people(seed)
    try:
        found = quasi_independence_test(d.time, d.event, d.entry)
    except (NoEventsError, RiskSetError):
        reject()
    concordant, pairs, variance = 0.0, 0.0, 0.0
    for t in np.unique(d.time[d.event]):
        at_risk, dying = (d.entry < t) & (d.time >= t), (d.time == t) & d.event
        entries, n, deaths = d.entry[at_risk], at_risk.sum(), dying.sum()
        later = np.sign(entries[None, :] - entries[:, None]).sum(axis=1)
        concordant += later[dying[at_risk]].sum()
        pairs += deaths * (n - deaths) + deaths * (deaths - 1) / 2
        variance += deaths * (n - deaths) / max(n - 1, 1) * np.mean(later**2)
    assert found.pairs == pairs
    assert_allclose(found.tau, concordant / pairs, atol=1e-12)
    assert_allclose(found.statistic, concordant / np.sqrt(variance), rtol=1e-10)


@FEW
@given(seed=SEEDS)
def test_life_table_without_censoring_is_the_share_alive(seed: int) -> None:
    d = people(seed)
    table = life_table(d.time, np.ones(N))[0]
    alive = [np.mean(d.time >= month) for month in table.to_month]
    assert_allclose(table.observed_cumulative, alive, atol=1e-12)
    assert table.died.sum() == N


@FEW
@given(seed=SEEDS)
def test_life_table_accounts_for_everybody(seed: int) -> None:
    d = people(seed)
    table = life_table(d.time, d.event, months_per_interval=3)[0]
    leaving = table.died + table.lost
    assert_array_equal(table.alive_at_start[1:], (table.alive_at_start - leaving)[:-1])
    assert leaving.sum() == N
    assert (np.diff(table.observed_cumulative) <= 0).all()


@FEW
@given(seed=SEEDS)
def test_reverse_curve_and_curve_multiply_to_the_share_still_watched(seed: int) -> None:
    d = people(seed)
    curve, reverse = kaplan_meier(d.time, d.event).curves[0], reverse_kaplan_meier(d.time, d.event)
    watched = [np.mean(d.time > t) for t in curve.time]
    assert_allclose(curve.survival * reverse.survival, watched, atol=1e-12)


@FEW
@given(seed=SEEDS, method=st.sampled_from(["pohar-perme", "ederer2", "ederer1"]))
def test_against_immortals_relative_survival_is_observed_survival(seed: int, method: str) -> None:
    d = people(seed)
    nobody_dies = PopulationTable(0, 2000, ("sex",), (("f",),), np.zeros((1, 100, 30)))
    fit = relative_survival(
        d.time,
        d.event,
        nobody_dies,
        age=d.rng.uniform(20, 80, N),
        diagnosed=d.rng.uniform(2001, 2010, N),
        factors={"sex": ["f"] * N},
        unit="months",
        method=method,
    ).curves[0]
    curve = kaplan_meier(d.time, d.event).curves[0]
    assert_allclose(fit.survival, curve.survival, atol=1e-12)
    assert_allclose(fit.expected, 1.0)


@FEW
@given(seed=SEEDS)
def test_many_strata_at_once_add_up_to_each_by_itself(seed: int) -> None:
    d = people(seed)
    stratum = d.rng.integers(0, 6, N)
    whole = logrank(d.time, d.event, d.arm, entry=d.entry, strata=stratum, rho=1)
    difference, variance = 0.0, 0.0
    for number in np.unique(stratum):
        own = stratum == number
        try:
            part = logrank(d.time[own], d.event[own], d.arm[own], entry=d.entry[own], rho=1)
        except (EmptyArmError, NoEventsError):
            continue
        difference += part.observed[0] - part.expected[0]
        variance += part.variance[0, 0]
    assert_allclose(whole.variance[0, 0], variance, rtol=1e-9)
    assert_allclose(whole.observed[0] - whole.expected[0], difference, rtol=1e-8, atol=1e-10)


@FEW
@given(seed=SEEDS, method=st.sampled_from(["pohar-perme", "ederer2"]))
def test_cutting_follow_up_into_pieces_changes_no_relative_survival(seed: int, method: str) -> None:
    d = people(seed)
    table = PopulationTable(0, 2000, ("sex",), (("f",),), d.rng.uniform(0, 2e-4, (1, 110, 40)))
    age, year = d.rng.uniform(20, 80, N), d.rng.uniform(2001, 2010, N)
    cut = np.floor(d.time / 2)
    inside = cut > 0
    rows = np.concatenate([np.arange(N), np.flatnonzero(inside)])
    start = np.concatenate([np.zeros(N), cut[inside]])
    stop = np.concatenate([np.where(inside, cut, d.time), d.time[inside]])
    event = np.concatenate([d.event & ~inside, d.event[inside]])
    options = {"unit": "months", "method": method}
    whole = relative_survival(
        d.time, d.event, table, age=age, diagnosed=year, factors={"sex": ["f"] * N}, times=cut, **options
    ).curves[0]
    pieces = relative_survival(
        stop,
        event,
        table,
        age=age[rows],
        diagnosed=year[rows],
        factors={"sex": ["f"] * len(rows)},
        entry=start,
        **options,
    ).curves[0]
    last = whole.time[-1]
    assert_allclose(pieces.at([last])["survival"], whole.at([last])["survival"], rtol=1e-10)
    assert_allclose(pieces.std_err[-1], whole.std_err[-1], rtol=1e-10)


@FEW
@given(seed=SEEDS, method=st.sampled_from(["pohar-perme", "ederer2", "ederer1"]))
def test_order_of_rows_does_not_change_relative_survival(seed: int, method: str) -> None:
    d = people(seed)
    table = PopulationTable(0, 2000, ("sex",), (("f",), ("m",)), d.rng.uniform(0, 2e-4, (2, 110, 40)))
    age, year, sex = d.rng.uniform(20, 80, N), d.rng.uniform(2001, 2010, N), d.rng.choice(["f", "m"], N)
    found = [
        relative_survival(
            d.time[o],
            d.event[o],
            table,
            age=age[o],
            diagnosed=year[o],
            factors={"sex": sex[o]},
            unit="months",
            method=method,
            group=d.arm[o],
        ).to_frame()
        for o in (np.arange(N), d.rng.permutation(N))
    ]
    assert_allclose(found[0].drop("group").to_numpy(), found[1].drop("group").to_numpy(), rtol=1e-12)
