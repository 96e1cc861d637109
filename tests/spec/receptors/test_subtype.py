# ruff: noqa: E501 (tables are drawn wide)
"""Breast cancer subtype, from 2010."""


def test_subtype_needs_both_receptor_answers(rule):
    """Positive if either hormone receptor is, negative only if both are; HER2 that is neither positive nor negative
    gives unknown, and borderline is neither."""
    rule("""
        year_of_diagnosis | er_ssf1  | pr_ssf2  | her2_ssf15 => breast_subtype  | breast_subtype_basis
        2012              | positive | negative | negative   => hr_pos_her2_neg | receptors
        2012              | negative | positive | positive   => hr_pos_her2_pos | receptors
        2012              | negative | negative | positive   => hr_neg_her2_pos | receptors
        2012              | negative | negative | negative   => triple_negative | receptors
        2012              | positive | unknown  | negative   => hr_pos_her2_neg | receptors
        2012              | negative | unknown  | negative   => unknown         | receptors
        2012              | positive | positive | borderline => unknown         | receptors
        2012              | positive | positive | unknown    => unknown         | receptors
        2009              | positive | positive | positive   => not_collected   | receptors
    """)


def test_the_sources_own_recode_is_compared_and_never_overrules(seer_rule):
    """SEER gives its own subtype. Where both are known and differ it is a finding; ours stands."""
    seer_rule("""
        year_of_diagnosis | er_recode | pr_recode | her2_recode | subtype_recode  => breast_subtype  | breast_subtype_conflict
        2012              | positive  | positive  | negative    | hr_pos_her2_neg => hr_pos_her2_neg | false
        2012              | negative  | negative  | negative    | hr_pos_her2_neg => triple_negative | true
        2012              | negative  | negative  | unknown     | triple_negative => unknown         | -
    """)


def test_ncdb_factor_16_is_the_recode_of_its_source(rule):
    """The NCDB's own combination of the three receptors is factor 16 (000 triple negative to 111). It is compared."""
    rule("""
        year_of_diagnosis | er_ssf1  | pr_ssf2  | her2_ssf15 | receptors_ssf16 => breast_subtype  | breast_subtype_conflict
        2012              | positive | negative | negative   | hr_pos_her2_neg => hr_pos_her2_neg | false
        2012              | positive | negative | negative   | triple_negative => hr_pos_her2_neg | true
        2012              | positive | negative | negative   | unknown         => hr_pos_her2_neg | -
    """)


def test_without_receptors_the_recode_is_used_and_says_so(seer_rule):
    """Some exports carry the subtype and no receptors. Then the subtype is the source's, and its basis says so."""
    seer_rule("""
        year_of_diagnosis | subtype_recode  => breast_subtype  | breast_subtype_basis | her2_status
        2012              | hr_neg_her2_pos => hr_neg_her2_pos | source_recode        | not_released
        2012              | blank           => unknown         | source_recode        | not_released
        2005              | not_applicable  => not_collected   | none                 | not_collected
    """)


def test_oncotype_is_a_score_only_where_it_is_a_number(rule):
    """000 to 100 is a score. 200, 300, 400 (to 2017) and XX4, XX5 (from 2018) are ranges without one; 988 and XX6
    (in situ) not applicable; XX7, XX9, 997-999 unknown."""
    rule("""
        year_of_diagnosis | oncotype_code => oncotype_score | oncotype_status
        2012              | 018           => 18             | recorded
        2012              | 000           => 0              | recorded
        2012              | 200           => -              | range_only
        2012              | 998           => -              | unknown
        2012              | 988           => -              | not_applicable
        2019              | XX5           => -              | range_only
        2019              | XX6           => -              | not_applicable
        2019              | XX9           => -              | unknown
        2019              | 100           => 100            | recorded
        2008              | blank         => -              | not_collected
    """)
