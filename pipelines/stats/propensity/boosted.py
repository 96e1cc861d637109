"""Gradient-boosted trees for the propensity score, each person scored by trees that never saw them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, flags, matrix, row_hash
from ..errors import CodingError, NoEventsError
from ..resampling import every_library_on_one_thread
from ._folds import fold_numbers


@dataclass(frozen=True)
class BoostedFit:
    """Result of `fit_boosted`.

    Attributes
    ----------
    names : tuple of str
    linear_predictor, fitted : ndarray of shape (n,)
        Log odds and probability of each person, out of fold, in the order of the input.
    trees : int
        Trees per model, chosen by the loss of people left out.
    loss : ndarray of shape (max_trees,)
        Minus the mean log likelihood of people left out, after each tree.
    folds, seed, n, n_events : int
    events_per_covariate : float
        By the rarer of the two outcomes.
    warnings : tuple of str
    """

    names: tuple[str, ...]
    linear_predictor: FloatArray
    fitted: FloatArray
    trees: int
    loss: FloatArray
    folds: int
    seed: int
    n: int
    n_events: int
    events_per_covariate: float
    warnings: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row per number of trees: loss of people left out."""
        return pl.DataFrame({"trees": np.arange(1, len(self.loss) + 1), "loss": self.loss})


def fit_boosted(
    covariates: ArrayLike | pl.DataFrame,
    outcome: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    folds: int = 5,
    seed: int = 0,
    max_trees: int = 300,
    learning_rate: float = 0.05,
    max_leaves: int = 8,
    smallest_leaf: int = 20,
) -> BoostedFit:
    """Out-of-fold probabilities by gradient boosting: interactions and bends need not be spelled out.

    Parameters
    ----------
    covariates : array_like of shape (n, p), or Polars frame
        Numbers without missing values; factors as 0/1 columns or as ordered codes.
    outcome : array_like of shape (n,)
        1 or True where the outcome is there.
    names : sequence of str, optional
        One per covariate.
    folds : int
        Parts people are left out in; identical people share one, and so their score.
    seed : int
        Of the folds and trees.
    max_trees, learning_rate, max_leaves, smallest_leaf
        The largest number of trees tried; how far each goes; its leaves; people per leaf.

    Returns
    -------
    BoostedFit

    Raises
    ------
    NoEventsError
        Everybody, or nobody, has the outcome.
    EmptyArmError
        Too few people for so many folds.
    CodingError, ShapeError, NonFiniteError
        The input is not what it should be.

    Notes
    -----
    Runs on one thread, so that the numbers are the same on every machine with the same scikit-learn. A
    flexible score can predict the treatment too well: look at overlap and balance, and do not read a high C
    statistic as a merit.

    References
    ----------
    McCaffrey DF, Ridgeway G, Morral AR. Propensity score estimation with boosted regression for evaluating
    causal effects in observational studies. Psychol Methods 2004;9:403-425.
    Chernozhukov V, Chetverikov D, Demirer M, et al. Double/debiased machine learning for treatment and
    structural parameters. Econometrics Journal 2018;21:C1-C68.
    """
    if max_trees < 1 or smallest_leaf < 1 or max_leaves < 2 or not 0 < learning_rate <= 1:
        raise CodingError(
            "Options no tree can have",
            field="max_trees, learning_rate, max_leaves, smallest_leaf",
            remedy="Give 1 tree or more, a rate of 0 to 1, 2 leaves or more with 1 person or more.",
        )
    x, labels = matrix(covariates, names)
    n = len(x)
    y = flags(outcome, "outcome", n)
    n_events = int(np.count_nonzero(y))
    if n_events in (0, n):
        raise NoEventsError(
            "Everybody has the outcome" if n_events else "Nobody has the outcome",
            field="outcome",
            count=n,
            remedy="Check how it is coded.",
        )
    fold = fold_numbers(x, y, folds, seed)
    from sklearn.ensemble import HistGradientBoostingClassifier

    order = np.lexsort((row_hash(x), y))  # trees are grown on one order, whatever the order of the rows
    xs, ys, fold = x[order], y[order], fold[order]
    predictors = np.empty((max_trees, n))
    with every_library_on_one_thread():
        for number in range(folds):
            out = fold == number
            model = HistGradientBoostingClassifier(
                learning_rate=learning_rate,
                max_iter=max_trees,
                max_leaf_nodes=max_leaves,
                min_samples_leaf=smallest_leaf,
                early_stopping=False,
                random_state=seed,
            ).fit(xs[~out], ys[~out])
            for tree, predictor in enumerate(model.staged_decision_function(xs[out])):
                predictors[tree, out] = predictor
    loss = np.mean(np.logaddexp(0, np.where(ys, -predictors, predictors)), axis=1)
    best = int(np.argmin(loss))
    predictor = np.empty(n)
    predictor[order] = predictors[best]
    warnings: tuple[str, ...] = (
        "Boosted scores are out of fold: refitted on all people they would be more extreme.",
    )
    if best == max_trees - 1:
        warnings += (f"The loss still fell after {max_trees} trees: allow more.",)
    return BoostedFit(
        names=labels,
        linear_predictor=predictor,
        fitted=np.asarray(1 / (1 + np.exp(-predictor)), dtype=np.float64),
        trees=best + 1,
        loss=loss,
        folds=folds,
        seed=seed,
        n=n,
        n_events=n_events,
        events_per_covariate=min(n_events, n - n_events) / len(labels),
        warnings=warnings,
    )
