"""NCDB columns of the first course of treatment, with days from diagnosis."""

from dataclasses import dataclass

import numpy as np

from .draws import BoolArray, Coded, FloatArray, IntArray
from .fixed_width import Bytes, numbers, where, words
from .world import World

DAYS_PER_MONTH = 365.25 / 12
ANTIBODIES_ARE_IMMUNOTHERAPY_FROM = 2013
OPERATION = {
    "partial": "22",
    "simple": "41",
    "modified_radical": "51",
    "radical": "61",
    "bilateral": "76",
    "mastectomy_nos": "80",
    "surgery_nos": "90",
}
OPERATION_2022 = {
    "partial": "B200",
    "simple": "B610",
    "modified_radical": "B600",
    "radical": "B700",
    "bilateral": "B760",
    "mastectomy_nos": "B800",
    "surgery_nos": "B900",
}
OPERATION_2023 = {
    "partial": "A220",
    "simple": "A410",
    "modified_radical": "A510",
    "radical": "A610",
    "bilateral": "A760",
    "mastectomy_nos": "A800",
    "surgery_nos": "A900",
}
REASON = {"not_planned": "1", "contraindicated": "2", "not_done": "6", "refused": "7"}


@dataclass(frozen=True)
class Treatment:
    """What was given, and the day it started (whole days from diagnosis; only meant where it was given)."""

    operated: BoolArray
    surgery_unknown: BoolArray
    chemotherapy: BoolArray
    hormone: BoolArray
    antibody: BoolArray
    radiation: BoolArray
    surgery_day: IntArray
    chemotherapy_day: IntArray
    hormone_day: IntArray
    antibody_day: IntArray
    radiation_day: IntArray


def treatment(world: World) -> Treatment:
    """Derive treatments and their days; none starts after the last day anyone saw the person."""
    draws, true, course = world.draws, world.latent, world.course
    last_day = course.months * DAYS_PER_MONTH
    in_situ = true["stage"].is_("0")

    def day(name: str, earliest: float, mean: float) -> IntArray:
        return np.minimum(earliest + mean * draws.exponential(name), 0.8 * last_day).astype(np.int64)

    surgery = np.where(course.operated, course.planned_surgery, 0.0) * DAYS_PER_MONTH
    return Treatment(
        operated=course.operated,
        surgery_unknown=draws.uniform("surgery recorded") < 0.005,
        chemotherapy=true["chemotherapy"].is_("given") & ~in_situ,
        hormone=true["hormone"].is_("given"),
        antibody=true["her2_antibody"].is_("given") & ~in_situ,
        radiation=true["radiation"].is_("given"),
        surgery_day=np.floor(np.minimum(surgery, last_day)).astype(np.int64),
        chemotherapy_day=day("chemotherapy day", 10, 25),
        hormone_day=day("hormone day", 14, 60),
        antibody_day=day("antibody day", 14, 30),
        radiation_day=day("radiation day", 20, 70),
    )


@dataclass(frozen=True)
class Systemic:
    """Systemic treatment as a registry of its year classifies it; days are only meant where it was given.

    Six antibodies, trastuzumab among them, moved from chemotherapy to immunotherapy with diagnoses of 2013.
    """

    chemotherapy: BoolArray
    immunotherapy: BoolArray
    given: BoolArray
    chemotherapy_day: IntArray
    first_day: IntArray


def systemic(world: World, given: Treatment) -> Systemic:
    """Sort what was given into the registry's classes of drugs."""
    early = world.year < ANTIBODIES_ARE_IMMUNOTHERAPY_FROM
    chemo = given.chemotherapy | (given.antibody & early)
    immuno = given.antibody & ~early
    chemo_day = np.where(given.chemotherapy, given.chemotherapy_day, given.antibody_day)
    return Systemic(
        chemotherapy=chemo,
        immunotherapy=immuno,
        given=chemo | given.hormone | immuno,
        chemotherapy_day=chemo_day,
        first_day=_first(
            (chemo, chemo_day), (given.hormone, given.hormone_day), (immuno, given.antibody_day)
        ),
    )


def first_treatment(given: Treatment, drugs: Systemic) -> tuple[IntArray, BoolArray]:
    """Day of the first treatment of any kind, and whether there was one (n,)."""
    first = _first(
        (given.operated, given.surgery_day),
        (drugs.given, drugs.first_day),
        (given.radiation, given.radiation_day),
    )
    treated = given.operated | drugs.given | given.radiation
    return np.where(treated, first, 0), treated


def _first(*days: tuple[BoolArray, IntArray]) -> IntArray:
    """The earliest day of those that apply; a very late one where none does."""
    far = np.iinfo(np.int64).max
    return np.asarray(np.min([np.where(yes, day, far) for yes, day in days], axis=0), dtype=np.int64)


