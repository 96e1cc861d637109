"""What an unmeasured confounder would do to an estimate, for every strength on a grid.

The confounder is a condition that people have or have not, with a share of each arm who have it and a ratio
of the outcome between those with and without, the same in both arms.
"""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, choice, vector
from ..effect import RATIOS, Effect
from ..errors import CodingError
from ._depletion import hazard_ratio_without

LARGEST_RATIO = 1e3


def bounding_factor(ratio_exposure: ArrayLike, ratio_outcome: ArrayLike) -> FloatArray:
    """Largest ratio by which a confounder of two given strengths can move a risk ratio.

    Parameters
    ----------
    ratio_exposure : array_like
        Largest ratio between the arms of the share in any level of the confounder, 1 or more.
    ratio_outcome : array_like
        Largest ratio of the risk between two levels of the confounder within an arm, 1 or more.

    Returns
    -------
    ndarray
        a b / (a + b - 1), with the shapes broadcast.

    References
    ----------
    Ding P, VanderWeele TJ. Sensitivity analysis without assumptions. Epidemiology 2016;27:368-377.
    """
    a, b = np.asarray(ratio_exposure, dtype=np.float64), np.asarray(ratio_outcome, dtype=np.float64)
    wrong = int(np.count_nonzero(~(a >= 1))) + int(np.count_nonzero(~(b >= 1)))
    if wrong:
        raise CodingError(
            "Strengths below one", field="ratio_exposure, ratio_outcome", count=wrong, remedy="Invert them."
        )
    return np.asarray(a * b / (a + b - 1), dtype=np.float64)


def confounding_factor(
    prevalence_exposed: ArrayLike, prevalence_unexposed: ArrayLike, ratio: ArrayLike
) -> FloatArray:
    """Factor that a confounder multiplies a ratio by: divide the estimate by it to correct it.

    Parameters
    ----------
    prevalence_exposed, prevalence_unexposed : array_like
        Share of each arm with the condition, 0 to 1.
    ratio : array_like
        Ratio of the outcome, those with the condition against those without; above zero.

    Returns
    -------
    ndarray
        (1 + p1 (ratio - 1)) / (1 + p0 (ratio - 1)), with the shapes broadcast. For risk ratios, and for
        hazard ratios where the outcome is rare; where it is common see `corrected_hazard_ratio`.

    References
    ----------
    Bross IDJ. Spurious effects from an extraneous variable. J Chronic Dis 1966;19:637-647.
    Lin DY, Psaty BM, Kronmal RA. Assessing the sensitivity of regression results to unmeasured confounders
    in observational studies. Biometrics 1998;54:948-963.
    """
    p1, p0 = (
        _share(prevalence_exposed, "prevalence_exposed"),
        _share(prevalence_unexposed, "prevalence_unexposed"),
    )
    strength = _positive(ratio, "ratio")
    return np.asarray((1 + p1 * (strength - 1)) / (1 + p0 * (strength - 1)), dtype=np.float64)


