-- One row per tumor record of a NAACCR file, flat or XML: renamed, cast and decoded, nothing derived.
-- `extract` has the newest NAACCR XML ids as text; an item that the record type lacks is null, an empty one is 'blank'.
-- No date leaves staging but the year of diagnosis: what goes on are intervals, with their status (codebook/dates.py).
-- filled(): an item of two eras has two numbers, and one of them is filled.
-- NAACCR ids keep their capitals, so they stand in quotes.
-- sqlfluff:rules:references.quoting:ignore_words_regex:[a-zA-Z0-9]*[A-Z][a-zA-Z0-9]*
-- The codes of these items are lists of their own for each site: what they say of another cancer is not read.
with located as (
    select
        *,
        starts_with(upper(trim("primarySite")), 'C50') as of_breast
    from extract
),

of_site as (
    select
        * replace (
            if(of_breast, "gradeClinical", null) as "gradeClinical",
            if(of_breast, "gradePathological", null) as "gradePathological",
            if(of_breast, "tnmClinM", null) as "tnmClinM",
            if(of_breast, "tnmPathM", null) as "tnmPathM",
            if(of_breast, "tnmClinStageGroup", null) as "tnmClinStageGroup",
            if(of_breast, "tnmPathStageGroup", null) as "tnmPathStageGroup",
            if(of_breast, "ajccTnmClinM", null) as "ajccTnmClinM",
            if(of_breast, "ajccTnmPathM", null) as "ajccTnmPathM",
            if(of_breast, "ajccTnmClinStageGroup", null) as "ajccTnmClinStageGroup",
            if(of_breast, "ajccTnmPathStageGroup", null) as "ajccTnmPathStageGroup",
            if(of_breast, "derivedSeerCmbStgGrp", null) as "derivedSeerCmbStgGrp",
            if(of_breast, "derivedSeerCombinedM", null) as "derivedSeerCombinedM",
            if(of_breast, "derivedEod2018StageGroup", null) as "derivedEod2018StageGroup",
            if(of_breast, "derivedEod2018M", null) as "derivedEod2018M",
            if(of_breast, "csMetsAtDx", null) as "csMetsAtDx",
            if(of_breast, "eodMets", null) as "eodMets",
            if(of_breast, "csSiteSpecificFactor1", null) as "csSiteSpecificFactor1",
            if(of_breast, "csSiteSpecificFactor2", null) as "csSiteSpecificFactor2",
            if(of_breast, "csSiteSpecificFactor8", null) as "csSiteSpecificFactor8",
            if(of_breast, "csSiteSpecificFactor9", null) as "csSiteSpecificFactor9",
            if(of_breast, "csSiteSpecificFactor11", null) as "csSiteSpecificFactor11",
            if(of_breast, "csSiteSpecificFactor13", null) as "csSiteSpecificFactor13",
            if(of_breast, "csSiteSpecificFactor14", null) as "csSiteSpecificFactor14",
            if(of_breast, "csSiteSpecificFactor15", null) as "csSiteSpecificFactor15",
            if(of_breast, "csSiteSpecificFactor16", null) as "csSiteSpecificFactor16",
            if(of_breast, "csSiteSpecificFactor22", null) as "csSiteSpecificFactor22",
            if(of_breast, "csSiteSpecificFactor23", null) as "csSiteSpecificFactor23",
            if(of_breast, "tumorMarker1", null) as "tumorMarker1",
            if(of_breast, "tumorMarker2", null) as "tumorMarker2",
            if(of_breast, "estrogenReceptorSummary", null) as "estrogenReceptorSummary",
            if(of_breast, "progesteroneRecepSummary", null) as "progesteroneRecepSummary",
            if(of_breast, "her2OverallSummary", null) as "her2OverallSummary",
            if(of_breast, "oncotypeDxRecurrenceScoreInvasiv", null) as "oncotypeDxRecurrenceScoreInvasiv",
            if(of_breast, "rxSummSurgPrimSite", null) as "rxSummSurgPrimSite",
            if(of_breast, "rxSummSurgPrimSite2023", null) as "rxSummSurgPrimSite2023",
            if(of_breast, "rxSummSurgeryType", null) as "rxSummSurgeryType",
            if(of_breast, "rxSummReconBreast", null) as "rxSummReconBreast"
        )
    from located
),

