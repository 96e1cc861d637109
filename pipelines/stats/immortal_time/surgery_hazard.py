"""How likely each person was to be operated by each time: one model, on people as they are, not on clones.

Everybody alive and unoperated is at risk of an operation; death and the last contact censor it, and so does
the end of the grace period. A model fitted to the clones of one arm instead cannot work: in the arm "operate
by g" everybody left at g is censored there, whatever the covariates, so their coefficients are zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, choice, vector
from ..cox import CoxFit, fit_cox
from ._grouped_hazard import fit_grouped
from ._people import People, check_people, require_both_arms, window_of_time

HEAVY_TIE = 0.05
TIES = ("auto", "breslow", "efron", "grouped")


@dataclass(frozen=True)
class SurgeryHazard:
    """Result of `fit_surgery_hazard`: H(t | x) = H0(t) exp(b x) and F = 1 - exp(-H), up to `until`.

    Attributes
    ----------
    fit : CoxFit or None
        The Cox model of the operation; None without covariates, and under `grouped` ties.
    coefficients : ndarray of shape (p,)
        Log hazard ratios of the operation.
    time : ndarray of shape (m,)
        Distinct times of operation.
    baseline : ndarray of shape (m,)
        Cumulative hazard up to and with each time, for a person whose linear predictor is `centre`.
    centre : float
    relative : ndarray of shape (n,)
        Each person's hazard as a multiple of that.
    until : float
        End of the grace period; the model says nothing later.
    n, n_operated : int
        People, and those operated by `until`.
    ties : {"breslow", "efron", "grouped"}
    largest_tie : float
        Largest share of those at risk who are operated at one time.
    """

    fit: CoxFit | None = field(repr=False)
    coefficients: FloatArray
    time: FloatArray = field(repr=False)
    baseline: FloatArray = field(repr=False)
    centre: float = field(repr=False)
    relative: FloatArray = field(repr=False)
    until: float
    n: int
    n_operated: int
    ties: str
    largest_tie: float

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report has to print about the model."""
        if self.largest_tie < HEAVY_TIE:
            return ()
        share = f"{self.largest_tie:.0%} of those at risk are operated at one time"
        if self.ties == "grouped":
            return (f"{share}: the surgery hazard is fitted as grouped.",)
        return (
            f"{share}: {self.ties.capitalize()}'s ties are biased there, hazard_ties='grouped' is exact.",
        )

    def baseline_at(self, at: float) -> float:
        """Cumulative hazard at `at` of a person whose covariates are all zero."""
        return float(_step(self.time, self.baseline, at) * np.exp(-self.centre))

    def cumulative_hazard(self, at: float) -> FloatArray:
        """Each person's cumulative hazard of operation up to and with `at` (n,)."""
        return self.relative * _step(self.time, self.baseline, at)

    def unoperated(self, at: float) -> FloatArray:
        """Each person's probability 1 - F(at) of not being operated by then, were she to live (n,)."""
        return np.exp(-self.cumulative_hazard(at))

    def probability(self, at: float) -> FloatArray:
        """Each person's probability F(at) of being operated by then, were she to live (n,)."""
        return -np.expm1(-self.cumulative_hazard(at))

    def operated_between(self, start: float, stop: float) -> FloatArray:
        """Each person's probability F(stop) - F(start) (n,), exact where it is tiny; -inf: before time zero."""
        before = self.cumulative_hazard(start)
        return np.exp(-before) * -np.expm1(before - self.cumulative_hazard(stop))

    def to_frame(self) -> pl.DataFrame:
        """One row per time of operation."""
        return pl.DataFrame({"time": self.time, "cumulative_hazard": self.baseline * np.exp(-self.centre)})


