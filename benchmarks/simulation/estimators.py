"""The estimators of the study: those of `pipelines.stats`, called as an analyst would call them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from pipelines.stats.effect import Effect
from pipelines.stats.immortal_time import (
    clone_censor_weight,
    ever_never,
    immortal_time_excluded,
    landmark,
    time_varying,
)
from pipelines.stats.matching import (
    Matches,
    adjusted_matched_cox,
    match_nearest,
    matched_cox,
    within_pairs_cox,
)
from pipelines.stats.propensity import Propensity, fit_propensity
from pipelines.stats.weighting import weighted_cox

from .scenarios import Scenario
from .simulator import Cohort, FloatArray

CALIPER = 0.2  # SD of the logit
WINDOW = 8.0  # months: grace period and time-varying window
LANDMARKS = (3, 6, 8, 12)  # months
DRAWS = 200  # bootstrap


def score_terms(covariates: FloatArray) -> FloatArray:
    """Covariates of the score (n, 7): z, v, h, the square of z and all products.

    Surgery within eight months follows no logistic law; main effects alone leave some confounding.
    """
    z, v, h = covariates.T
    return np.column_stack([z, v, h, z**2, z * v, z * h, v * h])


class Analysis:
    """One cohort under analysis; the score and the pairs are made once."""

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self.operated = cohort.operated.astype(np.float64)
        self.matches = cache(self._matches)

    @property
    def times(self) -> dict[str, Any]:
        """Time, event and time of surgery."""
        return {name: getattr(self.cohort, name) for name in ("time", "event", "surgery_time")}

    @cached_property
    def propensity(self) -> Propensity:
        """Probability of ever being operated."""
        return fit_propensity(score_terms(self.cohort.covariates), self.operated)

    def _matches(self, order: str) -> Matches:
        return match_nearest(self.propensity.logit, self.operated, order=order, caliper=CALIPER)


@dataclass(frozen=True)
class Estimator:
    """One way to estimate the effect of surgery.

    Attributes
    ----------
    label : str
        As the document prints it.
    truth : str
        Key of `truth.TRUTHS`.
    estimate : callable
        Analysis to effect.
    adjusts : bool
        Takes z, v and h into account.
    ever : bool
        Takes for granted at diagnosis who is operated later: under immortal time it has no valid target.
    flaw : str
        Why it may miss even where it has one.
    bootstrap : bool
        Slow: only on the first replicates of one scenario.
    """

    label: str
    truth: str
    estimate: Callable[[Analysis], Effect]
    adjusts: bool = True
    ever: bool = False
    flaw: str = ""
    bootstrap: bool = False

    def has_target(self, scenario: Scenario) -> bool:
        """Whether some assignment of surgery corresponds to what it contrasts."""
        return not (self.ever and scenario.immortal)

    def should_pass(self, scenario: Scenario) -> bool:
        """Whether theory says that it finds its truth, its flaw apart."""
        fair = self.adjusts or not scenario.confounding
        return scenario.measured and fair and self.has_target(scenario)


def _naive(a: Analysis) -> Effect:
    return ever_never(**a.times).effect


def _adjusted_naive(a: Analysis) -> Effect:
    return ever_never(**a.times, covariates=a.cohort.covariates).effect


def _matched(a: Analysis, order: str) -> Effect:
    return matched_cox(a.matches(order), a.cohort.time, a.cohort.event)


def _adjusted_matched(a: Analysis, order: str) -> Effect:
    return adjusted_matched_cox(a.matches(order), a.cohort.time, a.cohort.event, a.cohort.covariates)


def _within_pairs(a: Analysis, order: str) -> Effect:
    return within_pairs_cox(a.matches(order), a.cohort.time, a.cohort.event, a.cohort.covariates)


def _weighted(a: Analysis, estimand: str, method: str = "logistic") -> Effect:
    return _weighted_by(a, score_terms(a.cohort.covariates), estimand, method)


def _weighted_by_main_effects(a: Analysis) -> Effect:
    return _weighted_by(a, a.cohort.covariates, "ATT", "logistic")


def _weighted_by(a: Analysis, terms: FloatArray, estimand: str, method: str) -> Effect:
    cohort = a.cohort
    return weighted_cox(cohort.time, cohort.event, a.operated, terms, estimand=estimand, method=method).effect


def _excluded(a: Analysis, reading: str) -> Effect:
    return immortal_time_excluded(**a.times, covariates=a.cohort.covariates, reading=reading).effect


def _time_varying(a: Analysis, window: float | None) -> Effect:
    return time_varying(**a.times, covariates=a.cohort.covariates, window=window).effect


def _landmark(a: Analysis, month: float) -> Effect:
    return landmark(**a.times, covariates=a.cohort.covariates, at=month).effect


def _clones(a: Analysis, draws: int) -> Effect:
    covariates = a.cohort.covariates
    return clone_censor_weight(**a.times, covariates=covariates, grace=WINDOW, bootstrap=draws).effect


ONE_SIDED = "those who choose first are nearly all on one side of their partners"
MAIN_EFFECTS = "surgery follows no logistic law of main effects"


def _by_matching(order: str, flaw: str = "") -> tuple[Estimator, ...]:
    """The matched estimate, and two that adjust for what still differs between partners."""
    label, given = f"matched, {order} first", "given z, v, h"
    return (
        Estimator(label, f"matched {order}", partial(_matched, order=order), ever=True, flaw=flaw),
        Estimator(f"{label}, adjusted", given, partial(_adjusted_matched, order=order), ever=True),
        Estimator(f"{label}, within pairs", given, partial(_within_pairs, order=order), ever=True),
    )


ESTIMATORS = (
    Estimator("naive", "everybody", _naive, adjusts=False, ever=True),
    Estimator("adjusted naive", "given z, v, h", _adjusted_naive, ever=True),
    *_by_matching("closest"),
    *_by_matching("largest", ONE_SIDED),
    Estimator("IPTW", "everybody", partial(_weighted, estimand="ATE"), ever=True),
    Estimator("IPTW of the treated", "treated", partial(_weighted, estimand="ATT"), ever=True),
    Estimator(
        "IPTW of the treated, main effects",
        "treated",
        _weighted_by_main_effects,
        ever=True,
        flaw=MAIN_EFFECTS,
    ),
    Estimator(
        "entropy balancing of the treated",
        "treated",
        partial(_weighted, estimand="ATT", method="entropy"),
        ever=True,
    ),
    Estimator("overlap weights", "overlap", partial(_weighted, estimand="ATO"), ever=True),
    Estimator("excluded, clock reset", "given z, v, h", partial(_excluded, reading="clock_reset"), ever=True),
    Estimator("excluded, late entry", "given z, v, h", partial(_excluded, reading="late_entry"), ever=True),
    Estimator("time-varying", "time-varying", partial(_time_varying, window=None)),
    Estimator("time-varying, to month 8", "time-varying, window", partial(_time_varying, window=WINDOW)),
    *(Estimator(f"landmark {m}", f"landmark {m}", partial(_landmark, month=m)) for m in LANDMARKS),
    Estimator("clone-censor-weight", "grace", partial(_clones, draws=0)),
    Estimator("clone-censor-weight, bootstrapped", "grace", partial(_clones, draws=DRAWS), bootstrap=True),
)
