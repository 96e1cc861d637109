"""NCDB columns of the tumour: site, stage, spread, receptors, era by era."""

from dataclasses import dataclass

import numpy as np

from .draws import BoolArray, Coded, FloatArray, IntArray
from .fixed_width import Bytes, numbers, where, words
from .history import oncotype_score
from .world import World

HISTOLOGY = {
    "ductal": "8500",
    "lobular": "8520",
    "mixed": "8522",
    "nos": "8010",
    "inflammatory": "8530",
    "sarcoma": "8800",
    "papillary": "8503",
}
SSF_RECEPTOR = {"positive": "010", "negative": "020", "borderline": "030", "unknown": "999"}
SUMMARY = {"positive": "1", "negative": "0", "borderline": "9", "unknown": "9"}
HER2_SUMMARY = {**SUMMARY, "borderline": "0"}  # from 2018 "negative; equivocal" is one code
CS_METS = {
    "none": "00",
    "bone_only": "44",
    "lung_only": "44",
    "liver_only": "44",
    "brain_only": "44",
    "multiple": "44",
    "other_only": "42",
    "nodal_only": "10",
    "unknown": "60",
    "not_collected": "40",
}
ORGANS = ("bone", "brain", "liver", "lung")


def tumour_columns(world: World, puf_year: str) -> dict[str, Bytes]:
    """Columns of the tumour by canonical PUF name."""
    return {
        **_morphology(world),
        **_size_and_nodes(world),
        **_tnm_to_2017(world, puf_year),
        **_tnm_from_2018(world),
        **_spread(world),
        **_receptors(world),
    }


def _morphology(world: World) -> dict[str, Bytes]:
    known, year = world.recorded, world.year
    in_situ = known["stage"].is_("0")
    grade = words(known["grade"], {"1": "1", "2": "2", "3": "3", "unknown": "9"}, 1)
    operated = world.course.operated
    return {
        "PRIMARY_SITE": words(
            known["subsite"], {level: f"C50{level}" for level in known["subsite"].levels}, 4
        ),
        "LATERALITY": words(
            known["laterality"], {"left": "2", "right": "1", "bilateral": "4", "side_unknown": "3"}, 1
        ),
        "HISTOLOGY": words(known["histology"], HISTOLOGY, 4),
        "BEHAVIOR": where(in_situ, "2", "3"),
        "GRADE": where(year <= 2017, grade, " "),
        "GRADE_CLIN": where(year >= 2018, grade, " "),
        "GRADE_PATH": where(year >= 2018, where(operated, grade, "9"), " "),
        "DIAGNOSTIC_CONFIRMATION": where(world.draws.uniform("confirmed") < 0.99, "1", "5"),
        "LYMPH_VASCULAR_INVASION": where(
            year >= 2010, where(operated, where(world.draws.uniform("lvi") < 0.3, "1", "0"), "8"), " "
        ),
        "SCHEMA_ID": where(year >= 2018, "00480", "     "),
        "AJCC_ID": where(year >= 2018, where(in_situ, "48.1", "48.2"), "    "),
        "CS_VERSION_LATEST": where(year <= 2015, "020550", "      "),
    }


def size_mm(world: World) -> IntArray:
    """Tumour size in millimetres, or a code that is none (990-999), from T as recorded (n,)."""
    u = world.draws.uniform("size")
    known = world.recorded["t"]
    low = known.lookup({"tis": 3, "t1": 2, "t2": 21, "t3": 51, "t4": 15})
    high = known.lookup({"tis": 60, "t1": 20, "t2": 50, "t3": 120, "t4": 150})
    size = (low + (high - low + 1) * u).astype(np.int64)
    size = np.where(known.is_("t1") & (u < 0.02), 990, size)
    size = np.where(known.is_("t4") & (u > 0.95), 998, size)
    return np.where(known.is_("tx", "blank"), 999, size)


def nodes(world: World) -> tuple[IntArray, IntArray]:
    """Regional nodes positive (98 none examined) and examined (n,)."""
    known, u = world.recorded["n"], world.draws.uniform("nodes")
    low = known.lookup({"n1": 1, "n2": 4, "n3": 10})
    high = known.lookup({"n1": 3, "n2": 9, "n3": 20})
    positive = (low + (high - low + 1) * u * known.is_("n1", "n2", "n3")).astype(np.int64)
    examined = positive + world.draws.whole("nodes examined", 1, 12)
    taken = world.course.operated & ~known.is_("nx", "blank")
    return np.where(taken, positive, 98), np.where(taken, examined, 0)


def _size_and_nodes(world: World) -> dict[str, Bytes]:
    size = numbers(size_mm(world), 3, show="{:03d}".format)
    positive, examined = nodes(world)
    return {
        "TUMOR_SIZE": where(world.year <= 2015, size, "   "),
        "TUMOR_SIZE_SUMMARY_2016": where(world.year >= 2016, size, "   "),
        "REGIONAL_NODES_POSITIVE": numbers(positive, 2, show="{:02d}".format),
        "REGIONAL_NODES_EXAMINED": numbers(examined, 2, show="{:02d}".format),
    }


