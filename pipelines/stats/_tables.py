"""The table that every regression model prints."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ._inputs import FloatArray, confidence
from ._linear_algebra import normal_quantile, two_sided_p, wald_statistic


def ratio_table(
    names: Sequence[str], coefficients: FloatArray, std_errs: FloatArray, ratio: str, level: float
) -> pl.DataFrame:
    """One row per coefficient: it, its standard error, its exponential with Wald limits, z, p.

    Parameters
    ----------
    names : sequence of str
        p of them.
    coefficients, std_errs : ndarray of shape (p,)
        On the log scale.
    ratio : str
        What the exponential is called, such as `hazard_ratio`.
    level : float
        Confidence level, 0 to 1.

    Raises
    ------
    NothingToCompareError
        A standard error is zero.
    """
    half = normal_quantile(confidence(level)) * std_errs
    z = wald_statistic(coefficients, std_errs)
    return pl.DataFrame(
        {
            "term": names,
            "coefficient": coefficients,
            "std_err": std_errs,
            ratio: np.exp(coefficients),
            "ci_low": np.exp(coefficients - half),
            "ci_high": np.exp(coefficients + half),
            "ci_level": np.full(len(z), level),
            "z": z,
            "p_value": two_sided_p(z),
        }
    )
