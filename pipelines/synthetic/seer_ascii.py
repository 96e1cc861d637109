"""SEER research data in ASCII: the people of a case listing as codes in columns of fixed width.

The codes are those of SEER's own record description. What a listing of the same submission says in words is said
here in digits, from the same draws: the two files are about the same people.
"""

import numpy as np

from pipelines.formats.seer.ascii import seer_ascii_layouts

from .draws import BLOCK_ROWS, BoolArray, Coded
from .fixed_width import Bytes, assemble, constant, numbers, where, words
from .ncdb_treatment import OPERATION
from .ncdb_tumour import CS_METS, HISTOLOGY, ORGANS, has_organ, nodes, size_mm
from .seerstat_columns import follow_up_facts, is_first_tumour, other_site, several_tumours
from .world import Release, World

RELEASES = {
    "nov2016": Release("seer", 1988, 2014, 2015.0),
    "nov2018": Release("seer", 1988, 2016, 2017.0),
}
REGISTRIES = ("0000001502", "0000001520", "0000001521", "0000001522", "0000001523", "0000001526")
DEAD = {"nov2016": "4", "nov2018": "0"}
MARITAL = {
    "single": "1",
    "married": "2",
    "separated": "3",
    "divorced": "4",
    "widowed": "5",
    "partner": "6",
    "unknown": "9",
}
RACE = {
    "non_hispanic_white": "1",
    "hispanic": "1",
    "non_hispanic_black": "2",
    "non_hispanic_american_indian_alaska_native": "3",
    "non_hispanic_asian_pacific_islander": "4",
    "non_hispanic_other": "7",
    "unknown": "9",
}
PAYER = {
    "none": "1",
    "medicaid": "2",
    "private": "3",
    "medicare": "3",
    "other_government": "4",
    "unknown": "5",
}
REPORTING = {"hospital": "1", "autopsy": "6", "death_certificate": "7"}
SEQUENCE = {"only": "00", "first": "01", "second": "02", "third": "03", "unknown": "99"}
SIDE = {"right": "1", "left": "2", "bilateral": "4", "side_unknown": "9"}
T = {"tis": "05", "t1": "10", "t2": "20", "t3": "30", "t4": "40", "tx": "99"}
N = {"n0": "00", "n1": "10", "n2": "20", "n3": "30", "nx": "99"}
M = {"0": "00", "1": "00", "2": "00", "3": "00", "4": "10", "unknown_stage": "99"}
M_SEVENTH = {**M, "unknown_stage": "00"}  # the 7th edition derives M0 where metastasis is unknown
STAGE_A = {"0": "00", "1": "10", "2": "32", "3": "52", "4": "70", "unknown_stage": "99"}
STAGE_B = {**STAGE_A, "2": "33", "3": "54"}
COMBINED_A = {"0": "0", "1": "1A", "2": "2A", "3": "3A", "4": "4", "unknown_stage": "99"}
COMBINED_B = {**COMBINED_A, "1": "1B", "2": "2B", "3": "3C"}
COMBINED_T = {"tis": "pIS", "t1": "c1", "t2": "c2", "t3": "c3", "t4": "c4", "tx": "cX"}
COMBINED_N = {"n0": "c0", "n1": "c1", "n2": "c2", "n3": "c3", "nx": "cX"}
COMBINED_M = {"0": "c0", "1": "c0", "2": "c0", "3": "c0", "4": "c1", "unknown_stage": "cX"}
SUMMARY = {"0": "0", "1": "1", "2": "2", "3": "2", "4": "7", "unknown_stage": "9"}
HISTORIC = {"0": "0", "1": "1", "2": "2", "3": "2", "4": "4", "unknown_stage": "9"}
RECEPTOR = {"positive": "1", "negative": "2", "borderline": "3", "unknown": "4", "not_collected": "4"}
REASON = {"not_planned": "1", "contraindicated": "2", "not_done": "6", "refused": "7"}


def records(world: World, submission: str) -> bytes:
    """All records of a block as fixed-width lines.

    Parameters
    ----------
    world : World
    submission : {"nov2016", "nov2018"}

    Returns
    -------
    bytes
    """
    layout = seer_ascii_layouts()[submission]
    places = {name: field.bytes for name, field in layout.by_name.items()}
    columns = {
        **_record(world),
        **_person(world),
        **_tumour(world),
        **_receptors(world),
        **_spread(world),
        **_stage(world),
        **_combined_stage(world),
        **_treatment(world),
        **_follow_up(world, submission),
    }
    fields = {name: column for name, column in columns.items() if name in places}
    return assemble(fields, places, layout.length, len(world.year))


def _seventh(codes: dict[str, str]) -> dict[str, str]:
    """Codes of the 7th edition: those of the 6th with one more digit."""
    return {word: "999" if code == "99" else f"{code}0" for word, code in codes.items()}


def _era(world: World, first: int, last: int) -> BoolArray:
    return np.logical_and(world.year >= first, world.year <= last)


