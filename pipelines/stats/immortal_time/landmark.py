"""Landmark analysis: decide who is operated at one time, and start the clock there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from ..cox import CoxFit
from ..effect import Effect
from ..errors import CodingError, EmptyArmError
from ._people import check_people, require_both_arms, window_of_time
from ._person_time import PersonTime, fit_exposure, unweighted

GRID = (3.0, 6.0, 8.0, 12.0)


@dataclass(frozen=True)
class Landmark:
    """Result of `landmark`.

    Attributes
    ----------
    effect : Effect
        Hazard ratio from the landmark on, operated by then against not.
    fit : CoxFit
    person_time : PersonTime
        Rows of those left, on the clock from the landmark.
    at : float
        The landmark.
    n, n_exposed : int
        People alive and uncensored after the landmark, and those of them operated by it.
    died_before, censored_before : int
        People lost at or before the landmark.
    operated_later : int
        People operated after the landmark, who stay unexposed.
    """

    effect: Effect
    fit: CoxFit = field(repr=False)
    person_time: PersonTime = field(repr=False)
    at: float
    n: int
    n_exposed: int
    died_before: int
    censored_before: int
    operated_later: int

    def to_frame(self) -> pl.DataFrame:
        """One row: the effect, the landmark and who was lost to it."""
        counts = ("at", "died_before", "censored_before", "operated_later")
        return self.effect.to_frame().with_columns(**{name: pl.lit(getattr(self, name)) for name in counts})


@dataclass(frozen=True)
class LandmarkGrid:
    """Results of `landmark_grid`, in the order asked for."""

    landmarks: tuple[Landmark, ...]

    def __iter__(self) -> Iterator[Landmark]:
        return iter(self.landmarks)

    def __getitem__(self, at: float) -> Landmark:
        for result in self.landmarks:
            if result.at == at:
                return result
        raise KeyError(at)

    def to_frame(self) -> pl.DataFrame:
        """One row per landmark."""
        return pl.concat(result.to_frame() for result in self.landmarks)


def landmark(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    at: float = 6.0,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> Landmark:
    """Compare those operated by the landmark with those not, among people still followed after it.

    In are those alive and uncensored *after* the landmark (time above it): whoever dies or is censored at
    the landmark itself is out. Exposed means operated at or before it; those operated later stay
    unexposed, so the contrast is diluted by late surgery. The clock starts at the landmark.

    Parameters
    ----------
    at : float
        The landmark, in the unit of `time`; 0 or more.
    time, event, surgery_time, covariates, names, strata, ties, level
        As in `ever_never`.

    Returns
    -------
    Landmark

    Raises
    ------
    EmptyArmError
        Nobody is followed beyond the landmark, nobody of those is operated by it, or everybody.
    NoEventsError
        Nobody dies after it.
    StatsError
        As in `ever_never`.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719.
    Dafni U. Landmark analysis at the 25-year landmark point. Circ Cardiovasc Qual Outcomes 2011;4:363-371.
    """
    mark = window_of_time(at, "at")
    people = check_people(time, event, surgery_time, covariates, names)
    left = people.followed_after(mark)
    if not left.any():
        raise EmptyArmError(
            f"Nobody is alive and uncensored after the landmark {mark:g}",
            field="at",
            count=0,
            remedy="Choose an earlier landmark.",
        )
    exposed = people.operated_by(mark)
    rows = np.flatnonzero(left)
    among = exposed[rows]
    require_both_arms(bool(among.any()), not among.all(), f"by the landmark {mark:g} among those left")
    died_before = int(np.count_nonzero(~left & people.died))
    censored_before = int(np.count_nonzero(~left & ~people.died))
    operated_later = int(np.count_nonzero(left & ~exposed & np.isfinite(people.surgery)))
    result = fit_exposure(
        people,
        unweighted(rows, np.zeros(len(rows)), people.time[rows] - mark, people.died[rows], among),
        analysis=f"landmark_{mark:g}",
        method=f"landmark at {mark:g}, clock from the landmark",
        delayed=False,
        strata=strata,
        ties=ties,
        level=level,
    )
    return Landmark(
        effect=result.effect,
        fit=result.fit,
        person_time=result.person_time,
        at=mark,
        n=len(rows),
        n_exposed=int(np.count_nonzero(among)),
        died_before=died_before,
        censored_before=censored_before,
        operated_later=operated_later,
    )


def landmark_grid(
    time: ArrayLike,
    event: ArrayLike,
    surgery_time: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    at: Sequence[float] = GRID,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> LandmarkGrid:
    """Landmark analyses at several times, so that nobody picks the one that suits.

    Parameters
    ----------
    at : sequence of float
        Landmarks, each once.
    time, event, surgery_time, covariates, names, strata, ties, level
        As in `landmark`.

    Returns
    -------
    LandmarkGrid

    Raises
    ------
    StatsError
        As in `landmark`, for the first landmark at which it happens; it names that landmark.
    """
    if len(at) == 0 or len(set(at)) != len(at):
        raise CodingError("No landmark, or one twice", field="at", remedy="Give each landmark once.")
    options = {"names": names, "strata": strata, "ties": ties, "level": level}
    return LandmarkGrid(
        tuple(landmark(time, event, surgery_time, covariates, at=mark, **options) for mark in at)  # type: ignore[arg-type]  # named arguments
    )
