"""Fine and Gray's regression of the subdistribution hazard: equal to finegray and coxph, or to crr, of R.

A subdistribution hazard ratio says how a covariate moves the probability of the event in a world where the
other causes go on; it is not a rate among those at risk. For the cause itself fit a Cox model in which other
causes are censored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import (
    FloatArray,
    IntArray,
    choice,
    codes,
    confidence,
    few_events_warning,
    follow_up,
    matrix,
    positive_weights,
    require_clusters_for,
    require_events_for,
    row_hash,
    vector,
)
from .._linear_algebra import (
    chi_square_p,
    inverse,
    normal_quantile,
    quadratic_form,
    require_full_rank,
)
from .._maximise import Point, maximise, standardise
from .._sandwich import clusters_of, sum_by_cluster
from .._tables import ratio_table
from ..cox._findings import TOO_NARROW, few_clusters_warning
from ..cox.fit import ChiSquareTest
from ..effect import Effect, wald_effect
from ..errors import CodingError
from ._causes import causes
from ._censoring import CensoringCurve, censoring_curve
from ._censoring_score import censoring_score
from ._subdistribution import (
    SubdistributionSets,
    Sums,
    build_sets,
    evaluate,
    gradient,
    hazard_score_rows,
    information,
    score_rows,
)

MODEL = "Fine-Gray model"


@dataclass(frozen=True)
class PredictedIncidence:
    """Cumulative incidence of one person at given times; `std_err` is of the incidence itself."""

    time: FloatArray
    incidence: FloatArray
    std_err: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float

    def to_frame(self) -> pl.DataFrame:
        """One row per time; limits that do not exist are null."""
        frame = pl.DataFrame(
            {name: getattr(self, name) for name in ("time", "incidence", "std_err", "lower", "upper")}
        )
        return frame.with_columns(pl.col("lower", "upper").fill_nan(None))


@dataclass(frozen=True)
class FineGrayFit:
    """A fitted Fine-Gray model.

    Attributes
    ----------
    names : tuple of str
        Covariates, p of them.
    cause : int
        The event of interest.
    coefficients : ndarray of shape (p,)
        Log subdistribution hazard ratios per unit of the covariate.
    covariance : ndarray of shape (p, p)
        Sandwich by person or cluster; with `variance="censoring"` also for the estimated censoring curve.
    naive_covariance : ndarray of shape (p, p)
        Inverse of the information: too small, because people kept after another event are no new people.
    log_likelihood : tuple of float
        Of the weighted partial likelihood, at zero and at the estimate.
    n, n_events, n_competing : int
        Rows, rows with the event of interest, rows with another.
    """

    names: tuple[str, ...]
    cause: int
    coefficients: FloatArray
    covariance: FloatArray
    naive_covariance: FloatArray
    log_likelihood: tuple[float, float]
    n: int
    n_events: int
    n_competing: int
    events_per_covariate: float
    warnings: tuple[str, ...]
    ties: str
    censoring: str
    variance: str
    iterations: int
    _score_statistic: float = field(repr=False)
    _parts: tuple[tuple[SubdistributionSets, Sums], ...] = field(repr=False)
    _labels: tuple[object, ...] = field(repr=False)
    _influence: FloatArray = field(repr=False)  # (n, p) on the coefficients
    _clusters: IntArray = field(repr=False)
    _centre: FloatArray = field(repr=False)
    _scale: FloatArray = field(repr=False)
    _shift: float = field(repr=False)

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def to_frame(self, level: float = 0.95) -> pl.DataFrame:
        """One row per covariate: coefficient, standard error, ratio with its interval, z, p."""
        return ratio_table(
            self.names, self.coefficients, self.standard_errors, "subdistribution_hazard_ratio", level
        )

    def wald_test(self, terms: Sequence[str] | None = None) -> ChiSquareTest:
        """Test that the coefficients of `terms` (default all) are zero.

        Raises
        ------
        CodingError
            No such covariate, or as many terms as clusters.
        """
        keep = [self._position(term) for term in (self.names if terms is None else terms)]
        require_clusters_for(len(keep), int(self._clusters.max()) + 1)
        statistic = quadratic_form(self.coefficients[keep], self.covariance[np.ix_(keep, keep)])
        return ChiSquareTest(statistic, len(keep), chi_square_p(statistic, len(keep)))

    def score_test(self) -> ChiSquareTest:
        """Score test that all coefficients are zero, with the naive variance."""
        df = len(self.names)
        return ChiSquareTest(self._score_statistic, df, chi_square_p(self._score_statistic, df))

    def effect(self, term: str, *, n_exposed: int, level: float = 0.95) -> Effect:
        """The ratio of one covariate coded 0/1, given the others.

        Parameters
        ----------
        n_exposed : int
            People with the covariate.
        """
        j = self._position(term)
        return wald_effect(
            float(self.coefficients[j]),
            float(self.standard_errors[j]),
            analysis="fine_gray",
            measure="shr",
            n=self.n,
            n_exposed=n_exposed,
            events=self.n_events,
            estimand="conditional",
            effect_type="conditional",
            method=f"Fine-Gray model of cause {self.cause}, {self.ties} ties, {self.variance} variance",
            level=level,
            notes=self.warnings,
        )

    def predict(
        self, at: ArrayLike, times: ArrayLike, *, stratum: object = None, level: float = 0.95
    ) -> PredictedIncidence:
        """Cumulative incidence of a person with covariates `at` (p,), on the scale of the data.

        The interval is made on the scale of log(-log(1 - incidence)); the censoring curve is taken as known.

        Parameters
        ----------
        times : array_like of shape (m,)
        stratum : label, optional
            Needed where the model has strata.
        level : float

        Raises
        ------
        CodingError
            The stratum is not one of the model's.
        """
        person, when = vector(at, "at", len(self.names)), vector(times, "times")
        if stratum is None and len(self._labels) == 1:
            stratum = self._labels[0]
        if stratum not in self._labels:
            known = ", ".join(str(label) for label in self._labels)
            raise CodingError("No such stratum", field="stratum", remedy=f"Use one of {known}.")
        sets, sums = self._parts[self._labels.index(stratum)]
        x = (person - self._centre) / self._scale
        relative = float(np.exp(x @ (self.coefficients * self._scale) - self._shift))
        groups = np.searchsorted(sets.group_time, when, side="right")
        hazard = np.concatenate([[0.0], np.cumsum(sums.one)])
        leaning = np.vstack([np.zeros(len(x)), np.cumsum(sums.leaning, axis=0)])
        cumulative, error = hazard[groups] * relative, np.zeros(len(when))
        for k, until in enumerate(groups.tolist()):
            influence = self._influence @ ((hazard[until] * x - leaning[until]) * self._scale)
            influence[sets.rows] += sets.weights * hazard_score_rows(sets, sums, until)
            error[k] = relative * float(np.linalg.norm(np.bincount(self._clusters, influence)))
        half = normal_quantile(confidence(level)) * np.divide(
            error, cumulative, out=np.full_like(error, np.nan), where=cumulative > 0
        )
        return PredictedIncidence(
            time=when,
            incidence=-np.expm1(-cumulative),
            std_err=error * np.exp(-cumulative),
            lower=-np.expm1(-cumulative * np.exp(-half)),
            upper=-np.expm1(-cumulative * np.exp(half)),
            level=level,
        )

    def proportionality_test(self, *, transform: str = "identity") -> pl.DataFrame:
        """Score test that no coefficient varies with time; naive variance, as `cox.zph` of R.

        Parameters
        ----------
        transform : {"identity", "log"}
            Of time.

        Returns
        -------
        polars.DataFrame
            One row per covariate, `GLOBAL` last: `term, statistic, df, p_value`.

        Raises
        ------
        CodingError
            An unknown transform, or the logarithm of an event at time zero.

        References
        ----------
        Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals.
        Biometrika 1994;81:515-526.
        """
        choice(transform, "transform", ("identity", "log"))
        times = [sets.group_time for sets, _ in self._parts]
        if transform == "log":
            if min(time[0] for time in times) <= 0:
                raise CodingError(
                    "Events at time zero have no logarithm", field="transform", remedy="Use identity."
                )
            times = [np.log(time) for time in times]
        counts = np.concatenate([np.bincount(sets.event_group) for sets, _ in self._parts])
        mean = np.average(np.concatenate(times), weights=counts)
        p = len(self.names)
        score, full = np.zeros(2 * p), np.zeros((2 * p, 2 * p))
        for (sets, sums), time in zip(self._parts, times, strict=True):
            g = time - mean
            score[p:] += gradient(sets, sums, g)
            plain, once, twice = (information(sets, sums, factor) for factor in (1.0, g, g**2))
            full += np.block([[plain, once], [once, twice]])
        rows = []
        for name, keep in [*((n, [j]) for j, n in enumerate(self.names)), ("GLOBAL", list(range(p)))]:
            which = [*range(p), *(p + j for j in keep)]
            statistic = quadratic_form(score[which], full[np.ix_(which, which)])
            rows.append((name, statistic, len(keep), chi_square_p(statistic, len(keep))))
        return pl.DataFrame(rows, schema=["term", "statistic", "df", "p_value"], orient="row")

    def _position(self, term: str) -> int:
        if term not in self.names:
            raise CodingError(
                f"No covariate {term!r}", field="terms", remedy=f"Use one of {', '.join(self.names)}."
            )
        return self.names.index(term)


def fit_fine_gray(
    time: ArrayLike,
    cause: ArrayLike,
    covariates: ArrayLike | pl.DataFrame,
    *,
    of: int = 1,
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    censoring_strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: str = "efron",
    censoring: str = "events_first",
    weigh_censoring: bool = False,
    variance: str = "sandwich",
) -> FineGrayFit:
    """Fit a Fine-Gray model by Newton's method; people, not rows per censoring time.

    `ties="efron"` equals `coxph` on the rows of `survival::finegray`, clustered by person;
    `ties="breslow", censoring="flipped", variance="censoring"` equals `cmprsk::crr`; with `censoring_strata`
    (its `cengroup`) only the coefficients do, not the standard errors.

    Parameters
    ----------
    time : array_like of shape (n,)
        End of observation of each person, any unit, not negative.
    cause : array_like of shape (n,)
        0 where censored, else the cause as a whole number.
    covariates : array_like of shape (n, p), or Polars frame
        Known at time zero; numbers without missing values.
    of : int
        The cause of interest.
    names : sequence of str, optional
        One per covariate; default the frame's columns or x0, x1, …
    entry : array_like of shape (n,), optional
        Delayed entry, below `time`. People with another event are kept in proportion to G(t-)H(t-), H being
        the distribution of entry.
    weights : array_like of shape (n,), optional
        Case weights above zero.
    strata : array_like of shape (n,), optional
        Labels; each stratum has its own baseline, and its own censoring curve.
    censoring_strata : array_like of shape (n,), optional
        Labels; each has its own censoring curve, the baseline is common.
    cluster : array_like of shape (n,), optional
        Labels of people who belong together; default each by himself.
    ties : {"efron", "breslow"}
    censoring : {"events_first", "flipped"}
        Whether those with an event at a time are out of the risk set of censoring at that time (as
        `finegray`), or in it (as `crr`).
    weigh_censoring : bool
        Whether case weights count in the censoring curve too. In R they do not.
    variance : {"sandwich", "censoring"}
        By cluster; `censoring` adds that the censoring curve is estimated (not with `entry`).

    Returns
    -------
    FineGrayFit

    Raises
    ------
    NoEventsError
        Nobody has the event of interest.
    TooFewEventsError
        There are fewer events of interest than covariates.
    CollinearityError, SeparationError, ConvergenceError
        As in `cox.fit_cox`.
    ShapeError, NonFiniteError, CodingError, NegativeTimeError, StopBeforeStartError, WeightError
        The input is not what it should be; the message names field, count and remedy.

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. JASA
    1999;94:496-509.
    Geskus RB. Cause-specific cumulative incidence estimation and the Fine and Gray model under both left
    truncation and right censoring. Biometrics 2011;67:39-49.
    """
    choice(ties, "ties", ("efron", "breslow"))
    choice(censoring, "censoring", ("events_first", "flipped"))
    choice(variance, "variance", ("sandwich", "censoring"))
    stop, start = follow_up(time, entry)
    n = len(stop)
    found = causes(cause, "cause", n)
    kind = found.of(of, "of")
    x, labels = matrix(covariates, names, n)
    w = positive_weights(weights, n)
    stratum, stratum_labels = codes(strata, "strata", n)
    curve_of = codes(censoring_strata, "censoring_strata", n)[0]
    clusters = clusters_of(cluster, n)
    require_events_for(labels, int(np.count_nonzero(kind == 1)))
    if variance == "censoring" and start is not None:
        raise CodingError(
            "The variance for the censoring curve does not know late entry",
            field="variance",
            remedy="Use the sandwich, or a bootstrap of people.",
        )

    begin = np.zeros(n) if start is None else start
    order = np.lexsort((row_hash(x, w, begin), kind, stop))  # one order of summing
    in_order, centre, scale = standardise(x[order])
    scaled = np.empty_like(x)
    scaled[order] = in_order
    counted = w if weigh_censoring else np.ones(n)
    designs = []
    for number in range(len(stratum_labels)):
        rows = order[stratum[order] == number]
        if (kind[rows] == 1).any():
            designs.append(
                (number, *_stratum(rows, stop, kind, start, scaled, w, counted, curve_of, censoring, ties))
            )

    def likelihood(beta: FloatArray) -> Point:
        predictor = scaled @ beta
        parts = [(sets, _evaluate(sets, predictor)) for _, sets, _ in designs]
        return Point(
            sum(sums.log_likelihood for _, sums in parts),
            np.sum([gradient(sets, sums) for sets, sums in parts], axis=0),
            np.sum([information(sets, sums) for sets, sums in parts], axis=0),
        )

    null = likelihood(np.zeros(len(labels)))
    require_full_rank(null.information, labels, unit=float(w[kind == 1].sum()))
    top = maximise(likelihood, np.zeros(len(labels)), labels, MODEL)
    naive = inverse(top.at.information)
    predictor = scaled @ top.parameters
    shift = float(predictor.max())
    score = np.zeros((n, len(labels)))
    parts = []
    for _, sets, curves in designs:
        sums = evaluate(sets, (predictor - shift)[sets.rows])
        score[sets.rows] += sets.weights[:, None] * score_rows(sets, sums)
        if variance == "censoring":
            score[sets.rows] += counted[sets.rows][:, None] * censoring_score(
                sets, sums, curves, stop, kind, curve_of, censoring == "events_first"
            )
        parts.append((sets, sums))
    influence = score @ naive / scale
    total = sum_by_cluster(influence[order], clusters[order])
    ratio, warnings = few_events_warning(int(np.count_nonzero(kind == 1)), len(labels))
    if cluster is not None:
        warnings += few_clusters_warning(int(clusters.max()) + 1, TOO_NARROW)
    return FineGrayFit(
        names=labels,
        cause=of,
        coefficients=top.parameters / scale,
        covariance=total.T @ total,
        naive_covariance=naive / np.outer(scale, scale),
        log_likelihood=(null.value, top.at.value),
        n=n,
        n_events=int(np.count_nonzero(kind == 1)),
        n_competing=int(np.count_nonzero(kind == 2)),
        events_per_covariate=ratio,
        warnings=warnings,
        ties=ties,
        censoring=censoring,
        variance=variance,
        iterations=top.iterations,
        _score_statistic=quadratic_form(null.score, null.information),
        _parts=tuple(parts),
        _labels=tuple(stratum_labels[number] for number, _, _ in designs),
        _influence=influence,
        _clusters=clusters,
        _centre=centre,
        _scale=scale,
        _shift=shift,
    )


def _evaluate(sets: SubdistributionSets, predictor: FloatArray) -> Sums:
    own = predictor[sets.rows]
    return evaluate(sets, own - own.max())


def _stratum(
    rows: IntArray,
    time: FloatArray,
    kind: IntArray,
    entry: FloatArray | None,
    covariates: FloatArray,
    weights: FloatArray,
    counted: FloatArray,
    curve_of: IntArray,
    censoring: str,
    ties: str,
) -> tuple[SubdistributionSets, tuple[CensoringCurve, ...]]:
    """Censoring curves and risk sets of one stratum; `rows` are its people by time."""
    present = np.unique(curve_of[rows])
    curves = []
    for c in present.tolist():
        own = rows[curve_of[rows] == c]
        late = None if entry is None else entry[own]
        curves.append(censoring_curve(time[own], kind[own], late, counted[own], censoring == "events_first"))
    sets = build_sets(
        rows,
        time[rows],
        kind[rows],
        None if entry is None else entry[rows],
        covariates[rows],
        weights[rows],
        np.searchsorted(present, curve_of[rows]),
        tuple(curves),
        ties,
    )
    return sets, tuple(curves)