def treatment_columns(world: World, given: Treatment) -> dict[str, Bytes]:
    """Columns of treatment by canonical PUF name."""
    return {**_surgery(world, given), **_systemic(world, given), **_radiation(world, given)}


def _days(value: IntArray, applies: BoolArray, otherwise: str = "") -> Bytes:
    return where(applies, numbers(value, 8), otherwise.rjust(8))


def _surgery(world: World, given: Treatment) -> dict[str, Bytes]:
    year, draws, known = world.year, world.draws, world.recorded
    operated = given.operated & ~given.surgery_unknown
    code = where(given.operated, words(known["operation"], OPERATION, 2), "00")
    code = where((code == b"76") & (year < 2011), "41", code)
    code = where(given.surgery_unknown, "99", code)
    code_a = where(given.operated, words(known["operation"], OPERATION_2023, 4), "A000")
    code_a = where(year == 2023, where(given.surgery_unknown, "A990", code_a), "    ")
    code = where(year <= 2022, code, "  ")
    reason = words(known["reason_no_surgery"], REASON, 1)
    died_first = np.isfinite(world.course.planned_surgery) & (
        world.course.death < world.course.planned_surgery
    )
    reason = where(given.operated, "0", where(died_first, "5", reason))
    code_b = where(given.operated, words(known["operation"], OPERATION_2022, 4), "B000")
    code_b = where(year == 2022, where(given.surgery_unknown, "B990", code_b), "    ")
    here = known["class_of_case"].is_("10", "13", "14", "22")
    # a day can be recorded as unknown; "not applicable" is a code in the older years and a blank in the newer
    day = where(
        operated,
        where(draws.uniform("surgery day") < 0.005, "9999".rjust(8), numbers(given.surgery_day, 8)),
        where(year < 2010, "8888".rjust(8), " " * 8),
    )
    scope = where(operated & (draws.uniform("scope") < 0.85), "1", "0")
    return {
        "RX_SUMM_SURG_PRIM_SITE": code,
        "RX_HOSP_SURG_PRIM_SITE": where(here | (year >= 2023), code, "00"),
        "RX_SUMM_SURG_PRIM_SITE_2023": code_a,
        "RX_HOSP_SURG_PRIM_SITE_2023": where(year == 2023, where(here, code_a, "A000"), "    "),
        "RX_SUMM_SURG_BREAST": code_b,
        "RX_HOSP_SURG_BREAST": where(year == 2022, where(here, code_b, "B000"), "    "),
        "RX_SUMM_RECON_BREAST": where(year == 2022, "A000", "    "),
        "RX_HOSP_RECON_BREAST": where(year == 2022, "A000", "    "),
        "REASON_FOR_NO_SURGERY": where(given.surgery_unknown, "9", reason),
        "DX_SURG_STARTED_DAYS": day,
        "DX_DEFSURG_STARTED_DAYS": day,
        "SURG_DISCHARGE_DAYS": _days(draws.whole("stay", 0, 4), operated),
        "READM_HOSP_30_DAYS": where(operated & (draws.uniform("readmitted") < 0.03), "1", "0"),
        "RX_SUMM_SURGICAL_MARGINS": where(operated, where(draws.uniform("margin") < 0.85, "0", "2"), "8"),
        "RX_SUMM_SCOPE_REG_LN_SUR": scope,
        "RX_SUMM_SCOPE_REG_LN_2012": where(year >= 2012, where(scope == b"1", "2", "0"), " "),
        "RX_SUMM_SURG_OTH_REGDIS": where(draws.uniform("other surgery") < 0.02, "4", "0"),
        "RX_HOSP_SURG_APPR_2010": where(year >= 2010, where(operated & here, "5", "0"), " "),
    }


def _drug(world: World, name: str, given: BoolArray, code: Bytes | str) -> Bytes:
    """A drug code: given, or not given with a reason, or unknown."""
    u = world.draws.uniform(f"{name} recorded")
    no = where(u < 0.80, "00", where(u < 0.86, "82", where(u < 0.92, "87", where(u < 0.97, "85", "88"))))
    return where(world.draws.uniform(f"{name} unknown") < 0.01, "99", where(given, code, no))


def drug_words(world: World, name: str, given: BoolArray) -> Coded:
    """Whether a drug was given, and why not, in words: the facts behind the codes of `_drug` (n,)."""
    u = world.draws.uniform(f"{name} recorded")
    levels = ("none", "contraindicated", "refused", "died", "recommended_unknown", "given", "unknown")
    codes = np.searchsorted([0.80, 0.86, 0.92, 0.97], u, side="right")
    codes = np.where(given, 5, codes)
    codes = np.where(world.draws.uniform(f"{name} unknown") < 0.01, 6, codes)
    return Coded(codes.astype(np.int8), levels)


