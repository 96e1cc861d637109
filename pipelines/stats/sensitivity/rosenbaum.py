"""Rosenbaum's bounds: how unlike two matched people could be before a difference between pairs is chance.

Gamma bounds the odds that, of two people matched on everything measured, one rather than the other was
exposed. At 1 the pair is a coin; at 2 something nobody measured may have doubled one's odds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import bdtrc, ndtr

from .._inputs import BoolArray, FloatArray, choice, flags, follow_up, vector
from ..errors import CodingError, NoEventsError

ALTERNATIVES = ("fewer", "more")
SCORES = ("sign", "logrank")
LARGEST_GAMMA = 1e6
ROUNDING = 1e-12  # what subtractions of equal differences may lose, as a share of the largest value


@dataclass(frozen=True)
class RosenbaumBounds:
    """Bounds on a one-sided p-value of matched pairs.

    Attributes
    ----------
    test : {"mcnemar", "signed_rank", "survival_sign", "survival_logrank"}
    alternative : str
        What the exposed are thought to have: `fewer` events (or lower values, longer lives) or `more`.
    pairs, informative : int
        Pairs, and those of them that say something.
    gamma : ndarray of shape (g,)
    p_low, p_high : ndarray of shape (g,)
        Smallest and largest p-value that an unmeasured bias of `gamma` allows.
    alpha : float
    critical_gamma : float or None
        Largest gamma whose `p_high` is at most `alpha`; None where chance alone reaches it.
    """

    test: str
    alternative: str
    pairs: int
    informative: int
    gamma: FloatArray
    p_low: FloatArray
    p_high: FloatArray
    alpha: float
    critical_gamma: float | None

    def to_frame(self) -> pl.DataFrame:
        """One row per gamma."""
        return pl.DataFrame({"gamma": self.gamma, "p_low": self.p_low, "p_high": self.p_high}).with_columns(
            pl.lit(self.test).alias("test"),
            pl.lit(self.alternative).alias("alternative"),
            pl.lit(self.pairs, dtype=pl.Int64).alias("pairs"),
            pl.lit(self.informative, dtype=pl.Int64).alias("informative"),
            pl.lit(self.alpha).alias("alpha"),
            pl.lit(self.critical_gamma, dtype=pl.Float64).alias("critical_gamma"),
        )


def rosenbaum_binary(
    exposed_outcome: ArrayLike,
    unexposed_outcome: ArrayLike,
    *,
    gamma: Sequence[float] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0),
    alternative: str = "fewer",
    alpha: float = 0.05,
) -> RosenbaumBounds:
    """Bounds on McNemar's exact test.

    Parameters
    ----------
    exposed_outcome, unexposed_outcome : array_like of shape (m,)
        1 or True where the exposed, and the unexposed, member of each pair has the outcome.
    gamma : sequence of float
        One or more.
    alternative : {"fewer", "more"}
        Outcomes among the exposed.
    alpha : float
        One-sided level of the critical gamma.

    Returns
    -------
    RosenbaumBounds

    Raises
    ------
    NoEventsError
        No pair is discordant.
    CodingError, ShapeError, NonFiniteError
        The input is not what it should be; a gamma below one.

    References
    ----------
    Rosenbaum PR. Observational studies. 2nd ed. Springer 2002, section 4.3.2.
    """
    first = flags(exposed_outcome, "exposed_outcome")
    second = flags(unexposed_outcome, "unexposed_outcome", len(first))
    only_exposed, only_unexposed = int((first & ~second).sum()), int((~first & second).sum())
    return _sign_bounds("mcnemar", only_exposed, only_unexposed, len(first), gamma, alternative, alpha)


def rosenbaum_signed_rank(
    exposed_value: ArrayLike,
    unexposed_value: ArrayLike,
    *,
    gamma: Sequence[float] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0),
    alternative: str = "fewer",
    alpha: float = 0.05,
) -> RosenbaumBounds:
    """Bounds on Wilcoxon's signed rank test, by its normal approximation without continuity correction.

    Parameters
    ----------
    exposed_value, unexposed_value : array_like of shape (m,)
        A number of each member of each pair, without censoring.
    gamma, alpha
        As in `rosenbaum_binary`.
    alternative : {"fewer", "more"}
        Lower or higher values among the exposed.

    Returns
    -------
    RosenbaumBounds
        Pairs without a difference are left out; equal differences share the mean of their ranks. What is
        equal but for the rounding of decimals (0.3 - 0.1 and 0.5 - 0.3) is equal.

    Raises
    ------
    NoEventsError
        No pair has a difference.
    CodingError, ShapeError, NonFiniteError
        As in `rosenbaum_binary`.

    References
    ----------
    Rosenbaum PR. Observational studies. 2nd ed. Springer 2002, section 4.3.3.
    """
    first = vector(exposed_value, "exposed_value")
    second = vector(unexposed_value, "unexposed_value", len(first))
    negligible = ROUNDING * max(np.max(np.abs(first)), np.max(np.abs(second)))
    difference = first - second
    difference = difference[np.abs(difference) > negligible]
    rank = _mean_ranks(np.abs(difference), negligible)
    lower = difference < 0 if alternative == "fewer" else difference > 0
    return _score_bounds("signed_rank", rank, lower, len(first), gamma, alternative, alpha)


def rosenbaum_survival(
    exposed_time: ArrayLike,
    exposed_event: ArrayLike,
    unexposed_time: ArrayLike,
    unexposed_event: ArrayLike,
    *,
    scores: str = "sign",
    gamma: Sequence[float] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0),
    alternative: str = "fewer",
    alpha: float = 0.05,
) -> RosenbaumBounds:
    """Bounds for censored survival of matched pairs.

    Parameters
    ----------
    exposed_time, unexposed_time : array_like of shape (m,)
        Follow-up of each member of each pair; not negative.
    exposed_event, unexposed_event : array_like of shape (m,)
        1 or True where it ends with the event.
    scores : {"sign", "logrank"}
        `sign`: who had the event first, exact, from the pairs in which that is known. `logrank`: the event
        less the cumulative hazard of all people together at the end of follow-up, compared within the pair;
        normal approximation; every pair whose members differ counts.
    gamma, alpha
        As in `rosenbaum_binary`.
    alternative : {"fewer", "more"}
        `fewer`: the exposed live longer.

    Returns
    -------
    RosenbaumBounds

    Raises
    ------
    NoEventsError
        No pair says who came first.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError
        As in `rosenbaum_binary`.

    References
    ----------
    O'Brien PC, Fleming TR. A paired Prentice-Wilcoxon test for censored paired data. Biometrics
    1987;43:169-180.
    Rosenbaum PR. Observational studies. 2nd ed. Springer 2002, sections 2.4.3 and 4.3.
    """
    choice(scores, "scores", SCORES)
    first, second = vector(exposed_time, "exposed_time"), vector(unexposed_time, "unexposed_time")
    m = len(first)
    vector(second, "unexposed_time", m)
    time, _ = follow_up(np.concatenate([first, second]), None)
    died = np.concatenate(
        [flags(exposed_event, "exposed_event", m), flags(unexposed_event, "unexposed_event", m)]
    )
    if scores == "sign":
        sooner = int((died[:m] & (time[:m] < time[m:])).sum())
        later = int((died[m:] & (time[m:] < time[:m])).sum())
        # At one time a death comes before a censoring.
        tied = time[:m] == time[m:]
        sooner += int((tied & died[:m] & ~died[m:]).sum())
        later += int((tied & ~died[:m] & died[m:]).sum())
        return _sign_bounds("survival_sign", sooner, later, m, gamma, alternative, alpha)
    score = died - _nelson_aalen(time, died)
    difference = score[:m] - score[m:]  # below zero where the exposed fared better
    kept = np.abs(difference) > 1e-12
    fewer = difference[kept] < 0
    size = np.abs(difference[kept])
    better = fewer if alternative == "fewer" else ~fewer
    return _score_bounds("survival_logrank", size, better, m, gamma, alternative, alpha)


def _sign_bounds(
    test: str,
    among_exposed: int,
    among_unexposed: int,
    pairs: int,
    gamma: Sequence[float],
    alternative: str,
    alpha: float,
) -> RosenbaumBounds:
    """Bounds of an exact sign test: outcomes first or only among the exposed, and among the unexposed."""
    odds = _checked(gamma, alternative, alpha)
    discordant = among_exposed + among_unexposed
    _require_informative(discordant, pairs)
    for_us = among_unexposed if alternative == "fewer" else among_exposed

    def largest(g: float) -> float:
        return _binomial_tail(for_us, discordant, g / (1 + g))

    return RosenbaumBounds(
        test=test,
        alternative=alternative,
        pairs=pairs,
        informative=discordant,
        gamma=odds,
        p_low=np.array([_binomial_tail(for_us, discordant, 1 / (1 + g)) for g in odds]),
        p_high=np.array([largest(g) for g in odds]),
        alpha=alpha,
        critical_gamma=_critical(largest, alpha),
    )


def _score_bounds(
    test: str,
    size: FloatArray,
    better: BoolArray,
    pairs: int,
    gamma: Sequence[float],
    alternative: str,
    alpha: float,
) -> RosenbaumBounds:
    """Bounds of a test that adds the sizes of the differences that go our way."""
    odds = _checked(gamma, alternative, alpha)
    _require_informative(len(size), pairs)
    ordered = np.sort(size)  # one order of summing, whatever the order of the pairs
    total, square = float(ordered.sum()), float((ordered**2).sum())
    statistic = float(np.sort(size[better]).sum())

    def tail(share: float) -> float:
        return float(ndtr(-(statistic - share * total) / np.sqrt(share * (1 - share) * square)))

    return RosenbaumBounds(
        test=test,
        alternative=alternative,
        pairs=pairs,
        informative=len(size),
        gamma=odds,
        p_low=np.array([tail(1 / (1 + g)) for g in odds]),
        p_high=np.array([tail(g / (1 + g)) for g in odds]),
        alpha=alpha,
        critical_gamma=_critical(lambda g: tail(g / (1 + g)), alpha),
    )


def _mean_ranks(size: FloatArray, negligible: float) -> FloatArray:
    """Ranks from 1; sizes that follow each other within what is negligible share the mean of theirs."""
    if len(size) == 0:
        return np.zeros(0)
    distinct, place = np.unique(size, return_inverse=True)
    group = np.concatenate([[0], np.cumsum(np.diff(distinct) > negligible)])[place]
    count = np.bincount(group)
    rank: FloatArray = (np.cumsum(count) - (count - 1) / 2)[group]
    return rank


def _nelson_aalen(time: FloatArray, died: BoolArray) -> FloatArray:
    """Cumulative hazard of all people together at each person's own time."""
    at, place = np.unique(time, return_inverse=True)
    deaths = np.bincount(place, died, minlength=len(at))
    at_risk = len(time) - np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(at)))[:-1]])
    hazard: FloatArray = np.cumsum(deaths / at_risk)[place]
    return hazard


