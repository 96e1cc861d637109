"""What the registry tables should say of each tumour of a synthetic NAACCR file."""

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
from .canonical_dates import Interval, days_status, interval
from .draws import BLOCK_ROWS, BoolArray, Coded
from .history import DAY, History, history, oncotype_score
from .naaccr import FACILITIES, REGISTRY, comorbidity_recorded
from .naaccr_treatment import EventDate, event_dates, first_tumour
from .naaccr_tumour import has_pathologic_stage
from .ncdb_treatment import (
    OPERATION,
    OPERATION_2022,
    OPERATION_2023,
    drug_words,
    systemic,
    treatment,
)
from .text import Text, constant, number, spoken, where
from .world import World

REPORTING = {"hospital": "1", "autopsy": "6", "death_certificate": "7"}
SEQUENCE = {"only": "00", "first": "01", "second": "02", "third": "03", "unknown": "99"}
DATED_DRUGS = {
    "chemotherapy": "rxDateChemo",
    "hormone_therapy": "rxDateHormone",
    "immunotherapy": "rxDateBrm",
}


def canonical(world: World, version: str) -> Columns:
    """Columns of the tumor and follow_up tables that a version can hold."""
    past, number_of_version = history(world), int(version[1:])
    columns = {
        **_record(world),
        **_person(world, number_of_version),
        **_tumour(world),
        **_stage(world),
        **_receptors(world),
        **spread_columns(
            world,
            nodes=world.recorded["pattern"].is_("nodal_only"),
            nodes_told=np.full(len(world.year), True),
        ),
        **_surgery(world, past, number_of_version),
        **_systemic(world, past, number_of_version),
        **_radiation(world, past, number_of_version),
        **_follow_up(world, past, number_of_version),
    }
    return {**columns, **_recurrence(world, past, columns, number_of_version)}


def _record(world: World) -> Columns:
    further = world.further_tumour
    several = np.append(further[1:], False)
    person = (world.draws.block * BLOCK_ROWS + world.person + 10_007) * 7_919 % 99_999_989
    patient = REGISTRY + ":" + number(person, 8)
    order = where(further, "02", "01")
    sequence = where(several, "01", spoken(world.recorded["sequence"], SEQUENCE))
    sequence = where(further, "02", sequence)
    prior = prior_cancer(sequence)
    facility = world.draws.whole("facility", 1, FACILITIES)
    return {
        "source": constant("naaccr", len(further)),
        "registry": constant(REGISTRY, len(further)),
        "patient_id": patient,
        "tumor_id": patient + ":" + order,
        "record_number": order.cast(pl.Int64),
        "facility_id": number(facility * 104_729 % 9_999_991, 10),
        "sequence_number": sequence,
        "prior_cancer": prior,
        "prior_breast_primary": where(further, "yes", where((prior == "no").to_numpy(), "no", "unknown")),
        "class_of_case": spoken(world.recorded["class_of_case"]),
        "reporting_source": spoken(world.recorded["reporting_source"], REPORTING),
        "diagnostic_confirmation": where(world.draws.uniform("confirmed") < 0.98, "1", "8"),
        "withheld_follow_up": pl.Series(np.full(len(further), False)),
    }


def _person(world: World, version: int) -> Columns:
    recorded, year = world.recorded, world.year
    # version 26 has no items for the ICD-9-CM codes of the years to 2014
    coded = comorbidity_recorded(world) & ((year >= 2015) | (version < 26))
    charlson = spoken(recorded["charlson"], {"2": "2_or_more", "3": "2_or_more"})
    return {
        "age_at_diagnosis_years": pl.Series(world.age),
        "age_top_coded": pl.Series(np.full(len(year), False)),
        "age_group": age_group(world.age),
        "sex": spoken(recorded["sex"]),
        **race_columns(world, unknown_origin=True),
        "marital_status": spoken(recorded["marital_status"]),
        "primary_payer": spoken(recorded["payer"]),
        "rurality": spoken(recorded["rurality"]),
        "charlson_deyo": where(coded, charlson, "unknown"),
    }


def _tumour(world: World) -> Columns:
    columns = tumour_columns(world, side_unknown="unknown")
    # extent of disease to 2003 calls everything up to three millimetres three
    size = columns["tumor_size_mm"]
    smallest = pl.select(pl.when(pl.Series(world.year < 2004)).then(size.clip(lower_bound=3)).otherwise(size))
    return {**columns, "tumor_size_mm": smallest.to_series()}


