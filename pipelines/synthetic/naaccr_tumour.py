"""NAACCR items of the tumour: site, size, stage, spread and receptors, each in the items of its years."""

from collections.abc import Mapping

import numpy as np

from .draws import BoolArray, Coded
from .history import oncotype_score
from .ncdb_tumour import CS_METS, HISTOLOGY, ORGANS, SSF_RECEPTOR, has_organ, nodes, size_mm
from .text import Text, constant, number, spoken, where
from .world import World

T_SIXTH = {"tis": "05", "t1": "10", "t2": "20", "t3": "30", "t4": "40", "tx": "99"}
N_SIXTH = {"n0": "00", "n1": "10", "n2": "20", "n3": "30", "nx": "99"}
M_SIXTH = {"0": "00", "1": "00", "2": "00", "3": "00", "4": "10", "unknown_stage": "99"}
STAGE_SIXTH = {"0": "00", "1": "10", "2": "32", "3": "53", "4": "70", "unknown_stage": "99"}
T_SEVENTH = {"tis": "050", "t1": "100", "t2": "200", "t3": "300", "t4": "400", "tx": "999"}
N_SEVENTH = {"n0": "000", "n1": "100", "n2": "200", "n3": "300", "nx": "999"}
M_SEVENTH = {"0": "000", "1": "000", "2": "000", "3": "000", "4": "100", "unknown_stage": "000"}
STAGE_SEVENTH = {"0": "000", "1": "120", "2": "320", "3": "530", "4": "700", "unknown_stage": "999"}
T_COMBINED = {"tis": "pIS", "t1": "c1", "t2": "c2", "t3": "c3", "t4": "c4", "tx": "cX"}
N_COMBINED = {"n0": "c0", "n1": "c1", "n2": "c2", "n3": "c3", "nx": "cX"}
M_COMBINED = {"0": "c0", "1": "c0", "2": "c0", "3": "c0", "4": "c1", "unknown_stage": "99"}
T_EOD = {"tis": "Tis", "t1": "T1", "t2": "T2", "t3": "T3", "t4": "T4", "tx": "TX"}
N_EOD = {"n0": "N0", "n1": "N1", "n2": "N2", "n3": "N3", "nx": "NX"}
M_EOD = {"0": "M0", "1": "M0", "2": "M0", "3": "M0", "4": "M1", "unknown_stage": "M0"}
GROUP = {"0": "0", "1": "1A", "2": "2A", "3": "3A", "4": "4", "unknown_stage": "99"}
GROUP_B = {**GROUP, "1": "1B", "2": "2B", "3": "3C"}
SUMMARY_STAGE = {"0": "0", "1": "1", "2": "3", "3": "4", "4": "7", "unknown_stage": "9"}
TUMOR_MARKER = {"positive": "1", "negative": "2", "borderline": "3", "unknown": "9"}
RECEPTOR_SUMMARY = {"positive": "1", "negative": "0", "borderline": "9", "unknown": "9"}
HER2_SUMMARY = {**RECEPTOR_SUMMARY, "borderline": "0"}  # "negative; equivocal" is one code
SIDE = {"right": "1", "left": "2", "bilateral": "4", "side_unknown": "9"}


def tumour_items(world: World) -> dict[str, Text]:
    """Items of the tumour by newest XML id; an item outside its diagnosis years is empty."""
    return {
        **_morphology(world),
        **_tnm(world),
        **_derived_stage(world),
        **_spread(world),
        **_receptors(world),
        **_oncotype(world),
    }


def years(world: World, first: int, last: int) -> BoolArray:
    """Whether the diagnosis lies in these years, both included (n,)."""
    return np.logical_and(world.year >= first, world.year <= last)


def _coded(coded: Coded, codes: Mapping[str, str]) -> Text:
    """The code of each row's word; a word without a code leaves the item empty."""
    return spoken(coded, codes, default="")


def _morphology(world: World) -> dict[str, Text]:
    known, year = world.recorded, world.year
    grade = _coded(known["grade"], {"1": "1", "2": "2", "3": "3", "unknown": "9"})
    millimetres = size_mm(world)
    size = number(millimetres, 3)
    # extent of disease to 2003: 003 is three millimetres or less, 001 a microscopic focus, 002 no size at all
    old_size = where(millimetres == 990, "001", number(np.maximum(millimetres, 3), 3))
    positive, examined = nodes(world)
    return {
        "primarySite": spoken(known["subsite"], {level: f"C50{level}" for level in known["subsite"].levels}),
        "laterality": _coded(known["laterality"], SIDE),
        "histologicTypeIcdO3": _coded(known["histology"], HISTOLOGY),
        "behaviorCodeIcdO3": where(known["stage"].is_("0"), "2", "3"),
        "grade": where(year <= 2017, grade, ""),
        "gradeClinical": where(year >= 2018, grade, ""),
        "gradePathological": where(year >= 2018, where(world.course.operated, grade, "9"), ""),
        "diagnosticConfirmation": where(world.draws.uniform("confirmed") < 0.98, "1", "8"),
        "eodTumorSize": where(years(world, 1988, 2003), old_size, ""),
        "csTumorSize": where(years(world, 2004, 2015), size, ""),
        "tumorSizeSummary": where(year >= 2016, size, ""),
        "regionalNodesPositive": number(positive, 2),
        "regionalNodesExamined": number(examined, 2),
    }


