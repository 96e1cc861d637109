"""What a source of operations says: complications within thirty days, disseminated cancer, a size that is no code."""


def test_any_complication_is_one_and_none_only_where_every_family_is_known(rule):
    """A family that the source does not have (null) says nothing; one that is unknown leaves the answer open."""
    rule(
        """
        complication_renal | complication_cardiac | complication_wound => complication_30_days | complication_wound
        yes                | unknown              | no                 => yes                  | no
        no                 | yes                  | blank              => yes                  | unknown
        no                 | no                   | no                 => no                   | no
        no                 | no                   | blank              => unknown              | unknown
        no                 | unmapped             | no                 => unknown              | no
        no                 | -                    | -                  => no                   | not_released
        -                  | -                    | -                  => not_released         | not_released
        """,
        source="mapped",
    )


def test_disseminated_cancer_at_surgery_is_no_evidence_of_stage_iv_at_diagnosis(rule):
    """It may have come years after the diagnosis."""
    rule(
        """
        disseminated_cancer => disseminated_cancer | stage_iv | stage_iv_any_evidence | disease_presentation
        yes                 => yes                 | -        | -                     | not_released
        no                  => no                  | -        | -                     | not_released
        blank               => unknown             | -        | -                     | not_released
        """,
        source="mapped",
    )


def test_a_size_in_millimetres_needs_no_code(rule):
    """Mapped sources may give the size itself; it is rounded, and less than a millimetre is no size of a tumor."""
    rule(
        """
        tumor_size_mm => tumor_size_mm | tumor_size_status
        23.4          => 23            | recorded
        0.2           => -             | unknown
        -             => -             | unknown
        """,
        source="mapped",
    )


def test_a_source_without_any_size_has_released_none(rule):
    """Neither a code nor a size in any record."""
    rule(
        """
        sex    => tumor_size_mm | tumor_size_status
        female => -             | not_released
        """,
        source="mapped",
    )
