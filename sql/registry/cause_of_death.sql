-- One row per record: what the underlying cause of death says, by the revision it is coded in.
--
-- The same digits differ by revision: 174 is the breast in ICD-8 and ICD-9 and the uterus in ICD-7, where the breast is
-- 170. A code without its revision, or one that cannot be of it, is unknown. 7777 and 7797 (no certificate, no code) and
-- a blank are a missing cause, never another cause.
-- (NAACCR items 1910, 1920; SEER cause of death recode.)
select
    staged.source_file,
    staged.source_record,
    nullif(staged.cause_of_death, 'blank') as cause_of_death,
    case
        when staged.cause_of_death_revision is null then 'not_released'
        when staged.cause_of_death_revision in ('blank', 'unmapped') then 'unknown'
        else staged.cause_of_death_revision
    end as cause_of_death_revision,
    case
        when staged.cause_of_death is null or staged.cause_of_death_revision is null then null
        when staged.cause_of_death in ('blank', '7777', '7797') then 'missing_cause'
        when staged.cause_of_death_revision = 'none' or staged.cause_of_death = '0000' then 'alive'
        when listed.value is not null then 'breast_cancer'
        when staged.cause_of_death_revision = 'icd_10' and regexp_matches(staged.cause_of_death, '^[A-Z][0-9]')
            then 'other_cause'
        when
            staged.cause_of_death_revision in ('icd_7', 'icd_8', 'icd_9')
            and regexp_matches(staged.cause_of_death, '^[0-9E][0-9]{2}')
            then 'other_cause'
        else 'unknown'
    end as underlying_cause
from staged
left join codes_breast_cancer_death as listed
    on concat_ws(' ', staged.cause_of_death_revision, left(staged.cause_of_death, 3)) = listed.code
