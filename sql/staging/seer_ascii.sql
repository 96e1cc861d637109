-- One row per record of a SEER research file in ASCII: renamed, cast and decoded, nothing derived.
-- `extract` has the field names of SEER's own SAS programs; one that the release does not have is null.
-- Words are those of seer.sql, so that a patient is the same from a case listing and from these files.
-- Radiation, chemotherapy and the time to treatment are not in these files: they stay null.
-- Site-specific factors are lists of their own for each site: what they say of another cancer is not read.
with of_site as (
    select
        * replace (
            if(primsite like 'C50%', cs1site, null) as cs1site,
            if(primsite like 'C50%', cs2site, null) as cs2site,
            if(primsite like 'C50%', cs8site, null) as cs8site,
            if(primsite like 'C50%', cs9site, null) as cs9site,
            if(primsite like 'C50%', cs11site, null) as cs11site,
            if(primsite like 'C50%', cs13site, null) as cs13site,
            if(primsite like 'C50%', cs15site, null) as cs15site,
            if(primsite like 'C50%', cs16site, null) as cs16site
        )
    from extract
),

fields as (
    select
        *,
        case
            when decode('seer_ascii_registry', as_digits(reg, 10)) in ('blank', 'unmapped') then as_text(reg)
            else decode('seer_ascii_registry', as_digits(reg, 10))
        end as area,
        as_whole(age_dx) as age_number,
        as_number(srv_time_mon) as months
    from of_site
),

persons as (
    select
        *,
        -- A patient id is unique only within its registry.
        case
            when trim(pubcsnum) <> '' then concat_ws(':', area, trim(pubcsnum))
            else concat_ws('#', source_file, source_record)
        end as person
    from fields
)

