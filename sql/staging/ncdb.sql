-- One row per case of an NCDB participant user file: renamed, cast and decoded, nothing derived.
-- `extract` has the names of the 2022 release as text; a field that the release lacks is null, an empty one is 'blank'.
-- filled(): diagnoses to 2017 and from 2018 (metastases: to 2015 and from 2016) have the same item in two fields.
select
    -- record
    submission_facts.source,
    submission_facts.release,
    source_file,
    source_record,
    coalesce(nullif(trim(puf_case_id), ''), concat_ws('#', source_file, source_record)) as patient_key,
    coalesce(nullif(trim(puf_case_id), ''), concat_ws('#', source_file, source_record)) as tumor_key,
    as_text(puf_facility_id) as facility_id,
    as_digits(sequence_number, 2) as sequence_number,
    as_digits(class_of_case, 2) as class_of_case,
    as_text(diagnostic_confirmation) as diagnostic_confirmation,
    -- person
    as_whole(year_of_diagnosis) as year_of_diagnosis,
    nullif(as_whole(age), 999) as age_years,
    nullif(as_whole(age), 999) = 90 as age_top_coded,
    decode('sex_code', sex) as sex,
    decode('race_code', race) as race,
    decode('hispanic_origin', spanish_hispanic_origin) as hispanic,
    decode('ncdb_insurance', insurance_status) as payer,
    decode('area_quartile', med_inc_quar_00) as income_quartile_2000,
    decode('area_quartile', med_inc_quar_12) as income_quartile_2012,
    decode('area_quartile', med_inc_quar_2016) as income_quartile_2016,
    decode('area_quartile', med_inc_quar_2020) as income_quartile_2020,
    decode('area_quartile', no_hsd_quar_00) as education_quartile_2000,
    decode('area_quartile', no_hsd_quar_12) as education_quartile_2012,
    decode('area_quartile', no_hsd_quar_2016) as education_quartile_2016,
    decode('area_quartile', no_hsd_quar_2020) as education_quartile_2020,
    filled(
        decode('rural_urban_continuum', ur_cd_23),
        filled(decode('rural_urban_continuum', ur_cd_13), decode('rural_urban_continuum', ur_cd_03))
    ) as rurality,
    decode('ncdb_facility_type', facility_type_cd) as facility_type,
    decode('ncdb_facility_location', facility_location_cd) as facility_location,
    as_number(crowfly) as distance_miles,
    decode('charlson_deyo', cdcc_total_best) as charlson_deyo,
    -- Code 2 is early expansion to the 2016 release and late from that of 2020; between them nobody here knows.
    case
        when submission_facts.release_year <= 2016
            then decode('ncdb_medicaid_expansion_to_2016', puf_medicaid_expn_code)
        when submission_facts.release_year < 2020 and trim(puf_medicaid_expn_code) in ('2', '3')
            then 'unmapped'
        else decode('ncdb_medicaid_expansion_from_2020', puf_medicaid_expn_code)
    end as medicaid_expansion,
    -- tumor
    upper(as_text(primary_site)) as primary_site,
    decode('laterality', laterality) as laterality,
    as_text(histology) as histology,
    decode('behavior', behavior) as behavior,
    decode('grade_to_2017', grade) as grade,
    decode('grade_from_2018', grade_clin) as grade_clinical,
    decode('grade_from_2018', grade_path) as grade_pathologic,
    as_digits(tumor_size, 3) as tumor_size_code,
    as_digits(tumor_size_summary_2016, 3) as tumor_size_summary_code,
    case when as_whole(regional_nodes_positive) <= 90 then as_whole(regional_nodes_positive) end as nodes_positive,
    case
        when as_text(regional_nodes_positive) = 'blank' then 'blank'
        when as_whole(regional_nodes_positive) <= 90 then 'counted'
        when as_whole(regional_nodes_positive) in (95, 97) then 'positive_no_count'
        when as_whole(regional_nodes_positive) = 98 then 'none_examined'
        when regional_nodes_positive is not null then 'unknown'
    end as nodes_positive_status,
    case when as_whole(regional_nodes_examined) <= 90 then as_whole(regional_nodes_examined) end as nodes_examined,
    case
        when as_text(regional_nodes_examined) = 'blank' then 'blank'
        when as_whole(regional_nodes_examined) <= 90 then 'counted'
        when as_whole(regional_nodes_examined) = 95 then 'aspiration_only'
        when as_whole(regional_nodes_examined) in (96, 97, 98) then 'removed_no_count'
        when regional_nodes_examined is not null then 'unknown'
    end as nodes_examined_status,
    filled(as_text(tnm_clin_t), as_text(ajcc_tnm_clin_t)) as clinical_t,
    filled(as_text(tnm_clin_n), as_text(ajcc_tnm_clin_n)) as clinical_n,
    filled(as_text(tnm_path_t), as_text(ajcc_tnm_path_t)) as pathologic_t,
    filled(as_text(tnm_path_n), as_text(ajcc_tnm_path_n)) as pathologic_n,
    filled(decode('m_category', tnm_clin_m), decode('m_category', ajcc_tnm_clin_m)) as clinical_m,
    filled(decode('m_category', tnm_path_m), decode('m_category', ajcc_tnm_path_m)) as pathologic_m,
    as_digits(tnm_edition_number, 2) as tnm_edition,
    filled(
        decode('ajcc_stage_group', tnm_clin_stage_group),
        decode('ajcc_stage_group', ajcc_tnm_clin_stg_grp)
    ) as clinical_stage_group,
    filled(
        decode('ajcc_stage_group', tnm_path_stage_group),
        decode('ajcc_stage_group', ajcc_tnm_path_stg_grp)
    ) as pathologic_stage_group,
    decode('ncdb_analytic_stage_group', analytic_stage_group) as analytic_stage_group,
    decode('cs_metastasis_at_diagnosis', cs_mets_at_dx) as cs_mets_at_dx,
    filled(
        decode('metastasis_flag', mets_at_dx_bone),
        decode('metastasis_flag', cs_mets_dx_bone)
    ) as mets_bone,
    filled(
        decode('metastasis_flag', mets_at_dx_brain),
        decode('metastasis_flag', cs_mets_dx_brain)
    ) as mets_brain,
    filled(
        decode('metastasis_flag', mets_at_dx_liver),
        decode('metastasis_flag', cs_mets_dx_liver)
    ) as mets_liver,
    filled(
        decode('metastasis_flag', mets_at_dx_lung),
        decode('metastasis_flag', cs_mets_dx_lung)
    ) as mets_lung,
    decode('metastasis_flag', mets_at_dx_distant_ln) as mets_distant_ln,
    decode('metastasis_other_flag', mets_at_dx_other) as mets_other,
    decode('ssf_receptor', cs_sitespecific_factor_1) as er_ssf1,
    decode('receptor_summary', er_summary) as er_summary,
    decode('ssf_receptor', cs_sitespecific_factor_2) as pr_ssf2,
    decode('receptor_summary', pr_summary) as pr_summary,
    decode('ssf_her2', cs_sitespecific_factor_15) as her2_ssf15,
    decode('ssf_her2_ihc_score', cs_sitespecific_factor_8) as her2_ihc_score_ssf8,
    decode('ssf_her2', cs_sitespecific_factor_9) as her2_ihc_ssf9,
    decode('ssf_her2', cs_sitespecific_factor_11) as her2_fish_ssf11,
    decode('ssf_her2', cs_sitespecific_factor_13) as her2_cish_ssf13,
    decode('ssf_her2', cs_sitespecific_factor_14) as her2_other_ssf14,
    decode('ssf_receptor_combination', cs_sitespecific_factor_16) as receptors_ssf16,
    decode('her2_overall_summary', her2_overall_summ) as her2_summary_2018,
    -- Factor 23 is the score of the assay that factor 22 names; 010 is Oncotype DX.
    filled(
        case
            when as_digits(cs_sitespecific_factor_22, 3) = '010' then as_digits(cs_sitespecific_factor_23, 3)
            when cs_sitespecific_factor_22 is not null then 'blank'
        end,
        as_text(oncotype_score_inv)
    ) as oncotype_code,
    -- treatment: surgery codes stay text, A200 and B600 are no numbers
    as_digits(rx_summ_surg_prim_site, 2) as surgery_code_to_2022,
    as_text(rx_summ_surg_prim_site_2023) as surgery_code_2023,
    as_text(rx_summ_surg_breast) as surgery_code_breast_2022,
    as_text(rx_summ_recon_breast) as reconstruction_code,
    decode('reason_no_surgery', reason_for_no_surgery) as reason_no_surgery,
    -- The item of 2012 says which operation; the older one only any or none.
    filled(
        decode('scope_regional_nodes', rx_summ_scope_reg_ln_2012),
        decode('scope_regional_nodes_collapsed', rx_summ_scope_reg_ln_sur)
    ) as scope_reg_ln,
    decode('surgical_margin', rx_summ_surgical_margins) as surgical_margin,
    decode('other_site_surgery', rx_summ_surg_oth_regdis) as other_site_surgery,
    decode('chemotherapy', rx_summ_chemo) as chemo,
    decode('drug_therapy', rx_summ_hormone) as hormone,
    decode('drug_therapy', rx_summ_immunotherapy) as immuno,
    decode('radiation_summary', rx_summ_radiation) as radiation_summary,
    decode('reason_no_radiation', reason_for_no_radiation) as radiation_reason_no,
    decode('radiation_modality', phase_i_rt_modality) as radiation_modality,
    filled(
        decode('radiation_volume_to_2016', rad_treat_vol),
        decode('radiation_volume_phase_1', phase_i_rt_volume)
    ) as radiation_volume,
    decode('systemic_surgery_sequence', rx_summ_systemic_sur_seq) as systemic_surgery_sequence,
    decode('radiation_surgery_sequence', rx_summ_surgrad_seq) as radiation_surgery_sequence,
    days_recorded(dx_rx_started_days) as days_to_treatment,
    days_status(dx_rx_started_days) as days_to_treatment_status,
    days_recorded(dx_surg_started_days) as days_to_surgery,
    days_status(dx_surg_started_days) as days_to_surgery_status,
    days_recorded(dx_defsurg_started_days) as days_to_definitive_surgery,
    days_status(dx_defsurg_started_days) as days_to_definitive_surgery_status,
    days_recorded(dx_chemo_started_days) as days_to_chemotherapy,
    days_status(dx_chemo_started_days) as days_to_chemotherapy_status,
    days_recorded(dx_hormone_started_days) as days_to_hormone_therapy,
    days_status(dx_hormone_started_days) as days_to_hormone_therapy_status,
    days_recorded(dx_immuno_started_days) as days_to_immunotherapy,
    days_status(dx_immuno_started_days) as days_to_immunotherapy_status,
    days_recorded(dx_systemic_started_days) as days_to_systemic,
    days_status(dx_systemic_started_days) as days_to_systemic_status,
    days_recorded(dx_rad_started_days) as days_to_radiation,
    days_status(dx_rad_started_days) as days_to_radiation_status,
    -- follow-up
    nullif(as_number(dx_lastcontact_death_months), 9999) as survival_months,
    case
        when as_text(dx_lastcontact_death_months) = 'blank' then 'blank'
        when as_number(dx_lastcontact_death_months) <> 9999 then 'recorded'
        when dx_lastcontact_death_months is not null then 'unknown'
    end as survival_months_status,
    decode('ncdb_vital_status', puf_vital_status) as vital_status,
    decode('ncdb_mortality_after_surgery', puf_30_day_mort_cd) as died_30_days,
    decode('ncdb_mortality_after_surgery', puf_90_day_mort_cd) as died_90_days,
    decode('ncdb_readmission', readm_hosp_30_days) as readmission
from extract
cross join submission_facts
