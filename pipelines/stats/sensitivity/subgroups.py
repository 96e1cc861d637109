"""Subgroups by interaction: one model per property, a test of the ratio, Holm over the declared family.

A subgroup whose own interval leaves 1 out while another's does not is no difference between them. The ratio
of the two is what is tested, in the matched or weighted set as it stands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, codes, confidence, flags, matrix, vector
from .._multiple_testing import holm
from ..cox.fit import CoxFit, fit_cox
from ..effect import Effect, wald_effect
from ..errors import CodingError, EmptyArmError, NoEventsError
from ._persons import cluster_of_rows, count_people, person_of_rows

EXPOSED = "exposed"
FEW_EVENTS = 10


@dataclass(frozen=True)
class Subgroup:
    """The effect in one level of one property, and its ratio to that of the reference level.

    Attributes
    ----------
    variable, level : str
    effect : Effect
        Hazard ratio within the level, from the model with the interaction.
    events_exposed, events_unexposed : int
    ratio : Effect or None
        Ratio of this level's hazard ratio to the reference level's; None for the reference.
    """

    variable: str
    level: str
    effect: Effect
    events_exposed: int
    events_unexposed: int
    ratio: Effect | None


@dataclass(frozen=True)
class InteractionTest:
    """Wald's test that the effect is the same in every level of a property.

    Attributes
    ----------
    variable : str
    statistic, df, p_value : float, int, float
    p_holm : float
        Adjusted over the declared family.
    """

    variable: str
    statistic: float
    df: int
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class SubgroupEffects:
    """Result of `subgroup_effects`: every level of every property of the family, and the tests."""

    subgroups: tuple[Subgroup, ...]
    tests: tuple[InteractionTest, ...]
    notes: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per level: hazard ratio, ratio to the reference level, events by arm, the property's test."""
        tests = {test.variable: test for test in self.tests}
        rows = []
        for s in self.subgroups:
            test, ratio = tests[s.variable], s.ratio
            rows.append(
                {
                    "variable": s.variable,
                    "level": s.level,
                    "estimate": s.effect.estimate,
                    "ci_low": s.effect.ci_low,
                    "ci_high": s.effect.ci_high,
                    "ci_level": s.effect.ci_level,
                    "n": s.effect.n,
                    "n_exposed": s.effect.n_exposed,
                    "events": s.effect.events,
                    "events_exposed": s.events_exposed,
                    "ratio": ratio.estimate if ratio else None,
                    "ratio_ci_low": ratio.ci_low if ratio else None,
                    "ratio_ci_high": ratio.ci_high if ratio else None,
                    "interaction_statistic": test.statistic,
                    "interaction_df": test.df,
                    "interaction_p": test.p_value,
                    "interaction_p_holm": test.p_holm,
                    "analysis": s.effect.analysis,
                    "estimand": s.effect.estimand,
                    "effect_type": s.effect.effect_type,
                    "notes": " ".join(s.effect.notes),
                }
            )
        ratios = dict.fromkeys(("ratio", "ratio_ci_low", "ratio_ci_high"), pl.Float64)
        return pl.DataFrame(rows, schema_overrides=ratios, infer_schema_length=None)


