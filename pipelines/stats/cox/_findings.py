"""What is refused before a Cox model is fitted, and what is said beside its numbers afterwards."""

from collections.abc import Sequence

import numpy as np

from .._inputs import BoolArray, FloatArray, IntArray
from ..errors import CodingError

FEW_CLUSTERS = 50
TOO_NARROW = "Read the intervals as too narrow."  # said of models that have no other variance
MOST_NAMED = 10  # strata; with more of them they are pairs or people, which are not named


def positions(names: Sequence[str], terms: Sequence[str]) -> list[int]:
    """Where `terms` are among the covariates `names`: at least one of them, and each once.

    Raises
    ------
    CodingError
    """
    unknown = [term for term in terms if term not in names]
    if unknown:
        raise CodingError(
            f"No covariate {unknown[0]!r}", field="terms", remedy=f"Use one of {', '.join(names)}."
        )
    repeated = len(terms) - len(set(terms))
    if repeated or not len(terms):
        raise CodingError(
            "Covariates named more than once" if repeated else "No covariate named",
            field="terms",
            count=repeated or None,
            remedy="Name at least one, and each once.",
        )
    return [list(names).index(term) for term in terms]


def strata_without_events_warning(
    died: BoolArray, stratum: IntArray, labels: Sequence[object]
) -> tuple[str, ...]:
    """A sentence where strata have no events and so say nothing of the coefficients.

    Parameters
    ----------
    died : ndarray of bool, shape (n,)
    stratum : ndarray of int, shape (n,)
        Number of each row's label.
    labels : sequence
        Of the strata.
    """
    events = np.bincount(stratum, weights=died, minlength=len(labels))
    empty = np.flatnonzero(events == 0)
    if len(empty) == 0:
        return ()
    named = f" ({', '.join(str(labels[k]) for k in empty.tolist())})" if len(labels) <= MOST_NAMED else ""
    return (
        f"{len(empty)} of {len(labels)} strata{named} have no events: "
        "they say nothing of the coefficients, and their predicted survival stays 1.",
    )


def uncounted_weights_warning(weights: FloatArray) -> tuple[str, ...]:
    """A sentence where the model's own variance takes weights (n,) for counts that they cannot be."""
    if np.array_equal(weights, np.rint(weights)):
        return ()
    return (
        "Weights are not whole numbers, but the variance takes them for counts of people. "
        "Ask for robust=True, or name the cluster.",
    )


def few_clusters_warning(
    count: int,
    remedy: str = "Use clustered_covariance(fit, cluster, kind='CR2') with its degrees of freedom.",
) -> tuple[str, ...]:
    """A sentence where the plain sandwich is likely too small."""
    if count >= FEW_CLUSTERS:
        return ()
    return (f"Fewer than {FEW_CLUSTERS} clusters: the clustered variance is likely too small. {remedy}",)