def _group(world: World, stage: Coded, width: int, align: str) -> Bytes:
    """Stage group of AJCC, 1-3 split by a coin."""
    a = words(
        stage,
        {"0": "0", "1": "1A", "2": "2A", "3": "3A", "4": "4", "unknown_stage": "99"},
        width,
        align=align,
    )
    b = words(
        stage,
        {"0": "0", "1": "1B", "2": "2B", "3": "3C", "4": "4", "unknown_stage": "99"},
        width,
        align=align,
    )
    return where(world.draws.uniform("substage") < 0.7, a, b)


def _category(coded: Coded, prefix: str, letter: str, width: int, align: str) -> Bytes:
    """T or N: ``c1`` to 2017, ``cT1`` from 2018."""
    codes = {level: f"{prefix}{letter}{level[1:].upper()}" for level in coded.levels if level != "blank"}
    codes["tis"] = f"{prefix}Tis(DCIS)" if letter else "pIS" if prefix else "IS"
    return words(coded, codes, width, align=align)


@dataclass(frozen=True)
class _Staging:
    """Which records have a clinical stage, a pathologic one, and a hidden M0(i+)."""

    no_clinical: BoolArray
    pathologic: BoolArray
    u: FloatArray

    @classmethod
    def of(cls, world: World) -> "_Staging":
        return cls(
            no_clinical=world.recorded["t"].is_("blank"),
            pathologic=world.course.operated & (world.draws.uniform("pathologic stage") < 0.75)
            | world.upstaged,
            u=world.draws.uniform("clinical m"),
        )


def _tnm_to_2017(world: World, puf_year: str) -> dict[str, Bytes]:
    """Fields of editions 6 and 7: right-justified; without their c and p in the release of 2013."""
    known, year, staged = world.recorded, world.year, _Staging.of(world)
    stage, before = known["stage"], world.clinical_stage
    clinical = (year <= 2017) & ~staged.no_clinical
    pathologic = (year <= 2017) & (staged.pathologic | staged.no_clinical)
    c, p, width = ("", "", 4) if puf_year == "2013" else ("c", "p", 5)
    blank = " " * width
    m = where(
        before.is_("4"),
        f"{c}1".rjust(width),
        where(
            before.is_("unknown_stage"),
            f"{c}X".rjust(width),
            where(staged.u < 0.003, f"{c}0I+".rjust(width), f"{c}0".rjust(width)),
        ),
    )
    m_pathologic = pathologic & stage.is_("4") & (staged.no_clinical | (staged.u > 0.6) | world.upstaged)
    not_grouped = where(year <= 2017, "  99", "    ")
    edition = np.select([year <= 2009, year <= 2017], ["06", "07"], "08").astype("S2")
    return {
        "TNM_CLIN_T": where(clinical, _category(known["t"], c, "", width, "right"), blank),
        "TNM_CLIN_N": where(clinical, _category(known["n"], c, "", width, "right"), blank),
        "TNM_CLIN_M": where(clinical, m, blank),
        "TNM_CLIN_STAGE_GROUP": where(clinical, _group(world, before, 4, "right"), not_grouped),
        "TNM_PATH_T": where(pathologic, _category(known["t"], p, "", width, "right"), blank),
        "TNM_PATH_N": where(pathologic, _category(known["n"], p, "", width, "right"), blank),
        "TNM_PATH_M": where(m_pathologic, f"{p}1".rjust(width), blank),
        "TNM_PATH_STAGE_GROUP": where(pathologic, _group(world, stage, 4, "right"), not_grouped),
        "TNM_EDITION_NUMBER": edition,
        "ANALYTIC_STAGE_GROUP": words(
            stage, {"0": "0", "1": "1", "2": "2", "3": "3", "4": "4", "unknown_stage": "9"}, 1
        ),
    }


def _tnm_from_2018(world: World) -> dict[str, Bytes]:
    """Fields of edition 8: left-justified."""
    known, staged = world.recorded, _Staging.of(world)
    stage, eighth = known["stage"], world.year >= 2018
    pathologic = eighth & staged.pathologic
    before, blank = world.clinical_stage, " " * 15
    group = _group(world, stage, 15, "left")
    m1, m0, m0_itc = "cM1".ljust(15), "cM0".ljust(15), "cM0(i+)".ljust(15)
    m = where(before.is_("4"), m1, where(staged.u < 0.003, m0_itc, m0))
    return {
        "AJCC_TNM_CLIN_T": where(eighth, _category(known["t"], "c", "T", 15, "left"), blank),
        "AJCC_TNM_CLIN_N": where(eighth, _category(known["n"], "c", "N", 15, "left"), blank),
        "AJCC_TNM_CLIN_M": where(eighth & ~before.is_("unknown_stage"), m, blank),
        "AJCC_TNM_CLIN_STG_GRP": where(eighth, _group(world, before, 15, "left"), blank),
        "AJCC_TNM_PATH_T": where(pathologic, _category(known["t"], "p", "T", 15, "left"), blank),
        "AJCC_TNM_PATH_N": where(pathologic, _category(known["n"], "p", "N", 15, "left"), blank),
        "AJCC_TNM_PATH_M": where(pathologic, where(stage.is_("4"), m1, m0), blank),
        "AJCC_TNM_PATH_STG_GRP": where(eighth, where(pathologic, group, "99".ljust(15)), blank),
    }