def subgroup_effects(
    time: ArrayLike,
    event: ArrayLike,
    exposed: ArrayLike,
    subgroups: Mapping[str, ArrayLike] | pl.DataFrame,
    *,
    reference: Mapping[str, object] | None = None,
    covariates: ArrayLike | pl.DataFrame | None = None,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    family_size: int | None = None,
    ties: str = "efron",
    level: float = 0.95,
    analysis: str,
    estimand: str,
    effect_type: str,
) -> SubgroupEffects:
    """Hazard ratio in every level of declared properties, with tests of interaction.

    Parameters
    ----------
    time, event, entry, weights, strata, cluster
        Of the matched or weighted set, as in `cox.fit_cox`: pairs as `cluster`. With weights the variance is
        robust, and clustered by `ids` where no `cluster` is given.
    exposed : array_like of shape (n,)
        1 or True for the exposed; a time-dependent exposure as (start, stop] rows, with `ids`.
    subgroups : mapping of str to array_like of shape (n,), or Polars frame
        The declared family: labels of each property, known at diagnosis.
    reference : mapping of str to label, optional
        Reference level of some properties of the family; default their first.
    covariates : array_like of shape (n, p), or Polars frame, optional
        Further covariates, in every model.
    names : sequence of str, optional
        One per covariate.
    ids : array_like of shape (n,), optional
        Labels of people where a person has several rows; people, not rows, are counted.
    family_size : int, optional
        Tests declared in the protocol where more than those done here; default those done here.
    ties : {"efron", "breslow"}
        As in `cox.fit_cox`.
    level : float
        Confidence level, 0 to 1.
    analysis, estimand, effect_type
        As in `Effect`: those of the analysis whose set it is. With covariates or strata a ratio is
        conditional, in a matched or weighted set without them marginal.

    Returns
    -------
    SubgroupEffects
        Levels with fewer than ten events in an arm say so.

    Raises
    ------
    EmptyArmError
        A level without exposed or unexposed people, or a property of one level.
    NoEventsError
        A level without events in an arm.
    CodingError
        A reference that is no level, or of no property; a family smaller than the tests done.
    ShapeError, NonFiniteError, CollinearityError, SeparationError, WeightError
        As in `fit_cox`.

    References
    ----------
    Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65-70.
    Wang R, Lagakos SW, Ware JH, Hunter DJ, Drazen JM. Statistics in medicine: reporting of subgroup analyses
    in clinical trials. N Engl J Med 2007;357:2189-2194.
    """
    confidence(level)
    n = len(vector(time, "time"))
    died, arm = flags(event, "event", n), flags(exposed, EXPOSED, n)
    if arm.all() or not arm.any():
        raise EmptyArmError(
            "Everybody is exposed, or nobody", field=EXPOSED, count=n, remedy="Check how it is coded."
        )
    family = subgroups.to_dict(as_series=False) if isinstance(subgroups, pl.DataFrame) else dict(subgroups)
    declared = len(family) if family_size is None else family_size
    if not family or declared < len(family):
        raise CodingError(
            f"A family of {declared} tests for {len(family)} properties",
            field="family_size" if family else "subgroups",
            remedy="Declare every property that is tested.",
        )
    first = _references(reference, family)
    person = person_of_rows(ids, n)
    others, labels = (np.zeros((n, 0)), ()) if covariates is None else matrix(covariates, names, n)

    def effect(contrast: tuple[float, float], count: _Counts, method: str) -> Effect:
        return wald_effect(
            *contrast,
            analysis=analysis,
            measure="hr",
            n=count.n,
            n_exposed=count.n_exposed,
            events=count.events_exposed + count.events_unexposed,
            estimand=estimand,
            effect_type=effect_type,
            method=method,
            level=level,
            notes=count.notes,
        )

    found: list[Subgroup] = []
    raw: list[tuple[str, float, int, float]] = []
    for variable, values in family.items():
        member, levels = _ordered_levels(variable, values, n, first.get(variable))
        counts = _count(variable, levels, member, arm, died, person)
        columns, terms = _interaction_columns(arm, member, levels, codes(strata, "strata", n)[0])
        fit = fit_cox(
            time,
            event,
            np.column_stack([columns, others]),
            names=[*terms, *labels],
            entry=entry,
            weights=weights,
            strata=strata,
            cluster=cluster_of_rows(cluster, ids, weights),
            robust=weights is not None,
            ties=ties,
        )
        found += _read(fit, variable, levels, counts, effect)
        test = fit.wald_test([f"{EXPOSED}:{name}" for name in levels[1:]])
        raw.append((variable, test.statistic, test.df, test.p_value))
    adjusted = holm([p for *_, p in raw], family_size=declared)
    return SubgroupEffects(
        subgroups=tuple(found),
        tests=tuple(InteractionTest(*row, p_holm=float(p)) for row, p in zip(raw, adjusted, strict=True)),
        notes=(f"Holm's adjustment over a declared family of {declared}.",),
    )


def _references(
    reference: Mapping[str, object] | None, family: Mapping[str, ArrayLike]
) -> Mapping[str, object]:
    """The reference levels, each of a property that is there."""
    first = dict(reference or {})
    unknown = [variable for variable in first if variable not in family]
    if unknown:
        raise CodingError(
            f"References of properties that are not in the family: {', '.join(unknown)}",
            field="reference",
            count=len(unknown),
            remedy=f"The properties are {', '.join(family)}.",
        )
    return first


