# ruff: noqa: E501 (tables are drawn wide)
"""Who the person was at diagnosis, and the tumor's size and grade."""


def test_age_groups_come_from_years_or_from_the_band(rule):
    """Single years are grouped; where a source releases only bands, the band fills ``age_group`` and the years stay
    null. NCDB's 090 is 90 or older, and 999 unknown."""
    rule("""
        age_years | age_top_coded | age_band => age_group | age_at_diagnosis_years | age_top_coded
        39        | false         | -        => under_40  | 39                     | false
        40        | false         | -        => 40-49     | 40                     | false
        79        | false         | -        => 70-79     | 79                     | false
        80        | false         | -        => 80+       | 80                     | false
        90        | true          | -        => 80+       | 90                     | true
        -         | -             | 45-49    => 40-49     | -                      | -
        -         | -             | 85+      => 80+       | -                      | -
        -         | -             | 35-39    => under_40  | -                      | -
        -         | -             | unknown  => unknown   | -                      | -
        -         | -             | -        => unknown   | -                      | -
    """)


def test_hispanic_first_then_race(rule):
    """Hispanic origin (1-6 and 8) goes before race. Surname-only (7) and unknown (9) origin go by race here, and
    ``hispanic_origin`` stands beside it for a study with another policy."""
    rule("""
        race                           | hispanic     => race_ethnicity                              | hispanic_origin
        black                          | hispanic     => hispanic                                    | hispanic
        black                          | non_hispanic => non_hispanic_black                          | non_hispanic
        white                          | surname_only => non_hispanic_white                          | surname_only
        white                          | unknown      => non_hispanic_white                          | unknown
        asian_pacific_islander         | non_hispanic => non_hispanic_asian_pacific_islander         | non_hispanic
        american_indian_alaska_native  | non_hispanic => non_hispanic_american_indian_alaska_native  | non_hispanic
        unknown                        | non_hispanic => unknown                                     | non_hispanic
        unknown                        | hispanic     => hispanic                                    | hispanic
        -                              | -            => not_released                                | not_released
    """)


def test_without_origin_nobody_is_called_non_hispanic(seer_rule):
    """An extract with race and no Hispanic origin has no race/ethnicity: its race stands in ``race``."""
    seer_rule("""
        race  | hispanic => race_ethnicity | race
        white | -        => not_released   | white
        black | -        => not_released   | black
    """)


def test_facility_is_withheld_under_forty(rule):
    """NCDB blanks facility type and location under age 40. That is withheld, not unknown: a complete-case rule on it
    would drop every young woman."""
    rule("""
        age_years | facility_type | facility_location => facility_type | facility_location
        39        | blank         | blank             => withheld      | withheld
        40        | blank         | blank             => unknown       | unknown
        39        | academic      | pacific           => academic      | pacific
        60        | -             | -                 => not_released  | not_released
    """)


def test_missing_keeps_its_reason(rule):
    """A field that the extract does not have is ``not_released``; an empty one, or a code that no table knows, is
    unknown. Payer, quartiles (one column per vintage), rurality, comorbidity and all the others keep to it."""
    rule("""
        payer       | income_quartile_2012 | education_quartile_2016 | rurality | charlson_deyo | sex      => primary_payer | income_quartile_2012 | education_quartile_2016 | rurality     | charlson_deyo | sex
        insured_nos | q1                   | q4                      | metro    | 2_or_more     | female   => insured_nos   | q1                   | q4                      | metro        | 2_or_more     | female
        blank       | unmapped             | blank                   | unknown  | blank         | unmapped => unknown       | unknown              | unknown                 | unknown      | unknown       | unknown
        -           | -                    | -                       | -        | -             | -        => not_released  | not_released         | not_released            | not_released | not_released  | not_released
    """)


