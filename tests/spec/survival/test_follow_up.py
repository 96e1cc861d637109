# ruff: noqa: E501 (tables are drawn wide)
"""Follow-up, death and its cause."""


def test_the_newest_ncdb_year_is_withheld(rule):
    """An NCDB release withholds survival, vital status and mortality of its newest diagnosis year. Those cases are
    excluded by design: they are neither alive nor missing, even where a value is there."""
    rule("""
        year_of_diagnosis | vital_status | survival_months | survival_months_status => withheld_follow_up | vital_status | died  | survival_months | survival_months_flag
        2021              | dead         | 14.36           | recorded               => false              | dead         | true  | 14.36           | recorded
        2021              | alive        | 20.5            | recorded               => false              | alive        | false | 20.5            | recorded
        2021              | blank        | -               | blank                  => false              | unknown      | -     | -               | unknown
        2022              | blank        | -               | blank                  => true               | withheld     | -     | -               | withheld
        2022              | alive        | 3               | recorded               => true               | withheld     | -     | -               | withheld
    """)


def test_the_same_year_is_not_withheld_in_a_later_release(rule):
    """What is withheld depends on the release, not on the year: 2016 is withheld in the release of 2016 and known in
    that of 2022."""
    table = """
        year_of_diagnosis | vital_status => withheld_follow_up
        2016              | dead         => {withheld}
    """
    rule(table.format(withheld="true"), release="2016", covered_years=(2004, 2016))
    rule(table.format(withheld="false"), release="2022")


def test_seer_survival_brings_its_flag(seer_rule):
    """SEER's survival comes with a flag. "Not calculated" (death certificate or autopsy only) has no survival; unknown
    is null; zero days stay zero here, because what to do with them is the study's policy. SEER withholds no year."""
    seer_rule("""
        year_of_diagnosis | survival_months | survival_months_status | survival_flag       | vital_status => survival_months | survival_months_flag | vital_status | withheld_follow_up
        2012              | 34              | recorded               | complete            | dead         => 34              | complete             | dead         | false
        2012              | 0               | recorded               | complete_zero_days  | dead         => 0               | complete_zero_days   | dead         | false
        2012              | 0               | recorded               | could_be_zero       | alive        => 0               | could_be_zero        | alive        | false
        2012              | -               | unknown                | not_calculated      | dead         => -               | not_calculated       | dead         | false
        2012              | 5               | recorded               | not_calculated      | dead         => -               | not_calculated       | dead         | false
        2018              | -               | unknown                | unknown             | unmapped     => -               | unknown              | unknown      | false
    """)


def test_cause_of_death_only_where_the_source_classifies_it(seer_rule, rule):
    """SEER classifies the cause of death for first tumors (sequence 00 or 01). Another tumor, or a missing cause, is
    null: neither alive nor dead of something else. The NCDB has no cause of death."""
    seer_rule("""
        year_of_diagnosis | sequence_number | vital_status | cause_specific      | other_cause           => cause_of_death_group | died_of_breast_cancer | died_of_other_cause
        2012              | 00              | dead         | dead_of_this_cancer | alive_or_this_cancer  => breast_cancer        | true                  | false
        2012              | 01              | dead         | alive_or_other      | dead_of_other_cause   => other_cause          | false                 | true
        2012              | 00              | alive        | alive_or_other      | alive_or_this_cancer  => alive                | false                 | false
        2012              | 00              | dead         | missing_cause       | missing_cause         => missing_cause        | -                     | -
        2012              | 02              | dead         | not_first_tumor     | not_first_tumor       => not_first_tumor      | -                     | -
        2012              | 02              | dead         | dead_of_this_cancer | -                     => not_first_tumor      | -                     | -
        2012              | 00              | unknown      | blank               | blank                 => unknown              | -                     | -
    """)
    rule("""
        year_of_diagnosis | vital_status => cause_of_death_group | died_of_breast_cancer | died_of_other_cause | died
        2012              | dead         => not_released         | -                     | -                   | true
    """)


def test_entry_is_zero_where_follow_up_begins_at_diagnosis(mapped_rule):
    """Entry into observation is 0 in a registry; a mapped source may observe people only from later on. A person of
    such a source whose entry is not known has none: with 0 she would bring months in which nobody watched her."""
    mapped_rule("""
        survival_months => entry_months
        60              => 0
    """)
    mapped_rule("""
        stage_at_diagnosis | entry_months => entry_months | entry_from_metastasis_months
        4                  | 17.5         => 17.5         | 17.5
        4                  | -0.3         => 0            | 0
        4                  | -            => -            | -
    """)


