"""The log-rank family agrees with lifelines, scikit-survival and statsmodels."""

import numpy as np
import pytest
from crosscheck_people import people
from lifelines.statistics import logrank_test, multivariate_logrank_test, pairwise_logrank_test
from numpy.testing import assert_allclose
from sksurv.compare import compare_survival
from sksurv.util import Surv
from statsmodels.duration.survfunc import survdiff

from pipelines.stats.cox import fit_cox
from pipelines.stats.kaplan_meier.comparisons import pairwise_logrank
from pipelines.stats.kaplan_meier.logrank import logrank

FAMILY = {
    "logrank": ({}, {}),
    "gehan": ({"scheme": "gehan"}, {"weightings": "wilcoxon"}),
    "tarone-ware": ({"scheme": "tarone-ware"}, {"weightings": "tarone-ware"}),
    "peto": ({"scheme": "peto"}, {"weightings": "peto"}),
    "early": ({"rho": 1.0}, {"weightings": "fleming-harrington", "p": 1, "q": 0}),
    "late": ({"gamma": 1.0}, {"weightings": "fleming-harrington", "p": 0, "q": 1}),
    "middle": ({"rho": 0.5, "gamma": 1.5}, {"weightings": "fleming-harrington", "p": 0.5, "q": 1.5}),
}


@pytest.mark.parametrize("name", FAMILY)
def test_each_weighting_of_two_groups_is_that_of_lifelines(name: str) -> None:
    p = people()
    mine, theirs = FAMILY[name]
    found = logrank(p.time, p.died, p.treated, **mine)
    a, b = p.of(p.treated == 0), p.of(p.treated == 1)
    peer = logrank_test(a.time, b.time, a.died, b.died, **theirs)
    assert_allclose(found.statistic, peer.test_statistic, rtol=1e-9)
    assert_allclose(found.p_value, peer.p_value, rtol=1e-8)


@pytest.mark.parametrize("name", FAMILY)
def test_each_weighting_of_three_groups_is_that_of_lifelines(name: str) -> None:
    p = people()
    mine, theirs = FAMILY[name]
    found = logrank(p.time, p.died, p.arm, **mine)
    peer = multivariate_logrank_test(p.time, p.arm, p.died, **theirs)
    assert found.df == 2
    assert_allclose(found.statistic, peer.test_statistic, rtol=1e-9)


def test_weights_that_are_counts_give_the_test_of_lifelines() -> None:
    p = people()
    found = logrank(p.time, p.died, p.arm, weights=p.count, variance="hypergeometric")
    peer = multivariate_logrank_test(p.time, p.arm, p.died, weights=p.count)
    assert_allclose(found.statistic, peer.test_statistic, rtol=1e-9)


def test_observed_expected_and_variance_are_those_of_scikit_survival() -> None:
    p = people()
    found = logrank(p.time, p.died, p.arm)
    statistic, p_value, table, covariance = compare_survival(
        Surv.from_arrays(p.died == 1, p.time), p.arm, return_stats=True
    )
    assert_allclose(found.statistic, statistic, rtol=1e-9)
    assert_allclose(found.p_value, p_value, rtol=1e-8)
    assert_allclose(found.observed, table["observed"])
    assert_allclose(found.expected, table["expected"], rtol=1e-10)
    assert_allclose(found.variance, covariance, rtol=1e-9)


@pytest.mark.parametrize("options", [(), ("strata",), ("entry",)])
@pytest.mark.parametrize("weight", [None, "gb", "tw"])
def test_strata_and_late_entry_are_those_of_statsmodels(options: tuple[str, ...], weight: str | None) -> None:
    """Not both at once: statsmodels 0.15 then takes the entries of all strata together and stops."""
    p = people()
    known = {"strata": p.covariates[:, 1], "entry": p.entry}
    asked = {name: known[name] for name in options}
    scheme = {None: {}, "gb": {"scheme": "gehan"}, "tw": {"scheme": "tarone-ware"}}[weight]
    found = logrank(p.time, p.died, p.arm, **asked, **scheme)
    statistic, _ = survdiff(p.time, p.died, p.arm, weight_type=weight, **asked)
    assert_allclose(found.statistic, statistic, rtol=1e-9)


@pytest.mark.parametrize("rho", [0.5, 1.0])
def test_early_weights_are_those_of_statsmodels(rho: float) -> None:
    p = people()
    statistic, _ = survdiff(p.time, p.died, p.treated, weight_type="fh", fh_p=rho)
    assert_allclose(logrank(p.time, p.died, p.treated, rho=rho).statistic, statistic, rtol=1e-9)


def test_pairs_of_arms_are_those_of_lifelines() -> None:
    p = people()
    found = pairwise_logrank(p.time, p.died, p.arm)
    peer = pairwise_logrank_test(p.time, p.arm, p.died)
    assert [(a, b) for a, b in found.pairs] == peer.name
    assert_allclose([test.statistic for test in found.tests], peer.test_statistic, rtol=1e-9)


def test_without_ties_the_log_rank_test_of_lifelines_is_our_score_test() -> None:
    p = people(months=False)
    fit = fit_cox(p.time, p.died, p.treated[:, None].astype(np.float64))
    peer = multivariate_logrank_test(p.time, p.treated, p.died)
    assert_allclose(fit.score_test().statistic, peer.test_statistic, rtol=1e-9)
