"""Covariates become columns of a model: one per level but the reference, none twice."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats.errors import EmptyArmError, NothingToCompareError
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.language import Covariate
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
    people: AnalysisSet,
    covariates: list[Covariate],
    *,
    analysis: str,
    with_exposure: bool,
    of_exposure: bool = False,
) -> Design:
    """Model matrix of some covariates, the exposure first where asked for.

    People of a level that fewer than ``models.rare_level_minimum`` share are left out, and so are columns that
    repeat others, each with a warning: a model with either has no answer. Nobody is counted with another level
    instead: a few unknowns are not a few of the reference.

    Parameters
    ----------
    people : AnalysisSet
    covariates : list of Covariate
        In the order of the model; the later of two that say the same is left out.
    analysis : str
        For the findings.
    with_exposure : bool
        Whether the exposure is the first column.
    of_exposure : bool
        The model is one of who is exposed: people of a level that an arm has nobody of are left out too, as nobody of
        that arm could be their match, and the odds would be infinite.

    Raises
    ------
    EmptyArmError
        Leaving people out emptied an arm.
    NothingToCompareError
        A model of who is exposed has covariates, and none varies; exact matching does without a model.
    """
    subgroup = people.subgroup
    people, findings = complete_cases(people, covariates, analysis)
    if of_exposure:
        people, lonely = without_levels(people, covariates, lonely_levels)
        words = "left out: people with {}, a level that an arm has nobody of, so that none is comparable"
        findings += [
            Finding(
                analysis,
                subgroup,
                "level_of_one_arm",
                "warning",
                words.format(name),
                float(gone),
                unit="people",
            )
            for name, gone in lonely.items()
        ]
    if not 0 < people.exposed.sum() < people.frame.height:
        raise EmptyArmError(
            "An arm has nobody left, once those with a missing covariate or a rare level are out of the model",
            field=", ".join(one.name for one in covariates),
            remedy="Group levels in the study, take covariates out, or lower models.rare_level_minimum.",
        )
    findings += [
        Finding(
            analysis,
            subgroup,
            "reference_of_nobody",
            "warning",
            f"nobody has {one.name}={one.reference}, the reference; {reference} takes its place",
        )
        for one in covariates
        if one.kind == "categorical"
        for reference, levels in [reference_and_levels(one, people.frame[f"cov_{one.name}"])]
        if levels and reference != one.reference
    ]
    pieces: list[tuple[Column, NDArray[np.float64]]] = []
    if with_exposure:
        pieces += arm_columns(people)
    for one in covariates:
        pieces += columns_of(people, one)
    kept, aliased = without_copies(pieces)
    if of_exposure and covariates and not kept and people.study.matching.method != "exact":
        raise NothingToCompareError(
            "No covariate varies here: all these people have the same value of each",
            field=", ".join(one.name for one in covariates),
            remedy="Adjust for what differs between people, or widen the cohort.",
        )
    findings += [
        Finding(
            analysis, subgroup, "aliased_level", "warning", f"{name} repeats other columns and is left out"
        )
        for name in aliased
    ]
    matrix = np.column_stack([values for _, values in kept]) if kept else np.empty((people.frame.height, 0))
    return Design(people, matrix, tuple(column for column, _ in kept), tuple(findings))


def complete_cases(
    people: AnalysisSet, covariates: list[Covariate], analysis: str
) -> tuple[AnalysisSet, list[Finding]]:
    """Leave out who lacks a complete-case covariate, then who has a level too rare for a model."""
    findings, subgroup = [], people.subgroup
    for one in covariates:
        keep = people.frame[f"cov_{one.name}"].is_not_null()
        gone = float((~keep).sum())
        if gone:
            words = f"left out: {one.name} is missing and its policy is complete case"
            findings.append(Finding(analysis, subgroup, "complete_cases", "info", words, gone, unit="people"))
            people = people.where(keep.to_numpy())
    people, rare = without_levels(people, covariates, rare_levels)
    minimum = people.study.models.rare_level_minimum
    for name, gone in rare.items():
        words = f"left out: people with {name}, a level that fewer than {minimum} share"
        findings.append(
            Finding(analysis, subgroup, "rare_level", "warning", words, float(gone), unit="people")
        )
    return people, findings


def without_levels(
    people: AnalysisSet,
    covariates: list[Covariate],
    which: Callable[[AnalysisSet, list[Covariate]], list[tuple[str, str, int]]],
) -> tuple[AnalysisSet, dict[str, int]]:
    """Leave people of some levels out until there is no such level; how many went for each."""
    gone: dict[str, int] = {}
    while found := which(people, covariates):
        leaving = np.zeros(people.frame.height, dtype=bool)
        for name, level, count in found:
            gone[f"{name}={level}"] = gone.get(f"{name}={level}", 0) + count
            leaving |= (people.frame[f"cov_{name}"] == level).to_numpy()
        people = people.where(~leaving)
    return people, gone


def rare_levels(people: AnalysisSet, covariates: list[Covariate]) -> list[tuple[str, str, int]]:
    """Covariate, level and number of people of every level but the reference that too few share."""
    minimum = people.study.models.rare_level_minimum
    return [
        (one.name, level, count)
        for one in covariates
        if one.kind == "categorical"
        for level, count in sorted(people.frame[f"cov_{one.name}"].value_counts().iter_rows())
        if count < minimum and level != one.reference
    ]


def lonely_levels(people: AnalysisSet, covariates: list[Covariate]) -> list[tuple[str, str, int]]:
    """Covariate, level and number of people of every level that an arm has nobody of."""
    found = []
    for one in covariates:
        if one.kind != "categorical":
            continue
        counted = people.frame.group_by(f"cov_{one.name}").agg(
            pl.len(), pl.col("arm").n_unique().alias("arms")
        )
        arms = people.frame["arm"].n_unique()
        found += [(one.name, level, n) for level, n, has in sorted(counted.iter_rows()) if has < arms]
    return found


def arm_columns(people: AnalysisSet) -> list[tuple[Column, NDArray[np.float64]]]:
    """One column for each arm but the reference, named by the exposure where there is one alone."""
    term, arms = people.study.exposure, people.frame["arm"]
    several = bool(people.other_labels)
    return [
        (
            Column(f"{term}={label}" if several else term, term, f"{label} vs {people.reference_label}"),
            (arms == label).to_numpy().astype(float),
        )
        for label in people.labels[:-1]
    ]


def columns_of(people: AnalysisSet, one: Covariate) -> list[tuple[Column, NDArray[np.float64]]]:
    """Columns of one covariate: one for each level but the reference, or but the first where nobody has that."""
    values = people.frame[f"cov_{one.name}"]
    if one.kind == "continuous":
        unit = "1" if one.per == 1 else f"{one.per:g}"
        return [(Column(one.name, one.name, f"per {unit}"), values.to_numpy().astype(float))]
    reference, levels = reference_and_levels(one, values)
    return [
        (
            Column(f"{one.name}={level}", one.name, f"{level} vs {reference}"),
            (values == level).to_numpy().astype(float),
        )
        for level in levels
    ]


def reference_and_levels(one: Covariate, values: pl.Series) -> tuple[str | None, list[str]]:
    """The level that the others are compared with, and the others.

    Where nobody has the study's reference the first level takes its place: a ratio against nobody would be one against
    whichever level the model leaves out.
    """
    levels = ordered_levels(one, values)
    if levels and not (values == one.reference).any():
        return levels[0], levels[1:]
    return one.reference, levels


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
