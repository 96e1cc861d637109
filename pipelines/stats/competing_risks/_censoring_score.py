"""What the estimation of the censoring curve adds to each person's score."""

import numpy as np

from .._inputs import FloatArray, IntArray
from ._censoring import CensoringCurve
from ._subdistribution import SubdistributionSets, Sums


def censoring_score(
    sets: SubdistributionSets,
    sums: Sums,
    curves: tuple[CensoringCurve, ...],
    time: FloatArray,
    kind: IntArray,
    curve_of: IntArray,
    events_first: bool,
) -> FloatArray:
    """Each row's part in the martingale of censoring, times how the score leans on the curve (n, p).

    At a time of censoring u the score leans on the hazard of censoring by q(u): the score of those kept since
    before u, from u on. A row's part is q/Y where it is censored, less the sum of q dN/Y² while at risk.

    Parameters
    ----------
    time, kind, curve_of : ndarray
        Of all rows of the input; 0 in `kind` is censored.
    events_first : bool
        Whether those with an event at u are out of the risk set of censoring at u.

    References
    ----------
    Fine JP, Gray RJ. JASA 1999;94:496-509, the terms psi of their variance.
    """
    own_time, own_kind = time[sets.rows], kind[sets.rows]
    _, own_curve = np.unique(curve_of[sets.rows], return_inverse=True)
    result = np.zeros_like(sets.covariates)
    leaning = sums.leaning
    for c, curve in enumerate(curves):
        when = curve.censored_at
        if len(when) == 0:
            continue
        rows, share, at = sets.kept[c], sets.kept_share[c], sets.curve_at[c]
        kept = sets.weights[rows] * sums.relative[rows] * share
        before = np.searchsorted(own_time[rows], when, side="left")  # those kept since before u
        kept_sum = np.concatenate([[0.0], np.cumsum(kept)])[before]
        kept_x = _from_nothing(kept[:, None] * sets.covariates[rows])[before]
        later = np.searchsorted(sets.group_time, when, side="left")  # groups from u on
        hazard = np.append(np.cumsum((at * sums.one)[::-1])[::-1], 0.0)[later]
        drift = _from_nothing((at[:, None] * leaning)[::-1])[::-1][later]
        q = kept_x * hazard[:, None] - kept_sum[:, None] * drift

        own = np.flatnonzero(own_curve == c)
        side = np.where(events_first & (own_kind[own] > 0), 0, 1)
        until = np.where(
            side == 1,
            np.searchsorted(when, own_time[own], side="right"),
            np.searchsorted(when, own_time[own], side="left"),
        )
        compensator = _from_nothing(q * (curve.n_censor / curve.n_risk**2)[:, None])
        result[own] -= compensator[until]
        censored = own_kind[own] == 0
        place = np.searchsorted(when, own_time[own[censored]])
        result[own[censored]] += (q / curve.n_risk[:, None])[place]
    return result


def _from_nothing(values: FloatArray) -> FloatArray:
    return np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])
