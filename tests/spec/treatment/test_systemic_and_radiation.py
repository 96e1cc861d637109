# ruff: noqa: E501 (tables are drawn wide)
"""Systemic therapy and radiation, first course."""


def test_not_given_for_a_reason_is_no_and_unknown_stays_unknown(rule):
    """00, 82, 85, 86 and 87 say that it was not given, and why: no. 88 (recommended, unknown if given) and 99 are
    unknown; so are an empty field and a code that no table knows."""
    rule("""
        year_of_diagnosis | chemo                 | hormone | immuno                => chemotherapy | hormone_therapy | immunotherapy | any_systemic
        2012              | given                 | none    | none                  => yes          | no              | no            | yes
        2012              | none                  | none    | contraindicated       => no           | no              | no            | no
        2012              | refused               | none    | died                  => no           | no              | no            | no
        2012              | recommended_not_given | none    | recommended_unknown   => no           | no              | unknown       | unknown
        2012              | unknown               | given   | none                  => unknown      | yes             | no            | yes
        2012              | blank                 | none    | unmapped              => unknown      | no              | unknown       | unknown
    """)


def test_antibodies_moved_in_2013(rule):
    """Trastuzumab and five other antibodies were chemotherapy to 2012 and are immunotherapy from 2013.
    ``chemotherapy_or_targeted`` holds across the break. ``her2_targeted`` is a proxy from 2013 on: immunotherapy in a
    HER2-positive tumor; before that it is hidden in chemotherapy and not collected."""
    rule("""
        year_of_diagnosis | chemo | immuno | her2_ssf15 => chemotherapy_or_targeted | her2_targeted
        2012              | given | none   | positive   => yes                      | not_collected
        2013              | none  | given  | positive   => yes                      | yes
        2013              | none  | none   | positive   => no                       | no
        2013              | none  | given  | negative   => yes                      | not_applicable
        2013              | none  | given  | unknown    => yes                      | unknown
    """)


def test_seer_says_no_or_unknown(seer_rule):
    """SEER's "No/Unknown" cannot be split: ``no_or_unknown``, never no. Hormone and immunotherapy are not released,
    so neither is any combination with them: a "yes" from chemotherapy alone would be a selective variable."""
    seer_rule("""
        year_of_diagnosis | chemo           | radiation_summary   => chemotherapy  | hormone_therapy | any_systemic | radiation
        2012              | given           | given               => yes           | not_released    | not_released | yes
        2012              | none_or_unknown | none_or_unknown     => no_or_unknown | not_released    | not_released | no_or_unknown
        2012              | none_or_unknown | refused             => no_or_unknown | not_released    | not_released | no_or_unknown
        2012              | none_or_unknown | recommended_unknown => no_or_unknown | not_released    | not_released | no_or_unknown
        2012              | -               | -                   => not_released  | not_released    | not_released | not_released
    """)


def test_ncdb_radiation_to_2016_is_the_summary_item(rule):
    """Releases to 2016 have a summary item: 1-5 yes, 0 no, 9 unknown."""
    rule(
        """
        year_of_diagnosis | radiation_summary | radiation_reason_no => radiation | radiation_conflict
        2012              | given             | performed           => yes       | false
        2012              | none              | not_planned         => no        | false
        2012              | unknown           | unknown             => unknown   | false
        2012              | blank             | unknown             => unknown   | false
        2012              | given             | refused             => yes       | true
        2012              | none              | performed           => no        | true
    """,
        release="2016",
        covered_years=(2004, 2016),
    )


def test_later_radiation_needs_reason_and_modality(rule):
    """Later releases: reason 0 or a modality is yes; a reason for none (1, 2, 5, 6, 7) with modality none or blank is
    no; anything else is unknown. A contradiction is a finding."""
    rule("""
        year_of_diagnosis | radiation_reason_no  | radiation_modality => radiation | radiation_conflict
        2019              | performed            | given              => yes       | false
        2019              | performed            | blank              => yes       | false
        2019              | unknown              | given              => yes       | false
        2019              | not_planned          | none               => no        | false
        2019              | refused              | blank              => no        | false
        2019              | recommended_not_done | unknown            => unknown   | false
        2019              | recommended_unknown  | none               => unknown   | false
        2019              | unknown              | none               => unknown   | false
        2019              | performed            | none               => yes       | true
        2019              | died                 | given              => yes       | true
    """)


def test_the_sequence_item_begins_in_2006(rule):
    """The sequence of systemic therapy and surgery was collected from 2006."""
    rule("""
        year_of_diagnosis | systemic_surgery_sequence => systemic_surgery_sequence
        2005              | blank                     => not_collected
        2006              | blank                     => unknown
        2012              | before                    => before
        2012              | -                         => not_released
    """)


def test_modalities_of_one_patient(derive_one):
    """The treatment table has one row per modality, with days where the source has them and the registry's own reason
    where it was not given."""
    rows = derive_one(
        "treatment",
        year_of_diagnosis="2012",
        surgery_code_to_2022="40",
        reason_no_surgery="performed",
        chemo="refused",
        hormone="given",
        radiation_reason_no="not_planned",
        radiation_modality="none",
        days_to_definitive_surgery="30",
        days_to_definitive_surgery_status="recorded",
        days_to_hormone_therapy="60",
        days_to_hormone_therapy_status="recorded",
    )
    drawn = rows.select(
        "modality", "given", "detail", "reason_not_given", "days_from_diagnosis", "days_status"
    )
    assert drawn.rows() == [
        ("chemotherapy", "no", None, "refused", None, "not_released"),
        ("hormone_therapy", "yes", None, None, 60, "recorded"),
        ("immunotherapy", "not_released", None, None, None, "not_released"),
        ("other_site_surgery", "not_released", None, None, None, "not_released"),
        ("primary_surgery", "yes", "mastectomy", None, 30, "recorded"),
        ("radiation", "no", None, "not_planned", None, "not_released"),
    ]


def test_a_blank_radiation_summary_of_naaccr_says_nothing(naaccr_rule):
    """Newer records leave the summary item empty and fill the phases: blank there is no "unknown". Where the summary is
    filled it decides; 7 is refused, 8 planned and not known to be given."""
    naaccr_rule("""
        radiation_summary   | radiation_modality | radiation_reason_no => radiation
        blank               | given              | performed           => yes
        blank               | none               | not_planned         => no
        blank               | blank              | refused             => no
        blank               | blank              | blank               => unknown
        given               | blank              | blank               => yes
        none                | blank              | not_planned         => no
        refused             | blank              | blank               => no
        recommended_unknown | blank              | blank               => unknown
    """)


def test_the_sequence_of_systemic_therapy_begins_in_2006(naaccr_rule):
    """The item was not collected before 2006: empty is then ``not_collected``, later it is unknown."""
    naaccr_rule("""
        year_of_diagnosis | systemic_surgery_sequence => systemic_surgery_sequence
        2004              | blank                     => not_collected
        2010              | blank                     => unknown
        2010              | before                    => before
    """)
