"""Optimal full matching: everybody in a set of one treated person and controls, or one control and treated."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, IntArray
from ..errors import CodingError, NoMatchError
from ._edges import Edges, edges_within_caliper
from ._people import People, is_number, line_up, require_within_caliper, whole_number
from .strata import LEFT_OUT, Strata, as_strata

MOST_PAIRS = 25_000_000
MOST_PAIRS_LIMITED = 1_000_000


def match_full(
    logit: ArrayLike,
    treated: ArrayLike,
    *,
    min_controls: float | None = None,
    max_controls: int | None = None,
    caliper: float | None = None,
    caliper_sd: str = "pooled",
    exact: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    scale: str = "logit",
    mahalanobis: ArrayLike | pl.DataFrame | None = None,
) -> Strata:
    """Put everybody who has somebody within the caliper into a matched set, with the smallest sum of distances.

    Parameters
    ----------
    logit, treated, caliper, caliper_sd, exact, ids, scale
        As for `match_nearest`.
    min_controls : float, optional
        Fewest controls per treated person in a set: a whole number, or one over a whole number k, which
        allows k treated people to share a control. Default: no limit.
    max_controls : int, optional
        Most controls of a treated person.
    mahalanobis : array_like of shape (n, p), or Polars frame, optional
        Covariates whose Mahalanobis distance is summed in place of that of the score.

    Returns
    -------
    Strata
        `weights(target)` gives the weights, `total_distance` what was minimised.

    Raises
    ------
    SizeError
        More than 25 million pairs lie within the caliper, or with limits on the controls one million.
    NoMatchError
        Nobody is within the caliper, or the limits cannot be kept.
    EmptyArmError, CollinearityError, CodingError, ShapeError, NonFiniteError, CaliperError
        As `match_nearest`.

    Notes
    -----
    Without limits the sets are a cheapest edge cover: everybody's nearest pair, improved by the assignment
    that saves most (SciPy's LAPJVsp). With limits a linear programme is solved (HiGHS, simplex), whose corners
    are whole numbers because the graph has two sides.

    References
    ----------
    Rosenbaum PR. A characterization of optimal designs for observational studies. J R Stat Soc B
    1991;53:597-610.
    Hansen BB. Full matching in an observational study of coaching for the SAT. JASA 2004;99:609-618.
    """
    fewest, most, sharing = _limits(min_controls, max_controls)
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
    limited = min_controls is not None or max_controls is not None
    edges = edges_within_caliper(people, mahalanobis, MOST_PAIRS_LIMITED if limited else MOST_PAIRS)
    n = len(people.arm)
    used = _programme(edges, n, fewest, most, sharing) if limited else _edge_cover(edges, n)
    used = _without_spare(edges, used, n)
    require_within_caliper(
        np.abs(people.score[edges.treated[used]] - people.score[edges.control[used]]), people.limit
    )
    label = np.empty(n, dtype=np.int64)
    label[people.rows] = _sets(people, edges, used)
    arm = np.empty(n, dtype=bool)
    arm[people.rows] = people.arm
    distance = "score" if mahalanobis is None else "Mahalanobis distance"
    method = f"full matching on the {distance}, {people.words}"
    return as_strata(
        label,
        arm,
        method,
        matched_sets=True,
        total_distance=float(np.sort(edges.distance[used]).sum()),
        notes=people.twins_note(np.concatenate([edges.treated[used], edges.control[used]])),
    )


def _limits(min_controls: float | None, max_controls: int | None) -> tuple[int, int | None, int | None]:
    """Fewest and most controls of a treated person, and most treated people of a control."""
    if max_controls is not None:
        max_controls = whole_number(max_controls, "max_controls", least=1, remedy="Give 1 or more.")
    if min_controls is None:
        return 1, max_controls, None
    if not is_number(min_controls):
        raise CodingError("No number", field="min_controls", remedy="Give 1, 2, … or 1/2, 1/3, …")
    whole = min_controls if min_controls >= 1 else 1 / max(min_controls, 1e-12)
    if not np.isfinite(whole) or abs(whole - round(whole)) > 1e-6 * whole or min_controls <= 0:
        raise CodingError(
            "Neither a whole number nor one over a whole number",
            field="min_controls",
            remedy="Give 1, 2, … or 1/2, 1/3, …",
        )
    if max_controls is not None and min_controls > max_controls:
        raise CodingError("More than max_controls", field="min_controls", remedy="Lower it.")
    return (round(whole), max_controls, 1) if min_controls >= 1 else (1, max_controls, round(whole))


def _edge_cover(edges: Edges, n: int) -> BoolArray:
    """Edges of a cheapest cover of everybody who has one, by the assignment that saves most.

    Everybody's cheapest edge is a cover. Where a pair of two is taken in place of the cheapest edges of both,
    it saves the sum of those less its own distance; pairs that save nothing need not be looked at.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    e = len(edges.distance)
    own, cheapest = np.full(n, np.inf), np.full(n, e)
    for end in (edges.treated, edges.control):
        np.minimum.at(own, end, edges.distance)
        nearest = np.flatnonzero(edges.distance == own[end])[::-1]
        cheapest[end[nearest]] = nearest  # of several as near the first, which is assigned last
    saved = own[edges.treated] + own[edges.control] - edges.distance
    useful = np.flatnonzero(saved > 0)
    used = np.zeros(e, dtype=bool)
    covered = np.zeros(n, dtype=bool)
    if len(useful):
        person, row = np.unique(edges.treated[useful], return_inverse=True)
        zero = saved[useful].max() + 1  # the solver wants positive costs, and everybody may stay alone
        number = np.concatenate([np.arange(1, len(useful) + 1), np.zeros(len(person), dtype=np.int64)])
        columns = np.concatenate([edges.control[useful], n + np.arange(len(person))])
        rows = np.concatenate([row, np.arange(len(person))])
        shape = (len(person), n + len(person))
        costs = np.concatenate([zero - saved[useful], np.full(len(person), zero)])
        matched = min_weight_full_bipartite_matching(csr_array((costs, (rows, columns)), shape=shape))
        which = csr_array((number, (rows, columns)), shape=shape)[matched]
        taken = useful[np.asarray(which)[np.asarray(which) > 0] - 1]
        used[taken] = True
        covered[edges.treated[taken]] = covered[edges.control[taken]] = True
    used[cheapest[~covered & (cheapest < e)]] = True
    return used


def _programme(edges: Edges, n: int, fewest: int, most: int | None, sharing: int | None) -> BoolArray:
    """Edges of the cheapest cover that keeps the limits on either side."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, vstack

    e = len(edges.distance)
    pieces, bounds = [], []
    for end, low, high in ((edges.treated, fewest, most), (edges.control, 1, sharing)):
        row = np.unique(end, return_inverse=True)[1]
        touches = csr_array((np.ones(e), (row, np.arange(e))))
        pieces.append(-touches)
        bounds.append(np.full(touches.shape[0], -float(low)))
        if high is not None:
            pieces.append(touches)
            bounds.append(np.full(touches.shape[0], float(high)))
    answer = linprog(
        edges.distance, A_ub=vstack(pieces), b_ub=np.concatenate(bounds), bounds=(0, 1), method="highs-ds"
    )
    if answer.status == 2:
        raise NoMatchError(
            "No full matching keeps the limits on the controls of a set",
            field="min_controls, max_controls",
            count=len(np.unique(edges.treated)),
            remedy="Loosen them or widen the caliper; the arms' sizes and the caliper allow no such sets.",
        )
    chosen: BoolArray = answer.x > 0.5
    if answer.status != 0 or np.abs(answer.x - chosen).max() > 1e-6:
        raise NoMatchError(
            "The solver found no full matching",
            field="caliper",
            count=len(np.unique(edges.treated)),
            remedy="Narrow the caliper, or leave out the limits.",
        )
    return chosen


def _without_spare(edges: Edges, used: BoolArray, n: int) -> BoolArray:
    """Drop edges both of whose ends have another: they cost nothing and would join two sets."""
    degree = np.bincount(edges.treated[used], minlength=n) + np.bincount(edges.control[used], minlength=n)
    slim = used.copy()
    for edge in np.flatnonzero(used):
        if degree[edges.treated[edge]] > 1 and degree[edges.control[edge]] > 1:
            slim[edge] = False
            degree[edges.treated[edge]] -= 1
            degree[edges.control[edge]] -= 1
    return slim


def _sets(people: People, edges: Edges, used: BoolArray) -> IntArray:
    """Set of each place, numbered by the lowest id in it; LEFT_OUT where somebody has no edge."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = len(people.arm)
    graph = csr_array((np.ones(used.sum()), (edges.treated[used], edges.control[used])), shape=(n, n))
    component = connected_components(graph, directed=False)[1]
    lowest = np.full(component.max() + 1, n)
    np.minimum.at(lowest, component, people.ids)
    placed = np.zeros(n, dtype=bool)
    placed[edges.treated[used]] = placed[edges.control[used]] = True
    return np.where(placed, lowest[component], LEFT_OUT)