def fit_surgery_hazard(
    time: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None,
    *,
    until: float,
    names: Sequence[str] | None = None,
    ties: str = "auto",
) -> SurgeryHazard:
    """Model the hazard of an operation among people alive and unoperated.

    Parameters
    ----------
    time : array_like of shape (n,)
        Time zero to death or last contact.
    surgery_time : array_like of shape (n,)
        Time zero to the operation; NaN where never operated.
    covariates : array_like of shape (n, p), Polars frame, or None
        What decides about operations and about survival, known at time zero. None: one hazard for all.
    until : float
        Operations after it are left out.
    names : sequence of str, optional
    ties : {"auto", "breslow", "efron", "grouped"}
        In the Cox model and in its baseline. Where many are operated at one time (at time zero, by
        diagnostic excision) Breslow's exp(-H) leaves too many unoperated and its coefficients are too small.
        Efron's come nearer; the grouped likelihood is that of the model itself, whatever the ties. `auto`:
        grouped where a twentieth of those at risk or more are operated at one time, else Breslow's.

    Returns
    -------
    SurgeryHazard

    Raises
    ------
    EmptyArmError
        Nobody is operated by `until`.
    SeparationError
        Nobody of some group is ever operated: no weight can make the others stand for them.
    StatsError
        As in `ever_never`.

    References
    ----------
    Breslow N. Covariance analysis of censored survival data. Biometrics 1974;30:89-99.
    """
    nobody_dies = np.zeros(len(vector(time, "time")))
    people = check_people(time, nobody_dies, surgery_time, covariates, names)
    return model_operations(people, window_of_time(until, "until"), ties)


def model_operations(people: People, until: float, ties: str) -> SurgeryHazard:
    """`fit_surgery_hazard` for people already checked."""
    choice(ties, "hazard_ties", TIES)
    operated = people.operated_by(until)
    require_both_arms(bool(operated.any()), True, f"by {until:g}")
    at_risk_to = np.minimum(np.minimum(people.surgery, people.time), until)
    largest_tie = _largest_tie(at_risk_to, operated)
    if ties == "auto":
        ties = "breslow" if largest_tie < HEAVY_TIE else "grouped"
    fit, grouped, coefficients = None, None, np.zeros(0)
    if ties == "grouped":
        grouped = fit_grouped(at_risk_to, operated, people.covariates, people.names)
        coefficients = grouped.coefficients
    elif people.names:
        fit = fit_cox(at_risk_to, operated, people.covariates, names=people.names, ties=ties)
        coefficients = fit.coefficients
    predictor = people.covariates @ coefficients
    centre = float(np.sort(predictor).mean())  # sorted, so that the order of rows changes nothing
    relative = np.exp(predictor - centre)
    times, baseline = _baseline(at_risk_to, operated, relative, ties)
    if grouped is not None:
        baseline = np.cumsum(grouped.steps) * np.exp(centre)
    return SurgeryHazard(
        fit=fit,
        coefficients=coefficients,
        time=times,
        baseline=baseline,
        centre=centre,
        relative=relative,
        until=until,
        n=people.n,
        n_operated=int(operated.sum()),
        ties=ties,
        largest_tie=largest_tie,
    )


def _largest_tie(time: FloatArray, operated: BoolArray) -> float:
    """Largest share of those at risk who are operated at one time; one person alone is no tie."""
    times, count = np.unique(time[operated], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    return float(np.max(np.where(count > 1, count / at_risk, 0.0)))


def _baseline(
    time: FloatArray, operated: BoolArray, relative: FloatArray, ties: str
) -> tuple[FloatArray, FloatArray]:
    """Times of operation and the cumulative hazard at each.

    Breslow adds d/R for d operations among a risk set of total R; Efron takes the operated out one after
    the other, each an equal part of their own total D: the sum of 1/(R - kD/d) over k below d.
    """
    order = np.lexsort((relative, time))
    risk = np.cumsum(relative[order][::-1])[::-1]
    done = order[operated[order]]
    times, first, count = np.unique(time[done], return_index=True, return_counts=True)
    total = risk[np.searchsorted(time[order], times, side="left")]
    if ties == "breslow":
        return times, np.cumsum(count / total)
    own = np.add.reduceat(relative[done], first)
    place = np.repeat(np.arange(len(times)), count)
    taken = (np.arange(len(done)) - first[place]) / count[place]
    steps = np.add.reduceat(1 / (total[place] - taken * own[place]), first)
    return times, np.cumsum(steps)


def _step(times: FloatArray, values: FloatArray, at: float) -> float:
    place = int(np.searchsorted(times, at, side="right"))
    return float(values[place - 1]) if place else 0.0
