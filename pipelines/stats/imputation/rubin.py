"""Rubin's rules: one estimate from several imputed data sets, with the uncertainty of not knowing in it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from .._inputs import confidence, vector
from ..effect import RATIOS, Effect
from ..errors import CodingError, ShapeError, TooFewEventsError


@dataclass(frozen=True)
class Pooled:
    """Result of `pool`.

    Attributes
    ----------
    estimate, std_err : float
        Mean over the imputations, and the root of the total variance.
    within, between : float
        Mean of the variances, and variance of the estimates.
    df : float
        Degrees of freedom of the t distribution (Barnard and Rubin where the size of the data is known).
    relative_increase : float
        Of the variance, because values are missing.
    fraction_missing : float
        Share of the information about the estimate that is missing.
    lower, upper, level, p_value : float
    imputations : int
    """

    estimate: float
    std_err: float
    within: float
    between: float
    df: float
    relative_increase: float
    fraction_missing: float
    lower: float
    upper: float
    level: float
    p_value: float
    imputations: int

    def to_frame(self) -> pl.DataFrame:
        """One row."""
        return pl.DataFrame({name: [getattr(self, name)] for name in self.__dataclass_fields__})


def pool(
    estimates: ArrayLike,
    variances: ArrayLike,
    *,
    n: int | None = None,
    n_parameters: int = 1,
    level: float = 0.95,
) -> Pooled:
    """Pool one quantity over imputed data sets.

    Parameters
    ----------
    estimates, variances : array_like of shape (m,)
        Estimate and squared standard error of each data set, on a scale where the estimate is about normal:
        the logarithm of a ratio.
    n : int, optional
        Size of the data, for degrees of freedom that cannot exceed those of complete data (`n - n_parameters`);
        for a Cox model its number of events. Without it those of Rubin.
    n_parameters : int
        Number of coefficients of the model.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    Pooled

    Raises
    ------
    ShapeError
        Fewer than two data sets.
    NonFiniteError, CodingError
        A value that is not finite, a variance that is not above zero.
    TooFewEventsError
        `n` leaves no degrees of freedom for the model's coefficients.

    References
    ----------
    Rubin DB. Multiple imputation for nonresponse in surveys. Wiley 1987.
    Barnard J, Rubin DB. Small-sample degrees of freedom with multiple imputation. Biometrika 1999;86:948-955.
    """
    q = vector(estimates, "estimates")
    u = vector(variances, "variances", len(q))
    m = len(q)
    if m < 2:
        raise ShapeError(
            "One imputed data set says nothing about what is missing",
            field="estimates",
            remedy="Impute at least twice, and about as often as per cent of people have a value missing.",
        )
    wrong = int(np.count_nonzero(u <= 0))
    if wrong:
        raise CodingError(
            "Variances of zero or below", field="variances", count=wrong, remedy="Square the SE."
        )
    if n is not None and n <= n_parameters:
        raise TooFewEventsError(
            f"No degrees of freedom are left after {n_parameters} coefficients",
            field="n",
            count=n,
            remedy="Use fewer covariates, or say the number of coefficients of the outcome model.",
        )
    within, between = float(u.mean()), float(q.var(ddof=1))
    total = within + (1 + 1 / m) * between
    increase = (1 + 1 / m) * between / within
    share = (1 + 1 / m) * between / total
    df = _degrees_of_freedom(m, share, None if n is None else n - n_parameters)
    estimate, std_err = float(q.mean()), float(np.sqrt(total))
    half = float(stdtrit(df, (1 + confidence(level)) / 2)) * std_err
    return Pooled(
        estimate=estimate,
        std_err=std_err,
        within=within,
        between=between,
        df=df,
        relative_increase=increase,
        fraction_missing=1.0 if np.isinf(increase) else (increase + 2 / (df + 3)) / (increase + 1),
        lower=estimate - half,
        upper=estimate + half,
        level=level,
        p_value=float(2 * stdtr(df, -abs(estimate) / std_err)),
        imputations=m,
    )


def pool_effects(
    completed: Iterable[pl.DataFrame],
    analyse: Callable[[pl.DataFrame], Effect],
    *,
    n_parameters: int = 1,
    level: float = 0.95,
) -> tuple[Effect, tuple[Effect, ...]]:
    """Run a whole analysis on each imputed data set and pool its estimates.

    The analysis starts from the data: scores, matching or weights, and the model are made anew in each, and
    only the effects are pooled, on the log scale for a ratio. Scores are never averaged.

    Parameters
    ----------
    completed : iterable of Polars frames
        `Imputations.frames()`.
    analyse : callable
        From a frame to an `Effect`; all of them with one measure, estimand and effect type.
    n_parameters : int
        Number of coefficients of the outcome model, for the degrees of freedom.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    pooled : Effect
        With the range of people over the imputations in its notes; `n`, `n_exposed` and `events` are rounded
        means.
    each : tuple of Effect
        That of every data set.

    Raises
    ------
    CodingError
        The data sets estimate different things.
    ShapeError, TooFewEventsError
        As in `pool`, `n` being the mean number of events.
    """
    each = tuple(analyse(frame) for frame in completed)
    if not each:
        raise ShapeError("No imputed data set", field="completed", remedy="Give those of `impute`, once.")
    kinds = {(effect.measure, effect.estimand, effect.effect_type) for effect in each}
    if len(kinds) > 1:
        raise CodingError(
            "The imputed data sets estimate different things",
            field="estimand",
            count=len(kinds),
            remedy="Match so that all give one estimand: matched_set in one and ATT in another cannot be pooled.",
        )
    events = round(float(np.mean([effect.events for effect in each])))
    pooled = pool(
        [effect.log_estimate for effect in each],
        [effect.std_err**2 for effect in each],
        n=events,
        n_parameters=n_parameters,
        level=level,
    )
    scale = np.exp if each[0].measure in RATIOS else np.asarray
    effect = replace(
        each[0],
        estimate=float(scale(pooled.estimate)),
        std_err=pooled.std_err,
        ci_low=float(scale(pooled.lower)),
        ci_high=float(scale(pooled.upper)),
        ci_level=level,
        p_value=pooled.p_value,
        n=round(float(np.mean([e.n for e in each]))),
        n_exposed=round(float(np.mean([e.n_exposed for e in each]))),
        events=events,
        method=f"{each[0].method}; pooled over {len(each)} imputations (Rubin)",
        notes=(*_shared_notes(each), _range_note(each), _missing_note(pooled)),
    )
    return effect, each


def _degrees_of_freedom(m: int, share: float, complete: int | None) -> float:
    """Rubin's degrees of freedom; with those of the complete data, Barnard and Rubin's."""
    old = (m - 1) / share**2 if share > 0 else np.inf
    if complete is None:
        return float(min(old, 1e10))
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    return float(observed if np.isinf(old) else old * observed / (old + observed))


def _shared_notes(each: Sequence[Effect]) -> tuple[str, ...]:
    """What every data set's effect says."""
    return tuple(note for note in each[0].notes if all(note in effect.notes for effect in each))


def _range_note(each: Sequence[Effect]) -> str:
    least, most = min(e.n for e in each), max(e.n for e in each)
    people = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{people} people in each imputed data set."


def _missing_note(pooled: Pooled) -> str:
    return (
        f"{100 * pooled.fraction_missing:.0f} percent of the information about the estimate is missing "
        f"({pooled.imputations} imputations)."
    )