select
    -- record
    submission_facts.source,
    submission_facts.release,
    source_file,
    source_record,
    person as patient_key,
    concat_ws(':', person, coalesce(as_whole(rec_no)::varchar, concat('#', source_record))) as tumor_key,
    as_whole(rec_no) as record_number,
    area as registry,
    decode('seer_sequence_number', as_digits(seq_num, 2)) as sequence_number,
    decode('seer_reporting_source', rept_src) as reporting_source,
    decode('seer_diagnostic_confirmation', dx_conf) as diagnostic_confirmation,
    -- person
    as_whole(year_dx) as year_of_diagnosis,
    case when age_number < 120 then age_number end as age_years,
    case when age_number < 120 then false end as age_top_coded,
    decode('seer_ascii_age_recode', as_digits(age_1rec, 2)) as age_band,
    decode('seer_sex', sex) as sex,
    decode('seer_ascii_race', rac_recy) as race,
    decode('seer_ascii_hispanic', origrecb) as hispanic,
    decode('seer_ascii_marital_status', mar_stat) as marital_status,
    decode('seer_ascii_payer', insrec_pub) as payer,
    -- tumor
    'C' || nullif(regexp_extract(primsite, '^\s*C?(\d{3})\s*$', 1), '') as primary_site,
    decode('seer_laterality', persons.lateral) as laterality,
    nullif(regexp_extract(histo3v, '^\s*(\d{4})\s*$', 1), '') as histology,
    decode('seer_behavior', beho3v) as behavior,
    decode('seer_ascii_grade', grade) as grade,
    -- Extent-of-disease sizes of 1988-2003 in the codes of 2004-2015: 001 a focus, 002 seen by mammography only.
    case
        when trim(cstumsiz) <> '' then trim(cstumsiz)
        when trim(eod10_sz) = '001' then '990'
        when trim(eod10_sz) = '002' then '996'
        when trim(eod10_sz) <> '' then trim(eod10_sz)
        when coalesce(cstumsiz, eod10_sz) is not null then 'blank'
    end as tumor_size_code,
    as_text(tumsizs) as tumor_size_summary_code,
    coalesce(
        nullif(trim(dasrct), ''),
        nullif(decode('seer_ascii_t_ajcc7', dajcc7t), 'blank'),
        nullif(decode('seer_ascii_t_ajcc6', dajcct), 'blank'),
        nullif(decode('seer_ascii_t_adjusted6', adjtm_6value), 'blank')
    ) as derived_t,
    coalesce(
        nullif(trim(dasrcn), ''),
        nullif(decode('seer_ascii_n_ajcc7', dajcc7n), 'blank'),
        nullif(decode('seer_ascii_n_ajcc6', dajccn), 'blank'),
        nullif(decode('seer_ascii_n_adjusted6', adjnm_6value), 'blank')
    ) as derived_n,
    decode('seer_ascii_stage_ajcc6', dajccstg) as stage_ajcc6_derived,
    decode('seer_ascii_stage_ajcc7', dajcc7stg) as stage_ajcc7_derived,
    decode('seer_ascii_stage_ajcc6', adjajccstg) as stage_ajcc6_adjusted,
    decode('seer_stage_2016', dsrpsg) as stage_combined_2016,
    decode('seer_ascii_m_ajcc6', dajccm) as m_ajcc6_derived,
    decode('seer_ascii_m_ajcc7', dajcc7m) as m_ajcc7_derived,
    decode('seer_ascii_m_ajcc6', adjm_6value) as m_ajcc6_adjusted,
    decode('seer_m_category', dasrcm) as m_combined_2016,
    case when as_whole(eod10_pn) <= 90 then as_whole(eod10_pn) end as nodes_positive,
    case
        when eod10_pn is null then null
        when trim(eod10_pn) = '' then 'blank'
        when as_whole(eod10_pn) <= 90 then 'counted'
        when as_whole(eod10_pn) in (95, 97) then 'positive_no_count'
        when as_whole(eod10_pn) = 98 then 'none_examined'
        else 'unknown'
    end as nodes_positive_status,
    case when as_whole(eod10_ne) <= 90 then as_whole(eod10_ne) end as nodes_examined,
    case
        when eod10_ne is null then null
        when trim(eod10_ne) = '' then 'blank'
        when as_whole(eod10_ne) <= 90 then 'counted'
        when as_whole(eod10_ne) = 95 then 'aspiration_only'
        when as_whole(eod10_ne) in (96, 97, 98) then 'removed_no_count'
        else 'unknown'
    end as nodes_examined_status,
    -- The newest summary that is filled for the year: 2000 from 2001 on, 1977 from 1995, historic before.
    coalesce(
        nullif(decode('seer_ascii_summary_stage_2000', scssm2ko), 'blank'),
        nullif(decode('seer_ascii_summary_stage_2000', dss2000s), 'blank'),
        nullif(decode('seer_ascii_summary_stage_2000', sssm2kpz), 'blank'),
        nullif(decode('seer_ascii_summary_stage_2000', sss77vz), 'blank'),
        decode('seer_ascii_summary_stage_historic', hst_stga)
    ) as summary_stage,
    decode('seer_cs_mets', as_digits(csmetsdx, 2)) as cs_mets_at_dx,
    -- 'Combined' from Nov 2018, when the field began to hold diagnoses of 2016 on too.
    decode('seer_mets_organ', coalesce(scmetsdxb_pub, csmetsdxb_pub)) as mets_bone,
    decode('seer_mets_organ', coalesce(scmetsdxbr_pub, csmetsdxbr_pub)) as mets_brain,
    decode('seer_mets_organ', coalesce(scmetsdxliv_pub, csmetsdxliv_pub)) as mets_liver,
    decode('seer_mets_organ', coalesce(scmetsdxlung_pub, csmetsdxlung_pub)) as mets_lung,
    decode('seer_mets_distant_ln', metsdxln) as mets_distant_ln,
    decode('seer_mets_other', metsdxo) as mets_other,
    decode('seer_tumor_marker', tumor_1v) as er_marker,
    decode('seer_receptor_factor', cs1site) as er_ssf1,
    decode('seer_receptor_recode', erstatus) as er_recode,
    decode('seer_tumor_marker', tumor_2v) as pr_marker,
    decode('seer_receptor_factor', cs2site) as pr_ssf2,
    decode('seer_receptor_recode', prstatus) as pr_recode,
    decode('seer_receptor_factor', cs15site) as her2_ssf15,
    decode('seer_her2_ihc_score', cs8site) as her2_ihc_score_ssf8,
    decode('seer_receptor_factor', cs9site) as her2_ihc_ssf9,
    decode('seer_receptor_factor', cs11site) as her2_fish_ssf11,
    decode('seer_receptor_factor', cs13site) as her2_cish_ssf13,
    decode('seer_receptor_combination', cs16site) as receptors_ssf16,
    decode('seer_receptor_recode', her2) as her2_recode,
    decode('seer_breast_subtype', brst_sub) as subtype_recode,
    -- treatment
    as_digits(surgprif, 2) as surgery_code_to_2022,
    as_digits(ss_surg, 2) as surgery_code_pre_1998,
    decode('seer_reason_no_surgery', no_surg) as reason_no_surgery,
    decode('seer_scope_reg_ln', surgscof) as scope_reg_ln,
    decode('seer_other_site_surgery', surgsitf) as other_site_surgery,
    -- follow-up
    case when months < 9999 then months end as survival_months,
    case
        when srv_time_mon is null then null
        when decode('seer_survival_flag', srv_time_mon_flag) = 'not_calculated' then 'not_calculated'
        when months < 9999 then 'recorded'
        when trim(srv_time_mon) = '' then 'blank'
        else 'unknown'
    end as survival_months_status,
    decode('seer_survival_flag', srv_time_mon_flag) as survival_flag,
    -- Dead is 4 to Nov 2016 and 0 in Nov 2018; alive is 1 in both.
    decode('seer_vital_status', stat_rec) as vital_status,
    decode('seer_cause_specific', vsrtsadx) as cause_specific,
    decode('seer_other_cause', odthclass) as other_cause
from persons
cross join submission_facts
