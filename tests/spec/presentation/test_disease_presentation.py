# ruff: noqa: E501 (tables are drawn wide)
"""De novo and metachronous disease, and the clock that starts at metastasis."""

import polars as pl


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


def test_naaccr_files_make_metachronous_disease_real(naaccr_rule):
    """The registry's own file has the first recurrence and its date: de novo, metachronous, and everything that cannot
    be told. Never disease-free (70) is what a woman with metastases at diagnosis has; with stage 0 to III it is
    persistent disease. No recurrence (00) counts up to the last contact: without follow-up it says nothing."""
    naaccr_rule("""
        year_of_diagnosis | stage_ajcc7_derived | recurrence_type       | months_to_distant_recurrence | survival_months => disease_presentation            | disease_free_interval_months | survival_from_metastasis_months
        2012              | 4                   | never_disease_free    | -                            | 20              => de_novo                         | -                            | 20
        2012              | 2                   | distant               | 36                           | 60              => metachronous                    | 36                           | 24
        2012              | 2                   | distant               | -                            | 60              => undetermined                    | -                            | -
        2012              | 0                   | distant_after_in_situ | 30                           | 60              => distant_after_in_situ           | 30                           | 30
        2012              | 2                   | locoregional          | -                            | 60              => undetermined_after_locoregional | -                            | -
        2012              | 2                   | never_disease_free    | -                            | 60              => undetermined                    | -                            | -
        2012              | 2                   | none                  | -                            | 60              => not_metastatic                  | -                            | -
        2012              | 2                   | none                  | -                            | -               => undetermined                    | -                            | -
        2012              | 2                   | blank                 | -                            | 60              => undetermined                    | -                            | -
    """)


def test_a_registry_that_never_fills_the_recurrence_item_does_not_release_it(naaccr_rule):
    """Every NAACCR layout has the item; many central registries leave it empty. Then nobody is metachronous and nobody
    is undetermined: the submission does not release it, and a study that needs it is refused with that reason."""
    naaccr_rule("""
        year_of_diagnosis | stage_ajcc7_derived | recurrence_type | recurrence_date_status | survival_months => disease_presentation | recurrence_type | recurrence_date_status
        2012              | 4                   | blank           | blank                  | 20              => de_novo              | not_released    | not_released
        2012              | 2                   | blank           | blank                  | 20              => not_released         | not_released    | not_released
    """)
    naaccr_rule(
        """
        year_of_diagnosis | stage_ajcc7_derived | recurrence_type | charlson_deyo => status       | reason
        2012              | 2                   | blank           | blank         => not_released | No row of this extract says whether the cancer came back.
    """,
        relation="ascertainment",
        where=pl.col("variable") == "disease_presentation",
    )


def test_a_partial_date_of_recurrence_keeps_its_state(naaccr_rule):
    """Months between dates are exact where both have their day and whole where one has not; without a month there is
    no interval, and a recurrence before the diagnosis has none either: its type stays, its time is not guessed."""
    naaccr_rule("""
        year_of_diagnosis | stage_ajcc7_derived | recurrence_type | recurrence_date_status | months_to_first_recurrence | months_to_distant_recurrence => disease_presentation | recurrence_date_status
        2012              | 2                   | distant         | recorded               | 35.975359                  | 35.975359                    => metachronous         | recorded
        2012              | 2                   | distant         | month_precision        | 36                         | 36                           => metachronous         | month_precision
        2012              | 2                   | distant         | partial_date           | -                          | -                            => undetermined         | partial_date
        2012              | 2                   | distant         | negative_interval      | -                          | -                            => undetermined         | negative_interval
    """)


def test_who_died_in_the_month_of_her_recurrence_stays(naaccr_rule):
    """Where a date has no day, death in the month of the recurrence may seem to come before it. Those are the earliest
    deaths, and leaving them out would flatter metachronous disease: zero months. Between whole dates, or a month or
    more before the recurrence, it is an error of the dates, and there is no survival from it."""
    naaccr_rule("""
        year_of_diagnosis | stage_ajcc7_derived | recurrence_type | recurrence_date_status | months_to_distant_recurrence | survival_months | survival_months_status => survival_from_metastasis_months
        2012              | 2                   | distant         | month_precision        | 26                           | 25.4            | recorded               => 0
        2012              | 2                   | distant         | recorded               | 26.4                         | 26              | month_precision        => 0
        2012              | 2                   | distant         | month_precision        | 26                           | 24.9            | recorded               => -
        2012              | 2                   | distant         | recorded               | 26                           | 25.4            | recorded               => -
    """)
