"""What must hold of everything that is asked of a Cox model, and what simulated truths it has to find."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from pipelines.stats.cox import CoxFit, fit_cox
from pipelines.stats.cox.concordance import concordance_of
from pipelines.stats.cox.diagnostics import (
    deviance_residuals,
    dfbeta_residuals,
    dfbetas_residuals,
    martingale_residuals,
)
from pipelines.stats.cox.firth import fit_firth_cox
from pipelines.stats.cox.prediction import baseline_hazard, survival_curve, survival_curves
from pipelines.stats.cox.profile import profile_intervals
from pipelines.stats.cox.ridge import effective_degrees_of_freedom
from pipelines.stats.cox.splines import (
    hazard_ratio_curve,
    natural_spline,
    nonlinearity_test,
    restricted_cubic_spline,
)
from pipelines.stats.cox.terms import design, factor, interaction, numeric
from pipelines.stats.cox.tests import contrasts, joint_tests, likelihood_ratio_test
from pipelines.stats.cox.time_split import split_follow_up, time_split_hazard_ratios
from pipelines.stats.cox.variance import clustered_covariance
from pipelines.stats.errors import CollinearityError, ConvergenceError, SeparationError

NOT_FITTED = (SeparationError, CollinearityError, ConvergenceError)
SEEDS = st.integers(0, 2**32 - 1)
TIES = st.sampled_from(["efron", "breslow"])
FEW = settings(max_examples=25, deadline=None, derandomize=True)
VERY_FEW = settings(max_examples=10, deadline=None, derandomize=True)


@dataclass
class People:
    """Made-up survival data in whole months, with ties, three covariates and a dozen hospitals."""

    time: np.ndarray
    event: np.ndarray
    x: np.ndarray
    entry: np.ndarray
    weights: np.ndarray
    strata: np.ndarray
    hospital: np.ndarray
    rng: np.random.Generator

    @property
    def options(self) -> dict[str, np.ndarray]:
        return {"entry": self.entry, "weights": self.weights, "strata": self.strata}


def people(seed: int, n: int = 90) -> People:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.integers(18, 90, n)])
    time = np.ceil(rng.exponential(12 * np.exp(-0.5 * x[:, 0]))) + 1
    return People(
        time=time,
        event=rng.random(n) < 0.7,
        x=x,
        entry=np.floor(time * rng.random(n) * 0.5),
        weights=rng.choice([0.3, 1.0, 1.7], n),
        strata=rng.choice(["a", "b"], n),
        hospital=rng.integers(0, 12, n),
        rng=rng,
    )


def fitted(d: People, **options: object) -> CoxFit:
    try:
        return fit_cox(d.time, d.event, d.x, **options)
    except NOT_FITTED:
        assume(False)
        raise


# --- Intervals and tests --------------------------------------------------------------------------------


@VERY_FEW
@given(seed=SEEDS, ties=TIES)
def test_at_a_profile_limit_the_likelihood_has_come_down_by_half_the_quantile(seed: int, ties: str) -> None:
    """The covariate is held at the limit by an offset, and the rest fitted again."""
    d = people(seed)
    fit = fitted(d, ties=ties)
    limits = profile_intervals(fit, ["x0"], level=0.9)
    assert limits.lower[0] < fit.coefficients[0] < limits.upper[0]
    for limit in (limits.lower[0], limits.upper[0]):
        held = fit_cox(d.time, d.event, d.x[:, 1:], offset=limit * d.x[:, 0], ties=ties)
        drop = 2 * (fit.log_likelihood[1] - held.log_likelihood[1])
        assert drop == pytest.approx(2.705543454095404, rel=1e-6)


@FEW
@given(seed=SEEDS, ties=TIES)
def test_a_joint_likelihood_ratio_test_is_that_of_two_fits(seed: int, ties: str) -> None:
    d = people(seed)
    fit = fitted(d, ties=ties, entry=d.entry)
    small = fit_cox(d.time, d.event, d.x[:, :1], entry=d.entry, ties=ties)
    found = joint_tests(fit, {"rest": ["x1", "x2"]}).likelihood_ratio[0]
    expected = likelihood_ratio_test(small, fit)
    assert found.df == expected.df == 2
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-7, abs=1e-8)


@FEW
@given(seed=SEEDS)
def test_joint_tests_of_everything_are_the_tests_of_the_fit(seed: int) -> None:
    fit = fitted(people(seed))
    tests = joint_tests(fit, {"all": fit.names})
    assert tests.wald[0].statistic == pytest.approx(fit.wald_test().statistic, rel=1e-10)
    assert tests.score[0].statistic == pytest.approx(fit.score_test().statistic, rel=1e-7)
    assert tests.likelihood_ratio[0].statistic == pytest.approx(
        fit.likelihood_ratio_test().statistic, rel=1e-7
    )


@FEW
@given(seed=SEEDS)
def test_another_reference_is_the_same_model(seed: int) -> None:
    d = people(seed)
    stage = d.rng.choice(["I", "II", "III"], len(d.time), p=[0.4, 0.3, 0.3])
    fits = []
    for reference in ("I", "III"):
        terms = design(numeric(d.x[:, 0], name="age"), factor(stage, name="stage", reference=reference))
        try:
            fits.append(fit_cox(d.time, d.event, terms.columns, names=terms.names))
        except NOT_FITTED:
            assume(False)
    first, third = fits
    assert first.log_likelihood[1] == pytest.approx(third.log_likelihood[1], rel=1e-10)
    between = contrasts(first, {"II against III": {"stage=II": 1, "stage=III": -1}})
    place = third.names.index("stage=II")
    assert between.estimates[0] == pytest.approx(third.coefficients[place], rel=1e-5, abs=1e-7)
    assert between.std_errs[0] == pytest.approx(third.standard_errors[place], rel=1e-6)


def test_an_interaction_has_one_column_per_pair_of_levels() -> None:
    sex = factor(["f", "m", "f", "m", "f", "m"], name="sex", reference="m")
    stage = factor([1, 1, 2, 2, 3, 3], name="stage", reference=1)
    both = interaction(sex, stage)
    assert both.names == ("sex=f:stage=2", "sex=f:stage=3")
    assert_allclose(both.columns, [[0, 0], [0, 0], [1, 0], [0, 0], [0, 1], [0, 0]])
    assert design(sex, stage, both).groups["sex:stage"] == both.names


@VERY_FEW
@given(seed=SEEDS)
def test_both_spline_bases_give_the_same_curve_and_test(seed: int) -> None:
    d = people(seed, 120)
    age = d.x[:, 2]
    knots = np.array([25.0, 40.0, 60.0, 80.0])
    curves, tests, tops = [], [], []
    for term in (
        restricted_cubic_spline(age, name="age", knots=knots),
        natural_spline(age, name="age", knots=knots[1:-1], boundary=(25.0, 80.0)),
    ):
        try:
            fit = fit_cox(d.time, d.event, term.columns, names=term.names)
        except NOT_FITTED:
            assume(False)
        curves.append(hazard_ratio_curve(fit, term, [20, 30, 50, 70, 88], reference=50).to_frame())
        tests.append(nonlinearity_test(fit, term))
        tops.append(fit.log_likelihood[1])
    assert tops[0] == pytest.approx(tops[1], rel=1e-9)
    assert tests[0].df == tests[1].df == 2
    assert tests[0].statistic == pytest.approx(tests[1].statistic, rel=1e-5, abs=1e-6)
    assert_allclose(curves[0].to_numpy(), curves[1].to_numpy(), rtol=1e-5)
    assert curves[0]["hazard_ratio"][2] == curves[0]["ci_low"][2] == 1


def test_a_spline_finds_a_curve_and_says_when_there_is_none() -> None:
    rng = np.random.default_rng(4)
    size = rng.uniform(0, 10, 3000)
    p_values = []
    for log_hazard in (0.3 * size, 0.15 * np.abs(size - 5) ** 1.5):
        time = rng.exponential(np.exp(-log_hazard))
        term = restricted_cubic_spline(size, name="size", df=4)
        fit = fit_cox(time, np.ones(3000), term.columns, names=term.names)
        p_values.append(nonlinearity_test(fit, term).p_value)
    curve = hazard_ratio_curve(fit, term, [1, 9], reference=5)
    assert p_values[0] > 0.05
    assert p_values[1] < 1e-10
    assert_allclose(curve.log_hazard_ratio, 0.15 * 8, atol=0.2)


# --- Periods --------------------------------------------------------------------------------------------


@FEW
@given(seed=SEEDS, late=st.booleans())
def test_split_rows_hold_the_same_time_and_events(seed: int, late: bool) -> None:
    d = people(seed)
    rows = split_follow_up(d.time, d.event, [3, 9.5, 20], entry=d.entry if late else None)
    lived = np.bincount(rows.row, rows.stop - rows.start)
    assert_allclose(lived, d.time - (d.entry if late else 0))
    assert np.array_equal(np.bincount(rows.row, rows.event), d.event)
    edges = np.array([0, 3, 9.5, 20, np.inf])
    assert (rows.start >= edges[rows.period]).all()
    assert (rows.stop <= edges[rows.period + 1]).all()
    assert (rows.start < rows.stop).all()


@FEW
@given(seed=SEEDS, ties=TIES)
def test_the_ratio_of_a_period_is_that_of_its_rows_alone(seed: int, ties: str) -> None:
    """With one covariate the periods share nothing."""
    d = people(seed)
    rows = split_follow_up(d.time, d.event, [8])
    try:
        found = time_split_hazard_ratios(d.time, d.event, d.x[:, [0]], [8], term="x0", ties=ties)
        alone = [
            fit_cox(rows.stop[k], rows.event[k], d.x[rows.row[k], 0], entry=rows.start[k], ties=ties)
            for k in (rows.period == 0, rows.period == 1)
        ]
    except NOT_FITTED:
        assume(False)
    assert_allclose(found.contrasts.estimates, [f.coefficients[0] for f in alone], rtol=1e-6, atol=1e-8)
    assert_allclose(found.contrasts.std_errs, [f.standard_errors[0] for f in alone], rtol=1e-6)
    assert found.events.sum() == d.event.sum()


def test_a_hazard_ratio_that_turns_at_a_year_is_found() -> None:
    rng = np.random.default_rng(11)
    arm = rng.integers(0, 2, 6000)
    early = rng.exponential(20 / np.where(arm == 1, 0.5, 1.0))
    late = 12 + rng.exponential(20 / np.where(arm == 1, 1.5, 1.0))
    time = np.minimum(np.where(early <= 12, early, late), 60)
    found = time_split_hazard_ratios(time, time < 60, arm[:, None], [12], names=["arm"], term="arm")
    frame = found.to_frame()
    assert frame["period"].to_list() == ["(0, 12]", ">12"]
    assert_allclose(frame["hazard_ratio"], [0.5, 1.5], rtol=0.1)
    assert found.wald_equal.p_value < 1e-20
    assert found.likelihood_ratio_equal.p_value < 1e-20


# --- Curves and residuals -------------------------------------------------------------------------------


@FEW
@given(seed=SEEDS, ties=TIES)
def test_hazards_of_two_people_are_proportional(seed: int, ties: str) -> None:
    d = people(seed)
    fit = fitted(d, ties=ties, **d.options)
    pair = d.x[:2]
    curves = survival_curves(fit, pair, stratum="a", offset=[0.0, 0.5])
    ratio = np.exp((pair[1] - pair[0]) @ fit.coefficients + 0.5)
    assert_allclose(curves.cumulative_hazard[:, 1], ratio * curves.cumulative_hazard[:, 0], rtol=1e-9)
    assert (np.diff(curves.survival, axis=0) <= 0).all()
    assert ((curves.lower <= curves.survival) & (curves.survival <= curves.upper)).all()
    base = baseline_hazard(fit, at=pair[0]).filter(stratum="a")
    assert_allclose(base["cumulative_hazard"], curves.cumulative_hazard[:, 0], rtol=1e-12)


@FEW
@given(seed=SEEDS)
def test_expected_events_are_the_predicted_hazard_over_the_time_at_risk(seed: int) -> None:
    """Breslow's residual of each row is its event less Λ at its end plus Λ at its entry."""
    d = people(seed)
    fit = fitted(d, ties="breslow", entry=d.entry)
    curves = survival_curves(fit, d.x, times=np.unique(np.append(d.time, d.entry[d.entry > 0])))
    hazard = np.vstack([np.zeros(len(d.x)), curves.cumulative_hazard])
    who = np.arange(len(d.x))
    ends, starts = (np.searchsorted(curves.time, t, side="right") for t in (d.time, d.entry))
    expected = hazard[ends, who] - hazard[starts, who]
    assert_allclose(martingale_residuals(fit), d.event - expected, rtol=1e-8, atol=1e-10)


