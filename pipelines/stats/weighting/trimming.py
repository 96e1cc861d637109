"""Trimming: people without counterparts are left out, and the estimand says so."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, choice
from ..errors import CodingError, NoOverlapError
from ..propensity._arms import probabilities, two_arms

RULES = ("crump", "fixed", "sturmer", "common_support")


@dataclass(frozen=True)
class Trimmed:
    """Result of `trim`.

    Attributes
    ----------
    keep : ndarray of bool, shape (n,)
    lower, upper : float
        Scores between which people are kept, limits included.
    rule : str
    lost_treated, lost_control : int
    notes : tuple of str
        What the estimand became.
    """

    keep: BoolArray
    lower: float
    upper: float
    rule: str
    lost_treated: int
    lost_control: int
    notes: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        return pl.DataFrame(
            {
                "rule": [self.rule],
                "lower": [self.lower],
                "upper": [self.upper],
                "kept": [int(self.keep.sum())],
                "lost_treated": [self.lost_treated],
                "lost_control": [self.lost_control],
            }
        )


def trim(score: ArrayLike, treated: ArrayLike, rule: str = "crump", *, share: float | None = None) -> Trimmed:
    """Keep people whose propensity score has counterparts in the other arm.

    Parameters
    ----------
    score : array_like of shape (n,)
        Propensity scores, strictly between 0 and 1.
    treated : array_like of shape (n,)
        1 or True for the treated.
    rule : {"crump", "fixed", "sturmer", "common_support"}
        crump: the limits a and 1 - a that give the smallest variance. fixed: a = `share`, by default 0.1.
        sturmer: from the `share` quantile of the treated (default 0.05) to the 1 - `share` quantile of the
        controls, so that those treated contrary to prediction go. common_support: scores both arms have.
    share : float, optional
        See `rule`.

    Returns
    -------
    Trimmed
        Fit the score again among those kept before weighting.

    Raises
    ------
    NoOverlapError
        An arm has nobody left.
    CodingError
        An unknown rule, a share outside 0 to 0.5, a share for a rule that has none, scores of 0 or 1.
    EmptyArmError, ShapeError, NonFiniteError
        The input is not what it should be.

    References
    ----------
    Crump RK, Hotz VJ, Imbens GW, Mitnik OA. Dealing with limited overlap in estimation of average treatment
    effects. Biometrika 2009;96:187-199.
    Sturmer T, Rothman KJ, Avorn J, Glynn RJ. Treatment effects in the presence of unmeasured confounding:
    dealing with observations in the tails of the propensity score distribution. Am J Epidemiol
    2010;172:843-854.
    """
    choice(rule, "rule", RULES)
    e = probabilities(score)
    arm = two_arms(treated, len(e))
    e = np.round(e, 12)  # identical people may differ by a rounding error, and should share their fate
    if share is not None and (rule in ("crump", "common_support") or not 0 < share < 0.5):
        raise CodingError(
            "A share that the rule does not take", field="share", remedy="Give 0 to 0.5 to fixed or sturmer."
        )
    if rule == "crump":
        lower = crump_limit(e)
        upper = 1 - lower
    elif rule == "fixed":
        lower = 0.1 if share is None else share
        upper = 1 - lower
    elif rule == "sturmer":
        cut = 0.05 if share is None else share
        lower, upper = float(np.quantile(e[arm], cut)), float(np.quantile(e[~arm], 1 - cut))
    else:
        lower, upper = max(e[arm].min(), e[~arm].min()), min(e[arm].max(), e[~arm].max())
    keep = (e >= lower) & (e <= upper)
    for own, name in ((arm, "treated"), (~arm, "control")):
        if not keep[own].any():
            raise NoOverlapError(
                f"Trimming by the rule {rule!r} leaves nobody in an arm",
                field=name,
                count=int(own.sum()),
                remedy="The arms hardly overlap; narrow the cohort, or take another rule.",
            )
    lost_treated, lost_control = int((arm & ~keep).sum()), int((~arm & ~keep).sum())
    note = (
        f"Trimmed ({rule}): {lost_treated} treated and {lost_control} control people with scores outside "
        f"{lower:.3f} to {upper:.3f} are left out. The effect is that in those kept, not in the whole cohort."
    )
    return Trimmed(keep, float(lower), float(upper), rule, lost_treated, lost_control, (note,))


def crump_limit(score: ArrayLike) -> float:
    """Crump's limit a: keeping scores from a to 1 - a makes the variance of the effect smallest.

    With g = 1 / (e (1 - e)), people are kept while g is at most twice the mean g of those kept. It is 0
    where everybody is.

    Parameters
    ----------
    score : array_like of shape (n,)
        Propensity scores, strictly between 0 and 1.
    """
    e = probabilities(score)
    g = np.sort(1 / (e * (1 - e)))
    twice_mean = 2 * np.cumsum(g) / np.arange(1, len(g) + 1)
    last = int(np.flatnonzero(g <= twice_mean)[-1])
    if last == len(g) - 1:
        return 0.0
    return float(0.5 - np.sqrt(0.25 - 1 / twice_mean[last]))
