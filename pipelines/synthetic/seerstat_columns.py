"""The columns of a SEER*Stat case listing as label text, by concept and release era."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from .draws import BLOCK_ROWS, BoolArray, Coded, IntArray
from .ncdb_treatment import OPERATION, first_treatment, systemic, treatment
from .ncdb_tumour import CS_METS, HISTOLOGY, has_organ, nodes, size_mm
from .text import Text, number, where
from .world import World

LABELS_TABLE = Path(__file__).parent / "tables" / "seerstat_labels.csv"
BLANK = "Blank(s)"
REGISTRIES = {
    "nov2018": ("Connecticut", "Detroit (Metropolitan)", "Hawaii", "Iowa", "New Mexico", "Utah"),
    "nov2022": ("California", "Connecticut", "Georgia", "Hawaii", "Iowa", "New Jersey"),
}
REGISTRIES["nov2024"] = REGISTRIES["nov2022"]
LABELS_OF = {"nov2018": "nov2018", "nov2022": "nov2022", "nov2024": "nov2022"}
"""Labels of receptors and subtypes changed about the submission of November 2019."""
TOP_AGE = {"nov2018": 85, "nov2022": 85, "nov2024": 90}
UNKNOWN_SURGERY = "Unknown; death certificate; or autopsy only (2003+)"
SUBTYPES = {
    "nov2018": ("Her2+/HR+", "Her2-/HR+", "Her2+/HR-", "Triple Negative", "Not 2010+ Breast"),
    "nov2022": ("HR+/HER2+", "HR+/HER2-", "HR-/HER2+", "HR-/HER2-", "Recode not available"),
}
NOT_AVAILABLE = {
    "nov2018": {1990: "Not 1990+ Breast", 2010: "Not 2010+ Breast"},
    "nov2022": {1990: "Recode not available", 2010: "Recode not available"},
}


@cache
def labels() -> dict[str, dict[str, str]]:
    """Label text by concept and word."""
    found: dict[str, dict[str, str]] = {}
    with LABELS_TABLE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["concept"], {})[row["level"]] = row["label"]
    return found


def label(coded: Coded, concept: str) -> Text:
    """The label of each row's word; a word without a label is blank."""
    texts = labels()[concept]
    return pl.Series([texts.get(level, BLANK) for level in coded.levels]).gather(coded.codes)


def listing_columns(world: World, submission: str) -> dict[str, Text]:
    """Every concept of a listing, whether or not the submission exports it."""
    return {
        **_record(world, submission),
        **_person(world, submission),
        **_tumour(world),
        **_receptors(world, LABELS_OF[submission]),
        **_spread(world),
        **_stage(world),
        **_treatment(world),
        **_follow_up(world),
    }


def several_tumours(world: World) -> BoolArray:
    """Whether the next record is a further tumour of the same person (n,)."""
    return np.append(world.further_tumour[1:], False)


def _record(world: World, submission: str) -> dict[str, Text]:
    further, several = world.further_tumour, several_tumours(world)
    person = (world.draws.block * BLOCK_ROWS + world.person + 10_007) * 7_919 % 99_999_989
    registry = world.draws.whole("registry", 0, 5)[world.person]
    sequence = where(several, labels()["sequence"]["first"], label(world.recorded["sequence"], "sequence"))
    return {
        "patient_id": number(person, 8),
        "record_number": where(further, "2", "1"),
        "registry": pl.Series(REGISTRIES[submission]).gather(registry),
        "sequence_number": where(further, labels()["sequence"]["second"], sequence),
        "first_malignant_primary": where(is_first_tumour(world), "Yes", "No"),
        "total_malignant_tumors": where(further | several, "2", "1"),
        "reporting_source": label(world.recorded["reporting_source"], "reporting_source"),
        "diagnostic_confirmation": where(
            world.draws.uniform("confirmed") < 0.98, "Positive histology", "Clinical diagnosis only"
        ),
    }


def is_first_tumour(world: World) -> BoolArray:
    """Whether a record is the person's first tumour, for which SEER classifies the cause of death (n,)."""
    first = world.recorded["sequence"].is_("only", "first") | several_tumours(world)
    return np.logical_and(first, ~world.further_tumour)


