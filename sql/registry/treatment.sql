-- One row per treatment modality and tumor, with days from diagnosis where the source has them.
--
-- First course only. Local destruction counts as given here; whether it counts as an operation is the study's choice.
select
    tumor.submission,
    tumor.source,
    tumor.source_file,
    tumor.source_record,
    tumor.patient_id,
    tumor.tumor_id,
    'primary_surgery' as modality,
    case
        when tumor.primary_surgery in ('not_released', 'unknown') then tumor.primary_surgery
        when tumor.primary_surgery = 'none' then 'no'
        else 'yes'
    end as given,
    nullif(tumor.primary_surgery, 'not_released') as detail,
    case
        when tumor.reason_no_surgery not in ('performed', 'unknown', 'not_released') then tumor.reason_no_surgery
    end as reason_not_given,
    tumor.days_to_definitive_surgery as days_from_diagnosis,
    tumor.days_to_definitive_surgery_status as days_status
from tumor
inner join staged using (source_file, source_record)
union all
select
    tumor.submission,
    tumor.source,
    tumor.source_file,
    tumor.source_record,
    tumor.patient_id,
    tumor.tumor_id,
    'other_site_surgery' as modality,
    tumor.other_site_surgery as given,
    null::varchar as detail,
    null::varchar as reason_not_given,
    null::integer as days_from_diagnosis,
    'not_released' as days_status
from tumor
inner join staged using (source_file, source_record)
union all
select
    tumor.submission,
    tumor.source,
    tumor.source_file,
    tumor.source_record,
    tumor.patient_id,
    tumor.tumor_id,
    'chemotherapy' as modality,
    tumor.chemotherapy as given,
    null::varchar as detail,
    case
        when staged.chemo in ('contraindicated', 'died', 'recommended_not_given', 'refused') then staged.chemo
    end as reason_not_given,
    tumor.days_to_chemotherapy as days_from_diagnosis,
    coalesce(staged.days_to_chemotherapy_status, 'not_released') as days_status
from tumor
inner join staged using (source_file, source_record)
union all
select
    tumor.submission,
    tumor.source,
    tumor.source_file,
    tumor.source_record,
    tumor.patient_id,
    tumor.tumor_id,
    'hormone_therapy' as modality,
    tumor.hormone_therapy as given,
    null::varchar as detail,
    case
        when staged.hormone in ('contraindicated', 'died', 'recommended_not_given', 'refused') then staged.hormone
    end as reason_not_given,
    tumor.days_to_hormone_therapy as days_from_diagnosis,
    coalesce(staged.days_to_hormone_therapy_status, 'not_released') as days_status
from tumor
inner join staged using (source_file, source_record)
union all
select
    tumor.submission,
    tumor.source,
    tumor.source_file,
    tumor.source_record,
    tumor.patient_id,
    tumor.tumor_id,
    'immunotherapy' as modality,
    tumor.immunotherapy as given,
    null::varchar as detail,
    case
        when staged.immuno in ('contraindicated', 'died', 'recommended_not_given', 'refused') then staged.immuno
    end as reason_not_given,
    tumor.days_to_immunotherapy as days_from_diagnosis,
    coalesce(staged.days_to_immunotherapy_status, 'not_released') as days_status
from tumor
inner join staged using (source_file, source_record)
union all
select
    tumor.submission,
    tumor.source,
    tumor.source_file,
    tumor.source_record,
    tumor.patient_id,
    tumor.tumor_id,
    'radiation' as modality,
    tumor.radiation as given,
    nullif(tumor.radiation_volume, 'not_released') as detail,
    case
        when staged.radiation_reason_no not in ('performed', 'unknown', 'blank', 'unmapped', 'recommended_unknown')
            then staged.radiation_reason_no
    end as reason_not_given,
    tumor.days_to_radiation as days_from_diagnosis,
    coalesce(staged.days_to_radiation_status, 'not_released') as days_status
from tumor
inner join staged using (source_file, source_record)
