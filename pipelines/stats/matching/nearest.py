"""Nearest-neighbour matching on the logit of the propensity score, greedy, as MatchIt does it.

Scores are rounded to 1e-9 and compared as whole numbers, so equal distances are equal and ties can be
broken by a stable id: the pairs do not depend on the order of the rows (nor without ids, but between people
alike in all that is matched on, which is then said). The work grows like n log n, within
a Mahalanobis distance like the number of pairs inside the caliper.
"""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, IntArray, choice, matrix, row_hash
from .._linear_algebra import one_thread, require_full_rank
from ..errors import CodingError, EmptyArmError
from ._people import People, line_up, whole_number
from .matches import Matches

ORDERS = ("closest", "largest", "smallest", "data", "random")


def match_nearest(
    logit: ArrayLike,
    treated: ArrayLike,
    *,
    ratio: int = 1,
    replace: bool = False,
    order: str = "closest",
    caliper: float | None = None,
    caliper_sd: str = "pooled",
    exact: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    scale: str = "logit",
    mahalanobis: ArrayLike | pl.DataFrame | None = None,
    seed: int | None = None,
) -> Matches:
    """Match each treated person to the nearest control or controls.

    Parameters
    ----------
    logit : array_like of shape (n,)
        Log odds of the propensity score (or any score); rounded to 1e-9.
    treated : array_like of shape (n,)
        1 or True for the treated.
    ratio : int
        Controls per treated person. Everybody's first control is found before anybody's second.
    replace : bool
        Whether a control may be used more than once.
    order : {"closest", "largest", "smallest", "data", "random"}
        Who chooses first: the pair nearest to each other of all, the treated person with the largest or
        smallest logit, the one with the lowest id (the first row where there are none), or lots drawn with
        `seed`.
    caliper : float, optional
        Largest distance allowed, in standard deviations of the score (0.2 is customary).
    caliper_sd : {"pooled", "total", "treated", "control"}
        Which: the square root of the mean of both arms' variances, of the whole sample (MatchIt's), of one
        arm.
    exact : array_like of shape (n,), optional
        Labels; only people with the same label are matched.
    ids : array_like of shape (n,), optional
        Stable and distinct; ties go to the lower id, treated first. Without them ties are broken by a number
        made of what is matched on, whatever the order of the rows; between people alike in all of that the
        rows decide, and `notes` says so.
    scale : {"logit", "probability"}
        Whether distances and caliper are those of the logits as given or of the probabilities they stand for.
    mahalanobis : array_like of shape (n, p), or Polars frame, optional
        Covariates. Among the controls within the caliper (and stratum) the one at the smallest Mahalanobis
        distance is taken, with the pooled covariance within the arms; the score keeps its part in `order`
        and caliper.
    seed : int, optional
        For the order `random`.

    Returns
    -------
    Matches

    Raises
    ------
    EmptyArmError
        There are no treated people or no controls.
    NoMatchError
        Nobody has a control within the caliper and exact stratum, or no label is in both arms.
    CollinearityError
        A Mahalanobis covariate is constant within the arms or a combination of others.
    CodingError, ShapeError, NonFiniteError
        The input is not what it should be; ids that repeat are one such case.
    CaliperError
        A pair lies beyond the caliper: looked for in every run, and a fault of ours.

    References
    ----------
    Austin PC. A comparison of 12 algorithms for matching on the propensity score. Stat Med
    2014;33:1057-1069.
    Austin PC. Optimal caliper widths for propensity-score matching. Pharm Stat 2011;10:150-161.
    Rubin DB, Thomas N. Combining propensity score matching with additional adjustments for prognostic
    covariates. JASA 2000;95:573-585.
    """
    choice(order, "order", ORDERS)
    ratio = require_ratio(ratio)
    if (order == "random") != (seed is not None):
        raise CodingError(
            "The order `random` and a seed belong together", field="seed", remedy="Give both or neither."
        )
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
    x = None if mahalanobis is None else whitened(mahalanobis, people)
    if x is None:
        pairs = _by_score(people, ratio, replace, order, seed)
    else:
        pairs = _by_covariates(people, x, ratio, replace, order, seed)
    distance = "score" if x is None else "Mahalanobis distance within the caliper"
    method = f"{ratio}:1 nearest neighbour on the {distance}, {order}, " + (
        f"{'with' if replace else 'without'} replacement, {people.words}"
    )
    return as_matches(people, *pairs, x=x, replace=replace, method=method)


