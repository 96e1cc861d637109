"""How strong the measured covariates are: a scale to hold an E-value against.

If an unmeasured confounder as strong as the strongest measured one would not explain an estimate away, an
explanation has to be stronger than anything that was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, flags, matrix, positive_weights, row_hash, vector
from ..cox.fit import CoxFit, fit_cox
from ..effect import Effect, wald_effect
from ..errors import CodingError, EmptyArmError
from ._persons import cluster_of_rows, count_people, person_of_rows
from .e_value import e_value_of_ratio, risk_ratio
from .unmeasured import bounding_factor

EXPOSED = "exposed"


@dataclass(frozen=True)
class Benchmarks:
    """Result of `covariate_benchmarks`.

    Attributes
    ----------
    effect : Effect
        Of the exposure with all covariates.
    terms : tuple of str
        Covariates, or factors of several columns: t of them.
    ratio_exposure : tuple of float or None
        Largest ratio between the arms of the share in a level of the term; None where a level has people in
        one arm only.
    ratio_outcome : ndarray of shape (t,)
        Largest ratio of the risk between two levels of the term, given exposure and the other covariates.
    bounding_factor : tuple of float or None
        Largest bias of an unmeasured confounder as strong as the term on both.
    log_shift : ndarray of shape (t,)
        Log hazard ratio of the exposure without the term less that with it.
    notes : tuple of str
    """

    effect: Effect
    terms: tuple[str, ...]
    ratio_exposure: tuple[float | None, ...]
    ratio_outcome: FloatArray
    bounding_factor: tuple[float | None, ...]
    log_shift: FloatArray
    common_outcome: bool
    notes: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per term, the largest bounding factor first; then by name.

        `estimate_if_as_strong` is the exposure's ratio (as a risk ratio) after the largest bias of a
        confounder like this term, towards no effect; `shift_e_value` is the E-value of leaving it out.
        """
        ratio = risk_ratio(self.effect.estimate, "hr", common=self.common_outcome)
        towards = 1.0 if ratio < 1 else -1.0
        moved = [None if b is None else ratio * b**towards for b in self.bounding_factor]
        shift = [risk_ratio(float(np.exp(s)), "hr", common=self.common_outcome) for s in self.log_shift]
        frame = pl.DataFrame(
            {
                "term": self.terms,
                "ratio_exposure": pl.Series(self.ratio_exposure, dtype=pl.Float64),
                "ratio_outcome": self.ratio_outcome,
                "bounding_factor": pl.Series(self.bounding_factor, dtype=pl.Float64),
                "estimate_if_as_strong": pl.Series(moved, dtype=pl.Float64),
                "estimate_without": self.effect.estimate * np.exp(self.log_shift),
                "log_shift": self.log_shift,
                "shift_e_value": [e_value_of_ratio(s) for s in shift],
            }
        )
        return frame.sort(["bounding_factor", "term"], descending=[True, False], nulls_last=False)