def _person(world: World, submission: str) -> dict[str, Text]:
    known, age, top = world.recorded, world.age, TOP_AGE[submission]
    area = "nov2024" if submission == "nov2024" else "nov2022"
    low = age // 5 * 5
    band = number(low, 2) + "-" + number(low + 4, 2) + " years"
    return {
        "age_recode": where(age >= top, f"{top}+ years", band),
        "age_single_recode": where(age >= top, f"{top}+ years", number(age, 2) + " years"),
        "sex": label(known["sex"], "sex"),
        "race_recode": label(known["race_ethnicity"], "race"),
        "race_origin_recode": label(known["race_ethnicity"], "race_origin"),
        "hispanic_origin": where(
            known["race_ethnicity"].is_("hispanic"), "Spanish-Hispanic-Latino", "Non-Spanish-Hispanic-Latino"
        ),
        "marital_status": label(known["marital_status"], "marital"),
        "insurance_recode": where(world.year >= 2007, label(known["payer"], "payer"), BLANK),
        "median_household_income": label(known["income_quartile"], f"income_{area}"),
        "rural_urban_continuum": label(known["rurality"], f"rurality_{area}"),
        "year_of_diagnosis": number(world.year),
    }


def other_site(world: World) -> BoolArray:
    """Further tumours outside the breast (n,)."""
    return np.logical_and(world.further_tumour, world.draws.uniform("other site") < 0.6)


def _tumour(world: World) -> dict[str, Text]:
    known, year, other = world.recorded, world.year, other_site(world)
    site = pl.Series([f"50{level}" for level in known["subsite"].levels]).gather(known["subsite"].codes)
    histology = pl.Series([HISTOLOGY[level] for level in known["histology"].levels])
    histology = where(other, "8140", histology.gather(known["histology"].codes))
    morphology = where(other, "Adenocarcinoma, NOS", label(known["histology"], "morphology"))
    in_situ = known["stage"].is_("0")
    positive, examined = nodes(world)
    size = number(size_mm(world), 3)
    grade, grade_2018 = label(known["grade"], "grade"), label(known["grade"], "grade_2018")
    return {
        "site_recode": where(other, "Lung and Bronchus", "Breast"),
        "primary_site": where(other, "341", site),
        "primary_site_labeled": where(other, "C34.1-Upper lobe, lung", label(known["subsite"], "site")),
        "histology": histology,
        "histology_behavior": histology + where(in_situ, "/2: ", "/3: ") + morphology,
        "behavior": where(in_situ, "In situ", "Malignant"),
        "grade": where(year <= 2017, grade, BLANK),
        "grade_clinical": where(year >= 2018, grade_2018, BLANK),
        "grade_pathologic": where(year >= 2018, where(world.course.operated, grade_2018, "9"), BLANK),
        "laterality": label(known["laterality"], "laterality"),
        "cs_tumor_size": where((year >= 2004) & (year <= 2015), size, BLANK),
        "tumor_size_summary": where(year >= 2016, size, BLANK),
        "nodes_examined": number(examined, 2),
        "nodes_positive": number(positive, 2),
    }


def _receptors(world: World, submission: str) -> dict[str, Text]:
    known, year = world.recorded, world.year
    breast = ~other_site(world)
    absent = NOT_AVAILABLE[submission]
    receptor = f"receptor_{submission}"
    her2_seen = known["her2"]
    # from 2018 equivocal is coded negative, so the recode cannot show it as borderline
    her2 = where(her2_seen.is_("borderline") & (year >= 2018), "Negative", label(her2_seen, receptor))
    return {
        "er_recode": where(breast & (year >= 1990), label(known["er"], receptor), absent[1990]),
        "pr_recode": where(breast & (year >= 1990), label(known["pr"], receptor), absent[1990]),
        "her2_recode": where(breast & (year >= 2010), her2, absent[2010]),
        "breast_subtype": _subtype(world, submission, breast),
        "er_summary": where(breast & (year >= 2018), label(known["er"], "er_2018"), BLANK),
        "pr_summary": where(breast & (year >= 2018), label(known["pr"], "pr_2018"), BLANK),
        "her2_summary": where(breast & (year >= 2018), label(her2_seen, "her2_2018"), BLANK),
    }


def _subtype(world: World, submission: str, breast: BoolArray) -> Text:
    known, year = world.recorded, world.year
    both_pos, hr_pos, her2_pos, neither, absent = SUBTYPES[submission]
    hr_positive = known["er"].is_("positive") | known["pr"].is_("positive")
    hr_negative = known["er"].is_("negative") & known["pr"].is_("negative")
    positive = known["her2"].is_("positive")
    negative = known["her2"].is_("negative") | (known["her2"].is_("borderline") & (year >= 2018))
    text = where(hr_positive & positive, both_pos, "Unknown")
    text = where(hr_positive & negative, hr_pos, text)
    text = where(hr_negative & positive, her2_pos, text)
    text = where(hr_negative & negative, neither, text)
    return where(breast & (year >= 2010), text, absent)


