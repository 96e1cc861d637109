"""NAACCR items of the first course of treatment, of follow-up and of recurrence, with their dates and date flags."""

from dataclasses import dataclass, replace

import numpy as np

from .draws import BoolArray, Coded, IntArray
from .history import DAY, MONTH, History, date_text
from .ncdb_treatment import (
    OPERATION,
    OPERATION_2022,
    OPERATION_2023,
    REASON,
    Treatment,
    drug_words,
    first_treatment,
    systemic,
    treatment,
)
from .text import Text, constant, number, spoken, where
from .world import World

DRUG = {
    "none": "00",
    "given": "01",
    "contraindicated": "82",
    "died": "85",
    "refused": "87",
    "recommended_unknown": "88",
    "unknown": "99",
}
LOCOREGIONAL, DISTANT = ("10", "13", "21", "22"), ("40", "51", "52", "53", "54", "55", "56", "58", "59", "62")
NOTHING_TO_DATE, DATE_UNKNOWN = "11", "12"


@dataclass(frozen=True)
class EventDate:
    """When something was done: whether it was, on which day after diagnosis, and how much of the date is kept.

    ``precision`` is ``day``, ``month`` or ``none``, the last one for a date that nobody knows.
    """

    happened: BoolArray
    day: IntArray
    precision: Coded


def event_dates(world: World, past: History) -> dict[str, EventDate]:
    """Dates of the first course of treatment by item name (without its ``Flag``).

    None lies after the last contact: whoever is known from a death certificate was diagnosed on the day of death.
    """
    given = treatment(world)
    drugs = systemic(world, given)
    first, treated = first_treatment(given, drugs)
    operated = given.operated & ~given.surgery_unknown
    chemo = drugs.chemotherapy & _is_given(world, "chemotherapy", drugs.chemotherapy)
    hormone = given.hormone & _is_given(world, "hormone", given.hormone)
    immuno = drugs.immunotherapy & _is_given(world, "immunotherapy", drugs.immunotherapy)
    surgery = _event(world, "surgery date", operated, given.surgery_day)
    events = {
        "dateInitialRxSeer": _event(world, "first date", treated, first),
        "date1stCrsRxCoc": _event(world, "first date", treated, first),
        "rxDateSurgery": surgery,
        "rxDateMostDefinSurg": surgery,
        "rxDateRadiation": _event(world, "radiation date", given.radiation, given.radiation_day),
        "rxDateChemo": _event(world, "chemotherapy date", chemo, drugs.chemotherapy_day),
        "rxDateHormone": _event(world, "hormone date", hormone, given.hormone_day),
        "rxDateBrm": _event(world, "antibody date", immuno, given.antibody_day),
        "rxDateSystemic": _event(
            world, "systemic date", drugs.given, np.where(drugs.given, drugs.first_day, 0)
        ),
    }
    return {
        name: replace(event, day=np.minimum(event.day, past.last_contact_day))
        for name, event in events.items()
    }


def _is_given(world: World, name: str, given: BoolArray) -> BoolArray:
    return drug_words(world, name, given).is_("given")


def _event(world: World, stream: str, happened: BoolArray, day: IntArray) -> EventDate:
    u = world.draws.uniform(stream)
    codes = np.searchsorted([0.95, 0.98], u, side="right").astype(np.int8)
    return EventDate(happened, np.where(happened, day, 0), Coded(codes, (DAY, MONTH, "none")))


def treatment_items(world: World, past: History) -> dict[str, Text]:
    """Items of treatment by newest XML id, every date beside its flag."""
    given = treatment(world)
    return {
        **_surgery(world, given),
        **_drugs(world, given),
        **_radiation(world, given),
        **_dates(world, past),
    }


def _dates(world: World, past: History) -> dict[str, Text]:
    items = {}
    for name, event in event_dates(world, past).items():
        text = date_text(past.after(event.day), event.precision)
        flag = where(event.precision.is_("none"), DATE_UNKNOWN, "")
        items[name] = where(event.happened, text, "")
        items[f"{name}Flag"] = where(event.happened, flag, NOTHING_TO_DATE)
    return items


def _surgery(world: World, given: Treatment) -> dict[str, Text]:
    year, known, rows = world.year, world.recorded, len(world.year)
    unknown, operated = given.surgery_unknown, given.operated & ~given.surgery_unknown

    def code(list_of_years: dict[str, str], none: str, not_known: str) -> Text:
        done = where(given.operated, spoken(known["operation"], list_of_years), none)
        return where(unknown, not_known, done)

    two_digits = code(OPERATION, "00", "99")
    of_2023, of_2024 = code(OPERATION_2023, "A000", "A990"), code(OPERATION_2022, "B000", "B990")
    course = world.course
    died_first = np.isfinite(course.planned_surgery) & (course.death < course.planned_surgery)
    not_done = where(died_first, "5", spoken(known["reason_no_surgery"], REASON, default=""))
    scope = where(operated & (world.draws.uniform("scope") < 0.85), "2", "0")
    margin = where(world.draws.uniform("margin") < 0.85, "0", "2")
    readmitted = where(operated & (world.draws.uniform("readmitted") < 0.03), "1", "0")
    return {
        "rxSummSurgPrimSite": where(year <= 2022, two_digits, ""),
        "rxSummSurgPrimSite2023": where(year == 2023, of_2023, where(year >= 2024, of_2024, "")),
        "rxSummReconBreast": where(year >= 2024, where(unknown, "A990", constant("A000", rows)), ""),
        "reasonForNoSurgery": where(unknown, "9", where(given.operated, "0", not_done)),
        "rxSummScopeRegLnSur": where(year >= 2003, scope, ""),
        "rxSummSurgicalMargins": where(operated, margin, "8"),
        "rxSummSurgOthRegDis": where(world.draws.uniform("other surgery") < 0.02, "4", "0"),
        "readmSameHosp30Days": readmitted,
    }