def covariate_benchmarks(
    time: ArrayLike,
    event: ArrayLike,
    exposed: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    terms: Mapping[str, Sequence[str]] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    common_outcome: bool,
    level: float = 0.95,
) -> Benchmarks:
    """Strength of each measured covariate on exposure and outcome, and what leaving it out does.

    Parameters
    ----------
    time, event, entry, weights, strata, cluster
        As in `cox.fit_cox`. With weights the variance is robust, and clustered by `ids` where no `cluster`
        is given.
    exposed : array_like of shape (n,)
        1 or True for the exposed; a time-dependent exposure as (start, stop] rows, with `ids`.
    covariates : array_like of shape (n, p), or Polars frame
        Baseline covariates; a factor as 0/1 columns without its reference level.
    names : sequence of str, optional
        One per column.
    terms : mapping of str to sequence of str, optional
        Columns that belong together, such as the levels of a factor; every column in one term. Default each
        column by itself.
    ids : array_like of shape (n,), optional
        Labels of people where a person has several rows; people, not rows, are counted, also in the shares
        of a level, where each counts once in an arm, as in the first of their rows.
    common_outcome : bool
        As in `e_value`: convert hazard ratios to risk ratios.
    level : float
        Of the effect's interval.

    Returns
    -------
    Benchmarks

    Raises
    ------
    EmptyArmError
        Everybody, or nobody, is exposed.
    CodingError
        Terms that do not take each column once, or a factor whose columns are not 0 and 1.
    ShapeError, NonFiniteError, NoEventsError, CollinearityError, SeparationError, WeightError
        As in `fit_cox`.

    Notes
    -----
    A covariate that is not a factor is cut at its median: its ratio with exposure is that of being above or
    below, its ratio with the outcome that between the means above and below.

    References
    ----------
    Ding P, VanderWeele TJ. Sensitivity analysis without assumptions. Epidemiology 2016;27:368-377.
    D'Agostino McGowan L, Greevy RA. Contextualizing E-values for interpretable sensitivity to unmeasured
    confounding analyses. arXiv:2011.07030, 2020.
    """
    n = len(vector(time, "time"))
    arm = flags(exposed, EXPOSED, n)
    if arm.all() or not arm.any():
        raise EmptyArmError(
            "Everybody is exposed, or nobody", field=EXPOSED, count=n, remedy="Check how it is coded."
        )
    x, labels = matrix(covariates, names, n)
    groups = _terms(labels, terms)
    w = positive_weights(weights, n)
    person = person_of_rows(ids, n)
    once = np.arange(n) if ids is None else _first_rows(person, arm, entry, w, x)

    def fit(columns: Sequence[int]) -> CoxFit:
        return fit_cox(
            time,
            event,
            np.column_stack([arm, x[:, list(columns)]]),
            names=[EXPOSED, *(labels[j] for j in columns)],
            entry=entry,
            weights=weights,
            strata=strata,
            cluster=cluster_of_rows(cluster, ids, weights),
            robust=weights is not None,
        )

    everything = range(len(labels))
    whole = fit(everything)
    ratio_exposure, ratio_outcome, shift, notes = [], [], [], []
    for term, columns in groups.items():
        own = whole.coefficients[[1 + j for j in columns]]
        members, steps = _levels(term, x[once][:, columns], own, w[once])
        ratio = _largest_ratio(members, arm[once], w[once])
        if ratio is None:
            notes.append(f"{term}: a level has people in one arm only, so no bound can be given.")
        ratio_exposure.append(ratio)
        spread = float(np.exp(max(steps) - min(steps)))
        ratio_outcome.append(risk_ratio(spread, "hr", common=common_outcome))
        without = fit([j for j in everything if j not in columns])
        shift.append(float(without.coefficients[0] - whole.coefficients[0]))
    return Benchmarks(
        effect=wald_effect(
            float(whole.coefficients[0]),
            float(whole.standard_errors[0]),
            analysis="cox_adjusted",
            measure="hr",
            n=len(np.unique(person)),
            n_exposed=count_people(person, arm),
            events=whole.n_events,
            estimand="conditional",
            effect_type="conditional",
            method="Cox model with every covariate",
            level=level,
            notes=whole.warnings,
        ),
        terms=tuple(groups),
        ratio_exposure=tuple(ratio_exposure),
        ratio_outcome=np.array(ratio_outcome),
        bounding_factor=tuple(
            None if a is None else float(bounding_factor(a, b))
            for a, b in zip(ratio_exposure, ratio_outcome, strict=True)
        ),
        log_shift=np.array(shift),
        common_outcome=common_outcome,
        notes=tuple(notes),
    )


def _first_rows(
    person: IntArray, arm: BoolArray, entry: ArrayLike | None, weights: FloatArray, x: FloatArray
) -> IntArray:
    """One row of each person in each arm: the earliest, whatever the order of the rows."""
    start = np.zeros(len(arm)) if entry is None else vector(entry, "entry", len(arm))
    order = np.lexsort((row_hash(x), weights, start, arm, person))
    first = np.unique(2 * person[order] + arm[order], return_index=True)[1]
    rows: IntArray = order[first]
    return rows


def _terms(labels: Sequence[str], terms: Mapping[str, Sequence[str]] | None) -> dict[str, list[int]]:
    """Columns of each term."""
    if terms is None:
        return {label: [j] for j, label in enumerate(labels)}
    named = [name for columns in terms.values() for name in columns]
    if sorted(named) != sorted(labels):
        raise CodingError(
            "Terms have to take every column once",
            field="terms",
            count=len(set(labels) ^ set(named)) or len(named) - len(labels),
            remedy=f"The columns are {', '.join(labels)}.",
        )
    return {term: [list(labels).index(name) for name in columns] for term, columns in terms.items()}


def _levels(
    term: str, columns: FloatArray, coefficients: FloatArray, weights: FloatArray
) -> tuple[list[BoolArray], list[float]]:
    """Who is in each level of a term, and the level's log hazard ratio."""
    binary = bool(((columns == 0) | (columns == 1)).all())
    if columns.shape[1] > 1 and (not binary or (columns.sum(axis=1) > 1).any()):
        raise CodingError(
            "A factor's columns are 0 or 1, at most one of them 1", field=term, remedy="Code it as such."
        )
    if binary:
        members = [columns.sum(axis=1) == 0, *(column == 1 for column in columns.T)]
        return members, [0.0, *coefficients.tolist()]
    value = columns[:, 0]
    above = value > np.median(value)
    if not above.any():  # more than half share the largest value
        above = value == value.max()
    means = [float(np.average(value[part], weights=weights[part])) for part in (~above, above)]
    return [~above, above], [float(coefficients[0] * mean) for mean in means]


def _largest_ratio(members: Sequence[BoolArray], arm: BoolArray, weights: FloatArray) -> float | None:
    """Largest ratio, either way, between the arms of the share in a level."""
    total = weights[arm].sum(), weights[~arm].sum()
    shares = [(weights[m & arm].sum() / total[0], weights[m & ~arm].sum() / total[1]) for m in members]
    if any((a == 0) != (b == 0) for a, b in shares):
        return None
    return max(float(max(a / b, b / a)) for a, b in shares if a > 0)
