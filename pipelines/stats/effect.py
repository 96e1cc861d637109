"""One estimated effect, with what it means beside it: no number leaves without its estimand."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from ._inputs import choice, confidence
from ._linear_algebra import normal_quantile, two_sided_p, wald_statistic

RATIOS = ("hr", "shr", "or", "rr", "time_ratio", "rmst_ratio", "rmtl_ratio")
DIFFERENCES = ("risk_difference", "rmst_difference", "survival_difference")
ESTIMANDS = (
    "ATE",
    "ATT",
    "ATC",
    "ATO",
    "ATM",
    "matched_set",
    "trimmed_set",
    "per_protocol",
    "conditional",
    "mean_of_studies",
)
EFFECT_TYPES = ("conditional", "marginal")


@dataclass(frozen=True)
class Effect:
    """A contrast between two arms.

    Attributes
    ----------
    analysis : str
        Name of the analysis, such as `matched_cox` or `clone_censor_weight`.
    measure : str
        One of `RATIOS` or `DIFFERENCES`.
    estimate, ci_low, ci_high : float
        On the scale of the measure: a hazard ratio, not its logarithm.
    std_err : float
        Of the logarithm of a ratio, of a difference itself.
    ci_level : float
        Confidence level of the interval, 0 to 1.
    p_value : float
        Two-sided; NaN where the interval comes from a bootstrap and no test belongs to it.
    n, n_exposed, events : int
        People (not rows, not clones) that the estimate rests on, those of them exposed, and their events.
    estimand : str
        Whose effect: one of `ESTIMANDS`. `matched_set` where any exposed person stayed without a match,
        `trimmed_set` where people without counterparts were left out before weighting.
    effect_type : {"conditional", "marginal"}
        Given the covariates in the outcome model, or averaged over people.
    method : str
        How estimate and interval were made, in a few words.
    notes : tuple of str
        What a report has to print beside the number.
    """

    analysis: str
    measure: str
    estimate: float
    std_err: float
    ci_low: float
    ci_high: float
    ci_level: float
    p_value: float
    n: int
    n_exposed: int
    events: int
    estimand: str
    effect_type: str
    method: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        choice(self.measure, "measure", (*RATIOS, *DIFFERENCES))
        choice(self.estimand, "estimand", ESTIMANDS)
        choice(self.effect_type, "effect_type", EFFECT_TYPES)

    @property
    def log_estimate(self) -> float:
        """Logarithm of a ratio; a difference as it is."""
        return float(np.log(self.estimate)) if self.measure in RATIOS else self.estimate

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        row = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "notes"}
        return pl.DataFrame({**row, "notes": " ".join(self.notes)})


def wald_effect(
    estimate: float,
    std_err: float,
    *,
    analysis: str,
    measure: str,
    n: int,
    n_exposed: int,
    events: int,
    estimand: str,
    effect_type: str,
    method: str,
    level: float = 0.95,
    notes: tuple[str, ...] = (),
) -> Effect:
    """Effect with a Wald interval and test.

    Parameters
    ----------
    estimate, std_err : float
        The logarithm of a ratio and its standard error, or a difference and its own.
    level : float
        Confidence level, 0 to 1.
    analysis, measure, n, n_exposed, events, estimand, effect_type, method, notes
        As in `Effect`.

    Raises
    ------
    CodingError
        An unknown measure, estimand or effect type, or a level outside 0 to 1.
    NothingToCompareError
        A standard error of zero.
    """
    half = normal_quantile(confidence(level)) * std_err
    z = wald_statistic(np.array([estimate]), np.array([std_err]))
    values = np.array([estimate, estimate - half, estimate + half])
    value, low, high = (np.exp(values) if measure in RATIOS else values).tolist()
    return Effect(
        analysis=analysis,
        measure=measure,
        estimate=value,
        std_err=std_err,
        ci_low=low,
        ci_high=high,
        ci_level=level,
        p_value=float(two_sided_p(z)[0]),
        n=n,
        n_exposed=n_exposed,
        events=events,
        estimand=estimand,
        effect_type=effect_type,
        method=method,
        notes=notes,
    )
