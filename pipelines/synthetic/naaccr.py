"""NAACCR records: the same items as flat lines of fixed columns (v16, v18) or as XML (v18, v23, v26).

Incidence records of one registry. Every item goes out under its newest XML id, so the two forms of v18 hold the
same records; an item that a version does not have is left out.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from pipelines.codebook.naaccr_items import PATIENT, ROOT, Item, items, record_length

from .draws import BLOCK_ROWS, BoolArray
from .history import History, date_text, history
from .naaccr_treatment import follow_up_items, treatment_items
from .naaccr_tumour import tumour_items, years
from .ncdb import RACE
from .seer_ascii import MARITAL, REPORTING
from .text import Text, constant, number, spoken, where
from .world import Release, World

RECORD_TYPE = "I"
REGISTRY = "0000001544"
RELEASES = {
    "v16": Release("naaccr", 2000, 2016, 2018.0),
    "v18": Release("naaccr", 2004, 2019, 2021.0),
    "v23": Release("naaccr", 2010, 2023, 2025.0),
    "v26": Release("naaccr", 2012, 2025, 2026.75),
}
FACILITIES = 60
PAYER = {
    "none": "01",
    "private": "20",
    "medicaid": "31",
    "medicare": "60",
    "other_government": "67",
    "unknown": "99",
}
RURALITY = {"metro": "02", "urban": "05", "rural": "09", "unknown": "99"}
SEQUENCE = {"only": "00", "first": "01", "second": "02", "third": "03", "unknown": "99"}
COMORBID_ICD9 = {"1": ("25000",), "2": ("25040",), "3": ("25040", "42800")}
COMORBID_ICD10 = {"1": ("E119",), "2": ("E1122",), "3": ("E1122", "I509")}
"""Diabetes (1 point), diabetes with complications (2), and heart failure (1) beside it."""


def registry_items(world: World, version: str) -> dict[str, Text]:
    """Every item that a record of this version has, by newest XML id.

    Parameters
    ----------
    world : World
        Of a release with ``registry="naaccr"``.
    version : str
        One of ``RELEASES``.

    Returns
    -------
    dict of str to polars.Series
        Texts without padding; empty where a record has no such item.
    """
    past, rows = history(world), len(world.year)
    root = {"recordType": RECORD_TYPE, "naaccrRecordVersion": f"{version[1:]}0", "registryId": REGISTRY}
    known = {
        **{name: constant(text, rows) for name, text in root.items()},
        **_patient(world, past),
        **_record(world, past),
        **_comorbidity(world),
        **tumour_items(world),
        **treatment_items(world, past),
        **follow_up_items(world, past),
    }
    return {item.id: known[item.id] for item in items(version, RECORD_TYPE) if item.id in known}


def _patient(world: World, past: History) -> dict[str, Text]:
    known, person, draws = world.recorded, world.person, world.draws
    number_of_person = (draws.block * BLOCK_ROWS + person + 10_007) * 7_919 % 99_999_989
    race = known["race_ethnicity"]
    hispanic = number(draws.whole("origin", 1, 6)[person])
    birth = np.asarray(past.diagnosis - ((world.age + 0.4) * 365.25).astype("timedelta64[D]"))
    sex = spoken(known["sex"], {"male": "1", "female": "2"})
    return {
        "patientIdNumber": number(number_of_person, 8),
        "race1": spoken(race, RACE),
        "spanishHispanicOrigin": where(race.is_("unknown"), "9", where(race.is_("hispanic"), hispanic, "0")),
        "sex": sex,
        "sexAssignedAtBirth": sex,
        "dateOfBirth": pl.Series(birth).dt.strftime("%Y%m%d"),
    }


def _record(world: World, past: History) -> dict[str, Text]:
    known, draws, rows = world.recorded, world.draws, len(world.year)
    several = np.append(world.further_tumour[1:], False)
    sequence = where(several, "01", spoken(known["sequence"], SEQUENCE))
    facility = draws.whole("facility", 1, FACILITIES)
    return {
        "tumorRecordNumber": where(world.further_tumour, "02", "01"),
        "sequenceNumberCentral": where(world.further_tumour, "02", sequence),
        "reportingFacility": number(facility * 104_729 % 9_999_991, 10),
        "classOfCase": spoken(known["class_of_case"]),
        "typeOfReportingSource": spoken(known["reporting_source"], REPORTING),
        "maritalStatusAtDx": spoken(known["marital_status"], MARITAL),
        "primaryPayerAtDx": spoken(known["payer"], PAYER),
        "ruralurbanContinuum2013": where(world.year >= 2010, spoken(known["rurality"], RURALITY), ""),
        "ruralurbanContinuum2003": where(world.year < 2010, spoken(known["rurality"], RURALITY), ""),
        "ageAtDiagnosis": number(world.age, 3),
        "dateOfDiagnosis": date_text(past.diagnosis, past.diagnosis_precision),
        "dateOfDiagnosisFlag": constant("", rows),
    }


def comorbidity_recorded(world: World) -> BoolArray:
    """Whether anybody looked for other diseases (n,)."""
    return world.draws.uniform("comorbidity recorded") >= 0.05


def _comorbidity(world: World) -> dict[str, Text]:
    """ICD-9-CM in the older items to 2014, ICD-10-CM in the newer ones from 2015."""
    charlson, recorded = world.recorded["charlson"], comorbidity_recorded(world)
    old, new = recorded & (world.year <= 2014), recorded & years(world, 2015, 9999)

    def code(codes: Mapping[str, tuple[str, ...]], place: int, none: str) -> Text:
        texts = {level: of[place] if len(of) > place else "" for level, of in codes.items()}
        return spoken(charlson, {**texts, "0": none})

    return {
        "icdRevisionComorbid": where(old, where(charlson.is_("0"), "0", "9"), ""),
        "comorbidComplication1": where(old, code(COMORBID_ICD9, 0, "00000"), ""),
        "comorbidComplication2": where(old, code(COMORBID_ICD9, 1, ""), ""),
        "secondaryDiagnosis1": where(new, code(COMORBID_ICD10, 0, "0000000"), ""),
        "secondaryDiagnosis2": where(new, code(COMORBID_ICD10, 1, ""), ""),
    }


def flat_lines(world: World, version: str) -> bytes:
    """All records of a block as fixed-width lines, values left-justified.

    Raises
    ------
    ValueError
        A value is longer than its item.
    """
    texts = registry_items(world, version)
    placed = sorted(
        (item for item in items(version, RECORD_TYPE) if item.id in texts and item.start is not None),
        key=lambda item: item.start or 0,
    )
    parts, column = [], 1
    for item in placed:
        assert item.start is not None
        parts += [
            pl.lit(" " * (item.start - column)),
            pl.lit(_fitting(texts[item.id], item).str.pad_end(item.length)),
        ]
        column = item.start + item.length
    parts.append(pl.lit(" " * (record_length(version, RECORD_TYPE) + 1 - column) + "\n"))
    lines = pl.select(pl.concat_str(parts)).to_series()
    return "".join(lines).encode("ascii")


def _fitting(text: Text, item: Item) -> Text:
    longest = text.str.len_chars().max()
    if isinstance(longest, int) and longest > item.length:
        raise ValueError(f"{item.id} has {item.length} characters, not {longest}")
    return text


def xml_head(version: str) -> bytes:
    """The declaration, the root element and its items."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<NaaccrData baseDictionaryUri="http://naaccr.org/naaccrxml/naaccr-dictionary-{version[1:]}0.xml" '
        f'recordType="{RECORD_TYPE}" timeGenerated="2026-11-01T09:00:00-05:00" specificationVersion="1.8" '
        'xmlns="http://naaccr.org/naaccrxml">\n'
        f'    <Item naaccrId="registryId">{REGISTRY}</Item>\n'
    ).encode()


