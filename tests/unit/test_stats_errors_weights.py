"""What scores, weights, balance and doubly robust estimates refuse, by name; and their frames."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from pipelines.stats import errors
from pipelines.stats.adjusted.curves import weighted_curves
from pipelines.stats.adjusted.doubly_robust import doubly_robust_risk, doubly_robust_survival
from pipelines.stats.adjusted.risk_difference import incidence_difference
from pipelines.stats.balance import balance, balance_of_arms, effective_sample_size, factor_balance
from pipelines.stats.propensity import (
    fit_firth_logistic,
    fit_logistic,
    fit_multinomial,
    fit_propensity,
    overlap,
    positivity,
    preference_score,
)
from pipelines.stats.propensity.boosted import fit_boosted
from pipelines.stats.propensity.penalised import fit_penalised_logistic
from pipelines.stats.weighting import (
    arms_weights,
    entropy_balancing,
    propensity_weights,
    trim,
    weighted_cox,
    weighted_cox_of_arms,
)

N = 120
RNG = np.random.default_rng(4)
X = np.column_stack([RNG.normal(size=N), RNG.integers(0, 2, N)])
NAMES = ["age", "male"]
ARM = RNG.random(N) < 0.4
TIME = np.ceil(RNG.exponential(20, N))
EVENT = RNG.random(N) < 0.7
SCORE = np.clip(RNG.random(N), 0.05, 0.95)
HOLE = np.where(np.arange(N) == 7, np.nan, X[:, 0])
RACE = RNG.choice(["black", "other", "white"], N)
SPLIT = np.where(ARM, 1.0, 0.0) + 0.1 * X[:, 0] / np.abs(X[:, 0]).max()
THREE = np.full((N, 3), 1 / 3)

Case = tuple[Callable[[], object], type[errors.StatsError], str, int | None]
CASES: dict[str, Case] = {
    "propensity: a covariate with a hole": (
        lambda: fit_propensity(np.column_stack([HOLE, X]), ARM, names=["size", *NAMES]),
        errors.NonFiniteError,
        "size",
        1,
    ),
    "propensity: nobody treated": (
        lambda: fit_propensity(X, np.zeros(N)),
        errors.EmptyArmError,
        "treated",
        N,
    ),
    "propensity: separated": (
        lambda: fit_propensity(SPLIT, ARM, names=["split"]),
        errors.SeparationError,
        "split",
        1,
    ),
    "propensity: a factor of one level": (
        lambda: fit_propensity(np.column_stack([X, np.ones(N)]), ARM, names=[*NAMES, "one"]),
        errors.CollinearityError,
        "one",
        1,
    ),
    "propensity: an unknown model": (
        lambda: fit_propensity(X, ARM, model="forest"),
        errors.CodingError,
        "model",
        None,
    ),
    "logistic: weights of zero": (
        lambda: fit_logistic(X, ARM, weights=np.zeros(N)),
        errors.WeightError,
        "weights",
        N,
    ),
    "firth: nobody has the outcome": (
        lambda: fit_firth_logistic(X, np.zeros(N)),
        errors.NoEventsError,
        "outcome",
        N,
    ),
    "firth: a covariate twice": (
        lambda: fit_firth_logistic(X[:, [0, 0]], ARM, names=["age", "years"]),
        errors.CollinearityError,
        "age, years",
        2,
    ),
    "penalised: nobody has the outcome": (
        lambda: fit_penalised_logistic(X, np.zeros(N)),
        errors.NoEventsError,
        "outcome",
        N,
    ),
    "penalised: a strength of zero": (
        lambda: fit_penalised_logistic(X, ARM, strength=0),
        errors.CodingError,
        "strength",
        None,
    ),
    "penalised: one fold": (
        lambda: fit_penalised_logistic(X, ARM, folds=1),
        errors.CodingError,
        "folds",
        None,
    ),
    "penalised: too few patterns to leave any out": (
        lambda: fit_penalised_logistic(X[:, 1], ARM, folds=10),
        errors.EmptyArmError,
        "folds",
        2,
    ),
    "boosted: nobody has the outcome": (
        lambda: fit_boosted(X, np.ones(N)),
        errors.NoEventsError,
        "outcome",
        N,
    ),
    "boosted: a seed below zero": (
        lambda: fit_boosted(X, ARM, seed=-1),
        errors.CodingError,
        "seed",
        None,
    ),
    "boosted: trees without leaves": (
        lambda: fit_boosted(X, ARM, max_leaves=1),
        errors.CodingError,
        "max_trees, learning_rate, max_leaves, smallest_leaf",
        None,
    ),
    "multinomial: one arm": (
        lambda: fit_multinomial(X, ["a"] * N),
        errors.EmptyArmError,
        "arm",
        N,
    ),
    "multinomial: an unknown reference": (
        lambda: fit_multinomial(X, RACE, reference="green"),
        errors.CodingError,
        "reference",
        None,
    ),
    "multinomial: separated": (
        lambda: fit_multinomial((RACE == "white") + 0.01 * X[:, 1], RACE, names=["white"]),
        errors.SeparationError,
        "white",
        1,
    ),
    "multinomial: a constant": (
        lambda: fit_multinomial(np.ones(N), RACE, names=["one"]),
        errors.CollinearityError,
        "one",
        1,
    ),
    "multinomial: no label": (
        lambda: fit_multinomial(X, [None, *RACE[1:]]),
        errors.NonFiniteError,
        "arm",
        1,
    ),
    "overlap: a score of one": (
        lambda: overlap(np.where(ARM, 1.0, 0.5), ARM),
        errors.CodingError,
        "score",
        int(ARM.sum()),
    ),
    "overlap: limits in the wrong order": (
        lambda: overlap(SCORE, ARM, equipoise=(0.7, 0.3)),
        errors.CodingError,
        "equipoise",
        None,
    ),
    "preference: a logit instead of a score": (
        lambda: preference_score(np.full(N, -0.5), ARM),
        errors.CodingError,
        "score",
        N,
    ),
    "positivity: no covariates": (
        lambda: positivity(pl.DataFrame(), ARM),
        errors.ShapeError,
        "covariates",
        None,
    ),
    "positivity: a share beyond one half": (
        lambda: positivity(pl.DataFrame({"race": RACE}), ARM, rare=0.9),
        errors.CodingError,
        "rare",
        None,
    ),
    "weights: an unknown estimand": (
        lambda: propensity_weights(SCORE, ARM, estimand="LATE"),
        errors.CodingError,
        "estimand",
        None,
    ),
    "weights: a score of zero": (
        lambda: propensity_weights(np.where(np.arange(N) < 3, 0.0, SCORE), ARM),
        errors.CodingError,
        "score",
        3,
    ),
    "weights: percent instead of shares": (
        lambda: propensity_weights(SCORE, ARM, truncate=(1, 99)),
        errors.CodingError,
        "truncate",
        None,
    ),
    "weights: overlap weights stabilised": (
        lambda: propensity_weights(SCORE, ARM, estimand="ATO", stabilised=True),
        errors.CodingError,
        "stabilised",
        None,
    ),
    "weights: arms of other lengths": (
        lambda: propensity_weights(SCORE, ARM[:-1]),
        errors.ShapeError,
        "treated",
        None,
    ),
    "weights: the largest none": (
        lambda: propensity_weights(SCORE, ARM).largest(0),
        errors.CodingError,
        "k",
        None,
    ),
    "three arms: scores of two": (
        lambda: arms_weights(THREE[:, :2], RACE),
        errors.ShapeError,
        "scores",
        None,
    ),
    "three arms: scores that do not add up": (
        lambda: arms_weights(THREE * np.where(np.arange(N) < 4, 2.0, 1.0)[:, None], RACE),
        errors.CodingError,
        "scores",
        4,
    ),
    "three arms: a score that is missing": (
        lambda: arms_weights(np.where(np.arange(N)[:, None] == 5, np.nan, THREE), RACE),
        errors.CodingError,
        "scores",
        1,
    ),
    "three arms: ATT of nobody": (
        lambda: arms_weights(THREE, RACE, estimand="ATT"),
        errors.CodingError,
        "focal",
        None,
    ),
    "three arms: stabilised overlap weights": (
        lambda: arms_weights(THREE, RACE, estimand="ATO", stabilised=True),
        errors.CodingError,
        "stabilised",
        None,
    ),
    "three arms: other labels": (
        lambda: arms_weights(THREE, RACE, labels=["a", "b", "c"]),
        errors.CodingError,
        "labels",
        None,
    ),
    "trimming: nobody left": (
        lambda: trim(np.where(ARM, 0.97, 0.5), ARM, "fixed"),
        errors.NoOverlapError,
        "treated",
        int(ARM.sum()),
    ),
    "trimming: a share that the rule has not": (
        lambda: trim(SCORE, ARM, "crump", share=0.1),
        errors.CodingError,
        "share",
        None,
    ),
    "entropy balancing: means beyond an arm's range": (
        lambda: entropy_balancing(np.column_stack([X, SPLIT]), ARM, names=[*NAMES, "split"]),
        errors.NoOverlapError,
        "split",
        1,
    ),
    "entropy balancing: a level that one arm has not": (
        lambda: entropy_balancing(np.column_stack([X, ARM & (X[:, 1] == 1)]), ARM, names=[*NAMES, "new"]),
        errors.NoOverlapError,
        "new",
        1,
    ),
    "entropy balancing: means out of reach together": (
        # Each mean is within the controls' range, both at once are not.
        lambda: entropy_balancing(
            [[0, 0], [1, 0], [0, 1], [0.9, 0.9], [0.9, 0.9]], [0, 0, 0, 1, 1], names=["a", "b"]
        ),
        errors.NoOverlapError,
        "a, b",
        2,
    ),
    "entropy balancing: overlap weights": (
        lambda: entropy_balancing(X, ARM, estimand="ATO"),
        errors.CodingError,
        "estimand",
        None,
    ),
    "entropy balancing: four moments": (
        lambda: entropy_balancing(X, ARM, moments=4),
        errors.CodingError,
        "moments",
        None,
    ),
    "entropy balancing: base weights of zero": (
        lambda: entropy_balancing(X, ARM, base_weights=np.zeros(N)),
        errors.WeightError,
        "weights",
        N,
    ),
    "weighted cox: nobody treated": (
        lambda: weighted_cox(TIME, EVENT, np.zeros(N), X),
        errors.EmptyArmError,
        "treated",
        N,
    ),
    "weighted cox: nobody dies": (
        lambda: weighted_cox(TIME, np.zeros(N), ARM, X),
        errors.NoEventsError,
        "event",
        None,
    ),
    "weighted cox: time below zero": (
        lambda: weighted_cox(-TIME, EVENT, ARM, X),
        errors.NegativeTimeError,
        "time",
        N,
    ),
    "weighted cox: entropy weights truncated": (
        lambda: weighted_cox(TIME, EVENT, ARM, X, method="entropy", truncate=(0.01, 0.99)),
        errors.CodingError,
        "method",
        None,
    ),
    "weighted cox: overlap weights by entropy": (
        lambda: weighted_cox(TIME, EVENT, ARM, X, method="entropy", estimand="ATO"),
        errors.CodingError,
        "estimand",
        None,
    ),
    "weighted cox: replicates below zero": (
        lambda: weighted_cox(TIME, EVENT, ARM, X, bootstrap=-1),
        errors.CodingError,
        "bootstrap",
        None,
    ),
    "weighted cox: a cluster without label": (
        lambda: weighted_cox(TIME, EVENT, ARM, X, cluster=[None] * N),
        errors.NonFiniteError,
        "cluster",
        N,
    ),
    "weighted cox of arms: an unknown reference": (
        lambda: weighted_cox_of_arms(TIME, EVENT, RACE, X, reference="green"),
        errors.CodingError,
        "reference",
        None,
    ),
    "weighted cox of arms: ATT of nobody": (
        lambda: weighted_cox_of_arms(TIME, EVENT, RACE, X, estimand="ATT"),
        errors.CodingError,
        "focal",
        None,
    ),
    "weighted cox of arms: one arm": (
        lambda: weighted_cox_of_arms(TIME, EVENT, np.ones(N), X),
        errors.EmptyArmError,
        "arm",
        N,
    ),
    "propensity: more covariates than people": (
        lambda: fit_propensity(RNG.normal(size=(6, 8)), [1, 0, 1, 0, 1, 0]),
        errors.CollinearityError,
        "x0, x1, x2, x3, x4, x5, x6, x7",
        8,
    ),
    "balance: an infinite value": (
        lambda: balance(np.where(np.arange(N) == 3, np.inf, X[:, 0]), ARM, names=["age"]),
        errors.NonFiniteError,
        "age",
        1,
    ),
    "balance of a factor: nobody treated": (
        lambda: factor_balance(RACE, np.zeros(N)),
        errors.EmptyArmError,
        "treated",
        N,
    ),
    "balance of a factor: an arm without weight": (
        lambda: factor_balance(RACE, ARM, weights=ARM.astype(float)),
        errors.EmptyArmError,
        "weights",
        None,
    ),
    "balance of arms: one arm": (
        lambda: balance_of_arms(X, ["a"] * N),
        errors.EmptyArmError,
        "arm",
        N,
    ),
    "balance of arms: an arm of one": (
        lambda: balance_of_arms(X, ["a", *["b"] * (N - 1)]),
        errors.EmptyArmError,
        "a",
        1,
    ),
    "balance of arms: weights below zero": (
        lambda: balance_of_arms(X, RACE, weights=-np.ones(N)),
        errors.WeightError,
        "weights",
        N,
    ),
    "weighted Cox: one cluster": (
        lambda: weighted_cox(TIME, EVENT, ARM, X, cluster=np.ones(N)),
        errors.EmptyArmError,
        "cluster",
        1,
    ),
    "weighted Cox: one cluster drawn again and again": (
        lambda: weighted_cox(TIME, EVENT, ARM, X, cluster=np.ones(N), bootstrap=20),
        errors.EmptyArmError,
        "cluster",
        1,
    ),
    "doubly robust: times in words": (
        lambda: doubly_robust_survival(TIME, EVENT, ARM, X, times=["a year"]),
        errors.CodingError,
        "times",
        None,
    ),
    "doubly robust: a time that is missing": (
        lambda: doubly_robust_risk(TIME, EVENT, ARM, X, times=[np.nan]),
        errors.NonFiniteError,
        "times",
        1,
    ),
    "weighted curves: weights in words": (
        lambda: weighted_curves(TIME, EVENT, ARM, ["heavy"] * N),
        errors.CodingError,
        "weights",
        None,
    ),
    "risk difference: everybody has died": (
        lambda: incidence_difference(TIME, np.ones(N), ARM, times=[TIME.max()], weights=1 / SCORE),
        errors.NoEventsError,
        "times",
        1,
    ),
    "weights of arms: scores in words": (
        lambda: arms_weights([["a", "b", "c"]] * N, RACE),
        errors.CodingError,
        "scores",
        None,
    ),
    "doubly robust: no time": (
        lambda: doubly_robust_survival(TIME, EVENT, ARM, X),
        errors.CodingError,
        "times",
        None,
    ),
    "doubly robust: a time below zero": (
        lambda: doubly_robust_risk(TIME, EVENT, ARM, X, times=[-1, 12]),
        errors.CodingError,
        "times",
        1,
    ),
    "doubly robust: an arm without events": (
        lambda: doubly_robust_survival(TIME, EVENT & ARM, ARM, X, times=[12]),
        errors.NoEventsError,
        "control",
        int((~ARM).sum()),
    ),
    "doubly robust: beyond follow-up": (
        lambda: doubly_robust_survival(TIME, EVENT & (TIME < 30), ARM, X, times=[1e4]),
        errors.BeyondFollowUpError,
        "times",
        1,
    ),
    "doubly robust: overlap weights": (
        lambda: doubly_robust_survival(TIME, EVENT, ARM, X, times=[12], estimand="ATO"),
        errors.CodingError,
        "estimand",
        None,
    ),
    "doubly robust: separated": (
        lambda: doubly_robust_risk(TIME, EVENT, ARM, SPLIT, times=[12], names=["split"]),
        errors.SeparationError,
        "split",
        1,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case: str) -> None:
    call, kind, field, count = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert error.field == field
    assert error.remedy in str(error)
    if count is not None:
        assert error.count == count


def test_what_is_separated_has_a_firth_score_and_a_penalised_one() -> None:
    for model in ("firth", "ridge", "lasso"):
        found = fit_propensity(SPLIT, ARM, model=model, names=["split"])
        assert np.isfinite(found.logit).all()
        assert found.auc == 1
    profile = fit_firth_logistic(SPLIT, ARM, names=["split"]).to_frame()
    assert profile["ci_low"][1] > 1
    assert profile["p_value"][1] < 1e-6


def test_a_level_only_one_arm_has_is_found_before_it_separates() -> None:
    frame = pl.DataFrame(
        {"site": np.where(ARM & (X[:, 1] == 1), "new", "old"), "year": np.arange(N), "grade": [None] * N}
    )
    table = positivity(frame, ARM)
    found = {(row["covariate"], row["level"]): row["finding"] for row in table.iter_rows(named=True)}
    assert found["site", "new"] == "everybody treated"
    assert found["site", "old"] is None
    assert [level for name, level in found if name == "year"] == [f"fifth {k}" for k in range(1, 6)]
    assert found["grade", None] is None
    for _, own in table.group_by("covariate"):
        assert own["n"].sum() == N
        assert own["n_treated"].sum() == ARM.sum()


def test_kish_by_hand() -> None:
    """Weights 1, 1, 2: 16 / 6 people's worth; equal weights are worth their people."""
    assert effective_sample_size([1, 1, 2]) == pytest.approx(16 / 6)
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)