fields as (
    select
        *,
        -- A patient id is unique within its registry; a hospital's own number within its hospital.
        case
            when trim("patientIdNumber", ' 0') <> ''
                then concat_ws(':', nullif(trim("registryId"), ''), trim("patientIdNumber"))
            when trim("patientSystemIdHosp", ' 0') <> ''
                then concat_ws(':', 'facility', nullif(trim("reportingFacility"), ''), trim("patientSystemIdHosp"))
            when trim("accessionNumberHosp", ' 0') <> ''
                then concat_ws(':', 'accession', nullif(trim("reportingFacility"), ''), trim("accessionNumberHosp"))
            else concat_ws('#', source_file, source_record)
        end as person,
        filled(as_digits("sequenceNumberCentral", 2), as_digits("sequenceNumberHospital", 2)) as sequence_of_either,
        decode('naaccr_vital_status', "vitalStatus") as vital_word,
        months_between_status("dateOfDiagnosis", "dateOfLastContact") as contact_status,
        months_between("dateOfDiagnosis", "dateOfLastContact") as contact_months,
        days_apart("rxDateMostDefinSurg", "dateOfLastContact") as days_after_surgery,
        -- Whole months that the registry computed to its study cutoff: only where the dates do not say, and only where
        -- the status at the cutoff (1762) is that of the last contact: a later death is no death at these months. 9999 is
        -- unknown. Items 1785 and 1787 presume alive whoever is not known to be dead: they are not read.
        case
            when decode('naaccr_vital_status', "vitalStatusRecode") = decode('naaccr_vital_status', "vitalStatus")
                then nullif(as_number("survMosActiveFollowup"), 9999)
        end as computed_months,
        decode('seer_survival_flag', "survFlagActiveFollowup") as computed_flag,
        [
            "comorbidComplication1", "comorbidComplication2", "comorbidComplication3", "comorbidComplication4",
            "comorbidComplication5", "comorbidComplication6", "comorbidComplication7", "comorbidComplication8",
            "comorbidComplication9", "comorbidComplication10"
        ] as comorbid,
        [
            "secondaryDiagnosis1", "secondaryDiagnosis2", "secondaryDiagnosis3", "secondaryDiagnosis4",
            "secondaryDiagnosis5", "secondaryDiagnosis6", "secondaryDiagnosis7", "secondaryDiagnosis8",
            "secondaryDiagnosis9", "secondaryDiagnosis10"
        ] as secondary
    from of_site
),

comorbidities as (
    select
        *,
        list_filter(
            list_transform(comorbid, lambda code: upper(replace(trim(code), '.', ''))),
            lambda code: coalesce(trim("icdRevisionComorbid"), '') <> '1'
            and regexp_matches(code, '^[0-9V]')
            and code <> '00000'
        ) as icd9_codes,
        list_filter(
            list_transform(list_concat(comorbid, secondary), lambda code: upper(replace(trim(code), '.', ''))),
            lambda code: regexp_matches(
                code, if(coalesce(trim("icdRevisionComorbid"), '') = '1', '^[A-Z]', '^[A-UW-Z]')
            )
        ) as icd10_codes
    from fields
)