def _category(world: World, letter: str, prefix: str) -> Text:
    """T or N as recorded: ``2`` to 2015, ``c2`` in 2016 and 2017, ``cT2`` from 2018 (n,)."""
    coded, year = world.recorded[letter], world.year
    bare = {level: level[1:].upper() for level in coded.levels}
    to_2017 = {level: prefix + text for level, text in bare.items()} | {"tis": "pIS"}
    newer = {level: prefix + letter.upper() + text for level, text in bare.items()}
    newer["tis"] = f"{prefix}Tis(DCIS)"
    text = where(year <= 2015, spoken(coded, bare), spoken(coded, to_2017))
    return where(year <= 2017, text, spoken(coded, newer))


def _derived(world: World, letter: str) -> Text:
    coded, year = world.recorded[letter], world.year
    plain = {level: letter.upper() + level[1:].upper() for level in coded.levels} | {"tis": "Tis"}
    combined = {level: f"c{level[1:].upper()}" for level in coded.levels} | {"tis": "pIS"}
    text = where((year == 2016) | (year == 2017), spoken(coded, combined), spoken(coded, plain))
    return where(year < 2004, "unknown", text)


def _stage(world: World) -> Columns:
    recorded, year = world.recorded, world.year
    stage, always = recorded["stage"], np.full(len(year), True)
    pathologic, eighth = has_pathologic_stage(world), year >= 2018
    m1, unstaged = stage.is_("4"), stage.is_("unknown_stage")
    m_path = where(pathologic & m1, "m1", where(pathologic & eighth & ~unstaged, "m0", "unknown"))
    m_clin = where(m1, "m1", where(unstaged, where(eighth, "unknown", "not_applicable"), "m0"))
    cs_years = (year >= 2004) & (year <= 2015)
    pieces = {
        "evidence_stage_group": evidence(stage, always),
        "evidence_clinical_m": evidence(stage, always),
        "evidence_pathologic_m": tri((m_path == "m1").to_numpy(), (m_path == "m0").to_numpy()),
        "evidence_derived_m": tri(m1 & (year >= 2004), (year >= 2004) & ~m1 & (~unstaged | eighth)),
        "evidence_clinical_stage": evidence(stage, always),
        "evidence_pathologic_stage": evidence(stage, pathologic),
        "evidence_cs_mets": evidence(stage, cs_years),
        "evidence_eod_mets": tri(m1 & eighth, ~m1 & eighth),
    }
    basis = where(pathologic, "pathologic", "clinical")
    edition = where(year <= 2009, "ajcc6_derived", "ajcc7_derived")
    edition = where(cs_years, edition, "tnm_" + basis)
    edition = where(eighth, "ajcc8_" + basis, edition)
    t_known = ~recorded["t"].is_("tx")
    columns = {
        **stage_columns(pieces, organ_evidence(world)),
        "clinical_m": m_clin,
        "pathologic_m": m_path,
        "stage_group": spoken(stage, STAGE),
        "stage_edition": where(unstaged, "none", edition),
        "stage_iv_clinical": evidence(stage, always),
        "summary_distant": evidence(stage, always),
        "stage_iv_ajcc6_derived": evidence(stage, cs_years),
        "stage_iv_rests_on_eod_00": pl.Series(unstaged & eighth),
        "tn_basis": where(t_known, basis, "unknown"),
    }
    for letter in ("t", "n"):
        columns[f"clinical_{letter}"] = _category(world, letter, "c")
        columns[f"pathologic_{letter}"] = where(pathologic, _category(world, letter, "p"), "unknown")
        columns[f"derived_{letter}"] = _derived(world, letter)
    return columns


def _receptors(world: World) -> Columns:
    year = world.year
    definition = where(year <= 2017, "cs_factor_15", constant("overall_summary_2018", len(year)))
    columns = receptor_columns(world, definition=definition)
    return {**columns, **factor_columns(world, columns), **oncotype_columns(oncotype_score(world), year)}


def _date_columns(past: History, event: EventDate, version: int) -> tuple[pl.Series, Text]:
    """Days from diagnosis where both dates are complete, and the state of that number (n,)."""
    complete = event.happened & past.diagnosis_precision.is_(DAY) & event.precision.is_(DAY)
    return known(event.day, complete), days_status(past.diagnosis_precision, event, flags=version <= 22)


