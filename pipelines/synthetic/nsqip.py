"""A participant use file of ACS NSQIP: one operation a row, tab-separated text, what happened within thirty days.

Every person of the world is operated on here. Outcomes have streams of their own: no other format has them.
"""

import numpy as np
import polars as pl

from .canonical import SURGERY, Columns, age_group, three_state, tri
from .draws import BLOCK_ROWS, BoolArray, IntArray
from .text import Text, constant, number, spoken, where
from .world import Release, World

RELEASE = Release("ncdb", 2005, 2018, 2019.0)
ICD_10_FROM, RETURNS_FROM = 2015, 2012
"""First year of ICD-10 diagnoses; of the variables of readmission and reoperation that are written here."""
CPT = {
    "partial": "19301",
    "simple": "19303",
    "modified_radical": "19307",
    "radical": "19305",
    "bilateral": "19303",
    "mastectomy_nos": "19304",
    "surgery_nos": "19499",
}
RACE = {
    "non_hispanic_white": "White",
    "hispanic": "White",
    "non_hispanic_black": "Black or African American",
    "non_hispanic_asian_pacific_islander": "Asian",
    "non_hispanic_american_indian_alaska_native": "American Indian or Alaska Native",
    "non_hispanic_other": "Some Other Race",
    "unknown": "Unknown/Not Reported",
}
ASA = ("1-No Disturb", "2-Mild Disturb", "3-Severe Disturb", "4-Life Threat")
DIABETES = ("NO", "NON-INSULIN", "INSULIN")
COMPLICATIONS = {
    "SUPINFEC": ("infectious", "Superficial Incisional SSI", 0.020),
    "WNDINFD": ("infectious", "Deep Incisional SSI", 0.008),
    "ORGSPCSSI": ("infectious", "Organ/Space SSI", 0.004),
    "URNINFEC": ("infectious", "Urinary Tract Infection", 0.006),
    "OTHSYSEP": ("infectious", "Sepsis", 0.005),
    "OTHSESHOCK": ("infectious", "Septic Shock", 0.002),
    "DEHIS": ("wound", "Wound Disruption", 0.008),
    "OTHBLEED": ("bleeding", "Transfusions/Intraop/Postop", 0.015),
    "OUPNEUMO": ("respiratory", "Pneumonia", 0.006),
    "REINTUB": ("respiratory", "Unplanned Intubation", 0.004),
    "FAILWEAN": ("respiratory", "On Ventilator greater than 48 Hours", 0.004),
    "PULEMBOL": ("thromboembolic", "Pulmonary Embolism", 0.005),
    "OTHDVT": ("thromboembolic", "DVT Requiring Therapy", 0.005),
    "CDARREST": ("cardiac", "Cardiac Arrest Requiring CPR", 0.004),
    "CDMI": ("cardiac", "Myocardial Infarction", 0.004),
    "RENAINSF": ("renal", "Progressive Renal Insufficiency", 0.004),
    "OPRENAFL": ("renal", "Acute Renal Failure", 0.004),
    "CNSCVA": ("neurologic", "Stroke/CVA", 0.004),
}
"""By variable: its family, its word for yes, and how often it happens."""


def lines(world: World) -> bytes:
    """All operations of a block."""
    return pl.DataFrame(columns(world)).write_csv(separator="\t", include_header=False).encode("ascii")


def header() -> bytes:
    """The first line of the file."""
    return ("\t".join(NAMES) + "\n").encode("ascii")


def columns(world: World) -> dict[str, Text]:
    """Every variable as text."""
    known, draws, year = world.recorded, world.draws, world.year
    site = known["subsite"]
    in_situ = known["stage"].is_("0")
    icd_9 = where(in_situ, "233.0", spoken(site, {level: f"174.{level}" for level in site.levels}))
    icd_10 = where(in_situ, "D05.12", spoken(site, {level: f"C50.{level}12" for level in site.levels}))
    died, day = _death(world)
    readmitted, unplanned = _readmission(world)
    asked = year >= RETURNS_FROM
    race = known["race_ethnicity"]
    origin = where(race.is_("unknown"), "Unknown", where(race.is_("hispanic"), "Yes", "No"))
    return {
        "CASEID": number(_case(world), 8),
        "OPERYR": number(year),
        "SEX": spoken(known["sex"]),
        "RACE_NEW": spoken(race, RACE),
        "ETHNICITY_HISPANIC": origin,
        "AGE": where(world.age >= 90, "90+", number(world.age)),
        "CPT": spoken(known["operation"], CPT),
        "PODIAG": where(year < ICD_10_FROM, icd_9, "NULL"),
        "PODIAG10": where(year >= ICD_10_FROM, icd_10, "NULL"),
        "DISCANCR": where(world.stage_iv, "Yes", "No"),
        "ASACLAS": pl.Series(ASA).gather(_asa(world)),
        "HEIGHT": number(_inches(world)),
        "WEIGHT": number(_pounds(world)),
        "DIABETES": pl.Series(DIABETES).gather(_diabetes(world)),
        "SMOKE": where(_happens(world, "smoker", 0.13), "Yes", "No"),
        "HYPERMED": where(_happens(world, "hypertension", 0.40), "Yes", "No"),
        **{
            name: where(_happens(world, name, rate), words, "No Complication")
            for name, (_, words, rate) in COMPLICATIONS.items()
        },
        "DOPERTOD": where(died, number(day), "-99"),
        "REOPERATION1": where(asked, where(_happens(world, "reoperation", 0.04), "Yes", "No"), "NULL"),
        "READMISSION1": where(asked, where(readmitted, "Yes", "No"), "NULL"),
        "UNPLANNEDREADMISSION1": where(asked, where(unplanned, "Yes", "No"), "NULL"),
        "TOTHLOS": number(draws.whole("stay", 0, 4)),
    }


