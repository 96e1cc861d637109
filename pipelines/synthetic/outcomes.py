"""Operation, death and censoring of each person, in months from diagnosis, also under an intervention."""

from dataclasses import dataclass, fields, replace

import numpy as np

from .draws import BoolArray, Draws, FloatArray, IntArray
from .settings import WorldSettings

NEVER = np.inf


@dataclass(frozen=True)
class Course:
    """What happens to each person (all arrays of shape (n,), months from diagnosis, hazards per month).

    Attributes
    ----------
    cancer_hazard, other_hazard : ndarray
        Of death from the cancer without surgery, and from anything else.
    surgery_hr : ndarray
        Factor on the cancer hazard from the operation on (1 outside stage IV).
    planned_surgery : ndarray
        When the operation would come; infinite where none is planned.
    assigned_surgery : ndarray
        When it would come if everyone were to be operated on by the same rule.
    end_of_observation : ndarray
        Censoring time: end of follow-up or loss.
    death : ndarray
        Time of death.
    cancer_death : ndarray of bool
        Whether that death is from the cancer.
    relapse : ndarray
        Time of the distant recurrence, infinite for none; only a registry that records recurrence has any.
    """

    cancer_hazard: FloatArray
    other_hazard: FloatArray
    surgery_hr: FloatArray
    planned_surgery: FloatArray
    assigned_surgery: FloatArray
    end_of_observation: FloatArray
    death: FloatArray
    cancer_death: BoolArray
    relapse: FloatArray

    @property
    def months(self) -> FloatArray:
        """Observed time: death or end of observation (n,)."""
        return np.minimum(self.death, self.end_of_observation)

    @property
    def died(self) -> BoolArray:
        """Whether death was observed (n,)."""
        return self.death <= self.end_of_observation

    @property
    def operated(self) -> BoolArray:
        """Whether the planned operation came before death and before the end of observation (n,)."""
        return self.planned_surgery <= self.months

    def take(self, rows: IntArray) -> "Course":
        """The same for some rows."""
        return Course(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def live(
    *,
    settings: WorldSettings,
    draws: Draws,
    stage_iv: BoolArray,
    cancer_hazard: FloatArray,
    other_hazard: FloatArray,
    surgery_hazard: FloatArray,
    early_operated: FloatArray,
    end_of_observation: FloatArray,
) -> Course:
    """Draw the course of every person."""
    planned, assigned = _surgery_times(settings, draws, surgery_hazard)
    early = np.where(
        draws.uniform("early surgery") < early_operated, 0.2 + draws.exponential("early delay"), NEVER
    )
    planned = np.where(stage_iv, planned, early)
    hr = np.where(stage_iv, settings.surgery_hr, 1.0)
    death = time_of_death(draws.exponential("death"), cancer_hazard, other_hazard, hr, planned)
    hazard_then = cancer_hazard * np.where(planned <= death, hr, 1.0)
    cancer = draws.uniform("cause of death") < hazard_then / (hazard_then + other_hazard)
    lost = _lost(settings, draws)
    return Course(
        cancer_hazard=cancer_hazard,
        other_hazard=other_hazard,
        surgery_hr=hr,
        planned_surgery=planned,
        assigned_surgery=np.where(stage_iv, assigned, np.minimum(early, 1.0)),
        end_of_observation=np.minimum(end_of_observation, lost),
        death=death,
        cancer_death=cancer,
        relapse=np.full(draws.rows, NEVER),
    )


def with_relapse(
    course: Course,
    *,
    draws: Draws,
    curable: BoolArray,
    relapse_hazard: FloatArray,
    hazard_after: FloatArray,
) -> Course:
    """Let people without metastasis at diagnosis die of the cancer through a distant recurrence only.

    Parameters
    ----------
    course : Course
        As drawn without recurrences; deaths from other causes are drawn anew where ``curable``.
    curable : ndarray of bool, shape (n,)
    relapse_hazard : ndarray of shape (n,)
        Of the distant recurrence (per month).
    hazard_after : ndarray of shape (n,)
        Of death from the cancer, from the recurrence on (per month).

    Returns
    -------
    Course
        Untouched outside ``curable``.
    """
    relapse = draws.exponential("relapse") / relapse_hazard
    of_cancer = relapse + draws.exponential("death after relapse") / hazard_after
    of_other = draws.exponential("death without relapse") / course.other_hazard
    death = np.where(curable, np.minimum(of_cancer, of_other), course.death)
    return replace(
        course,
        cancer_hazard=np.where(curable, relapse_hazard, course.cancer_hazard),
        death=death,
        cancer_death=np.where(curable, of_cancer <= of_other, course.cancer_death),
        relapse=np.where(curable & (relapse < death), relapse, NEVER),
    )


def _surgery_times(
    settings: WorldSettings, draws: Draws, hazard: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """When surgery is planned, and when it would be if it had to come within the window."""
    window = settings.surgery_window_months
    first = draws.exponential("surgery") / hazard
    planned = np.where(first < window, first, NEVER)
    if not settings.immortal_time:
        return np.where(first < window, 0.0, NEVER), np.zeros(draws.rows)
    within = 1 - np.exp(-hazard * window)
    forced = -np.log1p(-draws.uniform("assigned surgery") * within) / hazard
    return planned, np.where(first < window, first, forced)


def _lost(settings: WorldSettings, draws: Draws) -> FloatArray:
    if settings.loss_per_month == 0:
        return np.full(draws.rows, NEVER)
    return draws.exponential("lost") / settings.loss_per_month


def time_of_death(
    unit: FloatArray, cancer: FloatArray, other: FloatArray, surgery_hr: FloatArray, surgery: FloatArray
) -> FloatArray:
    """Turn a unit exponential into a time of death under hazards that change at the operation.

    Parameters
    ----------
    unit : ndarray of shape (n,)
        Exponential numbers with mean one.
    cancer, other : ndarray of shape (n,)
        Hazards before the operation (per month).
    surgery_hr : ndarray of shape (n,)
        Factor on the cancer hazard from the operation on.
    surgery : ndarray of shape (n,)
        Month of the operation, infinite for none.

    Returns
    -------
    ndarray of shape (n,)
        Months from diagnosis to death.
    """
    before = cancer + other
    after = cancer * surgery_hr + other
    start = np.where(np.isfinite(surgery), surgery, 0.0)
    used = before * start
    dies_first = ~np.isfinite(surgery) | (unit <= used)
    return np.where(dies_first, unit / before, start + (unit - used) / after)
