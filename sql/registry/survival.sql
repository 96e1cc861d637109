-- One row per record: follow-up, death and its cause, and the clock that starts at metastasis.
--
-- The newest diagnosis year of an NCDB release has its follow-up withheld: that is not missing and not alive.
-- survival_months is as recorded: what to do with zero months is the study's policy. SEER's flag "not calculated" (death
-- certificate or autopsy only) has no survival. entry_months is 0 where the source has no entry at all, because follow-up
-- begins at diagnosis; where it has, a person without one is null: from 0 she would bring time that nobody watched.
-- Cause of death only where the source gives it: SEER's classification, or the underlying cause by its ICD revision
-- (see cause_of_death), and only for first tumors (sequence 00 or 01): later, nobody knows which cancer killed. "Not
-- first tumor" and a missing cause are null, never alive and never other cause; an underlying cause needs a sequence that
-- is known. SEER's two items were made at its cutoff: where both say alive and she is dead, the underlying cause speaks.
-- The NCDB has none.
-- Between dates, survival is exact where both are complete and whole months where a day is missing (month_precision);
-- without a month there is none. The flag tells them apart in SEER's words.
-- From metastasis: survival and entry less the months to the first distant metastasis; entry never below 0.
-- Where one of the two dates has no day, who died in the month of her recurrence may seem to have died before it: zero
-- months, and she stays, because it is the early deaths that would be lost.
-- (NCDB PUF dictionary; SEER cause-specific and other cause of death classification.)
with classified as (
    select
        staged.* exclude (entry_months),
        case
            when (select max(seen.entry_months) from staged as seen) is null then 0.0
            when entry_months is not null then greatest(entry_months, 0.0)
        end as entry_months,
        withheld_follow_up,
        disease_presentation,
        months_to_metastasis,
        'month_precision' in (
            disease_presentation.recurrence_date_status, coalesce(survival_months_status, 'recorded')
        ) as in_whole_months,
        case
            when withheld_follow_up then 'withheld'
            when vital_status in ('dead', 'alive') then vital_status
            else 'unknown'
        end as status_at_last_contact,
        case
            when withheld_follow_up then 'withheld'
            when cause_specific is null and underlying_cause is null then 'not_released'
            when
                cause_specific = 'not_first_tumor'
                or staged.sequence_number not in ('00', '01', '99', 'blank', 'unmapped')
                then 'not_first_tumor'
            when vital_status = 'alive' then 'alive'
            when cause_specific = 'dead_of_this_cancer' then 'breast_cancer'
            when cause_specific = 'missing_cause' or other_cause = 'missing_cause' then 'missing_cause'
            when
                cause_specific = 'alive_or_other'
                and vital_status = 'dead'
                and coalesce(other_cause, 'dead_of_other_cause') <> 'alive_or_this_cancer'
                then 'other_cause'
            when
                vital_status = 'dead'
                and underlying_cause in ('breast_cancer', 'other_cause', 'missing_cause')
                and staged.sequence_number in ('00', '01')
                then underlying_cause
            else 'unknown'
        end as cause_of_death_group,
        case
            when
                not withheld_follow_up
                and coalesce(survival_months_status, 'recorded') in ('recorded', 'month_precision')
                and coalesce(survival_flag, 'complete') <> 'not_calculated'
                then survival_months
        end as months
    from staged
    inner join record using (source_file, source_record)
    inner join disease_presentation using (source_file, source_record)
    inner join cause_of_death using (source_file, source_record)
)

select
    source_file,
    source_record,
    months as survival_months,
    case
        when withheld_follow_up then 'withheld'
        when survival_flag in ('blank', 'unmapped') then 'unknown'
        when survival_flag is not null then survival_flag
        when months is not null then 'recorded'
        when survival_months_status is null then 'not_released'
        when survival_months_status = 'not_calculated' then 'not_calculated'
        else 'unknown'
    end as survival_months_flag,
    entry_months,
    status_at_last_contact as vital_status,
    case when status_at_last_contact in ('dead', 'alive') then status_at_last_contact = 'dead' end as died,
    withheld_follow_up,
    cause_of_death_group,
    case
        when cause_of_death_group in ('breast_cancer', 'other_cause', 'alive')
            then cause_of_death_group = 'breast_cancer'
    end
        as died_of_breast_cancer,
    case
        when cause_of_death_group in ('breast_cancer', 'other_cause', 'alive') then cause_of_death_group = 'other_cause'
    end
        as died_of_other_cause,
    -- Rounded: a difference of months with decimals must not put an exit a hair after an entry at the same time.
    case
        when months >= months_to_metastasis then round(months - months_to_metastasis, 6)
        when months > months_to_metastasis - 1 and in_whole_months then 0.0
    end as survival_from_metastasis_months,
    case
        when months_to_metastasis is not null and entry_months is not null
            then round(greatest(entry_months - months_to_metastasis, 0.0), 6)
    end as entry_from_metastasis_months
from classified
