"""Who is at risk when, and as what: the rows every method of this folder makes of the same people."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, codes, row_hash
from ..cox import CoxFit, fit_cox
from ..effect import Effect, wald_effect
from ._people import EXPOSURE, People


@dataclass(frozen=True)
class PersonTime:
    """Rows of people at risk: r of them.

    Attributes
    ----------
    person : ndarray of int, shape (r,)
        Row of the input.
    start, stop : ndarray of shape (r,)
        At risk at t means start < t <= stop, on the clock of the method.
    died : ndarray of bool, shape (r,)
        Whether the row ends with the death.
    operated : ndarray of bool, shape (r,)
        As what the method counts the row.
    weight : ndarray of shape (r,)
    """

    person: IntArray
    start: FloatArray
    stop: FloatArray
    died: BoolArray
    operated: BoolArray
    weight: FloatArray

    def to_frame(self) -> pl.DataFrame:
        """One row per row, by person, arm and time."""
        frame = pl.DataFrame({name: getattr(self, name) for name in self.__dataclass_fields__})
        return frame.sort("person", "operated", "start")

    def by_arm(self) -> pl.DataFrame:
        """People, deaths and time at risk in each arm, weighted and not."""
        length = pl.col("stop") - pl.col("start")
        return (
            self.to_frame()
            .group_by("operated")
            .agg(
                people=pl.col("person").n_unique(),
                rows=pl.len(),
                deaths=pl.col("died").sum(),
                person_time=length.sum(),
                weighted_deaths=(pl.col("weight") * pl.col("died")).sum(),
                weighted_person_time=(pl.col("weight") * length).sum(),
            )
            .sort("operated")
        )


@dataclass(frozen=True)
class ExposureEffect:
    """Result of the methods that fit one Cox model to everybody's rows.

    Attributes
    ----------
    effect : Effect
        The hazard ratio, operated against not.
    fit : CoxFit
        The model; its first coefficient is that of `operated`.
    person_time : PersonTime
        Who was at risk when, and as what.
    """

    effect: Effect
    fit: CoxFit = field(repr=False)
    person_time: PersonTime = field(repr=False)

    def to_frame(self) -> pl.DataFrame:
        """One row: the effect."""
        return self.effect.to_frame()


def unweighted(
    person: IntArray, start: FloatArray, stop: FloatArray, died: BoolArray, operated: BoolArray
) -> PersonTime:
    """Rows that all weigh one."""
    return PersonTime(person, start, stop, died, operated, np.ones(len(person)))


def merge_rows(rows: PersonTime) -> PersonTime:
    """Rows without a death that are at risk together, as one with their weights added up.

    Risk sets, and so coefficients and curves, stay the same with a fraction of the rows; whose they were is
    lost, and with it the variance by person and any covariate (`person` is one of them).
    """
    survives = ~rows.died
    key = row_hash(rows.start[survives], rows.stop[survives], rows.operated[survives].astype(np.float64))
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    kept = np.concatenate([np.flatnonzero(rows.died), np.flatnonzero(survives)[first]])
    together = np.bincount(group, rows.weight[survives], minlength=len(first))
    weight = np.concatenate([rows.weight[rows.died], together])
    return PersonTime(
        rows.person[kept], rows.start[kept], rows.stop[kept], rows.died[kept], rows.operated[kept], weight
    )


def fit_exposure(
    people: People,
    rows: PersonTime,
    *,
    analysis: str,
    method: str,
    delayed: bool,
    strata: ArrayLike | None,
    ties: str,
    level: float,
    notes: tuple[str, ...] = (),
) -> ExposureEffect:
    """Cox model of the rows on the exposure and the person's covariates.

    Parameters
    ----------
    people : People
    rows : PersonTime
        Their rows.
    analysis, method : str
        For the `Effect`.
    delayed : bool
        Whether `rows.start` is given to the model. Where everybody starts at zero it is not, and deaths at
        time zero count, nor is an operation at the end of follow-up moved, as `people.notes` says it is.
    strata : array_like of shape (n,), optional
        Labels, one per person.
    ties, level
        As in `fit_cox`, `wald_effect`.
    notes : tuple of str
        Beside the effect.
    """
    stratum = None if strata is None else codes(strata, "strata", people.n)[0][rows.person]
    fit = fit_cox(
        rows.stop,
        rows.died,
        np.column_stack([rows.operated, people.covariates[rows.person]]),
        names=(EXPOSURE, *people.names),
        entry=rows.start if delayed else None,
        strata=stratum,
        ties=ties,
    )
    adjusted = bool(people.names) or strata is not None
    present = np.unique(rows.person)
    effect = wald_effect(
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        analysis=analysis,
        measure="hr",
        n=len(present),
        n_exposed=len(np.unique(rows.person[rows.operated])),
        events=fit.n_events,
        estimand="conditional" if adjusted else "ATE",
        effect_type="conditional" if adjusted else "marginal",
        method=f"{method}; Cox, {ties} ties, {'adjusted' if adjusted else 'not adjusted'}",
        level=level,
        notes=(*notes, *(people.notes if delayed else ()), *fit.warnings),
    )
    return ExposureEffect(effect, fit, rows)
