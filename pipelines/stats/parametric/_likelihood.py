"""Log likelihood of survival times whose linear predictor is linear in the parameters, and its derivatives."""

from dataclasses import dataclass

import numpy as np

from .._inputs import BoolArray, FloatArray
from .._maximise import Point
from ._scales import on_scale


@dataclass(frozen=True)
class Design:
    """Rows of a parametric model; q parameters.

    Attributes
    ----------
    at_exit : ndarray of shape (n, q)
        Linear predictor's row at the end of observation.
    slope : ndarray of shape (d, q)
        Its derivative by log time, of the rows that `died`.
    at_entry : ndarray of shape (m, q)
        Linear predictor's row at entry, of the rows `late` that enter after zero.
    """

    at_exit: FloatArray
    slope: FloatArray
    at_entry: FloatArray
    late: BoolArray
    died: BoolArray
    log_time: FloatArray
    weights: FloatArray
    scale: str

    def times(self, matrix: FloatArray) -> "Design":
        """The same model in other parameters: every row times `matrix` (q, q)."""
        return Design(
            self.at_exit @ matrix,
            self.slope @ matrix,
            self.at_entry @ matrix,
            self.late,
            self.died,
            self.log_time,
            self.weights,
            self.scale,
        )


def likelihood(design: Design, parameters: FloatArray) -> Point:
    """Log likelihood with score and information; minus infinity where a hazard is not above zero."""
    died, w = design.died, design.weights
    rise = design.slope @ parameters
    if len(rise) and rise.min() <= 0:
        q = len(parameters)
        return Point(-np.inf, np.zeros(q), np.zeros((q, q)))
    end = on_scale(design.at_exit @ parameters, design.scale)
    start = on_scale(design.at_entry @ parameters, design.scale)
    w_late, w_died = w[design.late], w[died]
    value = (
        w @ end.log_survival
        + w_died @ (end.log_rate[died] + np.log(rise) - design.log_time[died])
        - w_late @ start.log_survival
    )
    first = end.log_survival1 + died * end.log_rate1
    second = end.log_survival2 + died * end.log_rate2
    score = (
        design.at_exit.T @ (w * first)
        + design.slope.T @ (w_died / rise)
        - design.at_entry.T @ (w_late * start.log_survival1)
    )
    information = (
        -design.at_exit.T @ ((w * second)[:, None] * design.at_exit)
        + design.slope.T @ ((w_died / rise**2)[:, None] * design.slope)
        + design.at_entry.T @ ((w_late * start.log_survival2)[:, None] * design.at_entry)
    )
    return Point(float(value), score, (information + information.T) / 2)


def score_rows(design: Design, parameters: FloatArray) -> FloatArray:
    """Each row's share of the score, weighted (n, q)."""
    end = on_scale(design.at_exit @ parameters, design.scale)
    start = on_scale(design.at_entry @ parameters, design.scale)
    rows = (end.log_survival1 + design.died * end.log_rate1)[:, None] * design.at_exit
    rows[design.died] += design.slope / (design.slope @ parameters)[:, None]
    rows[design.late] -= start.log_survival1[:, None] * design.at_entry
    weighted: FloatArray = design.weights[:, None] * rows
    return weighted
