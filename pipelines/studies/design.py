"""Covariates become columns of a model: one per level but the reference, none twice."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.definition import Covariate
from pipelines.studies.results import Finding

ALIAS_TOLERANCE = 1e-8
"""A column whose part that the others do not explain is smaller than this share of it is a copy of them."""


@dataclass(frozen=True)
class Column:
    """One column: its name in the fit, its term and contrast in the estimates."""

    name: str
    term: str
    contrast: str


@dataclass(frozen=True)
class Design:
    """A model matrix of the complete cases.

    Attributes
    ----------
    people : AnalysisSet
        Those with every covariate of the model.
    matrix : ndarray of shape (n, p)
    columns : tuple of Column
    findings : tuple of Finding
        Levels and people left out, with the reason.
    """

    people: AnalysisSet
    matrix: NDArray[np.float64]
    columns: tuple[Column, ...]
    findings: tuple[Finding, ...]

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]


def build_design(
    people: AnalysisSet, covariates: list[Covariate], *, analysis: str, subgroup: str, with_exposure: bool
) -> Design:
    """Model matrix of some covariates, the exposure first where asked for.

    Levels with fewer people than ``models.rare_level_minimum`` stay with the reference level, and columns
    that repeat others are left out, each with a warning: a model with either has no answer, and a silent
    choice would be ours.

    Parameters
    ----------
    people : AnalysisSet
    covariates : list of Covariate
        In the order of the model; the later of two that say the same is left out.
    analysis, subgroup : str
        For the findings.
    with_exposure : bool
        Whether the exposure is the first column.
    """
    people, findings = complete_cases(people, covariates, analysis, subgroup)
    pieces: list[tuple[Column, NDArray[np.float64]]] = []
    if with_exposure:
        term = people.study.exposure
        pieces.append((Column(term, term, people.contrast), people.exposed.astype(float)))
    for one in covariates:
        columns, said = columns_of(people, one, analysis, subgroup)
        pieces += columns
        findings += said
    kept, aliased = without_copies(pieces)
    findings += [
        Finding(
            analysis, subgroup, "aliased_level", "warning", f"{name} repeats other columns and is left out"
        )
        for name in aliased
    ]
    matrix = np.column_stack([values for _, values in kept]) if kept else np.empty((people.frame.height, 0))
    return Design(people, matrix, tuple(column for column, _ in kept), tuple(findings))


def complete_cases(
    people: AnalysisSet, covariates: list[Covariate], analysis: str, subgroup: str
) -> tuple[AnalysisSet, list[Finding]]:
    """Leave out who lacks a complete-case covariate, or has a level too rare for a study that wants no mixing."""
    findings = []
    missing = "left out: {} is missing and its policy is complete case"
    rare = "left out: a level of {} has fewer people than the model's minimum"
    for one in covariates:
        values = people.frame[f"cov_{one.name}"]
        for check, words, keep in (
            ("complete_cases", missing, values.is_not_null()),
            ("rare_level_left_out", rare, ~values.is_in(levels_to_leave_out(people, one)).fill_null(False)),
        ):
            gone = float((~keep).sum())
            if gone:
                findings.append(
                    Finding(analysis, subgroup, check, "info", words.format(one.name), gone, unit="people")
                )
                people = people.where(keep.to_numpy())
                values = values.filter(keep)
    return people, findings


def levels_to_leave_out(people: AnalysisSet, one: Covariate) -> list[str]:
    """Rare levels of a covariate whose study does not want them with the reference level."""
    if one.kind == "continuous" or one.rare == "with_reference":
        return []
    counted = people.frame[f"cov_{one.name}"].drop_nulls().value_counts()
    rare = counted.filter(pl.col("count") < people.study.models.rare_level_minimum)
    return [level for level, _ in rare.iter_rows() if level != one.reference]


def columns_of(
    people: AnalysisSet, one: Covariate, analysis: str, subgroup: str
) -> tuple[list[tuple[Column, NDArray[np.float64]]], list[Finding]]:
    """Columns of one covariate, and its levels that are too rare to have one."""
    values = people.frame[f"cov_{one.name}"]
    if one.kind == "continuous":
        unit = "1" if one.per == 1 else f"{one.per:g}"
        return [(Column(one.name, one.name, f"per {unit}"), values.to_numpy().astype(float))], []
    minimum = people.study.models.rare_level_minimum
    columns, findings = [], []
    for level in ordered_levels(one, values):
        count = int((values == level).sum())
        name = f"{one.name}={level}"
        if count < minimum:
            words = (
                f"{name} has fewer than {minimum} people and stays with the reference level {one.reference}"
            )
            findings.append(Finding(analysis, subgroup, "rare_level", "warning", words))
        else:
            column = Column(name, one.name, f"{level} vs {one.reference}")
            columns.append((column, (values == level).to_numpy().astype(float)))
    return columns, findings


def ordered_levels(one: Covariate, values: pl.Series) -> list[str]:
    """Levels that occur, without the reference: those the study names first, then by name."""
    present = set(values.drop_nulls().to_list()) - {one.reference}
    named = [level for level in one.known_levels if level in present]
    return named + sorted(present - set(named))


def without_copies(
    pieces: list[tuple[Column, NDArray[np.float64]]],
) -> tuple[list[tuple[Column, NDArray[np.float64]]], list[str]]:
    """Leave out columns that are constant or a sum of earlier ones (modified Gram-Schmidt)."""
    if not pieces:
        return [], []
    basis = [np.full(len(pieces[0][1]), 1 / np.sqrt(len(pieces[0][1])))]
    kept, aliased = [], []
    for column, values in pieces:
        rest = values.copy()
        for _ in range(2):  # twice is enough for full accuracy
            for direction in basis:
                rest = rest - (direction @ rest) * direction
        length = float(np.linalg.norm(rest))
        if length <= ALIAS_TOLERANCE * max(float(np.linalg.norm(values)), 1.0):
            aliased.append(column.name)
        else:
            kept.append((column, values))
            basis.append(rest / length)
    return kept, aliased