def _systemic(world: World, given: Treatment) -> dict[str, Bytes]:
    year, draws = world.year, world.draws
    drugs = systemic(world, given)
    chemo, immuno = drugs.chemotherapy, drugs.immunotherapy
    agents = where(draws.uniform("agents") < 0.25, "02", "03")
    chemo_code = _drug(world, "chemotherapy", chemo, agents)
    hormone_code = _drug(world, "hormone", given.hormone, "01")
    immuno_code = _drug(world, "immunotherapy", immuno, "01")
    before = drugs.first_day < given.surgery_day
    sequence = where(drugs.given & given.operated, where(before, "2", "3"), "0")
    treated = drugs.given | given.operated | given.radiation
    here = world.recorded["class_of_case"].is_("10", "13", "14", "22")
    return {
        "RX_SUMM_CHEMO": chemo_code,
        "RX_HOSP_CHEMO": where(here, chemo_code, "00"),
        "RX_SUMM_HORMONE": hormone_code,
        "RX_HOSP_HORMONE": where(here, hormone_code, "00"),
        "RX_SUMM_IMMUNOTHERAPY": immuno_code,
        "RX_HOSP_IMMUNOTHERAPY": where(here, immuno_code, "00"),
        "RX_SUMM_TRNSPLNT_ENDO": where(draws.uniform("ovaries") < 0.01, "30", "00"),
        "RX_SUMM_OTHER": where(draws.uniform("other therapy") < 0.005, "1", "0"),
        "RX_HOSP_OTHER": where(here, " 0", " 0"),
        "DX_CHEMO_STARTED_DAYS": _days(drugs.chemotherapy_day, chemo & _is_given(chemo_code)),
        "DX_HORMONE_STARTED_DAYS": _days(given.hormone_day, given.hormone & _is_given(hormone_code)),
        "DX_IMMUNO_STARTED_DAYS": _days(given.antibody_day, immuno & _is_given(immuno_code)),
        "DX_SYSTEMIC_STARTED_DAYS": _days(np.where(drugs.given, drugs.first_day, 0), drugs.given),
        "RX_SUMM_SYSTEMIC_SUR_SEQ": where(year >= 2006, sequence, " "),
        "RX_SUMM_TREATMENT_STATUS": where(year >= 2010, where(treated, "1", "0"), " "),
        "DX_RX_STARTED_DAYS": _days(*first_treatment(given, drugs)),
    }


def _is_given(code: Bytes) -> BoolArray:
    return np.isin(code, [b"01", b"02", b"03"])


def _radiation(world: World, given: Treatment) -> dict[str, Bytes]:
    year, rows = world.year, len(world.year)
    yes = given.radiation
    volume = np.where(world.stage_iv & (world.draws.uniform("volume") < 0.6), "81", "40").astype("S2")
    dose: FloatArray = np.where(volume == b"81", 3000, 5000)
    old_volume = where(volume == b"81", "24", "18")
    reason = words(world.recorded["reason_no_surgery"], {**REASON, "not_done": "1"}, 1)
    after = given.operated & (given.radiation_day >= given.surgery_day)
    return {
        "RX_SUMM_RADIATION": where(yes, "1", "0"),
        "RAD_LOCATION_OF_RX": where(yes, "1", "0"),
        "RAD_TREAT_VOL": where(yes, old_volume, "00"),
        "RAD_REGIONAL_RX_MODALITY": where(yes, "24", "00"),
        "RAD_REGIONAL_DOSE_CGY": where(yes, numbers(dose.astype(np.int64), 5, show="{:05d}".format), "00000"),
        "REASON_FOR_NO_RADIATION": where(yes, "0", reason),
        "DX_RAD_STARTED_DAYS": _days(given.radiation_day, yes),
        "RX_SUMM_SURGRAD_SEQ": where(yes & given.operated, where(after, "3", "2"), "0"),
        "RAD_ELAPSED_RX_DAYS": where(
            yes, numbers(world.draws.whole("elapsed", 5, 45), 3, show="{:03d}".format), "000"
        ),
        "PHASE_I_RT_MODALITY": where(yes, "02", "00"),
        "PHASE_I_RT_VOLUME": where(yes, volume, "00"),
        "PHASE_I_TOTAL_DOSE": where(yes, numbers(dose.astype(np.int64), 6, show="{:06d}".format), "000000"),
        "NUMBER_PHASES_RAD_RX": where(year >= 2018, where(yes, "01", "00"), np.full(rows, b"  ")),
        "PALLIATIVE_CARE": where(world.stage_iv & yes & (volume == b"81"), "2", "0"),
    }
