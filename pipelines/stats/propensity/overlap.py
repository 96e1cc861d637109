"""Overlap of the arms: common support, preference score and equipoise, levels that only one arm has."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray
from ..errors import CodingError, ShapeError
from ._arms import probabilities, two_arms

EQUIPOISE = (0.3, 0.7)
# A numeric covariate with more values than this is looked at in fifths.
LEVELS = 12


@dataclass(frozen=True)
class Overlap:
    """Result of `overlap`.

    Attributes
    ----------
    n_treated, n_control : int
    auc : float
        C statistic of the score: 0.5 where the arms cannot be told apart.
    support : tuple of float
        Scores that both arms have: from the larger of the smallest to the smaller of the largest.
    outside_treated, outside_control : int
        People whose score lies beyond it.
    preference : ndarray of shape (n,)
        Score corrected for the share treated (Walker), in the order of the input.
    equipoise_treated, equipoise_control : float
        Share of each arm whose preference score lies within `equipoise`.
    equipoise : tuple of float
    """

    n_treated: int
    n_control: int
    auc: float
    support: tuple[float, float]
    outside_treated: int
    outside_control: int
    preference: FloatArray
    equipoise_treated: float
    equipoise_control: float
    equipoise: tuple[float, float]

    @property
    def outside_share(self) -> float:
        """Share of all people whose score the other arm does not reach."""
        return (self.outside_treated + self.outside_control) / (self.n_treated + self.n_control)

    @property
    def in_equipoise(self) -> bool:
        """Whether at least half of each arm lies within the limits, Walker's rule of thumb."""
        return min(self.equipoise_treated, self.equipoise_control) >= 0.5

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report should print."""
        found = []
        if self.outside_treated or self.outside_control:
            found.append(
                f"{self.outside_treated} treated and {self.outside_control} control people have scores the "
                "other arm does not reach: for them the comparison rests on the model alone."
            )
        if not self.in_equipoise:
            low, high = self.equipoise
            found.append(
                f"No empirical equipoise: {self.equipoise_treated:.0%} of the treated and "
                f"{self.equipoise_control:.0%} of the controls have preference scores of {low} to {high}."
            )
        return tuple(found)

    def to_frame(self) -> pl.DataFrame:
        """One row per arm."""
        return pl.DataFrame(
            {
                "arm": ["treated", "control"],
                "n": [self.n_treated, self.n_control],
                "outside_support": [self.outside_treated, self.outside_control],
                "share_in_equipoise": [self.equipoise_treated, self.equipoise_control],
                "support_low": [self.support[0]] * 2,
                "support_high": [self.support[1]] * 2,
                "auc": [self.auc] * 2,
            }
        )


def preference_score(score: ArrayLike, treated: ArrayLike) -> FloatArray:
    """Propensity score on a scale where 0.5 means as likely treated as people are on average.

    Parameters
    ----------
    score : array_like of shape (n,)
        Propensity scores, between 0 and 1.
    treated : array_like of shape (n,)
        1 or True for the treated.

    Returns
    -------
    ndarray of shape (n,)
        log odds of the preference = log odds of the score - log odds of the share treated.

    Raises
    ------
    EmptyArmError, CodingError, ShapeError, NonFiniteError
        The input is not what it should be.

    References
    ----------
    Walker AM, Patrick AR, Lauer MS, et al. A tool for assessing the feasibility of comparative effectiveness
    research. Comparative Effectiveness Research 2013;3:11-20.
    """
    e = probabilities(score)
    share = float(np.mean(two_arms(treated, len(e))))
    return np.asarray(e * (1 - share) / (e * (1 - share) + (1 - e) * share), dtype=np.float64)


def overlap(score: ArrayLike, treated: ArrayLike, *, equipoise: tuple[float, float] = EQUIPOISE) -> Overlap:
    """How far the arms' propensity scores cover each other.

    Parameters
    ----------
    score : array_like of shape (n,)
        Propensity scores, between 0 and 1.
    treated : array_like of shape (n,)
        1 or True for the treated.
    equipoise : tuple of float
        Preference scores that count as equipoise, limits included.

    Returns
    -------
    Overlap

    Raises
    ------
    EmptyArmError, CodingError, ShapeError, NonFiniteError
        The input is not what it should be.

    References
    ----------
    Walker AM, Patrick AR, Lauer MS, et al. A tool for assessing the feasibility of comparative effectiveness
    research. Comparative Effectiveness Research 2013;3:11-20.
    """
    e = probabilities(score)
    arm = two_arms(treated, len(e))
    low, high = equipoise
    if not 0 <= low < high <= 1:
        raise CodingError("Limits that are no range", field="equipoise", remedy="Give two shares in order.")
    rounded = np.round(e, 12)  # identical people may differ by a rounding error
    support = (
        float(max(rounded[arm].min(), rounded[~arm].min())),
        float(min(rounded[arm].max(), rounded[~arm].max())),
    )
    beyond = (rounded < support[0]) | (rounded > support[1])
    preference = preference_score(e, arm)
    inside = (preference >= low) & (preference <= high)
    return Overlap(
        n_treated=int(arm.sum()),
        n_control=int((~arm).sum()),
        auc=area_under_curve(rounded, arm),
        support=support,
        outside_treated=int((beyond & arm).sum()),
        outside_control=int((beyond & ~arm).sum()),
        preference=preference,
        equipoise_treated=float(inside[arm].mean()),
        equipoise_control=float(inside[~arm].mean()),
        equipoise=equipoise,
    )


def positivity(covariates: pl.DataFrame, treated: ArrayLike, *, rare: float = 0.01) -> pl.DataFrame:
    """Share treated at every level of every covariate, and the levels that only one arm has.

    Parameters
    ----------
    covariates : Polars frame of n rows
        Factors as text or codes; a numeric column with more than 12 values is cut into fifths. Null is a
        level of its own.
    treated : array_like of shape (n,)
        1 or True for the treated.
    rare : float
        Levels whose share treated is below this, or above 1 less this, are named too.

    Returns
    -------
    Polars frame
        One row per level: covariate, level, n, n_treated, share_treated, finding. The finding is
        `nobody treated`, `everybody treated`, `hardly anybody treated`, `almost everybody treated` or null.

    Raises
    ------
    EmptyArmError, CodingError, ShapeError, NonFiniteError
        The input is not what it should be.

    References
    ----------
    Petersen ML, Porter KE, Gruber S, Wang Y, van der Laan MJ. Diagnosing and responding to violations in
    the positivity assumption. Stat Methods Med Res 2012;21:31-54.
    """
    if covariates.width == 0:
        raise ShapeError("No covariates", field="covariates", remedy="Give at least one column.")
    arm = two_arms(treated, covariates.height)
    if not 0 <= rare < 0.5:
        raise CodingError("A share outside 0 to 0.5", field="rare", remedy="Write one percent as 0.01.")
    tables = [_levels(covariates[name], arm) for name in covariates.columns]
    share = pl.col("share_treated")
    finding = (
        pl.when(share == 0)
        .then(pl.lit("nobody treated"))
        .when(share == 1)
        .then(pl.lit("everybody treated"))
        .when(share < rare)
        .then(pl.lit("hardly anybody treated"))
        .when(share > 1 - rare)
        .then(pl.lit("almost everybody treated"))
    )
    return pl.concat(tables).with_columns(finding.alias("finding"))


def area_under_curve(score: FloatArray, arm: BoolArray) -> float:
    """Chance that a treated person scores higher than a control, ties counting half."""
    treated, control = np.sort(score[arm]), np.sort(score[~arm])
    below = np.searchsorted(control, treated, "left") + np.searchsorted(control, treated, "right")
    return float(below.sum() / 2 / (len(treated) * len(control)))


def _levels(column: pl.Series, arm: BoolArray) -> pl.DataFrame:
    name = column.name
    if column.dtype.is_numeric() and column.n_unique() > LEVELS:
        column = _fifths(column)
    counted = (
        pl.DataFrame({"level": column, "treated": arm})
        .group_by("level")
        .agg(n=pl.len(), n_treated=pl.col("treated").sum())
        .sort("level", nulls_last=True)
    )
    return counted.select(
        pl.lit(name).alias("covariate"),
        pl.col("level").cast(pl.String),
        pl.col("n").cast(pl.Int64),
        pl.col("n_treated").cast(pl.Int64),
        (pl.col("n_treated") / pl.col("n")).alias("share_treated"),
    )


def _fifths(column: pl.Series) -> pl.Series:
    """Which fifth a value lies in, named; the limits stay out, for they are people's values."""
    values = column.cast(pl.Float64).to_numpy()
    known = ~np.isnan(values)
    cuts = np.quantile(values[known], [0.2, 0.4, 0.6, 0.8])
    place = np.searchsorted(cuts, values, side="left") + 1
    return pl.Series(column.name, [f"fifth {k}" if ok else None for k, ok in zip(place, known, strict=True)])