def corrected_hazard_ratio(
    hazard_ratio: ArrayLike,
    prevalence_exposed: ArrayLike,
    prevalence_unexposed: ArrayLike,
    ratio: ArrayLike,
    *,
    share_exposed: float,
    share_with_event: float,
) -> FloatArray:
    """Hazard ratio given a confounder that a Cox model left out, where many have the event.

    Parameters
    ----------
    hazard_ratio : array_like
        Of the model without the confounder, above zero.
    prevalence_exposed, prevalence_unexposed, ratio : array_like
        As in `confounding_factor`; `ratio` is the hazard ratio of the condition given the exposure.
    share_exposed, share_with_event : float
        Of the people, above 0 and below 1.

    Returns
    -------
    ndarray
        With the shapes broadcast. As the event becomes rare, `hazard_ratio` over `confounding_factor`.

    Raises
    ------
    CodingError
        A share outside 0 to 1, or a ratio of zero or below.
    ConvergenceError
        No hazard ratio agrees with all that is given.

    Notes
    -----
    Both arms are mixtures of people with and without the condition, whose hazards are proportional;
    follow-up ends when `share_with_event` have had the event, and the estimate is the root of the expected
    score of Cox's model. Censoring before the end is not in it: under 10 to 90 percent with the event it
    made no difference that mattered.

    References
    ----------
    Struthers CA, Kalbfleisch JD. Misspecified proportional hazard models. Biometrika 1986;73:363-369.
    Hernan MA. The hazards of hazard ratios. Epidemiology 2010;21:13-15.
    """
    for value, field in ((share_exposed, "share_exposed"), (share_with_event, "share_with_event")):
        if not 0 < value < 1:
            raise CodingError(
                "A share that is not between 0 and 1", field=field, remedy="Write 20 percent as 0.2."
            )
    naive, p1, p0, strength = np.broadcast_arrays(
        _positive(hazard_ratio, "hazard_ratio"),
        _share(prevalence_exposed, "prevalence_exposed"),
        _share(prevalence_unexposed, "prevalence_unexposed"),
        _positive(ratio, "ratio"),
    )
    flat = [np.ascontiguousarray(values, dtype=np.float64).ravel() for values in (naive, p1, p0, strength)]
    answer = hazard_ratio_without(flat[0], flat[1], flat[2], flat[3], share_exposed, share_with_event)
    return answer.reshape(naive.shape)


def normal_confounding_factor(mean_difference: ArrayLike, ratio_per_unit: ArrayLike) -> FloatArray:
    """The same for a confounder that is normal with one variance in both arms: ratio ** mean difference.

    Parameters
    ----------
    mean_difference : array_like
        Mean of the exposed less that of the unexposed.
    ratio_per_unit : array_like
        Ratio of the outcome per unit, above zero.

    References
    ----------
    Lin, Psaty and Kronmal, as in `confounding_factor`.
    """
    ratio = _positive(ratio_per_unit, "ratio_per_unit")
    return np.asarray(ratio ** np.asarray(mean_difference, dtype=np.float64), dtype=np.float64)


def array_analysis(
    effect: Effect,
    *,
    prevalence_exposed: ArrayLike,
    prevalence_unexposed: ArrayLike,
    ratio: ArrayLike,
    common_outcome: bool,
) -> pl.DataFrame:
    """Corrected estimate for every combination of a confounder's prevalences and strength.

    Parameters
    ----------
    effect : Effect
        A ratio.
    prevalence_exposed, prevalence_unexposed : array_like of shape (a,), (b,)
        Shares of each arm with the condition, 0 to 1.
    ratio : array_like of shape (c,)
        Ratios of the outcome, above zero; hazard ratios where the effect is one.
    common_outcome : bool
        Whether so many have the event (the effect says how many) that the condition wears off; deaths in
        stage IV disease do. For hazard and risk ratios only; a risk ratio needs nothing for it.

    Returns
    -------
    polars.DataFrame
        a b c rows: `prevalence_exposed, prevalence_unexposed, ratio, confounding_factor` (by which the
        estimate is divided), `estimate, ci_low, ci_high, ci_level, explained_away` (the corrected estimate
        is at 1 or on its other side) and `interval_holds_one`, with the effect's `analysis, measure,
        estimand, effect_type`.

    Raises
    ------
    CodingError
        The effect is a difference, or an odds ratio of a common outcome; a share outside 0 to 1; a ratio of
        zero or below.

    References
    ----------
    Schneeweiss S. Sensitivity analysis and external adjustment for unmeasured confounders in
    epidemiologic database studies of therapeutics. Pharmacoepidemiol Drug Saf 2006;15:291-303.
    """
    require_ratio(effect)
    p1, p0, strength = (
        axis.ravel()
        for axis in np.meshgrid(
            vector(prevalence_exposed, "prevalence_exposed"),
            vector(prevalence_unexposed, "prevalence_unexposed"),
            vector(ratio, "ratio"),
            indexing="ij",
        )
    )
    corrected, low, high = (
        correct(effect, np.full(len(p1), figure), p1, p0, strength, common_outcome)
        for figure in (effect.estimate, effect.ci_low, effect.ci_high)
    )
    explained = (corrected >= 1) if effect.estimate < 1 else (corrected <= 1)
    return pl.DataFrame(
        {
            "prevalence_exposed": p1,
            "prevalence_unexposed": p0,
            "ratio": strength,
            "confounding_factor": effect.estimate / corrected,
            "estimate": corrected,
            "ci_low": low,
            "ci_high": high,
            "ci_level": np.full(len(p1), effect.ci_level),
            "explained_away": explained,
            "interval_holds_one": (low <= 1) & (high >= 1),
        }
    ).with_columns(
        pl.lit(getattr(effect, name)).alias(name)
        for name in ("analysis", "measure", "estimand", "effect_type")
    )


