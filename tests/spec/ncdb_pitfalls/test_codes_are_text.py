# ruff: noqa: E501 (tables are drawn wide)
"""Codes are text: what a numeric parse loses."""


def test_surgery_codes_with_letters_are_surgery(registry):
    """From 2023 surgery is A or B and three digits. Read as a number it is missing, missing became "no surgery", and a
    whole diagnosis year was never operated: an interaction of race with era that was not there."""
    registry(
        """
        YEAR_OF_DIAGNOSIS | RX_SUMM_SURG_PRIM_SITE | RX_SUMM_SURG_PRIM_SITE_2023 => surgery_code | primary_surgery   | operated
        2022              | 22                     | _                           => 22           | breast_conserving | true
        2023              | _                      | A000                        => A000         | none              | false
        2023              | _                      | A200                        => A200         | breast_conserving | true
        2023              | _                      | A500                        => A500         | mastectomy        | true
        2023              | _                      | _                           => -            | unknown           | -
        """,
        release="2023",
    )


def test_the_b_codes_beside_two_digits_are_read_too(registry):
    """2022 is coded twice. B600 is a mastectomy; a reader of 2022 on a file of 2023 would see "0B60"."""
    registry(
        """
        YEAR_OF_DIAGNOSIS | RX_SUMM_SURG_PRIM_SITE | RX_SUMM_SURG_BREAST => primary_surgery | surgery_crosswalk_conflict
        2022              | 40                     | B600                => mastectomy      | false
        2022              | 22                     | B600                => breast_conserving | true
        """,
        release="2022",
    )


def test_stage_groups_and_months_are_not_cut_to_whole_numbers(registry):
    """A name that holds AGE or MONTHS was made an integer: STAGE holds AGE, so 2A became null, and so did 12.34."""
    registry(
        """
        TNM_CLIN_STAGE_GROUP | ANALYTIC_STAGE_GROUP | DX_LASTCONTACT_DEATH_MONTHS => stage_group | evidence_clinical_stage | survival_months
        2A                   | 2                    | 12.34                       => 2           | false                   | 12.34
        3C                   | 3                    | 0.5                         => 3           | false                   | 0.5
        4                    | 4                    | 7                           => 4           | true                    | 7.0
        """,
        release="2016",
    )


def test_ninety_and_older_is_the_code_090(registry):
    """A condition AGE = "90+" is never true: the file has 090, and 999 where the age is not known."""
    registry(
        """
        AGE => age_at_diagnosis_years | age_top_coded | age_group
        089 => 89                     | false         | 80+
        090 => 90                     | true          | 80+
        999 => -                      | -             | unknown
        """,
        release="2016",
    )


def test_one_grade_changes_nothing_but_the_grade(built):
    """``df.loc[df.grade == 4] = 3`` without a column wrote 3 into every column of every such person."""
    person = {"AGE": "061", "RACE": "02", "TUMOR_SIZE": "030", "TNM_CLIN_M": "c1", "RX_SUMM_CHEMO": "03"}
    poor, undifferentiated = built(
        [person | {"GRADE": "3"}, person | {"GRADE": "4"}], release="2016"
    ).iter_rows(named=True)
    differing = {name for name, value in poor.items() if undifferentiated[name] != value}
    assert (poor["grade"], undifferentiated["grade"]) == ("poor", "undifferentiated")
    assert differing == {"grade", "source_record", "patient_id", "tumor_id"}
