"""A negative-control outcome: deaths that surgery of the breast cannot prevent.

Operated people who die less of other causes were healthier to begin with. The hazard is cause-specific: a
subdistribution hazard of other deaths would mix in what the exposure does to deaths of cancer.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import BoolArray, confidence, flags, matrix, positive_weights, vector
from .._linear_algebra import normal_quantile
from ..cox.fit import fit_cox
from ..effect import Effect, wald_effect
from ..errors import CodingError, EmptyArmError, NoEventsError, NotRecordedError, ShapeError
from ._persons import cluster_of_rows, count_people, person_of_rows

POWER = 0.8
FEW_EVENTS = 10
EXPOSED = "exposed"
VERDICTS = {
    "some_bias": (
        "An effect on an outcome the exposure cannot change: there is some bias, of confounding, selection "
        "or the coding of causes; its size for the outcome of interest is not known."
    ),
    "nothing_shown": (
        "No effect on the negative control is shown. That proves nothing: the confounders of the two "
        "outcomes differ, and a ratio nearer to 1 than the detectable one would have been missed."
    ),
}


@dataclass(frozen=True)
class NegativeControl:
    """Result of `negative_control_outcome`.

    Attributes
    ----------
    effect : Effect
        Cause-specific hazard ratio of the negative control.
    verdict : {"some_bias", "nothing_shown"}
        Whether the interval leaves 1 out.
    events_exposed, events_unexposed : int
        Deaths of the negative-control causes.
    unknown_cause : int
        Deaths without a cause, taken as censored.
    detectable_ratio : float
        Ratio below 1 that this many events show with 80 percent power, two-sided at one less `ci_level`;
        above 1 its inverse.
    """

    effect: Effect
    verdict: str
    events_exposed: int
    events_unexposed: int
    unknown_cause: int
    detectable_ratio: float

    @property
    def sentence(self) -> str:
        """What the result means, and no more."""
        return VERDICTS[self.verdict]

    def to_frame(self) -> pl.DataFrame:
        """One row: the effect, the events of each arm, the detectable ratio, the verdict."""
        return self.effect.to_frame().with_columns(
            pl.lit(self.events_exposed, dtype=pl.Int64).alias("events_exposed"),
            pl.lit(self.events_unexposed, dtype=pl.Int64).alias("events_unexposed"),
            pl.lit(self.unknown_cause, dtype=pl.Int64).alias("unknown_cause"),
            pl.lit(self.detectable_ratio).alias("detectable_ratio_below"),
            pl.lit(1 / self.detectable_ratio).alias("detectable_ratio_above"),
            pl.lit(POWER).alias("power"),
            pl.lit(self.verdict).alias("verdict"),
        )


def negative_control_outcome(
    time: ArrayLike,
    event: ArrayLike,
    cause: ArrayLike | None,
    exposed: ArrayLike,
    covariates: ArrayLike | pl.DataFrame | None = None,
    *,
    negative: Collection[object],
    names: Sequence[str] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    level: float = 0.95,
    analysis: str = "negative_control",
    estimand: str = "conditional",
    effect_type: str | None = None,
) -> NegativeControl:
    """Cause-specific Cox model of deaths the exposure cannot change, with the design of the main analysis.

    Parameters
    ----------
    time, event, entry, weights, strata, cluster
        As in `cox.fit_cox`, `event` 1 or True for a death of any cause. With weights the variance is robust,
        and clustered by `ids` where no `cluster` is given.
    cause : array_like of shape (n,), or None
        Cause of death, a label or a number; None or NaN where it is not known. Ignored for the living. None
        for a source without causes of death.
    exposed : array_like of shape (n,)
        1 or True for the exposed; a time-dependent exposure as (start, stop] rows, with `ids`.
    covariates : array_like of shape (n, p), or Polars frame, optional
        The covariates of the main analysis.
    negative : collection
        Causes that make up the negative control, a list even of one; each is somebody's in `cause`.
    ids : array_like of shape (n,), optional
        Labels of people where a person has several rows; people, not rows, are counted.
    level : float
        Confidence level, 0 to 1.
    analysis, estimand
        As in `Effect`; those of the main analysis.
    effect_type : {"conditional", "marginal"}, optional
        Default `conditional` with covariates or strata, else `marginal`.

    Returns
    -------
    NegativeControl

    Raises
    ------
    NotRecordedError
        Cause of death is not there at all: the analysis is refused.
    NoEventsError
        Nobody, in one arm or both, dies of a negative-control cause.
    EmptyArmError
        Everybody, or nobody, is exposed.
    CodingError
        `negative` is a text, or names a cause that nobody has: it may be misspelt.
    ShapeError, NonFiniteError, CollinearityError, SeparationError, WeightError
        As in `fit_cox`.

    Notes
    -----
    The detectable ratio is exp(-(z_alpha + z_power) / sqrt(d f (1 - f))) for d events and a share f exposed.
    With weights d is the events' effective number, (sum w)**2 / (sum w**2), and f the weighted share.

    References
    ----------
    Lipsitch M, Tchetgen Tchetgen E, Cohen T. Negative controls: a tool for detecting confounding and bias in
    observational studies. Epidemiology 2010;21:383-388.
    Schoenfeld DA. Sample-size formula for the proportional-hazards regression model. Biometrics
    1983;39:499-503.
    """
    confidence(level)
    n = len(vector(time, "time"))
    died = flags(event, "event", n)
    arm = flags(exposed, EXPOSED, n)
    if arm.all() or not arm.any():
        raise EmptyArmError(
            "Everybody is exposed, or nobody", field=EXPOSED, count=n, remedy="Check how it is coded."
        )
    control, unknown = _control_deaths(died, cause, negative)
    events_exposed, events_unexposed = int((control & arm).sum()), int((control & ~arm).sum())
    if min(events_exposed, events_unexposed) == 0:
        raise NoEventsError(
            "An arm has no death of the negative-control causes",
            field="negative",
            count=events_exposed + events_unexposed,
            remedy="Take more causes together, or leave this analysis out.",
        )
    columns, labels = _columns(arm, covariates, names)
    fit = fit_cox(
        time,
        control,
        columns,
        names=labels,
        entry=entry,
        weights=weights,
        strata=strata,
        cluster=cluster_of_rows(cluster, ids, weights),
        robust=weights is not None,
    )
    events = events_exposed + events_unexposed
    person = person_of_rows(ids, n)
    people, exposed_people = len(np.unique(person)), count_people(person, arm)
    w = positive_weights(weights, n)
    effective = float(w[control].sum() ** 2 / (w[control] ** 2).sum())
    share = float(w[arm].sum() / w.sum()) if ids is None else exposed_people / people
    detectable = detectable_ratio(effective, share, level=level)
    kind = "marginal" if covariates is None and strata is None else "conditional"
    effect = wald_effect(
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        analysis=analysis,
        measure="hr",
        n=people,
        n_exposed=exposed_people,
        events=events,
        estimand=estimand,
        effect_type=effect_type or kind,
        method="cause-specific Cox model, other deaths censored",
        level=level,
    )
    verdict = "nothing_shown" if effect.ci_low <= 1 <= effect.ci_high else "some_bias"
    notes = [
        VERDICTS[verdict],
        f"{events} events ({events_exposed} exposed); detectable with 80 percent power: "
        f"{detectable:.2f} or {1 / detectable:.2f}.",
    ]
    if unknown:
        notes.append(f"{unknown} deaths have no cause and count as censored.")
    if min(events_exposed, events_unexposed) < FEW_EVENTS:
        notes.append("Fewer than ten events in an arm.")
    effect = replace(effect, notes=(*notes, *fit.warnings))
    return NegativeControl(effect, verdict, events_exposed, events_unexposed, unknown, detectable)


def detectable_ratio(
    events: float, share_exposed: float, *, level: float = 0.95, power: float = POWER
) -> float:
    """Hazard ratio below 1 that a number of events shows with a given power.

    Parameters
    ----------
    events : float
        One or more; where they are weighted, their effective number.
    share_exposed : float
        Above 0 and below 1.
    level : float
        One less the two-sided size of the test.
    power : float
        Above 0.5 and below 1.

    Raises
    ------
    NoEventsError, EmptyArmError, CodingError
        No events; nobody in one arm; a level or power out of range.
    """
    confidence(level)
    if not 0.5 < power < 1:
        raise CodingError("A power outside 0.5 to 1", field="power", remedy="Use 0.8 or 0.9.")
    if events < 1:
        raise NoEventsError("There are no events", field="events", count=0, remedy="Widen the cohort.")
    if not 0 < share_exposed < 1:
        raise EmptyArmError("An arm is empty", field="share_exposed", remedy="Check the exposure's coding.")
    z = normal_quantile(level) + normal_quantile(2 * power - 1)
    return float(np.exp(-z / np.sqrt(events * share_exposed * (1 - share_exposed))))


def _control_deaths(
    died: BoolArray, cause: ArrayLike | None, negative: Collection[object]
) -> tuple[BoolArray, int]:
    """Who dies of a negative-control cause, and how many die of a cause nobody knows."""
    if cause is None:
        raise _not_recorded(int(died.sum()))
    labels = np.asarray(cause, dtype=object)
    if labels.shape != died.shape:
        raise ShapeError(
            f"Shape {labels.shape} for {len(died)} people", field="cause", remedy="Align the arrays."
        )
    missing = np.array([label is None or label != label for label in labels])
    unknown = int((died & missing).sum())
    if died.any() and unknown == died.sum():
        raise _not_recorded(unknown)
    wanted = _wanted(negative, set(labels[~missing]))
    control: BoolArray = died & np.array([label in wanted for label in labels])
    return control, unknown


def _wanted(negative: Collection[object], recorded: set[object]) -> set[object]:
    """The negative-control causes, each of them one that is recorded."""
    if isinstance(negative, str | bytes) or not isinstance(negative, Collection):
        raise CodingError(
            "A single value where a collection of causes is needed",
            field="negative",
            remedy='Put it into a list, as in ["other"].',
        )
    wanted = set(negative)
    nobodys = wanted - recorded
    if nobodys:
        raise CodingError(
            f"Causes that nobody has: {', '.join(sorted(map(str, nobodys)))}",
            field="negative",
            count=len(nobodys),
            remedy="Check their spelling, or leave them out.",
        )
    return wanted


def _not_recorded(deaths: int) -> NotRecordedError:
    return NotRecordedError(
        "Cause of death is not recorded, so there is no negative-control outcome",
        field="cause",
        count=deaths,
        remedy="Use a source that has it, or leave this analysis out and say why.",
    )


def _columns(
    arm: BoolArray, covariates: ArrayLike | pl.DataFrame | None, names: Sequence[str] | None
) -> tuple[ArrayLike, list[str]]:
    if covariates is None:
        return arm[:, None], [EXPOSED]
    x, labels = matrix(covariates, names, len(arm))
    return np.column_stack([arm, x]), [EXPOSED, *labels]
