# ruff: noqa: E501 (tables are drawn wide)
"""Stage IV under the ``stage_group`` policy: what the papers did."""


def test_ncdb_reads_the_analytic_stage_group(rule):
    """In the NCDB, analytic stage group 4 is stage IV and 0 to 3 are not. Occult, not applicable, unknown, an empty
    field and a code that no table knows say nothing: the answer is null, never "no"."""
    rule("""
        year_of_diagnosis | analytic_stage_group => stage_iv | stage_group    | stage_edition
        2012              | 4                    => true     | 4              | ncdb_analytic
        2012              | 0                    => false    | 0              | ncdb_analytic
        2012              | 3                    => false    | 3              | ncdb_analytic
        2012              | occult               => -        | occult         | ncdb_analytic
        2012              | not_applicable       => -        | not_applicable | ncdb_analytic
        2012              | unknown              => -        | unknown        | ncdb_analytic
        2012              | blank                => -        | unknown        | ncdb_analytic
        2012              | unmapped             => -        | unknown        | ncdb_analytic
        2012              | -                    => -        | not_released   | ncdb_analytic
    """)


def test_seer_reads_the_field_of_the_year(seer_rule):
    """In SEER each year has its own field: adjusted 6th edition 1988-2003, derived 6th 2004-2009, derived 7th
    2010-2015, the combined group 2016-2017 and the EOD 2018 group from 2018. Leaving out the field of 2016-2017
    would silently drop two years. ``stage_edition`` says which field a row used."""
    seer_rule("""
        year_of_diagnosis | stage_ajcc6_adjusted | stage_ajcc6_derived | stage_ajcc7_derived | stage_combined_2016 | stage_eod_2018 => stage_iv | stage_edition
        1995              | 4                    | blank               | blank               | blank               | blank          => true     | ajcc6_adjusted
        2003              | 2                    | blank               | blank               | blank               | blank          => false    | ajcc6_adjusted
        2004              | 3                    | 4                   | blank               | blank               | blank          => true     | ajcc6_derived
        2009              | 3                    | 4                   | blank               | blank               | blank          => true     | ajcc6_derived
        2010              | 3                    | 3                   | 4                   | blank               | blank          => true     | ajcc7_derived
        2015              | 4                    | 4                   | 3                   | blank               | blank          => false    | ajcc7_derived
        2016              | blank                | blank               | blank               | 4                   | blank          => true     | seer_combined_2016
        2017              | blank                | blank               | blank               | 2                   | blank          => false    | seer_combined_2016
        2018              | blank                | blank               | blank               | blank               | 4              => true     | eod_2018
        2021              | blank                | blank               | blank               | blank               | unknown        => -        | eod_2018
    """)


def test_no_field_stands_in_for_another(seer_rule):
    """Where the field of the year is empty or not in the extract, an older edition does not fill it: supraclavicular
    nodes were M1 before the 6th edition, and a splice manufactures stage migration. The 6th edition of 2004-2015 and
    the adjusted 6th of 1988-2015 stand beside it as columns of their own."""
    seer_rule("""
        year_of_diagnosis | stage_ajcc6_adjusted | stage_ajcc6_derived | stage_ajcc7_derived => stage_iv | stage_group  | stage_iv_ajcc6_derived | stage_iv_adjusted_ajcc6
        2012              | 4                    | 4                   | blank               => -        | unknown      | true                   | true
        2012              | 4                    | 3                   | -                   => -        | not_released | false                  | true
        2012              | unknown              | blank               | 4                   => true     | 4            | -                      | -
    """)


def test_a_series_across_2004_has_one_column_for_all_its_years(seer_rule):
    """A study that begins in 1988 and ends after 2004 reads ``stage_iv_adjusted_ajcc6`` on all its years, one edition
    throughout."""
    seer_rule("""
        year_of_diagnosis | stage_ajcc6_adjusted => stage_iv_adjusted_ajcc6
        1988              | 4                    => true
        2003              | 3                    => false
        2004              | 4                    => true
        2011              | 4                    => true
        2015              | unknown              => -
    """)


def test_before_1988_there_is_only_summary_stage(seer_rule):
    """Before 1988 SEER has summary stage alone: distant summary stage is ``summary_distant`` and never stage IV, nor
    evidence for it, because its definition of distant differs."""
    seer_rule(
        """
        year_of_diagnosis | summary_stage => stage_iv | stage_group   | stage_edition | summary_distant | stage_iv_any_evidence
        1980              | distant       => -        | not_collected | none          | true            | -
        1980              | regional      => -        | not_collected | none          | false           | -
        1980              | unknown       => -        | not_collected | none          | -               | -
    """,
        covered_years=(1973, 2016),
    )


