"""Curves of relative survival and what is read off them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, vector
from ..errors import BeyondFollowUpError
from ..kaplan_meier.curve import labelled


@dataclass(frozen=True)
class RelativeSurvivalCurve:
    """One curve; arrays of shape (m,).

    Attributes
    ----------
    group : object
        The group's label; None where there was no grouping.
    method : str
        `pohar-perme` estimates net survival; `ederer2` nearly does within age groups; `ederer1` is the ratio
        of observed to expected survival of people like all those diagnosed.
    n, events : int
        People, and deaths of any cause.
    time : ndarray
        Distinct times, in the unit given.
    n_risk, n_event, n_censor : ndarray
        People, not weighted.
    survival : ndarray
        Relative (net) survival; may rise, and lie above 1.
    observed : ndarray
        Kaplan-Meier's.
    expected : ndarray
        Survival of comparable people of the population, as the method compares them.
    std_err : ndarray
        Of log survival. `survival_std_err` is that of survival.
    lower, upper : ndarray
    warnings : tuple of str
    """

    group: object
    method: str
    n: int
    events: int
    time: FloatArray
    n_risk: FloatArray
    n_event: FloatArray
    n_censor: FloatArray
    survival: FloatArray
    observed: FloatArray
    expected: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    ci: str
    level: float
    warnings: tuple[str, ...] = ()

    @property
    def survival_std_err(self) -> FloatArray:
        """Standard error of survival itself (m,)."""
        return self.survival * self.std_err

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """One row per asked time, at the last time of the curve that is not later.

        Raises
        ------
        BeyondFollowUpError
            A time after the last of the curve.
        """
        asked = vector(np.atleast_1d(np.asarray(times)), "times")
        late = int(np.count_nonzero(asked > self.time[-1]))
        if late:
            raise BeyondFollowUpError(
                "Times until which nobody was followed", field="times", count=late, remedy="Ask earlier."
            )
        place = np.searchsorted(self.time, asked, side="right")
        columns = {
            "survival": (1.0, self.survival),
            "std_err": (0.0, self.survival_std_err),
            "lower": (1.0, self.lower),
            "upper": (1.0, self.upper),
            "observed": (1.0, self.observed),
            "expected": (1.0, self.expected),
        }
        return pl.DataFrame(
            {
                "time": asked,
                **{name: np.append(first, rest)[place] for name, (first, rest) in columns.items()},
            }
        )

    def to_frame(self) -> pl.DataFrame:
        """One row per time; `std_err` is that of survival."""
        names = (
            "time",
            "n_risk",
            "n_event",
            "n_censor",
            "survival",
            "lower",
            "upper",
            "observed",
            "expected",
        )
        return pl.DataFrame(
            {**{name: getattr(self, name) for name in names}, "std_err": self.survival_std_err}
        )


@dataclass(frozen=True)
class RelativeSurvival:
    """Curves by group, in the order of their labels; `fit["label"]` is one of them."""

    curves: tuple[RelativeSurvivalCurve, ...]

    def __getitem__(self, group: object) -> RelativeSurvivalCurve:
        for curve in self.curves:
            if curve.group == group:
                return curve
        raise KeyError(group)

    def __iter__(self) -> Iterator[RelativeSurvivalCurve]:
        return iter(self.curves)

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """One row per group and asked time."""
        return pl.concat(labelled(curve.group, curve.at(times)) for curve in self.curves)

    def to_frame(self) -> pl.DataFrame:
        """One row per group and time."""
        return pl.concat(labelled(curve.group, curve.to_frame()) for curve in self.curves)