def test_weights_by_hand() -> None:
    """Scores 0.25 and 0.5: each estimand's weights, and the largest with their share of the arm."""
    score, arm = [0.25, 0.25, 0.5, 0.5], [1, 0, 1, 0]
    expected = {
        "ATE": [4, 4 / 3, 2, 2],
        "ATT": [1, 1 / 3, 1, 1],
        "ATC": [3, 1, 1, 1],
        "ATO": [0.75, 0.25, 0.5, 0.5],
        "ATM": [1, 1 / 3, 1, 1],
    }
    for estimand, weights in expected.items():
        found = propensity_weights(score, arm, estimand=estimand)
        assert found.weights.tolist() == pytest.approx(weights)
        assert found.notes[0].startswith(estimand)
    ate = propensity_weights(score, arm)
    assert ate.largest(1)["share_of_arm"].to_list() == pytest.approx([4 / 6, 2 / (10 / 3)])
    assert ate.to_frame()["ess"].to_list() == pytest.approx([36 / 20, (10 / 3) ** 2 / (16 / 9 + 4)])
    stable = propensity_weights(score, arm, stabilised=True)
    assert stable.weights.tolist() == pytest.approx([2, 2 / 3, 1, 1])


def test_three_arms_by_hand() -> None:
    """Scores 1/2, 1/4, 1/4 for all: generalised overlap weights 1 / (2 + 4 + 4) over the own score."""
    scores = np.tile([0.5, 0.25, 0.25], (3, 1))
    arm = ["a", "b", "c"]
    assert arms_weights(scores, arm, estimand="ATO").weights.tolist() == pytest.approx([0.2, 0.4, 0.4])
    assert arms_weights(scores, arm, estimand="ATM").weights.tolist() == pytest.approx([0.5, 1, 1])
    focal = arms_weights(scores, arm, estimand="ATT", focal="b")
    assert focal.weights.tolist() == pytest.approx([0.5, 1, 1])
    assert "arm b" in focal.notes[0]
    other_order = arms_weights(scores[:, ::-1], arm, labels=["c", "b", "a"], stabilised=True)
    assert other_order.weights.tolist() == pytest.approx([2 / 3, 4 / 3, 4 / 3])
    assert arms_weights(scores, arm).to_frame()["arm"].to_list() == arm


