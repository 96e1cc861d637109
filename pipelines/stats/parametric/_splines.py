"""Restricted cubic splines of log time: straight beyond the outer knots."""

from collections.abc import Sequence

import numpy as np

from .._inputs import FloatArray, numbers
from ..errors import CodingError


def knots_of_events(log_time: FloatArray, df: int, field: str) -> FloatArray:
    """Knots for `df` degrees of freedom (df + 1,): ends and equally spaced quantiles of log event times."""
    knots = np.quantile(log_time, np.linspace(0, 1, df + 1))
    if np.any(np.diff(knots) <= 0):
        raise CodingError(
            f"Event times too few or too much tied for {df} degrees of freedom",
            field=field,
            remedy="Use fewer degrees of freedom, or give the knots.",
        )
    return np.asarray(knots, dtype=np.float64)


def given_knots(knots: Sequence[float], field: str) -> FloatArray:
    """Logarithms of knots given in time, ends first and last."""
    times = numbers(knots, field)
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all() or times[0] <= 0:
        raise CodingError(
            "Knots that are no times above zero", field=field, remedy="Give both ends and those between."
        )
    if np.any(np.diff(times) <= 0):
        raise CodingError("Knots that do not rise", field=field, remedy="Give each time once, in order.")
    return np.log(times)


def basis(x: FloatArray, knots: FloatArray) -> FloatArray:
    """Columns of the spline without the constant (n, len(knots) - 1): x itself, then one per inner knot."""
    low, high = knots[0], knots[-1]
    share = (high - knots[1:-1]) / (high - low)
    cubes = _positive(x[:, None] - knots[1:-1]) ** 3
    ends = share * _positive(x[:, None] - low) ** 3 + (1 - share) * _positive(x[:, None] - high) ** 3
    return np.column_stack([x, cubes - ends])


def slope(x: FloatArray, knots: FloatArray) -> FloatArray:
    """Derivative of `basis` by x."""
    low, high = knots[0], knots[-1]
    share = (high - knots[1:-1]) / (high - low)
    squares = _positive(x[:, None] - knots[1:-1]) ** 2
    ends = share * _positive(x[:, None] - low) ** 2 + (1 - share) * _positive(x[:, None] - high) ** 2
    return np.column_stack([np.ones(len(x)), 3 * (squares - ends)])


def _positive(values: FloatArray) -> FloatArray:
    return np.maximum(values, 0.0)
