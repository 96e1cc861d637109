"""The intervals of a pool, and which of them to report first."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from .._linear_algebra import normal_quantile, two_sided_p
from ._mixed import NO_SPREAD, MixedFit

# Below this many studies Wald's interval covers too seldom, and Hartung and Knapp's comes first.
FEW_STUDIES = 10
LEADING_FEW = (
    "hartung_knapp",
    "prediction_t_k_minus_2",
    "prediction_hartung_knapp",
    "prediction_t_k_minus_1",
    "hartung_knapp_at_least_wald",
    "wald",
    "prediction_z",
)
LEADING_MANY = (
    "wald",
    "prediction_z",
    "hartung_knapp",
    "hartung_knapp_at_least_wald",
    "prediction_hartung_knapp",
    "prediction_t_k_minus_1",
    "prediction_t_k_minus_2",
)


@dataclass(frozen=True)
class PooledInterval:
    """One interval of a pool, on the log scale.

    Attributes
    ----------
    kind : str
        `wald`; `hartung_knapp` (t with k - 1 degrees of freedom and the variance multiplied by the mean
        weighted square of the residuals); `hartung_knapp_at_least_wald` (the ad hoc variant, the multiplier
        at least one); for the effect in a new study `prediction_z`, `prediction_hartung_knapp` (t with k - 1),
        and with Wald's variance `prediction_t_k_minus_1` and `prediction_t_k_minus_2` (Higgins, Thompson and
        Spiegelhalter).
    std_err : float
        Of the mean, or of a new study's effect for the predictions.
    df : int or None
        Degrees of freedom of t; None for the normal distribution.
    low, high : float
    p_value : float or None
        Two-sided, that the mean is zero; None for predictions.
    """

    kind: str
    std_err: float
    df: int | None
    low: float
    high: float
    p_value: float | None


def intervals_of(
    fit: MixedFit, k: int, method: str, level: float
) -> tuple[tuple[PooledInterval, ...], tuple[str, ...]]:
    """Every interval that the model and the number of studies allow, the one to report first before others.

    Returns
    -------
    tuple of PooledInterval
    tuple of str
        Sentences on few studies, and on the intervals that do not exist.
    """
    found, left_out = _intervals(fit, k, method, level)
    leading = LEADING_FEW if k < FEW_STUDIES and method != "fixed" else LEADING_MANY
    ordered = sorted(found, key=lambda interval: leading.index(interval.kind))
    return tuple(ordered), (*_few_notes(k, method), *left_out)


def _intervals(
    fit: MixedFit, k: int, method: str, level: float
) -> tuple[list[PooledInterval], tuple[str, ...]]:
    std_err = float(np.sqrt(fit.covariance[0, 0]))
    agree = fit.scale <= NO_SPREAD
    factors = {"hartung_knapp": fit.scale, "hartung_knapp_at_least_wald": max(1.0, fit.scale)}
    found = [_interval("wald", fit, std_err, None, level)]
    notes = []
    for kind, factor in factors.items():
        if agree and kind == "hartung_knapp":
            notes.append("All studies agree exactly: Hartung and Knapp's interval would have no width.")
            continue
        found.append(_interval(kind, fit, std_err * float(np.sqrt(factor)), k - 1, level))
    if method == "fixed":
        return found, tuple(notes)
    new = float(np.sqrt(std_err**2 + fit.tau2))
    found.append(_interval("prediction_z", fit, new, None, level))
    if not agree:
        new_knapp = float(np.sqrt(std_err**2 * fit.scale + fit.tau2))
        found.append(_interval("prediction_hartung_knapp", fit, new_knapp, k - 1, level))
    found.append(_interval("prediction_t_k_minus_1", fit, new, k - 1, level))
    if k > 2:
        found.append(_interval("prediction_t_k_minus_2", fit, new, k - 2, level))
    else:
        notes.append("Two studies: there is no prediction interval with k - 2 degrees of freedom.")
    return found, tuple(notes)


def _interval(kind: str, fit: MixedFit, std_err: float, df: int | None, level: float) -> PooledInterval:
    centre = float(fit.coefficients[0])
    half = std_err * (normal_quantile(level) if df is None else float(stdtrit(df, (1 + level) / 2)))
    p_value: float | None = None
    if not kind.startswith("prediction"):
        z = centre / std_err
        p_value = float(two_sided_p(np.array([z]))[0]) if df is None else 2 * float(stdtr(df, -abs(z)))
    return PooledInterval(kind, std_err, df, centre - half, centre + half, p_value)


def _few_notes(k: int, method: str) -> tuple[str, ...]:
    if k >= FEW_STUDIES:
        return ()
    if method == "fixed":
        return (f"Only {k} studies; a fixed effect speaks of these studies alone.",)
    return (
        f"Only {k} studies: the variance between them is poorly known, Wald's interval covers too seldom; "
        "read Hartung and Knapp's and the prediction interval.",
    )
