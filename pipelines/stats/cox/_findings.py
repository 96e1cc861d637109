"""What is refused before a Cox model is fitted, and what is said beside its numbers afterwards."""

from collections.abc import Sequence

import numpy as np

from .._inputs import BoolArray, IntArray
from ..errors import EmptyArmError, TooFewEventsError

FEW_CLUSTERS = 50
MOST_NAMED = 10  # strata; with more of them they are pairs or people, which are not named


def require_events_for(names: Sequence[str], n_events: int) -> None:
    """Refuse more covariates than events.

    Raises
    ------
    TooFewEventsError
    """
    if n_events < len(names):
        raise TooFewEventsError(
            "Fewer events than covariates",
            field="event",
            count=n_events,
            remedy="Use fewer covariates, a ridge, or Firth's penalty (fit_firth_cox).",
        )


def require_several_clusters(count: int) -> None:
    """Refuse a clustered variance of one cluster: its scores sum to zero.

    Raises
    ------
    EmptyArmError
    """
    if count < 2:
        raise EmptyArmError(
            "There is only one cluster", field="cluster", count=count, remedy="Use the model's own variance."
        )


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


def few_clusters_warning(count: int) -> tuple[str, ...]:
    """A sentence where the plain sandwich is likely too small."""
    if count >= FEW_CLUSTERS:
        return ()
    return (
        f"Fewer than {FEW_CLUSTERS} clusters: the clustered variance is likely too small. "
        "Use clustered_covariance(fit, cluster, kind='CR2') with its degrees of freedom.",
    )