@FEW
@given(seed=SEEDS, ties=TIES)
def test_a_baseline_of_many_strata_is_that_of_each_stratums_curve(seed: int, ties: str) -> None:
    d = people(seed)
    fit = fitted(d, ties=ties, entry=d.entry, weights=d.weights, strata=d.hospital)
    base = baseline_hazard(fit, at=d.x[0])
    assert base["stratum"].unique(maintain_order=True).to_list() == [str(k) for k in np.unique(d.hospital)]
    for label in np.unique(d.hospital):
        curve = survival_curve(fit, d.x[0], stratum=label)
        own = base.filter(stratum=str(label))
        assert_allclose(own["time"], curve.time, rtol=0)
        assert_allclose(own["cumulative_hazard"], curve.cumulative_hazard, rtol=1e-12)


@FEW
@given(seed=SEEDS)
def test_a_cut_within_rounding_of_a_time_makes_no_row_without_length(seed: int) -> None:
    """Times such as 0.1 * 3 and a cut of 0.3 are one time, whichever of them is a trace the larger."""
    d = people(seed)
    cuts = np.array([3, 12])
    tenths = split_follow_up(d.time * 0.1, d.event, cuts / 10, entry=d.entry * 0.1)
    whole = split_follow_up(d.time, d.event, cuts, entry=d.entry)
    assert (tenths.stop > tenths.start).all()
    for name in ("row", "period", "event"):
        assert getattr(tenths, name).tolist() == getattr(whole, name).tolist()
    assert_allclose(tenths.stop, whole.stop / 10, rtol=1e-12)


