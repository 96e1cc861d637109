"""A matched design that can be done again on other rows, and how stable it is when people are drawn anew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, codes, flags, matrix
from ..balance import Balance, balance
from ..effect import Effect
from ..errors import CodingError
from ..propensity import Propensity, fit_propensity
from ..resampling import bootstrap
from .intervals import Outcome, check_outcome, matched_cox
from .matches import Matches
from .nearest import match_nearest

LABEL = "stability: people drawn anew and matched again; not a confidence interval"
MEASURES = ("log_hazard_ratio", "largest_smd", "matched_share")


@dataclass(frozen=True)
class MatchedRun:
    """Everything a matched design gave: scores, matches, balance over all people, the marginal effect."""

    scores: Propensity
    matches: Matches
    balance: Balance
    effect: Effect


@dataclass(frozen=True)
class MatchedDesign:
    """Score, match, balance, Cox: made by `matched_design`, run on any rows of its people.

    Called with row numbers it gives log hazard ratio, largest absolute SMD and the share of the treated who
    found a match; it can be sent to a worker process.
    """

    covariates: FloatArray
    names: tuple[str, ...]
    treated: BoolArray
    outcome: Outcome
    exact: IntArray
    ids: IntArray
    has_ids: bool
    ratio: int
    replace: bool
    order: str
    caliper: float | None
    caliper_sd: str
    ties: str

    def run(self, rows: IntArray | None = None) -> MatchedRun:
        """Do all of it on some rows (default all), which may repeat.

        Raises
        ------
        StatsError
            As `fit_propensity`, `match_nearest`, `balance` and `matched_cox`.
        """
        # Ties go to the lower id; a person drawn twice is two people, the earlier place first.
        rows = np.arange(len(self.treated)) if rows is None else rows
        rows = rows[np.argsort(self.ids[rows], kind="stable")]
        x, treated = self.covariates[rows], self.treated[rows]
        scores = fit_propensity(x, treated, names=self.names)
        matches = match_nearest(
            scores.logit,
            treated,
            ratio=self.ratio,
            replace=self.replace,
            order=self.order,
            caliper=self.caliper,
            caliper_sd=self.caliper_sd,
            exact=self.exact[rows],
            ids=np.arange(len(rows)) if self.has_ids else None,
        )
        after = balance(x, treated, weights=matches.weights(), names=self.names)
        effect = matched_cox(matches, **self.outcome.of(rows), ties=self.ties)  # type: ignore[arg-type]  # named arguments
        return MatchedRun(scores, matches, after, effect)

    def __call__(self, rows: IntArray) -> FloatArray:
        """The three `MEASURES` of a run."""
        run = self.run(rows)
        share = run.matches.n_matched_treated / run.matches.n_treated
        return np.array([run.effect.log_estimate, run.balance.largest_smd(), share])


@dataclass(frozen=True)
class Stability:
    """Result of `matching_stability`; one entry for each of `MEASURES`.

    Attributes
    ----------
    label : str
        What it is, and what it is not.
    point : ndarray of shape (3,)
        In the sample itself.
    spread : ndarray of shape (3,)
        Standard deviation over the replicates.
    low, high : ndarray of shape (3,)
        Percentiles 2.5 and 97.5 of the replicates.
    estimates : ndarray of shape (R, 3)
    notes : tuple of str
        Failed replicates.
    """

    label: str
    point: FloatArray
    spread: FloatArray
    low: FloatArray
    high: FloatArray
    estimates: FloatArray
    notes: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per measure."""
        return pl.DataFrame(
            {
                "measure": MEASURES,
                "point": self.point,
                "spread": self.spread,
                "low": self.low,
                "high": self.high,
                "label": self.label,
            }
        )


def matched_design(
    covariates: ArrayLike | pl.DataFrame,
    treated: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    exact: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    ratio: int = 1,
    replace: bool = False,
    order: str = "closest",
    caliper: float | None = 0.2,
    caliper_sd: str = "pooled",
    ties: str = "efron",
) -> MatchedDesign:
    """Say a matched analysis once, so that it can be run, and run again on other rows.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Of the propensity score, without reference levels.
    treated, time, event, entry : array_like of shape (n,)
        As for `match_nearest` and `matched_cox`.
    names : sequence of str, optional
    exact, ids, ratio, replace, order, caliper, caliper_sd
        As for `match_nearest`; the order `random` is not offered.
    ties : {"efron", "breslow"}

    Raises
    ------
    CodingError, ShapeError, NonFiniteError
        The input is not what it should be.
    """
    x, labels = matrix(covariates, names)
    if order == "random":
        raise CodingError(
            "An order that is drawn",
            field="order",
            remedy="Use `closest`: it is the same for the same people.",
        )
    return MatchedDesign(
        covariates=x,
        names=labels,
        treated=flags(treated, "treated", len(x)),
        outcome=check_outcome(time, event, entry, len(x)),
        exact=codes(exact, "exact", len(x))[0],
        ids=np.arange(len(x)) if ids is None else codes(ids, "ids", len(x))[0],
        has_ids=ids is not None,
        ratio=ratio,
        replace=replace,
        order=order,
        caliper=caliper,
        caliper_sd=caliper_sd,
        ties=ties,
    )


def matching_stability(design: MatchedDesign, *, replicates: int, seed: int, workers: int = 1) -> Stability:
    """Draw people with replacement, score, match and estimate again.

    Parameters
    ----------
    design : MatchedDesign
    replicates, seed, workers : int
        As for `bootstrap`.

    Returns
    -------
    Stability
        For judging a design. It is no confidence interval: a bootstrap of people does not have the spread of
        an estimate from matching.

    Raises
    ------
    CodingError
        The design matches with replacement, for which not even the spread has a meaning.
    ReplicateError
        More than a tenth of the replicates failed.

    References
    ----------
    Abadie A, Imbens GW. On the failure of the bootstrap for matching estimators. Econometrica
    2008;76:1537-1557.
    """
    if design.replace:
        raise CodingError(
            "People drawn anew after matching with replacement",
            field="replace",
            remedy="Use `matched_cox`, clustered by set and person.",
        )
    found = bootstrap(
        design,
        len(design.ids),
        units=design.ids,
        replicates=replicates,
        seed=seed,
        workers=workers,
    )
    return Stability(
        LABEL, found.point, found.std_err, found.lower, found.upper, found.estimates, found.notes
    )
