"""Eight patients, and who is at risk when, and as what, under each way to handle the time before an operation.

A row says: at risk from just after `from` up to and with `to`, in months; whether she dies at `to`; counted as what.
The patients stand in conftest.py: Bea is operated at 4 and dies at 10; Dora is operated late, at 9, and dies at 12.
"""

from pipelines.stats.immortal_time import (
    clone_censor_weight,
    ever_never,
    immortal_time_excluded,
    landmark,
    time_varying,
)


def test_ever_never_counts_the_future_from_the_first_day(patients, at_risk):
    """Bea, Cleo, Dora and Gil could not die before their operations, and that time is a gift to surgery: the months
    before it have no deaths by construction."""
    at_risk(
        ever_never(*patients).person_time.to_frame(),
        """
        person | from | to | died | as
        Ann    | 0    | 3  | yes  | unoperated
        Bea    | 0    | 10 | yes  | operated
        Cleo   | 0    | 20 | no   | operated
        Dora   | 0    | 12 | yes  | operated
        Eve    | 0    | 6  | yes  | unoperated
        Fay    | 0    | 15 | no   | unoperated
        Gil    | 0    | 7  | yes  | operated
        Hope   | 0    | 16 | yes  | unoperated
        """,
    )


def test_excluded_with_the_clock_reset_compares_different_months(patients, at_risk):
    """The operated start anew at their operation, so Dora's tenth month stands beside Ann's first."""
    at_risk(
        immortal_time_excluded(*patients, reading="clock_reset").person_time.to_frame(),
        """
        person | from | to | died | as
        Ann    | 0    | 3  | yes  | unoperated
        Bea    | 0    | 6  | yes  | operated
        Cleo   | 0    | 18 | no   | operated
        Dora   | 0    | 3  | yes  | operated
        Eve    | 0    | 6  | yes  | unoperated
        Fay    | 0    | 15 | no   | unoperated
        Gil    | 0    | 2  | yes  | operated
        Hope   | 0    | 16 | yes  | unoperated
        """,
    )


def test_excluded_with_late_entry_still_throws_time_away(patients, at_risk):
    """On one clock, but Bea's first four months, in which she was unoperated and lived, are nowhere: the unoperated
    keep their deaths and lose survivors."""
    at_risk(
        immortal_time_excluded(*patients, reading="late_entry").person_time.to_frame(),
        """
        person | from | to | died | as
        Ann    | 0    | 3  | yes  | unoperated
        Bea    | 4    | 10 | yes  | operated
        Cleo   | 2    | 20 | no   | operated
        Dora   | 9    | 12 | yes  | operated
        Eve    | 0    | 6  | yes  | unoperated
        Fay    | 0    | 15 | no   | unoperated
        Gil    | 5    | 7  | yes  | operated
        Hope   | 0    | 16 | yes  | unoperated
        """,
    )


def test_time_varying_gives_every_month_to_the_state_it_was_lived_in(patients, at_risk):
    at_risk(
        time_varying(*patients).person_time.to_frame(),
        """
        person | from | to | died | as
        Ann    | 0    | 3  | yes  | unoperated
        Bea    | 0    | 4  | no   | unoperated
        Bea    | 4    | 10 | yes  | operated
        Cleo   | 0    | 2  | no   | unoperated
        Cleo   | 2    | 20 | no   | operated
        Dora   | 0    | 9  | no   | unoperated
        Dora   | 9    | 12 | yes  | operated
        Eve    | 0    | 6  | yes  | unoperated
        Fay    | 0    | 15 | no   | unoperated
        Gil    | 0    | 5  | no   | unoperated
        Gil    | 5    | 7  | yes  | operated
        Hope   | 0    | 16 | yes  | unoperated
        """,
    )


def test_twenty_months_change_sides(patients):
    """What that does to the same eight patients and six deaths: the death rate of the operated goes from 0.8 of the
    other to twice it, by nothing but the 4 + 2 + 9 + 5 months that were lived unoperated."""

    def rates(result):
        arms = result.person_time.by_arm()
        return [(row["deaths"], row["person_time"]) for row in arms.iter_rows(named=True)]

    assert rates(ever_never(*patients)) == [(3, 40), (3, 49)]
    assert rates(time_varying(*patients)) == [(3, 60), (3, 29)]