NAMES = (
    *(
        "CASEID",
        "OPERYR",
        "SEX",
        "RACE_NEW",
        "ETHNICITY_HISPANIC",
        "AGE",
        "CPT",
        "PODIAG",
        "PODIAG10",
        "DISCANCR",
    ),
    *("ASACLAS", "HEIGHT", "WEIGHT", "DIABETES", "SMOKE", "HYPERMED"),
    *COMPLICATIONS,
    *("DOPERTOD", "REOPERATION1", "READMISSION1", "UNPLANNEDREADMISSION1", "TOTHLOS"),
)


def _happens(world: World, name: str, rate: float) -> BoolArray:
    return np.asarray(world.draws.uniform(name) < rate)


def _case(world: World) -> IntArray:
    return np.asarray(1_000_003 + world.draws.block * BLOCK_ROWS + np.arange(len(world.year)))


def _asa(world: World) -> IntArray:
    return np.searchsorted([0.08, 0.62, 0.97], world.draws.uniform("asa"), side="right")


def _diabetes(world: World) -> IntArray:
    return np.searchsorted([0.86, 0.95], world.draws.uniform("diabetes"), side="right")


def _inches(world: World) -> IntArray:
    return world.draws.whole("height", 58, 70)


def _pounds(world: World) -> IntArray:
    return world.draws.whole("weight", 105, 260)


def _death(world: World) -> tuple[BoolArray, IntArray]:
    return _happens(world, "death within thirty days", 0.006), world.draws.whole("day of death", 0, 30)


def _readmission(world: World) -> tuple[BoolArray, BoolArray]:
    readmitted = _happens(world, "readmitted", 0.05)
    return readmitted, readmitted & _happens(world, "unplanned", 0.8)


def canonical(world: World) -> Columns:
    """What the registry tables should say of each operation."""
    known, age, rows = world.recorded, world.age, len(world.year)
    race = known["race_ethnicity"]
    in_situ, operation = known["stage"].is_("0"), known["operation"]
    operated = ~operation.is_("surgery_nos")
    families = {family for family, _, _ in COMPLICATIONS.values()}
    happened = {
        family: np.any(
            [_happens(world, name, rate) for name, (of, _, rate) in COMPLICATIONS.items() if of == family],
            axis=0,
        )
        for family in sorted(families)
    }
    died, _ = _death(world)
    readmitted, unplanned = _readmission(world)
    metres, kilograms = _inches(world) * 0.0254, _pounds(world) * 0.45359237
    bare = {level: level.removeprefix("non_hispanic_") for level in race.levels}
    site = where(
        in_situ, "C509", spoken(known["subsite"], {level: f"C50{level}" for level in known["subsite"].levels})
    )
    asked = world.year >= RETURNS_FROM
    seen = where(asked, where(readmitted, where(unplanned, "unplanned", "planned"), "no"), "unknown")
    again = three_state(_happens(world, "reoperation", 0.04))
    return {
        "source": constant("mapped", rows),
        "patient_id": number(_case(world), 8),
        "year_of_surgery": pl.Series(world.year),
        "age_at_diagnosis_years": pl.Series(np.minimum(age, 90)),
        "age_top_coded": pl.Series(age >= 90),
        "age_group": age_group(age),
        "sex": spoken(known["sex"]),
        "race": spoken(race, {**bare, "hispanic": "white"}),
        "race_ethnicity": spoken(race),
        "hispanic_origin": where(
            race.is_("unknown"), "unknown", where(race.is_("hispanic"), "hispanic", "non_hispanic")
        ),
        "primary_site": site,
        "behavior": where(in_situ, "in_situ", "invasive"),
        "primary_surgery": where(operated, spoken(operation, SURGERY), "unknown"),
        "operated": tri(operated, np.full(rows, False)),
        "disseminated_cancer": three_state(world.stage_iv),
        "asa_class": number(_asa(world) + 1),
        "body_mass_index": pl.Series(np.round(kilograms / metres**2, 1)),
        "diabetes": three_state(_diabetes(world) > 0),
        "smoker": three_state(_happens(world, "smoker", 0.13)),
        "hypertension": three_state(_happens(world, "hypertension", 0.40)),
        **{f"complication_{family}": three_state(yes) for family, yes in happened.items()},
        "complication_30_days": three_state(np.any(list(happened.values()), axis=0)),
        "died_within_30_days_of_surgery": three_state(died),
        "readmitted_30_days": seen,
        "reoperation_30_days": where(asked, again, "unknown"),
        "length_of_stay_days": pl.Series(world.draws.whole("stay", 0, 4)),
    }
