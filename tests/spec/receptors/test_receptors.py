# ruff: noqa: E501 (tables are drawn wide)
"""Oestrogen, progesterone and HER2 receptors, by era."""


def test_er_and_pr_come_from_the_item_of_the_era(rule):
    """NCDB: factors 1 and 2 for 2004-2017 and the summary items from 2018. 010 is positive, 020 negative, 030
    borderline; not done, no result and unknown are unknown; 988 is not applicable."""
    rule("""
        year_of_diagnosis | er_ssf1        | er_summary | pr_ssf2    | pr_summary => er_status      | pr_status  | hr_status
        2012              | positive       | blank      | negative   | blank      => positive       | negative   | positive
        2012              | negative       | blank      | negative   | blank      => negative       | negative   | negative
        2012              | negative       | blank      | unknown    | blank      => negative       | unknown    | unknown
        2012              | negative       | blank      | borderline | blank      => negative       | borderline | unknown
        2012              | not_applicable | positive   | blank      | positive   => not_applicable | unknown    | unknown
        2019              | blank          | positive   | blank      | negative   => positive       | negative   | positive
        2019              | positive       | negative   | positive   | negative   => negative       | negative   | negative
    """)


def test_seer_has_receptors_from_1990(seer_rule):
    """SEER: the recode where the extract has it, else tumor markers 1990-2003 and the later items. Before 1990
    receptors were not collected, which is not unknown."""
    seer_rule("""
        year_of_diagnosis | er_recode      | er_marker | pr_recode | pr_marker => er_status     | pr_status     | hr_status     | er_status_reason
        1989              | not_applicable | blank     | blank     | blank     => not_collected | not_collected | not_collected | not_collected
        1995              | positive       | blank     | negative  | blank     => positive      | negative      | positive      | recorded
        1995              | -              | negative  | -         | negative  => negative      | negative      | negative      | recorded
        2005              | -              | negative  | -         | negative  => not_released  | not_released  | not_released  | not_released
    """)


def test_borderline_or_unknown_is_unknown_with_its_own_reason(seer_rule):
    """Later SEER releases merge borderline with unknown. The status is unknown, and the reason says that some of
    these were tested."""
    seer_rule("""
        year_of_diagnosis | er_recode             | her2_recode           => er_status  | er_status_reason      | her2_status | her2_status_reason
        2012              | borderline_or_unknown | borderline_or_unknown => unknown    | borderline_or_unknown | unknown     | borderline_or_unknown
        2012              | borderline            | borderline            => borderline | recorded              | borderline  | recorded
        2012              | unknown               | unknown               => unknown    | unknown               | unknown     | unknown
    """)


def test_her2_means_something_else_in_each_era(rule):
    """HER2 was not collected before 2010, whatever the field holds. 2010-2017 factor 15 keeps borderline apart; from
    2018 code 0 is "negative **or equivocal**". ``her2_definition`` says whose meaning a row has, so that a trend
    across 2017/2018 can be flagged."""
    rule("""
        year_of_diagnosis | her2_ssf15     | her2_summary_2018     => her2_status    | her2_definition
        2009              | positive       | blank                 => not_collected  | not_collected
        2010              | positive       | blank                 => positive       | cs_factor_15
        2012              | negative       | blank                 => negative       | cs_factor_15
        2012              | borderline     | blank                 => borderline     | cs_factor_15
        2012              | unknown        | blank                 => unknown        | cs_factor_15
        2012              | blank          | blank                 => unknown        | cs_factor_15
        2012              | not_applicable | blank                 => not_applicable | cs_factor_15
        2012              | -              | blank                 => not_released   | not_released
        2018              | positive       | negative_or_equivocal => negative       | overall_summary_2018
        2018              | blank          | positive              => positive       | overall_summary_2018
        2018              | blank          | unknown               => unknown        | overall_summary_2018
    """)


def test_seer_her2_is_the_recode(seer_rule):
    """SEER's derived HER2 recode from 2010; from 2018 it rests on the summary item, and the definition says so."""
    seer_rule(
        """
        year_of_diagnosis | her2_recode    => her2_status   | her2_definition
        2009              | not_applicable => not_collected | not_collected
        2010              | positive       => positive      | seer_recode_2010_2017
        2017              | negative       => negative      | seer_recode_2010_2017
        2018              | negative       => negative      | seer_recode_2018
    """,
        covered_years=(2000, 2020),
        release="nov2022",
    )


def test_single_tests_are_evidence_and_fill_only_on_request(rule):
    """FISH (11), CISH (13), another test (14) and IHC (9), in this order, are evidence beside the summary. Opposite
    answers are a finding. ``her2_status_filled`` takes the test where the summary is unknown, for a study that says
    so; ``her2_status`` never does."""
    rule("""
        year_of_diagnosis | her2_ssf15 | her2_ihc_ssf9 | her2_fish_ssf11 => her2_status | her2_test_status | her2_status_filled | her2_conflict
        2012              | negative   | positive      | negative        => negative    | negative         | negative           | false
        2012              | negative   | borderline    | positive        => negative    | positive         | negative           | true
        2012              | unknown    | positive      | unknown         => unknown     | positive         | positive           | -
        2012              | unknown    | unknown       | unknown         => unknown     | unknown          | unknown            | -
        2009              | blank      | blank         | blank           => not_collected | not_collected  | not_collected      | -
    """)


def test_a_mapped_source_gives_its_own_status(mapped_rule):
    """A mapped source may hide the year of diagnosis: what it records is what it says."""
    mapped_rule("""
        er_recode | pr_recode | her2_recode => er_status | hr_status | her2_status | her2_definition | breast_subtype
        positive  | negative  | negative    => positive  | positive  | negative    | recorded        | hr_pos_her2_neg
        -         | -         | positive    => not_released | not_released | positive | recorded     | not_released
    """)
