"""The days and events that a full registry record has and a released file has not: dates, recurrence, comorbidity.

Everything comes from named streams of its own, so that the people of every other format stay as they are.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .draws import BoolArray, Coded, FloatArray, IntArray
from .ncdb_treatment import DAYS_PER_MONTH
from .text import Text, where
from .world import World

Dates = NDArray[np.datetime64]
DAY, MONTH, YEAR = "day", "month", "year"
RECURRENCES = (
    "none",
    "locoregional",
    "distant",
    "distant_after_in_situ",
    "never_disease_free",
    "unknown",
    "blank",
)
ONCOTYPE_FROM = 2010


@dataclass(frozen=True)
class History:
    """What happened when (arrays of shape (n,); days from diagnosis).

    Attributes
    ----------
    diagnosis : ndarray of datetime64[D]
    diagnosis_precision, contact_precision, recurrence_precision : Coded
        How much of the date is recorded: ``day``, ``month`` or ``year``; ``none`` for an event without a date.
    last_contact_day : ndarray of int
    by_certificate : ndarray of bool
        The person is known from a death certificate or an autopsy alone: diagnosed on the day of death.
    died, of_cancer, cause_unknown : ndarray of bool
    recurrence : Coded
        The first recurrence, one of ``RECURRENCES``.
    recurrence_day : ndarray of int
        Only meant where there is a recurrence with a date.
    """

    diagnosis: Dates
    diagnosis_precision: Coded
    contact_precision: Coded
    recurrence_precision: Coded
    last_contact_day: IntArray
    by_certificate: BoolArray
    died: BoolArray
    of_cancer: BoolArray
    cause_unknown: BoolArray
    recurrence: Coded
    recurrence_day: IntArray

    @property
    def last_contact(self) -> Dates:
        """Date of death or last contact (n,)."""
        return self.after(self.last_contact_day)

    def after(self, days: IntArray) -> Dates:
        """The date so many days after diagnosis (n,)."""
        return np.asarray(self.diagnosis + days.astype("timedelta64[D]"))


def history(world: World) -> History:
    """Draw the dates and events of every record; what belongs to a person is the same in all of her records."""
    draws, course, person = world.draws, world.course, world.person
    moment = draws.uniform("moment of the year")[person]
    start = (world.year - 1970).astype("datetime64[Y]")
    length = (start + 1).astype("datetime64[D]") - start.astype("datetime64[D]")
    day_of_year = (moment * length.astype(np.int64)).astype("timedelta64[D]")
    certificate = world.recorded["reporting_source"].is_("death_certificate", "autopsy")[person]
    last_day = np.where(certificate, 0, np.floor(course.months * DAYS_PER_MONTH)).astype(np.int64)
    recurrence, recurrence_day = _recurrence(world, last_day)
    dated = recurrence.is_("locoregional", "distant", "distant_after_in_situ")
    precision = _precision(draws.uniform("recurrence date precision"), 0.85, 0.93, 0.97)
    died = course.died | certificate
    return History(
        diagnosis=np.asarray(start.astype("datetime64[D]") + day_of_year),
        diagnosis_precision=_precision(draws.uniform("diagnosis date precision"), 0.94, 0.98, 1.0),
        contact_precision=_precision(draws.uniform("contact date precision")[person], 0.97, 1.0, 1.0),
        recurrence_precision=precision.masked(~dated, "none"),
        last_contact_day=last_day,
        by_certificate=certificate,
        died=died,
        of_cancer=died & (course.cancer_death | certificate),
        cause_unknown=died & (draws.uniform("cause recorded")[person] < 0.02),
        recurrence=recurrence,
        recurrence_day=recurrence_day,
    )


def _precision(u: FloatArray, day: float, month: float, year: float) -> Coded:
    """How much of a date is recorded, by the upper end of each share; beyond them nothing is."""
    codes = np.searchsorted([day, month, year], u, side="right").astype(np.int8)
    return Coded(codes, (DAY, MONTH, YEAR, "none"))


def _recurrence(world: World, last_day: IntArray) -> tuple[Coded, IntArray]:
    """The first recurrence; a locoregional one hides the distant one that may follow."""
    draws, stage, further = world.draws, world.latent["stage"], world.further_tumour
    distant_day = np.where(np.isfinite(world.course.relapse), world.course.relapse, 0.0) * DAYS_PER_MONTH
    distant = np.isfinite(world.course.relapse) & (distant_day <= last_day) & ~further
    local_first = draws.uniform("local recurrence") < np.where(distant, 0.12, 0.03)
    local_day = draws.uniform("day of local recurrence") * np.where(distant, distant_day, last_day)
    in_situ, metastatic = stage.is_("0"), world.stage_iv
    after_in_situ = in_situ & (draws.uniform("recurrence after in situ") < 0.05)
    u = draws.uniform("recurrence recorded")
    code = np.where(distant, 2, 0)
    code = np.where(local_first & ~in_situ, 1, code)
    code = np.where(after_in_situ, 3, code)
    code = np.where(metastatic, 4, code)
    code = np.where(u < 0.02, 5, np.where(u < 0.04, 6, code))
    day = np.where(code == 2, distant_day, local_day)
    return Coded(code.astype(np.int8), RECURRENCES), np.floor(day).astype(np.int64)


def date_text(dates: Dates, precision: Coded) -> Text:
    """``YYYYMMDD``, ``YYYYMM``, ``YYYY`` or nothing, as much as is recorded."""
    full = pl.Series(dates).dt.strftime("%Y%m%d")
    known = where(precision.is_(DAY), full, full.str.head(6))
    known = where(precision.is_(YEAR), full.str.head(4), known)
    return where(precision.is_(DAY, MONTH, YEAR), known, "")


def oncotype_score(world: World) -> IntArray:
    """Recurrence score of a genomic test, or -1 where none was done (n,).

    It is ordered for some women with hormone-receptor positive, HER2-negative cancer: operated ones of stage I or II,
    and few of stage IV.
    """
    known, draws = world.recorded, world.draws
    receptors = known["er"].is_("positive") & known["her2"].is_("negative") & (world.year >= ONCOTYPE_FROM)
    early = known["stage"].is_("1", "2") & world.course.operated
    share = np.where(early, 0.4, np.where(known["stage"].is_("4"), 0.04, 0.0))
    score = (100 * draws.uniform("oncotype score") ** 2.5).astype(np.int64)
    return np.where(receptors & (draws.uniform("oncotype") < share), score, -1)
