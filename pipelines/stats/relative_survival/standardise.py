"""Survival standardised by age, so that populations of different age can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, confidence, vector
from .._linear_algebra import normal_quantile
from ..errors import CodingError, EmptyArmError
from ..kaplan_meier.curve import KaplanMeier, KaplanMeierCurve
from .curve import RelativeSurvival, RelativeSurvivalCurve

AGE_CLASSES = ("15-44", "45-54", "55-64", "65-74", "75+")
_FIRST_AGES = (15, 45, 55, 65, 75)
ICSS = MappingProxyType(
    {
        1: dict(zip(AGE_CLASSES, (0.07, 0.12, 0.23, 0.29, 0.29), strict=True)),
        2: dict(zip(AGE_CLASSES, (0.28, 0.17, 0.21, 0.20, 0.14), strict=True)),
        3: dict(zip(AGE_CLASSES, (0.60, 0.10, 0.10, 0.10, 0.10), strict=True)),
    }
)
"""International Cancer Survival Standards: 1 for most cancers, breast among them; 2 for those whose risk hardly
rises with age; 3 for those of young adults (Corazziari, Quinn, Capocaccia 2004)."""


@dataclass(frozen=True)
class StandardisedSurvival:
    """Age-standardised survival at given times; arrays of shape (m,)."""

    time: FloatArray
    survival: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    weights: Mapping[str, float]

    def to_frame(self) -> pl.DataFrame:
        """One row per time; limits are null where survival is 0."""
        names = ("time", "survival", "std_err", "lower", "upper")
        return pl.DataFrame({name: getattr(self, name) for name in names}).with_columns(
            pl.col("lower", "upper").fill_nan(None)
        )


def age_classes(age: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Age class of the standards, (n,), for ages in years from 15 on.

    Raises
    ------
    CodingError
        People younger than 15.
    """
    years = vector(age, "age")
    young = int(np.count_nonzero(years < _FIRST_AGES[0]))
    if young:
        raise CodingError(
            "People younger than 15",
            field="age",
            count=young,
            remedy="The standards begin at 15: leave them out.",
        )
    return np.array(AGE_CLASSES)[np.searchsorted(_FIRST_AGES, years, side="right") - 1]


def standardised_survival(
    fit: RelativeSurvival | KaplanMeier,
    times: ArrayLike,
    weights: Mapping[str, float],
    *,
    level: float = 0.95,
) -> StandardisedSurvival:
    """Weighted mean of the survival of age classes.

    Parameters
    ----------
    fit : RelativeSurvival or KaplanMeier
        Curves with the age class as group.
    times : array_like
        In the unit of the curves.
    weights : mapping
        Weight of each group, above 0; they are brought to sum to one. `ICSS[1]` for breast cancer.
    level : float
        Confidence level; the interval is symmetric on the log scale.

    Raises
    ------
    EmptyArmError
        A class with a weight has no curve, or nobody of it was followed to one of the times.
    CodingError
        A curve has no weight, or weights are not above 0.

    References
    ----------
    Corazziari I, Quinn M, Capocaccia R. Standard cancer patient population for age standardising survival
    ratios. Eur J Cancer 2004;40:2307-2316.
    """
    confidence(level)
    curves: tuple[RelativeSurvivalCurve | KaplanMeierCurve, ...] = fit.curves
    groups = [str(curve.group) for curve in curves]
    share = vector(np.array(list(weights.values()), dtype=np.float64), "weights")
    if (share <= 0).any() or set(groups) - set(weights):
        raise CodingError(
            "Curves without a weight above 0", field="weights", remedy="Give every group a weight above 0."
        )
    absent = [name for name in weights if name not in groups]
    if absent:
        raise EmptyArmError(
            "Classes that have a weight but nobody in them",
            field=", ".join(absent),
            count=len(absent),
            remedy="Merge classes and their weights, or give no standardised survival.",
        )
    asked = vector(np.atleast_1d(np.asarray(times)), "times")
    total = float(share.sum())
    survival, variance = np.zeros(len(asked)), np.zeros(len(asked))
    for curve, name in zip(curves, groups, strict=True):
        at = curve.at(asked)
        if at["survival"].null_count():
            raise EmptyArmError(
                "Nobody of a class was followed to the time", field=name, remedy="Ask for an earlier time."
            )
        survival += weights[name] / total * at["survival"].to_numpy()
        variance += (weights[name] / total * at["std_err"].to_numpy()) ** 2
    std_err = np.sqrt(variance)
    alive = survival > 0
    ratio = np.divide(std_err, survival, out=np.full_like(std_err, np.nan), where=alive)
    half = np.exp(normal_quantile(level) * ratio)
    return StandardisedSurvival(
        asked, survival, std_err, survival / half, survival * half, level, dict(weights)
    )
