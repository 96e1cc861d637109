"""What must hold of every matching: calipers, each control once, the order of rows, what is nearest."""

from itertools import combinations, product

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipelines.stats.errors import NoMatchError
from pipelines.stats.matching import (
    ORDERS,
    SCALES,
    SPREADS,
    Matches,
    Strata,
    match_coarsened_exact,
    match_full,
    match_nearest,
    match_optimal,
    matched_cox,
    strata_cox,
    subclassify,
)

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=40, deadline=None, derandomize=True)


def lots(order: str) -> dict[str, int]:
    return {"seed": 7} if order == "random" else {}


def coarse(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Logits with many ties, and two arms."""
    rng = np.random.default_rng(seed)
    return rng.integers(-8, 9, n) / 4, rng.permutation(n) < max(2, int(n * rng.uniform(0.2, 0.6))), rng


@FEW
@given(
    seed=SEEDS,
    order=st.sampled_from(ORDERS),
    spread=st.sampled_from(SPREADS),
    scale=st.sampled_from(SCALES),
    ratio=st.integers(1, 3),
    by_covariates=st.booleans(),
)
def test_no_control_twice_and_no_pair_beyond_the_caliper(
    seed: int, order: str, spread: str, scale: str, ratio: int, by_covariates: bool
) -> None:
    rng = np.random.default_rng(seed)
    logit, treated = rng.normal(size=120), rng.random(120) < 0.35
    stratum = rng.integers(0, 2, 120)
    try:
        found = match_nearest(
            logit,
            treated,
            order=order,
            caliper=0.1,
            caliper_sd=spread,
            scale=scale,
            ratio=ratio,
            exact=stratum,
            mahalanobis=rng.normal(size=(120, 2)) if by_covariates else None,
            **lots(order),
        )
    except NoMatchError:
        assume(False)
    assert len(set(found.control_index)) == len(found.control_index)
    assert np.max(np.bincount(found.treated_index)) <= ratio
    assert treated[found.treated_index].all()
    assert not treated[found.control_index].any()
    score = logit if scale == "logit" else 1 / (1 + np.exp(-logit))
    gaps = np.abs(score[found.treated_index] - score[found.control_index])
    assert_allclose(found.score_distance, gaps, atol=2e-9)
    assert gaps.max() <= found.caliper_width + 2e-9
    assert_array_equal(stratum[found.treated_index], stratum[found.control_index])
    assert_array_equal(np.unique(found.pair_id), np.arange(found.n_matched_treated))


@FEW
@given(
    seed=SEEDS,
    order=st.sampled_from(ORDERS),
    ratio=st.integers(1, 2),
    replace=st.booleans(),
    by_covariates=st.booleans(),
)
def test_pairs_of_people_do_not_depend_on_the_order_of_rows(
    seed: int, order: str, ratio: int, replace: bool, by_covariates: bool
) -> None:
    logit, treated, rng = coarse(seed, 90)
    ids, rows = rng.permutation(90) + 1000, rng.permutation(90)
    x = rng.integers(0, 4, (90, 2)) if by_covariates else None
    options = {"order": order, "caliper": 0.5, "ratio": ratio, "replace": replace, **lots(order)}
    one = match_nearest(logit, treated, ids=ids, mahalanobis=x, **options)
    two = match_nearest(
        logit[rows], treated[rows], ids=ids[rows], mahalanobis=None if x is None else x[rows], **options
    )
    assert_same_people(one, two, ids, ids[rows])


@FEW
@given(
    seed=SEEDS,
    order=st.sampled_from([order for order in ORDERS if order != "data"]),
    replace=st.booleans(),
    by_covariates=st.booleans(),
)
def test_without_ids_the_order_of_rows_only_decides_between_twins(
    seed: int, order: str, replace: bool, by_covariates: bool
) -> None:
    rng = np.random.default_rng(seed)
    if by_covariates:  # scores tie, covariates do not
        logit, treated, x = rng.integers(-3, 4, 60) / 4, rng.random(60) < 0.4, rng.normal(size=(60, 2))
    else:  # everybody stands halfway between two people of the other arm
        logit, treated, x = np.arange(60) / 4, np.arange(60) % 2 == 0, None
    rows, people = rng.permutation(60), np.arange(60)
    options = {"order": order, "caliper": 0.5, "replace": replace, **lots(order)}
    one = match_nearest(logit, treated, mahalanobis=x, **options)
    two = match_nearest(logit[rows], treated[rows], mahalanobis=None if x is None else x[rows], **options)
    assert one.notes == two.notes == ()
    assert pairs(one) == sorted(
        zip(people[rows][two.treated_index].tolist(), people[rows][two.control_index].tolist(), strict=True)
    )


def assert_same_people(one: Matches, two: Matches, ids_one: np.ndarray, ids_two: np.ndarray) -> None:
    assert_array_equal(ids_one[one.treated_index], ids_two[two.treated_index])
    assert_array_equal(ids_one[one.control_index], ids_two[two.control_index])
    assert_array_equal(one.pair_id, two.pair_id)
    assert_array_equal(one.distance, two.distance)


@FEW
@given(seed=SEEDS, order=st.sampled_from(ORDERS[:4]), replace=st.booleans(), ratio=st.integers(1, 2))
def test_matching_equals_a_slow_search_of_all_pairs(seed: int, order: str, replace: bool, ratio: int) -> None:
    logit, treated, _ = coarse(seed, 50)
    found = match_nearest(
        logit,
        treated,
        order=order,
        replace=replace,
        ratio=ratio,
        caliper=0.6,
        caliper_sd="total",
        ids=np.arange(50),
    )
    distance = np.abs(logit[:, None] - logit[None, :])
    assert pairs(found) == slow_pairs(logit, distance, treated, order, replace, found.caliper_width, ratio)


@FEW
@given(seed=SEEDS, order=st.sampled_from(ORDERS[:4]), replace=st.booleans(), ratio=st.integers(1, 2))
def test_mahalanobis_matching_equals_a_slow_search_of_all_pairs(
    seed: int, order: str, replace: bool, ratio: int
) -> None:
    logit, treated, rng = coarse(seed, 50)
    x = rng.normal(size=(50, 2))
    found = match_nearest(
        logit,
        treated,
        order=order,
        replace=replace,
        ratio=ratio,
        caliper=0.6,
        mahalanobis=x,
        ids=np.arange(50),
    )
    centred = x - np.array([x[treated].mean(axis=0) if arm else x[~treated].mean(axis=0) for arm in treated])
    inverse = np.linalg.inv(centred.T @ centred / 48)
    gap = x[:, None] - x[None, :]
    distance = np.sqrt(np.einsum("ijk,kl,ijl->ij", gap, inverse, gap))
    distance[np.abs(logit[:, None] - logit[None, :]) > found.caliper_width] = np.inf
    assert pairs(found) == slow_pairs(logit, distance, treated, order, replace, 1e9, ratio)


def pairs(found: Matches) -> list[tuple[int, int]]:
    return sorted(zip(found.treated_index.tolist(), found.control_index.tolist(), strict=True))


def slow_pairs(
    logit: np.ndarray,
    distance: np.ndarray,
    treated: np.ndarray,
    order: str,
    replace: bool,
    width: float,
    ratio: int,
) -> list[tuple[int, int]]:
    """Greedy matching by looking at every pair every time; ties to the lower row, treated first."""
    free, found = set(np.flatnonzero(~treated).tolist()), []
    for _ in range(ratio):
        waiting = np.flatnonzero(treated).tolist()
        if order in ("largest", "smallest"):
            waiting.sort(key=lambda i: -logit[i] if order == "largest" else logit[i])
        while waiting:
            choosing = waiting if order == "closest" else waiting[:1]
            best = min(
                ((distance[i, j], i, j) for i in choosing for j in free if (i, j) not in found),
                default=(np.inf, -1, -1),
            )
            if best[0] <= width:
                found.append(best[1:])
                free -= set() if replace else {best[2]}
            elif order == "closest":
                break
            waiting.remove(best[1] if order == "closest" else choosing[0])
    return sorted(found)


@FEW
@given(seed=SEEDS)
def test_the_closest_order_begins_with_the_nearest_pair_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logit, treated = rng.normal(size=80), rng.permutation(80) < 30
    found = match_nearest(logit, treated, caliper=1.0)
    distance = np.abs(logit[treated][:, None] - logit[~treated][None, :])
    nearest = np.unravel_index(distance.argmin(), distance.shape)
    first = found.distance.argmin()
    assert found.treated_index[first] == np.flatnonzero(treated)[nearest[0]]
    assert found.control_index[first] == np.flatnonzero(~treated)[nearest[1]]


@FEW
@given(seed=SEEDS, ratio=st.integers(1, 2), caliper=st.sampled_from([None, 0.4]))
def test_no_other_choice_of_pairs_beats_the_optimal_one(seed: int, ratio: int, caliper: float | None) -> None:
    logit, treated, _ = coarse(seed, 8)
    assume(2 <= treated.sum() <= 3)
    try:
        found = match_optimal(logit, treated, ratio=ratio, caliper=caliper, caliper_sd="total")
    except NoMatchError:
        assume(False)
    width = np.inf if caliper is None else found.caliper_width
    assert (found.n_matched_treated, len(found.pair_id), found.distance.sum()) == pytest.approx(
        best_pairs(logit, treated, width, ratio)
    )
    assert len(set(found.control_index)) == len(found.control_index)


def best_pairs(logit: np.ndarray, treated: np.ndarray, width: float, ratio: int) -> tuple[int, int, float]:
    """Most treated people, most pairs, and the smallest sum of distances then, by trying every choice."""
    controls = np.flatnonzero(~treated).tolist()
    choices = []
    for i in np.flatnonzero(treated):
        within = [j for j in controls if abs(logit[i] - logit[j]) <= width + 1e-9]
        choices.append([(i, some) for k in range(ratio + 1) for some in combinations(within, k)])
    best = (0, 0, 0.0)
    for choice in product(*choices):
        used = [j for _, some in choice for j in some]
        if len(set(used)) == len(used):
            total = sum(abs(logit[i] - logit[j]) for i, some in choice for j in some)
            matched = sum(len(some) > 0 for _, some in choice)
            best = min(best, (-matched, -len(used), total))
    return -best[0], -best[1], best[2]


@FEW
@given(seed=SEEDS, limits=st.sampled_from([(None, None), (None, 2), (1, None), (0.5, None), (0.5, 3)]))
def test_no_other_full_matching_beats_the_one_found(
    seed: int, limits: tuple[float | None, int | None]
) -> None:
    logit, treated, _ = coarse(seed, 7)
    try:
        found = match_full(
            logit, treated, caliper=0.8, caliper_sd="total", min_controls=limits[0], max_controls=limits[1]
        )
        total = found.total_distance
    except NoMatchError:
        total = None
    best = best_cover(logit, treated, 0.8 * np.std(logit, ddof=1), *limits)
    assert total == (None if best is None else pytest.approx(best, abs=1e-7))


def best_cover(
    logit: np.ndarray, treated: np.ndarray, width: float, fewest: float | None, most: int | None
) -> float | None:
    """Smallest sum of distances that puts everybody who can be into a set, by trying every set of pairs."""
    distance = np.abs(logit[treated][:, None] - logit[~treated][None, :])
    edges = np.argwhere(distance <= width + 1e-9)
    if len(edges) == 0:
        return None
    chosen = (np.arange(2 ** len(edges))[:, None] >> np.arange(len(edges)) & 1).astype(np.int64)
    cost = chosen @ distance[tuple(edges.T)]
    for side in (0, 1):
        degree = chosen @ (edges[:, side][:, None] == np.unique(edges[:, side])).astype(np.int64)
        low, high = 1.0, np.inf
        if side == 0:
            low, high = max(1.0, fewest or 1.0), most or np.inf
        elif fewest is not None:
            high = max(1.0, 1 / fewest)
        cost = np.where(((degree >= low) & (degree <= high)).all(axis=1), cost, np.inf)
    return None if np.isinf(cost.min()) else float(cost.min())


@FEW
@given(seed=SEEDS, limited=st.booleans())
def test_optimal_and_full_matchings_do_not_depend_on_the_order_of_rows(seed: int, limited: bool) -> None:
    logit, treated, rng = coarse(seed, 60)
    ids, rows = rng.permutation(60), rng.permutation(60)
    one = match_optimal(logit, treated, caliper=0.5, ids=ids)
    two = match_optimal(logit[rows], treated[rows], caliper=0.5, ids=ids[rows])
    assert_same_people(one, two, ids, ids[rows])
    options = {"caliper": 0.5, "max_controls": 12} if limited else {"caliper": 0.5}
    full = match_full(logit, treated, ids=ids, **options)
    assert_array_equal(
        full.stratum[rows], match_full(logit[rows], treated[rows], ids=ids[rows], **options).stratum
    )
    n_treated, n_controls = full.counts()
    assert np.minimum(n_treated, n_controls).max() == 1  # each set is one person of an arm and their matches


def some_strata(seed: int) -> tuple[Strata, np.ndarray]:
    logit, treated, rng = coarse(seed, 80)
    kind = rng.integers(3)
    if kind == 0:
        return subclassify(logit + rng.normal(size=80) / 10, treated, n_classes=3), treated
    if kind == 1:
        return match_full(logit, treated, caliper=0.3), treated
    frame = pl.DataFrame({"score": logit, "site": rng.choice(["a", "b"], 80)})
    return match_coarsened_exact(frame, treated, cutpoints={"score": 4}), treated


@FEW
@given(seed=SEEDS, target=st.sampled_from(["ATT", "ATE", "ATC"]))
def test_weights_of_strata_give_both_arms_the_target_s_shares(seed: int, target: str) -> None:
    strata, treated = some_strata(seed)
    weights, kept = strata.weights(target), strata.kept
    assert_array_equal(weights > 0, kept)
    whose = {"ATT": treated, "ATE": np.ones(80, bool), "ATC": ~treated}[target]
    shares = np.bincount(strata.stratum[whose & kept]) / (whose & kept).sum()
    for arm in (treated, ~treated):
        own = arm & kept
        assert weights[own].sum() == pytest.approx(own.sum())
        assert_allclose(np.bincount(strata.stratum[own], weights[own]) / own.sum(), shares)
    assert strata.estimand(target) == (target if kept[whose].all() else "matched_set")


@FEW
@given(seed=SEEDS, replace=st.booleans())
def test_effects_of_matched_samples_do_not_depend_on_the_order_of_rows(seed: int, replace: bool) -> None:
    logit, treated, rng = coarse(seed, 120)
    time, event, rows, ids = (
        rng.exponential(20, 120),
        rng.random(120) < 0.8,
        rng.permutation(120),
        np.arange(120),
    )
    one = matched_cox(match_nearest(logit, treated, ids=ids, replace=replace, caliper=0.5), time, event)
    again = match_nearest(logit[rows], treated[rows], ids=ids[rows], replace=replace, caliper=0.5)
    two = matched_cox(again, time[rows], event[rows])
    assert one.log_estimate == pytest.approx(two.log_estimate, rel=1e-10)
    assert one.std_err == pytest.approx(two.std_err, rel=1e-10)
    full = strata_cox(match_full(logit, treated, ids=ids), time, event)
    same = strata_cox(match_full(logit[rows], treated[rows], ids=ids[rows]), time[rows], event[rows])
    assert full.log_estimate == pytest.approx(same.log_estimate, rel=1e-10)
