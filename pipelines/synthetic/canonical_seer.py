"""What the registry tables should say of each record of a synthetic SEER file, a case listing or in ASCII."""

import numpy as np
import polars as pl

from .canonical import (
    STAGE,
    Columns,
    age_group,
    evidence,
    known,
    organ_evidence,
    prior_cancer,
    race_columns,
    receptor_columns,
    spread_columns,
    stage_columns,
    surgery_code,
    surgery_columns,
    three_state,
    tri,
    tumour_columns,
)
from .draws import BLOCK_ROWS, BoolArray
from .ncdb_treatment import OPERATION, first_treatment, systemic, treatment
from .seerstat_columns import (
    LABELS_OF,
    REGISTRIES,
    TOP_AGE,
    follow_up_facts,
    is_first_tumour,
    other_site,
    several_tumours,
)
from .text import Text, constant, number, spoken, where
from .world import World

REPORTING = {"hospital": "1", "autopsy": "6", "death_certificate": "7"}
SEQUENCE = {"only": "00", "first": "01", "second": "02", "third": "03", "unknown": "99"}
PAYER = {"private": "insured_nos", "medicare": "insured_nos", "other_government": "insured_nos"}
RURALITY = {"urban": "nonmetro", "rural": "nonmetro"}
ADJUSTED = {"tx": "TX Adjusted", "nx": "NX Adjusted"}


def canonical(world: World, submission: str, *, ascii_file: bool) -> Columns:
    """Columns of the tumor and follow_up tables that a file of a submission can hold."""
    columns = {
        **_record(world, "nov2018" if ascii_file else submission),
        **_person(world, submission, ascii_file=ascii_file),
        **_tumour(world),
        **_stage(world, eod=not ascii_file and submission != "nov2018"),
        **_receptors(world, submission, ascii_file=ascii_file),
        **spread_columns(
            world,
            nodes=world.recorded["pattern"].is_("nodal_only"),
            nodes_told=np.full(len(world.year), True),
        ),
        **_surgery(world),
        **_follow_up(world),
    }
    if not ascii_file:
        columns |= _treatment(world, newest=submission == "nov2024")
    return columns


def _record(world: World, submission: str) -> Columns:
    person = (world.draws.block * BLOCK_ROWS + world.person + 10_007) * 7_919 % 99_999_989
    area = world.draws.whole("registry", 0, 5)[world.person]
    registry = pl.Series(REGISTRIES[submission]).gather(area)
    further, several = world.further_tumour, several_tumours(world)
    order = where(further, "2", "1")
    patient = registry + ":" + number(person, 8)
    sequence = where(several, "01", spoken(world.recorded["sequence"], SEQUENCE))
    sequence = where(further, "02", sequence)
    prior = prior_cancer(sequence)
    return {
        "source": constant("seer", len(further)),
        "registry": registry,
        "patient_id": patient,
        "tumor_id": patient + ":" + order,
        "record_number": order.cast(pl.Int64),
        "sequence_number": sequence,
        "prior_cancer": prior,
        "prior_breast_primary": where(further, "yes", where((prior == "no").to_numpy(), "no", "unknown")),
        "reporting_source": spoken(world.recorded["reporting_source"], REPORTING),
        "diagnostic_confirmation": where(world.draws.uniform("confirmed") < 0.98, "1", "8"),
        "withheld_follow_up": pl.Series(np.full(len(further), False)),
    }


def _person(world: World, submission: str, *, ascii_file: bool) -> Columns:
    recorded, age, rows = world.recorded, world.age, len(world.year)
    columns = {
        "age_group": age_group(age),
        "sex": spoken(recorded["sex"]),
        "marital_status": spoken(recorded["marital_status"]),
        **race_columns(world, unknown_origin=False),
    }
    if ascii_file:
        columns |= {
            "age_at_diagnosis_years": pl.Series(age),
            "age_top_coded": pl.Series(np.full(rows, False)),
        }
    elif submission != "nov2022":  # that listing has bands of five years alone
        top = TOP_AGE[submission]
        columns |= {
            "age_at_diagnosis_years": pl.Series(np.minimum(age, top)),
            "age_top_coded": pl.Series(age >= top),
        }
    if ascii_file or submission == "nov2018":
        columns["primary_payer"] = where(world.year >= 2007, spoken(recorded["payer"], PAYER), "unknown")
    else:
        columns["rurality"] = spoken(recorded["rurality"], RURALITY)
    if not ascii_file and submission == "nov2024":  # one recode of race and origin
        race = recorded["race_ethnicity"]
        hidden = race.is_("hispanic", "non_hispanic_other")
        columns["race"] = where(hidden, "unknown", columns["race"])
        columns["race_ethnicity"] = where(
            race.is_("non_hispanic_other"), "unknown", columns["race_ethnicity"]
        )
    return columns


