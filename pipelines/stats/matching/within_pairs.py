"""The estimate within matched sets, adjusted for what still differs inside them.

A caliper leaves differences. Where the treated choose in order of their score they are nearly all on the
same side of their controls, and a matched estimate is biased however small the standardized differences.
Comparing within sets and adjusting for the covariates takes that away.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, FloatArray, IntArray, matrix
from ..cox import fit_cox
from ..effect import Effect, wald_effect
from ..errors import CodingError
from .intervals import EXPOSURE, check_outcome, people_of, unmatched_note
from .matches import Matches


def within_pairs_cox(
    matches: Matches,
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> Effect:
    """Conditional hazard ratio: Cox with a baseline hazard of each matched set, covariates in the model.

    Parameters
    ----------
    matches : Matches
    time, event : array_like of shape (n,)
        Of everybody who was to be matched, in the order of the matching's input.
    covariates : array_like of shape (n, p), or Polars frame
        Those of the propensity score, without reference levels; what never differs within a set is left out
        and said.
    names : sequence of str, optional
        One per covariate.
    entry : array_like of shape (n,), optional
        Delayed entry.
    ties : {"efron", "breslow"}
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    Effect
        Conditional on set and covariates. After matching with replacement the variance is clustered by
        person, because a control is in several sets.

    Raises
    ------
    NoEventsError, SeparationError, CollinearityError, ConvergenceError
        The sets do not tell the effect: nobody dies while another of the set is under observation, or the
        covariates are too many for the deaths.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError
        The input is not what it should be.

    References
    ----------
    Holt JD, Prentice RL. Survival analyses in twin studies and matched pair experiments. Biometrika
    1974;61:17-30.
    Rubin DB, Thomas N. Combining propensity score matching with additional adjustments for prognostic
    covariates. JASA 2000;95:573-585.
    """
    n = matches.n_treated + matches.n_controls
    outcome = check_outcome(time, event, entry, n)
    x, labels = matrix(covariates, names, n)
    if EXPOSURE in labels:
        raise CodingError(
            f"A covariate is called {EXPOSURE}",
            field="names",
            remedy="The treatment has that name; use another.",
        )
    sample = matches.sample()
    inside = x[sample.rows]
    varies = _varies_within(inside, sample.set_id)
    used = [name for name, does in zip(labels, varies, strict=True) if does]
    fit = fit_cox(
        covariates=np.column_stack([sample.treated.astype(float), inside[:, varies]]),
        names=[EXPOSURE, *used],
        strata=sample.set_id,
        cluster=sample.rows if matches.replace else None,
        ties=ties,
        **outcome.of(sample.rows),  # type: ignore[arg-type]
    )
    return wald_effect(
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        analysis="within_pairs_cox",
        measure="hr",
        **people_of(sample.rows, sample.treated, outcome),
        estimand=matches.estimand,
        effect_type="conditional",
        method=f"{matches.method}; Cox stratified by matched set, adjusted for {len(used)} covariates, "
        f"{ties} ties" + (", variance clustered by person" if matches.replace else ""),
        level=level,
        notes=(*unmatched_note(matches), *_left_out(labels, varies), *fit.warnings),
    )


def _varies_within(x: FloatArray, set_id: IntArray) -> BoolArray:
    """Whether each covariate differs between people of one set; `x` is sorted by set."""
    first = np.concatenate([[True], set_id[1:] != set_id[:-1]])
    reference = x[np.flatnonzero(first)[np.cumsum(first) - 1]]
    differs: BoolArray = (x != reference).any(axis=0)
    return differs


def _left_out(names: Sequence[str], varies: BoolArray) -> tuple[str, ...]:
    same = [name for name, does in zip(names, varies, strict=True) if not does]
    return (f"The same within every set, and so not in the model: {', '.join(same)}.",) if same else ()
