"""E-values: how strong an unmeasured confounder would have to be to explain an estimate away.

An E-value speaks of unmeasured confounding and of nothing else. It says nothing about immortal time, so it
has to be told what the estimate is already corrected for.
"""

from collections.abc import Collection
from dataclasses import dataclass
from numbers import Real

import numpy as np
import polars as pl

from .._inputs import choice, confidence
from .._linear_algebra import normal_quantile
from ..effect import Effect
from ..errors import CodingError

BIASES = ("measured_confounding", "immortal_time")
SCALES = ("hr", "or", "rr", "smd")


@dataclass(frozen=True)
class EValue:
    """Result of `e_value`.

    Attributes
    ----------
    analysis : str
        The analysis whose estimate it is.
    corrected_for : tuple of str
        Biases that analysis already deals with.
    measure : str
    estimate, ci_low, ci_high : float
        As given.
    toward : float
        The value the estimate would be moved to, on the scale of the estimate; 1 is no effect.
    risk_ratio : float
        The estimate over `toward`, both as risk ratios.
    e_value : float
        Risk ratio that the confounder needs with both exposure and outcome to move the estimate there.
    e_value_limit : float
        The same for the limit nearer to `toward`; 1 where the interval holds it.
    notes : tuple of str
        What the number does not cover.
    """

    analysis: str
    corrected_for: tuple[str, ...]
    measure: str
    common_outcome: bool
    estimate: float
    ci_low: float
    ci_high: float
    toward: float
    risk_ratio: float
    e_value: float
    e_value_limit: float
    notes: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        lists = {"corrected_for": ", ".join(self.corrected_for), "notes": " ".join(self.notes)}
        return pl.DataFrame([{name: getattr(self, name) for name in self.__dataclass_fields__} | lists])


def e_value(
    estimate: float,
    ci_low: float,
    ci_high: float,
    *,
    analysis: str,
    corrected_for: Collection[str],
    measure: str = "hr",
    common_outcome: bool,
    toward: float | None = None,
) -> EValue:
    """E-value of an estimate and of the limit of its interval that is nearer to no effect.

    Parameters
    ----------
    estimate, ci_low, ci_high : float
        A ratio with its interval, or a standardised mean difference with its own.
    analysis : str
        Which analysis it comes from, such as `clone_censor_weight`.
    corrected_for : collection of {"measured_confounding", "immortal_time"}
        What that analysis deals with; at least one. What is missing is in the result's notes.
    measure : {"hr", "or", "rr", "smd"}
    common_outcome : bool
        Whether more than about 15 percent have the outcome at the end of follow-up, so that a hazard or
        odds ratio is not a risk ratio and is converted. Deaths in stage IV disease are common.
    toward : float, optional
        Value to move the estimate to, on its own scale: the trials' estimate, for example. Default no effect.

    Returns
    -------
    EValue

    Raises
    ------
    CodingError
        A figure out of range, an interval that does not hold its estimate, an unknown measure, an analysis
        corrected for nothing.

    Notes
    -----
    Common outcome: RR = (1 - 0.5**sqrt(HR)) / (1 - 0.5**sqrt(1/HR)), and RR = sqrt(OR).
    Standardised difference: RR = exp(0.91 d).

    References
    ----------
    VanderWeele TJ, Ding P. Sensitivity analysis in observational research: introducing the E-value. Ann
    Intern Med 2017;167:268-274.
    VanderWeele TJ. Optimal approximate conversions of odds ratios and hazard ratios to risk ratios.
    Biometrics 2020;76:746-752.
    """
    choice(measure, "measure", SCALES)
    biases = _corrected(analysis, corrected_for)
    target = (0.0 if measure == "smd" else 1.0) if toward is None else toward
    given = (ci_low, estimate, ci_high, target)
    figures = np.array(given if _are_numbers(*given) else np.nan, dtype=np.float64)
    in_range = np.isfinite(figures).all() and (measure == "smd" or figures.min() > 0)
    if not (in_range and ci_low <= estimate <= ci_high):
        raise CodingError(
            "An estimate with its interval around it is needed, ratios above zero",
            field="estimate, ci_low, ci_high, toward",
            remedy="Give the ratio itself, not its logarithm.",
        )
    low, value, high, aim = (risk_ratio(float(f), measure, common=common_outcome) for f in figures)
    nearer = low if value > aim else high
    reached = low <= aim <= high
    return EValue(
        analysis=analysis,
        corrected_for=biases,
        measure=measure,
        common_outcome=common_outcome,
        estimate=estimate,
        ci_low=ci_low,
        ci_high=ci_high,
        toward=target,
        risk_ratio=value / aim,
        e_value=e_value_of_ratio(value / aim),
        e_value_limit=1.0 if reached else e_value_of_ratio(nearer / aim),
        notes=_notes(biases),
    )


def e_value_of(
    effect: Effect, *, corrected_for: Collection[str], common_outcome: bool, toward: float | None = None
) -> EValue:
    """E-value of an `Effect` that is a hazard, odds or risk ratio; the arguments are those of `e_value`."""
    return e_value(
        effect.estimate,
        effect.ci_low,
        effect.ci_high,
        analysis=effect.analysis,
        corrected_for=corrected_for,
        measure=effect.measure,
        common_outcome=common_outcome,
        toward=toward,
    )


