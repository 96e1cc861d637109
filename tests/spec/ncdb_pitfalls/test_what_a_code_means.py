# ruff: noqa: E501 (tables are drawn wide)
"""What a code means: lists read wrongly."""

from pipelines import codebook


def test_refused_is_seven_and_there_is_no_three(registry):
    """1,891 refusals were counted as "not recommended" by a list with 3 for refused. The item has no 3 and no 4."""
    registry(
        """
        RX_SUMM_SURG_PRIM_SITE | REASON_FOR_NO_SURGERY => reason_no_surgery | operated
        00                     | 1                     => not_planned       | false
        00                     | 3                     => unknown           | false
        00                     | 6                     => recommended_not_done | false
        00                     | 7                     => refused           | false
        """,
        release="2016",
    )


def test_positive_without_a_count_is_no_count(registry):
    """95 (aspiration) and 97 (number not known) are positive nodes and no numbers; 98 is none examined."""
    registry(
        """
        REGIONAL_NODES_POSITIVE | REGIONAL_NODES_EXAMINED => nodes_positive | nodes_positive_status | nodes_examined | nodes_examined_status
        03                      | 12                      => 3              | counted               | 12             | counted
        95                      | 95                      => -              | positive_no_count     | -              | aspiration_only
        97                      | 97                      => -              | positive_no_count     | -              | removed_no_count
        98                      | 00                      => -              | none_examined         | 0              | counted
        99                      | 99                      => -              | unknown               | -              | unknown
        """,
        release="2016",
    )


def test_charlson_three_is_three_or_more(registry):
    """To the 2013 release 3 did not exist; code that called it unknown lost the sickest people from 2015 on."""
    registry(
        """
        CDCC_TOTAL_BEST => charlson_deyo
        0               => 0
        2               => 2_or_more
        3               => 2_or_more
        """,
        release="2016",
    )


def test_an_unknown_sequence_of_radiation_is_not_no_radiation(registry):
    """Sequence 9 says that there were radiation and surgery in an order nobody knows, or nothing at all."""
    registry(
        """
        RX_SUMM_RADIATION | RX_SUMM_SURGRAD_SEQ | REASON_FOR_NO_RADIATION => radiation | radiation_surgery_sequence
        1                 | 9                   | 0                       => yes       | sequence_unknown
        9                 | 9                   | 9                       => unknown   | sequence_unknown
        0                 | 0                   | 1                       => no        | none_or_not_applicable
        """,
        release="2016",
    )


def test_less_than_thirty_is_not_breast_conserving(registry):
    """``RX_SUMM_SURG_PRIM_SITE < 30`` keeps 00, who were never operated, and 19, who left no specimen."""
    registry(
        """
        RX_SUMM_SURG_PRIM_SITE => primary_surgery   | operated
        00                     => none              | false
        19                     => local_destruction | -
        20                     => breast_conserving | true
        24                     => breast_conserving | true
        30                     => mastectomy        | true
        99                     => unknown           | -
        """,
        release="2016",
    )


def test_all_codes_of_distant_disease_count(registry):
    """The label script of all sites has 00, 10, 40, 50 and 99 for CS_METS_AT_DX. Breast has 42, 44 and 60 too, and 05
    and 07 are tumor cells found by a microscope, which is no metastasis."""
    registry(
        """
        CS_METS_AT_DX => evidence_cs_mets
        00            => false
        05            => false
        07            => false
        10            => true
        40            => true
        42            => true
        44            => true
        50            => true
        60            => true
        99            => -
        """,
        release="2016",
    )


def test_one_code_means_another_thing_in_another_factor(registry):
    """030 is borderline in factors 9 to 15 and 3+ in factor 8, a score and no interpretation. 010 is positive in factors
    1, 2 and 15; in factor 16 it is ER-, PR+, HER2-, which agrees with the second patient and not with the third."""
    registry(
        """
        CS_SITESPECIFIC_FACTOR_1 | CS_SITESPECIFIC_FACTOR_2 | CS_SITESPECIFIC_FACTOR_8 | CS_SITESPECIFIC_FACTOR_9 | CS_SITESPECIFIC_FACTOR_15 | CS_SITESPECIFIC_FACTOR_16 => er_status | pr_status | her2_status | her2_test_status | breast_subtype  | breast_subtype_conflict
        010                      | 020                      | 030                      | 030                      | 010                       | 101                       => positive  | negative  | positive    | borderline       | hr_pos_her2_pos | false
        020                      | 010                      | 030                      | 998                      | 020                       | 010                       => negative  | positive  | negative    | unknown          | hr_pos_her2_neg | false
        010                      | 010                      | 030                      | 010                      | 010                       | 010                       => positive  | positive  | positive    | positive         | hr_pos_her2_pos | true
        030                      | 020                      | 010                      | 030                      | 030                       | 999                       => borderline | negative | borderline  | borderline       | unknown         | -
        """,
        release="2016",
    )


def test_a_score_of_three_is_not_borderline():
    """The word that staging gives factor 8, beside that of the factors around it."""
    words = {
        name: dict(codebook.schemes()[name].select("code", "value").iter_rows())
        for name in ("ssf_her2_ihc_score", "ssf_her2", "ssf_receptor")
    }
    assert {name: each["030"] for name, each in words.items()} == {
        "ssf_her2_ihc_score": "3+",
        "ssf_her2": "borderline",
        "ssf_receptor": "borderline",
    }


def test_alive_is_one_and_death_is_the_event(registry):
    """PUF_VITAL_STATUS is 1 for alive: taken for the event it turns every curve upside down."""
    registry(
        """
        PUF_VITAL_STATUS | DX_LASTCONTACT_DEATH_MONTHS => vital_status | died
        0                | 14.2                        => dead         | true
        1                | 88.1                        => alive        | false
        """,
        release="2016",
    )


def test_medicaid_code_two_is_early_in_2016(registry):
    """To the 2016 release 2 is a state that expanded Medicaid before 2014 and 3 one that did so later."""
    registry(
        """
        MEDICAID_EXPN_CODE => medicaid_expansion
        1                  => january_2014
        2                  => early
        3                  => late
        9                  => withheld
        """,
        release="2016",
    )


def test_medicaid_code_two_is_late_in_2022(registry):
    """From the 2020 release 2 is what 3 was: code of one release run on another calls late states early."""
    registry(
        """
        PUF_MEDICAID_EXPN_CODE => medicaid_expansion
        1                      => january_2014
        2                      => late
        3                      => unknown
        """,
        release="2022",
    )