def test_a_factor_no_level_of_which_both_arms_have() -> None:
    assert factor_balance(["a", "a", "b", "b"], [1, 1, 0, 0]).smd == np.inf
    assert factor_balance(["a", "a", "a", "a"], [1, 1, 0, 0]).smd == 0


def test_one_call_says_whose_effect_how_and_with_what_loss() -> None:
    found = weighted_cox(TIME, EVENT, ARM, X, names=NAMES, trimming="sturmer", truncate=(0.01, 0.99))
    effect = found.effect
    assert (effect.measure, effect.estimand, effect.effect_type) == ("hr", "trimmed_set", "marginal")
    assert effect.n == found.kept.sum() < N
    assert effect.n_exposed == (ARM & found.kept).sum()
    assert effect.events == (EVENT & found.kept).sum()
    assert "estimated" in effect.method
    said = " ".join(effect.notes)
    assert "Trimmed (sturmer)" in said
    assert "percentiles 1 and 99" in said
    assert found.trimmed.lost_treated + found.trimmed.lost_control == N - effect.n
    assert len(found.weights.weights) == effect.n
    assert found.balance.names == tuple(NAMES)
    assert found.balance.love_plot()["when"].to_list() == ["before", "before", "after", "after"]
    assert found.balance.largest_smd() < np.abs(found.balance.before.smd).max()
    assert found.to_frame().height == 1
    assert found.overlap.to_frame()["n"].to_list() == [ARM.sum(), N - ARM.sum()]