def e_value_risk_difference(
    events_exposed: int,
    n_exposed: int,
    events_unexposed: int,
    n_unexposed: int,
    *,
    analysis: str,
    corrected_for: Collection[str],
    level: float = 0.95,
) -> EValue:
    """E-value of a risk difference from a two by two table.

    Parameters
    ----------
    events_exposed, n_exposed, events_unexposed, n_unexposed : int
        People with the outcome and people in each arm; some with and some without it in both.
    analysis, corrected_for
        As in `e_value`.
    level : float
        Of the interval, which is Wald's.

    Returns
    -------
    EValue
        `measure` is `risk_difference` and `toward` 0; `risk_ratio` is the ratio of the risks.

    Raises
    ------
    CodingError
        Counts that are no table.

    References
    ----------
    Ding P, VanderWeele TJ. Sensitivity analysis without assumptions. Epidemiology 2016;27:368-377.
    """
    biases = _corrected(analysis, corrected_for)
    counts = _are_numbers(events_exposed, n_exposed, events_unexposed, n_unexposed)
    if not (counts and 0 < events_exposed < n_exposed and 0 < events_unexposed < n_unexposed):
        raise CodingError(
            "Each arm needs people with and without the outcome",
            field="events_exposed, events_unexposed",
            remedy="Check the counts.",
        )
    z = normal_quantile(confidence(level))
    exposed, unexposed = events_exposed / n_exposed, events_unexposed / n_unexposed
    difference = exposed - unexposed
    std_err = np.sqrt(exposed * (1 - exposed) / n_exposed + unexposed * (1 - unexposed) / n_unexposed)
    arms = [(exposed, n_exposed), (unexposed, n_unexposed)]
    (high, n_high), (low, n_low) = arms if difference >= 0 else arms[::-1]
    limit = _difference_limit(high, n_high, low, n_low, z)
    ci_low, ci_high = float(difference - z * std_err), float(difference + z * std_err)
    return EValue(
        analysis=analysis,
        corrected_for=biases,
        measure="risk_difference",
        common_outcome=True,
        estimate=difference,
        ci_low=ci_low,
        ci_high=ci_high,
        toward=0.0,
        risk_ratio=exposed / unexposed,
        e_value=e_value_of_ratio(high / low),
        e_value_limit=e_value_of_ratio(limit),
        notes=_notes(biases),
    )


def risk_ratio(value: float, measure: str, *, common: bool) -> float:
    """Approximate risk ratio of a hazard, odds or risk ratio or a standardised difference."""
    if measure == "smd":
        return float(np.exp(0.91 * value))
    if not common or measure == "rr":
        return value
    if measure == "or":
        return float(np.sqrt(value))
    return float(-np.expm1(-np.log(2) * np.sqrt(value)) / -np.expm1(-np.log(2) * np.sqrt(1 / value)))


def e_value_of_ratio(ratio: float) -> float:
    """E-value of a risk ratio: RR + sqrt(RR (RR - 1)), of the ratio or its inverse, whichever is above 1."""
    above = max(ratio, 1 / ratio)
    return above + float(np.sqrt(above * (above - 1)))


def _are_numbers(*values: object) -> bool:
    """Whether all are numbers, and none a text that looks like one."""
    return all(isinstance(value, Real) for value in values)


def _difference_limit(high: float, n_high: int, low: float, n_low: int, z: float) -> float:
    """Smallest bias factor at which the lower limit of a risk difference above zero is zero; 1 if it is."""
    n = n_high + n_low
    share = n_high / n

    def lower(factor: float) -> float:
        adjusted = high - low * factor
        mixed = share + (1 - share) / factor
        variance = high * (1 - high) / n_high + factor**2 * low * (1 - low) / n_low
        spread = variance * mixed**2 + adjusted**2 * (1 - 1 / factor) ** 2 * share * (1 - share) / n
        return float(adjusted * mixed - z * np.sqrt(spread))

    if lower(1.0) <= 0:
        return 1.0
    from scipy.optimize import brentq

    return float(brentq(lower, 1.0, high / low, xtol=1e-13))


def _corrected(analysis: str, corrected_for: Collection[str]) -> tuple[str, ...]:
    for bias in corrected_for:
        choice(bias, "corrected_for", BIASES)
    if not analysis.strip() or not corrected_for:
        raise CodingError(
            "An E-value belongs to a corrected estimate, and has to name it",
            field="corrected_for" if analysis.strip() else "analysis",
            remedy=f"Name the analysis, and which of {', '.join(BIASES)} it deals with.",
        )
    return tuple(bias for bias in BIASES if bias in corrected_for)


def _notes(corrected_for: tuple[str, ...]) -> tuple[str, ...]:
    missing = [bias.replace("_", " ") for bias in BIASES if bias not in corrected_for]
    return tuple(
        f"The estimate is not corrected for {bias}, which an E-value does not cover." for bias in missing
    )