def _drugs(world: World, given: Treatment) -> dict[str, Text]:
    drugs = systemic(world, given)
    before = drugs.first_day < given.surgery_day
    sequence = where(drugs.given & given.operated, where(before, "2", "3"), "0")
    return {
        "rxSummChemo": spoken(drug_words(world, "chemotherapy", drugs.chemotherapy), {**DRUG, "given": "03"}),
        "rxSummHormone": spoken(drug_words(world, "hormone", given.hormone), DRUG),
        "rxSummBrm": spoken(drug_words(world, "immunotherapy", drugs.immunotherapy), DRUG),
        "rxSummSystemicSurSeq": where(world.year >= 2006, sequence, ""),
    }


def _radiation(world: World, given: Treatment) -> dict[str, Text]:
    year, yes = world.year, given.radiation
    bone = world.stage_iv & (world.draws.uniform("volume") < 0.6)
    after = given.radiation_day >= given.surgery_day
    reason = spoken(world.recorded["reason_no_surgery"], {**REASON, "not_done": "1"}, default="")
    return {
        "rxSummRadiation": where(year <= 2017, where(yes, "1", "0"), ""),
        "phase1RadiationTreatmentModality": where(year >= 2018, where(yes, "02", "00"), ""),
        "phase1RadiationPrimaryTxVolume": where(year >= 2018, where(yes, where(bone, "81", "40"), "00"), ""),
        "radTreatmentVolume": where(year <= 2017, where(yes, where(bone, "24", "18"), "00"), ""),
        "reasonForNoRadiation": where(yes, "0", reason),
        "rxSummSurgRadSeq": where(yes & given.operated, where(after, "3", "2"), "0"),
    }


def follow_up_items(world: World, past: History) -> dict[str, Text]:
    """Items of the last contact, of death and its cause, and of the first recurrence."""
    certificate_only = world.recorded["reporting_source"].is_("death_certificate", "autopsy")
    months = np.floor(world.course.months).astype(np.int64)
    exact = past.diagnosis_precision.is_(DAY) & past.contact_precision.is_(DAY)
    flag = where(past.last_contact_day == 0, "0", "1")
    flag = where(exact, flag, where(months == 0, "2", "3"))
    first = first_tumour(world)
    missing = past.died & past.cause_unknown
    cause = where(missing, "7797", where(past.of_cancer, "C509", "I219"))
    of_cancer = where(missing, "8", where(past.of_cancer, "1", "0"))
    of_other = where(missing, "8", where(past.died & ~past.of_cancer, "1", "0"))
    site = world.draws.whole("site of recurrence", 0, 999)
    code = where(past.recurrence.is_("locoregional"), _one_of(LOCOREGIONAL, site), _one_of(DISTANT, site))
    code = where(past.recurrence.is_("distant", "locoregional"), code, _without_site(past.recurrence))
    undated = past.recurrence.is_("none", "never_disease_free")
    recurred = date_text(past.after(past.recurrence_day), past.recurrence_precision)
    return {
        "dateOfLastContact": date_text(past.last_contact, past.contact_precision),
        "vitalStatus": where(past.died, "0", "1"),
        "vitalStatusRecode": where(past.died, "0", "1"),  # nobody's last contact is after the cutoff
        "causeOfDeath": where(past.died, cause, "0000"),
        "icdRevisionNumber": where(past.died, "1", "0"),
        "survFlagActiveFollowup": where(certificate_only, "8", flag),
        "survMosActiveFollowup": where(certificate_only, "9999", number(months, 4)),
        "seerCauseSpecificCod": where(first, of_cancer, "9"),
        "seerOtherCod": where(first, of_other, "9"),
        "recurrenceType1st": code,
        "recurrenceDate1st": recurred,
        "recurrenceDate1stFlag": where(recurred.to_numpy() == "", where(undated, "11", "10"), ""),
    }


def first_tumour(world: World) -> BoolArray:
    """Whether a record is the person's first tumour, for which the cause of death is classified (n,)."""
    has_second = np.append(world.further_tumour[1:], False)
    first = world.recorded["sequence"].is_("only", "first") | has_second
    return np.asarray(np.logical_and(first, ~world.further_tumour))


def _one_of(codes: tuple[str, ...], choice: IntArray) -> Text:
    return spoken(Coded((choice % len(codes)).astype(np.int8), codes))


def _without_site(recurrence: Coded) -> Text:
    codes = {"none": "00", "distant_after_in_situ": "46", "never_disease_free": "70", "unknown": "99"}
    return spoken(recurrence, codes, default="")
