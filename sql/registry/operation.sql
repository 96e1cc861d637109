-- One row per record: the operation as a source of operations tells it, and what came of it within thirty days.
--
-- complication_30_days: yes where any family is yes; no only where every family that the source has is no. A family that
-- the source does not have says nothing. Disseminated cancer is what was known before the operation, de novo or not: it
-- is no evidence of stage IV at diagnosis and never becomes one.
-- (ACS NSQIP participant use file, outcomes within thirty days of the principal operation.)
with families as (
    select
        *,
        [
            complication_infectious,
            complication_wound,
            complication_bleeding,
            complication_respiratory,
            complication_thromboembolic,
            complication_cardiac,
            complication_renal,
            complication_neurologic
        ] as complications
    from staged
)

select
    source_file,
    source_record,
    year_of_surgery,
    case
        when disseminated_cancer is null then 'not_released'
        when disseminated_cancer in ('blank', 'unmapped') then 'unknown'
        else disseminated_cancer
    end as disseminated_cancer,
    case
        when asa_class is null then 'not_released'
        when asa_class in ('blank', 'unmapped') then 'unknown'
        else asa_class
    end as asa_class,
    body_mass_index,
    case
        when diabetes is null then 'not_released'
        when diabetes in ('blank', 'unmapped') then 'unknown'
        else diabetes
    end as diabetes,
    case
        when smoker is null then 'not_released'
        when smoker in ('blank', 'unmapped') then 'unknown'
        else smoker
    end as smoker,
    case
        when hypertension is null then 'not_released'
        when hypertension in ('blank', 'unmapped') then 'unknown'
        else hypertension
    end as hypertension,
    case
        when list_contains(complications, 'yes') then 'yes'
        when len(list_filter(complications, lambda word: word is not null)) = 0 then 'not_released'
        when len(list_filter(complications, lambda word: word <> 'no')) = 0 then 'no'
        else 'unknown'
    end as complication_30_days,
    case
        when complication_infectious is null then 'not_released'
        when complication_infectious in ('blank', 'unmapped') then 'unknown'
        else complication_infectious
    end as complication_infectious,
    case
        when complication_wound is null then 'not_released'
        when complication_wound in ('blank', 'unmapped') then 'unknown'
        else complication_wound
    end as complication_wound,
    case
        when complication_bleeding is null then 'not_released'
        when complication_bleeding in ('blank', 'unmapped') then 'unknown'
        else complication_bleeding
    end as complication_bleeding,
    case
        when complication_respiratory is null then 'not_released'
        when complication_respiratory in ('blank', 'unmapped') then 'unknown'
        else complication_respiratory
    end as complication_respiratory,
    case
        when complication_thromboembolic is null then 'not_released'
        when complication_thromboembolic in ('blank', 'unmapped') then 'unknown'
        else complication_thromboembolic
    end as complication_thromboembolic,
    case
        when complication_cardiac is null then 'not_released'
        when complication_cardiac in ('blank', 'unmapped') then 'unknown'
        else complication_cardiac
    end as complication_cardiac,
    case
        when complication_renal is null then 'not_released'
        when complication_renal in ('blank', 'unmapped') then 'unknown'
        else complication_renal
    end as complication_renal,
    case
        when complication_neurologic is null then 'not_released'
        when complication_neurologic in ('blank', 'unmapped') then 'unknown'
        else complication_neurologic
    end as complication_neurologic,
    case
        when reoperation_30_days is null then 'not_released'
        when reoperation_30_days in ('blank', 'unmapped') then 'unknown'
        else reoperation_30_days
    end as reoperation_30_days,
    length_of_stay_days
from families
