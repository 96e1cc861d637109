"""Three core derivations once more, slowly, one patient at a time: what the SQL is compared with.

Written from the rules in words, not from the SQL. A patient is a dict of staged columns; None means that the extract
has no such field.
"""

Patient = dict[str, object]

KNOWN_GROUPS = {"0", "1", "2", "3", "4"}
ORGANS = ("bone", "brain", "liver", "lung")
FIELD_OF_THE_YEAR = (
    (range(1988, 2004), "stage_ajcc6_adjusted"),
    (range(2004, 2010), "stage_ajcc6_derived"),
    (range(2010, 2016), "stage_ajcc7_derived"),
    (range(2016, 2018), "stage_combined_2016"),
    (range(2018, 2100), "stage_eod_2018"),
)


def stage_group(patient: Patient) -> object:
    """Give the stage group by the source's rule; None where it says nothing."""
    if patient["source"] == "ncdb":
        group = patient["analytic_stage_group"]
    else:
        field = next(
            (name for years, name in FIELD_OF_THE_YEAR if patient["year_of_diagnosis"] in years), None
        )
        group = patient[field] if field else None
    return group if group in KNOWN_GROUPS else None


def stage_iv(patient: Patient) -> bool | None:
    """Judge under the stage_group policy."""
    group = stage_group(patient)
    return None if group is None else group == "4"


def stage_iv_any_evidence(patient: Patient) -> bool | None:
    """Judge under the any-evidence policy."""
    groups = [stage_group(patient), patient["clinical_stage_group"], patient["pathologic_stage_group"]]
    m_names = [name for name in patient if name in ("clinical_m", "pathologic_m") or name.startswith("m_")]
    m_values = [patient[name] for name in m_names]
    flags = [patient[f"mets_{organ}"] for organ in (*ORGANS, "distant_ln", "other")]
    cs, eod = patient["cs_mets_at_dx"], patient["eod_mets"]
    if (
        "4" in groups
        or "m1" in m_values
        or "yes" in flags
        or "generalized" in flags
        or cs in ("distant_nodes", "distant", "distant_nodes_and_other")
        or eod == "distant"
    ):
        return True
    says_m0 = any(group in {"0", "1", "2", "3"} for group in groups)
    says_m0 |= any(value in ("m0", "m0_itc") for value in m_values)
    says_m0 |= cs in ("none", "itc") or eod in ("none", "itc")
    return False if says_m0 else None


def metastatic(patient: Patient) -> bool | None:
    """Judge by the group and, where it is silent, by the evidence."""
    by_group = stage_iv(patient)
    return stage_iv_any_evidence(patient) if by_group is None else by_group


def flag(patient: Patient, organ: str) -> str:
    """Say what a flag of metastasis at diagnosis holds, with the reason where it holds nothing."""
    recorded = patient[f"mets_{organ}"]
    first_year = 2010 if organ in ORGANS else 2016
    if recorded in (None, "blank") and int(str(patient["year_of_diagnosis"])) < first_year:
        return "not_collected"
    if recorded is None:
        return "not_released"
    return "unknown" if recorded in ("blank", "unmapped") else str(recorded)


def metastatic_pattern(patient: Patient) -> str:
    """Name the pattern by the four-organ definition."""
    organs = {organ: flag(patient, organ) for organ in ORGANS}
    sites = [organ for organ, said in organs.items() if said == "yes"]
    if flag(patient, "other") == "generalized" or len(sites) > 1:
        return "multiple"
    reasons = set(organs.values())
    if "not_released" in reasons:
        return "not_released"
    if reasons in ({"not_collected"}, {"not_applicable"}):
        return reasons.pop()
    if reasons - {"yes", "no"}:
        return "unknown"
    if sites:
        return "bone_only" if sites == ["bone"] else "visceral"
    return _without_an_organ(patient)


def _without_an_organ(patient: Patient) -> str:
    m1 = metastatic(patient)
    if m1 is None:
        return "unknown"
    if not m1:
        return "none"
    nodes_alone = flag(patient, "distant_ln") == "yes" and flag(patient, "other") != "yes"
    return "nodal_only" if patient["cs_mets_at_dx"] == "distant_nodes" or nodes_alone else "unspecified"


def disease_presentation(patient: Patient) -> str:
    """Say how the metastasis came."""
    m1, recurrence = metastatic(patient), patient["recurrence_type"]
    if m1:
        return "de_novo"
    if recurrence is None:
        return "not_released"
    if m1 is None:
        return "undetermined"
    months = patient["months_to_distant_recurrence"]
    dated = isinstance(months, float) and months >= -1
    first = {
        "none": "not_metastatic",
        "locoregional": "undetermined_after_locoregional",
        "distant": "metachronous" if dated else "undetermined",
        "distant_after_in_situ": "distant_after_in_situ" if dated else "undetermined",
    }
    return first.get(str(recurrence), "undetermined")
