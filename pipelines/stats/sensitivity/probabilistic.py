"""Probabilistic bias analysis: an estimate corrected for a confounder nobody measured, by declared priors."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtr

from .._inputs import FloatArray, confidence
from .._linear_algebra import normal_quantile
from ..effect import Effect
from ..errors import CodingError
from .priors import Prior
from .unmeasured import correct, require_ratio

MIN_DRAWS = 1_000


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
    common_outcome: bool,
    correlation: float = 0.0,
    draws: int = 20_000,
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
    common_outcome : bool
        As in `array_analysis`.
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
    require_ratio(effect)
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
    strength = ratio.quantile(ndtr(z[2]))
    drawn = effect.estimate * np.exp(effect.std_err * z[3])
    corrected = np.log(correct(effect, np.full(draws, effect.estimate), p1, p0, strength, common_outcome))
    total = np.log(correct(effect, drawn, p1, p0, strength, common_outcome))
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