def test_three_arms_in_one_call() -> None:
    found = weighted_cox_of_arms(TIME, EVENT, RACE, X, reference="white", estimand="ATT", focal="black")
    frame = found.to_frame()
    assert frame.select("arm", "reference").rows() == [("black", "white"), ("other", "white")]
    assert frame["n_exposed"].to_list() == [np.count_nonzero(arm == RACE) for arm in ("black", "other")]
    assert set(frame["effect_type"]) == {"marginal"}
    assert all("arm black" in effect.notes[0] for effect in found.effects)
    assert found.weights.weights[RACE == "black"].tolist() == [1.0] * np.count_nonzero(RACE == "black")
    assert (found.balance.largest_after < found.balance.largest_before.max()).all()
    repeated = weighted_cox_of_arms(TIME, EVENT, RACE, X, bootstrap=20)
    assert repeated.bootstrap.estimates.shape == (20, 2)
    assert "20 bootstrap replicates" in repeated.effects[0].method


def test_weights_taken_as_known_are_said_to_be() -> None:
    effect = weighted_cox(TIME, EVENT, ARM, X, method="entropy", estimand="ATT").effect
    assert "weights taken as known" in effect.method
    assert any("bootstrap" in note for note in effect.notes)
    known = weighted_cox(TIME, EVENT, ARM, X, variance="known")
    assert known.effect.std_err == pytest.approx(known.fit.standard_errors[0], rel=1e-9)
    assert "weights taken as known" in known.effect.method
    repeated = weighted_cox(TIME, EVENT, ARM, X, method="entropy", estimand="ATT", bootstrap=20)
    assert "20 bootstrap replicates" in repeated.effect.method
    assert not any("weights as known" in note for note in repeated.effect.notes)
    assert len(repeated.bootstrap.estimates) == 20


