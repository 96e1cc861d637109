"""Plasmode simulation: what each method finds on people like these when the true effect is known.

Two models are fitted to the people themselves: of death, with the operation as a time-varying covariate, and of the
operation, which only the living and unoperated can have. From them operations and deaths are drawn anew for resampled
people, with a hazard ratio of the operation that is chosen. Whatever a method finds beside it is that method's bias.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from .._inputs import BoolArray, FloatArray, confidence, number
from .._linear_algebra import normal_quantile, two_sided_p
from ..cox.prediction import baseline_hazard
from ..effect import Effect
from ..errors import CodingError, ReplicateError, StatsError
from ..kaplan_meier import kaplan_meier
from ..resampling import FAILED_SHARE
from ._people import check_people
from .surgery_hazard import SurgeryHazard, model_operations
from .time_varying import time_varying


@dataclass(frozen=True)
class SimulatedPeople:
    """One draw: the arguments of the methods of this package.

    Attributes
    ----------
    time : ndarray of shape (n,)
    event : ndarray of bool, shape (n,)
    surgery_time : ndarray of shape (n,)
        NaN where never operated.
    scores : ndarray of shape (n, q)
        Linear predictors of death and of the operation: all that the draw knew of the covariates, so a method that
        adjusts for them has no confounding left. One alone where the other says the same.
    """

    time: FloatArray
    event: BoolArray
    surgery_time: FloatArray
    scores: FloatArray

    @property
    def arguments(self) -> tuple[FloatArray, BoolArray, FloatArray, FloatArray]:
        """The first four arguments of every method, the scores as its covariates."""
        return self.time, self.event, self.surgery_time, self.scores


@dataclass(frozen=True)
class Cumulative:
    """A cumulative hazard, straight between its points, so that no two people tie."""

    time: FloatArray
    hazard: FloatArray

    def at(self, time: FloatArray) -> FloatArray:
        """Hazard up to each time."""
        return np.asarray(np.interp(time, self.time, self.hazard))

    def when(self, hazard: FloatArray) -> FloatArray:
        """When each hazard is reached; infinite where never."""
        return np.asarray(np.interp(hazard, self.hazard, self.time, right=np.inf))


@dataclass(frozen=True)
class PlasmodeModel:
    """The two models and the censoring of some people.

    Attributes
    ----------
    scores : ndarray of shape (n, 2)
        Linear predictors of death and of the operation, each about its mean.
    told : tuple of int
        Columns of `scores` that say something of their own, which the methods are given.
    death, operation, censoring : Cumulative
        Baseline hazards; censoring is the same for everybody.
    end : float
        End of the longest follow-up.
    """

    scores: FloatArray = field(repr=False)
    told: tuple[int, ...] = field(repr=False)
    death: Cumulative = field(repr=False)
    operation: Cumulative = field(repr=False)
    censoring: Cumulative = field(repr=False)
    end: float

    def draw(self, rng: np.random.Generator, size: int, hazard_ratio: float) -> SimulatedPeople:
        """Draw people with replacement and let them live.

        Parameters
        ----------
        rng : numpy.random.Generator
        size : int
        hazard_ratio : float
            Of death, operated against not yet operated.
        """
        scores = self.scores[rng.integers(0, len(self.scores), size)]
        due = rng.exponential(size=size) / np.exp(scores[:, 0])
        planned = self.operation.when(rng.exponential(size=size) / np.exp(scores[:, 1]))
        censored = np.minimum(self.censoring.when(rng.exponential(size=size)), self.end)
        before = self.death.at(planned)
        death = self.death.when(np.where(due > before, before + (due - before) / hazard_ratio, due))
        time = np.minimum(death, censored)
        return SimulatedPeople(
            time, death <= censored, np.where(planned <= time, planned, np.nan), scores[:, self.told]
        )


@dataclass(frozen=True)
class PlasmodeResult:
    """What one method found over the replicates.

    Attributes
    ----------
    mean, std_err : float
        Mean log hazard ratio and its Monte Carlo standard error.
    spread : float
        Standard deviation of the replicates.
    stated : float
        Mean of the standard errors that the method gave: beside `spread`, whether it knows its own uncertainty.
    covered : float
        Share of its intervals that hold the truth.
    truth : float
        Log hazard ratio of the simulation.
    replicates, failed : int
    level : float
    """

    mean: float
    std_err: float
    spread: float
    stated: float
    covered: float
    truth: float
    replicates: int
    failed: int
    level: float

    @property
    def bias(self) -> float:
        """Of the log hazard ratio."""
        return self.mean - self.truth

    @property
    def p_value(self) -> float:
        """Two-sided test that there is no bias."""
        return float(two_sided_p(np.array(self.bias / self.std_err)))

    @property
    def interval(self) -> tuple[float, float]:
        """Monte Carlo interval of the mean hazard ratio."""
        half = normal_quantile(self.level) * self.std_err
        return float(np.exp(self.mean - half)), float(np.exp(self.mean + half))


Method = Callable[[SimulatedPeople], Effect]


def fit_plasmode(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    ties: str = "efron",
) -> PlasmodeModel:
    """Fit the models of death, operation and censoring that people are drawn from.

    Parameters
    ----------
    time, event, surgery_time, covariates, names
        As in `ever_never`; follow-up above zero.
    ties : {"efron", "breslow"}
        In the model of death.

    Returns
    -------
    PlasmodeModel

    Raises
    ------
    StatsError
        As in `time_varying` and `fit_surgery_hazard`.

    References
    ----------
    Franklin JM, Schneeweiss S, Polinski JM, Rassen JA. Plasmode simulation for the evaluation of
    pharmacoepidemiologic methods in complex healthcare databases. Comput Stat Data Anal 2014;72:219-226.
    """
    people = check_people(time, event, surgery_time, covariates, names)
    operated = np.isfinite(people.surgery)
    observed = np.where(operated, people.surgery, np.nan)
    model = time_varying(
        people.time, people.died, observed, people.covariates, names=people.names, ties=ties
    ).fit
    middle = people.covariates.mean(axis=0)
    baseline = baseline_hazard(model, np.concatenate([[0.0], middle]))
    hazard = model_operations(people, float(people.surgery[operated].max()), "auto")
    scores = np.column_stack([(people.covariates - middle) @ model.coefficients[1:], np.log(hazard.relative)])
    return PlasmodeModel(
        scores=scores,
        told=_told(scores),
        death=_from_zero(baseline["time"].to_numpy(), baseline["cumulative_hazard"].to_numpy()),
        operation=_operations(hazard),
        censoring=_censoring(people.time, people.died),
        end=float(people.time.max()),
    )


def simulate(
    model: PlasmodeModel,
    methods: Mapping[str, Method],
    *,
    replicates: int,
    size: int,
    hazard_ratio: float = 1.0,
    seed: int,
    level: float = 0.95,
) -> dict[str, PlasmodeResult]:
    """Let every method analyse the same simulated people, many times.

    Parameters
    ----------
    model : PlasmodeModel
    methods : mapping of str to callable
        Each takes `SimulatedPeople` and returns the `Effect` of the operation, a hazard ratio.
    replicates : int
        Two or more. Replicate r draws from ``SeedSequence(seed, spawn_key=(r,))``.
    size : int
        People in each.
    hazard_ratio : float
        The truth.
    seed : int
    level : float

    Raises
    ------
    CodingError
        Fewer than two replicates, or a hazard ratio that is not above zero.
    ReplicateError
        More than a tenth of the replicates of a method failed.
    """
    confidence(level)
    if replicates < 2 or size < 2 or number(hazard_ratio, "hazard_ratio") <= 0:
        raise CodingError(
            "Fewer than two replicates or people, or a hazard ratio that is not above zero",
            field="replicates",
            remedy="Give two or more of each, and a ratio.",
        )
    found: dict[str, list[tuple[float, float] | None]] = {name: [] for name in methods}
    with threadpool_limits(1):
        for replicate in range(replicates):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(replicate,)))
            people = model.draw(rng, size, hazard_ratio)
            for name, method in methods.items():
                found[name].append(_estimate(method, people))
    truth = float(np.log(hazard_ratio))
    return {name: _summary(name, values, truth, level) for name, values in found.items()}


def _estimate(method: Method, people: SimulatedPeople) -> tuple[float, float] | None:
    try:
        effect = method(people)
    except StatsError:
        return None  # counted, and too many are an error
    return float(np.log(effect.estimate)), effect.std_err


def _summary(
    name: str, values: Sequence[tuple[float, float] | None], truth: float, level: float
) -> PlasmodeResult:
    done = np.array([value for value in values if value is not None])
    failed = len(values) - len(done)
    if failed > FAILED_SHARE * len(values):
        raise ReplicateError(
            f"More than a tenth of the simulated data sets cannot be analysed by {name}",
            field="replicates",
            count=failed,
            remedy="Simulate more people in each.",
        )
    estimates, std_errs = done[:, 0], done[:, 1]
    spread = float(estimates.std(ddof=1))
    half = normal_quantile(level) * std_errs
    return PlasmodeResult(
        mean=float(estimates.mean()),
        std_err=spread / float(np.sqrt(len(done))),
        spread=spread,
        stated=float(std_errs.mean()),
        covered=float(np.mean(np.abs(estimates - truth) <= half)),
        truth=truth,
        replicates=len(values),
        failed=failed,
        level=level,
    )


def _told(scores: FloatArray) -> tuple[int, ...]:
    """Columns that are neither constant nor a multiple of an earlier one."""
    centred = scores - scores.mean(axis=0)
    return tuple(
        column
        for column in range(scores.shape[1])
        if np.linalg.matrix_rank(centred[:, : column + 1]) > np.linalg.matrix_rank(centred[:, :column])
    )


def _from_zero(time: FloatArray, hazard: FloatArray) -> Cumulative:
    """A cumulative hazard that is zero at time zero, by the points at which it grows."""
    grows = np.diff(hazard, prepend=0.0) > 0
    return Cumulative(np.concatenate([[0.0], time[grows]]), np.concatenate([[0.0], hazard[grows]]))


def _operations(hazard: SurgeryHazard) -> Cumulative:
    """Hazard of the operation; operations at time zero itself stay there."""
    if hazard.time[0] == 0:
        return Cumulative(hazard.time, hazard.baseline)
    return _from_zero(hazard.time, hazard.baseline)


def _censoring(time: FloatArray, died: BoolArray) -> Cumulative:
    """Hazard of being lost, the same for everybody; the last of them end with the follow-up."""
    if died.all():
        return Cumulative(np.zeros(1), np.zeros(1))
    curve = next(iter(kaplan_meier(time, ~died)))
    frame = curve.to_frame().filter((pl.col("survival") > 0) & (pl.col("n_event") > 0))
    return _from_zero(frame["time"].to_numpy(), -np.log(frame["survival"].to_numpy()))
