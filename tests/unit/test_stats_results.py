"""Small cases worked out by hand, and the frames that results give."""

import numpy as np
import polars as pl
import pytest

from pipelines.stats.balance import balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.cox.concordance import concordance_index
from pipelines.stats.cox.diagnostics import (
    proportional_hazards_test,
    schoenfeld_residuals,
)
from pipelines.stats.cox.prediction import survival_curve
from pipelines.stats.kaplan_meier import kaplan_meier, median_follow_up, naive_median
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.stats.matching import match_nearest
from pipelines.stats.propensity import fit_propensity
from pipelines.stats.propensity.logistic import fit_logistic


def test_log_likelihood_of_three_deaths_by_hand() -> None:
    """At zero each death is one of those still at risk: log(1/3) + log(1/2) + log(1/1)."""
    fit = fit_cox([1, 2, 3], [1, 1, 1], [1.0, 3.0, 2.0], ridge=0.1)
    assert fit.log_likelihood[0] == pytest.approx(-np.log(6))


def test_two_tied_deaths_of_three_by_hand() -> None:
    """Efron takes half of the tied risk away for the second death; Breslow does not."""
    data = {"time": [1, 1, 2], "event": [1, 1, 0], "covariates": [0.0, 1.0, 0.0], "ridge": 1.0}
    assert fit_cox(**data).log_likelihood[0] == pytest.approx(-np.log(3) - np.log(2))
    assert fit_cox(**data, ties="breslow").log_likelihood[0] == pytest.approx(-2 * np.log(3))


def test_times_apart_by_a_rounding_error_are_tied() -> None:
    noisy = fit_cox([0.1 + 0.2, 0.3, 1, 2], [1, 1, 1, 1], [0, 1, 1, 0])
    exact = fit_cox([0.3, 0.3, 1, 2], [1, 1, 1, 1], [0, 1, 1, 0])
    assert noisy.log_likelihood == exact.log_likelihood


def test_survival_by_hand() -> None:
    """Five people: one of five dies at 1, one is censored at 2, one of three dies at 3, both others at 4."""
    curve = kaplan_meier([1, 2, 3, 4, 4], [1, 0, 1, 1, 1]).curves[0]
    assert curve.survival.tolist() == pytest.approx([4 / 5, 4 / 5, 8 / 15, 0])
    assert curve.n_risk.tolist() == [5, 4, 3, 2]
    assert curve.survival_at([0, 1, 2.9, 3, 99]).tolist() == pytest.approx([1, 0.8, 0.8, 8 / 15, 0])
    assert curve.n_at_risk([0, 1, 1.5, 4, 5]).tolist() == [5, 5, 4, 2, 0]
    assert curve.median().estimate == 4
    assert curve.restricted_mean(3)[0] == pytest.approx(1 + 2 * 0.8)
    assert curve.survival_std_err[-1] == 0


def test_limits_that_do_not_exist_are_null() -> None:
    frame = kaplan_meier([1, 2, 3], [0, 1, 1]).to_frame()
    assert frame["lower"].is_null().to_list() == [True, False, True]


def test_a_median_not_reached_is_none() -> None:
    median = kaplan_meier([1, 2, 3, 4], [1, 0, 0, 0]).curves[0].median()
    assert (median.estimate, median.upper) == (None, None)


def test_groups_keep_their_labels() -> None:
    fit = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1], group=["surgery", "none", "surgery", "none"])
    assert [c.group for c in fit] == ["none", "surgery"]
    assert fit["surgery"].median().estimate == 2
    assert fit.n_at_risk([2]).ravel().tolist() == [2, 1]
    assert fit.to_frame()["group"].to_list() == ["none"] * 2 + ["surgery"] * 2
    with pytest.raises(KeyError):
        fit["other"]


def test_naive_median_is_of_observed_times() -> None:
    assert naive_median([1, 2, 10, 50]) == 6
    assert median_follow_up([1, 2, 3], [1, 1, 1]) is None


def test_logrank_by_hand() -> None:
    """Deaths at 1 (group a, of 2 and 2 at risk) and at 2 (group b, of 1 and 2)."""
    test = logrank([1, 2, 3, 3], [1, 1, 0, 0], ["a", "b", "a", "b"])
    assert test.expected.tolist() == pytest.approx([1 / 2 + 1 / 3, 1 / 2 + 2 / 3])
    variance = 1 / 4 + 2 / 9
    assert test.statistic == pytest.approx((1 - 5 / 6) ** 2 / variance)
    assert test.to_frame()["group"].to_list() == ["a", "b"]