def _tumour(world: World) -> Columns:
    columns, other, early = (
        tumour_columns(world, side_unknown="unknown"),
        other_site(world),
        world.year < 2004,
    )
    size = columns["tumor_size_mm"]
    return {
        **columns,
        "primary_site": where(other, "C341", columns["primary_site"]),
        "histology_icdo3": where(other, "8140", columns["histology_icdo3"]),
        "tumor_size_mm": pl.select(pl.when(pl.Series(~early)).then(size)).to_series(),
        "tumor_size_status": where(early, "unknown", columns["tumor_size_status"]),
    }


def _derived(world: World, letter: str) -> Text:
    """T or N as derived: ``T1`` to 2015 and from 2018, ``c1`` in 2016 and 2017 (n,)."""
    coded, year = world.recorded[letter], world.year
    plain = {level: f"{letter.upper()}{level[1:].upper()}" for level in coded.levels}
    combined = {level: f"c{level[1:].upper()}" for level in coded.levels}
    plain["tis"], combined["tis"] = "Tis", "pIS"
    text = where((year == 2016) | (year == 2017), spoken(coded, combined), spoken(coded, plain))
    return where(year < 2004, spoken(coded, {**plain, **ADJUSTED}), text)


def _stage(world: World, *, eod: bool) -> Columns:
    stage, year = world.recorded["stage"], world.year
    always, unstaged = np.full(len(year), True), stage.is_("unknown_stage")
    grouped = ~other_site(world) | (year >= 2016)
    cs_years = (year >= 2004) & (year <= 2015)
    pieces = {
        "evidence_stage_group": evidence(stage, grouped),
        # the M0 derived from extent of disease 2018 includes unknown
        "evidence_derived_m": tri(
            stage.is_("4"), ~stage.is_("4", "unknown_stage") | (unstaged & (year >= 2018))
        ),
        "evidence_cs_mets": evidence(stage, cs_years),
    }
    if eod:
        pieces["evidence_eod_mets"] = tri(stage.is_("4") & (year >= 2018), ~stage.is_("4") & (year >= 2018))
    editions = where(year <= 2003, "ajcc6_adjusted", where(year <= 2009, "ajcc6_derived", "ajcc7_derived"))
    editions = where(year >= 2016, where(year <= 2017, "seer_combined_2016", "eod_2018"), editions)
    t_known = ~world.recorded["t"].is_("tx")
    columns = {
        **stage_columns(pieces, organ_evidence(world)),
        "stage_group": where(grouped, spoken(stage, STAGE), "not_applicable"),
        "stage_edition": editions,
        "summary_distant": evidence(stage, always),
        "stage_iv_adjusted_ajcc6": evidence(stage, grouped & (year <= 2015)),
        "stage_iv_ajcc6_derived": evidence(stage, grouped & cs_years),
        "stage_iv_rests_on_eod_00": pl.Series(unstaged & (year >= 2018)),
        "derived_t": _derived(world, "t"),
        "derived_n": _derived(world, "n"),
        "tn_basis": where(t_known, "derived", "unknown"),
    }
    return columns