def _spread(world: World) -> dict[str, Text]:
    year, pattern = world.year, world.recorded["pattern"]
    unknown = pattern.is_("unknown") | world.recorded["stage"].is_("unknown_stage")
    in_cs = (year >= 2004) & (year <= 2015)
    cs = pl.Series([CS_METS.get(level, "99") for level in pattern.levels]).gather(pattern.codes)
    none, distant = "None; no other metastases", pattern.is_("other_only")
    yes_other = "Yes; distant mets in known site(s) other than bone, brain, liver, lung, dist LN"
    nodal = where(
        pattern.is_("nodal_only"), "Yes; distant lymph node metastases", "None; no lymph node metastases"
    )
    eod = where(pattern.is_("nodal_only"), "10", where(world.stage_iv, "70", "00"))
    columns = {
        "cs_mets": where(in_cs, where(world.recorded["stage"].is_("unknown_stage"), "99", cs), BLANK),
        "eod_mets": where(year >= 2018, eod, BLANK),
        "mets_distant_ln": where(year >= 2016, where(unknown, "Unknown", nodal), BLANK),
        "mets_other": where(year >= 2016, where(unknown, "Unknown", where(distant, yes_other, none)), BLANK),
    }
    for organ in ("bone", "brain", "liver", "lung"):
        flag = where(unknown, "Unknown", where(has_organ(world, organ), "Yes", "No"))
        columns[f"mets_{organ}"] = where(year >= 2010, flag, BLANK)
    return columns


def _stage(world: World) -> dict[str, Text]:
    year, stage = world.year, world.recorded["stage"]
    breast = ~other_site(world)
    substage = world.draws.uniform("substage") < 0.6
    roman = where(substage, label(stage, "stage_roman"), label(stage, "stage_roman_b"))
    roman = where(breast, roman, "NA")
    arabic = where(substage, label(stage, "stage_arabic"), label(stage, "stage_arabic_b"))
    m, m_eod, m_combined = label(stage, "m"), label(stage, "m_eod"), label(stage, "m_combined")
    t, n = world.recorded["t"], world.recorded["n"]
    eras = {
        "adjusted6": (year <= 2015, roman, label(t, "t_adjusted"), label(n, "n_adjusted"), m),
        "ajcc6": ((year >= 2004) & (year <= 2015), roman, label(t, "t"), label(n, "n"), m),
        "ajcc7": ((year >= 2010) & (year <= 2015), roman, label(t, "t"), label(n, "n"), m_eod),
        "combined": (
            (year == 2016) | (year == 2017),
            arabic,
            label(t, "t_combined"),
            label(n, "n_combined"),
            m_combined,
        ),
        "eod": (year >= 2018, arabic, label(t, "t"), label(n, "n"), m_eod),
    }
    columns = {
        "summary_historic": where(year <= 2015, label(stage, "historic"), BLANK),
        "summary_2000": where(year >= 1998, label(stage, "summary"), BLANK),
        "summary_combined": where(year >= 2004, label(stage, "summary"), BLANK),
    }
    for era, (covered, *values) in eras.items():
        for part, value in zip(("stage", "t", "n", "m"), values, strict=True):
            columns[f"{part}_{era}"] = where(covered, value, BLANK)
    return columns


