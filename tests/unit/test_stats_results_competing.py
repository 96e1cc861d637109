"""What results of competing risks, parametric models and adjusted curves give to a report."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipelines.stats.adjusted import incidence_contrast, number_needed, survival_contrast, weighted_curves
from pipelines.stats.competing_risks import aalen_johansen, fit_fine_gray, gray_test
from pipelines.stats.effect import wald_effect
from pipelines.stats.parametric import fit_piecewise_exponential, fit_royston_parmar, rates

RNG = np.random.default_rng(40)
N = 300
X = np.column_stack([RNG.normal(size=N), RNG.integers(0, 2, N)])
TIME = np.ceil(RNG.exponential(15 * np.exp(0.4 * X[:, 1])))
CAUSE = RNG.choice([0, 1, 3], N, p=[0.3, 0.45, 0.25])  # causes need not be numbered without gaps
ARM = RNG.random(N) < 0.4
NAMES = ["age", "site"]


def test_an_effect_says_what_the_row_of_its_covariate_says() -> None:
    fits = (
        (fit_fine_gray(TIME, CAUSE, X, of=3, names=NAMES), "subdistribution_hazard_ratio", "shr"),
        (fit_royston_parmar(TIME, CAUSE > 0, X, names=NAMES), "ratio", "hr"),
        (fit_royston_parmar(TIME, CAUSE > 0, X, names=NAMES, scale="odds"), "ratio", "or"),
        (fit_piecewise_exponential(TIME, CAUSE > 0, X, names=NAMES, cuts=[5]), "exponential", "hr"),
    )
    for fit, column, measure in fits:
        frame = fit.to_frame(0.9)
        row = frame.row(frame["term"].to_list().index("site"), named=True)
        effect = fit.effect("site", n_exposed=int(X[:, 1].sum()), level=0.9)
        assert (effect.estimate, effect.ci_low) == pytest.approx((row[column], row["ci_low"]))
        assert effect.p_value == pytest.approx(row["p_value"])
        assert (effect.measure, effect.estimand, effect.effect_type) == (
            measure,
            "conditional",
            "conditional",
        )


def test_events_of_a_fine_gray_effect_are_those_of_its_cause() -> None:
    fit = fit_fine_gray(TIME, CAUSE, X, of=3, names=NAMES)
    assert fit.effect("site", n_exposed=1).events == np.count_nonzero(CAUSE == 3) == fit.n_events
    assert fit.n_competing == np.count_nonzero(CAUSE == 1)


def test_curves_keep_the_names_of_groups_and_causes() -> None:
    fit = aalen_johansen(TIME, CAUSE, group=np.where(ARM, "operated", "not"))
    frame = fit.to_frame()
    assert frame["group"].unique(maintain_order=True).to_list() == ["not", "operated"]
    assert frame["cause"].unique(maintain_order=True).to_list() == [1, 3]
    last = frame.filter(group="operated", cause=3)["incidence"][-1]
    assert last == fit["operated"].incidence_at([1e9], 3)[0]
    assert fit.at([5]).height == 4
    test = gray_test(TIME, CAUSE, ARM)
    assert test.to_frame()["cause"].to_list() == [1, 3]
    assert test.groups == (False, True)


def test_the_ratio_of_a_year_is_that_of_the_hazards_then() -> None:
    fit = fit_royston_parmar(TIME, CAUSE > 0, X, names=NAMES, time_dependent={"site": 2})
    ratios = fit.hazard_ratio([0, 1], [0, 0], [5, 10, 15])
    effect = fit.effect("site", n_exposed=1, time=10)
    assert (effect.estimate, effect.ci_low) == pytest.approx((ratios.estimate[1], ratios.lower[1]))
    assert ratios.to_frame()["what"].unique().to_list() == ["hazard ratio"]
    assert fit.survival([0, 1], [0]).estimate[0] == 1


def test_survival_of_a_piecewise_exponential_model_is_worked_out_by_hand() -> None:
    fit = fit_piecewise_exponential(TIME, CAUSE > 0, X, names=NAMES, cuts=[5])
    first, second, _, site = np.exp(fit.coefficients)
    found = fit.survival([0, 1], [0, 8])
    assert_allclose(found["survival"], [1, np.exp(-(5 * first + 3 * second) * site)], rtol=1e-12)
    assert fit.intervals == ("(0, 5]", "(5, end]")


def test_rates_by_group_add_up_to_those_of_all() -> None:
    one, all_of_them = rates(TIME, CAUSE > 0, cuts=[5], group=ARM), rates(TIME, CAUSE > 0, cuts=[5])
    assert_allclose(one["events"].to_numpy().reshape(2, 2).sum(axis=0), all_of_them["events"])
    assert all_of_them["person_time"].sum() == TIME.sum()
    assert ((one["lower"] < one["rate"]) & (one["rate"] < one["upper"])).all()


def test_contrasts_list_what_they_compare_and_when() -> None:
    options = {"replicates": 3, "estimand": "ATT"}
    whole = survival_contrast(TIME, CAUSE > 0, ARM, X, times=[5, 10], horizons=[8], **options)
    frame = whole.to_frame()
    assert frame["time"].to_list() == [5, 10, 5, 10, 8]
    assert frame["measure"].to_list() == [
        *["survival_difference"] * 2,
        *["risk_difference"] * 2,
        "rmst_difference",
    ]
    assert frame["estimand"].unique().to_list() == ["ATT"]
    assert "people like the treated" in frame["notes"][0]
    one = incidence_contrast(TIME, CAUSE, ARM, X, of=3, times=[5], **options)
    assert one.to_frame()["events"].to_list() == [np.count_nonzero(CAUSE == 3)]
    assert one.number_needed[0].to_frame().height == 1
    curves = weighted_curves(TIME, CAUSE > 0, ARM, np.ones(N))
    assert curves.to_frame().height == 2 * len(curves.time)
    assert curves.effective == pytest.approx((np.count_nonzero(~ARM), np.count_nonzero(ARM)))


def test_a_number_needed_of_a_clear_benefit_has_one_side_only() -> None:
    effect = wald_effect(
        -0.1,
        0.02,
        analysis="a",
        measure="risk_difference",
        n=100,
        n_exposed=50,
        events=20,
        estimand="ATE",
        effect_type="marginal",
        method="m",
    )
    needed = number_needed(effect)
    assert needed.harm is None
    assert needed.to_frame()["harm_low"].to_list() == [None]
    assert needed.text == "10.0 (benefit; 95 % interval: benefit 7.2 to 16.4)"