def _receptors(world: World, submission: str, *, ascii_file: bool) -> Columns:
    year, other = world.year, other_site(world)
    definition = where(year <= 2017, "seer_recode_2010_2017", constant("seer_recode_2018", len(year)))
    merged = None if ascii_file or LABELS_OF[submission] == "nov2018" else "borderline_or_unknown"
    columns = receptor_columns(world, definition=definition, merged=merged)
    for name in ("er", "pr", "her2"):
        outside = other & (year >= (2010 if name == "her2" else 1990))
        for column in (f"{name}_status", f"{name}_status_reason"):
            columns[column] = where(outside, "not_applicable", columns[column])
    columns["hr_status"] = where(other & (year >= 1990), "unknown", columns["hr_status"])
    columns["breast_subtype"] = where(other & (year >= 2010), "unknown", columns["breast_subtype"])
    subtype = columns["breast_subtype"]
    told = ~subtype.is_in(["unknown", "not_collected"]).to_numpy()
    columns["her2_status_filled"] = columns["her2_status"]
    # the listings have no factors; the fields of the files in ASCII are there and empty, and read for the breast alone
    tests = where(other, "not_released", constant("unknown" if ascii_file else "not_released", len(year)))
    columns["her2_test_status"] = where(year < 2010, "not_collected", tests)
    columns["breast_subtype_conflict"] = tri(np.full(len(year), False), told)
    return columns


def _surgery(world: World) -> Columns:
    year, draws, rows = world.year, world.draws, len(world.year)
    unknown = draws.uniform("surgery recorded") < 0.005
    columns = surgery_columns(world, unknown)
    done, old = world.course.operated & ~unknown, year < 1998
    codes = surgery_code(world, unknown, OPERATION, "00", "99")
    columns["primary_surgery"] = where(old & done, "surgery_nos", columns["primary_surgery"])
    for name in ("bilateral", "reconstruction"):
        columns[name] = where(old & done, "unknown", columns[name])
    since_2003 = year >= 2003
    other = three_state(draws.uniform("other surgery") < 0.02)
    return {
        **columns,
        "surgery_code": where(old, constant(None, rows), codes),
        "axillary_surgery": where(since_2003, where(done, "dissection", "none"), "unknown"),
        "other_site_surgery": where(since_2003, other, "unknown"),
    }


def _yes_or_not_known(yes: BoolArray) -> Text:
    return where(yes, "yes", "no_or_unknown")


def _treatment(world: World, *, newest: bool) -> Columns:
    given, year = treatment(world), world.year
    drugs = systemic(world, given)
    columns = {
        "radiation": _yes_or_not_known(given.radiation),
        "chemotherapy": _yes_or_not_known(world.latent["chemotherapy"].is_("given")),
    }
    if newest:
        first, treated = first_treatment(given, drugs)
        after = given.radiation_day >= given.surgery_day
        before = drugs.first_day < given.surgery_day
        none = "none_or_not_applicable"
        columns |= {
            "days_to_first_treatment": known(first, treated & (first <= 730)),
            "radiation_surgery_sequence": where(
                given.radiation & given.operated, where(after, "after", "before"), none
            ),
            "systemic_surgery_sequence": where(
                year >= 2007,
                where(drugs.given & given.operated, where(before, "before", "after"), none),
                "not_collected",
            ),
        }
    return columns


def _follow_up(world: World) -> Columns:
    seen, first, rows = follow_up_facts(world), is_first_tumour(world), len(world.year)
    alive = ~seen.died
    flag = where(
        seen.complete,
        where(seen.zero_days, "complete_zero_days", "complete"),
        where(seen.whole_months == 0, "could_be_zero", "incomplete_not_zero"),
    )
    cause = where(seen.no_cause, "missing_cause", where(seen.of_cancer, "breast_cancer", "other_cause"))
    group = where(first, where(alive, "alive", cause), "not_first_tumor")
    judged = first & ~seen.no_cause
    months = known(seen.whole_months, ~seen.by_certificate).cast(pl.Float64)
    metastatic = world.recorded["stage"].is_("4")
    return {
        "survival_months": months,
        "survival_months_flag": where(seen.by_certificate, "not_calculated", flag),
        "entry_months": pl.Series(np.zeros(rows)),
        "vital_status": where(alive, "alive", "dead"),
        "died": pl.Series(seen.died),
        "cause_of_death_group": group,
        "died_of_breast_cancer": tri(judged & seen.of_cancer, judged & ~seen.of_cancer),
        "died_of_other_cause": tri(judged & seen.died & ~seen.of_cancer, judged & (alive | seen.of_cancer)),
        "survival_from_metastasis_months": pl.select(pl.when(pl.Series(metastatic)).then(months)).to_series(),
        "entry_from_metastasis_months": known(np.zeros(rows, dtype=np.int64), metastatic).cast(pl.Float64),
    }