def require_ratio(ratio: int) -> int:
    """Controls per treated person: a whole number of one or more."""
    return whole_number(ratio, "ratio", least=1, remedy="Give the number of controls, 1 or more.")


def as_matches(
    people: People,
    treated: IntArray,
    control: IntArray,
    *,
    x: FloatArray | None,
    replace: bool,
    method: str,
) -> Matches:
    """Pairs of places as a checked result in the order of the treated people's ids."""
    if len(treated) == 0:
        raise people.nobody()
    by_id = np.argsort(people.ids[treated], kind="stable")
    treated, control = treated[by_id], control[by_id]
    gap = people.gap(treated, control)
    arm = np.empty(len(people.arm), dtype=bool)
    arm[people.rows] = people.arm
    new_set = np.concatenate([[False], treated[1:] != treated[:-1]])
    return Matches(
        treated_index=people.rows[treated],
        control_index=people.rows[control],
        distance=gap if x is None else np.sqrt(np.sum((x[treated] - x[control]) ** 2, axis=1)),
        pair_id=np.cumsum(new_set),
        treated=arm,
        caliper_width=people.width,
        score_distance=gap,
        replace=replace,
        method=method,
        notes=people.twins_note(np.concatenate([treated, control])),
    )


def whitened(covariates: ArrayLike | pl.DataFrame, people: People) -> FloatArray:
    """Covariates of the people in their order, turned so that distances are Mahalanobis distances (n, p)."""
    values, names = matrix(covariates, None, len(people.arm))
    x = np.ascontiguousarray(values[people.rows])
    if len(x) < 3:
        raise EmptyArmError(
            "A covariance within the arms needs three people",
            field="mahalanobis",
            remedy="Match on the score.",
        )
    # Summed in an order that the data fix, so that distances are the same to the last bit.
    canonical = np.lexsort((row_hash(x), people.arm))
    within = x[canonical]
    n_control = len(x) - people.n_treated
    within[:n_control] -= within[:n_control].mean(axis=0)
    within[n_control:] -= within[n_control:].mean(axis=0)
    with one_thread():
        covariance = within.T @ within / (len(x) - 2)
    size = np.max(np.abs(x), axis=0)
    size[size == 0] = 1.0
    require_full_rank(covariance / np.outer(size, size), names, 1.0)
    centred = x - x[canonical].mean(axis=0)
    root = np.linalg.inv(np.linalg.cholesky(covariance))
    # Row by row the same sum, wherever a row stands: twins are at the same distance to the last bit.
    turned: FloatArray = np.einsum("ij,kj->ik", centred, root)
    return turned


def _queue(people: People, order: str, seed: int | None) -> IntArray:
    """Places of the treated people in the order in which they choose."""
    treated = np.flatnonzero(people.arm)
    keys = {"largest": -people.score[treated], "smallest": people.score[treated]}
    first = people.ids if order == "data" else people.rank
    queue = treated[np.lexsort((first[treated], keys.get(order, np.zeros_like(treated))))]
    return np.random.default_rng(seed).permutation(queue) if order == "random" else queue


def _by_score(
    people: People, ratio: int, replace: bool, order: str, seed: int | None
) -> tuple[IntArray, IntArray]:
    from . import _compiled as compiled  # loads numba

    given = people.score, people.rank, people.stratum, people.arm
    if replace:
        return compiled.match_with_replacement(*given, ratio, people.limit)
    if order == "closest":
        return compiled.match_closest(*given, ratio, people.limit)
    return compiled.match_in_turn(*given, _queue(people, order, seed), ratio, people.limit)


def _by_covariates(
    people: People, x: FloatArray, ratio: int, replace: bool, order: str, seed: int | None
) -> tuple[IntArray, IntArray]:
    from . import _compiled_mahalanobis as compiled  # loads numba

    low, high = compiled.windows(people.score, people.stratum, people.limit)
    given = x, people.rank, people.arm, low, high
    if replace:
        return compiled.match_with_replacement(*given, ratio)
    if order == "closest":
        return compiled.match_closest(*given, ratio)
    return compiled.match_in_turn(*given, _queue(people, order, seed), ratio)
