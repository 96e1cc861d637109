"""Cox fits equal R's `coxph`: ties, clusters, weights, strata, delayed entry, time-dependent covariates."""

import numpy as np
import pytest
from matches_r import assert_matches_r, data

from pipelines.stats.cox import CoxFit, fit_cox

ALL = ("age", "sex", "ph.ecog")
WITHOUT_SEX = ("age", "ph.ecog")

DESIGNS = {
    "": {},
    "_cluster": {"cluster": "inst"},
    "_robust": {"robust": True},
    "_weights_cluster": {"weights": "w", "cluster": "inst"},
    "_strata": {"strata": "sex"},
    "_left_truncated": {"entry": "entry"},
    "_left_truncated_weights_cluster_strata": {
        "entry": "entry",
        "weights": "w",
        "cluster": "inst",
        "strata": "sex",
    },
}


def fit_lung(ties: str = "efron", **design: object) -> CoxFit:
    """Fit the lung data; text options name a column."""
    lung = data("lung_months")
    options = {k: lung[v].to_numpy() if isinstance(v, str) else v for k, v in design.items()}
    covariates = lung.select(WITHOUT_SEX if "strata" in design else ALL)
    return fit_cox(lung["month"], lung["dead"], covariates, ties=ties, **options)


def numbers(fit: CoxFit) -> dict[str, object]:
    """What R's `coxph` object and its summary hold, by R's names."""
    found = {
        "coef": fit.coefficients,
        "var": fit.covariance,
        "loglik": fit.log_likelihood,
        "score": fit.score_test().statistic,
        "wald": fit.wald_test().statistic,
        "n": fit.n,
        "nevent": fit.n_events,
    }
    return found | ({"naive_var": fit.naive_covariance} if fit.robust else {})


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("design", DESIGNS)
def test_cox_fit(ties: str, design: str) -> None:
    fit = fit_lung(ties, **DESIGNS[design])
    frame = fit.to_frame(level=0.95)
    log_limits = np.log(frame.select("ci_low", "ci_high").to_numpy())
    expected = numbers(fit) | {"concordance": fit.concordance(), "conf_int_95": log_limits}
    assert_matches_r(expected, f"cox_{ties}{design}", rtol=1e-6)


def test_weights_with_the_model_variance() -> None:
    assert_matches_r(numbers(fit_lung(weights="w")), "x_cox_weights_model", rtol=1e-10)


def test_weights_with_the_robust_variance() -> None:
    assert_matches_r(numbers(fit_lung(weights="w", robust=True)), "x_cox_weights_robust", rtol=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_time_dependent_covariate(ties: str) -> None:
    rows = data("pbcseq_tv")
    fit = fit_cox(
        rows["stop"],
        rows["death"],
        rows.select("trt", "age", "logbili"),
        entry=rows["start"],
        cluster=rows["id"],
        ties=ties,
    )
    leave = ("zph_chisq", "martingale_by_id")  # in test_parity_cox_diagnostics.py
    assert_matches_r(numbers(fit), f"x_cox_time_dependent_{ties}", rtol=1e-10, leave=leave)


def test_ridge() -> None:
    assert_matches_r({"coef": fit_lung(ridge=10.0).coefficients}, "cox_ridge", rtol=1e-6)


def test_interaction_and_a_contrast_within_a_level() -> None:
    lung = data("lung_months")
    ecog = np.minimum(lung["ph.ecog"].to_numpy(), 2)
    women, one, two = lung["sex"].to_numpy() == 2, ecog == 1, ecog == 2
    columns = np.column_stack([lung["age"].to_numpy(), women, one, two, women & one, women & two])
    names = ["age", "fem", "ecog1", "ecog2", "fem:ecog1", "fem:ecog2"]
    full = fit_cox(lung["month"], lung["dead"], columns, names=names)
    small = fit_cox(lung["month"], lung["dead"], columns[:, :4], names=names[:4])
    joint = full.wald_test(names[4:])
    ratio = 2 * (full.log_likelihood[1] - small.log_likelihood[1])
    actual = {
        "coef": full.coefficients,
        "var": full.covariance,
        "joint_wald_interaction": [joint.statistic, joint.df],
        "lrt_interaction": [ratio, 2],
        "hr_fem_within_ecog2": full.contrast({"fem": 1, "fem:ecog2": 1}),
    }
    assert_matches_r(actual, "x_cox_interaction", rtol=1e-9, leave=("names",))
