# ruff: noqa: E501 (tables are drawn wide)
"""Where it had spread at diagnosis."""


def test_flags_begin_in_2010_and_2016(rule):
    """Bone, brain, liver and lung were collected from 2010, distant nodes and other sites from 2016. Before that an
    empty field is ``not_collected``, never "no"; afterwards it is unknown. 8 is not applicable."""
    rule("""
        year_of_diagnosis | mets_bone      | mets_brain | mets_distant_ln | mets_other  => mets_at_dx_bone | mets_at_dx_brain | mets_at_dx_distant_ln | mets_at_dx_other
        2009              | blank          | -          | -               | blank       => not_collected   | not_collected    | not_collected         | not_collected
        2010              | yes            | blank      | blank           | blank       => yes             | unknown          | not_collected         | not_collected
        2015              | not_applicable | unmapped   | blank           | -           => not_applicable  | unknown          | not_collected         | not_collected
        2016              | no             | unknown    | yes             | generalized => no              | unknown          | yes                   | generalized
        2016              | no             | -          | blank           | -           => no              | not_released     | unknown               | not_released
    """)


def test_one_organ_names_the_pattern_and_two_make_it_multiple(rule):
    """Four organs, the same on all years from 2010. Exactly one organ and the other three no: bone only, or visceral
    for brain, liver or lung. Two organs are multiple, whatever the others say."""
    rule("""
        year_of_diagnosis | analytic_stage_group | mets_bone | mets_brain | mets_liver | mets_lung => metastatic_pattern | n_organ_sites | any_visceral | bone_only_proxy
        2012              | 4                    | yes       | no         | no         | no        => bone_only          | 1             | no           | true
        2012              | 4                    | no        | yes        | no         | no        => visceral           | 1             | yes          | false
        2012              | 4                    | no        | no         | yes        | no        => visceral           | 1             | yes          | false
        2012              | 4                    | no        | no         | no         | yes       => visceral           | 1             | yes          | false
        2012              | 4                    | yes       | no         | yes        | no        => multiple           | 2             | yes          | false
        2012              | 4                    | no        | yes        | yes        | yes       => multiple           | 3             | yes          | false
    """)


def test_an_unknown_organ_hides_the_pattern_unless_two_are_yes(rule):
    """One unknown organ and one yes: it might be multiple, so the pattern is unknown and not "bone only". Two yes are
    multiple even beside an unknown. Organs are counted only where all four are known."""
    rule("""
        year_of_diagnosis | analytic_stage_group | mets_bone | mets_brain     | mets_liver | mets_lung => metastatic_pattern | n_organ_sites | any_visceral | bone_only_proxy
        2012              | 4                    | yes       | unknown        | no         | no        => unknown            | -             | unknown      | -
        2012              | 4                    | yes       | unknown        | yes        | no        => multiple           | -             | yes          | false
        2012              | 4                    | no        | no             | no         | unknown   => unknown            | -             | unknown      | -
        2012              | 4                    | yes       | not_applicable | no         | no        => unknown            | -             | unknown      | -
        2008              | 4                    | blank     | blank          | blank      | blank     => not_collected      | -             | not_collected | -
    """)


def test_no_organ_in_a_stage_iv_person(rule):
    """No organ, and stage IV: nodal only where collaborative stage says distant nodes (code 10) or the node flag says
    so, otherwise unspecified (skin, pleura, peritoneum). Without stage IV there is no pattern to name."""
    rule("""
        year_of_diagnosis | analytic_stage_group | cs_mets_at_dx | mets_bone | mets_brain | mets_liver | mets_lung | mets_distant_ln | mets_other => metastatic_pattern
        2012              | 4                    | distant_nodes | no        | no         | no         | no        | blank           | blank      => nodal_only
        2012              | 4                    | distant       | no        | no         | no         | no        | blank           | blank      => unspecified
        2017              | 4                    | blank         | no        | no         | no         | no        | yes             | no         => nodal_only
        2017              | 4                    | blank         | no        | no         | no         | no        | yes             | yes        => unspecified
        2017              | 4                    | blank         | no        | no         | no         | no        | no              | yes        => unspecified
        2017              | 2                    | none          | no        | no         | no         | no        | no              | no         => none
        2012              | unknown              | unknown       | no        | no         | no         | no        | blank           | blank      => unknown
    """)


def test_generalised_disease_is_multiple(rule):
    """Other site 2 is generalised disease or carcinomatosis: multiple, though no single organ is named."""
    rule("""
        year_of_diagnosis | analytic_stage_group | mets_bone | mets_brain | mets_liver | mets_lung | mets_distant_ln | mets_other  => metastatic_pattern | metastatic_pattern_six_organ
        2017              | 4                    | unknown   | unknown    | unknown    | unknown   | unknown         | generalized => multiple           | multiple
    """)


def test_the_six_organ_definition_begins_in_2016(rule):
    """From 2016 nodes and other sites are organs too, as a second column. Bone with distant nodes is bone only by four
    organs and multiple by six: a series across 2016 uses four."""
    rule("""
        year_of_diagnosis | analytic_stage_group | mets_bone | mets_brain | mets_liver | mets_lung | mets_distant_ln | mets_other => metastatic_pattern | metastatic_pattern_six_organ
        2015              | 4                    | yes       | no         | no         | no        | blank           | blank      => bone_only          | not_collected
        2016              | 4                    | yes       | no         | no         | no        | no              | no         => bone_only          | bone_only
        2016              | 4                    | yes       | no         | no         | no        | yes             | no         => bone_only          | multiple
        2016              | 4                    | no        | no         | no         | no        | yes             | no         => nodal_only         | nodal_only
        2016              | 4                    | no        | no         | no         | no        | no              | yes        => unspecified        | other_only
        2016              | 4                    | no        | no         | yes        | no        | no              | no         => visceral           | visceral
        2016              | 4                    | yes       | no         | no         | no        | unknown         | no         => bone_only          | unknown
        2016              | 4                    | no        | no         | no         | no        | no              | no         => unspecified        | unspecified
        2016              | 2                    | no        | no         | no         | no        | no              | no         => none               | none
    """)
