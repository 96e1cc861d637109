# ruff: noqa: E501 (tables are drawn wide)
"""De novo and metachronous disease, and the clock that starts at metastasis."""


def test_ncdb_and_seer_know_only_de_novo(rule, seer_rule):
    """The NCDB and SEER do not release recurrence. Metastatic at diagnosis is de novo; everybody else is
    ``not_released``: not "not metastatic", and never a metachronous arm made of something else."""
    rule("""
        analytic_stage_group => disease_presentation
        4                    => de_novo
        2                    => not_released
        unknown              => not_released
    """)
    seer_rule("""
        year_of_diagnosis | stage_ajcc7_derived => disease_presentation
        2012              | 4                   => de_novo
        2012              | 0                   => not_released
    """)


def test_a_first_recurrence_that_is_distant_is_metachronous(mapped_rule):
    """Stage 0 to III, then a first recurrence that is distant, with its date: metachronous, and the disease-free
    interval runs from diagnosis to it. Without a date there is no interval and no time zero: undetermined."""
    mapped_rule("""
        stage_at_diagnosis | recurrence_type | months_to_distant_recurrence => disease_presentation | disease_free_interval_months
        2                  | distant         | 38.5                         => metachronous         | 38.5
        0                  | distant         | 12                           => metachronous         | 12
        3                  | distant         | -                            => undetermined         | -
        4                  | distant         | 7                            => de_novo              | -
        4                  | none            | -                            => de_novo              | -
        unknown            | distant         | 20                           => undetermined         | -
    """)


def test_a_recurrence_is_not_earlier_than_its_primary(mapped_rule):
    """Sources that date in whole months put an interval up to a month below zero: that is zero months. A distant
    recurrence dated earlier than that is not a recurrence of this primary: undetermined."""
    mapped_rule("""
        stage_at_diagnosis | recurrence_type | months_to_distant_recurrence | entry_months => disease_presentation | disease_free_interval_months | entry_months
        2                  | distant         | -0.4                         | -0.4         => metachronous         | 0                            | 0
        2                  | distant         | -5                           | 2            => undetermined         | -                            | 2
    """)


def test_a_locoregional_first_recurrence_hides_what_came_after(mapped_rule):
    """The item holds the first recurrence and is not updated. After a local or regional one (04 to 36) nobody knows
    whether metastasis followed: undetermined, not "no metastasis"."""
    mapped_rule("""
        stage_at_diagnosis | recurrence_type      => disease_presentation
        2                  | locoregional         => undetermined_after_locoregional
        2                  | none                 => not_metastatic
        2                  | never_disease_free   => undetermined
        2                  | unknown              => undetermined
        2                  | blank                => undetermined
        2                  | unmapped             => undetermined
    """)


def test_distant_disease_after_an_in_situ_primary_is_its_own_value(mapped_rule):
    """Type 46, distant recurrence of an in-situ primary, is not metachronous disease: it has its own value, and no
    cohort takes it unless it says so."""
    mapped_rule("""
        stage_at_diagnosis | recurrence_type        | months_to_distant_recurrence => disease_presentation   | disease_free_interval_months
        0                  | distant_after_in_situ  | 30                           => distant_after_in_situ  | 30
    """)


def test_the_clock_starts_at_metastasis_and_entry_is_left_truncated(mapped_rule):
    """Survival from metastasis is survival less the months to it. A person who came under observation after her
    metastasis (when her tumour was sequenced, say) enters late: before that she could not have died in this study.
    One who came before it enters at 0. Follow-up that ends before the metastasis has no survival from it."""
    mapped_rule("""
        stage_at_diagnosis | recurrence_type | months_to_distant_recurrence | survival_months | entry_months => survival_from_metastasis_months | entry_from_metastasis_months
        2                  | distant         | 40                           | 60              | 52           => 20                              | 12
        2                  | distant         | 40                           | 60              | 10           => 20                              | 0
        4                  | unknown         | -                            | 60              | 52           => 60                              | 52
        4                  | unknown         | -                            | 60              | 0            => 60                              | 0
        2                  | distant         | 40                           | 30              | 0            => -                               | 0
        2                  | none            | -                            | 60              | 10           => -                               | -
    """)