def test_a_mapped_source_falls_back_to_m(mapped_rule):
    """A mapped source gives its stage at diagnosis; where it has none, the recorded M decides. A group that is there
    is never overruled by M: the contradiction is a finding."""
    mapped_rule("""
        stage_at_diagnosis | clinical_m | pathologic_m => stage_iv | stage_edition | stage_iv_conflict
        4                  | m1         | -            => true     | recorded      | false
        2                  | m0         | -            => false    | recorded      | false
        unknown            | m1         | -            => true     | recorded      | false
        unknown            | mx         | m1           => true     | recorded      | false
        unknown            | m0         | m1           => true     | recorded      | true
        -                  | m0_itc     | -            => false    | recorded      | false
        -                  | mx         | blank        => -        | recorded      | -
        2                  | m1         | -            => false    | recorded      | true
    """)


def test_a_mapped_source_may_give_one_m_without_saying_its_basis(mapped_rule):
    """Some sources give one M at diagnosis, clinical or pathologic unsaid. It is evidence, and decides where there is
    no group; it is never a clinical M, so nobody knows whether it was known before surgery."""
    mapped_rule("""
        stage_at_diagnosis | m_at_diagnosis => stage_iv | evidence_derived_m | stage_iv_clinical
        4                  | m1             => true     | true               | -
        unknown            | m1             => true     | true               | -
        unknown            | m0             => false    | false              | -
    """)


def test_naaccr_takes_the_first_group_that_is_known(naaccr_rule):
    """To 2017: derived AJCC 7th, derived 6th, pathologic, clinical, the combined group of 2016. From 2018: pathologic,
    clinical, and the EOD group, which registries without AJCC stage have alone. ``stage_edition`` says which it was."""
    naaccr_rule("""
        year_of_diagnosis | stage_ajcc7_derived | stage_ajcc6_derived | pathologic_stage_group | clinical_stage_group | stage_combined_2016 | stage_eod_2018 => stage_group    | stage_edition     | stage_iv
        2012              | 4                   | 3                   | 2                      | 2                    | blank               | blank          => 4              | ajcc7_derived     | true
        2006              | blank               | 4                   | 2                      | blank                | blank               | blank          => 4              | ajcc6_derived     | true
        2001              | blank               | blank               | 2                      | 4                    | blank               | blank          => 2              | tnm_pathologic    | false
        2001              | blank               | blank               | unknown                | 4                    | blank               | blank          => 4              | tnm_clinical      | true
        2016              | blank               | blank               | blank                  | unknown              | 4                   | blank          => 4              | seer_combined_2016 | true
        2019              | blank               | blank               | 1                      | 4                    | blank               | 4              => 1              | ajcc8_pathologic  | false
        2019              | blank               | blank               | blank                  | 4                    | blank               | 2              => 4              | ajcc8_clinical    | true
        2019              | blank               | blank               | blank                  | blank                | blank               | 4              => 4              | eod_2018          | true
        2019              | blank               | blank               | blank                  | not_applicable       | blank               | unknown        => not_applicable | none              | -
        2019              | blank               | blank               | blank                  | blank                | blank               | blank          => unknown        | none              | -
        2012              | -                   | -                   | -                      | -                    | -                   | -              => not_released   | none              | -
    """)


def test_a_stage_assigned_after_therapy_never_downstages(naaccr_rule):
    """A pathologic stage with descriptor y was assigned after neoadjuvant therapy. Its group IV and its M1 count, its
    other groups and its M0 do not: a woman in clinical stage IV stays there when her tumor has melted away."""
    naaccr_rule("""
        year_of_diagnosis | pathologic_after_therapy | pathologic_stage_group | pathologic_m | clinical_stage_group => stage_group | stage_edition  | stage_iv | evidence_pathologic_stage | evidence_pathologic_m
        2012              | yes                      | 1                      | m0           | 4                    => 4           | tnm_clinical   | true     | -                         | -
        2012              | yes                      | 4                      | m1           | blank                => 4           | tnm_pathologic | true     | true                      | true
        2012              | no                       | 1                      | m0           | 4                    => 1           | tnm_pathologic | false    | false                     | false
        2012              | blank                    | 1                      | m0           | 4                    => 1           | tnm_pathologic | false    | false                     | false
    """)