def _record(world: World) -> dict[str, Bytes]:
    person = (world.draws.block * BLOCK_ROWS + world.person + 10_007) * 7_919 % 99_999_989
    further, several = world.further_tumour, several_tumours(world)
    sequence = where(several, "01", words(world.recorded["sequence"], SEQUENCE, 2))
    registry = Coded(
        world.draws.whole("registry", 0, 5)[world.person].astype(np.int8), tuple(str(i) for i in range(6))
    )
    return {
        "PUBCSNUM": np.char.zfill(person.astype("S8"), 8),
        "REG": words(registry, dict(zip(registry.levels, REGISTRIES, strict=True)), 10),
        "REC_NO": where(further, "02", "01"),
        "SEQ_NUM": where(further, "02", sequence),
        "FIRSTPRM": where(is_first_tumour(world), "1", "0"),
        "MALIGCOUNT": where(further | several, "02", "01"),
        "BENBORDCOUNT": constant("00", len(further), 2),
        "REPT_SRC": words(world.recorded["reporting_source"], REPORTING, 1),
        "DX_CONF": where(world.draws.uniform("confirmed") < 0.98, "1", "8"),
    }


def _person(world: World) -> dict[str, Bytes]:
    known, age, year = world.recorded, world.age, world.year
    return {
        "AGE_DX": numbers(age, 3, show="{:03d}".format),
        "AGE_1REC": numbers(np.minimum(age // 5 + 1, 18), 2, show="{:02d}".format),
        "YR_BRTH": numbers(year - age, 4),
        "SEX": words(known["sex"], {"male": "1", "female": "2"}, 1),
        "RAC_RECY": words(known["race_ethnicity"], RACE, 1),
        "ORIGRECB": where(known["race_ethnicity"].is_("hispanic"), "1", "0"),
        "MAR_STAT": words(known["marital_status"], MARITAL, 1),
        "INSREC_PUB": where(year >= 2007, words(known["payer"], PAYER, 1), " "),
        "YEAR_DX": numbers(year, 4),
    }


def _tumour(world: World) -> dict[str, Bytes]:
    known, other = world.recorded, other_site(world)
    site = words(known["subsite"], {level: f"C50{level}" for level in known["subsite"].levels}, 4)
    positive, examined = nodes(world)
    size = numbers(size_mm(world), 3, show="{:03d}".format)
    grade = words(known["grade"], {"1": "1", "2": "2", "3": "3", "unknown": "9"}, 1)
    return {
        "SITERWHO": where(other, "22030", "26000"),
        "PRIMSITE": where(other, "C341", site),
        "HISTO3V": where(other, "8140", words(known["histology"], HISTOLOGY, 4)),
        "BEHO3V": where(known["stage"].is_("0"), "2", "3"),
        "GRADE": where(world.year <= 2017, grade, " "),
        "LATERAL": words(known["laterality"], SIDE, 1),
        "CSTUMSIZ": where(_era(world, 2004, 2015), size, "   "),
        "TUMSIZS": where(world.year >= 2016, size, "   "),
        "EOD10_PN": numbers(positive, 2, show="{:02d}".format),
        "EOD10_NE": numbers(examined, 2, show="{:02d}".format),
    }


def _receptors(world: World) -> dict[str, Bytes]:
    known, breast = world.recorded, ~other_site(world)
    hr_positive = known["er"].is_("positive") | known["pr"].is_("positive")
    hr_negative = known["er"].is_("negative") & known["pr"].is_("negative")
    positive, negative = known["her2"].is_("positive"), known["her2"].is_("negative")
    subtype = where(hr_positive & positive, "1", "5")
    subtype = where(hr_negative & positive, "2", subtype)
    subtype = where(hr_positive & negative, "3", subtype)
    subtype = where(hr_negative & negative, "4", subtype)
    since_1990, since_2010 = breast & (world.year >= 1990), breast & (world.year >= 2010)
    return {
        "ERSTATUS": where(since_1990, words(known["er"], RECEPTOR, 1), "9"),
        "PRSTATUS": where(since_1990, words(known["pr"], RECEPTOR, 1), "9"),
        "HER2": where(since_2010, words(known["her2"], RECEPTOR, 1), "9"),
        "BRST_SUB": where(since_2010, subtype, "9"),
    }


def _spread(world: World) -> dict[str, Bytes]:
    year, pattern, stage = world.year, world.recorded["pattern"], world.recorded["stage"]
    unknown = pattern.is_("unknown") | stage.is_("unknown_stage")
    cs = where(stage.is_("unknown_stage"), "99", words(pattern, CS_METS, 2))

    def flag(first: int, yes: BoolArray) -> Bytes:
        return where(year >= first, where(unknown, "9", where(yes, "1", "0")), " ")

    columns = {
        "CSMETSDX": where(_era(world, 2004, 2015), cs, "  "),
        "METSDXLN": flag(2016, pattern.is_("nodal_only")),
        "METSDXO": flag(2016, pattern.is_("other_only")),
    }
    places = {"bone": "B", "brain": "BR", "liver": "LIV", "lung": "LUNG"}
    for organ in ORGANS:
        for combined in ("CSMETSDX", "SCMETSDX"):
            columns[f"{combined}{places[organ]}_PUB"] = flag(2010, has_organ(world, organ))
    return columns


def _stage(world: World) -> dict[str, Bytes]:
    stage, t, n = world.recorded["stage"], world.recorded["t"], world.recorded["n"]
    breast, sixth, seventh = ~other_site(world), _era(world, 2004, 2015), _era(world, 2010, 2015)
    adjusted, first_group = world.year <= 2015, world.draws.uniform("substage") < 0.6
    group = where(breast, where(first_group, words(stage, STAGE_A, 2), words(stage, STAGE_B, 2)), "88")
    group_7 = where(
        breast,
        where(first_group, words(stage, _seventh(STAGE_A), 3), words(stage, _seventh(STAGE_B), 3)),
        "888",
    )
    summary = words(stage, SUMMARY, 1)
    return {
        "DAJCCT": where(sixth, words(t, T, 2), "  "),
        "DAJCCN": where(sixth, words(n, N, 2), "  "),
        "DAJCCM": where(sixth, words(stage, M, 2), "  "),
        "DAJCCSTG": where(sixth, group, "  "),
        "DAJCC7T": where(seventh, words(t, _seventh(T), 3), "   "),
        "DAJCC7N": where(seventh, words(n, _seventh(N), 3), "   "),
        "DAJCC7M": where(seventh, words(stage, _seventh(M_SEVENTH), 3), "   "),
        "DAJCC7STG": where(seventh, group_7, "   "),
        "ADJTM_6VALUE": where(adjusted, words(t, T, 2), "  "),
        "ADJNM_6VALUE": where(adjusted, words(n, N, 2), "  "),
        "ADJM_6VALUE": where(adjusted, words(stage, M, 2), "  "),
        "ADJAJCCSTG": where(adjusted, group, "  "),
        "HST_STGA": where(adjusted, words(stage, HISTORIC, 1), " "),
        "SSS77VZ": where(_era(world, 1998, 2000), summary, " "),
        "SSSM2KPZ": where(_era(world, 2001, 2003), summary, " "),
        "DSS2000S": where(world.year >= 2004, summary, " "),
        "SCSSM2KO": where(world.year >= 2004, summary, " "),
    }


def _combined_stage(world: World) -> dict[str, Bytes]:
    """Fields of diagnoses of 2016 and 2017: text, left-justified."""
    stage, years = world.recorded["stage"], _era(world, 2016, 2017)
    group = where(
        world.draws.uniform("substage") < 0.6,
        words(stage, COMBINED_A, 5, align="left"),
        words(stage, COMBINED_B, 5, align="left"),
    )
    return {
        "DSRPSG": where(years, group, " " * 5),
        "DASRCT": where(years, words(world.recorded["t"], COMBINED_T, 5, align="left"), " " * 5),
        "DASRCN": where(years, words(world.recorded["n"], COMBINED_N, 5, align="left"), " " * 5),
        "DASRCM": where(years, words(stage, COMBINED_M, 5, align="left"), " " * 5),
    }


def _treatment(world: World) -> dict[str, Bytes]:
    known, year, course = world.recorded, world.year, world.course
    unknown = world.draws.uniform("surgery recorded") < 0.005
    code = where(unknown, "99", where(course.operated, words(known["operation"], OPERATION, 2), "00"))
    old_code = where(unknown, "99", where(course.operated, "50", "00"))
    died_first = np.isfinite(course.planned_surgery) & (course.death < course.planned_surgery)
    not_done = where(died_first, "5", words(known["reason_no_surgery"], REASON, 1))
    scope = where(course.operated & ~unknown, "5", "0")
    other = where(world.draws.uniform("other surgery") < 0.02, "4", "0")
    return {
        "SURGPRIF": where(year >= 1998, code, "  "),
        "SS_SURG": where(year < 1998, old_code, "  "),
        "NO_SURG": where(unknown, "9", where(course.operated, "0", not_done)),
        "SURGSCOF": where(year >= 2003, scope, " "),
        "SURGSITF": where(year >= 2003, other, " "),
    }


def _follow_up(world: World, submission: str) -> dict[str, Bytes]:
    seen = follow_up_facts(world)
    first = is_first_tumour(world)
    flag = where(
        seen.complete,
        where(seen.zero_days, "0", "1"),
        where(seen.whole_months == 0, "2", "3"),
    )
    missing = seen.died & seen.no_cause
    cancer = where(missing, "8", where(seen.of_cancer, "1", "0"))
    other = where(missing, "8", where(seen.died & ~seen.of_cancer, "1", "0"))
    cause = where(seen.no_cause, "99999", where(seen.of_cancer, "26000", "50060"))
    months = numbers(seen.whole_months, 4, show="{:04d}".format)
    return {
        "SRV_TIME_MON": where(seen.by_certificate, "9999", months),
        "SRV_TIME_MON_FLAG": where(seen.by_certificate, "8", flag),
        "STAT_REC": where(seen.died, DEAD[submission], "1"),
        "CODPUB": where(seen.died, cause, "00000"),
        "VSRTSADX": where(first, cancer, "9"),
        "ODTHCLASS": where(first, other, "9"),
    }