def test_odds_ratio_of_a_two_by_two_table() -> None:
    """10 of 30 exposed and 5 of 45 unexposed: odds ratio (10 * 40) / (20 * 5), Woolf's standard error."""
    exposed = np.repeat([1, 1, 0, 0], [10, 20, 5, 40])
    outcome = np.repeat([1, 0, 1, 0], [10, 20, 5, 40])
    row = fit_logistic(exposed, outcome, names=["exposed"]).to_frame(level=0.9).row(1, named=True)
    assert row["odds_ratio"] == pytest.approx(4)
    error = np.sqrt(1 / 10 + 1 / 20 + 1 / 5 + 1 / 40)
    assert row["std_err"] == pytest.approx(error)
    assert row["ci_low"] == pytest.approx(4 * np.exp(-1.6448536269514722 * error))


def test_weights_of_a_logistic_fit_are_counts() -> None:
    cells = fit_logistic([1, 1, 0, 0], [1, 0, 1, 0], weights=[10, 20, 5, 40])
    assert np.exp(cells.coefficients[1]) == pytest.approx(4)
    assert cells.log_likelihood[0] == pytest.approx(15 * np.log(0.2) + 60 * np.log(0.8))


def test_concordance_by_hand() -> None:
    """Dies at 1 (risk 3), at 2 (risk 1), lives to 3 (risk 2): two of three pairs in order."""
    assert concordance_index([1, 2, 3], [1, 1, 0], [3, 1, 2]) == pytest.approx(2 / 3)
    assert concordance_index([1, 2], [1, 0], [5, 5]) == 0.5


def test_ties_of_distance_go_to_the_lower_id() -> None:
    logit, treated = [0.0, 0.1, -0.1, 0.1], [1, 0, 0, 0]
    assert match_nearest(logit, treated, ids=[6, 7, 8, 9]).control_index.tolist() == [1]
    assert match_nearest(logit, treated, ids=[9, 8, 7, 6]).control_index.tolist() == [3]
    assert match_nearest(logit, treated, ids=["a", "d", "b", "c"]).control_index.tolist() == [2]


def test_matched_rows_and_their_sets() -> None:
    found = match_nearest([0.0, 5.0, 0.1, 5.1, 4.9], [1, 1, 0, 0, 0], ratio=2, caliper=None)
    rows, sets = found.rows()
    assert rows.tolist() == [0, 2, 1, 3, 4] or rows.tolist() == [0, 2, 1, 4, 3]
    assert sets.tolist() == [0, 0, 1, 1, 1]
    assert found.to_frame().columns == ["pair_id", "treated_index", "control_index", "distance"]
    assert (found.n_treated, found.n_controls, found.n_matched_treated) == (2, 3, 2)


def test_standardized_difference_by_hand() -> None:
    """Means 2 and 4, variances 1 and 4: pooled sd sqrt(2.5)."""
    found = balance([1, 2, 3, 2, 4, 6], [1, 1, 1, 0, 0, 0], names=["size"])
    assert found.before.smd[0] == pytest.approx(-2 / np.sqrt(2.5))
    assert found.before.variance_ratio[0] == pytest.approx(1 / 4)
    assert found.before.ks[0] == pytest.approx(2 / 3)
    row = found.to_frame().row(0, named=True)
    assert row["covariate"] == "size"
    assert row["smd_after"] is None
    assert found.largest_smd() == pytest.approx(2 / np.sqrt(2.5))


def test_balance_of_what_does_not_vary() -> None:
    same, split = [1, 1, 1, 1], [1, 1, 0, 0]
    found = balance(np.column_stack([same, split]), [1, 1, 0, 0])
    assert found.before.smd.tolist() == [0, np.inf]
    assert found.to_frame()["variance_ratio_before"].to_list() == [None, None]


def test_frames_have_a_row_per_thing() -> None:
    rng = np.random.default_rng(3)
    x, arm = rng.normal(size=(60, 2)), rng.random(60) < 0.5
    time, event = np.ceil(rng.exponential(10, 60)), rng.random(60) < 0.7
    fit = fit_cox(time, event, x, strata=arm)
    frame = fit.hazard_ratios(level=0.99)
    assert frame["ci_level"].to_list() == [0.99, 0.99]
    assert (frame["ci_low"] < frame["hazard_ratio"]).all()
    assert (frame["hazard_ratio"] < frame["ci_high"]).all()
    wider = frame["ci_high"] / fit.to_frame()["ci_high"]
    assert (wider > 1).all()
    assert proportional_hazards_test(fit).to_frame()["term"].to_list() == ["x0", "x1", "GLOBAL"]
    assert schoenfeld_residuals(fit).to_frame().height == 2 * fit.n_events
    curve = survival_curve(fit, [0, 0], stratum=True).to_frame()
    assert curve["time"].to_list() == sorted(set(time[arm]))
    assert (curve["survival"].diff().drop_nulls() <= 0).all()
    assert fit_propensity(x, arm).to_frame().select(pl.col("score").is_between(0, 1).all()).item()
    assert fit.likelihood_ratio_test().df == 2
    assert fit.wald_test(["x0"]).statistic == pytest.approx(fit.to_frame()["z"][0] ** 2)
    assert fit.contrast({"x1": 2.0})[1] == pytest.approx(2 * fit.standard_errors[1])
