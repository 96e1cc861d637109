"""E-values, Rosenbaum's bounds, subgroups, benchmarks and a negative control equal R's."""

import numpy as np
import polars as pl
import pytest
from matches_r import assert_matches_r, data, r_value

from pipelines.stats.sensitivity import (
    RosenbaumBounds,
    corrected_hazard_ratio,
    covariate_benchmarks,
    e_value,
    e_value_risk_difference,
    holm,
    negative_control_outcome,
    rosenbaum_binary,
    rosenbaum_signed_rank,
    rosenbaum_survival,
    subgroup_effects,
)

CORRECTED = {"analysis": "clone_censor_weight", "corrected_for": ("measured_confounding", "immortal_time")}
GAMMA = [1, 1.25, 1.5, 2, 3, 4]


def test_e_values_of_hazard_ratios() -> None:
    given = r_value("x_evalue")
    rows = list(zip(given["hr"], given["lower"], given["upper"], strict=True))
    common = [e_value(*row, common_outcome=True, **CORRECTED) for row in rows]
    rare = [e_value(*row, common_outcome=False, **CORRECTED) for row in rows]
    actual = {
        "rr": [found.risk_ratio for found in common],
        "evalue": [found.e_value for found in common],
        "evalue_limit": [found.e_value_limit for found in common],
        "evalue_rare": [found.e_value for found in rare],
    }
    assert_matches_r(actual, "x_evalue", rtol=1e-12, leave=("hr", "lower", "upper"))


def test_e_values_on_other_scales() -> None:
    def both(figures: tuple[float, float, float], measure: str, common: bool) -> list[float]:
        found = e_value(*figures, measure=measure, common_outcome=common, **CORRECTED)
        return [found.e_value, found.e_value_limit]

    table = e_value_risk_difference(397, 515, 78, 195, **CORRECTED)
    moved = e_value(0.67, 0.6, 0.75, common_outcome=True, toward=0.93, **CORRECTED)
    actual = {
        "or_common": both((0.6, 0.4, 0.9), "or", True),
        "or_rare": both((0.6, 0.4, 0.9), "or", False),
        "rr": both((0.6, 0.4, 0.9), "rr", True),
        "smd": both((-0.42, -0.7, -0.1), "smd", True),
        "rd": [table.e_value, table.e_value_limit],
        "hr_toward_093": moved.e_value,
    }
    assert_matches_r(actual, "r_evalue_other_scales", rtol=1e-9)


def test_hazard_ratios_given_a_condition_that_wears_off() -> None:
    given = r_value("r_common_event_correction")
    keys = ("estimated", "p1", "p0", "ratio", "share", "deaths")
    ours = [
        float(corrected_hazard_ratio(hr, p1, p0, ratio, share_exposed=share, share_with_event=deaths))
        for hr, p1, p0, ratio, share, deaths in zip(*(given[key] for key in keys), strict=True)
    ]
    assert_matches_r({"corrected": ours}, "r_common_event_correction", rtol=1e-8, leave=keys)


def eyes() -> tuple[pl.DataFrame, pl.DataFrame]:
    """The treated and the other eye of each person, in the same order."""
    rows = data("retinopathy").sort("id")
    return rows.filter(pl.col("trt") == 1), rows.filter(pl.col("trt") == 0)


def bounds(found: RosenbaumBounds) -> dict[str, object]:
    return {
        "gamma": found.gamma,
        "p_low": found.p_low,
        "p_high": found.p_high,
        "critical": found.critical_gamma,
    }


def test_rosenbaum_bounds_of_mcnemar() -> None:
    treated, other = eyes()
    found = rosenbaum_binary(treated["status"], other["status"], gamma=GAMMA)
    assert found.informative == sum(r_value("r_rosenbaum_binary")["discordant"])
    np.testing.assert_allclose(found.p_low, r_value("r_rosenbaum_binary")["p_low"], rtol=1e-9)
    assert_matches_r(bounds(found), "r_rosenbaum_binary", rtol=1e-9, leave=("discordant",))


@pytest.mark.parametrize("scores", ["sign", "logrank"])
def test_rosenbaum_bounds_of_censored_survival(scores: str) -> None:
    treated, other = eyes()
    found = rosenbaum_survival(
        treated["futime"], treated["status"], other["futime"], other["status"], scores=scores, gamma=GAMMA
    )
    fixture = f"r_rosenbaum_survival_{scores}"
    expected = r_value(fixture)
    assert found.informative == (sum(expected["first"]) if scores == "sign" else expected["informative"])
    np.testing.assert_allclose(found.p_low, expected["p_low"], rtol=1e-8)  # far below the helper's zero
    leave = ("first",) if scores == "sign" else ("informative",)
    assert_matches_r(bounds(found), fixture, rtol=1e-8, leave=leave)


def test_rosenbaum_bounds_of_the_signed_rank_test() -> None:
    given = r_value("r_rosenbaum_signed_rank")
    found = rosenbaum_signed_rank(given["exposed"], given["neighbour"], gamma=GAMMA, alternative="more")
    np.testing.assert_allclose(found.p_low, given["p_low"], rtol=1e-9)
    assert_matches_r(bounds(found), "r_rosenbaum_signed_rank", rtol=1e-9, leave=("exposed", "neighbour"))


def test_holm() -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert_matches_r({"five": holm(p), "eight": holm(p, family_size=8)}, "r_holm", rtol=1e-12)


def test_subgroups_by_interaction() -> None:
    rows = data("retinopathy")
    found = subgroup_effects(
        rows["futime"],
        rows["status"],
        rows["trt"],
        {"type": rows["type"]},
        cluster=rows["id"],
        analysis="matched_cox",
        estimand="matched_set",
        effect_type="marginal",
    )
    second = found.subgroups[1].ratio
    actual = {
        "log_hr": [s.effect.log_estimate for s in found.subgroups],
        "se": [s.effect.std_err for s in found.subgroups],
        "log_ratio": second.log_estimate,
        "se_ratio": second.std_err,
        "wald": found.tests[0].statistic,
        "p": found.tests[0].p_value,
    }
    assert [s.level for s in found.subgroups] == r_value("r_subgroups")["levels"]
    assert_matches_r(actual, "r_subgroups", rtol=1e-8, leave=("levels",))


def test_negative_control() -> None:
    lung = data("lung_months")
    cause = np.where(lung["inst"].to_numpy() % 3 == 0, "other", "cancer")
    found = negative_control_outcome(
        lung["month"],
        lung["dead"],
        cause,
        lung["ph.ecog"] >= 1,
        lung.select("age", "sex"),
        negative=["other"],
    )
    actual = {
        "log_hr": found.effect.log_estimate,
        "se": found.effect.std_err,
        "events": found.effect.events,
        "detectable": found.detectable_ratio,
    }
    assert_matches_r(actual, "r_negative_control", rtol=1e-9)


def test_benchmark_of_a_measured_covariate() -> None:
    lung = data("lung_months")
    covariates = lung.select("age", (pl.col("sex") == 2).cast(pl.Int64))
    found = covariate_benchmarks(
        lung["month"], lung["dead"], lung["ph.ecog"] >= 1, covariates, common_outcome=True
    )
    sex = found.terms.index("sex")
    actual = {
        "log_hr": found.effect.log_estimate,
        "ratio_exposure": found.ratio_exposure[sex],
        "ratio_outcome": found.ratio_outcome[sex],
        "bounding_factor": found.bounding_factor[sex],
        "log_shift": found.log_shift[sex],
    }
    assert_matches_r(actual, "r_benchmark_sex", rtol=1e-9)
