"""Harrell's concordance of a risk score with survival, with its standard error."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    codes,
    confidence,
    flags,
    follow_up,
    positive_weights,
    require_several_clusters,
    vector,
)
from .._linear_algebra import normal_quantile
from ..errors import NoEventsError


@dataclass(frozen=True)
class Concordance:
    """Result of `concordance_of`.

    Attributes
    ----------
    estimate : float
        Share of comparable pairs in which the one with the higher risk dies first; ties of risk count half.
    std_err : float
        Infinitesimal jackknife.
    concordant, discordant, tied_risk : float
        Weighted numbers of comparable pairs.
    tied_time, tied_both : float
        Pairs of deaths at the same time, with different and with the same risk; not comparable.
    """

    estimate: float
    std_err: float
    concordant: float
    discordant: float
    tied_risk: float
    tied_time: float
    tied_both: float

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row, with a symmetric interval that ends at 0 and 1."""
        half = normal_quantile(confidence(level)) * self.std_err
        return pl.DataFrame(
            {
                "concordance": self.estimate,
                "std_err": self.std_err,
                "ci_low": max(self.estimate - half, 0.0),
                "ci_high": min(self.estimate + half, 1.0),
                "ci_level": level,
                "concordant": self.concordant,
                "discordant": self.discordant,
                "tied_risk": self.tied_risk,
                "tied_time": self.tied_time,
                "tied_both": self.tied_both,
            }
        )


def concordance_index(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> float:
    """Estimate of `concordance_of` alone: the share of comparable pairs, between 0 and 1."""
    return concordance_of(time, event, risk, entry=entry, weights=weights, strata=strata).estimate


def concordance_of(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> Concordance:
    """Concordance of a risk score with survival.

    A pair is comparable when one dies while the other is at risk and lives longer, within a stratum; one
    censored at the time of the death lives longer. A pair counts with the product of its weights.

    Parameters
    ----------
    time, event, entry, weights, strata
        As in `cox.fit_cox`.
    risk : array_like of shape (n,)
        Higher means an earlier event; scores closer than 1e-9 of their spread are tied.
    cluster : array_like of shape (n,), optional
        Labels of rows that belong together; the standard error sums over them.

    Raises
    ------
    NoEventsError
        There is no comparable pair.
    EmptyArmError
        All rows are of one cluster.
    ShapeError, NonFiniteError, CodingError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be.

    References
    ----------
    Harrell FE, Lee KL, Mark DB. Multivariable prognostic models. Stat Med 1996;15:361-387.
    Therneau TM, Watson DA. The concordance statistic and the Cox model. Mayo Clinic Technical Report 85,
    2017.
    """
    from ._concordance_compiled import count_pairs

    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    score = vector(risk, "risk", n)
    rank = np.unique(np.round(score / (float(np.ptp(score)) or 1.0), 9), return_inverse=True)[1]
    w = positive_weights(weights, n)
    stratum = codes(strata, "strata", n)[0]

    distinct, exits = np.unique(stop, return_inverse=True)
    enters = np.zeros(n, np.int64) if start is None else np.searchsorted(distinct, start, side="right")
    order = np.lexsort((w, enters, rank, died, exits, stratum))  # one order whatever that of the rows
    stratum, exits, died, rank = stratum[order], exits[order], died[order], rank[order]
    w, enters = w[order], enters[order]
    starts = np.append(np.flatnonzero(np.diff(stratum, prepend=-1)), n)
    by_entry = np.lexsort((enters, stratum))
    partners = count_pairs(starts, exits, died, rank, w, enters, by_entry)

    concordant, discordant, tied = (w @ partners / 2).tolist()
    comparable = concordant + discordant + tied
    if comparable <= 0:
        raise NoEventsError(
            "No pair of people can be compared", field="event", remedy="Nobody dies before another."
        )
    somers = (concordant - discordant) / comparable
    influence = w * (partners[:, 0] - partners[:, 1] - somers * partners.sum(axis=1)) / comparable
    if cluster is not None:
        member = codes(cluster, "cluster", n)[0]
        require_several_clusters(member)
        influence = np.bincount(member[order], influence)
    same_time = _tied_pairs(died, w, stratum, exits)
    same_both = _tied_pairs(died, w, stratum, exits, rank)
    return Concordance(
        estimate=(somers + 1) / 2,
        std_err=float(np.sqrt(np.sum(influence**2)) / 2),
        concordant=concordant,
        discordant=discordant,
        tied_risk=tied,
        tied_time=same_time - same_both,
        tied_both=same_both,
    )


def _tied_pairs(died: BoolArray, weights: FloatArray, *keys: IntArray) -> float:
    """Weighted number of pairs of deaths that share every key."""
    if not died.any():
        return 0.0
    own = weights[died]
    group = np.unique(np.column_stack([key[died] for key in keys]), axis=0, return_inverse=True)[1]
    total = np.bincount(group.ravel(), own)
    return float((np.sum(total**2) - np.sum(own**2)) / 2)