def _surgery(world: World, past: History, version: int) -> Columns:
    year, draws, rows = world.year, world.draws, len(world.year)
    given, event = treatment(world), event_dates(world, past)["rxDateMostDefinSurg"]
    unknown, operated = given.surgery_unknown, given.operated & ~given.surgery_unknown
    days, status = _date_columns(past, event, version)
    columns = surgery_columns(world, unknown)
    listed_b, listed_a = year >= 2024, year == 2023
    code = surgery_code(world, unknown, OPERATION, "00", "99")
    code = where(listed_a, surgery_code(world, unknown, OPERATION_2023, "A000", "A990"), code)
    code = where(listed_b, surgery_code(world, unknown, OPERATION_2022, "B000", "B990"), code)
    vague = listed_b & world.recorded["operation"].is_("modified_radical", "radical") & operated
    scope = where(operated & (draws.uniform("scope") < 0.85), "sentinel", "none")
    margin = where(draws.uniform("margin") < 0.85, "negative", "microscopic")
    readmitted = operated & (draws.uniform("readmitted") < 0.03)
    return {
        **columns,
        # the list of 2024 says nothing of the other breast in total mastectomy, and has an item for reconstruction
        "bilateral": where(vague, "unknown", columns["bilateral"]),
        "reconstruction": where(listed_b & operated, "none", columns["reconstruction"]),
        "surgery_code": code,
        "days_to_definitive_surgery": days,
        "days_to_definitive_surgery_status": status,
        "days_to_first_surgery": days,
        "axillary_surgery": where(year >= 2003, scope, "unknown"),
        "surgical_margin": where(operated, margin, "no_surgery"),
        "other_site_surgery": three_state(draws.uniform("other surgery") < 0.02),
        "readmitted_30_days": where(
            given.operated | unknown, where(readmitted, "unplanned", constant("no", rows)), "not_applicable"
        ),
        **{
            f"died_within_{limit}_days_of_surgery": _death_after_surgery(world, past, event, limit)
            for limit in (30, 90)
        },
    }


def _death_after_surgery(world: World, past: History, event: EventDate, limit: int) -> Text:
    """Within so many days of the operation: needs the date of it and the date of the last contact (n,)."""
    given = treatment(world)
    days = past.last_contact_day - event.day
    told = event.happened & event.precision.is_(DAY) & past.contact_precision.is_(DAY) & (days >= 0)
    dead = past.died & (days <= limit)
    text = where(dead, "yes", where(days >= limit, "no", "unknown"))
    text = where(told, text, "unknown")
    return where(given.operated | given.surgery_unknown, text, "not_applicable")


def _systemic(world: World, past: History, version: int) -> Columns:
    year, given = world.year, treatment(world)
    drugs, events = systemic(world, given), event_dates(world, past)
    words: dict[str, Coded] = {
        "chemotherapy": drug_words(world, "chemotherapy", drugs.chemotherapy),
        "hormone_therapy": drug_words(world, "hormone", given.hormone),
        "immunotherapy": drug_words(world, "immunotherapy", drugs.immunotherapy),
    }
    columns = drug_columns(words)
    columns["her2_targeted"] = her2_targeted(year, _receptors(world)["her2_status"], columns["immunotherapy"])
    before = where(drugs.first_day < given.surgery_day, "before", "after")
    sequence = where(drugs.given & given.operated, before, "none_or_not_applicable")
    columns["systemic_surgery_sequence"] = where(year < 2006, "not_collected", sequence)
    for name, item in DATED_DRUGS.items():
        columns[f"days_to_{name}"], columns[f"days_status_{name}"] = _date_columns(
            past, events[item], version
        )
    columns["days_to_systemic"], _ = _date_columns(past, events["rxDateSystemic"], version)
    columns["days_to_first_treatment"], _ = _date_columns(past, events["dateInitialRxSeer"], version)
    return columns


def _radiation(world: World, past: History, version: int) -> Columns:
    given, year = treatment(world), world.year
    bone = world.stage_iv & (world.draws.uniform("volume") < 0.6)
    after = given.radiation_day >= given.surgery_day
    sequence = where(
        given.radiation & given.operated, where(after, "after", "before"), "none_or_not_applicable"
    )
    volume = where(given.radiation, where(bone, "bone", "breast"), "none")
    days, status = _date_columns(past, event_dates(world, past)["rxDateRadiation"], version)
    return {
        "radiation": three_state(given.radiation),
        "reason_not_given_radiation": radiation_reason(world, given.radiation),
        # versions 25 and 26 have no item for the volume of the years to 2017
        "radiation_volume": where((year <= 2017) & (version > 24), "unknown", volume),
        "radiation_surgery_sequence": sequence,
        "radiation_conflict": pl.Series(np.full(len(year), False)),
        "days_to_radiation": days,
        "days_status_radiation": status,
    }


def _contact(past: History) -> tuple[Interval, BoolArray]:
    """The interval from diagnosis to last contact, and whether the dates give it (n,)."""
    contact: Interval = interval(
        past, past.last_contact_day, past.diagnosis_precision, past.contact_precision
    )
    return contact, contact.status.is_in(["recorded", "month_precision"]).to_numpy()


