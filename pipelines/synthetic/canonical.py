"""What the registry tables should say of each person, in the words of the data dictionary.

Written from what is true and recorded in the world, never from the codes of a format: where a reader, a code table
or a derivation is wrong, the two differ. A source's own module adds what its files hold, and a column that they
cannot hold is left out.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from .draws import BoolArray, Coded, IntArray
from .ncdb_tumour import HISTOLOGY, has_organ, size_mm
from .ncdb_tumour import nodes as node_counts
from .text import Text, constant, spoken, where
from .world import World

Columns = dict[str, pl.Series]
SURGERY = {
    "partial": "breast_conserving",
    "simple": "mastectomy",
    "modified_radical": "mastectomy",
    "radical": "mastectomy",
    "bilateral": "mastectomy",
    "mastectomy_nos": "mastectomy",
    "surgery_nos": "surgery_nos",
}
BILATERAL = {
    "partial": "no",
    "simple": "no",
    "modified_radical": "no",
    "radical": "no",
    "bilateral": "yes",
    "mastectomy_nos": "unknown",
    "surgery_nos": "unknown",
}
"""Whether the code of an operation says what became of the other breast."""
RECONSTRUCTION = {
    "partial": "not_applicable",
    "simple": "none",
    "modified_radical": "none",
    "radical": "none",
    "bilateral": "unknown",
    "mastectomy_nos": "unknown",
    "surgery_nos": "unknown",
}
REASON = {"not_done": "recommended_not_done"}
STAGE = {"unknown_stage": "unknown"}
GRADE = {"1": "well", "2": "moderate", "3": "poor"}
VISCERAL = ("brain", "liver", "lung")


def tri(true: BoolArray, false: BoolArray) -> pl.Series:
    """A nullable boolean: true, false, or neither (n,)."""
    chosen = pl.when(pl.Series(true)).then(True).when(pl.Series(false)).then(False)
    return pl.select(chosen).to_series()


def known(values: IntArray, there: BoolArray) -> pl.Series:
    """Whole numbers, null where they are not there (n,)."""
    return pl.select(pl.when(pl.Series(there)).then(pl.Series(values))).to_series()


def three_state(yes: BoolArray, unknown: BoolArray | None = None) -> Text:
    """``yes``, ``no`` or ``unknown`` (n,)."""
    text = where(yes, "yes", "no")
    return text if unknown is None else where(unknown, "unknown", text)


def age_group(age: IntArray) -> Text:
    """The age groups of the registry (n,)."""
    names = ("under_40", "40-49", "50-59", "60-69", "70-79", "80+")
    return pl.Series(names).gather(np.searchsorted([40, 50, 60, 70, 80], age, side="right"))


def race_columns(world: World, *, unknown_origin: bool) -> Columns:
    """Race and origin; Hispanic people are written as white."""
    recorded = world.recorded["race_ethnicity"]
    race = {
        level: "white" if level == "hispanic" else level.removeprefix("non_hispanic_")
        for level in recorded.levels
    }
    origin = where(recorded.is_("hispanic"), "hispanic", "non_hispanic")
    if unknown_origin:
        origin = where(recorded.is_("unknown"), "unknown", origin)
    return {
        "race_ethnicity": spoken(recorded),
        "race": spoken(recorded, race),
        "hispanic_origin": origin,
    }


def prior_cancer(sequence: Text) -> Text:
    """From the sequence number (n,)."""
    return sequence.replace_strict({"00": "no", "01": "no", "02": "yes", "03": "yes"}, default="unknown")


def tumour_columns(world: World, *, side_unknown: str) -> Columns:
    """Site, morphology, size and nodes."""
    recorded, year = world.recorded, world.year
    size = size_mm(world)
    positive, examined = node_counts(world)
    measured = size <= 988
    status = where(size == 990, "microscopic", where(size == 998, "not_a_size", "unknown"))
    subsite = recorded["subsite"]
    return {
        "year_of_diagnosis": pl.Series(year),
        "primary_site": spoken(subsite, {level: f"C50{level}" for level in subsite.levels}),
        "laterality": spoken(recorded["laterality"], {"side_unknown": side_unknown}),
        "histology_icdo3": spoken(recorded["histology"], HISTOLOGY),
        "behavior": where(recorded["stage"].is_("0"), "in_situ", "invasive"),
        "grade": spoken(recorded["grade"], GRADE),
        "tumor_size_mm": known(size, measured),
        "tumor_size_status": where(measured, "recorded", status),
        "nodes_positive": known(positive, positive <= 90),
        "nodes_positive_status": where(positive <= 90, "counted", "none_examined"),
        "nodes_examined": pl.Series(examined),
        "nodes_examined_status": constant("counted", len(examined)),
    }


def receptor_columns(
    world: World,
    *,
    definition: Text,
    merged: str | None = None,
) -> Columns:
    """ER, PR, HER2 and subtype.

    Parameters
    ----------
    world : World
    definition : polars.Series
        Whose meaning HER2 has.
    merged : str, optional
        The reason of "unknown" where a source has one label for borderline and unknown.
    """
    recorded, year = world.recorded, world.year
    columns: Columns = {}
    for name in ("er", "pr", "her2"):
        coded, early = recorded[name], year < (2010 if name == "her2" else 1990)
        # a further tumour has the year of the person: what was lost in its own year is unknown here
        status = spoken(coded, {"not_collected": "unknown"})
        # from 2018 the summary of ER and PR has no borderline, and the one of HER2 calls it negative
        newer = "negative" if name == "her2" else "unknown"
        status = where(coded.is_("borderline") & (year >= 2018), newer, status)
        if merged is not None:
            status = where((status == "borderline").to_numpy(), "unknown", status)
        told = where((status == "unknown").to_numpy(), merged or "unknown", "recorded")
        columns[f"{name}_status"] = where(early, "not_collected", status)
        columns[f"{name}_status_reason"] = where(early, "not_collected", told)
    er, pr, her2 = columns["er_status"], columns["pr_status"], columns["her2_status"]
    positive = ((er == "positive") | (pr == "positive")).to_numpy()
    negative = ((er == "negative") & (pr == "negative")).to_numpy()
    hr = where(positive, "positive", where(negative, "negative", "unknown"))
    columns["hr_status"] = where(year < 1990, "not_collected", hr)
    her2_yes, her2_no = (her2 == "positive").to_numpy(), (her2 == "negative").to_numpy()
    subtype = where(positive & her2_no, "hr_pos_her2_neg", "unknown")
    subtype = where(positive & her2_yes, "hr_pos_her2_pos", subtype)
    subtype = where(negative & her2_yes, "hr_neg_her2_pos", subtype)
    subtype = where(negative & her2_no, "triple_negative", subtype)
    columns["breast_subtype"] = where(year < 2010, "not_collected", subtype)
    columns["breast_subtype_basis"] = constant("receptors", len(year))
    columns["her2_definition"] = where(year < 2010, "not_collected", definition)
    return columns


def factor_columns(world: World, receptors: Columns) -> Columns:
    """What the site-specific factors of 2010-2017 say beside the summary: they agree with it."""
    recorded, year = world.recorded, world.year
    factors = (year >= 2010) & (year <= 2017)
    her2 = receptors["her2_status"]
    clear = her2.is_in(["positive", "negative"]).to_numpy() & factors
    told = clear & recorded["er"].is_("positive", "negative") & recorded["pr"].is_("positive", "negative")
    test = where(factors, her2, "unknown")  # a file of these years leaves the factors of the others empty
    return {
        "her2_test_status": where(year < 2010, "not_collected", test),
        "her2_status_filled": her2,
        "her2_conflict": tri(np.full(len(year), False), clear),
        "breast_subtype_conflict": tri(np.full(len(year), False), told),
    }


def spread_columns(world: World, *, nodes: BoolArray, nodes_told: BoolArray) -> Columns:
    """Where it had spread at diagnosis: organs from 2010, distant nodes and other sites from 2016.

    Parameters
    ----------
    world : World
    nodes : ndarray of bool
        Distant nodes are recorded as involved, in the years that have the flag.
    nodes_told : ndarray of bool
        Disease of distant nodes alone is told apart from metastasis without a named organ.
    """
    year, pattern = world.year, world.recorded["pattern"]
    unclear = pattern.is_("unknown") | world.recorded["stage"].is_("unknown_stage")
    four, six = year >= 2010, year >= 2016
    other = pattern.is_("other_only")
    organs = {organ: has_organ(world, organ) for organ in ("bone", *VISCERAL)}

    def era(years: BoolArray, text: Text) -> Text:
        return where(years, where(unclear, "unknown", text), "not_collected")

    columns = {f"mets_at_dx_{organ}": era(four, three_state(yes)) for organ, yes in organs.items()}
    columns["mets_at_dx_distant_ln"] = era(six, three_state(nodes))
    columns["mets_at_dx_other"] = era(six, three_state(other))
    count = np.sum(list(organs.values()), axis=0)
    columns["n_organ_sites"] = known(count, four & ~unclear)
    viscera = np.any([organs[organ] for organ in VISCERAL], axis=0)
    columns["any_visceral"] = era(four, three_state(viscera))
    visceral_alone = pattern.is_("brain_only", "liver_only", "lung_only")
    site = where(pattern.is_("bone_only"), "bone_only", where(visceral_alone, "visceral", "none"))
    site = where(pattern.is_("multiple"), "multiple", site)
    lone_nodes = pattern.is_("nodal_only") & nodes_told
    unnamed = pattern.is_("nodal_only", "other_only") & ~lone_nodes
    columns["metastatic_pattern"] = era(
        four, where(lone_nodes, "nodal_only", where(unnamed, "unspecified", site))
    )
    several = (count + nodes + other) >= 2
    alone = where(nodes & (count == 0), "nodal_only", where(other, "other_only", site))
    columns["metastatic_pattern_six_organ"] = era(six, where(several, "multiple", alone))
    columns["bone_only_proxy"] = tri(
        four & ~unclear & pattern.is_("bone_only"), four & ~unclear & ~pattern.is_("bone_only")
    )
    return columns


def stage_columns(pieces: Mapping[str, pl.Series], organs: pl.Series) -> Columns:
    """What follows from the pieces of evidence about metastasis at diagnosis.

    Parameters
    ----------
    pieces : mapping of str to Series of bool
        Each ``evidence_…`` column that the source has, organ flags left out.
    organs : Series of bool
        ``evidence_organ_mets``: a "yes" is evidence, a "no" is none.
    """
    says = pl.DataFrame(dict(pieces))
    yes = says.select(pl.any_horizontal(pl.all().fill_null(False))).to_series() | organs.fill_null(False)
    no = says.select(pl.any_horizontal((~pl.all()).fill_null(False))).to_series()
    group = pieces["evidence_stage_group"]
    any_evidence = tri(yes.to_numpy(), (no & ~yes).to_numpy())
    metastatic = pl.select(pl.coalesce(group, any_evidence)).to_series()
    rows = len(group)
    presentation = where((metastatic.fill_null(False)).to_numpy(), "de_novo", "not_released")
    return {
        **pieces,
        "evidence_organ_mets": organs,
        "stage_iv": group,
        "stage_iv_any_evidence": any_evidence,
        "metastatic_at_diagnosis": metastatic,
        "stage_iv_conflict": tri((yes & no).to_numpy(), (yes ^ no).to_numpy()),
        "stage_iv_rests_on_eod_00": pl.Series(np.full(rows, False)),
        "disease_presentation": presentation,
    }


def evidence(coded: Coded, recorded: BoolArray) -> pl.Series:
    """Whether a recorded stage says M1 or M0; an unknown stage says neither (n,)."""
    return tri(recorded & coded.is_("4"), recorded & coded.is_("0", "1", "2", "3"))


def organ_evidence(world: World) -> pl.Series:
    """Evidence of the organ flags: a known organ, or none where every flag of the year says no (n,)."""
    year, pattern = world.year, world.recorded["pattern"]
    unclear = pattern.is_("unknown") | world.recorded["stage"].is_("unknown_stage")
    named = pattern.is_("bone_only", "brain_only", "liver_only", "lung_only", "multiple")
    later = (year >= 2016) & pattern.is_("nodal_only", "other_only")
    there = (year >= 2010) & ~unclear
    return tri(there & (named | later), there & ~(named | later))


def surgery_columns(world: World, unknown: BoolArray) -> Columns:
    """Whether and how the primary was operated on, and why not."""
    operation, course = world.recorded["operation"], world.course
    operated = course.operated
    died_first = np.isfinite(course.planned_surgery) & (course.death < course.planned_surgery)
    reason = where(died_first, "died", spoken(world.recorded["reason_no_surgery"], REASON))
    return {
        "primary_surgery": where(unknown, "unknown", where(operated, spoken(operation, SURGERY), "none")),
        "operated": tri(operated & ~unknown, ~operated & ~unknown),
        "reason_no_surgery": where(unknown, "unknown", where(operated, "performed", reason)),
        "bilateral": of_operation(world, unknown, BILATERAL),
        "reconstruction": of_operation(world, unknown, RECONSTRUCTION),
        "surgery_reason_conflict": tri(np.full(len(unknown), False), ~unknown),
    }


def of_operation(world: World, unknown: BoolArray, words: Mapping[str, str]) -> Text:
    """What the code of the operation says beside its type: it needs an operation, and one that is known (n,)."""
    text = where(world.course.operated, spoken(world.recorded["operation"], words), "not_applicable")
    return where(unknown, "unknown", text)


def surgery_code(
    world: World, unknown: BoolArray, codes: Mapping[str, str], none: str, not_known: str
) -> Text:
    """The code of the operation in one code list (n,)."""
    done = where(world.course.operated, spoken(world.recorded["operation"], codes), none)
    return where(unknown, not_known, done)


def drug_columns(words: Mapping[str, Coded]) -> Columns:
    """Drugs as three states, by column, and the reason why one was not given."""
    columns: Columns = {}
    for name, word in words.items():
        columns[name] = three_state(word.is_("given"), word.is_("unknown", "recommended_unknown"))
        refused = word.is_("contraindicated", "died", "refused")
        columns[f"reason_not_given_{name}"] = where(refused, spoken(word), None)
    columns["any_systemic"] = _together(columns, *words)
    columns["chemotherapy_or_targeted"] = _together(columns, "chemotherapy", "immunotherapy")
    return columns


def _together(columns: Columns, *names: str) -> Text:
    """Yes where any is, else unknown where any is, else no (n,)."""
    parts = [columns[name] for name in names]
    yes = np.any([(part == "yes").to_numpy() for part in parts], axis=0)
    unknown = np.any([(part == "unknown").to_numpy() for part in parts], axis=0)
    return where(yes, "yes", where(unknown, "unknown", "no"))


def radiation_reason(world: World, given: BoolArray) -> Text:
    """Why no radiation was given, null where it was (n,)."""
    reason = spoken(world.recorded["reason_no_surgery"], {"not_done": "not_planned"})
    return where(given, None, reason)


def her2_targeted(year: IntArray, her2: Text, immunotherapy: Text) -> Text:
    """Immunotherapy in a HER2-positive tumour from 2013 (n,)."""
    text = where((her2 == "positive").to_numpy(), immunotherapy, "unknown")
    text = where((her2 == "negative").to_numpy(), "not_applicable", text)
    return where(year < 2013, "not_collected", text)


def oncotype_columns(score: IntArray, year: IntArray) -> Columns:
    """The recurrence score of a genomic test, from 2010."""
    tested = (score >= 0) & (year >= 2010)
    return {
        "oncotype_score": known(score, tested),
        "oncotype_status": where(year < 2010, "not_collected", where(tested, "recorded", "unknown")),
    }
