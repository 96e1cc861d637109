# ruff: noqa: E501 (tables are drawn wide)
"""When an item begins, and what its days count from."""


def test_the_new_metastasis_flags_begin_in_2016(registry):
    """Bone, brain, liver and lung stand in other fields from 2016, not from 2018. Code that changed over in 2018 made
    two years of metastases missing."""
    registry(
        """
        YEAR_OF_DIAGNOSIS | CS_METS_DX_BONE | METS_AT_DX_BONE | METS_AT_DX_LIVER | METS_AT_DX_DISTANT_LN | METS_AT_DX_OTHER => mets_at_dx_bone | mets_at_dx_liver | mets_at_dx_distant_ln | mets_at_dx_other
        2009              | _               | _               | _                | _                     | _                => not_collected   | not_collected    | not_collected         | not_collected
        2015              | 1               | _               | _                | _                     | _                => yes             | unknown          | not_collected         | not_collected
        2016              | _               | 1               | 0                | 1                     | 0                => yes             | no               | yes                   | no
        2017              | _               | 0               | 1                | 8                     | 2                => no              | yes              | not_applicable        | generalized
        2018              | _               | 1               | 9                | 0                     | 1                => yes             | unknown          | no                    | yes
        """,
        release="2022",
    )


def test_the_first_operation_is_not_the_operation_of_the_primary(registry):
    """DX_SURG counts the days to the first surgery of anything, a node or a metastasis among them; DX_DEFSURG those to
    the last, definitive operation of the primary. They stay two columns, and neither fills the other."""
    registry(
        """
        RX_SUMM_SURG_PRIM_SITE | DX_SURG_STARTED_DAYS | DX_DEFSURG_STARTED_DAYS => days_to_first_surgery | days_to_definitive_surgery | days_to_definitive_surgery_status
        40                     | 12                   | 95                      => 12                    | 95                         | recorded
        40                     | 12                   | _                       => 12                    | -                          | blank
        00                     | 12                   | _                       => 12                    | -                          | blank
        """,
        release="2016",
    )


def test_a_missing_day_is_blank_or_8888_or_9999(registry):
    """One dictionary leaves the day blank, a label script of another release says 8888 and 9999. As numbers the last
    two are an operation in the twenty-fifth year."""
    registry(
        """
        DX_DEFSURG_STARTED_DAYS | DX_CHEMO_STARTED_DAYS => days_to_definitive_surgery | days_to_definitive_surgery_status | days_to_chemotherapy
        0                       | 21                    => 0                          | recorded                          | 21
        _                       | _                     => -                          | blank                             | -
        8888                    | 8888                  => -                          | not_applicable                    | -
        9999                    | 9999                  => -                          | unknown                           | -
        """,
        release="2016",
    )


def test_unknown_months_are_no_survival_of_eight_centuries(registry):
    """Old label scripts have 9999 for unknown months to the last contact."""
    registry(
        """
        PUF_VITAL_STATUS | DX_LASTCONTACT_DEATH_MONTHS => survival_months | survival_months_flag
        1                | 9999                        => -               | unknown
        1                | _                           => -               | unknown
        """,
        release="2013",
    )


def test_the_newest_year_has_no_follow_up_and_is_nobody_alive(registry):
    """Vital status of the newest diagnosis year is withheld: blank is neither alive nor a censored observation."""
    registry(
        """
        YEAR_OF_DIAGNOSIS | PUF_VITAL_STATUS => vital_status | died | withheld_follow_up
        2015              | 0                => dead         | true | false
        2016              | _                => withheld     | -    | true
        """,
        release="2016",
    )
