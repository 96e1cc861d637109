"""Sensitivity analyses that mean nothing are refused by name."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipelines.stats import errors
from pipelines.stats.effect import Effect, wald_effect
from pipelines.stats.sensitivity import (
    Prior,
    array_analysis,
    bounding_factor,
    confounding_factor,
    corrected_hazard_ratio,
    covariate_benchmarks,
    detectable_ratio,
    e_value,
    e_value_risk_difference,
    holm,
    negative_control_outcome,
    normal_confounding_factor,
    probabilistic_analysis,
    rosenbaum_binary,
    rosenbaum_signed_rank,
    rosenbaum_survival,
    specification_curve,
    subgroup_effects,
)

N = 200
RNG = np.random.default_rng(8)
TIME, EVENT = np.ceil(RNG.exponential(20, N)), RNG.random(N) < 0.6
ARM, X = RNG.random(N) < 0.4, RNG.normal(size=(N, 2))
CAUSE = np.where(RNG.random(N) < 0.4, "other", "cancer")
TYPE = np.where(np.arange(N) % 2 == 0, "visceral", "bone")
LEVELS = np.array(["a"] * (N - 1) + ["rare"])
CORRECTED = {"analysis": "landmark_6", "corrected_for": ["immortal_time"], "common_outcome": True}
SUBGROUP = {"analysis": "matched_cox", "estimand": "matched_set", "effect_type": "marginal"}


def effect(measure: str = "hr") -> Effect:
    return wald_effect(
        -0.3,
        0.1,
        analysis="landmark_6",
        measure=measure,
        n=N,
        n_exposed=80,
        events=100,
        estimand="conditional",
        effect_type="conditional",
        method="Cox",
    )


STRENGTH = {"ratio": [2.0], "common_outcome": True}
PRIORS = {
    "prevalence_exposed": Prior("uniform", (0.1, 0.3)),
    "prevalence_unexposed": Prior("beta", (4, 6)),
    "ratio": Prior("log_normal", (2, 4)),
    "common_outcome": True,
}
CHOICES = {"immortal_time": ["naive", "landmark"], "covariates": ["few", "all"]}
PLAN = {
    "primary": {"immortal_time": "landmark", "covariates": "all"},
    "covariate_sets": {"few": ["age"], "all": ["age", "grade"]},
    "baseline": ["age", "grade"],
}


def curve(choices: dict[str, list[str]] = CHOICES, **changes: object) -> object:
    return specification_curve(lambda _: effect(), choices, **{**PLAN, **changes})


def nothing(_: object) -> Effect:
    raise errors.NoEventsError("Nobody has the event", field="event", remedy="Wait.")


CASES: dict[str, tuple[Callable[[], object], type[errors.StatsError], str, int | None]] = {
    "e-value: of an estimate corrected for nothing": (
        lambda: e_value(0.5, 0.4, 0.6, analysis="ever_never", corrected_for=[], common_outcome=True),
        errors.CodingError,
        "corrected_for",
        None,
    ),
    "e-value: of no analysis": (
        lambda: e_value(0.5, 0.4, 0.6, **(CORRECTED | {"analysis": " "})),
        errors.CodingError,
        "analysis",
        None,
    ),
    "e-value: of a bias nobody knows": (
        lambda: e_value(0.5, 0.4, 0.6, **(CORRECTED | {"corrected_for": ["luck"]})),
        errors.CodingError,
        "corrected_for",
        None,
    ),
    "e-value: of a logarithm": (
        lambda: e_value(-0.5, -0.7, -0.3, **CORRECTED),
        errors.CodingError,
        "estimate, ci_low, ci_high, toward",
        None,
    ),
    "e-value: of a missing limit": (
        lambda: e_value(0.5, 0.4, np.nan, **CORRECTED),
        errors.CodingError,
        "estimate, ci_low, ci_high, toward",
        None,
    ),
    "e-value: outside its interval": (
        lambda: e_value(0.9, 0.4, 0.6, **CORRECTED),
        errors.CodingError,
        "estimate, ci_low, ci_high, toward",
        None,
    ),
    "e-value: of a text": (
        lambda: e_value("0.5", 0.4, 0.6, **CORRECTED),
        errors.CodingError,
        "estimate, ci_low, ci_high, toward",
        None,
    ),
    "e-value: of counts that are texts": (
        lambda: e_value_risk_difference("2", 10, 3, 10, analysis="a", corrected_for=["immortal_time"]),
        errors.CodingError,
        "events_exposed, events_unexposed",
        None,
    ),
    "e-value: of a time ratio": (
        lambda: e_value(0.5, 0.4, 0.6, measure="time_ratio", **CORRECTED),
        errors.CodingError,
        "measure",
        None,
    ),
    "e-value: an arm without outcomes": (
        lambda: e_value_risk_difference(0, 10, 3, 10, analysis="a", corrected_for=["immortal_time"]),
        errors.CodingError,
        "events_exposed, events_unexposed",
        None,
    ),
    "bounding factor: a strength below one": (
        lambda: bounding_factor([2, 0.5], [1.5, 2]),
        errors.CodingError,
        "ratio_exposure, ratio_outcome",
        1,
    ),
    "confounder: a share in percent": (
        lambda: confounding_factor([20, 0.2], 0.4, 2),
        errors.CodingError,
        "prevalence_exposed",
        1,
    ),
    "confounder: a missing share": (
        lambda: confounding_factor(0.2, np.nan, 2),
        errors.CodingError,
        "prevalence_unexposed",
        1,
    ),
    "confounder: a ratio of zero": (
        lambda: confounding_factor(0.2, 0.4, 0),
        errors.CodingError,
        "ratio",
        1,
    ),
    "confounder: a ratio per unit below zero": (
        lambda: normal_confounding_factor(0.2, -1),
        errors.CodingError,
        "ratio_per_unit",
        1,
    ),
    "array: of a difference": (
        lambda: array_analysis(
            effect("risk_difference"), prevalence_exposed=[0.1], prevalence_unexposed=[0.3], **STRENGTH
        ),
        errors.CodingError,
        "measure",
        None,
    ),
    "array: an empty axis": (
        lambda: array_analysis(effect(), prevalence_exposed=[], prevalence_unexposed=[0.3], **STRENGTH),
        errors.ShapeError,
        "prevalence_exposed",
        None,
    ),
    "array: an odds ratio of a common outcome": (
        lambda: array_analysis(
            effect("or"), prevalence_exposed=[0.1], prevalence_unexposed=[0.3], **STRENGTH
        ),
        errors.CodingError,
        "measure",
        None,
    ),
    "array: an effect that does not say how many died": (
        lambda: array_analysis(
            replace(effect(), events=0),
            prevalence_exposed=[0.1],
            prevalence_unexposed=[0.3],
            **STRENGTH,
        ),
        errors.CodingError,
        "n, n_exposed, events",
        None,
    ),
    "confounder: everybody dies": (
        lambda: corrected_hazard_ratio(0.6, 0.1, 0.3, 2, share_exposed=0.4, share_with_event=1.0),
        errors.CodingError,
        "share_with_event",
        None,
    ),
    "confounder: a hazard ratio of zero": (
        lambda: corrected_hazard_ratio([0, 0.6], 0.1, 0.3, 2, share_exposed=0.4, share_with_event=0.5),
        errors.CodingError,
        "hazard_ratio",
        1,
    ),
    "prior: an unknown shape": (lambda: Prior("normal", (0, 1)), errors.CodingError, "shape", None),
    "prior: a missing parameter": (
        lambda: Prior("uniform", (0.2,)),
        errors.CodingError,
        "parameters",
        None,
    ),
    "prior: high below low": (
        lambda: Prior("triangular", (0.4, 0.3, 0.2)),
        errors.CodingError,
        "parameters",
        None,
    ),
    "prior: a ratio of nothing": (
        lambda: Prior("log_normal", (0, 2)),
        errors.CodingError,
        "parameters",
        None,
    ),
    "prior: beyond a share": (
        lambda: probabilistic_analysis(
            effect(), **(PRIORS | {"prevalence_exposed": Prior("uniform", (0.5, 1.5))}), seed=1
        ),
        errors.CodingError,
        "prevalence_exposed",
        None,
    ),
    "probabilistic: too few draws": (
        lambda: probabilistic_analysis(effect(), **PRIORS, draws=10, seed=1),
        errors.CodingError,
        "draws",
        None,
    ),
    "probabilistic: perfect correlation": (
        lambda: probabilistic_analysis(effect(), **PRIORS, correlation=1.0, seed=1),
        errors.CodingError,
        "correlation",
        None,
    ),
    "benchmarks: everybody exposed": (
        lambda: covariate_benchmarks(TIME, EVENT, np.ones(N), X, common_outcome=True),
        errors.EmptyArmError,
        "exposed",
        N,
    ),
    "benchmarks: a column in no term": (
        lambda: covariate_benchmarks(
            TIME, EVENT, ARM, X, names=["age", "size"], terms={"age": ["age"]}, common_outcome=True
        ),
        errors.CodingError,
        "terms",
        1,
    ),
    "benchmarks: a factor that is none": (
        lambda: covariate_benchmarks(
            TIME, EVENT, ARM, X, names=["age", "size"], terms={"both": ["age", "size"]}, common_outcome=True
        ),
        errors.CodingError,
        "both",
        None,
    ),
    "benchmarks: a hole": (
        lambda: covariate_benchmarks(
            TIME, EVENT, ARM, np.where(np.arange(N) == 3, np.nan, X[:, 0]), common_outcome=True
        ),
        errors.NonFiniteError,
        "x0",
        1,
    ),
    "rosenbaum: no discordant pair": (
        lambda: rosenbaum_binary([1, 0], [1, 0]),
        errors.NoEventsError,
        "pairs",
        2,
    ),
    "rosenbaum: no difference": (
        lambda: rosenbaum_signed_rank([1, 2], [1, 2]),
        errors.NoEventsError,
        "pairs",
        2,
    ),
    "rosenbaum: nobody dies": (
        lambda: rosenbaum_survival([1, 2], [0, 0], [3, 4], [0, 0]),
        errors.NoEventsError,
        "pairs",
        2,
    ),
    "rosenbaum: unpaired arms": (
        lambda: rosenbaum_survival([1, 2], [1, 0], [3], [1]),
        errors.ShapeError,
        "unexposed_time",
        None,
    ),
    "rosenbaum: time below zero": (
        lambda: rosenbaum_survival([-1, 2], [1, 0], [3, 4], [1, 1]),
        errors.NegativeTimeError,
        "time",
        1,
    ),
    "rosenbaum: a gamma below one": (
        lambda: rosenbaum_binary([1, 0], [0, 1], gamma=[0.5, 1]),
        errors.CodingError,
        "gamma",
        1,
    ),
    "rosenbaum: alpha of 5": (
        lambda: rosenbaum_binary([1, 0], [0, 1], alpha=5),
        errors.CodingError,
        "alpha",
        None,
    ),
    "rosenbaum: an unknown alternative": (
        lambda: rosenbaum_binary([1, 0], [0, 1], alternative="benefit"),
        errors.CodingError,
        "alternative",
        None,
    ),
    "negative control: a source without causes": (
        lambda: negative_control_outcome(TIME, EVENT, None, ARM, negative=["other"]),
        errors.NotRecordedError,
        "cause",
        int(EVENT.sum()),
    ),
    "negative control: every cause missing": (
        lambda: negative_control_outcome(TIME, EVENT, [None] * N, ARM, negative=["other"]),
        errors.NotRecordedError,
        "cause",
        int(EVENT.sum()),
    ),
    "negative control: nobody dies of it": (
        lambda: negative_control_outcome(TIME, EVENT & (CAUSE == "cancer"), CAUSE, ARM, negative=["other"]),
        errors.NoEventsError,
        "negative",
        0,
    ),
    "negative control: a cause that is not in a list": (
        lambda: negative_control_outcome(
            TIME, EVENT, np.where(CAUSE == "other", "o", "c"), ARM, negative="other"
        ),
        errors.CodingError,
        "negative",
        None,
    ),
    "negative control: causes nobody has": (
        lambda: negative_control_outcome(TIME, EVENT, CAUSE, ARM, negative=["other", "othr", "lightning"]),
        errors.CodingError,
        "negative",
        2,
    ),
    "negative control: causes of other people": (
        lambda: negative_control_outcome(TIME, EVENT, CAUSE[:-1], ARM, negative=["other"]),
        errors.ShapeError,
        "cause",
        None,
    ),
    "negative control: nobody exposed": (
        lambda: negative_control_outcome(TIME, EVENT, CAUSE, np.zeros(N), negative=["other"]),
        errors.EmptyArmError,
        "exposed",
        N,
    ),
    "detectable ratio: no events": (
        lambda: detectable_ratio(0, 0.4),
        errors.NoEventsError,
        "events",
        0,
    ),
    "detectable ratio: an empty arm": (
        lambda: detectable_ratio(10, 1.0),
        errors.EmptyArmError,
        "share_exposed",
        None,
    ),
    "detectable ratio: power of 80": (
        lambda: detectable_ratio(10, 0.5, power=80),
        errors.CodingError,
        "power",
        None,
    ),
    "curve: immortal time is no choice": (
        lambda: curve({"covariates": ["all"]}, primary={"covariates": "all"}),
        errors.CodingError,
        "choices",
        1,
    ),
    "curve: an option twice": (
        lambda: curve(CHOICES | {"immortal_time": ["landmark", "landmark"]}),
        errors.CodingError,
        "immortal_time",
        1,
    ),
    "curve: a choice named like a column of the result": (
        lambda: curve(CHOICES | {"events": ["all", "cancer"]}, primary={**PLAN["primary"], "events": "all"}),
        errors.CodingError,
        "events",
        1,
    ),
    "curve: a primary one that is not run": (
        lambda: curve(primary={"immortal_time": "landmark", "covariates": "none"}),
        errors.CodingError,
        "primary",
        None,
    ),
    "curve: covariates nobody listed": (
        lambda: curve(covariate_sets={"few": ["age"]}),
        errors.CodingError,
        "covariate_sets",
        1,
    ),
    "curve: a covariate from after the decision": (
        lambda: curve(covariate_sets={"few": ["age"], "all": ["age", "chemotherapy"]}),
        errors.CodingError,
        "covariate_sets",
        1,
    ),
    "curve: nothing can be estimated": (
        lambda: specification_curve(nothing, CHOICES, **PLAN),
        errors.NoEventsError,
        "choices",
        4,
    ),
    "subgroups: one level": (
        lambda: subgroup_effects(TIME, EVENT, ARM, {"type": ["a"] * N}, **SUBGROUP),
        errors.EmptyArmError,
        "type",
        N,
    ),
    "subgroups: a level of one person": (
        lambda: subgroup_effects(TIME, EVENT, ARM, {"type": LEVELS}, **SUBGROUP),
        errors.EmptyArmError,
        "type: rare",
        1,
    ),
    "subgroups: a level without deaths": (
        lambda: subgroup_effects(TIME, EVENT & (TYPE == "bone"), ARM, {"type": TYPE}, **SUBGROUP),
        errors.NoEventsError,
        "type: visceral",
        N // 2,
    ),
    "subgroups: a missing label": (
        lambda: subgroup_effects(TIME, EVENT, ARM, {"type": [None, *TYPE[1:]]}, **SUBGROUP),
        errors.NonFiniteError,
        "type",
        1,
    ),
    "subgroups: a reference nobody has": (
        lambda: subgroup_effects(TIME, EVENT, ARM, {"type": TYPE}, reference={"type": "brain"}, **SUBGROUP),
        errors.CodingError,
        "type",
        None,
    ),
    "subgroups: a reference of a property that is not there": (
        lambda: subgroup_effects(TIME, EVENT, ARM, {"type": TYPE}, reference={"Type": "bone"}, **SUBGROUP),
        errors.CodingError,
        "reference",
        1,
    ),
    "subgroups: a family smaller than its tests": (
        lambda: subgroup_effects(TIME, EVENT, ARM, {"type": TYPE}, family_size=0, **SUBGROUP),
        errors.CodingError,
        "family_size",
        None,
    ),
    "subgroups: no family": (
        lambda: subgroup_effects(TIME, EVENT, ARM, {}, **SUBGROUP),
        errors.CodingError,
        "subgroups",
        None,
    ),
    "subgroups: nobody exposed": (
        lambda: subgroup_effects(TIME, EVENT, np.zeros(N), {"type": TYPE}, **SUBGROUP),
        errors.EmptyArmError,
        "exposed",
        N,
    ),
    "holm: a p-value above one": (lambda: holm([0.1, 1.2]), errors.CodingError, "p_values", 1),
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


def test_subgroups_ask_what_type_their_effects_are_of() -> None:
    with pytest.raises(TypeError, match="effect_type"):
        subgroup_effects(TIME, EVENT, ARM, {"type": TYPE}, analysis="weighted_cox", estimand="ATO")


def test_a_confounder_that_no_hazard_ratio_agrees_with_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.stats.sensitivity._depletion.MAX_ITERATIONS", 2)
    with pytest.raises(errors.ConvergenceError, match="weaker confounders"):
        corrected_hazard_ratio(0.6, 0.1, 0.3, 2, share_exposed=0.4, share_with_event=0.5)