XML_TAIL = b"</NaaccrData>\n"


def xml_patients(world: World, version: str) -> bytes:
    """All people of a block, each with her tumours."""
    texts = registry_items(world, version)
    levels: dict[str, list[pl.Expr]] = {}
    for item in items(version, RECORD_TYPE):
        if item.id in texts and item.level != ROOT:
            levels.setdefault(item.level, []).append(_element(item, _fitting(texts[item.id], item)))
    last = np.append(~world.further_tumour[1:], True)
    opening = where(world.further_tumour, "", "    <Patient>\n")
    closing = where(last, "    </Patient>\n", "")
    person = pl.select(pl.concat_str(levels.pop(PATIENT))).to_series()
    (tumour_elements,) = levels.values()
    tumour = pl.select(pl.concat_str(tumour_elements)).to_series()
    return "".join(
        opening
        + where(world.further_tumour, "", person)
        + "        <Tumor>\n"
        + tumour
        + "        </Tumor>\n"
        + closing
    ).encode("utf-8")


def _element(item: Item, text: Text) -> pl.Expr:
    indent = "        " if item.level == PATIENT else "            "
    value = pl.lit(text)
    element = (
        pl.lit(f'{indent}<Item naaccrId="{item.id}" naaccrNum="{item.number}">') + value + pl.lit("</Item>\n")
    )
    return pl.when(value == "").then(pl.lit("")).otherwise(element)
