# ruff: noqa: E501 (tables are drawn wide)
"""Any evidence of metastasis: every piece in its own column, and a policy that reads them all."""


def test_any_m1_makes_it_true(rule):
    """One M1 anywhere is enough: a clinical or pathologic M, a clinical or pathologic stage group, a stage group IV,
    an organ flag, or the collaborative-stage metastasis item (10 distant nodes, 40, 42, 44, 60 distant, 50 both)."""
    rule("""
        year_of_diagnosis | analytic_stage_group | clinical_m | pathologic_m | clinical_stage_group | pathologic_stage_group | cs_mets_at_dx            | mets_bone => stage_iv_any_evidence | stage_iv
        2012              | 4                    | blank      | blank        | blank                | blank                  | unknown                  | unknown   => true                  | true
        2012              | unknown              | m1         | blank        | blank                | blank                  | unknown                  | unknown   => true                  | -
        2012              | unknown              | mx         | m1           | blank                | blank                  | unknown                  | unknown   => true                  | -
        2012              | unknown              | mx         | blank        | 4                    | blank                  | unknown                  | unknown   => true                  | -
        2012              | unknown              | mx         | blank        | blank                | 4                      | unknown                  | unknown   => true                  | -
        2012              | unknown              | mx         | blank        | blank                | blank                  | distant_nodes            | unknown   => true                  | -
        2012              | unknown              | mx         | blank        | blank                | blank                  | distant                  | unknown   => true                  | -
        2012              | unknown              | mx         | blank        | blank                | blank                  | distant_nodes_and_other  | unknown   => true                  | -
        2012              | unknown              | mx         | blank        | blank                | blank                  | unknown                  | yes       => true                  | -
    """)


def test_isolated_tumor_cells_are_not_metastatic(rule):
    """``c0(i+)`` (also written ``c0I+`` and ``cM0(i+)``) and collaborative-stage codes 05 and 07 are cells of 0.2 mm
    or less: M0, an explicit no."""
    rule("""
        analytic_stage_group | clinical_m | cs_mets_at_dx => stage_iv_any_evidence | evidence_clinical_m | evidence_cs_mets | stage_iv_clinical
        unknown              | m0_itc     | itc           => false                 | false               | false            | false
        unknown              | m0_itc     | unknown       => false                 | false               | -                | false
        unknown              | blank      | itc           => false                 | -                   | false            | -
    """)


def test_a_blank_pathologic_m_is_never_m0(rule):
    """Pathologic M is mostly blank or 88 (not applicable). It says nothing: a person with nothing else is null, not
    "not metastatic"."""
    rule("""
        analytic_stage_group | pathologic_m   => evidence_pathologic_m | stage_iv_any_evidence | pathologic_m
        unknown              | blank          => -                     | -                     | unknown
        unknown              | not_applicable => -                     | -                     | not_applicable
        unknown              | mx             => -                     | -                     | mx
        unknown              | unmapped       => -                     | -                     | unknown
    """)


def test_eod_00_is_flagged(seer_rule):
    """From 2018 EOD metastases 10 and 70 are distant and 05 is M0. Code 00 means none **or unknown**: it counts as no,
    and where nothing else says M0 the row says that it rests on it; the M0 that SEER derives from it is nothing else. A death-certificate code says nothing."""
    seer_rule(
        """
        year_of_diagnosis | stage_eod_2018 | m_eod_2018 | eod_mets          => stage_iv_any_evidence | evidence_eod_mets | stage_iv_rests_on_eod_00
        2019              | unknown        | blank      | distant           => true                  | true              | false
        2019              | unknown        | blank      | itc               => false                 | false             | false
        2019              | unknown        | blank      | none              => false                 | false             | true
        2019              | unknown        | m0         | none              => false                 | false             | true
        2019              | unknown        | m0         | itc               => false                 | false             | false
        2019              | 2              | m0         | none              => false                 | false             | false
        2019              | unknown        | blank      | death_certificate => -                     | -                 | false
    """,
        covered_years=(2000, 2020),
    )