def _binomial_tail(successes: int, trials: int, share: float) -> float:
    """Probability of `successes` or more."""
    return 1.0 if successes == 0 else float(bdtrc(successes - 1, trials, share))


def _critical(largest_p: Callable[[float], float], alpha: float) -> float | None:
    from scipy.optimize import brentq

    def excess(log_gamma: float) -> float:
        return largest_p(float(np.exp(log_gamma))) - alpha

    if excess(0.0) > 0:
        return None
    return float(np.exp(brentq(excess, 0.0, np.log(LARGEST_GAMMA), xtol=1e-12)))


def _checked(gamma: Sequence[float], alternative: str, alpha: float) -> FloatArray:
    choice(alternative, "alternative", ALTERNATIVES)
    if not 0 < alpha < 0.5:
        raise CodingError("A one-sided level outside 0 to 0.5", field="alpha", remedy="Use 0.05 or 0.025.")
    odds = vector(np.asarray(gamma), "gamma")
    wrong = int(np.count_nonzero(odds < 1))
    if wrong:
        raise CodingError("Gammas below one", field="gamma", count=wrong, remedy="One means no hidden bias.")
    return odds


def _require_informative(informative: int, pairs: int) -> None:
    if informative == 0:
        raise NoEventsError(
            "No pair says who fared better",
            field="pairs",
            count=pairs,
            remedy="Widen the cohort or its follow-up.",
        )
