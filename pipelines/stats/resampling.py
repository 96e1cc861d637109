"""The bootstrap of a whole design: people or matched sets are drawn, and everything is done again.

Replicate r's draw depends on the seed and on r alone, and every replicate runs on one thread of linear
algebra, so the numbers are the same for any number of workers.
"""

import math
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ._inputs import FloatArray, IntArray, choice, codes, confidence
from ._linear_algebra import normal_quantile
from .effect import RATIOS, Effect
from .errors import CodingError, ReplicateError, ShapeError, StatsError

KINDS = ("percentile", "normal", "basic")
FAILED_SHARE = 0.1
CHUNKS_PER_WORKER = 8

Estimator = Callable[[IntArray], ArrayLike]
# What a replicate gave: its estimates, or the name of what made it fail.
Outcome = FloatArray | str


@dataclass(frozen=True)
class Bootstrap:
    """Result of `bootstrap`, for k estimates of one design.

    Attributes
    ----------
    point : ndarray of shape (k,)
        The estimates in the sample itself.
    estimates : ndarray of shape (R, k)
        In the replicates that could be estimated, in the order of their numbers.
    std_err : ndarray of shape (k,)
        Standard deviation of `estimates` (R - 1).
    lower, upper : ndarray of shape (k,)
        Interval of the `kind` asked for.
    kind : {"percentile", "normal", "basic"}
    level : float
        Confidence level, 0 to 1.
    replicates, failed : int
        Replicates asked for, and those that could not be estimated.
    failures : tuple of (str, int)
        Name of the error, and how often; `NaN` where an estimate was not finite.
    """

    point: FloatArray
    estimates: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    kind: str
    level: float
    replicates: int
    failed: int
    failures: tuple[tuple[str, int], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report has to print beside the interval."""
        found = []
        if self.failed:
            kinds = ", ".join(f"{name} {count}" for name, count in self.failures)
            found.append(
                f"{self.failed} of {self.replicates} bootstrap replicates could not be estimated ({kinds})."
            )
        if self.kind != "normal" and (len(self.estimates) + 1) * (1 - self.level) / 2 < 1:
            found.append(
                f"{len(self.estimates)} replicates are too few for a {self.kind} interval of level "
                f"{self.level:g}: its limits are the smallest and the largest replicate."
            )
        return tuple(found)

    def to_frame(self) -> pl.DataFrame:
        """One row per estimate."""
        return pl.DataFrame(
            {
                "estimate": self.point,
                "std_err": self.std_err,
                "ci_low": self.lower,
                "ci_high": self.upper,
                "ci_level": np.full(len(self.point), self.level),
                "replicates": np.full(len(self.point), self.replicates),
                "failed": np.full(len(self.point), self.failed),
            }
        )

    def effect(
        self,
        *,
        analysis: str,
        measure: str,
        n: int,
        n_exposed: int,
        events: int,
        estimand: str,
        effect_type: str,
        method: str,
        which: int = 0,
        notes: tuple[str, ...] = (),
    ) -> Effect:
        """One of the estimates as an `Effect`; no p-value belongs to it.

        Parameters
        ----------
        which : int
            Column of `estimates`; for a ratio it holds logarithms.
        analysis, measure, n, n_exposed, events, estimand, effect_type, method, notes
            As in `Effect`; the bootstrap's own notes are added.
        """
        values = np.array([self.point[which], self.lower[which], self.upper[which]])
        value, low, high = (np.exp(values) if measure in RATIOS else values).tolist()
        return Effect(
            analysis=analysis,
            measure=measure,
            estimate=value,
            std_err=float(self.std_err[which]),
            ci_low=low,
            ci_high=high,
            ci_level=self.level,
            p_value=float("nan"),
            n=n,
            n_exposed=n_exposed,
            events=events,
            estimand=estimand,
            effect_type=effect_type,
            method=f"{method}, {self.kind} interval of {self.replicates} bootstrap replicates",
            notes=(*notes, *self.notes),
        )


def bootstrap(
    estimate: Estimator,
    n_units: int,
    *,
    replicates: int,
    seed: int,
    units: ArrayLike | None = None,
    workers: int = 1,
    level: float = 0.95,
    kind: str = "percentile",
) -> Bootstrap:
    """Draw units with replacement, estimate again, and take the interval from the replicates.

    Parameters
    ----------
    estimate : callable
        Takes row numbers, an int array with repeats, and returns k numbers: the whole design (score,
        weights, matching, model) runs inside it. A ratio is given as its logarithm. With more than one
        worker it has to be picklable: a function of a module, a `functools.partial` of one, or an object of
        a class with `__call__`.
    n_units : int
        How many units there are: rows, or distinct labels in `units`.
    replicates : int
        How many draws; 2 or more, for percentile limits a thousand.
    seed : int
        Not negative. Replicate r draws from `SeedSequence(seed, spawn_key=(r,))`.
    units : array_like of shape (n,), optional
        Label of each row's person or matched set; rows of one label are drawn together, and the draw does
        not depend on the order of the rows. Default: every row is a unit.
    workers : int
        Processes. The numbers are the same for any.
    level : float
        Confidence level, 0 to 1.
    kind : {"percentile", "normal", "basic"}
        Quantiles of the replicates (that of share p is the p (R + 1)-th, interpolated); the estimate plus and
        minus normal quantiles of the standard error; or the percentile limits reflected at the estimate.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ReplicateError
        More than a tenth of the replicates failed, or a worker process died.
    CodingError, ShapeError
        An option that is not one, fewer than two units, or `units` that do not hold `n_units` labels.

    Notes
    -----
    A replicate fails where `estimate` raises one of this package's errors or returns what is not finite;
    failures are counted and left out. Any other exception is not caught. What `estimate` raises for the
    sample itself is raised.

    References
    ----------
    Efron B, Tibshirani RJ. An introduction to the bootstrap. Chapman and Hall 1993.
    Davison AC, Hinkley DV. Bootstrap methods and their application. Cambridge University Press 1997.
    """
    choice(kind, "kind", KINDS)
    confidence(level)
    _require_counts(n_units, replicates, seed, workers)
    members = None if units is None else _members(units, n_units)
    n_rows = n_units if units is None else len(np.asarray(units))
    with every_library_on_one_thread():
        point = np.atleast_1d(np.asarray(estimate(np.arange(n_rows)), dtype=np.float64))
    if not np.isfinite(point).all():
        raise ReplicateError(
            "The estimate in the sample itself is not finite",
            field="estimate",
            count=int(np.count_nonzero(~np.isfinite(point))),
            remedy="Look at the estimate before its interval.",
        )
    task = _Task(estimate, n_units, members, seed, len(point))
    outcomes = _run(task, replicates, workers)
    good = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    failures = Counter(outcome for outcome in outcomes if isinstance(outcome, str))
    failed = replicates - len(good)
    if failed > FAILED_SHARE * replicates or len(good) < 2:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(failures.items()))
        raise ReplicateError(
            f"Too many of {replicates} bootstrap replicates could not be estimated: {kinds}",
            field="estimate",
            count=failed,
            remedy="Use a design that small samples bear: fewer covariates, merged levels, a penalty.",
        )
    estimates = np.array(good)
    std_err = estimates.std(axis=0, ddof=1)
    lower, upper = _limits(point, estimates, std_err, level, kind)
    return Bootstrap(
        point=point,
        estimates=estimates,
        std_err=std_err,
        lower=lower,
        upper=upper,
        kind=kind,
        level=level,
        replicates=replicates,
        failed=failed,
        failures=tuple(sorted(failures.items())),
    )


@contextmanager
def every_library_on_one_thread() -> Iterator[None]:
    """Keep linear algebra and OpenMP to one thread: processes do not fight for cores, sums have one order.

    Of the libraries loaded so far; `_linear_algebra.one_thread` is quicker and for BLAS alone.
    """
    with threadpool_limits(limits=1):
        yield


def _require_counts(n_units: int, replicates: int, seed: int, workers: int) -> None:
    for value, least, field in (
        (n_units, 2, "n_units"),
        (replicates, 2, "replicates"),
        (seed, 0, "seed"),
        (workers, 1, "workers"),
    ):
        if value < least:
            raise CodingError(
                f"A number below {least}", field=field, remedy=f"Give a whole number of {least} or more."
            )


def _members(units: ArrayLike, n_units: int) -> tuple[IntArray, IntArray]:
    """Rows sorted by unit, and where each unit's rows begin (with the end appended)."""
    position, labels = codes(units, "units", len(np.asarray(units)))
    if len(labels) != n_units:
        raise ShapeError(
            f"{len(labels)} distinct labels for {n_units} units",
            field="units",
            remedy="n_units is the number of distinct labels.",
        )
    rows = np.argsort(position, kind="stable").astype(np.int64)
    return rows, np.concatenate([[0], np.cumsum(np.bincount(position))]).astype(np.int64)


@dataclass(frozen=True)
class _Task:
    """All that a replicate needs but its number; sent to each worker once."""

    estimate: Estimator
    n_units: int
    members: tuple[IntArray, IntArray] | None
    seed: int
    n_estimates: int

    def draw(self, replicate: int) -> IntArray:
        """Rows of one replicate, by unit in the order they were drawn."""
        source = np.random.SeedSequence(self.seed, spawn_key=(replicate,))
        chosen = np.random.default_rng(source).integers(0, self.n_units, self.n_units)
        if self.members is None:
            return chosen
        rows, start = self.members
        size = start[chosen + 1] - start[chosen]
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        taken: IntArray = rows[np.repeat(start[chosen], size) + within]
        return taken

    def run(self, numbers: Sequence[int]) -> list[Outcome]:
        with every_library_on_one_thread():
            return [self._one(number) for number in numbers]

    def _one(self, number: int) -> Outcome:
        try:
            found = np.atleast_1d(np.asarray(self.estimate(self.draw(number)), dtype=np.float64))
        except StatsError as error:
            return type(error).__name__
        if found.shape != (self.n_estimates,):
            raise ShapeError(
                f"A replicate gave {found.shape} estimates, the sample {self.n_estimates}",
                field="estimate",
                remedy="Return as many numbers every time.",
            )
        return found if np.isfinite(found).all() else "NaN"


def _run(task: _Task, replicates: int, workers: int) -> list[Outcome]:
    workers = min(workers, replicates)
    if workers == 1:
        return task.run(range(replicates))
    size = math.ceil(replicates / (workers * CHUNKS_PER_WORKER))
    chunks = [range(first, min(first + size, replicates)) for first in range(0, replicates, size)]
    # Spawned, not forked: a fork copies the locks that threads of other libraries hold.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_receive, initargs=(_packed(task),)
    )
    try:
        with pool:
            return [outcome for chunk in pool.map(_run_chunk, chunks) for outcome in chunk]
    except BrokenProcessPool as error:
        raise ReplicateError(
            "A worker process ended before its replicates",
            field="workers",
            remedy="Call from under `if __name__ == '__main__':`, check the memory, or use one worker.",
        ) from error


def _packed(task: _Task) -> bytes:
    try:
        return pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise CodingError(
            "The estimate cannot be sent to a worker process",
            field="estimate",
            remedy="Use a function of a module or a functools.partial of one, or one worker.",
        ) from error


# The task of this worker process. Sent once when the process starts, not with every chunk.
_received: list[_Task] = []


def _receive(packed: bytes) -> None:
    _received[:] = [pickle.loads(packed)]


def _run_chunk(numbers: range) -> list[Outcome]:
    return _received[0].run(numbers)


def _limits(
    point: FloatArray, estimates: FloatArray, std_err: FloatArray, level: float, kind: str
) -> tuple[FloatArray, FloatArray]:
    if kind == "normal":
        half = normal_quantile(level) * std_err
        return point - half, point + half
    quantile = partial(np.quantile, estimates, axis=0, method="weibull")
    low, high = quantile((1 - level) / 2), quantile((1 + level) / 2)
    return (low, high) if kind == "percentile" else (2 * point - high, 2 * point - low)
