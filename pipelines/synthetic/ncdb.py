"""NCDB Participant User File, fixed width: the columns of the person and of follow-up, and whole records."""

from collections.abc import Iterator

import numpy as np

from pipelines.codebook.layouts import builtin_layouts

from .draws import BLOCK_ROWS, Draws
from .fixed_width import Bytes, assemble, numbers, where, words
from .ncdb_treatment import DAYS_PER_MONTH, Treatment, treatment, treatment_columns
from .ncdb_tumour import tumour_columns
from .world import Release, World

FIRST_YEAR = 2004
RELEASES = ("2013", "2016", "2020", "2022", "2023")
FACILITIES = 1_400
OLD_NAMES = {
    "CDCC_TOTAL_BEST": "CDCC_TOTAL",
    "MED_INC_QUAR_2016": "MED_INC_QUAR_16",
    "NO_HSD_QUAR_2016": "NO_HSD_QUAR_16",
    "TUMOR_SIZE_SUMMARY_2016": "TUMOR_SIZE_SUMMARY",
    "PUF_REFERENCE_DATE_FLAG": "REFERENCE_DATE_FLAG",
    "PUF_MEDICAID_EXPN_CODE": "MEDICAID_EXPN_CODE",
}
RACE = {
    "non_hispanic_white": "01",
    "non_hispanic_black": "02",
    "hispanic": "01",
    "non_hispanic_asian_pacific_islander": "04",
    "non_hispanic_american_indian_alaska_native": "03",
    "non_hispanic_other": "98",
    "unknown": "99",
}
PAYER = {
    "none": "0",
    "private": "1",
    "medicaid": "2",
    "medicare": "3",
    "other_government": "4",
    "unknown": "9",
}
FACILITY = {"community": "1", "comprehensive": "2", "academic": "3", "network": "4"}
SEQUENCE = {"only": "00", "first": "01", "second": "02", "third": "03", "unknown": "99"}
RURALITY = {"metro": "1", "urban": "4", "rural": "8"}


def release(puf_year: str) -> Release:
    """The diagnosis years of a release; everyone is followed to the end of the year after its last."""
    last = int(puf_year)
    return Release("ncdb", FIRST_YEAR, last, last + 2.0)


def records(world: World, puf_year: str) -> bytes:
    """All records of a block as fixed-width lines.

    Parameters
    ----------
    world : World
    puf_year : str
        Release with a built-in layout.

    Returns
    -------
    bytes
    """
    layout = builtin_layouts()[puf_year]
    places = {name: field.bytes for name, field in layout.by_name.items()}
    given = treatment(world)
    columns = {**_person(world, puf_year), **tumour_columns(world, puf_year)}
    columns |= treatment_columns(world, given)
    columns |= _follow_up(world, given)
    fields = dict(_as_named(columns, places))
    return assemble(fields, places, layout.length, len(world.year))


def _as_named(columns: dict[str, Bytes], places: dict[str, slice]) -> Iterator[tuple[str, Bytes]]:
    """Give each column the name its release uses; what the release has not is left out."""
    for name, column in columns.items():
        received = name if name in places else OLD_NAMES.get(name, "")
        if received in places:
            yield received, column


def case_keys(draws: Draws) -> Bytes:
    """Random keys of 37 characters; the last 8 count the records, so that no key comes twice."""
    rows = draws.rows
    key = np.random.SeedSequence([draws.seed, draws.block, 37])
    noise = np.random.Generator(np.random.PCG64(key)).integers(0, 16, (rows, 37), dtype=np.uint8)
    number = draws.block * BLOCK_ROWS + np.arange(rows)
    for place in range(8):
        noise[:, 36 - place] = (number >> (4 * place)) & 15
    text = np.frombuffer(b"0123456789ABCDEF", dtype=np.uint8)[noise]
    return np.ascontiguousarray(text).view("S37").ravel()


