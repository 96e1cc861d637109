"""What the registry tables should say of each case of a synthetic NCDB file."""

import numpy as np
import polars as pl

from .canonical import (
    STAGE,
    Columns,
    age_group,
    drug_columns,
    evidence,
    factor_columns,
    her2_targeted,
    known,
    oncotype_columns,
    organ_evidence,
    prior_cancer,
    race_columns,
    radiation_reason,
    receptor_columns,
    spread_columns,
    stage_columns,
    surgery_code,
    surgery_columns,
    three_state,
    tri,
    tumour_columns,
)
from .draws import BoolArray, FloatArray
from .history import oncotype_score
from .ncdb import FACILITIES, case_keys
from .ncdb_treatment import (
    DAYS_PER_MONTH,
    OPERATION,
    OPERATION_2023,
    Treatment,
    drug_words,
    first_treatment,
    systemic,
    treatment,
)
from .text import Text, constant, number, spoken, where
from .world import World

FACILITY_TYPES = {"comprehensive": "comprehensive_community", "network": "integrated_network"}
DIVISIONS = (
    "new_england",
    "middle_atlantic",
    "south_atlantic",
    "east_north_central",
    "east_south_central",
    "west_north_central",
    "west_south_central",
    "mountain",
    "pacific",
)
SEQUENCE = {"only": "00", "first": "01", "second": "02", "third": "03", "unknown": "99"}


def canonical(world: World, puf_year: str) -> Columns:
    """Columns of the tumor and follow_up tables that a release can hold."""
    given = treatment(world)
    columns = {
        **_record(world),
        **_person(world, int(puf_year)),
        **tumour_columns(world, side_unknown="one_side_nos"),
        **_stage(world, puf_year),
        **_receptors(world),
        **_spread(world),
        **_surgery(world, given),
        **_systemic(world, given),
        **_radiation(world, given),
        **_follow_up(world, given),
    }
    return columns


def _record(world: World) -> Columns:
    keys = pl.Series(case_keys(world.draws).astype(str))
    recorded, rows = world.recorded, len(world.year)
    facility = world.draws.whole("facility", 1, FACILITIES)
    sequence = spoken(recorded["sequence"], SEQUENCE)
    return {
        "source": constant("ncdb", rows),
        "patient_id": keys,
        "tumor_id": keys,
        "facility_id": number(facility * 7_919 % 99_991, 10),
        "sequence_number": sequence,
        "prior_cancer": prior_cancer(sequence),
        "class_of_case": spoken(recorded["class_of_case"]),
        "diagnostic_confirmation": where(world.draws.uniform("confirmed") < 0.99, "1", "5"),
        "withheld_follow_up": pl.Series(world.year == world.release.last_year),
    }


def _person(world: World, puf_year: int) -> Columns:
    recorded, age, draws = world.recorded, world.age, world.draws
    young = age < 40
    facility = draws.whole("facility", 1, FACILITIES)
    early = "late" if puf_year > 2016 else "early"
    expansion = pl.Series(("not_expanded", "january_2014", "january_2014", early)).gather(facility % 4)
    miles = np.minimum(np.rint(90 * draws.exponential("miles")), 30_000) / 10
    vintages = {"2000": 0, "2012": 0, "2016": 2016, "2020": 2017}
    columns = {
        "age_at_diagnosis_years": pl.Series(np.minimum(age, 90)),
        "age_top_coded": pl.Series(age >= 90),
        "age_group": age_group(age),
        "sex": spoken(recorded["sex"]),
        **race_columns(world, unknown_origin=True),
        "primary_payer": spoken(recorded["payer"]),
        "rurality": spoken(recorded["rurality"]),
        "facility_type": spoken(recorded["facility_type"], FACILITY_TYPES),
        "facility_location": where(young, "withheld", pl.Series(DIVISIONS).gather(facility % 9)),
        "distance_miles": pl.Series(miles),
        "charlson_deyo": spoken(recorded["charlson"], {"2": "2_or_more", "3": "2_or_more"}),
    }
    if puf_year >= 2016:
        columns["medicaid_expansion"] = where(young, "withheld", expansion)
    for vintage, first_release in vintages.items():
        if puf_year >= first_release:
            columns[f"income_quartile_{vintage}"] = spoken(recorded["income_quartile"])
            columns[f"education_quartile_{vintage}"] = spoken(recorded["education_quartile"])
    return columns


