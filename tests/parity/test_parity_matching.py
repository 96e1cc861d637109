"""Propensity scores equal R's `glm`, matchings MatchIt's, balance cobalt's, matched effects survival's."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matches_r import FIXTURES, assert_matches_r, data, r_value

from pipelines.stats.balance import balance
from pipelines.stats.effect import Effect
from pipelines.stats.matching import (
    SPREADS,
    Matches,
    adjusted_matched_cox,
    match_coarsened_exact,
    match_full,
    match_nearest,
    match_optimal,
    matched_cox,
    strata_cox,
    subclassify,
    within_pairs_cox,
)
from pipelines.stats.matching._people import caliper_width
from pipelines.stats.propensity import fit_propensity

MATCHINGS = sorted(
    path.stem for path in Path(FIXTURES).glob("x_match_*.json") if "mahalanobis" not in path.stem
)


def lalonde_levels() -> pl.DataFrame:
    """The covariates of the lalonde data, a column per level of race."""
    race = pl.col("race")
    return data("lalonde").select(
        "age",
        "educ",
        *[(race == level).cast(pl.Float64).alias(f"race_{level}") for level in ("black", "hispan", "white")],
        "married",
        "nodegree",
        "re74",
        "re75",
    )


def test_propensity() -> None:
    treated = data("lalonde")["treat"].to_numpy() == 1
    fit = fit_propensity(lalonde_levels().drop("race_black"), treated)
    actual = {
        "coef": fit.coefficients,
        "se": np.sqrt(np.diag(fit.covariance)),
        "ps": fit.score,
        "logit": fit.logit,
        "sd_logit": [
            caliper_width(fit.logit, treated, 1.0, kind) for kind in ("total", "pooled", "treated", "control")
        ],
    }
    assert_matches_r(actual, "x_propensity_converged", rtol=1e-8)
    # The chance that a treated person outranks a control, by comparing every pair.
    above = fit.logit[treated][:, None] - fit.logit[~treated][None, :]
    assert fit.auc == pytest.approx(np.mean((above > 1e-9) + 0.5 * (np.abs(above) <= 1e-9)), rel=1e-12)


def test_there_are_matchings_to_compare() -> None:
    assert len([name for name in MATCHINGS if "closest" in name or "largest" in name]) == 11


@pytest.mark.parametrize("name", MATCHINGS)
def test_pairs(name: str) -> None:
    expected = r_value(name)
    order = next((o for o in ("closest", "smallest", "data") if o in name), "largest")
    found = match_nearest(
        expected["logit"],
        data("lalonde_noties")["treat"],
        order=order,
        caliper=expected.get("caliper_multiple"),
        caliper_sd=expected.get("caliper_sd", "pooled"),
        ratio=2 if "ratio2" in name else 1,
        replace="replace" in name,
    )
    assert_same_pairs(found, expected)


def assert_same_pairs(found: Matches, expected: dict) -> None:
    theirs = {
        (treated - 1, control - 1)
        for treated, controls in zip(expected["treated"], expected["control"], strict=True)
        for control in (controls if isinstance(controls, list) else [controls])
    }
    ours = set(zip(found.treated_index.tolist(), found.control_index.tolist(), strict=True))
    assert ours == theirs
    assert found.n_matched_treated == expected["n_matched_treated"]
    if "caliper_width" in expected:
        assert found.caliper_width == pytest.approx(expected["caliper_width"], rel=1e-9)
        assert found.score_distance.max() <= expected["caliper_width"]


def test_pairs_by_mahalanobis_distance_within_the_caliper() -> None:
    expected = r_value("x_match_mahalanobis_in_caliper")
    people = data("lalonde_noties")
    found = match_nearest(
        expected["logit"],
        people["treat"],
        order="largest",
        caliper=0.2,
        mahalanobis=people.select("age", "educ", "re74", "re75"),
    )
    assert_same_pairs(found, expected)
    x = people.select("age", "educ", "re74", "re75").to_numpy()
    treated = people["treat"].to_numpy() == 1
    covariance = sum(
        (treated == arm).sum() * np.cov(x[treated == arm], rowvar=False, ddof=0) for arm in (True, False)
    ) / (len(x) - 2)
    gap = x[found.treated_index] - x[found.control_index]
    distance = np.sqrt(np.einsum("ij,jk,ik->i", gap, np.linalg.inv(covariance), gap))
    np.testing.assert_allclose(found.distance, distance, rtol=1e-9)


def test_every_spread_is_compared() -> None:
    assert set(SPREADS) == {name.rsplit("_", 1)[-1] for name in MATCHINGS if "caliper" in name}


@pytest.mark.parametrize("estimand", ["ate", "att", "overlap", "matching"])
def test_balance(estimand: str) -> None:
    expected = r_value(f"weights_{estimand}")
    x, treated = lalonde_levels(), data("lalonde")["treat"].to_numpy()
    found = balance(x, treated, weights=expected["weights"], sd="pooled")
    assert list(found.names) == expected["balance_rows"]
    frame = found.to_frame()
    # cobalt gives a binary covariate's difference as it is; ours is in standard deviations.
    spread = np.where(
        found.binary,
        np.sqrt(
            (
                np.var(x.filter(treated == 1).to_numpy(), axis=0, ddof=1)
                + np.var(x.filter(treated == 0).to_numpy(), axis=0, ddof=1)
            )
            / 2
        ),
        1.0,
    )
    theirs = pl.DataFrame(expected["balance"])
    for ours, column, factor in (
        ("smd_before", "Diff.Un", spread),
        ("smd_after", "Diff.Adj", spread),
        ("variance_ratio_before", "V.Ratio.Un", 1.0),
        ("variance_ratio_after", "V.Ratio.Adj", 1.0),
        ("ks_before", "KS.Un", 1.0),
        ("ks_after", "KS.Adj", 1.0),
    ):
        values = frame[ours].cast(pl.Float64).to_numpy() * factor
        np.testing.assert_allclose(values, theirs[column].to_numpy(), rtol=1e-8, atol=1e-10, err_msg=ours)
    assert [found.after.ess_treated, found.after.ess_control] == pytest.approx(
        [expected["ess"]["treated"], expected["ess"]["control"]], rel=1e-9
    )


def test_coarsened_exact_matching() -> None:
    people = data("lalonde")
    found = match_coarsened_exact(people.select("age", "educ", "race", "married"), people["treat"])
    expected = r_value("cem")
    np.testing.assert_allclose(found.weights("ATT"), expected["weights"], rtol=1e-10)
    assert_balance_after(
        found.weights("ATT"), expected, ["age", "educ", "race_black", "race_hispan", "race_white"]
    )
    assert found.estimand("ATT") == "matched_set"


def test_subclasses_of_the_score() -> None:
    treated = data("lalonde")["treat"]
    scores = fit_propensity(lalonde_levels().drop("race_black"), treated)
    found = subclassify(scores.score, treated)
    expected = r_value("subclass_5")
    np.testing.assert_allclose(found.weights("ATT"), expected["weights"], rtol=1e-10)
    assert_balance_after(found.weights("ATT"), expected, [*expected["balance_rows"][1:]])
    assert found.estimand("ATT") == "ATT"


def assert_balance_after(weights: np.ndarray, expected: dict, columns: list[str]) -> None:
    """Balance after weighting as cobalt gives it: divided by the SD of the treated, levels as they are."""
    treated = data("lalonde")["treat"].to_numpy()
    x = lalonde_levels().select(columns)
    found = balance(x, treated, weights=weights, sd="treated")
    spread = np.where(found.binary, np.std(x.filter(treated == 1).to_numpy(), axis=0, ddof=1), 1.0)
    theirs = {row["_row"]: row for row in expected["balance"]}
    ours = dict(zip(columns, found.after.smd * spread, strict=True))
    for name in columns:
        assert ours[name] == pytest.approx(theirs[name]["Diff.Adj"], rel=1e-8, abs=1e-10), name


def outcome(name: str = "lalonde_noties") -> dict[str, np.ndarray]:
    """Earnings in place of time, as in r/matching.R."""
    earned = data(name)["re78"].to_numpy()
    return {"time": np.floor(earned / 100) + 1, "event": earned > 0}


def matches_of(name: str, **options: object) -> Matches:
    expected = r_value(name)
    found = match_nearest(expected["logit"], data("lalonde_noties")["treat"], **options)
    assert_same_pairs(found, expected)
    return found


def assert_effect(effect: Effect, fixture: str) -> None:
    expected = r_value(fixture)
    first = {key: value[0] if isinstance(value, list) else value for key, value in expected.items()}
    assert effect.log_estimate == pytest.approx(first["coef"], rel=1e-8)
    assert effect.std_err == pytest.approx(first["se"], rel=1e-8)


def test_effects_of_pairs() -> None:
    pairs = matches_of("x_match_closest_caliper_pooled", caliper=0.02)
    people = data("lalonde_noties")
    assert_effect(matched_cox(pairs, **outcome()), "r_matching_pairs")
    x = people.select("age", "educ", "re74", "re75")
    assert_effect(adjusted_matched_cox(pairs, **outcome(), covariates=x), "r_matching_pairs_adjusted")
    x = people.select("age", "educ", "re74")
    assert_effect(within_pairs_cox(pairs, **outcome(), covariates=x), "r_matching_within_pairs")


def test_effect_of_sets_of_three() -> None:
    sets = matches_of("x_match_ratio2_largest", ratio=2, order="largest")
    assert_effect(matched_cox(sets, **outcome()), "r_matching_ratio2")


def test_effect_with_replacement_is_clustered_by_set_and_by_person() -> None:
    again = matches_of("x_match_replace", replace=True)
    assert_effect(matched_cox(again, **outcome()), "r_matching_replace")


def test_effects_of_strata() -> None:
    people = data("lalonde")
    cells = match_coarsened_exact(people.select("age", "educ", "race", "married"), people["treat"])
    assert_effect(strata_cox(cells, **outcome("lalonde")), "r_matching_cem")
    scores = fit_propensity(lalonde_levels().drop("race_black"), people["treat"])
    classes = subclassify(scores.score, people["treat"])
    assert_effect(strata_cox(classes, **outcome("lalonde")), "r_matching_subclass_5")


def test_optimal_pairs_are_as_near_as_those_of_another_solver() -> None:
    expected, logit = r_value("r_matching_optimal"), r_value("x_match_closest")["logit"]
    people = data("lalonde_noties")
    x = people.select("age", "educ", "re74", "re75")
    for key, options in (("all", {}), ("caliper", {"caliper": 0.1}), ("mahalanobis", {"mahalanobis": x})):
        found = match_optimal(logit, people["treat"], **options)
        assert len(found.pair_id) == expected[key]["pairs"]
        assert found.distance.sum() == pytest.approx(expected[key]["total"], rel=1e-7)


def test_full_matching_is_as_near_as_that_of_another_solver() -> None:
    expected, logit = r_value("r_matching_full"), r_value("x_match_closest")["logit"]
    treated = data("lalonde_noties")["treat"]
    free = match_full(logit, treated, caliper=0.2)
    assert free.total_distance == pytest.approx(expected["free"], rel=1e-7)
    limited = match_full(logit, treated, caliper=0.2, max_controls=49, min_controls=1 / 5)
    assert limited.total_distance == pytest.approx(expected["limited"], rel=1e-7)
    n_treated, n_controls = limited.counts()
    assert n_treated.max() <= 5
    assert n_controls.max() <= 49
    assert np.minimum(n_treated, n_controls).max() == 1