def has_pathologic_stage(world: World) -> BoolArray:
    """Whether a pathologic stage is recorded: for most who were operated on (n,)."""
    return np.logical_and(world.course.operated, world.draws.uniform("pathologic stage") < 0.75)


def group_text(world: World) -> Text:
    """AJCC stage group in Arabic digits, its letter by a coin (n,)."""
    stage = world.recorded["stage"]
    return where(world.draws.uniform("substage") < 0.7, _coded(stage, GROUP), _coded(stage, GROUP_B))


def category(coded: Coded, prefix: str, letter: str = "") -> Text:
    """T or N as recorded: ``2`` to 2015, ``c2`` in 2016 and 2017, ``cT2`` from 2018."""
    codes = {level: f"{prefix}{letter}{level[1:].upper()}" for level in coded.levels}
    codes["tis"] = f"{prefix}Tis(DCIS)" if letter else "pIS" if prefix else "IS"
    return spoken(coded, codes)


def _tnm(world: World) -> dict[str, Text]:
    known, year = world.recorded, world.year
    stage, pathologic = known["stage"], has_pathologic_stage(world)
    to_2015, to_2017, eighth = year <= 2015, year <= 2017, year >= 2018
    group = group_text(world)
    m_bare = _coded(stage, {"0": "0", "1": "0", "2": "0", "3": "0", "4": "1", "unknown_stage": "88"})
    m_prefixed = _coded(stage, {"0": "c0", "1": "c0", "2": "c0", "3": "c0", "4": "c1", "unknown_stage": "88"})
    m_eighth = _coded(stage, {"0": "cM0", "1": "cM0", "2": "cM0", "3": "cM0", "4": "cM1"})
    of_2016 = years(world, 2016, 2017)
    m_path = where(pathologic & stage.is_("4"), where(to_2015, "1", where(of_2016, "c1", "")), "")
    items = {
        "tnmEditionNumber": where(year <= 2009, "06", where(to_2017, "07", "08")),
        "tnmClinM": where(to_2015, m_bare, where(of_2016, m_prefixed, "")),
        "tnmPathM": where(to_2017, m_path, ""),
        "tnmClinStageGroup": where(to_2017, group, ""),
        "tnmPathStageGroup": where(to_2017, where(pathologic, group, "99"), ""),
        "ajccTnmClinM": where(eighth, m_eighth, ""),
        "ajccTnmPathM": where(eighth & pathologic, m_eighth, ""),
        "ajccTnmClinStageGroup": where(eighth, group, ""),
        "ajccTnmPathStageGroup": where(eighth, where(pathologic, group, "99"), ""),
    }
    for letter in ("T", "N"):
        coded = known[letter.lower()]
        for name, prefix, there in (("Clin", "c", np.full(len(year), True)), ("Path", "p", pathologic)):
            bare = where(to_2015, category(coded, ""), category(coded, prefix))
            items[f"tnm{name}{letter}"] = where(to_2017 & there, bare, "")
            items[f"ajccTnm{name}{letter}"] = where(eighth & there, category(coded, prefix, letter), "")
    return items


def _derived_stage(world: World) -> dict[str, Text]:
    stage, t, n, year = world.recorded["stage"], world.recorded["t"], world.recorded["n"], world.year
    sixth, seventh, combined = years(world, 2004, 2015), years(world, 2010, 2015), years(world, 2016, 2017)
    eod, summary = year >= 2018, _coded(stage, SUMMARY_STAGE)
    return {
        "derivedAjcc6T": where(sixth, _coded(t, T_SIXTH), ""),
        "derivedAjcc6N": where(sixth, _coded(n, N_SIXTH), ""),
        "derivedAjcc6M": where(sixth, _coded(stage, M_SIXTH), ""),
        "derivedAjcc6StageGrp": where(sixth, _coded(stage, STAGE_SIXTH), ""),
        "derivedAjcc7T": where(seventh, _coded(t, T_SEVENTH), ""),
        "derivedAjcc7N": where(seventh, _coded(n, N_SEVENTH), ""),
        "derivedAjcc7M": where(seventh, _coded(stage, M_SEVENTH), ""),
        "derivedAjcc7StageGrp": where(seventh, _coded(stage, STAGE_SEVENTH), ""),
        "derivedSeerCombinedT": where(combined, _coded(t, T_COMBINED), ""),
        "derivedSeerCombinedN": where(combined, _coded(n, N_COMBINED), ""),
        "derivedSeerCombinedM": where(combined, _coded(stage, M_COMBINED), ""),
        "derivedSeerCmbStgGrp": where(combined, _coded(stage, GROUP), ""),
        "derivedEod2018T": where(eod, _coded(t, T_EOD), ""),
        "derivedEod2018N": where(eod, _coded(n, N_EOD), ""),
        "derivedEod2018M": where(eod, _coded(stage, M_EOD), ""),
        "derivedEod2018StageGroup": where(eod, _coded(stage, GROUP), ""),
        "seerSummaryStage1977": where(year <= 2000, summary, ""),
        "seerSummaryStage2000": where(years(world, 2001, 2003), summary, ""),
        "derivedSs2000": where(years(world, 2004, 2017), summary, ""),
        "summaryStage2018": where(eod, summary, ""),
    }


