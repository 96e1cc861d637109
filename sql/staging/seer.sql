-- One row per record of a SEER*Stat case listing: renamed, cast and decoded, nothing derived.
-- `extract` has the concepts of seerstat_headers.csv as text; a concept that the listing lacks is null.
-- 'Blank(s)' is SEER*Stat's word for an empty field and becomes 'blank', as does the period that an export may write for
-- a missing value; it is never "no".
with fields as (
    select
        *,
        -- A patient id is unique only within its registry in listings of several registries.
        case
            when trim(patient_id) not in ('', 'Blank(s)', '.') then concat_ws(':', trim(registry), trim(patient_id))
            else concat_ws('#', source_file, source_record)
        end as person,
        as_whole(regexp_extract(coalesce(age_at_diagnosis, age_single_recode), '^\s*(\d{1,3})\+?(\s+years?)?\s*$', 1))
            as age_number,
        coalesce(age_at_diagnosis, age_single_recode) like '%+%' as age_is_top,
        regexp_extract(
            coalesce(histology_behavior, histology_behavior_malignant), '^\s*(\d{4})/(\d)', ['histology', 'behavior']
        ) as morphology,
        as_number(survival_months) as months,
        as_whole(days_to_treatment) as treatment_days
    from extract
)

select
    -- record
    submission_facts.source,
    submission_facts.release,
    source_file,
    source_record,
    person as patient_key,
    concat_ws(':', person, coalesce(trim(record_number), concat('#', source_record))) as tumor_key,
    as_whole(record_number) as record_number,
    trim(registry) as registry,
    decode('seer_sequence_number', sequence_number) as sequence_number,
    decode('seer_reporting_source', reporting_source) as reporting_source,
    decode('seer_diagnostic_confirmation', diagnostic_confirmation) as diagnostic_confirmation,
    -- person
    as_whole(year_of_diagnosis) as year_of_diagnosis,
    case when age_number < 120 then age_number end as age_years,
    case when age_number < 120 then age_is_top end as age_top_coded,
    case
        when age_recode is null and age_is_top then concat(age_number, '+')
        when trim(age_recode) in ('', 'Blank(s)', '.', 'Unknown') then 'unknown'
        else nullif(regexp_extract(age_recode, '^\s*(\d{2}(-\d{2}|\+)?)\s+years?\s*$', 1), '')
    end as age_band,
    decode('seer_sex', sex) as sex,
    coalesce(
        decode('seer_race', race_recode),
        decode('seer_race_three', race_recode_three),
        decode('seer_race_from_origin', race_origin_recode)
    ) as race,
    coalesce(
        decode('seer_hispanic', hispanic_origin),
        decode('seer_hispanic_from_origin', race_origin_recode)
    ) as hispanic,
    decode('seer_marital_status', marital_status) as marital_status,
    decode('seer_payer', insurance_recode) as payer,
    decode('seer_rurality', rural_urban_continuum) as rurality,
    -- tumor
    coalesce(
        'C' || nullif(regexp_extract(primary_site, '^\s*C?(\d{3})\s*$', 1), ''),
        nullif(regexp_replace(regexp_extract(primary_site_labeled, '^\s*(C\d{2}\.?\d)', 1), '\.', ''), '')
    ) as primary_site,
    decode('seer_laterality', laterality) as laterality,
    coalesce(
        nullif(regexp_extract(histology, '^\s*(\d{4})\s*$', 1), ''),
        nullif(morphology.histology, '')
    ) as histology,
    coalesce(
        decode('seer_behavior', behavior),
        decode('seer_behavior', nullif(morphology.behavior, '')),
        decode('seer_behavior', behavior_recode)
    ) as behavior,
    decode('seer_grade', grade) as grade,
    decode('seer_grade_2018', grade_clinical) as grade_clinical,
    decode('seer_grade_2018', grade_pathologic) as grade_pathologic,
    -- Extent-of-disease sizes of 1988-2003 in the codes of 2004-2015: 001 a focus, 002 seen by mammography only.
    case
        when trim(cs_tumor_size) not in ('', 'Blank(s)', '.') then trim(cs_tumor_size)
        when trim(eod10_size) = '001' then '990'
        when trim(eod10_size) = '002' then '996'
        when trim(eod10_size) not in ('', 'Blank(s)', '.') then trim(eod10_size)
        when coalesce(cs_tumor_size, eod10_size) is not null then 'blank'
    end as tumor_size_code,
    case
        when trim(tumor_size_summary) in ('', 'Blank(s)', '.') then 'blank'
        else trim(tumor_size_summary)
    end as tumor_size_summary_code,
    coalesce(
        nullif(regexp_replace(trim(t_eod), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(t_combined), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(t_ajcc7), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(t_ajcc6), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(t_adjusted6), '^(Blank\(s\)|\.)$', ''), '')
    ) as derived_t,
    coalesce(
        nullif(regexp_replace(trim(n_eod), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(n_combined), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(n_ajcc7), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(n_ajcc6), '^(Blank\(s\)|\.)$', ''), ''),
        nullif(regexp_replace(trim(n_adjusted6), '^(Blank\(s\)|\.)$', ''), '')
    ) as derived_n,
    decode('seer_stage_ajcc', stage_ajcc6) as stage_ajcc6_derived,
    decode('seer_stage_ajcc', stage_ajcc7) as stage_ajcc7_derived,
    decode('seer_stage_ajcc', stage_adjusted6) as stage_ajcc6_adjusted,
    decode('seer_stage_2016', stage_combined) as stage_combined_2016,
    decode('seer_stage_2016', stage_eod) as stage_eod_2018,
    decode('seer_m_category', m_ajcc6) as m_ajcc6_derived,
    decode('seer_m_category', m_ajcc7) as m_ajcc7_derived,
    decode('seer_m_category', m_adjusted6) as m_ajcc6_adjusted,
    decode('seer_m_category', m_combined) as m_combined_2016,
    decode('seer_m_category', m_eod) as m_eod_2018,
    case when as_whole(nodes_positive) <= 90 then as_whole(nodes_positive) end as nodes_positive,
    case
        when nodes_positive is null then null
        when trim(nodes_positive) in ('', 'Blank(s)', '.') then 'blank'
        when as_whole(nodes_positive) <= 90 then 'counted'
        when as_whole(nodes_positive) in (95, 97) then 'positive_no_count'
        when as_whole(nodes_positive) = 98 then 'none_examined'
        else 'unknown'
    end as nodes_positive_status,
    case when as_whole(nodes_examined) <= 90 then as_whole(nodes_examined) end as nodes_examined,
    case
        when nodes_examined is null then null
        when trim(nodes_examined) in ('', 'Blank(s)', '.') then 'blank'
        when as_whole(nodes_examined) <= 90 then 'counted'
        when as_whole(nodes_examined) = 95 then 'aspiration_only'
        when as_whole(nodes_examined) in (96, 97, 98) then 'removed_no_count'
        else 'unknown'
    end as nodes_examined_status,
    -- The newest summary that is filled for the year: combined from 2004, 2000 from 1998, historic before.
    coalesce(
        nullif(decode('seer_summary_stage', summary_combined), 'blank'),
        nullif(decode('seer_summary_stage', summary_2000), 'blank'),
        decode('seer_summary_stage', summary_historic),
        decode('seer_summary_stage', coalesce(summary_combined, summary_2000))
    ) as summary_stage,
    decode('seer_cs_mets', cs_mets) as cs_mets_at_dx,
    decode('seer_eod_mets', eod_mets) as eod_mets,
    decode('seer_mets_organ', mets_bone) as mets_bone,
    decode('seer_mets_organ', mets_brain) as mets_brain,
    decode('seer_mets_organ', mets_liver) as mets_liver,
    decode('seer_mets_organ', mets_lung) as mets_lung,
    decode('seer_mets_distant_ln', mets_distant_ln) as mets_distant_ln,
    decode('seer_mets_other', mets_other) as mets_other,
    decode('seer_tumor_marker', er_marker) as er_marker,
    decode('seer_receptor_factor', ssf_1) as er_ssf1,
    decode('seer_receptor_summary_2018', er_summary) as er_summary,
    decode('seer_receptor_recode', er_recode) as er_recode,
    decode('seer_tumor_marker', pr_marker) as pr_marker,
    decode('seer_receptor_factor', ssf_2) as pr_ssf2,
    decode('seer_receptor_summary_2018', pr_summary) as pr_summary,
    decode('seer_receptor_recode', pr_recode) as pr_recode,
    decode('seer_receptor_factor', ssf_15) as her2_ssf15,
    decode('seer_her2_ihc_score', ssf_8) as her2_ihc_score_ssf8,
    decode('seer_receptor_factor', ssf_9) as her2_ihc_ssf9,
    decode('seer_receptor_factor', ssf_11) as her2_fish_ssf11,
    decode('seer_receptor_factor', ssf_13) as her2_cish_ssf13,
    decode('seer_receptor_factor', ssf_14) as her2_other_ssf14,
    decode('seer_her2_summary_2018', her2_summary) as her2_summary_2018,
    decode('seer_receptor_combination', ssf_16) as receptors_ssf16,
    decode('seer_receptor_recode', her2_recode) as her2_recode,
    decode('seer_breast_subtype', breast_subtype) as subtype_recode,
    -- treatment
    case
        when trim(surgery_code) in ('', 'Blank(s)', '.') then 'blank'
        else trim(surgery_code)
    end as surgery_code_to_2022,
    case
        when trim(surgery_code_2023) in ('', 'Blank(s)', '.') then 'blank'
        else trim(surgery_code_2023)
    end as surgery_code_2023,
    case
        when trim(surgery_code_pre_1998) in ('', 'Blank(s)', '.') then 'blank'
        else trim(surgery_code_pre_1998)
    end as surgery_code_pre_1998,
    decode('seer_reason_no_surgery', reason_no_surgery) as reason_no_surgery,
    decode('seer_scope_reg_ln', scope_reg_ln) as scope_reg_ln,
    decode('seer_other_site_surgery', other_site_surgery) as other_site_surgery,
    decode('seer_chemotherapy', chemotherapy_recode) as chemo,
    decode('seer_radiation', radiation_recode) as radiation_summary,
    decode('seer_radiation_surgery_sequence', radiation_surgery_sequence) as radiation_surgery_sequence,
    decode('seer_systemic_surgery_sequence', systemic_surgery_sequence) as systemic_surgery_sequence,
    -- '731+days' is a top code: the number is not known
    treatment_days as days_to_treatment,
    case
        when days_to_treatment is null then null
        when treatment_days is not null then 'recorded'
        when trim(days_to_treatment) in ('', 'Blank(s)', '.') then 'blank'
        else 'unknown'
    end as days_to_treatment_status,
    -- follow-up
    case when months < 9999 then months end as survival_months,
    case
        when survival_months is null then null
        when decode('seer_survival_flag', survival_flag) = 'not_calculated' then 'not_calculated'
        when months < 9999 then 'recorded'
        when trim(survival_months) in ('', 'Blank(s)', '.') then 'blank'
        else 'unknown'
    end as survival_months_status,
    decode('seer_survival_flag', survival_flag) as survival_flag,
    decode('seer_vital_status', vital_status) as vital_status,
    decode('seer_cause_specific', cause_specific) as cause_specific,
    decode('seer_other_cause', other_cause) as other_cause
from fields
cross join submission_facts