def _ordered_levels(
    variable: str, values: ArrayLike, n: int, reference: object
) -> tuple[IntArray, tuple[str, ...]]:
    """Level of each person, the reference as 0, and the levels' names."""
    member, distinct = codes(np.asarray(values), variable, n)
    levels = distinct.tolist()
    if len(levels) < 2:
        raise EmptyArmError(
            "A property with one level", field=variable, count=n, remedy="Leave it out of the family."
        )
    if reference is None:
        return member, tuple(str(label) for label in levels)
    if reference not in levels:
        raise CodingError(
            "A reference that nobody has",
            field=variable,
            remedy=f"The levels are {', '.join(str(label) for label in levels)}.",
        )
    first = levels.index(reference)
    order = [first, *(i for i in range(len(levels)) if i != first)]
    return np.argsort(order)[member], tuple(str(levels[i]) for i in order)


@dataclass(frozen=True)
class _Counts:
    """People and events of one level."""

    n: int
    n_exposed: int
    events_exposed: int
    events_unexposed: int

    @property
    def notes(self) -> tuple[str, ...]:
        few = min(self.events_exposed, self.events_unexposed) < FEW_EVENTS
        return ("Fewer than ten events in an arm of this level.",) if few else ()


def _count(
    variable: str,
    levels: Sequence[str],
    member: IntArray,
    arm: BoolArray,
    died: BoolArray,
    person: IntArray,
) -> list[_Counts]:
    """People and events of each level; a level that says nothing about the exposure is refused."""
    found = []
    for g, name in enumerate(levels):
        own = member == g
        count = _Counts(
            n=count_people(person, own),
            n_exposed=count_people(person, own & arm),
            events_exposed=int((own & arm & died).sum()),
            events_unexposed=int((own & ~arm & died).sum()),
        )
        if min(count.events_exposed, count.events_unexposed) == 0:
            kind = EmptyArmError if len(np.unique(arm[own])) == 1 else NoEventsError
            raise kind(
                "A level in which an arm has nobody, or nobody with the event",
                field=f"{variable}: {name}",
                count=count.n,
                remedy="Merge it with another level, or leave the property out and say so.",
            )
        found.append(count)
    return found


def _interaction_columns(
    arm: BoolArray, member: IntArray, levels: Sequence[str], stratum: IntArray
) -> tuple[FloatArray, list[str]]:
    """Exposure, levels but the reference, and their products.

    A level that is the same for everybody in each stratum (the design is stratified by it) has its baseline
    hazard already, and no column of its own.
    """
    columns, names = [arm.astype(np.float64)], [EXPOSED]
    products, product_names = [], []
    size = np.bincount(stratum)
    for g, name in enumerate(levels[1:], start=1):
        own = (member == g).astype(np.float64)
        inside = np.bincount(stratum, own)
        if ((inside > 0) & (inside < size)).any():
            columns.append(own)
            names.append(f"level:{name}")
        products.append(own * arm)
        product_names.append(f"{EXPOSED}:{name}")
    return np.column_stack([*columns, *products]), [*names, *product_names]


def _read(
    fit: CoxFit,
    variable: str,
    levels: Sequence[str],
    counts: Sequence[_Counts],
    effect: Callable[[tuple[float, float], _Counts, str], Effect],
) -> list[Subgroup]:
    """Effects within the levels and their ratios to the reference level."""
    found = []
    for g, (name, count) in enumerate(zip(levels, counts, strict=True)):
        product = {f"{EXPOSED}:{name}": 1.0} if g else {}
        within = fit.contrast({EXPOSED: 1.0} | product)
        ratio = None
        if g:
            ratio = effect(fit.contrast(product), count, f"ratio of hazard ratios, {name} to {levels[0]}")
        found.append(
            Subgroup(
                variable=variable,
                level=name,
                effect=effect(within, count, f"Cox model with exposure by {variable}"),
                events_exposed=count.events_exposed,
                events_unexposed=count.events_unexposed,
                ratio=ratio,
            )
        )
    return found
