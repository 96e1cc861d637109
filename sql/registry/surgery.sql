-- One row per record: surgery of the primary tumor, first course.
--
-- operated: true for 20-90, false for 00, null for 99 and for 00 with reason 8 or 9 (not known whether it was done);
-- null for 19, destruction without a specimen, which is the study's choice. 00 with reason 5 (died first) stays in the
-- unoperated arm. SEER before 1998 has site-specific codes for which no table is here (NAACCR too, where a record was not
-- recoded): the reason item decides, and the type is surgery_nos.
-- Timing: days_to_definitive_surgery is the last, most definitive breast operation; the first operation on anything is
-- another column. Blank, 8888 and 9999 are three states. SEER has no surgery date.
-- 30 and 90-day deaths and readmission are facts of operated patients only.
-- (NAACCR items 1290, 1291, 1340, 1646; NCDB PUF dictionary.)
with worded as (
    select
        staged.*,
        surgery_code,
        surgery_crosswalk_conflict,
        withheld_follow_up,
        listed_bilateral,
        listed_reconstruction,
        case
            when primary_surgery_word is not null then primary_surgery_word
            when
                year_of_diagnosis < 1998
                and (staged.source = 'seer' or (staged.source = 'naaccr' and surgery_code is null))
                then
                    case
                        when reason_no_surgery is null then 'not_released'
                        when reason_no_surgery = 'performed' then 'surgery_nos'
                        when reason_no_surgery in (
                            'not_planned', 'contraindicated', 'died', 'recommended_not_done', 'refused'
                        ) then 'none'
                        else 'unknown'
                    end
            when not has_code_item then 'not_released'
            when listed_surgery = 'none' and reason_no_surgery in ('recommended_unknown', 'unknown') then 'unknown'
            else coalesce(listed_surgery, 'unknown')
        end as surgery
    from staged
    inner join surgery_code using (source_file, source_record)
    inner join record using (source_file, source_record)
),

decided as (
    select
        * exclude (surgery),
        case when surgery in ('blank', 'unmapped') then 'unknown' else surgery end as primary_surgery,
        case
            when surgery in ('breast_conserving', 'mastectomy', 'surgery_nos') then true
            when surgery = 'none' then false
        end as operated
    from worded
)

select
    source_file,
    source_record,
    primary_surgery,
    operated,
    case
        when primary_surgery = 'not_released' then 'not_released'
        when primary_surgery = 'none' then 'not_applicable'
        when listed_bilateral in ('true', 'yes') then 'yes'
        when listed_bilateral in ('false', 'no') then 'no'
        else coalesce(listed_bilateral, 'unknown')
    end as bilateral,
    case
        when primary_surgery = 'not_released' then 'not_released'
        when primary_surgery = 'none' then 'not_applicable'
        else coalesce(listed_reconstruction, 'unknown')
    end as reconstruction,
    case
        when scope_reg_ln is null then 'not_released'
        when scope_reg_ln in ('blank', 'unmapped', '9') then 'unknown'
        when scope_reg_ln = '0' then 'none'
        when scope_reg_ln = '1' then 'biopsy'
        when scope_reg_ln = '2' then 'sentinel'
        when scope_reg_ln in ('3', '4', '5') then 'dissection'
        when scope_reg_ln in ('6', '7') then 'sentinel_and_dissection'
        else scope_reg_ln
    end as axillary_surgery,
    case
        when surgical_margin is null then 'not_released'
        when surgical_margin in ('blank', 'unmapped') then 'unknown'
        else surgical_margin
    end as surgical_margin,
    case
        when other_site_surgery is null then 'not_released'
        when other_site_surgery in ('blank', 'unmapped') then 'unknown'
        else other_site_surgery
    end as other_site_surgery,
    case
        when reason_no_surgery is null then 'not_released'
        when reason_no_surgery in ('blank', 'unmapped') then 'unknown'
        else reason_no_surgery
    end as reason_no_surgery,
    days_to_definitive_surgery,
    coalesce(days_to_definitive_surgery_status, 'not_released') as days_to_definitive_surgery_status,
    days_to_surgery as days_to_first_surgery,
    case
        when withheld_follow_up then 'withheld'
        when died_30_days is null then 'not_released'
        when not operated then 'not_applicable'
        when died_30_days in ('blank', 'unmapped') then 'unknown'
        else died_30_days
    end as died_within_30_days_of_surgery,
    case
        when withheld_follow_up then 'withheld'
        when died_90_days is null then 'not_released'
        when not operated then 'not_applicable'
        when died_90_days in ('blank', 'unmapped') then 'unknown'
        else died_90_days
    end as died_within_90_days_of_surgery,
    case
        when readmission is null then 'not_released'
        when not operated then 'not_applicable'
        when readmission in ('blank', 'unmapped') then 'unknown'
        when readmission = 'none' then 'no'
        else readmission
    end as readmitted_30_days,
    surgery_code,
    case
        when operated is not null and reason_no_surgery not in ('blank', 'unmapped', 'unknown', 'recommended_unknown')
            then operated <> (reason_no_surgery = 'performed')
    end as surgery_reason_conflict,
    surgery_crosswalk_conflict
from decided