def has_organ(world: World, organ: str) -> BoolArray:
    """Whether the organ is recorded as involved (n,)."""
    pattern, organs = world.recorded["pattern"], world.recorded["organs"]
    several = [level for level in organs.levels if organ in level.split("+")]
    return pattern.is_(f"{organ}_only") | (pattern.is_("multiple") & organs.is_(*several))


def _spread(world: World) -> dict[str, Bytes]:
    year, pattern = world.year, world.recorded["pattern"]
    unknown_stage = world.recorded["stage"].is_("unknown_stage")
    nodal_too = world.stage_iv & (world.draws.uniform("nodes too") < 0.25)
    cs = words(pattern, CS_METS, 2)
    cs = where(pattern.is_("multiple") & nodal_too, "50", where(unknown_stage, "99", cs))
    unknown = pattern.is_("unknown") | unknown_stage
    cs_era, new_era = (year >= 2010) & (year <= 2015), year >= 2016
    columns = {
        "CS_METS_AT_DX": where(year <= 2015, cs, "  "),
        "CS_METS_EVAL": where(year <= 2015, "0", " "),
        "METS_AT_DX_DISTANT_LN": _flag(
            new_era, unknown, pattern.is_("nodal_only") | (nodal_too & pattern.is_("multiple"))
        ),
        "METS_AT_DX_OTHER": _flag(new_era, unknown, pattern.is_("other_only")),
    }
    for organ in ORGANS:
        yes = has_organ(world, organ)
        columns[f"CS_METS_DX_{organ.upper()}"] = _flag(cs_era, unknown, yes)
        columns[f"METS_AT_DX_{organ.upper()}"] = _flag(new_era, unknown, yes)
    return columns


def _flag(era: BoolArray, unknown: BoolArray, yes: BoolArray) -> Bytes:
    return where(era, where(unknown, "9", where(yes, "1", "0")), " ")


def _receptors(world: World) -> dict[str, Bytes]:
    known, year = world.recorded, world.year
    er, pr, her2 = known["er"], known["pr"], known["her2"]
    to_2017, factors, new = year <= 2017, (year >= 2010) & (year <= 2017), year >= 2018
    ssf15 = words(her2, SSF_RECEPTOR, 3)
    clear = (
        ~er.is_("unknown", "borderline") & ~pr.is_("unknown", "borderline") & her2.is_("positive", "negative")
    )
    combined = (
        100 * er.is_("positive").astype(np.int64)
        + 10 * pr.is_("positive")
        + her2.is_("positive").astype(np.int64)
    )
    oncotype = oncotype_score(world)
    tested, score = oncotype >= 0, numbers(np.maximum(oncotype, 0), 3, show="{:03d}".format)
    ssf16 = where(clear, numbers(combined, 3, show="{:03d}".format), "999")
    return {
        "CS_SITESPECIFIC_FACTOR_1": where(to_2017, words(er, SSF_RECEPTOR, 3), "   "),
        "CS_SITESPECIFIC_FACTOR_2": where(to_2017, words(pr, SSF_RECEPTOR, 3), "   "),
        "CS_SITESPECIFIC_FACTOR_9": where(factors, ssf15, "   "),
        "CS_SITESPECIFIC_FACTOR_11": where(factors, "998", "   "),
        "CS_SITESPECIFIC_FACTOR_13": where(factors, "998", "   "),
        "CS_SITESPECIFIC_FACTOR_14": where(factors, "998", "   "),
        "CS_SITESPECIFIC_FACTOR_15": where(factors, ssf15, "   "),
        "CS_SITESPECIFIC_FACTOR_16": where(factors, ssf16, "   "),
        "CS_SITESPECIFIC_FACTOR_22": where(factors, where(tested, "010", "998"), "   "),
        "CS_SITESPECIFIC_FACTOR_23": where(factors, where(tested, score, "998"), "   "),
        "ONCOTYPE_SCORE_INV": where(new, where(tested, score, "XX9"), "   "),
        "ER_SUMMARY": where(new, words(er, SUMMARY, 1), " "),
        "PR_SUMMARY": where(new, words(pr, SUMMARY, 1), " "),
        "HER2_OVERALL_SUMM": where(new, words(her2, HER2_SUMMARY, 1), " "),
    }
