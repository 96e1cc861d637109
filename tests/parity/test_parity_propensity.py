"""Scores equal those of R's glm, brglm2, glmnet and multinom; overlap equals what is written out in R."""

import numpy as np
import polars as pl
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.propensity import (
    fit_firth_logistic,
    fit_logistic,
    fit_multinomial,
    fit_propensity,
    overlap,
    preference_score,
)
from pipelines.stats.propensity.penalised import fit_penalised_logistic
from pipelines.stats.weighting import trim


def covariates() -> pl.DataFrame:
    """The covariates of the lalonde data, race against black."""
    race = pl.col("race")
    return data("lalonde").select(
        "age",
        "educ",
        (race == "hispan").cast(pl.Float64).alias("racehispan"),
        (race == "white").cast(pl.Float64).alias("racewhite"),
        "married",
        "nodegree",
        "re74",
        "re75",
    )


def test_logistic_regression_by_many_people_is_that_of_a_few_counted_often() -> None:
    """Copies and counts: the same numbers, though many people take another way to the maximum."""
    x, treated = covariates().to_numpy(), data("lalonde")["treat"].to_numpy()
    expected = r_value("x_propensity_converged")
    counted = fit_logistic(x, treated, weights=np.full(len(x), 20.0))
    copied = fit_logistic(np.tile(x, (20, 1)), np.tile(treated, 20))
    for fit in (counted, copied):
        np.testing.assert_allclose(fit.coefficients, list(expected["coef"].values()), rtol=1e-8)
        np.testing.assert_allclose(fit.standard_errors * np.sqrt(20), expected["se"], rtol=1e-8)


def test_firth_where_a_covariate_separates() -> None:
    x = np.column_stack([np.arange(1, 11), [0, 1, 0, 1, 1, 0, 1, 0, 1, 1]])
    fit = fit_firth_logistic(x, [0] * 6 + [1] * 4, profile=False)
    actual = {
        "coef": fit.coefficients,
        "se": fit.standard_errors,
        "penalised_loglik": fit.penalised_log_likelihood,
    }
    assert_matches_r(actual, "x_firth_logistic_separated", rtol=1e-9)


def test_firth_with_profile_intervals() -> None:
    people = data("lalonde")
    few = people.filter((pl.col("treat") == 0) | (pl.int_range(pl.len()) < 12))
    fit = fit_firth_logistic(few.select("age", "educ", "married", "nodegree"), few["treat"])
    terms = [1, 3]  # R gives the limits of age and married
    actual = {
        "coef": fit.coefficients,
        "se": fit.standard_errors,
        "penalised_loglik": fit.penalised_log_likelihood,
        "lower": fit.lower[terms],
        "upper": fit.upper[terms],
        "p": fit.p_value[terms],
    }
    assert_matches_r(actual, "r_propensity_firth", rtol=1e-6)


@pytest.mark.parametrize("penalty", ["ridge", "lasso", "elastic_net"])
def test_penalised_at_a_given_strength(penalty: str) -> None:
    fit = fit_penalised_logistic(covariates(), data("lalonde")["treat"], penalty=penalty, strength=0.02)
    assert_matches_r({"coef": fit.coefficients}, f"r_propensity_{penalty}", rtol=1e-6)


def test_three_arms_against_multinom() -> None:
    """R's optimiser stops at about 1e-4 of the smallest coefficient; the deviance is sharper."""
    people = data("lalonde")
    fit = fit_multinomial(people.select("age", "educ", "married", "nodegree"), people["race"])
    actual = {"coef": fit.coefficients, "first_rows": fit.scores[:10]}
    assert_matches_r(actual, "x_multinomial_propensity", rtol=1e-4, leave=("deviance",))
    assert fit.deviance == pytest.approx(r_value("x_multinomial_propensity")["deviance"], rel=1e-10)


def test_three_arms_with_standard_errors() -> None:
    people = data("lalonde")
    x = people.select(pl.col("age") / 10, pl.col("educ") / 10, "married", "nodegree")
    fit = fit_multinomial(x, people["race"], reference="black")
    error = np.sqrt(np.diag(fit.covariance)).reshape(2, 5)
    actual = {"coef": fit.coefficients, "se": error, "scores_sum": fit.scores.sum(axis=0)}
    assert_matches_r(actual, "r_propensity_three_arms", rtol=5e-6, leave=("deviance",))
    assert fit.deviance == pytest.approx(r_value("r_propensity_three_arms")["deviance"], rel=1e-10)


def test_scores_do_not_depend_on_the_reference_arm() -> None:
    people = data("lalonde")
    x = people.select("age", "married")
    one, two = (fit_multinomial(x, people["race"], reference=arm) for arm in ("black", "white"))
    np.testing.assert_allclose(one.scores, two.scores, rtol=1e-9)
    np.testing.assert_allclose(one.coefficients[1], -two.coefficients[0], rtol=1e-7)


def test_overlap() -> None:
    treated = data("lalonde")["treat"]
    fit = fit_propensity(covariates(), treated)
    found = overlap(fit.score, treated)
    crump, sturmer = trim(fit.score, treated, "crump"), trim(fit.score, treated, "sturmer")
    actual = {
        "preference": preference_score(fit.score, treated),
        "support": found.support,
        "equipoise_treated": found.equipoise_treated,
        "equipoise_control": found.equipoise_control,
        "crump_limit": crump.lower,
        "crump_kept": crump.keep.sum(),
        "sturmer": [sturmer.lower, sturmer.upper],
        "auc": found.auc,
    }
    assert_matches_r(actual, "r_propensity_overlap", rtol=1e-8)
