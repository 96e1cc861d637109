# ruff: noqa: E501 (tables are drawn wide)
"""Surgery of the primary tumor."""


def test_codes_are_read_one_by_one(rule):
    """Two-digit codes to 2022. 20-24 conserve the breast, 30 to 80 remove it, 90 is surgery without a type. Ranges
    lie: 63 and 73-76 belong to lists outside their tens (63 is a modified radical mastectomy with the other breast,
    75 a simple one, 76 both breasts for one tumor)."""
    rule("""
        year_of_diagnosis | surgery_code_to_2022 => primary_surgery   | operated | bilateral      | reconstruction
        2012              | 00                   => none              | false    | not_applicable | not_applicable
        2012              | 20                   => breast_conserving | true     | no             | not_applicable
        2012              | 24                   => breast_conserving | true     | no             | not_applicable
        2012              | 30                   => mastectomy        | true     | unknown        | unknown
        2012              | 41                   => mastectomy        | true     | no             | none
        2012              | 42                   => mastectomy        | true     | yes            | none
        2012              | 44                   => mastectomy        | true     | no             | tissue
        2012              | 63                   => mastectomy        | true     | yes            | combined
        2012              | 73                   => mastectomy        | true     | yes            | implant
        2012              | 74                   => mastectomy        | true     | yes            | combined
        2012              | 75                   => mastectomy        | true     | yes            | combined
        2012              | 76                   => mastectomy        | true     | yes            | unknown
        2012              | 80                   => mastectomy        | true     | unknown        | unknown
        2012              | 90                   => surgery_nos       | true     | unknown        | unknown
    """)


def test_destruction_without_a_specimen_is_the_studys_choice(rule):
    """Code 19, local destruction with no specimen, is neither operated nor not: null, and the study decides by
    ``primary_surgery``."""
    rule("""
        year_of_diagnosis | surgery_code_to_2022 => primary_surgery    | operated
        2012              | 19                   => local_destruction  | -
    """)


def test_unknown_surgery_is_null(rule):
    """99, an empty field and a code that is in no list are unknown; so is 00 with reason 8 or 9 (recommended or not,
    nobody knows whether it was done). None of them is "not operated"."""
    rule("""
        year_of_diagnosis | surgery_code_to_2022 | reason_no_surgery   => primary_surgery | operated
        2012              | 99                   | unknown             => unknown         | -
        2012              | blank                | unknown             => unknown         | -
        2012              | 98                   | not_planned         => unknown         | -
        2012              | 00                   | unknown             => unknown         | -
        2012              | 00                   | recommended_unknown => unknown         | -
        2012              | 00                   | not_planned         => none            | false
        2012              | -                    | not_planned         => not_released    | -
    """)


def test_who_died_before_the_operation_stays_unoperated(rule):
    """00 with reason 5 (died before the recommended operation) is unoperated: moving her out would give the operated
    arm its survivors."""
    rule("""
        year_of_diagnosis | surgery_code_to_2022 | reason_no_surgery => primary_surgery | operated | reason_no_surgery
        2012              | 00                   | died              => none            | false    | died
        2012              | 00                   | refused           => none            | false    | refused
    """)


def test_codes_with_letters_are_surgery(rule):
    """2023 writes the same list as A codes, 2024 begins a new B list. They are text: read as numbers they would all
    become "no surgery"."""
    rule(
        """
        year_of_diagnosis | surgery_code_to_2022 | surgery_code_2023 => primary_surgery   | operated | bilateral      | surgery_code
        2023              | blank                | A000              => none              | false    | not_applicable | A000
        2023              | blank                | A200              => breast_conserving | true     | no             | A200
        2023              | blank                | A630              => mastectomy        | true     | yes            | A630
        2024              | blank                | B600              => mastectomy        | true     | unknown        | B600
        2024              | blank                | B290              => breast_conserving | true     | no             | B290
        2024              | blank                | B990              => unknown           | -        | unknown        | B990
    """,
        release="2024",
        covered_years=(2004, 2024),
    )


def test_a_dual_coded_year_checks_the_crosswalk(rule):
    """2022 carries two digits and B codes. The two digits are read; where the B code says another kind of surgery the
    row is a finding. The reconstruction item is never surgery, though its A6xx codes look like a 2023 mastectomy."""
    rule("""
        year_of_diagnosis | surgery_code_to_2022 | surgery_code_breast_2022 | reconstruction_code => primary_surgery   | surgery_crosswalk_conflict
        2022              | 40                   | B600                     | -                   => mastectomy        | false
        2022              | 22                   | B600                     | -                   => breast_conserving | true
        2022              | 00                   | B000                     | A610                => none              | false
        2012              | 40                   | blank                    | -                   => mastectomy        | -
    """)


