"""Hazard ratios of a matched sample with intervals that know of the matching.

Pairs are alike, and people whom several sets share count once: the variance is clustered by set, with
replacement by set and by person, or sets are drawn anew. Drawing people and matching again tells how stable
a design is; its spread is not the estimate's error (Abadie and Imbens 2008).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, choice, flags, vector
from ..cox import fit_cox
from ..effect import Effect, wald_effect
from ..errors import CodingError
from ..resampling import Bootstrap, bootstrap
from .matches import MatchedSample, Matches
from .strata import Strata

INTERVALS = ("clustered", "bootstrap")
EXPOSURE = "treated"


@dataclass(frozen=True)
class Outcome:
    """Survival of the people of an input, checked; each array has shape (n,)."""

    time: FloatArray
    event: BoolArray
    entry: FloatArray | None

    def of(self, rows: IntArray) -> dict[str, FloatArray | BoolArray | None]:
        """The arguments of `fit_cox` for some rows."""
        return {
            "time": self.time[rows],
            "event": self.event[rows],
            "entry": None if self.entry is None else self.entry[rows],
        }


def check_outcome(time: ArrayLike, event: ArrayLike, entry: ArrayLike | None, n: int) -> Outcome:
    """Survival of n people, one entry each."""
    return Outcome(
        vector(time, "time", n),
        flags(event, "event", n),
        None if entry is None else vector(entry, "entry", n),
    )


def matched_cox(
    matches: Matches,
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
    interval: str = "clustered",
    replicates: int | None = None,
    seed: int | None = None,
    workers: int = 1,
) -> Effect:
    """Marginal hazard ratio of the matched sample: a Cox model of the treatment alone.

    Parameters
    ----------
    matches : Matches
    time, event : array_like of shape (n,)
        Of everybody who was to be matched, in the order of the matching's input.
    entry : array_like of shape (n,), optional
        Delayed entry.
    ties : {"efron", "breslow"}
    level : float
        Confidence level, 0 to 1.
    interval : {"clustered", "bootstrap"}
        Sandwich variance clustered by set (with replacement: by set and by person), or percentiles of a
        bootstrap of the sets, which keeps the pairs as they are.
    replicates, seed, workers : int
        Of the bootstrap; replicates and seed have to be given for it.

    Returns
    -------
    Effect
        `ATT` where every treated person is matched, else `matched_set`.

    Raises
    ------
    CodingError
        A bootstrap of sets after matching with replacement, whose sets share people, or without a seed.
    NoEventsError, SeparationError
        Nobody in the matched sample, or in one of its arms, has the event.
    ReplicateError
        More than a tenth of the replicates failed.
    ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError
        The outcome is not what it should be.

    References
    ----------
    Austin PC. The performance of different propensity score methods for estimating marginal hazard ratios.
    Stat Med 2013;32:2837-2849.
    Austin PC, Small DS. The use of bootstrapping when using propensity-score matching without replacement.
    Stat Med 2014;33:4306-4319.
    Austin PC, Cafri G. Variance estimation when using propensity-score matching with replacement with
    survival or binary outcomes. Stat Med 2020;39:1623-1640.
    """
    choice(interval, "interval", INTERVALS)
    n = len(matches.treated)
    outcome = check_outcome(time, event, entry, n)
    sample = matches.sample()
    model = MatchedModel(outcome, sample, ties)
    counts = people_of(sample.rows, sample.treated, outcome)
    method = f"{matches.method}; Cox of the treatment alone, {ties} ties"
    if interval == "bootstrap":
        found = _draw_sets(model, matches, replicates=replicates, seed=seed, workers=workers, level=level)
        return found.effect(
            analysis="matched_cox",
            measure="hr",
            **counts,
            estimand=matches.estimand,
            effect_type="marginal",
            method=f"{method}, sets drawn",
            notes=matching_notes(matches),
        )
    estimate, std_err, clusters, notes = _clustered(model, matches.replace)
    return wald_effect(
        estimate,
        std_err,
        analysis="matched_cox",
        measure="hr",
        **counts,
        estimand=matches.estimand,
        effect_type="marginal",
        method=f"{method}, variance clustered by {clusters}",
        level=level,
        notes=(*matching_notes(matches), *notes),
    )


def strata_cox(
    strata: Strata,
    time: ArrayLike,
    event: ArrayLike,
    *,
    target: str = "ATT",
    entry: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> Effect:
    """Marginal hazard ratio after full matching, coarsened exact matching or subclassification.

    A Cox model of the treatment alone with the strata's weights; the variance is clustered by matched set,
    or robust by person where the strata are classes and no sets.

    Parameters
    ----------
    strata : Strata
    time, event, entry, ties, level
        As for `matched_cox`.
    target : {"ATT", "ATE", "ATC"}
        Whose effect the weights are for.

    Raises
    ------
    NoEventsError, SeparationError, CodingError, ShapeError, NonFiniteError, NegativeTimeError
        As `matched_cox`.

    References
    ----------
    Austin PC, Stuart EA. Optimal full matching for survival outcomes: a method that merits more widespread
    use. Stat Med 2015;34:3949-3967.
    """
    outcome = check_outcome(time, event, entry, len(strata.stratum))
    rows = np.flatnonzero(strata.kept)
    treated = strata.treated[rows]
    cluster = strata.stratum[rows] if strata.matched_sets else rows
    weights = strata.weights(target)[rows]
    fit = fit_cox(
        covariates=treated.astype(float),
        names=[EXPOSURE],
        weights=weights,
        cluster=cluster,
        ties=ties,
        **outcome.of(rows),  # type: ignore[arg-type]  # named arguments
    )
    return wald_effect(
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        analysis="strata_cox",
        measure="hr",
        **people_of(rows, treated, outcome),
        estimand=strata.estimand(target),
        effect_type="marginal",
        method=f"{strata.method}; Cox of the treatment alone with {target} weights, {ties} ties, variance "
        + ("clustered by matched set" if strata.matched_sets else "robust by person"),
        level=level,
        notes=(*_left_out(strata, target), *strata.notes),
    )


@dataclass(frozen=True)
class MatchedModel:
    """The Cox model of the treatment alone in a matched sample; called with places in it, its log ratio."""

    outcome: Outcome
    sample: MatchedSample
    ties: str

    def __call__(self, places: IntArray) -> FloatArray:
        """The log hazard ratio as an array of one."""
        return np.array([self.fit(places, None)[0]])

    def fit(self, places: IntArray, cluster: IntArray | None) -> tuple[float, float]:
        """Log hazard ratio and standard error."""
        weights = self.sample.weights[places]
        fit = fit_cox(
            covariates=self.sample.treated[places].astype(float),
            names=[EXPOSURE],
            weights=None if (weights == 1).all() else weights,
            cluster=cluster,
            ties=self.ties,
            **self.outcome.of(self.sample.rows[places]),  # type: ignore[arg-type]  # named arguments
        )
        return float(fit.coefficients[0]), float(fit.standard_errors[0])


def people_of(rows: IntArray, treated: BoolArray, outcome: Outcome) -> dict[str, int]:
    """People, exposed people and events behind some rows, each person once."""
    person, first = np.unique(rows, return_index=True)
    return {
        "n": len(person),
        "n_exposed": int(np.count_nonzero(treated[first])),
        "events": int(np.count_nonzero(outcome.event[person])),
    }


def matching_notes(matches: Matches) -> tuple[str, ...]:
    """A sentence where treated people have no match, and one where the order of the rows had a part."""
    lost = matches.n_treated - matches.n_matched_treated
    return (*_without(lost, matches.n_treated, "treated people"), *matches.notes)


def _left_out(strata: Strata, target: str) -> tuple[str, ...]:
    who, words = {
        "ATT": (strata.treated, "treated people"),
        "ATE": (np.ones_like(strata.treated), "people"),
        "ATC": (~strata.treated, "controls"),
    }[target]
    return _without(int(np.count_nonzero(who & ~strata.kept)), int(np.count_nonzero(who)), words)


def _without(alone: int, of: int, who: str) -> tuple[str, ...]:
    return (f"{alone} of {of} {who} have no match: the effect is that in the matched set.",) if alone else ()


def _draw_sets(
    model: MatchedModel,
    matches: Matches,
    *,
    replicates: int | None,
    seed: int | None,
    workers: int,
    level: float,
) -> Bootstrap:
    if matches.replace:
        raise CodingError(
            "A bootstrap of sets that share people",
            field="interval",
            remedy="After matching with replacement use `clustered`: by set and by person.",
        )
    if replicates is None or seed is None:
        raise CodingError(
            "A bootstrap without replicates or seed", field="replicates, seed", remedy="Give both."
        )
    return bootstrap(
        model,
        matches.n_matched_treated,
        replicates=replicates,
        seed=seed,
        units=model.sample.set_id,
        workers=workers,
        level=level,
    )


def _clustered(model: MatchedModel, replace: bool) -> tuple[float, float, str, tuple[str, ...]]:
    """Estimate, standard error, what it is clustered by, and what there is to say about it."""
    sample = model.sample
    everybody = np.arange(len(sample.rows))
    estimate, by_set = model.fit(everybody, sample.set_id)
    if not replace:
        return estimate, by_set, "matched set", ()
    # Two rows are related if they share the set or the person; each row is counted by both, so once less.
    by_person = model.fit(everybody, sample.rows)[1]
    by_row = model.fit(everybody, everybody)[1]
    variance = by_set**2 + by_person**2 - by_row**2
    if variance > 0:
        return estimate, float(np.sqrt(variance)), "matched set and person", ()
    return (
        estimate,
        max(by_set, by_person),
        "matched set or person, the wider of the two",
        ("The variance clustered by set and person is not positive; that of the wider of the two stands.",),
    )