def test_follow_up_table_keeps_the_recurrence_item(mapped_rule):
    """The follow-up table keeps the first recurrence as recorded, beside what was derived from it."""
    mapped_rule(
        """
        stage_at_diagnosis | recurrence_type | months_to_first_recurrence | months_to_distant_recurrence => recurrence_type | months_to_first_recurrence | disease_presentation
        2                  | distant         | 14                         | 14                           => distant         | 14                         | metachronous
        2                  | locoregional    | 14                         | 30                           => locoregional    | 14                         | undetermined_after_locoregional
        2                  | -               | -                          | -                            => not_released    | -                          | not_released
    """,
        relation="follow_up",
    )


def test_a_cause_of_death_is_read_in_its_icd_revision(naaccr_rule):
    """The underlying cause comes with its revision, and the same digits differ: 174 is the breast in ICD-8 and ICD-9
    and the uterus in ICD-7, where the breast is 170. No certificate (7777), no code (7797) and a blank are a missing
    cause. A code without its revision, or not of it, is unknown. The dead of a later tumor are ``not_first_tumor``."""
    naaccr_rule("""
        sequence_number | vital_status | cause_of_death | cause_of_death_revision => cause_of_death_group | died_of_breast_cancer | died_of_other_cause
        00              | dead         | C509           | icd_10                  => breast_cancer        | true                  | false
        00              | dead         | 1749           | icd_9                   => breast_cancer        | true                  | false
        00              | dead         | 1759           | icd_9                   => breast_cancer        | true                  | false
        00              | dead         | 1740           | icd_8                   => breast_cancer        | true                  | false
        00              | dead         | 1700           | icd_7                   => breast_cancer        | true                  | false
        00              | dead         | 1740           | icd_7                   => other_cause          | false                 | true
        00              | dead         | 1700           | icd_9                   => other_cause          | false                 | true
        00              | dead         | I219           | icd_10                  => other_cause          | false                 | true
        00              | dead         | E950           | icd_9                   => other_cause          | false                 | true
        00              | dead         | 1749           | icd_10                  => unknown              | -                     | -
        00              | dead         | 1749           | blank                   => unknown              | -                     | -
        00              | dead         | 7777           | icd_10                  => missing_cause        | -                     | -
        00              | dead         | 7797           | icd_10                  => missing_cause        | -                     | -
        00              | dead         | blank          | blank                   => missing_cause        | -                     | -
        00              | dead         | 0000           | none                    => unknown              | -                     | -
        00              | alive        | 0000           | none                    => alive                | false                 | false
        02              | dead         | C509           | icd_10                  => not_first_tumor      | -                     | -
    """)


def test_the_registry_s_own_classification_comes_before_the_icd_code(naaccr_rule):
    """Where SEER's cause-specific item is filled it decides: it also counts deaths that a certificate puts down to a
    site of metastasis. Where it is empty, the code of the underlying cause does."""
    naaccr_rule("""
        sequence_number | vital_status | cause_specific      | cause_of_death | cause_of_death_revision => cause_of_death_group
        00              | dead         | dead_of_this_cancer | C798           | icd_10                  => breast_cancer
        00              | dead         | alive_or_other      | C509           | icd_10                  => other_cause
        00              | dead         | missing_cause       | blank          | blank                   => missing_cause
        00              | dead         | blank               | C509           | icd_10                  => breast_cancer
        00              | dead         | not_first_tumor     | C509           | icd_10                  => not_first_tumor
    """)


def test_survival_between_dates_says_how_exact_it_is(naaccr_rule):
    """Whole dates give exact months; a missing day gives whole months, flagged in SEER's words; a missing month or a
    last contact before the diagnosis gives none."""
    naaccr_rule("""
        vital_status | survival_months | survival_months_status | survival_flag       => survival_months | survival_months_flag
        dead         | 11.991786       | recorded               | complete            => 11.9918         | complete
        dead         | 0               | recorded               | complete_zero_days  => 0               | complete_zero_days
        dead         | 12              | month_precision        | incomplete_not_zero => 12              | incomplete_not_zero
        alive        | 0               | month_precision        | could_be_zero       => 0               | could_be_zero
        alive        | -               | partial_date           | unknown             => -               | unknown
        alive        | -               | negative_interval      | unknown             => -               | unknown
        dead         | 0               | recorded               | not_calculated      => -               | not_calculated
    """)