def _person(world: World, puf_year: str) -> dict[str, Bytes]:
    known, draws, year = world.recorded, world.draws, world.year
    facility = draws.whole("facility", 1, FACILITIES)
    young = world.age < 40
    hispanic, unknown = known["race_ethnicity"].is_("hispanic"), known["race_ethnicity"].is_("unknown")
    miles = np.minimum(np.rint(90 * draws.exponential("miles")), 30_000).astype(np.int64)
    income = words(known["income_quartile"], {"q1": "1", "q2": "2", "q3": "3", "q4": "4"}, 1)
    education = words(known["education_quartile"], {"q1": "1", "q2": "2", "q3": "3", "q4": "4"}, 1)
    rurality = words(known["rurality"], RURALITY, 1)
    three_or_more = "2" if puf_year == "2013" else "3"  # that release stops at 2 or more
    expansion = np.array([b"0", b"1", b"1", b"2"])[facility % 4]
    columns = {
        "PUF_CASE_ID": case_keys(draws),
        "PUF_FACILITY_ID": numbers(facility * 7_919 % 99_991, 10, show="{:010d}".format),
        "FACILITY_TYPE_CD": words(known["facility_type"], FACILITY, 1),
        "FACILITY_LOCATION_CD": where(young, " ", numbers(1 + facility % 9, 1)),
        "AGE": numbers(np.minimum(world.age, 90), 3, show="{:03d}".format),
        "SEX": words(known["sex"], {"male": "1", "female": "2"}, 1),
        "RACE": words(known["race_ethnicity"], RACE, 2),
        "SPANISH_HISPANIC_ORIGIN": where(
            unknown, "9", where(hispanic, numbers(draws.whole("origin", 1, 6), 1), "0")
        ),
        "INSURANCE_STATUS": words(known["payer"], PAYER, 2),
        "CROWFLY": numbers(miles, 8, show=lambda tenths: f"{tenths / 10:.1f}"),
        "CDCC_TOTAL_BEST": words(known["charlson"], {"0": "0", "1": "1", "2": "2", "3": three_or_more}, 2),
        "SEQUENCE_NUMBER": words(known["sequence"], SEQUENCE, 2),
        "CLASS_OF_CASE": words(
            known["class_of_case"], {level: level for level in known["class_of_case"].levels}, 2
        ),
        "YEAR_OF_DIAGNOSIS": numbers(year, 4),
        "PUF_MEDICAID_EXPN_CODE": where(young, "9", expansion),
        "PUF_MULT_SOURCE": where(draws.uniform("several sources") < 0.2, "1", "0"),
        "PUF_REFERENCE_DATE_FLAG": where(draws.uniform("reference date") < 0.98, "1", "0"),
    }
    for vintage in ("00", "12", "2016", "2020"):
        columns[f"MED_INC_QUAR_{vintage}"] = income
        columns[f"NO_HSD_QUAR_{vintage}"] = education
    columns["TOBACCO_USE"] = numbers(draws.whole("tobacco", 0, 2), 1)
    return {**columns, "UR_CD_03": rurality, "UR_CD_13": rurality, "UR_CD_23": rurality}


def _follow_up(world: World, given: Treatment) -> dict[str, Bytes]:
    course, draws = world.course, world.draws
    withheld = world.year == world.release.last_year
    lost = withheld | (draws.uniform("follow-up recorded") < 0.003)
    hundredths = np.rint(course.months * 100).astype(np.int64)
    months = numbers(hundredths, 8, show=lambda value: f"{value / 100:.2f}")
    since_surgery = course.months * DAYS_PER_MONTH - given.surgery_day
    eligible = given.operated & ~given.surgery_unknown & ~lost

    def dead_within(days: int) -> Bytes:
        died = course.died & (since_surgery <= days)
        unknown = ~course.died & (since_surgery < days)
        return where(eligible, where(died, "1", where(unknown, "9", "0")), " ")

    return {
        "DX_LASTCONTACT_DEATH_MONTHS": where(lost, " " * 8, months),
        "PUF_VITAL_STATUS": where(lost, " ", where(course.died, "0", "1")),
        "PUF_30_DAY_MORT_CD": dead_within(30),
        "PUF_90_DAY_MORT_CD": dead_within(90),
    }