def _treatment(world: World) -> dict[str, Text]:
    known, year, operated = world.recorded, world.year, world.course.operated
    unknown = world.draws.uniform("surgery recorded") < 0.005
    operation = pl.Series([OPERATION[level] for level in known["operation"].levels])
    code = where(unknown, "99", where(operated, operation.gather(known["operation"].codes), "00"))
    old_code = where(unknown, "99", where(operated, "50", "00"))
    died_first = np.isfinite(world.course.planned_surgery) & (
        world.course.death < world.course.planned_surgery
    )
    not_done = where(
        died_first,
        "Not performed, patient died prior to recommended surgery",
        label(known["reason_no_surgery"], "reason"),
    )
    reason = where(unknown, UNKNOWN_SURGERY, where(operated, "Surgery performed", not_done))
    nodes_removed = where(operated & ~unknown, "4 or more regional lymph nodes removed", "None")
    given = treatment(world)
    drugs = systemic(world, given)
    first, treated = first_treatment(given, drugs)
    after = given.radiation_day >= given.surgery_day
    return {
        "surgery_code": where(year >= 1998, code, BLANK),
        "surgery_code_pre_1998": where(year < 1998, old_code, BLANK),
        "reason_no_surgery": reason,
        "scope_reg_ln": where(year >= 2003, nodes_removed, BLANK),
        "other_site_surgery": where(
            year >= 2003,
            where(
                world.draws.uniform("other surgery") < 0.02,
                "Non-primary surgical procedure to distant site",
                "None; diagnosed at autopsy",
            ),
            BLANK,
        ),
        "radiation_recode": where(given.radiation, "Beam radiation", "None/Unknown"),
        "radiation_surgery_sequence": where(
            given.radiation & operated,
            where(after, "Radiation after surgery", "Radiation prior to surgery"),
            "No radiation and/or no surgery; unknown if surgery and/or radiation given",
        ),
        "systemic_surgery_sequence": where(
            year >= 2007,
            where(
                drugs.given & operated,
                where(
                    drugs.first_day < given.surgery_day,
                    "Systemic therapy before surgery",
                    "Systemic therapy after surgery",
                ),
                "No systemic therapy and/or surgical procedures",
            ),
            BLANK,
        ),
        "days_to_treatment": where(
            treated, where(first <= 730, number(first), "731+days"), "Unable to calculate"
        ),
        "chemotherapy_recode": where(world.latent["chemotherapy"].is_("given"), "Yes", "No/Unknown"),
    }


@dataclass(frozen=True)
class FollowUp:
    """What is seen of each person to the end of follow-up (arrays of shape (n,); completed months)."""

    by_certificate: BoolArray
    died: BoolArray
    of_cancer: BoolArray
    no_cause: BoolArray
    whole_months: IntArray
    zero_days: BoolArray
    complete: BoolArray


def follow_up_facts(world: World) -> FollowUp:
    """Follow-up as SEER records it: whoever is known from a death certificate has died and has no months."""
    course = world.course
    by_certificate = world.recorded["reporting_source"].is_("death_certificate", "autopsy")
    died = course.died | by_certificate
    return FollowUp(
        by_certificate=by_certificate,
        died=died,
        of_cancer=died & (course.cancer_death | by_certificate),
        no_cause=died & (world.draws.uniform("cause recorded")[world.person] < 0.008),
        whole_months=np.floor(course.months).astype(np.int64),
        zero_days=course.months < 1 / 30,
        complete=world.draws.uniform("dates complete")[world.person] < 0.985,
    )


def _follow_up(world: World) -> dict[str, Text]:
    first, seen = is_first_tumour(world), follow_up_facts(world)
    by_certificate, died, of_cancer, no_cause = seen.by_certificate, seen.died, seen.of_cancer, seen.no_cause
    flag = where(
        seen.complete,
        where(
            seen.zero_days,
            "Complete dates are available and there are 0 days of survival",
            "Complete dates are available and there are more than 0 days of survival",
        ),
        where(
            seen.whole_months == 0,
            "Incomplete dates are available and there could be zero days of follow-up",
            "Incomplete dates are available and there cannot be zero days of follow-up",
        ),
    )
    not_calculated = "Not calculated because a Death Certificate Only or Autopsy Only case"
    missing = "Dead (missing/unknown COD)"
    cancer = where(of_cancer, "Dead (attributable to this cancer dx)", "Alive or dead of other cause")
    other = where(
        died & ~of_cancer,
        "Dead (attributable to causes other than this cancer dx)",
        "Alive or dead due to cancer",
    )
    no_cod = "State DC not available or state DC available but no COD"
    cod = where(no_cause, no_cod, where(of_cancer, "Breast", "Diseases of Heart"))
    return {
        "survival_months": where(by_certificate, "Unknown", number(seen.whole_months, 4)),
        "survival_flag": where(by_certificate, not_calculated, flag),
        "vital_status": where(died, "Dead", "Alive"),
        "cause_of_death": where(died, cod, "Alive"),
        "cause_specific": where(first, where(no_cause, missing, cancer), "N/A not first tumor"),
        "other_cause": where(first, where(no_cause, missing, other), "N/A not first tumor"),
    }