def test_people_of_one_cluster_are_drawn_and_summed_together() -> None:
    """Everybody twice under one label is everybody once, whatever the copies; without labels it is not."""
    twice = np.repeat(np.arange(N), 2)
    once = weighted_cox(TIME, EVENT, ARM, X, ties="breslow")
    labelled = weighted_cox(TIME[twice], EVENT[twice], ARM[twice], X[twice], cluster=twice, ties="breslow")
    copies = weighted_cox(TIME[twice], EVENT[twice], ARM[twice], X[twice], ties="breslow")
    assert labelled.effect.log_estimate == pytest.approx(once.effect.log_estimate, rel=1e-9)
    assert labelled.effect.std_err == pytest.approx(once.effect.std_err, rel=1e-9)
    assert copies.effect.std_err == pytest.approx(once.effect.std_err / np.sqrt(2), rel=1e-9)


def test_doubly_robust_results_print_their_arms_and_differences() -> None:
    found = doubly_robust_survival(TIME, EVENT, ARM, X, times=[6, 12], taus=[12], estimand="ATT")
    frame = found.to_frame()
    assert frame["quantity"].to_list() == ["survival", "survival", "restricted_mean"] * 2
    assert ((frame["ci_low"] < frame["estimate"]) & (frame["estimate"] < frame["ci_high"])).all()
    differences = found.differences()
    assert differences["measure"].to_list() == ["survival_difference"] * 2 + ["rmst_difference"]
    assert set(differences["estimand"]) == {"ATT"}
    assert set(differences["effect_type"]) == {"marginal"}
    assert differences["estimate"].to_numpy() == pytest.approx(found.treated - found.control)
    cox = doubly_robust_survival(TIME, EVENT, ARM, X, times=[12], censoring="cox", bootstrap=20)
    assert cox.effect.estimate == pytest.approx(cox.treated[0] - cox.control[0])
    assert cox.effect.ci_low < cox.effect.estimate < cox.effect.ci_high
    risk = doubly_robust_risk(TIME, EVENT, ARM, X, times=[12])
    assert risk.effect.measure == "risk_difference"