def _stage(world: World, puf_year: str) -> Columns:
    recorded, year = world.recorded, world.year
    stage, u = recorded["stage"], world.draws.uniform("clinical m")
    no_clinical, eighth = recorded["t"].is_("blank"), year >= 2018
    coin = world.draws.uniform("pathologic stage") < 0.75
    pathologic = world.course.operated & coin | (~eighth & no_clinical) | world.upstaged
    before = world.clinical_stage
    clinical = eighth | ~no_clinical
    m1, unstaged, itc = stage.is_("4"), stage.is_("unknown_stage"), u < 0.003
    m = where(before.is_("4"), "m1", where(unstaged, "mx", where(itc, "m0_itc", "m0")))
    m = where(eighth & unstaged, "unknown", m)
    early_m1 = pathologic & m1 & (no_clinical | (u > 0.6) | world.upstaged)
    m_path = where(early_m1, "m1", "unknown")
    m_path = where(eighth, where(pathologic, where(m1, "m1", "m0"), "unknown"), m_path)
    pieces = {
        "evidence_stage_group": evidence(stage, np.full(len(year), True)),
        "evidence_clinical_m": evidence(before, clinical & ~unstaged),
        "evidence_pathologic_m": tri((m_path == "m1").to_numpy(), (m_path == "m0").to_numpy()),
        "evidence_clinical_stage": evidence(before, clinical),
        "evidence_pathologic_stage": evidence(stage, pathologic),
        "evidence_cs_mets": evidence(stage, year <= 2015),
    }
    clinical_iv = [pieces["evidence_clinical_m"], pieces["evidence_clinical_stage"]]
    columns = {
        **stage_columns(pieces, organ_evidence(world)),
        "clinical_m": where(clinical, m, "unknown"),
        "pathologic_m": m_path,
        "stage_group": spoken(stage, STAGE),
        "stage_edition": constant("ncdb_analytic", len(year)),
        "stage_iv_clinical": tri(
            (clinical & before.is_("4")),
            np.any([~piece.fill_null(True).to_numpy() for piece in clinical_iv], axis=0),
        ),
    }
    for letter in ("t", "n"):
        columns[f"clinical_{letter}"] = where(clinical, _category(world, letter, "c", puf_year), "unknown")
        columns[f"pathologic_{letter}"] = where(
            pathologic, _category(world, letter, "p", puf_year), "unknown"
        )
    t_known = ~recorded["t"].is_("tx", "blank")
    columns["tn_basis"] = where(
        pathologic & t_known, "pathologic", where(clinical & t_known, "clinical", "unknown")
    )
    return columns


def _category(world: World, letter: str, prefix: str, puf_year: str) -> Text:
    """T or N as recorded: without prefix in the release of 2013, ``c2`` to 2017, ``cT2`` from 2018."""
    coded, c = world.recorded[letter], "" if puf_year == "2013" else prefix
    to_2017 = {level: f"{c}{level[1:].upper()}" for level in coded.levels}
    from_2018 = {level: f"{prefix}{letter.upper()}{level[1:].upper()}" for level in coded.levels}
    to_2017["blank"] = from_2018["blank"] = "unknown"
    to_2017["tis"], from_2018["tis"] = "IS" if puf_year == "2013" else "pIS", f"{prefix}Tis(DCIS)"
    return where(world.year <= 2017, spoken(coded, to_2017), spoken(coded, from_2018))


def _receptors(world: World) -> Columns:
    year = world.year
    definition = where(year <= 2017, "cs_factor_15", constant("overall_summary_2018", len(year)))
    columns = receptor_columns(world, definition=definition)
    return {**columns, **factor_columns(world, columns), **oncotype_columns(oncotype_score(world), year)}


def _spread(world: World) -> Columns:
    pattern = world.recorded["pattern"]
    nodes_too = world.stage_iv & (world.draws.uniform("nodes too") < 0.25)
    nodes = pattern.is_("nodal_only") | (nodes_too & pattern.is_("multiple"))
    return spread_columns(world, nodes=nodes, nodes_told=np.full(len(world.year), True))


def _surgery(world: World, given: Treatment) -> Columns:
    year, draws, recorded = world.year, world.draws, world.recorded
    unknown, operated = given.surgery_unknown, given.operated & ~given.surgery_unknown
    columns = surgery_columns(world, unknown)
    # a mastectomy of both breasts had no code of its own before 2011
    both = recorded["operation"].is_("bilateral") & (year < 2011) & operated
    codes = surgery_code(world, unknown, OPERATION, "00", "99")
    of_2023 = surgery_code(world, unknown, OPERATION_2023, "A000", "A990")
    day_unknown = operated & (draws.uniform("surgery day") < 0.005)
    scope = operated & (draws.uniform("scope") < 0.85)
    not_operated = where(year < 2010, "not_applicable", "blank")
    margin = where(draws.uniform("margin") < 0.85, "negative", "microscopic")
    readmitted = operated & (draws.uniform("readmitted") < 0.03)
    return {
        **columns,
        "bilateral": where(both, "no", columns["bilateral"]),
        "reconstruction": where(both, "none", columns["reconstruction"]),
        "surgery_code": where(year >= 2023, of_2023, where(both, "41", codes)),
        "days_to_definitive_surgery": known(given.surgery_day, operated & ~day_unknown),
        "days_to_first_surgery": known(given.surgery_day, operated & ~day_unknown),
        "days_to_definitive_surgery_status": where(
            day_unknown, "unknown", where(operated, "recorded", not_operated)
        ),
        "axillary_surgery": where(scope, where(year >= 2012, "sentinel", "any"), "none"),
        "surgical_margin": where(operated, margin, "no_surgery"),
        "other_site_surgery": three_state(draws.uniform("other surgery") < 0.02),
        "surgery_crosswalk_conflict": tri(np.full(len(year), False), year == 2022),
        "readmitted_30_days": where(
            given.operated | unknown, where(readmitted, "unplanned", "no"), "not_applicable"
        ),
    }


