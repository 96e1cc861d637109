-- One row per record of the extract: which submission it is part of and what came before this tumor.
--
-- prior_cancer: sequence 02-59 is a later cancer of the same person; 00 and 01 are the first; 60-88 number tumors
-- that are not invasive cancers and do not count; 99 is unknown. (NAACCR item 380.)
-- prior_breast_primary: NCDB does not say which earlier cancer it was. SEER, NAACCR: an earlier breast record of the
-- same person and registry in this extract; a person whose earlier cancers are not in the extract is unknown, never no.
-- A person's number is unique only within a registry in old releases. (SEER*Stat variable notes; NCDB dictionary.)
with person as (
    select
        *,
        count(*) filter (where primary_site like 'C50%') over (
            partition by registry, patient_key
            order by sequence_number
            range between unbounded preceding and current row exclude group
        ) as n_earlier_breast
    from staged
)

select
    facts.submission,
    person.source,
    person.source_file,
    person.source_record,
    person.registry,
    nullif(person.facility_id, 'blank') as facility_id,
    person.patient_key as patient_id,
    person.tumor_key as tumor_id,
    person.sequence_number,
    nullif(person.class_of_case, 'blank') as class_of_case,
    nullif(person.reporting_source, 'blank') as reporting_source,
    case
        when person.diagnostic_confirmation is null then 'not_released'
        when person.diagnostic_confirmation in ('blank', 'unmapped') then 'unknown'
        else person.diagnostic_confirmation
    end as diagnostic_confirmation,
    case
        when person.sequence_number is null then 'not_released'
        when person.sequence_number between '02' and '59' then 'yes'
        when person.sequence_number in ('00', '01') then 'no'
        when person.sequence_number between '60' and '88' then 'no'
        else 'unknown'
    end as prior_cancer,
    case
        when person.source = 'ncdb' then 'not_released'
        when person.prior_breast_primary is not null then person.prior_breast_primary
        when person.source not in ('seer', 'naaccr') or person.sequence_number is null then 'not_released'
        when person.sequence_number in ('00', '01') then 'no'
        when person.sequence_number between '02' and '59' and person.n_earlier_breast > 0 then 'yes'
        else 'unknown'
    end as prior_breast_primary,
    person.record_number,
    coalesce(person.source = 'ncdb' and person.year_of_diagnosis = facts.release_year, false) as withheld_follow_up
from person
cross join submission_facts as facts