def test_one_confidence_level_holds_for_the_whole_doubly_robust_result() -> None:
    found = doubly_robust_survival(TIME, EVENT, ARM, X, times=[12], level=0.8)
    wide = doubly_robust_survival(TIME, EVENT, ARM, X, times=[12])
    assert found.to_frame()["ci_level"].to_list() == [found.effect.ci_level] * 2 == [0.8, 0.8]
    assert (found.to_frame()["ci_low"] > wide.to_frame()["ci_low"]).all()
    drawn = doubly_robust_survival(TIME, EVENT, ARM, X, times=[12], bootstrap=20)
    assert drawn.bootstrap is not None
    assert drawn.to_frame()["ci_low"].to_list() == drawn.bootstrap.lower[:2].tolist()
    assert drawn.to_frame()["ci_high"].to_list() == drawn.bootstrap.upper[:2].tolist()


def test_a_risk_that_cannot_be_and_the_person_behind_it_are_noted() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 2))
    treated = rng.random(300) < 1 / (1 + np.exp(-x[:, 0]))
    time, event = np.ceil(rng.exponential(20, 300)), rng.random(300) < 0.7
    x[np.flatnonzero(~treated)[0], 0] = 20  # a control like nobody else
    found = doubly_robust_risk(time, event, treated, x, times=[10], censoring="cox")
    said = " ".join(found.effect.notes)
    assert "Effective size of the controls" in said
    assert "of their weight" in said
    assert found.control[0] < 0
    assert "outside what is possible" in said
    usual = " ".join(doubly_robust_risk(TIME, EVENT, ARM, X, times=[12]).effect.notes)
    assert "outside what is possible" not in usual
    assert "of their weight" not in usual


