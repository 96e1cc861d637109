"""What cannot be matched is refused by name, with the field, the number concerned and a remedy."""

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
import pytest

from pipelines.stats import errors
from pipelines.stats.matching import (
    adjusted_matched_cox,
    balance_within,
    lost_treated,
    match_coarsened_exact,
    match_full,
    match_nearest,
    match_optimal,
    matched_cox,
    matched_design,
    matching_stability,
    strata_cox,
    subclassify,
    within_pairs_cox,
)
from pipelines.stats.matching._people import require_within_caliper

N = 200
RNG = np.random.default_rng(8)
X = RNG.normal(size=(N, 2))
LOGIT = X[:, 0]
ARM = np.arange(N) % 5 < 2
TIME, EVENT = np.ceil(RNG.exponential(20, N)), RNG.random(N) < 0.7
HOLE = np.where(np.arange(N) == 7, np.nan, LOGIT)
INFINITE = np.where(np.arange(N) < 3, np.inf, LOGIT)
FRAME = pl.DataFrame({"age": X[:, 0], "site": np.where(X[:, 1] > 0, "a", "b")})
PAIRS = match_nearest(LOGIT, ARM, caliper=0.2)
AGAIN = match_nearest(LOGIT, ARM, replace=True)
CLASSES = subclassify(LOGIT, ARM)
DESIGN = {"covariates": X, "treated": ARM, "time": TIME, "event": EVENT}

CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "a hole in the logits": (lambda: match_nearest(HOLE, ARM), errors.NonFiniteError, "logit", 1),
    "infinite logits": (lambda: match_optimal(INFINITE, ARM), errors.NonFiniteError, "logit", 3),
    "nobody treated": (lambda: match_nearest(LOGIT, 0 * ARM), errors.EmptyArmError, "treated", N),
    "no controls": (lambda: match_full(LOGIT, np.ones(N)), errors.EmptyArmError, "treated", N),
    "arms coded 1 and 2": (lambda: match_nearest(LOGIT, ARM + 1), errors.CodingError, "treated", N - 120),
    "a caliper that matches nobody": (
        lambda: match_nearest(LOGIT + 9 * ARM, ARM, caliper=0.01),
        errors.NoMatchError,
        "logit",
        80,
    ),
    "the same, by optimum": (
        lambda: match_optimal(LOGIT + 9 * ARM, ARM, caliper=0.01),
        errors.NoMatchError,
        "logit",
        80,
    ),
    "the same, by Mahalanobis distance": (
        lambda: match_nearest(LOGIT + 9 * ARM, ARM, caliper=0.01, mahalanobis=X),
        errors.NoMatchError,
        "logit",
        80,
    ),
    "labels of one arm only": (
        lambda: match_nearest(LOGIT, ARM, exact=ARM),
        errors.NoMatchError,
        "exact",
        2,
    ),
    "a label that is missing": (
        lambda: match_nearest(LOGIT, ARM, exact=HOLE),
        errors.NonFiniteError,
        "exact",
        1,
    ),
    "ids that repeat": (
        lambda: match_optimal(LOGIT, ARM, ids=np.arange(N) // 2),
        errors.ShapeError,
        "ids",
        N // 2,
    ),
    "a ratio of nothing": (lambda: match_optimal(LOGIT, ARM, ratio=0), errors.CodingError, "ratio", None),
    "a ratio of two and a half": (
        lambda: match_nearest(LOGIT, ARM, ratio=2.5),
        errors.CodingError,
        "ratio",
        None,
    ),
    "a ratio that is a text": (
        lambda: match_nearest(LOGIT, ARM, ratio="2"),
        errors.CodingError,
        "ratio",
        None,
    ),
    "a caliper that is a text": (
        lambda: match_nearest(LOGIT, ARM, caliper="0.2"),
        errors.CodingError,
        "caliper",
        None,
    ),
    "a caliper that is no number": (
        lambda: match_nearest(LOGIT, ARM, caliper=np.nan),
        errors.CodingError,
        "caliper",
        None,
    ),
    "a spread of one person": (
        lambda: match_nearest([0.0, 1.0, 2.0], [1, 0, 0], caliper=1, caliper_sd="treated"),
        errors.EmptyArmError,
        "caliper_sd",
        None,
    ),
    "an unknown order": (lambda: match_nearest(LOGIT, ARM, order="best"), errors.CodingError, "order", None),
    "an unknown scale": (lambda: match_nearest(LOGIT, ARM, scale="odds"), errors.CodingError, "scale", None),
    "lots without a seed": (
        lambda: match_nearest(LOGIT, ARM, order="random"),
        errors.CodingError,
        "seed",
        None,
    ),
    "a seed without lots": (lambda: match_nearest(LOGIT, ARM, seed=1), errors.CodingError, "seed", None),
    "Mahalanobis covariates that determine each other": (
        lambda: match_nearest(LOGIT, ARM, mahalanobis=np.column_stack([X, X.sum(axis=1)])),
        errors.CollinearityError,
        "x0, x1, x2",
        3,
    ),
    "a Mahalanobis covariate that is constant": (
        lambda: match_nearest(LOGIT, ARM, mahalanobis=np.column_stack([LOGIT, np.full(N, 0.1)])),
        errors.CollinearityError,
        "x1",
        1,
    ),
    "a pair beyond its caliper": (
        lambda: require_within_caliper(np.array([1, 5, 9]), 4),
        errors.CaliperError,
        "distance",
        2,
    ),
    "full: limits that cannot be kept": (
        lambda: match_full(LOGIT, ARM, max_controls=1, min_controls=1),
        errors.NoMatchError,
        "min_controls, max_controls",
        80,
    ),
    "full: neither whole nor a share": (
        lambda: match_full(LOGIT, ARM, min_controls=0.7),
        errors.CodingError,
        "min_controls",
        None,
    ),
    "full: no controls wanted": (
        lambda: match_full(LOGIT, ARM, max_controls=0),
        errors.CodingError,
        "max_controls",
        None,
    ),
    "full: two and a half controls": (
        lambda: match_full(LOGIT, ARM, max_controls=2.5),
        errors.CodingError,
        "max_controls",
        None,
    ),
    "full: a share that is a text": (
        lambda: match_full(LOGIT, ARM, min_controls="1/2"),
        errors.CodingError,
        "min_controls",
        None,
    ),
    "full: at least more than at most": (
        lambda: match_full(LOGIT, ARM, min_controls=3, max_controls=2),
        errors.CodingError,
        "min_controls",
        None,
    ),
    "subclass: one class": (
        lambda: subclassify(LOGIT, ARM, n_classes=1),
        errors.CodingError,
        "n_classes",
        None,
    ),
    "subclass: two and a half classes": (
        lambda: subclassify(LOGIT, ARM, n_classes=2.5),
        errors.CodingError,
        "n_classes",
        None,
    ),
    "subclass: classes as a text": (
        lambda: subclassify(LOGIT, ARM, n_classes="5"),
        errors.CodingError,
        "n_classes",
        None,
    ),
    "subclass: scores all tied": (
        lambda: subclassify(np.zeros(N), ARM),
        errors.CodingError,
        "n_classes",
        4,
    ),
    "subclass: no class of both arms": (
        lambda: subclassify(100.0 * ARM + LOGIT, ARM, target="ATE", n_classes=5),
        errors.NoMatchError,
        "treated",
        80,
    ),
    "cells: no overlap": (
        lambda: match_coarsened_exact(FRAME.with_columns(pl.Series("arm", ARM)), ARM),
        errors.NoMatchError,
        "treated",
        80,
    ),
    "cells: cutpoints of nothing": (
        lambda: match_coarsened_exact(FRAME, ARM, cutpoints={"size": 3}),
        errors.CodingError,
        "size",
        None,
    ),
    "cells: cutpoints of text": (
        lambda: match_coarsened_exact(FRAME, ARM, cutpoints={"site": [1.0]}),
        errors.CodingError,
        "site",
        None,
    ),
    "cells: cutpoints that fall": (
        lambda: match_coarsened_exact(FRAME, ARM, cutpoints={"age": [1.0, 0.0]}),
        errors.CodingError,
        "age",
        None,
    ),
    "cells: an unknown rule": (
        lambda: match_coarsened_exact(FRAME, ARM, cutpoints={"age": "scott"}),
        errors.CodingError,
        "age",
        None,
    ),
    "cells: no bins": (
        lambda: match_coarsened_exact(FRAME, ARM, cutpoints={"age": 0}),
        errors.CodingError,
        "age",
        None,
    ),
    "cells: cutpoints that are texts": (
        lambda: match_coarsened_exact(FRAME, ARM, cutpoints={"age": ["x"]}),
        errors.CodingError,
        "age",
        None,
    ),
    "cells: yes in place of cutpoints": (
        lambda: match_coarsened_exact(FRAME, ARM, cutpoints={"age": True}),
        errors.CodingError,
        "age",
        None,
    ),
    "cells: a null": (
        lambda: match_coarsened_exact(FRAME.with_columns(pl.Series("age", HOLE)), ARM),
        errors.NonFiniteError,
        "age",
        1,
    ),
    "cells: nobody treated": (
        lambda: match_coarsened_exact(FRAME, 0 * ARM),
        errors.EmptyArmError,
        "treated",
        N,
    ),
    "effect: nobody dies": (
        lambda: matched_cox(PAIRS, TIME, 0 * EVENT),
        errors.NoEventsError,
        "event",
        None,
    ),
    "effect: no treated person dies": (
        lambda: matched_cox(PAIRS, TIME, EVENT & ~ARM),
        errors.SeparationError,
        "treated",
        1,
    ),
    "effect: times of others": (
        lambda: matched_cox(PAIRS, TIME[:-1], EVENT),
        errors.ShapeError,
        "time",
        None,
    ),
    "effect: times below zero": (
        lambda: strata_cox(CLASSES, -TIME, EVENT),
        errors.NegativeTimeError,
        "time",
        N,
    ),
    "effect: sets that share people drawn anew": (
        lambda: matched_cox(AGAIN, TIME, EVENT, interval="bootstrap", replicates=10, seed=1),
        errors.CodingError,
        "interval",
        None,
    ),
    "effect: a bootstrap without a seed": (
        lambda: matched_cox(PAIRS, TIME, EVENT, interval="bootstrap", replicates=10),
        errors.CodingError,
        "replicates, seed",
        None,
    ),
    "effect: an unknown target": (
        lambda: strata_cox(CLASSES, TIME, EVENT, target="ATO"),
        errors.CodingError,
        "target",
        None,
    ),
    "within pairs: a covariate named as the treatment": (
        lambda: within_pairs_cox(PAIRS, TIME, EVENT, X[:, :1], names=["treated"]),
        errors.CodingError,
        "names",
        None,
    ),
    "within pairs: a covariate that is the treatment": (
        lambda: within_pairs_cox(PAIRS, TIME, EVENT, ARM.astype(float), names=["surgery"]),
        errors.CollinearityError,
        "treated, surgery",
        2,
    ),
    "sets of a control in several": (AGAIN.set_of_rows, errors.CodingError, "replace", None),
    "lost: another treatment": (
        lambda: lost_treated(PAIRS, ~ARM, X),
        errors.ShapeError,
        "treated",
        N,
    ),
    "balance within strata: others' covariates": (
        lambda: balance_within(CLASSES, X[:-1]),
        errors.ShapeError,
        "covariates",
        None,
    ),
    "stability with replacement": (
        lambda: matching_stability(matched_design(**DESIGN, replace=True), replicates=5, seed=1),
        errors.CodingError,
        "replace",
        None,
    ),
    "stability of lots": (
        lambda: matched_design(**DESIGN, order="random"),
        errors.CodingError,
        "order",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_with_field_count_and_remedy(case: str) -> None:
    call, kind, field, count = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.field == field
    assert caught.value.remedy in str(caught.value)
    if count is not None:
        assert caught.value.count == count


def test_a_matching_too_large_is_refused_before_the_memory_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.stats.matching.optimal.MOST_PAIRS", 100)
    with pytest.raises(errors.SizeError, match="100") as caught:
        match_optimal(LOGIT, ARM)
    assert (caught.value.field, caught.value.count) == ("caliper", 80 * 120)


def test_people_without_a_match_are_described_and_not_named() -> None:
    far = np.where(np.arange(N) < 10, 30.0 + np.arange(N), LOGIT)
    covariates = pl.DataFrame({"age": far, "sex": (X[:, 1] > 0).astype(float)})
    pairs = match_nearest(far, ARM, caliper=0.05)
    assert pairs.estimand == "matched_set"
    lost = lost_treated(pairs, ARM, covariates)
    gone = ARM & ~np.isin(np.arange(N), pairs.treated_index)
    assert (lost.n_treated, lost.n_lost, lost.n_kept) == (80, gone.sum(), 80 - gone.sum())
    assert lost.mean_lost[0] == pytest.approx(far[gone].mean())
    assert lost.smd[0] == pytest.approx(
        (far[gone].mean() - far[pairs.treated_index].mean()) / far[ARM].std(ddof=1)
    )
    assert "age" in lost.notes[1]
    assert set(lost.to_frame()["covariate"]) == {"age", "sex"}


@pytest.mark.parametrize("caliper", [1e10, 1e300, np.float64(1e308)])
def test_a_caliper_wider_than_any_distance_is_none(caliper: float) -> None:
    for call in (match_nearest, match_optimal, partial(match_nearest, mahalanobis=X)):
        wide, without = call(LOGIT, ARM, caliper=caliper), call(LOGIT, ARM)
        np.testing.assert_array_equal(wide.control_index, without.control_index)


def test_cutpoints_may_be_an_array_and_bins_a_number_of_numpy() -> None:
    for one, two in (([-1.0, 0.5], np.array([-1.0, 0.5])), (4, np.int64(4))):
        lists, arrays = (match_coarsened_exact(FRAME, ARM, cutpoints={"age": rule}) for rule in (one, two))
        np.testing.assert_array_equal(lists.stratum, arrays.stratum)


def test_twins_without_ids_are_said_beside_every_effect() -> None:
    coarse = np.round(LOGIT, 1)
    outcome = (TIME, EVENT)
    for ids, said in ((None, True), (np.arange(N), False)):
        pairs = match_nearest(coarse, ARM, caliper=0.2, ids=ids)
        optimal = match_optimal(coarse, ARM, caliper=0.2, ids=ids)
        effects = (
            matched_cox(pairs, *outcome),
            matched_cox(optimal, *outcome),
            matched_cox(pairs, *outcome, interval="bootstrap", replicates=20, seed=1),
            adjusted_matched_cox(pairs, *outcome, X),
            within_pairs_cox(pairs, *outcome, X),
            strata_cox(match_full(coarse, ARM, caliper=0.2, ids=ids), *outcome),
            matched_design(np.round(X), *(ARM, *outcome), ids=ids).run().effect,
        )
        for effect in effects:
            assert any("Give `ids`" in note for note in effect.notes) == said
    assert PAIRS.notes == ()  # nobody is like another: the order of the rows has no part in the pairs


def test_the_treated_that_no_stratum_holds_are_described_too() -> None:
    cells = match_coarsened_exact(FRAME, ARM, cutpoints={"age": 30})
    lost = lost_treated(cells, ARM, X)
    assert lost.n_lost == (ARM & ~cells.kept).sum() > 0
    effect = strata_cox(cells, TIME, EVENT)
    assert effect.estimand == "matched_set"
    assert effect.notes == (
        f"{lost.n_lost} of 80 treated people have no match: the effect is that in the matched set.",
    )


def test_where_all_are_matched_the_effect_is_that_in_the_treated() -> None:
    pairs = match_nearest(LOGIT, ARM)
    assert matched_cox(pairs, TIME, EVENT).estimand == "ATT"
    lost = lost_treated(pairs, ARM, X)
    assert (lost.n_lost, lost.notes) == (0, ())
    assert np.isnan(lost.mean_lost).all()


def test_a_method_names_its_caliper_and_which_deviation_it_is_of() -> None:
    assert "caliper 0.2 SD of the logit (pooled)" in matched_cox(PAIRS, TIME, EVENT).method
    assert "no caliper" in match_optimal(LOGIT, ARM).method
    full = match_full(LOGIT, ARM, caliper=0.1, caliper_sd="total", scale="probability")
    assert "caliper 0.1 SD of the probability (total)" in full.method


def test_an_effect_in_a_matched_set_says_how_many_were_left_out() -> None:
    effect = matched_cox(PAIRS, TIME, EVENT)
    lost = 80 - PAIRS.n_matched_treated
    assert (effect.estimand, effect.effect_type) == ("matched_set", "marginal")
    assert effect.notes[0].startswith(f"{lost} of 80 treated")
    within = within_pairs_cox(PAIRS, TIME, EVENT, X)
    assert (within.estimand, within.effect_type) == ("matched_set", "conditional")


def test_people_used_again_are_counted_once() -> None:
    effect = matched_cox(AGAIN, TIME, EVENT)
    used = np.union1d(AGAIN.treated_index, AGAIN.control_index)
    assert (effect.n, effect.n_exposed, effect.events) == (len(used), 80, EVENT[used].sum())


def test_labels_of_sets_are_those_of_the_pairs() -> None:
    labels = PAIRS.set_of_rows()
    assert (labels == -1).sum() == N - 2 * len(PAIRS.pair_id)
    assert (labels[PAIRS.treated_index] == labels[PAIRS.control_index]).all()


def test_what_does_not_differ_within_the_sets_is_left_out_of_the_model_and_said() -> None:
    site = (X[:, 1] > 0).astype(float)
    pairs = match_nearest(LOGIT, ARM, exact=site)
    effect = within_pairs_cox(pairs, TIME, EVENT, np.column_stack([LOGIT, site]), names=["logit", "site"])
    alone = within_pairs_cox(pairs, TIME, EVENT, LOGIT)
    assert effect.log_estimate == pytest.approx(alone.log_estimate, rel=1e-9)
    assert any("site" in note for note in effect.notes)


def test_a_bootstrap_of_sets_agrees_with_the_clustered_variance() -> None:
    clustered = matched_cox(PAIRS, TIME, EVENT)
    drawn = matched_cox(PAIRS, TIME, EVENT, interval="bootstrap", replicates=400, seed=3)
    assert drawn.estimate == pytest.approx(clustered.estimate)
    assert drawn.std_err == pytest.approx(clustered.std_err, rel=0.15)
    assert "sets drawn" in drawn.method


def test_stability_is_not_called_an_interval_and_has_the_same_bits_with_two_workers() -> None:
    design = matched_design(**DESIGN)
    one, two = (matching_stability(design, replicates=6, seed=2, workers=w) for w in (1, 2))
    np.testing.assert_array_equal(one.estimates, two.estimates)
    assert "not a confidence interval" in one.label
    assert one.to_frame().columns == ["measure", "point", "spread", "low", "high", "label"]
    run = design.run()
    assert one.point[0] == run.effect.log_estimate
    assert one.point[1] == run.balance.largest_smd()


def test_stability_does_not_depend_on_the_order_of_rows() -> None:
    order, ids = RNG.permutation(N), np.arange(N)
    one = matching_stability(matched_design(**DESIGN, ids=ids), replicates=5, seed=2)
    shuffled = {key: value[order] for key, value in DESIGN.items()}
    two = matching_stability(matched_design(**shuffled, ids=ids[order]), replicates=5, seed=2)
    np.testing.assert_allclose(one.estimates, two.estimates, rtol=1e-10)


def test_balance_within_classes_is_that_of_each_class_alone() -> None:
    found = balance_within(CLASSES, X, names=["a", "b"])
    inside = CLASSES.stratum == 2
    treated, control = X[inside & ARM], X[inside & ~ARM]
    spread = np.sqrt((treated.var(axis=0, ddof=1) + control.var(axis=0, ddof=1)) / 2)
    np.testing.assert_allclose(found.mean_treated[2], treated.mean(axis=0))
    np.testing.assert_allclose(found.smd[2], (treated.mean(axis=0) - control.mean(axis=0)) / spread)
    assert found.to_frame().height == 10