def test_within_a_window_a_late_operation_does_not_count(patients, at_risk):
    """Exposure is an operation in the first 8 months: Dora, operated at 9, stays unoperated to her death."""
    at_risk(
        time_varying(*patients, window=8).person_time.to_frame(),
        """
        person | from | to | died | as
        Ann    | 0    | 3  | yes  | unoperated
        Bea    | 0    | 4  | no   | unoperated
        Bea    | 4    | 10 | yes  | operated
        Cleo   | 0    | 2  | no   | unoperated
        Cleo   | 2    | 20 | no   | operated
        Dora   | 0    | 12 | yes  | unoperated
        Eve    | 0    | 6  | yes  | unoperated
        Fay    | 0    | 15 | no   | unoperated
        Gil    | 0    | 5  | no   | unoperated
        Gil    | 5    | 7  | yes  | operated
        Hope   | 0    | 16 | yes  | unoperated
        """,
    )


def test_a_landmark_takes_those_alive_after_it_and_looks_back(patients, at_risk):
    """At 6 months: Ann is dead, and so is Eve, who dies at the landmark itself. Bea, Cleo and Gil are operated by
    then; Dora's operation comes later, and she stays unoperated. The clock starts at the landmark."""
    result = landmark(*patients, at=6)
    at_risk(
        result.person_time.to_frame(),
        """
        person | from | to | died | as
        Bea    | 0    | 4  | yes  | operated
        Cleo   | 0    | 14 | no   | operated
        Dora   | 0    | 6  | yes  | unoperated
        Fay    | 0    | 9  | no   | unoperated
        Gil    | 0    | 1  | yes  | operated
        Hope   | 0    | 10 | yes  | unoperated
        """,
    )
    assert (result.n, result.n_exposed, result.died_before, result.operated_later) == (6, 3, 2, 1)


def test_clones_are_censored_when_they_leave_their_strategy(patients, at_risk):
    """Strategies: operate within 8 months, or do not within 8 months. Each patient is in both arms until she departs
    from one. Ann and Eve die before they depart from either, so their deaths count in both. Bea's unoperated clone is
    censored at her operation at 4. Dora and the unoperated are censored at 8 in the operated arm; Dora's operation at 9
    breaks no promise of the other arm. (Drawn with one step for the whole grace period.)"""
    result = clone_censor_weight(*patients, None, grace=8, step=8)
    at_risk(
        result.person_time.to_frame(),
        """
        person | from | to | died | as
        Ann    | 0    | 3  | yes  | unoperated
        Ann    | 0    | 3  | yes  | operated
        Bea    | 0    | 4  | no   | unoperated
        Bea    | 0    | 4  | no   | operated
        Bea    | 4    | 10 | yes  | operated
        Cleo   | 0    | 2  | no   | unoperated
        Cleo   | 0    | 2  | no   | operated
        Cleo   | 2    | 20 | no   | operated
        Dora   | 0    | 8  | no   | unoperated
        Dora   | 8    | 12 | yes  | unoperated
        Dora   | 0    | 8  | no   | operated
        Eve    | 0    | 6  | yes  | unoperated
        Eve    | 0    | 6  | yes  | operated
        Fay    | 0    | 8  | no   | unoperated
        Fay    | 8    | 15 | no   | unoperated
        Fay    | 0    | 8  | no   | operated
        Gil    | 0    | 5  | no   | unoperated
        Gil    | 0    | 5  | no   | operated
        Gil    | 5    | 7  | yes  | operated
        Hope   | 0    | 8  | no   | unoperated
        Hope   | 8    | 16 | yes  | unoperated
        Hope   | 0    | 8  | no   | operated
        """,
    )


def test_who_dies_on_the_day_of_her_operation_dies_operated(patients, at_risk):
    """Times are rounded, and nobody is operated after death: Gil, operated and dead at 7, is operated when she dies.
    Her unoperated row ends half-way back to the last time at which anything happens to anybody (Eve's death at 6)."""
    time, died, surgery = patients
    surgery[6] = 7
    result = time_varying(time, died, surgery)
    rows = result.person_time.to_frame().filter(person=6)
    at_risk(
        rows,
        """
        person | from | to  | died | as
        Gil    | 0    | 6.5 | no   | unoperated
        Gil    | 6.5  | 7   | yes  | operated
        """,
    )
    assert result.effect.notes == (
        "1 operated at the very end of follow-up: the operation counts as just before it.",
        *result.fit.warnings,
    )
