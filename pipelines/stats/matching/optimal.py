"""Optimal pair matching: of all matchings with the most pairs, one with the smallest sum of distances."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import IntArray
from ._edges import Edges, edges_within_caliper
from ._people import People, line_up
from .matches import Matches
from .nearest import as_matches, require_ratio, whitened

MOST_PAIRS = 25_000_000


def match_optimal(
    logit: ArrayLike,
    treated: ArrayLike,
    *,
    ratio: int = 1,
    caliper: float | None = None,
    caliper_sd: str = "pooled",
    exact: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    scale: str = "logit",
    mahalanobis: ArrayLike | pl.DataFrame | None = None,
) -> Matches:
    """Match without replacement so that no other choice of as many pairs is nearer in sum.

    Parameters
    ----------
    logit, treated, caliper, caliper_sd, exact, ids, scale
        As for `match_nearest`.
    ratio : int
        Most controls of a treated person. Where the caliper leaves too few, some have fewer: as many treated
        people as can be have one, and as many pairs as can be are made.
    mahalanobis : array_like of shape (n, p), or Polars frame, optional
        Covariates whose Mahalanobis distance is summed in place of that of the score.

    Returns
    -------
    Matches
        Where several matchings are as good, the same one whatever the order of the rows; without `ids` as
        far as people differ in what is matched on.

    Raises
    ------
    SizeError
        More than 25 million pairs lie within the caliper: 30,000 people at 0.2 standard deviations have some
        20 million.
    EmptyArmError, NoMatchError, CollinearityError, CodingError, ShapeError, NonFiniteError, CaliperError
        As `match_nearest`.

    Notes
    -----
    SciPy's sparse assignment (LAPJVsp) solves it. Everybody treated may also go without, at a price above any
    sum of distances, and without a first control at twice that.

    References
    ----------
    Rosenbaum PR. Optimal matching for observational studies. JASA 1989;84:1024-1032.
    Jonker R, Volgenant A. A shortest augmenting path algorithm for dense and sparse linear assignment
    problems. Computing 1987;38:325-340.
    """
    ratio = require_ratio(ratio)
    people = line_up(
        logit,
        treated,
        scale=scale,
        caliper=caliper,
        caliper_sd=caliper_sd,
        exact=exact,
        ids=ids,
        mahalanobis=mahalanobis,
    )
    edges = edges_within_caliper(people, mahalanobis, MOST_PAIRS // ratio)
    pairs = _assign(people, edges, ratio)
    return as_matches(
        people,
        *pairs,
        x=None if mahalanobis is None else whitened(mahalanobis, people),
        replace=False,
        method=f"{ratio}:1 optimal on the {'score' if mahalanobis is None else 'Mahalanobis distance'}, "
        + people.words,
    )


def _assign(people: People, edges: Edges, ratio: int) -> tuple[IntArray, IntArray]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    treated, control = np.flatnonzero(people.arm), np.flatnonzero(~people.arm)
    number = np.where(people.arm, np.cumsum(people.arm), np.cumsum(~people.arm)) - 1
    n_rows = ratio * len(treated)  # each treated person comes once for each control they may have
    rows = np.concatenate([number[edges.treated] + k * len(treated) for k in range(ratio)])
    price = np.full(n_rows, (edges.distance.max() + 1) * (n_rows + 1))
    price[: len(treated)] *= 2
    costs = csr_array(
        (
            # The solver takes a zero for no edge: one is added to every distance.
            np.concatenate([np.tile(edges.distance + 1, ratio), price]),
            (
                np.concatenate([rows, np.arange(n_rows)]),
                np.concatenate([np.tile(number[edges.control], ratio), len(control) + np.arange(n_rows)]),
            ),
        ),
        shape=(n_rows, len(control) + n_rows),
    )
    row, column = min_weight_full_bipartite_matching(costs)
    paired = column < len(control)
    return treated[row[paired] % len(treated)], control[column[paired]]