def test_a_person_far_from_the_others_does_not_overflow_the_hazard() -> None:
    far = X.copy()
    far[np.flatnonzero(~ARM)[0], 0] = 1e4
    found = doubly_robust_survival(TIME, EVENT, ARM, X, times=[12], outcome_covariates=far, censoring="cox")
    assert np.isfinite(found.control).all()
    assert np.isfinite(found.effect.std_err)


@pytest.mark.parametrize("penalty", ["ridge", "lasso", "elastic_net"])
def test_a_covariate_that_does_not_vary_gets_no_penalised_coefficient(penalty: str) -> None:
    constant, rare = np.ones(N), (np.arange(N) == 3) * 1.0  # the second constant in all folds but some
    found = fit_penalised_logistic(np.column_stack([X, constant, rare]), ARM, penalty=penalty)
    assert found.coefficients[3] == 0
    assert np.isfinite(found.coefficients).all()


def test_one_standard_error_rule_takes_the_stronger_penalty() -> None:
    lowest, plain = (fit_penalised_logistic(X, ARM, rule=rule) for rule in ("lowest", "one_se"))
    assert plain.strength >= lowest.strength
    assert lowest.loss.min() == lowest.loss[lowest.strengths == lowest.strength][0]
    assert np.abs(plain.coefficients[1:]).sum() <= np.abs(lowest.coefficients[1:]).sum() + 1e-9
    assert lowest.to_frame()["term"].to_list() == ["(intercept)", "x0", "x1"]