def test_organ_flags_that_say_no_are_not_m0(rule):
    """Four organs free of metastasis do not make a person M0: nodes, skin and pleura have no flag before 2016. The flag
    evidence is there, but alone it never makes ``stage_iv_any_evidence`` false. Other site 1 or 2 is M1."""
    rule("""
        year_of_diagnosis | analytic_stage_group | mets_bone | mets_brain | mets_liver | mets_lung | mets_distant_ln | mets_other  => evidence_organ_mets | stage_iv_any_evidence
        2012              | unknown              | no        | no         | no         | no        | blank           | blank       => false               | -
        2017              | unknown              | no        | no         | no         | no        | no              | generalized => true                | true
        2017              | unknown              | no        | no         | no         | no        | no              | yes         => true                | true
        2017              | unknown              | no        | no         | no         | no        | yes             | no          => true                | true
        2017              | unknown              | no        | no         | no         | no        | no              | unknown     => -                   | -
    """)


def test_disagreement_is_kept_as_a_finding(rule):
    """When one piece says M1 and another M0, nobody settles it here: both policies give their answer and
    ``stage_iv_conflict`` counts the row in the quality report."""
    rule("""
        analytic_stage_group | clinical_m | cs_mets_at_dx => stage_iv | stage_iv_any_evidence | stage_iv_conflict
        4                    | m1         | distant       => true     | true                  | false
        2                    | m1         | none          => false    | true                  | true
        4                    | m0         | distant       => true     | true                  | true
        2                    | m0         | none          => false    | false                 | false
        unknown              | mx         | unknown       => -        | -                     | -
    """)


def test_known_before_surgery(rule):
    """``stage_iv_clinical`` asks what was known before the operation: clinical M or clinical stage group alone. A
    pathologic M1 found at the operation does not count, because it puts people into the operated arm who could never
    have been in the other."""
    rule("""
        analytic_stage_group | clinical_m | clinical_stage_group | pathologic_m => stage_iv_clinical | stage_iv
        4                    | m1         | 4                    | blank        => true              | true
        4                    | blank      | 4                    | blank        => true              | true
        4                    | m0         | 3                    | m1           => false             | true
        4                    | blank      | unknown              | m1           => -                 | true
        2                    | m0         | blank                | blank        => false             | false
    """)


def test_seer_m_of_any_edition_is_evidence(seer_rule):
    """SEER's derived M of any edition is evidence; the group still decides ``stage_iv``."""
    seer_rule("""
        year_of_diagnosis | stage_ajcc7_derived | m_ajcc7_derived | m_ajcc6_derived => stage_iv | evidence_derived_m | stage_iv_any_evidence
        2012              | 3                   | m1              | m0              => false    | true               | true
        2012              | unknown             | m0              | mx              => -        | false              | false
        2012              | unknown             | mx              | not_applicable  => -        | -                  | -
    """)


def test_an_m0_derived_from_unknown_is_no_evidence(seer_rule):
    """The 7th edition derives M0 from collaborative-stage metastases 99, unknown. Unknown stays unknown: such an M0 is
    not explicit. The stage group built on it still decides ``stage_iv``, as the papers did."""
    seer_rule("""
        year_of_diagnosis | stage_ajcc7_derived | m_ajcc7_derived | m_ajcc6_derived | cs_mets_at_dx => evidence_derived_m | stage_iv_any_evidence | stage_iv
        2012              | unknown             | m0              | mx              | unknown       => -                  | -                     | -
        2012              | unknown             | m0              | mx              | none          => false              | false                 | -
        2012              | unknown             | m1              | mx              | unknown       => true               | true                  | -
        2012              | 2                   | m0              | mx              | unknown       => -                  | false                 | false
    """)


def test_where_the_group_is_silent_evidence_decides(rule):
    """``metastatic_at_diagnosis``, which de novo disease and the pattern of spread read, is the stage group and, where
    the group is silent, the evidence."""
    rule("""
        analytic_stage_group | clinical_m => metastatic_at_diagnosis
        4                    | blank      => true
        3                    | m1         => false
        unknown              | m1         => true
        unknown              | m0         => false
        unknown              | blank      => -
    """)
