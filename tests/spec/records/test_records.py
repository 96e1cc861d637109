"""What came before this tumor."""

import pytest


def test_earlier_cancers_are_counted_by_sequence(rule):
    """Sequence 02-59 is a later cancer of the same person. 00 and 01 are the first; 60-88 number tumors that are not
    invasive cancers and do not count; 99 is unknown. Which cancer it was, the NCDB does not say."""
    rule("""
        sequence_number => prior_cancer | prior_breast_primary
        00              => no           | not_released
        01              => no           | not_released
        02              => yes          | not_released
        59              => yes          | not_released
        60              => no           | not_released
        88              => no           | not_released
        99              => unknown      | not_released
        blank           => unknown      | not_released
        -               => not_released | not_released
    """)


def test_seer_finds_an_earlier_breast_primary_in_the_persons_records(seer_rule):
    """In SEER the person's other records tell, if they are in the extract: an earlier breast record is a prior breast
    primary. Where the earlier cancer is not in the extract nobody knows which it was: unknown. A person's number is
    unique only within a registry. A record listed twice is not its own earlier cancer."""
    seer_rule("""
        registry | patient_key | sequence_number | primary_site => prior_breast_primary | prior_cancer
        Iowa     | 01          | 01              | C504         => no                   | no
        Iowa     | 01          | 02              | C501         => yes                  | yes
        Iowa     | 02          | 02              | C504         => unknown              | yes
        Utah     | 01          | 02              | C504         => unknown              | yes
        Iowa     | 03          | 01              | C341         => no                   | no
        Iowa     | 03          | 02              | C504         => unknown              | yes
        Iowa     | 04          | 00              | C504         => no                   | no
        Iowa     | 05          | 99              | C504         => unknown              | unknown
        Iowa     | 06          | 02              | C504         => unknown              | yes
        Iowa     | 06          | 02              | C504         => unknown              | yes
    """)


def test_row_order_does_not_matter(rule, seer_rule):
    """The later tumor may stand first in the file."""
    seer_rule("""
        registry | patient_key | sequence_number | primary_site => prior_breast_primary
        Iowa     | 01          | 02              | C501         => yes
        Iowa     | 01          | 01              | C504         => no
    """)


def test_ascertainment_says_what_cannot_be_answered(derive_one):
    """Every column of the tumor table has a line that says whether this source and release can answer. A column that
    no row of the extract can fill is ``not_released``, whatever the release usually has."""
    said = derive_one("ascertainment", year_of_diagnosis="2012", analytic_stage_group="4", sex="female")
    status = dict(said.select("variable", "status").iter_rows())
    assert status["sex"] == "recorded"
    assert status["marital_status"] == "not_released"
    assert status["days_to_definitive_surgery"] == "not_released"
    assert said["reason"].null_count() == said["reference"].null_count() == 0


@pytest.mark.parametrize("source", ["ncdb", "seer"])
def test_lesion_counts_are_recorded_nowhere_and_the_table_says_so(derive_one, source):
    """Oligometastatic and solitary disease have no column, because no source counts lesions. They have a line all the
    same: a reader who looks for them finds the reason."""
    said = derive_one("ascertainment", source=source, year_of_diagnosis="2012")
    status = dict(said.select("variable", "status").iter_rows())
    assert status["oligometastatic"] == status["solitary_metastasis"] == "not_released"
    assert said["variable"].is_unique().all()
    assert said["source"].unique().to_list() == [source]


def test_naaccr_records_of_one_person_say_whether_an_earlier_cancer_was_of_the_breast(naaccr_rule):
    """As in SEER: an earlier breast record of the same person and registry in the submission. A second cancer whose
    first is not in the submission is unknown, never no. The same number in another registry is another person."""
    naaccr_rule("""
        registry | patient_key | sequence_number | primary_site => prior_cancer | prior_breast_primary
        A        | 1           | 01              | C504         => no           | no
        A        | 1           | 02              | C508         => yes          | yes
        B        | 1           | 02              | C504         => yes          | unknown
        A        | 2           | 01              | C187         => no           | no
        A        | 2           | 02              | C504         => yes          | unknown
        A        | 3           | 60              | C504         => no           | unknown
        A        | 4           | blank           | C504         => unknown      | unknown
    """)