def test_not_every_size_code_is_millimetres(rule):
    """``TUMOR_SIZE`` to 2015, the summary item from 2016. 001-988 are millimetres; 000 no mass, 989 very large and 990
    microscopic are flagged and 991-998 are not sizes; 999 is unknown."""
    rule("""
        year_of_diagnosis | tumor_size_code | tumor_size_summary_code => tumor_size_mm | tumor_size_status
        2012              | 025             | -                       => 25            | recorded
        2012              | 988             | -                       => 988           | recorded
        2012              | 000             | -                       => -             | no_mass
        2012              | 989             | -                       => -             | very_large
        2012              | 990             | -                       => -             | microscopic
        2012              | 998             | -                       => -             | not_a_size
        2012              | 999             | -                       => -             | unknown
        2012              | blank           | 030                     => -             | unknown
        2016              | 025             | 030                     => 30            | recorded
        2016              | 025             | -                       => -             | not_released
    """)


def test_grade_changes_its_item_in_2018(rule):
    """One grade item to 2017; from 2018 the pathologic grade, and the clinical one where that is unknown."""
    rule("""
        year_of_diagnosis | grade   | grade_clinical | grade_pathologic => grade
        2017              | poor    | blank          | blank            => poor
        2018              | blank   | well           | moderate         => moderate
        2018              | blank   | well           | unknown          => well
        2018              | poor    | blank          | blank            => unknown
        2018              | -       | -              | -                => not_released
    """)


def test_tn_basis_says_which_t_there_is(rule):
    """Pathologic T exists only after surgery; adjusting for it conditions on the operation. ``tn_basis`` says which T
    a row has."""
    rule("""
        clinical_t | pathologic_t | derived_t => tn_basis
        c2         | p1C          | -         => pathologic
        c2         | pX           | -         => clinical
        c2         | blank        | -         => clinical
        cX         | blank        | -         => unknown
        -          | -            | T2         => derived
        -          | -            | TX Adjusted => unknown
        -          | -            | NA         => unknown
        -          | -            | cX         => unknown
        -          | -            | -         => not_released
    """)


def test_nodes_are_counts_only_where_they_were_counted(rule):
    """95 and 97 are positive nodes without a count, 98 none examined: the number is null and its status says which."""
    rule("""
        nodes_positive | nodes_positive_status | nodes_examined | nodes_examined_status => nodes_positive | nodes_positive_status | nodes_examined_status
        3              | counted               | 12             | counted               => 3              | counted               | counted
        -              | positive_no_count     | -              | removed_no_count      => -              | positive_no_count     | removed_no_count
        -              | blank                 | -              | -                     => -              | unknown               | not_released
    """)


def test_charlson_is_scored_from_icd_codes_where_there_is_no_score(naaccr_rule):
    """Conditions by Quan 2005, weights by Charlson, cancer left out. Complicated diabetes (2) counts instead of
    diabetes (1), not beside it; a condition counts once however often it is coded, in either revision. Codes of other
    conditions, or the registry's word that there are none, are 0. No code at all is unknown, never 0."""
    naaccr_rule("""
        comorbidity_icd9 | comorbidity_icd10 => charlson_deyo
        none             | blank             => 0
        blank            | none              => 0
        4019             | Z853              => 0
        blank            | C787              => 0
        25000            | blank             => 1
        4280             | I509              => 1
        25040            | blank             => 2_or_more
        25000            | E1122             => 2_or_more
        40403            | blank             => 2_or_more
        blank            | I219              => 1
        blank            | B20               => 2_or_more
        blank            | blank             => unknown
        -                | -                 => not_released
    """)
    naaccr_rule("""
        comorbidity_icd10 => charlson_deyo
        K703              => 1
        K704              => 2_or_more
    """)


def test_a_score_of_the_source_is_never_replaced(naaccr_rule):
    """Where a source gives its own score, codes beside it change nothing."""
    naaccr_rule("""
        charlson_deyo | comorbidity_icd10 => charlson_deyo
        0             | I219              => 0
        1             | blank             => 1
    """)