def test_the_b_list_leaves_reconstruction_to_its_own_item(rule):
    """B codes say nothing of reconstruction: from 2024 the reconstruction item does. An empty item after a mastectomy
    is unknown, never "none"."""
    rule(
        """
        year_of_diagnosis | surgery_code_to_2022 | surgery_code_2023 | reconstruction_code => reconstruction
        2024              | blank                | B600              | A610                => tissue
        2024              | blank                | B600              | A000                => none
        2024              | blank                | B600              | blank               => unknown
        2024              | blank                | B200              | A300                => oncoplastic
        2024              | blank                | B000              | A000                => not_applicable
        2022              | 41                   | blank             | A610                => none
    """,
        release="2024",
        covered_years=(2004, 2024),
    )


def test_seer_before_1998_knows_whether_but_not_what(seer_rule):
    """SEER 1988-1997 has site-specific codes for which no table is here. The reason item says whether the primary was
    operated; the type is surgery NOS, and the code is not read."""
    seer_rule("""
        year_of_diagnosis | surgery_code_pre_1998 | surgery_code_to_2022 | reason_no_surgery => primary_surgery | operated
        1995              | 40                    | blank                | performed         => surgery_nos     | true
        1995              | 00                    | blank                | not_planned       => none            | false
        1995              | 00                    | blank                | died              => none            | false
        1995              | 09                    | blank                | unknown           => unknown         | -
        1998              | blank                 | 40                   | performed         => mastectomy      | true
    """)


def test_code_and_reason_may_contradict(rule):
    """A code of an operation with a reason for none, or 00 with "surgery performed": the code stands and the row is a
    finding."""
    rule("""
        year_of_diagnosis | surgery_code_to_2022 | reason_no_surgery => operated | surgery_reason_conflict
        2012              | 40                   | performed         => true     | false
        2012              | 40                   | refused           => true     | true
        2012              | 00                   | performed         => false    | true
        2012              | 00                   | not_planned       => false    | false
        2012              | 40                   | unknown           => true     | -
    """)


def test_three_ways_for_a_day_to_be_missing(rule):
    """Days to the definitive operation: blank, 8888 (not applicable) and 9999 (unknown) are three states, kept beside
    the number. The first operation on anything, which may be a node or a metastasis, is another column."""
    rule("""
        days_to_definitive_surgery | days_to_definitive_surgery_status | days_to_surgery => days_to_definitive_surgery | days_to_definitive_surgery_status | days_to_first_surgery
        35                         | recorded                          | 12              => 35                         | recorded                          | 12
        -                          | blank                             | -               => -                          | blank                             | -
        -                          | not_applicable                    | -               => -                          | not_applicable                    | -
        -                          | unknown                           | -               => -                          | unknown                           | -
        -                          | -                                 | -               => -                          | not_released                      | -
    """)


def test_seer_has_no_surgery_date(seer_rule):
    """SEER's time to treatment is to the first treatment of any kind. It never becomes a surgery date."""
    seer_rule("""
        year_of_diagnosis | days_to_treatment => days_to_definitive_surgery | days_to_definitive_surgery_status | days_to_first_surgery | days_to_first_treatment
        2012              | 21                => -                          | not_released                      | -                     | 21
    """)


def test_deaths_after_surgery_are_facts_of_the_operated(rule):
    """Death within 30 or 90 days and readmission are asked of operated patients only: NCDB's 0 for readmission mixes
    in everybody who was never operated. The newest year is withheld."""
    rule("""
        year_of_diagnosis | surgery_code_to_2022 | died_30_days | died_90_days | readmission => died_within_30_days_of_surgery | died_within_90_days_of_surgery | readmitted_30_days
        2012              | 40                   | no           | yes          | unplanned   => no                             | yes                            | unplanned
        2012              | 40                   | unknown      | blank        | none        => unknown                        | unknown                        | no
        2012              | 00                   | blank        | blank        | none        => not_applicable                 | not_applicable                 | not_applicable
        2022              | 40                   | blank        | blank        | none        => withheld                       | withheld                       | no
    """)


def test_a_mapped_source_may_say_it_in_a_word(mapped_rule):
    """A mapped source maps its own coding to our words; without the field surgery is not released, never "none"."""
    mapped_rule("""
        primary_surgery_word => primary_surgery | operated | bilateral
        mastectomy           => mastectomy      | true     | unknown
        none                 => none            | false    | not_applicable
        unmapped             => unknown         | -        | unknown
        -                    => not_released    | -        | not_released
    """)


def test_naaccr_before_1998_goes_by_the_recoded_item_or_the_reason(naaccr_rule):
    """A record of before 1998 that its registry recoded has a code of the later list. One that was not has codes for
    which no table is here: the reason item decides whether there was an operation, and its type is not known."""
    naaccr_rule("""
        year_of_diagnosis | surgery_code_to_2022 | surgery_code_pre_1998 | reason_no_surgery => primary_surgery   | operated
        1995              | 41                   | 30                    | performed         => mastectomy        | true
        1995              | blank                | 30                    | performed         => surgery_nos       | true
        1995              | blank                | 00                    | not_planned       => none              | false
        1995              | blank                | blank                 | blank             => unknown           | -
        2005              | blank                | blank                 | performed         => unknown           | -
    """)