def _systemic(world: World, given: Treatment) -> Columns:
    year, drugs = world.year, systemic(world, given)
    words = {
        "chemotherapy": drug_words(world, "chemotherapy", drugs.chemotherapy),
        "hormone_therapy": drug_words(world, "hormone", given.hormone),
        "immunotherapy": drug_words(world, "immunotherapy", drugs.immunotherapy),
    }
    columns = drug_columns(words)
    columns["her2_targeted"] = her2_targeted(year, _receptors(world)["her2_status"], columns["immunotherapy"])
    sequence = where(drugs.first_day < given.surgery_day, "before", "after")
    sequence = where(drugs.given & given.operated, sequence, "none_or_not_applicable")
    columns["systemic_surgery_sequence"] = where(year < 2006, "not_collected", sequence)
    days = {
        "chemotherapy": drugs.chemotherapy_day,
        "hormone_therapy": given.hormone_day,
        "immunotherapy": given.antibody_day,
    }
    for name, day in days.items():
        columns[f"days_to_{name}"] = known(day, words[name].is_("given"))
        columns[f"days_status_{name}"] = where(words[name].is_("given"), "recorded", "blank")
    columns["days_to_systemic"] = known(drugs.first_day, drugs.given)
    first, treated = first_treatment(given, drugs)
    columns["days_to_first_treatment"] = known(first, treated)
    return columns


def _radiation(world: World, given: Treatment) -> Columns:
    bone = world.stage_iv & (world.draws.uniform("volume") < 0.6)
    after = given.radiation_day >= given.surgery_day
    sequence = where(
        given.radiation & given.operated, where(after, "after", "before"), "none_or_not_applicable"
    )
    return {
        "radiation": three_state(given.radiation),
        "reason_not_given_radiation": radiation_reason(world, given.radiation),
        "radiation_volume": where(given.radiation, where(bone, "bone", "breast"), "none"),
        "radiation_surgery_sequence": sequence,
        "radiation_conflict": pl.Series(np.full(len(world.year), False)),
        "days_to_radiation": known(given.radiation_day, given.radiation),
        "days_status_radiation": where(given.radiation, "recorded", "blank"),
    }


def _follow_up(world: World, given: Treatment) -> Columns:
    course, rows = world.course, len(world.year)
    withheld = world.year == world.release.last_year
    lost = withheld | (world.draws.uniform("follow-up recorded") < 0.003)
    months = np.rint(course.months * 100) / 100
    survival = pl.select(pl.when(pl.Series(~lost)).then(pl.Series(months))).to_series()
    status = where(lost, "unknown", where(course.died, "dead", "alive"))
    since_surgery = course.months * DAYS_PER_MONTH - given.surgery_day
    metastatic = world.recorded["stage"].is_("4") & ~lost
    return {
        "survival_months": survival,
        "survival_months_flag": where(withheld, "withheld", where(lost, "unknown", "recorded")),
        "entry_months": pl.Series(np.zeros(rows)),
        "vital_status": where(withheld, "withheld", status),
        "died": tri(course.died & ~lost, ~course.died & ~lost),
        "survival_from_metastasis_months": pl.select(
            pl.when(pl.Series(metastatic)).then(pl.Series(months))
        ).to_series(),
        "entry_from_metastasis_months": pl.select(
            pl.when(pl.Series(world.recorded["stage"].is_("4"))).then(0.0)
        ).to_series(),
        **{
            f"died_within_{days}_days_of_surgery": _death_after_surgery(
                given, lost, withheld, course.died, since_surgery, days
            )
            for days in (30, 90)
        },
    }


def _death_after_surgery(
    given: Treatment,
    lost: BoolArray,
    withheld: BoolArray,
    died: BoolArray,
    since_surgery: FloatArray,
    days: int,
) -> Text:
    unclear = given.surgery_unknown | lost | (~died & (since_surgery < days))
    text = where(unclear, "unknown", three_state(died & (since_surgery <= days)))
    text = where(given.operated | given.surgery_unknown, text, "not_applicable")
    return where(withheld, "withheld", text)
