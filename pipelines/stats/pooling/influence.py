"""How much a pool owes to one study."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from ._mixed import check_effects
from .pool import check_labels, pool

NUMBERS = (
    "estimate",
    "ci_low",
    "ci_high",
    "hartung_knapp_low",
    "hartung_knapp_high",
    "ci_level",
    "std_err",
    "p_value",
    "tau2",
    "i_squared",
    "q",
    "q_p",
    "log_shift",
)
LEAVE_ONE_OUT = {"left_out": pl.String, **dict.fromkeys(NUMBERS, pl.Float64)}
"""Columns of `leave_one_out` with their types."""


def leave_one_out(
    estimate: ArrayLike,
    variance: ArrayLike,
    *,
    method: str = "reml",
    level: float = 0.95,
    measure: str = "hr",
    labels: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Pool again without each study in turn.

    Parameters
    ----------
    estimate, variance, method, level, measure, labels
        As in `pool`; at least three studies.

    Returns
    -------
    polars.DataFrame
        One row per study: `left_out`, estimate with Wald's and Hartung and Knapp's limits on the scale of
        the measure, `tau2, i_squared, q, q_p`, and `log_shift`, the log estimate without the study less the
        one with it. Hartung and Knapp's limits are null where the other studies agree exactly.

    Raises
    ------
    ShapeError, CodingError, NonFiniteError
        As in `pool`.
    """
    y, v = check_effects(estimate, variance, needed=3)
    names = check_labels(labels, len(y))
    whole = pool(y, v, method=method, level=level, measure=measure)
    rows = []
    for i, name in enumerate(names):
        rest = np.arange(len(y)) != i
        part = pool(y[rest], v[rest], method=method, level=level, measure=measure)
        table = {row["interval"]: row for row in part.to_frame().iter_rows(named=True)}
        wald, knapp = table["wald"], table.get("hartung_knapp")
        rows.append(
            {
                "left_out": name,
                "estimate": wald["estimate"],
                "ci_low": wald["ci_low"],
                "ci_high": wald["ci_high"],
                "hartung_knapp_low": knapp["ci_low"] if knapp else None,
                "hartung_knapp_high": knapp["ci_high"] if knapp else None,
                "ci_level": level,
                "std_err": wald["std_err"],
                "p_value": wald["p_value"],
                "tau2": part.tau2,
                "i_squared": part.i_squared,
                "q": part.q,
                "q_p": part.q_p,
                "log_shift": part.log_estimate - whole.log_estimate,
            }
        )
    return pl.DataFrame(rows, schema=LEAVE_ONE_OUT)
