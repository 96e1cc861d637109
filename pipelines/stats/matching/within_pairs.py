"""The estimate of a matched sample, adjusted for what still differs inside the sets.

A caliper leaves differences. Where the treated choose in order of their score they are nearly all on the
same side of their controls, and a matched estimate is biased however small the standardized differences.
Adjusting for the covariates takes that away: within the sets, each with its own baseline hazard, or over all
of them, which is more precise where the sets are tight and asks more of the outcome model.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, matrix
from ..cox import CoxFit, fit_cox
from ..effect import Effect, wald_effect
from ..errors import CodingError
from .intervals import EXPOSURE, Outcome, check_outcome, matching_notes, people_of
from .matches import MatchedSample, Matches

NEGLIGIBLE = 1e-12


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
        Those of the propensity score without reference levels, or its logit alone; what never differs within
        a set is left out and said.
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
        covariates are too many for the deaths. `adjusted_matched_cox` asks less of the sets.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError
        The input is not what it should be.

    References
    ----------
    Holt JD, Prentice RL. Survival analyses in twin studies and matched pair experiments. Biometrika
    1974;61:17-30.
    Rubin DB, Thomas N. Combining propensity score matching with additional adjustments for prognostic
    covariates. JASA 2000;95:573-585.
    """
    x, labels, outcome = _checked(matches, time, event, entry, covariates, names)
    sample = matches.sample()
    # A baseline hazard of the set takes up its mean; without it the covariates have the size of what the
    # model sees of them, and numbers stay small.
    inside = _less_mean_of_set(x[sample.rows], sample.set_id)
    varies = np.max(np.abs(inside), axis=0) > NEGLIGIBLE * np.max(np.abs(x), axis=0)
    used = [name for name, does in zip(labels, varies, strict=True) if does]
    fit = fit_cox(
        covariates=np.column_stack([sample.treated.astype(float), inside[:, varies]]),
        names=[EXPOSURE, *used],
        strata=sample.set_id,
        cluster=sample.rows if matches.replace else None,
        ties=ties,
        **outcome.of(sample.rows),  # type: ignore[arg-type]  # named arguments
    )
    same = [name for name, does in zip(labels, varies, strict=True) if not does]
    note = (f"The same within every set, and so not in the model: {', '.join(same)}.",) if same else ()
    return _effect(
        "within_pairs_cox",
        fit,
        matches,
        sample,
        outcome,
        f"Cox stratified by matched set, adjusted for {len(used)} covariates, {ties} ties"
        + (", variance clustered by person" if matches.replace else ""),
        level,
        note,
    )


def adjusted_matched_cox(
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
    """Conditional hazard ratio: Cox of treatment and covariates in the matched sample, clustered by set.

    Parameters
    ----------
    matches, time, event, covariates, names, entry, ties, level
        As for `within_pairs_cox`.

    Returns
    -------
    Effect
        Conditional on the covariates, whose effects are taken to be the same in all sets. After matching
        with replacement a control counts as often as it is used, clustered by person.

    Raises
    ------
    NoEventsError, SeparationError, CollinearityError, ConvergenceError
        The model cannot be fitted to the matched sample.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError
        The input is not what it should be.

    References
    ----------
    Ho DE, Imai K, King G, Stuart EA. Matching as nonparametric preprocessing for reducing model dependence in
    parametric causal inference. Political Analysis 2007;15:199-236.
    """
    x, labels, outcome = _checked(matches, time, event, entry, covariates, names)
    sample = matches.sample()
    fit = fit_cox(
        covariates=np.column_stack([sample.treated.astype(float), x[sample.rows]]),
        names=[EXPOSURE, *labels],
        weights=None if (sample.weights == 1).all() else sample.weights,
        cluster=sample.rows if matches.replace else sample.set_id,
        ties=ties,
        **outcome.of(sample.rows),  # type: ignore[arg-type]  # named arguments
    )
    return _effect(
        "adjusted_matched_cox",
        fit,
        matches,
        sample,
        outcome,
        f"Cox adjusted for {len(labels)} covariates, {ties} ties, variance clustered by "
        + ("person" if matches.replace else "matched set"),
        level,
        (),
    )


def _checked(
    matches: Matches,
    time: ArrayLike,
    event: ArrayLike,
    entry: ArrayLike | None,
    covariates: ArrayLike | pl.DataFrame,
    names: Sequence[str] | None,
) -> tuple[FloatArray, tuple[str, ...], Outcome]:
    n = len(matches.treated)
    outcome = check_outcome(time, event, entry, n)
    x, labels = matrix(covariates, names, n)
    if EXPOSURE in labels:
        raise CodingError(
            f"A covariate is called {EXPOSURE}",
            field="names",
            remedy="That is the treatment's name; use another.",
        )
    return x, labels, outcome


def _effect(
    analysis: str,
    fit: CoxFit,
    matches: Matches,
    sample: MatchedSample,
    outcome: Outcome,
    method: str,
    level: float,
    notes: tuple[str, ...],
) -> Effect:
    return wald_effect(
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        analysis=analysis,
        measure="hr",
        **people_of(sample.rows, sample.treated, outcome),
        estimand=matches.estimand,
        effect_type="conditional",
        method=f"{matches.method}; {method}",
        level=level,
        notes=(*matching_notes(matches), *notes, *fit.warnings),
    )


def _less_mean_of_set(x: FloatArray, set_id: IntArray) -> FloatArray:
    total = np.zeros((int(set_id.max()) + 1, x.shape[1]))
    np.add.at(total, set_id, x)
    centred: FloatArray = x - (total / np.bincount(set_id)[:, None])[set_id]
    return centred