def _survival(world: World, past: History, version: int) -> tuple[pl.Series, Text]:
    """Months and their flag: between the dates, else the registry's own whole months (n,).

    Those end at its cutoff, and before version 18 no item says who was alive there.
    """
    contact, computed = _contact(past)
    certificate = _certificate(world)
    whole = np.floor(world.course.months).astype(np.float64)
    known = computed | (version >= 18)
    months = np.where(computed, contact.months, whole)
    flag = where(months == 0, "complete_zero_days", "complete")
    exact = (contact.status == "recorded").to_numpy()
    flag = where(exact, flag, where(months == 0, "could_be_zero", "incomplete_not_zero"))
    survival = pl.select(pl.when(pl.Series(known & ~certificate)).then(pl.Series(months))).to_series()
    return survival, where(certificate, "not_calculated", where(known, flag, "unknown"))


def _certificate(world: World) -> BoolArray:
    return world.recorded["reporting_source"].is_("death_certificate", "autopsy")


def _follow_up(world: World, past: History, version: int) -> Columns:
    months, flag = _survival(world, past, version)
    first = first_tumour(world)
    doubtful = np.zeros(len(first), dtype=bool)
    if version < 18:  # no classification of the cause for first tumours: an unknown sequence may be one
        unknown_sequence = world.recorded["sequence"].is_("unknown") & ~world.further_tumour
        doubtful = unknown_sequence & ~first & past.died
        first = first | unknown_sequence
    missing = past.died & past.cause_unknown
    cause = where(missing, "missing_cause", where(past.of_cancer, "breast_cancer", "other_cause"))
    group = where(first, where(past.died, cause, "alive"), "not_first_tumor")
    group = where(doubtful, "unknown", group)
    judged = first & ~missing & ~doubtful
    of_cancer = past.of_cancer & judged
    icd = where(missing, "7797", where(past.of_cancer, "C509", "I219"))
    return {
        "survival_months": months,
        "survival_months_flag": flag,
        "entry_months": pl.Series(np.zeros(len(first))),
        "vital_status": where(past.died, "dead", "alive"),
        "died": pl.Series(past.died),
        "cause_of_death_group": group,
        "died_of_breast_cancer": tri(of_cancer, judged & ~of_cancer),
        "died_of_other_cause": tri(judged & past.died & ~of_cancer, judged & (~past.died | of_cancer)),
        "cause_of_death": where(past.died, icd, "0000"),
        "cause_of_death_revision": where(past.died, "icd_10", "none"),
    }


def _recurrence(world: World, past: History, columns: Columns, version: int) -> Columns:
    """How the metastasis came, and the clocks that start at it."""
    gap = interval(past, past.recurrence_day, past.diagnosis_precision, past.recurrence_precision)
    dated = gap.status.is_in(["recorded", "month_precision"]).to_numpy()
    kind, rows = past.recurrence, len(world.year)
    metastatic = columns["metastatic_at_diagnosis"]
    de_novo, unclear = metastatic.fill_null(False).to_numpy(), metastatic.is_null().to_numpy()
    _, seen = _contact(past)
    seen = seen | ((version >= 18) & ~_certificate(world))
    text = where(kind.is_("none") & seen, "not_metastatic", "undetermined")
    text = where(kind.is_("locoregional"), "undetermined_after_locoregional", text)
    text = where(kind.is_("distant") & dated, "metachronous", text)
    text = where(kind.is_("distant_after_in_situ") & dated, "distant_after_in_situ", text)
    text = where(unclear, "undetermined", text)
    presentation = where(de_novo, "de_novo", text)
    late = presentation.is_in(["metachronous", "distant_after_in_situ"]).to_numpy()
    start = np.where(late, gap.months, 0.0)
    survival = columns["survival_months"]
    clock = late | de_novo
    since = (survival - pl.Series(start)).round(6)
    later = (survival >= pl.Series(start)).fill_null(False)
    distant = kind.is_("distant", "distant_after_in_situ") & dated

    def when(condition: BoolArray, values: pl.Series) -> pl.Series:
        return pl.select(pl.when(pl.Series(condition)).then(values)).to_series()

    return {
        "recurrence_type": spoken(kind, {"blank": "unknown"}),
        "recurrence_date_status": gap.status,
        "months_to_first_recurrence": when(dated, pl.Series(gap.months)),
        "months_to_distant_recurrence": when(distant, pl.Series(gap.months)),
        "disease_presentation": presentation,
        "disease_free_interval_months": when(late, pl.Series(start)),
        "survival_from_metastasis_months": when(clock & later.to_numpy(), since),
        "entry_from_metastasis_months": when(clock, pl.Series(np.zeros(rows))),
    }