def ratio_that_explains(
    effect: Effect, *, prevalence_exposed: float, prevalence_unexposed: float, common_outcome: bool
) -> float | None:
    """Ratio of the outcome at which a confounder of given prevalences alone makes the estimate.

    Parameters
    ----------
    effect : Effect
        A ratio.
    prevalence_exposed, prevalence_unexposed : float
        Share of each arm with the condition.
    common_outcome : bool
        As in `array_analysis`.

    Returns
    -------
    float or None
        None where none does: the prevalences differ too little, or the condition wears off too soon.
    """
    require_ratio(effect)
    p1, p0 = (
        _share([prevalence_exposed], "prevalence_exposed"),
        _share([prevalence_unexposed], "prevalence_unexposed"),
    )
    strengths = np.geomspace(1 / LARGEST_RATIO, LARGEST_RATIO, 161)

    def log_corrected(log_ratio: FloatArray) -> FloatArray:
        one = np.ones(len(log_ratio))
        naive = one * effect.estimate
        corrected = correct(effect, naive, one * p1, one * p0, np.exp(log_ratio), common_outcome)
        return np.log(corrected)

    side = log_corrected(np.log(strengths)) > 0
    crossing = np.flatnonzero(side[1:] != side[:-1])
    if len(crossing) == 0:
        return None
    from scipy.optimize import brentq

    # The weakest of several: nearest to a ratio of one.
    first = crossing[np.argmin(np.abs(np.log(strengths[crossing])))]
    low, high = np.log(strengths[first : first + 2]).tolist()
    return float(np.exp(brentq(lambda g: float(log_corrected(np.array([g]))[0]), low, high, xtol=1e-12)))


def correct(
    effect: Effect,
    estimate: FloatArray,
    p1: FloatArray,
    p0: FloatArray,
    ratio: FloatArray,
    common_outcome: bool,
) -> FloatArray:
    """Figures of an effect corrected for confounders, all of shape (m,)."""
    factor = confounding_factor(p1, p0, ratio)  # checks its arguments
    if not common_outcome or effect.measure == "rr":
        corrected: FloatArray = estimate / factor
        return corrected
    if effect.measure != "hr":
        raise CodingError(
            "The ratio of a common outcome is neither a hazard nor a risk ratio",
            field="measure",
            remedy="Estimate a hazard or a risk ratio.",
        )
    if not 0 < effect.n_exposed < effect.n or effect.events < 1:
        raise CodingError(
            "People, exposed people and events of the effect are needed",
            field="n, n_exposed, events",
            remedy="Give them, or use the formula for rare outcomes.",
        )
    died = min(effect.events / effect.n, 1 - 0.5 / effect.n)
    return hazard_ratio_without(estimate, p1, p0, ratio, effect.n_exposed / effect.n, died)


def require_ratio(effect: Effect) -> None:
    """Refuse a difference."""
    choice(effect.measure, "measure", [name for name in RATIOS if name != "time_ratio"])


def _positive(values: ArrayLike, field: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    wrong = int(np.count_nonzero(~((array > 0) & np.isfinite(array))))
    if wrong:
        raise CodingError(
            "Ratios of zero or below", field=field, count=wrong, remedy="Give ratios above zero."
        )
    return array


def _share(values: ArrayLike, field: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    wrong = int(np.count_nonzero(~((array >= 0) & (array <= 1))))
    if wrong:
        raise CodingError(
            "Shares outside 0 to 1", field=field, count=wrong, remedy="Write 20 percent as 0.2."
        )
    return array