select
    -- record
    submission_facts.source,
    submission_facts.release,
    source_file,
    source_record,
    person as patient_key,
    concat_ws(
        ':',
        person,
        coalesce(
            nullif(trim("tumorRecordNumber"), ''),
            'sequence ' || nullif(sequence_of_either, 'blank'),
            concat('#', source_record)
        )
    ) as tumor_key,
    as_whole("tumorRecordNumber") as record_number,
    nullif(trim("registryId"), '') as registry,
    as_text("reportingFacility") as facility_id,
    sequence_of_either as sequence_number,
    as_digits("classOfCase", 2) as class_of_case,
    as_text("typeOfReportingSource") as reporting_source,
    as_text("diagnosticConfirmation") as diagnostic_confirmation,
    -- person
    year_of("dateOfDiagnosis") as year_of_diagnosis,
    nullif(as_whole("ageAtDiagnosis"), 999) as age_years,
    nullif(as_whole("ageAtDiagnosis"), 999) = 120 as age_top_coded,
    -- Version 26 has sex assigned at birth (225) in place of sex (220).
    filled(decode('sex_code', sex), decode('naaccr_sex_at_birth', "sexAssignedAtBirth")) as sex,
    decode('race_code', race1) as race,
    decode('hispanic_origin', "spanishHispanicOrigin") as hispanic,
    decode('naaccr_marital_status', "maritalStatusAtDx") as marital_status,
    decode('naaccr_primary_payer', "primaryPayerAtDx") as payer,
    filled(
        decode('naaccr_rural_urban_continuum', "ruralurbanContinuum2013"),
        filled(
            decode('naaccr_rural_urban_continuum', "ruralurbanContinuum2003"),
            decode('naaccr_rural_urban_continuum', "ruralurbanContinuum1993")
        )
    ) as rurality,
    -- Codes only; the score is a derivation. ICD-10-CM begins with a letter, the ICD-9-CM of diseases with a digit or with
    -- V, which ICD-10-CM has for accidents alone. Zeros are "none" only where no code is filled.
    case
        when list_count(comorbid) = 0 then null
        when list_count(icd9_codes) > 0 then array_to_string(icd9_codes, '|')
        when coalesce(trim("comorbidComplication1"), '') = '00000' then 'none'
        else 'blank'
    end as comorbidity_icd9,
    case
        when list_count(comorbid) + list_count(secondary) = 0 then null
        when list_count(icd10_codes) > 0 then array_to_string(icd10_codes, '|')
        when coalesce(trim("secondaryDiagnosis1"), '') in ('0000000', '00000') then 'none'
        else 'blank'
    end as comorbidity_icd10,
    -- tumor
    as_text(upper("primarySite")) as primary_site,
    decode('laterality', laterality) as laterality,
    as_text("histologicTypeIcdO3") as histology,
    decode('behavior', "behaviorCodeIcdO3") as behavior,
    decode('grade_to_2017', grade) as grade,
    decode('grade_from_2018', "gradeClinical") as grade_clinical,
    decode('grade_from_2018', "gradePathological") as grade_pathologic,
    -- Extent-of-disease sizes of 1988-2003 in the codes of 2004-2015: 001 a focus, 002 seen by mammography only.
    filled(
        as_digits("csTumorSize", 3),
        case as_digits("eodTumorSize", 3)
            when '001' then '990'
            when '002' then '996'
            else as_digits("eodTumorSize", 3)
        end
    ) as tumor_size_code,
    as_digits("tumorSizeSummary", 3) as tumor_size_summary_code,
    case when as_whole("regionalNodesPositive") <= 90 then as_whole("regionalNodesPositive") end as nodes_positive,
    case
        when as_text("regionalNodesPositive") = 'blank' then 'blank'
        when as_whole("regionalNodesPositive") <= 90 then 'counted'
        when as_whole("regionalNodesPositive") in (95, 97) then 'positive_no_count'
        when as_whole("regionalNodesPositive") = 98 then 'none_examined'
        when "regionalNodesPositive" is not null then 'unknown'
    end as nodes_positive_status,
    case when as_whole("regionalNodesExamined") <= 90 then as_whole("regionalNodesExamined") end as nodes_examined,
    case
        when as_text("regionalNodesExamined") = 'blank' then 'blank'
        when as_whole("regionalNodesExamined") <= 90 then 'counted'
        when as_whole("regionalNodesExamined") = 95 then 'aspiration_only'
        when as_whole("regionalNodesExamined") in (96, 97, 98) then 'removed_no_count'
        when "regionalNodesExamined" is not null then 'unknown'
    end as nodes_examined_status,
    -- AJCC 8th from 2018 (1001-1014). The post-therapy items 1021-1024 and 1062-1067 are not read: yp and yc never downstage.
    filled(as_text("tnmClinT"), as_text("ajccTnmClinT")) as clinical_t,
    filled(as_text("tnmClinN"), as_text("ajccTnmClinN")) as clinical_n,
    filled(as_text("tnmPathT"), as_text("ajccTnmPathT")) as pathologic_t,
    filled(as_text("tnmPathN"), as_text("ajccTnmPathN")) as pathologic_n,
    filled(decode('m_category', "tnmClinM"), decode('m_category', "ajccTnmClinM")) as clinical_m,
    filled(decode('m_category', "tnmPathM"), decode('m_category', "ajccTnmPathM")) as pathologic_m,
    as_digits("tnmEditionNumber", 2) as tnm_edition,
    -- Item 970, at column 970 to version 16 and 1077 in version 18.
    filled(
        decode('naaccr_stage_group', "tnmClinStageGroup"),
        decode('naaccr_stage_group', "ajccTnmClinStageGroup")
    ) as clinical_stage_group,
    filled(
        decode('naaccr_stage_group', "tnmPathStageGroup"),
        decode('naaccr_stage_group', "ajccTnmPathStageGroup")
    ) as pathologic_stage_group,
    decode('naaccr_pathologic_descriptor', "tnmPathDescriptor") as pathologic_after_therapy,
    decode('naaccr_derived_stage_ajcc6', "derivedAjcc6StageGrp") as stage_ajcc6_derived,
    decode('naaccr_derived_stage_ajcc7', "derivedAjcc7StageGrp") as stage_ajcc7_derived,
    decode('naaccr_stage_group', "derivedSeerCmbStgGrp") as stage_combined_2016,
    decode('naaccr_stage_group', "derivedEod2018StageGroup") as stage_eod_2018,
    decode('naaccr_derived_m_ajcc6', "derivedAjcc6M") as m_ajcc6_derived,
    decode('naaccr_derived_m_ajcc7', "derivedAjcc7M") as m_ajcc7_derived,
    decode('naaccr_derived_m_category', "derivedSeerCombinedM") as m_combined_2016,
    decode('naaccr_derived_m_category', "derivedEod2018M") as m_eod_2018,
    filled(
        filled(as_text("derivedEod2018T"), as_text("derivedSeerCombinedT")),
        filled(
            decode('naaccr_derived_t_ajcc7', "derivedAjcc7T"), decode('naaccr_derived_t_ajcc6', "derivedAjcc6T")
        )
    ) as derived_t,
    filled(
        filled(as_text("derivedEod2018N"), as_text("derivedSeerCombinedN")),
        filled(
            decode('naaccr_derived_n_ajcc7', "derivedAjcc7N"), decode('naaccr_derived_n_ajcc6', "derivedAjcc6N")
        )
    ) as derived_n,
    -- The newest summary that is filled: 2018, 2000, 1977; as abstracted before as derived.
    filled(
        filled(
            decode('naaccr_summary_stage', "summaryStage2018"),
            decode('naaccr_summary_stage', "derivedSummaryStage2018")
        ),
        filled(
            filled(
                decode('naaccr_summary_stage', "seerSummaryStage2000"),
                decode('naaccr_summary_stage', "derivedSs2000")
            ),
            filled(
                decode('naaccr_summary_stage', "seerSummaryStage1977"),
                decode('naaccr_summary_stage', "derivedSs1977")
            )
        )
    ) as summary_stage,
    decode('cs_metastasis_at_diagnosis', "csMetsAtDx") as cs_mets_at_dx,
    decode('seer_eod_mets', "eodMets") as eod_mets,
    -- 1112-1117 from 2016; 2851-2854 for 2010 to 2015.
    filled(
        decode('metastasis_flag', "metsAtDxBone"), decode('metastasis_flag', "csMetsAtDxBone")
    ) as mets_bone,
    filled(
        decode('metastasis_flag', "metsAtDxBrain"), decode('metastasis_flag', "csMetsAtDxBrain")
    ) as mets_brain,
    filled(
        decode('metastasis_flag', "metsAtDxLiver"), decode('metastasis_flag', "csMetsAtDxLiver")
    ) as mets_liver,
    filled(
        decode('metastasis_flag', "metsAtDxLung"), decode('metastasis_flag', "csMetsAtDxLung")
    ) as mets_lung,
    decode('metastasis_flag', "metsAtDxDistantLn") as mets_distant_ln,
    decode('metastasis_other_flag', "metsAtDxOther") as mets_other,
    decode('naaccr_tumor_marker', "tumorMarker1") as er_marker,
    decode('ssf_receptor', "csSiteSpecificFactor1") as er_ssf1,
    decode('receptor_summary', "estrogenReceptorSummary") as er_summary,
    decode('naaccr_tumor_marker', "tumorMarker2") as pr_marker,
    decode('ssf_receptor', "csSiteSpecificFactor2") as pr_ssf2,
    decode('receptor_summary', "progesteroneRecepSummary") as pr_summary,
    decode('ssf_her2', "csSiteSpecificFactor15") as her2_ssf15,
    decode('ssf_her2_ihc_score', "csSiteSpecificFactor8") as her2_ihc_score_ssf8,
    decode('ssf_her2', "csSiteSpecificFactor9") as her2_ihc_ssf9,
    decode('ssf_her2', "csSiteSpecificFactor11") as her2_fish_ssf11,
    decode('ssf_her2', "csSiteSpecificFactor13") as her2_cish_ssf13,
    decode('ssf_her2', "csSiteSpecificFactor14") as her2_other_ssf14,
    decode('ssf_receptor_combination', "csSiteSpecificFactor16") as receptors_ssf16,
    decode('her2_overall_summary', "her2OverallSummary") as her2_summary_2018,
    -- Factor 23 is the score of the assay that factor 22 names; 010 is Oncotype DX.
    filled(
        case
            when trim("csSiteSpecificFactor22") = '010' then as_digits("csSiteSpecificFactor23", 3)
            when "csSiteSpecificFactor22" is not null then 'blank'
        end,
        as_digits("oncotypeDxRecurrenceScoreInvasiv", 3)
    ) as oncotype_code,
    -- treatment: surgery codes stay text, A200 and B600 are no numbers. Item 1646 (diagnoses of 1998 to 2002) has codes of
    -- an older list, in which the same digits are other operations: it is not read, and the reason item (1340) speaks.
    as_digits("rxSummSurgPrimSite", 2) as surgery_code_to_2022,
    as_text("rxSummSurgPrimSite2023") as surgery_code_2023,
    as_digits("rxSummSurgeryType", 2) as surgery_code_pre_1998,
    as_text("rxSummReconBreast") as reconstruction_code,
    decode('reason_no_surgery', "reasonForNoSurgery") as reason_no_surgery,
    decode('scope_regional_nodes', "rxSummScopeRegLnSur") as scope_reg_ln,
    decode('naaccr_surgical_margin', "rxSummSurgicalMargins") as surgical_margin,
    decode('other_site_surgery', "rxSummSurgOthRegDis") as other_site_surgery,
    decode('chemotherapy', "rxSummChemo") as chemo,
    decode('drug_therapy', "rxSummHormone") as hormone,
    decode('drug_therapy', "rxSummBrm") as immuno,
    decode('naaccr_radiation_summary', "rxSummRadiation") as radiation_summary,
    decode('reason_no_radiation', "reasonForNoRadiation") as radiation_reason_no,
    case
        when
            'given' in (
                decode('radiation_modality', "phase1RadiationTreatmentModality"),
                decode('radiation_modality', "phase2RadiationTreatmentModality"),
                decode('radiation_modality', "phase3RadiationTreatmentModality")
            )
            then 'given'
        else decode('radiation_modality', "phase1RadiationTreatmentModality")
    end as radiation_modality,
    filled(
        decode('radiation_volume_phase_1', "phase1RadiationPrimaryTxVolume"),
        decode('radiation_volume_to_2016', "radTreatmentVolume")
    ) as radiation_volume,
    decode('systemic_surgery_sequence', "rxSummSystemicSurSeq") as systemic_surgery_sequence,
    decode('radiation_surgery_sequence', "rxSummSurgRadSeq") as radiation_surgery_sequence,
    coalesce(
        days_between("dateOfDiagnosis", "dateInitialRxSeer"), days_between("dateOfDiagnosis", "date1stCrsRxCoc")
    ) as days_to_treatment,
    case
        when days_between("dateOfDiagnosis", "date1stCrsRxCoc") is not null then 'recorded'
        else
            filled(
                days_between_status("dateOfDiagnosis", "dateInitialRxSeer", "dateInitialRxSeerFlag"),
                days_between_status("dateOfDiagnosis", "date1stCrsRxCoc", "date1stCrsRxCocFlag")
            )
    end as days_to_treatment_status,
    days_between("dateOfDiagnosis", "rxDateSurgery") as days_to_surgery,
    days_between_status("dateOfDiagnosis", "rxDateSurgery", "rxDateSurgeryFlag") as days_to_surgery_status,
    days_between("dateOfDiagnosis", "rxDateMostDefinSurg") as days_to_definitive_surgery,
    days_between_status("dateOfDiagnosis", "rxDateMostDefinSurg", "rxDateMostDefinSurgFlag")
        as days_to_definitive_surgery_status,
    days_between("dateOfDiagnosis", "rxDateChemo") as days_to_chemotherapy,
    days_between_status("dateOfDiagnosis", "rxDateChemo", "rxDateChemoFlag") as days_to_chemotherapy_status,
    days_between("dateOfDiagnosis", "rxDateHormone") as days_to_hormone_therapy,
    days_between_status("dateOfDiagnosis", "rxDateHormone", "rxDateHormoneFlag") as days_to_hormone_therapy_status,
    days_between("dateOfDiagnosis", "rxDateBrm") as days_to_immunotherapy,
    days_between_status("dateOfDiagnosis", "rxDateBrm", "rxDateBrmFlag") as days_to_immunotherapy_status,
    days_between("dateOfDiagnosis", "rxDateSystemic") as days_to_systemic,
    days_between_status("dateOfDiagnosis", "rxDateSystemic", "rxDateSystemicFlag") as days_to_systemic_status,
    days_between("dateOfDiagnosis", "rxDateRadiation") as days_to_radiation,
    days_between_status("dateOfDiagnosis", "rxDateRadiation", "rxDateRadiationFlag") as days_to_radiation_status,
    -- follow-up. Who came to a hospital after her first course of treatment (class of case 30 to 49) is in its file
    -- because she lived to come: she is watched from her first contact there on. Everyone else from diagnosis.
    case
        when as_digits("classOfCase", 2) between '30' and '49'
            then months_between("dateOfDiagnosis", "dateOf1stContact")
        else 0.0
    end as entry_months,
    case
        when contact_status = 'negative_interval' then null
        else coalesce(contact_months, computed_months)
    end as survival_months,
    case
        when contact_status = 'negative_interval' or contact_months is not null then contact_status
        when computed_months is not null then 'recorded'
        else contact_status
    end as survival_months_status,
    -- SEER's words for what the dates allow (items 1783, 1786); the registry's own flag where its own months stand.
    case
        when computed_flag = 'not_calculated' then 'not_calculated'
        when contact_status = 'recorded' and contact_months = 0 then 'complete_zero_days'
        when contact_status = 'recorded' then 'complete'
        when contact_status = 'month_precision' and contact_months = 0 then 'could_be_zero'
        when contact_status = 'month_precision' then 'incomplete_not_zero'
        when contact_status <> 'negative_interval' and computed_months is not null then nullif(computed_flag, 'blank')
        when contact_status is not null then 'unknown'
    end as survival_flag,
    vital_word as vital_status,
    decode('seer_cause_specific', "seerCauseSpecificCod") as cause_specific,
    decode('seer_other_cause', "seerOtherCod") as other_cause,
    as_text(upper(replace("causeOfDeath", '.', ''))) as cause_of_death,
    decode('naaccr_icd_revision', "icdRevisionNumber") as cause_of_death_revision,
    case
        when "rxDateMostDefinSurg" is null or "dateOfLastContact" is null then null
        when days_after_surgery < 0 or vital_word not in ('dead', 'alive') then 'unknown'
        when days_after_surgery <= 30 and vital_word = 'dead' then 'yes'
        when days_after_surgery >= 30 then 'no'
        when trim("rxDateMostDefinSurg") = '' then 'blank'
        else 'unknown'
    end as died_30_days,
    case
        when "rxDateMostDefinSurg" is null or "dateOfLastContact" is null then null
        when days_after_surgery < 0 or vital_word not in ('dead', 'alive') then 'unknown'
        when days_after_surgery <= 90 and vital_word = 'dead' then 'yes'
        when days_after_surgery >= 90 then 'no'
        when trim("rxDateMostDefinSurg") = '' then 'blank'
        else 'unknown'
    end as died_90_days,
    decode('ncdb_readmission', "readmSameHosp30Days") as readmission,
    -- recurrence: the item holds the first one and is not updated
    decode('naaccr_recurrence_type', "recurrenceType1st") as recurrence_type,
    months_between("dateOfDiagnosis", "recurrenceDate1st") as months_to_first_recurrence,
    case
        when decode('naaccr_recurrence_type', "recurrenceType1st") in ('distant', 'distant_after_in_situ')
            then months_between("dateOfDiagnosis", "recurrenceDate1st")
    end as months_to_distant_recurrence,
    months_between_status("dateOfDiagnosis", "recurrenceDate1st") as recurrence_date_status
from comorbidities
cross join submission_facts