def _spread(world: World) -> dict[str, Text]:
    year, pattern, stage = world.year, world.recorded["pattern"], world.recorded["stage"]
    unknown = pattern.is_("unknown") | stage.is_("unknown_stage")
    in_cs, since_2016 = years(world, 2010, 2015), year >= 2016
    cs = where(stage.is_("unknown_stage"), "99", _coded(pattern, CS_METS))
    eod = where(pattern.is_("nodal_only"), "10", where(world.stage_iv, "70", "00"))

    def flag(yes: BoolArray) -> Text:
        return where(unknown, "9", where(yes, "1", "0"))

    items = {
        "csMetsAtDx": where(years(world, 2004, 2015), cs, ""),
        "eodMets": where(year >= 2018, eod, ""),
        "metsAtDxDistantLn": where(since_2016, flag(pattern.is_("nodal_only")), ""),
        "metsAtDxOther": where(since_2016, flag(pattern.is_("other_only")), ""),
    }
    for organ in ORGANS:
        organ_flag, name = flag(has_organ(world, organ)), organ.capitalize()
        items[f"csMetsAtDx{name}"] = where(in_cs, organ_flag, "")
        items[f"metsAtDx{name}"] = where(since_2016, organ_flag, "")
    return items


def _receptors(world: World) -> dict[str, Text]:
    known, year = world.recorded, world.year
    er, pr, her2 = known["er"], known["pr"], known["her2"]
    markers, factors, her2_factors = (
        years(world, 1990, 2003),
        years(world, 2004, 2017),
        years(world, 2010, 2017),
    )
    clear = ~er.is_("unknown", "borderline") & ~pr.is_("unknown", "borderline")
    clear &= her2.is_("positive", "negative")
    digits = 100 * er.is_("positive") + 10 * pr.is_("positive") + 1 * her2.is_("positive")
    ssf15 = _coded(her2, SSF_RECEPTOR)
    return {
        "tumorMarker1": where(markers, _coded(er, TUMOR_MARKER), ""),
        "tumorMarker2": where(markers, _coded(pr, TUMOR_MARKER), ""),
        "csSiteSpecificFactor1": where(factors, _coded(er, SSF_RECEPTOR), ""),
        "csSiteSpecificFactor2": where(factors, _coded(pr, SSF_RECEPTOR), ""),
        "csSiteSpecificFactor9": where(her2_factors, ssf15, ""),
        "csSiteSpecificFactor11": where(her2_factors, "998", ""),
        "csSiteSpecificFactor13": where(her2_factors, "998", ""),
        "csSiteSpecificFactor14": where(her2_factors, "998", ""),
        "csSiteSpecificFactor15": where(her2_factors, ssf15, ""),
        "csSiteSpecificFactor16": where(her2_factors, where(clear, number(digits, 3), "999"), ""),
        "estrogenReceptorSummary": where(year >= 2018, _coded(er, RECEPTOR_SUMMARY), ""),
        "progesteroneRecepSummary": where(year >= 2018, _coded(pr, RECEPTOR_SUMMARY), ""),
        "her2OverallSummary": where(year >= 2018, _coded(her2, HER2_SUMMARY), ""),
    }


def _oncotype(world: World) -> dict[str, Text]:
    score = oncotype_score(world)
    tested, text = score >= 0, number(np.maximum(score, 0), 3)
    factors, newer = years(world, 2010, 2017), world.year >= 2018
    no_score = constant("998", len(score))
    return {
        "csSiteSpecificFactor22": where(factors, where(tested, "010", no_score), ""),
        "csSiteSpecificFactor23": where(factors, where(tested, text, no_score), ""),
        "oncotypeDxRecurrenceScoreInvasiv": where(newer, where(tested, text, "XX9"), ""),
    }
