"""Numbers needed to treat, with intervals that are honest about no effect."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .._inputs import choice
from ..effect import Effect
from ..errors import CodingError


@dataclass(frozen=True)
class NumberNeeded:
    """Number needed to treat for one person to be spared the event by a time, or for one to be harmed.

    Attributes
    ----------
    kind : {"benefit", "harm", "none"}
        What the estimate is.
    number : float
        1 / |risk difference|; infinite where there is none.
    benefit, harm : tuple of float, or None
        Limits of the interval on each side, the smaller number first; None where the interval does not reach
        that side. Where it reaches both, it runs from the benefit through infinity to the harm, and both
        tuples end at infinity.
    level : float
    """

    kind: str
    number: float
    benefit: tuple[float, float] | None
    harm: tuple[float, float] | None
    level: float

    @property
    def text(self) -> str:
        """For a report, such as `20 (benefit 12 to infinity, harm 80 to infinity)`."""
        sides = [("benefit", self.benefit), ("harm", self.harm)]
        limits = ", ".join(f"{name} {_say(s[0])} to {_say(s[1])}" for name, s in sides if s is not None)
        return f"{_say(self.number)} ({self.kind}; {100 * self.level:g} % interval: {limits})"

    def to_frame(self) -> pl.DataFrame:
        """One row; a side that the interval does not reach is null."""
        benefit, harm = _frame_side(self.benefit), _frame_side(self.harm)
        return pl.DataFrame(
            {
                "kind": [self.kind],
                "number": [self.number],
                "benefit_low": [benefit[0]],
                "benefit_high": [benefit[1]],
                "harm_low": [harm[0]],
                "harm_high": [harm[1]],
                "ci_level": [self.level],
            },
            schema_overrides={
                f"{side}_{end}": pl.Float64 for side in ("benefit", "harm") for end in ("low", "high")
            },
        )


def _frame_side(side: tuple[float, float] | None) -> tuple[float | None, float | None]:
    return (None, None) if side is None else side


def number_needed(effect: Effect) -> NumberNeeded:
    """Number needed to treat from a difference of risks, with an interval that is honest about no effect.

    Where the interval of the difference holds 0, that of the number is not one range: it runs from a number
    needed for benefit up to infinity and back down to a number needed for harm.

    Parameters
    ----------
    effect : Effect
        A `risk_difference` (treated less control) or `survival_difference`.

    Raises
    ------
    CodingError
        Another measure.

    References
    ----------
    Altman DG. Confidence intervals for the number needed to treat. BMJ 1998;317:1309-1312.
    Altman DG, Andersen PK. Calculating the number needed to treat for trials where the outcome is time to an
    event. BMJ 1999;319:1492-1495.
    """
    choice(effect.measure, "measure", ("risk_difference", "survival_difference"))
    if not np.isfinite([effect.estimate, effect.ci_low, effect.ci_high]).all():
        raise CodingError(
            "A difference that is not finite", field="effect", remedy="Look at the difference first."
        )
    estimate, low, high = effect.estimate, effect.ci_low, effect.ci_high
    if effect.measure == "survival_difference":
        estimate, low, high = -estimate, -high, -low
    kind = "none" if estimate == 0 else ("benefit" if estimate < 0 else "harm")
    return NumberNeeded(
        kind=kind,
        number=_reciprocal(estimate),
        benefit=(_reciprocal(low), _reciprocal(min(high, 0.0))) if low < 0 else None,
        harm=(_reciprocal(high), _reciprocal(max(low, 0.0))) if high > 0 else None,
        level=effect.ci_level,
    )


def _reciprocal(difference: float) -> float:
    return 1 / abs(difference) if difference != 0 else float("inf")


def _say(number: float) -> str:
    return "infinity" if np.isinf(number) else f"{number:.1f}"