@FEW
@given(seed=SEEDS, ties=TIES)
def test_residuals_of_pieces_of_a_person_sum_to_the_persons(seed: int, ties: str) -> None:
    d = people(seed)
    whole = fitted(d, ties=ties)
    rows = split_follow_up(d.time, d.event, [4, 11])
    pieces = fit_cox(rows.stop, rows.event, d.x[rows.row], entry=rows.start, ties=ties)
    for residual in (martingale_residuals, deviance_residuals, dfbeta_residuals, dfbetas_residuals):
        assert_allclose(residual(pieces, collapse=rows.row), residual(whole), rtol=1e-6, atol=1e-7)


@FEW
@given(seed=SEEDS)
def test_deviance_residuals_square_to_the_deviance_of_each_row(seed: int) -> None:
    d = people(seed)
    fit = fitted(d)
    martingale = martingale_residuals(fit)
    expected = d.event - martingale
    size = 2 * (expected - d.event - np.where(d.event, np.log(expected), 0))
    found = deviance_residuals(fit)
    assert_allclose(found**2, size, rtol=1e-6, atol=1e-8)
    assert (np.sign(found) == np.sign(martingale)).all()


# --- Concordance ----------------------------------------------------------------------------------------


def _slow_counts(d: People, risk: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Concordant, discordant and risk-tied pairs by looking at every pair."""
    counts = np.zeros(3)
    for i in np.flatnonzero(d.event):
        outlives = (d.time > d.time[i]) | ((d.time == d.time[i]) & ~d.event)
        for j in np.flatnonzero(outlives & (d.entry < d.time[i]) & (d.strata == d.strata[i])):
            counts[int(risk[i] < risk[j]) + 2 * int(risk[i] == risk[j])] += weights[i] * weights[j]
    return counts


@VERY_FEW
@given(seed=SEEDS)
def test_concordance_counts_every_pair(seed: int) -> None:
    d = people(seed, 40)
    risk = d.rng.integers(0, 8, 40)
    found = concordance_of(d.time, d.event, risk, **d.options)
    counts = [found.concordant, found.discordant, found.tied_risk]
    assert_allclose(counts, _slow_counts(d, risk, d.weights), rtol=1e-10, atol=1e-10)


@VERY_FEW
@given(seed=SEEDS)
def test_standard_error_of_concordance_is_how_it_moves_with_each_weight(seed: int) -> None:
    d = people(seed, 40)
    risk = d.rng.integers(0, 8, 40)

    def estimate(weights: np.ndarray) -> float:
        concordant, discordant, tied = _slow_counts(d, risk, weights)
        return (concordant + tied / 2) / (concordant + discordant + tied)

    h = 1e-5
    moves = [(estimate(d.weights + h * e) - estimate(d.weights - h * e)) / (2 * h) for e in np.eye(40)]
    expected = np.sqrt(np.sum((d.weights * moves) ** 2))
    found = concordance_of(d.time, d.event, risk, **d.options).std_err
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@FEW
@given(seed=SEEDS)
def test_concordance_does_not_depend_on_the_order_of_rows(seed: int) -> None:
    d = people(seed)
    risk, order = d.rng.normal(size=len(d.time)), d.rng.permutation(len(d.time))
    shuffled = {k: v[order] for k, v in d.options.items()}
    one = concordance_of(d.time, d.event, risk, **d.options)
    two = concordance_of(d.time[order], d.event[order], risk[order], **shuffled)
    assert one == two


# --- Firth ----------------------------------------------------------------------------------------------


def _penalised_by_hand(beta: np.ndarray, d: People, x: np.ndarray, ties: str) -> float:
    """Log partial likelihood plus half the log determinant of the information, death by death."""
    value, info = 0.0, np.zeros((len(beta), len(beta)))
    for t in np.unique(d.time[d.event]):
        at_risk = (d.entry < t) & (d.time >= t)
        dead = at_risk & (d.time == t) & d.event
        for k in range(int(dead.sum())):
            share = k / dead.sum() if ties == "efron" else 0.0
            risk = np.where(at_risk, np.exp(x @ beta), 0) * (1 - share * dead)
            p = risk / risk.sum()
            mean = p @ x
            value -= np.log(risk.sum())
            info += (x - mean).T @ ((x - mean) * p[:, None])
        value += (x[dead] @ beta).sum()
    return value + np.linalg.slogdet(info)[1] / 2


@VERY_FEW
@given(seed=SEEDS, ties=TIES)
def test_firth_is_the_highest_point_of_the_penalised_likelihood(seed: int, ties: str) -> None:
    d = people(seed, 40)
    x = d.x[:, :2]
    fit = fit_firth_cox(d.time, d.event, x, entry=d.entry, ties=ties)
    top = _penalised_by_hand(fit.coefficients, d, x, ties)
    found = minimize(lambda b: -_penalised_by_hand(b, d, x, ties), np.zeros(2), tol=1e-12)
    assert_allclose(fit.coefficients, found.x, atol=1e-5)
    assert top >= -found.fun - 1e-9
    low, high = fit.profile_interval("x0")
    for limit in (low, high):
        rest = minimize(
            lambda b, a=limit: -_penalised_by_hand(np.array([a, b[0]]), d, x, ties),
            fit.coefficients[1:],
            tol=1e-12,
        )
        assert 2 * (top + rest.fun) == pytest.approx(3.841458820694124, rel=1e-5)


def test_firth_has_an_answer_where_a_level_has_no_deaths() -> None:
    rng = np.random.default_rng(8)
    rare = np.arange(200) % 20 == 0
    time, event = np.ceil(rng.exponential(20, 200)), (rng.random(200) < 0.5) & ~rare
    x = np.column_stack([rng.normal(size=200), rare])
    with pytest.raises(SeparationError):
        fit_cox(time, event, x)
    row = fit_firth_cox(time, event, x, names=["age", "rare"]).to_frame().row(1, named=True)
    assert 0 < row["ci_low"] < row["hazard_ratio"] < row["ci_high"] < 1
    assert row["p_value"] < 0.05


@VERY_FEW
@given(seed=SEEDS, factor=st.sampled_from([0.01, 365.25]))
def test_firth_depends_neither_on_units_nor_on_the_order_of_rows(seed: int, factor: float) -> None:
    d = people(seed)
    order = d.rng.permutation(len(d.time))
    one = fit_firth_cox(d.time, d.event, d.x, strata=d.strata)
    two = fit_firth_cox(d.time[order], d.event[order], d.x[order] * [factor, 1, 1], strata=d.strata[order])
    assert_allclose(two.coefficients * [factor, 1, 1], one.coefficients, rtol=1e-6, atol=1e-8)
    tests = [f.likelihood_ratio_test(["x0"]).statistic for f in (one, two)]
    assert tests[0] == pytest.approx(tests[1], rel=1e-6, abs=1e-8)


def test_firth_is_right_on_average_where_maximum_likelihood_at_times_has_no_answer() -> None:
    rng = np.random.default_rng(3)
    exposed = np.arange(50) < 15
    estimates, without_answer = [], 0
    for _ in range(200):
        time = rng.exponential(np.exp(1.0 * exposed))
        event, time = time < 0.5, np.minimum(time, 0.5)
        estimates.append(fit_firth_cox(time, event, exposed).coefficients[0])
        without_answer += not event[exposed].any()
    assert without_answer > 0
    assert np.mean(estimates) == pytest.approx(-1.0, abs=0.1)


# --- Clustered variance ---------------------------------------------------------------------------------


@FEW
@given(seed=SEEDS, ties=TIES, kind=st.sampled_from(["CR0", "CR1", "CR2"]))
def test_clustered_variance_depends_neither_on_units_nor_on_order_nor_on_labels(
    seed: int, ties: str, kind: str
) -> None:
    d = people(seed)
    fit = fitted(d, ties=ties, **d.options)
    order = d.rng.permutation(len(d.time))
    shuffled = {k: v[order] for k, v in d.options.items()}
    units = np.array([365.25, 1.0, 0.01])
    other = fit_cox(d.time[order], d.event[order], d.x[order] * units, ties=ties, **shuffled)
    one = clustered_covariance(fit, d.hospital, kind=kind)
    two = clustered_covariance(other, np.array(list("qwertyuiopas"))[d.hospital[order]], kind=kind)
    assert_allclose(two.standard_errors * units, one.standard_errors, rtol=1e-6)
    assert_allclose(two.degrees_of_freedom, one.degrees_of_freedom, rtol=1e-6)


@FEW
@given(seed=SEEDS, ties=TIES)
def test_plain_sandwiches_are_those_of_the_fit(seed: int, ties: str) -> None:
    d = people(seed)
    fit = fitted(d, ties=ties, cluster=d.hospital, **d.options)
    plain = clustered_covariance(fit, d.hospital, kind="CR0")
    larger = clustered_covariance(fit, d.hospital, kind="CR1")
    assert_allclose(plain.covariance, fit.covariance, rtol=1e-9, atol=1e-15)
    assert_allclose(larger.covariance, fit.covariance * 12 / 11, rtol=1e-9, atol=1e-15)
    assert "Fewer than 50 clusters" in plain.warnings[0]


@VERY_FEW
@given(seed=SEEDS)
def test_the_jackknife_fits_the_model_again_without_each_cluster(seed: int) -> None:
    d = people(seed)
    fit = fitted(d, offset=d.x[:, 1] / 2)
    moves = []
    for label in range(12):
        k = d.hospital != label
        try:
            again = fit_cox(d.time[k], d.event[k], d.x[k], offset=d.x[k, 1] / 2)
        except NOT_FITTED:
            assume(False)
        moves.append(again.coefficients - fit.coefficients)
    expected = 11 / 12 * np.transpose(moves) @ moves
    found = clustered_covariance(fit, d.hospital, kind="CR3")
    assert_allclose(found.covariance, expected, rtol=1e-5, atol=1e-10)


def test_with_many_clusters_every_kind_agrees() -> None:
    d = people(5, 4000)
    fit = fit_cox(d.time, d.event, d.x)
    pair = np.arange(4000) // 4
    errors = {k: clustered_covariance(fit, pair, kind=k).standard_errors for k in ("CR0", "CR1", "CR2")}
    assert_allclose(errors["CR2"], errors["CR0"], rtol=0.01)
    assert_allclose(errors["CR1"], errors["CR0"], rtol=0.01)


def test_the_indicator_of_a_hospital_does_not_spoil_the_other_coefficients() -> None:
    """The hospital determines its own coefficient, so its score says nothing of that one."""
    d = people(12, 400)
    own = d.hospital == 3
    with_indicator = fit_cox(d.time, d.event, np.column_stack([d.x, own]))
    found = clustered_covariance(with_indicator, d.hospital)
    plain = clustered_covariance(with_indicator, d.hospital, kind="CR1").standard_errors[:3]
    assert_allclose(found.standard_errors[:3], plain, rtol=0.15)
    assert np.isnan(found.standard_errors[3])
    assert "determine the coefficients of x3, wholly or in part" in found.warnings[0]


def test_two_hospitals_that_differ_in_the_exposure_say_nothing_of_its_variance() -> None:
    d = people(13, 200)
    fit = fit_cox(d.time, d.event, np.column_stack([d.x[:, 0], np.arange(200) % 2]))
    found = clustered_covariance(fit, np.arange(200) % 2)
    assert np.isnan(found.standard_errors[1])
    assert "x1" in found.warnings[0]


def test_ten_hospitals_are_too_few_for_the_plain_sandwich_and_enough_for_cr2() -> None:
    """Five of ten hospitals are exposed and have their own hazards; the exposure does nothing."""
    rng = np.random.default_rng(2024)
    hospital = np.repeat(np.arange(10), 30)
    exposed = (hospital % 2).astype(float)
    covered = {"CR0": 0, "CR2": 0}
    replicates = 400
    for _ in range(replicates):
        frailty = np.exp(rng.normal(0, 0.4, 10))[hospital]
        time = np.ceil(10 * rng.exponential(1 / frailty))
        fit = fit_cox(np.minimum(time, 20), time <= 20, exposed, names=["exposed"])
        for kind in covered:
            row = clustered_covariance(fit, hospital, kind=kind).to_frame().row(0, named=True)
            covered[kind] += row["ci_low"] <= 1 <= row["ci_high"]
    assert covered["CR0"] / replicates < 0.91
    assert 0.93 <= covered["CR2"] / replicates <= 0.975


# --- Ridge ----------------------------------------------------------------------------------------------


@FEW
@given(seed=SEEDS)
def test_a_stronger_ridge_leaves_fewer_degrees_of_freedom(seed: int) -> None:
    d = people(seed)
    left = [effective_degrees_of_freedom(fitted(d, ridge=r)) for r in (0.0, 1.0, 100.0, 1e9)]
    assert left[0] == pytest.approx(3, rel=1e-9)
    assert np.all(np.diff(left) < 0)
    assert left[-1] < 0.1
