"""What an unmeasured confounder would do to an estimate: for every strength on a grid, or by declared priors.

The confounder is a condition that people have or have not, with a share of each arm who have it and a ratio
of the outcome between those with and without, the same in both arms.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import ndtr

from .._inputs import FloatArray, choice, confidence, vector
from .._linear_algebra import normal_quantile
from ..effect import RATIOS, Effect
from ..errors import CodingError
from .priors import Prior

MIN_DRAWS = 1_000


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
        (1 + p1 (ratio - 1)) / (1 + p0 (ratio - 1)), with the shapes broadcast. Exact for risk ratios and
        rates; for hazard ratios where the outcome is rare, and too large where it is common.

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
    strength = np.asarray(ratio, dtype=np.float64)
    wrong = int(np.count_nonzero(~((strength > 0) & np.isfinite(strength))))
    if wrong:
        raise CodingError(
            "Ratios of zero or below", field="ratio", count=wrong, remedy="Give ratios above zero."
        )
    return np.asarray((1 + p1 * (strength - 1)) / (1 + p0 * (strength - 1)), dtype=np.float64)


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
    ratio = np.asarray(ratio_per_unit, dtype=np.float64)
    wrong = int(np.count_nonzero(~((ratio > 0) & np.isfinite(ratio))))
    if wrong:
        raise CodingError(
            "Ratios of zero or below", field="ratio_per_unit", count=wrong, remedy="Give ratios above zero."
        )
    return np.asarray(ratio ** np.asarray(mean_difference, dtype=np.float64), dtype=np.float64)


def array_analysis(
    effect: Effect,
    *,
    prevalence_exposed: ArrayLike,
    prevalence_unexposed: ArrayLike,
    ratio: ArrayLike,
) -> pl.DataFrame:
    """Corrected estimate for every combination of a confounder's prevalences and strength.

    Parameters
    ----------
    effect : Effect
        A ratio.
    prevalence_exposed, prevalence_unexposed : array_like of shape (a,), (b,)
        Shares of each arm with the condition, 0 to 1.
    ratio : array_like of shape (c,)
        Ratios of the outcome, above zero.

    Returns
    -------
    polars.DataFrame
        a b c rows: `prevalence_exposed, prevalence_unexposed, ratio, confounding_factor, estimate, ci_low,
        ci_high, ci_level, explained_away` (the corrected estimate is at 1 or on its other side) and
        `interval_holds_one`, with the effect's `analysis, measure, estimand, effect_type`.

    Raises
    ------
    CodingError
        The effect is a difference; a share outside 0 to 1; a ratio of zero or below.

    References
    ----------
    Schneeweiss S. Sensitivity analysis and external adjustment for unmeasured confounders in
    epidemiologic database studies of therapeutics. Pharmacoepidemiol Drug Saf 2006;15:291-303.
    """
    _require_ratio(effect)
    p1, p0, strength = (
        axis.ravel()
        for axis in np.meshgrid(
            vector(prevalence_exposed, "prevalence_exposed"),
            vector(prevalence_unexposed, "prevalence_unexposed"),
            vector(ratio, "ratio"),
            indexing="ij",
        )
    )
    factor = confounding_factor(p1, p0, strength)
    corrected, low, high = (figure / factor for figure in (effect.estimate, effect.ci_low, effect.ci_high))
    explained = (corrected >= 1) if effect.estimate < 1 else (corrected <= 1)
    return pl.DataFrame(
        {
            "prevalence_exposed": p1,
            "prevalence_unexposed": p0,
            "ratio": strength,
            "confounding_factor": factor,
            "estimate": corrected,
            "ci_low": low,
            "ci_high": high,
            "ci_level": np.full(len(factor), effect.ci_level),
            "explained_away": explained,
            "interval_holds_one": (low <= 1) & (high >= 1),
        }
    ).with_columns(
        pl.lit(getattr(effect, name)).alias(name)
        for name in ("analysis", "measure", "estimand", "effect_type")
    )


def ratio_that_explains(
    effect: Effect, *, prevalence_exposed: float, prevalence_unexposed: float
) -> float | None:
    """Ratio of the outcome at which a confounder of given prevalences alone makes the estimate.

    Parameters
    ----------
    effect : Effect
        A ratio.
    prevalence_exposed, prevalence_unexposed : float
        Share of each arm with the condition.

    Returns
    -------
    float or None
        None where no ratio does: the prevalences differ too little.
    """
    _require_ratio(effect)
    p1 = float(_share(prevalence_exposed, "prevalence_exposed"))
    p0 = float(_share(prevalence_unexposed, "prevalence_unexposed"))
    denominator = p1 - effect.estimate * p0
    if denominator == 0:
        return None
    ratio = 1 + (effect.estimate - 1) / denominator
    return ratio if ratio > 0 else None


@dataclass(frozen=True)
class ProbabilisticAnalysis:
    """Result of `probabilistic_analysis`.

    Attributes
    ----------
    analysis, measure, estimand, effect_type : str
        Of the effect that is corrected.
    conventional : tuple of float
        Its estimate and limits.
    systematic : tuple of float
        Median and limits of the estimate corrected for the confounder alone.
    total : tuple of float
        The same with random error too: the interval to read.
    share_beyond_one : float
        Of the corrected estimates with random error that are at 1 or on its other side. No p-value.
    level : float
    priors : tuple of (str, str)
        What was declared, in words.
    correlation : float
    draws, seed : int
    """

    analysis: str
    measure: str
    estimand: str
    effect_type: str
    conventional: tuple[float, float, float]
    systematic: tuple[float, float, float]
    total: tuple[float, float, float]
    share_beyond_one: float
    level: float
    priors: tuple[tuple[str, str], ...]
    correlation: float
    draws: int
    seed: int

    def to_frame(self) -> pl.DataFrame:
        """Three rows: conventional, corrected, corrected with random error; priors repeated on each."""
        rows = {"conventional": self.conventional, "systematic": self.systematic, "total": self.total}
        frame = pl.DataFrame(
            [(name, *figures) for name, figures in rows.items()],
            schema=["interval", "estimate", "ci_low", "ci_high"],
            orient="row",
        )
        declared = "; ".join(f"{name} {prior}" for name, prior in self.priors)
        repeated = {
            "ci_level": self.level,
            "analysis": self.analysis,
            "measure": self.measure,
            "estimand": self.estimand,
            "effect_type": self.effect_type,
            "share_beyond_one": self.share_beyond_one,
            "priors": declared,
            "correlation": self.correlation,
            "draws": self.draws,
            "seed": self.seed,
        }
        return frame.with_columns(pl.lit(value).alias(name) for name, value in repeated.items())


def probabilistic_analysis(
    effect: Effect,
    *,
    prevalence_exposed: Prior,
    prevalence_unexposed: Prior,
    ratio: Prior,
    correlation: float = 0.0,
    draws: int = 50_000,
    seed: int,
    level: float = 0.95,
) -> ProbabilisticAnalysis:
    """Correct an estimate for a confounder whose prevalences and strength are drawn from declared priors.

    Parameters
    ----------
    effect : Effect
        A ratio with a standard error.
    prevalence_exposed, prevalence_unexposed : Prior
        Within 0 to 1.
    ratio : Prior
        Ratio of the outcome, above zero.
    correlation : float
        Of the two prevalences' normal scores, above -1 and below 1; one who thinks a condition commoner in
        one arm mostly thinks it commoner in the other.
    draws : int
        A thousand or more.
    seed : int
        Same seed, same numbers.
    level : float
        Of the intervals, 0 to 1.

    Returns
    -------
    ProbabilisticAnalysis

    Raises
    ------
    CodingError
        The effect is a difference; a prior leaves its range; too few draws; a correlation out of range.

    References
    ----------
    Lash TL, Fox MP, MacLehose RF, Maldonado G, McCandless LC, Greenland S. Good practices for quantitative
    bias analysis. Int J Epidemiol 2014;43:1969-1985.
    """
    _require_ratio(effect)
    confidence(level)
    if draws < MIN_DRAWS or not -1 < correlation < 1:
        raise CodingError(
            "At least a thousand draws, and a correlation between -1 and 1",
            field="draws" if draws < MIN_DRAWS else "correlation",
            remedy="Use the defaults.",
        )
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((4, draws))
    z[1] = correlation * z[0] + np.sqrt(1 - correlation**2) * z[1]
    p1, p0 = prevalence_exposed.quantile(ndtr(z[0])), prevalence_unexposed.quantile(ndtr(z[1]))
    factor = confounding_factor(p1, p0, ratio.quantile(ndtr(z[2])))
    corrected = effect.log_estimate - np.log(factor)
    total = corrected + effect.std_err * z[3]
    shares = [0.5, (1 - level) / 2, (1 + level) / 2]
    half = normal_quantile(level) * effect.std_err
    beyond = total >= 0 if effect.estimate < 1 else total <= 0
    return ProbabilisticAnalysis(
        analysis=effect.analysis,
        measure=effect.measure,
        estimand=effect.estimand,
        effect_type=effect.effect_type,
        conventional=_three(
            np.exp([effect.log_estimate, effect.log_estimate - half, effect.log_estimate + half])
        ),
        systematic=_three(np.exp(np.quantile(corrected, shares))),
        total=_three(np.exp(np.quantile(total, shares))),
        share_beyond_one=float(np.mean(beyond)),
        level=level,
        priors=(
            ("prevalence_exposed", str(prevalence_exposed)),
            ("prevalence_unexposed", str(prevalence_unexposed)),
            ("ratio", str(ratio)),
        ),
        correlation=correlation,
        draws=draws,
        seed=seed,
    )


def _three(figures: FloatArray) -> tuple[float, float, float]:
    first, second, third = figures.tolist()
    return first, second, third


def _require_ratio(effect: Effect) -> None:
    choice(effect.measure, "measure", [name for name in RATIOS if name != "time_ratio"])


def _share(values: ArrayLike, field: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    wrong = int(np.count_nonzero(~((array >= 0) & (array <= 1))))
    if wrong:
        raise CodingError(
            "Shares outside 0 to 1", field=field, count=wrong, remedy="Write 20 percent as 0.2."
        )
    return array
